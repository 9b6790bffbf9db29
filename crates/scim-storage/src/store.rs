//! The trait that a backend implements.

use std::future::Future;
use std::pin::Pin;

use scim_directory::{ChangeSet, Committed, Fact, Key, KeyId, Position, Question, Record, Scope};

use crate::{
    AccessMark, CommitError, EdgePage, EdgeQuery, EventPage, Found, InstanceAnswer, InstanceQuestion,
    JournalPage, JournalQuery, MarkedKey, Page, Query, Read, ServerAnswer, ServerQuestion, StoreError,
    StoreMeasures, Want,
};

/// A boxed future, so that [`Store`] is object-safe.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What a backend can do; checked at start against what the server advertises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// Whether it leaves no [`crate::Residual`].
    pub filters_completely: bool,
    /// Whether it sorts.
    pub sorts: bool,
    /// Whether [`crate::Start::After`] works, with and without sort.
    pub keyset_paging: bool,
}

/// A place where directories are kept.
///
/// # What every backend promises
/// - **Isolation.** A call with a [`Scope`] sees and changes rows of its instance alone.
/// - **Atomicity.** [`Store::commit`] does all of a change set, its log records included, or nothing. When it has
///   returned `Ok`, the change is durable as the backend's documentation says, and every later read sees it.
/// - **Once.** A change set whose id was committed already is not done again; the stored result is returned.
/// - **Uniqueness.** Two records of an instance and type never have the same unique [`IndexEntry`], under any race. Within
///   one change set, what deletions and updates give up is free for its creations and updates, so that two people can
///   swap names.
/// - **Versions.** A record's version grows by one with each change set that changes it, however many of its changes
///   name the record; one that the change set creates has version 1. Lost updates are impossible: an update names the
///   version that it was decided on, which is that before the change set. `lastModified` becomes the change set's time,
///   but never an earlier one than it was.
/// - **Absence.** A change of a record that is not there, has another type than its key says, or belongs to another
///   instance, is a [`CommitError::Conflict`]; to read one gives nothing.
/// - **Member changes commute.** They never conflict with one another; the group's version grows once for each change
///   set that really changed an edge. A member's own version does not grow, its membership counter does, as often as
///   the backend finds handy but at least once.
/// - **Deletion.** With a record go its edges both ways, its index entries, its `externalId`s at every connector and
///   what it held as a group. Each group that it was in has another version and `lastModified`; each member that it had
///   another membership counter, in one statement however many they are. Its id is known as deleted from then on.
///   Renaming a record, on the other hand, changes no other row: names of other ends are looked up when they are read.
/// - **Held references** become edges in the commit that creates or updates whom they mean, an `externalId` at the
///   connector through which it was held. The store logs that itself ([`crate::reference_linked`]). To hold a reference
///   that means somebody, or the id of somebody deleted, is a [`CommitError::Conflict`]. A group never becomes its own
///   member so: what it holds and comes to mean itself stays held.
/// - **`externalId`** belongs to the scope's connector: others neither see nor change it. A scope without one sees none,
///   and its changes leave all of them as they are. It need not be unique; a reference by it means the oldest resource.
/// - **Filters** select what [`scim_core::filter::TypedFilter::matches`] selects on the full resource
///   ([`crate::full_resource`]): `members` with held references, `groups` and `manager.displayName` are there as of now,
///   what only rendering adds (`meta.location`, `meta.version`, `$ref`) is not.
/// - **The log** of a change set is written with it or not at all. Of edge differences it keeps those that happened
///   ([`crate::what_happened`]); positions grow in commit order, and a reader that follows them misses nothing.
/// - **Conditions** of a change set ([`scim_directory::Condition`]) hold in its commit, under any race, or it is refused.
/// - **Direct managers.** [`scim_directory::Content::reports_to`] of a person is linked to the live, managed person whom it
///   means, never to the person itself, and shown as [`scim_directory::Record::direct_manager`]; where nobody is meant, it
///   is linked in the commit that creates, picks up or changes somebody so that it means them. An `externalId` counts at the
///   connector through which it was sent, and an id or `externalId` before a user name. When the manager is deleted the
///   link is cleared, and waits again. None of that changes the version of the person who reports; the store logs it
///   ([`crate::manager_linked`], [`crate::manager_cleared`]) and puts events into the outbox ([`crate::manager_changed`]).
/// - **Realms.** A change set with a realm claims the user names of the people that it creates or changes; a name that
///   another instance has claimed is [`CommitError::Claimed`]. What a person no longer uses is free again, and a change set
///   without a realm gives up what the people whom it changes had claimed.
/// - **Tombstones.** A deleted record is known by its id, by the `externalId`s that it had and by its user name, with its
///   account, until it is pruned or revived.
/// - **The outbox** is written with the change set or not at all, as the log is; an event about a group that was changed
///   only in its members ([`scim_directory::EventKind::GroupChanged`]) is kept only where an edge really changed.
/// - **Generations.** [`scim_directory::Instance::generation`] grows with each [`scim_directory::AdminChange`] of settings,
///   mapping, connectors (but for new ones) or integration users, and with a key that retires; a key's with each change of
///   its terms and with its revocation. So [`scim_directory::Condition::Generation`] and [`scim_directory::Condition::Key`]
///   together hold only while nothing has changed that lets a key in.
/// - **Keys.** What was committed about a key is seen by every later read, on every node and by every process. That a key
///   was used first, or written with first, or reminded of, is committed once, under any race.
/// - **Marks.** [`Store::unless_changed`] reads nothing under a mark once a change was acknowledged, to anybody, that
///   [`AccessMark`] grows with: it is asked of the store itself, never of what this process remembers.
/// - **The server itself** ([`Scope::SERVER`]) has a log, jobs, leases, admin keys and first answers, though no instance has its id.
///   Any other change there, or an event, is a [`CommitError::Conflict`] ([`scim_directory::Change::is_of_server`]).
/// - **First answers** belong to who asked, whatever the scope; of many who begin the same request one does. They are known
///   for [`scim_directory::ANSWERS_KEPT`], and pruned with the scope in which they were begun.
/// - **Leases** ([`scim_directory::LeaseChange`]) are the server's alone. Of many who take one at the same turn one does; its
///   turn never falls, and the store looks at no clock.
/// - **Order.** Every list has a total order with the id as tie-break.
/// - **Boundedness.** Nothing is loaded that is not returned; no call's cost grows with the directory, but for counts and
///   filters that no index answers.
///
/// [`IndexEntry`]: scim_core::resource::IndexEntry
pub trait Store: Send + Sync {
    /// What the backend can do.
    fn capabilities(&self) -> Capabilities;

