//! The closed list of questions that need no scope.

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Binary, Nullable, Text};
use diesel::sqlite::SqliteConnection;
use scim_core::instant::Timestamp;
use scim_directory::{
    Connector, ConnectorId, DialectName, Instance, InstanceId, IntegrationUser, IntegrationUserId, KeyId,
    KeyRecord,
};
use scim_storage::{KeyContext, ServerAnswer, ServerQuestion, StoreError};
use uuid::Uuid;

use crate::error::{damaged, store_error};
use crate::sql::{Bind, Statement};

#[derive(QueryableByName)]
struct InstanceRow {
    #[diesel(sql_type = Binary)]
    id: Vec<u8>,
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = BigInt)]
    created_ms: i64,
    #[diesel(sql_type = Text)]
    settings: String,
    #[diesel(sql_type = BigInt)]
    generation: i64,
}

#[derive(QueryableByName)]
struct ConnectorRow {
    #[diesel(sql_type = Binary)]
    instance_id: Vec<u8>,
    #[diesel(sql_type = Binary)]
    id: Vec<u8>,
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = BigInt)]
    created_ms: i64,
    #[diesel(sql_type = Text)]
    dialect: String,
    #[diesel(sql_type = BigInt)]
    keep_passwords: i64,
    #[diesel(sql_type = Text)]
    settings: String,
}

#[derive(QueryableByName)]
struct UserRow {
    #[diesel(sql_type = Binary)]
    instance_id: Vec<u8>,
    #[diesel(sql_type = Binary)]
    id: Vec<u8>,
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Text)]
    privilege: String,
}

#[derive(QueryableByName)]
struct KeyRow {
    #[diesel(sql_type = Binary)]
    id: Vec<u8>,
    #[diesel(sql_type = Binary)]
    instance_id: Vec<u8>,
    #[diesel(sql_type = Binary)]
    connector_id: Vec<u8>,
    #[diesel(sql_type = Binary)]
    user_id: Vec<u8>,
    #[diesel(sql_type = Binary)]
    hash: Vec<u8>,
    #[diesel(sql_type = BigInt)]
    created_ms: i64,
    #[diesel(sql_type = Nullable<BigInt>)]
    expires_ms: Option<i64>,
    #[diesel(sql_type = Nullable<BigInt>)]
    revoked_ms: Option<i64>,
}

/// A key with everything it acts for, in one row.
#[derive(QueryableByName)]
struct ContextRow {
    #[diesel(embed)]
    key: KeyRow,
    #[diesel(sql_type = Text)]
    instance_name: String,
    #[diesel(sql_type = BigInt)]
    instance_created_ms: i64,
    #[diesel(sql_type = Text)]
    settings: String,
    #[diesel(sql_type = BigInt)]
    generation: i64,
    #[diesel(sql_type = Text)]
    connector_name: String,
    #[diesel(sql_type = BigInt)]
    connector_created_ms: i64,
    #[diesel(sql_type = Text)]
    dialect: String,
    #[diesel(sql_type = BigInt)]
    keep_passwords: i64,
    #[diesel(sql_type = Text)]
    connector_settings: String,
    #[diesel(sql_type = Text)]
    user_name: String,
    #[diesel(sql_type = Text)]
    privilege: String,
}

#[derive(QueryableByName)]
struct Secret {
    #[diesel(sql_type = Binary)]
    value: Vec<u8>,
}

/// Keys `k` with everything they act for, one row each.
macro_rules! key_context {
    () => {
        "SELECT k.id, k.instance_id, k.connector_id, k.user_id, k.hash, k.created_ms, k.expires_ms, k.revoked_ms, \
         i.name AS instance_name, i.created_ms AS instance_created_ms, i.settings, i.generation, \
         c.name AS connector_name, \
         c.created_ms AS connector_created_ms, c.dialect, c.keep_passwords, \
         c.settings AS connector_settings, u.name AS user_name, u.privilege \
         FROM api_keys k JOIN instances i ON i.id = k.instance_id \
         JOIN connectors c ON c.instance_id = k.instance_id AND c.id = k.connector_id \
         JOIN integration_users u ON u.instance_id = k.instance_id AND u.id = k.user_id"
    };
}

/// Answers a question.
pub(crate) fn server(
    connection: &mut SqliteConnection,
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
        ServerQuestion::Users(instance) => {
            let rows = Statement::kept(
                "SELECT instance_id, id, name, privilege FROM integration_users WHERE instance_id = ? ORDER BY name",
            )
            .blob(instance.uuid().into_bytes());
            ServerAnswer::Users(all(rows.rows(connection), UserRow::user)?)
        }
        ServerQuestion::Keys(instance) => {
            let wanted = instance.map(|instance| instance.uuid().into_bytes().to_vec());
            let rows = Statement::kept(concat!(
                key_context!(),
                " WHERE k.instance_id = coalesce(?, k.instance_id) ORDER BY k.created_ms, k.id"
            ))
            .bind(Bind::OptionalBlob(wanted));
            ServerAnswer::Keys(all(rows.rows(connection), ContextRow::context)?)
        }
        ServerQuestion::Secret(name) => ServerAnswer::Secret(secret(connection, name)?),
    })
}

