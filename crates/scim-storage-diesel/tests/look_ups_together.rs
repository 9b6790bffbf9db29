//! Look-ups that go together on PostgreSQL: each is answered for itself, whatever becomes of the others.

#![cfg(feature = "postgres")]
#![expect(clippy::expect_used, reason = "a panic is how a test answers")]

use std::future::Future;
use std::time::{Duration, Instant};

use futures_util::future::{join, join_all, poll_immediate};
use scim_directory::{Fact, Key, Question, Record, Scope, Target};
use scim_storage::{Page, Query, Store, StoreError, Want};
use scim_storage_diesel::{PostgresOptions, PostgresStore};
use scim_storage_suite::world::{World, members};
use serde_json::json;
use testbed::Database;
use tokio_postgres::{Client, NoTls};

/// How long something may take that happens soon.
const SOON: Duration = Duration::from_secs(30);

/// A new database, and a store over it; none where there is no PostgreSQL.
fn opened(waiting: usize) -> Option<(Database<'static>, PostgresStore)> {
    let database = testbed::Postgres::shared()?.database().expect("a database");
    let options = PostgresOptions { connections: 5, waiting, ..PostgresOptions::new(database.url()) };
    let store = PostgresStore::open(&options).expect("opens");
    Some((database, store))
}

/// On a runtime as a server's threads have one.
fn on_a_runtime<T>(test: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(test)
}

async fn get(store: &dyn Store, scope: Scope, key: &Key) -> Result<Option<Record>, StoreError> {
    store.get(&scope, key, Want::RECORD).await
}

fn id_of(found: Result<Option<Record>, StoreError>) -> Option<Key> {
    found.expect("a read").map(|record| record.key)
}

/// Somebody else's session, in which nobody reads records until it ends.
async fn holding_records(database: &Database<'_>) -> Client {
    let (client, connection) = tokio_postgres::connect(database.url(), NoTls).await.expect("connects");
    tokio::spawn(connection);
    client.batch_execute("BEGIN; LOCK TABLE resources IN ACCESS EXCLUSIVE MODE").await.expect("locked");
    client
}

/// The statements that wait for somebody.
async fn waiting(database: &Database<'_>) -> Vec<String> {
    let (client, connection) = tokio_postgres::connect(database.url(), NoTls).await.expect("connects");
    tokio::spawn(connection);
    let begun = Instant::now();
    loop {
        let text = "SELECT query FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
        let rows = client.query(text, &[]).await.expect("asks");
        if !rows.is_empty() {
            return rows.iter().map(|row| row.get(0)).collect();
        }
        assert!(begun.elapsed() < SOON, "nobody waits");
        tokio::task::yield_now().await;
    }
}

#[test]
fn what_is_asked_at_the_same_time_is_one_statement() {
    let Some((database, store)) = opened(100) else { return };
    let world = World::new(&store);
    let people: Vec<Key> = (0..20).map(|number| world.person(&format!("p{number}"))).collect();
    on_a_runtime(async {
        let other = holding_records(&database).await;
        let asked = join_all(people.iter().map(|key| get(&store, world.scope, key)));
        let (found, ()) = join(asked, async {
            let statements = waiting(&database).await;
            let [statement] = statements.as_slice() else { panic!("{statements:#?}") };
            assert!(statement.contains("unnest"), "{statement}");
            other.batch_execute("COMMIT").await.expect("free");
        })
        .await;
        let found: Vec<Key> = found.into_iter().filter_map(id_of).collect();
        assert_eq!(found, people, "each has its own answer");
    });
}

#[test]
fn those_who_want_the_same_are_told_the_same() {
    let Some((database, store)) = opened(100) else { return };
    let world = World::new(&store);
    let (ada, bea) = (world.person("ada"), world.person("bea"));
    on_a_runtime(async {
        let asked = || join_all([&ada, &ada, &bea, &ada].map(|key| get(&store, world.scope, key)));
        let found: Vec<Key> = asked().await.into_iter().filter_map(id_of).collect();
        assert_eq!(found, [&ada, &ada, &bea, &ada].map(Key::clone));
        database.sql("ALTER TABLE resources RENAME COLUMN display TO shown").expect("runs");
        for found in asked().await {
            assert!(matches!(found, Err(StoreError::Internal { .. })), "an error is told to all of them");
        }
    });
}

