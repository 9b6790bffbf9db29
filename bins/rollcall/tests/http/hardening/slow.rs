//! Clients that take their time: each is given so much of it, and the others do not notice.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::{Client, Server, extend, person, read};

/// Slow clients at once.
const SLOW: usize = 1000;
/// Requests of a measurement.
const SAMPLES: usize = 200;
/// Measurements before and with the slow clients.
const ROUNDS: usize = 5;

fn connect(server: &Server) -> TcpStream {
    let stream = TcpStream::connect(&server.address).expect("connected");
    stream.set_read_timeout(Some(Duration::from_secs(60))).expect("set");
    stream
}

/// The median time of a small request over a connection that stays.
fn median(server: &Server, client: &Client, id: &str) -> Duration {
    let mut stream = connect(server);
    stream.set_nodelay(true).expect("set");
    let request = format!(
        "GET /scim/v2/Users/{id} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\r\n",
        client.token
    );
    let mut times: Vec<Duration> = (0..SAMPLES)
        .map(|_| {
            let begun = Instant::now();
            stream.write_all(request.as_bytes()).expect("sent");
            assert_eq!(read(&mut stream, false).status, 200);
            begun.elapsed()
        })
        .collect();
    times.sort();
    times[SAMPLES / 2]
}

/// The best of some measurements: what else the machine does makes one worse, never better.
fn best(server: &Server, client: &Client, id: &str) -> Duration {
    (0..ROUNDS).map(|_| median(server, client, id)).min().expect("some")
}

/// Memory of the server that is resident, in bytes.
#[cfg(target_os = "linux")]
fn resident(server: &Server) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.process())).expect("it runs");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("memory");
    line.split_whitespace().nth(1).and_then(|kilobytes| kilobytes.parse::<u64>().ok()).expect("kB") * 1024
}

/// Times are held against one another and not against the clock: how fast a machine is does not matter then.
#[test]
fn a_thousand_slow_clients_leave_the_others_within_twice_their_time() {
    let server = Server::start();
    let acme = server.acme();
    let id = acme.person("ada");
    // A list of some megabytes: more than the system keeps for somebody who does not read.
    for number in 0..64 {
        let mut large = person(&format!("large-{number}"));
        extend(&mut large, json!({ "nickName": "x".repeat(100_000) }));
        acme.post("/Users", &large).created();
    }
    let before = best(&server, &acme, &id);
    #[cfg(target_os = "linux")]
    let memory_before = resident(&server);

    let key = format!("Host: x\r\nAuthorization: Bearer {}\r\n", acme.token);
    let mut slow = Vec::with_capacity(SLOW);
    for number in 0..SLOW {
        let mut stream = connect(&server);
        let sent = match number % 20 {
            // One of twenty asks for the large list and does not read it.
            0 => format!("GET /scim/v2/Users HTTP/1.1\r\n{key}\r\n"),
            at if at % 2 == 0 => format!("GET /scim/v2/Users HTTP/1.1\r\n{key}X-Slow: "),
            _ => format!(
                "POST /scim/v2/Users HTTP/1.1\r\n{key}Content-Type: application/scim+json\r\n\
                 Content-Length: 60000\r\n\r\n{{\"userName\""
            ),
        };
        stream.write_all(sent.as_bytes()).expect("sent");
        slow.push(stream);
    }
    let with = best(&server, &acme, &id);
    // A byte more of each, as such clients do.
    for stream in &mut slow {
        // Some are told to go by now.
        let _ = stream.write_all(b"x");
    }
    let after = best(&server, &acme, &id);
    let worst = with.max(after);
    assert!(worst <= 2 * before, "{before:?} without, {with:?} and {after:?} with {SLOW} slow clients");
    #[cfg(target_os = "linux")]
    {
        let grown = resident(&server).saturating_sub(memory_before);
        let bound = 768 * 1024 * 1024;
        assert!(grown < bound, "{grown} bytes for {SLOW} slow clients");
    }
    drop(slow);
    acme.get(&format!("/Users/{id}")).ok(200);
}

/// Sends a byte now and then until the server ends it; what it said before.
fn drip(server: &Server, head: &str) -> String {
    let mut stream = connect(server);
    stream.set_read_timeout(Some(Duration::from_millis(100))).expect("set");
    stream.write_all(head.as_bytes()).expect("sent");
    let (begun, mut told, mut buffer) = (Instant::now(), Vec::new(), [0; 4096]);
    while begun.elapsed() < Duration::from_secs(60) {
        match stream.read(&mut buffer) {
            Ok(0) => return String::from_utf8(told).expect("text"),
            Ok(count) => told.extend_from_slice(&buffer[..count]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) if error.kind() == ErrorKind::ConnectionReset => {
                return String::from_utf8(told).expect("text");
            }
            Err(error) => panic!("{error}"),
        }
        // It may have ended in between.
        let _ = stream.write_all(b" ");
    }
    panic!("the server waits for ever: {}", String::from_utf8_lossy(&told));
}

#[test]
fn who_sends_a_byte_at_a_time_is_told_so_at_the_deadline() {
    let server = Server::start_with(
        &[
            ("ROLLCALL_REQUEST_DEADLINE", "2s"),
            ("ROLLCALL_HEAD_TIMEOUT", "2s"),
            ("ROLLCALL_KEEP_ALIVE", "1s"),
        ],
        &[],
    );
    let acme = server.acme();
    let key = format!("Host: x\r\nAuthorization: Bearer {}\r\n", acme.token);
    let post = format!("POST /scim/v2/Users HTTP/1.1\r\n{key}Content-Type: application/scim+json\r\n");
    for (what, head, status) in [
        ("a body of a length", format!("{post}Content-Length: 5000\r\n\r\n{{"), Some("408")),
        ("a body of a large length", format!("{post}Content-Length: 500000\r\n\r\n{{"), Some("408")),
        ("a head", "GET /healthz HTTP/1.1\r\nHost: ".to_owned(), Some("408")),
        (
            "a second head",
            "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET /healthz HTTP/1.1\r\nHost:".to_owned(),
            None,
        ),
    ] {
        let told = drip(&server, &head);
        match status {
            Some(status) => assert!(told.starts_with(&format!("HTTP/1.1 {status} ")), "{what}: {told}"),
            None => assert_eq!(told.matches("HTTP/1.1 ").count(), 1, "{what}: {told}"),
        }
        acme.get("/Users").ok(200);
    }
    assert_eq!(acme.get("/Users").ok(200)["totalResults"], 0);
}
