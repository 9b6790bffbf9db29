//! Instances do not see or touch one another.

use std::sync::Arc;

use pollster::block_on;
use scim_directory::{Action, EdgeOutcome, Fact, Question, Target};
use scim_storage::{Direction, EdgeQuery, Store};
use serde_json::json;

use crate::world::{World, delete, hold, is_conflict, log, members};

/// Every read through another instance's scope finds nothing.
pub fn reads_see_their_instance_alone(store: &dyn Store) {
    let world = World::new(store);
    let body = json!({ "userName": "mira", "externalId": "m-1" });
    let mira = world.create("User", &body);
    let group = world.group("Chefs");
    let mut changes = world.change_set(world.scope, vec![members(&group, &[&mira], &[])]);
    changes.log = vec![log(Action::MemberAdded, &group, Vec::new())];
    world.commit_set(changes);

    let elsewhere = world.from_elsewhere();
    assert_eq!(elsewhere.get(&mira), None);
    for filter in [
        "",
        r#"userName eq "mira""#,
        r#"externalId eq "m-1""#,
        &format!("id eq \"{}\"", mira.id),
        "groups pr",
    ] {
        let mut query = elsewhere.query(&[("User", filter, "")]);
        query.total = true;
        let page = elsewhere.find(&query);
        assert_eq!((page.records.len(), page.total), (0, Some(0)), "{filter}");
        let query = elsewhere.query(&[("User", filter, "userName"), ("Group", "", "displayName")]);
        assert_eq!(elsewhere.ids(&query), []);
    }
    for (of, direction) in [(&group, Direction::Members), (&mira, Direction::Groups)] {
        assert_eq!(elsewhere.edges(&elsewhere.scope, of, direction), []);
        let query = EdgeQuery {
            of: vec![of.id],
            direction,
            only: Some(vec![mira.id, group.id]),
            after: None,
            limit: 10,
        };
        assert_eq!(block_on(store.edges(&elsewhere.scope, &query)).expect("a read").edges, []);
    }
    for reference in [mira.id.to_string(), "m-1".to_owned(), "mira".to_owned()] {
        assert_eq!(elsewhere.fact(Question::Target(reference)), Fact::Target(Target::Unknown));
    }
    assert_eq!(elsewhere.fact(Question::Display(mira.id)), Fact::Display(None));
    assert_eq!(
        elsewhere.fact(Question::Count(Arc::from("User"), scim_directory::Tally::All)),
        Fact::Count(0)
    );
    assert_eq!(elsewhere.journal(&elsewhere.scope), []);
    assert_eq!(world.journal(&world.scope).len(), 1);
    world.commit(vec![delete(&mira)]);
    assert_eq!(elsewhere.fact(Question::Target(mira.id.to_string())), Fact::Target(Target::Unknown));
}

/// A change set through another instance's scope changes nothing and links nothing.
pub fn writes_change_their_instance_alone(store: &dyn Store) {
    let world = World::new(store);
    let (mira, group) = (world.person("mira"), world.group("Chefs"));
    world.commit(vec![hold(&group, &["noah"])]);
    let elsewhere = world.from_elsewhere();
    let (own, own_group) = (elsewhere.person("mira"), elsewhere.group("Chefs"));
    for change in [
        elsewhere.update(&mira, 1, &json!({ "userName": "taken over" })),
        delete(&mira),
        delete(&group),
        members(&group, &[&own], &[]),
        hold(&group, &["x"]),
    ] {
        let result = elsewhere.try_commit(vec![change.clone()]);
        assert!(is_conflict(&result), "{change:?}: {result:?}");
    }
    assert_eq!(
        elsewhere.edit_members(&own_group, &[&mira], &[&mira]),
        [EdgeOutcome::Unchanged, EdgeOutcome::Gone]
    );
    assert_eq!(elsewhere.others(&own_group, Direction::Members), []);
    elsewhere.person("noah");
    assert_eq!((world.version(&mira), world.version(&group), world.membership(&mira)), (1, 1, 0));
    assert_eq!(world.others(&group, Direction::Members), []);
    elsewhere.commit(vec![delete(&own), delete(&own_group)]);
    assert!(world.get(&mira).is_some() && world.get(&group).is_some());
    // The same manager id means nobody elsewhere.
    let urn = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
    let body = json!({ "userName": "report", urn: { "manager": { "value": mira.id.to_string() } } });
    elsewhere.create("User", &body);
    let filter = format!("{urn}:manager.displayName pr");
    assert_eq!(elsewhere.ids(&elsewhere.query(&[("User", &filter, "")])), []);
}
