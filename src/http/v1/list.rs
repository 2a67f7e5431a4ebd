//! The list of referrals: `GET`, the same by `POST …/$query`, and `…/$count`.
//!
//! A page is answered in pieces: its keys decide status, token and count; then the documents follow a few at a time, so
//! that memory does not grow with the page.

use std::collections::VecDeque;

use axum::{
    body::Body,
    extract::{RawQuery, State},
    response::{IntoResponse as _, Response},
};
use futures_util::stream;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::answers::{in_format, json_body, matches_any};
use crate::{
    app::App,
    domain::{actor::Actor, referral::Referral},
    http::{
        error::{ApiError, ErrorEnvelope},
        extract::preferences,
        format::Format,
        limits::read_body,
    },
    service::referrals::{self, ListError, Page, Preferred},
    storage::{Listed, Store},
};

const PREFERENCE_APPLIED: &str = "preference-applied";

/// Returns the routes.
pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(query)).routes(routes!(count))
}

/// A page of referrals.
#[derive(Serialize, ToSchema)]
struct ListAnswer {
    /// Describes the answer.
    #[serde(rename = "@odata.context")]
    context: String,
    /// How many there are on all pages.
    #[serde(rename = "@odata.count")]
    count: Option<u64>,
    /// The page.
    value: Vec<Referral>,
    /// Address of the next page; absent on the last.
    #[serde(rename = "@odata.nextLink")]
    next_link: Option<String>,
}

/// Lists the referrals that the caller may see.
///
/// Newest first unless `$orderby` says otherwise; 100 on a page, the rest behind `@odata.nextLink`. What the caller may
/// not see of a referral counts as what it reads instead, in filter, order and search alike.
#[utoipa::path(
    get,
    path = "/v1.0/engagements/referrals",
    tag = "Referrals",
    security(("bearer" = [])),
    params(
        ("$filter" = Option<String>, Query, description = "OData 4.01 filter, such as `status eq 'New' and team/any(t:t/email eq 'r2d2@contoso.com')`"),
        ("$orderby" = Option<String>, Query, description = "Keys of the order, such as `createdDateTime desc`"),
        ("$select" = Option<String>, Query, description = "Members that are wanted, such as `id,status,customerProfile/name`"),
        ("$expand" = Option<String>, Query, description = "`relatedReferrals`: the visible referrals of the same engagement"),
        ("$search" = Option<String>, Query, description = "Words that names, notes, solutions or people contain"),
        ("$top" = Option<u64>, Query, description = "How many at most, over all pages"),
        ("$skip" = Option<u64>, Query, description = "How many are left out at the beginning"),
        ("$count" = Option<bool>, Query, description = "`false` leaves `@odata.count` out; `true` insists on it"),
        ("$skiptoken" = Option<String>, Query, description = "Only inside `@odata.nextLink`"),
        ("If-None-Match" = Option<String>, Header, description = "Token of the page that the caller has; 304 when nothing on it has changed"),
        ("Prefer" = Option<String>, Header, description = "`odata.maxpagesize=50` for smaller pages"),
    ),
    responses(
        (status = 200, description = "A page of referrals, each as the caller may see it", body = ListAnswer, headers(
            ("ETag" = String, description = "Token of what the caller sees on this page"),
        )),
        (status = 304, description = "Nothing on the page has changed"),
        (status = 400, description = "A query that is wrong, with the place in it, or an app-only token", body = ErrorEnvelope),
        (status = 401, description = "No token, or one that is not accepted", body = ErrorEnvelope),
        (status = 403, description = "No Referrals role", body = ErrorEnvelope),
        (status = 406, description = "No format that is wanted is served", body = ErrorEnvelope),
        (status = 429, description = "Too many requests", body = ErrorEnvelope),
        (status = 503, description = "The query takes too long, the server is too busy, or the database does not answer", body = ErrorEnvelope),
    )
)]
async fn list(
    State(app): State<App>,
    actor: Actor,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    page(app, actor, &query.unwrap_or_default(), &headers).await
}

