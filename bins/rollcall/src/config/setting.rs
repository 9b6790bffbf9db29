//! What a setting is: its name, what it may be, what it means.

use std::time::Duration;

/// One setting. All of them stand in [`super::table::SETTINGS`]: what is read, checked and documented follows from there.
#[derive(Debug)]
pub(crate) struct Setting {
    /// The key in `rollcall.toml`; in capitals behind `ROLLCALL_` the variable of the environment.
    pub(crate) name: &'static str,
    /// What it may be.
    pub(crate) kind: Kind,
    /// What holds where it is not given, as it would be written; empty where nothing does.
    pub(crate) default: &'static str,
    /// What is so where it is not given and nothing holds by default.
    pub(crate) otherwise: &'static str,
    /// The command line's own option for it.
    pub(crate) flag: Option<&'static str>,
    /// What it means, as Markdown on one line.
    pub(crate) meaning: &'static str,
    /// An example of a value, as it would be written.
    pub(crate) example: &'static str,
    /// Where it may stand.
    pub(crate) place: Place,
}

impl Setting {
    /// The variable of the environment.
    pub(crate) fn variable(&self) -> String {
        format!("ROLLCALL_{}", self.name.to_ascii_uppercase())
    }
}

/// Where a setting may stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// In the file, the environment, or behind `--set`.
    Anywhere,
    /// A secret: in the environment alone, and better in the file that this other setting names.
    Secret {
        /// The setting that names a file in its place.
        file: &'static str,
    },
}

/// What a setting may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A text.
    Text,
    /// A text of which a part may be a secret: the password of a URL is not shown.
    Url,
    /// The path of a file or folder.
    Path,
    /// Paths of files.
    Paths,
    /// An IP address and a port.
    Address,
    /// Networks or addresses.
    Networks,
    /// An e-mail address, with a name or without.
    Mailbox,
    /// E-mail addresses.
    Mailboxes,
    /// True or false.
    Switch,
    /// One of some words.
    Choice(&'static [&'static str]),
    /// A whole number within bounds.
    Count(u64, u64),
    /// A span of time within bounds, in seconds.
    Span(u64, u64),
    /// A number of bytes within bounds.
    Size(u64, u64),
}

impl Kind {
    /// Whether it is a list: an array in the file, texts with commas between them elsewhere.
    pub(crate) const fn is_list(self) -> bool {
        matches!(self, Self::Paths | Self::Networks | Self::Mailboxes)
    }

    /// What may be written, for people.
    pub(crate) fn in_words(self) -> String {
        match self {
            Self::Text => "text".to_owned(),
            Self::Url => "URL".to_owned(),
            Self::Path => "path".to_owned(),
            Self::Paths => "list of paths".to_owned(),
            Self::Address => "address and port".to_owned(),
            Self::Networks => "list of networks".to_owned(),
            Self::Mailbox => "e-mail address".to_owned(),
            Self::Mailboxes => "list of e-mail addresses".to_owned(),
            Self::Switch => "`true` or `false`".to_owned(),
            Self::Choice(words) => {
                words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(" or ")
            }
            Self::Count(least, most) => format!("number, {least} to {most}"),
            Self::Span(least, most) => format!("time, {} to {}", span_text(least), span_text(most)),
            Self::Size(least, most) => format!("size, {} to {}", size_text(least), size_text(most)),
        }
    }

    /// The number that a text of a count, a span (in seconds) or a size (in bytes) says.
    ///
    /// # Errors
    ///
    /// What may be written in its place.
    pub(crate) fn number(self, text: &str) -> Result<u64, String> {
        let (units, least, most, example): (&[(&str, u64)], _, _, _) = match self {
            Self::Span(least, most) => (SPANS, least, most, ", such as 30s, 5m or 2h"),
            Self::Size(least, most) => (SIZES, least, most, ", such as 512KiB or 1MiB"),
            Self::Count(least, most) => (&[], least, most, ""),
            _ => return Err(format!("{text:?} is no number")),
        };
        let digits = text.trim().find(|character: char| !character.is_ascii_digit());
        let (digits, unit) = text.trim().split_at(digits.unwrap_or(text.trim().len()));
        let unit = unit.trim();
        let factor = match units.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit)) {
            Some((_, factor)) => Some(*factor),
            // A plain number is of the smallest unit, as is what is 0 in any.
            None => unit.is_empty().then_some(1),
        };
        let number = factor.and_then(|factor| digits.parse::<u64>().ok()?.checked_mul(factor));
        let words = self.in_words();
        let number = number.ok_or_else(|| format!("{text:?} must be a {words}{example}"))?;
        if (least..=most).contains(&number) {
            return Ok(number);
        }
        Err(format!("{text:?} must be a {words}"))
    }
}

/// The units of spans, in seconds.
const SPANS: &[(&str, u64)] = &[("s", 1), ("m", 60), ("h", 3600), ("d", 86_400)];
/// The units of sizes, in bytes.
const SIZES: &[(&str, u64)] = &[("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)];

/// A span in the largest unit that has no rest.
fn span_text(seconds: u64) -> String {
    in_units(seconds, SPANS)
}

/// A size in the largest unit that has no rest.
fn size_text(bytes: u64) -> String {
    in_units(bytes, SIZES)
}

fn in_units(number: u64, units: &[(&str, u64)]) -> String {
    let unit = units.iter().rev().find(|(_, factor)| number >= *factor && number.is_multiple_of(*factor));
    match unit {
        Some((name, factor)) => format!("{}{name}", number / factor),
        None => number.to_string(),
    }
}

/// So many seconds.
pub(super) const fn seconds(number: u64) -> Duration {
    Duration::from_secs(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(kind: Kind, text: &str, expected: Result<u64, &str>) {
        match (kind.number(text), expected) {
            (Err(told), Err(part)) => assert!(told.contains(part), "{told}"),
            (got, expected) => assert_eq!(got.as_ref().ok(), expected.as_ref().ok(), "{text}: {got:?}"),
        }
    }

    #[test]
    fn numbers_have_units_and_bounds() {
        let span = Kind::Span(1, 3600);
        check(span, "30s", Ok(30));
        check(span, " 5 m ", Ok(300));
        check(span, "1h", Ok(3600));
        check(span, "30", Ok(30));
        check(span, "2h", Err("1s to 1h"));
        check(span, "0", Err("1s to 1h"));
        for wrong in ["", "s", "-1s", "1.5s", "1 week", "99999999999999999999s", "18446744073709551615d"] {
            check(span, wrong, Err("such as 30s"));
        }
        let size = Kind::Size(1024, 1 << 30);
        check(size, "1MiB", Ok(1 << 20));
        check(size, "1mib", Ok(1 << 20));
        check(size, "2048", Ok(2048));
        check(size, "1KiB", Ok(1024));
        check(size, "1", Err("1KiB to 1GiB"));
        check(size, "1MB", Err("such as 512KiB"));
        let count = Kind::Count(1, 10);
        check(count, "10", Ok(10));
        check(count, "11", Err("1 to 10"));
        check(count, "1s", Err("number"));
    }

    #[test]
    fn bounds_are_told_in_units() {
        assert_eq!(
            (span_text(90), span_text(7200), span_text(0)),
            ("90s".to_owned(), "2h".to_owned(), "0".to_owned())
        );
        assert_eq!((size_text(1536), size_text(1 << 20)), ("1536B".to_owned(), "1MiB".to_owned()));
    }
}
