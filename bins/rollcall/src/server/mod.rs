//! A server over the provider: listening, TLS, jobs, and an orderly end.
//!
//! The framework's own server is put together here from its parts, because connections pass a [`gate::Gate`] before TLS, and
//! certificates change while it runs.

mod connections;
mod gate;
mod listening;
mod signals;
pub(crate) mod tls;

use std::net::{SocketAddr, TcpListener};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use actix_server::{ServerBuilder, ServerHandle};
use actix_web::middleware::from_fn;
use actix_web::rt::task::JoinHandle;
use actix_web::rt::time::sleep;
use actix_web::{App, web};
use anyhow::{Context as _, bail};
use futures_util::future::{Either, select};
use scim_actix::{
    Options, Proxies, Service, admin, every_answer, health, measured, metrics, nothing_here, oauth, scim,
};
use scim_admin_api::Api;
use scim_provider::Source;
use scim_storage::Store;
use sd_notify::NotifyState;

use self::connections::Door;
use self::gate::Gate;
use self::listening::listening;
use self::tls::Tls;
use crate::commands::jobs::Jobs;
use crate::config::Settings;
use crate::node::Node;
use crate::output;

pub(crate) use self::signals::Signals;

/// How often the files of TLS are looked at.
const LOOK: Duration = Duration::from_secs(5);
/// How often a certificate that ends soon is warned of, in looks: once a day.
const LOOKS_A_WARNING: u32 = 17_280;

/// Takes the address; where the port is 0, a free one.
pub(crate) fn bind(address: SocketAddr) -> anyhow::Result<(SocketAddr, TcpListener)> {
    let listener = TcpListener::bind(address).with_context(|| format!("cannot listen on {address}"))?;
    Ok((listener.local_addr()?, listener))
}

/// A server that accepts requests, with its jobs.
pub(crate) struct Server {
    service: Service,
    jobs: Jobs,
    handle: ServerHandle,
    task: JoinHandle<std::io::Result<()>>,
    /// What goes on beside it and needs no end of its own.
    beside: Vec<JoinHandle<()>>,
    shutdown_delay: Duration,
}

impl Server {
    /// Starts serving what a store holds.
    pub(crate) async fn start(
        listener: TcpListener,
        node: &Node,
        store: Arc<dyn Store>,
    ) -> anyhow::Result<Self> {
        let (settings, listen) = (&node.settings, &node.settings.listen);
        let tls = match &listen.tls {
            Some(files) => Some(Arc::new(Tls::load(files, node.now())?)),
            None => None,
        };
        let monitoring = listen.monitoring.map(bind).transpose()?;
        let provider = node.provider(Arc::clone(&store)).await?;
        let api = Api::start(node.issuer(Arc::clone(&store)).await?, Arc::clone(&node.source)).await?;
        let api = Arc::new(api);
        let jobs = Jobs::start(node, node.admin_of(store)?, Arc::clone(&provider))?;
        let service = Service::new(provider, options(settings, tls.is_some()));
        let builder = ServerBuilder::new()
            .workers(listen.workers)
            .max_concurrent_connections(listen.connections.div_ceil(listen.workers))
            .shutdown_timeout(listen.shutdown_timeout.as_secs())
            .disable_signals();
        let gate = Gate::new(listen.connections_per_client, &settings.trusted_proxies, settings.trust_proxy);
        let config = tls.as_ref().map(|tls| tls.config()).transpose()?;
        let door = Door { gate, tls: config, handshake: listen.head_timeout };
        let metrics_here = monitoring.is_none();
        let mut builder = builder;
        if let Some((address, listener)) = monitoring {
            let service = service.clone();
            let app = move || {
                App::new()
                    .app_data(web::Data::new(service.clone()))
                    .wrap(from_fn(every_answer))
                    .wrap(from_fn(measured))
                    .service(metrics(service.clone()))
                    .service(health(service.clone()))
                    .default_service(web::to(nothing_here))
            };
            builder = listening(builder, listener, listen, Door { tls: None, ..door.clone() }, app)?;
            output::message(&format!("monitoring at http://{address}"));
        }
        let app = {
            let service = service.clone();
            move || {
                let app = App::new()
                    .app_data(web::Data::new(service.clone()))
                    .wrap(from_fn(every_answer))
                    .wrap(from_fn(measured))
                    .service(scim(service.clone()))
                    .service(oauth(service.clone()))
                    .service(admin(service.clone(), Arc::clone(&api)));
                let app = if metrics_here { app.service(metrics(service.clone())) } else { app };
                app.service(health(service.clone())).default_service(web::to(nothing_here))
            }
        };
        let server = listening(builder, listener, listen, door, app)?.run();
        let beside = beside(&service, tls, Arc::clone(&node.source))?;
        Ok(Self {
            service,
            jobs,
            handle: server.handle(),
            task: actix_web::rt::spawn(server),
            beside,
            shutdown_delay: listen.shutdown_delay,
        })
    }

