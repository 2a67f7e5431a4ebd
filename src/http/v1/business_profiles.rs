//! `/v1.0/engagements/businessprofiles`: what the caller's organisation says of its business, and its locations.

use axum::{
    body::Body,
    extract::{Path, RawQuery, State, rejection::PathRejection},
    response::{IntoResponse, Response},
};
use http::{HeaderMap, StatusCode};
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::administration::{
    List, ReadFailures, WriteFailures, created, entity, ids, list, query_options, read_node, tools,
};
use crate::{
    app::App,
    domain::actor::{Administrator, Colleague},
    http::error::ApiError,
    service::administration::{self, Author, BusinessProfileView, LocationView, Thing},
};

const PATH: &str = "/v1.0/engagements/businessprofiles";
const ENTITY: &str = "businessprofiles/$entity";
const LOCATION_ENTITY: &str = "businessprofiles/locations/$entity";

type OneId = Result<Path<Uuid>, PathRejection>;
type TwoIds = Result<Path<(Uuid, Uuid)>, PathRejection>;

/// Returns the routes.
pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(get_all, post))
        .routes(routes!(get, put))
        .routes(routes!(post_location))
        .routes(routes!(get_location, put_location, delete_location))
}

/// Lists the business profiles of the caller's organisation, with their locations.
#[utoipa::path(
    get,
    path = "/v1.0/engagements/businessprofiles",
    tag = "Administration",
    security(("bearer" = [])),
    responses((status = 200, description = "All of them", body = List<BusinessProfileView>), ReadFailures)
)]
async fn get_all(
    State(app): State<App>,
    colleague: Colleague,
    query: RawQuery,
) -> Result<Response, ApiError> {
    query_options(query.0.as_deref(), &[])?;
    let (store, own) = (&app.context.store, &colleague.organization_id);
    let profiles = administration::list_business_profiles(store, own).await?;
    Ok(list(&app, "businessprofiles", profiles.len(), profiles))
}

/// Makes a business profile for a country that has none yet.
///
/// For account admins. It starts as a draft, without locations.
#[utoipa::path(
    post,
    path = "/v1.0/engagements/businessprofiles",
    tag = "Administration",
    security(("bearer" = [])),
    request_body(content = BusinessProfileView),
    responses(
        (status = 201, description = "The new profile", body = BusinessProfileView, headers(
            ("Location" = String, description = "Address of the profile"),
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
    let view = administration::create_business_profile(tools(&app), author, own, &body).await?;
    Ok(created(&app, ENTITY, &format!("{PATH}/{}", view.id), &view))
}

/// Reads a business profile.
#[utoipa::path(
    get,
    path = "/v1.0/engagements/businessprofiles/{id}",
    tag = "Administration",
    security(("bearer" = [])),
    params(("id" = Uuid, Path, description = "Id of the business profile")),
    responses((status = 200, description = "The profile", body = BusinessProfileView), ReadFailures)
)]
async fn get(State(app): State<App>, colleague: Colleague, id: OneId) -> Result<Response, ApiError> {
    let id = ids(id, Thing::BusinessProfile)?;
    let (store, own) = (&app.context.store, &colleague.organization_id);
    let view = administration::read_business_profile(store, own, id).await?;
    Ok(entity(&app, ENTITY, &view))
}

/// Changes a business profile.
///
/// For account admins. Members that are absent stay; null takes a value away; `tags` is replaced whole.
#[utoipa::path(
    put,
    path = "/v1.0/engagements/businessprofiles/{id}",
    tag = "Administration",
    security(("bearer" = [])),
    params(("id" = Uuid, Path, description = "Id of the business profile")),
    request_body(content = BusinessProfileView),
    responses((status = 200, description = "The profile as it is now", body = BusinessProfileView), WriteFailures)
)]
async fn put(
    State(app): State<App>,
    administrator: Administrator,
    id: OneId,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let id = ids(id, Thing::BusinessProfile)?;
    let body = read_node(&app, &headers, body).await?;
    let (author, own) = (Author::Administrator(&administrator), &administrator.0.organization_id);
    let view = administration::update_business_profile(tools(&app), author, own, id, &body).await?;
    Ok(entity(&app, ENTITY, &view))
}

