//! The peppers of a node: the current one and earlier ones, their text, and checking a key against what is kept of it.
//!
//! A text of peppers has one a line, in hexadecimal digits of either case; the first is the current one. Blank lines and
//! lines that begin with `#` are remarks. To change the pepper, put a new line above the others; keys move to it as they
//! are used. An earlier pepper can be taken out when no key is kept under it any more.

use std::fmt::Write as _;
use std::hint::black_box;

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::key::{AnyKey, KeyKind};
use crate::pepper::{MAX_PEPPER_BYTES, MIN_PEPPER_BYTES, Pepper, PepperError, Problem};

/// The most peppers that a node holds.
pub const MAX_PEPPERS: usize = 8;

/// What is kept of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeptMac {
    /// The id of the pepper that the mac was made with.
    pub pepper: [u8; 16],
    /// [`Pepper::mac`] of the key.
    pub mac: [u8; 32],
}

/// What checking a key's secret came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The secret is right.
    Right,
    /// The secret is right, by a pepper that is not the current one: keep the mac of the current one in its place.
    RightByFormerPepper,
    /// The secret is wrong, or there is no such key.
    Wrong,
    /// The mac was made with a pepper that is not held, so nobody can say. A client is told what it is told of a wrong
    /// secret; an operator is told which pepper is missing.
    UnknownPepper,
}

impl Verdict {
    /// Whether the secret is right.
    #[must_use]
    pub const fn is_right(self) -> bool {
        matches!(self, Self::Right | Self::RightByFormerPepper)
    }
}

/// The current pepper and earlier ones that are still accepted, at most [`MAX_PEPPERS`].
#[derive(Debug)]
pub struct Peppers {
    current: Pepper,
    former: Vec<Pepper>,
}

impl From<Pepper> for Peppers {
    fn from(current: Pepper) -> Self {
        Self { current, former: Vec::new() }
    }
}

impl Peppers {
    /// Reads a text of peppers, the current one first.
    ///
    /// # Errors
    /// If a line is no pepper, one stands there twice, there is none, or there are more than [`MAX_PEPPERS`]. The error
    /// names the line and quotes nothing.
    pub fn parse(text: &str) -> Result<Self, PepperError> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut peppers: Vec<(usize, Pepper)> = Vec::new();
        for (line, content) in (1..).zip(text.lines()) {
            let content = content.trim();
            if content.is_empty() || content.starts_with('#') {
                continue;
            }
            let pepper = parse_line(content).map_err(|error| error.on_line(line))?;
            if let Some((first, _)) = peppers.iter().find(|(_, known)| known.id() == pepper.id()) {
                return Err(PepperError::from(Problem::Repeated { first: *first }).on_line(line));
            }
            if peppers.len() == MAX_PEPPERS {
                return Err(PepperError::from(Problem::Many { most: MAX_PEPPERS }).on_line(line));
            }
            peppers.push((line, pepper));
        }
        let mut peppers = peppers.into_iter().map(|(_, pepper)| pepper);
        let current = peppers.next().ok_or(Problem::Missing)?;
        Ok(Self { current, former: peppers.collect() })
    }

    /// The text of a file with one new pepper, of 32 bytes from a cryptographically secure source.
    #[must_use]
    pub fn render(pepper: &[u8; 32]) -> Zeroizing<String> {
        // Room for all of it: a string that grows leaves copies behind.
        let mut text = Zeroizing::new(String::with_capacity(REMARKS.len() + 2 * pepper.len() + 1));
        text.push_str(REMARKS);
        for byte in pepper {
            // Writing to a string does not fail.
            let _ = write!(text, "{byte:02x}");
        }
        text.push('\n');
        text
    }

    /// The pepper that macs are made with.
    #[must_use]
    pub const fn current(&self) -> &Pepper {
        &self.current
    }

    /// The pepper of that id, if it is held.
    #[must_use]
    pub fn get(&self, id: &[u8; 16]) -> Option<&Pepper> {
        self.iter().find(|pepper| pepper.id() == *id)
    }

    /// The peppers, the current one first.
    pub fn iter(&self) -> impl Iterator<Item = &Pepper> {
        std::iter::once(&self.current).chain(&self.former)
    }

    /// The ids of the peppers, the current one first.
    #[must_use]
    pub fn ids(&self) -> Vec<[u8; 16]> {
        self.iter().map(Pepper::id).collect()
    }

    /// What is to be kept of a key: its mac by the current pepper.
    #[must_use]
    pub fn keep<K: KeyKind>(&self, key: &AnyKey<K>) -> KeptMac {
        KeptMac { pepper: self.current.id(), mac: self.current.mac(key) }
    }

    /// Checks a key's secret against what is kept of the key; `kept` is `None` if there is no such key.
    ///
    /// One mac is made and compared in constant time whatever the outcome, so that its duration does not tell which keys
    /// there are.
    #[must_use]
    pub fn verify<K: KeyKind>(&self, key: &AnyKey<K>, kept: Option<&KeptMac>) -> Verdict {
        let held = kept.and_then(|kept| self.get(&kept.pepper));
        let pepper = held.unwrap_or(&self.current);
        let expected = kept.map_or([0; 32], |kept| kept.mac);
        // The compiler must not see that some outcomes do not depend on it.
        let equal = black_box(bool::from(pepper.mac(key).ct_eq(&expected)));
        match (kept, held) {
            (Some(_), None) => Verdict::UnknownPepper,
            (Some(kept), Some(_)) if equal && kept.pepper == self.current.id() => Verdict::Right,
            (Some(_), Some(_)) if equal => Verdict::RightByFormerPepper,
            _ => Verdict::Wrong,
        }
    }
}

