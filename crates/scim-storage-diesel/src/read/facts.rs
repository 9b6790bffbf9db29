//! Answers to the questions that a decision asks.

use std::sync::Arc;

#[cfg(feature = "sqlite")]
use diesel::sql_types::BigInt;
use diesel::sql_types::{Binary, Nullable, Text};
use diesel::{QueryResult, QueryableByName};
#[cfg(feature = "sqlite")]
use scim_core::instant::Timestamp;
#[cfg(feature = "sqlite")]
use scim_core::text::Matching;
use scim_directory::{Fact, Key, Question, Record, ResourceId, Scope, Tally, Target};
use scim_storage::{StoreError, Want};

use super::held_change::held_change;
use super::instance::object;
use super::record::{Row, columns, connector, resource_id};
use super::report::removals;
use super::tombstone::{deleted_id, deleted_link, deleted_name};
use crate::connection::{Connection, SqlDialect};
use crate::error::{damaged, store_error};
#[cfg(feature = "postgres")]
use crate::postgres::{Gathered as _, Reference};
use crate::sql::{Number, Statement};

#[derive(QueryableByName)]
struct Found {
    #[diesel(sql_type = Binary)]
    id: Vec<u8>,
    #[diesel(sql_type = Text)]
    resource_type: String,
    #[diesel(sql_type = Nullable<Text>)]
    display: Option<String>,
}

#[cfg(feature = "sqlite")]
#[derive(QueryableByName)]
struct Deleted {
    #[diesel(sql_type = BigInt)]
    deleted_ms: i64,
}

impl Found {
    fn key(&self) -> Result<Key, StoreError> {
        Ok(Key { resource_type: self.resource_type.as_str().into(), id: resource_id(&self.id)? })
    }
}

/// One fact for each question, of one moment.
pub(crate) fn facts(
    connection: &mut Connection,
    scope: &Scope,
    questions: &[Question],
) -> Result<Vec<Fact>, StoreError> {
    if let [one] = questions
        && is_single(connection.dialect(), one)
    {
        return Ok(vec![answer(connection, scope, one)?]);
    }
    let answers = connection.snapshot(|connection| {
        let named: Vec<&str> = questions.iter().filter_map(named_by).collect();
        let mut targets = targets(connection, scope, &named)?.into_iter();
        let answer = |question: &Question| match question {
            Question::Target(_) => targets.next().map(Fact::Target).ok_or_else(|| damaged("a read")),
            question => answer(connection, scope, question),
        };
        questions.iter().map(answer).collect()
    });
    answers.map_err(store_error)?
}

/// The reference that a question names.
fn named_by(question: &Question) -> Option<&str> {
    match question {
        Question::Target(reference) => Some(reference),
        _ => None,
    }
}

/// Whether one statement answers, which sees one moment by itself.
fn is_single(dialect: SqlDialect, question: &Question) -> bool {
    match question {
        Question::Removals { .. } => false,
        Question::Target(_) => match dialect {
            #[cfg(feature = "sqlite")]
            SqlDialect::Sqlite => false,
            #[cfg(feature = "postgres")]
            SqlDialect::Postgres => true,
        },
        _ => true,
    }
}

