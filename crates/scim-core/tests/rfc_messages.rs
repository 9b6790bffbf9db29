//! The messages and definitions that RFC 7643 and RFC 7644 give as examples (`fixtures/rfc`): requests are understood,
//! answers have the shape of ours, definitions say what ours say. The examples that are resources are in
//! `rfc_examples.rs`.
#![cfg(test)]

use std::collections::BTreeSet;
use std::path::Path;

use scim_core::bulk::{BulkLimits, BulkPlan, BulkRequest};
use scim_core::message::{
    BulkConfig, LIST_RESPONSE_URN, PaginationConfig, PaginationMethod, ProviderConfig, SearchRequest,
};
use scim_core::patch::PatchRequest;
use scim_core::{Dialect, Registry, ScimType};
use serde_json::Value;

/// The examples of a kind: file name and JSON.
fn examples(kind: &str, count: usize) -> Vec<(String, Value)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/rfc");
    let mut examples = Vec::new();
    for entry in std::fs::read_dir(folder).expect("fixtures/rfc") {
        let entry = entry.expect("readable");
        let file = entry.file_name().to_string_lossy().into_owned();
        if file.split('-').nth(2) == Some(kind) {
            let text = std::fs::read_to_string(entry.path()).expect("readable");
            examples.push((file, serde_json::from_str(&text).expect("JSON")));
        }
    }
    assert_eq!(examples.len(), count, "{kind}");
    examples
}

#[test]
fn patches_are_understood_in_both_dialects() {
    let registry = Registry::builtin();
    for (file, body) in examples("patch_op", 12) {
        let name = if file.contains("member") || file.contains("structure") { "Group" } else { "User" };
        let resource_type = registry.resource_type(name).expect("built in");
        for dialect in [Dialect::LENIENT, Dialect::STRICT] {
            let parsed = PatchRequest::parse(resource_type, body.clone(), dialect);
            assert!(parsed.is_ok(), "{file}: {:?}", parsed.err());
        }
    }
}

#[test]
fn searches_are_understood() {
    for (file, body) in examples("search_request", 1) {
        let request = SearchRequest::parse(body).expect(&file);
        assert_eq!(request.attributes, ["displayName", "userName"]);
        assert_eq!((request.start_index, request.count), (Some(1), Some(10)));
    }
}

#[test]
fn bulk_requests_are_understood_and_planned_whole() {
    for (file, body) in examples("bulk_request", 4) {
        let request = BulkRequest::parse(body, &BulkLimits { max_operations: 100 }).expect(&file);
        let plan = BulkPlan::new(&request.operations);
        let planned: BTreeSet<usize> =
            plan.steps().iter().flat_map(|step| step.operations().iter().copied()).collect();
        assert_eq!(planned.len(), request.operations.len(), "{file}");
        let circular = plan.steps().iter().any(|step| step.operations().len() > 1);
        assert_eq!(circular, file.contains("circular"), "{file}");
    }
}

#[test]
fn statuses_of_answers_are_text_and_keywords_are_known() {
    let check = |file: &str, error: &Value| {
        let status = error["status"].as_str().unwrap_or_else(|| panic!("{file}: status is text"));
        if let Some(keyword) = error.get("scimType").and_then(Value::as_str) {
            let known = ScimType::ALL.into_iter().find(|scim_type| scim_type.keyword() == keyword);
            assert_eq!(known.map(|known| known.status().to_string()).as_deref(), Some(status), "{file}");
        }
    };
    for (file, error) in examples("error", 5) {
        check(&file, &error);
    }
    for (file, body) in examples("bulk_response", 4) {
        for operation in body["Operations"].as_array().expect("a list") {
            if let Some(error) = operation.get("response") {
                check(&file, error);
            }
        }
    }
}

#[test]
fn list_responses_have_our_members() {
    const OURS: [&str; 5] = ["schemas", "totalResults", "startIndex", "itemsPerPage", "Resources"];
    for (file, body) in examples("list_response", 5) {
        assert_eq!(body["schemas"][0], LIST_RESPONSE_URN, "{file}");
        for name in body.as_object().expect("an object").keys() {
            assert!(OURS.contains(&name.as_str()), "{file}: {name}");
        }
    }
}

