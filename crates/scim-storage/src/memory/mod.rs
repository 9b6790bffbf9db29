//! The in-memory backend: for tests, simulation and trying things out.
//!
//! It keeps every promise of [`Store`] but durability: what it holds ends with the process. It needs no runtime: one
//! mutex guards everything and every future is ready at once. Deliberately absent are indexes beyond those of
//! [`scim_core::resource::IndexEntry`]; any other filter reads all the instance's resources of the type.

mod admin;
mod admin_keys;
mod answers;
mod apply;
mod backlog;
mod check;
mod directory;
mod find;
mod import;
mod instance;
mod journal;
mod keys;
mod lease;
mod manager;
mod tombstone;

use std::collections::BTreeMap;
use std::fmt;
use std::future::ready;
use std::sync::{Mutex, MutexGuard, PoisonError};

use scim_directory::{
    AdminChange, Change, ChangeSet, Committed, Fact, InstanceId, Key, KeyId, Position, Question, Record,
    ResourceId, Scope,
};

use self::admin::Administration;
use self::directory::Directory;
use crate::{
    AccessMark, BoxFuture, Capabilities, CommitError, EdgePage, EdgeQuery, EventPage, Found, InstanceAnswer,
    InstanceQuestion, JournalPage, JournalQuery, MarkedKey, Page, Query, Read, ServerAnswer, ServerQuestion,
    Store, StoreError, Want,
};

/// A store in memory.
///
/// ```
/// use scim_storage::{MemoryStore, Store as _};
/// assert!(MemoryStore::new().capabilities().filters_completely);
/// ```
#[derive(Default)]
pub struct MemoryStore {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    admin: Administration,
    directories: BTreeMap<InstanceId, Directory>,
    secrets: BTreeMap<&'static str, [u8; 32]>,
    position: i64,
    /// Who has claimed a user name, by realm and folded name.
    claims: BTreeMap<(String, String), (InstanceId, ResourceId)>,
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // INVARIANT: a commit checks everything before it changes anything, so that even a thread that panicked left
        // no half of one.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What `read` finds in the instance; the default where the instance is not there.
    fn read<T: Default>(&self, scope: &Scope, read: impl FnOnce(&Directory) -> T) -> T {
        self.state().directories.get(&scope.instance).map(read).unwrap_or_default()
    }
}

/// Says nothing of what it holds.
impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore").finish_non_exhaustive()
    }
}

impl Store for MemoryStore {
    fn capabilities(&self) -> Capabilities {
        Capabilities { filters_completely: true, sorts: true, keyset_paging: true }
    }

    fn get<'a>(
        &'a self,
        scope: &'a Scope,
        key: &'a Key,
        want: Want,
    ) -> BoxFuture<'a, Result<Option<Record>, StoreError>> {
        Box::pin(ready(Ok(self.read(scope, |directory| directory.record(scope, key, want)))))
    }

    fn find<'a>(&'a self, scope: &'a Scope, query: &'a Query) -> BoxFuture<'a, Result<Page, StoreError>> {
        let state = self.state();
        let page = match state.directories.get(&scope.instance) {
            Some(directory) => directory.find(scope, query),
            None => Ok(Page { total: query.total.then_some(0), ..Page::default() }),
        };
        drop(state);
        Box::pin(ready(page))
    }

    fn edges<'a>(
        &'a self,
        scope: &'a Scope,
        query: &'a EdgeQuery,
    ) -> BoxFuture<'a, Result<EdgePage, StoreError>> {
        Box::pin(ready(Ok(self.read(scope, |directory| directory.edges(query)))))
    }

    fn facts<'a>(
        &'a self,
        scope: &'a Scope,
        questions: &'a [Question],
    ) -> BoxFuture<'a, Result<Vec<Fact>, StoreError>> {
        let state = self.state();
        let empty = Directory::default();
        let directory = state.directories.get(&scope.instance).unwrap_or(&empty);
        let fact = |question: &Question| match question {
            Question::Claimed { realm, key } => Fact::Claimed(state.is_claimed(scope, realm, key)),
            other => directory.fact(scope, other),
        };
        let facts = questions.iter().map(fact).collect();
        drop(state);
        Box::pin(ready(Ok(facts)))
    }

    fn commit(&self, changes: ChangeSet) -> BoxFuture<'_, Result<Committed, CommitError>> {
        let mut state = self.state();
        let committed = state.commit(changes);
        drop(state);
        Box::pin(ready(committed))
    }

    fn journal<'a>(
        &'a self,
        scope: &'a Scope,
        query: &'a JournalQuery,
    ) -> BoxFuture<'a, Result<JournalPage, StoreError>> {
        Box::pin(ready(Ok(self.read(scope, |directory| directory.journal(query)))))
    }

    fn events<'a>(
        &'a self,
        scope: &'a Scope,
        after: Option<Position>,
        limit: usize,
    ) -> BoxFuture<'a, Result<EventPage, StoreError>> {
        Box::pin(ready(Ok(self.read(scope, |directory| directory.events_after(after, limit)))))
    }

    fn instance<'a>(
        &'a self,
        scope: &'a Scope,
        question: &'a InstanceQuestion,
    ) -> BoxFuture<'a, Result<InstanceAnswer, StoreError>> {
        Box::pin(ready(Ok(self.state().instance(scope, question))))
    }

    fn server<'a>(&'a self, question: &'a ServerQuestion) -> BoxFuture<'a, Result<ServerAnswer, StoreError>> {
        let mut state = self.state();
        let answer = match question {
            ServerQuestion::Secret(name) => state.secret(name).map(ServerAnswer::Secret),
            ServerQuestion::Backlog { instances, count } => {
                Ok(ServerAnswer::Backlog(Box::new(state.backlog(*instances, *count))))
            }
            other => Ok(state.admin.answer(other)),
        };
        drop(state);
        Box::pin(ready(answer))
    }

    fn key(&self, id: KeyId) -> BoxFuture<'_, Result<Option<MarkedKey>, StoreError>> {
        let state = self.state();
        let key = state.admin.key(id).map(|context| {
            let mark = Some(state.admin.mark(context.instance.id));
            MarkedKey { context: Box::new(context), mark }
        });
        drop(state);
        Box::pin(ready(Ok(key)))
    }

    fn unless_changed<'a>(
        &'a self,
        mark: AccessMark,
        scope: &'a Scope,
        read: Read<'a>,
    ) -> BoxFuture<'a, Result<Option<Found>, StoreError>> {
        let state = self.state();
        let changed = state.admin.mark(scope.instance) != mark;
        drop(state);
        // Whatever changes from here on changes while this is under way.
        Box::pin(async move {
            if changed {
                return Ok(None);
            }
            Ok(Some(match read {
                Read::Nothing => Found::Nothing,
                Read::Get(key, want) => Found::Record(self.get(scope, key, want).await?.map(Box::new)),
                Read::Find(query) => Found::Page(Box::new(self.find(scope, query).await?)),
            }))
        })
    }

    fn ready(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(ready(Ok(())))
    }
}

