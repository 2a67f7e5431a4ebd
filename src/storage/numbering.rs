//! Places in the log on PostgreSQL: given after commit, by one task in the cluster.
//!
//! Whoever holds an advisory lock numbers what `changes_pending` lists, in batches, on the same connection
//! that holds the lock: when it dies, lock and unfinished batch go with it. Commits are announced by NOTIFY
//! outside their transactions, because a NOTIFY inside takes a lock on the whole database at commit.

pub(super) mod growth;

use std::{collections::HashMap, future::poll_fn, sync::Arc, time::Duration};

use tokio::{
    sync::Notify,
    time::{Instant, timeout},
};
use tokio_postgres::{AsyncMessage, Client};
use uuid::Uuid;

use super::{
    StoreError,
    postgres::{Postgres, SESSION, tls},
};
use crate::domain::change::{Hash, chain_hash};

/// Any number will do, as long as every replica takes the same.
const LEASE: i64 = 0x4c69_6169_736f_6e02;
const CHANNEL: &str = "liaison_changes";
const BATCH_MAX: i64 = 1000;
/// How long one NOTIFY stands for the commits that follow it.
const ANNOUNCE_EVERY: Duration = Duration::from_millis(10);
/// How long to wait for a NOTIFY before looking anyway, and before asking for the lease again.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// How long to wait for another process to number what is pending.
const SETTLE_WAIT: Duration = Duration::from_secs(5);

/// The lease ends with its session, so a session whose holder was cut off must not live on: the holder asks
/// something every [`LOOK_EVERY`].
pub(super) const LEASE_SESSION: &str = "SET idle_session_timeout = '10s';
    SET tcp_keepalives_idle = 5;
    SET tcp_keepalives_interval = 2;
    SET tcp_keepalives_count = 3;";

