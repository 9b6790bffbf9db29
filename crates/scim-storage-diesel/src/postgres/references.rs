//! What references mean that clients send, and how many members the group has for which they are sent: one, or several, by one
//! statement of a fixed text.
//!
//! Nearly every reference is the id of somebody who is there, and that is asked first. Where one of those that are asked about is not,
//! a second statement goes all ways for all of them, so that what is answered is of one moment.

use std::sync::Arc;

use diesel::QueryableByName;
use diesel::backend::Backend;
use diesel::deserialize::{self, FromSql};
use diesel::row::NamedRow;
use diesel::sql_types::{BigInt, Binary, Nullable, Text};
use scim_core::instant::Timestamp;
use scim_core::text::Matching;
use scim_directory::{Fact, Key, Question, ResourceId, Scope, Target};
use scim_storage::StoreError;
use uuid::Uuid;

use super::engine::Postgres;
use super::gather::{Gathered, Queue, Queues};
use super::seek::several;
use crate::connection::Connection;
use crate::error::{damaged, store_error};
use crate::read::{IdBytes, at, connector};
use crate::sql::Statement;
use crate::store::Engine as _;

/// How many are looked up by one statement at most: lists are short ([`several`]), and nobody waits long for them.
const MOST: usize = 128;

/// What a reference may be. With an id, its words are not looked at unless nobody has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ways {
    /// The id of somebody who is there.
    Id,
    /// That, this connector's `externalId`, a user name, or the id of somebody who was deleted, in this order.
    All,
}

/// A reference that is looked up.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Reference {
    ways: Ways,
    instance: [u8; 16],
    connector: [u8; 16],
    text: String,
    /// Nil where it is no id; nobody has that one.
    id: [u8; 16],
    /// Nil where no members are counted.
    group: [u8; 16],
    /// Up to how many members are counted.
    most: i64,
}

/// What is found.
#[derive(Clone, Debug)]
pub(crate) struct Meant {
    pub(crate) target: Target,
    /// How many members the group has, up to that number.
    pub(crate) members: u64,
}

/// A row of an answer: one for each reference.
pub(crate) struct MeantRow {
    /// The number of the reference, from 1.
    n: i64,
    id: Option<IdBytes>,
    resource_type: Option<String>,
    deleted_ms: Option<i64>,
    members: i64,
}

impl<D: Backend> QueryableByName<D> for MeantRow
where
    i64: FromSql<BigInt, D>,
    String: FromSql<Text, D>,
    IdBytes: FromSql<Binary, D>,
{
    fn build<'a>(row: &impl NamedRow<'a, D>) -> deserialize::Result<Self> {
        Ok(Self {
            n: at::<BigInt, _, D>(row, 0)?,
            id: at::<Nullable<Binary>, _, D>(row, 1)?,
            resource_type: at::<Nullable<Text>, _, D>(row, 2)?,
            deleted_ms: at::<Nullable<BigInt>, _, D>(row, 3)?,
            members: at::<BigInt, _, D>(row, 4)?,
        })
    }
}

/// How many members a group has, up to a number that stands in a bind.
macro_rules! members {
    ($most:literal) => {
        concat!(
            "(SELECT count(*) FROM (SELECT 1 FROM members m \
             WHERE m.instance_id = q.instance_id AND m.group_id = q.group_id LIMIT ",
            $most,
            ") c) AS members"
        )
    };
}

/// The resource of an id that the row `$of` has, by itself: see [`super::seek`] for why there is a limit.
macro_rules! resource {
    ($of:literal) => {
        concat!(
            "(SELECT r.id, r.resource_type FROM resources r WHERE r.instance_id = q.instance_id AND r.id = ",
            $of,
            ".id LIMIT 1)"
        )
    };
}

/// By ids alone.
macro_rules! by_id {
    ($most:literal, $source:expr) => {
        concat!(
            "SELECT q.n, a.id, a.resource_type, NULL::bigint AS deleted_ms, ",
            members!($most),
            " FROM ",
            $source,
            " LEFT JOIN LATERAL ",
            resource!("q"),
            " a ON TRUE"
        )
    };
}

