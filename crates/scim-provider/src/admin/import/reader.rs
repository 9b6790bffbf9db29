//! Files of existing accounts, groups and memberships: CSV and JSON lines, read line by line, never held whole.

use std::io::BufRead;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::csv::{Fed, Record};
use super::lines::{LineEnd, Lines};
use crate::admin::AdminError;

/// The longest header, in bytes.
const MAX_HEADER_BYTES: usize = 1 << 20;

/// How a file is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ImportFormat {
    /// As its first character says: JSON lines begin with `{`.
    #[default]
    Guessed,
    /// A header with the columns' names, then a line each.
    Csv,
    /// A JSON object a line.
    JsonLines,
}

/// The values of a line, as they stand there.
#[derive(Clone, Debug, PartialEq)]
pub enum Cells {
    /// Of a CSV file: in the order of the columns; those at the end may be missing.
    Csv(Vec<String>),
    /// Of a file of JSON lines.
    Json(Map<String, Value>),
}

/// A line, or a record of several lines.
#[derive(Clone, Debug, PartialEq)]
pub struct ImportRow {
    /// The number of its first line, from 1.
    pub line: u64,
    /// Its values, or why there are none.
    pub read: Result<Cells, String>,
}

/// Reads a file's lines.
///
/// A line that cannot be read is an [`ImportRow`] that says why; reading goes on with the line behind it. No line is held
/// that is longer than the limit.
pub struct ImportReader<R> {
    lines: Lines<R>,
    /// The number of the last line that was read.
    line: u64,
    /// The longest line or record, in bytes.
    limit: usize,
    form: Form,
}

enum Form {
    Csv { header: Arc<[String]>, record: Record },
    JsonLines,
}

impl<R> std::fmt::Debug for ImportReader<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ImportReader").field("line", &self.line).finish_non_exhaustive()
    }
}

impl<R: BufRead> ImportReader<R> {
    /// Begins to read. Lines may be `limit` bytes long.
    ///
    /// # Errors
    /// [`AdminError::Invalid`] where the file cannot be read, has no header, or is in an encoding that has none of its
    /// lines in UTF-8.
    pub fn new(input: R, format: ImportFormat, limit: usize) -> Result<Self, AdminError> {
        let mut lines = Lines::new(input);
        lines.fill(3).map_err(|error| unreadable(&error))?;
        match lines.peek() {
            [0xef, 0xbb, 0xbf, ..] => lines.consume(3),
            [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => return Err(not_text("it is UTF-16")),
            _ => {}
        }
        let mut reader = Self { lines, line: 0, limit, form: Form::JsonLines };
        reader.skip_blank()?;
        let json = match format {
            ImportFormat::Guessed => reader.lines.peek().first() == Some(&b'{'),
            ImportFormat::Csv => false,
            ImportFormat::JsonLines => true,
        };
        if !json {
            reader.form = reader.header()?;
        }
        Ok(reader)
    }

    /// The columns of a CSV file; `None` for JSON lines.
    #[must_use]
    pub fn columns(&self) -> Option<&Arc<[String]>> {
        match &self.form {
            Form::Csv { header, .. } => Some(header),
            Form::JsonLines => None,
        }
    }

    /// How many bytes were read.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.lines.bytes()
    }

    /// The next line; `None` at the end.
    ///
    /// # Errors
    /// [`AdminError::Invalid`] where the file cannot be read on.
    pub fn next_row(&mut self) -> Result<Option<ImportRow>, AdminError> {
        loop {
            let end = self.lines.line_end(0, self.limit).map_err(|error| unreadable(&error))?;
            let end = match end {
                LineEnd::OfFile => return Ok(None),
                LineEnd::Far => {
                    self.lines.skip_line().map_err(|error| unreadable(&error))?;
                    self.line += 1;
                    return Ok(Some(ImportRow { line: self.line, read: Err(too_long(self.limit)) }));
                }
                LineEnd::At(end) => end,
            };
            let first = self.lines.peek().get(..end).unwrap_or_default();
            if first.iter().all(u8::is_ascii_whitespace) {
                self.lines.consume(end);
                self.line += 1;
                continue;
            }
            let line = self.line + 1;
            let (end, read) = match &mut self.form {
                Form::JsonLines => (end, json(first)),
                Form::Csv { header, record } => {
                    record.clear();
                    let (end, read) =
                        csv(&mut self.lines, record, end, self.limit).map_err(|error| unreadable(&error))?;
                    (end, read.and_then(|()| cells(record, header.len())))
                }
            };
            let lines = memchr::memchr_iter(b'\n', self.lines.peek().get(..end).unwrap_or_default()).count();
            self.line += u64::try_from(lines.max(1)).unwrap_or(1);
            self.lines.consume(end);
            return Ok(Some(ImportRow { line, read }));
        }
    }

    /// Leaves blank lines at the beginning.
    fn skip_blank(&mut self) -> Result<(), AdminError> {
        loop {
            self.lines.fill(1).map_err(|error| unreadable(&error))?;
            match self.lines.peek().first() {
                Some(b'\n') => {
                    self.line += 1;
                    self.lines.consume(1);
                }
                Some(b' ' | b'\t' | b'\r') => self.lines.consume(1),
                _ => return Ok(()),
            }
        }
    }

