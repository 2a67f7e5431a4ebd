//! How far behind the telling is, for whoever watches the server.

use crate::{
    domain::time::Timestamp,
    storage::{Store, StoreError},
};

/// Deliveries that are counted: past this, how many more there are matters less than what counting costs.
const COUNT_MAX: u32 = 100_000;

/// What is still to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backlog {
    /// Deliveries that wait for an attempt, of endpoints that are told; 100 000 stands for more. Those that a server of
    /// PostgreSQL has in hand are not among them.
    pub pending: u32,
    /// Deliveries that were given up and are kept; 100 000 stands for more.
    pub dead: u32,
    /// When the oldest was made of those that were counted.
    pub oldest: Option<Timestamp>,
    /// Changes that were not looked at yet for who is to be told. Changes that concern nobody are looked at in stretches.
    pub unread: u64,
}

impl Store {
    /// Counts what is still to be told.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn webhook_backlog(&self) -> Result<Backlog, StoreError> {
        // The endpoints first: each has an index of what waits for it.
        let pending = "SELECT COUNT(*), MIN(p.created)
             FROM (
                SELECT d.created
                FROM webhook_endpoints e
                CROSS JOIN webhook_deliveries d
                WHERE e.state = 'active' AND d.endpoint_id = e.id AND d.state = 'pending' AND d.worker IS NULL
                LIMIT CAST($1 AS bigint)) p";
        let dead = "SELECT COUNT(*)
             FROM (
                SELECT 1 FROM webhook_deliveries d
                WHERE d.state = 'dead' AND d.finished IS NOT NULL
                LIMIT CAST($1 AS bigint)) p";
        let unread = "SELECT c.position, (
                SELECT MIN(e.from_position) FROM webhook_endpoints e WHERE e.state IN ('active', 'paused'))
             FROM feed_cursors c
             WHERE c.name = 'webhooks'";
        let row = self.query_one(pending, &[COUNT_MAX.into()]).await?;
        let (pending, oldest) = match row {
            Some(row) => (row.count(0)?, super::endpoints::timestamp_or_null(&row, 1)?),
            None => (0, None),
        };
        let dead = self.query_one(dead, &[COUNT_MAX.into()]).await?.map_or(Ok(0), |row| row.count(0))?;
        let unread = match self.query_one(unread, &[]).await? {
            // Without endpoints there is nobody to be told.
            Some(row) => match row.int(1) {
                Ok(first) => {
                    let read = u64::try_from(row.int(0)?.max(first)).unwrap_or(0);
                    self.last_position().await?.saturating_sub(read)
                }
                Err(_) => 0,
            },
            None => 0,
        };
        Ok(Backlog { pending, dead, oldest, unread })
    }
}
