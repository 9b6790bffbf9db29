//! HTTP/1.1 by hand: what is sent is byte for byte what the test says.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let name = name.to_ascii_lowercase();
        self.headers.iter().find(|(other, _)| *other == name).map(|(_, value)| value.as_str())
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| {
            panic!("{}: {error}: {}", self.status, String::from_utf8_lossy(&self.body))
        })
    }

    /// The body of an answer of this status.
    #[track_caller]
    pub(crate) fn ok(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", String::from_utf8_lossy(&self.body));
        assert_eq!(self.header("content-type"), Some("application/scim+json; charset=utf-8"));
        self.json()
    }

    /// An answer of this status without a body.
    #[track_caller]
    pub(crate) fn empty(&self, status: u16) {
        assert_eq!(self.status, status, "{}", String::from_utf8_lossy(&self.body));
        assert!(self.body.is_empty());
    }

    /// A SCIM error (RFC 7644 §3.12) with this status and keyword; its detail.
    #[track_caller]
    pub(crate) fn error(&self, status: u16, scim_type: Option<&str>) -> String {
        let body = self.ok(status);
        assert_eq!(body["schemas"], json!(["urn:ietf:params:scim:api:messages:2.0:Error"]));
        assert_eq!(body["status"], status.to_string());
        assert_eq!(body.get("scimType").and_then(Value::as_str), scim_type, "{body}");
        assert!(self.header("x-request-id").is_some());
        body["detail"].as_str().filter(|detail| !detail.is_empty()).expect("a detail").to_owned()
    }

    /// A created resource: its id.
    #[track_caller]
    pub(crate) fn created(&self) -> String {
        let body = self.ok(201);
        let id = body["id"].as_str().expect("an id").to_owned();
        assert_eq!(self.header("location"), body["meta"]["location"].as_str());
        assert!(self.header("location").is_some_and(|location| location.ends_with(&format!("/{id}"))));
        assert_eq!(self.header("etag"), body["meta"]["version"].as_str());
        id
    }
}

/// Requests with one key.
#[derive(Clone)]
pub(crate) struct Client {
    pub(crate) address: String,
    pub(crate) token: String,
}

impl Client {
    pub(crate) fn new(address: &str, token: &str) -> Self {
        Self { address: address.to_owned(), token: token.to_owned() }
    }

    /// A request below the base path, with these headers besides `Host`, `Authorization` and `Content-Length`.
    pub(crate) fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let authorization = format!("Bearer {}", self.token);
        let mut all = vec![("Authorization", authorization.as_str())];
        all.extend_from_slice(headers);
        send(&self.address, method, &format!("/scim/v2{path}"), &all, body)
    }

    fn body(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
        let mut all = vec![("Content-Type", "application/scim+json")];
        all.extend_from_slice(headers);
        self.send(method, path, &all, body.to_string().as_bytes())
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], b"")
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Answer {
        self.body("POST", path, &[], body)
    }

    pub(crate) fn put(&self, path: &str, body: &Value) -> Answer {
        self.body("PUT", path, &[], body)
    }

    pub(crate) fn patch(&self, path: &str, operations: Value) -> Answer {
        self.body("PATCH", path, &[], &super::patch(operations))
    }

    pub(crate) fn delete(&self, path: &str) -> Answer {
        self.send("DELETE", path, &[], b"")
    }

    /// PUT, PATCH or another with a version that must hold.
    pub(crate) fn if_match(&self, method: &str, path: &str, version: &str, body: &Value) -> Answer {
        self.body(method, path, &[("If-Match", version)], body)
    }

    /// Creates a person; the id.
    #[track_caller]
    pub(crate) fn person(&self, user_name: &str) -> String {
        self.post("/Users", &super::person(user_name)).created()
    }

    /// Creates a group; the id.
    #[track_caller]
    pub(crate) fn group(&self, name: &str, members: &[&str]) -> String {
        self.post("/Groups", &super::group(name, members)).created()
    }

    /// A filtered list.
    pub(crate) fn filter(&self, endpoint: &str, filter: &str) -> Answer {
        self.get(&format!("{endpoint}?filter={}", super::encoded(filter)))
    }
}

/// A request with exactly these headers besides `Host`, `Content-Length` and `Connection`.
pub(crate) fn send(
    address: &str,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Answer {
    let mut head = format!("{method} {target} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    let chunked = headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("transfer-encoding"));
    if !body.is_empty() && !chunked {
        head.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    head.push_str("\r\n");
    let mut bytes = head.into_bytes();
    bytes.extend_from_slice(body);
    exchange(address, &bytes, method == "HEAD")
}

/// Sends bytes as they are and reads one answer.
pub(crate) fn raw(address: &str, bytes: &[u8]) -> Answer {
    exchange(address, bytes, bytes.starts_with(b"HEAD"))
}

fn exchange(address: &str, bytes: &[u8], head: bool) -> Answer {
    let mut stream = TcpStream::connect(address).expect("connected");
    stream.set_read_timeout(Some(Duration::from_secs(60))).expect("set");
    let mut writer = stream.try_clone().expect("cloned");
    let bytes = bytes.to_vec();
    // A server that refuses a body early answers before all of it was sent, and then may close: both is fine.
    let sending = std::thread::spawn(move || writer.write_all(&bytes).is_ok());
    let answer = read(&mut stream, head);
    drop(stream);
    let _ = sending.join();
    answer
}

/// Reads one answer.
pub(crate) fn read(stream: &mut TcpStream, head: bool) -> Answer {
    let mut reader = BufReader::new(stream);
    let line = |reader: &mut BufReader<&mut TcpStream>| {
        let mut text = String::new();
        reader.read_line(&mut text).expect("a line");
        text.trim_end().to_owned()
    };
    let first = line(&mut reader);
    let status = first.split(' ').nth(1).and_then(|code| code.parse().ok());
    let status = status.unwrap_or_else(|| panic!("no answer: {first:?}"));
    let mut headers = Vec::new();
    loop {
        let header = line(&mut reader);
        let Some((name, value)) = header.split_once(':') else { break };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let mut answer = Answer { status, headers, body: Vec::new() };
    if head || status == 204 || status == 304 {
        return answer;
    }
    if answer.header("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked")) {
        loop {
            let length = usize::from_str_radix(&line(&mut reader), 16).expect("a length");
            let mut chunk = vec![0; length + 2];
            reader.read_exact(&mut chunk).expect("a chunk");
            if length == 0 {
                return answer;
            }
            answer.body.extend_from_slice(&chunk[..length]);
        }
    }
    let length = answer.header("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
    answer.body = vec![0; length];
    reader.read_exact(&mut answer.body).expect("a body");
    answer
}
