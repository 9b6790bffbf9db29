//! Filters as SQL over the folded shadow.
//!
//! Each compiled condition is true or false (in SQLite 1 or 0), never NULL, so that `NOT` means what it says. Attribute names
//! and JSON paths come from schemas, values from clients are always bound. What an index answers is written as
//! `r.id IN (SELECT id …)`, so that SQLite begins there, and for PostgreSQL as `r.id = ANY (ARRAY(SELECT id …))`, which it
//! takes ids from also within an `OR`.

mod compare;
mod derived;
#[cfg(feature = "postgres")]
mod jsonb;
mod look_up;
mod pieces;
mod sort;
mod value;

use scim_core::filter::{CompareOp, Comparison, Operand, TypedFilter};
use scim_core::path::AttributeRef;
use scim_core::schema::{Residence, ResourceType, Uniqueness};
use scim_directory::Scope;

use crate::connection::SqlDialect;
use crate::read::connector;
use crate::sql::Statement;
use value::Place;

pub(crate) use look_up::{LookUp, asked, page_of};
#[cfg(any(feature = "sqlite", test))]
pub(crate) use pieces::Mark;
pub(crate) use pieces::{Pieces, marks, pieces};
#[cfg(feature = "postgres")]
pub(crate) use sort::SortKeys;
#[cfg(feature = "sqlite")]
pub(crate) use sort::sort_expression;

/// A condition on `r` (and its link `l`) that selects what the filter selects.
pub(crate) fn compile(
    dialect: SqlDialect,
    scope: &Scope,
    resource_type: &ResourceType,
    filter: &TypedFilter,
) -> Statement {
    let instance = scope.instance.uuid().into_bytes();
    Compiler { dialect, resource_type, instance, connector: connector(scope) }
        .condition(filter, &Place::Record)
}

/// Whether an index narrows the filter to a few rows.
pub(crate) fn is_narrow(filter: &TypedFilter) -> bool {
    match filter {
        TypedFilter::And(terms) => terms.iter().any(is_narrow),
        TypedFilter::Or(terms) => terms.iter().all(is_narrow),
        TypedFilter::Compare(comparison) => {
            comparison.op == CompareOp::Eq
                && comparison.operand != Operand::Null
                && is_indexed(&comparison.path)
        }
        TypedFilter::Element { attribute, condition } => indexed_element(attribute, condition).is_some(),
        TypedFilter::Always(always) => !always,
        TypedFilter::Not(_) | TypedFilter::Present(_) => false,
    }
}

/// Whether the filter is one equality that an index answers: such filters make few different texts.
pub(crate) fn is_look_up(filter: &TypedFilter) -> bool {
    matches!(filter, TypedFilter::Compare(_)) && is_narrow(filter)
}

/// Whether equality on the path is answered by an index.
fn is_indexed(path: &AttributeRef) -> bool {
    path.is("id")
        || path.is("externalId")
        || (path.attribute.residence == Residence::Edges && path.leaf().name == "value")
        || (path.attribute.residence == Residence::ReverseEdges && path.leaf().name == "value")
        || index_of(path).is_some()
}

/// The index path of an attribute, and whether its keys are unique; as `scim_core::resource::index_entries` writes them.
fn index_of(path: &AttributeRef) -> Option<(String, bool)> {
    if path.attribute.residence != Residence::Document {
        return None;
    }
    let unique = path.attribute.uniqueness != Uniqueness::None && path.sub.is_none();
    let searched = path.extension.is_none()
        && match (path.attribute.name.as_str(), &path.sub) {
            ("displayName", None) => true,
            ("emails", Some(sub)) => sub.name == "value",
            _ => false,
        };
    (unique || searched).then(|| (path.to_string(), unique))
}

