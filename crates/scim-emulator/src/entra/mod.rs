//! Microsoft Entra ID's provisioning service, as its documentation and its traffic show it, against any SCIM server.
//!
//! A run tests the connection, plays an initial cycle (match every person by `userName`, create or update, then managers,
//! then groups and their members), lets things happen at the [company](crate::company), and plays an incremental cycle
//! (changes, disabled and deleted accounts, people hired, group changes). After each cycle it reads back what it wrote.
//!
//! ```no_run
//! use scim_emulator::entra::{self, Options};
//!
//! let options = Options::new("http://127.0.0.1:8080/scim/v2", "TOKEN").people(1_000);
//! let summary = entra::run(&options, &())?;
//! assert_eq!(summary.initial.failures, 0, "{:?}", summary.initial.failure_examples);
//! # Ok::<(), entra::EmulatorError>(())
//! ```
//!
//! Where the real service is not documented, this one is kind: it honours `Retry-After`, and it adds members without
//! asking first who is there. Deliberately absent: the 20 to 40 minutes between cycles, quarantine, on-demand
//! provisioning, tokens that Entra signs.

mod attributes;
mod client;
mod incremental;
mod initial;
mod job;
mod patch;
mod readback;
mod summary;
mod work;

use std::fmt;
use std::time::Duration;

pub use job::Job;
pub use summary::{CycleSummary, Failure, Latency, Mismatch, RequestKind, Summary};

use crate::company::MAX_PEOPLE;

/// The query parameter that a tenant adds to its URL to be sent standard-conforming requests.
const COMPLIANT_FLAG: &str = "aadOptscim062020";

/// What to emulate.
#[derive(Clone)]
#[non_exhaustive]
pub struct Options {
    /// SCIM base URL (*Tenant URL*), with or without query parameters.
    pub base: String,
    /// Bearer token (*Secret token*).
    pub token: String,
    /// How many people the company has: 1 to [`MAX_PEOPLE`]; 1,000 by default.
    pub people: u32,
    /// How many groups; by default 18 (departments and sites) and a project for every 25 people, 2,000 at most.
    pub groups: Option<u32>,
    /// Another number gives another company.
    pub seed: u64,
    /// Requests under way at the same time: 1 to 256; 4 by default.
    pub concurrency: usize,
    /// How PATCH requests look; follows the flag in the base URL by default.
    pub shape: Shape,
    /// How much is read back; 200 people and 20 groups by default.
    pub read_back: ReadBack,
    /// How long to wait for one answer; 60 seconds by default, as Entra.
    pub timeout: Duration,
    /// How often to try again after 429 or 503; 5 by default.
    pub retries: u32,
    /// The longest pause before another try, whatever `Retry-After` says; 30 seconds by default.
    pub longest_pause: Duration,
    /// Accept any TLS certificate.
    pub insecure: bool,
}

/// The two shapes of Entra's PATCH requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Shape {
    /// What most tenants send: `Add` and `Replace`, booleans as text, an operation for each attribute.
    #[default]
    Classic,
    /// With `aadOptscim062020` in the URL: lower case, JSON booleans, attributes without a filter gathered in one
    /// operation without a path.
    Compliant,
}

/// How much is read back after a cycle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadBack {
    /// Nothing.
    Nothing,
    /// That many people, evenly spread, changed ones first in the incremental cycle; a tenth as many groups.
    Sample(u32),
    /// Everyone and every group.
    All,
}

/// Why there is nothing to emulate on. Failures of single requests are counted in the summary instead.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EmulatorError {
    /// An option is out of its range.
    #[error("{0}")]
    Options(String),
    /// Nobody answers.
    #[error("{base} does not answer: {reason}. Is the server running, and is the URL right?")]
    #[non_exhaustive]
    Unreachable {
        /// The base URL.
        base: String,
        /// What the connection said.
        reason: String,
    },
    /// The first request was answered 401 or 403.
    #[error("{base} refuses the token with status {status}: {detail}")]
    #[non_exhaustive]
    Credentials {
        /// The base URL.
        base: String,
        /// 401 or 403.
        status: u16,
        /// What the answer said.
        detail: String,
    },
    /// The first searches were not answered with empty lists.
    #[error("{base} does not answer like a SCIM server: {reason}")]
    #[non_exhaustive]
    NotScim {
        /// The base URL.
        base: String,
        /// What was asked and what came.
        reason: String,
    },
}

