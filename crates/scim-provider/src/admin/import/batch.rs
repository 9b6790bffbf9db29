//! Deciding and committing a batch after the other; while one is committed, the next one is decided.

use std::io::BufRead;

use futures_util::future::join;
use scim_core::instant::Timestamp;
use scim_directory::{AdminChange, Change, ImportKind, ImportRecord, ImportState, RejectedLine};
use scim_lifecycle::{Decision, Occasion, Policy};
use scim_storage::CommitError;

use super::reader::{ImportReader, ImportRow};
use super::run::{Run, next_batch};
use super::{Becomes, ImportObserver, ImportedLine, Item, Planned};
use crate::admin::account::account_refused;
use crate::admin::{Admin, AdminError};
use crate::resource::ATTEMPTS;

/// Lines, and what was decided about them.
struct Batch {
    rows: Vec<ImportRow>,
    items: Vec<Item>,
    planned: Planned,
}

impl Admin {
    /// Goes through the rest of the file.
    pub(super) async fn work<R: BufRead>(
        &self,
        run: &mut Run<'_>,
        reader: &mut ImportReader<R>,
        mut first: Option<ImportRow>,
        told: &mut impl ImportObserver,
    ) -> Result<(), AdminError> {
        if run.options.dry_run {
            return self.rehearse(run, reader, first, told).await;
        }
        let mut waiting: Option<Batch> = None;
        loop {
            let rows = next_batch(reader, first.take(), run.weight)?;
            waiting = match waiting {
                Some(batch) => {
                    let next = self.commit_and_decide(run, batch, rows, told).await?;
                    told.progress(&run.record, reader.bytes());
                    next
                }
                None => self.decide(run, rows, &Planned::default()).await?,
            };
            if waiting.is_none() {
                break;
            }
        }
        let record = ImportRecord { state: ImportState::Done, updated: self.now(), ..run.record.clone() };
        match self.keep(run, record, Decision::default(), Vec::new()).await {
            Ok(record) => run.go_on(record),
            Err(error) => return Err(self.why(run, error).await),
        }
        told.progress(&run.record, reader.bytes());
        Ok(())
    }

    /// Goes through the file without writing anything.
    async fn rehearse<R: BufRead>(
        &self,
        run: &mut Run<'_>,
        reader: &mut ImportReader<R>,
        mut first: Option<ImportRow>,
        told: &mut impl ImportObserver,
    ) -> Result<(), AdminError> {
        let mut whole = Planned::default();
        loop {
            let rows = next_batch(reader, first.take(), run.weight)?;
            let Some(batch) = self.decide(run, rows, &whole).await? else { break };
            whole.names.extend(batch.planned.names);
            whole.active += batch.planned.active;
            run.record = counted(run, &batch.items, self.now());
            tell(&batch.items, &batch.rows, told);
            told.progress(&run.record, reader.bytes());
        }
        run.record.state = ImportState::Done;
        Ok(())
    }

    /// Decides on lines; `None` where there are none.
    async fn decide(
        &self,
        run: &mut Run<'_>,
        rows: Vec<ImportRow>,
        earlier: &Planned,
    ) -> Result<Option<Batch>, AdminError> {
        if rows.is_empty() {
            return Ok(None);
        }
        let mut planned = Planned::default();
        let items = match run.options.kind {
            ImportKind::Accounts => self.decide_accounts(run, &rows, earlier, &mut planned).await?,
            ImportKind::Groups => self.decide_groups(run, &rows, earlier, &mut planned).await?,
            ImportKind::Memberships => self.decide_memberships(run, &rows, earlier, &mut planned).await?,
        };
        Ok(Some(Batch { rows, items, planned }))
    }

