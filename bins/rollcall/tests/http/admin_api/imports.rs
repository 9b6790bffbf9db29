//! Uploads: read as they come, and gone on with after the connection broke.

use std::io::Write as _;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{Answer, Server, read, send};

const LINES: usize = 3000;

fn get(server: &Server, token: &str, path: &str) -> Answer {
    let authorization = format!("Bearer {token}");
    send(&server.address, "GET", path, &[("Authorization", &authorization)], b"")
}

/// Begins an upload without saying how long it is.
fn begin(server: &Server, token: &str) -> TcpStream {
    let mut stream = TcpStream::connect(&server.address).expect("a connection");
    write!(
        stream,
        "POST /admin/v1/instances/acme/imports?kind=accounts&id=first HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: text/csv\r\nTransfer-Encoding: chunked\r\n\r\n",
        server.address
    )
    .expect("sent");
    stream
}

fn piece(stream: &mut TcpStream, text: &str) {
    write!(stream, "{:x}\r\n{text}\r\n", text.len()).expect("sent");
    stream.flush().expect("sent");
}

#[test]
fn an_upload_goes_on_after_the_connection_broke() {
    let server = Server::start();
    server.acme();
    let token = server.run(&["admin-key", "issue", "--instance", "acme", "--role", "LiteAdmin"]);
    let token = token.trim();
    let line = |number: usize| format!("person{number},person{number}@example.com\n");
    let half: String = (0..LINES / 2).map(line).collect();

    let mut stream = begin(&server, token);
    piece(&mut stream, "UserName,Email\n");
    piece(&mut stream, &half);
    // What has come is brought in while the rest is not even sent.
    let begun = Instant::now();
    let so_far = loop {
        let shown = get(&server, token, "/admin/v1/instances/acme/imports/first");
        let lines = if shown.status == 200 { shown.json()["lines"].as_u64() } else { None };
        if let Some(lines) = lines.filter(|lines| *lines > 250) {
            break lines;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "nothing is brought in: {}", shown.status);
        std::thread::sleep(Duration::from_millis(20));
    };
    assert!(so_far <= LINES as u64 / 2 + 1);
    drop(stream);

    // The second try has the whole file; somebody else works at it until the first one's end was seen.
    let whole: String = std::iter::once("UserName,Email\n".to_owned()).chain((0..LINES).map(line)).collect();
    let begun = Instant::now();
    let done: Value = loop {
        let mut stream = begin(&server, token);
        piece(&mut stream, &whole);
        stream.write_all(b"0\r\n\r\n").expect("sent");
        let answer = read(&mut stream, false);
        match answer.status {
            200 => break answer.json(),
            409 => assert!(begun.elapsed() < Duration::from_secs(60), "{}", answer.json()),
            other => panic!("{other}: {}", String::from_utf8_lossy(&answer.body)),
        }
    };
    assert_eq!(done["began"], "behind_earlier_lines", "{done}");
    assert_eq!(
        (done["imported"].as_u64(), done["rejected"].as_u64()),
        (Some(LINES as u64), Some(0)),
        "{done}"
    );
    assert_eq!(done["already_there"].as_u64(), Some(0), "nothing is brought in twice: {done}");
    let report: Value =
        serde_json::from_str(&server.run(&["report", "--instance", "acme", "--json"])).expect("JSON");
    assert_eq!(report["people"]["imported"].as_u64(), Some(LINES as u64), "{report}");
}
