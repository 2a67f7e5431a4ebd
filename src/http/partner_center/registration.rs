//! `/webhooks/v1/registration`: the one webhook of an organisation, and its test events.

use axum::{
    Json,
    body::Body,
    extract::{Path, State, rejection::PathRejection},
};
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{Failures, status_names};
use crate::{
    app::App,
    domain::{
        actor::Integrator,
        event::Event,
        json,
        time::Timestamp,
        webhook::{AttemptRecord, Endpoint, SignatureHeader, payload::without_zone},
    },
    http::{error::ApiError, extract::require_json, limits::read_body},
    service::webhooks::{self, TestResult, WebhookError},
};

/// A registration.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
struct RegistrationView {
    /// Key of the registration.
    subscriber_id: Uuid,
    /// Where the organisation is told.
    webhook_url: String,
    /// Of which events.
    webhook_events: Vec<String>,
    /// Whether the signature stands in `x-ms-signature` instead of `Authorization`.
    signature_token_to_ms_signature_header: bool,
    /// When it was last changed.
    last_modified_timestamp: Timestamp,
}

/// What a registration is made or replaced by. Names are read in any case.
#[derive(ToSchema)]
#[schema(rename_all = "PascalCase")]
#[expect(dead_code, reason = "it describes the body, which is read member by member")]
struct RegistrationRequest {
    /// An https address.
    webhook_url: String,
    /// One event or more.
    webhook_events: Vec<String>,
    /// Whether the signature is to stand in `x-ms-signature` instead of `Authorization`; a text will do.
    signature_token_to_ms_signature_header: Option<bool>,
}

/// Id of a test event.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ValidationEvent {
    /// Where its result is.
    correlation_id: Uuid,
}

/// What came of a test event.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ValidationResult {
    correlation_id: Uuid,
    /// Id of the organisation.
    partner_id: String,
    /// `pending` while attempts remain, then `completed`.
    status: &'static str,
    /// Where it went.
    callback_url: String,
    /// Every attempt, in order.
    results: Vec<ValidationAttempt>,
}

/// An attempt to deliver a test event.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ValidationAttempt {
    /// Name of the status, such as `OK`; empty when there was no answer.
    response_code: String,
    /// The beginning of the answer, or what went wrong.
    response_message: String,
    /// Whether there was no answer.
    system_error: bool,
    /// When the attempt began: seven digits, no zone.
    date_time_utc: String,
}

impl From<Endpoint> for RegistrationView {
    fn from(endpoint: Endpoint) -> Self {
        Self {
            subscriber_id: endpoint.id,
            webhook_url: endpoint.url,
            webhook_events: endpoint.events,
            signature_token_to_ms_signature_header: endpoint.signature_header == SignatureHeader::MsSignature,
            last_modified_timestamp: endpoint.updated,
        }
    }
}

impl From<TestResult> for ValidationResult {
    fn from(result: TestResult) -> Self {
        Self {
            correlation_id: result.correlation_id,
            partner_id: result.organization_id.to_string(),
            status: if result.is_pending { "pending" } else { "completed" },
            callback_url: result.callback_url,
            results: result.attempts.into_iter().map(ValidationAttempt::from).collect(),
        }
    }
}

impl From<AttemptRecord> for ValidationAttempt {
    fn from(attempt: AttemptRecord) -> Self {
        let is_success = |it: u16| StatusCode::from_u16(it).is_ok_and(|it| it.is_success());
        let said = if attempt.status.is_some_and(is_success) { None } else { attempt.answer };
        Self {
            response_code: attempt.status.map(status_names::name_of).unwrap_or_default(),
            response_message: attempt.error.or(said).unwrap_or_default(),
            system_error: attempt.status.is_none(),
            date_time_utc: without_zone(attempt.started),
        }
    }
}

/// Returns the routes.
pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(events))
        .routes(routes!(get, post, put))
        .routes(routes!(post_test))
        .routes(routes!(get_test))
}

