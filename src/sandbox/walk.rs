//! Time that is put forward: everything that waits for its time happens at its own moment, in order, before the call
//! answers.
//!
//! The clock is walked from one moment at which something is due to the next, and held there until what is due was done:
//! referrals expire, counterparts act, the generator makes, webhooks are told and tried again. Where it is going is
//! written down before it sets out, so that a server that ends on the way goes on behind the goal.

use std::time::Duration;

use serde::Serialize;
use tokio::time::{Instant, sleep, timeout};
use utoipa::ToSchema;

use super::{counterpart, generator};
use crate::{
    domain::{sources::MovableClock, time::Timestamp},
    feed::{desk, fan_out, notices},
    service::{
        Context,
        clock::{self, ClockError, ClockState, ClockWish},
        expiry,
    },
    storage::{Lease, Store, StoreError},
};

/// How long to wait for who is at it, and how often to look.
const LEASE_WAIT: Duration = Duration::from_secs(10);
const LEASE_LOOK: Duration = Duration::from_millis(5);
/// How long receivers of webhooks may keep the clock waiting, all of them together.
const WEBHOOKS_WAIT: Duration = Duration::from_secs(5);

/// What putting the clock forward did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Moved {
    /// Where it stands.
    #[serde(flatten)]
    pub state: ClockState,
    /// How many referrals expired by that.
    pub expired: u64,
    /// How often counterparts acted.
    pub acted: u64,
    /// How many referrals the generator made.
    pub generated: u64,
    /// How many webhooks are due still: their receivers took too long.
    pub webhooks_waiting: u64,
}

/// What has happened on the way.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    expired: u64,
    acted: u64,
    generated: u64,
    webhooks_waiting: u64,
}

impl Tally {
    fn sum(&self) -> u64 {
        self.expired.saturating_add(self.acted).saturating_add(self.generated)
    }
}

/// Puts the clock where the body says. Whatever is due until then happens before this returns, each at its own moment.
///
/// # Errors
/// Every problem of the request at once; the clock stands where it stood then. After an error of the store it is not
/// known whether it moved.
pub async fn steer(context: &Context, clock: &MovableClock, body: &[u8]) -> Result<Moved, ClockError> {
    let wish = clock::read_wish(body, context.settings.json)?;
    let (context, clock) = (context.clone(), clock.clone());
    // A task of its own: a caller who goes away does not leave the clock on its way.
    let walking = tokio::spawn(async move { walk(&context, &clock, wish).await });
    walking.await.unwrap_or(Err(StoreError::NotWritten.into()))
}

async fn walk(context: &Context, clock: &MovableClock, wish: ClockWish) -> Result<Moved, ClockError> {
    // Whoever holds the lease is alone with the clock too, so that no step gets lost.
    let _lease = wait_for_lease(&context.store).await?;
    clock::follow(&context.store, clock).await?;
    let begin = clock.now();
    let held = Walk::begin(clock, begin);
    let setting = clock::decide(clock, wish)?;
    clock::move_to(context, setting).await?;
    clock.put(setting);
    let running = || Timestamp::from_ticks(clock.base_now().ticks().saturating_add(setting.ahead_ticks));
    let goal = setting.frozen.unwrap_or_else(running).max(begin);
    let mut tally = Tally::default();
    let patience = Instant::now() + WEBHOOKS_WAIT;
    let mut at = begin;
    loop {
        clock.walk(Some(at));
        settle(context, &mut tally, patience).await?;
        if at >= goal {
            break;
        }
        at = next_due(context, at).await?.map_or(goal, |it| it.min(goal));
    }
    context.store.forget_expired_keys(goal).await?;
    fan_out::forget(&context.feed).await?;
    if let Err(error) = context.feed.keys.refresh().await {
        tracing::warn!(error = &error as &dyn std::error::Error, "the keys of webhooks were not renewed");
    }
    drop(held);
    let state = clock::read(clock);
    tracing::info!(now = %state.now, "the sandbox's clock was put forward");
    let Tally { expired, acted, generated, webhooks_waiting } = tally;
    Ok(Moved { state, expired, acted, generated, webhooks_waiting })
}

