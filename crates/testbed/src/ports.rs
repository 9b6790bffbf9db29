//! Ports for servers that come and go.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::Context as _;

/// Ports below those that the system gives to outgoing connections (32768 and up): a client that calls a server that is down
/// must not meet itself there, nor take its place.
const FIRST: u32 = 18_000;
const COUNT: u32 = 14_000;

static NEXT: AtomicU32 = AtomicU32::new(0);

/// A port of 127.0.0.1 that was free a moment ago, and that this process is not given again.
pub(crate) fn free() -> anyhow::Result<u16> {
    // Processes that run side by side begin far from each other.
    let begin = std::process::id().wrapping_mul(613);
    (0..COUNT)
        .find_map(|_| {
            let number = begin.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed));
            let port = u16::try_from(FIRST + number % COUNT).ok()?;
            TcpListener::bind(("127.0.0.1", port)).is_ok().then_some(port)
        })
        .context("no port of 127.0.0.1 is free")
}
