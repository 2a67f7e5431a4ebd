//! The one mapping from what went wrong to what a client reads.
//!
//! Every failure has the documented envelope ("Error codes", 2019; "Referrals API response codes", 2024):
//! `{"error":{"code","message","target","innerError","details"}}`. Refusals at the gate (401, 429, app-only
//! 400) carry the gateway's flat members beside it: `{"statusCode","message","error":{…}}`.

use std::sync::Arc;

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::revision::merge::ConflictMember;

/// The longest `message` that the contract allows ("Error codes", 2019), in characters.
const MESSAGE_CHARS_MAX: usize = 1024;

/// A failure on its way to the client.
#[derive(Debug)]
pub struct ApiError {
    status: StatusCode,
    /// Says whether the gateway's flat members go beside the envelope.
    is_gate: bool,
    body: ErrorObject,
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// The documented error envelope.
#[derive(Debug, Serialize, ToSchema)]
pub struct ErrorEnvelope {
    /// The gateway's repeat of the status; only on refusals at the gate.
    #[serde(rename = "statusCode", skip_serializing_if = "Option::is_none")]
    status_code: Option<u16>,
    /// The gateway's repeat of the message; only on refusals at the gate.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    #[schema(value_type = ErrorObject)]
    error: Arc<ErrorObject>,
}

/// What went wrong, beside the answer that says it: for a surface that says it in another way.
#[derive(Clone, Debug)]
pub(super) struct Refused(pub(super) Arc<ErrorObject>);

/// What went wrong.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ErrorObject {
    /// One of the documented codes: `invalidRequest`, `unauthenticated`, `accessDenied`, `itemNotFound`,
    /// `preconditionFailed`, `resourceModified`, `generalException`, `serviceNotAvailable`.
    code: &'static str,
    /// Developer text, at most 1024 characters, not localised.
    message: String,
    /// What the error is about: a JSON pointer, or a noun.
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<String>,
    /// The first problem, more precisely.
    #[serde(skip_serializing_if = "Option::is_none")]
    inner_error: Option<InnerError>,
    /// Every problem of the request.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    details: Vec<ErrorDetail>,
    /// On 412: what changed since the caller read, beside what the caller wants.
    #[serde(skip_serializing_if = "Option::is_none")]
    conflict: Option<ConflictObject>,
}

/// What changed since the caller read, beside what the caller wants.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConflictObject {
    /// Token of the version that is there.
    pub e_tag: String,
    /// Whether the version that the caller names is known; if not, the rest is empty.
    pub is_base_known: bool,
    /// Whether no member was changed on both sides: `Prefer: resolution=merge` is followed then.
    pub is_mergeable: bool,
    /// Every member that one side or both changed: `pointer`, `base`, `yours`, `theirs`, `overlaps`.
    #[schema(value_type = Vec<Object>)]
    pub members: Vec<ConflictMember>,
}

/// The most precise code that is known.
#[derive(Debug, Serialize, ToSchema)]
pub struct InnerError {
    code: &'static str,
    message: String,
}

/// One problem of a request.
#[derive(Debug, Serialize, ToSchema)]
pub struct ErrorDetail {
    /// Stable code of the situation, such as `requiredFieldMissing`.
    pub code: &'static str,
    /// JSON pointer into the request body.
    pub target: String,
    /// What is wrong, and with which value.
    pub message: String,
    /// Name of the rule that decided.
    pub rule: &'static str,
    /// What would be accepted; absent when it cannot be listed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allowed: Option<Vec<String>>,
}

impl ErrorObject {
    /// Returns the most precise code that there is.
    pub(super) fn precise_code(&self) -> &'static str {
        self.inner_error.as_ref().map_or(self.code, |it| it.code)
    }

    /// Returns the text for developers.
    pub(super) fn message(&self) -> &str {
        &self.message
    }

    /// Returns what the error is about.
    pub(super) fn target(&self) -> Option<&str> {
        self.target.as_deref()
    }

    /// Returns every problem of the request.
    pub(super) fn details(&self) -> &[ErrorDetail] {
        &self.details
    }
}

