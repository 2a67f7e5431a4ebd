//! SQLite at its best: one writer thread with durable group commit, one read connection per thread.

use std::{
    cell::RefCell,
    path::{Path, PathBuf},
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread,
};

use anyhow::{Context, Result};
use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension, params};
use serde_json::Value;
use tokio::sync::oneshot;

use super::{
    Answer,
    document::{Document, ORGANIZATION},
};

/// The file in the data folder.
const FILE: &str = "minimal.sqlite";

/// The most documents in one transaction.
const GROUP_SIZE_MAX: usize = 256;

/// Documents that may wait for the writer.
const QUEUE_SIZE: usize = 1024;

/// Both kinds of connection get the same cache and map.
const PRAGMAS: &str = "
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    PRAGMA cache_size = -65536;
    PRAGMA mmap_size = 8589934592;
    PRAGMA busy_timeout = 5000;
";

const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS referrals (
        seq INTEGER PRIMARY KEY, id TEXT NOT NULL, organization TEXT NOT NULL, engagement TEXT NOT NULL,
        status TEXT, substatus TEXT, kind TEXT, created INTEGER NOT NULL, updated INTEGER NOT NULL,
        etag TEXT NOT NULL, body TEXT NOT NULL);
    CREATE UNIQUE INDEX IF NOT EXISTS by_id ON referrals (id);
    CREATE INDEX IF NOT EXISTS by_status ON referrals (status, created DESC, seq);
    CREATE INDEX IF NOT EXISTS by_organization ON referrals (organization, created DESC, seq);
    CREATE INDEX IF NOT EXISTS by_engagement ON referrals (engagement);
    CREATE INDEX IF NOT EXISTS by_updated ON referrals (updated DESC, seq);
    CREATE INDEX IF NOT EXISTS by_created ON referrals (created DESC, seq);
    CREATE TABLE IF NOT EXISTS outbox (number INTEGER PRIMARY KEY, id TEXT, kind TEXT, at INTEGER);
";

const INSERT: &str = "
    INSERT INTO referrals (id, organization, engagement, status, substatus, kind, created, updated, etag, body)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7, ?8, ?9)";

thread_local! {
    static READER: RefCell<Option<Connection>> = const { RefCell::new(None) };
}

/// The file, and the way to its writer.
pub(super) struct Store {
    path: PathBuf,
    writer: SyncSender<Job>,
    answer: Answer,
}

struct Job {
    document: Document,
    done: oneshot::Sender<Document>,
}

impl Store {
    /// Opens the file and starts the writer.
    pub(super) fn open(data: &Path, answer: Answer) -> Result<Self> {
        let path = data.join(FILE);
        let connection = connect(&path)?;
        connection.execute_batch(SCHEMA)?;
        let (writer, jobs) = sync_channel(QUEUE_SIZE);
        thread::spawn(move || {
            if let Err(error) = write(&connection, &jobs) {
                eprintln!("the writer stops: {error:#}");
            }
        });
        Ok(Self { path, writer, answer })
    }

    /// Stores a document; returns it once it is on the disk.
    pub(super) async fn insert(&self, request: Value) -> Result<Document> {
        let document = Document::new(request)?;
        let early = (self.answer == Answer::BeforeCommit).then(|| document.clone());
        let (done, committed) = oneshot::channel();
        self.writer.send(Job { document, done })?;
        match early {
            Some(document) => Ok(document),
            None => committed.await.context("the writer has stopped"),
        }
    }

    /// Returns the eTag and the stored bytes.
    pub(super) fn find(&self, id: &str) -> Result<Option<(String, Bytes)>> {
        self.read(|connection| {
            let mut statement =
                connection.prepare_cached("SELECT etag, body FROM referrals WHERE id = ?1")?;
            let found =
                statement.query_row([id], |row| Ok((row.get(0)?, row.get::<_, String>(1)?))).optional()?;
            Ok(found.map(|(etag, body)| (etag, body.into())))
        })
    }

    /// Returns the newest documents of one organisation.
    pub(super) fn list(&self, count_max: i64) -> Result<Vec<Bytes>> {
        self.read(|connection| {
            let sql =
                "SELECT body FROM referrals WHERE organization = ?1 ORDER BY created DESC, seq LIMIT ?2";
            let mut statement = connection.prepare_cached(sql)?;
            let bodies =
                statement.query_map(params![ORGANIZATION, count_max], |row| row.get::<_, String>(0))?;
            bodies.map(|it| Ok(it?.into())).collect()
        })
    }

    /// Reads on this thread's own connection.
    fn read<T>(&self, work: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        READER.with_borrow_mut(|reader| {
            let connection = match reader {
                Some(connection) => connection,
                None => reader.insert(connect(&self.path)?),
            };
            work(connection)
        })
    }
}

/// Makes a file with the documents of a server's file, the last `count_max` of them.
pub(crate) fn fill(data: &Path, source: &Path, count_max: i64) -> Result<()> {
    let connection = Connection::open(data.join(FILE))?;
    // A file that is made anew after a failure needs no journal.
    connection.execute_batch("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;")?;
    connection.execute("ATTACH ?1 AS source", [source.to_string_lossy()])?;
    let (table, indexes) = SCHEMA.split_once(';').context("the schema has several statements")?;
    connection.execute_batch(table)?;
    connection.execute(
        "INSERT INTO referrals (id, organization, engagement, status, substatus, kind, created, updated, etag, body)
         SELECT lower(hex(id)), organization_id, lower(hex(engagement_id)), status, substatus, type, created, updated,
            CAST(version AS text), document
         FROM source.referrals r
         WHERE r.row > (SELECT MAX(row) FROM source.referrals) - ?1
         ORDER BY r.row",
        [count_max],
    )?;
    // Indexes are built faster of what is there than row by row.
    Ok(connection.execute_batch(indexes)?)
}

/// Takes what is waiting, commits it together, then answers.
fn write(connection: &Connection, jobs: &Receiver<Job>) -> Result<()> {
    let mut group = Vec::with_capacity(GROUP_SIZE_MAX);
    while let Ok(first) = jobs.recv() {
        group.push(first);
        group.extend(jobs.try_iter().take(GROUP_SIZE_MAX - 1));
        connection.execute_batch("BEGIN IMMEDIATE")?;
        for job in &group {
            insert(connection, &job.document)?;
        }
        connection.execute_batch("COMMIT")?;
        for job in group.drain(..) {
            // The caller may have gone; the document is stored all the same.
            let _ = job.done.send(job.document);
        }
    }
    Ok(())
}

fn insert(connection: &Connection, document: &Document) -> Result<()> {
    let Document { id, organization, engagement, status, substatus, kind, created_micros: at, etag, body } =
        document;
    let body = std::str::from_utf8(body)?;
    let mut statement = connection.prepare_cached(INSERT)?;
    statement.execute(params![id, organization, engagement, status, substatus, kind, at, etag, body])?;
    let mut outbox = connection.prepare_cached("INSERT INTO outbox (id, kind, at) VALUES (?1, ?2, ?3)")?;
    outbox.execute(params![id, "referral-created", at])?;
    Ok(())
}

fn connect(path: &Path) -> Result<Connection> {
    let connection = Connection::open(path)?;
    connection.execute_batch(PRAGMAS)?;
    Ok(connection)
}
