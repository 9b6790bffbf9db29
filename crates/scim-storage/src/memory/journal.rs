//! The log and the outbox: read, counted, pruned, erased.

use std::collections::BTreeMap;

use scim_core::instant::Timestamp;
use scim_core::text::Matching;
use scim_directory::{Action, AttributeChange, ConnectorId, Key, LogStatus, Position, ResourceId};

use super::directory::Directory;
use crate::{About, EventPage, JournalEntry, JournalFilter, JournalPage, JournalQuery, ReportLine};

impl Directory {
    pub(super) fn journal(&self, query: &JournalQuery) -> JournalPage {
        let limit = query.limit;
        let fits = |entry: &&JournalEntry| {
            let beyond = query.after.is_none_or(|after| match query.newest_first {
                true => entry.position < after,
                false => entry.position > after,
            });
            beyond && selects(&query.filter, entry)
        };
        let mut entries: Vec<JournalEntry> = if query.newest_first {
            self.journal.iter().rev().filter(fits).take(limit.saturating_add(1)).cloned().collect()
        } else {
            self.journal.iter().filter(fits).take(limit.saturating_add(1)).cloned().collect()
        };
        let more = entries.len() > limit;
        entries.truncate(limit);
        JournalPage { entries, more }
    }

    pub(super) fn events_after(&self, after: Option<Position>, limit: usize) -> EventPage {
        let rest = self.events.iter().filter(|event| after.is_none_or(|after| event.position > after));
        let mut events: Vec<_> = rest.take(limit.saturating_add(1)).cloned().collect();
        let more = events.len() > limit;
        events.truncate(limit);
        EventPage { events, more }
    }

    /// How many people a connector has suspended and deleted since then.
    pub(super) fn removals(&self, connector: ConnectorId, since: Timestamp) -> (u64, u64) {
        let people = |action: Action| {
            let entries = self.journal.iter().filter(|entry| {
                let done = matches!(entry.record.status, LogStatus::Success | LogStatus::Warning);
                entry.actor.connector == Some(connector)
                    && entry.at >= since
                    && entry.record.action == action
                    && done
            });
            let about = entries.filter_map(|entry| entry.record.resource.as_ref());
            let ids: std::collections::BTreeSet<&str> = about
                .filter(|resource| resource.resource_type == "User")
                .map(|resource| resource.id.as_str())
                .collect();
            u64::try_from(ids.len()).unwrap_or(u64::MAX)
        };
        (people(Action::Suspended), people(Action::Deleted))
    }

    pub(super) fn report_between(&self, from: Timestamp, until: Timestamp) -> Vec<ReportLine> {
        let mut lines: BTreeMap<(String, String, Option<String>), ReportLine> = BTreeMap::new();
        for entry in self.journal.iter().filter(|entry| entry.at >= from && entry.at < until) {
            let word = |value: Result<serde_json::Value, _>| {
                value
                    .ok()
                    .and_then(|value: serde_json::Value| value.as_str().map(str::to_owned))
                    .unwrap_or_default()
            };
            let (action, status) = (entry.record.action, entry.record.status);
            let resource_type = entry.record.resource.as_ref().map(|resource| resource.resource_type.clone());
            let place = (
                word(serde_json::to_value(action)),
                word(serde_json::to_value(status)),
                resource_type.clone(),
            );
            let line = lines.entry(place).or_insert(ReportLine { action, status, resource_type, count: 0 });
            line.count += 1;
        }
        lines.into_values().collect()
    }

    /// Deletes at most `limit` of each that are older; how many they were.
    pub(super) fn prune(&mut self, before: Timestamp, limit: usize) -> u64 {
        let mut rows = 0;
        let mut oldest = |at: Timestamp, left: &mut usize| {
            let goes = at < before && *left > 0;
            if goes {
                *left -= 1;
                rows += 1;
            }
            !goes
        };
        let mut left = limit;
        self.journal.retain(|entry| oldest(entry.at, &mut left));
        left = limit;
        self.events.retain(|event| oldest(event.at, &mut left));
        left = limit;
        self.deleted.retain(|_, deleted| oldest(deleted.tombstone.at, &mut left));
        left = limit;
        self.committed.retain(|_, (at, _)| oldest(*at, &mut left));
        rows + self.imports.prune(before, limit)
    }

    /// Erases what is said about a person; how many records, events and tombstones said something.
    pub(super) fn erase(&mut self, key: &Key, name: Option<&str>) -> u64 {
        let mut rows = 0;
        let about = About { ids: vec![key.id], name: name.map(str::to_owned) };
        for entry in &mut self.journal {
            let own = entry.record.resource.as_ref().is_some_and(|resource| {
                resource.id.parse() == Ok(key.id)
                    || is_nameless(&about, &resource.id, resource.name.as_deref())
            });
            let before = entry.record.clone();
            if own {
                entry.record.scrub();
                rows += u64::from(entry.record != before);
            }
        }
        for stored in self.events.iter_mut().filter(|stored| stored.event.key.id == key.id) {
            let said = stored.event.before.take().is_some() | stored.event.after.take().is_some();
            rows += u64::from(said);
        }
        if let Some(deleted) = self.deleted.get_mut(&key.id) {
            let tombstone = &mut deleted.tombstone;
            let said = tombstone.display.take().is_some()
                | tombstone.account.take().is_some()
                | deleted.user_name.take().is_some();
            deleted.external.clear();
            rows += u64::from(said);
        }
        for held in self.held_changes.values_mut().filter(|held| held.key.id == key.id) {
            held.name = None;
        }
        rows + name.map_or(0, |name| self.imports.erase(name))
    }
}

fn selects(filter: &JournalFilter, entry: &JournalEntry) -> bool {
    let record = &entry.record;
    filter.about.as_ref().is_none_or(|about| is_about(about, entry))
        && (filter.actions.is_empty() || filter.actions.contains(&record.action))
        && (filter.statuses.is_empty() || filter.statuses.contains(&record.status))
        && filter.from.is_none_or(|from| entry.at >= from)
        && filter.until.is_none_or(|until| entry.at < until)
        && filter.connector.is_none_or(|connector| entry.actor.connector == Some(connector))
}

fn is_about(about: &About, entry: &JournalEntry) -> bool {
    let Some(resource) = &entry.record.resource else { return false };
    let named = |id: &str| id.parse::<ResourceId>().is_ok_and(|id| about.ids.contains(&id));
    let edges = entry.record.changes.iter().any(|change| match change {
        AttributeChange::Edges { added, removed, .. } => added.iter().chain(removed).any(|id| named(id)),
        AttributeChange::Value { .. } => false,
    });
    named(&resource.id) || edges || is_nameless(about, &resource.id, resource.name.as_deref())
}

/// Whether a record without an id is about that name.
fn is_nameless(about: &About, id: &str, name: Option<&str>) -> bool {
    let (Some(wanted), Some(name)) = (&about.name, name) else { return false };
    id.parse::<ResourceId>().is_err() && Matching::UserName.key(wanted) == Matching::UserName.key(name)
}
