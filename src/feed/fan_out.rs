//! From the log to deliveries: each change, to every organisation that sees the record, for each of its endpoints.
//!
//! A step writes its deliveries and moves the cursor in one commit, on condition that neither the cursor nor any
//! endpoint is another than those that it was decided on. So a change is neither missed nor told twice, whoever dies
//! when, and however many servers are at it.

use std::{collections::HashMap, time::Duration};

use odata::{Query, eval::matches, tree::Expr};
use tokio::time::{Instant, sleep, timeout};
use uuid::Uuid;

use super::{Feed, LOOK_EVERY, Settings, scope};
use crate::{
    domain::{
        event::Event,
        json::Node,
        organization::OrganizationId,
        query::{JsonSource, SCHEMA},
        time::Timestamp,
        view::{self, Context},
        webhook::{Delivery, DeliveryState, Endpoint, Told},
    },
    storage::{Commit, Conflict, LogEntry, Sight, Store, StoreError},
};

/// Changes that are looked at in one step.
const BATCH_MAX: u32 = 200;
/// Deliveries in one commit; a step ends with the change that reaches it. While SQLite writes them, others wait.
const DELIVERIES_MAX: usize = 250;
/// Changes that concern nobody after which the cursor is moved all the same.
const IDLE_MAX: u64 = 1000;
/// How often what is old is forgotten.
const KEEP_EVERY: Duration = Duration::from_secs(60);

/// An endpoint with its filter, read once.
struct Subscriber {
    endpoint: Endpoint,
    filter: Filter,
}

enum Filter {
    None,
    Read(Box<Expr>),
    /// It was accepted once, and is no filter any more: nothing passes it.
    Unreadable,
}

/// What a step starts from.
#[derive(Default)]
struct Seen {
    /// What [`Seen::subscribers`] hold; `None` before they were read.
    revision: Option<u64>,
    subscribers: HashMap<OrganizationId, Vec<Subscriber>>,
    /// How far the log was looked at; the cursor may be behind it, where nobody was concerned.
    position: u64,
}

/// Fans out for as long as the process lives, whenever nobody else does.
pub async fn run(feed: Feed) {
    loop {
        if let Err(error) = work(&feed).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "fan-out was interrupted");
        }
        sleep(LOOK_EVERY).await;
    }
}

async fn work(feed: &Feed) -> Result<(), StoreError> {
    let Some(lease) = feed.store.try_fan_out_lease().await? else { return Ok(()) };
    let mut growth = feed.store.log_growth();
    let (mut seen, mut kept) = (Seen::default(), None::<Instant>);
    loop {
        lease.renew().await?;
        while step(feed, &mut seen).await? {}
        if kept.is_none_or(|it| it.elapsed() >= KEEP_EVERY) {
            forget(feed).await?;
            kept = Some(Instant::now());
        }
        // Running out of time is a look without being asked.
        let _ = timeout(LOOK_EVERY, growth.changed()).await;
    }
}

/// Tells whoever is to be told of everything that stands in the log at this moment.
///
/// # Errors
/// When the database does not answer; what was decided until then stays.
pub async fn catch_up(feed: &Feed) -> Result<(), StoreError> {
    let mut seen = Seen::default();
    while step(feed, &mut seen).await? {}
    Ok(())
}

/// Forgets what was delivered, or given up, long enough ago.
///
/// # Errors
/// When the database does not answer; what was forgotten until then stays so.
pub async fn forget(feed: &Feed) -> Result<(), StoreError> {
    let before = |days: u32| feed.clock.now().plus_secs(-i64::from(days) * 24 * 60 * 60);
    let Settings { keep_days, keep_dead_days, .. } = feed.settings;
    feed.store.forget_deliveries(before(keep_days), before(keep_dead_days)).await
}

