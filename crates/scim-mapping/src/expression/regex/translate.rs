//! Writes a .NET pattern again for `fancy-regex`.
//!
//! Every element is written by itself, with its own flags, so that nothing depends on what the two syntaxes make of a
//! longer piece. The pattern is read twice: what `\1` means depends on the groups of the whole.

use super::super::fault::Fault;
use super::class::{class, property, shorthand};

/// How deep groups may be nested.
const MAX_DEPTH: usize = 50;
/// How many elements a pattern may have when its counted repetitions are written out. Repeating what takes no characters
/// is work that the engine's limit on going back does not see.
const MAX_WEIGHT: u64 = 100_000;

/// What came of a pattern.
pub(super) struct Translation {
    /// For texts that do not end with a newline.
    pub(super) plain: String,
    /// For those that do, if that is something else.
    pub(super) before_newline: Option<String>,
    pub(super) groups: Groups,
    pub(super) anchored: bool,
}

/// The groups of a pattern. The engine numbers them in order; .NET numbers first those without a name.
#[derive(Clone, Debug, Default)]
pub(super) struct Groups {
    /// .NET's number of each of the engine's groups, from the engine's group 1.
    numbers: Vec<u32>,
    names: Vec<(String, u32)>,
}

/// How a group was written.
enum GroupName {
    None,
    Number(u32),
    Text(String),
}

impl Groups {
    fn of(found: &[GroupName]) -> Self {
        let mut unnamed = 0;
        let mut numbers = found
            .iter()
            .map(|name| match name {
                GroupName::None => {
                    unnamed += 1;
                    unnamed
                }
                GroupName::Number(number) => *number,
                GroupName::Text(_) => 0,
            })
            .collect::<Vec<u32>>();
        let mut names: Vec<(String, u32)> = Vec::new();
        let mut next = unnamed + 1;
        for (index, name) in found.iter().enumerate() {
            let GroupName::Text(name) = name else { continue };
            let number = match names.iter().find(|(known, _)| known == name) {
                Some((_, number)) => *number,
                None => {
                    while numbers.contains(&next) {
                        next += 1;
                    }
                    names.push((name.clone(), next));
                    next
                }
            };
            if let Some(slot) = numbers.get_mut(index) {
                *slot = number;
            }
        }
        Self { numbers, names }
    }

    /// The number of a group by its name, or by its number written as text.
    pub(super) fn number(&self, name: &str) -> Option<u32> {
        if let Some((_, number)) = self.names.iter().find(|(known, _)| known == name) {
            return Some(*number);
        }
        let digits = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit());
        name.parse().ok().filter(|number| digits && (*number == 0 || self.numbers.contains(number)))
    }

    /// The highest number.
    pub(super) fn last(&self) -> u32 {
        self.numbers.iter().copied().max().unwrap_or(0)
    }

    /// The engine's groups that have this number here.
    pub(super) fn engine_numbers(&self, number: u32) -> impl Iterator<Item = usize> {
        (1..).zip(&self.numbers).filter(move |(_, known)| **known == number).map(|(index, _)| index)
    }
}

pub(super) fn translate(pattern: &str) -> Result<Translation, Fault> {
    let told = |fault| match fault {
        Fault::Regex(reason) => {
            Fault::Regex(format!("the regular expression {pattern:?} is not valid: {reason}"))
        }
        other => other,
    };
    let first = Writer::run(pattern, None, END).map_err(told)?;
    let groups = Groups::of(&first.found);
    let second = Writer::run(pattern, Some(&groups), END).map_err(told)?;
    let before_newline = match first.has_end {
        true => Some(Writer::run(pattern, Some(&groups), END_OR_NEWLINE).map_err(told)?.output),
        false => None,
    };
    Ok(Translation { plain: second.output, before_newline, groups, anchored: first.anchored })
}

