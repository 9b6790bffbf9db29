//! Groups, their members and managers while many write, on two nodes.

use std::collections::{BTreeMap, BTreeSet};

use pollster::block_on;
use scim_directory::{
    AccountState, Action, AttributeChange, Change, ChangeSet, EdgeOutcome, Event, EventKind, Fact, Key,
    LogRecord, Question, ResourceId, Target, Version,
};
use scim_storage::{Direction, EdgeQuery, Store};
use serde_json::{Value, json};

use crate::meeting::{CROWD, Dice, decided, meet, nodes, noted};
use crate::people::{account, managed, manager_events, outbox, reporting};
use crate::world::{World, delete, hold, is_conflict, log, members};

const GROUPS: usize = 2;
const PEOPLE: usize = 8;

/// What an acknowledged change set said that it did to a group.
struct Done {
    request: String,
    group: ResourceId,
    version: i64,
    /// Added, removed.
    edges: [Vec<ResourceId>; 2],
}

/// Adds two people to a group and removes a third, as a request would; `None` where the group is gone.
fn edit(world: &World<'_>, group: &Key, people: &[Key], dice: &mut Dice) -> Option<Done> {
    let first = dice.throw(people.len());
    let [a, b, c] = [first, first + 1, first + 2 + dice.throw(people.len() - 2)]
        .map(|number| &people[number % people.len()]);
    let edges = |action, added: &[&Key], removed: &[&Key]| {
        let ids = |keys: &[&Key]| keys.iter().map(|key| key.id.to_string()).collect();
        let attribute = "members".to_owned();
        let change = AttributeChange::Edges { attribute, added: ids(added), removed: ids(removed) };
        LogRecord { notes: Vec::new(), ..log(action, group, vec![change]) }
    };
    let set = world.change_set(world.scope, vec![members(group, &[a, b], &[c])]);
    let log = vec![edges(Action::MemberAdded, &[a, b], &[]), edges(Action::MemberRemoved, &[], &[c])];
    let event =
        Event { kind: EventKind::GroupChanged, key: group.clone(), before: None, after: Some(json!({})) };
    let request = set.request_id.clone();
    let result = block_on(world.store.commit(ChangeSet { log, events: vec![event], ..set }));
    if is_conflict(&result) {
        return None;
    }
    let effect = result.expect("committed").effects.remove(0);
    let which =
        |wanted| effect.edges.iter().filter(|edge| edge.outcome == wanted).map(|edge| edge.member).collect();
    let edges = [which(EdgeOutcome::Added), which(EdgeOutcome::Removed)];
    Some(Done { request, group: group.id, version: effect.version.expect("a version").0, edges })
}

/// Plays the log from its beginning: who is in which group, and how often somebody left one by being deleted. No record
/// adds who is in already or removes who is not.
fn play(world: &World<'_>) -> (BTreeSet<(String, String)>, BTreeMap<String, i64>) {
    let mut edges: BTreeSet<(String, String)> = BTreeSet::new();
    let mut left: BTreeMap<String, i64> = BTreeMap::new();
    for entry in world.journal(&world.scope) {
        let position = entry.position;
        let about = entry.record.resource.expect("about somebody").id;
        if entry.record.action == Action::Deleted {
            for (group, _) in edges.iter().filter(|(_, member)| *member == about) {
                *left.entry(group.clone()).or_default() += 1;
            }
            edges.retain(|(group, member)| *group != about && *member != about);
        }
        for change in entry.record.changes {
            let AttributeChange::Edges { added, removed, .. } = change else { continue };
            for id in added {
                assert!(edges.insert((about.clone(), id)), "added twice, at {position:?}");
            }
            for id in removed {
                assert!(edges.remove(&(about.clone(), id)), "removed who was not in, at {position:?}");
            }
        }
    }
    (edges, left)
}

