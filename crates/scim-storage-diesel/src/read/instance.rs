//! What an instance is made of, people and groups aside.

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Binary, Text};
use scim_core::instant::Timestamp;
use scim_core::text::Matching;
use scim_directory::{ApplicationObject, MappingVersion, ObjectLink, Scope};
use scim_storage::{InstanceAnswer, InstanceQuestion, PolicySource, StoreError};
use serde_json::Value;
use uuid::Uuid;

use super::admin::{all, instance_of};
use super::admin_keys::admin_keys;
use super::held_change::held_changes;
use super::import::{import, imports, rejected_lines};
use super::keys::keys_after;
use super::report::report;
use super::tombstone::deleted_after;
use crate::connection::{Connection, SqlDialect};
use crate::error::{damaged, store_error};
use crate::sql::{Line, Statement};

#[derive(QueryableByName)]
struct MappingRow {
    #[diesel(sql_type = BigInt)]
    version: i64,
    #[diesel(sql_type = BigInt)]
    at_ms: i64,
    #[diesel(sql_type = Text)]
    text: String,
}

impl MappingRow {
    fn mapping(self) -> MappingVersion {
        MappingVersion { version: self.version, at: Timestamp::from_unix_millis(self.at_ms), text: self.text }
    }
}

#[derive(QueryableByName)]
struct ObjectRow {
    #[diesel(sql_type = Binary)]
    id: Vec<u8>,
    #[diesel(sql_type = Text)]
    kind: String,
    #[diesel(sql_type = Text)]
    name: String,
}

#[derive(QueryableByName)]
struct JobRow {
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Text)]
    state: String,
}

impl JobRow {
    fn job(self) -> Result<(String, Value), StoreError> {
        let state = serde_json::from_str(&self.state).map_err(|_| damaged("a job"))?;
        Ok((self.name, state))
    }
}

/// Answers a question, of one moment.
pub(crate) fn instance(
    connection: &mut Connection,
    scope: &Scope,
    question: &InstanceQuestion,
) -> Result<InstanceAnswer, StoreError> {
    match question {
        InstanceQuestion::Policy | InstanceQuestion::Report { .. } => {
            connection.snapshot(|connection| answer(connection, scope, question)).map_err(store_error)?
        }
        // One statement sees one moment.
        _ => answer(connection, scope, question),
    }
}

fn answer(
    connection: &mut Connection,
    scope: &Scope,
    question: &InstanceQuestion,
) -> Result<InstanceAnswer, StoreError> {
    let instance = scope.instance.uuid().into_bytes();
    Ok(match question {
        InstanceQuestion::Policy => InstanceAnswer::Policy(policy(connection, scope)?.map(Box::new)),
        InstanceQuestion::Mapping(version) => InstanceAnswer::Mapping(mapping(connection, scope, *version)?),
        InstanceQuestion::Mappings(limit) => {
            let rows: Vec<MappingRow> = Statement::kept(
                "SELECT version, at_ms, '' AS text FROM mappings WHERE instance_id = ? ORDER BY version DESC LIMIT ?",
            )
            .blob(instance)
            .integer(i64::try_from(*limit).unwrap_or(i64::MAX))
            .rows(connection)
            .map_err(store_error)?;
            InstanceAnswer::Mappings(rows.into_iter().map(MappingRow::mapping).collect())
        }
        InstanceQuestion::HeldChanges { after, limit } => {
            InstanceAnswer::HeldChanges(held_changes(connection, scope, *after, *limit)?)
        }
        InstanceQuestion::Deleted { after, limit } => {
            InstanceAnswer::Deleted(deleted_after(connection, scope, *after, *limit)?)
        }
        InstanceQuestion::Objects { kind, after, limit } => {
            InstanceAnswer::Objects(objects(connection, scope, kind, after.as_deref(), *limit)?)
        }
        InstanceQuestion::Report { from, until } => {
            InstanceAnswer::Report(report(connection, scope, *from, *until)?)
        }
        InstanceQuestion::Job(name) => {
            let row: Option<Line> =
                Statement::kept("SELECT state AS line FROM jobs WHERE instance_id = ? AND name = ?")
                    .blob(instance)
                    .text(name.clone())
                    .row(connection)
                    .map_err(store_error)?;
            let state = row.map(|row| serde_json::from_str(&row.line)).transpose();
            InstanceAnswer::Job(state.map_err(|_| damaged("a job"))?)
        }
        InstanceQuestion::Import(id) => InstanceAnswer::Import(import(connection, scope, id)?.map(Box::new)),
        InstanceQuestion::Imports { after, limit } => {
            InstanceAnswer::Imports(imports(connection, scope, after.as_ref(), *limit)?)
        }
        InstanceQuestion::RejectedLines { import, after, limit } => {
            InstanceAnswer::RejectedLines(rejected_lines(connection, scope, import, *after, *limit)?)
        }
        InstanceQuestion::Jobs { after, limit } => {
            let rows = jobs(&instance, after.as_deref(), *limit).rows(connection);
            InstanceAnswer::Jobs(all(rows, JobRow::job)?)
        }
        InstanceQuestion::ObjectKinds { after, limit } => {
            let rows = object_kinds(connection.dialect(), &instance, after.as_deref(), *limit)
                .rows::<Line>(connection);
            let kinds = rows.map_err(store_error)?.into_iter().map(|row| row.line);
            InstanceAnswer::ObjectKinds(kinds.collect())
        }
        InstanceQuestion::Keys { after, limit } => {
            InstanceAnswer::Keys(keys_after(connection, scope.instance, *after, *limit)?)
        }
        InstanceQuestion::AdminKeys { after, limit } => {
            InstanceAnswer::AdminKeys(admin_keys(connection, scope, *after, *limit)?)
        }
    })
}

