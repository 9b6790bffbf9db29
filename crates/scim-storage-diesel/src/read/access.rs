//! Reads under a mark: what is found, unless access has changed since the mark was given.

use scim_directory::{InstanceId, Key, Record, Scope};
use scim_storage::{AccessMark, Page, Query, StoreError, Want};

use super::find::find_of;
#[cfg(feature = "sqlite")]
use super::find::frequent;
pub(crate) use super::keys::{marked_key, of_marked_key};
use super::listed::Source;
use crate::connection::Connection;
use crate::error::store_error;
use crate::sql::{Number, Statement};

/// Whether a mark of an instance's still holds.
pub(crate) fn holds(
    connection: &mut Connection,
    instance: InstanceId,
    mark: AccessMark,
) -> Result<bool, StoreError> {
    let now = Statement::kept("SELECT generation AS n FROM access WHERE instance_id = ?")
        .blob(instance.uuid().into_bytes())
        .row::<Number>(connection)
        .map_err(store_error)?;
    Ok(now.map_or(0, |row| row.n) == mark.0)
}

/// The record of that key, unless access has changed.
pub(crate) fn get_under(
    connection: &mut Connection,
    mark: AccessMark,
    scope: &Scope,
    key: &Key,
    want: Want,
) -> Result<Option<Option<Record>>, StoreError> {
    match connection {
        #[cfg(feature = "sqlite")]
        Connection::Sqlite(connection) => {
            let (now, record) = crate::sqlite::quick::get(connection, scope, key, want)?;
            Ok((now == mark).then_some(record))
        }
        #[cfg(feature = "postgres")]
        Connection::Postgres(_) => {
            if !holds(connection, scope.instance, mark)? {
                return Ok(None);
            }
            super::get(connection, scope, key, want).map(Some)
        }
    }
}

/// A page, unless access has changed.
pub(crate) fn find_under(
    connection: &mut Connection,
    mark: AccessMark,
    scope: &Scope,
    query: &Query,
) -> Result<Option<Page>, StoreError> {
    #[cfg(feature = "sqlite")]
    if let Some((now, page)) = frequent(connection, scope, query)? {
        return Ok((now == mark).then_some(page));
    }
    if !holds(connection, scope.instance, mark)? {
        return Ok(None);
    }
    find_of(connection, scope, query, &Source::Table).map(Some)
}
