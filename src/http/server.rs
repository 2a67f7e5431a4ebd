//! The loop that accepts connections, and the way of one request through the outermost checks.
//!
//! ```text
//! accept (≤ connections_max) → hyper http1 → host, head sizes → place → rewrite → router → ids, metrics
//! ```
//!
//! The loop is our own because the default one never closes a half-sent request and has no caps. The checks
//! are calls, not layers: each layer would box a future for every request.
//!
//! Stopping has three stages: accept no more and answer with `Connection: close`, so that busy clients leave
//! by themselves; close idle connections; after the grace, or a second signal, drop what is left.

use std::{
    any::Any,
    io,
    net::SocketAddr,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::Arc,
    task::Poll,
    time::Duration,
};

use axum::{Router, body::Body, response::IntoResponse as _};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode, header, request::Parts};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    time::{Instant, timeout},
};
use tower::Service as _;
use tracing::Instrument as _;

use super::{
    connection::{BoundedStream, BusyBody, Phase, SharedPhase, Timeouts},
    error::ApiError,
    fault::{self, Cut, CutBody},
    journal::{self, Notes, Tee},
    limits::{self, Hosts, RequestInfo},
    partner_center,
    sandboxes::Sandboxes,
};
use crate::{
    app::{App, Class, Lasting},
    domain::fault::{CutPlace, Strike},
    telemetry::Metrics,
};

/// hyper's own limits are wider than ours, so that our answer, with its envelope, comes first.
const HYPER_HEADERS_MAX: usize = 128;
const HYPER_BUFFER_BYTES_MAX: usize = 64 * 1024;

/// How long a stopping server waits for busy clients to leave by themselves.
const LEAVE_TIME: Duration = Duration::from_secs(1);
/// How often it looks whether they have.
const LEAVE_LOOK: Duration = Duration::from_millis(20);
/// How long the loop rests when the system has no more files to give.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

const ODATA_VERSION: HeaderName = HeaderName::from_static("odata-version");

/// Changes a request before it is routed: spellings of paths that the router does not know.
pub type Rewrite = fn(&mut Parts);

/// What is served on a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Face {
    /// The API: every check applies.
    Api,
    /// Health, metrics, administration: sizes and times are bounded, but there is always a place.
    Ops,
}

/// Everything that answers on one listener.
#[derive(Debug)]
pub struct Site {
    app: App,
    router: Router,
    rewrite: Rewrite,
    face: Face,
    hosts: Hosts,
    metrics: Metrics,
    /// Other sandboxes that are reached through this site.
    sandboxes: Option<Sandboxes>,
}

impl Site {
    /// Puts a router behind the outermost checks. `listening` is where the listener really is.
    pub fn new(app: App, router: Router, rewrite: Rewrite, face: Face, listening: SocketAddr) -> Self {
        let hosts = Hosts::new(&app.config, &app.public_url, listening);
        let classes: &[&str] = match face {
            Face::Api => &Class::ALL.map(Class::as_str),
            Face::Ops => &["ops"],
        };
        Self { metrics: Metrics::new(classes), app, router, rewrite, face, hosts, sandboxes: None }
    }

    /// Lets named sandboxes be reached through this site, each below its own path.
    pub fn with_sandboxes(mut self, sandboxes: Option<Sandboxes>) -> Self {
        self.sandboxes = sandboxes;
        self
    }

    /// Answers requests for further hosts too.
    pub(super) fn also_at(mut self, hosts: &[String]) -> Self {
        self.hosts.add(hosts);
        self
    }

    /// Answers one request; never fails and never panics.
    pub async fn answer<B: RequestBody>(&self, mut request: Request<B>) -> Response<Body> {
        let directed = self.sandboxes.as_ref().and_then(|it| it.direct(&mut request, self.face));
        let site = directed.as_ref().and_then(|it| it.site()).unwrap_or(self);
        site.answer_here(request).await
    }

