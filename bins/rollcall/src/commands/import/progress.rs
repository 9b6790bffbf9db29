//! How far an import is: a bar on a terminal, now and then a line elsewhere, on standard error.

use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use scim_directory::ImportRecord;

use crate::output;

/// How long nothing is said, without a terminal.
const PAUSE: Duration = Duration::from_secs(5);

pub(super) enum Progress {
    None,
    Bar(ProgressBar),
    Lines { size: Option<u64>, last: Instant },
}

impl Progress {
    /// `size` is that of the file, in bytes, where it is known.
    pub(super) fn new(quiet: bool, size: Option<u64>) -> Self {
        if quiet {
            return Self::None;
        }
        if !std::io::stderr().is_terminal() {
            return Self::Lines { size, last: Instant::now() };
        }
        let (bar, template) = match size {
            Some(size) => (ProgressBar::new(size), "{bar:30} {percent:>3}% {msg} {elapsed:>5}, {eta} left"),
            None => (ProgressBar::no_length(), "{spinner} {msg} {elapsed:>5}"),
        };
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        Self::Bar(bar.with_style(style))
    }

    pub(super) fn show(&mut self, so_far: &ImportRecord, bytes: u64) {
        let ImportRecord { lines, rejected, .. } = so_far;
        match self {
            Self::None => {}
            Self::Bar(bar) => {
                bar.set_position(bytes);
                bar.set_message(format!("{lines} lines, {rejected} rejected"));
            }
            Self::Lines { size, last } => {
                if last.elapsed() < PAUSE {
                    return;
                }
                *last = Instant::now();
                let percent = size.map(|size| bytes.saturating_mul(100) / size.max(1));
                let percent = percent.map(|percent| format!(" ({percent}%)")).unwrap_or_default();
                output::message(&format!("{lines} lines{percent}, {rejected} rejected"));
            }
        }
    }

    /// A message that the bar does not write over.
    pub(super) fn message(&self, text: &str) {
        match self {
            Self::Bar(bar) => bar.suspend(|| output::message(text)),
            _ => output::message(text),
        }
    }

    pub(super) fn end(&self) {
        if let Self::Bar(bar) = self {
            bar.abandon();
            // The bar has no line end.
            output::message("");
        }
    }
}
