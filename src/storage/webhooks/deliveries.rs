//! Deliveries and their attempts: what is written of them, and the log that their organisation reads.

use uuid::Uuid;

use super::endpoints::{timestamp_or_null, word};
use crate::{
    domain::{
        event::Event,
        organization::OrganizationId,
        time::Timestamp,
        vocabulary::Vocabulary as _,
        webhook::{AttemptRecord, Delivery, DeliveryState, SentBody, Told},
    },
    storage::{
        Commit, Conflict, Store, StoreError,
        value::{Row, Value},
    },
};

/// Columns of a delivery `d`, for [`delivery`].
pub(super) const COLUMNS: &str = "d.id, d.endpoint_id, d.organization_id, d.event, d.referral_id, d.position, \
     d.change_id, d.version, d.at, d.state, d.attempts, d.step, d.due, d.created, d.finished";
/// How many those are.
pub(super) const COLUMN_COUNT: usize = 15;

/// What an attempt leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recorded {
    /// The receiver took it.
    Delivered,
    /// It is tried again then.
    Again(Timestamp),
    /// It is given up.
    GivenUp,
}

/// A place in the log of deliveries, newest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeliveryPlace {
    /// When the delivery was made.
    pub created: Timestamp,
    /// Its id.
    pub id: Uuid,
}

/// Which deliveries are listed.
#[derive(Clone, Copy, Debug)]
pub struct DeliveryPage {
    /// Only those in this state.
    pub state: Option<DeliveryState>,
    /// Only those after this place.
    pub after: Option<DeliveryPlace>,
    /// How many at most.
    pub count_max: u32,
}

const INSERT: &str =
    "INSERT INTO webhook_deliveries (id, endpoint_id, organization_id, event, referral_id, position,
        change_id, version, at, state, attempts, step, due, created, finished)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'pending', 0, 0, $10, $10, NULL)
     ON CONFLICT (endpoint_id, position, event) DO NOTHING";

impl Commit {
    /// Adds a delivery, unless its endpoint has one of the same change and event.
    pub fn insert_delivery(&mut self, delivery: &Delivery) {
        self.step_any_rows(INSERT, inserted(delivery));
    }

