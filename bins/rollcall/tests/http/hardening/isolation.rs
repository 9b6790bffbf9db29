//! No sequence of requests to one instance changes a row of another, or tells of one.

use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use scim_provider::Method;
use serde_json::{Value, json};

use super::world::{NAMES, NEIGHBOUR, World, count, rows};
use crate::support::{ENTERPRISE, bulk, encoded, group, patch, person, search};

/// Whom a request names.
#[derive(Clone, Debug)]
enum Who {
    /// Somebody of this instance, if there is anybody.
    Own(Index),
    /// A person or group of the neighbour's.
    Foreign(Index),
    /// Nobody.
    Nobody,
}

/// A request to the one instance.
#[derive(Clone, Debug)]
enum Step {
    Create { name: Index, manager: Option<Who> },
    Replace { who: Who, name: Index },
    Change { who: Who, change: Change },
    Delete { who: Who },
    CreateGroup { name: Index, members: Vec<Who> },
    ReplaceGroup { who: Who, members: Vec<Who> },
    ChangeGroup { who: Who, op: &'static str, members: Vec<Who> },
    RemoveMember { who: Who, member: Who },
    DeleteGroup { who: Who },
    Bulk { steps: Vec<Step> },
    Look { who: Who, how: usize },
}

/// A change of a person.
#[derive(Clone, Debug)]
enum Change {
    Name(Index),
    Active(bool),
    Manager(Who),
    ExternalId(Index),
}

fn named(name: &Index) -> &'static str {
    NAMES[name.index(NAMES.len())]
}

fn who() -> impl Strategy<Value = Who> {
    prop_oneof![
        3 => any::<Index>().prop_map(Who::Own),
        4 => any::<Index>().prop_map(Who::Foreign),
        1 => Just(Who::Nobody),
    ]
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        any::<Index>().prop_map(Change::Name),
        any::<bool>().prop_map(Change::Active),
        who().prop_map(Change::Manager),
        any::<Index>().prop_map(Change::ExternalId),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let members = || proptest::collection::vec(who(), 0..4);
    let writes = prop_oneof![
        4 => (any::<Index>(), proptest::option::of(who())).prop_map(|(name, manager)| Step::Create { name, manager }),
        2 => (who(), any::<Index>()).prop_map(|(who, name)| Step::Replace { who, name }),
        4 => (who(), change()).prop_map(|(who, change)| Step::Change { who, change }),
        2 => who().prop_map(|who| Step::Delete { who }),
        2 => (any::<Index>(), members()).prop_map(|(name, members)| Step::CreateGroup { name, members }),
        1 => (who(), members()).prop_map(|(who, members)| Step::ReplaceGroup { who, members }),
        3 => (who(), prop_oneof![Just("add"), Just("remove"), Just("replace")], members())
            .prop_map(|(who, op, members)| Step::ChangeGroup { who, op, members }),
        1 => (who(), who()).prop_map(|(who, member)| Step::RemoveMember { who, member }),
        1 => who().prop_map(|who| Step::DeleteGroup { who }),
    ];
    let steps = proptest::collection::vec(writes.boxed(), 1..4);
    prop_oneof![
        8 => steps.clone().prop_map(|mut steps| steps.remove(0)),
        2 => steps.prop_map(|steps| Step::Bulk { steps }),
        2 => (who(), 0..LOOKS).prop_map(|(who, how)| Step::Look { who, how }),
    ]
}

/// How many ways there are to look for somebody.
const LOOKS: usize = 10;

/// What has come to be during a sequence.
struct Course<'w> {
    world: &'w World,
    people: Vec<String>,
    groups: Vec<String>,
}

