//! What an identity provider's cycles did, as a table.

use std::process::ExitCode;
use std::time::Duration;

use scim_emulator::entra::{CycleSummary, Summary};

use crate::output;

/// Failures and mismatches beyond this many are counted only.
const SHOWN: usize = 10;

/// Writes the table: what was counted in either cycle, and how fast it went.
pub(crate) fn write(summary: &Summary) -> anyhow::Result<()> {
    let cycles = [&summary.initial, &summary.incremental];
    row("", &["INITIAL", "INCREMENTAL"].map(str::to_owned))?;
    for ((label, initial), (_, incremental)) in
        summary.initial.counts().into_iter().zip(summary.incremental.counts())
    {
        if initial + incremental > 0 || ["failures", "mismatches"].contains(&label) {
            row(label, &[initial.to_string(), incremental.to_string()])?;
        }
    }
    row("requests", &cycles.map(|cycle| cycle.requests.to_string()))?;
    row("duration", &cycles.map(|cycle| format!("{:.2} s", cycle.duration.as_secs_f64())))?;
    row("requests/s", &cycles.map(|cycle| format!("{:.0}", cycle.requests_per_second())))?;
    row("p50", &cycles.map(|cycle| millis(cycle.latency().p50())))?;
    row("p99", &cycles.map(|cycle| millis(cycle.latency().p99())))?;
    let mut kinds = Vec::new();
    for (name, cycle) in [("initial", &summary.initial), ("incremental", &summary.incremental)] {
        for (kind, latency) in &cycle.latencies {
            let (label, count) = (format!("{name}: {kind}"), latency.count().to_string());
            kinds.push(vec![label, count, millis(latency.p50()), millis(latency.p99())]);
        }
    }
    output::line("")?;
    output::table(&["REQUESTS OF A CYCLE", "COUNT", "P50", "P99"], &kinds)
}

/// Says on standard error what failed, and what was not found as it was written.
pub(crate) fn tell_failures(summary: &Summary) {
    for (name, cycle) in [("initial", &summary.initial), ("incremental", &summary.incremental)] {
        tell_cycle(name, cycle);
        tell_cycle_mismatches(name, cycle);
    }
}

/// Says on standard error what was not found as it was written.
pub(crate) fn tell_mismatches(summary: &Summary) {
    tell_cycle_mismatches("initial", &summary.initial);
    tell_cycle_mismatches("incremental", &summary.incremental);
}

/// 1 where anything failed or was not found as it was written.
pub(crate) fn status(summary: &Summary) -> ExitCode {
    if summary.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn tell_cycle(name: &str, cycle: &CycleSummary) {
    for failure in cycle.failure_examples.iter().take(SHOWN) {
        let status = failure.status.map_or("no answer".to_owned(), |status| status.to_string());
        output::message(&format!(
            "{name} cycle: {} of {} failed: {status} {}",
            failure.request, failure.subject, failure.detail
        ));
    }
}

fn tell_cycle_mismatches(name: &str, cycle: &CycleSummary) {
    for mismatch in cycle.mismatch_examples.iter().take(SHOWN) {
        output::message(&format!(
            "{name} cycle: {} of {}: wrote {}, found {}",
            mismatch.attribute, mismatch.subject, mismatch.expected, mismatch.found
        ));
    }
}

fn row(label: &str, cells: &[String; 2]) -> anyhow::Result<()> {
    let [initial, incremental] = cells;
    output::line(&format!("{label:22}{initial:>12}{incremental:>14}"))
}

fn millis(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1000.0)
}
