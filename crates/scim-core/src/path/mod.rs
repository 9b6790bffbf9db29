//! Attribute paths (RFC 7644 §3.10): from text to the attribute that a resource type means by it.
//!
//! A path is resolved against the schemas of a resource type, never split by counting dots and colons: URNs hold both.

mod error;
mod patch;

use std::fmt;
use std::sync::Arc;

use crate::dialect::{Dialect, Note, Tolerance};
use crate::schema::{Attribute, ResourceType, Schema};

pub use error::PathError;
pub use patch::{PatchPath, Target};

/// An attribute of a resource type, or a sub-attribute, found by its path.
#[derive(Clone, Debug, PartialEq)]
pub struct AttributeRef {
    /// URN of the extension that declares it; `None` for the base schema and the common attributes.
    pub extension: Option<Arc<str>>,
    /// The attribute.
    pub attribute: Arc<Attribute>,
    /// Its sub-attribute, where the path names one.
    pub sub: Option<Arc<Attribute>>,
}

impl AttributeRef {
    /// The attribute or sub-attribute that the path ends at.
    #[must_use]
    pub fn leaf(&self) -> &Arc<Attribute> {
        self.sub.as_ref().unwrap_or(&self.attribute)
    }

    /// Whether the path is that of the top-level attribute `name` of the base schema or the common ones.
    #[must_use]
    pub fn is(&self, name: &str) -> bool {
        self.extension.is_none() && self.sub.is_none() && self.attribute.name == name
    }
}

/// The canonical path: `name.familyName`, `urn:…:2.0:User:department`.
impl fmt::Display for AttributeRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(urn) = &self.extension {
            write!(f, "{urn}:")?;
        }
        f.write_str(&self.attribute.name)?;
        match &self.sub {
            Some(sub) => write!(f, ".{}", sub.name),
            None => Ok(()),
        }
    }
}

/// What a path names.
#[derive(Clone, Debug, PartialEq)]
pub enum Resolved {
    /// An attribute or a sub-attribute.
    Attribute(AttributeRef),
    /// A whole extension, named by its URN.
    Extension(Arc<Schema>),
}

impl ResourceType {
    /// Resolves a path such as `userName`, `NAME.familyname`, `urn:…:2.0:User:manager.value` or an extension's URN.
    ///
    /// # Errors
    /// If no schema of the type has such an attribute ([`ScimType::InvalidPath`](crate::ScimType::InvalidPath)).
    pub fn resolve(&self, path: &str) -> Result<Resolved, PathError> {
        let fail = |reason: String| PathError::unknown(path, &self.name, reason);
        if let Some(extension) = self.extension(path) {
            return Ok(Resolved::Extension(Arc::clone(&extension.schema)));
        }
        let extensions = self.extensions.iter().map(|extension| (&extension.schema, true));
        for (schema, is_extension) in extensions.chain([(&self.schema, false)]) {
            let Some(rest) = strip_urn(path, &schema.id) else { continue };
            let (name, sub) = split_sub(rest);
            let attribute = match (schema.attribute(name), is_extension) {
                (Some(attribute), _) => attribute,
                (None, false) => match self.common.attribute(name) {
                    Some(attribute) => attribute,
                    None => continue,
                },
                (None, true) => continue,
            };
            let extension = is_extension.then(|| Arc::clone(&schema.id));
            return self.with_sub(attribute, sub, extension).map_err(fail);
        }
        if path.get(..4).is_some_and(|head| head.eq_ignore_ascii_case("urn:")) {
            return Err(fail("no schema of this resource type has this URN and attribute".to_owned()));
        }
        let (name, sub) = split_sub(path);
        match self.attribute(name) {
            Some(attribute) => self.with_sub(attribute, sub, None).map_err(fail),
            None => Err(fail("no attribute of this name; extension attributes need their URN".to_owned())),
        }
    }

