//! Where the service is mounted, and the base URL that a client used.

use actix_web::HttpRequest;
use actix_web::http::header::HOST;
use actix_web::http::uri::Authority;
use scim_directory::ConnectorId;

use crate::Options;

/// The path of the base that serves all instances: a key says itself which one it opens.
pub(crate) const BASE_PATH: &str = "/scim/v2";
/// What comes before a connector's id in the path of its own base.
const DOORS_PATH: &str = "/c/";
/// The path of connectors' own bases, as the framework has it.
pub(crate) const DOOR_PATH: &str = "/c/{connector}/scim/v2";
/// Where SCIM is, for whoever looks elsewhere.
pub(crate) const WHERE: &str =
    "There is nothing here; SCIM is at /scim/v2 and at /c/{connector id}/scim/v2, written just so";

/// A path of the service, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place<'r> {
    /// The connector whose own base was used.
    pub(crate) door: Option<ConnectorId>,
    /// What follows the base, as it was sent.
    pub(crate) path: &'r str,
}

impl<'r> Place<'r> {
    /// The place that a path names, as it was sent: the provider decodes each segment by itself. The framework finds scopes
    /// in the decoded path, so that paths whose base is written with escapes come here too; they are nowhere.
    pub(crate) fn of(path: &'r str) -> Option<Self> {
        let (door, rest) = match path.strip_prefix(DOORS_PATH) {
            None => (None, path),
            Some(below) => {
                let (id, _) = below.split_once('/')?;
                (Some(connector(id)?), below.get(id.len()..)?)
            }
        };
        let path = rest.strip_prefix(BASE_PATH)?;
        (path.is_empty() || path.starts_with('/')).then_some(Self { door, path })
    }
}

/// A connector's id in the form that `connector show` prints, whatever its letter case.
fn connector(text: &str) -> Option<ConnectorId> {
    const UUID_LENGTH: usize = 36;
    if text.len() == UUID_LENGTH { text.parse().ok() } else { None }
}

/// The root URL of a server whose base URL was configured as `base`: what comes before `/scim/v2`; of a base that does not end
/// so, scheme and host. Connectors' own URLs and those of OAuth are below the root.
///
/// ```
/// assert_eq!(scim_actix::root_of("https://example.com/idm/scim/v2"), "https://example.com/idm");
/// assert_eq!(scim_actix::root_of("https://scim.example.com/people"), "https://scim.example.com");
/// ```
#[must_use]
pub fn root_of(base: &str) -> &str {
    let base = base.trim_end_matches('/');
    if let Some(root) = base.strip_suffix(BASE_PATH) {
        return root;
    }
    let host = base.find("://").map_or(0, |at| at + "://".len());
    let end = base.get(host..).and_then(|rest| rest.find('/')).map_or(base.len(), |at| host + at);
    base.get(..end).unwrap_or(base)
}

/// The root URL that the client used: that of the configured base, else scheme and host of the request.
///
/// `X-Forwarded-Proto` and `X-Forwarded-Host` count only where a proxy is `trusted` that sends them.
pub(crate) fn root(request: &HttpRequest, options: &Options, trusted: bool) -> String {
    if let Some(base) = &options.base_url {
        return root_of(base).to_owned();
    }
    let forwarded = |name: &str| {
        if !trusted {
            return None;
        }
        let value = request.headers().get(name)?.to_str().ok()?;
        value.split(',').next().map(str::trim).filter(|value| !value.is_empty())
    };
    let scheme = match forwarded("x-forwarded-proto") {
        Some("https") => "https",
        Some("http") => "http",
        _ if options.secure || request.app_config().secure() => "https",
        _ => "http",
    };
    let host = forwarded("x-forwarded-host")
        .or_else(|| request.headers().get(HOST).and_then(|host| host.to_str().ok()))
        .or_else(|| request.uri().authority().map(Authority::as_str))
        .filter(|host| is_host(host));
    match host {
        Some(host) => [scheme, "://", host].concat(),
        None => format!("{scheme}://{}", request.app_config().local_addr()),
    }
}

