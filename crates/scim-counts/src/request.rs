//! `scim-provider`: requests from their bytes to the answer's, over the in-memory store; and the check of a key.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Context as _;
use pollster::block_on;
use scim_api_keys::{ApiKey, Pepper, Peppers};
use scim_core::instant::Timestamp;
use scim_core::schema::Registry;
use scim_directory::InstanceSettings;
use scim_provider::admin::{Admin, KeyRequest};
use scim_provider::{HeaderSource, Limits, Method, Provider, Request, Response, Source};
use scim_storage::MemoryStore;
use serde_json::{Value, json};

use crate::Case;
use crate::core::{person, six_operations};

/// People in the directory before anything is counted. The in-memory store looks at each of them for every filter, so there
/// are few: what is counted is to be the provider.
const PEOPLE: u64 = 10;
const MILLIS: i64 = 1_790_000_000_000;

/// Counts instead of reading a clock.
#[derive(Default)]
struct Counter(AtomicU64);

impl Source for Counter {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_millis(MILLIS)
    }

    fn uuid(&self) -> uuid::Uuid {
        uuid::Uuid::from_u128(u128::from(self.0.fetch_add(1, Ordering::Relaxed)) | 7 << 76 | 2 << 62)
    }

    fn random(&self, bytes: &mut [u8]) {
        bytes.fill(7);
    }
}

struct Headers(String);

impl HeaderSource for Headers {
    fn get(&self, name: &str) -> Option<&str> {
        match name {
            "authorization" => Some(&self.0),
            "content-type" => Some("application/scim+json"),
            _ => None,
        }
    }
}

struct World {
    provider: Provider,
    headers: Headers,
}

impl World {
    fn new() -> anyhow::Result<Self> {
        let (store, source) = (Arc::new(MemoryStore::new()), Arc::new(Counter::default()));
        let peppers = Arc::new(Peppers::from(Pepper::new(b"a pepper for counting, 32 bytes!")?));
        let admin = Admin::new(Arc::clone(&store) as _, Arc::clone(&source) as _, Registry::builtin());
        let admin = block_on(admin.with_peppers(Arc::clone(&peppers)))?;
        let instance = block_on(admin.instance_create("counts", InstanceSettings::default()))?.instance;
        let request = KeyRequest { connector: "default", user: "integration", ..KeyRequest::default() };
        let key = block_on(admin.key_issue(&instance, &request))?.key.context("a key is shown once")?;
        let start = Provider::start(store, source, Registry::builtin(), Limits::default(), peppers);
        Ok(Self { provider: block_on(start)?, headers: Headers(format!("Bearer {}", key.reveal())) })
    }

    fn send(&self, method: Method, path: &str, query: &str, body: Vec<u8>) -> Response {
        block_on(self.provider.handle(Request {
            method,
            path,
            query,
            base: "https://scim.example.com/scim/v2",
            root: "https://scim.example.com",
            door: None,
            peer: None,
            headers: &self.headers,
            body,
            request_id: "counts",
            now: self.provider.source().now(),
        }))
    }

    fn post(&self, path: &str, body: &Value) -> anyhow::Result<String> {
        let response = self.send(Method::Post, path, "", body.to_string().into_bytes());
        let created: Value = serde_json::from_slice(&response.body)?;
        let id = created.get("id").and_then(Value::as_str);
        Ok(id.with_context(|| format!("{path} was answered {created}"))?.to_owned())
    }
}

/// The person of that number.
fn numbered(number: u64) -> anyhow::Result<Value> {
    let mut body = person()?;
    let members = body.as_object_mut().context("an object")?;
    members.insert("userName".to_owned(), format!("person.{number:06}@contoso.example").into());
    members.insert("externalId".to_owned(), format!("{number:032x}").into());
    Ok(body)
}

fn patch(operations: &Value) -> Vec<u8> {
    let schemas = ["urn:ietf:params:scim:api:messages:2.0:PatchOp"];
    json!({ "schemas": schemas, "Operations": operations }).to_string().into_bytes()
}

