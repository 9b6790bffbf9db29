//! What the provider wants to know of an HTTP request.

use actix_web::HttpRequest;
use actix_web::http::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue, IF_MATCH, IF_NONE_MATCH};
use scim_core::ScimError;
use scim_provider::HeaderSource;

/// Longest request id that is taken over from a client or proxy, in bytes. It is logged, so it is shorter than any key: a
/// client that sends its key there does not put it into the log.
const MAX_REQUEST_ID_BYTES: usize = 64;
/// The longest header fields together, in bytes.
const MAX_HEADER_BYTES: usize = 32 * 1024;

/// Headers as the provider reads them.
pub(crate) struct Headers<'r> {
    map: &'r HeaderMap,
    /// Lists that came in several fields, joined.
    lists: Vec<(HeaderName, String)>,
}

impl<'r> Headers<'r> {
    /// Takes headers within the limit. Those that decide whether a write happens must be readable, as to ignore them
    /// would be to write.
    ///
    /// # Errors
    /// 431 where they are too long together; 400 where preconditions are no text, or where there are two `Authorization`
    /// fields (RFC 9110 §5.3), of which a proxy may have looked at the other one.
    pub(crate) fn read(map: &'r HeaderMap) -> Result<Self, ScimError> {
        let bytes: usize = map.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
        if bytes > MAX_HEADER_BYTES {
            let detail = format!(
                "The header fields have more than {MAX_HEADER_BYTES} bytes; send fewer or shorter ones"
            );
            return Err(ScimError::status_only(431, detail));
        }
        if map.get_all(AUTHORIZATION).count() > 1 {
            return Err(ScimError::status_only(400, "Send one Authorization field, not several"));
        }
        let mut lists = Vec::new();
        for name in [IF_MATCH, IF_NONE_MATCH] {
            let fields: Result<Vec<&str>, _> = map.get_all(&name).map(HeaderValue::to_str).collect();
            let fields = fields.map_err(|_| {
                ScimError::status_only(400, format!("{name} must be a list of entity tags, in ASCII"))
            })?;
            if fields.len() > 1 {
                lists.push((name, fields.join(",")));
            }
        }
        Ok(Self { map, lists })
    }
}

impl HeaderSource for Headers<'_> {
    fn get(&self, name: &str) -> Option<&str> {
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        match self.lists.iter().find(|(list, _)| *list == name) {
            Some((_, joined)) => Some(joined),
            None => self.map.get(name)?.to_str().ok(),
        }
    }
}

/// The request id that came with the request, where it is fit to be logged.
pub(crate) fn request_id(request: &HttpRequest) -> Option<String> {
    let given = request.headers().get("x-request-id")?.to_str().ok()?;
    let fit = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b':');
    let sane = !given.is_empty() && given.len() <= MAX_REQUEST_ID_BYTES && given.bytes().all(fit);
    sane.then(|| given.to_owned())
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn credentials_come_once() {
        let read = |fields: &[&'static str]| {
            let mut request = TestRequest::default();
            for field in fields {
                request = request.append_header(("authorization", *field));
            }
            Headers::read(request.to_http_request().headers()).map(|_| ()).map_err(|error| error.status())
        };
        assert_eq!((read(&[]), read(&["Bearer a"])), (Ok(()), Ok(())));
        assert_eq!(read(&["Bearer a", "Bearer b"]), Err(400));
    }

    #[test]
    fn only_sane_request_ids_are_taken_over() {
        let id = |value: &str| {
            request_id(&TestRequest::default().insert_header(("x-request-id", value)).to_http_request())
        };
        assert_eq!(id("a-1.b_2:c"), Some("a-1.b_2:c".to_owned()));
        assert_eq!(id("a b"), None);
        assert_eq!(id(&"a".repeat(64)), Some("a".repeat(64)));
        assert_eq!(id(&"a".repeat(65)), None);
    }
}
