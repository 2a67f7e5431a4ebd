//! The log of deliveries, and sending again what was not taken.

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{WebhookError, event, find};
use crate::{
    domain::{
        actor::Integrator,
        audit::{Deed, Resource},
        json::Node,
        organization::form::Form,
        report::Report,
        time::Timestamp,
        vocabulary::Vocabulary as _,
        webhook::{AttemptRecord, Delivery, DeliveryState, Endpoint, SentBody},
    },
    feed::fan_out,
    service::Context,
    storage::{Commit, DeliveryPage, DeliveryPlace, StoreError},
};

/// Deliveries on a page.
const PAGE_SIZE: u32 = 50;
const REDELIVER: (Deed, Resource) = (Deed::Redeliver, Resource::Webhook);
/// The longest text of a time, in characters.
const TIME_CHARS_MAX: usize = 64;

/// A delivery, as the organisation of its endpoint reads it.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = WebhookDelivery)]
pub struct DeliveryView {
    /// Key, and the header `webhook-id` of every attempt.
    pub id: Uuid,
    /// What happened.
    pub event: String,
    /// To which referral; null for a test.
    pub referral_id: Option<Uuid>,
    /// By which change.
    pub change_id: Option<Uuid>,
    /// The version that the change led to.
    pub version: Option<u32>,
    /// When it happened.
    pub event_date_time: Timestamp,
    /// `pending`, `delivered` or `dead`.
    pub state: String,
    /// Attempts so far.
    pub attempts: u32,
    /// When the next attempt is due; null when there is none.
    pub next_attempt_date_time: Option<Timestamp>,
    /// When it was made.
    pub created_date_time: Timestamp,
    /// When it was taken, or given up.
    pub finished_date_time: Option<Timestamp>,
}

/// A delivery with everything that was tried.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = WebhookDeliveryDetail)]
pub struct DeliveryDetail {
    /// The delivery.
    #[serde(flatten)]
    pub delivery: DeliveryView,
    /// The body that the last attempt sent; null when there was none, or when it had more than 16 kB.
    pub body: Option<String>,
    /// Every attempt that is remembered, in order.
    pub attempt_log: Vec<AttemptView>,
}

/// An attempt to deliver.
#[derive(Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = WebhookAttempt)]
pub struct AttemptView {
    /// 1 for the first.
    pub number: u32,
    /// Where it went.
    pub url: String,
    /// When it began.
    pub started_date_time: Timestamp,
    /// How long it took.
    pub duration_ms: u32,
    /// SHA-256 of the body that was sent, in hexadecimal digits; null for an attempt of an older version.
    pub body_sha256: Option<String>,
    /// Length of that body.
    pub body_bytes: Option<u32>,
    /// `delivered`, `answered` for an answer that is no success, or what went wrong: `refused`, `dns`, `connect`,
    /// `tls`, `timeout`, `reset`, `protocol`.
    pub outcome: String,
    /// Status of the answer.
    pub status: Option<u16>,
    /// The beginning of the answer, 16 kB at most.
    pub answer: Option<String>,
    /// What went wrong, where there was no answer.
    pub error: Option<String>,
}

impl std::fmt::Debug for AttemptView {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AttemptView").field("number", &self.number).finish_non_exhaustive()
    }
}

/// What of the log is asked for, as sent.
#[derive(Clone, Copy, Debug, Default)]
pub struct DeliveryQuery<'a> {
    /// Only those in this state.
    pub state: Option<&'a str>,
    /// Token of the page.
    pub token: Option<&'a str>,
}

/// A page of the log, newest first.
#[derive(Clone, Debug)]
pub struct Deliveries {
    /// The page.
    pub deliveries: Vec<DeliveryView>,
    /// Token of the next page; `None` on the last.
    pub next: Option<String>,
}

impl DeliveryView {
    /// Returns a delivery as it is read.
    pub(super) fn of(delivery: &Delivery) -> Self {
        let told = delivery.told.as_ref();
        let is_pending = delivery.state == DeliveryState::Pending;
        Self {
            id: delivery.id,
            event: delivery.event.as_str().to_owned(),
            referral_id: told.map(|it| it.referral_id),
            change_id: told.map(|it| it.change_id),
            version: told.map(|it| it.version),
            event_date_time: delivery.at,
            state: delivery.state.as_str().to_owned(),
            attempts: delivery.attempts,
            next_attempt_date_time: is_pending.then_some(delivery.due),
            created_date_time: delivery.created,
            finished_date_time: delivery.finished,
        }
    }
}

