//! One record by its key, and rows of records.

use std::sync::Arc;

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Binary, Nullable, Text};
use scim_core::instant::Timestamp;
use scim_directory::{Account, ConnectorId, Key, Record, ResourceId, Scope, Version};
use scim_storage::{StoreError, Want};
use uuid::Uuid;

use crate::connection::{Connection, SqlDialect};
use crate::error::damaged;
#[cfg(feature = "postgres")]
use crate::error::store_error;
#[cfg(feature = "postgres")]
use crate::postgres::Seek;

/// A record as a row.
#[derive(QueryableByName)]
pub(crate) struct Row {
    #[diesel(sql_type = Binary)]
    pub(crate) id: Vec<u8>,
    #[diesel(sql_type = Text)]
    pub(crate) resource_type: String,
    #[diesel(sql_type = BigInt)]
    version: i64,
    #[diesel(sql_type = BigInt)]
    membership: i64,
    #[diesel(sql_type = BigInt)]
    created_ms: i64,
    #[diesel(sql_type = BigInt)]
    modified_ms: i64,
    #[diesel(sql_type = Nullable<Text>)]
    external_id: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    display: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    manager: Option<String>,
    #[diesel(sql_type = Nullable<Binary>)]
    managed_by: Option<Vec<u8>>,
    #[diesel(sql_type = Nullable<Binary>)]
    direct_manager: Option<Vec<u8>>,
    #[diesel(sql_type = Binary)]
    document: Vec<u8>,
    #[diesel(sql_type = Nullable<Text>)]
    account: Option<String>,
}

impl Row {
    pub(crate) fn record(self, resource_type: Arc<str>) -> Result<Record, StoreError> {
        let managed_by = self.managed_by.as_deref().map(Uuid::from_slice).transpose();
        Ok(Record {
            key: Key { resource_type, id: resource_id(&self.id)? },
            version: Version(self.version),
            membership: self.membership,
            created: Timestamp::from_unix_millis(self.created_ms),
            modified: Timestamp::from_unix_millis(self.modified_ms),
            external_id: self.external_id,
            display: self.display,
            manager: self.manager,
            managed_by: managed_by.map_err(|_| damaged("an id"))?.map(ConnectorId::new),
            direct_manager: self.direct_manager.as_deref().map(resource_id).transpose()?,
            account: account(self.account.as_deref())?,
            document: self.document,
        })
    }
}

/// An id as it is stored.
pub(crate) fn resource_id(bytes: &[u8]) -> Result<ResourceId, StoreError> {
    Uuid::from_slice(bytes).map(ResourceId::new).map_err(|_| damaged("an id"))
}

/// An account as it is stored.
pub(crate) fn account(text: Option<&str>) -> Result<Option<Box<Account>>, StoreError> {
    text.map(serde_json::from_str).transpose().map_err(|_| damaged("an account"))
}

/// The columns of a [`Row`], of resources `r` with their link `l`; what is not wanted is not read.
pub(super) fn columns(dialect: SqlDialect, want: Want) -> &'static str {
    macro_rules! columns {
        ($document:literal, $account:literal) => {
            concat!(
                "r.id, r.resource_type, r.version, r.membership, r.created_ms, r.modified_ms, l.external_id, \
                 r.display, r.manager, r.managed_by, r.direct_manager, ",
                $document,
                " AS document, ",
                $account,
                " AS account"
            )
        };
    }
    match (want.document, want.account, dialect) {
        (true, false, _) => columns!("r.document", "NULL"),
        (true, true, _) => columns!("r.document", "r.account"),
        #[cfg(feature = "sqlite")]
        (false, false, SqlDialect::Sqlite) => columns!("x''", "NULL"),
        #[cfg(feature = "sqlite")]
        (false, true, SqlDialect::Sqlite) => columns!("x''", "r.account"),
        #[cfg(feature = "postgres")]
        (false, false, SqlDialect::Postgres) => columns!("CAST('' AS BYTEA)", "NULL"),
        #[cfg(feature = "postgres")]
        (false, true, SqlDialect::Postgres) => columns!("CAST('' AS BYTEA)", "r.account"),
    }
}

/// The scope's connector as it is stored; nil, which no connector has, for calls without one.
pub(crate) fn connector(scope: &Scope) -> [u8; 16] {
    scope.connector.map_or([0; 16], |connector| connector.uuid().into_bytes())
}

/// The record of that key.
pub(crate) fn get(
    connection: &mut Connection,
    scope: &Scope,
    key: &Key,
    want: Want,
) -> Result<Option<Record>, StoreError> {
    match connection {
        #[cfg(feature = "sqlite")]
        Connection::Sqlite(connection) => {
            crate::sqlite::quick::get(connection, scope, key, want).map(|(_, record)| record)
        }
        #[cfg(feature = "postgres")]
        Connection::Postgres(link) => {
            let seek = Seek::get(scope, key, want);
            let rows = link.rows(&seek.statement()).map_err(store_error)?;
            Ok(seek.found(rows)?.records.pop())
        }
    }
}
