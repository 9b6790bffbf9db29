//! Random text.

use super::super::error::ErrorKind;
use super::super::evaluate::{Evaluated, Invocation, Stop, give};
use super::super::value::Value;
use super::{Function, PLAIN, optional, required};

pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        name: "RandomString",
        parameters: &[
            required("length", "How many characters, at most 256."),
            required("minimumNumbers", "How many digits at least."),
            required("minimumSpecialCharacters", "How many special characters at least."),
            required("minimumCapital", "How many capital letters at least."),
            required("minimumLowerCase", "How many small letters at least."),
            optional("charactersToAvoid", "Characters that must not occur."),
        ],
        meaning: "A random text. What the minima leave open is drawn from the sorts of characters whose minimum is not 0; \
                  from all of them where every minimum is 0. Special characters are those that Active Directory counts \
                  for a password's complexity.",
        null: "Null is no number: an error.",
        evaluate: random_string,
        ..PLAIN
    },
    Function {
        name: "Guid",
        meaning: "A random GUID (version 4) in small letters, with hyphens.",
        null: "Takes no parameters.",
        evaluate: |call| {
            let mut bytes = [0; 16];
            call.random(&mut bytes)?;
            // Version 4, variant 1 (RFC 9562 §5.4).
            let number =
                (u128::from_be_bytes(bytes) & !(0xf << 76) & !(0b11 << 62)) | (0x4 << 76) | (0b10 << 62);
            let mut text = format!("{number:032x}");
            for hyphen in [20, 16, 12, 8] {
                text.insert(hyphen, '-');
            }
            call.give(text)
        },
        ..PLAIN
    },
];

/// Longest random text.
const LONGEST: i64 = 256;

/// Digits, special characters, capital and small letters, in the order of the parameters.
const SORTS: [&str; 4] = [
    "0123456789",
    "~!@#$%^&*_-+=`|\\(){}[]:;\"'<>,.?/",
    "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "abcdefghijklmnopqrstuvwxyz",
];

fn random_string<'e>(call: &mut Invocation<'_, 'e>) -> Evaluated<'e> {
    let length = call.int(0)?;
    let minima = [call.int(1)?, call.int(2)?, call.int(3)?, call.int(4)?];
    let avoided = call.text_or_empty(5)?;
    if !(0..=LONGEST).contains(&length) {
        return Err(call.fail_at(0, ErrorKind::Argument, "is 0 to 256"));
    }
    if let Some(negative) = minima.iter().position(|&least| least < 0) {
        return Err(call.fail_at(negative + 1, ErrorKind::Argument, "is negative; use 0 or more"));
    }
    if minima.iter().fold(0, |sum: i64, &least| sum.saturating_add(least)) > length {
        return Err(call.fail_at(0, ErrorKind::Argument, "is less than the minima together; make it larger"));
    }
    let mut text: Vec<char> = Vec::new();
    let mut open: Vec<char> = Vec::new();
    let all = minima.iter().all(|&least| least == 0);
    for (index, (&least, sort)) in minima.iter().zip(SORTS).enumerate() {
        let allowed: Vec<char> = sort.chars().filter(|character| !avoided.contains(*character)).collect();
        if least > 0 && allowed.is_empty() {
            return Err(call.fail_at(
                index + 1,
                ErrorKind::Argument,
                "asks for characters that are all to be avoided",
            ));
        }
        for _ in 0..least {
            text.extend(draw(call, &allowed)?);
        }
        if least > 0 || all {
            open.extend(allowed);
        }
    }
    while i64::try_from(text.len()).is_ok_and(|drawn| drawn < length) {
        let Some(character) = draw(call, &open)? else {
            return Err(call.fail_at(5, ErrorKind::Argument, "leaves no characters; avoid fewer"));
        };
        text.push(character);
    }
    // Fisher-Yates: every order is as likely.
    for end in (1..text.len()).rev() {
        let other = below(call, end + 1)?;
        text.swap(end, other);
    }
    give(Value::Text(text.into_iter().collect()))
}

/// One of the characters, each as likely; none of none.
fn draw(call: &mut Invocation<'_, '_>, characters: &[char]) -> Result<Option<char>, Stop> {
    if characters.is_empty() {
        return Ok(None);
    }
    let index = below(call, characters.len())?;
    Ok(characters.get(index).copied())
}

/// A number from 0 to one less than `limit`, which is 1 to 256, each as likely.
fn below(call: &mut Invocation<'_, '_>, limit: usize) -> Result<usize, Stop> {
    let fair = 256 - 256 % limit;
    // A source that never gives a fair byte is broken; a slight preference is better than no end.
    let mut number = 0;
    for _ in 0..128 {
        let mut byte = [0];
        call.random(&mut byte)?;
        let [byte] = byte;
        number = usize::from(byte);
        if number < fair {
            break;
        }
    }
    Ok(number % limit)
}
