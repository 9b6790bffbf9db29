//! Invented values: the same for the same value within one export, by a random secret that is forgotten with it, so that
//! nobody finds out what stood there.
//!
//! Values are told apart as they compare, mostly without regard to case, so that references and the keys of indexes mean the same
//! after as before. What an invented value looks like follows from the value alone; it is in lower case ASCII, so it is its own
//! key in comparisons. Where letter case counts, it is another one for each spelling, and the same without regard to case.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use scim_core::text::Matching;
use scim_storage::StoreError;
use sha2::Sha256;
use uuid::Uuid;

/// The domain of every invented address (RFC 2606 §2).
const DOMAIN: &str = "example.invalid";
const CONSONANTS: &[u8] = b"bdfgklmnprstvz";
const VOWELS: &[u8] = b"aeiou";
/// Letters and digits that are not mistaken for one another.
const TOKEN: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
/// 65 bits: no two values of a directory get the same token.
const TOKEN_CHARS: usize = 13;

/// Invents values.
pub(super) struct Inventor {
    secret: [u8; 32],
}

/// Random bytes that follow from a value.
struct Bytes([u8; 32], usize);

impl Bytes {
    /// One of a list.
    fn pick(&mut self, list: &[u8]) -> char {
        let byte = self.0.get(self.1 % 32).copied().unwrap_or_default();
        self.1 += 1;
        let at = usize::from(byte) % list.len().max(1);
        list.get(at).copied().map_or('x', char::from)
    }

    fn word(&mut self, syllables: usize) -> String {
        (0..syllables).flat_map(|_| [self.pick(CONSONANTS), self.pick(VOWELS)]).collect()
    }

    fn token(&mut self) -> String {
        (0..TOKEN_CHARS).map(|_| self.pick(TOKEN)).collect()
    }

    fn digits(&mut self, count: usize) -> String {
        (0..count).map(|_| self.pick(b"0123456789")).collect()
    }
}

impl Inventor {
    pub(super) fn new() -> Result<Self, StoreError> {
        let mut secret = [0; 32];
        getrandom::fill(&mut secret).map_err(|error| StoreError::internal(error.to_string()))?;
        Ok(Self { secret })
    }

    fn bytes(&self, key: &str) -> Bytes {
        let mut bytes = [0; 32];
        // INVARIANT: this hash takes secrets of any length.
        if let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.secret) {
            mac.update(key.as_bytes());
            bytes.copy_from_slice(&mac.finalize().into_bytes());
        }
        Bytes(bytes, 0)
    }

    /// In place of a value by which somebody may be found: another one for each.
    pub(super) fn unique(&self, value: &str) -> String {
        self.as_it_matches(Matching::UserName, value)
    }

    /// In place of a value whose letter case counts; without regard to case it is the one that a user name gets.
    pub(super) fn exact(&self, value: &str) -> String {
        let folded = self.unique(value);
        if Matching::UserName.key(value) == value {
            return folded;
        }
        let mut bytes = self.bytes(value);
        folded
            .chars()
            .map(|letter| if bytes.pick(b"01") == '1' { letter.to_ascii_uppercase() } else { letter })
            .collect()
    }

    /// In place of a value by which somebody may be found, where values match so.
    pub(super) fn as_it_matches(&self, matching: Matching, value: &str) -> String {
        if matching == Matching::Exact {
            return self.exact(value);
        }
        let key = matching.key(value);
        if key.is_empty() {
            return String::new();
        }
        let mut bytes = self.bytes(&key);
        if Uuid::try_parse(&key).is_ok() {
            return uuid::Builder::from_random_bytes(first(&bytes.0)).into_uuid().hyphenated().to_string();
        }
        if key.bytes().all(|byte| byte.is_ascii_digit()) {
            // Of a digit's ten values a byte gives each nearly as often; 24 of them are 79 bits.
            return bytes.digits(24);
        }
        let is_mail =
            key.split_once('@').is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty());
        let mut text = match () {
            () if key.contains("://") => format!("https://{DOMAIN}/"),
            () if is_mail => format!("{}.{}.", bytes.word(2), bytes.word(3)),
            () if key.contains(char::is_whitespace) => format!("{} {} ", bytes.word(2), bytes.word(3)),
            () => format!("{}-", bytes.word(3)),
        };
        text.push_str(&bytes.token());
        if is_mail && !key.contains("://") {
            let _ = write!(text, "@{DOMAIN}");
        }
        text
    }

    /// In place of a part of a name: several may get the same.
    pub(super) fn name(&self, value: &str) -> String {
        let key = Matching::UserName.key(value);
        if key.is_empty() {
            return String::new();
        }
        let word = self.bytes(&key).word(3);
        let mut letters = word.chars();
        letters
            .next()
            .map_or_else(String::new, |first| first.to_ascii_uppercase().to_string() + letters.as_str())
    }

    /// In place of a telephone number: one of a country code that no country has.
    pub(super) fn phone(&self, value: &str) -> String {
        if value.is_empty() {
            return String::new();
        }
        format!("+999 {}", self.bytes(&Matching::UserName.key(value)).digits(11))
    }

    /// In place of a URI.
    pub(super) fn uri(&self, value: &str) -> String {
        format!("https://{DOMAIN}/{}", self.bytes(value).token())
    }

    /// In place of binary data.
    pub(super) fn binary(&self, value: &str) -> String {
        STANDARD.encode(self.bytes(value).0)
    }
}

fn first(bytes: &[u8; 32]) -> [u8; 16] {
    std::array::from_fn(|at| bytes.get(at).copied().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_something_goes_on_doing_so() {
        let inventor = Inventor::new().expect("randomness");
        let check = |value: &str, holds: fn(&str) -> bool| {
            let invented = inventor.unique(value);
            assert!(holds(&invented), "{value} {invented}");
            assert_eq!(inventor.unique(&value.to_uppercase()), invented, "letter case");
            let key = Matching::UserName.key(value);
            assert_eq!(inventor.unique(&key), invented, "the key of {value}");
            assert_eq!(Matching::UserName.key(&invented), invented, "its own key");
            assert_eq!(Matching::IgnoreCase.key(&invented), invented, "its own key");
        };
        check("Ada.Lovelace@contoso.example", |text| {
            text.ends_with("@example.invalid") && text.contains('.')
        });
        check("ada", |text| !text.contains(['@', ' ']) && text.len() > 13);
        check("Müller Straße 12", |text| text.contains(' '));
        check("0012345", |text| text.bytes().all(|byte| byte.is_ascii_digit()));
        check("8f14e45f-ceea-467f-a34a-0c6f9e5d1b7a", |text| Uuid::try_parse(text).is_ok());
        check("https://contoso.example/ada", |text| text.starts_with("https://example.invalid/"));
        check("", str::is_empty);
        assert_eq!(inventor.name("Ada"), inventor.name("ada"));
        let spellings =
            ["AdaLovelace", "adaLovelace", "ADALOVELACE", "adalovelace"].map(|value| inventor.exact(value));
        for (at, one) in spellings.iter().enumerate() {
            assert_eq!(one.to_lowercase(), inventor.unique("adalovelace"));
            assert!(!spellings.iter().skip(at + 1).any(|other| other == one), "{spellings:?}");
        }
        assert!(inventor.phone("+49 30 1234").starts_with("+999 "));
    }

    #[test]
    fn another_export_invents_other_values() {
        let (one, other) = (Inventor::new().expect("randomness"), Inventor::new().expect("randomness"));
        assert_ne!(one.unique("ada"), other.unique("ada"));
        assert_ne!(one.unique("ada"), one.unique("bob"));
    }
}
