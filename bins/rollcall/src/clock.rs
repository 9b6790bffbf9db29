//! The one place that reads the clock, and where ids and random bytes come from.

use std::time::{SystemTime, UNIX_EPOCH};

use scim_core::instant::Timestamp;
use scim_provider::Source;
use uuid::Uuid;

/// The machine's clock and its secure random source.
#[derive(Debug)]
pub(crate) struct System;

impl System {
    #[expect(clippy::disallowed_methods, reason = "this is the place that reads the clock")]
    fn millis() -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }
}

impl Source for System {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_millis(i64::try_from(Self::millis()).unwrap_or(i64::MAX))
    }

    fn uuid(&self) -> Uuid {
        let mut random = [0; 10];
        self.random(&mut random);
        uuid::Builder::from_unix_timestamp_millis(Self::millis(), &random).into_uuid()
    }

    #[expect(
        clippy::expect_used,
        reason = "a machine without random source cannot issue keys or ids; ending is right"
    )]
    fn random(&self, bytes: &mut [u8]) {
        getrandom::fill(bytes).expect("the operating system gives random bytes");
    }
}