/// That the log is what happened, in that order, to a group that is there.
fn agree(world: &World<'_>, group: &Key, done: &[Done], updates: i64) {
    let (edges, left) = play(world);
    let id = group.id.to_string();
    let mut expected: Vec<String> =
        edges.iter().filter(|(of, _)| *of == id).map(|(_, member)| member.clone()).collect();
    expected.sort();
    let there: Vec<String> =
        world.others(group, Direction::Members).iter().map(ToString::to_string).collect();
    assert_eq!(there, expected, "the members are those that the log leaves");
    let changed: Vec<&Done> = done
        .iter()
        .filter(|done| done.group == group.id && done.edges.iter().any(|edges| !edges.is_empty()))
        .collect();
    let count = |what: usize| i64::try_from(what).expect("a number");
    let gone = left.get(&id).copied().unwrap_or_default();
    assert_eq!(world.version(group), 1 + updates + count(changed.len()) + gone, "a version for each change");
    let versions: BTreeMap<&str, i64> =
        changed.iter().map(|done| (done.request.as_str(), done.version)).collect();
    assert_eq!(versions.values().collect::<BTreeSet<_>>().len(), changed.len(), "no version twice");
    let mut last = 0;
    let mut logged: BTreeMap<String, usize> = BTreeMap::new();
    for entry in world.journal(&world.scope) {
        let Some(version) = versions.get(entry.request_id.as_str()) else { continue };
        assert!(*version >= last, "the log stands in the order of the versions");
        last = *version;
        let edges: usize = entry.record.changes.iter().map(changes).sum();
        *logged.entry(entry.request_id).or_default() += edges;
    }
    for done in &changed {
        let edges = done.edges.iter().map(Vec::len).sum();
        assert_eq!(logged.get(&done.request), Some(&edges), "each edge that changed is in the log");
    }
    let heard = outbox(world).into_iter().filter(|stored| stored.event.key == *group);
    assert_eq!(heard.count(), changed.len(), "an event for each change");
}

fn changes(change: &AttributeChange) -> usize {
    match change {
        AttributeChange::Edges { added, removed, .. } => added.len() + removed.len(),
        AttributeChange::Value { .. } => 0,
    }
}

/// Many add and remove the same people in the same groups while the groups are renamed: members, versions, counters, log and
/// events say the same.
pub fn edges_log_and_versions_agree_after_parallel_edits(here: &dyn Store, there: &dyn Store) {
    const EACH: usize = 8;
    let worlds = nodes(here, there);
    let groups: Vec<Key> = (0..GROUPS).map(|number| worlds[0].group(&format!("g{number}"))).collect();
    let people: Vec<Key> = (0..PEOPLE).map(|number| worlds[0].person(&format!("p{number}"))).collect();
    let done = meet(&worlds, CROWD, |world, number| {
        let mut dice = Dice::new(number);
        let mut done = Vec::new();
        for step in 0..EACH {
            if number == 0 {
                let group = &groups[step % GROUPS];
                let body = json!({ "displayName": format!("g{} {step}", step % GROUPS) });
                decided(|| world.try_commit(vec![world.update(group, world.version(group), &body)]));
            } else {
                let group = &groups[dice.throw(GROUPS)];
                done.push(edit(world, group, &people, &mut dice).expect("the group is there"));
            }
        }
        done
    });
    let done: Vec<Done> = done.into_iter().flatten().collect();
    let world = &worlds[1];
    for group in &groups {
        agree(world, group, &done, i64::try_from(EACH / GROUPS).expect("a number"));
    }
    for key in &people {
        let mut of: Vec<_> = groups
            .iter()
            .filter(|group| world.others(group, Direction::Members).contains(&key.id))
            .map(|group| group.id)
            .collect();
        of.sort();
        assert_eq!(world.others(key, Direction::Groups), of);
        assert_eq!(world.version(key), 1, "a member's own version stays");
        let moved = done.iter().filter(|done| done.edges.iter().flatten().any(|id| *id == key.id)).count();
        assert!(world.membership(key) >= i64::try_from(moved).expect("a number"), "the counter grows");
    }
}

