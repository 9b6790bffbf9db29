//! Many items over a few threads.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use super::{Phase, Progress};

/// Does `work` for every number below `total`, each once, on `threads` threads, and tells `progress`.
pub(crate) fn for_each(
    threads: usize,
    total: u64,
    (progress, phase): (&dyn Progress, Phase),
    work: impl Fn(u64) + Sync,
) {
    progress.update(phase, 0, total);
    let (next, done) = (AtomicU64::new(0), AtomicU64::new(0));
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let item = next.fetch_add(1, Ordering::Relaxed);
                    if item >= total {
                        return;
                    }
                    work(item);
                    progress.update(phase, done.fetch_add(1, Ordering::Relaxed) + 1, total);
                }
            });
        }
    });
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[derive(Default)]
    struct Highest(AtomicU64);

    impl Progress for Highest {
        fn update(&self, phase: Phase, done: u64, total: u64) {
            assert_eq!((phase, total), (Phase::Groups, 1000));
            self.0.fetch_max(done, Ordering::Relaxed);
        }
    }

    #[test]
    fn every_item_is_done_once() {
        let (seen, progress) = (Mutex::new(Vec::new()), Highest::default());
        for_each(7, 1000, (&progress, Phase::Groups), |n| seen.lock().unwrap().push(n));
        let mut seen = seen.into_inner().unwrap();
        seen.sort_unstable();
        assert!(seen.into_iter().eq(0..1000));
        assert_eq!(progress.0.into_inner(), 1000);
    }
}
