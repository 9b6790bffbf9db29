//! How much memory bodies and answers take together, while clients send the ones and take the others at their leisure.
//!
//! Each has a limit of its own; this is the limit of all. Small ones are not counted: that there are not too many of them is
//! what the number of connections is limited for.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Up to here a body or an answer is small, in bytes.
pub(crate) const SMALL_BYTES: usize = 64 * 1024;

/// What is in hand.
#[derive(Debug)]
pub(crate) struct InHand {
    bytes: AtomicUsize,
    limit: usize,
}

impl InHand {
    pub(crate) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { bytes: AtomicUsize::new(0), limit })
    }

    /// A share of it, of no bytes yet.
    pub(crate) fn share(self: &Arc<Self>) -> Share {
        Share { of: Arc::clone(self), bytes: 0 }
    }
}

/// What one body or answer takes, until it is dropped.
#[derive(Debug)]
pub(crate) struct Share {
    of: Arc<InHand>,
    bytes: usize,
}

impl Share {
    /// Makes the share as large as that; false where there is no room, and then it is as it was.
    pub(crate) fn grow_to(&mut self, bytes: usize) -> bool {
        if bytes <= SMALL_BYTES || bytes <= self.bytes {
            return true;
        }
        let more = bytes - self.bytes;
        let with = |taken: usize| taken.checked_add(more).filter(|all| *all <= self.of.limit);
        let grown = self.of.bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, with).is_ok();
        if grown {
            self.bytes = bytes;
        }
        grown
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.of.bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_dropped_makes_room() {
        let in_hand = InHand::new(300_000);
        let (mut one, mut two, mut three) = (in_hand.share(), in_hand.share(), in_hand.share());
        assert!(one.grow_to(100_000) && one.grow_to(150_000) && two.grow_to(150_000));
        assert!(!two.grow_to(150_001) && !three.grow_to(SMALL_BYTES + 1), "full");
        assert!(three.grow_to(SMALL_BYTES), "what is small is not counted");
        drop(one);
        assert!(three.grow_to(150_000) && !two.grow_to(150_001));
        drop((two, three));
        assert_eq!(in_hand.bytes.load(Ordering::Relaxed), 0);
    }
}
