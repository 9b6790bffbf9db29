//! Regular expressions as .NET has them, on `fancy-regex`.
//!
//! A pattern is read by .NET's rules and written again for `fancy-regex`: groups are numbered as .NET does (those with a
//! name after all others), `$` and `\Z` match before a final newline too, `\w` is .NET's, unknown escapes and possessive
//! quantifiers are errors. Replacements know all of .NET's substitutions. `(?i)`, `(?m)`, `(?s)`, `(?n)`, `(?x)`,
//! lookaround, atomic groups, backreferences, class subtraction and conditions on a group are there.
//!
//! Deliberately absent, and refused when a pattern is read: balancing groups (`(?<a-b>..)`), conditions on an expression
//! (`(?(..)..)`, which two lookaheads can say), names of Unicode blocks that are not in a short list (`\p{IsThai}`),
//! matching from right to left. What remains different: a pattern that goes back too often is an error, not a matter of
//! time; of groups with the same name, the one that matched furthest to the right counts.

mod class;
mod substitution;
mod translate;

use std::ops::Range;

use super::fault::Fault;
use substitution::Substitution;
use translate::{Groups, translate};

/// Longest pattern, in characters.
const MAX_PATTERN: usize = 10_000;
/// How often one search may go back.
const MAX_BACKTRACKS: usize = 1_000_000;
/// How large a part of a pattern may become when it is compiled, in bytes.
const MAX_COMPILED: usize = 4 << 20;
/// How many instructions the rest of it may have.
const MAX_INSTRUCTIONS: usize = 100_000;
/// Longest text that a replacement may produce, in bytes.
const MAX_OUTPUT: usize = 4 << 20;

/// A compiled pattern.
#[derive(Clone, Debug)]
pub struct Regex {
    plain: fancy_regex::Regex,
    /// For texts that end with a newline, if that makes a difference. The engine is faster without.
    before_newline: Option<fancy_regex::Regex>,
    groups: Groups,
    anchored: bool,
}

/// Where a pattern matched, and where its groups did.
struct Found {
    whole: Range<usize>,
    /// By the engine's own number of a group.
    groups: Vec<Option<Range<usize>>>,
}

impl Regex {
    /// Compiles a pattern.
    ///
    /// # Errors
    ///
    /// [`Fault::Regex`] if it is not valid, needs what is deliberately absent, or is too large when compiled;
    /// [`Fault::Limit`] if it has more than 10,000 characters or groups within groups within groups beyond 50.
    pub fn new(pattern: &str) -> Result<Self, Fault> {
        if pattern.chars().count() > MAX_PATTERN {
            return Err(Fault::Limit(format!("a regular expression has at most {MAX_PATTERN} characters")));
        }
        let translation = translate(pattern)?;
        let compile = |translated: &str| {
            fancy_regex::RegexBuilder::new(translated)
                .backtrack_limit(MAX_BACKTRACKS)
                .delegate_size_limit(MAX_COMPILED)
                .max_prog_size(MAX_INSTRUCTIONS)
                .build()
                .map_err(|error| {
                    Fault::Regex(format!("the regular expression {pattern:?} is not valid: {error}"))
                })
        };
        Ok(Self {
            plain: compile(&translation.plain)?,
            before_newline: translation.before_newline.as_deref().map(compile).transpose()?,
            groups: translation.groups,
            anchored: translation.anchored,
        })
    }

    /// Whether the pattern says that it is about the whole text: it begins with `^` or `\A` and ends with `$`, `\Z` or
    /// `\z`, in each of its alternatives.
    #[must_use]
    pub fn is_anchored(&self) -> bool {
        self.anchored
    }

    /// Whether there is a group of this name, or of this number.
    #[must_use]
    pub fn has_group(&self, group: &str) -> bool {
        self.groups.number(group).is_some()
    }

    /// Whether the pattern matches anywhere in the text.
    ///
    /// # Errors
    ///
    /// [`Fault::Regex`] if it goes back too often.
    pub fn is_match(&self, text: &str) -> Result<bool, Fault> {
        self.engine(text).is_match(text).map_err(too_long)
    }

