//! Marks: what keeps keys in memory right. Whatever is changed about access, by whichever node, ends the marks of that
//! instance before the change is answered.

use pollster::block_on;
use scim_directory::{
    AdminChange, Change, ChangeSet, Condition, InstanceSettings, IntegrationUser, IntegrationUserId,
    KeptSecret, KeyChange, KeyId, KeyRecord, KeyTerms, KeyTouch, MappingVersion, Privilege, Revocation,
};
use scim_storage::{AccessMark, Found, MarkedKey, Query, Read, ServerAnswer, ServerQuestion, Store, Want};
use serde_json::json;

use crate::keyring::{Keyring, at};
use crate::meeting::nodes;
use crate::world::{World, is_conflict};

/// The mark of a key; `None` where the backend gives none, and nothing is promised.
fn mark(world: &World<'_>, key: &KeyRecord) -> Option<AccessMark> {
    let marked = block_on(world.store.key(key.id)).expect("a read").expect("a key");
    let MarkedKey { context, mark } = marked;
    assert_eq!(context.key.id, key.id);
    mark
}

fn read(world: &World<'_>, mark: AccessMark, read: Read<'_>) -> Option<Found> {
    block_on(world.store.unless_changed(mark, &world.scope, read)).expect("a read")
}

fn holds(world: &World<'_>, mark: AccessMark) -> bool {
    read(world, mark, Read::Nothing).is_some()
}

/// Under a mark that holds, what is read is what is read without one.
pub fn a_mark_that_holds_changes_no_answer(here: &dyn Store, there: &dyn Store) {
    let [writer, world] = &nodes(here, there);
    let store = world.store;
    let key = Keyring::new(writer).issue(KeyTerms::default());
    let (ada, nobody) =
        (writer.person("ada"), writer.new_record("User", &json!({ "userName": "nobody" })).key);
    let Some(mark) = mark(world, &key) else { return };
    assert_eq!(read(world, mark, Read::Nothing), Some(Found::Nothing));
    for want in [Want::RECORD, Want::FULL, Want::HEAD] {
        let plain = block_on(store.get(&world.scope, &ada, want)).expect("a read").map(Box::new);
        assert!(plain.is_some());
        assert_eq!(read(world, mark, Read::Get(&ada, want)), Some(Found::Record(plain)));
        assert_eq!(read(world, mark, Read::Get(&nobody, want)), Some(Found::Record(None)));
    }
    for filter in
        ["userName eq \"ada\"", "userName eq \"nobody\"", "externalId eq \"7\"", "active eq true", ""]
    {
        let query = Query { total: true, ..world.query(&[("User", filter, "")]) };
        let plain = block_on(store.find(&world.scope, &query)).expect("a read");
        assert_eq!(read(world, mark, Read::Find(&query)), Some(Found::Page(Box::new(plain))), "{filter}");
    }
}

/// Each change that a key's answers depend on ends the marks that were given before, on every node.
pub fn every_change_of_access_ends_a_mark(here: &dyn Store, there: &dyn Store) {
    let worlds = nodes(here, there);
    let ring = Keyring::new(&worlds[0]);
    let key = ring.issue(KeyTerms::default());
    let world = &worlds[0];
    let user = |name: &str, id: IntegrationUserId| IntegrationUser {
        id,
        instance: world.scope.instance,
        name: name.to_owned(),
        privilege: Privilege::LiteAdmin,
        suspended: true,
        email: None,
    };
    let touch = KeyTouch { key: key.id, at: at(9), address: None };
    let settings = InstanceSettings { seats: Some(7), ..InstanceSettings::default() };
    let mapping = MappingVersion { version: 1, at: at(1), text: "[]".to_owned() };
    let secret = KeptSecret::Mac { pepper: [8; 16], mac: [9; 32] };
    let changes = [
        AdminChange::UpdateInstanceSettings(settings),
        AdminChange::UpdateConnector(ring.connector.clone()),
        AdminChange::CreateIntegrationUser(user("another", IntegrationUserId::new(world.uuid()))),
        AdminChange::UpdateIntegrationUser(user("robot", ring.user)),
        AdminChange::SaveMapping(mapping),
        AdminChange::Key(KeyChange::FirstUse(touch)),
        AdminChange::Key(KeyChange::FirstWrite(key.id)),
        AdminChange::Key(KeyChange::Rehash(key.id, secret)),
        AdminChange::Key(KeyChange::EndTokens(key.id)),
        AdminChange::Key(KeyChange::SetTerms(
            key.id,
            KeyTerms { expires: Some(at(99)), ..KeyTerms::default() },
        )),
        AdminChange::Key(KeyChange::Remind(key.id, 7)),
        AdminChange::Key(KeyChange::Retire(key.id, at(50))),
        AdminChange::Key(KeyChange::Revoke(key.id, Revocation::ByHand)),
    ];
    for (round, change) in changes.into_iter().enumerate() {
        let (writer, reader) = (&worlds[round % 2], &worlds[(round + 1) % 2]);
        let (Some(own), Some(other)) = (mark(writer, &key), mark(reader, &key)) else { return };
        assert_eq!(own, other);
        assert!(holds(writer, own) && holds(reader, other));
        let told = format!("{change:?}");
        writer.commit(vec![Change::Admin(change)]);
        assert!(!holds(reader, other), "{told}");
        assert!(!holds(writer, own), "{told}");
        assert_eq!(read(reader, other, Read::Find(&reader.query(&[("User", "", "")]))), None);
    }
}

