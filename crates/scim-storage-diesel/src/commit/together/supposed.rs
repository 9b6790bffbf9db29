//! What change sets suppose of everything but the records that they name. The statement that writes the log asks for it ([`super::write`]),
//! when nothing is left to wait for: what was asked before may have ended in between, where somebody was waited for.

use scim_core::text::Matching;
use scim_directory::{ChangeSet, Condition, Content, Key};

use super::Part;
use super::creates::{created, oldest};
use super::party::Update;
use super::written::updates;
use crate::read::{USER_NAME, connector};
use crate::sql::Statement;

/// No change set is there already, the instance is of the generation, and all keys are in force. The ids of the change sets are `$7`.
macro_rules! in_force {
    () => {
        concat!(
            "NOT EXISTS (SELECT 1 FROM unnest($7) AS s (id) CROSS JOIN LATERAL \
         (SELECT 1 FROM change_sets WHERE instance_id = $1 AND id = s.id LIMIT 1) c) \
         AND ($37 IS NULL OR EXISTS (SELECT 1 FROM instances WHERE id = $1 AND generation = $37)) \
         AND (SELECT count(*) FROM ",
    rows_of!(38 id, 39 generation),
    " AS k CROSS JOIN LATERAL (SELECT 1 FROM api_keys \
         WHERE id = k.id AND instance_id = $1 AND revoked_ms IS NULL AND generation = k.generation LIMIT 1) a) = cardinality($38)"
        )
    };
}
pub(super) use in_force;

/// Nobody who comes stands in a range that is counted, and nobody waits for those who come or change, as [`crate::commit::at_once`] asks
/// for a single one, nor by what other connectors call those that change; and nobody was deleted with an `externalId` that must not have
/// been. What is asked of two columns together is asked of all their values: more may be found than there is, and then each change set
/// looks for itself.
macro_rules! nobody_waits {
    () => {
        concat!(
            "NOT EXISTS (SELECT 1 FROM ",
    rows_of!(40 type, 41 id),
    " AS w CROSS JOIN LATERAL (SELECT 1 FROM ranges \
         WHERE instance_id = $1 AND resource_type = w.type AND first_id > w.id LIMIT 1) f \
         UNION ALL SELECT 1 FROM unnest($42) AS w (key) CROSS JOIN LATERAL (SELECT 1 FROM resources \
         WHERE instance_id = $1 AND reports_key = w.key AND direct_manager IS NULL AND reports_to IS NOT NULL LIMIT 1) f \
         UNION ALL SELECT 1 FROM unnest($43) AS w (sent) CROSS JOIN LATERAL (SELECT 1 FROM resources \
         WHERE instance_id = $1 AND reports_to = w.sent AND reports_via = ANY($44) AND direct_manager IS NULL \
         AND reports_to IS NOT NULL LIMIT 1) f \
         UNION ALL SELECT 1 FROM unnest($45) AS w (id) CROSS JOIN LATERAL \
         (SELECT 1 FROM held WHERE instance_id = $1 AND reference = w.id LIMIT 1) f \
         UNION ALL SELECT 1 FROM unnest($46) AS w (name) CROSS JOIN LATERAL \
         (SELECT 1 FROM held WHERE instance_id = $1 AND folded = w.name LIMIT 1) f \
         UNION ALL SELECT 1 FROM unnest($47) AS w (sent) CROSS JOIN LATERAL \
         (SELECT 1 FROM held WHERE instance_id = $1 AND reference = w.sent AND connector_id = ANY($44) LIMIT 1) f \
         UNION ALL SELECT 1 FROM unnest($48) AS w (sent) CROSS JOIN unnest($44) AS c (id) CROSS JOIN LATERAL \
         (SELECT l.id FROM tombstone_links l WHERE l.instance_id = $1 AND l.connector_id = c.id AND l.external_id = w.sent OFFSET 0) l \
         CROSS JOIN LATERAL (SELECT deleted_ms FROM tombstones WHERE instance_id = $1 AND id = l.id LIMIT 1) t \
         WHERE t.deleted_ms >= $49 \
         UNION ALL SELECT 1 FROM unnest($50) AS w (id) CROSS JOIN LATERAL \
         (SELECT l.connector_id, l.external_id FROM links l WHERE l.instance_id = $1 AND l.id = w.id OFFSET 0) l \
         CROSS JOIN LATERAL (SELECT 1 FROM resources WHERE instance_id = $1 AND reports_to = l.external_id \
         AND reports_via = l.connector_id AND direct_manager IS NULL AND reports_to IS NOT NULL LIMIT 1) f)"
        )
    };
}
pub(super) use nobody_waits;

