//! Writes dates in .NET's formats: `DateTime.ToString(format, InvariantCulture)`.

use std::fmt::Write as _;

use time::{OffsetDateTime, UtcOffset};

use super::names::{DAYS, MONTHS, abbreviated, bad_format, expand};
use super::{Fault, Kind, Moment};

/// Longest format that is read, in characters.
const MAX_FORMAT: usize = 1_000;

/// Writes a date in a custom format (`yyyy-MM-dd'T'HH:mm:ss`, with `d M y h H m s f F t z K g : /`, quotes, `\` and
/// `%`) or a standard one of one letter (`d D f F g G m M o O r R s t T u U y Y`). Every other character stands for
/// itself. An empty format is `G`.
///
/// # Errors
///
/// [`Fault::Date`] if the format is none: an unknown single letter, a quote that does not end, a `%` or `\` at the end,
/// more than seven `f`; [`Fault::Limit`] if it is longer than 1,000 characters.
pub fn format(moment: impl Into<Moment>, format: &str) -> Result<String, Fault> {
    let moment = moment.into();
    if format.chars().count() > MAX_FORMAT {
        return Err(Fault::Limit(format!("a date format has at most {MAX_FORMAT} characters")));
    }
    let format = if format.is_empty() { "G" } else { format };
    let pattern = expand(format)?.chars().collect::<Vec<_>>();
    let mut output = String::new();
    custom(&moment, &pattern, &mut output).ok_or_else(|| bad_format(format))?;
    Ok(output)
}

/// `M/d/yyyy h:mm:ss tt` in UTC: what a date is when text is wanted.
#[must_use]
pub fn to_text(instant: OffsetDateTime) -> String {
    let utc = instant.to_offset(UtcOffset::UTC);
    format!(
        "{}/{}/{:04} {}:{:02}:{:02} {}",
        u8::from(utc.month()),
        utc.day(),
        utc.year(),
        twelve(utc.hour()),
        utc.minute(),
        utc.second(),
        designator(utc.hour())
    )
}

/// The hour of a clock of twelve hours.
fn twelve(hour: u8) -> u8 {
    match hour % 12 {
        0 => 12,
        hour => hour,
    }
}

fn designator(hour: u8) -> &'static str {
    if hour < 12 { "AM" } else { "PM" }
}

/// Nothing if the format is none.
fn custom(moment: &Moment, pattern: &[char], output: &mut String) -> Option<()> {
    let mut rest = pattern;
    while let Some((&letter, after)) = rest.split_first() {
        let repeated = 1 + after.iter().take_while(|next| **next == letter).count();
        let mut taken = 1;
        match letter {
            'd' | 'M' | 'y' | 'h' | 'H' | 'm' | 's' | 'f' | 'F' | 't' | 'z' | 'g' => {
                taken = repeated;
                part(moment, letter, repeated, output)?;
            }
            'K' => output.push_str(match moment.kind {
                Kind::Unspecified => "",
                Kind::Utc => "Z",
                Kind::Local => "+00:00",
            }),
            '\'' | '"' => {
                let (text, length) = quoted(rest)?;
                output.push_str(&text);
                taken = length;
            }
            '%' => {
                let next = after.first().filter(|next| **next != '%')?;
                // One specifier of one letter: it does not join with those that follow. What takes more than a letter
                // (a quote, an escape) finds nothing to take.
                custom(moment, std::slice::from_ref(next), output)?;
                taken = 2;
            }
            '\\' => {
                output.push(*after.first()?);
                taken = 2;
            }
            other => output.push(other),
        }
        rest = rest.get(taken..)?;
    }
    Some(())
}

/// Writes one specifier that stands `count` times.
fn part(moment: &Moment, letter: char, count: usize, output: &mut String) -> Option<()> {
    let instant = moment.instant;
    let number = |output: &mut String, value: u8| {
        let written = if count < 2 { write!(output, "{value}") } else { write!(output, "{value:02}") };
        written.ok()
    };
    match letter {
        'd' if count <= 2 => number(output, instant.day())?,
        'M' if count <= 2 => number(output, u8::from(instant.month()))?,
        'd' | 'M' => {
            let name = if letter == 'd' {
                DAYS.get(usize::from(instant.weekday().number_days_from_sunday()))?
            } else {
                MONTHS.get(usize::from(u8::from(instant.month())) - 1)?
            };
            output.push_str(if count == 3 { abbreviated(name) } else { name });
        }
        'y' if count <= 2 => number(output, u8::try_from(instant.year() % 100).ok()?)?,
        'y' => write!(output, "{:0count$}", instant.year()).ok()?,
        'h' => number(output, twelve(instant.hour()))?,
        'H' => number(output, instant.hour())?,
        'm' => number(output, instant.minute())?,
        's' => number(output, instant.second())?,
        't' => output.push_str(designator(instant.hour()).get(..count.min(2))?),
        'z' => output.push_str(match count {
            1 => "+0",
            2 => "+00",
            _ => "+00:00",
        }),
        'g' => output.push_str("A.D."),
        _ => {
            let ticks = format!("{:07}", instant.nanosecond() / 100);
            let digits = ticks.get(..count)?;
            if letter == 'f' {
                output.push_str(digits);
            } else {
                let digits = digits.trim_end_matches('0');
                if digits.is_empty() && output.ends_with('.') {
                    output.pop();
                }
                output.push_str(digits);
            }
        }
    }
    Some(())
}

