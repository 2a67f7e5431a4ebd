//! `/sandbox/sandboxes`: makes named sandboxes, tells of them, and removes them.

use axum::{
    Json, Router,
    body::Body,
    extract::{Path, State},
    response::IntoResponse,
    routing::any,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use serde::Serialize;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::Sandboxes;
use crate::{
    http::{
        error::{ApiError, ErrorEnvelope},
        extract::require_json,
        failure::{invalid, malformed},
        limits::read_body,
        sandbox::BodyFailures,
    },
    sandbox::named::{self, NamedSandbox, NamedSandboxError},
    storage::NamedError,
};

const JSON: [(HeaderName, HeaderValue); 1] =
    [(header::CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"))];

type Answer<T> = ([(HeaderName, HeaderValue); 1], Json<T>);

/// The named sandboxes.
#[derive(Serialize, utoipa::ToSchema)]
struct NamedSandboxes {
    value: Vec<NamedSandbox>,
}

/// What a sandbox is to be made with.
#[derive(utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "it describes the body, which is read member by member")]
struct SandboxRequest {
    /// `empty`, which is the default, `tiny` (30 referrals) or `demo` (500).
    #[schema(examples("tiny"))]
    profile: Option<String>,
    /// Which referrals: the same profile and seed make the same ones. 1 by default.
    seed: Option<u64>,
    /// Where its clock is put; by default it goes by the system's.
    #[schema(value_type = Option<String>, format = DateTime, examples("2027-01-31T09:30:00Z"))]
    clock: Option<String>,
    /// Whether the clock is held there.
    frozen: Option<bool>,
}

/// Returns the routes.
pub fn router() -> OpenApiRouter<Sandboxes> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(read, put, delete))
}

/// Returns the answer to whoever asks for a sandbox that is not there.
pub(in crate::http) fn unknown_router() -> Router {
    Router::new().route("/sandboxes/{*path}", any(unknown))
}

async fn unknown(Path(path): Path<String>) -> ApiError {
    let name = path.split('/').next().unwrap_or_default();
    ApiError::from(NamedSandboxError::NotFound(name.chars().take(80).collect()))
}

/// Lists the named sandboxes.
///
/// Served by the main sandbox only.
#[utoipa::path(
    get,
    path = "/sandbox/sandboxes",
    tag = "Sandbox",
    responses(
        (status = 200, description = "The sandboxes, by name", body = NamedSandboxes),
        (status = 503, description = "Too busy, or a database does not answer", body = ErrorEnvelope),
    )
)]
async fn list(State(sandboxes): State<Sandboxes>) -> Result<Answer<NamedSandboxes>, ApiError> {
    Ok((JSON, Json(NamedSandboxes { value: sandboxes.list().await? })))
}

/// Tells of a named sandbox.
///
/// Served by the main sandbox only.
#[utoipa::path(
    get,
    path = "/sandbox/sandboxes/{name}",
    tag = "Sandbox",
    params(("name" = String, Path, description = "Its name")),
    responses(
        (status = 200, description = "The sandbox", body = NamedSandbox),
        (status = 404, description = "There is no such sandbox", body = ErrorEnvelope),
        (status = 503, description = "Too busy, or its database does not answer", body = ErrorEnvelope),
    )
)]
async fn read(
    State(sandboxes): State<Sandboxes>,
    Path(name): Path<String>,
) -> Result<Answer<NamedSandbox>, ApiError> {
    Ok((JSON, Json(sandboxes.find(&name).await?)))
}

/// Makes a sandbox with a database and a clock of its own, unless there is one of that name.
///
/// Served by the main sandbox only. What the body says counts when the sandbox is made.
#[utoipa::path(
    put,
    path = "/sandbox/sandboxes/{name}",
    tag = "Sandbox",
    params(("name" = String, Path, description = "Up to 40 letters, digits and hyphens, lower case")),
    request_body(content = Option<SandboxRequest>),
    responses(
        (status = 200, description = "It was there already", body = NamedSandbox),
        (status = 201, description = "It was made", body = NamedSandbox),
        (status = 409, description = "There are as many as there may be, or it has no place", body = ErrorEnvelope),
        BodyFailures,
        (status = 507, description = "The disk is full", body = ErrorEnvelope),
    )
)]
async fn put(
    State(sandboxes): State<Sandboxes>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<impl IntoResponse, ApiError> {
    let main = sandboxes.main();
    let body = read_body(body, &main.config.limits).await?;
    if !body.is_empty() {
        require_json(&headers)?;
    }
    let form = named::read_form(&body, main.context.settings.json)?;
    let (sandbox, is_new) = sandboxes.put(&name, form).await?;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, JSON, Json(sandbox)))
}

/// Removes a sandbox with everything that is its own.
///
/// Served by the main sandbox only.
#[utoipa::path(
    delete,
    path = "/sandbox/sandboxes/{name}",
    tag = "Sandbox",
    params(("name" = String, Path, description = "Its name")),
    responses(
        (status = 204, description = "Nothing of it is there any more"),
        (status = 404, description = "There is no such sandbox", body = ErrorEnvelope),
        (status = 409, description = "Its folder cannot be removed", body = ErrorEnvelope),
        (status = 503, description = "Too busy, or the database does not answer", body = ErrorEnvelope),
    )
)]
async fn delete(
    State(sandboxes): State<Sandboxes>,
    Path(name): Path<String>,
) -> Result<StatusCode, ApiError> {
    sandboxes.remove(&name).await?;
    Ok(StatusCode::NO_CONTENT)
}

impl From<NamedSandboxError> for ApiError {
    fn from(error: NamedSandboxError) -> Self {
        let message = error.to_string();
        match error {
            NamedSandboxError::Malformed(error) => malformed(&error),
            NamedSandboxError::Invalid(report) => invalid(report),
            NamedSandboxError::NotFound(_) => {
                Self::new(StatusCode::NOT_FOUND, message).inner("sandboxNotFound").target("name")
            }
            NamedSandboxError::TooMany(_) => {
                Self::new(StatusCode::CONFLICT, message).inner("tooManySandboxes").target("name")
            }
            NamedSandboxError::Place(error) => error.into(),
            NamedSandboxError::State(error) => error.into(),
            NamedSandboxError::Failed(error) => {
                tracing::error!("a sandbox cannot be opened: {error:#}");
                let message = "the request failed; tell the operator its request-id";
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, message)
            }
        }
    }
}

impl From<NamedError> for ApiError {
    fn from(error: NamedError) -> Self {
        let message = error.to_string();
        match error {
            NamedError::BadName(_) | NamedError::NameTooLong { .. } => {
                Self::new(StatusCode::BAD_REQUEST, message).inner("invalidValue").target("name")
            }
            NamedError::Denied(_) | NamedError::Occupied(_) => {
                Self::new(StatusCode::CONFLICT, message).inner("noPlaceForSandbox").target("name")
            }
            NamedError::Folder { .. } => {
                tracing::error!(error = &error as &dyn std::error::Error, "a sandbox has no folder");
                Self::new(StatusCode::CONFLICT, "the folder of the sandbox cannot be made or removed")
                    .inner("noPlaceForSandbox")
                    .target("name")
            }
            NamedError::Store(error) => error.into(),
        }
    }
}
