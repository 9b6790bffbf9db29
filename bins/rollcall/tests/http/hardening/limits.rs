//! What a request may have, and what is told who sends more. After each the server goes on.

use serde_json::{Value, json};

use crate::support::{Answer, Client, Server, bulk, encoded, group, patch, person, raw, send};

/// An error with this status and keyword, whose detail says this; and the server goes on.
#[track_caller]
fn check(acme: &Client, answer: &Answer, status: u16, scim_type: Option<&str>, told: &str) {
    let detail = answer.error(status, scim_type);
    assert!(detail.contains(told), "{detail}");
    acme.get("/Users?count=1").ok(200);
}

#[test]
fn heads_and_targets() {
    let server = Server::start();
    let acme = server.acme();
    let get = |target: &str, name: &str, bytes: usize| {
        let value = "x".repeat(bytes);
        send(&server.address, "GET", target, &[(name, &value)], b"")
    };
    check(
        &acme,
        &get("/scim/v2/Users", "Authorization", 8193),
        431,
        None,
        "Authorization has more than 8192",
    );
    assert_eq!(get("/scim/v2/Users", "Authorization", 8192).status, 401);
    check(&acme, &get("/scim/v2/Users", "X-Other", 16 * 1024), 431, None, "head has more than 16384");
    assert_eq!(get("/scim/v2/Users", "X-Other", 15 * 1024).status, 401);
    let target =
        |bytes: usize| format!("/Users?filter={}", "x".repeat(bytes - "/scim/v2/Users?filter=".len()));
    check(&acme, &acme.get(&target(8193)), 414, None, "Path and query have more than 8192 bytes; use POST");
    acme.get(&target(8192)).error(400, Some("invalidFilter"));
    // Beyond what the framework takes in it answers by itself, and closes.
    for (name, count, bytes) in [("X", 97, 1), ("X-Huge", 1, 200_000)] {
        let fields: Vec<(String, String)> =
            (0..count).map(|at| (format!("{name}-{at}"), "x".repeat(bytes))).collect();
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (&**name, &**value)).collect();
        let answer = acme.send("GET", "/Users", &fields, b"");
        assert!([400, 431].contains(&answer.status), "{count} fields of {bytes}: {}", answer.status);
        acme.get("/Users?count=1").ok(200);
    }
}

#[test]
fn bodies() {
    let server = Server::start();
    let acme = server.acme();
    // A promise is enough to be told; what is sent in pieces is counted.
    let promised = |path: &str, bytes: usize| {
        let length = bytes.to_string();
        let fields = [("Content-Type", "application/scim+json"), ("Content-Length", &*length)];
        acme.send("POST", path, &fields, b"")
    };
    const MIB: usize = 1024 * 1024;
    for (path, limit) in [("/Users", MIB), ("/.search", MIB), ("/Groups", 16 * MIB), ("/Bulk", 10 * MIB)] {
        let told = format!("The body has more than {limit} bytes");
        check(&acme, &promised(path, limit + 1), 413, None, &told);
    }
    let mut chunks = Vec::new();
    for _ in 0..17 {
        chunks.extend_from_slice(format!("10000\r\n{}\r\n", " ".repeat(0x10000)).as_bytes());
    }
    chunks.extend_from_slice(b"0\r\n\r\n");
    let fields = [("Content-Type", "application/scim+json"), ("Transfer-Encoding", "chunked")];
    check(&acme, &acme.send("POST", "/Users", &fields, &chunks), 413, None, "more than 1048576 bytes");
    let whole = person("chunked").to_string();
    let whole = format!("{:x}\r\n{whole}\r\n0\r\n\r\n", whole.len());
    acme.send("POST", "/Users", &fields, whole.as_bytes()).created();
    // Nothing is taken compressed, and so nothing grows.
    for coding in ["gzip", "deflate", "br", "zstd", "identity, gzip", "x-unheard-of"] {
        let fields = [("Content-Type", "application/scim+json"), ("Content-Encoding", coding)];
        let answer = acme.send("POST", "/Users", &fields, person("packed").to_string().as_bytes());
        check(&acme, &answer, 415, None, "without Content-Encoding");
        assert_eq!(answer.header("accept-encoding"), Some("identity"), "{coding}");
    }
    let fields = [("Content-Type", "application/scim+json"), ("Content-Encoding", "identity")];
    acme.send("POST", "/Users", &fields, person("plain").to_string().as_bytes()).created();
}

