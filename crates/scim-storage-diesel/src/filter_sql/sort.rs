//! What records are sorted by: the value, of a multi-valued attribute the primary one, else the first.

use scim_core::path::AttributeRef;
#[cfg(feature = "postgres")]
use scim_core::schema::AttributeType;
use scim_core::schema::Residence;

#[cfg(feature = "postgres")]
use super::jsonb;
use super::value::{names, pointer, uuid_text};
use crate::connection::SqlDialect;
use crate::sql::Statement;

/// A key that is not in the shadow.
enum Outside {
    Text(String),
    Millis(&'static str),
    Nothing,
}

/// The key of a path, where it is not in the shadow.
fn outside(dialect: SqlDialect, path: &AttributeRef) -> Option<Outside> {
    if path.is("id") {
        return Some(Outside::Text(uuid_text(dialect, "r.id")));
    }
    if path.is("externalId") {
        return Some(Outside::Text("l.external_id".to_owned()));
    }
    if path.attribute.residence != Residence::Envelope {
        return None;
    }
    match path.leaf().name.as_str() {
        "created" => Some(Outside::Millis("r.created_ms")),
        "lastModified" => Some(Outside::Millis("r.modified_ms")),
        "resourceType" => Some(Outside::Text("r.resource_type".to_owned())),
        "location" | "version" => Some(Outside::Nothing),
        _ => None,
    }
}

fn names_within(path: &AttributeRef) -> Option<Vec<String>> {
    let sub = path.sub.as_ref().or_else(|| path.attribute.default_sub_attribute())?;
    Some(vec![sub.name.clone()])
}

/// The key as SQLite has it, of whatever type it is there.
#[cfg(feature = "sqlite")]
pub(crate) fn sort_expression(path: &AttributeRef) -> Statement {
    let text = |names: &[String]| pointer(names.iter().map(|name| &**name));
    match outside(SqlDialect::Sqlite, path) {
        Some(Outside::Text(text)) => return Statement::new(text),
        Some(Outside::Millis(column)) => return Statement::new(column),
        Some(Outside::Nothing) => return Statement::new("NULL"),
        None => {}
    }
    if !path.attribute.multi_valued {
        return Statement::new("json_extract(r.shadow, ?)").text(text(&names(path, true)));
    }
    let whole = text(&names(path, false));
    match names_within(path) {
        Some(sub) => Statement::new(
            "(SELECT json_extract(e.value, ?) FROM json_each(r.shadow, ?) e \
             ORDER BY coalesce(json_extract(e.value, '$.primary'), 0) DESC, e.key LIMIT 1)",
        )
        .text(text(&sub))
        .text(whole),
        None => Statement::new("(SELECT e.value FROM json_each(r.shadow, ?) e ORDER BY e.key LIMIT 1)")
            .text(whole),
    }
}

/// The key as PostgreSQL has it: a number or a text, and NULL for what it is not.
#[cfg(feature = "postgres")]
pub(crate) struct SortKeys {
    pub(crate) number: Statement,
    pub(crate) text: Statement,
}

#[cfg(feature = "postgres")]
impl SortKeys {
    /// Of what has none.
    pub(crate) fn none() -> Self {
        Self { number: Statement::new("NULL"), text: Statement::new("NULL") }
    }

    /// Of a path.
    pub(crate) fn of(path: &AttributeRef) -> Self {
        match outside(SqlDialect::Postgres, path) {
            Some(Outside::Text(text)) => return Self { text: Statement::new(text), ..Self::none() },
            Some(Outside::Millis(column)) => return Self { number: Statement::new(column), ..Self::none() },
            Some(Outside::Nothing) => return Self::none(),
            None => {}
        }
        let multi_valued = path.attribute.multi_valued;
        let within = if multi_valued { names_within(path) } else { None };
        let leaf = match (&path.sub, path.attribute.default_sub_attribute()) {
            (Some(sub), _) => sub.attribute_type,
            (None, Some(sub)) if multi_valued => sub.attribute_type,
            _ => path.attribute.attribute_type,
        };
        let value = |read: fn(&str, Vec<String>) -> Statement| {
            if !multi_valued {
                return read("r.shadow", names(path, true));
            }
            let whole = names(path, false);
            let whole = format!("{}[*]", pointer(whole.iter().map(|name| &**name)));
            let mut value = read("e.value", within.clone().unwrap_or_default()).prefixed("(SELECT ");
            let elements = jsonb::each("r.shadow");
            value.push(
                Statement::new(format!(
                    " FROM {elements} WITH ORDINALITY AS e(value, place) \
                 ORDER BY coalesce(e.value #>> '{{primary}}', '') = 'true' DESC, e.place LIMIT 1)"
                ))
                .text(whole),
            );
            value
        };
        match leaf {
            AttributeType::Boolean => Self { number: value(jsonb::flag), ..Self::none() },
            AttributeType::Integer | AttributeType::Decimal => {
                Self { number: value(jsonb::number), ..Self::none() }
            }
            _ => Self { text: value(jsonb::string), ..Self::none() },
        }
    }
}
