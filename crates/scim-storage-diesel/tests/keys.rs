//! Keys and peppers where several processes have the same file open.

#![expect(clippy::expect_used, clippy::panic, reason = "a panic is how a test answers")]

use std::path::Path;

use pollster::block_on;
use scim_directory::{
    AdminChange, Change, ChangeSet, Condition, Connector, IntegrationUserId, KeptSecret, KeyChange, KeyId,
    KeyRecord, KeyTerms, Revocation,
};
use scim_storage::{CommitError, ServerAnswer, ServerQuestion, Store as _};
use scim_storage_diesel::{Options, SqliteStore};
use scim_storage_suite::world::World;

fn open(path: &Path) -> SqliteStore {
    SqliteStore::open(path, Options::default()).expect("opens")
}

fn connector(world: &World<'_>) -> Connector {
    let id = world.scope.connector.expect("a connector");
    match world.server(&ServerQuestion::Connector(world.scope.instance, id)) {
        ServerAnswer::Connector(Some(connector)) => connector,
        other => panic!("{other:?}"),
    }
}

fn issue(world: &World<'_>, user: IntegrationUserId) -> KeyRecord {
    let secret = KeptSecret::Mac { pepper: [1; 16], mac: [2; 32] };
    let (id, ending) = (KeyId::new(world.uuid()), "wxyz".to_owned());
    let key =
        KeyRecord::issued(id, &connector(world), user, secret, ending, world.now(), KeyTerms::default());
    world.commit(vec![change(KeyChange::Issue(Box::new(key.clone())))]);
    key
}

fn change(change: KeyChange) -> Change {
    Change::Admin(AdminChange::Key(change))
}

fn read(store: &SqliteStore, id: KeyId) -> KeyRecord {
    match block_on(store.server(&ServerQuestion::Key(id))).expect("a read") {
        ServerAnswer::Key(Some(context)) => context.key,
        other => panic!("{other:?}"),
    }
}

fn accepts(store: &SqliteStore, pepper: u8) -> bool {
    match block_on(store.server(&ServerQuestion::Peppers(vec![[pepper; 16]]))).expect("a read") {
        ServerAnswer::Peppers(known) => known.accepted,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_revocation_is_seen_by_the_next_read_of_every_process() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("two.sqlite3");
    let (server, command_line) = (open(&path), open(&path));
    let world = World::new(&command_line);
    let user = world.integration_user(world.scope.instance, "robot");
    for _ in 0..20 {
        let key = issue(&world, user);
        // The server has read, on every one of its connections, that the key is good.
        let readers: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| read(&server, key.id))).collect();
            threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
        });
        assert!(readers.iter().all(|read| *read == key));
        let conditions = || vec![Condition::Key(key.id, 1)];
        let set = world.change_set(world.scope, Vec::new());
        block_on(server.commit(ChangeSet { conditions: conditions(), ..set })).expect("still good");
        world.commit(vec![change(KeyChange::Revoke(key.id, Revocation::ByHand))]);
        let seen = read(&server, key.id);
        assert_eq!(seen, KeyRecord { revoked: seen.revoked, generation: 2, ..key.clone() });
        assert!(seen.revoked.is_some());
        let set = world.change_set(world.scope, Vec::new());
        let late = block_on(server.commit(ChangeSet { conditions: conditions(), ..set }));
        assert!(matches!(late, Err(CommitError::Conflict)), "{late:?}");
    }
}

#[test]
fn processes_with_different_peppers_do_not_share_a_file() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("peppers.sqlite3");
    let stores: Vec<_> = (0..4).map(|_| open(&path)).collect();
    let accepted: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (1_u8..)
            .zip(&stores)
            .map(|(pepper, store)| scope.spawn(move || accepts(store, pepper)))
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
    });
    assert_eq!(accepted.iter().filter(|accepted| **accepted).count(), 1, "{accepted:?}");
    drop(stores);
    let again: Vec<_> = (1..=4).map(|pepper| accepts(&open(&path), pepper)).collect();
    assert_eq!(again, accepted);
}