fn jobs(instance: &[u8], after: Option<&str>, limit: usize) -> Statement {
    let statement = match after {
        Some(after) => Statement::kept(
            "SELECT name, state FROM jobs WHERE instance_id = ? AND name > ? ORDER BY name LIMIT ?",
        )
        .blob(instance)
        .text(after),
        None => Statement::kept("SELECT name, state FROM jobs WHERE instance_id = ? ORDER BY name LIMIT ?")
            .blob(instance),
    };
    statement.integer(i64::try_from(limit).unwrap_or(i64::MAX))
}

/// From one kind to the next, each by a seek; the last row, behind the last kind, is NULL. Where SQLite ends the recursion by a
/// limit in it, PostgreSQL ends it by one outside.
macro_rules! kinds_from {
    ($first:literal, $inner:literal, $outer:literal) => {
        concat!(
            "WITH RECURSIVE kinds(kind) AS (SELECT min(kind) FROM objects WHERE instance_id = ?",
            $first,
            " UNION ALL SELECT (SELECT min(o.kind) FROM objects o WHERE o.instance_id = ? AND o.kind > kinds.kind) \
             FROM kinds WHERE kinds.kind IS NOT NULL",
            $inner,
            ") SELECT kind AS line FROM kinds WHERE kind IS NOT NULL",
            $outer
        )
    };
}

fn object_kinds(dialect: SqlDialect, instance: &[u8], after: Option<&str>, limit: usize) -> Statement {
    let text = match (dialect, after.is_some()) {
        #[cfg(feature = "sqlite")]
        (SqlDialect::Sqlite, true) => kinds_from!(" AND kind > ?", " LIMIT ?", ""),
        #[cfg(feature = "sqlite")]
        (SqlDialect::Sqlite, false) => kinds_from!("", " LIMIT ?", ""),
        #[cfg(feature = "postgres")]
        (SqlDialect::Postgres, true) => kinds_from!(" AND kind > ?", "", " LIMIT ?"),
        #[cfg(feature = "postgres")]
        (SqlDialect::Postgres, false) => kinds_from!("", "", " LIMIT ?"),
    };
    let statement = Statement::kept(text).blob(instance);
    let statement = after.into_iter().fold(statement, Statement::text);
    statement.blob(instance).integer(i64::try_from(limit).unwrap_or(i64::MAX))
}

fn policy(connection: &mut Connection, scope: &Scope) -> Result<Option<PolicySource>, StoreError> {
    let Some(instance) = instance_of(connection, scope.instance)? else { return Ok(None) };
    let names: Vec<Line> =
        Statement::kept("SELECT name AS line FROM integration_users WHERE instance_id = ? ORDER BY name")
            .blob(scope.instance.uuid().into_bytes())
            .rows(connection)
            .map_err(store_error)?;
    Ok(Some(PolicySource {
        instance,
        mapping: mapping(connection, scope, None)?,
        integration_users: names.into_iter().map(|row| row.line).collect(),
    }))
}