/// The end of the text.
const END: &str = r"\z";
/// The end of the text, or the place before a newline there.
const END_OR_NEWLINE: &str = r"(?=\n?\z)";

pub(super) fn bad(reason: &str) -> Fault {
    Fault::Regex(reason.to_owned())
}

/// A character that stands for itself.
pub(super) fn escape(character: char) -> String {
    if character.is_ascii_alphanumeric() || (!character.is_ascii() && !character.is_control()) {
        character.to_string()
    } else {
        format!(r"\x{{{:X}}}", u32::from(character))
    }
}

/// A place in the pattern.
pub(super) struct Cursor<'a> {
    rest: std::str::Chars<'a>,
}

impl Cursor<'_> {
    pub(super) fn next(&mut self) -> Option<char> {
        self.rest.next()
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.peek_at(0)
    }

    pub(super) fn peek_at(&self, index: usize) -> Option<char> {
        self.rest.clone().nth(index)
    }

    pub(super) fn skip(&mut self, character: char) -> bool {
        let found = self.peek() == Some(character);
        if found {
            self.next();
        }
        found
    }

    fn skip_text(&mut self, text: &str) -> bool {
        let rest = self.rest.as_str().strip_prefix(text);
        if let Some(rest) = rest {
            self.rest = rest.chars();
        }
        rest.is_some()
    }

    /// What stands up to `end`, if it does end; the end is passed over.
    fn until(&mut self, end: char) -> Option<String> {
        let (inner, rest) = self.rest.as_str().split_once(end)?;
        self.rest = rest.chars();
        Some(inner.to_owned())
    }

    /// What stands in braces here.
    pub(super) fn braced(&mut self) -> Option<String> {
        if self.skip('{') { self.until('}') } else { None }
    }

    /// Up to `most` digits of a base, as a number.
    fn digits(&mut self, radix: u32, most: usize) -> (u32, usize) {
        let mut number = 0_u32;
        let mut count = 0;
        while count < most
            && let Some(digit) = self.peek().and_then(|next| next.to_digit(radix))
        {
            number = number.saturating_mul(radix).saturating_add(digit);
            self.next();
            count += 1;
        }
        (number, count)
    }

    /// The character that an escape stands for, after its backslash and first character.
    pub(super) fn escaped(&mut self, letter: char) -> Result<char, Fault> {
        Ok(match letter {
            'a' => '\u{7}',
            'e' => '\u{1B}',
            'f' => '\u{C}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'v' => '\u{B}',
            'x' | 'u' => {
                let length = if letter == 'x' { 2 } else { 4 };
                let unit = self.hexadecimal(length)?;
                if (0xD800..0xDC00).contains(&unit) && self.skip_text(r"\u") {
                    let low = self.hexadecimal(4)?;
                    let code = 0x1_0000 + (unit - 0xD800) * 0x400 + low.wrapping_sub(0xDC00) % 0x400;
                    return char::from_u32(code)
                        .filter(|_| (0xDC00..0xE000).contains(&low))
                        .ok_or_else(|| bad("\\u names half of a pair"));
                }
                char::from_u32(unit).ok_or_else(|| bad("\\u names half of a pair"))?
            }
            'c' => {
                let control = self.next().map(|next| next.to_ascii_uppercase());
                control
                    .filter(|next| ('@'..='_').contains(next))
                    .and_then(|next| char::from_u32(u32::from(next) - 0x40))
                    .ok_or_else(|| bad(r"\c is followed by a letter"))?
            }
            '0'..='7' => {
                let (rest, count) = self.digits(8, 2);
                let first = letter.to_digit(8).unwrap_or_default();
                let code = first * 8_u32.pow(u32::try_from(count).unwrap_or_default()) + rest;
                char::from_u32(code & 0xFF).unwrap_or_default()
            }
            _ if letter.is_alphanumeric() || letter == '_' => {
                return Err(bad(&format!(r"\{letter} has no meaning")));
            }
            _ => letter,
        })
    }

    fn hexadecimal(&mut self, length: usize) -> Result<u32, Fault> {
        match self.digits(16, length) {
            (code, count) if count == length => Ok(code),
            _ => Err(bad(&format!("an escape lacks some of its {length} hexadecimal digits"))),
        }
    }
}

