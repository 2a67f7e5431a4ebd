//! What one server delivers at a time, and to whom.
//!
//! Each endpoint has a few places for attempts in flight; one whose last attempt failed has one, and all of those
//! together have half of the places there are. One that is late with an answer gets nothing more until it has given it.
//! So a receiver that is dead or slow delays what is its own.
//!
//! What has ended is written down in one commit while the next attempts are under way: a place is free when that is done.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use tokio::{
    task::{JoinError, JoinSet},
    time::{Instant, sleep, sleep_until},
};
use uuid::Uuid;

use super::{
    Asked, Feed, LOOK_EVERY,
    delivery::{Done, Posted, post, write_down},
    scope,
};
use crate::storage::{Claim, Claimed, StoreError, Worker};

/// An endpoint that has not answered for so long is late.
const LATE: Duration = Duration::from_secs(1);
/// How often is looked whether what is due was tried.
const SETTLE_LOOK: Duration = Duration::from_millis(5);
/// Attempts that are written down in one commit.
const RECORDS_MAX: usize = 200;

/// What one worker has in flight.
struct Desk<'a> {
    feed: &'a Feed,
    worker: Worker,
    /// By endpoint.
    in_flight: HashMap<Uuid, HashSet<Uuid>>,
    /// Since when, by delivery, and to which endpoint.
    began: HashMap<Uuid, (Uuid, Instant)>,
    /// Those among them that go to endpoints whose last attempt failed.
    failing: HashSet<Uuid>,
    /// Endpoints that are late.
    late: HashSet<Uuid>,
    posting: JoinSet<Box<Posted>>,
    posted: Vec<Posted>,
    /// One at a time.
    writing: JoinSet<Vec<Done>>,
}

/// What happened.
enum Turn {
    Posted(Result<Box<Posted>, JoinError>),
    Written(Result<Vec<Done>, JoinError>),
    Asked(Asked),
    Look,
}

/// Waits until what is due at this moment was tried, for `patience` at most; tries it itself where nobody else does in
/// this process. Returns how many deliveries are due still.
///
/// # Errors
/// When the database does not answer.
pub async fn settle(feed: &Feed, patience: Duration) -> Result<u64, StoreError> {
    let end = Instant::now() + patience;
    let count = || feed.store.count_due_deliveries(scope(), feed.clock.now());
    let mut left = count().await?;
    if left == 0 {
        return Ok(0);
    }
    let Ok(_alone) = feed.desk.0.try_lock() else {
        while left > 0 && Instant::now() < end {
            feed.bell.ring();
            sleep(SETTLE_LOOK).await;
            left = count().await?;
        }
        return Ok(left);
    };
    let mut desk = Desk::open(feed).await?;
    while left > 0 && Instant::now() < end {
        desk.sweep(None).await?;
        let look = Instant::now() + SETTLE_LOOK;
        match desk.turn(look).await {
            Turn::Posted(Ok(posted)) => desk.posted.push(*posted),
            Turn::Written(Ok(done)) => desk.finish(&done).await?,
            Turn::Posted(Err(_)) | Turn::Written(Err(_)) => break,
            Turn::Asked(_) | Turn::Look => {}
        }
        desk.write();
        left = count().await?;
    }
    Ok(left)
}

/// Delivers until something goes wrong. What is in flight then is taken up again by whoever looks next.
pub(super) async fn work(feed: &Feed) -> Result<(), StoreError> {
    let _alone = feed.desk.0.lock().await;
    let mut desk = Desk::open(feed).await?;
    let mut look = Instant::now();
    loop {
        match desk.turn(look).await {
            Turn::Posted(Ok(posted)) => desk.posted.push(*posted),
            Turn::Written(Ok(done)) => desk.finish(&done).await?,
            Turn::Posted(Err(_)) | Turn::Written(Err(_)) => {
                tracing::error!("an attempt to deliver a webhook ended without a word");
                return Ok(());
            }
            Turn::Asked(Asked::Some(endpoints)) => {
                let endpoints: Vec<Uuid> = endpoints.into_iter().collect();
                desk.sweep(Some(&endpoints)).await?;
            }
            Turn::Asked(Asked::All) => desk.sweep(None).await?,
            Turn::Look => {
                feed.store.keep_worker(&desk.worker).await?;
                desk.note_late();
                desk.sweep(None).await?;
                look = Instant::now() + LOOK_EVERY;
            }
        }
        desk.write();
    }
}

impl<'a> Desk<'a> {
    async fn open(feed: &'a Feed) -> Result<Self, StoreError> {
        let number = u32::from_be_bytes(feed.random.bytes());
        let worker = feed.store.open_worker(number).await?;
        Ok(Self {
            feed,
            worker,
            in_flight: HashMap::new(),
            began: HashMap::new(),
            failing: HashSet::new(),
            late: HashSet::new(),
            posting: JoinSet::new(),
            posted: Vec::new(),
            writing: JoinSet::new(),
        })
    }

