//! The operations that identity providers send, from request to answer, over the in-memory backend: what the server adds to
//! its store. `cargo bench -p scim-provider`.

#![expect(clippy::expect_used, missing_docs, reason = "a benchmark; a panic is how it fails")]

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use pollster::block_on;
use scim_api_keys::{Pepper, Peppers};
use scim_core::instant::Timestamp;
use scim_core::schema::Registry;
use scim_directory::InstanceSettings;
use scim_provider::admin::{Admin, KeyRequest};
use scim_provider::{HeaderSource, Limits, Method, Provider, Request, Response, Source};
use scim_storage::MemoryStore;
use serde_json::{Value, json};

/// People in the directory before anything is measured. The in-memory backend looks at each of them for every filter.
const PEOPLE: u64 = 1_000;
/// Members of the group that is changed.
const MEMBERS: usize = 500;

/// Counts instead of reading a clock.
#[derive(Default)]
struct Counter(AtomicU64);

impl Source for Counter {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_millis(1_790_000_000_000)
    }

    fn uuid(&self) -> uuid::Uuid {
        let number = self.0.fetch_add(1, Ordering::Relaxed);
        let mut random = [0; 10];
        random.iter_mut().rev().zip(number.to_le_bytes()).for_each(|(to, from)| *to = from);
        uuid::Builder::from_unix_timestamp_millis(1_790_000_000_000, &random).into_uuid()
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
    fn new() -> Self {
        let (store, source) = (Arc::new(MemoryStore::new()), Arc::new(Counter::default()));
        let pepper = Pepper::new(b"a pepper for benchmarks, 32 bytes").expect("a pepper");
        let peppers = Arc::new(Peppers::from(pepper));
        let admin = Admin::new(Arc::clone(&store) as _, Arc::clone(&source) as _, Registry::builtin());
        let admin = block_on(admin.with_peppers(Arc::clone(&peppers))).expect("a new store");
        let settings = InstanceSettings::default();
        let instance = block_on(admin.instance_create("bench", settings)).expect("created").instance;
        let request = KeyRequest { connector: "default", user: "integration", ..KeyRequest::default() };
        let key = block_on(admin.key_issue(&instance, &request)).expect("issued").key.expect("a key");
        let start = Provider::start(store, source, Registry::builtin(), Limits::default(), peppers);
        let provider = block_on(start).expect("it starts");
        Self { provider, headers: Headers(format!("Bearer {}", key.reveal())) }
    }

    fn send(&self, method: Method, path: &str, query: &str, body: Vec<u8>) -> Response {
        let request = Request {
            method,
            path,
            query,
            base: "https://scim.example.com/scim/v2",
            root: "https://scim.example",
            door: None,
            peer: None,
            headers: &self.headers,
            body,
            request_id: "bench",
            now: self.provider.source().now(),
        };
        let response = block_on(self.provider.handle(request));
        assert!(
            response.status < 300,
            "{} {path}: {}",
            response.status,
            String::from_utf8_lossy(&response.body)
        );
        response
    }

    fn post(&self, path: &str, body: &Value) -> String {
        let response = self.send(Method::Post, path, "", body.to_string().into_bytes());
        let created: Value = serde_json::from_slice(&response.body).expect("JSON");
        created.get("id").and_then(Value::as_str).expect("an id").to_owned()
    }
}

fn person(number: u64) -> Value {
    json!({
        "schemas": [
            "urn:ietf:params:scim:schemas:core:2.0:User",
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
        ],
        "userName": format!("person.{number}@contoso.example"),
        "externalId": format!("{number:032x}"),
        "displayName": format!("Person {number}"),
        "name": { "givenName": "Person", "familyName": number.to_string() },
        "emails": [{ "value": format!("person.{number}@contoso.example"), "type": "work", "primary": true }],
        "phoneNumbers": [{ "value": "+1 555 0100", "type": "work" }],
        "active": true,
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": { "department": "Engines" }
    })
}

fn patch(operations: &Value) -> Vec<u8> {
    let body = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": operations
    });
    body.to_string().into_bytes()
}

fn operations(criterion: &mut Criterion) {
    let world = World::new();
    let people: Vec<String> = (0..PEOPLE).map(|number| world.post("/Users", &person(number))).collect();
    let middle = people.get(people.len() / 2).expect("somebody");
    let (one, last) = (format!("/Users/{middle}"), people.last().expect("somebody"));
    let members: Vec<Value> = people.iter().take(MEMBERS).map(|id| json!({ "value": id })).collect();
    let group = world.post(
        "/Groups",
        &json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"],
            "displayName": "Engines",
            "members": members
        }),
    );
    let group = format!("/Groups/{group}");

    let mut reads = criterion.benchmark_group("read");
    for (name, path, query) in [
        ("a person", one.as_str(), ""),
        ("a person, two attributes", one.as_str(), "attributes=userName,active"),
        ("100 people", "/Users", "count=100"),
        ("a person by user name", "/Users", "filter=userName+eq+%22person.500%40contoso.example%22"),
        ("a group without its members", group.as_str(), "excludedAttributes=members"),
        ("a group of 500", group.as_str(), ""),
    ] {
        reads.bench_function(name, |bencher| {
            bencher.iter(|| world.send(Method::Get, black_box(path), query, Vec::new()));
        });
    }
    reads.finish();

    let mut writes = criterion.benchmark_group("write");
    let mut number = PEOPLE;
    writes.bench_function("update a person", |bencher| {
        bencher.iter_batched(
            || {
                number += 1;
                patch(&json!([
                    { "op": "Replace", "path": "title", "value": number.to_string() },
                    { "op": "Replace", "path": "emails[type eq \"work\"].value", "value": format!("{number}@x.example") }
                ]))
            },
            |body| world.send(Method::Patch, &one, "", body),
            BatchSize::SmallInput,
        );
    });
    let mut joined = false;
    writes.bench_function("a member joins or leaves a group of 500", |bencher| {
        bencher.iter_batched(
            || {
                joined = !joined;
                let op = if joined { "Add" } else { "Remove" };
                patch(&json!([{ "op": op, "path": "members", "value": [{ "value": last }] }]))
            },
            |body| world.send(Method::Patch, &group, "", body),
            BatchSize::SmallInput,
        );
    });
    // Last, because the directory grows with it.
    writes.bench_function("create a person", |bencher| {
        bencher.iter_batched(
            || {
                number += 1;
                person(number).to_string().into_bytes()
            },
            |body| world.send(Method::Post, "/Users", "", body),
            BatchSize::SmallInput,
        );
    });
    writes.finish();
}

criterion_group!(benches, operations);
criterion_main!(benches);