/// Takes one step, and says whether there may be more to do at once.
async fn step(feed: &Feed, seen: &mut Seen) -> Result<bool, StoreError> {
    let cursor = feed.store.fan_out_cursor(scope()).await?;
    if seen.revision != Some(cursor.1) {
        let endpoints = feed.store.list_told_endpoints(scope()).await?;
        *seen = Seen { revision: Some(cursor.1), subscribers: subscribers(feed, endpoints), position: 0 };
    }
    // Before the first of them, there is nobody to be told.
    let Some(first) = seen.subscribers.values().flatten().map(|it| it.endpoint.from_position).min() else {
        return Ok(false);
    };
    let from = seen.position.max(cursor.0).max(first);
    let entries = feed.store.list_log_entries(scope(), from, BATCH_MAX).await?;
    let Some(last) = entries.last() else { return Ok(false) };
    let sights = feed.store.list_sights(scope(), from, BATCH_MAX).await?;
    let told = decide(feed, seen, &entries, &sights).await?;
    let reached = told.reached.unwrap_or(last.position);
    if !told.deliveries.is_empty() || reached.saturating_sub(cursor.0) >= IDLE_MAX {
        let mut commit = Commit::new();
        commit.move_fan_out(cursor, reached);
        told.deliveries.iter().for_each(|it| commit.insert_delivery(it));
        commit.let_wait();
        match feed.store.commit(commit).await {
            Ok(()) => {}
            // An endpoint has changed, or somebody else was quicker: once more, from what is there.
            Err(StoreError::Conflict(Conflict::Version)) => {
                seen.revision = None;
                return Ok(true);
            }
            Err(error) => return Err(error),
        }
        if !told.deliveries.is_empty() {
            feed.bell.ring_for(told.deliveries.iter().map(|it| it.endpoint_id));
        }
    }
    seen.position = reached;
    Ok(told.reached.is_some() || entries.len() >= usize::try_from(BATCH_MAX).unwrap_or(usize::MAX))
}

fn subscribers(feed: &Feed, endpoints: Vec<Endpoint>) -> HashMap<OrganizationId, Vec<Subscriber>> {
    let mut subscribers: HashMap<OrganizationId, Vec<Subscriber>> = HashMap::new();
    for endpoint in endpoints {
        let filter = read_filter(feed, &endpoint);
        subscribers
            .entry(endpoint.organization_id.clone())
            .or_default()
            .push(Subscriber { endpoint, filter });
    }
    subscribers
}

fn read_filter(feed: &Feed, endpoint: &Endpoint) -> Filter {
    let Some(text) = &endpoint.filter else { return Filter::None };
    match parse_filter(text, &feed.settings.limits, feed.clock.now().ticks()) {
        Ok(expr) => Filter::Read(Box::new(expr)),
        Err(problem) => {
            tracing::error!(endpoint.id = %endpoint.id, problem, "the filter of a webhook cannot be read");
            Filter::Unreadable
        }
    }
}

/// Reads a filter as `$filter` of a list; `now` is what `now()` means.
///
/// # Errors
/// What is wrong, and what would do.
pub fn parse_filter(text: &str, limits: &odata::Limits, now: i64) -> Result<Expr, String> {
    let encoded: String = url::form_urlencoded::byte_serialize(text.as_bytes()).collect();
    let query = Query::parse(&format!("$filter={encoded}"), &SCHEMA, limits, now)
        .map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))?;
    query.filter.ok_or_else(|| "the filter is empty; leave it out to be told of every referral".to_owned())
}

/// What a stretch of the log leads to.
#[derive(Default)]
struct Decided {
    deliveries: Vec<Delivery>,
    /// Where it was cut because there are enough deliveries.
    reached: Option<u64>,
}

