//! Direct managers: a person's reference to one is linked to the managed person whom it means, now or when that person
//! arrives, and waits again when that person is deleted.

use diesel::QueryableByName;
use diesel::sql_types::{Binary, Bool, Nullable, Text};
use scim_core::text::Matching;
use scim_directory::{Content, Key, ResourceId};
use scim_storage::{manager_changed, manager_cleared, manager_linked};
use uuid::Uuid;

use super::Applying;
use super::group::Any;
use super::record::Before;
use crate::error::{Refusal, damaged};
use crate::read::{USER_NAME, resource_id};
use crate::sql::{Id, Statement};

/// A person's reference to a direct manager, as it is kept.
#[derive(Debug, Default)]
pub(super) struct Report {
    /// As a user name compares.
    pub(super) key: Option<String>,
    /// The connector that sent it.
    pub(super) via: Option<[u8; 16]>,
    /// Whom it means.
    pub(super) manager: Option<[u8; 16]>,
}

#[derive(QueryableByName)]
struct Candidate {
    #[diesel(sql_type = Binary)]
    id: Vec<u8>,
    #[diesel(sql_type = Bool)]
    managed: bool,
}

#[derive(QueryableByName)]
struct Waiting {
    #[diesel(sql_type = Binary)]
    id: Vec<u8>,
    #[diesel(sql_type = Text)]
    resource_type: String,
    #[diesel(sql_type = Nullable<Text>)]
    display: Option<String>,
}

/// Who waits for a person, by what is the person's: id and user name, and `externalId`s at the connectors that sent the
/// references. Each index is named, because a planner that knows no numbers takes any that begins with the instance.
const WAITING: &str = "SELECT id, resource_type, display FROM resources INDEXED BY reports_waiting_by_key \
    WHERE instance_id = ? AND reports_key IN (?, ?) AND direct_manager IS NULL AND reports_to IS NOT NULL \
    UNION ALL SELECT r.id, r.resource_type, r.display FROM links l \
    CROSS JOIN resources r INDEXED BY reports_waiting ON r.instance_id = l.instance_id \
    AND r.reports_to = l.external_id AND r.reports_via = l.connector_id \
    WHERE l.instance_id = ? AND l.id = ? AND r.direct_manager IS NULL AND r.reports_to IS NOT NULL";

/// Links them: those who are waited for by id or user name, and those by the other's `externalId`s.
const LINK_BY_KEY: &str = "UPDATE resources SET direct_manager = $1 WHERE instance_id = $2 AND id <> $1 \
    AND reports_key IN ($3, $4) AND direct_manager IS NULL AND reports_to IS NOT NULL \
    RETURNING id, resource_type, display";
const LINK_BY_LINK: &str = "UPDATE resources r SET direct_manager = $1 FROM links l \
    WHERE l.instance_id = $2 AND l.id = $1 AND r.instance_id = l.instance_id AND r.id <> $1 \
    AND r.reports_to = l.external_id AND r.reports_via = l.connector_id AND r.direct_manager IS NULL \
    AND r.reports_to IS NOT NULL RETURNING r.id, r.resource_type, r.display";

impl Waiting {
    fn key(&self) -> Result<Key, Refusal> {
        Ok(Key { resource_type: self.resource_type.as_str().into(), id: resource_id(&self.id)? })
    }
}

