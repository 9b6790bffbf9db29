//! One record of a CSV file, fed line by line (RFC 4180, and blanks around values).
//!
//! A quote begins a quoted value only where a value begins; elsewhere it stands for itself. What follows a closing quote is
//! a separator or the end of the line: anything else is a mistake, so that a stray quote is found where it stands and
//! does not take the lines behind it with it.

/// What a record's lines have come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fed {
    /// The record is whole.
    Whole,
    /// A quoted value goes on in the next line.
    Open,
    /// A quoted value is followed by something else than a separator; its number, from 1.
    Malformed(usize),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// Before a value.
    Before,
    Plain,
    Quoted,
    /// Behind a quote in a quoted value: it closes it, or is the first of two.
    Quote,
    /// Behind a quoted value.
    Behind,
}

/// A record that is being read. The same one is used for every record of a file.
pub(super) struct Record {
    separator: u8,
    mode: Mode,
    bytes: Vec<u8>,
    /// Where each value ends in `bytes`.
    ends: Vec<usize>,
}

impl Record {
    pub(super) const fn new(separator: u8) -> Self {
        Self { separator, mode: Mode::Before, bytes: Vec::new(), ends: Vec::new() }
    }

    /// Forgets the record before.
    pub(super) fn clear(&mut self) {
        self.mode = Mode::Before;
        self.bytes.clear();
        self.ends.clear();
    }

    /// Takes a line, with its line feed unless it is the file's last.
    pub(super) fn feed(&mut self, line: &[u8]) -> Fed {
        let mut rest = line;
        while let Some((&byte, behind)) = rest.split_first() {
            match self.mode {
                Mode::Before => match byte {
                    b'"' => self.mode = Mode::Quoted,
                    b'\n' => return self.end(),
                    _ if byte == self.separator => self.ends.push(self.bytes.len()),
                    b' ' | b'\t' => {}
                    _ => {
                        self.mode = Mode::Plain;
                        continue;
                    }
                },
                Mode::Plain => {
                    let end = memchr::memchr2(self.separator, b'\n', rest).unwrap_or(rest.len());
                    let (value, after) = rest.split_at(end);
                    self.bytes.extend_from_slice(value);
                    match after.split_first() {
                        Some((b'\n', _)) | None => return self.end(),
                        Some((_, after)) => {
                            self.ends.push(self.bytes.len());
                            self.mode = Mode::Before;
                            rest = after;
                            continue;
                        }
                    }
                }
                Mode::Quoted => {
                    let end = memchr::memchr(b'"', rest).unwrap_or(rest.len());
                    let (value, after) = rest.split_at(end);
                    self.bytes.extend_from_slice(value);
                    let Some((_, after)) = after.split_first() else { return Fed::Open };
                    self.mode = Mode::Quote;
                    rest = after;
                    continue;
                }
                Mode::Quote if byte == b'"' => {
                    self.bytes.push(b'"');
                    self.mode = Mode::Quoted;
                }
                Mode::Quote => {
                    self.mode = Mode::Behind;
                    continue;
                }
                Mode::Behind => match byte {
                    b'\n' => return self.end(),
                    _ if byte == self.separator => {
                        self.ends.push(self.bytes.len());
                        self.mode = Mode::Before;
                    }
                    b' ' | b'\t' | b'\r' => {}
                    _ => return Fed::Malformed(self.ends.len() + 1),
                },
            }
            rest = behind;
        }
        if self.mode == Mode::Quoted { Fed::Open } else { self.end() }
    }

    fn end(&mut self) -> Fed {
        self.ends.push(self.bytes.len());
        Fed::Whole
    }

    /// The values, with their blanks inside but not around them.
    pub(super) fn values(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, end)| self.bytes.get(start..*end).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Result<&[&str], Fed>) {
        let mut record = Record::new(b',');
        let mut fed = Fed::Open;
        for line in text.split_inclusive('\n') {
            fed = record.feed(line.as_bytes());
            if fed != Fed::Open {
                break;
            }
        }
        let values: Vec<_> =
            record.values().map(|value| String::from_utf8_lossy(value).trim().to_owned()).collect();
        match expected {
            Ok(expected) => {
                assert_eq!(
                    (fed, values.iter().map(String::as_str).collect::<Vec<_>>()),
                    (Fed::Whole, expected.to_vec()),
                    "{text:?}"
                );
            }
            Err(expected) => assert_eq!(fed, expected, "{text:?}"),
        }
    }

    #[test]
    fn values_of_records() {
        check("a,b,c\n", Ok(&["a", "b", "c"]));
        check("a,,\r\n", Ok(&["a", "", ""]));
        check(" a , \"b, c\" ,d", Ok(&["a", "b, c", "d"]));
        check("\"a \"\"b\"\"\",\"\"\n", Ok(&["a \"b\"", ""]));
        check("\"two\nlines\",x\n", Ok(&["two\nlines", "x"]));
        check("6\" pipe,x\n", Ok(&["6\" pipe", "x"]));
        check("\n", Ok(&[""]));
    }

    #[test]
    fn stray_quotes() {
        check("a,\"b\"c\n", Err(Fed::Malformed(2)));
        check("\"a,b\n\"c\",d\n", Err(Fed::Malformed(1)));
        check("\"a,b\nc,d\n", Err(Fed::Open));
    }
}
