//! Runs every case of `fixtures/patch`: `before.json`, `patch.json` (the operations, or a whole body), then either
//! `after.json` and, for groups, `edits.json`, or `error.json`; `dialect` names another dialect than `lenient`,
//! `notes.json` the tolerances that are noted. And the seeds of the fuzz targets `patch` and `bulk`, as plain tests.
#![cfg(test)]

use std::collections::BTreeSet;
use std::path::Path;

use scim_core::message::PATCH_OP_URN;
use scim_core::patch::{MemberEdit, PatchError, PatchOutcome, PatchRequest};
use scim_core::resource::{EdgeValue, canonical, ingest};
use scim_core::{Dialect, Registry, Resource, ScimError};
use serde_json::{Map, Value, json};

#[path = "../../../fuzz/checks/bulk.rs"]
mod bulk;
#[path = "../../../fuzz/checks/patch.rs"]
mod patch;

struct Case {
    name: String,
    registry: Registry,
    dialect: Dialect,
    before: Map<String, Value>,
    body: Value,
}

fn read(path: &Path) -> Option<Value> {
    let text = std::fs::read_to_string(path).ok()?;
    Some(serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
}

impl Case {
    fn load(folder: &Path) -> Self {
        let name = folder.file_name().expect("a folder has a name").to_string_lossy().into_owned();
        let Some(Value::Object(before)) = read(&folder.join("before.json")) else {
            panic!("{name}: before.json")
        };
        let body = match read(&folder.join("patch.json")) {
            Some(operations @ Value::Array(_)) => {
                json!({ "schemas": [PATCH_OP_URN], "Operations": operations })
            }
            Some(body) => body,
            None => panic!("{name}: patch.json"),
        };
        let dialect = std::fs::read_to_string(folder.join("dialect")).ok();
        let dialect =
            dialect.map_or(Dialect::LENIENT, |text| Dialect::named(text.trim()).expect("a dialect"));
        Self { name, registry: registry(), dialect, before, body }
    }

    fn run(&self) -> Result<PatchOutcome, PatchError> {
        let urn = self.before["schemas"][0].as_str().expect("schemas");
        let kind =
            self.registry.resource_types().iter().find(|kind| &*kind.schema.id == urn).expect("a type");
        let mut before = self.before.clone();
        let external_id = before.shift_remove("externalId");
        let id = before.shift_remove("id").expect("an id");
        let current = canonical(kind, before);
        let request = PatchRequest::parse(kind, self.body.clone(), self.dialect)?;
        let external_id = external_id.as_ref().and_then(Value::as_str);
        let outcome =
            request.apply(kind, id.as_str().expect("an id"), &current, external_id, self.dialect)?;
        assert_eq!(
            outcome.changed,
            outcome.resource != current || outcome.external_id.as_deref() != external_id,
            "{}",
            self.name
        );
        // What comes out could have come in.
        let body = Value::Object(outcome.resource.attributes().clone());
        let inbound =
            ingest(kind, body, Dialect::STRICT).unwrap_or_else(|error| panic!("{}: {error}", self.name));
        assert_eq!(inbound.resource, outcome.resource, "{}", self.name);
        Ok(outcome)
    }
}

/// The built-in schemas, and a type with what they lack: an immutable attribute, a multi-valued simple one, required
/// parts.
fn registry() -> Registry {
    let mut registry = Registry::builtin();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/patch");
    registry.add_schema(&read(&folder.join("Device.schema.json")).expect("there")).expect("sound");
    let device =
        json!({ "name": "Device", "endpoint": "/Devices", "schema": "urn:example:schemas:2.0:Device" });
    registry.add_resource_type(&device).expect("sound");
    registry
}

fn edit_json(edit: &MemberEdit) -> Value {
    let values = |list: &[EdgeValue]| {
        let one = |edge: &EdgeValue| match &edge.kind {
            Some(kind) => json!({ "value": edge.value, "type": kind }),
            None => json!({ "value": edge.value }),
        };
        list.iter().map(one).collect::<Vec<_>>()
    };
    match edit {
        MemberEdit::Add(list) => json!({ "add": values(list) }),
        MemberEdit::Remove(ids) => json!({ "remove": ids }),
        MemberEdit::RemoveWhere(_) => json!("removeWhere"),
        MemberEdit::RemoveAll => json!("removeAll"),
        MemberEdit::Replace(list) => json!({ "replace": values(list) }),
    }
}

fn document(outcome: &PatchOutcome, id: &Value) -> Value {
    let mut document = outcome.resource.attributes().clone();
    document.insert("id".into(), id.clone());
    if let Some(external_id) = &outcome.external_id {
        document.insert("externalId".into(), external_id.as_str().into());
    }
    Value::Object(document)
}

fn check(folder: &Path) {
    let case = Case::load(folder);
    let name = &case.name;
    let got = case.run();
    if let Some(expected) = read(&folder.join("error.json")) {
        let error = got.err().unwrap_or_else(|| panic!("{name}: accepted"));
        let text = error.to_string();
        assert_eq!(error.scim_type().keyword(), expected["scimType"], "{name}: {text}");
        let part = expected["detail"].as_str().expect("part of the detail");
        assert!(text.contains(part), "{name}: {text:?} does not say {part:?}");
        assert_eq!(ScimError::from(error).status(), 400, "{name}");
        return;
    }
    let outcome = got.unwrap_or_else(|error| panic!("{name}: {error}"));
    let after =
        read(&folder.join("after.json")).unwrap_or_else(|| panic!("{name}: after.json or error.json"));
    assert_eq!(document(&outcome, &case.before["id"]), after, "{name}");
    let edits: Vec<Value> = outcome.edits.iter().map(edit_json).collect();
    assert_eq!(Value::from(edits), read(&folder.join("edits.json")).unwrap_or(json!([])), "{name}");
    if let Some(expected) = read(&folder.join("notes.json")) {
        let noted: BTreeSet<_> = outcome.notes.iter().map(|note| note.tolerance.name()).collect();
        assert_eq!(json!(noted), expected, "{name}");
    }
    if case.dialect == Dialect::STRICT {
        assert_eq!(outcome.notes, [], "{name}");
    }
}

#[test]
fn every_case_does_what_it_says() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/patch");
    let mut folders: Vec<_> = std::fs::read_dir(root)
        .expect("fixtures/patch")
        .map(|entry| entry.expect("readable").path())
        .filter(|path| path.is_dir())
        .collect();
    folders.sort();
    assert!(folders.len() >= 60, "{} cases only", folders.len());
    // Every case runs, so that one failure does not hide the others; the panics say what is wrong.
    let failed = folders.iter().filter(|folder| std::panic::catch_unwind(|| check(folder)).is_err()).count();
    assert_eq!(failed, 0, "cases failed");
}

