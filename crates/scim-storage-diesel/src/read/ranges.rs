//! Which resource stands at a number in the default order, by the ranges that commits keep (see `crate::commit::ranges`).

use std::collections::VecDeque;

use diesel::sql_types::{BigInt, Binary};
use diesel::{QueryResult, QueryableByName};

use crate::connection::Connection;
use crate::sql::{Id, Number, Statement};

/// Ranges that are read at once.
const CHUNK: u8 = 64;

#[derive(QueryableByName)]
struct Range {
    #[diesel(sql_type = Binary)]
    first_id: Vec<u8>,
    #[diesel(sql_type = BigInt)]
    count: i64,
}

/// Where the last range of a type begins; `None` where there are no ranges.
pub(crate) fn last_range(
    connection: &mut Connection,
    instance: &[u8],
    resource_type: &str,
) -> QueryResult<Option<Vec<u8>>> {
    let last = Statement::kept(
        "SELECT first_id AS id FROM ranges WHERE instance_id = ? AND resource_type = ? ORDER BY first_id DESC LIMIT 1",
    )
    .blob(instance)
    .text(resource_type)
    .row::<Id>(connection)?;
    Ok(last.map(|last| last.id))
}

/// How many resources of a type are in the last range.
pub(crate) fn left_in_last_range(
    connection: &mut Connection,
    instance: &[u8],
    resource_type: &str,
) -> QueryResult<u64> {
    let left = Statement::kept(
        "SELECT CAST(coalesce((SELECT sum(count) FROM counters WHERE instance_id = ? AND resource_type = ?), 0) - \
         coalesce((SELECT sum(count) FROM ranges WHERE instance_id = ? AND resource_type = ?), 0) AS BIGINT) AS n",
    )
    .blob(instance)
    .text(resource_type)
    .blob(instance)
    .text(resource_type)
    .row::<Number>(connection)?;
    Ok(left.and_then(|left| u64::try_from(left.n).ok()).unwrap_or_default())
}

/// The id of the resource with so many newer ones of its type, of which there are `total`; `None` where there is no such one.
pub(super) fn standing_at(
    connection: &mut Connection,
    instance: &[u8],
    resource_type: &str,
    offset: u64,
    total: u64,
) -> QueryResult<Option<Vec<u8>>> {
    let Some(older) = total.checked_sub(offset).and_then(|left| left.checked_sub(1)) else { return Ok(None) };
    let mut seeking = Seeking { connection, instance, resource_type };
    if older < offset { seeking.by_the_oldest(older) } else { seeking.by_the_newest(offset) }
}

struct Seeking<'a> {
    connection: &'a mut Connection,
    instance: &'a [u8],
    resource_type: &'a str,
}

/// Ranges one after the other, read some at a time.
struct Walk {
    upwards: bool,
    read: VecDeque<Range>,
    /// What was read last; `None` at the beginning.
    last: Option<Vec<u8>>,
    ended: bool,
}

/// Where in a span a resource stands.
enum Rank {
    /// With so many lower ids.
    Above(u64),
    /// With so many higher ids.
    Below(u64),
}

impl Walk {
    fn new(upwards: bool) -> Self {
        Self { upwards, read: VecDeque::new(), last: None, ended: false }
    }

    fn next(&mut self, seeking: &mut Seeking<'_>) -> QueryResult<Option<Range>> {
        if self.read.is_empty() && !self.ended {
            let (beyond, order) = if self.upwards { (" > ?", "") } else { (" < ?", " DESC") };
            let mut text = String::from(
                "SELECT first_id, CAST(sum(count) AS BIGINT) AS count FROM ranges WHERE instance_id = ? AND resource_type = ?",
            );
            if self.last.is_some() {
                text.push_str(" AND first_id");
                text.push_str(beyond);
            }
            text.push_str(" GROUP BY first_id ORDER BY first_id");
            text.push_str(order);
            text.push_str(" LIMIT CAST(? AS BIGINT)");
            let mut ranges = Statement::kept(text).blob(seeking.instance).text(seeking.resource_type);
            if let Some(last) = &self.last {
                ranges = ranges.blob(last);
            }
            self.read = ranges.integer(i64::from(CHUNK)).rows::<Range>(seeking.connection)?.into();
            self.ended = self.read.len() < usize::from(CHUNK);
            self.last = self.read.back().map(|range| range.first_id.clone());
        }
        Ok(self.read.pop_front())
    }
}

impl Seeking<'_> {
    fn by_the_oldest(&mut self, mut rank: u64) -> QueryResult<Option<Vec<u8>>> {
        let mut walk = Walk::new(true);
        let Some(mut range) = walk.next(self)? else { return self.within(&[], None, &Rank::Above(rank)) };
        while let Some(next) = walk.next(self)? {
            let count = u64::try_from(range.count).unwrap_or_default();
            match rank.checked_sub(count) {
                Some(left) => (rank, range) = (left, next),
                None if rank > count / 2 => {
                    return self.within(
                        &range.first_id,
                        Some(&next.first_id),
                        &Rank::Below(count - 1 - rank),
                    );
                }
                None => return self.within(&range.first_id, Some(&next.first_id), &Rank::Above(rank)),
            }
        }
        self.within(&range.first_id, None, &Rank::Above(rank))
    }

    fn by_the_newest(&mut self, mut rank: u64) -> QueryResult<Option<Vec<u8>>> {
        let mut walk = Walk::new(false);
        let Some(last) = walk.next(self)? else { return self.within(&[], None, &Rank::Below(rank)) };
        let mut count = left_in_last_range(self.connection, self.instance, self.resource_type)?;
        let (mut first, mut below) = (last.first_id, None);
        loop {
            let Some(left) = rank.checked_sub(count) else {
                let rank = if rank > count / 2 { Rank::Above(count - 1 - rank) } else { Rank::Below(rank) };
                return self.within(&first, below.as_deref(), &rank);
            };
            let Some(next) = walk.next(self)? else { return Ok(None) };
            rank = left;
            count = u64::try_from(next.count).unwrap_or_default();
            below = Some(std::mem::replace(&mut first, next.first_id));
        }
    }

    /// The id at a place in a span of ids, by the index alone.
    fn within(&mut self, from: &[u8], below: Option<&[u8]>, rank: &Rank) -> QueryResult<Option<Vec<u8>>> {
        let mut text = String::from(
            "SELECT id FROM resources INDEXED BY resources_by_type WHERE instance_id = ? AND resource_type = ? AND id >= ?",
        );
        if below.is_some() {
            text.push_str(" AND id < ?");
        }
        let (order, skipped) = match rank {
            Rank::Above(skipped) => (" ORDER BY id", *skipped),
            Rank::Below(skipped) => (" ORDER BY id DESC", *skipped),
        };
        text.push_str(order);
        text.push_str(" LIMIT 1 OFFSET ?");
        let mut found = Statement::kept(text).blob(self.instance).text(self.resource_type).blob(from);
        if let Some(below) = below {
            found = found.blob(below);
        }
        let found = found.integer(i64::try_from(skipped).unwrap_or(i64::MAX)).row::<Id>(self.connection)?;
        Ok(found.map(|found| found.id))
    }
}
