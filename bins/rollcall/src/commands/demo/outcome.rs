//! What came of the cycles, by the provisioning log, and whether that is what the identity provider counted.

use std::collections::BTreeSet;

use scim_directory::{Action, Instance, LogError, LogStatus, Position};
use scim_emulator::entra::{CycleSummary, Failure, RequestKind, Summary};
use scim_provider::admin::{Admin, AdminError};
use scim_storage::{JournalEntry, JournalQuery};
use serde::Serialize;
use serde_json::{Value, json};

use super::setting::Setting;
use crate::output;

/// Log records read at once.
const BATCH: usize = 1000;

/// What happened to people, or to groups, by the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Counts {
    picked_up: u64,
    created: u64,
    updated: u64,
    suspended: u64,
    deleted: u64,
    failed: u64,
}

impl Counts {
    fn count(&mut self, action: Action, status: LogStatus) {
        let counter = match (action, status) {
            (_, LogStatus::Failure) => &mut self.failed,
            (_, LogStatus::Held) => return,
            (Action::PickedUp, _) => &mut self.picked_up,
            (Action::Created | Action::Restored, _) => &mut self.created,
            (Action::Updated | Action::Reactivated, _) => &mut self.updated,
            (Action::Suspended, _) => &mut self.suspended,
            (Action::Deleted, _) => &mut self.deleted,
            _ => return,
        };
        *counter += 1;
    }

    fn rows(&self) -> [(&'static str, u64); 6] {
        [
            ("picked up", self.picked_up),
            ("created", self.created),
            ("updated", self.updated),
            ("suspended", self.suspended),
            ("deleted", self.deleted),
            ("failed", self.failed),
        ]
    }
}

/// A request that failed, with what the log says about it.
#[derive(Debug)]
struct Told {
    failure: Failure,
    error: Option<LogError>,
}

/// What came of the cycles.
#[derive(Debug)]
pub(super) struct Outcome {
    existing: (u64, u64),
    people: Counts,
    groups: Counts,
    told: Vec<Told>,
    /// What is not as it should be.
    wrong: Vec<String>,
}

/// Where the log ends now.
pub(super) async fn end_of_log(admin: &Admin, instance: &Instance) -> Result<Option<Position>, AdminError> {
    let newest = JournalQuery { limit: 1, newest_first: true, ..JournalQuery::default() };
    let page = admin.log(instance, &newest).await?;
    Ok(page.entries.first().map(|entry| entry.position))
}

async fn each(
    admin: &Admin,
    instance: &Instance,
    mut after: Option<Position>,
    mut tell: impl FnMut(&JournalEntry),
) -> Result<(), AdminError> {
    loop {
        let query = JournalQuery { after, limit: BATCH, ..JournalQuery::default() };
        let page = admin.log(instance, &query).await?;
        page.entries.iter().for_each(&mut tell);
        after = page.entries.last().map(|entry| entry.position).or(after);
        if !page.more {
            return Ok(());
        }
    }
}

impl Outcome {
    /// Reads the log after a position. `fresh` where the instance was made for this run: then it is known who is picked
    /// up, and which requests fail.
    pub(super) async fn read(
        (admin, instance, after): (&Admin, &Instance, Option<Position>),
        setting: &Setting,
        fresh: bool,
        summary: &Summary,
    ) -> Result<Self, AdminError> {
        let (mut people, mut groups, mut errors) = (Counts::default(), Counts::default(), Vec::new());
        each(admin, instance, after, |entry| {
            let record = &entry.record;
            let kind = record.resource.as_ref().map(|resource| resource.resource_type.as_str());
            let counts = if kind == Some("Group") { &mut groups } else { &mut people };
            counts.count(record.action, record.status);
            errors.extend(record.error.clone().filter(|_| record.status == LogStatus::Failure));
        })
        .await?;
        let failures = [&summary.initial, &summary.incremental].map(|cycle| cycle.failure_examples.iter());
        let told = failures.into_iter().flatten().map(|failure| {
            let error = errors.iter().find(|error| error.message == failure.detail);
            Told { failure: failure.clone(), error: error.cloned() }
        });
        let mut outcome = Self {
            existing: if fresh { setting.existing() } else { (0, 0) },
            people,
            groups,
            told: told.collect(),
            wrong: Vec::new(),
        };
        outcome.compare(summary);
        outcome.judge(setting, fresh);
        Ok(outcome)
    }