/// The seeds of a fuzz target.
fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let entries = std::fs::read_dir(folder).expect("a corpus");
    let seeds: Vec<_> =
        entries.map(|entry| std::fs::read(entry.expect("readable").path()).expect("readable")).collect();
    assert!(!seeds.is_empty(), "{target} has no seeds");
    seeds
}

#[test]
fn the_corpus_of_patch_holds() {
    for seed in seeds("patch") {
        patch::check(&seed);
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/patch");
    for entry in std::fs::read_dir(root).expect("fixtures/patch") {
        let Some(body) = read(&entry.expect("readable").path().join("patch.json")) else { continue };
        let body = match body {
            Value::Array(list) => json!({ "schemas": [PATCH_OP_URN], "Operations": list }),
            body => body,
        };
        patch::check(body.to_string().as_bytes());
    }
}

#[test]
fn the_corpus_of_bulk_holds() {
    for seed in seeds("bulk") {
        bulk::check(&seed);
    }
}

#[test]
fn a_request_that_changes_nothing_says_so() {
    let registry = registry();
    let user = registry.resource_type("User").expect("built in");
    let mut values = Map::new();
    values.insert("userName".into(), "ana".into());
    values.insert("emails".into(), json!([{ "value": "a@b.example", "type": "work" }]));
    let current: Resource = canonical(user, values);
    for operations in [
        json!([]),
        json!([{ "op": "replace", "path": "userName", "value": "ana" }]),
        json!([{ "op": "add", "path": "emails", "value": [{ "type": "work", "value": "a@b.example" }] }]),
        json!([{ "op": "remove", "path": "title" }]),
        json!([{ "op": "add", "path": "externalId", "value": "x" }]),
        json!([{ "op": "add", "path": "title", "value": "T" }, { "op": "remove", "path": "title" }]),
    ] {
        let body = json!({ "schemas": [PATCH_OP_URN], "Operations": operations });
        let request = PatchRequest::parse(user, body, Dialect::LENIENT).expect("accepted");
        let outcome = request.apply(user, "1", &current, Some("x"), Dialect::LENIENT).expect("applied");
        assert!(!outcome.changed, "{operations}");
    }
}
