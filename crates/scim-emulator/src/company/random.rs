//! Chance that is the same every time: splitmix64, keyed by what it is for.

/// One draw.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Roll(u64);

impl Roll {
    /// The draw for one purpose and index.
    pub(crate) fn new(seed: u64, what: &str, index: u64) -> Self {
        let key = what.bytes().fold(seed, |key, byte| splitmix64(key ^ u64::from(byte)));
        Self(splitmix64(key ^ splitmix64(index)))
    }

    pub(crate) fn value(self) -> u64 {
        self.0
    }
}

/// Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014.
pub(crate) fn splitmix64(state: u64) -> u64 {
    let mut z = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// An element, counted around the end.
#[expect(
    clippy::indexing_slicing,
    reason = "the remainder is below the length; no list of the data files is empty, by test"
)]
pub(crate) fn pick<T>(list: &[T], number: u64) -> &T {
    let index = usize::try_from(number % list.len() as u64).unwrap_or_default();
    &list[index]
}

/// A number near the golden section of `n` that shares no divisor with it: steps of it visit all of `0..n`, well spread.
pub(crate) fn coprime(n: u64) -> u64 {
    let start = (n / 1000 * 618 + n % 1000 * 618 / 1000).max(1);
    (start..).find(|candidate| gcd(*candidate, n) == 1).unwrap_or(1)
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_sequence() {
        // The first outputs for state 0, from the reference implementation.
        assert_eq!(splitmix64(0), 0xE220_A839_7B1D_CDAF);
        assert_eq!(splitmix64(0x9E37_79B9_7F4A_7C15), 0x6E78_9E6A_A1B9_65F4);
    }

    #[test]
    fn coprime_steps_visit_everything() {
        for n in [1, 2, 3, 12, 999, 4_096] {
            let step = coprime(n);
            let mut seen: Vec<u64> = (0..n).map(|k| k * step % n).collect();
            seen.sort_unstable();
            assert!(seen.into_iter().eq(0..n), "{n}");
        }
    }
}
