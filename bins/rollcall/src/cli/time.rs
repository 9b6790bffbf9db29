//! Moments and spans of time on the command line. What is said relative to now is worked out by who knows what time it is.

use std::time::Duration;

use scim_core::instant::{Instant, Timestamp};

use super::values::OrNone;

/// The longest span, in days.
const MAX_DAYS: u64 = 36_500;

/// A moment: a span from now, or a date and time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    /// So long from now.
    Span(Duration),
    /// That moment.
    At(Timestamp),
}

impl Moment {
    /// The moment, a span counted back from `now`.
    pub(crate) fn before(self, now: Timestamp) -> Timestamp {
        match self {
            Self::Span(span) => now.plus_millis(-millis(span)),
            Self::At(moment) => moment,
        }
    }

    /// The moment, a span counted on from `now`.
    pub(crate) fn after(self, now: Timestamp) -> Timestamp {
        match self {
            Self::Span(span) => now.plus_millis(millis(span)),
            Self::At(moment) => moment,
        }
    }
}

fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}

/// `7d`, `12h`, `30m`, `90s`.
pub(super) fn span(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is no time: a number and d, h, m or s, such as 365d");
    let unit = text.chars().last().ok_or_else(wrong)?;
    let seconds: u64 = match unit {
        'd' => 86_400,
        'h' => 3_600,
        'm' => 60,
        's' => 1,
        _ => return Err(wrong()),
    };
    let number = text.strip_suffix(unit).filter(|number| number.bytes().all(|byte| byte.is_ascii_digit()));
    let number: u64 = number.and_then(|number| number.parse().ok()).ok_or_else(wrong)?;
    let total = number.checked_mul(seconds).filter(|total| *total <= 86_400 * MAX_DAYS);
    total.map(Duration::from_secs).ok_or_else(|| format!("{text:?} is more than {MAX_DAYS}d"))
}

/// So long ago (`24h`, `7d`, `30m`), or an RFC 3339 date and time.
pub(super) fn moment(text: &str) -> Result<Moment, String> {
    if let Ok(span) = span(text) {
        return Ok(Moment::Span(span));
    }
    at(text)
        .map(Moment::At)
        .ok_or_else(|| format!("{text:?} is no time: write 24h, 7d, or 2026-11-21T00:00:00Z"))
}

fn at(text: &str) -> Option<Timestamp> {
    let millis = Instant::parse(text)?.unix_nanos() / 1_000_000;
    Some(Timestamp::from_unix_millis(i64::try_from(millis).unwrap_or(i64::MAX)))
}

/// How long from now, or when: `365d`, a date (its first moment in UTC), or a date and time.
fn coming(text: &str, besides: &str) -> Result<Moment, String> {
    if let Ok(span) = span(text) {
        return Ok(Moment::Span(span));
    }
    let when = at(text).or_else(|| at(&format!("{text}T00:00:00Z")));
    when.map(Moment::At).ok_or_else(|| {
        format!("{text:?} is no time: write 365d, 2027-11-21, 2027-11-21T00:00:00Z, or {besides}")
    })
}

/// When a key ends, or `never`.
pub(super) fn ending(text: &str) -> Result<OrNone<Moment>, String> {
    if text == "never" { Ok(OrNone(None)) } else { coming(text, "never").map(|moment| OrNone(Some(moment))) }
}

/// When a key begins, or `now`.
pub(super) fn beginning(text: &str) -> Result<OrNone<Moment>, String> {
    if text == "now" { Ok(OrNone(None)) } else { coming(text, "now").map(|moment| OrNone(Some(moment))) }
}

/// How long a key is good for; `never` ends it never.
pub(super) fn lifetime(text: &str) -> Result<OrNone<Duration>, String> {
    if text == "never" {
        return Ok(OrNone(None));
    }
    let span = span(text).map_err(|wrong| format!("{wrong}, or never"))?;
    if span.is_zero() {
        return Err(format!("{text:?} is out of range: 1s to {MAX_DAYS}d, or never"));
    }
    Ok(OrNone(Some(span)))
}

/// A span as people read it: `7 days`, `12 hours`.
pub(crate) fn span_in_words(seconds: u64) -> String {
    let units = [(86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second")];
    let (number, unit) = units
        .into_iter()
        .find(|(unit, _)| seconds >= *unit && seconds.is_multiple_of(*unit))
        .map_or((0, "second"), |(unit, name)| (seconds / unit, name));
    format!("{number} {unit}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_unix_millis(1_000_000_000_000);

    #[test]
    fn moments() {
        let millis = |text: &str| moment(text).map(|moment| moment.before(NOW).unix_millis());
        assert_eq!(millis("1d"), Ok(NOW.unix_millis() - 86_400_000));
        assert_eq!(millis("0s"), Ok(NOW.unix_millis()));
        let at = moment("2026-11-21T00:00:00Z").expect("a moment");
        assert_eq!(at.before(NOW).to_string(), "2026-11-21T00:00:00.000Z");
        assert_eq!(at.after(NOW), at.before(NOW));
        for wrong in ["", "d", "-1d", "+1d", "yesterday", "5", "2026-11-21", "1y", "1ä"] {
            assert!(moment(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn when_a_key_begins_and_ends() {
        let check = |given: Result<OrNone<Moment>, String>, expected: Option<&str>| {
            let shown = given.expect("a time").0.map(|moment| moment.after(NOW).to_string());
            assert_eq!(shown.as_deref(), expected);
        };
        check(ending("never"), None);
        check(beginning("now"), None);
        check(ending("1d"), Some("2001-09-10T01:46:40.000Z"));
        check(ending("2027-02-03"), Some("2027-02-03T00:00:00.000Z"));
        check(beginning("2027-02-03T04:05:06+01:00"), Some("2027-02-03T03:05:06.000Z"));
        for wrong in ["now", "2027-02-30", "2027", "soon", ""] {
            assert!(ending(wrong).is_err(), "{wrong}");
        }
        assert!(beginning("never").is_err());
    }

    #[test]
    fn lifetimes() {
        let seconds = |text| lifetime(text).map(|lifetime| lifetime.0.map(|span| span.as_secs())).ok();
        assert_eq!(seconds("365d"), Some(Some(31_536_000)));
        assert_eq!(seconds("12h"), Some(Some(43_200)));
        assert_eq!(seconds("never"), Some(None));
        for wrong in ["", "d", "-1d", "1y", "0d", "99999999999999999999d", "40000d", "1dd"] {
            assert_eq!(seconds(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn spans_in_words() {
        for (seconds, expected) in [
            (0, "0 seconds"),
            (604_800, "7 days"),
            (86_400, "1 day"),
            (5_400, "90 minutes"),
            (61, "61 seconds"),
        ] {
            assert_eq!(span_in_words(seconds), expected);
        }
    }
}