/// All ways, each of them gone only where those before it led to nobody.
macro_rules! all_ways {
    ($most:literal, $source:expr) => {
        concat!(
            "SELECT q.n, coalesce(a.id, l.id, k.id, t.id) AS id, \
             coalesce(a.resource_type, l.resource_type, k.resource_type, t.resource_type) AS resource_type, t.deleted_ms, ",
            members!($most),
            " FROM ",
            $source,
            " LEFT JOIN LATERAL ",
            resource!("q"),
            " a ON TRUE \
             LEFT JOIN LATERAL (SELECT f.id, f.resource_type FROM links o CROSS JOIN LATERAL ",
            resource!("o"),
            " f WHERE a.id IS NULL AND o.instance_id = q.instance_id AND o.connector_id = q.connector_id \
             AND o.external_id = q.reference ORDER BY o.id LIMIT 1) l ON TRUE \
             LEFT JOIN LATERAL (SELECT f.id, f.resource_type FROM unique_keys o CROSS JOIN LATERAL ",
            resource!("o"),
            " f WHERE a.id IS NULL AND l.id IS NULL AND o.instance_id = q.instance_id AND o.resource_type = 'User' \
             AND o.path = 'userName' AND o.key = q.key LIMIT 1) k ON TRUE \
             LEFT JOIN LATERAL (SELECT o.id, o.resource_type, o.deleted_ms FROM tombstones o \
             WHERE a.id IS NULL AND l.id IS NULL AND k.id IS NULL AND o.instance_id = q.instance_id AND o.id = q.id LIMIT 1) t ON TRUE"
        )
    };
}

impl Ways {
    /// The text of one look-up, and that of several.
    fn texts(self) -> (&'static str, &'static str) {
        match self {
            Self::Id => (
                by_id!("$4", "(SELECT 1::bigint AS n, $1 AS instance_id, $2 AS id, $3 AS group_id) q"),
                by_id!("$4", several!(2 id, 3 group_id)),
            ),
            Self::All => (
                all_ways!(
                    "$7",
                    "(SELECT 1::bigint AS n, $1 AS instance_id, $2 AS id, $3 AS group_id, $4 AS connector_id, \
                     $5 AS reference, $6 AS key) q"
                ),
                all_ways!("$7", several!(2 id, 3 group_id, 4 connector_id, 5 reference, 6 key)),
            ),
        }
    }
}

impl Reference {
    /// A text that a client of this scope sent.
    pub(crate) fn new(scope: &Scope, text: &str) -> Self {
        let id: Option<ResourceId> = text.parse().ok();
        Self {
            ways: if id.is_some() { Ways::Id } else { Ways::All },
            instance: scope.instance.uuid().into_bytes(),
            connector: connector(scope),
            text: text.to_owned(),
            id: id.map_or(Uuid::nil(), ResourceId::uuid).into_bytes(),
            group: Uuid::nil().into_bytes(),
            most: 0,
        }
    }

    /// Those that questions name, where nothing else is asked but the number of one group's members.
    pub(crate) fn of(scope: &Scope, questions: &[Question]) -> Option<Vec<Self>> {
        let (mut all, mut members) = (Vec::new(), None);
        for question in questions {
            match question {
                Question::Target(text) => all.push(Self::new(scope, text)),
                Question::Members { group, most } if members.is_none() => members = Some((*group, *most)),
                _ => return None,
            }
        }
        if let Some((group, most)) = members {
            let first = all.first_mut()?;
            first.group = group.uuid().into_bytes();
            first.most = i64::try_from(most).unwrap_or(i64::MAX);
        }
        (1..=MOST).contains(&all.len()).then_some(all)
    }

    fn gone_by(self, ways: Ways) -> Self {
        Self { ways, ..self }
    }

    /// The same by one statement, whatever it is.
    pub(crate) fn in_all_ways(self) -> Self {
        self.gone_by(Ways::All)
    }

    /// What references mean, on a connection: one moment, where that sees one.
    pub(crate) fn all_on(
        connection: &mut Connection,
        scope: &Scope,
        texts: &[&str],
    ) -> Result<Vec<Target>, StoreError> {
        let mut targets = Vec::with_capacity(texts.len());
        for texts in texts.chunks(MOST) {
            let all: Vec<Self> = texts.iter().map(|text| Self::new(scope, text)).collect();
            let all: Vec<&Self> = all.iter().collect();
            let rows = Self::together(Ways::All, &all).rows(connection).map_err(store_error)?;
            targets.extend(Self::each_found(&all, rows)?.into_iter().map(|meant| meant.target));
        }
        Ok(targets)
    }
}

impl Gathered for Reference {
    type Kind = Ways;
    type Row = MeantRow;
    type Found = Meant;

    fn queue(queues: &Queues) -> &Queue<Self> {
        &queues.references
    }

    fn kind(&self) -> Ways {
        self.ways
    }

