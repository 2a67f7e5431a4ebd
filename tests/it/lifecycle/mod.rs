//! A referral from its first change to its last: who may do what, what is frozen, what two sides see of each other,
//! and that nothing is lost on the way.
//!
//! Contoso invites Fabrikam and Northwind into one deal; the record under test is Fabrikam's. So Fabrikam is its
//! owner, Contoso its inviter, and Northwind another party.

mod cells;
mod deadline;
mod frozen;
mod losses;
mod parties;
mod revise;
mod rules;
mod samples;
mod share;
mod sight;
mod versions;

use http::{Method, StatusCode};
use liaison::domain::{
    actor::Author,
    change::{Action, Change, Version},
    etag::ETag,
    referral::Referral,
};
use liaison::storage::{Commit, ReferralState};
use serde_json::{Value, json};

use crate::world::*;

/// Fabrikam's location.
pub(crate) const FABRIKAMS: &str = "fab00001-0000-4000-8000-000000000001";
/// Northwind's locations.
pub(crate) const NORTHWINDS: &str = "0e0e0e0e-0000-4000-8000-000000000011";
const SOUTHWINDS: &str = "0e0e0e0e-0000-4000-8000-000000000012";
/// Contoso's location.
pub(crate) const CONTOSOS: &str = "c0a70001-0000-4000-8000-000000000001";

const REASON: &str = "Not for us";

/// An engagement of three parties.
struct Deal {
    /// Contoso's own record.
    own: String,
    /// The record under test: Fabrikam's.
    id: String,
}

/// Opens a world in which there is a third partner.
async fn open(backend: Backend) -> World {
    let world = World::open(backend).await;
    world.add_northwind().await;
    world
}

/// Makes a deal of three parties; Fabrikam's record is New/Pending.
async fn invite(world: &World) -> Deal {
    let own = world.post(ALEX, own_deal()).await.created();
    let engagement = own["engagementId"].clone();
    let connect = |location: &str| {
        edited(
            to_location(location),
            &[("/engagementId", engagement.clone()), ("/type", "Independent".into())],
        )
    };
    let fabrikams = world.post(ALEX, connect(FABRIKAMS)).await.created();
    world.post(ALEX, connect(NORTHWINDS)).await.created();
    Deal { own: text(&own, "/id").to_owned(), id: text(&fabrikams, "/id").to_owned() }
}

/// Makes a deal whose record under test stands at `substatus`.
async fn bring(world: &World, substatus: &str) -> Deal {
    let deal = invite(world).await;
    let steps: &[&str] = match substatus {
        "Pending" => &[],
        "Received" => &["open"],
        "Accepted" => &["accept"],
        "Won" => &["accept", "win"],
        "Lost" => &["accept", "lose"],
        "Declined" => &["decline"],
        "Error" => &["closeAsError"],
        "Expired" => {
            expire(world, &deal.id).await;
            &[]
        }
        other => panic!("{other} is no substatus"),
    };
    for step in steps {
        world.act(FAY, &deal.id, step, json!({"statusReason": REASON})).await.created();
    }
    deal
}

/// Closes a record as the server does when nobody answered.
async fn expire(world: &World, id: &str) {
    let stored = world.stored().await.into_iter().find(|it| it.id.to_string() == id).unwrap();
    let before = Referral::from_document(&stored.document).unwrap();
    let deadline = before.expiration_date_time.unwrap();
    let after = before.expire(deadline).unwrap();
    let (document, version) = (after.to_document(), stored.version + 1);
    let (from, to) = (stored.etag().to_string(), ETag::new(version, deadline, 0).to_string());
    let mut commit = Commit::new();
    let change = Change::new(
        Action::Expire,
        &Author::server("expiry"),
        &after,
        Some(Version { document: &stored.document, etag: &from, number: stored.version }),
        Version { document: &document, etag: &to, number: version },
        &world.app.context.random,
    );
    commit.append_change(change.unwrap());
    let state = ReferralState { referral: &after, document: &document, version };
    commit.update_referral(state, &before, stored.version);
    world.store.commit(commit).await.unwrap();
}

/// Makes the one operation of a JSON Patch.
fn replace(path: &str, value: Value) -> Value {
    json!([{ "op": "replace", "path": path, "value": value }])
}

/// Makes the JSON Patch that writes a state, with a reason.
fn to_state(status: &str, substatus: &str) -> Value {
    json!([
        {"op": "replace", "path": "/status", "value": status},
        {"op": "replace", "path": "/substatus", "value": substatus},
        {"op": "replace", "path": "/statusReason", "value": REASON},
    ])
}

/// Reads a record.
async fn read(world: &World, email: &str, id: &str) -> Value {
    world.get(email, id).await.created()
}

/// Replaces a record from the version that is there.
async fn put_now(world: &World, email: &str, id: &str, edits: &[(&str, Value)]) -> Answer {
    let before = read(world, email, id).await;
    let tag = text(&before, "/eTag").to_owned();
    world.put(email, id, &[("if-match", &tag), REPORTED], edited(before, edits)).await
}

/// A write that says what it did.
const REPORTED: (&str, &str) = ("prefer", "return=representation, report=changes");

/// Sends a create call to a path with a query.
async fn post_path(
    world: &World,
    email: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: impl ToString,
) -> Answer {
    world.send_json(Method::POST, email, path, headers, body).await
}

/// Returns `status code rule target` of every problem of a refusal.
#[track_caller]
fn refusal(answer: &Answer) -> Vec<String> {
    let body = answer.json();
    let inner = body["error"]["innerError"]["code"].as_str().unwrap_or_default().to_owned();
    let details = body["error"]["details"].as_array().cloned().unwrap_or_default();
    let line = |it: &Value| {
        format!(
            "{} {} {} {}",
            answer.status.as_u16(),
            it["code"].as_str().unwrap(),
            it["rule"].as_str().unwrap(),
            it["target"].as_str().unwrap()
        )
    };
    match details.is_empty() {
        true => vec![format!("{} {inner}", answer.status.as_u16())],
        false => details.iter().map(line).collect(),
    }
}

/// Returns the version that a token names.
fn version(document: &Value) -> u32 {
    ETag::parse(text(document, "/eTag")).unwrap().version
}

/// Lists a part of the report, as `target rule`.
#[track_caller]
fn reported(document: &Value, part: &str) -> Vec<String> {
    let items =
        document["@liaison.report"][part].as_array().unwrap_or_else(|| panic!("no report: {document}"));
    let line = |it: &Value| {
        let rule = it["rule"].as_str().map(|it| format!(" {it}")).unwrap_or_default();
        format!("{}{rule}", it["target"].as_str().unwrap())
    };
    items.iter().map(line).collect()
}

/// Returns the document without what every write changes, and without what differs by viewer.
fn facts(document: &Value) -> Value {
    let mut document = document.clone();
    let others = ["updatedDateTime", "eTag", "@odata.context", "@liaison.report", "lastModifiedVia", "links"];
    for name in others {
        document.as_object_mut().unwrap().shift_remove(name);
    }
    document
}

#[track_caller]
fn assert_not_found(answer: &Answer) {
    assert_eq!(answer.status, StatusCode::NOT_FOUND, "{}", answer.text());
    assert_eq!(answer.json()["error"]["innerError"]["code"], "referralNotFound");
}
