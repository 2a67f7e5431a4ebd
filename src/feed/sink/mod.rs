//! The sink: every change of the log, as a CloudEvent on NATS JetStream, for the pipeline of whoever runs the server.
//!
//! ```text
//! log after the cursor ─→ event: headers and data ─→ broker: publish · acknowledged ─→ cursor
//! ```
//!
//! The cursor moves when the broker has acknowledged, so nothing is left out; what is published again, because somebody
//! died in between, has the id that the broker remembers. A broker that is away delays its pipeline and nothing else.

mod broker;
mod event;

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    time::Duration,
};

use serde_json::value::RawValue;
use tokio::time::{Instant, sleep, timeout};

pub use self::broker::BrokerError;
use self::{broker::Broker, event::Message};
use super::{Feed, LOOK_EVERY, fan_out::document};
use crate::{
    domain::{
        actor::{Scope, SystemScope},
        webhook::{Payload, Secret},
    },
    storage::{Commit, LoggedFact, SinkLease, StoreError},
};

/// Changes that are published before the cursor is moved.
const BATCH_MAX: u32 = 200;
/// Room for headers beside a document.
const HEADER_BYTES: usize = 4096;
/// Pauses after failures: the first, and the longest.
const PAUSE_MIN: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// Where changes are published, and how.
#[derive(Clone)]
pub struct Options {
    /// Addresses of the cluster, with commas between them; perhaps with a password.
    pub url: Secret,
    /// A JWT with its seed.
    pub credentials: Option<Secret>,
    /// The stream that takes what is published; made where it is missing.
    pub stream: String,
    /// What subjects begin with.
    pub subject_prefix: String,
    /// Whether documents are published.
    pub payload: Payload,
    /// Where the log is begun with the first time.
    pub start: Start,
    /// How long a stream that is made keeps messages; zero for ever.
    pub keep: Duration,
    /// How long a stream that is made knows the ids of messages.
    pub duplicate_window: Duration,
}

/// Where the log is begun with the first time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// With its first change.
    Beginning,
    /// With the next one.
    Now,
}

impl Options {
    /// Returns every subject that is published to, as streams name them.
    fn subjects(&self) -> String {
        format!("{}.>", self.subject_prefix)
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The URL may hold a password.
        f.debug_struct("Options").field("stream", &self.stream).finish_non_exhaustive()
    }
}

/// A sink and how it is doing. Cheap to clone; clones are the same sink.
#[derive(Clone, Debug)]
pub struct Sink {
    feed: Feed,
    options: Arc<Options>,
    state: Arc<AtomicU8>,
}

/// What this process has to do with the sink.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Nothing, at this moment: perhaps another one publishes.
    Idle = 0,
    /// It publishes.
    Publishing = 1,
    /// It has tried and could not.
    Failing = 2,
}

