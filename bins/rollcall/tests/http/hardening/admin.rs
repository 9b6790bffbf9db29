//! Every operation of the admin API, as its own description lists them, with what belongs to another instance, and with roles
//! that are not enough. An operation that comes into being is tested here without being named.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::{Answer, Server, group, person, send};

/// Nobody's.
const UNKNOWN: &str = "0198d9a2-7c3a-7000-8000-0123456789ab";

/// An operation: method, path with names in braces, and the role that it needs.
struct Operation {
    method: String,
    path: String,
    role: String,
}

fn operations(server: &Server) -> Vec<Operation> {
    let description = send(&server.address, "GET", "/admin/v1/openapi.json", &[], b"").json();
    let mut all = Vec::new();
    for (path, item) in description["paths"].as_object().expect("paths") {
        for method in ["get", "post", "put", "patch", "delete"] {
            let Some(operation) = item.get(method) else { continue };
            let told = operation["description"].as_str().unwrap_or_default();
            let role = told.split("Needs the role `").nth(1).and_then(|rest| rest.split('`').next());
            all.push(Operation {
                method: method.to_uppercase(),
                path: path.trim_start_matches("/admin/v1").to_owned(),
                role: role.unwrap_or_default().to_owned(),
            });
        }
    }
    all
}

/// Sends with an admin key.
fn ask(server: &Server, token: &str, method: &str, path: &str) -> Answer {
    let authorization = format!("Bearer {token}");
    let mut fields = vec![("Authorization", &*authorization)];
    let writes = ["POST", "PUT", "PATCH"].contains(&method);
    if writes {
        fields.push(("Content-Type", "application/json"));
    }
    let body: &[u8] = if writes { b"{}" } else { b"" };
    send(&server.address, method, &format!("/admin/v1{path}"), &fields, body)
}

fn admin_key(server: &Server, options: &[&str]) -> String {
    server.run(&[&["admin-key", "issue"], options].concat())
}

/// Status and body, without what was asked for and what is of the moment.
fn seen(answer: &Answer, asked: &str) -> (u16, String) {
    let text = String::from_utf8_lossy(&answer.body).replace(asked, "ID");
    match serde_json::from_str::<Value>(&text) {
        Ok(mut body) => {
            if let Some(members) = body.as_object_mut() {
                members.remove("request_id");
            }
            (answer.status, body.to_string())
        }
        Err(_) => (answer.status, text),
    }
}

/// Every text in JSON that could be an id or a name, at `id`, `name` and the like.
fn named(value: &Value, into: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                if let (true, Some(text)) = (name == "id" || name.ends_with("_id"), value.as_str()) {
                    into.insert(text.to_owned());
                }
                named(value, into);
            }
        }
        Value::Array(list) => list.iter().for_each(|value| named(value, into)),
        _ => {}
    }
}

/// Two instances with something of each kind in the one.
fn furnished() -> Server {
    let server = Server::start();
    server.run(&["instance", "create", "globex"]);
    let acme = server.acme();
    let ada = acme.post("/Users", &person("zzforeign-ada")).created();
    acme.post("/Groups", &group("zzforeign group", &[&ada])).created();
    server.run(&["connector", "create", "--instance", "acme", "zzforeign-connector"]);
    server.run(&["user", "create", "--instance", "acme", "zzforeign-user", "--privilege", "Admin"]);
    server.run(&["field", "add", "--instance", "acme", "ZzForeignField"]);
    admin_key(&server, &["--instance", "acme", "--label", "zzforeign key"]);
    server
}

/// A path with those values in place of its names: the instance, and all others.
fn filled(path: &str, instance: &str, other: &str) -> String {
    let parts = path.split('/').map(|part| match part {
        "{instance}" => instance,
        part if part.starts_with('{') => other,
        part => part,
    });
    parts.collect::<Vec<_>>().join("/")
}