fn answer(connection: &mut Connection, scope: &Scope, question: &Question) -> Result<Fact, StoreError> {
    Ok(match question {
        Question::Target(reference) => Fact::Target(target(connection, scope, reference)?),
        Question::Display(id) => Fact::Display(match by_id(connection, scope, *id)? {
            Some(found) => Some((found.key()?, found.display)),
            None => None,
        }),
        Question::Count(resource_type, tally) => {
            Fact::Count(count(connection, scope, resource_type, *tally).map_err(store_error)?)
        }
        Question::Members { group, most } => {
            Fact::Count(members(connection, scope, *group, *most).map_err(store_error)?)
        }
        Question::Named { resource_type, path, key } => {
            Fact::Records(named(connection, scope, resource_type, path, key)?)
        }
        Question::DeletedLink { resource_type, external_id, since } => {
            let found = deleted_link(connection, scope, resource_type, external_id, *since)?;
            Fact::Deleted(found.map(Box::new))
        }
        Question::DeletedId(id) => Fact::Deleted(deleted_id(connection, scope, *id)?.map(Box::new)),
        Question::DeletedName(key) => Fact::Deleted(deleted_name(connection, scope, key)?.map(Box::new)),
        Question::Removals { connector, since } => {
            let (suspended, deleted) = removals(connection, scope, *connector, *since)?;
            Fact::Removals { suspended, deleted }
        }
        Question::Held(of, removal) => {
            Fact::Held(held_change(connection, scope, *of, *removal)?.map(Box::new))
        }
        Question::Object { kind, name } => Fact::Object(object(connection, scope, kind, name)?),
        Question::Claimed { realm, key } => Fact::Claimed(claimed(connection, scope, realm, key)?),
    })
}

pub(crate) fn count(
    connection: &mut Connection,
    scope: &Scope,
    resource_type: &str,
    tally: Tally,
) -> QueryResult<u64> {
    macro_rules! sum {
        ($column:literal) => {
            concat!(
                "SELECT CAST(coalesce(sum(",
                $column,
                "), 0) AS BIGINT) AS n FROM counters WHERE instance_id = ? AND resource_type = ?"
            )
        };
    }
    let row = Statement::kept(match tally {
        Tally::All => sum!("count"),
        Tally::Active => sum!("active"),
        Tally::Managed => sum!("managed"),
    })
    .blob(scope.instance.uuid().into_bytes())
    .text(resource_type)
    .row::<Number>(connection)?;
    Ok(row.and_then(|row| u64::try_from(row.n).ok()).unwrap_or_default())
}

/// How many members a group has, up to that number.
fn members(connection: &mut Connection, scope: &Scope, group: ResourceId, most: usize) -> QueryResult<u64> {
    let row = Statement::kept(
        "SELECT count(*) AS n FROM (SELECT 1 FROM members WHERE instance_id = ? AND group_id = ? LIMIT CAST(? AS BIGINT)) m",
    )
    .blob(scope.instance.uuid().into_bytes())
    .blob(group.uuid().into_bytes())
    .integer(i64::try_from(most).unwrap_or(i64::MAX))
    .row::<Number>(connection)?;
    Ok(row.and_then(|row| u64::try_from(row.n).ok()).unwrap_or_default())
}

/// Whether another instance has claimed that name.
fn claimed(connection: &mut Connection, scope: &Scope, realm: &str, key: &str) -> Result<bool, StoreError> {
    let row: Option<Number> = Statement::kept(
        "SELECT count(*) AS n FROM name_claims WHERE realm = ? AND key = ? AND instance_id <> ?",
    )
    .text(realm)
    .text(key)
    .blob(scope.instance.uuid().into_bytes())
    .row(connection)
    .map_err(store_error)?;
    Ok(row.is_some_and(|row| row.n > 0))
}

/// At most two resources with that index entry, whether it is a unique one or not.
fn named(
    connection: &mut Connection,
    scope: &Scope,
    resource_type: &Arc<str>,
    path: &str,
    key: &str,
) -> Result<Vec<Record>, StoreError> {
    let instance = scope.instance.uuid().into_bytes();
    let columns = columns(connection.dialect(), Want::FULL);
    let rows: Vec<Row> = Statement::new(format!(
        "SELECT {columns} FROM (SELECT id FROM unique_keys \
         WHERE instance_id = ? AND resource_type = ? AND path = ? AND key = ? \
         UNION SELECT id FROM search_keys WHERE instance_id = ? AND resource_type = ? AND path = ? AND key = ?) k \
         CROSS JOIN resources r ON r.instance_id = ? AND r.id = k.id \
         LEFT JOIN links l ON l.instance_id = r.instance_id AND l.connector_id = ? AND l.id = r.id \
         ORDER BY r.managed_by IS NOT NULL, r.id LIMIT 2"
    ))
    .keep()
    .blob(instance)
    .text(&**resource_type)
    .text(path)
    .text(key)
    .blob(instance)
    .text(&**resource_type)
    .text(path)
    .text(key)
    .blob(instance)
    .blob(connector(scope))
    .rows(connection)
    .map_err(store_error)?;
    rows.into_iter().map(|row| row.record(Arc::clone(resource_type))).collect()
}

