//! Keys: who gets in, to which instance, and what the others are told.

use serde_json::{Value, json};

use crate::support::{Answer, Client, Server, group, patch, person, raw, send};

const PLAIN: &str = "Bearer realm=\"rollcall\"";
const INVALID: &str = "Bearer realm=\"rollcall\", error=\"invalid_token\"";

#[track_caller]
fn refused(answer: &Answer, challenge: &str) -> String {
    let detail = answer.error(401, None);
    assert_eq!(answer.header("www-authenticate"), Some(challenge));
    detail
}

fn with(server: &Server, authorization: &str) -> Answer {
    send(&server.address, "GET", "/scim/v2/Users", &[("Authorization", authorization)], b"")
}

#[test]
fn keys_that_are_not_there_or_wrong() {
    let server = Server::start();
    let acme = server.acme();
    let token = &acme.token;
    for path in ["/Users", "/", "/ServiceProviderConfig", "/Schemas", "/nothing", "/Me"] {
        let answer = send(&server.address, "GET", &format!("/scim/v2{path}"), &[], b"");
        let detail = refused(&answer, PLAIN);
        assert!(detail.contains("Authorization: Bearer"), "{detail}");
    }
    refused(&send(&server.address, "OPTIONS", "/scim/v2/Users", &[], b""), PLAIN);
    refused(&send(&server.address, "POST", "/scim/v2/Users", &[], b"{"), PLAIN);
    let mut other = token.clone();
    let last = if other.pop() == Some('0') { '1' } else { '0' };
    other.push(last);
    for authorization in [
        "",
        "Bearer",
        "Bearer ",
        "Basic dXNlcjpwYXNz",
        "Bearer rubbish",
        token,
        &format!("Token {token}"),
        &format!("Bearer {token}x"),
        &format!("Bearer {}", &token[..token.len() - 1]),
        &format!("Bearer {other}"),
        &format!("Bearer {token} {token}"),
        &format!("Bearer {}", "x".repeat(600)),
        &format!("Bearer {}", "x".repeat(8_000)),
    ] {
        refused(&with(&server, authorization), INVALID);
    }
    for scheme in ["Bearer", "bearer", "BEARER"] {
        with(&server, &format!("{scheme} {token}")).ok(200);
    }
    with(&server, &format!("Bearer   {token}  ")).ok(200);
}

/// A large body is not taken in from strangers: they are told so before it arrives.
#[test]
fn strangers_send_nothing_large() {
    let server = Server::start();
    let acme = server.acme();
    let ask = |authorization: &str, framing: &str| {
        let head = format!(
            "POST /scim/v2/Groups HTTP/1.1\r\nHost: x\r\nAuthorization: {authorization}\r\n{framing}\r\n\r\n"
        );
        raw(&server.address, head.as_bytes())
    };
    for framing in ["Content-Length: 10000000", "Content-Length: 99999999999", "Transfer-Encoding: chunked"] {
        refused(&ask("Bearer rubbish", framing), INVALID);
    }
    ask(&format!("Bearer {}", acme.token), "Content-Length: 99999999999").error(413, None);
}

/// A key with the right form and check character, whose secret another instance's key has.
#[test]
fn a_secret_opens_nothing_else() {
    let server = Server::start();
    server.run(&["instance", "create", "globex"]);
    let (acme, globex) = (server.acme(), server.client("globex", "default"));
    let mixed = format!("{}{}", &acme.token[..acme.token.len() / 2], &globex.token[globex.token.len() / 2..]);
    refused(&with(&server, &format!("Bearer {mixed}")), INVALID);
}

#[test]
fn a_key_expires() {
    let server = Server::start();
    let token =
        server.run(&["key", "issue", "--instance", "acme", "--user", "integration", "--expires", "1s"]);
    let client = Client::new(&server.address, &token);
    let expired = (0..100_000).map(|_| client.get("/Users?count=0")).find(|answer| answer.status != 200);
    let detail = refused(&expired.expect("it expires"), INVALID);
    assert!(detail.starts_with("This key expired at 20"), "{detail}");
    let keys: Value = serde_json::from_str(&server.run(&["key", "list", "--json"])).expect("JSON");
    assert_eq!(keys[0]["state"], "expired");
}

