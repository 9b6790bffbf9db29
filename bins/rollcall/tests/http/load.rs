//! The load generator's workloads against the real binary: no answer has a wrong status, and what a run brought is gone after it.

use std::path::Path;
use std::time::Duration;

use scim_bench::drive::Pace;
use scim_bench::http::Target;
#[cfg(all(feature = "sqlite", target_os = "linux"))]
use scim_bench::process::usage;
#[cfg(feature = "sqlite")]
use scim_bench::raw::Replay;
use scim_bench::server::{Load, Server};
use scim_bench::workload::{Kind, Place};
use testbed::Rollcall;

/// The people of the directory: three pages.
const PEOPLE: u64 = 300;

fn start(database: &str, folder: &Path) -> Rollcall {
    let binary = Path::new(env!("CARGO_BIN_EXE_rollcall"));
    let mut create = Rollcall::command(binary, database);
    create.arg("--data").arg(folder).args(["instance", "create", "bench"]);
    assert!(create.output().expect("started").status.success());
    Rollcall::start(binary, database, folder, "bench").expect("a server")
}

#[track_caller]
fn check(database: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    let rollcall = start(database, folder.path());
    let target = Target::new(&rollcall.base, &rollcall.token).expect("a base URL");
    let (mut server, filled) = Server::scim("rollcall", &target, &[rollcall.id()], PEOPLE).expect("prepared");
    assert_eq!(filled.map(|filled| filled.people), Some(PEOPLE));
    let load = Load { connections: 4, pace: Pace::Closed, time: Duration::from_millis(200), changes: 30 };
    for kind in Kind::all(&[100, 200]) {
        let round = server.round(kind, &load).unwrap_or_else(|error| panic!("{kind}: {error:#}"));
        assert!(round.operations > 0 && round.rate > 0.0, "{kind}: {round:?}");
    }
    let at_a_rate = Load { pace: Pace::Open(200.0), ..load };
    assert!(server.round(Kind::Get, &at_a_rate).expect("at a rate").operations <= 40);
    server.clear().expect("cleared");
    let (mut again, filled) = Server::scim("rollcall", &target, &[], PEOPLE).expect("prepared again");
    assert!(filled.is_none(), "those who stay are still there");
    let page = again.body_of_page(Kind::Page(Place::First)).expect("a page").expect("its body");
    let page: serde_json::Value = serde_json::from_slice(&page).expect("JSON");
    assert_eq!(page["totalResults"], PEOPLE, "whoever came is gone");
}

#[cfg(feature = "sqlite")]
#[test]
fn every_workload_is_answered_rightly_on_sqlite() {
    let folder = tempfile::tempdir().expect("a folder");
    check(&format!("sqlite:{}", folder.path().join("load.db").display()));
}

#[cfg(feature = "sqlite")]
#[test]
fn what_the_server_writes_for_people_is_written_once_more() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("load.db");
    let rollcall = start(&format!("sqlite:{}", file.display()), folder.path());
    let target = Target::new(&rollcall.base, &rollcall.token).expect("a base URL");
    let (mut server, _) = Server::scim("rollcall", &target, &[], PEOPLE).expect("prepared");
    let mut replay = Replay::record(&file, folder.path(), || server.create_more(130)).expect("recorded");
    let rows = replay.rows_of_one();
    for table in ["change_sets", "events", "journal", "links", "resources", "unique_keys"] {
        assert_eq!(rows.get(table), Some(&1), "{table}: {rows:?}");
    }
    let one = replay.commits(1, 2).expect("two people");
    let many = replay.commits(64, 2).expect("128 people");
    assert!(one.rate > 0.0 && many.rate > 0.0, "{one:?}, {many:?}");
}

/// The row of each member is written when their group goes. A copy of each page in memory would be 4 KB for each of them.
#[cfg(all(feature = "sqlite", target_os = "linux"))]
#[test]
fn a_large_group_goes_in_little_memory() {
    const MEMBERS: u32 = 6000;
    let folder = tempfile::tempdir().expect("a folder");
    let rollcall = start(&format!("sqlite:{}", folder.path().join("load.db").display()), folder.path());
    let target = Target::new(&rollcall.base, &rollcall.token).expect("a base URL");
    let (mut server, _) = Server::scim("rollcall", &target, &[], MEMBERS.into()).expect("prepared");
    let load = Load { connections: 4, pace: Pace::Closed, time: Duration::from_millis(100), changes: 4 };
    server.round(Kind::MemberAdd(MEMBERS as usize), &load).expect("a group");
    // From here on the most that it has is counted anew.
    std::fs::write(format!("/proc/{}/clear_refs", rollcall.id()), "5").expect("reset");
    let before = usage(&[rollcall.id()]).expect("it runs").peak;
    server.clear().expect("cleared");
    let grown = usage(&[rollcall.id()]).expect("it runs").peak - before;
    assert!(grown < u64::from(MEMBERS) * 2048, "{grown} bytes more");
}

#[cfg(feature = "postgres")]
#[test]
fn every_workload_is_answered_rightly_on_postgresql() {
    let Some(cluster) = testbed::Postgres::shared() else { return };
    check(cluster.database().expect("a database").url());
}
