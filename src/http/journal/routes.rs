//! `/v1.0/engagements/requests` and `/sandbox/requests`: the log, read.
//!
//! ```text
//! application, organization   whose calls; the organisation in a sandbox only
//! after                       those after this one, by its id; without it, the newest
//! limit                       how many at most
//! include                     bodies: headers and bodies too
//! format                      json, or har for an HTTP Archive
//! ```

use axum::{
    Json,
    extract::{RawQuery, State},
    response::{IntoResponse as _, Response},
};
use http::{HeaderValue, StatusCode, header};
use odata::QueryError;
use serde::Serialize;
use url::form_urlencoded;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use crate::{
    app::{App, LoggedCall, WantedCalls, archive},
    domain::{actor::Integrator, organization::OrganizationId, report::shortened},
    http::{
        error::{ApiError, ErrorEnvelope},
        failure::invalid_query,
    },
};

const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");
/// What was asked for and answered may be anything: no cache keeps it.
const UNSTORED: HeaderValue = HeaderValue::from_static("no-store");

/// How many calls an answer has, where nothing else is asked for, and at most.
const COUNT: usize = 50;
const COUNT_MAX: usize = 1000;

const OPTIONS: [&str; 6] = ["application", "organization", "after", "limit", "include", "format"];

/// Some calls.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct CallList {
    /// The calls, the oldest first.
    value: Vec<LoggedCall>,
    /// Whether calls are missing after the one that `after` names, because it is no longer kept.
    has_gap: bool,
}

/// Returns the route of the Partner API.
pub(in crate::http) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list))
}

/// Returns the route of a sandbox.
pub(in crate::http) fn sandbox_router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list_all))
}

/// Lists the last calls of the applications of the caller's organisation.
///
/// Each with what came of it, the rule that decided against it, and what to do about it. For account admins and Referrals admins of the entire company.
#[utoipa::path(
    get,
    path = "/v1.0/engagements/requests",
    tag = "Requests",
    security(("bearer" = [])),
    params(
        ("application" = Option<String>, Query, description = "Calls of this application only"),
        ("after" = Option<Uuid>, Query, description = "Calls after this one (its `id`); without it, the newest"),
        ("limit" = Option<u32>, Query, description = "How many at most, up to 1000; 50 when absent"),
        ("include" = Option<String>, Query, description = "`bodies`: headers and bodies too"),
        ("format" = Option<String>, Query, description = "`har` for an HTTP Archive (HAR 1.2) instead of `json`"),
    ),
    responses(
        (status = 200, description = "The calls, the oldest first", body = CallList),
        (status = 400, description = "A query that is wrong, or an app-only token", body = ErrorEnvelope),
        (status = 401, description = "No token, or one that is not accepted", body = ErrorEnvelope),
        (status = 403, description = "Neither account admin nor Referrals admin of the entire company", body = ErrorEnvelope),
        (status = 404, description = "This server keeps no request log", body = ErrorEnvelope),
        (status = 429, description = "Too many requests", body = ErrorEnvelope),
        (status = 503, description = "Too busy, or the database does not answer", body = ErrorEnvelope),
    )
)]
async fn list(State(app): State<App>, caller: Integrator, query: RawQuery) -> Result<Response, ApiError> {
    let mut wish = read_query(query.0.as_deref().unwrap_or_default(), false)?;
    wish.calls.organization_id = Some(caller.organization_id);
    answer(&app, &wish)
}

/// Lists the last calls of everybody in this sandbox.
///
/// Served in a sandbox only.
#[utoipa::path(
    get,
    path = "/sandbox/requests",
    tag = "Sandbox",
    params(
        ("application" = Option<String>, Query, description = "Calls of this application only"),
        ("organization" = Option<String>, Query, description = "Calls of this organisation only, by its id"),
        ("after" = Option<Uuid>, Query, description = "Calls after this one (its `id`); without it, the newest"),
        ("limit" = Option<u32>, Query, description = "How many at most, up to 1000; 50 when absent"),
        ("include" = Option<String>, Query, description = "`bodies`: headers and bodies too"),
        ("format" = Option<String>, Query, description = "`har` for an HTTP Archive (HAR 1.2) instead of `json`"),
    ),
    responses(
        (status = 200, description = "The calls, the oldest first", body = CallList),
        (status = 400, description = "A query that is wrong", body = ErrorEnvelope),
        (status = 404, description = "This server keeps no request log", body = ErrorEnvelope),
    )
)]
async fn list_all(State(app): State<App>, query: RawQuery) -> Result<Response, ApiError> {
    answer(&app, &read_query(query.0.as_deref().unwrap_or_default(), true)?)
}