#[derive(Clone, Copy, Default)]
struct Flags {
    ignore_case: bool,
    multi_line: bool,
    single_line: bool,
    explicit: bool,
    extended: bool,
}

/// What was written last, as a quantifier sees it.
enum Last {
    /// Nothing, or something that takes no quantifier.
    Nothing,
    /// A quantifier; another one may not follow.
    Quantifier,
    /// Something with characters, written from this place of the output on.
    Characters(usize),
    /// Something without: a place in the text, or a look around.
    Place(usize),
}

/// A group that is open.
struct Open {
    flags: Flags,
    /// Where it begins in the output.
    start: usize,
    /// It looks around, and takes no characters.
    looks: bool,
    /// How many alternatives it may still begin, where that is limited.
    alternatives: Option<usize>,
    /// How many elements there are before it, at its level.
    weight: u64,
}

struct Writer<'a> {
    cursor: Cursor<'a>,
    groups: Option<&'a Groups>,
    /// What stands for the end of the text.
    end: &'static str,
    output: String,
    flags: Flags,
    open: Vec<Open>,
    last: Last,
    /// How many elements were written at this level, repetitions counted, and how many of them are the last one.
    weight: u64,
    last_weight: u64,
    found: Vec<GroupName>,
    /// The end of the text is written somewhere.
    has_end: bool,
    anchored: bool,
    /// The current alternative outside of groups begins with the beginning of the text.
    starts: bool,
    /// What was read last is the end of the text, outside of groups.
    ends: bool,
    /// Nothing of the current alternative was read yet.
    fresh: bool,
}

impl<'a> Writer<'a> {
    fn run(pattern: &'a str, groups: Option<&'a Groups>, end: &'static str) -> Result<Self, Fault> {
        let mut writer = Self {
            cursor: Cursor { rest: pattern.chars() },
            groups,
            end,
            output: String::new(),
            flags: Flags::default(),
            open: Vec::new(),
            last: Last::Nothing,
            weight: 0,
            last_weight: 0,
            found: Vec::new(),
            has_end: false,
            anchored: true,
            starts: false,
            ends: false,
            fresh: true,
        };
        while let Some(next) = writer.cursor.next() {
            writer.element(next)?;
        }
        if !writer.open.is_empty() {
            return Err(bad("a group does not end; write )"));
        }
        writer.anchored &= writer.starts && writer.ends;
        Ok(writer)
    }

    fn element(&mut self, next: char) -> Result<(), Fault> {
        if self.flags.extended && self.blank(next) {
            return Ok(());
        }
        if matches!(next, '*' | '+' | '?') || (next == '{' && self.bounds().is_some()) {
            return self.quantifier(next);
        }
        let outside = self.open.is_empty();
        let was_fresh = std::mem::replace(&mut self.fresh, false);
        let ended = std::mem::replace(&mut self.ends, false);
        match next {
            '(' => return self.group(),
            ')' => return self.close(),
            '|' => return self.alternative(ended),
            '^' if self.flags.multi_line => self.place("(?m:^)"),
            '^' => self.start_of_text(was_fresh && outside),
            '$' if self.flags.multi_line => self.place("(?m:$)"),
            '$' => self.end_of_text(self.end, outside),
            '.' if self.flags.single_line => self.characters(r"[\s\S]"),
            '.' => self.characters(r"[^\n]"),
            '[' => {
                let class = class(&mut self.cursor, 0)?;
                self.characters(&class);
            }
            '\\' => self.escape(was_fresh && outside, outside)?,
            literal => self.characters(&escape(literal)),
        }
        Ok(())
    }

