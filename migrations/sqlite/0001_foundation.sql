-- Organisations and what they own.
CREATE TABLE organizations (
    id TEXT NOT NULL PRIMARY KEY,
    tenant_id BLOB NOT NULL UNIQUE,
    name TEXT NOT NULL,
    domain TEXT UNIQUE
) STRICT;

CREATE TABLE locations (
    id BLOB NOT NULL PRIMARY KEY,
    organization_id TEXT NOT NULL REFERENCES organizations (id),
    mpn_id TEXT NOT NULL,
    name TEXT NOT NULL,
    is_default INTEGER NOT NULL,
    UNIQUE (organization_id, mpn_id)
) STRICT;

-- Ids are kept as given; id_key is the id in lower case, because ids are compared without regard to case.
CREATE TABLE solutions (
    id_key TEXT NOT NULL PRIMARY KEY,
    id TEXT NOT NULL,
    organization_id TEXT NOT NULL REFERENCES organizations (id),
    name TEXT NOT NULL
) STRICT;

CREATE TABLE applications (
    id BLOB NOT NULL PRIMARY KEY,
    organization_id TEXT NOT NULL REFERENCES organizations (id),
    name TEXT NOT NULL,
    secret_hash BLOB
) STRICT;

-- roles is a JSON array of names; locations a JSON array of mpnIds, or NULL for the entire company.
CREATE TABLE users (
    id BLOB NOT NULL PRIMARY KEY,
    organization_id TEXT NOT NULL REFERENCES organizations (id),
    email TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    password_hash TEXT,
    issuer TEXT,
    subject TEXT,
    roles TEXT NOT NULL,
    locations TEXT,
    UNIQUE (issuer, subject)
) STRICT;

-- Facts about the server as a whole, such as public_url.
CREATE TABLE settings (
    name TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;

CREATE TABLE signing_keys (
    id TEXT NOT NULL PRIMARY KEY,
    private_pem TEXT NOT NULL,
    created INTEGER NOT NULL,
    -- 1 for the key that the first start makes, so that two first starts agree on one.
    first INTEGER UNIQUE
) STRICT;

-- The document is the truth; the other columns are an index on it and on who made it. Times are ticks of 100 ns.
CREATE TABLE referrals (
    row INTEGER PRIMARY KEY,
    id BLOB NOT NULL UNIQUE,
    engagement_id BLOB NOT NULL,
    organization_id TEXT NOT NULL,
    inviter TEXT NOT NULL,
    inviter_mpn_id TEXT,
    creator_id BLOB NOT NULL,
    mpn_id TEXT,
    status TEXT NOT NULL,
    substatus TEXT NOT NULL,
    type TEXT NOT NULL,
    qualification TEXT NOT NULL,
    country TEXT,
    is_shared_with_microsoft INTEGER NOT NULL,
    created INTEGER NOT NULL,
    updated INTEGER NOT NULL,
    expiration INTEGER,
    version INTEGER NOT NULL,
    document TEXT NOT NULL,
    -- One record for each party.
    UNIQUE (engagement_id, organization_id)
) STRICT;

CREATE TABLE referral_team (
    referral_id BLOB NOT NULL,
    email TEXT NOT NULL,
    PRIMARY KEY (referral_id, email)
) STRICT, WITHOUT ROWID;

-- The log. The single writer gives positions in commit order, so a reader can never pass an open transaction.
CREATE TABLE changes (
    position INTEGER PRIMARY KEY,
    id BLOB NOT NULL,
    referral_id BLOB NOT NULL,
    engagement_id BLOB NOT NULL,
    organization_id TEXT NOT NULL,
    action TEXT NOT NULL,
    actor_organization_id TEXT NOT NULL,
    actor_user_id BLOB NOT NULL,
    application_id TEXT NOT NULL,
    at INTEGER NOT NULL,
    from_etag TEXT,
    to_etag TEXT NOT NULL,
    to_version INTEGER NOT NULL,
    differences TEXT NOT NULL,
    salts BLOB NOT NULL,
    ignored TEXT NOT NULL,
    facts BLOB NOT NULL,
    hash BLOB NOT NULL
) STRICT;
CREATE INDEX changes_by_engagement ON changes (engagement_id, position);

CREATE VIEW log AS
SELECT position, id, referral_id, engagement_id, organization_id, action, actor_organization_id, actor_user_id,
    application_id, at, from_etag, to_etag, to_version, differences, salts, ignored, facts, hash
FROM changes;

-- What an idempotency key led to. The key covers organisation, principal, application and route.
CREATE TABLE idempotency (
    key BLOB NOT NULL PRIMARY KEY,
    body_hash BLOB NOT NULL,
    referral_id BLOB NOT NULL,
    expires INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_by_expiry ON idempotency (expires);
