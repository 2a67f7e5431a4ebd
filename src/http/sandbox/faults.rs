//! `/sandbox/faults`: puts faults in force, lists them, takes them away.

use std::sync::LazyLock;

use axum::{
    Json,
    body::Body,
    extract::{Path, State},
    response::IntoResponse as _,
    response::Response,
};
use http::{HeaderMap, StatusCode, header};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    BodyFailures,
    clock::{JSON, require_stated_json},
};
use crate::{
    app::App,
    domain::{
        fault::{CutPlace, FaultKind, FaultState, Faults, Route, TooManyFaults, form},
        json,
        organization::OrganizationId,
        report::{ProblemCode, Report},
        vocabulary::Vocabulary as _,
    },
    http::{
        certificates::PKIX_CERT,
        error::{ApiError, ErrorEnvelope},
        failure::{invalid, path_unknown},
        limits::read_body,
        openapi::{self, Served},
    },
};

/// Every path that is served. The description is put together once.
static SERVED: LazyLock<Vec<Route>> = LazyLock::new(|| {
    openapi::paths(Served::MainSandbox).iter().filter_map(|it| Route::parse(it).ok()).collect()
});

/// What the handlers share.
#[derive(Clone, Debug)]
pub struct FaultDesk {
    /// The server.
    pub app: App,
    /// Those in force.
    pub faults: Faults,
}

/// The faults in force.
#[derive(Serialize, ToSchema)]
struct FaultList {
    /// The first one that fits a call strikes.
    value: Vec<FaultState>,
}

/// A fault to be put in force.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "it describes the body, which is read member by member")]
struct FaultInput {
    /// What goes wrong.
    kind: FaultKind,
    /// Calls of this application only (`appid`, `azp` or `client_id` of the token).
    application: Option<String>,
    /// Calls of this organisation only; for webhooks, messages to it.
    organization: Option<OrganizationId>,
    /// Calls with this method only.
    method: Option<String>,
    /// Calls to this path only: `{…}` stands for one segment, `*` at the end for all that follows.
    route: Option<String>,
    /// How likely a call that fits is struck; 1 when absent.
    #[schema(minimum = 0, maximum = 1)]
    probability: Option<f64>,
    /// How many are struck; without an end when absent.
    #[schema(minimum = 1)]
    count: Option<u64>,
    /// The number that the dice start from; 1 when absent.
    seed: Option<u64>,
    /// What `Retry-After` says, of `throttled` and `unavailable`; 1 when absent.
    retry_after_secs: Option<u64>,
    /// How long is waited: needed by `delay` and `webhookDelay`.
    #[schema(minimum = 1)]
    delay_ms: Option<u64>,
    /// How fast a `slowBody` goes, which needs it.
    #[schema(minimum = 1)]
    bytes_per_sec: Option<u64>,
    /// Where a `cutAnswer` is cut; `beforeHead` when absent.
    cut: Option<CutPlace>,
}

/// Returns the routes.
pub fn router() -> OpenApiRouter<FaultDesk> {
    OpenApiRouter::new()
        .routes(routes!(list, add, clear))
        .routes(routes!(certificate))
        .routes(routes!(remove))
}

/// Lists the faults in force on this server.
///
/// Served in a sandbox only.
#[utoipa::path(
    get,
    path = "/sandbox/faults",
    tag = "Sandbox",
    responses((status = 200, description = "All of them, with how many each has struck", body = FaultList))
)]
async fn list(State(desk): State<FaultDesk>) -> Response {
    (JSON, Json(FaultList { value: desk.faults.list() })).into_response()
}

/// Puts a fault in force, behind those that are.
#[utoipa::path(
    post,
    path = "/sandbox/faults",
    tag = "Sandbox",
    request_body(content = FaultInput),
    responses(
        (status = 201, description = "The fault, with its id", body = FaultState),
        (status = 409, description = "As many are in force as there may be", body = ErrorEnvelope),
        BodyFailures,
    )
)]
async fn add(State(desk): State<FaultDesk>, headers: HeaderMap, body: Body) -> Result<Response, ApiError> {
    require_stated_json(&headers)?;
    let body = read_body(body, &desk.app.config.limits).await?;
    let node = json::parse(&body, desk.app.context.settings.json)?;
    let mut report = Report::default();
    let wanted = form::read(node, &mut report, |route| match SERVED.iter().any(|it| it.overlaps(route)) {
        true => Ok(()),
        false => Err(format!("nothing is served at {route}; GET /openapi.json lists what is")),
    });
    if let Some(id) = wanted.as_ref().and_then(|it| it.fault.organization.as_ref())
        && desk.app.context.store.find_organization(id).await?.is_none()
    {
        let message = format!("there is no organization {id}; `liaison org list` lists them");
        report.problem(ProblemCode::InvalidValue, "organization", "/organization", message);
    }
    let Some(wanted) = wanted.filter(|_| report.problems.is_empty()) else { return Err(invalid(report)) };
    let kind = wanted.fault.kind;
    let added = desk.faults.add(wanted.fault, wanted.count)?;
    tracing::info!(fault.id = added.id, kind = kind.as_str(), "a fault is in force");
    Ok((StatusCode::CREATED, JSON, Json(added)).into_response())
}

/// Takes every fault away.
#[utoipa::path(
    delete,
    path = "/sandbox/faults",
    tag = "Sandbox",
    responses((status = 204, description = "None is in force"))
)]
async fn clear(State(desk): State<FaultDesk>) -> StatusCode {
    desk.faults.clear();
    StatusCode::NO_CONTENT
}

/// Takes a fault away.
#[utoipa::path(
    delete,
    path = "/sandbox/faults/{id}",
    tag = "Sandbox",
    params(("id" = String, Path, description = "Its id, such as `f1`")),
    responses(
        (status = 204, description = "It is no longer in force"),
        (status = 404, description = "None has this id", body = ErrorEnvelope),
    )
)]
async fn remove(State(desk): State<FaultDesk>, Path(id): Path<String>) -> Result<StatusCode, ApiError> {
    match desk.faults.remove(&id) {
        true => Ok(StatusCode::NO_CONTENT),
        false => {
            let message = "no fault has this id; GET /sandbox/faults lists those that are in force";
            Err(ApiError::new(StatusCode::NOT_FOUND, message).inner("faultNotFound"))
        }
    }
}

/// Returns the certificate that goes with the fault `webhookWrongCertificate`, in DER: no root of this server signed it,
/// and it names another organisation.
#[utoipa::path(
    get,
    path = "/sandbox/faults/certificate.cer",
    tag = "Sandbox",
    responses(
        (status = 200, description = "The certificate", body = [u8], content_type = "application/pkix-cert"),
        (status = 500, description = "None can be made", body = ErrorEnvelope),
    )
)]
async fn certificate(State(desk): State<FaultDesk>) -> Result<Response, ApiError> {
    let faults = desk.app.context.feed.faults.as_ref().ok_or_else(path_unknown)?;
    Ok(([(header::CONTENT_TYPE, PKIX_CERT)], faults.certificate().await?).into_response())
}

impl From<TooManyFaults> for ApiError {
    fn from(error: TooManyFaults) -> Self {
        Self::new(StatusCode::CONFLICT, error.to_string()).inner("tooManyFaults")
    }
}
