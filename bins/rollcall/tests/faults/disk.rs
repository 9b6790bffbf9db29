//! A full disk under SQLite: writes are refused and said to be, reads go on, and it goes on when there is room.

use std::sync::atomic::Ordering;

use testbed::SmallDisk;

use crate::audit::audit;
use crate::bed::{Bed, Node, until};
use crate::load::{Client, Run, check, clients, work};
use crate::support::person;

/// Clients at a time.
const CLIENTS: usize = 4;
/// The size of the disk: the database, its log and the room that they need.
const BYTES: u64 = 24 << 20;

/// Lets the clients work until so many requests were done.
fn work_until_done(clients: &mut [Client], count: usize) {
    let run = Run::default();
    work(clients, &run, || {
        until("the clients get on", || (run.done.load(Ordering::SeqCst) >= count).then_some(()));
    });
}

/// Lets the clients work until each was refused.
fn work_until_refused(clients: &mut [Client]) {
    let run = Run::default();
    work(clients, &run, || {
        until("each is refused", || (run.refused.load(Ordering::SeqCst) >= CLIENTS).then_some(()));
    });
}

/// That every client finds everything, and no half of anything.
fn found(bed: &Bed, node: &Node, token: &str, clients: &mut [Client]) {
    clients.iter_mut().for_each(|client| client.wire = node.wire(token));
    check(clients);
    audit(bed, clients);
}

#[test]
fn writes_wait_for_room_and_reads_do_not() {
    let Some(disk) = SmallDisk::mount(BYTES).expect("a disk") else { return };
    let bed = Bed::at(disk.path().join("rollcall.db"));
    let token = bed.token();
    let mut node = bed.node();
    let mut clients = clients(CLIENTS, &node.wire(&token));
    for round in 0..3 {
        work_until_done(&mut clients, 100);

        disk.fill().expect("filled");
        work_until_refused(&mut clients);
        // Still full: what is read is what was acknowledged.
        found(&bed, &node, &token, &mut clients);
        assert!(node.said().contains("disk is full"), "{}", node.said());
        let refused =
            node.wire(&token).send("full", "POST", "/Users", &[], Some(&person("late@example.com")));
        let refused = refused.expect("answered");
        assert!([503, 507].contains(&refused.status), "{}", refused.status);
        assert!(refused.header("retry-after").is_some());
        if round == 1 {
            // A node that ends in the middle of it finds everything too, once there is room.
            node.signal("KILL");
            node.ended();
        }

        disk.make_room().expect("emptied");
        if round == 1 {
            node = bed.node();
        }
        found(&bed, &node, &token, &mut clients);
    }
    work_until_done(&mut clients, 100);
    found(&bed, &node, &token, &mut clients);
    let kept = bed.lines("SELECT integrity_check AS line FROM pragma_integrity_check");
    assert_eq!(kept, ["ok"]);
}
