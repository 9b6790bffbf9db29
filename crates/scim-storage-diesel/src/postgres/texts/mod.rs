//! The index by which people and groups are found who have a text, or one that contains another ([`crate::filter_sql::Pieces`]).
//!
//! It follows when somebody searches: a directory that nobody searches has none, and its changes cost nothing. The table `texts` has
//! the marks of each record, `texts_known` says up to which id an instance's index was made, and from the moment that it stands there a
//! trigger notes in `texts_stale`, in the transaction of the change itself, who came, changed or went. A search takes as candidates whom
//! `texts` has, whoever is stale and whoever is beyond (the function `texts_among`, in the search's own statement and moment), and the
//! filter decides on each: so it finds whom it would find without an index.
//!
//! Why nobody is missed, whatever commits when, and however many nodes follow:
//!
//! - **Nothing goes unnoted.** Each change set holds its instance's lock from its first statement until after its end. The row of
//!   `texts_known` is written under that lock, taken alone: who changed something before has ended and is read by whoever makes the
//!   index, and whoever comes after finds the row, and notes. Ids and the order of commits play no part.
//! - **A note goes only with what it is about.** Each note has a random `change`, new with every change of the record. A follower reads
//!   notes and records in one statement. The one that writes their marks takes only notes that still have the same change: then
//!   the record is as it was read. Notes of those beyond `up_to` stay until it has passed them.
//! - **`up_to` only rises**, and only from the value that a follower's slice was read at; of two with the same slice one is in vain.
//! - Each of these is one statement, which waits for nobody that writes (`SKIP LOCKED`) and commits by itself. Who dies in between
//!   leaves nothing.
//!
//! No session state, so a pooler in between makes no difference. Searches do not ask whether the index is behind: this thread looks, a
//! few times a second while an instance is searched.
//!
//! Deliberately absent is an index that each change keeps itself: a create would write a hundred and fifty entries more.

mod candidates;

use std::collections::HashMap;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Binary, Nullable, Text};
use scim_directory::InstanceId;
use scim_storage::StoreError;

use super::link::{Target, Trouble};
use super::locks::instance as lock_of;
use super::workers::{Down, Worker};
use crate::connection::Connection;
use crate::error::store_error;
use crate::filter_sql::marks;
use crate::slices::Slices;
use crate::sql::{Bind, Number, Statement};

pub(crate) use candidates::among;

/// Instances of fewer records get no index: they are read as quickly without.
const FEW: i64 = 128;
/// How often it is looked whether the index of an instance that is searched is behind.
const OFTEN: Duration = Duration::from_millis(200);
/// The same where it could not follow.
const LATER: Duration = Duration::from_secs(2);
/// Instances that wait.
const WAITING: usize = 64;
/// Above every id.
const ABOVE_ALL: [u8; 17] = [0xff; 17];

/// How an index stands: up to where it was made, and whether there are enough records for one.
const STANDING: &str = "SELECT (SELECT k.up_to FROM texts_known k WHERE k.instance_id = $1) AS up_to, \
    (SELECT count(*) FROM (SELECT 1 FROM resources r WHERE r.instance_id = $1 LIMIT $2) m) AS records";
/// One node at a time makes an index, as long as it shows that it goes on: others would only do the same again.
const CLAIM: &str = "UPDATE texts_known SET busy_ms = CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT) + 10000 \
    WHERE instance_id = $1 AND busy_ms < extract(epoch FROM clock_timestamp()) * 1000";
/// The next records that are not in it.
const BEYOND: &str = "SELECT r.id, CAST(NULL AS BYTEA) AS change, r.resource_type, r.shadow::text AS shadow FROM resources r \
    WHERE r.instance_id = $1 AND r.id > $2 ORDER BY r.id LIMIT $3";
