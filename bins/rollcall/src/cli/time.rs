//! Moments on the command line.

use scim_core::instant::{Instant, Timestamp};
use scim_provider::Source as _;

use crate::clock::System;

/// A moment: so long ago (`24h`, `7d`, `30m`), or an RFC 3339 date and time.
pub(super) fn moment(text: &str) -> Result<Timestamp, String> {
    let unit = match text.chars().last() {
        Some('d') => 86_400_000,
        Some('h') => 3_600_000,
        Some('m') => 60_000,
        Some('s') => 1_000,
        _ => 0,
    };
    if unit > 0
        && let Some(number) = text.get(..text.len() - 1).and_then(|number| number.parse::<u32>().ok())
    {
        return Ok(System.now().plus_millis(-i64::from(number).saturating_mul(unit)));
    }
    let instant = Instant::parse(text)
        .ok_or_else(|| format!("{text:?} is no time: write 24h, 7d, or 2026-11-21T00:00:00Z"))?;
    let millis = instant.unix_nanos() / 1_000_000;
    Ok(Timestamp::from_unix_millis(i64::try_from(millis).unwrap_or(i64::MAX)))
}

#[cfg(test)]
mod tests {
    use super::moment;

    #[test]
    fn moments() {
        let day = moment("1d").expect("a day ago").unix_millis();
        assert!((86_300_000..86_500_000).contains(&(moment("0s").expect("now").unix_millis() - day)));
        assert_eq!(moment("2026-11-21T00:00:00Z").expect("a moment").to_string(), "2026-11-21T00:00:00.000Z");
        for wrong in ["", "d", "-1d", "yesterday", "5", "2026-11-21"] {
            assert!(moment(wrong).is_err(), "{wrong}");
        }
    }
}
