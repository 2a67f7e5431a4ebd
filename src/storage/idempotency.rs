//! What an idempotency key led to: the reference, not the answer, which is rendered under today's rights.

use std::{collections::HashSet, sync::Arc};

use aws_lc_rs::digest::{self, SHA256};
use parking_lot::Mutex;
use uuid::Uuid;

use super::{Commit, Conflict, Store, StoreError};
use crate::domain::{actor::Actor, change::Hash, time::Timestamp};

/// A key in its scope: organisation, principal, application and canonical route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct IdempotencyKey(Hash);

impl IdempotencyKey {
    /// Puts the key that a caller sent into the caller's scope.
    pub fn new(actor: &Actor, route: &str, sent: &str) -> Self {
        let mut context = digest::Context::new(&SHA256);
        let user_id = actor.user_id.to_string();
        for part in [actor.organization_id.as_str(), &user_id, &actor.application_id, route, sent] {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part.as_bytes());
        }
        let mut hash = [0; 32];
        hash.copy_from_slice(context.finish().as_ref());
        Self(hash)
    }
}

/// What a key led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdempotencyRecord {
    /// SHA-256 of the body that was sent.
    pub body_hash: Hash,
    /// The record that was made.
    pub referral_id: Uuid,
    /// From when the key is free again.
    pub expires: Timestamp,
}

/// Holds a key while its request is under way in this process; dropping it lets the key go.
#[derive(Debug)]
pub struct InFlight {
    key: Hash,
    keys: Arc<Mutex<HashSet<Hash>>>,
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.keys.lock().remove(&self.key);
    }
}

impl Commit {
    /// Adds the memory of what `key` led to. An expired record of the same key is replaced.
    pub fn remember(&mut self, key: IdempotencyKey, record: &IdempotencyRecord, now: Timestamp) {
        self.twin_locks.push(key.0);
        self.step(
            "INSERT INTO idempotency (key, body_hash, referral_id, expires)
             VALUES ($1, $2, $3, $4)
             ON CONFLICT (key) DO UPDATE
             SET body_hash = excluded.body_hash, referral_id = excluded.referral_id, expires = excluded.expires
             WHERE idempotency.expires <= $5",
            vec![
                key.0.as_slice().into(),
                record.body_hash.as_slice().into(),
                record.referral_id.into(),
                record.expires.into(),
                now.into(),
            ],
            1,
            Conflict::IdempotencyKey,
        );
    }
}

impl Store {
    /// Takes a key for the time of one request. `None` when a twin holds it in this process; twins in other
    /// processes meet in the commit, at a lock that is tried, not waited for.
    pub fn take_key(&self, key: IdempotencyKey) -> Option<InFlight> {
        let keys = &self.0.in_flight;
        keys.lock().insert(key.0).then(|| InFlight { key: key.0, keys: Arc::clone(keys) })
    }

    /// Finds what a key led to. Expired records are not found.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_remembered(
        &self,
        key: IdempotencyKey,
        now: Timestamp,
    ) -> Result<Option<IdempotencyRecord>, StoreError> {
        let sql = "SELECT body_hash, referral_id, expires FROM idempotency WHERE key = $1 AND expires > $2";
        let row = self.query_one(sql, &[key.0.as_slice().into(), now.into()]).await?;
        row.map(|row| {
            Ok(IdempotencyRecord {
                body_hash: row.hash(0)?,
                referral_id: row.uuid(1)?,
                expires: row.timestamp(2)?,
            })
        })
        .transpose()
    }

    /// Forgets expired keys, a thousand in a commit, so that nobody waits long behind it.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn forget_expired_keys(&self, now: Timestamp) -> Result<(), StoreError> {
        let is_one_left = "SELECT 1 FROM idempotency WHERE expires <= $1 LIMIT 1";
        while self.query_one(is_one_left, &[now.into()]).await?.is_some() {
            self.forget_some_keys(now).await?;
        }
        Ok(())
    }

    async fn forget_some_keys(&self, now: Timestamp) -> Result<(), StoreError> {
        let mut commit = Commit::new();
        commit.step_any_rows(
            "DELETE FROM idempotency
             WHERE key IN (SELECT key FROM idempotency WHERE expires <= $1 ORDER BY expires LIMIT 1000)",
            vec![now.into()],
        );
        self.commit(commit).await
    }
}
