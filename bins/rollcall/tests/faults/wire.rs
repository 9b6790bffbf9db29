//! Requests that may come to nothing: what is not answered is told from what is.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

use crate::support::Answer;

/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server and a key to it.
#[derive(Clone)]
pub(crate) struct Wire {
    pub(crate) address: String,
    pub(crate) token: String,
}

impl Wire {
    /// Sends a request by this id; nothing where no whole answer came.
    pub(crate) fn send(
        &self,
        id: &str,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Option<Answer> {
        let body = body.map(Value::to_string).unwrap_or_default();
        let mut text = format!(
            "{method} /scim/v2{path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\nX-Request-Id: {id}\r\n\
             Content-Type: application/scim+json\r\nConnection: close\r\nContent-Length: {}\r\n",
            self.address,
            self.token,
            body.len()
        );
        for (name, value) in headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str("\r\n");
        text.push_str(&body);
        let mut stream = TcpStream::connect(&self.address).ok()?;
        stream.set_read_timeout(Some(PATIENCE)).ok()?;
        stream.write_all(text.as_bytes()).ok()?;
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).ok()?;
        parsed(&bytes)
    }

    /// GET, by no id.
    pub(crate) fn get(&self, path: &str) -> Option<Answer> {
        self.send("look", "GET", path, &[], None)
    }
}

/// A whole answer.
fn parsed(bytes: &[u8]) -> Option<Answer> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&bytes[..end]).ok()?;
    let mut lines = head.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let header =
        |line: &str| line.split_once(':').map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()));
    let mut answer = Answer { status, headers: lines.filter_map(header).collect(), body: Vec::new() };
    let mut rest = &bytes[end + 4..];
    if answer.header("transfer-encoding") == Some("chunked") {
        loop {
            let end = rest.windows(2).position(|window| window == b"\r\n")?;
            let length = usize::from_str_radix(std::str::from_utf8(&rest[..end]).ok()?, 16).ok()?;
            answer.body.extend_from_slice(rest.get(end + 2..end + 2 + length)?);
            rest = rest.get(end + 4 + length..)?;
            if length == 0 {
                return Some(answer);
            }
        }
    }
    let length = answer.header("content-length").map_or(Some(0), |text| text.parse().ok())?;
    answer.body = rest.get(..length)?.to_vec();
    Some(answer)
}

#[test]
fn half_an_answer_is_none() {
    let check = |text: &str, expected: Option<&str>| {
        let body = parsed(text.as_bytes()).map(|answer| String::from_utf8(answer.body).expect("text"));
        assert_eq!(body.as_deref(), expected, "{text}");
    };
    check("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", Some("{}"));
    check("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{", None);
    check("HTTP/1.1 204 No Content\r\n\r\n", Some(""));
    check("HTTP/1.1 204 No Content\r\n", None);
    check("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", Some("{}"));
    check("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n", None);
    check("", None);
}