    /// Holds what the identity provider counted against the log.
    fn compare(&mut self, summary: &Summary) {
        let both = |of: fn(&CycleSummary) -> u64| of(&summary.initial) + of(&summary.incremental);
        let (people, groups) = (&self.people, &self.groups);
        for (what, logged, counted) in [
            ("people picked up", people.picked_up, self.existing.0),
            ("people created", people.created, both(|cycle| cycle.people_created)),
            ("people updated", people.updated, both(|cycle| cycle.people_updated + cycle.managers_set)),
            ("people suspended", people.suspended, both(|cycle| cycle.people_disabled)),
            ("people deleted", people.deleted, both(|cycle| cycle.people_deleted)),
            ("groups picked up", groups.picked_up, self.existing.1),
            ("groups created", groups.created, both(|cycle| cycle.groups_created)),
            ("groups updated", groups.updated, both(|cycle| cycle.groups_updated)),
            ("failures", people.failed + groups.failed, both(|cycle| cycle.failures)),
        ] {
            if logged != counted {
                self.wrong.push(format!("{what}: {counted} expected, {logged} in the provisioning log"));
            }
        }
        let mismatches = both(|cycle| cycle.mismatches);
        if mismatches > 0 {
            self.wrong.push(format!("{mismatches} values were not found as they were written"));
        }
    }

    /// Whether just those requests failed that were meant to. In an instance of an earlier run, the reasons have to be
    /// the same ones.
    fn judge(&mut self, setting: &Setting, fresh: bool) {
        let meant = |told: &Told| {
            let code = told.error.as_ref().map(|error| error.code.as_str());
            matches!(code, Some("uniqueness" | "field_too_long"))
                && (!fresh || setting.refusals.contains(&asked(&told.failure)))
        };
        let mut wrong: Vec<String> = self.told.iter().filter(|told| !meant(told)).map(line).collect();
        let failed: BTreeSet<_> = self.told.iter().map(|told| asked(&told.failure)).collect();
        if fresh {
            let missing = setting.refusals.difference(&failed);
            wrong.extend(missing.map(|(kind, name)| format!("{kind} of {name} did not fail")));
        }
        self.wrong.append(&mut wrong);
    }

    /// Whether everything is as it should be; the failures that were meant included.
    pub(super) fn is_clean(&self) -> bool {
        self.wrong.is_empty()
    }

    /// Writes the counts, and the failures with advice.
    pub(super) fn write(&self) -> anyhow::Result<()> {
        output::line("")?;
        let (people, groups) = self.existing;
        let mut rows = vec![vec!["existing".to_owned(), people.to_string(), groups.to_string()]];
        for ((what, people), (_, groups)) in self.people.rows().into_iter().zip(self.groups.rows()) {
            rows.push(vec![what.to_owned(), people.to_string(), groups.to_string()]);
        }
        output::table(&["IN THE PROVISIONING LOG", "PEOPLE", "GROUPS"], &rows)?;
        if self.told.is_empty() {
            return Ok(());
        }
        output::line("")?;
        output::line("Refused, as happens in practice; the log has the advice:")?;
        for told in &self.told {
            output::line(&format!("  {}", line(told)))?;
            if let Some(error) = &told.error {
                output::line(&format!("    {}", error.advice))?;
            }
        }
        Ok(())
    }

    /// The same as JSON.
    pub(super) fn json(&self) -> Value {
        let failures: Vec<Value> = self
            .told
            .iter()
            .map(|Told { failure, error }| {
                json!({
                    "request": failure.request,
                    "subject": failure.subject,
                    "status": failure.status,
                    "detail": failure.detail,
                    "code": error.as_ref().map(|error| &error.code),
                    "advice": error.as_ref().map(|error| &error.advice),
                })
            })
            .collect();
        let (people, groups) = self.existing;
        json!({
            "existing": { "people": people, "groups": groups },
            "people": self.people,
            "groups": self.groups,
            "failures": failures,
        })
    }

    /// Says on standard error what is not as it should be.
    pub(super) fn tell_wrong(&self) {
        for wrong in &self.wrong {
            output::message(wrong);
        }
    }
}

fn asked(failure: &Failure) -> (RequestKind, String) {
    (failure.request, failure.subject.clone())
}

fn line(told: &Told) -> String {
    let Failure { request, subject, status, detail, .. } = &told.failure;
    let status = status.map_or("no answer".to_owned(), |status| status.to_string());
    format!("{request} {subject}: {status} {detail}")
}
