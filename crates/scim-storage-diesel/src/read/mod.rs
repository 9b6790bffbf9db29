//! Reads. Each runs on one connection; those of several statements run in one transaction, so that they see one moment.

mod access;
mod admin;
mod admin_keys;
#[cfg(feature = "postgres")]
mod at_once;
mod backlog;
mod branch;
mod edges;
#[cfg(feature = "postgres")]
mod edges_at_once;
mod events;
mod facts;
mod find;
#[cfg(test)]
mod find_asked;
#[cfg(test)]
#[cfg(feature = "postgres")]
mod find_plans;
#[cfg(feature = "sqlite")]
mod groups;
mod held_change;
mod import;
mod instance;
mod journal;
mod keys;
mod lease;
mod listed;
#[cfg(feature = "sqlite")]
mod pages;
mod ranges;
mod record;
mod report;
#[cfg(feature = "postgres")]
mod searched;
mod secret;
mod sheet;
#[cfg(feature = "postgres")]
mod sorted;
mod tombstone;
mod window;

pub(crate) use access::{find_under, get_under, holds, marked_key, of_marked_key};
pub(crate) use admin::server;
#[cfg(feature = "postgres")]
pub(crate) use at_once::{at_once, page_at_once};
pub(crate) use edges::edges;
#[cfg(feature = "postgres")]
pub(crate) use edges_at_once::{at_once as edges_at_once, page_at_once as edge_page};
pub(crate) use events::events;
pub(crate) use facts::{count, facts, target};
pub(crate) use find::{find, is_behind, is_look_up, whole_list};
pub(crate) use instance::instance;
pub(crate) use journal::{journal, name_key};
pub(crate) use keys::{by_id as key, of_key};
pub(crate) use listed::{is_short, select};
#[cfg(test)]
pub(crate) use ranges::standing_at;
pub(crate) use ranges::{Level, last_first, left_in_last_range};
#[cfg(feature = "sqlite")]
pub(crate) use record::account;
pub(crate) use record::{IdBytes, at, connector, get, resource_id};
#[cfg(feature = "postgres")]
pub(crate) use record::{Row as RecordRow, record_columns};
pub(crate) use report::removals;
#[cfg(feature = "postgres")]
pub(crate) use searched::{Candidates, few, find_among, is_searched};
pub(crate) use tombstone::deleted_link_ids;
pub(crate) use window::{last_before, minute};

/// The path of the index entry by which references find people.
pub(crate) const USER_NAME: &str = "userName";
