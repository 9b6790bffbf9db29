//! What the columns of a file mean.

use std::collections::HashMap;
use std::sync::Arc;

use scim_directory::ImportKind;
use scim_lifecycle::Policy;
use serde_json::Value;

use super::reader::Cells;
use crate::admin::AdminError;

/// The columns that a report of rejected lines has besides the file's own; a corrected report can be imported as it is.
pub const REPORT_COLUMNS: [&str; 2] = ["rejected_line", "rejected_reason"];
/// The most names of members of JSON lines that are remembered; others are looked up each time.
const MAX_REMEMBERED: usize = 1000;

/// What the columns of a file, or the members of its objects, are called here. Names are compared as they stand, or else in
/// any letter case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ColumnMap {
    renamed: Vec<(String, String)>,
    ignored: Vec<String>,
}

impl ColumnMap {
    /// Reads assignments written as `COLUMN=FIELD`, and the names of columns to leave out.
    ///
    /// # Errors
    /// [`AdminError::Invalid`] naming the assignment that is none, or the column that stands twice.
    pub fn new(assignments: &[String], ignored: &[String]) -> Result<Self, AdminError> {
        let mut renamed: Vec<(String, String)> = Vec::with_capacity(assignments.len());
        for assignment in assignments {
            let parts = assignment.rsplit_once('=').map(|(column, field)| (column.trim(), field.trim()));
            let Some((column, field)) =
                parts.filter(|(column, field)| !column.is_empty() && !field.is_empty())
            else {
                return Err(AdminError::Invalid(format!(
                    "{assignment:?}: write COLUMN=FIELD, such as Login=UserName"
                )));
            };
            renamed.push((column.to_owned(), field.to_owned()));
        }
        let map = Self { renamed, ignored: ignored.iter().map(|name| name.trim().to_owned()).collect() };
        let mut names: Vec<String> = map.named().map(str::to_lowercase).collect();
        names.sort();
        match names.iter().zip(names.iter().skip(1)).find(|(name, next)| name == next) {
            Some((twice, _)) => {
                Err(AdminError::Invalid(format!("the column {twice:?} is mapped or ignored twice")))
            }
            None => Ok(map),
        }
    }

    /// The columns that it names.
    fn named(&self) -> impl Iterator<Item = &str> {
        self.renamed.iter().map(|(column, _)| column.as_str()).chain(self.ignored.iter().map(String::as_str))
    }

    /// What a column is called here; `None` where it is left out.
    pub(crate) fn called<'c>(&'c self, column: &'c str) -> Option<&'c str> {
        let is = |name: &str| name == column || name.to_lowercase() == column.to_lowercase();
        if let Some((_, field)) = self.renamed.iter().find(|(name, _)| is(name)) {
            return Some(field);
        }
        let ignored = self.ignored.iter().any(|name| is(name)) || REPORT_COLUMNS.contains(&column);
        (!ignored).then_some(column)
    }

    /// The columns that it names and the file does not have.
    pub(crate) fn missing(&self, columns: &[String]) -> Vec<&str> {
        let there = |name: &&str| columns.iter().any(|column| column.to_lowercase() == name.to_lowercase());
        self.named().filter(|name| !there(name)).collect()
    }

    /// A text that tells two maps apart: for the id of an import.
    pub(super) fn canonical(&self) -> String {
        format!("{:?} {:?}", self.renamed, self.ignored)
    }
}

/// What a column means.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Meaning {
    /// This field, or part of a group or membership.
    Of(Arc<str>),
    /// It is left out.
    Left,
    /// Nothing that is known.
    Unknown,
}

/// A value of a line.
#[derive(Clone, Copy, Debug)]
pub(super) enum Cell<'v> {
    Text(&'v str),
    Json(&'v Value),
}

/// A member's value; a text is one like in a CSV file.
fn cell_of(value: &Value) -> Cell<'_> {
    match value {
        Value::String(text) => Cell::Text(text),
        other => Cell::Json(other),
    }
}

/// The columns of a file, resolved.
pub(super) struct Columns {
    kind: ImportKind,
    policy: Arc<Policy>,
    map: ColumnMap,
    /// Of a CSV file, in order.
    header: Vec<Meaning>,
    /// Of JSON lines, as they came up.
    known: HashMap<String, Meaning>,
}

impl Columns {
    /// Resolves the columns of a file.
    ///
    /// # Errors
    /// [`AdminError::Invalid`] naming each column that means nothing, and what is missing.
    pub(super) fn new(
        kind: ImportKind,
        policy: &Arc<Policy>,
        map: &ColumnMap,
        header: Option<&[String]>,
    ) -> Result<Self, AdminError> {
        let mut columns = Self {
            kind,
            policy: Arc::clone(policy),
            map: map.clone(),
            header: Vec::new(),
            known: HashMap::new(),
        };
        for (column, field) in &map.renamed {
            if columns.field(field).is_none() {
                return Err(AdminError::Invalid(format!(
                    "the column {column:?} is mapped to {field:?}, which {}",
                    columns.no_meaning()
                )));
            }
        }
        if let Some(header) = header {
            columns.resolve(header)?;
        }
        Ok(columns)
    }

