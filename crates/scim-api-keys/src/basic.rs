//! User name and password out of an `Authorization` header (RFC 7617), and client credentials out of one (RFC 6749 §2.3.1).
//!
//! Whether they are right is not asked here. Other schemes, and credentials in a form or a query, are others' work.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

/// The longest value of an `Authorization: Basic` header that is read, in bytes.
pub const MAX_BASIC_BYTES: usize = 2048;

/// The longest user name, in bytes.
pub const MAX_BASIC_USER_BYTES: usize = 256;

/// The longest password, in bytes: room for 128 characters of any alphabet, and for a key.
pub const MAX_BASIC_PASSWORD_BYTES: usize = 1024;

/// Why a header has no user name and password. Says which rule was broken and quotes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BasicError {
    /// Another scheme.
    #[error("the scheme is not Basic; send `Authorization: Basic ` and base64 of `user:password`")]
    Scheme,
    /// Longer than [`MAX_BASIC_BYTES`], or a part longer than its bound.
    #[error(
        "the credentials are too long; at most {MAX_BASIC_BYTES} bytes are taken, \
         {MAX_BASIC_USER_BYTES} of a user name and {MAX_BASIC_PASSWORD_BYTES} of a password"
    )]
    TooLong,
    /// Not base64, or not in its one spelling.
    #[error("the credentials are not base64 with padding (RFC 4648 §4)")]
    Base64,
    /// Not UTF-8.
    #[error("the credentials are not UTF-8; ISO 8859-1 is not taken")]
    Utf8,
    /// No colon.
    #[error("the credentials have no colon between user name and password")]
    Colon,
    /// A control character.
    #[error("the credentials have a control character; a line end at the end of the secret is the usual one")]
    Control,
    /// Not the form encoding.
    #[error(
        "the client's id or secret is not form-encoded; encode both before they are joined (RFC 6749 §2.3.1)"
    )]
    Form,
}

/// A user name and a password as somebody sent them, which proves nothing yet. Both are wiped when this is dropped;
/// `Debug` shows neither.
pub struct BasicCredentials {
    user: Zeroizing<String>,
    password: Zeroizing<String>,
}

impl BasicCredentials {
    /// Those of this header value: the scheme in any letter case, and base64 of UTF-8 `user:password`. The first colon ends
    /// the user name. Either may be empty.
    ///
    /// # Errors
    /// [`BasicError`] says which rule of RFC 7617 §2 was broken, or which bound.
    pub fn parse(value: &str) -> Result<Self, BasicError> {
        let decoded = decode(value)?;
        let (user, password) = split(&decoded)?;
        Self::new(Zeroizing::new(user.to_owned()), Zeroizing::new(password.to_owned()))
    }

    /// The id and the secret of an OAuth client, in the header that [`BasicCredentials::parse`] reads; both were
    /// form-encoded before (RFC 6749 §2.3.1, appendix B). What needs no encoding, as our ids and keys, is the same in both.
    ///
    /// # Errors
    /// Also if one of them is not form-encoded.
    pub fn parse_client(value: &str) -> Result<Self, BasicError> {
        let decoded = decode(value)?;
        let (user, password) = split(&decoded)?;
        Self::new(form_decode(user)?, form_decode(password)?)
    }

    /// The user name, or the client's id.
    #[must_use]
    pub fn user(&self) -> &str {
        &self.user
    }

    /// The password, or the client's secret.
    #[must_use]
    pub fn password(&self) -> &str {
        &self.password
    }

    fn new(user: Zeroizing<String>, password: Zeroizing<String>) -> Result<Self, BasicError> {
        if user.len() > MAX_BASIC_USER_BYTES || password.len() > MAX_BASIC_PASSWORD_BYTES {
            return Err(BasicError::TooLong);
        }
        if user.chars().chain(password.chars()).any(char::is_control) {
            return Err(BasicError::Control);
        }
        Ok(Self { user, password })
    }
}

impl fmt::Debug for BasicCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BasicCredentials").finish_non_exhaustive()
    }
}

fn decode(value: &str) -> Result<Zeroizing<Vec<u8>>, BasicError> {
    let (scheme, rest) = value.split_once(' ').ok_or(BasicError::Scheme)?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return Err(BasicError::Scheme);
    }
    if value.len() > MAX_BASIC_BYTES {
        return Err(BasicError::TooLong);
    }
    let encoded = rest.trim_start_matches(' ');
    // All the room at once: a vector that grows leaves copies behind.
    let mut decoded = Zeroizing::new(vec![0; encoded.len()]);
    let length = STANDARD.decode_slice(encoded, &mut decoded).map_err(|_| BasicError::Base64)?;
    decoded.truncate(length);
    Ok(decoded)
}

fn split(decoded: &[u8]) -> Result<(&str, &str), BasicError> {
    std::str::from_utf8(decoded).map_err(|_| BasicError::Utf8)?.split_once(':').ok_or(BasicError::Colon)
}

/// A value of `application/x-www-form-urlencoded`: `+` is a space, `%` and two digits a byte, all of them UTF-8. Nothing is
/// replaced or taken as it is: two texts must not become one secret by mistake.
fn form_decode(text: &str) -> Result<Zeroizing<String>, BasicError> {
    let mut decoded = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => {
                let (high, low) = (bytes.next().and_then(digit), bytes.next().and_then(digit));
                high.zip(low).map(|(high, low)| high * 16 + low).ok_or(BasicError::Form)?
            }
            other => other,
        });
    }
    let text = std::str::from_utf8(&decoded).map_err(|_| BasicError::Utf8)?;
    Ok(Zeroizing::new(text.to_owned()))
}

