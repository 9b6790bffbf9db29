//! The admin API over a store in memory.
#![cfg(test)]

mod basics;
mod connectors;
mod idempotency;
mod keys;
mod world;
