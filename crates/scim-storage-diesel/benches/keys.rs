//! Reading keys, which every request does, where there is one and where there are ten thousand; and what runs over all of
//! them now and then: `cargo bench -p scim-storage-diesel --bench keys`.

#![expect(clippy::expect_used, missing_docs, reason = "a benchmark; a panic is how it fails")]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use pollster::block_on;
use scim_core::instant::Timestamp;
use scim_directory::{
    AccessScope, AccessScopes, AdminChange, Change, Connector, ConnectorId, ConnectorSettings, DialectName,
    Instance, InstanceId, InstanceSettings, IntegrationUser, IntegrationUserId, KeptSecret, KeyChange, KeyId,
    KeyLimits, KeyRecord, KeyTerms, KeyTouch, Networks, Privilege, Rate, Scope,
};
use scim_storage::{ServerQuestion, Store as _};
use scim_storage_diesel::{Options, SqliteStore};
use scim_storage_suite::world::{BEGINNING, World};

/// Keys of an instance.
const KEYS: usize = 10;

/// An instance with a connector, an integration user and keys, of which the last has limits of its own.
fn fill(world: &World<'_>, name: String, keys: usize) -> (InstanceId, Vec<KeyId>) {
    let id = InstanceId::new(world.uuid());
    let settings = InstanceSettings::default();
    let instance = Instance { id, name, created: BEGINNING, settings, generation: 1 };
    let connector = Connector {
        id: ConnectorId::new(world.uuid()),
        instance: id,
        name: "default".to_owned(),
        created: BEGINNING,
        dialect: DialectName::Lenient,
        keep_passwords: false,
        settings: ConnectorSettings::default(),
    };
    let user = IntegrationUser {
        id: IntegrationUserId::new(world.uuid()),
        instance: id,
        name: "robot".to_owned(),
        privilege: Privilege::LiteAdmin,
        suspended: false,
        email: None,
    };
    let made: Vec<_> = (0..keys).map(|number| key(world, &connector, user.id, number)).collect();
    let ids = made.iter().map(|key| key.id).collect();
    let mut changes = vec![
        AdminChange::CreateInstance(instance),
        AdminChange::CreateConnector(connector),
        AdminChange::CreateIntegrationUser(user),
    ];
    changes.extend(made.into_iter().map(|key| AdminChange::Key(KeyChange::Issue(Box::new(key)))));
    let scope = Scope { instance: id, connector: None };
    world.commit_in(scope, changes.into_iter().map(Change::Admin).collect());
    (id, ids)
}

fn key(world: &World<'_>, connector: &Connector, user: IntegrationUserId, number: usize) -> KeyRecord {
    let limits = KeyLimits {
        scopes: AccessScopes::ALL.and(AccessScopes::NONE.with(AccessScope::UsersRead)),
        networks: Networks::new(vec!["192.0.2.0/24".parse().expect("a network")]),
        rate: Some(Rate { per_second: 50, burst: 100 }),
    };
    let limits = if number + 1 == KEYS { limits } else { KeyLimits::default() };
    let terms = KeyTerms { not_before: None, expires: Some(late()), limits };
    let secret = KeptSecret::Mac { pepper: [1; 16], mac: [2; 32] };
    let (id, ending) = (KeyId::new(world.uuid()), "wxyz".to_owned());
    KeyRecord::issued(id, connector, user, secret, ending, world.now(), terms)
}

fn late() -> Timestamp {
    BEGINNING.plus_millis(365 * 86_400_000)
}

fn keys(criterion: &mut Criterion) {
    for instances in [1, 1000] {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let store =
            SqliteStore::open(&directory.path().join("keys.sqlite3"), Options::default()).expect("opens");
        let world = World::new(&store);
        let each = if instances == 1 { 1 } else { KEYS };
        let filled: Vec<_> =
            (0..instances).map(|number| fill(&world, format!("instance {number}"), each)).collect();
        let ids: Vec<KeyId> = filled.iter().flat_map(|(_, ids)| ids).copied().collect();
        let count = ids.len();
        let mut ask = |name: &str, question: &dyn Fn(usize) -> ServerQuestion| {
            let mut turn = 0_usize;
            criterion.bench_function(&format!("{name}, of {count}"), |bencher| {
                bencher.iter(|| {
                    turn = turn.wrapping_add(7919);
                    block_on(store.server(black_box(&question(turn)))).expect("read")
                });
            });
        };
        let one = *ids.first().expect("a key");
        ask("one key", &|_| ServerQuestion::Key(one));
        ask("a key", &|turn| ServerQuestion::Key(ids.get(turn % count).copied().unwrap_or(one)));
        if instances == 1 {
            continue;
        }
        let limited = *ids.get(KEYS - 1).expect("a key with limits");
        ask("a key with limits", &|_| ServerQuestion::Key(limited));
        let before = late().plus_millis(1);
        ask("100 keys that are due", &|_| ServerQuestion::KeysDue { before, after: None, limit: 100 });
        ask("whose peppers", &|_| ServerQuestion::Peppers(vec![[1; 16]]));
        let (instance, ids) = fill(&world, "large".to_owned(), 1000);
        let scope = Scope { instance, connector: None };
        let touch = |key: &KeyId| KeyTouch { key: *key, at: world.now(), address: None };
        criterion.bench_function("touch 1000 keys", |bencher| {
            bencher.iter(|| {
                let touched = KeyChange::Touch(ids.iter().map(touch).collect());
                world.commit_in(scope, vec![Change::Admin(AdminChange::Key(touched))])
            });
        });
    }
}

criterion_group!(benches, keys);
criterion_main!(benches);
