//! Where pages by cursor begin (RFC 9865).

use anyhow::Context as _;
use serde_json::Value;

use super::{Directory, ask};
use crate::drive::Driver;
use crate::workload::Place;

/// How large the measured pages are, and those on the way to them: servers want the count to stay while a cursor is followed.
pub(crate) const PAGE: u64 = 100;

/// Cursors to pages of one list.
#[derive(Clone, Debug)]
pub struct Cursors {
    middle: String,
    last: String,
}

impl Cursors {
    /// The cursor of a page; the first page's is empty.
    #[must_use]
    pub fn at(&self, place: Place) -> &str {
        match place {
            Place::First => "",
            Place::Middle => &self.middle,
            Place::Last => &self.last,
        }
    }
}

impl Directory {
    /// Walks to the middle and to the last page, once.
    ///
    /// # Errors
    /// Where the server has no pages by cursor.
    pub fn cursors(&mut self) -> anyhow::Result<Cursors> {
        if let Some(cursors) = &self.cursors {
            return Ok(cursors.clone());
        }
        let pages = self.total()? / PAGE;
        let mut driver = Driver::connect(&self.target, 1)?;
        let (mut at, mut cursor) = (0, String::new());
        let mut to = |end: u64| -> anyhow::Result<String> {
            while at < end {
                let page = ask(&mut driver, |request| {
                    request.plain("GET", format_args!("/Users?cursor={cursor}&count={PAGE}"));
                })?;
                let page = page.json(200)?;
                let next = page.get("nextCursor").and_then(Value::as_str);
                next.context("a list by cursor ends too early")?.clone_into(&mut cursor);
                at += 1;
            }
            Ok(cursor.clone())
        };
        let middle = to(pages / 2)?;
        // The last one that is full.
        let last = to(pages.saturating_sub(1))?;
        let cursors = Cursors { middle, last };
        self.cursors = Some(cursors.clone());
        Ok(cursors)
    }
}
