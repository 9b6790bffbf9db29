//! Creating and changing records.

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Binary, Nullable, Text};
use scim_core::instant::Timestamp;
use scim_core::text::Matching;
use scim_directory::{Change, Content, Effect, Key, NewRecord, ResourceId, Version};
use scim_storage::StoreError;

use super::Applying;
use super::before::before;
use super::index::entries;
use super::ready::{first_of_changed, first_of_new, insertion, link, replacement};
use super::tally::Tallies;
use crate::error::Refusal;
use crate::sql::{Statement, json};

/// Where a record stands after a statement.
#[derive(Clone, Debug, PartialEq, Eq, QueryableByName)]
struct Standing {
    #[diesel(sql_type = BigInt)]
    version: i64,
    #[diesel(sql_type = BigInt)]
    membership: i64,
    #[diesel(sql_type = BigInt)]
    modified_ms: i64,
}

/// What a record was before a change.
#[derive(QueryableByName)]
pub(crate) struct Before {
    #[diesel(sql_type = BigInt)]
    pub(super) version: i64,
    #[diesel(sql_type = BigInt)]
    pub(super) membership: i64,
    #[diesel(sql_type = BigInt)]
    pub(super) modified_ms: i64,
    #[diesel(sql_type = BigInt)]
    pub(super) active: i64,
    #[diesel(sql_type = Nullable<Binary>)]
    pub(super) managed_by: Option<Vec<u8>>,
    #[diesel(sql_type = Nullable<Text>)]
    pub(super) reports_to: Option<String>,
    #[diesel(sql_type = Nullable<Binary>)]
    pub(super) reports_via: Option<Vec<u8>>,
    #[diesel(sql_type = Nullable<Binary>)]
    pub(super) direct_manager: Option<Vec<u8>>,
    /// What it is found by ([`super::index::entries`]).
    #[diesel(sql_type = Text)]
    pub(super) keys: String,
}

impl Before {
    pub(super) fn tallies(&self) -> Tallies {
        Tallies { all: 1, active: self.active, managed: i64::from(self.managed_by.is_some()) }
    }

    /// What a change of its content does that raises its version once.
    #[cfg(feature = "postgres")]
    pub(super) fn changed(&self, at: Timestamp) -> Effect {
        self.after(1, at.unix_millis()).effect()
    }

    /// Where it stands when its version has risen by so much.
    fn after(&self, step: i64, at: i64) -> Standing {
        Standing {
            version: self.version.saturating_add(step),
            membership: self.membership,
            modified_ms: self.modified_ms.max(at),
        }
    }
}

