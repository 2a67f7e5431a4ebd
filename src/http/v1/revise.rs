//! `PUT` and `PATCH` of a referral.

use axum::{
    body::Body,
    extract::{Path, RawQuery, State, rejection::PathRejection},
    response::Response,
};
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use utoipa::{IntoResponses, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::answers::{Preferences, Return, Written, validates_only, written};
use crate::{
    app::App,
    domain::{actor::Actor, referral::Referral},
    http::{
        error::{ApiError, ErrorEnvelope},
        extract::{if_match, referral_id, require_json},
        limits::read_body,
    },
    service::referrals::{self, ReviseAnswer, ReviseRequest, Wish},
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
        ReviseFailures,
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
    let sent = Sent::read(&app, id, query.as_deref(), &headers, body).await?;
    revise(
        &app,
        &actor,
        sent.request(Wish::Replace(&sent.body), None),
        (sent.preferences, Return::Representation),
    )
    .await
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
        ReviseFailures,
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
    let sent = Sent::read(&app, id, query.as_deref(), &headers, body).await?;
    // Without the document unless it is asked for ("Update a lead or opportunity", 2020).
    revise(&app, &actor, sent.request(Wish::Patch(&sent.body), None), (sent.preferences, Return::Minimal))
        .await
}

/// What every write on a referral that is there brings.
pub(super) struct Sent {
    id: Uuid,
    pub(super) body: Bytes,
    pub(super) preferences: Preferences,
    if_match: Option<String>,
    pub(super) is_validated_only: bool,
}

impl Sent {
    /// Reads what was sent, up to the end of the body.
    pub(super) async fn read(
        app: &App,
        id: Result<Path<String>, PathRejection>,
        query: Option<&str>,
        headers: &HeaderMap,
        body: Body,
    ) -> Result<Self, ApiError> {
        require_json(headers)?;
        let id = referral_id(id)?;
        let is_validated_only = validates_only(query)?;
        let body = read_body(body, &app.config.limits).await?;
        let (preferences, if_match) = (Preferences::read(headers), if_match(headers));
        Ok(Self { id, body, preferences, if_match, is_validated_only })
    }

    /// Returns it as the operation takes it.
    pub(super) fn request<'a>(
        &'a self,
        wish: Wish<'a>,
        idempotency_key: Option<&'a str>,
    ) -> ReviseRequest<'a> {
        ReviseRequest {
            id: self.id,
            wish,
            if_match: self.if_match.as_deref(),
            handling: self.preferences.handling(),
            merges: self.preferences.merges,
            validates_only: self.is_validated_only,
            idempotency_key,
        }
    }
}

/// How every write on a referral that is there can fail.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "only the description is made of it")]
pub(super) enum ReviseFailures {
    /// Every problem of the request, a `PUT` without If-Match, or an app-only token
    #[response(status = 400)]
    BadRequest(#[to_schema] ErrorEnvelope),
    /// No token, or one that is not accepted
    #[response(status = 401)]
    Unauthorized(#[to_schema] ErrorEnvelope),
    /// No Referrals role, or another side of the referral may do it
    #[response(status = 403)]
    Forbidden(#[to_schema] ErrorEnvelope),
    /// No such referral or action, or not visible
    #[response(status = 404)]
    NotFound(#[to_schema] ErrorEnvelope),
    /// The body came too slowly
    #[response(status = 408)]
    TooSlow(#[to_schema] ErrorEnvelope),
    /// The referral kept changing, or a twin request is under way
    #[response(status = 409)]
    Conflict(#[to_schema] ErrorEnvelope),
    /// The referral changed since it was read; `error.conflict` says where
    #[response(status = 412)]
    Stale(#[to_schema] ErrorEnvelope),
    /// The body is too large
    #[response(status = 413)]
    TooLarge(#[to_schema] ErrorEnvelope),
    /// The body is not JSON
    #[response(status = 415)]
    NotJson(#[to_schema] ErrorEnvelope),
    /// Too many requests
    #[response(status = 429)]
    TooMany(#[to_schema] ErrorEnvelope),
    /// Too busy, or the database does not answer
    #[response(status = 503)]
    Unavailable(#[to_schema] ErrorEnvelope),
    /// The disk is full
    #[response(status = 507)]
    Full(#[to_schema] ErrorEnvelope),
}

/// Does a write and answers it.
pub(super) async fn revise(
    app: &App,
    actor: &Actor,
    request: ReviseRequest<'_>,
    (preferences, usual): (Preferences, Return),
) -> Result<Response, ApiError> {
    let answer = referrals::revise(&app.context, actor, request).await?;
    Ok(revised(answer, request.validates_only, (preferences, usual)))
}

/// Answers a write that was done.
pub(super) fn revised(
    answer: ReviseAnswer,
    is_validated_only: bool,
    (preferences, usual): (Preferences, Return),
) -> Response {
    let ReviseAnswer { view, report, is_merged, is_replay } = answer;
    let outcome = Written { view, report, is_merged, is_replay, is_validated_only, usual };
    written(StatusCode::OK, outcome, preferences)
}
