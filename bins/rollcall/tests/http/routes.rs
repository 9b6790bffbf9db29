//! Endpoints and methods (RFC 7644 §3.2), and requests that HTTP itself refuses.

use serde_json::{Value, json};

use crate::support::{ENTERPRISE, Server, USER, bulk, person, raw, search};

const ALL: [&str; 8] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"];

#[test]
fn every_endpoint_has_its_methods_and_no_others() {
    let server = Server::start();
    let acme = server.acme();
    let (user, group) = (acme.person("ada"), acme.group("Engines", &[]));
    let search = search(json!({}));
    let read = "GET, HEAD, OPTIONS";
    let post = "POST, OPTIONS";
    let collection = "GET, HEAD, POST, OPTIONS";
    let item = "GET, HEAD, PUT, PATCH, DELETE, OPTIONS";
    let me = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";
    for (path, allow) in [
        ("", read),
        ("/", read),
        ("/ServiceProviderConfig", read),
        ("/ResourceTypes", read),
        ("/ResourceTypes/User", read),
        ("/Schemas", read),
        (&format!("/Schemas/{ENTERPRISE}"), read),
        ("/.search", post),
        ("/Users/.search", post),
        ("/Groups/.search", post),
        ("/Bulk", post),
        ("/Users", collection),
        ("/Groups", collection),
        (&format!("/Users/{user}"), item),
        (&format!("/Groups/{group}"), item),
        ("/Me", me),
        ("/Me/x", me),
    ] {
        let options = acme.send("OPTIONS", path, &[], b"");
        options.empty(204);
        assert_eq!(options.header("allow"), Some(allow), "{path}");
        for method in ALL {
            if allow.split(", ").any(|allowed| allowed == method) {
                continue;
            }
            let refused = acme.send(method, path, &[], search.to_string().as_bytes());
            assert_eq!(refused.status, 405);
            if method != "HEAD" {
                refused.error(405, None);
            }
            assert_eq!(refused.header("allow"), Some(allow), "{method} {path}");
        }
        if path.starts_with("/Me") {
            for method in allow.split(", ").filter(|method| !["HEAD", "OPTIONS"].contains(method)) {
                acme.send(method, path, &[], b"{}").error(501, None);
            }
        }
    }
    assert_eq!(acme.get("/Users").ok(200)["totalResults"], 1, "nothing was changed by what was refused");
}

#[test]
fn head_is_get_without_the_body() {
    let server = Server::start();
    let acme = server.acme();
    let user = acme.person("ada");
    for path in ["", "/Users", &format!("/Users/{user}"), "/Schemas", "/ResourceTypes/Group", "/Users/nobody"]
    {
        let (get, head) = (acme.get(path), acme.send("HEAD", path, &[], b""));
        assert_eq!(head.status, get.status, "{path}");
        assert!(head.body.is_empty());
        for name in ["content-type", "content-length", "etag", "location", "cache-control"] {
            assert_eq!(head.header(name), get.header(name), "{name} of {path}");
        }
        assert_eq!(get.header("content-length"), Some(get.body.len().to_string().as_str()));
    }
}

#[test]
fn discovery_says_what_there_is_and_cannot_be_filtered() {
    let server = Server::start();
    let acme = server.acme();
    let config = acme.get("/ServiceProviderConfig").ok(200);
    for feature in ["patch", "bulk", "filter", "sort", "etag"] {
        assert_eq!(config[feature]["supported"], true, "{feature}");
    }
    assert_eq!(config["changePassword"]["supported"], false);
    assert_eq!(config["authenticationSchemes"][0]["type"], "oauthbearertoken");
    assert_eq!(config["pagination"]["cursor"], true);
    for (path, ids) in [
        ("/ResourceTypes", vec!["User", "Group"]),
        (
            "/Schemas",
            vec![
                USER,
                "urn:ietf:params:scim:schemas:core:2.0:Group",
                ENTERPRISE,
                "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig",
                "urn:ietf:params:scim:schemas:core:2.0:ResourceType",
                "urn:ietf:params:scim:schemas:core:2.0:Schema",
            ],
        ),
    ] {
        let list = acme.get(path).ok(200);
        assert_eq!(list["schemas"], json!(["urn:ietf:params:scim:api:messages:2.0:ListResponse"]));
        assert_eq!(list["totalResults"], ids.len());
        let resources = list["Resources"].as_array().expect("a list");
        for id in ids {
            let listed = resources.iter().find(|resource| resource["id"] == id).expect("listed");
            let alone = acme.get(&format!("{path}/{id}")).ok(200);
            assert_eq!(&alone, listed);
            let location = alone["meta"]["location"].as_str().expect("a location");
            assert_eq!(location, format!("http://{}/scim/v2{path}/{id}", server.address));
        }
        for filtered in [format!("{path}?filter=id%20pr"), format!("{path}?FILTER=rubbish")] {
            acme.get(&filtered).error(403, None);
        }
    }
    acme.get("/ServiceProviderConfig?filter=a").error(403, None);
    acme.get("/ResourceTypes/User?filter=a").error(403, None);
    acme.get("/ResourceTypes/Nothing").error(404, None);
    acme.get("/Schemas/urn:example:nothing").error(404, None);
    acme.get(&format!("/Schemas/{}", USER.to_uppercase())).ok(200);
}

