//! `DateAdd` and `DateDiff`.

use time::{Date, Duration, Month, OffsetDateTime, UtcOffset};

use super::{Fault, in_range};

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Interval {
    /// `yyyy`
    Year,
    /// `q`: three months.
    Quarter,
    /// `m`
    Month,
    /// `d`, and `y` (day of the year).
    Day,
    /// `w`: in `DateAdd` a day, in `DateDiff` seven days, as in VB.NET.
    Weekday,
    /// `ww`: seven days in `DateAdd`, Sundays in `DateDiff`.
    Week,
    /// `h`
    Hour,
    /// `n`
    Minute,
    /// `s`
    Second,
}

impl Interval {
    /// Reads `yyyy`, `q`, `m`, `y`, `d`, `w`, `ww`, `h`, `n` or `s`, in any letter case.
    ///
    /// # Errors
    ///
    /// [`Fault::Argument`] for any other text.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        Ok(match text.to_ascii_lowercase().as_str() {
            "yyyy" => Self::Year,
            "q" => Self::Quarter,
            "m" => Self::Month,
            "d" | "y" => Self::Day,
            "w" => Self::Weekday,
            "ww" => Self::Week,
            "h" => Self::Hour,
            "n" => Self::Minute,
            "s" => Self::Second,
            _ => {
                return Err(Fault::Argument(format!(
                    "{text:?} is not an interval; write yyyy (year), m (month), ww (week), d (day), h (hour), n (minute) or s (second)"
                )));
            }
        })
    }
}

/// The instant that many intervals later (earlier where `count` is negative), in UTC. Where a month has no such day, its
/// last one is meant: a month after 31 January is 28 or 29 February.
///
/// # Errors
///
/// [`Fault::Range`] if the result is outside the years 1 to 9999.
pub fn add(interval: Interval, count: i64, instant: OffsetDateTime) -> Result<OffsetDateTime, Fault> {
    let utc = in_range(Some(instant))?;
    let months = |each: i64| count.checked_mul(each).and_then(|months| add_months(utc, months));
    let seconds =
        |each: i64| count.checked_mul(each).and_then(|seconds| utc.checked_add(Duration::seconds(seconds)));
    in_range(match interval {
        Interval::Year => months(12),
        Interval::Quarter => months(3),
        Interval::Month => months(1),
        Interval::Week => seconds(7 * 86_400),
        Interval::Day | Interval::Weekday => seconds(86_400),
        Interval::Hour => seconds(3_600),
        Interval::Minute => seconds(60),
        Interval::Second => seconds(1),
    })
}

fn add_months(instant: OffsetDateTime, months: i64) -> Option<OffsetDateTime> {
    let count = month_number(instant).checked_add(months)?;
    let year = i32::try_from(count.div_euclid(12)).ok()?;
    let month = Month::try_from(u8::try_from(count.rem_euclid(12) + 1).ok()?).ok()?;
    let day = instant.day().min(month.length(year));
    Some(instant.replace_date(Date::from_calendar_date(year, month, day).ok()?))
}

/// Months since the beginning of the year 0.
fn month_number(instant: OffsetDateTime) -> i64 {
    i64::from(instant.year()) * 12 + i64::from(u8::from(instant.month())) - 1
}

/// How many intervals there are from `from` to `to`; negative if `to` is earlier. Years, quarters and months are
/// differences of their numbers (one year from 31 December to 1 January), weeks are the Sundays that are crossed, all
/// others whole units of the time between, cut towards zero. Both are taken in UTC.
#[must_use]
pub fn diff(interval: Interval, from: OffsetDateTime, to: OffsetDateTime) -> i64 {
    let (from, to) = (from.to_offset(UtcOffset::UTC), to.to_offset(UtcOffset::UTC));
    let seconds = (to - from).whole_seconds();
    match interval {
        Interval::Year => i64::from(to.year()) - i64::from(from.year()),
        Interval::Quarter => month_number(to).div_euclid(3) - month_number(from).div_euclid(3),
        Interval::Month => month_number(to) - month_number(from),
        Interval::Week => week_number(to) - week_number(from),
        Interval::Weekday => seconds / (7 * 86_400),
        Interval::Day => seconds / 86_400,
        Interval::Hour => seconds / 3_600,
        Interval::Minute => seconds / 60,
        Interval::Second => seconds,
    }
}

