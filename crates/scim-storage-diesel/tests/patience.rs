//! A read that takes too long ends, at the server too.

#![cfg(feature = "postgres")]
#![expect(clippy::expect_used, reason = "a panic is how a test answers")]

use std::time::{Duration, Instant};

use pollster::block_on;
use scim_core::filter::{Filter, FilterLimits};
use scim_core::{Dialect, Registry};
use scim_directory::{InstanceId, Scope};
use scim_storage::{Query, QueryPart, Start, Store as _, StoreError, Want};
use scim_storage_diesel::{PostgresOptions, PostgresStore};
use uuid::Uuid;

/// People with a title that has this in it.
fn titled(part: &str) -> Query {
    let registry = Registry::builtin();
    let user = registry.resource_type("User").expect("built in");
    let text = format!("title co {part:?}");
    let filter = Filter::parse(&text, &FilterLimits::default()).expect("a filter");
    let filter = filter.resolve(user, Dialect::LENIENT).expect("a filter of people").0;
    Query {
        parts: vec![QueryPart {
            resource_type: std::sync::Arc::clone(user),
            filter: Some(filter),
            sort_by: None,
        }],
        sort: None,
        start: Start::Offset(0),
        limit: 10,
        want: Want::RECORD,
        total: false,
    }
}

/// Waits until the database says so.
fn until(database: &testbed::Database<'_>, question: &str, answer: &str) {
    let begun = Instant::now();
    while database.sql(question).expect("asks") != answer {
        assert!(begun.elapsed() < Duration::from_secs(30), "{question} is not {answer}");
        std::thread::yield_now();
    }
}

#[test]
fn a_read_that_takes_too_long_ends_at_the_server_too() {
    let Some(cluster) = testbed::Postgres::shared() else { return };
    let database = cluster.database().expect("a database");
    let options =
        PostgresOptions { read_time: Duration::from_millis(200), ..PostgresOptions::new(database.url()) };
    let store = PostgresStore::open(&options).expect("opens");
    let scope = Scope { instance: InstanceId::new(Uuid::from_u128(1)), connector: None };
    let read = || block_on(store.find(&scope, &titled("gin")));
    read().expect("there is time");
    std::thread::scope(|threads| {
        // Nobody reads while somebody changes the table.
        let holder = threads.spawn(|| {
            database.sql("BEGIN; LOCK TABLE resources; SELECT pg_sleep(600); COMMIT").expect_err("is ended");
        });
        let held = "SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND relation = 'resources'::regclass AND granted";
        until(&database, held, "1");
        let error = read().expect_err("no time");
        assert!(matches!(error, StoreError::TooLong), "{error}");
        // The server does not go on for nobody, though what it waited for is as it was.
        let waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
        until(&database, waiting, "0");
        assert_eq!(database.sql(held).expect("asks"), "1");
        let end = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
                   WHERE datname = current_database() AND query LIKE '%pg_sleep(600)%' AND pid <> pg_backend_pid()";
        database.sql(end).expect("ends it");
        holder.join().expect("was ended");
    });
    read().expect("there is time again");
}
