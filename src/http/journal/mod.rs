//! The request log over HTTP: what is written down of each call, and who is shown what of it.
//!
//! ```text
//! head ─→ begin ─→ body goes by a tee ─→ … ─→ answer ─→ finish: a call in the journal; its body goes by a tee too
//! ```
//!
//! Reading the log leaves no trace in it: whoever follows it would follow itself.

mod routes;
mod tee;

use std::time::Duration;

use axum::{body::Body, response::Response};
use http::{HeaderMap, Method, header, request::Parts};
use http_body::Body as _;

pub(super) use self::{
    routes::{router, sandbox_router},
    tee::Tee,
};
use super::{error::Refused, limits::RequestInfo};
use crate::{
    app::{App, Call, Captured, Journal, RefusedCall},
    domain::{fault::Strike, time::Timestamp},
};

/// Where the log is read.
const PATHS: [&str; 2] = ["/v1.0/engagements/requests", "/sandbox/requests"];
/// What the pages of people load.
const ASSETS: &str = "/assets/";
/// How the paths begin where the dashboard's people come and go: what their browsers carry opens it.
const SIGN_IN_PATHS: [&str; 2] = ["/signin", "/signout"];
/// How the paths end where people sign in: passwords go in with a form, and codes come out in an address.
const AUTHORIZE_PATHS: [&str; 2] = ["/oauth2/authorize", "/oauth2/v2.0/authorize"];
/// How the paths end where secrets go in and tokens come out: no body of theirs is kept.
const TOKEN_PATHS: [&str; 2] = ["/oauth2/token", "/oauth2/v2.0/token"];

/// What is known of a call when its head has come.
pub(super) struct Notes {
    journal: Journal,
    at: Timestamp,
    method: Method,
    target: String,
    headers: HeaderMap,
    body: Captured,
    has_secrets: bool,
}

impl Notes {
    /// Returns what the body of the request is written into; `None` where it must not be.
    pub(super) fn body(&self) -> Option<Captured> {
        (!self.has_secrets).then(|| self.body.clone())
    }
}

/// Begins to write a call down, if there is a log and it wants this one.
pub(super) fn begin(app: &App, parts: &Parts) -> Option<Notes> {
    let journal = app.journal.as_ref()?;
    let path = parts.uri.path();
    let is_sign_in = SIGN_IN_PATHS.iter().any(|it| path.starts_with(it))
        || (!parts.method.is_safe() && AUTHORIZE_PATHS.iter().any(|it| path.ends_with(it)));
    if PATHS.contains(&path) || path.starts_with(ASSETS) || is_sign_in {
        return None;
    }
    let target = parts.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    Some(Notes {
        journal: journal.clone(),
        at: app.context.clock.now(),
        method: parts.method.clone(),
        target: target.to_owned(),
        headers: parts.headers.clone(),
        body: journal.capture(),
        has_secrets: TOKEN_PATHS.iter().any(|it| path.ends_with(it)),
    })
}

/// Writes down what came of a call, and goes on doing so while the body of the answer goes out.
pub(super) fn finish(
    notes: Notes,
    response: Response<Body>,
    info: &RequestInfo,
    strike: Option<&Strike>,
    duration: Duration,
) -> Response<Body> {
    if is_page(&notes, &response) {
        return response;
    }
    let answer_body = notes.journal.capture();
    let announced = notes.headers.get(header::CONTENT_LENGTH);
    let body_bytes = announced.and_then(|it| it.to_str().ok()?.parse().ok());
    let answer_bytes = response.body().size_hint().exact();
    let call = Call {
        id: info.id,
        at: notes.at,
        caller: info.caller().cloned(),
        method: notes.method,
        target: notes.target,
        headers: notes.headers,
        body: notes.body,
        status: response.status().as_u16(),
        status_text: response.status().canonical_reason(),
        answer_headers: response.headers().clone(),
        answer_body: answer_body.clone(),
        duration,
        refused: response.extensions().get::<Refused>().map(refused),
        fault: strike.map(Strike::header),
    };
    // A body that is not announced may come all the same, in chunks.
    let body_bytes = body_bytes.or_else(|| call.method.is_safe().then_some(0));
    notes.journal.add(call, body_bytes, answer_bytes);
    match notes.has_secrets {
        true => response,
        false => response.map(|body| Body::new(Tee::new(body, Some(answer_body)))),
    }
}

/// Says whether a person read a page or sent its form: the log is about programs, and forms hold passwords.
fn is_page(notes: &Notes, response: &Response<Body>) -> bool {
    let is = |headers: &HeaderMap, content_type: &str| {
        let found = headers.get(header::CONTENT_TYPE).and_then(|it| it.to_str().ok());
        found.is_some_and(|it| it.starts_with(content_type))
    };
    // A form that went to the API by mistake is answered with an error in JSON, and is worth seeing.
    let is_form = is(&notes.headers, "application/x-www-form-urlencoded");
    let is_sent_on = is_form && !response.headers().contains_key(header::CONTENT_TYPE);
    is_sent_on || is(response.headers(), "text/html")
}

fn refused(Refused(error): &Refused) -> RefusedCall {
    let first = error.details().first();
    let target = first.map(|it| it.target.as_str()).or_else(|| error.target());
    RefusedCall {
        code: error.precise_code(),
        rule: first.map(|it| it.rule),
        target: target.map(str::to_owned),
        message: error.message().to_owned(),
    }
}
