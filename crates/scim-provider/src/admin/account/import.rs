//! Bringing existing accounts in, batch by batch.

use std::collections::BTreeMap;
use std::io::BufRead;
use std::sync::Arc;

use scim_directory::{FieldKind, Instance, Question, ResourceId};
use scim_lifecycle::{Decision, Import, Policy};
use scim_storage::CommitError;
use serde_json::Value;

use super::edit::{account_refused, role, state};
use super::read::scope;
use super::reader::{ImportReader, ImportRow, Rejected};
use crate::admin::{Admin, AdminError};

/// Lines that are committed together.
const BATCH: usize = 250;

/// What became of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImportOutcome {
    /// It was brought in.
    Imported,
    /// It is there already; nothing was changed.
    There,
    /// It was not taken.
    Rejected(Rejected),
}

/// What became of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ImportSummary {
    /// Lines that were brought in.
    pub imported: u64,
    /// Lines whose account or group is there already.
    pub there: u64,
    /// Lines that were not taken.
    pub rejected: u64,
}

impl ImportSummary {
    pub(crate) fn count(&mut self, outcome: &ImportOutcome) {
        match outcome {
            ImportOutcome::Imported => self.imported += 1,
            ImportOutcome::There => self.there += 1,
            ImportOutcome::Rejected(_) => self.rejected += 1,
        }
    }
}

/// An account that a line describes.
struct Line {
    line: u64,
    user_name: String,
    import: Import,
}

impl Admin {
    /// Brings the accounts of a file in: unmanaged, visible over SCIM. `told` hears of each line, in order within a batch.
    /// Those who are there already are left alone, so that a file can be given again.
    ///
    /// # Errors
    /// [`AdminError::Invalid`] where the file's columns are no fields; what is wrong with a line is told, not an error.
    pub async fn account_import<R: BufRead>(
        &self,
        instance: &Instance,
        reader: ImportReader<R>,
        mut told: impl FnMut(&ImportOutcome),
    ) -> Result<ImportSummary, AdminError> {
        let policy = self.policy(instance).await?;
        let unknown: Vec<&str> = reader
            .columns()
            .iter()
            .map(String::as_str)
            .filter(|column| policy.fields().meant(column).is_none())
            .collect();
        if !unknown.is_empty() {
            return Err(AdminError::Invalid(format!(
                "the file has columns that are no fields: {}; declare them with `rollcall field add`, or take them out",
                unknown.join(", ")
            )));
        }
        if !reader.columns().is_empty()
            && !reader.columns().iter().any(|column| is(&policy, column, "UserName"))
        {
            return Err(AdminError::Invalid("the file has no column UserName".to_owned()));
        }
        let mut summary = ImportSummary::default();
        let mut tell = |outcome: ImportOutcome| {
            summary.count(&outcome);
            told(&outcome);
        };
        let mut batch = Vec::with_capacity(BATCH);
        for row in reader {
            match row.and_then(|row| self.line(&policy, row)) {
                Ok(line) => batch.push(line),
                Err(rejected) => tell(ImportOutcome::Rejected(rejected)),
            }
            if batch.len() == BATCH {
                self.import_batch(instance, &policy, std::mem::take(&mut batch), &mut tell).await?;
            }
        }
        self.import_batch(instance, &policy, batch, &mut tell).await?;
        Ok(summary)
    }

    async fn import_batch(
        &self,
        instance: &Instance,
        policy: &Arc<Policy>,
        lines: Vec<Line>,
        tell: &mut impl FnMut(ImportOutcome),
    ) -> Result<(), AdminError> {
        if lines.is_empty() {
            return Ok(());
        }
        let questions: Vec<Question> =
            lines.iter().map(|line| Question::Target(line.user_name.clone())).collect();
        let facts = self.store.facts(&scope(instance), &questions).await?;
        let mut whole = Decision::default();
        let mut decided = Vec::with_capacity(lines.len());
        let request_id = self.source.uuid().to_string();
        for (line, fact) in lines.into_iter().zip(facts) {
            if matches!(fact, scim_directory::Fact::Target(scim_directory::Target::Live(_))) {
                tell(ImportOutcome::There);
                continue;
            }
            let (number, name) = (line.line, line.user_name.clone());
            let decide = |on: &scim_lifecycle::Occasion<'_>, _: &scim_lifecycle::Facts| {
                scim_lifecycle::import(on, policy.user_type(), line.import.clone())
            };
            match self.decided(policy, &request_id, decide, &scope(instance)).await {
                Ok(decision) => {
                    whole.append(decision.clone());
                    decided.push((number, name, decision));
                }
                Err(AdminError::Invalid(reason)) => {
                    tell(ImportOutcome::Rejected(Rejected { line: number, name: Some(name), reason }));
                }
                Err(error) => return Err(error),
            }
        }
        match self.commit_decision(instance.id, &request_id, whole).await {
            Ok(_) => decided.iter().for_each(|_| tell(ImportOutcome::Imported)),
            Err(CommitError::Store(error)) => return Err(error.into()),
            Err(_) => {
                // One of them is in the way of all: one by one.
                for (line, name, decision) in decided {
                    let rejected =
                        |reason| ImportOutcome::Rejected(Rejected { line, name: Some(name), reason });
                    tell(match self.commit_decision(instance.id, &request_id, decision).await {
                        Ok(_) => ImportOutcome::Imported,
                        Err(CommitError::Store(error)) => return Err(error.into()),
                        Err(CommitError::Duplicate { .. }) => rejected(
                            "the user name stands twice in the file, or was taken meanwhile".to_owned(),
                        ),
                        Err(error) => rejected(account_refused(error).to_string()),
                    });
                }
            }
        }
        Ok(())
    }

    /// The account that a row describes.
    fn line(&self, policy: &Policy, row: ImportRow) -> Result<Line, Rejected> {
        let line = row.line;
        let mut fields = BTreeMap::new();
        let mut import = Import {
            id: ResourceId::new(self.source.uuid()),
            fields: BTreeMap::new(),
            state: scim_directory::AccountState::Active,
            access_role: None,
            manager: None,
        };
        let mut wrong = None;
        for (column, value) in row.values {
            let Some(text) = text(&value) else { continue };
            let Some(field) = policy.fields().meant(&column) else {
                wrong = Some(format!("{column:?} is no field; declare it with `rollcall field add`"));
                continue;
            };
            let outcome = match policy.fields().kind(field) {
                Some(FieldKind::State) => state(&text).map(|state| import.state = state),
                Some(FieldKind::Role) => role(Some(&text)).map(|role| import.access_role = role),
                Some(FieldKind::Account) => {
                    import.manager = Some(text);
                    Ok(())
                }
                Some(FieldKind::Object | FieldKind::SyncId) | None => Ok(()),
                Some(FieldKind::Text) => {
                    fields.insert(field.to_owned(), text);
                    Ok(())
                }
            };
            wrong = wrong.or(outcome.err().map(|error| error.to_string()));
        }
        let user_name = fields.get("UserName").cloned();
        match (user_name, wrong) {
            (Some(user_name), None) => {
                import.fields = fields;
                Ok(Line { line, user_name, import })
            }
            (name, Some(reason)) => Err(Rejected { line, name, reason }),
            (None, None) => Err(Rejected { line, name: None, reason: "UserName is missing".to_owned() }),
        }
    }
}

fn is(policy: &Policy, column: &str, field: &str) -> bool {
    policy.fields().meant(column) == Some(field)
}

/// A value as text; none of `null` and of empty text.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) if text.is_empty() => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}
