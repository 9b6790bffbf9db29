//! The index by which people and groups are found who have a text, or one that contains another ([`crate::filter_sql::pieces`]).
//!
//! It follows when somebody searches: a directory that nobody searches has none, and no change waits for it. For each instance
//! `texts_known` says up to which id it is; triggers note in `texts_stale` who came, changed or went below that. A search takes as
//! candidates whom the index has, whoever is stale, and whoever is beyond: so it finds whom it would find without an index, in the
//! same statement's moment. When there are many of the latter, the search asks for them to be brought in ([`Texts::follow`]): on a
//! thread of its own, slice by slice, each in a short transaction.
//!
//! Deliberately absent is an index that each change keeps itself: it costs several times as much, as FTS5 writes for each change by
//! itself what it writes once for hundreds.

use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use diesel::sql_types::{BigInt, Binary, Text};
use diesel::{QueryResult, QueryableByName};
use scim_directory::InstanceId;
use uuid::Uuid;

use super::writer::begin;
use crate::connection::Connection;
use crate::filter_sql::{Mark, Pieces, marks};
use crate::slices::Slices;
use crate::sql::{Id, Number, Statement};

/// Searches look at so many that are not in it.
const MANY: i64 = 128;
/// Instances that wait.
const WAITING: usize = 64;
/// How long it waits for others who write.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long they have between two slices: whoever waits asks every two milliseconds ([`begin`]).
const PAUSE: Duration = Duration::from_millis(5);

#[derive(QueryableByName)]
struct Found {
    #[diesel(sql_type = BigInt)]
    place: i64,
    #[diesel(sql_type = Binary)]
    instance_id: Vec<u8>,
    #[diesel(sql_type = Text)]
    resource_type: String,
    #[diesel(sql_type = Binary)]
    id: Vec<u8>,
    #[diesel(sql_type = Text)]
    shadow: String,
}

#[derive(QueryableByName)]
struct Place {
    #[diesel(sql_type = BigInt)]
    place: i64,
}

const FOUND: &str = "SELECT place, instance_id, resource_type, id, json(shadow) AS shadow FROM resources ";

/// That a record `r` is among those whom the index has for such pieces, or not in it.
pub(crate) fn among(instance: &[u8], pieces: &Pieces) -> Statement {
    Statement::new(
        "r.place IN (SELECT rowid FROM texts WHERE texts MATCH ? \
         UNION ALL SELECT s.place FROM texts_stale s WHERE s.instance_id = ? \
         UNION ALL SELECT x.place FROM resources x INDEXED BY resources_by_id WHERE x.instance_id = ? \
         AND x.id > coalesce((SELECT t.up_to FROM texts_known t WHERE t.instance_id = ?), x''))",
    )
    .text(asked(pieces))
    .blob(instance)
    .blob(instance)
    .blob(instance)
}

/// What FTS5 is asked for, in its words.
fn asked(pieces: &Pieces) -> String {
    let joined =
        |all: &[Pieces], word: &str| format!("({})", all.iter().map(asked).collect::<Vec<_>>().join(word));
    match pieces {
        Pieces::One(mark) => format!("\"{}\"", word(*mark)),
        Pieces::All(all) => joined(all, " AND "),
        Pieces::Any(any) => joined(any, " OR "),
    }
}

/// A mark as FTS5 takes it for one word: eight letters and digits, 40 bits.
fn word(Mark(mark): Mark) -> String {
    const LETTERS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let letter =
        |place: usize| LETTERS.get(usize::try_from(mark >> (24 + 5 * place)).unwrap_or_default() % 32);
    (0..8).filter_map(letter).map(|letter| char::from(*letter)).collect()
}

/// Whether many of an instance are not in the index.
pub(crate) fn is_behind(connection: &mut Connection, instance: &[u8]) -> QueryResult<bool> {
    let missing = Statement::kept(
        "SELECT (SELECT count(*) FROM (SELECT 1 FROM texts_stale WHERE instance_id = ? LIMIT ?)) + \
         (SELECT count(*) FROM (SELECT 1 FROM resources x INDEXED BY resources_by_id WHERE x.instance_id = ? \
         AND x.id > coalesce((SELECT up_to FROM texts_known WHERE instance_id = ?), x'') LIMIT ?)) AS n",
    )
    .blob(instance)
    .integer(MANY)
    .blob(instance)
    .blob(instance)
    .integer(MANY)
    .row::<Number>(connection)?;
    Ok(missing.is_some_and(|missing| missing.n >= MANY))
}

/// Forgets what the index has of anybody; searches bring them in again.
pub(crate) fn forget(connection: &mut Connection) -> QueryResult<()> {
    let known = Statement::kept("SELECT count(*) AS n FROM (SELECT 1 FROM texts_known LIMIT 1)");
    if known.row::<Number>(connection)?.is_none_or(|known| known.n == 0) {
        return Ok(());
    }
    for text in [
        "INSERT INTO texts (texts) VALUES ('delete-all')",
        "DELETE FROM texts_known",
        "DELETE FROM texts_stale",
    ] {
        Statement::new(text).run(connection)?;
    }
    Ok(())
}

