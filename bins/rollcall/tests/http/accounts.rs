//! Accounts on the command line: brought in, renamed, invited, erased, explained, beside SCIM.

use serde_json::{Value, json};

use crate::support::{ENTERPRISE, Server, extend, outcome, person};

const REPLACE: &str = r#"Replace([UserName], "@old.example", , , "@new.example", , )"#;

#[track_caller]
fn parsed(server: &Server, arguments: &[&str]) -> Value {
    serde_json::from_str(&server.run(arguments)).expect("JSON")
}

/// A server whose instance has these accounts: the lines of a CSV file with its header.
fn with_accounts(csv: &str) -> Server {
    let server = Server::start_with(&[], &[("people.csv", csv)]);
    server.run(&["account", "import", "--instance", "acme", "people.csv"]);
    server
}

/// What `explain --json` says about a field.
#[track_caller]
fn explained(server: &Server, user_name: &str, field: &str) -> Value {
    let explained = parsed(server, &["explain", "--instance", "acme", user_name, "--json"]);
    explained["fields"][field].clone()
}

/// Log records of an action: as JSON lines.
fn logged(server: &Server, action: &str) -> Vec<Value> {
    let log = server.run(&["log", "--instance", "acme", "--format", "jsonl"]);
    let records = log.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    records.filter(|record| record["action"] == action).collect()
}