fn by_id(connection: &mut Connection, scope: &Scope, id: ResourceId) -> Result<Option<Found>, StoreError> {
    Statement::kept("SELECT id, resource_type, display FROM resources WHERE instance_id = ? AND id = ?")
        .blob(scope.instance.uuid().into_bytes())
        .blob(id.uuid().into_bytes())
        .row(connection)
        .map_err(store_error)
}

/// What a reference means: an id, this connector's `externalId`, a user name, in this order.
pub(crate) fn target(
    connection: &mut Connection,
    scope: &Scope,
    reference: &str,
) -> Result<Target, StoreError> {
    match connection.dialect() {
        #[cfg(feature = "sqlite")]
        SqlDialect::Sqlite => target_by_steps(connection, scope, reference),
        #[cfg(feature = "postgres")]
        SqlDialect::Postgres => Ok(Reference::new(scope, reference).in_all_ways().on(connection)?.target),
    }
}

/// What several mean.
fn targets(
    connection: &mut Connection,
    scope: &Scope,
    references: &[&str],
) -> Result<Vec<Target>, StoreError> {
    match connection.dialect() {
        #[cfg(feature = "sqlite")]
        SqlDialect::Sqlite => {
            references.iter().map(|reference| target_by_steps(connection, scope, reference)).collect()
        }
        #[cfg(feature = "postgres")]
        SqlDialect::Postgres => Reference::all_on(connection, scope, references),
    }
}

#[cfg(feature = "sqlite")]
fn target_by_steps(
    connection: &mut Connection,
    scope: &Scope,
    reference: &str,
) -> Result<Target, StoreError> {
    let instance = scope.instance.uuid().into_bytes();
    let id: Option<ResourceId> = reference.parse().ok();
    if let Some(id) = id
        && let Some(found) = by_id(connection, scope, id)?
    {
        return Ok(Target::Live(found.key()?));
    }
    let found: Option<Found> = Statement::kept(
        "SELECT r.id, r.resource_type, r.display FROM links l INDEXED BY links_by_external_id \
         CROSS JOIN resources r ON r.instance_id = l.instance_id AND r.id = l.id \
         WHERE l.instance_id = ? AND l.connector_id = ? AND l.external_id = ? ORDER BY l.id LIMIT 1",
    )
    .blob(instance)
    .blob(connector(scope))
    .text(reference)
    .row(connection)
    .map_err(store_error)?;
    if let Some(found) = found {
        return Ok(Target::Live(found.key()?));
    }
    let found: Option<Found> = Statement::kept(
        "SELECT r.id, r.resource_type, r.display FROM unique_keys k \
         CROSS JOIN resources r ON r.instance_id = k.instance_id AND r.id = k.id \
         WHERE k.instance_id = ? AND k.resource_type = 'User' AND k.path = 'userName' AND k.key = ?",
    )
    .blob(instance)
    .text(Matching::UserName.key(reference))
    .row(connection)
    .map_err(store_error)?;
    if let Some(found) = found {
        return Ok(Target::Live(found.key()?));
    }
    let Some(id) = id else { return Ok(Target::Unknown) };
    let deleted: Option<Deleted> =
        Statement::kept("SELECT deleted_ms FROM tombstones WHERE instance_id = ? AND id = ?")
            .blob(instance)
            .blob(id.uuid().into_bytes())
            .row(connection)
            .map_err(store_error)?;
    Ok(match deleted {
        Some(row) => Target::Deleted { at: Timestamp::from_unix_millis(row.deleted_ms) },
        None => Target::Unknown,
    })
}
