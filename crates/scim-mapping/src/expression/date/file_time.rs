//! `DateFromNum` and `NumFromDate`: the time stamps of Active Directory, in steps of 100 nanoseconds since 1601-01-01 UTC.

use time::{Duration, OffsetDateTime, macros::datetime};

use super::{Fault, in_range};

const EPOCH: OffsetDateTime = datetime!(1601-01-01 0:00 UTC);

/// The instant of a file time.
///
/// # Errors
///
/// [`Fault::Range`] if it is negative, or beyond the year 9999 (as the value that means "never" is).
pub fn from_file_time(file_time: i64) -> Result<OffsetDateTime, Fault> {
    if file_time < 0 {
        return Err(Fault::Range("a file time is not negative".to_owned()));
    }
    let nanoseconds = i32::try_from(file_time % 10_000_000 * 100).unwrap_or_default();
    in_range(EPOCH.checked_add(Duration::new(file_time / 10_000_000, nanoseconds)))
}

/// The file time of an instant, cut to whole steps.
///
/// # Errors
///
/// [`Fault::Range`] if the instant is before 1601 or after the year 9999.
pub fn to_file_time(instant: OffsetDateTime) -> Result<i64, Fault> {
    let since = in_range(Some(instant))? - EPOCH;
    if since.is_negative() {
        return Err(Fault::Range("a date before the year 1601 has no file time".to_owned()));
    }
    i64::try_from(since.whole_nanoseconds() / 100)
        .map_err(|_| Fault::Range("the date has no file time".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(file_time: i64, instant: Option<OffsetDateTime>) {
        assert_eq!(from_file_time(file_time).ok(), instant, "{file_time}");
        if let Some(instant) = instant {
            assert_eq!(to_file_time(instant), Ok(file_time), "{instant}");
        }
    }

    #[test]
    fn there_and_back() {
        check(0, Some(EPOCH));
        check(133_485_408_000_000_000, Some(datetime!(2024-01-01 0:00 UTC)));
        check(134_117_171_990_000_000, Some(datetime!(2025-12-31 23:59:59 -5)));
        check(1, Some(datetime!(1601-01-01 0:00:00.0000001 UTC)));
        check(2_650_467_743_999_999_999, Some(datetime!(9999-12-31 23:59:59.9999999 UTC)));
        check(2_650_467_744_000_000_000, None);
        check(i64::MAX, None);
        check(-1, None);
        check(i64::MIN, None);
        assert!(to_file_time(datetime!(1600-12-31 23:59:59 UTC)).is_err());
    }
}
