//! Decisions about a group's members: many edits in order, worked out to one difference.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use scim_directory::{
    Action, AttributeChange, Change, EventKind, HeldReference, Key, LogRecord, LogResource, LogStatus,
    MemberChange, ResourceId, Target, Version,
};

use crate::Decision;
use crate::person::event::event;

/// A reference as the client sent it, and what it means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// The text.
    pub text: String,
    /// The `type` that the client sent with it.
    pub kind: Option<String>,
    /// What it means.
    pub target: Target,
}

/// Takes member edits in the order of the request and works out their net effect.
///
/// Order counts: adding after removing leaves the member in. What came before a replacement is forgotten.
#[derive(Debug, Default)]
pub struct MemberPlanner {
    cleared: bool,
    add: BTreeMap<ResourceId, Key>,
    remove: BTreeSet<ResourceId>,
    hold: BTreeMap<String, Option<String>>,
    release: BTreeSet<String>,
    ignored: BTreeSet<String>,
}

/// The net effect of member edits.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct MemberPlan {
    /// Whether everything that was there before goes, so that the present members have to be known.
    pub cleared: bool,
    add: BTreeMap<ResourceId, Key>,
    remove: BTreeSet<ResourceId>,
    hold: BTreeMap<String, Option<String>>,
    release: BTreeSet<String>,
    ignored: BTreeSet<String>,
}

impl MemberPlanner {
    /// Members join.
    pub fn add(&mut self, references: impl IntoIterator<Item = Reference>) {
        for Reference { text, kind, target } in references {
            match target {
                Target::Live(key) => {
                    self.remove.remove(&key.id);
                    self.release.insert(text);
                    self.add.insert(key.id, key);
                }
                Target::Deleted { .. } => {
                    self.ignored.insert(text);
                }
                Target::Unknown => {
                    self.release.remove(&text);
                    self.hold.insert(text, kind);
                }
            }
        }
    }

    /// Members leave. A reference to nobody may be one that was held.
    pub fn remove(&mut self, references: impl IntoIterator<Item = Reference>) {
        for Reference { text, target, .. } in references {
            if let Target::Live(key) = target {
                self.add.remove(&key.id);
                self.remove.insert(key.id);
            }
            self.hold.remove(&text);
            self.release.insert(text);
        }
    }

    /// Everybody leaves.
    pub fn clear(&mut self) {
        *self = Self { cleared: true, ..Self::default() };
    }

    /// Whether everybody who was there has left at this point of the request.
    #[must_use]
    pub fn is_cleared(&self) -> bool {
        self.cleared
    }

    /// Members that joined so far in this request.
    pub fn joined(&self) -> impl Iterator<Item = &Key> {
        self.add.values()
    }

    /// Whether this id has left so far in this request.
    #[must_use]
    pub fn has_left(&self, id: ResourceId) -> bool {
        self.cleared || self.remove.contains(&id)
    }

    /// The net effect.
    #[must_use]
    pub fn finish(self) -> MemberPlan {
        let Self { cleared, add, remove, hold, release, ignored } = self;
        MemberPlan { cleared, add, remove, hold, release, ignored }
    }
}

impl MemberPlan {
    /// Whether nothing would change.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        !self.cleared
            && self.add.is_empty()
            && self.remove.is_empty()
            && self.hold.is_empty()
            && self.release.is_empty()
            && self.ignored.is_empty()
    }

    /// Whether this resource would join.
    #[must_use]
    pub fn adds(&self, id: ResourceId) -> bool {
        self.add.contains_key(&id)
    }

    /// How many members it names that would leave.
    #[must_use]
    pub fn leaving(&self) -> usize {
        self.remove.len()
    }

    /// References that mean nobody, which a strict connector refuses.
    #[must_use]
    pub fn unknown(&self) -> Vec<&str> {
        self.hold.keys().map(String::as_str).collect()
    }

    /// The decision. `present` are the members that the group has now, needed (and only looked at) when the plan is
    /// [`MemberPlan::cleared`]; `expected` is the group's version where the client named one or `present` was read.
    #[must_use]
    pub fn decide(
        self,
        group: &Key,
        group_name: Option<&str>,
        present: &[ResourceId],
        expected: Option<Version>,
    ) -> Decision {
        let Self { cleared, mut add, mut remove, hold, release, ignored } = self;
        if cleared {
            let present: BTreeSet<_> = present.iter().copied().collect();
            remove = present.iter().copied().filter(|id| !add.contains_key(id)).collect();
            add.retain(|id, _| !present.contains(id));
        }
        let mut log = Vec::new();
        let mut record = |action, status, changes: Vec<AttributeChange>, notes: Vec<String>| {
            let resource = Some(LogResource::new(&group.resource_type, group.id, group_name));
            log.push(LogRecord { changes, notes, ..LogRecord::new(action, status, resource) });
        };
        let texts =
            |ids: &mut dyn Iterator<Item = &ResourceId>| ids.map(ToString::to_string).collect::<Vec<_>>();
        let edges =
            |added, removed| vec![AttributeChange::Edges { attribute: "members".to_owned(), added, removed }];
        if !add.is_empty() {
            let added = texts(&mut add.keys());
            record(Action::MemberAdded, LogStatus::Success, edges(added, Vec::new()), Vec::new());
        }
        if !remove.is_empty() {
            let removed = texts(&mut remove.iter());
            record(Action::MemberRemoved, LogStatus::Success, edges(Vec::new(), removed), Vec::new());
        }
        if !hold.is_empty() {
            let notes =
                hold.keys().map(|text| format!("{text}: nobody has this id yet; linked when they arrive"));
            record(Action::ReferenceHeld, LogStatus::Warning, Vec::new(), notes.collect());
        }
        if !ignored.is_empty() {
            let notes = ignored.iter().map(|text| format!("{text}: this member was deleted; ignored"));
            record(Action::ReferenceIgnored, LogStatus::Warning, Vec::new(), notes.collect());
        }
        let changes =
            if add.is_empty() && remove.is_empty() && hold.is_empty() && release.is_empty() && !cleared {
                Vec::new()
            } else {
                vec![Change::Members(MemberChange {
                    group: group.clone(),
                    expected,
                    add: add.into_values().collect(),
                    remove: remove.into_iter().collect(),
                    hold: hold
                        .into_iter()
                        .map(|(reference, kind)| HeldReference { reference, kind })
                        .collect(),
                    release: if cleared { Vec::new() } else { release.into_iter().collect() },
                    release_all: cleared,
                })]
            };
        let joined_or_left = changes.iter().any(|change| {
            matches!(change, Change::Members(members) if !members.add.is_empty() || !members.remove.is_empty())
        });
        let event = joined_or_left.then(|| event(EventKind::GroupChanged, group, None, None));
        Decision { changes, log, events: event.into_iter().collect(), ..Decision::default() }
    }
}