#[test]
fn slashes_do_not_count() {
    let server = Server::start();
    let acme = server.acme();
    let user = acme.person("ada");
    for path in [format!("//Users/{user}"), format!("/Users/{user}/"), format!("/Users//{user}")] {
        assert_eq!(acme.get(&path).ok(200)["id"], user.as_str(), "{path}");
    }
    for path in ["/Users/", "//Users", "/Users//?filter=userName%20eq%20%22ada%22"] {
        assert_eq!(acme.get(path).ok(200)["totalResults"], 1, "{path}");
    }
    acme.post("//Users/", &person("bob")).created();
}

#[test]
fn the_base_lists_every_type() {
    let server = Server::start();
    let acme = server.acme();
    let (user, group) = (acme.person("ada"), acme.group("Engines", &[]));
    for path in ["", "/", "?count=10"] {
        let list = acme.get(path).ok(200);
        assert_eq!(list["totalResults"], 2, "{path}");
        let mut ids = crate::support::texts(&list["Resources"], "id");
        ids.sort();
        let mut expected = vec![user.clone(), group.clone()];
        expected.sort();
        assert_eq!(ids, expected);
    }
}

#[test]
fn what_is_not_there_is_404() {
    let server = Server::start();
    let acme = server.acme();
    for path in
        ["/users", "/Nothing", "/Users/a/b", "/Users/x/.search", "/ResourceTypes/User/x", "/Users/%FF"]
    {
        acme.get(path).error(404, None);
    }
    for id in ["nobody", "00000000-0000-7000-8000-000000000000", "%00", "a%2Fb", "..%2F..", "'%20or%201=1"] {
        acme.get(&format!("/Users/{id}")).error(404, None);
        acme.put(&format!("/Users/{id}"), &person("ada")).error(404, None);
        acme.patch(&format!("/Groups/{id}"), json!([])).error(404, None);
        acme.delete(&format!("/Users/{id}")).error(404, None);
    }
    let user = acme.person("ada");
    acme.get(&format!("/Groups/{user}")).error(404, None);
    for target in ["/", "/scim", "/scim/v1/Users", "/scim/v2x/Users", "/Users", "/admin"] {
        let answer = crate::support::Client::new(&server.address, &acme.token);
        let head = [("Authorization", format!("Bearer {}", answer.token))];
        let head: Vec<(&str, &str)> = head.iter().map(|(name, value)| (*name, value.as_str())).collect();
        crate::support::send(&server.address, "GET", target, &head, b"").error(404, None);
    }
}

#[test]
fn content_types() {
    let server = Server::start();
    let acme = server.acme();
    let accepted: [&[(&str, &str)]; 10] = [
        &[],
        &[("Content-Type", "application/scim+json")],
        &[("Content-Type", "application/json")],
        &[("Content-Type", "application/scim+json;charset=UTF-8")],
        &[("Content-Type", "application/scim+json; charset=\"utf-8\"")],
        &[("Content-Type", "Application/SCIM+JSON ; Charset=utf-8")],
        &[("Content-Type", "application/json;charset=utf-8;odata=verbose")],
        &[("Content-Type", "application/json;")],
        &[("Content-Type", "application/scim+json; charset=nonsense")],
        &[("Content-Type", "")],
    ];
    for (number, headers) in accepted.iter().enumerate() {
        acme.send("POST", "/Users", headers, person(&format!("p{number}")).to_string().as_bytes()).created();
    }
    for refused in
        ["text/plain", "application/xml", "application/x-www-form-urlencoded", "application/scim", "json"]
    {
        let headers = [("Content-Type", refused)];
        acme.send("POST", "/Users", &headers, person("no").to_string().as_bytes()).error(415, None);
        acme.send("POST", "/Bulk", &headers, bulk(json!([])).to_string().as_bytes()).error(415, None);
    }
    // A body that no operation looks at has no type that could be wrong.
    let user = acme.person("leaver");
    acme.send("DELETE", &format!("/Users/{user}"), &[("Content-Type", "text/plain")], b"").empty(204);
}