impl Course<'_> {
    fn id(&self, who: &Who, groups: bool) -> String {
        let neighbour = &self.world.neighbour;
        let (own, foreign) =
            if groups { (&self.groups, &neighbour.groups) } else { (&self.people, &neighbour.people) };
        match who {
            Who::Own(index) if !own.is_empty() => index.get(own).clone(),
            Who::Foreign(index) => index.get(foreign).clone(),
            Who::Own(_) | Who::Nobody => "0198d9a2-7c3a-7000-8000-0123456789ab".to_owned(),
        }
    }

    fn members(&self, members: &[Who]) -> Vec<String> {
        // Every second one as a group.
        members.iter().enumerate().map(|(at, who)| self.id(who, at % 2 == 1)).collect()
    }

    /// Method, path and body of a step.
    fn request(&self, step: &Step) -> (Method, String, Value) {
        let group_of = |name: &str, members: &[Who]| {
            let members = self.members(members);
            group(name, &members.iter().map(String::as_str).collect::<Vec<_>>())
        };
        match step {
            Step::Create { name, manager } => {
                let mut body = person(named(name));
                body["externalId"] = json!(format!("x-{}", named(name)));
                if let Some(manager) = manager {
                    body[ENTERPRISE] = json!({ "manager": { "value": self.id(manager, false) } });
                }
                (Method::Post, "/Users".to_owned(), body)
            }
            Step::Replace { who, name } => {
                (Method::Put, format!("/Users/{}", self.id(who, false)), person(named(name)))
            }
            Step::Change { who, change } => {
                let (path, value) = match change {
                    Change::Name(name) => ("userName".to_owned(), json!(named(name))),
                    Change::Active(active) => ("active".to_owned(), json!(active)),
                    Change::Manager(who) => (format!("{ENTERPRISE}:manager"), json!(self.id(who, false))),
                    Change::ExternalId(name) => {
                        ("externalId".to_owned(), json!(format!("x-{}", named(name))))
                    }
                };
                let body = patch(json!([{ "op": "replace", "path": path, "value": value }]));
                (Method::Patch, format!("/Users/{}", self.id(who, false)), body)
            }
            Step::Delete { who } => (Method::Delete, format!("/Users/{}", self.id(who, false)), Value::Null),
            Step::CreateGroup { name, members } => {
                (Method::Post, "/Groups".to_owned(), group_of(named(name), members))
            }
            Step::ReplaceGroup { who, members } => {
                (Method::Put, format!("/Groups/{}", self.id(who, true)), group_of("replaced", members))
            }
            Step::ChangeGroup { who, op, members } => {
                let values: Vec<Value> =
                    self.members(members).iter().map(|id| json!({ "value": id })).collect();
                let body = patch(json!([{ "op": op, "path": "members", "value": values }]));
                (Method::Patch, format!("/Groups/{}", self.id(who, true)), body)
            }
            Step::RemoveMember { who, member } => {
                let path = format!("members[value eq \"{}\"]", self.id(member, false));
                let body = patch(json!([{ "op": "remove", "path": path }]));
                (Method::Patch, format!("/Groups/{}", self.id(who, true)), body)
            }
            Step::DeleteGroup { who } => {
                (Method::Delete, format!("/Groups/{}", self.id(who, true)), Value::Null)
            }
            Step::Bulk { steps } => {
                let operation = |(at, step): (usize, &Step)| {
                    let (method, path, data) = self.request(step);
                    let mut operation = json!({ "method": method.name(), "path": path });
                    if method == Method::Post {
                        operation["bulkId"] = json!(format!("b{at}"));
                    }
                    if !data.is_null() {
                        operation["data"] = data;
                    }
                    operation
                };
                let operations: Vec<Value> = steps.iter().enumerate().map(operation).collect();
                (Method::Post, "/Bulk".to_owned(), bulk(json!(operations)))
            }
            Step::Look { who, how } => {
                let (person, of_groups) = (self.id(who, false), self.id(who, true));
                let filter = |endpoint: &str, text: String| format!("{endpoint}?filter={}", encoded(&text));
                let target = match how {
                    0 => format!("/Users/{person}"),
                    1 => format!("/Groups/{of_groups}"),
                    2 => filter("/Users", format!("id eq \"{person}\"")),
                    3 => filter("/Groups", format!("members.value eq \"{person}\"")),
                    4 => filter("/Users", format!("groups.value eq \"{of_groups}\"")),
                    5 => filter("/Users", format!("{ENTERPRISE}:manager.value eq \"{person}\"")),
                    6 => filter("/Users", "userName sw \"a\" or externalId sw \"x-\"".to_owned()),
                    7 => format!("/Users?cursor={}&count=1", self.world.cursor),
                    8 => "/?count=1000".to_owned(),
                    _ => {
                        let members = search(json!({ "filter": format!("members[value eq \"{person}\"]") }));
                        return (Method::Post, "/Groups/.search".to_owned(), members);
                    }
                };
                (Method::Get, target, Value::Null)
            }
        }
    }

    /// Takes a step, and looks at what is told.
    fn take(&mut self, step: &Step) -> Result<(), TestCaseError> {
        let (method, target, body) = self.request(step);
        let (status, answer) = self.world.send(&self.world.mine.token, method, &target, &body);
        prop_assert!(status < 500 && status != 403 && status != 401, "{step:?}: {status} {answer}");
        let told = answer.to_string();
        prop_assert!(!told.contains(NEIGHBOUR), "{step:?} tells of the neighbour: {told}");
        let mut created = |answer: &Value, path: &str| {
            if let Some(id) = answer["id"].as_str() {
                let list = if path.starts_with("/Users") { &mut self.people } else { &mut self.groups };
                list.push(id.to_owned());
            }
        };
        if status == 201 {
            created(&answer, &target);
        }
        let foreign = &self.world.neighbour;
        let names_foreign = foreign.people.iter().chain(&foreign.groups).any(|id| target.ends_with(&**id));
        if names_foreign {
            prop_assert_eq!(status, 404, "{:?}: {}", step, told);
        }
        for operation in answer["Operations"].as_array().into_iter().flatten() {
            let location = operation["location"].as_str().unwrap_or_default();
            if let Some((_, path)) = location.split_once("/scim/v2")
                && operation["status"] == "201"
                && let Some(id) = path.rsplit('/').next()
            {
                created(&json!({ "id": id }), path);
            }
        }
        Ok(())
    }
}