fn answer(app: &App, wish: &Wish) -> Result<Response, ApiError> {
    let Some(journal) = &app.journal else {
        let message = "this server keeps no request log; its operator can set requests.enabled";
        return Err(ApiError::new(StatusCode::NOT_FOUND, message).inner("requestLogOff"));
    };
    let page = journal.list(&wish.calls);
    let calls: Vec<_> =
        page.calls.iter().map(|it| LoggedCall::new(it, app.sight(), wish.has_parts)).collect();
    let headers = [(header::CONTENT_TYPE, JSON), (header::CACHE_CONTROL, UNSTORED)];
    Ok(match wish.is_har {
        true => (headers, Json(archive(&calls, &app.public_url))).into_response(),
        false => (headers, Json(CallList { value: calls, has_gap: page.has_gap })).into_response(),
    })
}

/// What a caller asks for.
#[derive(Debug)]
struct Wish {
    calls: WantedCalls,
    has_parts: bool,
    is_har: bool,
}

/// Reads the options, and finds everything that is wrong with them.
fn read_query(query: &str, is_sandbox: bool) -> Result<Wish, ApiError> {
    let calls = WantedCalls { count_max: COUNT, ..WantedCalls::default() };
    let mut wish = Wish { calls, has_parts: false, is_har: false };
    let mut problems = Vec::new();
    let served = || OPTIONS.into_iter().filter(|it| is_sandbox || *it != "organization");
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let option = served().find(|it| name.eq_ignore_ascii_case(it)).unwrap_or_default();
        let refuse = |message: String, expected: &[&str]| problem(&name, message, expected);
        let found = match option {
            "application" => {
                wish.calls.application_id = Some(value.clone().into_owned());
                None
            }
            "organization" => {
                wish.calls.organization_id = OrganizationId::parse(&value);
                let is_none = wish.calls.organization_id.is_none();
                is_none.then(|| refuse(no("organization", &value), &["a GUID", "msft"]))
            }
            "after" => {
                wish.calls.after = Uuid::try_parse(&value).ok();
                wish.calls.after.is_none().then(|| refuse(no("id of a call", &value), &["a GUID"]))
            }
            "limit" => match value.parse().ok().filter(|it| (1..=COUNT_MAX).contains(it)) {
                Some(count) => {
                    wish.calls.count_max = count;
                    None
                }
                None => Some(refuse(no("limit", &value), &[&format!("a count from 1 to {COUNT_MAX}")])),
            },
            "include" => {
                wish.has_parts = true;
                let is_known = value.eq_ignore_ascii_case("bodies");
                (!is_known).then(|| refuse(no("part of a call", &value), &["bodies"]))
            }
            "format" => {
                wish.is_har = value.eq_ignore_ascii_case("har");
                let is_known = wish.is_har || value.eq_ignore_ascii_case("json");
                (!is_known).then(|| refuse(no("format", &value), &["json", "har"]))
            }
            _ => {
                let expected: Vec<_> = served().collect();
                Some(refuse("the option is not served here".to_owned(), &expected))
            }
        };
        problems.extend(found);
    }
    // An archive without what went over the wire would be none.
    wish.has_parts |= wish.is_har;
    if problems.is_empty() { Ok(wish) } else { Err(invalid_query(&problems)) }
}

fn no(what: &str, value: &str) -> String {
    format!("\"{}\" is no {what}", shortened(value))
}

fn problem(option: &str, message: String, expected: &[&str]) -> QueryError {
    let expected = expected.iter().map(|it| (*it).to_owned()).collect();
    QueryError { option: shortened(option).to_owned(), position: None, message, expected, suggestion: None }
}
