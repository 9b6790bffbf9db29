//! One connection to a PostgreSQL server, used by one thread.

use std::borrow::Cow;
use std::collections::HashMap;
use std::future::Future;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use diesel::pg::Pg;
use diesel::result::{DatabaseErrorInformation, DatabaseErrorKind, Error};
use diesel::{QueryResult, QueryableByName};
use futures_util::TryStreamExt;
use futures_util::future::try_join_all;
use tokio::runtime::{Builder, Runtime};
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config, RowStream};

use super::options::Pooler;
use super::pipeline::Pipeline;
use super::row::PgRow;
use super::tls::Security;
use crate::sql::{Bind, Statement};

/// Statements that a connection keeps prepared at most; then it begins anew.
const KEPT: usize = 500;
/// How long a server is given to take note that a statement is not wanted any more.
const CANCELLING: Duration = Duration::from_secs(1);

/// How many there were.
static LINKS: AtomicU8 = AtomicU8::new(0);

/// Where and how to connect.
#[derive(Clone)]
pub(super) struct Target {
    pub(super) config: Config,
    pub(super) security: Security,
    pub(super) pooler: Pooler,
    pub(super) connect_time: Duration,
    pub(super) statement_time: Duration,
}

/// A connection. Its socket is driven only while a statement runs.
pub struct Link {
    runtime: Runtime,
    client: Client,
    security: Security,
    pooler: Pooler,
    kept: HashMap<String, tokio_postgres::Statement>,
    /// The same by where a text stands that is part of the program: nothing of it has to be read to find its statement.
    known: HashMap<(usize, usize), tokio_postgres::Statement>,
    /// What waits to be sent with the next statement that somebody looks at.
    pub(super) pipeline: Pipeline,
    /// How long a statement may take.
    time: Duration,
    /// What is wrong since the last statement.
    trouble: Trouble,
    /// Whether the last statement that failed wanted a unique key that is taken.
    taken: bool,
    broken: bool,
    overdue: bool,
    /// Whether the session was told what commits want of it.
    settled: bool,
    /// Since when the session makes plans of its statements.
    planning: Instant,
    /// A number that few others have at the same time.
    number: u8,
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link").field("broken", &self.broken).finish_non_exhaustive()
    }
}

/// What a failed statement means for whoever wants to try again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// Nothing, or a statement that will fail again.
    None,
    /// Others ran at the same time: it can be tried again at once.
    Passing,
    /// The server has no room, no time or no right to do it now.
    Unable,
    /// A value does not fit where it is to be found by: an entry of an index has 2,704 bytes at most.
    TooLarge,
    /// The connection is of no use any more, or the server at its end: there may be a better one.
    Lost,
}

impl Trouble {
    /// What the server said means. <https://www.postgresql.org/docs/current/errcodes-appendix.html>
    pub(super) fn of(code: &SqlState) -> Self {
        match *code {
            SqlState::T_R_SERIALIZATION_FAILURE
            | SqlState::T_R_DEADLOCK_DETECTED
            // Somebody came in between; what is there now is found the next time.
            | SqlState::UNIQUE_VIOLATION => Self::Passing,
            // It became a replica, or ends; of several hosts another one may take writes. The last ones are about statements
            // that were kept prepared, over a change of the schema or behind a pooler.
            SqlState::READ_ONLY_SQL_TRANSACTION
            | SqlState::ADMIN_SHUTDOWN
            | SqlState::CRASH_SHUTDOWN
            | SqlState::CANNOT_CONNECT_NOW
            | SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT
            | SqlState::INVALID_SQL_STATEMENT_NAME
            | SqlState::DUPLICATE_PSTATEMENT
            | SqlState::FEATURE_NOT_SUPPORTED => Self::Lost,
            SqlState::PROGRAM_LIMIT_EXCEEDED => Self::TooLarge,
            SqlState::LOCK_NOT_AVAILABLE | SqlState::QUERY_CANCELED => Self::Unable,
            ref other => match other.code().get(..2) {
                Some("08") => Self::Lost,
                // Resources (53), an operator (57), the system (58).
                Some("53" | "57" | "58") => Self::Unable,
                _ => Self::None,
            },
        }
    }
}

