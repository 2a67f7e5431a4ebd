//! `/live`: tells an open page that something has happened which its person may see, as server-sent events. What it was
//! the page reads for itself.

use std::{convert::Infallible, time::Duration};

use axum::{Router, body::Body, response::Response, routing::get};
use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, HeaderValue, header};
use tokio::{sync::watch, time::timeout};

use super::{failure::Failure, session::Seat, visit::Visit};
use crate::{
    app::{App, Lasting, StreamPlace},
    domain::actor::Actor,
    service::referrals::{self, Cursor, FeedWish, Since},
};

const EVENT_STREAM: HeaderValue = HeaderValue::from_static("text/event-stream; charset=utf-8");
/// How soon a page that was cut off comes back.
const RETRY: &str = "retry: 2000\n\n";
/// How long a page waits before the log is looked at without word of it: a notice can be lost.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// How long a silence may be, so that proxies keep the connection, in looks.
const LOOKS_SILENT: u32 = 10;
/// Changes that are read at a time.
const CHANGES_MAX: u32 = 100;

/// Returns the route.
pub(super) fn router() -> Router<App> {
    Router::new().route("/live", get(follow))
}

async fn follow(visit: Visit, headers: HeaderMap) -> Result<Response, Failure> {
    let actor = visit.actor()?;
    let last = headers.get("last-event-id").and_then(|it| it.to_str().ok()).filter(|it| !it.is_empty());
    let since = last.or_else(|| visit.asked("since")).map_or(Since::Latest, |it| Since::Place(it.to_owned()));
    let Visit { app, seat, .. } = visit;
    let cursor = Cursor::find(&app.context, &actor, &since).await?;
    let place = app.streams.try_open(&actor.organization_id).map_err(|_| Failure::Unavailable)?;
    let watcher = Watcher {
        seat,
        epoch: app.context.store.epoch(),
        growth: app.context.store.log_growth(),
        draining: app.health.draining(),
        cursor,
        prelude: RETRY,
        app,
        _place: place,
    };
    let blocks = stream::unfold(watcher, |mut watcher| async {
        let block = watcher.next().await?;
        Some((Ok::<_, Infallible>(Bytes::from(block)), watcher))
    });
    let mut response = Response::new(Body::from_stream(blocks));
    response.extensions_mut().insert(Lasting);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, EVENT_STREAM);
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(response)
}

/// An open page.
struct Watcher {
    app: App,
    /// Who opened the page; looked up anew before each look.
    seat: Seat,
    cursor: Cursor,
    epoch: u64,
    growth: watch::Receiver<()>,
    draining: watch::Receiver<bool>,
    prelude: &'static str,
    _place: StreamPlace,
}

impl Watcher {
    /// Returns what is to be said next; `None` when the page has to come back, or may not be told any more.
    async fn next(&mut self) -> Option<String> {
        let prelude = std::mem::take(&mut self.prelude);
        if !prelude.is_empty() {
            return Some(prelude.to_owned());
        }
        for _ in 0..LOOKS_SILENT {
            self.growth.borrow_and_update();
            let has_news = self.look().await?;
            if has_news {
                let actor = self.actor().await?;
                let cursor = self.cursor.seal(&self.app.context, &actor);
                return Some(format!("id: {cursor}\nevent: changed\ndata: {{}}\n\n"));
            }
            tokio::select! {
                _ = timeout(LOOK_EVERY, self.growth.changed()) => (),
                _ = self.draining.changed() => return None,
            }
        }
        Some(": nothing new\n\n".to_owned())
    }

    /// Says whether something has happened that the person sees.
    async fn look(&mut self) -> Option<bool> {
        if *self.draining.borrow() || self.app.context.store.epoch() != self.epoch {
            return None;
        }
        let actor = self.actor().await?;
        let wish = FeedWish { events: Vec::new(), engagement_id: None, with_referral: false };
        let mut has_news = false;
        loop {
            let page =
                referrals::feed(&self.app.context, &actor, self.cursor, &wish, CHANGES_MAX).await.ok()?;
            self.cursor = page.reached;
            has_news |= !page.entries.is_empty();
            if page.is_end {
                return Some(has_news);
            }
        }
    }

    /// Returns the person as things stand; `None` when the session or the role has ended.
    async fn actor(&self) -> Option<Actor> {
        self.seat.again(&self.app).await.ok()??.actor().ok()
    }
}