    fn header(&mut self) -> Result<Form, AdminError> {
        let end = self.lines.line_end(0, MAX_HEADER_BYTES).map_err(|error| unreadable(&error))?;
        let LineEnd::At(end) = end else {
            return Err(match end {
                LineEnd::Far => invalid("its first line names the columns and is too long for that"),
                _ => no_header(),
            });
        };
        let first = self.lines.peek().get(..end).unwrap_or_default();
        if memchr::memchr(0, first).is_some() {
            return Err(not_text("its first line has NUL bytes, as UTF-16 has"));
        }
        let separator = separator(first);
        let mut record = Record::new(separator);
        let (end, read) =
            csv(&mut self.lines, &mut record, end, MAX_HEADER_BYTES).map_err(|error| unreadable(&error))?;
        let header = read.and_then(|()| values(&record));
        let header = header.map_err(|reason| invalid(&format!("its header: {reason}")))?;
        if header.iter().all(String::is_empty) {
            return Err(no_header());
        }
        let lines = memchr::memchr_iter(b'\n', self.lines.peek().get(..end).unwrap_or_default()).count();
        self.line += u64::try_from(lines.max(1)).unwrap_or(1);
        self.lines.consume(end);
        Ok(Form::Csv { header: header.into(), record })
    }
}

/// Reads the record that begins in the window; where it ends. Where it is wrong, it ends with its first line.
fn csv<R: BufRead>(
    lines: &mut Lines<R>,
    record: &mut Record,
    first: usize,
    limit: usize,
) -> std::io::Result<(usize, Result<(), String>)> {
    let (mut from, mut end) = (0, first);
    loop {
        match record.feed(lines.peek().get(from..end).unwrap_or_default()) {
            Fed::Whole => return Ok((end, Ok(()))),
            Fed::Malformed(value) => {
                let reason = format!(
                    "value {value}: something follows its closing quote; write each quote inside a quoted value twice"
                );
                return Ok((first, Err(reason)));
            }
            Fed::Open => {}
        }
        from = end;
        end = match lines.line_end(from, limit)? {
            LineEnd::At(end) => end,
            LineEnd::OfFile => {
                return Ok((
                    first,
                    Err("a quote is opened and never closed; close it, or write it twice".to_owned()),
                ));
            }
            LineEnd::Far => {
                let reason = format!("a quote is opened and not closed within {}", size(limit));
                return Ok((first, Err(reason)));
            }
        };
    }
}

fn cells(record: &Record, columns: usize) -> Result<Cells, String> {
    let values = values(record)?;
    let more = values.iter().skip(columns).any(|value| !value.is_empty());
    if more {
        return Err(format!("{} values, but the header has {columns} columns", values.len()));
    }
    Ok(Cells::Csv(values))
}

fn values(record: &Record) -> Result<Vec<String>, String> {
    record.values().map(|value| text(value).map(|value| value.trim().to_owned())).collect()
}

fn json(line: &[u8]) -> Result<Cells, String> {
    match serde_json::from_str(text(line)?) {
        Ok(Value::Object(members)) => Ok(Cells::Json(members)),
        Ok(_) => Err("it is not a JSON object".to_owned()),
        Err(error) => Err(format!("it is not JSON: {error}")),
    }
}

fn text(bytes: &[u8]) -> Result<&str, String> {
    if memchr::memchr(0, bytes).is_some() {
        return Err("it has NUL bytes, as UTF-16 has; save the file as UTF-8".to_owned());
    }
    std::str::from_utf8(bytes).map_err(|error| {
        let byte = bytes.get(error.valid_up_to()).copied().unwrap_or_default();
        format!(
            "it is not UTF-8 (byte {byte:#04x}), so the file is perhaps in Windows-1252 or Latin-1; save it as UTF-8"
        )
    })
}

/// What separates values: a semicolon or a tab where the header has no comma.
fn separator(header: &[u8]) -> u8 {
    let has = |separator: u8| header.contains(&separator);
    match (has(b','), has(b';'), has(b'\t')) {
        (false, true, _) => b';',
        (false, false, true) => b'\t',
        _ => b',',
    }
}

fn too_long(limit: usize) -> String {
    format!("it is longer than {}", size(limit))
}

fn size(limit: usize) -> String {
    format!("{} MiB", limit >> 20)
}

fn unreadable(error: &std::io::Error) -> AdminError {
    AdminError::Invalid(format!("the file cannot be read: {error}"))
}

fn invalid(reason: &str) -> AdminError {
    AdminError::Invalid(format!("the file is no CSV: {reason}"))
}

fn not_text(why: &str) -> AdminError {
    AdminError::Invalid(format!("the file is not in UTF-8: {why}; save it as UTF-8"))
}

fn no_header() -> AdminError {
    AdminError::Invalid(
        "the file is empty; its first line names the columns, such as UserName,Email,FirstName".to_owned(),
    )
}

#[cfg(test)]
#[path = "reader_tests.rs"]
mod tests;
