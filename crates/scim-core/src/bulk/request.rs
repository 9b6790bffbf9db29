//! A bulk request, from JSON.

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::reference::reference_name;
use crate::error::{ScimError, ScimType};
use crate::message::{BULK_REQUEST_URN, MessageError, envelope, take_member};

/// What a bulk request may hold; its size in bytes is the HTTP layer's to limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BulkLimits {
    /// The largest number of operations.
    pub max_operations: usize,
}

impl Default for BulkLimits {
    fn default() -> Self {
        Self { max_operations: 1000 }
    }
}

/// A bulk request that cannot be understood. Positions count from 1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BulkError {
    /// The envelope is wrong.
    #[error(transparent)]
    Message(#[from] MessageError),
    /// Too many operations (RFC 7644 §3.7.4; status 413).
    #[error("the request has {given} operations; maxOperations is {limit}")]
    TooManyOperations {
        /// How many there are.
        given: usize,
        /// How many there may be.
        limit: usize,
    },
    /// An operation is malformed.
    #[error("Operations[{position}]: {reason}")]
    Operation {
        /// Its place, from 1.
        position: usize,
        /// What is wrong, and what is accepted.
        reason: String,
    },
}

impl BulkError {
    /// The keyword of RFC 7644 §3.12; none for a request that is too large.
    #[must_use]
    pub const fn scim_type(&self) -> Option<ScimType> {
        match self {
            Self::Message(error) => Some(error.scim_type()),
            Self::TooManyOperations { .. } => None,
            Self::Operation { .. } => Some(ScimType::InvalidSyntax),
        }
    }
}

impl From<BulkError> for ScimError {
    fn from(error: BulkError) -> Self {
        match error.scim_type() {
            Some(scim_type) => Self::new(scim_type, error.to_string()),
            None => Self::status_only(413, error.to_string()),
        }
    }
}

/// The methods of bulk operations (RFC 7644 §3.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BulkMethod {
    /// Create.
    Post,
    /// Replace.
    Put,
    /// Modify.
    Patch,
    /// Delete.
    Delete,
}

