//! From deliveries to receivers: every server takes what is due, posts it, and writes down what came of it. Here is one
//! attempt from its beginning to its end; [`desk`] says which are made when.

use std::{collections::BTreeSet, time::Duration};

use bytes::Bytes;
use futures_util::future::join_all;
use http::{HeaderMap, HeaderValue, header};
use serde_json::value::RawValue;
use tokio::time::sleep;
use uuid::Uuid;

use super::{
    Feed, LOOK_EVERY, desk,
    fan_out::document,
    outbound::{Attempt, Outcome},
    signature::{HeaderMode, Message, Secret},
};
use crate::{
    domain::{
        audit::{AuditAuthor, AuditEvent, Deed, Resource},
        fault::{FaultKind, Strike},
        time::Timestamp,
        webhook::{
            AttemptRecord, Delivery, Endpoint, EndpointState, Kind, Payload, SentBody, SignatureHeader,
            payload, schedule,
        },
    },
    storage::{Claimed, Commit, Conflict, Recorded, StoreError},
};

/// How often is tried to write down what came of an attempt, and how long is waited between.
const RECORD_TRIES: u32 = 5;
const RECORD_PAUSE: Duration = Duration::from_millis(200);

/// Delivers for as long as the process lives.
pub async fn run(feed: Feed) {
    loop {
        if let Err(error) = desk::work(&feed).await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the delivery of webhooks was interrupted"
            );
            sleep(LOOK_EVERY).await;
        }
    }
}

/// An attempt that was made.
pub(super) struct Posted {
    /// What was sent, and where.
    pub(super) claimed: Claimed,
    /// What came of it, and what was sent; `None` when there was nothing to send.
    attempt: Option<(Attempt, SentBody)>,
    started: Timestamp,
}

/// An attempt that is over.
#[derive(Clone, Copy, Debug)]
pub(super) struct Done {
    pub(super) endpoint_id: Uuid,
    pub(super) delivery_id: Uuid,
    pub(super) has_failed: bool,
    /// Says whether it is written down, or need not be.
    pub(super) is_recorded: bool,
}

/// Makes one attempt.
pub(super) async fn post(feed: &Feed, claimed: Claimed) -> Posted {
    let Claimed { delivery, endpoint } = &claimed;
    let strike = match &feed.faults {
        Some(faults) => faults.strike(endpoint).await,
        None => None,
    };
    let started = feed.clock.now();
    let attempt = match message(feed, endpoint, delivery, (started, strike.as_ref())).await {
        Ok((headers, body)) => {
            let sent = SentBody::of(&body);
            Some((send(feed, endpoint, (headers, body), strike.as_ref()).await, sent))
        }
        Err(error) => {
            tracing::error!(delivery.id = %delivery.id, error = &*error, "a webhook could not be written");
            None
        }
    };
    Posted { claimed, attempt, started }
}

impl Posted {
    fn has_failed(&self) -> bool {
        self.attempt.as_ref().is_some_and(|(it, _)| !is_delivered(it))
    }

    fn done(&self, is_recorded: bool) -> Done {
        Done {
            endpoint_id: self.claimed.endpoint.id,
            delivery_id: self.claimed.delivery.id,
            has_failed: self.has_failed(),
            is_recorded,
        }
    }
}

/// Writes attempts down, all in one commit where nothing speaks against it.
pub(super) async fn write_down(feed: &Feed, mark: Option<i64>, posted: &[Posted]) -> Vec<Done> {
    let commits: Vec<Option<Commit>> = posted.iter().map(|it| record(feed, mark, it)).collect();
    let mut whole = Commit::new();
    commits.iter().flatten().for_each(|it| whole.join(it.clone()));
    let healthy = posted.iter().filter(|it| it.attempt.is_some() && !it.has_failed());
    let healthy: BTreeSet<Uuid> = healthy.map(|it| it.claimed.endpoint.id).collect();
    healthy.into_iter().for_each(|it| whole.note_health(it, None));
    whole.let_be_spare();
    if feed.store.commit(whole).await.is_ok() {
        return posted.iter().zip(&commits).map(|(it, commit)| it.done(commit.is_some())).collect();
    }
    // One of them stands in the way of the others, or the database is not there.
    join_all(posted.iter().zip(commits).map(|(it, commit)| write_one_down(feed, it, commit))).await
}