/// Adds what [`in_force`] asks with.
pub(super) fn with_force(statement: Statement, parts: &[Part<'_>]) -> Statement {
    let conditions = || parts.iter().flat_map(|part| &part.set.conditions);
    let generation = conditions().find_map(|condition| match condition {
        Condition::Generation(generation) => Some(*generation),
        _ => None,
    });
    let mut keys: Vec<([u8; 16], i64)> = conditions()
        .filter_map(|condition| match condition {
            Condition::Key(id, generation) => Some((id.uuid().into_bytes(), *generation)),
            _ => None,
        })
        .collect();
    keys.sort_unstable();
    keys.dedup();
    statement
        .optional_integer(generation)
        .blobs(keys.iter().map(|(id, _)| id))
        .integers(keys.iter().map(|(_, generation)| *generation).collect())
}

/// What those that come or change are called.
#[derive(Default)]
struct Names {
    ids: Vec<String>,
    names: Vec<String>,
    external_ids: Vec<String>,
    connectors: Vec<[u8; 16]>,
    /// Ids and user names of people whom others can report to, as they compare, and `externalId`s.
    keys: Vec<String>,
    sent: Vec<String>,
}

impl Names {
    fn add(&mut self, set: &ChangeSet, key: &Key, content: &Content, external_id: Option<&str>) {
        let id = key.id.to_string();
        let name = content.index.iter().find(|entry| entry.path == USER_NAME).map(|entry| entry.key.clone());
        if may_have_reports(key, content) {
            self.keys.push(Matching::UserName.key(&id).into_owned());
            self.keys.extend(name.clone());
            self.sent.extend(external_id.map(str::to_owned));
        }
        self.ids.push(id);
        self.names.extend(name);
        self.external_ids.extend(external_id.map(str::to_owned));
        self.connectors.push(connector(&set.scope));
    }
}

fn may_have_reports(key: &Key, content: &Content) -> bool {
    &*key.resource_type == "User" && content.managed_by.is_some()
}

/// Whether somebody comes or changes, for whom others may wait.
pub(super) fn is_awaited(parts: &[Part<'_>]) -> bool {
    !created(parts).is_empty() || updates(parts).next().is_some()
}

/// Adds what [`nobody_waits`] asks with.
pub(super) fn with_names(statement: Statement, parts: &[Part<'_>]) -> Statement {
    let mut names = Names::default();
    let (mut deleted, mut since, mut linked) = (Vec::new(), i64::MAX, Vec::new());
    for (set, new) in created(parts) {
        names.add(set, &new.key, &new.content, new.external_id.as_deref());
        for condition in &set.conditions {
            if let Condition::NotDeleted { external_id, since: from, .. } = condition {
                deleted.push(external_id.clone());
                since = since.min(from.unix_millis());
            }
        }
    }
    for (set, Update { key, content, external_id, .. }) in updates(parts) {
        names.add(set, key, content, external_id);
        linked.extend(may_have_reports(key, content).then(|| key.id.uuid().into_bytes()));
    }
    names.connectors.sort_unstable();
    names.connectors.dedup();
    let oldest = oldest(parts);
    statement
        .texts(oldest.keys().copied())
        .blobs(oldest.values())
        .texts(names.keys)
        .texts(names.sent)
        .blobs(names.connectors)
        .texts(names.ids)
        .texts(names.names)
        .texts(names.external_ids)
        .texts(deleted)
        .integer(since)
        .blobs(linked)
}
