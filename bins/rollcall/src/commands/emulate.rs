//! `rollcall emulate …`

use std::process::ExitCode;

use scim_emulator::entra::{self, EmulatorError, Options, Summary};

use crate::cli;
use crate::config::Settings;
use crate::progress::Bars;
use crate::{output, summary};

/// Requests under way at the same time.
const CONCURRENCY: usize = 8;

/// Both cycles against the server that is named; exit status 1 where anything failed or was not found as written.
pub(crate) fn run(options: cli::EmulateEntra, settings: &Settings) -> anyhow::Result<ExitCode> {
    let summary = play(options.base, options.token, options.people, &Bars::new())?;
    if settings.json {
        output::json(&serde_json::to_value(&summary)?)?;
    } else {
        summary::write(&summary)?;
    }
    summary::tell_failures(&summary);
    Ok(summary::status(&summary))
}

/// Plays both cycles. Blocks.
pub(crate) fn play(base: String, token: String, people: u32, bars: &Bars) -> Result<Summary, EmulatorError> {
    let mut options = Options::new(base, token).people(people);
    options.concurrency = CONCURRENCY;
    let summary = entra::run(&options, bars);
    bars.end();
    summary
}