#[test]
fn accept_chooses_between_the_two_json_types() {
    let server = Server::start();
    let acme = server.acme();
    for (accept, expected) in [
        ("application/json", "application/json; charset=utf-8"),
        ("application/json;q=0.9, text/html", "application/json; charset=utf-8"),
        ("Application/JSON", "application/json; charset=utf-8"),
        ("application/scim+json", "application/scim+json; charset=utf-8"),
        ("application/json, application/scim+json", "application/scim+json; charset=utf-8"),
        ("application/json, */*", "application/scim+json; charset=utf-8"),
        ("*/*", "application/scim+json; charset=utf-8"),
        ("text/html", "application/scim+json; charset=utf-8"),
        ("rubbish,,;;", "application/scim+json; charset=utf-8"),
    ] {
        for path in ["/Users", "/Users/nobody"] {
            let answer = acme.send("GET", path, &[("Accept", accept)], b"");
            assert_eq!(answer.header("content-type"), Some(expected), "{accept}");
        }
    }
}

/// A person's body of exactly this many bytes.
fn body_of(bytes: usize) -> Vec<u8> {
    let mut body = json!({ "schemas": [USER], "userName": "ada", "title": "" }).to_string();
    let room = bytes - body.len();
    body = body.replace("\"title\":\"\"", &format!("\"title\":\"{}\"", "x".repeat(room)));
    assert_eq!(body.len(), bytes);
    body.into_bytes()
}

#[test]
fn a_body_may_have_one_mebibyte() {
    let server = Server::start();
    let acme = server.acme();
    const LIMIT: usize = 1024 * 1024;
    let detail = acme.send("POST", "/Users", &[], &body_of(LIMIT + 1)).error(413, None);
    assert!(detail.contains("1048576"), "{detail}");
    let chunk = body_of(LIMIT + 1);
    let mut chunked = format!("{:x}\r\n", chunk.len()).into_bytes();
    chunked.extend_from_slice(&chunk);
    chunked.extend_from_slice(b"\r\n0\r\n\r\n");
    acme.send("POST", "/Users", &[("Transfer-Encoding", "chunked")], &chunked).error(413, None);
    assert_eq!(acme.get("/Users").ok(200)["totalResults"], 0);
    let mut chunked = format!("{LIMIT:x}\r\n").into_bytes();
    chunked.extend_from_slice(&body_of(LIMIT));
    chunked.extend_from_slice(b"\r\n0\r\n\r\n");
    acme.send("POST", "/Users", &[("Transfer-Encoding", "chunked")], &chunked).created();
    // Said to be long, but never sent: refused before it arrives.
    let head = format!(
        "POST /scim/v2/Bulk HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nContent-Length: 99999999999\r\n\r\n",
        acme.token
    );
    raw(&server.address, head.as_bytes()).error(413, None);
}

#[test]
fn bodies_that_are_no_json_object() {
    let server = Server::start();
    let acme = server.acme();
    let nested = |levels: usize| {
        let (open, close) = ("[".repeat(levels), "]".repeat(levels));
        format!("{{\"schemas\":[\"{USER}\"],\"userName\":\"deep\",\"x\":{open}{close}}}").into_bytes()
    };
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("empty", Vec::new()),
        ("blank", b" \r\n\t ".to_vec()),
        ("not JSON", b"{".to_vec()),
        ("two documents", b"{}{}".to_vec()),
        ("invalid UTF-8", b"{\"userName\":\"\xff\"}".to_vec()),
        ("lone surrogate", b"{\"userName\":\"\\ud800\"}".to_vec()),
        ("UTF-16", "\u{feff}{}".encode_utf16().flat_map(u16::to_be_bytes).collect()),
        ("an array", b"[]".to_vec()),
        ("a string", b"\"x\"".to_vec()),
        ("null", b"null".to_vec()),
        ("33 levels", nested(32)),
        ("a great many levels", nested(200_000)),
    ];
    for (what, body) in &cases {
        for (method, path) in [("POST", "/Users"), ("POST", "/Bulk"), ("POST", "/.search")] {
            let answer = acme.send(method, path, &[], body);
            assert_eq!(answer.status, 400, "{what} {path}");
            answer.error(400, Some("invalidSyntax"));
        }
    }
    acme.send("POST", "/Users", &[], &nested(31)).created();
    let mut marked = "\u{feff}".to_owned().into_bytes();
    marked.extend_from_slice(person("marked").to_string().as_bytes());
    acme.send("POST", "/Users", &[], &marked).created();
}

