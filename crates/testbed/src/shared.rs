//! The cluster that the tests of a process share.

use std::sync::OnceLock;

use crate::cluster::{Cluster, Durability};

/// PostgreSQL for tests that need a database and not a fault.
#[derive(Debug)]
pub struct Postgres;

impl Postgres {
    /// The process's cluster, started by whoever asks first, without `fsync`. None where PostgreSQL is not installed: the test
    /// is to be skipped, and that was said.
    ///
    /// # Panics
    /// Where it does not start; with `CI=true` also where it is not installed.
    pub fn shared() -> Option<&'static Cluster> {
        static SHARED: OnceLock<Option<Cluster>> = OnceLock::new();
        let start = || Cluster::start(Durability::Off);
        #[expect(clippy::panic, reason = "a test without its database cannot say anything else")]
        SHARED.get_or_init(|| start().unwrap_or_else(|error| panic!("no PostgreSQL: {error:#}"))).as_ref()
    }
}
