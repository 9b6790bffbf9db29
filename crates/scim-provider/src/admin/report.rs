//! A summary of the log.

use std::collections::BTreeMap;

use scim_core::instant::Timestamp;
use scim_directory::{Instance, LogStatus};
use scim_storage::{InstanceAnswer, InstanceQuestion, ReportLine};
use serde::Serialize;

use super::{Admin, AdminError};
use crate::admin::account::scope;

/// How many log records there are of each action and status.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Report {
    /// The instance's name.
    pub instance: String,
    /// From when (RFC 3339); `null` for all that is kept.
    #[cfg_attr(feature = "openapi", schema(format = DateTime))]
    pub from: Option<String>,
    /// Until before when; `null` until now.
    #[cfg_attr(feature = "openapi", schema(format = DateTime))]
    pub until: Option<String>,
    /// By action, how many records have each status.
    pub actions: BTreeMap<String, BTreeMap<String, u64>>,
    /// By action, how many were about people and were done.
    pub people: BTreeMap<String, u64>,
    /// How many were refused or failed.
    pub failed: u64,
}

impl Admin {
    /// A summary of an instance's log, from one moment until before another.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn report(
        &self,
        instance: &Instance,
        from: Option<Timestamp>,
        until: Option<Timestamp>,
    ) -> Result<Report, AdminError> {
        let question = InstanceQuestion::Report {
            from: from.unwrap_or(Timestamp::from_unix_millis(0)),
            until: until.unwrap_or(Timestamp::MAX),
        };
        let InstanceAnswer::Report(lines) = self.store.instance(&scope(instance), &question).await? else {
            return Ok(Report::default());
        };
        let mut report = Report {
            instance: instance.name.clone(),
            from: from.map(|at| at.to_string()),
            until: until.map(|at| at.to_string()),
            ..Report::default()
        };
        for line in &lines {
            report.count(line);
        }
        Ok(report)
    }
}

impl Report {
    fn count(&mut self, line: &ReportLine) {
        let word = |value: serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        let action = word(serde_json::to_value(line.action).unwrap_or_default());
        let status = word(serde_json::to_value(line.status).unwrap_or_default());
        if line.status == LogStatus::Failure {
            self.failed += line.count;
        } else if line.resource_type.as_deref() == Some("User") && line.status != LogStatus::Held {
            *self.people.entry(action.clone()).or_default() += line.count;
        }
        *self.actions.entry(action).or_default().entry(status).or_default() += line.count;
    }
}
