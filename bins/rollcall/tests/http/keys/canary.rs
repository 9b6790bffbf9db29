//! Marked secrets and marked people go through everything that a server does; then what it wrote is searched for them.

use std::io::Read as _;
use std::process::Stdio;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::support::{Client, bulk, encoded, raw, rollcall, send};

/// Stands in names, addresses and filters, and nowhere else.
const PERSON: &str = "zzcanaryperson";
const PASSWORD: &str = "zzcanarypassword of a person";
const CHOSEN: &str = "zzcanarychosen secret of an administrator";

/// Everything that a secret could have been written as.
fn spellings(secret: &str) -> Vec<String> {
    let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
    let numbers: Vec<String> = secret.bytes().map(|byte| byte.to_string()).collect();
    let mut all = vec![secret.to_owned(), hex, encoded(secret), numbers.join(", ")];
    // Within something longer, base64 may begin at any of three places; what depends on its neighbours is cut off.
    for before in 0..3 {
        let bytes = [vec![0; before], secret.as_bytes().to_vec()].concat();
        for text in [STANDARD.encode(&bytes), URL_SAFE_NO_PAD.encode(&bytes)] {
            let whole = text.trim_end_matches('=');
            all.push(whole[4..whole.len() - 3].to_owned());
        }
    }
    all
}

fn found(haystack: &[u8], needle: &str) -> bool {
    haystack.windows(needle.len()).any(|window| window.eq_ignore_ascii_case(needle.as_bytes()))
}

#[test]
fn a_header_with_a_secret_in_it_would_be_found() {
    for user in ["a", "ab", "abc"] {
        let header = STANDARD.encode(format!("{user}:{CHOSEN}"));
        assert!(spellings(CHOSEN).iter().any(|spelling| found(header.as_bytes(), spelling)), "{user}");
    }
    assert!(
        spellings(CHOSEN)
            .iter()
            .any(|spelling| found(format!("{:?}", CHOSEN.as_bytes()).as_bytes(), spelling))
    );
}