/// People and a group are deleted while others edit the members: no edge is left at either end, and the log tells it in
/// the order in which it happened.
pub fn deletions_among_member_edits_leave_no_edge(here: &dyn Store, there: &dyn Store) {
    const EACH: usize = 8;
    let worlds = nodes(here, there);
    for round in 0..2 {
        let new = |kind: &str, number| match kind {
            "User" => worlds[0].person(&format!("p{round} {number}")),
            _ => worlds[0].group(&format!("g{round} {number}")),
        };
        let groups: Vec<Key> = (0..GROUPS).map(|number| new("Group", number)).collect();
        let people: Vec<Key> = (0..PEOPLE).map(|number| new("User", number)).collect();
        let remove = |world: &World<'_>, key: &Key| {
            let set = world.change_set(world.scope, vec![delete(key)]);
            world.commit_set(ChangeSet { log: vec![log(Action::Deleted, key, Vec::new())], ..set });
        };
        let done = meet(&worlds, CROWD, |world, number| {
            let mut dice = Dice::new(number + round * CROWD);
            if number == 0 {
                for key in people.iter().take(PEOPLE / 2) {
                    remove(world, key);
                }
                remove(world, &groups[1]);
                return Vec::new();
            }
            let edits =
                (0..EACH).filter_map(|_| edit(world, &groups[dice.throw(GROUPS)], &people, &mut dice));
            edits.collect()
        });
        let done: Vec<Done> = done.into_iter().flatten().collect();
        let world = &worlds[1];
        for key in people.iter().take(PEOPLE / 2).chain([&groups[1]]) {
            assert_eq!(world.get(key), None);
            assert_eq!(world.others(key, Direction::Groups), []);
            assert_eq!(world.others(key, Direction::Members), []);
        }
        let alive: Vec<ResourceId> = people.iter().skip(PEOPLE / 2).map(|key| key.id).collect();
        let inside = world.others(&groups[0], Direction::Members);
        assert!(inside.iter().all(|id| alive.contains(id)), "{inside:?} of {alive:?}");
        for key in people.iter().skip(PEOPLE / 2) {
            let expected: &[_] = if inside.contains(&key.id) { &[groups[0].id] } else { &[] };
            assert_eq!(world.others(key, Direction::Groups), expected);
        }
        let (edges, _) = play(world);
        let logged: BTreeSet<_> =
            edges.into_iter().filter(|(group, _)| *group == groups[0].id.to_string()).collect();
        let there: BTreeSet<_> = inside.iter().map(|id| (groups[0].id.to_string(), id.to_string())).collect();
        assert_eq!(there, logged, "{} edits", done.len());
    }
}

/// The ways in which a reference can mean somebody.
const WAYS: [&str; 3] = ["id", "externalId", "userName"];

/// Puts whom a reference means into a group, or holds the reference, as a rule would.
fn refer(world: &World<'_>, group: &Key, reference: &str) {
    decided(|| match world.fact(Question::Target(reference.to_owned())) {
        Fact::Target(Target::Live(key)) => world.try_commit(vec![members(group, &[&key], &[])]),
        Fact::Target(Target::Unknown) => world.try_commit(vec![hold(group, &[reference])]),
        other => panic!("{other:?}"),
    });
}

/// Plays rounds in which two hold a reference while a third brings the one whom it means.
fn arrive(worlds: &[World<'_>; 2], bring: impl Fn(&World<'_>, usize, &Value) -> (Key, Change)) {
    let mut number = 0;
    for round in 0..4 {
        for way in WAYS {
            number += 1;
            let groups = ["a", "b"].map(|name| worlds[0].group(&format!("{name} {number}")));
            let body = json!({ "userName": format!("Mira {number}"), "externalId": format!("m-{number}") });
            let (key, change) = bring(&worlds[0], number, &body);
            let reference = match way {
                "id" => key.id.to_string(),
                "externalId" => format!("m-{number}"),
                _ => format!("mira {number}"),
            };
            meet(worlds, 3, |world, number| match (number + round) % 3 {
                2 => {
                    world.commit(vec![change.clone()]);
                }
                group => refer(world, &groups[group], &reference),
            });
            for group in &groups {
                let query = EdgeQuery {
                    of: vec![group.id],
                    direction: Direction::Members,
                    only: None,
                    after: None,
                    limit: 9,
                };
                let page = block_on(worlds[1].store.edges(&worlds[1].scope, &query)).expect("a read");
                let inside: Vec<_> = page.edges.iter().map(|edge| edge.other).collect();
                assert_eq!((inside, page.held.len()), (vec![key.id], 0), "by {way}, round {round}");
                assert_eq!(worlds[0].version(group), 2);
            }
            assert!(worlds[0].membership(&key) > 0);
        }
    }
}

