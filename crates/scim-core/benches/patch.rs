//! What a PATCH costs: the six operations that Entra ID sends for one person, to parse and to apply. `just bench`, or
//! `cargo bench -p scim-core --bench patch`.

use std::hint::black_box;

use criterion::{BatchSize, Criterion};
use scim_core::patch::PatchRequest;
use scim_core::{Dialect, Registry, Resource};
use serde_json::json;

fn patch(c: &mut Criterion) {
    let registry = Registry::builtin();
    let Some(user) = registry.resource_type("User") else { return };
    let person =
        serde_json::from_str(include_str!("../../../fixtures/filter/person.json")).unwrap_or_default();
    let person = Resource::from_canonical(person);
    let body = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [
            { "op": "Replace", "path": "displayName", "value": "Mira O." },
            { "op": "Replace", "path": "active", "value": "False" },
            { "op": "Add", "path": "emails[type eq \"other\"].value", "value": "mira@contoso.example" },
            { "op": "Replace", "path": "name.familyName", "value": "Okafor-Lind" },
            { "op": "Add", "path": "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager", "value": "42" },
            { "op": "Remove", "path": "phoneNumbers[type eq \"mobile\"]" },
        ]
    });
    let Ok(request) = PatchRequest::parse(user, body.clone(), Dialect::LENIENT) else { return };
    assert!(request.apply(user, "1", &person, None, Dialect::LENIENT).is_ok(), "all six are applied");

    c.bench_function("patch/parse 6 operations", |b| {
        b.iter_batched(
            || body.clone(),
            |body| PatchRequest::parse(user, body, Dialect::LENIENT),
            BatchSize::SmallInput,
        );
    });
    c.bench_function("patch/apply 6 operations", |b| {
        b.iter(|| black_box(&request).apply(user, "1", &person, None, Dialect::LENIENT));
    });
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    patch(&mut criterion);
    criterion.final_summary();
}