/// Lists the events that happen here.
///
/// A registration may name the other events of Partner Center too; they never happen.
#[utoipa::path(
    get,
    path = "/webhooks/v1/registration/events",
    tag = "Partner Center webhooks",
    security(("bearer" = [])),
    responses((status = 200, description = "Names of events", body = Vec<String>), Failures)
)]
async fn events(_caller: Integrator) -> Json<Vec<&'static str>> {
    Json(Event::ALL.iter().map(|it| it.as_str()).collect())
}

/// Reads the registration of the caller's organisation.
#[utoipa::path(
    get,
    path = "/webhooks/v1/registration",
    tag = "Partner Center webhooks",
    security(("bearer" = [])),
    responses((status = 200, description = "The registration", body = RegistrationView), Failures)
)]
async fn get(State(app): State<App>, caller: Integrator) -> Result<Json<RegistrationView>, ApiError> {
    let endpoint = webhooks::find_registration(&app.context, &caller).await?;
    Ok(Json(endpoint.into()))
}

/// Makes the registration of the caller's organisation.
#[utoipa::path(
    post,
    path = "/webhooks/v1/registration",
    tag = "Partner Center webhooks",
    security(("bearer" = [])),
    request_body(content = RegistrationRequest),
    responses((status = 200, description = "The registration", body = RegistrationView), Failures)
)]
async fn post(
    State(app): State<App>,
    caller: Integrator,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<RegistrationView>, ApiError> {
    let body = read_node(&app, &headers, body).await?;
    let endpoint = webhooks::register(&app.context, &caller, &body).await?;
    Ok(Json(endpoint.into()))
}

/// Replaces the registration of the caller's organisation.
#[utoipa::path(
    put,
    path = "/webhooks/v1/registration",
    tag = "Partner Center webhooks",
    security(("bearer" = [])),
    request_body(content = RegistrationRequest),
    responses((status = 200, description = "The registration", body = RegistrationView), Failures)
)]
async fn put(
    State(app): State<App>,
    caller: Integrator,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<RegistrationView>, ApiError> {
    let body = read_node(&app, &headers, body).await?;
    let endpoint = webhooks::replace_registration(&app.context, &caller, &body).await?;
    Ok(Json(endpoint.into()))
}

/// Sends a test event, at most two in a minute.
#[utoipa::path(
    post,
    path = "/webhooks/v1/registration/validationEvents",
    tag = "Partner Center webhooks",
    security(("bearer" = [])),
    responses((status = 200, description = "Where its result is", body = ValidationEvent), Failures)
)]
async fn post_test(State(app): State<App>, caller: Integrator) -> Result<Json<ValidationEvent>, ApiError> {
    let correlation_id = webhooks::send_test_event(&app.context, &caller).await?;
    Ok(Json(ValidationEvent { correlation_id }))
}

/// Reads what came of a test event, for seven days.
#[utoipa::path(
    get,
    path = "/webhooks/v1/registration/validationEvents/{correlation_id}",
    tag = "Partner Center webhooks",
    security(("bearer" = [])),
    params(("correlation_id" = Uuid, Path, description = "Id of the test event")),
    responses((status = 200, description = "The result so far", body = ValidationResult), Failures)
)]
async fn get_test(
    State(app): State<App>,
    caller: Integrator,
    path: Result<Path<Uuid>, PathRejection>,
) -> Result<Json<ValidationResult>, ApiError> {
    let Path(id) = path.map_err(|_| WebhookError::NoSuchTest)?;
    let result = webhooks::find_test_result(&app.context, &caller, id).await?;
    Ok(Json(result.into()))
}

async fn read_node(app: &App, headers: &HeaderMap, body: Body) -> Result<json::Node, ApiError> {
    require_json(headers)?;
    let body = read_body(body, &app.config.limits).await?;
    Ok(json::parse(&body, app.context.settings.json)?)
}