/// Brings them in, where it is still made up to there; whether it was.
const BRING: &str = "WITH moved AS (UPDATE texts_known SET up_to = $3, \
    busy_ms = CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT) + 10000 \
    WHERE instance_id = $1 AND up_to = $2 RETURNING 1), \
    put AS (INSERT INTO texts (instance_id, id, marks) SELECT $1, c.id, CAST(c.marks AS BIGINT[]) FROM unnest($4, $5) AS c (id, marks) \
    WHERE c.marks IS NOT NULL AND EXISTS (SELECT 1 FROM moved) \
    ON CONFLICT (instance_id, id) DO UPDATE SET marks = excluded.marks) \
    SELECT count(*) AS n FROM moved";
/// The next notes of those who are in it or were passed, with the records as they are now.
const STALE: &str = "SELECT s.id, s.change, r.resource_type, r.shadow::text AS shadow FROM (SELECT n.id, n.change FROM texts_stale n \
    WHERE n.instance_id = $1 AND n.id > $2 AND n.id <= (SELECT k.up_to FROM texts_known k WHERE k.instance_id = $1) \
    ORDER BY n.id LIMIT $3) s LEFT JOIN LATERAL (SELECT x.resource_type, x.shadow FROM resources x \
    WHERE x.instance_id = $1 AND x.id = s.id LIMIT 1) r ON TRUE ORDER BY s.id";
/// Takes those notes that are still the same, and writes what the records have.
const SETTLE: &str = "WITH taken AS MATERIALIZED (SELECT c.id, c.marks, s.place FROM unnest($2, $3, $4) AS c (id, change, marks) \
    INNER JOIN LATERAL (SELECT n.ctid AS place FROM texts_stale n WHERE n.instance_id = $1 AND n.id = c.id AND n.change = c.change \
    LIMIT 1 FOR UPDATE SKIP LOCKED) s ON TRUE), \
    settled AS (DELETE FROM texts_stale WHERE ctid = ANY (ARRAY(SELECT t.place FROM taken t))), \
    gone AS (DELETE FROM texts WHERE instance_id = $1 AND id = ANY (ARRAY(SELECT t.id FROM taken t WHERE t.marks IS NULL))) \
    INSERT INTO texts AS o (instance_id, id, marks) SELECT $1, t.id, CAST(t.marks AS BIGINT[]) FROM taken t WHERE t.marks IS NOT NULL \
    ON CONFLICT (instance_id, id) DO UPDATE SET marks = excluded.marks WHERE o.marks <> excluded.marks";
/// What was written last is sorted into the index here, so that no search has to read through it.
const SORT_IN: &str = "SELECT gin_clean_pending_list('texts_by_mark') AS n";

#[derive(QueryableByName)]
struct Standing {
    #[diesel(sql_type = Nullable<Binary>)]
    up_to: Option<Vec<u8>>,
    #[diesel(sql_type = BigInt)]
    records: i64,
}

/// A record that is to be brought in, or the note of one that may be gone.
#[derive(QueryableByName)]
struct Due {
    #[diesel(sql_type = Binary)]
    id: Vec<u8>,
    #[diesel(sql_type = Nullable<Binary>)]
    change: Option<Vec<u8>>,
    #[diesel(sql_type = Nullable<Text>)]
    resource_type: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    shadow: Option<String>,
}

impl Due {
    /// What the index is to have of it, as PostgreSQL writes arrays; `None` where that is nothing.
    fn marks(&self, instance: InstanceId) -> Option<String> {
        // What cannot be read has no text, as it has none for filters.
        let shadow = serde_json::from_str(self.shadow.as_deref()?).unwrap_or_default();
        let marks = marks(instance, self.resource_type.as_deref()?, &shadow);
        let mut array = String::with_capacity(2 + 21 * marks.len());
        for mark in &marks {
            array.push(if array.is_empty() { '{' } else { ',' });
            array.push_str(&mark.0.cast_signed().to_string());
        }
        array.push('}');
        (!marks.is_empty()).then_some(array)
    }
}

/// What is known of the index of an instance that was searched.
#[derive(Clone, Copy)]
struct Seen {
    /// Whether it was complete but for what is stale, when the thread looked last.
    made: bool,
    /// When it is looked after again.
    due: Instant,
}

type Known = Mutex<HashMap<InstanceId, Seen>>;

fn lock(known: &Known) -> MutexGuard<'_, HashMap<InstanceId, Seen>> {
    known.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The way to the thread that brings people into the index. It ends when this is dropped, with the slice that it is at.