impl From<AttemptRecord> for AttemptView {
    fn from(attempt: AttemptRecord) -> Self {
        let digest = |it: &SentBody| it.digest.iter().map(|it| format!("{it:02x}")).collect();
        Self {
            number: attempt.number,
            body_sha256: attempt.sent.as_ref().map(digest),
            body_bytes: attempt.sent.map(|it| it.bytes),
            url: attempt.url,
            started_date_time: attempt.started,
            duration_ms: attempt.duration_ms,
            outcome: attempt.outcome,
            status: attempt.status,
            answer: attempt.answer,
            error: attempt.error,
        }
    }
}

/// Lists the deliveries of a subscription, newest first.
///
/// # Errors
/// [`WebhookError::UnknownPlace`] when the token is none that was given.
pub async fn list_deliveries(
    context: &Context,
    caller: &Integrator,
    id: Uuid,
    query: DeliveryQuery<'_>,
) -> Result<Deliveries, WebhookError> {
    let endpoint = find(context, &caller.organization_id, id).await?;
    let state = match query.state {
        None => None,
        Some(text) => {
            Some(DeliveryState::parse(text).ok_or_else(|| WebhookError::UnknownState(shortened(text)))?)
        }
    };
    let after = match query.token {
        None => None,
        Some(token) => {
            let text = context.seal.open_text(&purpose(&endpoint), caller, token);
            Some(text.as_deref().and_then(place).ok_or(WebhookError::UnknownPlace)?)
        }
    };
    let page = DeliveryPage { state, after, count_max: PAGE_SIZE };
    let found = context.store.list_deliveries(&caller.organization_id, endpoint.id, page).await?;
    let is_full = u32::try_from(found.len()).is_ok_and(|it| it >= PAGE_SIZE);
    let last = found.last().filter(|_| is_full);
    let next = last.map(|it| context.seal.close(&purpose(&endpoint), caller, &write_place(it)));
    Ok(Deliveries { deliveries: found.iter().map(DeliveryView::of).collect(), next })
}

fn shortened(text: &str) -> String {
    crate::domain::report::shortened(text).to_owned()
}

/// A place in one log is none in another.
fn purpose(endpoint: &Endpoint) -> String {
    format!("deliveries of {}", endpoint.id)
}

fn write_place(delivery: &Delivery) -> String {
    format!("{}.{}", delivery.created.ticks(), delivery.id)
}

fn place(text: &str) -> Option<DeliveryPlace> {
    let (created, id) = text.split_once('.')?;
    Some(DeliveryPlace {
        created: Timestamp::from_ticks(created.parse().ok()?),
        id: Uuid::try_parse(id).ok()?,
    })
}

/// Returns a delivery with its attempts.
///
/// # Errors
/// [`WebhookError::NoSuchDelivery`] for an unknown and for a foreign id alike.
pub async fn read_delivery(
    context: &Context,
    caller: &Integrator,
    (id, delivery_id): (Uuid, Uuid),
) -> Result<DeliveryDetail, WebhookError> {
    let endpoint = find(context, &caller.organization_id, id).await?;
    let found = context.store.find_delivery(&caller.organization_id, endpoint.id, delivery_id).await?;
    let delivery = found.ok_or(WebhookError::NoSuchDelivery)?;
    let attempts = context.store.list_attempts(delivery.id).await?;
    Ok(DeliveryDetail {
        delivery: DeliveryView::of(&delivery),
        body: attempts.last().and_then(|it| it.sent.as_ref()?.body.clone()),
        attempt_log: attempts.into_iter().map(AttemptView::from).collect(),
    })
}