async fn write_one_down(feed: &Feed, posted: &Posted, commit: Option<Commit>) -> Done {
    let Some(mut commit) = commit else { return posted.done(false) };
    if !posted.has_failed() {
        commit.note_health(posted.claimed.endpoint.id, None);
    }
    for _ in 0..RECORD_TRIES {
        match feed.store.commit(commit.clone()).await {
            // Somebody else has taken it: this attempt was one too many, with the same id.
            Ok(()) | Err(StoreError::Conflict(Conflict::Version)) => return posted.done(true),
            Err(error) => {
                tracing::warn!(
                    delivery.id = %posted.claimed.delivery.id,
                    error = &error as &dyn std::error::Error,
                    "what came of a webhook could not be written down"
                );
            }
        }
        sleep(RECORD_PAUSE).await;
    }
    posted.done(false)
}

/// Posts a message, and once more where that is the fault that strikes it.
async fn send(
    feed: &Feed,
    endpoint: &Endpoint,
    (headers, body): (HeaderMap, Bytes),
    strike: Option<&Strike>,
) -> Attempt {
    let is_doubled = strike.is_some_and(|it| it.fault.kind == FaultKind::WebhookDuplicate);
    let again = is_doubled.then(|| (headers.clone(), body.clone()));
    let attempt = feed.outbound.post(&endpoint.url, headers, body).await;
    if let Some(faults) = &feed.faults {
        faults.note_sent(endpoint.id);
    }
    if let Some((headers, body)) = again.filter(|_| is_delivered(&attempt)) {
        // The receiver took it; what it says to the second one changes nothing.
        let _ = feed.outbound.post(&endpoint.url, headers, body).await;
    }
    attempt
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
    (now, strike): (Timestamp, Option<&Strike>),
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
    if let (Some(faults), Some(strike)) = (&feed.faults, strike) {
        faults.spoil(strike, endpoint, &mut headers, &body).await?;
    }
    Ok((headers, body))
}

fn is_delivered(attempt: &Attempt) -> bool {
    matches!(&attempt.outcome, Outcome::Answered(answer) if answer.is_success())
}

/// Returns what is to be written of an attempt: it, what it leads to, and what a failure says of the endpoint. `None`
/// when none was made.
fn record(feed: &Feed, mark: Option<i64>, posted: &Posted) -> Option<Commit> {
    let Posted { claimed, attempt: Some((attempt, sent)), started } = posted else { return None };
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
    let written = attempt_record(claimed, attempt, *started, sent.clone());
    commit.record_attempt(delivery, mark, &written, (recorded, now));
    match recorded {
        Recorded::Delivered => {}
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
        note_disabled(feed, endpoint, reason, now, &mut commit);
    }
    Some(commit)
}

/// Tells the organisation, once for each time that an endpoint is disabled, however many attempts find out at once.
fn note_disabled(feed: &Feed, endpoint: &Endpoint, reason: &str, now: Timestamp, commit: &mut Commit) {
    if endpoint.state != EndpointState::Active {
        return;
    }
    let owner = Some(endpoint.organization_id.clone());
    let (author, what) = (AuditAuthor::server("webhooks"), (Deed::Disable, Resource::Webhook));
    let disabled = Endpoint {
        state: EndpointState::Disabled,
        state_reason: Some(reason.to_owned()),
        ..endpoint.clone()
    };
    let event = AuditEvent::new((feed.random.uuid(), now), owner, author, what)
        .on(endpoint.id)
        .values(Some(endpoint.audited()), Some(disabled.audited()))
        .detail("Reason", reason);
    let key = format!("disable|{}|{}", endpoint.id, endpoint.state_since.ticks());
    commit.append_audit_once(&event, Some(key));
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

fn attempt_record(claimed: &Claimed, attempt: &Attempt, started: Timestamp, sent: SentBody) -> AttemptRecord {
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
        sent: Some(sent),
        started,
        duration_ms: u32::try_from(attempt.duration.as_millis()).unwrap_or(u32::MAX),
        outcome: outcome.to_owned(),
        status,
        answer,
        error,
    }
}
