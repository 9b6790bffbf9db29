//! Two instances in one store, in process: one that is worked on, and its neighbour, of which every row is written down.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use diesel::connection::{Connection as _, SimpleConnection as _};
use diesel::sql_types::{BigInt, Text};
use diesel::sqlite::SqliteConnection;
use diesel::{QueryableByName, RunQueryDsl as _, sql_query};
use pollster::block_on;
use scim_core::instant::Timestamp;
use scim_core::schema::Registry;
use scim_directory::{Instance, InstanceSettings, Scope};
use scim_provider::admin::{Admin, KeyRequest};
use scim_provider::{HeaderSource, Limits, Method, Pepper, Peppers, Provider, Request, Source};
use scim_storage::{
    InstanceQuestion, JournalFilter, JournalQuery, MemoryStore, Query, QueryPart, Start, Store, Want,
};
use scim_storage_diesel::SqliteStore;
use serde_json::{Value, json};

use crate::support::{group, patch, person};

/// Stands in what the neighbour's people are called, and in nothing that is ever sent to the other instance.
pub(crate) const NEIGHBOUR: &str = "zzneighbour";
/// Names that both have people with, and others.
pub(crate) const NAMES: [&str; 6] = ["ada", "bob", "eve", "Ada", "dan", "fay"];

/// Time that goes on with each question, and ids that count.
#[derive(Default)]
struct Counting(AtomicU64);

impl Counting {
    fn next(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed)
    }
}

impl Source for Counting {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_millis(1_790_000_000_000 + i64::try_from(self.next()).expect("early"))
    }

    fn uuid(&self) -> uuid::Uuid {
        let mut random = [0; 10];
        random[2..].copy_from_slice(&self.next().to_be_bytes());
        uuid::Builder::from_unix_timestamp_millis(1_790_000_000_000, &random).into_uuid()
    }

    fn random(&self, bytes: &mut [u8]) {
        let number = self.next().to_le_bytes();
        bytes.iter_mut().zip(number.iter().cycle()).for_each(|(to, from)| *to = from.wrapping_mul(31));
    }
}

/// `Authorization` and the type of a SCIM body.
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

/// An instance and a key to it.
pub(crate) struct Tenant {
    pub(crate) instance: Instance,
    pub(crate) token: String,
    /// Ids of what is in it, people first.
    pub(crate) people: Vec<String>,
    pub(crate) groups: Vec<String>,
}

/// A store with two instances.
pub(crate) struct World {
    store: Arc<dyn Store>,
    source: Arc<Counting>,
    provider: Provider,
    pub(crate) mine: Tenant,
    pub(crate) neighbour: Tenant,
    /// A cursor of the neighbour's.
    pub(crate) cursor: String,
}

impl World {
    pub(crate) fn in_memory(share_names: bool) -> Self {
        Self::new(Arc::new(MemoryStore::new()), share_names)
    }

    pub(crate) fn in_file(path: &Path, share_names: bool) -> Self {
        Self::new(Arc::new(SqliteStore::open(path, Default::default()).expect("opens")), share_names)
    }

    /// `share_names` says whether user names are unique among the two.
    fn new(store: Arc<dyn Store>, share_names: bool) -> Self {
        let source = Arc::new(Counting::default());
        let pepper = Pepper::new(b"a pepper for tests, of 32 bytes.").expect("a pepper");
        let peppers = Arc::new(Peppers::from(pepper));
        let registry = Registry::builtin;
        let admin = Admin::new(Arc::clone(&store), Arc::clone(&source) as _, registry());
        let admin = block_on(admin.with_peppers(Arc::clone(&peppers))).expect("a new store");
        let tenant = |name: &str| {
            let made = block_on(admin.instance_create(name, InstanceSettings::default())).expect("made");
            let instance = if share_names {
                block_on(admin.names_across_instances(&made.instance)).expect("no clash")
            } else {
                made.instance
            };
            let request = KeyRequest { connector: "default", user: "integration", ..KeyRequest::default() };
            let issued = block_on(admin.key_issue(&instance, &request)).expect("issued");
            let token = issued.key.expect("generated").reveal();
            Tenant { instance, token, people: Vec::new(), groups: Vec::new() }
        };
        let (mine, neighbour) = (tenant("mine"), tenant("neighbour"));
        let started = Provider::start(
            Arc::clone(&store),
            Arc::clone(&source) as _,
            registry(),
            Limits::default(),
            peppers,
        );
        let provider = block_on(started).expect("it starts");
        let mut world = Self { store, source, provider, mine, neighbour, cursor: String::new() };
        world.furnish();
        world
    }

