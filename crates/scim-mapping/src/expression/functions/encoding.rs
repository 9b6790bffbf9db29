//! Base64 and hexadecimal.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::super::error::ErrorKind;
use super::super::evaluate::null;
use super::{Family, Function, PLAIN, example, optional, required};

const STAYS: &str = "Null stays null.";
const HERE: Function = Function { family: Family::Encodings, ..PLAIN };

pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        name: "ConvertToBase64",
        parameters: &[required("source", "The text.")],
        meaning: "The text's UTF-16 (little-endian) bytes in Base64.",
        null: STAYS,
        examples: &[example(r#"ConvertToBase64("Hi!")"#, "{}", r#""SABpACEA""#)],
        evaluate: |call| {
            let Some(source) = call.text(0)? else { return null() };
            call.spend(source.len().saturating_mul(3))?;
            let bytes: Vec<u8> = source.encode_utf16().flat_map(u16::to_le_bytes).collect();
            call.give(STANDARD.encode(bytes))
        },
        ..HERE
    },
    Function {
        name: "ConvertFromBase64",
        parameters: &[
            required("source", "Base64."),
            optional(
                "encoding",
                "What the bytes are: Unicode (UTF-16, little-endian), ASCII or UTF8. Default: Unicode",
            ),
        ],
        meaning: "The text that Base64 stands for. Bytes that are no text become U+FFFD, in ASCII a question mark.",
        null: STAYS,
        examples: &[
            example(r#"ConvertFromBase64("SABpACEA")"#, "{}", r#""Hi!""#),
            example(r#"ConvertFromBase64("SGkh", UTF8)"#, "{}", r#""Hi!""#),
        ],
        evaluate: |call| {
            let (source, encoding) = (call.text(0)?, call.text(1)?);
            let decode: fn(&[u8]) -> String = match encoding.as_deref().unwrap_or("Unicode") {
                name if name.eq_ignore_ascii_case("Unicode") => utf16,
                name if name.eq_ignore_ascii_case("ASCII") => ascii,
                name if name.eq_ignore_ascii_case("UTF8") => {
                    |bytes| String::from_utf8_lossy(bytes).into_owned()
                }
                _ => return Err(call.fail_at(1, ErrorKind::Argument, "is Unicode, ASCII or UTF8")),
            };
            let Some(source) = source else { return null() };
            call.spend(source.len())?;
            // Base64 is broken into lines here and there; .NET passes over the blanks too.
            let packed: Vec<u8> = source.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
            match STANDARD.decode(packed) {
                Ok(bytes) => call.give(decode(&bytes)),
                Err(_) => Err(call.fail_at(
                    0,
                    ErrorKind::Argument,
                    "is no Base64; give text that ConvertToBase64 made",
                )),
            }
        },
        ..HERE
    },
    Function {
        name: "ConvertToUTF8Hex",
        parameters: &[required("source", "The text.")],
        meaning: "The text's UTF-8 bytes as hexadecimal digits.",
        null: STAYS,
        examples: &[example(r#"ConvertToUTF8Hex("Ab9")"#, "{}", r#""416239""#)],
        evaluate: |call| {
            let Some(source) = call.text(0)? else { return null() };
            call.spend(source.len())?;
            let digit = |half: u8| char::from_digit(u32::from(half), 16).unwrap_or('0').to_ascii_uppercase();
            let digits = source.bytes().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]);
            call.give(digits.collect::<String>())
        },
        ..HERE
    },
];

fn utf16(bytes: &[u8]) -> String {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let units = pairs.iter().map(|pair| u16::from_le_bytes(*pair));
    let decoded = char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER));
    decoded.chain((!rest.is_empty()).then_some(char::REPLACEMENT_CHARACTER)).collect()
}

fn ascii(bytes: &[u8]) -> String {
    bytes.iter().map(|&byte| if byte.is_ascii() { char::from(byte) } else { '?' }).collect()
}
