//! Comparisons and presence, two-valued.

use scim_core::filter::{CompareOp, Comparison, Operand};
use scim_core::path::AttributeRef;
use scim_core::schema::{AttributeType, Residence};

use super::Compiler;
use super::value::{Place, Value, Values, names};
use crate::connection::SqlDialect;
#[cfg(feature = "sqlite")]
use crate::sql::Bind;
use crate::sql::Statement;

impl Compiler<'_> {
    pub(super) fn compare(&self, comparison: &Comparison, place: &Place) -> Statement {
        let Comparison { path, op, operand } = comparison;
        let full = match place {
            Place::Singular(attribute) => {
                AttributeRef { sub: Some(path.attribute.clone()), ..attribute.clone() }
            }
            _ => path.clone(),
        };
        if *operand == Operand::Null {
            let present = self.present(path, place);
            return if *op == CompareOp::Ne { present } else { present.prefixed("(NOT ").suffixed(")") };
        }
        let op = *op;
        if let Operand::Text { text, key } = operand
            && let Some((before, _)) = key.split_once('\0')
        {
            // No stored text has U+0000, and PostgreSQL takes none: the operand stands right behind what is before it.
            let op = match op {
                CompareOp::Gt | CompareOp::Ge => CompareOp::Gt,
                CompareOp::Lt | CompareOp::Le => CompareOp::Le,
                op => return Statement::new(self.dialect.truth(op == CompareOp::Ne)),
            };
            let operand = Operand::Text { text: text.clone(), key: before.to_owned() };
            return self.compare(&Comparison { path: path.clone(), op, operand }, place);
        }
        if matches!(place, Place::Record | Place::Singular(_))
            && let Some(special) = self.special(&full, op, operand)
        {
            return special;
        }
        let leaf = path.leaf().attribute_type;
        match self.values(path, place) {
            Values::Absent => Statement::new(self.dialect.truth(op == CompareOp::Ne)),
            Values::Single(value) => {
                let otherwise = format!(", {})", self.dialect.truth(op == CompareOp::Ne));
                self.test(value, op, operand, leaf).prefixed("coalesce(").suffixed(&otherwise)
            }
            Values::Many(from, value) => {
                let otherwise = format!(", {})", self.dialect.truth(false));
                let mut any = from.clone();
                any.push(
                    self.test(value.clone(), op, operand, leaf).prefixed("coalesce(").suffixed(&otherwise),
                );
                let any = any.prefixed("EXISTS (").suffixed(")");
                if op == CompareOp::Ne {
                    Statement::joined(vec![self.none(from, value), any], " OR ")
                } else {
                    any
                }
            }
        }
    }

    pub(super) fn present(&self, path: &AttributeRef, place: &Place) -> Statement {
        let full = match place {
            Place::Singular(attribute) => {
                AttributeRef { sub: Some(path.attribute.clone()), ..attribute.clone() }
            }
            _ => path.clone(),
        };
        let on_record = matches!(place, Place::Record | Place::Singular(_));
        if on_record && full.attribute.residence == Residence::Envelope && full.attribute.name == "meta" {
            let there = !matches!(full.leaf().name.as_str(), "location" | "version");
            return Statement::new(self.dialect.truth(there));
        }
        if on_record && full.leaf().is_complex() {
            return match full.attribute.residence {
                residence @ (Residence::Edges | Residence::ReverseEdges) => self
                    .edges(residence)
                    .suffixed(self.dialect.truth(true))
                    .prefixed("EXISTS (")
                    .suffixed(")"),
                _ => Value::Json { of: "r.shadow", names: names(&full, false) }.there(self.dialect),
            };
        }
        match self.values(path, place) {
            Values::Absent => Statement::new(self.dialect.truth(false)),
            Values::Single(value) => value.there(self.dialect),
            Values::Many(from, value) => self.none(from, value).prefixed("(NOT ").suffixed(")"),
        }
    }

    /// No value is reached.
    fn none(&self, from: Statement, value: Value) -> Statement {
        let mut none = from;
        none.push(value.there(self.dialect));
        none.prefixed("NOT EXISTS (").suffixed(")")
    }

    /// One value against the operand; NULL where there is no value.
    #[cfg_attr(
        not(feature = "postgres"),
        expect(unused_variables, reason = "in SQLite each value has a type of its own")
    )]
    fn test(&self, value: Value, op: CompareOp, operand: &Operand, leaf: AttributeType) -> Statement {
        match self.dialect {
            #[cfg(feature = "sqlite")]
            SqlDialect::Sqlite => test(value.extracted(), op, operand),
            #[cfg(feature = "postgres")]
            SqlDialect::Postgres => super::jsonb::test(value, op, operand, leaf),
        }
    }
}

/// The same for SQLite, whose values have types of their own.
#[cfg(feature = "sqlite")]
fn test(value: Statement, op: CompareOp, operand: &Operand) -> Statement {
    let bind = match operand {
        Operand::Null => return Statement::new("NULL"),
        Operand::Text { key, .. } => Bind::Text(key.clone()),
        Operand::Boolean(flag) => Bind::Integer(i64::from(*flag)),
        Operand::Integer(number) => Bind::Integer(*number),
        Operand::Decimal(number) => Bind::Real(*number),
        Operand::Instant(instant) => Bind::Text(instant.key()),
        Operand::Binary(text) => Bind::Text(text.clone()),
    };
    let operator = match op {
        CompareOp::Eq => " = ?",
        CompareOp::Ne => " <> ?",
        CompareOp::Gt => " > ?",
        CompareOp::Ge => " >= ?",
        CompareOp::Lt => " < ?",
        CompareOp::Le => " <= ?",
        CompareOp::Co => return value.prefixed("(instr(").suffixed(", ?) > 0)").bind(bind),
        CompareOp::Sw => {
            return value.prefixed("(substr(").suffixed(", 1, length(?)) = ?)").bind(bind.clone()).bind(bind);
        }
        CompareOp::Ew => return ends_with(value, bind),
    };
    value.prefixed("(").suffixed(operator).suffixed(")").bind(bind)
}

/// `substr` with a length of nothing gives everything, so an empty ending is asked for as presence.
#[cfg(feature = "sqlite")]
fn ends_with(value: Statement, bind: Bind) -> Statement {
    if bind == Bind::Text(String::new()) {
        return value.prefixed("(").suffixed(" IS NOT NULL)");
    }
    value.prefixed("(substr(").suffixed(", -length(?)) = ?)").bind(bind.clone()).bind(bind)
}