    /// The record of that key; `None` where the scope's instance has none.
    fn get<'a>(
        &'a self,
        scope: &'a Scope,
        key: &'a Key,
        want: Want,
    ) -> BoxFuture<'a, Result<Option<Record>, StoreError>>;

    /// A page of records.
    fn find<'a>(&'a self, scope: &'a Scope, query: &'a Query) -> BoxFuture<'a, Result<Page, StoreError>>;

    /// Edges of several resources, in one read. Resources that are not there have none.
    fn edges<'a>(
        &'a self,
        scope: &'a Scope,
        query: &'a EdgeQuery,
    ) -> BoxFuture<'a, Result<EdgePage, StoreError>>;

    /// Answers to `questions`, one each, in the same order, in one round trip and of one moment. What another instance
    /// has is unknown.
    fn facts<'a>(
        &'a self,
        scope: &'a Scope,
        questions: &'a [Question],
    ) -> BoxFuture<'a, Result<Vec<Fact>, StoreError>>;

    /// Commits a change set. See the promises above. The effects are those after each change; the position is that of
    /// the last log record written, 0 where there was none.
    fn commit(&self, changes: ChangeSet) -> BoxFuture<'_, Result<Committed, CommitError>>;

    /// The log of the scope's instance, in commit order or against it. What [`crate::JournalFilter`] names is looked up, not
    /// searched for.
    fn journal<'a>(
        &'a self,
        scope: &'a Scope,
        query: &'a JournalQuery,
    ) -> BoxFuture<'a, Result<JournalPage, StoreError>>;

    /// The outbox of the scope's instance, in commit order: events after a position, at most so many.
    fn events<'a>(
        &'a self,
        scope: &'a Scope,
        after: Option<Position>,
        limit: usize,
    ) -> BoxFuture<'a, Result<EventPage, StoreError>>;

    /// Answers a question about what the scope's instance is made of.
    fn instance<'a>(
        &'a self,
        scope: &'a Scope,
        question: &'a InstanceQuestion,
    ) -> BoxFuture<'a, Result<InstanceAnswer, StoreError>>;

    /// Answers one of the closed list of questions that need no scope.
    fn server<'a>(&'a self, question: &'a ServerQuestion) -> BoxFuture<'a, Result<ServerAnswer, StoreError>>;

    /// As [`ServerQuestion::Key`], with a mark that [`Store::unless_changed`] takes: what was read is kept, and not read again
    /// for each request. The default asks that question and gives no mark, so that it is asked each time.
    fn key(&self, id: KeyId) -> BoxFuture<'_, Result<Option<MarkedKey>, StoreError>> {
        Box::pin(async move {
            match self.server(&ServerQuestion::Key(id)).await? {
                ServerAnswer::Key(context) => Ok(context.map(|context| MarkedKey { context, mark: None })),
                _ => Err(StoreError::internal("the store answered another question")),
            }
        })
    }

    /// Reads, in one round trip, unless anything that the mark is about has changed since it was given: then `None`, and the
    /// key is to be asked for again. What the mark is held against is at least as new as this call. A backend without marks,
    /// which is the default, is never asked.
    fn unless_changed<'a>(
        &'a self,
        mark: AccessMark,
        scope: &'a Scope,
        read: Read<'a>,
    ) -> BoxFuture<'a, Result<Option<Found>, StoreError>> {
        let _ = (mark, scope, read);
        Box::pin(std::future::ready(Ok(None)))
    }

    /// Whether the store answers: a cheap read, for `/readyz`.
    fn ready(&self) -> BoxFuture<'_, Result<(), StoreError>>;

    /// What the backend says of its own work, for monitoring: from counters, without a read. A backend that measures
    /// nothing says nothing, which is the default.
    fn measures(&self) -> Option<StoreMeasures> {
        None
    }
}
