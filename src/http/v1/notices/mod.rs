//! `/v1.0/engagements/notices`: what the caller is told, and how it wants to be told.

pub mod unsubscribe;

use axum::{
    Json,
    body::Body,
    extract::{Path, RawQuery, State, rejection::PathRejection},
    response::{IntoResponse, Response},
};
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::administration::{ReadFailures, WriteFailures, entity, query_options, read_node};
use crate::{
    app::App,
    domain::actor::Actor,
    http::error::ApiError,
    service::notices::{
        self, NoticeError, NoticeQuery, NoticeView, PreferencesInput, PreferencesView, ReadInput,
    },
};

const PREFERENCES: &str = "notices/preferences";

/// A page of notices.
#[derive(Serialize, ToSchema)]
struct NoticeList {
    #[serde(rename = "@odata.context")]
    context: String,
    /// The page, newest first.
    value: Vec<NoticeView>,
    /// How many were not read, on all pages.
    #[serde(rename = "unreadCount")]
    unread_count: u64,
    /// What marks the page's first notice, and everything older, as read; null on an empty page.
    cursor: Option<String>,
    /// Address of the next page.
    #[serde(rename = "@odata.nextLink", skip_serializing_if = "Option::is_none")]
    next_link: Option<String>,
}

/// Returns the routes.
pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(read_until))
        .routes(routes!(read_one))
        .routes(routes!(get_preferences, put_preferences))
        .merge(unsubscribe::router())
}

/// Lists what the caller was told, newest first.
///
/// Of each notice, what the caller sees of its referral now; none of a referral that the caller does not see any more.
#[utoipa::path(
    get,
    path = "/v1.0/engagements/notices",
    tag = "Notices",
    security(("bearer" = [])),
    params(
        ("unread" = Option<bool>, Query, description = "Only those that were not read"),
        ("$skiptoken" = Option<String>, Query, description = "Token of the page, as in @odata.nextLink"),
    ),
    responses((status = 200, description = "A page", body = NoticeList), ReadFailures)
)]
async fn list(State(app): State<App>, actor: Actor, query: RawQuery) -> Result<Response, ApiError> {
    let options = query_options(query.0.as_deref(), &["$skiptoken"])?;
    let option = |name: &str| options.iter().find(|it| it.0 == name).map(|it| it.1.as_str());
    let wanted = NoticeQuery { unread: option("unread"), token: option("$skiptoken") };
    let page = notices::list_notices(&app.context, &actor, wanted).await?;
    let base = format!("{}/v1.0/engagements", app.public_url);
    let unread = wanted.unread.map(|it| format!("&unread={it}")).unwrap_or_default();
    Ok(Json(NoticeList {
        context: format!("{base}/$metadata#notices"),
        value: page.notices,
        unread_count: page.unread_count,
        cursor: page.cursor,
        next_link: page.next.map(|token| format!("{base}/notices?$skiptoken={token}{unread}")),
    })
    .into_response())
}

/// Marks notices as read, up to a cursor.
#[utoipa::path(
    post,
    path = "/v1.0/engagements/notices/read",
    tag = "Notices",
    security(("bearer" = [])),
    request_body(content = ReadInput),
    responses((status = 204, description = "They are read"), WriteFailures)
)]
async fn read_until(
    State(app): State<App>,
    actor: Actor,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, ApiError> {
    let body = read_node(&app, &headers, body).await?;
    notices::mark_notices_read(&app.context, &actor, body).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Marks a notice as read.
#[utoipa::path(
    post,
    path = "/v1.0/engagements/notices/{id}/read",
    tag = "Notices",
    security(("bearer" = [])),
    params(("id" = Uuid, Path, description = "Id of the notice")),
    responses((status = 204, description = "It is read"), WriteFailures)
)]
async fn read_one(
    State(app): State<App>,
    actor: Actor,
    id: Result<Path<Uuid>, PathRejection>,
) -> Result<StatusCode, ApiError> {
    let Path(id) = id.map_err(|_| NoticeError::NotFound)?;
    notices::mark_notice_read(&app.context, &actor, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Reads how the caller wants to be told.
#[utoipa::path(
    get,
    path = "/v1.0/engagements/notices/preferences",
    tag = "Notices",
    security(("bearer" = [])),
    responses((status = 200, description = "The preferences", body = PreferencesView), ReadFailures)
)]
async fn get_preferences(
    State(app): State<App>,
    actor: Actor,
    query: RawQuery,
) -> Result<Response, ApiError> {
    query_options(query.0.as_deref(), &[])?;
    let view = notices::read_preferences(&app.context, &actor).await?;
    Ok(entity(&app, PREFERENCES, &view))
}

/// Changes how the caller wants to be told. Members that are absent stay.
#[utoipa::path(
    put,
    path = "/v1.0/engagements/notices/preferences",
    tag = "Notices",
    security(("bearer" = [])),
    request_body(content = PreferencesInput),
    responses((status = 200, description = "The preferences as they are now", body = PreferencesView), WriteFailures)
)]
async fn put_preferences(
    State(app): State<App>,
    actor: Actor,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let body = read_node(&app, &headers, body).await?;
    let view = notices::update_preferences(&app.context, &actor, body).await?;
    Ok(entity(&app, PREFERENCES, &view))
}
