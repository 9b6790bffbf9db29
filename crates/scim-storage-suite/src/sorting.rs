//! Sorted queries (RFC 7644 §3.4.2.3).

use scim_directory::ResourceId;
use scim_storage::{Query, Sort, Start, Store};
use serde_json::{Value, json};

use crate::world::{World, members};

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// Makes a resource of each body, and expects them sorted ascending by `path` in the order of `expected`, an index into
/// `bodies` each; groups of equals and what has no value in brackets of their own.
fn check(world: &World<'_>, resource_type: &str, bodies: &[Value], path: &str, expected: &[&[usize]]) {
    let ids: Vec<_> = bodies.iter().map(|body| world.create(resource_type, body).id).collect();
    check_ids(world, &ids, resource_type, path, expected);
}

/// Equals stay in the order of ids, whichever way the rest goes.
fn check_ids(world: &World<'_>, ids: &[ResourceId], resource_type: &str, path: &str, expected: &[&[usize]]) {
    let mut query = world.query(&[(resource_type, "", path)]);
    let order = |groups: &mut dyn Iterator<Item = &&[usize]>| -> Vec<ResourceId> {
        groups.flat_map(|group| group.iter().map(|index| ids[*index])).collect()
    };
    let found = |query: &Query| -> Vec<_> {
        let all: Vec<_> = world.ids(query);
        all.into_iter().filter(|id| ids.contains(id)).collect()
    };
    assert_eq!(found(&query), order(&mut expected.iter()), "{path} ascending");
    query.sort = Some(Sort { descending: true });
    assert_eq!(found(&query), order(&mut expected.iter().rev()), "{path} descending");
}

/// Strings sort without regard to case unless they are exact, and by the bytes of their keys, not by a locale.
pub fn texts_sort_by_their_keys(store: &dyn Store) {
    let world = World::new(store);
    let bodies = ["b", "A", "C", "É", "ß", "a\u{301}", "_", "Z", "10", "9", "é", "ss", "🦉"]
        .map(|label| json!({ "label": label, "serial": label, "link": label }));
    let folded: [&[usize]; 11] = [&[8], &[9], &[6], &[1], &[0], &[2], &[4, 11], &[7], &[5], &[3, 10], &[12]];
    check(&world, "Device", &bodies, "label", &folded);
    let exact: [&[usize]; 5] = [&[1], &[2], &[7], &[6], &[0]];
    let letters = [0, 1, 2, 6, 7].map(|index| bodies[index].clone());
    let index = |at: &usize| [0, 1, 2, 6, 7].iter().position(|index| index == at).unwrap_or_default();
    let exact = exact.map(|group| group.iter().map(index).collect::<Vec<_>>());
    let exact: Vec<&[usize]> = exact.iter().map(Vec::as_slice).collect();
    check(&world, "Device", &letters, "serial", &exact);
    check(&world, "Device", &letters, "link", &exact);
}

/// Who has no value comes last ascending and first descending; ids break ties, ascending both times.
pub fn resources_without_a_value(store: &dyn Store) {
    let world = World::new(store);
    let bodies = [
        json!({ "userName": "a", "title": "x" }),
        json!({ "userName": "b" }),
        json!({ "userName": "c", "title": "w", ENTERPRISE: { "department": "D" } }),
        json!({ "userName": "d", "title": "X", "name": { "familyName": "F" } }),
        json!({ "userName": "e", "name": { "givenName": "G" } }),
    ];
    let ids: Vec<_> = bodies.iter().map(|body| world.create("User", body).id).collect();
    check_ids(&world, &ids, "User", "title", &[&[2], &[0, 3], &[1, 4]]);
    check_ids(&world, &ids, "User", "name.familyName", &[&[3], &[0, 1, 2, 4]]);
    check_ids(&world, &ids, "User", &format!("{ENTERPRISE}:department"), &[&[2], &[0, 1, 3, 4]]);
    check_ids(&world, &ids, "User", "nickName", &[&[0, 1, 2, 3, 4]]);
}

/// A multi-valued attribute sorts by its primary value, else by its first.
pub fn primary_or_first_value(store: &dyn Store) {
    let world = World::new(store);
    let bodies = [
        json!({ "userName": "a", "emails": [{ "value": "m" }, { "value": "z" }] }),
        json!({ "userName": "b", "emails": [{ "value": "z" }, { "value": "A", "primary": true }] }),
        json!({ "userName": "c", "emails": [{ "value": "c", "primary": false }, { "value": "a" }] }),
        json!({ "userName": "d" }),
        json!({ "userName": "e", "emails": [{ "value": "a", "type": "x" }, { "type": "work", "primary": true }] }),
    ];
    let ids: Vec<_> = bodies.iter().map(|body| world.create("User", body).id).collect();
    check_ids(&world, &ids, "User", "emails.value", &[&[1], &[2], &[0], &[3, 4]]);
    check_ids(&world, &ids, "User", "emails.type", &[&[4], &[0, 1, 2, 3]]);
    let bodies = [json!({ "tags": ["n", "a"] }), json!({ "tags": ["B", "z"] }), json!({ "label": "x" })];
    check(&world, "Device", &bodies, "tags", &[&[1], &[0], &[2]]);
}