/// Sequences over worlds, in which user names are unique among instances or not; `neighbour` says all that is known of the other instance.
fn check<W>(
    cases: u32,
    mut make: impl FnMut(bool) -> W,
    world: impl Fn(&W) -> &World,
    neighbour: impl Fn(&W) -> Vec<String>,
) {
    let mut runner = TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() });
    let make = std::cell::RefCell::new(&mut make);
    let sequences = (any::<bool>(), proptest::collection::vec(step(), 1..40));
    let outcome = runner.run(&sequences, |(share_names, steps)| {
        let made = (make.borrow_mut())(share_names);
        let before = neighbour(&made);
        let world = world(&made);
        let mut course = Course { world, people: Vec::new(), groups: Vec::new() };
        for step in &steps {
            course.take(step)?;
        }
        let after = neighbour(&made);
        prop_assert_eq!(&before, &after, "a row of the neighbour's is another now");
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

#[test]
fn no_sequence_of_requests_changes_the_neighbour_in_memory() {
    check(64, World::in_memory, |world| world, |world| vec![world.told_of_neighbour()]);
}

#[test]
fn no_sequence_of_requests_changes_a_row_of_the_neighbours() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut number = 0;
    let make = |share_names: bool| {
        number += 1;
        let path = folder.path().join(format!("{number}.db"));
        (World::in_file(&path, share_names), path)
    };
    let instance = |world: &World| world.neighbour.instance.id.uuid();
    check(24, make, |(world, _)| world, |(world, path)| rows(path, instance(world)).0);
}

/// What the dump rests on: it sees every table, and the neighbour has rows where requests write.
#[test]
fn the_dump_sees_every_table() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("dump.db");
    let world = World::in_file(&path, true);
    let (all, of_none) = rows(&path, world.neighbour.instance.id.uuid());
    // A new table stands here only if no instance has rows in it. (The index of texts proposes; rows with an instance decide.)
    let of_none: Vec<_> = of_none.into_iter().filter(|table| !table.starts_with("texts")).collect();
    assert_eq!(of_none, ["leases", "peppers", "secrets"], "tables without instance_id");
    let tables = [
        "resources",
        "unique_keys",
        "search_keys",
        "links",
        "members",
        "held",
        "name_claims",
        "tombstones",
        "counters",
        "change_sets",
        "journal",
        "journal_members",
        "events",
        "api_keys",
        "connectors",
        "integration_users",
    ];
    for table in tables {
        let lines = all.iter().filter(|line| line.starts_with(&format!("{table}: "))).count();
        let there = count(&path, table, world.neighbour.instance.id.uuid());
        assert!(there > 0 && i64::try_from(lines) == Ok(there), "{table}: {lines} of {there} rows");
    }
}