impl Applying<'_> {
    pub(crate) fn create(&mut self, new: &NewRecord) -> Result<Effect, Refusal> {
        let NewRecord { key, content, external_id, revives } = new;
        // What it has is not what a change further on found there before.
        self.entries.remove(&key.id);
        #[cfg(feature = "postgres")]
        if self.connection.is_supposing() && !revives && super::together::is_found_by_few(content) {
            return self.create_at_once(new);
        }
        let at = self.set.at.unix_millis();
        let (version, created) = if *revives { self.revive(key)? } else { (1, at) };
        let (ready, first) = (self.ready(), !self.connection.is_postgres());
        if first {
            // What may be refused comes before what would have to be undone.
            match ready {
                Some(ready) => self.add_ready_index(ready)?,
                None => self.add_index(key, &content.index)?,
            }
        }
        let report = self.report(key, content, None)?;
        let rows = match ready {
            Some(ready) if !revives && content.reports_to.is_none() => {
                ready.record.run_again(self.connection)?
            }
            _ => {
                let insert = ready
                    .map_or_else(|| insertion(self.set, key, content), |ready| Ok(ready.record.clone()))?;
                let first = first_of_new((version, created, at.max(created)), &report);
                self.connection.suppose_changed(insert.starting(first), 1)?
            }
        };
        if rows == 0 {
            return Err(Refusal::Duplicate("id".to_owned()));
        }
        self.touched = true;
        if !first {
            self.add_index(key, &content.index)?;
        }
        self.claim(key, content)?;
        self.link(key, external_id.as_deref())?;
        self.count(&key.resource_type, Tallies::of(content));
        self.moved(key, 1);
        self.raised.insert(key.id, Version(version));
        self.tell_manager(key, content, None, report.manager);
        self.link_reports(key, content)?;
        let edges = self.link_held(key, content, external_id.as_deref())?;
        Ok(Effect {
            version: Some(Version(version)),
            membership: i64::try_from(edges.len()).unwrap_or(i64::MAX),
            modified: Timestamp::from_unix_millis(at.max(created)),
            rows: 0,
            edges,
        })
    }

    pub(crate) fn update(
        &mut self,
        key: &Key,
        expected: Version,
        content: &Content,
        external_id: Option<&str>,
    ) -> Result<Effect, Refusal> {
        let before = self.before(key)?.ok_or(Refusal::Conflict)?;
        self.check(key.id, Some(Version(before.version)), Some(expected))?;
        let step = i64::from(!self.raised.contains_key(&key.id));
        if step == 0 {
            // What an earlier change of the set took.
            self.drop_stale_index(key, &content.index)?;
        }
        self.touched = true;
        let report = self.report(key, content, Some(&before))?;
        let after = before.after(step, self.set.at.unix_millis());
        let standing = match self.ready() {
            // Nothing else of the change set can have changed it.
            Some(ready) if self.set.changes.len() == 1 && content.reports_to.is_none() => {
                if ready.record.run_again(self.connection)? == 0 {
                    return Err(Refusal::Conflict);
                }
                after
            }
            ready => {
                let update = ready
                    .map_or_else(|| replacement(self.set, key, content), |ready| Ok(ready.record.clone()))?;
                let update = update.starting(first_of_changed(step, &report));
                let update = update.suffixed(" RETURNING version, membership, modified_ms");
                let supposed = after.clone();
                let standing =
                    self.connection.suppose(update, vec![after], move |rows| rows == [supposed])?;
                standing.into_iter().next().ok_or(Refusal::Conflict)?
            }
        };
        if !self.found_as_before {
            self.add_index(key, &content.index)?;
        }
        self.without_realm(key)?;
        self.claim(key, content)?;
        self.link(key, external_id)?;
        self.count(&key.resource_type, Tallies::of(content).since(before.tallies()));
        self.raised.entry(key.id).or_insert(expected);
        self.tell_manager(key, content, before.direct_manager.as_deref(), report.manager);
        self.link_reports(key, content)?;
        let edges = self.link_held(key, content, external_id)?;
        let joined = i64::try_from(edges.len()).unwrap_or(i64::MAX);
        let effect = standing.effect();
        Ok(Effect { membership: effect.membership.saturating_add(joined), edges, ..effect })
    }

    /// What a record is before a change; `None` where it is not there.
    pub(super) fn before(&mut self, key: &Key) -> Result<Option<Before>, Refusal> {
        if let Some(before) = self.locked(key) {
            return Ok(Some(before));
        }
        Ok(before(self.connection, self.set.scope.instance, key)?)
    }

    /// Looks at the records that the change set changes before anything is written, so that one that has moved on leaves nothing to be
    /// undone. (SQLite; on PostgreSQL they are locked.)
    pub(super) fn look_at_records(&mut self) -> Result<(), Refusal> {
        let set = self.set;
        let only = match *set.changes {
            [Change::Update { .. }] => self.ready(),
            _ => None,
        };
        for change in &set.changes {
            let (key, expected) = match change {
                Change::Update { key, expected, .. } => (key, Some(*expected)),
                Change::Delete { key, expected } => (key, *expected),
                _ => continue,
            };
            // Who is not there may come by an earlier change.
            if let Some(before) = self.before(key)? {
                self.check(key.id, Some(Version(before.version)), expected)?;
                self.found_as_before = only.is_some_and(|ready| ready.is_found_as(&before.keys));
                if !self.found_as_before {
                    self.entries.insert(key.id, entries(&before.keys)?);
                }
                self.locked.insert(key.id, (key.resource_type.to_string(), before));
            }
        }
        Ok(())
    }

    /// Raises a record's version, once in a change set; where it stands then.
    pub(crate) fn raise(&mut self, key: &Key) -> Result<Effect, Refusal> {
        self.locked.remove(&key.id);
        let step = i64::from(!self.raised.contains_key(&key.id));
        let standing = Statement::kept(
            "UPDATE resources SET version = version + ?, modified_ms = max(modified_ms, ?) \
             WHERE instance_id = ? AND id = ? AND resource_type = ? RETURNING version, membership, modified_ms",
        )
        .postgres(
            "UPDATE resources SET version = version + $1, modified_ms = greatest(modified_ms, $2) \
             WHERE instance_id = $3 AND id = $4 AND resource_type = $5 \
             RETURNING version, membership, modified_ms",
        )
        .integer(step)
        .integer(self.set.at.unix_millis())
        .blob(self.instance)
        .blob(key.id.uuid().into_bytes())
        .text(&*key.resource_type)
        .row::<Standing>(self.connection)?
        .ok_or(Refusal::Conflict)?;
        self.raised.entry(key.id).or_insert(Version(standing.version.saturating_sub(step)));
        Ok(standing.effect())
    }

    /// Where a record stands; `None` where it is not there.
    pub(crate) fn standing(&mut self, key: &Key) -> Result<Option<Effect>, Refusal> {
        let standing = Statement::kept(
            "SELECT version, membership, modified_ms FROM resources \
             WHERE instance_id = ? AND id = ? AND resource_type = ?",
        )
        .blob(self.instance)
        .blob(key.id.uuid().into_bytes())
        .text(&*key.resource_type)
        .row::<Standing>(self.connection)?;
        Ok(standing.map(|standing| standing.effect()))
    }

    /// The members of a group that goes have one group less. One statement, whatever their number. (SQLite; `OR FAIL` as in
    /// [`super::ready::insertion`]: it would keep a copy of each member's page in memory.)
    pub(crate) fn count_members(&mut self, group: ResourceId) -> Result<(), Refusal> {
        Statement::kept(
            "UPDATE OR FAIL resources SET membership = membership + 1 WHERE instance_id = ? AND id IN \
             (SELECT member_id FROM members WHERE instance_id = ? AND group_id = ?)",
        )
        .blob(self.instance)
        .blob(self.instance)
        .blob(group.uuid().into_bytes())
        .run(self.connection)?;
        Ok(())
    }

    fn link(&mut self, key: &Key, external_id: Option<&str>) -> Result<(), Refusal> {
        match self.ready() {
            Some(ready) => {
                if let Some(link) = &ready.link {
                    link.run_again(self.connection)?;
                }
            }
            None => {
                if let Some(link) = link(self.set, key, external_id) {
                    self.connection.later(link)?;
                }
            }
        }
        Ok(())
    }
}

impl Standing {
    fn effect(&self) -> Effect {
        Effect {
            version: Some(Version(self.version)),
            membership: self.membership,
            modified: Timestamp::from_unix_millis(self.modified_ms),
            rows: 0,
            edges: Vec::new(),
        }
    }
}

/// The display name as it compares.
pub(super) fn display_key(content: &Content) -> Option<String> {
    content.display.as_deref().map(|display| Matching::IgnoreCase.key(display).into_owned())
}

pub(super) fn managed_by(content: &Content) -> Option<[u8; 16]> {
    content.managed_by.map(|connector| connector.uuid().into_bytes())
}

pub(super) fn account(content: &Content) -> Result<Option<String>, StoreError> {
    content.account.as_deref().map(json).transpose()
}
