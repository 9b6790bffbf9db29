//! What exporting and importing an instance have in common: how it is told.

use std::collections::BTreeMap;
use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use scim_storage_diesel::{Progress, Transferred};
use serde_json::{Value, json};

use crate::output;

/// How long nothing is said, without a terminal.
const PAUSE: Duration = Duration::from_secs(5);

/// Tells on standard error how far it is.
pub(super) enum Telling {
    None,
    Bar(ProgressBar),
    Lines(Instant),
}

impl Telling {
    pub(super) fn new(quiet: bool) -> Self {
        if quiet {
            return Self::None;
        }
        if !std::io::stderr().is_terminal() {
            return Self::Lines(Instant::now());
        }
        let style = ProgressStyle::with_template("{spinner} {msg} {elapsed:>5}");
        Self::Bar(ProgressBar::no_length().with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar())))
    }

    pub(super) fn show(&mut self, progress: Progress) {
        let Progress { table, rows, checking, .. } = progress;
        let text = || {
            let checking = if checking { "reading back: " } else { "" };
            format!("{checking}{rows} rows ({table})")
        };
        match self {
            Self::None => {}
            Self::Bar(bar) => {
                bar.set_message(text());
                bar.tick();
            }
            Self::Lines(last) if last.elapsed() >= PAUSE => {
                *last = Instant::now();
                output::message(&text());
            }
            Self::Lines(_) => {}
        }
    }

    pub(super) fn end(&self) {
        if let Self::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}

/// What was moved, for programs.
pub(super) fn moved_json(moved: &Transferred) -> Value {
    json!({
        "id": moved.instance.to_string(),
        "name": moved.name,
        "rows": moved.rows,
        "digest": moved.digest,
        "scrubbed": moved.scrubbed,
    })
}

/// What was moved, for people.
pub(super) fn moved_text(moved: &Transferred) -> String {
    let count = |rows: &BTreeMap<String, u64>, table: &str| rows.get(table).copied().unwrap_or_default();
    format!(
        "{} people, groups and other resources, {} memberships, {} log records, {} keys; {} rows in all, digest {}",
        count(&moved.rows, "resources"),
        count(&moved.rows, "members"),
        count(&moved.rows, "journal"),
        count(&moved.rows, "api_keys"),
        moved.rows.values().sum::<u64>(),
        moved.digest,
    )
}
