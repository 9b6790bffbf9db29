//! What holds for every text, format and instant.

use proptest::prelude::*;
use time::{Duration, OffsetDateTime, macros::datetime};

use super::{
    Interval, Styles, add, convert, diff, format, from_file_time, iso, parse_exact, to_file_time, to_text,
};

const NOW: OffsetDateTime = datetime!(2026-03-10 9:30 UTC);

/// Instants of all the years, in whole seconds.
fn instants() -> impl Strategy<Value = OffsetDateTime> {
    (0_i64..315_537_897_600).prop_map(|seconds| datetime!(0001-01-01 0:00 UTC) + Duration::seconds(seconds))
}

/// Texts that are dates but for an accident.
fn nearly_dates() -> impl Strategy<Value = String> {
    "[0-9]{1,4}[-/. ][0-9A-Za-z]{1,3}[-/. ,][0-9]{0,4}[T ]?[0-9:.]{0,9}[ +-]?[0-9:APMZ]{0,6}"
}

proptest! {
    #[test]
    fn nothing_panics(text in ".{0,30}", pattern in ".{0,20}", specifiers in "[dMyhHmsfFtzKg:/%\\\\'\" .ZT]{0,12}") {
        let _ = (convert(&text), iso(&text));
        for pattern in [pattern, specifiers] {
            let _ = parse_exact(&text, &pattern, Styles::default(), NOW);
            let _ = format(NOW, &pattern);
        }
    }

    #[test]
    fn nothing_panics_on_what_is_nearly_a_date(text in nearly_dates()) {
        let _ = (convert(&text), iso(&text), parse_exact(&text, "d/M/yyyy HH:mm:ss.FFFK", Styles::default(), NOW));
    }

    #[test]
    fn what_is_written_is_read_again(instant in instants()) {
        for pattern in ["o", "yyyy-MM-dd'T'HH:mm:ssK", "dddd, d MMMM yyyy h:m:s tt", "M/d/yyyy hh:mm:ss tt zzz"] {
            let text = format(instant, pattern).unwrap();
            prop_assert_eq!(parse_exact(&text, pattern, Styles::default(), NOW).unwrap().instant, instant, "{}", text);
        }
        prop_assert_eq!(convert(&to_text(instant)).unwrap(), instant);
        prop_assert_eq!(iso(&format(instant, "o").unwrap()).unwrap(), instant);
        prop_assert_eq!(convert(&format(instant, "r").unwrap()).unwrap(), instant);
    }

    #[test]
    fn what_is_added_is_the_difference(instant in instants(), count in -10_000_i64..10_000) {
        for interval in ["yyyy", "q", "m", "d", "ww", "h", "n", "s"] {
            let interval = Interval::parse(interval).unwrap();
            if let Ok(later) = add(interval, count, instant) {
                prop_assert_eq!(diff(interval, instant, later), count, "{:?}", interval);
            }
        }
    }

    #[test]
    fn file_times_come_back(file_time in 0_i64..2_650_467_744_000_000_000) {
        prop_assert_eq!(to_file_time(from_file_time(file_time).unwrap()).unwrap(), file_time);
    }
}