    /// Waits until something happens, or until it is time to look.
    async fn turn(&mut self, look: Instant) -> Turn {
        tokio::select! {
            Some(posted) = self.posting.join_next() => Turn::Posted(posted),
            Some(written) = self.writing.join_next() => Turn::Written(written),
            asked = self.feed.bell.rung() => Turn::Asked(asked),
            () = sleep_until(look) => Turn::Look,
        }
    }

    /// Takes what is due, of all endpoints or of some, and begins to deliver it.
    async fn sweep(&mut self, only: Option<&[Uuid]>) -> Result<(), StoreError> {
        self.sweep_lane(only, false).await?;
        self.sweep_lane(only, true).await
    }

    async fn sweep_lane(&mut self, only: Option<&[Uuid]>, is_failing: bool) -> Result<(), StoreError> {
        let count_max = self.free(is_failing);
        if count_max == 0 || only.is_some_and(<[Uuid]>::is_empty) {
            return Ok(());
        }
        let claim = Claim {
            now: self.feed.clock.now(),
            only,
            is_failing,
            per_endpoint_max: if is_failing { 1 } else { self.feed.settings.in_flight_per_endpoint_max },
            count_max,
            in_flight: &self.in_flight,
            late: &self.late,
        };
        for claimed in self.feed.store.claim_deliveries(scope(), &self.worker, &claim).await? {
            self.start(claimed, is_failing);
        }
        Ok(())
    }

    fn free(&self, is_failing: bool) -> u32 {
        let places = self.feed.settings.in_flight_max;
        let taken = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let free = places.saturating_sub(taken(self.began.len()));
        match is_failing {
            true => free.min((places / 2).max(1).saturating_sub(taken(self.failing.len()))),
            false => free,
        }
    }

    fn start(&mut self, claimed: Claimed, is_failing: bool) {
        let (endpoint_id, delivery_id) = (claimed.endpoint.id, claimed.delivery.id);
        self.in_flight.entry(endpoint_id).or_default().insert(delivery_id);
        self.began.insert(delivery_id, (endpoint_id, Instant::now()));
        if is_failing {
            self.failing.insert(delivery_id);
        }
        let feed = self.feed.clone();
        self.posting.spawn(async move { Box::new(post(&feed, claimed).await) });
    }

    fn note_late(&mut self) {
        let late = self.began.values().filter(|(_, began)| began.elapsed() >= LATE);
        self.late = late.map(|(endpoint_id, _)| *endpoint_id).collect();
    }

    /// Begins to write down what has ended, unless that is being done.
    fn write(&mut self) {
        if !self.writing.is_empty() || self.posted.is_empty() {
            return;
        }
        let count = self.posted.len().min(RECORDS_MAX);
        // Locks on endpoints are taken in one order by all servers.
        let mut posted: Vec<Posted> = self.posted.drain(..count).collect();
        posted.sort_by_key(|it| it.claimed.endpoint.id);
        let (feed, mark) = (self.feed.clone(), self.worker.mark());
        self.writing.spawn(async move { write_down(&feed, mark, &posted).await });
    }

    /// Frees the places of attempts that are over, and gives them to what waits for them.
    async fn finish(&mut self, done: &[Done]) -> Result<(), StoreError> {
        let is_full = self.free(false) == 0;
        let (mut failed, mut free) = (Vec::new(), Vec::new());
        for it in done {
            if self.take_off(it) {
                if it.has_failed { &mut failed } else { &mut free }.push(it.endpoint_id);
            }
            if !it.is_recorded {
                self.feed.store.release_delivery(self.worker.mark(), it.delivery_id).await?;
            }
        }
        // While every place was taken, anybody may wait for one.
        if is_full {
            return self.sweep(None).await;
        }
        self.sweep_lane(Some(&free), false).await?;
        self.sweep_lane(Some(&failed), true).await
    }

    /// Says whether the endpoint had as many attempts in flight as it may have: there may be more to send.
    fn take_off(&mut self, done: &Done) -> bool {
        let mut is_full = self.failing.remove(&done.delivery_id) || self.late.remove(&done.endpoint_id);
        self.began.remove(&done.delivery_id);
        if let Some(taken) = self.in_flight.get_mut(&done.endpoint_id) {
            let places = self.feed.settings.in_flight_per_endpoint_max;
            is_full |= u32::try_from(taken.len()).unwrap_or(u32::MAX) >= places;
            taken.remove(&done.delivery_id);
            if taken.is_empty() {
                self.in_flight.remove(&done.endpoint_id);
            }
        }
        metrics::counter!("liaison_webhook_attempts_total", "failed" => done.has_failed.to_string())
            .increment(1);
        is_full
    }
}