    /// Passes over blanks and comments of a pattern in extended form.
    fn blank(&mut self, next: char) -> bool {
        if next == '#' {
            while self.cursor.next().is_some_and(|character| character != '\n') {}
        }
        next == '#' || next.is_whitespace()
    }

    fn characters(&mut self, written: &str) {
        self.last = Last::Characters(self.output.len());
        self.weigh(1);
        if self.flags.ignore_case {
            self.output.push_str("(?i:");
            self.output.push_str(written);
            self.output.push(')');
        } else {
            self.output.push_str(written);
        }
    }

    fn weigh(&mut self, weight: u64) {
        self.last_weight = weight;
        self.weight = self.weight.saturating_add(weight);
    }

    fn place(&mut self, written: &str) {
        self.last = Last::Place(self.output.len());
        self.weigh(1);
        self.output.push_str(written);
    }

    fn start_of_text(&mut self, first: bool) {
        self.starts |= first;
        self.place(r"\A");
    }

    fn end_of_text(&mut self, written: &str, outside: bool) {
        self.ends = outside;
        self.has_end |= written == self.end;
        self.place(written);
    }

    fn escape(&mut self, first: bool, outside: bool) -> Result<(), Fault> {
        let letter = self.cursor.next().ok_or_else(|| bad("it ends with a backslash"))?;
        if let Some(set) = shorthand(letter) {
            self.characters(&set);
            return Ok(());
        }
        match letter {
            'A' => self.start_of_text(first),
            'Z' => self.end_of_text(self.end, outside),
            'z' => {
                self.ends = outside;
                self.place(END);
            }
            'G' => self.place(r"\G"),
            'b' => self.place(r"\b"),
            'B' => self.place(r"\B"),
            'p' | 'P' => {
                let set = property(&mut self.cursor, letter == 'P')?;
                self.characters(&set);
            }
            'k' => {
                let end = match self.cursor.next() {
                    Some('<') => '>',
                    Some('\'') => '\'',
                    _ => return Err(bad(r"write a reference to a group as \k<name>")),
                };
                let name = self.cursor.until(end).ok_or_else(|| bad(r"\k<..> does not end"))?;
                self.reference(&name)?;
            }
            '1'..='9' => self.numbered(letter)?,
            _ => {
                let character = self.cursor.escaped(letter)?;
                self.characters(&escape(character));
            }
        }
        Ok(())
    }

    /// `\1`: a reference to a group, or a character in octal digits where there is no such group.
    fn numbered(&mut self, first: char) -> Result<(), Fault> {
        let digits = self.cursor.rest.as_str();
        let length = digits.bytes().take_while(u8::is_ascii_digit).count();
        let number = format!("{first}{}", digits.get(..length).unwrap_or_default());
        let known = self.groups.is_none_or(|groups| groups.number(&number).is_some());
        if known || number.len() == 1 {
            self.cursor.rest = digits.get(length..).unwrap_or_default().chars();
            return self.reference(&number);
        }
        let character = self.cursor.escaped(first)?;
        self.characters(&escape(character));
        Ok(())
    }

    fn reference(&mut self, name: &str) -> Result<(), Fault> {
        let Some(groups) = self.groups else {
            self.characters("x");
            return Ok(());
        };
        let number = groups.number(name).filter(|number| *number > 0);
        let number =
            number.ok_or_else(|| bad(&format!("it refers to the group {name:?}, which it does not have")))?;
        let written = groups.engine_numbers(number).map(|index| format!(r"\{index}")).collect::<Vec<_>>();
        // Of groups of one name, at most one took part as a rule.
        self.characters(&format!("(?:{})", written.join("|")));
        Ok(())
    }

