//! A running server and a client that sends exactly what it is told to.

mod client;
mod clock;
mod server;
mod smtp;

pub(crate) use client::{Answer, Client, raw, read, send};
pub(crate) use clock::{Clock, own_output};
pub(crate) use server::{Server, outcome, rollcall};
pub(crate) use smtp::Sink;

use serde_json::{Value, json};

pub(crate) const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
pub(crate) const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
pub(crate) const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// A person with nothing but a user name.
pub(crate) fn person(user_name: &str) -> Value {
    json!({ "schemas": [USER], "userName": user_name })
}

/// A group of these members.
pub(crate) fn group(name: &str, members: &[&str]) -> Value {
    let members: Vec<_> = members.iter().map(|id| json!({ "value": id })).collect();
    json!({ "schemas": [GROUP], "displayName": name, "members": members })
}

/// A PATCH of these operations.
pub(crate) fn patch(operations: Value) -> Value {
    message("PatchOp", operations)
}

/// A `.search` of these members.
pub(crate) fn search(mut members: Value) -> Value {
    members["schemas"] = json!(["urn:ietf:params:scim:api:messages:2.0:SearchRequest"]);
    members
}

/// A bulk request of these operations.
pub(crate) fn bulk(operations: Value) -> Value {
    message("BulkRequest", operations)
}

fn message(name: &str, operations: Value) -> Value {
    let mut message = json!({ "schemas": [format!("urn:ietf:params:scim:api:messages:2.0:{name}")] });
    message["Operations"] = operations;
    message
}

/// Puts these members in, over those that are there.
pub(crate) fn extend(body: &mut Value, members: Value) {
    let Value::Object(members) = members else { panic!("an object") };
    body.as_object_mut().expect("an object").extend(members);
}

/// The text members of an array's elements.
pub(crate) fn texts(list: &Value, member: &str) -> Vec<String> {
    let texts = list.as_array().into_iter().flatten();
    texts.map(|element| element[member].as_str().unwrap_or_default().to_owned()).collect()
}

/// `text` as a query's value.
pub(crate) fn encoded(text: &str) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(byte);
    text.bytes()
        .map(|byte| if plain(&byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}
