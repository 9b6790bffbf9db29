//! What a resource costs on its way in and out: a person of 1.3 KB, and a group of 1,000. `just bench`, or
//! `cargo bench -p scim-core --bench resource`. Taking in is to be compared with parsing, which it includes.

use std::hint::black_box;

use criterion::{BatchSize, Criterion};
use scim_core::instant::Timestamp;
use scim_core::resource::{
    Document, EdgeView, Projection, ReferenceView, View, index_entries, ingest, replace, shadow,
};
use scim_core::schema::GROUP_URN;
use scim_core::{Dialect, Registry};
use serde_json::{Value, json};

const PERSON: &str = include_str!("../../../fixtures/filter/person.json");

fn view<'v>(edges: &'v [EdgeView<'v>]) -> View<'v> {
    View {
        resource_type: "User",
        endpoint: "/Users",
        base: "https://example.com/scim/v2",
        id: "0193a0c1-7e33-7a10-9d35-5f1d0c5a2b11",
        external_id: Some("mira.okafor"),
        created: Timestamp::default(),
        modified: Timestamp::MAX,
        version: "W/\"7\"",
        edges: Some(edges),
        reverse_edges: &[],
        reference: Some(ReferenceView { display: Some("Ana Ruiz") }),
    }
}

fn person(c: &mut Criterion) {
    let registry = Registry::builtin();
    let Some(user) = registry.resource_type("User") else { return };
    let body: Value = serde_json::from_str(PERSON).unwrap_or_default();
    let Ok(inbound) = ingest(user, body.clone(), Dialect::LENIENT) else { return };
    assert!(inbound.resource.attributes().len() > 10, "the person has attributes");
    let resource = inbound.resource.clone();
    let document = Document::new(user, "7", &resource);
    let names = ["userName".to_owned(), "emails.value".to_owned()];
    let projection = Projection::parse(user, Some(&names), None);

    c.bench_function("person/parse JSON alone", |b| {
        b.iter(|| serde_json::from_str::<Value>(black_box(PERSON)));
    });
    c.bench_function("person/parse and take in", |b| {
        b.iter(|| {
            serde_json::from_str::<Value>(black_box(PERSON))
                .map(|body| ingest(user, body, Dialect::LENIENT).is_ok())
        });
    });
    c.bench_function("person/take in", |b| {
        b.iter_batched(|| body.clone(), |body| ingest(user, body, Dialect::LENIENT), BatchSize::SmallInput);
    });
    c.bench_function("person/replace", |b| b.iter(|| replace(user, black_box(&resource), &inbound)));
    c.bench_function("person/document, shadow and index", |b| {
        b.iter(|| {
            let resource = black_box(&resource);
            (Document::new(user, "7", resource), shadow(user, resource), index_entries(user, resource))
        });
    });
    let mut out = Vec::new();
    c.bench_function("person/render", |b| {
        b.iter(|| {
            out.clear();
            black_box(&document).render(&view(&[]), &mut out);
        });
    });
    c.bench_function("person/project", |b| {
        b.iter(|| black_box(&document).full(&view(&[])).map(|full| projection.apply(full)));
    });
}

fn group(c: &mut Criterion) {
    let registry = Registry::builtin();
    let Some(group) = registry.resource_type("Group") else { return };
    let members: Vec<Value> =
        (0..1000).map(|number| json!({ "value": format!("member-{number}") })).collect();
    let body = json!({ "schemas": [GROUP_URN], "displayName": "Everybody", "members": members });
    let Ok(inbound) = ingest(group, body.clone(), Dialect::LENIENT) else { return };
    let document = Document::new(group, "7", &inbound.resource);
    let ids: Vec<String> = (0..1000).map(|number| format!("member-{number}")).collect();
    let edges: Vec<EdgeView<'_>> = ids
        .iter()
        .map(|id| EdgeView {
            id: id.into(),
            resource_type: Some("User"),
            endpoint: Some("/Users"),
            display: Some("Mira Okafor"),
        })
        .collect();

    c.bench_function("group of 1,000/take in", |b| {
        b.iter_batched(|| body.clone(), |body| ingest(group, body, Dialect::LENIENT), BatchSize::SmallInput);
    });
    let mut out = Vec::new();
    c.bench_function("group of 1,000/render", |b| {
        b.iter(|| {
            out.clear();
            black_box(&document).render(&view(&edges), &mut out);
        });
    });
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    person(&mut criterion);
    group(&mut criterion);
    criterion.final_summary();
}