#[test]
fn a_key_is_revoked_while_the_server_runs() {
    let server = Server::start();
    let (acme, other) = (server.acme(), server.acme());
    acme.get("/Users").ok(200);
    let keys: Value = serde_json::from_str(&server.run(&["key", "list", "--json"])).expect("JSON");
    let id = keys[0]["id"].as_str().expect("an id");
    server.run(&["key", "revoke", id]);
    let detail = refused(&acme.get("/Users"), INVALID);
    assert!(detail.starts_with("This key was revoked at 20"), "{detail}");
    refused(&acme.post("/Users", &person("ada")), INVALID);
    assert_eq!(other.get("/Users").ok(200)["totalResults"], 0);
}

#[test]
fn instances_do_not_see_one_another() {
    let server = Server::start();
    server.run(&["instance", "create", "globex"]);
    let (acme, globex) = (server.acme(), server.client("globex", "default"));
    let user = acme
        .post("/Users", &json!({ "schemas": [crate::support::USER], "userName": "ada", "externalId": "x" }));
    let user = user.created();
    let engines = acme.group("Engines", &[&user]);
    // The same names are free in the other instance.
    let twin = globex.person("ada");
    assert_ne!(twin, user);
    let own = globex.group("Engines", &[]);
    for (endpoint, id, body) in [("/Users", &user, person("eve")), ("/Groups", &engines, group("Eve", &[]))] {
        let path = format!("{endpoint}/{id}");
        globex.get(&path).error(404, None);
        globex.put(&path, &body).error(404, None);
        globex.patch(&path, json!([{ "op": "add", "path": "displayName", "value": "Eve" }])).error(404, None);
        globex.delete(&path).error(404, None);
        assert_eq!(globex.filter(endpoint, &format!("id eq \"{id}\"")).ok(200)["totalResults"], 0);
    }
    assert_eq!(globex.filter("/Users", "externalId eq \"x\"").ok(200)["totalResults"], 0);
    assert_eq!(globex.filter("", &format!("id eq \"{user}\"")).ok(200)["totalResults"], 0);
    // Another instance's person is nobody: held as unknown, never linked to them.
    let mixed = globex.post("/Groups", &group("Mixed", &[&user, &twin])).ok(201);
    let named: Vec<_> =
        mixed["members"].as_array().expect("members").iter().map(|member| &member["display"]).collect();
    assert!(named.contains(&&json!("ada")));
    let foreign =
        mixed["members"].as_array().expect("members").iter().find(|member| member["value"] == user.as_str());
    assert_eq!(foreign.expect("held").get("display"), None);
    assert!(
        acme.get(&format!("/Users/{user}")).ok(200)["groups"]
            .as_array()
            .is_some_and(|groups| groups.len() == 1)
    );
    // A bulk request reaches its own instance only.
    let operations = json!([
        { "method": "DELETE", "path": format!("/Users/{user}") },
        { "method": "PATCH", "path": format!("/Groups/{engines}"), "data": patch(json!([])) },
        { "method": "DELETE", "path": format!("/Groups/{own}") },
    ]);
    let answer = globex.post("/Bulk", &crate::support::bulk(operations)).ok(200);
    assert_eq!(crate::support::texts(&answer["Operations"], "status"), ["404", "404", "204"]);
    // Cursors of one are none of the other.
    let page = acme.get("?cursor=&count=1").ok(200);
    let cursor = page["nextCursor"].as_str().expect("there is more");
    globex.get(&format!("?cursor={cursor}&count=1")).error(400, Some("invalidCursor"));
    assert_eq!(acme.get(&format!("/Users/{user}")).ok(200)["userName"], "ada");
    assert_eq!(acme.get(&format!("/Groups/{engines}")).ok(200)["members"][0]["value"], user.as_str());
}
