//! PostgreSQL: a pool of connections, and commits whose statements travel in one flight.
//!
//! A commit runs as a task of its own, so that a caller that goes away cannot leave a transaction half sent
//! on a connection that goes back to the pool.

use std::{
    collections::BTreeSet,
    sync::{Arc, LazyLock},
    time::Duration,
};

use deadpool_postgres::{Hook, HookError, Manager, ManagerConfig, Object, Pool, RecyclingMethod, Runtime};
use futures_util::future::{join, join3, try_join_all};
use parking_lot::Mutex;
use tokio::{sync::Notify, task::JoinHandle};
use tokio_postgres::{Config, Statement, error::SqlState, types::ToSql};
use tokio_postgres_rustls::MakeRustlsConnect;
use uuid::Uuid;

use super::{
    Commit, Conflict, Mode, StoreError, changes,
    commit::{Step, Urgency},
    list::{Bounded, Lanes, SHORT},
    value::{Row, Value},
};
use crate::{
    domain::{change::Hash, organization::OrganizationId},
    tls::client_config,
};

/// Connections in the pool.
const CONNECTIONS_MAX: usize = 16;
/// How long a request waits for one of them.
const CONNECTION_WAIT: Duration = Duration::from_secs(5);
const CONNECT_WAIT: Duration = Duration::from_secs(5);

const KEEPALIVE_IDLE: Duration = Duration::from_secs(10);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(5);
const UNANSWERED_WAIT: Duration = Duration::from_secs(20);

pub(super) const SESSION: &str = "SET statement_timeout = '15s';
    SET lock_timeout = '5s';
    SET idle_in_transaction_session_timeout = '15s';
    SET synchronous_commit = on;
    SET jit = off;";
const SESSION_READ_ONLY: &str = "SET default_transaction_read_only = on;";

/// An open PostgreSQL database.
pub(super) struct Postgres {
    pool: Pool,
    config: Config,
    mode: Mode,
    lanes: Lanes,
    /// What goes on in the background until the end.
    tasks: Mutex<Vec<JoinHandle<()>>>,
    /// Wakes whoever announces commits to the numbering task.
    pub(super) committed: Arc<Notify>,
}

