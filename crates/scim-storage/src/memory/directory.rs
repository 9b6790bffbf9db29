//! The resources, edges and journal of one instance, and the reads that name what they want.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;
use std::sync::Arc;

use scim_core::instant::Timestamp;
use scim_core::resource::IndexEntry;
use scim_core::text::Matching;
use scim_directory::{
    ApplicationObject, ChangeSetId, Committed, ConnectorId, Fact, HeldChange, HeldChangeId, Key,
    MappingVersion, Question, Record, ResourceId, Scope, StoredEvent, Target,
};
use serde_json::Value;

use super::import::Imports;
use super::manager::Report;
use super::tombstone::Deleted;

use crate::{Direction, Edge, EdgePage, EdgeQuery, HeldEdge, JournalEntry, Want};

/// The path of the index entry by which references find people.
pub(super) const USER_NAME: &str = "userName";

#[derive(Default)]
pub(super) struct Directory {
    pub(super) records: BTreeMap<ResourceId, Stored>,
    pub(super) of_type: HashMap<Arc<str>, BTreeSet<ResourceId>>,
    pub(super) deleted: BTreeMap<ResourceId, Deleted>,
    /// By type, path and key.
    pub(super) index: HashMap<(Arc<str>, String, String), BTreeSet<ResourceId>>,
    pub(super) external: BTreeMap<(ConnectorId, String), BTreeSet<ResourceId>>,
    /// Group, member.
    pub(super) members: BTreeSet<(ResourceId, ResourceId)>,
    /// Member, group.
    pub(super) groups: BTreeSet<(ResourceId, ResourceId)>,
    /// With the `type` that the client sent.
    pub(super) held: BTreeMap<Held, Option<String>>,
    pub(super) journal: Vec<JournalEntry>,
    pub(super) events: Vec<StoredEvent>,
    pub(super) committed: HashMap<ChangeSetId, (Timestamp, Committed)>,
    /// People whose direct manager is not there, or not managed.
    pub(super) waiting: BTreeSet<ResourceId>,
    pub(super) held_changes: BTreeMap<HeldChangeId, HeldChange>,
    pub(super) mappings: Vec<MappingVersion>,
    /// By kind and folded name.
    pub(super) objects: BTreeMap<(String, String), ApplicationObject>,
    pub(super) jobs: BTreeMap<String, Value>,
    pub(super) imports: Imports,
}

#[derive(Clone)]
pub(super) struct Stored {
    /// Without an `external_id`.
    pub(super) record: Record,
    pub(super) index: Vec<IndexEntry>,
    pub(super) external: BTreeMap<ConnectorId, String>,
    pub(super) report: Option<Report>,
}

/// A reference of a group to somebody who is not there.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Held {
    pub(super) group: ResourceId,
    pub(super) reference: String,
    pub(super) connector: Option<ConnectorId>,
}

impl Stored {
    pub(super) fn for_scope(&self, scope: &Scope, want: Want) -> Record {
        let mut record = Record {
            external_id: scope.connector.and_then(|connector| self.external.get(&connector)).cloned(),
            ..self.record.clone()
        };
        if !want.document {
            record.document.clear();
        }
        if !want.account {
            record.account = None;
        }
        if !want.facts {
            (record.display, record.managed_by, record.direct_manager) = (None, None, None);
        }
        record
    }
}

impl Directory {
    pub(super) fn stored(&self, key: &Key) -> Option<&Stored> {
        self.records.get(&key.id).filter(|stored| stored.record.key == *key)
    }

    pub(super) fn record(&self, scope: &Scope, key: &Key, want: Want) -> Option<Record> {
        self.stored(key).map(|stored| stored.for_scope(scope, want))
    }

    /// The live resource that a reference means.
    pub(super) fn resolve(&self, scope: &Scope, reference: &str) -> Option<&Stored> {
        let by_id = || self.records.get(&reference.parse().ok()?);
        let by_external_id = || {
            let ids = self.external.get(&(scope.connector?, reference.to_owned()))?;
            self.records.get(ids.first()?)
        };
        by_id().or_else(by_external_id).or_else(|| self.named(reference))
    }

    fn named(&self, user_name: &str) -> Option<&Stored> {
        let key = Matching::UserName.key(user_name).into_owned();
        let found = self.of_type.keys().filter_map(|resource_type| {
            let ids = self.index.get(&(Arc::clone(resource_type), USER_NAME.to_owned(), key.clone()))?;
            ids.first().copied()
        });
        self.records.get(&found.min()?)
    }

    pub(super) fn count(&self, resource_type: &str) -> usize {
        self.of_type.get(resource_type).map_or(0, BTreeSet::len)
    }

