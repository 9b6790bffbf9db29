//! Stored documents: the bytes that a plain GET sends, but for what is derived when they are sent.
//!
//! A document is JSON text in canonical order with marks in it: the byte 0x1E, which cannot stand in JSON text, and a
//! letter that says what is filled in there. Rendering copies the text between the marks and fills them in; it neither
//! parses nor serialises what is stored.

use std::borrow::Cow;
use std::fmt::Write as _;

use memchr::memchr;
use serde_json::{Map, Value};

use super::Resource;
use crate::instant::Timestamp;
use crate::schema::{Attribute, Residence, ResourceType, Returned};

/// Begins a mark.
const MARK: u8 = 0x1e;
/// `externalId`, after `id`.
const EXTERNAL_ID: u8 = b'x';
/// A Group's `members`.
const EDGES: u8 = b'e';
/// A User's `groups`.
const REVERSE_EDGES: u8 = b'r';
/// The rest of `manager`, after its `value`.
const REFERENCE: u8 = b'm';
/// `meta`, at the end.
const META: u8 = b'z';
/// Begins an attribute that is not part of a plain answer; ends with [`HIDDEN_END`].
const HIDDEN: u8 = b'(';
const HIDDEN_END: u8 = b')';

/// A stored document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    bytes: Vec<u8>,
}

/// A document that cannot be read: the store's fault, never a client's.
#[derive(Debug, thiserror::Error)]
#[error("a stored document is damaged")]
pub struct DocumentError(#[from] serde_json::Error);

/// The other end of an edge, as it is shown in `members` and `groups`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EdgeView<'v> {
    /// The id.
    pub id: Cow<'v, str>,
    /// The resource type's name; the `type` of a member.
    pub resource_type: &'v str,
    /// The resource type's endpoint, such as `/Users`.
    pub endpoint: &'v str,
    /// The name to show.
    pub display: Option<&'v str>,
}

/// A person's manager, where that person is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReferenceView<'v> {
    /// The name to show.
    pub display: Option<&'v str>,
}

/// What is filled in.
#[derive(Clone, Debug)]
pub struct View<'v> {
    /// `meta.resourceType`.
    pub resource_type: &'v str,
    /// The endpoint, such as `/Users`.
    pub endpoint: &'v str,
    /// The base URL without a slash at its end.
    pub base: &'v str,
    /// The id.
    pub id: &'v str,
    /// `externalId`.
    pub external_id: Option<&'v str>,
    /// `meta.created`.
    pub created: Timestamp,
    /// `meta.lastModified`.
    pub modified: Timestamp,
    /// `meta.version`: the entity tag as it stands in `ETag`.
    pub version: &'v str,
    /// `members`; left out where `None` or empty.
    pub edges: Option<&'v [EdgeView<'v>]>,
    /// `groups`; left out where `None` or empty.
    pub reverse_edges: Option<&'v [EdgeView<'v>]>,
    /// What is known of the manager; `$ref` and `displayName` are left out where `None`.
    pub reference: Option<ReferenceView<'v>>,
}

impl Document {
    /// The document of a resource in canonical form ([`super::canonical`]).
    #[must_use]
    pub fn new(resource_type: &ResourceType, id: &str, resource: &Resource) -> Self {
        let mut bytes = Vec::with_capacity(1024);
        bytes.extend_from_slice(b"{\"schemas\":");
        write_value(&mut bytes, resource.attributes().get("schemas").unwrap_or(&Value::Array(Vec::new())));
        bytes.extend_from_slice(b",\"id\":");
        write_text(&mut bytes, id);
        bytes.extend_from_slice(&[MARK, EXTERNAL_ID]);
        write_attributes(&mut bytes, &resource_type.schema.attributes, resource.attributes(), true);
        for extension in &resource_type.extensions {
            let Some(object) = resource.attributes().get(&*extension.schema.id).and_then(Value::as_object)
            else {
                continue;
            };
            let shown = extension
                .schema
                .attributes
                .iter()
                .any(|attribute| is_plain(attribute) && object.contains_key(&attribute.name));
            let hide = !shown;
            if hide {
                bytes.extend_from_slice(&[MARK, HIDDEN]);
            }
            bytes.push(b',');
            write_text(&mut bytes, &extension.schema.id);
            bytes.extend_from_slice(b":{");
            let start = bytes.len();
            if hide {
                // Inside a hidden extension nothing is marked again.
                for (name, value) in object {
                    bytes.push(b',');
                    write_text(&mut bytes, name);
                    bytes.push(b':');
                    write_value(&mut bytes, value);
                }
            } else {
                write_attributes(&mut bytes, &extension.schema.attributes, object, false);
            }
            remove_first_comma(&mut bytes, start);
            bytes.push(b'}');
            if hide {
                bytes.extend_from_slice(&[MARK, HIDDEN_END]);
            }
        }
        bytes.extend_from_slice(&[MARK, META]);
        bytes.push(b'}');
        Self { bytes }
    }

