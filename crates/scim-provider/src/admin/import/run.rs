//! One run of an import: from where an earlier one stopped to the end of the file.

use std::collections::VecDeque;
use std::io::BufRead;
use std::sync::Arc;

use scim_directory::{ImportPlace, ImportRecord, ImportState, Instance, NameScope, RejectedLine};
use scim_lifecycle::Policy;
use scim_storage::{InstanceAnswer, InstanceQuestion};

use super::columns::Columns;
use super::reader::{ImportReader, ImportRow};
use super::{
    ImportBegan, ImportEnd, ImportObserver, ImportOptions, ImportOutcome, ImportedLine, MAX_LABEL_CHARS,
};
use crate::admin::account::scope;
use crate::admin::{Admin, AdminError};

/// The most lines that are committed together.
const MAX_BATCH: usize = 1000;
/// A batch takes no further line once its lines have so many bytes.
const BATCH_BYTES: u64 = 1 << 20;
/// Rejected lines of an earlier run that are read at once.
const EARLIER: usize = 1000;

/// A run under way.
pub(super) struct Run<'a> {
    pub(super) instance: &'a Instance,
    pub(super) options: &'a ImportOptions,
    pub(super) policy: Arc<Policy>,
    pub(super) columns: Columns,
    pub(super) request_id: String,
    /// How far it has come.
    pub(super) record: ImportRecord,
    /// How far the store knows that it has come; `None` where it does not know of it.
    pub(super) kept: Option<ImportPlace>,
    /// The line of which a part is done.
    pub(super) begun: Option<u64>,
    /// How many lines, or members, are committed together.
    pub(super) weight: usize,
}

impl Run<'_> {
    /// Whether how far it comes is kept.
    pub(super) const fn is_kept(&self) -> bool {
        self.options.id.is_some() && !self.options.dry_run
    }

    /// Whether user names are unique among all instances.
    pub(super) fn in_realm(&self) -> bool {
        self.policy.settings().user_names == NameScope::Server
    }

    /// How many members of that line's group are done already.
    pub(super) fn within(&self, line: u64) -> u64 {
        self.begun.filter(|begun| *begun == line).map_or(0, |_| self.record.within)
    }

    /// It has come so far.
    pub(super) fn go_on(&mut self, record: ImportRecord) {
        if self.is_kept() {
            self.kept = Some(record.place());
        }
        self.begun = self.begun.filter(|_| record.within > 0);
        self.record = record;
    }

    /// The first of these lines is the one of which a part is done, if any is.
    pub(super) fn go_on_within(&mut self, rows: &[ImportRow]) {
        self.begun = rows.first().map(|row| row.line).filter(|_| self.record.within > 0);
    }

    /// Those lines that are not done.
    pub(super) fn left(&self, rows: Vec<ImportRow>) -> Vec<ImportRow> {
        rows.into_iter().filter(|row| row.line > self.record.lines).collect()
    }

    /// The user name or group that a row is about, where it can be read.
    pub(super) fn key(&mut self, row: &ImportRow) -> Option<String> {
        let part = self.columns.key();
        let mut key = None;
        let _ = self.columns.read(row.read.as_ref().ok()?, |field, cell| {
            if field == part {
                key = super::account::text(cell).ok().flatten();
            }
            Ok(())
        });
        key
    }
}

impl Admin {
    /// Imports a file: accounts, groups and memberships arrive unmanaged, visible over SCIM. `told` hears of each line once it
    /// is committed.
    ///
    /// With an id ([`ImportOptions::id`]), how far it comes is kept with each batch, and it begins behind the last line that
    /// an earlier run has committed. What was rejected before is told again, so that the report is that of the whole file;
    /// an import that came to its end changes nothing, unless it is to run again.
    ///
    /// Reading `input` blocks, and deciding takes processor time: do not call it on a thread of an asynchronous runtime that
    /// serves others. It needs no runtime; give it a thread of its own, and an input that takes an upload's
    /// bytes from a channel.
    ///
    /// # Errors
    /// [`AdminError::Invalid`] where the file cannot be read or its columns mean nothing; [`AdminError::Taken`] where
    /// somebody else works at the same import. What is wrong with a line is told, not an error.
    pub async fn import<R: BufRead>(
        &self,
        instance: &Instance,
        input: R,
        options: &ImportOptions,
        told: &mut impl ImportObserver,
    ) -> Result<ImportEnd, AdminError> {
        let policy = self.policy(instance).await?;
        let mut reader = ImportReader::new(input, options.format, options.max_line_bytes())?;
        let header = reader.columns().cloned();
        let columns = Columns::new(options.kind, &policy, &options.columns, header.as_deref())?;
        told.columns(header.as_deref());
        let (record, kept) = self.begin(instance, options).await?;
        let ended = record.state == ImportState::Done;
        let began = match (ended, record.lines) {
            (true, _) => ImportBegan::AtTheEnd,
            (false, 0) => ImportBegan::AtTheBeginning,
            (false, line) => ImportBegan::Behind(line),
        };
        let request_id = match &options.id {
            Some(id) => format!("import-{id}"),
            None => self.source.uuid().to_string(),
        };
        let weight = options.batch.clamp(1, MAX_BATCH);
        let mut run =
            Run { instance, options, policy, columns, request_id, record, kept, begun: None, weight };
        let first = self.skip(&run, &mut reader, told).await?;
        run.go_on_within(first.as_slice());
        if !ended {
            self.work(&mut run, &mut reader, first, told).await?;
        }
        Ok(ImportEnd { import: run.record, began })
    }

