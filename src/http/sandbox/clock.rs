//! `/sandbox/clock`: reads the sandbox's clock, and puts it forward.

use axum::{Json, body::Body, extract::State};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::BodyFailures;
use crate::{
    app::App,
    domain::sources::MovableClock,
    http::{
        error::{ApiError, ErrorEnvelope},
        extract::require_json,
        limits::read_body,
    },
    sandbox::walk::{self, Moved},
    service::clock::{self, ClockState},
};

pub(super) const JSON: [(HeaderName, HeaderValue); 1] =
    [(header::CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"))];

pub(super) type Answer<T> = ([(HeaderName, HeaderValue); 1], Json<T>);

/// What the handlers share.
#[derive(Clone, Debug)]
pub struct Sandbox {
    /// The server.
    pub app: App,
    /// Its clock.
    pub clock: MovableClock,
}

/// A request to put the clock forward, to hold it, or to let it run: one member or two.
#[derive(utoipa::ToSchema)]
#[schema(min_properties = 1)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "it describes the body, which is read member by member")]
struct ClockRequest {
    /// How far: in words (`15 days`, `1 day 6 hours`), in ISO 8601 (`P15D`), or as a number of seconds.
    #[schema(value_type = Duration, required = false, examples("15 days"))]
    advance: Option<Duration>,
    /// Until when, in place of how far.
    #[schema(value_type = String, format = DateTime, required = false)]
    set: Option<String>,
    /// Whether the clock is held there.
    #[schema(value_type = bool, required = false)]
    frozen: Option<bool>,
}

/// A text or a number.
#[derive(utoipa::ToSchema)]
#[schema(as = Duration)]
#[serde(untagged)]
#[expect(dead_code, reason = "it describes the body, which is read member by member")]
enum Duration {
    /// In words, or in ISO 8601.
    Text(String),
    /// Seconds.
    Seconds(f64),
}

/// Returns the routes.
pub fn router() -> OpenApiRouter<Sandbox> {
    OpenApiRouter::new().routes(routes!(read, advance))
}

/// Reads the clock.
///
/// Served in a sandbox only.
#[utoipa::path(
    get,
    path = "/sandbox/clock",
    tag = "Sandbox",
    responses((status = 200, description = "Where the clock stands", body = ClockState))
)]
async fn read(State(sandbox): State<Sandbox>) -> Answer<ClockState> {
    (JSON, Json(clock::read(&sandbox.clock)))
}

/// Puts the clock forward, holds it, lets it run.
///
/// Whatever is due until then happens before the answer comes, each at its own moment and in order: referrals expire,
/// counterparts act, the generator makes, webhooks are tried again, tokens age.
#[utoipa::path(
    post,
    path = "/sandbox/clock",
    tag = "Sandbox",
    request_body(content = ClockRequest),
    responses(
        (status = 200, description = "Where the clock stands, and what has happened on the way", body = Moved),
        BodyFailures,
        (status = 507, description = "The disk is full", body = ErrorEnvelope),
    )
)]
async fn advance(
    State(sandbox): State<Sandbox>,
    headers: HeaderMap,
    body: Body,
) -> Result<Answer<Moved>, ApiError> {
    require_stated_json(&headers)?;
    let body = read_body(body, &sandbox.app.config.limits).await?;
    let moved = walk::steer(&sandbox.app.context, &sandbox.clock, &body).await?;
    Ok((JSON, Json(moved)))
}

/// Refuses a body that does not say that it is JSON. A page on another site can make a browser send a body that says
/// nothing, but not one that says JSON, without asking this server first; and here no token stands in its way.
pub(super) fn require_stated_json(headers: &HeaderMap) -> Result<(), ApiError> {
    if headers.get(header::CONTENT_TYPE).is_none_or(|it| it.as_bytes().trim_ascii().is_empty()) {
        let message = "the request names no content type; send application/json";
        return Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, message)
            .inner("unsupportedMediaType")
            .target("Content-Type"));
    }
    require_json(headers)
}
