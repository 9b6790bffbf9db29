//! Creating a resource on PostgreSQL while outcomes are supposed (see [`crate::postgres`]): nobody looks at what each row did, so the
//! rows are written in one statement, and one more asks whether anybody waits for the new one.

use scim_core::text::Matching;
use scim_directory::{Content, Effect, Key, NewRecord, Version};

use super::Applying;
use super::index::keys;
use super::record::{account, display_key, managed_by};
use super::tally::Tallies;
use crate::error::Refusal;
use crate::read::USER_NAME;
use crate::sql::{Number, Statement};

/// The record, what it is found by, and its link: how many of the rows that must be new were.
const CREATE: &str = "WITH r AS (INSERT INTO resources (instance_id, resource_type, id, version, membership, created_ms, \
    modified_ms, display, display_key, manager, managed_by, active, reports_to, reports_key, reports_via, \
    direct_manager, keys, document, shadow, account) \
    VALUES ($1, $2, $3, 1, 0, $4, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $23, $14, $15::jsonb, $16) \
    ON CONFLICT DO NOTHING RETURNING 1), \
    u AS (INSERT INTO unique_keys (instance_id, resource_type, path, key, id) \
    SELECT $1, $2, k.path, k.key, $3 FROM unnest($17, $18) AS k (path, key) ON CONFLICT DO NOTHING RETURNING 1), \
    s AS (INSERT INTO search_keys (instance_id, resource_type, path, key, id) \
    SELECT $1, $2, k.path, k.key, $3 FROM unnest($19, $20) AS k (path, key) ON CONFLICT DO NOTHING), \
    l AS (INSERT INTO links (instance_id, connector_id, id, external_id) \
    SELECT $1, $21, $3, $22 WHERE $21 IS NOT NULL AND $22 IS NOT NULL) \
    SELECT (SELECT count(*) FROM r) + (SELECT count(*) FROM u) AS n";

/// Who waits for a resource: reports for a managed person by id, user name or `externalId`, and groups for anybody.
const WAITING: &str = "SELECT 1::bigint AS n FROM resources WHERE $5 = 1 AND instance_id = $1 AND reports_key IN ($2, $3) \
    AND direct_manager IS NULL AND reports_to IS NOT NULL AND id <> $4 \
    UNION ALL SELECT 1 FROM resources WHERE $5 = 1 AND instance_id = $1 AND reports_to = $6 AND reports_via = $7 \
    AND direct_manager IS NULL AND reports_to IS NOT NULL AND id <> $4 \
    UNION ALL SELECT 1 FROM held WHERE instance_id = $1 AND reference = $8 \
    UNION ALL SELECT 1 FROM held WHERE instance_id = $1 AND folded = $3 \
    UNION ALL SELECT 1 FROM held WHERE instance_id = $1 AND reference = $6 AND connector_id = $7";

impl Applying<'_> {
    /// What [`Self::create`] does for a resource that was never there, where nothing stands in its way and nobody waits for it.
    pub(super) fn create_at_once(&mut self, new: &NewRecord) -> Result<Effect, Refusal> {
        let NewRecord { key, content, external_id, .. } = new;
        let report = self.report(key, content, None)?;
        let tallies = Tallies::of(content);
        let connector = self.set.scope.connector.map(|connector| connector.uuid().into_bytes());
        let (unique, searched) = (in_order(content, true), in_order(content, false));
        let wanted = i64::try_from(unique.len()).unwrap_or(i64::MAX).saturating_add(1);
        let create = Statement::of_postgres(CREATE)
            .blob(self.instance)
            .text(&*key.resource_type)
            .blob(key.id.uuid().into_bytes())
            .integer(self.set.at.unix_millis())
            .optional_text(content.display.clone())
            .optional_text(display_key(content))
            .optional_text(content.manager.clone())
            .optional_blob(managed_by(content))
            .integer(tallies.active)
            .optional_text(content.reports_to.clone())
            .optional_text(report.key.clone())
            .optional_blob(report.via)
            .optional_blob(report.manager)
            .blob(&content.document)
            .text(&*content.shadow)
            .optional_text(account(content)?)
            .texts(unique.iter().map(|(path, _)| *path))
            .texts(unique.iter().map(|(_, key)| *key))
            .texts(searched.iter().map(|(path, _)| *path))
            .texts(searched.iter().map(|(_, key)| *key))
            .optional_blob(connector)
            .optional_text(external_id.clone())
            .text(keys(&content.index)?);
        let supposed = vec![Number { n: wanted }];
        self.connection.suppose(create, supposed, move |rows| rows.iter().all(|row| row.n == wanted))?;
        self.claim(key, content)?;
        self.count(&key.resource_type, tallies);
        self.moved(key, 1);
        self.raised.insert(key.id, Version(1));
        self.tell_manager(key, content, None, report.manager);
        self.suppose_nobody_waits(key, content, external_id.as_deref())?;
        Ok(Effect {
            version: Some(Version(1)),
            membership: 0,
            modified: self.set.at,
            rows: 0,
            edges: Vec::new(),
        })
    }

    fn suppose_nobody_waits(
        &mut self,
        key: &Key,
        content: &Content,
        external_id: Option<&str>,
    ) -> Result<(), Refusal> {
        let user_name = content.index.iter().find(|entry| entry.path == USER_NAME);
        let id = key.id.to_string();
        let managed = &*key.resource_type == "User" && content.managed_by.is_some();
        let waiting = Statement::of_postgres(WAITING)
            .blob(self.instance)
            .text(Matching::UserName.key(&id).into_owned())
            .text(user_name.map(|entry| entry.key.clone()).unwrap_or_default())
            .blob(key.id.uuid().into_bytes())
            .integer(i64::from(managed))
            .text(external_id.unwrap_or_default())
            .blob(self.connector())
            .text(id);
        self.connection.suppose_none::<Number>(waiting)?;
        Ok(())
    }
}

/// Index entries in the order of their keys, each once: two who want the same ones do not wait for one another in a ring.
pub(super) fn in_order(content: &Content, unique: bool) -> Vec<(&str, &str)> {
    let entries = content.index.iter().filter(|entry| entry.unique == unique);
    let mut entries: Vec<_> = entries.map(|entry| (entry.path.as_str(), entry.key.as_str())).collect();
    entries.sort_unstable();
    entries.dedup();
    entries
}
