-- What a person marked. It is no fact of the referral: no version, no change.
CREATE TABLE favorites (
    user_id UUID NOT NULL,
    referral_id UUID NOT NULL,
    PRIMARY KEY (user_id, referral_id)
);

-- The versions of one record, for a writer that comes too late.
CREATE INDEX changes_by_referral ON changes (referral_id, to_version);
