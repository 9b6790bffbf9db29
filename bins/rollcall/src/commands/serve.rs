//! `rollcall serve`

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::Server;
use actix_web::middleware::from_fn;
use actix_web::{App, HttpServer, web};
use anyhow::{Context as _, bail};
use scim_actix::{Options, Service, health, nothing_here, request_ids, scim};
use scim_provider::Provider;

use crate::config::{Settings, parse_listen};
use crate::{cli, database, output};

/// How long a connection may stay idle.
const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// How long a request's head may take.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// How long accepted requests may take when the server ends, in seconds.
const SHUTDOWN_SECONDS: u64 = 30;

pub(crate) async fn run(options: cli::Serve, mut settings: Settings) -> anyhow::Result<()> {
    if let Some(listen) = &options.listen {
        let mut mistakes = Vec::new();
        settings.listen = parse_listen(listen, "--listen", &mut mistakes);
        if let Some(mistake) = mistakes.pop() {
            bail!(mistake);
        }
    }
    if !settings.listen.ip().is_loopback() && !settings.insecure_listen {
        bail!(
            "listen: {} is not a loopback address, and this is plain HTTP: keys would travel in clear. Listen on \
             127.0.0.1 behind a proxy that speaks TLS, or set insecure_listen = true",
            settings.listen
        );
    }
    let store = database::open(&settings, options.migrate)?;
    let provider = database::provider(&settings, store).await?;
    let (address, listener) = bind(settings.listen)?;
    let server = start(listener, provider, &settings)?;
    output::message(&format!("serving http://{address}/scim/v2"));
    until_signal(server).await
}

/// Takes the address; where the port is 0, a free one.
pub(crate) fn bind(address: SocketAddr) -> anyhow::Result<(SocketAddr, TcpListener)> {
    let listener = TcpListener::bind(address).with_context(|| format!("cannot listen on {address}"))?;
    Ok((listener.local_addr()?, listener))
}

/// Starts serving.
pub(crate) fn start(
    listener: TcpListener,
    provider: Arc<Provider>,
    settings: &Settings,
) -> anyhow::Result<Server> {
    let options = Options {
        base_url: settings.base_url.clone(),
        trust_proxy: settings.trust_proxy,
        ..Options::default()
    };
    let service = Service::new(provider, options);
    let server = HttpServer::new(move || {
        App::new()
            .app_data(web::Data::new(service.clone()))
            .wrap(from_fn(request_ids))
            .service(scim(service.clone()))
            .service(health(service.clone()))
            .default_service(web::to(nothing_here))
    })
    .keep_alive(KEEP_ALIVE)
    .client_request_timeout(HEAD_TIMEOUT)
    .shutdown_timeout(SHUTDOWN_SECONDS)
    .disable_signals()
    .listen(listener)?;
    Ok(server.run())
}

/// Serves until SIGTERM or SIGINT, then finishes what was accepted.
pub(crate) async fn until_signal(server: Server) -> anyhow::Result<()> {
    let handle = server.handle();
    let running = actix_web::rt::spawn(server);
    signalled().await?;
    output::message("ending: finishing what was accepted");
    handle.stop(true).await;
    running.await??;
    Ok(())
}

/// Waits for SIGTERM or SIGINT.
pub(crate) async fn signalled() -> anyhow::Result<()> {
    use actix_web::rt::signal::unix::{SignalKind, signal};
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let (terminate, interrupt) = (std::pin::pin!(terminate.recv()), std::pin::pin!(interrupt.recv()));
    futures_util::future::select(terminate, interrupt).await;
    Ok(())
}