    /// A document as a store kept it.
    #[must_use]
    pub fn from_bytes(bytes: Vec<u8>) -> Self {
        Self { bytes }
    }

    /// The bytes to store.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The bytes to store.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// The resource as [`Document::new`] took it.
    ///
    /// # Errors
    /// If the bytes are not a document.
    pub fn resource(&self) -> Result<Resource, DocumentError> {
        let mut text = Vec::with_capacity(self.bytes.len());
        each_part(&self.bytes, |part| {
            if let Part::Text(segment) = part {
                text.extend_from_slice(segment);
            }
        });
        let mut attributes: Map<String, Value> = serde_json::from_slice(&text)?;
        attributes.shift_remove("id");
        Ok(Resource::from_canonical(attributes))
    }

    /// Appends what a plain GET sends.
    pub fn render(&self, view: &View<'_>, out: &mut Vec<u8>) {
        self.write(view, false, out);
    }

    /// Everything that the resource has, also what is returned on request only; for projection and evaluation.
    ///
    /// # Errors
    /// If the bytes are not a document.
    pub fn full(&self, view: &View<'_>) -> Result<Resource, DocumentError> {
        let mut text = Vec::with_capacity(self.bytes.len() + 512);
        self.write(view, true, &mut text);
        Ok(Resource::from_canonical(serde_json::from_slice(&text)?))
    }

    fn write(&self, view: &View<'_>, whole: bool, out: &mut Vec<u8>) {
        let mut hidden = false;
        each_part(&self.bytes, |part| match part {
            Part::Text(segment) if whole || !hidden => out.extend_from_slice(segment),
            Part::Text(_) => {}
            Part::Mark(HIDDEN) => hidden = true,
            Part::Mark(HIDDEN_END) => hidden = false,
            Part::Mark(mark) => fill(mark, view, out),
        });
    }
}

enum Part<'d> {
    Text(&'d [u8]),
    Mark(u8),
}

fn each_part<'d>(bytes: &'d [u8], mut part: impl FnMut(Part<'d>)) {
    let mut rest = bytes;
    while let Some(at) = memchr(MARK, rest) {
        let (text, marked) = rest.split_at(at);
        part(Part::Text(text));
        let [_, mark, tail @ ..] = marked else { return };
        part(Part::Mark(*mark));
        rest = tail;
    }
    part(Part::Text(rest));
}

/// Writes `,"name":value` for each attribute that has one, in declared order, with marks.
fn write_attributes(
    bytes: &mut Vec<u8>,
    declared: &[std::sync::Arc<Attribute>],
    values: &Map<String, Value>,
    base: bool,
) {
    for attribute in declared {
        match attribute.residence {
            Residence::Edges => bytes.extend_from_slice(&[MARK, EDGES]),
            Residence::ReverseEdges => bytes.extend_from_slice(&[MARK, REVERSE_EDGES]),
            Residence::Envelope => {}
            Residence::Document => {
                let Some(value) = values.get(&attribute.name) else { continue };
                let hide = !is_plain(attribute);
                if hide {
                    bytes.extend_from_slice(&[MARK, HIDDEN]);
                }
                bytes.push(b',');
                write_text(bytes, &attribute.name);
                bytes.push(b':');
                match value {
                    Value::Object(object) if !base && is_reference(attribute) => {
                        write_reference(bytes, object)
                    }
                    value => write_value(bytes, value),
                }
                if hide {
                    bytes.extend_from_slice(&[MARK, HIDDEN_END]);
                }
            }
        }
    }
}

