//! That the order is exact, whoever comes and goes wherever, and however often it is cut.

use std::collections::BTreeSet;

use super::*;
use crate::read::standing_at;

const INSTANCE: [u8; 16] = [1; 16];
const USER: &str = "User";
/// Small ones: a thousand resources stand in dozens of spans.
const SMALL: Sizes = Sizes { range: 4, span: 3 };

/// Numbers that are the same in each run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).expect("fits") % end
    }
}

struct Order<'c> {
    connection: &'c mut Connection,
    there: BTreeSet<u128>,
    way: Way,
}

/// How those who come and go are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// As where it is known which range is the last one.
    Seen,
    /// As on PostgreSQL where outcomes are supposed.
    #[cfg(feature = "postgres")]
    Unseen,
    /// The same, and who goes is counted as where change sets share a transaction.
    #[cfg(feature = "postgres")]
    Together,
}

impl Order<'_> {
    fn run(&mut self, statement: Statement) {
        statement.run(self.connection).expect("written");
    }

    fn count(&mut self, step: Step) {
        let counter = Statement::new(
            "INSERT INTO counters (instance_id, resource_type, slot, count, active, managed) VALUES (?, ?, 0, ?, 0, 0) \
             ON CONFLICT (instance_id, resource_type, slot) DO UPDATE SET count = counters.count + excluded.count",
        );
        self.run(counter.blob(INSTANCE).text(USER).integer(step.1));
        #[cfg(feature = "postgres")]
        if self.way == Way::Together && step.1 < 0 {
            let uncounted = crate::commit::together::uncounted(INSTANCE, 5, &[USER], &[step.0]);
            return uncounted.into_iter().for_each(|statement| self.run(statement));
        }
        for level in [Level::Ranges, Level::Spans] {
            if self.way != Way::Seen {
                self.run(add_unseen(level, &INSTANCE, USER, 3, step));
                continue;
            }
            let last = last_first(self.connection, &INSTANCE, USER, level).expect("read");
            let Some(last) = last.filter(|last| step.0.as_slice() < last.as_slice()) else { break };
            assert!(!last.is_empty());
            self.run(add(level, &INSTANCE, USER, 0, step));
        }
    }

    fn come(&mut self, id: u128) {
        if !self.there.insert(id) {
            return;
        }
        let resource = Statement::new(
            "INSERT INTO resources (instance_id, resource_type, id, version, membership, created_ms, modified_ms, active, keys, \
             document, shadow) VALUES (?, ?, ?, 1, 0, 0, 0, 1, '[]', '{}', '{}')",
        );
        self.run(resource.blob(INSTANCE).text(USER).blob(id.to_be_bytes()));
        self.count((id.to_be_bytes(), 1));
    }

    fn go(&mut self, id: u128) {
        assert!(self.there.remove(&id));
        let gone = Statement::new("DELETE FROM resources WHERE instance_id = ? AND id = ?");
        self.run(gone.blob(INSTANCE).blob(id.to_be_bytes()));
        self.count((id.to_be_bytes(), -1));
    }

    fn check(&mut self, step: usize) {
        let all: Vec<u128> = self.there.iter().rev().copied().collect();
        let total = all.len() as u64;
        for offset in (0..all.len() + 2).step_by(step) {
            let found = standing_at(self.connection, &INSTANCE, USER, offset as u64, total).expect("read");
            let expected = all.get(offset).map(|id| id.to_be_bytes().to_vec());
            assert_eq!(found, expected, "{offset} of {total}");
        }
        let last =
            last_first(self.connection, &INSTANCE, USER, Level::Ranges).expect("read").unwrap_or_default();
        let left = all.iter().filter(|id| id.to_be_bytes().as_slice() >= last.as_slice()).count();
        let counted = left_in_last_range(self.connection, &INSTANCE, USER).expect("read");
        assert_eq!(counted, left as u64, "in the last range");
        #[cfg(feature = "postgres")]
        if self.connection.is_postgres() {
            self.check_pages(&all, step);
        }
    }

    /// The page that PostgreSQL finds by itself.
    #[cfg(feature = "postgres")]
    fn check_pages(&mut self, all: &[u128], step: usize) {
        use scim_directory::{InstanceId, Scope};
        use scim_storage::{Query, QueryPart, Start, Want};

        let user = scim_core::schema::Registry::builtin().resource_type(USER).expect("built in").clone();
        let scope = Scope { instance: InstanceId::new(uuid::Uuid::from_bytes(INSTANCE)), connector: None };
        for offset in (33..all.len() + 2).step_by(step) {
            let query = Query {
                parts: vec![QueryPart { resource_type: user.clone(), filter: None, sort_by: None }],
                sort: None,
                start: Start::Offset(offset as u64),
                limit: 3,
                want: Want::SHOWN,
                total: true,
            };
            let statement = crate::read::at_once(&scope, &query).expect("one statement");
            let rows = self.connection.postgres().expect("it is").answer(&statement).expect("read");
            let (_, page) = crate::read::page_at_once(&rows, &query).expect("sound").expect("a page");
            let found: Vec<_> = page.records.iter().map(|record| record.key.id.uuid().as_u128()).collect();
            let expected: Vec<_> = all.iter().skip(offset).take(3).copied().collect();
            assert_eq!((found, page.total), (expected, Some(all.len() as u64)), "{offset}");
        }
    }
}

fn check(connection: &mut Connection, way: Way) {
    let mut order = Order { connection, there: BTreeSet::new(), way };
    let mut dice = Dice(7);
    let mut newest = 1_000_u128;
    for turn in 0..700 {
        let id = |order: &Order<'_>, dice: &mut Dice| {
            order.there.iter().nth(dice.below(order.there.len().max(1))).copied()
        };
        match dice.below(8) {
            0..=4 => {
                newest += 1_000;
                order.come(newest);
            }
            5 => {
                if let Some(id) = id(&order, &mut dice) {
                    order.come(id - 1 - dice.below(500) as u128);
                }
            }
            _ => {
                if let Some(id) = id(&order, &mut dice) {
                    order.go(id);
                }
            }
        }
        if turn % 9 == 0 {
            cut_at(order.connection, (&INSTANCE, USER), SMALL).expect("cut");
        }
        if turn % 50 == 0 {
            order.check(7);
        }
    }
    let spans = Statement::new("SELECT count(*) AS n FROM spans").row::<Number>(order.connection);
    assert!(spans.expect("read").expect("a row").n > 10);
    order.check(1);
    // All but a few of a span's go, then all of it.
    let oldest: Vec<u128> = order.there.iter().take(60).copied().collect();
    for id in oldest {
        order.go(id);
    }
    order.check(1);
}

#[cfg(feature = "sqlite")]
#[test]
fn the_order_is_exact_on_sqlite() {
    let (mut connection, _directory) = crate::sqlite::blank();
    check(&mut connection, Way::Seen);
}

#[cfg(feature = "postgres")]
#[test]
fn the_order_is_exact_on_postgresql() {
    for way in [Way::Seen, Way::Unseen, Way::Together] {
        let Some((mut connection, _database)) = crate::postgres::blank() else { return };
        check(&mut connection, way);
    }
}
