//! A clock that tests move on, and what every request of theirs has.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use scim_core::instant::Timestamp;
use scim_provider::{HeaderSource, Pepper, Peppers, Source};

/// When tests begin.
pub(crate) const BEGINNING: i64 = 1_790_000_000_000;

/// Time that passes when it is told to; ids and random bytes that count.
#[derive(Default)]
pub(crate) struct Clock {
    passed: AtomicI64,
    numbers: AtomicU64,
}

impl Clock {
    /// Lets so many milliseconds pass.
    pub(crate) fn pass(&self, millis: i64) {
        self.passed.fetch_add(millis, Ordering::Relaxed);
    }
}

impl Source for Clock {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_millis(BEGINNING + self.passed.load(Ordering::Relaxed))
    }

    fn uuid(&self) -> uuid::Uuid {
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        let mut random = [0; 10];
        random.iter_mut().rev().zip(number.to_le_bytes()).for_each(|(to, from)| *to = from);
        let millis = u64::try_from(self.now().unix_millis()).unwrap_or_default();
        uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
    }

    fn random(&self, bytes: &mut [u8]) {
        let number = self.numbers.fetch_add(1, Ordering::Relaxed).to_le_bytes();
        let fresh = number.iter().cycle().map(|byte| byte.wrapping_mul(31).wrapping_add(7));
        bytes.iter_mut().zip(fresh).for_each(|(to, from)| *to = from);
    }
}

/// An `Authorization` header, unless it is empty, and the type of a SCIM body.
pub(crate) struct Headers<'h>(pub(crate) &'h str);

impl HeaderSource for Headers<'_> {
    fn get(&self, name: &str) -> Option<&str> {
        match name {
            "authorization" => Some(self.0).filter(|value| !value.is_empty()),
            "content-type" => Some("application/scim+json"),
            _ => None,
        }
    }
}

/// Peppers that differ by their seed.
pub(crate) fn peppers(seed: u8) -> Arc<Peppers> {
    let bytes: Vec<u8> = (0..32).map(|at| at + seed).collect();
    Arc::new(Peppers::from(Pepper::new(&bytes).expect("a pepper")))
}

/// A current pepper and an earlier one.
pub(crate) fn both_peppers(current: u8, earlier: u8) -> Arc<Peppers> {
    let line = |seed: u8| (0..32_u8).map(|at| format!("{:02x}", at + seed)).collect::<String>();
    Arc::new(Peppers::parse(&format!("{}\n{}\n", line(current), line(earlier))).expect("two peppers"))
}
