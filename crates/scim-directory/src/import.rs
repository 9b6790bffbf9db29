//! Imports of files: how far each has come, so that it goes on from there, and the lines that it did not take.

use std::fmt;
use std::str::FromStr;

use scim_core::instant::Timestamp;
use serde::{Deserialize, Serialize};

/// The most characters of an [`ImportId`].
const MAX_ID_CHARS: usize = 100;

/// What an import is known by in its instance: the digest of a file and of how it is read, or a name that was given.
/// 1 to 100 letters, digits, `.`, `_` and `-`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ImportId(String);

/// A text that is no [`ImportId`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no id of an import: give 1 to {MAX_ID_CHARS} letters, digits, '.', '_' and '-'")]
pub struct BadImportId(String);

impl ImportId {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ImportId {
    type Err = BadImportId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fit = |letter: char| letter.is_ascii_alphanumeric() || "._-".contains(letter);
        if text.is_empty() || text.len() > MAX_ID_CHARS || !text.chars().all(fit) {
            return Err(BadImportId(text.chars().take(MAX_ID_CHARS).collect()));
        }
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<String> for ImportId {
    type Error = BadImportId;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<ImportId> for String {
    fn from(id: ImportId) -> Self {
        id.0
    }
}

impl fmt::Display for ImportId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a file's lines describe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ImportKind {
    /// An account each.
    Accounts,
    /// A group each, perhaps with members.
    Groups,
    /// A member of a group each.
    Memberships,
}

impl ImportKind {
    /// The word for it, as it stands in JSON.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Accounts => "accounts",
            Self::Groups => "groups",
            Self::Memberships => "memberships",
        }
    }
}

/// Where an import is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ImportState {
    /// Not at the end of its file: somebody works at it, or it was interrupted.
    Running,
    /// At the end of its file.
    Done,
}

/// An import: what it is, and how far it has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportRecord {
    /// What it is known by.
    pub id: ImportId,
    /// What its lines describe.
    pub kind: ImportKind,
    /// What the file is called, for people.
    pub label: String,
    /// Where it is.
    pub state: ImportState,
    /// When it was begun.
    pub started: Timestamp,
    /// When it last came further.
    pub updated: Timestamp,
    /// The number of the line, from 1, up to which every line is done.
    pub lines: u64,
    /// How many members of the next line's group are done already; 0 unless that line is a long one.
    pub within: u64,
    /// Lines that were brought in.
    pub imported: u64,
    /// Lines whose account, group or membership was there already.
    pub there: u64,
    /// Lines that were not taken.
    pub rejected: u64,
}

/// How far an import had come when something was decided about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportPlace {
    /// [`ImportRecord::started`].
    pub started: Timestamp,
    /// [`ImportRecord::lines`].
    pub lines: u64,
    /// [`ImportRecord::within`].
    pub within: u64,
}

impl ImportRecord {
    /// How far it has come.
    #[must_use]
    pub const fn place(&self) -> ImportPlace {
        ImportPlace { started: self.started, lines: self.lines, within: self.within }
    }
}

/// A line that an import did not take.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RejectedLine {
    /// The number of the line, from 1.
    pub line: u64,
    /// The user name or group that it is about, where that could be read.
    pub key: Option<String>,
    /// Why, and what to change.
    pub reason: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_imports() {
        let check = |text: &str, fit: bool| assert_eq!(text.parse::<ImportId>().is_ok(), fit, "{text:?}");
        check("nightly-2026.11.21_a", true);
        check(&"a".repeat(100), true);
        check(&"a".repeat(101), false);
        for text in ["", "a b", "ä", "a/b", "a\n"] {
            check(text, false);
        }
    }
}
