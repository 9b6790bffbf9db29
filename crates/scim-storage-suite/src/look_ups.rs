//! Look-ups: what a backend may answer by a way of its own is what the general form of the same filter finds.

use pollster::block_on;
use scim_storage::{Page, Query, Store, Want};
use serde_json::json;

use crate::world::World;

/// What a filter finds through a scope; the whole of it.
fn found(world: &World<'_>, scope: scim_directory::Scope, resource_type: &str, filter: &str) -> Page {
    let query = world.query(&[(resource_type, filter, "")]);
    let query = Query { want: Want::RECORD, total: true, ..query };
    block_on(world.store.find(&scope, &query)).expect("a read")
}

/// Whoever is looked up by one value is found as by any other form of the filter, through each connector and in each instance.
pub fn look_ups_find_what_other_forms_of_their_filters_find(store: &dyn Store) {
    let world = World::new(store);
    let person = |name: &str, external: &str, display: &str| json!({ "userName": name, "externalId": external, "displayName": display, "emails": [{ "value": format!("{name}@example.com") }] });
    let ada = world.create("User", &person("Ada", "7", "Same"));
    world.create("User", &person("grace", "8", "Same"));
    world.create("Group", &json!({ "displayName": "Ada", "externalId": "7" }));
    world.create_in(world.elsewhere, "User", &person("ADA", "7", "Same"));
    world.create_in(world.other_connector, "User", &person("other", "9", "Other"));
    let id = format!("id eq \"{}\"", ada.id);
    let filters = [
        "userName eq \"ada\"",
        "userName eq \"other\"",
        "userName eq \"nobody\"",
        "externalId eq \"7\"",
        "externalId eq \"9\"",
        "displayName eq \"same\"",
        "displayName eq \"ada\"",
        "displayName eq \"nobody\"",
        "emails.value eq \"ada@example.com\"",
        "id eq \"nobody\"",
        &id,
    ];
    for scope in [world.scope, world.other_connector, world.elsewhere] {
        for (resource_type, filter) in
            filters.iter().flat_map(|filter| [("User", *filter), ("Group", *filter)])
        {
            if resource_type == "Group"
                && !["displayName", "externalId", "id"].iter().any(|of| filter.starts_with(of))
            {
                continue;
            }
            let page = found(&world, scope, resource_type, filter);
            let other = found(&world, scope, resource_type, &format!("not (not ({filter}))"));
            assert_eq!(page, other, "{filter}");
            assert_eq!(page.total, Some(page.records.len() as u64), "{filter}");
        }
    }
    let hits = |scope, filter| found(&world, scope, "User", filter).records.len();
    assert_eq!(hits(world.scope, "userName eq \"ADA\""), 1);
    assert_eq!(hits(world.scope, "displayName eq \"same\""), 2);
    assert_eq!(hits(world.other_connector, "externalId eq \"7\""), 0, "it is another connector's");
    assert_eq!(hits(world.scope, &id), 1);
    assert_eq!(hits(world.elsewhere, &id), 0, "it is of another instance");
}
