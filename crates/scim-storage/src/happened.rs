//! Which log records a commit writes: those of what really happened.

use std::collections::HashSet;

use scim_directory::{
    Action, AttributeChange, EdgeEffect, EdgeOutcome, Effect, LogRecord, LogResource, LogStatus,
};

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
        notes: Vec::new(),
    })
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
