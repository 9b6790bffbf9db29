-- Ids are 16-byte UUIDs, times are milliseconds since 1970. Every table of an instance's data begins with instance_id.

CREATE TABLE instances (
    id BLOB NOT NULL PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    created_ms BIGINT NOT NULL,
    settings TEXT NOT NULL,
    generation BIGINT NOT NULL
) WITHOUT ROWID;

CREATE TABLE connectors (
    instance_id BLOB NOT NULL,
    id BLOB NOT NULL,
    name TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    dialect TEXT NOT NULL,
    keep_passwords BIGINT NOT NULL,
    settings TEXT NOT NULL,
    PRIMARY KEY (instance_id, id),
    UNIQUE (instance_id, name)
) WITHOUT ROWID;
-- A connector's URL has its id alone.
CREATE UNIQUE INDEX connectors_by_id ON connectors (id);

CREATE TABLE integration_users (
    instance_id BLOB NOT NULL,
    id BLOB NOT NULL,
    name TEXT NOT NULL,
    privilege TEXT NOT NULL,
    suspended BIGINT NOT NULL,
    email TEXT,
    PRIMARY KEY (instance_id, id),
    UNIQUE (instance_id, name)
) WITHOUT ROWID;

-- Of a secret there is either the keyed hash with the pepper's id, or the password. due_ms is when something about the key
-- ends by itself and is still to be told.
CREATE TABLE api_keys (
    id BLOB NOT NULL PRIMARY KEY,
    instance_id BLOB NOT NULL,
    connector_id BLOB NOT NULL,
    user_id BLOB NOT NULL,
    pepper_id BLOB,
    mac BLOB,
    password TEXT,
    ending TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    not_before_ms BIGINT,
    expires_ms BIGINT,
    limits TEXT NOT NULL,
    generation BIGINT NOT NULL,
    first_used_ms BIGINT,
    first_written_ms BIGINT,
    last_used_ms BIGINT,
    last_address TEXT,
    retiring_ms BIGINT,
    retires_ms BIGINT,
    revoked_ms BIGINT,
    revocation TEXT,
    reminded BIGINT,
    due_ms BIGINT GENERATED ALWAYS AS (
        CASE
            WHEN revoked_ms IS NOT NULL THEN NULL
            WHEN expires_ms IS NULL OR reminded = 0 THEN retires_ms
            WHEN retires_ms < expires_ms THEN retires_ms
            ELSE expires_ms
        END
    ) VIRTUAL,
    CHECK ((pepper_id IS NULL) = (mac IS NULL) AND (mac IS NULL) <> (password IS NULL))
) WITHOUT ROWID;
CREATE INDEX api_keys_by_instance ON api_keys (instance_id, created_ms, id);
CREATE INDEX api_keys_live ON api_keys (instance_id, connector_id, user_id, created_ms) WHERE revoked_ms IS NULL;
CREATE INDEX api_keys_due ON api_keys (due_ms, id) WHERE due_ms IS NOT NULL;

-- How often something changed that a key's answers depend on: keys (but for when they were used last), connectors,
-- integration users, settings, the mapping. No row stands for 0. Of its own, so that nobody waits for an instance's row.
CREATE TABLE access (
    instance_id BLOB NOT NULL PRIMARY KEY,
    generation BIGINT NOT NULL
) WITHOUT ROWID;

-- Keys to the administration; instance_id is nil for those of the whole server.
CREATE TABLE admin_keys (
    id BLOB NOT NULL PRIMARY KEY,
    instance_id BLOB NOT NULL,
    role TEXT NOT NULL,
    label TEXT NOT NULL,
    pepper_id BLOB NOT NULL,
    mac BLOB NOT NULL,
    ending TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    expires_ms BIGINT,
    networks TEXT NOT NULL,
    issued_by BLOB,
    last_used_ms BIGINT,
    last_address TEXT,
    revoked_ms BIGINT
) WITHOUT ROWID;
CREATE INDEX admin_keys_by_instance ON admin_keys (instance_id, created_ms, id);

-- First answers to requests that may be repeated, by whose they are and a hash of what names them; instance_id is where
-- the request was begun, nil for the server.
CREATE TABLE answers (
    caller BLOB NOT NULL,
    key BLOB NOT NULL,
    instance_id BLOB NOT NULL,
    request BLOB NOT NULL,
    at_ms BIGINT NOT NULL,
    answer BLOB,
    PRIMARY KEY (caller, key)
) WITHOUT ROWID;
CREATE INDEX answers_by_time ON answers (instance_id, at_ms);

-- The ids of the peppers that nodes of this store hold.
CREATE TABLE peppers (
    id BLOB NOT NULL PRIMARY KEY
) WITHOUT ROWID;

