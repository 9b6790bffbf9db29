//! Changes of keys. Every statement carries the instance, so that none reaches a key of another one.

use std::collections::BTreeMap;

use scim_core::instant::Timestamp;
use scim_directory::{
    ConnectorId, IntegrationUserId, KeptSecret, KeyChange, KeyId, KeyRecord, KeyTerms, KeyTouch, Revocation,
};

use super::Applying;
use crate::error::Refusal;
use crate::sql::{Number, Statement, json, word};

/// Begins with the list, and finds each key by its id; the `+` keeps SQLite from going through the instance's keys instead.
const TOUCH: &str = "UPDATE api_keys SET last_used_ms = t.at, last_address = t.address FROM \
     (SELECT unhex(value ->> 0) AS id, value ->> 1 AS at, value ->> 2 AS address FROM json_each(?)) AS t \
     WHERE api_keys.id = t.id AND +api_keys.instance_id = ? \
     AND (api_keys.last_used_ms IS NULL OR api_keys.last_used_ms <= t.at)";
/// The same list; keys are locked in their order, so that two who touch the same ones do not wait for one another in a ring.
const TOUCH_POSTGRES: &str = "WITH t AS MATERIALIZED (SELECT decode(value ->> 0, 'hex') AS id, (value ->> 1)::bigint AS at, \
     value ->> 2 AS address FROM jsonb_array_elements($1::jsonb)), \
     k AS MATERIALIZED (SELECT id FROM api_keys WHERE id IN (SELECT id FROM t) AND instance_id = $2 ORDER BY id FOR NO KEY UPDATE) \
     UPDATE api_keys SET last_used_ms = t.at, last_address = t.address FROM t JOIN k ON k.id = t.id WHERE api_keys.id = t.id \
     AND (api_keys.last_used_ms IS NULL OR api_keys.last_used_ms <= t.at)";