    /// Adds a test, unless its endpoint had `count_max` since `since`: that is a [`Conflict::Duplicate`].
    pub fn insert_test(&mut self, delivery: &Delivery, since: Timestamp, count_max: u32) {
        // Whoever asks at the same moment waits here, and then counts this one.
        let lock = "UPDATE webhook_endpoints SET updated = updated WHERE id = $1 AND state <> 'deleted'";
        self.step(lock, vec![delivery.endpoint_id.into()], 1, Conflict::Version);
        let sql =
            "INSERT INTO webhook_deliveries (id, endpoint_id, organization_id, event, referral_id, position,
                change_id, version, at, state, attempts, step, due, created, finished)
             SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, 'pending', 0, 0, $10, $10, NULL
             WHERE (
                SELECT COUNT(*) FROM webhook_deliveries t
                WHERE t.endpoint_id = $2 AND t.event = $4 AND t.created > $11) < $12";
        let params = [inserted(delivery), vec![since.into(), count_max.into()]].concat();
        self.step(sql, params, 1, Conflict::Duplicate);
    }

    /// Writes down an attempt and what it leads to. [`Conflict::Version`] when somebody else has taken the delivery
    /// meanwhile; `worker` is who took it, `None` where nobody need.
    pub fn record_attempt(
        &mut self,
        delivery: &Delivery,
        worker: Option<i64>,
        attempt: &AttemptRecord,
        (recorded, now): (Recorded, Timestamp),
    ) {
        let (state, due, finished) = match recorded {
            Recorded::Delivered => (DeliveryState::Delivered, delivery.due, Some(now)),
            Recorded::Again(due) => (DeliveryState::Pending, due, None),
            Recorded::GivenUp => (DeliveryState::Dead, delivery.due, Some(now)),
        };
        let sql = "UPDATE webhook_deliveries
             SET state = $3, attempts = attempts + 1, step = step + 1, due = $4, finished = $5, worker = NULL
             WHERE id = $1 AND attempts = $2 AND worker IS NOT DISTINCT FROM CAST($6 AS bigint)";
        let params = vec![
            delivery.id.into(),
            delivery.attempts.into(),
            state.as_str().into(),
            due.into(),
            finished.into(),
            worker.into(),
        ];
        self.step(sql, params, 1, Conflict::Version);
        // A body that was sent before stands there once.
        let sql = "INSERT INTO webhook_attempts (delivery_id, number, url, started, duration_ms, outcome, status, answer,
                error, body_digest, body_bytes, body)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, CASE
                WHEN EXISTS (
                    SELECT 1 FROM webhook_attempts b
                    WHERE b.delivery_id = $1 AND b.body_digest = $10 AND b.body IS NOT NULL) THEN NULL
                ELSE CAST($12 AS text)
             END)";
        let sent = attempt.sent.as_ref();
        let params = vec![
            delivery.id.into(),
            attempt.number.into(),
            attempt.url.as_str().into(),
            attempt.started.into(),
            attempt.duration_ms.into(),
            attempt.outcome.as_str().into(),
            attempt.status.map(u32::from).into(),
            attempt.answer.clone().into(),
            attempt.error.clone().into(),
            sent.map(|it| it.digest.as_slice()).into(),
            sent.map(|it| it.bytes).into(),
            sent.and_then(|it| it.body.clone()).into(),
        ];
        self.step(sql, params, 1, Conflict::Version);
    }

    /// Starts one delivery of an endpoint anew, whatever became of it.
    pub fn restart_delivery(&mut self, endpoint_id: Uuid, id: Uuid, now: Timestamp) {
        let sql = "UPDATE webhook_deliveries
             SET state = 'pending', step = 0, due = $3, finished = NULL
             WHERE endpoint_id = $1 AND id = $2";
        self.step(sql, vec![endpoint_id.into(), id.into(), now.into()], 1, Conflict::Version);
    }

    /// Starts those deliveries of an endpoint anew that were made in a stretch of time and stand in a state.
    pub fn restart_deliveries(
        &mut self,
        endpoint_id: Uuid,
        (from, to): (Timestamp, Timestamp),
        state: DeliveryState,
        now: Timestamp,
    ) {
        let sql = "UPDATE webhook_deliveries
             SET state = 'pending', step = 0, due = $2, finished = NULL
             WHERE endpoint_id = $1 AND created >= $3 AND created <= $4 AND state = $5";
        let params = vec![endpoint_id.into(), now.into(), from.into(), to.into(), state.as_str().into()];
        self.step_any_rows(sql, params);
    }
}

fn inserted(delivery: &Delivery) -> Vec<Value> {
    let told = delivery.told.as_ref();
    vec![
        delivery.id.into(),
        delivery.endpoint_id.into(),
        (&delivery.organization_id).into(),
        delivery.event.as_str().into(),
        told.map(|it| it.referral_id).into(),
        told.map(|it| i64::try_from(it.position).unwrap_or(i64::MAX)).into(),
        told.map(|it| it.change_id).into(),
        told.map(|it| it.version).into(),
        delivery.at.into(),
        delivery.due.into(),
    ]
}