impl Applying<'_> {
    /// The reference of a record that is about to be written. A reference that is as it was keeps whom it means; only
    /// another one is looked up.
    pub(super) fn report(
        &mut self,
        key: &Key,
        content: &Content,
        before: Option<&Before>,
    ) -> Result<Report, Refusal> {
        let Some(reference) = content.reports_to.as_deref() else {
            return Ok(Report { key: None, via: None, manager: None });
        };
        self.has_some(Any::Waiting);
        let folded = Matching::UserName.key(reference).into_owned();
        let mut via = self.set.scope.connector.map(|connector| connector.uuid().into_bytes());
        if let Some(before) = before.filter(|before| before.reports_to.as_deref() == Some(reference)) {
            let sent_by = before.reports_via.as_deref().map(bytes).transpose()?;
            // An edit in the application sends on what a connector sent.
            via = via.or(sent_by);
            if via == sent_by {
                let manager = before.direct_manager.as_deref().map(bytes).transpose()?;
                return Ok(Report { key: Some(folded), via, manager });
            }
        }
        let manager = self.managed(reference, &folded, via, key.id)?;
        Ok(Report { key: Some(folded), via, manager })
    }

    /// The managed person whom a reference means: an id, an `externalId`, a user name, in this order.
    fn managed(
        &mut self,
        reference: &str,
        folded: &str,
        via: Option<[u8; 16]>,
        but: ResourceId,
    ) -> Result<Option<[u8; 16]>, Refusal> {
        if self.connection.is_postgres() {
            return self.managed_and_locked(reference, folded, via, but);
        }
        let but = but.uuid().into_bytes();
        if let Ok(id) = reference.parse::<ResourceId>() {
            let found: Option<Id> = Statement::kept(
                "SELECT id FROM resources WHERE instance_id = ? AND id = ? AND resource_type = 'User' \
                 AND managed_by IS NOT NULL AND id <> ?",
            )
            .blob(self.instance)
            .blob(id.uuid().into_bytes())
            .blob(but)
            .row(self.connection)?;
            if let Some(found) = found {
                return Ok(Some(bytes(&found.id)?));
            }
        }
        if let Some(via) = via {
            let found: Option<Id> = Statement::kept(
                "SELECT r.id FROM links l INDEXED BY links_by_external_id \
                 CROSS JOIN resources r ON r.instance_id = l.instance_id AND r.id = l.id \
                 WHERE l.instance_id = ? AND l.connector_id = ? AND l.external_id = ? AND r.resource_type = 'User' \
                 AND r.managed_by IS NOT NULL AND r.id <> ? ORDER BY l.id LIMIT 1",
            )
            .blob(self.instance)
            .blob(via)
            .text(reference)
            .blob(but)
            .row(self.connection)?;
            if let Some(found) = found {
                return Ok(Some(bytes(&found.id)?));
            }
        }
        let found: Option<Id> = Statement::kept(
            "SELECT r.id FROM unique_keys k CROSS JOIN resources r ON r.instance_id = k.instance_id AND r.id = k.id \
             WHERE k.instance_id = ? AND k.resource_type = 'User' AND k.path = 'userName' AND k.key = ? \
             AND r.managed_by IS NOT NULL AND r.id <> ?",
        )
        .blob(self.instance)
        .text(folded)
        .blob(but)
        .row(self.connection)?;
        Ok(found.map(|found| bytes(&found.id)).transpose()?)
    }

    /// The same on PostgreSQL, where whoever may be meant is locked before it counts whether that one is managed: so nobody is
    /// deleted, and nobody becomes managed, between here and the end of this commit.
    fn managed_and_locked(
        &mut self,
        reference: &str,
        folded: &str,
        via: Option<[u8; 16]>,
        but: ResourceId,
    ) -> Result<Option<[u8; 16]>, Refusal> {
        let mut candidates = Vec::new();
        if let Ok(id) = reference.parse::<ResourceId>() {
            candidates.push(
                Statement::of_postgres(
                    "SELECT id, managed_by IS NOT NULL AS managed FROM resources WHERE instance_id = $1 AND id = $2 \
                     AND resource_type = 'User' FOR SHARE",
                )
                .blob(self.instance)
                .blob(id.uuid().into_bytes()),
            );
        }
        if let Some(via) = via {
            candidates.push(
                Statement::of_postgres(
                    "SELECT r.id, r.managed_by IS NOT NULL AS managed FROM links l \
                     JOIN resources r ON r.instance_id = l.instance_id AND r.id = l.id \
                     WHERE l.instance_id = $1 AND l.connector_id = $2 AND l.external_id = $3 \
                     AND r.resource_type = 'User' ORDER BY l.id FOR SHARE OF r",
                )
                .blob(self.instance)
                .blob(via)
                .text(reference),
            );
        }
        candidates.push(
            Statement::of_postgres(
                "SELECT r.id, r.managed_by IS NOT NULL AS managed FROM unique_keys k \
                 JOIN resources r ON r.instance_id = k.instance_id AND r.id = k.id \
                 WHERE k.instance_id = $1 AND k.resource_type = 'User' AND k.path = 'userName' AND k.key = $2 \
                 FOR SHARE OF r",
            )
            .blob(self.instance)
            .text(folded),
        );
        let but = but.uuid().into_bytes();
        for statement in candidates {
            let found: Vec<Candidate> = statement.rows(self.connection)?;
            if let Some(found) = found.iter().find(|found| found.managed && found.id != but) {
                return Ok(Some(bytes(&found.id)?));
            }
        }
        Ok(None)
    }

    /// Logs whom a person reports to from now on, if that changed, and lets others hear of it.
    pub(super) fn tell_manager(
        &mut self,
        key: &Key,
        content: &Content,
        before: Option<&[u8]>,
        after: Option<[u8; 16]>,
    ) {
        if before == after.as_ref().map(<[u8; 16]>::as_slice) {
            return;
        }
        let old = before.and_then(|id| Uuid::from_slice(id).ok()).map(ResourceId::new);
        let new = after.map(|id| ResourceId::new(Uuid::from_bytes(id)));
        if let Some(manager) = new {
            self.records.push(manager_linked(key, content.display.as_deref(), manager));
        }
        self.events.push(manager_changed(key, old, new));
    }

    /// Links those who wait for this person: by its id, its user name, or an `externalId` at the connector that sent
    /// the reference.
    pub(super) fn link_reports(&mut self, key: &Key, content: &Content) -> Result<(), Refusal> {
        if &*key.resource_type != "User" || content.managed_by.is_none() {
            return Ok(());
        }
        if !self.may_have(Any::Waiting)? {
            return Ok(());
        }
        let id = key.id.uuid().into_bytes();
        let user_name = content.index.iter().find(|entry| entry.path == USER_NAME);
        let own = Matching::UserName.key(&key.id.to_string()).into_owned();
        let names = (own, user_name.map(|entry| entry.key.clone()));
        let at_once = self.connection.is_postgres();
        let mut waiting: Vec<Waiting> = if at_once {
            // Who is about to report to somebody else is waited for, and then looked at again.
            let by_key = Statement::of_postgres(LINK_BY_KEY)
                .blob(id)
                .blob(self.instance)
                .text(names.0)
                .optional_text(names.1);
            let mut linked: Vec<Waiting> = self.connection.suppose_none(by_key)?;
            let by_link = Statement::of_postgres(LINK_BY_LINK).blob(id).blob(self.instance);
            linked.extend(self.connection.suppose_none::<Waiting>(by_link)?);
            linked
        } else {
            Statement::kept(WAITING)
                .blob(self.instance)
                .text(names.0)
                .optional_text(names.1)
                .blob(self.instance)
                .blob(id)
                .rows(self.connection)?
        };
        waiting.sort_by(|left, right| left.id.cmp(&right.id));
        waiting.dedup_by(|left, right| left.id == right.id);
        for person in waiting {
            let report = person.key()?;
            if report.id == key.id {
                continue;
            }
            if !at_once {
                Statement::kept("UPDATE resources SET direct_manager = ? WHERE instance_id = ? AND id = ?")
                    .blob(id)
                    .blob(self.instance)
                    .blob(&person.id)
                    .run(self.connection)?;
            }
            self.locked.remove(&report.id);
            self.records.push(manager_linked(&report, person.display.as_deref(), key.id));
            self.events.push(manager_changed(&report, None, Some(key.id)));
        }
        Ok(())
    }

    /// Those who reported to a person that is gone wait again.
    pub(super) fn clear_reports(&mut self, manager: ResourceId) -> Result<(), Refusal> {
        let clear = Statement::kept(
            "UPDATE resources INDEXED BY reports_linked SET direct_manager = NULL WHERE instance_id = ? AND direct_manager = ? \
             RETURNING id, resource_type, display",
        )
        .blob(self.instance)
        .blob(manager.uuid().into_bytes());
        let mut cleared: Vec<Waiting> = match self.lonely {
            true => self.connection.suppose_none(clear)?,
            false => clear.rows(self.connection)?,
        };
        if !cleared.is_empty() {
            self.has_some(Any::Waiting);
        }
        cleared.sort_by(|left, right| left.id.cmp(&right.id));
        for person in cleared {
            let report = person.key()?;
            self.locked.remove(&report.id);
            self.records.push(manager_cleared(&report, person.display.as_deref(), manager));
            self.events.push(manager_changed(&report, Some(manager), None));
        }
        Ok(())
    }
}

fn bytes(id: impl AsRef<[u8]>) -> Result<[u8; 16], scim_storage::StoreError> {
    id.as_ref().try_into().map_err(|_| damaged("an id"))
}

#[cfg(test)]
#[cfg(feature = "sqlite")]
mod tests {
    use super::*;

    #[test]
    fn who_waits_is_found_by_seeks() {
        let plan =
            Statement::new(WAITING).blob([1; 16]).text("id").text("name").blob([1; 16]).blob([2; 16]).plan();
        let seeks: Vec<_> = plan.iter().filter(|step| step.starts_with("SEARCH")).collect();
        assert_eq!(
            seeks,
            [
                "SEARCH resources USING INDEX reports_waiting_by_key (instance_id=? AND reports_key=?)",
                "SEARCH l USING PRIMARY KEY (instance_id=? AND id=?)",
                "SEARCH r USING INDEX reports_waiting (instance_id=? AND reports_to=?)",
            ]
        );
    }
}
