//! Numbered schema steps, in pairs. Forward only; a released one is never edited, which its checksum shows.

use std::fmt::Write as _;

use aws_lc_rs::digest::{SHA256, digest};
use rusqlite::{Connection, TransactionBehavior};
use tokio_postgres::Client;

use super::{Store, StoreError, dialect::Dialect};
use crate::domain::time::Timestamp;

struct Migration {
    version: u32,
    name: &'static str,
    sqlite: &'static str,
    postgres: &'static str,
}

const MIGRATIONS: [Migration; 13] = [
    Migration {
        version: 1,
        name: "0001_foundation",
        sqlite: include_str!("../../migrations/sqlite/0001_foundation.sql"),
        postgres: include_str!("../../migrations/postgres/0001_foundation.sql"),
    },
    Migration {
        version: 2,
        name: "0002_favorites",
        sqlite: include_str!("../../migrations/sqlite/0002_favorites.sql"),
        postgres: include_str!("../../migrations/postgres/0002_favorites.sql"),
    },
    Migration {
        version: 3,
        name: "0003_administration",
        sqlite: include_str!("../../migrations/sqlite/0003_administration.sql"),
        postgres: include_str!("../../migrations/postgres/0003_administration.sql"),
    },
    Migration {
        version: 4,
        name: "0004_expiry",
        sqlite: include_str!("../../migrations/sqlite/0004_expiry.sql"),
        postgres: include_str!("../../migrations/postgres/0004_expiry.sql"),
    },
    Migration {
        version: 5,
        name: "0005_viewers",
        sqlite: include_str!("../../migrations/sqlite/0005_viewers.sql"),
        postgres: include_str!("../../migrations/postgres/0005_viewers.sql"),
    },
    Migration {
        version: 6,
        name: "0006_query_functions",
        sqlite: include_str!("../../migrations/sqlite/0006_query_functions.sql"),
        postgres: include_str!("../../migrations/postgres/0006_query_functions.sql"),
    },
    Migration {
        version: 7,
        name: "0007_webhooks",
        sqlite: include_str!("../../migrations/sqlite/0007_webhooks.sql"),
        postgres: include_str!("../../migrations/postgres/0007_webhooks.sql"),
    },
    Migration {
        version: 8,
        name: "0008_webhook_keys",
        sqlite: include_str!("../../migrations/sqlite/0008_webhook_keys.sql"),
        postgres: include_str!("../../migrations/postgres/0008_webhook_keys.sql"),
    },
    Migration {
        version: 9,
        name: "0009_notices",
        sqlite: include_str!("../../migrations/sqlite/0009_notices.sql"),
        postgres: include_str!("../../migrations/postgres/0009_notices.sql"),
    },
    Migration {
        version: 10,
        name: "0010_audit",
        sqlite: include_str!("../../migrations/sqlite/0010_audit.sql"),
        postgres: include_str!("../../migrations/postgres/0010_audit.sql"),
    },
    Migration {
        version: 11,
        name: "0011_counterpart",
        sqlite: include_str!("../../migrations/sqlite/0011_counterpart.sql"),
        postgres: include_str!("../../migrations/postgres/0011_counterpart.sql"),
    },
    Migration {
        version: 12,
        name: "0012_sessions",
        sqlite: include_str!("../../migrations/sqlite/0012_sessions.sql"),
        postgres: include_str!("../../migrations/postgres/0012_sessions.sql"),
    },
    Migration {
        version: 13,
        name: "0013_saved_items",
        sqlite: include_str!("../../migrations/sqlite/0013_saved_items.sql"),
        postgres: include_str!("../../migrations/postgres/0013_saved_items.sql"),
    },
];

/// The schema version that this program needs.
pub(super) const VERSION: u32 = 13;

const TABLE: &str = "CREATE TABLE IF NOT EXISTS schema_migrations (
    version BIGINT PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL, applied BIGINT NOT NULL)";
const APPLIED: &str = "SELECT checksum FROM schema_migrations WHERE version = $1";
const RECORD: &str =
    "INSERT INTO schema_migrations (version, name, checksum, applied) VALUES ($1, $2, $3, $4)";

/// Any number will do, as long as every replica takes the same.
const POSTGRES_LOCK: i64 = 0x4c69_6169_736f_6e01;

fn checksum(text: &str) -> String {
    digest(&SHA256, text.as_bytes()).as_ref().iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").expect("writing to a string cannot fail");
        hex
    })
}

/// Says whether any migration has run.
pub(super) async fn is_table_there(store: &Store) -> Result<bool, StoreError> {
    let sql = match store.dialect() {
        Dialect::Sqlite => "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'schema_migrations'",
        Dialect::Postgres => "SELECT 1 FROM pg_catalog.pg_class WHERE oid = to_regclass('schema_migrations')",
    };
    Ok(store.query_one(sql, &[]).await?.is_some())
}

/// Applies what is missing, each step in a transaction of its own.
pub(super) fn migrate_sqlite(writer: &mut Connection, now: Timestamp) -> Result<Vec<String>, StoreError> {
    let mut applied = Vec::new();
    for migration in &MIGRATIONS {
        let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute_batch(TABLE)?;
        let known: Option<String> = {
            let mut statement = transaction.prepare(APPLIED)?;
            let mut rows = statement.query([migration.version])?;
            rows.next()?.map(|row| row.get(0)).transpose()?
        };
        if is_needed(migration, known.as_deref(), migration.sqlite)? {
            transaction.execute_batch(migration.sqlite)?;
            let record = (migration.version, migration.name, checksum(migration.sqlite), now.ticks());
            transaction.execute(RECORD, record)?;
            applied.push(migration.name.to_owned());
        }
        transaction.commit()?;
    }
    Ok(applied)
}

/// Applies what is missing, one replica at a time.
pub(super) async fn migrate_postgres(client: &Client, now: Timestamp) -> Result<Vec<String>, StoreError> {
    let mut applied = Vec::new();
    for migration in &MIGRATIONS {
        client.batch_execute("BEGIN").await?;
        match migrate_step(client, migration, now).await {
            Ok(true) => applied.push(migration.name.to_owned()),
            Ok(false) => {}
            Err(error) => {
                client.batch_execute("ROLLBACK").await?;
                return Err(error);
            }
        }
        client.batch_execute("COMMIT").await?;
    }
    Ok(applied)
}

async fn migrate_step(client: &Client, migration: &Migration, now: Timestamp) -> Result<bool, StoreError> {
    client.execute("SELECT pg_advisory_xact_lock($1)", &[&POSTGRES_LOCK]).await?;
    client.batch_execute(TABLE).await?;
    let version = i64::from(migration.version);
    let row = client.query_opt(APPLIED, &[&version]).await?;
    let known: Option<String> = row.map(|row| row.try_get(0)).transpose()?;
    if !is_needed(migration, known.as_deref(), migration.postgres)? {
        return Ok(false);
    }
    client.batch_execute(migration.postgres).await?;
    client.execute(RECORD, &[&version, &migration.name, &checksum(migration.postgres), &now.ticks()]).await?;
    Ok(true)
}

fn is_needed(migration: &Migration, known: Option<&str>, text: &str) -> Result<bool, StoreError> {
    match known {
        None => Ok(true),
        Some(known) if known == checksum(text) => Ok(false),
        Some(_) => Err(StoreError::MigrationChanged(migration.name.to_owned())),
    }
}