impl Store {
    /// Finds a delivery to an endpoint of an organisation.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_delivery(
        &self,
        organization_id: &OrganizationId,
        endpoint_id: Uuid,
        id: Uuid,
    ) -> Result<Option<Delivery>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM webhook_deliveries d
             WHERE d.organization_id = $1 AND d.endpoint_id = $2 AND d.id = $3"
        );
        let row = self.query_one(&sql, &[organization_id.into(), endpoint_id.into(), id.into()]).await?;
        row.map(|row| delivery(&row, 0)).transpose()
    }

    /// Lists deliveries to an endpoint of an organisation, newest first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_deliveries(
        &self,
        organization_id: &OrganizationId,
        endpoint_id: Uuid,
        page: DeliveryPage,
    ) -> Result<Vec<Delivery>, StoreError> {
        let after =
            page.after.unwrap_or(DeliveryPlace { created: Timestamp::from_ticks(i64::MAX), id: Uuid::max() });
        let sql = format!(
            "SELECT {COLUMNS} FROM webhook_deliveries d
             WHERE d.organization_id = $1 AND d.endpoint_id = $2 AND (d.created, d.id) < ($3, $4)
                AND (CAST($5 AS text) IS NULL OR d.state = $5)
             ORDER BY d.created DESC, d.id DESC
             LIMIT CAST($6 AS bigint)"
        );
        let params = [
            organization_id.into(),
            endpoint_id.into(),
            after.created.into(),
            after.id.into(),
            page.state.map(|it| it.as_str().to_owned()).into(),
            page.count_max.into(),
        ];
        self.query(&sql, &params).await?.iter().map(|row| delivery(row, 0)).collect()
    }

    /// Lists the attempts of a delivery, in order.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_attempts(&self, delivery_id: Uuid) -> Result<Vec<AttemptRecord>, StoreError> {
        let sql = "SELECT a.number, a.url, a.started, a.duration_ms, a.outcome, a.status, a.answer, a.error,
                a.body_digest, a.body_bytes, COALESCE(a.body, (
                    SELECT b.body FROM webhook_attempts b
                    WHERE b.delivery_id = a.delivery_id AND b.body_digest = a.body_digest AND b.body IS NOT NULL
                    LIMIT 1))
             FROM webhook_attempts a
             WHERE a.delivery_id = $1
             ORDER BY a.number";
        self.query(sql, &[delivery_id.into()]).await?.iter().map(attempt).collect()
    }

    /// Returns when the first test to an endpoint after `since` was made.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn first_test_since(
        &self,
        endpoint_id: Uuid,
        since: Timestamp,
    ) -> Result<Option<Timestamp>, StoreError> {
        let sql = "SELECT MIN(created) FROM webhook_deliveries
             WHERE endpoint_id = $1 AND event = 'test-created' AND created > $2";
        let row = self.query_one(sql, &[endpoint_id.into(), since.into()]).await?;
        row.map_or(Ok(None), |row| timestamp_or_null(&row, 0))
    }
}

/// Reads [`COLUMNS`] from the column `first` on.
pub(super) fn delivery(row: &Row, first: usize) -> Result<Delivery, StoreError> {
    let at = |column: usize| first.saturating_add(column);
    let event = Event::parse(&row.text(at(3))?)
        .ok_or(StoreError::Corrupt { column: at(3), found: "an unknown event".to_owned() })?;
    let told = match row.uuid_or_null(at(4))? {
        None => None,
        Some(referral_id) => Some(Told {
            referral_id,
            position: u64::try_from(row.int(at(5))?).unwrap_or(0),
            change_id: row.uuid(at(6))?,
            version: row.count(at(7))?,
        }),
    };
    Ok(Delivery {
        id: row.uuid(first)?,
        endpoint_id: row.uuid(at(1))?,
        organization_id: row.organization_id(at(2))?,
        event,
        told,
        at: row.timestamp(at(8))?,
        state: word(row, at(9))?,
        attempts: row.count(at(10))?,
        step: row.count(at(11))?,
        due: row.timestamp(at(12))?,
        created: row.timestamp(at(13))?,
        finished: timestamp_or_null(row, at(14))?,
    })
}

fn attempt(row: &Row) -> Result<AttemptRecord, StoreError> {
    let status = match row.0.get(5) {
        Some(Value::Int(status)) => u16::try_from(*status).ok(),
        _ => None,
    };
    let sent = match row.bytes_or_null(8)? {
        Some(digest) => Some(SentBody { digest, bytes: row.count(9)?, body: row.text_or_null(10)? }),
        None => None,
    };
    Ok(AttemptRecord {
        sent,
        number: row.count(0)?,
        url: row.text(1)?,
        started: row.timestamp(2)?,
        duration_ms: row.count(3)?,
        outcome: row.text(4)?,
        status,
        answer: row.text_or_null(6)?,
        error: row.text_or_null(7)?,
    })
}
