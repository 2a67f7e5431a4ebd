//! From deliveries to receivers: every server takes what is due, posts it, and writes down what came of it.
//!
//! Each endpoint has a few places for attempts in flight; one whose last attempt failed has one, and all of those
//! together have half of the places there are. So a receiver that is dead or slow delays what is its own.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};
use serde_json::value::RawValue;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep},
};
use uuid::Uuid;

use super::{
    Feed, LOOK_EVERY,
    fan_out::document,
    outbound::{Attempt, Outcome},
    scope,
    signature::{HeaderMode, Message, Secret},
};
use crate::{
    domain::{
        time::Timestamp,
        webhook::{AttemptRecord, Delivery, Endpoint, Kind, Payload, SignatureHeader, payload, schedule},
    },
    storage::{Claim, Claimed, Commit, Conflict, Recorded, StoreError, Worker},
};

/// How often is tried to write down what came of an attempt, and how long is waited between.
const RECORD_TRIES: u32 = 5;
const RECORD_PAUSE: Duration = Duration::from_millis(200);

/// Delivers for as long as the process lives.
pub async fn run(feed: Feed) {
    loop {
        if let Err(error) = work(&feed).await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the delivery of webhooks was interrupted"
            );
            sleep(LOOK_EVERY).await;
        }
    }
}

/// Delivers until something goes wrong. What is in flight then is taken up again by whoever looks next.
async fn work(feed: &Feed) -> Result<(), StoreError> {
    let number = u32::from_be_bytes(feed.random.bytes());
    let worker = feed.store.open_worker(number).await?;
    let mut desk =
        Desk { feed, worker, in_flight: HashMap::new(), failing: HashSet::new(), tasks: JoinSet::new() };
    let mut kept = None::<Instant>;
    loop {
        if kept.is_none_or(|it| it.elapsed() >= LOOK_EVERY) {
            feed.store.keep_worker(&desk.worker).await?;
            kept = Some(Instant::now());
        }
        let is_full = desk.sweep(None).await?;
        if !desk.wait(is_full).await? {
            return Ok(());
        }
    }
}

/// What one worker has in flight.
struct Desk<'a> {
    feed: &'a Feed,
    worker: Worker,
    /// By endpoint.
    in_flight: HashMap<Uuid, HashSet<Uuid>>,
    /// Those among them that go to endpoints whose last attempt failed.
    failing: HashSet<Uuid>,
    tasks: JoinSet<Done>,
}

/// An attempt that is over.
struct Done {
    endpoint_id: Uuid,
    delivery_id: Uuid,
    has_failed: bool,
    is_recorded: bool,
}