/// Sends one delivery again, under the same id, whatever became of it.
///
/// # Errors
/// [`WebhookError::NoSuchDelivery`] for an unknown and for a foreign id alike.
pub async fn redeliver(
    context: &Context,
    caller: &Integrator,
    (id, delivery_id): (Uuid, Uuid),
) -> Result<(), WebhookError> {
    let endpoint = find(context, &caller.organization_id, id).await?;
    let mut commit = Commit::new();
    commit.restart_delivery(endpoint.id, delivery_id, context.clock.now());
    let sent_again = event(context, caller, REDELIVER, (None, None)).on(endpoint.id);
    commit.append_audit(&sent_again.detail("DeliveryId", delivery_id));
    match context.store.commit(commit).await {
        Ok(()) => {
            context.feed.bell.ring();
            Ok(())
        }
        Err(StoreError::Conflict(_)) => Err(WebhookError::NoSuchDelivery),
        Err(error) => Err(error.into()),
    }
}

/// Sends again, under the same ids, what was made in a stretch of time (`from`, `to`) and stands in a state (`state`;
/// `dead` when absent).
///
/// # Errors
/// Every problem of the request at once.
pub async fn redeliver_range(
    context: &Context,
    caller: &Integrator,
    id: Uuid,
    body: Node,
) -> Result<(), WebhookError> {
    let endpoint = find(context, &caller.organization_id, id).await?;
    let now = context.clock.now();
    let (mut report, mut from, mut to) = (Report::default(), None, None);
    let mut state = DeliveryState::Dead;
    Form::read(body, &mut report, |form| {
        from = read_time(form, "from");
        to = read_time(form, "to");
        form.word("state", &mut state);
        if from.is_none() {
            form.required("from", "say from when on");
        }
    });
    let Some(from) = from.filter(|_| report.problems.is_empty()) else {
        return Err(WebhookError::Invalid(report));
    };
    let mut commit = Commit::new();
    let to = to.unwrap_or(now);
    commit.restart_deliveries(endpoint.id, (from, to), state, now);
    let sent_again = event(context, caller, REDELIVER, (None, None)).on(endpoint.id);
    let sent_again = sent_again.detail("From", from).detail("To", to).detail("State", state.as_str());
    commit.append_audit(&sent_again);
    context.store.commit(commit).await?;
    context.feed.bell.ring();
    Ok(())
}

/// Sends again what was given up since then (`since`), and what was never to be sent because the subscription was
/// disabled, or not there.
///
/// # Errors
/// Every problem of the request at once.
pub async fn recover(
    context: &Context,
    caller: &Integrator,
    id: Uuid,
    body: Node,
) -> Result<(), WebhookError> {
    let endpoint = find(context, &caller.organization_id, id).await?;
    let now = context.clock.now();
    let keep_days = context.feed.settings.keep_days;
    let earliest = now.plus_secs(-i64::from(keep_days) * 24 * 60 * 60);
    let (mut report, mut since) = (Report::default(), None);
    Form::read(body, &mut report, |form| {
        since = read_time(form, "since");
        match since {
            None => form.required("since", "say since when"),
            // What was delivered before is forgotten, and would be sent a second time.
            Some(at) if at < earliest => {
                let message = format!("{at} is more than {keep_days} days ago; send {earliest} or later");
                form.problem("since", "range", message);
            }
            Some(_) => {}
        }
    });
    let Some(since) = since.filter(|_| report.problems.is_empty()) else {
        return Err(WebhookError::Invalid(report));
    };
    let mut commit = Commit::new();
    commit.restart_deliveries(endpoint.id, (since, now), DeliveryState::Dead, now);
    let what = (Deed::Recover, Resource::Webhook);
    let recovered = event(context, caller, what, (None, None)).on(endpoint.id);
    commit.append_audit(&recovered.detail("Since", since));
    context.store.commit(commit).await?;
    fan_out::recover(&context.feed, &endpoint, since).await?;
    Ok(())
}

fn read_time(form: &mut Form<'_>, name: &'static str) -> Option<Timestamp> {
    let mut text = None;
    form.checked_text(name, TIME_CHARS_MAX, &mut text, |text| match Timestamp::parse(text) {
        Some(at) => Ok(at.to_string()),
        None => Err(("dateTime", format!("\"{}\" is no time such as 2026-11-22T09:30:00Z", shortened(text)))),
    });
    text.and_then(|it| Timestamp::parse(&it))
}
