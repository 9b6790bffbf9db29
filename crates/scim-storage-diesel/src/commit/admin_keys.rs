//! Changes of admin keys. Every statement carries the scope, so that none reaches a key of another one.

use std::collections::BTreeMap;

use scim_directory::{AdminKeyChange, AdminKeyId, AdminKeyRecord, AdminKeyTouch, Scope};

use super::Applying;
use crate::error::Refusal;
use crate::sql::{Number, Statement, json, word};

/// Begins with the list, and finds each key by its id; the `+` keeps SQLite from going through the scope's keys instead.
const TOUCH: &str = "UPDATE admin_keys SET last_used_ms = t.at, last_address = t.address FROM \
     (SELECT unhex(value ->> 0) AS id, value ->> 1 AS at, value ->> 2 AS address FROM json_each(?)) AS t \
     WHERE admin_keys.id = t.id AND +admin_keys.instance_id = ? \
     AND (admin_keys.last_used_ms IS NULL OR admin_keys.last_used_ms <= t.at)";
/// The same list; keys are locked in their order, so that two who touch the same ones do not wait for one another in a ring.
const TOUCH_POSTGRES: &str = "WITH t AS MATERIALIZED (SELECT decode(value ->> 0, 'hex') AS id, (value ->> 1)::bigint AS at, \
     value ->> 2 AS address FROM jsonb_array_elements($1::jsonb)), \
     k AS MATERIALIZED (SELECT id FROM admin_keys WHERE id IN (SELECT id FROM t) AND instance_id = $2 ORDER BY id FOR NO KEY UPDATE) \
     UPDATE admin_keys SET last_used_ms = t.at, last_address = t.address FROM t JOIN k ON k.id = t.id WHERE admin_keys.id = t.id \
     AND (admin_keys.last_used_ms IS NULL OR admin_keys.last_used_ms <= t.at)";

impl Applying<'_> {
    pub(super) fn admin_key(&mut self, change: &AdminKeyChange) -> Result<(), Refusal> {
        match change {
            AdminKeyChange::Issue(key) => self.issue_admin_key(key),
            AdminKeyChange::Revoke(id) => {
                let revoke = "UPDATE admin_keys SET revoked_ms = coalesce(revoked_ms, ?) WHERE id = ? AND instance_id = ?";
                let revoke = Statement::kept(revoke).integer(self.set.at.unix_millis());
                self.change_admin_key(revoke, *id)
            }
            AdminKeyChange::Touch(touches) => self.touch_admin_keys(touches),
            AdminKeyChange::Rehash(id, secret) => {
                let rehash = "UPDATE admin_keys SET pepper_id = ?, mac = ? WHERE id = ? AND instance_id = ?";
                let rehash = Statement::kept(rehash).blob(secret.pepper).blob(secret.mac);
                self.change_admin_key(rehash, *id)
            }
        }
    }

    /// Runs a statement that ends with the key's id and the scope, and must change that key.
    fn change_admin_key(&mut self, statement: Statement, id: AdminKeyId) -> Result<(), Refusal> {
        let statement = statement.blob(id.uuid().into_bytes()).blob(self.instance);
        self.one_row(statement, || Refusal::Conflict)
    }

    fn issue_admin_key(&mut self, key: &AdminKeyRecord) -> Result<(), Refusal> {
        let scope = key.scope();
        self.require_own(scope.instance)?;
        if scope != Scope::SERVER {
            let there = Statement::kept("SELECT count(*) AS n FROM instances WHERE id = ?");
            let there = there.blob(self.instance).row::<Number>(self.connection)?;
            if there.is_none_or(|row| row.n != 1) {
                return Err(Refusal::Conflict);
            }
        }
        let insert = Statement::kept(
            "INSERT INTO admin_keys (id, instance_id, role, label, pepper_id, mac, ending, created_ms, \
             expires_ms, networks, issued_by, last_used_ms, last_address, revoked_ms) \
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        )
        .blob(key.id.uuid().into_bytes())
        .blob(self.instance)
        .text(word(key.role)?)
        .text(key.label.clone())
        .blob(key.secret.pepper)
        .blob(key.secret.mac)
        .text(key.ending.clone())
        .integer(key.created.unix_millis())
        .optional_time(key.expires)
        .text(json(&key.networks)?)
        .optional_blob(key.issued_by.map(|key| key.uuid().into_bytes()))
        .optional_time(key.last_used)
        .optional_text(key.last_address.map(|address| address.to_string()))
        .optional_time(key.revoked);
        self.one_row(insert, || Refusal::Duplicate("id".to_owned()))
    }

    /// One statement, however many keys they are.
    fn touch_admin_keys(&mut self, touches: &[AdminKeyTouch]) -> Result<(), Refusal> {
        let mut newest: BTreeMap<AdminKeyId, &AdminKeyTouch> = BTreeMap::new();
        for touch in touches {
            let known = newest.entry(touch.key).or_insert(touch);
            if known.at <= touch.at {
                *known = touch;
            }
        }
        if newest.is_empty() {
            return Ok(());
        }
        let rows: Vec<_> = newest
            .values()
            .map(|touch| (touch.key.uuid().simple().to_string(), touch.at.unix_millis(), touch.address))
            .collect();
        Statement::kept(TOUCH)
            .postgres(TOUCH_POSTGRES)
            .text(json(&rows)?)
            .blob(self.instance)
            .run(self.connection)?;
        Ok(())
    }

    /// Whether the admin key opens the instance at the change set's time.
    pub(super) fn holds_admin_key(&mut self, id: AdminKeyId) -> Result<bool, Refusal> {
        let row = holds(id, self.instance, self.set.at.unix_millis()).row::<Number>(self.connection)?;
        Ok(row.is_some_and(|row| row.n == 1))
    }
}

fn holds(id: AdminKeyId, instance: [u8; 16], at: i64) -> Statement {
    // Without the `+` SQLite might go through the keys of the two scopes.
    Statement::kept(
        "SELECT count(*) AS n FROM admin_keys WHERE id = ? AND (+instance_id = ? OR +instance_id = ?) \
         AND revoked_ms IS NULL AND (expires_ms IS NULL OR expires_ms > ?)",
    )
    .postgres(
        "SELECT count(*) AS n FROM admin_keys WHERE id = $1 AND (instance_id = $2 OR instance_id = $3) \
         AND revoked_ms IS NULL AND (expires_ms IS NULL OR expires_ms > $4)",
    )
    .blob(id.uuid().into_bytes())
    .blob(instance)
    .blob(Scope::SERVER.instance.uuid().into_bytes())
    .integer(at)
}

#[cfg(test)]
#[cfg(feature = "sqlite")]
mod tests {
    use super::*;

    #[test]
    fn admin_keys_are_found_by_their_ids() {
        let touch = Statement::new(TOUCH).text("[]").blob([1; 16]).plan();
        assert_eq!(
            touch,
            ["SCAN json_each VIRTUAL TABLE INDEX 1:", "SEARCH admin_keys USING PRIMARY KEY (id=?)"]
        );
        let condition = holds(AdminKeyId::new(uuid::Uuid::from_u128(1)), [1; 16], 0).plan();
        assert_eq!(condition, ["SEARCH admin_keys USING PRIMARY KEY (id=?)"]);
    }
}
