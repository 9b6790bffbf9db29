//! Records whose content changes, all in one statement.

use scim_directory::Content;

use super::written::{Known, updates};
use super::{Part, so_or_fail, suppose_number};
use crate::commit::index::keys;
use crate::commit::record::{account, display_key, managed_by};
use crate::commit::tally::Tallies;
use crate::connection::Connection;
use crate::error::Refusal;
use crate::read::connector;
use crate::sql::{Bind, Statement, rows_of};

/// The records, which are locked and were looked at, their links where those are others now, and the names that they had claimed. Whom
/// somebody reports to stays as it is.
const CHANGE: &str = concat!(
    "WITH r AS (UPDATE resources r SET version = r.version + 1, modified_ms = greatest(r.modified_ms, n.at), \
    display = n.display, display_key = n.display_key, manager = n.manager, managed_by = n.managed_by, active = n.active, \
    keys = n.keys, document = n.document, shadow = n.shadow::jsonb, account = n.account \
    FROM ",
    rows_of!(2 id, 3 at, 4 display, 5 display_key, 6 manager, 7 managed_by, 8 active, 9 keys, 10 document, 11 shadow, 12 account),
    " AS n \
    WHERE r.instance_id = $1 AND r.id = n.id RETURNING 1), \
    l AS (INSERT INTO links (instance_id, connector_id, id, external_id) SELECT $1, k.connector, k.id, k.external_id \
    FROM ",
    rows_of!(13 connector, 14 id, 15 external_id),
    " AS k LEFT JOIN LATERAL (SELECT TRUE AS same FROM links \
    WHERE instance_id = $1 AND id = k.id AND connector_id = k.connector AND external_id = k.external_id LIMIT 1) o ON TRUE \
    WHERE o.same IS NULL ON CONFLICT (instance_id, id, connector_id) DO UPDATE SET external_id = excluded.external_id), \
    g AS (DELETE FROM links WHERE ctid = ANY(ARRAY(SELECT l.at FROM ",
    rows_of!(16 connector, 17 id),
    " AS k CROSS JOIN LATERAL \
    (SELECT ctid AS at FROM links WHERE instance_id = $1 AND id = k.id AND connector_id = k.connector LIMIT 1) l))), \
    c AS (DELETE FROM name_claims c USING ",
    rows_of!(18 id, 19 name),
    " AS k \
    WHERE c.instance_id = $1 AND c.id = k.id AND (k.name IS NULL OR c.key = k.name)) \
    SELECT ",
    so_or_fail!("t.n = $20"),
    " AS n FROM (SELECT count(*) AS n FROM r) t"
);

pub(super) fn change(
    connection: &mut Connection,
    instance: [u8; 16],
    parts: &[Part<'_>],
    known: &Known<'_>,
) -> Result<(), Refusal> {
    let changed: Vec<_> = updates(parts).collect();
    if changed.is_empty() {
        return Ok(());
    }
    let contents = || changed.iter().map(|(_, update)| update.content);
    let optional = |of: fn(&Content) -> Option<String>| Bind::OptionalTexts(contents().map(of).collect());
    let lists: Vec<String> = contents().map(|content| keys(&content.index)).collect::<Result<_, _>>()?;
    let accounts = contents().map(account).collect::<Result<_, _>>()?;
    let change = Statement::of_postgres(CHANGE)
        .blob(instance)
        .blobs(changed.iter().map(|(_, update)| update.key.id.uuid().into_bytes()))
        .integers(changed.iter().map(|(set, _)| set.at.unix_millis()).collect())
        .bind(optional(|content| content.display.clone()))
        .bind(optional(display_key))
        .bind(optional(|content| content.manager.clone()))
        .bind(Bind::OptionalBlobs(contents().map(|content| managed_by(content).map(Vec::from)).collect()))
        .integers(contents().map(|content| Tallies::of(content).active).collect())
        .texts(lists)
        .blobs(contents().map(|content| &content.document))
        .texts(contents().map(|content| &*content.shadow))
        .bind(Bind::OptionalTexts(accounts));
    let (mut linked, mut unlinked) = (Vec::new(), Vec::new());
    // A change without connector leaves every connector's link alone.
    for (set, update) in changed.iter().filter(|(set, _)| set.scope.connector.is_some()) {
        let (via, id) = (connector(&set.scope), update.key.id.uuid().into_bytes());
        match update.external_id {
            Some(external_id) => linked.push((via, id, external_id)),
            None => unlinked.push((via, id)),
        }
    }
    let mut claims = Vec::new();
    for (_, update) in &changed {
        let id = update.key.id.uuid().into_bytes();
        if &*update.key.resource_type == "User" {
            claims.push((id, None));
        } else {
            let names = known.was(update.key).into_iter().flat_map(|was| was.stale_names());
            claims.extend(names.map(|name| (id, Some(name.to_owned()))));
        }
    }
    let change = change
        .blobs(linked.iter().map(|(via, ..)| via))
        .blobs(linked.iter().map(|(_, id, _)| id))
        .texts(linked.iter().map(|(.., external_id)| *external_id))
        .blobs(unlinked.iter().map(|(via, _)| via))
        .blobs(unlinked.iter().map(|(_, id)| id))
        .blobs(claims.iter().map(|(id, _)| id))
        .bind(Bind::OptionalTexts(claims.into_iter().map(|(_, name)| name).collect()));
    let all = i64::try_from(changed.len()).unwrap_or(i64::MAX);
    suppose_number(connection, change, all)
}
