//! The trait's methods, once for both engines: what each reads, and how long that may take.

use std::future::ready;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use scim_directory::{ChangeSet, Committed, Fact, InstanceId, Key, KeyId, Position, Question, Record, Scope};
use scim_storage::{
    AccessMark, BoxFuture, Capabilities, CommitError, EdgePage, EdgeQuery, EventPage, Found, InstanceAnswer,
    InstanceQuestion, JournalPage, JournalQuery, MarkedKey, Page, Query, Read, ServerAnswer, ServerQuestion,
    Store, StoreError, StoreMeasures, Want,
};

use crate::connection::{Connection, Row, SqlDialect};
#[cfg(feature = "postgres")]
use crate::filter_sql::page_of;
use crate::meter::{Meter, Reading};
#[cfg(feature = "postgres")]
use crate::postgres::{Postgres, Reference, Seek, Sought};
use crate::sql::{Number, Statement};
use crate::{error, read};

/// Edges of at most so many take microseconds.
const FEW_EDGES: usize = 1000;

/// So many questions are answered at once.
const FEW_QUESTIONS: usize = 20;

/// How a read is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// It takes microseconds.
    Quick,
    /// It may take long.
    Long,
    /// It may take long, and may be as old as a replica is.
    Report,
}

/// What runs reads and commits change sets: the part in which the engines differ.
pub trait Engine: Send + Sync {
    /// Runs a read on a connection; once more on another one, where the first turns out to be broken.
    fn read<T, F>(&self, way: Way, job: F) -> impl Future<Output = Result<T, StoreError>> + Send
    where
        T: Send + 'static,
        F: Fn(&mut Connection) -> Result<T, StoreError> + Send + 'static;

    /// The rows of a statement that takes microseconds; see [`Self::asks`].
    fn ask<R: Row>(&self, statement: Statement) -> impl Future<Output = Result<Vec<R>, StoreError>> + Send {
        self.read(Way::Quick, move |connection| {
            statement.clone().rows(connection).map_err(error::store_error)
        })
    }

    /// Its dialect, where a read that is one statement is better asked without a connection of its own.
    fn asks(&self) -> Option<SqlDialect> {
        None
    }

    /// Itself, where it is the one that looks a record up together with the state of access (`postgres::seek`).
    #[cfg(feature = "postgres")]
    fn as_postgres(&self) -> Option<&Postgres> {
        None
    }

    /// Runs a read of microseconds at once, on the caller's thread, where the engine can and a connection is free.
    fn at_once<T>(
        &self,
        job: impl FnOnce(&mut Connection) -> Result<T, StoreError>,
    ) -> Option<Result<T, StoreError>> {
        let _ = job;
        None
    }

    /// Commits a change set.
    fn commit(&self, changes: ChangeSet) -> impl Future<Output = Result<Committed, CommitError>> + Send;

    /// Has the index of texts follow, which a search found to be behind.
    fn follow_texts(&self, instance: InstanceId);

    /// A connection of the caller's own, for what takes longer than any request.
    ///
    /// # Errors
    /// If the database cannot be reached.
    fn connect(&self) -> Result<Connection, StoreError>;

    /// What it takes on the disk, in bytes, where that is known without a read.
    fn sizes(&self) -> Vec<(&'static str, u64)>;
}

/// A directory in a database. Cheap to share; dropping it ends its threads.
pub struct EngineStore<E> {
    pub(crate) engine: E,
    pub(crate) meter: Arc<Meter>,
}

impl<E> std::fmt::Debug for EngineStore<E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EngineStore").finish_non_exhaustive()
    }
}

impl<E: Engine> EngineStore<E> {
    /// Measures a read.
    async fn timed<T>(
        &self,
        what: Reading,
        read: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        let started = Instant::now();
        let outcome = read.await;
        self.meter.read(what, started.elapsed(), outcome.is_err());
        outcome
    }

