//! Which tables an instance is moved with: their columns, and the key by which each is read in pages.
//!
//! Left out is what belongs to a server or is worked out anew where the instance arrives: positions in the log and the
//! outbox, and with them `minutes` and `journal_members`; `ranges` and `spans`; the index of texts; results of change sets and first answers of the admin API, which
//! outlive a request by a day at most; secrets and peppers.

/// What a column holds, and how it stands in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An id: a UUID with hyphens.
    Id,
    /// Bytes: hexadecimal.
    Bytes,
    /// A document: text.
    Document,
    /// A number.
    Integer,
    /// Text.
    Text,
    /// JSON text: the JSON as it is.
    Json,
    /// The folded shadow: JSON with its members sorted, because PostgreSQL keeps no order.
    Shadow,
}

/// A column.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Column {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
}

/// How rows of a table are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rows {
    /// As they are; they have no order among themselves.
    Plain,
    /// In the order of their positions, which are given anew.
    Ordered,
    /// Numbers to be added up by the first column, because they may stand in several rows.
    Summed,
    /// The one row of the instance itself.
    Itself,
}

/// A table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Table {
    pub(crate) name: &'static str,
    pub(crate) rows: Rows,
    pub(crate) columns: &'static [Column],
    /// Columns that find a row within the instance, with an index that begins with the instance's id.
    pub(crate) key: &'static [&'static str],
    /// Whether an instance is seen by it: what lets somebody in is written last, all of it at once.
    pub(crate) opens: bool,
}

const fn column(name: &'static str, kind: Kind) -> Column {
    Column { name, kind }
}

const fn table(
    name: &'static str,
    rows: Rows,
    key: &'static [&'static str],
    columns: &'static [Column],
) -> Table {
    Table { name, rows, columns, key, opens: false }
}

