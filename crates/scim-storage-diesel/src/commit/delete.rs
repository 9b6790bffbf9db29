//! Deleting a record: its edges, keys and links go with it, a tombstone stays.

use scim_directory::{Effect, Key, ResourceId, Version};
use uuid::Uuid;

use super::Applying;
use crate::error::Refusal;
use crate::sql::{Id, Statement};

impl Applying<'_> {
    pub(crate) fn delete(&mut self, key: &Key, expected: Option<Version>) -> Result<Effect, Refusal> {
        let id = key.id.uuid().into_bytes();
        let standing = self.standing(key)?.ok_or(Refusal::Conflict)?;
        self.check(key.id, standing.version, expected)?;
        self.count_members(key.id)?;
        // The groups of a deleted person have one member less.
        let groups: Vec<Id> =
            Statement::kept("SELECT group_id AS id FROM members WHERE instance_id = ? AND member_id = ?")
                .blob(self.instance)
                .blob(id)
                .rows(self.connection)?;
        for group in groups {
            if let Ok(group) = Uuid::from_slice(&group.id) {
                self.raise(&Key { resource_type: "Group".into(), id: ResourceId::new(group) })?;
            }
        }
        for statement in [
            "DELETE FROM members WHERE instance_id = ? AND group_id = ?",
            "DELETE FROM members WHERE instance_id = ? AND member_id = ?",
            "DELETE FROM held WHERE instance_id = ? AND group_id = ?",
            "DELETE FROM links WHERE instance_id = ? AND id = ?",
            "DELETE FROM resources WHERE instance_id = ? AND id = ?",
        ] {
            Statement::kept(statement).blob(self.instance).blob(id).run(self.connection)?;
        }
        Statement::kept(
            "INSERT INTO tombstones (instance_id, id, resource_type, deleted_ms) VALUES (?, ?, ?, ?)",
        )
        .blob(self.instance)
        .blob(id)
        .text(&*key.resource_type)
        .integer(self.set.at.unix_millis())
        .run(self.connection)?;
        self.count(key, -1)?;
        Ok(self.no_record())
    }
}
