//! How far an identity provider's cycles are: bars on a terminal, plain lines elsewhere, on standard error.

use std::collections::HashMap;
use std::io::IsTerminal as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use scim_emulator::entra::{Phase, Progress};

use crate::output;

/// Told by several threads, not always in order.
pub(crate) struct Bars {
    /// Bars; `None` where standard error is no terminal.
    drawn: Option<MultiProgress>,
    phases: Mutex<HashMap<Phase, Seen>>,
    ended: AtomicBool,
}

/// What is known of a phase.
struct Seen {
    /// How far it is.
    done: u64,
    bar: Option<ProgressBar>,
}

impl Bars {
    pub(crate) fn new() -> Self {
        let drawn = std::io::stderr().is_terminal().then(MultiProgress::new);
        Self { drawn, phases: Mutex::default(), ended: AtomicBool::new(false) }
    }

    /// Leaves the bars as they stand, and shows no more of what is told.
    pub(crate) fn end(&self) {
        if self.ended.swap(true, Ordering::Relaxed) {
            return;
        }
        for seen in self.phases.lock().unwrap_or_else(PoisonError::into_inner).values() {
            if let Some(bar) = &seen.bar {
                bar.abandon();
            }
        }
        if self.drawn.is_some() {
            // The last bar has no line end.
            output::message("");
        }
    }

    fn bar(&self, phase: Phase, total: u64) -> Option<ProgressBar> {
        let style = ProgressStyle::with_template("{prefix:18} {bar:30} {pos:>8} of {len:8} {elapsed:>5}")
            .unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = ProgressBar::new(total).with_style(style).with_prefix(phase.to_string());
        self.drawn.as_ref().map(|drawn| drawn.add(bar))
    }
}

impl Progress for Bars {
    fn update(&self, phase: Phase, done: u64, total: u64) {
        if total == 0 || self.ended.load(Ordering::Relaxed) {
            return;
        }
        let mut phases = self.phases.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = phases.entry(phase).or_insert_with(|| Seen { done: 0, bar: self.bar(phase, total) });
        if done <= seen.done {
            return;
        }
        let before = std::mem::replace(&mut seen.done, done);
        match &seen.bar {
            Some(bar) if done == total => {
                bar.set_position(done);
                bar.abandon();
            }
            Some(bar) => bar.set_position(done),
            None if is_told(before, done, total) => output::message(&format!("{phase}: {done} of {total}")),
            None => {}
        }
    }
}

/// Whether another quarter was passed: without a terminal that is a line each.
fn is_told(before: u64, done: u64, total: u64) -> bool {
    done * 4 / total > before * 4 / total
}

#[cfg(test)]
mod tests {
    use super::is_told;

    #[test]
    fn a_line_for_each_quarter() {
        let told =
            |total: u64| (1..=total).filter(|done| is_told(done - 1, *done, total)).collect::<Vec<_>>();
        assert_eq!(told(1000), [250, 500, 750, 1000]);
        assert_eq!(told(2), [1, 2]);
        assert_eq!(told(1), [1]);
    }
}
