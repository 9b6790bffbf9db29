//! The digest of an instance: the same for the same rows, whatever engine they come from.
//!
//! Of each table the SHA-256 of every row's line are added up, as numbers of 256 bits, so that it does not matter in which
//! order an engine gives them; where order matters (log and outbox), each line is hashed with its place in it. The digest is
//! the SHA-256 of the tables' names, numbers of rows, and sums. It finds damage, not malice: who can write a file can
//! work out its digest.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

use super::table::{Rows, TABLES, Table};

/// What has been counted and added up so far.
#[derive(Clone, Debug)]
pub(crate) struct Digest {
    tables: Vec<Sum>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Sum {
    rows: u64,
    sum: [u64; 4],
}

impl Digest {
    pub(crate) fn new() -> Self {
        Self { tables: vec![Sum::default(); TABLES.len()] }
    }

    /// Adds a row: its line, without the line end.
    pub(crate) fn add(&mut self, place: usize, table: &Table, line: &[u8]) {
        let Some(sum) = self.tables.get_mut(place) else { return };
        let mut hash = Sha256::new();
        if table.rows == Rows::Ordered {
            hash.update(sum.rows.to_le_bytes());
        }
        hash.update(line);
        sum.rows += 1;
        let mut carry = false;
        for (number, bytes) in sum.sum.iter_mut().zip(hash.finalize().chunks_exact(8)) {
            let added = bytes.iter().rev().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
            let (once, first) = number.overflowing_add(added);
            let (twice, second) = once.overflowing_add(u64::from(carry));
            (*number, carry) = (twice, first || second);
        }
    }

    /// How many rows of each table there are; those without rows are left out.
    pub(crate) fn counts(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let counts = TABLES.iter().zip(&self.tables).map(|(table, sum)| (table.name, sum.rows));
        counts.filter(|(_, rows)| *rows > 0)
    }

    /// The number of all rows.
    pub(crate) fn rows(&self) -> u64 {
        self.tables.iter().map(|sum| sum.rows).sum()
    }

    /// The first table in which two differ, with the number of rows in each.
    pub(crate) fn difference(&self, other: &Self) -> Option<(&'static str, u64, u64)> {
        let sums = self.tables.iter().zip(&other.tables);
        let mut tables = TABLES.iter().zip(sums);
        let (table, (mine, others)) = tables.find(|(_, (mine, others))| mine != others)?;
        Some((table.name, mine.rows, others.rows))
    }

    /// As it is written: 64 hexadecimal digits.
    pub(crate) fn finish(&self) -> String {
        let mut hash = Sha256::new();
        for (table, sum) in TABLES.iter().zip(&self.tables) {
            hash.update(table.name);
            hash.update([0]);
            hash.update(sum.rows.to_le_bytes());
            for number in sum.sum {
                hash.update(number.to_le_bytes());
            }
        }
        hash.finalize().iter().fold(String::with_capacity(64), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(lines: &[(&str, &str)]) -> String {
        let mut digest = Digest::new();
        for (table, line) in lines {
            let (place, table) = Table::named(table).expect("a table");
            digest.add(place, table, line.as_bytes());
        }
        digest.finish()
    }

    #[test]
    fn order_matters_where_there_is_one() {
        let check = |one: &[(&str, &str)], other: &[(&str, &str)], same: bool| {
            assert_eq!(digest(one) == digest(other), same, "{one:?} {other:?}");
        };
        check(&[("links", "a"), ("links", "b")], &[("links", "b"), ("links", "a")], true);
        check(&[("journal", "a"), ("journal", "b")], &[("journal", "b"), ("journal", "a")], false);
        check(&[("links", "a")], &[("links", "a"), ("links", "a")], false);
        check(&[("links", "a")], &[("members", "a")], false);
        check(&[("links", "a")], &[("links", "b")], false);
        check(&[], &[], true);
    }
}
