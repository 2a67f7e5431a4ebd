//! Writes at a steady pace: each is due at its time, whether those before it were answered or not.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use http::StatusCode;
use serde_json::Value;
use tokio::{runtime::Builder, task::JoinSet, time::sleep_until};

use crate::{
    judges::deal,
    load::{Call, answer, connect},
    server::{CREATE_REQUEST, Client, find_id},
};

/// What to write, and how fast.
#[derive(Clone, Copy)]
pub(super) struct Pace {
    /// The server.
    pub(super) address: SocketAddr,
    /// Writes in a second.
    pub(super) per_second: f64,
    /// Writes in all.
    pub(super) count: u64,
    /// Connections, each with one write in flight.
    pub(super) connections: usize,
}

/// A write that was answered.
pub(super) struct Written {
    /// What was made; empty where the answer does not say, as that to a change.
    pub(super) id: String,
    /// When the answer had come: the commit was not later.
    pub(super) at: Instant,
    /// From when it was due to the answer.
    pub(super) micros: u32,
}

/// Returns what creates deals of the caller's own, the n-th call the n-th deal.
pub(super) fn creates(client: Client) -> Result<impl Fn(u64) -> Call + Send + Sync + 'static> {
    let fixture: Value = serde_json::from_str(CREATE_REQUEST).context("the fixture is no JSON")?;
    Ok(move |number| client.create(Bytes::from(deal(&fixture, number).to_string())))
}

impl Pace {
    /// Writes on the calling thread; `told` hears of each answer at once.
    pub(super) fn run(
        self,
        make: impl Fn(u64) -> Call + Send + Sync + 'static,
        told: impl Fn(&Written) + Send + Sync + 'static,
    ) -> Result<Vec<Written>> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let (make, told) = (Arc::new(make), Arc::new(told));
        let (next, written) = (Arc::new(AtomicU64::new(0)), Arc::new(Mutex::new(Vec::new())));
        runtime.block_on(async {
            let start = Instant::now() + Duration::from_millis(50);
            let mut tasks = JoinSet::new();
            for _ in 0..self.connections {
                let (make, told, next, written) =
                    (Arc::clone(&make), Arc::clone(&told), Arc::clone(&next), Arc::clone(&written));
                tasks.spawn(async move {
                    let mut sender = connect(self.address).await?;
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        if number >= self.count {
                            return anyhow::Ok(());
                        }
                        let due = start + Duration::from_secs_f64(number as f64 / self.per_second);
                        sleep_until(due.into()).await;
                        let (status, body) = answer(&mut sender, make(number)).await?;
                        let it = judge(status, &body, due)?;
                        told(&it);
                        written.lock().unwrap_or_else(PoisonError::into_inner).push(it);
                    }
                });
            }
            while let Some(task) = tasks.join_next().await {
                task.context("a writer panicked")??;
            }
            anyhow::Ok(())
        })?;
        Ok(std::mem::take(&mut *written.lock().unwrap_or_else(PoisonError::into_inner)))
    }
}

fn judge(status: StatusCode, body: &Bytes, due: Instant) -> Result<Written> {
    let at = Instant::now();
    ensure!(status.is_success(), "a write was answered {status}: {}", String::from_utf8_lossy(body));
    let id = find_id(body).unwrap_or_default();
    Ok(Written { id, at, micros: u32::try_from(at.duration_since(due).as_micros()).unwrap_or(u32::MAX) })
}
