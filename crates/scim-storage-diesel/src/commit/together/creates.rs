//! Resources that come, all in one statement, with what they and those that change are found by.

use std::collections::BTreeMap;

use scim_directory::{ChangeSet, Content, NewRecord};

use super::written::{Entry, Known, with_entries};
use super::{Part, Plain, so_or_fail, suppose_number};
use crate::commit::at_once::in_order;
use crate::commit::index::keys;
use crate::commit::record::{account, display_key, managed_by};
use crate::commit::tally::Tallies;
use crate::connection::Connection;
use crate::error::Refusal;
use crate::sql::{Bind, Statement, rows_of};

/// The records, what they are found by, and their links: how many of the rows that must be new were.
const CREATE: &str = concat!(
    "WITH r AS (INSERT INTO resources (instance_id, resource_type, id, version, membership, created_ms, \
    modified_ms, display, display_key, manager, managed_by, active, keys, document, shadow, account) \
    SELECT $1, n.type, n.id, 1, 0, n.at, n.at, n.display, n.display_key, n.manager, n.managed_by, n.active, n.keys, n.document, \
    n.shadow::jsonb, n.account FROM ",
    rows_of!(2 type, 3 id, 4 at, 5 display, 6 display_key, 7 manager, 8 managed_by, 9 active, 10 document, 11 shadow, 12 account, 24 keys),
    " AS n \
    ON CONFLICT DO NOTHING RETURNING 1), \
    u AS (INSERT INTO unique_keys (instance_id, resource_type, path, key, id) SELECT $1, k.type, k.path, k.key, k.id \
    FROM ",
    rows_of!(13 type, 14 path, 15 key, 16 id),
    " AS k ON CONFLICT DO NOTHING RETURNING 1), \
    s AS (INSERT INTO search_keys (instance_id, resource_type, path, key, id) SELECT $1, k.type, k.path, k.key, k.id \
    FROM ",
    rows_of!(17 type, 18 path, 19 key, 20 id),
    " AS k ON CONFLICT DO NOTHING), \
    l AS (INSERT INTO links (instance_id, connector_id, id, external_id) SELECT $1, k.connector, k.id, k.external_id \
    FROM ",
    rows_of!(21 connector, 22 id, 23 external_id),
    " AS k) \
    SELECT ",
    so_or_fail!("t.n = $25"),
    " AS n FROM (SELECT (SELECT count(*) FROM r) + (SELECT count(*) FROM u) AS n OFFSET 0) t"
);

pub(super) fn created<'a>(parts: &[Part<'a>]) -> Vec<(&'a ChangeSet, &'a NewRecord)> {
    let new = |part: &Part<'a>| match part.plain {
        Plain::Create(new) => Some((part.set, new)),
        _ => None,
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

/// Creates records, and takes what these and those that change are found by.
pub(super) fn create(
    connection: &mut Connection,
    instance: [u8; 16],
    parts: &[Part<'_>],
    known: &Known<'_>,
) -> Result<(), Refusal> {
    let created = created(parts);
    let entries = |unique| entries(&created, known.new_entries(parts, unique), unique);
    let (unique, searched) = (entries(true), entries(false));
    if created.is_empty() && unique.is_empty() && searched.is_empty() {
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
    let wanted = i64::try_from(created.len() + unique.len()).unwrap_or(i64::MAX);
    let create = with_entries(with_entries(create, &unique), &searched);
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

/// Of all of them, in the order of the keys: two who want the same ones do not wait for one another in a ring.
fn entries<'a>(
    created: &[(&'a ChangeSet, &'a NewRecord)],
    changed: Vec<Entry<'a>>,
    unique: bool,
) -> Vec<Entry<'a>> {
    let of = |(_, new): &(&'a ChangeSet, &'a NewRecord)| {
        let (of, id) = (&*new.key.resource_type, new.key.id.uuid().into_bytes());
        in_order(&new.content, unique).into_iter().map(move |(path, key)| (of, path, key, id))
    };
    let mut entries: Vec<_> = created.iter().flat_map(of).chain(changed).collect();
    entries.sort_unstable();
    entries
}
