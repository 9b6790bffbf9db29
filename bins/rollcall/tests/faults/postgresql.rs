//! A database that comes and goes under a node that stays: requests are answered 503 with `Retry-After` meanwhile, then it
//! goes on; nothing is lost, and nothing is done twice.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use testbed::{Cluster, Direction, Proxy, Replication, Stop};

use crate::audit::audit;
use crate::bed::{Bed, Dice, Engine, NAME, Node, length, soak, until};
use crate::load::{Client, Run, check, clients, persist};

/// Clients at a time.
const CLIENTS: usize = 4;

/// A node by way of a network that fails, and its clients.
struct Scene {
    bed: Bed,
    proxy: Proxy,
    node: Node,
    clients: Vec<Client>,
}

impl Scene {
    fn new() -> Option<Self> {
        let mut bed = Bed::new(Engine::Postgres)?;
        let token = bed.token();
        let proxy = Proxy::start(bed.cluster().address()).expect("a proxy");
        bed.by_way_of(Some(proxy.url(NAME)));
        let node = bed.node();
        let clients = clients(CLIENTS, &node.wire(&token));
        Some(Self { bed, proxy, node, clients })
    }

    /// Does something to the database while clients work, until they get on again; how many requests were refused.
    fn under_load(&mut self, fault: impl FnOnce(&Bed, &Proxy, &Run)) -> usize {
        let run = Run::default();
        let (bed, proxy) = (&self.bed, &self.proxy);
        persist(&mut self.clients, &run, || {
            gets_on(&run, 20);
            fault(bed, proxy, &run);
            gets_on(&run, 20);
        });
        self.found();
        run.refused.load(Ordering::SeqCst)
    }

    /// That everything is there, and no half of anything, by the node that was there all the time.
    fn found(&mut self) {
        check(&mut self.clients);
        audit(&self.bed, &self.clients);
        assert!(self.node.ready());
        assert!(!self.node.said().contains("panicked"), "{}", self.node.said());
    }
}

/// Waits until so many more requests were done.
#[track_caller]
fn gets_on(run: &Run, count: usize) {
    let done = || run.done.load(Ordering::SeqCst);
    let before = done();
    until("the clients get on", || (done() >= before + count).then_some(()));
}

/// Waits until clients were refused.
#[track_caller]
fn refused(run: &Run) {
    until("clients are refused", || (run.refused.load(Ordering::SeqCst) > 0).then_some(()));
}

/// Whether a test goes on for another round.
fn again(begun: Instant, rounds: usize, least: usize) -> bool {
    rounds < least || soak().is_some() && begun.elapsed() < length(0)
}

#[test]
fn stops_and_starts() {
    let Some(mut scene) = Scene::new() else { return };
    let (begun, mut rounds) = (Instant::now(), 0);
    while again(begun, rounds, 2) {
        let how = if rounds.is_multiple_of(2) { Stop::Immediate } else { Stop::Fast };
        scene.under_load(|bed, _, run| {
            bed.cluster().stop(how).expect("stopped");
            refused(run);
            bed.cluster().start_again().expect("started");
        });
        rounds += 1;
    }
}

#[test]
fn connections_are_cut() {
    let Some(mut scene) = Scene::new() else { return };
    let (begun, mut rounds, mut dice) = (Instant::now(), 0, Dice::new(3));
    while again(begun, rounds, 1) {
        scene.under_load(|_, proxy, run| {
            for _ in 0..20 {
                gets_on(run, 3);
                std::thread::park_timeout(Duration::from_micros(
                    u64::try_from(dice.below(5000)).expect("small"),
                ));
                proxy.cut();
            }
        });
        rounds += 1;
    }
}

#[test]
fn the_network_is_slow_and_then_still() {
    let Some(mut scene) = Scene::new() else { return };
    let (begun, mut rounds) = (Instant::now(), 0);
    while again(begun, rounds, 1) {
        let refusals = scene.under_load(|_, proxy, run| {
            for direction in [Direction::There, Direction::Back] {
                proxy.delay(direction, Duration::from_millis(30));
                gets_on(run, 10);
            }
            for direction in [Direction::There, Direction::Back] {
                proxy.delay(direction, Duration::ZERO);
            }
        });
        assert_eq!(refusals, 0, "slow is not broken");
        scene.under_load(|_, proxy, run| {
            proxy.stall(true);
            refused(run);
            // What was held back is not to come late.
            proxy.cut();
            proxy.stall(false);
        });
        rounds += 1;
    }
}

#[test]
fn answers_of_commits_are_lost() {
    /// Of so many COMMITs.
    const LOST: usize = 10;
    let Some(mut scene) = Scene::new() else { return };
    let (begun, mut rounds) = (Instant::now(), 0);
    while again(begun, rounds, 1) {
        let before = scene.proxy.lost();
        let refusals = scene.under_load(|_, proxy, run| {
            for number in 1..=LOST {
                proxy.lose_answers_of_commit(1);
                until("an answer is lost", || (proxy.lost() == before + number).then_some(()));
                gets_on(run, 1);
            }
        });
        rounds += 1;
        assert_eq!(refusals, 0, "what was done is found out, and answered as done");
    }
}

#[test]
fn a_replica_takes_over() {
    let Some(mut bed) = Bed::new(Engine::Postgres) else { return };
    let token = bed.token();
    let replica = bed.cluster().replica(Replication::Synchronous).expect("a replica");
    bed.by_way_of(Some(Cluster::url_of_writer(&[bed.cluster(), &replica], NAME)));
    let node = bed.node();
    let mut clients = clients(CLIENTS, &node.wire(&token));
    let run = Run::default();
    persist(&mut clients, &run, || {
        gets_on(&run, 50);
        bed.cluster().stop(Stop::Immediate).expect("stopped");
        refused(&run);
        replica.promote().expect("promoted");
        gets_on(&run, 50);
    });
    bed.moved_to(replica);
    check(&mut clients);
    audit(&bed, &clients);
    assert!(!node.said().contains("panicked"), "{}", node.said());
}