/// Starts announcing and, whenever the lease can be had, numbering.
pub(super) fn start(postgres: &Postgres) {
    let config = postgres.config();
    postgres.keep(tokio::spawn(announce(config.clone(), Arc::clone(&postgres.committed))));
    postgres.keep(tokio::spawn(async move {
        loop {
            if let Err(error) = number_while_leased(&config).await {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "numbering of changes was interrupted"
                );
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }));
}

async fn announce(config: tokio_postgres::Config, committed: Arc<Notify>) {
    loop {
        let Ok((client, wake)) = connect(&config).await else {
            tokio::time::sleep(LOOK_EVERY).await;
            continue;
        };
        drop(wake);
        loop {
            committed.notified().await;
            if client.batch_execute(&format!("NOTIFY {CHANNEL}")).await.is_err() {
                break;
            }
            tokio::time::sleep(ANNOUNCE_EVERY).await;
        }
    }
}

/// Opens a connection of its own; the second value is woken by every notification.
pub(super) async fn connect(config: &tokio_postgres::Config) -> Result<(Client, Arc<Notify>), StoreError> {
    let (client, mut connection) = config.connect(tls()).await?;
    let wake = Arc::new(Notify::new());
    let waker = Arc::clone(&wake);
    tokio::spawn(async move {
        while let Some(Ok(message)) = poll_fn(|context| connection.poll_message(context)).await {
            if matches!(message, AsyncMessage::Notification(_)) {
                waker.notify_one();
            }
        }
    });
    client.batch_execute(SESSION).await?;
    Ok((client, wake))
}

async fn number_while_leased(config: &tokio_postgres::Config) -> Result<(), StoreError> {
    let (mut client, wake) = connect(config).await?;
    client.batch_execute(&format!("{LEASE_SESSION} LISTEN {CHANNEL}")).await?;
    while !client.query_one("SELECT pg_try_advisory_lock($1)", &[&LEASE]).await?.try_get::<_, bool>(0)? {
        tokio::time::sleep(LOOK_EVERY).await;
    }
    loop {
        while number_batch(&mut client).await? > 0 {}
        // Running out of time is a look without being asked.
        let _ = timeout(LOOK_EVERY, wake.notified()).await;
    }
}

/// Gives positions to committed changes and returns to how many.
async fn number_batch(client: &mut Client) -> Result<usize, StoreError> {
    let transaction = client.transaction().await?;
    let pending = transaction
        .query(
            "SELECT sequence, engagement_id, facts FROM changes_pending ORDER BY sequence LIMIT $1",
            &[&BATCH_MAX],
        )
        .await?;
    if pending.is_empty() {
        return Ok(0);
    }
    let mut sequences: Vec<i64> = Vec::with_capacity(pending.len());
    let mut engagements: Vec<Uuid> = Vec::with_capacity(pending.len());
    let mut facts: Vec<Vec<u8>> = Vec::with_capacity(pending.len());
    for row in &pending {
        sequences.push(row.try_get(0)?);
        engagements.push(row.try_get(1)?);
        facts.push(row.try_get(2)?);
    }
    let last_hashes = transaction
        .query(
            "SELECT DISTINCT ON (engagement_id) engagement_id, hash
             FROM change_positions
             WHERE engagement_id = ANY($1)
             ORDER BY engagement_id, position DESC",
            &[&engagements],
        )
        .await?;
    let mut chains: HashMap<Uuid, Hash> = HashMap::with_capacity(last_hashes.len());
    for row in &last_hashes {
        chains.insert(row.try_get(0)?, to_hash(row.try_get(1)?)?);
    }
    let mut hashes: Vec<Vec<u8>> = Vec::with_capacity(facts.len());
    for (engagement, facts) in engagements.iter().zip(facts) {
        let hash = chain_hash(chains.get(engagement), &to_hash(facts)?);
        chains.insert(*engagement, hash);
        hashes.push(hash.to_vec());
    }
    transaction
        .execute(
            "INSERT INTO change_positions (position, sequence, engagement_id, hash)
             SELECT last.position + new.ordinal, new.sequence, new.engagement_id, new.hash
             FROM unnest($1::bigint[], $2::uuid[], $3::bytea[])
                WITH ORDINALITY AS new (sequence, engagement_id, hash, ordinal),
                (SELECT COALESCE(MAX(position), 0) AS position FROM change_positions) last",
            &[&sequences, &engagements, &hashes],
        )
        .await?;
    transaction.execute("DELETE FROM changes_pending WHERE sequence = ANY($1)", &[&sequences]).await?;
    // Only who numbers sends this, so the lock that a NOTIFY takes at commit keeps nobody waiting.
    transaction.batch_execute(&format!("NOTIFY {}", growth::CHANNEL)).await?;
    transaction.commit().await?;
    Ok(sequences.len())
}

fn to_hash(bytes: Vec<u8>) -> Result<Hash, StoreError> {
    Hash::try_from(bytes).map_err(|_| StoreError::Corrupt { column: 0, found: "no hash".to_owned() })
}

/// Waits until nothing is pending: numbers it here if nobody else holds the lease and this process may write,
/// else gives whoever does [`SETTLE_WAIT`].
pub(super) async fn settle(postgres: &Postgres) -> Result<(), StoreError> {
    let mut client = connect(&postgres.config()).await?.0;
    let wait_until = Instant::now() + SETTLE_WAIT;
    loop {
        let left: i64 = client.query_one("SELECT COUNT(*) FROM changes_pending", &[]).await?.try_get(0)?;
        if left == 0 || Instant::now() > wait_until {
            return Ok(());
        }
        if postgres.is_writable() {
            let row = client.query_one("SELECT pg_try_advisory_lock($1)", &[&LEASE]).await?;
            if row.try_get(0)? {
                while number_batch(&mut client).await? > 0 {}
                return Ok(());
            }
        }
        tokio::time::sleep(ANNOUNCE_EVERY).await;
    }
}
