//! The one registration that an organisation has with the Partner Center API, and its test events.

use uuid::Uuid;

use super::{TRIES, WebhookError, blank_endpoint, check_url, event, send_test_to};
use crate::{
    domain::{
        actor::Integrator,
        audit::{Deed, Resource},
        event::Event,
        json::Node,
        organization::OrganizationId,
        time::Timestamp,
        webhook::{
            AttemptRecord, DeliveryState, Endpoint, EndpointState, Kind, Secret,
            registration::{self, Registration},
        },
    },
    service::Context,
    storage::{Commit, Conflict, StoreError},
};

/// How long the result of a test can be read.
const RESULT_SECS: i64 = 7 * 24 * 60 * 60;

/// What came of a test event.
#[derive(Clone, Debug)]
pub struct TestResult {
    /// Id of the test.
    pub correlation_id: Uuid,
    /// Who asked for it.
    pub organization_id: OrganizationId,
    /// Whether further attempts may follow.
    pub is_pending: bool,
    /// Where it went.
    pub callback_url: String,
    /// Every attempt, in order.
    pub attempts: Vec<AttemptRecord>,
}

/// Returns the registration of the caller's organisation.
///
/// # Errors
/// [`WebhookError::NotRegistered`] when there is none.
pub async fn find_registration(context: &Context, caller: &Integrator) -> Result<Endpoint, WebhookError> {
    let found = context.store.find_registration(&caller.organization_id).await?;
    found.ok_or(WebhookError::NotRegistered)
}

/// Makes the registration of the caller's organisation.
///
/// # Errors
/// [`WebhookError::Registered`] when there is one; every problem of the request at once.
pub async fn register(context: &Context, caller: &Integrator, body: &Node) -> Result<Endpoint, WebhookError> {
    let wanted = read(context, body)?;
    // Nobody is told a secret here: what is sent is signed with the server's own keys.
    let blank = blank_endpoint(context, caller, Kind::PartnerCenter, Secret::new(String::new())).await?;
    let endpoint = Endpoint {
        url: wanted.url,
        events: wanted.events,
        signature_header: wanted.signature_header,
        ..blank
    };
    let mut commit = Commit::new();
    commit.insert_endpoint(&endpoint);
    let what = (Deed::Create, Resource::Webhook);
    commit.append_audit(&event(context, caller, what, (None, Some(&endpoint))));
    match context.store.commit(commit).await {
        Ok(()) => Ok(endpoint),
        Err(StoreError::Conflict(Conflict::Duplicate)) => Err(WebhookError::Registered),
        Err(error) => Err(error.into()),
    }
}

/// Replaces the registration of the caller's organisation. One that was disabled is told again.
///
/// # Errors
/// [`WebhookError::NotRegistered`] when there is none; every problem of the request at once.
pub async fn replace_registration(
    context: &Context,
    caller: &Integrator,
    body: &Node,
) -> Result<Endpoint, WebhookError> {
    let wanted = read(context, body)?;
    for _ in 0..TRIES {
        let before = find_registration(context, caller).await?;
        let now = context.clock.now();
        let state_since = if before.state == EndpointState::Active { before.state_since } else { now };
        let after = Endpoint {
            url: wanted.url.clone(),
            events: wanted.events.clone(),
            signature_header: wanted.signature_header,
            state: EndpointState::Active,
            state_reason: None,
            state_since,
            failing_since: None,
            updated: now,
            ..before.clone()
        };
        let mut commit = Commit::new();
        commit.update_endpoint(&after, before.updated);
        let what = (Deed::Update, Resource::Webhook);
        commit.append_audit(&event(context, caller, what, (Some(&before), Some(&after))));
        match context.store.commit(commit).await {
            Ok(()) => {
                context.feed.bell.ring();
                return Ok(after);
            }
            Err(StoreError::Conflict(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(WebhookError::Busy)
}

fn read(context: &Context, body: &Node) -> Result<Registration, WebhookError> {
    registration::read(body, |url| check_url(context, url)).map_err(WebhookError::Invalid)
}

/// Sends a test event to the registration of the caller's organisation, and returns its correlation id.
///
/// # Errors
/// [`WebhookError::TooManyTests`] for the third in a minute.
pub async fn send_test_event(context: &Context, caller: &Integrator) -> Result<Uuid, WebhookError> {
    let endpoint = find_registration(context, caller).await?;
    if !endpoint.wants(Event::TestCreated) {
        return Err(WebhookError::NoTestEvent);
    }
    let delivery = send_test_to(context, caller, &endpoint).await?;
    Ok(delivery.id)
}

/// Returns what came of a test event.
///
/// # Errors
/// [`WebhookError::NoSuchTest`] when the caller's organisation sent none of this id in the last seven days.
pub async fn find_test_result(
    context: &Context,
    caller: &Integrator,
    correlation_id: Uuid,
) -> Result<TestResult, WebhookError> {
    let endpoint = find_registration(context, caller).await.map_err(|error| match error {
        WebhookError::NotRegistered => WebhookError::NoSuchTest,
        error => error,
    })?;
    let own = &caller.organization_id;
    let found = context.store.find_delivery(own, endpoint.id, correlation_id).await?;
    let is_kept = |created: Timestamp| created.plus_secs(RESULT_SECS) > context.clock.now();
    let delivery = found
        .filter(|it| it.event == Event::TestCreated && is_kept(it.created))
        .ok_or(WebhookError::NoSuchTest)?;
    let attempts = context.store.list_attempts(delivery.id).await?;
    Ok(TestResult {
        correlation_id,
        organization_id: own.clone(),
        is_pending: delivery.state == DeliveryState::Pending,
        callback_url: attempts.last().map_or(endpoint.url, |it| it.url.clone()),
        attempts,
    })
}
