//! Applying a change set that was checked. Nothing here fails.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

use scim_core::instant::Timestamp;
use scim_directory::{
    Change, ChangeSet, Committed, ConnectorId, Content, EdgeEffect, EdgeOutcome, Effect, Event, EventKind,
    HeldChange, HeldReference, Key, LogRecord, MemberChange, NewRecord, Position, Record, ResourceId, Scope,
    StoredEvent, Version,
};

use super::check::means;
use super::directory::{Directory, FIRST, Held, LAST, Stored};
use super::tombstone::Deleted;
use crate::{JournalEntry, reference_linked, what_happened};

/// One change set on its way into a directory.
pub(super) struct Application<'d> {
    pub(super) directory: &'d mut Directory,
    pub(super) scope: Scope,
    at: Timestamp,
    /// What is logged besides what the change set says.
    pub(super) log: Vec<LogRecord>,
    /// What goes into the outbox besides what the change set says.
    pub(super) events: Vec<Event>,
    /// Records whose version this change set has raised or set.
    touched: BTreeSet<ResourceId>,
}

impl Directory {
    /// `rows` is how many rows each change took besides those of the directory.
    pub(super) fn apply(&mut self, changes: ChangeSet, rows: &[u64], position: &mut i64) -> Committed {
        let ChangeSet { id, scope, actor, request_id, at, elapsed_ms, changes, log, events, .. } = changes;
        let written: BTreeSet<ResourceId> = changes.iter().filter_map(written).collect();
        let mut application = Application {
            directory: self,
            scope,
            at,
            log: Vec::new(),
            events: Vec::new(),
            touched: BTreeSet::new(),
        };
        let mut effects = Vec::with_capacity(changes.len());
        let mut linked = Vec::new();
        for (change, others) in changes.into_iter().zip(rows) {
            let names_members = matches!(change, Change::Members(_));
            let (id, edges, rows) = application.change(change);
            let rows = rows + others;
            if !names_members {
                linked.extend(edges.iter().cloned());
            }
            effects.push(Effect { rows, ..application.directory.effect(id, edges, at) });
        }
        let Application { log: told, events: heard, .. } = application;
        let mut committed = Committed { position: Position(0), effects };
        for record in
            what_happened(log, &committed.effects).into_iter().chain(reference_linked(&linked)).chain(told)
        {
            *position += 1;
            committed.position = Position(*position);
            self.journal.push(JournalEntry {
                position: committed.position,
                at,
                elapsed_ms,
                actor: actor.clone(),
                request_id: request_id.clone(),
                record,
            });
        }
        for event in
            events.into_iter().filter(|event| is_kept(event, &written, &committed.effects)).chain(heard)
        {
            *position += 1;
            let request_id = request_id.clone();
            self.events.push(StoredEvent { position: Position(*position), at, request_id, event });
        }
        self.committed.insert(id, (at, committed.clone()));
        committed
    }

    /// Where the record stands.
    fn effect(&self, id: Option<ResourceId>, edges: Vec<EdgeEffect>, at: Timestamp) -> Effect {
        match id.and_then(|id| self.records.get(&id)) {
            Some(stored) => Effect {
                version: Some(stored.record.version),
                membership: stored.record.membership,
                modified: stored.record.modified,
                rows: 0,
                edges,
            },
            None => Effect { version: None, membership: 0, modified: at, rows: 0, edges },
        }
    }
}