/// Lists referrals by a query in the body.
///
/// For queries that are too long for an address. The body is the query part of the address as text; what stands in the
/// address counts too.
#[utoipa::path(
    post,
    path = "/v1.0/engagements/referrals/$query",
    tag = "Referrals",
    security(("bearer" = [])),
    request_body(content = Option<String>, content_type = "text/plain", description = "`$filter=…&$orderby=…`, percent-encoded like an address"),
    responses(
        (status = 200, description = "A page of referrals, each as the caller may see it", body = ListAnswer),
        (status = 304, description = "Nothing on the page has changed"),
        (status = 400, description = "A query that is wrong, with the place in it, or an app-only token", body = ErrorEnvelope),
        (status = 401, description = "No token, or one that is not accepted", body = ErrorEnvelope),
        (status = 403, description = "No Referrals role", body = ErrorEnvelope),
        (status = 406, description = "No format that is wanted is served", body = ErrorEnvelope),
        (status = 408, description = "The body came too slowly", body = ErrorEnvelope),
        (status = 413, description = "The body is too large", body = ErrorEnvelope),
        (status = 415, description = "The body is neither text nor a form", body = ErrorEnvelope),
        (status = 429, description = "Too many requests", body = ErrorEnvelope),
        (status = 503, description = "The query takes too long, the server is too busy, or the database does not answer", body = ErrorEnvelope),
    )
)]
async fn query(
    State(app): State<App>,
    actor: Actor,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    require_query(&headers)?;
    let body = read_body(body, &app.config.limits).await?;
    let body = std::str::from_utf8(&body).map_err(|_| {
        ApiError::new(StatusCode::BAD_REQUEST, "the body is not UTF-8").inner("malformedBody").target("body")
    })?;
    let query = query.unwrap_or_default();
    let joint = if query.is_empty() { "" } else { "&" };
    page(app, actor, &[&query, joint, body.trim()].concat(), &headers).await
}

/// Counts referrals.
///
/// A bare number, as text. `$filter` and `$search` count as they do for the list; other options have no effect.
#[utoipa::path(
    get,
    path = "/v1.0/engagements/referrals/$count",
    tag = "Referrals",
    security(("bearer" = [])),
    params(
        ("$filter" = Option<String>, Query, description = "As for the list"),
        ("$search" = Option<String>, Query, description = "As for the list"),
    ),
    responses(
        (status = 200, description = "How many there are", body = String, content_type = "text/plain"),
        (status = 400, description = "A query that is wrong, with the place in it, or an app-only token", body = ErrorEnvelope),
        (status = 401, description = "No token, or one that is not accepted", body = ErrorEnvelope),
        (status = 403, description = "No Referrals role", body = ErrorEnvelope),
        (status = 429, description = "Too many requests", body = ErrorEnvelope),
        (status = 503, description = "The query takes too long, the server is too busy, or the database does not answer", body = ErrorEnvelope),
    )
)]
async fn count(
    State(app): State<App>,
    actor: Actor,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    let query = referrals::read_query(&app.context, &query.unwrap_or_default())?;
    let count = referrals::count_all(&app.context, &actor, &query).await?;
    Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], count.to_string()).into_response())
}

/// Answers a query with a page.
async fn page(app: App, actor: Actor, query: &str, headers: &HeaderMap) -> Result<Response, ApiError> {
    let size_wanted = page_size(headers);
    let is_known = headers.contains_key(header::IF_NONE_MATCH);
    let preferred = Preferred { size: size_wanted, is_known };
    let query = referrals::read_query(&app.context, query)?;
    let format_option = query.format.clone();
    let format = Format::read(headers, format_option.as_deref())?;
    let page = referrals::list(&app.context, &actor, query, preferred).await?;
    let etag = page.etag.as_deref().and_then(|it| HeaderValue::from_str(it).ok());
    let is_current = page.etag.as_deref().is_some_and(|it| matches_any(headers, it));
    let mut response = match is_current {
        true => StatusCode::NOT_MODIFIED.into_response(),
        false => answer(app, actor, page, format, format_option.as_deref()).await?,
    };
    let headers = response.headers_mut();
    if let Some(etag) = etag {
        headers.insert(header::ETAG, etag);
    }
    if let Some(applied) =
        size_wanted.and_then(|it| HeaderValue::try_from(format!("odata.maxpagesize={it}")).ok())
    {
        headers.insert(PREFERENCE_APPLIED, applied);
    }
    Ok(response)
}