#[test]
fn references_that_are_asked_about_at_the_same_time_are_one_statement() {
    let Some((database, store)) = opened(100) else { return };
    let world = World::new(&store);
    let people: Vec<Key> = (0..20).map(|number| world.person(&format!("p{number}"))).collect();
    let groups = [world.group("Chefs"), world.group("Cooks")];
    let chefs: Vec<&Key> = people.iter().take(7).collect();
    world.commit(vec![members(&groups[0], &chefs, &[])]);
    // Each with the number of a group's members, up to another limit.
    let questions: Vec<_> = people
        .iter()
        .enumerate()
        .map(|(number, key)| {
            let group = groups[number % 2].id;
            [Question::Target(key.id.to_string()), Question::Members { group, most: number }]
        })
        .collect();
    on_a_runtime(async {
        let other = holding_records(&database).await;
        let asked = join_all(questions.iter().map(|questions| store.facts(&world.scope, questions)));
        let (found, ()) = join(asked, async {
            let statements = waiting(&database).await;
            let [statement] = statements.as_slice() else { panic!("{statements:#?}") };
            assert!(statement.contains("unnest") && statement.contains("members"), "{statement}");
            other.batch_execute("COMMIT").await.expect("free");
        })
        .await;
        for (number, (key, facts)) in people.iter().zip(found).enumerate() {
            let members = if number % 2 == 0 { number.min(chefs.len()) } else { 0 };
            let live = Fact::Target(Target::Live(key.clone()));
            assert_eq!(facts.expect("a read"), [live, Fact::Count(members as u64)]);
        }
    });
}

#[test]
fn instances_in_one_statement_see_nothing_of_one_another() {
    let Some((_database, store)) = opened(100) else { return };
    let world = World::new(&store);
    let person =
        |number: &str| json!({ "userName": "ada", "externalId": "7", "displayName": "Ada", "title": number });
    let here = world.create_in(world.scope, "User", &person("first"));
    let there = world.create_in(world.elsewhere, "User", &person("second"));
    let by = |filter: &str| Query { want: Want::RECORD, ..world.query(&[("User", filter, "")]) };
    let filters = ["userName eq \"ada\"", "externalId eq \"7\"", "displayName eq \"ada\""].map(by);
    let sides = [(world.scope, &here), (world.elsewhere, &there)];
    on_a_runtime(async {
        // Again and again, in either order.
        for round in 0..8 {
            let mut sides = sides;
            sides.rotate_left(round % 2);
            let records = join_all(
                sides.iter().flat_map(|(scope, _)| [&here, &there].map(|key| get(&store, *scope, key))),
            );
            let pages = join_all(
                sides.iter().flat_map(|(scope, _)| filters.iter().map(|query| store.find(scope, query))),
            );
            let (records, pages) = join(records, pages).await;
            let mut records = records.into_iter().map(id_of);
            let mut pages = pages.into_iter();
            for (_, own) in sides {
                for key in [&here, &there] {
                    assert_eq!(records.next().expect("an answer").as_ref(), (key == own).then_some(key));
                }
                for page in pages.by_ref().take(filters.len()) {
                    let page: Page = page.expect("a read");
                    let found: Vec<_> = page.records.iter().map(|record| &record.key).collect();
                    assert_eq!(found, [own]);
                }
            }
        }
    });
}

#[test]
fn whoever_goes_away_keeps_nobody_waiting() {
    let Some((database, store)) = opened(100) else { return };
    let world = World::new(&store);
    let people: Vec<Key> = (0..4).map(|number| world.person(&format!("p{number}"))).collect();
    on_a_runtime(async {
        let other = holding_records(&database).await;
        let mut asked: Vec<_> = people.iter().map(|key| Box::pin(get(&store, world.scope, key))).collect();
        // The first is under way, and goes away; of those that wait behind it one does.
        let mut first = asked.remove(0);
        assert!(poll_immediate(&mut first).await.is_none());
        waiting(&database).await;
        drop(first);
        for one in &mut asked {
            assert!(poll_immediate(one).await.is_none());
        }
        drop(asked.remove(0));
        other.batch_execute("COMMIT").await.expect("free");
        let found: Vec<Key> = join_all(asked).await.into_iter().filter_map(id_of).collect();
        assert_eq!(found, people[2..]);
    });
}

