//! What decisions in an instance are made by: the mapping, objects of the application, and how far jobs have come.

use scim_core::text::Matching;
use scim_directory::{ApplicationObject, MappingVersion};
use serde_json::Value;

use super::Applying;
use crate::error::Refusal;
use crate::sql::{Statement, json};

impl Applying<'_> {
    /// Keeps a version of the mapping, the one after the last.
    pub(super) fn save_mapping(&mut self, mapping: &MappingVersion) -> Result<(), Refusal> {
        self.one_row(
            Statement::kept(
                "INSERT INTO mappings (instance_id, version, at_ms, text) SELECT ?, ?, ?, ? \
                 WHERE (SELECT coalesce(max(version), 0) + 1 FROM mappings WHERE instance_id = ?) = ?",
            )
            .blob(self.instance)
            .integer(mapping.version)
            .integer(mapping.at.unix_millis())
            .text(mapping.text.clone())
            .blob(self.instance)
            .integer(mapping.version),
            || Refusal::Conflict,
        )?;
        self.next_generation()
    }

    pub(super) fn create_object(&mut self, object: &ApplicationObject) -> Result<(), Refusal> {
        self.one_row(
            Statement::kept(
                "INSERT INTO objects (instance_id, kind, name_key, id, name) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            )
            .blob(self.instance)
            .text(object.kind.clone())
            .text(Matching::IgnoreCase.key(&object.name))
            .blob(object.id.into_bytes())
            .text(object.name.clone()),
            || Refusal::Duplicate("name".to_owned()),
        )
    }

    pub(super) fn save_job(&mut self, name: &str, state: Option<&Value>) -> Result<(), Refusal> {
        match state {
            Some(state) => Statement::kept(
                "INSERT INTO jobs (instance_id, name, state) VALUES (?, ?, ?) \
                 ON CONFLICT (instance_id, name) DO UPDATE SET state = excluded.state",
            )
            .blob(self.instance)
            .text(name)
            .text(json(state)?)
            .run(self.connection)?,
            None => Statement::kept("DELETE FROM jobs WHERE instance_id = ? AND name = ?")
                .blob(self.instance)
                .text(name)
                .run(self.connection)?,
        };
        Ok(())
    }

    /// What decisions are made by has changed.
    pub(super) fn next_generation(&mut self) -> Result<(), Refusal> {
        Statement::kept("UPDATE instances SET generation = generation + 1 WHERE id = ?")
            .blob(self.instance)
            .run(self.connection)?;
        self.access = true;
        Ok(())
    }
}
