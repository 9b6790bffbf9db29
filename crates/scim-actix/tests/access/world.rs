//! A server with two instances, and clients.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use actix_web::http::StatusCode;
use actix_web::http::header::HeaderMap;
use actix_web::middleware::from_fn;
use actix_web::test::{TestRequest, call_service, init_service, read_body};
use actix_web::{App, web};
use scim_actix::{Options, Service, every_answer, health, measured, metrics, nothing_here, oauth, scim};
use scim_core::instant::Timestamp;
use scim_core::schema::Registry;
use scim_directory::{Connector, Instance, InstanceSettings, KeyId, KeyRecord};
use scim_provider::admin::{Admin, KeyRequest};
use scim_provider::{Limits, Pepper, Peppers, Provider, Source};
use scim_storage::{JournalFilter, JournalQuery, MemoryStore};
use serde_json::Value;

pub(crate) const BEGINNING: i64 = 1_790_000_000_000;
pub(crate) const DAY: i64 = 86_400_000;

#[derive(Default)]
pub(crate) struct Clock {
    passed: AtomicI64,
    ids: AtomicU64,
}

impl Source for Clock {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_millis(BEGINNING + self.passed.load(Ordering::Relaxed))
    }

    fn uuid(&self) -> uuid::Uuid {
        let mut random = [0; 10];
        let number = self.ids.fetch_add(1, Ordering::Relaxed);
        random.iter_mut().rev().zip(number.to_le_bytes()).for_each(|(to, from)| *to = from);
        let millis = u64::try_from(self.now().unix_millis()).expect("after 1970");
        uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
    }

    fn random(&self, bytes: &mut [u8]) {
        let number = self.ids.fetch_add(1, Ordering::Relaxed).to_le_bytes();
        let bytes = bytes.iter_mut().zip(number.iter().cycle());
        bytes.for_each(|(to, from)| *to = from.wrapping_mul(31).wrapping_add(7));
    }
}

pub(crate) struct World {
    pub(crate) admin: Admin,
    pub(crate) service: Service,
    pub(crate) acme: Instance,
    pub(crate) globex: Instance,
    clock: Arc<Clock>,
}

/// A key, as its client has it.
pub(crate) struct Key {
    pub(crate) id: KeyId,
    pub(crate) text: String,
    pub(crate) record: KeyRecord,
}

impl Key {
    pub(crate) fn bearer(&self) -> String {
        format!("Bearer {}", self.text)
    }
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).expect("JSON")
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// Status and detail of a SCIM error.
    pub(crate) fn error(&self) -> (u16, String) {
        let body = self.json();
        assert_eq!(body["status"], self.status.as_str(), "{body}");
        (self.status.as_u16(), body["detail"].as_str().unwrap_or_default().to_owned())
    }
}

impl World {
    pub(crate) async fn new(options: Options) -> Self {
        let (store, clock) = (Arc::new(MemoryStore::new()), Arc::new(Clock::default()));
        let peppers =
            Arc::new(Peppers::from(Pepper::new(b"a pepper for tests, of 32 bytes.").expect("long")));
        let admin = Admin::new(Arc::clone(&store) as _, Arc::clone(&clock) as _, Registry::builtin());
        let admin = admin.with_peppers(Arc::clone(&peppers)).await.expect("a new store");
        let acme = admin.instance_create("acme", InstanceSettings::default()).await.expect("new").instance;
        let globex =
            admin.instance_create("globex", InstanceSettings::default()).await.expect("new").instance;
        let source = Arc::clone(&clock) as _;
        let provider = Provider::start(store, source, Registry::builtin(), Limits::default(), peppers).await;
        let service = Service::new(Arc::new(provider.expect("it starts")), options);
        Self { admin, service, acme, globex, clock }
    }

    pub(crate) fn pass(&self, millis: i64) {
        self.clock.passed.fetch_add(millis, Ordering::Relaxed);
    }

    pub(crate) async fn connector(&self, instance: &Instance, name: &str) -> Connector {
        self.admin.connector_named(instance, name).await.expect("a connector")
    }

    pub(crate) async fn change(&self, change: impl Fn(&mut Connector)) {
        let changed = self.admin.connector_change(&self.acme, "default", |connector| {
            change(connector);
            Ok(())
        });
        changed.await.expect("changed");
    }

    /// A key of an instance's own connector.
    pub(crate) async fn key<'k>(&self, instance: &Instance, change: impl FnOnce(&mut KeyRequest<'k>)) -> Key {
        let mut request = KeyRequest { connector: "default", user: "integration", ..KeyRequest::default() };
        change(&mut request);
        let issued = self.admin.key_issue(instance, &request).await.expect("issued");
        let text = issued.key.expect("generated").reveal();
        Key { id: issued.record.id, text, record: issued.record }
    }

    /// What a client gets, at `scim.example`.
    pub(crate) async fn send(&self, request: TestRequest) -> Answer {
        let app = App::new()
            .app_data(web::Data::new(self.service.clone()))
            .wrap(from_fn(every_answer))
            .wrap(from_fn(measured))
            .service(scim(self.service.clone()))
            .service(oauth(self.service.clone()))
            .service(metrics(self.service.clone()))
            .service(health(self.service.clone()))
            .default_service(web::to(nothing_here));
        let app = init_service(app).await;
        let request = request.insert_header(("host", "scim.example")).to_request();
        let response = call_service(&app, request).await;
        let (status, headers) = (response.status(), response.headers().clone());
        let text = String::from_utf8(read_body(response).await.to_vec()).expect("text");
        Answer { status, headers, text }
    }

    pub(crate) async fn get(&self, path: &str, key: &Key) -> Answer {
        self.send(TestRequest::get().uri(path).insert_header(("authorization", key.bearer()))).await
    }

    pub(crate) async fn create(&self, base: &str, key: &Key, name: &str) -> Answer {
        let body = serde_json::json!({ "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": name });
        let request = TestRequest::post().uri(&format!("{base}/Users"));
        self.send(request.insert_header(("authorization", key.bearer())).set_json(body)).await
    }

    /// The codes of what was refused, in an instance's log.
    pub(crate) async fn refusals(&self, instance: &Instance) -> Vec<String> {
        let query =
            JournalQuery { filter: JournalFilter::default(), after: None, newest_first: false, limit: 1000 };
        let entries = self.admin.log(instance, &query).await.expect("a log").entries;
        entries.into_iter().filter_map(|entry| Some(entry.record.error?.code)).collect()
    }
}