#[test]
fn what_is_in_a_body() {
    let server = Server::start();
    let acme = server.acme();
    let ada = acme.person("ada");
    // Depth: the body is a level, and so is each array.
    let nested = |levels: usize| {
        let body = format!("{{\"a\":{}{}}}", "[".repeat(levels - 1), "]".repeat(levels - 1));
        acme.send("POST", "/Users", &[("Content-Type", "application/scim+json")], body.as_bytes())
    };
    check(&acme, &nested(33), 400, Some("invalidSyntax"), "deeper than 32 levels");
    check(&acme, &nested(100_000), 400, Some("invalidSyntax"), "deeper than 32 levels");
    assert!(!nested(32).error(400, Some("invalidSyntax")).contains("levels"));
    // PATCH operations.
    let operations = |count: usize| -> Value {
        (0..count).map(|at| json!({ "op": "replace", "path": "title", "value": at.to_string() })).collect()
    };
    check(
        &acme,
        &acme.patch(&format!("/Users/{ada}"), operations(1001)),
        400,
        Some("invalidSyntax"),
        "1000 is the most",
    );
    assert_eq!(acme.patch(&format!("/Users/{ada}"), operations(1000)).ok(200)["title"], "999");
    // Bulk operations.
    let deletions: Vec<Value> =
        (0..1001).map(|_| json!({ "method": "DELETE", "path": format!("/Users/{ada}") })).collect();
    check(&acme, &acme.post("/Bulk", &bulk(json!(deletions))), 413, None, "1000");
    acme.get(&format!("/Users/{ada}")).ok(200);
}

#[test]
fn filters_and_pages() {
    let server = Server::start();
    let acme = server.acme();
    acme.person("ada");
    let filter = |text: &str| acme.get(&format!("/Users?filter={}", encoded(text)));
    let terms = |count: usize| vec!["title pr"; count].join(" or ");
    let deep = |levels: usize| format!("{}title pr{}", "(".repeat(levels), ")".repeat(levels));
    let not = |levels: usize| format!("{}title pr{}", "not (".repeat(levels), ")".repeat(levels));
    check(&acme, &filter(&terms(51)), 400, Some("invalidFilter"), "50");
    filter(&terms(50)).ok(200);
    for make in [deep as fn(usize) -> String, not] {
        check(&acme, &filter(&make(12)), 400, Some("invalidFilter"), "10");
        filter(&make(9)).ok(200);
    }
    let long = |bytes: usize| format!("title eq \"{}\"", "x".repeat(bytes - "title eq \"\"".len()));
    check(&acme, &filter(&long(4097)), 400, Some("invalidFilter"), "4096");
    filter(&long(4096)).ok(200);
    // The same by POST, where the URL is no limit.
    let search = crate::support::search(json!({ "filter": terms(51) }));
    check(&acme, &acme.post("/Users/.search", &search), 400, Some("invalidFilter"), "50");
    // A count is cut, not refused.
    for count in ["1000000", "9223372036854775807", "99999999999999999999999999"] {
        let answer = acme.get(&format!("/Users?count={count}"));
        assert!([200, 400].contains(&answer.status), "{count}: {}", answer.status);
    }
    assert_eq!(acme.get("/Users?count=1000000").ok(200)["itemsPerPage"], 1);
    assert_eq!(acme.get("/Users?startIndex=9223372036854775807").ok(200)["totalResults"], 1);
}

