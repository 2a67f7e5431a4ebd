//! `/v1.0/engagements/referrals/changes`: the feed in pages; `stream` has it as server-sent events, as it happens.
//!
//! ```text
//! since        latest, or a cursor; without it, the feed begins with the first change there is
//! events       the kinds that are wanted, with commas between them
//! engagementId the engagement that is followed
//! include      referral: each entry brings the record as the caller sees it now
//! limit, $top  how many changes a page goes through at most
//! ```

pub mod stream;

use axum::{
    Json,
    extract::{RawQuery, State},
    response::IntoResponse,
};
use http::{HeaderValue, header};
use odata::QueryError;
use serde::Serialize;
use url::form_urlencoded;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use crate::{
    app::App,
    domain::{actor::Actor, event::Event, report::shortened},
    http::error::{ApiError, ErrorEnvelope},
    service::referrals::{self, Cursor, FeedEntry, FeedWish, ListError, Since},
};

const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");
const SINCE: &str = "since";
const EVENTS: &str = "events";
const ENGAGEMENT_ID: &str = "engagementId";
const INCLUDE: &str = "include";
const LIMIT: &str = "limit";
const TOP: &str = "$top";
/// What `include` may name.
const REFERRAL: &str = "referral";
/// The value of `since` that begins with what comes from now on.
const LATEST: &str = "latest";

/// Returns the routes.
pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list))
}

/// A page of the feed.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Feed {
    /// What happened, oldest first.
    value: Vec<FeedEntry>,
    /// Where to go on; there on an empty page too, and further than that of the last entry where what follows it is not
    /// told.
    cursor: String,
    /// Whether to go on at once.
    has_more: bool,
}

/// Lists what happened to the referrals that the caller may see.
///
/// Changes in the order in which they were stored, none left out and none twice: whoever goes on from a cursor has
/// missed nothing before it. What the caller may not see today is not told.
#[utoipa::path(
    get,
    path = "/v1.0/engagements/referrals/changes",
    tag = "Changes",
    security(("bearer" = [])),
    params(
        ("since" = Option<String>, Query, description = "A `cursor`, or `latest` for nothing but a cursor; without it, everything from the beginning"),
        ("events" = Option<String>, Query, description = "Kinds that are wanted, such as `referral-created,related-referral-updated`; without it, all"),
        ("engagementId" = Option<Uuid>, Query, description = "Only what happened in this engagement"),
        ("include" = Option<String>, Query, description = "`referral`: each entry brings the record as the caller sees it now"),
        ("limit" = Option<u32>, Query, description = "How many changes a page goes through at most, up to `queries.page_size_max`; `$top` is the same"),
    ),
    responses(
        (status = 200, description = "A page of what happened", body = Feed),
        (status = 400, description = "A query that is wrong, a cursor that is not the caller's, or an app-only token", body = ErrorEnvelope),
        (status = 401, description = "No token, or one that is not accepted", body = ErrorEnvelope),
        (status = 403, description = "No Referrals role", body = ErrorEnvelope),
        (status = 410, description = "The log does not reach as far as the cursor: start again without it", body = ErrorEnvelope),
        (status = 429, description = "Too many requests", body = ErrorEnvelope),
        (status = 500, description = "A stored document cannot be read", body = ErrorEnvelope),
        (status = 503, description = "Too busy, or the database does not answer", body = ErrorEnvelope),
    )
)]
async fn list(
    State(app): State<App>,
    actor: Actor,
    RawQuery(query): RawQuery,
) -> Result<impl IntoResponse, ApiError> {
    let context = &app.context;
    let page_size_max = context.settings.queries.page_size_max;
    let FeedQuery { since, wish, count_max } =
        read_query(query.as_deref().unwrap_or_default(), page_size_max)?;
    let after = Cursor::find(context, &actor, &since).await?;
    let page = referrals::feed(context, &actor, after, &wish, count_max).await?;
    let feed =
        Feed { cursor: page.reached.seal(context, &actor), value: page.entries, has_more: !page.is_end };
    Ok(([(header::CONTENT_TYPE, JSON)], Json(feed)))
}

/// What a caller asks for.
#[derive(Debug, PartialEq, Eq)]
struct FeedQuery {
    since: Since,
    wish: FeedWish,
    count_max: u32,
}

