//! Copies on PostgreSQL: a schema for each, with a table for each table, made and put back in one transaction.

use tokio_postgres::Client;

use super::snapshots::{FREE, KEPT_SETTINGS, KEPT_TABLES, RENEW, SCHEMA, Snapshot, TAKEN};
use crate::{
    domain::time::Timestamp,
    storage::{
        StoreError,
        directory::ANNOUNCE,
        numbering::{connect, growth},
        postgres::Postgres,
    },
};

/// What the names of these schemas begin with.
const PREFIX: &str = "liaison_snapshot_";
/// However much there is to copy.
const PATIENT: &str = "SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0";
/// Says which tables there are, and which of them refer to which.
const TABLES: &str = "SELECT CAST(c.relname AS text)
     FROM pg_catalog.pg_class c
     WHERE c.relkind = 'r' AND c.relnamespace = CAST(current_schema() AS regnamespace)
     ORDER BY c.relname";
const REFERENCES: &str = "SELECT CAST(a.relname AS text), CAST(b.relname AS text)
     FROM pg_catalog.pg_constraint k
     JOIN pg_catalog.pg_class a ON a.oid = k.conrelid
     JOIN pg_catalog.pg_class b ON b.oid = k.confrelid
     WHERE k.contype = 'f' AND a.oid <> b.oid AND a.relnamespace = CAST(current_schema() AS regnamespace)";

pub(super) async fn save(postgres: &Postgres, name: &str, taken: Timestamp) -> Result<(), StoreError> {
    let (client, _) = connect(&postgres.config()).await?;
    let copy = schema_of(name);
    client.batch_execute(&format!("BEGIN ISOLATION LEVEL REPEATABLE READ; {PATIENT}")).await?;
    let mut sql = format!("DROP SCHEMA IF EXISTS {copy} CASCADE; CREATE SCHEMA {copy};");
    for table in tables(&client).await? {
        sql.push_str(&format!("CREATE TABLE {copy}.\"{table}\" AS TABLE \"{table}\";"));
    }
    client.batch_execute(&sql).await?;
    let version = version(&client, "schema_migrations").await?.to_string();
    let put = format!("INSERT INTO {copy}.settings (name, value) VALUES ($1, $2), ($3, $4)");
    client.execute(&put, &[&TAKEN, &taken.ticks().to_string(), &SCHEMA, &version]).await?;
    Ok(client.batch_execute("COMMIT").await?)
}

pub(super) async fn restore(postgres: &Postgres, name: &str) -> Result<Option<Timestamp>, StoreError> {
    let (client, _) = connect(&postgres.config()).await?;
    let copy = schema_of(name);
    client.batch_execute(&format!("BEGIN; {PATIENT}")).await?;
    let schema = format!("{PREFIX}{name}");
    if client
        .query_opt("SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = $1", &[&schema])
        .await?
        .is_none()
    {
        return Ok(None);
    }
    let found = version(&client, &format!("{copy}.schema_migrations")).await?;
    let needed = version(&client, "schema_migrations").await?;
    if found != needed {
        return Err(StoreError::Schema { found, needed });
    }
    let taken = setting(&client, &copy).await?;
    let mut tables = in_order(tables(&client).await?, &references(&client).await?);
    tables.retain(|it| it != "schema_migrations");
    client.batch_execute(&format!("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE", quoted(&tables))).await?;
    let revision = client.query_one("SELECT COALESCE(MAX(revision), 0) FROM feed_cursors", &[]).await?;
    let revision: i64 = revision.try_get(0)?;
    let mut sql = format!("TRUNCATE {};", quoted(&tables));
    for table in &tables {
        // Triggers keep what is derived, and that is copied too.
        sql.push_str(&format!(
            "ALTER TABLE \"{table}\" DISABLE TRIGGER USER;
             INSERT INTO \"{table}\" OVERRIDING SYSTEM VALUE SELECT c.* FROM {copy}.\"{table}\" c;
             ALTER TABLE \"{table}\" ENABLE TRIGGER USER;"
        ));
    }
    client.batch_execute(&sql).await?;
    client.execute(RENEW, &[&revision]).await?;
    client.batch_execute(FREE).await?;
    client.execute("DELETE FROM settings WHERE name IN ($1, $2)", &[&TAKEN, &SCHEMA]).await?;
    commit(&client).await?;
    Ok(Some(taken))
}

