//! API keys as they are kept: without their secrets.

use std::net::IpAddr;

use scim_core::instant::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    AccessScopes, Actor, Connector, ConnectorId, InstanceId, IntegrationUserId, KeyId, Networks, Rate,
};

/// What is kept of a key's secret.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum KeptSecret {
    /// Of a key that was generated: its keyed hash, and which pepper it was made with (`scim-api-keys`).
    Mac {
        /// The pepper's id.
        pepper: [u8; 16],
        /// The keyed hash, bound to instance and key id.
        mac: [u8; 32],
    },
    /// Of a secret that a person chose: an argon2id hash as a PHC string. Such a one is a password for HTTP Basic alone.
    Password(String),
}

/// Shows which of the two it is, and nothing that could be attacked.
impl std::fmt::Debug for KeptSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Mac { .. } => "Mac(..)",
            Self::Password(_) => "Password(..)",
        })
    }
}

/// What an administrator sets of a key, and can change.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyTerms {
    /// When it begins; `None` for at once.
    pub not_before: Option<Timestamp>,
    /// When it ends; `None` for never.
    pub expires: Option<Timestamp>,
    /// What it opens, where and how often.
    pub limits: KeyLimits,
}

/// What a key opens, from where, and how often. What is as it is by default is not written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct KeyLimits {
    /// What it opens.
    #[serde(skip_serializing_if = "crate::policy::is_default")]
    pub scopes: AccessScopes,
    /// From where, within what the connector allows.
    #[serde(skip_serializing_if = "Networks::is_everywhere")]
    pub networks: Networks,
    /// How often, besides the connector's own limit; `None` for any rate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate: Option<Rate>,
}

/// A key that another one has taken the place of, and that still works for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retiring {
    /// Since when: the first use of the new key.
    pub since: Timestamp,
    /// Until when it works.
    pub until: Timestamp,
}

/// Why a key was revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Revocation {
    /// An administrator did it.
    ByHand,
    /// The key that took its place was used for a write.
    Replaced,
    /// The overlap with the key that took its place was over.
    Overlap,
}

/// A key as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRecord {
    /// The id, which stands in the key in clear.
    pub id: KeyId,
    /// The instance.
    pub instance: InstanceId,
    /// The connector.
    pub connector: ConnectorId,
    /// The integration user.
    pub user: IntegrationUserId,
    /// What is kept of the secret.
    pub secret: KeptSecret,
    /// The last four characters, by which people tell keys apart; empty for a password.
    pub ending: String,
    /// When it was issued.
    pub created: Timestamp,
    /// When and for what it can be used.
    pub terms: KeyTerms,
    /// Grows with each change of the terms and with revocation ([`crate::Condition::Key`]); 1 at first.
    pub generation: i64,
    /// When it was used for the first time.
    pub first_used: Option<Timestamp>,
    /// When something was written with it for the first time.
    pub first_written: Option<Timestamp>,
    /// When it was used last; up to a minute behind.
    pub last_used: Option<Timestamp>,
    /// From where it was used last.
    pub last_address: Option<IpAddr>,
    /// Whether another key has taken its place.
    pub retiring: Option<Retiring>,
    /// When and why it was revoked.
    pub revoked: Option<(Timestamp, Revocation)>,
    /// The smallest number of days before its end of which somebody was reminded; 0 once its end was told.
    pub reminded: Option<u32>,
}

/// A key's state at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyState {
    /// In force.
    Active,
    /// In force still, though another one has taken its place.
    Retiring,
    /// Not yet in force.
    NotYet,
    /// Past its expiry.
    Expired,
    /// Revoked, or past its overlap with the key that took its place.
    Revoked,
}

impl KeyState {
    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Retiring => "retiring",
            Self::NotYet => "not_yet_valid",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }
}

impl KeyRecord {
    /// A key that was just issued and never used.
    #[must_use]
    pub const fn issued(
        id: KeyId,
        connector: &Connector,
        user: IntegrationUserId,
        secret: KeptSecret,
        ending: String,
        created: Timestamp,
        terms: KeyTerms,
    ) -> Self {
        Self {
            id,
            instance: connector.instance,
            connector: connector.id,
            user,
            secret,
            ending,
            created,
            terms,
            generation: 1,
            first_used: None,
            first_written: None,
            last_used: None,
            last_address: None,
            retiring: None,
            revoked: None,
            reminded: None,
        }
    }

    /// Whose the key is: what the log has of the key itself.
    #[must_use]
    pub const fn actor(&self) -> Actor {
        Actor { connector: Some(self.connector), key: Some(self.id), user: Some(self.user), admin: None }
    }

    /// The state at `now`.
    #[must_use]
    pub fn state(&self, now: Timestamp) -> KeyState {
        if self.ended(now).is_some() {
            KeyState::Revoked
        } else if self.terms.expires.is_some_and(|expires| expires <= now) {
            KeyState::Expired
        } else if self.terms.not_before.is_some_and(|begins| begins > now) {
            KeyState::NotYet
        } else if self.retiring.is_some() {
            KeyState::Retiring
        } else {
            KeyState::Active
        }
    }