    /// Commits a batch and decides on the next lines: at the same time, unless it matters to them what the commit does.
    async fn commit_and_decide(
        &self,
        run: &mut Run<'_>,
        batch: Batch,
        rows: Vec<ImportRow>,
        told: &mut impl ImportObserver,
    ) -> Result<Option<Batch>, AdminError> {
        let Batch { rows: before, mut items, planned } = batch;
        // What seats are left the store counts, and it counts those that are committed.
        let alone = run.policy.settings().seats.is_some() || part_of(&items, run.weight) < items.len();
        if alone {
            self.settle(run, before, items, told).await?;
            return self.decide(run, rows, &Planned::default()).await;
        }
        let record = counted(run, &items, self.now());
        let (decision, rejected) = taken(&mut items);
        let committing = self.keep(run, record, decision, rejected);
        let (kept, next) = join(committing, self.decide(run, rows.clone(), &planned)).await;
        match kept {
            Ok(record) => {
                run.go_on(record);
                tell(&items, &before, told);
                next
            }
            Err(error) => {
                self.overcome(run, before, error, told).await?;
                self.decide(run, rows, &Planned::default()).await
            }
        }
    }

    /// Commits lines, whatever it takes.
    async fn settle(
        &self,
        run: &mut Run<'_>,
        rows: Vec<ImportRow>,
        mut items: Vec<Item>,
        told: &mut impl ImportObserver,
    ) -> Result<(), AdminError> {
        match self.commit_parts(run, &rows, &mut items, told).await? {
            Some(error) => self.overcome(run, run.left(rows), error, told).await,
            None => Ok(()),
        }
    }

    /// Decides again on lines whose commit was refused, and commits them; fewer and fewer at a time, until the one that is
    /// in the way of all stands alone and is rejected.
    async fn overcome(
        &self,
        run: &mut Run<'_>,
        rows: Vec<ImportRow>,
        error: CommitError,
        told: &mut impl ImportObserver,
    ) -> Result<(), AdminError> {
        // Lines that are to be committed, in pieces; the next piece is the last one.
        let mut open = Vec::new();
        let (mut rows, mut error) = (rows, error);
        let mut conflicts = 0;
        loop {
            match error {
                CommitError::Store(error) => return Err(error.into()),
                CommitError::Conflict => {
                    conflicts += 1;
                    self.is_ours(run).await?;
                    if conflicts > ATTEMPTS {
                        return Err(overtaken());
                    }
                    run.policy = self.policy(run.instance).await?;
                    open.push(rows);
                }
                refused if rows.len() == 1 => self.reject(run, &rows, refused, told).await?,
                _ => {
                    let second = rows.split_off(rows.len() / 2);
                    open.push(second);
                    open.push(rows);
                }
            }
            error = loop {
                let Some(piece) = open.pop() else { return Ok(()) };
                run.go_on_within(&piece);
                let Some(batch) = self.decide(run, piece, &Planned::default()).await? else { continue };
                let Batch { rows: piece, mut items, .. } = batch;
                if let Some(error) = self.commit_parts(run, &piece, &mut items, told).await? {
                    rows = run.left(piece);
                    break error;
                }
            };
        }
    }

    /// Rejects the one line that the store refuses.
    async fn reject(
        &self,
        run: &mut Run<'_>,
        rows: &[ImportRow],
        error: CommitError,
        told: &mut impl ImportObserver,
    ) -> Result<(), AdminError> {
        let reason = account_refused(error).to_string();
        let mut items: Vec<Item> = Vec::new();
        for row in rows {
            let key = run.key(row);
            items.push(Item::rejected(row.line, key, reason.clone()));
        }
        match self.commit_parts(run, rows, &mut items, told).await? {
            Some(error) => Err(self.why(run, error).await),
            None => Ok(()),
        }
    }

    /// Commits items, many in parts; why a part was refused.
    async fn commit_parts(
        &self,
        run: &mut Run<'_>,
        rows: &[ImportRow],
        items: &mut [Item],
        told: &mut impl ImportObserver,
    ) -> Result<Option<CommitError>, AdminError> {
        let mut rest = items;
        while !rest.is_empty() {
            let size = part_of(rest, run.weight);
            let (part, others) = rest.split_at_mut(size);
            rest = others;
            let record = counted(run, part, self.now());
            let (decision, rejected) = taken(part);
            match self.keep(run, record, decision, rejected).await {
                Ok(record) => {
                    run.go_on(record);
                    tell(part, rows, told);
                }
                Err(CommitError::Store(error)) => return Err(error.into()),
                Err(error) => return Ok(Some(error)),
            }
        }
        Ok(None)
    }

