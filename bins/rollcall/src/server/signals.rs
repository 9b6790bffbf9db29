//! What the machine asks of the server, and what the server tells whoever started it.

use actix_web::rt::signal::unix::{Signal, SignalKind, signal};
use futures_util::future::select;
use sd_notify::NotifyState;

/// SIGTERM and SIGINT, from when they are caught.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Catches them from now on.
    pub(crate) fn catch() -> anyhow::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// Returns when one of them has come.
    pub(crate) async fn asked(&mut self) {
        let (terminate, interrupt) =
            (std::pin::pin!(self.terminate.recv()), std::pin::pin!(self.interrupt.recv()));
        select(terminate, interrupt).await;
    }
}

/// SIGHUP, from when it is caught.
pub(super) fn hangup() -> anyhow::Result<Signal> {
    Ok(signal(SignalKind::hangup())?)
}

/// Tells the service manager, where there is one that listens (`NOTIFY_SOCKET`).
pub(super) fn tell(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        log::warn!("the service manager cannot be told of the server's state: {error}");
    }
}
