//! Checking rules, all mistakes together, so that an administrator's mistake is found when it is made.

use std::sync::Arc;

use scim_core::Dialect;
use scim_core::filter::{Filter, FilterLimits, TypedFilter};
use scim_core::schema::{Registry, ResourceType};
use scim_directory::{FieldKind, Fields, Rule, RuleAction, Trigger};
use scim_mapping::expression::Expression;
use scim_mapping::mapping::CompiledMapping;
use serde_json::json;

use super::{CompiledAction, CompiledRule};

/// The most rules of an instance.
const MAX_RULES: usize = 100;
/// The most actions of a rule.
const MAX_ACTIONS: usize = 20;
/// The most characters of a rule's name.
const MAX_NAME_CHARS: usize = 100;

/// A mistake in a rule; names the rule and what to change.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("rule {rule:?}: {reason}")]
pub struct RuleError {
    /// The rule's name.
    pub rule: String,
    /// Where in the rule it is, as a JSON pointer: `/then/0/field`; empty for the rule as a whole.
    pub place: String,
    /// What is wrong, and what to change.
    pub reason: String,
}

/// Checks an instance's rules, switched off ones included.
///
/// # Errors
/// Every mistake: a field that is not there or of the wrong kind, a field that a mapping row fills, an expression or a
/// condition that cannot be read, names given twice, rules that would set one another off in a circle.
pub fn check_rules(
    rules: &[Rule],
    fields: Fields<'_>,
    mapping: &CompiledMapping,
) -> Result<(), Vec<RuleError>> {
    compile(rules, fields, mapping).map(|_| ())
}

/// The rules that are switched on, ready to run.
pub(crate) fn compile(
    rules: &[Rule],
    fields: Fields<'_>,
    mapping: &CompiledMapping,
) -> Result<Vec<CompiledRule>, Vec<RuleError>> {
    if rules.is_empty() {
        return Ok(Vec::new());
    }
    let mut errors = Vec::new();
    let mut refuse = |rule: &Rule, place: &str, reason: String| {
        errors.push(RuleError { rule: rule.name.clone(), place: place.to_owned(), reason });
    };
    let account = account_type(fields);
    let mut compiled = Vec::with_capacity(rules.len());
    for (index, rule) in rules.iter().enumerate() {
        if index >= MAX_RULES {
            refuse(rule, "", format!("an instance has at most {MAX_RULES} rules; remove one first"));
        }
        let chars = rule.name.chars().count();
        if chars == 0 || chars > MAX_NAME_CHARS || rule.name.contains(char::is_control) {
            refuse(
                rule,
                "/name",
                format!("a name has 1 to {MAX_NAME_CHARS} characters, no control characters"),
            );
        }
        if rules.iter().take(index).any(|other| other.name == rule.name) {
            refuse(rule, "/name", "there is a rule of this name already; remove that one first".to_owned());
        }
        if rule.then.is_empty() || rule.then.len() > MAX_ACTIONS {
            refuse(rule, "/then", format!("`then` has 1 to {MAX_ACTIONS} actions"));
        }
        if let Trigger::FieldChanged(field) = &rule.when
            && let Err(reason) = known(fields, field)
        {
            refuse(rule, "/when/field_changed", format!("`when`: {reason}"));
        }
        let condition = match (&rule.condition, &account) {
            (Some(text), Ok(account)) => match condition(text, account) {
                Ok(filter) => Some(filter),
                Err(reason) => {
                    refuse(rule, "/if", format!("`if`: {reason}"));
                    None
                }
            },
            (Some(_), Err(reason)) => {
                refuse(rule, "/if", reason.clone());
                None
            }
            (None, _) => None,
        };
        let mut then = Vec::with_capacity(rule.then.len());
        for (number, action) in rule.then.iter().enumerate() {
            match compile_action(action, fields, mapping) {
                Ok(action) => then.push(action),
                Err((member, reason)) => refuse(rule, &format!("/then/{number}/{member}"), reason),
            }
        }
        let (name, when) = (rule.name.clone(), rule.when.clone());
        compiled.push((rule.enabled, CompiledRule { name, when, condition, then }));
    }
    let all: Vec<&CompiledRule> = compiled.iter().map(|(_, rule)| rule).collect();
    for circle in circles(&all) {
        errors.push(RuleError {
            rule: circle.first().cloned().unwrap_or_default(),
            place: String::new(),
            reason: format!(
                "these rules would set one another off for ever: {}; let one of them set another field",
                circle.join(" -> ")
            ),
        });
    }
    if errors.is_empty() {
        Ok(compiled.into_iter().filter(|(enabled, _)| *enabled).map(|(_, rule)| rule).collect())
    } else {
        Err(errors)
    }
}

fn known(fields: Fields<'_>, field: &str) -> Result<FieldKind, String> {
    fields.kind(field).ok_or_else(|| match fields.meant(field) {
        Some(meant) => format!("there is no field {field:?}; the field is called {meant}"),
        None => format!("there is no field {field:?}; `rollcall field add` declares one"),
    })
}

