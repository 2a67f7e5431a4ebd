//! The list of an engagement's referrals, which `links.relatedReferrals` leads to.

use axum::{
    extract::{RawQuery, State},
    response::Response,
};
use http::StatusCode;
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::answers::{json_body, unwritable};
use crate::{
    app::App,
    domain::{actor::Actor, referral::Referral},
    http::error::{ApiError, ErrorEnvelope},
    service::referrals,
};

/// Returns the routes.
pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(related))
}

/// The referrals of an engagement.
#[derive(Serialize, ToSchema)]
struct RelatedAnswer {
    /// Describes the answer.
    #[serde(rename = "@odata.context")]
    context: String,
    /// How many there are.
    #[serde(rename = "@odata.count")]
    count: usize,
    /// Newest first.
    #[schema(value_type = Vec<Referral>)]
    value: Vec<Box<RawValue>>,
}

/// Lists the referrals of one engagement that the caller may see.
///
/// This is where `links.relatedReferrals` leads. The filter is `engagementId eq {guid}`, the GUID bare or in quotes.
#[utoipa::path(
    get,
    path = "/v1.0/engagements/referrals",
    tag = "Referrals",
    security(("bearer" = [])),
    params(("$filter" = String, Query, description = "`engagementId eq` and a GUID, bare or in quotes")),
    responses(
        (status = 200, description = "The referrals of the engagement, newest first; none where the caller sees none", body = RelatedAnswer),
        (status = 400, description = "Another query than that, or an app-only token", body = ErrorEnvelope),
        (status = 401, description = "No token, or one that is not accepted", body = ErrorEnvelope),
        (status = 403, description = "No Referrals role", body = ErrorEnvelope),
        (status = 429, description = "Too many requests", body = ErrorEnvelope),
        (status = 503, description = "Too busy, or the database does not answer", body = ErrorEnvelope),
    )
)]
async fn related(
    State(app): State<App>,
    actor: Actor,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    let engagement_id = engagement_of(query.as_deref())?;
    let views = referrals::related(&app.context, &actor, engagement_id).await?;
    let value: Vec<_> = views.into_iter().filter_map(|it| RawValue::from_string(it.body).ok()).collect();
    let answer = RelatedAnswer {
        context: format!("{}/v1.0/engagements/$metadata#referrals", app.public_url),
        count: value.len(),
        value,
    };
    Ok(json_body(serde_json::to_string(&answer).map_err(|_| unwritable())?))
}

/// Reads the one filter that is served.
fn engagement_of(query: Option<&str>) -> Result<Uuid, ApiError> {
    let refuse = |option: &str, message: String| {
        ApiError::new(StatusCode::BAD_REQUEST, message).inner("invalidQueryOption").target(option)
    };
    let mut found = None;
    for (name, value) in url::form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
        match name.as_ref() {
            "$filter" if found.is_none() => found = Some(value.into_owned()),
            "$filter" => return Err(refuse("$filter", "$filter stands twice in the query".to_owned())),
            // The count is in every answer.
            "$count" => {}
            option if option.starts_with('$') => {
                return Err(refuse(option, format!("the query option {option} is not served")));
            }
            // Options that are not OData's belong to nobody (OData 4.01, part 2, section 5.2).
            _ => {}
        }
    }
    let Some(filter) = found else {
        let message = "send $filter=engagementId eq and a GUID; other lists are not served";
        return Err(refuse("$filter", message.to_owned()));
    };
    let words: Vec<&str> = filter.split_whitespace().collect();
    let guid = match words.as_slice() {
        [property, operator, literal]
            if property.eq_ignore_ascii_case("engagementId") && operator.eq_ignore_ascii_case("eq") =>
        {
            let quoted = literal.strip_prefix('\'').and_then(|it| it.strip_suffix('\''));
            let bare = quoted.unwrap_or(literal);
            // Of the spellings of a GUID, OData has the one with hyphens (OData 4.01, ABNF, guidValue).
            Uuid::try_parse(bare).ok().filter(|_| bare.len() == 36)
        }
        _ => None,
    };
    guid.ok_or_else(|| {
        let message =
            "the filter is not served; send engagementId eq and a GUID with hyphens, bare or in quotes";
        refuse("$filter", message.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::{Uuid, engagement_of};

    #[test]
    fn the_filter_of_the_link_is_read_in_every_spelling() {
        let id = "37ef26aa-1d15-4533-9f93-a69bd33ab1e5";
        for query in [
            format!("$filter=engagementId%20eq%20{id}"),
            format!("%24filter=engagementId+eq+'{id}'"),
            format!("$filter=EngagementId EQ %27{}%27&$count=true&x=1", id.to_uppercase()),
        ] {
            assert_eq!(engagement_of(Some(&query)).unwrap(), Uuid::parse_str(id).unwrap(), "{query}");
        }
    }

    #[test]
    fn other_queries_are_refused() {
        for query in [
            "",
            "$filter=status eq 'New'",
            "$filter=engagementId eq 1",
            "$filter=engagementId eq 37ef26aa1d1545339f93a69bd33ab1e5",
            "$filter=engagementId ne 37ef26aa-1d15-4533-9f93-a69bd33ab1e5",
            "$filter=engagementId eq 37ef26aa-1d15-4533-9f93-a69bd33ab1e5&$top=1",
        ] {
            assert!(engagement_of(Some(query)).is_err(), "{query}");
        }
    }
}
