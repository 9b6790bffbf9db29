//! The resources that RFC 7643 and RFC 7644 give as examples (`fixtures/rfc`): each comes in under both dialects, and
//! goes out as the RFC shows it. A file is named `rfcNNNN-SECTION-KIND-case.json`; the kinds that are resources are
//! `user`, `enterprise_user` and `group`.
#![cfg(test)]

use std::path::Path;

use scim_core::instant::{Instant, Timestamp};
use scim_core::resource::{Document, EdgeView, Inbound, ReferenceView, View, WrittenEdge, ingest};
use scim_core::schema::{ENTERPRISE_USER_URN, ResourceType};
use scim_core::{Dialect, Registry};
use serde_json::{Value, json};

#[path = "../../../fuzz/checks/resource.rs"]
mod resource;

/// The resource examples: file name, resource type, JSON.
fn examples() -> Vec<(String, &'static str, Value)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/rfc");
    let mut examples = Vec::new();
    for entry in std::fs::read_dir(folder).expect("fixtures/rfc") {
        let entry = entry.expect("readable");
        let file = entry.file_name().to_string_lossy().into_owned();
        let name = match file.split('-').nth(2) {
            Some("user" | "enterprise_user") => "User",
            Some("group") => "Group",
            _ => continue,
        };
        let text = std::fs::read_to_string(entry.path()).expect("readable");
        examples.push((file, name, serde_json::from_str(&text).expect("JSON")));
    }
    examples.sort_by(|left, right| left.0.cmp(&right.0));
    assert!(examples.len() >= 12, "RFC 7643 §8 and RFC 7644 §3 have twelve resources and more");
    examples
}

fn with_each(check: impl Fn(&str, &ResourceType, &Value, &Inbound)) {
    let registry = Registry::builtin();
    for (file, name, example) in examples() {
        let resource_type = registry.resource_type(name).expect("built in");
        for dialect in [Dialect::LENIENT, Dialect::STRICT] {
            let inbound = ingest(resource_type, example.clone(), dialect);
            let inbound = inbound.unwrap_or_else(|error| panic!("{file}: {error}"));
            assert_eq!(inbound.notes, [], "{file}");
            check(&file, resource_type, &example, &inbound);
        }
    }
}

#[test]
fn they_come_in_whole() {
    with_each(|file, _, example, inbound| {
        let mut expected = example.as_object().expect("an object").clone();
        assert_eq!(expected.remove("id").as_ref().and_then(Value::as_str), inbound.id.as_deref(), "{file}");
        let external_id = expected.remove("externalId");
        assert_eq!(external_id.as_ref().and_then(Value::as_str), inbound.external_id.as_deref(), "{file}");
        let members = expected.remove("members").and_then(|members| members.as_array().map(Vec::len));
        assert_eq!(members, inbound.edges.as_ref().map(Vec::len), "{file}");
        expected.retain(|name, value| name != "meta" && name != "groups" && *value != json!([]));
        if let Some(manager) =
            expected.get_mut(ENTERPRISE_USER_URN).map(|enterprise| &mut enterprise["manager"])
        {
            *manager = json!({ "value": manager["value"] });
        }
        let got = Value::Object(inbound.resource.attributes().clone());
        // An example that shows few attributes keeps the URNs of those that it does not show.
        expected.insert("schemas".to_owned(), got["schemas"].clone());
        assert_eq!(got, Value::Object(expected), "{file}");
    });
}

#[test]
fn they_go_out_as_they_are_shown() {
    with_each(|file, resource_type, example, inbound| {
        let text = |value: &'_ Value| value.as_str().unwrap_or_default().to_owned();
        let stamp = |name: &str| {
            let moment = Instant::parse(example["meta"][name].as_str()?)?;
            Some(Timestamp::from_unix_millis(i64::try_from(moment.unix_nanos() / 1_000_000).ok()?))
        };
        let location = text(&example["meta"]["location"]);
        let path = format!("{}/{}", resource_type.endpoint, text(&example["id"]));
        let base = location.strip_suffix(path.as_str()).unwrap_or("https://example.com/v2");
        let shown: Vec<(String, String)> = ["members", "groups"]
            .iter()
            .filter_map(|name| example[name].as_array())
            .flatten()
            .map(|edge| (text(&edge["value"]), text(&edge["display"])))
            .collect();
        let (kind, endpoint) =
            if &*resource_type.name == "User" { ("Group", "/Groups") } else { ("User", "/Users") };
        let edges: Vec<EdgeView<'_>> = shown
            .iter()
            .map(|(id, display)| EdgeView {
                id: id.into(),
                resource_type: Some(kind),
                endpoint: Some(endpoint),
                display: Some(display),
            })
            .collect();
        let written: Vec<_> = edges.iter().map(|edge| WrittenEdge::direct(edge, base)).collect();
        let groups: Vec<_> = written.iter().collect();
        let manager = example[ENTERPRISE_USER_URN]["manager"]["displayName"].as_str();
        let view = View {
            resource_type: &resource_type.name,
            endpoint: &resource_type.endpoint,
            base,
            id: example["id"].as_str().unwrap_or("7"),
            external_id: inbound.external_id.as_deref(),
            created: stamp("created").unwrap_or_default(),
            modified: stamp("lastModified").unwrap_or_default(),
            version: example["meta"]["version"].as_str().unwrap_or("W/\"1\""),
            edges: Some(&edges),
            reverse_edges: &groups,
            reference: manager.map(|display| ReferenceView { display: Some(display) }),
        };
        let mut out = Vec::new();
        Document::new(resource_type, view.id, &inbound.resource).render(&view, &mut out);
        let sent: Value = serde_json::from_slice(&out).expect("JSON");
        let mut expected = example.clone();
        let members = expected.as_object_mut().expect("an object");
        assert!(members.remove("password").is_none() || sent.get("password").is_none(), "{file}");
        members.retain(|_, value| *value != json!([]));
        // An example that shows few attributes keeps the URNs of those that it does not show.
        let shown = |urn: &Value| sent.get(urn.as_str().unwrap_or_default()).is_some();
        members["schemas"]
            .as_array_mut()
            .expect("an array")
            .retain(|urn| *urn == sent["schemas"][0] || shown(urn));
        assert_shows(file, &sent, &expected);
    });
}

/// Fails unless `sent` has everything that `expected` has. Times may be written in other ways, and references be
/// relative in the example.
fn assert_shows(at: &str, sent: &Value, expected: &Value) {
    match expected {
        Value::Object(members) => {
            for (name, expected) in members {
                assert_shows(&format!("{at}: {name}"), &sent[name], expected);
            }
        }
        Value::Array(elements) => {
            assert_eq!(sent.as_array().map(Vec::len), Some(elements.len()), "{at}");
            for (index, expected) in elements.iter().enumerate() {
                assert_shows(&format!("{at}[{index}]"), &sent[index], expected);
            }
        }
        Value::String(text) => {
            let sent = sent.as_str().unwrap_or_else(|| panic!("{at}: {sent}"));
            let same = match (Instant::parse(text), text.strip_prefix("..")) {
                (Some(instant), _) => Instant::parse(sent) == Some(instant),
                (None, Some(path)) => sent.ends_with(path),
                (None, None) => sent == text,
            };
            assert!(same, "{at}: {sent} for {text}");
        }
        other => assert_eq!(sent, other, "{at}"),
    }
}

#[test]
fn what_holds_of_every_body_holds_of_them() {
    for (_, _, example) in examples() {
        resource::check(example.to_string().as_bytes());
    }
}
