//! Which change sets may share a transaction.

use std::collections::HashSet;

use scim_directory::{
    Change, ChangeSet, ChangeSetId, Condition, Content, InstanceId, Key, MemberChange, NewRecord, ResourceId,
    Scope, Version,
};

/// How many change sets share a transaction at most: each has some five locks, and the server's room for those is bounded.
const MOST: usize = 32;
/// How large their documents are at most, all together: whoever is larger goes by itself.
const MOST_BYTES: usize = 1 << 20;
/// How many edges, log records, events or values to be found by one of them has at most: lists of all of them are short.
pub(super) const MOST_ROWS: usize = 64;

/// The one change of a change set that may share.
#[derive(Clone, Copy)]
pub(super) enum Plain<'a> {
    /// Somebody comes who was never there, refers to nobody, and claims no name.
    Create(&'a NewRecord),
    /// The content of somebody changes.
    Update(Update<'a>),
    /// Somebody goes, who has that version where one is said.
    Delete(&'a Key, Option<Version>),
    /// Members join or leave a group, references that it may have held are forgotten, and nothing else of it is looked at.
    Edges(&'a MemberChange),
}

/// What a record holds from now on.
#[derive(Clone, Copy)]
pub(super) struct Update<'a> {
    pub(super) key: &'a Key,
    pub(super) expected: Version,
    pub(super) content: &'a Content,
    pub(super) external_id: Option<&'a str>,
}

impl<'a> Plain<'a> {
    /// The record that is changed or deleted.
    pub(super) fn written(self) -> Option<&'a Key> {
        match self {
            Self::Update(Update { key, .. }) | Self::Delete(key, _) => Some(key),
            Self::Create(_) | Self::Edges(_) => None,
        }
    }

    /// The type of what it changes.
    pub(super) fn resource_type(self) -> &'a str {
        match self {
            Self::Create(new) => &new.key.resource_type,
            Self::Update(Update { key, .. }) | Self::Delete(key, _) => &key.resource_type,
            Self::Edges(change) => &change.group.resource_type,
        }
    }

    /// What it holds from now on.
    fn content(self) -> Option<(&'a Key, &'a Content)> {
        match self {
            Self::Create(new) => Some((&new.key, &new.content)),
            Self::Update(Update { key, content, .. }) => Some((key, content)),
            Self::Delete(..) | Self::Edges(_) => None,
        }
    }
}

/// Whether a change set may share a transaction with others.
pub(crate) fn may_share(set: &ChangeSet) -> bool {
    plain(set).is_some()
}

/// What it changes, where it may share.
pub(super) fn plain(set: &ChangeSet) -> Option<Plain<'_>> {
    let [change] = set.changes.as_slice() else { return None };
    let many = set.log.len().max(set.events.len()) > MOST_ROWS;
    if many || set.realm.is_some() || set.scope.instance == Scope::SERVER.instance {
        return None;
    }
    match change {
        Change::Create(new) if is_alone(new) && has_conditions_of(set, Some(new)) => Some(Plain::Create(new)),
        Change::Update { key, expected, content, external_id }
            if is_no_group(key) && is_found_by_few(content) && has_conditions_of(set, None) =>
        {
            let (expected, external_id) = (*expected, external_id.as_deref());
            Some(Plain::Update(Update { key, expected, content, external_id }))
        }
        Change::Delete { key, expected } if is_no_group(key) && has_conditions_of(set, None) => {
            Some(Plain::Delete(key, *expected))
        }
        Change::Members(change) if is_of_edges(change) && has_conditions_of(set, None) => {
            Some(Plain::Edges(change))
        }
        _ => None,
    }
}

/// A group that comes would hold its name while others wait for groups' rows: people come before groups everywhere.
fn is_alone(new: &NewRecord) -> bool {
    !new.revives && new.content.reports_to.is_none() && is_no_group(&new.key) && is_found_by_few(&new.content)
}

/// Whether lists of what it is found by are short.
pub(in crate::commit) fn is_found_by_few(content: &Content) -> bool {
    content.index.len() <= MOST_ROWS
}

/// A group's row is taken last where its members change, and first where it is written itself.
fn is_no_group(key: &Key) -> bool {
    &*key.resource_type != "Group"
}

fn is_of_edges(change: &MemberChange) -> bool {
    let members: HashSet<ResourceId> = named(change).collect();
    let all = change.add.len() + change.remove.len();
    let looks = change.expected.is_some() || !change.hold.is_empty() || change.release_all;
    !looks
        && (1..=MOST_ROWS).contains(&all)
        && change.release.len() <= MOST_ROWS
        && members.len() == all
        && !members.contains(&change.group.id)
}

/// Whom a change of members names.
pub(super) fn named(change: &MemberChange) -> impl Iterator<Item = ResourceId> {
    change.add.iter().map(|member| member.id).chain(change.remove.iter().copied())
}

