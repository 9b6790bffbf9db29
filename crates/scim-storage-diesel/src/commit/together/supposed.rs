//! One statement that asks whether anybody waits for those that come or change.

use scim_core::text::Matching;
use scim_directory::{ChangeSet, Condition, Content, Key};

use super::creates::created;
use super::party::Update;
use super::written::updates;
use super::{Part, suppose_number};
use crate::connection::Connection;
use crate::error::Refusal;
use crate::read::{USER_NAME, connector};
use crate::sql::Statement;

/// Who waits for one of them, as [`crate::commit::at_once`] asks for a single one, and by what other connectors call those that change;
/// and who was deleted with an `externalId` that must not have been. What is asked of two columns together is asked of all their values:
/// more may be found than there is, and then each change set looks for itself.
const WAITING: &str = "SELECT t.n, CASE WHEN t.n = $11 THEN '' ELSE set_config('rollcall.mistaken', 'yes', true) END AS mistaken \
    FROM (SELECT count(*) AS n FROM (SELECT 1 FROM unnest($2) AS w (key) CROSS JOIN LATERAL (SELECT 1 FROM resources \
    WHERE instance_id = $1 AND reports_key = w.key AND direct_manager IS NULL AND reports_to IS NOT NULL LIMIT 1) f \
    UNION ALL SELECT 1 FROM unnest($3) AS w (sent) CROSS JOIN LATERAL (SELECT 1 FROM resources \
    WHERE instance_id = $1 AND reports_to = w.sent AND reports_via = ANY($4) AND direct_manager IS NULL \
    AND reports_to IS NOT NULL LIMIT 1) f \
    UNION ALL SELECT 1 FROM unnest($5) AS w (id) CROSS JOIN LATERAL \
    (SELECT 1 FROM held WHERE instance_id = $1 AND reference = w.id LIMIT 1) f \
    UNION ALL SELECT 1 FROM unnest($6) AS w (name) CROSS JOIN LATERAL \
    (SELECT 1 FROM held WHERE instance_id = $1 AND folded = w.name LIMIT 1) f \
    UNION ALL SELECT 1 FROM unnest($7) AS w (sent) CROSS JOIN LATERAL \
    (SELECT 1 FROM held WHERE instance_id = $1 AND reference = w.sent AND connector_id = ANY($4) LIMIT 1) f \
    UNION ALL SELECT 1 FROM unnest($8) AS w (sent) CROSS JOIN unnest($4) AS c (id) CROSS JOIN LATERAL \
    (SELECT l.id FROM tombstone_links l WHERE l.instance_id = $1 AND l.connector_id = c.id AND l.external_id = w.sent OFFSET 0) l \
    CROSS JOIN LATERAL (SELECT deleted_ms FROM tombstones WHERE instance_id = $1 AND id = l.id LIMIT 1) t \
    WHERE t.deleted_ms >= $9 \
    UNION ALL SELECT 1 FROM unnest($10) AS w (id) CROSS JOIN LATERAL \
    (SELECT l.connector_id, l.external_id FROM links l WHERE l.instance_id = $1 AND l.id = w.id OFFSET 0) l \
    CROSS JOIN LATERAL (SELECT 1 FROM resources WHERE instance_id = $1 AND reports_to = l.external_id \
    AND reports_via = l.connector_id AND direct_manager IS NULL AND reports_to IS NOT NULL LIMIT 1) f LIMIT 1) w) t";

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

/// Supposes that nobody waits for them.
pub(super) fn suppose_none(
    connection: &mut Connection,
    instance: [u8; 16],
    parts: &[Part<'_>],
) -> Result<(), Refusal> {
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
    if names.ids.is_empty() {
        return Ok(());
    }
    names.connectors.sort_unstable();
    names.connectors.dedup();
    let waiting = Statement::of_postgres(WAITING)
        .blob(instance)
        .texts(names.keys)
        .texts(names.sent)
        .blobs(names.connectors)
        .texts(names.ids)
        .texts(names.names)
        .texts(names.external_ids)
        .texts(deleted)
        .integer(since)
        .blobs(linked);
    suppose_number(connection, waiting, 0)
}
