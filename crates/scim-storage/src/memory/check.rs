//! Whether a change set can be committed, before anything of it is.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use scim_core::text::Matching;
use scim_directory::{
    Change, ChangeSet, Content, HeldReference, Key, MemberChange, ResourceId, Scope, Version,
};

use super::directory::{Directory, USER_NAME};
use crate::CommitError;

/// What the changes so far made of the records that they name.
#[derive(Default)]
struct Draft<'c> {
    /// `None` where it is deleted.
    touched: BTreeMap<ResourceId, Option<Touched<'c>>>,
    /// Records that the change set creates, in the version that they begin with.
    created: BTreeMap<ResourceId, Version>,
}

struct Touched<'c> {
    key: &'c Key,
    content: &'c Content,
    external_id: Option<&'c str>,
}

impl Directory {
    /// Changes nothing.
    pub(super) fn check(&self, changes: &ChangeSet) -> Result<(), CommitError> {
        let mut draft = Draft::default();
        for change in &changes.changes {
            match change {
                Change::Create(new) => {
                    let id = new.key.id;
                    let tombstone = self.deleted.get(&id).map(|deleted| &deleted.tombstone);
                    require(!new.revives || tombstone.is_some_and(|tombstone| tombstone.key == new.key))?;
                    let revived = tombstone.filter(|_| new.revives);
                    let version = revived.map_or(1, |tombstone| tombstone.version.0 + 1);
                    if self.records.contains_key(&id) || draft.touched.contains_key(&id) {
                        return Err(CommitError::Duplicate { attribute: "id".to_owned() });
                    }
                    draft.created.insert(id, Version(version));
                    draft.touch(&new.key, &new.content, new.external_id.as_deref());
                }
                Change::Update { key, expected, content, external_id } => {
                    self.require_version(&draft, key, Some(*expected))?;
                    draft.touch(key, content, external_id.as_deref());
                }
                Change::Delete { key, expected } => {
                    self.require_version(&draft, key, *expected)?;
                    draft.touched.insert(key.id, None);
                }
                Change::Members(change) => {
                    self.require_version(&draft, &change.group, change.expected)?;
                    require(!self.has_arrived(&draft, &changes.scope, change))?;
                }
                Change::Admin(_) | Change::Hold(_) | Change::Unhold(_) => {}
            }
        }
        self.check_unique(&draft)?;
        self.check_instance(changes)
    }

    /// That the record is there, in the version that it had before the change set.
    fn require_version(
        &self,
        draft: &Draft<'_>,
        key: &Key,
        expected: Option<Version>,
    ) -> Result<(), CommitError> {
        let version = match (draft.touched.get(&key.id), self.stored(key)) {
            (Some(None), _) => None,
            (_, Some(stored)) => Some(stored.record.version),
            (Some(Some(touched)), None) if touched.key == key => draft.created.get(&key.id).copied(),
            _ => None,
        };
        require(version.is_some() && (expected.is_none() || version == expected))
    }

    /// Whether somebody is, or was, there for whom the change wants to hold a place.
    fn has_arrived(&self, draft: &Draft<'_>, scope: &Scope, change: &MemberChange) -> bool {
        change.hold.iter().any(|HeldReference { reference, .. }| {
            let stored = self.resolve(scope, reference).map(|stored| stored.record.key.id);
            stored.is_some_and(|id| !draft.touched.contains_key(&id))
                || reference.parse().is_ok_and(|id| self.deleted.contains_key(&id))
                || draft.touched.values().flatten().any(|touched| {
                    let linked = scope.connector.is_some() && touched.external_id == Some(reference);
                    linked || means(reference, touched.key.id, touched.content)
                })
        })
    }

    /// That no unique value is taken, once everything that the change set gives up is given up.
    fn check_unique(&self, draft: &Draft<'_>) -> Result<(), CommitError> {
        let mut claims = HashMap::new();
        for (id, touched) in &draft.touched {
            let Some(touched) = touched else { continue };
            let own: HashSet<_> = touched.content.index.iter().filter(|entry| entry.unique).collect();
            for entry in own {
                let place = (Arc::clone(&touched.key.resource_type), entry.path.clone(), entry.key.clone());
                let holders = self.index.get(&place);
                let taken = holders.is_some_and(|ids| ids.iter().any(|id| !draft.touched.contains_key(id)));
                if taken || claims.insert(place, id).is_some() {
                    return Err(CommitError::Duplicate { attribute: entry.path.clone() });
                }
            }
        }
        Ok(())
    }
}

impl<'c> Draft<'c> {
    fn touch(&mut self, key: &'c Key, content: &'c Content, external_id: Option<&'c str>) {
        self.touched.insert(key.id, Some(Touched { key, content, external_id }));
    }
}

/// Whether a reference means a record by its id or user name.
pub(super) fn means(reference: &str, id: ResourceId, content: &Content) -> bool {
    let name = content.index.iter().find(|entry| entry.path == USER_NAME);
    reference.parse() == Ok(id) || name.is_some_and(|name| name.key == Matching::UserName.key(reference))
}

fn require(holds: bool) -> Result<(), CommitError> {
    if holds { Ok(()) } else { Err(CommitError::Conflict) }
}
