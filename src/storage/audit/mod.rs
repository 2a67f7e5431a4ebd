//! What happened that is no change of a referral: rows that are added and read, and go when they are old.

mod tally;

use uuid::Uuid;

pub(super) use self::tally::Tallies;
pub use self::tally::Tally;
use super::{
    Commit, Conflict, Store, StoreError,
    value::{Row, Value},
};
use crate::domain::{
    actor::SystemScope,
    audit::{AuditAuthor, AuditEvent},
    organization::OrganizationId,
    time::Timestamp,
    vocabulary::Vocabulary,
};

/// Columns of an event `a`, for [`event`].
const COLUMNS: &str = "a.id, a.organization_id, a.at, a.last, a.resource, a.deed, a.has_failed, a.user_id, \
     a.application_id, a.subject, a.old_value, a.new_value, a.details, a.count";
/// Rows that are forgotten in one commit, so that nobody waits long behind it.
const BATCH_MAX: u32 = 500;

/// A place among the events, oldest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuditPlace {
    /// When it happened.
    pub at: Timestamp,
    /// Its id.
    pub id: Uuid,
}

impl AuditPlace {
    /// Before everything.
    pub const START: Self = Self { at: Timestamp::from_ticks(i64::MIN), id: Uuid::nil() };
}

impl Commit {
    /// Adds an event.
    pub fn append_audit(&mut self, event: &AuditEvent) {
        self.append_audit_once(event, None);
    }

    /// Adds an event, unless there is one with the same key.
    pub fn append_audit_once(&mut self, event: &AuditEvent, key: Option<String>) {
        let sql =
            "INSERT INTO audit_events (id, organization_id, at, last, resource, deed, has_failed, user_id,
                application_id, subject, old_value, new_value, details, count, bucket)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
             ON CONFLICT (bucket) DO NOTHING";
        self.step_any_rows(sql, values(event, key));
    }

    /// Adds an event, or counts it up where the key has one.
    fn count_audit(&mut self, event: &AuditEvent, key: String) {
        let sql = "INSERT INTO audit_events (id, organization_id, at, last, resource, deed, has_failed, user_id,
                application_id, subject, old_value, new_value, details, count, bucket)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
             ON CONFLICT (bucket) DO UPDATE
             SET count = audit_events.count + excluded.count,
                last = CASE WHEN excluded.last > audit_events.last THEN excluded.last ELSE audit_events.last END";
        self.step(sql, values(event, Some(key)), 1, Conflict::Duplicate);
    }
}

fn values(event: &AuditEvent, bucket: Option<String>) -> Vec<Value> {
    vec![
        event.id.into(),
        event.organization_id.as_ref().map(ToString::to_string).into(),
        event.at.into(),
        event.last.into(),
        event.resource.as_str().into(),
        event.deed.as_str().into(),
        event.has_failed.into(),
        event.author.user_id.into(),
        // PostgreSQL's texts cannot hold it, and another issuer may write it.
        event.author.application_id.replace('\0', "\u{fffd}").into(),
        event.subject.as_str().into(),
        event.before.clone().into(),
        event.after.clone().into(),
        serde_json::json!(event.details).to_string().into(),
        event.count.into(),
        bucket.into(),
    ]
}

impl Store {
    /// Lists what an organisation is told of in a span of time, its ends included: after a place, oldest first,
    /// `count_max` at most.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_audit_events(
        &self,
        organization_id: &OrganizationId,
        (from, until): (Timestamp, Timestamp),
        after: AuditPlace,
        count_max: u32,
    ) -> Result<Vec<AuditEvent>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM audit_events a
             WHERE a.organization_id = $1 AND a.at >= $2 AND a.at <= $3 AND (a.at, a.id) > ($4, $5)
             ORDER BY a.at, a.id
             LIMIT CAST($6 AS bigint)"
        );
        let params = [
            organization_id.into(),
            from.into(),
            until.into(),
            after.at.into(),
            after.id.into(),
            count_max.into(),
        ];
        self.query(&sql, &params).await?.iter().map(event).collect()
    }

    /// Lists as [`Store::list_audit_events`] does, whoever is told of it.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_all_audit_events(
        &self,
        _: SystemScope,
        (from, until): (Timestamp, Timestamp),
        after: AuditPlace,
        count_max: u32,
    ) -> Result<Vec<AuditEvent>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM audit_events a
             WHERE a.at >= $1 AND a.at <= $2 AND (a.at, a.id) > ($3, $4)
             ORDER BY a.at, a.id
             LIMIT CAST($5 AS bigint)"
        );
        let params = [from.into(), until.into(), after.at.into(), after.id.into(), count_max.into()];
        self.query(&sql, &params).await?.iter().map(event).collect()
    }

    /// Finds an event that an organisation is told of.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_audit_event(
        &self,
        organization_id: &OrganizationId,
        id: Uuid,
    ) -> Result<Option<AuditEvent>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM audit_events a WHERE a.organization_id = $1 AND a.id = $2");
        let row = self.query_one(&sql, &[organization_id.into(), id.into()]).await?;
        row.map(|row| event(&row)).transpose()
    }

    /// Says whether anything happened before a time.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn has_audit_before(&self, before: Timestamp) -> Result<bool, StoreError> {
        let sql = "SELECT 1 FROM audit_events WHERE at < $1 LIMIT 1";
        Ok(self.query_one(sql, &[before.into()]).await?.is_some())
    }

    /// Forgets what happened before a time, and returns how many rows that were.
    ///
    /// # Errors
    /// When the database does not answer; what was forgotten until then stays so.
    pub async fn forget_audit_before(&self, before: Timestamp) -> Result<u64, StoreError> {
        let sql =
            "SELECT a.id FROM audit_events a WHERE a.at < $1 ORDER BY a.at, a.id LIMIT CAST($2 AS bigint)";
        let mut forgotten: u64 = 0;
        loop {
            let rows = self.query(sql, &[before.into(), BATCH_MAX.into()]).await?;
            let mut commit = Commit::new();
            for row in &rows {
                commit.step_any_rows("DELETE FROM audit_events WHERE id = $1", vec![row.uuid(0)?.into()]);
            }
            if rows.is_empty() {
                return Ok(forgotten);
            }
            self.commit(commit).await?;
            forgotten = forgotten.saturating_add(u64::try_from(rows.len()).unwrap_or(u64::MAX));
        }
    }
}

fn event(row: &Row) -> Result<AuditEvent, StoreError> {
    let organization_id = match row.text_or_null(1)? {
        Some(_) => Some(row.organization_id(1)?),
        None => None,
    };
    let details = serde_json::from_str(&row.text(12)?)
        .map_err(|_| StoreError::Corrupt { column: 12, found: "no list of names and values".to_owned() })?;
    Ok(AuditEvent {
        id: row.uuid(0)?,
        organization_id,
        at: row.timestamp(2)?,
        last: row.timestamp(3)?,
        resource: word(row, 4)?,
        deed: word(row, 5)?,
        has_failed: row.bool(6)?,
        author: AuditAuthor { user_id: row.uuid_or_null(7)?, application_id: row.text(8)? },
        subject: row.text(9)?,
        before: row.text_or_null(10)?,
        after: row.text_or_null(11)?,
        details,
        count: row.count(13)?,
    })
}

fn word<T: Vocabulary>(row: &Row, column: usize) -> Result<T, StoreError> {
    let text = row.text(column)?;
    T::parse(&text).ok_or(StoreError::Corrupt { column, found: "an unknown word".to_owned() })
}
