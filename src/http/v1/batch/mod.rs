//! `/v1.0/engagements/$batch`: several requests in one, in the JSON format of OData 4.01 (part "OData JSON Format",
//! section 19).
//!
//! `envelope` reads what is asked for, `address` where each request goes, `course` makes one after the other through
//! the routes that serve it alone, and `group` writes those that succeed together or not at all.

mod address;
mod course;
mod envelope;
mod group;

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Extension, Router,
    body::Body,
    extract::{FromRequestParts, RawQuery, State},
    response::Response,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header, request::Parts};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use self::{address::Here, course::Course, envelope::Part};
use super::answers::{json_body, unwritable, validates_only};
use crate::{
    app::App,
    domain::{
        actor::Colleague,
        json::{self, JsonLimits},
    },
    http::{
        error::{ApiError, ErrorEnvelope},
        extract::{preferences, require_json},
        failure::invalid,
        format::Format,
        limits::{RequestInfo, read_body},
    },
};

/// Levels of the envelope above the body of a request.
const ENVELOPE_DEPTH: usize = 3;
const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// What batches are served with: the process, and the routes of single requests.
#[derive(Clone, Debug)]
pub struct Batches {
    app: App,
    router: Router,
}

impl Batches {
    /// Serves batches of what `router` serves.
    pub fn new(app: App, router: Router) -> Self {
        Self { app, router }
    }
}

/// A user with any role; what a request needs beyond that, it asks for itself.
impl FromRequestParts<Batches> for Colleague {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, batches: &Batches) -> Result<Self, ApiError> {
        <Self as FromRequestParts<App>>::from_request_parts(parts, &batches.app).await
    }
}

/// Returns the routes.
pub fn router() -> OpenApiRouter<Batches> {
    OpenApiRouter::new().routes(routes!(batch))
}

/// Several requests.
#[derive(Serialize, ToSchema)]
struct BatchBody {
    /// The requests, in the order in which they are made.
    requests: Vec<RequestObject>,
}

/// A request of a batch.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct RequestObject {
    /// What others refer to it by, and its answer is found by: letters, digits and `-._~`.
    #[schema(pattern = "^[A-Za-z0-9._~-]{1,128}$")]
    id: String,
    /// The method, in any case.
    #[schema(
        pattern = "^([gG][eE][tT]|[pP][aA][tT][cC][hH]|[pP][oO][sS][tT]|[pP][uU][tT]|[dD][eE][lL][eE][tT][eE])$"
    )]
    method: String,
    /// Where it goes: an address of this server, an absolute path, or a path below `/v1.0/engagements/`. `$1` at its
    /// beginning stands for what request 1 made or addressed.
    #[schema(min_length = 1)]
    url: String,
    /// Headers of this request; not `Authorization`.
    headers: Option<BTreeMap<String, String>>,
    /// JSON, or the text of another body.
    #[schema(value_type = serde_json::Value, required = false)]
    body: (),
    /// Ids of requests and names of groups before this one that must have succeeded.
    depends_on: Option<Vec<String>>,
    /// Name of the group of writes that succeed together or not at all.
    #[schema(pattern = "^[A-Za-z0-9._~-]{1,128}$")]
    atomicity_group: Option<String>,
    /// Not supported: a request that brings it is answered 424.
    r#if: Option<String>,
}

/// An answer to each request.
#[derive(Serialize, ToSchema)]
struct BatchAnswer<'a> {
    /// The answers, in the order of the requests.
    responses: Vec<ResponseObject<'a>>,
}

/// The answer to a request of a batch.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ResponseObject<'a> {
    /// Id of the request.
    id: &'a str,
    /// Group of the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    atomicity_group: Option<&'a str>,
    /// Its status.
    status: u16,
    /// Its headers, with names in lower case.
    headers: BTreeMap<String, String>,
    /// Its body: JSON, or text as a string.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = serde_json::Value, required = false)]
    body: Option<Box<RawValue>>,
}