-- Which node does what one is to do for all of them.
CREATE TABLE leases (
    name TEXT NOT NULL PRIMARY KEY,
    holder BLOB,
    turn BIGINT NOT NULL,
    at_ms BIGINT NOT NULL
) WITHOUT ROWID;

CREATE TABLE secrets (
    name TEXT NOT NULL PRIMARY KEY,
    value BLOB NOT NULL
) WITHOUT ROWID;

CREATE TABLE mappings (
    instance_id BLOB NOT NULL,
    version BIGINT NOT NULL,
    at_ms BIGINT NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (instance_id, version)
) WITHOUT ROWID;

CREATE TABLE objects (
    instance_id BLOB NOT NULL,
    kind TEXT NOT NULL,
    name_key TEXT NOT NULL,
    id BLOB NOT NULL,
    name TEXT NOT NULL,
    PRIMARY KEY (instance_id, kind, name_key)
) WITHOUT ROWID;

CREATE TABLE jobs (
    instance_id BLOB NOT NULL,
    name TEXT NOT NULL,
    state TEXT NOT NULL,
    PRIMARY KEY (instance_id, name)
) WITHOUT ROWID;

-- How far imports of files have come, and the lines that they did not take; name_key is a line's key as a user name
-- compares.
CREATE TABLE imports (
    instance_id BLOB NOT NULL,
    id TEXT NOT NULL,
    kind TEXT NOT NULL,
    label TEXT NOT NULL,
    state TEXT NOT NULL,
    started_ms BIGINT NOT NULL,
    updated_ms BIGINT NOT NULL,
    lines BIGINT NOT NULL,
    within BIGINT NOT NULL,
    imported BIGINT NOT NULL,
    there BIGINT NOT NULL,
    rejected BIGINT NOT NULL,
    PRIMARY KEY (instance_id, id)
) WITHOUT ROWID;
CREATE INDEX imports_by_start ON imports (instance_id, started_ms, id);
CREATE INDEX imports_by_update ON imports (instance_id, updated_ms, id);

CREATE TABLE rejected_lines (
    instance_id BLOB NOT NULL,
    import_id TEXT NOT NULL,
    line BIGINT NOT NULL,
    name TEXT,
    name_key TEXT,
    reason TEXT NOT NULL,
    PRIMARY KEY (instance_id, import_id, line)
) WITHOUT ROWID;

-- The document is sent as it stands; filters and sorting run on the folded shadow. What is long stands behind what is
-- short, and the account last: SQLite reads a row's pages as far as the last column that is asked for.
-- place is the row's own number, SQLite's alone, which stays when the file is made compact.
-- reports_to is a reference as it was sent, reports_key the same as a user name compares, reports_via the connector that
-- sent it. keys lists the row's own rows of unique_keys and search_keys, which are found by it when the row changes or goes.
CREATE TABLE resources (
    place INTEGER PRIMARY KEY,
    instance_id BLOB NOT NULL,
    resource_type TEXT NOT NULL,
    id BLOB NOT NULL,
    version BIGINT NOT NULL,
    membership BIGINT NOT NULL,
    created_ms BIGINT NOT NULL,
    modified_ms BIGINT NOT NULL,
    display TEXT,
    display_key TEXT,
    manager TEXT,
    managed_by BLOB,
    active BIGINT NOT NULL,
    reports_to TEXT,
    reports_key TEXT,
    reports_via BLOB,
    direct_manager BLOB,
    keys TEXT NOT NULL,
    document BLOB NOT NULL,
    shadow BLOB NOT NULL,
    account TEXT
);
CREATE UNIQUE INDEX resources_by_id ON resources (instance_id, id);
CREATE INDEX resources_by_type ON resources (instance_id, resource_type, id);
-- Those who report to somebody, and those who wait for somebody to report to.
CREATE INDEX reports_linked ON resources (instance_id, direct_manager) WHERE direct_manager IS NOT NULL;
CREATE INDEX reports_waiting ON resources (instance_id, reports_to)
    WHERE direct_manager IS NULL AND reports_to IS NOT NULL;
CREATE INDEX reports_waiting_by_key ON resources (instance_id, reports_key)
    WHERE direct_manager IS NULL AND reports_to IS NOT NULL;

-- Marks of texts and of their pieces of three characters, by the place of whose they are; up to which id of an instance; and the places below that of
-- who came, changed or went since.
CREATE VIRTUAL TABLE texts USING fts5(
    text, content='', contentless_delete=1, detail=none, tokenize='ascii'
);
CREATE TABLE texts_known (
    instance_id BLOB NOT NULL PRIMARY KEY,
    up_to BLOB NOT NULL
) WITHOUT ROWID;
CREATE TABLE texts_stale (
    instance_id BLOB NOT NULL,
    place BIGINT NOT NULL,
    PRIMARY KEY (instance_id, place)
) WITHOUT ROWID;
CREATE TRIGGER texts_come AFTER INSERT ON resources
WHEN new.id <= (SELECT up_to FROM texts_known WHERE instance_id = new.instance_id)
BEGIN
    INSERT INTO texts_stale (instance_id, place) VALUES (new.instance_id, new.place) ON CONFLICT DO NOTHING;
