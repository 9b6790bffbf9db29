//! A connector with an integration user, and short ways to make, change and read its keys.

use std::sync::Barrier;

use pollster::block_on;
use scim_core::instant::Timestamp;
use scim_directory::{
    AdminChange, Change, ChangeSet, Committed, Condition, Connector, IntegrationUserId, KeptSecret,
    KeyChange, KeyId, KeyRecord, KeyTerms, Scope,
};
use scim_storage::{CommitError, KeyContext, ServerAnswer, ServerQuestion};

use crate::world::{BEGINNING, World};

/// How many meet in a race.
pub(crate) const RACERS: usize = 8;

/// Who holds keys, and where.
pub(crate) struct Keyring<'w, 's> {
    pub(crate) world: &'w World<'s>,
    pub(crate) scope: Scope,
    pub(crate) connector: Connector,
    pub(crate) user: IntegrationUserId,
}

impl<'w, 's> Keyring<'w, 's> {
    /// A new integration user of [`World::scope`]'s instance, at its connector.
    pub(crate) fn new(world: &'w World<'s>) -> Self {
        let scope = world.scope;
        let question = ServerQuestion::Connector(scope.instance, scope.connector.expect("a connector"));
        let ServerAnswer::Connector(Some(connector)) = world.server(&question) else { panic!() };
        let user = world.integration_user(scope.instance, "robot");
        Self { world, scope, connector, user }
    }

    /// The same for another integration user.
    pub(crate) fn of(&self, user: IntegrationUserId) -> Self {
        Self { world: self.world, scope: self.scope, connector: self.connector.clone(), user }
    }

    /// The same as another node sees it.
    pub(crate) fn at<'v, 't>(&self, world: &'v World<'t>) -> Keyring<'v, 't> {
        Keyring { world, scope: self.scope, connector: self.connector.clone(), user: self.user }
    }

    /// A key that is not issued yet.
    pub(crate) fn make(&self, terms: KeyTerms) -> KeyRecord {
        let id = KeyId::new(self.world.uuid());
        let ending = "wxyz".to_owned();
        KeyRecord::issued(id, &self.connector, self.user, mac(1), ending, self.world.now(), terms)
    }

    /// A key that was issued.
    pub(crate) fn issue(&self, terms: KeyTerms) -> KeyRecord {
        let key = self.make(terms);
        self.must(KeyChange::Issue(Box::new(key.clone())));
        key
    }

    /// One that ends at a moment.
    pub(crate) fn issue_until(&self, expires: Timestamp) -> KeyRecord {
        self.issue(KeyTerms { expires: Some(expires), ..KeyTerms::default() })
    }

    /// What comes of a change at a moment, under conditions.
    pub(crate) fn change_if(
        &self,
        at: Timestamp,
        conditions: Vec<Condition>,
        change: KeyChange,
    ) -> Result<Committed, CommitError> {
        let set = self.world.change_set(self.scope, vec![Change::Admin(AdminChange::Key(change))]);
        block_on(self.world.store.commit(ChangeSet { at, conditions, ..set }))
    }

    /// What comes of a change.
    pub(crate) fn change(&self, change: KeyChange) -> Result<Committed, CommitError> {
        self.change_if(self.world.now(), Vec::new(), change)
    }

    /// A change that must be possible.
    pub(crate) fn must(&self, change: KeyChange) {
        self.change(change).expect("committed");
    }

    /// The same at a moment.
    pub(crate) fn must_at(&self, at: Timestamp, change: KeyChange) {
        self.change_if(at, Vec::new(), change).expect("committed");
    }

    /// The key as it is kept now.
    pub(crate) fn read(&self, id: KeyId) -> KeyRecord {
        let ServerAnswer::Key(Some(context)) = self.world.server(&ServerQuestion::Key(id)) else {
            panic!("no key {id}")
        };
        context.key
    }

    /// The keys that are live at a moment.
    pub(crate) fn live(&self, at: Timestamp) -> Vec<KeyId> {
        let (instance, connector, user) = (self.scope.instance, self.connector.id, self.user);
        ids(self.world.server(&ServerQuestion::LiveKeys { instance, connector, user, at }))
    }
}

/// The ids of the keys of an answer.
pub(crate) fn ids(answer: ServerAnswer) -> Vec<KeyId> {
    contexts(answer).into_iter().map(|context| context.key.id).collect()
}

/// The keys of an answer.
pub(crate) fn contexts(answer: ServerAnswer) -> Vec<KeyContext> {
    match answer {
        ServerAnswer::Keys(contexts) => contexts,
        other => panic!("{other:?}"),
    }
}

/// A keyed hash by that pepper.
pub(crate) const fn mac(pepper: u8) -> KeptSecret {
    KeptSecret::Mac { pepper: [pepper; 16], mac: [0xa5; 32] }
}

/// So many milliseconds after the beginning.
pub(crate) fn at(millis: i64) -> Timestamp {
    BEGINNING.plus_millis(millis)
}

/// What each of many threads gets that begin at once.
pub(crate) fn race<T: Send>(act: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let (act, barrier) = (&act, &Barrier::new(RACERS));
    std::thread::scope(|scope| {
        let racer = |number| {
            scope.spawn(move || {
                barrier.wait();
                act(number)
            })
        };
        let racers: Vec<_> = (0..RACERS).map(racer).collect();
        racers.into_iter().map(|racer| racer.join().expect("no panic")).collect()
    })
}

/// How many of them were committed, where the others were conflicts.
pub(crate) fn won(results: &[Result<Committed, CommitError>]) -> usize {
    let lost = results.iter().filter(|result| matches!(result, Err(CommitError::Conflict))).count();
    let won = results.iter().filter(|result| result.is_ok()).count();
    assert_eq!(won + lost, results.len(), "{results:?}");
    won
}
