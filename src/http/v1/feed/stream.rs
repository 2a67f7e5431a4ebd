//! `/v1.0/engagements/referrals/changes/stream`: the feed as server-sent events (HTML Living Standard, section 9.2).
//!
//! ```text
//! retry: 2000                         how soon a client that was cut off comes back
//!
//! id: …                               the cursor after the entry: a client comes back with it as Last-Event-ID
//! event: referral-updated
//! data: {"cursor": "…", …}
//!
//! : up to date                        a comment, when everything is told and from time to time after that, with
//! id: …                               the cursor that was come to
//!
//! event: end                          the last words, with the envelope that a request would be answered with
//! data: {"error": …}
//! ```
//!
//! Before each look at the log the caller is judged anew, so that a token that has expired, and a right that was taken
//! away, end the stream. A stream holds no place among the requests in flight: those are for who waits for an answer.

use std::{convert::Infallible, time::Duration};

use axum::{
    body::Body,
    extract::{RawQuery, State},
    response::Response,
};
use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{FeedQuery, read_query};
use crate::{
    app::{App, Lasting, StreamPlace, StreamsFull},
    auth::Refusal,
    domain::{actor::Actor, organization::OrganizationId},
    http::{
        error::{ApiError, ErrorEnvelope},
        extract::Credentials,
    },
    service::referrals::{self, Cursor, FeedEntry, FeedPage, FeedWish, Since},
};

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
const EVENT_STREAM: HeaderValue = HeaderValue::from_static("text/event-stream; charset=utf-8");
/// For proxies that would collect an answer before they pass it on.
const ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");
/// How soon a client that was cut off comes back.
const RETRY: &str = "retry: 2000\n\n";
/// How long a stream waits for word of the log before it looks by itself: a notice can be lost.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long it rests after a look at least, so that a busy log is not read once for each commit.
const REST: Duration = Duration::from_millis(100);
/// When an organisation that has too many streams may try again.
const RETRY_AFTER_SECS: u64 = 30;

/// Returns the routes. They are no part of a batch, which waits for the end of each answer.
pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(follow))
}

/// Tells what happens to the referrals that the caller may see, as it happens.
///
/// The entries of the feed as server-sent events; `id` is the cursor, `event` the kind, `data` the entry. It goes on
/// until the client leaves, the token expires, the caller's rights end, or the server stops; the event `end` says why.
#[utoipa::path(
    get,
    path = "/v1.0/engagements/referrals/changes/stream",
    tag = "Changes",
    security(("bearer" = [])),
    params(
        ("since" = Option<String>, Query, description = "As for the feed; `latest` begins with what comes from now on"),
        ("events" = Option<String>, Query, description = "As for the feed"),
        ("engagementId" = Option<Uuid>, Query, description = "As for the feed"),
        ("include" = Option<String>, Query, description = "As for the feed"),
        ("limit" = Option<u32>, Query, description = "How many changes are read at a time"),
        ("Last-Event-ID" = Option<String>, Header, description = "The last `id` that came; takes precedence over `since`"),
    ),
    responses(
        (status = 200, description = "Events, without an end", body = String, content_type = "text/event-stream"),
        (status = 400, description = "A query that is wrong, a cursor that is not the caller's, or an app-only token", body = ErrorEnvelope),
        (status = 401, description = "No token, or one that is not accepted", body = ErrorEnvelope),
        (status = 403, description = "No Referrals role", body = ErrorEnvelope),
        (status = 410, description = "The log does not reach as far as the cursor: start again without it", body = ErrorEnvelope),
        (status = 429, description = "Too many requests, or too many streams of the organization", body = ErrorEnvelope),
        (status = 503, description = "Too busy, stopping, or the database does not answer", body = ErrorEnvelope),
    )
)]
async fn follow(
    State(app): State<App>,
    actor: Actor,
    credentials: Credentials,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let page_size_max = app.context.settings.queries.page_size_max;
    let FeedQuery { since, wish, count_max } =
        read_query(query.as_deref().unwrap_or_default(), page_size_max)?;
    let since = last_event_id(&headers).map_or(since, Since::Place);
    let cursor = Cursor::find(&app.context, &actor, &since).await?;
    let place = app.streams.try_open(&actor.organization_id).map_err(|full| too_many(&app, full))?;
    let now = Instant::now();
    let follower = Follower {
        organization_id: actor.organization_id,
        credentials,
        wish,
        count_max,
        cursor,
        epoch: app.context.store.epoch(),
        growth: app.context.store.log_growth(),
        draining: app.health.draining(),
        heartbeat_at: now,
        heartbeat: Duration::from_secs(app.config.feed.heartbeat_secs),
        look_at: now,
        rested_at: now,
        prelude: RETRY,
        is_told: false,
        is_over: false,
        app,
        _place: place,
    };
    let blocks = stream::unfold(follower, |mut follower| async {
        let block = follower.next().await?;
        Some((Ok::<_, Infallible>(Bytes::from(block)), follower))
    });
    let mut response = Response::new(Body::from_stream(blocks));
    response.extensions_mut().insert(Lasting);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, EVENT_STREAM);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(ACCEL_BUFFERING, HeaderValue::from_static("no"));
    Ok(response)
}