    /// As [`ResourceType::resolve`], for places where a whole extension makes no sense.
    ///
    /// # Errors
    /// If no schema of the type has such an attribute, or the path names an extension.
    pub fn resolve_attribute(&self, path: &str) -> Result<AttributeRef, PathError> {
        match self.resolve(path)? {
            Resolved::Attribute(attribute) => Ok(attribute),
            Resolved::Extension(_) => {
                Err(PathError::unknown(path, &self.name, "this names a whole extension; add the attribute"))
            }
        }
    }

    /// As [`ResourceType::resolve`], with what the dialect tolerates: an attribute of an extension without the URN
    /// (`manager`, as Entra ID writes it), where the base schema has none of that name and one extension alone does
    /// ([`Tolerance::ExtensionNotDeclared`]).
    ///
    /// # Errors
    /// If no schema of the type has such an attribute ([`ScimType::InvalidPath`](crate::ScimType::InvalidPath)).
    pub fn resolve_in(&self, path: &str, dialect: Dialect) -> Result<(Resolved, Option<Note>), PathError> {
        let error = match self.resolve(path) {
            Ok(resolved) => return Ok((resolved, None)),
            Err(error) => error,
        };
        let (name, sub) = split_sub(path);
        if !dialect.tolerates(Tolerance::ExtensionNotDeclared) || self.attribute(name).is_some() {
            return Err(error);
        }
        let mut found = self.extensions.iter().filter_map(|extension| {
            let attribute = extension.schema.attribute(name)?;
            Some((attribute, Arc::clone(&extension.schema.id)))
        });
        let (Some((attribute, urn)), None) = (found.next(), found.next()) else { return Err(error) };
        let detail = format!("{} taken for {urn}:{}", attribute.name, attribute.name);
        let resolved = self
            .with_sub(attribute, sub, Some(urn))
            .map_err(|reason| PathError::unknown(path, &self.name, reason))?;
        Ok((resolved, Some(Note::new(Tolerance::ExtensionNotDeclared, detail))))
    }

    fn with_sub(
        &self,
        attribute: &Arc<Attribute>,
        sub: Option<&str>,
        extension: Option<Arc<str>>,
    ) -> Result<Resolved, String> {
        let sub = match sub {
            None => None,
            Some(name) => Some(Arc::clone(
                attribute.sub_attribute(name).ok_or_else(|| attribute.no_sub_attribute(name))?,
            )),
        };
        Ok(Resolved::Attribute(AttributeRef { extension, attribute: Arc::clone(attribute), sub }))
    }
}

/// What follows `urn:` and a colon, where `path` starts with that URN in any letter case.
fn strip_urn<'p>(path: &'p str, urn: &str) -> Option<&'p str> {
    let head = path.get(..urn.len())?;
    if head.eq_ignore_ascii_case(urn) { path.get(urn.len()..)?.strip_prefix(':') } else { None }
}

fn split_sub(path: &str) -> (&str, Option<&str>) {
    match path.split_once('.') {
        Some((name, sub)) => (name, Some(sub)),
        None => (path, None),
    }
}

#[cfg(test)]
mod tests {
    use crate::schema::Registry;

    fn check(path: &str, expected: Result<&str, ()>) {
        let registry = Registry::builtin();
        let user = registry.resource_type("User").expect("built in");
        let got = user.resolve_attribute(path).map(|found| found.to_string());
        assert_eq!(got.as_deref().map_err(|_| ()), expected, "{path}");
    }

    #[test]
    fn resolves_in_any_case_with_and_without_urn() {
        let enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
        check("USERNAME", Ok("userName"));
        check("name.FamilyName", Ok("name.familyName"));
        check("urn:ietf:params:scim:schemas:core:2.0:User:name.givenName", Ok("name.givenName"));
        check("URN:IETF:params:scim:schemas:core:2.0:User:meta.created", Ok("meta.created"));
        check(&format!("{enterprise}:manager.value"), Ok(&format!("{enterprise}:manager.value")));
        check(enterprise, Err(()));
        check(&format!("{enterprise}:userName"), Err(()));
        check("nosuch", Err(()));
        check("name.nosuch", Err(()));
        check("userName.value", Err(()));
        check("", Err(()));
    }
}
