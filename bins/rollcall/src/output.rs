//! Results on standard output, messages on standard error.

use std::io::Write as _;

use anyhow::Context as _;
use serde_json::Value;

/// Writes a line of a result.
pub(crate) fn line(text: &str) -> anyhow::Result<()> {
    writeln!(std::io::stdout().lock(), "{text}").context("cannot write to standard output")
}

/// Writes a result that has its line ends already.
pub(crate) fn text(text: &str) -> anyhow::Result<()> {
    write!(std::io::stdout().lock(), "{text}").context("cannot write to standard output")
}

/// Whether nobody reads the results any more.
pub(crate) fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let cause = error.root_cause().downcast_ref::<std::io::Error>();
    cause.is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}

/// Writes a JSON result.
pub(crate) fn json(value: &Value) -> anyhow::Result<()> {
    line(&serde_json::to_string_pretty(value)?)
}

/// Results of which there may be many: an array of JSON, or a line each.
pub(crate) struct List {
    json: bool,
    begun: bool,
}

impl List {
    /// Begins.
    pub(crate) fn begin(json: bool) -> anyhow::Result<Self> {
        if json {
            line("[")?;
        }
        Ok(Self { json, begun: false })
    }

    /// Writes one; `text` makes its line.
    pub(crate) fn item(&mut self, item: &Value, text: impl Fn(&Value) -> String) -> anyhow::Result<()> {
        if !self.json {
            return line(&text(item));
        }
        let comma = if std::mem::replace(&mut self.begun, true) { "," } else { "" };
        line(&format!("{comma}{item}"))
    }

    /// Ends.
    pub(crate) fn end(self) -> anyhow::Result<()> {
        if self.json { line("]") } else { Ok(()) }
    }
}

/// Writes a message; as a line of the log where that is JSON.
pub(crate) fn message(text: &str) {
    if crate::logging::takes_message(text) {
        return;
    }
    // Nothing is left to tell it to where standard error is gone.
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// Writes rows in columns of their widest cell.
pub(crate) fn table(head: &[&str], rows: &[Vec<String>]) -> anyhow::Result<()> {
    let mut widths: Vec<usize> = head.iter().map(|cell| cell.chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let show = |cells: &mut dyn Iterator<Item = &str>| {
        let cells: Vec<String> = cells.zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        cells.join("  ").trim_end().to_owned()
    };
    line(&show(&mut head.iter().copied()))?;
    for row in rows {
        line(&show(&mut row.iter().map(String::as_str)))?;
    }
    Ok(())
}
