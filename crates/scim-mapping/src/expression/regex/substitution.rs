//! .NET's replacement patterns.

use std::ops::Range;

use super::translate::Groups;

/// A replacement that was read.
pub(super) struct Substitution {
    parts: Vec<Part>,
}

enum Part {
    Text(String),
    /// What a group matched; 0 is the whole match.
    Group(u32),
    Before,
    After,
    Everything,
}

impl Substitution {
    /// Reads a replacement. What names no group of the pattern stands for itself.
    pub(super) fn parse(replacement: &str, groups: &Groups) -> Self {
        let mut parts = Vec::new();
        let mut text = String::new();
        let mut rest = replacement;
        while let Some(at) = rest.find('$') {
            text.push_str(rest.get(..at).unwrap_or_default());
            let after = rest.get(at + 1..).unwrap_or_default();
            let (part, length) = dollar(after, groups);
            match part {
                Part::Text(literal) => text.push_str(&literal),
                part => {
                    if !text.is_empty() {
                        parts.push(Part::Text(std::mem::take(&mut text)));
                    }
                    parts.push(part);
                }
            }
            rest = after.get(length..).unwrap_or_default();
        }
        text.push_str(rest);
        if !text.is_empty() {
            parts.push(Part::Text(text));
        }
        Self { parts }
    }

    /// Writes what stands in place of a match.
    pub(super) fn write(
        &self,
        text: &str,
        whole: &Range<usize>,
        span: impl Fn(u32) -> Option<Range<usize>>,
        output: &mut String,
    ) {
        for part in &self.parts {
            let piece = match part {
                Part::Text(literal) => Some(literal.as_str()),
                Part::Group(number) => span(*number).and_then(|span| text.get(span)),
                Part::Before => text.get(..whole.start),
                Part::After => text.get(whole.end..),
                Part::Everything => Some(text),
            };
            output.push_str(piece.unwrap_or_default());
            if output.len() > super::MAX_OUTPUT {
                return;
            }
        }
    }
}

/// What a `$` with this after it stands for, and how many bytes of what is after it belong to that.
fn dollar(after: &str, groups: &Groups) -> (Part, usize) {
    let alone = (Part::Text("$".to_owned()), 0);
    match after.chars().next() {
        Some('$') => (Part::Text("$".to_owned()), 1),
        Some('&') => (Part::Group(0), 1),
        Some('`') => (Part::Before, 1),
        Some('\'') => (Part::After, 1),
        Some('+') => (Part::Group(groups.last()), 1),
        Some('_') => (Part::Everything, 1),
        Some('{') => {
            let name = after.get(1..).and_then(|inner| inner.split_once('}')).map(|(name, _)| name);
            match name.and_then(|name| Some((name, groups.number(name)?))) {
                Some((name, number)) => (Part::Group(number), name.len() + 2),
                None => alone,
            }
        }
        Some(digit) if digit.is_ascii_digit() => {
            // All digits belong to the number; `${1}0` says it otherwise.
            let length = after.bytes().take_while(u8::is_ascii_digit).count();
            match after.get(..length).and_then(|number| groups.number(number)) {
                Some(number) => (Part::Group(number), length),
                None => alone,
            }
        }
        _ => alone,
    }
}
