//! Text to tokens.
//!
//! A blank is a space, a tab or a line break, and several are as good as one. Where the grammar has a blank, one is
//! needed on either side of a string; next to a parenthesis or a bracket none is needed, because nothing else could be
//! meant. A word is whatever stands between blanks, parentheses, brackets and quotes; the parser knows from its place
//! whether it should be a path, an operator, a keyword or a number.

use std::borrow::Cow;

use super::error::FilterError;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum TokenKind<'a> {
    OpenParenthesis,
    CloseParenthesis,
    OpenBracket,
    CloseBracket,
    /// A JSON string, its escapes resolved.
    Text(Cow<'a, str>),
    Word(&'a str),
    End,
}

#[derive(Clone, Debug)]
pub(super) struct Token<'a> {
    pub(super) kind: TokenKind<'a>,
    /// Its first byte.
    pub(super) start: usize,
    /// The byte after it.
    pub(super) end: usize,
}

#[derive(Debug)]
pub(super) struct Lexer<'a> {
    input: &'a str,
    at: usize,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(input: &'a str) -> Self {
        Self { input, at: 0 }
    }

    /// The input's text from `start` to `end`.
    pub(super) fn slice(&self, start: usize, end: usize) -> &'a str {
        self.input.get(start..end).unwrap_or_default()
    }

    /// Whether the next token is `(`, without taking it.
    pub(super) fn parenthesis_follows(&mut self) -> bool {
        self.skip_blanks();
        self.byte(self.at) == Some(b'(')
    }

    pub(super) fn next_token(&mut self) -> Result<Token<'a>, FilterError> {
        self.skip_blanks();
        let start = self.at;
        let single = |kind| (kind, start + 1);
        let (kind, end) = match self.byte(start) {
            None => (TokenKind::End, start),
            Some(b'(') => single(TokenKind::OpenParenthesis),
            Some(b')') => single(TokenKind::CloseParenthesis),
            Some(b'[') => single(TokenKind::OpenBracket),
            Some(b']') => single(TokenKind::CloseBracket),
            Some(b'"') => self.string(start)?,
            Some(_) => {
                let rest = self.input.as_bytes().get(start..).unwrap_or_default();
                let length = rest.iter().position(|&byte| !is_word(byte)).unwrap_or(rest.len());
                // INVARIANT: a word ends before an ASCII byte or at the end, so on a character's boundary.
                (TokenKind::Word(self.slice(start, start + length)), start + length)
            }
        };
        self.at = end;
        Ok(Token { kind, start, end })
    }

    fn byte(&self, at: usize) -> Option<u8> {
        self.input.as_bytes().get(at).copied()
    }

    fn skip_blanks(&mut self) {
        while self.byte(self.at).is_some_and(is_blank) {
            self.at += 1;
        }
    }

    /// The JSON string whose opening quote is at `open`, and the byte after its closing quote.
    fn string(&self, open: usize) -> Result<(TokenKind<'a>, usize), FilterError> {
        // No blank is asked for before the quote: an example of RFC 7644 §3.5.2.2 has none.
        let body = open + 1;
        let plain = self.plain(body);
        let (text, close) = if self.byte(plain) == Some(b'"') {
            (Cow::Borrowed(self.slice(body, plain)), plain)
        } else {
            let (text, close) = self.escaped(open)?;
            (Cow::Owned(text), close)
        };
        let end = close + 1;
        if self.byte(end).is_some_and(|byte| is_word(byte) || byte == b'"') {
            let reason = "a blank is needed after the quote; a quote inside a string is written \\\"";
            return Err(FilterError::syntax(end, self.slice_lossy(end), reason));
        }
        Ok((TokenKind::Text(text), end))
    }

    /// The end of the run without quote, backslash and control character that begins at `from`.
    fn plain(&self, from: usize) -> usize {
        let rest = self.input.as_bytes().get(from..).unwrap_or_default();
        let stop = rest.iter().position(|&byte| byte == b'"' || byte == b'\\' || byte < 0x20);
        from + stop.unwrap_or(rest.len())
    }

    /// The string whose opening quote is at `open`, which is not plain, and the place of its closing quote.
    fn escaped(&self, open: usize) -> Result<(String, usize), FilterError> {
        let mut text = String::new();
        let mut at = open + 1;
        loop {
            let stop = self.plain(at);
            text.push_str(self.slice(at, stop));
            match self.byte(stop) {
                Some(b'"') => return Ok((text, stop)),
                Some(b'\\') => {
                    let (character, next) = self.escape(stop)?;
                    text.push(character);
                    at = next;
                }
                Some(_) => {
                    let reason =
                        "a control character in a string is written as an escape such as \\n or \\u0009";
                    return Err(FilterError::syntax(stop, self.slice(stop, stop + 1), reason));
                }
                None => {
                    let reason = "this string has no closing quote";
                    return Err(FilterError::syntax(open, self.slice_lossy(open), reason));
                }
            }
        }
    }

    /// The character of the escape at `at`, and the byte after it.
    fn escape(&self, at: usize) -> Result<(char, usize), FilterError> {
        let fail = |reason: &str| Err(FilterError::syntax(at, self.slice_lossy(at), reason));
        let character = match self.byte(at + 1) {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                let Some(first) = self.hex(at + 2) else { return fail("\\u needs four hexadecimal digits") };
                if let Some(character) = char::from_u32(first) {
                    return Ok((character, at + 6));
                }
                let low = if self.slice(at + 6, at + 8) == "\\u" { self.hex(at + 8) } else { None };
                return match (first, low) {
                    (0xd800..=0xdbff, Some(low @ 0xdc00..=0xdfff)) => {
                        let code = 0x1_0000 + ((first - 0xd800) << 10) + (low - 0xdc00);
                        match char::from_u32(code) {
                            Some(character) => Ok((character, at + 12)),
                            None => fail("this is no character"),
                        }
                    }
                    _ => fail("half of a surrogate pair is no character; write both halves"),
                };
            }
            _ => return fail("no such escape; JSON has \\\" \\\\ \\/ \\b \\f \\n \\r \\t and \\uXXXX"),
        };
        Ok((character, at + 2))
    }

    fn hex(&self, at: usize) -> Option<u32> {
        let digits = self.input.get(at..at + 4)?;
        let all = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        if all { u32::from_str_radix(digits, 16).ok() } else { None }
    }

    /// From `at` to the end, for messages.
    fn slice_lossy(&self, at: usize) -> &'a str {
        self.input.get(at..).unwrap_or_default()
    }
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

fn is_word(byte: u8) -> bool {
    !matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | b'(' | b')' | b'[' | b']' | b'"')
}
