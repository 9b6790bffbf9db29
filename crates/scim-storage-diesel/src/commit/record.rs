//! Creating and changing records.

use diesel::QueryableByName;
use diesel::sql_types::BigInt;
use scim_core::instant::Timestamp;
use scim_core::text::Matching;
use scim_directory::{Content, Effect, Key, NewRecord, ResourceId, Version};

use super::Applying;
use crate::error::{Refusal, damaged};
use crate::sql::{Bind, Statement};

/// Where a record stands after a statement.
#[derive(QueryableByName)]
struct Standing {
    #[diesel(sql_type = BigInt)]
    version: i64,
    #[diesel(sql_type = BigInt)]
    membership: i64,
    #[diesel(sql_type = BigInt)]
    modified_ms: i64,
}

impl Applying<'_> {
    pub(crate) fn create(&mut self, new: &NewRecord) -> Result<Effect, Refusal> {
        let NewRecord { key, content, external_id, revives: _ } = new;
        let id = key.id.uuid().into_bytes();
        let at = self.set.at.unix_millis();
        let inserted = Statement::kept(
            "INSERT OR IGNORE INTO resources (instance_id, resource_type, id, version, membership, created_ms, \
             modified_ms, display, display_key, manager, document, shadow) \
             VALUES (?, ?, ?, 1, 0, ?, ?, ?, ?, ?, ?, jsonb(?))",
        )
        .blob(self.instance)
        .text(&*key.resource_type)
        .blob(id)
        .integer(at)
        .integer(at)
        .bind(Bind::OptionalText(content.display.clone()))
        .bind(Bind::OptionalText(display_key(content)))
        .bind(Bind::OptionalText(content.manager.clone()))
        .blob(&content.document)
        .text(content.shadow.to_string())
        .run(self.connection)?;
        if inserted == 0 {
            return Err(Refusal::Duplicate("id".to_owned()));
        }
        self.add_index(key, &content.index)?;
        self.link(key, external_id.as_deref())?;
        self.count(key, 1)?;
        self.raised.insert(key.id, Version(1));
        let edges = self.link_held(key, content, external_id.as_deref())?;
        let membership = edges.len();
        Ok(Effect {
            version: Some(Version(1)),
            membership: i64::try_from(membership).unwrap_or(i64::MAX),
            modified: self.set.at,
            rows: 0,
            edges,
        })
    }

    pub(crate) fn update(
        &mut self,
        key: &Key,
        expected: Version,
        content: &Content,
        external_id: Option<&str>,
    ) -> Result<Effect, Refusal> {
        let before = self.standing(key)?.ok_or(Refusal::Conflict)?;
        self.check(key.id, before.version, Some(expected))?;
        let step = i64::from(!self.raised.contains_key(&key.id));
        let standing = Statement::kept(
            "UPDATE resources SET version = version + ?, modified_ms = max(modified_ms, ?), display = ?, \
             display_key = ?, manager = ?, document = ?, shadow = jsonb(?) \
             WHERE instance_id = ? AND id = ? AND resource_type = ? RETURNING version, membership, modified_ms",
        )
        .integer(step)
        .integer(self.set.at.unix_millis())
        .bind(Bind::OptionalText(content.display.clone()))
        .bind(Bind::OptionalText(display_key(content)))
        .bind(Bind::OptionalText(content.manager.clone()))
        .blob(&content.document)
        .text(content.shadow.to_string())
        .blob(self.instance)
        .blob(key.id.uuid().into_bytes())
        .text(&*key.resource_type)
        .row::<Standing>(self.connection)?
        .ok_or(Refusal::Conflict)?;
        self.add_index(key, &content.index)?;
        self.link(key, external_id)?;
        self.raised.entry(key.id).or_insert(expected);
        let edges = self.link_held(key, content, external_id)?;
        let joined = i64::try_from(edges.len()).unwrap_or(i64::MAX);
        Ok(Effect {
            version: Some(Version(standing.version)),
            membership: standing.membership.saturating_add(joined),
            modified: Timestamp::from_unix_millis(standing.modified_ms),
            rows: 0,
            edges,
        })
    }

    /// Raises a record's version, once in a change set; where it stands then.
    pub(crate) fn raise(&mut self, key: &Key) -> Result<Effect, Refusal> {
        let step = i64::from(!self.raised.contains_key(&key.id));
        let standing = Statement::kept(
            "UPDATE resources SET version = version + ?, modified_ms = max(modified_ms, ?) \
             WHERE instance_id = ? AND id = ? AND resource_type = ? RETURNING version, membership, modified_ms",
        )
        .integer(step)
        .integer(self.set.at.unix_millis())
        .blob(self.instance)
        .blob(key.id.uuid().into_bytes())
        .text(&*key.resource_type)
        .row::<Standing>(self.connection)?
        .ok_or(Refusal::Conflict)?;
        self.raised.entry(key.id).or_insert(Version(standing.version.saturating_sub(step)));
        Ok(standing.effect())
    }

    /// Where a record stands; `None` where it is not there.
    pub(crate) fn standing(&mut self, key: &Key) -> Result<Option<Effect>, Refusal> {
        let standing = Statement::kept(
            "SELECT version, membership, modified_ms FROM resources \
             WHERE instance_id = ? AND id = ? AND resource_type = ?",
        )
        .blob(self.instance)
        .blob(key.id.uuid().into_bytes())
        .text(&*key.resource_type)
        .row::<Standing>(self.connection)?;
        Ok(standing.map(|standing| standing.effect()))
    }

    /// The members of a group that goes have one group less. One statement, whatever their number.
    pub(crate) fn count_members(&mut self, group: ResourceId) -> Result<(), Refusal> {
        Statement::kept(
            "UPDATE resources SET membership = membership + 1 WHERE instance_id = ? AND id IN \
             (SELECT member_id FROM members WHERE instance_id = ? AND group_id = ?)",
        )
        .blob(self.instance)
        .blob(self.instance)
        .blob(group.uuid().into_bytes())
        .run(self.connection)?;
        Ok(())
    }

    /// Keeps the connector's `externalId`. A change without connector leaves every connector's alone.
    fn link(&mut self, key: &Key, external_id: Option<&str>) -> Result<(), Refusal> {
        let Some(connector) = self.set.scope.connector else { return Ok(()) };
        let (connector, id) = (connector.uuid().into_bytes(), key.id.uuid().into_bytes());
        match external_id {
            Some(external_id) => Statement::kept(
                "INSERT INTO links (instance_id, connector_id, id, external_id) VALUES (?, ?, ?, ?) \
                 ON CONFLICT (instance_id, connector_id, id) DO UPDATE SET external_id = excluded.external_id",
            )
            .blob(self.instance)
            .blob(connector)
            .blob(id)
            .text(external_id)
            .run(self.connection)?,
            None => Statement::kept("DELETE FROM links WHERE instance_id = ? AND connector_id = ? AND id = ?")
                .blob(self.instance)
                .blob(connector)
                .blob(id)
                .run(self.connection)?,
        };
        Ok(())
    }

    /// Keeps the number of resources of each type.
    pub(crate) fn count(&mut self, key: &Key, step: i64) -> Result<(), Refusal> {
        let rows = Statement::kept(
            "INSERT INTO counters (instance_id, resource_type, count) VALUES (?, ?, ?) \
             ON CONFLICT (instance_id, resource_type) DO UPDATE SET count = count + excluded.count",
        )
        .blob(self.instance)
        .text(&*key.resource_type)
        .integer(step)
        .run(self.connection)?;
        if rows == 1 { Ok(()) } else { Err(damaged("a counter").into()) }
    }
}

impl Standing {
    fn effect(&self) -> Effect {
        Effect {
            version: Some(Version(self.version)),
            membership: self.membership,
            modified: Timestamp::from_unix_millis(self.modified_ms),
            rows: 0,
            edges: Vec::new(),
        }
    }
}

/// The display name as it compares.
fn display_key(content: &Content) -> Option<String> {
    content.display.as_deref().map(|display| Matching::IgnoreCase.key(display).into_owned())
}