pub(crate) fn cases() -> anyhow::Result<Vec<Case>> {
    let world = Arc::new(World::new()?);
    let people =
        (0..PEOPLE).map(|number| world.post("/Users", &numbered(number)?)).collect::<Result<Vec<_>, _>>()?;
    let (Some(first), Some(second), Some(last)) = (people.first(), people.get(1), people.last()) else {
        anyhow::bail!("nobody was created")
    };
    let members: Vec<Value> = people.iter().take(5).map(|id| json!({ "value": id })).collect();
    let schemas = ["urn:ietf:params:scim:schemas:core:2.0:Group"];
    let group = json!({ "schemas": schemas, "displayName": "Engines", "members": members });
    let group = format!("/Groups/{}", world.post("/Groups", &group)?);

    let reads = [
        ("request/GET a person", format!("/Users/{first}"), ""),
        ("request/GET a person, two attributes", format!("/Users/{first}"), "attributes=userName,active"),
        (
            "request/match a user name",
            "/Users".to_owned(),
            "filter=userName+eq+%22person.000005%40contoso.example%22",
        ),
        ("request/match nobody", "/Users".to_owned(), "filter=userName+eq+%22nobody%40contoso.example%22"),
        ("request/GET a group without members", group.clone(), "excludedAttributes=members"),
    ];
    let mut cases = Vec::new();
    for (name, path, query) in reads {
        let world = Arc::clone(&world);
        anyhow::ensure!(
            world.send(Method::Get, &path, query, Vec::new()).status == 200,
            "{name} is answered"
        );
        cases.push(Case::same(name, move || world.send(Method::Get, &path, query, Vec::new())));
    }
    cases.extend(writes(&world, &format!("/Users/{second}"), &group, last)?);
    cases.push(key(&world)?);
    Ok(cases)
}

/// Creations come last, because the directory grows with them.
fn writes(world: &Arc<World>, person: &str, group: &str, member: &str) -> anyhow::Result<Vec<Case>> {
    let title = |number: u64| {
        patch(&json!([
            { "op": "Replace", "path": "title", "value": number.to_string() },
            { "op": "Replace", "path": "emails[type eq \"work\"].value", "value": format!("{number}@x.example") }
        ]))
    };
    let member = member.to_owned();
    let membership = move |number: u64| {
        let op = if number.is_multiple_of(2) { "Add" } else { "Remove" };
        patch(&json!([{ "op": op, "path": "members", "value": [{ "value": member }] }]))
    };
    let six = six_operations();
    let six = move |number: u64| {
        let name = if number.is_multiple_of(2) { "Mira O." } else { "M. Okafor" };
        six.to_string().replace("Mira O.", name).into_bytes()
    };
    let replaced = move |number: u64| {
        let mut body = numbered(1).unwrap_or_default();
        body.as_object_mut().map(|members| members.insert("title".to_owned(), number.to_string().into()));
        body.to_string().into_bytes()
    };
    let created = |number: u64| numbered(1_000 + number).unwrap_or_default().to_string().into_bytes();
    Ok(vec![
        write(world, "request/PATCH a person", Method::Patch, person, title)?,
        write(world, "request/PATCH a person, 6 operations", Method::Patch, person, six)?,
        write(world, "request/PUT a person", Method::Put, person, replaced)?,
        write(world, "request/PATCH a member in, or out", Method::Patch, group, membership)?,
        write(world, "request/POST a person", Method::Post, "/Users", created)?,
    ])
}

/// A request that changes something each time.
fn write(
    world: &Arc<World>,
    name: &'static str,
    method: Method,
    path: &str,
    body: impl Fn(u64) -> Vec<u8> + 'static,
) -> anyhow::Result<Case> {
    let answer = world.send(method, path, "", body(0));
    let shown = String::from_utf8_lossy(&answer.body).into_owned();
    anyhow::ensure!(answer.status < 300, "{name} is answered {}: {shown}", answer.status);
    let (world, path, mut number) = (Arc::clone(world), path.to_owned(), 0);
    Ok(Case::each(name, move || {
        number += 1;
        let (world, path, body) = (Arc::clone(&world), path.clone(), body(number));
        move || world.send(method, &path, "", body)
    }))
}

fn key(world: &World) -> anyhow::Result<Case> {
    let text = world.headers.0.trim_start_matches("Bearer ").to_owned();
    let peppers = Peppers::from(Pepper::new(b"a pepper for counting, 32 bytes!")?);
    let kept = peppers.keep(&ApiKey::parse(&text)?);
    Ok(Case::same("key/check", {
        let peppers = Arc::new(peppers);
        move || ApiKey::parse(&text).map(|key| peppers.verify(&key, Some(&kept)).is_right())
    }))
}