    /// People who report to one another, groups in groups, somebody who is gone, and references to those who are not there yet: a row in every
    /// table that requests write to.
    fn furnish(&mut self) {
        let token = self.neighbour.token.clone();
        let send = |method, path: &str, body: &Value| self.send(&token, method, path, body);
        let made = |path: &str, body: &Value| {
            let (status, body) = send(Method::Post, path, body);
            assert_eq!(status, 201, "{body}");
            body["id"].as_str().expect("an id").to_owned()
        };
        let mut people: Vec<String> = Vec::new();
        for name in &NAMES[..3] {
            let mut body = person(name);
            body["externalId"] = json!(format!("x-{name}"));
            body["displayName"] = json!(format!("{NEIGHBOUR} {name}"));
            body["emails"] = json!([{ "value": format!("{name}@{NEIGHBOUR}.example"), "type": "work" }]);
            // The first one's is not there yet.
            let manager = people.last().map_or(NAMES[4], String::as_str);
            body[crate::support::ENTERPRISE] = json!({ "manager": { "value": manager } });
            people.push(made("/Users", &body));
        }
        let inner = made("/Groups", &group(&format!("{NEIGHBOUR} inner"), &[&people[0], &people[1]]));
        let outer = made("/Groups", &group(&format!("{NEIGHBOUR} outer"), &[&inner, NAMES[5]]));
        let gone = made("/Users", &person(&format!("{NEIGHBOUR}-gone")));
        assert_eq!(send(Method::Delete, &format!("/Users/{gone}"), &Value::Null).0, 204);
        let suspended = patch(json!([{ "op": "replace", "path": "active", "value": false }]));
        assert_eq!(send(Method::Patch, &format!("/Users/{}", people[2]), &suspended).0, 200);
        let (_, page) = send(Method::Get, "/Users?cursor&count=1", &Value::Null);
        let cursor = page["nextCursor"].as_str().expect("more than one").to_owned();
        people.push(gone);
        (self.neighbour.people, self.neighbour.groups, self.cursor) = (people, vec![inner, outer], cursor);
    }

    /// A request by a key, with what comes of it: status and body.
    pub(crate) fn send(&self, token: &str, method: Method, target: &str, body: &Value) -> (u16, Value) {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let headers = Headers(format!("Bearer {token}"));
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        let request = Request {
            method,
            path,
            query,
            base: "https://scim.example/scim/v2",
            root: "https://scim.example",
            door: None,
            peer: "192.0.2.1".parse().ok(),
            headers: &headers,
            body,
            request_id: "a-request",
            now: self.source.now(),
        };
        let answer = block_on(self.provider.handle(request));
        let body = if answer.body.is_empty() {
            Value::Null
        } else {
            serde_json::from_slice(&answer.body).expect("JSON")
        };
        (answer.status, body)
    }

    /// All that the store tells about the neighbour by its contract.
    pub(crate) fn told_of_neighbour(&self) -> String {
        let instance = self.neighbour.instance.id;
        let scope = Scope { instance, connector: None };
        let registry = Registry::builtin();
        let parts = registry.resource_types().iter().map(|resource_type| QueryPart {
            resource_type: Arc::clone(resource_type),
            filter: None,
            sort_by: None,
        });
        let query = Query {
            parts: parts.collect(),
            sort: None,
            start: Start::Offset(0),
            limit: 1000,
            want: Want::RECORD,
            total: true,
        };
        let log =
            JournalQuery { after: None, limit: 1000, newest_first: false, filter: JournalFilter::default() };
        let questions = [
            InstanceQuestion::Policy,
            InstanceQuestion::Mappings(10),
            InstanceQuestion::HeldChanges { after: None, limit: 100 },
        ];
        let mut told = vec![
            format!("{:#?}", block_on(self.store.find(&scope, &query)).expect("found")),
            format!("{:#?}", block_on(self.store.journal(&scope, &log)).expect("read")),
            format!("{:#?}", block_on(self.store.events(&scope, None, 1000)).expect("read")),
        ];
        for question in &questions {
            told.push(format!("{:#?}", block_on(self.store.instance(&scope, question)).expect("read")));
        }
        told.join("\n")
    }
}

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    line: String,
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    n: i64,
}

/// Every row of an instance in every table of a database, as text; and the tables that are of no instance.
pub(crate) fn rows(path: &Path, instance: uuid::Uuid) -> (Vec<String>, Vec<String>) {
    let mut connection = SqliteConnection::establish(path.to_str().expect("UTF-8")).expect("opens");
    let mut lines = |text: String| -> Vec<String> {
        let rows: Vec<Line> =
            sql_query(&text).load(&mut connection).unwrap_or_else(|error| panic!("{text}: {error}"));
        rows.into_iter().map(|row| row.line).collect()
    };
    let tables = lines(
        "SELECT name AS line FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' \
         AND name NOT LIKE '\\_\\_%' ESCAPE '\\' ORDER BY name"
            .to_owned(),
    );
    let (mut all, mut of_none) = (Vec::new(), Vec::new());
    for table in tables {
        let columns = lines(format!("SELECT name AS line FROM pragma_table_info('{table}')"));
        let key = match table.as_str() {
            "instances" => "id",
            _ if columns.iter().any(|column| column == "instance_id") => "instance_id",
            _ => {
                of_none.push(table);
                continue;
            }
        };
        let quoted: Vec<String> = columns.iter().map(|column| format!("quote({column})")).collect();
        all.extend(lines(format!(
            "SELECT '{table}: ' || {} AS line FROM {table} WHERE {key} = x'{}' ORDER BY 1",
            quoted.join(" || ', ' || "),
            instance.simple()
        )));
    }
    (all, of_none)
}

/// Runs SQL on a database, behind a server's back.
pub(crate) fn damage(path: &Path, statements: &str) {
    let mut connection = SqliteConnection::establish(path.to_str().expect("UTF-8")).expect("opens");
    connection.batch_execute(statements).expect("done");
}

/// How many rows a table has of an instance.
pub(crate) fn count(path: &Path, table: &str, instance: uuid::Uuid) -> i64 {
    let mut connection = SqliteConnection::establish(path.to_str().expect("UTF-8")).expect("opens");
    let text = format!("SELECT count(*) AS n FROM {table} WHERE instance_id = x'{}'", instance.simple());
    sql_query(text).get_result::<Count>(&mut connection).expect("counted").n
}
