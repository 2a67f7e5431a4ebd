//! The outermost checks: host, sizes, places, rates, and the body.
//!
//! Plain functions that the server loop and the extractors call; each breach has its own status and says
//! what the limit is. Where a refusal leaves the body unread, the connection closes after the answer (see
//! `connection.rs` for how the answer still arrives).

use std::{net::SocketAddr, sync::OnceLock, time::Duration};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header, request::Parts};
use http_body::Body;
use http_body_util::BodyExt as _;
use parking_lot::Mutex;
use tokio::time::{Instant, timeout_at};
use uuid::Uuid;

use super::error::ApiError;
use crate::{
    app::{Admission, Class, Permit, RateLimits, RateState},
    config::{Config, Limits},
    domain::{fault::Identity, organization::OrganizationId, sources::Random},
};

/// The id that the server gives every request.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("request-id");
/// The id that a client gives a request, echoed.
pub const CLIENT_REQUEST_ID: HeaderName = HeaderName::from_static("client-request-id");
/// The id that ties a client's calls together, echoed.
pub const CORRELATION_ID: HeaderName = HeaderName::from_static("ms-correlationid");
/// Partner Center's name for a client's request id, echoed; also an idempotency key.
pub const MS_REQUEST_ID: HeaderName = HeaderName::from_static("ms-requestid");

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit-limit");
const RATE_REMAINING: HeaderName = HeaderName::from_static("ratelimit-remaining");
const RATE_RESET: HeaderName = HeaderName::from_static("ratelimit-reset");

/// The longest client id that is echoed.
const ECHO_BYTES_MAX: usize = 128;

/// How long a body may take before its rate is judged.
const BODY_GRACE: Duration = Duration::from_secs(5);

/// The `Host` values that are answered. A page that a browser was tricked into loading from another name
/// (DNS rebinding) must not reach an installation on this machine.
#[derive(Clone, Debug)]
pub struct Hosts {
    /// `None` answers every host.
    allowed: Option<Vec<HostPattern>>,
}

#[derive(Clone, Debug)]
struct HostPattern {
    name: String,
    /// `None` stands for every port.
    port: Option<String>,
}

impl Hosts {
    /// Returns the hosts of the settings, or the usual ones: the public address, the listener and loopback.
    pub fn new(config: &Config, public_url: &str, listening: SocketAddr) -> Self {
        if config.hosts_allowed.iter().any(|it| it == "*") {
            return Self { allowed: None };
        }
        if !config.hosts_allowed.is_empty() {
            let allowed = config.hosts_allowed.iter().map(|it| HostPattern::parse(it)).collect();
            return Self { allowed: Some(allowed) };
        }
        let public_host = url::Url::parse(public_url).ok().and_then(|it| it.host_str().map(str::to_owned));
        let mut allowed: Vec<_> =
            ["localhost", "127.0.0.1", "[::1]"].iter().map(|it| HostPattern::parse(it)).collect();
        allowed.extend(public_host.map(|it| HostPattern::parse(&it)));
        allowed.push(HostPattern::parse(&listening.to_string()));
        Self { allowed: Some(allowed) }
    }

    /// Answers further hosts, on every port.
    pub fn add(&mut self, hosts: &[String]) {
        if let Some(allowed) = &mut self.allowed {
            allowed.extend(hosts.iter().map(|it| HostPattern::parse(it)));
        }
    }

    /// Says whether a request for `host` is answered.
    pub fn allows(&self, host: &str) -> bool {
        let Some(allowed) = &self.allowed else { return true };
        let (name, port) = split_port(host);
        allowed.iter().any(|it| {
            it.name.eq_ignore_ascii_case(name) && it.port.as_deref().is_none_or(|it| Some(it) == port)
        })
    }

    /// Refuses a request for a host that is not served here.
    pub fn check(&self, parts: &Parts) -> Result<(), ApiError> {
        if self.allowed.is_none() {
            return Ok(());
        }
        let host = match parts.uri.authority() {
            Some(authority) => Some(authority.as_str()),
            None => single(&parts.headers, &header::HOST),
        };
        if host.is_some_and(|it| self.allows(it)) {
            return Ok(());
        }
        let message = match host {
            Some(host) => format!(
                "the host \"{}\" is not served here; set public_url or hosts_allowed to serve it",
                host.escape_default()
            ),
            None => "the request needs exactly one Host header".to_owned(),
        };
        Err(ApiError::new(StatusCode::MISDIRECTED_REQUEST, message).inner("hostNotAllowed").target("Host"))
    }
}

