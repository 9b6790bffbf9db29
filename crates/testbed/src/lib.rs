//! Real servers for tests: Rollcall's own binary, throw-away PostgreSQL clusters, replicas, PgBouncer, a network that fails on
//! demand, a disk that is soon full.
//!
//! ```no_run
//! # fn main() -> anyhow::Result<()> {
//! // One cluster for all tests of a process; each test has a database of its own.
//! let Some(cluster) = testbed::Postgres::shared() else { return Ok(()) }; // skipped, and said so
//! let database = cluster.database()?;
//! println!("{}", database.url()); // postgres://postgres@127.0.0.1:21432/t1
//!
//! // A cluster of the test's own, with a network that cuts.
//! let Some(own) = testbed::Cluster::start(testbed::Durability::On)? else { return Ok(()) };
//! let proxy = testbed::Proxy::start(own.address())?;
//! let url = proxy.url(own.database()?.name());
//! proxy.cut();
//! own.stop(testbed::Stop::Immediate)?;
//! own.start_again()?;
//! # Ok(())
//! # }
//! ```
//!
//! - What a machine lacks is said on standard error and the test is skipped; where the environment says `CI=true` it is a failure.
//! - Everything listens on 127.0.0.1 only, on ports below those that the system gives to outgoing connections.
//! - Everything ends with the test process, however that ends, and its folders go: a shell holds each server, and the shell's
//!   standard input ends with the process ([`Kept`]).
//! - Root may not run PostgreSQL; it is run as the user `postgres` then.
//!
//! For tests only, so failures are [`anyhow::Error`]s. There is no mock here: every server is the real one.

mod cluster;
mod disk;
mod folder;
mod kept;
mod pgbouncer;
mod ports;
mod programs;
mod proxy;
mod replica;
mod rollcall;
mod shared;

use std::io::Write as _;
use std::time::{Duration, Instant};

use anyhow::bail;

pub use cluster::{Cluster, Database, Durability, Stop};
pub use disk::SmallDisk;
pub use kept::Kept;
pub use pgbouncer::Pgbouncer;
pub use proxy::{Direction, Proxy};
pub use replica::Replication;
pub use rollcall::Rollcall;
pub use shared::Postgres;

/// How long a server may take to start or to end, on a machine that is busy with other things.
const PATIENCE: Duration = Duration::from_secs(60);

/// Says what is missing, where a person runs the tests.
///
/// # Errors
/// Where the environment says `CI=true`: there, everything is installed.
fn missing(what: &str) -> anyhow::Result<()> {
    if std::env::var("CI").is_ok_and(|ci| ci == "true") {
        bail!("{what}; with CI=true that is a failure");
    }
    // Not by a macro, which the test harness would keep to itself. Nothing is left to tell it to where this fails.
    let _ = writeln!(std::io::stderr(), "skipped: {what}");
    Ok(())
}

/// What a look gives at last.
fn within<T>(what: &str, mut look: impl FnMut() -> anyhow::Result<Option<T>>) -> anyhow::Result<T> {
    let begun = Instant::now();
    loop {
        if let Some(found) = look()? {
            return Ok(found);
        }
        if begun.elapsed() > PATIENCE {
            bail!("within {PATIENCE:?} it did not happen that {what}");
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}