/// A part of a run, for progress bars. `Display` gives a short label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Phase {
    /// The two searches of *Test Connection*.
    Connection,
    /// Initial cycle: people matched, created, updated.
    People,
    /// Initial cycle: managers.
    Managers,
    /// Initial cycle: groups and their members.
    Groups,
    /// What the initial cycle wrote is read back.
    ReadBack,
    /// Incremental cycle: people changed, disabled, deleted, hired.
    Changes,
    /// Incremental cycle: managers changed.
    ChangedManagers,
    /// Incremental cycle: members and names of groups.
    ChangedGroups,
    /// What the incremental cycle wrote is read back.
    ChangesReadBack,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Connection => "test connection",
            Self::People => "people",
            Self::Managers => "managers",
            Self::Groups => "groups",
            Self::ReadBack => "read back",
            Self::Changes => "changes",
            Self::ChangedManagers => "changed managers",
            Self::ChangedGroups => "changed groups",
            Self::ChangesReadBack => "changes read back",
        })
    }
}

/// Is told how far a run is. Calls come from several threads, and not always in order.
pub trait Progress: Sync {
    /// `done` of `total` items of a phase are finished. Called with `done == 0` when the phase starts.
    fn update(&self, phase: Phase, done: u64, total: u64);
}

/// Tells nobody.
impl Progress for () {
    fn update(&self, _: Phase, _: u64, _: u64) {}
}

/// Tests the connection, plays both cycles and reads back what they wrote.
///
/// # Errors
/// [`EmulatorError`] when the options are out of range or the server cannot be worked with at all. Once the connection
/// test has passed there are no errors: failed requests are counted in the summary.
pub fn run(options: &Options, progress: &dyn Progress) -> Result<Summary, EmulatorError> {
    let job = Job::new(options)?;
    let initial = job.initial_cycle(progress)?;
    let incremental = job.incremental_cycle(progress);
    Ok(Summary { initial, incremental })
}

/// Without the token.
impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("base", &self.base)
            .field("people", &self.people)
            .field("groups", &self.groups)
            .field("seed", &self.seed)
            .field("concurrency", &self.concurrency)
            .field("shape", &self.shape)
            .field("read_back", &self.read_back)
            .finish_non_exhaustive()
    }
}

impl Options {
    /// The defaults, for one server.
    pub fn new(base: impl Into<String>, token: impl Into<String>) -> Self {
        let base = base.into();
        let shape = if base.contains(COMPLIANT_FLAG) { Shape::Compliant } else { Shape::Classic };
        Self {
            base,
            token: token.into(),
            people: 1_000,
            groups: None,
            seed: 0,
            concurrency: 4,
            shape,
            read_back: ReadBack::Sample(200),
            timeout: Duration::from_secs(60),
            retries: 5,
            longest_pause: Duration::from_secs(30),
            insecure: false,
        }
    }

    /// Sets the number of people.
    #[must_use]
    pub fn people(mut self, people: u32) -> Self {
        self.people = people;
        self
    }

    fn group_count(&self) -> u32 {
        self.groups.unwrap_or_else(|| 18 + (self.people / 25).clamp(1, 2_000 - 18))
    }

    fn check(&self) -> Result<(), EmulatorError> {
        let problem = if !(1..=MAX_PEOPLE).contains(&self.people) {
            format!("the number of people has to be between 1 and {MAX_PEOPLE}, not {}", self.people)
        } else if !(1..=256).contains(&self.concurrency) {
            format!("the concurrency has to be between 1 and 256, not {}", self.concurrency)
        } else if !self.base.starts_with("http://") && !self.base.starts_with("https://") {
            format!("the base URL has to start with http:// or https://, not {:?}", self.base)
        } else {
            return Ok(());
        };
        Err(EmulatorError::Options(problem))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flag_in_the_url_decides_the_shape() {
        assert_eq!(Options::new("https://h/scim", "t").shape, Shape::Classic);
        assert_eq!(Options::new("https://h/scim?aadOptscim062020", "t").shape, Shape::Compliant);
    }

    #[test]
    fn options_out_of_range_are_refused() {
        let good = Options::new("http://h", "t");
        assert!(good.check().is_ok());
        let bad = [
            good.clone().people(0),
            good.clone().people(1_000_001),
            Options { concurrency: 0, ..good.clone() },
            Options::new("h:80", "t"),
        ];
        for options in bad {
            assert!(matches!(run(&options, &()), Err(EmulatorError::Options(_))));
        }
    }

    #[test]
    fn groups_grow_with_the_company() {
        let groups = |people| Options::new("http://h", "t").people(people).group_count();
        assert_eq!([groups(1), groups(1_000), groups(1_000_000)], [19, 58, 2_000]);
    }
}