    async fn read<T, F>(&self, what: Reading, way: Way, job: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Fn(&mut Connection) -> Result<T, StoreError> + Send + 'static,
    {
        self.timed(what, self.engine.read(way, job)).await
    }

    /// A read of a query that may ask the index of texts. Where that is behind it follows, whatever comes of the read: a search that
    /// takes too long is the one that needs it.
    async fn search<T, F>(&self, scope: Scope, query: Query, way: Way, job: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Fn(&mut Connection, &Scope, &Query) -> Result<T, StoreError> + Send + 'static,
    {
        let behind = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&behind);
        let found = self.read(Reading::Find, way, move |connection| {
            seen.store(read::is_behind(connection, &scope, &query)?, Ordering::Relaxed);
            job(connection, &scope, &query)
        });
        let found = found.await;
        if behind.load(Ordering::Relaxed) {
            self.engine.follow_texts(scope.instance);
        }
        found
    }

    /// A read under a mark: in one statement where it is a look-up.
    #[cfg(feature = "postgres")]
    async fn under<'a>(
        &'a self,
        postgres: &'a Postgres,
        mark: AccessMark,
        scope: &'a Scope,
        wanted: Read<'a>,
    ) -> Result<Option<Found>, StoreError> {
        let (what, seek) = match wanted {
            Read::Nothing => (Reading::Server, Some(Seek::mark(scope.instance))),
            Read::Get(key, want) => (Reading::Get, Some(Seek::get(scope, key, want))),
            Read::Find(query) => (Reading::Find, Seek::find(scope, query)),
        };
        if let Some(seek) = seek {
            let Sought { mark: now, mut records } = self.timed(what, postgres.look_up(seek)).await?;
            match wanted {
                _ if now != mark => return Ok(None),
                Read::Nothing => return Ok(Some(Found::Nothing)),
                Read::Get(..) => return Ok(Some(Found::Record(records.pop().map(Box::new)))),
                Read::Find(query) if records.len() <= 1 => {
                    return Ok(Some(Found::Page(Box::new(page_of(query, records)))));
                }
                Read::Find(_) => {}
            }
        }
        let Read::Find(query) = wanted else { return Ok(None) };
        if let Some((now, page)) = self.by_one_statement(postgres, scope, query).await? {
            return Ok((now == mark).then(|| Found::Page(Box::new(page))));
        }
        // Both are sent before either is waited for.
        let holds = async { Ok(postgres.look_up(Seek::mark(scope.instance)).await?.mark == mark) };
        let (holds, page) =
            futures_util::future::try_join(holds, self.list_in_turn(*scope, query.clone())).await?;
        Ok(holds.then(|| Found::Page(Box::new(page))))
    }

    /// A page that one statement finds, and the state of access at that moment; `None` where it takes several.
    #[cfg(feature = "postgres")]
    async fn by_one_statement(
        &self,
        postgres: &Postgres,
        scope: &Scope,
        query: &Query,
    ) -> Result<Option<(AccessMark, Page)>, StoreError> {
        if let Some(statement) = read::at_once(scope, query) {
            let asked = query.clone();
            let page = postgres.made_of(statement, move |rows| read::page_at_once(rows, &asked));
            return self.timed(Reading::Find, page).await;
        }
        if let Some(statement) = read::few(scope, query)
            && postgres.searched(scope.instance)
        {
            let rows = self.timed(Reading::Find, postgres.ask(statement)).await?;
            return read::Candidates::page(rows, query);
        }
        Ok(None)
    }

