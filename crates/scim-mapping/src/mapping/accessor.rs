//! The way to an attribute's value in a resource, found once when a mapping is compiled: nothing is parsed or searched by
//! text when a person comes.

use std::sync::Arc;

use scim_core::filter::{FilterLimits, Operand, TypedFilter};
use scim_core::path::{PatchPath, Target};
use scim_core::resource::member;
use scim_core::schema::{Attribute, Mutability, Residence, ResourceType, Returned};
use scim_core::{AttributeRef, Dialect, Resource};
use serde_json::{Map, Value};
use smallvec::SmallVec;

use super::error::Problem;

/// A resolved path: an attribute, a condition on its elements where the path has one, and the sub-attribute that is
/// meant.
#[derive(Clone, Debug)]
pub(super) struct Accessor {
    /// The attribute; no sub-attribute.
    pub(super) attribute: AttributeRef,
    /// What the element that is meant satisfies.
    pub(super) condition: Option<TypedFilter>,
    /// The sub-attribute whose value is meant; `None` where the attribute is not complex, or all of its elements are
    /// meant.
    pub(super) sub: Option<Arc<Attribute>>,
    /// The canonical path.
    pub(super) text: String,
}

/// Why a path is of no use.
#[derive(Debug)]
pub(super) struct Unfit {
    pub(super) problem: Problem,
    pub(super) reason: String,
}

impl Unfit {
    fn new(problem: Problem, reason: impl Into<String>) -> Self {
        Self { problem, reason: reason.into() }
    }
}

/// What a path reaches.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Reached<'r> {
    /// The values, in order; one at most where the attribute is singular.
    pub(super) values: SmallVec<[&'r Value; 2]>,
    /// The one of the element that is `primary`.
    pub(super) primary: Option<&'r Value>,
}

impl Accessor {
    /// Finds what `path` means. Letter case counts, as it does in expressions: who writes another gets to know the right
    /// one.
    ///
    /// With `whole`, all elements of a complex attribute may be meant (`[roles]` in an expression).
    pub(super) fn find(path: &str, user: &ResourceType, whole: bool) -> Result<Self, Unfit> {
        let accessor = Self::find_in_any_case(path, user, whole)?;
        let text = &accessor.text;
        if path == text
            || path.strip_prefix(&*user.schema.id).and_then(|rest| rest.strip_prefix(':')) == Some(text)
        {
            return Ok(accessor);
        }
        let reason = format!("{path:?} is written {text:?}; letter case counts");
        Err(Unfit::new(Problem::UnknownAttribute, reason))
    }

    /// The same, whatever the letter case, and an extension's attribute also without the URN.
    pub(super) fn find_in_any_case(path: &str, user: &ResourceType, whole: bool) -> Result<Self, Unfit> {
        let unknown = |reason: String| Unfit::new(Problem::UnknownAttribute, reason);
        let (target, _) = PatchPath::parse(path, &FilterLimits::default())
            .and_then(|parsed| parsed.resolve(user, Dialect::LENIENT))
            .map_err(|error| unknown(format!("{error}{}", what_there_is(path, user))))?;
        let (attribute, condition, sub) = match target {
            Target::Attribute(AttributeRef { extension, attribute, sub }) => {
                (AttributeRef { extension, attribute, sub: None }, None, sub)
            }
            Target::Values { attribute, condition, sub } => (attribute, Some(condition), sub),
            Target::Extension(schema) => {
                let reason =
                    format!("{} is a whole extension; add one of its attributes behind a colon", schema.id);
                return Err(unknown(reason));
            }
        };
        let mut accessor = Self { attribute, condition, sub, text: String::new() };
        accessor.text = accessor.spelling(path);
        accessor.check_readable()?;
        accessor.settle_sub(whole)?;
        Ok(accessor)
    }

    /// The path as the schema spells it; a condition is left as it was written.
    fn spelling(&self, path: &str) -> String {
        let brackets = path.find('[').zip(path.rfind(']')).and_then(|(from, to)| path.get(from..=to));
        let sub = self.sub.as_ref().map(|sub| format!(".{}", sub.name)).unwrap_or_default();
        format!("{}{}{sub}", self.attribute, brackets.unwrap_or_default())
    }

