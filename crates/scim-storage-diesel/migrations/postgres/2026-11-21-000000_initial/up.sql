-- Ids are 16-byte UUIDs, times are milliseconds since 1970. Every table of an instance's data begins with instance_id, and so
-- does its primary key, but where something is asked for by its id alone. Texts compare as bytes (COLLATE "C"), whatever the
-- database's own order is: folding is done by the program.

CREATE TABLE instances (
    id BYTEA NOT NULL PRIMARY KEY,
    name TEXT COLLATE "C" NOT NULL UNIQUE,
    created_ms BIGINT NOT NULL,
    settings TEXT COLLATE "C" NOT NULL,
    generation BIGINT NOT NULL
);

CREATE TABLE connectors (
    instance_id BYTEA NOT NULL,
    id BYTEA NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    created_ms BIGINT NOT NULL,
    dialect TEXT COLLATE "C" NOT NULL,
    keep_passwords BIGINT NOT NULL,
    settings TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (instance_id, id),
    UNIQUE (instance_id, name)
);
-- A connector's URL has its id alone.
CREATE UNIQUE INDEX connectors_by_id ON connectors (id);

CREATE TABLE integration_users (
    instance_id BYTEA NOT NULL,
    id BYTEA NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    privilege TEXT COLLATE "C" NOT NULL,
    suspended BIGINT NOT NULL,
    email TEXT COLLATE "C",
    PRIMARY KEY (instance_id, id),
    UNIQUE (instance_id, name)
);

-- Of a secret there is either the keyed hash with the pepper's id, or the password. due_ms is when something about the key
-- ends by itself and is still to be told.
CREATE TABLE api_keys (
    id BYTEA NOT NULL PRIMARY KEY,
    instance_id BYTEA NOT NULL,
    connector_id BYTEA NOT NULL,
    user_id BYTEA NOT NULL,
    pepper_id BYTEA,
    mac BYTEA,
    password TEXT COLLATE "C",
    ending TEXT COLLATE "C" NOT NULL,
    created_ms BIGINT NOT NULL,
    not_before_ms BIGINT,
    expires_ms BIGINT,
    limits TEXT COLLATE "C" NOT NULL,
    generation BIGINT NOT NULL,
    first_used_ms BIGINT,
    first_written_ms BIGINT,
    last_used_ms BIGINT,
    last_address TEXT COLLATE "C",
    retiring_ms BIGINT,
    retires_ms BIGINT,
    revoked_ms BIGINT,
    revocation TEXT COLLATE "C",
    reminded BIGINT,
    due_ms BIGINT GENERATED ALWAYS AS (
        CASE
            WHEN revoked_ms IS NOT NULL THEN NULL
            WHEN expires_ms IS NULL OR reminded = 0 THEN retires_ms
            WHEN retires_ms < expires_ms THEN retires_ms
            ELSE expires_ms
        END
    ) STORED,
    CHECK ((pepper_id IS NULL) = (mac IS NULL) AND (mac IS NULL) <> (password IS NULL))
);
CREATE INDEX api_keys_by_instance ON api_keys (instance_id, created_ms, id);
CREATE INDEX api_keys_live ON api_keys (instance_id, connector_id, user_id, created_ms) WHERE revoked_ms IS NULL;
CREATE INDEX api_keys_due ON api_keys (due_ms, id) WHERE due_ms IS NOT NULL;

-- How often something changed that a key's answers depend on: keys (but for when they were used last), connectors,
-- integration users, settings, the mapping. No row stands for 0. Of its own, so that nobody waits for an instance's row.
CREATE TABLE access (
    instance_id BYTEA NOT NULL PRIMARY KEY,
    generation BIGINT NOT NULL
);

-- Keys to the administration; instance_id is nil for those of the whole server.
CREATE TABLE admin_keys (
    id BYTEA NOT NULL PRIMARY KEY,
    instance_id BYTEA NOT NULL,
    role TEXT COLLATE "C" NOT NULL,
    label TEXT COLLATE "C" NOT NULL,
    pepper_id BYTEA NOT NULL,
    mac BYTEA NOT NULL,
    ending TEXT COLLATE "C" NOT NULL,
    created_ms BIGINT NOT NULL,
    expires_ms BIGINT,
    networks TEXT COLLATE "C" NOT NULL,
    issued_by BYTEA,
    last_used_ms BIGINT,
    last_address TEXT COLLATE "C",
    revoked_ms BIGINT
);
CREATE INDEX admin_keys_by_instance ON admin_keys (instance_id, created_ms, id);

