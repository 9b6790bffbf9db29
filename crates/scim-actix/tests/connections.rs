//! Connections on which nothing comes of it are ended, and others are not.
#![cfg(test)]

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use actix_web::middleware::from_fn;
use actix_web::{App, HttpResponse, HttpServer, web};
use scim_actix::{Watch, every_answer, nothing_here};

/// More than all that the system keeps on the way.
const LARGE_BYTES: usize = 64 * 1024 * 1024;
/// How long the server waits.
const WATCH: Watch = Watch { idle: Duration::from_millis(400), answer: Duration::from_millis(400) };

/// A server with `/small`, `/large` and `/slow`, which takes three times as long as anything is waited for.
fn serve() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    std::thread::spawn(move || {
        let slow = || async {
            actix_web::rt::time::sleep(3 * WATCH.idle).await;
            HttpResponse::Ok().body("slow")
        };
        let server = HttpServer::new(move || {
            App::new()
                .wrap(from_fn(every_answer))
                .route("/small", web::get().to(|| async { HttpResponse::Ok().body("small") }))
                .route("/large", web::get().to(|| async { HttpResponse::Ok().body(vec![b'x'; LARGE_BYTES]) }))
                .route("/slow", web::get().to(slow))
                .default_service(web::to(nothing_here))
        })
        .on_connect(|connection, data| WATCH.connected(connection, data))
        .workers(1)
        .listen(listener)
        .expect("listens");
        actix_web::rt::System::new().block_on(server.run())
    });
    address
}

fn connect(address: &str) -> TcpStream {
    let stream = TcpStream::connect(address).expect("connected");
    stream.set_read_timeout(Some(Duration::from_secs(60))).expect("set");
    stream
}

fn ask(stream: &mut TcpStream, path: &str) {
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).expect("sent");
}

/// Reads until the text of an answer's body has come.
fn until(stream: &mut TcpStream, end: &str) {
    let (mut read, mut buffer) = (Vec::new(), [0; 1024]);
    while !read.ends_with(end.as_bytes()) {
        let count = stream.read(&mut buffer).expect("an answer");
        assert!(count > 0, "the connection ended: {}", String::from_utf8_lossy(&read));
        read.extend_from_slice(&buffer[..count]);
    }
}

/// Whether the connection ends; what comes before that is read and thrown away. How much that was.
fn ends(stream: &mut TcpStream) -> usize {
    let (mut total, mut buffer) = (0, vec![0; 1024 * 1024]);
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return total,
            Ok(count) => total += count,
            Err(error) if error.kind() == ErrorKind::ConnectionReset => return total,
            Err(error) => panic!("the connection goes on: {error}"),
        }
    }
}

#[test]
fn half_a_head_ends_whether_it_is_the_first_or_not() {
    let address = serve();
    let begun = Instant::now();
    let (mut first, mut second, mut silent) = (connect(&address), connect(&address), connect(&address));
    first.write_all(b"GET /small HTTP/1.1\r\nHost:").expect("sent");
    ask(&mut second, "/small");
    until(&mut second, "small");
    second.write_all(b"GET /small HTTP/1.1\r\nHost:").expect("sent");
    for stream in [&mut first, &mut second, &mut silent] {
        ends(stream);
    }
    assert!(begun.elapsed() >= WATCH.idle, "no sooner than it may");
}

#[test]
fn an_answer_that_nobody_reads_ends() {
    let address = serve();
    let mut stream = connect(&address);
    ask(&mut stream, "/large");
    // Not to read for a while is what is tested here.
    std::thread::sleep(3 * WATCH.answer);
    let read = ends(&mut stream);
    assert!(read < LARGE_BYTES, "{read} bytes were kept for somebody who does not read");
}

#[test]
fn an_answer_that_is_read_comes_whole_however_long_it_takes() {
    let address = serve();
    let mut stream = connect(&address);
    let begun = Instant::now();
    ask(&mut stream, "/large");
    let (mut total, mut buffer) = (0, vec![0; 1024 * 1024]);
    while total < LARGE_BYTES {
        let count = stream.read(&mut buffer).expect("goes on");
        assert!(count > 0, "ended after {total} bytes");
        total += count;
        // Slow, but never silent: some seconds in all.
        if total > LARGE_BYTES - 16 * 1024 * 1024 {
            std::thread::sleep(WATCH.answer / 40);
        }
    }
    assert!(begun.elapsed() < Duration::from_secs(60));
    ask(&mut stream, "/small");
    until(&mut stream, "small");
}

#[test]
fn a_request_under_way_is_not_waited_for_by_the_connection() {
    let address = serve();
    let mut stream = connect(&address);
    ask(&mut stream, "/slow");
    until(&mut stream, "slow");
    ask(&mut stream, "/small");
    until(&mut stream, "small");
}

#[test]
fn every_answer_has_its_headers_and_errors_have_bodies() {
    let address = serve();
    for (request, status) in [
        ("GET /small", "200"),
        ("GET /nowhere", "404"),
        ("POST /small", "404"),
        ("TRACE /small", "404"),
        ("HEAD /nowhere", "404"),
    ] {
        let mut stream = connect(&address);
        let head = format!("{request} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        let lower = answer.to_ascii_lowercase();
        assert!(lower.starts_with(&format!("http/1.1 {status} ")), "{request}: {answer}");
        for header in ["x-content-type-options: nosniff\r\n", "cache-control: no-store\r\n"] {
            assert!(lower.contains(header), "{request}: {answer}");
        }
        assert!(!lower.contains("\r\nserver:") && !lower.contains("access-control-"), "{request}: {answer}");
        if status != "200" && !request.starts_with("HEAD") {
            assert!(answer.contains("urn:ietf:params:scim:api:messages:2.0:Error"), "{request}: {answer}");
        }
    }
}
