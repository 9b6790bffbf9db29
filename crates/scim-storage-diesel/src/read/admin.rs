//! The closed list of questions that need no scope.

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Binary, Nullable, Text};
use scim_core::instant::Timestamp;
use scim_directory::{
    Connector, ConnectorId, DialectName, Instance, InstanceId, IntegrationUser, IntegrationUserId,
};
use scim_storage::{Door, ServerAnswer, ServerQuestion, StoreError};
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::admin_keys::{admin_key, answered};
use super::backlog::backlog;
use super::keys::{key, keys, keys_due, live_keys};
use super::lease::leases;
use super::secret::{know_peppers, secret};
use crate::connection::Connection;
use crate::error::{damaged, store_error};
use crate::sql::Statement;

#[derive(QueryableByName)]
pub(super) struct InstanceRow {
    #[diesel(sql_type = Binary)]
    pub(super) id: Vec<u8>,
    #[diesel(sql_type = Text)]
    pub(super) name: String,
    #[diesel(sql_type = BigInt)]
    pub(super) created_ms: i64,
    #[diesel(sql_type = Text)]
    pub(super) settings: String,
    #[diesel(sql_type = BigInt)]
    pub(super) generation: i64,
}

#[derive(QueryableByName)]
pub(super) struct ConnectorRow {
    #[diesel(sql_type = Binary)]
    pub(super) instance_id: Vec<u8>,
    #[diesel(sql_type = Binary)]
    pub(super) id: Vec<u8>,
    #[diesel(sql_type = Text)]
    pub(super) name: String,
    #[diesel(sql_type = BigInt)]
    pub(super) created_ms: i64,
    #[diesel(sql_type = Text)]
    pub(super) dialect: String,
    #[diesel(sql_type = BigInt)]
    pub(super) keep_passwords: i64,
    #[diesel(sql_type = Text)]
    pub(super) settings: String,
}

#[derive(QueryableByName)]
pub(super) struct UserRow {
    #[diesel(sql_type = Binary)]
    pub(super) instance_id: Vec<u8>,
    #[diesel(sql_type = Binary)]
    pub(super) id: Vec<u8>,
    #[diesel(sql_type = Text)]
    pub(super) name: String,
    #[diesel(sql_type = Text)]
    pub(super) privilege: String,
    #[diesel(sql_type = BigInt)]
    pub(super) suspended: i64,
    #[diesel(sql_type = Nullable<Text>)]
    pub(super) email: Option<String>,
}

/// Answers a question.
pub(crate) fn server(
    connection: &mut Connection,
    question: &ServerQuestion,
) -> Result<ServerAnswer, StoreError> {
    Ok(match question {
        ServerQuestion::Key(id) => ServerAnswer::Key(key(connection, *id)?.map(Box::new)),
        ServerQuestion::InstanceNamed(name) => {
            let row = Statement::kept(
                "SELECT id, name, created_ms, settings, generation FROM instances WHERE name = ?",
            )
            .text(name.clone())
            .row::<InstanceRow>(connection)
            .map_err(store_error)?;
            ServerAnswer::Instance(row.map(InstanceRow::instance).transpose()?)
        }
        ServerQuestion::Instances => {
            let rows = Statement::kept(
                "SELECT id, name, created_ms, settings, generation FROM instances ORDER BY name",
            );
            ServerAnswer::Instances(all(rows.rows(connection), InstanceRow::instance)?)
        }
        ServerQuestion::InstancesAfter { after, limit } => {
            let rows = instances_after(after.as_deref(), *limit);
            ServerAnswer::Instances(all(rows.rows(connection), InstanceRow::instance)?)
        }
        ServerQuestion::Connectors(instance) => {
            let rows = Statement::kept(
                "SELECT instance_id, id, name, created_ms, dialect, keep_passwords, settings FROM connectors \
                 WHERE instance_id = ? ORDER BY name",
            )
            .blob(instance.uuid().into_bytes());
            ServerAnswer::Connectors(all(rows.rows(connection), ConnectorRow::connector)?)
        }
        ServerQuestion::Connector(instance, id) => {
            let row = Statement::kept(
                "SELECT instance_id, id, name, created_ms, dialect, keep_passwords, settings FROM connectors \
                 WHERE instance_id = ? AND id = ?",
            )
            .blob(instance.uuid().into_bytes())
            .blob(id.uuid().into_bytes())
            .row::<ConnectorRow>(connection)
            .map_err(store_error)?;
            ServerAnswer::Connector(row.map(ConnectorRow::connector).transpose()?)
        }
        ServerQuestion::Users(instance) => ServerAnswer::Users(users(connection, *instance)?),
        ServerQuestion::Keys(instance) => ServerAnswer::Keys(keys(connection, *instance)?),
        ServerQuestion::LiveKeys { instance, connector, user, at } => {
            ServerAnswer::Keys(live_keys(connection, *instance, *connector, *user, *at)?)
        }
        ServerQuestion::KeysDue { before, after, limit } => {
            ServerAnswer::Keys(keys_due(connection, *before, *after, *limit)?)
        }
        ServerQuestion::Instance(id) => ServerAnswer::Instance(instance_of(connection, *id)?),
        ServerQuestion::Door(id) => ServerAnswer::Door(door(connection, *id)?.map(Box::new)),
        ServerQuestion::AdminKey(id) => ServerAnswer::AdminKey(admin_key(connection, *id)?.map(Box::new)),
        ServerQuestion::Answered(mark, now) => ServerAnswer::Answered(answered(connection, *mark, *now)?),
        ServerQuestion::Peppers(held) => ServerAnswer::Peppers(know_peppers(connection, held)?),
        ServerQuestion::Backlog { instances, count } => {
            ServerAnswer::Backlog(Box::new(backlog(connection, *instances, *count)?))
        }
        ServerQuestion::Leases => ServerAnswer::Leases(leases(connection)?),
        ServerQuestion::Secret(name) => ServerAnswer::Secret(secret(connection, name)?),
    })
}

