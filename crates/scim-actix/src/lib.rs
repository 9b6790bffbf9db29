//! The SCIM routes as an actix-web scope that other servers can mount.
//!
//! ```no_run
//! use std::sync::Arc;
//! use actix_web::{App, HttpServer, web};
//! # async fn serve(provider: scim_provider::Provider) -> std::io::Result<()> {
//! let service = scim_actix::Service::new(Arc::new(provider), Default::default());
//! HttpServer::new(move || App::new().service(scim_actix::scim(service.clone())))
//!     .bind(("127.0.0.1", 8080))?
//!     .run()
//!     .await
//! # }
//! ```
//!
//! What is here is HTTP alone: collecting bodies within limits and time, ending connections that come to nothing, request
//! ids, the base URL, clients' addresses, headers, and errors that happen before a request reaches the provider, all with
//! SCIM bodies (or those of OAuth, at its routes).

mod admin;
mod base;
mod body;
mod connection;
mod error;
mod exchange;
mod fallback;
mod health;
mod in_hand;
mod metrics;
mod oauth;
mod proxies;
mod request;
mod service;
mod state;
mod within;

pub use admin::admin;
pub use base::root_of;
pub use connection::Watch;
pub use error::scim_error;
pub use fallback::{every_answer, nothing_here};
pub use health::health;
pub use metrics::{RouteLabel, measured, metrics};
pub use oauth::oauth;
pub use proxies::Proxies;
pub use service::{Options, Service, scim};
pub use state::State;
