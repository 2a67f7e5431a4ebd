//! `/v1.0/engagements/referrals`: make a referral, read one.

use axum::{
    body::Body,
    extract::{Path, RawQuery, State, rejection::PathRejection},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::answers::{
    Preferences, Return, Written, etag_value, in_format, json_body, validates_only, written,
};
use crate::{
    app::App,
    domain::{actor::Actor, etag::ETag, referral::Referral},
    http::{
        error::{ApiError, ErrorEnvelope},
        extract::{idempotency_key, referral_id, require_json},
        format::Format,
        limits::read_body,
    },
    service::referrals::{self, CreateAnswer, CreateRequest, Shape},
};

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
        ("Prefer" = Option<String>, Header, description = "`report=changes` adds what was applied, ignored and normalised, as `@liaison.report`; `handling=strict` refuses members without effect"),
        ("validateOnly" = Option<bool>, Query, description = "Judges everything and stores nothing"),
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
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let sent = SentCreate::read(&app, query.as_deref(), &headers, body).await?;
    let answer = referrals::create(&app.context, &actor, sent.request()).await?;
    Ok(sent.answer(&app, answer))
}

/// What a create call brings.
pub(super) struct SentCreate {
    body: Bytes,
    idempotency_key: Option<String>,
    preferences: Preferences,
    is_validated_only: bool,
}

impl SentCreate {
    /// Reads what was sent, up to the end of the body.
    pub(super) async fn read(
        app: &App,
        query: Option<&str>,
        headers: &HeaderMap,
        body: Body,
    ) -> Result<Self, ApiError> {
        require_json(headers)?;
        let idempotency_key = idempotency_key(headers, app)?.map(str::to_owned);
        let body = read_body(body, &app.config.limits).await?;
        let preferences = Preferences { merges: false, returns: None, ..Preferences::read(headers) };
        let is_validated_only = validates_only(query)?;
        Ok(Self { body, idempotency_key, preferences, is_validated_only })
    }

    /// Returns it as the operation takes it.
    pub(super) fn request(&self) -> CreateRequest<'_> {
        CreateRequest {
            body: &self.body,
            idempotency_key: self.idempotency_key.as_deref(),
            handling: self.preferences.handling(),
            validates_only: self.is_validated_only,
        }
    }

    /// Answers it.
    pub(super) fn answer(&self, app: &App, answer: CreateAnswer) -> Response {
        let location = format!("{}/v1.0/engagements/referrals/{}", app.public_url, answer.id);
        let status = StatusCode::from_u16(app.config.created_status).unwrap_or(StatusCode::OK);
        let (view, report, is_replay) = (answer.view, answer.report, answer.is_replay);
        let is_validated_only = self.is_validated_only;
        let usual = Return::Representation;
        let outcome = Written { view, report, is_merged: false, is_validated_only, is_replay, usual };
        let mut response = written(status, outcome, self.preferences);
        let headers = response.headers_mut();
        if let (false, Ok(location)) = (is_validated_only, HeaderValue::from_str(&location)) {
            headers.insert(header::LOCATION, location);
        }
        response
    }
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
        ("$select" = Option<String>, Query, description = "Members that are wanted, such as `id,status,customerProfile/name`"),
        ("$expand" = Option<String>, Query, description = "`relatedReferrals`: the visible referrals of the same engagement"),
        ("If-None-Match" = Option<String>, Header, description = "Tokens that the caller has; 304 when one is current"),
    ),
    responses(
        (status = 200, description = "The referral, as the caller may see it", body = Referral, headers(
            ("ETag" = String, description = "The same token as the member eTag"),
        )),
        (status = 304, description = "The caller has the current document"),
        (status = 400, description = "A query that is wrong, or an app-only token", body = ErrorEnvelope),
        (status = 401, description = "No token, or one that is not accepted", body = ErrorEnvelope),
        (status = 403, description = "No Referrals role", body = ErrorEnvelope),
        (status = 404, description = "No such referral, or not visible", body = ErrorEnvelope),
        (status = 406, description = "No format that is wanted is served", body = ErrorEnvelope),
        (status = 429, description = "Too many requests", body = ErrorEnvelope),
        (status = 503, description = "Too busy, or the database does not answer", body = ErrorEnvelope),
    )
)]
async fn get(
    State(app): State<App>,
    actor: Actor,
    id: Result<Path<String>, PathRejection>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let (shape, format) = match query {
        Some(query) => referrals::entity_query(&app.context, &query)?,
        None => (Shape::default(), None),
    };
    let format = Format::read(&headers, format.as_deref())?;
    let found = referrals::read(&app.context, &actor, referral_id(id)?, &shape).await?;
    let etag = etag_value(found.etag);
    let mut response = match is_current(&headers, found.etag) {
        true => StatusCode::NOT_MODIFIED.into_response(),
        false => json_body(in_format(&app.public_url, found, format), format),
    };
    response.headers_mut().insert(header::ETAG, etag);
    Ok(response)
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
