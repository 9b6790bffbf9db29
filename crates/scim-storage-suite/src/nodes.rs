//! What one node did, as another sees it; and instances that share a store.

use std::collections::BTreeSet;
use std::sync::Arc;

use pollster::block_on;
use scim_directory::{
    Action, AdminChange, Change, ChangeSet, Event, EventKind, Fact, InstanceSettings, Key, KeyChange,
    KeyTerms, Question, ResourceId, Revocation, Tally, Target,
};
use scim_storage::{
    Direction, EdgeQuery, InstanceAnswer, InstanceQuestion, JournalQuery, Keyset, ServerAnswer,
    ServerQuestion, Start, Store,
};
use serde_json::json;

use crate::keyring::Keyring;
use crate::meeting::{CROWD, meet, nodes};
use crate::people::outbox;
use crate::world::{World, delete, log, members};

/// Whatever was acknowledged to one node is what the other reads next.
pub fn what_one_node_acknowledges_every_node_sees(here: &dyn Store, there: &dyn Store) {
    let worlds = nodes(here, there);
    for round in 0..4 {
        let (writer, reader) = (&worlds[round % 2], &worlds[(round + 1) % 2]);
        let name = format!("mira {round}");
        let new = writer.new_record("User", &json!({ "userName": name, "externalId": format!("m-{round}") }));
        let key = new.key.clone();
        let event = Event { kind: EventKind::AccountCreated, key: key.clone(), before: None, after: None };
        let set = writer.change_set(writer.scope, vec![Change::Create(new)]);
        let told = log(Action::Created, &key, Vec::new());
        let committed = writer.commit_set(ChangeSet { log: vec![told], events: vec![event], ..set });
        assert_eq!(reader.version(&key), 1);
        for filter in [format!("userName eq \"{name}\""), format!("externalId eq \"m-{round}\"")] {
            assert_eq!(reader.ids(&reader.query(&[("User", &filter, "")])), [key.id], "{filter}");
        }
        assert_eq!(reader.fact(Question::Target(name.clone())), Fact::Target(Target::Live(key.clone())));
        assert_eq!(
            reader.journal(&reader.scope).last().map(|entry| entry.position),
            Some(committed.position)
        );
        let newest = JournalQuery { limit: 1, newest_first: true, ..JournalQuery::default() };
        let newest = block_on(reader.store.journal(&reader.scope, &newest)).expect("a read").entries;
        assert_eq!(newest.first().map(|entry| entry.position), Some(committed.position));
        assert_eq!(outbox(reader).last().map(|stored| stored.event.key.clone()), Some(key.clone()));
        let count = Fact::Count(1 + u64::try_from(round / 2).expect("a number"));
        assert_eq!(reader.fact(Question::Count(Arc::from("User"), Tally::All)), count);

        let group = reader.group(&format!("Chefs {round}"));
        writer.commit(vec![members(&group, &[&key], &[])]);
        assert_eq!(reader.others(&key, Direction::Groups), [group.id]);
        assert_eq!((reader.version(&group), reader.membership(&key)), (2, writer.membership(&key)));
        reader.commit(vec![reader.update(&key, 1, &json!({ "userName": format!("noah {round}") }))]);
        assert_eq!(writer.there(&key).display, Some(format!("noah {round}")));
        assert_eq!(writer.fact(Question::Target(name)), Fact::Target(Target::Unknown));
        if round % 2 == 0 {
            writer.commit(vec![delete(&key)]);
            assert_eq!(reader.get(&key), None);
            assert_eq!(reader.others(&group, Direction::Members), []);
        }

        let settings =
            InstanceSettings { seats: Some(9 + u64::from(round == 0)), ..InstanceSettings::default() };
        writer.commit(vec![Change::Admin(AdminChange::UpdateInstanceSettings(settings.clone()))]);
        let policy =
            block_on(reader.store.instance(&reader.scope, &InstanceQuestion::Policy)).expect("a read");
        let InstanceAnswer::Policy(Some(policy)) = policy else { panic!("{policy:?}") };
        assert_eq!(policy.instance.settings, settings);
    }
    let (writer, reader) = (&worlds[0], &worlds[1]);
    let ring = Keyring::new(writer);
    let key = ring.issue(KeyTerms::default());
    let known = |world: &World<'_>| match world.server(&ServerQuestion::Key(key.id)) {
        ServerAnswer::Key(Some(context)) => context.key,
        other => panic!("{other:?}"),
    };
    assert_eq!(known(reader), key);
    ring.must(KeyChange::Revoke(key.id, Revocation::ByHand));
    assert_eq!(known(reader), known(writer));
    assert!(known(reader).revoked.is_some());
}

