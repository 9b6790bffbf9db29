//! Reads dates in a given format: `DateTime.ParseExact(text, format, InvariantCulture, styles)`.

use time::{Date, Duration, Month, OffsetDateTime, Time, UtcOffset};

use super::format::quoted;
use super::names::{DAYS, MONTHS, abbreviated, bad_format, expand};
use super::{Fault, Kind, Moment, Styles};

/// Longest format that is read, in characters.
const MAX_FORMAT: usize = 1_000;
/// A year of two digits above this one is in the 20th century (.NET's `TwoDigitYearMax` is 2049).
const LAST_YEAR_OF_CENTURY: u32 = 49;
/// No offset from UTC is larger, in seconds.
const MAX_OFFSET: i32 = 14 * 3_600;

/// Reads a date in a custom or standard format (see [`format`](super::format())). `d M H h m s` take one or two digits,
/// written twice exactly two; `yyyy` four; names in any letter case; `K` a zone, or nothing. A text without a date is
/// today, without a year this year; `now` says what that is. An offset moves the instant to UTC.
///
/// # Errors
///
/// [`Fault::Date`] if the text does not follow the format, is no date, or the format is none; [`Fault::Limit`] if the
/// format is longer than 1,000 characters.
pub fn parse_exact(text: &str, format: &str, styles: Styles, now: OffsetDateTime) -> Result<Moment, Fault> {
    if format.chars().count() > MAX_FORMAT {
        return Err(Fault::Limit(format!("a date format has at most {MAX_FORMAT} characters")));
    }
    if format.is_empty() {
        return Err(bad_format(format));
    }
    let mut pattern = expand(format)?.chars().collect::<Vec<_>>();
    let mut input = text;
    if styles.contains(Styles::TRAILING_WHITE) {
        trim_end(&mut pattern);
        input = input.trim_end();
    }
    if styles.contains(Styles::LEADING_WHITE) {
        pattern.reverse();
        trim_end(&mut pattern);
        pattern.reverse();
        input = input.trim_start();
    }
    let mut reader = Reader { input, styles, fields: Fields::default() };
    if format == "U" {
        reader.fields.zone(0, true);
    }
    match reader.read(&pattern) {
        Ok(()) => {}
        Err(Mismatch::Format) => return Err(bad_format(format)),
        Err(Mismatch::Text) => return Err(mismatch(format)),
    }
    reader.fields.moment(styles, now).ok_or_else(|| mismatch(format))
}

fn mismatch(format: &str) -> Fault {
    Fault::Date(format!("the text is not a date in the format {format:?}"))
}

/// Takes blanks off the end of a format, also before a quote that ends it.
fn trim_end(pattern: &mut Vec<char>) {
    while pattern.pop_if(|last| last.is_whitespace()).is_some() {}
    if let Some(quote) = pattern.pop_if(|last| matches!(last, '\'' | '"')) {
        while pattern.pop_if(|last| last.is_whitespace()).is_some() {}
        pattern.push(quote);
    }
}

enum Mismatch {
    /// The format is none.
    Format,
    /// The text does not follow it.
    Text,
}

/// What was read so far.
#[derive(Default)]
struct Fields {
    year: Option<u32>,
    month: Option<u32>,
    day: Option<u32>,
    /// From Sunday.
    weekday: Option<u32>,
    hour: Option<u32>,
    minute: Option<u32>,
    second: Option<u32>,
    /// In units of 100 nanoseconds.
    fraction: Option<u32>,
    afternoon: Option<bool>,
    /// In seconds east of UTC.
    offset: Option<i32>,
    /// The zone was written as `Z`.
    utc: bool,
    two_digit_year: bool,
    twelve_hours: bool,
}

/// Sets a field; one that was read before must be the same.
fn set<T: PartialEq + Copy>(field: &mut Option<T>, value: T) -> Result<(), Mismatch> {
    if field.is_some_and(|before| before != value) {
        return Err(Mismatch::Text);
    }
    *field = Some(value);
    Ok(())
}

impl Fields {
    fn zone(&mut self, offset: i32, utc: bool) -> bool {
        self.utc |= utc;
        set(&mut self.offset, offset).is_ok()
    }

