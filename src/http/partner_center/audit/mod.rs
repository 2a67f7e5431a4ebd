//! `/v1/auditrecords` of the Partner Center API: what happened in a time, for who polls.
//!
//! ```text
//! startDate, endDate   a date, or a time; the end of an endDate's day counts; without endDate, until now
//! size                 records on a page, 1 to 500
//! filter               JSON: {"Field": "ResourceType", "Value": "referral", "Operator": "equals"}
//! MS-ContinuationToken the header of the next page, as `links.next` says it
//! Accept               text/csv or application/x-ndjson: all of it as a file
//! ```
//!
//! `query` reads what is asked for. `/auditactivity/v1/auditrecords/{id}` is one record, as notifications link to it.

mod query;

use axum::{
    Json,
    body::Body,
    extract::{Path, RawQuery, State, rejection::PathRejection},
    response::{IntoResponse, Response},
};
use futures_util::stream;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use self::query::{AuditFilter, AuditQuery};
use super::Failures;
use crate::{
    app::App,
    domain::actor::Auditor,
    http::{error::ApiError, failure::invalid_query},
    service::{
        Context,
        audit::{
            self, AuditAttributes, AuditError, AuditItem, AuditRequest, AuditValue, Export, ExportFormat,
            ExportRequest,
        },
    },
};

const CONTINUATION: HeaderName = HeaderName::from_static("ms-continuationtoken");
const CSV: HeaderValue = HeaderValue::from_static("text/csv; charset=utf-8; header=present");
const JSON_LINES: HeaderValue = HeaderValue::from_static("application/x-ndjson");
const AS_FILE: [HeaderValue; 2] = [
    HeaderValue::from_static("attachment; filename=\"auditrecords.csv\""),
    HeaderValue::from_static("attachment; filename=\"auditrecords.jsonl\""),
];

/// Returns the routes.
pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(one))
}

/// A page of audit records.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct AuditRecords {
    /// How many are on this page.
    total_count: usize,
    /// The records, oldest first.
    items: Vec<AuditItem>,
    links: AuditLinks,
    attributes: AuditAttributes,
}

/// Where a page is, and what follows it.
#[derive(Serialize, ToSchema)]
struct AuditLinks {
    #[serde(rename = "self")]
    this: AuditLink,
    /// Absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    next: Option<AuditLink>,
}

/// An address, relative to `/v1`.
#[derive(Serialize, ToSchema)]
struct AuditLink {
    uri: String,
    method: &'static str,
    /// Headers to send with it.
    headers: Vec<AuditValue>,
}

/// Lists what happened in a time: to referrals, and sign-ins, refusals, exports and administration.
///
/// A user with a Referrals role reads of referrals, with values that it may see of them today; an account admin of
/// everything else; an application of the organisation by itself of both. With `Accept: text/csv` or
/// `application/x-ndjson` all of it comes as a file, and the export is written down.
#[utoipa::path(
    get,
    path = "/v1/auditrecords",
    tag = "Partner Center",
    security(("bearer" = [])),
    params(
        ("startDate" = String, Query, description = "The first day, such as `2026-11-01`, or a time"),
        ("endDate" = Option<String>, Query, description = "The last day, or a time; until now when it is absent"),
        ("size" = Option<u32>, Query, description = "Records on a page, 1 to 500; not for a file"),
        ("filter" = Option<String>, Query, description = "`{\"Field\":\"ResourceType\",\"Value\":\"referral\",\"Operator\":\"equals\"}`"),
        ("MS-ContinuationToken" = Option<String>, Header, description = "From the headers of `links.next`"),
    ),
    responses(
        (status = 200, description = "A page of audit records, or all of them as a file", content(
            (AuditRecords = "application/json"),
            (String = "text/csv"),
            (String = "application/x-ndjson"),
        )),
        Failures,
    )
)]
async fn list(
    State(app): State<App>,
    auditor: Auditor,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let query = query.unwrap_or_default();
    let format = format(&headers);
    let AuditQuery { span, size, filter } =
        query::read(&query, app.context.clock.now(), format.is_some()).map_err(|it| invalid_query(&it))?;
    if let Some(format) = format {
        let Context { store, clock, random, .. } = &app.context;
        let request = ExportRequest { span, format };
        audit::note_export(store, (random, clock.now()), Some(&auditor), request).await?;
        return Ok(file(Export::new(store, Some(auditor), span), format, filter));
    }
    let continuation = headers.get(&CONTINUATION).map(|it| it.to_str().unwrap_or("?").to_owned());
    let page = audit::list(&app.context, &auditor, &AuditRequest { span, size, continuation }).await?;
    let items: Vec<AuditItem> = page.items.into_iter().filter(|it| passes(filter.as_ref(), it)).collect();
    let link = |headers| AuditLink { uri: format!("/auditrecords?{query}"), method: "GET", headers };
    let next = page.continuation.map(|value| {
        let key = "MS-ContinuationToken".to_owned();
        link(vec![AuditValue { key, value }])
    });
    Ok((
        StatusCode::OK,
        Json(AuditRecords {
            total_count: items.len(),
            items,
            links: AuditLinks { this: link(Vec::new()), next },
            attributes: AuditAttributes { object_type: "Collection" },
        }),
    )
        .into_response())
}

