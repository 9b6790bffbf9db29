//! Key sets of trusted issuers, remembered.
//!
//! Nothing is fetched here. [`JwksCache::lookup`] says when the caller should fetch a set; the caller does, with the limits
//! that an outgoing request needs, and hands the bytes to [`JwksCache::keep`]. It is told to at most once a minute for a
//! URL, whatever tokens arrive: after an hour, or when a token names a key that is not in the set. If fetching fails, the
//! last good set counts for a day.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::jwk::{JwkSet, JwksError, PublicKey};
use super::{Algorithm, TokenError};

/// The most URLs whose sets are remembered. Beyond, the one that was not used for longest is forgotten.
pub const MAX_JWKS_URLS: usize = 1_000;

/// After how many seconds a set is fetched again: an hour.
const FRESH_SECONDS: i64 = 60 * 60;

/// For how many seconds a set counts if fetching fails: a day.
const USABLE_SECONDS: i64 = 24 * 60 * 60;

/// The seconds from one fetch of a URL to the next.
const REFRESH_SECONDS: i64 = 60;

/// The key sets of trusted issuers, by the URL that they are fetched from.
#[derive(Default)]
pub struct JwksCache {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    sets: HashMap<String, Remembered>,
    /// Counts uses, to order them.
    uses: u64,
}

#[derive(Default)]
struct Remembered {
    /// The last good set, and when it came.
    set: Option<(Arc<JwkSet>, i64)>,
    /// When the caller was last told to fetch.
    asked: Option<i64>,
    used: u64,
}

/// What a look for a key came to.
#[derive(Clone, Debug)]
pub enum Lookup {
    /// This key.
    Found(Arc<PublicKey>),
    /// Fetch the set of this URL, give it to [`JwksCache::keep`], and look again, whether or not it worked.
    /// The next look does not answer this for a minute.
    Refresh,
    /// There is no such key: [`TokenError::UnknownKey`], [`TokenError::UnfitKey`], or [`TokenError::KeysUnavailable`]
    /// as long as no set was ever fetched, or none for a day.
    Refused(TokenError),
}

impl JwksCache {
    /// One that knows nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The key of the set at `url` for a token of this `kid` and algorithm ([`JwkSet::find`]). `now` is in seconds since
    /// 1970.
    #[must_use]
    pub fn lookup(&self, url: &str, kid: Option<&str>, algorithm: Algorithm, now: i64) -> Lookup {
        let mut state = self.state();
        let held = state.touch(url);
        let usable = held.set.as_ref().map(|(set, since)| (set, age(*since, now)));
        let usable = usable.filter(|(_, age)| *age < USABLE_SECONDS);
        let fresh = usable.is_some_and(|(_, age)| age < FRESH_SECONDS);
        let found = usable.map_or(Err(TokenError::KeysUnavailable), |(set, _)| set.find(kid, algorithm));
        let may_ask = held.asked.is_none_or(|asked| age(asked, now) >= REFRESH_SECONDS);
        let missing = matches!(found, Err(TokenError::UnknownKey | TokenError::KeysUnavailable));
        if may_ask && (missing || !fresh) {
            held.asked = Some(now);
            return Lookup::Refresh;
        }
        match found {
            Ok(key) => Lookup::Found(key),
            Err(error) => Lookup::Refused(error),
        }
    }

    /// Takes the set that was fetched from `url`, in place of the one before.
    ///
    /// # Errors
    /// [`JwksError`] if it is none; the last good one stays.
    pub fn keep(&self, url: &str, json: &[u8], now: i64) -> Result<(), JwksError> {
        let set = Arc::new(JwkSet::parse(json)?);
        self.state().touch(url).set = Some((set, now));
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// What is remembered of a URL, which is now the one used last.
    fn touch(&mut self, url: &str) -> &mut Remembered {
        if !self.sets.contains_key(url) && self.sets.len() >= MAX_JWKS_URLS {
            let oldest = self.sets.iter().min_by_key(|(_, held)| held.used).map(|(url, _)| url.clone());
            if let Some(oldest) = oldest {
                self.sets.remove(&oldest);
            }
        }
        self.uses = self.uses.saturating_add(1);
        let held = self.sets.entry(url.to_owned()).or_default();
        held.used = self.uses;
        held
    }
}

/// How long ago `then` was. Threads that were told the time a little apart are no matter; if the clock was set back by
/// more than that, it was long ago.
fn age(then: i64, now: i64) -> i64 {
    let age = now.saturating_sub(then);
    if age < -REFRESH_SECONDS { i64::MAX } else { age }
}

impl fmt::Debug for JwksCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JwksCache").field("urls", &self.state().sets.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use serde_json::json;

    use super::*;
    use crate::token::forge::ed25519_public;

    const URL: &str = "https://issuer.example/keys";

