//! Settings of connectors and keys in words.

use scim_directory::{ConnectorSettings, Guard, Networks, Operations, PickUp, Rate, Retirement};

use crate::cli::span_in_words;
use crate::output;

/// How many requests a second Entra asks applications for.
const NEEDED_RATE: u32 = 25;

/// From where.
pub(crate) fn networks(networks: &Networks) -> String {
    if networks.is_everywhere() {
        return "anywhere".to_owned();
    }
    networks.list().iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// How often.
pub(crate) fn rate(rate: Option<Rate>) -> String {
    rate.map_or("any".to_owned(), |rate| {
        format!("{} requests a second, {} at once", rate.per_second, rate.burst)
    })
}

/// Tells that a limit is below what identity providers need.
pub(crate) fn warn_of_low(rate: Option<Rate>) {
    if rate.is_some_and(|rate| rate.per_second <= NEEDED_RATE) {
        output::message(&format!(
            "note: identity providers need more than {NEEDED_RATE} requests a second; one that meets the limit too often stops \
             provisioning"
        ));
    }
}

/// What may be done.
pub(super) fn operations(operations: Operations) -> String {
    let Operations { create, update, delete } = operations;
    let all = [(create, "create"), (update, "update"), (delete, "delete")];
    let allowed: Vec<&str> = all.into_iter().filter(|(allowed, _)| *allowed).map(|(_, name)| name).collect();
    if allowed.is_empty() { "look only".to_owned() } else { allowed.join(", ") }
}

/// When existing accounts are picked up.
pub(super) const fn pick_up(pick_up: PickUp) -> &'static str {
    match pick_up {
        PickUp::OnMatch => "when a filter on the name finds them",
        PickUp::OnWrite => "when they are first written to",
    }
}

/// How much is too much.
pub(super) fn guard(guard: Option<Guard>) -> String {
    match guard {
        Some(guard) => format!("{} people or {} % an hour, whichever is less", guard.people, guard.percent),
        None => "off".to_owned(),
    }
}

/// When a key ends that another one was used in place of.
pub(super) fn overlap(settings: &ConnectorSettings) -> String {
    let span = span_in_words(settings.overlap_seconds.into());
    match settings.retirement {
        Retirement::Overlap => format!("{span} after the new key's first use"),
        Retirement::FirstWrite => {
            format!("with the new key's first write, at the latest {span} after its first use")
        }
    }
}

/// When somebody is reminded of a key's end.
pub(super) fn reminders(days: &[u32]) -> String {
    if days.is_empty() {
        return "at the end alone".to_owned();
    }
    let days: Vec<String> = days.iter().map(ToString::to_string).collect();
    format!("{} days before, and at the end", days.join(", "))
}
