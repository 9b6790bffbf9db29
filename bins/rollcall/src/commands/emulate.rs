//! `rollcall emulate entra`

use std::process::ExitCode;

use anyhow::Context as _;
use scim_emulator::entra::{self, CycleSummary, Options, Summary};

use crate::cli;
use crate::config::Settings;
use crate::output;
use crate::progress::Bars;

/// Requests under way at the same time.
const CONCURRENCY: usize = 8;

pub(crate) async fn run(command: cli::Emulate, settings: &Settings) -> anyhow::Result<ExitCode> {
    let cli::Emulate::Entra(options) = command;
    let summary = play(options.base, options.token, options.people).await?;
    if settings.json {
        output::json(&serde_json::to_value(&summary)?)?;
    } else {
        show(&summary)?;
    }
    Ok(if summary.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Plays both cycles, away from the server's threads.
pub(crate) async fn play(base: String, token: String, people: u32) -> anyhow::Result<Summary> {
    let mut options = Options::new(base, token).people(people);
    options.concurrency = CONCURRENCY;
    let played = actix_web::rt::task::spawn_blocking(move || entra::run(&options, &Bars::new()));
    Ok(played.await.context("the emulator ended")??)
}

/// Writes the summary as a table, and what went wrong.
pub(crate) fn show(summary: &Summary) -> anyhow::Result<()> {
    let (initial, incremental) = (&summary.initial, &summary.incremental);
    let mut rows: Vec<Vec<String>> = initial
        .counts()
        .iter()
        .zip(incremental.counts())
        .filter(|((_, first), (_, second))| *first > 0 || *second > 0)
        .map(|((label, first), (_, second))| vec![(*label).to_owned(), first.to_string(), second.to_string()])
        .collect();
    for label in ["mismatches", "failures"] {
        if !rows.iter().any(|row| row.first().is_some_and(|cell| cell == label)) {
            rows.push(vec![label.to_owned(), "0".to_owned(), "0".to_owned()]);
        }
    }
    let both = |label: &str, of: &dyn Fn(&CycleSummary) -> String| {
        vec![label.to_owned(), of(initial), of(incremental)]
    };
    rows.push(both("requests", &|cycle| cycle.requests.to_string()));
    rows.push(both("seconds", &|cycle| format!("{:.1}", cycle.duration.as_secs_f64())));
    rows.push(both("requests/s", &|cycle| format!("{:.0}", cycle.requests_per_second())));
    output::table(&["", "INITIAL CYCLE", "INCREMENTAL CYCLE"], &rows)?;
    output::line("")?;
    let mut times = Vec::new();
    for (cycle, name) in [(initial, "initial"), (incremental, "incremental")] {
        for (kind, latency) in &cycle.latencies {
            let millis = |duration: std::time::Duration| format!("{:.1}", duration.as_secs_f64() * 1000.0);
            times.push(vec![
                format!("{name}: {kind}"),
                latency.count().to_string(),
                millis(latency.p50()),
                millis(latency.p99()),
            ]);
        }
    }
    output::table(&["REQUEST", "COUNT", "P50 MS", "P99 MS"], &times)?;
    for cycle in [initial, incremental] {
        for failure in &cycle.failure_examples {
            let status = failure.status.map_or("no answer".to_owned(), |status| status.to_string());
            output::line(&format!(
                "failure: {} {}: {status} {}",
                failure.request, failure.subject, failure.detail
            ))?;
        }
        for mismatch in &cycle.mismatch_examples {
            let entra::Mismatch { subject, attribute, expected, found, .. } = mismatch;
            output::line(&format!("mismatch: {subject} {attribute}: wrote {expected}, read {found}"))?;
        }
    }
    Ok(())
}
