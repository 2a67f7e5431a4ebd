//! SQLite: one writer thread with group commit, and a pool of query-only readers.
//!
//! The writer takes what has queued while the last fsync ran, puts each commit into a savepoint of one
//! transaction, and acknowledges all of them after the one fsync. That makes durable and fast the same thing.
//! `synchronous=FULL`, because with `NORMAL` a power cut loses acknowledged commits.

use std::{
    path::{Path, PathBuf},
    sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    thread,
    time::{Duration, Instant},
};

use parking_lot::{Mutex, RwLock};
use rusqlite::{CachedStatement, Connection, ErrorCode, OpenFlags, OptionalExtension, config::DbConfig, ffi};
use tokio::sync::oneshot;

use super::{
    Commit, Mode, SQLITE_VERSION_MIN, StoreError, changes,
    commit::{Step, Urgency},
    growth::Growth,
    list::{Bounded, Lanes, functions},
    value::{Row, Value},
};
use crate::domain::{
    change::{Hash, chain_hash},
    organization::OrganizationId,
};

/// Commits in one transaction.
const GROUP_MAX: usize = 256;
/// Commits that may wait.
const QUEUE_MAX: usize = 4096;
/// How long a commit may wait before it is refused.
const QUEUE_WAIT: Duration = Duration::from_secs(10);
/// Writes of people that follow each other so quickly let what nobody waits for wait, this long at most: it goes to the
/// disk with the next of them, instead of having them wait for an fsync of its own.
const QUICK: Duration = Duration::from_millis(10);
const PATIENCE: Duration = Duration::from_millis(5);
const BUSY_WAIT: Duration = Duration::from_secs(5);
const STATEMENTS_CACHED: usize = 128;
/// Steps of SQLite's machine between two looks at the clock: some hundred microseconds.
const STEPS_BETWEEN_LOOKS: i32 = 10_000;

const WRITER_PRAGMAS: &str = "PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    PRAGMA foreign_keys = ON;
    PRAGMA cache_size = -32768;
    PRAGMA wal_autocheckpoint = 4000;
    PRAGMA journal_size_limit = 67108864;";
const READER_PRAGMAS: &str = "PRAGMA query_only = ON;
    PRAGMA cache_size = -4096;";

/// An open SQLite file.
pub(super) struct Sqlite {
    path: PathBuf,
    readers: Mutex<Readers>,
    /// `None` where nothing is written, and after the end.
    writer: RwLock<Option<WriterThread>>,
    lanes: Lanes,
}

/// Connections that nobody reads with at the moment.
#[derive(Default)]
struct Readers {
    idle: Vec<Connection>,
    is_closed: bool,
}

struct WriterThread {
    jobs: SyncSender<Job>,
    thread: thread::JoinHandle<()>,
}

type Work = Box<dyn FnOnce(&mut Connection) + Send>;

enum Job {
    Commit { commit: Commit, queued: Instant, done: Done },
    Work(Work),
}

impl Sqlite {
    /// Opens the file; in [`Mode::ReadWrite`] creates it when it is missing and starts the writer.
    pub(super) fn open(path: &Path, mode: Mode, growth: Growth) -> Result<Self, StoreError> {
        if rusqlite::version_number() < SQLITE_VERSION_MIN {
            return Err(StoreError::UnsafeSqlite { found: rusqlite::version().to_owned() });
        }
        let writer = match mode {
            Mode::ReadWrite => Some(start_writer(path, growth)?),
            Mode::ReadOnly if path.exists() => None,
            Mode::ReadOnly => return Err(StoreError::Missing { path: path.to_owned() }),
        };
        let writer = RwLock::new(writer);
        Ok(Self { path: path.to_owned(), readers: Mutex::default(), writer, lanes: Lanes::default() })
    }

    /// Ends: whoever asks for anything from now on is refused. Waits until what was queued is written and the file is
    /// closed, but for those who are reading at this moment.
    pub(super) fn close(&self) {
        let idle = {
            let mut readers = self.readers.lock();
            readers.is_closed = true;
            std::mem::take(&mut readers.idle)
        };
        drop(idle);
        let writer = self.writer.write().take();
        if let Some(WriterThread { jobs, thread }) = writer {
            drop(jobs);
            // A writer that panicked has ended too.
            let _ = thread.join();
        }
    }

    /// Returns where the file is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the folder of its copies, beside it.
    pub(super) fn snapshots(&self) -> PathBuf {
        self.path.with_file_name("snapshots")
    }

    /// Reads rows on the calling thread.
    pub(super) fn query(&self, sql: &str, params: &[Value]) -> Result<Vec<Row>, StoreError> {
        let reader = self.take_reader()?;
        let rows = query(&reader, sql, params);
        self.give_back(reader);
        Ok(rows?)
    }

