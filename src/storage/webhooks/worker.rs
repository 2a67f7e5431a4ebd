//! Who delivers, and what it takes.
//!
//! On PostgreSQL a worker has a number, and holds an advisory lock on it with a session of its own; what it takes is
//! marked with the number. The lock ends with the session, so what a worker took that is gone is free at once, and no
//! clock decides it. On SQLite there is one process, which remembers what it has taken.

use std::collections::{HashMap, HashSet};

use tokio_postgres::Client;
use uuid::Uuid;

use super::{
    deliveries::{self, delivery},
    endpoints::{self, endpoint},
};
use crate::{
    domain::{
        actor::SystemScope,
        time::Timestamp,
        webhook::{Delivery, Endpoint},
    },
    storage::{
        Backend, Commit, Store, StoreError,
        numbering::{LEASE_SESSION, connect},
        value::Row,
    },
};

/// The first half of the locks of workers; the second is the worker's number.
const WORKERS: i32 = 0x4c69_6105;

/// Somebody who delivers. Dropping it frees what it took.
#[derive(Debug)]
pub struct Worker {
    /// On PostgreSQL, the number and the session that holds its lock.
    session: Option<(i32, Client)>,
}

/// A delivery that a worker has taken, and where it goes.
#[derive(Clone, Debug)]
pub struct Claimed {
    /// What is to be sent.
    pub delivery: Delivery,
    /// Where.
    pub endpoint: Endpoint,
}

/// What a worker asks for.
#[derive(Clone, Debug)]
pub struct Claim<'a> {
    /// What is due by then.
    pub now: Timestamp,
    /// Only for these endpoints.
    pub only: Option<&'a [Uuid]>,
    /// Only for endpoints whose last attempt has failed, or only for the others.
    pub is_failing: bool,
    /// Attempts in flight for one endpoint.
    pub per_endpoint_max: u32,
    /// Deliveries at most.
    pub count_max: u32,
    /// What is in flight in this process, by endpoint.
    pub in_flight: &'a HashMap<Uuid, HashSet<Uuid>>,
    /// Endpoints that are late with an answer, and get nothing more before it.
    pub late: &'a HashSet<Uuid>,
}

impl Worker {
    /// Returns the mark on what this worker takes; `None` where none is needed.
    pub fn mark(&self) -> Option<i64> {
        self.session.as_ref().map(|(number, _)| i64::from(*number))
    }
}

const RELEASE: &str = "UPDATE webhook_deliveries
     SET worker = NULL
     WHERE worker IS NOT NULL AND worker NOT IN (
        SELECT CAST(objid AS bigint) FROM pg_locks
        WHERE locktype = 'advisory' AND granted AND objsubid = 2
            AND CAST(classid AS bigint) = $1
            AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))";

