//! Whether what was read about a key is still so: what lets a server keep keys in memory and yet see every change of them at
//! the next request.

use scim_directory::{Key, Record};

use crate::{KeyContext, Page, Query, Want};

/// The state in which a store was when it answered about a key: that of the key's instance, whatever else changed. It grows
/// with each change of any key of the instance (but for when it was used last), of its connectors, integration users,
/// settings or mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AccessMark(pub i64);

/// A key with the state in which it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MarkedKey {
    /// The key and whom it acts for.
    pub context: Box<KeyContext>,
    /// The state; `None` where the backend has no marks, so that nothing can be kept.
    pub mark: Option<AccessMark>,
}

/// A read that is done unless access has changed.
#[derive(Clone, Copy, Debug)]
pub enum Read<'a> {
    /// Nothing is read: only whether access has changed is asked.
    Nothing,
    /// As [`crate::Store::get`]; found as [`Found::Record`].
    Get(&'a Key, Want),
    /// As [`crate::Store::find`]; found as [`Found::Page`].
    Find(&'a Query),
}

/// What a [`Read`] found.
#[derive(Clone, Debug, PartialEq)]
pub enum Found {
    /// See [`Read::Nothing`].
    Nothing,
    /// See [`Read::Get`].
    Record(Option<Box<Record>>),
    /// See [`Read::Find`].
    Page(Box<Page>),
}