/// Whoever is created while others hold references to them is in those groups: none is left waiting.
pub fn who_arrives_while_a_reference_is_held_is_linked(here: &dyn Store, there: &dyn Store) {
    arrive(&nodes(here, there), |world, _, body| {
        let new = world.new_record("User", body);
        (new.key.clone(), Change::Create(new))
    });
}

/// So is who gets the name or the `externalId` meanwhile.
pub fn who_is_renamed_while_a_reference_is_held_is_linked(here: &dyn Store, there: &dyn Store) {
    arrive(&nodes(here, there), |world, number, body| {
        let key = world.person(&format!("before {number}"));
        let update = world.update(&key, 1, body);
        (key, update)
    });
}

/// Those who come to report to somebody who is created, or picked up, at the same time are linked, each once.
pub fn a_manager_who_arrives_meanwhile_is_linked(here: &dyn Store, there: &dyn Store) {
    let worlds = nodes(here, there);
    let world = &worlds[0];
    for (round, way) in WAYS.iter().chain(&["pick up"]).cycle().take(12).enumerate() {
        let body = json!({ "userName": format!("Boss {round}"), "externalId": format!("b-{round}") });
        let (boss, change) = if *way == "pick up" {
            let key = world.create("User", &body);
            let content = account(world, world.content(&key, &body), AccountState::Active);
            let update =
                Change::Update { key: key.clone(), expected: Version(1), content, external_id: None };
            (key, update)
        } else {
            let new = managed(world, &body);
            (new.key.clone(), Change::Create(new))
        };
        let reference = match *way {
            "id" => boss.id.to_string(),
            "externalId" => format!("b-{round}"),
            _ => format!("boss {round}"),
        };
        let reports = meet(&worlds, 3, |world, number| {
            if (number + round) % 3 == 2 {
                world.commit(vec![change.clone()]);
                return None;
            }
            Some(reporting(world, &format!("report {round} {number}"), Some(&reference)))
        });
        let told = manager_events(&worlds[1]);
        for report in reports.into_iter().flatten() {
            assert_eq!(worlds[1].there(&report).direct_manager, Some(boss.id), "by {way}, round {round}");
            assert_eq!(told.iter().filter(|(id, ..)| *id == report.id).count(), 1, "told once");
        }
    }
}

/// Those who come to report to somebody who is deleted at the same time are linked to nobody, and to the next one of that
/// name.
pub fn a_manager_who_leaves_meanwhile_is_no_link(here: &dyn Store, there: &dyn Store) {
    let worlds = nodes(here, there);
    for round in 0..6 {
        let name = format!("boss {round}");
        let boss = reporting(&worlds[0], &name, None);
        let reference = if round % 2 == 0 { name.clone() } else { boss.id.to_string() };
        let reports = meet(&worlds, 3, |world, number| {
            if (number + round) % 3 == 2 {
                let set = world.change_set(world.scope, vec![delete(&boss)]);
                let told = noted(log(Action::Deleted, &boss, Vec::new()), "left");
                world.commit_set(ChangeSet { log: vec![told], ..set });
                return None;
            }
            Some(reporting(world, &format!("report {round} {number}"), Some(&reference)))
        });
        let reports: Vec<Key> = reports.into_iter().flatten().collect();
        for report in &reports {
            assert_eq!(worlds[1].there(report).direct_manager, None, "round {round}");
        }
        let next = reporting(&worlds[1], &name, None);
        let expected = (round % 2 == 0).then_some(next.id);
        for report in &reports {
            assert_eq!(worlds[0].there(report).direct_manager, expected, "round {round}");
        }
    }
}
