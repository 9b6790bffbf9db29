-- Ids are 16-byte UUIDs, times are milliseconds since 1970. Every table of an instance's data begins with instance_id.

CREATE TABLE instances (
    id BLOB NOT NULL PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    created_ms BIGINT NOT NULL,
    settings TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE connectors (
    instance_id BLOB NOT NULL,
    id BLOB NOT NULL,
    name TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    dialect TEXT NOT NULL,
    keep_passwords BIGINT NOT NULL,
    PRIMARY KEY (instance_id, id),
    UNIQUE (instance_id, name)
) WITHOUT ROWID;

CREATE TABLE integration_users (
    instance_id BLOB NOT NULL,
    id BLOB NOT NULL,
    name TEXT NOT NULL,
    privilege TEXT NOT NULL,
    PRIMARY KEY (instance_id, id),
    UNIQUE (instance_id, name)
) WITHOUT ROWID;

CREATE TABLE api_keys (
    id BLOB NOT NULL PRIMARY KEY,
    instance_id BLOB NOT NULL,
    connector_id BLOB NOT NULL,
    user_id BLOB NOT NULL,
    hash BLOB NOT NULL,
    created_ms BIGINT NOT NULL,
    expires_ms BIGINT,
    revoked_ms BIGINT
) WITHOUT ROWID;
CREATE INDEX api_keys_by_instance ON api_keys (instance_id, created_ms);

CREATE TABLE secrets (
    name TEXT NOT NULL PRIMARY KEY,
    value BLOB NOT NULL
) WITHOUT ROWID;

-- The document is sent as it stands; filters and sorting run on the folded shadow.
CREATE TABLE resources (
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
    document BLOB NOT NULL,
    shadow BLOB NOT NULL
);
CREATE UNIQUE INDEX resources_by_id ON resources (instance_id, id);
CREATE INDEX resources_by_type ON resources (instance_id, resource_type, id);

CREATE TABLE unique_keys (
    instance_id BLOB NOT NULL,
    resource_type TEXT NOT NULL,
    path TEXT NOT NULL,
    key TEXT NOT NULL,
    id BLOB NOT NULL,
    PRIMARY KEY (instance_id, resource_type, path, key)
) WITHOUT ROWID;
CREATE INDEX unique_keys_by_id ON unique_keys (instance_id, id);

CREATE TABLE search_keys (
    instance_id BLOB NOT NULL,
    resource_type TEXT NOT NULL,
    path TEXT NOT NULL,
    key TEXT NOT NULL,
    id BLOB NOT NULL,
    PRIMARY KEY (instance_id, resource_type, path, key, id)
) WITHOUT ROWID;
CREATE INDEX search_keys_by_id ON search_keys (instance_id, id);

-- externalId belongs to a connector and a resource.
CREATE TABLE links (
    instance_id BLOB NOT NULL,
    connector_id BLOB NOT NULL,
    id BLOB NOT NULL,
    external_id TEXT NOT NULL,
    PRIMARY KEY (instance_id, connector_id, id)
) WITHOUT ROWID;
CREATE INDEX links_by_external_id ON links (instance_id, connector_id, external_id);
CREATE INDEX links_by_id ON links (instance_id, id);

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

CREATE TABLE tombstones (
    instance_id BLOB NOT NULL,
    id BLOB NOT NULL,
    resource_type TEXT NOT NULL,
    deleted_ms BIGINT NOT NULL,
    PRIMARY KEY (instance_id, id)
) WITHOUT ROWID;

CREATE TABLE counters (
    instance_id BLOB NOT NULL,
    resource_type TEXT NOT NULL,
    count BIGINT NOT NULL,
    PRIMARY KEY (instance_id, resource_type)
) WITHOUT ROWID;

CREATE TABLE change_sets (
    instance_id BLOB NOT NULL,
    id BLOB NOT NULL,
    result TEXT NOT NULL,
    PRIMARY KEY (instance_id, id)
) WITHOUT ROWID;

CREATE TABLE journal (
    position INTEGER PRIMARY KEY,
    instance_id BLOB NOT NULL,
    at_ms BIGINT NOT NULL,
    connector_id BLOB,
    key_id BLOB,
    user_id BLOB,
    request_id TEXT NOT NULL,
    record TEXT NOT NULL
);
CREATE INDEX journal_by_instance ON journal (instance_id, position);
