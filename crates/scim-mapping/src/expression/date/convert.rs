//! Reads dates without being told their format: what `CDate` and `NumFromDate` take.

use time::{Date, Duration, Month, OffsetDateTime, Time, UtcOffset};

use super::Fault;
use super::names::{DAYS, MONTHS};

/// The largest offset from UTC that .NET takes, in minutes.
const MAX_OFFSET: i64 = 14 * 60;

/// Reads a date as `CDate` does. Promised are ISO 8601 (`2024-11-05`, `2024-11-05T23:15:10.5+05:30`, also with a blank in
/// place of `T`), a date with an offset (`2024-11-05+02:00`) and `M/d/yyyy [h:mm[:ss] tt]`; understood as .NET does in
/// the invariant culture are also `yyyy/M/d`, points or hyphens in place of slashes, `yyyy-MM`, and month names
/// (`5 Nov 2024`, `November 5, 2024`, `Tue, 05 Nov 2024 23:15:10 GMT`). Without an offset it is UTC. A time without a
/// date, and a date without a year, are not understood: they would depend on the day.
///
/// # Errors
///
/// [`Fault::Date`] for any other text, and for a date that does not exist.
pub fn convert(text: &str) -> Result<OffsetDateTime, Fault> {
    let found = || {
        let mut reader = Reader { rest: text.trim() };
        let date = reader.date()?;
        reader.rest_of(date, false)
    };
    found().ok_or_else(|| {
        Fault::Date(
            "the text is not a date; write one such as \"2024-11-05\" or \"2024-11-05T23:15:10+01:00\""
                .to_owned(),
        )
    })
}

/// Reads an ISO 8601 date, with or without time and offset; `T` may be a blank. Without an offset it is UTC.
///
/// # Errors
///
/// [`Fault::Date`] for any other text, and for a date that does not exist.
pub fn iso(text: &str) -> Result<OffsetDateTime, Fault> {
    let found = || {
        let mut reader = Reader { rest: text.trim() };
        let year = reader.exactly(4)?;
        reader.skip('-')?;
        let month = reader.exactly(2)?;
        reader.skip('-')?;
        let day = reader.exactly(2)?;
        reader.rest_of(calendar(year, month, day)?, true)
    };
    found().ok_or_else(|| {
        Fault::Date(
            "the text is not an ISO 8601 date; write one such as \"2024-11-05T23:15:10+01:00\"".to_owned(),
        )
    })
}

fn calendar(year: u32, month: u32, day: u32) -> Option<Date> {
    let year = i32::try_from(year).ok().filter(|year| (1..=9999).contains(year))?;
    let month = Month::try_from(u8::try_from(month).ok()?).ok()?;
    Date::from_calendar_date(year, month, u8::try_from(day).ok()?).ok()
}

struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    fn skip(&mut self, character: char) -> Option<()> {
        self.rest = self.rest.strip_prefix(character)?;
        Some(())
    }

    fn skip_any(&mut self, characters: &[char]) -> Option<char> {
        let first = self.rest.chars().next().filter(|first| characters.contains(first))?;
        self.skip(first)?;
        Some(first)
    }

    fn blanks(&mut self) -> bool {
        let before = self.rest.len();
        self.rest = self.rest.trim_start();
        self.rest.len() < before
    }

    /// All digits that follow, and how many they are.
    fn digits(&mut self) -> Option<(u32, usize)> {
        let length = self.rest.bytes().take_while(u8::is_ascii_digit).count();
        let (digits, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some((digits.parse().ok()?, length))
    }

    fn exactly(&mut self, count: usize) -> Option<u32> {
        self.digits().filter(|(_, length)| *length == count).map(|(number, _)| number)
    }

    /// One or two digits.
    fn short(&mut self) -> Option<u32> {
        self.digits().filter(|(_, length)| *length <= 2).map(|(number, _)| number)
    }

    /// All letters that follow.
    fn word(&mut self) -> &'a str {
        let length = self.rest.bytes().take_while(u8::is_ascii_alphabetic).count();
        let (word, rest) = self.rest.split_at(length);
        self.rest = rest;
        word
    }

    /// A date in any of the forms, without its time.
    fn date(&mut self) -> Option<Date> {
        let before = self.rest;
        let word = self.word();
        let weekday = if word.is_empty() { None } else { named(&DAYS, word) };
        match weekday {
            Some(_) => {
                self.skip_any(&[',']);
                self.blanks();
            }
            None => self.rest = before,
        }
        let date = if self.rest.starts_with(|first: char| first.is_ascii_alphabetic()) {
            self.month_first()?
        } else {
            self.number_first()?
        };
        match weekday {
            Some(weekday) if weekday != u32::from(date.weekday().number_days_from_sunday()) => None,
            _ => Some(date),
        }
    }

    /// `November 5, 2024`, `Nov 2024`.
    fn month_first(&mut self) -> Option<Date> {
        let month = named(&MONTHS, self.word())? + 1;
        self.between();
        let (number, length) = self.digits()?;
        if length > 2 {
            return calendar(year(number, length)?, month, 1);
        }
        self.skip_any(&[',']);
        self.between();
        let (second, length) = self.digits()?;
        calendar(year(second, length)?, month, number)
    }

    /// `2024-11-05`, `11/5/2024`, `5 Nov 2024`, `2024-11`.
    fn number_first(&mut self) -> Option<Date> {
        let (first, length) = self.digits()?;
        let separator = self.skip_any(&['-', '/', '.']);
        let blank = self.blanks();
        if self.rest.starts_with(|next: char| next.is_ascii_alphabetic()) && (separator.is_some() || blank) {
            let month = named(&MONTHS, self.word())? + 1;
            self.skip_any(&[',', '-', '/', '.']);
            self.blanks();
            let (second, second_length) = self.digits()?;
            return if length > 2 {
                calendar(year(first, length)?, month, second)
            } else {
                calendar(year(second, second_length)?, month, first)
            };
        }
        let separator = separator.filter(|_| !blank)?;
        let (second, second_length) = self.digits()?;
        if second_length > 2 {
            // `11/2024`
            let month = Some(first).filter(|_| length <= 2)?;
            return calendar(year(second, second_length)?, month, 1);
        }
        // What stands after a month of a year may be a day or the sign of an offset: `2024-11-05` is a day.
        if length > 2 && (!self.rest.starts_with(separator) || !self.day_follows()) {
            return calendar(year(first, length)?, second, 1);
        }
        self.skip(separator)?;
        let (third, third_length) = self.digits()?;
        if length > 2 {
            return Some(third)
                .filter(|_| third_length <= 2)
                .and_then(|day| calendar(year(first, length)?, second, day));
        }
        calendar(year(third, third_length)?, first, second)
    }

    /// Whether a separator, digits and no colon follow.
    fn day_follows(&self) -> bool {
        let mut after = self.rest.chars();
        after.next();
        let digits = after.as_str().trim_start_matches(|digit: char| digit.is_ascii_digit());
        digits.len() < after.as_str().len() && !digits.starts_with(':')
    }

    /// What may stand between the parts of a date with a month's name.
    fn between(&mut self) {
        self.skip_any(&['-', '/', '.']);
        self.blanks();
    }

    /// Reads time and offset, up to the end of the text.
    fn rest_of(&mut self, date: Date, only_iso: bool) -> Option<OffsetDateTime> {
        let mut time = Time::MIDNIGHT;
        let mut carry = Duration::ZERO;
        let marked = self.skip_any(&['T', 't']).is_some();
        let blank = !marked && {
            self.skip_any(&[',']);
            self.blanks()
        };
        if marked || (blank && self.rest.starts_with(|next: char| next.is_ascii_digit())) {
            (time, carry) = self.time(only_iso)?;
        }
        let offset = self.offset()?;
        if !self.rest.is_empty() {
            return None;
        }
        OffsetDateTime::new_in_offset(date, time, UtcOffset::UTC)
            .checked_add(carry)?
            .checked_sub(Duration::minutes(offset))
            .filter(|instant| (1..=9999).contains(&instant.year()))
    }

    /// A time of day, and what its fraction adds when it is rounded up.
    fn time(&mut self, only_iso: bool) -> Option<(Time, Duration)> {
        let mut hour = self.short()?;
        let mut minute = 0;
        let mut second = 0;
        let mut carry = Duration::ZERO;
        let has_minute = self.skip(':').is_some();
        if has_minute {
            minute = self.short()?;
            if self.skip(':').is_some() {
                second = self.short()?;
                if self.skip_any(&['.', ',']).is_some() {
                    carry = self.fraction()?;
                }
            }
        }
        let before = self.rest;
        self.blanks();
        let designator = self.word();
        match designator.to_ascii_uppercase().as_str() {
            afternoon @ ("AM" | "A" | "PM" | "P") if !only_iso && hour <= 12 => {
                hour = hour % 12 + if afternoon.starts_with('P') { 12 } else { 0 };
            }
            _ => {
                // A time of hours alone needs AM or PM.
                has_minute.then_some(())?;
                self.rest = before;
            }
        }
        let byte = |number: u32| u8::try_from(number).ok();
        Some((Time::from_hms(byte(hour)?, byte(minute)?, byte(second)?).ok()?, carry))
    }

    /// The digits of a fraction of a second, rounded to 100 nanoseconds.
    fn fraction(&mut self) -> Option<Duration> {
        let length = self.rest.bytes().take_while(u8::is_ascii_digit).count();
        let (digits, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        let mut ticks = 0;
        let mut scale = 1_000_000;
        for digit in digits.bytes().take(7) {
            ticks += i64::from(digit - b'0') * scale;
            scale /= 10;
        }
        if digits.as_bytes().get(7).is_some_and(|digit| *digit >= b'5') {
            ticks += 1;
        }
        (length > 0).then(|| Duration::nanoseconds(ticks * 100))
    }

    /// `Z`, `GMT`, `+hh:mm`, `+hhmm`, `+hh` or nothing, in minutes east of UTC.
    fn offset(&mut self) -> Option<i64> {
        self.blanks();
        let Some(sign) = self.skip_any(&['+', '-']) else {
            let word = self.word();
            return (["", "Z", "GMT"].iter().any(|name| name.eq_ignore_ascii_case(word))).then_some(0);
        };
        let (number, length) = self.digits()?;
        let (hours, minutes) = match length {
            1 | 2 if self.skip(':').is_some() => (number, self.exactly(2)?),
            1 | 2 => (number, 0),
            3 | 4 => (number / 100, number % 100),
            _ => return None,
        };
        let offset = i64::from(hours) * 60 + i64::from(minutes);
        let sign = if sign == '-' { -1 } else { 1 };
        (minutes < 60 && offset <= MAX_OFFSET).then_some(sign * offset)
    }
}

