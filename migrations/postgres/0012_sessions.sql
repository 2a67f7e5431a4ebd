-- Where an application may have people sent back to after they have signed in: a JSON array of addresses.
ALTER TABLE applications ADD COLUMN redirect_uris TEXT NOT NULL DEFAULT '[]';
-- The applications of a sandbox are for programs on the machine of their developer.
UPDATE applications SET redirect_uris = '["http://localhost"]'
WHERE EXISTS (SELECT 1 FROM settings WHERE name = 'sandbox' AND value = 'true');

-- What an application gets a token for, once. Only the hash of a code is kept; a row stays until it expires, so that a code
-- that comes a second time is known.
CREATE TABLE authorization_codes (
    hash BYTEA NOT NULL PRIMARY KEY,
    -- JSON: for whom, through which application, and what was asked for.
    facts TEXT NOT NULL,
    expires BIGINT NOT NULL,
    is_redeemed BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX authorization_codes_by_end ON authorization_codes (expires);

-- People who are signed in with a browser. Only the hash of what the browser holds is kept.
CREATE TABLE sessions (
    hash BYTEA NOT NULL PRIMARY KEY,
    tenant_id UUID NOT NULL,
    user_id UUID NOT NULL,
    -- A mark of the password and the roles that it began with.
    stamp TEXT NOT NULL,
    created BIGINT NOT NULL,
    last_used BIGINT NOT NULL,
    -- When it ends if it is not used again.
    expires BIGINT NOT NULL
);
CREATE INDEX sessions_by_end ON sessions (expires);