impl BulkMethod {
    /// The method as it stands in a message.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

/// One operation of a bulk request.
#[derive(Clone, Debug, PartialEq)]
pub struct BulkOperation {
    /// What to do.
    pub method: BulkMethod,
    /// The endpoint without slashes, such as `Users`. Whether there is such a type is the caller's to judge.
    pub endpoint: String,
    /// The resource's id, `None` with POST alone; may be a reference (`bulkId:NAME`).
    pub id: Option<String>,
    /// The name of what POST creates; unique within the request.
    pub bulk_id: Option<String>,
    /// The entity tag that the resource must have.
    pub version: Option<String>,
    /// The body; `None` with DELETE alone.
    pub data: Option<Value>,
}

/// A bulk request.
#[derive(Clone, Debug, PartialEq)]
pub struct BulkRequest {
    /// How many errors end the request; `None`: none do. 0 counts as 1.
    pub fail_on_errors: Option<u64>,
    /// The operations, in the request's order.
    pub operations: Vec<BulkOperation>,
}

impl BulkRequest {
    /// Reads a bulk request. Member names and methods have any letter case; unknown members are ignored. A malformed
    /// operation fails the whole request, so that nothing of it is carried out.
    ///
    /// # Errors
    /// [`BulkError`]: `invalidSyntax` with the operation's position, or 413 for too many operations.
    pub fn parse(body: Value, limits: &BulkLimits) -> Result<Self, BulkError> {
        let mut members = envelope(body, BULK_REQUEST_URN)?;
        let fail_on_errors = match take_member(&mut members, "failOnErrors") {
            None => None,
            Some(value) => Some(value.as_u64().ok_or(MessageError::Member {
                member: "failOnErrors",
                expected: "a whole number, 0 or more",
            })?),
        };
        let Some(Value::Array(list)) = take_member(&mut members, "Operations") else {
            return Err(MessageError::Member { member: "Operations", expected: "an array" }.into());
        };
        if list.len() > limits.max_operations {
            return Err(BulkError::TooManyOperations { given: list.len(), limit: limits.max_operations });
        }
        let mut names = HashSet::new();
        let mut operations = Vec::with_capacity(list.len());
        for (index, json) in list.into_iter().enumerate() {
            let operation = read_operation(json).and_then(|operation| match &operation.bulk_id {
                Some(name) if operation.method == BulkMethod::Post && !names.insert(name.clone()) => {
                    Err(format!("bulkId {name:?} is used by an earlier operation; it must be unique"))
                }
                _ => Ok(operation),
            });
            operations
                .push(operation.map_err(|reason| BulkError::Operation { position: index + 1, reason })?);
        }
        Ok(Self { fail_on_errors, operations })
    }
}

fn read_operation(json: Value) -> Result<BulkOperation, String> {
    let Value::Object(mut members) = json else { return Err("must be a JSON object".to_owned()) };
    let method = text(&mut members, "method")?.ok_or("method is missing")?;
    let method = [BulkMethod::Post, BulkMethod::Put, BulkMethod::Patch, BulkMethod::Delete]
        .into_iter()
        .find(|known| known.name().eq_ignore_ascii_case(&method))
        .ok_or_else(|| format!("method {method:?} is not one of POST, PUT, PATCH, DELETE"))?;
    let bulk_id = text(&mut members, "bulkId")?;
    if bulk_id.as_deref() == Some("") || (method == BulkMethod::Post && bulk_id.is_none()) {
        return Err("bulkId must be a non-empty string; it is required with POST".to_owned());
    }
    let path = text(&mut members, "path")?.ok_or("path is missing")?;
    let (endpoint, id) = read_path(&path, method)?;
    let data = match (take_member(&mut members, "data"), method) {
        (_, BulkMethod::Delete) => None,
        (Some(data @ Value::Object(_)), _) => Some(data),
        (_, _) => return Err(format!("data must be an object with {}", method.name())),
    };
    Ok(BulkOperation { method, endpoint, id, bulk_id, version: text(&mut members, "version")?, data })
}

fn read_path(path: &str, method: BulkMethod) -> Result<(String, Option<String>), String> {
    let mut segments = path.strip_prefix('/').unwrap_or(path).split('/');
    let endpoint = segments.next().filter(|segment| !segment.is_empty());
    let id = segments.next();
    let well_formed = !path.contains(['?', '#']) && segments.next().is_none();
    match (endpoint, id, method) {
        (Some(endpoint), None, BulkMethod::Post) if well_formed => Ok((endpoint.to_owned(), None)),
        (_, _, BulkMethod::Post) => {
            Err(format!("path {path:?} must be that of a resource type, such as /Users, with POST"))
        }
        (Some(endpoint), Some(id), _) if well_formed && !id.is_empty() && reference_name(id) != Some("") => {
            Ok((endpoint.to_owned(), Some(id.to_owned())))
        }
        _ => Err(format!(
            "path {path:?} must be that of a resource, such as /Users/ID, with {}",
            method.name()
        )),
    }
}

fn text(members: &mut Map<String, Value>, member: &str) -> Result<Option<String>, String> {
    match take_member(members, member) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(format!("{member} must be a string")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parse(operations: &Value) -> Result<BulkRequest, BulkError> {
        let body = json!({ "schemas": [BULK_REQUEST_URN], "failOnErrors": 1, "Operations": operations });
        BulkRequest::parse(body, &BulkLimits { max_operations: 4 })
    }

    fn check(operation: &Value, expected: &str) {
        let first = json!({ "method": "POST", "path": "/Users", "bulkId": "u1", "data": {} });
        let error = parse(&json!([first, operation])).expect_err("refused").to_string();
        assert!(error.starts_with("Operations[2]: ") && error.contains(expected), "{operation}: {error}");
    }

    #[test]
    fn reads_the_forms_of_the_rfc() {
        // RFC 7644 §3.7.3, with names and methods in other letter cases.
        let request = parse(&json!([
            { "method": "post", "Path": "/Users", "bulkId": "qwerty", "data": { "userName": "Alice" } },
            { "method": "PUT", "path": "/Users/b7c1", "version": "W/\"3694\"", "data": { "userName": "Bob" } },
            { "method": "PATCH", "path": "Users/bulkId:qwerty", "data": { "Operations": [] } },
            { "method": "DELETE", "path": "/Users/e902", "version": "W/\"0ee8\"", "data": null },
        ]))
        .expect("accepted");
        assert_eq!(request.fail_on_errors, Some(1));
        let targets: Vec<_> = request
            .operations
            .iter()
            .map(|operation| (operation.method.name(), &*operation.endpoint, operation.id.as_deref()))
            .collect();
        assert_eq!(
            targets,
            [
                ("POST", "Users", None),
                ("PUT", "Users", Some("b7c1")),
                ("PATCH", "Users", Some("bulkId:qwerty")),
                ("DELETE", "Users", Some("e902")),
            ]
        );
        assert_eq!(request.operations[1].version.as_deref(), Some("W/\"3694\""));
    }

    #[test]
    fn refuses_malformed_operations_by_position() {
        check(&json!(7), "JSON object");
        check(&json!({ "path": "/Users" }), "method is missing");
        check(&json!({ "method": "GET", "path": "/Users/1" }), "not one of");
        check(&json!({ "method": "POST", "path": "/Users", "data": {} }), "bulkId");
        check(&json!({ "method": "POST", "path": "/Users", "bulkId": "", "data": {} }), "bulkId");
        check(&json!({ "method": "POST", "path": "/Users", "bulkId": "u1", "data": {} }), "unique");
        check(&json!({ "method": "POST", "path": "/Users/1", "bulkId": "u2", "data": {} }), "resource type");
        check(&json!({ "method": "PUT", "path": "/Users", "data": {} }), "/Users/ID");
        check(&json!({ "method": "PUT", "path": "/Users/", "data": {} }), "/Users/ID");
        check(&json!({ "method": "PUT", "path": "/Users/1/x", "data": {} }), "/Users/ID");
        check(&json!({ "method": "PATCH", "path": "/Users/1?x=1", "data": {} }), "/Users/ID");
        check(&json!({ "method": "PATCH", "path": "/Users/bulkId:", "data": {} }), "/Users/ID");
        check(&json!({ "method": "PATCH", "path": "/Users/1" }), "data");
        check(&json!({ "method": "PATCH", "path": "/Users/1", "data": [] }), "data");
        check(&json!({ "method": "DELETE", "path": 1 }), "path");
        check(&json!({ "method": "DELETE", "path": "/Users/1", "version": 1 }), "version");
    }

    #[test]
    fn refuses_wrong_envelopes_and_too_many_operations() {
        let delete = json!({ "method": "DELETE", "path": "/Users/1" });
        let error = ScimError::from(parse(&json!(vec![delete; 5])).expect_err("refused"));
        assert_eq!((error.status(), error.scim_type()), (413, None));
        assert!(error.detail().contains("maxOperations is 4"));
        for wrong in [
            json!({}),
            json!({ "schemas": [BULK_REQUEST_URN] }),
            json!({ "schemas": [BULK_REQUEST_URN], "Operations": {} }),
            json!({ "schemas": [BULK_REQUEST_URN], "Operations": [], "failOnErrors": -1 }),
        ] {
            let error = BulkRequest::parse(wrong, &BulkLimits::default()).expect_err("refused");
            assert_eq!(error.scim_type(), Some(ScimType::InvalidSyntax));
        }
    }
}