impl Store {
    /// Enters as a worker. `number` is a random one.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn open_worker(&self, number: u32) -> Result<Worker, StoreError> {
        let Backend::Postgres(postgres) = &self.0.backend else { return Ok(Worker { session: None }) };
        let (client, _) = connect(&postgres.config()).await?;
        client.batch_execute(LEASE_SESSION).await?;
        // One bit less, so that the lock's number and the mark are the same whatever the sign.
        let number = i32::try_from(number >> 1).unwrap_or(i32::MAX);
        client.query_one("SELECT pg_advisory_lock($1, $2)", &[&WORKERS, &number]).await?;
        Ok(Worker { session: Some((number, client)) })
    }

    /// Keeps a worker's session, and frees what workers took that are gone.
    ///
    /// # Errors
    /// When the session has ended: what this worker took is no longer its own.
    pub async fn keep_worker(&self, worker: &Worker) -> Result<(), StoreError> {
        match &worker.session {
            Some((_, client)) => {
                client.execute(RELEASE, &[&i64::from(WORKERS)]).await?;
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Takes deliveries that are due, first come first served at each endpoint.
    ///
    /// # Errors
    /// When the database does not answer; what was taken then is freed when the worker goes.
    pub async fn claim_deliveries(
        &self,
        _: SystemScope,
        worker: &Worker,
        claim: &Claim<'_>,
    ) -> Result<Vec<Claimed>, StoreError> {
        match worker.mark() {
            Some(mark) => self.take_deliveries(mark, claim).await,
            None => self.find_due_deliveries(claim).await,
        }
    }

    /// PostgreSQL: finds and marks in one statement, past what others are taking at this moment. A mark means nothing
    /// without the session of its worker, which a crash of the database ends: it need not be durable.
    async fn take_deliveries(&self, mark: i64, claim: &Claim<'_>) -> Result<Vec<Claimed>, StoreError> {
        let only = match claim.only {
            Some(_) => {
                "e.id IN (
                    SELECT CAST(it AS uuid) FROM jsonb_array_elements_text(CAST(CAST($7 AS text) AS jsonb)) it)"
            }
            None => "CAST($7 AS text) IS NULL",
        };
        let (delivery_columns, endpoint_columns) = (deliveries::COLUMNS, endpoints::COLUMNS);
        let failing = failing(claim);
        let sql = format!(
            "WITH due AS (
                SELECT x.id
                FROM (SELECT set_config('synchronous_commit', 'off', true) AS is_set) s
                CROSS JOIN webhook_endpoints e
                CROSS JOIN LATERAL (
                    SELECT y.id, y.due FROM webhook_deliveries y
                    WHERE y.endpoint_id = e.id AND y.state = 'pending' AND y.worker IS NULL AND y.due <= $1
                    ORDER BY y.due, y.id
                    LIMIT GREATEST(
                        CAST($2 AS bigint)
                        - COALESCE(CAST(CAST($3 AS text)::jsonb ->> CAST(e.id AS text) AS bigint), 0), 0)
                    FOR UPDATE SKIP LOCKED) x
                WHERE s.is_set = 'off' AND e.state = 'active' AND {failing} AND {only}
                ORDER BY x.due
                LIMIT CAST($4 AS bigint)),
             d AS (
                UPDATE webhook_deliveries t
                SET worker = $5
                FROM due
                WHERE t.id = due.id AND t.worker IS NULL AND t.state = $6
                RETURNING t.*)
             SELECT {delivery_columns}, {endpoint_columns}
             FROM d
             JOIN webhook_endpoints e ON e.id = d.endpoint_id
             ORDER BY d.due, d.position, d.id"
        );
        let taken = |(id, taken): (&Uuid, &HashSet<Uuid>)| (id.to_string(), taken.len().into());
        let mut busy: serde_json::Map<String, serde_json::Value> =
            claim.in_flight.iter().map(taken).collect();
        busy.extend(claim.late.iter().map(|id| (id.to_string(), claim.per_endpoint_max.into())));
        let params = [
            claim.now.into(),
            claim.per_endpoint_max.into(),
            serde_json::Value::Object(busy).to_string().into(),
            claim.count_max.into(),
            mark.into(),
            "pending".into(),
            claim.only.map(|it| serde_json::json!(it).to_string()).into(),
        ];
        self.query(&sql, &params).await?.iter().map(claimed).collect()
    }

    /// SQLite: finds; what was found is remembered by who asked.
    async fn find_due_deliveries(&self, claim: &Claim<'_>) -> Result<Vec<Claimed>, StoreError> {
        let asked = match claim.only {
            Some(only) => only.to_vec(),
            None => self.list_due_endpoints(claim).await?,
        };
        let per_endpoint = usize::try_from(claim.per_endpoint_max).unwrap_or(usize::MAX);
        let free = |id: &Uuid| match claim.late.contains(id) {
            true => 0,
            false => per_endpoint.saturating_sub(claim.in_flight.get(id).map_or(0, HashSet::len)),
        };
        let mut left: HashMap<Uuid, usize> =
            asked.into_iter().map(|it| (it, free(&it))).filter(|(_, free)| *free > 0).collect();
        // Texts without hyphens, as `unhex` reads them.
        let ids: Vec<String> = left.keys().map(|it| it.simple().to_string()).collect();
        let sql = format!(
            "SELECT {}, {}
             FROM json_each($1) it
             CROSS JOIN webhook_endpoints e ON e.id = unhex(it.value)
             CROSS JOIN webhook_deliveries d ON d.id IN (
                SELECT y.id FROM webhook_deliveries y
                WHERE y.endpoint_id = e.id AND y.state = 'pending' AND y.worker IS NULL AND y.due <= $2
                ORDER BY y.due, y.id
                LIMIT $3)
             WHERE e.state = 'active' AND {}
             ORDER BY d.due, d.position, d.id",
            deliveries::COLUMNS,
            endpoints::COLUMNS,
            failing(claim)
        );
        let params =
            [serde_json::json!(ids).to_string().into(), claim.now.into(), claim.per_endpoint_max.into()];
        let wanted = usize::try_from(claim.count_max).unwrap_or(usize::MAX);
        let mut found = Vec::new();
        for row in self.query(&sql, &params).await? {
            let claimed = claimed(&row)?;
            let id = claimed.endpoint.id;
            let is_taken = claim.in_flight.get(&id).is_some_and(|it| it.contains(&claimed.delivery.id));
            let Some(free) = left.get_mut(&id).filter(|free| **free > 0 && !is_taken) else { continue };
            if found.len() >= wanted {
                break;
            }
            *free = free.saturating_sub(1);
            found.push(claimed);
        }
        Ok(found)
    }

    /// SQLite: lists the endpoints for which something is due.
    async fn list_due_endpoints(&self, claim: &Claim<'_>) -> Result<Vec<Uuid>, StoreError> {
        let sql = format!(
            "SELECT e.id FROM webhook_endpoints e
             WHERE e.state = 'active' AND {} AND (
                SELECT MIN(y.due) FROM webhook_deliveries y
                WHERE y.endpoint_id = e.id AND y.state = 'pending' AND y.worker IS NULL) <= $1",
            failing(claim)
        );
        self.query(&sql, &[claim.now.into()]).await?.iter().map(|row| row.uuid(0)).collect()
    }

    /// Frees what a worker took and does not get done, such as what it could not write down.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn release_delivery(&self, worker: Option<i64>, id: Uuid) -> Result<(), StoreError> {
        let Some(mark) = worker else { return Ok(()) };
        let mut commit = Commit::new();
        let sql = "UPDATE webhook_deliveries SET worker = NULL WHERE id = $1 AND worker = $2";
        commit.step_any_rows(sql, vec![id.into(), mark.into()]);
        self.commit(commit).await
    }
}

fn failing(claim: &Claim<'_>) -> &'static str {
    match claim.is_failing {
        true => "e.failing_since IS NOT NULL",
        false => "e.failing_since IS NULL",
    }
}

fn claimed(row: &Row) -> Result<Claimed, StoreError> {
    Ok(Claimed { delivery: delivery(row, 0)?, endpoint: endpoint(row, deliveries::COLUMN_COUNT)? })
}
