//! Keys, each with everything it acts for.

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Binary, Nullable, Text};
use scim_core::instant::Timestamp;
use scim_directory::{
    ConnectorId, InstanceId, IntegrationUserId, KeptSecret, KeyId, KeyRecord, KeyTerms, Retiring,
};
use scim_storage::{AccessMark, KeyContext, MarkedKey, ServerAnswer, StoreError};

use super::admin::{ConnectorRow, InstanceRow, UserRow, all, read_settings, uuid};
use crate::connection::Connection;
use crate::error::{damaged, store_error};
use crate::sql::{Statement, from_word};

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
    #[diesel(sql_type = Nullable<Binary>)]
    pepper_id: Option<Vec<u8>>,
    #[diesel(sql_type = Nullable<Binary>)]
    mac: Option<Vec<u8>>,
    #[diesel(sql_type = Nullable<Text>)]
    password: Option<String>,
    #[diesel(sql_type = Text)]
    ending: String,
    #[diesel(sql_type = BigInt)]
    created_ms: i64,
    #[diesel(sql_type = Nullable<BigInt>)]
    not_before_ms: Option<i64>,
    #[diesel(sql_type = Nullable<BigInt>)]
    expires_ms: Option<i64>,
    #[diesel(sql_type = Text)]
    limits: String,
    #[diesel(sql_type = BigInt)]
    key_generation: i64,
    #[diesel(sql_type = Nullable<BigInt>)]
    first_used_ms: Option<i64>,
    #[diesel(sql_type = Nullable<BigInt>)]
    first_written_ms: Option<i64>,
    #[diesel(sql_type = Nullable<BigInt>)]
    last_used_ms: Option<i64>,
    #[diesel(sql_type = Nullable<Text>)]
    last_address: Option<String>,
    #[diesel(sql_type = Nullable<BigInt>)]
    retiring_ms: Option<i64>,
    #[diesel(sql_type = Nullable<BigInt>)]
    retires_ms: Option<i64>,
    #[diesel(sql_type = Nullable<BigInt>)]
    revoked_ms: Option<i64>,
    #[diesel(sql_type = Nullable<Text>)]
    revocation: Option<String>,
    #[diesel(sql_type = Nullable<BigInt>)]
    reminded: Option<i64>,
}

/// A key with everything it acts for, in one row.
#[derive(QueryableByName)]
pub(crate) struct ContextRow {
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
    #[diesel(sql_type = BigInt)]
    suspended: i64,
    #[diesel(sql_type = Nullable<Text>)]
    email: Option<String>,
}

/// A key in the state that marks are about.
#[derive(QueryableByName)]
pub(crate) struct MarkedRow {
    #[diesel(embed)]
    context: ContextRow,
    #[diesel(sql_type = BigInt)]
    access: i64,
}

/// Keys `k` with everything they act for, one row each; `CROSS JOIN` because SQLite then begins with the keys.
macro_rules! key_context {
    ($rest:literal) => {
        key_context!("", $rest)
    };
    ($more:literal, $rest:literal) => {
        concat!(
            "SELECT ", $more, "k.id, k.instance_id, k.connector_id, k.user_id, k.pepper_id, k.mac, k.password, k.ending, \
             k.created_ms, k.not_before_ms, k.expires_ms, k.limits, k.generation AS key_generation, k.first_used_ms, \
             k.first_written_ms, k.last_used_ms, k.last_address, k.retiring_ms, k.retires_ms, k.revoked_ms, \
             k.revocation, k.reminded, i.name AS instance_name, i.created_ms AS instance_created_ms, i.settings, \
             i.generation, c.name AS connector_name, c.created_ms AS connector_created_ms, c.dialect, \
             c.keep_passwords, c.settings AS connector_settings, u.name AS user_name, u.privilege, u.suspended, u.email \
             FROM api_keys k CROSS JOIN instances i ON i.id = k.instance_id \
             CROSS JOIN connectors c ON c.instance_id = k.instance_id AND c.id = k.connector_id \
             CROSS JOIN integration_users u ON u.instance_id = k.instance_id AND u.id = k.user_id ",
            $rest
        )
    };
}

/// The key of that id.
pub(super) fn key(connection: &mut Connection, id: KeyId) -> Result<Option<KeyContext>, StoreError> {
    let row: Option<ContextRow> = by_id(id).row(connection).map_err(store_error)?;
    row.map(ContextRow::context).transpose()
}

/// The answer of [`by_id`].
pub(crate) fn of_key(rows: Vec<ContextRow>) -> Result<ServerAnswer, StoreError> {
    let context = rows.into_iter().next().map(ContextRow::context).transpose()?;
    Ok(ServerAnswer::Key(context.map(Box::new)))
}

