//! What nearly every request reads: one record, by its id or by what an index has, and with it the state of its instance's
//! access ([`scim_storage::AccessMark`]), in one statement of a fixed text.
//!
//! Diesel finds such a statement prepared by its Rust type, without putting its text together, and its columns are read by their
//! places, without looking for their names. That is most of what such a read costs.

use std::marker::PhantomData;
use std::sync::Arc;

use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{BigInt, Binary, Nullable, Text};
use diesel::sqlite::{Sqlite, SqliteConnection};
use diesel::{QueryResult, RunQueryDsl};
use scim_core::instant::Timestamp;
use scim_directory::{ConnectorId, Key, Record, Scope, Version};
use scim_storage::{AccessMark, Page, Query as Asked, StoreError, Want};
use uuid::Uuid;

use crate::error::{damaged, store_error};
use crate::filter_sql::{LookUp, asked, page_of};
use crate::read::{account, connector, resource_id};

/// The columns of every statement here. The first is always there; the others are NULL where there is no record.
type Columns = (
    BigInt,
    Nullable<Binary>,
    Nullable<BigInt>,
    Nullable<BigInt>,
    Nullable<BigInt>,
    Nullable<BigInt>,
    Nullable<Text>,
    Nullable<Text>,
    Nullable<Text>,
    Nullable<Binary>,
    Nullable<Binary>,
    Nullable<Binary>,
    Nullable<Text>,
);
/// The same as values: the state of access, id, version, membership, times of creation and change, `externalId`, display
/// name, manager, who manages it, direct manager, document, account.
type Row = (
    i64,
    Option<Vec<u8>>,
    Option<i64>,
    Option<i64>,
    Option<i64>,
    Option<i64>,
    Option<String>,
    Option<String>,
    Option<String>,
    Option<Vec<u8>>,
    Option<Vec<u8>>,
    Option<Vec<u8>>,
    Option<String>,
);

/// A text that never changes.
trait Fixed: 'static {
    /// Its pieces, with a value behind each but the last.
    const PIECES: &'static [&'static str];
}

macro_rules! fixed {
    ($($(#[$doc:meta])* $name:ident [$($piece:expr),* $(,)?];)*) => {$(
        $(#[$doc])*
        struct $name;

        impl Fixed for $name {
            const PIECES: &'static [&'static str] = &[$($piece),*];
        }
    )*};
}

/// Up to the first value, which is the instance's id.
macro_rules! access {
    () => {
        "SELECT coalesce((SELECT a.generation FROM access a WHERE a.instance_id = "
    };
}

/// Behind the first value. One row is always there, so that the state is told of nobody, too.
macro_rules! record {
    ($document:literal, $account:literal, $from:literal) => {
        concat!(
            "), 0), r.id, r.version, r.membership, r.created_ms, r.modified_ms, l.external_id, r.display, r.manager, \
             r.managed_by, r.direct_manager, ",
            $document,
            ", ",
            $account,
            " FROM (SELECT 1) ",
            $from
        )
    };
}

const BY_ID: &str = " AND r.id = ";
const OF_TYPE: &str = " AND r.resource_type = ";
const LINK: &str = " LEFT JOIN links l ON l.instance_id = r.instance_id AND l.connector_id = ";
const LINKED: &str = " AND l.id = r.id";
const LINKED_TWO: &str = " AND l.id = r.id LIMIT 2";

fixed! {
    /// A record by its id: instance twice, id, type, connector.
    Plain [access!(), record!("r.document", "NULL", "LEFT JOIN resources r ON r.instance_id = "), BY_ID, OF_TYPE, LINK, LINKED];
    /// The same with its account.
    Full [access!(), record!("r.document", "r.account", "LEFT JOIN resources r ON r.instance_id = "), BY_ID, OF_TYPE, LINK, LINKED];
    /// The same without its document.
    Head [access!(), record!("x''", "NULL", "LEFT JOIN resources r ON r.instance_id = "), BY_ID, OF_TYPE, LINK, LINKED];
    /// The same with its account and without its document.
    Account [access!(), record!("x''", "r.account", "LEFT JOIN resources r ON r.instance_id = "), BY_ID, OF_TYPE, LINK, LINKED];
    /// Two records at most by a unique key: instance twice, type, path, key, connector.
    Unique [
        access!(), record!("r.document", "NULL", "LEFT JOIN unique_keys k ON k.instance_id = "),
        " AND k.resource_type = ", " AND k.path = ", " AND k.key = ",
        concat!(
            " LEFT JOIN resources r ON r.instance_id = k.instance_id AND r.id = k.id",
            " LEFT JOIN links l ON l.instance_id = r.instance_id AND l.connector_id = "
        ),
        LINKED_TWO,
    ];
    /// The same by a key that is not unique.
    Searched [
        access!(), record!("r.document", "NULL", "LEFT JOIN search_keys k ON k.instance_id = "),
        " AND k.resource_type = ", " AND k.path = ", " AND k.key = ",
        concat!(
            " LEFT JOIN resources r ON r.instance_id = k.instance_id AND r.id = k.id",
            " LEFT JOIN links l ON l.instance_id = r.instance_id AND l.connector_id = "
        ),
        LINKED_TWO,
    ];
    /// The same by `externalId`: instance twice, connector, key, type, connector.
    External [
        access!(), record!("r.document", "NULL", "LEFT JOIN links k ON k.instance_id = "),
        " AND k.connector_id = ", " AND k.external_id = ",
        " LEFT JOIN resources r ON r.instance_id = k.instance_id AND r.id = k.id AND r.resource_type = ",
        LINK, LINKED_TWO,
    ];
}

/// A value of a statement.
#[derive(Clone, Copy)]
enum Value<'v> {
    Blob(&'v [u8]),
    Text(&'v str),
}

/// A fixed text with its values.
struct Filled<'v, F> {
    values: &'v [Value<'v>],
    text: PhantomData<F>,
}