#[test]
fn requests_that_two_readers_could_read_differently() {
    let server = Server::start();
    let acme = server.acme();
    let key = format!("Authorization: Bearer {}\r\n", acme.token);
    let lines = |first: &str, fields: &str, body: &str| {
        raw(&server.address, format!("{first}\r\n{fields}{key}Connection: close\r\n\r\n{body}").as_bytes())
    };
    let body = person("smuggled").to_string();
    let length = format!("Content-Length: {}\r\n", body.len());
    let scim = "Host: x\r\nContent-Type: application/scim+json\r\n";
    for fields in [
        format!("{scim}{length}Transfer-Encoding: chunked\r\n"),
        format!("{scim}{length}Content-Length: 1\r\n"),
        format!("{scim}Transfer-Encoding: chunked, identity\r\n"),
        format!("{scim}Transfer-Encoding : chunked\r\n"),
        format!("{scim}Content-Length: +{}\r\n", body.len()),
        format!("{scim}Content-Length: 0x10\r\n"),
        format!("Host: x\r\nHost: y\r\n{length}"),
        length.clone(),
        format!("{scim}{length}X-Bad: a\0b\r\n"),
        format!("{scim}{length} folded: yes\r\n"),
    ] {
        let answer = lines("POST /scim/v2/Users HTTP/1.1", &fields, &body);
        assert_eq!(answer.status, 400, "{fields:?}");
    }
    assert_eq!(acme.get("/Users").ok(200)["totalResults"], 0, "nothing of all that was done");
    // Forms of a target.
    let get = |target: &str| lines(&format!("GET {target} HTTP/1.1"), "Host: x\r\n", "").status;
    assert_eq!(get("http://x/scim/v2/Users"), 200, "a server must take the absolute form (RFC 9112 §3.2.2)");
    for target in [
        "/scim/v2/../v2/Users",
        "/scim/v2/%2e%2e/v2/Users",
        "/scim/v2/Users/..%2f..%2fhealthz",
        "/scim/v2/Users/%00",
        "//scim/v2/Users",
        "*",
    ] {
        let found = get(target);
        assert!([400, 404].contains(&found), "{target}: {found}");
    }
    for first in [
        "OPTIONS * HTTP/1.1",
        "CONNECT x:443 HTTP/1.1",
        "GET /scim/v2/Users HTTP/1.0",
        "GET /scim/v2/Users HTTP/3.0",
        "get /scim/v2/Users HTTP/1.1",
        "TRACE /scim/v2/Users HTTP/1.1",
        "PRI * HTTP/2.0",
    ] {
        let answer = lines(first, "Host: x\r\n", "");
        let fine = if first.ends_with("1.0") { 200 } else { 405 };
        assert!([400, 404, fine].contains(&answer.status), "{first}: {}", answer.status);
        assert!(answer.header("server").is_none() && answer.header("x-powered-by").is_none(), "{first}");
    }
    // HTTP/2 without TLS, as those speak it who were told (RFC 9113 §3.3), is not spoken here.
    let preface = raw(&server.address, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0");
    assert_eq!(preface.status, 400);
    // An offer to change to it is let be.
    let upgrade = "Host: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n";
    let answer = raw(&server.address, format!("GET /healthz HTTP/1.1\r\n{upgrade}\r\n").as_bytes());
    assert_eq!(answer.status, 200);
    acme.get("/Users").ok(200);
}

#[test]
fn a_member_may_be_added_to_a_group_of_any_size_by_a_body_of_its_own_size() {
    let server = Server::start();
    let acme = server.acme();
    let ada = acme.person("ada");
    // A body for a group may be larger than one for a person.
    let mut large = group("large", &[&ada]);
    large["externalId"] = json!("x".repeat(1024 * 1024));
    let answer = acme.post("/Groups", &large);
    assert_ne!(answer.status, 413);
    let small = patch(json!([{ "op": "add", "path": "members", "value": [{ "value": ada }] }]));
    assert!(small.to_string().len() < 1024);
}
