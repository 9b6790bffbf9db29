//! Progress of an emulated cycle: bars on a terminal, plain lines elsewhere, on standard error.

use std::collections::BTreeMap;
use std::io::IsTerminal as _;
use std::sync::{Mutex, PoisonError};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use scim_emulator::entra::{Phase, Progress};

use crate::output;

/// How a bar looks.
const STYLE: &str = "{prefix:>18} {bar:40} {pos}/{len} {elapsed}";

/// A bar for each phase, or a line at its end.
pub(crate) struct Bars {
    terminal: Option<MultiProgress>,
    phases: Mutex<BTreeMap<Phase, Option<ProgressBar>>>,
}

impl Bars {
    pub(crate) fn new() -> Self {
        let terminal = std::io::stderr().is_terminal().then(MultiProgress::new);
        Self { terminal, phases: Mutex::new(BTreeMap::new()) }
    }

    fn bar(&self, phase: Phase, total: u64) -> Option<ProgressBar> {
        let bar = self.terminal.as_ref()?.add(ProgressBar::new(total));
        if let Ok(style) = ProgressStyle::with_template(STYLE) {
            bar.set_style(style);
        }
        bar.set_prefix(phase.to_string());
        Some(bar)
    }
}

impl Progress for Bars {
    fn update(&self, phase: Phase, done: u64, total: u64) {
        let mut phases = self.phases.lock().unwrap_or_else(PoisonError::into_inner);
        let first = !phases.contains_key(&phase);
        let bar = phases.entry(phase).or_insert_with(|| self.bar(phase, total));
        match bar {
            Some(bar) => {
                bar.set_length(total);
                bar.set_position(done);
                if done == total {
                    bar.finish();
                }
            }
            None if done == total => output::message(&format!("{phase}: {done}/{total}")),
            None if first => output::message(&format!("{phase} …")),
            None => {}
        }
    }
}
