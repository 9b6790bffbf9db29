//! Which filters' statements are kept prepared.
//!
//! Making a filter's statement anew takes a database a good part of what the search takes. Clients write as many filters as they like, but
//! their values are bound, and most clients ask for few shapes, again and again. So the text of a statement that was asked for some
//! times is kept, as long as few are: what others keep asking for stays in memory once for each connection, and no more than that.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Mutex, PoisonError};

/// How often a text was asked for when it is kept.
const OFTEN: u8 = 4;
/// Texts that are kept at most.
const KEPT: usize = 48;
/// Texts that are counted at most; then those that are not kept are forgotten.
const COUNTED: usize = 1024;
/// Longer texts are never kept.
const LENGTH: usize = 4096;

/// How often each text was asked for, by its hash. Two texts of one hash would be counted together, which costs nobody a result.
static ASKED: Mutex<Asked> = Mutex::new(Asked { times: BTreeMap::new(), kept: 0 });

struct Asked {
    times: BTreeMap<u64, u8>,
    kept: usize,
}

impl Asked {
    fn is_frequent(&mut self, text: u64) -> bool {
        if self.times.len() >= COUNTED && !self.times.contains_key(&text) {
            self.times.retain(|_, times| *times >= OFTEN);
        }
        let times = self.times.entry(text).or_default();
        if *times >= OFTEN {
            return true;
        }
        if *times + 1 == OFTEN && self.kept >= KEPT {
            return false;
        }
        *times += 1;
        self.kept += usize::from(*times == OFTEN);
        *times >= OFTEN
    }
}

/// Whether a statement with that text, which is asked for now, is one to keep.
pub(crate) fn is_frequent(text: &str) -> bool {
    if text.len() > LENGTH {
        return false;
    }
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    ASKED.lock().unwrap_or_else(PoisonError::into_inner).is_frequent(hasher.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_texts_are_kept_and_only_those_that_come_again() {
        let mut asked = Asked { times: BTreeMap::new(), kept: 0 };
        for time in 1..=3 * OFTEN {
            assert_eq!(asked.is_frequent(7), time >= OFTEN, "{time}");
        }
        // Whoever asks for ever new ones has nothing kept, and nobody else's forgotten.
        for text in 1000..1000 + 5 * COUNTED as u64 {
            assert!(!asked.is_frequent(text));
        }
        assert!(asked.is_frequent(7) && asked.times.len() <= COUNTED);
        // There is room for so many.
        let kept = (0..100).filter(|text| (0..OFTEN).fold(false, |_, _| asked.is_frequent(*text)));
        assert_eq!(kept.count(), KEPT);
        assert!(!asked.is_frequent(99) && asked.is_frequent(0));
        assert!(!is_frequent(&"x".repeat(LENGTH + 1)));
    }
}