    /// Reads rows on the calling thread, for `budget` at most. See [`Lanes`].
    pub(super) fn query_within(
        &self,
        budget: Duration,
        organization_id: OrganizationId,
        bounded: &Bounded,
    ) -> Result<Vec<Row>, StoreError> {
        let mut reader = self.take_reader()?;
        let mut turn = self.lanes.turn(organization_id, budget);
        reader.progress_handler(STEPS_BETWEEN_LOOKS, Some(move || !turn.may_go_on()))?;
        let rows = query(&reader, &bounded.sql, &bounded.params);
        // Takes the handler away, and with it the place in the lane.
        reader.progress_handler(0, None::<fn() -> bool>)?;
        self.give_back(reader);
        rows.map_err(|error| match error.sqlite_error_code() {
            Some(ErrorCode::OperationInterrupted) => StoreError::CutOff,
            _ => StoreError::Sqlite(error),
        })
    }

    fn take_reader(&self) -> Result<Connection, StoreError> {
        let idle = {
            let mut readers = self.readers.lock();
            if readers.is_closed {
                return Err(StoreError::ReadOnly);
            }
            readers.idle.pop()
        };
        match idle {
            Some(reader) => Ok(reader),
            None => self.open_reader(),
        }
    }

    fn give_back(&self, reader: Connection) {
        let mut readers = self.readers.lock();
        if !readers.is_closed {
            readers.idle.push(reader);
        }
    }

    fn open_reader(&self) -> Result<Connection, StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let reader = Connection::open_with_flags(&self.path, flags)?;
        prepare(&reader, READER_PRAGMAS)?;
        Ok(reader)
    }

    /// Hands a commit to the writer and waits until it is durable.
    pub(super) async fn commit(&self, commit: Commit) -> Result<(), StoreError> {
        let (done, answer) = oneshot::channel();
        self.send(Job::Commit { commit, queued: Instant::now(), done })?;
        answer.await.unwrap_or(Err(StoreError::ReadOnly))
    }

    /// Runs `work` on the writer's connection, between transactions.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (done, answer) = oneshot::channel();
        self.send(Job::Work(Box::new(move |writer| {
            // Nobody waits any more when this fails.
            let _ = done.send(work(writer));
        })))?;
        answer.await.unwrap_or(Err(StoreError::ReadOnly))
    }

    fn send(&self, job: Job) -> Result<(), StoreError> {
        let writer = self.writer.read();
        let writer = writer.as_ref().ok_or(StoreError::ReadOnly)?;
        writer.jobs.try_send(job).map_err(|error| match error {
            TrySendError::Full(_) => StoreError::Overloaded,
            TrySendError::Disconnected(_) => StoreError::ReadOnly,
        })
    }
}

/// Teaches a connection the functions that the schema may call.
pub(super) fn register_functions(connection: &Connection) -> Result<(), StoreError> {
    connection.busy_timeout(BUSY_WAIT)?;
    Ok(functions::register(connection)?)
}

fn prepare(connection: &Connection, pragmas: &str) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY_WAIT)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_CACHED);
    // Otherwise SQLite plans a statement anew whenever another value is bound to it, which costs several times
    // what a point read does.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    functions::register(connection)?;
    connection.execute_batch(pragmas)
}

fn start_writer(path: &Path, growth: Growth) -> Result<WriterThread, StoreError> {
    // The file holds signing keys and personal data: nobody but its owner reads it.
    let mut options = std::fs::OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map_err(|error| StoreError::CannotOpen { path: path.to_owned(), error })?;
    let connection = Connection::open(path)?;
    prepare(&connection, WRITER_PRAGMAS)?;
    let (jobs, queue) = sync_channel(QUEUE_MAX);
    let writer = Writer { connection, next_position: None, growth, pace: Pace::default() };
    let thread = thread::Builder::new()
        .name("sqlite-writer".to_owned())
        .spawn(move || writer.run(&queue))
        .map_err(|error| StoreError::CannotOpen { path: path.to_owned(), error })?;
    Ok(WriterThread { jobs, thread })
}

struct Writer {
    connection: Connection,
    /// The next place in the log; `None` until it is looked up.
    next_position: Option<i64>,
    growth: Growth,
    pace: Pace,
}

/// How quickly commits follow each other that somebody waits for.
#[derive(Default)]
struct Pace {
    last: Option<Instant>,
    is_quick: bool,
}

impl Pace {
    fn note(&mut self, now: Instant) {
        self.is_quick = self.last.is_some_and(|it| now.duration_since(it) < QUICK);
        self.last = Some(now);
    }

