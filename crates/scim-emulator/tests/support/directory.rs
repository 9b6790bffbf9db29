//! The least SCIM server that an Entra cycle can work with: in memory, `eq` filters only, no schemas, no tolerance beyond
//! the shapes that the emulator is known to send.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};

use serde_json::{Map, Value, json};

use super::{Reply, Request};

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// Resources by path, `/Users/1`.
#[derive(Debug, Default)]
pub(crate) struct Directory {
    resources: Mutex<BTreeMap<String, Value>>,
}

impl Directory {
    pub(crate) fn open(&self) -> MutexGuard<'_, BTreeMap<String, Value>> {
        self.resources.lock().unwrap()
    }

    pub(crate) fn answer(&self, request: &Request) -> Reply {
        let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
        let body: Value = serde_json::from_str(&request.body).unwrap_or_default();
        let mut resources = self.open();
        match request.method.as_str() {
            "POST" => create(&mut resources, path, body),
            "GET" => match query.split('&').find_map(|q| q.strip_prefix("filter=")) {
                Some(filter) => search(&resources, path, &decode(filter)),
                None => resources
                    .get(path)
                    .map_or_else(|| error(404, "not found"), |r| Reply::new(200, r.to_string())),
            },
            "PATCH" => match resources.get_mut(path) {
                Some(resource) => {
                    for operation in body["Operations"].as_array().unwrap() {
                        apply(resource, operation);
                    }
                    Reply::new(204, "")
                }
                None => error(404, "not found"),
            },
            "DELETE" if resources.remove(path).is_some() => Reply::new(204, ""),
            _ => error(404, "not found"),
        }
    }
}

pub(crate) fn error(status: u16, detail: &str) -> Reply {
    let body = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"], "status": status.to_string(), "detail": detail,
    });
    Reply::new(status, body.to_string())
}

fn create(resources: &mut BTreeMap<String, Value>, path: &str, mut body: Value) -> Reply {
    let name = if path == "/Users" { "userName" } else { "displayName" };
    if resources.iter().any(|(p, r)| p.starts_with(path) && r[name] == body[name]) {
        return error(409, "the name is taken");
    }
    let id = format!("id-{}", resources.len() + 1000);
    body["id"] = json!(id);
    resources.insert(format!("{path}/{id}"), body.clone());
    Reply::new(201, body.to_string())
}

fn search(resources: &BTreeMap<String, Value>, path: &str, filter: &str) -> Reply {
    let terms: Vec<(&str, Value)> = filter
        .split(" and ")
        .map(|term| term.split_once(" eq ").unwrap())
        .map(|(name, value)| (name, serde_json::from_str(value).unwrap()))
        .collect();
    let holds = |resource: &Value, (name, value): &(&str, Value)| match *name {
        "manager" => resource[ENTERPRISE]["manager"]["value"] == *value,
        "members" => resource["members"].as_array().is_some_and(|m| m.iter().any(|m| m["value"] == *value)),
        name => resource[name] == *value,
    };
    let found: Vec<&Value> = resources
        .iter()
        .filter(|(p, r)| p.starts_with(path) && terms.iter().all(|term| holds(r, term)))
        .map(|(_, r)| r)
        .collect();
    let list = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
        "totalResults": found.len(), "startIndex": 1, "itemsPerPage": found.len(), "Resources": found,
    });
    Reply::new(200, list.to_string())
}

fn apply(resource: &mut Value, operation: &Value) {
    let value = match &operation["value"] {
        Value::String(text) if text == "True" || text == "False" => json!(text == "True"),
        other => other.clone(),
    };
    let remove = operation["op"].as_str().unwrap().eq_ignore_ascii_case("remove");
    match operation["path"].as_str() {
        None => {
            value.as_object().unwrap().iter().for_each(|(path, value)| set(resource, path, value.clone()))
        }
        Some("members") if remove => {
            value.as_array().unwrap().iter().for_each(|m| drop_member(resource, &m["value"]))
        }
        Some("members") => {
            for member in value.as_array().unwrap() {
                drop_member(resource, &member["value"]);
                resource["members"].as_array_mut().unwrap().push(json!({"value": member["value"]}));
            }
        }
        Some(path) if remove => {
            let id = path.strip_prefix("members[value eq ").unwrap().strip_suffix(']').unwrap();
            drop_member(resource, &serde_json::from_str(id).unwrap());
        }
        Some(path) => set(resource, path, value),
    }
}

fn drop_member(group: &mut Value, id: &Value) {
    if !group["members"].is_array() {
        group["members"] = json!([]);
    }
    group["members"].as_array_mut().unwrap().retain(|m| m["value"] != *id);
}

fn set(resource: &mut Value, path: &str, value: Value) {
    if let Some(name) = path.strip_prefix(&format!("{ENTERPRISE}:")) {
        let manager = name == "manager" && value.is_string();
        resource[ENTERPRISE][name] = if manager { json!({ "value": value }) } else { value };
    } else if let Some((attribute, rest)) = path.split_once("[type eq ") {
        let (kind, name) = rest.split_once("].").unwrap();
        let kind: Value = serde_json::from_str(kind).unwrap();
        let elements = resource.as_object_mut().unwrap().entry(attribute).or_insert_with(|| json!([]));
        let elements = elements.as_array_mut().unwrap();
        if !elements.iter().any(|e| e["type"] == kind) {
            elements.push(Value::Object(Map::from_iter([("type".to_owned(), kind.clone())])));
        }
        elements.iter_mut().find(|e| e["type"] == kind).unwrap()[name] = value;
    } else if let Some((attribute, name)) = path.split_once('.') {
        resource[attribute][name] = value;
    } else {
        resource[path] = value;
    }
}

fn decode(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digits = [rest.next().unwrap(), rest.next().unwrap()];
                u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap()
            }
            other => other,
        });
    }
    String::from_utf8(bytes).unwrap()
}
