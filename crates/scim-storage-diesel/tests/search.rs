//! The index of texts finds whom the evaluator finds: before there is one, while it is behind, and when it is complete.

#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a panic is how a test answers")]

use std::ops::Range;
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection as _;
use diesel::sql_types::BigInt;
use diesel::sqlite::SqliteConnection;
use diesel::{Connection as _, QueryableByName, RunQueryDsl as _};
use pollster::block_on;
use scim_directory::{Change, Key, ResourceId};
use scim_storage::{MemoryStore, Store as _, StoreError};
use scim_storage_diesel::{Options, SqliteStore};
use scim_storage_suite::world::{World, delete};
use serde_json::json;

/// Texts with what FTS5 or SQL have words and signs for, and with letters of several bytes.
const TEXTS: [&str; 10] = [
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

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = BigInt)]
    n: i64,
}

fn people(world: &World<'_>, numbers: Range<usize>) -> Vec<Key> {
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

fn found(world: &World<'_>) -> Vec<Vec<ResourceId>> {
    filters().iter().map(|filter| world.ids(&world.query(&[("User", filter, "")]))).collect()
}

/// Waits until the index has everybody of the first instance.
fn until_complete(world: &World<'_>, connection: &mut SqliteConnection) {
    let begun = Instant::now();
    let instance = world.scope.instance.uuid().simple();
    let missing = format!(
        "SELECT count(*) + (SELECT count(*) FROM texts_stale) AS n FROM resources WHERE instance_id = x'{instance}' \
         AND id > coalesce((SELECT up_to FROM texts_known WHERE instance_id = x'{instance}'), x'')"
    );
    loop {
        let _ = world.ids(&world.query(&[("User", r#"title co "chef""#, "")]));
        if diesel::sql_query(&*missing).get_result::<Number>(connection).expect("a number").n == 0 {
            return;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "the index does not follow");
        std::thread::yield_now();
    }
}

/// Otherwise a directory too large to be read in the time of a read would never get its index.
#[test]
fn a_search_that_takes_too_long_has_the_index_made() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("slow.sqlite3");
    let options = Options { read_time: Duration::ZERO, ..Options::default() };
    let store = SqliteStore::open(&path, options).expect("opens");
    let world = World::new(&store);
    people(&world, 0..200);
    let mut connection = SqliteConnection::establish(path.to_str().expect("UTF-8")).expect("connects");
    connection.batch_execute("PRAGMA busy_timeout = 10000").expect("set");
    let begun = Instant::now();
    loop {
        let search = world.query(&[("User", r#"title co "chef""#, "")]);
        let outcome = block_on(store.find(&world.scope, &search));
        assert!(matches!(outcome, Err(StoreError::TooLong)), "{outcome:?}");
        let known = diesel::sql_query("SELECT count(*) AS n FROM texts_known");
        if known.get_result::<Number>(&mut connection).expect("a number").n == 1 {
            return;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "there is no index");
        std::thread::yield_now();
    }
}

/// The same steps in both worlds; what is found after each.
#[test]
fn an_index_changes_nothing_but_the_time() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("search.sqlite3");
    let store = SqliteStore::open(&path, Options::default()).expect("opens");
    let memory = MemoryStore::new();
    let worlds = [World::new(&memory), World::new(&store)];
    let [expected, actual] = &worlds;
    let mut connection = SqliteConnection::establish(path.to_str().expect("UTF-8")).expect("connects");
    connection.batch_execute("PRAGMA busy_timeout = 10000").expect("set");
    let check = |stage: &str| {
        for ((filter, expected), actual) in filters().iter().zip(found(expected)).zip(found(actual)) {
            assert_eq!(actual, expected, "{filter} {stage}");
        }
    };

    let late = worlds
        .each_ref()
        .map(|world| world.new_record("User", &json!({ "userName": "late", "title": "Late Chef" })));
    let keys = worlds.each_ref().map(|world| {
        people(&world.from_elsewhere(), 0..150);
        people(world, 0..220)
    });
    check("at the beginning");
    until_complete(actual, &mut connection);
    check("with an index");

    for ((world, keys), late) in worlds.iter().zip(&keys).zip(late) {
        people(&world.from_elsewhere(), 150..170);
        world.commit(keys.iter().skip(3).step_by(9).map(delete).collect());
        let change = |key| world.update(key, 1, &json!({ "userName": key.id.to_string(), "title": CHANGED }));
        world.commit(keys.iter().skip(4).step_by(9).map(change).collect());
        world.commit(vec![Change::Create(late)]);
        people_again(world, 40);
    }
    check("behind");
    for world in &worlds {
        people_again(world, 200);
    }
    until_complete(actual, &mut connection);
    check("with an index again");

    // Who is not in it is not found: so it was asked.
    connection.batch_execute("INSERT INTO texts (texts) VALUES ('delete-all')").expect("emptied");
    assert_eq!(found(actual).first(), Some(&Vec::new()));
}

/// People whose names are not those of the first ones.
fn people_again(world: &World<'_>, count: usize) {
    let new = |number: usize| {
        let title = TEXTS[number % TEXTS.len()];
        world.new_record("User", &json!({ "userName": format!("again {}", world.uuid()), "title": title }))
    };
    world.commit((0..count).map(new).map(Change::Create).collect());
}
