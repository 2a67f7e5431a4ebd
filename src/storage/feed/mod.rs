//! What the sink asks the store for: its lease, its place in the log, and what the log has after that.
//!
//! The cursor says what the broker has acknowledged. It may lag behind that, never be ahead: what is published twice has
//! the same id. So its commit may be lost, and the lease only keeps several servers from doing the same work.

use tokio_postgres::Client;
use uuid::Uuid;

use super::{
    Backend, Commit, Conflict, Store, StoreError,
    numbering::{LEASE_SESSION, connect},
    value::Row,
};
use crate::domain::{actor::SystemScope, organization::OrganizationId, time::Timestamp};

/// Any number will do, as long as every replica takes the same.
const LEASE: i64 = 0x4c69_6169_736f_6e06;

/// The right to publish, which one process in the cluster has at a time. Dropping it gives it back.
#[derive(Debug)]
pub struct SinkLease {
    /// The advisory lock ends with its session. SQLite has one process anyway.
    session: Option<Client>,
}

impl SinkLease {
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

/// A change in the log, as far as the world outside is told of it.
#[derive(Clone, Debug)]
pub struct LoggedFact {
    /// Place in the log.
    pub position: u64,
    /// Id of the change.
    pub change_id: Uuid,
    /// The record.
    pub referral_id: Uuid,
    /// Its engagement.
    pub engagement_id: Uuid,
    /// Its owner.
    pub organization_id: OrganizationId,
    /// What was done, as the log spells it.
    pub action: String,
    /// The version that the change led to.
    pub version: u32,
    /// Whether it made the record.
    pub is_first: bool,
    /// When it happened.
    pub at: Timestamp,
}

impl Commit {
    /// Notes how far the sink has come, on condition that it was at `from`.
    pub fn move_sink(&mut self, from: u64, to: u64) {
        let sql = "UPDATE feed_cursors SET position = $1 WHERE name = 'sink' AND position = $2";
        self.step(sql, vec![number(to).into(), number(from).into()], 1, Conflict::Version);
    }
}

fn number(position: u64) -> i64 {
    i64::try_from(position).unwrap_or(i64::MAX)
}

impl Store {
    /// Takes the lease of the sink, if nobody else has it.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn try_sink_lease(&self) -> Result<Option<SinkLease>, StoreError> {
        let Backend::Postgres(postgres) = &self.0.backend else {
            return Ok(Some(SinkLease { session: None }));
        };
        let (client, _) = connect(&postgres.config()).await?;
        client.batch_execute(LEASE_SESSION).await?;
        let is_taken = client.query_one("SELECT pg_try_advisory_lock($1)", &[&LEASE]).await?.try_get(0)?;
        Ok(if is_taken { Some(SinkLease { session: Some(client) }) } else { None })
    }

    /// Returns how far the sink has come; `None` before it began.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn sink_cursor(&self, _: SystemScope) -> Result<Option<u64>, StoreError> {
        let row = self.query_one("SELECT position FROM feed_cursors WHERE name = 'sink'", &[]).await?;
        row.map(|row| Ok(u64::try_from(row.int(0)?).unwrap_or(0))).transpose()
    }

    /// Returns how far the sink has come, and has it begin at `start` if it has not begun.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn begin_sink(&self, scope: SystemScope, start: u64) -> Result<u64, StoreError> {
        let mut commit = Commit::new();
        let sql = "INSERT INTO feed_cursors (name, position, revision)
             VALUES ('sink', $1, 0)
             ON CONFLICT (name) DO NOTHING";
        commit.step_any_rows(sql, vec![number(start).into()]);
        self.commit(commit).await?;
        Ok(self.sink_cursor(scope).await?.unwrap_or(start))
    }

    /// Lists up to `count_max` changes after a place in the log, in order.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_facts(
        &self,
        _: SystemScope,
        after: u64,
        count_max: u32,
    ) -> Result<Vec<LoggedFact>, StoreError> {
        let sql = "SELECT position, id, referral_id, engagement_id, organization_id, action, to_version,
                CASE WHEN from_etag IS NULL THEN 1 ELSE 0 END, at
             FROM log
             WHERE position > $1
             ORDER BY position
             LIMIT CAST($2 AS bigint)";
        self.query(sql, &[number(after).into(), count_max.into()]).await?.iter().map(fact).collect()
    }
}

fn fact(row: &Row) -> Result<LoggedFact, StoreError> {
    Ok(LoggedFact {
        position: u64::try_from(row.int(0)?).unwrap_or(0),
        change_id: row.uuid(1)?,
        referral_id: row.uuid(2)?,
        engagement_id: row.uuid(3)?,
        organization_id: row.organization_id(4)?,
        action: row.text(5)?,
        version: row.count(6)?,
        is_first: row.bool(7)?,
        at: row.timestamp(8)?,
    })
}
