//! JSON in the binary form that SQLite keeps it in (JSONB, <https://sqlite.org/jsonb.html>).
//!
//! SQLite makes it of text by itself, `jsonb(?)`; but then its one writer does that, and a statement that calls a function keeps copies
//! of the pages that it changes. So it is made before, by whoever asks for the change.

use scim_storage::StoreError;

use crate::error::damaged;

/// The deepest that SQLite reads.
const DEEPEST: usize = 1000;

const NULL: u8 = 0;
const TRUE: u8 = 1;
const FALSE: u8 = 2;
const INTEGER: u8 = 3;
const FLOAT: u8 = 5;
/// A text as it stands, and one with escapes.
const TEXT: u8 = 7;
const ESCAPED: u8 = 8;
const ARRAY: u8 = 11;
const OBJECT: u8 = 12;

/// The binary form of a JSON text.
pub(crate) fn jsonb(text: &str) -> Result<Vec<u8>, StoreError> {
    let mut writer = Writer { rest: text.as_bytes(), out: Vec::with_capacity(text.len()) };
    let written = writer.value(0).filter(|()| writer.next_byte().is_none());
    written.map(|()| writer.out).ok_or_else(|| damaged("a shadow"))
}

struct Writer<'t> {
    /// What is still to be read.
    rest: &'t [u8],
    out: Vec<u8>,
}

/// `None` where the text is no JSON.
impl<'t> Writer<'t> {
    fn value(&mut self, depth: usize) -> Option<()> {
        match self.next_byte()? {
            b'{' => self.many(OBJECT, b'}', depth),
            b'[' => self.many(ARRAY, b']', depth),
            b'"' => self.text(),
            b'n' => self.word(b"null", NULL),
            b't' => self.word(b"true", TRUE),
            b'f' => self.word(b"false", FALSE),
            _ => self.number(),
        }
    }

    /// The next byte that is no space.
    fn next_byte(&mut self) -> Option<u8> {
        self.rest = self.rest.trim_ascii_start();
        self.rest.first().copied()
    }

    fn take(&mut self, length: usize) -> Option<&'t [u8]> {
        let (taken, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(taken)
    }

    fn is_next(&mut self, byte: u8) -> bool {
        let is_next = self.next_byte() == Some(byte);
        if is_next {
            self.take(1);
        }
        is_next
    }

    /// Elements, or members. How long they are stands before them, and is known behind them.
    fn many(&mut self, kind: u8, end: u8, depth: usize) -> Option<()> {
        if depth >= DEEPEST {
            return None;
        }
        self.take(1)?;
        let begin = self.out.len();
        if !self.is_next(end) {
            loop {
                if kind == OBJECT {
                    if self.next_byte() != Some(b'"') {
                        return None;
                    }
                    self.text()?;
                    if !self.is_next(b':') {
                        return None;
                    }
                }
                self.value(depth + 1)?;
                if self.is_next(end) {
                    break;
                }
                if !self.is_next(b',') {
                    return None;
                }
            }
        }
        let (header, length) = header(kind, self.out.len() - begin)?;
        self.out.splice(begin..begin, header.into_iter().take(length));
        Some(())
    }

    fn text(&mut self) -> Option<()> {
        self.take(1)?;
        let mut kind = TEXT;
        let mut length = 0;
        loop {
            length += self.rest.get(length..)?.iter().position(|byte| matches!(byte, b'"' | b'\\'))?;
            if self.rest.get(length) == Some(&b'"') {
                break;
            }
            kind = ESCAPED;
            length += 2;
        }
        let text = self.take(length)?;
        self.take(1)?;
        self.leaf(kind, text)
    }

    fn number(&mut self) -> Option<()> {
        let is_part = |byte: &u8| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
        let length = self.rest.iter().position(|byte| !is_part(byte)).unwrap_or(self.rest.len());
        let number = self.take(length).filter(|number| !number.is_empty())?;
        let is_integer = number.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'-'));
        self.leaf(if is_integer { INTEGER } else { FLOAT }, number)
    }

    fn word(&mut self, word: &[u8], kind: u8) -> Option<()> {
        self.take(word.len()).filter(|taken| *taken == word)?;
        self.leaf(kind, &[])
    }

    fn leaf(&mut self, kind: u8, content: &[u8]) -> Option<()> {
        let (header, length) = header(kind, content.len())?;
        self.out.extend(header.into_iter().take(length));
        self.out.extend_from_slice(content);
        Some(())
    }
}

/// What stands before so many bytes, and how long it is.
fn header(kind: u8, length: usize) -> Option<([u8; 5], usize)> {
    let [a, b, c, d] = u32::try_from(length).ok()?.to_be_bytes();
    Some(match (a, b, c, d) {
        (0, 0, 0, 0..=11) => ([(d << 4) | kind, 0, 0, 0, 0], 1),
        (0, 0, 0, _) => ([0xc0 | kind, d, 0, 0, 0], 2),
        (0, 0, _, _) => ([0xd0 | kind, c, d, 0, 0], 3),
        _ => ([0xe0 | kind, a, b, c, d], 5),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::{Line, Statement};
    use crate::sqlite::blank;

    #[test]
    fn it_is_what_sqlite_makes() {
        let (mut connection, _directory) = blank();
        let long = |length: usize| format!("[{:?},1]", "x".repeat(length));
        let mut texts: Vec<String> = [
            "null",
            "true",
            " [ false , 1 ] ",
            "{}",
            "[]",
            "{\"a\":{}}",
            "0",
            "-17",
            "1.5",
            "2e10",
            "-1.5E-3",
            "\"\"",
            r#""a\"b\\""#,
            r#""\u00e9\n""#,
            "\"é𝄞\"",
            r#"{"a":[{"b":"c"},{"b":null,"d":[[],[1,2]]}],"é\n":true}"#,
            r#"{"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"sales"}}"#,
        ]
        .map(str::to_owned)
        .into();
        texts
            .extend([9, 10, 11, 12, 13, 250, 251, 252, 253, 255, 256, 300, 65_530, 65_535, 65_536].map(long));
        texts.push(format!("{}1{}", "[".repeat(900), "]".repeat(900)));
        for text in texts {
            let made = Statement::new("SELECT hex(jsonb(?)) AS line").text(&*text);
            let made: Line = made.row(&mut connection).expect("a read").expect("a row");
            let hex: String = jsonb(&text).expect("JSON").iter().map(|byte| format!("{byte:02X}")).collect();
            assert_eq!(hex, made.line, "{text:.80}");
        }
    }

    #[test]
    fn what_is_no_json_is_refused() {
        let deep = "[".repeat(DEEPEST + 1);
        for text in
            ["", "{", "[1", "[1 2]", "{\"a\"}", "{a:1}", "\"a", "\"a\\", "nul", "1 2", "x", "[1,]", &deep]
        {
            assert!(jsonb(text).is_err(), "{text:.20}");
        }
    }
}