    /// An import, as far as it has come; `None` where it is not known.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn import_of(
        &self,
        instance: &Instance,
        id: &scim_directory::ImportId,
    ) -> Result<Option<ImportRecord>, AdminError> {
        match self.store.instance(&scope(instance), &InstanceQuestion::Import(id.clone())).await? {
            InstanceAnswer::Import(import) => Ok(import.map(|import| *import)),
            _ => Ok(None),
        }
    }

    /// Lines that an import rejected, by number, after that one.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn import_rejected(
        &self,
        instance: &Instance,
        id: &scim_directory::ImportId,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Vec<RejectedLine>, AdminError> {
        let question = InstanceQuestion::RejectedLines { import: id.clone(), after, limit };
        match self.store.instance(&scope(instance), &question).await? {
            InstanceAnswer::RejectedLines(lines) => Ok(lines),
            _ => Ok(Vec::new()),
        }
    }

    /// Imports, newest first, after that place.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn import_page(
        &self,
        instance: &Instance,
        after: Option<&ImportRecord>,
        limit: usize,
    ) -> Result<Vec<ImportRecord>, AdminError> {
        let after = after.map(|import| (import.started, import.id.clone()));
        match self.store.instance(&scope(instance), &InstanceQuestion::Imports { after, limit }).await? {
            InstanceAnswer::Imports(imports) => Ok(imports),
            _ => Ok(Vec::new()),
        }
    }

    /// How far the import had come, as far as it goes on from there.
    async fn begin(
        &self,
        instance: &Instance,
        options: &ImportOptions,
    ) -> Result<(ImportRecord, Option<ImportPlace>), AdminError> {
        let known = match &options.id {
            Some(id) => self.import_of(instance, id).await?,
            None => None,
        };
        let kept = known.as_ref().map(ImportRecord::place);
        if let Some(known) = known {
            if known.kind != options.kind {
                return Err(AdminError::Taken(format!(
                    "the import {} is one of {}; give another id",
                    known.id,
                    known.kind.word()
                )));
            }
            if !(options.again && known.state == ImportState::Done) {
                return Ok((known, kept));
            }
        }
        let now = self.now();
        // An import that begins anew is told from the one before by when it began.
        let started = match kept {
            Some(place) if place.started >= now => place.started.plus_millis(1),
            _ => now,
        };
        let unnamed = || "none".parse().map_err(|error| AdminError::Invalid(format!("{error}")));
        let record = ImportRecord {
            id: options.id.clone().map_or_else(unnamed, Ok)?,
            kind: options.kind,
            label: options.label.chars().take(MAX_LABEL_CHARS).collect(),
            state: ImportState::Running,
            started,
            updated: now,
            lines: 0,
            within: 0,
            imported: 0,
            there: 0,
            rejected: 0,
        };
        Ok((record, kept))
    }

    /// Leaves the lines that an earlier run has done, and tells of those that it rejected. The first line that is not done.
    async fn skip<R: BufRead>(
        &self,
        run: &Run<'_>,
        reader: &mut ImportReader<R>,
        told: &mut impl ImportObserver,
    ) -> Result<Option<ImportRow>, AdminError> {
        let mut earlier = Earlier::default();
        if run.record.lines == 0 {
            return reader.next_row();
        }
        while let Some(row) = reader.next_row()? {
            if row.line > run.record.lines {
                return Ok(Some(row));
            }
            if run.record.rejected > 0
                && let Some(rejected) = self.rejected_before(run, &mut earlier, row.line).await?
            {
                told.line(&ImportedLine {
                    line: row.line,
                    key: rejected.key.as_deref(),
                    outcome: ImportOutcome::Rejected(&rejected.reason),
                    cells: row.read.as_ref().ok(),
                    earlier: true,
                });
            }
        }
        Ok(None)
    }

    /// The line of that number, where an earlier run rejected it. Asked for in ascending order.
    async fn rejected_before(
        &self,
        run: &Run<'_>,
        earlier: &mut Earlier,
        line: u64,
    ) -> Result<Option<RejectedLine>, AdminError> {
        loop {
            while let Some(next) = earlier.lines.pop_front() {
                if next.line == line {
                    return Ok(Some(next));
                }
                if next.line > line {
                    earlier.lines.push_front(next);
                    return Ok(None);
                }
            }
            if earlier.all {
                return Ok(None);
            }
            let page = self.import_rejected(run.instance, &run.record.id, earlier.after, EARLIER).await?;
            earlier.all = page.len() < EARLIER;
            earlier.after = page.last().map(|line| line.line).or(earlier.after);
            earlier.lines = page.into();
        }
    }
}

/// Lines that an earlier run rejected, page by page.
#[derive(Default)]
struct Earlier {
    lines: VecDeque<RejectedLine>,
    after: Option<u64>,
    all: bool,
}

/// Reads the lines of the next batch; none at the end.
pub(super) fn next_batch<R: BufRead>(
    reader: &mut ImportReader<R>,
    first: Option<ImportRow>,
    most: usize,
) -> Result<Vec<ImportRow>, AdminError> {
    let begin = reader.bytes();
    let mut rows: Vec<ImportRow> = first.into_iter().collect();
    while rows.len() < most && reader.bytes() - begin < BATCH_BYTES {
        match reader.next_row()? {
            Some(row) => rows.push(row),
            None => break,
        }
    }
    Ok(rows)
}
