//! `/sandbox/seed`, `/sandbox/reset` and `/sandbox/snapshots`: the whole state of a sandbox.

use axum::{
    Json,
    body::Body,
    extract::{Path, State},
};
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    BodyFailures,
    clock::{Answer, JSON, Sandbox, require_stated_json},
};
use crate::{
    http::{
        error::{ApiError, ErrorEnvelope},
        limits::read_body,
    },
    sandbox::state::{self, Filled, Replaced, ShownSnapshot},
};

/// Referrals that are made before the answer comes; more are for the command `liaison sandbox seed`.
const FILLED_MAX: u64 = 5_000;

/// The copies of everything.
#[derive(Serialize, utoipa::ToSchema)]
struct Snapshots {
    value: Vec<ShownSnapshot>,
}

/// What a sandbox is to be filled with: a profile, or a number.
#[derive(utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "it describes the body, which is read member by member")]
struct FillRequest {
    /// `tiny` (30 referrals) or `demo` (500).
    #[schema(examples("tiny"))]
    profile: Option<String>,
    /// How many, in place of a profile; 5,000 at most.
    referrals: Option<u64>,
    /// Which ones: the same number and seed make the same ones. 1 by default.
    seed: Option<u64>,
}

/// Returns the routes.
pub(super) fn router() -> OpenApiRouter<Sandbox> {
    OpenApiRouter::new()
        .routes(routes!(seed))
        .routes(routes!(reset))
        .routes(routes!(list))
        .routes(routes!(save, delete))
        .routes(routes!(restore))
}

/// Adds referrals of realistic variety.
///
/// Served in a sandbox only.
#[utoipa::path(
    post,
    path = "/sandbox/seed",
    tag = "Sandbox",
    request_body(content = FillRequest),
    responses(
        (status = 200, description = "What was made", body = Filled),
        (status = 409, description = "The referrals of this seed are there already", body = ErrorEnvelope),
        BodyFailures,
    )
)]
async fn seed(
    State(sandbox): State<Sandbox>,
    headers: HeaderMap,
    body: Body,
) -> Result<Answer<Filled>, ApiError> {
    let filling = filling(&sandbox, &headers, body, None).await?;
    Ok((JSON, Json(state::fill(&sandbox.app.context.store, filling, |_| ()).await?)))
}

/// Deletes everything, and starts anew.
///
/// The companies are as at the beginning, the clock goes by the system's, and there are the referrals of a profile if
/// one is named. Snapshots stay.
#[utoipa::path(
    post,
    path = "/sandbox/reset",
    tag = "Sandbox",
    request_body(content = FillRequest),
    responses(
        (status = 200, description = "What is there", body = Replaced),
        BodyFailures,
    )
)]
async fn reset(
    State(sandbox): State<Sandbox>,
    headers: HeaderMap,
    body: Body,
) -> Result<Answer<Replaced>, ApiError> {
    let filling = filling(&sandbox, &headers, body, Some(0)).await?;
    Ok((JSON, Json(state::reset(&sandbox.app.context, &sandbox.clock, filling).await?)))
}

/// Lists the snapshots.
///
/// Served in a sandbox only.
#[utoipa::path(
    get,
    path = "/sandbox/snapshots",
    tag = "Sandbox",
    responses(
        (status = 200, description = "The snapshots, by name", body = Snapshots),
        (status = 503, description = "Too busy, or the database does not answer", body = ErrorEnvelope),
    )
)]
async fn list(State(sandbox): State<Sandbox>) -> Result<Answer<Snapshots>, ApiError> {
    let value = state::list(&sandbox.app.context.store).await?;
    Ok((JSON, Json(Snapshots { value })))
}

/// Keeps everything as it is at this moment, in place of an earlier snapshot of that name.
///
/// Served in a sandbox only.
#[utoipa::path(
    put,
    path = "/sandbox/snapshots/{name}",
    tag = "Sandbox",
    params(("name" = String, Path, description = "Up to 40 letters, digits and hyphens, lower case")),
    responses(
        (status = 200, description = "The snapshot", body = ShownSnapshot),
        (status = 400, description = "That is no name of a snapshot", body = ErrorEnvelope),
        (status = 507, description = "The disk is full", body = ErrorEnvelope),
        (status = 503, description = "Too busy, or the database does not answer", body = ErrorEnvelope),
    )
)]
async fn save(
    State(sandbox): State<Sandbox>,
    Path(name): Path<String>,
) -> Result<Answer<ShownSnapshot>, ApiError> {
    Ok((JSON, Json(state::save(&sandbox.app.context, &name).await?)))
}

/// Deletes a snapshot.
///
/// Served in a sandbox only.
#[utoipa::path(
    delete,
    path = "/sandbox/snapshots/{name}",
    tag = "Sandbox",
    params(("name" = String, Path, description = "Its name")),
    responses(
        (status = 204, description = "It is gone"),
        (status = 400, description = "That is no name of a snapshot", body = ErrorEnvelope),
        (status = 404, description = "There is no such snapshot", body = ErrorEnvelope),
        (status = 503, description = "Too busy, or the database does not answer", body = ErrorEnvelope),
    )
)]
async fn delete(State(sandbox): State<Sandbox>, Path(name): Path<String>) -> Result<StatusCode, ApiError> {
    state::delete(&sandbox.app.context.store, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Puts everything back as it was when the snapshot was taken, the clock too.
///
/// The body is an empty object: a page on another site cannot make a browser send one.
#[utoipa::path(
    post,
    path = "/sandbox/snapshots/{name}/restore",
    tag = "Sandbox",
    params(("name" = String, Path, description = "Its name")),
    request_body(content = Object),
    responses(
        (status = 200, description = "What is there", body = Replaced),
        (status = 400, description = "That is no name of a snapshot", body = ErrorEnvelope),
        (status = 404, description = "There is no such snapshot", body = ErrorEnvelope),
        (status = 409, description = "It was taken by another version of the program", body = ErrorEnvelope),
        (status = 415, description = "The body does not say that it is JSON", body = ErrorEnvelope),
        (status = 503, description = "Too busy, or the database does not answer", body = ErrorEnvelope),
    )
)]
async fn restore(
    State(sandbox): State<Sandbox>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Result<Answer<Replaced>, ApiError> {
    require_stated_json(&headers)?;
    Ok((JSON, Json(state::restore(&sandbox.app.context, &sandbox.clock, &name).await?)))
}

/// Reads what a sandbox is to be filled with; `unsaid` referrals where the body does not say it.
async fn filling(
    sandbox: &Sandbox,
    headers: &HeaderMap,
    body: Body,
    unsaid: Option<u64>,
) -> Result<state::Filling, ApiError> {
    require_stated_json(headers)?;
    let body = read_body(body, &sandbox.app.config.limits).await?;
    let filling = state::read_filling(&body, sandbox.app.context.settings.json, unsaid)?;
    if filling.referrals > FILLED_MAX {
        let message = format!(
            "{} referrals take longer than a request may; stop the server and run `liaison sandbox seed`",
            filling.referrals
        );
        return Err(ApiError::new(StatusCode::BAD_REQUEST, message)
            .inner("invalidValue")
            .target("/referrals"));
    }
    Ok(filling)
}