END;
CREATE TRIGGER texts_change AFTER UPDATE OF shadow ON resources
WHEN new.id <= (SELECT up_to FROM texts_known WHERE instance_id = new.instance_id)
BEGIN
    INSERT INTO texts_stale (instance_id, place) VALUES (new.instance_id, new.place) ON CONFLICT DO NOTHING;
END;
CREATE TRIGGER texts_go AFTER DELETE ON resources
WHEN old.id <= (SELECT up_to FROM texts_known WHERE instance_id = old.instance_id)
BEGIN
    INSERT INTO texts_stale (instance_id, place) VALUES (old.instance_id, old.place) ON CONFLICT DO NOTHING;
END;

CREATE TABLE unique_keys (
    instance_id BLOB NOT NULL,
    resource_type TEXT NOT NULL,
    path TEXT NOT NULL,
    key TEXT NOT NULL,
    id BLOB NOT NULL,
    PRIMARY KEY (instance_id, resource_type, path, key)
) WITHOUT ROWID;

CREATE TABLE search_keys (
    instance_id BLOB NOT NULL,
    resource_type TEXT NOT NULL,
    path TEXT NOT NULL,
    key TEXT NOT NULL,
    id BLOB NOT NULL,
    PRIMARY KEY (instance_id, resource_type, path, key, id)
) WITHOUT ROWID;

-- externalId belongs to a connector and a resource.
CREATE TABLE links (
    instance_id BLOB NOT NULL,
    id BLOB NOT NULL,
    connector_id BLOB NOT NULL,
    external_id TEXT NOT NULL,
    PRIMARY KEY (instance_id, id, connector_id)
) WITHOUT ROWID;
CREATE INDEX links_by_external_id ON links (instance_id, connector_id, external_id);

CREATE TABLE members (
    instance_id BLOB NOT NULL,
    group_id BLOB NOT NULL,
    member_id BLOB NOT NULL,
    member_type TEXT NOT NULL,
    PRIMARY KEY (instance_id, group_id, member_id)
) WITHOUT ROWID;
CREATE INDEX members_by_member ON members (instance_id, member_id, group_id);

-- References to nobody yet; folded is the reference as a user name compares, value_key as a member's value does.
CREATE TABLE held (
    instance_id BLOB NOT NULL,
    group_id BLOB NOT NULL,
    connector_id BLOB NOT NULL,
    reference TEXT NOT NULL,
    kind TEXT,
    folded TEXT NOT NULL,
    value_key TEXT NOT NULL,
    PRIMARY KEY (instance_id, group_id, connector_id, reference)
) WITHOUT ROWID;
CREATE INDEX held_by_reference ON held (instance_id, reference);
CREATE INDEX held_by_folded ON held (instance_id, folded);
CREATE INDEX held_by_value ON held (instance_id, value_key);

-- Suspensions and deletions that wait for a person's decision; state is JSON.
CREATE TABLE held_changes (
    instance_id BLOB NOT NULL,
    id BLOB NOT NULL,
    resource_type TEXT NOT NULL,
    resource_id BLOB NOT NULL,
    name TEXT,
    removal TEXT NOT NULL,
    connector_id BLOB NOT NULL,
    at_ms BIGINT NOT NULL,
    state TEXT NOT NULL,
    PRIMARY KEY (instance_id, id),
    UNIQUE (instance_id, resource_id, removal)
) WITHOUT ROWID;
CREATE INDEX held_changes_waiting ON held_changes (instance_id) WHERE state = '"waiting"';

-- User names within a realm of several instances.
CREATE TABLE name_claims (
    realm TEXT NOT NULL,
    key TEXT NOT NULL,
    instance_id BLOB NOT NULL,
    id BLOB NOT NULL,
    PRIMARY KEY (realm, key)
) WITHOUT ROWID;
CREATE INDEX name_claims_by_id ON name_claims (instance_id, id);

CREATE TABLE tombstones (
    instance_id BLOB NOT NULL,
    id BLOB NOT NULL,
    resource_type TEXT NOT NULL,
    deleted_ms BIGINT NOT NULL,
    version BIGINT NOT NULL,
    created_ms BIGINT NOT NULL,
    display TEXT,
    managed_by BLOB,
    user_name_key TEXT,
    account TEXT,
    PRIMARY KEY (instance_id, id)
) WITHOUT ROWID;
CREATE INDEX tombstones_by_time ON tombstones (instance_id, deleted_ms);
CREATE INDEX tombstones_by_name ON tombstones (instance_id, user_name_key, deleted_ms)
    WHERE user_name_key IS NOT NULL;