/// Makes several requests.
///
/// The JSON format of OData 4.01. Requests are made in their order, each as if it had come alone; those of an
/// `atomicityGroup` are writes on referrals that are stored in one step, or not at all. A request that fails keeps
/// those from being made that depend on it; with `Prefer: continue-on-error=false`, all that follow. They are answered 424.
#[utoipa::path(
    post,
    path = "/v1.0/engagements/$batch",
    tag = "Batches",
    security(("bearer" = [])),
    params(
        ("Prefer" = Option<String>, Header, description = "`continue-on-error=false` makes no further request when one has failed"),
    ),
    request_body(content = BatchBody),
    responses(
        (status = 200, description = "An answer to each request", body = BatchAnswer),
        (status = 400, description = "Every problem of the envelope, or an app-only token; nothing was done", body = ErrorEnvelope),
        (status = 401, description = "No token, or one that is not accepted", body = ErrorEnvelope),
        (status = 403, description = "No role", body = ErrorEnvelope),
        (status = 408, description = "The body came too slowly, or the batch took too long", body = ErrorEnvelope),
        (status = 413, description = "The body is too large", body = ErrorEnvelope),
        (status = 415, description = "The body is not JSON", body = ErrorEnvelope),
        (status = 429, description = "Too many requests", body = ErrorEnvelope),
        (status = 503, description = "Too busy, or the database does not answer", body = ErrorEnvelope),
    )
)]
async fn batch(
    State(batches): State<Batches>,
    _caller: Colleague,
    info: Option<Extension<Arc<RequestInfo>>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    require_json(&headers)?;
    refuse_promises(query.as_deref(), &headers)?;
    let parts = read(&batches.app, &headers, body).await?;
    let preference = continue_on_error(&headers);
    let course = Course {
        batches: &batches,
        parts: &parts,
        authorization: headers.get(header::AUTHORIZATION).cloned(),
        info: info.map(|Extension(it)| it),
        continues: preference != Some(false),
        outcomes: Vec::with_capacity(parts.len()),
    };
    let outcomes = course.run().await;
    let responses =
        parts.iter().zip(outcomes).map(|(part, outcome)| response_object(part, outcome)).collect();
    let mut response = json_body(
        serde_json::to_string(&BatchAnswer { responses }).map_err(|_| unwritable())?,
        Format::default(),
    );
    if let Some(continues) = preference {
        let applied = if continues { "continue-on-error" } else { "continue-on-error=false" };
        response.headers_mut().insert(PREFERENCE_APPLIED, HeaderValue::from_static(applied));
    }
    Ok(response)
}

/// Refuses what each request has for itself: for the whole of a batch it would promise what is not kept.
fn refuse_promises(query: Option<&str>, headers: &HeaderMap) -> Result<(), ApiError> {
    if headers.contains_key(IDEMPOTENCY_KEY) {
        let message = "a batch has no Idempotency-Key; give its requests keys of their own";
        let refusal = ApiError::new(StatusCode::BAD_REQUEST, message);
        return Err(refusal.inner("invalidHeader").target("Idempotency-Key"));
    }
    if validates_only(query)? {
        let message = "a batch is not judged as a whole; put validateOnly into the urls of its requests";
        let refusal = ApiError::new(StatusCode::BAD_REQUEST, message);
        return Err(refusal.inner("invalidQueryOption").target("validateOnly"));
    }
    Ok(())
}

async fn read(app: &App, headers: &HeaderMap, body: Body) -> Result<Vec<Part>, ApiError> {
    let body = read_body(body, &app.config.limits).await?;
    let JsonLimits { depth_max, array_items_max } = app.context.settings.json;
    let count_max = app.config.limits.batch_requests_max;
    let limits = JsonLimits {
        depth_max: depth_max.saturating_add(ENVELOPE_DEPTH),
        array_items_max: array_items_max.max(count_max),
    };
    let envelope = json::parse(&body, limits)?;
    let host = headers.get(header::HOST).and_then(|it| it.to_str().ok());
    let here = Here { public_url: &app.public_url, host };
    envelope::read(&envelope, &here, count_max).map_err(invalid)
}

/// Returns whether requests after one that failed are to be made; `None` when the caller does not say.
fn continue_on_error(headers: &HeaderMap) -> Option<bool> {
    preferences(headers).find_map(|it| {
        let rest = it.strip_prefix("odata.").unwrap_or(&it).strip_prefix("continue-on-error")?;
        match rest {
            "" | "=true" => Some(true),
            "=false" => Some(false),
            _ => None,
        }
    })
}

fn response_object(part: &Part, outcome: course::Outcome) -> ResponseObject<'_> {
    let headers = outcome.told_headers().map(|(name, value)| (name.to_string(), value)).collect();
    let is_json = outcome.headers.get(header::CONTENT_TYPE).is_some_and(|it| {
        it.to_str().is_ok_and(|it| it.split(';').next().is_some_and(|it| it.ends_with("json")))
    });
    let text = String::from_utf8_lossy(&outcome.body);
    let body = match (text.is_empty(), is_json) {
        (true, _) => None,
        (false, true) => RawValue::from_string(text.into_owned()).ok(),
        (false, false) => serde_json::value::to_raw_value(&text).ok(),
    };
    let (id, atomicity_group) = (part.id.as_str(), part.group.as_deref());
    ResponseObject { id, atomicity_group, status: outcome.status.as_u16(), headers, body }
}
