-- What organisations say of themselves. A profile is JSON, read and written whole.
ALTER TABLE organizations ADD COLUMN profile TEXT NOT NULL DEFAULT '{}';
-- Counts the writes to an organisation and all it owns, so that each is decided on what is really there.
ALTER TABLE organizations ADD COLUMN revision BIGINT NOT NULL DEFAULT 0;

CREATE TABLE business_profiles (
    id UUID NOT NULL PRIMARY KEY,
    organization_id TEXT NOT NULL REFERENCES organizations (id),
    -- Counts the profiles of an organisation, from 1.
    number BIGINT NOT NULL,
    profile TEXT NOT NULL,
    UNIQUE (organization_id, number)
);

-- The first business profile has the id of the location that was the default one when it was made.
INSERT INTO business_profiles (id, organization_id, number, profile)
SELECT id, organization_id, 1, '{"status":"Published"}'
FROM locations
WHERE is_default = 1;

ALTER TABLE locations ADD COLUMN business_profile_id UUID REFERENCES business_profiles (id);
ALTER TABLE locations ADD COLUMN profile TEXT NOT NULL DEFAULT '{}';
UPDATE locations
SET business_profile_id = (
    SELECT first.id FROM locations first
    WHERE first.organization_id = locations.organization_id AND first.is_default = 1);

ALTER TABLE solutions ADD COLUMN profile TEXT NOT NULL DEFAULT '{}';
CREATE INDEX solutions_by_organization ON solutions (organization_id);
CREATE INDEX users_by_organization ON users (organization_id);