    fn check_readable(&self) -> Result<(), Unfit> {
        let text = &self.text;
        let unusable = |reason: String| Err(Unfit::new(Problem::Unusable, reason));
        let leaf = self.sub.as_ref().unwrap_or(&self.attribute.attribute);
        if leaf.returned == Returned::Never || self.attribute.attribute.returned == Returned::Never {
            return unusable(format!(
                "{text} is never shown to anybody, so it cannot fill a field; choose another"
            ));
        }
        match self.attribute.attribute.residence {
            Residence::Document => Ok(()),
            Residence::Envelope if self.attribute.is("externalId") => Ok(()),
            Residence::Envelope if self.attribute.is("id") => {
                unusable("id fills ScimSyncId, and nothing else".to_owned())
            }
            Residence::Envelope => {
                unusable(format!("{text} is written by the server; choose another attribute"))
            }
            Residence::Edges | Residence::ReverseEdges => unusable(format!(
                "{text} follows from group memberships and is not part of the person; a workflow rule can use groups"
            )),
        }
    }

    /// A complex attribute that is named itself means its `value` (RFC 7643 §2.4).
    fn settle_sub(&mut self, whole: bool) -> Result<(), Unfit> {
        let attribute = &self.attribute.attribute;
        if !attribute.is_complex() || self.sub.is_some() {
            return Ok(());
        }
        if whole && attribute.multi_valued && self.condition.is_none() {
            return Ok(());
        }
        self.sub = attribute.default_sub_attribute().cloned();
        if self.sub.is_some() {
            return Ok(());
        }
        let parts: Vec<String> =
            attribute.sub_attributes.iter().map(|sub| format!("{}.{}", self.text, sub.name)).collect();
        let reason = format!("{} has parts; choose one: {}", self.text, parts.join(", "));
        Err(Unfit::new(Problem::Unusable, reason))
    }

    /// Whether both mean the same values, however they are written.
    pub(super) fn means_same_as(&self, other: &Self) -> bool {
        let same_condition = match (&self.condition, &other.condition) {
            (None, None) => true,
            (Some(one), Some(other)) => same_condition(one, other),
            _ => false,
        };
        same_condition && self.attribute == other.attribute && self.sub == other.sub
    }

    /// Whether the path can reach several values without a condition that says which is meant.
    pub(super) fn is_list(&self) -> bool {
        self.condition.is_none() && self.attribute.attribute.multi_valued
    }

    /// Whether all elements, with all their parts, are meant.
    pub(super) fn is_whole(&self) -> bool {
        self.sub.is_none() && self.attribute.attribute.is_complex()
    }

    /// What the values are of.
    pub(super) fn leaf(&self) -> &Attribute {
        self.sub.as_deref().unwrap_or(&self.attribute.attribute)
    }

    /// Why no value can be written by this path; `None` where one can.
    pub(super) fn not_writable(&self) -> Option<String> {
        let text = &self.text;
        let attribute = &self.attribute.attribute;
        let written = |attribute: &Attribute| attribute.mutability == Mutability::ReadWrite;
        if attribute.residence != Residence::Document || !written(attribute) || !written(self.leaf()) {
            return Some(format!("{text} is not open for writing"));
        }
        if self.is_list() {
            let example = match attribute.sub_attribute("type") {
                Some(_) => format!(", such as {}[type eq \"work\"]", attribute.name),
                None => String::new(),
            };
            return Some(format!("{text} may have several values; a condition has to say which{example}"));
        }
        let Some(condition) = &self.condition else { return None };
        match condition.as_equalities() {
            None => Some(format!(
                "a value for {text} cannot be made from its condition; only eq, joined by and, says how it must look"
            )),
            Some(pairs) if pairs.iter().any(|(path, _)| path.attribute.name == self.leaf().name) => {
                Some(format!("the condition of {text} asks for the very value that would be written"))
            }
            Some(pairs)
                if pairs.iter().any(|(_, operand)| super::inverse::operand_json(operand).is_none()) =>
            {
                Some(format!("a value for {text} cannot be made from a condition on a date"))
            }
            Some(_) => None,
        }
    }

