//! Errors that happen before the provider sees a request.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use scim_core::ScimError;

/// A SCIM error as an answer.
#[must_use]
pub fn scim_error(error: &ScimError) -> HttpResponse {
    let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    HttpResponse::build(status)
        .content_type("application/scim+json; charset=utf-8")
        .body(error.to_json().to_string())
}
