//! `/v1.0/engagements/organization` and `/partners`: the caller's organisation, and others that can be invited.

use axum::{
    body::Body,
    extract::{RawQuery, State},
    response::Response,
};
use http::{HeaderMap, StatusCode};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::administration::{
    List, ReadFailures, WriteFailures, entity, list, query_options, read_node, tools,
};
use crate::{
    app::App,
    domain::actor::{Administrator, Colleague},
    http::error::ApiError,
    service::administration::{self, Author, OrganizationView, PartnerView},
};

const PARTNERS_MAX: usize = 200;
const PARTNERS_DEFAULT: usize = 50;

/// Returns the routes.
pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(get, put)).routes(routes!(partners))
}

/// Reads the caller's organisation.
#[utoipa::path(
    get,
    path = "/v1.0/engagements/organization",
    tag = "Administration",
    security(("bearer" = [])),
    responses((status = 200, description = "The organization", body = OrganizationView), ReadFailures)
)]
async fn get(State(app): State<App>, colleague: Colleague, query: RawQuery) -> Result<Response, ApiError> {
    query_options(query.0.as_deref(), &[])?;
    let view = administration::read_organization(&app.context.store, &colleague.organization_id).await?;
    Ok(entity(&app, "organization", &view))
}

/// Changes what the caller's organisation says of itself.
///
/// For account admins. Members that are absent stay; null takes a value away; an object is replaced whole.
#[utoipa::path(
    put,
    path = "/v1.0/engagements/organization",
    tag = "Administration",
    security(("bearer" = [])),
    request_body(content = OrganizationView),
    responses((status = 200, description = "The organization as it is now", body = OrganizationView), WriteFailures)
)]
async fn put(
    State(app): State<App>,
    administrator: Administrator,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let body = read_node(&app, &headers, body).await?;
    let (author, id) = (Author::Administrator(&administrator), &administrator.0.organization_id);
    let view = administration::update_organization(tools(&app), author, id, &body).await?;
    Ok(entity(&app, "organization", &view))
}

/// Finds other organisations to invite.
///
/// One entry for each location in a published business profile. Every word of `$search` must occur in the name or
/// domain of the organisation, or in the name, partner id or country of the location.
#[utoipa::path(
    get,
    path = "/v1.0/engagements/partners",
    tag = "Administration",
    security(("bearer" = [])),
    params(
        ("$search" = Option<String>, Query, description = "Words; all of them must occur"),
        ("$top" = Option<usize>, Query, description = "How many to list, 1 to 200; 50 when absent",
            minimum = 1, maximum = 200),
    ),
    responses((status = 200, description = "The first ones, and how many there are", body = List<PartnerView>), ReadFailures)
)]
async fn partners(
    State(app): State<App>,
    colleague: Colleague,
    query: RawQuery,
) -> Result<Response, ApiError> {
    let options = query_options(query.0.as_deref(), &["$search", "$top"])?;
    let option = |name: &str| options.iter().find(|it| it.0 == name).map(|it| it.1.as_str());
    let top = option("$top").map_or(Some(PARTNERS_DEFAULT), |it| it.parse().ok());
    let Some(top) = top.filter(|it| (1..=PARTNERS_MAX).contains(it)) else {
        let message = format!("$top is not a whole number between 1 and {PARTNERS_MAX}");
        return Err(ApiError::new(StatusCode::BAD_REQUEST, message)
            .inner("invalidQueryOption")
            .target("$top"));
    };
    let search = option("$search").unwrap_or_default();
    let (store, own) = (&app.context.store, &colleague.organization_id);
    let found = administration::search_partners(store, own, search, top).await?;
    Ok(list(&app, "partners", found.count, found.partners))
}
