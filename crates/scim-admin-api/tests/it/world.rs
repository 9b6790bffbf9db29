//! A server with an instance, and admin keys of every role.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use pollster::block_on;
use scim_admin_api::{Api, Request};
use scim_core::instant::Timestamp;
use scim_core::schema::Registry;
use scim_directory::{Instance, InstanceSettings, Networks, Privilege};
use scim_provider::admin::{Admin, AdminKeyRequest};
use scim_provider::{HeaderSource, Method, Pepper, Peppers, Response, Source};
use scim_storage::{MemoryStore, Store};
use serde_json::Value;

/// Time that passes when it is told to; ids and random bytes that count.
#[derive(Default)]
pub(crate) struct Clock {
    passed: AtomicI64,
    numbers: AtomicU64,
}

impl Clock {
    /// Lets so many milliseconds pass.
    pub(crate) fn pass(&self, millis: i64) {
        self.passed.fetch_add(millis, Ordering::Relaxed);
    }
}

impl Source for Clock {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_millis(1_790_000_000_000 + self.passed.load(Ordering::Relaxed))
    }

    fn uuid(&self) -> uuid::Uuid {
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        let mut random = [0; 10];
        random.iter_mut().rev().zip(number.to_le_bytes()).for_each(|(to, from)| *to = from);
        let millis = u64::try_from(self.now().unix_millis()).unwrap_or_default();
        uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
    }

    fn random(&self, bytes: &mut [u8]) {
        let number = self.numbers.fetch_add(1, Ordering::Relaxed).to_le_bytes();
        let fresh = number.iter().cycle().map(|byte| byte.wrapping_mul(31).wrapping_add(7));
        bytes.iter_mut().zip(fresh).for_each(|(to, from)| *to = from);
    }
}

/// A server with an instance `acme`.
pub(crate) struct World {
    /// What it keeps.
    pub(crate) store: Arc<dyn Store>,
    /// The clock.
    pub(crate) clock: Arc<Clock>,
    /// Administration, as the command line has it.
    pub(crate) admin: Admin,
    /// The API.
    pub(crate) api: Api,
    /// The instance.
    pub(crate) acme: Instance,
    /// A key of the whole server, of the highest role.
    pub(crate) owner: String,
}

/// Headers as a list.
struct List<'h>(&'h [(&'h str, &'h str)]);

impl HeaderSource for List<'_> {
    fn get(&self, name: &str) -> Option<&str> {
        HeaderSource::get(self.0, name)
    }
}

/// An answer, read.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) json: Value,
    pub(crate) response: Response,
}

impl Answer {
    /// A header's value.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.response.header(name).unwrap_or_default()
    }

    /// The body as text.
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.response.body).expect("text")
    }

    /// The pointers of what is wrong.
    pub(crate) fn wrong(&self) -> Vec<&str> {
        let errors = self.json["errors"].as_array().into_iter().flatten();
        errors.filter_map(|error| error["pointer"].as_str()).collect()
    }

    /// The member at a JSON pointer, as text.
    pub(crate) fn at(&self, pointer: &str) -> &str {
        self.json.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
    }

    /// The same, which must have that status.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text());
        self
    }

    /// The same, which must be that problem about that member.
    #[track_caller]
    pub(crate) fn expect_problem(self, status: u16, code: &str, pointer: &str) -> Self {
        let answer = self.expect(status);
        assert_eq!(answer.header("content-type"), "application/problem+json");
        assert_eq!(
            (answer.at("/code"), answer.at("/errors/0/pointer")),
            (code, pointer),
            "{}",
            answer.text()
        );
        assert_eq!(answer.at("/type"), format!("urn:rollcall:problem:{code}"));
        assert_eq!(
            (answer.json["status"].as_u64(), answer.at("/request_id")),
            (Some(status.into()), "request")
        );
        answer
    }
}

impl World {
    pub(crate) fn new() -> Self {
        let clock = Arc::new(Clock::default());
        let (store, source) =
            (Arc::new(MemoryStore::new()) as Arc<dyn Store>, Arc::clone(&clock) as Arc<dyn Source>);
        let admin = Admin::new(Arc::clone(&store), Arc::clone(&source), Registry::builtin());
        let admin = block_on(admin.with_peppers(peppers())).expect("administration");
        let acme = block_on(admin.instance_create("acme", InstanceSettings::default()))
            .expect("an instance")
            .instance;
        let api = block_on(Api::start(admin.clone(), source)).expect("an API");
        let owner = issue(&admin, None, Privilege::Owner);
        Self { store, clock, admin, api, acme, owner }
    }