/// What asks for a key and its mark; one statement, so that both are of one moment.
pub(crate) fn marked_key(id: KeyId) -> Statement {
    Statement::kept(key_context!(
        "coalesce((SELECT a.generation FROM access a WHERE a.instance_id = k.instance_id), 0) AS access, ",
        "WHERE k.id = ?"
    ))
    .blob(id.uuid().into_bytes())
}

/// The answer of [`marked_key`].
pub(crate) fn of_marked_key(rows: Vec<MarkedRow>) -> Result<Option<MarkedKey>, StoreError> {
    let Some(row) = rows.into_iter().next() else { return Ok(None) };
    let context = Box::new(row.context.context()?);
    Ok(Some(MarkedKey { context, mark: Some(AccessMark(row.access)) }))
}

/// What asks for it.
pub(crate) fn by_id(id: KeyId) -> Statement {
    Statement::kept(key_context!("WHERE k.id = ?")).blob(id.uuid().into_bytes())
}

/// The keys of an instance, or of every one, oldest first.
pub(super) fn keys(
    connection: &mut Connection,
    instance: Option<InstanceId>,
) -> Result<Vec<KeyContext>, StoreError> {
    all(of_instance(instance).rows(connection), ContextRow::context)
}

fn of_instance(instance: Option<InstanceId>) -> Statement {
    match instance {
        Some(instance) => {
            Statement::kept(key_context!("WHERE k.instance_id = ? ORDER BY k.created_ms, k.id"))
                .blob(instance.uuid().into_bytes())
        }
        None => Statement::kept(key_context!("ORDER BY k.created_ms, k.id")),
    }
}

/// Keys of an instance, oldest first, after that place, at most so many.
pub(super) fn keys_after(
    connection: &mut Connection,
    instance: InstanceId,
    after: Option<(Timestamp, KeyId)>,
    limit: usize,
) -> Result<Vec<KeyContext>, StoreError> {
    all(behind(instance, after, limit).rows(connection), ContextRow::context)
}

fn behind(instance: InstanceId, after: Option<(Timestamp, KeyId)>, limit: usize) -> Statement {
    let instance = instance.uuid().into_bytes();
    let statement = match after {
        Some((at, id)) => Statement::kept(key_context!(
            "WHERE k.instance_id = ? AND (k.created_ms, k.id) > (?, ?) ORDER BY k.created_ms, k.id LIMIT ?"
        ))
        .blob(instance)
        .integer(at.unix_millis())
        .blob(id.uuid().into_bytes()),
        None => Statement::kept(key_context!("WHERE k.instance_id = ? ORDER BY k.created_ms, k.id LIMIT ?"))
            .blob(instance),
    };
    statement.integer(i64::try_from(limit).unwrap_or(i64::MAX))
}

/// The keys of an integration user at a connector that are live at that moment, oldest first.
pub(super) fn live_keys(
    connection: &mut Connection,
    instance: InstanceId,
    connector: ConnectorId,
    user: IntegrationUserId,
    at: Timestamp,
) -> Result<Vec<KeyContext>, StoreError> {
    all(live(instance, connector, user, at).rows(connection), ContextRow::context)
}

fn live(instance: InstanceId, connector: ConnectorId, user: IntegrationUserId, at: Timestamp) -> Statement {
    Statement::kept(key_context!(
        "WHERE k.instance_id = ? AND k.connector_id = ? AND k.user_id = ? AND k.revoked_ms IS NULL \
         AND (k.expires_ms IS NULL OR k.expires_ms > ?) AND (k.retires_ms IS NULL OR k.retires_ms > ?) \
         ORDER BY k.created_ms, k.id"
    ))
    .blob(instance.uuid().into_bytes())
    .blob(connector.uuid().into_bytes())
    .blob(user.uuid().into_bytes())
    .integer(at.unix_millis())
    .integer(at.unix_millis())
}

/// Keys that are due before a moment, by when they are due and then by id, after that place, at most so many.
pub(super) fn keys_due(
    connection: &mut Connection,
    before: Timestamp,
    after: Option<(Timestamp, KeyId)>,
    limit: usize,
) -> Result<Vec<KeyContext>, StoreError> {
    all(due(before, after, limit).rows(connection), ContextRow::context)
}

