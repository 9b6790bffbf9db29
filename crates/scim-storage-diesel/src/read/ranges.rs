//! Which resource stands at a number in the default order, by the ranges that commits keep, and by the spans of these
//! (see `crate::commit::ranges`): a few dozen rows of each, however long the order is.

use diesel::sql_types::{BigInt, Binary};
use diesel::{QueryResult, QueryableByName};

use crate::connection::Connection;
use crate::sql::{Id, Number, Statement};

/// Of what the order is kept in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Level {
    /// Ranges of some hundred resources.
    Ranges,
    /// Spans of some dozen ranges.
    Spans,
}

impl Level {
    /// The table that has them.
    pub(crate) const fn table(self) -> &'static str {
        match self {
            Self::Ranges => "ranges",
            Self::Spans => "spans",
        }
    }
}

#[derive(QueryableByName)]
struct Part {
    #[diesel(sql_type = Binary)]
    first_id: Vec<u8>,
    #[diesel(sql_type = BigInt)]
    count: i64,
}

/// Where the last range, or span, of a type begins; `None` where there are none.
pub(crate) fn last_first(
    connection: &mut Connection,
    instance: &[u8],
    resource_type: &str,
    level: Level,
) -> QueryResult<Option<Vec<u8>>> {
    let table = level.table();
    let last = Statement::kept(format!(
        "SELECT first_id AS id FROM {table} WHERE instance_id = ? AND resource_type = ? ORDER BY first_id DESC LIMIT 1"
    ))
    .blob(instance)
    .text(resource_type)
    .row::<Id>(connection)?;
    Ok(last.map(|last| last.id))
}

/// How many resources of a type are in the last range: all, without those in spans, and without those in the ranges of the last span.
pub(crate) fn left_in_last_range(
    connection: &mut Connection,
    instance: &[u8],
    resource_type: &str,
) -> QueryResult<u64> {
    let left = Statement::kept(
        "SELECT CAST(coalesce((SELECT sum(count) FROM counters WHERE instance_id = ? AND resource_type = ?), 0) - \
         coalesce((SELECT sum(count) FROM spans WHERE instance_id = ? AND resource_type = ?), 0) - \
         coalesce((SELECT sum(count) FROM ranges WHERE instance_id = ? AND resource_type = ? AND first_id >= ?), 0) AS BIGINT) AS n",
    );
    let last = last_first(connection, instance, resource_type, Level::Spans)?.unwrap_or_default();
    let left = (0..3).fold(left, |left, _| left.blob(instance).text(resource_type));
    let left = left.blob(last).row::<Number>(connection)?;
    Ok(left.and_then(|left| u64::try_from(left.n).ok()).unwrap_or_default())
}

/// Some resources that stand side by side, among them the one that is looked for.
struct Stretch {
    /// From this id on.
    from: Vec<u8>,
    /// Up to before this one.
    below: Option<Vec<u8>>,
    count: u64,
    /// How many of them have lower ids than the one.
    rank: u64,
}

/// The id of the resource with so many newer ones of its type, of which there are `total`; `None` where there is no such one.
pub(crate) fn standing_at(
    connection: &mut Connection,
    instance: &[u8],
    resource_type: &str,
    offset: u64,
    total: u64,
) -> QueryResult<Option<Vec<u8>>> {
    let Some(rank) = total.checked_sub(offset).and_then(|left| left.checked_sub(1)) else { return Ok(None) };
    let mut stretch = Stretch { from: Vec::new(), below: None, count: total, rank };
    for level in [Level::Spans, Level::Ranges] {
        stretch = stretch.narrowed(connection, (instance, resource_type), level)?;
    }
    stretch.one(connection, (instance, resource_type))
}

impl Stretch {
    /// The one of its ranges, or spans, that the resource is in. The last of them has what the others leave: of the whole order the
    /// last one is not counted.
    fn narrowed(
        self,
        connection: &mut Connection,
        (instance, resource_type): (&[u8], &str),
        level: Level,
    ) -> QueryResult<Self> {
        let (table, below) = (level.table(), if self.below.is_some() { " AND first_id < ?" } else { "" });
        let parts = Statement::kept(format!(
            "SELECT first_id, CAST(sum(count) AS BIGINT) AS count FROM {table} WHERE instance_id = ? AND resource_type = ? \
             AND first_id >= ?{below} GROUP BY first_id ORDER BY first_id"
        ));
        let mut parts = parts.blob(instance).text(resource_type).blob(&self.from);
        if let Some(below) = &self.below {
            parts = parts.blob(below);
        }
        let mut parts = parts.rows::<Part>(connection)?.into_iter().peekable();
        let (mut rank, mut left) = (self.rank, self.count);
        while let Some(part) = parts.next() {
            let next = parts.peek().map(|next| next.first_id.clone());
            let count = match &next {
                Some(_) => u64::try_from(part.count).unwrap_or_default(),
                None => left,
            };
            let Some(beyond) = rank.checked_sub(count).filter(|_| next.is_some()) else {
                return Ok(Self { from: part.first_id, below: next.or(self.below), count, rank });
            };
            (rank, left) = (beyond, left.saturating_sub(count));
        }
        Ok(self)
    }

    /// The id at the place, by the index alone, from the nearer end.
    fn one(
        self,
        connection: &mut Connection,
        (instance, resource_type): (&[u8], &str),
    ) -> QueryResult<Option<Vec<u8>>> {
        let below = if self.below.is_some() { " AND id < ?" } else { "" };
        let (order, skipped) = match self.count.checked_sub(self.rank + 1) {
            Some(higher) if higher < self.rank => (" DESC", higher),
            _ => ("", self.rank),
        };
        let found = Statement::kept(format!(
            "SELECT id FROM resources INDEXED BY resources_by_type WHERE instance_id = ? AND resource_type = ? AND id >= ?{below} \
             ORDER BY id{order} LIMIT 1 OFFSET ?"
        ));
        let mut found = found.blob(instance).text(resource_type).blob(self.from);
        if let Some(below) = self.below {
            found = found.blob(below);
        }
        let found = found.integer(i64::try_from(skipped).unwrap_or(i64::MAX)).row::<Id>(connection)?;
        Ok(found.map(|found| found.id))
    }
}
