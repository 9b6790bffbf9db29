//! A server with two instances, its admin API and its SCIM service, and what every test of an endpoint asks.

use std::collections::BTreeSet;
use std::sync::Arc;

use pollster::block_on;
use scim_core::schema::Registry;
use scim_directory::{Instance, Privilege};
use scim_provider::admin::KeyRequest;
use scim_provider::{HeaderSource, Limits, Method, Provider, Response, Source as _};
use serde_json::{Value, json};

use crate::world::{World, issue, peppers};

/// Headers as a list.
struct Headers<'h>(Vec<(&'h str, &'h str)>);

impl HeaderSource for Headers<'_> {
    fn get(&self, name: &str) -> Option<&str> {
        HeaderSource::get(self.0.as_slice(), name)
    }
}

/// A server with the instances `acme` and `other`.
pub(crate) struct Town {
    world: World,
    /// The other instance.
    pub(crate) other: Instance,
    provider: Provider,
    /// The SCIM key of `acme`.
    scim_key: String,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
    headers: Vec<(&'static str, String)>,
}

impl From<Response> for Answer {
    fn from(response: Response) -> Self {
        let body = match response.body.as_slice() {
            [] => Value::Null,
            body => serde_json::from_slice(body).expect("JSON"),
        };
        Self { status: response.status, body, headers: response.headers }
    }
}

impl Answer {
    /// The same, with that status.
    #[track_caller]
    pub(crate) fn is(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.body);
        self
    }

    /// A refusal of that status and code, whose detail says that; every refusal has the shape of problem details.
    #[track_caller]
    pub(crate) fn refused(self, status: u16, code: &str, says: &str) -> Self {
        let refused = self.is(status);
        assert_eq!(refused.header("content-type"), Some("application/problem+json"));
        assert_eq!(refused.body["code"], code, "{}", refused.body);
        let detail = refused.body["detail"].as_str().unwrap_or_default();
        assert!(detail.contains(says), "{detail:?} does not say {says:?}");
        refused
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .as_slice()
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    #[track_caller]
    pub(crate) fn etag(&self) -> String {
        self.header("etag").expect("an entity tag").to_owned()
    }

    /// A text of the body, by its pointer.
    #[track_caller]
    pub(crate) fn text(&self, pointer: &str) -> String {
        let found = self.body.pointer(pointer).and_then(Value::as_str);
        found.unwrap_or_else(|| panic!("no text at {pointer} of {}", self.body)).to_owned()
    }
}

impl Town {
    pub(crate) fn new() -> Self {
        let world = World::new();
        let (other, _) = world.stranger("other");
        let (store, clock) = (Arc::clone(&world.store), Arc::clone(&world.clock) as _);
        let provider =
            block_on(Provider::start(store, clock, Registry::builtin(), Limits::default(), peppers()));
        let request = KeyRequest { connector: "default", user: "integration", ..KeyRequest::default() };
        let issued = block_on(world.admin.key_issue(&world.acme, &request)).expect("issued");
        let scim_key = issued.key.expect("generated").reveal().to_string();
        Self { world, other, provider: provider.expect("it starts"), scim_key }
    }

    /// The instance `acme`.
    pub(crate) fn acme(&self) -> &Instance {
        &self.world.acme
    }

    /// An admin key of that role, of one instance or of the server.
    pub(crate) fn key(&self, instance: Option<&Instance>, role: Privilege) -> String {
        issue(&self.world.admin, instance, role)
    }

    /// Lets so many milliseconds pass.
    pub(crate) fn pass(&self, millis: i64) {
        self.world.clock.pass(millis);
    }

    /// Sends a request with the key of the server's owner.
    pub(crate) fn send(&self, method: &str, path: &str, body: &Value) -> Answer {
        self.send_with(&self.world.owner, method, path, body, &[])
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &Value::Null)
    }

