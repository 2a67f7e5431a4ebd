//! `/v1.0/engagements/webhooks`: the subscriptions of the caller's organisation, and the log of what they were sent.

use axum::{
    Json,
    body::Body,
    extract::{Path, RawQuery, State, rejection::PathRejection},
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::{Serialize, de::DeserializeOwned};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::administration::{
    List, ReadFailures, WriteFailures, created, entity, list, query_options, read_node,
};
use crate::{
    app::App,
    domain::{actor::Integrator, time::Timestamp},
    http::error::ApiError,
    service::webhooks::{
        self, DeliveryDetail, DeliveryQuery, DeliveryView, SubscriptionInput, SubscriptionView, WebhookError,
    },
};

const SET: &str = "webhooks";
const ENTITY: &str = "webhooks/$entity";
const DELIVERY: &str = "webhooks/deliveries/$entity";

type Id = Result<Path<Uuid>, PathRejection>;
type Ids = Result<Path<(Uuid, Uuid)>, PathRejection>;

/// A page of the log of deliveries.
#[derive(Serialize, ToSchema)]
struct DeliveryList {
    #[serde(rename = "@odata.context")]
    context: String,
    /// The page, newest first.
    value: Vec<DeliveryView>,
    /// Address of the next page.
    #[serde(rename = "@odata.nextLink", skip_serializing_if = "Option::is_none")]
    next_link: Option<String>,
}

/// Which deliveries are sent again.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes the body, which is read member by member")]
struct RedeliverRequest {
    /// Those made then or later.
    from: Timestamp,
    /// Those made then or earlier; now when absent.
    to: Option<Timestamp>,
    /// Those in this state: `dead` when absent, or `delivered`, `pending`.
    state: Option<String>,
}

/// From when on everything is to have been sent.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes the body, which is read member by member")]
struct RecoverRequest {
    /// At most `webhooks.keep_days` ago.
    since: Timestamp,
}

/// Returns the routes.
pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(get_all, post))
        .routes(routes!(get, put, patch, delete))
        .routes(routes!(pause))
        .routes(routes!(resume))
        .routes(routes!(rotate))
        .routes(routes!(test))
        .routes(routes!(redeliver_range))
        .routes(routes!(recover))
        .routes(routes!(deliveries))
        .routes(routes!(delivery))
        .routes(routes!(redeliver))
}

/// Lists the webhooks of the caller's organisation.
#[utoipa::path(
    get,
    path = "/v1.0/engagements/webhooks",
    tag = "Webhooks",
    security(("bearer" = [])),
    responses((status = 200, description = "All of them", body = List<SubscriptionView>), ReadFailures)
)]
async fn get_all(State(app): State<App>, caller: Integrator, query: RawQuery) -> Result<Response, ApiError> {
    query_options(query.0.as_deref(), &[])?;
    let found = webhooks::list_subscriptions(&app.context, &caller).await?;
    Ok(list(&app, SET, found.len(), found))
}

/// Makes a webhook.
///
/// The answer tells its secret, once.
#[utoipa::path(
    post,
    path = "/v1.0/engagements/webhooks",
    tag = "Webhooks",
    security(("bearer" = [])),
    request_body(content = SubscriptionInput),
    responses(
        (status = 201, description = "The new webhook, with its secret", body = SubscriptionView, headers(
            ("Location" = String, description = "Address of the webhook"),
        )),
        WriteFailures,
    )
)]
async fn post(
    State(app): State<App>,
    caller: Integrator,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let body = read_node(&app, &headers, body).await?;
    let view = webhooks::create_subscription(&app.context, &caller, body).await?;
    let response = created(&app, ENTITY, &format!("/v1.0/engagements/webhooks/{}", view.id), &view);
    Ok(unstored(response))
}

/// Reads a webhook.
#[utoipa::path(
    get,
    path = "/v1.0/engagements/webhooks/{id}",
    tag = "Webhooks",
    security(("bearer" = [])),
    params(("id" = Uuid, Path, description = "Id of the webhook")),
    responses((status = 200, description = "The webhook", body = SubscriptionView), ReadFailures)
)]
async fn get(State(app): State<App>, caller: Integrator, id: Id) -> Result<Response, ApiError> {
    let view = webhooks::read_subscription(&app.context, &caller, ids(id)?).await?;
    Ok(entity(&app, ENTITY, &view))
}

