//! The course of a batch: which requests are made, in which order, and what becomes of each.

use std::sync::Arc;

use axum::{
    body::{self, Body},
    response::{IntoResponse as _, Response},
};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode, header};
use tower::Service as _;

use super::{
    Batches,
    address::{self, Target},
    envelope::Part,
    group,
};
use crate::http::{
    error::ApiError,
    limits::{self, RequestInfo},
    v1::answers::unwritable,
};

/// What became of a request.
pub(super) struct Outcome {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    /// Path of what it made or addressed.
    entity: Option<String>,
}

/// A batch under way.
pub(super) struct Course<'a> {
    pub(super) batches: &'a Batches,
    pub(super) parts: &'a [Part],
    /// What the batch came with; all of its requests come with it.
    pub(super) authorization: Option<HeaderValue>,
    /// Rates are counted for the batch as a whole.
    pub(super) info: Option<Arc<RequestInfo>>,
    /// Whether requests after one that failed are made.
    pub(super) continues: bool,
    /// What became of the requests so far.
    pub(super) outcomes: Vec<Outcome>,
}

impl Course<'_> {
    /// Makes the requests, one after the other; groups as a whole.
    pub(super) async fn run(mut self) -> Vec<Outcome> {
        for unit in self.parts.chunk_by(|one, next| one.group.is_some() && one.group == next.group) {
            let outcomes = match (self.hindrances(unit), unit) {
                (Some(hindrances), _) => answers_to(hindrances).await,
                (None, [part]) if part.group.is_none() => vec![self.make(part).await],
                (None, _) => group::write(&self, unit).await,
            };
            self.outcomes.extend(outcomes);
        }
        self.outcomes
    }

    /// Returns what keeps a unit from being made, for each of its requests.
    fn hindrances(&self, unit: &[Part]) -> Option<Vec<ApiError>> {
        let bytes: usize = self.outcomes.iter().map(|it| it.body.len()).sum();
        let bytes_max = self.batches.app.config.limits.batch_answers_bytes_max;
        if bytes > bytes_max {
            return Some(unit.iter().map(|_| answers_too_large(bytes, bytes_max)).collect());
        }
        let failed = self.outcomes.iter().zip(self.parts).find(|(it, _)| is_failure(it.status));
        if let (Some((_, failed)), false) = (failed, self.continues) {
            let message = format!(
                "request \"{}\" failed before this one was made, and Prefer: continue-on-error=false was sent",
                failed.id
            );
            return Some(unit.iter().map(|_| failed_dependency(&message)).collect());
        }
        let found = unit.iter().enumerate().find_map(|(place, part)| Some((place, self.hindrance(part)?)));
        found.map(|(place, error)| fail(unit, place, error))
    }

    /// Returns what keeps one request from being made.
    fn hindrance(&self, part: &Part) -> Option<ApiError> {
        if part.has_condition {
            // OData JSON Format 4.01, section 19.1: who does not support conditions says so with this status.
            return Some(failed_dependency(
                "conditions (if) are not supported; depend on requests with dependsOn",
            ));
        }
        // Requests of the same group have no outcome yet: they succeed together or not at all.
        let outcomes = part.needs.iter().filter_map(|it| self.outcomes.get(*it).zip(self.parts.get(*it)));
        let (_, failed) = outcomes.into_iter().find(|(it, _)| !it.status.is_success())?;
        let message = format!("request \"{}\", which this one depends on, did not succeed", failed.id);
        Some(failed_dependency(&message))
    }

    /// Makes a request as if it had come alone.
    async fn make(&self, part: &Part) -> Outcome {
        let head = match self.head(part) {
            Ok(head) => head,
            Err(refusal) => return answer_to(refusal).await,
        };
        let canonical = head.uri.path().to_owned();
        let request = Request::from_parts(head, Body::from(part.body.clone()));
        let Ok(response) = self.batches.router.clone().call(request).await;
        self.outcome(response, &canonical).await
    }

    /// Returns the head of a request, with its path in the spelling of the router.
    ///
    /// # Errors
    /// When what it refers to is not there, or the head is too large.
    pub(super) fn head(&self, part: &Part) -> Result<http::request::Parts, ApiError> {
        let path = match &part.target {
            Target::Path(path) => path.clone(),
            Target::Entity { id, rest } => {
                let entity = self.outcome_of(id).and_then(|it| it.entity.as_deref());
                let entity = entity.ok_or_else(|| {
                    failed_dependency(&format!("request \"{id}\" neither made nor addressed a single thing"))
                })?;
                format!("{entity}{rest}")
            }
        };
        let mut head = address::head(&part.method, &path).ok_or_else(|| {
            ApiError::new(StatusCode::BAD_REQUEST, "the url is no address").inner("invalidValue")
        })?;
        head.headers.clone_from(&part.headers);
        for name in [header::IF_MATCH, header::IF_NONE_MATCH] {
            if let Some(etag) = self.referred_etag(part.headers.get(&name)) {
                head.headers.insert(name, etag);
            }
        }
        if let Some(authorization) = &self.authorization {
            head.headers.insert(header::AUTHORIZATION, authorization.clone());
        }
        if let Some(info) = &self.info {
            head.extensions.insert(Arc::clone(info));
        }
        limits::check_head(&head, &self.batches.app.config.limits)?;
        Ok(head)
    }

    /// Returns what became of an earlier request.
    fn outcome_of(&self, id: &str) -> Option<&Outcome> {
        let found = self.outcomes.iter().zip(self.parts).find(|(_, part)| part.id == id);
        found.map(|(outcome, _)| outcome)
    }

    /// Returns the token that `$1` in the place of one stands for (OData JSON Format 4.01, section 19.3).
    fn referred_etag(&self, sent: Option<&HeaderValue>) -> Option<HeaderValue> {
        let id = sent?.to_str().ok()?.strip_prefix('$')?;
        self.outcome_of(id)?.headers.get(header::ETAG).cloned()
    }

    /// Reads an answer to its end.
    pub(super) async fn outcome(&self, response: Response, canonical: &str) -> Outcome {
        let (head, body) = response.into_parts();
        let Ok(body) = body::to_bytes(body, usize::MAX).await else { return answer_to(unwritable()).await };
        let location = head.headers.get(header::LOCATION).and_then(|it| it.to_str().ok());
        let made = location.and_then(|it| it.strip_prefix(&*self.batches.app.public_url)).map(str::to_owned);
        let entity = made.or_else(|| address::entity(canonical));
        Outcome { status: head.status, headers: head.headers, body, entity }
    }
}

