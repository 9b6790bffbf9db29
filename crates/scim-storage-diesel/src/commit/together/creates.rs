//! Resources that come, all in one statement, and one that asks whether anybody waits for them.

use std::collections::BTreeMap;

use scim_core::text::Matching;
use scim_directory::{ChangeSet, Condition, Content, NewRecord};

use super::{Part, Plain, suppose_number};
use crate::commit::at_once::in_order;
use crate::commit::index::keys;
use crate::commit::record::{account, display_key, managed_by};
use crate::commit::tally::Tallies;
use crate::connection::Connection;
use crate::error::Refusal;
use crate::read::{USER_NAME, connector};
use crate::sql::{Bind, Number, Statement};

/// The records, what they are found by, and their links: how many of the rows that must be new were.
const CREATE: &str = "WITH r AS (INSERT INTO resources (instance_id, resource_type, id, version, membership, created_ms, \
    modified_ms, display, display_key, manager, managed_by, active, keys, document, shadow, account) \
    SELECT $1, n.type, n.id, 1, 0, n.at, n.at, n.display, n.display_key, n.manager, n.managed_by, n.active, n.keys, n.document, \
    n.shadow::jsonb, n.account FROM unnest($2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $24) \
    AS n (type, id, at, display, display_key, manager, managed_by, active, document, shadow, account, keys) \
    ON CONFLICT DO NOTHING RETURNING 1), \
    u AS (INSERT INTO unique_keys (instance_id, resource_type, path, key, id) SELECT $1, k.type, k.path, k.key, k.id \
    FROM unnest($13, $14, $15, $16) AS k (type, path, key, id) ON CONFLICT DO NOTHING RETURNING 1), \
    s AS (INSERT INTO search_keys (instance_id, resource_type, path, key, id) SELECT $1, k.type, k.path, k.key, k.id \
    FROM unnest($17, $18, $19, $20) AS k (type, path, key, id) ON CONFLICT DO NOTHING), \
    l AS (INSERT INTO links (instance_id, connector_id, id, external_id) SELECT $1, k.connector, k.id, k.external_id \
    FROM unnest($21, $22, $23) AS k (connector, id, external_id)) \
    SELECT (SELECT count(*) FROM r) + (SELECT count(*) FROM u) AS n";

/// Who waits for one of them, as [`crate::commit::at_once`] asks for a single one; and who was deleted with an `externalId` that must
/// not have been. What is asked of two columns together is asked of all their values: more may be found than there is, and then each
/// change set looks for itself.
const WAITING: &str = "SELECT 1::bigint AS n FROM unnest($2) AS w (key) CROSS JOIN LATERAL (SELECT 1 FROM resources \
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
    WHERE t.deleted_ms >= $9 LIMIT 1";

fn created<'a>(parts: &[Part<'a>]) -> Vec<(&'a ChangeSet, &'a NewRecord)> {
    let new = |part: &Part<'a>| match part.plain {
        Plain::Create(new) => Some((part.set, new)),
        Plain::Edges(_) => None,
    };
    parts.iter().filter_map(new).collect()
}

/// The lowest id that comes, by type.
pub(super) fn oldest<'a>(parts: &[Part<'a>]) -> BTreeMap<&'a str, [u8; 16]> {
    let mut oldest = BTreeMap::new();
    for (_, new) in created(parts) {
        let id = new.key.id.uuid().into_bytes();
        let known = oldest.entry(&*new.key.resource_type).or_insert(id);
        *known = id.min(*known);
    }
    oldest
}

/// By how much they move the counters, by type.
pub(super) fn tallies<'a>(parts: &[Part<'a>]) -> BTreeMap<&'a str, Tallies> {
    let mut tallies = BTreeMap::new();
    for (_, new) in created(parts) {
        let sum: &mut Tallies = tallies.entry(&*new.key.resource_type).or_default();
        *sum = sum.since(Tallies::default().since(Tallies::of(&new.content)));
    }
    tallies
}

