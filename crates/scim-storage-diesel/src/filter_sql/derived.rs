//! Values that are not in the shadow: what surrounds the document, edges, and the manager's name.

use scim_core::filter::{CompareOp, Operand};
use scim_core::path::AttributeRef;
use scim_core::schema::Residence;
use scim_directory::ResourceId;

use super::Compiler;
use super::value::{Value, Values, edge_value};
use crate::connection::SqlDialect;
use crate::sql::Statement;

const NANOS_PER_MILLI: i128 = 1_000_000;

impl Compiler<'_> {
    /// The values of a path that is not read from the shadow; `None` where it is.
    pub(super) fn derived(&self, path: &AttributeRef) -> Option<Values> {
        match (
            path.attribute.residence,
            path.attribute.name.as_str(),
            path.sub.as_ref().map(|sub| sub.name.as_str()),
        ) {
            (Residence::Envelope, "id", _) => Some(Values::Single(Value::text(self.uuid_text("r.id")))),
            (Residence::Envelope, "externalId", _) => Some(Values::Single(Value::text("l.external_id"))),
            (Residence::Envelope, "meta", Some("resourceType")) => {
                Some(Values::Single(Value::text("r.resource_type")))
            }
            (Residence::Envelope, "meta", _) => Some(Values::Absent),
            (residence @ (Residence::Edges | Residence::ReverseEdges), _, Some(name)) => {
                Some(match edge_value(name) {
                    Values::Single(value) => Values::Many(self.edges(residence), value),
                    _ => Values::Absent,
                })
            }
            (Residence::Document, "manager", Some("displayName")) if path.extension.is_some() => {
                Some(Values::Single(Value::Text(self.manager_name())))
            }
            _ => None,
        }
    }

    fn manager_name(&self) -> Statement {
        let id = match self.dialect {
            #[cfg(feature = "sqlite")]
            SqlDialect::Sqlite => "unhex(replace(r.manager, '-', ''))",
            // What is no id decodes to nothing there, and to an error here.
            #[cfg(feature = "postgres")]
            SqlDialect::Postgres => {
                "(CASE WHEN replace(r.manager, '-', '') ~ '^[0-9A-Fa-f]{32}$' \
                 THEN decode(replace(r.manager, '-', ''), 'hex') END)"
            }
        };
        Statement::new(format!(
            "(SELECT o.display_key FROM resources o WHERE o.instance_id = ? AND o.id = {id})"
        ))
        .blob(self.instance)
    }

    /// `SELECT … WHERE ` over the edges `x` of the record: what each is worth in comparisons. A group's held references
    /// are among its members.
    pub(super) fn edges(&self, residence: Residence) -> Statement {
        let (own, other, kind) = match residence {
            Residence::Edges => ("m.group_id", "m.member_id", "lower(m.member_type)"),
            _ => ("m.member_id", "m.group_id", "'direct'"),
        };
        let mut edges = Statement::new(format!(
            "SELECT 1 FROM (SELECT {} AS value, o.display_key AS display, {kind} AS kind FROM members m \
             JOIN resources o ON o.instance_id = m.instance_id AND o.id = {other} \
             WHERE m.instance_id = ? AND {own} = r.id",
            self.uuid_text(other)
        ))
        .blob(self.instance);
        if residence == Residence::Edges {
            edges.push(
                Statement::new(
                    " UNION ALL SELECT h.value_key, NULL, lower(h.kind) FROM held h \
                     WHERE h.instance_id = ? AND h.group_id = r.id",
                )
                .blob(self.instance),
            );
        }
        edges.push_str(") x WHERE ");
        edges
    }

    /// Comparisons that have a better form than an expression: by an index, or on numbers.
    pub(super) fn special(&self, path: &AttributeRef, op: CompareOp, operand: &Operand) -> Option<Statement> {
        let leaf = path.leaf().name.as_str();
        match (path.attribute.residence, operand) {
            (Residence::Envelope, Operand::Instant(instant)) => {
                let column = match leaf {
                    "created" => "r.created_ms",
                    "lastModified" => "r.modified_ms",
                    _ => return None,
                };
                Some(self.compare_millis(column, op, instant.unix_nanos()))
            }
            (_, Operand::Text { text, .. }) if op == CompareOp::Eq && path.is("id") => {
                Some(match own_id(text) {
                    Some(id) => Statement::new("r.id = ?").blob(id.uuid().into_bytes()),
                    None => Statement::new(self.dialect.truth(false)),
                })
            }
            (_, Operand::Text { key, .. }) if op == CompareOp::Eq && path.is("externalId") => {
                let ids = Statement::new(
                    "SELECT x.id FROM links x WHERE x.instance_id = ? AND x.connector_id = ? AND x.external_id = ?",
                )
                .blob(self.instance)
                .blob(self.connector)
                .text(key.clone());
                Some(self.one_of(ids))
            }
            (residence @ (Residence::Edges | Residence::ReverseEdges), Operand::Text { key, .. })
                if op == CompareOp::Eq && leaf == "value" && path.sub.is_some() =>
            {
                let id = key.parse::<ResourceId>().ok().filter(|id| id.to_string() == *key);
                let id = id.map_or([0; 16], |id| id.uuid().into_bytes());
                Some(
                    self.one_of(match residence {
                        Residence::Edges => Statement::new(
                            "SELECT x.group_id FROM members x WHERE x.instance_id = ? AND x.member_id = ? \
                         UNION ALL SELECT h.group_id FROM held h WHERE h.instance_id = ? AND h.value_key = ?",
                        )
                        .blob(self.instance)
                        .blob(id)
                        .blob(self.instance)
                        .text(key.clone()),
                        _ => Statement::new(
                            "SELECT x.member_id FROM members x WHERE x.instance_id = ? AND x.group_id = ?",
                        )
                        .blob(self.instance)
                        .blob(id),
                    }),
                )
            }
            (Residence::Document, _) if op == CompareOp::Eq => self.indexed(path, operand),
            _ => None,
        }
    }

    /// A column of milliseconds against an instant of nanoseconds.
    fn compare_millis(&self, column: &str, op: CompareOp, nanos: i128) -> Statement {
        let floor = nanos.div_euclid(NANOS_PER_MILLI);
        let exact = nanos.rem_euclid(NANOS_PER_MILLI) == 0;
        let ceiling = if exact { floor } else { floor + 1 };
        let millis =
            |value: i128| i64::try_from(value).unwrap_or(if value < 0 { i64::MIN } else { i64::MAX });
        let compared = |operator: &str, value: i128| {
            Statement::new(format!("({column} {operator} ?)")).integer(millis(value))
        };
        match op {
            CompareOp::Eq if exact => compared("=", floor),
            CompareOp::Ne if exact => compared("<>", floor),
            CompareOp::Ne => Statement::new(self.dialect.truth(true)),
            CompareOp::Gt => compared(">", floor),
            CompareOp::Ge => compared(">=", ceiling),
            CompareOp::Lt => compared("<", ceiling),
            CompareOp::Le => compared("<=", floor),
            _ => Statement::new(self.dialect.truth(false)),
        }
    }
}

/// An id that is spelt as clients see it: `id` compares exactly.
pub(super) fn own_id(text: &str) -> Option<ResourceId> {
    text.parse::<ResourceId>().ok().filter(|id| id.to_string() == text)
}