/// A year of three or four digits as it is, one of two digits in the hundred years up to 2049.
fn year(number: u32, digits: usize) -> Option<u32> {
    match (digits, number) {
        (1 | 2, 0..=49) => Some(2000 + number),
        (1 | 2, _) => Some(1900 + number),
        (3 | 4, _) => Some(number),
        _ => None,
    }
}

/// The index of a full or abbreviated name, in any letter case.
fn named(names: &[&str], word: &str) -> Option<u32> {
    (0..).zip(names).find_map(|(index, name)| {
        let short = name.get(..3).is_some_and(|short| short.eq_ignore_ascii_case(word));
        (short || name.eq_ignore_ascii_case(word)).then_some(index)
    })
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[track_caller]
    fn check(text: &str, expected: impl Into<Option<OffsetDateTime>>) {
        assert_eq!(convert(text).ok(), expected.into(), "{text:?}");
    }

    #[test]
    fn the_promised_forms() {
        check("2024-11-05-06:00", datetime!(2024-11-05 6:00 UTC));
        check("2024-11-05+02:00", datetime!(2024-11-04 22:00 UTC));
        check("2024-11-05T23:15:10+05:30", datetime!(2024-11-05 17:45:10 UTC));
        check("2024-11-05T23:15:10Z", datetime!(2024-11-05 23:15:10 UTC));
        check("2024-11-05 23:15:10-05:00", datetime!(2024-11-06 4:15:10 UTC));
        check("2024-11-05T23:15", datetime!(2024-11-05 23:15 UTC));
        check("2024-11-05T23:15:10.25Z", datetime!(2024-11-05 23:15:10.25 UTC));
        check("2024-11-05T23:59:59.99999995Z", datetime!(2024-11-06 0:00 UTC));
        check("2024-11-05Z", datetime!(2024-11-05 0:00 UTC));
        check("2024-02-29", datetime!(2024-02-29 0:00 UTC));
        check(" 2024-02-29 ", datetime!(2024-02-29 0:00 UTC));
        check("12/9/2025 1:02:03 PM", datetime!(2025-12-09 13:02:03 UTC));
        check("12/9/2025 12:02 am", datetime!(2025-12-09 0:02 UTC));
        check("12/09/2025", datetime!(2025-12-09 0:00 UTC));
        check("3/16/2020 7:00:00 AM", datetime!(2020-03-16 7:00 UTC));
        check("9999-12-31", datetime!(9999-12-31 0:00 UTC));
    }

    #[test]
    fn what_else_dotnet_reads() {
        check("12/9/2025 13:02", datetime!(2025-12-09 13:02 UTC));
        check("12/9/2025 1 PM", datetime!(2025-12-09 13:00 UTC));
        check("12/9/25", datetime!(2025-12-09 0:00 UTC));
        check("12.31.2025", datetime!(2025-12-31 0:00 UTC));
        check("12-31-2025", datetime!(2025-12-31 0:00 UTC));
        check("2025/1/5", datetime!(2025-01-05 0:00 UTC));
        check("2025-1-5", datetime!(2025-01-05 0:00 UTC));
        check("2025-11", datetime!(2025-11-01 0:00 UTC));
        check("11/2025", datetime!(2025-11-01 0:00 UTC));
        check("5 Nov 2024", datetime!(2024-11-05 0:00 UTC));
        check("5-nov-24", datetime!(2024-11-05 0:00 UTC));
        check("November 5, 2024", datetime!(2024-11-05 0:00 UTC));
        check("Nov 2024", datetime!(2024-11-01 0:00 UTC));
        check("Tue, 05 Nov 2024 23:15:10 GMT", datetime!(2024-11-05 23:15:10 UTC));
        check("Tuesday, November 5, 2024 11:15:10 PM", datetime!(2024-11-05 23:15:10 UTC));
        check("2024-11-05T23:15:10 +0530", datetime!(2024-11-05 17:45:10 UTC));
        check("2024-11-05T23:15:10+05", datetime!(2024-11-05 18:15:10 UTC));
    }

    #[test]
    fn what_is_no_date() {
        for text in [
            "",
            "soon",
            "n/a",
            "2023-02-29",
            "31.12.2025",
            "31/12/2025",
            "2024-13-01",
            "2024-11-05T25:00",
            "2024-11-05T10:60",
            "2024-11-05T",
            "2024-11-05T10:00 XX",
            "2024-11-05 10",
            "2024-11-05+15:00",
            "2024-11-05+02:60",
            "12/9/2025 13:02 PM 1",
            "10:30",
            "20240131",
            "0000-01-01",
            "0001-01-01+02:00",
            "9999-12-31T23:59:59-02:00",
            "Mon, 05 Nov 2024",
            "2024-11-05-",
            "٢٠٢٤-11-05",
            "99999999999999999999-01-01",
        ] {
            check(text, None);
        }
    }

    #[test]
    fn iso_only() {
        let check =
            |text: &str, expected: Option<OffsetDateTime>| assert_eq!(iso(text).ok(), expected, "{text:?}");
        check("2024-01-01T00:00:00Z", Some(datetime!(2024-01-01 0:00 UTC)));
        check("2025-12-31 23:59:59-05:00", Some(datetime!(2026-01-01 4:59:59 UTC)));
        check("2025-12-31T23:59:59", Some(datetime!(2025-12-31 23:59:59 UTC)));
        check("2025-12-31", Some(datetime!(2025-12-31 0:00 UTC)));
        check("31.12.2025", None);
        check("12/31/2025", None);
        check("2025-12-31 11:59:59 PM", None);
        check("2025-1-1", None);
    }
}