impl Link {
    /// Connects.
    pub(super) fn connect(target: &Target) -> QueryResult<Self> {
        let runtime = Builder::new_current_thread().enable_all().build().map_err(lost)?;
        let connecting = async {
            let connecting = target.config.connect(target.security.connector());
            tokio::time::timeout(target.connect_time, connecting).await
        };
        let (client, connection) = runtime
            .block_on(connecting)
            .map_err(|_| lost("connecting took too long"))?
            .map_err(|error| failed(&error))?;
        runtime.spawn(async move {
            if let Err(error) = connection.await {
                log::debug!("a connection to PostgreSQL ended: {error}");
            }
        });
        Ok(Self {
            runtime,
            client,
            security: target.security.clone(),
            pooler: target.pooler,
            kept: HashMap::new(),
            known: HashMap::new(),
            pipeline: Pipeline::default(),
            time: target.statement_time,
            trouble: Trouble::None,
            taken: false,
            broken: false,
            overdue: false,
            settled: false,
            planning: Instant::now(),
            // Another process counts from elsewhere.
            number: LINKS.fetch_add(1, Ordering::Relaxed).wrapping_add(std::process::id().to_le_bytes()[0]),
        })
    }

    /// Whether it can be used no more.
    pub(super) fn is_broken(&self) -> bool {
        self.broken || self.client.is_closed()
    }

    /// Whether it broke because a statement took too long.
    pub(super) fn is_overdue(&self) -> bool {
        self.overdue
    }

    /// What is wrong since the last statement.
    pub(super) fn trouble(&self) -> Trouble {
        if self.is_broken() { Trouble::Lost } else { self.trouble }
    }

    /// Whether the last statement that failed wanted a unique key that is taken.
    pub(super) fn is_taken(&self) -> bool {
        self.taken
    }

    /// Whether the session is its own, so that a setting lasts.
    pub(super) fn keeps_settings(&self) -> bool {
        self.pooler == Pooler::Session
    }

    /// Whether the session has its settings.
    pub(super) fn is_settled(&self) -> bool {
        self.settled
    }

    /// It has.
    pub(super) fn settle(&mut self) {
        self.settled = true;
    }

    /// Whether the session makes plans of its statements since so long; from now on it makes new ones.
    pub(super) fn plans_anew(&mut self, after: Duration) -> bool {
        let is_due = self.planning.elapsed() >= after;
        if is_due {
            self.planning = Instant::now();
        }
        is_due
    }

    /// A number that few others have at the same time: whoever adds to one of several rows takes the one of its number, and so meets
    /// nobody who is about to commit.
    pub(crate) fn number(&self) -> u8 {
        self.number
    }

    /// Gives statements so long from now on; what it was before.
    pub(super) fn allow(&mut self, time: Duration) -> Duration {
        std::mem::replace(&mut self.time, time)
    }

    /// Runs text without values, after what waits.
    pub(crate) fn batch(&mut self, text: &str) -> QueryResult<()> {
        if !self.pipeline.is_empty() {
            self.send(&[])?;
        }
        let Self { runtime, client, time, .. } = self;
        let outcome = within(runtime, *time, client.batch_execute(text));
        self.noted(outcome)
    }

    /// Runs a statement; the number of rows that it changed.
    pub(crate) fn run(&mut self, statement: &Statement) -> QueryResult<usize> {
        let (_, changed) = self.ask(statement)?;
        Ok(usize::try_from(changed).unwrap_or(usize::MAX))
    }

    /// The rows of a statement.
    pub(crate) fn rows<R: QueryableByName<Pg>>(&mut self, statement: &Statement) -> QueryResult<Vec<R>> {
        built(&self.answer(statement)?)
    }

    /// The rows of a statement as the wire has them.
    pub(crate) fn answer(&mut self, statement: &Statement) -> QueryResult<Vec<PgRow>> {
        Ok(self.ask(statement)?.0)
    }

    /// The rows of two statements that are sent together.
    pub(crate) fn both<A, B>(
        &mut self,
        first: &Statement,
        second: &Statement,
    ) -> QueryResult<(Vec<A>, Vec<B>)>
    where
        A: QueryableByName<Pg>,
        B: QueryableByName<Pg>,
    {
        let mut answers = self.send(&[first, second])?.into_iter();
        let (first, _) = answers.next().unwrap_or_default();
        let (second, _) = answers.next().unwrap_or_default();
        Ok((built(&first)?, built(&second)?))
    }