/// Of keys that mean the same attribute, the last counts, as in most JSON parsers.
#[test]
fn duplicate_keys() {
    let server = Server::start();
    let acme = server.acme();
    let same = format!("{{\"schemas\":[\"{USER}\"],\"userName\":\"a\",\"userName\":\"b\"}}");
    let case = format!("{{\"schemas\":[\"{USER}\"],\"userName\":\"a\",\"USERNAME\":\"c\"}}");
    for (body, expected) in [(same, "b"), (case, "c")] {
        assert_eq!(acme.send("POST", "/Users", &[], body.as_bytes()).ok(201)["userName"], expected);
    }
}

#[test]
fn request_lines_that_are_not_encoded() {
    let server = Server::start();
    let acme = server.acme();
    acme.person("ada");
    let line = |target: &str| {
        let head = format!(
            "GET /scim/v2/Users{target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {}\r\n\r\n",
            acme.token
        );
        raw(&server.address, head.as_bytes())
    };
    // The HTTP layer refuses raw quotes and blanks before any application sees the request: there is no body to speak of.
    for refused in
        ["?filter=userName%20eq%20\"ada\"", "?filter=userName eq \"ada\"", "?filter=userName eq 1", "/\r"]
    {
        let answer = line(refused);
        assert_eq!(answer.status, 400, "{refused}");
        assert!(answer.body.is_empty());
    }
    assert_eq!(line("?filter=userName+eq+%22ada%22").ok(200)["totalResults"], 1);
    line("?filter=userName%20eq%20%22ada").error(400, Some("invalidFilter"));
    line("?filter=%FF%FE").error(400, Some("invalidFilter"));
}

#[test]
fn heads_that_are_too_large() {
    let server = Server::start();
    let acme = server.acme();
    let long = "x".repeat(9000);
    acme.get(&format!("/Users?filter={long}")).error(414, None);
    acme.get(&format!("/Users/{long}")).error(414, None);
    // More than a head may have, though not more than the HTTP layer reads.
    let large = "x".repeat(17_000);
    acme.send("GET", "/Users", &[("X-Large", &large)], b"").error(431, None);
    // More than the HTTP layer reads: an answer of its own, without a body.
    let huge = "x".repeat(400_000);
    let answer = acme.send("GET", "/Users", &[("X-Huge", &huge)], b"");
    assert!([400, 431].contains(&answer.status), "{}", answer.status);
    acme.get("/Users").ok(200);
}

#[test]
fn request_ids() {
    let server = Server::start();
    let acme = server.acme();
    let id = |given: &str| {
        let answer = acme.send("GET", "/Users", &[("X-Request-Id", given)], b"");
        answer.header("x-request-id").expect("always there").to_owned()
    };
    assert_eq!(id("a-1.b_2:c"), "a-1.b_2:c");
    for insane in ["a b", "a;b", "\"", "<script>", &"a".repeat(129), ""] {
        let own = id(insane);
        assert_ne!(own, insane);
        assert_eq!(own.len(), 36, "{own}");
    }
    let first = acme.get("/Users").header("x-request-id").map(str::to_owned);
    assert_ne!(first, acme.get("/Users").header("x-request-id").map(str::to_owned));
    acme.send("POST", "/Users", &[("X-Request-Id", "trace-me")], person("ada").to_string().as_bytes())
        .created();
    let log = server.run(&["log", "--instance", "acme", "--format", "jsonl"]);
    let created = log.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    assert_eq!(created.filter(|line| line["request_id"] == "trace-me").count(), 1);
}

#[test]
fn every_answer_is_private_and_unsniffable() {
    let server = Server::start();
    let acme = server.acme();
    for answer in [acme.get("/Users"), acme.get("/nothing"), acme.send("OPTIONS", "/Users", &[], b"")] {
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    }
}

#[test]
fn health_needs_no_key() {
    let server = Server::start();
    for (path, text) in [("/healthz", "ok\n"), ("/readyz", "ready\n")] {
        let answer = crate::support::send(&server.address, "GET", path, &[], b"");
        assert_eq!((answer.status, answer.body.as_slice()), (200, text.as_bytes()));
    }
}
