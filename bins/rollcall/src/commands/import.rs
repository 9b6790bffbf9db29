//! What imports have in common: opening the file, telling of rejected lines, the summary.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use scim_provider::admin::account::{ImportOutcome, ImportReader, ImportSummary, Rejected};
use serde_json::json;

use crate::config::Settings;
use crate::output;

/// Opens a file, or standard input where it is called `-`.
pub(crate) fn open(path: &Path) -> anyhow::Result<ImportReader<Box<dyn BufRead>>> {
    let input: Box<dyn BufRead> = if path == Path::new("-") {
        Box::new(BufReader::new(std::io::stdin()))
    } else {
        let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
        Box::new(BufReader::new(file))
    };
    Ok(ImportReader::new(input)?)
}

/// Tells of lines as they come.
pub(crate) struct Report {
    what: &'static str,
    rejected: Vec<Rejected>,
}

impl Report {
    pub(crate) const fn new(what: &'static str) -> Self {
        Self { what, rejected: Vec::new() }
    }

    pub(crate) fn tell(&mut self, outcome: &ImportOutcome) {
        let ImportOutcome::Rejected(rejected) = outcome else { return };
        let name = rejected.name.as_ref().map(|name| format!(" ({name})")).unwrap_or_default();
        output::message(&format!("line {}{name}: {}", rejected.line, rejected.reason));
        self.rejected.push(rejected.clone());
    }

    /// Writes the summary; exit status 1 where a line was rejected.
    pub(crate) fn end(self, summary: &ImportSummary, settings: &Settings) -> anyhow::Result<ExitCode> {
        let ImportSummary { imported, there, rejected } = *summary;
        if settings.json {
            let lines = self.rejected.iter().map(
                |rejected| json!({ "line": rejected.line, "name": rejected.name, "reason": rejected.reason }),
            );
            output::json(&json!({
                "imported": imported,
                "already_there": there,
                "rejected": rejected,
                "rejected_lines": lines.collect::<Vec<_>>(),
            }))?;
        } else {
            output::line(&format!(
                "{imported} {} imported, {there} already there, {rejected} rejected",
                self.what
            ))?;
        }
        Ok(if rejected == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}