impl Applying<'_> {
    pub(super) fn key(&mut self, change: &KeyChange) -> Result<(), Refusal> {
        // When a key was used last decides nothing.
        self.access |= !matches!(change, KeyChange::Touch(_));
        match change {
            KeyChange::Issue(key) => self.issue(key),
            KeyChange::Revoke(id, why) => self.revoke(*id, *why),
            KeyChange::SetTerms(id, terms) => self.set_terms(*id, terms),
            KeyChange::FirstUse(touch) => {
                let first = "UPDATE api_keys SET first_used_ms = ? \
                     WHERE id = ? AND instance_id = ? AND first_used_ms IS NULL";
                let first = Statement::kept(first).integer(touch.at.unix_millis());
                self.change_key(first, touch.key)?;
                self.touch(&[*touch])
            }
            KeyChange::FirstWrite(id) => {
                let first = "UPDATE api_keys SET first_written_ms = ? \
                     WHERE id = ? AND instance_id = ? AND first_written_ms IS NULL";
                let first = Statement::kept(first).integer(self.set.at.unix_millis());
                self.change_key(first, *id)
            }
            KeyChange::Retire(id, until) => self.retire(*id, *until),
            KeyChange::Touch(touches) => self.touch(touches),
            KeyChange::EndTokens(id) => {
                let end = "UPDATE api_keys SET generation = generation + 1 WHERE id = ? AND instance_id = ?";
                self.change_key(Statement::kept(end), *id)
            }
            KeyChange::Rehash(id, secret) => {
                let rehash = "UPDATE api_keys SET pepper_id = ?, mac = ?, password = ? WHERE id = ? AND instance_id = ?";
                self.change_key(bind_secret(Statement::kept(rehash), secret), *id)
            }
            KeyChange::Remind(id, days) => {
                let days = i64::from(*days);
                let remind = "UPDATE api_keys SET reminded = ? WHERE id = ? AND instance_id = ? \
                     AND revoked_ms IS NULL AND (reminded IS NULL OR reminded > ?)";
                let remind = Statement::kept(remind).integer(days).blob(id.uuid().into_bytes());
                self.one_row(remind.blob(self.instance).integer(days), || Refusal::Conflict)
            }
        }
    }

    /// Runs a statement that ends with the key's id and the instance, and must change that key.
    fn change_key(&mut self, statement: Statement, id: KeyId) -> Result<(), Refusal> {
        let statement = statement.blob(id.uuid().into_bytes()).blob(self.instance);
        self.one_row(statement, || Refusal::Conflict)
    }

    fn issue(&mut self, key: &KeyRecord) -> Result<(), Refusal> {
        self.require_own(key.instance)?;
        let (connector, user) = (key.connector.uuid().into_bytes(), key.user.uuid().into_bytes());
        let there = Statement::kept(
            "SELECT (SELECT count(*) FROM connectors WHERE instance_id = ? AND id = ?) \
             + (SELECT count(*) FROM integration_users WHERE instance_id = ? AND id = ?) AS n",
        );
        let there = there.blob(self.instance).blob(connector).blob(self.instance).blob(user);
        let there = there.row::<Number>(self.connection)?.is_some_and(|row| row.n == 2);
        if !there {
            return Err(Refusal::Conflict);
        }
        let (revoked, revocation) = match key.revoked {
            Some((at, why)) => (Some(at), Some(word(why)?)),
            None => (None, None),
        };
        let insert = Statement::kept(
            "INSERT INTO api_keys (id, instance_id, connector_id, user_id, pepper_id, mac, password, ending, \
             created_ms, not_before_ms, expires_ms, limits, generation, first_used_ms, first_written_ms, last_used_ms, \
             last_address, retiring_ms, retires_ms, revoked_ms, revocation, reminded) \
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        )
        .blob(key.id.uuid().into_bytes())
        .blob(self.instance)
        .blob(connector)
        .blob(user);
        let insert = bind_secret(insert, &key.secret)
            .text(key.ending.clone())
            .integer(key.created.unix_millis())
            .optional_time(key.terms.not_before)
            .optional_time(key.terms.expires)
            .text(json(&key.terms.limits)?)
            .integer(key.generation)
            .optional_time(key.first_used)
            .optional_time(key.first_written)
            .optional_time(key.last_used)
            .optional_text(key.last_address.map(|address| address.to_string()))
            .optional_time(key.retiring.map(|retiring| retiring.since))
            .optional_time(key.retiring.map(|retiring| retiring.until))
            .optional_time(revoked)
            .optional_text(revocation)
            .optional_integer(key.reminded.map(i64::from));
        self.one_row(insert, || Refusal::Duplicate("id".to_owned()))
    }

    /// The first revocation stays.
    fn revoke(&mut self, id: KeyId, why: Revocation) -> Result<(), Refusal> {
        let revoke = Statement::kept(
            "UPDATE api_keys SET revoked_ms = ?, revocation = ?, generation = generation + 1 \
             WHERE id = ? AND instance_id = ? AND revoked_ms IS NULL",
        );
        let revoke = revoke.integer(self.set.at.unix_millis()).text(word(why)?);
        self.change_key_or_nothing(revoke, id)
    }

    fn retire(&mut self, id: KeyId, until: Timestamp) -> Result<(), Refusal> {
        let retire = Statement::kept(
            "UPDATE api_keys SET retiring_ms = ?, retires_ms = ? \
             WHERE id = ? AND instance_id = ? AND retires_ms IS NULL AND revoked_ms IS NULL",
        );
        let retire = retire.integer(self.set.at.unix_millis()).integer(until.unix_millis());
        self.change_key_or_nothing(retire, id)?;
        // Not the key's: its tokens live on. So what is decided by the key as it was finds out all the same.
        self.next_generation()
    }

    /// As [`Self::change_key`], but a key that is there and needs no change is none either.
    fn change_key_or_nothing(&mut self, statement: Statement, id: KeyId) -> Result<(), Refusal> {
        let id = id.uuid().into_bytes();
        if statement.blob(id).blob(self.instance).run(self.connection)? == 1 {
            return Ok(());
        }
        let there = Statement::kept("SELECT count(*) AS n FROM api_keys WHERE id = ? AND instance_id = ?");
        let there = there.blob(id).blob(self.instance).row::<Number>(self.connection)?;
        if there.is_some_and(|row| row.n == 1) { Ok(()) } else { Err(Refusal::Conflict) }
    }

    fn set_terms(&mut self, id: KeyId, terms: &KeyTerms) -> Result<(), Refusal> {
        let set = Statement::kept(
            "UPDATE api_keys SET not_before_ms = ?, expires_ms = ?, limits = ?, reminded = NULL, \
             generation = generation + 1 WHERE id = ? AND instance_id = ?",
        )
        .optional_time(terms.not_before)
        .optional_time(terms.expires)
        .text(json(&terms.limits)?);
        self.change_key(set, id)
    }

    /// One statement, however many keys they are.
    fn touch(&mut self, touches: &[KeyTouch]) -> Result<(), Refusal> {
        let mut newest: BTreeMap<KeyId, &KeyTouch> = BTreeMap::new();
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

    /// Whether the key is not revoked and of that generation.
    pub(super) fn holds_key(&mut self, id: KeyId, generation: i64) -> Result<bool, Refusal> {
        let (connection, instance) = (&mut *self.connection, self.instance);
        let mut ask = || {
            let row = Statement::kept(
                "SELECT generation AS n FROM api_keys WHERE id = ? AND instance_id = ? AND revoked_ms IS NULL",
            )
            .blob(id.uuid().into_bytes())
            .blob(instance)
            .row::<Number>(connection)?;
            Ok(row.map(|row| row.n))
        };
        let known = match &mut self.group {
            Some(group) => group.key(id, instance, &mut ask),
            None => ask(),
        };
        Ok(known? == Some(generation))
    }

    /// Whether the integration user has fewer live keys at the connector than that.
    pub(super) fn has_fewer_keys(
        &mut self,
        connector: ConnectorId,
        user: IntegrationUserId,
        below: usize,
    ) -> Result<bool, Refusal> {
        let at = self.set.at.unix_millis();
        let live = Statement::kept(
            "SELECT count(*) AS n FROM api_keys WHERE instance_id = ? AND connector_id = ? AND user_id = ? \
             AND revoked_ms IS NULL AND (expires_ms IS NULL OR expires_ms > ?) \
             AND (retires_ms IS NULL OR retires_ms > ?)",
        )
        .blob(self.instance)
        .blob(connector.uuid().into_bytes())
        .blob(user.uuid().into_bytes())
        .integer(at)
        .integer(at)
        .row::<Number>(self.connection)?;
        Ok(live.is_some_and(|row| usize::try_from(row.n).is_ok_and(|live| live < below)))
    }
}

/// Binds a pepper's id, a hash and a password, of which either the first two or the last is there.
fn bind_secret(statement: Statement, secret: &KeptSecret) -> Statement {
    let none = None::<[u8; 0]>;
    match secret {
        KeptSecret::Mac { pepper, mac } => statement.blob(pepper).blob(mac).optional_text(None::<String>),
        KeptSecret::Password(password) => {
            statement.optional_blob(none).optional_blob(none).text(password.clone())
        }
    }
}

#[cfg(test)]
#[cfg(feature = "sqlite")]
mod tests {
    use super::*;

    #[test]
    fn keys_are_touched_one_by_one() {
        let plan = Statement::new(TOUCH).text("[]").blob([1; 16]).plan();
        assert_eq!(
            plan,
            ["SCAN json_each VIRTUAL TABLE INDEX 1:", "SEARCH api_keys USING PRIMARY KEY (id=?)"]
        );
    }
}