const fn opening(name: &'static str, key: &'static [&'static str], columns: &'static [Column]) -> Table {
    Table { name, rows: Rows::Plain, columns, key, opens: true }
}

/// The table of people, groups and other resources.
pub(crate) const RESOURCES: &str = "resources";
/// The table of instances.
pub(crate) const INSTANCES: &str = "instances";
/// The table of the log.
pub(crate) const JOURNAL: &str = "journal";
/// The table of the outbox.
pub(crate) const EVENTS: &str = "events";
/// The tables of keys, which may be left behind.
pub(crate) const KEYS: [&str; 2] = ["api_keys", "admin_keys"];
/// The table of claimed user names.
pub(crate) const CLAIMS: &str = "name_claims";

/// Every table, in the order in which it stands in a file.
pub(crate) const TABLES: &[Table] = &[
    table(
        "mappings",
        Rows::Plain,
        &["version"],
        &[column("version", Kind::Integer), column("at_ms", Kind::Integer), column("text", Kind::Text)],
    ),
    table(
        "objects",
        Rows::Plain,
        &["kind", "name_key"],
        &[
            column("kind", Kind::Text),
            column("name_key", Kind::Text),
            column("id", Kind::Id),
            column("name", Kind::Text),
        ],
    ),
    table("jobs", Rows::Plain, &["name"], &[column("name", Kind::Text), column("state", Kind::Json)]),
    table(
        "imports",
        Rows::Plain,
        &["id"],
        &[
            column("id", Kind::Text),
            column("kind", Kind::Text),
            column("label", Kind::Text),
            column("state", Kind::Text),
            column("started_ms", Kind::Integer),
            column("updated_ms", Kind::Integer),
            column("lines", Kind::Integer),
            column("within", Kind::Integer),
            column("imported", Kind::Integer),
            column("there", Kind::Integer),
            column("rejected", Kind::Integer),
        ],
    ),
    table(
        "rejected_lines",
        Rows::Plain,
        &["import_id", "line"],
        &[
            column("import_id", Kind::Text),
            column("line", Kind::Integer),
            column("name", Kind::Text),
            column("name_key", Kind::Text),
            column("reason", Kind::Text),
        ],
    ),
    table(
        RESOURCES,
        Rows::Plain,
        &["id"],
        &[
            column("resource_type", Kind::Text),
            column("id", Kind::Id),
            column("version", Kind::Integer),
            column("membership", Kind::Integer),
            column("created_ms", Kind::Integer),
            column("modified_ms", Kind::Integer),
            column("display", Kind::Text),
            column("display_key", Kind::Text),
            column("manager", Kind::Text),
            column("managed_by", Kind::Id),
            column("active", Kind::Integer),
            column("reports_to", Kind::Text),
            column("reports_key", Kind::Text),
            column("reports_via", Kind::Id),
            column("direct_manager", Kind::Id),
            column("keys", Kind::Json),
            column("document", Kind::Document),
            column("shadow", Kind::Shadow),
            column("account", Kind::Json),
        ],
    ),
    table("unique_keys", Rows::Plain, &["resource_type", "path", "key"], KEY_COLUMNS),
    table("search_keys", Rows::Plain, &["resource_type", "path", "key", "id"], KEY_COLUMNS),
    table(
        "links",
        Rows::Plain,
        &["id", "connector_id"],
        &[column("connector_id", Kind::Id), column("id", Kind::Id), column("external_id", Kind::Text)],
    ),
    table(
        "members",
        Rows::Plain,
        &["group_id", "member_id"],
        &[column("group_id", Kind::Id), column("member_id", Kind::Id), column("member_type", Kind::Text)],
    ),
    table(
        "held",
        Rows::Plain,
        &["group_id", "connector_id", "reference"],
        &[
            column("group_id", Kind::Id),
            column("connector_id", Kind::Id),
            column("reference", Kind::Text),
            column("kind", Kind::Text),
            column("folded", Kind::Text),
            column("value_key", Kind::Text),
        ],
    ),
    table(
        "held_changes",
        Rows::Plain,
        &["id"],
        &[
            column("id", Kind::Id),
            column("resource_type", Kind::Text),
            column("resource_id", Kind::Id),
            column("name", Kind::Text),
            column("removal", Kind::Text),
            column("connector_id", Kind::Id),
            column("at_ms", Kind::Integer),
            column("state", Kind::Json),
        ],
    ),
    table(
        CLAIMS,
        Rows::Plain,
        &["id", "realm", "key"],
        &[column("realm", Kind::Text), column("key", Kind::Text), column("id", Kind::Id)],
    ),
    table(
        "tombstones",
        Rows::Plain,
        &["id"],
        &[
            column("id", Kind::Id),
            column("resource_type", Kind::Text),
            column("deleted_ms", Kind::Integer),
            column("version", Kind::Integer),
            column("created_ms", Kind::Integer),
            column("display", Kind::Text),
            column("managed_by", Kind::Id),
            column("user_name_key", Kind::Text),
            column("account", Kind::Json),
        ],
    ),
    table(
        "tombstone_links",
        Rows::Plain,
        &["connector_id", "external_id", "id"],
        &[column("connector_id", Kind::Id), column("external_id", Kind::Text), column("id", Kind::Id)],
    ),
    table(
        "counters",
        Rows::Summed,
        &["resource_type"],
        &[
            column("resource_type", Kind::Text),
            column("count", Kind::Integer),
            column("active", Kind::Integer),
            column("managed", Kind::Integer),
        ],
    ),
    table(
        JOURNAL,
        Rows::Ordered,
        &["position"],
        &[
            column("at_ms", Kind::Integer),
            column("elapsed_ms", Kind::Integer),
            column("connector_id", Kind::Id),
            column("key_id", Kind::Id),
            column("user_id", Kind::Id),
            column("admin_key_id", Kind::Id),
            column("request_id", Kind::Text),
            column("action", Kind::Text),
            column("status", Kind::Text),
            column("resource_type", Kind::Text),
            column("resource_id", Kind::Id),
            column("name_key", Kind::Text),
            column("record", Kind::Json),
        ],
    ),
    table(
        EVENTS,
        Rows::Ordered,
        &["position"],
        &[
            column("at_ms", Kind::Integer),
            column("request_id", Kind::Text),
            column("kind", Kind::Text),
            column("resource_type", Kind::Text),
            column("id", Kind::Id),
            column("before", Kind::Json),
            column("after", Kind::Json),
        ],
    ),
    opening(
        "connectors",
        &["id"],
        &[
            column("id", Kind::Id),
            column("name", Kind::Text),
            column("created_ms", Kind::Integer),
            column("dialect", Kind::Text),
            column("keep_passwords", Kind::Integer),
            column("settings", Kind::Json),
        ],
    ),
    opening(
        "integration_users",
        &["id"],
        &[
            column("id", Kind::Id),
            column("name", Kind::Text),
            column("privilege", Kind::Text),
            column("suspended", Kind::Integer),
            column("email", Kind::Text),
        ],
    ),
    opening(
        "api_keys",
        &["created_ms", "id"],
        &[
            column("id", Kind::Id),
            column("connector_id", Kind::Id),
            column("user_id", Kind::Id),
            column("pepper_id", Kind::Bytes),
            column("mac", Kind::Bytes),
            column("password", Kind::Text),
            column("ending", Kind::Text),
            column("created_ms", Kind::Integer),
            column("not_before_ms", Kind::Integer),
            column("expires_ms", Kind::Integer),
            column("limits", Kind::Json),
            column("generation", Kind::Integer),
            column("first_used_ms", Kind::Integer),
            column("first_written_ms", Kind::Integer),
            column("last_used_ms", Kind::Integer),
            column("last_address", Kind::Text),
            column("retiring_ms", Kind::Integer),
            column("retires_ms", Kind::Integer),
            column("revoked_ms", Kind::Integer),
            column("revocation", Kind::Text),
            column("reminded", Kind::Integer),
        ],
    ),
    opening(
        "admin_keys",
        &["created_ms", "id"],
        &[
            column("id", Kind::Id),
            column("role", Kind::Text),
            column("label", Kind::Text),
            column("pepper_id", Kind::Bytes),
            column("mac", Kind::Bytes),
            column("ending", Kind::Text),
            column("created_ms", Kind::Integer),
            column("expires_ms", Kind::Integer),
            column("networks", Kind::Json),
            column("issued_by", Kind::Id),
            column("last_used_ms", Kind::Integer),
            column("last_address", Kind::Text),
            column("revoked_ms", Kind::Integer),
        ],
    ),
    Table {
        name: INSTANCES,
        rows: Rows::Itself,
        key: &["id"],
        columns: &[
            column("id", Kind::Id),
            column("name", Kind::Text),
            column("created_ms", Kind::Integer),
            column("settings", Kind::Json),
            column("generation", Kind::Integer),
        ],
        opens: true,
    },
];

const KEY_COLUMNS: &[Column] = &[
    column("resource_type", Kind::Text),
    column("path", Kind::Text),
    column("key", Kind::Text),
    column("id", Kind::Id),
];

impl Table {
    /// The table of that name.
    pub(crate) fn named(name: &str) -> Option<(usize, &'static Self)> {
        TABLES.iter().enumerate().find(|(_, table)| table.name == name)
    }

    /// Where a column stands in a row.
    pub(crate) fn place(&self, column: &str) -> Option<usize> {
        self.columns.iter().position(|known| known.name == column)
    }
}