impl Application<'_> {
    /// The record whose state belongs into the effect, and what became of edges.
    fn change(&mut self, change: Change) -> (Option<ResourceId>, Vec<EdgeEffect>, u64) {
        match change {
            Change::Create(new) => (Some(new.key.id), self.create(new), 0),
            Change::Update { key, content, external_id, .. } => {
                (Some(key.id), self.update(&key, &content, external_id), 0)
            }
            Change::Delete { key, .. } => {
                self.delete(&key);
                (None, Vec::new(), 0)
            }
            Change::Members(change) => (Some(change.group.id), self.members(change), 0),
            Change::Hold(held) => {
                let same = |known: &HeldChange| known.key.id == held.key.id && known.removal == held.removal;
                if !self.directory.held_changes.values().any(same) {
                    self.directory.held_changes.insert(held.id, held);
                }
                (None, Vec::new(), 0)
            }
            Change::Unhold(id) => {
                self.directory.held_changes.remove(&id);
                (None, Vec::new(), 0)
            }
            Change::Admin(change) => (None, Vec::new(), self.directory.administer(change)),
        }
    }

    fn create(&mut self, new: NewRecord) -> Vec<EdgeEffect> {
        let NewRecord { key, content, external_id, revives } = new;
        let id = key.id;
        let revived = revives.then(|| self.directory.deleted.remove(&id)).flatten();
        let (version, created) = match &revived {
            Some(deleted) => (Version(deleted.tombstone.version.0 + 1), deleted.tombstone.created),
            None => (Version(1), self.at),
        };
        let record = Record {
            key: key.clone(),
            version,
            membership: 0,
            created,
            modified: self.at,
            external_id: None,
            display: None,
            manager: None,
            managed_by: None,
            direct_manager: None,
            account: None,
            document: Vec::new().into(),
        };
        let stored = Stored { record, index: Vec::new(), external: BTreeMap::new(), report: None };
        self.directory.records.insert(id, stored);
        self.directory.of_type.entry(Arc::clone(&key.resource_type)).or_default().insert(id);
        self.touched.insert(id);
        self.update(&key, &content, external_id)
    }

    fn update(&mut self, key: &Key, content: &Content, external_id: Option<String>) -> Vec<EdgeEffect> {
        let linked = self.take_held(key.id, content, external_id.as_deref());
        self.clear_index(key);
        for entry in &content.index {
            let place = (Arc::clone(&key.resource_type), entry.path.clone(), entry.key.clone());
            self.directory.index.entry(place).or_default().insert(key.id);
        }
        if self.scope.connector.is_some() {
            self.link(key.id, external_id);
        }
        self.touch(key.id);
        if let Some(stored) = self.directory.records.get_mut(&key.id) {
            let Content { document, index, display, manager, managed_by, account, .. } = content.clone();
            stored.record = Record {
                document: document.into(),
                display,
                manager,
                managed_by,
                account,
                ..stored.record.clone()
            };
            stored.index = index;
        }
        self.report(key, content.reports_to.as_deref(), content.display.as_deref());
        self.link_reports(key, content);
        let edges = linked.into_iter().map(|group| self.add(group, key.id));
        edges.filter(|edge| edge.outcome == EdgeOutcome::Added).collect()
    }

    fn delete(&mut self, key: &Key) {
        let id = key.id;
        let Some(stored) = self.directory.records.get(&id) else { return };
        let deleted = Deleted::of(stored.clone(), self.at);
        let connectors: Vec<_> = stored.external.keys().copied().collect();
        self.clear_index(key);
        for connector in connectors {
            self.link_at(connector, id, None);
        }
        for group in others(&self.directory.groups, id) {
            self.remove(group, id);
        }
        for member in others(&self.directory.members, id) {
            self.remove(id, member);
        }
        self.directory.held.retain(|held, _| held.group != id);
        self.directory.records.remove(&id);
        if let Some(ids) = self.directory.of_type.get_mut(&key.resource_type) {
            ids.remove(&id);
        }
        self.directory.deleted.insert(id, deleted);
        self.clear_reports(id);
    }

    fn members(&mut self, change: MemberChange) -> Vec<EdgeEffect> {
        let group = change.group.id;
        if change.release_all {
            self.directory.held.retain(|held, _| held.group != group);
        }
        let connector = self.scope.connector;
        self.directory.held.retain(|held, _| {
            held.group != group || held.connector != connector || !change.release.contains(&held.reference)
        });
        let mut effects = Vec::with_capacity(change.add.len() + change.remove.len());
        for member in change.remove {
            effects.push(self.remove(group, member));
        }
        for member in change.add {
            effects.push(match self.directory.stored(&member) {
                Some(_) => self.add(group, member.id),
                None => EdgeEffect { group, member: member.id, outcome: EdgeOutcome::Gone },
            });
        }
        for HeldReference { reference, kind } in change.hold {
            let connector = self.scope.connector;
            self.directory.held.insert(Held { group, reference, connector }, kind);
        }
        effects
    }

    fn add(&mut self, group: ResourceId, member: ResourceId) -> EdgeEffect {
        let outcome = match self.directory.members.insert((group, member)) {
            true => {
                self.directory.groups.insert((member, group));
                self.moved(group, member);
                EdgeOutcome::Added
            }
            false => EdgeOutcome::Unchanged,
        };
        EdgeEffect { group, member, outcome }
    }

    fn remove(&mut self, group: ResourceId, member: ResourceId) -> EdgeEffect {
        let outcome = match self.directory.members.remove(&(group, member)) {
            true => {
                self.directory.groups.remove(&(member, group));
                self.moved(group, member);
                EdgeOutcome::Removed
            }
            false => EdgeOutcome::Unchanged,
        };
        EdgeEffect { group, member, outcome }
    }

    /// After an edge changed.
    fn moved(&mut self, group: ResourceId, member: ResourceId) {
        self.touch(group);
        if let Some(stored) = self.directory.records.get_mut(&member) {
            stored.record.membership += 1;
        }
    }

    /// Raises the record's version, once for the change set.
    fn touch(&mut self, id: ResourceId) {
        if let Some(stored) = self.directory.records.get_mut(&id) {
            if self.touched.insert(id) {
                stored.record.version.0 += 1;
            }
            stored.record.modified = stored.record.modified.max(self.at);
        }
    }

    /// The other groups that hold a place for the record; the places are gone afterwards.
    fn take_held(
        &mut self,
        id: ResourceId,
        content: &Content,
        external_id: Option<&str>,
    ) -> BTreeSet<ResourceId> {
        let connector = self.scope.connector;
        let mut groups = BTreeSet::new();
        self.directory.held.retain(|held, _| {
            let linked = connector.is_some()
                && held.connector == connector
                && external_id == Some(held.reference.as_str());
            let taken = held.group != id && (linked || means(&held.reference, id, content));
            if taken {
                groups.insert(held.group);
            }
            !taken
        });
        groups
    }

    fn clear_index(&mut self, key: &Key) {
        let Some(stored) = self.directory.records.get_mut(&key.id) else { return };
        for entry in std::mem::take(&mut stored.index) {
            let place = (Arc::clone(&key.resource_type), entry.path, entry.key);
            if let Some(ids) = self.directory.index.get_mut(&place) {
                ids.remove(&key.id);
                if ids.is_empty() {
                    self.directory.index.remove(&place);
                }
            }
        }
    }

    fn link(&mut self, id: ResourceId, external_id: Option<String>) {
        if let Some(connector) = self.scope.connector {
            self.link_at(connector, id, external_id);
        }
    }

    fn link_at(&mut self, connector: ConnectorId, id: ResourceId, external_id: Option<String>) {
        let Some(stored) = self.directory.records.get_mut(&id) else { return };
        let old = match external_id.clone() {
            Some(external_id) => stored.external.insert(connector, external_id),
            None => stored.external.remove(&connector),
        };
        if let Some(old) = old {
            let place = (connector, old);
            if let Some(ids) = self.directory.external.get_mut(&place) {
                ids.remove(&id);
                if ids.is_empty() {
                    self.directory.external.remove(&place);
                }
            }
        }
        if let Some(external_id) = external_id {
            self.directory.external.entry((connector, external_id)).or_default().insert(id);
        }
    }
}

/// The record that a change creates or changes.
fn written(change: &Change) -> Option<ResourceId> {
    match change {
        Change::Create(new) => Some(new.key.id),
        Change::Update { key, .. } => Some(key.id),
        _ => None,
    }
}

/// Whether an event happened: a group that was changed only in its members did so where an edge changed.
fn is_kept(event: &Event, written: &BTreeSet<ResourceId>, effects: &[Effect]) -> bool {
    let moved = |edge: &EdgeEffect| {
        edge.group == event.key.id && matches!(edge.outcome, EdgeOutcome::Added | EdgeOutcome::Removed)
    };
    event.kind != EventKind::GroupChanged
        || written.contains(&event.key.id)
        || effects.iter().flat_map(|effect| &effect.edges).any(moved)
}

/// The other ends of a resource's edges.
fn others(pairs: &BTreeSet<(ResourceId, ResourceId)>, of: ResourceId) -> Vec<ResourceId> {
    pairs
        .range((Bound::Included((of, FIRST)), Bound::Included((of, LAST))))
        .map(|(_, other)| *other)
        .collect()
}