/// The base URL that the client used, without a slash at its end: what is configured, or the root's, or below the root that of
/// the connector `door`.
pub(crate) fn base(configured: Option<&str>, root: &str, door: Option<&str>) -> String {
    match (configured, door) {
        (Some(base), None) => base.trim_end_matches('/').to_owned(),
        (None, None) => [root, BASE_PATH].concat(),
        (_, Some(id)) => format!("{root}{DOORS_PATH}{id}{BASE_PATH}"),
    }
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

    const ID: &str = "0198d9a2-7c3a-7000-8000-0123456789ab";

    #[test]
    fn the_base_follows_what_the_client_used() {
        let check = |headers: &[(&'static str, &str)], trusted: bool, expected: &str| {
            let mut request = TestRequest::default();
            for (name, value) in headers {
                request = request.insert_header((*name, *value));
            }
            let root = root(&request.to_http_request(), &Options::default(), trusted);
            assert_eq!(base(None, &root, None), format!("{expected}/scim/v2"));
            assert_eq!(base(None, &root, Some(ID)), format!("{expected}/c/{ID}/scim/v2"));
            assert_eq!(root, expected);
        };
        let forwarded =
            [("host", "inner:1"), ("x-forwarded-proto", "https"), ("x-forwarded-host", "scim.example")];
        check(&[("host", "scim.example:8443")], false, "http://scim.example:8443");
        check(&forwarded, true, "https://scim.example");
        check(&forwarded, false, "http://inner:1");
        check(&[("host", "evil/path")], false, "http://127.0.0.1:8080");
        let options = Options { secure: true, ..Options::default() };
        let request = TestRequest::default().insert_header(("host", "scim.example")).to_http_request();
        assert_eq!(root(&request, &options, false), "https://scim.example");
    }

    #[test]
    fn the_base_follows_what_is_configured() {
        let check = |configured: &str, of_all: &str, root: &str| {
            let request = TestRequest::default().insert_header(("host", "inner:1")).to_http_request();
            let options = Options { base_url: Some(configured.to_owned()), ..Options::default() };
            assert_eq!(super::root(&request, &options, true), root);
            assert_eq!(base(Some(configured), root, None), of_all);
            assert_eq!(base(Some(configured), root, Some(ID)), format!("{root}/c/{ID}/scim/v2"));
        };
        check("https://x.example/scim/v2", "https://x.example/scim/v2", "https://x.example");
        check("https://x.example/scim/v2/", "https://x.example/scim/v2", "https://x.example");
        check("https://x.example/idm/scim/v2", "https://x.example/idm/scim/v2", "https://x.example/idm");
        check("https://x.example:8443/people", "https://x.example:8443/people", "https://x.example:8443");
        check("https://x.example", "https://x.example", "https://x.example");
    }

    #[test]
    fn places_are_found_in_paths_as_they_were_sent() {
        let door = format!("/c/{ID}/scim/v2");
        let check = |path: &str, expected: Option<(bool, &str)>| {
            let place = Place::of(path).map(|place| (place.door.is_some(), place.path));
            assert_eq!(place, expected, "{path}");
        };
        check("/scim/v2", Some((false, "")));
        check("/scim/v2//Users/a%2Fb", Some((false, "//Users/a%2Fb")));
        check(&door, Some((true, "")));
        check(&format!("{door}//Users/a%2Fb"), Some((true, "//Users/a%2Fb")));
        check(
            &format!("{}/Users", door.to_uppercase().replace("/C/", "/c/").replace("SCIM/V", "scim/v")),
            Some((true, "/Users")),
        );
        check("/scim/v2x", None);
        check("/s%63im/v2", None);
        check(&format!("{door}x"), None);
        check(&door.replace("/c/", "/%63/"), None);
        check(&door.replace('-', "%2D"), None);
        check(&door.replace('-', ""), None);
        check("/c/default/scim/v2/Users", None);
        check("/c//scim/v2/Users", None);
        check("/c/", None);
        check(&format!("/c/{ID}/scim"), None);
        check(&format!("/c/{{{ID}}}/scim/v2"), None);
    }
}