#[test]
fn one_that_fails_fails_alone() {
    let Some((database, store)) = opened(100) else { return };
    let world = World::new(&store);
    let people: Vec<Key> = (0..6).map(|number| world.person(&format!("p{number}"))).collect();
    let broken = people[3].id.to_string().replace('-', "");
    // One row on which every statement fails.
    let text = format!(
        "ALTER TABLE resources RENAME TO kept_resources; CREATE VIEW resources AS SELECT instance_id, resource_type, id, \
         version / (CASE WHEN encode(id, 'hex') = '{broken}' THEN 0 ELSE 1 END) AS version, membership, created_ms, \
         modified_ms, display, manager, managed_by, direct_manager, document, account FROM kept_resources"
    );
    database.sql(&text).expect("runs");
    on_a_runtime(async {
        let found = join_all(people.iter().map(|key| get(&store, world.scope, key))).await;
        for (number, (key, found)) in people.iter().zip(found).enumerate() {
            match found {
                Ok(record) => assert_eq!(record.map(|record| record.key).as_ref(), Some(key)),
                Err(error) => assert!(number == 3 && matches!(error, StoreError::Internal { .. }), "{error}"),
            }
        }
    });
}

#[test]
fn a_connection_that_is_lost_is_made_anew_for_all() {
    let Some((database, store)) = opened(100) else { return };
    let world = World::new(&store);
    let people: Vec<Key> = (0..5).map(|number| world.person(&format!("p{number}"))).collect();
    let ended = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() AND ";
    on_a_runtime(async {
        // While nothing is asked; then in the midst of it.
        let before = id_of(get(&store, world.scope, &people[0]).await);
        assert!(before.is_some());
        database.sql(&format!("{ended} pid <> pg_backend_pid()")).expect("ends them");
        let found = join_all(people.iter().map(|key| get(&store, world.scope, key))).await;
        assert_eq!(found.into_iter().filter_map(id_of).collect::<Vec<_>>(), people);

        let other = holding_records(&database).await;
        let asked = join_all(people.iter().map(|key| get(&store, world.scope, key)));
        let (found, ()) = join(asked, async {
            waiting(&database).await;
            database.sql(&format!("{ended} wait_event_type = 'Lock'")).expect("ends it");
            other.batch_execute("COMMIT").await.expect("free");
        })
        .await;
        assert_eq!(found.into_iter().filter_map(id_of).collect::<Vec<_>>(), people);
    });
}

#[test]
fn those_for_whom_there_is_no_room_are_refused_at_once() {
    let Some((_database, store)) = opened(2) else { return };
    let world = World::new(&store);
    let ada = world.person("ada");
    on_a_runtime(async {
        let found = join_all((0..3).map(|_| get(&store, world.scope, &ada))).await;
        let refused: Vec<bool> = found
            .iter()
            .map(|found| matches!(found, Err(StoreError::Unavailable { reason }) if reason.contains("too many")))
            .collect();
        assert_eq!(refused, [false, false, true]);
        assert!(found.into_iter().take(2).all(|found| id_of(found).is_some()));
        assert!(id_of(get(&store, world.scope, &ada).await).is_some(), "there is room again");
    });
}

#[test]
fn what_was_committed_is_read_whatever_is_under_way() {
    let Some((_database, store)) = opened(100) else { return };
    let world = World::new(&store);
    let first = world.person("first");
    on_a_runtime(async {
        for round in 0..50 {
            // One is under way when the change is acknowledged; the next sees it.
            let mut under_way = Box::pin(get(&store, world.scope, &first));
            let _ = poll_immediate(&mut under_way).await;
            tokio::task::yield_now().await;
            let new = world.new_record("User", &json!({ "userName": format!("p{round}") }));
            let key = new.key.clone();
            let set = world.change_set(world.scope, vec![scim_directory::Change::Create(new)]);
            store.commit(set).await.expect("committed");
            let (_, found) = join(under_way, get(&store, world.scope, &key)).await;
            assert_eq!(id_of(found), Some(key));
        }
    });
}
