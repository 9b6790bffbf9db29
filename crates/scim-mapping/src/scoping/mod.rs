//! Scoping filters: who is in the scope of provisioning (the `filter` object of a Microsoft Graph synchronization schema).
//!
//! An object is in scope where any group is true, and a group where all of its clauses are; without a filter everybody is.
//! There are two such lists: who falls out of `groups` is deprovisioned; `inputFilterGroups` only skip, and whoever falls
//! out of them keeps what was provisioned. A filter is checked when it is loaded: unknown operators, missing values and
//! broken patterns are told then, with the place.
//!
//! As Entra does, a clause on an attribute without a value is false, but for `IS NULL`: also `NOT EQUALS` is, which surprises.
//! Of an attribute with several values each must satisfy the clause. Deliberately absent is `categoryFilterGroups`, which
//! Graph has as an experiment: it is warned of, and does not count.

mod clause;
mod operator;

use serde_json::{Map, Value};

pub use operator::{Arity, Operator};

use self::clause::Clause;

/// The most groups of a list, and clauses of a group.
const MAX_PARTS: usize = 1000;

/// What is wrong with a filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScopingProblem {
    /// It has not the form.
    Form,
    /// There is no such operator.
    UnknownOperator,
    /// The operator wants another number of values, or other ones.
    Operand,
    /// The pattern is no regular expression.
    Regex,
}

impl ScopingProblem {
    /// The name in vectors.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Form => "form",
            Self::UnknownOperator => "unknown_operator",
            Self::Operand => "operand",
            Self::Regex => "regex",
        }
    }
}

/// A filter that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {reason}")]
pub struct ScopingError {
    /// The sort of mistake.
    pub problem: ScopingProblem,
    /// Where, as a path into the filter: `groups[0].clauses[2]`.
    pub place: String,
    /// What is wrong, and what to change.
    pub reason: String,
}

/// What a filter says about an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Whether it is in scope.
    pub in_scope: bool,
    /// Whether an object that used to be in scope, and is not any more, is deprovisioned.
    pub deprovision_if_previously_in: bool,
    /// What decided: the name of the group that is true, or the list that has none.
    pub decided_by: String,
    /// What could not be compared, and counted as false.
    pub warnings: Vec<String>,
}

/// A scoping filter.
#[derive(Clone, Debug, Default)]
pub struct ScopingFilter {
    groups: Vec<Group>,
    input_groups: Vec<Group>,
    lints: Vec<String>,
}

#[derive(Clone, Debug)]
struct Group {
    name: String,
    clauses: Vec<Clause>,
}

/// The attributes of an object, by name; letter case counts.
pub trait ScopedAttributes {
    /// The value; `None` where there is none.
    fn attribute(&self, name: &str) -> Option<&Value>;
}

impl ScopedAttributes for Map<String, Value> {
    fn attribute(&self, name: &str) -> Option<&Value> {
        self.get(name)
    }
}

impl ScopingFilter {
    /// Reads a filter; `null` is one that lets everybody in.
    ///
    /// # Errors
    /// Every mistake, with its place.
    pub fn from_json(filter: &Value) -> Result<Self, Vec<ScopingError>> {
        let (mut errors, mut lints) = (Vec::new(), Vec::new());
        let object = match filter {
            Value::Null => return Ok(Self::default()),
            Value::Object(object) => object,
            _ => return Err(vec![form("filter", "must be an object or null")]),
        };
        let mut list = |name: &str| groups(object, name, &mut errors, &mut lints);
        let (groups, input_groups) = (list("groups"), list("inputFilterGroups"));
        let categories = object.get("categoryFilterGroups").and_then(Value::as_array);
        if categories.is_some_and(|categories| !categories.is_empty()) {
            lints.push("categoryFilterGroups: these do not count".to_owned());
        }
        if errors.is_empty() { Ok(Self { groups, input_groups, lints }) } else { Err(errors) }
    }

    /// What had better be written otherwise: patterns that match anywhere in a value, groups without clauses.
    #[must_use]
    pub fn lints(&self) -> &[String] {
        &self.lints
    }

    /// The attributes that it looks at.
    pub fn attributes(&self) -> impl Iterator<Item = &str> {
        let groups = self.input_groups.iter().chain(&self.groups);
        groups.flat_map(|group| &group.clauses).map(|clause| clause.attribute.as_str())
    }

    /// Whether an object is in scope.
    #[must_use]
    pub fn evaluate(&self, attributes: &impl ScopedAttributes) -> Verdict {
        let mut warnings = Vec::new();
        let mut decided_by = "no filter".to_owned();
        for (list, name, deprovisions) in
            [(&self.input_groups, "inputFilterGroups", false), (&self.groups, "groups", true)]
        {
            if list.is_empty() {
                continue;
            }
            let holds = |group: &&Group| {
                let mut clauses = group.clauses.iter();
                clauses.all(|clause| clause.holds(attributes.attribute(&clause.attribute), &mut warnings))
            };
            match list.iter().find(holds) {
                Some(group) => decided_by.clone_from(&group.name),
                None => {
                    return Verdict {
                        in_scope: false,
                        deprovision_if_previously_in: deprovisions,
                        decided_by: name.to_owned(),
                        warnings,
                    };
                }
            }
        }
        Verdict { in_scope: true, deprovision_if_previously_in: false, decided_by, warnings }
    }
}

fn groups(
    filter: &Map<String, Value>,
    name: &str,
    errors: &mut Vec<ScopingError>,
    lints: &mut Vec<String>,
) -> Vec<Group> {
    let list = match filter.get(name) {
        None | Some(Value::Null) => return Vec::new(),
        Some(Value::Array(list)) if list.len() <= MAX_PARTS => list,
        Some(_) => {
            errors.push(form(name, &format!("must be a list of at most {MAX_PARTS} groups")));
            return Vec::new();
        }
    };
    let mut read = Vec::with_capacity(list.len());
    for (index, group) in list.iter().enumerate() {
        let place = format!("{name}[{index}]");
        let Some(clauses) =
            group.get("clauses").and_then(Value::as_array).filter(|list| list.len() <= MAX_PARTS)
        else {
            errors.push(form(&place, &format!("must have a list `clauses` of at most {MAX_PARTS}")));
            continue;
        };
        if clauses.is_empty() {
            lints.push(format!("{place}: a group without clauses is true for everybody"));
        }
        let mut checked = Vec::with_capacity(clauses.len());
        for (index, clause) in clauses.iter().enumerate() {
            let place = format!("{place}.clauses[{index}]");
            match Clause::from_json(clause, &place) {
                Ok(clause) => {
                    lints.extend(clause.lint().map(|lint| format!("{place}: {lint}")));
                    checked.push(clause);
                }
                Err(error) => errors.push(error),
            }
        }
        let group_name = group.get("name").and_then(Value::as_str).unwrap_or(&place).to_owned();
        read.push(Group { name: group_name, clauses: checked });
    }
    read
}

fn form(place: &str, reason: &str) -> ScopingError {
    ScopingError { problem: ScopingProblem::Form, place: place.to_owned(), reason: reason.to_owned() }
}

#[cfg(test)]
mod tests;
