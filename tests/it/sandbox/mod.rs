//! The sandbox as a test suite meets it: another side that acts by itself, time that is put forward, and a state that is
//! kept, ruined and put back.

mod counterpart;
mod generator;
mod named;
mod state;

use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::world::*;

/// Microsoft's location.
const MICROSOFTS: &str = "6d730001-0000-4000-8000-000000000001";
const CLOCK: &str = "/sandbox/clock";

/// Calls a path of the sandbox, as any program does: without a token.
async fn call(server: &Server, method: Method, path: &str, body: Value) -> Answer {
    let request = with_headers(method, path, &[("content-type", "application/json")]);
    let body = if body.is_null() { String::new() } else { body.to_string() };
    server.send(request.body(body.into()).unwrap()).await
}

/// Calls one that must succeed, and returns the answer.
#[track_caller]
fn ok(answer: Answer) -> Value {
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    answer.json()
}

/// Puts the clock forward.
async fn advance(server: &Server, by: &str) -> Value {
    ok(call(server, Method::POST, CLOCK, json!({ "advance": by })).await)
}

/// Makes a deal of Contoso's and asks Microsoft in; returns both records.
async fn co_sell(server: &Server, notes: &str) -> (Value, Value) {
    let own = server.post(ALEX, own_deal()).await.created();
    let connect = edited(
        to_location(MICROSOFTS),
        &[("/engagementId", own["engagementId"].clone()), ("/details/notes", notes.into())],
    );
    let invited = server.post(ALEX, connect).await.created();
    (own, invited)
}

/// Reads a record that the caller sees.
async fn read(server: &Server, email: &str, record: &Value) -> Value {
    let answer = server.get(email, text(record, "/id")).await;
    assert_eq!(answer.status, StatusCode::OK, "{email}: {}", answer.text());
    answer.json()
}