/// Conditions that name the generations of a key and of its instance hold only while nothing has changed that lets the key in:
/// what is committed under them needs no look at a mark.
pub fn conditions_end_with_what_lets_a_key_in(here: &dyn Store, there: &dyn Store) {
    let worlds = nodes(here, there);
    let ring = Keyring::new(&worlds[0]);
    let key = ring.issue(KeyTerms::default());
    let robot = IntegrationUser {
        id: ring.user,
        instance: ring.scope.instance,
        name: "robot".to_owned(),
        privilege: Privilege::ReadOnly,
        suspended: false,
        email: None,
    };
    let settings = InstanceSettings { unique_group_names: false, ..InstanceSettings::default() };
    let mapping = MappingVersion { version: 1, at: at(1), text: "[]".to_owned() };
    let changes = [
        AdminChange::UpdateInstanceSettings(settings),
        AdminChange::UpdateConnector(ring.connector.clone()),
        AdminChange::UpdateIntegrationUser(robot),
        AdminChange::SaveMapping(mapping),
        AdminChange::Key(KeyChange::SetTerms(key.id, KeyTerms::default())),
        AdminChange::Key(KeyChange::Retire(key.id, at(50))),
        AdminChange::Key(KeyChange::Revoke(key.id, Revocation::ByHand)),
    ];
    for (round, change) in changes.into_iter().enumerate() {
        let (writer, reader) = (&worlds[round % 2], &worlds[(round + 1) % 2]);
        let context = match reader.server(&ServerQuestion::Key(key.id)) {
            ServerAnswer::Key(Some(context)) => context,
            other => panic!("{other:?}"),
        };
        let commit = |world: &World<'_>| {
            let of_key = Condition::Key(key.id, context.key.generation);
            let conditions = vec![Condition::Generation(context.instance.generation), of_key];
            let set = world.change_set(world.scope, Vec::new());
            block_on(world.store.commit(ChangeSet { conditions, ..set }))
        };
        let told = format!("{change:?}");
        assert!(commit(reader).is_ok() && commit(writer).is_ok(), "{told}");
        writer.commit(vec![Change::Admin(change)]);
        assert!(is_conflict(&commit(reader)), "{told}");
        assert!(is_conflict(&commit(writer)), "{told}");
    }
}

/// What does not matter to a key leaves marks as they are: people, groups, when keys were used last, other instances.
pub fn a_mark_outlives_everything_else(here: &dyn Store, there: &dyn Store) {
    let worlds = nodes(here, there);
    let (writer, reader) = (&worlds[0], &worlds[1]);
    let ring = Keyring::new(writer);
    let key = ring.issue(KeyTerms::default());
    let Some(mark) = mark(reader, &key) else { return };
    writer.person("ada");
    writer.group("everybody");
    ring.must(KeyChange::Touch(vec![KeyTouch { key: key.id, at: at(9), address: None }]));
    let settings = InstanceSettings { seats: Some(7), ..InstanceSettings::default() };
    writer.commit_in(writer.elsewhere, vec![Change::Admin(AdminChange::UpdateInstanceSettings(settings))]);
    assert!(holds(reader, mark) && holds(writer, mark));
    // A change that is refused changes nothing.
    let unknown = KeyId::new(writer.uuid());
    let refused = writer.try_commit(vec![Change::Admin(AdminChange::Key(KeyChange::EndTokens(unknown)))]);
    assert!(refused.is_err());
    assert!(holds(reader, mark));
}