impl HostPattern {
    fn parse(text: &str) -> Self {
        let (name, port) = split_port(text);
        Self { name: name.to_ascii_lowercase(), port: port.map(str::to_owned) }
    }
}

/// Splits `name:port`; the colons inside `[…]` belong to the name.
fn split_port(host: &str) -> (&str, Option<&str>) {
    match host.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') => (name, Some(port)),
        _ => (host, None),
    }
}

/// Returns the value of a header that is there exactly once, as text.
fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let first = values.next()?;
    if values.next().is_some() {
        return None;
    }
    first.to_str().ok()
}

/// Refuses a head that is larger than the limits.
pub fn check_head(parts: &Parts, limits: &Limits) -> Result<(), ApiError> {
    let url_bytes = parts.uri.path_and_query().map_or(0, |it| it.as_str().len());
    if url_bytes > limits.url_bytes_max {
        let message =
            format!("path and query have {url_bytes} bytes; the limit is {} bytes", limits.url_bytes_max);
        return Err(ApiError::new(StatusCode::URI_TOO_LONG, message).inner("urlTooLong"));
    }
    let headers = parts.headers.len();
    if headers > limits.headers_max {
        let message = format!("the request has {headers} headers; the limit is {}", limits.headers_max);
        return Err(headers_too_large(message));
    }
    let header_bytes: usize =
        parts.headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    if header_bytes > limits.header_bytes_max {
        let message =
            format!("the headers have {header_bytes} bytes; the limit is {} bytes", limits.header_bytes_max);
        return Err(headers_too_large(message));
    }
    Ok(())
}

fn headers_too_large(message: String) -> ApiError {
    ApiError::new(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, message).inner("headersTooLarge")
}

/// Returns the class of work that a method stands for.
pub fn class_of(method: &http::Method) -> Class {
    match method.is_safe() {
        true => Class::Read,
        false => Class::Write,
    }
}

/// Takes a place for the request, or refuses it at once.
pub fn admit(admission: &Admission, class: Class) -> Result<Permit, ApiError> {
    admission.try_enter(class).ok_or_else(|| {
        ApiError::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "too many requests are in flight; try again in 1 second",
        )
        .inner("tooManyRequestsInFlight")
        .retry_after_secs(1)
    })
}

/// Counts the request of a caller who is known by now. Where the caller stands is written on the answer.
pub fn check_rate(
    rates: &RateLimits,
    info: &RequestInfo,
    organization_id: &OrganizationId,
    application_id: &String,
) -> Result<(), ApiError> {
    match rates.check(organization_id, application_id) {
        Ok(state) => {
            if let Some(state) = state {
                info.note_rate(state);
            }
            Ok(())
        }
        Err(throttled) => {
            info.note_rate(throttled.state);
            let secs = throttled.retry_after_secs;
            let message = format!("Rate limit is exceeded. Try again in {secs} seconds.");
            Err(ApiError::new(StatusCode::TOO_MANY_REQUESTS, message).at_gate().retry_after_secs(secs))
        }
    }
}

/// What the server loop knows of a request; among the request's extensions as `Arc<RequestInfo>`.
#[derive(Debug)]
pub struct RequestInfo {
    /// The server's id of the request.
    pub id: Uuid,
    echoes: [(HeaderName, Option<HeaderValue>); 3],
    rate: Mutex<Option<RateState>>,
    caller: OnceLock<Identity>,
}

impl RequestInfo {
    /// Gives the request an id and notes the ids that the client sent.
    pub fn new(headers: &HeaderMap, random: &Random) -> Self {
        let echoes = [CLIENT_REQUEST_ID, CORRELATION_ID, MS_REQUEST_ID].map(|name| {
            let value = headers.get(&name).filter(|it| is_echoed(it)).cloned();
            (name, value)
        });
        Self { id: random.uuid(), echoes, rate: Mutex::default(), caller: OnceLock::new() }
    }

    /// Notes whose call it is, for the request log.
    pub fn note_caller(&self, caller: Identity) {
        // Whoever called first made the call.
        let _ = self.caller.set(caller);
    }

