//! The end of a server, and how many connections one client may have.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, TcpStream, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use super::process::{Process, until};
use crate::support::{raw, read};

const READY: &[u8] = b"GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

#[test]
fn what_was_accepted_is_finished_and_idle_connections_hold_nothing_up() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut server = Process::start(folder.path(), &[]);
    let mut idle = TcpStream::connect(&server.address).expect("connected");
    idle.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").expect("sent");
    assert_eq!(read(&mut idle, false).status, 200);
    let mut busy = TcpStream::connect(&server.address).expect("connected");
    busy.write_all(
        b"POST /oauth2/token HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n",
    )
    .expect("sent");
    busy.write_all(b"Content-Length: 10\r\n\r\ngrant").expect("sent");
    // The server has its head once it has answered somebody who came later.
    assert_eq!(raw(&server.address, READY).status, 200);
    server.signal("TERM");
    server.wrote("ending");
    until("nobody else is let in", || TcpStream::connect(&server.address).is_err().then_some(()));
    assert!(server.runs());
    busy.write_all(b"_type").expect("sent");
    let answer = read(&mut busy, false);
    assert_eq!(answer.status, 400, "it was answered");
    assert_eq!(server.ended(), Some(0));
}

#[test]
fn load_balancers_are_told_before_the_end_and_a_second_signal_ends_at_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut server = Process::start(folder.path(), &[("ROLLCALL_SHUTDOWN_DELAY", "10m")]);
    assert_eq!(raw(&server.address, READY).status, 200);
    server.signal("TERM");
    until("it says that it ends", || (raw(&server.address, READY).status == 503).then_some(()));
    let alive = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    assert_eq!(raw(&server.address, alive).status, 200, "it goes on serving meanwhile");
    assert!(server.runs());
    server.signal("TERM");
    assert_eq!(server.ended(), Some(1));
    server.wrote("ended at once");
}

#[test]
fn a_delay_passes_and_the_server_ends_in_order() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut server = Process::start(folder.path(), &[("ROLLCALL_SHUTDOWN_DELAY", "1s")]);
    server.signal("INT");
    assert_eq!(server.ended(), Some(0));
}

#[test]
fn a_hangup_does_not_end_a_server_without_tls() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut server = Process::start(folder.path(), &[("ROLLCALL_LOG_LEVEL", "info")]);
    server.signal("HUP");
    server.wrote("SIGHUP");
    assert!(server.runs());
    assert_eq!(raw(&server.address, READY).status, 200);
}

#[test]
fn the_service_manager_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("notify");
    let socket = UnixDatagram::bind(&path).expect("bound");
    socket.set_read_timeout(Some(Duration::from_secs(30))).expect("set");
    let variables = [("NOTIFY_SOCKET", path.to_str().expect("text")), ("WATCHDOG_USEC", "300000")];
    let mut server = Process::start(folder.path(), &variables);
    let next = || {
        let mut text = [0; 100];
        let length = socket.recv(&mut text).expect("told");
        String::from_utf8_lossy(&text[..length]).trim_end().to_owned()
    };
    let mut told = vec![next(), next(), next(), next()];
    told.sort();
    assert_eq!(told.pop().as_deref(), Some("WATCHDOG=1"));
    assert!(told.contains(&"READY=1".to_owned()), "{told:?}");
    server.signal("TERM");
    while next() != "STOPPING=1" {}
    assert_eq!(server.ended(), Some(0));
}

/// An address of this machine that is not loopback; nothing is sent to find it.
fn own_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect("192.0.2.99:9").ok()?;
    let address = socket.local_addr().ok()?.ip();
    (!address.is_loopback() && !address.is_unspecified()).then_some(address)
}

#[test]
fn one_client_cannot_take_all_connections() {
    let Some(own) = own_address() else {
        // The gate itself is tested beside its code.
        println!("this machine has no address but loopback");
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let variables = [
        ("ROLLCALL_LISTEN", "0.0.0.0:0"),
        ("ROLLCALL_INSECURE_LISTEN", "true"),
        ("ROLLCALL_MAX_CONNECTIONS_PER_CLIENT", "20"),
    ];
    let server = Process::start(folder.path(), &variables);
    let port = server.address.rsplit_once(':').expect("a port").1;
    let connect = || {
        let mut stream = TcpStream::connect((own, port.parse::<u16>().expect("a port"))).expect("connected");
        stream.set_read_timeout(Some(Duration::from_secs(30))).expect("set");
        // Half a head: it is waited for.
        let sent = stream.write_all(b"GET /healthz HTTP/1.1\r\n");
        (stream, sent)
    };
    // Each is inside once it was answered; then it keeps its place by half a head.
    let take_place = |_| {
        let (mut stream, sent) = connect();
        sent.and_then(|()| stream.write_all(b"Host: x\r\n\r\n")).expect("sent");
        assert_eq!(read(&mut stream, false).status, 200);
        stream.write_all(b"GET /healthz HTTP/1.1\r\n").expect("sent");
        stream
    };
    let mut inside: Vec<_> = (0..20).map(take_place).collect();
    for _ in 0..100 {
        let mut rest = [0; 1];
        let (mut stream, _) = connect();
        assert!(matches!(stream.read(&mut rest), Ok(0) | Err(_)), "it is closed without an answer");
    }
    assert_eq!(raw(&format!("127.0.0.1:{port}"), READY).status, 200, "others are served");
    let mut first = inside.swap_remove(0);
    first.write_all(b"Host: x\r\nConnection: close\r\n\r\n").expect("sent");
    assert_eq!(read(&mut first, false).status, 200, "who is inside is served");
    drop(first);
    until("whoever leaves makes room", || {
        let (mut stream, sent) = connect();
        sent.ok()?;
        stream.write_all(b"Host: x\r\nConnection: close\r\n\r\n").ok()?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).ok()?;
        answer.starts_with(b"HTTP/1.1 200").then_some(())
    });
}