    /// Since when it is revoked, and why; the end of the overlap needs nobody to do anything.
    #[must_use]
    pub fn ended(&self, now: Timestamp) -> Option<(Timestamp, Revocation)> {
        let overlap = self.retiring.filter(|retiring| retiring.until <= now);
        let overlap = overlap.map(|retiring| (retiring.until, Revocation::Overlap));
        match (self.revoked, overlap) {
            (Some(revoked), Some(overlap)) => Some(if overlap.0 < revoked.0 { overlap } else { revoked }),
            (revoked, overlap) => revoked.or(overlap),
        }
    }

    /// Whether it can be used now or later: one of the two that an integration user may have at a connector.
    #[must_use]
    pub fn is_live(&self, now: Timestamp) -> bool {
        !matches!(self.state(now), KeyState::Expired | KeyState::Revoked)
    }

    /// The next moment at which something about it ends by itself and is still to be told; `None` where nothing is.
    #[must_use]
    pub fn due(&self) -> Option<Timestamp> {
        if self.revoked.is_some() {
            return None;
        }
        let expiry = self.terms.expires.filter(|_| self.reminded != Some(0));
        let overlap = self.retiring.map(|retiring| retiring.until);
        match (expiry, overlap) {
            (Some(expiry), Some(overlap)) => Some(expiry.min(overlap)),
            (expiry, overlap) => expiry.or(overlap),
        }
    }
}

/// That a key was used: kept now and then, not with every request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyTouch {
    /// The key.
    pub key: KeyId,
    /// When.
    pub at: Timestamp,
    /// From where.
    pub address: Option<IpAddr>,
}

/// A change of keys. Those of another instance, or that are not there, are a `Conflict`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum KeyChange {
    /// Keeps a new key; `Duplicate` where the id is taken, `Conflict` where the instance has no such connector or
    /// integration user.
    Issue(Box<KeyRecord>),
    /// Revokes a key at the change set's time, unless it is revoked already.
    Revoke(KeyId, Revocation),
    /// Sets when and for what it can be used; reminders begin anew.
    SetTerms(KeyId, KeyTerms),
    /// Keeps that a key was used for the first time; `Conflict` where it was before.
    FirstUse(KeyTouch),
    /// Keeps that something was written with a key for the first time, at the change set's time; `Conflict` where that is
    /// known.
    FirstWrite(KeyId),
    /// Lets a key retire from the change set's time until then; nothing where it is retiring or revoked.
    Retire(KeyId, Timestamp),
    /// Keeps when and from where keys were used last; what is older than what is known, and keys that are not there, count
    /// for nothing.
    Touch(Vec<KeyTouch>),
    /// Ends the short tokens that a key was exchanged for, by a new generation; the key stays as it is.
    EndTokens(KeyId),
    /// Keeps the hash that another pepper makes of a key.
    Rehash(KeyId, KeptSecret),
    /// Keeps that somebody was reminded of a key's end so many days before it, 0 for the end itself; `Conflict` where
    /// that, or a smaller number of days, was told before, or where the key is revoked.
    Remind(KeyId, u32),
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_unix_millis(millis)
    }

    fn key(change: impl FnOnce(&mut KeyRecord)) -> KeyRecord {
        let id = Uuid::from_u128(1);
        let secret = KeptSecret::Mac { pepper: [1; 16], mac: [2; 32] };
        let connector = Connector {
            id: ConnectorId::new(id),
            instance: InstanceId::new(id),
            name: "default".to_owned(),
            created: at(0),
            dialect: crate::DialectName::default(),
            keep_passwords: false,
            settings: crate::ConnectorSettings::default(),
        };
        let mut key = KeyRecord::issued(
            KeyId::new(id),
            &connector,
            IntegrationUserId::new(id),
            secret,
            "abcd".to_owned(),
            at(0),
            KeyTerms { expires: Some(at(100)), ..KeyTerms::default() },
        );
        change(&mut key);
        key
    }

    #[test]
    fn a_state_follows_from_the_row_and_the_time() {
        let check = |key: &KeyRecord, now: i64, expected: KeyState| {
            assert_eq!(key.state(at(now)), expected, "{key:?} at {now}");
        };
        let plain = key(|_| {});
        check(&plain, 99, KeyState::Active);
        check(&plain, 100, KeyState::Expired);
        let later = key(|key| key.terms.not_before = Some(at(50)));
        check(&later, 49, KeyState::NotYet);
        check(&later, 50, KeyState::Active);
        let retiring = key(|key| key.retiring = Some(Retiring { since: at(10), until: at(20) }));
        check(&retiring, 19, KeyState::Retiring);
        check(&retiring, 20, KeyState::Revoked);
        assert_eq!(retiring.ended(at(20)), Some((at(20), Revocation::Overlap)));
        let revoked = key(|key| key.revoked = Some((at(5), Revocation::ByHand)));
        check(&revoked, 6, KeyState::Revoked);
        check(&revoked, 200, KeyState::Revoked);
    }

    #[test]
    fn what_is_due_next_is_the_earlier_end_that_nobody_was_told_of() {
        assert_eq!(key(|_| {}).due(), Some(at(100)));
        assert_eq!(key(|key| key.reminded = Some(0)).due(), None);
        assert_eq!(
            key(|key| key.retiring = Some(Retiring { since: at(1), until: at(9) })).due(),
            Some(at(9))
        );
        assert_eq!(key(|key| key.revoked = Some((at(1), Revocation::ByHand))).due(), None);
    }

    #[test]
    fn debug_shows_no_hash() {
        let shown = format!("{:?}", key(|_| {}).secret);
        assert_eq!(shown, "Mac(..)");
    }
}
