-- How far each reader of the log has come. Whatever decides what a reader does with a change counts `revision` up, so
-- that a step of the reader that was decided on something older is refused.
CREATE TABLE feed_cursors (
    name TEXT NOT NULL PRIMARY KEY,
    position INTEGER NOT NULL,
    revision INTEGER NOT NULL
) STRICT;
INSERT INTO feed_cursors (name, position, revision) VALUES ('webhooks', 0, 0);

-- Where organisations want to be told. One of an organisation is its registration with the Partner Center API.
-- state is active, paused, disabled, or deleted: one that is deleted goes when its deliveries are gone.
CREATE TABLE webhook_endpoints (
    id BLOB NOT NULL PRIMARY KEY,
    organization_id TEXT NOT NULL REFERENCES organizations (id),
    kind TEXT NOT NULL,
    description TEXT,
    url TEXT NOT NULL,
    -- A JSON array of names.
    events TEXT NOT NULL,
    filter TEXT,
    payload TEXT NOT NULL,
    signature_header TEXT NOT NULL,
    secret TEXT NOT NULL,
    previous_secret TEXT,
    previous_secret_until INTEGER,
    state TEXT NOT NULL,
    state_reason TEXT,
    state_since INTEGER NOT NULL,
    -- Since when every attempt has failed; NULL after one that has not.
    failing_since INTEGER,
    -- Changes after this place in the log are told.
    from_position INTEGER NOT NULL,
    created INTEGER NOT NULL,
    updated INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX webhook_registrations ON webhook_endpoints (organization_id) WHERE kind = 'partnerCenter';
CREATE INDEX webhook_endpoints_by_organization ON webhook_endpoints (organization_id, created, id);

-- What is to be sent, once for each endpoint, change and event. The id is the webhook-id of every attempt.
CREATE TABLE webhook_deliveries (
    id BLOB NOT NULL PRIMARY KEY,
    endpoint_id BLOB NOT NULL,
    organization_id TEXT NOT NULL,
    event TEXT NOT NULL,
    -- Of a test, these four are NULL.
    referral_id BLOB,
    position INTEGER,
    change_id BLOB,
    version INTEGER,
    -- When it happened.
    at INTEGER NOT NULL,
    -- pending, delivered or dead.
    state TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    -- Attempts since it was last started anew: the place in the schedule.
    step INTEGER NOT NULL,
    due INTEGER NOT NULL,
    -- Who has taken it, on PostgreSQL: the number of a worker.
    worker INTEGER,
    created INTEGER NOT NULL,
    -- When it was delivered or given up.
    finished INTEGER,
    UNIQUE (endpoint_id, position, event)
) STRICT, WITHOUT ROWID;
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (endpoint_id, due, id)
WHERE state = 'pending' AND worker IS NULL;
CREATE INDEX webhook_deliveries_by_endpoint ON webhook_deliveries (endpoint_id, created, id);
CREATE INDEX webhook_deliveries_finished ON webhook_deliveries (state, finished) WHERE finished IS NOT NULL;

CREATE TABLE webhook_attempts (
    delivery_id BLOB NOT NULL REFERENCES webhook_deliveries (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    url TEXT NOT NULL,
    started INTEGER NOT NULL,
    duration_ms INTEGER NOT NULL,
    outcome TEXT NOT NULL,
    status INTEGER,
    -- The first bytes of the answer.
    answer TEXT,
    error TEXT,
    PRIMARY KEY (delivery_id, number)
) STRICT, WITHOUT ROWID;
