//! The report of rejected lines: on standard error, in a file that can be corrected and imported, in the JSON summary.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use scim_provider::admin::import::{Cells, ImportedLine, REPORT_COLUMNS};
use serde_json::{Value, json};

/// Rejected lines in the JSON summary; more are only counted there.
const MAX_SUMMARY: usize = 10_000;

pub(super) struct Report {
    file: Option<(PathBuf, BufWriter<File>)>,
    /// The file's columns, but for those of an earlier report; `None` for JSON lines.
    columns: Option<Vec<usize>>,
    summary: Option<Vec<Value>>,
    left_out: u64,
}

impl Report {
    pub(super) fn new(path: Option<&Path>, json: bool) -> anyhow::Result<Self> {
        let file = path.map(|path| -> anyhow::Result<_> {
            let file = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
            Ok((path.to_owned(), BufWriter::new(file)))
        });
        Ok(Self { file: file.transpose()?, columns: None, summary: json.then(Vec::new), left_out: 0 })
    }

    /// Begins with the columns of the file.
    pub(super) fn columns(&mut self, columns: Option<&[String]>) -> anyhow::Result<()> {
        let Some(columns) = columns else { return Ok(()) };
        let own =
            |(index, column): (usize, &String)| (!REPORT_COLUMNS.contains(&column.as_str())).then_some(index);
        let kept: Vec<usize> = columns.iter().enumerate().filter_map(own).collect();
        if let Some((path, writer)) = &mut self.file {
            let names = kept.iter().filter_map(|index| columns.get(*index)).map(String::as_str);
            let written = record(writer, names.chain(REPORT_COLUMNS));
            written.with_context(|| format!("cannot write {}", path.display()))?;
        }
        self.columns = Some(kept);
        Ok(())
    }

    /// Tells of a line, where it was rejected.
    pub(super) fn line(&mut self, line: &ImportedLine<'_>, message: impl Fn(&str)) -> anyhow::Result<()> {
        let Some(rejected) = line.rejected() else { return Ok(()) };
        let key = rejected.key.as_ref().map(|key| format!(" ({key})")).unwrap_or_default();
        message(&format!("line {}{key}: {}", rejected.line, rejected.reason));
        if let Some(summary) = &mut self.summary {
            if summary.len() < MAX_SUMMARY {
                let (line, reason) = (rejected.line, &rejected.reason);
                summary.push(json!({ "line": line, "key": rejected.key, "reason": reason }));
            } else {
                self.left_out += 1;
            }
        }
        let Some((path, writer)) = &mut self.file else { return Ok(()) };
        let told = [rejected.line.to_string(), rejected.reason];
        let written = match &self.columns {
            Some(columns) => {
                let cell = |index: &usize| match line.cells {
                    Some(Cells::Csv(values)) => values.get(*index).map_or("", String::as_str),
                    _ => "",
                };
                let values = columns.iter().map(cell).chain(told.iter().map(String::as_str));
                record(writer, values)
            }
            None => {
                let mut members = match line.cells {
                    Some(Cells::Json(members)) => members.clone(),
                    _ => serde_json::Map::new(),
                };
                for (name, value) in REPORT_COLUMNS.iter().zip(told) {
                    members.insert((*name).to_owned(), value.into());
                }
                writeln!(writer, "{}", Value::Object(members)).map_err(anyhow::Error::from)
            }
        };
        written.with_context(|| format!("cannot write {}", path.display()))
    }

    pub(super) fn flush(&mut self) -> anyhow::Result<()> {
        let Some((path, writer)) = &mut self.file else { return Ok(()) };
        writer.flush().with_context(|| format!("cannot write {}", path.display()))
    }

    /// The lines for the summary, and how many more there are.
    pub(super) fn lines(&mut self) -> (Vec<Value>, u64) {
        (self.summary.take().unwrap_or_default(), self.left_out)
    }
}

/// Writes a record of CSV.
fn record<'v>(into: &mut BufWriter<File>, values: impl Iterator<Item = &'v str>) -> anyhow::Result<()> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(values)?;
    let bytes = writer.into_inner().map_err(|error| error.into_error())?;
    Ok(into.write_all(&bytes)?)
}