CREATE TABLE tombstone_links (
    instance_id BLOB NOT NULL,
    connector_id BLOB NOT NULL,
    external_id TEXT NOT NULL,
    id BLOB NOT NULL,
    PRIMARY KEY (instance_id, connector_id, external_id, id)
) WITHOUT ROWID;
CREATE INDEX tombstone_links_by_id ON tombstone_links (instance_id, id);

-- A number is the sum over the slots, of which SQLite has one.
CREATE TABLE counters (
    instance_id BLOB NOT NULL,
    resource_type TEXT NOT NULL,
    slot BIGINT NOT NULL,
    count BIGINT NOT NULL,
    active BIGINT NOT NULL,
    managed BIGINT NOT NULL,
    PRIMARY KEY (instance_id, resource_type, slot)
) WITHOUT ROWID;

-- The default order of a type in ranges, each from an id up to the next one's. The last is not counted.
CREATE TABLE ranges (
    instance_id BLOB NOT NULL,
    resource_type TEXT NOT NULL,
    first_id BLOB NOT NULL,
    slot BIGINT NOT NULL,
    count BIGINT NOT NULL,
    PRIMARY KEY (instance_id, resource_type, first_id, slot)
) WITHOUT ROWID;

-- The ranges in spans of many, in the same form: a span begins where a range does, and its count is the sum of theirs.
CREATE TABLE spans (
    instance_id BLOB NOT NULL,
    resource_type TEXT NOT NULL,
    first_id BLOB NOT NULL,
    slot BIGINT NOT NULL,
    count BIGINT NOT NULL,
    PRIMARY KEY (instance_id, resource_type, first_id, slot)
) WITHOUT ROWID;

-- What a change set did, for one that comes again. The ids stand in the order of time (UUIDv7), and go in that order.
CREATE TABLE change_sets (
    instance_id BLOB NOT NULL,
    id BLOB NOT NULL,
    at_ms BIGINT NOT NULL,
    result TEXT NOT NULL,
    PRIMARY KEY (instance_id, id)
) WITHOUT ROWID;

-- Positions are never used again, whatever is deleted. name_key is there where the record is about nobody with an id.
-- Every index ends with the position, so that each gives its records in commit order.
-- record is JSON of what the columns do not say: the resource's name, changes and fields as lists of what changed, what it was (left out where
-- there was nothing) and what it is, notes, the error.
CREATE TABLE journal (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    instance_id BLOB NOT NULL,
    at_ms BIGINT NOT NULL,
    elapsed_ms BIGINT NOT NULL,
    connector_id BLOB NOT NULL,
    key_id BLOB,
    user_id BLOB,
    admin_key_id BLOB,
    request_id TEXT NOT NULL,
    action TEXT NOT NULL,
    status TEXT NOT NULL,
    resource_type TEXT,
    resource_id BLOB,
    name_key TEXT,
    record TEXT NOT NULL
);
CREATE INDEX journal_by_instance ON journal (instance_id);
CREATE INDEX journal_by_action ON journal (instance_id, connector_id, action);
CREATE INDEX journal_by_resource ON journal (instance_id, resource_id) WHERE resource_id IS NOT NULL;
CREATE INDEX journal_by_name ON journal (instance_id, name_key) WHERE name_key IS NOT NULL;
CREATE INDEX journal_by_status ON journal (instance_id, status) WHERE status <> 'success';

-- Whose membership a record is about, besides the group.
CREATE TABLE journal_members (
    instance_id BLOB NOT NULL,
    member_id BLOB NOT NULL,
    position BIGINT NOT NULL,
    PRIMARY KEY (instance_id, member_id, position)
) WITHOUT ROWID;

-- The first and the last position of each minute, in the log and in the outbox: how a moment becomes a position, although
-- two requests may be committed in another order than they were decided in. In slots, as the counters are.
CREATE TABLE minutes (
    instance_id BLOB NOT NULL,
    minute BIGINT NOT NULL,
    slot BIGINT NOT NULL,
    first_record BIGINT NOT NULL,
    last_record BIGINT NOT NULL,
    last_event BIGINT NOT NULL,
    PRIMARY KEY (instance_id, minute, slot)
) WITHOUT ROWID;

-- The outbox.
CREATE TABLE events (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    instance_id BLOB NOT NULL,
    at_ms BIGINT NOT NULL,
    request_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    resource_type TEXT NOT NULL,
    id BLOB NOT NULL,
    before TEXT,
    after TEXT
);
CREATE INDEX events_by_instance ON events (instance_id);
CREATE INDEX events_by_resource ON events (instance_id, id);
