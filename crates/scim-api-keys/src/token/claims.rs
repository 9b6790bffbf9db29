//! Claims, strictly typed, and the rules of time.

use serde_json::{Map, Value};

use super::{LEEWAY_SECONDS, TokenError};

/// The types of claims, as refusals call them.
pub(super) const STRING: &str = "a text of 1 to 1024 bytes";
pub(super) const STRINGS: &str = "a text or a list of texts";
pub(super) const NUMERIC_DATE: &str = "a whole number of seconds since 1970";
pub(super) const INTEGER: &str = "a whole number";

/// The most bytes of a claim that is a name or an id. A scope may have as many as the token.
const MAX_TEXT_BYTES: usize = 1024;

/// 9999-12-31T23:59:59Z. What is later is no time but a mistake of the unit or an attempt to overflow.
const LATEST: i64 = 253_402_300_799;

/// What a verified token claims.
pub(super) struct Claims(Map<String, Value>);

/// When a token is valid, in seconds since 1970.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    pub(super) issued: i64,
    pub(super) not_before: Option<i64>,
    pub(super) expires: i64,
}

impl Claims {
    pub(super) const fn new(members: Map<String, Value>) -> Self {
        Self(members)
    }

    pub(super) fn has(&self, claim: &str) -> bool {
        self.0.contains_key(claim)
    }

    /// A claim that must be a text, not empty and not too long.
    pub(super) fn text(&self, claim: &'static str) -> Result<&str, TokenError> {
        match self.0.get(claim) {
            Some(Value::String(text)) if !text.is_empty() && text.len() <= MAX_TEXT_BYTES => Ok(text),
            _ => Err(TokenError::Claim { claim, expected: STRING }),
        }
    }

    /// [`Claims::text`] where it is there.
    pub(super) fn text_if_any(&self, claim: &'static str) -> Result<Option<&str>, TokenError> {
        self.has(claim).then(|| self.text(claim)).transpose()
    }

    /// A claim that must be a text of any length.
    pub(super) fn any_text(&self, claim: &'static str) -> Result<&str, TokenError> {
        self.0.get(claim).and_then(Value::as_str).ok_or(TokenError::Claim { claim, expected: "a text" })
    }

    /// A claim that must be a whole number.
    pub(super) fn integer(&self, claim: &'static str) -> Result<i64, TokenError> {
        self.0.get(claim).and_then(Value::as_i64).ok_or(TokenError::Claim { claim, expected: INTEGER })
    }

    /// `iat`, `exp`, and `nbf` where it is there. A fraction, which RFC 7519 §2 would allow, is refused: nobody sends one,
    /// and libraries differ in what they make of it.
    pub(super) fn times(&self) -> Result<Times, TokenError> {
        Ok(Times {
            issued: self.date("iat")?,
            not_before: self.has("nbf").then(|| self.date("nbf")).transpose()?,
            expires: self.date("exp")?,
        })
    }

    fn date(&self, claim: &'static str) -> Result<i64, TokenError> {
        let date = self.0.get(claim).and_then(Value::as_i64).filter(|date| (0..=LATEST).contains(date));
        date.ok_or(TokenError::Claim { claim, expected: NUMERIC_DATE })
    }
}

impl Times {
    /// Whether a token of these times may be used now: not past `exp`, not before `nbf` and `iat`, and from `iat` to
    /// `exp` not longer than `most` seconds.
    pub(super) fn check(&self, most: i64, now: i64) -> Result<(), TokenError> {
        // INVARIANT: all three are within `LATEST`, so that only `now` could overflow.
        let lifetime = self.expires.saturating_sub(self.issued);
        if !(1..=most).contains(&lifetime) {
            return Err(TokenError::Lifetime { seconds: lifetime, most });
        }
        // RFC 7519 §4.1.4: now MUST be before `exp`.
        let past = now.saturating_sub(self.expires);
        if past >= LEEWAY_SECONDS {
            return Err(TokenError::Expired { seconds: past });
        }
        for (claim, from) in [("nbf", self.not_before), ("iat", Some(self.issued))] {
            let ahead = from.map_or(0, |from| from.saturating_sub(now));
            if ahead > LEEWAY_SECONDS {
                return Err(TokenError::Early { claim, seconds: ahead });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of a token from 1000 to 1600, not before 1010.
    fn check(now: i64, expected: Result<(), TokenError>) {
        let times = Times { issued: 1000, not_before: Some(1010), expires: 1600 };
        let outcomes = (times.check(600, now), expected);
        assert_eq!(outcomes.0, outcomes.1, "at {now}");
    }

    #[test]
    fn times_have_a_leeway_of_a_minute_at_both_ends() {
        check(950, Ok(()));
        check(949, Err(TokenError::Early { claim: "nbf", seconds: 61 }));
        check(1600, Ok(()));
        check(1659, Ok(()));
        check(1660, Err(TokenError::Expired { seconds: 60 }));
        check(i64::MAX, Err(TokenError::Expired { seconds: i64::MAX - 1600 }));
        check(i64::MIN, Err(TokenError::Early { claim: "nbf", seconds: i64::MAX }));
    }

    #[test]
    fn a_lifetime_is_positive_and_bounded() {
        let check = |issued, expires, fine: bool| {
            let times = Times { issued, not_before: None, expires };
            assert_eq!(times.check(600, issued).is_ok(), fine, "{issued} {expires}");
        };
        check(1000, 1001, true);
        check(1000, 1600, true);
        check(1000, 1601, false);
        check(1000, 1000, false);
        check(1000, 999, false);
        check(0, LATEST, false);
    }

    #[test]
    fn dates_are_whole_numbers_of_this_age() {
        let check = |exp: &str, fine: bool| {
            let members = serde_json::from_str(&format!("{{\"iat\":0,\"exp\":{exp}}}")).expect("JSON");
            assert_eq!(Claims::new(members).times().is_ok(), fine, "{exp}");
        };
        check("0", true);
        check("253402300799", true);
        for exp in [
            "253402300800",
            "1700000000000",
            "18446744073709551615",
            "-1",
            "1.0",
            "1e9",
            "\"1\"",
            "null",
            "[1]",
        ] {
            check(exp, false);
        }
    }
}
