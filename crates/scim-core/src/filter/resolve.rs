//! A syntax tree to a filter typed by a resource type: paths to attributes, values to operands of the attribute's type.

use std::sync::Arc;

use super::error::{FilterError, FilterErrorKind};
use super::parser::number;
use super::syntax::{Filter, Literal, PathText};
use super::{CompareOp, Comparison, Operand, TypedFilter};
use crate::dialect::{Dialect, Note, Tolerance};
use crate::instant::Instant;
use crate::path::{AttributeRef, Resolved};
use crate::schema::{Attribute, AttributeType, ResourceType, Returned};
use crate::text::canonical_base64;

/// A filter of a query over several resource types, resolved for one of them (RFC 7644 §3.4.2.1).
#[derive(Clone, Debug, PartialEq)]
pub struct Among {
    /// The filter; a comparison or `pr` on an attribute that the type does not have is false.
    pub filter: TypedFilter,
    /// The tolerances that were used.
    pub notes: Vec<Note>,
    /// Whether the type has the attribute of at least one term. A filter that has none in any of the types asked wants
    /// to be refused, with one of `unknown`.
    pub any_resolved: bool,
    /// An error for each term whose attribute the type does not have, in the order of the text.
    pub unknown: Vec<FilterError>,
}

impl Filter<'_> {
    /// Types the filter by the attributes of a resource type, and says which tolerances that took.
    ///
    /// # Errors
    /// If the type does not have one of the attributes, one is never returned, or an operator or a value does not go
    /// with the attribute's type ([`ScimType::InvalidFilter`](crate::ScimType::InvalidFilter)).
    pub fn resolve(
        &self,
        resource_type: &ResourceType,
        dialect: Dialect,
    ) -> Result<(TypedFilter, Vec<Note>), FilterError> {
        let mut resolver = Resolver::new(dialect, false);
        let filter = resolver.filter(self, Scope::Resource(resource_type))?;
        Ok((filter, resolver.notes))
    }

    /// As [`Filter::resolve`], for one of the types of a query over several: a comparison or `pr` on an attribute that
    /// this type does not have is false, whatever its operator, and the `not` of it true.
    ///
    /// # Errors
    /// If an attribute that the type has is never returned, or an operator or a value does not go with its type
    /// ([`ScimType::InvalidFilter`](crate::ScimType::InvalidFilter)).
    pub fn resolve_among(
        &self,
        resource_type: &ResourceType,
        dialect: Dialect,
    ) -> Result<Among, FilterError> {
        let mut resolver = Resolver::new(dialect, true);
        let filter = resolver.filter(self, Scope::Resource(resource_type))?;
        let Resolver { notes, any_resolved, unknown, .. } = resolver;
        Ok(Among { filter, notes, any_resolved, unknown })
    }
}

/// Types the filter between the brackets behind `attribute`, whose path stands at `offset`.
pub(crate) fn resolve_condition(
    filter: &Filter<'_>,
    attribute: &AttributeRef,
    offset: usize,
    dialect: Dialect,
) -> Result<(TypedFilter, Vec<Note>), FilterError> {
    check_brackets(attribute, offset)?;
    let mut resolver = Resolver::new(dialect, false);
    let condition = resolver.filter(filter, Scope::Element(&attribute.attribute))?;
    Ok((condition, resolver.notes))
}