#[test]
fn one_account_gets_another_name() {
    let server = with_accounts("UserName,Email\nmira,mira@x.example\nadam,adam@x.example\n");
    let client = server.acme();
    let rename = ["account", "rename", "--instance", "acme"];
    let renamed = parsed(&server, &[&rename[..], &["MIRA", "mira.kohl", "--json"]].concat());
    assert_eq!(renamed["fields"]["UserName"], "mira.kohl");
    let found = client.filter("/Users", r#"userName eq "mira.kohl""#).ok(200);
    assert_eq!(found["Resources"][0]["id"], renamed["id"]);
    assert_eq!(client.filter("/Users", r#"userName eq "mira""#).ok(200)["totalResults"], 0);
    assert_eq!(logged(&server, "renamed").len(), 1);

    let check = |arguments: &[&str], status: i32, told: &str| {
        let (code, out, err) = outcome(&server.output(&[&rename[..], arguments].concat()));
        assert_eq!((code, out.as_str()), (Some(status), ""), "{arguments:?}: {err}");
        assert!(err.contains(told), "{arguments:?}: {err}");
    };
    check(&["mira.kohl", "ADAM"], 1, "another account has this userName");
    check(&["nobody", "x"], 1, "account list");
    check(&["mira.kohl", ""], 1, "user name");
    check(&["mira.kohl", "integration"], 1, "integration user");
    check(&["mira.kohl"], 2, "NEW");
    check(&[], 2, "OLD");
    check(&["a", "b", "--apply"], 2, "--apply");
    check(&["--expression", "[UserName]", "--preview", "--apply"], 2, "--apply");
    check(&["--expression", "Replace([UserName]"], 1, "Replace");
    check(&["--expression", "[Mail]"], 1, "Mail");
}

#[test]
fn names_are_rewritten_by_an_expression() {
    let server = with_accounts(
        "UserName,Email\nada@old.example,a@x.example\ngrace@old.example,g@x.example\n\
         grace@new.example,h@x.example\nlin@x.example,l@x.example\n",
    );
    let client = server.acme();
    let rename = ["account", "rename", "--instance", "acme", "--expression", REPLACE, "--json"];
    let outcomes = |report: &Value| -> Vec<(String, String)> {
        let word = |value: &Value| value.as_str().expect("text").to_owned();
        let accounts = report["accounts"].as_array().expect("accounts").iter();
        let mut all: Vec<_> =
            accounts.map(|account| (word(&account["user_name"]), word(&account["outcome"]))).collect();
        all.sort();
        all
    };
    let expected = [
        ("ada@old.example", "renamed"),
        ("grace@new.example", "unchanged"),
        ("grace@old.example", "conflict"),
        ("lin@x.example", "unchanged"),
    ]
    .map(|(name, outcome)| (name.to_owned(), outcome.to_owned()));

    for arguments in [&rename[..], &[&rename[..], &["--preview"]].concat()] {
        let preview = parsed(&server, arguments);
        assert_eq!(preview["applied"], false);
        assert_eq!(outcomes(&preview), expected);
        assert_eq!(client.filter("/Users", r#"userName co "new.example""#).ok(200)["totalResults"], 1);
    }
    assert!(logged(&server, "renamed").is_empty());

    let (status, out, _) = outcome(&server.output(&[&rename[..], &["--apply"]].concat()));
    let applied: Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!((status, &applied["applied"]), (Some(1), &json!(true)));
    assert_eq!(outcomes(&applied), expected);
    assert_eq!((&applied["renamed"], &applied["conflicts"]), (&json!(1), &json!(1)));
    let conflict = applied["accounts"].as_array().into_iter().flatten();
    let reasons: Vec<_> = conflict.filter_map(|account| account["reason"].as_str()).collect();
    assert!(reasons.iter().any(|reason| reason.contains("grace@new.example")), "{reasons:?}");
    assert_eq!(client.filter("/Users", r#"userName eq "ada@new.example""#).ok(200)["totalResults"], 1);
    assert_eq!(logged(&server, "renamed").len(), 1);
}

#[test]
fn names_can_be_swapped_and_collide() {
    let server = with_accounts("UserName,Department\na,b\nb,a\nc,same\nd,same\n");
    let rename = ["account", "rename", "--instance", "acme", "--expression", "[Department]", "--json"];
    let counts = |report: &Value| {
        let count = |name: &str| report[name].as_u64().expect("a number");
        (count("renamed"), count("unchanged"), count("conflicts"))
    };
    let preview = parsed(&server, &rename);
    let (_, out, _) = outcome(&server.output(&[&rename[..], &["--apply"]].concat()));
    let applied: Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!(preview["accounts"], applied["accounts"], "a preview says what happens");
    // Of two accounts that would get one name, the one that is listed first gets it.
    assert_eq!(counts(&applied).0 + counts(&applied).2, 4);
    assert_eq!(
        server.acme().filter("/Users", r#"userName eq "same""#).ok(200)["totalResults"],
        1,
        "{applied}"
    );
}

#[test]
fn only_asking_for_it_invites() {
    let server = with_accounts("UserName,State\nmira,active\nadam,suspended\n");
    let client = server.acme();
    let mut arriving = person("grace");
    extend(&mut arriving, json!({ "active": true, "emails": [{ "value": "g@x.example", "primary": true }] }));
    let id = client.post("/Users", &arriving).created();
    client
        .patch(&format!("/Users/{id}"), json!([{ "op": "replace", "path": "active", "value": false }]))
        .ok(200);
    client
        .patch(&format!("/Users/{id}"), json!([{ "op": "replace", "path": "active", "value": true }]))
        .ok(200);
    client.filter("/Users", r#"userName eq "mira""#).ok(200);
    client.delete(&format!("/Users/{id}")).empty(204);
    assert!(logged(&server, "invited").is_empty(), "provisioning invites nobody");
    assert!(!server.holds("account_invited"));

    let invite = ["account", "invite", "--instance", "acme"];
    assert_eq!(parsed(&server, &[&invite[..], &["MIRA", "--json"]].concat())["invited"], true);
    assert_eq!(logged(&server, "invited").len(), 1);
    assert!(server.holds("account_invited"), "the outbox has the event");
    let (status, _, err) = outcome(&server.output(&[&invite[..], &["adam"]].concat()));
    assert!(status == Some(1) && err.contains("State=active"), "{err}");
    let (status, _, err) = outcome(&server.output(&[&invite[..], &["nobody"]].concat()));
    assert!(status == Some(1) && err.contains("nobody"), "{err}");
}

#[test]
fn erasing_keeps_counts() {
    let server = Server::start();
    let client = server.acme();
    let mut arriving = person("mira.secret");
    extend(&mut arriving, json!({ "displayName": "Mira Secret", "title": "Secret title" }));
    let id = client.post("/Users", &arriving).created();
    client
        .patch(
            &format!("/Users/{id}"),
            json!([{ "op": "replace", "path": "title", "value": "Other secret" }]),
        )
        .ok(200);
    let before = server.run(&["log", "--instance", "acme", "--format", "jsonl"]).lines().count();
    let erase = ["account", "erase", "--instance", "acme", "mira.secret", "--json"];
    let erased = parsed(&server, &erase);
    assert_eq!(erased["deleted"], true);
    assert!(erased["erased"].as_u64().is_some_and(|records| records >= 4), "{erased}");

    let log = server.run(&["log", "--instance", "acme", "--format", "jsonl"]);
    assert!(!log.to_lowercase().contains("secret"), "{log}");
    assert!(log.contains(&id), "ids stay");
    assert_eq!(log.lines().count(), before + 2, "a record of the deletion and one of the erasure");
    assert_eq!(logged(&server, "erased").len(), 1);
    client.get(&format!("/Users/{id}")).error(404, None);
    let show = ["account", "show", "--instance", "acme", "mira.secret"];
    assert_eq!(server.output(&show).status.code(), Some(1), "the tombstone has no name any more");
    let (status, _, err) = outcome(&server.output(&erase));
    assert!(status == Some(1) && err.contains("erased already"), "{err}");
}

#[test]
fn deleted_accounts_are_erased_too() {
    let server = Server::start();
    let client = server.acme();
    for _ in 0..2 {
        let id = client.person("mira.secret");
        client.delete(&format!("/Users/{id}")).empty(204);
    }
    let shown = parsed(&server, &["account", "show", "--instance", "acme", "mira.secret", "--json"]);
    assert_eq!(shown["state"], "deleted");
    let state = explained(&server, "mira.secret", "State");
    assert_eq!((&state["value"], &state["previous"]), (&json!("deleted"), &json!("active")));
    assert_eq!(state["connector"], "default");
    assert_eq!(state["request_id"], logged(&server, "deleted")[1]["request_id"]);
    let erased = parsed(&server, &["account", "erase", "--instance", "acme", "mira.secret", "--json"]);
    assert_eq!(erased["deleted"], false);
    assert!(!server.run(&["log", "--instance", "acme", "--format", "jsonl"]).contains("secret"));
    assert_eq!(logged(&server, "erased").len(), 2, "both who had the name");
}

#[test]
fn every_value_is_explained() {
    let server = with_accounts("UserName,ScimSyncJobTitle\nmira,Pilot\nboss,Board\n");
    let client = server.acme();
    let imported = explained(&server, "mira", "ScimSyncJobTitle");
    assert_eq!((&imported["value"], &imported["cause"]), (&json!("Pilot"), &json!("import")));
    assert_eq!((&imported["connector"], &imported["previous"]), (&Value::Null, &Value::Null));
    assert_eq!(explained(&server, "mira", "State")["cause"], "import");
    assert_eq!(explained(&server, "mira", "DirectManager")["status"], "none");

    server.run(&["account", "rename", "--instance", "acme", "mira", "mira.kohl"]);
    assert_eq!(explained(&server, "mira.kohl", "State")["cause"], "import", "another name, the same state");
    assert_eq!(explained(&server, "mira.kohl", "UserName")["previous"], "mira");
    server.run(&["account", "rename", "--instance", "acme", "mira.kohl", "mira"]);

    let found = client.filter("/Users", r#"userName eq "mira""#).ok(200);
    let id = found["Resources"][0]["id"].as_str().expect("an id").to_owned();
    let path = format!("/Users/{id}");
    client
        .patch(
            &path,
            json!([
                { "op": "replace", "path": "title", "value": "Captain" },
                { "op": "replace", "path": format!("{ENTERPRISE}:manager"), "value": "boss" },
                { "op": "replace", "path": "active", "value": false },
            ]),
        )
        .ok(200);
    let request = &logged(&server, "suspended")[0]["request_id"];
    let title = explained(&server, "mira", "ScimSyncJobTitle");
    assert_eq!(
        (&title["value"], &title["previous"], &title["cause"]),
        (&json!("Captain"), &json!("Pilot"), &json!("mapping"))
    );
    assert_eq!((&title["connector"], &title["request_id"]), (&json!("default"), request));
    assert!(title["source"].as_str().is_some_and(|source| source == "title"), "{title}");
    assert!(title["at"].is_string());
    let state = explained(&server, "mira", "State");
    assert_eq!(
        (&state["value"], &state["previous"], &state["cause"], &state["request_id"]),
        (&json!("suspended"), &json!("active"), &json!("lifecycle"), request)
    );
    let manager = explained(&server, "mira", "DirectManager");
    assert_eq!((&manager["status"], &manager["waiting_for"]), (&json!("waiting"), &json!("boss")));
    assert!(manager["reason"].as_str().is_some_and(|reason| reason.contains("manages it yet")), "{manager}");
    assert_eq!(&manager["request_id"], request);

    // Looking for the manager picks that account up, and so links it.
    client.filter("/Users", r#"userName eq "boss""#).ok(200);
    let manager = explained(&server, "mira", "DirectManager");
    assert_eq!((&manager["status"], &manager["waiting_for"]), (&json!("linked"), &Value::Null));

    server.run(&["account", "set", "--instance", "acme", "mira", "ScimSyncJobTitle=Board"]);
    let title = explained(&server, "mira", "ScimSyncJobTitle");
    assert_eq!((&title["cause"], &title["previous"]), (&json!("edit"), &json!("Captain")));

    let text = server.run(&["explain", "--instance", "acme", "mira"]);
    for told in ["managed by connector default", "ScimSyncJobTitle", "edit", "suspended", "lifecycle"] {
        assert!(text.contains(told), "{told}: {text}");
    }
    let (status, _, err) = outcome(&server.output(&["explain", "--instance", "acme", "nobody"]));
    assert!(status == Some(1) && err.contains("account list"), "{err}");
}

#[test]
fn what_is_young_is_not_pruned() {
    let server = with_accounts("UserName\nmira\n");
    let records = server.run(&["log", "--instance", "acme", "--format", "jsonl"]);
    assert_eq!(parsed(&server, &["instance", "prune", "acme", "--json"])["pruned"], 0);
    assert_eq!(server.run(&["log", "--instance", "acme", "--format", "jsonl"]), records);
    assert_eq!(server.output(&["instance", "prune", "globex"]).status.code(), Some(1));
}

#[test]
fn importing_twice_changes_nothing() {
    let lines: String = (0..600).map(|number| format!("p{number},p{number}@x.example,p0\n")).collect();
    let csv = format!("\u{feff}user name,EMAIL,DirectManager\n{lines}P7,other@x.example,\n");
    let server = Server::start_with(&[], &[("people.csv", &csv), ("wrong.csv", "UserName,Shoe\nx,43\n")]);
    let import = ["account", "import", "--instance", "acme", "people.csv", "--json"];
    let (status, out, err) = outcome(&server.output(&import));
    let report: Value = serde_json::from_str(&out).expect("JSON");
    let counts = |report: &Value| {
        let count = |name: &str| report[name].as_u64().expect("a number");
        (count("imported"), count("already_there"), count("rejected"))
    };
    assert_eq!((status, counts(&report)), (Some(0), (600, 1, 0)), "{err}");
    assert_eq!(counts(&parsed(&server, &import)), (0, 601, 0));
    let shown = parsed(&server, &["account", "show", "--instance", "acme", "P7", "--json"]);
    assert_eq!(
        (&shown["state"], &shown["managed"], &shown["scim_sync_id"], &shown["fields"]["Email"]),
        (&json!("active"), &json!(false), &Value::Null, &json!("p7@x.example"))
    );
    let list = parsed(&server, &["account", "list", "--instance", "acme", "--unmanaged", "--json"]);
    assert_eq!(list.as_array().map(Vec::len), Some(600));
    let wrong = ["account", "import", "--instance", "acme", "wrong.csv"];
    let (status, _, err) = outcome(&server.output(&wrong));
    assert!(status == Some(1) && err.contains("Shoe") && err.contains("field add"), "{err}");
}
