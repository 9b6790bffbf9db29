//! Stored documents: the bytes that a plain GET sends, but for what is derived when they are sent.
//!
//! A document is JSON text in canonical order with marks in it: the byte 0x1E, which cannot stand in JSON text, and a
//! letter that says what is filled in there. Rendering copies the text between the marks and fills them in; it neither
//! parses nor serialises what is stored.

use std::borrow::Cow;

use memchr::memchr;
use serde_json::{Map, Value};

use super::Resource;
use super::json::{write_joined, write_member, write_name, write_text, write_value};
use super::member::{declared, member};
use crate::instant::Timestamp;
use crate::schema::{Attribute, Residence, ResourceType, Returned, Schema};
use crate::tree::read_object;

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

/// Room for the text of most people: it then need not be moved while it grows.
pub(super) const USUAL_BYTES: usize = 2048;

/// A stored document; its own, or borrowed from whoever has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document<'d> {
    bytes: Cow<'d, [u8]>,
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
    /// The resource type's name; the `type` of a member. Left out where `None`.
    pub resource_type: Option<&'v str>,
    /// The resource type's endpoint, such as `/Users`. `None` for a reference to nobody yet, which has no `$ref`.
    pub endpoint: Option<&'v str>,
    /// The name to show.
    pub display: Option<&'v str>,
}

/// An edge as it is shown, written once for all who have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrittenEdge {
    bytes: Vec<u8>,
}

impl WrittenEdge {
    /// An element of a User's `groups`, below that base URL.
    #[must_use]
    pub fn direct(edge: &EdgeView<'_>, base: &str) -> Self {
        let mut bytes = Vec::with_capacity(256);
        write_edge(&mut bytes, base, edge, Some("direct"));
        Self { bytes }
    }
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
    /// `groups`; left out where empty.
    pub reverse_edges: &'v [&'v WrittenEdge],
    /// What is known of the manager; `$ref` and `displayName` are left out where `None`.
    pub reference: Option<ReferenceView<'v>>,
}

impl<'d> Document<'d> {
    /// The document of a resource in canonical form ([`super::canonical`]).
    #[must_use]
    pub fn new(resource_type: &ResourceType, id: &str, resource: &Resource) -> Self {
        let mut bytes = Vec::with_capacity(USUAL_BYTES);
        bytes.extend_from_slice(b"{\"schemas\":");
        write_value(
            &mut bytes,
            member(resource.attributes(), "schemas").unwrap_or(&Value::Array(Vec::new())),
        );
        bytes.extend_from_slice(b",\"id\":");
        write_text(&mut bytes, id);
        bytes.extend_from_slice(&[MARK, EXTERNAL_ID]);
        let mut values = declared(&resource_type.schema.attributes, resource.attributes()).peekable();
        for attribute in &resource_type.schema.attributes {
            let value = values.next_if(|(next, _)| std::ptr::eq(*next, &**attribute));
            match attribute.residence {
                Residence::Edges => bytes.extend_from_slice(&[MARK, EDGES]),
                Residence::ReverseEdges => bytes.extend_from_slice(&[MARK, REVERSE_EDGES]),
                Residence::Envelope => {}
                Residence::Document => {
                    if let Some((_, value)) = value {
                        hidden_unless(is_plain(attribute), &mut bytes, |bytes| {
                            bytes.push(b',');
                            write_member(bytes, &attribute.name, value);
                        });
                    }
                }
            }
        }
        for extension in &resource_type.extensions {
            if let Some(Value::Object(object)) = member(resource.attributes(), &extension.schema.id) {
                write_extension(&mut bytes, &extension.schema, object);
            }
        }
        bytes.extend_from_slice(&[MARK, META]);
        bytes.push(b'}');
        Self { bytes: bytes.into() }
    }

    /// A document as a store kept it.
    #[must_use]
    pub fn from_bytes(bytes: impl Into<Cow<'d, [u8]>>) -> Self {
        Self { bytes: bytes.into() }
    }