    fn ask(&mut self, statement: &Statement) -> QueryResult<Answer> {
        Ok(self.send(&[statement])?.pop().unwrap_or_default())
    }

    /// Sends what waits and then these, all before the first is answered: they take one round trip, and end with the first that
    /// fails. The answers to these.
    pub(super) fn send(&mut self, statements: &[&Statement]) -> QueryResult<Vec<Answer>> {
        let (waiting, looks) = self.pipeline.take();
        let all = || waiting.iter().chain(statements.iter().copied());
        let mut ready = Vec::with_capacity(waiting.len() + statements.len());
        for statement in all() {
            ready.push(match statement.is_kept() && self.pooler == Pooler::Session {
                true => Ready::Prepared(self.prepared(statement)?),
                false => Ready::Text(statement.numbered()),
            });
        }
        let Self { runtime, client, time, .. } = self;
        let sent = all().zip(&ready).map(|(statement, ready)| async {
            let binds = statement.binds();
            let answer = match ready {
                Ready::Prepared(prepared) => client.query_raw(prepared, binds).await?,
                // Without a name that would outlive it.
                Ready::Text(text) => {
                    client.query_typed_raw(text, binds.iter().map(|bind| (bind, bind.kind()))).await?
                }
            };
            collect(answer).await
        });
        let outcome = within(runtime, *time, try_join_all(sent));
        let mut answers = self.noted(outcome)?;
        let own = answers.split_off(looks.len());
        self.pipeline.look_at(looks, answers)?;
        Ok(own.into_iter().map(|(rows, changed)| (PgRow::all(rows), changed)).collect())
    }

    fn prepared(&mut self, statement: &Statement) -> QueryResult<tokio_postgres::Statement> {
        let place = statement.place();
        if let Some(prepared) = place.and_then(|place| self.known.get(&place)) {
            return Ok(prepared.clone());
        }
        let text = statement.numbered();
        let prepared = match self.kept.get(&*text) {
            Some(prepared) => prepared.clone(),
            None => {
                let kinds: Vec<_> = statement.binds().iter().map(Bind::kind).collect();
                let Self { runtime, client, time, .. } = self;
                let outcome = within(runtime, *time, client.prepare_typed(&text, &kinds));
                let prepared = self.noted(outcome)?;
                if self.kept.len() >= KEPT {
                    self.kept.clear();
                    self.known.clear();
                }
                self.kept.insert(text.into_owned(), prepared.clone());
                prepared
            }
        };
        if let Some(place) = place {
            self.known.insert(place, prepared.clone());
        }
        Ok(prepared)
    }

    /// Keeps in mind why a statement failed.
    fn noted<T>(&mut self, outcome: Option<Result<T, tokio_postgres::Error>>) -> QueryResult<T> {
        self.trouble = Trouble::None;
        match outcome {
            Some(Ok(value)) => Ok(value),
            Some(Err(error)) => {
                self.trouble = error.code().map_or(Trouble::Lost, Trouble::of);
                self.taken = error.code() == Some(&SqlState::UNIQUE_VIOLATION);
                self.failed_by(&error);
                self.broken |= self.trouble == Trouble::Lost || self.client.is_closed();
                Err(failed(&error))
            }
            None => {
                // What the server still does, and what it answers, is nobody's: this connection ends.
                self.broken = true;
                self.overdue = true;
                let token = self.client.cancel_token();
                let _ = within(&self.runtime, CANCELLING, token.cancel_query(self.security.connector()));
                Err(lost("a statement took too long"))
            }
        }
    }
}

/// Waits for the server; `None` where it took too long.
fn within<T, F>(runtime: &Runtime, time: Duration, statement: F) -> Option<Result<T, tokio_postgres::Error>>
where
    F: Future<Output = Result<T, tokio_postgres::Error>>,
{
    runtime.block_on(async { tokio::time::timeout(time, statement).await }).ok()
}