/// Returns where a client goes on that was cut off; an empty header is that of one that has come to no place.
fn last_event_id(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(LAST_EVENT_ID)?;
    Some(value.to_str().unwrap_or("?").to_owned()).filter(|it| !it.is_empty())
}

fn too_many(app: &App, full: StreamsFull) -> ApiError {
    let limits = &app.config.feed;
    let refusal = match full {
        StreamsFull::OfOrganization => {
            let max = limits.streams_per_organization_max;
            let message =
                format!("your organization has {max} streams open, as many as it may; close one first");
            ApiError::new(StatusCode::TOO_MANY_REQUESTS, message).at_gate()
        }
        StreamsFull::OfServer => {
            let message =
                format!("{} streams are open, as many as may be; try again later", limits.streams_max);
            ApiError::new(StatusCode::SERVICE_UNAVAILABLE, message)
        }
    };
    refusal.inner("tooManyStreams").retry_after_secs(RETRY_AFTER_SECS)
}

/// A client that follows the log.
struct Follower {
    app: App,
    organization_id: OrganizationId,
    credentials: Credentials,
    wish: FeedWish,
    count_max: u32,
    cursor: Cursor,
    /// Which log the cursor is a place of.
    epoch: u64,
    growth: watch::Receiver<()>,
    draining: watch::Receiver<bool>,
    heartbeat: Duration,
    heartbeat_at: Instant,
    /// When to look at the log at the latest.
    look_at: Instant,
    /// When to look at the earliest, unless there is more to tell.
    rested_at: Instant,
    prelude: &'static str,
    /// Whether the last look saw the end of the log.
    is_told: bool,
    is_over: bool,
    _place: StreamPlace,
}

impl Follower {
    /// Returns what to send next, when there is something. `None` when the stream has ended.
    async fn next(&mut self) -> Option<String> {
        loop {
            if self.is_over {
                return None;
            }
            if self.is_told {
                self.wait().await;
            }
            let mut text = std::mem::take(&mut self.prelude).to_owned();
            match self.look().await {
                Ok((page, actor)) => self.write(&mut text, page, &actor),
                Err(failure) => {
                    self.is_over = true;
                    text.push_str(&format!("event: end\ndata: {}\n\n", failure.into_json()));
                }
            }
            if !text.is_empty() {
                return Some(text);
            }
        }
    }

    /// Judges the caller anew, and reads what has happened.
    async fn look(&mut self) -> Result<(FeedPage, Actor), ApiError> {
        if *self.draining.borrow_and_update() {
            let message = "the server is stopping; come back with the last id";
            return Err(ApiError::new(StatusCode::SERVICE_UNAVAILABLE, message).inner("serverStopping"));
        }
        let actor = self.credentials.check(&self.app).await?.referrals_actor()?;
        // What follows is only for whom the stream was opened by.
        if actor.organization_id != self.organization_id {
            return Err(Refusal::UnknownUser.into());
        }
        self.growth.borrow_and_update();
        let context = &self.app.context;
        if context.store.epoch() != self.epoch {
            let message = "the sandbox was reset, or put back to an earlier state; begin anew";
            return Err(ApiError::new(StatusCode::GONE, message).inner("resyncRequired"));
        }
        let page = referrals::feed(context, &actor, self.cursor, &self.wish, self.count_max).await?;
        self.cursor = page.reached;
        Ok((page, actor))
    }

    /// Adds the entries of a page; and, when everything is told and the time has come, a sign of life.
    fn write(&mut self, text: &mut String, page: FeedPage, actor: &Actor) {
        page.entries.iter().for_each(|it| write_entry(text, it));
        let now = Instant::now();
        self.rested_at = now + REST;
        self.look_at = now + LOOK_EVERY;
        self.is_told = page.is_end;
        if page.is_end && now >= self.heartbeat_at {
            let cursor = self.cursor.seal(&self.app.context, actor);
            text.push_str(&format!(": up to date\nid: {cursor}\n\n"));
            self.heartbeat_at = now + self.heartbeat;
        }
    }

    /// Waits until the log has grown, it is time to look or to give a sign of life, or the server stops.
    async fn wait(&mut self) {
        let look_at = self.look_at.min(self.heartbeat_at);
        tokio::select! {
            _ = self.growth.changed() => (),
            _ = self.draining.changed() => return,
            () = sleep_until(look_at) => return,
        }
        tokio::select! {
            _ = self.draining.changed() => (),
            () = sleep_until(self.rested_at) => (),
        }
    }
}

fn write_entry(text: &mut String, entry: &FeedEntry) {
    // JSON has no line breaks outside its texts, and escapes them inside; a document is stored without any.
    let data = serde_json::to_string(entry).expect("plain structures serialise");
    text.push_str(&format!("id: {}\nevent: {}\ndata: {data}\n\n", entry.cursor, entry.event));
}
