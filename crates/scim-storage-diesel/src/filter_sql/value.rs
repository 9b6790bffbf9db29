//! Where a path's values are in SQL.

use scim_core::path::AttributeRef;
use scim_core::schema::{Attribute, Residence};

use super::Compiler;
use crate::connection::SqlDialect;
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

/// One value, or NULL.
#[derive(Clone, Debug)]
pub(super) enum Value {
    /// An expression, of text.
    Text(Statement),
    /// What JSON has at the end of these names; itself where there are none.
    Json { of: &'static str, names: Vec<String> },
}

/// The values that a path reaches.
pub(super) enum Values {
    /// None, ever.
    Absent,
    /// One, or NULL.
    Single(Value),
    /// Several: `SELECT … WHERE `, to be followed by a condition on the value.
    Many(Statement, Value),
}

impl Value {
    /// What an expression gives.
    pub(super) fn text(expression: impl Into<std::borrow::Cow<'static, str>>) -> Self {
        Self::Text(Statement::new(expression))
    }

    fn json(of: &'static str, name: Option<&str>) -> Self {
        Self::Json { of, names: name.map(str::to_owned).into_iter().collect() }
    }

    /// Whether there is a value.
    pub(super) fn there(self, dialect: SqlDialect) -> Statement {
        let value = match (self, dialect) {
            (Self::Text(text), _) => text,
            #[cfg(feature = "sqlite")]
            (json, SqlDialect::Sqlite) => json.extracted(),
            #[cfg(feature = "postgres")]
            (Self::Json { of, names }, SqlDialect::Postgres) => super::jsonb::text(of, names),
        };
        value.prefixed("(").suffixed(" IS NOT NULL)")
    }

    /// The value as SQLite has it, of whatever type it is there.
    #[cfg(feature = "sqlite")]
    pub(super) fn extracted(self) -> Statement {
        match self {
            Self::Text(text) => text,
            Self::Json { of, names } if names.is_empty() => Statement::new(of),
            Self::Json { of, names } => Statement::new(format!("json_extract({of}, ?)"))
                .text(pointer(names.iter().map(|name| &**name))),
        }
    }
}

impl Compiler<'_> {
    /// The values that a path reaches from a place; its leaf is not complex.
    pub(super) fn values(&self, path: &AttributeRef, place: &Place) -> Values {
        match place {
            Place::Element => self.within(&path.attribute),
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
                        Values::Many(self.each(path), Value::json("e.value", Some(&sub.name)))
                    }
                    sub => {
                        let leaf = sub.as_ref().unwrap_or(&path.attribute);
                        let names = names(path, sub.is_some());
                        if leaf.multi_valued {
                            let from = self.elements_of("r.shadow", &names, "e");
                            Values::Many(from, Value::json("e.value", None))
                        } else {
                            Values::Single(Value::Json { of: "r.shadow", names })
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
            _ if attribute.attribute.multi_valued => Some((self.each(attribute), Place::Element)),
            _ => None,
        }
    }

    /// `SELECT … WHERE ` over the elements `e` of an array in the shadow.
    fn each(&self, path: &AttributeRef) -> Statement {
        self.elements_of("r.shadow", &names(path, false), "e")
    }

    /// A sub-attribute's values within one element.
    fn within(&self, sub: &Attribute) -> Values {
        if sub.multi_valued {
            let from = self.elements_of("e.value", std::slice::from_ref(&sub.name), "f");
            Values::Many(from, Value::json("f.value", None))
        } else {
            Values::Single(Value::json("e.value", Some(&sub.name)))
        }
    }

    fn elements_of(&self, of: &str, names: &[String], alias: &str) -> Statement {
        let pointer = pointer(names.iter().map(|name| &**name));
        match self.dialect {
            #[cfg(feature = "sqlite")]
            SqlDialect::Sqlite => {
                Statement::new(format!("SELECT 1 FROM json_each({of}, ?) {alias} WHERE ")).text(pointer)
            }
            #[cfg(feature = "postgres")]
            SqlDialect::Postgres => {
                Statement::new(format!("SELECT 1 FROM {} AS {alias}(value) WHERE ", super::jsonb::each(of)))
                    .text(format!("{pointer}[*]"))
            }
        }
    }

    /// An id as the hyphenated text that clients see.
    pub(super) fn uuid_text(&self, column: &str) -> String {
        uuid_text(self.dialect, column)
    }
}

/// The names on the way to an attribute, or to its sub-attribute, in the shadow.
pub(super) fn names(path: &AttributeRef, with_sub: bool) -> Vec<String> {
    let sub = path.sub.as_ref().filter(|_| with_sub).map(|sub| sub.name.clone());
    path.extension.iter().map(ToString::to_string).chain([path.attribute.name.clone()]).chain(sub).collect()
}

/// Names as a JSON path.
pub(super) fn pointer<'n>(names: impl IntoIterator<Item = &'n str>) -> String {
    let mut pointer = String::from("$");
    for name in names {
        pointer.push_str(".\"");
        pointer.push_str(name);
        pointer.push('"');
    }
    pointer
}

/// Values of an edge `x`.
pub(super) fn edge_value(name: &str) -> Values {
    match name {
        "value" => Values::Single(Value::text("x.value")),
        "display" => Values::Single(Value::text("x.display")),
        "type" => Values::Single(Value::text("x.kind")),
        _ => Values::Absent,
    }
}

/// An id as the hyphenated text that clients see.
pub(super) fn uuid_text(dialect: SqlDialect, column: &str) -> String {
    match dialect {
        #[cfg(feature = "sqlite")]
        SqlDialect::Sqlite => {
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
        #[cfg(feature = "postgres")]
        SqlDialect::Postgres => format!("CAST(CAST(encode({column}, 'hex') AS UUID) AS TEXT)"),
    }
}