pub(super) async fn collect(
    stream: RowStream,
) -> Result<(Vec<tokio_postgres::Row>, u64), tokio_postgres::Error> {
    let mut stream = std::pin::pin!(stream);
    let mut rows = Vec::new();
    while let Some(row) = stream.try_next().await? {
        rows.push(row);
    }
    Ok((rows, stream.rows_affected().unwrap_or_default()))
}

/// The rows of an answer, and how many rows were changed.
pub(super) type Answer = (Vec<PgRow>, u64);

/// How a statement is sent.
enum Ready<'a> {
    Prepared(tokio_postgres::Statement),
    Text(Cow<'a, str>),
}

/// Rows as Diesel makes them.
pub(super) fn built<R: QueryableByName<Pg>>(rows: &[PgRow]) -> QueryResult<Vec<R>> {
    rows.iter().map(|row| R::build(row).map_err(Error::DeserializationError)).collect()
}

/// An error of the connection, not of a statement.
pub(super) fn lost(reason: impl std::fmt::Display) -> Error {
    Error::DatabaseError(DatabaseErrorKind::ClosedConnection, Box::new(reason.to_string()))
}

/// An error as Diesel has it.
pub(super) fn failed(error: &tokio_postgres::Error) -> Error {
    let Some(said) = error.as_db_error() else {
        // `Display` of these says "error connecting to server" alone.
        let cause = std::error::Error::source(error).map(|cause| format!(": {cause}")).unwrap_or_default();
        return lost(format!("{error}{cause}"));
    };
    let kind = match *said.code() {
        SqlState::UNIQUE_VIOLATION => DatabaseErrorKind::UniqueViolation,
        SqlState::NOT_NULL_VIOLATION => DatabaseErrorKind::NotNullViolation,
        SqlState::CHECK_VIOLATION => DatabaseErrorKind::CheckViolation,
        ref code => match Trouble::of(code) {
            Trouble::Lost => DatabaseErrorKind::ClosedConnection,
            Trouble::Passing | Trouble::Unable => DatabaseErrorKind::UnableToSendCommand,
            Trouble::None | Trouble::TooLarge => DatabaseErrorKind::Unknown,
        },
    };
    Error::DatabaseError(kind, Box::new(Said(said.clone())))
}

/// What the server said, without values: details hold those of rows.
struct Said(tokio_postgres::error::DbError);

impl DatabaseErrorInformation for Said {
    fn message(&self) -> &str {
        self.0.message()
    }

    fn details(&self) -> Option<&str> {
        None
    }

    fn hint(&self) -> Option<&str> {
        self.0.hint()
    }

    fn table_name(&self) -> Option<&str> {
        self.0.table()
    }

    fn column_name(&self) -> Option<&str> {
        self.0.column()
    }

    fn constraint_name(&self) -> Option<&str> {
        self.0.constraint()
    }

    fn statement_position(&self) -> Option<i32> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_servers_say_is_tried_again_or_not() {
        let check = |code: SqlState, expected| assert_eq!(Trouble::of(&code), expected, "{}", code.code());
        check(SqlState::T_R_SERIALIZATION_FAILURE, Trouble::Passing);
        check(SqlState::T_R_DEADLOCK_DETECTED, Trouble::Passing);
        check(SqlState::UNIQUE_VIOLATION, Trouble::Passing);
        check(SqlState::PROGRAM_LIMIT_EXCEEDED, Trouble::TooLarge);
        check(SqlState::READ_ONLY_SQL_TRANSACTION, Trouble::Lost);
        check(SqlState::ADMIN_SHUTDOWN, Trouble::Lost);
        check(SqlState::CONNECTION_FAILURE, Trouble::Lost);
        check(SqlState::DISK_FULL, Trouble::Unable);
        check(SqlState::TOO_MANY_CONNECTIONS, Trouble::Unable);
        check(SqlState::OUT_OF_MEMORY, Trouble::Unable);
        check(SqlState::LOCK_NOT_AVAILABLE, Trouble::Unable);
        check(SqlState::QUERY_CANCELED, Trouble::Unable);
        check(SqlState::IO_ERROR, Trouble::Unable);
        check(SqlState::SYNTAX_ERROR, Trouble::None);
        check(SqlState::CHECK_VIOLATION, Trouble::None);
    }
}