/// That version of the mapping, or the last.
fn mapping(
    connection: &mut Connection,
    scope: &Scope,
    version: Option<i64>,
) -> Result<Option<MappingVersion>, StoreError> {
    let instance = scope.instance.uuid().into_bytes();
    let statement = match version {
        Some(version) => {
            Statement::kept("SELECT version, at_ms, text FROM mappings WHERE instance_id = ? AND version = ?")
                .blob(instance)
                .integer(version)
        }
        None => Statement::kept(
            "SELECT version, at_ms, text FROM mappings WHERE instance_id = ? ORDER BY version DESC LIMIT 1",
        )
        .blob(instance),
    };
    let row = statement.row::<MappingRow>(connection).map_err(store_error)?;
    Ok(row.map(MappingRow::mapping))
}

fn objects(
    connection: &mut Connection,
    scope: &Scope,
    kind: &str,
    after: Option<&str>,
    limit: usize,
) -> Result<Vec<ApplicationObject>, StoreError> {
    let instance = scope.instance.uuid().into_bytes();
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let statement = match after {
        Some(after) => Statement::kept(
            "SELECT id, kind, name FROM objects WHERE instance_id = ? AND kind = ? AND name_key > ? \
             ORDER BY name_key LIMIT ?",
        )
        .blob(instance)
        .text(kind)
        .text(Matching::IgnoreCase.key(after)),
        None => Statement::kept(
            "SELECT id, kind, name FROM objects WHERE instance_id = ? AND kind = ? ORDER BY name_key LIMIT ?",
        )
        .blob(instance)
        .text(kind),
    };
    let rows: Vec<ObjectRow> = statement.integer(limit).rows(connection).map_err(store_error)?;
    let object = |row: ObjectRow| {
        let id = Uuid::from_slice(&row.id).map_err(|_| damaged("an id"))?;
        Ok(ApplicationObject { id, kind: row.kind, name: row.name })
    };
    rows.into_iter().map(object).collect()
}

/// The object of that kind and name, in any letter case.
pub(crate) fn object(
    connection: &mut Connection,
    scope: &Scope,
    kind: &str,
    name: &str,
) -> Result<Option<ObjectLink>, StoreError> {
    let row: Option<ObjectRow> = Statement::kept(
        "SELECT id, kind, name FROM objects WHERE instance_id = ? AND kind = ? AND name_key = ?",
    )
    .blob(scope.instance.uuid().into_bytes())
    .text(kind)
    .text(Matching::IgnoreCase.key(name))
    .row(connection)
    .map_err(store_error)?;
    row.map(|row| {
        let id = Uuid::from_slice(&row.id).map_err(|_| damaged("an id"))?;
        Ok(ObjectLink { id, name: row.name })
    })
    .transpose()
}

#[cfg(test)]
#[cfg(feature = "sqlite")]
mod tests {
    use super::*;

    /// That every step but walking the kinds that were found is a seek.
    #[track_caller]
    fn check(statement: Statement, expected: &[&str]) {
        let plan = statement.plan();
        let seeks: Vec<_> = plan.iter().filter(|step| step.contains("SEARCH")).collect();
        assert_eq!(seeks, expected, "{plan:#?}");
        let kinds = |step: &String| step.starts_with("SCAN kinds");
        assert!(plan.iter().all(|step| kinds(step) || !step.contains("SCAN")), "{plan:#?}");
        assert!(!plan.iter().any(|step| step.contains("TEMP B-TREE")), "{plan:#?}");
    }

    #[test]
    fn pages_are_seeks() {
        check(jobs(&[1; 16], None, 9), &["SEARCH jobs USING PRIMARY KEY (instance_id=?)"]);
        check(jobs(&[1; 16], Some("a"), 9), &["SEARCH jobs USING PRIMARY KEY (instance_id=? AND name>?)"]);
        let next = "SEARCH o USING PRIMARY KEY (instance_id=? AND kind>?)";
        check(
            object_kinds(SqlDialect::Sqlite, &[1; 16], None, 9),
            &["SEARCH objects USING PRIMARY KEY (instance_id=?)", next],
        );
        let first = "SEARCH objects USING PRIMARY KEY (instance_id=? AND kind>?)";
        check(object_kinds(SqlDialect::Sqlite, &[1; 16], Some("a"), 9), &[first, next]);
    }
}
