//! The admin API over a store in memory.

mod basics;
mod connectors;
mod idempotency;
mod keys;
mod world;