    /// An admin key of `acme`.
    pub(crate) fn key(&self, role: Privilege) -> String {
        issue(&self.admin, Some(&self.acme), role)
    }

    /// Another instance, with an admin key of its own.
    pub(crate) fn stranger(&self, name: &str) -> (Instance, String) {
        let created = block_on(self.admin.instance_create(name, InstanceSettings::default()));
        let instance = created.expect("an instance").instance;
        let key = issue(&self.admin, Some(&instance), Privilege::Owner);
        (instance, key)
    }

    /// Sends a request with other headers; `path` may have a query.
    pub(crate) fn send(
        &self,
        key: &str,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let bearer = format!("Bearer {key}");
        let mut all = vec![("authorization", bearer.as_str())];
        if !body.is_empty() && !headers.iter().any(|(name, _)| *name == "content-type") {
            all.push(("content-type", "application/json"));
        }
        all.extend(headers);
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let streams = self.api.endpoint(method, path).is_some_and(|endpoint| endpoint.streams);
        let request = Request {
            method,
            path,
            query,
            root: "https://rollcall.example",
            scim_url: "https://rollcall.example/scim/v2",
            peer: Some("192.0.2.1".parse().expect("an address")),
            headers: &List(&all),
            body: if streams { Vec::new() } else { body.as_bytes().to_vec() },
            request_id: "request",
            now: self.clock.now(),
        };
        let response = if streams {
            let body = std::io::Cursor::new(body.as_bytes().to_vec());
            block_on(self.api.handle_stream(request, Box::new(body)))
        } else {
            block_on(self.api.handle(request))
        };
        let json = serde_json::from_slice(&response.body).unwrap_or_default();
        Answer { status: response.status, json, response }
    }

    /// Sends a request with other headers and JSON, if any.
    pub(crate) fn ask(
        &self,
        key: &str,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Answer {
        self.send(key, method, path, headers, &body.map(Value::to_string).unwrap_or_default())
    }

    /// Sends a request of the owner.
    pub(crate) fn steer(&self, method: Method, path: &str, body: Option<&Value>) -> Answer {
        self.ask(&self.owner, method, path, &[], body)
    }

    /// Brings accounts in, of these user names.
    pub(crate) fn accounts(&self, names: &[&str]) {
        self.import(&format!("UserName\n{}\n", names.join("\n")));
    }

    /// Makes the accounts of a CSV file: a line of fields, and a line of values for each account, without quotes.
    pub(crate) fn import(&self, file: &str) {
        let mut lines = file.lines();
        let columns: Vec<&str> = lines.next().unwrap_or_default().split(',').collect();
        for line in lines {
            let fields: serde_json::Map<String, Value> = columns
                .iter()
                .zip(line.split(','))
                .map(|(name, value)| ((*name).to_owned(), value.into()))
                .collect();
            self.post("/instances/acme/accounts", &serde_json::json!({ "fields": fields })).expect(201);
        }
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.send(&self.owner, Method::Get, path, &[], "")
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(&self.owner, Method::Post, path, &[], &body.to_string())
    }

    pub(crate) fn patch(&self, path: &str, body: &Value) -> Answer {
        self.send(&self.owner, Method::Patch, path, &[], &body.to_string())
    }

    pub(crate) fn delete(&self, path: &str) -> Answer {
        self.send(&self.owner, Method::Delete, path, &[], "")
    }

    /// Every item of a list, in pages of `limit`.
    pub(crate) fn all(&self, path: &str, limit: usize) -> Vec<Value> {
        let (mut items, mut cursor) = (Vec::new(), String::new());
        let join = if path.contains('?') { '&' } else { '?' };
        loop {
            let answer = self.get(&format!("{path}{join}limit={limit}{cursor}")).expect(200);
            let page = answer.json["items"].as_array().expect("items");
            assert!(page.len() <= limit);
            items.extend(page.iter().cloned());
            match answer.json["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return items,
            }
        }
    }
}

/// The server's pepper.
pub(crate) fn peppers() -> Arc<Peppers> {
    let bytes: Vec<u8> = (0..32).collect();
    Arc::new(Peppers::from(Pepper::new(&bytes).expect("a pepper")))
}

/// An admin key of the server, or of an instance.
pub(crate) fn issue(admin: &Admin, instance: Option<&Instance>, role: Privilege) -> String {
    let request = AdminKeyRequest {
        role,
        label: format!("{role:?}"),
        lifetime: None,
        networks: Networks::default(),
        issued_by: None,
    };
    block_on(admin.admin_key_issue(instance, &request)).expect("an admin key").key.reveal().to_string()
}
