//! HTTP/1.1 as a load generator needs it: requests written into one buffer, answers found in another one, nothing allocated for
//! either.
//!
//! Bodies in chunks are understood, because servers of others send them. There is no TLS: it would be measured, too.

use std::fmt;
use std::io::Write as _;

use anyhow::{Context as _, bail};
use memchr::memmem;

/// A server's SCIM base URL and the token that opens it.
#[derive(Clone, Debug)]
pub struct Target {
    /// Host and port.
    pub address: String,
    /// The path of the base URL, without a slash at its end.
    pub path: String,
    /// The bearer token.
    pub token: String,
}

impl Target {
    /// From a base URL like `http://127.0.0.1:8080/scim/v2`.
    ///
    /// # Errors
    /// Where the URL is not `http://`.
    pub fn new(base: &str, token: &str) -> anyhow::Result<Self> {
        let rest = base.strip_prefix("http://").with_context(|| {
            format!("{base}: the base URL must begin with http://, because TLS is not measured")
        })?;
        let (host, path) = rest.split_once('/').map_or((rest, ""), |(host, path)| (host, path));
        let address = if host.contains(':') { host.to_owned() } else { format!("{host}:80") };
        let path = path.trim_end_matches('/');
        let path = if path.is_empty() { String::new() } else { format!("/{path}") };
        Ok(Self { address, path, token: token.to_owned() })
    }
}

/// The buffer into which a request is written.
#[derive(Debug)]
pub struct Request {
    path: String,
    /// The header fields that all requests have.
    fields: Vec<u8>,
    bytes: Vec<u8>,
}

impl Request {
    /// A buffer for requests to a server.
    #[must_use]
    pub fn new(target: &Target) -> Self {
        let fields = format!("Host: {}\r\nAuthorization: Bearer {}\r\n", target.address, target.token);
        Self { path: target.path.clone(), fields: fields.into_bytes(), bytes: Vec::new() }
    }

    /// Writes a request without a body to a path below the base URL, in place of what was there.
    pub fn plain(&mut self, method: &str, path: fmt::Arguments<'_>) {
        self.begin(method, path);
        self.bytes.extend_from_slice(b"\r\n");
    }

    /// Writes a request with a JSON body.
    pub fn with_body(&mut self, method: &str, path: fmt::Arguments<'_>, body: &[u8]) {
        self.begin(method, path);
        // A vector takes all that is written.
        let _ = write!(
            self.bytes,
            "Content-Type: application/scim+json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        self.bytes.extend_from_slice(body);
    }

    fn begin(&mut self, method: &str, path: fmt::Arguments<'_>) {
        self.bytes.clear();
        let _ = write!(self.bytes, "{method} {}{path} HTTP/1.1\r\n", self.path);
        self.bytes.extend_from_slice(&self.fields);
    }

    /// The bytes to be sent.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// An answer, as it lies in the buffer that it was read into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer<'b> {
    /// The status code.
    pub status: u16,
    /// The status line and the header fields.
    pub head: &'b [u8],
    /// The body; in its chunks where the server sends chunks.
    pub body: &'b [u8],
    /// Whether the server closes the connection after it.
    pub closes: bool,
}

impl<'b> Answer<'b> {
    /// The answer at the beginning of a buffer, and how long it is; nothing where its end has not come yet.
    ///
    /// # Errors
    /// Where this is no HTTP/1 answer.
    pub fn parse(buffer: &'b [u8]) -> anyhow::Result<Option<(Self, usize)>> {
        let Some(end) = memmem::find(buffer, b"\r\n\r\n") else { return Ok(None) };
        let (head, rest) = buffer.split_at(end + 4);
        let status = head
            .strip_prefix(b"HTTP/1.")
            .and_then(|rest| rest.get(2..5))
            .and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok())
            .context("what came is no HTTP/1 answer")?;
        let closes = field(head, b"connection").is_some_and(|value| value.eq_ignore_ascii_case(b"close"));
        let length = if status == 204 || status == 304 {
            Some(0)
        } else if let Some(length) = field(head, b"content-length") {
            let length: usize =
                std::str::from_utf8(length)?.parse().context("Content-Length is no number")?;
            (length <= rest.len()).then_some(length)
        } else if field(head, b"transfer-encoding").is_some() {
            chunks(rest)?
        } else {
            bail!("an answer without Content-Length: where it ends cannot be told")
        };
        let Some(length) = length else { return Ok(None) };
        let body = rest.get(..length).unwrap_or_default();
        Ok(Some((Self { status, head, body, closes }, head.len() + length)))
    }

    /// The last part of the path in `Location`: the id of what was created.
    #[must_use]
    pub fn created_id(&self) -> Option<&'b str> {
        let location = std::str::from_utf8(field(self.head, b"location")?).ok()?;
        location.rsplit('/').next().filter(|id| !id.is_empty())
    }

    /// The number of a list's member, `totalResults` for instance; found by its name, nothing is parsed.
    #[must_use]
    pub fn number(&self, name: &str) -> Option<u64> {
        let at = memmem::find(self.body, name.as_bytes())? + name.len();
        let rest = self.body.get(at..)?;
        let begin = rest.iter().position(u8::is_ascii_digit)?;
        // Between name and number: the end of the name, a colon, white space.
        if begin > 4 {
            return None;
        }
        let digits = rest.get(begin..)?;
        let end = digits.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(digits.len());
        std::str::from_utf8(digits.get(..end)?).ok()?.parse().ok()
    }

    /// The body without its chunks.
    ///
    /// # Errors
    /// Where the chunks are broken.
    pub fn plain_body(&self) -> anyhow::Result<Vec<u8>> {
        if field(self.head, b"content-length").is_some() || self.body.is_empty() {
            return Ok(self.body.to_vec());
        }
        let (mut body, mut rest) = (Vec::new(), self.body);
        while let Some((size, begin)) = chunk(rest)?.filter(|(size, _)| *size > 0) {
            body.extend_from_slice(rest.get(begin..begin + size).context("a chunk that is cut off")?);
            rest = rest.get(begin + size + 2..).unwrap_or_default();
        }
        Ok(body)
    }

    /// The body for an error's text.
    #[must_use]
    pub fn excerpt(&self) -> String {
        String::from_utf8_lossy(self.body.get(..600).unwrap_or(self.body)).into_owned()
    }
}