    fn statement(&self) -> Statement {
        let statement =
            Statement::of_postgres(self.ways.texts().0).blob(self.instance).blob(self.id).blob(self.group);
        match self.ways {
            Ways::Id => statement,
            Ways::All => {
                let key = Matching::UserName.key(&self.text);
                statement.blob(self.connector).text(&*self.text).text(key)
            }
        }
        .integer(self.most)
    }

    fn together(ways: Ways, all: &[&Self]) -> Statement {
        let each = || all.iter();
        let statement = Statement::of_postgres(ways.texts().1)
            .blobs(each().map(|reference| reference.instance))
            .blobs(each().map(|reference| reference.id))
            .blobs(each().map(|reference| reference.group));
        match ways {
            Ways::Id => statement,
            Ways::All => statement
                .blobs(each().map(|reference| reference.connector))
                .texts(each().map(|reference| &*reference.text))
                .texts(each().map(|reference| Matching::UserName.key(&reference.text))),
        }
        .integer(each().map(|reference| reference.most).max().unwrap_or_default())
    }

    fn each_found(all: &[&Self], rows: Vec<MeantRow>) -> Result<Vec<Meant>, StoreError> {
        let mut found: Vec<Option<Meant>> = vec![None; all.len()];
        for MeantRow { n, id, resource_type, deleted_ms, members } in rows {
            let place = usize::try_from(n).ok().and_then(|n| n.checked_sub(1));
            let place = place.and_then(|place| Some((all.get(place)?, found.get_mut(place)?)));
            let (reference, meant) = place.ok_or_else(|| damaged("a read"))?;
            let target = match (id, resource_type, deleted_ms) {
                (_, _, Some(at)) => Target::Deleted { at: Timestamp::from_unix_millis(at) },
                (Some(id), Some(name), None) => {
                    Target::Live(Key { resource_type: Arc::from(name), id: id.into() })
                }
                _ => Target::Unknown,
            };
            // Several have the highest of their limits in common.
            let members = u64::try_from(members.min(reference.most)).unwrap_or_default();
            *meant = Some(Meant { target, members });
        }
        found.into_iter().collect::<Option<_>>().ok_or_else(|| damaged("a read"))
    }
}

impl Postgres {
    /// Answers to the questions that references were made of, one each.
    pub(crate) async fn meant(
        &self,
        references: Vec<Reference>,
        questions: &[Question],
    ) -> Result<Vec<Fact>, StoreError> {
        let mut found = None;
        if references.iter().all(|reference| reference.ways == Ways::Id) {
            let meant = self.each_meant(Ways::Id, references.clone()).await?;
            found = Some(meant).filter(|meant| meant.iter().all(|one| one.target != Target::Unknown));
        }
        let found = match found {
            Some(found) => found,
            None => self.each_meant(Ways::All, references).await?,
        };
        let members = found.first().map_or(0, |first| first.members);
        let mut targets = found.into_iter().map(|meant| meant.target);
        let answer = |question: &Question| match question {
            Question::Target(_) => targets.next().map(Fact::Target),
            _ => Some(Fact::Count(members)),
        };
        questions.iter().map(answer).collect::<Option<_>>().ok_or_else(|| damaged("a read"))
    }

    /// One goes together with others that ask; several are a statement.
    async fn each_meant(&self, ways: Ways, references: Vec<Reference>) -> Result<Vec<Meant>, StoreError> {
        let references: Vec<_> = references.into_iter().map(|reference| reference.gone_by(ways)).collect();
        if let [one] = references.as_slice() {
            return Ok(vec![self.look_up(one.clone()).await?]);
        }
        let all: Vec<&Reference> = references.iter().collect();
        let rows = self.ask(Reference::together(ways, &all)).await?;
        Reference::each_found(&all, rows)
    }
}

#[cfg(test)]
mod tests {
    use scim_directory::InstanceId;

    use super::*;
    use crate::postgres::blank;
    use crate::postgres::seek::tests::{check, fill};

    #[test]
    fn references_are_found_by_indexes_in_tables_that_nobody_has_counted() {
        let Some((mut connection, _database)) = blank() else { return };
        fill(&mut connection, 3000);
        let scope = Scope { instance: InstanceId::new(Uuid::from_u128(1)), connector: None };
        let reference = Reference::new(&scope, "n7");
        for ways in [Ways::Id, Ways::All] {
            let one = reference.clone().gone_by(ways);
            check(&mut connection, one.statement());
            check(&mut connection, Reference::together(ways, &[&one, &one]));
        }
    }
}
