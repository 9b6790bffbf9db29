//! What every server around the scopes wants: an answer for paths outside them, and a request id in every answer.

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error, HttpResponse, web};
use scim_core::ScimError;

use crate::Service;
use crate::base::WHERE;
use crate::body::unread;
use crate::error::scim_error;
use crate::request::request_id;

/// 404 with a SCIM body, for `App::default_service`.
pub async fn nothing_here(payload: web::Payload) -> HttpResponse {
    unread(scim_error(&ScimError::status_only(404, WHERE)), payload)
}

/// Gives a request id to answers that have none, such as those of [`nothing_here`] and [`crate::health`]; for
/// `App::wrap(actix_web::middleware::from_fn(request_ids))`, with a [`Service`] as `web::Data` of the app.
///
/// # Errors
/// Those of the services that it wraps.
pub async fn request_ids(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let name = HeaderName::from_static("x-request-id");
    let given = request_id(request.request());
    let service = request.app_data::<web::Data<Service>>().cloned();
    let mut response = next.call(request).await?;
    if !response.headers().contains_key(&name) {
        let own = || service.map(|service| service.provider().source().uuid().to_string());
        if let Some(Ok(value)) = given.or_else(own).map(|id| HeaderValue::from_str(&id)) {
            response.headers_mut().insert(name, value);
        }
    }
    Ok(response)
}
