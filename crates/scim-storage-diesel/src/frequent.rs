//! Which filters' statements are kept prepared.
//!
//! Making a filter's statement anew takes a database a good part of what the search takes. Clients write as many filters as they like, but
//! their values are bound, and most clients ask for few shapes, again and again. So the text of a statement that was asked for some
//! times is kept, as long as it is among the few that were asked for last: whoever asks for many shapes drives out others' for as long
//! as it does so, and no longer.
//!
//! Connections do not forget single statements. They forget all of them when as many texts were exchanged as are kept ([`era`]): none has
//! more than twice as many in memory, and the fixed ones.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// How often a text was asked for when it is kept.
const OFTEN: u8 = 4;
/// Texts that are kept at most.
const KEPT: usize = 48;
/// Texts that are counted at most; then all are counted anew.
const COUNTED: usize = 1024;
/// Longer texts are never kept.
const LENGTH: usize = 4096;

/// By the hashes of texts. Two texts of one hash would be counted together, which costs nobody a result.
static ASKED: Mutex<Asked> = Mutex::new(Asked { times: BTreeMap::new(), kept: Vec::new(), exchanged: 0 });
/// How often as many were exchanged as are kept.
static ERA: AtomicU64 = AtomicU64::new(0);

struct Asked {
    /// How often each was asked for of those that are not kept.
    times: BTreeMap<u64, u8>,
    /// Those that are, the one that was asked for last at the end.
    kept: Vec<u64>,
    /// How many were driven out in this era.
    exchanged: usize,
}

impl Asked {
    /// Whether a text is kept, and whether that begins another era.
    fn ask(&mut self, text: u64) -> (bool, bool) {
        if let Some(at) = self.kept.iter().position(|kept| *kept == text) {
            if let Some(rest) = self.kept.get_mut(at..) {
                rest.rotate_left(1);
            }
            return (true, false);
        }
        if self.times.len() >= COUNTED && !self.times.contains_key(&text) {
            self.times.clear();
        }
        let times = self.times.entry(text).or_default();
        *times += 1;
        if *times < OFTEN {
            return (false, false);
        }
        self.times.remove(&text);
        if self.kept.len() >= KEPT {
            self.kept.remove(0);
            self.exchanged += 1;
        }
        self.kept.push(text);
        let full = self.exchanged >= KEPT;
        if full {
            self.exchanged = 0;
        }
        (true, full)
    }
}

/// The number of the era: whoever keeps statements forgets them when it is another one.
#[cfg(feature = "sqlite")]
pub(crate) fn era() -> u64 {
    ERA.load(Ordering::Relaxed)
}

/// Whether a statement with that text, which is asked for now, is one to keep.
pub(crate) fn is_frequent(text: &str) -> bool {
    if text.len() > LENGTH {
        return false;
    }
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    let (kept, full) = ASKED.lock().unwrap_or_else(PoisonError::into_inner).ask(hasher.finish());
    if full {
        ERA.fetch_add(1, Ordering::Relaxed);
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_again_and_again_is_kept() {
        let mut asked = Asked { times: BTreeMap::new(), kept: Vec::new(), exchanged: 0 };
        for time in 1..=3 * OFTEN {
            assert_eq!(asked.ask(7), (time >= OFTEN, false), "{time}");
        }
        // Whoever asks for ever new ones has nothing kept, and nobody else's forgotten.
        for text in 1000..1000 + 5 * COUNTED as u64 {
            assert_eq!(asked.ask(text), (false, false));
        }
        assert!(asked.ask(7).0 && asked.times.len() <= COUNTED);
        assert!(!is_frequent(&"x".repeat(LENGTH + 1)));
    }

    #[test]
    fn whoever_was_not_asked_for_longest_makes_room() {
        let mut asked = Asked { times: BTreeMap::new(), kept: Vec::new(), exchanged: 0 };
        let mut eras = 0;
        for text in 0..3 * KEPT as u64 {
            let outcomes: Vec<_> = (0..OFTEN).map(|_| asked.ask(text)).collect();
            assert_eq!(outcomes.last().map(|last| last.0), Some(true), "there is room for everybody");
            eras += outcomes.iter().filter(|outcome| outcome.1).count();
            assert!(asked.ask(0).0, "what is asked for all the time stays");
        }
        assert_eq!((asked.kept.len(), eras), (KEPT, 2));
        assert!(!asked.ask(1).0, "it was driven out");
    }
}
