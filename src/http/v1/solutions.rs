//! `/v1.0/engagements/solutions`: what the caller's organisation sells.

use axum::{
    body::Body,
    extract::{Path, RawQuery, State, rejection::PathRejection},
    response::{IntoResponse, Response},
};
use http::{HeaderMap, StatusCode};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::administration::{
    List, ReadFailures, WriteFailures, created, entity, ids, list, query_options, read_node, tools,
};
use crate::{
    app::App,
    domain::actor::{Administrator, Colleague},
    http::error::ApiError,
    service::administration::{self, Author, SolutionView, Thing},
};

const ENTITY: &str = "solutions/$entity";

type Id = Result<Path<String>, PathRejection>;

/// Returns the routes.
pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(get_all, post)).routes(routes!(get, put, delete))
}

/// Lists the solutions of the caller's organisation.
#[utoipa::path(
    get,
    path = "/v1.0/engagements/solutions",
    tag = "Administration",
    security(("bearer" = [])),
    responses((status = 200, description = "All of them", body = List<SolutionView>), ReadFailures)
)]
async fn get_all(
    State(app): State<App>,
    colleague: Colleague,
    query: RawQuery,
) -> Result<Response, ApiError> {
    query_options(query.0.as_deref(), &[])?;
    let (store, own) = (&app.context.store, &colleague.organization_id);
    let solutions = administration::list_solutions(store, own).await?;
    Ok(list(&app, "solutions", solutions.len(), solutions))
}

/// Adds a solution.
///
/// For account admins. Its id must be new to the whole exchange; without one it gets a random one.
#[utoipa::path(
    post,
    path = "/v1.0/engagements/solutions",
    tag = "Administration",
    security(("bearer" = [])),
    request_body(content = SolutionView),
    responses(
        (status = 201, description = "The new solution", body = SolutionView, headers(
            ("Location" = String, description = "Address of the solution"),
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
    let view = administration::create_solution(tools(&app), author, own, &body).await?;
    Ok(created(&app, ENTITY, &format!("/v1.0/engagements/solutions/{}", view.id), &view))
}

/// Reads a solution; its id in any case.
#[utoipa::path(
    get,
    path = "/v1.0/engagements/solutions/{id}",
    tag = "Administration",
    security(("bearer" = [])),
    params(("id" = String, Path, description = "Id of the solution")),
    responses((status = 200, description = "The solution", body = SolutionView), ReadFailures)
)]
async fn get(State(app): State<App>, colleague: Colleague, id: Id) -> Result<Response, ApiError> {
    let id = ids(id, Thing::Solution)?;
    let (store, own) = (&app.context.store, &colleague.organization_id);
    let view = administration::read_solution(store, own, &id).await?;
    Ok(entity(&app, ENTITY, &view))
}

/// Changes a solution.
///
/// For account admins. Members that are absent stay; null takes a value away.
#[utoipa::path(
    put,
    path = "/v1.0/engagements/solutions/{id}",
    tag = "Administration",
    security(("bearer" = [])),
    params(("id" = String, Path, description = "Id of the solution")),
    request_body(content = SolutionView),
    responses((status = 200, description = "The solution as it is now", body = SolutionView), WriteFailures)
)]
async fn put(
    State(app): State<App>,
    administrator: Administrator,
    id: Id,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let id = ids(id, Thing::Solution)?;
    let body = read_node(&app, &headers, body).await?;
    let (author, own) = (Author::Administrator(&administrator), &administrator.0.organization_id);
    let view = administration::update_solution(tools(&app), author, own, &id, &body).await?;
    Ok(entity(&app, ENTITY, &view))
}

/// Deletes a solution.
///
/// For account admins. Referrals that name it stay as they are; new ones cannot be addressed to it.
#[utoipa::path(
    delete,
    path = "/v1.0/engagements/solutions/{id}",
    tag = "Administration",
    security(("bearer" = [])),
    params(("id" = String, Path, description = "Id of the solution")),
    responses((status = 204, description = "The solution is gone"), WriteFailures)
)]
async fn delete(State(app): State<App>, administrator: Administrator, id: Id) -> Result<Response, ApiError> {
    let id = ids(id, Thing::Solution)?;
    let (author, own) = (Author::Administrator(&administrator), &administrator.0.organization_id);
    administration::remove_solution(tools(&app), author, own, &id).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
