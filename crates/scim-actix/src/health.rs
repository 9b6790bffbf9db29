//! `/healthz` (the process answers) and `/readyz` (the store answers too).

use actix_web::{HttpResponse, Scope, web};

use crate::Service;

/// The two routes, at the root.
#[must_use]
pub fn health(service: Service) -> Scope {
    web::scope("")
        .app_data(web::Data::new(service))
        .route(
            "/healthz",
            web::get().to(|| async { HttpResponse::Ok().content_type("text/plain").body("ok\n") }),
        )
        .route("/readyz", web::get().to(ready))
}

async fn ready(service: web::Data<Service>) -> HttpResponse {
    if service.provider().ready().await {
        HttpResponse::Ok().content_type("text/plain").body("ready\n")
    } else {
        HttpResponse::ServiceUnavailable()
            .insert_header(("Retry-After", "5"))
            .content_type("text/plain")
            .body("the store does not answer\n")
    }
}
