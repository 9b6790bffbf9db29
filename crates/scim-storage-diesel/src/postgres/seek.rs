//! What nearly every request reads: one record, by its id or by what an index has, and with it the state of its instance's
//! access ([`AccessMark`]), in one statement of a fixed text.
//!
//! The general form of a filter costs twice as much: PostgreSQL takes its plan for so dear that it makes another one each time.
//! Here a plan is kept, whatever the tables held when it was made: what is looked up is joined to the tables by `LATERAL … LIMIT`,
//! row by row, so there is nothing to choose but the index.

use std::sync::Arc;

use diesel::QueryableByName;
use diesel::sql_types::BigInt;
use scim_directory::{InstanceId, Key, Record, Scope};
use scim_storage::{AccessMark, Query, StoreError, Want};

use crate::error::damaged;
use crate::filter_sql::{LookUp, asked};
use crate::read::{RecordRow, connector};
use crate::sql::Statement;

/// A look-up.
#[derive(Clone, Debug)]
pub(crate) struct Seek {
    instance: [u8; 16],
    connector: [u8; 16],
    by: By,
}

/// What is looked up, by what.
#[derive(Clone, Debug)]
enum By {
    /// No record: the state of access alone.
    Nothing,
    Id(Arc<str>, [u8; 16], Want),
    /// A key of the index of that path; whether it is unique.
    Key(Arc<str>, String, String, bool),
    External(Arc<str>, String),
}

/// What a look-up finds.
#[derive(Debug)]
pub(crate) struct Sought {
    /// The state of access at that moment.
    pub(crate) mark: AccessMark,
    /// Two of several.
    pub(crate) records: Vec<Record>,
}

/// A row of an answer: there is one for each look-up at least.
#[derive(QueryableByName)]
pub(crate) struct SeekRow {
    #[diesel(sql_type = BigInt)]
    access: i64,
    #[diesel(embed)]
    record: Option<RecordRow>,
}

/// What looks up `q`, a row that has an instance's id, by the columns that it has besides.
macro_rules! seek {
    ($columns:literal, $document:literal, $account:literal, $from:literal, $where:literal) => {
        concat!(
            "SELECT coalesce((SELECT a.generation FROM access a WHERE a.instance_id = q.instance_id), 0) AS access, f.* FROM (SELECT ",
            $columns,
            ") q LEFT JOIN LATERAL (SELECT r.id, r.resource_type, r.version, r.membership, r.created_ms, r.modified_ms, \
             l.external_id, r.display, r.manager, r.managed_by, r.direct_manager, ",
            $document,
            " AS document, ",
            $account,
            " AS account FROM ",
            $from,
            " LEFT JOIN links l ON l.instance_id = r.instance_id AND l.connector_id = q.connector_id AND l.id = r.id WHERE ",
            $where,
            " LIMIT 2) f ON TRUE"
        )
    };
}

/// By an id.
macro_rules! by_id {
    ($document:literal, $account:literal) => {
        seek!(
            "$1 AS instance_id, $2 AS connector_id, $3 AS resource_type, $4 AS id",
            $document,
            $account,
            "resources r",
            "r.instance_id = q.instance_id AND r.id = q.id AND r.resource_type = q.resource_type"
        )
    };
}

/// By a key.
macro_rules! by_key {
    ($table:literal) => {
        seek!(
            "$1 AS instance_id, $2 AS connector_id, $3 AS resource_type, $4 AS path, $5 AS key",
            "r.document",
            "NULL::text",
            $table,
            "k.instance_id = q.instance_id AND k.resource_type = q.resource_type AND k.path = q.path AND k.key = q.key"
        )
    };
}

const NOTHING: &str = "SELECT coalesce((SELECT a.generation FROM access a WHERE a.instance_id = $1), 0) AS access, NULL::bytea AS id";
const PLAIN: &str = by_id!("r.document", "NULL::text");
const FULL: &str = by_id!("r.document", "r.account");
const HEAD: &str = by_id!("''::bytea", "NULL::text");
const ACCOUNT: &str = by_id!("''::bytea", "r.account");
const UNIQUE: &str =
    by_key!("unique_keys k JOIN resources r ON r.instance_id = k.instance_id AND r.id = k.id");
const SEARCHED: &str =
    by_key!("search_keys k JOIN resources r ON r.instance_id = k.instance_id AND r.id = k.id");
const EXTERNAL: &str = seek!(
    "$1 AS instance_id, $2 AS connector_id, $3 AS resource_type, $4 AS external_id",
    "r.document",
    "NULL::text",
    "links x JOIN resources r ON r.instance_id = x.instance_id AND r.id = x.id",
    "x.instance_id = q.instance_id AND x.connector_id = q.connector_id AND x.external_id = q.external_id \
     AND r.resource_type = q.resource_type"
);

