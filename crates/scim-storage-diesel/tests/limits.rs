//! Nothing waits without bound: not the writer's queue, not that for long reads, not a read for its end.

#![cfg(test)]

use std::future::Future;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use diesel::Connection as _;
use diesel::connection::SimpleConnection as _;
use diesel::sqlite::SqliteConnection;
use pollster::block_on;
use scim_core::filter::{Filter, FilterLimits};
use scim_core::instant::Timestamp;
use scim_core::{Dialect, Registry};
use scim_directory::{
    Actor, Change, ChangeSet, ChangeSetId, Content, InstanceId, Key, NewRecord, ResourceId, Scope,
};
use scim_storage::{CommitError, Query, QueryPart, Start, Store as _, StoreError, Want};
use scim_storage_diesel::{Options, SqliteStore};
use uuid::Uuid;

const SCOPE: Scope = Scope { instance: InstanceId::new(Uuid::from_u128(1)), connector: None };

fn person(number: u128) -> ChangeSet {
    let id = Uuid::from_u128(number);
    let content = Content {
        document: b"{}".to_vec(),
        shadow: serde_json::json!({ "title": "engineer" }).to_string(),
        index: Vec::new(),
        display: None,
        manager: None,
        managed_by: None,
        reports_to: None,
        account: None,
    };
    let key = Key { resource_type: Arc::from("User"), id: ResourceId::new(id) };
    let new = NewRecord { key, content, external_id: None, revives: false };
    let at = Timestamp::from_unix_millis(1);
    ChangeSet {
        changes: vec![Change::Create(new)],
        ..ChangeSet::empty(ChangeSetId::new(id), SCOPE, Actor::default(), id.to_string(), at)
    }
}

/// People by a filter, or all of them.
fn query(filter: Option<&str>) -> Query {
    let registry = Registry::builtin();
    let user = registry.resource_type("User").expect("built in");
    let filter = filter.map(|text| {
        let filter = Filter::parse(text, &FilterLimits::default()).expect(text);
        filter.resolve(user, Dialect::LENIENT).expect("a filter of people").0
    });
    Query {
        parts: vec![QueryPart { resource_type: Arc::clone(user), filter, sort_by: None }],
        sort: None,
        start: Start::Offset(0),
        limit: 10,
        want: Want::RECORD,
        total: false,
    }
}

/// Begins a call; what it says at once, if anything.
fn begun<T>(call: &mut (impl Future<Output = T> + Unpin)) -> Option<T> {
    match pin!(call).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(outcome) => Some(outcome),
        Poll::Pending => None,
    }
}

fn holding_the_file(path: &Path) -> SqliteConnection {
    let mut other = SqliteConnection::establish(path.to_str().expect("UTF-8")).expect("opens");
    other.batch_execute("BEGIN IMMEDIATE").expect("nobody else writes");
    other
}

#[test]
fn a_change_for_which_there_is_no_room_is_refused_at_once() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("writes.sqlite3");
    let store = SqliteStore::open(&path, Options { waiting_writes: 2, ..Options::default() }).expect("opens");
    let mut other = holding_the_file(&path);
    let mut waiting = Vec::new();
    let refused = (1..=200).find_map(|number| {
        let mut call = store.commit(person(number));
        let outcome = begun(&mut call);
        if outcome.is_none() {
            waiting.push(call);
        }
        outcome
    });
    let Some(Err(CommitError::Store(StoreError::Unavailable { reason }))) = refused else {
        panic!("{refused:?}")
    };
    assert!(reason.contains("too many changes wait"), "{reason}");
    // Those that had room are written, once the file is free; and there is room again.
    other.batch_execute("ROLLBACK").expect("free");
    for call in waiting {
        block_on(call).expect("written");
    }
    block_on(store.commit(person(1000))).expect("written");
}

#[test]
fn a_read_that_takes_too_long_ends_and_quick_ones_go_on() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("reads.sqlite3");
    let options = Options { read_time: Duration::ZERO, ..Options::default() };
    let store = SqliteStore::open(&path, options).expect("opens");
    block_on(store.commit(person(1))).expect("written");
    for slow in [query(Some("title co \"gin\"")), Query { limit: 1000, ..query(None) }] {
        let error = block_on(store.find(&SCOPE, &slow)).expect_err("no time");
        assert!(matches!(error, StoreError::TooLong), "{error}");
    }
    let page = block_on(store.find(&SCOPE, &query(None))).expect("the beginning of the list");
    assert_eq!(page.records.len(), 1);
    block_on(store.find(&SCOPE, &query(Some("userName eq \"ada\"")))).expect("a look-up");
}

#[test]
fn a_long_read_for_which_there_is_no_room_is_refused_at_once() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("queue.sqlite3");
    let store = SqliteStore::open(&path, Options { waiting_reads: 1, ..Options::default() }).expect("opens");
    for number in 1..=2000 {
        block_on(store.commit(person(number))).expect("written");
    }
    let slow = query(Some("title co \"nobody\""));
    let mut waiting = Vec::new();
    // Far more at once than two threads can have begun.
    let refused = (0..5000).find_map(|_| {
        let mut call = store.find(&SCOPE, &slow);
        let outcome = begun(&mut call);
        if outcome.is_none() {
            waiting.push(call);
        }
        outcome.filter(Result::is_err)
    });
    let Some(Err(StoreError::Unavailable { reason })) = refused else { panic!("{refused:?}") };
    assert!(reason.contains("too many long reads wait"), "{reason}");
    for call in waiting {
        block_on(call).expect("read");
    }
    block_on(store.find(&SCOPE, &slow)).expect("there is room again");
}
