//! Several requests in one: the envelope, the course of a batch, atomic groups, and what clients send.

mod clients;
mod course;
mod envelope;
mod groups;
mod races;

use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};

use crate::world::*;

pub(crate) const BATCH: &str = "/v1.0/engagements/$batch";
/// Fabrikam's location.
const FABRIKAMS: &str = "fab00001-0000-4000-8000-000000000001";
/// Northwind's location.
const NORTHWINDS: &str = "0e0e0e0e-0000-4000-8000-000000000011";
const CONTINUE: (&str, &str) = ("prefer", "continue-on-error");

/// An answer to one request of a batch.
#[derive(Deserialize)]
struct Part<'a> {
    id: &'a str,
    #[serde(rename = "atomicityGroup")]
    group: Option<&'a str>,
    status: u16,
    headers: Value,
    #[serde(borrow)]
    body: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Parts<'a> {
    #[serde(borrow)]
    responses: Vec<Part<'a>>,
}

impl Part<'_> {
    /// Returns the body, byte for byte.
    fn text(&self) -> &str {
        self.body.map_or("", RawValue::get)
    }

    fn json(&self) -> Value {
        serde_json::from_str(self.text()).unwrap_or_else(|error| panic!("{error} in {}", self.text()))
    }

    fn header(&self, name: &str) -> &str {
        self.headers[name].as_str().unwrap_or_default()
    }

    /// Returns the precise code of a failure.
    fn code(&self) -> String {
        text(&self.json(), "/error/innerError/code").to_owned()
    }

    fn message(&self) -> String {
        text(&self.json(), "/error/message").to_owned()
    }
}

/// Sends a batch.
async fn batch(server: &Server, email: &str, requests: Value) -> Answer {
    batch_with(server, email, &[], requests).await
}

/// Sends a batch with further headers.
async fn batch_with(server: &Server, email: &str, headers: &[(&str, &str)], requests: Value) -> Answer {
    server.send_json(Method::POST, email, BATCH, headers, json!({ "requests": requests })).await
}

/// Reads the answers.
#[track_caller]
fn parts(answer: &Answer) -> Vec<Part<'_>> {
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    serde_json::from_slice::<Parts<'_>>(&answer.body).unwrap().responses
}

/// Returns the status of each answer.
#[track_caller]
fn statuses(answer: &Answer) -> Vec<u16> {
    parts(answer).iter().map(|it| it.status).collect()
}

fn get(id: &str, url: impl ToString) -> Value {
    json!({"id": id, "method": "get", "url": url.to_string()})
}

fn post(id: &str, url: impl ToString, body: Value) -> Value {
    json!({"id": id, "method": "post", "url": url.to_string(), "body": body})
}

fn patch(id: &str, url: impl ToString, pointer: &str, value: Value) -> Value {
    let body = json!([{"op": "replace", "path": pointer, "value": value}]);
    json!({"id": id, "method": "patch", "url": url.to_string(), "body": body})
}

/// Puts requests into a group.
fn grouped<const N: usize>(group: &str, requests: [Value; N]) -> Vec<Value> {
    requests.into_iter().map(|it| edited(it, &[("/atomicityGroup", group.into())])).collect()
}

/// Returns a call that invites into an engagement.
fn invitation(location: &str, engagement: &Value) -> Value {
    edited(to_location(location), &[("/engagementId", engagement.clone()), ("/type", "Shared".into())])
}

/// Makes a deal of Contoso's own, and returns its id.
async fn own(world: &World) -> String {
    text(&world.post(ALEX, own_deal()).await.created(), "/id").to_owned()
}

async fn notes(world: &World, id: &str) -> Value {
    world.get(ALEX, id).await.created()["details"]["notes"].clone()
}