impl<F: Fixed> QueryFragment<Sqlite> for Filled<'_, F> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        let mut values = self.values.iter();
        for piece in F::PIECES {
            out.push_sql(piece);
            match values.next() {
                Some(Value::Blob(value)) => out.push_bind_param::<Binary, [u8]>(value)?,
                Some(Value::Text(value)) => out.push_bind_param::<Text, str>(value)?,
                None => {}
            }
        }
        Ok(())
    }
}

impl<F: Fixed> QueryId for Filled<'_, F> {
    type QueryId = F;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl<F> Query for Filled<'_, F> {
    type SqlType = Columns;
}

impl<F> RunQueryDsl<SqliteConnection> for Filled<'_, F> {}

fn rows<F: Fixed>(connection: &mut SqliteConnection, values: &[Value<'_>]) -> Result<Vec<Row>, StoreError> {
    Filled { values, text: PhantomData::<F> }.load(connection).map_err(store_error)
}

/// The record of that key, and the state of its instance's access.
pub(crate) fn get(
    connection: &mut SqliteConnection,
    scope: &Scope,
    key: &Key,
    want: Want,
) -> Result<(AccessMark, Option<Record>), StoreError> {
    let (instance, id, connector) = (instance(scope), key.id.uuid(), connector(scope));
    let values = [
        Value::Blob(&instance),
        Value::Blob(&instance),
        Value::Blob(id.as_bytes()),
        Value::Text(&key.resource_type),
        Value::Blob(&connector),
    ];
    let rows = match (want.document, want.account) {
        (true, false) => rows::<Plain>(connection, &values),
        (true, true) => rows::<Full>(connection, &values),
        (false, false) => rows::<Head>(connection, &values),
        (false, true) => rows::<Account>(connection, &values),
    };
    let row = rows?.into_iter().next().ok_or_else(|| damaged("a read"))?;
    let mark = AccessMark(row.0);
    Ok((mark, record(row, &key.resource_type)?))
}

/// The page of a query that looks one record up by a value of an index, and the state of its instance's access; `None` where
/// the query is of another kind, or finds several.
pub(crate) fn find(
    connection: &mut SqliteConnection,
    scope: &Scope,
    query: &Asked,
) -> Result<Option<(AccessMark, Page)>, StoreError> {
    let Some((resource_type, look_up)) = asked(query) else { return Ok(None) };
    let (instance, connector) = (instance(scope), connector(scope));
    let by_key = |path, key| {
        [
            Value::Blob(&instance),
            Value::Blob(&instance),
            Value::Text(resource_type),
            Value::Text(path),
            Value::Text(key),
            Value::Blob(&connector),
        ]
    };
    let mut rows = match look_up {
        LookUp::Id(id) => {
            let key = Key { resource_type: Arc::clone(resource_type), id };
            let (mark, record) = get(connection, scope, &key, query.want)?;
            return Ok(Some((mark, page_of(query, record.into_iter().collect()))));
        }
        LookUp::Unique(ref path, key) => rows::<Unique>(connection, &by_key(path, key)),
        LookUp::Searched(ref path, key) => rows::<Searched>(connection, &by_key(path, key)),
        LookUp::External(key) => {
            let values = [
                Value::Blob(&instance),
                Value::Blob(&instance),
                Value::Blob(&connector),
                Value::Text(key),
                Value::Text(resource_type),
                Value::Blob(&connector),
            ];
            rows::<External>(connection, &values)
        }
    }?;
    // Of several the order and the total are to be found out.
    let (Some(row), true) = (rows.pop(), rows.is_empty()) else { return Ok(None) };
    let mark = AccessMark(row.0);
    let records: Vec<Record> = record(row, resource_type)?.into_iter().collect();
    Ok(Some((mark, page_of(query, records))))
}

fn instance(scope: &Scope) -> [u8; 16] {
    scope.instance.uuid().into_bytes()
}

fn record(row: Row, resource_type: &Arc<str>) -> Result<Option<Record>, StoreError> {
    let (
        _,
        id,
        version,
        membership,
        created,
        modified,
        external_id,
        display,
        manager,
        managed_by,
        direct_manager,
        document,
        own,
    ) = row;
    let Some(id) = id else { return Ok(None) };
    let number = |number: Option<i64>| number.ok_or_else(|| damaged("a record"));
    let managed_by = managed_by.as_deref().map(Uuid::from_slice).transpose();
    Ok(Some(Record {
        key: Key { resource_type: Arc::clone(resource_type), id: resource_id(&id)? },
        version: Version(number(version)?),
        membership: number(membership)?,
        created: Timestamp::from_unix_millis(number(created)?),
        modified: Timestamp::from_unix_millis(number(modified)?),
        external_id,
        display,
        manager,
        managed_by: managed_by.map_err(|_| damaged("an id"))?.map(ConnectorId::new),
        direct_manager: direct_manager.as_deref().map(resource_id).transpose()?,
        account: account(own.as_deref())?,
        document: document.unwrap_or_default().into(),
    }))
}
