//! Files of existing accounts and groups: CSV and JSON lines, read line by line, never held whole.

use std::io::{BufRead, Read as _};

use serde_json::Value;

use crate::admin::AdminError;

/// The longest line, in bytes.
const MAX_LINE_BYTES: u64 = 1 << 20;

/// A line that was read: names and values as they stand there, in the order of the file.
#[derive(Clone, Debug, PartialEq)]
pub struct ImportRow {
    /// The number of the line, from 1.
    pub line: u64,
    /// Column or member, and value.
    pub values: Vec<(String, Value)>,
}

/// A line that was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// The number of the line, from 1.
    pub line: u64,
    /// Whom it is about, where that could be read.
    pub name: Option<String>,
    /// Why.
    pub reason: String,
}

/// Reads a file's lines. Whether it is CSV or JSON lines shows at its first character.
pub struct ImportReader<R> {
    form: Form<R>,
}

enum Form<R> {
    Csv { rows: csv::StringRecordsIntoIter<R>, header: Vec<String> },
    Lines { input: R, line: u64 },
}

impl<R> std::fmt::Debug for ImportReader<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ImportReader").finish_non_exhaustive()
    }
}

impl<R: BufRead> ImportReader<R> {
    /// Begins to read.
    ///
    /// # Errors
    /// Where the file cannot be read, or has no header.
    pub fn new(mut input: R) -> Result<Self, AdminError> {
        let unreadable =
            |error: std::io::Error| AdminError::Invalid(format!("the file cannot be read: {error}"));
        let start = input.fill_buf().map_err(unreadable)?;
        if start.starts_with(b"\xef\xbb\xbf") {
            input.consume(3);
        }
        let start = input.fill_buf().map_err(unreadable)?;
        let first = start.iter().find(|byte| !byte.is_ascii_whitespace());
        if first == Some(&b'{') {
            return Ok(Self { form: Form::Lines { input, line: 0 } });
        }
        // A carriage return before the line feed is trimmed with the value: the crate would count such a line late.
        let mut reader = csv::ReaderBuilder::new()
            .trim(csv::Trim::All)
            .flexible(true)
            .terminator(csv::Terminator::Any(b'\n'))
            .from_reader(input);
        let header = reader
            .headers()
            .map_err(|error| AdminError::Invalid(format!("the file has no header: {error}")))?;
        let header: Vec<String> = header.iter().map(str::to_owned).collect();
        if header.iter().all(String::is_empty) {
            return Err(AdminError::Invalid(
                "the file is empty; its first line names the columns, such as UserName,Email,FirstName"
                    .to_owned(),
            ));
        }
        Ok(Self { form: Form::Csv { rows: reader.into_records(), header } })
    }

    /// The columns of a CSV file; none of JSON lines.
    pub fn columns(&self) -> &[String] {
        match &self.form {
            Form::Csv { header, .. } => header,
            Form::Lines { .. } => &[],
        }
    }
}

impl<R: BufRead> Iterator for ImportReader<R> {
    type Item = Result<ImportRow, Rejected>;

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.form {
            Form::Csv { rows, header } => {
                Some(csv_row(rows.next()?, header, rows.reader().position().line()))
            }
            Form::Lines { input, line } => loop {
                let mut bytes = Vec::new();
                match input.by_ref().take(MAX_LINE_BYTES).read_until(b'\n', &mut bytes) {
                    Ok(0) => return None,
                    Ok(_) => *line += 1,
                    Err(error) => {
                        return Some(Err(rejected(*line + 1, format!("it cannot be read: {error}"))));
                    }
                }
                if bytes.iter().all(u8::is_ascii_whitespace) {
                    continue;
                }
                return Some(json_row(&bytes, *line));
            },
        }
    }
}

fn csv_row(row: csv::Result<csv::StringRecord>, header: &[String], near: u64) -> Result<ImportRow, Rejected> {
    let row =
        row.map_err(|error| rejected(error.position().map_or(near, csv::Position::line), error.to_string()))?;
    let line = row.position().map_or(near, csv::Position::line);
    if row.len() > header.len() {
        let reason = format!("{} values, but the header has {} columns", row.len(), header.len());
        return Err(rejected(line, reason));
    }
    let values = header.iter().zip(&row).map(|(name, value)| (name.clone(), value.into())).collect();
    Ok(ImportRow { line, values })
}

fn json_row(bytes: &[u8], line: u64) -> Result<ImportRow, Rejected> {
    match serde_json::from_slice(bytes) {
        Ok(Value::Object(members)) => Ok(ImportRow { line, values: members.into_iter().collect() }),
        Ok(_) => Err(rejected(line, "it is not a JSON object".to_owned())),
        Err(error) => Err(rejected(line, format!("it is not JSON: {error}"))),
    }
}

fn rejected(line: u64, reason: String) -> Rejected {
    Rejected { line, name: None, reason }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(text: &str) -> Vec<Result<(u64, Value), (u64, String)>> {
        let reader = ImportReader::new(text.as_bytes()).expect("readable");
        reader
            .map(|row| match row {
                Ok(row) => Ok((row.line, Value::Object(row.values.into_iter().collect()))),
                Err(rejected) => Err((rejected.line, rejected.reason)),
            })
            .collect()
    }

    #[test]
    fn csv_with_and_without_a_mark() {
        let expected = vec![
            Ok((2, json!({ "UserName": "ada", "Email": "a@x.example" }))),
            Ok((3, json!({ "UserName": "gr,ace", "Email": "" }))),
        ];
        let text = "UserName, Email\nada,a@x.example\n\"gr,ace\",\n";
        assert_eq!(read(text), expected);
        assert_eq!(read(&format!("\u{feff}{text}")), expected);
        assert_eq!(read(&text.replace('\n', "\r\n")), expected);
    }

    #[test]
    fn json_lines() {
        let rows = read("{\"UserName\":\"ada\"}\n\n[1]\n{\"UserName\":\n");
        assert_eq!(rows.first(), Some(&Ok((1, json!({ "UserName": "ada" })))));
        assert!(matches!(rows.get(1), Some(Err((3, reason))) if reason.contains("object")));
        assert!(matches!(rows.get(2), Some(Err((4, _)))));
        assert_eq!(rows.len(), 3);
    }

    #[test]
    fn files_without_anything() {
        assert!(ImportReader::new("".as_bytes()).is_err());
        assert_eq!(read("UserName\n"), []);
        assert!(matches!(read("UserName\na,b\n").first(), Some(Err((2, _)))));
    }
}
