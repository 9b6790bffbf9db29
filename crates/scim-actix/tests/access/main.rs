//! Who is let in, over HTTP and with the in-memory backend: connectors' own URLs, clients' addresses, OAuth, metrics.
#![cfg(test)]

mod address;
mod connector_url;
mod in_hand;
mod log;
mod metrics;
mod oauth;
mod world;
