//! Marked people go through every route, in every place where a request has room for text, at the highest level of log, with
//! and without success; then what the server wrote and what its failures answered is searched for them.

use std::fs::File;
use std::path::Path;
use std::process::{Child, Stdio};

use scim_provider::ROUTES;
use serde_json::{Value, json};

use crate::support::{Answer, Client, ENTERPRISE, bulk, encoded, group, patch, raw, rollcall, search, send};

/// Stands wherever somebody's data may stand, and nowhere else.
const MARK: &str = "zzcanary";

/// A server that writes all that it can into a file.
struct Telling {
    folder: tempfile::TempDir,
    child: Child,
    address: String,
}

impl Telling {
    fn start(format: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let database = Self::database(folder.path());
        let run = |arguments: &[&str]| {
            let output = rollcall(&database).current_dir(folder.path()).args(arguments).output();
            assert!(output.expect("it runs").status.success(), "{arguments:?}");
        };
        run(&["instance", "create", "acme"]);
        let log = folder.path().join("server.log");
        let mut command = rollcall(&database);
        command.current_dir(folder.path()).args(["serve", "--listen", "127.0.0.1:0"]);
        command
            .env("ROLLCALL_LOG_FORMAT", format)
            .env("RUST_LOG", "trace")
            .env("ROLLCALL_LOG_LEVEL", "trace");
        let stderr = File::create(&log).expect("a file");
        let child = command.stdout(Stdio::null()).stderr(stderr).spawn().expect("started");
        let address = (0..1_000_000).find_map(|_| {
            std::thread::yield_now();
            let text = std::fs::read_to_string(&log).unwrap_or_default();
            let (_, rest) = text.split_once("serving http://")?;
            Some(rest.split_once("/scim/v2")?.0.to_owned())
        });
        let address = address.expect("the server says where it listens");
        let ready = b"GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
        assert!((0..200).any(|_| raw(&address, ready).status == 200), "the server is not ready");
        Self { folder, child, address }
    }

    fn database(folder: &Path) -> String {
        format!("sqlite:{}", folder.join("rollcall.db").display())
    }

    fn client(&self) -> Client {
        let key = ["key", "issue", "--instance", "acme", "--user", "integration"];
        let output =
            rollcall(&Self::database(self.folder.path())).current_dir(self.folder.path()).args(key).output();
        let token = String::from_utf8(output.expect("it runs").stdout).expect("text");
        Client::new(&self.address, token.trim_end())
    }

    /// Ends the server; what it wrote.
    fn end(mut self) -> String {
        let _ = self.child.kill();
        let _ = self.child.wait();
        String::from_utf8_lossy(&std::fs::read(self.folder.path().join("server.log")).expect("a log"))
            .into_owned()
    }
}

/// A person with marks wherever there is room for one.
fn marked(number: usize) -> Value {
    let text = |what: &str| format!("{MARK}-{what}-{number}");
    json!({
        "schemas": [crate::support::USER, ENTERPRISE],
        "userName": format!("{}@{MARK}.example", text("name")),
        "externalId": text("external"),
        "displayName": text("display"),
        "nickName": text("nick"),
        "title": text("title"),
        "password": text("password"),
        "name": { "givenName": text("given"), "familyName": text("family"), "formatted": text("formatted") },
        "emails": [{ "value": format!("{}@{MARK}.example", text("mail")), "type": "work" }],
        "phoneNumbers": [{ "value": text("phone"), "type": "mobile" }],
        "addresses": [{ "streetAddress": text("street"), "locality": text("town"), "type": "work" }],
        ENTERPRISE: { "department": text("department"), "employeeNumber": text("number"), "manager": { "value": text("manager") } },
    })
}

/// Where this stands in a text, with what is around it.
fn found(text: &str) -> Option<String> {
    let folded = text.to_lowercase();
    let spellings = [MARK.to_owned(), MARK.bytes().map(|byte| format!("{byte:02x}")).collect()];
    spellings
        .iter()
        .find_map(|spelling| folded.lines().find(|line| line.contains(spelling)).map(str::to_owned))
}