/// The value of a header field, without white space around it.
fn field<'b>(head: &'b [u8], name: &[u8]) -> Option<&'b [u8]> {
    head.split(|byte| *byte == b'\n').skip(1).find_map(|line| {
        let (own, value) = line.split_at_checked(name.len())?;
        if !own.eq_ignore_ascii_case(name) {
            return None;
        }
        Some(value.strip_prefix(b":")?.trim_ascii())
    })
}

/// How long a body in chunks is; nothing where its end has not come yet.
fn chunks(body: &[u8]) -> anyhow::Result<Option<usize>> {
    let mut at = 0_usize;
    loop {
        let rest = body.get(at..).unwrap_or_default();
        let Some((size, begin)) = chunk(rest)? else { return Ok(None) };
        // The end of the chunk's line follows it. There are no trailers.
        at = at.saturating_add(begin).saturating_add(size).saturating_add(2);
        if at > body.len() {
            return Ok(None);
        }
        if size == 0 {
            return Ok(Some(at));
        }
    }
}

/// The size of the first chunk, and where it begins; nothing where its line has not come whole.
fn chunk(body: &[u8]) -> anyhow::Result<Option<(usize, usize)>> {
    let Some(line) = memmem::find(body, b"\r\n") else { return Ok(None) };
    let size = body.get(..line).unwrap_or_default();
    let size = size.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    let size = usize::from_str_radix(std::str::from_utf8(size)?, 16).context("a chunk without a size")?;
    Ok(Some((size, line + 2)))
}

/// A text as a part of a query.
#[must_use]
pub fn encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<(u16, &str, usize)>) {
        let seen = Answer::parse(text.as_bytes()).expect("an answer");
        let seen = seen.as_ref().map(|(answer, length)| {
            (answer.status, std::str::from_utf8(answer.body).expect("text"), *length)
        });
        assert_eq!(seen, expected, "{text:?}");
    }

    #[test]
    fn the_end_of_an_answer_is_found() {
        check("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}HTTP", Some((200, "{}", 40)));
        check("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n{}", None);
        check("HTTP/1.1 200 OK\r\ncontent-le", None);
        check("HTTP/1.1 204 No Content\r\n\r\n", Some((204, "", 27)));
        check(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
            Some((200, "2\r\n{}\r\n0\r\n\r\n", 59)),
        );
        check("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n", None);
        check("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nA\r\n{", None);
        for wrong in
            ["SSH-2.0\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"]
        {
            assert!(Answer::parse(wrong.as_bytes()).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn chunks_are_put_together() {
        let text =
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{\"\r\n5;x=1\r\na\":1}\r\n0\r\n\r\n";
        let (answer, _) = Answer::parse(text).expect("an answer").expect("whole");
        assert_eq!(answer.plain_body().expect("a body"), br#"{"a":1}"#);
    }

    #[test]
    fn ids_and_numbers_are_found() {
        let text = "HTTP/1.1 201 Created\r\nLOCATION: http://h/Users/7-a\r\nConnection: close\r\nContent-Length: 40\r\n\r\n{\"a\":1,\"totalResults\" : 12,\"Resources\":[]";
        let (answer, _) = Answer::parse(text.as_bytes()).expect("an answer").expect("whole");
        assert_eq!(answer.created_id(), Some("7-a"));
        assert!(answer.closes);
        assert_eq!(answer.number("totalResults"), Some(12));
        assert_eq!(answer.number("itemsPerPage"), None);
        assert_eq!(answer.number("Resources"), None);
    }

    #[test]
    fn a_base_url_is_taken_apart() {
        let check = |base: &str, expected: Option<(&str, &str)>| {
            let target = Target::new(base, "t").ok();
            let seen = target.as_ref().map(|target| (target.address.as_str(), target.path.as_str()));
            assert_eq!(seen, expected, "{base}");
        };
        check("http://127.0.0.1:80/scim/v2/", Some(("127.0.0.1:80", "/scim/v2")));
        check("http://host", Some(("host:80", "")));
        check("https://host/scim", None);
    }

    #[test]
    fn a_request_is_written_whole() {
        let target = Target::new("http://h:1/scim", "key").expect("a target");
        let mut request = Request::new(&target);
        request.with_body("POST", format_args!("/Users"), b"{}");
        assert_eq!(
            std::str::from_utf8(request.bytes()),
            Ok(
                "POST /scim/Users HTTP/1.1\r\nHost: h:1\r\nAuthorization: Bearer key\r\nContent-Type: application/scim+json\r\nContent-Length: 2\r\n\r\n{}"
            )
        );
        request.plain("GET", format_args!("/Users?filter={}", encoded("a eq \"b\"")));
        assert!(request.bytes().starts_with(b"GET /scim/Users?filter=a%20eq%20%22b%22 HTTP/1.1\r\nHost"));
        assert!(request.bytes().ends_with(b"key\r\n\r\n"));
    }
}
