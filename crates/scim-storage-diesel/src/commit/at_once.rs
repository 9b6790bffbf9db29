//! Creating a resource on PostgreSQL while outcomes are supposed (see [`crate::postgres`]): nobody looks at what each row did, so the
//! rows are written in one statement (the one that writes those of several change sets, [`super::together`]), and one more asks whether
//! anybody waits for the new one.

use scim_core::text::Matching;
use scim_directory::{Content, Effect, Key, NewRecord, Version};

use super::Applying;
use super::tally::Tallies;
use super::together::{Comer, in_order, insert};
use crate::error::Refusal;
use crate::read::USER_NAME;
use crate::sql::{Number, Statement};

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
        let manager = report.manager;
        let entries = (&*in_order(new, true), &*in_order(new, false));
        insert(self.connection, self.instance, &[Comer { set: self.set, new, report }], entries)?;
        self.claim(key, content)?;
        self.count(&key.resource_type, Tallies::of(content));
        self.moved(key, 1);
        self.raised.insert(key.id, Version(1));
        self.tell_manager(key, content, None, manager);
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
