//! Direct managers are linked when they are there and managed, and wait when they are not.

use crate::people::{account, full, managed, manager_events, reporting};
use crate::world::{World, delete};
use scim_directory::{AccountState, Action, Change, Key, ResourceId, Version};
use scim_storage::Store;
use serde_json::{Value, json};

fn manager(world: &World<'_>, key: &Key) -> Option<ResourceId> {
    world.there(key).direct_manager
}

fn actions(world: &World<'_>) -> Vec<(Action, String)> {
    let entries = world.journal(&world.scope).into_iter();
    entries.map(|entry| (entry.record.action, entry.record.resource.expect("about somebody").id)).collect()
}

/// A managed person is linked by id or user name, in any letter case, in the commit that names it.
pub fn a_manager_who_is_there_is_linked_at_once(store: &dyn Store) {
    let world = World::new(store);
    let boss = reporting(&world, "boss", None);
    let upper = boss.id.to_string().to_uppercase();
    for (name, reference) in [("a", boss.id.to_string()), ("b", "BOSS".to_owned()), ("c", upper)] {
        let report = reporting(&world, name, Some(&reference));
        assert_eq!(manager(&world, &report), Some(boss.id), "{reference}");
        assert_eq!(world.version(&report), 1);
    }
    assert_eq!(manager_events(&world).len(), 3);
    assert_eq!(actions(&world).len(), 3);
}

/// Those who wait for a person by id, `externalId` or user name are linked in the commit that creates it, which logs
/// that and puts out events; nobody is linked to itself, and no version of a report changes.
pub fn who_waits_is_linked_in_the_commit_that_brings_the_manager(store: &dyn Store) {
    let world = World::new(store);
    let by_name = reporting(&world, "by name", Some("Boss"));
    let by_external_id = reporting(&world, "by external id", Some("E7"));
    let mut new = managed(&world, &json!({ "userName": "boss", "externalId": "E7" }));
    let by_id = reporting(&world, "by id", Some(&new.key.id.to_string().to_uppercase()));
    let reports = [&by_name, &by_external_id, &by_id];
    assert!(reports.iter().all(|key| manager(&world, key).is_none()));
    let boss = new.key.clone();
    // Reports to itself, which links nobody.
    new.content.reports_to = Some("boss".to_owned());
    let committed = world.commit(vec![Change::Create(new)]);
    for key in reports {
        assert_eq!(manager(&world, key), Some(boss.id));
        assert_eq!(world.version(key), 1, "the person who reports is as it was");
    }
    assert_eq!(manager(&world, &boss), None);
    let expected: Vec<_> = reports.iter().map(|key| (Action::ReferenceLinked, key.id.to_string())).collect();
    assert_eq!(actions(&world), expected);
    assert_eq!(world.journal(&world.scope).last().map(|entry| entry.position), Some(committed.position));
    let events = manager_events(&world);
    assert_eq!(events[0], (by_name.id, Value::Null, json!(boss.id.to_string())));
    assert_eq!(events.len(), 3);
}

/// An `externalId` of another connector links nobody, and an edit in the application keeps which connector sent the
/// reference.
pub fn an_external_id_counts_at_the_connector_that_sent_the_reference(store: &dyn Store) {
    let world = World::new(store);
    let report = reporting(&world, "report", Some("E7"));
    let other = managed(&world, &json!({ "userName": "other", "externalId": "E7" }));
    world.commit_in(world.other_connector, vec![Change::Create(other)]);
    assert_eq!(manager(&world, &report), None);
    // An edit in the application keeps who sent the reference.
    let mut content = full_content(&world, &report, "renamed");
    content.reports_to = Some("E7".to_owned());
    let nobody = scim_directory::Scope { connector: None, ..world.scope };
    let edit = Change::Update { key: report.clone(), expected: Version(1), content, external_id: None };
    world.commit_in(nobody, vec![edit]);
    let boss = managed(&world, &json!({ "userName": "boss", "externalId": "E7" }));
    let key = boss.key.clone();
    world.commit(vec![Change::Create(boss)]);
    assert_eq!(manager(&world, &report), Some(key.id));
}

/// A manager whom no connector manages is linked once one does.
pub fn an_unmanaged_manager_is_linked_when_picked_up(store: &dyn Store) {
    let world = World::new(store);
    let boss = world.person("boss");
    let report = reporting(&world, "report", Some("boss"));
    assert_eq!(manager(&world, &report), None);
    let content = full_content(&world, &boss, "boss");
    world.commit(vec![Change::Update {
        key: boss.clone(),
        expected: Version(1),
        content,
        external_id: None,
    }]);
    assert_eq!(manager(&world, &report), Some(boss.id));
}

/// With a deleted manager the link goes, is logged and put out, and the reference waits again.
pub fn a_manager_who_is_deleted_is_waited_for(store: &dyn Store) {
    let world = World::new(store);
    let boss = reporting(&world, "boss", None);
    let report = reporting(&world, "report", Some("boss"));
    world.commit(vec![delete(&boss)]);
    assert_eq!(manager(&world, &report), None);
    assert_eq!(world.version(&report), 1);
    assert_eq!(actions(&world).last(), Some(&(Action::ReferenceCleared, report.id.to_string())));
    assert_eq!(manager_events(&world).last(), Some(&(report.id, json!(boss.id.to_string()), Value::Null)));
    let next = reporting(&world, "boss", None);
    assert_eq!(manager(&world, &report), Some(next.id));
}

/// Another reference is looked up, the same one is not, and none clears the link.
pub fn another_reference_means_another_manager(store: &dyn Store) {
    let world = World::new(store);
    let (first, second) = (reporting(&world, "first", None), reporting(&world, "second", None));
    let report = reporting(&world, "report", Some("first"));
    let told = manager_events(&world).len();
    for (version, reference, expected) in [
        (1, Some("second"), Some(second.id)),
        (2, Some("second"), Some(second.id)),
        (3, Some("nobody"), None),
        (4, Some("first"), Some(first.id)),
        (5, None, None),
    ] {
        let mut content = full_content(&world, &report, "report");
        content.reports_to = reference.map(str::to_owned);
        let key = report.clone();
        world.commit(vec![Change::Update { key, expected: Version(version), content, external_id: None }]);
        assert_eq!(manager(&world, &report), expected, "{reference:?}");
    }
    assert_eq!(manager_events(&world).len(), told + 4);
    assert_eq!(full(&world, &report).account.expect("an account").state, AccountState::Active);
}

fn full_content(world: &World<'_>, key: &Key, user_name: &str) -> scim_directory::Content {
    account(world, world.content(key, &json!({ "userName": user_name })), AccountState::Active)
}