pub(super) async fn list(postgres: &Postgres) -> Result<Vec<Snapshot>, StoreError> {
    let (client, _) = connect(&postgres.config()).await?;
    let sql =
        "SELECT CAST(n.nspname AS text), CAST(COALESCE(SUM(pg_total_relation_size(c.oid)), 0) AS bigint)
         FROM pg_catalog.pg_namespace n
         LEFT JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relkind = 'r'
         WHERE starts_with(n.nspname, $1)
         GROUP BY n.nspname
         ORDER BY n.nspname";
    let mut snapshots = Vec::new();
    for row in client.query(sql, &[&PREFIX]).await? {
        let (schema, bytes): (String, i64) = (row.try_get(0)?, row.try_get(1)?);
        let name = schema.strip_prefix(PREFIX).unwrap_or_default().to_owned();
        let copy = schema_of(&name);
        let count = client.query_one(&format!("SELECT COUNT(*) FROM {copy}.referrals"), &[]).await?;
        let count: i64 = count.try_get(0)?;
        snapshots.push(Snapshot {
            taken: setting(&client, &copy).await?,
            name,
            referrals: u64::try_from(count).unwrap_or(0),
            bytes: u64::try_from(bytes).unwrap_or(0),
        });
    }
    Ok(snapshots)
}

pub(super) async fn delete(postgres: &Postgres, name: &str) -> Result<bool, StoreError> {
    let (client, _) = connect(&postgres.config()).await?;
    let schema = format!("{PREFIX}{name}");
    let sql = "SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = $1";
    let is_there = client.query_opt(sql, &[&schema]).await?.is_some();
    client.batch_execute(&format!("DROP SCHEMA IF EXISTS {} CASCADE", schema_of(name))).await?;
    Ok(is_there)
}

pub(super) async fn empty(postgres: &Postgres) -> Result<(), StoreError> {
    let (client, _) = connect(&postgres.config()).await?;
    client.batch_execute(&format!("BEGIN; {PATIENT}")).await?;
    let mut tables = tables(&client).await?;
    tables.retain(|it| !KEPT_TABLES.contains(&it.as_str()));
    let sql = format!(
        "TRUNCATE {};
         DELETE FROM settings WHERE name NOT IN ({KEPT_SETTINGS});
         UPDATE feed_cursors SET position = 0, revision = revision + 1",
        quoted(&tables)
    );
    client.batch_execute(&sql).await?;
    commit(&client).await
}

/// Commits, and tells the other servers that what they remember is no longer so.
async fn commit(client: &Client) -> Result<(), StoreError> {
    Ok(client.batch_execute(&format!("{ANNOUNCE}; NOTIFY {}; COMMIT", growth::CHANNEL)).await?)
}

fn schema_of(name: &str) -> String {
    format!("\"{PREFIX}{name}\"")
}

fn quoted(tables: &[String]) -> String {
    tables.iter().map(|it| format!("\"{it}\"")).collect::<Vec<_>>().join(", ")
}

async fn tables(client: &Client) -> Result<Vec<String>, StoreError> {
    let rows = client.query(TABLES, &[]).await?;
    Ok(rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?)
}

async fn references(client: &Client) -> Result<Vec<(String, String)>, StoreError> {
    let rows = client.query(REFERENCES, &[]).await?;
    Ok(rows
        .iter()
        .map(|row| Ok((row.try_get(0)?, row.try_get(1)?)))
        .collect::<Result<_, tokio_postgres::Error>>()?)
}

/// Sorts tables so that each comes after those that it refers to.
fn in_order(mut left: Vec<String>, references: &[(String, String)]) -> Vec<String> {
    let mut sorted: Vec<String> = Vec::with_capacity(left.len());
    while !left.is_empty() {
        let waits = |table: &String, left: &[String]| {
            references.iter().any(|(from, to)| from == table && left.contains(to))
        };
        let (ready, waiting): (Vec<_>, Vec<_>) = left.iter().cloned().partition(|it| !waits(it, &left));
        if ready.is_empty() {
            sorted.extend(waiting);
            break;
        }
        sorted.extend(ready);
        left = waiting;
    }
    sorted
}

async fn version(client: &Client, table: &str) -> Result<u32, StoreError> {
    let row = client.query_one(&format!("SELECT MAX(version) FROM {table}"), &[]).await?;
    let version: i64 = row.try_get(0)?;
    Ok(u32::try_from(version).unwrap_or(0))
}

async fn setting(client: &Client, copy: &str) -> Result<Timestamp, StoreError> {
    let row =
        client.query_opt(&format!("SELECT value FROM {copy}.settings WHERE name = $1"), &[&TAKEN]).await?;
    let text: String = row.map_or(Ok(String::new()), |row| row.try_get(0))?;
    let ticks = text.parse();
    ticks
        .map(Timestamp::from_ticks)
        .map_err(|_| StoreError::Corrupt { column: 0, found: "no snapshot".to_owned() })
}

#[cfg(test)]
mod tests {
    use super::in_order;

    #[test]
    fn a_table_comes_after_those_that_it_refers_to() {
        let tables = ["attempts", "deliveries", "endpoints", "organizations"].map(str::to_owned).to_vec();
        let references =
            [("attempts", "deliveries"), ("deliveries", "endpoints"), ("endpoints", "organizations")]
                .map(|(from, to)| (from.to_owned(), to.to_owned()));

        let sorted = in_order(tables, &references);

        assert_eq!(sorted, ["organizations", "endpoints", "deliveries", "attempts"]);
    }
}
