//! What nearly every request reads: one record, by its id or by what an index has, and with it the state of its instance's
//! access ([`AccessMark`]), in one statement of a fixed text.
//!
//! The general form of a filter costs twice as much: PostgreSQL takes its plan for so dear that it makes another one each time.
//! Here a plan is kept, whatever the tables held when it was made: what is looked up is joined to the tables by `LATERAL … LIMIT`,
//! row by row, so there is nothing to choose but the index.

use std::sync::Arc;

use diesel::QueryableByName;
use diesel::backend::Backend;
use diesel::deserialize::{self, FromSql};
use diesel::row::NamedRow;
use diesel::sql_types::{BigInt, Binary, Nullable, Text};
use scim_directory::{InstanceId, Key, Record, Scope};
use scim_storage::{AccessMark, Query, StoreError, Want};

use super::gather::{Gathered, Queue, Queues};
use crate::error::damaged;
use crate::filter_sql::{LookUp, asked};
use crate::read::{IdBytes, RecordRow, at, connector, record_columns};
use crate::sql::Statement;

/// A look-up: what is looked up, by what.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Seek {
    kind: Kind,
    instance: [u8; 16],
    connector: [u8; 16],
    resource_type: Arc<str>,
    id: [u8; 16],
    path: String,
    key: String,
}

/// Look-ups of a kind have the same text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// No record: the state of access alone.
    Nothing,
    /// A record by its id.
    Plain,
    /// The same with its account.
    Full,
    /// The same without its document.
    Head,
    /// The same with its account and without its document.
    Account,
    /// A record by a unique key of the index of a path.
    Unique,
    /// The same by a key that several may have.
    Searched,
    /// The same by an `externalId`.
    External,
}

/// What a look-up finds.
#[derive(Clone, Debug)]
pub(crate) struct Sought {
    /// The state of access at that moment.
    pub(crate) mark: AccessMark,
    /// Two of several.
    pub(crate) records: Vec<Record>,
}

/// A row of an answer: there is one for each look-up at least.
pub(crate) struct SeekRow {
    /// The number of the look-up, from 1.
    n: i64,
    access: i64,
    record: Option<RecordRow>,
}

impl<D: Backend> QueryableByName<D> for SeekRow
where
    i64: FromSql<BigInt, D>,
    String: FromSql<Text, D>,
    Vec<u8>: FromSql<Binary, D>,
    IdBytes: FromSql<Binary, D>,
{
    fn build<'a>(row: &impl NamedRow<'a, D>) -> deserialize::Result<Self> {
        let id: Option<IdBytes> = at::<Nullable<Binary>, _, D>(row, 2)?;
        let record = id.map(|_| RecordRow::from(row, 2));
        Ok(Self {
            n: at::<BigInt, _, D>(row, 0)?,
            access: at::<BigInt, _, D>(row, 1)?,
            record: record.transpose()?,
        })
    }
}

/// What a client calls the record.
macro_rules! external_id {
    () => {
        "(SELECT l.external_id FROM links l WHERE l.instance_id = r.instance_id AND l.id = r.id AND l.connector_id = q.connector_id)"
    };
}

/// The record that an index names, one by one: a join without a limit would be PostgreSQL's to choose, and before it has counted a
/// table that grew from nothing it chooses to go through all of it.
macro_rules! named {
    ($index:literal) => {
        concat!(
            $index,
            " CROSS JOIN LATERAL (SELECT * FROM resources o WHERE o.instance_id = k.instance_id AND o.id = k.id LIMIT 1) r"
        )
    };
}

/// What finds `f`, a record, for each row of `q`.
macro_rules! seek {
    ($source:expr, $document:expr, $account:expr, $external_id:expr, $from:expr, $where:expr) => {
        concat!(
            "SELECT q.n, coalesce((SELECT a.generation FROM access a WHERE a.instance_id = q.instance_id), 0) AS access, f.* FROM ",
            $source,
            " LEFT JOIN LATERAL (SELECT ",
            record_columns!($external_id, $document, $account),
            " FROM ",
            $from,
            " WHERE ",
            $where,
            " LIMIT 2) f ON TRUE"
        )
    };
}

/// The text of one look-up, and that of several: each value is an array there, and `n` a look-up's place in it. (PostgreSQL does not
/// look into an array that a subquery gives. Else it would make a plan for each, as one that knows how few there are looks cheaper.)
macro_rules! texts {
    ($one:literal, $many:expr, $($rest:expr),*) => {
        (
            seek!($one, $($rest),*),
            seek!($many, $($rest),*),
        )
    };
}

/// Several look-ups: the instances are the first list ([`crate::sql::rows_of`] says why only that one is taken apart).
macro_rules! several {
    ($($list:literal $name:ident),*) => {
        concat!(
            "(SELECT w.instance_id, ", $("($", $list, ")[w.n] AS ", stringify!($name), ", ",)*
            "w.n FROM unnest((SELECT $1)) WITH ORDINALITY AS w (instance_id, n)) q"
        )
    };
}
pub(super) use several;

