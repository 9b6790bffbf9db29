//! What a server knows of itself beside its requests, for health and metrics.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use scim_core::instant::Timestamp;

/// What a server knows of itself.
#[derive(Debug, Default)]
pub struct State {
    draining: AtomicBool,
    /// Milliseconds since 1970; 0 where there is no certificate.
    certificate_ends: AtomicI64,
}

impl State {
    /// The server is about to end: `/readyz` says 503 from now on, so that nobody sends it more.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// Whether the server is about to end.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// Notes when the certificate ends that the server shows.
    pub fn set_certificate_ends(&self, ends: Timestamp) {
        self.certificate_ends.store(ends.unix_millis(), Ordering::Relaxed);
    }

    /// How many seconds are left of the certificate that the server shows, negative after its end; `None` where it shows none.
    #[must_use]
    pub fn certificate_seconds(&self, now: Timestamp) -> Option<i64> {
        let ends = self.certificate_ends.load(Ordering::Relaxed);
        (ends != 0).then(|| (ends - now.unix_millis()).div_euclid(1000))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_has_so_many_seconds() {
        let at = Timestamp::from_unix_millis;
        let state = State::default();
        assert_eq!(state.certificate_seconds(at(5)), None);
        state.set_certificate_ends(at(10_000));
        assert_eq!(state.certificate_seconds(at(1_000)), Some(9));
        assert_eq!(state.certificate_seconds(at(11_000)), Some(-1));
    }
}
