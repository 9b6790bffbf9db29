//! The servers do what tests rely on.
#![cfg(test)]

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use testbed::{Cluster, Direction, Durability, Pgbouncer, Postgres, Proxy, Replication, SmallDisk, Stop};

#[test]
fn each_database_is_new_and_goes() {
    let Some(cluster) = Postgres::shared() else { return };
    let first = cluster.database().expect("a database");
    first.sql("CREATE TABLE a (b text)").expect("created");
    let second = cluster.database_of_english().expect("a database");
    second.sql("SELECT * FROM a").expect_err("there is no such table");
    let sorted = |database: &testbed::Database<'_>| {
        database.sql("SELECT string_agg(a, '' ORDER BY a) FROM (VALUES ('b'), ('B'), ('a')) AS v (a)")
    };
    assert_eq!(sorted(&first).expect("sorted"), "Bab");
    assert_eq!(sorted(&second).expect("sorted"), "abB");
    let name = first.name().to_owned();
    drop(first);
    cluster.sql(&name, "SELECT 1").expect_err("it is gone");
}

#[test]
fn what_was_committed_stays_through_a_fall() {
    let Some(cluster) = Cluster::start(Durability::On).expect("a cluster") else { return };
    let database = cluster.database().expect("a database");
    database.sql("CREATE TABLE a AS SELECT 7 AS b").expect("created");
    cluster.restart(Stop::Immediate).expect("restarted");
    assert_eq!(database.sql("SELECT b FROM a").expect("asked"), "7");
    cluster.stop(Stop::Fast).expect("stopped");
    database.sql("SELECT 1").expect_err("it is down");
    cluster.stop(Stop::Fast).expect_err("it is down");
    cluster.start_again().expect("started");
    cluster.start_again().expect_err("it runs");
    assert_eq!(database.sql("SELECT b FROM a").expect("asked"), "7");
}

#[test]
fn a_synchronous_replica_has_everything_and_takes_over() {
    let Some(cluster) = Cluster::start(Durability::On).expect("a cluster") else { return };
    let replica = cluster.replica(Replication::Synchronous).expect("a replica");
    let database = cluster.database().expect("a database");
    database.sql("CREATE TABLE a AS SELECT 7 AS b").expect("created");
    replica.sql("postgres", "CREATE TABLE b (b text)").expect_err("it does not take writes");
    cluster.stop(Stop::Immediate).expect("stopped");
    replica.promote().expect("promoted");
    assert_eq!(replica.sql(database.name(), "UPDATE a SET b = 8 RETURNING b").expect("asked"), "8");
    let url = Cluster::url_of_writer(&[&cluster, &replica], database.name());
    assert!(url.contains(&format!("{},{}/", cluster.address(), replica.address())), "{url}");
    drop(database);
    let fast = Cluster::start(Durability::Off).expect("a cluster").expect("installed");
    fast.replica(Replication::Synchronous).expect_err("it would not be waited for");
}

#[test]
fn a_pooler_passes_transactions_on() {
    let Some(cluster) = Postgres::shared() else { return };
    let Some(pooler) = Pgbouncer::start(cluster, 2).expect("a pooler") else { return };
    let database = cluster.database().expect("a database");
    let asked = std::process::Command::new("psql")
        .args(["-X", "-A", "-t", "-c", "SELECT 7", "-d", &pooler.url(database.name())])
        .output();
    assert_eq!(asked.expect("psql").stdout, b"7\n");
}

/// A server that answers each piece with the same, or with what a COMMIT is answered with.
fn echo() -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                let mut buffer = [0; 100];
                while let Ok(length @ 1..) = stream.read(&mut buffer) {
                    if stream.write_all(&buffer[..length]).is_err() {
                        break;
                    }
                }
            });
        }
    });
    address
}

/// What comes back of a piece; nothing where the connection is cut.
fn said(stream: &mut TcpStream, piece: &[u8]) -> Vec<u8> {
    let mut buffer = [0; 100];
    let length = stream.write_all(piece).and_then(|()| stream.read(&mut buffer)).unwrap_or(0);
    buffer[..length].to_vec()
}

#[test]
fn a_network_fails_as_it_is_told() {
    let proxy = Proxy::start(echo()).expect("a proxy");
    let connect = || TcpStream::connect(proxy.address()).expect("connected");
    let mut stream = connect();
    assert_eq!(said(&mut stream, b"one"), b"one");
    assert_eq!(proxy.open(), 1);

    proxy.cut();
    assert_eq!(said(&mut stream, b"two"), b"");
    proxy.refuse(true);
    assert_eq!(said(&mut connect(), b"three"), b"");
    proxy.refuse(false);

    let mut stream = connect();
    for direction in [Direction::There, Direction::Back] {
        proxy.delay(direction, Duration::from_millis(60));
        let begun = Instant::now();
        assert_eq!(said(&mut stream, b"four"), b"four");
        assert!(begun.elapsed() >= Duration::from_millis(60));
        proxy.delay(direction, Duration::ZERO);
    }

    proxy.stall(true);
    stream.set_read_timeout(Some(Duration::from_millis(60))).expect("set");
    assert_eq!(said(&mut stream, b"five"), b"");
    proxy.stall(false);
    stream.set_read_timeout(None).expect("set");
    let mut late = [0; 4];
    stream.read_exact(&mut late).expect("it comes at last");
    assert_eq!(&late, b"five");
}

#[test]
fn only_the_answer_of_a_commit_is_lost() {
    let answer = b"C\0\0\0\x0bCOMMIT\0Z\0\0\0\x05I";
    let proxy = Proxy::start(echo()).expect("a proxy");
    let mut stream = TcpStream::connect(proxy.address()).expect("connected");
    assert_eq!(said(&mut stream, answer), answer);
    proxy.lose_answers_of_commit(1);
    assert_eq!(said(&mut stream, b"something else"), b"something else");
    assert_eq!(said(&mut stream, answer), b"");
    assert_eq!(proxy.lost(), 1);
    let mut stream = TcpStream::connect(proxy.address()).expect("connected");
    assert_eq!(said(&mut stream, answer), answer);
}

#[test]
fn a_small_disk_is_full_until_there_is_room() {
    let Some(disk) = SmallDisk::mount(1 << 20).expect("a disk") else { return };
    let file = disk.path().join("file");
    std::fs::write(&file, vec![1; 4096]).expect("there is room");
    disk.fill().expect("filled");
    std::fs::write(&file, vec![1; 8192]).expect_err("it is full");
    disk.make_room().expect("emptied");
    std::fs::write(&file, vec![1; 8192]).expect("there is room");
    let path = disk.path().to_owned();
    drop(disk);
    assert!(!path.exists());
}
