//! The log, in commit order or against it.
//!
//! A filter is answered from one index, chosen by what it names: positions come from there, a page of each branch of the
//! filter (an id, an action at a connector, a status), and the rows are read for the merged page alone. What else the
//! filter asks is held against the rows that the index gives.

use std::collections::BTreeSet;

use diesel::sql_types::{BigInt, Binary, Nullable, Text};
use diesel::{QueryResult, QueryableByName};
use scim_core::instant::Timestamp;
use scim_core::text::Matching;
use scim_directory::{
    Actor, AdminKeyId, ConnectorId, IntegrationUserId, KeyId, LogStatus, Position, ResourceId, Scope,
};
use scim_storage::{About, JournalEntry, JournalPage, JournalQuery, StoreError};
use uuid::Uuid;

use super::branch::{Branch, action_branches};
use super::window::{complete_until, first_from, last_before};
use crate::connection::Connection;
use crate::error::{damaged, store_error};
use crate::logged;
use crate::sql::{Statement, word};

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = BigInt)]
    position: i64,
    #[diesel(sql_type = BigInt)]
    at_ms: i64,
    #[diesel(sql_type = BigInt)]
    elapsed_ms: i64,
    #[diesel(sql_type = Binary)]
    connector_id: Vec<u8>,
    #[diesel(sql_type = Nullable<Binary>)]
    key_id: Option<Vec<u8>>,
    #[diesel(sql_type = Nullable<Binary>)]
    user_id: Option<Vec<u8>>,
    #[diesel(sql_type = Nullable<Binary>)]
    admin_key_id: Option<Vec<u8>>,
    #[diesel(sql_type = Text)]
    request_id: String,
    #[diesel(sql_type = Text)]
    action: String,
    #[diesel(sql_type = Text)]
    status: String,
    #[diesel(sql_type = Nullable<Text>)]
    resource_type: Option<String>,
    #[diesel(sql_type = Nullable<Binary>)]
    resource_id: Option<Vec<u8>>,
    #[diesel(sql_type = Text)]
    record: String,
}

#[derive(QueryableByName)]
struct Place {
    #[diesel(sql_type = BigInt)]
    position: i64,
}

/// The bytes of a name by which log records are found at most; an entry of PostgreSQL's indexes has 2,704.
const LONGEST_NAME: usize = 1000;

/// A name as log records without an id are found by it; a very long one by its beginning.
pub(crate) fn name_key(name: &str) -> String {
    let mut key = Matching::UserName.key(name).into_owned();
    key.truncate(key.floor_char_boundary(LONGEST_NAME));
    key
}

/// A page of log records.
pub(crate) fn journal(
    connection: &mut Connection,
    scope: &Scope,
    query: &JournalQuery,
) -> Result<JournalPage, StoreError> {
    let until = match query.newest_first {
        true => i64::MAX,
        false => complete_until(connection, scope).map_err(store_error)?,
    };
    connection.snapshot(|connection| page(connection, scope, query, until)).map_err(store_error)?
}

fn page(
    connection: &mut Connection,
    scope: &Scope,
    query: &JournalQuery,
    until: i64,
) -> Result<JournalPage, StoreError> {
    let instance = scope.instance.uuid().into_bytes();
    let Some((first, last)) = window(connection, &instance, query, until).map_err(store_error)? else {
        return Ok(JournalPage::default());
    };
    let mut positions = BTreeSet::new();
    for statement in look_ups(connection, &instance, query, (first, last))? {
        let found: Vec<Place> = statement.rows(connection).map_err(store_error)?;
        positions.extend(found.into_iter().map(|place| place.position));
    }
    let more = positions.len() > query.limit;
    let wanted: Vec<i64> = if query.newest_first {
        positions.into_iter().rev().take(query.limit).collect()
    } else {
        positions.into_iter().take(query.limit).collect()
    };
    let order = order(query);
    let rows: Vec<Row> = Statement::new(format!(
        "SELECT position, at_ms, elapsed_ms, connector_id, key_id, user_id, admin_key_id, request_id, \
         action, status, resource_type, resource_id, record FROM journal \
         WHERE instance_id = ? AND position {} ORDER BY position {order}",
        connection.dialect().one_of_integers()
    ))
    .blob(instance)
    .integers(wanted)
    .keep()
    .rows(connection)
    .map_err(store_error)?;
    let entries = rows.into_iter().map(entry).collect::<Result<_, _>>()?;
    Ok(JournalPage { entries, more })
}