fn is_failure(status: StatusCode) -> bool {
    status.is_client_error() || status.is_server_error()
}

/// Returns the refusals of a unit of which one request fails.
pub(super) fn fail(unit: &[Part], place: usize, error: ApiError) -> Vec<ApiError> {
    let failed = unit.get(place).map_or("", |it| it.id.as_str());
    let message =
        format!("request \"{failed}\" of the same group failed, so nothing of the group was stored");
    let mut error = Some(error);
    let refusals = (0..unit.len()).map(|it| match error.take_if(|_| it == place) {
        Some(error) => error,
        None => failed_dependency(&message),
    });
    refusals.collect()
}

/// Reads refusals as answers.
pub(super) async fn answers_to(refusals: Vec<ApiError>) -> Vec<Outcome> {
    let mut outcomes = Vec::with_capacity(refusals.len());
    for refusal in refusals {
        outcomes.push(answer_to(refusal).await);
    }
    outcomes
}

async fn answer_to(refusal: ApiError) -> Outcome {
    let (head, body) = refusal.into_response().into_parts();
    let body = body::to_bytes(body, usize::MAX).await.unwrap_or_default();
    Outcome { status: head.status, headers: head.headers, body, entity: None }
}

fn failed_dependency(message: &str) -> ApiError {
    ApiError::new(StatusCode::FAILED_DEPENDENCY, message).inner("failedDependency")
}

fn answers_too_large(bytes: usize, bytes_max: usize) -> ApiError {
    let message = format!(
        "the answers before this one have {bytes} bytes, more than the {bytes_max} of a batch; send the \
         rest in another one"
    );
    ApiError::new(StatusCode::SERVICE_UNAVAILABLE, message).inner("answersTooLarge")
}

impl Outcome {
    /// Returns the headers as a batch tells them: lower-case names, and values as they are.
    pub(super) fn told_headers(&self) -> impl Iterator<Item = (HeaderName, String)> {
        let names = self.headers.keys().filter(|it| **it != header::CONTENT_LENGTH);
        names.map(|name| {
            let values = self.headers.get_all(name).iter();
            let texts: Vec<_> = values.map(|it| String::from_utf8_lossy(it.as_bytes())).collect();
            (name.clone(), texts.join(", "))
        })
    }
}