#[test]
fn our_configuration_has_what_the_example_has() {
    let ours = ProviderConfig {
        documentation_uri: Some("http://example.com/help/scim.html".to_owned()),
        patch: true,
        bulk: Some(BulkConfig { max_operations: 1000, max_payload_size: 1_048_576 }),
        filter_max_results: 200,
        change_password: true,
        sort: true,
        etag: true,
        pagination: PaginationConfig {
            cursor: true,
            index: true,
            default_method: PaginationMethod::Index,
            default_page_size: 100,
            max_page_size: 200,
            cursor_timeout_seconds: None,
        },
        authentication_schemes: Vec::new(),
    }
    .to_json("https://example.com/v2");
    for (file, example) in examples("service_provider_config", 1) {
        for name in
            ["schemas", "documentationUri", "patch", "bulk", "filter", "changePassword", "sort", "etag"]
        {
            assert_eq!(ours[name], example[name], "{file}: {name}");
        }
        for name in ["location", "resourceType"] {
            assert_eq!(ours["meta"][name], example["meta"][name], "{file}: {name}");
        }
    }
}

#[test]
fn our_resource_types_are_those_of_the_rfc() {
    let documents = Registry::builtin().resource_type_documents("https://example.com/v2");
    for (file, mut example) in examples("resource_type", 2) {
        // Not every User has the enterprise extension here, so it is not required.
        if let Some(required) = example.pointer_mut("/schemaExtensions/0/required") {
            *required = false.into();
        }
        let ours = documents.iter().find(|document| document["id"] == example["id"]).expect(&file);
        for (name, value) in example.as_object().expect("an object") {
            assert_eq!(&ours[name], value, "{file}: {name}");
        }
    }
}

/// Where ours differ from RFC 7643 §8.7.1, and why is said in `Registry::builtin`.
const DIFFERENT: [&str; 7] = [
    "displayName.required",
    "displayName.uniqueness",
    "$ref.mutability",
    "$ref.referenceTypes",
    "members.display",
    "addresses.primary",
    "type.canonicalValues",
];

#[test]
fn our_schemas_are_those_of_the_rfc() {
    let documents = Registry::builtin().schema_documents("https://example.com/v2");
    let of_resources =
        ["urn:ietf:params:scim:schemas:core:2.0:User", "urn:ietf:params:scim:schemas:core:2.0:Group"];
    for (file, example) in examples("schema", 6) {
        let ours = documents.iter().find(|document| document["id"] == example["id"]).expect(&file);
        let enterprise = example["id"].as_str().is_some_and(|id| id.contains("enterprise"));
        let whole = enterprise || of_resources.iter().any(|id| example["id"] == **id);
        compare(&file, "", &ours["attributes"], &example["attributes"], whole);
    }
}

/// Each attribute of the example is ours, with the same characteristics.
fn compare(file: &str, parent: &str, ours: &Value, example: &Value, characteristics: bool) {
    for attribute in example.as_array().expect("attributes") {
        let name = attribute["name"].as_str().expect("a name");
        let own = ours.as_array().and_then(|list| list.iter().find(|own| own["name"] == name));
        let own = own.unwrap_or_else(|| panic!("{file}: {parent}{name} is missing"));
        assert_eq!(own["type"], attribute["type"], "{file}: {parent}{name}");
        assert_eq!(own["multiValued"], attribute["multiValued"], "{file}: {parent}{name}");
        if characteristics {
            for key in
                ["required", "mutability", "returned", "uniqueness", "canonicalValues", "referenceTypes"]
            {
                let Some(value) = attribute.get(key) else { continue };
                let different = DIFFERENT.contains(&format!("{name}.{key}").as_str());
                assert!(
                    different || own.get(key) == Some(value),
                    "{file}: {parent}{name}.{key}: {:?}",
                    own.get(key)
                );
            }
        }
        if let Some(parts) = attribute.get("subAttributes") {
            compare(file, &format!("{name}."), &own["subAttributes"], parts, characteristics);
        }
    }
}
