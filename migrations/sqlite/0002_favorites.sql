-- What a person marked. It is no fact of the referral: no version, no change.
CREATE TABLE favorites (
    user_id BLOB NOT NULL,
    referral_id BLOB NOT NULL,
    PRIMARY KEY (user_id, referral_id)
) STRICT, WITHOUT ROWID;

-- The versions of one record, for a writer that comes too late.
CREATE INDEX changes_by_referral ON changes (referral_id, to_version);