/// Weeks, from Sunday on, since a day long ago.
fn week_number(instant: OffsetDateTime) -> i64 {
    // Day 0 of the Julian count is a Monday.
    (i64::from(instant.date().to_julian_day()) + 1).div_euclid(7)
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[track_caller]
    fn check_add(interval: &str, count: i64, instant: OffsetDateTime, expected: Option<OffsetDateTime>) {
        let result = Interval::parse(interval).and_then(|interval| add(interval, count, instant));
        assert_eq!(result.ok(), expected, "{interval} {count} {instant}");
    }

    #[test]
    fn dates_are_added_to() {
        let january = datetime!(2025-01-31 20:00 UTC);
        check_add("d", 10, datetime!(2024-12-25 5:00 UTC), Some(datetime!(2025-01-04 5:00 UTC)));
        check_add("D", -1, datetime!(2024-03-01 0:00 UTC), Some(datetime!(2024-02-29 0:00 UTC)));
        check_add("y", 1, january, Some(datetime!(2025-02-01 20:00 UTC)));
        check_add("w", 1, january, Some(datetime!(2025-02-01 20:00 UTC)));
        check_add("ww", 3, datetime!(2025-01-01 0:00 UTC), Some(datetime!(2025-01-22 0:00 UTC)));
        check_add("m", 1, january, Some(datetime!(2025-02-28 20:00 UTC)));
        check_add("q", 1, january, Some(datetime!(2025-04-30 20:00 UTC)));
        check_add("m", -14, datetime!(2025-01-15 0:00 UTC), Some(datetime!(2023-11-15 0:00 UTC)));
        check_add("yyyy", 5, datetime!(2020-02-29 0:00 UTC), Some(datetime!(2025-02-28 0:00 UTC)));
        check_add("h", 30, datetime!(2025-06-01 20:00 UTC), Some(datetime!(2025-06-03 2:00 UTC)));
        check_add("n", 90, datetime!(2025-06-01 23:00 UTC), Some(datetime!(2025-06-02 0:30 UTC)));
        check_add("s", -1, datetime!(2025-06-01 0:00 UTC), Some(datetime!(2025-05-31 23:59:59 UTC)));
        check_add("h", 0, datetime!(2025-06-01 1:00 +2), Some(datetime!(2025-05-31 23:00 UTC)));
        check_add("fortnight", 1, january, None);
        check_add("", 1, january, None);
        for interval in ["yyyy", "q", "m", "d", "w", "ww", "h", "n", "s"] {
            check_add(interval, i64::MAX, january, None);
            check_add(interval, i64::MIN, january, None);
        }
        check_add("d", 1, datetime!(9999-12-31 0:00 UTC), None);
        check_add("d", -1, datetime!(0001-01-01 0:00 UTC), None);
        check_add("yyyy", -2025, january, None);
    }

    #[track_caller]
    fn check_diff(interval: &str, from: OffsetDateTime, to: OffsetDateTime, expected: i64) {
        let interval = Interval::parse(interval).unwrap();
        assert_eq!(diff(interval, from, to), expected, "{interval:?} {from} {to}");
    }

    #[test]
    fn differences_have_a_sign() {
        let now = datetime!(2026-03-10 9:30 UTC);
        check_diff("d", now, datetime!(2026-03-20 0:00 UTC), 9);
        check_diff("d", now, datetime!(2026-03-20 9:30 UTC), 10);
        check_diff("d", datetime!(2026-01-10 0:00 UTC), datetime!(2026-01-01 0:00 UTC), -9);
        check_diff("d", now, datetime!(2026-03-10 9:29:59 UTC), 0);
        check_diff("m", datetime!(2025-11-30 0:00 UTC), datetime!(2026-02-01 0:00 UTC), 3);
        check_diff("q", datetime!(2025-12-31 0:00 UTC), datetime!(2026-04-01 0:00 UTC), 2);
        check_diff("yyyy", datetime!(2025-12-31 0:00 UTC), datetime!(2026-01-01 0:00 UTC), 1);
        check_diff("yyyy", datetime!(2026-01-01 0:00 UTC), datetime!(2019-06-01 0:00 UTC), -7);
        check_diff("ww", datetime!(2026-03-06 0:00 UTC), datetime!(2026-03-09 0:00 UTC), 1);
        check_diff("ww", datetime!(2026-03-07 23:59 UTC), datetime!(2026-03-08 0:00 UTC), 1);
        check_diff("ww", datetime!(2026-03-08 0:00 UTC), datetime!(2026-03-14 23:59 UTC), 0);
        check_diff("ww", datetime!(2026-03-09 0:00 UTC), datetime!(2026-03-06 0:00 UTC), -1);
        check_diff("ww", datetime!(2026-03-02 0:00 UTC), datetime!(2026-03-16 0:00 UTC), 2);
        check_diff("w", datetime!(2026-03-02 0:00 UTC), datetime!(2026-03-15 0:00 UTC), 1);
        check_diff("h", datetime!(2026-03-09 0:00 UTC), datetime!(2026-03-10 6:00 UTC), 30);
        check_diff("n", datetime!(2026-03-10 0:00 UTC), datetime!(2026-03-09 0:00 UTC), -1440);
        check_diff("s", datetime!(2026-03-10 0:00 UTC), datetime!(2026-03-10 0:01:05 UTC), 65);
        check_diff("s", datetime!(2026-03-10 0:00:00.9 UTC), datetime!(2026-03-10 0:00:00 UTC), 0);
    }
}
