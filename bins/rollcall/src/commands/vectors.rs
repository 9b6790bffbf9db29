//! `rollcall expression check`, `rollcall scoping check`

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use scim_mapping::vectors::{Report, VectorError};
use serde_json::{Value, json};

use crate::config::Settings;
use crate::output;

/// Checks the vectors of a file; exit status 1 where one does not give what it should. No database is opened.
pub(crate) fn check(
    file: &Path,
    check: fn(&str) -> Result<Report, VectorError>,
    settings: &Settings,
) -> anyhow::Result<ExitCode> {
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    // Some editors begin a file with a byte order mark.
    let report = check(text.trim_start_matches('\u{feff}')).with_context(|| file.display().to_string())?;
    let Report { passed, failures } = &report;
    if settings.json {
        let failures: Vec<Value> = failures
            .iter()
            .map(|failure| {
                json!({
                    "id": failure.id,
                    "subject": failure.subject,
                    "expected": failure.expected,
                    "found": failure.found,
                })
            })
            .collect();
        output::json(&json!({ "passed": passed, "failed": failures.len(), "failures": failures }))?;
    } else {
        for failure in failures {
            output::message(&failure.to_string());
        }
        output::line(&format!("{passed} passed, {} failed", failures.len()))?;
    }
    Ok(if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
