//! The application's own record of a person: what its SCIM resource comes to by the mapping.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use scim_core::instant::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{ConnectorId, Stamp};

/// Where an account stands in its life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum AccountState {
    /// May sign in.
    #[default]
    Active,
    /// May not sign in; has no sessions.
    Suspended,
    /// Gone; the name can be used again. A tombstone is kept for the retention time.
    Deleted,
}

impl AccountState {
    /// The name in the command line's JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Deleted => "deleted",
        }
    }
}

/// What a person may do in the application's web portal; a later one includes the earlier ones. An account without a
/// role signs in to the app only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum AccessRole {
    /// Looks only.
    ReadOnly,
    /// Works.
    User,
    /// Administers.
    Admin,
    /// Administers everything.
    EnterpriseAdmin,
}

impl AccessRole {
    /// Every role, lowest first.
    pub const ALL: [Self; 4] = [Self::ReadOnly, Self::User, Self::Admin, Self::EnterpriseAdmin];

    /// The name, as an identity provider's app role has it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ReadOnly => "ReadOnly",
            Self::User => "User",
            Self::Admin => "Admin",
            Self::EnterpriseAdmin => "EnterpriseAdmin",
        }
    }
}

impl fmt::Display for AccessRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A text that is no access role.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no access role; there are ReadOnly, User, Admin and EnterpriseAdmin")]
pub struct UnknownRole(
    /// The text.
    pub String,
);

/// Reads a role's name in any letter case.
impl FromStr for AccessRole {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = Self::ALL.into_iter().find(|role| role.name().eq_ignore_ascii_case(text.trim()));
        known.ok_or_else(|| UnknownRole(text.to_owned()))
    }
}

/// An object of the application that an account refers to, such as a job title.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectLink {
    /// The object's id.
    pub id: Uuid,
    /// Its name when it was linked.
    pub name: String,
}

/// An account. Its id is the `id` of its SCIM resource; who manages it and who its direct manager is stand in the record
/// ([`crate::Record::managed_by`], [`crate::Record::direct_manager`]).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Account {
    /// Where it stands.
    pub state: AccountState,
    /// What it may do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_role: Option<AccessRole>,
    /// Values of text fields, standard and custom, by name ([`crate::Fields`]); a field without a value is not there.
    pub fields: BTreeMap<String, String>,
    /// Linked objects, by the field that refers to them.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub links: BTreeMap<String, ObjectLink>,
    /// Sessions that began before this moment have ended; the application checks it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sessions_valid_after: Option<Timestamp>,
    /// Where each value comes from.
    #[serde(skip_serializing_if = "Provenance::is_empty")]
    pub provenance: Provenance,
}

impl Account {
    /// The value of a text field.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.get(name).map(String::as_str)
    }

    /// Gives a text field a value, or none, and remembers where that comes from. False where it was so already.
    pub fn set(&mut self, field: &str, value: Option<String>, stamp: &Stamp) -> bool {
        if self.field(field) == value.as_deref() {
            return false;
        }
        let previous = match value {
            Some(value) => self.fields.insert(field.to_owned(), value),
            None => self.fields.remove(field),
        };
        self.provenance.record(field, previous, stamp);
        true
    }

    /// Links a field to an object, or to none. False where it was so already.
    pub fn link(&mut self, field: &str, object: Option<ObjectLink>, stamp: &Stamp) -> bool {
        if self.links.get(field) == object.as_ref() {
            return false;
        }
        let previous = match object {
            Some(object) => self.links.insert(field.to_owned(), object),
            None => self.links.remove(field),
        };
        self.provenance.record(field, previous.map(|object| object.name), stamp);
        true
    }

    /// Moves it to another state; `State` is the name under which that is remembered. False where it is there already.
    pub fn enter(&mut self, state: AccountState, stamp: &Stamp) -> bool {
        if self.state == state {
            return false;
        }
        let previous = std::mem::replace(&mut self.state, state);
        if state == AccountState::Suspended {
            self.sessions_valid_after = Some(stamp.at);
        }
        self.provenance.record("State", Some(previous.name().to_owned()), stamp);
        true
    }

    /// Gives it another access role, or none. False where it has that already.
    pub fn grant(&mut self, role: Option<AccessRole>, stamp: &Stamp) -> bool {
        if self.access_role == role {
            return false;
        }
        let previous = std::mem::replace(&mut self.access_role, role);
        self.provenance.record("AccessRole", previous.map(|role| role.name().to_owned()), stamp);
        true
    }
}