/// Whether a plain answer shows the attribute, whole.
fn is_plain(attribute: &Attribute) -> bool {
    let shown = |attribute: &Attribute| matches!(attribute.returned, Returned::Always | Returned::Default);
    shown(attribute)
}

/// The enterprise extension's `manager`: `$ref` and `displayName` are derived.
fn is_reference(attribute: &Attribute) -> bool {
    attribute.name == "manager" && attribute.sub_attribute("$ref").is_some()
}

fn write_reference(bytes: &mut Vec<u8>, object: &Map<String, Value>) {
    bytes.push(b'{');
    let start = bytes.len();
    for (name, value) in object {
        bytes.push(b',');
        write_text(bytes, name);
        bytes.push(b':');
        write_value(bytes, value);
        // The reference is filled in with the id before it, which stands between quotes.
        if name == "value" {
            bytes.extend_from_slice(&[MARK, REFERENCE]);
        }
    }
    remove_first_comma(bytes, start);
    bytes.push(b'}');
}

fn remove_first_comma(bytes: &mut Vec<u8>, start: usize) {
    if bytes.get(start) == Some(&b',') {
        bytes.remove(start);
    }
}

fn fill(mark: u8, view: &View<'_>, out: &mut Vec<u8>) {
    match mark {
        EXTERNAL_ID => {
            if let Some(external_id) = view.external_id {
                out.extend_from_slice(b",\"externalId\":");
                write_text(out, external_id);
            }
        }
        EDGES => write_edges(out, "members", view.base, view.edges, None),
        REVERSE_EDGES => write_edges(out, "groups", view.base, view.reverse_edges, Some("direct")),
        REFERENCE => write_manager(out, view),
        META => {
            out.extend_from_slice(b",\"meta\":{\"resourceType\":");
            write_text(out, view.resource_type);
            let mut text = String::with_capacity(160);
            let _ = write!(
                text,
                ",\"created\":\"{}\",\"lastModified\":\"{}\",\"location\":",
                view.created, view.modified
            );
            out.extend_from_slice(text.as_bytes());
            write_url(out, &[view.base, view.endpoint, "/", view.id]);
            out.extend_from_slice(b",\"version\":");
            write_text(out, view.version);
            out.push(b'}');
        }
        _ => {}
    }
}

fn write_manager(out: &mut Vec<u8>, view: &View<'_>) {
    let Some(manager) = view.reference else { return };
    // INVARIANT: a manager that is known was found by its id, which stands just before as a JSON string.
    let id: Option<String> = last_string(out).map(str::to_owned);
    if let Some(id) = id {
        out.extend_from_slice(b",\"$ref\":");
        write_url(out, &[view.base, "/Users/", &id]);
    }
    if let Some(display) = manager.display {
        out.extend_from_slice(b",\"displayName\":");
        write_text(out, display);
    }
}

/// The JSON string that `out` ends with, where it has no escapes.
fn last_string(out: &[u8]) -> Option<&str> {
    let inner = out.strip_suffix(b"\"")?;
    let start = memchr::memrchr(b'"', inner)?;
    std::str::from_utf8(inner.get(start + 1..)?).ok()
}

