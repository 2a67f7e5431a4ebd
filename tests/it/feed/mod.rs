//! The feed: every change that a caller may see, once, in order, in pages and as a stream.

mod audit;
mod pages;
mod stream;

use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::{
    administration::{ADA, USERS},
    lifecycle::FABRIKAMS,
    world::*,
};

pub(crate) const FEED: &str = "/v1.0/engagements/referrals/changes";
pub(crate) const STREAM: &str = "/v1.0/engagements/referrals/changes/stream";

pub(crate) const AUDIT: &str = "/v1/auditrecords";

/// Asks for a page that must be there.
async fn page(server: &Server, email: &str, query: &str) -> Value {
    let answer = server.get_path(email, &format!("{FEED}?{query}"), &[]).await;
    assert_eq!(answer.status, StatusCode::OK, "{query}: {}", answer.text());
    answer.json()
}

/// Reads on from a place until there is nothing more for now; returns the entries and the place.
async fn read_on(server: &Server, email: &str, query: &str, mut cursor: String) -> (Vec<Value>, String) {
    let mut entries = Vec::new();
    loop {
        let since = if cursor.is_empty() { String::new() } else { format!("since={cursor}&") };
        let page = page(server, email, &format!("{since}{query}")).await;
        entries.extend(page["value"].as_array().unwrap().iter().cloned());
        cursor = text(&page, "/cursor").to_owned();
        if page["hasMore"] == json!(false) {
            return (entries, cursor);
        }
    }
}

/// Reads everything from the beginning, from a log that has settled.
async fn read_all(world: &World, email: &str, query: &str) -> Vec<Value> {
    world.store.settle().await.unwrap();
    read_on(world, email, query, String::new()).await.0
}

/// Returns what tells entries apart in an assertion.
fn told(entries: &[Value]) -> Vec<(&str, &str)> {
    entries.iter().map(|it| (text(it, "/event"), text(it, "/action"))).collect()
}

fn ids(entries: &[Value]) -> Vec<&str> {
    entries.iter().map(|it| text(it, "/referralId")).collect()
}

/// Makes a deal of Contoso's own.
async fn own(server: &Server, name: &str) -> String {
    let deal = edited(own_deal(), &[("/name", name.into())]);
    text(&server.post(ALEX, deal).await.created(), "/id").to_owned()
}

/// Makes a deal that Contoso offers Fabrikam; the record is Fabrikam's.
async fn offered(server: &Server) -> String {
    text(&server.post(ALEX, to_location(FABRIKAMS)).await.created(), "/id").to_owned()
}

/// Changes the notes of a record.
async fn revise(server: &Server, email: &str, id: &str, notes: &str) {
    let change = json!([{"op": "replace", "path": "/details/notes", "value": notes}]);
    let answer = server.patch(email, id, &[], change).await;
    assert!(answer.status.is_success(), "{}", answer.text());
}

/// Gives a person of Contoso other roles.
async fn set_roles(world: &World, email: &str, roles: &[&str]) {
    let id = world.store.find_principal_by_email(email).await.unwrap().unwrap().user.id;
    let body = json!({ "roles": roles }).to_string();
    let answer = world.send_json(Method::PUT, ADA, &format!("{USERS}/{id}"), &[], body).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
}