impl State {
    fn commit(&mut self, changes: ChangeSet) -> Result<Committed, CommitError> {
        let instance = changes.scope.instance;
        let known = self.directories.get(&instance);
        if let Some(done) = known.and_then(|directory| directory.committed.get(&changes.id)) {
            return Ok(done.1.clone());
        }
        if instance == Scope::SERVER.instance
            && !(changes.events.is_empty() && changes.changes.iter().all(Change::is_of_server))
        {
            return Err(CommitError::Conflict);
        }
        let mut admin = None;
        // How many answers each change prunes.
        let mut answers = vec![0; changes.changes.len()];
        if changes.changes.iter().any(|change| matches!(change, Change::Admin(_))) {
            let mut draft = self.admin.clone();
            for (change, answers) in changes.changes.iter().zip(&mut answers) {
                match change {
                    Change::Admin(AdminChange::Prune { limit, .. }) => {
                        *answers = draft.prune_answers(instance, changes.at, *limit);
                    }
                    Change::Admin(change) => draft.apply(instance, changes.at, change)?,
                    _ => {}
                }
            }
            admin = Some(draft);
        }
        self.check_conditions(&changes)?;
        self.check_claims(&changes)?;
        self.directories.entry(instance).or_default().check(&changes)?;
        // INVARIANT: from here on nothing fails.
        if let Some(admin) = admin {
            self.admin = admin;
        }
        self.claim(&changes);
        let directory = self.directories.entry(instance).or_default();
        Ok(directory.apply(changes, &answers, &mut self.position))
    }

    /// That no user name is claimed by another instance of the change set's realm.
    fn check_claims(&self, changes: &ChangeSet) -> Result<(), CommitError> {
        let Some(realm) = &changes.realm else { return Ok(()) };
        for (_, name) in names(changes) {
            if self.is_claimed(&changes.scope, realm, name) {
                return Err(CommitError::Claimed { attribute: directory::USER_NAME.to_owned() });
            }
        }
        Ok(())
    }

    /// Whether another instance has claimed that name.
    fn is_claimed(&self, scope: &Scope, realm: &str, key: &str) -> bool {
        let holder = self.claims.get(&(realm.to_owned(), key.to_owned()));
        holder.is_some_and(|(instance, _)| *instance != scope.instance)
    }

    /// Gives up what the people of a change set had claimed, and claims their names where it has a realm.
    fn claim(&mut self, changes: &ChangeSet) {
        let instance = changes.scope.instance;
        let touched: Vec<ResourceId> = changes
            .changes
            .iter()
            .filter_map(|change| match change {
                Change::Create(new) => Some(new.key.id),
                Change::Update { key, .. } | Change::Delete { key, .. } => Some(key.id),
                _ => None,
            })
            .collect();
        self.claims.retain(|_, (of, id)| *of != instance || !touched.contains(id));
        let Some(realm) = &changes.realm else { return };
        for (id, name) in names(changes) {
            self.claims.insert((realm.clone(), name.to_owned()), (instance, id));
        }
    }

    fn secret(&mut self, name: &'static str) -> Result<[u8; 32], StoreError> {
        if let Some(secret) = self.secrets.get(name) {
            return Ok(*secret);
        }
        let mut secret = [0; 32];
        getrandom::fill(&mut secret)
            .map_err(|error| StoreError::Unavailable { reason: format!("no randomness: {error}") })?;
        self.secrets.insert(name, secret);
        Ok(secret)
    }
}

/// The user names of the people that a change set creates or changes.
fn names(changes: &ChangeSet) -> impl Iterator<Item = (ResourceId, &str)> {
    changes.changes.iter().filter_map(|change| {
        let (id, content) = match change {
            Change::Create(new) => (new.key.id, &new.content),
            Change::Update { key, content, .. } => (key.id, content),
            _ => return None,
        };
        let name = content.index.iter().find(|entry| entry.unique && entry.path == directory::USER_NAME)?;
        Some((id, name.key.as_str()))
    })
}