/// Writes the answer: whole where it is short, else as a stream.
async fn answer(
    app: App,
    actor: Actor,
    page: Page,
    format: Format,
    format_option: Option<&str>,
) -> Result<Response, ApiError> {
    let (head, tail) = envelope(&app.public_url, &page, format, format_option);
    let Page { listed, shape, .. } = page;
    let mut rest = Rest { app, actor, format, shape, listed: listed.into(), is_first: true, tail };
    // What fails before the first byte is out still has a status of its own.
    let first = rest.next_piece().await?;
    if rest.listed.is_empty() {
        return Ok(json_body([head, first, rest.tail].concat(), format));
    }
    let pieces = stream::unfold((Some([head, first].concat()), rest), |(ready, mut rest)| async move {
        if let Some(ready) = ready {
            return Some((Ok(ready), (None, rest)));
        }
        if rest.listed.is_empty() {
            let tail = std::mem::take(&mut rest.tail);
            return (!tail.is_empty()).then_some((Ok(tail), (None, rest)));
        }
        // An error in the middle breaks the connection off, which every client notices.
        let piece = rest.next_piece().await.map_err(std::io::Error::other);
        Some((piece, (None, rest)))
    });
    let mut response = json_body(String::new(), format);
    *response.body_mut() = Body::from_stream(pieces);
    Ok(response)
}

/// What of a page is still to be written.
struct Rest {
    app: App,
    actor: Actor,
    format: Format,
    shape: referrals::Shape,
    listed: VecDeque<Listed>,
    is_first: bool,
    tail: String,
}

impl Rest {
    /// Reads the next documents and returns them as items of an array.
    async fn next_piece(&mut self) -> Result<String, ListError> {
        let count = self.listed.len().min(Store::DOCUMENTS_AT_ONCE);
        let now: Vec<Listed> = self.listed.drain(..count).collect();
        let items = referrals::read_listed(&self.app.context, &self.actor, now, &self.shape).await?;
        let mut piece = String::with_capacity(items.iter().map(|it| it.body.len().saturating_add(1)).sum());
        for item in items {
            if !std::mem::take(&mut self.is_first) {
                piece.push(',');
            }
            piece.push_str(&in_format(&self.app.public_url, item, self.format));
        }
        Ok(piece)
    }
}

/// Returns what stands before and after the items.
fn envelope(base_url: &str, page: &Page, format: Format, format_option: Option<&str>) -> (String, String) {
    let base = format!("{base_url}/v1.0/engagements");
    let mut head = "{".to_owned();
    if format.has_context() {
        let selected = page.shape.selection.as_ref().map(|it| format!("({it})")).unwrap_or_default();
        head.push_str(&format!("\"@odata.context\":\"{base}/$metadata#referrals{selected}\","));
    }
    if let Some(count) = page.count {
        head.push_str(&format!("\"@odata.count\":{},", format.integer(count)));
    }
    head.push_str("\"value\":[");
    let Some(token) = &page.next else { return (head, "]}".to_owned()) };
    let mut link = format!("{base}/referrals?$skiptoken={token}");
    if let Some(option) = format_option {
        link.push_str("&$format=");
        link.extend(url::form_urlencoded::byte_serialize(option.as_bytes()));
    }
    (head, format!("],\"@odata.nextLink\":\"{link}\"}}"))
}

/// Returns the size of pages that the caller prefers (OData 4.01, part 1, 8.2.8.6).
fn page_size(headers: &HeaderMap) -> Option<u32> {
    preferences(headers).find_map(|it| {
        let size = it.strip_prefix("odata.maxpagesize=").or_else(|| it.strip_prefix("maxpagesize="))?;
        size.parse().ok().filter(|it| *it > 0)
    })
}

/// Refuses a body that says it is something other than a query. One that says nothing is taken for one.
fn require_query(headers: &HeaderMap) -> Result<(), ApiError> {
    let sent =
        headers.get(header::CONTENT_TYPE).map(|it| it.to_str().unwrap_or_default().to_ascii_lowercase());
    let essence = sent.as_deref().and_then(|it| it.split(';').next()).unwrap_or_default().trim();
    if ["", "text/plain", "application/x-www-form-urlencoded"].contains(&essence) {
        return Ok(());
    }
    let message =
        format!("the content type \"{}\" is not accepted; send text/plain", essence.escape_default());
    Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, message)
        .inner("unsupportedMediaType")
        .target("Content-Type"))
}
