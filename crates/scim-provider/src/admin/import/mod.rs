//! Bringing in what the application has: accounts, groups and memberships from a file, in short batches.
//!
//! A file is read line by line ([`ImportReader`]); lines are decided on a batch at a time, with the facts of the whole batch
//! in one question to the store, and committed in one change set, which also keeps how far the import has come
//! ([`scim_directory::ImportRecord`]). So an import that was killed goes on behind its last committed line, nothing is
//! imported twice, and the counts at its end are those of the whole file. While a batch is committed the next one is decided.
//!
//! Deliberately absent are changes of what is there: an account or a group that exists is left alone.

mod account;
mod batch;
mod columns;
mod csv;
mod group;
mod id;
mod lines;
mod membership;
mod reader;
mod run;

use std::collections::HashSet;

use scim_directory::{ImportId, ImportKind, ImportRecord, RejectedLine};
use scim_lifecycle::Decision;

pub use columns::{ColumnMap, REPORT_COLUMNS};
pub use id::{ImportDigest, MAX_LABEL_CHARS};
pub use reader::{Cells, ImportFormat, ImportReader, ImportRow};

/// How a file is imported.
#[derive(Clone, Debug)]
pub struct ImportOptions {
    /// What its lines describe.
    pub kind: ImportKind,
    /// How it is written.
    pub format: ImportFormat,
    /// What its columns mean.
    pub columns: ColumnMap,
    /// What the import is known by: how far it comes is kept under this id, and it goes on from there. `None`: nothing is
    /// kept, and each time the whole file is gone through.
    pub id: Option<ImportId>,
    /// What the file is called, for people.
    pub label: String,
    /// Whether nothing is written, only told.
    pub dry_run: bool,
    /// Whether an import that came to its end before runs again from the first line.
    pub again: bool,
    /// Lines that are committed together; 1 to 1000. Default: 250.
    pub batch: usize,
}

impl ImportOptions {
    /// Lines that are committed together where nothing else is said.
    pub const BATCH: usize = 250;

    /// An import of that kind that keeps nothing of how far it comes.
    #[must_use]
    pub fn new(kind: ImportKind) -> Self {
        Self {
            kind,
            format: ImportFormat::default(),
            columns: ColumnMap::default(),
            id: None,
            label: String::new(),
            dry_run: false,
            again: false,
            batch: Self::BATCH,
        }
    }

    /// The longest line, in bytes: 1 MiB, and 16 MiB where it lists a group's members.
    #[must_use]
    pub const fn max_line_bytes(&self) -> usize {
        match self.kind {
            ImportKind::Groups => 16 << 20,
            ImportKind::Accounts | ImportKind::Memberships => 1 << 20,
        }
    }
}

/// What became of a line, or would with a dry run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImportOutcome<'i> {
    /// It was brought in.
    Imported,
    /// Its account, group or membership is there already, by another or by an earlier line; nothing was changed.
    There,
    /// It was not taken; why, and what to change.
    Rejected(&'i str),
}

/// A line that is done.
#[derive(Clone, Copy, Debug)]
pub struct ImportedLine<'i> {
    /// Its number, from 1.
    pub line: u64,
    /// The user name or group that it is about, where that could be read.
    pub key: Option<&'i str>,
    /// What became of it.
    pub outcome: ImportOutcome<'i>,
    /// Its values, where they could be read.
    pub cells: Option<&'i Cells>,
    /// Whether it was done by an earlier run, which was interrupted or came to its end: only rejected lines of one are told.
    pub earlier: bool,
}

impl ImportedLine<'_> {
    /// The line as a report has it; `None` where it was not rejected.
    #[must_use]
    pub fn rejected(&self) -> Option<RejectedLine> {
        match self.outcome {
            ImportOutcome::Rejected(reason) => Some(RejectedLine {
                line: self.line,
                key: self.key.map(str::to_owned),
                reason: reason.to_owned(),
            }),
            _ => None,
        }
    }
}

/// Hears how an import goes.
pub trait ImportObserver {
    /// The columns of the file; `None` for JSON lines. Told first.
    fn columns(&mut self, _columns: Option<&[String]>) {}

    /// A line is done: committed, unless it is a dry run.
    fn line(&mut self, line: &ImportedLine<'_>);

    /// It has come so far, and read so many bytes.
    fn progress(&mut self, _so_far: &ImportRecord, _bytes: u64) {}
}

/// Hears nothing.
impl ImportObserver for () {
    fn line(&mut self, _line: &ImportedLine<'_>) {}
}

/// How an import ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportEnd {
    /// Where it is: the counts are those of the whole file.
    pub import: ImportRecord,
    /// Where it began this time.
    pub began: ImportBegan,
}

/// Where an import began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImportBegan {
    /// At the first line.
    AtTheBeginning,
    /// Behind this line, up to which an earlier run had come.
    Behind(u64),
    /// Nowhere: it had come to its end before.
    AtTheEnd,
}

/// What is decided about one line, or about a part of a long one.
struct Item {
    line: u64,
    key: Option<String>,
    /// How many members of the line's group are done with it, where others follow; else 0.
    within: u64,
    /// How much a commit has to do for it.
    weight: usize,
    becomes: Becomes,
    /// What is to be committed; of several lines together, where they concern the same group.
    decision: Decision,
}

enum Becomes {
    Imported,
    There,
    Rejected(String),
}

impl Item {
    fn rejected(line: u64, key: Option<String>, reason: String) -> Self {
        Self {
            line,
            key,
            within: 0,
            weight: 1,
            becomes: Becomes::Rejected(reason),
            decision: Decision::default(),
        }
    }

    fn there(line: u64, key: String) -> Self {
        Self {
            line,
            key: Some(key),
            within: 0,
            weight: 1,
            becomes: Becomes::There,
            decision: Decision::default(),
        }
    }

    fn outcome(&self) -> ImportOutcome<'_> {
        match &self.becomes {
            Becomes::Imported => ImportOutcome::Imported,
            Becomes::There => ImportOutcome::There,
            Becomes::Rejected(reason) => ImportOutcome::Rejected(reason),
        }
    }
}

/// What lines bring that are decided on but not committed: later lines must know of it.
#[derive(Default)]
struct Planned {
    /// Keys of user names, of group names, or of memberships.
    names: HashSet<String>,
    /// Accounts that take a seat.
    active: u64,
}