/// Why a step was not taken.
#[derive(Debug, thiserror::Error)]
enum SinkError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Broker(#[from] BrokerError),
    #[error("a change could not be written as an event")]
    Event(#[from] serde_json::Error),
}

/// Says whether the broker has the stream; nothing is changed there.
///
/// # Errors
/// Why the broker would take nothing.
pub async fn has_stream(options: &Options) -> Result<bool, BrokerError> {
    broker::has_stream(options).await
}

impl Sink {
    /// Makes a sink that publishes nothing until it is [run](Self::run).
    pub fn new(feed: Feed, options: Options) -> Self {
        Self { feed, options: Arc::new(options), state: Arc::default() }
    }

    /// Says what this process has to do with it.
    pub fn state(&self) -> State {
        match self.state.load(Ordering::Relaxed) {
            1 => State::Publishing,
            2 => State::Failing,
            _ => State::Idle,
        }
    }

    /// Returns how many changes of the log are not published yet, whoever publishes, and tells metrics.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn lag(&self) -> Result<u64, StoreError> {
        let store = &self.feed.store;
        let last = store.last_position().await?;
        let reached = match (store.sink_cursor(scope()).await?, self.options.start) {
            (Some(reached), _) => reached,
            (None, Start::Beginning) => 0,
            (None, Start::Now) => last,
        };
        let lag = last.saturating_sub(reached);
        metrics::gauge!("liaison_feed_lag", "reader" => "sink").set(lag as f64);
        Ok(lag)
    }

    /// Publishes for as long as the process lives, whenever nobody else does.
    pub async fn run(self) {
        let mut pause = PAUSE_MIN;
        loop {
            let began = Instant::now();
            match self.work().await {
                Ok(()) => sleep(LOOK_EVERY).await,
                Err(error) => {
                    self.state.store(State::Failing as u8, Ordering::Relaxed);
                    // What went on for a while is no longer the same failure.
                    if began.elapsed() > PAUSE_MAX {
                        pause = PAUSE_MIN;
                    }
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        retry_secs = pause.as_secs(),
                        "changes are not published; they wait in the log"
                    );
                    sleep(pause).await;
                    pause = (pause * 2).min(PAUSE_MAX);
                }
            }
        }
    }

    /// Publishes until something goes wrong; returns at once when somebody else publishes.
    async fn work(&self) -> Result<(), SinkError> {
        let store = &self.feed.store;
        let Some(lease) = store.try_sink_lease().await? else {
            self.state.store(State::Idle as u8, Ordering::Relaxed);
            return Ok(());
        };
        let broker = self.keeping(&lease, Broker::open(&self.options)).await??;
        let start = match self.options.start {
            Start::Beginning => 0,
            Start::Now => store.last_position().await?,
        };
        let mut reached = store.begin_sink(scope(), start).await?;
        self.state.store(State::Publishing as u8, Ordering::Relaxed);
        tracing::info!(stream = self.options.stream, position = reached, "publishing changes");
        let mut growth = store.log_growth();
        loop {
            lease.renew().await?;
            while self.step(&lease, &broker, &mut reached).await? {}
            // Running out of time is a look without being asked.
            let _ = timeout(LOOK_EVERY, growth.changed()).await;
        }
    }

    /// Waits for the broker, and keeps the lease meanwhile.
    async fn keeping<T>(&self, lease: &SinkLease, work: impl Future<Output = T>) -> Result<T, StoreError> {
        let mut work = std::pin::pin!(work);
        loop {
            match timeout(LOOK_EVERY, &mut work).await {
                Ok(done) => return Ok(done),
                Err(_) => lease.renew().await?,
            }
        }
    }

    /// Publishes some changes and moves the cursor. Says whether there may be more at once.
    async fn step(&self, lease: &SinkLease, broker: &Broker, reached: &mut u64) -> Result<bool, SinkError> {
        let store = &self.feed.store;
        let facts = store.list_facts(scope(), *reached, BATCH_MAX).await?;
        if facts.is_empty() {
            return Ok(false);
        }
        let mut messages = Vec::with_capacity(facts.len());
        for fact in &facts {
            messages.push(self.message(fact, broker.message_bytes_max()).await?);
        }
        let taken = self.keeping(lease, broker.publish(&messages)).await?;
        if let Some(last) = messages.get(..taken.count).and_then(<[Message]>::last) {
            let mut commit = Commit::new();
            commit.move_sink(*reached, last.position);
            commit.let_be_spare();
            store.commit(commit).await?;
            *reached = last.position;
        }
        let count = |count: usize, is_repeated: &'static str| {
            metrics::counter!("liaison_sink_published_total", "repeated" => is_repeated)
                .increment(u64::try_from(count).unwrap_or(u64::MAX));
        };
        count(taken.count.saturating_sub(taken.repeated), "false");
        count(taken.repeated, "true");
        match taken.error {
            Some(error) => Err(error.into()),
            None => Ok(facts.len() >= usize::try_from(BATCH_MAX).unwrap_or(usize::MAX)),
        }
    }

    async fn message(&self, fact: &LoggedFact, bytes_max: usize) -> Result<Message, SinkError> {
        let write = |referral: Option<&RawValue>| {
            Message::of(fact, referral, &self.options.subject_prefix, &self.feed.links)
        };
        if self.options.payload == Payload::Thin {
            return Ok(write(None)?);
        }
        // Its owner sees all of it.
        let text = document(&self.feed, &fact.organization_id, fact.referral_id).await?;
        let referral = text.map(RawValue::from_string).transpose()?;
        let message = write(referral.as_deref())?;
        let fits = message.payload.len().saturating_add(HEADER_BYTES) <= bytes_max;
        // A message that is refused for ever would keep all the others from going out.
        if fits { Ok(message) } else { Ok(write(None)?) }
    }
}

fn scope() -> SystemScope {
    Scope::system("sink")
}
