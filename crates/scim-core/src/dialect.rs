//! Dialects: which deviations from the RFCs are tolerated at ingress, each a named option.
//!
//! What clients send sloppily is put right once, by schema type, before the strict engine sees it. Each use of a
//! tolerance leaves a [`Note`], which ends in the log.

use std::fmt;

/// A tolerance: one deviation from the RFCs that real identity providers need.
///
/// `lenient` has all of them, `strict` none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Tolerance {
    /// `op` in any letter case (`"Add"`, `"REPLACE"`). RFC 7644 §3.5.2 has lower case.
    OperationCase,
    /// Booleans as strings (`"True"`, `"false"`), in bodies and in filters.
    StringBooleans,
    /// Numbers as strings (`"7"`).
    StringNumbers,
    /// A single-element array around a singular attribute's value, or a single value (also a lone object) for a
    /// multi-valued attribute.
    WrappedValues,
    /// A bare id for `manager` and for an element of `members`, in place of `{"value": id}`; and a bare name for an
    /// element of `roles` (Entra's `AppRoleAssignments`).
    BareReferences,
    /// Elements of a multi-valued complex attribute given as JSON text (Entra's `AppRoleAssignmentsComplex`) are kept
    /// as the `value` text they are.
    JsonText,
    /// Unknown attributes and unknown schema URNs in a body are ignored.
    UnknownAttributes,
    /// Attributes of an extension given at the top level, or an extension used in the body but missing in `schemas`.
    ExtensionNotDeclared,
    /// `add` and `replace` on a sub-attribute behind a value filter of `eq` terms joined by `and` create the element
    /// that is missing. RFC 7644 §3.5.2.3 has `noTarget`.
    CreateOnMiss,
    /// Dotted, URN-qualified and value-path keys inside the value of an operation without `path`.
    PathKeys,
    /// `remove` with `path` `members` (or another multi-valued attribute) and a value list removes those values.
    RemoveByValue,
    /// `remove` of values behind a filter that none satisfies is success. RFC 7644 §3.12 has `noTarget`.
    RemoveOnMiss,
    /// `replace` or `add` with an empty string, or an object of empty values, clears an optional attribute.
    EmptyStringClears,
    /// User names that PRECIS does not allow (RFC 8265 §3.3).
    FreeUserNames,
    /// An unknown member id is held until that person arrives.
    HoldUnknownMembers,
    /// Empty `Operations` in a PATCH, which changes nothing.
    EmptyOperations,
    /// An equal `id` among the values of a PATCH, and readOnly attributes there, are ignored.
    ReadOnlyIgnored,
}

impl Tolerance {
    /// Every tolerance, in the order of documentation.
    pub const ALL: [Self; 17] = [
        Self::OperationCase,
        Self::StringBooleans,
        Self::StringNumbers,
        Self::WrappedValues,
        Self::BareReferences,
        Self::JsonText,
        Self::UnknownAttributes,
        Self::ExtensionNotDeclared,
        Self::CreateOnMiss,
        Self::PathKeys,
        Self::RemoveByValue,
        Self::RemoveOnMiss,
        Self::EmptyStringClears,
        Self::FreeUserNames,
        Self::HoldUnknownMembers,
        Self::EmptyOperations,
        Self::ReadOnlyIgnored,
    ];

    /// The name in logs and documents.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::OperationCase => "operation-case",
            Self::StringBooleans => "string-booleans",
            Self::StringNumbers => "string-numbers",
            Self::WrappedValues => "wrapped-values",
            Self::BareReferences => "bare-references",
            Self::JsonText => "json-text",
            Self::UnknownAttributes => "unknown-attributes",
            Self::ExtensionNotDeclared => "extension-not-declared",
            Self::CreateOnMiss => "create-on-miss",
            Self::PathKeys => "path-keys",
            Self::RemoveByValue => "remove-by-value",
            Self::RemoveOnMiss => "remove-on-miss",
            Self::EmptyStringClears => "empty-string-clears",
            Self::FreeUserNames => "free-user-names",
            Self::HoldUnknownMembers => "hold-unknown-members",
            Self::EmptyOperations => "empty-operations",
            Self::ReadOnlyIgnored => "read-only-ignored",
        }
    }

    const fn bit(self) -> u32 {
        1 << self as u32
    }
}

/// A set of tolerances; chosen per connector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dialect {
    tolerances: u32,
}

impl Dialect {
    /// The RFCs to the letter.
    pub const STRICT: Self = Self { tolerances: 0 };

    /// Everything that real identity providers send; the default.
    pub const LENIENT: Self = {
        let mut tolerances = 0;
        let mut index = 0;
        while index < Tolerance::ALL.len() {
            // INVARIANT: the index is below the array's length.
            #[expect(clippy::indexing_slicing, reason = "bounded by the loop's condition, in a constant")]
            let tolerance = Tolerance::ALL[index];
            tolerances |= tolerance.bit();
            index += 1;
        }
        Self { tolerances }
    };

    /// The dialect of that name: `lenient` or `strict`.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "lenient" => Some(Self::LENIENT),
            "strict" => Some(Self::STRICT),
            _ => None,
        }
    }

    /// Whether the dialect has this tolerance.
    #[must_use]
    pub const fn tolerates(self, tolerance: Tolerance) -> bool {
        self.tolerances & tolerance.bit() != 0
    }

    /// The same dialect with one tolerance more.
    #[must_use]
    pub const fn with(self, tolerance: Tolerance) -> Self {
        Self { tolerances: self.tolerances | tolerance.bit() }
    }

    /// The same dialect with one tolerance less.
    #[must_use]
    pub const fn without(self, tolerance: Tolerance) -> Self {
        Self { tolerances: self.tolerances & !tolerance.bit() }
    }
}

impl Default for Dialect {
    fn default() -> Self {
        Self::LENIENT
    }
}

/// Something that was tolerated, ignored or held while a request was taken in; goes to the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// The tolerance that was used.
    pub tolerance: Tolerance,
    /// Where, and what was made of it; names attributes, never values.
    pub detail: String,
}

impl Note {
    /// A note of `tolerance` used at `detail`.
    #[must_use]
    pub fn new(tolerance: Tolerance, detail: impl Into<String>) -> Self {
        Self { tolerance, detail: detail.into() }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.tolerance.name(), self.detail)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lenient_has_all_and_strict_none() {
        for tolerance in Tolerance::ALL {
            assert!(Dialect::LENIENT.tolerates(tolerance));
            assert!(!Dialect::STRICT.tolerates(tolerance));
            assert!(Dialect::STRICT.with(tolerance).tolerates(tolerance));
            assert!(!Dialect::LENIENT.without(tolerance).tolerates(tolerance));
        }
        assert_eq!(Dialect::named("strict"), Some(Dialect::STRICT));
        assert_eq!(Dialect::named("loose"), None);
    }
}
