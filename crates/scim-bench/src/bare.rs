//! The handler that servers are held against: actix-web, as many workers as the machine has processors, and a body that is ready.

use actix_web::http::header::ContentType;
use actix_web::web::{self, Bytes};
use actix_web::{App, HttpResponse, HttpServer};
use anyhow::Context as _;

use crate::say;

/// What is served, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bare {
    /// Host and port.
    pub listen: String,
    /// The body of every answer.
    pub body: Vec<u8>,
}

/// Answers every request with the body, until the process is ended.
///
/// # Errors
/// Where the address cannot be had.
pub fn serve(bare: Bare) -> anyhow::Result<()> {
    let body = Bytes::from(bare.body);
    let workers = std::thread::available_parallelism()?;
    let app = move || {
        let body = body.clone();
        let answer = move || {
            let body = body.clone();
            async move { HttpResponse::Ok().content_type(ContentType::json()).body(body) }
        };
        App::new().default_service(web::to(answer))
    };
    let server = HttpServer::new(app)
        .workers(workers.get())
        .bind(&bare.listen)
        .with_context(|| format!("cannot listen on {}", bare.listen))?;
    for address in server.addrs() {
        say(&format!("http://{address}"));
    }
    actix_web::rt::System::new().block_on(server.run())?;
    Ok(())
}
