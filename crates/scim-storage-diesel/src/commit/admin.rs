//! Instances, connectors, integration users, keys.

use scim_directory::{AdminChange, Effect};

use super::Applying;
use crate::error::Refusal;
use crate::sql::{Bind, Statement, json};

impl Applying<'_> {
    pub(crate) fn admin(&mut self, change: &AdminChange) -> Result<Effect, Refusal> {
        let name_taken = || Refusal::Duplicate("name".to_owned());
        match change {
            AdminChange::CreateInstance(instance) => {
                self.one_row(
                    Statement::kept(
                        "INSERT OR IGNORE INTO instances (id, name, created_ms, settings, generation) \
                         VALUES (?, ?, ?, ?, ?)",
                    )
                    .blob(instance.id.uuid().into_bytes())
                    .text(instance.name.clone())
                    .integer(instance.created.unix_millis())
                    .text(json(&instance.settings)?)
                    .integer(instance.generation),
                    name_taken,
                )?;
            }
            AdminChange::UpdateInstanceSettings(settings) => {
                let statement = Statement::kept(
                    "UPDATE instances SET settings = ?, generation = generation + 1 WHERE id = ?",
                );
                self.one_row(statement.text(json(settings)?).blob(self.instance), || Refusal::Conflict)?;
            }
            AdminChange::CreateConnector(connector) => {
                self.one_row(
                    Statement::kept(
                        "INSERT OR IGNORE INTO connectors (instance_id, id, name, created_ms, dialect, \
                         keep_passwords, settings) VALUES (?, ?, ?, ?, ?, ?, ?)",
                    )
                    .blob(self.instance)
                    .blob(connector.id.uuid().into_bytes())
                    .text(connector.name.clone())
                    .integer(connector.created.unix_millis())
                    .text(connector.dialect.name())
                    .integer(i64::from(connector.keep_passwords))
                    .text(json(&connector.settings)?),
                    name_taken,
                )?;
            }
            AdminChange::UpdateConnector(connector) => {
                self.one_row(
                    Statement::kept(
                        "UPDATE connectors SET dialect = ?, keep_passwords = ?, settings = ? \
                         WHERE instance_id = ? AND id = ?",
                    )
                    .text(connector.dialect.name())
                    .integer(i64::from(connector.keep_passwords))
                    .text(json(&connector.settings)?)
                    .blob(self.instance)
                    .blob(connector.id.uuid().into_bytes()),
                    || Refusal::Conflict,
                )?;
            }
            AdminChange::CreateIntegrationUser(user) => {
                self.one_row(
                    Statement::kept(
                        "INSERT OR IGNORE INTO integration_users (instance_id, id, name, privilege) VALUES (?, ?, ?, ?)",
                    )
                    .blob(self.instance)
                    .blob(user.id.uuid().into_bytes())
                    .text(user.name.clone())
                    .text(json(&user.privilege)?),
                    name_taken,
                )?;
                self.next_generation()?;
            }
            AdminChange::IssueKey(key) => {
                self.one_row(
                    Statement::kept(
                        "INSERT OR IGNORE INTO api_keys (id, instance_id, connector_id, user_id, hash, created_ms, \
                         expires_ms, revoked_ms) VALUES (?, ?, ?, ?, ?, ?, ?, NULL)",
                    )
                    .blob(key.id.uuid().into_bytes())
                    .blob(self.instance)
                    .blob(key.connector.uuid().into_bytes())
                    .blob(key.user.uuid().into_bytes())
                    .blob(key.hash)
                    .integer(key.created.unix_millis())
                    .bind(Bind::OptionalInteger(key.expires.map(scim_core::instant::Timestamp::unix_millis))),
                    || Refusal::Duplicate("id".to_owned()),
                )?;
            }
            AdminChange::RevokeKey(key) => {
                self.one_row(
                    Statement::kept(
                        "UPDATE api_keys SET revoked_ms = coalesce(revoked_ms, ?) WHERE id = ? AND instance_id = ?",
                    )
                    .integer(self.set.at.unix_millis())
                    .blob(key.uuid().into_bytes())
                    .blob(self.instance),
                    || Refusal::Conflict,
                )?;
            }
            AdminChange::SaveMapping(mapping) => self.save_mapping(mapping)?,
            AdminChange::CreateObject(object) => self.create_object(object)?,
            AdminChange::DecideHeld(id, state) => self.decide(*id, state)?,
            AdminChange::SaveJob(name, state) => self.save_job(name, state.as_ref())?,
            AdminChange::Prune { before, limit } => {
                let rows = self.prune(*before, *limit)?;
                return Ok(Effect { rows, ..self.no_record() });
            }
            AdminChange::Erase { key, name } => {
                let rows = self.erase(key, name.as_deref())?;
                return Ok(Effect { rows, ..self.no_record() });
            }
        }
        Ok(self.no_record())
    }

    /// Runs a statement that must touch one row.
    pub(super) fn one_row(
        &mut self,
        statement: Statement,
        otherwise: impl FnOnce() -> Refusal,
    ) -> Result<(), Refusal> {
        if statement.run(self.connection)? == 1 { Ok(()) } else { Err(otherwise()) }
    }
}
