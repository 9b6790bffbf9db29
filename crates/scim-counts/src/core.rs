//! `scim-core`: filters, resources on their way in and out, PATCH.

use std::sync::Arc;

use anyhow::Context as _;
use scim_core::filter::{Filter, FilterLimits};
use scim_core::instant::Timestamp;
use scim_core::patch::PatchRequest;
use scim_core::resource::{
    Document, Projection, ReferenceView, View, index_entries, ingest, replace, shadow,
};
use scim_core::schema::ResourceType;
use scim_core::{Dialect, Registry, Resource, tree};
use serde_json::{Value, json};

use crate::Case;

/// An enterprise person, 1.2 KB as clients send it.
pub(crate) fn person() -> anyhow::Result<Value> {
    Ok(serde_json::from_str(include_str!("../../../fixtures/filter/person.json"))?)
}

pub(crate) fn user() -> anyhow::Result<Arc<ResourceType>> {
    Registry::builtin().resource_type("User").cloned().context("User is built in")
}

/// What Entra ID sends when somebody changes.
pub(crate) fn six_operations() -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [
            { "op": "Replace", "path": "displayName", "value": "Mira O." },
            { "op": "Replace", "path": "active", "value": "False" },
            { "op": "Add", "path": "emails[type eq \"other\"].value", "value": "mira@contoso.example" },
            { "op": "Replace", "path": "name.familyName", "value": "Okafor-Lind" },
            { "op": "Add", "path": "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager", "value": "42" },
            { "op": "Remove", "path": "phoneNumbers[type eq \"mobile\"]" },
        ]
    })
}

fn view() -> View<'static> {
    View {
        resource_type: "User",
        endpoint: "/Users",
        base: "https://example.com/scim/v2",
        id: "0193a0c1-7e33-7a10-9d35-5f1d0c5a2b11",
        external_id: Some("mira.okafor"),
        created: Timestamp::default(),
        modified: Timestamp::MAX,
        version: "W/\"7\"",
        edges: Some(&[]),
        reverse_edges: &[],
        reference: Some(ReferenceView { display: Some("Ana Ruiz") }),
    }
}

pub(crate) fn cases() -> anyhow::Result<Vec<Case>> {
    let mut cases = filters()?;
    cases.extend(people()?);
    cases.extend(patches()?);
    Ok(cases)
}

fn filters() -> anyhow::Result<Vec<Case>> {
    const THREE_TERMS: &str =
        r#"userName eq "MIRA.okafor@contoso.example" and active eq true and emails[type eq "home"]"#;

    let user = user()?;
    let parsed = Filter::parse(THREE_TERMS, &FilterLimits::default())?;
    let (typed, _) = parsed.resolve(&user, Dialect::LENIENT)?;
    let inbound = ingest(&user, person()?, Dialect::LENIENT)?;
    anyhow::ensure!(typed.matches(&inbound.resource), "all three terms are looked at");
    Ok(vec![
        Case::same("filter/parse 3 terms", || Filter::parse(THREE_TERMS, &FilterLimits::default())),
        Case::same("filter/resolve 3 terms", move || parsed.resolve(&user, Dialect::LENIENT)),
        Case::same("filter/evaluate 3 terms", move || typed.matches(&inbound.resource)),
    ])
}

fn people() -> anyhow::Result<Vec<Case>> {
    let user = user()?;
    let body = person()?;
    let text = body.to_string();
    let inbound = ingest(&user, body.clone(), Dialect::LENIENT)?;
    let resource = inbound.resource.clone();
    let document = Document::new(&user, "7", &resource);
    let bytes = document.clone().into_bytes();
    let names = ["userName".to_owned(), "emails.value".to_owned()];
    let projection = Projection::parse(&user, Some(&names), None);
    let parsed = text.clone();
    let (types, again) = (Arc::clone(&user), Arc::clone(&user));
    let kept = (Arc::clone(&user), resource.clone());
    let shown = document.clone();
    Ok(vec![
        Case::same("person/parse JSON alone", move || serde_json::from_str::<Value>(&parsed)),
        Case::same("person/parse and take in", move || {
            tree::read(text.as_bytes()).map(|body| ingest(&types, body, Dialect::LENIENT))
        }),
        Case::each("person/take in", move || {
            let (user, body) = (Arc::clone(&user), body.clone());
            move || ingest(&user, body, Dialect::LENIENT)
        }),
        Case::same("person/replace", move || replace(&again, &resource, &inbound)),
        Case::same("person/document, shadow and index", move || {
            let (user, resource) = &kept;
            (Document::new(user, "7", resource), shadow(user, resource), index_entries(user, resource))
        }),
        Case::same("person/render", move || {
            let mut out = Vec::with_capacity(2048);
            document.render(&view(), &mut out);
            out
        }),
        Case::same("person/read back", move || Document::from_bytes(&bytes).resource()),
        Case::same("person/project", move || shown.full(&view()).map(|full| projection.apply(full))),
    ])
}

fn patches() -> anyhow::Result<Vec<Case>> {
    let user = user()?;
    let inbound = ingest(&user, person()?, Dialect::LENIENT)?;
    let body = six_operations();
    let request = PatchRequest::parse(&user, body.clone(), Dialect::LENIENT)?;
    request.apply(&user, "1", &inbound.resource, None, Dialect::LENIENT)?;
    let (types, person): (_, Resource) = (Arc::clone(&user), inbound.resource);
    Ok(vec![
        Case::each("patch/parse 6 operations", move || {
            let (user, body) = (Arc::clone(&user), body.clone());
            move || PatchRequest::parse(&user, body, Dialect::LENIENT)
        }),
        Case::same("patch/apply 6 operations", move || {
            request.apply(&types, "1", &person, None, Dialect::LENIENT)
        }),
    ])
}
