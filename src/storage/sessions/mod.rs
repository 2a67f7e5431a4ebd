//! Who is signed in with a browser, and the codes that applications get tokens for. Of what clients hold, only hashes.

use std::fmt;

use uuid::Uuid;

use super::{Commit, Conflict, Store, StoreError};
use crate::domain::{change::Hash, time::Timestamp};

/// A person who is signed in with a browser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// SHA-256 of what the browser holds.
    pub hash: Hash,
    /// Tenant of the person.
    pub tenant_id: Uuid,
    /// The person.
    pub user_id: Uuid,
    /// A mark of what the person signed in with and may do; when it is another one by now, the session is over.
    pub stamp: String,
    /// When the person signed in.
    pub created: Timestamp,
    /// When it was used, to some minutes.
    pub last_used: Timestamp,
    /// When it ends if it is not used again.
    pub expires: Timestamp,
}

/// A code that an application gets a token for.
#[derive(Clone, PartialEq, Eq)]
pub struct AuthorizationCode {
    /// SHA-256 of the code.
    pub hash: Hash,
    /// JSON of what the issuer remembers with it.
    pub facts: String,
    /// From when it is worth nothing.
    pub expires: Timestamp,
    /// Whether it was used.
    pub is_redeemed: bool,
}

impl fmt::Debug for AuthorizationCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthorizationCode").field("is_redeemed", &self.is_redeemed).finish_non_exhaustive()
    }
}

impl Store {
    /// Adds a session, and ends the one that it takes the place of.
    ///
    /// # Errors
    /// When the database does not take the commit.
    pub async fn insert_session(&self, session: &Session, replaced: Option<Hash>) -> Result<(), StoreError> {
        let mut commit = Commit::new();
        if let Some(replaced) = replaced {
            commit.delete_session(replaced);
        }
        commit.step(
            "INSERT INTO sessions (hash, tenant_id, user_id, stamp, created, last_used, expires)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
            vec![
                session.hash.as_slice().into(),
                session.tenant_id.into(),
                session.user_id.into(),
                session.stamp.as_str().into(),
                session.created.into(),
                session.last_used.into(),
                session.expires.into(),
            ],
            1,
            Conflict::Duplicate,
        );
        self.commit(commit).await
    }

    /// Finds a session that has not expired.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_session(&self, hash: Hash, now: Timestamp) -> Result<Option<Session>, StoreError> {
        let sql = "SELECT tenant_id, user_id, stamp, created, last_used, expires
             FROM sessions
             WHERE hash = $1 AND expires > $2";
        let row = self.query_one(sql, &[hash.as_slice().into(), now.into()]).await?;
        row.map(|row| {
            Ok(Session {
                hash,
                tenant_id: row.uuid(0)?,
                user_id: row.uuid(1)?,
                stamp: row.text(2)?,
                created: row.timestamp(3)?,
                last_used: row.timestamp(4)?,
                expires: row.timestamp(5)?,
            })
        })
        .transpose()
    }

    /// Notes that a session is used. One that is gone stays gone.
    ///
    /// # Errors
    /// When the database does not take the commit.
    pub async fn touch_session(
        &self,
        hash: Hash,
        last_used: Timestamp,
        expires: Timestamp,
    ) -> Result<(), StoreError> {
        let mut commit = Commit::new();
        commit.step_any_rows(
            "UPDATE sessions SET last_used = $2, expires = $3 WHERE hash = $1",
            vec![hash.as_slice().into(), last_used.into(), expires.into()],
        );
        self.commit(commit).await
    }

    /// Ends a session. Harmless when there is none.
    ///
    /// # Errors
    /// When the database does not take the commit.
    pub async fn delete_session(&self, hash: Hash) -> Result<(), StoreError> {
        let mut commit = Commit::new();
        commit.delete_session(hash);
        self.commit(commit).await
    }

    /// Adds a code.
    ///
    /// # Errors
    /// When the database does not take the commit.
    pub async fn insert_authorization_code(&self, code: &AuthorizationCode) -> Result<(), StoreError> {
        let mut commit = Commit::new();
        commit.step(
            "INSERT INTO authorization_codes (hash, facts, expires)
             VALUES ($1, $2, $3)",
            vec![code.hash.as_slice().into(), code.facts.as_str().into(), code.expires.into()],
            1,
            Conflict::Duplicate,
        );
        self.commit(commit).await
    }

    /// Finds a code, whether or not it still counts.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_authorization_code(&self, hash: Hash) -> Result<Option<AuthorizationCode>, StoreError> {
        let sql = "SELECT facts, expires, is_redeemed FROM authorization_codes WHERE hash = $1";
        let row = self.query_one(sql, &[hash.as_slice().into()]).await?;
        row.map(|row| {
            let (facts, expires, is_redeemed) = (row.text(0)?, row.timestamp(1)?, row.bool(2)?);
            Ok(AuthorizationCode { hash, facts, expires, is_redeemed })
        })
        .transpose()
    }

    /// Uses a code up.
    ///
    /// # Errors
    /// A conflict when somebody was faster.
    pub async fn redeem_authorization_code(&self, hash: Hash) -> Result<(), StoreError> {
        let mut commit = Commit::new();
        commit.step(
            "UPDATE authorization_codes SET is_redeemed = 1 WHERE hash = $1 AND is_redeemed = 0",
            vec![hash.as_slice().into()],
            1,
            Conflict::Version,
        );
        self.commit(commit).await
    }

    /// Forgets sessions and codes that have expired. Writes nothing when there are none.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn forget_expired_sign_ins(&self, now: Timestamp) -> Result<(), StoreError> {
        let is_one_left = "SELECT 1 FROM sessions WHERE expires <= $1
             UNION ALL SELECT 1 FROM authorization_codes WHERE expires <= $1
             LIMIT 1";
        if self.query_one(is_one_left, &[now.into()]).await?.is_none() {
            return Ok(());
        }
        let mut commit = Commit::new();
        commit.step_any_rows("DELETE FROM sessions WHERE expires <= $1", vec![now.into()]);
        commit.step_any_rows("DELETE FROM authorization_codes WHERE expires <= $1", vec![now.into()]);
        commit.let_wait();
        self.commit(commit).await
    }
}

impl Commit {
    fn delete_session(&mut self, hash: Hash) {
        self.step_any_rows("DELETE FROM sessions WHERE hash = $1", vec![hash.as_slice().into()]);
    }
}
