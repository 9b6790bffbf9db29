//! Many who write at once, on two nodes.

use std::sync::Barrier;

use scim_directory::{Committed, LogRecord};
use scim_storage::{CommitError, Store};

use crate::world::World;

/// How many meet.
pub(crate) const CROWD: usize = 6;
/// How often somebody who was overtaken tries again; whoever needs more waits for ever.
const ATTEMPTS: usize = 20_000;

/// A new world as two nodes see it.
pub(crate) fn nodes<'s>(here: &'s dyn Store, there: &'s dyn Store) -> [World<'s>; 2] {
    let world = World::new(here);
    let other = world.at(there);
    [world, other]
}

/// What each of so many threads gets that begin at once; every second one works on the other node.
pub(crate) fn meet<'s, T: Send>(
    nodes: &[World<'s>; 2],
    crowd: usize,
    act: impl Fn(&World<'s>, usize) -> T + Sync,
) -> Vec<T> {
    let (act, barrier) = (&act, &Barrier::new(crowd));
    std::thread::scope(|scope| {
        let one = |number: usize| {
            let world = &nodes[number % 2];
            scope.spawn(move || {
                barrier.wait();
                act(world, number)
            })
        };
        let threads: Vec<_> = (0..crowd).map(one).collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
    })
}

/// Loads, decides and commits, again and again until nothing has moved in between.
pub(crate) fn decided(mut attempt: impl FnMut() -> Result<Committed, CommitError>) -> Committed {
    for _ in 0..ATTEMPTS {
        match attempt() {
            Err(CommitError::Conflict) => {}
            other => return other.expect("committed, or a conflict"),
        }
    }
    panic!("overtaken {ATTEMPTS} times")
}

/// The same log record with a note of its own.
pub(crate) fn noted(record: LogRecord, note: &(impl ToString + ?Sized)) -> LogRecord {
    LogRecord { notes: vec![note.to_string()], ..record }
}

/// Numbers that look thrown; the same ones for the same seed.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: usize) -> Self {
        Self(0x9e37_79b9_7f4a_7c15 ^ u64::try_from(seed).unwrap_or_default())
    }

    /// A number below `below`.
    pub(crate) fn throw(&mut self, below: usize) -> usize {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed >> 33) % u64::try_from(below).expect("a number")).expect("below")
    }
}
