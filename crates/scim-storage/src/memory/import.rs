//! How far imports have come, and the lines that they did not take.

use std::collections::BTreeMap;

use scim_core::instant::Timestamp;
use scim_core::text::Matching;
use scim_directory::{AdminChange, Change, ImportId, ImportRecord, RejectedLine};

/// The imports of one instance.
#[derive(Default)]
pub(super) struct Imports {
    known: BTreeMap<ImportId, ImportRecord>,
    rejected: BTreeMap<(ImportId, u64), RejectedLine>,
}

impl Imports {
    pub(super) fn get(&self, id: &ImportId) -> Option<Box<ImportRecord>> {
        self.known.get(id).cloned().map(Box::new)
    }

    pub(super) fn newest(&self, after: Option<&(Timestamp, ImportId)>, limit: usize) -> Vec<ImportRecord> {
        let place = |import: &ImportRecord| (import.started, import.id.clone());
        let rest = self.known.values().filter(|import| after.is_none_or(|after| place(import) < *after));
        let mut rest: Vec<_> = rest.cloned().collect();
        rest.sort_by_key(|import| std::cmp::Reverse(place(import)));
        rest.truncate(limit);
        rest
    }

    pub(super) fn rejected(&self, import: &ImportId, after: Option<u64>, limit: usize) -> Vec<RejectedLine> {
        let first = after.map_or(0, |line| line.saturating_add(1));
        let lines = self.rejected.range((import.clone(), first)..=(import.clone(), u64::MAX));
        let later = lines.filter(|((_, line), _)| Some(*line) != after);
        later.take(limit).map(|(_, rejected)| rejected.clone()).collect()
    }

    /// Whether each import of these changes is where they expect it, and known where lines are rejected.
    pub(super) fn allow(&self, changes: &[Change]) -> bool {
        let mut saved = Vec::new();
        changes.iter().all(|change| match change {
            Change::Admin(AdminChange::SaveImport { import, expected }) => {
                saved.push(&import.id);
                self.known.get(&import.id).map(ImportRecord::place) == *expected
            }
            Change::Admin(AdminChange::RejectLines(import, _)) => {
                saved.contains(&import) || self.known.contains_key(import)
            }
            _ => true,
        })
    }

    pub(super) fn save(&mut self, import: ImportRecord) {
        let before = self.known.get(&import.id).map(|known| known.started);
        if before.is_some_and(|started| started != import.started) {
            self.rejected.retain(|(id, _), _| *id != import.id);
        }
        self.known.insert(import.id.clone(), import);
    }

    pub(super) fn reject(&mut self, import: &ImportId, lines: Vec<RejectedLine>) {
        for line in lines {
            self.rejected.insert((import.clone(), line.line), line);
        }
    }

    /// Deletes rejected lines of imports that last came further before then, and those imports that have none left; of each
    /// at most `limit`.
    pub(super) fn prune(&mut self, before: Timestamp, limit: usize) -> u64 {
        let mut old: Vec<_> = self.known.values().filter(|import| import.updated < before).collect();
        old.sort_by_key(|import| (import.updated, import.id.clone()));
        let old: Vec<ImportId> = old.into_iter().map(|import| import.id.clone()).collect();
        let lines: Vec<_> = old
            .iter()
            .flat_map(|id| self.rejected.range((id.clone(), 0)..=(id.clone(), u64::MAX)))
            .map(|(place, _)| place.clone())
            .take(limit)
            .collect();
        let mut rows = 0;
        for place in &lines {
            rows += u64::from(self.rejected.remove(place).is_some());
        }
        let empty = |id: &&ImportId| {
            self.rejected.range(((*id).clone(), 0)..=((*id).clone(), u64::MAX)).next().is_none()
        };
        let gone: Vec<_> = old.iter().filter(empty).take(limit).cloned().collect();
        for id in &gone {
            rows += u64::from(self.known.remove(id).is_some());
        }
        rows
    }

    /// Takes out what rejected lines say of a person; how many said something.
    pub(super) fn erase(&mut self, name: &str) -> u64 {
        let (key, quoted) = (Matching::UserName.key(name), format!("{name:?}").to_ascii_lowercase());
        let mut rows = 0;
        for line in self.rejected.values_mut() {
            let named = line.key.as_deref().is_some_and(|named| Matching::UserName.key(named) == key);
            if named || line.reason.to_ascii_lowercase().contains(&quoted) {
                (line.key, line.reason) = (None, "(erased)".to_owned());
                rows += 1;
            }
        }
        rows
    }
}