/// Holds a clock on its way; when it is dropped, the clock stands where it was put.
struct Walk<'a>(&'a MovableClock);

impl<'a> Walk<'a> {
    fn begin(clock: &'a MovableClock, at: Timestamp) -> Self {
        clock.walk(Some(at));
        Self(clock)
    }
}

impl Drop for Walk<'_> {
    fn drop(&mut self) {
        self.0.walk(None);
    }
}

/// Does everything that is due at this moment, until nothing follows from it any more.
async fn settle(context: &Context, tally: &mut Tally, patience: Instant) -> Result<(), StoreError> {
    loop {
        let before = tally.sum();
        do_due(context, tally).await?;
        if tally.sum() == before {
            break;
        }
    }
    fan_out::catch_up(&context.feed).await?;
    notices::catch_up(&context.feed).await?;
    let left = patience.saturating_duration_since(Instant::now());
    tally.webhooks_waiting = desk::settle(&context.feed, left).await?;
    Ok(())
}

async fn do_due(context: &Context, tally: &mut Tally) -> Result<(), StoreError> {
    tally.expired = tally.expired.saturating_add(expiry::expire_all(context).await?);
    tally.generated = tally.generated.saturating_add(generator::make_due(context).await?);
    place(&context.store).await?;
    tally.acted = tally.acted.saturating_add(counterpart::play(context).await?);
    place(&context.store).await
}

/// Waits until what was written has its place in the log.
async fn place(store: &Store) -> Result<(), StoreError> {
    match store.count_unplaced().await? {
        0 => Ok(()),
        _ => store.settle().await,
    }
}

async fn next_due(context: &Context, at: Timestamp) -> Result<Option<Timestamp>, StoreError> {
    let next = context.store.find_next_due(counterpart::scope(), at).await?;
    let made = generator::next(&context.store).await?.filter(|it| *it > at);
    Ok(match (next, made) {
        (Some(next), Some(made)) => Some(next.min(made)),
        (next, made) => next.or(made),
    })
}

/// Takes the lease under which one task at a time changes what time brings about.
///
/// # Errors
/// [`StoreError::Overloaded`] when somebody else keeps it.
pub(super) async fn wait_for_lease(store: &Store) -> Result<Lease, StoreError> {
    let take = async {
        loop {
            if let Some(lease) = store.try_expiry_lease().await? {
                return Ok(lease);
            }
            sleep(LEASE_LOOK).await;
        }
    };
    timeout(LEASE_WAIT, take).await.unwrap_or(Err(StoreError::Overloaded))
}

/// Acts for the other side for as long as the process lives, as time goes by and as referrals come.
pub async fn run(context: Context, clock: MovableClock) {
    let mut growth = context.store.log_growth();
    let mut seen = None;
    loop {
        if let Err(error) = keep_up(&context, &clock, &mut seen).await {
            let error: &dyn std::error::Error = &error;
            tracing::warn!(error, "the counterparts were interrupted");
        }
        // Running out of time is a look without being asked.
        let _ = timeout(LOOK_EVERY, growth.changed()).await;
    }
}

/// How often is looked without being asked: time passes without a notice.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Does what is due, unless somebody else is at it. `seen` is how far the log was looked at.
async fn keep_up(
    context: &Context,
    clock: &MovableClock,
    seen: &mut Option<(u64, u64)>,
) -> Result<(), StoreError> {
    let store = &context.store;
    clock::follow(store, clock).await?;
    let (now, end) = (context.clock.now(), (store.epoch(), store.last_position().await?));
    let is_due = *seen != Some(end)
        || !store.list_plans(counterpart::scope(), now, 1).await?.is_empty()
        || generator::next(store).await?.is_some_and(|it| it <= now);
    if !is_due {
        return Ok(());
    }
    let Some(_lease) = store.try_expiry_lease().await? else { return Ok(()) };
    generator::make_due(context).await?;
    counterpart::play(context).await?;
    *seen = Some(end);
    Ok(())
}