    async fn answer_here<B: RequestBody>(&self, request: Request<B>) -> Response<Body> {
        let started = Instant::now();
        let (mut parts, body) = request.into_parts();
        let notes = self.notes(&parts);
        let body = Tee::new(body, notes.as_ref().and_then(Notes::body));
        let info = Arc::new(RequestInfo::new(&parts.headers, &self.app.context.random));
        let class = limits::class_of(&parts.method);
        let series = self.series(class);
        let _in_flight = self.metrics.request(series);

        (self.rewrite)(&mut parts);
        let is_odata = parts.uri.path().starts_with("/v1.0/");
        let locale = partner_center::locale(&parts);
        let is_logged = tracing::enabled!(target: "liaison::access", tracing::Level::DEBUG);
        let line = is_logged.then(|| format!("{} {}", parts.method, parts.uri.path()));
        parts.extensions.insert(Arc::clone(&info));

        let span = tracing::info_span!("request", request.id = %info.id);
        let strike = self.strike(&parts).instrument(span.clone()).await;
        let answer = self.respond(parts, body, class);
        let mut response = match &strike {
            None => answer.instrument(span.clone()).await,
            Some(strike) => Box::pin(fault::answer_struck(strike, answer)).instrument(span.clone()).await,
        };

        info.write(response.headers_mut());
        if let Some(locale) = locale {
            partner_center::finish(&mut response, info.id, locale);
        }
        if is_odata {
            response.headers_mut().insert(ODATA_VERSION, HeaderValue::from_static("4.0"));
        }
        if let Some(strike) = &strike {
            response = fault::mark(response, strike);
        }
        if self.app.health.is_draining() {
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        let took = started.elapsed();
        if let Some(notes) = notes {
            response = journal::finish(notes, response, &info, strike.as_ref(), took);
        }
        self.metrics.answered(series, response.status().as_u16(), took);
        if let Some(line) = line {
            let _entered = span.enter();
            let duration_ms = took.as_secs_f64() * 1000.0;
            tracing::debug!(target: "liaison::access", status = response.status().as_u16(), duration_ms, "{line}");
        }
        response
    }

    /// Begins to write a call down, where there is a request log.
    fn notes(&self, parts: &Parts) -> Option<Notes> {
        match self.face {
            Face::Api => journal::begin(&self.app, parts),
            Face::Ops => None,
        }
    }

    /// Returns the fault that strikes a request; only a sandbox has any.
    async fn strike(&self, parts: &Parts) -> Option<Strike> {
        let faults = self.app.faults.as_ref().filter(|it| self.face == Face::Api && !it.is_empty())?;
        fault::strike(&self.app, faults, parts).await
    }

    /// Bounds a request in time, and turns a panic into an answer.
    async fn respond<B: RequestBody>(&self, parts: Parts, body: B, class: Class) -> Response<Body> {
        let deadline = Duration::from_secs(self.app.config.limits.request_timeout_secs);
        match timeout(deadline, catch_panic(self.route(parts, body, class))).await {
            Ok(Ok(Ok(response))) => response,
            Ok(Ok(Err(refusal))) => refusal.into_response(),
            Ok(Err(_panic)) => {
                self.metrics.panicked();
                let message = "the request failed; tell the operator its request-id";
                ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, message).into_response()
            }
            Err(_elapsed) => {
                let message = format!(
                    "the request took longer than {} seconds; what it asked for may have been done: \
                     repeat it with the same Idempotency-Key",
                    deadline.as_secs()
                );
                ApiError::new(StatusCode::REQUEST_TIMEOUT, message)
                    .inner("requestTimeout")
                    .closing()
                    .into_response()
            }
        }
    }

    async fn route<B: RequestBody>(
        &self,
        parts: Parts,
        body: B,
        class: Class,
    ) -> Result<Response<Body>, ApiError> {
        limits::check_head(&parts, &self.app.config.limits)?;
        let _place = match self.face {
            Face::Api => {
                self.hosts.check(&parts)?;
                let place = limits::admit(&self.app.admission, class)
                    .inspect_err(|_| self.metrics.shed(self.series(class)))?;
                Some(place)
            }
            Face::Ops => None,
        };
        let Ok(response) = self.router.clone().call(Request::from_parts(parts, body)).await;
        Ok(response)
    }