    /// Returns how long what nobody waits for is kept back.
    fn patience(&self) -> Duration {
        let is_going_on = self.is_quick && self.last.is_some_and(|it| it.elapsed() < QUICK);
        if is_going_on { PATIENCE } else { Duration::ZERO }
    }
}

/// Who waits for a commit.
type Done = oneshot::Sender<Result<(), StoreError>>;

impl Writer {
    /// Serves the queue until every sender is gone.
    fn run(mut self, queue: &Receiver<Job>) {
        let mut group = Vec::with_capacity(GROUP_MAX);
        while let Ok(first) = queue.recv() {
            let began = Instant::now();
            let mut next = Some(first);
            while let Some(job) = next.take() {
                match job {
                    Job::Commit { queued, done, .. } if queued.elapsed() > QUEUE_WAIT => {
                        let _ = done.send(Err(StoreError::Overloaded));
                    }
                    Job::Commit { commit, done, .. } => group.push((commit, done)),
                    Job::Work(work) => {
                        self.write(&mut group);
                        work(&mut self.connection);
                        // The work may have put another log in the place of this one.
                        self.next_position = None;
                    }
                }
                if group.len() < GROUP_MAX {
                    next = self.next(queue, &group, began);
                }
            }
            if group.iter().any(|(commit, _)| commit.urgency == Urgency::Prompt) {
                self.pace.note(Instant::now());
            }
            self.write(&mut group);
        }
    }

    /// Returns what else goes into a group that was begun at `began`.
    fn next(&self, queue: &Receiver<Job>, group: &[(Commit, Done)], began: Instant) -> Option<Job> {
        if let Ok(job) = queue.try_recv() {
            return Some(job);
        }
        if group.is_empty() || group.iter().any(|(commit, _)| commit.urgency == Urgency::Prompt) {
            return None;
        }
        let patience = self.pace.patience().saturating_sub(began.elapsed());
        if patience.is_zero() { None } else { queue.recv_timeout(patience).ok() }
    }

    /// Writes a group in one transaction and tells everybody who waits.
    fn write(&mut self, group: &mut Vec<(Commit, Done)>) {
        if group.is_empty() {
            return;
        }
        let mut outcomes = Vec::with_capacity(group.len());
        let written = self.write_group(group, &mut outcomes);
        if let Err(error) = &written {
            tracing::error!(error = error as &dyn std::error::Error, "SQLite refused a transaction");
            // The transaction may be open still, or closed by SQLite itself.
            let _ = self.connection.execute_batch("ROLLBACK");
            self.next_position = None;
        }
        let is_full = matches!(written, Err(StoreError::Full));
        if written.is_ok() && group.iter().any(|(commit, _)| !commit.changes.is_empty()) {
            self.growth.announce();
        }
        let mut outcomes = outcomes.into_iter();
        for (_, done) in group.drain(..) {
            let outcome = match &written {
                Ok(()) => outcomes.next().unwrap_or(Err(StoreError::NotWritten)),
                Err(_) if is_full => Err(StoreError::Full),
                Err(_) => Err(StoreError::NotWritten),
            };
            // A caller that has gone away does not undo what is durable.
            let _ = done.send(outcome);
        }
    }

    fn write_group(
        &mut self,
        group: &[(Commit, Done)],
        outcomes: &mut Vec<Result<(), StoreError>>,
    ) -> Result<(), StoreError> {
        self.connection.execute_batch("BEGIN IMMEDIATE").map_err(failure)?;
        for (commit, _) in group {
            outcomes.push(self.write_one(commit)?);
        }
        self.connection.execute_batch("COMMIT").map_err(failure)
    }

    /// Writes one commit into the open transaction. What is wrong with it undoes this commit only; the outer
    /// error is one that took the whole transaction with it.
    fn write_one(&mut self, commit: &Commit) -> Result<Result<(), StoreError>, StoreError> {
        let position_before = self.next_position;
        cached(&self.connection, "SAVEPOINT one_commit").map_err(failure)?.execute([]).map_err(failure)?;
        let written = self.write_steps(commit);
        if let Err(error) = written {
            if self.connection.is_autocommit() {
                return Err(error);
            }
            self.next_position = position_before;
            cached(&self.connection, "ROLLBACK TO one_commit")
                .map_err(failure)?
                .execute([])
                .map_err(failure)?;
            cached(&self.connection, "RELEASE one_commit").map_err(failure)?.execute([]).map_err(failure)?;
            return Ok(Err(error));
        }
        cached(&self.connection, "RELEASE one_commit").map_err(failure)?.execute([]).map_err(failure)?;
        Ok(Ok(()))
    }