impl Seek {
    /// The state of access of an instance.
    pub(crate) fn mark(instance: InstanceId) -> Self {
        Self { instance: instance.uuid().into_bytes(), connector: [0; 16], by: By::Nothing }
    }

    /// The record of a key.
    pub(crate) fn get(scope: &Scope, key: &Key, want: Want) -> Self {
        Self::of(scope, By::Id(Arc::clone(&key.resource_type), key.id.uuid().into_bytes(), want))
    }

    /// What a query looks up; none where it is of another kind.
    pub(crate) fn find(scope: &Scope, query: &Query) -> Option<Self> {
        let (name, look_up) = asked(query)?;
        let name = Arc::clone(name);
        let by = match look_up {
            LookUp::Id(id) => By::Id(name, id.uuid().into_bytes(), query.want),
            LookUp::Unique(path, key) => By::Key(name, path, key.to_owned(), true),
            LookUp::Searched(path, key) => By::Key(name, path, key.to_owned(), false),
            LookUp::External(key) => By::External(name, key.to_owned()),
        };
        Some(Self::of(scope, by))
    }

    fn of(scope: &Scope, by: By) -> Self {
        Self { instance: scope.instance.uuid().into_bytes(), connector: connector(scope), by }
    }

    /// What asks for it.
    pub(crate) fn statement(&self) -> Statement {
        let text = match &self.by {
            By::Nothing => return Statement::of_postgres(NOTHING).blob(self.instance),
            By::Id(_, _, want) => match (want.document, want.account) {
                (true, false) => PLAIN,
                (true, true) => FULL,
                (false, false) => HEAD,
                (false, true) => ACCOUNT,
            },
            By::Key(_, _, _, true) => UNIQUE,
            By::Key(_, _, _, false) => SEARCHED,
            By::External(..) => EXTERNAL,
        };
        let statement = Statement::of_postgres(text).blob(self.instance).blob(self.connector);
        match &self.by {
            By::Nothing => statement,
            By::Id(name, id, _) => statement.text(&**name).blob(id),
            By::Key(name, path, key, _) => statement.text(&**name).text(path).text(key),
            By::External(name, key) => statement.text(&**name).text(key),
        }
    }

    /// What it answers.
    pub(crate) fn found(&self, rows: Vec<SeekRow>) -> Result<Sought, StoreError> {
        let mark = AccessMark(rows.first().ok_or_else(|| damaged("a read"))?.access);
        let mut records = Vec::new();
        if let By::Id(name, ..) | By::Key(name, ..) | By::External(name, _) = &self.by {
            for record in rows.into_iter().filter_map(|row| row.record) {
                records.push(record.record(Arc::clone(name))?);
            }
        }
        Ok(Sought { mark, records })
    }
}

#[cfg(test)]
mod tests {

    use diesel::QueryableByName;
    use diesel::deserialize::FromSql;
    use diesel::row::NamedRow;
    use diesel::sql_types::Text;

    use super::*;
    use crate::connection::Connection;
    use crate::postgres::blank;

    struct Step(String);

    impl<D: diesel::backend::Backend> QueryableByName<D> for Step
    where
        String: FromSql<Text, D>,
    {
        fn build<'a>(row: &impl NamedRow<'a, D>) -> diesel::deserialize::Result<Self> {
            Ok(Self(NamedRow::get::<Text, String>(row, "QUERY PLAN")?))
        }
    }

    /// That everything is found by an index.
    fn check(connection: &mut Connection, statement: Statement) {
        let text = format!("EXPLAIN {}", statement.numbered());
        let explained =
            statement.into_binds().into_iter().fold(Statement::of_postgres(text), Statement::bind);
        let steps: Vec<Step> = explained.rows(connection).expect("a plan");
        let plan: Vec<_> = steps.into_iter().map(|step| step.0).collect();
        assert!(!plan.iter().any(|step| step.contains("Seq Scan")), "{plan:#?}");
    }

    #[test]
    fn look_ups_begin_at_an_index_in_tables_that_nobody_has_counted() {
        let Some((mut connection, _database)) = blank() else { return };
        let name: Arc<str> = Arc::from("User");
        let text = || "ada".to_owned();
        for by in [
            By::Nothing,
            By::Id(Arc::clone(&name), [1; 16], Want::RECORD),
            By::Id(Arc::clone(&name), [1; 16], Want::FULL),
            By::Id(Arc::clone(&name), [1; 16], Want::HEAD),
            By::Key(Arc::clone(&name), text(), text(), true),
            By::Key(Arc::clone(&name), text(), text(), false),
            By::External(Arc::clone(&name), text()),
        ] {
            check(&mut connection, Seek { instance: [1; 16], connector: [2; 16], by }.statement());
        }
    }
}