-- First answers to requests that may be repeated, by whose they are and a hash of what names them; instance_id is where
-- the request was begun, nil for the server.
CREATE TABLE answers (
    caller BYTEA NOT NULL,
    key BYTEA NOT NULL,
    instance_id BYTEA NOT NULL,
    request BYTEA NOT NULL,
    at_ms BIGINT NOT NULL,
    answer BYTEA,
    PRIMARY KEY (caller, key)
);
CREATE INDEX answers_by_time ON answers (instance_id, at_ms);

-- The ids of the peppers that nodes of this store hold.
CREATE TABLE peppers (
    id BYTEA NOT NULL PRIMARY KEY
);

-- Which node does what one is to do for all of them.
CREATE TABLE leases (
    name TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    holder BYTEA,
    turn BIGINT NOT NULL,
    at_ms BIGINT NOT NULL
);

CREATE TABLE secrets (
    name TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    value BYTEA NOT NULL
);

CREATE TABLE mappings (
    instance_id BYTEA NOT NULL,
    version BIGINT NOT NULL,
    at_ms BIGINT NOT NULL,
    text TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (instance_id, version)
);

CREATE TABLE objects (
    instance_id BYTEA NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    name_key TEXT COLLATE "C" NOT NULL,
    id BYTEA NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (instance_id, kind, name_key)
);

CREATE TABLE jobs (
    instance_id BYTEA NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (instance_id, name)
);

-- How far imports of files have come, and the lines that they did not take; name_key is a line's key as a user name
-- compares.
CREATE TABLE imports (
    instance_id BYTEA NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    label TEXT COLLATE "C" NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    started_ms BIGINT NOT NULL,
    updated_ms BIGINT NOT NULL,
    lines BIGINT NOT NULL,
    within BIGINT NOT NULL,
    imported BIGINT NOT NULL,
    there BIGINT NOT NULL,
    rejected BIGINT NOT NULL,
    PRIMARY KEY (instance_id, id)
);
CREATE INDEX imports_by_start ON imports (instance_id, started_ms, id);
CREATE INDEX imports_by_update ON imports (instance_id, updated_ms, id);

CREATE TABLE rejected_lines (
    instance_id BYTEA NOT NULL,
    import_id TEXT COLLATE "C" NOT NULL,
    line BIGINT NOT NULL,
    name TEXT COLLATE "C",
    name_key TEXT COLLATE "C",
    reason TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (instance_id, import_id, line)
);

-- The document is sent as it stands; filters and sorting run on the folded shadow. Most updates change no column of an index
-- (nor does a membership, which counts one up): where a page has room, the new row goes beside the old one and the indexes
-- stay as they are, hence the fillfactor. Rows of up to 8 KB are not compressed: that costs more than what else a write does to them,
-- and a filter that reads everybody twice the time.
-- reports_to is a reference as it was sent, reports_key the same as a user name compares, reports_via the connector that
-- sent it. keys lists the row's own rows of unique_keys and search_keys, which are found by it when the row changes or goes.
CREATE TABLE resources (
    instance_id BYTEA NOT NULL,
    resource_type TEXT COLLATE "C" NOT NULL,
    id BYTEA NOT NULL,
    version BIGINT NOT NULL,
    membership BIGINT NOT NULL,
    created_ms BIGINT NOT NULL,
    modified_ms BIGINT NOT NULL,
    display TEXT COLLATE "C",
    display_key TEXT COLLATE "C",
    manager TEXT COLLATE "C",
    managed_by BYTEA,
    active BIGINT NOT NULL,
    reports_to TEXT COLLATE "C",
    reports_key TEXT COLLATE "C",
    reports_via BYTEA,
    direct_manager BYTEA,
    keys TEXT COLLATE "C" NOT NULL,
    document BYTEA NOT NULL,
    shadow JSONB NOT NULL,
    account TEXT COLLATE "C",
    PRIMARY KEY (instance_id, id)
) WITH (fillfactor = 85, toast_tuple_target = 8160);
CREATE INDEX resources_by_type ON resources (instance_id, resource_type, id);
-- Those who report to somebody, and those who wait for somebody to report to.
CREATE INDEX reports_linked ON resources (instance_id, direct_manager) WHERE direct_manager IS NOT NULL;
CREATE INDEX reports_waiting ON resources (instance_id, reports_to)
    WHERE direct_manager IS NULL AND reports_to IS NOT NULL;
