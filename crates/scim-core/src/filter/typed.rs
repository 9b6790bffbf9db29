//! A filter whose paths and operands were checked against a resource type.

use crate::instant::Instant;
use crate::path::AttributeRef;

/// The comparison operators of RFC 7644 table 3; `pr` is [`TypedFilter::Present`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CompareOp {
    /// Equal.
    Eq,
    /// Not equal.
    Ne,
    /// Contains.
    Co,
    /// Starts with.
    Sw,
    /// Ends with.
    Ew,
    /// Greater than.
    Gt,
    /// Greater than or equal to.
    Ge,
    /// Less than.
    Lt,
    /// Less than or equal to.
    Le,
}

impl CompareOp {
    /// Every operator, in the order of RFC 7644 table 3.
    pub const ALL: [Self; 9] =
        [Self::Eq, Self::Ne, Self::Co, Self::Sw, Self::Ew, Self::Gt, Self::Ge, Self::Lt, Self::Le];

    /// The operator as it stands in a filter.
    #[must_use]
    pub const fn keyword(self) -> &'static str {
        match self {
            Self::Eq => "eq",
            Self::Ne => "ne",
            Self::Co => "co",
            Self::Sw => "sw",
            Self::Ew => "ew",
            Self::Gt => "gt",
            Self::Ge => "ge",
            Self::Lt => "lt",
            Self::Le => "le",
        }
    }
}

/// What an attribute is compared with, of the attribute's own type.
#[derive(Clone, Debug, PartialEq)]
pub enum Operand {
    /// No value; with `eq` and `ne` only.
    Null,
    /// Text of a string or reference attribute.
    Text {
        /// As the client wrote it.
        text: String,
        /// The key under the attribute's matching; what is compared.
        key: String,
    },
    /// A boolean; with `eq` and `ne` only.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// A finite real number.
    Decimal(f64),
    /// An instant.
    Instant(Instant),
    /// Binary data as canonical (padded, standard alphabet) base64; with `eq` and `ne` only.
    Binary(String),
}

/// One comparison.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// What is compared; its leaf is never complex.
    pub path: AttributeRef,
    /// How.
    pub op: CompareOp,
    /// With what.
    pub operand: Operand,
}

/// A filter typed by a resource type.
#[derive(Clone, Debug, PartialEq)]
pub enum TypedFilter {
    /// True or false whatever the resource holds: a term on an attribute that the resource type does not have, in a
    /// query over several types (RFC 7644 §3.4.2.1).
    Always(bool),
    /// All of them; at least two.
    And(Vec<TypedFilter>),
    /// Any of them; at least two.
    Or(Vec<TypedFilter>),
    /// Not this one.
    Not(Box<TypedFilter>),
    /// The attribute has a value (`pr`).
    Present(AttributeRef),
    /// A comparison.
    Compare(Comparison),
    /// A value path: one element of the complex attribute satisfies the condition. A singular complex attribute counts
    /// as having one element.
    Element {
        /// The complex attribute; no sub-attribute.
        attribute: AttributeRef,
        /// The condition. Its paths are relative to the element: `attribute` is the sub-attribute, `sub` and
        /// `extension` are `None`. Holds no further `Element`.
        condition: Box<TypedFilter>,
    },
}

impl TypedFilter {
    /// All of `terms`, in the fewest nodes.
    #[must_use]
    pub fn all(terms: Vec<Self>) -> Self {
        let mut kept = Vec::with_capacity(terms.len());
        for term in terms {
            match term {
                Self::Always(true) => {}
                Self::Always(false) => return term,
                Self::And(inner) => kept.extend(inner),
                other => kept.push(other),
            }
        }
        match kept.pop() {
            None => Self::Always(true),
            Some(only) if kept.is_empty() => only,
            Some(last) => {
                kept.push(last);
                Self::And(kept)
            }
        }
    }

    /// Any of `terms`, in the fewest nodes.
    #[must_use]
    pub fn any(terms: Vec<Self>) -> Self {
        let mut kept = Vec::with_capacity(terms.len());
        for term in terms {
            match term {
                Self::Always(false) => {}
                Self::Always(true) => return term,
                Self::Or(inner) => kept.extend(inner),
                other => kept.push(other),
            }
        }
        match kept.pop() {
            None => Self::Always(false),
            Some(only) if kept.is_empty() => only,
            Some(last) => {
                kept.push(last);
                Self::Or(kept)
            }
        }
    }

    /// The opposite, in the fewest nodes.
    #[must_use]
    pub fn negated(self) -> Self {
        match self {
            Self::Always(value) => Self::Always(!value),
            Self::Not(inner) => *inner,
            other => Self::Not(Box::new(other)),
        }
    }

    /// The sub-attributes and values, where the filter is a comparison by `eq` or several joined by `and`: then a value
    /// that satisfies it can be made from it. `null` does not count.
    #[must_use]
    pub fn as_equalities(&self) -> Option<Vec<(&AttributeRef, &Operand)>> {
        let terms = match self {
            Self::And(terms) => terms.as_slice(),
            other => std::slice::from_ref(other),
        };
        let pair = |term| match term {
            &Self::Compare(Comparison { ref path, op: CompareOp::Eq, ref operand })
                if *operand != Operand::Null =>
            {
                Some((path, operand))
            }
            _ => None,
        };
        terms.iter().map(pair).collect()
    }
}