    /// Returns the position of a class in the metrics.
    fn series(&self, class: Class) -> usize {
        match (self.face, class) {
            (Face::Ops, _) | (Face::Api, Class::Read) => 0,
            (Face::Api, Class::Write) => 1,
        }
    }
}

/// The body of a request: from a connection, or made in process.
pub trait RequestBody:
    http_body::Body<Data = Bytes, Error: Into<axum::BoxError>> + Send + Unpin + 'static
{
}

impl<B: http_body::Body<Data = Bytes, Error: Into<axum::BoxError>> + Send + Unpin + 'static> RequestBody
    for B
{
}

/// Runs a future; a panic inside is returned instead of ending the task.
async fn catch_panic<F: Future>(future: F) -> Result<F::Output, Box<dyn Any + Send>> {
    let mut future = pin!(future);
    std::future::poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
        Ok(poll) => poll.map(Ok),
        Err(panic) => Poll::Ready(Err(panic)),
    })
    .await
}

/// How far stopping has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Connections are accepted.
    Running,
    /// No more are accepted; those that are there may finish.
    Draining,
    /// Idle connections are closed, requests in flight may finish.
    Closing,
    /// Everything is dropped.
    Aborted,
}

/// The switch that stops servers. Clones are the same switch.
#[derive(Clone, Debug)]
pub struct Stop(watch::Sender<Stage>);

impl Default for Stop {
    fn default() -> Self {
        Self(watch::Sender::new(Stage::Running))
    }
}

impl Stop {
    /// Moves on to `stage`; never moves back.
    pub fn advance(&self, stage: Stage) {
        self.0.send_if_modified(|it| {
            let is_later = stage > *it;
            *it = stage.max(*it);
            is_later
        });
    }

    /// Waits until `stage` is reached.
    pub async fn reached(&self, stage: Stage) {
        // The sender is held by `self`, so waiting cannot fail.
        let _ = self.0.subscribe().wait_for(|it| *it >= stage).await;
    }
}

/// Listens on an address. Bind first, then serve: with port 0 the caller learns the address in between.
pub async fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    TcpListener::bind(address).await
}

/// Serves until `stop` says so; returns when the last connection is gone, or the grace is over.
pub async fn serve(listener: TcpListener, site: Arc<Site>, stop: Stop) {
    let limits = &site.app.config.limits;
    let connections_max = limits.connections_max.min(u32::MAX as usize).min(Semaphore::MAX_PERMITS);
    let places = Arc::new(Semaphore::new(connections_max));
    // Connections follow a switch of their own, which this function moves.
    let connections = Stop::default();

    accept_until_stopped(&listener, &site, &stop, &places, &connections).await;
    drop(listener);

    let everyone = u32::try_from(connections_max).unwrap_or(u32::MAX);
    let grace = Duration::from_secs(site.app.config.shutdown_grace_secs);
    let gone = async {
        if timeout(LEAVE_TIME, places.acquire_many(everyone)).await.is_ok() {
            return;
        }
        connections.advance(Stage::Closing);
        if timeout(grace, places.acquire_many(everyone)).await.is_err() {
            tracing::warn!(grace_secs = grace.as_secs(), "requests were still in flight after the grace");
        }
    };
    tokio::select! {
        () = gone => (),
        () = stop.reached(Stage::Aborted) => (),
    }
    connections.advance(Stage::Aborted);
}

