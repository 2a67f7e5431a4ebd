//! The second surface, that of the Partner Center API: its routes, its headers and the shape of its failures.
//!
//! Handlers fail as everywhere else. [`finish`] writes every failure below a path of this surface in its shape, those
//! of the gate and of paths that lead nowhere too.

mod audit;
mod registration;
mod status_names;

use axum::{body::Body, response::Response};
use http::{HeaderName, HeaderValue, StatusCode, header, request::Parts};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::{IntoResponses, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use uuid::Uuid;

use super::{
    error::{ErrorDetail, Refused},
    limits::{CORRELATION_ID, MS_REQUEST_ID},
    paths::Surface,
};
use crate::app::App;

const LOCALE: HeaderName = HeaderName::from_static("x-locale");
const LOCALE_BYTES_MAX: usize = 35;

/// A failure, as this surface says it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PartnerCenterError {
    /// A number where Partner Center documents one, else a word.
    code: Value,
    /// What went wrong, for developers.
    description: String,
    /// Every problem of the request.
    #[schema(value_type = Vec<Object>)]
    data: Value,
    /// Who says so.
    source: &'static str,
    /// The gateway's repeat of the status; only where there were too many requests.
    #[serde(rename = "statusCode", skip_serializing_if = "Option::is_none")]
    status_code: Option<u16>,
    /// The gateway's repeat of the text; only where there were too many requests.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
}

/// How every call can fail.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "only the description is made of it")]
pub(super) enum Failures {
    /// Every problem of the request
    #[response(status = 400)]
    BadRequest(#[to_schema] PartnerCenterError),
    /// No token, or one that is not accepted
    #[response(status = 401)]
    Unauthorized(#[to_schema] PartnerCenterError),
    /// The caller may not do this
    #[response(status = 403)]
    Forbidden(#[to_schema] PartnerCenterError),
    /// There is none
    #[response(status = 404)]
    NotFound(#[to_schema] PartnerCenterError),
    /// There is one already
    #[response(status = 409)]
    Conflict(#[to_schema] PartnerCenterError),
    /// Too many requests
    #[response(status = 429)]
    TooMany(#[to_schema] PartnerCenterError),
    /// Too busy, or the database does not answer
    #[response(status = 503)]
    Unavailable(#[to_schema] PartnerCenterError),
}

/// Returns the routes.
pub(super) fn router() -> OpenApiRouter<App> {
    registration::router().merge(audit::router())
}

/// Returns the language that a request asks for, if it is one to this surface.
pub(super) fn locale(parts: &Parts) -> Option<HeaderValue> {
    if parts.extensions.get::<Surface>() != Some(&Surface::PartnerCenter) {
        return None;
    }
    let is_locale = |it: &HeaderValue| {
        let bytes = it.as_bytes();
        (1..=LOCALE_BYTES_MAX).contains(&bytes.len())
            && bytes.iter().all(|it| it.is_ascii_alphanumeric() || *it == b'-')
    };
    let sent = parts.headers.get(LOCALE).filter(|it| is_locale(it)).cloned();
    Some(sent.unwrap_or(HeaderValue::from_static("en-US")))
}

/// Writes the headers of this surface, and a failure in its shape.
pub(super) fn finish(response: &mut Response<Body>, request_id: Uuid, locale: HeaderValue) {
    let id = HeaderValue::try_from(request_id.to_string());
    let headers = response.headers_mut();
    headers.insert(LOCALE, locale);
    headers.append(header::VARY, HeaderValue::from_static("X-Locale"));
    for name in [CORRELATION_ID, MS_REQUEST_ID] {
        if let (Ok(id), false) = (&id, headers.contains_key(&name)) {
            headers.insert(name, id.clone());
        }
    }
    let status = response.status();
    let Some(Refused(refused)) = response.extensions().get::<Refused>().cloned() else { return };
    let is_throttled = status == StatusCode::TOO_MANY_REQUESTS;
    let error = PartnerCenterError {
        code: code(refused.precise_code()),
        description: refused.message().to_owned(),
        data: data(refused.details()),
        source: "Liaison",
        status_code: is_throttled.then_some(status.as_u16()),
        message: is_throttled.then(|| refused.message().to_owned()),
    };
    if let Ok(body) = serde_json::to_vec(&error) {
        response.headers_mut().remove(header::CONTENT_LENGTH);
        *response.body_mut() = Body::from(body);
    }
}

/// Returns the documented number of a failure ("Error codes", 2024), or its word.
fn code(word: &'static str) -> Value {
    match word {
        "tokenAudienceInvalid" => json!(900_420),
        "mfaRequired" => json!(900_421),
        "webhookAdminRequired" | "referralsRoleRequired" => json!(900_308),
        word => json!(word),
    }
}

fn data(details: &[ErrorDetail]) -> Value {
    serde_json::to_value(details).unwrap_or_default()
}