    /// A page, however many it may have.
    fn list<'a>(&'a self, scope: &Scope, query: &Query) -> BoxFuture<'a, Result<Page, StoreError>> {
        let (scope, query) = (*scope, query.clone());
        Box::pin(async move {
            #[cfg(feature = "postgres")]
            if let Some(postgres) = self.engine.as_postgres()
                && let Some((_, page)) = self.by_one_statement(postgres, &scope, &query).await?
            {
                return Ok(page);
            }
            self.list_in_turn(scope, query).await
        })
    }

    /// A page in the general way.
    async fn list_in_turn(&self, scope: Scope, query: Query) -> Result<Page, StoreError> {
        let short = read::is_short(&query);
        if let Some(dialect) = self.engine.asks().filter(|_| read::is_look_up(&query)) {
            let look_up = async move {
                let rows = self.engine.ask(read::select(dialect, &scope, &query)).await?;
                match read::whole_list(rows, &query)? {
                    Some(page) => Ok(page),
                    None => {
                        let find = move |connection: &mut Connection| read::find(connection, &scope, &query);
                        self.engine.read(way(short), find).await
                    }
                }
            };
            return self.timed(Reading::Find, look_up).await;
        }
        #[cfg(feature = "postgres")]
        if let Some(postgres) = self.engine.as_postgres()
            && read::is_searched(&scope, &query)
            && postgres.searched(scope.instance)
        {
            let find = move |connection: &mut Connection| read::find_among(connection, &scope, &query);
            return self.read(Reading::Find, Way::Long, find).await;
        }
        self.search(scope, query, way(short), read::find).await
    }

    /// Edges in the general way.
    fn edges_in_turn<'a>(
        &'a self,
        scope: &Scope,
        query: &EdgeQuery,
    ) -> BoxFuture<'a, Result<EdgePage, StoreError>> {
        let (scope, query) = (*scope, query.clone());
        let short = few_edges(&query);
        Box::pin(
            self.read(Reading::Edges, way(short), move |connection| read::edges(connection, &scope, &query)),
        )
    }

    /// A read at once, where the engine can: what is asked need not be copied for another thread.
    fn at_once<'a, T: Send + 'a>(
        &self,
        what: Reading,
        job: impl FnOnce(&mut Connection) -> Result<T, StoreError>,
    ) -> Option<BoxFuture<'a, Result<T, StoreError>>> {
        let started = Instant::now();
        let outcome = self.engine.at_once(job)?;
        self.meter.read(what, started.elapsed(), outcome.is_err());
        Some(Box::pin(ready(outcome)))
    }
}

/// The way of a read that is short or not.
fn way(short: bool) -> Way {
    if short { Way::Quick } else { Way::Long }
}

/// Whether a few rows answer all of it, found by their keys.
fn are_look_ups(questions: &[Question]) -> bool {
    let is_look_up = |question: &Question| match question {
        Question::Target(_) | Question::Display(_) => true,
        Question::Members { most, .. } => *most <= FEW_EDGES,
        _ => false,
    };
    questions.len() <= FEW_QUESTIONS && questions.iter().all(is_look_up)
}

/// Whether the edges that are asked for take microseconds.
fn few_edges(query: &EdgeQuery) -> bool {
    query.limit <= FEW_EDGES || query.of.len() == 1 && query.only.is_some()
}

impl<E: Engine> Store for EngineStore<E> {
    fn capabilities(&self) -> Capabilities {
        Capabilities { filters_completely: true, sorts: true, keyset_paging: true }
    }

