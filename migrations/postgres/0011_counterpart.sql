-- What the other side of a sandbox does by itself: its script where somebody has set one, and how many invitations it
-- has had, for those that alternate.
CREATE TABLE counterparts (
    organization_id TEXT NOT NULL PRIMARY KEY REFERENCES organizations (id),
    play TEXT,
    turns BIGINT NOT NULL
);

-- What it is going to do, in the order of rank for one referral.
CREATE TABLE counterpart_plans (
    referral_id UUID NOT NULL,
    rank BIGINT NOT NULL,
    organization_id TEXT NOT NULL,
    action TEXT NOT NULL,
    due BIGINT NOT NULL,
    reason TEXT,
    because TEXT NOT NULL,
    PRIMARY KEY (referral_id, rank)
);
CREATE INDEX counterpart_plans_by_due ON counterpart_plans (due, referral_id, rank);

-- It plans for what is made from now on.
INSERT INTO feed_cursors (name, position, revision)
SELECT 'counterpart', COALESCE(MAX(position), 0), 0 FROM log;