    fn alternative(&mut self, ended: bool) -> Result<(), Fault> {
        match self.open.last_mut() {
            Some(Open { alternatives: Some(0), .. }) => {
                return Err(bad("a condition (?(..)..) has at most two alternatives"));
            }
            Some(Open { alternatives: Some(left), .. }) => *left -= 1,
            Some(_) => {}
            None => {
                self.anchored &= self.starts && ended;
                self.starts = false;
                self.fresh = true;
            }
        }
        self.output.push('|');
        self.last = Last::Nothing;
        Ok(())
    }

    fn open(&mut self, written: &str, looks: bool) -> Result<(), Fault> {
        if self.open.len() >= MAX_DEPTH {
            return Err(Fault::Limit(format!(
                "groups of a regular expression are nested at most {MAX_DEPTH} deep"
            )));
        }
        self.open.push(Open {
            flags: self.flags,
            start: self.output.len(),
            looks,
            alternatives: None,
            weight: self.weight,
        });
        self.weight = 0;
        self.output.push_str(written);
        self.last = Last::Nothing;
        Ok(())
    }

    fn close(&mut self) -> Result<(), Fault> {
        let open = self.open.pop().ok_or_else(|| bad("there is a ) too many"))?;
        self.output.push(')');
        self.flags = open.flags;
        let inner = self.weight.saturating_add(1);
        self.weight = open.weight;
        self.weigh(inner);
        self.last = if open.looks { Last::Place(open.start) } else { Last::Characters(open.start) };
        Ok(())
    }

    fn capture(&mut self, name: GroupName) -> Result<(), Fault> {
        self.open("(", false)?;
        self.found.push(name);
        Ok(())
    }

    /// What begins with a parenthesis.
    fn group(&mut self) -> Result<(), Fault> {
        if !self.cursor.skip('?') {
            return if self.flags.explicit { self.open("(?:", false) } else { self.capture(GroupName::None) };
        }
        for (written, looks) in
            [(":", false), (">", false), ("=", true), ("!", true), ("<=", true), ("<!", true)]
        {
            if self.cursor.skip_text(written) {
                return self.open(&format!("(?{written}"), looks);
            }
        }
        match self.cursor.peek() {
            Some('#') => {
                self.cursor.until(')').ok_or_else(|| bad("a comment (?#..) does not end"))?;
                Ok(())
            }
            Some('<') => self.named('>'),
            Some('\'') => self.named('\''),
            Some('(') => self.condition(),
            _ => self.change_flags(),
        }
    }

    fn named(&mut self, end: char) -> Result<(), Fault> {
        self.cursor.next();
        let name = self.cursor.until(end).ok_or_else(|| bad("the name of a group does not end"))?;
        let word = |character: char| character.is_alphanumeric() || character == '_';
        if name.contains('-') {
            return Err(bad("balancing groups (?<a-b>..) are not supported"));
        }
        if name.is_empty() || !name.chars().all(word) {
            return Err(bad(&format!("{name:?} is not a name for a group; use letters, digits and _")));
        }
        if !name.starts_with(|first: char| first.is_ascii_digit()) {
            return self.capture(GroupName::Text(name));
        }
        match name.parse::<u32>() {
            Ok(number @ 1..=9_999) => self.capture(GroupName::Number(number)),
            _ => Err(bad(&format!("{name:?} is not a name for a group; begin with a letter"))),
        }
    }

    /// `(?(1)yes|no)`, after the question mark.
    fn condition(&mut self) -> Result<(), Fault> {
        self.cursor.next();
        let name = self.cursor.until(')').ok_or_else(|| bad("a condition (?(..)..) does not end"))?;
        let index = match self.groups {
            None => Some(1),
            Some(groups) => {
                let number = groups.number(&name).filter(|number| *number > 0);
                number.and_then(|number| groups.engine_numbers(number).next())
            }
        };
        let index = index.ok_or_else(|| {
            bad("only a group can be a condition (?(name)..|..); write another one as (?:(?=..)..|(?!..)..)")
        })?;
        self.open(&format!("(?({index})"), false)?;
        if let Some(open) = self.open.last_mut() {
            open.alternatives = Some(1);
        }
        Ok(())
    }

