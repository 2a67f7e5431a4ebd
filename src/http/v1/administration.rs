//! What the handlers of administration share: bodies in, answers out, and the failures that all of them have.

use axum::{
    Json,
    body::Body,
    extract::{Path, rejection::PathRejection},
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};
use utoipa::{IntoResponses, ToSchema};

use crate::{
    app::App,
    domain::json::{self, Node},
    http::{
        error::{ApiError, ErrorEnvelope},
        extract::require_json,
        failure::unknown,
        limits::read_body,
    },
    service::administration::{Thing, Tools},
};

/// Several things, as OData lists them.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct List<T: ToSchema> {
    /// What is listed.
    #[serde(rename = "@odata.context")]
    context: String,
    /// How many there are.
    #[serde(rename = "@odata.count")]
    count: usize,
    /// The things.
    value: Vec<T>,
}

/// How every read can fail.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "only the description is made of it")]
pub(super) enum ReadFailures {
    /// An app-only token, or a query option that is not served
    #[response(status = 400)]
    BadRequest(#[to_schema] ErrorEnvelope),
    /// No token, or one that is not accepted
    #[response(status = 401)]
    Unauthorized(#[to_schema] ErrorEnvelope),
    /// No role in the organization
    #[response(status = 403)]
    Forbidden(#[to_schema] ErrorEnvelope),
    /// Nothing of the organization's has this id
    #[response(status = 404)]
    NotFound(#[to_schema] ErrorEnvelope),
    /// Too many requests
    #[response(status = 429)]
    TooMany(#[to_schema] ErrorEnvelope),
    /// Too busy, or the database does not answer
    #[response(status = 503)]
    Unavailable(#[to_schema] ErrorEnvelope),
}

/// How every write can fail.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "only the description is made of it")]
pub(super) enum WriteFailures {
    /// Every problem of the request, or an app-only token
    #[response(status = 400)]
    BadRequest(#[to_schema] ErrorEnvelope),
    /// No token, or one that is not accepted
    #[response(status = 401)]
    Unauthorized(#[to_schema] ErrorEnvelope),
    /// Not an account admin
    #[response(status = 403)]
    Forbidden(#[to_schema] ErrorEnvelope),
    /// Nothing of the organization's has this id
    #[response(status = 404)]
    NotFound(#[to_schema] ErrorEnvelope),
    /// The body came too slowly
    #[response(status = 408)]
    TooSlow(#[to_schema] ErrorEnvelope),
    /// Something stands in the way
    #[response(status = 409)]
    Conflict(#[to_schema] ErrorEnvelope),
    /// The body is too large
    #[response(status = 413)]
    TooLarge(#[to_schema] ErrorEnvelope),
    /// The body is not JSON
    #[response(status = 415)]
    NotJson(#[to_schema] ErrorEnvelope),
    /// Too many requests
    #[response(status = 429)]
    TooMany(#[to_schema] ErrorEnvelope),
    /// Too busy, or the database does not answer
    #[response(status = 503)]
    Unavailable(#[to_schema] ErrorEnvelope),
    /// The disk is full
    #[response(status = 507)]
    Full(#[to_schema] ErrorEnvelope),
}

/// Returns what operations of administration need.
pub(super) fn tools(app: &App) -> Tools<'_> {
    Tools { store: &app.context.store, random: &app.context.random, now: app.context.clock.now() }
}

/// Reads a JSON body.
pub(super) async fn read_node(app: &App, headers: &HeaderMap, body: Body) -> Result<Node, ApiError> {
    require_json(headers)?;
    let body = read_body(body, &app.config.limits).await?;
    Ok(json::parse(&body, app.context.settings.json)?)
}

/// Returns the ids of a path; what is no id is an unknown one.
pub(super) fn ids<T: DeserializeOwned>(
    path: Result<Path<T>, PathRejection>,
    thing: Thing,
) -> Result<T, ApiError> {
    path.map(|Path(ids)| ids).map_err(|_| unknown(thing))
}

/// Answers with a list of `set`.
pub(super) fn list<T: Serialize + ToSchema>(app: &App, set: &str, count: usize, value: Vec<T>) -> Response {
    Json(List { context: context(app, set), count, value }).into_response()
}

/// Answers with one thing; `fragment` says which set it is of.
pub(super) fn entity(app: &App, fragment: &str, view: &impl Serialize) -> Response {
    let mut document = Map::new();
    document.insert("@odata.context".to_owned(), context(app, fragment).into());
    if let Ok(Value::Object(members)) = serde_json::to_value(view) {
        document.extend(members);
    }
    Json(document).into_response()
}

/// Answers with something new that is at `path` below the public address.
pub(super) fn created(app: &App, fragment: &str, path: &str, view: &impl Serialize) -> Response {
    let mut response = entity(app, fragment, view);
    *response.status_mut() = StatusCode::CREATED;
    if let Ok(location) = HeaderValue::try_from(format!("{}{path}", app.public_url)) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

/// Returns the query options, with `$` as part of the name. One of OData's that is not among `known` is refused: to
/// ignore it would answer another question. Others belong to nobody (OData 4.01, part 2, section 5.2).
pub(super) fn query_options(
    query: Option<&str>,
    known: &[&'static str],
) -> Result<Vec<(String, String)>, ApiError> {
    let options: Vec<(String, String)> =
        url::form_urlencoded::parse(query.unwrap_or_default().as_bytes()).into_owned().collect();
    match options.iter().find(|(name, _)| name.starts_with('$') && !known.contains(&name.as_str())) {
        None => Ok(options),
        Some((name, _)) => {
            let message = match known {
                [] => format!("the query option \"{name}\" is not served here; this path takes none"),
                known => format!(
                    "the query option \"{name}\" is not served here; this path takes {}",
                    known.join(" and ")
                ),
            };
            Err(ApiError::new(StatusCode::BAD_REQUEST, message).inner("invalidQueryOption").target(name))
        }
    }
}

fn context(app: &App, fragment: &str) -> String {
    format!("{}/v1.0/engagements/$metadata#{fragment}", app.public_url)
}