fn order(query: &JournalQuery) -> &'static str {
    if query.newest_first { "DESC" } else { "ASC" }
}

/// A page of positions from each branch; one more than wanted tells whether there are more.
fn look_ups(
    connection: &mut Connection,
    instance: &[u8],
    query: &JournalQuery,
    (first, last): (i64, i64),
) -> Result<Vec<Statement>, StoreError> {
    let limit = i64::try_from(query.limit).unwrap_or(i64::MAX).saturating_add(1);
    let order = order(query);
    let conditions = conditions(query)?;
    let branches = branches(connection, instance, query)?.into_iter();
    let look_up = |branch: Branch| {
        let position = branch.position();
        let mut statement = branch.statement(instance);
        let window = Statement::new(format!(" AND {position} >= ? AND {position} <= ?"));
        statement.push(window.integer(first).integer(last));
        statement.push(conditions.clone());
        statement.push(Statement::new(format!(" ORDER BY {position} {order} LIMIT ?")).integer(limit));
        statement
    };
    Ok(branches.map(look_up).collect())
}

/// The first and the last position that can be on the page; `None` where there is none.
fn window(
    connection: &mut Connection,
    instance: &[u8],
    query: &JournalQuery,
    until: i64,
) -> QueryResult<Option<(i64, i64)>> {
    let (mut first, mut last) = (i64::MIN, until.saturating_sub(1));
    match (query.after, query.newest_first) {
        (Some(after), false) => first = after.0.saturating_add(1),
        (Some(after), true) => last = last.min(after.0.saturating_sub(1)),
        (None, _) => {}
    }
    if let Some(from) = query.filter.from {
        let Some(position) = first_from(connection, instance, from)? else { return Ok(None) };
        first = first.max(position);
    }
    if let Some(until) = query.filter.until {
        let Some(before) = last_before(connection, instance, until)? else { return Ok(None) };
        last = last.min(before.record);
    }
    Ok((first <= last).then_some((first, last)))
}

/// What every row must satisfy, whichever index gave it.
fn conditions(query: &JournalQuery) -> Result<Statement, StoreError> {
    let filter = &query.filter;
    let mut conditions = Statement::default();
    if let Some(from) = filter.from {
        conditions.push(Statement::new(" AND j.at_ms >= ?").integer(from.unix_millis()));
    }
    if let Some(until) = filter.until {
        conditions.push(Statement::new(" AND j.at_ms < ?").integer(until.unix_millis()));
    }
    if let Some(connector) = filter.connector {
        conditions.push(Statement::new(" AND j.connector_id = ?").blob(connector.uuid().into_bytes()));
    }
    for (column, words) in [
        ("action", filter.actions.iter().map(word).collect::<Result<Vec<_>, _>>()?),
        ("status", filter.statuses.iter().map(word).collect::<Result<Vec<_>, _>>()?),
    ] {
        if !words.is_empty() {
            let words = words.into_iter().map(|word| Statement::new("?").text(word)).collect();
            conditions.push_str(&format!(" AND j.{column} IN "));
            conditions.push(Statement::joined(words, ", "));
        }
    }
    Ok(conditions)
}

/// The index that answers, in as many branches as the filter names.
fn branches(
    connection: &mut Connection,
    instance: &[u8],
    query: &JournalQuery,
) -> Result<Vec<Branch>, StoreError> {
    let filter = &query.filter;
    if let Some(About { ids, name }) = &filter.about {
        let of = |id: &ResourceId| {
            let id = id.uuid().into_bytes();
            [Branch::Resource(id), Branch::Member(id)]
        };
        let mut branches: Vec<_> = ids.iter().flat_map(of).collect();
        branches.extend(name.as_deref().map(|name| Branch::Name(name_key(name))));
        return Ok(branches);
    }
    if !filter.statuses.is_empty() && !filter.statuses.contains(&LogStatus::Success) {
        return filter.statuses.iter().map(|status| Ok(Branch::Status(word(status)?))).collect();
    }
    if !filter.actions.is_empty() || filter.connector.is_some() {
        let actions = filter.actions.iter().map(word).collect::<Result<Vec<_>, _>>()?;
        return action_branches(connection, instance, filter.connector, &actions).map_err(store_error);
    }
    Ok(vec![Branch::All])
}