/// Adds a location to a business profile.
///
/// For account admins. With `isDefault` it takes the place of the organisation's default location.
#[utoipa::path(
    post,
    path = "/v1.0/engagements/businessprofiles/{id}/locations",
    tag = "Administration",
    security(("bearer" = [])),
    params(("id" = Uuid, Path, description = "Id of the business profile")),
    request_body(content = LocationView),
    responses(
        (status = 201, description = "The new location", body = LocationView, headers(
            ("Location" = String, description = "Address of the location"),
        )),
        WriteFailures,
    )
)]
async fn post_location(
    State(app): State<App>,
    administrator: Administrator,
    id: OneId,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let id = ids(id, Thing::BusinessProfile)?;
    let body = read_node(&app, &headers, body).await?;
    let (author, own) = (Author::Administrator(&administrator), &administrator.0.organization_id);
    let view = administration::create_location(tools(&app), author, own, Some(id), &body).await?;
    Ok(created(&app, LOCATION_ENTITY, &format!("{PATH}/{id}/locations/{}", view.id), &view))
}

/// Reads a location.
#[utoipa::path(
    get,
    path = "/v1.0/engagements/businessprofiles/{id}/locations/{location_id}",
    tag = "Administration",
    security(("bearer" = [])),
    params(
        ("id" = Uuid, Path, description = "Id of the business profile"),
        ("location_id" = Uuid, Path, description = "Id of the location"),
    ),
    responses((status = 200, description = "The location", body = LocationView), ReadFailures)
)]
async fn get_location(
    State(app): State<App>,
    colleague: Colleague,
    path: TwoIds,
) -> Result<Response, ApiError> {
    let (profile_id, id) = ids(path, Thing::Location)?;
    let (store, own) = (&app.context.store, &colleague.organization_id);
    let view = administration::read_location(store, own, profile_id, id).await?;
    Ok(entity(&app, LOCATION_ENTITY, &view))
}

/// Changes a location.
///
/// For account admins. Members that are absent stay; null takes a value away; objects are replaced whole. The
/// `mpnId` stays while referrals, roles or solutions refer to it.
#[utoipa::path(
    put,
    path = "/v1.0/engagements/businessprofiles/{id}/locations/{location_id}",
    tag = "Administration",
    security(("bearer" = [])),
    params(
        ("id" = Uuid, Path, description = "Id of the business profile"),
        ("location_id" = Uuid, Path, description = "Id of the location"),
    ),
    request_body(content = LocationView),
    responses((status = 200, description = "The location as it is now", body = LocationView), WriteFailures)
)]
async fn put_location(
    State(app): State<App>,
    administrator: Administrator,
    path: TwoIds,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let (profile_id, id) = ids(path, Thing::Location)?;
    let body = read_node(&app, &headers, body).await?;
    let (author, own) = (Author::Administrator(&administrator), &administrator.0.organization_id);
    let view = administration::update_location(tools(&app), author, own, profile_id, id, &body).await?;
    Ok(entity(&app, LOCATION_ENTITY, &view))
}

/// Deletes a location that nothing refers to.
///
/// For account admins. The default location, and one that referrals, roles or solutions refer to, stay: 409.
#[utoipa::path(
    delete,
    path = "/v1.0/engagements/businessprofiles/{id}/locations/{location_id}",
    tag = "Administration",
    security(("bearer" = [])),
    params(
        ("id" = Uuid, Path, description = "Id of the business profile"),
        ("location_id" = Uuid, Path, description = "Id of the location"),
    ),
    responses((status = 204, description = "The location is gone"), WriteFailures)
)]
async fn delete_location(
    State(app): State<App>,
    administrator: Administrator,
    path: TwoIds,
) -> Result<Response, ApiError> {
    let (profile_id, id) = ids(path, Thing::Location)?;
    let (author, own) = (Author::Administrator(&administrator), &administrator.0.organization_id);
    administration::remove_location(tools(&app), author, own, profile_id, id).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