fn up_to(connection: &mut Connection, instance: &[u8]) -> QueryResult<Option<Vec<u8>>> {
    let known = Statement::kept("SELECT up_to AS id FROM texts_known WHERE instance_id = ?");
    Ok(known.blob(instance).row::<Id>(connection)?.map(|known| known.id))
}

/// Writes what the index is to have at a place.
fn put(connection: &mut Connection, found: &Found) -> QueryResult<()> {
    let instance = InstanceId::new(Uuid::from_slice(&found.instance_id).unwrap_or_default());
    // What cannot be read has no text, as it has none for filters.
    let shadow = serde_json::from_str(&found.shadow).unwrap_or_default();
    let words: Vec<String> = marks(instance, &found.resource_type, &shadow).into_iter().map(word).collect();
    Statement::kept("INSERT OR REPLACE INTO texts (rowid, text) VALUES (?, ?)")
        .integer(found.place)
        .text(words.join(" "))
        .run(connection)?;
    Ok(())
}

/// Brings in so many of an instance, within a transaction; whether there may be more.
fn slice(connection: &mut Connection, instance: &[u8], slices: Slices) -> QueryResult<bool> {
    let stale: Vec<Place> =
        Statement::kept("SELECT place FROM texts_stale WHERE instance_id = ? ORDER BY place LIMIT ?")
            .blob(instance)
            .integer(slices.limit())
            .rows(connection)?;
    for Place { place } in &stale {
        Statement::kept("DELETE FROM texts WHERE rowid = ?").integer(*place).run(connection)?;
        // The place may be another's by now, of another instance, who is stale or beyond there, or in it.
        let found =
            Statement::kept(format!("{FOUND} WHERE place = ?")).integer(*place).row::<Found>(connection)?;
        if let Some(found) = found {
            let known = up_to(connection, &found.instance_id)?;
            if known.is_some_and(|known| found.id <= known) {
                put(connection, &found)?;
            }
        }
        Statement::kept("DELETE FROM texts_stale WHERE instance_id = ? AND place = ?")
            .blob(instance)
            .integer(*place)
            .run(connection)?;
    }
    let from = up_to(connection, instance)?.unwrap_or_default();
    let beyond: Vec<Found> = Statement::kept(format!(
        "{FOUND} INDEXED BY resources_by_id WHERE instance_id = ? AND id > ? ORDER BY id LIMIT ?"
    ))
    .blob(instance)
    .blob(from)
    .integer(slices.limit())
    .rows(connection)?;
    for found in &beyond {
        put(connection, found)?;
    }
    if let Some(last) = beyond.last() {
        Statement::kept(
            "INSERT INTO texts_known (instance_id, up_to) VALUES (?, ?) \
             ON CONFLICT (instance_id) DO UPDATE SET up_to = excluded.up_to",
        )
        .blob(instance)
        .blob(&last.id)
        .run(connection)?;
    }
    Ok(stale.len() == slices.size() || beyond.len() == slices.size())
}

/// The way to the thread that brings people into the index. Dropping it ends the thread with the slice that it is at.
#[derive(Debug)]
pub(crate) struct Texts {
    // `None` only while it is dropped.
    queue: Option<SyncSender<InstanceId>>,
    thread: Option<JoinHandle<()>>,
}

impl Texts {
    /// Starts the thread.
    pub(crate) fn start(connection: Connection) -> std::io::Result<Self> {
        let (queue, waiting) = sync_channel(WAITING);
        let thread = thread::Builder::new()
            .name("sqlite-texts".to_owned())
            .spawn(move || follow(connection, &waiting))?;
        Ok(Self { queue: Some(queue), thread: Some(thread) })
    }

    /// Has an instance brought in. Where too many wait, the next search asks again.
    pub(crate) fn follow(&self, instance: InstanceId) {
        if let Some(queue) = &self.queue {
            let _ = queue.try_send(instance);
        }
    }
}

impl Drop for Texts {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            log::error!("the thread that keeps the index of texts panicked");
        }
    }
}

fn follow(mut connection: Connection, queue: &Receiver<InstanceId>) {
    while let Ok(instance) = queue.recv() {
        let mut waiting = vec![instance];
        while let Some(instance) = waiting.pop() {
            let mut slices = Slices::new();
            loop {
                // Searches ask for the same again while this runs.
                loop {
                    match queue.try_recv() {
                        Ok(other) if other == instance || waiting.contains(&other) => {}
                        Ok(other) => waiting.push(other),
                        Err(TryRecvError::Empty) => break,
                        Err(TryRecvError::Disconnected) => return,
                    }
                }
                match brought(&mut connection, instance, slices) {
                    Ok((true, time)) => {
                        slices.took(time);
                        thread::sleep(PAUSE);
                    }
                    Ok((false, _)) => break,
                    Err(error) => {
                        let _ = connection.batch("ROLLBACK");
                        log::warn!("the index of texts does not follow; searches look further: {error}");
                        break;
                    }
                }
            }
        }
    }
}

/// Brings in a slice; whether there may be more, and how long others could not write.
fn brought(
    connection: &mut Connection,
    instance: InstanceId,
    slices: Slices,
) -> QueryResult<(bool, Duration)> {
    begin(connection, PATIENCE)?;
    let begun = Instant::now();
    let more = slice(connection, instance.uuid().as_bytes(), slices)?;
    connection.batch("COMMIT")?;
    Ok((more, begun.elapsed()))
}
