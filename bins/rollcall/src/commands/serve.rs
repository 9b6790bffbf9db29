//! `rollcall serve`

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::middleware::from_fn;
use actix_web::rt::signal::unix::{Signal, SignalKind, signal};
use actix_web::rt::task::JoinHandle;
use actix_web::{App, HttpServer, web};
use anyhow::Context as _;
use futures_util::future::select;
use scim_actix::{
    Options, Proxies, Service, Watch, every_answer, health, measured, metrics, nothing_here, oauth, scim,
};
use scim_storage::Store;

use super::jobs::Jobs;
use crate::node::Node;
use crate::{cli, output};

/// How long a connection may stay idle.
const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// How long a request's head may take.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// How long accepted requests may take when the server ends, in seconds.
const SHUTDOWN_SECONDS: u64 = 30;

pub(crate) async fn run(options: &cli::Serve, node: &Node) -> anyhow::Result<()> {
    let mut signals = Signals::catch()?;
    let store = node.open(options.migrate)?;
    let (address, listener) = bind(node.settings.listen)?;
    let server = Server::start(listener, node, store).await?;
    output::message(&format!("serving http://{address}/scim/v2"));
    server.until(&mut signals).await
}

/// Takes the address; where the port is 0, a free one.
pub(crate) fn bind(address: SocketAddr) -> anyhow::Result<(SocketAddr, TcpListener)> {
    let listener = TcpListener::bind(address).with_context(|| format!("cannot listen on {address}"))?;
    Ok((listener.local_addr()?, listener))
}

/// A server that accepts requests, with its jobs.
pub(crate) struct Server {
    jobs: Jobs,
    handle: ServerHandle,
    task: JoinHandle<std::io::Result<()>>,
}

impl Server {
    /// Starts serving what a store holds.
    pub(crate) async fn start(
        listener: TcpListener,
        node: &Node,
        store: Arc<dyn Store>,
    ) -> anyhow::Result<Self> {
        let settings = &node.settings;
        let provider = node.provider(Arc::clone(&store)).await?;
        let jobs = Jobs::start(node, node.admin_of(store)?, Arc::clone(&provider))?;
        let mut options = Options {
            base_url: settings.base_url.clone(),
            proxies: match (&*settings.trusted_proxies, settings.trust_proxy) {
                ([], false) => Proxies::None,
                ([], true) => Proxies::Any,
                (networks, _) => Proxies::Networks(networks.to_vec()),
            },
            ..Options::default()
        };
        options.metrics_networks.extend(&settings.metrics_networks);
        let service = Service::new(provider, options);
        let server = HttpServer::new(move || {
            App::new()
                .app_data(web::Data::new(service.clone()))
                .wrap(from_fn(every_answer))
                .wrap(from_fn(measured))
                .service(scim(service.clone()))
                .service(oauth(service.clone()))
                .service(metrics(service.clone()))
                .service(health(service.clone()))
                .default_service(web::to(nothing_here))
        })
        .on_connect(|connection, data| Watch::default().connected(connection, data))
        .keep_alive(KEEP_ALIVE)
        .client_request_timeout(HEAD_TIMEOUT)
        .shutdown_timeout(SHUTDOWN_SECONDS)
        .disable_signals()
        .listen(listener)?
        .run();
        Ok(Self { jobs, handle: server.handle(), task: actix_web::rt::spawn(server) })
    }

    /// Serves until a signal asks for the end.
    pub(crate) async fn until(mut self, signals: &mut Signals) -> anyhow::Result<()> {
        let asked = std::pin::pin!(signals.asked());
        select(asked, &mut self.task).await;
        if !self.task.is_finished() {
            output::message("ending: finishing what was accepted");
        }
        self.end().await
    }

    /// Finishes what was accepted, and ends.
    pub(crate) async fn end(self) -> anyhow::Result<()> {
        self.handle.stop(true).await;
        let ended = self.task.await;
        self.jobs.end().await;
        ended?.context("the server failed")
    }
}

/// SIGTERM and SIGINT, from when they are caught.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
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
