-- What happened that is no change of a referral: sign-ins, refusals, exports, administration. Rows are added, and go when
-- they are old; a row with a bucket counts what is like it in its minute.
CREATE TABLE audit_events (
    id UUID NOT NULL PRIMARY KEY,
    -- NULL: it belongs to no organisation, and is for the operator alone.
    organization_id TEXT,
    at BIGINT NOT NULL,
    -- When the last one was that is counted here.
    last BIGINT NOT NULL,
    resource TEXT NOT NULL,
    deed TEXT NOT NULL,
    has_failed BIGINT NOT NULL,
    user_id UUID,
    application_id TEXT NOT NULL,
    -- What it was done to.
    subject TEXT NOT NULL,
    old_value TEXT,
    new_value TEXT,
    -- A JSON array of names with their values.
    details TEXT NOT NULL,
    count BIGINT NOT NULL,
    bucket TEXT UNIQUE
);
CREATE INDEX audit_events_by_organization ON audit_events (organization_id, at, id);
CREATE INDEX audit_events_by_time ON audit_events (at, id);

-- What was sent, at each attempt: the SHA-256 of the body, its length, and the body itself where it is short and no earlier
-- attempt of the delivery sent the same.
ALTER TABLE webhook_attempts ADD COLUMN body_digest BYTEA;
ALTER TABLE webhook_attempts ADD COLUMN body_bytes BIGINT;
ALTER TABLE webhook_attempts ADD COLUMN body TEXT;
