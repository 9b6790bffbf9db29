//! What nearly every request reads: one record, by its id or by what an index has, and with it the state of its instance's
//! access ([`scim_storage::AccessMark`]), in one statement of a fixed text (`super::fixed`).
//!
//! The columns of every statement are the state of access, which is always there, and, NULL where there is no record: id, version,
//! membership, times of creation and change, `externalId`, manager, display name, who manages it, direct manager, document, account.

use std::sync::Arc;

use bytes::Bytes;
use diesel::deserialize;
use diesel::sql_types::{BigInt, Binary, Nullable, Text};
use diesel::sqlite::{Sqlite, SqliteConnection};
use scim_core::instant::Timestamp;
use scim_directory::{ConnectorId, Key, Record, ResourceId, Scope, Version};
use scim_storage::{AccessMark, Page, Query as Asked, StoreError, Want};

use super::direct::{Current, Each};
use super::fixed::{Fixed, Value, each_of, fixed};
use crate::error::{damaged, store_error};
use crate::filter_sql::{LookUp, asked, page_of};
use crate::read::{IdBytes, account, at, connector};

/// Up to the first value, which is the instance's id.
macro_rules! access {
    () => {
        "SELECT coalesce((SELECT a.generation FROM access a WHERE a.instance_id = "
    };
}

/// Behind the first value. One row is always there, so that the state is told of nobody, too.
macro_rules! record {
    ($document:literal, $account:literal, $from:literal) => {
        record!("r.display, r.managed_by, r.direct_manager", $document, $account, $from)
    };
    ($facts:literal, $document:literal, $account:literal, $from:literal) => {
        concat!(
            "), 0), r.id, r.version, r.membership, r.created_ms, r.modified_ms, l.external_id, r.manager, ",
            $facts,
            ", ",
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
    /// What is shown of a record, by its id: instance twice, id, type, connector.
    Shown [access!(), record!("NULL, NULL, NULL", "r.document", "NULL", "LEFT JOIN resources r ON r.instance_id = "), BY_ID, OF_TYPE, LINK, LINKED];
    /// The same with what decisions ask.
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

/// What a statement found: the state of access, which every row has, and a record, where there is one.
struct Sought<'s> {
    resource_type: &'s Arc<str>,
    mark: AccessMark,
    rows: usize,
    record: Option<Record>,
}

impl Each for Sought<'_> {
    fn row<'a>(&mut self, row: &impl Current<'a>) -> deserialize::Result<()> {
        self.rows += 1;
        let number = |place| at::<BigInt, i64, Sqlite>(row, place);
        let id = |place| at::<Nullable<Binary>, Option<IdBytes>, Sqlite>(row, place);
        let text = |place| at::<Nullable<Text>, Option<String>, Sqlite>(row, place);
        self.mark = AccessMark(number(0)?);
        let Some(own) = id(1)? else { return Ok(()) };
        let account = row.with(12, |value| account(Some(value.read_text())))?;
        let document = row.with(11, |document| Bytes::copy_from_slice(document.read_blob()))?;
        self.record = Some(Record {
            key: Key { resource_type: Arc::clone(self.resource_type), id: own.into() },
            version: Version(number(2)?),
            membership: number(3)?,
            created: Timestamp::from_unix_millis(number(4)?),
            modified: Timestamp::from_unix_millis(number(5)?),
            external_id: text(6)?,
            manager: text(7)?,
            display: text(8)?,
            managed_by: id(9)?.map(|id| ConnectorId::new(id.0)),
            direct_manager: id(10)?.map(ResourceId::from),
            account: account.transpose()?.flatten(),
            document: document.unwrap_or_default(),
        });
        Ok(())
    }
}

fn seek<'s, F: Fixed>(
    connection: &mut SqliteConnection,
    resource_type: &'s Arc<str>,
    values: &[Value<'_>],
) -> Result<Sought<'s>, StoreError> {
    let mut sought = Sought { resource_type, mark: AccessMark(0), rows: 0, record: None };
    each_of::<F>(connection, values, &mut sought).map_err(store_error)?;
    if sought.rows == 0 { Err(damaged("a read")) } else { Ok(sought) }
}

/// The record of that key, and the state of its instance's access.
pub(crate) fn get(
    connection: &mut SqliteConnection,
    scope: &Scope,
    key: &Key,
    want: Want,
) -> Result<(AccessMark, Option<Record>), StoreError> {
    let (instance, id, connector) = (scope.instance.uuid(), key.id.uuid(), connector(scope));
    let values = [
        Value::Id(instance),
        Value::Id(instance),
        Value::Id(id),
        Value::Text(&key.resource_type),
        Value::Blob(&connector),
    ];
    let seek = match (want.document, want.account) {
        (true, false) if !want.facts => seek::<Shown>,
        (true, false) => seek::<Plain>,
        (true, true) => seek::<Full>,
        (false, false) => seek::<Head>,
        (false, true) => seek::<Account>,
    };
    let sought = seek(connection, &key.resource_type, &values)?;
    Ok((sought.mark, sought.record))
}

/// The page of a query that looks one record up by a value of an index, and the state of its instance's access; `None` where
/// the query is of another kind, or finds several.
pub(crate) fn find(
    connection: &mut SqliteConnection,
    scope: &Scope,
    query: &Asked,
) -> Result<Option<(AccessMark, Page)>, StoreError> {
    let Some((resource_type, look_up)) = asked(query) else { return Ok(None) };
    let (instance, connector) = (scope.instance.uuid(), connector(scope));
    let by_key = |path, key| {
        [
            Value::Id(instance),
            Value::Id(instance),
            Value::Text(resource_type),
            Value::Text(path),
            Value::Text(key),
            Value::Blob(&connector),
        ]
    };
    let sought = match look_up {
        LookUp::Id(id) => {
            let key = Key { resource_type: Arc::clone(resource_type), id };
            let (mark, record) = get(connection, scope, &key, query.want)?;
            return Ok(Some((mark, page_of(query, record.into_iter().collect()))));
        }
        LookUp::Unique(ref path, key) => seek::<Unique>(connection, resource_type, &by_key(path, key)),
        LookUp::Searched(ref path, key) => seek::<Searched>(connection, resource_type, &by_key(path, key)),
        LookUp::External(key) => {
            let values = [
                Value::Id(instance),
                Value::Id(instance),
                Value::Blob(&connector),
                Value::Text(key),
                Value::Text(resource_type),
                Value::Blob(&connector),
            ];
            seek::<External>(connection, resource_type, &values)
        }
    }?;
    // Of several the order and the total are to be found out.
    let found = (sought.rows == 1).then(|| page_of(query, sought.record.into_iter().collect()));
    Ok(found.map(|page| (sought.mark, page)))
}