/// Changes a webhook. Members that are absent stay.
#[utoipa::path(
    put,
    path = "/v1.0/engagements/webhooks/{id}",
    tag = "Webhooks",
    security(("bearer" = [])),
    params(("id" = Uuid, Path, description = "Id of the webhook")),
    request_body(content = SubscriptionInput),
    responses((status = 200, description = "The webhook as it is now", body = SubscriptionView), WriteFailures)
)]
async fn put(
    State(app): State<App>,
    caller: Integrator,
    id: Id,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let id = ids(id)?;
    let body = read_node(&app, &headers, body).await?;
    let view = webhooks::update_subscription(&app.context, &caller, id, &body).await?;
    Ok(entity(&app, ENTITY, &view))
}

/// Changes a webhook, as PUT does.
#[utoipa::path(
    patch,
    path = "/v1.0/engagements/webhooks/{id}",
    tag = "Webhooks",
    security(("bearer" = [])),
    params(("id" = Uuid, Path, description = "Id of the webhook")),
    request_body(content = SubscriptionInput),
    responses((status = 200, description = "The webhook as it is now", body = SubscriptionView), WriteFailures)
)]
async fn patch(
    state: State<App>,
    caller: Integrator,
    id: Id,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    put(state, caller, id, headers, body).await
}

/// Takes a webhook away, and what waits to be sent to it.
#[utoipa::path(
    delete,
    path = "/v1.0/engagements/webhooks/{id}",
    tag = "Webhooks",
    security(("bearer" = [])),
    params(("id" = Uuid, Path, description = "Id of the webhook")),
    responses((status = 204, description = "The webhook is gone"), WriteFailures)
)]
async fn delete(State(app): State<App>, caller: Integrator, id: Id) -> Result<Response, ApiError> {
    webhooks::remove_subscription(&app.context, &caller, ids(id)?).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Lets deliveries wait. They gather, and are sent when the webhook is resumed.
#[utoipa::path(
    post,
    path = "/v1.0/engagements/webhooks/{id}/pause",
    tag = "Webhooks",
    security(("bearer" = [])),
    params(("id" = Uuid, Path, description = "Id of the webhook")),
    responses((status = 200, description = "The webhook as it is now", body = SubscriptionView), WriteFailures)
)]
async fn pause(State(app): State<App>, caller: Integrator, id: Id) -> Result<Response, ApiError> {
    let view = webhooks::pause_subscription(&app.context, &caller, ids(id)?).await?;
    Ok(entity(&app, ENTITY, &view))
}

/// Sends what waits, and what happens from here on, whether the webhook was paused or disabled.
#[utoipa::path(
    post,
    path = "/v1.0/engagements/webhooks/{id}/resume",
    tag = "Webhooks",
    security(("bearer" = [])),
    params(("id" = Uuid, Path, description = "Id of the webhook")),
    responses((status = 200, description = "The webhook as it is now", body = SubscriptionView), WriteFailures)
)]
async fn resume(State(app): State<App>, caller: Integrator, id: Id) -> Result<Response, ApiError> {
    let view = webhooks::resume_subscription(&app.context, &caller, ids(id)?).await?;
    Ok(entity(&app, ENTITY, &view))
}

/// Gives a webhook a new secret, and tells it, once. The old one signs beside it for a day.
#[utoipa::path(
    post,
    path = "/v1.0/engagements/webhooks/{id}/rotateSecret",
    tag = "Webhooks",
    security(("bearer" = [])),
    params(("id" = Uuid, Path, description = "Id of the webhook")),
    responses(
        (status = 200, description = "The webhook, with its new secret", body = SubscriptionView),
        WriteFailures,
    )
)]
async fn rotate(State(app): State<App>, caller: Integrator, id: Id) -> Result<Response, ApiError> {
    let view = webhooks::rotate_secret(&app.context, &caller, ids(id)?).await?;
    Ok(unstored(entity(&app, ENTITY, &view)))
}

/// Sends a test event, at most two in a minute.
#[utoipa::path(
    post,
    path = "/v1.0/engagements/webhooks/{id}/test",
    tag = "Webhooks",
    security(("bearer" = [])),
    params(("id" = Uuid, Path, description = "Id of the webhook")),
    responses((status = 202, description = "The delivery", body = DeliveryView), WriteFailures)
)]
async fn test(State(app): State<App>, caller: Integrator, id: Id) -> Result<Response, ApiError> {
    let view = webhooks::send_test(&app.context, &caller, ids(id)?).await?;
    let mut response = entity(&app, DELIVERY, &view);
    *response.status_mut() = StatusCode::ACCEPTED;
    Ok(response)
}

