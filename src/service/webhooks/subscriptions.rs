//! Subscriptions: as many as an organisation needs, each with its events, its filter and its secret.

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{DeliveryView, TRIES, WebhookError, blank_endpoint, check_url, event, find, send_test_to};
use crate::{
    domain::{
        actor::Integrator,
        audit::{Deed, Resource},
        event::Event,
        json::Node,
        time::Timestamp,
        vocabulary::Vocabulary as _,
        webhook::{
            Endpoint, EndpointState, Kind, Secret,
            request::{self, Wanted},
        },
    },
    feed::{fan_out::parse_filter, signature},
    service::Context,
    storage::{Commit, StoreError},
};

/// How long a secret that was replaced goes on signing.
const OVERLAP_SECS: i64 = 24 * 60 * 60;

/// A subscription, as its organisation reads it.
#[derive(Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Webhook)]
pub struct SubscriptionView {
    /// Key.
    pub id: Uuid,
    /// What the organisation calls it.
    pub description: Option<String>,
    /// Where it is told.
    pub url: String,
    /// Of which events.
    pub events: Vec<String>,
    /// Of which referrals: a `$filter` as in a list. Null for all.
    pub filter: Option<String>,
    /// `thin`, or `full` with the referral.
    pub payload: String,
    /// Where Microsoft's signature stands: `Authorization` or `x-ms-signature`.
    pub signature_header: String,
    /// `active`, `paused` or `disabled`.
    pub state: String,
    /// Why it is not active.
    pub state_reason: Option<String>,
    /// Since when it is in that state.
    pub state_since: Timestamp,
    /// Since when every attempt has failed; null when the last one has not.
    pub failing_since: Option<Timestamp>,
    /// When it was made.
    pub created_date_time: Timestamp,
    /// When it was last changed.
    pub updated_date_time: Timestamp,
    /// What messages are signed with (Standard Webhooks). Only in the answer that makes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
}

impl std::fmt::Debug for SubscriptionView {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SubscriptionView").field("id", &self.id).finish_non_exhaustive()
    }
}

/// What a subscription is made or changed by. Members that are absent stay as they are.
#[derive(ToSchema)]
#[schema(as = WebhookInput, rename_all = "camelCase")]
#[expect(dead_code, reason = "it describes the body, which is read member by member")]
pub struct SubscriptionInput {
    /// What the organisation calls it.
    description: Option<String>,
    /// Where it is told. Needed of a new one.
    url: Option<String>,
    /// Of which events, one or more. Needed of a new one.
    events: Option<Vec<String>>,
    /// Of which referrals: a `$filter` as in a list. Null for all.
    filter: Option<String>,
    /// `thin`, or `full` with the referral.
    payload: Option<String>,
    /// Where Microsoft's signature stands: `Authorization` or `x-ms-signature`.
    signature_header: Option<String>,
}

fn view(endpoint: Endpoint) -> SubscriptionView {
    SubscriptionView {
        id: endpoint.id,
        description: endpoint.description,
        url: endpoint.url,
        events: endpoint.events,
        filter: endpoint.filter,
        payload: endpoint.payload.as_str().to_owned(),
        signature_header: endpoint.signature_header.as_str().to_owned(),
        state: endpoint.state.as_str().to_owned(),
        state_reason: endpoint.state_reason,
        state_since: endpoint.state_since,
        failing_since: endpoint.failing_since,
        created_date_time: endpoint.created,
        updated_date_time: endpoint.updated,
        secret: None,
    }
}

/// Lists the subscriptions of the caller's organisation, oldest first.
///
/// # Errors
/// When the database does not answer.
pub async fn list_subscriptions(
    context: &Context,
    caller: &Integrator,
) -> Result<Vec<SubscriptionView>, WebhookError> {
    let endpoints = context.store.list_endpoints(&caller.organization_id).await?;
    Ok(endpoints.into_iter().map(view).collect())
}

/// Returns a subscription of the caller's organisation.
///
/// # Errors
/// [`WebhookError::NotFound`] for an unknown and for a foreign id alike.
pub async fn read_subscription(
    context: &Context,
    caller: &Integrator,
    id: Uuid,
) -> Result<SubscriptionView, WebhookError> {
    find(context, &caller.organization_id, id).await.map(view)
}

/// Makes a subscription, and tells its secret this once.
///
/// # Errors
/// Every problem of the request at once.
pub async fn create_subscription(
    context: &Context,
    caller: &Integrator,
    body: Node,
) -> Result<SubscriptionView, WebhookError> {
    let wanted = read(context, body, Wanted::default())?;
    let count_max = context.feed.settings.endpoints_max;
    let count = context.store.list_endpoints(&caller.organization_id).await?.len();
    if u32::try_from(count).unwrap_or(u32::MAX) >= count_max {
        return Err(WebhookError::TooMany(count_max));
    }
    let secret = signature::Secret::generate(&context.random).expose();
    let blank = blank_endpoint(context, caller, Kind::Own, Secret::new(secret.clone())).await?;
    let endpoint = with(blank, wanted);
    let mut commit = Commit::new();
    commit.insert_endpoint(&endpoint);
    let what = (Deed::Create, Resource::Webhook);
    commit.append_audit(&event(context, caller, what, (None, Some(&endpoint))));
    context.store.commit(commit).await?;
    Ok(SubscriptionView { secret: Some(secret), ..view(endpoint) })
}

/// Changes a subscription. Members that are absent stay.
///
/// # Errors
/// Every problem of the request at once.
pub async fn update_subscription(
    context: &Context,
    caller: &Integrator,
    id: Uuid,
    body: &Node,
) -> Result<SubscriptionView, WebhookError> {
    revise(context, caller, id, (Deed::Update, Resource::Webhook), |before| {
        let wanted = Wanted {
            description: before.description.clone(),
            url: Some(before.url.clone()),
            events: before.events.iter().filter_map(|it| Event::parse(it)).collect(),
            filter: before.filter.clone(),
            payload: before.payload,
            signature_header: before.signature_header,
        };
        Ok(with(before, read(context, body.clone(), wanted)?))
    })
    .await
    .map(view)
}

