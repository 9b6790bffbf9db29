//! What an evaluation may ask the world.

use std::fmt;

use time::OffsetDateTime;

/// Fills a slice with random bytes.
pub(super) type Random<'a> = &'a mut dyn FnMut(&mut [u8]);
/// Whether a value is in use in the target.
pub(super) type Taken<'a> = &'a dyn Fn(&str) -> bool;

/// The time, and, where functions ask for them, a default domain, a uniqueness look-up and random bytes.
///
/// The same answers give the same outcome.
pub struct Context<'a> {
    pub(super) now: OffsetDateTime,
    pub(super) default_domain: Option<&'a str>,
    pub(super) taken: Option<Taken<'a>>,
    pub(super) random: Option<Random<'a>>,
}

impl<'a> Context<'a> {
    /// At an instant, with nothing else.
    #[must_use]
    pub fn at(now: OffsetDateTime) -> Self {
        Self { now, default_domain: None, taken: None, random: None }
    }

    /// What `DefaultDomain` gives.
    #[must_use]
    pub fn default_domain(mut self, domain: &'a str) -> Self {
        self.default_domain = Some(domain);
        self
    }

    /// Whether a value is in use in the target, for `SelectUniqueValue`. It should compare as the target does; directories
    /// do not distinguish letter case.
    #[must_use]
    pub fn taken(mut self, taken: &'a dyn Fn(&str) -> bool) -> Self {
        self.taken = Some(taken);
        self
    }

    /// Fills a slice with random bytes, for `Guid` and `RandomString`.
    #[must_use]
    pub fn random(mut self, random: &'a mut dyn FnMut(&mut [u8])) -> Self {
        self.random = Some(random);
        self
    }
}

impl fmt::Debug for Context<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("now", &self.now)
            .field("default_domain", &self.default_domain)
            .finish_non_exhaustive()
    }
}
