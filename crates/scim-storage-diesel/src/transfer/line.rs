//! Lines of an export: a header, a line for each row, and an end with the digest. Each is a JSON object.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::cell::{Cell, zip};
use super::table::{Column, Kind, Table};
use scim_storage::StoreError;

use crate::error::damaged;

/// The format that this release writes and reads.
pub(crate) const FORMAT: u64 = 1;

/// The first line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Header {
    /// The format's version.
    pub(crate) rollcall_export: u64,
    /// The release that wrote it.
    pub(crate) release: String,
    /// The instance's id.
    pub(crate) instance: Uuid,
    /// The instance's name.
    pub(crate) name: String,
    /// When it was written.
    pub(crate) at: String,
    /// The ids of the peppers that its keys were hashed with, in hexadecimal.
    pub(crate) peppers: Vec<String>,
    /// Whether personal data was replaced.
    pub(crate) scrubbed: bool,
}

/// What of a header every format has.
#[derive(Deserialize)]
pub(crate) struct AnyHeader {
    pub(crate) rollcall_export: u64,
    #[serde(default)]
    pub(crate) release: String,
}

/// The last line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct End {
    pub(crate) end: Totals,
}

/// What the last line says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Totals {
    /// How many rows each table has.
    pub(crate) rows: BTreeMap<String, u64>,
    /// The digest of them all.
    pub(crate) digest: String,
}

/// Writes a row's line, without the line end.
///
/// # Errors
/// If the row holds what this backend does not write.
pub(crate) fn write(table: &Table, row: &[Cell], line: &mut String) -> Result<(), StoreError> {
    line.clear();
    let _ = write!(line, "{{\"table\":\"{}\"", table.name);
    for (column, cell) in zip(table.columns, row) {
        if *cell == Cell::Null {
            continue;
        }
        let _ = write!(line, ",\"{}\":", column.name);
        write_cell(column.kind, cell, line).ok_or_else(|| damaged(column.name))?;
    }
    line.push('}');
    Ok(())
}

fn write_cell(kind: Kind, cell: &Cell, line: &mut String) -> Option<()> {
    match (kind, cell) {
        (Kind::Integer, Cell::Integer(number)) => {
            let _ = write!(line, "{number}");
        }
        (Kind::Id, Cell::Bytes(bytes)) => {
            let _ = write!(line, "\"{}\"", Uuid::from_slice(bytes).ok()?.hyphenated());
        }
        (Kind::Bytes, Cell::Bytes(bytes)) => {
            line.push('"');
            for byte in bytes {
                let _ = write!(line, "{byte:02x}");
            }
            line.push('"');
        }
        (Kind::Document, Cell::Bytes(bytes)) => write_text(std::str::from_utf8(bytes).ok()?, line)?,
        (Kind::Text, Cell::Text(text)) => write_text(text, line)?,
        (Kind::Json, Cell::Text(text)) => {
            let raw: &RawValue = serde_json::from_str(text).ok()?;
            if raw.get().contains('\n') {
                return None;
            }
            line.push_str(raw.get());
        }
        (Kind::Shadow, Cell::Text(text)) => sorted(&serde_json::from_str(text).ok()?, line)?,
        _ => return None,
    }
    Some(())
}

fn write_text(text: &str, line: &mut String) -> Option<()> {
    line.push_str(&serde_json::to_string(text).ok()?);
    Some(())
}

/// What is no longer read as a whole number: 2^64.
const MOST_WHOLE: f64 = 18_446_744_073_709_551_616.0;

/// JSON as it does not depend on who kept it: members sorted, whole numbers without a fraction.
fn sorted(value: &Value, out: &mut String) -> Option<()> {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_unstable_by_key(|(name, _)| *name);
            out.push('{');
            for (index, (name, value)) in members.into_iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_text(name, out)?;
                out.push(':');
                sorted(value, out)?;
            }
            out.push('}');
        }
        Value::Array(elements) => {
            out.push('[');
            for (index, element) in elements.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                sorted(element, out)?;
            }
            out.push(']');
        }
        Value::String(text) => write_text(text, out)?,
        Value::Number(number) => {
            // PostgreSQL writes every number out, and knows no negative zero.
            let whole = number.as_f64().filter(|float| number.is_f64() && float.fract() == 0.0);
            match whole {
                Some(0.0) => out.push('0'),
                Some(float) if float.abs() < MOST_WHOLE => {
                    let _ = write!(out, "{float:.0}");
                }
                _ => {
                    let _ = write!(out, "{number}");
                }
            }
        }
        other => {
            let _ = write!(out, "{other}");
        }
    }
    Some(())
}

