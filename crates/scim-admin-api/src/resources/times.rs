//! Moments in bodies and parameters.

use scim_core::instant::{Instant, Timestamp};

use crate::moment::Moment;
use crate::problem::Problem;

/// As it is shown.
pub(super) fn moment(at: Option<Timestamp>) -> Option<Moment> {
    at.map(Moment::from)
}

/// A moment of a body or a parameter: RFC 3339, or seconds, minutes, hours and days back from now are not taken.
///
/// # Errors
/// 422, naming the member.
pub(super) fn read_moment(pointer: &str, text: Option<&str>) -> Result<Option<Timestamp>, Problem> {
    let Some(text) = text else { return Ok(None) };
    let detail = || format!("{text:?} is not a moment; write it as RFC 3339, such as 2026-11-21T14:00:00Z");
    let millis = Instant::parse(text).and_then(|at| i64::try_from(at.unix_nanos() / 1_000_000).ok());
    millis
        .map(|millis| Some(Timestamp::from_unix_millis(millis)))
        .ok_or_else(|| Problem::member(pointer, &detail()))
}
