//! Workflow rules: checked when they are saved, run on every account that a request changes.
//!
//! Rules run in their order, again and again until none is set off any more; each at most once in a decision. That they
//! end is certain beforehand: rules that would set one another off in a circle are refused when they are saved.

mod check;
mod run;

use scim_core::filter::TypedFilter;
use scim_directory::{AccessRole, Trigger, Unknown};
use scim_mapping::expression::Expression;

pub use check::{RuleError, check_rules};
pub(crate) use check::{compile, expression};
pub(crate) use run::{evaluated, field_changes, run};

/// A rule that was checked.
#[derive(Clone, Debug)]
pub(crate) struct CompiledRule {
    name: String,
    when: Trigger,
    condition: Option<TypedFilter>,
    then: Vec<CompiledAction>,
}

#[derive(Clone, Debug)]
enum CompiledAction {
    SetField { field: String, value: Expression },
    LinkObject { field: String, kind: String, name: Expression, unknown: Unknown },
    Membership { group: Expression, joins: bool, unknown: Unknown },
    SetAccessRole(Option<AccessRole>),
}

impl CompiledRule {
    /// The fields that it may change.
    fn writes(&self) -> impl Iterator<Item = &str> {
        self.then.iter().filter_map(|action| match action {
            CompiledAction::SetField { field, .. } | CompiledAction::LinkObject { field, .. } => {
                Some(field.as_str())
            }
            CompiledAction::SetAccessRole(_) => Some("AccessRole"),
            CompiledAction::Membership { .. } => None,
        })
    }

    /// The fields that it sets by an expression with `Redact`.
    pub(crate) fn redacted_fields(&self) -> impl Iterator<Item = &str> {
        self.then.iter().filter_map(|action| match action {
            CompiledAction::SetField { field, value } if value.is_redacted() => Some(field.as_str()),
            _ => None,
        })
    }

    /// Whether another rule can set it off.
    fn set_off_by(&self, other: &Self) -> bool {
        match &self.when {
            Trigger::FieldChanged(field) => other.writes().any(|written| written == field),
            Trigger::Created | Trigger::StateChanged => false,
        }
    }
}