async fn decide(
    feed: &Feed,
    seen: &Seen,
    entries: &[LogEntry],
    sights: &[Sight],
) -> Result<Decided, StoreError> {
    let mut by_referral: HashMap<Uuid, Vec<&Sight>> = HashMap::new();
    for sight in sights {
        by_referral.entry(sight.referral_id).or_default().push(sight);
    }
    let mut documents = Documents { feed, read: HashMap::new() };
    let mut decided = Decided::default();
    for entry in entries {
        if decided.deliveries.len() >= DELIVERIES_MAX {
            return Ok(decided);
        }
        for sight in by_referral.get(&entry.referral_id).into_iter().flatten() {
            let event = Event::of_change(sight.is_own, entry.is_first);
            for subscriber in seen.subscribers.get(&sight.organization_id).into_iter().flatten() {
                if subscriber.endpoint.from_position < entry.position
                    && subscriber.endpoint.wants(event)
                    && documents.pass(subscriber, entry.referral_id).await?
                {
                    decided.deliveries.push(delivery(feed, &subscriber.endpoint, event, entry));
                }
            }
        }
        if decided.deliveries.len() >= DELIVERIES_MAX {
            decided.reached = Some(entry.position);
        }
    }
    Ok(decided)
}

/// Documents as the organisations see them that filter by them.
struct Documents<'a> {
    feed: &'a Feed,
    read: HashMap<(OrganizationId, Uuid), Option<Node>>,
}

impl Documents<'_> {
    async fn pass(&mut self, subscriber: &Subscriber, referral_id: Uuid) -> Result<bool, StoreError> {
        let filter = match &subscriber.filter {
            Filter::None => return Ok(true),
            Filter::Unreadable => return Ok(false),
            Filter::Read(filter) => filter,
        };
        let viewer = &subscriber.endpoint.organization_id;
        let key = (viewer.clone(), referral_id);
        if !self.read.contains_key(&key) {
            let text = document(self.feed, viewer, referral_id).await?;
            let node = text.and_then(|it| Node::from_document(&it).ok());
            self.read.insert(key.clone(), node);
        }
        let document = self.read.get(&key).and_then(Option::as_ref);
        Ok(document.is_some_and(|it| matches(filter, &JsonSource(it))))
    }
}

/// Returns a record as an organisation sees it; `None` when it sees nothing of it.
pub(super) async fn document(
    feed: &Feed,
    viewer: &OrganizationId,
    referral_id: Uuid,
) -> Result<Option<String>, StoreError> {
    let visible = feed.store.find_referral(&scope().of_organization(viewer.clone()), referral_id).await?;
    Ok(visible.and_then(|it| view::render(&it, viewer, &feed.links, Context::None).ok()).map(|it| it.body))
}

fn delivery(feed: &Feed, endpoint: &Endpoint, event: Event, entry: &LogEntry) -> Delivery {
    let now = feed.clock.now();
    Delivery {
        id: feed.random.uuid(),
        endpoint_id: endpoint.id,
        organization_id: endpoint.organization_id.clone(),
        event,
        told: Some(Told {
            referral_id: entry.referral_id,
            position: entry.position,
            change_id: entry.change_id,
            version: entry.version,
        }),
        at: entry.at,
        state: DeliveryState::Pending,
        attempts: 0,
        step: 0,
        due: now,
        created: now,
        finished: None,
    }
}

/// Makes the deliveries of one endpoint that were never made, for what happened at `since` or later.
///
/// # Errors
/// When the database does not answer; what was made until then stays.
pub async fn recover(feed: &Feed, endpoint: &Endpoint, since: Timestamp) -> Result<(), StoreError> {
    let store: &Store = &feed.store;
    let from_position = 0;
    let whole = Endpoint { from_position, ..endpoint.clone() };
    let mut seen = Seen { subscribers: subscribers(feed, vec![whole]), ..Seen::default() };
    seen.position = store.position_before(scope(), since).await?;
    let end = store.fan_out_cursor(scope()).await?.0.max(store.last_position().await?);
    while seen.position < end {
        let entries = store.list_log_entries(scope(), seen.position, BATCH_MAX).await?;
        let Some(last) = entries.last() else { break };
        let sights = store.list_sights(scope(), seen.position, BATCH_MAX).await?;
        let told = decide(feed, &seen, &entries, &sights).await?;
        let mut commit = Commit::new();
        told.deliveries.iter().for_each(|it| commit.insert_delivery(it));
        if !commit.is_empty() {
            store.commit(commit).await?;
        }
        seen.position = told.reached.unwrap_or(last.position);
    }
    feed.bell.ring();
    Ok(())
}
