//! What the PATCH of a group reads besides what it changes.

use std::sync::Arc;

use pollster::block_on;
use scim_provider::Method;
use scim_provider::admin::Membership;
use serde_json::{Value, json};

use crate::races::World;

fn user(world: &World, name: &str) -> String {
    let user = json!({ "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": name });
    world.made("/Users", &user)
}

/// A group with so many members, and who else is there.
fn group(world: &World, members: usize) -> (String, Vec<String>) {
    let people: Vec<String> = (0..members + 3).map(|number| user(world, &format!("p{number}"))).collect();
    let values: Vec<Value> = people.iter().take(members).map(|id| json!({ "value": id })).collect();
    let group = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": "Chefs", "members": values
    });
    (world.made("/Groups", &group), people)
}

/// Adds or removes a member: the answer's status, how many members it shows, and how often edges were read for it.
fn edit(world: &World, group: &str, op: &str, members: &[&str]) -> (u16, usize, usize) {
    let members: Vec<Value> = members.iter().map(|id| json!({ "value": id })).collect();
    let (status, shown, (edges, facts)) =
        patch(world, group, &json!([{ "op": op, "path": "members", "value": members }]));
    assert_eq!(facts, 1, "who they are, and how many there are");
    (status, shown, edges)
}

/// The answer's status, how many members it shows, and how often edges were read for it, and facts.
fn patch(world: &World, group: &str, operations: &Value) -> (u16, usize, (usize, usize)) {
    let body = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": operations
    });
    world.store.read();
    let response = world.send(Method::Patch, &format!("/Groups/{group}"), &body);
    let shown = serde_json::from_slice::<Value>(&response.body).unwrap_or_default();
    (response.status, shown["members"].as_array().map_or(0, Vec::len), world.store.read())
}

#[test]
fn a_large_group_is_not_read_when_a_member_comes_or_goes() {
    let world = World::new();
    let (group, people) = group(&world, 30);
    assert_eq!(edit(&world, &group, "add", &[&people[30]]), (204, 0, 0));
    assert_eq!(edit(&world, &group, "add", &[&people[30], &people[31]]), (204, 0, 0));
    let leaving: Vec<&str> = people.iter().take(11).map(String::as_str).collect();
    assert_eq!(edit(&world, &group, "remove", &leaving), (204, 0, 0), "21 are left");
    assert_eq!(edit(&world, &group, "remove", &[&people[11]]), (200, 20, 1), "20 are left");
}

#[test]
fn a_small_group_is_read_once_for_its_answer() {
    let world = World::new();
    let (group, people) = group(&world, 19);
    assert_eq!(edit(&world, &group, "add", &[&people[19]]), (200, 20, 1));
    assert_eq!(edit(&world, &group, "remove", &[&people[0]]), (200, 19, 1));
    // Nobody knows before the commit who of them is in it already.
    assert_eq!(edit(&world, &group, "add", &[&people[1], &people[2], &people[3]]), (200, 19, 1));
    assert_eq!(edit(&world, &group, "add", &[&people[0], &people[20]]), (204, 0, 1), "21 are too many");
}

#[test]
fn whom_a_request_names_is_looked_up_at_once() {
    let world = World::new();
    let (group, people) = group(&world, 5);
    let mut operations: Vec<Value> = people
        .iter()
        .take(3)
        .map(|id| json!({ "op": "remove", "path": format!("members[value eq \"{id}\"]") }))
        .collect();
    operations.push(json!({ "op": "add", "path": "members", "value": [{ "value": people[0] }] }));
    operations.push(json!({ "op": "add", "path": "members", "value": [{ "value": people[5] }] }));
    let (status, shown, read) = patch(&world, &group, &operations.into());
    assert_eq!((status, shown, read), (200, 4, (1, 1)));
    let rename = json!([{ "op": "replace", "path": "displayName", "value": "Cooks" }]);
    assert_eq!(patch(&world, &group, &rename), (200, 4, (1, 0)), "nobody is named");
}

#[test]
fn who_comes_meanwhile_is_shown_or_one_too_many() {
    let world = World::new();
    let (group, people) = group(&world, 18);
    for (own, other, expected) in [(18, 19, (200, 20)), (0, 20, (204, 0))] {
        let (admin, instance) = (Arc::clone(&world.admin), world.instance.clone());
        let [group_id, other] = [&group, &people[other]].map(|id| id.parse().expect("an id"));
        world.store.meddle(move || {
            let joins = admin.group_member(&instance, group_id, (other, Membership::Joins), |_| Ok(()));
            block_on(joins).expect("joins");
        });
        let add = json!([{ "op": "add", "path": "members", "value": [{ "value": people[own] }] }]);
        let (status, shown, _) = patch(&world, &group, &add);
        assert_eq!((status, shown), expected, "both came");
    }
}

#[test]
fn references_that_wait_are_shown_with_a_small_group() {
    let world = World::new();
    let (group, people) = group(&world, 3);
    let waiting: Vec<String> = (0..25).map(|number| format!("later {number}")).collect();
    let mut add: Vec<&str> = waiting.iter().take(2).map(String::as_str).collect();
    add.push(&people[3]);
    assert_eq!(edit(&world, &group, "add", &add), (200, 6, 1));
    let all: Vec<&str> = waiting.iter().map(String::as_str).collect();
    let (status, shown, _) = edit(&world, &group, "add", &all);
    assert_eq!((status, shown), (200, 29), "all of them, however many wait");
}
