//! Bodies, within a size and a time.

use std::time::Duration;

use actix_web::http::header::CONTENT_LENGTH;
use actix_web::{HttpRequest, web};
use futures_util::StreamExt as _;
use scim_core::ScimError;

/// Reads a body of at most `limit` bytes, within `deadline`.
pub(crate) async fn collect(
    request: &HttpRequest,
    mut payload: web::Payload,
    limit: usize,
    deadline: Duration,
) -> Result<Vec<u8>, ScimError> {
    let too_large = || {
        ScimError::status_only(413, format!("The body has more than {limit} bytes; send less in one request"))
    };
    let told =
        request.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if told.is_some_and(|length| length > limit as u64) {
        return Err(too_large());
    }
    let read = async {
        let mut body =
            Vec::with_capacity(told.and_then(|length| usize::try_from(length).ok()).unwrap_or_default());
        while let Some(chunk) = payload.next().await {
            let chunk = chunk.map_err(|error| {
                ScimError::status_only(400, format!("The body could not be read: {error}"))
            })?;
            if body.len() + chunk.len() > limit {
                return Err(too_large());
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    };
    match actix_web::rt::time::timeout(deadline, read).await {
        Ok(body) => body,
        Err(_) => Err(ScimError::status_only(
            408,
            format!("The body did not arrive within {} seconds; send the request again", deadline.as_secs()),
        )),
    }
}