/// Reads one audit record: the `AuditUri` of a notification leads here.
#[utoipa::path(
    get,
    path = "/auditactivity/v1/auditrecords/{id}",
    tag = "Partner Center",
    security(("bearer" = [])),
    params(("id" = String, Path, description = "`id` of the record")),
    responses((status = 200, description = "The record", body = AuditItem), Failures)
)]
async fn one(
    State(app): State<App>,
    auditor: Auditor,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<AuditItem>, ApiError> {
    let Path(id) = id.map_err(|_| AuditError::NotFound)?;
    Ok(Json(audit::find(&app.context, &auditor, &id).await?))
}

/// Returns the form of the file that is asked for; `None` when a page is.
fn format(headers: &HeaderMap) -> Option<ExportFormat> {
    let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|it| it.to_str().ok());
    accepted.flat_map(|it| it.split(',')).find_map(|it| {
        let essence = it.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match essence.as_str() {
            "text/csv" => Some(ExportFormat::Csv),
            "application/x-ndjson" | "application/jsonl" => Some(ExportFormat::JsonLines),
            _ => None,
        }
    })
}

/// Answers with everything, a page after the other. An error in the middle breaks the connection off, which every client
/// notices.
fn file(export: Export, format: ExportFormat, filter: Option<AuditFilter>) -> Response {
    let state = (Some(format.head()), export, filter);
    let pieces = stream::unfold(state, move |(head, mut export, filter)| async move {
        if let Some(head) = head {
            return Some((Ok(head), (None, export, filter)));
        }
        let piece = match export.next_items().await {
            Ok(None) => return None,
            Ok(Some(items)) => {
                let wanted = items.iter().filter(|it| passes(filter.as_ref(), it));
                Ok(wanted.map(|it| audit::line(it, format)).collect::<String>())
            }
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "an export was broken off");
                Err(std::io::Error::other(error))
            }
        };
        Some((piece, (None, export, filter)))
    });
    let [csv, json_lines] = AS_FILE;
    let (content_type, disposition) = match format {
        ExportFormat::Csv => (CSV, csv),
        ExportFormat::JsonLines => (JSON_LINES, json_lines),
    };
    let headers = [(header::CONTENT_TYPE, content_type), (header::CONTENT_DISPOSITION, disposition)];
    (headers, Body::from_stream(pieces)).into_response()
}

fn passes(filter: Option<&AuditFilter>, item: &AuditItem) -> bool {
    match filter {
        None => true,
        Some(AuditFilter::ResourceType(value)) => item.resource_type.eq_ignore_ascii_case(value),
        Some(AuditFilter::CustomerId(value)) => item.customer_id == value,
        Some(AuditFilter::CompanyName(value)) => item.customer_name.eq_ignore_ascii_case(value),
        Some(AuditFilter::CompanyNameContains(value)) => {
            item.customer_name.to_lowercase().contains(&value.to_lowercase())
        }
    }
}