pub(super) struct Texts {
    queue: SyncSender<InstanceId>,
    known: Arc<Known>,
}

impl Texts {
    /// Starts the thread. It connects when it is needed.
    pub(super) fn start(target: &Target) -> std::io::Result<Self> {
        let (queue, waiting) = sync_channel(WAITING);
        let known = Arc::new(Known::default());
        let worker = Worker::new(&Arc::new(target.clone()), &Down::default());
        let mut follower = Follower { worker, queue: waiting, known: Arc::clone(&known), sorts_in: true };
        thread::Builder::new().name("postgres-texts".to_owned()).spawn(move || follower.work())?;
        Ok(Self { queue, known })
    }

    /// Somebody searches an instance: has the index looked after, and says whether there is one.
    pub(super) fn searched(&self, instance: InstanceId) -> bool {
        let now = Instant::now();
        let mut known = lock(&self.known);
        let seen = known.entry(instance).or_insert(Seen { made: false, due: now });
        // Where too many wait, the next search asks again.
        if now >= seen.due && self.queue.try_send(instance).is_ok() {
            seen.due = now + OFTEN;
        }
        seen.made
    }
}

struct Follower {
    worker: Worker,
    queue: Receiver<InstanceId>,
    known: Arc<Known>,
    /// Whether it may sort in what was written last.
    sorts_in: bool,
}

/// The instances that were asked for wait no more: this ends.
struct Ended;

impl Follower {
    fn work(&mut self) {
        let mut waiting = Vec::new();
        loop {
            if waiting.is_empty() {
                match self.queue.recv() {
                    Ok(instance) => waiting.push(instance),
                    Err(_) => return,
                }
            }
            if self.gather(&mut waiting).is_err() {
                return;
            }
            let Some(instance) = waiting.pop() else { continue };
            let (made, pause) = match self.follow(instance, &mut waiting) {
                Ok(made) => (made, OFTEN),
                Err(None) => return,
                Err(Some(error)) => {
                    log::warn!("the index of texts does not follow; searches look further: {error}");
                    (false, LATER)
                }
            };
            lock(&self.known).insert(instance, Seen { made, due: Instant::now() + pause });
        }
    }

    /// Takes note of who waits.
    fn gather(&self, waiting: &mut Vec<InstanceId>) -> Result<(), Ended> {
        loop {
            match self.queue.try_recv() {
                Ok(instance) if waiting.contains(&instance) => {}
                Ok(instance) => waiting.insert(0, instance),
                Err(TryRecvError::Empty) => return Ok(()),
                Err(TryRecvError::Disconnected) => return Err(Ended),
            }
        }
    }

    /// Brings an instance in; whether its index is made. No error is that this is to end.
    fn follow(
        &mut self,
        instance: InstanceId,
        waiting: &mut Vec<InstanceId>,
    ) -> Result<bool, Option<StoreError>> {
        let id = instance.uuid().into_bytes();
        let standing = Statement::of_postgres(STANDING).blob(id).integer(FEW);
        let standing = self.rows::<Standing>(standing)?.pop();
        let Some(Standing { up_to, records }) = standing else { return Ok(false) };
        let up_to = match up_to {
            Some(up_to) => up_to,
            None if records < FEW => return Ok(false),
            None if self.begin(instance)? => Vec::new(),
            None => return Ok(false),
        };
        let mut wrote = false;
        if up_to != ABOVE_ALL {
            if self.run(Statement::of_postgres(CLAIM).blob(id))? == 0 {
                return Ok(false);
            }
            wrote = true;
            if !self.make(instance, up_to, waiting)? {
                return Ok(false);
            }
        }
        wrote |= self.settle(instance, waiting)?;
        if wrote && self.sorts_in && self.rows::<Number>(Statement::of_postgres(SORT_IN)).is_err() {
            // Only an index's owner may; others have it done by the server, sooner or later.
            log::debug!("what was written to the index of texts is not sorted in");
            self.sorts_in = false;
        }
        Ok(true)
    }

