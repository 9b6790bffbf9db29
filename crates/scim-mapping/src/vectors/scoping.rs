//! Vectors of scoping filters.

use serde_json::Value as Json;

use super::{Checked, Report, VectorError, run};
use crate::scoping::ScopingFilter;

/// Runs the scoping filters of a file of vectors.
///
/// # Errors
///
/// Where the text is no array of vectors.
pub fn check_scoping(text: &str) -> Result<Report, VectorError> {
    run(text, |vector| vector.get("filter").map(Json::to_string).unwrap_or_default(), check)
}

fn check(vector: &Json) -> Checked {
    let filter = vector.get("filter").ok_or("`filter` is missing")?;
    let attributes = vector.get("attrs").and_then(Json::as_object).ok_or("`attrs` must be an object")?;
    let expected = vector.get("expect").ok_or("`expect` is missing")?;
    let found = match ScopingFilter::from_json(filter) {
        Ok(filter) => {
            let verdict = filter.evaluate(attributes);
            if let Some(deprovision) = vector.get("deprovisionIfPreviouslyIn") {
                let found = verdict.deprovision_if_previously_in;
                if deprovision.as_bool() != Some(found) {
                    let expected = format!("deprovisionIfPreviouslyIn {deprovision}");
                    return Ok(Some((expected, format!("deprovisionIfPreviouslyIn {found}"))));
                }
            }
            Json::from(if verdict.in_scope { "in" } else { "out" })
        }
        Err(errors) => {
            let kind = errors.first().map(|error| error.problem.as_str());
            serde_json::json!({ "error": kind })
        }
    };
    Ok((found != *expected).then(|| (expected.to_string(), found.to_string())))
}
