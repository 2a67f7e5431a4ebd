//! `/v1/auditrecords` of the Partner Center API: what happened in a time, for who polls.
//!
//! ```text
//! startDate, endDate   a date, or a time; the end of an endDate's day counts; without endDate, until now
//! size                 records on a page, 1 to 500
//! filter               JSON: {"Field": "ResourceType", "Value": "referral", "Operator": "equals"}
//! MS-ContinuationToken the header of the next page, as `links.next` says it
//! ```
//!
//! `query` reads what is asked for.

mod query;

use axum::{
    Json,
    extract::{RawQuery, State},
    response::IntoResponse,
};
use http::{HeaderMap, HeaderName, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use self::query::{AuditFilter, AuditQuery};
use super::Failures;
use crate::{
    app::App,
    domain::{actor::Actor, event::Event, organization::OrganizationId, time::Timestamp},
    http::{error::ApiError, extract::Auditor, failure::invalid_query},
    service::referrals::{self, AuditRecord, AuditRequest},
};

const CONTINUATION: HeaderName = HeaderName::from_static("ms-continuationtoken");
/// Ticks of .NET at the beginning of 1970: ids of audit records count from the year 1.
const DOTNET_EPOCH_TICKS: i64 = 621_355_968_000_000_000;

/// Returns the routes.
pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list))
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

/// Something that happened.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct AuditItem {
    /// `{partnerId}_{id of the change}_{operationType}_{.NET ticks}`.
    id: String,
    /// The caller's organisation.
    partner_id: OrganizationId,
    /// Always empty.
    #[schema(value_type = Vec<String>)]
    participants: [String; 0],
    /// Always empty.
    customer_id: &'static str,
    /// The customer's name; empty where the caller may not see it.
    customer_name: String,
    /// Who did it; empty for whoever is not of the caller's organisation.
    user_principal_name: String,
    /// Through what; empty for another organisation's application.
    application_id: String,
    /// Always `referral`.
    resource_type: &'static str,
    /// The referral before, as JSON in a string; null when it was made.
    #[schema(required)]
    resource_old_value: Option<String>,
    /// The referral after, as JSON in a string.
    resource_new_value: String,
    /// `create_referral`, `update_referral`, `create_related_referral` or `update_related_referral`.
    operation_type: &'static str,
    /// Id of the change.
    original_correlation_id: Uuid,
    /// When, with seven digits of fraction.
    operation_date: String,
    /// Always `succeeded`: what failed is no change.
    operation_status: &'static str,
    /// `ReferralId` and `EngagementId`.
    customized_data: [AuditValue; 2],
    attributes: AuditAttributes,
}

/// A name with its value.
#[derive(Serialize, ToSchema)]
struct AuditValue {
    key: &'static str,
    value: String,
}

/// What an object is.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct AuditAttributes {
    object_type: &'static str,
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

/// Lists what happened to referrals in a time.
///
/// For a user with a Referrals role, and for an application of the organisation by itself. Values are those that the
/// caller may see of the referral today.
#[utoipa::path(
    get,
    path = "/v1/auditrecords",
    tag = "Partner Center",
    security(("bearer" = [])),
    params(
        ("startDate" = String, Query, description = "The first day, such as `2026-11-01`, or a time"),
        ("endDate" = Option<String>, Query, description = "The last day, or a time; until now when it is absent"),
        ("size" = Option<u32>, Query, description = "Records on a page, 1 to 500"),
        ("filter" = Option<String>, Query, description = "`{\"Field\":\"ResourceType\",\"Value\":\"referral\",\"Operator\":\"equals\"}`"),
        ("MS-ContinuationToken" = Option<String>, Header, description = "From the headers of `links.next`"),
    ),
    responses(
        (status = 200, description = "A page of audit records", body = AuditRecords),
        Failures,
    )
)]
async fn list(
    State(app): State<App>,
    Auditor(actor): Auditor,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<impl IntoResponse, ApiError> {
    let query = query.unwrap_or_default();
    let AuditQuery { from, until, size, filter } =
        query::read(&query, app.context.clock.now()).map_err(|problems| invalid_query(&problems))?;
    let continuation = headers.get(&CONTINUATION).map(|it| it.to_str().unwrap_or("?").to_owned());
    let request = AuditRequest { from, until, size, continuation };
    let page = referrals::audit(&app.context, &actor, &request).await?;
    let is_wanted = |it: &AuditItem| filter.as_ref().is_none_or(|filter| passes(filter, it));
    let items: Vec<AuditItem> =
        page.records.into_iter().map(|it| item(&actor, it)).filter(is_wanted).collect();
    let link = |headers| AuditLink { uri: format!("/auditrecords?{query}"), method: "GET", headers };
    let next = page.continuation.map(|value| link(vec![AuditValue { key: "MS-ContinuationToken", value }]));
    Ok((
        StatusCode::OK,
        Json(AuditRecords {
            total_count: items.len(),
            items,
            links: AuditLinks { this: link(Vec::new()), next },
            attributes: AuditAttributes { object_type: "Collection" },
        }),
    ))
}

fn passes(filter: &AuditFilter, item: &AuditItem) -> bool {
    match filter {
        AuditFilter::ResourceType(value) => item.resource_type.eq_ignore_ascii_case(value),
        AuditFilter::CustomerId(value) => item.customer_id == value,
        AuditFilter::CompanyName(value) => item.customer_name.eq_ignore_ascii_case(value),
        AuditFilter::CompanyNameContains(value) => {
            item.customer_name.to_lowercase().contains(&value.to_lowercase())
        }
    }
}

fn item(actor: &Actor, record: AuditRecord) -> AuditItem {
    let operation = operation(record.event);
    let partner = &actor.organization_id;
    let ticks = record.at.ticks().saturating_add(DOTNET_EPOCH_TICKS);
    AuditItem {
        id: format!("{partner}_{}_{operation}_{ticks}", record.id.simple()),
        partner_id: partner.clone(),
        participants: [],
        customer_id: "",
        customer_name: record.customer.unwrap_or_default(),
        user_principal_name: record.user.unwrap_or_default(),
        application_id: record.application.unwrap_or_default(),
        resource_type: "referral",
        resource_old_value: record.versions.before(),
        resource_new_value: record.versions.after(),
        operation_type: operation,
        original_correlation_id: record.id,
        operation_date: seven_digits(record.at),
        operation_status: "succeeded",
        customized_data: [
            AuditValue { key: "ReferralId", value: record.referral_id.to_string() },
            AuditValue { key: "EngagementId", value: record.engagement_id.to_string() },
        ],
        attributes: AuditAttributes { object_type: "AuditRecord" },
    }
}

fn operation(event: Event) -> &'static str {
    match event {
        Event::ReferralCreated => "create_referral",
        Event::ReferralUpdated => "update_referral",
        Event::RelatedReferralCreated => "create_related_referral",
        Event::RelatedReferralUpdated => "update_related_referral",
        Event::TestCreated => "create_test",
    }
}

/// Writes a time with all of its digits, as this API does.
fn seven_digits(at: Timestamp) -> String {
    let text = at.to_string();
    let bare = text.trim_end_matches('Z');
    let (seconds, fraction) = bare.split_once('.').unwrap_or((bare, ""));
    format!("{seconds}.{fraction:0<7}Z")
}
