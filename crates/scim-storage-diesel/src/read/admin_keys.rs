//! Admin keys, and requests that were answered once.

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Binary, Nullable, Text};
use scim_core::instant::Timestamp;
use scim_directory::{
    AdminKeyId, AdminKeyRecord, AnsweredRequest, InstanceId, KeptAdminMac, RequestMark, Scope,
};
use scim_storage::StoreError;

use super::admin::{all, uuid};
use crate::connection::Connection;
use crate::error::{damaged, store_error};
use crate::sql::{Statement, from_word};

#[derive(QueryableByName)]
struct AdminKeyRow {
    #[diesel(sql_type = Binary)]
    id: Vec<u8>,
    #[diesel(sql_type = Binary)]
    instance_id: Vec<u8>,
    #[diesel(sql_type = Text)]
    role: String,
    #[diesel(sql_type = Text)]
    label: String,
    #[diesel(sql_type = Binary)]
    pepper_id: Vec<u8>,
    #[diesel(sql_type = Binary)]
    mac: Vec<u8>,
    #[diesel(sql_type = Text)]
    ending: String,
    #[diesel(sql_type = BigInt)]
    created_ms: i64,
    #[diesel(sql_type = Nullable<BigInt>)]
    expires_ms: Option<i64>,
    #[diesel(sql_type = Text)]
    networks: String,
    #[diesel(sql_type = Nullable<Binary>)]
    issued_by: Option<Vec<u8>>,
    #[diesel(sql_type = Nullable<BigInt>)]
    last_used_ms: Option<i64>,
    #[diesel(sql_type = Nullable<Text>)]
    last_address: Option<String>,
    #[diesel(sql_type = Nullable<BigInt>)]
    revoked_ms: Option<i64>,
}

macro_rules! admin_keys {
    ($rest:literal) => {
        concat!(
            "SELECT id, instance_id, role, label, pepper_id, mac, ending, created_ms, expires_ms, networks, \
             issued_by, last_used_ms, last_address, revoked_ms FROM admin_keys ",
            $rest
        )
    };
}

/// The admin key of that id.
pub(super) fn admin_key(
    connection: &mut Connection,
    id: AdminKeyId,
) -> Result<Option<AdminKeyRecord>, StoreError> {
    let row: Option<AdminKeyRow> = by_id(id).row(connection).map_err(store_error)?;
    row.map(AdminKeyRow::record).transpose()
}

fn by_id(id: AdminKeyId) -> Statement {
    Statement::kept(admin_keys!("WHERE id = ?")).blob(id.uuid().into_bytes())
}

/// Admin keys of the scope, oldest first, after that place, at most so many.
pub(super) fn admin_keys(
    connection: &mut Connection,
    scope: &Scope,
    after: Option<(Timestamp, AdminKeyId)>,
    limit: usize,
) -> Result<Vec<AdminKeyRecord>, StoreError> {
    all(behind(scope, after, limit).rows(connection), AdminKeyRow::record)
}

fn behind(scope: &Scope, after: Option<(Timestamp, AdminKeyId)>, limit: usize) -> Statement {
    let instance = scope.instance.uuid().into_bytes();
    let statement = match after {
        Some((at, id)) => Statement::kept(admin_keys!(
            "WHERE instance_id = ? AND (created_ms, id) > (?, ?) ORDER BY created_ms, id LIMIT ?"
        ))
        .blob(instance)
        .integer(at.unix_millis())
        .blob(id.uuid().into_bytes()),
        None => Statement::kept(admin_keys!("WHERE instance_id = ? ORDER BY created_ms, id LIMIT ?"))
            .blob(instance),
    };
    statement.integer(i64::try_from(limit).unwrap_or(i64::MAX))
}

impl AdminKeyRow {
    fn record(self) -> Result<AdminKeyRecord, StoreError> {
        let time = |millis: Option<i64>| millis.map(Timestamp::from_unix_millis);
        let wrong = |_| damaged("the hash of an admin key");
        let address = self.last_address.map(|text| text.parse().map_err(|_| damaged("an address")));
        let instance = InstanceId::new(uuid(&self.instance_id)?);
        let issued_by = self.issued_by.map(|id| uuid(&id)).transpose()?;
        Ok(AdminKeyRecord {
            id: AdminKeyId::new(uuid(&self.id)?),
            instance: (instance != Scope::SERVER.instance).then_some(instance),
            role: from_word(&self.role, "a role")?,
            label: self.label,
            secret: KeptAdminMac {
                pepper: self.pepper_id.try_into().map_err(wrong)?,
                mac: self.mac.try_into().map_err(wrong)?,
            },
            ending: self.ending,
            created: Timestamp::from_unix_millis(self.created_ms),
            expires: time(self.expires_ms),
            networks: serde_json::from_str(&self.networks).map_err(|_| damaged("networks"))?,
            issued_by: issued_by.map(AdminKeyId::new),
            last_used: time(self.last_used_ms),
            last_address: address.transpose()?,
            revoked: time(self.revoked_ms),
        })
    }
}

#[derive(QueryableByName)]
struct AnswerRow {
    #[diesel(sql_type = Binary)]
    request: Vec<u8>,
    #[diesel(sql_type = BigInt)]
    at_ms: i64,
    #[diesel(sql_type = Nullable<Binary>)]
    answer: Option<Vec<u8>>,
}

/// What is known of a request at that moment.
pub(super) fn answered(
    connection: &mut Connection,
    mark: RequestMark,
    now: Timestamp,
) -> Result<Option<AnsweredRequest>, StoreError> {
    let row: Option<AnswerRow> = Statement::kept(
        "SELECT request, at_ms, answer FROM answers WHERE caller = ? AND key = ? AND at_ms >= ?",
    )
    .blob(mark.caller.uuid().into_bytes())
    .blob(mark.key)
    .integer(AnsweredRequest::known_since(now).unix_millis())
    .row(connection)
    .map_err(store_error)?;
    let answered = |row: AnswerRow| {
        Ok(AnsweredRequest {
            request: row.request.try_into().map_err(|_| damaged("the hash of a request"))?,
            at: Timestamp::from_unix_millis(row.at_ms),
            answer: row.answer,
        })
    };
    row.map(answered).transpose()
}

#[cfg(test)]
#[cfg(feature = "sqlite")]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn admin_keys_are_found_by_seeks() {
        let check = |statement: Statement, expected: &str| assert_eq!(statement.plan(), [expected]);
        let (id, at) = (AdminKeyId::new(Uuid::from_u128(1)), Timestamp::from_unix_millis(1));
        check(by_id(id), "SEARCH admin_keys USING PRIMARY KEY (id=?)");
        let pages = "SEARCH admin_keys USING INDEX admin_keys_by_instance (instance_id=?";
        check(behind(&Scope::SERVER, None, 9), &format!("{pages})"));
        check(behind(&Scope::SERVER, Some((at, id)), 9), &format!("{pages} AND (created_ms,id)>(?,?))"));
    }
}