/// By an id.
macro_rules! by_id {
    ($document:literal, $account:literal) => {
        texts!(
            "(SELECT 1::bigint AS n, $1 AS instance_id, $2 AS connector_id, $3 AS resource_type, $4 AS id) q",
            several!(2 connector_id, 3 resource_type, 4 id),
            $document,
            $account,
            external_id!(),
            "resources r",
            "r.instance_id = q.instance_id AND r.id = q.id AND r.resource_type = q.resource_type"
        )
    };
}

/// By a key.
macro_rules! by_key {
    ($index:literal) => {
        texts!(
            "(SELECT 1::bigint AS n, $1 AS instance_id, $2 AS connector_id, $3 AS resource_type, $4 AS path, $5 AS key) q",
            several!(2 connector_id, 3 resource_type, 4 path, 5 key),
            "r.document",
            "NULL::text",
            external_id!(),
            named!($index),
            "k.instance_id = q.instance_id AND k.resource_type = q.resource_type AND k.path = q.path AND k.key = q.key"
        )
    };
}

impl Kind {
    fn texts(self) -> (&'static str, &'static str) {
        match self {
            Self::Nothing => (
                "SELECT 1::bigint AS n, coalesce((SELECT a.generation FROM access a WHERE a.instance_id = $1), 0) AS access, \
                 NULL::bytea AS id",
                concat!(
                    "SELECT q.n, coalesce((SELECT a.generation FROM access a WHERE a.instance_id = q.instance_id), 0) AS access, \
                     NULL::bytea AS id FROM ",
                    several!()
                ),
            ),
            Self::Plain => by_id!("r.document", "NULL::text"),
            Self::Full => by_id!("r.document", "r.account"),
            Self::Head => by_id!("''::bytea", "NULL::text"),
            Self::Account => by_id!("''::bytea", "r.account"),
            Self::Unique => by_key!("unique_keys k"),
            Self::Searched => by_key!("search_keys k"),
            Self::External => texts!(
                "(SELECT 1::bigint AS n, $1 AS instance_id, $2 AS connector_id, $3 AS resource_type, $4 AS external_id) q",
                several!(2 connector_id, 3 resource_type, 4 external_id),
                "r.document",
                "NULL::text",
                "k.external_id",
                named!("links k"),
                "k.instance_id = q.instance_id AND k.connector_id = q.connector_id AND k.external_id = q.external_id \
                 AND r.resource_type = q.resource_type"
            ),
        }
    }

    fn by_id(want: Want) -> Self {
        match (want.document, want.account) {
            (true, false) => Self::Plain,
            (true, true) => Self::Full,
            (false, false) => Self::Head,
            (false, true) => Self::Account,
        }
    }
}

impl Seek {
    /// The state of access of an instance.
    pub(crate) fn mark(instance: InstanceId) -> Self {
        Self::of(&Scope { instance, connector: None }, Kind::Nothing, &Arc::default())
    }

    /// The record of a key.
    pub(crate) fn get(scope: &Scope, key: &Key, want: Want) -> Self {
        let id = key.id.uuid().into_bytes();
        Self { id, ..Self::of(scope, Kind::by_id(want), &key.resource_type) }
    }

    /// What a query looks up; none where it is of another kind.
    pub(crate) fn find(scope: &Scope, query: &Query) -> Option<Self> {
        let (name, look_up) = asked(query)?;
        let of = |kind| Self::of(scope, kind, name);
        Some(match look_up {
            LookUp::Id(id) => Self { id: id.uuid().into_bytes(), ..of(Kind::by_id(query.want)) },
            LookUp::Unique(path, key) => Self { path, key: key.to_owned(), ..of(Kind::Unique) },
            LookUp::Searched(path, key) => Self { path, key: key.to_owned(), ..of(Kind::Searched) },
            LookUp::External(key) => Self { key: key.to_owned(), ..of(Kind::External) },
        })
    }

    fn of(scope: &Scope, kind: Kind, resource_type: &Arc<str>) -> Self {
        Self {
            kind,
            instance: scope.instance.uuid().into_bytes(),
            connector: connector(scope),
            resource_type: Arc::clone(resource_type),
            id: [0; 16],
            path: String::new(),
            key: String::new(),
        }
    }
}

impl Gathered for Seek {
    type Kind = Kind;
    type Row = SeekRow;
    type Found = Sought;

    fn queue(queues: &Queues) -> &Queue<Self> {
        &queues.records
    }

    fn kind(&self) -> Kind {
        self.kind
    }

    fn statement(&self) -> Statement {
        let statement = Statement::of_postgres(self.kind.texts().0).blob(self.instance);
        if self.kind == Kind::Nothing {
            return statement;
        }
        let statement = statement.blob(self.connector).text(&*self.resource_type);
        match self.kind {
            Kind::Unique | Kind::Searched => statement.text(&*self.path).text(&*self.key),
            Kind::External => statement.text(&*self.key),
            _ => statement.blob(self.id),
        }
    }