    fn set(kids: &[&str]) -> Vec<u8> {
        let x = URL_SAFE_NO_PAD.encode(ed25519_public([1; 32]));
        let key = |kid: &&str| json!({"kty": "OKP", "crv": "Ed25519", "x": x, "kid": kid});
        json!({"keys": kids.iter().map(key).collect::<Vec<_>>()}).to_string().into_bytes()
    }

    fn answer(cache: &JwksCache, url: &str, kid: &str, now: i64) -> String {
        match cache.lookup(url, Some(kid), Algorithm::EdDsa, now) {
            Lookup::Found(_) => "found".to_owned(),
            Lookup::Refresh => "refresh".to_owned(),
            Lookup::Refused(error) => format!("{error:?}"),
        }
    }

    /// `(time, kid, answer)` one after the other.
    fn check(cache: &JwksCache, steps: &[(i64, &str, &str)]) {
        for (now, kid, expected) in steps {
            assert_eq!(answer(cache, URL, kid, *now), *expected, "{kid} at {now}");
        }
    }

    #[test]
    fn a_set_is_fetched_when_it_is_first_needed_and_not_by_everybody_at_once() {
        let cache = JwksCache::new();
        check(&cache, &[(0, "a", "refresh"), (0, "a", "KeysUnavailable"), (59, "b", "KeysUnavailable")]);
        check(&cache, &[(60, "a", "refresh")]);
        cache.keep(URL, &set(&["a"]), 61).expect("a set");
        check(&cache, &[(61, "a", "found"), (62, "a", "found")]);
    }

    #[test]
    fn an_unknown_kid_has_the_set_fetched_once_a_minute() {
        let cache = JwksCache::new();
        cache.keep(URL, &set(&["a"]), 0).expect("a set");
        check(&cache, &[(1, "b", "refresh")]);
        check(
            &cache,
            &[(1, "b", "UnknownKey"), (2, "c", "UnknownKey"), (60, "d", "UnknownKey"), (60, "a", "found")],
        );
        check(&cache, &[(61, "b", "refresh")]);
        cache.keep(URL, &set(&["a", "b"]), 62).expect("a set");
        check(&cache, &[(62, "b", "found"), (62, "c", "UnknownKey")]);
    }

    #[test]
    fn a_set_is_fetched_again_after_an_hour_and_counts_for_a_day() {
        let cache = JwksCache::new();
        cache.keep(URL, &set(&["a"]), 0).expect("a set");
        check(
            &cache,
            &[(3599, "a", "found"), (3600, "a", "refresh"), (3600, "a", "found"), (3659, "a", "found")],
        );
        // Fetching fails all day, once a minute at most.
        check(&cache, &[(3660, "a", "refresh"), (3661, "a", "found")]);
        check(&cache, &[(86_399, "a", "refresh"), (86_399, "a", "found"), (86_400, "a", "KeysUnavailable")]);
        cache.keep(URL, &set(&["a"]), 86_401).expect("a set");
        check(&cache, &[(86_401, "a", "found")]);
    }

    #[test]
    fn a_failed_fetch_keeps_the_last_good_set() {
        let cache = JwksCache::new();
        cache.keep(URL, &set(&["a"]), 0).expect("a set");
        for bad in [b"".as_slice(), b"<html>", b"{}", b"{\"keys\":{}}", b"[]"] {
            assert_eq!(cache.keep(URL, bad, 1), Err(JwksError::Malformed));
            check(&cache, &[(1, "a", "found")]);
        }
        // An issuer that takes back its keys means it.
        cache.keep(URL, &set(&[]), 2).expect("a set");
        check(&cache, &[(2, "a", "refresh"), (2, "a", "UnknownKey")]);
    }

    #[test]
    fn urls_have_nothing_to_do_with_each_other_and_are_bounded() {
        let cache = JwksCache::new();
        cache.keep(URL, &set(&["a"]), 0).expect("a set");
        assert_eq!(answer(&cache, "https://other.example/keys", "a", 0), "refresh");
        for n in 0..MAX_JWKS_URLS * 2 {
            assert_eq!(answer(&cache, &format!("https://{n}.example/keys"), "a", 0), "refresh");
            assert_eq!(answer(&cache, URL, "a", 0), "found");
        }
        assert_eq!(format!("{cache:?}"), "JwksCache { urls: 1000, .. }");
        assert_eq!(answer(&cache, "https://0.example/keys", "a", 0), "refresh");
    }

    #[test]
    fn a_clock_that_was_set_back_makes_sets_old() {
        let cache = JwksCache::new();
        check(&cache, &[(1_000_000, "a", "refresh")]);
        cache.keep(URL, &set(&["a"]), 1_000_000).expect("a set");
        check(&cache, &[(999_999, "a", "found"), (999_999, "b", "UnknownKey")]);
        check(&cache, &[(500, "a", "refresh"), (500, "a", "KeysUnavailable"), (i64::MIN, "a", "refresh")]);
        check(&cache, &[(i64::MAX, "a", "refresh"), (i64::MAX, "a", "KeysUnavailable")]);
    }
}
