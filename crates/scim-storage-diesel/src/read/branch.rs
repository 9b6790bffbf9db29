//! One look-up in the log's indexes. Each names the index that it runs on, because all of them begin with the instance
//! and the planner, which knows no numbers, could take any.

use diesel::QueryResult;
use diesel::QueryableByName;
use diesel::sql_types::{Binary, Text};
use scim_directory::ConnectorId;

use crate::connection::Connection;
use crate::sql::Statement;

/// What is looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Branch {
    /// Every record.
    All,
    /// Records about a resource.
    Resource([u8; 16]),
    /// Records about a membership of a resource.
    Member([u8; 16]),
    /// Records about nobody with an id, under that name.
    Name(String),
    /// Records of that status, which is not success.
    Status(String),
    /// Records of that action at that connector.
    Action(Vec<u8>, String),
}

impl Branch {
    /// The column that gives the positions in order.
    pub(super) fn position(&self) -> &'static str {
        match self {
            Self::Member(_) => "m.position",
            _ => "j.position",
        }
    }

    /// Its positions, up to what else they must satisfy (of `j`), their order and their number.
    pub(super) fn statement(&self, instance: &[u8]) -> Statement {
        match self {
            Self::All => Statement::new(
                "SELECT j.position FROM journal j INDEXED BY journal_by_instance WHERE j.instance_id = ?",
            )
            .blob(instance),
            Self::Resource(id) => Statement::new(
                "SELECT j.position FROM journal j INDEXED BY journal_by_resource \
                 WHERE j.instance_id = ? AND j.resource_id = ?",
            )
            .blob(instance)
            .blob(id),
            // The cross join keeps the order: first the memberships, then their records.
            Self::Member(id) => Statement::new(
                "SELECT m.position FROM journal_members m CROSS JOIN journal j ON j.instance_id = m.instance_id AND j.position = m.position \
                 WHERE m.instance_id = ? AND m.member_id = ?",
            )
            .blob(instance)
            .blob(id),
            Self::Name(key) => Statement::new(
                "SELECT j.position FROM journal j INDEXED BY journal_by_name \
                 WHERE j.instance_id = ? AND j.name_key = ?",
            )
            .blob(instance)
            .text(key.clone()),
            Self::Status(status) => Statement::new(
                "SELECT j.position FROM journal j INDEXED BY journal_by_status \
                 WHERE j.instance_id = ? AND j.status = ? AND j.status <> 'success'",
            )
            .blob(instance)
            .text(status.clone()),
            Self::Action(connector, action) => Statement::new(
                "SELECT j.position FROM journal j INDEXED BY journal_by_action \
                 WHERE j.instance_id = ? AND j.connector_id = ? AND j.action = ?",
            )
            .blob(instance)
            .blob(connector)
            .text(action.clone()),
        }
    }
}

#[derive(QueryableByName)]
struct Connector {
    #[diesel(sql_type = Binary)]
    id: Vec<u8>,
}

#[derive(QueryableByName)]
struct Action {
    #[diesel(sql_type = Text)]
    action: String,
}

/// Each action at each connector that the log knows, as far as they are asked for.
pub(super) fn action_branches(
    connection: &mut Connection,
    instance: &[u8],
    connector: Option<ConnectorId>,
    actions: &[String],
) -> QueryResult<Vec<Branch>> {
    let connectors = match connector {
        Some(connector) => vec![connector.uuid().into_bytes().to_vec()],
        None => connectors(connection, instance)?,
    };
    let mut branches = Vec::new();
    for connector in connectors {
        let known = match actions {
            [] => actions_of(connection, instance, &connector)?,
            some => some.to_vec(),
        };
        branches.extend(known.into_iter().map(|action| Branch::Action(connector.clone(), action)));
    }
    Ok(branches)
}

/// From one connector to the next, each by a seek.
fn connectors(connection: &mut Connection, instance: &[u8]) -> QueryResult<Vec<Vec<u8>>> {
    let mut all: Vec<Vec<u8>> = Vec::new();
    loop {
        let next: Option<Connector> = Statement::kept(
            "SELECT connector_id AS id FROM journal INDEXED BY journal_by_action \
             WHERE instance_id = ? AND connector_id > ? ORDER BY connector_id LIMIT 1",
        )
        .blob(instance)
        .blob(all.last().cloned().unwrap_or_default())
        .row(connection)?;
        match next {
            Some(next) => all.push(next.id),
            None => return Ok(all),
        }
    }
}

/// From one action to the next.
fn actions_of(connection: &mut Connection, instance: &[u8], connector: &[u8]) -> QueryResult<Vec<String>> {
    let mut all: Vec<String> = Vec::new();
    loop {
        let next: Option<Action> = Statement::kept(
            "SELECT action FROM journal INDEXED BY journal_by_action \
             WHERE instance_id = ? AND connector_id = ? AND action > ? ORDER BY action LIMIT 1",
        )
        .blob(instance)
        .blob(connector)
        .text(all.last().cloned().unwrap_or_default())
        .row(connection)?;
        match next {
            Some(next) => all.push(next.action),
            None => return Ok(all),
        }
    }
}
