//! `/healthz` (the process answers) and `/readyz` (the store answers too).

use actix_web::dev::HttpServiceFactory;
use actix_web::http::header::{ALLOW, HeaderValue};
use actix_web::{HttpResponse, Resource, guard, web};
use scim_core::ScimError;

use crate::Service;
use crate::error::scim_error;

/// The two routes, at the root.
#[must_use]
pub fn health(service: Service) -> impl HttpServiceFactory + 'static {
    let service = web::Data::new(service);
    let alive = || async { HttpResponse::Ok().content_type("text/plain").body("ok\n") };
    (
        read_only("/healthz").route(web::route().guard(reading()).to(alive)),
        read_only("/readyz").app_data(service).route(web::route().guard(reading()).to(ready)),
    )
}

fn reading() -> impl guard::Guard {
    guard::Any(guard::Get()).or(guard::Head())
}

/// A resource that can be read, and nothing else.
fn read_only(path: &str) -> Resource {
    web::resource(path).default_service(web::to(|| async {
        let error = ScimError::status_only(405, "This endpoint has GET, HEAD");
        let mut answer = scim_error(&error);
        answer.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        answer
    }))
}

async fn ready(service: web::Data<Service>) -> HttpResponse {
    if service.state().is_draining() {
        return HttpResponse::ServiceUnavailable()
            .insert_header(("Retry-After", "5"))
            .content_type("text/plain")
            .body("the server is ending\n");
    }
    if service.provider().ready().await {
        HttpResponse::Ok().content_type("text/plain").body("ready\n")
    } else {
        HttpResponse::ServiceUnavailable()
            .insert_header(("Retry-After", "5"))
            .content_type("text/plain")
            .body("the store does not answer\n")
    }
}
