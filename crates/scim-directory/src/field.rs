//! The fields of an account: the standard ones and those that an instance declares.

use serde::{Deserialize, Serialize};

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum FieldKind {
    /// Text: what a mapping can fill.
    Text,
    /// [`crate::AccountState`].
    State,
    /// [`crate::AccessRole`].
    Role,
    /// A reference to another account.
    Account,
    /// A reference to an object of the application, such as a job title; workflow rules link it.
    Object,
    /// The SCIM `id`.
    SyncId,
}

impl FieldKind {
    /// In words, for errors.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::State => "the account's state",
            Self::Role => "an access role",
            Self::Account => "a reference to another account",
            Self::Object => "a reference to an object",
            Self::SyncId => "the SCIM id",
        }
    }
}

/// What happens to a value that does not keep a field's limits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Excess {
    /// The request is refused.
    #[default]
    Refuse,
    /// A text that is too long is cut, and the log says so; a value that is not allowed is left out.
    Cut,
}

/// What an instance says about a field: a custom one that it declares, or limits of a standard one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct FieldDefinition {
    /// The name.
    pub name: String,
    /// The most characters of a value; `None` for any number within the server's limits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_chars: Option<usize>,
    /// The values that are allowed; empty for any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allowed: Vec<String>,
    /// What happens to other values.
    #[serde(default)]
    pub excess: Excess,
}

/// Standard fields: name and kind, in the order in which they are shown.
pub const STANDARD_FIELDS: [(&str, FieldKind); 20] = [
    ("UserName", FieldKind::Text),
    ("State", FieldKind::State),
    ("ScimSyncId", FieldKind::SyncId),
    ("DisplayName", FieldKind::Text),
    ("Email", FieldKind::Text),
    ("FirstName", FieldKind::Text),
    ("LastName", FieldKind::Text),
    ("OfficePhone", FieldKind::Text),
    ("MobilePhone", FieldKind::Text),
    ("DirectManager", FieldKind::Account),
    ("ScimSyncJobTitle", FieldKind::Text),
    ("JobTitle", FieldKind::Object),
    ("Department", FieldKind::Text),
    ("Division", FieldKind::Text),
    ("CostCenter", FieldKind::Text),
    ("EmployeeNumber", FieldKind::Text),
    ("Country", FieldKind::Text),
    ("Language", FieldKind::Text),
    ("TimeZone", FieldKind::Text),
    ("AccessRole", FieldKind::Role),
];

/// The most characters of a custom field's name.
pub const MAX_FIELD_NAME_CHARS: usize = 64;
/// The most characters of any field's value.
pub const MAX_FIELD_CHARS: usize = 1 << 20;

/// The fields of an instance's accounts.
#[derive(Clone, Copy, Debug)]
pub struct Fields<'s> {
    definitions: &'s [FieldDefinition],
}

impl<'s> Fields<'s> {
    /// The standard fields with what `definitions` add.
    #[must_use]
    pub const fn new(definitions: &'s [FieldDefinition]) -> Self {
        Self { definitions }
    }

    /// What a field of that exact name holds; `None` where there is no such field.
    #[must_use]
    pub fn kind(&self, name: &str) -> Option<FieldKind> {
        let standard = STANDARD_FIELDS.iter().find(|(standard, _)| *standard == name);
        match standard {
            Some((_, kind)) => Some(*kind),
            None => self.definition(name).map(|_| FieldKind::Text),
        }
    }

    /// What the instance says about the field.
    #[must_use]
    pub fn definition(&self, name: &str) -> Option<&'s FieldDefinition> {
        self.definitions.iter().find(|definition| definition.name == name)
    }

    /// The field that somebody means who wrote its name in another letter case, or with blanks or underscores in it.
    #[must_use]
    pub fn meant(&self, name: &str) -> Option<&'s str> {
        let plain = |name: &str| -> String {
            name.chars()
                .filter(|character| !matches!(character, ' ' | '_' | '-'))
                .flat_map(char::to_lowercase)
                .collect()
        };
        let wanted = plain(name);
        self.names().find(|known| plain(known) == wanted)
    }

    /// Every field's name: the standard ones, then those of the instance.
    pub fn names(&self) -> impl Iterator<Item = &'s str> + use<'s> {
        let custom = self.definitions.iter().map(|definition| definition.name.as_str());
        STANDARD_FIELDS
            .iter()
            .map(|(name, _)| *name)
            .chain(custom.filter(|name| STANDARD_FIELDS.iter().all(|(standard, _)| standard != name)))
    }

    /// Every text field's name.
    pub fn texts(&self) -> impl Iterator<Item = &'s str> + use<'s> {
        let fields = *self;
        self.names().filter(move |name| fields.kind(name) == Some(FieldKind::Text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn custom_fields_are_text() {
        let definitions = [FieldDefinition {
            name: "BadgeColour".to_owned(),
            max_chars: None,
            allowed: Vec::new(),
            excess: Excess::Refuse,
        }];
        let fields = Fields::new(&definitions);
        assert_eq!(fields.kind("BadgeColour"), Some(FieldKind::Text));
        assert_eq!(fields.kind("DirectManager"), Some(FieldKind::Account));
        assert_eq!(fields.kind("Badge"), None);
        assert_eq!(fields.meant("first name"), Some("FirstName"));
        assert_eq!(fields.meant("badge_colour"), Some("BadgeColour"));
        assert_eq!(fields.names().count(), 21);
    }
}
