//! What every server around the scopes wants: an answer for paths outside them, and what every answer has.

use std::rc::Rc;

use actix_web::body::{BodySize, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::HeaderValue;
use actix_web::middleware::Next;
use actix_web::{Error, HttpResponse, web};
use scim_core::ScimError;

use crate::Service;
use crate::base::WHERE;
use crate::body::{full, refused_body, unread};
use crate::connection::{Line, in_pieces};
use crate::error::scim_error;
use crate::exchange::set_headers;
use crate::request::{REQUEST_ID, request_id};

/// 404 with a SCIM body, for `App::default_service`.
pub async fn nothing_here(payload: web::Payload) -> HttpResponse {
    unread(scim_error(&ScimError::status_only(404, WHERE)), payload)
}

/// Gives every answer the headers that an API for machines wants, and a request id; bodies to errors that the framework
/// makes without one; and lets [`crate::Watch`] know what is under way. For
/// `App::wrap(actix_web::middleware::from_fn(every_answer))`, with a [`Service`] as `web::Data` of the app.
///
/// # Errors
/// Those of the services that it wraps.
pub async fn every_answer(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse, Error> {
    let service = request.app_data::<web::Data<Service>>().cloned();
    let line = request.request().conn_data::<Rc<Line>>().cloned();
    if let Some(line) = &line {
        line.busy();
    }
    let response = next.call(request).await?;
    let (request, response) = response.map_into_boxed_body().into_parts();
    let mut response = with_body(response);
    let mut share = service.as_ref().map(|service| service.in_hand().share());
    if let (Some(share), BodySize::Sized(bytes)) = (&mut share, response.body().size())
        && !share.grow_to(usize::try_from(bytes).unwrap_or(usize::MAX))
    {
        response = refused_body(&full());
    }
    // Answers of the scopes have an id, and with it all the rest ([`crate::exchange`]).
    if !response.headers().contains_key(&REQUEST_ID) {
        set_headers(response.headers_mut());
        let given = request_id(&request);
        let own = || service.map(|service| service.provider().source().uuid().to_string());
        if let Some(Ok(value)) = given.or_else(own).map(|id| HeaderValue::from_str(&id)) {
            response.headers_mut().insert(REQUEST_ID.clone(), value);
        }
    }
    Ok(ServiceResponse::new(request, in_pieces(response, line, share)))
}

/// An error of the framework's own routing, with a body.
fn with_body(response: HttpResponse) -> HttpResponse {
    let status = response.status();
    let empty = matches!(response.body().size(), BodySize::None | BodySize::Sized(0));
    if !empty || !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    let detail = status.canonical_reason().unwrap_or("The request failed");
    let mut error = scim_error(&ScimError::status_only(status.as_u16(), detail));
    for (name, value) in response.headers() {
        error.headers_mut().append(name.clone(), value.clone());
    }
    error
}
