//! How a connection comes about: through the gate, through TLS where there is any, to the HTTP service.

use std::fmt;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix_http::Protocol;
use actix_service::{Service, ServiceFactory, fn_factory, fn_service};
use actix_web::rt::net::TcpStream;
use actix_web::rt::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::server::TlsStream;
use tokio_util::either::Either;

use super::gate::Gate;

/// The bytes of a connection: plain, or out of TLS.
pub(super) type Stream = Either<TcpStream, TlsStream<TcpStream>>;
/// What the HTTP service takes.
pub(super) type Connection = (Stream, Protocol, Option<SocketAddr>);

/// The socket below a connection.
pub(super) fn socket(stream: &Stream) -> BorrowedFd<'_> {
    match stream {
        Either::Left(plain) => plain.as_fd(),
        Either::Right(tls) => tls.get_ref().0.as_fd(),
    }
}

/// How connections are let in.
#[derive(Clone)]
pub(super) struct Door {
    pub(super) gate: Gate,
    pub(super) tls: Option<Arc<ServerConfig>>,
    /// How long a TLS handshake may take.
    pub(super) handshake: Duration,
}

impl Door {
    /// The service that takes connections as they were accepted, before `http`.
    pub(super) fn before<H>(
        self,
        http: H,
    ) -> impl ServiceFactory<TcpStream, Config = (), Response = (), Error = (), InitError = ()>
    where
        H: ServiceFactory<Connection, Config = (), Response = (), InitError = ()> + 'static,
        H::Error: fmt::Debug,
        H::Service: 'static,
    {
        fn_factory(move || {
            let (door, http) = (self.clone(), http.new_service(()));
            async move {
                let http = Rc::new(http.await?);
                Ok(fn_service(move |stream: TcpStream| {
                    let (door, http) = (door.clone(), Rc::clone(&http));
                    async move { door.take(stream, &*http).await }
                }))
            }
        })
    }

    /// Serves a connection until it ends.
    async fn take<S>(self, stream: TcpStream, http: &S) -> Result<(), ()>
    where
        S: Service<Connection, Response = ()>,
        S::Error: fmt::Debug,
    {
        // Whoever is gone already has no address.
        let Ok(peer) = stream.peer_addr() else { return Ok(()) };
        let Some(_pass) = self.gate.enter(peer.ip()) else {
            log::debug!("a connection was closed at once: its client has as many as it may");
            return Ok(());
        };
        let connection = match self.tls {
            None => (Either::Left(stream), Protocol::Http1, Some(peer)),
            Some(config) => match timeout(self.handshake, TlsAcceptor::from(config).accept(stream)).await {
                Ok(Ok(stream)) => {
                    let protocol = match stream.get_ref().1.alpn_protocol() {
                        Some(b"h2") => Protocol::Http2,
                        _ => Protocol::Http1,
                    };
                    (Either::Right(stream), protocol, Some(peer))
                }
                Ok(Err(error)) => {
                    log::debug!("a TLS handshake failed: {error}");
                    return Ok(());
                }
                Err(_) => {
                    log::debug!("a TLS handshake took too long");
                    return Ok(());
                }
            },
        };
        poll_fn(|context| http.poll_ready(context)).await.map_err(|_| ())?;
        // Clients go away in the middle of things every day.
        if let Err(error) = http.call(connection).await {
            log::debug!("a connection failed: {error:?}");
        }
        Ok(())
    }
}
