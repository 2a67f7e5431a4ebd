-- Organisations and what they own.
CREATE TABLE organizations (
    id TEXT NOT NULL PRIMARY KEY,
    tenant_id UUID NOT NULL UNIQUE,
    name TEXT NOT NULL,
    domain TEXT UNIQUE
);

CREATE TABLE locations (
    id UUID NOT NULL PRIMARY KEY,
    organization_id TEXT NOT NULL REFERENCES organizations (id),
    mpn_id TEXT NOT NULL,
    name TEXT NOT NULL,
    is_default BIGINT NOT NULL,
    UNIQUE (organization_id, mpn_id)
);

-- Ids are kept as given; id_key is the id in lower case, because ids are compared without regard to case.
CREATE TABLE solutions (
    id_key TEXT NOT NULL PRIMARY KEY,
    id TEXT NOT NULL,
    organization_id TEXT NOT NULL REFERENCES organizations (id),
    name TEXT NOT NULL
);

CREATE TABLE applications (
    id UUID NOT NULL PRIMARY KEY,
    organization_id TEXT NOT NULL REFERENCES organizations (id),
    name TEXT NOT NULL,
    secret_hash BYTEA
);

-- roles is a JSON array of names; locations a JSON array of mpnIds, or NULL for the entire company.
CREATE TABLE users (
    id UUID NOT NULL PRIMARY KEY,
    organization_id TEXT NOT NULL REFERENCES organizations (id),
    email TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    password_hash TEXT,
    issuer TEXT,
    subject TEXT,
    roles TEXT NOT NULL,
    locations TEXT,
    UNIQUE (issuer, subject)
);

-- Facts about the server as a whole, such as public_url.
CREATE TABLE settings (
    name TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);

CREATE TABLE signing_keys (
    id TEXT NOT NULL PRIMARY KEY,
    private_pem TEXT NOT NULL,
    created BIGINT NOT NULL,
    -- 1 for the key that the first start makes, so that two first starts agree on one.
    first BIGINT UNIQUE
);

-- The document is the truth; the other columns are an index on it and on who made it. Times are ticks of 100 ns.
CREATE TABLE referrals (
    id UUID NOT NULL PRIMARY KEY,
    engagement_id UUID NOT NULL,
    organization_id TEXT NOT NULL,
    inviter TEXT NOT NULL,
    inviter_mpn_id TEXT,
    creator_id UUID NOT NULL,
    mpn_id TEXT,
    status TEXT NOT NULL,
    substatus TEXT NOT NULL,
    type TEXT NOT NULL,
    qualification TEXT NOT NULL,
    country TEXT,
    is_shared_with_microsoft BIGINT NOT NULL,
    created BIGINT NOT NULL,
    updated BIGINT NOT NULL,
    expiration BIGINT,
    version BIGINT NOT NULL,
    document TEXT NOT NULL,
    -- One record for each party.
    UNIQUE (engagement_id, organization_id)
);

CREATE TABLE referral_team (
    referral_id UUID NOT NULL,
    email TEXT NOT NULL,
    PRIMARY KEY (referral_id, email)
);

-- The log. Transactions commit in another order than they start, so a change has no place in it yet when it
-- is written: one leased task numbers committed changes (changes_pending lists them), and readers see numbered
-- changes only. A reader that remembers a position can therefore never pass an open transaction.
CREATE TABLE changes (
    sequence BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id UUID NOT NULL,
    referral_id UUID NOT NULL,
    engagement_id UUID NOT NULL,
    organization_id TEXT NOT NULL,
    action TEXT NOT NULL,
    actor_organization_id TEXT NOT NULL,
    actor_user_id UUID NOT NULL,
    application_id TEXT NOT NULL,
    at BIGINT NOT NULL,
    from_etag TEXT,
    to_etag TEXT NOT NULL,
    to_version BIGINT NOT NULL,
    differences TEXT NOT NULL,
    salts BYTEA NOT NULL,
    ignored TEXT NOT NULL,
    facts BYTEA NOT NULL
);

CREATE TABLE changes_pending (
    sequence BIGINT PRIMARY KEY,
    engagement_id UUID NOT NULL,
    facts BYTEA NOT NULL
);

CREATE TABLE change_positions (
    position BIGINT PRIMARY KEY,
    sequence BIGINT NOT NULL UNIQUE,
    engagement_id UUID NOT NULL,
    hash BYTEA NOT NULL
);
CREATE INDEX changes_by_engagement ON change_positions (engagement_id, position);

CREATE VIEW log AS
SELECT p.position, c.id, c.referral_id, p.engagement_id, c.organization_id, c.action, c.actor_organization_id,
    c.actor_user_id, c.application_id, c.at, c.from_etag, c.to_etag, c.to_version, c.differences, c.salts, c.ignored,
    c.facts, p.hash
FROM change_positions p
JOIN changes c ON c.sequence = p.sequence;

-- What an idempotency key led to. The key covers organisation, principal, application and route.
CREATE TABLE idempotency (
    key BYTEA NOT NULL PRIMARY KEY,
    body_hash BYTEA NOT NULL,
    referral_id UUID NOT NULL,
    expires BIGINT NOT NULL
);
CREATE INDEX idempotency_by_expiry ON idempotency (expires);
