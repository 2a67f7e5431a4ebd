//! PostgreSQL at its plainest: a pool, one statement per request, each its own durable commit.

use anyhow::{Context, Result};
use bytes::Bytes;
use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod};
use serde_json::Value;
use tokio_postgres::{Config, NoTls};

use super::{
    Answer,
    document::{Document, ORGANIZATION},
};

/// Connections to the database.
const POOL_SIZE: usize = 16;

const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS referrals (
        seq BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, id TEXT NOT NULL, organization TEXT NOT NULL,
        engagement TEXT NOT NULL, status TEXT, substatus TEXT, kind TEXT, created BIGINT NOT NULL,
        updated BIGINT NOT NULL, etag TEXT NOT NULL, body TEXT NOT NULL);
    CREATE UNIQUE INDEX IF NOT EXISTS by_id ON referrals (id);
    CREATE INDEX IF NOT EXISTS by_status ON referrals (status, created DESC, seq);
    CREATE INDEX IF NOT EXISTS by_organization ON referrals (organization, created DESC, seq);
    CREATE INDEX IF NOT EXISTS by_engagement ON referrals (engagement);
    CREATE INDEX IF NOT EXISTS by_updated ON referrals (updated DESC, seq);
    CREATE INDEX IF NOT EXISTS by_created ON referrals (created DESC, seq);
    CREATE TABLE IF NOT EXISTS outbox (
        number BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, id TEXT, kind TEXT, at BIGINT);
";

/// One statement, so one round trip and one commit.
const INSERT: &str = "
    WITH referral AS (
        INSERT INTO referrals (id, organization, engagement, status, substatus, kind, created, updated, etag, body)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $7, $8, $9)
        RETURNING id, created)
    INSERT INTO outbox (id, kind, at)
    SELECT id, 'referral-created', created FROM referral";

/// The pool.
pub(super) struct Store {
    pool: Pool,
    answer: Answer,
}

impl Store {
    /// Connects and creates the tables.
    pub(super) async fn open(url: &str, answer: Answer) -> Result<Self> {
        let config: Config = url.parse().context("the database URL")?;
        let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = Manager::from_config(config, NoTls, recycling);
        let pool = Pool::builder(manager).max_size(POOL_SIZE).build()?;
        pool.get().await?.batch_execute(SCHEMA).await?;
        Ok(Self { pool, answer })
    }

    /// Stores a document; returns it once it is on the disk.
    pub(super) async fn insert(&self, request: Value) -> Result<Document> {
        let document = Document::new(request)?;
        match self.answer {
            Answer::AfterCommit => insert(&self.pool, &document).await?,
            Answer::BeforeCommit => {
                let (pool, document) = (self.pool.clone(), document.clone());
                tokio::spawn(async move { insert(&pool, &document).await });
            }
        }
        Ok(document)
    }

    /// Returns the eTag and the stored bytes.
    pub(super) async fn find(&self, id: &str) -> Result<Option<(String, Bytes)>> {
        let client = self.pool.get().await?;
        let statement = client.prepare_cached("SELECT etag, body FROM referrals WHERE id = $1").await?;
        let row = client.query_opt(&statement, &[&id]).await?;
        Ok(row.map(|row| (row.get(0), row.get::<_, String>(1).into())))
    }

    /// Returns the newest documents of one organisation.
    pub(super) async fn list(&self, count_max: i64) -> Result<Vec<Bytes>> {
        let client = self.pool.get().await?;
        let sql = "SELECT body FROM referrals WHERE organization = $1 ORDER BY created DESC, seq LIMIT $2";
        let statement = client.prepare_cached(sql).await?;
        let rows = client.query(&statement, &[&ORGANIZATION, &count_max]).await?;
        Ok(rows.iter().map(|row| row.get::<_, String>(0).into()).collect())
    }
}

/// Makes a schema with the documents of a server's tables in the same database, and returns the URL that leads to it.
pub(crate) async fn fill(url: &str) -> Result<String> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    let connection = tokio::spawn(connection);
    client.batch_execute("CREATE SCHEMA minimal; SET search_path = minimal;").await?;
    client.batch_execute(SCHEMA).await?;
    client
        .batch_execute(
            "INSERT INTO referrals (id, organization, engagement, status, substatus, kind, created, updated, etag, body)
             SELECT id::text, organization_id, engagement_id::text, status, substatus, type, created, updated,
                CAST(version AS text), document
             FROM public.referrals
             ORDER BY created",
        )
        .await?;
    client.batch_execute("VACUUM (ANALYZE) referrals").await?;
    drop(client);
    connection.await??;
    Ok(format!("{url}?options=-csearch_path%3Dminimal"))
}

async fn insert(pool: &Pool, document: &Document) -> Result<()> {
    let Document { id, organization, engagement, status, substatus, kind, created_micros: at, etag, body } =
        document;
    let body = std::str::from_utf8(body)?;
    let client = pool.get().await?;
    let statement = client.prepare_cached(INSERT).await?;
    client
        .execute(&statement, &[id, organization, engagement, status, substatus, kind, at, etag, &body])
        .await?;
    Ok(())
}
