//! Instants: xsd:dateTime values (RFC 7643 §2.3.5) and the server's own time stamps.

use serde::{Deserialize, Serialize};
use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, PrimitiveDateTime, UtcOffset};

/// A moment, to the nanosecond, of the years 0000 to 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(OffsetDateTime);

impl Instant {
    /// Reads an xsd:dateTime. A missing time zone means UTC; `24:00:00` and leap seconds are not accepted.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let moment = OffsetDateTime::parse(text, &Rfc3339).ok().or_else(|| {
            let zoneless = time::macros::format_description!(
                "[year]-[month]-[day]T[hour]:[minute]:[second][optional [.[subsecond]]]"
            );
            PrimitiveDateTime::parse(text, zoneless).ok().map(PrimitiveDateTime::assume_utc)
        })?;
        let utc = moment.checked_to_offset(UtcOffset::UTC)?;
        (0..=9999).contains(&utc.year()).then_some(Self(utc))
    }

    /// The key that stands for the instant in comparisons and in storage: UTC with nine decimals, of constant width, so
    /// that keys order as instants do.
    #[must_use]
    pub fn key(self) -> String {
        let (date, time) = (self.0.date(), self.0.time());
        format!(
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:09}Z",
            date.year(),
            u8::from(date.month()),
            date.day(),
            time.hour(),
            time.minute(),
            time.second(),
            time.nanosecond()
        )
    }

    /// Nanoseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub fn unix_nanos(self) -> i128 {
        self.0.unix_timestamp_nanos()
    }
}

/// A time stamp of the server's own (`meta.created`, `meta.lastModified`): milliseconds since 1970-01-01T00:00:00Z.
/// As JSON that number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "i64", into = "i64")]
pub struct Timestamp(i64);

impl Timestamp {
    /// The latest one that can be written: 9999-12-31T23:59:59.999Z.
    pub const MAX: Self = Self(253_402_300_799_999);

    /// From milliseconds since the epoch; clamped to the years 1970 to 9999.
    #[must_use]
    pub const fn from_unix_millis(millis: i64) -> Self {
        if millis < 0 {
            Self(0)
        } else if millis > Self::MAX.0 {
            Self::MAX
        } else {
            Self(millis)
        }
    }

    /// Milliseconds since the epoch.
    #[must_use]
    pub const fn unix_millis(self) -> i64 {
        self.0
    }

    /// As it is printed: RFC 3339 in UTC with milliseconds. Every answer has two, and a page two for each resource, so the digits are
    /// put in place without the formatting machinery.
    pub(crate) fn text(self) -> [u8; 24] {
        let moment =
            OffsetDateTime::from_unix_timestamp(self.0 / 1_000).unwrap_or(OffsetDateTime::UNIX_EPOCH);
        let (year, month, day) = moment.to_calendar_date();
        let (hour, minute, second) = moment.to_hms();
        let (year, milli) = (year.unsigned_abs(), self.0.unsigned_abs() % 1_000);
        let [month, day, hour, minute, second] = [u8::from(month), day, hour, minute, second].map(u32::from);
        let milli = u32::try_from(milli).unwrap_or_default();
        let digit = |number: u32| b'0' + u8::try_from(number % 10).unwrap_or_default();
        [
            digit(year / 1_000),
            digit(year / 100),
            digit(year / 10),
            digit(year),
            b'-',
            digit(month / 10),
            digit(month),
            b'-',
            digit(day / 10),
            digit(day),
            b'T',
            digit(hour / 10),
            digit(hour),
            b':',
            digit(minute / 10),
            digit(minute),
            b':',
            digit(second / 10),
            digit(second),
            b'.',
            digit(milli / 100),
            digit(milli / 10),
            digit(milli),
            b'Z',
        ]
    }

    /// Later by so many milliseconds.
    #[must_use]
    pub const fn plus_millis(self, millis: i64) -> Self {
        Self::from_unix_millis(self.0.saturating_add(millis))
    }
}

impl From<i64> for Timestamp {
    fn from(millis: i64) -> Self {
        Self::from_unix_millis(millis)
    }
}

impl From<Timestamp> for i64 {
    fn from(stamp: Timestamp) -> Self {
        stamp.0
    }
}

/// RFC 3339 in UTC with milliseconds: `2026-11-21T04:17:27.120Z`.
impl std::fmt::Display for Timestamp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(std::str::from_utf8(&self.text()).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(left: &str, right: &str, order: std::cmp::Ordering) {
        let (left, right) = (Instant::parse(left).expect(left), Instant::parse(right).expect(right));
        assert_eq!(left.cmp(&right), order);
        assert_eq!(left.key().cmp(&right.key()), order);
    }

    #[test]
    fn instants_compare_across_zones_and_fractions() {
        check("2011-05-13T04:42:34Z", "2011-05-13T06:42:34+02:00", std::cmp::Ordering::Equal);
        check("2011-05-13T04:42:34", "2011-05-13T04:42:34.000Z", std::cmp::Ordering::Equal);
        check("2011-05-13T04:42:34.1Z", "2011-05-13T04:42:34.09Z", std::cmp::Ordering::Greater);
        check("0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999999Z", std::cmp::Ordering::Less);
        for wrong in ["", "2011-05-13", "yesterday", "2011-13-13T00:00:00Z", "2011-05-13 04:42:34Z "] {
            assert_eq!(Instant::parse(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn time_stamps_print_and_read_back() {
        let stamp = Timestamp::from_unix_millis(1_763_698_647_012);
        assert_eq!(stamp.to_string(), "2025-11-21T04:17:27.012Z");
        assert_eq!(
            Instant::parse(&stamp.to_string()).map(Instant::unix_nanos),
            Some(i128::from(stamp.unix_millis()) * 1_000_000)
        );
        assert_eq!(Timestamp::from_unix_millis(i64::MAX).to_string(), "9999-12-31T23:59:59.999Z");
        // Days of the years 1970 to 9999, as a calendar has them.
        for day in (0..160_000).chain((160_000..=Timestamp::MAX.0 / 86_400_000).step_by(61)) {
            let stamp = Timestamp::from_unix_millis(day * 86_400_000 + day * 7_919 % 86_400_000);
            let parsed = Instant::parse(&stamp.to_string()).expect("an instant");
            assert_eq!(parsed.unix_nanos(), i128::from(stamp.unix_millis()) * 1_000_000, "{stamp}");
        }
    }
}
