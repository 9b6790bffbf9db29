//! Where a path's values are in SQL.

use scim_core::path::AttributeRef;
use scim_core::schema::{Attribute, Residence};

use super::Compiler;
use crate::sql::Statement;

/// What the paths of a condition are relative to.
#[derive(Clone, Debug)]
pub(super) enum Place {
    /// The record `r`.
    Record,
    /// One element `e` of an array in the shadow.
    Element,
    /// The value of a singular complex attribute of the record.
    Singular(AttributeRef),
    /// One edge `x`.
    Edge,
}

/// The values that a path reaches.
pub(super) enum Values {
    /// None, ever.
    Absent,
    /// One, or NULL.
    Single(Statement),
    /// Several: `SELECT … WHERE `, to be followed by a condition on the expression.
    Many(Statement, Statement),
}

impl Compiler<'_> {
    /// The values that a path reaches from a place; its leaf is not complex.
    pub(super) fn values(&self, path: &AttributeRef, place: &Place) -> Values {
        match place {
            Place::Element => within("e.value", &path.attribute),
            Place::Edge => edge_value(&path.attribute.name),
            Place::Singular(attribute) => {
                let full = AttributeRef { sub: Some(path.attribute.clone()), ..attribute.clone() };
                self.values(&full, &Place::Record)
            }
            Place::Record => {
                if let Some(values) = self.derived(path) {
                    return values;
                }
                match &path.sub {
                    Some(sub) if path.attribute.multi_valued => {
                        Values::Many(each(path), extract("e.value", &sub.name))
                    }
                    sub => {
                        let leaf = sub.as_ref().unwrap_or(&path.attribute);
                        let pointer = pointer(path, sub.is_some());
                        if leaf.multi_valued {
                            let from =
                                Statement::new("SELECT 1 FROM json_each(r.shadow, ?) e WHERE ").text(pointer);
                            Values::Many(from, Statement::new("e.value"))
                        } else {
                            Values::Single(Statement::new("json_extract(r.shadow, ?)").text(pointer))
                        }
                    }
                }
            }
        }
    }

    /// `SELECT … WHERE ` over the elements of a complex attribute; `None` where it has one at most.
    pub(super) fn elements(&self, attribute: &AttributeRef) -> Option<(Statement, Place)> {
        match attribute.attribute.residence {
            residence @ (Residence::Edges | Residence::ReverseEdges) => {
                Some((self.edges(residence), Place::Edge))
            }
            _ if attribute.attribute.multi_valued => Some((each(attribute), Place::Element)),
            _ => None,
        }
    }
}

/// `SELECT … WHERE ` over the elements `e` of an array in the shadow.
fn each(path: &AttributeRef) -> Statement {
    Statement::new("SELECT 1 FROM json_each(r.shadow, ?) e WHERE ").text(pointer(path, false))
}

/// A sub-attribute's values within one element.
fn within(element: &str, sub: &Attribute) -> Values {
    if sub.multi_valued {
        let from = format!("SELECT 1 FROM json_each({element}, ?) f WHERE ");
        Values::Many(Statement::new(from).text(member(&sub.name)), Statement::new("f.value"))
    } else {
        Values::Single(extract(element, &sub.name))
    }
}

fn extract(element: &str, name: &str) -> Statement {
    Statement::new(format!("json_extract({element}, ?)")).text(member(name))
}

fn member(name: &str) -> String {
    format!("$.\"{name}\"")
}

/// The JSON path of an attribute, or of its sub-attribute, in the shadow.
pub(super) fn pointer(path: &AttributeRef, with_sub: bool) -> String {
    let mut pointer = String::from("$");
    let mut push = |name: &str| {
        pointer.push_str(".\"");
        pointer.push_str(name);
        pointer.push('"');
    };
    if let Some(urn) = &path.extension {
        push(urn);
    }
    push(&path.attribute.name);
    if let (true, Some(sub)) = (with_sub, &path.sub) {
        push(&sub.name);
    }
    pointer
}

/// Values of an edge `x`.
pub(super) fn edge_value(name: &str) -> Values {
    match name {
        "value" => Values::Single(Statement::new("x.value")),
        "display" => Values::Single(Statement::new("x.display")),
        "type" => Values::Single(Statement::new("x.kind")),
        _ => Values::Absent,
    }
}

/// An id as the hyphenated text that clients see.
pub(super) fn uuid_text(column: &str) -> String {
    let part = |start: u8, length: u8| format!("substr(hex({column}), {start}, {length})");
    format!(
        "lower({} || '-' || {} || '-' || {} || '-' || {} || '-' || {})",
        part(1, 8),
        part(9, 4),
        part(13, 4),
        part(17, 4),
        part(21, 12)
    )
}

/// What a record sorts by: the value, of a multi-valued attribute the primary one, else the first.
pub(crate) fn sort_expression(path: &AttributeRef) -> Statement {
    if path.is("id") {
        return Statement::new(uuid_text("r.id"));
    }
    if path.is("externalId") {
        return Statement::new("l.external_id");
    }
    if path.attribute.residence == Residence::Envelope {
        match path.leaf().name.as_str() {
            "created" => return Statement::new("r.created_ms"),
            "lastModified" => return Statement::new("r.modified_ms"),
            "resourceType" => return Statement::new("r.resource_type"),
            "location" | "version" => return Statement::new("NULL"),
            _ => {}
        }
    }
    if !path.attribute.multi_valued {
        return Statement::new("json_extract(r.shadow, ?)").text(pointer(path, true));
    }
    let whole = pointer(path, false);
    match path.sub.as_ref().or_else(|| path.attribute.default_sub_attribute()) {
        Some(sub) => Statement::new(
            "(SELECT json_extract(e.value, ?) FROM json_each(r.shadow, ?) e \
             ORDER BY coalesce(json_extract(e.value, '$.primary'), 0) DESC, e.key LIMIT 1)",
        )
        .text(member(&sub.name))
        .text(whole),
        None => Statement::new("(SELECT e.value FROM json_each(r.shadow, ?) e ORDER BY e.key LIMIT 1)")
            .text(whole),
    }
}
