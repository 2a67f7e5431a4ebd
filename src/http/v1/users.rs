//! `/v1.0/engagements/users`: the people of the caller's organisation.

use axum::{
    body::Body,
    extract::{Path, RawQuery, State, rejection::PathRejection},
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::administration::{
    List, ReadFailures, WriteFailures, created, entity, ids, list, query_options, read_node, tools,
};
use crate::{
    app::App,
    domain::actor::{Administrator, Colleague},
    http::error::ApiError,
    service::administration::{self, Author, Thing, UserInput, UserView},
};

const ENTITY: &str = "users/$entity";

type Id = Result<Path<Uuid>, PathRejection>;

/// Returns the routes.
pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(get_all, post)).routes(routes!(get, put, delete))
}

/// Lists the people of the caller's organisation.
#[utoipa::path(
    get,
    path = "/v1.0/engagements/users",
    tag = "Administration",
    security(("bearer" = [])),
    responses((status = 200, description = "All of them", body = List<UserView>), ReadFailures)
)]
async fn get_all(
    State(app): State<App>,
    colleague: Colleague,
    query: RawQuery,
) -> Result<Response, ApiError> {
    query_options(query.0.as_deref(), &[])?;
    let (store, own) = (&app.context.store, &colleague.organization_id);
    let users = administration::list_users(store, own).await?;
    Ok(list(&app, "users", users.len(), users))
}

/// Adds a person.
///
/// For account admins. Without a password, and without an issuer elsewhere, the answer tells a random password,
/// once.
#[utoipa::path(
    post,
    path = "/v1.0/engagements/users",
    tag = "Administration",
    security(("bearer" = [])),
    request_body(content = UserInput),
    responses(
        (status = 201, description = "The new user", body = UserView, headers(
            ("Location" = String, description = "Address of the user"),
        )),
        WriteFailures,
    )
)]
async fn post(
    State(app): State<App>,
    administrator: Administrator,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let body = read_node(&app, &headers, body).await?;
    let (author, own) = (Author::Administrator(&administrator), &administrator.0.organization_id);
    let view = administration::create_user(tools(&app), author, own, &body).await?;
    let mut response = created(&app, ENTITY, &format!("/v1.0/engagements/users/{}", view.id), &view);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// Reads one of the people.
#[utoipa::path(
    get,
    path = "/v1.0/engagements/users/{id}",
    tag = "Administration",
    security(("bearer" = [])),
    params(("id" = Uuid, Path, description = "Id of the user")),
    responses((status = 200, description = "The user", body = UserView), ReadFailures)
)]
async fn get(State(app): State<App>, colleague: Colleague, id: Id) -> Result<Response, ApiError> {
    let id = ids(id, Thing::User)?;
    let (store, own) = (&app.context.store, &colleague.organization_id);
    let view = administration::read_user(store, own, id).await?;
    Ok(entity(&app, ENTITY, &view))
}

/// Changes a person: name, e-mail address, roles, locations, password.
///
/// For account admins. Members that are absent stay. Roles and locations count from the next call on. An account
/// admin cannot take that role from itself.
#[utoipa::path(
    put,
    path = "/v1.0/engagements/users/{id}",
    tag = "Administration",
    security(("bearer" = [])),
    params(("id" = Uuid, Path, description = "Id of the user")),
    request_body(content = UserInput),
    responses((status = 200, description = "The user as it is now", body = UserView), WriteFailures)
)]
async fn put(
    State(app): State<App>,
    administrator: Administrator,
    id: Id,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let id = ids(id, Thing::User)?;
    let body = read_node(&app, &headers, body).await?;
    let (author, own) = (Author::Administrator(&administrator), &administrator.0.organization_id);
    let view = administration::update_user(tools(&app), author, own, id, &body).await?;
    Ok(entity(&app, ENTITY, &view))
}

/// Deletes a person. What the person did stays.
///
/// For account admins, who cannot delete themselves.
#[utoipa::path(
    delete,
    path = "/v1.0/engagements/users/{id}",
    tag = "Administration",
    security(("bearer" = [])),
    params(("id" = Uuid, Path, description = "Id of the user")),
    responses((status = 204, description = "The user is gone"), WriteFailures)
)]
async fn delete(State(app): State<App>, administrator: Administrator, id: Id) -> Result<Response, ApiError> {
    let id = ids(id, Thing::User)?;
    let (author, own) = (Author::Administrator(&administrator), &administrator.0.organization_id);
    administration::remove_user(tools(&app), author, own, id).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
