-- What people keep of the dashboard: views of a grid, drafts of deals, where they left off. kind says which; a name is
-- taken once per person and kind. A shared one is seen by everybody in the organisation, and changed by its owner.
CREATE TABLE saved_items (
    id BLOB NOT NULL PRIMARY KEY,
    organization_id TEXT NOT NULL,
    user_id BLOB NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    is_shared INTEGER NOT NULL,
    body TEXT NOT NULL,
    updated INTEGER NOT NULL,
    UNIQUE (user_id, kind, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX saved_items_shared ON saved_items (organization_id, kind) WHERE is_shared = 1;