    /// Every match replaced, as `Regex.Replace` does: `$1`, `${name}`, `$0` or `$&` (the match), `$$`, `` $` `` (what is
    /// before the match), `$'` (what is after it), `$+` (the last group), `$_` (the whole text). A group that did not take
    /// part gives nothing; what names no group stands for itself.
    ///
    /// # Errors
    ///
    /// [`Fault::Regex`] if the pattern goes back too often; [`Fault::Limit`] if the result is larger than 4 MiB.
    pub fn replace_all(&self, text: &str, replacement: &str) -> Result<String, Fault> {
        let substitution = Substitution::parse(replacement, &self.groups);
        self.rewrite(text, |found, output| {
            substitution.write(text, &found.whole, |number| self.span(found, number), output);
            found.whole.clone()
        })
    }

    /// In every match, what the group matched replaced by the text; the rest of the match stays, and so does a match in
    /// which the group did not take part.
    ///
    /// # Errors
    ///
    /// [`Fault::Regex`] if there is no such group, or the pattern goes back too often; [`Fault::Limit`] if the result is
    /// larger than 4 MiB.
    pub fn replace_group(&self, text: &str, group: &str, replacement: &str) -> Result<String, Fault> {
        let number = self.number(group)?;
        self.rewrite(text, |found, output| match self.span(found, number) {
            Some(span) => {
                output.push_str(replacement);
                span
            }
            None => found.whole.end..found.whole.end,
        })
    }

    /// What the group matched in the first match; nothing if there is no match, or the group did not take part.
    ///
    /// # Errors
    ///
    /// [`Fault::Regex`] if there is no such group, or the pattern goes back too often.
    pub fn group_value<'t>(&self, text: &'t str, group: &str) -> Result<Option<&'t str>, Fault> {
        let number = self.number(group)?;
        let found = self.find(text, 0)?;
        Ok(found.and_then(|found| self.span(&found, number)).and_then(|span| text.get(span)))
    }

    fn number(&self, group: &str) -> Result<u32, Fault> {
        self.groups.number(group).ok_or_else(|| {
            Fault::Regex(format!("the regular expression has no group {group:?}; write it as (?<{group}>..)"))
        })
    }

    fn engine(&self, text: &str) -> &fancy_regex::Regex {
        match &self.before_newline {
            Some(engine) if text.ends_with('\n') => engine,
            _ => &self.plain,
        }
    }

    /// The first match from a position on.
    fn find(&self, text: &str, position: usize) -> Result<Option<Found>, Fault> {
        let captures = self.engine(text).captures_from_pos(text, position).map_err(too_long)?;
        Ok(captures.and_then(|captures| {
            let whole = captures.get(0)?.range();
            let groups = captures.iter().map(|group| group.map(|group| group.range())).collect();
            Some(Found { whole, groups })
        }))
    }

    /// Where the group of .NET's number matched.
    fn span(&self, found: &Found, number: u32) -> Option<Range<usize>> {
        if number == 0 {
            return Some(found.whole.clone());
        }
        let spans = self.groups.engine_numbers(number).filter_map(|index| found.groups.get(index)?.clone());
        spans.max_by_key(|span| (span.start, span.end))
    }

    /// Goes over the matches as .NET does: an empty match may follow another one, and is not found twice. For each,
    /// `write` adds to the output, and says what part of the text that stands for.
    fn rewrite(
        &self,
        text: &str,
        write: impl Fn(&Found, &mut String) -> Range<usize>,
    ) -> Result<String, Fault> {
        let mut output = String::new();
        let mut addition = String::new();
        let mut copied = 0;
        let mut position = 0;
        while let Some(found) = self.find(text, position)? {
            addition.clear();
            let replaced = write(&found, &mut addition);
            output.push_str(text.get(copied..replaced.start).unwrap_or_default());
            output.push_str(&addition);
            copied = replaced.end.max(copied);
            if output.len() > MAX_OUTPUT {
                return Err(Fault::Limit("the replacements make the text larger than 4 MiB".to_owned()));
            }
            position = found.whole.end;
            if found.whole.is_empty() {
                match text.get(position..).and_then(|rest| rest.chars().next()) {
                    Some(next) => position += next.len_utf8(),
                    None => break,
                }
            }
        }
        output.push_str(text.get(copied..).unwrap_or_default());
        Ok(output)
    }
}

/// Why a search gave up.
fn too_long(_: fancy_regex::Error) -> Fault {
    Fault::Regex(
        "the regular expression takes too many steps on this text; write a pattern that goes back less"
            .to_owned(),
    )
}

#[cfg(test)]
mod tests;