const REMARKS: &str = "\
# The pepper of a Rollcall database. Without it no key works; with it, nobody who only reads this file gets in.
# Keep a copy apart from the database's backups, and let nobody but the server read this file.
# To change it, add a line of 64 random hexadecimal digits above the others, here and on every node, and restart.
";

fn parse_line(content: &str) -> Result<Pepper, PepperError> {
    let mut bytes = Zeroizing::new([0_u8; MAX_PEPPER_BYTES]);
    let mut digits = 0;
    for character in content.chars() {
        digits += 1;
        let Some(value) = character.to_digit(16).and_then(|value| u8::try_from(value).ok()) else {
            return Err(Problem::Foreign { at: digits }.into());
        };
        if let Some(byte) = bytes.get_mut((digits - 1) / 2) {
            *byte = *byte << 4 | value;
        }
    }
    let right = digits % 2 == 0 && (MIN_PEPPER_BYTES..=MAX_PEPPER_BYTES).contains(&(digits / 2));
    let secret = right.then(|| bytes.get(..digits / 2)).flatten().ok_or(Problem::Digits { digits })?;
    Pepper::new(secret)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ApiKey;

    /// 64 digits that end with these two.
    fn line(end: &str) -> String {
        format!("{}{end}", "0123456789abcdef".repeat(4).split_at(62).0)
    }

    fn peppers(ends: &[&str]) -> Peppers {
        let lines: Vec<_> = ends.iter().map(|end| line(end)).collect();
        Peppers::parse(&lines.join("\n")).expect("peppers")
    }

    fn check(text: &str, expected: Result<usize, &str>) {
        let told = Peppers::parse(text).map(|peppers| peppers.ids().len()).map_err(|error| error.to_string());
        assert_eq!(told, expected.map_err(str::to_owned), "{text}");
    }

    #[test]
    fn texts_of_peppers() {
        let (a, b) = (line("aa"), line("bb"));
        check(&a, Ok(1));
        check(&format!("\u{feff}# current\r\n{a}\r\n\r\n  # earlier\r\n\t{b} \r\n"), Ok(2));
        check(&format!("{a}{a}"), Ok(1));
        let eight: Vec<_> = (0..8).map(|at| line(&format!("{at:02}"))).collect();
        check(&eight.join("\n"), Ok(8));
    }

    #[test]
    fn errors_say_where_and_what_to_change_and_quote_nothing() {
        let (a, b) = (line("aa"), line("bb"));
        let missing = "there is no pepper; write one line of 64 random hexadecimal digits";
        check("", Err(missing));
        check("\n# nothing\n\n", Err(missing));
        check(
            &format!("# one\n{}", &a[1..]),
            Err(
                "line 2: a pepper is written as 64 to 128 hexadecimal digits, this line has 63; write 64 of them",
            ),
        );
        check(
            &format!("{a}{a}a"),
            Err(
                "line 1: a pepper is written as 64 to 128 hexadecimal digits, this line has 129; write 64 of them",
            ),
        );
        check(
            &format!("{a}\n{a} # old"),
            Err(
                "line 2: character 65 is not a hexadecimal digit; write one pepper a line, and begin remarks with #",
            ),
        );
        check(
            &format!("{a}\n\n{b}\n{}", a.to_uppercase()),
            Err("line 4: this is the pepper of line 1 again; remove one of the two"),
        );
        check(&"00".repeat(32), Err("line 1: all bytes of this pepper are the same; use 32 random bytes"));
        let nine: Vec<_> = (0..9).map(|at| line(&format!("{at:02}"))).collect();
        check(
            &nine.join("\n"),
            Err("line 9: more than 8 peppers; remove those that no key needs any more, from the end"),
        );
    }

    #[test]
    fn a_new_file_is_read_back() {
        let mut bytes = [0xa5; 32];
        bytes[0] = 0x0b;
        let text = Peppers::render(&bytes);
        let peppers = Peppers::parse(&text).expect("our own");
        assert_eq!(peppers.ids(), [Pepper::new(&bytes).expect("a pepper").id()]);
        assert_eq!(text.capacity(), text.len());
    }

    #[test]
    fn order_and_ids() {
        let peppers = peppers(&["aa", "bb", "cc"]);
        let ids: Vec<_> = peppers.iter().map(Pepper::id).collect();
        assert_eq!(peppers.ids(), ids);
        assert_eq!(peppers.current().id(), ids[0]);
        for id in &ids {
            assert_eq!(peppers.get(id).map(Pepper::id), Some(*id));
        }
        assert!(peppers.get(&[0; 16]).is_none());
    }

    #[test]
    fn verdicts() {
        let key = ApiKey::new([1; 16], [2; 16], [3; 32]);
        let forged = ApiKey::new([1; 16], [2; 16], [4; 32]);
        let (old, new) = (peppers(&["aa"]), peppers(&["bb", "aa"]));
        let (first, second) = (old.keep(&key), new.keep(&key));
        let zeros = KeptMac { pepper: new.current().id(), mac: [0; 32] };
        let swapped = KeptMac { pepper: second.pepper, mac: first.mac };
        for (peppers, key, kept, expected) in [
            (&old, &key, Some(&first), Verdict::Right),
            (&new, &key, Some(&second), Verdict::Right),
            (&new, &key, Some(&first), Verdict::RightByFormerPepper),
            (&old, &key, Some(&second), Verdict::UnknownPepper),
            (&old, &forged, Some(&second), Verdict::UnknownPepper),
            (&new, &forged, Some(&first), Verdict::Wrong),
            (&new, &forged, Some(&second), Verdict::Wrong),
            (&new, &key, Some(&zeros), Verdict::Wrong),
            (&new, &key, Some(&swapped), Verdict::Wrong),
            (&new, &key, None, Verdict::Wrong),
        ] {
            let verdict = peppers.verify(key, kept);
            assert_eq!(verdict, expected, "{key:?} {kept:?}");
            assert_eq!(verdict.is_right(), matches!(expected, Verdict::Right | Verdict::RightByFormerPepper));
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(\\PC|\n){0,300}") {
            let _ = Peppers::parse(&text);
        }

        #[test]
        fn either_case_is_the_same_pepper(bytes in prop::collection::vec(any::<u8>(), 32..=64)) {
            let lower: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            let expected = Pepper::new(&bytes).map(|pepper| vec![pepper.id()]).ok();
            prop_assert_eq!(Peppers::parse(&lower).map(|peppers| peppers.ids()).ok(), expected.clone());
            prop_assert_eq!(Peppers::parse(&lower.to_uppercase()).map(|peppers| peppers.ids()).ok(), expected);
        }
    }
}