/// A position that one node gave is where another goes on: in pages of people with and without a sort, in the log and in
/// the outbox.
pub fn positions_of_one_node_count_at_another(here: &dyn Store, there: &dyn Store) {
    let worlds = nodes(here, there);
    let people: Vec<Key> =
        (0..11).map(|number| worlds[number % 2].person(&format!("p{number:02}"))).collect();
    let mut groups = Vec::new();
    for number in 0..4 {
        groups.push(worlds[number % 2].group(&format!("a {number}")).id);
    }
    let sorted: Vec<ResourceId> = people.iter().map(|key| key.id).collect();
    let by_name: Vec<ResourceId> = groups.iter().chain(&sorted).copied().collect();
    let newest: Vec<ResourceId> = groups.iter().rev().chain(sorted.iter().rev()).copied().collect();
    for (parts, expected) in [
        (&[("User", "", ""), ("Group", "", "")], &newest),
        (&[("User", "", "userName"), ("Group", "", "displayName")], &by_name),
    ] {
        for limit in [1, 2, 3, 5] {
            let mut query = worlds[0].query(parts);
            query.limit = limit;
            let mut seen = Vec::new();
            for page in 0.. {
                let found = worlds[page % 2].find(&query);
                seen.extend(found.records.iter().map(|record| record.key.id));
                let Some(next) = found.next else { break };
                query.start = Start::After(Keyset { key: next.key, id: next.id });
            }
            assert_eq!(seen, *expected, "{limit} at a time");
        }
    }
    for (number, key) in people.iter().enumerate() {
        let world = &worlds[number % 2];
        let event = Event { kind: EventKind::AccountChanged, key: key.clone(), before: None, after: None };
        let set = world.change_set(world.scope, Vec::new());
        let told = log(Action::Updated, key, Vec::new());
        world.commit_set(ChangeSet { log: vec![told], events: vec![event], ..set });
    }
    for newest_first in [false, true] {
        let mut query = JournalQuery { limit: 2, newest_first, ..JournalQuery::default() };
        let mut seen = Vec::new();
        for page in 0.. {
            let world = &worlds[page % 2];
            let found = block_on(world.store.journal(&world.scope, &query)).expect("a read");
            seen.extend(found.entries.into_iter().map(|entry| (entry.position, entry.record)));
            if !found.more {
                break;
            }
            query.after = seen.last().map(|(position, _)| *position);
        }
        let mut about: Vec<String> =
            seen.into_iter().filter_map(|(_, record)| Some(record.resource?.id)).collect();
        if newest_first {
            about.reverse();
        }
        assert_eq!(about, sorted.iter().map(ToString::to_string).collect::<Vec<_>>());
    }
    let mut heard: Vec<scim_directory::StoredEvent> = Vec::new();
    for page in 0.. {
        let world = &worlds[page % 2];
        let after = heard.last().map(|stored| stored.position);
        let found = block_on(world.store.events(&world.scope, after, 2)).expect("a read");
        heard.extend(found.events);
        if !found.more {
            break;
        }
    }
    assert_eq!(heard.iter().map(|stored| stored.event.key.id).collect::<Vec<_>>(), sorted);
}