fn entry(row: Row) -> Result<JournalEntry, StoreError> {
    let id = |bytes: &[u8]| Uuid::from_slice(bytes).map_err(|_| damaged("an id"));
    let optional = |bytes: Option<Vec<u8>>| bytes.as_deref().map(id).transpose();
    let connector = id(&row.connector_id)?;
    let columns = logged::Columns {
        action: &row.action,
        status: &row.status,
        resource_type: row.resource_type.as_deref(),
        resource: optional(row.resource_id)?.map(ResourceId::new),
    };
    let record = logged::read(&row.record, &columns)?;
    Ok(JournalEntry {
        position: Position(row.position),
        at: Timestamp::from_unix_millis(row.at_ms),
        elapsed_ms: u32::try_from(row.elapsed_ms).unwrap_or(u32::MAX),
        actor: Actor {
            connector: (!connector.is_nil()).then(|| ConnectorId::new(connector)),
            key: optional(row.key_id)?.map(KeyId::new),
            admin: optional(row.admin_key_id)?.map(AdminKeyId::new),
            user: optional(row.user_id)?.map(IntegrationUserId::new),
        },
        request_id: row.request_id,
        record,
    })
}

#[cfg(test)]
#[cfg(feature = "sqlite")]
mod tests {
    use scim_directory::{Action, InstanceId};
    use scim_storage::JournalFilter;

    use super::*;
    use crate::sqlite::blank;

    /// That each look-up of a filter is a seek in the index of its turn, and that nothing is sorted.
    fn check(filter: &JournalFilter, expected: &[&str]) {
        let (mut connection, _directory) = blank();
        let instance = InstanceId::new(Uuid::from_u128(1)).uuid().into_bytes();
        for newest_first in [false, true] {
            let query = JournalQuery { after: None, limit: 100, newest_first, filter: filter.clone() };
            let look_ups = look_ups(&mut connection, &instance, &query, (1, 9)).expect("look-ups");
            let plans: Vec<Vec<String>> = look_ups.into_iter().map(Statement::plan).collect();
            assert_eq!(plans.len(), expected.len(), "{plans:#?}");
            for (plan, expected) in plans.iter().zip(expected) {
                assert!(plan.iter().all(|step| step.starts_with("SEARCH ")), "{plan:#?}");
                assert!(plan[0].contains(expected), "{plan:#?}");
            }
        }
    }

    #[test]
    fn every_filter_is_a_seek() {
        let all = JournalFilter::default;
        check(&all(), &["journal_by_instance (instance_id=? AND rowid>? AND rowid<?)"]);
        let about = About { ids: vec![ResourceId::new(Uuid::from_u128(2))], name: Some("Mira".to_owned()) };
        check(
            &JournalFilter { about: Some(about), actions: vec![Action::Created], ..all() },
            &[
                "journal_by_resource (instance_id=? AND resource_id=? AND rowid>? AND rowid<?)",
                "(instance_id=? AND member_id=?",
                "journal_by_name (instance_id=? AND name_key=? AND rowid>? AND rowid<?)",
            ],
        );
        let status = "journal_by_status (instance_id=? AND status=? AND rowid>? AND rowid<?)";
        check(
            &JournalFilter { statuses: vec![LogStatus::Failure, LogStatus::Held], ..all() },
            &[status, status],
        );
        let action =
            "journal_by_action (instance_id=? AND connector_id=? AND action=? AND rowid>? AND rowid<?)";
        let connector = Some(ConnectorId::new(Uuid::from_u128(3)));
        check(&JournalFilter { connector, actions: vec![Action::Created], ..all() }, &[action]);
    }
}