CREATE INDEX reports_waiting_by_key ON resources (instance_id, reports_key)
    WHERE direct_manager IS NULL AND reports_to IS NOT NULL;

-- Marks of texts and of their pieces of three characters, of whom searches find by them: an index that follows when somebody
-- searches. texts_known says of which instances there is one, and up to which id it was made; who came, changed or went since
-- then stands in texts_stale, with a new random change each time. busy_ms is until when a node is taken to be making it.
CREATE TABLE texts (
    instance_id BYTEA NOT NULL,
    id BYTEA NOT NULL,
    marks BIGINT[] NOT NULL,
    PRIMARY KEY (instance_id, id)
);
-- Hashes do not compress.
ALTER TABLE texts ALTER COLUMN marks SET STORAGE EXTERNAL;
CREATE INDEX texts_by_mark ON texts USING gin (marks);
CREATE TABLE texts_known (
    instance_id BYTEA NOT NULL PRIMARY KEY,
    up_to BYTEA NOT NULL,
    busy_ms BIGINT NOT NULL
) WITH (fillfactor = 50);
-- Its rows come and go, and each search reads them.
CREATE TABLE texts_stale (
    instance_id BYTEA NOT NULL,
    id BYTEA NOT NULL,
    change BYTEA NOT NULL,
    PRIMARY KEY (instance_id, id)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);

-- The record's row is locked by whoever notes it, so nobody else does at the same time. Of an instance without an index there is
-- nothing to note.
CREATE FUNCTION texts_note() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO texts_stale (instance_id, id, change)
        SELECT k.instance_id, coalesce(NEW.id, OLD.id), uuid_send(gen_random_uuid()) FROM texts_known k
        WHERE k.instance_id = coalesce(NEW.instance_id, OLD.instance_id)
        ON CONFLICT (instance_id, id) DO UPDATE SET change = excluded.change;
    RETURN NULL;
END $$;
CREATE TRIGGER texts_note AFTER INSERT OR DELETE OR UPDATE OF shadow ON resources
    FOR EACH ROW EXECUTE FUNCTION texts_note();

-- Whom a search has to look at, as ids, some perhaps twice: who has all the marks from one of the firsts to one of the lasts, and
-- whoever the index does not know as they are now. NULL where those are `most` or more. Its plans are by the indexes, whatever the
-- tables held when they were made.
CREATE FUNCTION texts_among(of_instance BYTEA, wanted BIGINT[], firsts BIGINT[], lasts BIGINT[], most BIGINT)
    RETURNS BYTEA[] LANGUAGE plpgsql STABLE SET enable_seqscan = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    found BYTEA[];
BEGIN
    found := ARRAY(
        SELECT s.id FROM texts_stale s WHERE s.instance_id = of_instance
        UNION ALL SELECT x.id FROM resources x WHERE x.instance_id = of_instance
            AND x.id > coalesce((SELECT k.up_to FROM texts_known k WHERE k.instance_id = of_instance), '')
        UNION ALL SELECT t.id FROM unnest(firsts, lasts) AS w (first, last)
            INNER JOIN texts t ON t.marks @> wanted[CAST(w.first AS INTEGER):CAST(w.last AS INTEGER)]
        LIMIT most);
    RETURN CASE WHEN cardinality(found) < most THEN found END;
END $$;

CREATE TABLE unique_keys (
    instance_id BYTEA NOT NULL,
    resource_type TEXT COLLATE "C" NOT NULL,
    path TEXT COLLATE "C" NOT NULL,
    key TEXT COLLATE "C" NOT NULL,
    id BYTEA NOT NULL,
    PRIMARY KEY (instance_id, resource_type, path, key)
);