/// Whoever is in a group the whole time is on one page of its edges and not on two, though each page is read on another
/// node while others join and leave.
pub fn edges_are_followed_across_nodes(here: &dyn Store, there: &dyn Store) {
    const STAYING: usize = 20;
    let worlds = nodes(here, there);
    let group = worlds[0].group("Chefs");
    let people: Vec<Key> = (0..2 * STAYING).map(|number| worlds[0].person(&format!("p{number}"))).collect();
    worlds[0].edit_members(&group, &people.iter().collect::<Vec<_>>(), &[]);
    let staying: BTreeSet<ResourceId> = people.iter().step_by(2).map(|key| key.id).collect();
    meet(&worlds, 3, |world, number| {
        if number > 0 {
            // Each has people of its own to move, so that whoever leaves comes back.
            for key in people.iter().skip(1).step_by(2).skip(number - 1).step_by(2) {
                world.edit_members(&group, &[], &[key]);
                world.edit_members(&group, &[key], &[]);
            }
            return;
        }
        for _ in 0..6 {
            let mut query = EdgeQuery {
                of: vec![group.id],
                direction: Direction::Members,
                only: None,
                after: None,
                limit: 3,
            };
            let mut seen = Vec::new();
            for page in 0.. {
                let found = block_on(worlds[page % 2].store.edges(&world.scope, &query)).expect("a read");
                seen.extend(found.edges.iter().map(|edge| edge.other));
                if !found.more {
                    break;
                }
                query.after = found.edges.last().map(|edge| (edge.of, edge.other));
            }
            assert!(seen.is_sorted(), "in ascending order");
            assert_eq!(seen.iter().collect::<BTreeSet<_>>().len(), seen.len(), "nobody twice");
            let stayed = seen.into_iter().filter(|id| staying.contains(id)).count();
            assert_eq!(stayed, STAYING, "everybody who stays");
        }
    });
    assert_eq!(worlds[1].others(&group, Direction::Members).len(), people.len());
}

/// Instances that do the same things under the same names at once have their own people, numbers, log and events.
pub fn racing_instances_touch_nothing_of_one_another(here: &dyn Store, there: &dyn Store) {
    const EACH: usize = 5;
    let worlds = nodes(here, there);
    let elsewhere = worlds[0].from_elsewhere();
    let groups = [worlds[0].group("Chefs"), elsewhere.group("Chefs")];
    let requests = meet(&worlds, CROWD, |world, number| {
        let second = world.from_elsewhere();
        // Both instances on either node.
        let of = number / 2 % 2;
        let world = if of == 0 { world } else { &second };
        let mut requests = Vec::new();
        for step in 0..EACH {
            // The same name in both instances; of those of one instance each has its own.
            let name = format!("person {} {step}", number % 2 + number / 4 * 2);
            let new = world.new_record("User", &json!({ "userName": name, "externalId": name }));
            let key = new.key.clone();
            let told = log(Action::Created, &key, Vec::new());
            let event =
                Event { kind: EventKind::AccountCreated, key: key.clone(), before: None, after: None };
            let changes = vec![Change::Create(new), members(&groups[of], &[&key], &[])];
            let set = world.change_set(world.scope, changes);
            requests.push((of, set.request_id.clone()));
            world.commit_set(ChangeSet { log: vec![told], events: vec![event], ..set });
            if step == 0 {
                world.commit(vec![delete(&key)]);
            }
        }
        requests
    });
    let requests: BTreeSet<(usize, String)> = requests.into_iter().flatten().collect();
    let first = [&worlds[1], &worlds[1].from_elsewhere()];
    for (of, world) in first.into_iter().enumerate() {
        let own: BTreeSet<String> =
            requests.iter().filter(|(instance, _)| *instance == of).map(|(_, id)| id.clone()).collect();
        let logged: BTreeSet<String> =
            world.journal(&world.scope).into_iter().map(|entry| entry.request_id).collect();
        assert_eq!(logged, own);
        let heard: BTreeSet<String> = outbox(world).into_iter().map(|stored| stored.request_id).collect();
        assert_eq!(heard, own);
        let people = own.len() / EACH * (EACH - 1);
        let count = Fact::Count(u64::try_from(people).expect("a number"));
        assert_eq!(world.fact(Question::Count(Arc::from("User"), Tally::All)), count);
        assert_eq!(world.others(&groups[of], Direction::Members).len(), people);
    }
}
