//! A SCIM server over a store of your own: `cargo run -p scim-actix --example own_store`.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;
use std::sync::Arc;

use actix_web::{App, HttpServer, web};
use scim_actix::{Options, Service, every_answer, health, nothing_here, scim};
use scim_core::Registry;
use scim_core::instant::Timestamp;
use scim_directory::InstanceSettings;
use scim_provider::admin::{Admin, KeyRequest};
use scim_provider::{Limits, Pepper, Peppers, Provider, Source};
use scim_storage::{MemoryStore, Store};

/// The machine's clock and random source: the server asks nowhere else.
struct System;

impl Source for System {
    #[expect(clippy::disallowed_methods, reason = "this is the place that reads the clock")]
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_unix_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    fn uuid(&self) -> uuid::Uuid {
        let mut random = [0; 10];
        self.random(&mut random);
        let millis = u64::try_from(self.now().unix_millis()).unwrap_or_default();
        uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
    }

    #[expect(clippy::expect_used, reason = "without randomness nothing may be issued")]
    fn random(&self, bytes: &mut [u8]) {
        getrandom::fill(bytes).expect("a random source");
    }
}

#[actix_web::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // Yours stands here.
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let source = Arc::new(System);
    // 32 random bytes, from a file outside the database: keys are hashed with them.
    let peppers = Arc::new(Peppers::from(Pepper::new(b"a pepper for tests, of 32 bytes.")?));
    let registry = Registry::builtin();

    let admin = Admin::new(Arc::clone(&store), source.clone(), registry.clone());
    let admin = admin.with_peppers(Arc::clone(&peppers)).await?;
    let new = admin.instance_create("main", InstanceSettings::default()).await?;
    let whose = KeyRequest { connector: &new.connector.name, user: &new.user.name, ..KeyRequest::default() };
    if let Some(key) = admin.key_issue(&new.instance, &whose).await?.key {
        println!("http://127.0.0.1:8080/scim/v2, Authorization: Bearer {}", key.reveal());
    }

    let provider = Provider::start(store, source, registry, Limits::default(), peppers).await?;
    let service = Service::new(Arc::new(provider), Options::default());
    let app = move || {
        App::new()
            .app_data(web::Data::new(service.clone()))
            .wrap(actix_web::middleware::from_fn(every_answer))
            .service(scim(service.clone()))
            .service(health(service.clone()))
            .default_service(web::to(nothing_here))
    };
    Ok(HttpServer::new(app).bind(("127.0.0.1", 8080))?.run().await?)
}