    /// Serves until a signal asks for the end.
    ///
    /// # Errors
    ///
    /// The server failed, or was asked a second time: then it ends at once.
    pub(crate) async fn until(mut self, signals: &mut Signals) -> anyhow::Result<()> {
        signals::tell(NotifyState::Ready);
        {
            let asked = pin!(signals.asked());
            select(asked, &mut self.task).await;
        }
        signals::tell(NotifyState::Stopping);
        let delay = self.shutdown_delay;
        if !self.task.is_finished() {
            self.service.state().drain();
            output::message("ending: finishing what was accepted");
        }
        let orderly = async {
            if !self.task.is_finished() {
                sleep(delay).await;
            }
            self.end().await
        };
        let (orderly, again) = (pin!(orderly), pin!(signals.asked()));
        match select(orderly, again).await {
            Either::Left((ended, _)) => ended,
            Either::Right(_) => {
                bail!("ended at once, as a second signal asked; requests may have been cut off")
            }
        }
    }

    /// Finishes what was accepted, and ends.
    pub(crate) async fn end(self) -> anyhow::Result<()> {
        for task in self.beside {
            task.abort();
        }
        self.handle.stop(true).await;
        let ended = self.task.await;
        self.jobs.end().await;
        ended?.context("the server failed")
    }
}

/// How requests are taken in.
fn options(settings: &Settings, secure: bool) -> Options {
    let mut options = Options {
        base_url: settings.base_url.clone(),
        secure,
        deadline: settings.listen.deadline,
        max_head_bytes: settings.listen.head_bytes,
        max_bytes_in_hand: settings.listen.memory_bytes,
        proxies: match (&*settings.trusted_proxies, settings.trust_proxy) {
            ([], false) => Proxies::None,
            ([], true) => Proxies::Any,
            (networks, _) => Proxies::Networks(networks.to_vec()),
        },
        ..Options::default()
    };
    options.metrics_networks.extend(&settings.metrics_networks);
    options
}

/// What goes on beside a server: looking after its certificate, and telling the service manager that it is alive.
fn beside(
    service: &Service,
    tls: Option<Arc<Tls>>,
    source: Arc<dyn Source>,
) -> anyhow::Result<Vec<JoinHandle<()>>> {
    let mut hangup = signals::hangup()?;
    let service = service.clone();
    let certificate = actix_web::rt::spawn(async move {
        let mut looks = 0_u32;
        loop {
            if let Some(tls) = &tls {
                service.state().set_certificate_ends(tls.ends());
            }
            let asked = {
                let (hangup, look) = (pin!(hangup.recv()), pin!(sleep(LOOK)));
                matches!(select(hangup, look).await, Either::Left(_))
            };
            let Some(tls) = &tls else {
                if asked {
                    log::info!(
                        "SIGHUP: there is nothing to read again without TLS; settings are read at the start"
                    );
                }
                continue;
            };
            tls.read_again(asked, source.now());
            looks = looks.wrapping_add(1);
            if looks.is_multiple_of(LOOKS_A_WARNING) {
                tls.warn(source.now());
            }
        }
    });
    let watchdog = sd_notify::watchdog_enabled().map(|every| {
        actix_web::rt::spawn(async move {
            loop {
                signals::tell(NotifyState::Watchdog);
                sleep(every / 3).await;
            }
        })
    });
    Ok(std::iter::once(certificate).chain(watchdog).collect())
}
