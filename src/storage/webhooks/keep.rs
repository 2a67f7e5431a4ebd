//! What is forgotten of deliveries, so that the database stays as large as what is worth keeping.

use crate::{
    domain::time::Timestamp,
    storage::{Commit, Store, StoreError, value::Value},
};

/// Deliveries forgotten in one commit, so that nobody waits long behind it.
const BATCH_MAX: u32 = 500;

/// What is old enough, in the order of the parameters.
const OLD: [&str; 3] = [
    "SELECT d.id FROM webhook_deliveries d
     WHERE d.state = 'delivered' AND d.finished <= $1
     ORDER BY d.finished
     LIMIT CAST($2 AS bigint)",
    "SELECT d.id FROM webhook_deliveries d
     WHERE d.state = 'dead' AND d.finished <= $1
     ORDER BY d.finished
     LIMIT CAST($2 AS bigint)",
    "SELECT d.id FROM webhook_deliveries d
     WHERE d.endpoint_id IN (SELECT e.id FROM webhook_endpoints e WHERE e.state IN ('paused', 'disabled'))
        AND d.state = 'pending' AND d.worker IS NULL AND d.created <= $1
     LIMIT CAST($2 AS bigint)",
];
const OF_DELETED: &str = "SELECT d.id FROM webhook_deliveries d
     WHERE d.endpoint_id IN (SELECT e.id FROM webhook_endpoints e WHERE e.state = 'deleted')
     LIMIT CAST($1 AS bigint)";

impl Store {
    /// Forgets what was delivered until `delivered`, what was given up or waits in vain since `dead`, and what
    /// belonged to endpoints that were taken away.
    ///
    /// # Errors
    /// When the database does not answer; what was forgotten until then stays so.
    pub async fn forget_deliveries(&self, delivered: Timestamp, dead: Timestamp) -> Result<(), StoreError> {
        for (sql, before) in OLD.into_iter().zip([delivered, dead, dead]) {
            self.forget_found(sql, vec![before.into(), BATCH_MAX.into()]).await?;
        }
        self.forget_found(OF_DELETED, vec![BATCH_MAX.into()]).await?;
        let gone = "SELECT 1 FROM webhook_endpoints WHERE state = 'deleted' LIMIT 1";
        if self.query_one(gone, &[]).await?.is_some() {
            let mut commit = Commit::new();
            let sql = "DELETE FROM webhook_endpoints
                 WHERE state = 'deleted' AND NOT EXISTS (
                    SELECT 1 FROM webhook_deliveries d WHERE d.endpoint_id = webhook_endpoints.id)";
            commit.step_any_rows(sql, Vec::new());
            self.commit(commit).await?;
        }
        Ok(())
    }

    async fn forget_found(&self, sql: &str, params: Vec<Value>) -> Result<(), StoreError> {
        loop {
            let rows = self.query(sql, &params).await?;
            let mut commit = Commit::new();
            for row in &rows {
                // Attempts go with their delivery.
                commit
                    .step_any_rows("DELETE FROM webhook_deliveries WHERE id = $1", vec![row.uuid(0)?.into()]);
            }
            if rows.is_empty() {
                return Ok(());
            }
            self.commit(commit).await?;
        }
    }
}
