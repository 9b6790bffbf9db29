//! Pages without a sort: offsets, positions, totals.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

use scim_directory::{Change, Key, NewRecord, ResourceId, Scope};
use scim_storage::{Page, Query, Start, Store, Want};
use serde_json::json;

use crate::world::{World, delete};

/// Backends may read what is shown, as lists of clients ask for it, in another way.
const WANTS: [Want; 2] = [Want::HEAD, Want::SHOWN];

/// Index paging: the newest first, with the total of what matches.
pub fn offsets_and_totals(store: &dyn Store) {
    let world = World::new(store);
    let mut people: Vec<_> = (0..7).map(|number| world.person(&format!("p{number}")).id).collect();
    people.reverse();
    world.group("Chefs");
    let page = |start: u64, limit: usize, filter: &str| {
        let mut query = world.query(&[("User", filter, "")]);
        (query.start, query.limit, query.total) = (Start::Offset(start), limit, true);
        WANTS.map(|want| world.find(&Query { want, ..query.clone() }))
    };
    let check = |pages: &[Page], ids: &[_], total: u64, more: bool| {
        for page in pages {
            assert_eq!(page.records.iter().map(|record| record.key.id).collect::<Vec<_>>(), ids);
            assert_eq!(page.total, Some(total));
            assert_eq!(page.next.is_some(), more);
        }
    };
    check(&page(0, 3, ""), &people[..3], 7, true);
    check(&page(3, 3, ""), &people[3..6], 7, true);
    check(&page(6, 3, ""), &people[6..], 7, false);
    check(&page(4, 3, ""), &people[4..], 7, false);
    check(&page(7, 3, ""), &[], 7, false);
    check(&page(1 << 40, 3, ""), &[], 7, false);
    check(&page(0, 0, ""), &[], 7, false);
    check(&page(0, 2, r#"userName gt "P3""#), &people[..2], 3, true);
    check(&page(2, 2, r#"userName gt "P3""#), &people[2..3], 3, false);
    check(&page(0, 0, r#"userName gt "P3""#), &[], 3, false);
    check(&page(0, 2, r#"userName eq "nobody""#), &[], 0, false);
    let mut query = world.query(&[("User", "", "")]);
    query.limit = 1;
    assert_eq!(world.find(&query).total, None, "a total that nobody asked for");
}

/// Each record of a page has the `externalId` of the connector that asks, whatever else has one between them: a few links of others, or
/// many.
pub fn pages_have_the_links_of_who_asks(store: &dyn Store) {
    let world = World::new(store);
    let other = Scope { connector: Some(world.connector(world.scope.instance, "Another")), ..world.scope };
    let mut expected: Vec<Option<String>> = Vec::new();
    let person = |expected: &mut Vec<Option<String>>| {
        let number = expected.len();
        let own = (!number.is_multiple_of(3)).then(|| format!("x{number}"));
        let mut body = json!({ "userName": format!("p{number}") });
        if let Some(external_id) = &own {
            body["externalId"] = json!(external_id);
        }
        let scope = if number.is_multiple_of(3) { other } else { world.scope };
        if scope == other && number.is_multiple_of(2) {
            body["externalId"] = json!(format!("not yours {number}"));
        }
        world.create_in(scope, "User", &body);
        expected.insert(0, own);
    };
    let groups = |count: usize| {
        let new = |number: usize| {
            let name = format!("g{count} {number}");
            world.new_record("Group", &json!({ "displayName": name, "externalId": name }))
        };
        world.commit((0..count).map(new).map(Change::Create).collect());
    };
    let check = |expected: &[Option<String>]| {
        let pages = [(0, 100), (0, 4), (3, 5), (expected.len() as u64 - 1, 5)];
        for ((start, limit), want) in pages.into_iter().flat_map(|page| WANTS.map(|want| (page, want))) {
            let query = world.query(&[("User", "", "")]);
            let page = world.find(&Query { start: Start::Offset(start), limit, want, total: true, ..query });
            let found: Vec<_> = page.records.into_iter().map(|record| record.external_id).collect();
            let wanted: Vec<_> = expected
                .iter()
                .skip(usize::try_from(start).unwrap_or_default())
                .take(limit)
                .cloned()
                .collect();
            assert_eq!(found, wanted, "{start} {limit}");
        }
    };
    (0..6).for_each(|_| person(&mut expected));
    check(&expected);
    groups(5);
    (0..6).for_each(|_| person(&mut expected));
    check(&expected);
    groups(1000);
    (0..2).for_each(|_| person(&mut expected));
    check(&expected);
}

/// In a list that is long enough for a backend to know places in it, a page by number begins where counting says: after people
/// went, came back, and came in among the others.
pub fn offsets_count_whoever_is_there(store: &dyn Store) {
    let world = World::new(store);
    let mut late = world.new_record("User", &json!({ "userName": "late" }));
    let mut there: BTreeSet<_> = BTreeSet::new();
    for hundred in 0..65 {
        let new = |number| world.new_record("User", &json!({ "userName": format!("p{hundred} {number}") }));
        let new: Vec<_> = (0..100).map(new).collect();
        there.extend(new.iter().map(|new| new.key.id));
        if hundred == 40 {
            late.key.id = world.key("User").id;
        }
        world.commit(new.into_iter().map(Change::Create).collect());
    }
    let check = |there: &BTreeSet<ResourceId>| {
        let all: Vec<_> = there.iter().rev().copied().collect();
        let near_ends =
            [33, 34, 100, 511, 512, 513, 2047, 2048, 2049, all.len() - 3, all.len() - 1, all.len()];
        for offset in (31..all.len()).step_by(487).chain(near_ends) {
            let mut query = world.query(&[("User", "", "")]);
            (query.start, query.limit, query.total) = (Start::Offset(offset as u64), 2, offset % 2 == 0);
            query.want = WANTS[offset / 2 % WANTS.len()];
            let page = world.find(&query);
            let expected: Vec<_> = all.iter().skip(offset).take(2).copied().collect();
            assert_eq!(
                page.records.iter().map(|record| record.key.id).collect::<Vec<_>>(),
                expected,
                "{offset}"
            );
            assert_eq!(page.total, (offset % 2 == 0).then_some(all.len() as u64), "{offset}");
            assert_eq!(page.next.is_some(), offset + 2 < all.len(), "{offset}");
        }
    };
    check(&there);
    let key = |id: &ResourceId| Key { id: *id, ..late.key.clone() };
    let going: Vec<_> = there
        .iter()
        .enumerate()
        .filter(|(number, _)| number % 7 == 3 || number / 300 == 9)
        .map(|(_, id)| *id)
        .collect();
    for some in going.chunks(200) {
        world.commit(some.iter().map(|id| delete(&key(id))).collect());
    }
    there.retain(|id| !going.contains(id));
    check(&there);
    world.commit(vec![Change::Create(late.clone())]);
    there.insert(late.key.id);
    for id in going.iter().step_by(50) {
        let (key, body) = (key(id), json!({ "userName": format!("again {id}") }));
        let back = NewRecord { content: world.content(&key, &body), key, external_id: None, revives: true };
        world.commit(vec![Change::Create(back)]);
        there.insert(*id);
    }
    check(&there);
}

/// Following positions visits each resource once, in order.
pub fn keysets_walk_through_everything(store: &dyn Store) {
    let world = World::new(store);
    let people: Vec<_> = (0..10).map(|number| world.person(&format!("p{number}")).id).collect();
    let newest_first: Vec<_> = people.iter().rev().copied().collect();
    for limit in [1, 3, 5, 10, 11] {
        for want in WANTS {
            let query = world.query(&[("User", "", "")]);
            let seen = world.walk(Query { limit, want, ..query }, |_| {});
            assert_eq!(seen, newest_first, "{limit} at a time");
        }
        let mut query = world.query(&[("User", r#"userName ne "p3" and userName lt "p8""#, "")]);
        query.limit = limit;
        let expected: Vec<_> = [7, 6, 5, 4, 2, 1, 0].map(|number| people[number]).to_vec();
        assert_eq!(world.walk(query, |_| {}), expected, "{limit} at a time");
    }
}

/// Whoever stays is seen once, whatever is created, deleted and changed between and during the pages.
pub fn pages_stay_whole_while_others_write(store: &dyn Store) {
    let world = World::new(store);
    let people: Vec<_> = (0..30).map(|number| world.person(&format!("p{number:02}"))).collect();
    for sort_by in ["", "userName"] {
        let staying: Vec<_> = people.iter().filter(|key| world.get(key).is_some()).collect();
        let (leaving, staying): (Vec<_>, Vec<_>) =
            staying.into_iter().enumerate().partition(|(number, _)| number % 4 == 1);
        let staying: Vec<_> = staying.into_iter().map(|(_, key)| key).collect();
        let mut leaving = leaving.into_iter().map(|(_, key)| key);
        let stop = AtomicBool::new(false);
        let seen = std::thread::scope(|scope| {
            scope.spawn(|| {
                for number in 0..200 {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    world.person(&format!("during {sort_by} {number}"));
                }
            });
            let mut query = world.query(&[("User", "", sort_by)]);
            query.limit = 4;
            let seen = world.walk(query, |number| {
                world.person(&format!("between {sort_by} {number}"));
                if let Some(key) = leaving.next() {
                    world.commit(vec![delete(key)]);
                }
                let changed = staying[number % staying.len()];
                let name = world.there(changed).display.unwrap_or_default();
                let body = json!({ "userName": name, "title": "changed" });
                world.commit(vec![world.update(changed, world.version(changed), &body)]);
                if number > 20 {
                    stop.store(true, Ordering::Relaxed);
                }
            });
            stop.store(true, Ordering::Relaxed);
            seen
        });
        let distinct: BTreeSet<_> = seen.iter().collect();
        assert_eq!(distinct.len(), seen.len(), "nobody twice");
        let mut expected: Vec<_> = staying.iter().map(|key| key.id).collect();
        if sort_by.is_empty() {
            expected.reverse();
        }
        let kept: Vec<_> = seen.iter().filter(|id| expected.contains(id)).copied().collect();
        assert_eq!(kept, expected, "everybody who stays, in order");
    }
}

/// Totals are those of the moment, by type, with and without filter.
pub fn totals_follow_creates_and_deletes(store: &dyn Store) {
    let world = World::new(store);
    let total = |parts: &[(&str, &str, &str)]| {
        let mut query = world.query(parts);
        (query.total, query.limit) = (true, 1);
        world.find(&query).total
    };
    assert_eq!(total(&[("User", "", "")]), Some(0));
    let people: Vec<_> = (0..4).map(|number| world.person(&format!("p{number}"))).collect();
    world.group("Chefs");
    assert_eq!(total(&[("User", "", "")]), Some(4));
    assert_eq!(total(&[("Group", "", "")]), Some(1));
    assert_eq!(total(&[("User", "", ""), ("Group", "", "")]), Some(5));
    world.commit(vec![delete(&people[0]), delete(&people[3])]);
    assert!(world.try_commit(vec![delete(&people[1]), delete(&people[3])]).is_err());
    assert_eq!(total(&[("User", "", "")]), Some(2));
    assert_eq!(total(&[("User", r#"userName sw "p""#, ""), ("Group", "", "")]), Some(3));
    assert_eq!(total(&[("Device", "", "")]), Some(0));
    world.create_in(world.elsewhere, "User", &json!({ "userName": "p" }));
    assert_eq!(total(&[("User", "", "")]), Some(2));
}

/// Resources of several types come in one order, the newest first.
pub fn several_types_in_one_order(store: &dyn Store) {
    let world = World::new(store);
    let mut all = Vec::new();
    for number in 0..6 {
        all.push(match number % 3 {
            0 => world.person(&format!("p{number}")).id,
            1 => world.group(&format!("g{number}")).id,
            _ => world.create("Device", &json!({ "label": "d" })).id,
        });
    }
    for limit in [1, 2, 4, 10] {
        let mut query = world.query(&[("Group", "", ""), ("Device", "", ""), ("User", "", "")]);
        query.limit = limit;
        let newest_first: Vec<_> = all.iter().rev().copied().collect();
        assert_eq!(world.walk(query, |_| {}), newest_first);
    }
    let mut query = world.query(&[("Device", "", ""), ("User", "", "")]);
    query.start = Start::Offset(1);
    assert_eq!(world.ids(&query), [all[0], all[2], all[3]]);
    let none = Query { parts: Vec::new(), total: true, ..query };
    assert_eq!(world.find(&none).total, Some(0));
}