fn due(before: Timestamp, after: Option<(Timestamp, KeyId)>, limit: usize) -> Statement {
    let statement = match after {
        Some((at, id)) => Statement::kept(key_context!(
            "WHERE (k.due_ms, k.id) > (?, ?) AND k.due_ms < ? ORDER BY k.due_ms, k.id LIMIT ?"
        ))
        .integer(at.unix_millis())
        .blob(id.uuid().into_bytes()),
        None => Statement::kept(key_context!("WHERE k.due_ms < ? ORDER BY k.due_ms, k.id LIMIT ?")),
    };
    statement.integer(before.unix_millis()).integer(i64::try_from(limit).unwrap_or(i64::MAX))
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
            suspended: self.suspended,
            email: self.email,
        };
        Ok(KeyContext {
            key: self.key.key()?,
            instance: instance.instance()?,
            connector: connector.connector()?,
            user: user.user()?,
        })
    }
}

impl KeyRow {
    fn key(self) -> Result<KeyRecord, StoreError> {
        let time = |millis: Option<i64>| millis.map(Timestamp::from_unix_millis);
        let pair = time(self.retiring_ms).zip(time(self.retires_ms));
        let address = self.last_address.map(|text| text.parse().map_err(|_| damaged("an address")));
        let reminded = self.reminded.map(|days| days.try_into().map_err(|_| damaged("a reminder")));
        let revocation = self.revocation.map(|why| from_word(&why, "a revocation")).transpose()?;
        Ok(KeyRecord {
            id: KeyId::new(uuid(&self.id)?),
            instance: InstanceId::new(uuid(&self.instance_id)?),
            connector: ConnectorId::new(uuid(&self.connector_id)?),
            user: IntegrationUserId::new(uuid(&self.user_id)?),
            secret: kept_secret(self.pepper_id, self.mac, self.password)?,
            ending: self.ending,
            created: Timestamp::from_unix_millis(self.created_ms),
            terms: KeyTerms {
                not_before: time(self.not_before_ms),
                expires: time(self.expires_ms),
                limits: read_settings(&self.limits, "limits of a key")?,
            },
            generation: self.key_generation,
            first_used: time(self.first_used_ms),
            first_written: time(self.first_written_ms),
            last_used: time(self.last_used_ms),
            last_address: address.transpose()?,
            retiring: pair.map(|(since, until)| Retiring { since, until }),
            revoked: time(self.revoked_ms).zip(revocation),
            reminded: reminded.transpose()?,
        })
    }
}

fn kept_secret(
    pepper: Option<Vec<u8>>,
    mac: Option<Vec<u8>>,
    password: Option<String>,
) -> Result<KeptSecret, StoreError> {
    let wrong = || damaged("a key's hash");
    match (pepper, mac, password) {
        (Some(pepper), Some(mac), None) => Ok(KeptSecret::Mac {
            pepper: pepper.try_into().map_err(|_| wrong())?,
            mac: mac.try_into().map_err(|_| wrong())?,
        }),
        (None, None, Some(password)) => Ok(KeptSecret::Password(password)),
        _ => Err(wrong()),
    }
}

#[cfg(test)]
#[cfg(feature = "sqlite")]
mod tests {
    use uuid::Uuid;

    use super::*;

    /// That keys are found so, what they act for by primary keys, and that nothing is sorted.
    #[track_caller]
    fn check(statement: Statement, keys: &str) {
        let expected = [
            keys,
            "SEARCH i USING PRIMARY KEY (id=?)",
            "SEARCH c USING PRIMARY KEY (instance_id=? AND id=?)",
            "SEARCH u USING PRIMARY KEY (instance_id=? AND id=?)",
        ];
        assert_eq!(statement.plan(), expected);
    }

    #[test]
    fn keys_are_found_by_seeks() {
        let id = Uuid::from_u128(1);
        let at = Timestamp::from_unix_millis(1);
        let (key, instance) = (KeyId::new(id), InstanceId::new(id));
        let live = live(instance, ConnectorId::new(id), IntegrationUserId::new(id), at);
        check(by_id(key), "SEARCH k USING PRIMARY KEY (id=?)");
        check(of_instance(Some(instance)), "SEARCH k USING INDEX api_keys_by_instance (instance_id=?)");
        let pages = "SEARCH k USING INDEX api_keys_by_instance (instance_id=?";
        check(behind(instance, None, 9), &format!("{pages})"));
        check(behind(instance, Some((at, key)), 9), &format!("{pages} AND (created_ms,id)>(?,?))"));
        check(live, "SEARCH k USING INDEX api_keys_live (instance_id=? AND connector_id=? AND user_id=?)");
        check(due(at, None, 9), "SEARCH k USING INDEX api_keys_due (due_ms<?)");
        let due = due(at, Some((at, key)), 9);
        check(due, "SEARCH k USING INDEX api_keys_due ((due_ms,id)>(?,?) AND due_ms<?)");
    }
}
