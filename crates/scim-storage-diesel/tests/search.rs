//! The index of texts on SQLite finds whom the evaluator finds: before there is one, while it is behind, and when it is complete.

#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a panic is how a test answers")]

mod searches;

use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection as _;
use diesel::sql_types::BigInt;
use diesel::sqlite::SqliteConnection;
use diesel::{Connection as _, QueryableByName, RunQueryDsl as _};
use pollster::block_on;
use scim_storage::{Store as _, StoreError};
use scim_storage_diesel::{Options, SqliteStore};
use scim_storage_suite::world::World;
use searches::{SOON, an_index_changes_nothing_but_the_time, found, people};

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = BigInt)]
    n: i64,
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
        assert!(begun.elapsed() < SOON, "the index does not follow");
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
        assert!(begun.elapsed() < SOON, "there is no index");
        std::thread::yield_now();
    }
}

#[test]
fn an_index_finds_whom_the_evaluator_finds() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("search.sqlite3");
    let store = SqliteStore::open(&path, Options::default()).expect("opens");
    let world = World::new(&store);
    let mut connection = SqliteConnection::establish(path.to_str().expect("UTF-8")).expect("connects");
    connection.batch_execute("PRAGMA busy_timeout = 10000").expect("set");
    an_index_changes_nothing_but_the_time(&world, &mut || until_complete(&world, &mut connection));
    // Who is not in it is not found: so it was asked.
    connection.batch_execute("INSERT INTO texts (texts) VALUES ('delete-all')").expect("emptied");
    assert_eq!(found(&world).first(), Some(&Vec::new()));
}
