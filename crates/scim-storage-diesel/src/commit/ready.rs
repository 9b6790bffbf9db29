//! The statements that write a record. On SQLite they are made before the change set waits for its turn, and its one writer runs
//! them as they are.
//!
//! What is known only then stands first among their values, as it nearly always is, and is put there where it is otherwise.

use std::collections::BTreeSet;

use scim_directory::{Change, ChangeSet, ConnectorId, Content, Key};
use scim_storage::StoreError;

use super::index::{keys, searched_rows, unique_row};
use super::record::{account, display_key, managed_by};
use super::reports::Report;
use super::tally::Tallies;
use crate::sql::{Bind, Statement, fixed_texts};

fixed_texts! {
    /// See [`insertion`].
    Insertion = "INSERT OR FAIL INTO resources (version, created_ms, modified_ms, reports_key, reports_via, direct_manager, \
        membership, instance_id, resource_type, id, display, display_key, manager, managed_by, active, reports_to, \
        keys, document, shadow, account) \
        VALUES (?, ?, ?, ?, ?, ?, 0, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, jsonb(?), ?) ON CONFLICT DO NOTHING";
    /// See [`replacement`].
    Replacement = "UPDATE OR FAIL resources SET version = version + ?, reports_key = ?, reports_via = ?, direct_manager = ?, \
        modified_ms = max(modified_ms, ?), display = ?, display_key = ?, manager = ?, managed_by = ?, active = ?, \
        reports_to = ?, keys = ?, document = ?, shadow = jsonb(?), account = ? \
        WHERE instance_id = ? AND id = ? AND resource_type = ?";
    /// See [`link`].
    Link = "INSERT INTO links (instance_id, id, connector_id, external_id) VALUES (?, ?, ?, ?) \
        ON CONFLICT (instance_id, id, connector_id) DO UPDATE SET external_id = excluded.external_id \
        WHERE links.external_id <> excluded.external_id";
    /// See [`first_link`].
    FirstLink = "INSERT OR FAIL INTO links (instance_id, id, connector_id, external_id) VALUES (?, ?, ?, ?)";
    /// See [`link`].
    NoLink = "DELETE FROM links WHERE instance_id = ? AND id = ? AND connector_id = ?";
}

/// What a record is written by.
#[derive(Debug)]
pub(super) struct Ready {
    /// The unique keys of one that is created, with their paths.
    pub(super) unique: Vec<(String, Statement)>,
    /// Its other index entries.
    pub(super) searched: Vec<Statement>,
    /// The record itself.
    pub(super) record: Statement,
    /// Its link, where the change set is of a connector and there is something to write.
    pub(super) link: Option<Statement>,
    /// What one that changes lists of what it is found by from now on.
    listed: Option<String>,
}

impl Ready {
    /// What a change of a record's content is written by.
    pub(super) fn of(set: &ChangeSet, change: &Change) -> Result<Option<Self>, StoreError> {
        Ok(match change {
            Change::Create(new) => {
                let (key, content, external_id) = (&new.key, &new.content, new.external_id.as_deref());
                let entries = |of: bool| {
                    let entries = content.index.iter().filter(move |entry| entry.unique == of);
                    entries.map(|entry| (&*entry.path, &*entry.key)).collect::<BTreeSet<(&str, &str)>>()
                };
                let unique =
                    |(path, value): (&str, &str)| (path.to_owned(), unique_row(set, key, path, value));
                Some(Self {
                    unique: entries(true).into_iter().map(unique).collect(),
                    searched: searched_rows(set, key, entries(false).into_iter()),
                    record: insertion(set, key, content)?,
                    link: if new.revives {
                        link(set, key, external_id)
                    } else {
                        first_link(set, key, external_id)
                    },
                    listed: None,
                })
            }
            Change::Update { key, content, external_id, .. } => {
                let listed = keys(&content.index)?;
                Some(Self {
                    unique: Vec::new(),
                    searched: Vec::new(),
                    record: replacement_listing(set, key, content, &listed)?,
                    link: link(set, key, external_id.as_deref()),
                    listed: Some(listed),
                })
            }
            _ => None,
        })
    }

    /// Whether a record that lists that is found by the same from now on.
    pub(super) fn is_found_as(&self, listed: &str) -> bool {
        self.listed.as_deref() == Some(listed)
    }
}

