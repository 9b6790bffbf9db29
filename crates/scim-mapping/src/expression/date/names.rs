//! Names of months, days and standard formats in the invariant culture.

use super::Fault;

pub(super) const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// From Sunday.
pub(super) const DAYS: [&str; 7] =
    ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/// The first three letters of a name of a month or a day.
pub(super) fn abbreviated(name: &str) -> &str {
    name.get(..3).unwrap_or(name)
}

/// What a format of one letter stands for; a longer one stands for itself.
pub(super) fn expand(format: &str) -> Result<&str, Fault> {
    let mut characters = format.chars();
    let (Some(letter), None) = (characters.next(), characters.next()) else { return Ok(format) };
    Ok(match letter {
        'd' => "MM/dd/yyyy",
        'D' => "dddd, dd MMMM yyyy",
        'f' => "dddd, dd MMMM yyyy HH:mm",
        'F' | 'U' => "dddd, dd MMMM yyyy HH:mm:ss",
        'g' => "MM/dd/yyyy HH:mm",
        'G' => "MM/dd/yyyy HH:mm:ss",
        'm' | 'M' => "MMMM dd",
        'o' | 'O' => "yyyy'-'MM'-'dd'T'HH':'mm':'ss.fffffffK",
        'r' | 'R' => "ddd, dd MMM yyyy HH':'mm':'ss 'GMT'",
        's' => "yyyy'-'MM'-'dd'T'HH':'mm':'ss",
        't' => "HH:mm",
        'T' => "HH:mm:ss",
        'u' => "yyyy'-'MM'-'dd HH':'mm':'ss'Z'",
        'y' | 'Y' => "yyyy MMMM",
        _ => return Err(bad_format(format)),
    })
}

/// That a text is no date format.
pub(super) fn bad_format(format: &str) -> Fault {
    Fault::Date(format!("{format:?} is not a date format; write one such as \"yyyy-MM-dd\""))
}
