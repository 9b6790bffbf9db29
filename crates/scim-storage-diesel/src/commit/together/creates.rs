//! Resources that come, all in one statement, with what they and those that change are found by.

use std::collections::BTreeMap;

use scim_directory::{ChangeSet, Content, NewRecord};

use super::written::{Entry, Known, with_entries};
use super::{Part, Plain, so_or_fail, suppose_number};
use crate::commit::index::keys;
use crate::commit::record::{account, display_key, managed_by};
use crate::commit::reports::Report;
use crate::commit::tally::Tallies;
use crate::connection::Connection;
use crate::error::Refusal;
use crate::sql::{Bind, Statement, rows_of};

/// The records, what they are found by, and their links: how many of the rows that must be new were.
const CREATE: &str = concat!(
    "WITH r AS (INSERT INTO resources (instance_id, resource_type, id, version, membership, created_ms, \
    modified_ms, display, display_key, manager, managed_by, active, keys, document, shadow, account, reports_to, reports_key, \
    reports_via, direct_manager) SELECT $1, n.type, n.id, 1, 0, n.at, n.at, n.display, n.display_key, n.manager, n.managed_by, \
    n.active, n.keys, n.document, n.shadow::jsonb, n.account, n.reports_to, n.reports_key, n.reports_via, n.direct_manager FROM ",
    rows_of!(2 type, 3 id, 4 at, 5 display, 6 display_key, 7 manager, 8 managed_by, 9 active, 10 document, 11 shadow, 12 account, 24 keys, 25 reports_to, 26 reports_key, 27 reports_via, 28 direct_manager),
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
    so_or_fail!("t.n = $29"),
    " AS n FROM (SELECT (SELECT count(*) FROM r) + (SELECT count(*) FROM u) AS n OFFSET 0) t"
);

/// Somebody who comes, with the change set and whom that one reports to.
pub(in crate::commit) struct Comer<'a> {
    pub(in crate::commit) set: &'a ChangeSet,
    pub(in crate::commit) new: &'a NewRecord,
    pub(in crate::commit) report: Report,
}

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
    let comers: Vec<_> =
        created.into_iter().map(|(set, new)| Comer { set, new, report: Report::default() }).collect();
    insert(connection, instance, &comers, (&unique, &searched))
}

/// Creates records, and takes what they, and others, are found by, unless it is taken.
pub(in crate::commit) fn insert(
    connection: &mut Connection,
    instance: [u8; 16],
    comers: &[Comer<'_>],
    (unique, searched): (&[Entry<'_>], &[Entry<'_>]),
) -> Result<(), Refusal> {
    let contents = || comers.iter().map(|comer| &comer.new.content);
    let optional = |of: fn(&Content) -> Option<String>| Bind::OptionalTexts(contents().map(of).collect());
    let lists: Vec<String> = contents().map(|content| keys(&content.index)).collect::<Result<_, _>>()?;
    let accounts = contents().map(account).collect::<Result<_, _>>()?;
    let create = Statement::of_postgres(CREATE)
        .blob(instance)
        .texts(comers.iter().map(|comer| &*comer.new.key.resource_type))
        .blobs(comers.iter().map(|comer| comer.new.key.id.uuid().into_bytes()))
        .integers(comers.iter().map(|comer| comer.set.at.unix_millis()).collect())
        .bind(optional(|content| content.display.clone()))
        .bind(optional(display_key))
        .bind(optional(|content| content.manager.clone()))
        .bind(Bind::OptionalBlobs(contents().map(|content| managed_by(content).map(Vec::from)).collect()))
        .integers(contents().map(|content| Tallies::of(content).active).collect())
        .blobs(contents().map(|content| &content.document))
        .texts(contents().map(|content| &*content.shadow))
        .bind(Bind::OptionalTexts(accounts));
    let wanted = i64::try_from(comers.len() + unique.len()).unwrap_or(i64::MAX);
    let create = with_entries(with_entries(create, unique), searched);
    let link = |comer: &Comer<'_>| {
        let (connector, id) = (comer.set.scope.connector?, comer.new.key.id);
        Some((connector.uuid().into_bytes(), id.uuid().into_bytes(), comer.new.external_id.clone()?))
    };
    let links: Vec<_> = comers.iter().filter_map(link).collect();
    let reports = |of: fn(&Report) -> Option<[u8; 16]>| {
        Bind::OptionalBlobs(comers.iter().map(|comer| of(&comer.report).map(Vec::from)).collect())
    };
    let create = create
        .blobs(links.iter().map(|(connector, ..)| connector))
        .blobs(links.iter().map(|(_, id, _)| id))
        .texts(links.iter().map(|(.., external_id)| external_id.as_str()))
        .texts(lists)
        .bind(optional(|content| content.reports_to.clone()))
        .bind(Bind::OptionalTexts(comers.iter().map(|comer| comer.report.key.clone()).collect()))
        .bind(reports(|report| report.via))
        .bind(reports(|report| report.manager));
    suppose_number(connection, create, wanted)
}

/// Of all of them, in the order of the keys: two who want the same ones do not wait for one another in a ring.
fn entries<'a>(
    created: &[(&'a ChangeSet, &'a NewRecord)],
    changed: Vec<Entry<'a>>,
    unique: bool,
) -> Vec<Entry<'a>> {
    let created = created.iter().flat_map(|(_, new)| in_order(new, unique));
    let mut entries: Vec<_> = created.chain(changed).collect();
    entries.sort_unstable();
    entries
}

/// What somebody is found by, each once, in the order of the keys.
pub(in crate::commit) fn in_order(new: &NewRecord, unique: bool) -> Vec<Entry<'_>> {
    let (of, id) = (&*new.key.resource_type, new.key.id.uuid().into_bytes());
    let entries = new.content.index.iter().filter(|entry| entry.unique == unique);
    let mut entries: Vec<_> =
        entries.map(|entry| (of, entry.path.as_str(), entry.key.as_str(), id)).collect();
    entries.sort_unstable();
    entries.dedup();
    entries
}
