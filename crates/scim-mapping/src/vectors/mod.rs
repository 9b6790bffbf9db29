//! Runs test vectors: what `rollcall expression check` does, and the tests do.
//!
//! Their form is described in `fixtures/mapping/README.md`.

mod expressions;
mod scoping;

use std::fmt;

use serde_json::Value as Json;

pub use expressions::check_expressions;
pub use scoping::check_scoping;

/// How many vectors passed, and which did not.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// How many gave what was expected.
    pub passed: usize,
    /// Those that did not.
    pub failures: Vec<Failure>,
}

/// A vector that did not give what was expected.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    /// The vector's name.
    pub id: String,
    /// What was checked, such as the expression.
    pub subject: String,
    /// What should have come of it.
    pub expected: String,
    /// What did.
    pub found: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, subject, expected, found } = self;
        write!(f, "{id}: {subject}\n  expected: {expected}\n  found:    {found}")
    }
}

/// A file that does not hold vectors.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VectorError {
    /// It is not JSON.
    #[error("the file is not JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// It is not an array.
    #[error("the file is not a JSON array of vectors")]
    NotAnArray,
    /// A vector lacks a member, or has one of another type.
    #[error("vector {number} ({id}): {reason}")]
    Form {
        /// Which vector, from 1.
        number: usize,
        /// Its name, where it has one.
        id: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// Where a vector does not hold, what was expected and what was found; the error is one of the vector's form.
type Checked = Result<Option<(String, String)>, String>;

/// Runs `check` on each vector of a file.
fn run(text: &str, subject: fn(&Json) -> String, check: fn(&Json) -> Checked) -> Result<Report, VectorError> {
    let json: Json = serde_json::from_str(text)?;
    let vectors = json.as_array().ok_or(VectorError::NotAnArray)?;
    let mut report = Report::default();
    for (index, vector) in vectors.iter().enumerate() {
        let id = vector.get("id").and_then(Json::as_str).unwrap_or("no id").to_owned();
        match check(vector) {
            Ok(None) => report.passed += 1,
            Ok(Some((expected, found))) => {
                report.failures.push(Failure { id, subject: subject(vector), expected, found });
            }
            Err(reason) => return Err(VectorError::Form { number: index + 1, id, reason }),
        }
    }
    Ok(report)
}
