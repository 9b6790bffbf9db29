//! Members that join and leave groups: all edges in one statement, and one for the versions of all groups.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Binary};
use scim_core::instant::Timestamp;
use scim_directory::{ChangeSet, EdgeEffect, EdgeOutcome, Effect, MemberChange, ResourceId, Version};

use super::written::Known;
use super::{Part, Plain, so_or_fail, suppose_number};
use crate::commit::rows::stored;
use crate::connection::Connection;
use crate::error::Refusal;
use crate::read::{connector, resource_id};
use crate::sql::{Bind, Statement, rows_of};

/// Locks whom the edges lead to, in the order of all change sets.
const LOCK: &str = concat!(
    "SELECT ",
    so_or_fail!("count(*) = $3"),
    " AS n FROM (SELECT r.id FROM unnest($2) AS m (id) JOIN resources r ON r.instance_id = $1 AND r.id = m.id \
    ORDER BY r.resource_type = 'Group', r.id FOR NO KEY UPDATE OF r) t"
);

/// How many edges went and came. Nobody else moves edges of those who are locked, so they stay where they stand.
const MOVE: &str = concat!(
    "WITH gone AS (DELETE FROM members WHERE ctid = ANY(ARRAY( \
    SELECT m.at FROM ",
    rows_of!(2 group_id, 3 member_id),
    " AS e CROSS JOIN LATERAL (SELECT ctid AS at FROM members \
    WHERE instance_id = $1 AND group_id = e.group_id AND member_id = e.member_id LIMIT 1) m)) RETURNING 1), \
    come AS (INSERT INTO members (instance_id, group_id, member_id, member_type) \
    SELECT $1, e.group_id, e.member_id, e.type FROM ",
    rows_of!(4 group_id, 5 member_id, 6 type),
    " AS e \
    ON CONFLICT DO NOTHING RETURNING 1), \
    counted AS (UPDATE resources r SET membership = r.membership + 1 FROM unnest($7) AS m (id) \
    WHERE r.instance_id = $1 AND r.id = m.id) \
    SELECT ",
    so_or_fail!("t.n = $8"),
    " AS n FROM (SELECT (SELECT count(*) FROM gone) + (SELECT count(*) FROM come) AS n OFFSET 0) t"
);

/// Raises each group's version by as many steps as change sets change its edges, or delete members of it; how it stood before that and
/// stands now.
const RAISE: &str = concat!(
    "WITH old AS MATERIALIZED (SELECT r.id, r.modified_ms, g.step, g.at \
    FROM ",
    rows_of!(2 id, 3 type, 4 step, 5 at),
    " AS g \
    JOIN resources r ON r.instance_id = $1 AND r.id = g.id AND (g.type IS NULL OR r.resource_type = g.type) \
    ORDER BY r.id FOR NO KEY UPDATE OF r) \
    UPDATE resources r SET version = r.version + old.step, modified_ms = greatest(r.modified_ms, old.at) \
    FROM old WHERE r.instance_id = $1 AND r.id = old.id \
    RETURNING r.id, r.version - old.step AS version, r.membership, old.modified_ms"
);

/// Forgets references. Their groups' rows are locked, as for everybody who changes what a group holds, so they stay where they stand.
const RELEASE: &str = concat!(
    "DELETE FROM held WHERE ctid = ANY(ARRAY( \
    SELECT h.at FROM ",
    rows_of!(2 group_id, 3 connector_id, 4 reference),
    " AS r CROSS JOIN LATERAL (SELECT ctid AS at FROM held \
    WHERE instance_id = $1 AND group_id = r.group_id AND connector_id = r.connector_id AND reference = r.reference LIMIT 1) h))"
);

/// Where a group stands.
#[derive(QueryableByName)]
struct Standing {
    #[diesel(sql_type = Binary)]
    id: Vec<u8>,
    #[diesel(sql_type = BigInt)]
    version: i64,
    #[diesel(sql_type = BigInt)]
    membership: i64,
    #[diesel(sql_type = BigInt)]
    modified_ms: i64,
}

/// Where each group stands after those that came before.
pub(super) struct Standings(HashMap<ResourceId, Standing>);

/// By how much a group's version rises.
#[derive(Default)]
struct Raise<'a> {
    /// Its type, where its edges are named by it.
    of: Option<&'a str>,
    step: i64,
    at: i64,
}

impl Raise<'_> {
    fn by_one(&mut self, at: i64) {
        self.step += 1;
        self.at = self.at.max(at);
    }
}

fn changed<'a>(parts: &[Part<'a>]) -> Vec<(&'a ChangeSet, &'a MemberChange)> {
    let change = |part: &Part<'a>| match part.plain {
        Plain::Edges(change) => Some((part.set, change)),
        _ => None,
    };
    parts.iter().filter_map(change).collect()
}

/// Supposes that all whom the edges lead to are there, and keeps them there.
pub(super) fn suppose_there(
    connection: &mut Connection,
    instance: [u8; 16],
    members: &BTreeSet<ResourceId>,
) -> Result<(), Refusal> {
    if members.is_empty() {
        return Ok(());
    }
    let all = i64::try_from(members.len()).unwrap_or(i64::MAX);
    suppose_number(connection, Statement::of_postgres(LOCK).blob(instance).blobs(stored(members)), all)
}

