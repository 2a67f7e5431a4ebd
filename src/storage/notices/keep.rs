//! What is forgotten of notices: what is old, and what belonged to people who are gone.

use crate::{
    domain::time::Timestamp,
    storage::{Commit, Store, StoreError, value::Value},
};

/// Rows forgotten in one commit, so that nobody waits long behind it.
const BATCH_MAX: u32 = 500;

const OLD_NOTICES: &str = "DELETE FROM notices WHERE id IN (
        SELECT n.id FROM notices n WHERE n.created <= $1 ORDER BY n.created LIMIT CAST($2 AS bigint))";
const OLD_MAILS: &str = "DELETE FROM notice_mails WHERE id IN (
        SELECT m.id FROM notice_mails m
        WHERE m.finished IS NOT NULL AND m.finished <= $1
        ORDER BY m.finished
        LIMIT CAST($2 AS bigint))";
/// What belongs to nobody.
const STRAY: [&str; 4] = [
    "DELETE FROM notices WHERE user_id NOT IN (SELECT u.id FROM users u)",
    "DELETE FROM notice_mails WHERE user_id NOT IN (SELECT u.id FROM users u)",
    "DELETE FROM notice_preferences WHERE user_id NOT IN (SELECT u.id FROM users u)",
    "DELETE FROM saved_items WHERE user_id NOT IN (SELECT u.id FROM users u)",
];

impl Store {
    /// Forgets notices that were made until `before`, mails that were finished until then, and everything of people
    /// who are no longer there.
    ///
    /// # Errors
    /// When the database does not answer; what was forgotten until then stays so.
    pub async fn forget_notices(&self, before: Timestamp) -> Result<(), StoreError> {
        let oldest = [
            (OLD_NOTICES, "SELECT 1 FROM notices WHERE created <= $1 LIMIT 1"),
            (OLD_MAILS, "SELECT 1 FROM notice_mails WHERE finished IS NOT NULL AND finished <= $1 LIMIT 1"),
        ];
        for (sql, is_there) in oldest {
            while self.query_one(is_there, &[before.into()]).await?.is_some() {
                self.forget(sql, vec![before.into(), BATCH_MAX.into()]).await?;
            }
        }
        let stray = "SELECT 1 FROM notices n WHERE n.user_id NOT IN (SELECT u.id FROM users u)
             UNION ALL
             SELECT 1 FROM notice_preferences p WHERE p.user_id NOT IN (SELECT u.id FROM users u)
             UNION ALL
             SELECT 1 FROM saved_items i WHERE i.user_id NOT IN (SELECT u.id FROM users u)
             LIMIT 1";
        if self.query_one(stray, &[]).await?.is_some() {
            for sql in STRAY {
                self.forget(sql, Vec::new()).await?;
            }
        }
        Ok(())
    }

    async fn forget(&self, sql: &'static str, params: Vec<Value>) -> Result<(), StoreError> {
        let mut commit = Commit::new();
        commit.step_any_rows(sql, params);
        self.commit(commit).await
    }
}
