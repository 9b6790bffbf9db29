//! The admin API over a store in memory.
#![cfg(test)]

mod basics;
mod connectors;
mod idempotency;
mod imports;
mod keys;
mod log;
mod mapping;
mod people;
mod roles;
mod rules;
mod server;
mod world;
