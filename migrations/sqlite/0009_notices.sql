-- What people are told of. A notice says that something happened to a referral, and nothing of the referral itself: what
-- is shown of that is read when it is shown.
CREATE TABLE notices (
    id BLOB NOT NULL PRIMARY KEY,
    organization_id TEXT NOT NULL,
    user_id BLOB NOT NULL,
    kind TEXT NOT NULL,
    referral_id BLOB NOT NULL,
    -- The change or the deadline that it tells of. Nobody is told of one twice.
    cause TEXT NOT NULL,
    at INTEGER NOT NULL,
    -- Its place in the order of the list: which step of the reader made it, and as which. What one step makes becomes
    -- visible at once.
    place INTEGER NOT NULL,
    -- The mail that tells of it, if one does.
    mail_id BLOB,
    created INTEGER NOT NULL,
    read_at INTEGER,
    UNIQUE (user_id, cause)
) STRICT, WITHOUT ROWID;
CREATE INDEX notices_by_user ON notices (user_id, place, id);
CREATE INDEX notices_unread ON notices (user_id) WHERE read_at IS NULL;
CREATE INDEX notices_by_mail ON notices (mail_id) WHERE mail_id IS NOT NULL;
CREATE INDEX notices_by_age ON notices (created);

-- Mails to people: one notice each, or the digest of a day. state is gathering (a digest that may grow), pending, sent,
-- dead (given up) or dropped (nobody was to be told any more).
CREATE TABLE notice_mails (
    id BLOB NOT NULL PRIMARY KEY,
    organization_id TEXT NOT NULL,
    user_id BLOB NOT NULL,
    -- single or digest.
    kind TEXT NOT NULL,
    -- Days since 1970-01-01.
    day INTEGER NOT NULL,
    state TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    due INTEGER NOT NULL,
    created INTEGER NOT NULL,
    finished INTEGER
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX notice_digests ON notice_mails (user_id, day) WHERE kind = 'digest';
CREATE INDEX notice_mails_by_day ON notice_mails (user_id, day);
CREATE INDEX notice_mails_due ON notice_mails (due, id) WHERE finished IS NULL;
CREATE INDEX notice_mails_finished ON notice_mails (finished) WHERE finished IS NOT NULL;

-- How people want to be told; who has no row has not said. kinds is a JSON array of names.
CREATE TABLE notice_preferences (
    user_id BLOB NOT NULL PRIMARY KEY,
    email INTEGER NOT NULL,
    digest TEXT NOT NULL,
    kinds TEXT NOT NULL,
    locale TEXT,
    updated INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Up to which deadline people were reminded, so many days before it.
CREATE TABLE notice_reminders (
    days INTEGER NOT NULL PRIMARY KEY,
    expiration INTEGER NOT NULL,
    referral_id BLOB NOT NULL
) STRICT;
INSERT INTO notice_reminders (days, expiration, referral_id)
VALUES (3, 0, x'00000000000000000000000000000000'), (1, 0, x'00000000000000000000000000000000');

-- People are told of what happens from here on.
INSERT INTO feed_cursors (name, position, revision)
SELECT 'notices', COALESCE(MAX(position), 0), 0 FROM log;
