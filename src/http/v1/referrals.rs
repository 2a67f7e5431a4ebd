//! `/v1.0/engagements/referrals`: make a referral, read one.

use axum::{
    body::Body,
    extract::{Path, State, rejection::PathRejection},
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use serde_json::json;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use crate::{
    app::App,
    domain::{actor::Actor, etag::ETag, referral::Referral, report::Report, view::View},
    http::{
        error::{ApiError, ErrorEnvelope},
        extract::{idempotency_key, prefers, require_json},
        failure::not_found,
        limits::read_body,
    },
    service::referrals::{self, CreateRequest},
};

const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");
const REPORT: &str = "report=changes";

/// Returns the routes.
pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(create)).routes(routes!(get))
}

/// Makes a referral.
///
/// The owner follows from `target`; without one, from `organizationId`; else it is the caller's organisation.
/// A record of the caller's own starts Active/Accepted; one for another organisation starts New/Pending and
/// waits 14 days for an answer. Every problem of a request is reported at once, in `error.details`.
#[utoipa::path(
    post,
    path = "/v1.0/engagements/referrals",
    tag = "Referrals",
    security(("bearer" = [])),
    params(
        ("Idempotency-Key" = Option<String>, Header, description = "Makes a retry safe for 24 hours; MS-RequestId does too"),
        ("Prefer" = Option<String>, Header, description = "`report=changes` adds what was ignored and normalised, as `@liaison.report`"),
    ),
    request_body(content = Referral),
    responses(
        (status = 200, description = "The new referral", body = Referral, headers(
            ("ETag" = String, description = "The same token as the member eTag"),
            ("Location" = String, description = "Address of the referral"),
        )),
        (status = 201, description = "The same, where the operator prefers 201", body = Referral),
        (status = 400, description = "Every problem of the request, or an app-only token", body = ErrorEnvelope),
        (status = 401, description = "No token, or one that is not accepted", body = ErrorEnvelope),
        (status = 403, description = "No Referrals role", body = ErrorEnvelope),
        (status = 404, description = "A replay of a call whose referral is not visible any more", body = ErrorEnvelope),
        (status = 408, description = "The body came too slowly", body = ErrorEnvelope),
        (status = 409, description = "The engagement has a referral of that party, or a twin request is under way", body = ErrorEnvelope),
        (status = 413, description = "The body is too large", body = ErrorEnvelope),
        (status = 415, description = "The body is not JSON", body = ErrorEnvelope),
        (status = 422, description = "The idempotency key was used with another body", body = ErrorEnvelope),
        (status = 429, description = "Too many requests", body = ErrorEnvelope),
        (status = 503, description = "Too busy, or the database does not answer", body = ErrorEnvelope),
        (status = 507, description = "The disk is full", body = ErrorEnvelope),
    )
)]
async fn create(
    State(app): State<App>,
    actor: Actor,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    require_json(&headers)?;
    let idempotency_key = idempotency_key(&headers, &app)?;
    let body = read_body(body, &app.config.limits).await?;
    let request = CreateRequest { body: &body, idempotency_key };
    let answer = referrals::create(&app.context, &actor, request).await?;
    let location = format!("{}/v1.0/engagements/referrals/{}", app.public_url, answer.id);
    let status = StatusCode::from_u16(app.config.created_status).unwrap_or(StatusCode::OK);
    let wants_report = prefers(&headers, REPORT);
    let mut response = match wants_report {
        true => document(status, with_report(answer.view, &answer.report)),
        false => document(status, answer.view),
    };
    let headers = response.headers_mut();
    if let Ok(location) = HeaderValue::from_str(&location) {
        headers.insert(header::LOCATION, location);
    }
    if wants_report {
        headers.insert(PREFERENCE_APPLIED, HeaderValue::from_static(REPORT));
    }
    if answer.is_replay {
        headers.insert(REPLAYED, HeaderValue::from_static("true"));
    }
    Ok(response)
}

/// Reads a referral.
///
/// Unknown ids and ids of referrals that the caller may not see give the same 404.
#[utoipa::path(
    get,
    path = "/v1.0/engagements/referrals/{id}",
    tag = "Referrals",
    security(("bearer" = [])),
    params(
        ("id" = Uuid, Path, description = "Id of the referral"),
        ("If-None-Match" = Option<String>, Header, description = "Tokens that the caller has; 304 when one is current"),
    ),
    responses(
        (status = 200, description = "The referral, as the caller may see it", body = Referral, headers(
            ("ETag" = String, description = "The same token as the member eTag"),
        )),
        (status = 304, description = "The caller has the current document"),
        (status = 400, description = "An app-only token", body = ErrorEnvelope),
        (status = 401, description = "No token, or one that is not accepted", body = ErrorEnvelope),
        (status = 403, description = "No Referrals role", body = ErrorEnvelope),
        (status = 404, description = "No such referral, or not visible", body = ErrorEnvelope),
        (status = 429, description = "Too many requests", body = ErrorEnvelope),
        (status = 503, description = "Too busy, or the database does not answer", body = ErrorEnvelope),
    )
)]
async fn get(
    State(app): State<App>,
    actor: Actor,
    id: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let id = id.ok().and_then(|Path(id)| Uuid::try_parse(&id).ok()).ok_or_else(not_found)?;
    let view = referrals::read(&app.context, &actor, id).await?;
    if is_current(&headers, view.etag) {
        let mut response = StatusCode::NOT_MODIFIED.into_response();
        response.headers_mut().insert(header::ETAG, etag_value(view.etag));
        return Ok(response);
    }
    Ok(document(StatusCode::OK, view))
}

fn document(status: StatusCode, view: View) -> Response {
    let mut response = Response::new(Body::from(view.body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, JSON);
    response.headers_mut().insert(header::ETAG, etag_value(view.etag));
    response
}

fn etag_value(etag: ETag) -> HeaderValue {
    HeaderValue::try_from(etag.to_string()).expect("a token is hexadecimal digits, hyphens and quotes")
}

/// Says whether one of the tokens that the caller has is the current one.
fn is_current(headers: &HeaderMap, etag: ETag) -> bool {
    headers
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|it| it.to_str().ok())
        .flat_map(|it| it.split(','))
        .any(|tag| etag.is_matched_by(tag))
}

/// Adds the report as an instance annotation, which OData clients ignore unless they ask for it.
fn with_report(view: View, report: &Report) -> View {
    let mut body = view.body;
    // The last byte is the brace that closes the document.
    body.truncate(body.len().saturating_sub(1));
    let report = json!({ "ignored": report.ignored, "normalized": report.normalized });
    body.push_str(&format!(",\"@liaison.report\":{report}}}"));
    View { body, etag: view.etag }
}