    /// Sends a request with a key and headers; `path` begins below the instance `acme` where it begins with no slash. `null`
    /// is no body.
    pub(crate) fn send_with(
        &self,
        key: &str,
        method: &str,
        path: &str,
        body: &Value,
        more: &[(&str, &str)],
    ) -> Answer {
        let whole = match path.strip_prefix('/') {
            Some(_) => path.to_owned(),
            None => format!("/instances/acme/{path}"),
        };
        let media = if method == "PATCH" { "application/merge-patch+json" } else { "application/json" };
        let mut headers = vec![("content-type", media)];
        headers.extend(more);
        let text = if body.is_null() { String::new() } else { body.to_string() };
        let answer = self.world.send(key, Method::named(method), &whole, &headers, &text);
        assert!(answer.status < 500, "{method} {whole}: {}", answer.text());
        answer.response.into()
    }

    /// Sends a SCIM request of the connector `default` of `acme`.
    pub(crate) fn scim(&self, method: &str, path: &str, body: &Value) -> Answer {
        let authorization = format!("Bearer {}", self.scim_key);
        let headers = [("authorization", authorization.as_str()), ("content-type", "application/scim+json")];
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let response = block_on(self.provider.handle(scim_provider::Request {
            method: Method::named(method),
            path,
            query,
            base: "https://rollcall.example/scim/v2",
            root: "https://rollcall.example",
            door: None,
            peer: "192.0.2.1".parse().ok(),
            headers: &Headers(headers.to_vec()),
            body: if body.is_null() { Vec::new() } else { body.to_string().into_bytes() },
            request_id: "scim",
            now: self.world.clock.now(),
        }));
        response.into()
    }

    /// Makes an account; its id.
    #[track_caller]
    pub(crate) fn account(&self, user_name: &str) -> String {
        let body = json!({ "fields": { "UserName": user_name } });
        self.send("POST", "accounts", &body).is(201).text("/id")
    }

    /// Provisions a person over SCIM; the id.
    #[track_caller]
    pub(crate) fn managed(&self, user_name: &str) -> String {
        let body =
            json!({ "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": user_name });
        self.scim("POST", "/Users", &body).is(201).text("/id")
    }

    /// Every item of a list, page by page, and how many pages it took. No item comes twice.
    #[track_caller]
    pub(crate) fn pages(&self, path: &str) -> (Vec<Value>, usize) {
        let (mut items, mut pages, mut cursor) = (Vec::new(), 0, String::new());
        loop {
            let page = self.get(&format!("{path}{cursor}")).is(200);
            pages += 1;
            items.extend(page.body["items"].as_array().expect("items").iter().cloned());
            let Some(next) = page.body["next"].as_str() else { break };
            let joint = if path.contains('?') { '&' } else { '?' };
            cursor = format!("{joint}cursor={next}");
            assert!(pages < 1_000, "{path} does not end");
        }
        let different: BTreeSet<String> = items.iter().map(Value::to_string).collect();
        assert_eq!(different.len(), items.len(), "an item came twice");
        (items, pages)
    }

    /// That a role below `role` may not, and that what belongs to another instance, or to nobody, is not there.
    #[track_caller]
    pub(crate) fn guarded(&self, role: Privilege, method: &str, path: &str, body: &Value) {
        let roles = [Privilege::ReadOnly, Privilege::LiteAdmin, Privilege::Admin, Privilege::Owner];
        for low in roles.into_iter().filter(|low| *low < role) {
            let key = self.key(Some(self.acme()), low);
            let answer = self.send_with(&key, method, path, body, &[]);
            answer.refused(403, "forbidden", &format!("{role:?}"));
        }
        let elsewhere = self.key(Some(&self.other), Privilege::Owner);
        self.send_with(&elsewhere, method, path, body, &[]).refused(404, "not_found", "no instance \"acme\"");
        self.send_with("rca1_nothing", method, path, body, &[]).refused(401, "unauthorized", "");
    }
}