fn has_conditions_of(set: &ChangeSet, new: Option<&NewRecord>) -> bool {
    set.conditions.iter().all(|condition| match condition {
        Condition::Generation(_) | Condition::Key(..) => true,
        Condition::NotDeleted { resource_type, .. } => {
            new.is_some_and(|new| new.key.resource_type == *resource_type)
        }
        _ => false,
    })
}

/// The change sets that share a transaction. They are of one instance, decided at one generation of it, and commute: no two name one
/// record (but the group whose edges they change), want one unique key, or are the same.
#[derive(Default)]
pub(crate) struct Party<'a> {
    instance: Option<InstanceId>,
    generation: Option<i64>,
    bytes: usize,
    sets: HashSet<ChangeSetId>,
    records: HashSet<ResourceId>,
    groups: HashSet<ResourceId>,
    keys: HashSet<(&'a str, &'a str, &'a str)>,
}

impl<'a> Party<'a> {
    /// Takes one more in, where it may come.
    pub(crate) fn admit(&mut self, set: &'a ChangeSet) -> bool {
        let Some(plain) = plain(set) else { return false };
        let instance = set.scope.instance;
        if self.instance.is_some_and(|own| own != instance)
            || self.sets.len() >= MOST
            || self.sets.contains(&set.id)
            || !self.agrees(set)
        {
            return false;
        }
        let bytes = self.bytes.saturating_add(size(plain));
        if bytes > MOST_BYTES && !self.sets.is_empty() {
            return false;
        }
        let is_known = |id: &ResourceId| self.records.contains(id) || self.groups.contains(id);
        let unique = |(key, content): (&'a Key, &'a Content)| {
            let unique = content.index.iter().filter(|entry| entry.unique);
            unique.map(|entry| (&*key.resource_type, entry.path.as_str(), entry.key.as_str()))
        };
        let keys: Vec<_> = plain.content().into_iter().flat_map(unique).collect();
        if keys.iter().any(|key| self.keys.contains(key)) {
            return false;
        }
        match plain {
            Plain::Create(NewRecord { key, .. })
            | Plain::Update(Update { key, .. })
            | Plain::Delete(key, _) => {
                if is_known(&key.id) {
                    return false;
                }
                self.records.insert(key.id);
            }
            Plain::Edges(change) => {
                if self.records.contains(&change.group.id) || named(change).any(|id| is_known(&id)) {
                    return false;
                }
                self.records.extend(named(change));
                self.groups.insert(change.group.id);
            }
        }
        self.keys.extend(keys);
        self.instance = Some(instance);
        self.bytes = bytes;
        self.sets.insert(set.id);
        self.generation = self.generation.or_else(|| generation(set).next());
        true
    }

    /// Whether it wants no other generation than the others, nor two.
    fn agrees(&self, set: &ChangeSet) -> bool {
        let own = self.generation.or_else(|| generation(set).next());
        generation(set).all(|generation| own == Some(generation))
    }
}

/// How large its document is, with what is searched in it.
fn size(plain: Plain<'_>) -> usize {
    plain.content().map_or(0, |(_, content)| content.document.len().saturating_add(content.shadow.len()))
}

