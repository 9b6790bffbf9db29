//! Verdicts: what a test asserts on and a command line prints.

use std::fmt;
use std::path::PathBuf;

use serde_json::Value;

/// What became of one scenario. `Display` gives the line to print: `PASS`, `FAIL` or `SKIP`, name, reason.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ScenarioResult {
    /// The scenario's own name.
    pub name: String,
    /// Whose traffic it is.
    pub client: String,
    /// `rfc`, `interop` or `lenient`.
    pub level: String,
    /// The file it was read from.
    pub file: PathBuf,
    /// How many steps it has.
    pub steps: usize,
    /// The verdict.
    pub outcome: Outcome,
}

/// The verdict on one scenario.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// Every step was answered as expected.
    Passed,
    /// Not played, because ServiceProviderConfig does not announce these features.
    Skipped {
        /// The features that are missing.
        lacking: Vec<String>,
    },
    /// A step was not answered as expected; later steps were not played.
    Failed(Box<StepFailure>),
}

/// The step at which a scenario failed.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct StepFailure {
    /// Counted from 1.
    pub step: usize,
    /// HTTP method of the request.
    pub method: String,
    /// Path and query as sent, or as written in the scenario when a variable could not be replaced.
    pub path: String,
    /// What was expected, and what came.
    pub reason: String,
    /// The body that was sent; `None` when there was none.
    pub sent: Option<Value>,
    /// The answer; `None` when there was none.
    pub received: Option<Received>,
}

/// An answer, for people to read.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Received {
    /// HTTP status.
    pub status: u16,
    /// Header names in lower case, and their values.
    pub headers: Vec<(String, String)>,
    /// The body; bytes that are not UTF-8 are replaced.
    pub body: String,
}

/// Counts of a whole run. `Display` ends with the line `N passed, N failed`, after one with
/// the number of skipped scenarios if there are any.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct Report {
    /// Every scenario, in the order played.
    pub results: Vec<ScenarioResult>,
}

impl Report {
    /// How many scenarios passed.
    pub fn passed(&self) -> usize {
        self.count(|o| matches!(o, Outcome::Passed))
    }

    /// How many scenarios failed.
    pub fn failed(&self) -> usize {
        self.count(|o| matches!(o, Outcome::Failed(_)))
    }

    /// How many scenarios were skipped.
    pub fn skipped(&self) -> usize {
        self.count(|o| matches!(o, Outcome::Skipped { .. }))
    }

    fn count(&self, test: impl Fn(&Outcome) -> bool) -> usize {
        self.results.iter().filter(|r| test(&r.outcome)).count()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.skipped() > 0 {
            writeln!(f, "{} skipped", self.skipped())?;
        }
        write!(f, "{} passed, {} failed", self.passed(), self.failed())
    }
}

impl fmt::Display for ScenarioResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, steps, .. } = self;
        match &self.outcome {
            Outcome::Passed => write!(f, "PASS {name} ({steps} steps)"),
            Outcome::Skipped { lacking } => write!(f, "SKIP {name} (not announced: {})", lacking.join(", ")),
            Outcome::Failed(failure) => {
                let StepFailure { step, method, path, reason, .. } = failure.as_ref();
                write!(f, "FAIL {name}: step {step}/{steps} {method} {path}: {reason}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(outcome: Outcome) -> ScenarioResult {
        let (name, client, level) = ("a".to_owned(), "entra".to_owned(), "rfc".to_owned());
        ScenarioResult { name, client, level, file: PathBuf::new(), steps: 3, outcome }
    }

    #[test]
    fn lines() {
        let failure = StepFailure {
            step: 2,
            method: "GET".to_owned(),
            path: "/Users".to_owned(),
            reason: "status 500, expected 200".to_owned(),
            sent: None,
            received: None,
        };
        let results = vec![
            result(Outcome::Passed),
            result(Outcome::Failed(Box::new(failure))),
            result(Outcome::Skipped { lacking: vec!["bulk".to_owned(), "sort".to_owned()] }),
        ];
        let lines: Vec<String> = results.iter().map(ToString::to_string).collect();
        assert_eq!(
            lines,
            [
                "PASS a (3 steps)",
                "FAIL a: step 2/3 GET /Users: status 500, expected 200",
                "SKIP a (not announced: bulk, sort)"
            ]
        );
        let mut report = Report { results };
        assert_eq!(report.to_string(), "1 skipped\n1 passed, 1 failed");
        report.results.pop();
        assert_eq!(report.to_string(), "1 passed, 1 failed");
    }
}
