//! What an OData client reads before it asks for anything: the service document, and `$metadata` in CSDL 4.0.
//!
//! Both are made from the property table of `domain::query`, need no token, and say the same to everybody. Start at
//! [`router`]; `model` says what the types are, `xml` and `json` write them, `control` is the part of it that travels
//! with each entity.

pub mod control;
mod json;
mod model;
#[cfg(test)]
mod tests;
mod xml;

use std::sync::LazyLock;

use aws_lc_rs::digest;
use axum::{
    extract::{RawQuery, State},
    response::Response,
};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    error::{ApiError, ErrorEnvelope},
    format::{Format, SchemaFormat},
};
use crate::app::App;

/// How many bytes of a digest tell one text from another here.
const TAG_BYTES: usize = 8;

static XML: LazyLock<String> = LazyLock::new(xml::text);
static JSON: LazyLock<String> = LazyLock::new(json::text);

/// Returns the routes.
pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(service)).routes(routes!(schema))
}

/// What is served below the root.
#[derive(Serialize, ToSchema)]
struct ServiceDocument {
    /// Describes the answer; absent with `odata.metadata=none`.
    #[serde(rename = "@odata.context", skip_serializing_if = "Option::is_none")]
    context: Option<String>,
    /// The collections.
    value: Vec<ServiceElement>,
}

/// A collection that is served.
#[derive(Serialize, ToSchema)]
struct ServiceElement {
    /// Its name in the metadata.
    name: &'static str,
    /// Always `EntitySet`.
    kind: &'static str,
    /// Where it is, from the root.
    url: &'static str,
}

/// Lists what is served, for OData clients.
///
/// No token is needed. A slash at the end makes no difference.
#[utoipa::path(
    get,
    path = "/v1.0/engagements",
    tag = "Metadata",
    params(
        ("$format" = Option<String>, Query, description = "`json`, or a media type; takes precedence over Accept"),
        ("If-None-Match" = Option<String>, Header, description = "Tokens that the caller has; 304 when one is current"),
    ),
    responses(
        (status = 200, description = "The service document", body = ServiceDocument, headers(
            ("ETag" = String, description = "Changes with the document"),
        )),
        (status = 304, description = "The caller has the current document"),
        (status = 400, description = "Another query option, or a client that is too old", body = ErrorEnvelope),
        (status = 406, description = "Another format than JSON is wanted", body = ErrorEnvelope),
        (status = 503, description = "Too busy", body = ErrorEnvelope),
    )
)]
async fn service(
    State(app): State<App>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let format = Format::read(&headers, format_option(query.as_deref())?.as_deref())?;
    let context = format.has_context().then(|| format!("{}/v1.0/engagements/$metadata", app.public_url));
    let referrals = ServiceElement { name: model::ENTITY_SET, kind: "EntitySet", url: model::ENTITY_SET };
    let document = ServiceDocument { context, value: vec![referrals] };
    let text = serde_json::to_string(&document).unwrap_or_default();
    Ok(answer(&headers, format.content_type(), text))
}

/// Describes the types of referrals in CSDL 4.0.
///
/// No token is needed. The form is XML, or JSON for whoever asks for it with `Accept` or `$format`.
#[utoipa::path(
    get,
    path = "/v1.0/engagements/$metadata",
    tag = "Metadata",
    params(
        ("$format" = Option<String>, Query, description = "`xml`, `json`, or a media type; takes precedence over Accept"),
        ("If-None-Match" = Option<String>, Header, description = "Tokens that the caller has; 304 when one is current"),
    ),
    responses(
        (status = 200, description = "The schema", content(
            (String = "application/xml"),
            (Object = "application/json"),
        ), headers(
            ("ETag" = String, description = "Changes with the schema"),
        )),
        (status = 304, description = "The caller has the current schema"),
        (status = 400, description = "Another query option, or a client that is too old", body = ErrorEnvelope),
        (status = 406, description = "Another format than XML and JSON is wanted", body = ErrorEnvelope),
        (status = 503, description = "Too busy", body = ErrorEnvelope),
    )
)]
async fn schema(RawQuery(query): RawQuery, headers: HeaderMap) -> Result<Response, ApiError> {
    let format = SchemaFormat::read(&headers, format_option(query.as_deref())?.as_deref())?;
    let (content_type, text) = match format {
        SchemaFormat::Xml => ("application/xml; charset=utf-8", &*XML),
        SchemaFormat::Json => ("application/json; charset=utf-8", &*JSON),
    };
    Ok(answer(&headers, HeaderValue::from_static(content_type), text.clone()))
}

/// Reads `$format`, and refuses the other options of OData: there is nothing to filter here.
fn format_option(query: Option<&str>) -> Result<Option<String>, ApiError> {
    let refuse = |option: &str, message: String| {
        ApiError::new(StatusCode::BAD_REQUEST, message).inner("invalidQueryOption").target(option)
    };
    let mut found = None;
    for (name, value) in url::form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
        match name.as_ref() {
            "$format" if found.is_none() => found = Some(value.into_owned()),
            "$format" => return Err(refuse("$format", "$format stands twice in the query".to_owned())),
            option if option.starts_with('$') => {
                return Err(refuse(option, format!("the query option {option} has no meaning here")));
            }
            _ => {}
        }
    }
    Ok(found)
}

/// Answers with a text that a client may keep, and asks for again with its token.
fn answer(request: &HeaderMap, content_type: HeaderValue, text: String) -> Response {
    let digest = digest::digest(&digest::SHA256, text.as_bytes());
    let hex: String = digest.as_ref().iter().take(TAG_BYTES).map(|it| format!("{it:02x}")).collect();
    let tag = format!("\"{hex}\"");
    let known = request.get_all(header::IF_NONE_MATCH).iter().filter_map(|it| it.to_str().ok());
    let mut known = known.flat_map(|it| it.split(',')).map(str::trim);
    let is_known = known.any(|it| it == "*" || it.strip_prefix("W/").unwrap_or(it) == tag);
    let mut response = Response::new(if is_known { String::new() } else { text }.into());
    if is_known {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    }
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, content_type);
    headers.insert(header::ETAG, HeaderValue::try_from(tag).expect("hexadecimal digits in quotes"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(header::VARY, HeaderValue::from_static("Accept"));
    response
}
