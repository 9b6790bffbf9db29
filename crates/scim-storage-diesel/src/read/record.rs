//! One record by its key, and rows of records.

use std::sync::Arc;

use diesel::QueryableByName;
use diesel::backend::Backend;
use diesel::deserialize::{self, FromSql};
use diesel::row::{Field as _, NamedRow};
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
use crate::postgres::{Gathered as _, Seek};

/// The columns of a [`Row`], in their order, of resources `r`: where the `externalId`, the document and the account come from.
macro_rules! record_columns {
    ($external_id:expr, $document:expr, $account:expr) => {
        concat!(
            "r.id, r.resource_type, r.version, r.membership, r.created_ms, r.modified_ms, ",
            $external_id,
            " AS external_id, r.display, r.manager, r.managed_by, r.direct_manager, ",
            $document,
            " AS document, ",
            $account,
            " AS account"
        )
    };
}
#[cfg(feature = "postgres")]
pub(crate) use record_columns;

/// A record as a row. Its columns are found by their places, which are those of [`record_columns`]: a page has a hundred rows, and
/// looking for their names would be a good part of what it costs.
pub(crate) struct Row {
    id: IdBytes,
    pub(crate) resource_type: String,
    version: i64,
    membership: i64,
    created_ms: i64,
    modified_ms: i64,
    external_id: Option<String>,
    display: Option<String>,
    manager: Option<String>,
    managed_by: Option<IdBytes>,
    direct_manager: Option<IdBytes>,
    document: Vec<u8>,
    account: Option<String>,
}

impl<D: Backend> QueryableByName<D> for Row
where
    i64: FromSql<BigInt, D>,
    String: FromSql<Text, D>,
    Vec<u8>: FromSql<Binary, D>,
    IdBytes: FromSql<Binary, D>,
{
    fn build<'a>(row: &impl NamedRow<'a, D>) -> deserialize::Result<Self> {
        Self::from(row, 0)
    }
}

impl Row {
    /// From the columns of a row that begin at a place.
    pub(crate) fn from<'a, D: Backend>(row: &impl NamedRow<'a, D>, first: usize) -> deserialize::Result<Self>
    where
        i64: FromSql<BigInt, D>,
        String: FromSql<Text, D>,
        Vec<u8>: FromSql<Binary, D>,
        IdBytes: FromSql<Binary, D>,
    {
        Ok(Self {
            id: at::<Binary, _, D>(row, first)?,
            resource_type: at::<Text, _, D>(row, first + 1)?,
            version: at::<BigInt, _, D>(row, first + 2)?,
            membership: at::<BigInt, _, D>(row, first + 3)?,
            created_ms: at::<BigInt, _, D>(row, first + 4)?,
            modified_ms: at::<BigInt, _, D>(row, first + 5)?,
            external_id: at::<Nullable<Text>, _, D>(row, first + 6)?,
            display: at::<Nullable<Text>, _, D>(row, first + 7)?,
            manager: at::<Nullable<Text>, _, D>(row, first + 8)?,
            managed_by: at::<Nullable<Binary>, _, D>(row, first + 9)?,
            direct_manager: at::<Nullable<Binary>, _, D>(row, first + 10)?,
            document: at::<Binary, _, D>(row, first + 11)?,
            account: at::<Nullable<Text>, _, D>(row, first + 12)?,
        })
    }
}

/// How many columns a [`Row`] has.
pub(super) const WIDTH: usize = 13;

/// The value of the column at a place.
pub(crate) fn at<'a, S, T: FromSql<S, D>, D: Backend>(
    row: &impl NamedRow<'a, D>,
    place: usize,
) -> deserialize::Result<T> {
    let field = diesel::row::Row::get(row, place).ok_or("a column is missing")?;
    T::from_nullable_sql(field.value())
}

impl Row {
    /// As what it stands for.
    pub(crate) fn record(self, resource_type: Arc<str>) -> Result<Record, StoreError> {
        Ok(Record {
            key: Key { resource_type, id: self.id.into() },
            version: Version(self.version),
            membership: self.membership,
            created: Timestamp::from_unix_millis(self.created_ms),
            modified: Timestamp::from_unix_millis(self.modified_ms),
            external_id: self.external_id,
            display: self.display,
            manager: self.manager,
            managed_by: self.managed_by.map(|id| ConnectorId::new(id.0)),
            direct_manager: self.direct_manager.map(ResourceId::from),
            account: account(self.account.as_deref())?,
            document: self.document.into(),
        })
    }
}

/// An id of a row, which takes no memory of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct IdBytes(pub(crate) Uuid);

impl From<IdBytes> for ResourceId {
    fn from(id: IdBytes) -> Self {
        Self::new(id.0)
    }
}

#[cfg(feature = "sqlite")]
impl FromSql<Binary, diesel::sqlite::Sqlite> for IdBytes {
    fn from_sql(mut value: diesel::sqlite::SqliteValue<'_, '_, '_>) -> deserialize::Result<Self> {
        Ok(Self(Uuid::from_slice(value.read_blob())?))
    }
}

#[cfg(feature = "postgres")]
impl FromSql<Binary, diesel::pg::Pg> for IdBytes {
    fn from_sql(value: diesel::pg::PgValue<'_>) -> deserialize::Result<Self> {
        Ok(Self(Uuid::from_slice(value.as_bytes())?))
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
    match (want.document, want.account, dialect) {
        (true, false, _) => record_columns!("l.external_id", "r.document", "NULL"),
        (true, true, _) => record_columns!("l.external_id", "r.document", "r.account"),
        #[cfg(feature = "sqlite")]
        (false, false, SqlDialect::Sqlite) => record_columns!("l.external_id", "x''", "NULL"),
        #[cfg(feature = "sqlite")]
        (false, true, SqlDialect::Sqlite) => record_columns!("l.external_id", "x''", "r.account"),
        #[cfg(feature = "postgres")]
        (false, false, SqlDialect::Postgres) => record_columns!("l.external_id", "CAST('' AS BYTEA)", "NULL"),
        #[cfg(feature = "postgres")]
        (false, true, SqlDialect::Postgres) => {
            record_columns!("l.external_id", "CAST('' AS BYTEA)", "r.account")
        }
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
