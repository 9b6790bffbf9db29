//! Comparisons and presence, two-valued.

use scim_core::filter::{CompareOp, Comparison, Operand};
use scim_core::path::AttributeRef;
use scim_core::schema::Residence;

use super::Compiler;
use super::value::{Place, Values, pointer};
use crate::sql::{Bind, Statement};

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
        if matches!(place, Place::Record | Place::Singular(_))
            && let Some(special) = self.special(&full, *op, operand)
        {
            return special;
        }
        match self.values(path, place) {
            Values::Absent => Statement::new(if *op == CompareOp::Ne { "1" } else { "0" }),
            Values::Single(value) => {
                let otherwise = if *op == CompareOp::Ne { ", 1)" } else { ", 0)" };
                test(value, *op, operand).prefixed("coalesce(").suffixed(otherwise)
            }
            Values::Many(from, value) => {
                let mut any = from.clone();
                any.push(test(value.clone(), *op, operand).prefixed("coalesce(").suffixed(", 0)"));
                let any = any.prefixed("EXISTS (").suffixed(")");
                if *op == CompareOp::Ne {
                    Statement::joined(vec![none(from, value), any], " OR ")
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
            return Statement::new(if there { "1" } else { "0" });
        }
        if on_record && full.leaf().is_complex() {
            return match full.attribute.residence {
                residence @ (Residence::Edges | Residence::ReverseEdges) => {
                    self.edges(residence).suffixed("1").prefixed("EXISTS (").suffixed(")")
                }
                _ => Statement::new("(json_type(r.shadow, ?) IS NOT NULL)").text(pointer(&full, false)),
            };
        }
        match self.values(path, place) {
            Values::Absent => Statement::new("0"),
            Values::Single(value) => value.prefixed("(").suffixed(" IS NOT NULL)"),
            Values::Many(from, value) => none(from, value).prefixed("(NOT ").suffixed(")"),
        }
    }
}

/// No value is reached.
fn none(from: Statement, value: Statement) -> Statement {
    let mut none = from;
    none.push(value);
    none.prefixed("NOT EXISTS (").suffixed(" IS NOT NULL)")
}

/// One value against the operand; NULL where there is no value.
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
fn ends_with(value: Statement, bind: Bind) -> Statement {
    if bind == Bind::Text(String::new()) {
        return value.prefixed("(").suffixed(" IS NOT NULL)");
    }
    value.prefixed("(substr(").suffixed(", -length(?)) = ?)").bind(bind.clone()).bind(bind)
}
