//! The load generator: keep-alive HTTP/1.1 connections that each send one request after another.
//!
//! It runs on one thread, so that on a small machine it takes as little as possible from what it measures.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, task::JoinSet};

/// How many failures are kept in words; the rest are only counted.
const FAILURES_KEPT: usize = 20;

/// How long one answer may take.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

/// A request with its whole body.
pub(crate) type Call = Request<Full<Bytes>>;

/// Makes the n-th request.
pub(crate) type Make = dyn Fn(u64) -> Call + Send + Sync;

/// Judges the answer to the n-th request, which has been read to its end.
pub(crate) type Judge = dyn Fn(u64, StatusCode, &Bytes) -> Result<(), String> + Send + Sync;

/// When to stop sending.
#[derive(Clone, Copy)]
pub(crate) enum Stop {
    /// After this time.
    After(Duration),
    /// After this many requests in all.
    Count(u64),
}

/// What to send, and where.
#[derive(Clone)]
pub(crate) struct Plan {
    /// The server.
    pub(crate) address: SocketAddr,
    /// Number of connections, each with one request in flight.
    pub(crate) connections: usize,
    /// When to stop.
    pub(crate) stop: Stop,
    /// Makes the requests.
    pub(crate) make: Arc<Make>,
    /// Judges the answers.
    pub(crate) judge: Arc<Judge>,
}

/// What came of it.
#[derive(Default)]
pub(crate) struct Outcome {
    /// Time from sending each request to the last byte of its answer, in microseconds, sorted.
    pub(crate) latencies_micros: Vec<u32>,
    /// From the first request to the last answer.
    pub(crate) elapsed: Duration,
    /// Answers that the judge refused, and connections that broke.
    pub(crate) refused: u64,
    /// Connections that broke.
    pub(crate) broken: u64,
    /// Some of the failures in words.
    pub(crate) failures: Vec<String>,
}

impl Outcome {
    /// Returns the number of answers that were fully read.
    pub(crate) fn answers(&self) -> u64 {
        self.latencies_micros.len() as u64
    }

    /// Returns the latency that the given part (0 to 1) of the answers did not exceed.
    pub(crate) fn percentile_micros(&self, part: f64) -> u32 {
        let last = self.latencies_micros.len().saturating_sub(1);
        let index = (last as f64 * part).round() as usize;
        self.latencies_micros.get(index).copied().unwrap_or_default()
    }

    /// Fails when anything went wrong.
    pub(crate) fn ensure_clean(&self) -> Result<()> {
        anyhow::ensure!(
            self.refused + self.broken == 0,
            "{} answers were wrong and {} connections broke:\n{}",
            self.refused,
            self.broken,
            self.failures.join("\n")
        );
        Ok(())
    }

    fn fail(&mut self, failure: String) {
        if self.failures.len() < FAILURES_KEPT {
            self.failures.push(failure);
        }
    }
}

/// Accepts every 2xx.
pub(crate) fn judge_success(_: u64, status: StatusCode, body: &Bytes) -> Result<(), String> {
    if status.is_success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(body.get(..body.len().min(300)).unwrap_or_default()).into_owned();
    Err(format!("{status}: {text}"))
}

/// Carries out a plan on the calling thread.
pub(crate) fn run(plan: Plan) -> Result<Outcome> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(drive(plan))
}

/// Sends one request over a connection of its own.
pub(crate) fn ask(address: SocketAddr, call: Call) -> Result<(StatusCode, Bytes)> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async { answer(&mut connect(address).await?, call).await })
}

/// Sends one request over a connection of its own, and returns the answer with its head.
pub(crate) fn ask_whole(address: SocketAddr, call: Call) -> Result<Response<Bytes>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async { whole_answer(&mut connect(address).await?, call).await })
}

/// Carries out a plan.
pub(crate) async fn drive(plan: Plan) -> Result<Outcome> {
    let next = Arc::new(AtomicU64::new(0));
    let outcome = Arc::new(Mutex::new(Outcome::default()));
    let start = Instant::now();
    let mut tasks = JoinSet::new();
    for _ in 0..plan.connections {
        tasks.spawn(converse(plan.clone(), Arc::clone(&next), Arc::clone(&outcome), start));
    }
    while let Some(task) = tasks.join_next().await {
        task.context("a connection's task panicked")?;
    }
    let mut outcome = std::mem::take(&mut *outcome.lock().unwrap_or_else(PoisonError::into_inner));
    outcome.elapsed = start.elapsed();
    outcome.latencies_micros.sort_unstable();
    Ok(outcome)
}

/// Sends requests over one connection until the plan says stop or the connection breaks.
async fn converse(plan: Plan, next: Arc<AtomicU64>, outcome: Arc<Mutex<Outcome>>, start: Instant) {
    let mut latencies = Vec::new();
    let mut mine = Outcome::default();
    if let Err(error) = exchange(&plan, &next, start, &mut latencies, &mut mine).await {
        mine.broken += 1;
        mine.fail(format!("{error:#}"));
    }
    let mut shared = outcome.lock().unwrap_or_else(PoisonError::into_inner);
    shared.latencies_micros.extend(latencies);
    shared.refused += mine.refused;
    shared.broken += mine.broken;
    for failure in mine.failures {
        shared.fail(failure);
    }
}

async fn exchange(
    plan: &Plan,
    next: &AtomicU64,
    start: Instant,
    latencies: &mut Vec<u32>,
    outcome: &mut Outcome,
) -> Result<()> {
    let mut sender = connect(plan.address).await?;
    loop {
        let n = next.fetch_add(1, Ordering::Relaxed);
        let is_over = match plan.stop {
            Stop::After(time) => start.elapsed() >= time,
            Stop::Count(count) => n >= count,
        };
        if is_over {
            return Ok(());
        }
        let call = (plan.make)(n);
        let sent = Instant::now();
        let answer = tokio::time::timeout(ANSWER_TIMEOUT, answer(&mut sender, call)).await;
        let (status, body) = answer.with_context(|| format!("no answer within {ANSWER_TIMEOUT:?}"))??;
        latencies.push(u32::try_from(sent.elapsed().as_micros()).unwrap_or(u32::MAX));
        if let Err(failure) = (plan.judge)(n, status, &body) {
            outcome.refused += 1;
            outcome.fail(failure);
        }
    }
}

/// Opens a connection that is kept.
pub(crate) async fn connect(address: SocketAddr) -> Result<SendRequest<Full<Bytes>>> {
    let stream = TcpStream::connect(address).await.with_context(|| format!("cannot connect to {address}"))?;
    stream.set_nodelay(true)?;
    let (sender, connection) = handshake(TokioIo::new(stream)).await.context("HTTP handshake")?;
    // A broken connection shows in the next request.
    tokio::spawn(connection);
    Ok(sender)
}

/// Sends one request and reads its answer to the end.
pub(crate) async fn answer(sender: &mut SendRequest<Full<Bytes>>, call: Call) -> Result<(StatusCode, Bytes)> {
    let response = whole_answer(sender, call).await?;
    Ok((response.status(), response.into_body()))
}

async fn whole_answer(sender: &mut SendRequest<Full<Bytes>>, call: Call) -> Result<Response<Bytes>> {
    sender.ready().await.context("the connection was closed")?;
    let response = sender.send_request(call).await.context("the request was not answered")?;
    let (head, body) = response.into_parts();
    let body = body.collect().await.context("the answer was cut")?.to_bytes();
    Ok(Response::from_parts(head, body))
}
