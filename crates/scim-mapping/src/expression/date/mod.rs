//! Dates and times as .NET reads, writes and computes them in the invariant culture.
//!
//! The functions of the expression language (`CDate`, `DateAdd`, `DateDiff`, `FormatDateTime`, `DateFromNum`,
//! `NumFromDate`) are thin covers of what is here. Local time is UTC: the documented service runs on it. There is no
//! clock; where .NET would look at one (a time without a date), the caller says what day it is. Deliberately absent:
//! other cultures, calendars but the Gregorian, time zone names but `Z` and `GMT`.

mod arithmetic;
mod convert;
mod file_time;
mod format;
mod names;
mod parse_exact;
mod styles;

use time::{OffsetDateTime, UtcOffset};

pub use arithmetic::{Interval, add, diff};
pub use convert::{convert, iso};
pub use file_time::{from_file_time, to_file_time};
pub use format::{format, to_text};
pub use parse_exact::parse_exact;
pub use styles::Styles;

use super::fault::Fault;

/// What a date was said to be relative to; only the format `K` shows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Nothing was said; `K` writes nothing.
    #[default]
    Unspecified,
    /// UTC; `K` writes `Z`.
    Utc,
    /// Local time, which is UTC as well; `K` writes `+00:00`.
    Local,
}

/// An instant with its [`Kind`], as .NET's `DateTime`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Moment {
    /// The instant, in UTC.
    pub instant: OffsetDateTime,
    /// What the text that it was read from said of its zone.
    pub kind: Kind,
}

impl From<OffsetDateTime> for Moment {
    /// An instant that was not read from text is in UTC.
    fn from(instant: OffsetDateTime) -> Self {
        Self { instant: instant.to_offset(UtcOffset::UTC), kind: Kind::Utc }
    }
}

/// The instant in UTC, if its year is between 1 and 9999 there.
fn in_range(instant: Option<OffsetDateTime>) -> Result<OffsetDateTime, Fault> {
    instant
        .and_then(|instant| instant.checked_to_offset(UtcOffset::UTC))
        .filter(|instant| (1..=9999).contains(&instant.year()))
        .ok_or_else(|| Fault::Range("the date would be outside the years 1 to 9999".to_owned()))
}

#[cfg(test)]
mod properties;
