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
use crate::sql::Statement;

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

#[cfg(feature = "postgres")]
const DOCUMENT_OF_POSTGRES: &str = "SELECT r.id, r.resource_type, r.version, r.membership, r.created_ms, r.modified_ms, \
    l.external_id, r.display, r.manager, r.managed_by, r.direct_manager, r.document, NULL::text AS account \
    FROM resources r LEFT JOIN links l ON l.instance_id = r.instance_id AND l.connector_id = $1 AND l.id = r.id \
    WHERE r.instance_id = $2 AND r.id = $3 AND r.resource_type = $4";

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
        Connection::Postgres(_) => {
            let rows = record(connection.dialect(), scope, key, want)
                .rows(connection)
                .map_err(crate::error::store_error)?;
            of_record(rows, key)
        }
    }
}

/// What asks for it.
pub(crate) fn record(dialect: SqlDialect, scope: &Scope, key: &Key, want: Want) -> Statement {
    let statement = match (dialect, want) {
        // The usual one, which nobody has to put together.
        #[cfg(feature = "postgres")]
        (SqlDialect::Postgres, Want { document: true, account: false }) => {
            Statement::of_postgres(DOCUMENT_OF_POSTGRES)
        }
        _ => Statement::new(format!(
            "SELECT {} FROM resources r \
             LEFT JOIN links l ON l.instance_id = r.instance_id AND l.connector_id = ? AND l.id = r.id \
             WHERE r.instance_id = ? AND r.id = ? AND r.resource_type = ?",
            columns(dialect, want)
        ))
        .keep(),
    };
    statement
        .blob(connector(scope))
        .blob(scope.instance.uuid().into_bytes())
        .blob(key.id.uuid().into_bytes())
        .text(&*key.resource_type)
}

/// What it answers.
pub(crate) fn of_record(rows: Vec<Row>, key: &Key) -> Result<Option<Record>, StoreError> {
    rows.into_iter().next().map(|row| row.record(Arc::clone(&key.resource_type))).transpose()
}
