//! What a fault does to a request: refusals in the shapes of the real service, answers that come late, slowly or not
//! whole.
//!
//! A refusal is made before the request is looked at, so nothing of it has happened. An answer that is slow or cut off
//! belongs to a request that was carried out. The header `Liaison-Fault` names the fault, unless nothing is sent at all.

mod body;

use std::time::Duration;

use axum::{body::Body, response::IntoResponse as _, response::Response};
use http::{HeaderName, HeaderValue, StatusCode, header, request::Parts};
use http_body::Body as _;
use tokio::time::sleep;

pub(super) use self::body::CutBody;
use self::body::SlowBody;
use super::{error::ApiError, extract};
use crate::{
    app::{App, Lasting},
    auth::Refusal,
    domain::{
        fault::{CutPlace, FaultKind, Faults, RequestFacts, Strike},
        vocabulary::Vocabulary as _,
    },
};

/// Names the fault that made an answer what it is.
pub(super) const LIAISON_FAULT: HeaderName = HeaderName::from_static("liaison-fault");

/// What only a sandbox serves is never struck: it is how faults are taken away again.
const SANDBOX: &str = "/sandbox/";

/// Among the extensions of an answer: the connection breaks while it is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cut(pub(super) CutPlace);

/// Returns the fault that strikes a request, if one does.
pub(super) async fn strike(app: &App, faults: &Faults, parts: &Parts) -> Option<Strike> {
    let facts = RequestFacts { method: parts.method.as_str(), path: parts.uri.path() };
    if facts.path.starts_with(SANDBOX) {
        return None;
    }
    let caller = match faults.asks_for_identity(facts) {
        true => extract::identify(parts, app).await,
        false => None,
    };
    let strike = faults.strike_request(facts, caller.as_ref())?;
    if app.journal.is_some() && caller.is_none() {
        // A refusal comes before anybody asks who calls; the log notes it on the way.
        let _ = extract::identify(parts, app).await;
    }
    tracing::info!(fault.id = strike.id, kind = strike.fault.kind.as_str(), "a fault strikes a request");
    Some(strike)
}

/// Returns the answer to a struck request: a refusal, or what `answer` comes to, perhaps later.
pub(super) async fn answer_struck(
    strike: &Strike,
    answer: impl Future<Output = Response<Body>>,
) -> Response<Body> {
    if let Some(refusal) = refusal(strike) {
        return refusal.into_response();
    }
    if let (FaultKind::Delay, Some(delay_ms)) = (strike.fault.kind, strike.fault.delay_ms) {
        sleep(Duration::from_millis(delay_ms)).await;
    }
    answer.await
}

/// Marks the answer to a struck request, and breaks it where that is what the fault does.
pub(super) fn mark(response: Response<Body>, strike: &Strike) -> Response<Body> {
    let mut response = match (strike.fault.kind, strike.fault.bytes_per_sec) {
        (FaultKind::SlowBody, Some(bytes_per_sec)) => {
            let mut response = response.map(|body| Body::new(SlowBody::new(body, bytes_per_sec)));
            response.extensions_mut().insert(Lasting);
            response
        }
        _ => response,
    };
    if let (FaultKind::CutAnswer, Some(place)) = (strike.fault.kind, strike.fault.cut) {
        // What has no body can only break before it.
        let is_empty = response.body().size_hint().exact() == Some(0);
        let place = if is_empty { CutPlace::BeforeHead } else { place };
        response.extensions_mut().insert(Cut(place));
    }
    if let Ok(value) = HeaderValue::try_from(strike.header()) {
        response.headers_mut().insert(LIAISON_FAULT, value);
    }
    response
}

/// Returns what the real service would have answered; `None` for faults of another kind.
fn refusal(strike: &Strike) -> Option<ApiError> {
    let secs = strike.fault.retry_after_secs.unwrap_or_default();
    let error = match strike.fault.kind {
        FaultKind::MfaRequired => {
            let message = "Unauthorized: the user has to sign in with multi-factor authentication (900421)";
            let challenge = "Bearer realm=\"liaison\", error=\"invalid_token\"";
            ApiError::new(StatusCode::UNAUTHORIZED, message)
                .inner("mfaRequired")
                .header(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge))
                .at_gate()
        }
        FaultKind::AccessDenied => Refusal::NoReferralsRole.into(),
        FaultKind::PreconditionFailed => {
            let message =
                "the referral was changed since it was read; read it again, and repeat the change on that";
            ApiError::new(StatusCode::PRECONDITION_FAILED, message)
                .inner("resourceModified")
                .target("If-Match")
        }
        FaultKind::Throttled => {
            let message = format!("Rate limit is exceeded. Try again in {secs} seconds.");
            ApiError::new(StatusCode::TOO_MANY_REQUESTS, message).at_gate().retry_after_secs(secs)
        }
        FaultKind::ServerError => {
            let message = "the request failed; tell the operator its request-id";
            ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, message)
        }
        FaultKind::Unavailable => {
            let message = format!("too many requests are in flight; try again in {secs} seconds");
            ApiError::new(StatusCode::SERVICE_UNAVAILABLE, message)
                .inner("tooManyRequestsInFlight")
                .retry_after_secs(secs)
        }
        FaultKind::Delay
        | FaultKind::CutAnswer
        | FaultKind::SlowBody
        | FaultKind::WebhookDuplicate
        | FaultKind::WebhookReorder
        | FaultKind::WebhookDelay
        | FaultKind::WebhookBadSignature
        | FaultKind::WebhookWrongCertificate => return None,
    };
    Some(error)
}
