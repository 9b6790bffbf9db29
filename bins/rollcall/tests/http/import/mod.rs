//! Imports by the real binary: killed and begun again, beside a running server, rehearsed, reported and corrected.

use std::io::Write as _;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{Server, outcome, person, rollcall};

/// The counts of a summary: imported, there already, rejected.
#[track_caller]
fn counts(out: &str) -> (u64, u64, u64) {
    let report: Value = serde_json::from_str(out).expect("JSON");
    let count = |name: &str| report[name].as_u64().expect("a number");
    (count("imported"), count("already_there"), count("rejected"))
}

/// A file of so many people, of whom every hundredth line is wrong.
fn people(number: usize) -> String {
    let line = |number: usize| match number % 100 {
        99 => format!("p{number},p{number}@x.example,gone\n"),
        _ => format!("p{number},p{number}@x.example,active\n"),
    };
    format!("Login,Email,State\n{}", (0..number).map(line).collect::<String>())
}

const IMPORT: [&str; 6] = ["account", "import", "--instance", "acme", "--map", "Login=UserName"];

fn total(client: &crate::support::Client) -> u64 {
    client.get("/Users?count=0").ok(200)["totalResults"].as_u64().expect("a number")
}

#[test]
fn a_killed_import_goes_on_where_it_stopped() {
    let server = Server::start_with(&[], &[("people.csv", &people(3000))]);
    let client = server.acme();
    let import = [&IMPORT[..], &["people.csv", "--json", "--rejected", "rejected.csv"]].concat();
    let mut kills = 0;
    for enough in [250, 1000] {
        let mut child = server.begin(&import);
        let began = Instant::now();
        while total(&client) < enough && began.elapsed() < Duration::from_secs(60) {
            if child.try_wait().expect("asked").is_some() {
                break;
            }
        }
        kills += usize::from(child.try_wait().expect("asked").is_none());
        child.kill().expect("killed");
        child.wait().expect("ended");
        assert!(total(&client) >= enough, "something was committed before the end");
    }
    assert!(kills > 0, "it was never killed in the middle");
    let (status, out, err) = outcome(&server.output(&import));
    assert_eq!((status, counts(&out)), (Some(1), (2970, 0, 30)), "{err}");
    let report: Value = serde_json::from_str(&out).expect("JSON");
    assert!(report["resumed_after"].as_u64().is_some_and(|line| line >= 250), "{report}");
    assert_eq!(report["rejected_lines"].as_array().map(Vec::len), Some(30), "of the whole file");
    assert_eq!(report["rejected_lines"][0]["key"], "p99");
    assert_eq!(total(&client), 2970);
    let log = server.run(&["log", "--instance", "acme", "--format", "jsonl"]);
    let imported = log.lines().filter(|line| line.contains("\"action\":\"imported\"")).count();
    assert_eq!(imported, 2970, "nobody was imported twice");
    let rejected = std::fs::read_to_string(server.folder().join("rejected.csv")).expect("written");
    assert_eq!(rejected.lines().count(), 31);
    assert!(rejected.starts_with("Login,Email,State,rejected_line,rejected_reason\np99,"), "{rejected}");

    // What is corrected is imported as it is.
    server.file("corrected.csv", &rejected.replace(",gone,", ",suspended,"));
    let corrected = [&IMPORT[..], &["corrected.csv", "--json"]].concat();
    assert_eq!(counts(&server.run(&corrected)), (30, 0, 0));
    let (status, out, _) = outcome(&server.output(&import));
    assert_eq!((status, counts(&out)), (Some(1), (0, 2970, 30)), "it says that it is done");
    let again = [&import[..], &["--again"]].concat();
    assert_eq!(counts(&outcome(&server.output(&again)).1), (0, 2970, 30));
}

#[test]
fn a_server_beside_it_goes_on_answering() {
    let server = Server::start_with(&[], &[("people.csv", &people(2000))]);
    let client = server.acme();
    let mut child = server.begin(&[&IMPORT[..], &["people.csv"]].concat());
    let (mut answered, mut slowest) = (0, Duration::ZERO);
    while child.try_wait().expect("asked").is_none() {
        let began = Instant::now();
        client.post("/Users", &person(&format!("scim{answered}"))).ok(201);
        slowest = slowest.max(began.elapsed());
        answered += 1;
    }
    assert!(
        answered > 0 && slowest < Duration::from_secs(5),
        "{answered} answers, the slowest in {slowest:?}"
    );
    assert_eq!(total(&client), 1980 + answered);
}

