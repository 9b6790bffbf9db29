//! What administrators set: an instance's settings, a connector's, and the profiles that propose them.

use serde::{Deserialize, Serialize};

use crate::{AccessRole, FieldDefinition, Networks, Operations, Rate, Retirement, Rule, WaysIn};

/// What an application expects of people and of connectors; proposes settings that can be changed afterwards.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// Nothing beyond the standard; no guard.
    #[default]
    Standard,
    /// The job title goes to a text field, and user names are unique across instances.
    Adaptivework,
    /// First name, last name and e-mail are required, and the e-mail is the user name.
    EmailUsername,
}

impl Profile {
    /// Every profile.
    pub const ALL: [Self; 3] = [Self::Standard, Self::Adaptivework, Self::EmailUsername];

    /// The name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Adaptivework => "adaptivework",
            Self::EmailUsername => "email-username",
        }
    }

    /// The profile of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|profile| profile.name() == name)
    }

    /// The settings that an instance of this profile begins with.
    #[must_use]
    pub fn instance_settings(self) -> InstanceSettings {
        let user_names = match self {
            Self::Adaptivework => NameScope::Server,
            Self::Standard | Self::EmailUsername => NameScope::Instance,
        };
        InstanceSettings { profile: self, user_names, ..InstanceSettings::default() }
    }

    /// The settings that a connector of this profile begins with.
    #[must_use]
    pub fn connector_settings(self) -> ConnectorSettings {
        let guard = match self {
            Self::Standard => None,
            Self::Adaptivework | Self::EmailUsername => Some(Guard::default()),
        };
        let role_ceiling = match self {
            Self::EmailUsername => AccessRole::EnterpriseAdmin,
            Self::Standard | Self::Adaptivework => AccessRole::Admin,
        };
        ConnectorSettings { profile: self, guard, role_ceiling, ..ConnectorSettings::default() }
    }
}

/// Within what a person's user name is unique.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum NameScope {
    /// Within the instance.
    #[default]
    Instance,
    /// Among all instances of the server that say so.
    Server,
}

/// An instance's settings. What is as it is by default is not written, so that reading them costs next to nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct InstanceSettings {
    /// What the settings began with.
    #[serde(skip_serializing_if = "is_default")]
    pub profile: Profile,
    /// Whether a Group's `displayName` is unique in any letter case (409 `uniqueness`). Default: true.
    #[serde(skip_serializing_if = "is_true")]
    pub unique_group_names: bool,
    /// Within what user names are unique.
    #[serde(skip_serializing_if = "is_default")]
    pub user_names: NameScope,
    /// The most active accounts; `None` for any number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seats: Option<u64>,
    /// How many days the log, tombstones and events are kept. Default: 30.
    #[serde(skip_serializing_if = "is_thirty")]
    pub retention_days: u32,
    /// What `DefaultDomain()` gives.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_domain: Option<String>,
    /// Custom fields, and limits of standard ones.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<FieldDefinition>,
    /// Workflow rules, in the order in which they run.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<Rule>,
}

impl Default for InstanceSettings {
    fn default() -> Self {
        Self {
            profile: Profile::default(),
            unique_group_names: true,
            user_names: NameScope::default(),
            seats: None,
            retention_days: 30,
            default_domain: None,
            fields: Vec::new(),
            rules: Vec::new(),
        }
    }
}

/// When a connector picks up an account or a group that is there, unmanaged, under the name that it looks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum PickUp {
    /// When a filter with `eq` on the name finds it.
    #[default]
    OnMatch,
    /// When it is first written to.
    OnWrite,
}

/// How many people a connector may suspend and delete before the rest is held for a person's decision: whichever of the
/// two limits is reached first, though one person always passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Guard {
    /// People an hour.
    pub people: u64,
    /// Percent an hour of the people whom the instance's connectors manage.
    pub percent: u64,
}

impl Default for Guard {
    fn default() -> Self {
        Self { people: 500, percent: 20 }
    }
}