    fn resolve(&mut self, header: &[String]) -> Result<(), AdminError> {
        let missing = self.map.missing(header);
        if !missing.is_empty() {
            return Err(AdminError::Invalid(format!(
                "the file has no column {}; its columns are {}",
                missing.join(", "),
                header.join(", ")
            )));
        }
        self.header = header.iter().map(|column| self.meaning(column)).collect();
        let unknown: Vec<&str> = header
            .iter()
            .zip(&self.header)
            .filter(|(_, meaning)| **meaning == Meaning::Unknown)
            .map(|(column, _)| column.as_str())
            .collect();
        if !unknown.is_empty() {
            return Err(AdminError::Invalid(format!(
                "the file has columns that are no {}: {}; {}",
                self.parts(),
                unknown.join(", "),
                self.way_out()
            )));
        }
        for (index, meaning) in self.header.iter().enumerate() {
            let Meaning::Of(field) = meaning else { continue };
            if self.header.iter().skip(index + 1).any(|other| other == meaning) {
                return Err(AdminError::Invalid(format!(
                    "two columns of the file mean {field}; leave one of them out"
                )));
            }
        }
        for required in self.required() {
            if !self
                .header
                .iter()
                .any(|meaning| matches!(meaning, Meaning::Of(field) if &**field == *required))
            {
                return Err(AdminError::Invalid(format!(
                    "the file has no column {required}; map one to it, such as 'Login={required}'"
                )));
            }
        }
        Ok(())
    }

    /// Hands each value that means something to `take`.
    ///
    /// # Errors
    /// What is wrong: a member that means nothing, or what `take` says.
    pub(super) fn read(
        &mut self,
        cells: &Cells,
        mut take: impl FnMut(&str, Cell<'_>) -> Result<(), String>,
    ) -> Result<(), String> {
        let mut wrong = Ok(());
        match cells {
            Cells::Csv(values) => {
                for (meaning, value) in self.header.iter().zip(values) {
                    if let Meaning::Of(field) = meaning {
                        wrong = wrong.and(take(field, Cell::Text(value)));
                    }
                }
            }
            Cells::Json(members) => {
                for (name, value) in members {
                    match self.remembered(name) {
                        Meaning::Of(field) => wrong = wrong.and(take(&field, cell_of(value))),
                        Meaning::Left => {}
                        Meaning::Unknown => {
                            wrong = wrong.and(Err(format!("{name:?} {}", self.no_meaning())));
                        }
                    }
                }
            }
        }
        wrong
    }

    fn remembered(&mut self, name: &str) -> Meaning {
        if let Some(known) = self.known.get(name) {
            return known.clone();
        }
        let meaning = self.meaning(name);
        if self.known.len() < MAX_REMEMBERED {
            self.known.insert(name.to_owned(), meaning.clone());
        }
        meaning
    }

    fn meaning(&self, column: &str) -> Meaning {
        match self.map.called(column) {
            None => Meaning::Left,
            Some(name) => self.field(name).map_or(Meaning::Unknown, Meaning::Of),
        }
    }

    /// The field, or part, of that name.
    fn field(&self, name: &str) -> Option<Arc<str>> {
        let plain = || -> String {
            name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase()
        };
        match self.kind {
            ImportKind::Accounts => self.policy.fields().meant(name).map(Arc::from),
            ImportKind::Groups => match plain().as_str() {
                "displayname" | "name" | "group" => Some(Arc::from("DisplayName")),
                "members" => Some(Arc::from("Members")),
                _ => None,
            },
            ImportKind::Memberships => match plain().as_str() {
                "group" | "displayname" => Some(Arc::from("Group")),
                "member" | "username" => Some(Arc::from("Member")),
                _ => None,
            },
        }
    }

    /// The field, or part, that a line is known by.
    pub(super) const fn key(&self) -> &'static str {
        match self.kind {
            ImportKind::Accounts => "UserName",
            ImportKind::Groups => "DisplayName",
            ImportKind::Memberships => "Group",
        }
    }

    const fn required(&self) -> &'static [&'static str] {
        match self.kind {
            ImportKind::Accounts => &["UserName"],
            ImportKind::Groups => &["DisplayName"],
            ImportKind::Memberships => &["Group", "Member"],
        }
    }

    const fn parts(&self) -> &'static str {
        match self.kind {
            ImportKind::Accounts => "fields",
            ImportKind::Groups => "parts of groups",
            ImportKind::Memberships => "parts of memberships",
        }
    }

    const fn way_out(&self) -> &'static str {
        match self.kind {
            ImportKind::Accounts => {
                "declare them with `rollcall field add`, map them to fields (--map COLUMN=FIELD), or leave them out (--ignore)"
            }
            ImportKind::Groups => {
                "a group has DisplayName and Members; map columns to them (--map), or leave them out (--ignore)"
            }
            ImportKind::Memberships => {
                "a membership has Group and Member; map columns to them (--map), or leave them out (--ignore)"
            }
        }
    }

    const fn no_meaning(&self) -> &'static str {
        match self.kind {
            ImportKind::Accounts => "is no field; declare it with `rollcall field add`",
            ImportKind::Groups => "is no part of a group; those are DisplayName and Members",
            ImportKind::Memberships => "is no part of a membership; those are Group and Member",
        }
    }
}