#[test]
fn what_is_of_another_instance_is_not_there() {
    let server = furnished();
    let operations = operations(&server);
    assert!(operations.len() > 10, "the description lists what there is");
    let owner = admin_key(&server, &["--instance", "globex"]);
    let everything = admin_key(&server, &[]);
    let shown: Value =
        serde_json::from_str(&server.run(&["instance", "show", "acme", "--json"])).expect("JSON");
    let acme = shown["id"].as_str().expect("an id").to_owned();
    // What there is in acme: all ids that a key of the server is shown there.
    let mut ids = BTreeSet::new();
    for operation in operations.iter().filter(|operation| operation.method == "GET") {
        if operation.path.matches('{').count() == 1 && operation.path.contains("{instance}") {
            let answer = ask(&server, &everything, "GET", &filled(&operation.path, "acme", ""));
            if answer.status == 200 && answer.header("content-type").is_some_and(|kind| kind.contains("json"))
            {
                named(&answer.json(), &mut ids);
            }
        }
    }
    // Places in a log are no ids of things.
    ids.retain(|id| uuid::Uuid::try_parse(id).is_ok());
    assert!(ids.len() >= 4, "connectors, users, keys: {ids:?}");
    let names =
        ["zzforeign-connector", "zzforeign-user", "zzforeign-ada", "ZzForeignField"].map(str::to_owned);
    let foreign: Vec<String> = ids.into_iter().chain(names).collect();
    let before = server.run(&["log", "--instance", "acme", "--format", "jsonl"]);

    let mut probed = 0;
    for Operation { method, path, .. } in &operations {
        let of = |instance: &str, other: &str| ask(&server, &owner, method, &filled(path, instance, other));
        if path.contains("{instance}") {
            // The other instance, by name and by id, is as one that there is not.
            for instance in ["acme", &*acme] {
                for other in [&*foreign[0], UNKNOWN, "zzforeign-connector"] {
                    let (there, nowhere) = (of(instance, other), of("nowhere", other));
                    assert_eq!(
                        there.status,
                        404,
                        "{method} {path}: {}",
                        String::from_utf8_lossy(&there.body)
                    );
                    assert_eq!(seen(&there, instance), seen(&nowhere, "nowhere"), "{method} {path}");
                    probed += 1;
                }
            }
            if path.matches('{').count() > 1 {
                // In its own instance, what is another's is as what is nobody's; of names there is none alike.
                for other in &foreign {
                    let nobody = other.replace("foreign", "nobodys").replace("Foreign", "Nobodys");
                    let like = if other.contains("oreign") { &*nobody } else { UNKNOWN };
                    let (theirs, nobodys) = (of("globex", other), of("globex", like));
                    assert_eq!(seen(&theirs, other), seen(&nobodys, like), "{method} {path} {other}");
                    assert_ne!(theirs.status, 403, "{method} {path} {other}");
                    // A PUT may make what is of that name, here.
                    let text = String::from_utf8_lossy(&theirs.body).replace(&**other, "ID");
                    assert!(!text.contains("zzforeign"), "{method} {path}: {text}");
                    probed += 1;
                }
            }
        } else {
            // What is of the whole server shows nothing of another instance, and changes nothing.
            for other in &foreign {
                let answer = of("", other);
                let text = String::from_utf8_lossy(&answer.body).replace(&**other, "ID");
                assert!(!text.contains("zzforeign") && !text.contains(&acme), "{method} {path}: {text}");
                let writes = method != "GET";
                assert!(!writes || answer.status >= 400, "{method} {path}: {}", answer.status);
                probed += 1;
            }
        }
    }
    assert!(probed > operations.len() * 2, "{probed} probes");
    let after = server.run(&["log", "--instance", "acme", "--format", "jsonl"]);
    let changes = |log: &str| log.lines().filter(|line| !line.contains("access_refused")).count();
    assert_eq!(changes(&before), changes(&after), "nothing of acme's was changed");
}

#[test]
fn a_role_that_is_not_enough_is_told_so_and_other_keys_open_nothing() {
    let server = furnished();
    let operations = operations(&server);
    let ranks = ["ReadOnly", "LiteAdmin", "Admin", "Owner"];
    let rank = |name: &str| ranks.iter().position(|known| *known == name);
    let scim = server.acme().token;
    let mut refused = 0;
    for (at, role) in ranks.iter().enumerate() {
        let key = admin_key(&server, &["--instance", "acme", "--role", role]);
        for Operation { method, path, role: needed } in &operations {
            let needed_rank =
                rank(needed).unwrap_or_else(|| panic!("{method} {path} names its role: {needed:?}"));
            if needed_rank > at && path.contains("{instance}") {
                let answer = ask(&server, &key, method, &filled(path, "acme", UNKNOWN));
                assert_eq!(answer.status, 403, "{role} {method} {path}");
                assert!(answer.json()["detail"].as_str().is_some_and(|detail| !detail.is_empty()));
                refused += 1;
            }
        }
    }
    assert!(refused > 3, "{refused} refusals");
    // A key of an identity provider, none, and nonsense are all the same.
    for Operation { method, path, .. } in &operations {
        let target = filled(path, "acme", UNKNOWN);
        let answers: Vec<_> = [&*scim, "nonsense"]
            .iter()
            .map(|token| seen(&ask(&server, token, method, &target), "-"))
            .collect();
        assert!(answers.iter().all(|answer| answer.0 == 401), "{method} {path}: {answers:?}");
        let none = send(&server.address, method, &format!("/admin/v1{target}"), &[], b"");
        assert_eq!(none.status, 401, "{method} {path}");
        for header in ["x-request-id", "x-content-type-options", "cache-control"] {
            assert!(none.header(header).is_some(), "{method} {path}: {header}");
        }
    }
    // An admin key opens nothing of SCIM.
    let key = admin_key(&server, &[]);
    let authorization = format!("Bearer {key}");
    let answer = send(&server.address, "GET", "/scim/v2/Users", &[("Authorization", &authorization)], b"");
    assert_eq!(answer.status, 401);
    assert_eq!(answer.json()["schemas"], json!(["urn:ietf:params:scim:api:messages:2.0:Error"]));
}