#[test]
fn a_dry_run_writes_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("rollcall.db");
    let run = |arguments: &[&str]| {
        let mut command = rollcall(&format!("sqlite:{}", file.display()));
        outcome(&command.current_dir(folder.path()).args(arguments).output().expect("it runs"))
    };
    assert_eq!(run(&["instance", "create", "acme"]).0, Some(0));
    std::fs::write(folder.path().join("people.csv"), people(500)).expect("written");
    std::fs::write(folder.path().join("groups.csv"), "DisplayName,Members\nAll,p1;p2\nX,p99\n")
        .expect("written");
    let group = ["group", "import", "--instance", "acme", "groups.csv"];
    // Whoever opens it last may still bring the write-ahead log into the file; from then on reading leaves it as it is.
    let settled = || {
        assert_eq!(run(&["instance", "list"]).0, Some(0));
        std::fs::read(&file).expect("a database")
    };
    let before = settled();
    let (status, said, _) = run(&[&IMPORT[..], &["people.csv", "--json", "--dry-run"]].concat());
    assert_eq!((status, counts(&said)), (Some(1), (495, 0, 5)));
    assert!(settled() == before, "not a byte is another one");
    let (_, done, _) = run(&[&IMPORT[..], &["people.csv", "--json"]].concat());
    let lines = |out: &str| serde_json::from_str::<Value>(out).expect("JSON")["rejected_lines"].clone();
    assert_eq!((counts(&said), lines(&said)), (counts(&done), lines(&done)));
    let before = settled();
    let (status, said, err) = run(&[&group[..], &["--json", "--dry-run"]].concat());
    assert_eq!((status, counts(&said)), (Some(1), (1, 0, 1)), "{err}");
    assert!(err.contains("line 3 (X): the member \"p99\" is not there"), "{err}");
    assert!(settled() == before, "not a byte is another one");
}

#[test]
fn groups_and_memberships_from_files_and_standard_input() {
    let groups = "{\"DisplayName\":\"All\",\"Members\":[\"p1\",\"p2\"]}\n{\"DisplayName\":\"Team\"}\n";
    let more = "Team;Person;Note\nTeam;p1;x\nTeam;p2;y\nTeam;p9999;z\nAll;P1;w\n";
    let server =
        Server::start_with(&[], &[("people.csv", &people(50)), ("groups.jsonl", groups), ("more.csv", more)]);
    server.run(&[&IMPORT[..], &["people.csv"]].concat());
    let import = ["group", "import", "--instance", "acme", "--json"];
    assert_eq!(counts(&server.run(&[&import[..], &["groups.jsonl"]].concat())), (2, 0, 0));
    let columns = ["--members", "--map", "Team=Group", "--map", "Person=Member", "--ignore", "Note"];
    let (status, out, err) = outcome(&server.output(&[&import[..], &columns[..], &["more.csv"]].concat()));
    assert_eq!((status, counts(&out)), (Some(1), (2, 1, 1)), "{err}");
    let shown: Value =
        serde_json::from_str(&server.run(&["group", "show", "--instance", "acme", "Team", "--json"]))
            .expect("JSON");
    assert_eq!(shown["members"].as_array().map(Vec::len), Some(2));

    // Standard input goes on only under a name.
    let feed = |arguments: &[&str], text: &str| {
        let mut child = server.begin(&[&import[..], arguments, &["-"]].concat());
        child.stdin.take().expect("piped").write_all(text.as_bytes()).expect("written");
        let output = child.wait_with_output().expect("ended");
        counts(&String::from_utf8_lossy(&output.stdout))
    };
    assert_eq!(feed(&["--id", "nightly"], "DisplayName\nNew\nAll\n"), (1, 1, 0));
    assert_eq!(feed(&["--id", "nightly"], "DisplayName\nOther\n"), (0, 2, 0), "it came to its end before");
    assert_eq!(feed(&["--id", "nightly", "--again"], "DisplayName\nOther\n"), (1, 0, 0));
    assert_eq!(feed(&[], "DisplayName\nOther\n"), (0, 1, 0));
}