/// A line that is no header.
#[derive(Debug)]
pub(crate) enum Line {
    /// A row of the table at that place among [`super::table::TABLES`].
    Row(usize, &'static Table, Vec<Cell>),
    /// The end.
    End(Totals),
}

/// Reads a line.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn read(line: &str) -> Result<Line, String> {
    let members: BTreeMap<Cow<'_, str>, &RawValue> =
        serde_json::from_str(line).map_err(|_| "it is no JSON object".to_owned())?;
    let Some(name) = members.get("table") else {
        let end: End = serde_json::from_str(line)
            .map_err(|_| "it is neither a row nor the end of an export".to_owned())?;
        return Ok(Line::End(end.end));
    };
    let name: Cow<'_, str> =
        serde_json::from_str(name.get()).map_err(|_| "its table is no name".to_owned())?;
    let (place, table) = Table::named(&name).ok_or_else(|| format!("there is no table {name:?}"))?;
    let mut row = Vec::with_capacity(table.columns.len());
    let mut known = 1;
    for column in table.columns {
        let Some(raw) = members.get(column.name) else {
            row.push(Cell::Null);
            continue;
        };
        known += 1;
        row.push(
            read_cell(column, raw.get())
                .ok_or_else(|| format!("its {:?} is not what it should be", column.name))?,
        );
    }
    if known != members.len() {
        return Err(format!("the table {name:?} has no such columns"));
    }
    Ok(Line::Row(place, table, row))
}

fn read_cell(column: &Column, raw: &str) -> Option<Cell> {
    let text = || serde_json::from_str::<String>(raw).ok();
    Some(match column.kind {
        Kind::Integer => Cell::Integer(raw.parse().ok()?),
        Kind::Id => Cell::Bytes(text()?.parse::<Uuid>().ok()?.into_bytes().to_vec()),
        Kind::Bytes => Cell::Bytes(from_hexadecimal(&text()?)?),
        Kind::Document => Cell::Bytes(text()?.into_bytes()),
        Kind::Text => Cell::Text(text()?),
        Kind::Json | Kind::Shadow => Cell::Text(raw.to_owned()),
    })
}

/// Bytes as hexadecimal digits.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The bytes that hexadecimal digits stand for.
pub(crate) fn from_hexadecimal(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text.chars().map(|digit| u8::try_from(digit.to_digit(16)?).ok()).collect();
    let digits = digits.filter(|digits| digits.len() % 2 == 0)?;
    Some(digits.chunks_exact(2).map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The line of a row, and that it is read as the same row.
    fn check(table: &str, row: Vec<Cell>, expected: &str) {
        let (place, table) = Table::named(table).expect("a table");
        let mut line = String::new();
        write(table, &row, &mut line).expect("writes");
        assert_eq!(line, expected);
        let Ok(Line::Row(found, _, cells)) = read(&line) else { panic!("{line}") };
        assert_eq!((found, cells), (place, row));
    }

    #[test]
    fn rows_there_and_back() {
        let text = |text: &str| Cell::Text(text.to_owned());
        let id = || Cell::Bytes(vec![1; 16]);
        check(
            "links",
            vec![id(), id(), text("ä\"\n\u{1e}")],
            "{\"table\":\"links\",\"connector_id\":\"01010101-0101-0101-0101-010101010101\",\
             \"id\":\"01010101-0101-0101-0101-010101010101\",\"external_id\":\"ä\\\"\\n\\u001e\"}",
        );
        check(
            "jobs",
            vec![text("a"), text("{\"b\":1.0,\"a\":[2]}")],
            r#"{"table":"jobs","name":"a","state":{"b":1.0,"a":[2]}}"#,
        );
        check(
            "rejected_lines",
            vec![text("i"), Cell::Integer(-7), Cell::Null, Cell::Null, text("")],
            r#"{"table":"rejected_lines","import_id":"i","line":-7,"reason":""}"#,
        );
    }

    #[test]
    fn shadows_do_not_depend_on_who_kept_them() {
        let check = |text: &str, expected: &str| {
            let mut out = String::new();
            sorted(&serde_json::from_str(text).expect("JSON"), &mut out).expect("writes");
            assert_eq!(out, expected);
        };
        check(r#"{"b": 1.0, "a": {"d": [1e2, "x"], "c": null}}"#, r#"{"a":{"c":null,"d":[100,"x"]},"b":1}"#);
        check("0.10", "0.1");
        check("-0.0", "0");
        check("1e16", "10000000000000000");
        check("10000000000000000", "10000000000000000");
        check("-1e19", "-10000000000000000000");
        check("-10000000000000000000", "-10000000000000000000");
        check("9007199254740993", "9007199254740993");
        check("1e300", "1e+300");
    }

    #[test]
    fn what_is_no_line_is_refused() {
        let check = |line: &str, expected: &str| match read(line) {
            Err(reason) => assert!(reason.contains(expected), "{line}: {reason}"),
            Ok(line) => panic!("{line:?}"),
        };
        check("", "no JSON object");
        check("[]", "no JSON object");
        check("{}", "neither a row nor the end");
        check(r#"{"table":"sqlite_master"}"#, "no table");
        check(r#"{"table":"jobs","name":1}"#, "\"name\"");
        check(r#"{"table":"jobs","name":"a","other":1}"#, "no such columns");
        check(r#"{"table":"links","id":"x"}"#, "\"id\"");
        check(r#"{"table":"api_keys","mac":"abc"}"#, "\"mac\"");
    }
}
