//! What expiry asks the store for: the referrals that are due, and the lease under which one process closes them.

use tokio::sync::OwnedMutexGuard;
use tokio_postgres::Client;
use uuid::Uuid;

use super::{
    Backend, Store, StoreError,
    numbering::{LEASE_SESSION, connect},
    referrals::stored_referral,
    value::Row,
};
use crate::domain::{actor::SystemScope, time::Timestamp, view::StoredReferral};

/// Any number will do, as long as every replica takes the same.
const LEASE: i64 = 0x4c69_6169_736f_6e03;

/// The right to expire referrals, which one process in the cluster has at a time. Dropping it gives it back.
#[derive(Debug)]
pub struct Lease {
    _here: OwnedMutexGuard<()>,
    /// The advisory lock ends with its session.
    _session: Option<Client>,
}

/// A record that waits for an answer past its deadline.
#[derive(Clone, Debug)]
pub struct DueReferral {
    /// The record.
    pub stored: StoredReferral,
    /// When the time to answer ended.
    pub deadline: Timestamp,
}

impl Store {
    /// Takes the lease, if nobody else has it: on PostgreSQL an advisory lock that is tried, not waited for; on
    /// SQLite there is one process, so a lock inside it will do. `None` when somebody else has it.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn try_expiry_lease(&self) -> Result<Option<Lease>, StoreError> {
        let Ok(here) = self.0.expiry.clone().try_lock_owned() else { return Ok(None) };
        let Backend::Postgres(postgres) = &self.0.backend else {
            return Ok(Some(Lease { _here: here, _session: None }));
        };
        // A connection of its own: one of the pool would take the lock back there with it.
        let (client, _) = connect(&postgres.config()).await?;
        client.batch_execute(LEASE_SESSION).await?;
        let is_taken = client.query_one("SELECT pg_try_advisory_lock($1)", &[&LEASE]).await?.try_get(0)?;
        Ok(if is_taken { Some(Lease { _here: here, _session: Some(client) }) } else { None })
    }

    /// Returns up to `count_max` records that are due at `now`, by deadline, then by id; with `after`, those that
    /// follow it.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_due(
        &self,
        _: SystemScope,
        now: Timestamp,
        after: Option<(Timestamp, Uuid)>,
        count_max: u32,
    ) -> Result<Vec<DueReferral>, StoreError> {
        let (deadline, id) = after.unwrap_or((Timestamp::from_ticks(i64::MIN), Uuid::nil()));
        let sql =
            "SELECT r.id, r.engagement_id, r.organization_id, r.inviter, r.version, r.updated, r.document,
                r.expiration
             FROM referrals r
             WHERE r.status = 'New' AND r.expiration <= $1 AND (r.expiration, r.id) > ($2, $3)
             ORDER BY r.expiration, r.id
             LIMIT CAST($4 AS bigint)";
        let mut rows = self.query(sql, &[now.into(), deadline.into(), id.into(), count_max.into()]).await?;
        rows.iter_mut().map(due_referral).collect()
    }

    /// Finds one record, if it is due at `now`.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_due(
        &self,
        _: SystemScope,
        now: Timestamp,
        id: Uuid,
    ) -> Result<Option<DueReferral>, StoreError> {
        let sql =
            "SELECT r.id, r.engagement_id, r.organization_id, r.inviter, r.version, r.updated, r.document,
                r.expiration
             FROM referrals r
             WHERE r.id = $1 AND r.status = 'New' AND r.expiration <= $2";
        let row = self.query_one(sql, &[id.into(), now.into()]).await?;
        row.map(|mut row| due_referral(&mut row)).transpose()
    }
}

fn due_referral(row: &mut Row) -> Result<DueReferral, StoreError> {
    Ok(DueReferral { stored: stored_referral(row)?, deadline: row.timestamp(7)? })
}