/// Inserts a record of version 1 that reports to nobody; see [`first_of_new`]. (`OR FAIL`, so that SQLite keeps no copies of pages to
/// undo the statement by itself: whoever meets an error undoes more than that.)
pub(super) fn insertion(set: &ChangeSet, key: &Key, content: &Content) -> Result<Statement, StoreError> {
    let at = set.at.unix_millis();
    let insert = Statement::fixed::<Insertion>().postgres(
        "INSERT INTO resources (version, created_ms, modified_ms, reports_key, reports_via, direct_manager, \
         membership, instance_id, resource_type, id, display, display_key, manager, managed_by, active, reports_to, \
         keys, document, shadow, account) \
         VALUES ($1, $2, $3, $4, $5, $6, 0, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18::jsonb, $19) \
         ON CONFLICT DO NOTHING",
    );
    let insert = first_of_new((1, at, at), &Report::default()).into_iter().fold(insert, Statement::bind);
    let insert = insert
        .blob(set.scope.instance.uuid().as_bytes())
        .text(&*key.resource_type)
        .blob(key.id.uuid().as_bytes());
    with_content(insert, content, &keys(&content.index)?)
}

/// Version, creation and last change of a record that is inserted, and to whom it reports.
pub(super) fn first_of_new((version, created, modified): (i64, i64, i64), report: &Report) -> [Bind; 6] {
    let [key, via, manager] = report_binds(report);
    [Bind::Integer(version), Bind::Integer(created), Bind::Integer(modified), key, via, manager]
}

/// Replaces the content of a record that reports to nobody, and raises its version; see [`first_of_changed`]. On PostgreSQL it says
/// where the record stands.
pub(super) fn replacement(set: &ChangeSet, key: &Key, content: &Content) -> Result<Statement, StoreError> {
    replacement_listing(set, key, content, &keys(&content.index)?)
}

fn replacement_listing(
    set: &ChangeSet,
    key: &Key,
    content: &Content,
    listed: &str,
) -> Result<Statement, StoreError> {
    let update = Statement::fixed::<Replacement>().postgres(
        "UPDATE resources SET version = version + $1, reports_key = $2, reports_via = $3, direct_manager = $4, \
         modified_ms = greatest(modified_ms, $5), display = $6, display_key = $7, manager = $8, managed_by = $9, \
         active = $10, reports_to = $11, keys = $12, document = $13, shadow = $14::jsonb, account = $15 \
         WHERE instance_id = $16 AND id = $17 AND resource_type = $18 RETURNING version, membership, modified_ms",
    );
    let update = first_of_changed(1, &Report::default()).into_iter().fold(update, Statement::bind);
    let update = with_content(update.integer(set.at.unix_millis()), content, listed)?;
    Ok(update
        .blob(set.scope.instance.uuid().as_bytes())
        .blob(key.id.uuid().as_bytes())
        .text(&*key.resource_type))
}

/// By how much the version of a record rises, and to whom it reports.
pub(super) fn first_of_changed(step: i64, report: &Report) -> [Bind; 4] {
    let [key, via, manager] = report_binds(report);
    [Bind::Integer(step), key, via, manager]
}

fn report_binds(Report { key, via, manager }: &Report) -> [Bind; 3] {
    let id = |id: &Option<[u8; 16]>| Bind::OptionalBlob(id.map(|id| id.to_vec()));
    [Bind::OptionalText(key.clone()), id(via), id(manager)]
}

fn with_content(statement: Statement, content: &Content, listed: &str) -> Result<Statement, StoreError> {
    Ok(statement
        .optional_text(content.display.clone())
        .optional_text(display_key(content))
        .optional_text(content.manager.clone())
        .optional_blob(managed_by(content))
        .integer(Tallies::of(content).active)
        .optional_text(content.reports_to.clone())
        .text(listed)
        .blob(&content.document)
        .text(&*content.shadow)
        .optional_text(account(content)?))
}

/// Keeps the connector's `externalId`. A change without connector leaves every connector's alone.
pub(super) fn link(set: &ChangeSet, key: &Key, external_id: Option<&str>) -> Option<Statement> {
    let connector = set.scope.connector?;
    let link = match external_id {
        Some(_) => Statement::fixed::<Link>(),
        None => Statement::fixed::<NoLink>(),
    };
    let link = link_binds(link, set, key, connector);
    Some(match external_id {
        Some(external_id) => link.text(external_id),
        None => link,
    })
}

/// The same for a record that was never there, which has none. (What may update keeps copies of pages, see [`insertion`].)
fn first_link(set: &ChangeSet, key: &Key, external_id: Option<&str>) -> Option<Statement> {
    let link = link_binds(Statement::fixed::<FirstLink>(), set, key, set.scope.connector?);
    external_id.map(|external_id| link.text(external_id))
}

fn link_binds(link: Statement, set: &ChangeSet, key: &Key, connector: ConnectorId) -> Statement {
    link.blob(set.scope.instance.uuid().as_bytes())
        .blob(key.id.uuid().as_bytes())
        .blob(connector.uuid().as_bytes())
}