impl Postgres {
    /// Connects once, to fail early.
    pub(super) async fn open(url: &str, mode: Mode) -> Result<Self, StoreError> {
        let mut config = parse(url)?;
        config.application_name("liaison");
        // A network that goes away without a word is noticed within half a minute, not after hours.
        config.keepalives(true);
        config.keepalives_idle(KEEPALIVE_IDLE);
        config.keepalives_interval(KEEPALIVE_INTERVAL);
        config.keepalives_retries(3);
        config.tcp_user_timeout(UNANSWERED_WAIT);
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT_WAIT);
        }
        let manager_config = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = Manager::from_config(config.clone(), tls(), manager_config);
        let session = match mode {
            Mode::ReadWrite => SESSION.to_owned(),
            Mode::ReadOnly => [SESSION, SESSION_READ_ONLY].concat(),
        };
        let pool = Pool::builder(manager)
            .max_size(CONNECTIONS_MAX)
            .wait_timeout(Some(CONNECTION_WAIT))
            .create_timeout(Some(CONNECT_WAIT))
            .runtime(Runtime::Tokio1)
            .post_create(Hook::async_fn(move |client, _| {
                let session = session.clone();
                Box::pin(async move { client.batch_execute(&session).await.map_err(HookError::Backend) })
            }))
            .build()
            .map_err(|error| StoreError::BadUrl(error.to_string()))?;
        let (lanes, tasks) = (Lanes::default(), Mutex::default());
        let postgres = Self { pool, config, mode, lanes, tasks, committed: Arc::default() };
        drop(postgres.connection().await?);
        Ok(postgres)
    }

    /// Keeps no more than `max` connections from now on.
    pub(super) fn bound_connections(&self, max: usize) {
        self.pool.resize(max);
    }

    /// Ends a task together with this.
    pub(super) fn keep(&self, task: JoinHandle<()>) {
        self.tasks.lock().push(task);
    }

    /// Ends: whoever asks for a connection from now on is refused.
    pub(super) fn close(&self) {
        self.tasks.lock().drain(..).for_each(|it| it.abort());
        self.pool.close();
    }

    /// Takes a connection from the pool.
    pub(super) async fn connection(&self) -> Result<Object, StoreError> {
        Ok(self.pool.get().await?)
    }

    /// Says whether this process may write.
    pub(super) fn is_writable(&self) -> bool {
        self.mode == Mode::ReadWrite
    }

    /// Returns what is needed to open a connection outside the pool.
    pub(super) fn config(&self) -> Config {
        self.config.clone()
    }

    /// Reads rows.
    pub(super) async fn query(&self, sql: &str, params: &[Value]) -> Result<Vec<Row>, StoreError> {
        let client = self.connection().await?;
        let statement = client.prepare_cached(sql).await?;
        read_rows(&client.query(&statement, &references(params)).await?)
    }

    /// Reads rows for `budget` at most. What turns out to be a long query starts anew when it is its turn: see [`Lanes`].
    pub(super) async fn query_within(
        &self,
        budget: Duration,
        organization_id: OrganizationId,
        bounded: Bounded,
    ) -> Result<Vec<Row>, StoreError> {
        let mut turn = self.lanes.turn(organization_id, budget);
        let bounded = Arc::new(bounded);
        if !bounded.is_costly {
            match self.read_for(budget.min(SHORT), Arc::clone(&bounded)).await {
                Err(StoreError::CutOff) => (),
                outcome => return outcome,
            }
        }
        if !turn.wait().await {
            return Err(StoreError::CutOff);
        }
        self.read_for(turn.time_left(), bounded).await
    }

    /// The statement is not kept: there are as many texts as callers think of.
    async fn read_for(&self, time: Duration, bounded: Arc<Bounded>) -> Result<Vec<Row>, StoreError> {
        let client = self.connection().await?;
        // A task of its own, so that a caller that goes away leaves no open transaction behind.
        let read =
            tokio::spawn(async move { read_within(&client, time, &bounded.sql, &bounded.params).await });
        read.await.unwrap_or(Err(StoreError::CutOff))
    }

    /// Writes a commit and waits until it is durable.
    pub(super) async fn commit(&self, commit: Commit) -> Result<(), StoreError> {
        let client = self.connection().await?;
        let has_changes = !commit.changes.is_empty();
        let written = tokio::spawn(async move { write(&client, &commit).await }).await;
        let outcome = written.unwrap_or(Err(StoreError::ReadOnly));
        if has_changes && outcome.is_ok() {
            self.committed.notify_one();
        }
        outcome
    }
}

/// Reads a connection string, in URL or key-value form.
pub(super) fn parse(url: &str) -> Result<Config, StoreError> {
    let form = "write it as postgres://user:password@host:5432/database";
    url.parse().map_err(|_| StoreError::BadUrl(form.to_owned()))
}

async fn read_within(
    client: &Object,
    budget: Duration,
    sql: &str,
    params: &[Value],
) -> Result<Vec<Row>, StoreError> {
    let begin = format!("BEGIN READ ONLY; SET LOCAL statement_timeout = {}", budget.as_millis().max(1));
    let typed: Vec<_> = params.iter().map(|it| (it as &(dyn ToSql + Sync), it.postgres_type())).collect();
    // All in one flight; COMMIT ends the transaction whether the query succeeded or not.
    let (begun, rows, ended) =
        join3(client.batch_execute(&begin), client.query_typed(sql, &typed), client.batch_execute("COMMIT"))
            .await;
    begun?;
    ended?;
    let rows = rows.map_err(|error| match error.code() {
        Some(&SqlState::QUERY_CANCELED) => StoreError::CutOff,
        _ => StoreError::Postgres(error),
    })?;
    read_rows(&rows)
}

fn read_rows(rows: &[tokio_postgres::Row]) -> Result<Vec<Row>, StoreError> {
    rows.iter()
        .map(|row| (0..row.len()).map(|it| row.try_get(it)).collect::<Result<_, _>>().map(Row))
        .collect::<Result<_, _>>()
        .map_err(StoreError::Postgres)
}

/// Returns a connector for servers that ask for TLS, with the certificates of the system.
pub(super) fn tls() -> MakeRustlsConnect {
    MakeRustlsConnect::new(client_config())
}

