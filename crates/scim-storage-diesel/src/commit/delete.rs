//! Deleting a record: its edges, keys and links go with it, a tombstone stays; and bringing one back.

use std::collections::BTreeSet;

use diesel::QueryableByName;
use diesel::sql_types::BigInt;
use scim_directory::{Effect, Key, ResourceId, Version};

use super::Applying;
use super::group::Any;
use super::tally::Tallies;
use crate::error::Refusal;
use crate::read::resource_id;
use crate::sql::{Id, Statement, fixed_texts};

#[derive(QueryableByName)]
struct Buried {
    #[diesel(sql_type = BigInt)]
    version: i64,
    #[diesel(sql_type = BigInt)]
    created_ms: i64,
}

fixed_texts! {
    /// What connectors knew a record by.
    Links = "DELETE FROM links WHERE instance_id = ? AND id = ?";
    /// The record itself.
    Record = "DELETE FROM resources WHERE instance_id = ? AND id = ?";
    /// What connectors knew a deleted record by.
    BuriedLinks = "INSERT INTO tombstone_links (instance_id, connector_id, external_id, id) \
        SELECT instance_id, connector_id, external_id, id FROM links \
        WHERE instance_id = ? AND id = ? ON CONFLICT DO NOTHING";
}

/// The one type that has members and holds references.
const GROUP: &str = "Group";

fn has_members(key: &Key) -> bool {
    &*key.resource_type == GROUP
}

impl Applying<'_> {
    pub(crate) fn delete(&mut self, key: &Key, expected: Option<Version>) -> Result<Effect, Refusal> {
        self.touched = true;
        let id = key.id.uuid().into_bytes();
        let before = self.before(key)?.ok_or(Refusal::Conflict)?;
        self.check(key.id, Some(Version(before.version)), expected)?;
        if self.raised.contains_key(&key.id) {
            // What an earlier change of the set took.
            self.drop_index(key)?;
        }
        if self.connection.is_postgres() {
            self.part(key.id)?;
        } else {
            self.leave_all(key)?;
        }
        self.bury(key)?;
        if has_members(key) {
            let held = Statement::kept("DELETE FROM held WHERE instance_id = ? AND group_id = ?");
            self.connection.later(held.blob(self.instance).blob(id))?;
        }
        for statement in [Statement::fixed::<Links>(), Statement::fixed::<Record>()] {
            self.connection.later(statement.blob(self.instance).blob(id))?;
        }
        self.clear_reports(key.id)?;
        self.moved(key, -1);
        self.count(&key.resource_type, Tallies::default().since(before.tallies()));
        Ok(self.no_record())
    }

    /// Takes the edges of a record away, both ways. (SQLite.)
    fn leave_all(&mut self, key: &Key) -> Result<(), Refusal> {
        let (instance, id) = (self.instance, key.id.uuid().into_bytes());
        let edges = |text: &'static str| Statement::kept(text).blob(instance).blob(id);
        if has_members(key) {
            self.count_members(key.id)?;
            edges("DELETE FROM members WHERE instance_id = ? AND group_id = ?").run(self.connection)?;
        }
        let groups: Vec<Id> = edges(
            "SELECT group_id AS id FROM members INDEXED BY members_by_member \
             WHERE instance_id = ? AND member_id = ?",
        )
        .rows(self.connection)?;
        if groups.is_empty() {
            return Ok(());
        }
        // Each of them has one member less.
        for group in groups {
            self.raise(&Key { resource_type: GROUP.into(), id: resource_id(&group.id)? })?;
        }
        let leave =
            "DELETE FROM members INDEXED BY members_by_member WHERE instance_id = ? AND member_id = ?";
        edges(leave).run(self.connection)?;
        Ok(())
    }

    /// Takes the edges of a record away, which is locked: its members and its groups are those that it loses in this very
    /// statement, whoever came or left before.
    fn part(&mut self, id: ResourceId) -> Result<(), Refusal> {
        let id = id.uuid().into_bytes();
        let edges = |text: &'static str| Statement::of_postgres(text).blob(self.instance).blob(id);
        let members =
            edges("DELETE FROM members WHERE instance_id = $1 AND group_id = $2 RETURNING member_id AS id");
        let groups =
            edges("DELETE FROM members WHERE instance_id = $1 AND member_id = $2 RETURNING group_id AS id");
        let (members, groups) = match self.lonely && self.connection.is_supposing() {
            true => (self.connection.suppose_none(members)?, self.connection.suppose_none(groups)?),
            false => self.connection.both::<Id, Id>(members, groups)?,
        };
        let members: BTreeSet<ResourceId> =
            members.iter().map(|row| resource_id(&row.id)).collect::<Result<_, _>>()?;
        let groups: BTreeSet<ResourceId> =
            groups.iter().map(|row| resource_id(&row.id)).collect::<Result<_, _>>()?;
        if !self.alone && members.iter().chain(&groups).any(|id| !self.secured.contains(id)) {
            return Err(Refusal::NotAlone);
        }
        self.count_memberships(&members)?;
        self.raise_all(groups)
    }

    /// Keeps what a record was, from its own row.
    fn bury(&mut self, key: &Key) -> Result<(), Refusal> {
        let id = key.id.uuid().into_bytes();
        self.has_some(Any::Buried);
        let bury = Statement::kept(
            "INSERT INTO tombstones (instance_id, id, resource_type, deleted_ms, version, created_ms, \
             display, managed_by, user_name_key, account) \
             SELECT instance_id, id, resource_type, ?, version, created_ms, display, managed_by, ?, account \
             FROM resources WHERE instance_id = ? AND id = ? ON CONFLICT (instance_id, id) DO UPDATE SET \
             resource_type = excluded.resource_type, deleted_ms = excluded.deleted_ms, version = excluded.version, \
             created_ms = excluded.created_ms, display = excluded.display, managed_by = excluded.managed_by, \
             user_name_key = excluded.user_name_key, account = excluded.account",
        )
        .integer(self.set.at.unix_millis())
        .optional_text(self.given_up.get(&key.id).cloned())
        .blob(self.instance)
        .blob(id);
        self.connection.later(bury)?;
        let links = Statement::fixed::<BuriedLinks>().blob(self.instance).blob(id);
        self.connection.later(links)?;
        Ok(())
    }

    /// Takes a tombstone away for the record that comes in its place: the version that goes on from it, and when the
    /// resource was created.
    pub(super) fn revive(&mut self, key: &Key) -> Result<(i64, i64), Refusal> {
        self.touched = true;
        let id = key.id.uuid().into_bytes();
        let buried: Buried = Statement::kept(
            "DELETE FROM tombstones WHERE instance_id = ? AND id = ? AND resource_type = ? \
             RETURNING version, created_ms",
        )
        .blob(self.instance)
        .blob(id)
        .text(&*key.resource_type)
        .row(self.connection)?
        .ok_or(Refusal::Conflict)?;
        self.drop_tombstone_links(&id)?;
        Ok((buried.version.saturating_add(1), buried.created_ms))
    }

    pub(super) fn drop_tombstone_links(&mut self, id: &[u8]) -> Result<(), Refusal> {
        let drop = Statement::kept("DELETE FROM tombstone_links WHERE instance_id = ? AND id = ?")
            .blob(self.instance)
            .blob(id);
        self.connection.later(drop)?;
        Ok(())
    }
}
