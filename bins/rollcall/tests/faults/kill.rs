//! `kill -9` of a node under load, again and again.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::audit::audit;
use crate::bed::{Bed, Dice, Engine, length, soak, until};
use crate::load::{Run, check, clients, work};

/// Clients at a time.
const CLIENTS: usize = 6;
/// How often the node is killed: that often, and where a person asks for a length, as often as fits.
const ROUNDS: usize = 50;
/// The least that a busy machine must do.
const LEAST: usize = 10;

fn survives(engine: Engine) {
    let Some(bed) = Bed::new(engine) else { return };
    let token = bed.token();
    let mut node = bed.node();
    let mut clients = clients(CLIENTS, &node.wire(&token));
    let (mut dice, begun, mut rounds) = (Dice::new(7), Instant::now(), 0);
    let goes_on = |rounds: usize| match soak() {
        Some(_) => rounds < ROUNDS || begun.elapsed() < length(60),
        None => rounds < LEAST || rounds < ROUNDS && begun.elapsed() < length(60),
    };
    while goes_on(rounds) {
        rounds += 1;
        let (run, enough) = (Run::default(), 5 + dice.below(80));
        let moment = Duration::from_micros(u64::try_from(dice.below(4000)).expect("small"));
        work(&mut clients, &run, || {
            until("the load is on", || (run.done.load(Ordering::SeqCst) >= enough).then_some(()));
            std::thread::park_timeout(moment);
            node.signal("KILL");
        });
        node.ended();
        node = bed.node();
        clients.iter_mut().for_each(|client| client.wire = node.wire(&token));
        check(&mut clients);
        audit(&bed, &clients);
    }
    let sent = || clients.iter().flat_map(|client| &client.sent);
    let lost = sent().filter(|sent| !sent.acknowledged).count();
    let done = sent().filter(|sent| sent.acknowledged).count();
    let kept = sent().filter(|sent| !sent.acknowledged && sent.done).count();
    println!("{engine:?}: {rounds} kills, {done} acknowledged, {lost} cut off, of which {kept} were done");
    assert!(lost > 0, "no request was cut off: the kills come too late");
}

#[test]
fn sqlite_keeps_what_was_acknowledged() {
    survives(Engine::Sqlite);
}

#[test]
fn postgresql_keeps_what_was_acknowledged() {
    survives(Engine::Postgres);
}