/// Reads an expression over account fields.
pub(crate) fn expression(text: &str, fields: Fields<'_>) -> Result<Expression, String> {
    let expression = Expression::parse(text).map_err(|error| format!("{text}: {error}"))?;
    for name in expression.references() {
        known(fields, name).map_err(|reason| format!("{text}: {reason}"))?;
    }
    if expression.uses_unique() {
        return Err(format!("{text}: SelectUniqueValue has no meaning for accounts that are there already"));
    }
    Ok(expression)
}

fn compile_action(
    action: &RuleAction,
    fields: Fields<'_>,
    mapping: &CompiledMapping,
) -> Result<CompiledAction, (&'static str, String)> {
    let in_field = |reason: String| ("field", reason);
    let in_group = |reason: String| ("group", reason);
    match action {
        RuleAction::SetField { field, expression: text } => {
            let kind = known(fields, field).map_err(in_field)?;
            if kind != FieldKind::Text {
                return Err(in_field(format!("{field} holds {}, not text; set a text field", kind.words())));
            }
            if mapping.source_of(field).is_some() {
                return Err(in_field(format!(
                    "{field} is filled by a row of the mapping; remove that row, or set another field"
                )));
            }
            let value = expression(text, fields).map_err(|reason| ("expression", reason))?;
            Ok(CompiledAction::SetField { field: field.clone(), value })
        }
        RuleAction::LinkObject { field, kind, name, unknown } => {
            let holds = known(fields, field).map_err(in_field)?;
            if holds != FieldKind::Object {
                return Err(in_field(format!(
                    "{field} holds {}, not a reference to an object",
                    holds.words()
                )));
            }
            if kind.trim().is_empty() {
                return Err(("kind", "`kind` must name a kind of object, such as JobTitle".to_owned()));
            }
            Ok(CompiledAction::LinkObject {
                field: field.clone(),
                kind: kind.clone(),
                name: expression(name, fields).map_err(|reason| ("name", reason))?,
                unknown: *unknown,
            })
        }
        RuleAction::AddToGroup { group, unknown } => Ok(CompiledAction::Membership {
            group: expression(group, fields).map_err(in_group)?,
            joins: true,
            unknown: *unknown,
        }),
        RuleAction::RemoveFromGroup { group, unknown } => Ok(CompiledAction::Membership {
            group: expression(group, fields).map_err(in_group)?,
            joins: false,
            unknown: *unknown,
        }),
        RuleAction::SetAccessRole { role } => Ok(CompiledAction::SetAccessRole(*role)),
    }
}

fn condition(text: &str, account: &Arc<ResourceType>) -> Result<TypedFilter, String> {
    let filter = Filter::parse(text, &FilterLimits::default()).map_err(|error| error.to_string())?;
    let (typed, _) = filter.resolve(account, Dialect::STRICT).map_err(|error| error.to_string())?;
    Ok(typed)
}

/// Accounts as a resource type, so that conditions are filters like any other.
fn account_type(fields: Fields<'_>) -> Result<Arc<ResourceType>, String> {
    const URN: &str = "urn:ietf:params:scim:schemas:extension:rollcall:2.0:Account";
    let attributes: Vec<_> =
        fields.names().map(|name| json!({ "name": name, "type": "string", "multiValued": false })).collect();
    let mut registry = Registry::builtin();
    let schema = json!({ "id": URN, "name": "Account", "attributes": attributes });
    let resource_type = json!({ "name": "Account", "endpoint": "/Accounts", "schema": URN });
    registry.add_schema(&schema).map_err(|error| error.to_string())?;
    registry.add_resource_type(&resource_type).map_err(|error| error.to_string())?;
    registry.resource_type("Account").cloned().ok_or_else(|| "accounts have no fields".to_owned())
}

/// Circles of rules that set one another off, each named once.
fn circles(rules: &[&CompiledRule]) -> Vec<Vec<String>> {
    let next = |index: usize| {
        rules.iter().enumerate().filter_map(move |(other, rule)| {
            rules.get(index).is_some_and(|source| rule.set_off_by(source)).then_some(other)
        })
    };
    let mut found = Vec::new();
    let mut settled = vec![false; rules.len()];
    for start in 0..rules.len() {
        // Depth first from each rule that is on no known circle; a path that comes back to its start is one.
        let mut stack = vec![vec![start]];
        let mut seen = vec![false; rules.len()];
        while let Some(path) = stack.pop() {
            if settled.get(start).copied().unwrap_or_default() {
                break;
            }
            let Some(last) = path.last().copied() else { continue };
            for other in next(last) {
                if other == start {
                    let names = path.iter().chain([&start]);
                    found.push(
                        names.filter_map(|index| rules.get(*index)).map(|rule| rule.name.clone()).collect(),
                    );
                    for index in &path {
                        if let Some(place) = settled.get_mut(*index) {
                            *place = true;
                        }
                    }
                    break;
                }
                if let Some(place) = seen.get_mut(other)
                    && !std::mem::replace(place, true)
                {
                    let mut longer = path.clone();
                    longer.push(other);
                    stack.push(longer);
                }
            }
        }
    }
    found
}
