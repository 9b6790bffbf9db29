//! What only PostgreSQL has: a pooler, a replica, peppers that are not beside the data.

use std::process::Command;

use serde_json::Value;
use testbed::{Cluster, Durability, Pgbouncer, Replication, Stop};

use super::{Nodes, admin, until};
use crate::support::{Client, Server, outcome, rollcall, send};

/// What `rollcall emulate entra` says against a node.
fn emulate(server: &Server, people: &str) -> (Option<i32>, String, String) {
    let token = server.acme().token;
    let base = format!("http://{}/scim/v2", server.address);
    let arguments = ["emulate", "entra", "--base", &base, "--token", &token, "--people", people, "--json"];
    outcome(&server.output(&arguments))
}

#[test]
fn the_whole_cycle_runs_behind_a_pooler_in_transaction_mode() {
    let Some(cluster) = testbed::Postgres::shared() else { return };
    let Some(pooler) = Pgbouncer::start(cluster, 4).expect("a pooler") else { return };
    let database = cluster.database().expect("a database");
    let server = Server::start_on(
        &pooler.url(database.name()),
        &[("ROLLCALL_DATABASE_DIRECT_URL", database.url()), ("ROLLCALL_DATABASE_POOLER", "transaction")],
    );
    let nodes = Nodes::beside(server);
    let (code, printed, told) = emulate(&nodes.first, "60");
    assert_eq!(code, Some(0), "{printed}{told}");
    let report = nodes.first.run(&["report", "--instance", "acme", "--json"]);
    let report: Value = serde_json::from_str(&report).expect("JSON");
    assert!(report["actions"]["created"]["success"].as_u64() >= Some(60), "{report}");
}

#[test]
fn nodes_that_start_together_migrate_once() {
    let Some(cluster) = testbed::Postgres::shared() else { return };
    let database = cluster.database().expect("a database");
    let list = || outcome(&rollcall(database.url()).args(["instance", "list"]).output().expect("it ends"));
    let outcomes: Vec<_> = std::thread::scope(|scope| {
        let all: Vec<_> = (0..6).map(|_| scope.spawn(list)).collect();
        all.into_iter().map(|one| one.join().expect("no panic")).collect()
    });
    assert!(outcomes.iter().all(|(code, ..)| *code == Some(0)), "{outcomes:?}");
    let migrations = database.sql("SELECT count(*) FROM __diesel_schema_migrations").expect("migrated");
    assert_eq!(migrations, "1");
}

#[test]
fn a_node_without_the_pepper_of_the_database_does_not_start() {
    let Some(cluster) = testbed::Postgres::shared() else { return };
    let database = cluster.database().expect("a database");
    let first = Server::start_on(database.url(), &[]);
    first.acme().get("/Users").ok(200);
    let elsewhere = tempfile::tempdir().expect("a folder");
    let start = || {
        let mut command = rollcall(database.url());
        command.args(["serve", "--listen", "127.0.0.1:0"]).env("ROLLCALL_DATA", elsewhere.path());
        outcome(&command.output().expect("it ends"))
    };
    let (code, _, told) = start();
    assert!(code == Some(1) && told.contains("Bring the pepper file"), "{told}");
    assert!(!elsewhere.path().join("pepper").exists(), "none is made");
    // One with another pepper does not either.
    let pepper = elsewhere.path().join("pepper");
    std::fs::write(&pepper, "0123456789abcdef".repeat(4)).expect("written");
    assert!(Command::new("chmod").arg("600").arg(&pepper).status().expect("runs").success());
    let (code, _, told) = start();
    assert!(code == Some(1) && told.contains("pepper"), "{told}");
}

#[test]
fn a_database_that_cannot_be_reached_is_told_without_its_password() {
    let check = |url: &str, expected: &str| {
        let mut command = rollcall(url);
        let (code, _, told) = outcome(&command.args(["instance", "list"]).output().expect("it ends"));
        assert_eq!(code, Some(1), "{told}");
        assert!(told.contains(expected) && !told.contains("hidden"), "{told}");
    };
    check("postgres://ada:hidden@127.0.0.1:1/rollcall", "postgres://127.0.0.1:1/rollcall");
    check("postgres://ada:hidden@127.0.0.1:1/rollcall", "Check that it runs");
    let Some(cluster) = testbed::Postgres::shared() else { return };
    let address = cluster.address();
    check(&format!("postgres://postgres:hidden@{address}/nowhere"), "nowhere");
    let database = cluster.database().expect("a database");
    database.sql("CREATE TABLE someone_elses (id int)").expect("made");
    check(database.url(), "someone_elses");
}