/// What paths are relative to.
#[derive(Clone, Copy)]
enum Scope<'s> {
    Resource(&'s ResourceType),
    /// One element of this complex attribute.
    Element(&'s Attribute),
}

struct Resolver {
    dialect: Dialect,
    /// Whether unknown attributes make a term false rather than the filter wrong.
    among: bool,
    notes: Vec<Note>,
    any_resolved: bool,
    unknown: Vec<FilterError>,
}

impl Resolver {
    fn new(dialect: Dialect, among: bool) -> Self {
        Self { dialect, among, notes: Vec::new(), any_resolved: false, unknown: Vec::new() }
    }

    // The depth of the recursion is that of the tree, which the parser has limited.
    fn filter(&mut self, filter: &Filter<'_>, scope: Scope<'_>) -> Result<TypedFilter, FilterError> {
        match filter {
            Filter::And(terms) => Ok(TypedFilter::all(self.filters(terms, scope)?)),
            Filter::Or(terms) => Ok(TypedFilter::any(self.filters(terms, scope)?)),
            Filter::Not(filter) => Ok(self.filter(filter, scope)?.negated()),
            Filter::Present { path } => {
                let found = self.attribute(path, scope)?;
                Ok(found.map_or(TypedFilter::Always(false), TypedFilter::Present))
            }
            Filter::Compare { path, op, value } => match self.attribute(path, scope)? {
                Some(found) => self.comparison(found, path, *op, value),
                None => Ok(TypedFilter::Always(false)),
            },
            Filter::ValuePath { path, filter } => {
                let Some(attribute) = self.attribute(path, scope)? else {
                    return Ok(TypedFilter::Always(false));
                };
                check_brackets(&attribute, path.offset())?;
                let condition = self.filter(filter, Scope::Element(&attribute.attribute))?;
                Ok(match condition {
                    TypedFilter::Always(false) => condition,
                    TypedFilter::Always(true) => TypedFilter::Present(attribute),
                    _ => TypedFilter::Element { attribute, condition: Box::new(condition) },
                })
            }
        }
    }

    fn filters(&mut self, terms: &[Filter<'_>], scope: Scope<'_>) -> Result<Vec<TypedFilter>, FilterError> {
        terms.iter().map(|term| self.filter(term, scope)).collect()
    }

    /// The attribute that a path names; `None` where the type does not have it and need not.
    fn attribute(
        &mut self,
        path: &PathText<'_>,
        scope: Scope<'_>,
    ) -> Result<Option<AttributeRef>, FilterError> {
        let found = match scope {
            Scope::Resource(resource_type) => match resource_type.resolve_in(path.as_str(), self.dialect) {
                Ok((Resolved::Attribute(found), note)) => {
                    self.notes.extend(note);
                    Ok(found)
                }
                Ok((Resolved::Extension(_), _)) => {
                    Err("this names a whole extension; add the attribute".to_owned())
                }
                Err(error) => Err(format!("not an attribute of {}: {}", resource_type.name, error.reason())),
            },
            Scope::Element(complex) => match complex.sub_attribute(path.as_str()) {
                Some(sub) => Ok(AttributeRef { extension: None, attribute: Arc::clone(sub), sub: None }),
                None => Err(complex.no_sub_attribute(path.as_str())),
            },
        };
        let found = match found {
            Ok(found) => found,
            Err(reason) => {
                let error = mistake(FilterErrorKind::UnknownAttribute, path, reason);
                if self.among {
                    self.unknown.push(error);
                    return Ok(None);
                }
                return Err(error);
            }
        };
        if found.attribute.returned == Returned::Never || found.leaf().returned == Returned::Never {
            let reason = "this attribute is never returned, so it cannot be filtered on";
            return Err(mistake(FilterErrorKind::NotReadable, path, reason));
        }
        self.any_resolved = true;
        Ok(Some(found))
    }

    fn comparison(
        &mut self,
        mut found: AttributeRef,
        path: &PathText<'_>,
        op: CompareOp,
        value: &Literal<'_>,
    ) -> Result<TypedFilter, FilterError> {
        let leaf = Arc::clone(found.leaf());
        if *value == Literal::Null {
            return match op {
                // What a complex attribute without value is, its `value` alone cannot say.
                CompareOp::Eq if leaf.is_complex() => Ok(TypedFilter::Present(found).negated()),
                CompareOp::Ne if leaf.is_complex() => Ok(TypedFilter::Present(found)),
                CompareOp::Eq | CompareOp::Ne => {
                    Ok(TypedFilter::Compare(Comparison { path: found, op, operand: Operand::Null }))
                }
                _ => Err(mistake(FilterErrorKind::Mismatch, path, "null goes with eq and ne only")),
            };
        }
        if leaf.is_complex() {
            let Some(sub) = leaf.default_sub_attribute() else {
                let reason = format!(
                    "{} is complex and has no value of its own; compare one of {}, as in {}.{}",
                    leaf.name,
                    leaf.sub_attribute_names(),
                    leaf.name,
                    leaf.sub_attributes.first().map_or("value", |sub| &sub.name),
                );
                return Err(mistake(FilterErrorKind::Mismatch, path, reason));
            };
            if sub.returned == Returned::Never {
                let reason =
                    format!("{}.{} is never returned, so it cannot be filtered on", leaf.name, sub.name);
                return Err(mistake(FilterErrorKind::NotReadable, path, reason));
            }
            found.sub = Some(Arc::clone(sub));
        }
        check_operator(found.leaf(), op)
            .map_err(|reason| mistake(FilterErrorKind::Mismatch, path, reason))?;
        let operand =
            self.operand(&found, value).map_err(|reason| mistake(FilterErrorKind::Mismatch, path, reason))?;
        Ok(TypedFilter::Compare(Comparison { path: found, op, operand }))
    }

    fn operand(&mut self, path: &AttributeRef, value: &Literal<'_>) -> Result<Operand, String> {
        let leaf = path.leaf();
        let mut tolerate = |tolerance| {
            let tolerated = self.dialect.tolerates(tolerance);
            if tolerated {
                self.notes.push(Note::new(tolerance, format!("{path} compared with text in a filter")));
            }
            tolerated
        };
        let wants =
            |what: &str| Err(format!("{} is of type {}; {what}", leaf.name, leaf.attribute_type.name()));
        match (leaf.attribute_type, value) {
            (AttributeType::String | AttributeType::Reference, Literal::Text(text)) => {
                let key = leaf.matching.key(text).into_owned();
                Ok(Operand::Text { text: text.to_string(), key })
            }
            (AttributeType::String | AttributeType::Reference, _) => {
                wants("compare it with text in double quotes")
            }
            (AttributeType::Boolean, Literal::Boolean(value)) => Ok(Operand::Boolean(*value)),
            (AttributeType::Boolean, Literal::Text(text)) => {
                let value = ["false", "true"].iter().position(|word| text.eq_ignore_ascii_case(word));
                match value {
                    Some(value) if tolerate(Tolerance::StringBooleans) => Ok(Operand::Boolean(value == 1)),
                    _ => wants("compare it with true or false, without quotes"),
                }
            }
            (AttributeType::Boolean, _) => wants("compare it with true or false"),
            (AttributeType::Integer | AttributeType::Decimal, Literal::Integer(value)) => {
                Ok(Operand::Integer(*value))
            }
            (AttributeType::Integer | AttributeType::Decimal, Literal::Decimal(value)) => {
                Ok(Operand::Decimal(*value))
            }
            (AttributeType::Integer | AttributeType::Decimal, Literal::Text(text)) => match number(text) {
                Some(Ok(Literal::Integer(value))) if tolerate(Tolerance::StringNumbers) => {
                    Ok(Operand::Integer(value))
                }
                Some(Ok(Literal::Decimal(value))) if tolerate(Tolerance::StringNumbers) => {
                    Ok(Operand::Decimal(value))
                }
                _ => wants("compare it with a number, without quotes"),
            },
            (AttributeType::Integer | AttributeType::Decimal, _) => wants("compare it with a number"),
            (AttributeType::DateTime, Literal::Text(text)) => match Instant::parse(text) {
                Some(instant) => Ok(Operand::Instant(instant)),
                None => wants("compare it with a date and time such as \"2011-05-13T04:42:34Z\""),
            },
            (AttributeType::DateTime, _) => {
                wants("compare it with a date and time such as \"2011-05-13T04:42:34Z\"")
            }
            (AttributeType::Binary, Literal::Text(text)) => match canonical_base64(text) {
                Some(canonical) => Ok(Operand::Binary(canonical)),
                None => wants("compare it with base64 text"),
            },
            (AttributeType::Binary, _) => wants("compare it with base64 text"),
            (AttributeType::Complex, _) => wants("compare one of its sub-attributes"),
        }
    }
}

/// That brackets make sense behind the attribute.
fn check_brackets(attribute: &AttributeRef, offset: usize) -> Result<(), FilterError> {
    if attribute.leaf().is_complex() {
        return Ok(());
    }
    let path = attribute.to_string();
    let reason = match &attribute.sub {
        Some(_) => "brackets go behind the complex attribute, not behind its sub-attribute",
        None => "only a complex attribute can have brackets behind it",
    };
    Err(FilterError::new(FilterErrorKind::Mismatch, offset, &path, reason))
}

/// That the operator makes sense for the attribute's type (RFC 7644 §3.4.2.2 table 3).
fn check_operator(leaf: &Attribute, op: CompareOp) -> Result<(), String> {
    let substring = matches!(op, CompareOp::Co | CompareOp::Sw | CompareOp::Ew);
    let equality = matches!(op, CompareOp::Eq | CompareOp::Ne);
    let (goes, allowed) = match leaf.attribute_type {
        AttributeType::String | AttributeType::Reference => return Ok(()),
        AttributeType::Boolean | AttributeType::Binary | AttributeType::Complex => {
            (equality, "eq, ne and pr")
        }
        AttributeType::Integer | AttributeType::Decimal | AttributeType::DateTime => {
            (!substring, "eq, ne, gt, ge, lt, le and pr")
        }
    };
    if goes {
        return Ok(());
    }
    let (name, kind) = (&leaf.name, leaf.attribute_type.name());
    Err(format!("{name} is of type {kind}, which does not go with {}; it has {allowed}", op.keyword()))
}

fn mistake(kind: FilterErrorKind, path: &PathText<'_>, reason: impl Into<String>) -> FilterError {
    FilterError::new(kind, path.offset(), path.as_str(), reason)
}

#[cfg(test)]
mod tests {
    use super::super::FilterLimits;
    use super::*;
    use crate::schema::Registry;

    fn resolve(filter: &str, dialect: Dialect) -> Result<(TypedFilter, Vec<Note>), FilterError> {
        let registry = Registry::builtin();
        let user = registry.resource_type("User").expect("built in");
        Filter::parse(filter, &FilterLimits::default())?.resolve(user, dialect)
    }

    /// Expects the tolerances that it takes, or the error's kind and part of its text.
    fn check(filter: &str, dialect: Dialect, expected: Result<&[Tolerance], (FilterErrorKind, &str)>) {
        match (resolve(filter, dialect), expected) {
            (Ok((_, notes)), Ok(tolerances)) => {
                let used: Vec<_> = notes.iter().map(|note| note.tolerance).collect();
                assert_eq!(used, tolerances, "{filter}");
            }
            (Err(error), Err((kind, part))) => {
                assert!(error.kind() == kind && error.to_string().contains(part), "{filter}: {error:?}");
                assert_eq!(crate::ScimError::from(error).scim_type(), Some(crate::ScimType::InvalidFilter));
            }
            (got, _) => panic!("{filter}: {got:?}"),
        }
    }

    #[test]
    fn operators_go_with_types() {
        use FilterErrorKind::Mismatch;
        for op in ["co", "sw", "ew"] {
            for (path, value) in [
                ("active", "true"),
                ("emails.primary", "true"),
                ("meta.created", "\"2011-05-13T04:42:34Z\""),
                ("x509Certificates", "\"AAAA\""),
            ] {
                check(&format!("{path} {op} {value}"), Dialect::LENIENT, Err((Mismatch, "does not go with")));
            }
        }
        for op in ["gt", "ge", "lt", "le"] {
            check(&format!("active {op} true"), Dialect::LENIENT, Err((Mismatch, "does not go with")));
            check(
                &format!("x509Certificates.value {op} \"AA==\""),
                Dialect::LENIENT,
                Err((Mismatch, "binary")),
            );
            check(&format!("title {op} null"), Dialect::LENIENT, Err((Mismatch, "eq and ne only")));
            check(
                &format!("profileUrl {op} \"https://a\" and userName {op} \"a\""),
                Dialect::STRICT,
                Ok(&[]),
            );
        }
        check("active co null", Dialect::LENIENT, Err((Mismatch, "eq and ne only")));
    }

    #[test]
    fn values_go_with_types() {
        use FilterErrorKind::Mismatch;
        check("userName eq 5", Dialect::LENIENT, Err((Mismatch, "text in double quotes")));
        check("userName eq true", Dialect::LENIENT, Err((Mismatch, "text in double quotes")));
        check("active eq 1", Dialect::LENIENT, Err((Mismatch, "true or false")));
        check("active eq \"yes\"", Dialect::LENIENT, Err((Mismatch, "true or false")));
        check("active eq \"True\"", Dialect::LENIENT, Ok(&[Tolerance::StringBooleans]));
        check("active eq \"True\"", Dialect::STRICT, Err((Mismatch, "without quotes")));
        check("meta.created gt \"2011-05-13\"", Dialect::LENIENT, Err((Mismatch, "a date and time such as")));
        check("meta.created gt 5", Dialect::LENIENT, Err((Mismatch, "a date and time such as")));
        check("x509Certificates.value eq \"?\"", Dialect::LENIENT, Err((Mismatch, "base64")));
    }

    #[test]
    fn complex_attributes_mean_their_value() {
        use FilterErrorKind::Mismatch;
        assert_eq!(
            resolve("emails co \"x\"", Dialect::STRICT),
            resolve("emails.value co \"x\"", Dialect::STRICT)
        );
        check("name eq \"x\"", Dialect::LENIENT, Err((Mismatch, "compare one of formatted, familyName")));
        check("name pr and name ne null", Dialect::STRICT, Ok(&[]));
        check("userName[value eq \"x\"]", Dialect::LENIENT, Err((Mismatch, "only a complex attribute")));
        check(
            "emails.value[type eq \"x\"]",
            Dialect::LENIENT,
            Err((Mismatch, "not behind its sub-attribute")),
        );
    }

    #[test]
    fn attributes_must_be_known_and_readable() {
        use FilterErrorKind::{NotReadable, UnknownAttribute};
        check("nosuch eq \"x\"", Dialect::LENIENT, Err((UnknownAttribute, "at byte 0, \"nosuch\"")));
        check("title pr and emails.nosuch pr", Dialect::LENIENT, Err((UnknownAttribute, "at byte 13")));
        check("emails[nosuch pr]", Dialect::LENIENT, Err((UnknownAttribute, "it has value, display")));
        check("emails[emails.type pr]", Dialect::LENIENT, Err((UnknownAttribute, "no sub-attribute")));
        check(
            crate::schema::ENTERPRISE_USER_URN,
            Dialect::LENIENT,
            Err((FilterErrorKind::Syntax, "operators")),
        );
        let extension = format!("{} pr", crate::schema::ENTERPRISE_USER_URN);
        check(&extension, Dialect::LENIENT, Err((UnknownAttribute, "whole extension")));
        check("password pr", Dialect::LENIENT, Err((NotReadable, "never returned")));
        check("password eq \"x\"", Dialect::STRICT, Err((NotReadable, "never returned")));
        check("manager eq \"x\"", Dialect::LENIENT, Ok(&[Tolerance::ExtensionNotDeclared]));
        check("manager eq \"x\"", Dialect::STRICT, Err((UnknownAttribute, "need their URN")));
    }

    #[test]
    fn never_returned_sub_attributes_are_closed_too() {
        let mut registry = Registry::builtin();
        registry
            .add_schema(&serde_json::json!({
                "id": "urn:example:Vault", "name": "Vault",
                "attributes": [
                    { "name": "box", "type": "complex", "subAttributes": [
                        { "name": "value", "type": "string", "returned": "never" },
                        { "name": "size", "type": "integer" }
                    ] }
                ]
            }))
            .expect("sound");
        registry
            .add_resource_type(
                &serde_json::json!({ "name": "Vault", "endpoint": "/Vaults", "schema": "urn:example:Vault" }),
            )
            .expect("sound");
        let vault = registry.resource_type("Vault").expect("added");
        let resolve = |text: &str, dialect| {
            Filter::parse(text, &FilterLimits::default()).expect(text).resolve(vault, dialect)
        };
        for filter in ["box.value pr", "box eq \"x\"", "box[value eq \"x\"]", "box[size eq 1].value pr"] {
            let error = resolve(filter, Dialect::LENIENT).expect_err(filter);
            assert_eq!(error.kind(), FilterErrorKind::NotReadable, "{filter}");
        }
        let (_, notes) =
            resolve("box[size gt \"1.5\" or size eq \"7\"]", Dialect::LENIENT).expect("tolerated");
        assert_eq!(notes.len(), 2);
        for filter in ["box.size eq \"7\"", "box.size co 7", "box.size eq true"] {
            let error = resolve(filter, Dialect::STRICT).expect_err(filter);
            assert_eq!(error.kind(), FilterErrorKind::Mismatch, "{filter}");
        }
    }

    /// Expects how a filter of a query over all types reads for a Group.
    fn check_group(filter: &str, expected: &TypedFilter, any_resolved: bool, unknown: usize) {
        let registry = Registry::builtin();
        let group = registry.resource_type("Group").expect("built in");
        let among = Filter::parse(filter, &FilterLimits::default())
            .and_then(|filter| filter.resolve_among(group, Dialect::STRICT))
            .expect(filter);
        assert_eq!(&among.filter, expected, "{filter}");
        assert_eq!((among.any_resolved, among.unknown.len()), (any_resolved, unknown), "{filter}");
    }

    #[test]
    fn among_several_types_unknown_attributes_are_false() {
        let registry = Registry::builtin();
        let group = registry.resource_type("Group").expect("built in");
        let known = |path: &str| TypedFilter::Present(group.resolve_attribute(path).expect(path));
        let never = TypedFilter::Always(false);
        check_group("userName eq \"x\"", &never, false, 1);
        check_group("userName ne \"x\" or title eq null", &never, false, 2);
        check_group("not (userName pr)", &TypedFilter::Always(true), false, 1);
        check_group("userName pr or displayName pr", &known("displayName"), true, 1);
        check_group("not (userName pr) and displayName pr", &known("displayName"), true, 1);
        check_group("displayName pr and emails[type eq \"x\"]", &never, true, 1);
        check_group("members[nosuch pr]", &never, true, 1);
        check_group("members[not (nosuch pr)]", &known("members"), true, 1);
    }
}