fn instances_after(after: Option<&str>, limit: usize) -> Statement {
    let statement = match after {
        Some(after) => Statement::kept(
            "SELECT id, name, created_ms, settings, generation FROM instances WHERE name > ? ORDER BY name LIMIT ?",
        )
        .text(after),
        None => Statement::kept(
            "SELECT id, name, created_ms, settings, generation FROM instances ORDER BY name LIMIT ?",
        ),
    };
    statement.integer(i64::try_from(limit).unwrap_or(i64::MAX))
}

/// The instance of that id.
pub(super) fn instance_of(
    connection: &mut Connection,
    id: InstanceId,
) -> Result<Option<Instance>, StoreError> {
    let row: Option<InstanceRow> =
        Statement::kept("SELECT id, name, created_ms, settings, generation FROM instances WHERE id = ?")
            .blob(id.uuid().into_bytes())
            .row(connection)
            .map_err(store_error)?;
    row.map(InstanceRow::instance).transpose()
}

fn users(connection: &mut Connection, instance: InstanceId) -> Result<Vec<IntegrationUser>, StoreError> {
    let rows = Statement::kept(
        "SELECT instance_id, id, name, privilege, suspended, email FROM integration_users \
         WHERE instance_id = ? ORDER BY name",
    )
    .blob(instance.uuid().into_bytes());
    all(rows.rows(connection), UserRow::user)
}

/// A connector by its id alone, with its instance and the integration users, of one moment.
fn door(connection: &mut Connection, id: ConnectorId) -> Result<Option<Door>, StoreError> {
    connection.snapshot(|connection| read_door(connection, id)).map_err(store_error)?
}

fn read_door(connection: &mut Connection, id: ConnectorId) -> Result<Option<Door>, StoreError> {
    let row = Statement::kept(
        "SELECT instance_id, id, name, created_ms, dialect, keep_passwords, settings FROM connectors WHERE id = ?",
    )
    .blob(id.uuid().into_bytes())
    .row::<ConnectorRow>(connection)
    .map_err(store_error)?;
    let Some(connector) = row.map(ConnectorRow::connector).transpose()? else { return Ok(None) };
    let Some(instance) = instance_of(connection, connector.instance)? else { return Ok(None) };
    let users = users(connection, instance.id)?;
    Ok(Some(Door { connector, instance, users }))
}

pub(super) fn all<R, T>(
    rows: diesel::QueryResult<Vec<R>>,
    read: impl Fn(R) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    rows.map_err(store_error)?.into_iter().map(read).collect()
}

pub(super) fn uuid(bytes: &[u8]) -> Result<Uuid, StoreError> {
    Uuid::from_slice(bytes).map_err(|_| damaged("an id"))
}

/// Settings as they are written; those that are as they are by default, which most are, need no reading.
pub(super) fn read_settings<T: DeserializeOwned + Default>(
    text: &str,
    what: &'static str,
) -> Result<T, StoreError> {
    if text == "{}" { Ok(T::default()) } else { serde_json::from_str(text).map_err(|_| damaged(what)) }
}

impl InstanceRow {
    pub(super) fn instance(self) -> Result<Instance, StoreError> {
        Ok(Instance {
            id: InstanceId::new(uuid(&self.id)?),
            name: self.name,
            created: Timestamp::from_unix_millis(self.created_ms),
            settings: read_settings(&self.settings, "settings")?,
            generation: self.generation,
        })
    }
}

impl ConnectorRow {
    pub(super) fn connector(self) -> Result<Connector, StoreError> {
        Ok(Connector {
            id: ConnectorId::new(uuid(&self.id)?),
            instance: InstanceId::new(uuid(&self.instance_id)?),
            name: self.name,
            created: Timestamp::from_unix_millis(self.created_ms),
            dialect: match self.dialect.as_str() {
                "lenient" => DialectName::Lenient,
                "strict" => DialectName::Strict,
                _ => return Err(damaged("a dialect")),
            },
            keep_passwords: self.keep_passwords == 1,
            settings: read_settings(&self.settings, "settings")?,
        })
    }
}

impl UserRow {
    pub(super) fn user(self) -> Result<IntegrationUser, StoreError> {
        Ok(IntegrationUser {
            id: IntegrationUserId::new(uuid(&self.id)?),
            instance: InstanceId::new(uuid(&self.instance_id)?),
            name: self.name,
            privilege: serde_json::from_str(&self.privilege).map_err(|_| damaged("a privilege"))?,
            suspended: self.suspended == 1,
            email: self.email,
        })
    }
}

#[cfg(test)]
#[cfg(feature = "sqlite")]
mod tests {
    use super::*;

    #[test]
    fn instances_are_walked_by_name() {
        let check = |after: Option<&str>, expected: &str| {
            assert_eq!(instances_after(after, 9).plan(), [expected]);
        };
        check(None, "SCAN instances USING INDEX sqlite_autoindex_instances_2");
        check(Some("a"), "SEARCH instances USING INDEX sqlite_autoindex_instances_2 (name>?)");
    }
}
