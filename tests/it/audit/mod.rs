//! What is written down of everything but referrals: by whom it is read, and what it does not say.

mod administration;
mod export;
mod sign_in;

use axum::body::Body;
use http::Method;
use serde_json::Value;

use crate::{feed::AUDIT, world::*};

/// Contoso's account admin.
pub(crate) const ADA: &str = "ada.account@contoso.example";
/// The application of the sandbox's Contoso, and its secret.
const APPLICATION: &str = "c0a70002-0000-4000-8000-000000000002";
const SECRET: &str = "contoso-sandbox-secret";

/// Asks for audit records as one of a company's people.
async fn ask(world: &World, email: &str, query: &str, headers: &[(&str, &str)]) -> Answer {
    world.store.settle().await.unwrap();
    let token = world.token_for(email, PARTNER_CENTER).await;
    let request = with_headers(Method::GET, &format!("{AUDIT}?{query}"), headers)
        .header("authorization", format!("Bearer {token}"));
    world.send(request.body(Body::empty()).unwrap()).await
}

/// Lists all records since the test began.
pub(crate) async fn records(world: &World, email: &str) -> Vec<Value> {
    let answer = ask(world, email, "startDate=2026-11-22", &[]).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["items"].as_array().unwrap().clone()
}

pub(crate) fn operations(records: &[Value]) -> Vec<&str> {
    records.iter().map(|it| text(it, "/operationType")).collect()
}

/// Returns what a record says beside the documented members.
pub(crate) fn detail<'a>(record: &'a Value, key: &str) -> Option<&'a str> {
    let data = record["customizedData"].as_array().unwrap();
    data.iter().find(|it| it["key"] == key).map(|it| text(it, "/value"))
}
