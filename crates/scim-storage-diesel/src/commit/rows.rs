//! Locking records before they are looked at, on PostgreSQL, where commits run side by side.
//!
//! All records that a change set names are locked by one statement, people before groups and each in the order of ids, so that two
//! change sets do not wait for one another in a ring. With a record that is deleted come those that it takes with it: members,
//! groups, who reports to it. Where an edge came while that waited, whom it leads to would be locked out of order, and two might wait
//! for one another in a ring: such a deletion is applied again, alone in its instance.
//!
//! A group whose members change and nothing else is not among them: many may change them at once. Its row is locked by the
//! change of its version, which comes last and finds out whether the group is still there.

use std::collections::BTreeSet;

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Binary, Nullable, Text};
use scim_directory::{Change, Key, MemberChange, ResourceId, Version};
use scim_storage::StoreError;

use super::Applying;
use super::index::entries;
use super::record::Before;
use crate::error::Refusal;
use crate::read::resource_id;
use crate::sql::{Id, Statement};

/// A record that was locked, as it is.
#[derive(QueryableByName)]
pub(super) struct Locked {
    #[diesel(sql_type = Binary)]
    id: Vec<u8>,
    #[diesel(sql_type = Text)]
    resource_type: String,
    #[diesel(sql_type = BigInt)]
    version: i64,
    #[diesel(sql_type = BigInt)]
    membership: i64,
    #[diesel(sql_type = BigInt)]
    modified_ms: i64,
    #[diesel(sql_type = BigInt)]
    active: i64,
    #[diesel(sql_type = Nullable<Binary>)]
    managed_by: Option<Vec<u8>>,
    #[diesel(sql_type = Nullable<Text>)]
    reports_to: Option<String>,
    #[diesel(sql_type = Nullable<Binary>)]
    reports_via: Option<Vec<u8>>,
    #[diesel(sql_type = Nullable<Binary>)]
    direct_manager: Option<Vec<u8>>,
    #[diesel(sql_type = Text)]
    keys: String,
}

#[derive(QueryableByName)]
struct Raised {
    #[diesel(sql_type = Binary)]
    id: Vec<u8>,
    #[diesel(sql_type = BigInt)]
    version: i64,
}

impl Locked {
    /// Whose row it is, and what that was before a change.
    pub(super) fn known(self) -> Result<(ResourceId, String, Before), StoreError> {
        let before = Before {
            version: self.version,
            membership: self.membership,
            modified_ms: self.modified_ms,
            active: self.active,
            managed_by: self.managed_by,
            reports_to: self.reports_to,
            reports_via: self.reports_via,
            direct_manager: self.direct_manager,
            keys: self.keys,
        };
        Ok((resource_id(&self.id)?, self.resource_type, before))
    }
}

const LOCK: &str = "SELECT id, resource_type, version, membership, modified_ms, active, managed_by, reports_to, reports_via, direct_manager, keys \
    FROM resources WHERE instance_id = $1 AND id = ANY($2) ORDER BY resource_type = 'Group', id FOR NO KEY UPDATE";

/// With what deletions take with them.
const LOCK_AROUND: &str = "SELECT id, resource_type, version, membership, modified_ms, active, managed_by, reports_to, reports_via, direct_manager, keys \
    FROM resources WHERE instance_id = $1 AND id IN (SELECT unnest($2) \
    UNION SELECT member_id FROM members WHERE instance_id = $1 AND group_id = ANY($3) \
    UNION SELECT group_id FROM members WHERE instance_id = $1 AND member_id = ANY($3) \
    UNION SELECT id FROM resources WHERE instance_id = $1 AND direct_manager = ANY($3)) \
    ORDER BY resource_type = 'Group', id FOR UPDATE";

/// What a change set names.
#[derive(Default)]
struct Named {
    all: BTreeSet<ResourceId>,
    /// Updated or deleted.
    written: BTreeSet<ResourceId>,
    deleted: BTreeSet<ResourceId>,
    created: BTreeSet<ResourceId>,
}

