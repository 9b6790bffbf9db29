//! The `path` of a PATCH operation (RFC 7644 §3.5.2): an attribute, a sub-attribute, a whole extension, or the values of
//! a complex attribute that satisfy a filter.

use std::sync::Arc;

use super::{AttributeRef, PathError, Resolved};
use crate::dialect::{Dialect, Note};
use crate::filter::{FilterLimits, ParsedPath, TypedFilter, parse_path, resolve_condition};
use crate::schema::{Attribute, ResourceType, Schema};

/// The path of a PATCH operation, its syntax checked: `PATH = attrPath / valuePath [subAttr]` (RFC 7644 §3.5.2 figure 7).
#[derive(Clone, Debug, PartialEq)]
pub struct PatchPath<'a> {
    text: &'a str,
    parsed: ParsedPath<'a>,
}

/// What the path of a PATCH operation names.
#[derive(Clone, Debug, PartialEq)]
pub enum Target {
    /// An attribute or a sub-attribute.
    Attribute(AttributeRef),
    /// A whole extension, named by its URN.
    Extension(Arc<Schema>),
    /// The values of a complex attribute that satisfy a condition. A singular complex attribute counts as one value.
    Values {
        /// The complex attribute; no sub-attribute.
        attribute: AttributeRef,
        /// The condition on one value; see [`TypedFilter::matches_element`].
        condition: TypedFilter,
        /// The sub-attribute of those values, where the path goes on to one.
        sub: Option<Arc<Attribute>>,
    },
}

impl<'a> PatchPath<'a> {
    /// Parses a path such as `name.familyName`, `emails[type eq "work"].value` or an extension's URN.
    ///
    /// # Errors
    /// If the text does not follow the grammar or goes beyond a limit, also where the mistake is in its filter
    /// ([`ScimType::InvalidPath`](crate::ScimType::InvalidPath)).
    pub fn parse(text: &'a str, limits: &FilterLimits) -> Result<Self, PathError> {
        let parsed = parse_path(text, limits).map_err(|error| PathError::malformed(text, &error))?;
        Ok(Self { text, parsed })
    }