#[test]
fn people_are_in_no_log_no_metric_and_no_failure() {
    for format in ["text", "json"] {
        let server = Telling::start(format);
        let client = server.client();
        let mut failures: Vec<(String, Answer)> = Vec::new();
        let mut keep = |what: &str, answer: Answer| {
            if answer.status >= 500 {
                failures.push((what.to_owned(), answer));
            }
        };
        let ada = client.post("/Users", &marked(1)).created();
        let team = client.post("/Groups", &group(&format!("{MARK} team"), &[&ada])).created();
        let scim = [("Content-Type", "application/scim+json")];
        // Every route with marks in path, query, headers and body; then with ids that are there.
        for route in ROUTES {
            let bodies = [
                marked(2).to_string(),
                group(&format!("{MARK} group"), &[&format!("{MARK}-member"), &ada]).to_string(),
                patch(json!([{ "op": "replace", "path": "displayName", "value": format!("{MARK} new") }])).to_string(),
                patch(json!([{ "op": "replace", "path": format!("emails[value eq \"{MARK}\"].value"), "value": MARK }]))
                    .to_string(),
                patch(json!([{ "op": "add", "path": "members", "value": [{ "value": MARK, "display": MARK }] }])).to_string(),
                search(json!({ "filter": format!("userName eq \"{MARK}\" and {MARK} eq 1") })).to_string(),
                bulk(json!([{ "method": "POST", "path": "/Users", "bulkId": MARK, "data": marked(3) },
                            { "method": "DELETE", "path": format!("/Users/{MARK}") }]))
                .to_string(),
                format!("{{\"{MARK}"),
                format!("{{\"userName\": {MARK}}}"),
            ];
            for id in [&*ada, &*team, MARK] {
                let path = route.path.replace("{id}", id).replace("{name}", MARK);
                // What is deleted here is looked for no more.
                if route.method == "DELETE" && id != MARK {
                    continue;
                }
                let filter = encoded(&format!("displayName co \"{MARK}\" or {MARK}.x pr"));
                for target in [
                    path.clone(),
                    format!("{path}?filter={filter}&sortBy={MARK}&attributes={MARK}&cursor={MARK}"),
                ] {
                    if route.method == "GET" {
                        keep(
                            &target,
                            client.send(
                                "GET",
                                &target,
                                &[("If-None-Match", MARK), ("X-Request-Id", "fine")],
                                b"",
                            ),
                        );
                        continue;
                    }
                    for body in &bodies {
                        keep(&target, client.send(route.method, &target, &scim, body.as_bytes()));
                    }
                }
            }
        }
        // Before the provider, around it, and without a key.
        for (method, target) in [
            ("GET", format!("/{MARK}")),
            ("GET", format!("/scim/v2/{MARK}/{MARK}?{MARK}={MARK}")),
            ("POST", format!("/c/{MARK}/scim/v2/Users/{MARK}")),
            ("GET", format!("/c/0198d9a2-7c3a-7000-8000-0123456789ab/scim/v2/Users/{MARK}")),
            ("POST", format!("/oauth2/token?{MARK}")),
            ("GET", format!("/healthz/{MARK}")),
            ("GET", format!("/metrics?{MARK}")),
            (MARK, "/scim/v2/Users".to_owned()),
        ] {
            let body = marked(4).to_string();
            let fields = [
                ("Authorization", &*format!("Bearer {MARK}")),
                ("Cookie", MARK),
                ("Referer", MARK),
                ("User-Agent", MARK),
            ];
            keep(&target, send(&server.address, method, &target, &fields, body.as_bytes()));
        }
        raw(&server.address, format!("{MARK} / HTTP/1.1\r\n{MARK}\r\n\r\n").as_bytes());
        raw(
            &server.address,
            format!("POST /scim/v2/Users HTTP/1.1\r\nHost: {MARK}\r\nContent-Length: x\r\n\r\n{MARK}")
                .as_bytes(),
        );
        // A store whose rows are not what they were: the failures name nobody either.
        let path = server.folder.path().join("rollcall.db");
        super::world::damage(
            &path,
            "UPDATE resources SET document = substr(document, 3), shadow = substr(shadow, 3)",
        );
        for target in [
            format!("/Users/{ada}?attributes=userName"),
            "/Users?attributes=displayName".to_owned(),
            format!("/Groups/{team}?excludedAttributes=x"),
        ] {
            keep(&target, client.get(&target));
        }
        let filter = format!("/Users?filter={}", encoded(&format!("title co \"{MARK}\"")));
        keep(&filter, client.get(&filter));
        keep(
            "PATCH",
            client.patch(
                &format!("/Users/{ada}"),
                json!([{ "op": "replace", "path": "title", "value": MARK }]),
            ),
        );
        keep("PUT", client.put(&format!("/Users/{ada}"), &marked(1)));

        let metrics = send(&server.address, "GET", "/metrics", &[], b"").body;
        let metrics = String::from_utf8(metrics).expect("text");
        assert!(metrics.contains("rollcall_http_requests_total"), "metrics are there to be searched");
        let log = server.end();
        assert!(log.contains("/Users/{id}") && log.contains("fine"), "the log is there to be searched");
        assert!(failures.iter().any(|(_, answer)| answer.status == 500), "there are failures to be searched");
        for (what, answer) in &failures {
            let text = String::from_utf8_lossy(&answer.body);
            assert!(found(&text).is_none(), "{} to {what} tells of a person: {text}", answer.status);
        }
        for (place, text) in [("the log", &log), ("metrics", &metrics)] {
            assert!(found(text).is_none(), "{place} ({format}) has a person: {:?}", found(text));
        }
        if format == "json" {
            for line in log.lines().filter(|line| !line.is_empty()) {
                assert!(serde_json::from_str::<Value>(line).is_ok(), "{line}");
            }
        }
    }
}

#[test]
fn the_search_finds_what_is_there() {
    for text in [format!("a {MARK} b"), MARK.to_uppercase(), "7A7A63616E617279".to_owned()] {
        assert!(found(&text).is_some(), "{text}");
    }
    assert!(found("nothing of the kind").is_none());
}
