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

    /// As it is printed: RFC 3339 in UTC with milliseconds. Every answer has two, so they are not formatted.
    pub(crate) fn text(self) -> [u8; 24] {
        let moment = OffsetDateTime::from_unix_timestamp(self.0.div_euclid(1000))
            .unwrap_or(OffsetDateTime::UNIX_EPOCH);
        let (date, time) = (moment.date(), moment.time());
        let mut text = *b"0000-00-00T00:00:00.000Z";
        let parts = [
            (0..4, date.year().unsigned_abs()),
            (5..7, u8::from(date.month()).into()),
            (8..10, date.day().into()),
            (11..13, time.hour().into()),
            (14..16, time.minute().into()),
            (17..19, time.second().into()),
            (20..23, u32::try_from(self.0.rem_euclid(1000)).unwrap_or_default()),
        ];
        for (place, number) in parts {
            let mut rest = number;
            for digit in text.get_mut(place).into_iter().flatten().rev() {
                *digit += u8::try_from(rest % 10).unwrap_or_default();
                rest /= 10;
            }
        }
        text
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
    }
}