    /// The path as it was written.
    #[must_use]
    pub fn as_str(&self) -> &'a str {
        self.text
    }

    /// Finds out what the path names in a resource type, and which tolerances that took. Whether it may be written is
    /// not asked here.
    ///
    /// # Errors
    /// If the resource type has no such attribute, the attribute before a bracket is not complex, or the filter does
    /// not go with its sub-attributes ([`ScimType::InvalidPath`](crate::ScimType::InvalidPath)).
    pub fn resolve(
        &self,
        resource_type: &ResourceType,
        dialect: Dialect,
    ) -> Result<(Target, Vec<Note>), PathError> {
        let path = self.parsed.path.as_str();
        let (resolved, note) = resource_type.resolve_in(path, dialect)?;
        let mut notes = Vec::from_iter(note);
        let Some(filter) = &self.parsed.filter else {
            let target = match resolved {
                Resolved::Attribute(attribute) => Target::Attribute(attribute),
                Resolved::Extension(schema) => Target::Extension(schema),
            };
            return Ok((target, notes));
        };
        let fail = |path: &str, reason: String| PathError::unknown(path, &resource_type.name, reason);
        let Resolved::Attribute(attribute) = resolved else {
            return Err(fail(
                path,
                "this names a whole extension; add the attribute before the bracket".to_owned(),
            ));
        };
        let (condition, more) = resolve_condition(filter, &attribute, self.parsed.path.offset(), dialect)
            .map_err(|error| PathError::malformed(self.text, &error))?;
        notes.extend(more);
        let sub = match &self.parsed.sub {
            None => None,
            Some(name) => Some(Arc::clone(
                attribute
                    .attribute
                    .sub_attribute(name.as_str())
                    .ok_or_else(|| fail(self.text, attribute.attribute.no_sub_attribute(name.as_str())))?,
            )),
        };
        Ok((Target::Values { attribute, condition, sub }, notes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::Registry;

    /// Expects what the path names, or part of the error's text.
    fn check(path: &str, dialect: Dialect, expected: Result<&str, &str>) {
        let registry = Registry::builtin();
        let user = registry.resource_type("User").expect("built in");
        let target =
            PatchPath::parse(path, &FilterLimits::default()).and_then(|parsed| parsed.resolve(user, dialect));
        let got = target.map(|(target, notes)| {
            let mut text = match target {
                Target::Attribute(attribute) => attribute.to_string(),
                Target::Extension(schema) => format!("extension {}", schema.id),
                Target::Values { attribute, condition, sub } => {
                    let pairs = condition.as_equalities().map(|pairs| pairs.len());
                    let sub = sub.map(|sub| format!(".{}", sub.name)).unwrap_or_default();
                    format!("{attribute}[{pairs:?}]{sub}")
                }
            };
            for note in notes {
                text.push_str(&format!(" ({})", note.tolerance.name()));
            }
            text
        });
        match (got, expected) {
            (Ok(got), Ok(expected)) => assert_eq!(got, expected, "{path}"),
            (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{path}: {error}"),
            (got, _) => panic!("{path}: {got:?}"),
        }
    }

    #[test]
    fn every_form_resolves() {
        let enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
        check("USERNAME", Dialect::STRICT, Ok("userName"));
        check("name.familyName", Dialect::STRICT, Ok("name.familyName"));
        check("password", Dialect::STRICT, Ok("password"));
        check(enterprise, Dialect::STRICT, Ok(&format!("extension {enterprise}")));
        check(&format!("{enterprise}:manager"), Dialect::STRICT, Ok(&format!("{enterprise}:manager")));
        check("emails[type eq \"work\"]", Dialect::STRICT, Ok("emails[Some(1)]"));
        check(
            "Emails[Type Eq \"work\" and primary eq true].Value",
            Dialect::STRICT,
            Ok("emails[Some(2)].value"),
        );
        check("emails[not (type pr)].value", Dialect::STRICT, Ok("emails[None].value"));
        check("emails[type eq null].value", Dialect::STRICT, Ok("emails[None].value"));
        check("name[givenName eq \"x\"].familyName", Dialect::STRICT, Ok("name[Some(1)].familyName"));
        check(
            "roles[primary eq \"True\"].value",
            Dialect::LENIENT,
            Ok("roles[Some(1)].value (string-booleans)"),
        );
        check("manager", Dialect::LENIENT, Ok(&format!("{enterprise}:manager (extension-not-declared)")));
    }

    #[test]
    fn errors_say_what_is_wrong() {
        check(
            "",
            Dialect::LENIENT,
            Err("the path \"\" is not valid: at its end: expected an attribute's path"),
        );
        check("emails[type eq", Dialect::LENIENT, Err("at its end: expected a value"));
        check(
            "emails[type eq \"work\"]value",
            Dialect::LENIENT,
            Err("at byte 22, \"value\": expected the end"),
        );
        check("userName and title", Dialect::LENIENT, Err("expected the end of the path"));
        check("nosuch", Dialect::LENIENT, Err("\"nosuch\" is not an attribute of User"));
        check(
            "emails[nosuch eq 1]",
            Dialect::LENIENT,
            Err("emails has no sub-attribute \"nosuch\"; it has value"),
        );
        check(
            "emails[type eq \"work\"].nosuch",
            Dialect::LENIENT,
            Err("emails has no sub-attribute \"nosuch\""),
        );
        check("userName[value eq 1]", Dialect::LENIENT, Err("only a complex attribute"));
        check("emails.type[value eq 1]", Dialect::LENIENT, Err("brackets go behind the complex attribute"));
        check("roles[primary eq \"True\"].value", Dialect::STRICT, Err("without quotes"));
        check("manager", Dialect::STRICT, Err("extension attributes need their URN"));
        let enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
        check(&format!("{enterprise}[manager pr]"), Dialect::LENIENT, Err("names a whole extension"));
    }

    #[test]
    fn an_error_is_invalid_path_whatever_was_wrong() {
        for path in ["emails[type eq", "emails[nosuch eq 1]", "nosuch", "a[b pr]"] {
            let registry = Registry::builtin();
            let user = registry.resource_type("User").expect("built in");
            let error = PatchPath::parse(path, &FilterLimits::default())
                .and_then(|parsed| parsed.resolve(user, Dialect::LENIENT))
                .expect_err(path);
            let error = crate::ScimError::from(error);
            assert_eq!(error.scim_type(), Some(crate::ScimType::InvalidPath), "{path}");
        }
    }
}
