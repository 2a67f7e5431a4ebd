//! What handlers ask a request for: who calls, and what the headers say.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header, request::Parts};

use super::{
    error::ApiError,
    limits::{self, CLIENT_REQUEST_ID, MS_REQUEST_ID, RequestInfo},
    paths::Surface,
};
use crate::{app::App, auth::Audiences, domain::actor::Actor};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const IDEMPOTENCY_KEY_BYTES_MAX: usize = 255;
const PREFER: HeaderName = HeaderName::from_static("prefer");

/// A user with a Referrals role; everybody else is refused before anything is looked up.
impl FromRequestParts<App> for Actor {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let accepted = match parts.extensions.get::<Surface>() {
            Some(Surface::Either) => Audiences::EITHER,
            Some(Surface::Partner) | None => Audiences::PARTNER,
        };
        let mut sent = parts.headers.get_all(header::AUTHORIZATION).iter();
        let authorization = match (sent.next(), sent.next()) {
            (Some(only), None) => Some(only.to_str().unwrap_or_default()),
            (None, _) => None,
            (Some(_), Some(_)) => Some(""),
        };
        let actor = app.authenticator.authenticate(authorization, accepted).await?.referrals_actor()?;
        if let Some(info) = parts.extensions.get::<Arc<RequestInfo>>() {
            limits::check_rate(&app.rates, info, &actor.organization_id, &actor.application_id)?;
        }
        Ok(actor)
    }
}

/// Returns what makes a repetition of this call recognisable: `Idempotency-Key`, else `MS-RequestId`, else,
/// if the operator wants it, `client-request-id` (some clients send a constant there).
///
/// Only the first is refused when it is malformed; the others are ids first, and then count for nothing.
pub(super) fn idempotency_key<'a>(headers: &'a HeaderMap, app: &App) -> Result<Option<&'a str>, ApiError> {
    if let Some(value) = headers.get(IDEMPOTENCY_KEY) {
        return as_key(value).map(Some).ok_or_else(|| {
            let message = format!(
                "the header Idempotency-Key must have 1 to {IDEMPOTENCY_KEY_BYTES_MAX} visible ASCII characters"
            );
            ApiError::new(StatusCode::BAD_REQUEST, message).inner("invalidHeader").target("Idempotency-Key")
        });
    }
    let request_id = headers.get(MS_REQUEST_ID).and_then(as_key);
    let client_request_id = || headers.get(CLIENT_REQUEST_ID).and_then(as_key);
    Ok(match app.config.idempotency.use_client_request_id {
        true => request_id.or_else(client_request_id),
        false => request_id,
    })
}

fn as_key(value: &HeaderValue) -> Option<&str> {
    value.to_str().ok().filter(|it| (1..=IDEMPOTENCY_KEY_BYTES_MAX).contains(&it.len()))
}

/// Refuses a body that says it is something other than JSON. One that says nothing is taken for JSON.
pub(super) fn require_json(headers: &HeaderMap) -> Result<(), ApiError> {
    let Some(value) = headers.get(header::CONTENT_TYPE) else { return Ok(()) };
    let text = value.to_str().unwrap_or_default();
    let essence = text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if essence.is_empty()
        || essence == "application/json"
        || essence == "text/json"
        || essence.ends_with("+json")
    {
        return Ok(());
    }
    let message =
        format!("the content type \"{}\" is not accepted; send application/json", text.escape_default());
    Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, message)
        .inner("unsupportedMediaType")
        .target("Content-Type"))
}

/// Says whether the caller prefers `preference` (RFC 7240), such as `report=changes`.
pub(super) fn prefers(headers: &HeaderMap, preference: &str) -> bool {
    headers.get_all(PREFER).iter().filter_map(|it| it.to_str().ok()).flat_map(|it| it.split(',')).any(|it| {
        it.split(';')
            .next()
            .unwrap_or_default()
            .trim()
            .replace([' ', '"'], "")
            .eq_ignore_ascii_case(preference)
    })
}