    fn together(kind: Kind, all: &[&Self]) -> Statement {
        let all = || all.iter();
        let statement = Statement::of_postgres(kind.texts().1).blobs(all().map(|seek| seek.instance));
        if kind == Kind::Nothing {
            return statement;
        }
        let statement =
            statement.blobs(all().map(|seek| seek.connector)).texts(all().map(|seek| &*seek.resource_type));
        match kind {
            Kind::Unique | Kind::Searched => {
                statement.texts(all().map(|seek| &*seek.path)).texts(all().map(|seek| &*seek.key))
            }
            Kind::External => statement.texts(all().map(|seek| &*seek.key)),
            _ => statement.blobs(all().map(|seek| seek.id)),
        }
    }

    fn each_found(all: &[&Self], rows: Vec<SeekRow>) -> Result<Vec<Sought>, StoreError> {
        let mut found: Vec<Option<Sought>> = Vec::new();
        found.resize_with(all.len(), || None);
        for row in rows {
            let place = usize::try_from(row.n).ok().and_then(|n| n.checked_sub(1));
            let place = place.and_then(|place| Some((all.get(place)?, found.get_mut(place)?)));
            let (seek, sought) = place.ok_or_else(|| damaged("a read"))?;
            let sought = sought.get_or_insert(Sought { mark: AccessMark(row.access), records: Vec::new() });
            if let Some(record) = row.record {
                sought.records.push(record.record(Arc::clone(&seek.resource_type))?);
            }
        }
        found.into_iter().collect::<Option<_>>().ok_or_else(|| damaged("a read"))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::connection::Connection;
    use crate::postgres::blank;

    struct Step(String);

    impl<D: Backend> QueryableByName<D> for Step
    where
        String: FromSql<Text, D>,
    {
        fn build<'a>(row: &impl NamedRow<'a, D>) -> deserialize::Result<Self> {
            Ok(Self(NamedRow::get::<Text, String>(row, "QUERY PLAN")?))
        }
    }

    /// That everything is found by an index, and row by row.
    pub(crate) fn check(connection: &mut Connection, statement: Statement) {
        let text = format!("EXPLAIN {}", statement.numbered());
        let explained =
            statement.into_binds().into_iter().fold(Statement::of_postgres(text), Statement::bind);
        let steps: Vec<Step> = explained.rows(connection).expect("a plan");
        let plan: Vec<_> = steps.into_iter().map(|step| step.0).collect();
        let is_dear = |step: &String| ["Seq Scan", "Merge", "Hash"].iter().any(|dear| step.contains(dear));
        assert!(!plan.iter().any(is_dear), "{plan:#?}");
    }

    /// Puts people there, as if PostgreSQL had not come to count them yet.
    pub(crate) fn fill(connection: &mut Connection, people: u32) {
        let instance = "decode('00000000000000000000000000000001', 'hex')";
        let id = "decode(lpad(to_hex(n), 32, '0'), 'hex')";
        for (table, columns, values) in [
            (
                "resources",
                "instance_id, resource_type, id, version, membership, created_ms, modified_ms, active, keys, document, shadow",
                format!("{instance}, 'User', {id}, 1, 0, 0, 0, 1, '[]', '', '{{}}'"),
            ),
            (
                "unique_keys",
                "instance_id, resource_type, path, key, id",
                format!("{instance}, 'User', 'userName', 'n' || n, {id}"),
            ),
            (
                "search_keys",
                "instance_id, resource_type, path, key, id",
                format!("{instance}, 'User', 'emails.value', 'n' || n, {id}"),
            ),
            (
                "links",
                "instance_id, id, connector_id, external_id",
                format!("{instance}, {id}, {instance}, 'n' || n"),
            ),
        ] {
            let text = format!(
                "ALTER TABLE {table} SET (autovacuum_enabled = false); \
                 INSERT INTO {table} ({columns}) SELECT {values} FROM generate_series(1, {people}) n"
            );
            connection.batch(&text).expect("people");
        }
    }

    #[test]
    fn look_ups_begin_at_an_index_in_tables_that_nobody_has_counted() {
        let Some((mut connection, _database)) = blank() else { return };
        look_ups_go_by_indexes(&mut connection);
        fill(&mut connection, 3000);
        look_ups_go_by_indexes(&mut connection);
    }

    fn look_ups_go_by_indexes(connection: &mut Connection) {
        let kinds = [
            Kind::Nothing,
            Kind::Plain,
            Kind::Full,
            Kind::Head,
            Kind::Account,
            Kind::Unique,
            Kind::Searched,
            Kind::External,
        ];
        let scope = Scope { instance: InstanceId::new(Uuid::from_u128(1)), connector: None };
        for kind in kinds {
            let seek = Seek::of(&scope, kind, &Arc::from("User"));
            check(connection, seek.statement());
            check(connection, Seek::together(kind, &[&seek, &seek]));
        }
    }
}