CREATE TABLE search_keys (
    instance_id BYTEA NOT NULL,
    resource_type TEXT COLLATE "C" NOT NULL,
    path TEXT COLLATE "C" NOT NULL,
    key TEXT COLLATE "C" NOT NULL,
    id BYTEA NOT NULL,
    PRIMARY KEY (instance_id, resource_type, path, key, id)
);

-- externalId belongs to a connector and a resource.
CREATE TABLE links (
    instance_id BYTEA NOT NULL,
    id BYTEA NOT NULL,
    connector_id BYTEA NOT NULL,
    external_id TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (instance_id, id, connector_id)
);
CREATE INDEX links_by_external_id ON links (instance_id, connector_id, external_id, id);

CREATE TABLE members (
    instance_id BYTEA NOT NULL,
    group_id BYTEA NOT NULL,
    member_id BYTEA NOT NULL,
    member_type TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (instance_id, group_id, member_id)
);
CREATE INDEX members_by_member ON members (instance_id, member_id, group_id);

-- References to nobody yet; folded is the reference as a user name compares, value_key as a member's value does.
CREATE TABLE held (
    instance_id BYTEA NOT NULL,
    group_id BYTEA NOT NULL,
    connector_id BYTEA NOT NULL,
    reference TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C",
    folded TEXT COLLATE "C" NOT NULL,
    value_key TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (instance_id, group_id, connector_id, reference)
);
CREATE INDEX held_by_reference ON held (instance_id, reference);
CREATE INDEX held_by_folded ON held (instance_id, folded);
CREATE INDEX held_by_value ON held (instance_id, value_key);

-- Suspensions and deletions that wait for a person's decision; state is JSON.
CREATE TABLE held_changes (
    instance_id BYTEA NOT NULL,
    id BYTEA NOT NULL,
    resource_type TEXT COLLATE "C" NOT NULL,
    resource_id BYTEA NOT NULL,
    name TEXT COLLATE "C",
    removal TEXT COLLATE "C" NOT NULL,
    connector_id BYTEA NOT NULL,
    at_ms BIGINT NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (instance_id, id),
    UNIQUE (instance_id, resource_id, removal)
);
CREATE INDEX held_changes_waiting ON held_changes (instance_id) WHERE state = '"waiting"';

-- User names within a realm of several instances.
CREATE TABLE name_claims (
    realm TEXT COLLATE "C" NOT NULL,
    key TEXT COLLATE "C" NOT NULL,
    instance_id BYTEA NOT NULL,
    id BYTEA NOT NULL,
    PRIMARY KEY (realm, key)
);
CREATE INDEX name_claims_by_id ON name_claims (instance_id, id);

CREATE TABLE tombstones (
    instance_id BYTEA NOT NULL,
    id BYTEA NOT NULL,
    resource_type TEXT COLLATE "C" NOT NULL,
    deleted_ms BIGINT NOT NULL,
    version BIGINT NOT NULL,
    created_ms BIGINT NOT NULL,
    display TEXT COLLATE "C",
    managed_by BYTEA,
    user_name_key TEXT COLLATE "C",
    account TEXT COLLATE "C",
    PRIMARY KEY (instance_id, id)
);
CREATE INDEX tombstones_by_time ON tombstones (instance_id, deleted_ms, id);
CREATE INDEX tombstones_by_name ON tombstones (instance_id, user_name_key, deleted_ms, id)
    WHERE user_name_key IS NOT NULL;

CREATE TABLE tombstone_links (
    instance_id BYTEA NOT NULL,
    connector_id BYTEA NOT NULL,
    external_id TEXT COLLATE "C" NOT NULL,
    id BYTEA NOT NULL,
    PRIMARY KEY (instance_id, connector_id, external_id, id)
);
CREATE INDEX tombstone_links_by_id ON tombstone_links (instance_id, id);

-- A number is the sum over the slots. Each change set adds to one of them, so that few wait for one another.
CREATE TABLE counters (
    instance_id BYTEA NOT NULL,
    resource_type TEXT COLLATE "C" NOT NULL,
    slot BIGINT NOT NULL,
    count BIGINT NOT NULL,
    active BIGINT NOT NULL,
    managed BIGINT NOT NULL,
    PRIMARY KEY (instance_id, resource_type, slot)
) WITH (fillfactor = 50);