#[test]
fn what_stands_in_the_way_of_an_import_is_told() {
    let server = Server::start_with(&[], &[("people.csv", &people(5)), ("utf16.csv", "\u{feff}")]);
    std::fs::write(server.folder().join("utf16.csv"), b"\xff\xfeU\0").expect("written");
    let check = |arguments: &[&str], status: i32, told: &str| {
        let import = ["account", "import", "--instance", "acme"];
        let (code, out, err) = outcome(&server.output(&[&import[..], arguments].concat()));
        assert_eq!((code, out.as_str()), (Some(status), ""), "{arguments:?}: {err}");
        assert!(err.contains(told), "{arguments:?}: {err}");
    };
    check(&["people.csv"], 1, "Login");
    check(&["people.csv", "--map", "Login"], 1, "COLUMN=FIELD");
    check(&["people.csv", "--map", "Login=UserName", "--rejected", "people.csv"], 1, "another one");
    check(&["people.csv", "--map", "Login=UserName", "--id", "a b"], 1, "id");
    check(&["utf16.csv"], 1, "UTF-8");
    check(&["nowhere.csv"], 1, "nowhere.csv");
    check(&["people.csv", "--again", "--dry-run"], 2, "--dry-run");
    assert_eq!(json!(total(&server.acme())), json!(0));
}

#[test]
fn a_preview_says_whom_people_would_find() {
    let export = "userPrincipalName,id,displayName,mail,surname,accountEnabled,usageLocation\n\
        MIRA@new.example,e1,Mira Kohl,m@x.example,Kohl,True,DE\n\
        noah@new.example,e2,Noah,n@x.example,,true,\n\
        boss@new.example,e3,Boss,b@x.example,,true,\n\
        mira@new.example,e4,Mira Two,,,true,\n\
        integration,e5,Nobody,,,true,\n\
        ,e6,Nameless,,,true,\n\
        olu@new.example,e7,Olu,,,perhaps,\n";
    let server =
        Server::start_with(&[], &[("export.csv", export), ("people.csv", "UserName\nmira@old.example\n")]);
    server.run(&["account", "import", "--instance", "acme", "people.csv"]);
    let client = server.acme();
    client.post("/Users", &person("boss@new.example")).ok(201);
    let expression = r#"Replace([UserName], "@old.example", , , "@new.example", , )"#;
    let preview = ["account", "preview", "--instance", "acme", "export.csv", "--json"];
    let outcomes = || -> Vec<String> {
        let report: Value = serde_json::from_str(&server.run(&preview)).expect("JSON");
        let people = report["people"].as_array().expect("people").iter();
        let word = |value: &Value| value.as_str().unwrap_or("-").to_owned();
        people.map(|person| format!("{} {}", word(&person["outcome"]), word(&person["code"]))).collect()
    };
    let before = outcomes();
    assert_eq!(before.first().map(String::as_str), Some("created -"), "{before:?}");
    server.run(&["account", "rename", "--instance", "acme", "--expression", expression, "--apply"]);
    let expected = [
        "picked_up -",
        "created -",
        "managed -",
        "conflict twice",
        "conflict taken",
        "conflict required",
        "left_out -",
    ];
    let found = outcomes();
    assert_eq!(found.len(), expected.len(), "{found:?}");
    for (found, expected) in found.iter().zip(expected) {
        let same = found == expected || expected == "conflict taken" && found.starts_with("conflict");
        assert!(same, "{found} is not {expected}");
    }
    assert_eq!(outcomes(), found, "a preview changes nothing");
    let told = server.run(&["account", "preview", "--instance", "acme", "export.csv"]);
    assert!(told.contains("picked_up  MIRA@new.example by user_name"), "{told}");
    let csv = server.run(&["account", "preview", "--instance", "acme", "export.csv", "--csv"]);
    assert!(
        csv.starts_with(
            "line,user_name,outcome,matched_by,code,reason\n2,MIRA@new.example,picked_up,user_name,,"
        ),
        "{csv}"
    );
    assert_eq!(total(&client), 2);
}