/// The value of a hexadecimal digit.
const fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Parse = fn(&str) -> Result<BasicCredentials, BasicError>;

    fn check_value(parse: Parse, value: &str, expected: Result<(&str, &str), BasicError>) {
        let parsed = parse(value);
        let parts = parsed.as_ref().map(|parsed| (parsed.user(), parsed.password())).map_err(|error| *error);
        assert_eq!(parts, expected, "{value}");
    }

    fn check(plain: &[u8], expected: Result<(&str, &str), BasicError>) {
        check_value(BasicCredentials::parse, &format!("Basic {}", STANDARD.encode(plain)), expected);
    }

    fn check_client(plain: &str, expected: Result<(&str, &str), BasicError>) {
        check_value(BasicCredentials::parse_client, &format!("Basic {}", STANDARD.encode(plain)), expected);
    }

    #[test]
    fn the_examples_of_the_standard_are_read() {
        let value = "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==";
        check_value(BasicCredentials::parse, value, Ok(("Aladdin", "open sesame")));
        check_value(BasicCredentials::parse, "Basic dGVzdDoxMjPCow==", Ok(("test", "123£")));
        // RFC 6749 §2.3.1.
        let value = "Basic czZCaGRSa3F0Mzo3RmpmcDBaQnIxS3REUmJuZlZkbUl3";
        check_value(BasicCredentials::parse_client, value, Ok(("s6BhdRkqt3", "7Fjfp0ZBr1KtDRbnfVdmIw")));
    }

    #[test]
    fn the_first_colon_ends_the_user_name() {
        check(b"user:pass:word", Ok(("user", "pass:word")));
        check(b":password", Ok(("", "password")));
        check(b"user:", Ok(("user", "")));
        check(b":", Ok(("", "")));
        check(b"", Err(BasicError::Colon));
        check(b"user", Err(BasicError::Colon));
        check(b"a b:c%41+d", Ok(("a b", "c%41+d")));
    }

    #[test]
    fn the_scheme_has_any_case_and_spaces_behind() {
        for scheme in ["Basic ", "basic ", "BASIC ", "Basic    "] {
            check_value(BasicCredentials::parse, &format!("{scheme}YTpi"), Ok(("a", "b")));
        }
        for value in ["", "Basic", "BasicYTpi", "Bearer YTpi", " Basic YTpi", "Basic\tYTpi", "Basic:YTpi"] {
            check_value(BasicCredentials::parse, value, Err(BasicError::Scheme));
        }
    }

    #[test]
    fn base64_has_one_spelling() {
        for value in [
            "Basic YTpi=",
            "Basic YTo",
            "Basic YTo=x",
            "Basic YT pi",
            "Basic YTpi ",
            "Basic YTp_",
            "Basic YTp=",
        ] {
            check_value(BasicCredentials::parse, value, Err(BasicError::Base64));
        }
        check_value(BasicCredentials::parse, "Basic YTo=", Ok(("a", "")));
        check_value(BasicCredentials::parse, "Basic ", Err(BasicError::Colon));
        check_value(BasicCredentials::parse, "Basic é", Err(BasicError::Base64));
    }

    #[test]
    fn what_is_not_text_is_refused() {
        check(b"user:pass\n", Err(BasicError::Control));
        check(b"us\0er:pass", Err(BasicError::Control));
        check(b"user:pa\x7fss", Err(BasicError::Control));
        check("user:pa\u{85}ss".as_bytes(), Err(BasicError::Control));
        check(b"user:\xa3", Err(BasicError::Utf8));
        check(b"\xff:x", Err(BasicError::Utf8));
    }

    #[test]
    fn there_are_bounds() {
        let text = |user: usize, password: usize| format!("{}:{}", "u".repeat(user), "p".repeat(password));
        let fits = text(256, 1024);
        check(fits.as_bytes(), fits.split_once(':').ok_or(BasicError::Colon));
        check(text(257, 1).as_bytes(), Err(BasicError::TooLong));
        check(text(1, 1025).as_bytes(), Err(BasicError::TooLong));
        check(text(1, 100_000).as_bytes(), Err(BasicError::TooLong));
    }

    #[test]
    fn a_client_is_form_decoded() {
        check_client("a%3Ab:c%2Bd+e%C2%A3", Ok(("a:b", "c+d e£")));
        check_client(
            "5f0c7f4e-0000-7000-8000-000000000001:rck1_x",
            Ok(("5f0c7f4e-0000-7000-8000-000000000001", "rck1_x")),
        );
        for text in ["a:%", "a:%4", "a:%zz", "%:b", "a:%+1", "a:100%"] {
            check_client(text, Err(BasicError::Form));
        }
        check_client("a:%00", Err(BasicError::Control));
        check_client("a:%FF", Err(BasicError::Utf8));
        check_client("a%3Ab", Err(BasicError::Colon));
    }

    #[test]
    fn nothing_of_it_is_printed() {
        let parsed = BasicCredentials::parse("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==").expect("credentials");
        assert_eq!(format!("{parsed:?}"), "BasicCredentials { .. }");
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_a_panic(text in "\\PC{0,100}", encoded in "[A-Za-z0-9+/=]{0,80}") {
            let _ = BasicCredentials::parse(&text);
            let _ = BasicCredentials::parse_client(&format!("Basic {encoded}"));
        }

        #[test]
        fn what_was_joined_is_parted(user in "[^:\\p{Cc}]{0,40}", password in "\\PC{0,100}") {
            prop_assume!(!password.chars().any(char::is_control));
            let value = format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
            let parsed = BasicCredentials::parse(&value).expect("credentials");
            prop_assert_eq!((parsed.user(), parsed.password()), (user.as_str(), password.as_str()));
        }
    }
}
