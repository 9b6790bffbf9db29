//! The reads of each workload: what is asked, of whom, and what must come.

use crate::http::{Request, encoded};
use crate::random::Random;
use crate::setup::{Directory, PAGE};
use crate::shapes::{self, STAYING};
use crate::workload::{Check, Kind, Next, Place, Reads};

/// A GET of a person who need not be there: what a bare handler is asked.
pub(crate) fn ready() -> Reads {
    let next = |request: &mut Request| {
        request.plain("GET", format_args!("/Users/01890000-0000-7000-8000-000000000000"));
    };
    Reads::new(Box::new(next), Box::new(|_| true))
}

/// The requests of a workload that changes nothing.
pub(crate) fn reads(directory: &mut Directory, kind: Kind) -> anyhow::Result<Reads> {
    let people = directory.people;
    if matches!(kind, Kind::GroupedPage(_) | Kind::GroupedCursor(_)) {
        directory.into_two_groups()?;
    }
    // Each round asks for others.
    directory.turn += 1;
    let mut random = Random::new(directory.turn);
    let full: Check = Box::new(|answer| answer.number("\"itemsPerPage\"") == Some(PAGE));
    let (next, check): (Next, Check) = match kind {
        Kind::Page(place) | Kind::GroupedPage(place) => {
            let last = last_full(directory)?;
            let next = move |request: &mut Request| {
                let start = match place {
                    // Anywhere in the half that is in the middle.
                    Place::Middle => last / 4 + random.below(last / 2) + 1,
                    place => start(place, last),
                };
                request.plain("GET", format_args!("/Users?startIndex={start}&count={PAGE}"));
            };
            (Box::new(next), full)
        }
        Kind::Cursor(place) | Kind::GroupedCursor(place) => {
            let cursors = directory.cursors()?;
            let next = move |request: &mut Request| {
                let cursor = cursors.at(place);
                request.plain("GET", format_args!("/Users?cursor={cursor}&count={PAGE}"));
            };
            (Box::new(next), full)
        }
        _ if filter(kind, people, &mut random).is_some() => {
            let next = move |request: &mut Request| {
                let filter = encoded(&filter(kind, people, &mut random).unwrap_or_default());
                request.plain("GET", format_args!("/Users?filter={filter}"));
            };
            (Box::new(next), results(kind))
        }
        _ => {
            let sample = directory.sample.clone();
            let next = move |request: &mut Request| {
                if let Some(person) = random.of(&sample) {
                    request.plain("GET", format_args!("/Users/{}", person.id));
                }
            };
            (Box::new(next), Box::new(|answer| !answer.body.is_empty()))
        }
    };
    Ok(Reads::new(next, check))
}

/// Where a page that a workload asks for is; `None` for workloads that ask for no pages.
pub(crate) fn page(directory: &mut Directory, kind: Kind) -> anyhow::Result<Option<String>> {
    if matches!(kind, Kind::GroupedPage(_) | Kind::GroupedCursor(_)) {
        directory.into_two_groups()?;
    }
    Ok(match kind {
        Kind::Page(place) | Kind::GroupedPage(place) => {
            Some(format!("/Users?startIndex={}&count={PAGE}", start(place, last_full(directory)?)))
        }
        Kind::Cursor(place) | Kind::GroupedCursor(place) => {
            Some(format!("/Users?cursor={}&count={PAGE}", directory.cursors()?.at(place)))
        }
        _ => None,
    })
}

/// The number that the last full page begins at.
fn last_full(directory: &Directory) -> anyhow::Result<u64> {
    Ok(directory.total()?.saturating_sub(PAGE - 1).max(1))
}

/// The number that a page begins at, where the last one begins at that.
fn start(place: Place, last: u64) -> u64 {
    match place {
        Place::First => 1,
        Place::Middle => last.div_ceil(2),
        Place::Last => last,
    }
}

/// The next filter of a workload that has one. Whom it finds are few, however many people there are.
fn filter(kind: Kind, people: u64, random: &mut Random) -> Option<String> {
    let somebody = |hit: bool| if hit { STAYING } else { "nobody" };
    let number = random.below(people);
    // Five digits in a row of the seven in a user name.
    let digits = format!("{:05}", number % 100_000);
    Some(match kind {
        Kind::MatchUserName(hit) => {
            format!("userName eq \"{}\"", shapes::user_name(somebody(hit), number))
        }
        Kind::MatchExternalId(hit) => {
            format!("externalId eq \"{}\"", shapes::external_id(somebody(hit), number))
        }
        Kind::Contains => format!("userName co \"{digits}\""),
        Kind::And => {
            let (family, given) = (shapes::family_name(number), shapes::given_name(number));
            format!("name.familyName eq \"{family}\" and name.givenName eq \"{given}\"")
        }
        Kind::ValuePath => format!("emails[type eq \"work\" and value co \"{digits}\"]"),
        _ => return None,
    })
}

/// How many a filter must find: one or nobody where it is a match, else somebody.
fn results(kind: Kind) -> Check {
    Box::new(move |answer| {
        let total = answer.number("\"totalResults\"");
        match kind {
            Kind::MatchUserName(hit) | Kind::MatchExternalId(hit) => total == Some(u64::from(hit)),
            _ => total.is_some_and(|total| total > 0),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_asks_for_what_the_people_have() {
        let check = |kind, expected: Option<&str>| {
            assert_eq!(filter(kind, 1, &mut Random::new(1)).as_deref(), expected, "{kind}");
        };
        check(Kind::MatchUserName(true), Some("userName eq \"person.0000000@contoso.example\""));
        check(Kind::MatchUserName(false), Some("userName eq \"nobody.0000000@contoso.example\""));
        check(
            Kind::MatchExternalId(true),
            Some("externalId eq \"person-3f2a6c1e-0000-4000-8000-000000000000\""),
        );
        check(Kind::Contains, Some("userName co \"00000\""));
        check(Kind::And, Some("name.familyName eq \"Family0\" and name.givenName eq \"Given0\""));
        check(Kind::ValuePath, Some("emails[type eq \"work\" and value co \"00000\"]"));
        check(Kind::Get, None);
    }

    #[test]
    fn pages_begin_at_numbers() {
        for (place, expected) in [(Place::First, 1), (Place::Middle, 4951), (Place::Last, 9901)] {
            assert_eq!(start(place, 9901), expected, "{place:?}");
        }
    }

    #[test]
    fn what_is_found_is_counted() {
        let check = |kind, total: u64, expected| {
            let body = format!("{{\"totalResults\":{total}}}");
            let answer = crate::http::Answer { status: 200, head: b"", body: body.as_bytes(), closes: false };
            assert_eq!(results(kind)(&answer), expected, "{kind} {total}");
        };
        check(Kind::MatchUserName(true), 1, true);
        check(Kind::MatchUserName(true), 2, false);
        check(Kind::MatchExternalId(false), 0, true);
        check(Kind::MatchExternalId(false), 1, false);
        check(Kind::Contains, 0, false);
        check(Kind::Contains, 7, true);
    }
}