impl Reference {
    /// References from what was sent, with what a store says that they mean.
    #[must_use]
    pub fn pair(sent: &[(String, Option<String>)], targets: &HashMap<String, Target>) -> Vec<Self> {
        sent.iter()
            .map(|(text, kind)| Self {
                text: text.clone(),
                kind: kind.clone(),
                target: targets.get(text).cloned().unwrap_or(Target::Unknown),
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use scim_core::instant::Timestamp;

    fn id(number: u128) -> ResourceId {
        format!("00000000-0000-7000-8000-{number:012x}").parse().expect("an id")
    }

    fn live(number: u128) -> Reference {
        let key = Key { resource_type: "User".into(), id: id(number) };
        Reference { text: id(number).to_string(), kind: None, target: Target::Live(key) }
    }

    fn unknown(text: &str) -> Reference {
        Reference { text: text.to_owned(), kind: None, target: Target::Unknown }
    }

    fn check(
        edit: impl Fn(&mut MemberPlanner),
        present: &[u128],
        add: &[u128],
        remove: &[u128],
        hold: &[&str],
    ) {
        let mut planner = MemberPlanner::default();
        edit(&mut planner);
        let group = Key { resource_type: "Group".into(), id: id(999) };
        let present: Vec<_> = present.iter().map(|number| id(*number)).collect();
        let decision = planner.finish().decide(&group, Some("G"), &present, None);
        let Some(Change::Members(change)) = decision.changes.first() else {
            assert!(add.is_empty() && remove.is_empty() && hold.is_empty());
            return;
        };
        let ids = |numbers: &[u128]| numbers.iter().map(|number| id(*number)).collect::<Vec<_>>();
        assert_eq!(change.add.iter().map(|key| key.id).collect::<Vec<_>>(), ids(add));
        assert_eq!(change.remove, ids(remove));
        assert_eq!(change.hold.iter().map(|held| held.reference.as_str()).collect::<Vec<_>>(), hold);
    }

    #[test]
    fn order_counts() {
        check(
            |plan| {
                plan.add([live(1)]);
                plan.remove([live(1)]);
            },
            &[],
            &[],
            &[1],
            &[],
        );
        check(
            |plan| {
                plan.remove([live(1)]);
                plan.add([live(1)]);
            },
            &[],
            &[1],
            &[],
            &[],
        );
    }

    #[test]
    fn a_replacement_is_a_difference() {
        check(
            |plan| {
                plan.add([live(9)]);
                plan.clear();
                plan.add([live(1), live(2)]);
            },
            &[2, 3],
            &[1],
            &[3],
            &[],
        );
    }

    #[test]
    fn unknown_is_held_and_deleted_ignored() {
        check(|plan| plan.add([unknown("ada")]), &[], &[], &[], &["ada"]);
        let mut planner = MemberPlanner::default();
        let at = Timestamp::default();
        planner.add([Reference { text: "x".to_owned(), kind: None, target: Target::Deleted { at } }]);
        let group = Key { resource_type: "Group".into(), id: id(999) };
        let decision = planner.finish().decide(&group, None, &[], None);
        assert!(decision.changes.is_empty());
        assert_eq!(decision.log.first().map(|record| record.action), Some(Action::ReferenceIgnored));
    }
}