    fn moment(mut self, styles: Styles, now: OffsetDateTime) -> Option<Moment> {
        if self.two_digit_year
            && let Some(year) = &mut self.year
        {
            *year += match *year {
                0..=LAST_YEAR_OF_CENTURY => 2000,
                50..=99 => 1900,
                _ => return None,
            };
        }
        let date = self.date(styles, now)?;
        let time = Time::from_hms_nano(
            u8::try_from(self.hour_of_day()?).ok()?,
            u8::try_from(self.minute.unwrap_or(0)).ok()?,
            u8::try_from(self.second.unwrap_or(0)).ok()?,
            self.fraction.unwrap_or(0).checked_mul(100)?,
        )
        .ok()?;
        if self.weekday.is_some_and(|weekday| weekday != u32::from(date.weekday().number_days_from_sunday()))
        {
            return None;
        }
        let offset = self.offset.unwrap_or(0);
        if offset.abs() > MAX_OFFSET {
            return None;
        }
        let instant = OffsetDateTime::new_in_offset(date, time, UtcOffset::UTC)
            .checked_sub(Duration::seconds(i64::from(offset)))
            .filter(|instant| (1..=9999).contains(&instant.year()))?;
        Some(Moment { instant, kind: self.kind(styles) })
    }

    fn hour_of_day(&self) -> Option<u32> {
        let hour = self.hour.unwrap_or(0);
        match (self.twelve_hours, self.afternoon) {
            (true, _) if hour > 12 => None,
            (true, Some(true)) => Some(if hour == 12 { 12 } else { hour + 12 }),
            (true, _) => Some(if hour == 12 { 0 } else { hour }),
            (false, Some(afternoon)) if afternoon != (hour >= 12) => None,
            (false, _) => Some(hour),
        }
    }

    fn date(&self, styles: Styles, now: OffsetDateTime) -> Option<Date> {
        if let (None, None, None) = (self.year, self.month, self.day) {
            if styles.contains(Styles::NO_CURRENT_DATE) {
                return Date::from_calendar_date(1, Month::January, 1).ok();
            }
            return Some(now.to_offset(UtcOffset::UTC).date());
        }
        let year = match self.year {
            Some(year) => i32::try_from(year).ok()?,
            None => now.to_offset(UtcOffset::UTC).year(),
        };
        let month = Month::try_from(u8::try_from(self.month.unwrap_or(1)).ok()?).ok()?;
        if !(1..=9999).contains(&year) {
            return None;
        }
        Date::from_calendar_date(year, month, u8::try_from(self.day.unwrap_or(1)).ok()?).ok()
    }

    fn kind(&self, styles: Styles) -> Kind {
        let universal = styles.contains(Styles::ADJUST_TO_UNIVERSAL);
        if self.offset.is_none() {
            return match styles.contains(Styles::ASSUME_LOCAL) || styles.contains(Styles::ASSUME_UNIVERSAL) {
                false => Kind::Unspecified,
                true if universal => Kind::Utc,
                true => Kind::Local,
            };
        }
        if universal || (self.utc && styles.contains(Styles::ROUNDTRIP_KIND)) {
            Kind::Utc
        } else {
            Kind::Local
        }
    }
}

struct Reader<'a> {
    /// What is left of the text.
    input: &'a str,
    styles: Styles,
    fields: Fields,
}

