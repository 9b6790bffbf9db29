//! Filters: every backend selects what the evaluator of `scim-core` selects on the full resource.

use std::sync::Arc;

use pollster::block_on;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};
use scim_core::Resource;
use scim_core::filter::TypedFilter;
use scim_directory::{Key, ResourceId};
use scim_storage::{Direction, EdgeQuery, Query, QueryPart, Relations, Store, full_resource};
use serde_json::json;

use crate::generate::{Vocabulary, device, filter, group, person};
use crate::world::{World, hold, members};

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
/// How many filters are generated, unless `SCIM_STORAGE_SUITE_CASES` says otherwise.
const CASES: u32 = 600;
/// What everything is generated from, unless `SCIM_STORAGE_SUITE_SEED` says otherwise.
const SEED: u64 = 7644;

fn check(world: &World<'_>, resource_type: &str, filter: &str, expected: &[&Key]) {
    let found = world.ids(&world.query(&[(resource_type, filter, "")]));
    assert_eq!(found, expected.iter().map(|key| key.id).collect::<Vec<_>>(), "{filter}");
}

/// Case, accents, wildcards, quotes, and values that look like other types.
pub fn text_compares_by_keys(store: &dyn Store) {
    let world = World::new(store);
    let title = |name: &str, title: &str| world.create("User", &json!({ "userName": name, "title": title }));
    let strasse = title("a", "Hauptstraße 100%");
    let eric = title("b", "Éric_O'Neil \"E\"");
    let slash = title("c", "a\\b");
    let upper = title("d", "HAUPTSTRASSE 1000");
    let number = title("e", "1e3");
    let none = world.person("f");
    check(&world, "User", r#"title sw "hauptstrasse""#, &[&strasse, &upper]);
    check(&world, "User", r#"title ew "100%""#, &[&strasse]);
    check(&world, "User", r#"title co "c_o'n""#, &[&eric]);
    check(&world, "User", r#"title co "e\u0301RIC" and title ew "\"e\"""#, &[&eric]);
    check(&world, "User", r#"title co "eric""#, &[]);
    check(&world, "User", r#"title co "_""#, &[&eric]);
    check(&world, "User", r#"title eq "A\\B""#, &[&slash]);
    check(&world, "User", r#"title eq "1000" or title eq "1E3""#, &[&number]);
    check(&world, "User", r#"not (title co "a") and title pr"#, &[&eric, &number]);
    check(&world, "User", r#"title ne "a\\b""#, &[&strasse, &eric, &upper, &number, &none]);
    check(&world, "User", r#"title eq null"#, &[&none]);
    check(&world, "User", r#"title gt "HAUPTSTRASSE 100%""#, &[&eric, &upper]);
    check(&world, "User", r#"title lt "B""#, &[&slash, &number]);
}

/// Members, a person's groups and the manager's name are asked for as they are now.
pub fn members_groups_and_managers_are_joined(store: &dyn Store) {
    let world = World::new(store);
    let boss = world.create("User", &json!({ "userName": "boss", "displayName": "Zoë Straße" }));
    let report = |name: &str, manager: &str| {
        world.create("User", &json!({ "userName": name, ENTERPRISE: { "manager": { "value": manager } } }))
    };
    let mira = report("mira", &boss.id.to_string());
    let noah = report("noah", "somebody else");
    let (chefs, all) = (world.group("Chefs"), world.group("Everybody"));
    world.commit(vec![members(&chefs, &[&mira], &[]), members(&all, &[&mira, &noah, &chefs], &[])]);
    let name = format!("{ENTERPRISE}:manager.displayName");
    check(&world, "User", &format!("{name} eq \"ZOË STRASSE\""), &[&mira]);
    check(&world, "User", &format!("{name} pr"), &[&mira]);
    check(&world, "User", &format!("{ENTERPRISE}:manager pr and not ({name} pr)"), &[&noah]);
    check(&world, "User", &format!("{ENTERPRISE}:manager[value pr and displayName sw \"zo\"]"), &[&mira]);
    check(&world, "User", &format!("groups eq \"{}\"", chefs.id), &[&mira]);
    check(&world, "User", r#"groups.display eq "everyBODY" and groups.type eq "direct""#, &[&mira, &noah]);
    check(&world, "User", r#"groups[display eq "chefs" and display eq "everybody"]"#, &[]);
    check(&world, "User", "not (groups pr)", &[&boss]);
    check(&world, "Group", &format!("members.value eq \"{}\"", noah.id), &[&all]);
    check(&world, "Group", r#"members[type eq "group" and display eq "CHEFS"]"#, &[&all]);
    check(&world, "Group", r#"members[type eq "Group" and display eq "mira"]"#, &[]);
    check(&world, "Group", r#"members.display ne "mira""#, &[&all]);
    check(&world, "Group", r#"not (members.display eq "noah")"#, &[&chefs]);
    world.commit(vec![
        world.update(&boss, 1, &json!({ "userName": "boss" })),
        world.update(&chefs, 2, &json!({ "displayName": "Cooks" })),
        members(&all, &[], &[&noah]),
    ]);
    check(&world, "User", &format!("{name} eq \"boss\""), &[&mira]);
    check(&world, "User", r#"groups.display eq "cooks""#, &[&mira]);
    check(&world, "User", "groups pr", &[&mira]);
    check(&world, "User", r#"groups.display eq "chefs""#, &[]);
}

/// `meta.location`, `meta.version` and `$ref` are made when an answer is rendered; for filters they have no value.
pub fn what_the_rendering_adds_is_absent(store: &dyn Store) {
    let world = World::new(store);
    let (mira, group) = (world.person("mira"), world.group("Chefs"));
    world.commit(vec![members(&group, &[&mira], &[])]);
    for path in ["meta.location", "meta.version", "groups.$ref"] {
        check(&world, "User", &format!("{path} pr or {path} ne null or {path} co \"\""), &[]);
        check(&world, "User", &format!("{path} eq null and {path} ne \"x\" and not ({path} pr)"), &[&mira]);
    }
    check(&world, "Group", "members.$ref pr", &[]);
    check(&world, "User", "meta pr and meta.created pr and meta.lastModified pr", &[&mira]);
    check(&world, "User", r#"meta.resourceType eq "User" and not (meta.resourceType eq "user")"#, &[&mira]);
    check(&world, "User", "password eq null or id eq null".split(" or ").nth(1).unwrap_or_default(), &[]);
}

/// Each type of a query has its own filter; `Always` is one.
pub fn several_types_with_a_filter_each(store: &dyn Store) {
    let world = World::new(store);
    let (mira, noah) = (world.person("mira"), world.person("noah"));
    let (chefs, cooks) = (world.group("Chefs"), world.group("Cooks"));
    let parts = [("User", r#"userName eq "noah""#, ""), ("Group", r#"displayName co "e""#, "")];
    let mut query = world.query(&parts);
    query.total = true;
    let page = world.find(&query);
    let ids: Vec<_> = page.records.iter().map(|record| record.key.id).collect();
    assert_eq!((ids, page.total), (vec![chefs.id, noah.id], Some(2)));
    for (always, expected) in [(true, vec![mira.id, noah.id, cooks.id]), (false, vec![cooks.id])] {
        let mut query = world.query(&[("User", "", ""), ("Group", r#"displayName eq "cooks""#, "")]);
        query.parts[0].filter = Some(TypedFilter::Always(always));
        assert_eq!(world.ids(&query), expected);
    }
}

/// On generated resources, generated filters select what the evaluator selects. The seed is fixed, so that a failure
/// comes again; the filter is made small before it is shown.
pub fn generated_filters_agree_with_the_evaluator(store: &dyn Store) {
    let world = World::new(store);
    let setting = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let seed: u64 = setting("SCIM_STORAGE_SUITE_SEED").unwrap_or(SEED);
    let cases = setting("SCIM_STORAGE_SUITE_CASES").and_then(|cases| cases.try_into().ok()).unwrap_or(CASES);
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let runner =
        || TestRunner::new_with_rng(config.clone(), TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));

    let population = populate(&world, &mut runner());
    for (resource_type, resources) in &population {
        let vocabulary = Vocabulary::of(resources.iter().map(|(_, resource)| resource));
        let kind = world.resource_type(resource_type);
        // A runner runs so many cases in its life, so that each type needs its own.
        let outcome = runner().run(&filter(kind, &vocabulary), |filter| {
            let expected: Vec<ResourceId> = resources
                .iter()
                .filter(|(_, resource)| filter.matches(resource))
                .map(|(id, _)| *id)
                .collect();
            let part =
                QueryPart { resource_type: Arc::clone(kind), filter: Some(filter.clone()), sort_by: None };
            let query = Query { parts: vec![part], total: true, ..world.query(&[]) };
            let page = block_on(store.find(&world.scope, &query))
                .map_err(|error| TestCaseError::fail(format!("{error:?}")))?;
            // The newest come first; the resources are listed as they were created.
            let found: Vec<_> = page.records.iter().rev().map(|record| record.key.id).collect();
            if found != expected {
                let of = |wrong: &dyn Fn(&ResourceId) -> bool| -> Vec<_> {
                    let chosen = resources.iter().filter(|(id, _)| wrong(id)).take(1);
                    chosen.map(|(_, resource)| json!(resource.attributes()).to_string()).collect()
                };
                let missed = of(&|id| expected.contains(id) && !found.contains(id));
                let wrong = of(&|id| found.contains(id) && !expected.contains(id));
                let message = format!("the store misses {missed:?} and finds without reason {wrong:?}");
                return Err(TestCaseError::fail(message));
            }
            if page.total != u64::try_from(expected.len()).ok() {
                return Err(TestCaseError::fail(format!("the total is {:?}", page.total)));
            }
            Ok(())
        });
        match outcome {
            Ok(()) => {}
            Err(TestError::Fail(reason, filter)) => {
                panic!("seed {seed}, {resource_type}: {reason}\nby the filter {}", shown(&filter))
            }
            Err(TestError::Abort(reason)) => panic!("seed {seed}, {resource_type}: {reason}"),
        }
    }
}

/// Some resources of each type, with edges among them, and what each is in full.
fn populate(world: &World<'_>, runner: &mut TestRunner) -> Vec<(&'static str, Vec<(ResourceId, Resource)>)> {
    let mut keys: Vec<Key> = Vec::new();
    for number in 0..30 {
        let scope = if number % 5 == 4 { world.other_connector } else { world.scope };
        let ids: Vec<_> = keys.iter().map(|key| key.id.to_string()).collect();
        keys.push(world.create_in(scope, "User", &person(runner, number, &ids)));
    }
    for _ in 0..30 {
        keys.push(world.create("Device", &device(runner)));
    }
    for number in 0..10 {
        let key = world.create("Group", &group(runner, number));
        // The first group stays empty.
        let chosen = keys.iter().enumerate().filter(|(at, _)| number > 0 && at % (number + 2) == 1);
        world.commit(vec![members(&key, &chosen.map(|(_, key)| key).collect::<Vec<_>>(), &[])]);
        if number % 3 == 2 {
            let references = [format!("held {number}"), format!("x{}", number / 4)];
            world.commit(vec![hold(&key, &references.each_ref().map(String::as_str))]);
        }
        keys.push(key);
    }
    let of = |name: &'static str| {
        let own = keys.iter().filter(|key| &*key.resource_type == name);
        (name, own.map(|key| (key.id, full(world, key))).collect())
    };
    vec![of("User"), of("Group"), of("Device")]
}

fn full(world: &World<'_>, key: &Key) -> Resource {
    let record = world.there(key);
    let display = |id: ResourceId| {
        let found = world.fact(scim_directory::Question::Display(id));
        let scim_directory::Fact::Display(Some((_, display))) = found else { return None };
        display
    };
    let manager = record.manager.as_ref().and_then(|manager| display(manager.parse().ok()?));
    let query =
        EdgeQuery { of: vec![key.id], direction: Direction::Members, only: None, after: None, limit: 10_000 };
    let page = block_on(world.store.edges(&world.scope, &query)).expect("a read");
    let groups = world.edges(&world.scope, key, Direction::Groups);
    let relations =
        Relations { members: &page.edges, held: &page.held, groups: &groups, manager: manager.as_deref() };
    full_resource(world.resource_type(&key.resource_type), &record, relations).expect("a sound document")
}

/// A filter without the definitions of its attributes.
fn shown(filter: &TypedFilter) -> String {
    let list = |terms: &[TypedFilter], word: &str| {
        let terms: Vec<_> = terms.iter().map(shown).collect();
        format!("({})", terms.join(word))
    };
    match filter {
        TypedFilter::Always(answer) => answer.to_string(),
        TypedFilter::And(terms) => list(terms, " and "),
        TypedFilter::Or(terms) => list(terms, " or "),
        TypedFilter::Not(term) => format!("not ({})", shown(term)),
        TypedFilter::Present(path) => format!("{path} pr"),
        TypedFilter::Compare(comparison) => {
            format!("{} {} {:?}", comparison.path, comparison.op.keyword(), comparison.operand)
        }
        TypedFilter::Element { attribute, condition } => format!("{attribute}[{}]", shown(condition)),
    }
}