async fn accept_until_stopped(
    listener: &TcpListener,
    site: &Arc<Site>,
    stop: &Stop,
    places: &Arc<Semaphore>,
    connections: &Stop,
) {
    let places_max = places.available_permits();
    let spawn = |socket, place| {
        let connection = connect(socket, Arc::clone(site), connections.clone());
        tokio::spawn(async move {
            connection.await;
            drop::<OwnedSemaphorePermit>(place);
        });
    };
    let mut stopped = pin!(stop.reached(Stage::Draining));
    loop {
        // The place is taken before the connection: what is past the cap waits in the system's queue.
        let accepted = async {
            let place = Arc::clone(places).acquire_owned().await;
            (place, listener.accept().await)
        };
        tokio::select! {
            (place, accepted) = accepted => match (place, accepted) {
                (Ok(place), Ok((socket, _))) => spawn(socket, place),
                (Err(_), _) => return,
                (Ok(_), Err(error)) => pause_after(&error).await,
            },
            () = &mut stopped => break,
        }
    }
    // A client that has not yet been told to leave may still connect; it is served, and told with the answer.
    let leave_until = Instant::now() + LEAVE_TIME;
    while places.available_permits() < places_max && Instant::now() < leave_until {
        let Ok(accepted) = timeout(LEAVE_LOOK, listener.accept()).await else { continue };
        match (accepted, Arc::clone(places).try_acquire_owned()) {
            (Ok((socket, _)), Ok(place)) => spawn(socket, place),
            (Ok(_), Err(_)) | (Err(_), _) => break,
        }
    }
    // Whoever the system has already connected would be reset with the listener; they are served too.
    while let Ok(place) = Arc::clone(places).try_acquire_owned() {
        let waiting = std::future::poll_fn(|cx| match listener.poll_accept(cx) {
            Poll::Ready(Ok((socket, _))) => Poll::Ready(Some(socket)),
            Poll::Ready(Err(_)) | Poll::Pending => Poll::Ready(None),
        });
        let Some(socket) = waiting.await else { return };
        spawn(socket, place);
    }
}

/// Rests when the system is short of something; a connection that died in the queue needs no rest.
async fn pause_after(error: &io::Error) {
    match error.kind() {
        io::ErrorKind::ConnectionAborted
        | io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionRefused => (),
        _ => {
            tracing::error!(%error, "no connection could be accepted");
            tokio::time::sleep(ACCEPT_PAUSE).await;
        }
    }
}

/// Serves one connection until it ends.
async fn connect(socket: TcpStream, site: Arc<Site>, stop: Stop) {
    // Answers are written whole; waiting for more would only delay them.
    let _ = socket.set_nodelay(true);
    let _counted = site.metrics.connection();
    let limits = &site.app.config.limits;
    let timeouts = Timeouts {
        idle: Duration::from_secs(limits.idle_timeout_secs),
        head: Duration::from_secs(limits.header_timeout_secs),
        write: Duration::from_secs(limits.request_timeout_secs),
    };
    let phase = SharedPhase::default();
    let stream = BoundedStream::new(socket, phase.clone(), timeouts);
    let service = service_fn(|request: Request<Incoming>| {
        let phase = phase.clone();
        let site = &site;
        async move {
            phase.set(Phase::Busy);
            let mut response = site.answer(request).await;
            match response.extensions_mut().remove::<Cut>() {
                Some(Cut(CutPlace::BeforeHead)) => {
                    phase.set(Phase::Cut);
                    return Err(io::Error::from(io::ErrorKind::ConnectionReset));
                }
                Some(Cut(CutPlace::InBody)) => {
                    return Ok(response.map(|body| Body::new(CutBody::new(body, phase))));
                }
                None => {}
            }
            if response.extensions_mut().remove::<Lasting>().is_some() {
                return Ok(response.map(|body| Body::new(BusyBody::new(body, phase))));
            }
            phase.set(Phase::Idle);
            Ok(response)
        }
    });
    let mut connection = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(None)
            .max_headers(HYPER_HEADERS_MAX)
            .max_buf_size(HYPER_BUFFER_BYTES_MAX)
            .serve_connection(TokioIo::new(stream), service)
    );
    let mut closing = pin!(stop.reached(Stage::Closing));
    tokio::select! {
        biased;
        _ = connection.as_mut() => return,
        () = closing.as_mut() => connection.as_mut().graceful_shutdown(),
    }
    let mut aborted = pin!(stop.reached(Stage::Aborted));
    // How a connection ended is the client's affair: it left, or it was told why.
    tokio::select! {
        _ = connection.as_mut() => (),
        () = aborted.as_mut() => (),
    }
}

#[cfg(test)]
mod tests;