    fn write_steps(&mut self, commit: &Commit) -> Result<(), StoreError> {
        for step in &commit.steps {
            execute(&self.connection, step)?;
        }
        for (change, facts) in &commit.changes {
            let previous = previous_hash(&self.connection, change.engagement_id)?;
            let hash = chain_hash(previous.as_ref(), facts);
            let position = self.take_position()?;
            let mut values = changes::values(change, facts);
            values.push(hash.as_slice().into());
            values.push(position.into());
            let mut statement = cached(&self.connection, insert_change()).map_err(failure)?;
            bind(&mut statement, &values)?;
            statement.raw_execute().map_err(failure)?;
        }
        Ok(())
    }

    fn take_position(&mut self) -> Result<i64, StoreError> {
        let position = match self.next_position {
            Some(position) => position,
            None => {
                let sql = "SELECT COALESCE(MAX(position), 0) + 1 FROM changes";
                cached(&self.connection, sql)?.query_row([], |row| row.get(0))?
            }
        };
        self.next_position = Some(position.saturating_add(1));
        Ok(position)
    }
}

fn insert_change() -> &'static str {
    static SQL: std::sync::LazyLock<String> = std::sync::LazyLock::new(|| {
        format!(
            "INSERT INTO changes ({}, hash, position)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)",
            changes::COLUMNS
        )
    });
    &SQL
}

fn previous_hash(connection: &Connection, engagement_id: uuid::Uuid) -> Result<Option<Hash>, StoreError> {
    let sql = "SELECT hash FROM changes WHERE engagement_id = $1 ORDER BY position DESC LIMIT 1";
    Ok(cached(connection, sql)?.query_row([engagement_id], |row| row.get(0)).optional()?)
}

fn execute(connection: &Connection, step: &Step) -> Result<(), StoreError> {
    let mut statement = cached(connection, step.sql).map_err(failure)?;
    bind(&mut statement, &step.params)?;
    let touched = match statement.raw_execute() {
        Ok(touched) => touched,
        Err(error) if is_unique_violation(&error) => return Err(StoreError::Conflict(step.conflict)),
        Err(error) => return Err(failure(error)),
    };
    match step.rows {
        Some(rows) if u64::try_from(touched) != Ok(rows) => Err(StoreError::Conflict(step.conflict)),
        Some(_) | None => Ok(()),
    }
}

fn query(connection: &Connection, sql: &str, params: &[Value]) -> rusqlite::Result<Vec<Row>> {
    let mut statement = cached(connection, sql)?;
    let columns = statement.column_count();
    bind(&mut statement, params)?;
    let mut found = Vec::new();
    let mut rows = statement.raw_query();
    while let Some(row) = rows.next()? {
        let values =
            (0..columns).map(|it| row.get_ref(it).map(Value::from)).collect::<rusqlite::Result<_>>()?;
        found.push(Row(values));
    }
    Ok(found)
}

/// Prepares a statement, or takes it from the connection's cache. SQLite numbers `$n` by first occurrence, but
/// `?n` by number.
fn cached<'a>(connection: &'a Connection, sql: &str) -> rusqlite::Result<CachedStatement<'a>> {
    match sql.contains('$') {
        true => connection.prepare_cached(&numbered(sql)),
        false => connection.prepare_cached(sql),
    }
}

/// Writes each `$n` as `?n`; paths into JSON, such as `$.name`, stay as they are.
fn numbered(sql: &str) -> String {
    let mut parts = sql.split('$');
    let mut text = String::with_capacity(sql.len());
    text.push_str(parts.next().unwrap_or_default());
    for part in parts {
        text.push(if part.starts_with(|it: char| it.is_ascii_digit()) { '?' } else { '$' });
        text.push_str(part);
    }
    text
}

fn bind(statement: &mut CachedStatement<'_>, params: &[Value]) -> rusqlite::Result<()> {
    // What a statement does not mention at its end, it has no place for.
    for (index, value) in params.iter().enumerate().take(statement.parameter_count()) {
        statement.raw_bind_parameter(index.saturating_add(1), value)?;
    }
    Ok(())
}

fn is_unique_violation(error: &rusqlite::Error) -> bool {
    let rusqlite::Error::SqliteFailure(failure, _) = error else { return false };
    [ffi::SQLITE_CONSTRAINT_UNIQUE, ffi::SQLITE_CONSTRAINT_PRIMARYKEY, ffi::SQLITE_CONSTRAINT_ROWID]
        .contains(&failure.extended_code)
}

fn failure(error: rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => StoreError::Full,
        _ => StoreError::Sqlite(error),
    }
}