impl Desk<'_> {
    /// Takes what is due and begins to deliver it. Says whether every place is taken.
    async fn sweep(&mut self, only: Option<Uuid>) -> Result<bool, StoreError> {
        let settings = self.feed.settings;
        for is_failing in [false, true] {
            let count_max = self.free(is_failing);
            if count_max == 0 {
                continue;
            }
            let claim = Claim {
                now: self.feed.clock.now(),
                only,
                is_failing,
                per_endpoint_max: if is_failing { 1 } else { settings.in_flight_per_endpoint_max },
                count_max,
                in_flight: &self.in_flight,
            };
            for claimed in self.feed.store.claim_deliveries(scope(), &self.worker, &claim).await? {
                self.start(claimed, is_failing);
            }
        }
        Ok(self.free(false) == 0)
    }

    fn free(&self, is_failing: bool) -> u32 {
        let places = self.feed.settings.in_flight_max;
        let taken = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let free = places.saturating_sub(taken(self.tasks.len()));
        match is_failing {
            true => free.min((places / 2).max(1).saturating_sub(taken(self.failing.len()))),
            false => free,
        }
    }

    fn start(&mut self, claimed: Claimed, is_failing: bool) {
        let (endpoint_id, delivery_id) = (claimed.endpoint.id, claimed.delivery.id);
        self.in_flight.entry(endpoint_id).or_default().insert(delivery_id);
        if is_failing {
            self.failing.insert(delivery_id);
        }
        let (feed, mark) = (self.feed.clone(), self.worker.mark());
        self.tasks.spawn(async move {
            let (has_failed, is_recorded) = deliver(&feed, mark, &claimed).await;
            Done { endpoint_id, delivery_id, has_failed, is_recorded }
        });
    }

    /// Waits until there may be something to do. `false` when this worker cannot go on.
    async fn wait(&mut self, is_full: bool) -> Result<bool, StoreError> {
        let wake = Instant::now() + LOOK_EVERY;
        loop {
            let done = tokio::select! {
                done = self.tasks.join_next(), if !self.tasks.is_empty() => done,
                () = self.feed.bell.rung() => return Ok(true),
                () = tokio::time::sleep_until(wake) => return Ok(true),
            };
            let Some(Ok(done)) = done else {
                tracing::error!("an attempt to deliver a webhook ended without a word");
                return Ok(false);
            };
            self.finish(&done);
            if !done.is_recorded {
                self.feed.store.release_delivery(self.worker.mark(), done.delivery_id).await?;
            }
            // While every place was taken, somebody else may wait for this one.
            if is_full {
                return Ok(true);
            }
            self.sweep(Some(done.endpoint_id)).await?;
        }
    }

    fn finish(&mut self, done: &Done) {
        self.failing.remove(&done.delivery_id);
        if let Some(taken) = self.in_flight.get_mut(&done.endpoint_id) {
            taken.remove(&done.delivery_id);
            if taken.is_empty() {
                self.in_flight.remove(&done.endpoint_id);
            }
        }
        metrics::counter!("liaison_webhook_attempts_total", "failed" => done.has_failed.to_string())
            .increment(1);
    }
}

/// Makes one attempt and writes it down. Says whether it failed, and whether it is written down.
async fn deliver(feed: &Feed, mark: Option<i64>, claimed: &Claimed) -> (bool, bool) {
    let Claimed { delivery, endpoint } = claimed;
    let started = feed.clock.now();
    let attempt = match message(feed, endpoint, delivery, started).await {
        Ok((headers, body)) => feed.outbound.post(&endpoint.url, headers, body).await,
        Err(error) => {
            tracing::error!(delivery.id = %delivery.id, error = &*error, "a webhook could not be written");
            return (false, false);
        }
    };
    let has_failed = !is_delivered(&attempt);
    let commit = record(feed, mark, claimed, (&attempt, started));
    for _ in 0..RECORD_TRIES {
        match feed.store.commit(commit.clone()).await {
            // Somebody else has taken it: this attempt was one too many, with the same id.
            Ok(()) | Err(StoreError::Conflict(Conflict::Version)) => return (has_failed, true),
            Err(error) => {
                tracing::warn!(
                    delivery.id = %delivery.id,
                    error = &error as &dyn std::error::Error,
                    "what came of a webhook could not be written down"
                );
            }
        }
        sleep(RECORD_PAUSE).await;
    }
    (has_failed, false)
}

async fn body(
    feed: &Feed,
    endpoint: &Endpoint,
    delivery: &Delivery,
) -> Result<Bytes, Box<dyn std::error::Error + Send + Sync>> {
    let referral = match (endpoint.kind, endpoint.payload, &delivery.told) {
        // Read when it is sent, so that a right that is gone by then is gone.
        (Kind::Own, Payload::Full, Some(told)) => {
            document(feed, &endpoint.organization_id, told.referral_id).await?
        }
        (Kind::Own | Kind::PartnerCenter, Payload::Full | Payload::Thin, _) => None,
    };
    let referral = referral.map(RawValue::from_string).transpose()?;
    let form = feed.settings.resource_uri;
    Ok(Bytes::from(payload::body(endpoint, delivery, referral.as_deref(), &feed.links, form)?))
}

