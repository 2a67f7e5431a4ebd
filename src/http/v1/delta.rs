//! What changed since a client looked.

use axum::{
    extract::{RawQuery, State},
    response::Response,
};
use http::HeaderMap;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::answers::{in_format, json_body};
use crate::{
    app::App,
    domain::{actor::Actor, referral::Referral},
    http::{
        error::{ApiError, ErrorEnvelope},
        format::Format,
    },
    service::referrals::{self, DeltaPage, Entries, ListError, Next},
    storage::Store,
};

/// Returns the routes.
pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(delta))
}

/// A page of what changed.
#[derive(Serialize, ToSchema)]
struct DeltaAnswer {
    /// Describes the answer.
    #[serde(rename = "@odata.context")]
    context: String,
    /// Referrals that are new or changed; and, as `{"@removed":{"reason":"changed"},"id":"…"}`, those that the caller
    /// does not see any more or that the filter is no longer true of.
    value: Vec<Referral>,
    /// Address of the next page.
    #[serde(rename = "@odata.nextLink")]
    next_link: Option<String>,
    /// On the last page: what to call later for what has changed by then.
    #[serde(rename = "@odata.deltaLink")]
    delta_link: Option<String>,
}

/// Lists the referrals that changed.
///
/// The first call goes through everything that the caller may see; the last page has `@odata.deltaLink`, which answers
/// with what changed since, for ever. A referral may come more than once; the last one counts.
#[utoipa::path(
    get,
    path = "/v1.0/engagements/referrals/delta",
    tag = "Referrals",
    security(("bearer" = [])),
    params(
        ("$filter" = Option<String>, Query, description = "As for the list; what it ceases to be true of is told as removed"),
        ("$select" = Option<String>, Query, description = "As for the list"),
        ("$deltatoken" = Option<String>, Query, description = "Inside `@odata.deltaLink`; `latest` begins with what is there now, without listing it"),
        ("$skiptoken" = Option<String>, Query, description = "Only inside `@odata.nextLink`"),
    ),
    responses(
        (status = 200, description = "A page of what changed", body = DeltaAnswer),
        (status = 400, description = "A query that is wrong, a token that is not the caller's, or an app-only token", body = ErrorEnvelope),
        (status = 401, description = "No token, or one that is not accepted", body = ErrorEnvelope),
        (status = 403, description = "No Referrals role", body = ErrorEnvelope),
        (status = 406, description = "No format that is wanted is served", body = ErrorEnvelope),
        (status = 410, description = "What the caller may see has changed: start again without a token", body = ErrorEnvelope),
        (status = 429, description = "Too many requests", body = ErrorEnvelope),
        (status = 503, description = "The query takes too long, the server is too busy, or the database does not answer", body = ErrorEnvelope),
    )
)]
async fn delta(
    State(app): State<App>,
    actor: Actor,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let query = referrals::read_query(&app.context, &query.unwrap_or_default())?;
    let format = Format::read(&headers, query.format.as_deref())?;
    let page = referrals::delta(&app.context, &actor, query).await?;
    let base = format!("{}/v1.0/engagements", app.public_url);
    let link = match &page.next {
        Next::Page(token) => {
            format!("\"@odata.nextLink\":\"{base}/referrals/delta?$skiptoken={token}\"")
        }
        Next::Delta(token) => {
            format!("\"@odata.deltaLink\":\"{base}/referrals/delta?$deltatoken={token}\"")
        }
    };
    let items = items(&app, &actor, page, format).await?;
    let context = match format.has_context() {
        true => format!("\"@odata.context\":\"{base}/$metadata#referrals/$delta\","),
        false => String::new(),
    };
    Ok(json_body(format!("{{{context}\"value\":[{}],{link}}}", items.join(",")), format))
}

/// Returns the entries of a page as JSON texts.
async fn items(app: &App, actor: &Actor, page: DeltaPage, format: Format) -> Result<Vec<String>, ListError> {
    let mut items = Vec::new();
    match page.entries {
        Entries::Listed(mut listed) => {
            while !listed.is_empty() {
                let some = listed.drain(..listed.len().min(Store::DOCUMENTS_AT_ONCE)).collect();
                let documents = referrals::read_listed(&app.context, actor, some, &page.shape).await?;
                items.extend(documents.into_iter().map(|it| in_format(&app.public_url, it, format)));
            }
        }
        Entries::Changed { documents, removed } => {
            items.extend(documents.into_iter().map(|it| in_format(&app.public_url, it, format)));
            let gone = |id| format!("{{\"@removed\":{{\"reason\":\"changed\"}},\"id\":\"{id}\"}}");
            items.extend(removed.iter().map(gone));
        }
    }
    Ok(items)
}