    /// Commits what was decided, with how far the import has come then. It holds nothing of the run, so that this goes on
    /// while others are decided.
    fn keep<'s>(
        &'s self,
        run: &Run<'_>,
        record: ImportRecord,
        decision: Decision,
        rejected: Vec<RejectedLine>,
    ) -> impl Future<Output = Result<ImportRecord, CommitError>> + use<'s> {
        let mut whole = Decision::default();
        if run.is_kept() {
            let save = AdminChange::SaveImport { import: record.clone(), expected: run.kept };
            whole.changes.push(Change::Admin(save));
            if !rejected.is_empty() {
                whole.changes.push(Change::Admin(AdminChange::RejectLines(record.id.clone(), rejected)));
            }
        }
        whole.append(decision);
        let (instance, request_id) = (run.instance.id, run.request_id.clone());
        async move {
            if !whole.is_empty() {
                self.commit_decision(instance, &request_id, whole).await?;
            }
            Ok(record)
        }
    }

    /// That nobody else has gone on with the import.
    async fn is_ours(&self, run: &Run<'_>) -> Result<(), AdminError> {
        if !run.is_kept() {
            return Ok(());
        }
        let known = self.import_of(run.instance, &run.record.id).await?;
        if known.as_ref().map(ImportRecord::place) == run.kept {
            return Ok(());
        }
        Err(AdminError::Taken(format!(
            "somebody else works at the import {}; let that run come to its end",
            run.record.id
        )))
    }

    async fn why(&self, run: &Run<'_>, error: CommitError) -> AdminError {
        match (error, self.is_ours(run).await) {
            (CommitError::Conflict, Ok(())) => overtaken(),
            (CommitError::Conflict, Err(error)) => error,
            (error, _) => account_refused(error),
        }
    }

    /// Calls `with` under the circumstances of this import.
    pub(super) fn on_occasion<T>(
        &self,
        policy: &Policy,
        request_id: &str,
        with: impl FnOnce(&Occasion<'_>) -> T,
    ) -> T {
        let source = &*self.source;
        with(&Occasion {
            policy,
            connector: None,
            request_id,
            now: self.now(),
            uuid: &|| source.uuid(),
            random: &|bytes: &mut [u8]| source.random(bytes),
        })
    }
}

/// How many items are committed together: those that weigh no more than `most`, and at least one.
fn part_of(items: &[Item], most: usize) -> usize {
    let mut weight: usize = 0;
    let fit = items.iter().take_while(|item| {
        weight = weight.saturating_add(item.weight);
        weight <= most
    });
    fit.count().max(1).min(items.len())
}

/// How far the import has come with these items.
fn counted(run: &Run<'_>, items: &[Item], now: Timestamp) -> ImportRecord {
    let mut record = ImportRecord { updated: now, ..run.record.clone() };
    for item in items {
        record.within = item.within;
        if item.within > 0 {
            continue;
        }
        record.lines = item.line;
        match item.becomes {
            Becomes::Imported => record.imported += 1,
            Becomes::There => record.there += 1,
            Becomes::Rejected(_) => record.rejected += 1,
        }
    }
    record
}

/// Takes out what is to be committed, and the lines that are rejected.
fn taken(items: &mut [Item]) -> (Decision, Vec<RejectedLine>) {
    let (mut decision, mut rejected) = (Decision::default(), Vec::new());
    for item in items {
        decision.append(std::mem::take(&mut item.decision));
        if let Becomes::Rejected(reason) = &item.becomes {
            rejected.push(RejectedLine { line: item.line, key: item.key.clone(), reason: reason.clone() });
        }
    }
    (decision, rejected)
}

fn tell(items: &[Item], rows: &[ImportRow], told: &mut impl ImportObserver) {
    let mut rows = rows.iter().peekable();
    for item in items.iter().filter(|item| item.within == 0) {
        while rows.next_if(|row| row.line < item.line).is_some() {}
        let row = rows.peek().filter(|row| row.line == item.line);
        told.line(&ImportedLine {
            line: item.line,
            key: item.key.as_deref(),
            outcome: item.outcome(),
            cells: row.and_then(|row| row.read.as_ref().ok()),
            earlier: false,
        });
    }
}

/// Others were faster, each time.
fn overtaken() -> AdminError {
    AdminError::Invalid("others changed the settings again and again at the same time; try again".to_owned())
}
