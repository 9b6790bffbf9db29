//! The hot functions, one by one: what `cargo xtask test --only counts` counts the instructions of.
//!
//! Under callgrind with `--toggle-collect=scim_counts::counted --dump-before=scim_counts::counted` nothing else than [`counted`] is
//! counted, and each call of it first dumps the one before. Which dump is of what, the program says on standard output: a line
//! `CALLS NAME` for each case, in order. With `--time` it says how many nanoseconds a call takes instead.
//!
//! No comparison and no tolerance here: xtask has them, and `counts.toml` beside the manifest has the figures.

mod core;
mod decide;
mod request;

use std::io::Write as _;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// Calls of each case that are counted. Their median counts: hash tables are seeded at random.
const CALLS: usize = 9;
/// Calls before that: caches and buffers are filled then.
const WARM_UP: usize = 3;
/// For how long a case is timed.
const TIMED: Duration = Duration::from_millis(300);

/// Work that is counted.
type Work = Box<dyn FnOnce()>;

/// A function with its input.
struct Case {
    name: &'static str,
    /// Makes the input of one call, which is not counted, and gives the call.
    prepare: Box<dyn FnMut() -> Work>,
}

impl Case {
    /// A function that is called with the same input each time.
    fn same<T>(name: &'static str, call: impl Fn() -> T + 'static) -> Self {
        let call = Rc::new(call);
        Self::each(name, move || {
            let call = Rc::clone(&call);
            move || call()
        })
    }

    /// A function that is called with an input of its own each time.
    fn each<T, F: FnOnce() -> T + 'static>(
        name: &'static str,
        mut prepare: impl FnMut() -> F + 'static,
    ) -> Self {
        let prepare = move || {
            let call = prepare();
            Box::new(move || drop(std::hint::black_box(call()))) as Work
        };
        Self { name, prepare: Box::new(prepare) }
    }
}

/// The one function inside which instructions are counted. It does something of its own after the call, so that the compiler
/// leaves it a function.
#[inline(never)]
fn counted(work: Work, calls: &mut usize) {
    work();
    *calls += 1;
}

fn cases() -> anyhow::Result<Vec<Case>> {
    let mut cases = core::cases()?;
    cases.extend(decide::cases()?);
    cases.extend(request::cases()?);
    Ok(cases)
}

/// The median of the calls that there is time for, in nanoseconds. The clock is read twice for each; that is taken off.
fn time(case: &mut Case) -> u128 {
    let (mut calls, mut taken) = (0, Vec::new());
    let started = Instant::now();
    while started.elapsed() < TIMED || calls < CALLS {
        let work = (case.prepare)();
        let called = Instant::now();
        counted(work, &mut calls);
        taken.push(called.elapsed().as_nanos());
    }
    taken.sort_unstable();
    taken.get(taken.len() / 2).copied().unwrap_or_default()
}

fn run() -> anyhow::Result<()> {
    let timed = std::env::args().any(|argument| argument == "--time");
    let mut out = std::io::stdout().lock();
    let clock = if timed { time(&mut Case::same("nothing", || ())) } else { 0 };
    for mut case in cases()? {
        if timed {
            writeln!(out, "{:>8} ns {}", time(&mut case).saturating_sub(clock), case.name)?;
            continue;
        }
        let mut calls = 0;
        for _ in 0..WARM_UP {
            (case.prepare)()();
        }
        for _ in 0..CALLS {
            counted((case.prepare)(), &mut calls);
        }
        writeln!(out, "{calls} {}", case.name)?;
    }
    // So that the last case is dumped.
    counted(Box::new(|| ()), &mut 0);
    Ok(())
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nothing is left to tell it to where standard error is gone.
            let _ = writeln!(std::io::stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