impl Named {
    fn by(changes: &[Change]) -> Self {
        let mut named = Self::default();
        for change in changes {
            match change {
                Change::Create(new) => {
                    named.created.insert(new.key.id);
                }
                Change::Update { key, .. } => {
                    named.all.insert(key.id);
                    named.written.insert(key.id);
                }
                Change::Delete { key, .. } => {
                    named.all.insert(key.id);
                    named.written.insert(key.id);
                    named.deleted.insert(key.id);
                }
                Change::Members(change) => {
                    named.all.extend(change.add.iter().map(|member| member.id));
                    named.all.extend(&change.remove);
                    if !is_edges_alone(change) {
                        named.all.insert(change.group.id);
                    }
                }
                Change::Hold(_) | Change::Unhold(_) | Change::Admin(_) => {}
            }
        }
        named
    }
}

/// Whether a change of members looks at nothing else of the group.
pub(super) fn is_edges_alone(change: &MemberChange) -> bool {
    change.expected.is_none() && change.hold.is_empty() && change.release.is_empty() && !change.release_all
}

pub(super) fn stored(ids: &BTreeSet<ResourceId>) -> impl Iterator<Item = [u8; 16]> {
    ids.iter().map(|id| id.uuid().into_bytes())
}

impl Applying<'_> {
    /// Locks the records that the change set names, and keeps what they are. SQLite has one writer.
    pub(super) fn lock_records(&mut self) -> Result<(), Refusal> {
        let named = Named::by(&self.set.changes);
        if named.all.is_empty() || !self.connection.is_postgres() {
            return Ok(());
        }
        let lock = Statement::of_postgres(if named.deleted.is_empty() { LOCK } else { LOCK_AROUND });
        let mut lock = lock.blob(self.instance).blobs(stored(&named.all));
        if !named.deleted.is_empty() {
            lock = lock.blobs(stored(&named.deleted));
        }
        let rows: Vec<Locked> = if named.written.is_empty() {
            // Nobody looks at what they are, only whether they are there.
            let all = named.all.len() - named.created.intersection(&named.all).count();
            self.connection.suppose(lock, Vec::new(), move |rows| rows.len() == all)?
        } else {
            let rows: Vec<Locked> = lock.rows(self.connection)?;
            self.lonely = true;
            for row in &rows {
                let id = resource_id(&row.id)?;
                if named.written.contains(&id) {
                    self.entries.insert(id, entries(&row.keys)?);
                }
                self.lonely &= named.all.contains(&id);
            }
            rows
        };
        for row in &rows {
            self.secured.insert(resource_id(&row.id)?);
        }
        for row in rows {
            let (id, resource_type, before) = row.known()?;
            self.locked.insert(id, (resource_type, before));
        }
        Ok(())
    }

    /// What a locked record was, the first time that somebody asks; after that its row says more.
    pub(super) fn locked(&mut self, key: &Key) -> Option<Before> {
        let (resource_type, before) = self.locked.remove(&key.id)?;
        (*resource_type == *key.resource_type).then_some(before)
    }

    /// Locks groups; those that are there.
    pub(super) fn lock_groups(
        &mut self,
        groups: &BTreeSet<ResourceId>,
    ) -> Result<BTreeSet<ResourceId>, Refusal> {
        let rows: Vec<Id> = Statement::of_postgres(
            "SELECT id FROM resources WHERE instance_id = $1 AND id = ANY($2) ORDER BY id FOR NO KEY UPDATE",
        )
        .blob(self.instance)
        .blobs(stored(groups))
        .rows(self.connection)?;
        Ok(rows.iter().map(|row| resource_id(&row.id)).collect::<Result<_, _>>()?)
    }

    /// Raises the versions of groups, as [`Self::raise`] does. One that is gone is left out.
    pub(super) fn raise_all(&mut self, mut groups: BTreeSet<ResourceId>) -> Result<(), Refusal> {
        groups.retain(|group| !self.raised.contains_key(group));
        if groups.is_empty() {
            return Ok(());
        }
        let rows: Vec<Raised> = Statement::of_postgres(
            "UPDATE resources SET version = version + 1, modified_ms = greatest(modified_ms, $1) \
             WHERE instance_id = $2 AND id = ANY($3) RETURNING id, version",
        )
        .integer(self.set.at.unix_millis())
        .blob(self.instance)
        .blobs(stored(&groups))
        .rows(self.connection)?;
        for row in rows {
            let id = resource_id(&row.id)?;
            self.locked.remove(&id);
            self.raised.insert(id, Version(row.version.saturating_sub(1)));
        }
        Ok(())
    }
}