fn write_edges(
    out: &mut Vec<u8>,
    name: &str,
    base: &str,
    edges: Option<&[EdgeView<'_>]>,
    label: Option<&str>,
) {
    let Some(edges) = edges.filter(|edges| !edges.is_empty()) else { return };
    out.extend_from_slice(b",\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":[");
    for (index, edge) in edges.iter().enumerate() {
        out.extend_from_slice(if index == 0 { b"{\"value\":" } else { b",{\"value\":" });
        write_text(out, &edge.id);
        out.extend_from_slice(b",\"$ref\":");
        write_url(out, &[base, edge.endpoint, "/", &edge.id]);
        if let Some(display) = edge.display {
            out.extend_from_slice(b",\"display\":");
            write_text(out, display);
        }
        out.extend_from_slice(b",\"type\":");
        write_text(out, label.unwrap_or(edge.resource_type));
        out.push(b'}');
    }
    out.push(b']');
}

fn write_url(out: &mut Vec<u8>, parts: &[&str]) {
    write_text(out, &parts.concat());
}

fn write_text(out: &mut Vec<u8>, text: &str) {
    write_json(out, text);
}

fn write_value(out: &mut Vec<u8>, value: &Value) {
    write_json(out, value);
}

fn write_json(out: &mut Vec<u8>, value: &(impl serde::Serialize + ?Sized)) {
    // INVARIANT: writing a string or a Value into a Vec does not fail.
    let _ = serde_json::to_writer(out, value);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::Dialect;
    use crate::resource::ingest;
    use crate::schema::Registry;

    fn view<'v>(edges: Option<&'v [EdgeView<'v>]>) -> View<'v> {
        View {
            resource_type: "User",
            endpoint: "/Users",
            base: "https://example.com/scim/v2",
            id: "7",
            external_id: Some("e\"1"),
            created: Timestamp::from_unix_millis(0),
            modified: Timestamp::from_unix_millis(1),
            version: "W/\"1\"",
            edges: None,
            reverse_edges: edges,
            reference: Some(ReferenceView { display: Some("Boss") }),
        }
    }

    #[test]
    fn renders_what_is_stored_and_what_is_derived() {
        let registry = Registry::builtin();
        let user = registry.resource_type("User").expect("built in");
        let body = json!({
            "userName": "ada\u{1e}x", "name": { "familyName": "L" }, "title": "T",
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": { "department": "D", "manager": { "value": "42" } }
        });
        let resource =
            ingest(user, body, Dialect::STRICT.with(crate::Tolerance::FreeUserNames)).expect("fine").resource;
        let document = Document::new(user, "7", &resource);
        assert_eq!(document.resource().expect("whole"), resource);
        let edges =
            [EdgeView { id: "9".into(), resource_type: "Group", endpoint: "/Groups", display: Some("G") }];
        let mut out = Vec::new();
        document.render(&view(Some(&edges)), &mut out);
        let text = String::from_utf8(out).expect("text");
        assert_eq!(
            text,
            "{\"schemas\":[\"urn:ietf:params:scim:schemas:core:2.0:User\",\
             \"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User\"],\"id\":\"7\",\"externalId\":\"e\\\"1\",\
             \"userName\":\"ada\\u001ex\",\"name\":{\"familyName\":\"L\"},\"title\":\"T\",\
             \"groups\":[{\"value\":\"9\",\"$ref\":\"https://example.com/scim/v2/Groups/9\",\"display\":\"G\",\"type\":\"direct\"}],\
             \"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User\":{\"department\":\"D\",\
             \"manager\":{\"value\":\"42\",\"$ref\":\"https://example.com/scim/v2/Users/42\",\"displayName\":\"Boss\"}},\
             \"meta\":{\"resourceType\":\"User\",\"created\":\"1970-01-01T00:00:00.000Z\",\
             \"lastModified\":\"1970-01-01T00:00:00.001Z\",\"location\":\"https://example.com/scim/v2/Users/7\",\
             \"version\":\"W/\\\"1\\\"\"}}"
        );
        let full = document.full(&view(None)).expect("whole");
        assert!(full.attributes().get("groups").is_none());
    }

    #[test]
    fn what_is_returned_on_request_is_hidden_in_plain_answers() {
        let mut registry = Registry::builtin();
        let attribute = |name: &str, returned: &str| json!({ "name": name, "returned": returned });
        registry
            .add_schema(&json!({ "id": "urn:example:x", "name": "X",
                "attributes": [attribute("a", "request"), attribute("b", "default"), attribute("c", "never")] }))
            .expect("sound");
        registry
            .add_resource_type(&json!({ "name": "X", "endpoint": "/Xs", "schema": "urn:example:x" }))
            .expect("sound");
        let resource_type = registry.resource_type("X").expect("there");
        let body = json!({ "schemas": ["urn:example:x"], "a": "1", "b": "2", "c": "3" });
        let resource = ingest(resource_type, body, Dialect::STRICT).expect("fine").resource;
        let document = Document::new(resource_type, "7", &resource);
        let mut out = Vec::new();
        document.render(&view(None), &mut out);
        let plain: Value = serde_json::from_slice(&out).expect("JSON");
        assert!(plain.get("a").is_none() && plain.get("c").is_none());
        assert_eq!(plain["b"], "2");
        assert_eq!(document.full(&view(None)).expect("whole").text("a"), Some("1"));
        assert_eq!(document.resource().expect("whole"), resource);
    }
}