/// Where the values of an account come from. What many fields share, the request that set them, is kept once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Provenance {
    stamps: Vec<Stamp>,
    fields: BTreeMap<String, FieldOrigin>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct FieldOrigin {
    #[serde(rename = "s")]
    stamp: usize,
    #[serde(rename = "p", default, skip_serializing_if = "Option::is_none")]
    previous: Option<String>,
}

impl Provenance {
    /// Whether nothing is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// What gave the field the value that it has, and the value before.
    #[must_use]
    pub fn of(&self, field: &str) -> Option<(&Stamp, Option<&str>)> {
        let origin = self.fields.get(field)?;
        Some((self.stamps.get(origin.stamp)?, origin.previous.as_deref()))
    }

    /// Remembers what gave a field its value; stamps that no field needs any more go.
    pub fn record(&mut self, field: &str, previous: Option<String>, stamp: &Stamp) {
        let known = self.stamps.iter().position(|known| known == stamp);
        let index = known.unwrap_or_else(|| {
            self.stamps.push(stamp.clone());
            self.stamps.len() - 1
        });
        self.fields.insert(field.to_owned(), FieldOrigin { stamp: index, previous });
        if known.is_none() {
            self.drop_unused();
        }
    }

    fn drop_unused(&mut self) {
        let mut place = 0;
        let mut places = Vec::with_capacity(self.stamps.len());
        for index in 0..self.stamps.len() {
            let used = self.fields.values().any(|origin| origin.stamp == index);
            places.push(used.then_some(place));
            place += usize::from(used);
        }
        let mut used = places.iter().map(Option::is_some);
        self.stamps.retain(|_| used.next().unwrap_or_default());
        for origin in self.fields.values_mut() {
            origin.stamp = places.get(origin.stamp).copied().flatten().unwrap_or_default();
        }
    }
}

/// A resource that was deleted, for as long as the retention time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tombstone {
    /// Type and id.
    pub key: crate::Key,
    /// When it was deleted.
    pub at: Timestamp,
    /// The version that it had.
    pub version: crate::Version,
    /// `meta.created`.
    pub created: Timestamp,
    /// What it was called.
    pub display: Option<String>,
    /// Who managed it.
    pub managed_by: Option<ConnectorId>,
    /// The account that it was; `None` for what is no person, or was erased.
    pub account: Option<Box<Account>>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Cause;

    fn stamp(request: &str) -> Stamp {
        Stamp {
            at: Timestamp::from_unix_millis(1),
            connector: None,
            request_id: request.to_owned(),
            cause: Cause::Edit,
        }
    }

    #[test]
    fn each_field_knows_what_set_it() {
        let mut account = Account::default();
        assert!(account.set("Email", Some("a@x.example".into()), &stamp("1")));
        assert!(account.set("Department", Some("Sales".into()), &stamp("1")));
        assert!(!account.set("Email", Some("a@x.example".into()), &stamp("2")));
        assert!(account.set("Email", Some("b@x.example".into()), &stamp("3")));
        let (origin, previous) = account.provenance.of("Email").expect("known");
        assert_eq!((origin.request_id.as_str(), previous), ("3", Some("a@x.example")));
        let (origin, previous) = account.provenance.of("Department").expect("known");
        assert_eq!((origin.request_id.as_str(), previous), ("1", None));
    }

    #[test]
    fn stamps_without_a_field_go() {
        let mut account = Account::default();
        for request in ["1", "2", "3", "4"] {
            account.set("Email", Some(request.to_owned()), &stamp(request));
        }
        assert_eq!(account.provenance.stamps.len(), 1);
        let text = serde_json::to_string(&account).expect("JSON");
        assert_eq!(serde_json::from_str::<Account>(&text).expect("an account"), account);
    }

    #[test]
    fn suspension_ends_sessions() {
        let mut account = Account::default();
        assert!(account.enter(AccountState::Suspended, &stamp("1")));
        assert_eq!(account.sessions_valid_after, Some(Timestamp::from_unix_millis(1)));
        assert!(!account.enter(AccountState::Suspended, &stamp("2")));
    }

    #[test]
    fn roles_in_any_letter_case() {
        assert_eq!("enterpriseadmin".parse(), Ok(AccessRole::EnterpriseAdmin));
        assert!("Auditor".parse::<AccessRole>().is_err());
    }
}