    /// Returns whose call it is, as far as that is known.
    pub fn caller(&self) -> Option<&Identity> {
        self.caller.get()
    }

    /// Notes where the caller stands with its rate limit; of a batch, after its last request.
    pub fn note_rate(&self, state: RateState) {
        *self.rate.lock() = Some(state);
    }

    /// Writes ids and rate limit on the answer.
    pub fn write(&self, headers: &mut HeaderMap) {
        let mut buffer = Uuid::encode_buffer();
        if let Ok(id) = HeaderValue::from_str(self.id.hyphenated().encode_lower(&mut buffer)) {
            headers.insert(REQUEST_ID, id);
        }
        for (name, value) in &self.echoes {
            if let Some(value) = value {
                headers.insert(name.clone(), value.clone());
            }
        }
        if let Some(rate) = *self.rate.lock() {
            headers.insert(RATE_LIMIT, HeaderValue::from(rate.limit));
            headers.insert(RATE_REMAINING, HeaderValue::from(rate.remaining));
            headers.insert(RATE_RESET, HeaderValue::from(rate.reset_secs));
        }
    }
}

fn is_echoed(value: &HeaderValue) -> bool {
    let bytes = value.as_bytes();
    !bytes.is_empty() && bytes.len() <= ECHO_BYTES_MAX && bytes.iter().all(u8::is_ascii_graphic)
}

/// Reads a whole body, or refuses one that is too large (413), too slow (408) or broken (400).
pub async fn read_body<B>(body: B, limits: &Limits) -> Result<Bytes, ApiError>
where
    B: Body<Data = Bytes> + Unpin,
{
    read_body_with_grace(body, limits, BODY_GRACE).await
}

async fn read_body_with_grace<B>(mut body: B, limits: &Limits, grace: Duration) -> Result<Bytes, ApiError>
where
    B: Body<Data = Bytes> + Unpin,
{
    let announced = body.size_hint().lower();
    if usize::try_from(announced).map_or(true, |it| it > limits.body_bytes_max) {
        return Err(body_too_large(limits));
    }
    let started = Instant::now();
    let mut first = Bytes::new();
    let mut all = BytesMut::new();
    loop {
        let received = first.len().max(all.len());
        let frame = match timeout_at(started + grace + time_for(received, limits), body.frame()).await {
            Err(_) => return Err(body_too_slow(limits)),
            Ok(Some(Err(_))) => return Err(body_broken()),
            Ok(Some(Ok(frame))) => frame,
            Ok(None) if all.is_empty() => return Ok(first),
            Ok(None) => return Ok(all.freeze()),
        };
        let Ok(data) = frame.into_data() else { continue };
        if received + data.len() > limits.body_bytes_max {
            return Err(body_too_large(limits));
        }
        // Most bodies come in one piece, which is handed on as it is.
        if received == 0 {
            first = data;
            continue;
        }
        if all.is_empty() {
            all.reserve(usize::try_from(announced).unwrap_or(0).max(received + data.len()));
            all.extend_from_slice(&first);
        }
        all.extend_from_slice(&data);
    }
}

/// Returns the time in which so many bytes must have come.
fn time_for(bytes: usize, limits: &Limits) -> Duration {
    let millis = (bytes as u64).saturating_mul(1000) / limits.body_bytes_per_sec_min.max(1);
    Duration::from_millis(millis)
}

fn body_too_large(limits: &Limits) -> ApiError {
    let message = format!("the body is larger than the limit of {} bytes", limits.body_bytes_max);
    ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, message).inner("bodyTooLarge")
}

fn body_too_slow(limits: &Limits) -> ApiError {
    let message = format!("the body came more slowly than {} bytes a second", limits.body_bytes_per_sec_min);
    ApiError::new(StatusCode::REQUEST_TIMEOUT, message).inner("bodyTooSlow").closing()
}

fn body_broken() -> ApiError {
    ApiError::new(StatusCode::BAD_REQUEST, "the body ended early or is not well-formed")
        .inner("bodyBroken")
        .closing()
}

impl ApiError {
    /// Closes the connection after the answer.
    #[must_use]
    pub fn closing(self) -> Self {
        self.header(header::CONNECTION, HeaderValue::from_static("close"))
    }
}

#[cfg(test)]
mod tests;