/// Supposes that each edge that is to go is there, and none that is to come.
pub(super) fn move_edges(
    connection: &mut Connection,
    instance: [u8; 16],
    parts: &[Part<'_>],
) -> Result<(), Refusal> {
    let changed = changed(parts);
    if changed.is_empty() {
        return Ok(());
    }
    let mut gone: Vec<(ResourceId, ResourceId)> = Vec::new();
    let mut come: Vec<(ResourceId, ResourceId, &str)> = Vec::new();
    for (_, change) in changed {
        let group = change.group.id;
        gone.extend(change.remove.iter().map(|member| (group, *member)));
        come.extend(change.add.iter().map(|member| (group, member.id, &*member.resource_type)));
    }
    let moved = come.iter().map(|(_, member, _)| *member).chain(gone.iter().map(|(_, member)| *member));
    let moved: BTreeSet<ResourceId> = moved.collect();
    let bytes = |id: &ResourceId| id.uuid().into_bytes();
    let all = i64::try_from(gone.len() + come.len()).unwrap_or(i64::MAX);
    let edges = Statement::of_postgres(MOVE)
        .blob(instance)
        .blobs(gone.iter().map(|(group, _)| bytes(group)))
        .blobs(gone.iter().map(|(_, member)| bytes(member)))
        .blobs(come.iter().map(|(group, ..)| bytes(group)))
        .blobs(come.iter().map(|(_, member, _)| bytes(member)))
        .texts(come.iter().map(|(.., of)| *of))
        .blobs(stored(&moved));
    suppose_number(connection, edges, all)
}

/// Raises the versions of the groups: of those whose edges are changed none must be gone. And forgets what they are to hold no more.
pub(super) fn raise(
    connection: &mut Connection,
    instance: [u8; 16],
    parts: &[Part<'_>],
    known: &Known<'_>,
) -> Result<Standings, Refusal> {
    let mut groups: BTreeMap<ResourceId, Raise<'_>> = BTreeMap::new();
    for part in parts {
        let at = part.set.at.unix_millis();
        match part.plain {
            Plain::Edges(change) => {
                let raise = groups.entry(change.group.id).or_default();
                raise.of = Some(&change.group.resource_type);
                raise.by_one(at);
            }
            Plain::Delete(key, _) => {
                for group in known.groups(key) {
                    groups.entry(*group).or_default().by_one(at);
                }
            }
            Plain::Create(_) | Plain::Update(_) => {}
        }
    }
    if groups.is_empty() {
        return Ok(Standings(HashMap::new()));
    }
    let raise = Statement::of_postgres(RAISE)
        .blob(instance)
        .blobs(groups.keys().map(|id| id.uuid().into_bytes()))
        .bind(Bind::OptionalTexts(groups.values().map(|raise| raise.of.map(str::to_owned)).collect()))
        .integers(groups.values().map(|raise| raise.step).collect())
        .integers(groups.values().map(|raise| raise.at).collect());
    let rows: Vec<Standing> = raise.rows(connection)?;
    release(connection, instance, parts)?;
    let standings = rows.into_iter().map(|row| Ok((resource_id(&row.id)?, row)));
    Ok(Standings(standings.collect::<Result<_, Refusal>>()?))
}

fn release(connection: &mut Connection, instance: [u8; 16], parts: &[Part<'_>]) -> Result<(), Refusal> {
    let changed = changed(parts);
    let of = |(set, change): &(&ChangeSet, &MemberChange)| {
        let (group, via) = (change.group.id.uuid().into_bytes(), connector(&set.scope));
        change.release.iter().map(move |reference| (group, via, reference.clone())).collect::<Vec<_>>()
    };
    let released: Vec<_> = changed.iter().flat_map(of).collect();
    if released.is_empty() {
        return Ok(());
    }
    let release = Statement::of_postgres(RELEASE)
        .blob(instance)
        .blobs(released.iter().map(|(group, ..)| group))
        .blobs(released.iter().map(|(_, via, _)| via))
        .texts(released.iter().map(|(.., reference)| reference.as_str()));
    connection.later(release)?;
    Ok(())
}

impl Standings {
    /// A group's version rose once more; where it stands then, unless it is gone.
    fn rise(&mut self, group: ResourceId, at: Timestamp) -> Option<&Standing> {
        let standing = self.0.get_mut(&group)?;
        standing.version = standing.version.saturating_add(1);
        standing.modified_ms = standing.modified_ms.max(at.unix_millis());
        Some(standing)
    }

    /// The next change set deleted a member of these groups.
    pub(super) fn lose<'g>(&mut self, set: &ChangeSet, groups: impl Iterator<Item = &'g ResourceId>) {
        for group in groups {
            self.rise(*group, set.at);
        }
    }

    /// What the next change set did to the edges of a group; `None` where the group is gone.
    pub(super) fn next(&mut self, set: &ChangeSet, change: &MemberChange) -> Option<Effect> {
        let standing = self.rise(change.group.id, set.at)?;
        let edge = |outcome| {
            let group = change.group.id;
            move |member| EdgeEffect { group, member, outcome }
        };
        let removed = change.remove.iter().copied().map(edge(EdgeOutcome::Removed));
        let added = change.add.iter().map(|member| member.id).map(edge(EdgeOutcome::Added));
        Some(Effect {
            version: Some(Version(standing.version)),
            membership: standing.membership,
            modified: Timestamp::from_unix_millis(standing.modified_ms),
            rows: 0,
            edges: removed.chain(added).collect(),
        })
    }
}