/// Reads the options, and finds everything that is wrong with them. Other names have no effect, unless they begin with
/// `$` and so look like options of OData.
fn read_query(query: &str, page_size_max: u32) -> Result<FeedQuery, ApiError> {
    let mut read = FeedQuery {
        since: Since::Beginning,
        wish: FeedWish { events: Vec::new(), engagement_id: None, with_referral: false },
        count_max: page_size_max,
    };
    let (mut problems, mut seen) = (Vec::new(), Vec::new());
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let option = match name.to_ascii_lowercase().as_str() {
            SINCE => SINCE,
            EVENTS => EVENTS,
            INCLUDE => INCLUDE,
            _ if name.eq_ignore_ascii_case(ENGAGEMENT_ID) => ENGAGEMENT_ID,
            LIMIT | TOP => LIMIT,
            _ if name.starts_with('$') => {
                let expected = [SINCE, EVENTS, ENGAGEMENT_ID, INCLUDE, LIMIT, TOP];
                problems.push(problem(
                    shortened(&name),
                    "the option is not served here".to_owned(),
                    &expected,
                ));
                continue;
            }
            _ => continue,
        };
        if seen.contains(&option) {
            problems.push(problem(&name, "the option stands there twice".to_owned(), &[]));
            continue;
        }
        seen.push(option);
        match option {
            SINCE => read.since = read_since(&value),
            EVENTS => read.wish.events = read_events(&value, &mut problems),
            ENGAGEMENT_ID => read.wish.engagement_id = read_engagement(&value, &mut problems),
            INCLUDE => read.wish.with_referral = read_include(&value, &mut problems),
            _ => read.count_max = read_limit(&name, &value, page_size_max, &mut problems),
        }
    }
    if problems.is_empty() { Ok(read) } else { Err(ListError::Invalid(problems).into()) }
}

fn read_since(value: &str) -> Since {
    match value {
        LATEST => Since::Latest,
        place => Since::Place(place.to_owned()),
    }
}

fn read_events(value: &str, problems: &mut Vec<QueryError>) -> Vec<Event> {
    let mut events = Vec::new();
    for name in value.split(',').map(str::trim) {
        match Event::OF_CHANGES.into_iter().find(|it| Event::parse(name) == Some(*it)) {
            Some(event) => events.push(event),
            None => {
                let message = format!("\"{}\" is no event of referrals", shortened(name));
                problems.push(problem(EVENTS, message, &Event::OF_CHANGES.map(Event::as_str)));
            }
        }
    }
    events
}

fn read_engagement(value: &str, problems: &mut Vec<QueryError>) -> Option<Uuid> {
    let id = Uuid::try_parse(value).ok();
    if id.is_none() {
        let message = format!("\"{}\" is no id of an engagement", shortened(value));
        problems.push(problem(ENGAGEMENT_ID, message, &["a GUID"]));
    }
    id
}

fn read_include(value: &str, problems: &mut Vec<QueryError>) -> bool {
    let is_known = value.eq_ignore_ascii_case(REFERRAL);
    if !is_known {
        let message = format!("\"{}\" cannot be included", shortened(value));
        problems.push(problem(INCLUDE, message, &[REFERRAL]));
    }
    is_known
}

fn read_limit(name: &str, value: &str, count_max: u32, problems: &mut Vec<QueryError>) -> u32 {
    let is_digits = value.bytes().all(|it| it.is_ascii_digit());
    let count = value.parse().ok().filter(|it| is_digits && (1..=count_max).contains(it));
    count.unwrap_or_else(|| {
        let message = format!("\"{}\" is no size of a page", shortened(value));
        problems.push(problem(name, message, &[&format!("a count from 1 to {count_max}")]));
        count_max
    })
}

fn problem(option: &str, message: String, expected: &[&str]) -> QueryError {
    let expected = expected.iter().map(|it| (*it).to_owned()).collect();
    QueryError { option: option.to_owned(), position: None, message, expected, suggestion: None }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::{FeedQuery, read_query};
    use crate::{
        domain::event::Event,
        service::referrals::{FeedWish, Since},
    };

    #[test]
    fn options_are_read_in_any_case_and_encoding() {
        let read = read_query("Since=abc&events=Referral-Created%2C%20related-referral-updated&INCLUDE=Referral&engagementID=00000000-0000-0000-0000-000000000005&$top=7&colour=red", 100).unwrap();

        let events = vec![Event::ReferralCreated, Event::RelatedReferralUpdated];
        let wish = FeedWish { events, engagement_id: Some(Uuid::from_u128(5)), with_referral: true };
        assert_eq!(read, FeedQuery { since: Since::Place("abc".to_owned()), wish, count_max: 7 });
        let read = read_query("since=latest", 100).unwrap();
        assert_eq!((read.since, read.count_max), (Since::Latest, 100));
        assert_eq!(read_query("", 100).unwrap().since, Since::Beginning);
    }

    #[test]
    fn what_is_no_option_is_refused() {
        for query in [
            "events=",
            "events=test-created",
            "events=referral-created,",
            "include=everything",
            "engagementId=5",
            "limit=0",
            "limit=101",
            "limit=+1",
            "limit=",
            "limit=1&$top=1",
            "since=a&since=b",
            "$filter=x",
        ] {
            assert!(read_query(query, 100).is_err(), "{query}");
        }
    }
}
