//! List responses (RFC 7644 §3.4.2, RFC 9865 §2), written straight into a buffer.

use super::LIST_RESPONSE_URN;

/// What a list response says besides its resources.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListHead {
    /// How many resources the whole result has; left out where it is not known (RFC 9865 §2).
    pub total_results: Option<u64>,
    /// The 1-based index of the first resource, with index paging.
    pub start_index: Option<u64>,
    /// The cursor of the next page, with cursor paging; `None` on the last page.
    pub next_cursor: Option<String>,
    /// The cursor of the previous page; `None` on the first.
    pub previous_cursor: Option<String>,
}

/// Writes a list response around resources that are JSON already. `itemsPerPage` is counted, never told.
///
/// ```
/// use scim_core::message::{ListHead, ListWriter};
///
/// let head = ListHead { total_results: Some(1), start_index: Some(1), ..ListHead::default() };
/// let mut list = ListWriter::new(Vec::new(), &head);
/// list.resource(|out| out.extend_from_slice(br#"{"id":"7"}"#));
/// assert!(list.finish().ends_with(br#""Resources":[{"id":"7"}],"itemsPerPage":1}"#));
/// ```
#[derive(Debug)]
pub struct ListWriter {
    out: Vec<u8>,
    items: u64,
}

impl ListWriter {
    /// Begins a response at the end of `out`.
    #[must_use]
    pub fn new(mut out: Vec<u8>, head: &ListHead) -> Self {
        out.extend_from_slice(b"{\"schemas\":[\"");
        out.extend_from_slice(LIST_RESPONSE_URN.as_bytes());
        out.extend_from_slice(b"\"]");
        for (name, number) in [("totalResults", head.total_results), ("startIndex", head.start_index)] {
            if let Some(number) = number {
                member(&mut out, name, &number.to_string());
            }
        }
        for (name, cursor) in [("nextCursor", &head.next_cursor), ("previousCursor", &head.previous_cursor)] {
            if let Some(cursor) = cursor {
                member(&mut out, name, &serde_json::Value::from(cursor.as_str()).to_string());
            }
        }
        out.extend_from_slice(b",\"Resources\":[");
        Self { out, items: 0 }
    }

    /// Adds a resource: `render` appends one JSON object.
    pub fn resource(&mut self, render: impl FnOnce(&mut Vec<u8>)) {
        if self.items > 0 {
            self.out.push(b',');
        }
        self.items += 1;
        render(&mut self.out);
    }

    /// How many resources were added.
    #[must_use]
    pub const fn items(&self) -> u64 {
        self.items
    }

    /// Ends the response.
    #[must_use]
    pub fn finish(mut self) -> Vec<u8> {
        self.out.push(b']');
        member(&mut self.out, "itemsPerPage", &self.items.to_string());
        self.out.push(b'}');
        self.out
    }
}

fn member(out: &mut Vec<u8>, name: &str, json: &str) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
    out.extend_from_slice(json.as_bytes());
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn check(head: &ListHead, resources: &[&str], expected: &Value) {
        let mut list = ListWriter::new(Vec::new(), head);
        for resource in resources {
            list.resource(|out| out.extend_from_slice(resource.as_bytes()));
        }
        let bytes = list.finish();
        assert_eq!(&serde_json::from_slice::<Value>(&bytes).expect("the response is JSON"), expected);
    }

    #[test]
    fn writes_index_and_cursor_pages() {
        check(
            &ListHead { total_results: Some(0), start_index: Some(1), ..ListHead::default() },
            &[],
            &json!({ "schemas": [LIST_RESPONSE_URN], "totalResults": 0, "startIndex": 1, "Resources": [], "itemsPerPage": 0 }),
        );
        check(
            &ListHead {
                total_results: Some(5),
                next_cursor: Some("n\"1".into()),
                previous_cursor: Some("p".into()),
                ..ListHead::default()
            },
            &[r#"{"id":"1"}"#, r#"{"id":"2"}"#],
            &json!({
                "schemas": [LIST_RESPONSE_URN], "totalResults": 5, "nextCursor": "n\"1", "previousCursor": "p",
                "Resources": [{ "id": "1" }, { "id": "2" }], "itemsPerPage": 2
            }),
        );
    }
}
