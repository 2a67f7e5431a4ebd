//! A short memory of what nearly every call asks for: who calls, and whom a target names.
//!
//! A write through this process empties it before the write is acknowledged. On PostgreSQL each write also sends a
//! notice in its own transaction, which empties the memory of every other server; while a server cannot hear
//! notices, it remembers nothing and asks the database each time. So a change of roles shows everywhere at once.
//! [`MEMORY_SECS`] bounds what a connection that fails without a sign could hide.

use std::{
    future::{Future, poll_fn},
    hash::Hash,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use moka::sync::Cache;
use tokio::{task::JoinHandle, time::timeout};
use tokio_postgres::{AsyncMessage, Config};
use uuid::Uuid;

use super::{
    Principal, StoreError,
    growth::{self, Growth},
    postgres::{SESSION, tls},
};
use crate::domain::{
    engagement::Destination,
    organization::{Application, ExternalSubject, Location, Organization, OrganizationId},
};

/// The statement that tells every server to forget, once the transaction commits.
pub(super) const ANNOUNCE: &str = "NOTIFY liaison_directory";
const LISTEN: &str = "LISTEN liaison_directory";
/// The name under which PostgreSQL shows the connection that hears notices.
const LISTENER: &str = "liaison directory";

/// How long an answer is remembered.
const MEMORY_SECS: u64 = 5;
const ENTRIES_MAX: u64 = 10_000;

/// How often the connection that hears notices is tried, and how long it may take to answer.
const TRY_EVERY: Duration = Duration::from_secs(1);
const TRY_WAIT: Duration = Duration::from_secs(1);
/// How long to wait before connecting again.
const RECONNECT_WAIT: Duration = Duration::from_millis(250);

/// The remembered answers; `None` is an answer too.
pub(super) struct Directory {
    /// Counts what was forgotten. An answer counts only while this is what it was when the question was asked, so
    /// that a slow answer cannot bring back what a write has made untrue.
    generation: AtomicU64,
    /// Whether writes of others are heard of.
    is_remembering: AtomicBool,
    pub(super) applications: Memory<Uuid, Application>,
    pub(super) principals: Memory<(Uuid, Uuid), Principal>,
    pub(super) subjects: Memory<ExternalSubject, Principal>,
    pub(super) organizations: Memory<OrganizationId, Organization>,
    pub(super) domains: Memory<String, Organization>,
    pub(super) tenants: Memory<Uuid, Organization>,
    pub(super) locations: Memory<OrganizationId, Vec<Location>>,
    pub(super) location_targets: Memory<Uuid, Destination>,
    pub(super) solution_targets: Memory<String, Destination>,
}

impl Directory {
    /// Starts empty. `is_remembering` says whether this process makes all the writes there are.
    pub(super) fn new(is_remembering: bool) -> Self {
        Self {
            generation: AtomicU64::new(0),
            is_remembering: AtomicBool::new(is_remembering),
            applications: Memory::new(),
            principals: Memory::new(),
            subjects: Memory::new(),
            organizations: Memory::new(),
            domains: Memory::new(),
            tenants: Memory::new(),
            locations: Memory::new(),
            location_targets: Memory::new(),
            solution_targets: Memory::new(),
        }
    }

    /// Returns the remembered answer, or asks and remembers.
    pub(super) async fn get<K, V>(
        &self,
        memory: impl FnOnce(&Self) -> &Memory<K, V>,
        key: &K,
        ask: impl Future<Output = Result<Option<V>, StoreError>>,
    ) -> Result<Option<Arc<V>>, StoreError>
    where
        K: Hash + Eq + Send + Sync + Clone + 'static,
        V: Send + Sync + 'static,
    {
        if !self.is_remembering.load(Ordering::SeqCst) {
            return Ok(ask.await?.map(Arc::new));
        }
        let (memory, generation) = (memory(self), self.generation.load(Ordering::SeqCst));
        if let Some((remembered, answer)) = memory.0.get(key)
            && remembered == generation
        {
            return Ok(answer);
        }
        let answer = ask.await?.map(Arc::new);
        memory.0.insert(key.clone(), (generation, answer.clone()));
        Ok(answer)
    }

    /// Forgets everything.
    pub(super) fn forget(&self) {
        self.generation.fetch_add(1, Ordering::SeqCst);
    }

    fn remember_from_now(&self) {
        self.forget();
        self.is_remembering.store(true, Ordering::SeqCst);
    }

    fn remember_no_more(&self) {
        self.is_remembering.store(false, Ordering::SeqCst);
        self.forget();
    }
}

/// Answers to one kind of question, each with the generation that it belongs to.
pub(super) struct Memory<K, V>(Cache<K, (u64, Option<Arc<V>>)>);

impl<K: Hash + Eq + Send + Sync + Clone + 'static, V: Send + Sync + 'static> Memory<K, V> {
    fn new() -> Self {
        let life = Duration::from_secs(MEMORY_SECS);
        Self(Cache::builder().max_capacity(ENTRIES_MAX).time_to_live(life).build())
    }
}

/// Hears the notices of other servers, of changed roles and of the log, until the task is ended, and connects again when
/// it must.
pub(super) fn follow_writes(mut config: Config, directory: Arc<Directory>, growth: Growth) -> JoinHandle<()> {
    config.application_name(LISTENER);
    tokio::spawn(async move {
        loop {
            let outcome = hear(&config, &directory, &growth).await;
            directory.remember_no_more();
            if let Err(error) = outcome {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "notices of changed roles do not come; the database is asked on each call until they do"
                );
            }
            tokio::time::sleep(RECONNECT_WAIT).await;
        }
    })
}

/// Forgets on each notice, and lets the directory remember between them. Returns when the connection is lost.
async fn hear(config: &Config, directory: &Directory, growth: &Growth) -> Result<(), StoreError> {
    let (client, mut connection) = config.connect(tls()).await?;
    let receive = async {
        while let Some(message) = poll_fn(|context| connection.poll_message(context)).await {
            match message? {
                AsyncMessage::Notification(notice) if notice.channel() == growth::CHANNEL => {
                    growth.announce()
                }
                AsyncMessage::Notification(_) => directory.forget(),
                _ => (),
            }
        }
        Ok(())
    };
    let keep = async {
        client.batch_execute(&format!("{SESSION} {LISTEN}; LISTEN {}", growth::CHANNEL)).await?;
        directory.remember_from_now();
        // What grew before has sent its notice to nobody.
        growth.announce();
        loop {
            tokio::time::sleep(TRY_EVERY).await;
            match timeout(TRY_WAIT, client.batch_execute("SELECT 1")).await {
                Ok(answer) => answer?,
                // Not an error of the database: the network, or a machine that stands still.
                Err(_) => return Ok(()),
            }
        }
    };
    tokio::select! {
        ended = receive => ended,
        failed = keep => failed,
    }
}
