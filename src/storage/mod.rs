//! The only place with SQL. `Store` is a closed choice of two backends with one set of statements.
//!
//! Reads of referrals take a `Scope` first; every write of referrals is a [`Commit`]: document, change and
//! idempotency record in one transaction. SQL is written once, with `$n` parameters and 64-bit integers;
//! what the two databases do differently is in `dialect`, the migrations, and the two backend files.

mod administration;
mod audit;
mod changes;
mod commit;
mod dialect;
mod directory;
mod expiry;
mod feed;
mod idempotency;
mod insights;
mod list;
mod migrations;
mod notices;
mod numbering;
mod organizations;
mod postgres;
mod referrals;
mod sandbox;
mod saved;
mod sessions;
mod sqlite;
mod value;
mod webhook_keys;
mod webhooks;

use std::{
    collections::HashSet,
    fmt,
    path::PathBuf,
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use parking_lot::Mutex;
use uuid::Uuid;

pub use self::{
    administration::{PublishedLocation, WholeOrganization},
    audit::{AuditPlace, Tally},
    changes::LoggedChange,
    commit::{Commit, Conflict},
    expiry::{DueReferral, Lease},
    feed::{LoggedFact, SinkLease},
    idempotency::{IdempotencyKey, IdempotencyRecord, InFlight},
    insights::{
        DayTally, InsightQuery, Leg, ReasonTally, Reckoning, SolutionTally, SpanTally, StandingTally,
    },
    list::viewers::{WrittenViewer, WrongViewer},
    list::{Changed, ChangedWindow, Key, ListQuery, Listed, Place, SeenChange, SeenWindow},
    notices::{
        DueNotice, Job, JobLease, Mail, MailKind, MailOutcome, MailPlan, MailTally, MailedNotice, News,
        NewsSubject, NoticeCursor, NoticePlace, ReadUntil, ReminderPlace, ShownNotice,
    },
    organizations::{NewOrganization, Principal, SigningKey},
    referrals::{IndexedReferral, Inserted, ReferralState},
    sandbox::{Arrived, NamedError, Plan, Snapshot, is_sandbox_name},
    saved::SavedItem,
    sessions::{AuthorizationCode, Session},
    webhook_keys::{KeyKind, WebhookKey},
    webhooks::{
        Backlog, Claim, Claimed, DeliveryPage, DeliveryPlace, FanOutLease, LogEntry, Recorded, Sight, Worker,
    },
};
use self::{
    audit::Tallies,
    directory::Directory,
    numbering::growth::{self, Growth},
    postgres::Postgres,
    sqlite::Sqlite,
    value::Row,
    value::Value,
};
use crate::domain::{actor::Scope, change::Hash, sources::Clock};

/// The oldest SQLite that does not lose committed data in WAL mode.
const SQLITE_VERSION_MIN: i32 = 3_051_003;

/// Everything that is kept. Cheap to clone.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    backend: Backend,
    directory: Arc<Directory>,
    growth: Growth,
    in_flight: Arc<Mutex<HashSet<Hash>>>,
    /// What happened and is not written down yet.
    tallies: Tallies,
    /// Held by whoever expires referrals in this process.
    expiry: Arc<tokio::sync::Mutex<()>>,
    /// Held by whoever fans out in this process.
    fan_out: Arc<tokio::sync::Mutex<()>>,
    /// Held by whoever makes notices, and by whoever mails them, in this process.
    notices: notices::Jobs,
    /// Where writers of one record queue up in this process; a place may serve several records.
    turns: Vec<Arc<tokio::sync::Mutex<()>>>,
    clock: Clock,
    /// Counts how often everything was replaced by something else.
    epoch: AtomicU64,
}

/// Places where writers queue up.
const TURNS: usize = 256;

enum Backend {
    Sqlite(Sqlite),
    Postgres(Box<Postgres>),
}

/// Where the data is, and how it is opened.
#[derive(Clone, Debug)]
pub struct StoreOptions {
    /// Which database.
    pub target: Target,
    /// For what.
    pub mode: Mode,
}