/// The term of an element's condition that an index answers: `emails[… and value eq "x"]`.
fn indexed_element<'f>(
    attribute: &AttributeRef,
    condition: &'f TypedFilter,
) -> Option<(AttributeRef, &'f Operand)> {
    match condition {
        TypedFilter::Compare(Comparison { path, op: CompareOp::Eq, operand })
            if *operand != Operand::Null =>
        {
            let full = AttributeRef { sub: Some(path.attribute.clone()), ..attribute.clone() };
            is_indexed(&full).then_some((full, operand))
        }
        TypedFilter::And(terms) => terms.iter().find_map(|term| indexed_element(attribute, term)),
        _ => None,
    }
}

struct Compiler<'r> {
    dialect: SqlDialect,
    resource_type: &'r ResourceType,
    instance: [u8; 16],
    connector: [u8; 16],
}

impl Compiler<'_> {
    fn condition(&self, filter: &TypedFilter, place: &Place) -> Statement {
        match filter {
            TypedFilter::Always(always) => Statement::new(self.dialect.truth(*always)),
            TypedFilter::And(terms) => self.terms(terms, place, " AND "),
            TypedFilter::Or(terms) => self.terms(terms, place, " OR "),
            TypedFilter::Not(term) => self.condition(term, place).grouped().prefixed("(NOT ").suffixed(")"),
            TypedFilter::Present(path) => self.present(path, place),
            TypedFilter::Compare(comparison) => self.compare(comparison, place),
            TypedFilter::Element { attribute, condition } => self.element(attribute, condition),
        }
    }

    fn terms(&self, terms: &[TypedFilter], place: &Place, word: &str) -> Statement {
        Statement::joined(terms.iter().map(|term| self.condition(term, place)).collect(), word)
    }

    fn element(&self, attribute: &AttributeRef, condition: &TypedFilter) -> Statement {
        let narrow = indexed_element(attribute, condition)
            .and_then(|(path, operand)| self.special(&path, CompareOp::Eq, operand));
        let narrow = match (narrow, condition) {
            // That one element has the value is all that is asked, and what the index says.
            (Some(narrow), TypedFilter::Compare(_)) => return narrow,
            (narrow, _) => narrow,
        };
        let whole = match self.elements(attribute) {
            Some((from, place)) => {
                let mut exists = from;
                exists.push(self.condition(condition, &place).grouped());
                exists.prefixed("EXISTS (").suffixed(")")
            }
            // One that is not there has no element, whatever its parts would be asked.
            None => Statement::joined(
                vec![
                    self.present(attribute, &Place::Record),
                    self.condition(condition, &Place::Singular(attribute.clone())),
                ],
                " AND ",
            ),
        };
        match narrow {
            Some(narrow) => Statement::joined(vec![narrow, whole], " AND "),
            None => whole,
        }
    }

    /// That the record is one of those that an index has.
    fn one_of(&self, ids: Statement) -> Statement {
        match self.dialect {
            #[cfg(feature = "sqlite")]
            SqlDialect::Sqlite => ids.prefixed("r.id IN (").suffixed(")"),
            #[cfg(feature = "postgres")]
            SqlDialect::Postgres => ids.prefixed("r.id = ANY (ARRAY(").suffixed("))"),
        }
    }

    /// What the index of an attribute has.
    fn indexed(&self, path: &AttributeRef, operand: &Operand) -> Option<Statement> {
        let (index_path, unique) = index_of(path)?;
        let key = match operand {
            Operand::Text { key, .. } => key.clone(),
            Operand::Integer(number) => number.to_string(),
            Operand::Instant(instant) => instant.key(),
            Operand::Binary(text) => text.clone(),
            _ => return None,
        };
        let table = if unique { "unique_keys" } else { "search_keys" };
        let text = format!(
            "SELECT k.id FROM {table} k WHERE k.instance_id = ? AND k.resource_type = ? AND k.path = ? AND k.key = ?"
        );
        let ids = Statement::new(text)
            .blob(self.instance)
            .text(&*self.resource_type.name)
            .text(index_path)
            .text(key);
        Some(self.one_of(ids))
    }
}
