//! What fan-out asks the store for: how far it has come, what the log has after that, and who sees it.
//!
//! A step of fan-out writes its deliveries and its new place in one commit, on condition that place and revision are
//! those that it was decided on. So the lease is not what keeps this right; it keeps several servers from doing the
//! same work.

use tokio::sync::OwnedMutexGuard;
use tokio_postgres::Client;
use uuid::Uuid;

use super::endpoints::{COLUMNS, endpoint};
use crate::{
    domain::{actor::SystemScope, organization::OrganizationId, time::Timestamp, webhook::Endpoint},
    storage::{
        Backend, Commit, Conflict, Store, StoreError,
        list::events::IS_OWN,
        numbering::{LEASE_SESSION, connect},
    },
};

/// Any number will do, as long as every replica takes the same.
const LEASE: i64 = 0x4c69_6169_736f_6e04;

/// The right to fan out, which one process in the cluster has at a time. Dropping it gives it back.
#[derive(Debug)]
pub struct FanOutLease {
    _here: OwnedMutexGuard<()>,
    /// The advisory lock ends with its session.
    session: Option<Client>,
}

impl FanOutLease {
    /// Keeps the lease: a session that asks nothing for ten seconds ends.
    ///
    /// # Errors
    /// When the session has ended, and the lease with it.
    pub async fn renew(&self) -> Result<(), StoreError> {
        match &self.session {
            Some(session) => Ok(session.batch_execute("SELECT 1").await?),
            None => Ok(()),
        }
    }
}

/// A change in the log, as far as it decides who is told.
#[derive(Clone, Copy, Debug)]
pub struct LogEntry {
    /// Place in the log.
    pub position: u64,
    /// Id of the change.
    pub change_id: Uuid,
    /// The record.
    pub referral_id: Uuid,
    /// The version that the change led to.
    pub version: u32,
    /// Whether it made the record.
    pub is_first: bool,
    /// When it happened.
    pub at: Timestamp,
}

/// An organisation with endpoints, and a record that it sees.
#[derive(Clone, Debug)]
pub struct Sight {
    /// The record.
    pub referral_id: Uuid,
    /// Who sees it.
    pub organization_id: OrganizationId,
    /// Whether it is the organisation's: as owner, or as inviter that has no record of its own in the engagement.
    pub is_own: bool,
}

impl Commit {
    /// Moves fan-out on from the place and the revision that the commit was decided on.
    pub fn move_fan_out(&mut self, from: (u64, u64), to: u64) {
        let sql = "UPDATE feed_cursors
             SET position = $1
             WHERE name = 'webhooks' AND position = $2 AND revision = $3";
        let number = |it: u64| i64::try_from(it).unwrap_or(i64::MAX);
        self.step(
            sql,
            vec![number(to).into(), number(from.0).into(), number(from.1).into()],
            1,
            Conflict::Version,
        );
    }
}

