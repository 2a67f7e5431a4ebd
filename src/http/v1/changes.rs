//! `/v1.0/engagements/referrals/{id}/changes`: what happened in the engagement of a referral.
//!
//! ```text
//! $top        how many changes in all; pages have at most 100, and links lead on to the rest
//! $skiptoken  where to go on: the id of the last change, in base64url; to clients it means nothing
//! ```

use axum::{
    Json,
    extract::{Path, RawQuery, State, rejection::PathRejection},
    response::IntoResponse,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{HeaderValue, header};
use serde::Serialize;
use url::form_urlencoded;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use crate::{
    app::App,
    domain::{actor::Actor, report::shortened},
    http::{
        error::{ApiError, ErrorEnvelope},
        failure::{invalid_query_option, not_found},
    },
    service::referrals::{self, ChangesRequest, ShownChange},
};

const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");
const TOP: &str = "$top";
const SKIP_TOKEN: &str = "$skiptoken";

/// A page of changes, oldest first.
#[derive(Debug, Serialize, ToSchema)]
struct Changes {
    /// What the list is.
    #[serde(rename = "@odata.context")]
    context: String,
    /// The changes.
    value: Vec<ShownChange>,
    /// Address of the next page; absent on the last.
    #[serde(rename = "@odata.nextLink", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    next_link: Option<String>,
}

/// Returns the routes.
pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list))
}

/// Lists the changes of a referral and of the related ones.
///
/// Listed are the changes of every record in the engagement that the caller may see, oldest first. What a change did is
/// shown as far as the caller may see the record today.
#[utoipa::path(
    get,
    path = "/v1.0/engagements/referrals/{id}/changes",
    tag = "Referrals",
    security(("bearer" = [])),
    params(
        ("id" = Uuid, Path, description = "Id of the referral"),
        ("$top" = Option<u64>, Query, description = "How many changes in all; a page has at most 100"),
        ("$skiptoken" = Option<String>, Query, description = "From `@odata.nextLink`"),
    ),
    responses(
        (status = 200, description = "The changes, as the caller may see them", body = Changes),
        (status = 400, description = "A query option that is not accepted, or an app-only token", body = ErrorEnvelope),
        (status = 401, description = "No token, or one that is not accepted", body = ErrorEnvelope),
        (status = 403, description = "No Referrals role", body = ErrorEnvelope),
        (status = 404, description = "No such referral, or not visible", body = ErrorEnvelope),
        (status = 429, description = "Too many requests", body = ErrorEnvelope),
        (status = 500, description = "The log was altered", body = ErrorEnvelope),
        (status = 503, description = "Too busy, or the database does not answer", body = ErrorEnvelope),
    )
)]
async fn list(
    State(app): State<App>,
    actor: Actor,
    id: Result<Path<String>, PathRejection>,
    RawQuery(query): RawQuery,
) -> Result<impl IntoResponse, ApiError> {
    let request = read_query(query.as_deref().unwrap_or_default())?;
    let id = id.ok().and_then(|Path(id)| Uuid::try_parse(&id).ok()).ok_or_else(not_found)?;
    let page = referrals::changes(&app.context, &actor, id, request).await?;
    let base = format!("{}/v1.0/engagements", app.public_url);
    let changes = Changes {
        context: format!("{base}/$metadata#referrals({id})/changes"),
        value: page.changes,
        next_link: page.next.map(|it| format!("{base}/referrals/{id}/changes?{}", write_query(it))),
    };
    Ok(([(header::CONTENT_TYPE, JSON)], Json(changes)))
}

/// Reads the options. Names that do not begin with `$` are no options of OData, and have no effect.
fn read_query(query: &str) -> Result<ChangesRequest, ApiError> {
    let (mut count_max, mut after) = (None, None);
    for (name, value) in form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name.starts_with('$')) {
        let is_repeated = match name.to_ascii_lowercase().as_str() {
            TOP => count_max.replace(read_top(&value)?).is_some(),
            SKIP_TOKEN => after.replace(read_skip_token(&value)?).is_some(),
            _ => {
                let name = shortened(&name);
                let message = format!("the option {name} is not served here; {TOP} and {SKIP_TOKEN} are");
                return Err(invalid_query_option(name, message));
            }
        };
        if is_repeated {
            return Err(invalid_query_option(&name, format!("the option {name} stands there twice")));
        }
    }
    Ok(ChangesRequest { count_max, after })
}

/// Reads a count, of 63 bits as the description says.
fn read_top(value: &str) -> Result<u64, ApiError> {
    let is_digits = value.bytes().all(|it| it.is_ascii_digit());
    let count = value.parse::<i64>().ok().and_then(|it| u64::try_from(it).ok());
    count.filter(|_| is_digits).ok_or_else(|| {
        let message = format!("\"{}\" is no count; send digits, such as {TOP}=20", shortened(value));
        invalid_query_option(TOP, message)
    })
}

fn read_skip_token(value: &str) -> Result<Uuid, ApiError> {
    let bytes = URL_SAFE_NO_PAD.decode(value).unwrap_or_default();
    Uuid::from_slice(&bytes).map_err(|_| referrals::ChangesError::UnknownPlace.into())
}

fn write_query(request: ChangesRequest) -> String {
    let top = request.count_max.map(|it| format!("{TOP}={it}"));
    let token = request.after.map(|it| format!("{SKIP_TOKEN}={}", URL_SAFE_NO_PAD.encode(it)));
    top.into_iter().chain(token).collect::<Vec<_>>().join("&")
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::{read_query, write_query};
    use crate::service::referrals::ChangesRequest;

    #[test]
    fn what_a_link_says_is_read_back() {
        for (count_max, after) in [(None, None), (Some(7), None), (Some(8), Some(Uuid::from_u128(5)))] {
            let read = read_query(&write_query(ChangesRequest { count_max, after })).unwrap();

            assert_eq!((read.count_max, read.after), (count_max, after));
        }
    }

    #[test]
    fn options_are_read_in_any_case_and_encoding() {
        let read = read_query("%24Top=3&colour=red&$SKIPTOKEN=AAAAAAAAAAAAAAAAAAAABQ").unwrap();

        assert_eq!((read.count_max, read.after), (Some(3), Some(Uuid::from_u128(5))));
        let most = read_query("$top=9223372036854775807").unwrap();
        assert_eq!(most.count_max, u64::try_from(i64::MAX).ok());
    }

    #[test]
    fn what_is_no_option_is_refused() {
        for query in [
            "$top=",
            "$top=-1",
            "$top=+1",
            "$top=1.5",
            "$top=all",
            "$top=9223372036854775808",
            "$top=1&$top=2",
            "$skiptoken=",
            "$skiptoken=x",
            "$skiptoken=00000000-0000-0000-0000-000000000005",
            "$skiptoken=AAAAAAAAAAAAAAAAAAAABR",
            "$filter=action eq 'create'",
            "$skip=1",
        ] {
            assert!(read_query(query).is_err(), "{query}");
        }
    }
}
