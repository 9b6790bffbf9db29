//! Instances, connectors, integration users, keys.

use scim_directory::{AdminChange, Effect};

use super::Applying;
use crate::error::{Refusal, damaged};
use crate::sql::{Bind, Statement};

impl Applying<'_> {
    pub(crate) fn admin(&mut self, change: &AdminChange) -> Result<Effect, Refusal> {
        let name_taken = || Refusal::Duplicate("name".to_owned());
        match change {
            AdminChange::CreateInstance(instance) => {
                let settings = serde_json::to_string(&instance.settings).map_err(|_| damaged("settings"))?;
                self.insert(
                    Statement::kept("INSERT OR IGNORE INTO instances (id, name, created_ms, settings) VALUES (?, ?, ?, ?)")
                        .blob(instance.id.uuid().into_bytes())
                        .text(instance.name.clone())
                        .integer(instance.created.unix_millis())
                        .text(settings),
                    name_taken,
                )?;
            }
            AdminChange::UpdateInstanceSettings(settings) => {
                let settings = serde_json::to_string(settings).map_err(|_| damaged("settings"))?;
                let statement = Statement::kept("UPDATE instances SET settings = ? WHERE id = ?");
                self.insert(statement.text(settings).blob(self.instance), || Refusal::Conflict)?;
            }
            AdminChange::CreateConnector(connector) => {
                self.insert(
                    Statement::kept(
                        "INSERT OR IGNORE INTO connectors (instance_id, id, name, created_ms, dialect, \
                         keep_passwords) VALUES (?, ?, ?, ?, ?, ?)",
                    )
                    .blob(self.instance)
                    .blob(connector.id.uuid().into_bytes())
                    .text(connector.name.clone())
                    .integer(connector.created.unix_millis())
                    .text(connector.dialect.name())
                    .integer(i64::from(connector.keep_passwords)),
                    name_taken,
                )?;
            }
            AdminChange::CreateIntegrationUser(user) => {
                let privilege = serde_json::to_string(&user.privilege).map_err(|_| damaged("a privilege"))?;
                self.insert(
                    Statement::kept(
                        "INSERT OR IGNORE INTO integration_users (instance_id, id, name, privilege) VALUES (?, ?, ?, ?)",
                    )
                    .blob(self.instance)
                    .blob(user.id.uuid().into_bytes())
                    .text(user.name.clone())
                    .text(privilege),
                    name_taken,
                )?;
            }
            AdminChange::IssueKey(key) => {
                self.insert(
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
                self.insert(
                    Statement::kept(
                        "UPDATE api_keys SET revoked_ms = coalesce(revoked_ms, ?) WHERE id = ? AND instance_id = ?",
                    )
                    .integer(self.set.at.unix_millis())
                    .blob(key.uuid().into_bytes())
                    .blob(self.instance),
                    || Refusal::Conflict,
                )?;
            }
            _ => {}
        }
        Ok(self.no_record())
    }

    /// Runs a statement that must touch one row.
    fn insert(&mut self, statement: Statement, otherwise: impl FnOnce() -> Refusal) -> Result<(), Refusal> {
        if statement.run(self.connection)? == 1 { Ok(()) } else { Err(otherwise()) }
    }
}