/// Writes a message, and signs it as the contract has it, and as Standard Webhooks has it.
async fn message(
    feed: &Feed,
    endpoint: &Endpoint,
    delivery: &Delivery,
    now: Timestamp,
) -> Result<(HeaderMap, Bytes), Box<dyn std::error::Error + Send + Sync>> {
    let body = body(feed, endpoint, delivery).await?;
    let mode = match endpoint.signature_header {
        SignatureHeader::Authorization => HeaderMode::Authorization,
        SignatureHeader::MsSignature => HeaderMode::MsSignature,
    };
    let previous = endpoint.previous_secret.as_ref().filter(|(_, until)| *until > now).map(|it| &it.0);
    let secrets = [Some(&endpoint.secret), previous].into_iter().flatten();
    // A registration has none.
    let secrets: Vec<_> = secrets.filter_map(|it| Secret::parse(it.expose()).ok()).collect();
    let (id, timestamp_secs) = (delivery.id.to_string(), now.unix_secs());
    let signer = feed.keys.signer();
    let mut headers = signer.sign_as_microsoft(&body, mode)?;
    let message = Message { id: &id, timestamp_secs, body: &body };
    headers.extend(signer.sign_as_standard(&message, &secrets)?);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok((headers, body))
}

fn is_delivered(attempt: &Attempt) -> bool {
    matches!(&attempt.outcome, Outcome::Answered(answer) if answer.is_success())
}

/// Returns what is to be written of an attempt: it, what it leads to, and what it says of the endpoint.
fn record(
    feed: &Feed,
    mark: Option<i64>,
    claimed: &Claimed,
    (attempt, started): (&Attempt, Timestamp),
) -> Commit {
    let Claimed { delivery, endpoint } = claimed;
    let now = feed.clock.now();
    let recorded = match &attempt.outcome {
        Outcome::Answered(answer) if answer.is_success() => Recorded::Delivered,
        Outcome::Answered(answer) if answer.is_gone() => Recorded::GivenUp,
        outcome => {
            let asked = match outcome {
                Outcome::Answered(answer) => answer.retry_after.map(|it| it.secs_from(now)),
                Outcome::Failed { .. } => None,
            };
            let step = delivery.step.saturating_add(1);
            schedule::next_attempt(step, now, asked, &feed.random).map_or(Recorded::GivenUp, Recorded::Again)
        }
    };
    let mut commit = Commit::new();
    commit.record_attempt(delivery, mark, &attempt_record(claimed, attempt, started), (recorded, now));
    match recorded {
        Recorded::Delivered => commit.note_health(endpoint.id, None),
        Recorded::Again(_) | Recorded::GivenUp => commit.note_health(endpoint.id, Some(now)),
    }
    if let Some(reason) = reason_to_disable(endpoint, attempt, recorded, now) {
        tracing::warn!(
            endpoint.id = %endpoint.id,
            organization.id = %endpoint.organization_id,
            reason,
            "a webhook endpoint is disabled"
        );
        commit.disable_endpoint(endpoint.id, reason, now);
    }
    commit
}

fn reason_to_disable(
    endpoint: &Endpoint,
    attempt: &Attempt,
    recorded: Recorded,
    now: Timestamp,
) -> Option<&'static str> {
    if matches!(&attempt.outcome, Outcome::Answered(answer) if answer.is_gone()) {
        return Some("the receiver answered that it is gone for good (410)");
    }
    let is_given_up = recorded != Recorded::Delivered && schedule::is_given_up(endpoint.failing_since, now);
    is_given_up.then_some("every attempt of the last five days failed")
}

fn attempt_record(claimed: &Claimed, attempt: &Attempt, started: Timestamp) -> AttemptRecord {
    let (outcome, status, answer, error) = match &attempt.outcome {
        Outcome::Answered(answer) => {
            let outcome = if answer.is_success() { "delivered" } else { "answered" };
            // PostgreSQL's texts cannot hold it.
            let head = answer.head.replace('\0', "\u{fffd}");
            (outcome, Some(answer.status), Some(head), None)
        }
        Outcome::Failed { kind, message } => (kind.as_str(), None, None, Some(message.clone())),
    };
    AttemptRecord {
        number: claimed.delivery.attempts.saturating_add(1),
        url: claimed.endpoint.url.clone(),
        started,
        duration_ms: u32::try_from(attempt.duration.as_millis()).unwrap_or(u32::MAX),
        outcome: outcome.to_owned(),
        status,
        answer,
        error,
    }
}
