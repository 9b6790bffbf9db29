//! What the provider wants to know of an HTTP request.

use actix_web::HttpRequest;
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue, IF_MATCH, IF_NONE_MATCH};
use scim_core::ScimError;
use scim_provider::HeaderSource;

/// Longest request id that is taken over from a client or proxy, in bytes.
const MAX_REQUEST_ID_BYTES: usize = 128;
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
    /// 431 where they are too long together, 400 where preconditions are no text.
    pub(crate) fn read(map: &'r HeaderMap) -> Result<Self, ScimError> {
        let bytes: usize = map.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
        if bytes > MAX_HEADER_BYTES {
            let detail = format!(
                "The header fields have more than {MAX_HEADER_BYTES} bytes; send fewer or shorter ones"
            );
            return Err(ScimError::status_only(431, detail));
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

/// The base URL that the client used: what is configured, else scheme and host of the request and the scope's path.
///
/// `X-Forwarded-Proto` and `X-Forwarded-Host` count only where a proxy is trusted.
pub(crate) fn base(request: &HttpRequest, configured: Option<&str>, trust_proxy: bool, path: &str) -> String {
    if let Some(base) = configured {
        return base.trim_end_matches('/').to_owned();
    }
    let forwarded = |name: &str| {
        let value = request.headers().get(name)?.to_str().ok()?;
        value.split(',').next().map(str::trim).filter(|value| !value.is_empty()).map(str::to_owned)
    };
    let proto = if trust_proxy { forwarded("x-forwarded-proto") } else { None };
    let scheme = match proto.as_deref() {
        Some("https") => "https",
        Some("http") => "http",
        _ if request.app_config().secure() => "https",
        _ => "http",
    };
    let forwarded_host = if trust_proxy { forwarded("x-forwarded-host") } else { None };
    let host = forwarded_host
        .or_else(|| request.headers().get("host").and_then(|host| host.to_str().ok()).map(str::to_owned))
        .or_else(|| request.uri().authority().map(ToString::to_string))
        .filter(|host| is_host(host))
        .unwrap_or_else(|| request.app_config().local_addr().to_string());
    format!("{scheme}://{host}{path}")
}

/// Host and port, and nothing that could make another URL of it.
fn is_host(host: &str) -> bool {
    let fit =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b':' | b'[' | b']' | b'_');
    !host.is_empty() && host.len() <= 255 && host.bytes().all(fit)
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn check(headers: &[(&'static str, &str)], trust: bool, expected: &str) {
        let mut request = TestRequest::default();
        for (name, value) in headers {
            request = request.insert_header((*name, *value));
        }
        assert_eq!(base(&request.to_http_request(), None, trust, "/scim/v2"), expected);
    }

    #[test]
    fn the_base_follows_what_the_client_used() {
        let forwarded =
            [("host", "inner:1"), ("x-forwarded-proto", "https"), ("x-forwarded-host", "scim.example")];
        check(&[("host", "scim.example:8443")], false, "http://scim.example:8443/scim/v2");
        check(&forwarded, true, "https://scim.example/scim/v2");
        check(&forwarded, false, "http://inner:1/scim/v2");
        check(&[("host", "evil/path")], false, "http://127.0.0.1:8080/scim/v2");
    }

    #[test]
    fn only_sane_request_ids_are_taken_over() {
        let id = |value: &str| {
            request_id(&TestRequest::default().insert_header(("x-request-id", value)).to_http_request())
        };
        assert_eq!(id("a-1.b_2:c"), Some("a-1.b_2:c".to_owned()));
        assert_eq!(id("a b"), None);
        assert_eq!(id(&"a".repeat(200)), None);
    }
}
