//! Instances, connectors, integration users.

use scim_directory::{AdminChange, Effect, InstanceId};

use super::Applying;
use crate::error::Refusal;
use crate::sql::{Statement, json};

impl Applying<'_> {
    pub(crate) fn admin(&mut self, change: &AdminChange) -> Result<Effect, Refusal> {
        self.touched = true;
        let name_taken = || Refusal::Duplicate("name".to_owned());
        match change {
            AdminChange::CreateInstance(instance) => {
                self.require_own(instance.id)?;
                self.one_row(
                    Statement::kept(
                        "INSERT INTO instances (id, name, created_ms, settings, generation) \
                         VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
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
                self.access = true;
            }
            AdminChange::CreateConnector(connector) => {
                self.require_own(connector.instance)?;
                self.one_row(
                    Statement::kept(
                        "INSERT INTO connectors (instance_id, id, name, created_ms, dialect, \
                         keep_passwords, settings) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
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
                self.next_generation()?;
            }
            AdminChange::CreateIntegrationUser(user) => {
                self.require_own(user.instance)?;
                self.one_row(
                    Statement::kept(
                        "INSERT INTO integration_users (instance_id, id, name, privilege, suspended, email) \
                         VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                    )
                    .blob(self.instance)
                    .blob(user.id.uuid().into_bytes())
                    .text(user.name.clone())
                    .text(json(&user.privilege)?)
                    .integer(i64::from(user.suspended))
                    .optional_text(user.email.clone()),
                    name_taken,
                )?;
                self.next_generation()?;
            }
            AdminChange::UpdateIntegrationUser(user) => {
                self.one_row(
                    Statement::kept(
                        "UPDATE integration_users SET privilege = ?, suspended = ?, email = ? \
                         WHERE instance_id = ? AND id = ?",
                    )
                    .text(json(&user.privilege)?)
                    .integer(i64::from(user.suspended))
                    .optional_text(user.email.clone())
                    .blob(self.instance)
                    .blob(user.id.uuid().into_bytes()),
                    || Refusal::Conflict,
                )?;
                self.next_generation()?;
            }
            AdminChange::Key(change) => self.key(change)?,
            AdminChange::AdminKey(change) => self.admin_key(change)?,
            AdminChange::Lease(change) => self.lease(change)?,
            AdminChange::Answer(change) => self.answer(change)?,
            AdminChange::SaveMapping(mapping) => self.save_mapping(mapping)?,
            AdminChange::CreateObject(object) => self.create_object(object)?,
            AdminChange::DecideHeld(id, state) => self.decide(*id, state)?,
            AdminChange::SaveJob(name, state) => self.save_job(name, state.as_ref())?,
            AdminChange::SaveImport { import, expected } => self.save_import(import, *expected)?,
            AdminChange::RejectLines(import, lines) => self.reject_lines(import, lines)?,
            AdminChange::Prune { before, limit } => {
                let rows = self.prune(*before, *limit)? + self.prune_answers(*limit)?;
                return Ok(Effect { rows, ..self.no_record() });
            }
            AdminChange::Erase { key, name } => {
                let rows = self.erase(key, name.as_deref())?;
                return Ok(Effect { rows, ..self.no_record() });
            }
        }
        Ok(self.no_record())
    }

    /// That a new row is of the scope's instance.
    pub(super) fn require_own(&self, instance: InstanceId) -> Result<(), Refusal> {
        if instance == self.set.scope.instance { Ok(()) } else { Err(Refusal::Conflict) }
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
