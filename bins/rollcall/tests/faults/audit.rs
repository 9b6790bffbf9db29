//! The books against the ledger: what stands in the tables, whatever the server says of it.

use std::collections::HashMap;

use crate::bed::Bed;
use crate::load::Client;

/// Looks at every request of these clients and at what must always hold of the tables.
#[track_caller]
pub(crate) fn audit(bed: &Bed, clients: &[Client]) {
    let records = counts(bed, "journal", "AND status = 'success'");
    let events = counts(bed, "events", "");
    let mut wrong = Vec::new();
    for sent in clients.iter().flat_map(|client| &client.sent) {
        let count = |counts: &HashMap<String, usize>| counts.get(&sent.id).copied().unwrap_or_default();
        let (found, traces) = ((count(&records), count(&events)), sent.kind.traces());
        if found != if sent.done { traces } else { (0, 0) } {
            wrong.push(format!("{sent:?} has {found:?} records and events"));
        }
    }
    let known: usize = clients.iter().map(|client| client.sent.len()).sum();
    assert!(records.len() <= known, "{} of {known} requests left records", records.len());
    wrong.extend(broken(bed));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// How many rows each request of the load left.
fn counts(bed: &Bed, table: &str, only: &str) -> HashMap<String, usize> {
    let query = format!(
        "SELECT request_id || ' ' || count(*) AS line FROM {table} WHERE request_id LIKE 'load-%' {only} GROUP BY request_id"
    );
    let pair = |line: String| {
        let (id, count) = line.split_once(' ').expect("two columns");
        (id.to_owned(), count.parse().expect("a number"))
    };
    bed.lines(&query).into_iter().map(pair).collect()
}

/// What must never be: rows without those that they belong to.
fn broken(bed: &Bed) -> Vec<String> {
    let (id, resource, member) = (bed.hex("r.id"), bed.hex("j.resource_id"), bed.hex("m.member_id"));
    let exists = "SELECT 1 FROM resources x WHERE x.instance_id";
    let queries = [
        format!(
            "SELECT 'without a record of its creation: ' || {id} AS line FROM resources r WHERE NOT EXISTS (SELECT 1 \
             FROM journal j WHERE j.instance_id = r.instance_id AND j.resource_id = r.id AND j.action = 'created')"
        ),
        format!(
            "SELECT 'created, and neither there nor deleted: ' || {resource} AS line FROM journal j WHERE j.action = \
             'created' AND j.status = 'success' AND NOT EXISTS ({exists} = j.instance_id AND x.id = j.resource_id) AND NOT \
             EXISTS (SELECT 1 FROM tombstones t WHERE t.instance_id = j.instance_id AND t.id = j.resource_id)"
        ),
        format!(
            "SELECT 'there and deleted: ' || {id} AS line FROM resources r JOIN tombstones t ON t.instance_id = \
             r.instance_id AND t.id = r.id"
        ),
        format!(
            "SELECT 'a member that is not there: ' || {member} AS line FROM members m WHERE NOT EXISTS ({exists} = \
             m.instance_id AND x.id = m.member_id) OR NOT EXISTS ({exists} = m.instance_id AND x.id = m.group_id)"
        ),
        format!(
            "SELECT 'a name of nobody: ' || k.key AS line FROM unique_keys k WHERE NOT EXISTS ({exists} = k.instance_id \
             AND x.id = k.id)"
        ),
        format!(
            "SELECT 'nobody finds ' || {id} AS line FROM resources r WHERE r.resource_type = 'User' AND (r.instance_id, r.id) \
             NOT IN (SELECT k.instance_id, k.id FROM unique_keys k)"
        ),
        "SELECT 'an event without a record: ' || e.request_id AS line FROM events e WHERE NOT EXISTS (SELECT 1 FROM \
         journal j WHERE j.instance_id = e.instance_id AND j.request_id = e.request_id)"
            .to_owned(),
        "SELECT 'counted ' || c.n || ' of ' || c.resource_type AS line FROM (SELECT instance_id, resource_type, \
         sum(count) AS n FROM counters GROUP BY instance_id, resource_type) c WHERE c.n <> (SELECT count(*) FROM resources r \
         WHERE r.instance_id = c.instance_id AND r.resource_type = c.resource_type)"
            .to_owned(),
    ];
    bed.lines(&queries.join(" UNION ALL "))
}