    pub(super) fn fact(&self, scope: &Scope, question: &Question) -> Fact {
        match question {
            Question::Target(reference) => Fact::Target(match self.resolve(scope, reference) {
                Some(stored) => Target::Live(stored.record.key.clone()),
                None => match reference.parse().ok().and_then(|id| self.deleted.get(&id)) {
                    Some(deleted) => Target::Deleted { at: deleted.tombstone.at },
                    None => Target::Unknown,
                },
            }),
            Question::Display(id) => Fact::Display(
                self.records.get(id).map(|stored| (stored.record.key.clone(), stored.record.display.clone())),
            ),
            Question::Count(resource_type, tally) => Fact::Count(self.tally(resource_type, *tally)),
            Question::Members { group, most } => {
                let members = self.members.range((*group, FIRST)..=(*group, LAST)).take(*most);
                Fact::Count(u64::try_from(members.count()).unwrap_or(u64::MAX))
            }
            Question::Named { resource_type, path, key } => {
                let place = (Arc::clone(resource_type), (*path).to_owned(), key.clone());
                let ids = self.index.get(&place).into_iter().flatten();
                let mut records: Vec<Record> = ids
                    .filter_map(|id| self.records.get(id))
                    .map(|stored| stored.for_scope(scope, Want::FULL))
                    .collect();
                records.sort_by_key(|record| (record.managed_by.is_some(), record.key.id));
                records.truncate(2);
                Fact::Records(records)
            }
            Question::DeletedLink { .. } | Question::DeletedName(_) | Question::DeletedId(_) => {
                Fact::Deleted(self.tombstone(scope, question))
            }
            Question::Removals { connector, since } => {
                let (suspended, deleted) = self.removals(*connector, *since);
                Fact::Removals { suspended, deleted }
            }
            Question::Held(id, removal) => {
                let mut held = self.held_changes.values();
                let found = held.find(|held| held.key.id == *id && held.removal == *removal);
                Fact::Held(found.cloned().map(Box::new))
            }
            Question::Object { kind, name } => Fact::Object(self.object(kind, name)),
            // INVARIANT: the store answers this one itself; an instance knows no claims of others.
            Question::Claimed { .. } => Fact::Claimed(false),
        }
    }

    pub(super) fn edges(&self, query: &EdgeQuery) -> EdgePage {
        let pairs = match query.direction {
            Direction::Members => &self.members,
            Direction::Groups => &self.groups,
        };
        let of: BTreeSet<_> = query.of.iter().copied().collect();
        let only: Option<BTreeSet<_>> = query.only.as_ref().map(|only| only.iter().copied().collect());
        let mut page = EdgePage::default();
        'edges: for &of in &of {
            let start = match query.after {
                Some((after, _)) if after > of => continue,
                Some((after, other)) if after == of => Bound::Excluded((of, other)),
                _ => Bound::Included((of, FIRST)),
            };
            for &(_, other) in pairs.range((start, Bound::Included((of, LAST)))) {
                if only.as_ref().is_some_and(|only| !only.contains(&other)) {
                    continue;
                }
                if page.edges.len() == query.limit {
                    page.more = true;
                    break 'edges;
                }
                page.edges.extend(self.edge(of, other));
            }
        }
        if query.direction == Direction::Members && query.after.is_none() && query.only.is_none() {
            page.held = of.into_iter().flat_map(|of| self.held_by(of)).take(query.limit).collect();
        }
        page
    }

    /// The references that a group holds.
    pub(super) fn held_by(&self, group: ResourceId) -> impl Iterator<Item = HeldEdge> {
        let first = Held { group, reference: String::new(), connector: None };
        let held = self.held.range(first..).take_while(move |(held, _)| held.group == group);
        held.map(|(held, kind)| HeldEdge {
            of: held.group,
            reference: held.reference.clone(),
            kind: kind.clone(),
        })
    }

    /// Every edge of one resource.
    pub(super) fn edges_of(&self, of: ResourceId, direction: Direction) -> Vec<Edge> {
        let query = EdgeQuery { of: vec![of], direction, only: None, after: None, limit: usize::MAX };
        self.edges(&query).edges
    }

    fn edge(&self, of: ResourceId, other: ResourceId) -> Option<Edge> {
        let record = &self.records.get(&other)?.record;
        let resource_type = Arc::clone(&record.key.resource_type);
        Some(Edge { of, other, resource_type, display: record.display.as_deref().map(Arc::from) })
    }
}

pub(super) const FIRST: ResourceId = ResourceId::new(uuid::Uuid::nil());
pub(super) const LAST: ResourceId = ResourceId::new(uuid::Uuid::max());