impl Reader<'_> {
    fn read(&mut self, pattern: &[char]) -> Result<(), Mismatch> {
        let mut rest = pattern;
        while !rest.is_empty() {
            if self.styles.contains(Styles::INNER_WHITE) {
                self.skip_blanks();
            }
            let taken = self.element(rest)?;
            rest = rest.get(taken..).unwrap_or_default();
        }
        if self.input.is_empty() { Ok(()) } else { Err(Mismatch::Text) }
    }

    /// Reads what the first element of the pattern stands for, and says how many characters of the pattern that was.
    fn element(&mut self, pattern: &[char]) -> Result<usize, Mismatch> {
        let Some((&letter, after)) = pattern.split_first() else { return Ok(0) };
        let repeated = 1 + after.iter().take_while(|next| **next == letter).count();
        match letter {
            'd' | 'M' | 'y' | 'h' | 'H' | 'm' | 's' | 'f' | 'F' | 't' | 'z' | 'g' => {
                self.part(letter, repeated)?;
                return Ok(repeated);
            }
            'Z' => {
                let name =
                    ["GMT", "Z"].into_iter().find(|name| self.begins_with(name)).ok_or(Mismatch::Text)?;
                self.skip(name.len());
                if self.input.starts_with(char::is_alphabetic) {
                    return Err(Mismatch::Text);
                }
                self.zone(0, true)?;
            }
            'K' => {
                if self.literal('Z').is_ok() {
                    self.zone(0, true)?;
                } else if self.input.starts_with(['+', '-']) {
                    let offset = self.offset(3)?;
                    self.zone(offset, false)?;
                }
            }
            '\'' | '"' => {
                let (text, length) = quoted(pattern).ok_or(Mismatch::Format)?;
                for character in text.chars() {
                    if character == ' ' && self.styles.contains(Styles::INNER_WHITE) {
                        self.skip_blanks();
                    } else {
                        self.literal(character)?;
                    }
                }
                return Ok(length);
            }
            // Only keeps a format of one letter from being a standard one.
            '%' if after.first().is_none_or(|next| *next == '%') => return Err(Mismatch::Format),
            '%' => {}
            '\\' => {
                self.literal(*after.first().ok_or(Mismatch::Format)?)?;
                return Ok(2);
            }
            '.' => {
                if self.literal('.').is_err() {
                    // A point is as optional as the fraction after it.
                    let optional = after.iter().take_while(|next| **next == 'F').count();
                    return if optional > 0 { Ok(1 + optional) } else { Err(Mismatch::Text) };
                }
            }
            ' ' if self.styles.contains(Styles::INNER_WHITE) => {}
            ' ' => {
                // With outer blanks allowed, a blank may be missing before something that takes no text.
                if self.literal(' ').is_err()
                    && (!self.styles.contains(Styles::TRAILING_WHITE) || after.is_empty())
                {
                    return Err(Mismatch::Text);
                }
            }
            'G' if pattern.starts_with(&['G', 'M', 'T']) => {
                self.zone(0, false)?;
                for character in ['G', 'M', 'T'] {
                    self.literal(character)?;
                }
                return Ok(3);
            }
            other => self.literal(other)?,
        }
        Ok(1)
    }

    /// Reads one specifier that stands `count` times.
    fn part(&mut self, letter: char, count: usize) -> Result<(), Mismatch> {
        match letter {
            'y' => {
                self.fields.two_digit_year |= count <= 2;
                let year = self.digits(count)?;
                set(&mut self.fields.year, year)
            }
            'M' | 'd' if count <= 2 => {
                let value = self.digits(count)?;
                set(if letter == 'M' { &mut self.fields.month } else { &mut self.fields.day }, value)
            }
            'M' => {
                let index = self.name(&MONTHS, count == 3)?;
                set(&mut self.fields.month, index + 1)
            }
            'd' => {
                let index = self.name(&DAYS, count == 3)?;
                set(&mut self.fields.weekday, index)
            }
            'h' | 'H' | 'm' | 's' => {
                self.fields.twelve_hours |= letter == 'h';
                let value = self.digits(count.min(2))?;
                set(
                    match letter {
                        'm' => &mut self.fields.minute,
                        's' => &mut self.fields.second,
                        _ => &mut self.fields.hour,
                    },
                    value,
                )
            }
            'f' | 'F' => self.fraction(count, letter == 'f'),
            't' => self.designator(count),
            'z' => {
                let offset = self.offset(count)?;
                self.zone(offset, false)
            }
            _ => {
                let name =
                    ["A.D.", "AD"].into_iter().find(|name| self.begins_with(name)).ok_or(Mismatch::Text)?;
                self.skip(name.len());
                Ok(())
            }
        }
    }

    fn zone(&mut self, offset: i32, utc: bool) -> Result<(), Mismatch> {
        if self.fields.zone(offset, utc) { Ok(()) } else { Err(Mismatch::Text) }
    }

    fn skip_blanks(&mut self) {
        self.input = self.input.trim_start();
    }

    fn literal(&mut self, character: char) -> Result<(), Mismatch> {
        self.input = self.input.strip_prefix(character).ok_or(Mismatch::Text)?;
        Ok(())
    }

    /// Passes over so many bytes.
    fn skip(&mut self, bytes: usize) {
        self.input = self.input.get(bytes..).unwrap_or_default();
    }

    /// Whether the text begins with an ASCII word, in any letter case.
    fn begins_with(&self, word: &str) -> bool {
        self.input.get(..word.len()).is_some_and(|head| head.eq_ignore_ascii_case(word))
    }

    /// Reads exactly `count` digits; where it is 1, one or two.
    fn digits(&mut self, count: usize) -> Result<u32, Mismatch> {
        let most = count.max(2);
        let found = self.input.bytes().take(most).take_while(u8::is_ascii_digit).count();
        if found < count || count > 9 {
            return Err(Mismatch::Text);
        }
        let (digits, rest) = self.input.split_at(found);
        self.input = rest;
        digits.parse().map_err(|_| Mismatch::Text)
    }

    /// Reads the digits of a fraction: exactly `count` if it is `required`, else up to that many.
    fn fraction(&mut self, count: usize, required: bool) -> Result<(), Mismatch> {
        if count > 7 {
            return Err(Mismatch::Format);
        }
        let mut ticks = 0;
        let mut scale = 1_000_000;
        let mut found = 0_usize;
        for byte in self.input.bytes().take(count).take_while(u8::is_ascii_digit) {
            ticks += u32::from(byte - b'0') * scale;
            scale /= 10;
            found += 1;
        }
        if required && found < count {
            return Err(Mismatch::Text);
        }
        self.skip(found);
        set(&mut self.fields.fraction, ticks)
    }

    /// The index of the name that the text begins with. None of them begins with another one.
    fn name(&mut self, names: &[&'static str], short: bool) -> Result<u32, Mismatch> {
        for (index, name) in (0..).zip(names) {
            let name = if short { abbreviated(name) } else { name };
            if self.begins_with(name) {
                self.skip(name.len());
                return Ok(index);
            }
        }
        Err(Mismatch::Text)
    }

    fn designator(&mut self, count: usize) -> Result<(), Mismatch> {
        for (afternoon, name) in [(false, "AM"), (true, "PM")] {
            // Both letters in any case, a single one as it is: so does .NET.
            let letters = count.min(2);
            let found = match name.get(..letters) {
                Some(letter) if letters == 1 => self.input.starts_with(letter),
                _ => self.begins_with(name),
            };
            if found {
                self.skip(letters);
                return set(&mut self.fields.afternoon, afternoon);
            }
        }
        Err(Mismatch::Text)
    }

    /// Reads an offset from UTC: hours, and minutes where `z` stands three times.
    fn offset(&mut self, count: usize) -> Result<i32, Mismatch> {
        let sign = if self.literal('-').is_ok() {
            -1
        } else {
            self.literal('+')?;
            1
        };
        let hours = self.digits(if count == 2 { 2 } else { 1 })?;
        let mut minutes = 0;
        if count > 2 {
            // The colon may be missing.
            self.input = self.input.strip_prefix(':').unwrap_or(self.input);
            minutes = self.digits(2)?;
        }
        let offset = i32::try_from(hours * 60 + minutes).map_err(|_| Mismatch::Text)?;
        if minutes < 60 { Ok(sign * offset * 60) } else { Err(Mismatch::Text) }
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    const NOW: OffsetDateTime = datetime!(2026-03-10 9:30 UTC);

    #[track_caller]
    fn check_styles(text: &str, format: &str, styles: Styles, expected: Option<OffsetDateTime>) {
        let result = parse_exact(text, format, styles, NOW);
        assert_eq!(result.ok().map(|moment| moment.instant), expected, "{text:?} {format:?}");
    }

    #[track_caller]
    fn check(text: &str, format: &str, expected: impl Into<Option<OffsetDateTime>>) {
        check_styles(text, format, Styles::default(), expected.into());
    }

    #[test]
    fn numbers_have_a_width() {
        check("20260102030405.6Z", "yyyyMMddHHmmss.fZ", datetime!(2026-01-02 3:04:05.6 UTC));
        check("5/4/2025", "d/M/yyyy", datetime!(2025-04-05 0:00 UTC));
        check("05/04/2025", "d/M/yyyy", datetime!(2025-04-05 0:00 UTC));
        check("5/4/2025", "dd/MM/yyyy", None);
        check("005/4/2025", "d/M/yyyy", None);
        check("2025-4-5", "yyyy-MM-dd", None);
        check("25-04-05", "yyyy-MM-dd", None);
        check("02025-04-05", "yyyyy-MM-dd", datetime!(2025-04-05 0:00 UTC));
        check("850615", "yyMMdd", datetime!(1985-06-15 0:00 UTC));
        check("490615", "yyMMdd", datetime!(2049-06-15 0:00 UTC));
        check("500615", "yyMMdd", datetime!(1950-06-15 0:00 UTC));
        check("2025-02-30", "yyyy-MM-dd", None);
        check("2025-13-01", "yyyy-MM-dd", None);
        check("0000-01-01", "yyyy-MM-dd", None);
        check("2025-02-03 24:00", "yyyy-MM-dd HH:mm", None);
        check("2025-02-03x", "yyyy-MM-dd", None);
        check("2025-02-0\u{663}", "yyyy-MM-dd", None);
        check("2025-02-03", "", None);
        check("", "yyyy-MM-dd", None);
        check("2025 2025 12 12", "yyyy yyyy MM MM", datetime!(2025-12-01 0:00 UTC));
        check("2025 2026", "yyyy yyyy", None);
    }

    #[test]
    fn names_in_any_letter_case() {
        check("4 JUL 2026", "d MMM yyyy", datetime!(2026-07-04 0:00 UTC));
        check("july 4, 2026", "MMMM d, yyyy", datetime!(2026-07-04 0:00 UTC));
        check("Sat 4 Jul 2026", "ddd d MMM yyyy", datetime!(2026-07-04 0:00 UTC));
        check("Saturday 4 Jul 2026", "dddd d MMM yyyy", datetime!(2026-07-04 0:00 UTC));
        check("Sunday 4 Jul 2026", "dddd d MMM yyyy", None);
        check("July 4 2026", "MMM d yyyy", None);
        check("4 Juli 2026", "d MMMM yyyy", None);
    }

    #[test]
    fn hours_of_two_clocks() {
        check("7/4/2026 09:08:07 PM", "M/d/yyyy hh:mm:ss tt", datetime!(2026-07-04 21:08:07 UTC));
        check("7/4/2026 12:08:07 am", "M/d/yyyy h:mm:ss tt", datetime!(2026-07-04 0:08:07 UTC));
        check("7/4/2026 12:08:07 P", "M/d/yyyy h:mm:ss t", datetime!(2026-07-04 12:08:07 UTC));
        check("7/4/2026 12:08:07 p", "M/d/yyyy h:mm:ss t", None);
        check("7/4/2026 12:08", "M/d/yyyy h:mm", datetime!(2026-07-04 0:08 UTC));
        check("7/4/2026 13:08 PM", "M/d/yyyy h:mm tt", None);
        check("7/4/2026 13:08 PM", "M/d/yyyy H:mm tt", datetime!(2026-07-04 13:08 UTC));
        check("7/4/2026 13:08 AM", "M/d/yyyy H:mm tt", None);
        check("7/4/2026 13:60", "M/d/yyyy H:mm", None);
    }

    #[test]
    fn fractions() {
        check("1.5", "s.f", datetime!(2026-03-10 0:00:01.5 UTC));
        check("1.0000001", "s.fffffff", datetime!(2026-03-10 0:00:01.0000001 UTC));
        check("1.5", "s.ff", None);
        check("1.5", "s.FFF", datetime!(2026-03-10 0:00:01.5 UTC));
        check("1", "s.FFF", datetime!(2026-03-10 0:00:01 UTC));
        check("1", "s.fff", None);
        check("1.12345678", "s.ffffffff", None);
    }

    #[test]
    fn zones_move_to_utc() {
        check("2025-12-31+09:00", "yyyy-MM-ddzzz", datetime!(2025-12-30 15:00 UTC));
        check("2025-12-31-0530", "yyyy-MM-ddzzz", datetime!(2025-12-31 5:30 UTC));
        check("2025-12-31 +9", "yyyy-MM-dd z", datetime!(2025-12-30 15:00 UTC));
        check("2025-12-31 +09", "yyyy-MM-dd zz", datetime!(2025-12-30 15:00 UTC));
        check("2025-12-31 +9", "yyyy-MM-dd zz", None);
        check("2025-12-31 +09:60", "yyyy-MM-dd zzz", None);
        check("2025-12-31 +14:01", "yyyy-MM-dd zzz", None);
        check("2025-12-31 +14:00", "yyyy-MM-dd zzz", datetime!(2025-12-30 10:00 UTC));
        check("2025-12-31Z", "yyyy-MM-ddK", datetime!(2025-12-31 0:00 UTC));
        check("2025-12-31+01:00", "yyyy-MM-ddK", datetime!(2025-12-30 23:00 UTC));
        check("2025-12-31", "yyyy-MM-ddK", datetime!(2025-12-31 0:00 UTC));
        check("2025-12-31gmt", "yyyy-MM-ddZ", datetime!(2025-12-31 0:00 UTC));
        check("2025-12-31Zulu", "yyyy-MM-ddZ", None);
        check("2025-12-31 +01:00 Z", "yyyy-MM-dd zzz Z", None);
        check("0001-01-01+09:00", "yyyy-MM-ddzzz", None);
        check("0001-01-01-09:00", "yyyy-MM-ddzzz", datetime!(0001-01-01 9:00 UTC));
    }

    #[test]
    fn what_is_missing_is_today() {
        check("00:05", "HH:mm", datetime!(2026-03-10 0:05 UTC));
        check("4/7", "d/M", datetime!(2026-07-04 0:00 UTC));
        check("2025", "yyyy", datetime!(2025-01-01 0:00 UTC));
        check("12/2025", "MM/yyyy", datetime!(2025-12-01 0:00 UTC));
        check_styles("00:05", "HH:mm", Styles::NO_CURRENT_DATE, Some(datetime!(0001-01-01 0:05 UTC)));
    }

    #[test]
    fn blanks_where_the_styles_allow() {
        let day = Some(datetime!(2025-02-03 0:00 UTC));
        check(" 2025-02-03 ", "yyyy-MM-dd", day);
        check("2025-02-03", " yyyy-MM-dd ", day);
        check("2025-02-03", "' 'yyyy-MM-dd", day);
        check_styles(" 2025-02-03", "yyyy-MM-dd", Styles::NONE, None);
        check_styles("2025-02-03 ", "yyyy-MM-dd", Styles::LEADING_WHITE, None);
        check_styles("2025 - 02 -  03", "yyyy-MM-dd", Styles::INNER_WHITE, day);
        check_styles("20250203", "yyyy MM dd", Styles::INNER_WHITE, day);
        check_styles("2025-02-03", "yyyy-MM-dd", Styles::NONE, day);
    }

    #[test]
    fn literals_and_standard_formats() {
        check("on 3.2.25 d", "'on' d.M.yy \\d", datetime!(2025-02-03 0:00 UTC));
        check("3", "%d", datetime!(2026-01-03 0:00 UTC));
        check("3", "d", None);
        check("3", "%", None);
        check("3", "'3", None);
        check("3", "3\\", None);
        check("02/03/2025", "d", datetime!(2025-02-03 0:00 UTC));
        check("2025-02-03T04:05:06.0000000+01:00", "o", datetime!(2025-02-03 3:05:06 UTC));
        check("2025-02-03T04:05:06", "s", datetime!(2025-02-03 4:05:06 UTC));
        check("2025-02-03 04:05:06Z", "u", datetime!(2025-02-03 4:05:06 UTC));
        check("Mon, 03 Feb 2025 04:05:06 GMT", "r", datetime!(2025-02-03 4:05:06 UTC));
        check("Monday, 03 February 2025 04:05:06", "U", datetime!(2025-02-03 4:05:06 UTC));
        check("2025-02-03", "q", None);
    }

    #[test]
    fn what_was_said_of_the_zone() {
        let check = |text: &str, styles: &str, expected: Kind| {
            let styles = Styles::parse(styles).unwrap();
            assert_eq!(parse_exact(text, "HHK", styles, NOW).unwrap().kind, expected, "{text}");
        };
        check("12", "", Kind::Unspecified);
        check("12Z", "", Kind::Utc);
        check("12+01:00", "", Kind::Local);
        check("12Z", "None", Kind::Local);
        check("12Z", "AdjustToUniversal", Kind::Utc);
        check("12", "AssumeUniversal", Kind::Local);
        check("12", "AssumeUniversal, AdjustToUniversal", Kind::Utc);
        check("12", "AssumeLocal", Kind::Local);
    }

    #[test]
    fn a_format_has_a_length() {
        let format = "y".repeat(1001);
        assert!(matches!(parse_exact("1", &format, Styles::default(), NOW), Err(Fault::Limit(_))));
    }
}
