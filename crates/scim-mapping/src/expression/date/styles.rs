//! How strictly [`parse_exact`](super::parse_exact) reads: .NET's `DateTimeStyles`.

use super::Fault;

/// A set of styles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Styles(u32);

impl Default for Styles {
    /// What `FormatDateTime` uses when no styles are given: outer blanks do not count, and `Z` in the text is kept.
    fn default() -> Self {
        Self::LEADING_WHITE | Self::TRAILING_WHITE | Self::ROUNDTRIP_KIND
    }
}

impl std::ops::BitOr for Styles {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl Styles {
    /// Exactly as the format says.
    pub const NONE: Self = Self(0);
    /// Blanks before the date do not count.
    pub const LEADING_WHITE: Self = Self(1);
    /// Blanks after the date do not count.
    pub const TRAILING_WHITE: Self = Self(2);
    /// Blanks between the parts of the date do not count.
    pub const INNER_WHITE: Self = Self(4);
    /// A time without a date is on the first day of the year 1, not today.
    pub const NO_CURRENT_DATE: Self = Self(8);
    /// The result is in UTC.
    pub const ADJUST_TO_UNIVERSAL: Self = Self(16);
    /// A text without zone is local time.
    pub const ASSUME_LOCAL: Self = Self(32);
    /// A text without zone is UTC.
    pub const ASSUME_UNIVERSAL: Self = Self(64);
    /// What the text says of its zone is kept.
    pub const ROUNDTRIP_KIND: Self = Self(128);

    /// Whether all of the other's styles are in this set.
    #[must_use]
    pub fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Reads names (`"AllowWhiteSpaces, AssumeUniversal"`, in any letter case) or their sum as a number (`"71"`).
    /// Empty text gives the default.
    ///
    /// # Errors
    ///
    /// [`Fault::Argument`] if a name is unknown, or the styles contradict each other.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        if text.trim().is_empty() {
            return Ok(Self::default());
        }
        let mut styles = Self::NONE;
        for name in text.split([',', '|']).map(str::trim) {
            styles = styles | Self::one(name).ok_or_else(|| unknown(name))?;
        }
        styles.checked()
    }

    /// The styles of a sum of .NET's numbers for them.
    ///
    /// # Errors
    ///
    /// [`Fault::Argument`] if the number is no such sum, or the styles contradict each other.
    pub fn from_number(number: i64) -> Result<Self, Fault> {
        match u32::try_from(number) {
            Ok(bits @ 0..=255) => Self(bits).checked(),
            _ => Err(unknown(&number.to_string())),
        }
    }

    fn one(name: &str) -> Option<Self> {
        const NAMES: [(&str, Styles); 10] = [
            ("None", Styles::NONE),
            ("AllowLeadingWhite", Styles::LEADING_WHITE),
            ("AllowTrailingWhite", Styles::TRAILING_WHITE),
            ("AllowInnerWhite", Styles::INNER_WHITE),
            ("AllowWhiteSpaces", Styles(7)),
            ("NoCurrentDateDefault", Styles::NO_CURRENT_DATE),
            ("AdjustToUniversal", Styles::ADJUST_TO_UNIVERSAL),
            ("AssumeLocal", Styles::ASSUME_LOCAL),
            ("AssumeUniversal", Styles::ASSUME_UNIVERSAL),
            ("RoundtripKind", Styles::ROUNDTRIP_KIND),
        ];
        // Code that was pasted says `DateTimeStyles.None`.
        let name = name.strip_prefix("DateTimeStyles.").unwrap_or(name);
        if let Ok(bits @ 0..=255) = name.parse() {
            return Some(Self(bits));
        }
        NAMES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, styles)| *styles)
    }

    fn checked(self) -> Result<Self, Fault> {
        let kind = self.contains(Self::ROUNDTRIP_KIND);
        let others = Self::ADJUST_TO_UNIVERSAL.0 | Self::ASSUME_LOCAL.0 | Self::ASSUME_UNIVERSAL.0;
        if kind && self.0 & others != 0 {
            return Err(Fault::Argument(
                "the style RoundtripKind does not go with AssumeLocal, AssumeUniversal or AdjustToUniversal"
                    .to_owned(),
            ));
        }
        if self.contains(Self::ASSUME_LOCAL | Self::ASSUME_UNIVERSAL) {
            return Err(Fault::Argument(
                "the styles AssumeLocal and AssumeUniversal contradict each other".to_owned(),
            ));
        }
        Ok(self)
    }
}

fn unknown(name: &str) -> Fault {
    Fault::Argument(format!(
        "{name:?} is not a date style; write names such as \"AllowWhiteSpaces, AssumeUniversal\""
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, bits: Option<u32>) {
        assert_eq!(Styles::parse(text).ok().map(|styles| styles.0), bits, "{text:?}");
    }

    #[test]
    fn names_and_numbers() {
        check("", Some(131));
        check("None", Some(0));
        check("allowwhitespaces", Some(7));
        check("AllowLeadingWhite, AssumeUniversal", Some(65));
        check("DateTimeStyles.RoundtripKind", Some(128));
        check("71", Some(71));
        check("1,64", Some(65));
        check("256", None);
        check("-1", None);
        check("Sometimes", None);
        check("AllowLeadingWhite,", None);
        check("RoundtripKind, AssumeLocal", None);
        check("AssumeUniversal, AssumeLocal", None);
        assert_eq!(Styles::from_number(0), Ok(Styles::NONE));
        assert!(Styles::from_number(256).is_err() && Styles::from_number(-1).is_err());
        assert!(Styles::from_number(192).is_err());
    }
}