    /// The bytes to store.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The bytes to store.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes.into_owned()
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
        let mut attributes = read_object(&text)?;
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
        Ok(Resource::from_canonical(read_object(&text)?))
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

/// Writes `,"urn":{…}`. Where no plain answer shows any of it, all of it is hidden, and nothing in it is marked again.
fn write_extension(bytes: &mut Vec<u8>, schema: &Schema, values: &Map<String, Value>) {
    let all: Vec<_> = declared(&schema.attributes, values).collect();
    let is_shown = all.iter().any(|(attribute, _)| is_plain(attribute));
    hidden_unless(is_shown, bytes, |bytes| {
        bytes.push(b',');
        write_name(bytes, &schema.id);
        bytes.push(b'{');
        // A comma belongs to the hidden member beside it: behind it until the first that is shown, then before it.
        let mut first = true;
        for (attribute, value) in all {
            let plain = is_plain(attribute) || !is_shown;
            hidden_unless(plain, bytes, |bytes| {
                if !first {
                    bytes.push(b',');
                }
                match value {
                    Value::Object(object) if is_reference(attribute) => {
                        write_reference(bytes, &attribute.name, object);
                    }
                    value => write_member(bytes, &attribute.name, value),
                }
                if first && !plain {
                    bytes.push(b',');
                }
            });
            first &= !plain;
        }
        bytes.push(b'}');
    });
}

/// Writes with marks around that keep it out of plain answers, unless it is shown in them.
fn hidden_unless(shown: bool, bytes: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    if shown {
        write(bytes);
    } else {
        bytes.extend_from_slice(&[MARK, HIDDEN]);
        write(bytes);
        bytes.extend_from_slice(&[MARK, HIDDEN_END]);
    }
}

/// Whether a plain answer shows the attribute.
fn is_plain(attribute: &Attribute) -> bool {
    matches!(attribute.returned, Returned::Always | Returned::Default)
}

/// The enterprise extension's `manager`: `$ref` and `displayName` are derived.
fn is_reference(attribute: &Attribute) -> bool {
    attribute.name == "manager" && attribute.sub_attribute("$ref").is_some()
}

/// Writes `"manager":{…}` with the mark behind `value`, for what is filled in there comes from that id.
fn write_reference(bytes: &mut Vec<u8>, name: &str, object: &Map<String, Value>) {
    write_name(bytes, name);
    bytes.push(b'{');
    for (index, (name, value)) in object.iter().enumerate() {
        if index > 0 {
            bytes.push(b',');
        }
        write_member(bytes, name, value);
        if name == "value" {
            bytes.extend_from_slice(&[MARK, REFERENCE]);
        }
    }
    bytes.push(b'}');
}

fn fill(mark: u8, view: &View<'_>, out: &mut Vec<u8>) {
    match mark {
        EXTERNAL_ID => {
            if let Some(external_id) = view.external_id {
                out.extend_from_slice(b",\"externalId\":");
                write_text(out, external_id);
            }
        }
        EDGES => {
            let edges = view.edges.unwrap_or_default();
            write_edges(out, "members", edges, |out, edge| write_edge(out, view.base, edge, None));
        }
        REVERSE_EDGES => {
            let written = |out: &mut Vec<u8>, edge: &&WrittenEdge| out.extend_from_slice(&edge.bytes);
            write_edges(out, "groups", view.reverse_edges, written);
        }
        REFERENCE => write_manager(out, view),
        META => {
            out.extend_from_slice(b",\"meta\":{\"resourceType\":");
            write_text(out, view.resource_type);
            out.extend_from_slice(b",\"created\":\"");
            out.extend_from_slice(&view.created.text());
            out.extend_from_slice(b"\",\"lastModified\":\"");
            out.extend_from_slice(&view.modified.text());
            out.extend_from_slice(b"\",\"location\":");
            write_joined(out, &[view.base, view.endpoint, "/", view.id]);
            out.extend_from_slice(b",\"version\":");
            write_text(out, view.version);
            out.push(b'}');
        }
        _ => {}
    }
}

fn write_manager(out: &mut Vec<u8>, view: &View<'_>) {
    let Some(manager) = view.reference else { return };
    if let Some(id) = last_value(out) {
        out.extend_from_slice(b",\"$ref\":");
        write_joined(out, &[view.base, "/Users/", &id]);
    }
    if let Some(display) = manager.display {
        out.extend_from_slice(b",\"displayName\":");
        write_text(out, display);
    }
}

/// The text of the member `value` that `out` ends with. Inside a JSON string its name would have escaped quotes.
fn last_value(out: &[u8]) -> Option<String> {
    let name = b"\"value\":";
    let start = memchr::memmem::rfind(out, name)? + name.len();
    serde_json::from_slice(out.get(start..)?).ok()
}

fn write_edges<E>(out: &mut Vec<u8>, name: &str, edges: &[E], write: impl Fn(&mut Vec<u8>, &E)) {
    if edges.is_empty() {
        return;
    }
    out.extend_from_slice(b",\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":[");
    for (index, edge) in edges.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write(out, edge);
    }
    out.push(b']');
}

/// An edge; `label` is its `type`, where that is not the other end's.
fn write_edge(out: &mut Vec<u8>, base: &str, edge: &EdgeView<'_>, label: Option<&str>) {
    out.extend_from_slice(b"{\"value\":");
    write_text(out, &edge.id);
    if let Some(endpoint) = edge.endpoint {
        out.extend_from_slice(b",\"$ref\":");
        write_joined(out, &[base, endpoint, "/", &edge.id]);
    }
    if let Some(display) = edge.display {
        out.extend_from_slice(b",\"display\":");
        write_text(out, display);
    }
    if let Some(kind) = label.or(edge.resource_type) {
        out.extend_from_slice(b",\"type\":");
        write_text(out, kind);
    }
    out.push(b'}');
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::Dialect;
    use crate::resource::ingest;
    use crate::schema::Registry;

    fn view<'v>(edges: &'v [&'v WrittenEdge]) -> View<'v> {
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
        let edge = EdgeView {
            id: "9".into(),
            resource_type: Some("Group"),
            endpoint: Some("/Groups"),
            display: Some("G"),
        };
        let edge = WrittenEdge::direct(&edge, "https://example.com/scim/v2");
        let mut out = Vec::new();
        document.render(&view(&[&edge]), &mut out);
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
        let full = document.full(&view(&[])).expect("whole");
        assert!(full.attributes().get("groups").is_none());
    }

    /// A type whose base schema and extension have the attributes `a` to `d`, returned as told.
    fn check_hidden(returned: [&str; 4], plain: &str) {
        let mut registry = Registry::builtin();
        let attributes: Vec<_> = ["a", "b", "c", "d"]
            .iter()
            .zip(returned)
            .map(|(name, returned)| json!({ "name": name, "returned": returned }))
            .collect();
        for urn in ["urn:x:base", "urn:x:more"] {
            let schema = json!({ "id": urn, "name": "X", "attributes": attributes });
            registry.add_schema(&schema).expect("sound");
        }
        let declared = json!({ "name": "X", "endpoint": "/Xs", "schema": "urn:x:base",
            "schemaExtensions": [{ "schema": "urn:x:more", "required": false }] });
        registry.add_resource_type(&declared).expect("sound");
        let resource_type = registry.resource_type("X").expect("loaded");
        let all = json!({ "a": "1", "b": "2", "c": "3", "d": "4" });
        let mut body = all.clone();
        body["schemas"] = json!(["urn:x:base", "urn:x:more"]);
        body["urn:x:more"] = all.clone();
        let resource = ingest(resource_type, body, Dialect::STRICT).expect("sound").resource;
        let document = Document::new(resource_type, "7", &resource);
        assert_eq!(document.resource().expect("whole"), resource);
        assert_eq!(document.full(&view(&[])).expect("whole").attributes()["urn:x:more"], all);
        let mut out = Vec::new();
        document.render(&view(&[]), &mut out);
        let shown: Map<String, Value> = serde_json::from_slice(&out).expect("JSON");
        let names = |object: &Map<String, Value>| -> String {
            object.keys().filter(|name| name.len() == 1).map(String::as_str).collect()
        };
        assert_eq!(names(&shown), plain);
        let more = shown.get("urn:x:more").and_then(Value::as_object);
        assert_eq!(more.map(names), (!plain.is_empty()).then(|| plain.to_owned()));
    }

    #[test]
    fn what_is_returned_on_request_or_never_is_hidden_in_plain_answers() {
        check_hidden(["default", "default", "default", "default"], "abcd");
        check_hidden(["request", "default", "never", "always"], "bd");
        check_hidden(["request", "never", "default", "request"], "c");
        check_hidden(["default", "request", "never", "request"], "a");
        check_hidden(["request", "never", "request", "request"], "");
    }

    #[test]
    fn a_manager_whose_id_needs_escapes_keeps_the_document_whole() {
        let registry = Registry::builtin();
        let user = registry.resource_type("User").expect("built in");
        for id in ["\"value\":\"x", "a\\", "\u{1e}m", "\",\"b"] {
            let manager = json!({ "manager": { "value": id } });
            let resource = Resource::from_canonical(Map::from_iter([
                ("schemas".to_owned(), json!([])),
                (crate::schema::ENTERPRISE_USER_URN.to_owned(), manager),
            ]));
            let full = Document::new(user, "7", &resource).full(&view(&[])).expect("JSON");
            let shown = &full.attributes()[crate::schema::ENTERPRISE_USER_URN]["manager"];
            assert_eq!(shown["value"], id);
            assert_eq!(shown["$ref"], format!("https://example.com/scim/v2/Users/{id}"));
        }
    }
}