impl ApiError {
    /// Makes a failure with the outer code that belongs to `status`.
    pub fn new(status: StatusCode, message: impl Into<String>) -> Self {
        let message = clamp(message.into());
        let body = ErrorObject {
            code: outer_code(status),
            message,
            target: None,
            inner_error: None,
            details: Vec::new(),
            conflict: None,
        };
        Self { status, is_gate: false, body, headers: Vec::new() }
    }

    /// Adds the gateway's flat members.
    #[must_use]
    pub fn at_gate(mut self) -> Self {
        self.is_gate = true;
        self
    }

    /// Names what the failure is about.
    #[must_use]
    pub fn target(mut self, target: impl Into<String>) -> Self {
        self.body.target = Some(target.into());
        self
    }

    /// Adds the precise code, with the same message.
    #[must_use]
    pub fn inner(mut self, code: &'static str) -> Self {
        self.body.inner_error = Some(InnerError { code, message: self.body.message.clone() });
        self
    }

    /// Lists every problem; the first becomes the inner error.
    #[must_use]
    pub fn details(mut self, mut details: Vec<ErrorDetail>) -> Self {
        for detail in &mut details {
            detail.message = clamp(std::mem::take(&mut detail.message));
        }
        if let Some(first) = details.first() {
            self.body.inner_error = Some(InnerError { code: first.code, message: first.message.clone() });
        }
        self.body.details = details;
        self
    }

    /// Tells what changed since the caller read.
    #[must_use]
    pub fn conflict(mut self, conflict: ConflictObject) -> Self {
        self.body.conflict = Some(conflict);
        self
    }

    /// Returns status and envelope, for one of several results in an answer.
    pub fn into_result(self) -> (u16, ErrorObject) {
        (self.status.as_u16(), self.body)
    }

    /// Returns the most precise code that is known, and what is wrong.
    pub fn reason(&self) -> (&'static str, &str) {
        let code = self.body.inner_error.as_ref().map_or(self.body.code, |it| it.code);
        (code, &self.body.message)
    }

    /// Returns the envelope as text, for an answer that has begun already.
    pub fn into_json(self) -> String {
        let envelope = ErrorEnvelope { status_code: None, message: None, error: Arc::new(self.body) };
        serde_json::to_string(&envelope).expect("plain structures serialise")
    }

    /// Adds a response header.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Adds `Retry-After` in seconds.
    #[must_use]
    pub fn retry_after_secs(self, secs: u64) -> Self {
        self.header(header::RETRY_AFTER, HeaderValue::from(secs))
    }

    /// Returns the status that the client gets.
    pub fn status(&self) -> StatusCode {
        self.status
    }
}

fn clamp(mut message: String) -> String {
    if let Some((end, _)) = message.char_indices().nth(MESSAGE_CHARS_MAX) {
        message.truncate(end);
    }
    message
}

/// Returns the documented code for a status.
fn outer_code(status: StatusCode) -> &'static str {
    match status {
        StatusCode::UNAUTHORIZED => "unauthenticated",
        StatusCode::FORBIDDEN => "accessDenied",
        StatusCode::NOT_FOUND => "itemNotFound",
        StatusCode::CONFLICT => "resourceModified",
        StatusCode::PRECONDITION_FAILED => "preconditionFailed",
        StatusCode::SERVICE_UNAVAILABLE
        | StatusCode::TOO_MANY_REQUESTS
        | StatusCode::INSUFFICIENT_STORAGE => "serviceNotAvailable",
        status if status.is_server_error() => "generalException",
        _ => "invalidRequest",
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (status_code, message) = match self.is_gate {
            true => (Some(self.status.as_u16()), Some(self.body.message.clone())),
            false => (None, None),
        };
        let code = self.body.precise_code();
        match self.status.as_u16() {
            500.. => tracing::error!(status = self.status.as_u16(), code, "request failed"),
            _ => tracing::info!(status = self.status.as_u16(), code, "request refused"),
        }
        let error = Arc::new(self.body);
        let refused = Refused(Arc::clone(&error));
        let mut response = (self.status, Json(ErrorEnvelope { status_code, message, error })).into_response();
        response.extensions_mut().insert(refused);
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
        response.headers_mut().extend(self.headers);
        response
    }
}