/// The instance of that id.
pub(super) fn instance_of(
    connection: &mut SqliteConnection,
    id: InstanceId,
) -> Result<Option<Instance>, StoreError> {
    let row: Option<InstanceRow> =
        Statement::kept("SELECT id, name, created_ms, settings, generation FROM instances WHERE id = ?")
            .blob(id.uuid().into_bytes())
            .row(connection)
            .map_err(store_error)?;
    row.map(InstanceRow::instance).transpose()
}

fn all<R, T>(
    rows: diesel::QueryResult<Vec<R>>,
    read: impl Fn(R) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    rows.map_err(store_error)?.into_iter().map(read).collect()
}

fn key(connection: &mut SqliteConnection, id: KeyId) -> Result<Option<KeyContext>, StoreError> {
    let row: Option<ContextRow> = Statement::kept(concat!(key_context!(), " WHERE k.id = ?"))
        .blob(id.uuid().into_bytes())
        .row(connection)
        .map_err(store_error)?;
    row.map(ContextRow::context).transpose()
}

impl ContextRow {
    fn context(self) -> Result<KeyContext, StoreError> {
        let instance = InstanceRow {
            id: self.key.instance_id.clone(),
            name: self.instance_name,
            created_ms: self.instance_created_ms,
            settings: self.settings,
            generation: self.generation,
        };
        let connector = ConnectorRow {
            instance_id: self.key.instance_id.clone(),
            id: self.key.connector_id.clone(),
            name: self.connector_name,
            created_ms: self.connector_created_ms,
            dialect: self.dialect,
            keep_passwords: self.keep_passwords,
            settings: self.connector_settings,
        };
        let user = UserRow {
            instance_id: self.key.instance_id.clone(),
            id: self.key.user_id.clone(),
            name: self.user_name,
            privilege: self.privilege,
        };
        Ok(KeyContext {
            key: self.key.key()?,
            instance: instance.instance()?,
            connector: connector.connector()?,
            user: user.user()?,
        })
    }
}

/// The secret of that name; the operating system makes it at the first question. (SQLite's own generator would fall back
/// to the time of day where the system has no randomness.)
fn secret(connection: &mut SqliteConnection, name: &str) -> Result<[u8; 32], StoreError> {
    let select = || Statement::kept("SELECT value FROM secrets WHERE name = ?").text(name);
    let found: Option<Secret> = select().row(connection).map_err(store_error)?;
    let found = match found {
        Some(found) => found,
        None => {
            let mut fresh = [0; 32];
            getrandom::fill(&mut fresh).map_err(|error| StoreError::internal(error.to_string()))?;
            Statement::kept("INSERT OR IGNORE INTO secrets (name, value) VALUES (?, ?)")
                .text(name)
                .blob(fresh)
                .run(connection)
                .map_err(store_error)?;
            select().row(connection).map_err(store_error)?.ok_or_else(|| damaged("a secret"))?
        }
    };
    found.value.try_into().map_err(|_| damaged("a secret"))
}

fn uuid(bytes: &[u8]) -> Result<Uuid, StoreError> {
    Uuid::from_slice(bytes).map_err(|_| damaged("an id"))
}

impl InstanceRow {
    fn instance(self) -> Result<Instance, StoreError> {
        Ok(Instance {
            id: InstanceId::new(uuid(&self.id)?),
            name: self.name,
            created: Timestamp::from_unix_millis(self.created_ms),
            settings: serde_json::from_str(&self.settings).map_err(|_| damaged("settings"))?,
            generation: self.generation,
        })
    }
}

impl ConnectorRow {
    fn connector(self) -> Result<Connector, StoreError> {
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
            settings: serde_json::from_str(&self.settings).map_err(|_| damaged("settings"))?,
        })
    }
}

impl UserRow {
    fn user(self) -> Result<IntegrationUser, StoreError> {
        Ok(IntegrationUser {
            id: IntegrationUserId::new(uuid(&self.id)?),
            instance: InstanceId::new(uuid(&self.instance_id)?),
            name: self.name,
            privilege: serde_json::from_str(&self.privilege).map_err(|_| damaged("a privilege"))?,
        })
    }
}

impl KeyRow {
    fn key(self) -> Result<KeyRecord, StoreError> {
        Ok(KeyRecord {
            id: KeyId::new(uuid(&self.id)?),
            instance: InstanceId::new(uuid(&self.instance_id)?),
            connector: ConnectorId::new(uuid(&self.connector_id)?),
            user: IntegrationUserId::new(uuid(&self.user_id)?),
            hash: self.hash.try_into().map_err(|_| damaged("a hash"))?,
            created: Timestamp::from_unix_millis(self.created_ms),
            expires: self.expires_ms.map(Timestamp::from_unix_millis),
            revoked: self.revoked_ms.map(Timestamp::from_unix_millis),
        })
    }
}
