//! Bodies, within a size and a time; and the end of those that are not read.

use std::convert::Infallible;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::http::Method;
use actix_web::http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, HeaderValue, RETRY_AFTER};
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse, web};
use futures_util::StreamExt as _;
use scim_core::ScimError;

use crate::Options;
use crate::error::scim_error;
use crate::exchange::Exchange;
use crate::in_hand::{SMALL_BYTES, Share};
use crate::service::RETRY_AFTER_SECONDS;
use crate::within::within;

/// What is made room for before the body has arrived: a client's word alone takes no more memory.
const MAX_PROMISED_BYTES: u64 = SMALL_BYTES as u64;

/// Reads a body of at most `limit` bytes, within what is left of the request's time. Compressed bodies are not taken: nobody
/// who sends people to a server compresses them, and what they grow to has no limit that a client can be told.
pub(crate) async fn collect(
    request: &HttpRequest,
    payload: &mut web::Payload,
    limit: usize,
    share: &mut Share,
    exchange: &Exchange,
    options: &Options,
) -> Result<Vec<u8>, ScimError> {
    let too_large = || {
        ScimError::status_only(413, format!("The body has more than {limit} bytes; send less in one request"))
    };
    if !request.headers().get_all(CONTENT_ENCODING).all(|coding| coding == "identity") {
        let detail = "The body must not be compressed; send it without Content-Encoding";
        return Err(ScimError::status_only(415, detail));
    }
    let told = told(request);
    if told.is_some_and(|length| length > limit as u64) {
        return Err(too_large());
    }
    let read = async {
        let promised = told.unwrap_or_default().min(MAX_PROMISED_BYTES);
        let mut body = Vec::with_capacity(usize::try_from(promised).unwrap_or_default());
        while let Some(chunk) = payload.next().await {
            let chunk = chunk.map_err(|error| {
                ScimError::status_only(400, format!("The body could not be read: {error}"))
            })?;
            if body.len() + chunk.len() > limit {
                return Err(too_large());
            }
            if !share.grow_to(body.len() + chunk.len()) {
                return Err(full());
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    };
    match within(|| exchange.left(options), pin!(read)).await {
        Some(body) => body,
        None => Err(ScimError::status_only(
            408,
            format!(
                "The body did not arrive within {} seconds; send the request again",
                options.deadline.as_secs()
            ),
        )),
    }
}

/// There are too many large bodies and answers.
pub(crate) fn full() -> ScimError {
    log::warn!("a large body or answer was refused: there are too many at once");
    ScimError::status_only(503, "The server has as much in hand as it may; try again, or with less at once")
}

/// The answer to a body that [`collect`] did not take.
pub(crate) fn refused_body(error: &ScimError) -> HttpResponse {
    let mut answer = scim_error(error);
    if error.status() == 503 {
        let after = HeaderValue::from_static(RETRY_AFTER_SECONDS);
        answer.headers_mut().insert(RETRY_AFTER, after);
    }
    if error.status() == 415 {
        // RFC 9110 §15.5.16.
        answer.headers_mut().insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    }
    answer
}

/// The answer to a request whose body was not, or not wholly, read. The connection ends after it; the framework by itself
/// would wait for the rest of a chunked body, for as long as the client likes.
pub(crate) fn unread(answer: HttpResponse, rest: web::Payload) -> HttpResponse {
    answer.map_body(|_, body| match body.try_into_bytes() {
        Ok(text) => BoxBody::new(Unread { text, _rest: rest }),
        Err(body) => body,
    })
}

/// Whether the body may be larger than what a stranger is given room for.
pub(crate) fn is_large(request: &HttpRequest) -> bool {
    match told(request) {
        Some(length) => length > MAX_PROMISED_BYTES,
        None => [Method::POST, Method::PUT, Method::PATCH].contains(request.method()),
    }
}

fn told(request: &HttpRequest) -> Option<u64> {
    request.headers().get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// An answer's body that keeps the request's one open: only what is open is seen to be unfinished.
struct Unread {
    text: Bytes,
    _rest: web::Payload,
}

impl MessageBody for Unread {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Sized(self.text.len() as u64)
    }

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, Infallible>>> {
        let text = std::mem::take(&mut self.text);
        Poll::Ready((!text.is_empty()).then_some(Ok(text)))
    }
}