-- The default order of a type in ranges, each from an id up to the next one's. The last is not counted.
CREATE TABLE ranges (
    instance_id BYTEA NOT NULL,
    resource_type TEXT COLLATE "C" NOT NULL,
    first_id BYTEA NOT NULL,
    slot BIGINT NOT NULL,
    count BIGINT NOT NULL,
    PRIMARY KEY (instance_id, resource_type, first_id, slot)
);

-- The ranges in spans of many, in the same form: a span begins where a range does, and its count is the sum of theirs.
CREATE TABLE spans (
    instance_id BYTEA NOT NULL,
    resource_type TEXT COLLATE "C" NOT NULL,
    first_id BYTEA NOT NULL,
    slot BIGINT NOT NULL,
    count BIGINT NOT NULL,
    PRIMARY KEY (instance_id, resource_type, first_id, slot)
);

-- What a change set did, for one that comes again. The ids stand in the order of time (UUIDv7), and go in that order.
CREATE TABLE change_sets (
    instance_id BYTEA NOT NULL,
    id BYTEA NOT NULL,
    at_ms BIGINT NOT NULL,
    result TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (instance_id, id)
);

-- Positions are made by the commit and never used again, whatever is deleted. name_key is there where the record is about
-- nobody with an id. Every index ends with the position, so that each gives its records in commit order.
-- record is JSON of what the columns do not say: the resource's name, changes and fields as lists of what changed, what it was (left out where
-- there was nothing) and what it is, notes, the error.
CREATE TABLE journal (
    instance_id BYTEA NOT NULL,
    position BIGINT NOT NULL,
    at_ms BIGINT NOT NULL,
    elapsed_ms BIGINT NOT NULL,
    connector_id BYTEA NOT NULL,
    key_id BYTEA,
    user_id BYTEA,
    admin_key_id BYTEA,
    request_id TEXT COLLATE "C" NOT NULL,
    action TEXT COLLATE "C" NOT NULL,
    status TEXT COLLATE "C" NOT NULL,
    resource_type TEXT COLLATE "C",
    resource_id BYTEA,
    name_key TEXT COLLATE "C",
    record TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (instance_id, position)
);
CREATE INDEX journal_by_action ON journal (instance_id, connector_id, action, position);
CREATE INDEX journal_by_resource ON journal (instance_id, resource_id, position) WHERE resource_id IS NOT NULL;
CREATE INDEX journal_by_name ON journal (instance_id, name_key, position) WHERE name_key IS NOT NULL;
CREATE INDEX journal_by_status ON journal (instance_id, status, position) WHERE status <> 'success';

-- From where an instance's positions count; 0 where there is no row.
CREATE TABLE position_bases (
    instance_id BYTEA NOT NULL PRIMARY KEY,
    base BIGINT NOT NULL
);

-- Whose membership a record is about, besides the group.
CREATE TABLE journal_members (
    instance_id BYTEA NOT NULL,
    member_id BYTEA NOT NULL,
    position BIGINT NOT NULL,
    PRIMARY KEY (instance_id, member_id, position)
);

-- The first and the last position of each minute, in the log and in the outbox: how a moment becomes a position, although
-- two requests may be committed in another order than they were decided in. In slots, as the counters are.
CREATE TABLE minutes (
    instance_id BYTEA NOT NULL,
    minute BIGINT NOT NULL,
    slot BIGINT NOT NULL,
    first_record BIGINT NOT NULL,
    last_record BIGINT NOT NULL,
    last_event BIGINT NOT NULL,
    PRIMARY KEY (instance_id, minute, slot)
) WITH (fillfactor = 50);

-- The outbox.
CREATE TABLE events (
    instance_id BYTEA NOT NULL,
    position BIGINT NOT NULL,
    at_ms BIGINT NOT NULL,
    request_id TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    resource_type TEXT COLLATE "C" NOT NULL,
    id BYTEA NOT NULL,
    before TEXT COLLATE "C",
    after TEXT COLLATE "C",
    PRIMARY KEY (instance_id, position)
);
CREATE INDEX events_by_resource ON events (instance_id, id, position);
