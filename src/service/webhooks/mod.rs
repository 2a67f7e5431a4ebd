//! Where an organisation is told of what happens: its registration with the Partner Center API, and its subscriptions.

mod deliveries;
mod registration;
mod subscriptions;

use uuid::Uuid;

use super::Context;
use crate::{
    domain::{
        actor::Integrator,
        audit::{AuditEvent, Deed, Resource},
        event::Event,
        organization::OrganizationId,
        report::Report,
        webhook::{Delivery, DeliveryState, Endpoint, EndpointState, Kind, Payload, Secret, SignatureHeader},
    },
    storage::{Commit, Conflict, StoreError},
};

pub use self::{
    deliveries::{
        AttemptView, Deliveries, DeliveryDetail, DeliveryQuery, DeliveryView, list_deliveries, read_delivery,
        recover, redeliver, redeliver_range,
    },
    registration::{
        TestResult, find_registration, find_test_result, register, replace_registration, send_test_event,
    },
    subscriptions::{
        SubscriptionInput, SubscriptionView, create_subscription, list_subscriptions, pause_subscription,
        read_subscription, remove_subscription, resume_subscription, rotate_secret, send_test,
        update_subscription,
    },
};

/// Tests that an endpoint is sent in [`TESTS_SECS`].
const TESTS_MAX: u32 = 2;
const TESTS_SECS: i64 = 60;
/// How often a write starts again because another one to the same endpoint came between.
const TRIES: usize = 5;

/// Why something about webhooks was not done.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    /// The request is wrong; the report lists every problem.
    #[error("the request has {} problems", .0.problems.len())]
    Invalid(Report),
    /// The organisation has a registration.
    #[error("the organization has a webhook registration already; use PUT to replace it")]
    Registered,
    /// The organisation has no registration.
    #[error("the organization has no webhook registration; use POST to make one")]
    NotRegistered,
    /// The registration does not name the event of tests.
    #[error("the webhook registration does not name test-created; use PUT to add it")]
    NoTestEvent,
    /// No test has this id, or it is forgotten.
    #[error("no validation event of the last 7 days has this correlation id")]
    NoSuchTest,
    /// No subscription has this id.
    #[error("the webhook was not found")]
    NotFound,
    /// No delivery has this id.
    #[error("the delivery was not found")]
    NoSuchDelivery,
    /// The token of a page is none.
    #[error("the token is none of this list; follow @odata.nextLink as it stands, or start again")]
    UnknownPlace,
    /// The state to list is none.
    #[error("the state \"{0}\" is not known; use pending, delivered or dead")]
    UnknownState(String),
    /// The organisation has as many subscriptions as it may.
    #[error("the organization has {0} webhooks, and may have no more; remove one first")]
    TooMany(u32),
    /// There were enough tests in the last minute.
    #[error("Rate limit is exceeded. Try again in {0} seconds.")]
    TooManyTests(u64),
    /// Other writes to the same endpoint kept coming between.
    #[error("the webhook kept changing; try again")]
    Busy,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Says what is wrong with the address of a receiver, and what would do.
fn check_url(context: &Context, text: &str) -> Result<(), String> {
    context.feed.outbound.guard().read(text).map(drop).map_err(|it| it.to_string())
}

/// Returns an endpoint that is told of what happens from now on, and says nothing yet of where and of what.
async fn blank_endpoint(
    context: &Context,
    caller: &Integrator,
    kind: Kind,
    secret: Secret,
) -> Result<Endpoint, StoreError> {
    let now = context.clock.now();
    Ok(Endpoint {
        id: context.random.uuid(),
        organization_id: caller.organization_id.clone(),
        kind,
        description: None,
        url: String::new(),
        events: Vec::new(),
        filter: None,
        payload: Payload::Thin,
        signature_header: SignatureHeader::Authorization,
        secret,
        previous_secret: None,
        state: EndpointState::Active,
        state_reason: None,
        state_since: now,
        failing_since: None,
        from_position: context.store.last_position().await?,
        created: now,
        updated: now,
    })
}

/// Returns what is written down of something that is done to an endpoint.
fn event(
    context: &Context,
    caller: &Integrator,
    what: (Deed, Resource),
    (before, after): (Option<&Endpoint>, Option<&Endpoint>),
) -> AuditEvent {
    let source = (context.random.uuid(), context.clock.now());
    let event = AuditEvent::new(source, Some(caller.organization_id.clone()), caller.into(), what);
    let event = match after.or(before) {
        Some(endpoint) => event.on(endpoint.id),
        None => event,
    };
    event.values(before.map(Endpoint::audited), after.map(Endpoint::audited))
}

/// Sends an event to try an endpoint out, at most [`TESTS_MAX`] a minute.
async fn send_test_to(
    context: &Context,
    caller: &Integrator,
    endpoint: &Endpoint,
) -> Result<Delivery, WebhookError> {
    let now = context.clock.now();
    let delivery = Delivery {
        id: context.random.uuid(),
        endpoint_id: endpoint.id,
        organization_id: caller.organization_id.clone(),
        event: Event::TestCreated,
        told: None,
        at: now,
        state: DeliveryState::Pending,
        attempts: 0,
        step: 0,
        due: now,
        created: now,
        finished: None,
    };
    let since = now.plus_secs(-TESTS_SECS);
    let mut commit = Commit::new();
    commit.insert_test(&delivery, since, TESTS_MAX);
    let tested = event(context, caller, (Deed::Test, Resource::Webhook), (None, None)).on(endpoint.id);
    commit.append_audit(&tested.detail("DeliveryId", delivery.id));
    match context.store.commit(commit).await {
        Ok(()) => {
            context.feed.bell.ring();
            Ok(delivery)
        }
        Err(StoreError::Conflict(Conflict::Duplicate)) => {
            let first = context.store.first_test_since(endpoint.id, since).await?;
            let wait = first.map_or(1, |it| it.plus_secs(TESTS_SECS).unix_secs() - now.unix_secs());
            Err(WebhookError::TooManyTests(u64::try_from(wait).unwrap_or(0).max(1)))
        }
        Err(StoreError::Conflict(_)) => Err(WebhookError::NotFound),
        Err(error) => Err(error.into()),
    }
}

/// Finds a subscription of the caller's organisation.
async fn find(
    context: &Context,
    organization_id: &OrganizationId,
    id: Uuid,
) -> Result<Endpoint, WebhookError> {
    context.store.find_endpoint(organization_id, id).await?.ok_or(WebhookError::NotFound)
}
