//! How strings compare: exactly, without regard to case, or as user names.
//!
//! Comparisons are made on *keys*: a key is worked out once, and two strings are equal, ordered or contained in one
//! another exactly as their keys are, byte by byte. Storage backends keep keys, so that every engine agrees with
//! [`crate::filter`] whatever its own collation does.

use std::borrow::Cow;
use std::sync::OnceLock;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use precis_core::profile::PrecisFastInvocation;
use precis_profiles::UsernameCaseMapped;
use unicode_normalization::UnicodeNormalization;

/// How an attribute's strings compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Matching {
    /// Byte by byte (`caseExact: true`).
    Exact,
    /// Unicode default case folding over NFC (`caseExact: false`).
    IgnoreCase,
    /// PRECIS `UsernameCaseMapped` (RFC 8265 §3.3, demanded for `userName` by RFC 7644 §5); where PRECIS does not
    /// allow the string, as [`Matching::IgnoreCase`].
    UserName,
}

impl Matching {
    /// The key that stands for `text` in comparisons.
    #[must_use]
    pub fn key(self, text: &str) -> Cow<'_, str> {
        match self {
            Self::Exact => Cow::Borrowed(text),
            Self::IgnoreCase => fold(text),
            Self::UserName => match ascii_fold(text) {
                Some(folded) => folded,
                None => match UsernameCaseMapped::enforce(text) {
                    Ok(mapped) => Cow::Owned(fold(&mapped).into_owned()),
                    Err(_) => fold(text),
                },
            },
        }
    }
}

/// Whether PRECIS `UsernameCaseMapped` allows `text` as a user name (RFC 8265 §3.3). The `strict` dialect refuses what
/// it does not.
#[must_use]
pub fn is_precis_user_name(text: &str) -> bool {
    UsernameCaseMapped::enforce(text).is_ok()
}

/// Default case folding over NFC: `NFC(toCasefold(NFD(text)))`.
fn fold(text: &str) -> Cow<'_, str> {
    match ascii_fold(text) {
        Some(folded) => folded,
        None => Cow::Owned(latin_fold(text).unwrap_or_else(|| any_fold(text))),
    }
}

/// Folds any text.
fn any_fold(text: &str) -> String {
    let decomposed: String = text.nfd().collect();
    caseless::default_case_fold_str(&decomposed).nfc().collect()
}

/// The same for most names in Latin letters: `None` where there is another character in it.
fn latin_fold(text: &str) -> Option<String> {
    /// Latin-1 Supplement and Latin Extended-A.
    const LATIN: std::ops::Range<u32> = 0x80..0x180;
    // INVARIANT: none of these, nor what they fold to, begins with a character that composes with one before it, so that each
    // folds by itself, whatever stands beside it.
    static FOLDED: OnceLock<Vec<String>> = OnceLock::new();
    let folded = FOLDED.get_or_init(|| {
        LATIN.filter_map(char::from_u32).map(|letter| any_fold(letter.encode_utf8(&mut [0; 4]))).collect()
    });
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        if letter.is_ascii() {
            out.push(letter.to_ascii_lowercase());
        } else {
            let place = u32::from(letter).checked_sub(LATIN.start)?;
            out.push_str(folded.get(usize::try_from(place).ok()?)?);
        }
    }
    Some(out)
}

/// The common case, without tables: `None` where the text is not ASCII.
fn ascii_fold(text: &str) -> Option<Cow<'_, str>> {
    if !text.is_ascii() {
        return None;
    }
    // All of it is looked at, because that can be done many bytes at a time.
    let has_upper = text.bytes().fold(false, |found, byte| found | byte.is_ascii_uppercase());
    Some(if has_upper { Cow::Owned(text.to_ascii_lowercase()) } else { Cow::Borrowed(text) })
}

/// Binary data (RFC 7643 §2.3.6) in its one canonical text: padded base64 in the standard alphabet. Takes base64 and
/// base64url, padded or not; `None` where `text` is neither.
#[must_use]
pub fn canonical_base64(text: &str) -> Option<String> {
    let config = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(false);
    let alphabet = if text.contains(['-', '_']) { &alphabet::URL_SAFE } else { &alphabet::STANDARD };
    let bytes = GeneralPurpose::new(alphabet, config).decode(text).ok()?;
    Some(STANDARD.encode(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(matching: Matching, left: &str, right: &str, equal: bool) {
        assert_eq!(matching.key(left) == matching.key(right), equal, "{matching:?} {left:?} {right:?}");
    }

    #[test]
    fn case_and_accents() {
        check(Matching::Exact, "Ana", "ana", false);
        check(Matching::IgnoreCase, "Ana", "aNA", true);
        check(Matching::IgnoreCase, "STRASSE", "straße", true);
        check(Matching::IgnoreCase, "\u{c9}ric", "e\u{301}ric", true);
        check(Matching::IgnoreCase, "Éric", "eric", false);
        check(Matching::UserName, "\u{ff21}na", "ana", true);
        check(Matching::UserName, "Σίσυφος", "ΣΊΣΥΦΟΣ", true);
        check(Matching::UserName, "two words", "TWO WORDS", true);
        check(Matching::UserName, "MIRA@Contoso.example", "mira@contoso.example", true);
    }

    #[test]
    fn letters_fold_by_themselves_as_they_do_together() {
        let letters: Vec<char> = (0x41..0x180).filter_map(char::from_u32).collect();
        for letter in &letters {
            for beside in letters.iter().step_by(5) {
                for text in [format!("{letter}{beside}"), format!("{beside}{letter}{beside}")] {
                    assert_eq!(fold(&text), any_fold(&text), "{text:?}");
                }
            }
        }
        for text in ["e\u{301}\u{e9}", "\u{130}\u{307}", "\u{e9}\u{301}", "\u{17f}\u{180}", "A\u{30a}\u{c5}"]
        {
            assert_eq!(fold(text), any_fold(text), "{text:?}");
        }
    }

    #[test]
    fn binary_has_one_text() {
        for text in ["+/8=", "+/8", "-_8=", "-_8"] {
            assert_eq!(canonical_base64(text).as_deref(), Some("+/8="), "{text}");
        }
        assert_eq!(canonical_base64(""), Some(String::new()));
        for wrong in ["+_8=", "+/9=", "a", "not base64", "é"] {
            assert_eq!(canonical_base64(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn precis_refuses_blanks_and_empty_names() {
        assert!(is_precis_user_name("mira@contoso.example"));
        assert!(!is_precis_user_name("two words"));
        assert!(!is_precis_user_name(""));
    }
}