/// Numbers sort as numbers, across whole and real ones; booleans `false` first; dates as instants.
pub fn booleans_numbers_and_instants(store: &dyn Store) {
    let world = World::new(store);
    let bodies = [
        json!({ "on": true, "count": 10, "level": 1.5, "seen": "2026-01-01T00:00:00Z" }),
        json!({ "on": false, "count": 9, "level": 1, "seen": "2026-01-01T00:30:00+01:00" }),
        json!({ "on": true, "count": -1, "level": -0.5, "seen": "2026-01-01T00:00:00.5Z" }),
        json!({ "label": "nothing" }),
        json!({ "on": false, "count": 9_007_199_254_740_993_i64, "level": 2, "seen": "2025-12-31T19:00:00-05:00" }),
        json!({ "count": 9_007_199_254_740_992_i64, "level": 1e300, "seen": "2026-01-01T00:00:00" }),
    ];
    let ids: Vec<_> = bodies.iter().map(|body| world.create("Device", body).id).collect();
    check_ids(&world, &ids, "Device", "on", &[&[1, 4], &[0, 2], &[3, 5]]);
    check_ids(&world, &ids, "Device", "count", &[&[2], &[1], &[0], &[5], &[4], &[3]]);
    check_ids(&world, &ids, "Device", "level", &[&[2], &[1], &[0], &[4], &[5], &[3]]);
    check_ids(&world, &ids, "Device", "seen", &[&[1], &[0, 4, 5], &[2], &[3]]);
    let zeros =
        [json!({ "level": 0 }), json!({ "level": -0.0 }), json!({ "level": 0.0 }), json!({ "level": -0.5 })];
    check(&world, "Device", &zeros, "level", &[&[3], &[0, 1, 2]]);
}

/// `id`, `externalId` (of the scope's connector) and `meta` sort as well.
pub fn attributes_of_the_envelope(store: &dyn Store) {
    let world = World::new(store);
    let people = [("b", "p1"), ("a", "p2"), ("B", "p3")].map(|(external_id, user_name)| {
        world.create("User", &json!({ "userName": user_name, "externalId": external_id }))
    });
    let nobody =
        world.create_in(world.other_connector, "User", &json!({ "userName": "x", "externalId": "0" }));
    let ids: Vec<_> = people.iter().chain([&nobody]).map(|key| key.id).collect();
    check_ids(&world, &ids, "User", "id", &[&[0], &[1], &[2], &[3]]);
    check_ids(&world, &ids, "User", "meta.created", &[&[0], &[1], &[2], &[3]]);
    check_ids(&world, &ids, "User", "externalId", &[&[2], &[1], &[0], &[3]]);
    world.commit(vec![world.update(&people[0], 1, &json!({ "userName": "b", "externalId": "b" }))]);
    check_ids(&world, &ids, "User", "meta.lastModified", &[&[1], &[2], &[3], &[0]]);
    let group = world.group("Chefs");
    world.commit(vec![members(&group, &[&people[1]], &[])]);
    check_ids(&world, &ids, "User", "meta.lastModified", &[&[1], &[2], &[3], &[0]]);
}

/// Several types are sorted together; one that has no such attribute counts as without value.
pub fn several_types_in_one_order(store: &dyn Store) {
    let world = World::new(store);
    let ids = [
        world.create("User", &json!({ "userName": "a", "displayName": "N" })).id,
        world.create("Group", &json!({ "displayName": "m" })).id,
        world.create("Device", &json!({ "label": "a" })).id,
        world.create("User", &json!({ "userName": "b", "displayName": "b" })).id,
        world.create("User", &json!({ "userName": "0" })).id,
    ];
    let mut query =
        world.query(&[("User", "", "displayName"), ("Group", "", "displayName"), ("Device", "", "")]);
    let ascending = [3, 1, 0, 2, 4].map(|index| ids[index]);
    assert_eq!(world.ids(&query), ascending);
    query.limit = 2;
    assert_eq!(world.walk(query.clone(), |_| {}), ascending);
    query.sort = Some(Sort { descending: true });
    assert_eq!(world.walk(query, |_| {}), [2, 4, 0, 1, 3].map(|index| ids[index]));
}

/// Positions work in every order, among equals and among those without value, and so do offsets.
pub fn keysets_walk_through_everything(store: &dyn Store) {
    let world = World::new(store);
    for number in 0..24 {
        let mut body =
            json!({ "label": format!("l{}", number % 5), "count": number % 3, "on": number % 2 == 0 });
        if number % 4 == 0 {
            body = json!({ "codes": ["x"] });
        }
        if number % 3 == 0 {
            body["level"] = if number % 2 == 0 { json!(number) } else { json!(f64::from(number) / 2.0) };
            body["seen"] = json!(format!("2026-01-{:02}T00:00:00Z", number % 7 + 1));
        }
        world.create("Device", &body);
    }
    for path in ["label", "count", "on", "level", "seen", "meta.created", "codes", "link", "id"] {
        for descending in [false, true] {
            let mut query = world.query(&[("Device", "", path)]);
            query.sort = Some(Sort { descending });
            let whole = world.ids(&query);
            assert_eq!(whole.len(), 24);
            for limit in [1, 5, 24] {
                query.limit = limit;
                query.start = Start::Offset(0);
                assert_eq!(
                    world.walk(query.clone(), |_| {}),
                    whole,
                    "{path}, {limit} at a time, {descending}"
                );
                query.start = Start::Offset(7);
                assert_eq!(world.ids(&query), whole[7..][..limit.min(17)], "{path} from 7, {descending}");
            }
        }
    }
}
