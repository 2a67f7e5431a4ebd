-- Who sees which referral, and as what, computed: a row for each organisation that has a record in the engagement,
-- for the inviter when it has none, and for Microsoft when it has none and the referral is shared with its sellers.
-- relation: 0 owner, 1 inviter, 2 invitee, 3 Microsoft, 4 party. The country is withheld from a party.
CREATE VIEW referral_sight AS
SELECT own.organization_id, r.created, r.id AS referral_id, r.engagement_id,
    CASE
        WHEN r.organization_id = own.organization_id THEN 0
        WHEN r.inviter = own.organization_id THEN 1
        WHEN own.inviter = r.organization_id THEN 2
        ELSE 4
    END AS relation,
    CASE WHEN own.substatus IN ('Accepted', 'Won', 'Lost') THEN 1 ELSE 0 END AS has_accepted,
    CASE
        WHEN r.organization_id = own.organization_id AND r.inviter <> own.organization_id THEN 'Incoming'
        ELSE 'Outgoing'
    END AS direction,
    r.status, r.substatus, r.type, r.qualification,
    CASE
        WHEN own.organization_id IN (r.organization_id, r.inviter) OR own.inviter = r.organization_id THEN r.country
    END AS country,
    r.updated
FROM referrals r
JOIN referrals own ON own.engagement_id = r.engagement_id
UNION ALL
SELECT r.inviter, r.created, r.id, r.engagement_id, 1, 0, 'Outgoing', r.status, r.substatus, r.type, r.qualification,
    r.country, r.updated
FROM referrals r
WHERE NOT EXISTS (
    SELECT 1 FROM referrals own
    WHERE own.engagement_id = r.engagement_id AND own.organization_id = r.inviter)
UNION ALL
SELECT 'msft', r.created, r.id, r.engagement_id, 3, 0, 'Outgoing', r.status, r.substatus, r.type, r.qualification,
    r.country, r.updated
FROM referrals r
WHERE r.is_shared_with_microsoft = 1 AND r.inviter <> 'msft' AND NOT EXISTS (
    SELECT 1 FROM referrals own
    WHERE own.engagement_id = r.engagement_id AND own.organization_id = 'msft');

-- The same, written down with every commit, so that a list reads one index. Rows are never taken away.
CREATE TABLE referral_viewers (
    organization_id TEXT NOT NULL,
    created INTEGER NOT NULL,
    referral_id BLOB NOT NULL,
    relation INTEGER NOT NULL,
    has_accepted INTEGER NOT NULL,
    direction TEXT NOT NULL,
    status TEXT NOT NULL,
    substatus TEXT NOT NULL,
    type TEXT NOT NULL,
    qualification TEXT NOT NULL,
    country TEXT,
    updated INTEGER NOT NULL,
    PRIMARY KEY (organization_id, created, referral_id)
) STRICT, WITHOUT ROWID;
INSERT INTO referral_viewers (organization_id, created, referral_id, relation, has_accepted, direction, status,
    substatus, type, qualification, country, updated)
SELECT organization_id, created, referral_id, relation, has_accepted, direction, status, substatus, type,
    qualification, country, updated
FROM referral_sight
ORDER BY organization_id, created, referral_id;
CREATE INDEX referral_viewers_by_updated ON referral_viewers (organization_id, updated, referral_id);
CREATE INDEX referral_viewers_by_status ON referral_viewers (organization_id, status, created, referral_id);
CREATE INDEX referral_viewers_by_substatus ON referral_viewers (organization_id, substatus, created, referral_id);
CREATE INDEX referral_viewers_by_country ON referral_viewers (organization_id, country, created, referral_id);

-- How many rows a viewer has: the sum of its shards, which are one here, because there is one writer.
CREATE TABLE viewer_counts (
    organization_id TEXT NOT NULL,
    shard INTEGER NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (organization_id, shard)
) STRICT, WITHOUT ROWID;
INSERT INTO viewer_counts (organization_id, shard, count)
SELECT organization_id, 0, COUNT(*)
FROM referral_viewers
GROUP BY organization_id;
CREATE TRIGGER referral_viewers_counted AFTER INSERT ON referral_viewers
BEGIN
    INSERT INTO viewer_counts (organization_id, shard, count)
    VALUES (new.organization_id, 0, 1)
    ON CONFLICT (organization_id, shard) DO UPDATE
    SET count = viewer_counts.count + excluded.count;
END;

-- For people who see only their own work.
CREATE INDEX referral_team_by_email ON referral_team (email, referral_id);
CREATE INDEX referrals_by_creator ON referrals (creator_id);
