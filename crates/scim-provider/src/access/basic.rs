//! HTTP Basic (RFC 7617): a key as password, or a secret that a person chose.
//!
//! What a person chose may be guessed, so it is kept as an argon2id hash. Checking one takes tens of milliseconds of a
//! processor by design: it runs behind a bounded queue, whoever is unknown costs the same, and what was right is remembered
//! for a few minutes, while the key's row is read for each request all the same.

use std::net::IpAddr;

use scim_api_keys::{ApiKey, BasicCredentials, Rate};
use scim_directory::{KeptSecret, KeyId};

use super::{Known, NotLetIn, Way};
use crate::{Provider, Request};

/// How many wrong guesses at secrets that people chose an address has: ten at once, then one a second. Who is over it is
/// asked to wait before any processor time is spent; what is remembered as right needs no guess.
const GUESSES: Rate = Rate { per_second: 1, burst: 10 };

impl Provider {
    /// Who shows a user name and a password.
    pub(super) async fn by_basic(&self, header: &str, request: &Request<'_>) -> Result<Known, NotLetIn> {
        let credentials = BasicCredentials::parse(header).map_err(|_| NotLetIn::unknown())?;
        let (user, password) = (credentials.user(), credentials.password());
        if ApiKey::parse(password).is_err() {
            return self.by_chosen_secret(user, password, request).await;
        }
        let known = self.by_key(password, Way::Basic).await?;
        if known.is_named(user) {
            return Ok(known);
        }
        Err(NotLetIn::unknown().of_instance(known.instance.id.uuid().into_bytes()))
    }

    async fn by_chosen_secret(
        &self,
        user: &str,
        password: &str,
        request: &Request<'_>,
    ) -> Result<Known, NotLetIn> {
        // Keys are found by their ids alone, and what is no id is nobody's.
        let id: KeyId = user.parse().map_err(|_| NotLetIn::unknown())?;
        let context = self.key_context(id).await?;
        let kept = context.as_ref().and_then(|context| match &context.key.secret {
            KeptSecret::Password(hash) => Some(hash.as_str()),
            KeptSecret::Mac { .. } => None,
        });
        let now = request.now.unix_millis().div_euclid(1000);
        let (credential, generation) =
            (id.uuid().into_bytes(), context.as_ref().map_or(0, |context| context.key.generation));
        let remembered = kept.is_some() && self.remembered.is_known(&credential, password, generation, now);
        if !remembered {
            let (from, now_ms) = (guesser(request.peer), request.now.unix_millis());
            self.guesses.peek(from, GUESSES, now_ms).map_err(|wait| NotLetIn::busy(wait.seconds))?;
            let right = self.verifier.verify(password, kept).await.map_err(|_| NotLetIn::busy(1))?;
            if !right {
                // Those that were under way together are over it together.
                let _ = self.guesses.check(from, GUESSES, now_ms);
                let instance = context.map(|context| context.instance.id.uuid().into_bytes());
                let unknown = NotLetIn::unknown();
                return Err(instance.map_or(NotLetIn::unknown(), |instance| unknown.of_instance(instance)));
            }
            self.remembered.remember(&credential, password, generation, now);
        }
        context.map(|context| Known::of(context, Way::Basic)).ok_or_else(NotLetIn::unknown)
    }
}

/// Whose guesses are counted together: an address, of IPv6 the network that one subscriber has (RFC 6177).
fn guesser(peer: Option<IpAddr>) -> [u8; 16] {
    const SUBSCRIBER: u128 = u128::MAX << 64;
    let bits = match peer.map(|peer| peer.to_canonical()) {
        Some(IpAddr::V4(ip)) => u128::from(ip.to_ipv6_mapped()),
        Some(IpAddr::V6(ip)) => u128::from(ip) & SUBSCRIBER,
        None => 0,
    };
    bits.to_be_bytes()
}

impl Known {
    /// Whether a user name means this key or whom it acts for.
    fn is_named(&self, user: &str) -> bool {
        let by_id = |key: &scim_directory::KeyRecord| user.parse() == Ok(key.id);
        user == self.user.name || self.key.as_deref().is_some_and(by_id)
    }
}
