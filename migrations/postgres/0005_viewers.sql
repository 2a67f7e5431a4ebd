-- Writing down what is there takes as long as it takes.
SET LOCAL statement_timeout = 0;

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
    created BIGINT NOT NULL,
    referral_id UUID NOT NULL,
    relation BIGINT NOT NULL,
    has_accepted BIGINT NOT NULL,
    direction TEXT NOT NULL,
    status TEXT NOT NULL,
    substatus TEXT NOT NULL,
    type TEXT NOT NULL,
    qualification TEXT NOT NULL,
    country TEXT,
    updated BIGINT NOT NULL,
    PRIMARY KEY (organization_id, created, referral_id)
);
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

-- How many rows a viewer has: the sum of its shards. A connection mostly has a shard to itself, so that creates
-- do not wait for each other.
CREATE TABLE viewer_counts (
    organization_id TEXT NOT NULL,
    shard BIGINT NOT NULL,
    count BIGINT NOT NULL,
    PRIMARY KEY (organization_id, shard)
);
INSERT INTO viewer_counts (organization_id, shard, count)
SELECT organization_id, 0, COUNT(*)
FROM referral_viewers
GROUP BY organization_id;
-- The table of new rows has those that were inserted, not those that were there and were updated. The order is
-- that in which every transaction locks shards.
CREATE FUNCTION count_referral_viewers() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO viewer_counts (organization_id, shard, count)
    SELECT organization_id, pg_backend_pid() % 256, COUNT(*)
    FROM inserted
    GROUP BY organization_id
    ORDER BY organization_id COLLATE "C"
    ON CONFLICT (organization_id, shard) DO UPDATE
    SET count = viewer_counts.count + excluded.count;
    RETURN NULL;
END
$$;
CREATE TRIGGER referral_viewers_counted AFTER INSERT ON referral_viewers
REFERENCING NEW TABLE AS inserted
FOR EACH STATEMENT EXECUTE FUNCTION count_referral_viewers();

-- For people who see only their own work.
CREATE INDEX referral_team_by_email ON referral_team (email, referral_id);
CREATE INDEX referrals_by_creator ON referrals (creator_id);
