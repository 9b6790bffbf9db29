//! An app behind a door, as one of the addresses on which the server listens.

use std::fmt;
use std::net::TcpListener;
use std::time::Duration;

use actix_http::body::MessageBody;
use actix_http::{HttpService, KeepAlive, Request};
use actix_server::ServerBuilder;
use actix_service::{IntoServiceFactory, Service, ServiceFactory, ServiceFactoryExt as _, map_config};
use actix_web::Error;
use actix_web::dev::{AppConfig, ServiceResponse};
use scim_actix::Watch;

use super::connections::{Door, Stream, socket};
use crate::config::ListenSettings;

/// How long a client may take to say goodbye.
const DISCONNECT: Duration = Duration::from_secs(1);
/// How much longer than it may be idle and send a head a connection is let be.
const GRACE: Duration = Duration::from_secs(5);

/// Listens there as well.
pub(super) fn listening<F, I, S, B>(
    builder: ServerBuilder,
    listener: TcpListener,
    settings: &ListenSettings,
    door: Door,
    app: F,
) -> std::io::Result<ServerBuilder>
where
    F: Fn() -> I + Clone + Send + 'static,
    I: IntoServiceFactory<S, Request>,
    S: ServiceFactory<Request, Config = AppConfig, Response = ServiceResponse<B>, Error = Error> + 'static,
    S::InitError: fmt::Debug,
    S::Service: 'static,
    <S::Service as Service<Request>>::Future: 'static,
    B: MessageBody + 'static,
{
    let ending = builder.graceful_shutdown_signal();
    let (keep_alive, head_timeout) = (settings.keep_alive, settings.head_timeout);
    let watch = Watch { idle: keep_alive + head_timeout + GRACE, answer: settings.deadline };
    builder.listen("rollcall", listener, move || {
        let ending = ending.clone();
        let http = HttpService::build()
            .graceful_shutdown_signal(move || {
                let ending = ending.clone();
                async move { ending.notified().await }
            })
            .keep_alive(if keep_alive.is_zero() {
                KeepAlive::Disabled
            } else {
                KeepAlive::Timeout(keep_alive)
            })
            .client_request_timeout(head_timeout)
            .client_disconnect_timeout(DISCONNECT)
            .on_connect_ext(move |stream: &Stream, data| watch.watch(socket(stream), data))
            .finish(map_config(app().into_factory().map_err(|error: Error| error.error_response()), |()| {
                AppConfig::default()
            }));
        door.clone().before(http)
    })
}
