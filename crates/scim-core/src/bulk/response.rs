//! The answer to a bulk request (RFC 7644 §3.7.3).

use serde_json::{Map, Value, json};

use super::request::{BulkMethod, BulkOperation};
use crate::message::BULK_RESPONSE_URN;

/// Counts errors against `failOnErrors`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErrorBudget {
    left: Option<u64>,
}

impl ErrorBudget {
    /// A budget of so many errors; the last of them ends the request. `None`: errors never do. 0 counts as 1.
    #[must_use]
    pub const fn new(fail_on_errors: Option<u64>) -> Self {
        match fail_on_errors {
            Some(0) => Self { left: Some(1) },
            left => Self { left },
        }
    }

    /// Takes note of an operation's status.
    pub fn record(&mut self, status: u16) {
        if status >= 400 {
            self.left = self.left.map(|left| left.saturating_sub(1));
        }
    }

    /// Whether the operations that are left must not be tried.
    #[must_use]
    pub const fn is_spent(&self) -> bool {
        matches!(self.left, Some(0))
    }
}

/// What became of one operation.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BulkResult {
    /// The HTTP status that the operation alone would have got.
    pub status: u16,
    /// The resource's URL; `None` for a POST that failed.
    pub location: Option<String>,
    /// The resource's entity tag.
    pub version: Option<String>,
    /// The body; an error body wherever the status is not of the 200s.
    pub response: Option<Value>,
}

/// Collects results in any order; gives them out in the request's.
#[derive(Clone, Debug)]
pub struct BulkResponse {
    heads: Vec<(BulkMethod, Option<String>)>,
    results: Vec<Option<BulkResult>>,
}

impl BulkResponse {
    /// A response to these operations, none of them carried out yet.
    #[must_use]
    pub fn new(operations: &[BulkOperation]) -> Self {
        Self {
            heads: operations.iter().map(|operation| (operation.method, operation.bulk_id.clone())).collect(),
            results: vec![None; operations.len()],
        }
    }

    /// Sets the result of the operation at that place of the request, from 0; a place beyond the request is ignored.
    pub fn set(&mut self, index: usize, result: BulkResult) {
        if let Some(slot) = self.results.get_mut(index) {
            *slot = Some(result);
        }
    }

    /// The result set for the operation at that place, from 0.
    #[must_use]
    pub fn result(&self, index: usize) -> Option<&BulkResult> {
        self.results.get(index)?.as_ref()
    }

    /// The body: the results of all operations that were carried out.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let operations = self.heads.iter().zip(&self.results).filter_map(|((method, bulk_id), result)| {
            let result = result.as_ref()?;
            let mut json = Map::new();
            if let Some(location) = &result.location {
                json.insert("location".into(), location.clone().into());
            }
            json.insert("method".into(), method.name().into());
            if let Some(bulk_id) = bulk_id {
                json.insert("bulkId".into(), bulk_id.clone().into());
            }
            if let Some(version) = &result.version {
                json.insert("version".into(), version.clone().into());
            }
            json.insert("status".into(), result.status.to_string().into());
            if let Some(response) = &result.response {
                json.insert("response".into(), response.clone());
            }
            Some(Value::Object(json))
        });
        json!({ "schemas": [BULK_RESPONSE_URN], "Operations": operations.collect::<Vec<_>>() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ScimError;

    fn spent_after(fail_on_errors: Option<u64>, statuses: &[u16]) -> Option<usize> {
        let mut budget = ErrorBudget::new(fail_on_errors);
        statuses.iter().position(|status| {
            budget.record(*status);
            budget.is_spent()
        })
    }

    #[test]
    fn fail_on_errors_counts_errors_only() {
        let statuses = [201, 404, 204, 409, 412];
        assert_eq!(spent_after(None, &statuses), None);
        assert_eq!(spent_after(Some(0), &statuses), Some(1));
        assert_eq!(spent_after(Some(1), &statuses), Some(1));
        assert_eq!(spent_after(Some(2), &statuses), Some(3));
        assert_eq!(spent_after(Some(4), &statuses), None);
    }

    #[test]
    fn results_come_in_request_order_without_what_was_not_tried() {
        let operation = |method, bulk_id: Option<&str>| BulkOperation {
            method,
            endpoint: "Users".into(),
            id: None,
            bulk_id: bulk_id.map(str::to_owned),
            version: None,
            data: None,
        };
        let operations = [
            operation(BulkMethod::Post, Some("qwerty")),
            operation(BulkMethod::Delete, None),
            operation(BulkMethod::Put, None),
        ];
        let mut response = BulkResponse::new(&operations);
        let location = Some("https://example.com/scim/v2/Users/1".to_owned());
        let error = ScimError::status_only(412, "changed").to_json();
        response.set(
            2,
            BulkResult {
                status: 412,
                location: location.clone(),
                version: None,
                response: Some(error.clone()),
            },
        );
        response.set(
            0,
            BulkResult {
                status: 201,
                location: location.clone(),
                version: Some("W/\"1\"".into()),
                response: None,
            },
        );
        response.set(9, BulkResult::default());
        let expected = json!({
            "schemas": [BULK_RESPONSE_URN],
            "Operations": [
                { "location": location, "method": "POST", "bulkId": "qwerty", "version": "W/\"1\"", "status": "201" },
                { "location": location, "method": "PUT", "status": "412", "response": error },
            ]
        });
        assert_eq!(response.to_json(), expected);
        assert_eq!(response.result(1), None);
    }
}
