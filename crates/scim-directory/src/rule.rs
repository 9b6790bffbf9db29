//! Workflow rules: how a text that an identity provider sent becomes a reference, and one field follows another.

use serde::{Deserialize, Serialize};

use crate::AccessRole;

/// What sets a rule off.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Trigger {
    /// The field of that name changed; on creation, it got a value.
    FieldChanged(String),
    /// An account was created over SCIM, or picked up.
    Created,
    /// An account was suspended, or activated again.
    StateChanged,
}

/// What happens where an object or a group of the name is not there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Unknown {
    /// It is created.
    Create,
    /// Nothing is linked.
    #[default]
    Ignore,
    /// Nothing is linked, and the log has a warning.
    Report,
}

/// What a rule does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub enum RuleAction {
    /// Sets a text field to what an expression over the account's fields gives (`Left([LastName], 3)`).
    SetField {
        /// The field; none that a mapping row fills.
        field: String,
        /// The expression.
        expression: String,
    },
    /// Links a field to the object of that kind whose name an expression gives; to none where it gives none.
    LinkObject {
        /// The field, of kind object.
        field: String,
        /// The kind of object, such as `JobTitle`.
        kind: String,
        /// The expression for the name.
        name: String,
        /// What happens to names that are not there.
        #[serde(default)]
        unknown: Unknown,
    },
    /// Adds the account to a group.
    AddToGroup {
        /// An expression for the group's display name.
        group: String,
        /// What happens to groups that are not there.
        #[serde(default)]
        unknown: Unknown,
    },
    /// Removes the account from a group.
    RemoveFromGroup {
        /// An expression for the group's display name.
        group: String,
        /// What happens to groups that are not there.
        #[serde(default)]
        unknown: Unknown,
    },
    /// Gives the account an access role, or none.
    SetAccessRole {
        /// The role.
        role: Option<AccessRole>,
    },
}

/// A workflow rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// The name; unique in the instance.
    pub name: String,
    /// Whether it runs.
    #[serde(default = "on")]
    pub enabled: bool,
    /// What sets it off.
    pub when: Trigger,
    /// A SCIM filter over account fields (`Department eq "Sales"`) that must hold; `None` for any account.
    #[serde(default, rename = "if", skip_serializing_if = "Option::is_none")]
    pub condition: Option<String>,
    /// What it does, in order.
    pub then: Vec<RuleAction>,
}

fn on() -> bool {
    true
}

impl Rule {
    /// The name of the predefined rule.
    pub const JOB_TITLE: &'static str = "job-title";

    /// The predefined rule: it links `JobTitle` to the job title object that `ScimSyncJobTitle` names, and is switched off
    /// until wanted.
    #[must_use]
    pub fn job_title() -> Self {
        Self {
            name: Self::JOB_TITLE.to_owned(),
            enabled: false,
            when: Trigger::FieldChanged("ScimSyncJobTitle".to_owned()),
            condition: None,
            then: vec![RuleAction::LinkObject {
                field: "JobTitle".to_owned(),
                kind: "JobTitle".to_owned(),
                name: "[ScimSyncJobTitle]".to_owned(),
                unknown: Unknown::Create,
            }],
        }
    }
}