#[test]
fn the_log_is_read_from_a_replica_and_from_the_primary_without_one() {
    let Some(cluster) = Cluster::start(Durability::Off).expect("a cluster") else { return };
    let database = cluster.database().expect("a database");
    let replica = cluster.replica(Replication::Asynchronous).expect("a replica");
    let replica_url = replica.url(database.name());
    let server = Server::start_on(
        database.url(),
        &[("ROLLCALL_DATABASE_REPLICA_URL", &replica_url), ("ROLLCALL_DATABASE_CONNECT_TIMEOUT", "2s")],
    );
    let acme = server.acme();
    let key = server.run(&["admin-key", "issue", "--instance", "acme"]);
    let id = acme.person("mira");
    let lines = || {
        let (code, printed, told) = outcome(&server.output(&[
            "log",
            "--instance",
            "acme",
            "--format",
            "jsonl",
            "--action",
            "created",
        ]));
        (code == Some(0)).then_some(printed.lines().count()).ok_or(told)
    };
    until("the replica has what was written", || (lines() == Ok(1)).then_some(()));
    let report = || outcome(&server.output(&["report", "--instance", "acme", "--json"]));
    assert_eq!(report().0, Some(0));
    let over_http = || admin(&server.address, &key, "GET", "/log?limit=5", &[], None).status;
    assert_eq!(over_http(), 200);

    // Without the replica, the primary is asked.
    replica.stop(Stop::Immediate).expect("stopped");
    acme.person("ada");
    assert_eq!(lines(), Ok(2));
    assert_eq!((report().0, over_http()), (Some(0), 200));
    replica.start_again().expect("started");
    until("the replica has caught up", || {
        let count = replica.sql(database.name(), "SELECT count(*) FROM resources");
        (count.is_ok_and(|count| count == "2")).then_some(())
    });

    // Without the primary, nothing is served but what the replica has.
    cluster.stop(Stop::Immediate).expect("stopped");
    let check = |answer: crate::support::Answer| {
        assert_eq!(answer.status, 503, "{}", String::from_utf8_lossy(&answer.body));
        assert!(answer.header("retry-after").is_some(), "no Retry-After");
    };
    check(acme.get("/Users"));
    check(acme.get(&format!("/Users/{id}")));
    check(acme.post("/Users", &crate::support::person("eve")));
    check(acme.delete(&format!("/Users/{id}")));
    check(admin(&server.address, &key, "GET", "/settings", &[], None));
    check(send(&server.address, "GET", "/readyz", &[], b""));
    let form = format!("grant_type=client_credentials&client_id=x&client_secret={}", acme.token);
    let typed = [("Content-Type", "application/x-www-form-urlencoded")];
    check(send(&server.address, "POST", "/oauth2/token", &typed, form.as_bytes()));
    assert_eq!(send(&server.address, "GET", "/healthz", &[], b"").status, 200);
    assert_eq!(lines(), Ok(2));
    assert_eq!(report().0, Some(0));

    cluster.start_again().expect("started");
    until("it is served again", || {
        (Client::new(&server.address, &acme.token).get("/Users").status == 200).then_some(())
    });
}

#[test]
fn a_demonstration_leaves_its_data_in_the_database() {
    let Some(cluster) = testbed::Postgres::shared() else { return };
    let database = cluster.database().expect("a database");
    let folder = tempfile::tempdir().expect("a folder");
    let run = |arguments: &[&str]| {
        let mut command = rollcall(database.url());
        command.env("ROLLCALL_DATA", folder.path()).args(arguments);
        let (code, printed, told) = outcome(&command.output().expect("it ends"));
        assert_eq!(code, Some(0), "{arguments:?}: {printed}{told}");
        serde_json::from_str::<Value>(&printed).expect("JSON")
    };
    let shown = run(&["demo", "--once", "--people", "40", "--listen", "127.0.0.1:0", "--json"]);
    assert_eq!((&shown["clean"], &shown["database"]), (&Value::Bool(true), &Value::from(database.url())));
    let report = run(&["report", "--instance", "demo", "--json"]);
    assert!(report["actions"]["created"]["success"].as_u64() > Some(0), "{report}");
}