#[test]
fn secrets_are_written_nowhere_and_people_in_no_server_log() {
    let folder = tempfile::tempdir().expect("a folder");
    let database = format!("sqlite:{}", folder.path().join("rollcall.db").display());
    let run = |arguments: &[&str]| {
        let output =
            rollcall(&database).current_dir(folder.path()).args(arguments).output().expect("it runs");
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text").trim_end().to_owned()
    };
    run(&["instance", "create", "acme"]);
    run(&["connector", "set", "--instance", "acme", "--basic", "on", "--oauth", "on"]);
    let issue = |options: &[&str]| -> Value {
        let all =
            [&["key", "issue", "--instance", "acme", "--user", "integration", "--json"], options].concat();
        serde_json::from_str(&run(&all)).expect("JSON")
    };
    let key = issue(&[]);
    let (id, token) = (key["id"].as_str().expect("an id"), key["token"].as_str().expect("a token"));
    std::fs::write(folder.path().join("chosen"), CHOSEN).expect("written");
    let chosen = issue(&["--secret-file", "chosen"]);
    let chosen_id = chosen["id"].as_str().expect("an id");
    std::fs::remove_file(folder.path().join("chosen")).expect("removed");

    // A server that tells all that it can.
    let mut command = rollcall(&database);
    command.current_dir(folder.path()).args(["serve", "--listen", "127.0.0.1:0"]).env("RUST_LOG", "trace");
    let log = folder.path().join("server.log");
    let mut server = command
        .stdout(Stdio::null())
        .stderr(std::fs::File::create(&log).expect("a file"))
        .spawn()
        .expect("started");
    let read_log = || std::fs::read(&log).expect("a log");
    let address = (0..1_000_000).find_map(|_| {
        std::thread::yield_now();
        let text = String::from_utf8_lossy(&read_log()).into_owned();
        let line = text.lines().find(|line| line.contains("serving http://"))?.to_owned();
        Some(line.split_once("serving http://")?.1.replace("/scim/v2", ""))
    });
    let address = address.expect("the server says where it listens");
    let ready = b"GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    assert!((0..200).any(|_| raw(&address, ready).status == 200), "the server is not ready");

    let client = Client::new(&address, token);
    let mut ada = crate::support::person(&format!("{PERSON}@acme.example"));
    crate::support::extend(
        &mut ada,
        json!({
            "password": PASSWORD,
            "name": { "familyName": format!("{PERSON}son"), "givenName": "Ada" },
            "emails": [{ "value": format!("{PERSON}@acme.example"), "type": "work" }],
        }),
    );
    let ada_id = client.post("/Users", &ada).created();
    client.post("/Users", &ada).error(409, Some("uniqueness"));
    client.filter("/Users", &format!("userName eq \"{PERSON}@acme.example\"")).ok(200);
    client.filter("/Users", &format!("{PERSON} eq 1")).error(400, Some("invalidFilter"));
    client.get(&format!("/Users/{PERSON}")).error(404, None);
    let changes = json!([{ "op": "replace", "path": "displayName", "value": format!("{PERSON} II") }]);
    client.patch(&format!("/Users/{ada_id}"), changes).ok(200);
    client.patch(&format!("/Users/{ada_id}"), json!([{ "op": "replace", "path": PERSON, "value": 1 }]));
    client
        .post("/Bulk", &bulk(json!([{ "method": "POST", "path": "/Users", "bulkId": "1", "data": ada }])))
        .ok(200);
    client.send("POST", "/Users", &[], format!("{{\"{PERSON}").as_bytes());
    // Secrets where they belong, where they do not, and damaged.
    let basic =
        |user: &str, password: &str| format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
    let get = |path: &str, authorization: &str| {
        send(&address, "GET", path, &[("Authorization", authorization)], b"")
    };
    assert_eq!(get("/scim/v2/Users", &basic("integration", token)).status, 200);
    assert_eq!(get("/scim/v2/Users", &basic(chosen_id, CHOSEN)).status, 200);
    assert_eq!(get("/scim/v2/Users", &basic(chosen_id, &format!("{CHOSEN}!"))).status, 401);
    assert_eq!(get("/scim/v2/Users", &format!("Bearer {}", &token[..90])).status, 401);
    assert_eq!(get(&format!("/scim/v2/Users?access_token={token}"), "Bearer x").status, 401);
    assert_eq!(get(&format!("/{token}"), "Bearer x").status, 404);
    send(&address, "GET", "/scim/v2/Users", &[("X-Request-Id", token)], b"");
    let form = format!("grant_type=client_credentials&client_id={id}&client_secret={token}");
    let typed = [("Content-Type", "application/x-www-form-urlencoded")];
    let answer = send(&address, "POST", "/oauth2/token", &typed, form.as_bytes());
    let access = answer.json()["access_token"].as_str().expect("a token").to_owned();
    assert_eq!(get("/scim/v2/Users", &format!("Bearer {access}")).status, 200);
    let form = format!("{form}&token={access}");
    assert_eq!(send(&address, "POST", "/oauth2/revoke", &typed, form.as_bytes()).status, 200);
    assert_eq!(get("/scim/v2/Users", &format!("Bearer {access}")).status, 401);
    run(&["key", "revoke", id]);
    client.get("/Users").error(401, None);

    let metrics = send(&address, "GET", "/metrics", &[], b"").body;
    assert!(found(&metrics, "rollcall_http_requests_total"), "metrics are there to be searched");
    let commands = [
        "log --instance acme --format jsonl",
        "log --instance acme",
        "key list --json",
        "instance show acme --json",
    ];
    let told: Vec<String> =
        commands.iter().map(|command| run(&command.split(' ').collect::<Vec<_>>())).collect();
    let told = told.join("\n");
    let _ = server.kill();
    let _ = server.wait();

    let pepper = std::fs::read_to_string(folder.path().join("pepper")).expect("a pepper");
    let pepper =
        pepper.lines().find(|line| !line.starts_with('#') && !line.is_empty()).expect("a line").to_owned();
    let secret_part = token.rsplit('_').next().expect("a secret").get(..43).expect("43 digits").to_owned();
    let signature = access.rsplit('.').next().expect("a signature").to_owned();
    let server_log = read_log();
    assert!(found(&server_log, "/Users/{id}"), "the log is there to be searched");
    let mut stored = Vec::new();
    for file in std::fs::read_dir(folder.path()).expect("a folder").flatten() {
        if file.file_name().to_string_lossy().starts_with("rollcall.db") {
            std::fs::File::open(file.path()).expect("a file").read_to_end(&mut stored).expect("read");
        }
    }
    assert!(found(&stored, PERSON), "the search finds what is there");
    for secret in [&secret_part, PASSWORD, CHOSEN, &signature, &pepper] {
        for spelling in spellings(secret) {
            let places =
                [("the server's log", &server_log), ("metrics", &metrics), ("the database", &stored)];
            for (place, bytes) in places {
                assert!(!found(bytes, &spelling), "{place} has a secret: {spelling}");
            }
            assert!(!found(told.as_bytes(), &spelling), "a command shows a secret: {spelling}");
        }
    }
    for (place, bytes) in [("the server's log", &server_log), ("metrics", &metrics)] {
        for spelling in spellings(PERSON) {
            let at = String::from_utf8_lossy(bytes).to_lowercase();
            let line = at.lines().find(|line| line.contains(&spelling)).unwrap_or_default();
            assert!(!found(bytes, &spelling), "{place} names a person: {line}");
        }
    }
}
