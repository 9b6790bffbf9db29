//! The operators of clauses.

/// How many values an operator compares with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arity {
    /// None.
    Unary,
    /// One.
    Binary,
}

/// An operator of a clause: attribute, operator, value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// The same text; letter case counts.
    Equals,
    /// Another text.
    NotEquals,
    /// No value, or empty text.
    IsNull,
    /// A value.
    IsNotNull,
    /// True.
    IsTrue,
    /// False.
    IsFalse,
    /// A part of the text matches the .NET regular expression; letter case counts.
    RegexMatch,
    /// No part of it does.
    NotRegexMatch,
    /// A greater number; both are whole and not negative.
    GreaterThan,
    /// A greater number, or the same.
    GreaterThanOrEquals,
    /// The attribute contains the value; letter case counts.
    Includes,
    /// The attribute ends with the value; letter case counts.
    EndsWith,
    /// The attribute occurs in the value.
    OccursIn,
    /// The attribute does not occur in the value.
    DoesNotOccurIn,
}

/// Every operator with the name that Graph gives it.
const NAMES: [(Operator, &str); 14] = [
    (Operator::Equals, "EQUALS"),
    (Operator::NotEquals, "NOT EQUALS"),
    (Operator::IsNull, "IS NULL"),
    (Operator::IsNotNull, "IS NOT NULL"),
    (Operator::IsTrue, "IS TRUE"),
    (Operator::IsFalse, "IS FALSE"),
    (Operator::RegexMatch, "REGEX MATCH"),
    (Operator::NotRegexMatch, "NOT REGEX MATCH"),
    (Operator::GreaterThan, "GREATER_THAN"),
    (Operator::GreaterThanOrEquals, "GREATER_THAN_OR_EQUALS"),
    (Operator::Includes, "INCLUDES"),
    (Operator::EndsWith, "ENDS_WITH"),
    (Operator::OccursIn, "&"),
    (Operator::DoesNotOccurIn, "!&"),
];

impl Operator {
    /// Every operator.
    pub fn all() -> impl Iterator<Item = Self> {
        NAMES.iter().map(|(operator, _)| *operator)
    }

    /// The operator of that name; letter case, blanks and underscores do not count.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let plain = |name: &str| -> String {
            let letters = name.chars().filter(|letter| !letter.is_whitespace() && *letter != '_');
            letters.map(|letter| letter.to_ascii_uppercase()).collect()
        };
        let wanted = plain(name);
        NAMES.iter().find(|(_, known)| plain(known) == wanted).map(|(operator, _)| *operator)
    }

    /// The name.
    #[must_use]
    pub fn name(self) -> &'static str {
        NAMES.iter().find(|(operator, _)| *operator == self).map_or("", |(_, name)| name)
    }

    /// How many values it compares with.
    #[must_use]
    pub const fn arity(self) -> Arity {
        match self {
            Self::IsNull | Self::IsNotNull | Self::IsTrue | Self::IsFalse => Arity::Unary,
            _ => Arity::Binary,
        }
    }
}
