//! Which log records a commit writes: those of what really happened.

use std::collections::HashSet;

use scim_directory::{
    Action, AttributeChange, EdgeEffect, EdgeOutcome, Effect, Event, EventKind, FieldChange, Key, LogRecord,
    LogResource, LogStatus, ResourceId,
};
use serde_json::json;

/// Keeps of each record's edge differences ([`AttributeChange::Edges`]) those that `effects` say happened, and drops a
/// record whose only differences all vanish. For backends, between applying a change set and writing its log.
#[must_use]
pub fn what_happened(log: Vec<LogRecord>, effects: &[Effect]) -> Vec<LogRecord> {
    let mut added = HashSet::new();
    let mut removed = HashSet::new();
    for edge in effects.iter().flat_map(|effect| &effect.edges) {
        let pair = (edge.group.to_string(), edge.member.to_string());
        match edge.outcome {
            EdgeOutcome::Added => added.insert(pair),
            EdgeOutcome::Removed => removed.insert(pair),
            EdgeOutcome::Unchanged | EdgeOutcome::Gone => continue,
        };
    }
    log.into_iter().filter_map(|record| keep(record, &added, &removed)).collect()
}

/// A record for each held reference that a creation or an update turned into an edge: no request asked for that, so no
/// rule logs it.
pub fn reference_linked(edges: &[EdgeEffect]) -> impl Iterator<Item = LogRecord> {
    edges.iter().filter(|edge| edge.outcome == EdgeOutcome::Added).map(|edge| LogRecord {
        action: Action::ReferenceLinked,
        status: LogStatus::Success,
        resource: Some(LogResource::new("Group", edge.group, None)),
        changes: vec![AttributeChange::Edges {
            attribute: "members".to_owned(),
            added: vec![edge.member.to_string()],
            removed: Vec::new(),
        }],
        fields: Vec::new(),
        notes: Vec::new(),
        error: None,
    })
}

/// A record of a person whose direct manager is known from now on.
#[must_use]
pub fn manager_linked(report: &Key, name: Option<&str>, manager: ResourceId) -> LogRecord {
    let action = Action::ReferenceLinked;
    direct_manager(action, LogStatus::Success, report, name, None, Some(manager))
}

/// A record of a person whose direct manager was deleted.
#[must_use]
pub fn manager_cleared(report: &Key, name: Option<&str>, manager: ResourceId) -> LogRecord {
    let mut record =
        direct_manager(Action::ReferenceCleared, LogStatus::Warning, report, name, Some(manager), None);
    record.notes.push("the direct manager was deleted; the person's document keeps what was sent".to_owned());
    record
}

/// The event that goes with [`manager_linked`] and [`manager_cleared`].
#[must_use]
pub fn manager_changed(report: &Key, old: Option<ResourceId>, new: Option<ResourceId>) -> Event {
    let fields = |id: Option<ResourceId>| json!({ "DirectManager": id.map(|id| id.to_string()) });
    Event {
        kind: EventKind::ManagerChanged,
        key: report.clone(),
        before: Some(fields(old)),
        after: Some(fields(new)),
    }
}

fn direct_manager(
    action: Action,
    status: LogStatus,
    report: &Key,
    name: Option<&str>,
    old: Option<ResourceId>,
    new: Option<ResourceId>,
) -> LogRecord {
    let resource = LogResource::new(&report.resource_type, report.id, name);
    let text = |id: Option<ResourceId>| id.map(|id| id.to_string());
    let change = FieldChange { field: "DirectManager".to_owned(), old: text(old), new: text(new) };
    LogRecord { fields: vec![change], ..LogRecord::new(action, status, Some(resource)) }
}

fn keep(
    mut record: LogRecord,
    all_added: &HashSet<(String, String)>,
    all_removed: &HashSet<(String, String)>,
) -> Option<LogRecord> {
    let group = record.resource.as_ref().map(|resource| resource.id.clone()).unwrap_or_default();
    let had_changes = !record.changes.is_empty();
    record.changes.retain_mut(|change| match change {
        AttributeChange::Value { .. } => true,
        AttributeChange::Edges { added, removed, .. } => {
            added.retain(|member| all_added.contains(&(group.clone(), member.clone())));
            removed.retain(|member| all_removed.contains(&(group.clone(), member.clone())));
            !added.is_empty() || !removed.is_empty()
        }
    });
    (!had_changes || !record.changes.is_empty()).then_some(record)
}