impl Store {
    /// Takes the lease of fan-out, if nobody else has it.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn try_fan_out_lease(&self) -> Result<Option<FanOutLease>, StoreError> {
        let Ok(here) = self.0.fan_out.clone().try_lock_owned() else { return Ok(None) };
        let Backend::Postgres(postgres) = &self.0.backend else {
            return Ok(Some(FanOutLease { _here: here, session: None }));
        };
        let (client, _) = connect(&postgres.config()).await?;
        client.batch_execute(LEASE_SESSION).await?;
        let is_taken = client.query_one("SELECT pg_try_advisory_lock($1)", &[&LEASE]).await?.try_get(0)?;
        Ok(if is_taken { Some(FanOutLease { _here: here, session: Some(client) }) } else { None })
    }

    /// Returns how far fan-out has come, and the revision of what it goes by.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn fan_out_cursor(&self, _: SystemScope) -> Result<(u64, u64), StoreError> {
        let sql = "SELECT position, revision FROM feed_cursors WHERE name = 'webhooks'";
        let row = self.query_one(sql, &[]).await?;
        let number = |it: i64| u64::try_from(it).unwrap_or(0);
        row.map_or(Ok((0, 0)), |row| Ok((number(row.int(0)?), number(row.int(1)?))))
    }

    /// Lists every endpoint for which deliveries gather.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_told_endpoints(&self, _: SystemScope) -> Result<Vec<Endpoint>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM webhook_endpoints e
             WHERE e.state IN ('active', 'paused')
             ORDER BY e.id"
        );
        self.query(&sql, &[]).await?.iter().map(|row| endpoint(row, 0)).collect()
    }

    /// Lists up to `count_max` changes after a place in the log, in order.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_log_entries(
        &self,
        _: SystemScope,
        after: u64,
        count_max: u32,
    ) -> Result<Vec<LogEntry>, StoreError> {
        let sql =
            "SELECT position, id, referral_id, to_version, CASE WHEN from_etag IS NULL THEN 1 ELSE 0 END, at
             FROM log
             WHERE position > $1
             ORDER BY position
             LIMIT CAST($2 AS bigint)";
        let after = i64::try_from(after).unwrap_or(i64::MAX);
        let rows = self.query(sql, &[after.into(), count_max.into()]).await?;
        let entry = |row: &crate::storage::value::Row| {
            Ok(LogEntry {
                position: u64::try_from(row.int(0)?).unwrap_or(0),
                change_id: row.uuid(1)?,
                referral_id: row.uuid(2)?,
                version: row.count(3)?,
                is_first: row.bool(4)?,
                at: row.timestamp(5)?,
            })
        };
        rows.iter().map(entry).collect()
    }

    /// Lists which organisations with endpoints see the records that changed in the same stretch of the log, and
    /// perhaps in what has come since.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_sights(
        &self,
        _: SystemScope,
        after: u64,
        count_max: u32,
    ) -> Result<Vec<Sight>, StoreError> {
        // Whoever sees a record owns one in its engagement, has made it, or is Microsoft; who of them does is what
        // `referral_viewers` says.
        let sql = format!(
            "WITH changed AS (
                SELECT DISTINCT r.id, r.created, r.engagement_id, r.inviter
                FROM (
                    SELECT referral_id FROM log
                    WHERE position > $1
                    ORDER BY position
                    LIMIT CAST($2 AS bigint)) w
                JOIN referrals r ON r.id = w.referral_id),
             candidates AS (
                SELECT c.id, c.created, c.engagement_id, o.organization_id
                FROM changed c
                JOIN referrals o ON o.engagement_id = c.engagement_id
                UNION
                SELECT c.id, c.created, c.engagement_id, c.inviter FROM changed c
                UNION
                SELECT c.id, c.created, c.engagement_id, 'msft' FROM changed c)
             SELECT c.id, c.organization_id, {IS_OWN}
             FROM candidates c
             JOIN referrals r ON r.id = c.id
             JOIN referral_viewers v ON v.organization_id = c.organization_id
                AND v.created = c.created AND v.referral_id = c.id
             WHERE EXISTS (
                SELECT 1 FROM webhook_endpoints e
                WHERE e.organization_id = c.organization_id AND e.state IN ('active', 'paused'))
             ORDER BY c.organization_id, c.id"
        );
        let after = i64::try_from(after).unwrap_or(i64::MAX);
        let rows = self.query(&sql, &[after.into(), count_max.into()]).await?;
        let sight = |row: &crate::storage::value::Row| {
            Ok(Sight {
                referral_id: row.uuid(0)?,
                organization_id: row.organization_id(1)?,
                is_own: row.bool(2)?,
            })
        };
        rows.iter().map(sight).collect()
    }

    /// Returns the place in the log before the first change that happened at `since` or later.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn position_before(&self, _: SystemScope, since: Timestamp) -> Result<u64, StoreError> {
        // Times rise with the positions, but for what commits at the same moment.
        let (mut low, mut high) = (0, self.last_position().await?);
        let sql = "SELECT at FROM log WHERE position = $1";
        while low < high {
            let middle = low.saturating_add(high) / 2 + 1;
            let row = self.query_one(sql, &[i64::try_from(middle).unwrap_or(i64::MAX).into()]).await?;
            match row.map_or(Ok(true), |row| row.timestamp(0).map(|it| it >= since))? {
                true => high = middle.saturating_sub(1),
                false => low = middle,
            }
        }
        Ok(low)
    }
}