/// The generations that a change set was decided at: one, where it says so.
fn generation(set: &ChangeSet) -> impl Iterator<Item = i64> {
    set.conditions.iter().filter_map(|condition| match condition {
        Condition::Generation(generation) => Some(*generation),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use scim_directory::{Key, Version};
    use scim_storage::MemoryStore;
    use scim_storage_suite::world::{World, delete, hold, members};
    use serde_json::json;

    use super::*;

    fn person(world: &World<'_>, name: &str) -> ChangeSet {
        let new = world.new_record("User", &json!({ "userName": name }));
        world.change_set(world.scope, vec![Change::Create(new)])
    }

    fn created(set: &ChangeSet) -> Key {
        let [Change::Create(new)] = set.changes.as_slice() else { panic!("a creation") };
        new.key.clone()
    }

    #[test]
    fn what_commutes_comes_together() {
        let store = MemoryStore::default();
        let world = World::new(&store);
        let edges = |group: &Key, add: &[&Key], remove: &[&Key]| {
            world.change_set(world.scope, vec![members(group, add, remove)])
        };
        let (group, other) = (world.key("Group"), world.key("Group"));
        let [a, b, c, d] = [0; 4].map(|_| world.key("User"));
        let change = |key: &Key, expected, name: &str| {
            let update = world.update(key, expected, &json!({ "userName": name }));
            world.change_set(world.scope, vec![update])
        };
        let gone = |key: &Key| world.change_set(world.scope, vec![delete(key)]);
        let ada = person(&world, "ada");
        let known = [ada.clone(), edges(&group, &[&a], &[])];
        let decided = |generation, name: &str| {
            let conditions = vec![Condition::Generation(generation)];
            ChangeSet { conditions, ..person(&world, name) }
        };
        let elsewhere = world.from_elsewhere();
        let cases = [
            (true, "somebody else", person(&world, "grace")),
            (true, "another edge of the group", edges(&group, &[&b], &[])),
            (true, "decided at some generation", decided(1, "b")),
            (true, "decided at the same", decided(1, "c")),
            (true, "somebody changes", change(&c, 1, "cleo")),
            (true, "somebody goes", gone(&d)),
            (false, "decided at another", decided(2, "d")),
            (false, "the same person in another version", change(&c, 2, "c")),
            (false, "who just changed", gone(&c)),
            (false, "who just went", change(&d, 1, "d")),
            (false, "a member who goes", gone(&a)),
            (false, "a member who changes", change(&a, 1, "a")),
            (false, "who goes as a member", edges(&other, &[], &[&d])),
            (false, "a name that another wants", change(&world.key("User"), 1, "Ada")),
            (false, "the same change set", ada.clone()),
            (false, "the same name", person(&world, "ADA")),
            (false, "a member who joins another group", edges(&other, &[&a], &[])),
            (false, "a group in a group that changes", edges(&other, &[&group], &[])),
            (false, "who is just coming", edges(&other, &[&created(&ada)], &[])),
            (false, "of another instance", person(&elsewhere, "somebody")),
        ];
        let many: Vec<_> = (0..MOST).map(|number| person(&world, &format!("p{number}"))).collect();
        let large = |name: &str| {
            let mut set = person(&world, name);
            for change in &mut set.changes {
                if let Change::Create(new) = change {
                    new.content.document = vec![b' '; MOST_BYTES];
                }
            }
            set
        };
        let (large, small) = (large("large"), person(&world, "small"));
        let mut party = Party::default();
        assert!(known.iter().all(|set| party.admit(set)));
        for (expected, why, set) in &cases {
            assert_eq!(party.admit(set), *expected, "{why}");
        }
        assert!(!party.admit(&large), "it is too large for them");
        let mut own = Party::default();
        assert!(own.admit(&large) && !own.admit(&small), "it goes by itself");
        let admitted = many.iter().filter(|set| party.admit(set)).count();
        assert_eq!(admitted, MOST - 8, "with those before");
    }

    #[test]
    fn what_looks_at_more_goes_by_itself() {
        let store = MemoryStore::default();
        let world = World::new(&store);
        let (group, a) = (world.key("Group"), world.key("User"));
        let set = |changes| world.change_set(world.scope, changes);
        let new = || world.new_record("User", &json!({ "userName": "ada" }));
        let with = |condition| ChangeSet { conditions: vec![condition], ..set(vec![Change::Create(new())]) };
        let Change::Members(edges) = members(&group, &[&a], &[]) else { panic!("members") };
        let reports = |reference: &str| {
            let mut new = new();
            new.content.reports_to = Some(reference.to_owned());
            new
        };
        let release = |add| {
            let release = vec!["x".to_owned()];
            set(vec![Change::Members(MemberChange { add, release, ..edges.clone() })])
        };
        assert!(may_share(&release(vec![a.clone()])));
        let called = |names: usize| {
            let mut new = new();
            let index = new.content.index.clone();
            new.content.index = index.iter().cycle().take(names).cloned().collect();
            set(vec![Change::Create(new)])
        };
        assert!(may_share(&called(MOST_ROWS)));
        let cases = [
            ("who is found by many values", called(MOST_ROWS + 1)),
            ("two changes", set(vec![Change::Create(new()), members(&group, &[&a], &[])])),
            ("a group that changes", set(vec![world.update(&group, 1, &json!({ "displayName": "g" }))])),
            ("a group that goes", set(vec![delete(&group)])),
            ("two that go", set(vec![delete(&a), delete(&world.key("User"))])),
            ("a held reference", set(vec![hold(&group, &["x"])])),
            (
                "an expected version",
                set(vec![Change::Members(MemberChange { expected: Some(Version(1)), ..edges.clone() })]),
            ),
            ("references without an edge", release(Vec::new())),
            ("a member twice", set(vec![members(&group, &[&a], &[&a])])),
            ("the group in itself", set(vec![members(&group, &[&group], &[])])),
            ("nobody", set(vec![members(&group, &[], &[])])),
            ("who comes back", set(vec![Change::Create(NewRecord { revives: true, ..new() })])),
            ("who refers to a manager", set(vec![Change::Create(reports("boss"))])),
            (
                "a group that comes",
                set(vec![Change::Create(world.new_record("Group", &json!({ "displayName": "g" })))]),
            ),
            ("a realm", ChangeSet { realm: Some("r".to_owned()), ..set(vec![Change::Create(new())]) }),
            ("seats", with(Condition::Seats { resource_type: "User".into(), at_most: 3 })),
        ];
        for (why, set) in cases {
            assert!(!may_share(&set), "{why}");
        }
        assert!(may_share(&with(Condition::Generation(1))));
    }
}