/// The text between the quote that `pattern` begins with and its end, and how many characters that takes in all.
pub(super) fn quoted(pattern: &[char]) -> Option<(String, usize)> {
    let mut characters = pattern.iter().enumerate();
    let (_, quote) = characters.next()?;
    let mut text = String::new();
    while let Some((index, character)) = characters.next() {
        if character == quote {
            return Some((text, index + 1));
        }
        text.push(if *character == '\\' { *characters.next()?.1 } else { *character });
    }
    None
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[track_caller]
    fn check(pattern: &str, expected: Option<&str>) {
        let instant = datetime!(2026-07-04 21:08:07.0123 UTC);
        assert_eq!(format(instant, pattern).ok().as_deref(), expected, "{pattern:?}");
    }

    #[test]
    fn custom_formats() {
        check("d dd ddd dddd ddddd", Some("4 04 Sat Saturday Saturday"));
        check("M MM MMM MMMM MMMMM", Some("7 07 Jul July July"));
        check("%y yy yyy yyyy yyyyy yyyyyy", Some("26 26 2026 2026 02026 002026"));
        check("h hh hhh H HH m mm s ss", Some("9 09 09 21 21 8 08 7 07"));
        check("%f ff fff ffff fffff ffffff fffffff", Some("0 01 012 0123 01230 012300 0123000"));
        check("ss.F ss.FF ss.FFF ss.FFFFFFF", Some("07 07.01 07.012 07.0123"));
        check("ffffffff", None);
        check("FFFFFFFF", None);
        check("h:mm t, h:mm tt, ttt", Some("9:08 P, 9:08 PM, PM"));
        check("%z zz zzz zzzz K", Some("+0 +00 +00:00 +00:00 Z"));
        check("yyyy gg", Some("2026 A.D."));
        check("yyyy-MM-ddTHH:mm:ss", Some("2026-07-04T21:08:07"));
        check("dd/MM/yyyy", Some("04/07/2026"));
        check("'d' \"M\" \\y 'it\\'s'", Some("d M y it's"));
        check("yyyy'", None);
        check("yyyy\\", None);
        check("yyyy%", None);
        check("%%", None);
        check("%'x'", None);
        check("%dd", Some("44"));
        check("Lønn", Some("Lønn"));
    }

    #[test]
    fn standard_formats() {
        for (letter, expected) in [
            ("d", "07/04/2026"),
            ("D", "Saturday, 04 July 2026"),
            ("f", "Saturday, 04 July 2026 21:08"),
            ("F", "Saturday, 04 July 2026 21:08:07"),
            ("U", "Saturday, 04 July 2026 21:08:07"),
            ("g", "07/04/2026 21:08"),
            ("G", "07/04/2026 21:08:07"),
            ("", "07/04/2026 21:08:07"),
            ("M", "July 04"),
            ("m", "July 04"),
            ("o", "2026-07-04T21:08:07.0123000Z"),
            ("O", "2026-07-04T21:08:07.0123000Z"),
            ("r", "Sat, 04 Jul 2026 21:08:07 GMT"),
            ("R", "Sat, 04 Jul 2026 21:08:07 GMT"),
            ("s", "2026-07-04T21:08:07"),
            ("t", "21:08"),
            ("T", "21:08:07"),
            ("u", "2026-07-04 21:08:07Z"),
            ("y", "2026 July"),
            ("Y", "2026 July"),
        ] {
            check(letter, Some(expected));
        }
        for letter in ["q", "K", "h", "'", "%", "\\", "Z", "1"] {
            check(letter, None);
        }
    }

    #[test]
    fn a_zone_is_shown_as_it_was_said() {
        for (kind, expected) in [(Kind::Unspecified, ""), (Kind::Utc, "Z"), (Kind::Local, "+00:00")] {
            let moment = Moment { instant: datetime!(2026-07-04 0:00 UTC), kind };
            assert_eq!(format(moment, "%K").unwrap(), expected);
        }
        assert_eq!(format(datetime!(2026-07-04 1:00 +2), "HH").unwrap(), "23");
    }

    #[test]
    fn dates_as_text() {
        assert_eq!(to_text(datetime!(2020-03-16 7:00 UTC)), "3/16/2020 7:00:00 AM");
        assert_eq!(to_text(datetime!(2020-03-16 0:00:05 UTC)), "3/16/2020 12:00:05 AM");
        assert_eq!(to_text(datetime!(0999-12-01 13:00 +1)), "12/1/0999 12:00:00 PM");
    }

    #[test]
    fn a_format_has_a_length() {
        assert!(matches!(format(datetime!(2026-07-04 0:00 UTC), &"y".repeat(1001)), Err(Fault::Limit(_))));
        assert_eq!(format(datetime!(2026-07-04 0:00 UTC), &"y".repeat(1000)).unwrap().len(), 1000);
    }
}
