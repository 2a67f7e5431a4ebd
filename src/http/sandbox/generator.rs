//! `/sandbox/generator`: leads and co-sell opportunities that come in by themselves.

use axum::{Json, body::Body, extract::State};
use http::HeaderMap;
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
    sandbox::generator::{self, GeneratorState},
};

/// What is to come in.
#[derive(utoipa::ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[expect(dead_code, reason = "it describes the body, which is read member by member")]
struct GeneratorRequest {
    /// The pause between two, as the clock's durations.
    #[schema(examples("1 hour"))]
    every: String,
    /// Who gets them; Contoso by default.
    organization_id: Option<String>,
    /// Which ones, in turn: `Marketplace lead`, `Qualified lead`, `Co-sell opportunity`; all by default.
    categories: Option<Vec<String>>,
    /// Which sequence; 1 by default.
    seed: Option<u64>,
}

/// Returns the routes.
pub(super) fn router() -> OpenApiRouter<Sandbox> {
    OpenApiRouter::new().routes(routes!(read, put, delete))
}

/// Says what comes in by itself.
///
/// Served in a sandbox only.
#[utoipa::path(
    get,
    path = "/sandbox/generator",
    tag = "Sandbox",
    responses(
        (status = 200, description = "What comes in", body = GeneratorState),
        (status = 503, description = "Too busy, or the database does not answer", body = ErrorEnvelope),
    )
)]
async fn read(State(sandbox): State<Sandbox>) -> Result<Answer<GeneratorState>, ApiError> {
    Ok((JSON, Json(generator::read(&sandbox.app.context.store).await?)))
}

/// Lets leads and co-sell opportunities come in from Microsoft, at a rate.
///
/// Served in a sandbox only.
#[utoipa::path(
    put,
    path = "/sandbox/generator",
    tag = "Sandbox",
    request_body(content = GeneratorRequest),
    responses(
        (status = 200, description = "What comes in", body = GeneratorState),
        BodyFailures,
    )
)]
async fn put(
    State(sandbox): State<Sandbox>,
    headers: HeaderMap,
    body: Body,
) -> Result<Answer<GeneratorState>, ApiError> {
    require_stated_json(&headers)?;
    let body = read_body(body, &sandbox.app.config.limits).await?;
    Ok((JSON, Json(generator::set(&sandbox.app.context, &body).await?)))
}

/// Lets nothing come in any more.
///
/// Served in a sandbox only.
#[utoipa::path(
    delete,
    path = "/sandbox/generator",
    tag = "Sandbox",
    responses(
        (status = 200, description = "Nothing comes in", body = GeneratorState),
        (status = 503, description = "Too busy, or the database does not answer", body = ErrorEnvelope),
    )
)]
async fn delete(State(sandbox): State<Sandbox>) -> Result<Answer<GeneratorState>, ApiError> {
    Ok((JSON, Json(generator::stop(&sandbox.app.context.store).await?)))
}