/// Which database.
#[derive(Clone)]
pub enum Target {
    /// An SQLite file.
    Sqlite(PathBuf),
    /// A PostgreSQL connection string, in URL or key-value form.
    Postgres(String),
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "Sqlite({})", path.display()),
            Self::Postgres(_) => f.write_str("Postgres(…)"),
        }
    }
}

/// For what a store is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Reads and writes; on SQLite the caller holds the lock of the data folder.
    ReadWrite,
    /// Reads only, beside whoever writes.
    ReadOnly,
}

/// Why the store could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The linked SQLite can lose committed data.
    #[error("SQLite {found} is linked, which can lose committed data; at least 3.51.3 is needed")]
    UnsafeSqlite {
        /// Version that is linked.
        found: String,
    },
    /// There is no database yet.
    #[error("there is no database at {}; start the server once, or run `liaison migrate`", path.display())]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// The file cannot be opened or made.
    #[error("the database at {} cannot be opened", path.display())]
    CannotOpen {
        /// Where it is.
        path: PathBuf,
        /// Why.
        #[source]
        error: std::io::Error,
    },
    /// The schema is not the one of this program.
    #[error("the schema of the database is {found}, this program needs {needed}; run `liaison migrate`")]
    Schema {
        /// Version found; 0 when empty.
        found: u32,
        /// Version needed.
        needed: u32,
    },
    /// A released migration differs from the one that was applied.
    #[error("migration {0} was changed after it was applied; restore the released file")]
    MigrationChanged(String),
    /// What is written contradicts what is stored.
    #[error("the write conflicts with what is stored: {0:?}")]
    Conflict(Conflict),
    /// More writes wait than can be done in time.
    #[error("too many writes are waiting")]
    Overloaded,
    /// The transaction that held the commit failed; nothing of it was written.
    #[error("the transaction failed; nothing was written")]
    NotWritten,
    /// The disk is full.
    #[error("the disk is full")]
    Full,
    /// A query took longer than it may.
    #[error("the query took longer than it may")]
    CutOff,
    /// A stored value is not what this program writes.
    #[error("column {column} holds {found}")]
    Corrupt {
        /// Position in the statement.
        column: usize,
        /// What is there.
        found: String,
    },
    /// SQLite failed.
    #[error("SQLite failed")]
    Sqlite(#[from] rusqlite::Error),
    /// PostgreSQL failed.
    #[error("PostgreSQL failed")]
    Postgres(#[from] tokio_postgres::Error),
    /// No connection to PostgreSQL could be had.
    #[error("PostgreSQL is not reachable")]
    Unreachable(#[from] deadpool_postgres::PoolError),
    /// The connection string is wrong.
    #[error("the database URL cannot be used: {0}")]
    BadUrl(String),
    /// The store was opened for reading, or is closing.
    #[error("the store takes no writes")]
    ReadOnly,
}

impl Store {
    /// The number of the newest migration of this program.
    pub const SCHEMA_VERSION: u32 = migrations::VERSION;

    /// Opens a database. The schema is left as it is: see [`Store::migrate`].
    ///
    /// # Errors
    /// When the database cannot be reached, or is not safe to use.
    pub async fn open(options: &StoreOptions, clock: Clock) -> Result<Self, StoreError> {
        let growth = Growth::new();
        let backend = match &options.target {
            Target::Sqlite(path) => Backend::Sqlite(Sqlite::open(path, options.mode, growth.clone())?),
            Target::Postgres(url) => Backend::Postgres(Box::new(Postgres::open(url, options.mode).await?)),
        };
        // One process writes an SQLite file; PostgreSQL has many, and `start_background` listens to them.
        let directory = Arc::new(Directory::new(matches!(backend, Backend::Sqlite(_))));
        let (in_flight, expiry, fan_out) = (Arc::default(), Arc::default(), Arc::default());
        let turns = std::iter::repeat_with(Arc::default).take(TURNS).collect();
        let (notices, tallies) = (notices::Jobs::default(), Tallies::default());
        let epoch = AtomicU64::new(0);
        Ok(Self(Arc::new(Inner {
            backend,
            directory,
            growth,
            in_flight,
            tallies,
            expiry,
            fan_out,
            notices,
            turns,
            clock,
            epoch,
        })))
    }

    /// Brings the schema to this program's version and returns the names of what was applied.
    ///
    /// # Errors
    /// When a migration fails; it is rolled back whole, and a second run takes it up again.
    pub async fn migrate(&self) -> Result<Vec<String>, StoreError> {
        let now = self.0.clock.now();
        match &self.0.backend {
            Backend::Sqlite(sqlite) => {
                sqlite.run(move |writer| migrations::migrate_sqlite(writer, now)).await
            }
            Backend::Postgres(postgres) => {
                migrations::migrate_postgres(&*postgres.connection().await?, now).await
            }
        }
    }

    /// Returns the schema's version; 0 when the database is empty.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn schema_version(&self) -> Result<u32, StoreError> {
        if !migrations::is_table_there(self).await? {
            return Ok(0);
        }
        let rows = self.query("SELECT COALESCE(MAX(version), 0) FROM schema_migrations", &[]).await?;
        rows.first().map_or(Ok(0), |row| row.count(0))
    }

    /// Checks that the schema has what this program needs. A newer one will do: migrations only add, and take
    /// away a release later.
    ///
    /// # Errors
    /// When it is older.
    pub async fn check_schema(&self) -> Result<(), StoreError> {
        let (found, needed) = (self.schema_version().await?, migrations::VERSION);
        if found >= needed { Ok(()) } else { Err(StoreError::Schema { found, needed }) }
    }

    /// Asks the database for an answer.
    ///
    /// # Errors
    /// When it gives none.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.query("SELECT 1", &[]).await.map(drop)
    }

    /// Asks SQLite's writer for an answer, in its queue. PostgreSQL has no writer to ask.
    ///
    /// # Errors
    /// When it gives none.
    pub async fn ping_writer(&self) -> Result<(), StoreError> {
        match &self.0.backend {
            Backend::Sqlite(sqlite) => sqlite.run(|_| Ok(())).await,
            Backend::Postgres(_) => Ok(()),
        }
    }

    /// Returns the version of SQLite or PostgreSQL, such as `3.53.1`.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn engine_version(&self) -> Result<String, StoreError> {
        match &self.0.backend {
            Backend::Sqlite(_) => Ok(rusqlite::version().to_owned()),
            Backend::Postgres(_) => {
                let row = self.query_one("SELECT current_setting('server_version')", &[]).await?;
                row.map_or(Ok(String::new()), |row| row.text(0))
            }
        }
    }

    /// Returns how durable a commit on PostgreSQL is (`synchronous_commit`). `None` on SQLite, whose writer
    /// always waits for the disk.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn synchronous_commit(&self) -> Result<Option<String>, StoreError> {
        match &self.0.backend {
            Backend::Sqlite(_) => Ok(None),
            Backend::Postgres(_) => {
                let row = self.query_one("SELECT current_setting('synchronous_commit')", &[]).await?;
                row.map(|it| it.text(0)).transpose()
            }
        }
    }

    /// Starts the background work of a server: on PostgreSQL, numbering committed changes while this process
    /// holds the lease, and hearing of changed roles and of the log. SQLite's writer needs none.
    pub fn start_background(&self) {
        if let Backend::Postgres(postgres) = &self.0.backend {
            numbering::start(postgres);
            let (directory, growth) = (Arc::clone(&self.0.directory), self.0.growth.clone());
            postgres.keep(directory::follow_writes(postgres.config(), directory, growth));
        }
    }

    /// Keeps no more than `max` connections to PostgreSQL from now on, beside the three of [`Store::start_background`].
    pub fn bound_connections(&self, max: usize) {
        if let Backend::Postgres(postgres) = &self.0.backend {
            postgres.bound_connections(max);
        }
    }

    /// Ends the work in the background and lets go of the database: every clone of this store refuses whatever it is
    /// asked for from then on. What was queued is written first. Does nothing the second time.
    pub async fn close(&self) {
        let store = self.clone();
        let closing = tokio::task::spawn_blocking(move || match &store.0.backend {
            Backend::Sqlite(sqlite) => sqlite.close(),
            Backend::Postgres(postgres) => postgres.close(),
        });
        // It does not panic, and nobody aborts it.
        let _ = closing.await;
    }

    /// Returns what changes whenever the log grows: at once on SQLite, on PostgreSQL after [`Store::start_background`]
    /// and when the notice has come. A notice can be lost, so whoever waits also looks every second or so.
    pub fn log_growth(&self) -> tokio::sync::watch::Receiver<()> {
        self.0.growth.watch()
    }

    /// Waits until everything committed has its position in the log: gives positions itself when it may write
    /// and nobody else does, else waits a few seconds for who does. See [`Store::count_unplaced`].
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn settle(&self) -> Result<(), StoreError> {
        match &self.0.backend {
            Backend::Sqlite(_) => Ok(()),
            Backend::Postgres(postgres) => numbering::settle(postgres).await,
        }
    }

    /// Returns how many committed changes have no position in the log yet; always 0 on SQLite.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn count_unplaced(&self) -> Result<u64, StoreError> {
        match &self.0.backend {
            Backend::Sqlite(_) => Ok(0),
            Backend::Postgres(_) => {
                let row = self.query_one("SELECT COUNT(*) FROM changes_pending", &[]).await?;
                let count = row.map_or(Ok(0), |row| row.int(0))?;
                Ok(u64::try_from(count).unwrap_or(0))
            }
        }
    }

    async fn query(&self, sql: &str, params: &[Value]) -> Result<Vec<Row>, StoreError> {
        match &self.0.backend {
            // A point read from the page cache takes some ten microseconds: less than handing it to a thread.
            Backend::Sqlite(sqlite) => sqlite.query(sql, params),
            Backend::Postgres(postgres) => postgres.query(sql, params).await,
        }
    }

    /// Reads rows for a query that may be a long one: away from the threads that serve requests, and for `budget` at
    /// most. An organisation has one long query at a time.
    async fn query_within(
        &self,
        budget: Duration,
        scope: &Scope,
        bounded: list::Bounded,
    ) -> Result<Vec<Row>, StoreError> {
        let organization_id = scope.organization_id().clone();
        match &self.0.backend {
            Backend::Sqlite(_) => {
                let store = self.clone();
                let read = move || match &store.0.backend {
                    Backend::Sqlite(sqlite) => sqlite.query_within(budget, organization_id, &bounded),
                    Backend::Postgres(_) => Ok(Vec::new()),
                };
                tokio::task::spawn_blocking(read).await.unwrap_or(Err(StoreError::ReadOnly))
            }
            Backend::Postgres(postgres) => postgres.query_within(budget, organization_id, bounded).await,
        }
    }

    async fn query_one(&self, sql: &str, params: &[Value]) -> Result<Option<Row>, StoreError> {
        Ok(self.query(sql, params).await?.into_iter().next())
    }

    /// Writes a commit: all of it, durably, or nothing.
    ///
    /// # Errors
    /// A [`StoreError::Conflict`] when it contradicts what is stored. After any other error it is not
    /// known whether the database took the commit; an idempotency key makes the retry safe.
    pub async fn commit(&self, commit: Commit) -> Result<(), StoreError> {
        match &self.0.backend {
            Backend::Sqlite(sqlite) => sqlite.commit(commit).await,
            Backend::Postgres(postgres) => postgres.commit(commit).await,
        }
    }

    /// Waits until no other writer of this process that asked for a turn on one of the records holds one. Turns are
    /// taken in one order, so that two who want the same records do not wait for each other for ever.
    pub async fn take_turns(&self, referral_ids: &[Uuid]) -> Vec<tokio::sync::OwnedMutexGuard<()>> {
        // Ids are random, so that their last byte spreads them.
        let mut places: Vec<u8> =
            referral_ids.iter().filter_map(|it| it.as_bytes().last().copied()).collect();
        places.sort_unstable();
        places.dedup();
        let mut turns = Vec::with_capacity(places.len());
        for place in places {
            if let Some(place) = self.0.turns.get(usize::from(place)) {
                turns.push(Arc::clone(place).lock_owned().await);
            }
        }
        turns
    }

    fn dialect(&self) -> dialect::Dialect {
        match &self.0.backend {
            Backend::Sqlite(_) => dialect::Dialect::Sqlite,
            Backend::Postgres(_) => dialect::Dialect::Postgres,
        }
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Store({:?})", self.dialect())
    }
}
