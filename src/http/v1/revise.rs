//! `PUT` and `PATCH` of a referral.

use axum::{
    body::Body,
    extract::{Path, RawQuery, State, rejection::PathRejection},
    response::Response,
};
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::answers::{Preferences, Return, Written, validates_only, written};
use crate::{
    app::App,
    domain::{actor::Actor, referral::Referral},
    http::{
        error::{ApiError, ErrorEnvelope},
        extract::{if_match, referral_id, require_json},
        limits::read_body,
    },
    service::referrals::{self, ReviseRequest, Wish},
};

/// Returns the routes.
pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(replace)).routes(routes!(patch))
}

/// An operation of a JSON Patch.
#[derive(Debug, Serialize, ToSchema)]
pub struct PatchOperation {
    /// `add` or `replace`.
    op: String,
    /// JSON pointer of the member, in any case.
    path: String,
    /// The value.
    #[schema(value_type = serde_json::Value)]
    value: (),
}

/// Replaces a referral.
///
/// A member that is absent is kept. Members that the server owns are tolerated and have no effect. Status and substatus
/// make a move of the lifecycle.
#[utoipa::path(
    put,
    path = "/v1.0/engagements/referrals/{id}",
    tag = "Referrals",
    security(("bearer" = [])),
    params(
        ("id" = Uuid, Path, description = "Id of the referral"),
        ("If-Match" = String, Header, description = "The eTag of the referral that was read; `*` for any"),
        ("Prefer" = Option<String>, Header, description = "`report=changes`, `handling=strict`, `resolution=merge`"),
        ("validateOnly" = Option<bool>, Query, description = "Judges everything and stores nothing"),
    ),
    request_body(content = Referral),
    responses(
        (status = 200, description = "The referral after it", body = Referral, headers(
            ("ETag" = String, description = "The new token"),
        )),
        (status = 204, description = "The same, where the caller prefers return=minimal"),
        (status = 400, description = "Every problem of the request, no If-Match, or an app-only token", body = ErrorEnvelope),
        (status = 401, description = "No token, or one that is not accepted", body = ErrorEnvelope),
        (status = 403, description = "No Referrals role, or the referral is another organisation's", body = ErrorEnvelope),
        (status = 404, description = "No such referral, or not visible", body = ErrorEnvelope),
        (status = 408, description = "The body came too slowly", body = ErrorEnvelope),
        (status = 409, description = "The referral kept changing", body = ErrorEnvelope),
        (status = 412, description = "The referral changed since it was read; `error.conflict` says where", body = ErrorEnvelope),
        (status = 413, description = "The body is too large", body = ErrorEnvelope),
        (status = 415, description = "The body is not JSON", body = ErrorEnvelope),
        (status = 429, description = "Too many requests", body = ErrorEnvelope),
        (status = 503, description = "Too busy, or the database does not answer", body = ErrorEnvelope),
        (status = 507, description = "The disk is full", body = ErrorEnvelope),
    )
)]
async fn replace(
    State(app): State<App>,
    actor: Actor,
    id: Result<Path<String>, PathRejection>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    require_json(&headers)?;
    let id = referral_id(id)?;
    let is_validated_only = validates_only(query.as_deref())?;
    let body = read_body(body, &app.config.limits).await?;
    let (preferences, if_match) = (Preferences::read(&headers), if_match(&headers));
    let request = ReviseRequest {
        id,
        wish: Wish::Replace(&body),
        if_match: if_match.as_deref(),
        handling: preferences.handling(),
        merges: preferences.merges,
        validates_only: is_validated_only,
        idempotency_key: None,
    };
    revise(&app, &actor, request, (preferences, Return::Representation)).await
}

/// Changes members of a referral.
///
/// A JSON Patch of `add` and `replace`, applied as a whole or not at all. The move of the lifecycle is judged after
/// all operations, so status and substatus go together.
#[utoipa::path(
    patch,
    path = "/v1.0/engagements/referrals/{id}",
    tag = "Referrals",
    security(("bearer" = [])),
    params(
        ("id" = Uuid, Path, description = "Id of the referral"),
        ("If-Match" = Option<String>, Header, description = "The eTag of the referral that was read; checked when present"),
        ("Prefer" = Option<String>, Header, description = "`return=representation`, `return=minimal`, `report=changes`, `handling=strict`, `resolution=merge`"),
        ("validateOnly" = Option<bool>, Query, description = "Judges everything and stores nothing"),
    ),
    request_body(content(
        (Vec<PatchOperation> = "application/json"),
        (Vec<PatchOperation> = "application/json-patch+json"),
    )),
    responses(
        (status = 200, description = "The referral after it, where the caller prefers return=representation", body = Referral, headers(
            ("ETag" = String, description = "The new token"),
        )),
        (status = 204, description = "Done", headers(
            ("ETag" = String, description = "The new token"),
        )),
        (status = 400, description = "Every problem of the request, or an app-only token", body = ErrorEnvelope),
        (status = 401, description = "No token, or one that is not accepted", body = ErrorEnvelope),
        (status = 403, description = "No Referrals role, or the referral is another organisation's", body = ErrorEnvelope),
        (status = 404, description = "No such referral, or not visible", body = ErrorEnvelope),
        (status = 408, description = "The body came too slowly", body = ErrorEnvelope),
        (status = 409, description = "The referral kept changing", body = ErrorEnvelope),
        (status = 412, description = "The referral changed since it was read; `error.conflict` says where", body = ErrorEnvelope),
        (status = 413, description = "The body is too large", body = ErrorEnvelope),
        (status = 415, description = "The body is not JSON", body = ErrorEnvelope),
        (status = 429, description = "Too many requests", body = ErrorEnvelope),
        (status = 503, description = "Too busy, or the database does not answer", body = ErrorEnvelope),
        (status = 507, description = "The disk is full", body = ErrorEnvelope),
    )
)]
async fn patch(
    State(app): State<App>,
    actor: Actor,
    id: Result<Path<String>, PathRejection>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    require_json(&headers)?;
    let id = referral_id(id)?;
    let is_validated_only = validates_only(query.as_deref())?;
    let body = read_body(body, &app.config.limits).await?;
    let (preferences, if_match) = (Preferences::read(&headers), if_match(&headers));
    let request = ReviseRequest {
        id,
        wish: Wish::Patch(&body),
        if_match: if_match.as_deref(),
        handling: preferences.handling(),
        merges: preferences.merges,
        validates_only: is_validated_only,
        idempotency_key: None,
    };
    // Without the document unless it is asked for ("Update a lead or opportunity", 2020).
    revise(&app, &actor, request, (preferences, Return::Minimal)).await
}

/// Does a write and answers it.
pub(super) async fn revise(
    app: &App,
    actor: &Actor,
    request: ReviseRequest<'_>,
    (preferences, usual): (Preferences, Return),
) -> Result<Response, ApiError> {
    let answer = referrals::revise(&app.context, actor, request).await?;
    let (view, report, is_merged) = (answer.view, answer.report, answer.is_merged);
    let is_validated_only = request.validates_only;
    let outcome = Written { view, report, is_merged, is_replay: answer.is_replay, is_validated_only, usual };
    Ok(written(StatusCode::OK, outcome, preferences))
}
