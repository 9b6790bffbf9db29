//! What both engines' tests of the index of texts play.

use std::ops::Range;
use std::time::Duration;

use pollster::block_on;
use scim_directory::{Change, Key, ResourceId};
use scim_storage::{Keyset, MemoryStore, Page, Query, Sort, Start};
use scim_storage_suite::world::{World, delete};
use serde_json::json;

/// How long something may take that happens soon.
pub(crate) const SOON: Duration = Duration::from_secs(60);

/// Texts with what FTS5 or SQL have words and signs for, and with letters of several bytes.
pub(crate) const TEXTS: [&str; 10] = [
    "Head Chef",
    "O'Neil \"AND\" OR x*",
    "NEAR(a, b) NOT c:d^",
    "100 % _under_score",
    "ÄÖÜ Straße",
    "İstanbul ILGIN",
    "日本語テキスト",
    "crew 👩‍🚀 of three",
    "tab\tand\nline",
    "ab",
];

const CHANGED: &str = "Sous-Chef";

pub(crate) fn people(world: &World<'_>, numbers: Range<usize>) -> Vec<Key> {
    let new = |number: usize| {
        let title = TEXTS[number % TEXTS.len()];
        let body = json!({
            "userName": format!("person{number}@contoso.example"), "title": title,
            "name": { "familyName": format!("Family{}", number % 50) },
            "emails": [{ "type": "work", "value": format!("w{number}@contoso.example") }, { "type": "home", "value": "h@home.example" }],
        });
        world.new_record("User", &body)
    };
    let new: Vec<_> = numbers.map(new).collect();
    let keys = new.iter().map(|new| new.key.clone()).collect();
    world.commit(new.into_iter().map(Change::Create).collect());
    keys
}

/// Filters over parts of all texts, and some with more terms.
fn filters() -> Vec<String> {
    let mut filters: Vec<String> = [
        r#"userName co "person1""#,
        r#"userName co "contoso" and name.familyName ew "LY7""#,
        r#"emails[type eq "work" and value sw "w12"]"#,
        r#"emails[type eq "home" and value co "contoso"]"#,
        r#"emails.value co "HOME.example" and userName ew "9@contoso.example""#,
        r#"title co "chef" or name.familyName co "family4""#,
        r#"title co "chef" or name.familyName co "4""#,
        r#"not (title co "chef") and userName sw "person2""#,
        r#"title co "nowhere""#,
        r#"title eq "head chef""#,
    ]
    .map(str::to_owned)
    .to_vec();
    for text in TEXTS.into_iter().chain([CHANGED]) {
        let letters: Vec<char> = text.chars().collect();
        let part = |range: &[char]| range.iter().collect::<String>();
        for length in [2, 3, 7] {
            let length = length.min(letters.len());
            let (beginning, end) = (&letters[..length], &letters[letters.len() - length..]);
            for (op, part) in
                [("sw", part(beginning)), ("co", part(end)), ("ew", part(end)), ("ew", part(beginning))]
            {
                filters.push(format!("title {op} {}", json!(part)));
            }
        }
    }
    filters
}

pub(crate) fn found(world: &World<'_>) -> Vec<Vec<ResourceId>> {
    filters().iter().map(|filter| world.ids(&world.query(&[("User", filter, "")]))).collect()
}

/// The same steps in both worlds, of which one has an index that is waited for; what is found after each.
pub(crate) fn an_index_changes_nothing_but_the_time(actual: &World<'_>, until_complete: &mut dyn FnMut()) {
    let memory = MemoryStore::new();
    let expected = World::new(&memory);
    let worlds = [&expected, actual];
    let check = |stage: &str| {
        for ((filter, expected), actual) in filters().iter().zip(found(&expected)).zip(found(actual)) {
            assert_eq!(actual, expected, "{filter} {stage}");
        }
    };

    let late =
        worlds.map(|world| world.new_record("User", &json!({ "userName": "late", "title": "Late Chef" })));
    let keys = worlds.map(|world| {
        people(&world.from_elsewhere(), 0..150);
        people(world, 0..220)
    });
    check("at the beginning");
    until_complete();
    check("with an index");
    check_pages(&expected, actual);

    for ((world, keys), late) in worlds.iter().zip(&keys).zip(late) {
        people(&world.from_elsewhere(), 150..170);
        world.commit(keys.iter().skip(3).step_by(9).map(delete).collect());
        let change = |key| world.update(key, 1, &json!({ "userName": key.id.to_string(), "title": CHANGED }));
        world.commit(keys.iter().skip(4).step_by(9).map(change).collect());
        world.commit(vec![Change::Create(late)]);
        people_again(world, 40);
    }
    check("behind");
    for world in worlds {
        people_again(world, 200);
    }
    until_complete();
    check("with an index again");
    check_pages(&expected, actual);
}

/// Pages, orders and numbers of all, of many and of few.
fn check_pages(expected: &World<'_>, actual: &World<'_>) {
    let part = |world: &World<'_>, filter: &str, sort_by: &str| world.query(&[("User", filter, sort_by)]);
    let page = |world: &World<'_>, query: &Query| -> Page {
        block_on(world.store.find(&world.scope, query)).expect("a page")
    };
    let seen = |page: &Page| {
        let ids: Vec<ResourceId> = page.records.iter().map(|record| record.key.id).collect();
        (ids, page.total, page.next.as_ref().map(|next| next.id))
    };
    let sorts = [None, Some(Sort { descending: false }), Some(Sort { descending: true })];
    for filter in [r#"userName co "contoso""#, r#"userName co "person21""#, r#"title eq "no such title""#] {
        for (sort, total) in sorts.into_iter().flat_map(|sort| [(sort, true), (sort, false)]) {
            let sort_by = if sort.is_some() { "userName" } else { "" };
            for (offset, limit) in [(0, 0), (0, 7), (5, 7), (5, 1000), (400, 7)] {
                let ask = |world: &World<'_>| {
                    let start = Start::Offset(offset);
                    page(world, &Query { sort, start, limit, total, ..part(world, filter, sort_by) })
                };
                assert_eq!(
                    seen(&ask(actual)),
                    seen(&ask(expected)),
                    "{filter} {sort:?} {total} {offset} {limit}"
                );
            }
            let mut after: Option<Keyset> = None;
            loop {
                let ask = |world: &World<'_>| {
                    let start = after.clone().map_or(Start::Offset(0), Start::After);
                    page(world, &Query { sort, start, limit: 60, total, ..part(world, filter, sort_by) })
                };
                let next = ask(actual);
                assert_eq!(seen(&next), seen(&ask(expected)), "{filter} {sort:?} {total} {after:?}");
                after = next.next;
                if after.is_none() {
                    break;
                }
            }
        }
    }
}

/// People whose names are not those of the first ones.
fn people_again(world: &World<'_>, count: usize) {
    let new = |number: usize| {
        let title = TEXTS[number % TEXTS.len()];
        world.new_record("User", &json!({ "userName": format!("again {}", world.uuid()), "title": title }))
    };
    world.commit((0..count).map(new).map(Change::Create).collect());
}