    fn get<'a>(
        &'a self,
        scope: &'a Scope,
        key: &'a Key,
        want: Want,
    ) -> BoxFuture<'a, Result<Option<Record>, StoreError>> {
        if let Some(found) = self.at_once(Reading::Get, |connection| read::get(connection, scope, key, want))
        {
            return found;
        }
        #[cfg(feature = "postgres")]
        if let Some(postgres) = self.engine.as_postgres() {
            let sought = self.timed(Reading::Get, postgres.look_up(Seek::get(scope, key, want)));
            return Box::pin(async { Ok(sought.await?.records.pop()) });
        }
        let (scope, key) = (*scope, key.clone());
        Box::pin(
            self.read(Reading::Get, Way::Quick, move |connection| read::get(connection, &scope, &key, want)),
        )
    }

    fn find<'a>(&'a self, scope: &'a Scope, query: &'a Query) -> BoxFuture<'a, Result<Page, StoreError>> {
        if read::is_look_up(query)
            && let Some(found) =
                self.at_once(Reading::Find, |connection| read::find(connection, scope, query))
        {
            return found;
        }
        #[cfg(feature = "postgres")]
        if let Some(postgres) = self.engine.as_postgres()
            && let Some(seek) = Seek::find(scope, query)
        {
            let sought = self.timed(Reading::Find, postgres.look_up(seek));
            return Box::pin(async move {
                match sought.await?.records {
                    several if several.len() > 1 => self.list(scope, query).await,
                    records => Ok(page_of(query, records)),
                }
            });
        }
        self.list(scope, query)
    }

    fn edges<'a>(
        &'a self,
        scope: &'a Scope,
        query: &'a EdgeQuery,
    ) -> BoxFuture<'a, Result<EdgePage, StoreError>> {
        #[cfg(feature = "postgres")]
        if let Some(postgres) = self.engine.as_postgres()
            && let Some(statement) = read::edges_at_once(scope, query)
        {
            let asked = query.clone();
            return Box::pin(async move {
                let page = postgres.made_of(statement, move |rows| read::edge_page(rows, &asked));
                match self.timed(Reading::Edges, page).await? {
                    Some(page) => Ok(page),
                    None => self.edges_in_turn(scope, query).await,
                }
            });
        }
        if few_edges(query)
            && let Some(found) =
                self.at_once(Reading::Edges, |connection| read::edges(connection, scope, query))
        {
            return found;
        }
        self.edges_in_turn(scope, query)
    }

    fn facts<'a>(
        &'a self,
        scope: &'a Scope,
        questions: &'a [Question],
    ) -> BoxFuture<'a, Result<Vec<Fact>, StoreError>> {
        #[cfg(feature = "postgres")]
        if let Some(postgres) = self.engine.as_postgres()
            && let Some(references) = Reference::of(scope, questions)
        {
            return Box::pin(self.timed(Reading::Facts, postgres.meant(references, questions)));
        }
        if are_look_ups(questions)
            && let Some(found) =
                self.at_once(Reading::Facts, |connection| read::facts(connection, scope, questions))
        {
            return found;
        }
        let (scope, questions) = (*scope, questions.to_vec());
        let short = questions.len() <= FEW_EDGES;
        Box::pin(
            self.read(Reading::Facts, way(short), move |connection| {
                read::facts(connection, &scope, &questions)
            }),
        )
    }

    fn commit(&self, changes: ChangeSet) -> BoxFuture<'_, Result<Committed, CommitError>> {
        Box::pin(self.engine.commit(changes))
    }

    fn journal<'a>(
        &'a self,
        scope: &'a Scope,
        query: &'a JournalQuery,
    ) -> BoxFuture<'a, Result<JournalPage, StoreError>> {
        let (scope, query) = (*scope, query.clone());
        // Who follows the log reads forward, and must not be told less than somebody else was.
        let way = if query.newest_first { Way::Report } else { Way::Long };
        Box::pin(
            self.read(Reading::Journal, way, move |connection| read::journal(connection, &scope, &query)),
        )
    }

    fn events<'a>(
        &'a self,
        scope: &'a Scope,
        after: Option<Position>,
        limit: usize,
    ) -> BoxFuture<'a, Result<EventPage, StoreError>> {
        let scope = *scope;
        Box::pin(self.read(Reading::Events, Way::Long, move |connection| {
            read::events(connection, &scope, after, limit)
        }))
    }

    fn instance<'a>(
        &'a self,
        scope: &'a Scope,
        question: &'a InstanceQuestion,
    ) -> BoxFuture<'a, Result<InstanceAnswer, StoreError>> {
        let (scope, question) = (*scope, question.clone());
        let short = matches!(
            question,
            InstanceQuestion::Policy
                | InstanceQuestion::Mapping(_)
                | InstanceQuestion::Job(_)
                | InstanceQuestion::Import(_)
        );
        let way = if matches!(question, InstanceQuestion::Report { .. }) { Way::Report } else { way(short) };
        Box::pin(
            self.read(Reading::Instance, way, move |connection| {
                read::instance(connection, &scope, &question)
            }),
        )
    }

    fn server<'a>(&'a self, question: &'a ServerQuestion) -> BoxFuture<'a, Result<ServerAnswer, StoreError>> {
        if let (ServerQuestion::Key(id), Some(_)) = (question, self.engine.asks()) {
            let key = *id;
            return Box::pin(self.timed(Reading::Server, async move {
                read::of_key(self.engine.ask(read::key(key)).await?)
            }));
        }
        let question = question.clone();
        let long = matches!(
            question,
            ServerQuestion::Instances
                | ServerQuestion::Keys(_)
                | ServerQuestion::KeysDue { .. }
                | ServerQuestion::Peppers(_)
                | ServerQuestion::Backlog { .. }
        );
        Box::pin(
            self.read(Reading::Server, way(!long), move |connection| read::server(connection, &question)),
        )
    }

    fn key(&self, id: KeyId) -> BoxFuture<'_, Result<Option<MarkedKey>, StoreError>> {
        Box::pin(self.timed(Reading::Server, async move {
            read::of_marked_key(self.engine.ask(read::marked_key(id)).await?)
        }))
    }

    fn unless_changed<'a>(
        &'a self,
        mark: AccessMark,
        scope: &'a Scope,
        read: Read<'a>,
    ) -> BoxFuture<'a, Result<Option<Found>, StoreError>> {
        #[cfg(feature = "postgres")]
        if let Some(postgres) = self.engine.as_postgres() {
            return Box::pin(self.under(postgres, mark, scope, read));
        }
        let own = *scope;
        match read {
            Read::Nothing => {
                let job = move |connection: &mut Connection| {
                    Ok(read::holds(connection, own.instance, mark)?.then_some(Found::Nothing))
                };
                self.at_once(Reading::Server, job)
                    .unwrap_or_else(|| Box::pin(self.read(Reading::Server, Way::Quick, job)))
            }
            Read::Get(key, want) => {
                let found = |record: Option<Record>| Found::Record(record.map(Box::new));
                let job = |connection: &mut Connection| {
                    Ok(read::get_under(connection, mark, scope, key, want)?.map(found))
                };
                self.at_once(Reading::Get, job).unwrap_or_else(|| {
                    let key = key.clone();
                    Box::pin(self.read(Reading::Get, Way::Quick, move |connection| {
                        Ok(read::get_under(connection, mark, &own, &key, want)?.map(found))
                    }))
                })
            }
            Read::Find(query) => {
                let found = |page: Page| Found::Page(Box::new(page));
                let job = |connection: &mut Connection| {
                    Ok(read::find_under(connection, mark, scope, query)?.map(found))
                };
                let at_once = if read::is_look_up(query) { self.at_once(Reading::Find, job) } else { None };
                at_once.unwrap_or_else(|| {
                    let query = query.clone();
                    let short = read::is_short(&query);
                    let find = move |connection: &mut Connection, scope: &Scope, query: &Query| {
                        Ok(read::find_under(connection, mark, scope, query)?.map(found))
                    };
                    Box::pin(self.search(own, query, way(short), find))
                })
            }
        }
    }

    fn ready(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(self.read(Reading::Ready, Way::Quick, |connection| {
            let row = Statement::kept("SELECT count(*) AS n FROM secrets").row::<Number>(connection);
            row.map(|_| ()).map_err(error::store_error)
        }))
    }

    fn measures(&self) -> Option<StoreMeasures> {
        Some(self.meter.measures(self.engine.sizes()))
    }
}
