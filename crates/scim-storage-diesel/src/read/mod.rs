//! Reads. Each runs on one connection; those of several statements run in one transaction, so that they see one moment.

mod admin;
mod edges;
mod facts;
mod find;
mod journal;
mod record;

pub(crate) use admin::server;
pub(crate) use edges::edges;
pub(crate) use facts::{facts, target};
pub(crate) use find::{find, is_short};
pub(crate) use journal::journal;
pub(crate) use record::{connector, get};