    /// From here on changes are noted; whether they are. Nobody changes anything in that moment.
    fn begin(&mut self, instance: InstanceId) -> Result<bool, Option<StoreError>> {
        // One round trip and one transaction, which no stalled node holds open. Writers wait for it no longer than it waits for them.
        let begin = format!(
            "SELECT set_config('lock_timeout', '100ms', TRUE); SELECT pg_advisory_xact_lock({}); \
             INSERT INTO texts_known (instance_id, up_to, busy_ms) \
             SELECT id, '', 0 FROM instances WHERE id = '\\x{}' ON CONFLICT DO NOTHING",
            lock_of(instance),
            instance.uuid().simple()
        );
        let begun = self.connection()?.batch(&begin);
        match begun {
            Ok(()) => Ok(true),
            // Somebody commits for long; the next search asks again.
            Err(_) if self.worker.link().is_some_and(|link| link.trouble() == Trouble::Unable) => Ok(false),
            Err(error) => Err(Some(store_error(error))),
        }
    }

    /// Makes an index from an id on; whether it is made.
    fn make(
        &mut self,
        instance: InstanceId,
        mut up_to: Vec<u8>,
        waiting: &mut Vec<InstanceId>,
    ) -> Result<bool, Option<StoreError>> {
        let mut slices = Slices::new();
        loop {
            self.gather(waiting).map_err(|Ended| None)?;
            let begun = Instant::now();
            let id = instance.uuid().into_bytes();
            let beyond = Statement::of_postgres(BEYOND).blob(id).blob(&up_to).integer(slices.limit());
            let beyond: Vec<Due> = self.rows(beyond)?;
            let last = beyond.last().filter(|_| beyond.len() == slices.size());
            let next = last.map_or(ABOVE_ALL.to_vec(), |last| last.id.clone());
            let bring = Statement::of_postgres(BRING)
                .blob(id)
                .blob(&up_to)
                .blob(&next)
                .blobs(beyond.iter().map(|due| &due.id))
                .bind(Bind::OptionalTexts(beyond.iter().map(|due| due.marks(instance)).collect()));
            if self.rows::<Number>(bring)?.first().is_none_or(|moved| moved.n == 0) {
                return Ok(false);
            }
            if next == ABOVE_ALL {
                return Ok(true);
            }
            up_to = next;
            slices.took(begun.elapsed());
        }
    }

    /// Brings in who is noted; whether anybody was.
    fn settle(
        &mut self,
        instance: InstanceId,
        waiting: &mut Vec<InstanceId>,
    ) -> Result<bool, Option<StoreError>> {
        let (mut slices, mut after, mut any) = (Slices::new(), Vec::new(), false);
        loop {
            self.gather(waiting).map_err(|Ended| None)?;
            let begun = Instant::now();
            let id = instance.uuid().into_bytes();
            let stale = Statement::of_postgres(STALE).blob(id).blob(&after).integer(slices.limit());
            let stale: Vec<Due> = self.rows(stale)?;
            let Some(last) = stale.last() else { return Ok(any) };
            after.clone_from(&last.id);
            any = true;
            let settle = Statement::of_postgres(SETTLE)
                .blob(id)
                .blobs(stale.iter().map(|due| &due.id))
                .bind(Bind::OptionalBlobs(stale.iter().map(|due| due.change.clone()).collect()))
                .bind(Bind::OptionalTexts(stale.iter().map(|due| due.marks(instance)).collect()));
            self.run(settle)?;
            if stale.len() < slices.size() {
                return Ok(any);
            }
            slices.took(begun.elapsed());
        }
    }

    fn connection(&mut self) -> Result<&mut Connection, Option<StoreError>> {
        self.worker.connection().map_err(Some)
    }

    fn rows<R: crate::connection::Row>(
        &mut self,
        statement: Statement,
    ) -> Result<Vec<R>, Option<StoreError>> {
        statement.rows(self.connection()?).map_err(|error| Some(store_error(error)))
    }

    fn run(&mut self, statement: Statement) -> Result<usize, Option<StoreError>> {
        statement.run(self.connection()?).map_err(|error| Some(store_error(error)))
    }
}