pub(super) fn create(
    connection: &mut Connection,
    instance: [u8; 16],
    parts: &[Part<'_>],
) -> Result<(), Refusal> {
    let created = created(parts);
    if created.is_empty() {
        return Ok(());
    }
    let contents = || created.iter().map(|(_, new)| &new.content);
    let optional = |of: fn(&Content) -> Option<String>| Bind::OptionalTexts(contents().map(of).collect());
    let lists: Vec<String> = contents().map(|content| keys(&content.index)).collect::<Result<_, _>>()?;
    let accounts = contents().map(account).collect::<Result<_, _>>()?;
    let create = Statement::of_postgres(CREATE)
        .blob(instance)
        .texts(created.iter().map(|(_, new)| &*new.key.resource_type))
        .blobs(created.iter().map(|(_, new)| new.key.id.uuid().into_bytes()))
        .integers(created.iter().map(|(set, _)| set.at.unix_millis()).collect())
        .bind(optional(|content| content.display.clone()))
        .bind(optional(display_key))
        .bind(optional(|content| content.manager.clone()))
        .bind(Bind::OptionalBlobs(contents().map(|content| managed_by(content).map(Vec::from)).collect()))
        .integers(contents().map(|content| Tallies::of(content).active).collect())
        .blobs(contents().map(|content| &content.document))
        .texts(contents().map(|content| &*content.shadow))
        .bind(Bind::OptionalTexts(accounts));
    let unique = entries(&created, true);
    let wanted = i64::try_from(created.len() + unique.len()).unwrap_or(i64::MAX);
    let create = with_entries(with_entries(create, &unique), &entries(&created, false));
    let links: Vec<_> = created
        .iter()
        .filter_map(|(set, new)| Some((set.scope.connector?, new.key.id, new.external_id.as_deref()?)))
        .collect();
    let create = create
        .blobs(links.iter().map(|(connector, ..)| connector.uuid().into_bytes()))
        .blobs(links.iter().map(|(_, id, _)| id.uuid().into_bytes()))
        .texts(links.iter().map(|(.., external_id)| *external_id))
        .texts(lists);
    suppose_number(connection, create, wanted)
}

/// What a record is found by: type, path and key.
type Entry<'a> = (&'a str, &'a str, &'a str, [u8; 16]);

/// Of all of them, in the order of the keys: two who want the same ones do not wait for one another in a ring.
fn entries<'a>(created: &[(&'a ChangeSet, &'a NewRecord)], unique: bool) -> Vec<Entry<'a>> {
    let of = |(_, new): &(&'a ChangeSet, &'a NewRecord)| {
        let (of, id) = (&*new.key.resource_type, new.key.id.uuid().into_bytes());
        in_order(&new.content, unique).into_iter().map(move |(path, key)| (of, path, key, id))
    };
    let mut entries: Vec<_> = created.iter().flat_map(of).collect();
    entries.sort_unstable();
    entries
}

fn with_entries(create: Statement, entries: &[Entry<'_>]) -> Statement {
    create
        .texts(entries.iter().map(|(of, ..)| *of))
        .texts(entries.iter().map(|(_, path, ..)| *path))
        .texts(entries.iter().map(|(_, _, key, _)| *key))
        .blobs(entries.iter().map(|(.., id)| id))
}

pub(super) fn suppose_nobody_waits(
    connection: &mut Connection,
    instance: [u8; 16],
    parts: &[Part<'_>],
) -> Result<(), Refusal> {
    let created = created(parts);
    if created.is_empty() {
        return Ok(());
    }
    let (mut ids, mut names, mut external_ids) = (Vec::new(), Vec::new(), Vec::new());
    let (mut keys, mut sent, mut connectors) = (Vec::new(), Vec::new(), Vec::new());
    let (mut deleted, mut since) = (Vec::new(), i64::MAX);
    for (set, new) in created {
        let id = new.key.id.to_string();
        let name = new.content.index.iter().find(|entry| entry.path == USER_NAME);
        if &*new.key.resource_type == "User" && new.content.managed_by.is_some() {
            keys.push(Matching::UserName.key(&id).into_owned());
            keys.extend(name.map(|entry| entry.key.clone()));
            sent.extend(new.external_id.clone());
        }
        ids.push(id);
        names.extend(name.map(|entry| entry.key.clone()));
        external_ids.extend(new.external_id.clone());
        connectors.push(connector(&set.scope));
        for condition in &set.conditions {
            if let Condition::NotDeleted { external_id, since: from, .. } = condition {
                deleted.push(external_id.clone());
                since = since.min(from.unix_millis());
            }
        }
    }
    connectors.sort_unstable();
    connectors.dedup();
    let waiting = Statement::of_postgres(WAITING)
        .blob(instance)
        .texts(keys)
        .texts(sent)
        .blobs(connectors)
        .texts(ids)
        .texts(names)
        .texts(external_ids)
        .texts(deleted)
        .integer(since);
    connection.suppose_none::<Number>(waiting)?;
    Ok(())
}
