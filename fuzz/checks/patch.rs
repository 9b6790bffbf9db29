//! What holds of every PATCH body, whatever a client sends.

use scim_core::patch::{PatchError, PatchRequest};
use scim_core::resource::{canonical, ingest};
use scim_core::{Dialect, Registry, ScimError};
use serde_json::{Value, json};

/// A body is refused with 400, or what comes out could have come in, `changed` says whether it differs, and what the
/// strict dialect takes leaves no notes.
pub(crate) fn check(data: &[u8]) {
    let Ok(body) = serde_json::from_slice::<Value>(data) else { return };
    let before = json!({
        "userName": "ana@example.com", "displayName": "Ana", "name": { "familyName": "Ruiz", "givenName": "Ana" },
        "emails": [{ "value": "ana@example.com", "type": "work", "primary": true }, { "value": "ana@home.example" }],
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": { "manager": { "value": "m1" } }
    });
    let Value::Object(before) = before else { return };
    for resource_type in Registry::builtin().resource_types() {
        let current = canonical(resource_type, before.clone());
        for dialect in [Dialect::LENIENT, Dialect::STRICT] {
            let request = match PatchRequest::parse(resource_type, body.clone(), dialect) {
                Ok(request) => request,
                Err(error) => {
                    refused(error);
                    continue;
                }
            };
            let outcome = match request.apply(resource_type, "1", &current, Some("x"), dialect) {
                Ok(outcome) => outcome,
                Err(error) => {
                    refused(error);
                    continue;
                }
            };
            let differs = outcome.resource != current || outcome.external_id.as_deref() != Some("x");
            assert_eq!(outcome.changed, differs, "{body}");
            assert!(dialect == Dialect::LENIENT || outcome.notes.is_empty(), "{body}: {:?}", outcome.notes);
            let again = Value::Object(outcome.resource.attributes().clone());
            let inbound =
                ingest(resource_type, again, Dialect::STRICT.with(scim_core::Tolerance::FreeUserNames));
            assert_eq!(inbound.map(|inbound| inbound.resource), Ok(outcome.resource), "{body}");
        }
    }
}

fn refused(error: PatchError) {
    let error = ScimError::from(error);
    assert!(error.status() == 400 && !error.detail().is_empty(), "{error}");
}