    /// The values in `resource`. What is null, empty or not as the schema has it is no value.
    pub(super) fn reach<'r>(&self, resource: &'r Resource) -> Reached<'r> {
        self.reach_in(resource.attributes())
    }

    /// The same in a resource's members.
    pub(super) fn reach_in<'r>(&self, values: &'r Map<String, Value>) -> Reached<'r> {
        let mut reached = Reached::default();
        let holder = match &self.attribute.extension {
            Some(urn) => member(values, urn).and_then(Value::as_object),
            None => Some(values),
        };
        match holder.and_then(|holder| member(holder, &self.attribute.attribute.name)) {
            None => {}
            Some(Value::Array(elements)) => {
                for element in elements {
                    if self.condition.as_ref().is_some_and(|condition| !condition.matches_element(element)) {
                        continue;
                    }
                    let Some(value) = self.part(element) else { continue };
                    reached.values.push(value);
                    if is_primary(element) {
                        reached.primary = Some(value);
                    }
                }
            }
            Some(single) => {
                let holds = |condition: &TypedFilter| condition.matches_element(single);
                if self.condition.as_ref().is_none_or(holds) {
                    reached.values.extend(self.part(single));
                }
            }
        }
        reached
    }

    fn part<'r>(&self, element: &'r Value) -> Option<&'r Value> {
        let value = match &self.sub {
            Some(sub) => member(element.as_object()?, &sub.name)?,
            None => element,
        };
        is_assigned(value).then_some(value)
    }

    /// The one value: that of the primary element, else the first; `None` where there is none.
    ///
    /// # Errors
    /// What to write in its place, where nothing says which of several values is meant.
    pub(super) fn one<'r>(&self, resource: &'r Resource) -> Result<Option<&'r Value>, String> {
        let reached = self.reach(resource);
        if self.is_list() && reached.primary.is_none() && reached.values.len() > 1 {
            let (text, several) = (&self.text, reached.values.len());
            return Err(format!(
                "{text} has {several} values here, of which none is primary, and the field holds one; say which by a \
                 condition ({}[type eq \"work\"]) or an expression such as Item([{text}], 1) or Join(\", \", [{text}])",
                self.attribute
            ));
        }
        Ok(reached.primary.or(reached.values.first().copied()))
    }
}

/// For messages: the attributes of what `path` begins with, where it names none of them.
fn what_there_is(path: &str, user: &ResourceType) -> String {
    let names = |attributes: &[Arc<Attribute>]| {
        let names: Vec<&str> = attributes.iter().map(|attribute| attribute.name.as_str()).collect();
        names.join(", ")
    };
    let path = path.strip_prefix(&*user.schema.id).and_then(|rest| rest.strip_prefix(':')).unwrap_or(path);
    let begins = |urn: &str| path.get(..urn.len()).is_some_and(|head| head.eq_ignore_ascii_case(urn));
    if let Some(extension) = user.extensions.iter().find(|extension| begins(&extension.schema.id)) {
        let rest =
            path.get(extension.schema.id.len()..).and_then(|rest| rest.strip_prefix(':')).unwrap_or_default();
        let name = rest.split(['.', '[']).next().unwrap_or_default();
        return match extension.schema.attribute(name) {
            Some(_) => String::new(),
            None => format!("; this extension has {}", names(&extension.schema.attributes)),
        };
    }
    let name = path.split(['.', '[', ':']).next().unwrap_or_default();
    match user.attribute(name) {
        Some(_) => String::new(),
        None if name.eq_ignore_ascii_case("urn") => {
            let urns: Vec<&str> = user.extensions.iter().map(|extension| &*extension.schema.id).collect();
            format!("; {} has the extensions {}", user.name, urns.join(", "))
        }
        None => format!("; {} has {}", user.name, names(&user.schema.attributes)),
    }
}

/// Whether both conditions are one and the same, but for the letter case of texts that compare in any.
fn same_condition(one: &TypedFilter, other: &TypedFilter) -> bool {
    let (Some(ones), Some(others)) = (one.as_equalities(), other.as_equalities()) else {
        return one == other;
    };
    let same_operand = |one: &Operand, other: &Operand| match (one, other) {
        (Operand::Text { key, .. }, Operand::Text { key: other, .. }) => key == other,
        _ => one == other,
    };
    ones.len() == others.len()
        && ones.iter().zip(&others).all(|(one, other)| one.0 == other.0 && same_operand(one.1, other.1))
}

pub(super) fn is_primary(element: &Value) -> bool {
    element.as_object().and_then(|parts| member(parts, "primary")) == Some(&Value::Bool(true))
}

fn is_assigned(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(elements) => !elements.is_empty(),
        Value::Object(members) => !members.is_empty(),
        Value::Bool(_) | Value::Number(_) => true,
    }
}