async fn write(client: &Object, commit: &Commit) -> Result<(), StoreError> {
    let steps = all_steps(commit);
    let mut statements = Vec::with_capacity(steps.len());
    for step in &steps {
        statements.push(client.prepare_cached(step.sql).await?);
    }
    // BEGIN and every statement are sent before the first answer is awaited.
    let executed =
        try_join_all(steps.iter().zip(&statements).map(|(step, statement)| execute(client, step, statement)));
    let begin = match commit.urgency {
        Urgency::Spare => "BEGIN; SET LOCAL synchronous_commit = off",
        Urgency::Patient | Urgency::Prompt => "BEGIN",
    };
    let (begun, executed) = join(client.batch_execute(begin), executed).await;
    let outcome = begun.map_err(StoreError::Postgres).and(executed);
    match outcome {
        Ok(_) => Ok(client.batch_execute("COMMIT").await?),
        Err(error) => {
            client.batch_execute("ROLLBACK").await?;
            Err(error)
        }
    }
}

fn all_steps(commit: &Commit) -> Vec<Step> {
    // The twins first: they are refused at once, not when it is their turn.
    let twin_locks = commit.twin_locks.iter().copied().map(twin_lock);
    let changes = commit.changes.iter().map(|(change, facts)| Step {
        sql: insert_change(),
        params: changes::values(change, facts),
        rows: Some(1),
        conflict: Conflict::Duplicate,
    });
    let locks = twin_locks.chain(engagement_lock(&commit.engagements));
    locks.chain(commit.steps.iter().cloned()).chain(changes).collect()
}

/// Tries the lock of a key until the end of the transaction; a twin in flight makes it touch no row.
fn twin_lock(key: Hash) -> Step {
    let [a, b, c, d, e, f, g, h, ..] = key;
    Step {
        sql: "SELECT 1 WHERE pg_try_advisory_xact_lock($1)",
        params: vec![i64::from_be_bytes([a, b, c, d, e, f, g, h]).into()],
        rows: Some(1),
        conflict: Conflict::IdempotencyKey,
    }
}

/// Waits for the locks of engagements, in one order, until the end of the transaction. Every statement that follows
/// sees what the transactions before it have committed. `None` when there is nothing to lock.
fn engagement_lock(engagements: &BTreeSet<Uuid>) -> Option<Step> {
    // Two integers: these locks cannot meet those of one big one, which the others are.
    let keys: BTreeSet<(i32, i32)> = engagements.iter().map(|it| lock_key(*it)).collect();
    (!keys.is_empty()).then(|| Step {
        sql: "SELECT pg_advisory_xact_lock(CAST(key ->> 0 AS integer), CAST(key ->> 1 AS integer))
             FROM jsonb_array_elements(CAST($1 AS text)::jsonb) key",
        params: vec![serde_json::json!(keys).to_string().into()],
        rows: None,
        conflict: Conflict::Version,
    })
}

/// Ids of engagements are random, so any part of one will do.
fn lock_key(engagement_id: Uuid) -> (i32, i32) {
    let [a, b, c, d, .., e, f, g, h] = engagement_id.into_bytes();
    (i32::from_be_bytes([a, b, c, d]), i32::from_be_bytes([e, f, g, h]))
}

fn insert_change() -> &'static str {
    static SQL: LazyLock<String> = LazyLock::new(|| {
        format!(
            "WITH written AS (
                INSERT INTO changes ({})
                VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
                RETURNING sequence, engagement_id, facts)
             INSERT INTO changes_pending (sequence, engagement_id, facts)
             SELECT sequence, engagement_id, facts FROM written",
            changes::COLUMNS
        )
    });
    &SQL
}

async fn execute(client: &Object, step: &Step, statement: &Statement) -> Result<(), StoreError> {
    let touched = match client.execute(statement, &references(&step.params)).await {
        Ok(touched) => touched,
        Err(error) if error.code() == Some(&SqlState::UNIQUE_VIOLATION) => {
            return Err(StoreError::Conflict(step.conflict));
        }
        // Whoever is chosen to give way has lost a race like any other.
        Err(error) if error.code() == Some(&SqlState::T_R_DEADLOCK_DETECTED) => {
            return Err(StoreError::Conflict(Conflict::Version));
        }
        Err(error) if error.code() == Some(&SqlState::DISK_FULL) => return Err(StoreError::Full),
        Err(error) => return Err(StoreError::Postgres(error)),
    };
    match step.rows {
        Some(rows) if rows != touched => Err(StoreError::Conflict(step.conflict)),
        Some(_) | None => Ok(()),
    }
}

fn references(params: &[Value]) -> Vec<&(dyn ToSql + Sync)> {
    params.iter().map(|it| it as &(dyn ToSql + Sync)).collect()
}
