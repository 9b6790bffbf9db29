//! How much of a long work is done at once: as much as fits in a short time.

use std::time::Duration;

/// How long one slice is to take: others who write wait no longer than that.
const TIME: Duration = Duration::from_millis(20);
/// The first slice, and the smallest.
const LEAST: usize = 16;
/// The largest.
const MOST: usize = 2048;

/// The size of the next slice.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slices(usize);

impl Slices {
    /// Nothing was done yet.
    pub(crate) fn new() -> Self {
        Self(LEAST)
    }

    /// How many there are in the next one.
    pub(crate) fn size(self) -> usize {
        self.0
    }

    /// The same, for a statement's limit.
    pub(crate) fn limit(self) -> i64 {
        i64::try_from(self.0).unwrap_or(i64::MAX)
    }

    /// One of that size took so long.
    pub(crate) fn took(&mut self, time: Duration) {
        let fits = (self.0 as u128).saturating_mul(TIME.as_micros()) / time.as_micros().max(1);
        let fits = usize::try_from(fits).unwrap_or(MOST);
        // One that went quickly may have been an easy one.
        self.0 = fits.min(self.0.saturating_mul(2)).clamp(LEAST, MOST);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slice_is_as_large_as_fits() {
        let mut slices = Slices::new();
        let check = |slices: &mut Slices, micros: u64, expected: usize| {
            slices.took(Duration::from_micros(micros));
            assert_eq!(slices.size(), expected);
        };
        check(&mut slices, 1_000, 2 * LEAST);
        check(&mut slices, 0, 4 * LEAST);
        check(&mut slices, 40_000, 2 * LEAST);
        check(&mut slices, 20_000, 2 * LEAST);
        check(&mut slices, 5_000_000, LEAST);
        (0..20).for_each(|_| slices.took(Duration::from_micros(10)));
        assert_eq!(slices.size(), MOST);
    }
}
