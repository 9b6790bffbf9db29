//! What holds of every resource body, whatever a client sends.

use scim_core::instant::Timestamp;
use scim_core::resource::{
    Document, EdgeView, Inbound, Projection, ReferenceView, ResourceError, View, WrittenEdge, index_entries,
    ingest, replace, shadow,
};
use scim_core::schema::{ENTERPRISE_USER_URN, ResourceType};
use scim_core::{Dialect, Registry, Resource, ScimError, Tolerance};
use serde_json::Value;

/// A body is refused with 400, or: what came in comes in again unchanged; what the strict dialect takes leaves no notes
/// and means the same in the lenient one; its document holds it and is sent as JSON.
pub(crate) fn check(data: &[u8]) {
    let Ok(body) = serde_json::from_slice::<Value>(data) else { return };
    for resource_type in Registry::builtin().resource_types() {
        let lenient = ingest(resource_type, body.clone(), Dialect::LENIENT);
        match ingest(resource_type, body.clone(), Dialect::STRICT) {
            Ok(strict) => {
                assert!(strict.notes.is_empty(), "{body}: {:?}", strict.notes);
                let lenient = lenient.as_ref().map(|lenient| (&lenient.resource, &lenient.edges));
                assert_eq!(lenient, Ok((&strict.resource, &strict.edges)), "{body}");
            }
            Err(error) => refused(error),
        }
        match lenient {
            Ok(inbound) => taken(resource_type, &inbound),
            Err(error) => refused(error),
        }
    }
}

fn taken(resource_type: &std::sync::Arc<ResourceType>, inbound: &Inbound) {
    let resource = &inbound.resource;
    let text = Value::Object(resource.attributes().clone()).to_string();
    let strict = Dialect::STRICT.with(Tolerance::FreeUserNames);
    let again = serde_json::from_str(&text).map(|body| ingest(resource_type, body, strict));
    let Ok(Ok(again)) = again else { unreachable!("{text} came in once") };
    assert_eq!(Value::Object(again.resource.attributes().clone()).to_string(), text);
    if let Ok(created) = inbound.clone().into_created(resource_type) {
        assert_eq!(replace(resource_type, &created, inbound), Ok(created));
    }

    let document = Document::new(resource_type, "7", resource);
    assert!(document.resource().is_ok_and(|stored| stored == *resource), "{text}");
    let edge = EdgeView {
        id: "9".into(),
        resource_type: Some("User"),
        endpoint: Some("/Users"),
        display: Some("\"\u{1e}"),
    };
    let group = WrittenEdge::direct(&edge, "https://example.com/scim/v2");
    let edges = [edge.clone(), edge];
    let view = View {
        resource_type: &resource_type.name,
        endpoint: &resource_type.endpoint,
        base: "https://example.com/scim/v2",
        id: "7",
        external_id: inbound.external_id.as_deref(),
        created: Timestamp::default(),
        modified: Timestamp::MAX,
        version: "W/\"1\"",
        edges: Some(&edges),
        reverse_edges: &[&group, &group],
        reference: Some(ReferenceView { display: Some("A\\") }),
    };
    let Ok(full) = document.full(&view) else { unreachable!("{text} is a sound document") };
    assert_eq!(without_derived(full.clone()), text);
    let mut sent = Vec::new();
    document.render(&view, &mut sent);
    let plain = Projection::parse(resource_type, None, None);
    let shown = Value::Object(plain.apply(full).into_attributes()).to_string();
    assert_eq!(String::from_utf8(sent).as_deref(), Ok(&*shown));

    let folded = shadow(resource_type, resource);
    let Ok(folded) = serde_json::from_str::<Value>(&folded) else { unreachable!("{folded} is JSON") };
    assert!(folded.get("password").is_none());
    let unique = index_entries(resource_type, resource).into_iter().find(|entry| entry.unique);
    let name = if &*resource_type.name == "User" { "userName" } else { "displayName" };
    assert_eq!(unique.map(|entry| entry.key.into()), folded.get(name).cloned());
}

/// The text of a full resource without what a document does not hold.
fn without_derived(full: Resource) -> String {
    let mut attributes = full.into_attributes();
    for name in ["id", "externalId", "meta", "members", "groups"] {
        attributes.shift_remove(name);
    }
    let manager =
        attributes.get_mut(ENTERPRISE_USER_URN).and_then(|enterprise| enterprise.get_mut("manager"));
    if let Some(manager) = manager.and_then(Value::as_object_mut) {
        let derived = ["$ref", "displayName"].map(|name| manager.shift_remove(name));
        assert!(derived.iter().all(Option::is_some), "a known manager is shown whole");
    }
    Value::Object(attributes).to_string()
}

fn refused(error: ResourceError) {
    let error = ScimError::from(error);
    assert!(error.status() == 400 && !error.detail().is_empty(), "{error}");
}
