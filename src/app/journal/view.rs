//! A logged call as callers read it.

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    Call, Captured,
    mask::{self, Sight},
    mend::{self, Mend},
};
use crate::domain::{organization::OrganizationId, time::Timestamp};

/// The rule of what a fault did.
const FAULT: &str = "fault";

/// A call, and what came of it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LoggedCall {
    /// The `request-id` of its answer.
    pub id: Uuid,
    /// When it came.
    pub at: Timestamp,
    /// Whose application made it; absent where no good token told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organization: Option<OrganizationId>,
    /// The application (`appid`, `azp` or `client_id` of the token).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub application: Option<String>,
    /// Method of the request.
    pub method: String,
    /// Path and query.
    pub url: String,
    /// Status of the answer.
    pub status: u16,
    /// What the status is called.
    #[serde(skip)]
    pub status_text: Option<&'static str>,
    /// From the head of the request to that of the answer.
    pub duration_ms: f64,
    /// The fault that struck it, as the header `Liaison-Fault` says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
    /// The rule that decided against it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decided: Option<Decided>,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mend: Option<Mend>,
    /// What was sent; with `include=bodies`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<LoggedPart>,
    /// What was answered; with `include=bodies`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response: Option<LoggedPart>,
}

/// The rule that decided against a call.
#[derive(Serialize, ToSchema)]
pub struct Decided {
    /// The most precise code of the answer.
    pub code: String,
    /// Name of the rule; `fault` where a fault decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<&'static str>,
    /// A JSON pointer into the body, or a name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// Why, for developers.
    pub message: String,
}

/// One direction of a call.
#[derive(Serialize, ToSchema)]
pub struct LoggedPart {
    /// What stands before the body.
    pub headers: Vec<LoggedHeader>,
    #[serde(skip_serializing_if = "Option::is_none")]
    /// The body, if there is one.
    pub body: Option<LoggedBody>,
}

/// A header.
#[derive(Serialize, ToSchema)]
pub struct LoggedHeader {
    /// Name, in lower case.
    pub name: String,
    /// What is shown of its value.
    pub value: String,
}

/// A body.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LoggedBody {
    /// How many bytes went by.
    pub bytes: u64,
    /// What is shown of them; absent where that is nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Whether something of it is masked.
    pub is_masked: bool,
    /// Whether only its beginning was kept.
    pub is_cut: bool,
}

impl LoggedCall {
    /// Returns a call as it is shown; with headers and bodies if `has_parts`.
    pub fn new(call: &Call, sight: Sight, has_parts: bool) -> Self {
        let (organization, application) = call.caller.clone().unzip();
        let part = |headers, body| {
            let headers = mask::headers(headers, sight).into_iter();
            let headers = headers.map(|(name, value)| LoggedHeader { name, value }).collect();
            has_parts.then(|| LoggedPart { headers, body: logged_body(body, sight) })
        };
        Self {
            id: call.id,
            at: call.at,
            organization,
            application,
            method: call.method.to_string(),
            url: mask::target(&call.target, sight),
            status: call.status,
            status_text: call.status_text,
            duration_ms: (call.duration.as_secs_f64() * 1_000_000.0).round() / 1000.0,
            fault: call.fault.clone(),
            decided: decided(call, sight),
            mend: suggest(call),
            request: part(&call.headers, &call.body),
            response: part(&call.answer_headers, &call.answer_body),
        }
    }
}

fn decided(call: &Call, sight: Sight) -> Option<Decided> {
    let rule = call.fault.as_ref().map(|_| FAULT);
    match (&call.refused, &call.fault) {
        (Some(refused), _) => Some(Decided {
            code: refused.code.to_owned(),
            rule: rule.or(refused.rule),
            target: refused.target.clone(),
            message: mask::message(&refused.message, sight),
        }),
        (None, Some(fault)) => Some(Decided {
            code: FAULT.to_owned(),
            rule,
            target: None,
            message: format!("the request was carried out, and struck by the fault {fault}"),
        }),
        (None, None) => None,
    }
}

fn suggest(call: &Call) -> Option<Mend> {
    match (&call.refused, &call.fault) {
        (Some(refused), _) => mend::suggest(call.status, refused.code, refused.rule),
        // As for a client whose answer did not come.
        (None, Some(_)) => mend::suggest(call.status, "requestTimeout", None),
        (None, None) => mend::suggest(call.status, "", None),
    }
}

fn logged_body(captured: &Captured, sight: Sight) -> Option<LoggedBody> {
    let (kept, bytes) = captured.read();
    if bytes == 0 {
        return None;
    }
    let is_cut = (kept.len() as u64) < bytes;
    let (text, is_masked) = match mask::body(&kept, !is_cut, sight) {
        Some((text, is_masked)) => (Some(text), is_masked),
        None => (None, true),
    };
    Some(LoggedBody { bytes, text, is_masked, is_cut })
}
