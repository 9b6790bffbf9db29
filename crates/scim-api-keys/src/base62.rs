//! Big-endian base62 of fixed width (`0-9A-Za-z`). Each number has one text of a width, and reading accepts no other.
//!
//! Reading works without tables and branches that depend on the digits, on the stack, and leaves no secret there.

use zeroize::Zeroizing;

const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// The most bytes of a number.
const MAX_BYTES: usize = 32;

/// How many digits the greatest number has.
const MAX_DIGITS: usize = 43;

/// As many digits as always fit into 64 bits.
const CHUNK: usize = 10;

/// Appends `bytes` as `width` digits. The width has to hold them.
pub(crate) fn push(text: &mut String, bytes: &[u8], width: usize) {
    let mut number = Zeroizing::new([0_u8; MAX_BYTES]);
    for (into, byte) in number.iter_mut().rev().zip(bytes.iter().rev()) {
        *into = *byte;
    }
    let mut digits = Zeroizing::new([b'0'; MAX_DIGITS]);
    for digit in digits.iter_mut().rev().take(width) {
        let mut rest: u32 = 0;
        for byte in number.iter_mut() {
            let value = rest * 256 + u32::from(*byte);
            *byte = u8::try_from(value / 62).unwrap_or(u8::MAX);
            rest = value % 62;
        }
        *digit = usize::try_from(rest).ok().and_then(|rest| DIGITS.get(rest)).copied().unwrap_or(b'0');
    }
    text.extend(digits.iter().skip(MAX_DIGITS - width.min(MAX_DIGITS)).copied().map(char::from));
}

/// Reads digits into bytes, at most 32; `None` for another character, or a number that does not fit.
pub(crate) fn decode(digits: &[u8], into: &mut [u8]) -> Option<()> {
    // Least significant first.
    let mut number = Zeroizing::new([0_u64; MAX_BYTES / 8]);
    let mut wrong = 0_u64;
    for chunk in digits.chunks(CHUNK) {
        let (mut carry, mut scale) = (0_u64, 1_u64);
        for digit in chunk {
            let value = value(*digit);
            wrong |= u64::from(value < 0);
            carry = carry * 62 + u64::from(value.unsigned_abs());
            scale *= 62;
        }
        for limb in number.iter_mut() {
            let product = u128::from(*limb) * u128::from(scale) + u128::from(carry);
            *limb = u64::try_from(product & u128::from(u64::MAX)).unwrap_or(u64::MAX);
            carry = u64::try_from(product >> 64).unwrap_or(u64::MAX);
        }
        wrong |= carry;
    }
    let mut bytes = Zeroizing::new([0_u8; MAX_BYTES]);
    for (place, limb) in bytes.rchunks_exact_mut(8).zip(number.iter()) {
        place.copy_from_slice(&limb.to_be_bytes());
    }
    let (above, kept) = bytes.split_at_checked(MAX_BYTES.checked_sub(into.len())?)?;
    if wrong != 0 || above.iter().any(|byte| *byte != 0) {
        return None;
    }
    into.copy_from_slice(kept);
    Some(())
}

/// What a digit stands for; -1 if it is none.
fn value(digit: u8) -> i16 {
    let digit = i16::from(digit);
    // All ones between the two bounds, else zero.
    let between = |below: i16, above: i16| ((below - digit) & (digit - above)) >> 8;
    -1 + (between(b'0' as i16 - 1, b'9' as i16 + 1) & (digit - b'0' as i16 + 1))
        + (between(b'A' as i16 - 1, b'Z' as i16 + 1) & (digit - b'A' as i16 + 11))
        + (between(b'a' as i16 - 1, b'z' as i16 + 1) & (digit - b'a' as i16 + 37))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(bytes: &[u8], width: usize) -> String {
        let mut text = String::new();
        push(&mut text, bytes, width);
        text
    }

    fn check<const N: usize>(digits: &str, expected: Option<[u8; N]>) {
        let mut bytes = [0; N];
        assert_eq!(decode(digits.as_bytes(), &mut bytes).map(|()| bytes), expected, "{digits}");
    }

    #[test]
    fn fixed_width_round_trip() {
        for bytes in [[0; 16], [255; 16], [7; 16], [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 61]] {
            let text = written(&bytes, 22);
            assert_eq!(text.len(), 22);
            check(&text, Some(bytes));
        }
        assert_eq!(written(&[255; 32], 43).len(), 43);
        check(&written(&[255; 32], 43), Some([255; 32]));
    }

    #[test]
    fn every_byte_is_a_digit_or_refused() {
        for byte in 0..=u8::MAX {
            let at = DIGITS.iter().position(|digit| *digit == byte).and_then(|at| i16::try_from(at).ok());
            assert_eq!(value(byte), at.unwrap_or(-1), "{byte}");
        }
    }

    #[test]
    fn overflow_and_foreign_characters_are_refused() {
        check::<16>("zzzzzzzzzzzzzzzzzzzzzz", None);
        check::<4>("0000!0", None);
        check::<1>("48", None);
        check::<1>("47", Some([255]));
        // The greatest number of each size, and the one after it.
        check::<4>("4gfFC3", Some([255; 4]));
        check::<4>("4gfFC4", None);
        check::<16>("7n42DGM5Tflk9n8mt7Fhc7", Some([255; 16]));
        check::<16>("7n42DGM5Tflk9n8mt7Fhc8", None);
        check::<32>("yhjskwdA6OZ1AL1YmHWZWm8LLG7HjnuCA2j5rOw8Xp1", Some([255; 32]));
        check::<32>("yhjskwdA6OZ1AL1YmHWZWm8LLG7HjnuCA2j5rOw8Xp2", None);
        check::<32>(&"z".repeat(43), None);
    }

    proptest! {
        #[test]
        fn what_is_read_is_written_the_same(digits in "[0-9A-Za-z]{43}") {
            let mut bytes = [0; 32];
            if decode(digits.as_bytes(), &mut bytes).is_some() {
                prop_assert_eq!(written(&bytes, 43), digits);
            } else {
                prop_assert!(digits.as_str() > written(&[255; 32], 43).as_str());
            }
        }
    }
}