fn read(context: &Context, body: Node, wanted: Wanted) -> Result<Wanted, WebhookError> {
    let (limits, now) = (context.settings.queries.limits, context.clock.now().ticks());
    let check_filter = |text: &str| parse_filter(text, &limits, now).map(drop);
    request::read(body, wanted, |url| check_url(context, url), check_filter).map_err(WebhookError::Invalid)
}

fn with(endpoint: Endpoint, wanted: Wanted) -> Endpoint {
    Endpoint {
        description: wanted.description,
        url: wanted.url.unwrap_or_default(),
        events: wanted.events.into_iter().map(|it| it.as_str().to_owned()).collect(),
        filter: wanted.filter,
        payload: wanted.payload,
        signature_header: wanted.signature_header,
        ..endpoint
    }
}

/// Lets the deliveries of a subscription wait.
///
/// # Errors
/// [`WebhookError::NotFound`] for an unknown and for a foreign id alike.
pub async fn pause_subscription(
    context: &Context,
    caller: &Integrator,
    id: Uuid,
) -> Result<SubscriptionView, WebhookError> {
    let reason = Some("paused by the organization".to_owned());
    set_state(context, caller, id, (EndpointState::Paused, reason)).await
}

/// Lets a subscription be told, whether it was paused or disabled.
///
/// # Errors
/// [`WebhookError::NotFound`] for an unknown and for a foreign id alike.
pub async fn resume_subscription(
    context: &Context,
    caller: &Integrator,
    id: Uuid,
) -> Result<SubscriptionView, WebhookError> {
    set_state(context, caller, id, (EndpointState::Active, None)).await
}

async fn set_state(
    context: &Context,
    caller: &Integrator,
    id: Uuid,
    (state, state_reason): (EndpointState, Option<String>),
) -> Result<SubscriptionView, WebhookError> {
    let now = context.clock.now();
    let deed = match state {
        EndpointState::Active => Deed::Resume,
        EndpointState::Paused => Deed::Pause,
        EndpointState::Disabled => Deed::Disable,
    };
    let after = revise(context, caller, id, (deed, Resource::Webhook), |before| {
        let state_since = if before.state == state { before.state_since } else { now };
        let failing_since = if before.state == state { before.failing_since } else { None };
        Ok(Endpoint { state, state_reason: state_reason.clone(), state_since, failing_since, ..before })
    });
    let after = after.await?;
    context.feed.bell.ring();
    Ok(view(after))
}

/// Gives a subscription a new secret, and tells it this once. The old one signs beside it for a day.
///
/// # Errors
/// [`WebhookError::NotFound`] for an unknown and for a foreign id alike.
pub async fn rotate_secret(
    context: &Context,
    caller: &Integrator,
    id: Uuid,
) -> Result<SubscriptionView, WebhookError> {
    let secret = signature::Secret::generate(&context.random).expose();
    let until = context.clock.now().plus_secs(OVERLAP_SECS);
    let after = revise(context, caller, id, (Deed::Rotate, Resource::WebhookSecret), |before| {
        let previous_secret = Some((before.secret.clone(), until));
        Ok(Endpoint { secret: Secret::new(secret.clone()), previous_secret, ..before })
    });
    let after = after.await?;
    Ok(SubscriptionView { secret: Some(secret), ..view(after) })
}

/// Takes a subscription away, and everything that waits for it.
///
/// # Errors
/// [`WebhookError::NotFound`] for an unknown and for a foreign id alike.
pub async fn remove_subscription(
    context: &Context,
    caller: &Integrator,
    id: Uuid,
) -> Result<(), WebhookError> {
    let before = find(context, &caller.organization_id, id).await?;
    let mut commit = Commit::new();
    let what = (Deed::Delete, Resource::Webhook);
    commit.append_audit(&event(context, caller, what, (Some(&before), None)));
    commit.delete_endpoint(&caller.organization_id, id, context.clock.now());
    match context.store.commit(commit).await {
        Ok(()) => Ok(()),
        Err(StoreError::Conflict(_)) => Err(WebhookError::NotFound),
        Err(error) => Err(error.into()),
    }
}

/// Sends a test to a subscription, whether it wants that event or not.
///
/// # Errors
/// [`WebhookError::TooManyTests`] for the third in a minute.
pub async fn send_test(
    context: &Context,
    caller: &Integrator,
    id: Uuid,
) -> Result<DeliveryView, WebhookError> {
    let endpoint = find(context, &caller.organization_id, id).await?;
    send_test_to(context, caller, &endpoint).await.map(|it| DeliveryView::of(&it))
}

/// Changes an endpoint by a function of what it is; once more when somebody else came between.
async fn revise(
    context: &Context,
    caller: &Integrator,
    id: Uuid,
    what: (Deed, Resource),
    change: impl Fn(Endpoint) -> Result<Endpoint, WebhookError>,
) -> Result<Endpoint, WebhookError> {
    for _ in 0..TRIES {
        let before = find(context, &caller.organization_id, id).await?;
        let after = Endpoint { updated: context.clock.now(), ..change(before.clone())? };
        let mut commit = Commit::new();
        commit.update_endpoint(&after, before.updated);
        commit.append_audit(&event(context, caller, what, (Some(&before), Some(&after))));
        match context.store.commit(commit).await {
            Ok(()) => return Ok(after),
            Err(StoreError::Conflict(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(WebhookError::Busy)
}