    /// `(?i-s)` and `(?i-s:`, after the question mark.
    fn change_flags(&mut self) -> Result<(), Fault> {
        let mut flags = self.flags;
        let mut on = true;
        loop {
            match self.cursor.next() {
                Some('-') => on = false,
                Some('+') => on = true,
                Some('i') => flags.ignore_case = on,
                Some('m') => flags.multi_line = on,
                Some('s') => flags.single_line = on,
                Some('n') => flags.explicit = on,
                Some('x') => flags.extended = on,
                Some(')') => {
                    self.flags = flags;
                    // As before: what follows is no part of this.
                    self.fresh |= self.open.is_empty() && self.output.is_empty();
                    self.last = Last::Nothing;
                    return Ok(());
                }
                Some(':') => {
                    self.open("(?:", false)?;
                    self.flags = flags;
                    return Ok(());
                }
                _ => return Err(bad("(? is followed by what is no kind of group")),
            }
        }
    }

    /// The bounds in braces that begin here, after the `{`, and their length.
    fn bounds(&self) -> Option<(u32, Option<u32>, usize)> {
        let rest = self.cursor.rest.as_str();
        let (inner, _) = rest.split_once('}')?;
        let number = |digits: &str| {
            let valid = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
            valid.then(|| digits.parse().unwrap_or(u32::MAX))
        };
        let (least, most) = match inner.split_once(',') {
            None => (number(inner)?, number(inner)),
            Some((least, "")) => (number(least)?, None),
            Some((least, most)) => (number(least)?, Some(number(most)?)),
        };
        Some((least, most, inner.len() + 1))
    }

    fn quantifier(&mut self, symbol: char) -> Result<(), Fault> {
        let (least, most) = match symbol {
            '*' => (0, None),
            '+' => (1, None),
            '?' => (0, Some(1)),
            _ => {
                let (least, most, length) = self.bounds().unwrap_or_default();
                self.cursor.rest = self.cursor.rest.as_str().get(length..).unwrap_or_default().chars();
                (least, most)
            }
        };
        if most.is_some_and(|most| most < least) {
            return Err(bad("the bounds of {..} are in reverse order"));
        }
        while self.flags.extended
            && let Some(next) = self.cursor.peek().filter(|next| *next == '#' || next.is_whitespace())
        {
            self.cursor.next();
            self.blank(next);
        }
        let lazy = if self.cursor.skip('?') { "?" } else { "" };
        match std::mem::replace(&mut self.last, Last::Quantifier) {
            Last::Nothing => {
                return Err(bad("a quantifier has nothing before it; write \\* for the character itself"));
            }
            Last::Quantifier => return Err(bad("a quantifier follows another one")),
            Last::Characters(start) => {
                let times = u64::from(most.unwrap_or(least).max(1));
                self.weight = self.weight.saturating_add(self.last_weight.saturating_mul(times - 1));
                if self.weight > MAX_WEIGHT {
                    return Err(bad("its repetitions are too many when they are written out"));
                }
                let element = self.output.split_off(start);
                self.output.push_str(&format!("(?:{element})"));
                let bounds = match (least, most) {
                    (0, None) => "*".to_owned(),
                    (1, None) => "+".to_owned(),
                    (0, Some(1)) => "?".to_owned(),
                    (least, None) => format!("{{{least},}}"),
                    (least, Some(most)) => format!("{{{least},{most}}}"),
                };
                self.output.push_str(&bounds);
                self.output.push_str(lazy);
            }
            // To be at a place several times is to be there; not to need to be there is no condition.
            Last::Place(start) => {
                if least == 0 {
                    let element = self.output.split_off(start);
                    self.output.push_str(&format!("(?:{element}|)"));
                    self.starts &= start > 0;
                    self.ends = false;
                }
            }
        }
        Ok(())
    }
}
