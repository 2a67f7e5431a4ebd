//! `/sandbox/counterparts`: what the other side does by itself, and `/sandbox/plans`: what it is going to do.

use axum::{
    Json,
    body::Body,
    extract::{Path, State},
};
use http::HeaderMap;
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
    sandbox::counterpart::{self, Counterpart, ShownPlan},
};

/// What every organisation does.
#[derive(Serialize, utoipa::ToSchema)]
struct Counterparts {
    value: Vec<Counterpart>,
}

/// What is going to be done.
#[derive(Serialize, utoipa::ToSchema)]
struct Plans {
    value: Vec<ShownPlan>,
}

/// What an organisation is to do.
#[derive(utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "it describes the body, which is read member by member")]
struct PlayRequest {
    /// The script, such as `accept-after:2h win-after:3d`.
    #[schema(examples("accept-after:2h win-after:3d"))]
    play: String,
}

/// Returns the routes.
pub(super) fn router() -> OpenApiRouter<Sandbox> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(read, put, delete)).routes(routes!(plans))
}

/// Lists what every organisation does with invitations.
///
/// Served in a sandbox only.
#[utoipa::path(
    get,
    path = "/sandbox/counterparts",
    tag = "Sandbox",
    responses(
        (status = 200, description = "What every organization does", body = Counterparts),
        (status = 503, description = "Too busy, or the database does not answer", body = ErrorEnvelope),
    )
)]
async fn list(State(sandbox): State<Sandbox>) -> Result<Answer<Counterparts>, ApiError> {
    let value = counterpart::list(&sandbox.app.context.store).await?;
    Ok((JSON, Json(Counterparts { value })))
}

/// Says what one organisation does with invitations.
///
/// Served in a sandbox only.
#[utoipa::path(
    get,
    path = "/sandbox/counterparts/{id}",
    tag = "Sandbox",
    params(("id" = String, Path, description = "Id of the organization")),
    responses(
        (status = 200, description = "What it does", body = Counterpart),
        (status = 404, description = "There is no such organization", body = ErrorEnvelope),
        (status = 503, description = "Too busy, or the database does not answer", body = ErrorEnvelope),
    )
)]
async fn read(
    State(sandbox): State<Sandbox>,
    Path(id): Path<String>,
) -> Result<Answer<Counterpart>, ApiError> {
    Ok((JSON, Json(counterpart::find(&sandbox.app.context.store, &id).await?)))
}

/// Sets what an organisation does with invitations that come from now on.
///
/// Words in the notes of a referral overrule it.
#[utoipa::path(
    put,
    path = "/sandbox/counterparts/{id}",
    tag = "Sandbox",
    params(("id" = String, Path, description = "Id of the organization")),
    request_body(content = PlayRequest),
    responses(
        (status = 200, description = "What it does", body = Counterpart),
        (status = 404, description = "There is no such organization", body = ErrorEnvelope),
        BodyFailures,
    )
)]
async fn put(
    State(sandbox): State<Sandbox>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Answer<Counterpart>, ApiError> {
    require_stated_json(&headers)?;
    let body = read_body(body, &sandbox.app.config.limits).await?;
    let context = &sandbox.app.context;
    let counterpart = counterpart::set(&context.store, &id, &body, context.settings.json).await?;
    Ok((JSON, Json(counterpart)))
}

/// Lets an organisation do again what it does by default.
///
/// Served in a sandbox only.
#[utoipa::path(
    delete,
    path = "/sandbox/counterparts/{id}",
    tag = "Sandbox",
    params(("id" = String, Path, description = "Id of the organization")),
    responses(
        (status = 200, description = "What it does", body = Counterpart),
        (status = 404, description = "There is no such organization", body = ErrorEnvelope),
        (status = 503, description = "Too busy, or the database does not answer", body = ErrorEnvelope),
    )
)]
async fn delete(
    State(sandbox): State<Sandbox>,
    Path(id): Path<String>,
) -> Result<Answer<Counterpart>, ApiError> {
    Ok((JSON, Json(counterpart::unset(&sandbox.app.context.store, &id).await?)))
}

/// Lists what the counterparts are going to do, in that order.
///
/// Served in a sandbox only; the first thousand.
#[utoipa::path(
    get,
    path = "/sandbox/plans",
    tag = "Sandbox",
    responses(
        (status = 200, description = "What is going to be done", body = Plans),
        (status = 503, description = "Too busy, or the database does not answer", body = ErrorEnvelope),
    )
)]
async fn plans(State(sandbox): State<Sandbox>) -> Result<Answer<Plans>, ApiError> {
    let value = counterpart::plans(&sandbox.app.context.store).await?;
    Ok((JSON, Json(Plans { value })))
}
