//! How far the log and the outbox reach, and how many held changes wait.

use scim_core::instant::Timestamp;
use scim_directory::{HeldState, Position};

use super::State;
use crate::{Backlog, Reach};

impl State {
    pub(super) fn backlog(&self, instances: usize, count: usize) -> Backlog {
        let (mut held, mut left) = (Vec::new(), count);
        for (id, directory) in &self.directories {
            let Some(instance) = self.admin.instance(*id) else { continue };
            let waiting = directory.held_changes.values().filter(|held| held.state == HeldState::Waiting);
            let waiting = waiting.take(left).count();
            left -= waiting;
            if waiting > 0 {
                held.push((instance.name, waiting as u64));
            }
        }
        let records = || self.directories.values().flat_map(|directory| &directory.journal);
        let events = || self.directories.values().flat_map(|directory| &directory.events);
        let backlog = Backlog {
            log: reach(records().map(|record| (record.position, record.at))),
            outbox: reach(events().map(|event| (event.position, event.at))),
            ..Backlog::default()
        };
        backlog.with_held(held, instances)
    }
}

fn reach(marks: impl Iterator<Item = (Position, Timestamp)> + Clone) -> Option<Reach> {
    let oldest = marks.clone().min_by_key(|(position, _)| *position)?;
    Some(Reach { oldest, newest: marks.max_by_key(|(position, _)| *position)? })
}