impl Guard {
    /// The time within which removals are counted, in milliseconds.
    pub const WINDOW_MILLIS: i64 = 3_600_000;

    /// How many removals an hour pass where `managed` people are managed, those removed within the hour included.
    #[must_use]
    pub fn allows(&self, managed: u64) -> u64 {
        let share = u128::from(managed) * u128::from(self.percent) / 100;
        self.people.min(u64::try_from(share).unwrap_or(u64::MAX)).max(1)
    }
}

/// A connector's settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct ConnectorSettings {
    /// What the settings began with, and which values of a person are required.
    #[serde(skip_serializing_if = "is_default")]
    pub profile: Profile,
    /// When existing accounts and groups are picked up.
    #[serde(skip_serializing_if = "is_default")]
    pub pick_up: PickUp,
    /// The guard against mass suspension and deletion; `None` for none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guard: Option<Guard>,
    /// The highest access role that the connector can give.
    pub role_ceiling: AccessRole,
    /// From where its clients come. Default: from anywhere.
    #[serde(skip_serializing_if = "Networks::is_everywhere")]
    pub networks: Networks,
    /// What it may do with people.
    #[serde(skip_serializing_if = "is_default")]
    pub people: Operations,
    /// What it may do with groups.
    #[serde(skip_serializing_if = "is_default")]
    pub groups: Operations,
    /// How many requests all its keys may send together; `None` for any rate. A limit below what an identity provider needs
    /// lets it put the connector into quarantine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate: Option<Rate>,
    /// How clients may prove who they are, besides a key as bearer token.
    #[serde(skip_serializing_if = "is_default")]
    pub ways_in: WaysIn,
    /// When a key ends that another one has taken the place of.
    #[serde(skip_serializing_if = "is_default")]
    pub retirement: Retirement,
    /// How many seconds a key still works after another one has taken its place. Default: 7 days.
    #[serde(skip_serializing_if = "is_a_week")]
    pub overlap_seconds: u32,
    /// How many days before a key's end its owner is reminded. Default: 30, 7 and 1.
    #[serde(skip_serializing_if = "is_usual")]
    pub reminder_days: Vec<u32>,
    /// How many days whom it deleted can be brought back, at most as long as the instance keeps its records. Default: as
    /// long as that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retention_days: Option<u32>,
}

/// A week, in seconds.
const WEEK: u32 = 7 * 86_400;
/// When owners of keys are reminded, where nothing else is set.
const REMINDER_DAYS: [u32; 3] = [30, 7, 1];

impl Default for ConnectorSettings {
    fn default() -> Self {
        Self {
            profile: Profile::default(),
            pick_up: PickUp::default(),
            guard: None,
            role_ceiling: AccessRole::Admin,
            networks: Networks::default(),
            people: Operations::default(),
            groups: Operations::default(),
            rate: None,
            ways_in: WaysIn::default(),
            retirement: Retirement::default(),
            overlap_seconds: WEEK,
            reminder_days: REMINDER_DAYS.to_vec(),
            retention_days: None,
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_a_week(value: &u32) -> bool {
    *value == WEEK
}

fn is_usual(value: &[u32]) -> bool {
    value == REMINDER_DAYS
}

pub(crate) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_true(value: &bool) -> bool {
    *value
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_thirty(value: &u32) -> bool {
    *value == 30
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn default_settings_are_an_empty_object() {
        let text = serde_json::to_string(&InstanceSettings::default()).expect("JSON");
        assert_eq!(text, "{}");
        let read: InstanceSettings = serde_json::from_str("{}").expect("settings");
        assert_eq!(read, InstanceSettings::default());
    }

    #[test]
    fn the_guard_takes_the_lower_limit_and_lets_one_pass() {
        let guard = Guard::default();
        for (managed, allowed) in [(0, 1), (4, 1), (10, 2), (1000, 200), (2500, 500), (1_000_000, 500)] {
            assert_eq!(guard.allows(managed), allowed, "{managed}");
        }
    }
}
