//! What the provider wants to know of an HTTP request.

use actix_web::HttpRequest;
use actix_web::http::header::{
    ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, IF_MATCH, IF_NONE_MATCH,
};
use scim_core::ScimError;
use scim_provider::HeaderSource;

use crate::Options;

/// Longest request id that is taken over from a client or proxy, in bytes. It is logged, so it is shorter than any key: a
/// client that sends its key there does not put it into the log.
const MAX_REQUEST_ID_BYTES: usize = 64;

/// The header of a request's id, and of its answer's.
pub(crate) static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

static IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Headers as the provider reads them.
pub(crate) struct Headers<'r> {
    map: &'r HeaderMap,
    /// Lists that came in several fields, joined.
    lists: Vec<(HeaderName, String)>,
}

impl<'r> Headers<'r> {
    /// Takes a request's headers within the limits. Those that decide whether a write happens must be readable, as to ignore them
    /// would be to write.
    ///
    /// # Errors
    /// 431 where the head is too long, or `Authorization` alone; 400 where preconditions are no text, or where there are two `Authorization`
    /// fields (RFC 9110 §5.3), of which a proxy may have looked at the other one.
    pub(crate) fn read(http: &'r HttpRequest, options: &Options) -> Result<Self, ScimError> {
        let map = http.headers();
        let too_long = |what: &str, limit: usize, way_out: &str| {
            Err(ScimError::status_only(431, format!("{what} more than {limit} bytes; {way_out}")))
        };
        let mut credentials = map.get_all(AUTHORIZATION);
        let first = credentials.next();
        if credentials.next().is_some() {
            return Err(ScimError::status_only(400, "Send one Authorization field, not several"));
        }
        if first.is_some_and(|value| value.len() > options.max_authorization_bytes) {
            let way_out = "no key and no token of this server is that long";
            return too_long("Authorization has", options.max_authorization_bytes, way_out);
        }
        // Who sends one counts on it: to ignore it would be to do things twice.
        let mut marks = map.get_all(&IDEMPOTENCY_KEY);
        if marks.next().is_some_and(|mark| mark.to_str().is_err()) || marks.next().is_some() {
            let detail =
                "Idempotency-Key must be one field of 1 to 255 visible ASCII characters, such as a UUID";
            return Err(ScimError::status_only(400, detail));
        }
        // The request line, and what stands between names and values and behind them.
        let line = http.method().as_str().len() + target_bytes(http) + " HTTP/1.1\r\n\r\n".len() + 1;
        let field = |(name, value): (&HeaderName, &HeaderValue)| name.as_str().len() + value.len() + 4;
        if line + map.iter().map(field).sum::<usize>() > options.max_head_bytes {
            let way_out = "send fewer or shorter header fields";
            return too_long("The request's head has", options.max_head_bytes, way_out);
        }
        let mut lists = Vec::new();
        for name in [IF_MATCH, IF_NONE_MATCH] {
            if !map.contains_key(&name) {
                continue;
            }
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
        // Those that most requests are asked for need not be looked up by name.
        let name = match name {
            "accept" => ACCEPT,
            "authorization" => AUTHORIZATION,
            "content-type" => CONTENT_TYPE,
            "if-match" => IF_MATCH,
            "if-none-match" => IF_NONE_MATCH,
            name => HeaderName::from_bytes(name.as_bytes()).ok()?,
        };
        match self.lists.iter().find(|(list, _)| *list == name) {
            Some((_, joined)) => Some(joined),
            None => self.map.get(name)?.to_str().ok(),
        }
    }
}

/// How long path and query are together, in bytes.
pub(crate) fn target_bytes(http: &HttpRequest) -> usize {
    http.uri().path_and_query().map_or(0, |target| target.as_str().len())
}

/// The headers that the admin API looks at, for another thread.
pub(crate) struct OwnedHeaders(Vec<(&'static str, String)>);

impl OwnedHeaders {
    /// Those of `headers`.
    pub(crate) fn of(headers: &(dyn HeaderSource + Sync)) -> Self {
        let names =
            ["authorization", "content-type", "accept", "idempotency-key", "if-match", "if-none-match"];
        Self(names.into_iter().filter_map(|name| Some((name, headers.get(name)?.to_owned()))).collect())
    }
}

impl HeaderSource for OwnedHeaders {
    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// The request id that came with the request, where it is fit to be logged.
pub(crate) fn request_id(request: &HttpRequest) -> Option<String> {
    let given = request.headers().get(&REQUEST_ID)?.to_str().ok()?;
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
            let request = request.to_http_request();
            Headers::read(&request, &Options::default()).map(|_| ()).map_err(|error| error.status())
        };
        assert_eq!((read(&[]), read(&["Bearer a"])), (Ok(()), Ok(())));
        assert_eq!(read(&["Bearer a", "Bearer b"]), Err(400));
    }

    #[test]
    fn heads_have_a_length() {
        let read = |name: &'static str, bytes: usize| {
            let field = (name, "x".repeat(bytes));
            let request = TestRequest::default().insert_header(field).to_http_request();
            Headers::read(&request, &Options::default()).map(|_| ()).map_err(|error| error.status())
        };
        assert_eq!(
            (read("authorization", 8 * 1024), read("authorization", 8 * 1024 + 1)),
            (Ok(()), Err(431))
        );
        // `GET / HTTP/1.1`, the name, and what stands around them.
        let rest = 18 + "x-other".len() + 4;
        assert_eq!(
            (read("x-other", 16 * 1024 - rest), read("x-other", 16 * 1024 - rest + 1)),
            (Ok(()), Err(431))
        );
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
