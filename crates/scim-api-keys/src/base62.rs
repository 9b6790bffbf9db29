//! Big-endian base62 of fixed width (`0-9A-Za-z`).

const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Writes `bytes` as `width` digits. The width has to hold them.
pub(crate) fn encode(bytes: &[u8], width: usize) -> String {
    let mut number = bytes.to_vec();
    let mut digits = vec![b'0'; width];
    for digit in digits.iter_mut().rev() {
        let mut rest: u32 = 0;
        for byte in &mut number {
            let value = rest * 256 + u32::from(*byte);
            *byte = u8::try_from(value / 62).unwrap_or(u8::MAX);
            rest = value % 62;
        }
        *digit = usize::try_from(rest).ok().and_then(|rest| DIGITS.get(rest)).copied().unwrap_or(b'0');
    }
    String::from_utf8(digits).unwrap_or_default()
}

/// Reads digits into `N` bytes; `None` for another character, or a number that does not fit.
pub(crate) fn decode<const N: usize>(digits: &str) -> Option<[u8; N]> {
    let mut number = [0_u8; N];
    for digit in digits.bytes() {
        let value = match digit {
            b'0'..=b'9' => digit - b'0',
            b'A'..=b'Z' => digit - b'A' + 10,
            b'a'..=b'z' => digit - b'a' + 36,
            _ => return None,
        };
        let mut carry = u32::from(value);
        for byte in number.iter_mut().rev() {
            let value = u32::from(*byte) * 62 + carry;
            *byte = u8::try_from(value % 256).unwrap_or_default();
            carry = value / 256;
        }
        if carry > 0 {
            return None;
        }
    }
    Some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fixed_width_round_trip() {
        for bytes in [[0; 16], [255; 16], [7; 16], [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 61]] {
            let text = encode(&bytes, 22);
            assert_eq!(text.len(), 22);
            assert_eq!(decode::<16>(&text), Some(bytes));
        }
        assert_eq!(encode(&[255; 32], 43).len(), 43);
        assert_eq!(decode::<32>(&encode(&[255; 32], 43)), Some([255; 32]));
    }

    #[test]
    fn overflow_and_foreign_characters_are_refused() {
        assert_eq!(decode::<16>("zzzzzzzzzzzzzzzzzzzzzz"), None);
        assert_eq!(decode::<4>("0000!0"), None);
        assert_eq!(decode::<1>("48"), None);
        assert_eq!(decode::<1>("47"), Some([255]));
    }
}
