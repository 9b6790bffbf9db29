//! SIGTERM under load: what was accepted is finished, nothing more is taken, and the status is 0.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::audit::audit;
use crate::bed::{Bed, Engine, length, until};
use crate::load::{Run, check, clients, work};

/// Clients at a time.
const CLIENTS: usize = 6;
/// How long the end may take: the default of `shutdown_timeout`, and some more for a busy machine.
const LIMIT: Duration = Duration::from_secs(40);

fn ends_in_order(engine: Engine) {
    let Some(bed) = Bed::new(engine) else { return };
    let token = bed.token();
    let mut node = bed.node();
    let mut clients = clients(CLIENTS, &node.wire(&token));
    let (begun, mut rounds) = (Instant::now(), 0);
    while rounds < 3 || begun.elapsed() < length(8) {
        rounds += 1;
        let run = Run::default();
        work(&mut clients, &run, || {
            until("the load is on", || (run.done.load(Ordering::SeqCst) >= 40).then_some(()));
            let asked = Instant::now();
            node.signal("TERM");
            assert_eq!(node.ended(), Some(0), "{}", node.said());
            assert!(asked.elapsed() < LIMIT, "{:?}", asked.elapsed());
        });
        assert!(node.said().contains("ending"), "{}", node.said());
        node = bed.node();
        clients.iter_mut().for_each(|client| client.wire = node.wire(&token));
        check(&mut clients);
        audit(&bed, &clients);
        // Whoever was not answered was not let in.
        let sent = clients.iter().flat_map(|client| &client.sent);
        let dropped: Vec<_> = sent.filter(|sent| sent.done && !sent.acknowledged).collect();
        assert!(dropped.is_empty(), "done, and not answered: {dropped:?}");
    }
}

#[test]
fn on_sqlite() {
    ends_in_order(Engine::Sqlite);
}

#[test]
fn on_postgresql() {
    ends_in_order(Engine::Postgres);
}