/// Sends again, under their ids, deliveries that were made in a stretch of time.
#[utoipa::path(
    post,
    path = "/v1.0/engagements/webhooks/{id}/redeliver",
    tag = "Webhooks",
    security(("bearer" = [])),
    params(("id" = Uuid, Path, description = "Id of the webhook")),
    request_body(content = RedeliverRequest),
    responses((status = 202, description = "They are sent from here on"), WriteFailures)
)]
async fn redeliver_range(
    State(app): State<App>,
    caller: Integrator,
    id: Id,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, ApiError> {
    let id = ids(id)?;
    let body = read_node(&app, &headers, body).await?;
    webhooks::redeliver_range(&app.context, &caller, id, body).await?;
    Ok(StatusCode::ACCEPTED)
}

/// Sends what was given up since then, and what was not sent because the webhook was disabled or not there.
#[utoipa::path(
    post,
    path = "/v1.0/engagements/webhooks/{id}/recover",
    tag = "Webhooks",
    security(("bearer" = [])),
    params(("id" = Uuid, Path, description = "Id of the webhook")),
    request_body(content = RecoverRequest),
    responses((status = 202, description = "It is sent from here on"), WriteFailures)
)]
async fn recover(
    State(app): State<App>,
    caller: Integrator,
    id: Id,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, ApiError> {
    let id = ids(id)?;
    let body = read_node(&app, &headers, body).await?;
    webhooks::recover(&app.context, &caller, id, body).await?;
    Ok(StatusCode::ACCEPTED)
}

/// Lists the deliveries to a webhook, newest first.
#[utoipa::path(
    get,
    path = "/v1.0/engagements/webhooks/{id}/deliveries",
    tag = "Webhooks",
    security(("bearer" = [])),
    params(
        ("id" = Uuid, Path, description = "Id of the webhook"),
        ("state" = Option<String>, Query, description = "Only those in this state: pending, delivered or dead"),
        ("$skiptoken" = Option<String>, Query, description = "Token of the page, as in @odata.nextLink"),
    ),
    responses((status = 200, description = "A page", body = DeliveryList), ReadFailures)
)]
async fn deliveries(
    State(app): State<App>,
    caller: Integrator,
    id: Id,
    query: RawQuery,
) -> Result<Response, ApiError> {
    let id = ids(id)?;
    let options = query_options(query.0.as_deref(), &["$skiptoken"])?;
    let option = |name: &str| options.iter().find(|it| it.0 == name).map(|it| it.1.as_str());
    let wanted = DeliveryQuery { state: option("state"), token: option("$skiptoken") };
    let page = webhooks::list_deliveries(&app.context, &caller, id, wanted).await?;
    let base = format!("{}/v1.0/engagements", app.public_url);
    let state = wanted.state.map(|it| format!("&state={it}")).unwrap_or_default();
    let link = |token| format!("{base}/webhooks/{id}/deliveries?$skiptoken={token}{state}");
    Ok(Json(DeliveryList {
        context: format!("{base}/$metadata#webhooks/deliveries"),
        value: page.deliveries,
        next_link: page.next.map(link),
    })
    .into_response())
}

/// Reads a delivery with its attempts.
#[utoipa::path(
    get,
    path = "/v1.0/engagements/webhooks/{id}/deliveries/{delivery_id}",
    tag = "Webhooks",
    security(("bearer" = [])),
    params(
        ("id" = Uuid, Path, description = "Id of the webhook"),
        ("delivery_id" = Uuid, Path, description = "Id of the delivery"),
    ),
    responses((status = 200, description = "The delivery", body = DeliveryDetail), ReadFailures)
)]
async fn delivery(State(app): State<App>, caller: Integrator, path: Ids) -> Result<Response, ApiError> {
    let view = webhooks::read_delivery(&app.context, &caller, ids(path)?).await?;
    Ok(entity(&app, DELIVERY, &view))
}

/// Sends a delivery again, under its id.
#[utoipa::path(
    post,
    path = "/v1.0/engagements/webhooks/{id}/deliveries/{delivery_id}/redeliver",
    tag = "Webhooks",
    security(("bearer" = [])),
    params(
        ("id" = Uuid, Path, description = "Id of the webhook"),
        ("delivery_id" = Uuid, Path, description = "Id of the delivery"),
    ),
    responses((status = 202, description = "It is sent from here on"), WriteFailures)
)]
async fn redeliver(State(app): State<App>, caller: Integrator, path: Ids) -> Result<StatusCode, ApiError> {
    webhooks::redeliver(&app.context, &caller, ids(path)?).await?;
    Ok(StatusCode::ACCEPTED)
}

/// Returns the ids of a path; what is no id is an unknown one.
fn ids<T: DeserializeOwned>(path: Result<Path<T>, PathRejection>) -> Result<T, ApiError> {
    path.map(|Path(ids)| ids).map_err(|_| WebhookError::NotFound.into())
}

/// Keeps an answer with a secret out of every cache.
fn unstored(mut response: Response) -> Response {
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
