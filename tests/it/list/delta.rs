//! What is told of changes: everything once, then whatever changed, and what went out of sight.

use std::collections::BTreeMap;

use http::{Method, StatusCode};
use rstest::rstest;
use serde_json::{Value, json};

use super::{encoded, offered, own};
use crate::{administration::ADA, log::begin_slow_change, world::*};

/// A client that keeps what it is told.
#[derive(Default)]
struct Mirror {
    known: BTreeMap<String, Value>,
    /// How many entries came, repetitions included.
    told: usize,
    link: String,
}

impl Mirror {
    async fn begin(world: &World, email: &str, query: &str) -> Self {
        let mut mirror =
            Self { link: format!("{PUBLIC_URL}{REFERRALS}/delta?{}", encoded(query)), ..Self::default() };
        mirror.follow(world, email).await;
        mirror
    }

    /// Calls links until the server has nothing more to tell.
    async fn follow(&mut self, world: &World, email: &str) {
        loop {
            let path = self.link.strip_prefix(PUBLIC_URL).unwrap();
            let answer = world.get_path(email, path, &[]).await;
            assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
            let page = answer.json();
            for entry in page["value"].as_array().unwrap() {
                self.told += 1;
                let id = text(entry, "/id").to_owned();
                match entry.get("@removed") {
                    Some(_) => drop(self.known.remove(&id)),
                    None => drop(self.known.insert(id, entry.clone())),
                }
            }
            if let Some(link) = page["@odata.deltaLink"].as_str() {
                self.link = link.to_owned();
                return;
            }
            self.link = page["@odata.nextLink"].as_str().unwrap().to_owned();
        }
    }

    /// Compares with what the caller sees now.
    async fn assert_current(&self, world: &World, email: &str, query: &str) {
        let items = super::walk(world, email, query, 100).await;
        let seen: BTreeMap<String, Value> =
            items.into_iter().map(|it| (text(&it, "/id").to_owned(), it)).collect();
        assert_eq!(self.known, seen);
    }
}

async fn open(backend: Backend) -> World {
    World::with(backend, |config| config.queries.page_size_max = 3).await
}

/// Numbers what was committed, as the background task of a server does.
async fn settle(world: &World) {
    world.store.settle().await.unwrap();
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_client_that_follows_ends_equal_to_the_server(#[case] backend: Backend) {
    let world = open(backend).await;
    for number in 0..7 {
        own(&world, &format!("Deal {number}"), &[]).await;
    }
    settle(&world).await;
    let mut mirrors = Vec::new();
    for email in [ALEX, FAY, MIA, UMA] {
        let mirror = Mirror::begin(&world, email, "").await;
        mirror.assert_current(&world, email, "").await;
        mirrors.push((email, mirror));
    }

    // Everything that changes what somebody sees.
    let id = mirrors[0].1.known.keys().next().unwrap().clone();
    let change = json!([{"op": "replace", "path": "/details/notes", "value": "changed"}]);
    assert!(world.patch(ALEX, &id, &[], change).await.status.is_success());
    let offer = offered(&world, "Offer", &[("/consent/consentToContact", json!(false))]).await;
    settle(&world).await;
    for (email, mirror) in &mut mirrors {
        mirror.follow(&world, email).await;
        mirror.assert_current(&world, email, "").await;
    }
    let offered_id = text(&offer, "/id");
    world.act(FAY, offered_id, "accept", json!({})).await.created();
    let share = json!([{"op": "replace", "path": "/consent/consentToShareReferralWithMicrosoftSellers", "value": true}]);
    assert!(world.patch(ALEX, &id, &[], share).await.status.is_success());
    settle(&world).await;
    for (email, mirror) in &mut mirrors {
        let before = mirror.told;
        mirror.follow(&world, email).await;
        mirror.assert_current(&world, email, "").await;
        let silent = mirror.told;
        mirror.follow(&world, email).await;
        assert_eq!(mirror.told, silent, "nothing happened after {before}");
    }
    assert!(mirrors[2].1.known.contains_key(&id), "the share made it visible to Microsoft");
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn what_goes_out_of_sight_is_told_to_who_had_seen_it(#[case] backend: Backend) {
    let world = open(backend).await;
    let member = json!([{"op": "add", "path": "/team/-",
        "value": {"email": UMA, "firstName": "Uma", "lastName": "User", "phoneNumber": "1"}}]);
    let deal = own(&world, "Shared with Uma", &[]).await;
    let never = own(&world, "Never Uma's", &[]).await;
    let (id, team) = (text(&deal, "/id"), deal["team"].clone());
    assert!(world.patch(ALEX, id, &[], member).await.status.is_success());
    settle(&world).await;
    let mut uma = Mirror::begin(&world, UMA, "").await;
    assert_eq!(uma.known.keys().collect::<Vec<_>>(), [id]);

    for (id, team) in [(id, team.clone()), (text(&never, "/id"), team)] {
        let back = json!([{"op": "replace", "path": "/team", "value": team},
            {"op": "replace", "path": "/details/notes", "value": "x"}]);
        assert!(world.patch(ALEX, id, &[], back).await.status.is_success());
    }
    settle(&world).await;
    uma.follow(&world, UMA).await;

    assert!(uma.known.is_empty());
    // The other one was never hers, so nothing is told of it.
    assert_eq!(uma.told, 2);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_filter_holds_for_changes_too(#[case] backend: Backend) {
    let world = open(backend).await;
    let deal = own(&world, "One", &[]).await;
    own(&world, "Two", &[]).await;
    settle(&world).await;
    let query = "$filter=name eq 'One' and status eq 'Active'&$select=id,name,status";
    let mut mirror = Mirror::begin(&world, ALEX, query).await;
    assert_eq!(mirror.known.len(), 1);
    assert_eq!(mirror.known.values().next().unwrap().as_object().unwrap().len(), 3);

    world.act(ALEX, text(&deal, "/id"), "win", json!({})).await.created();
    settle(&world).await;
    mirror.follow(&world, ALEX).await;

    assert!(mirror.known.is_empty());
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_link_begins_now_and_ends_with_a_changed_sight(#[case] backend: Backend) {
    let world = open(backend).await;
    own(&world, "Before", &[]).await;
    settle(&world).await;
    let mut mirror = Mirror::begin(&world, UMA, "$deltatoken=latest").await;
    assert_eq!(mirror.told, 0);
    let deal = edited(own_deal(), &[("/name", json!("After")), ("/team/0/email", json!(UMA))]);
    world.post(UMA, deal).await.created();
    settle(&world).await;
    mirror.follow(&world, UMA).await;
    assert_eq!(mirror.known.len(), 1);

    let path = mirror.link.strip_prefix(PUBLIC_URL).unwrap();
    let foreign = world.get_path(ALEX, path, &[]).await;
    assert_eq!(foreign.status, StatusCode::BAD_REQUEST);
    for query in ["$orderby=name", "$top=3", "$search=x", "$count=true"] {
        let refused = world.get_path(ALEX, &format!("{REFERRALS}/delta?{query}"), &[]).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{query}");
    }
    let roles = json!({"roles": ["referrals-admin"]}).to_string();
    let users = "/v1.0/engagements/users";
    let uma_id = world.get_path(ADA, users, &[]).await.json()["value"]
        .as_array()
        .unwrap()
        .iter()
        .find(|it| it["email"] == UMA)
        .map(|it| text(it, "/id").to_owned())
        .unwrap();
    world.send_json(Method::PUT, ADA, &format!("{users}/{uma_id}"), &[], roles).await;
    let gone = world.get_path(UMA, path, &[]).await;
    assert_eq!(gone.status, StatusCode::GONE, "{}", gone.text());
    assert_eq!(gone.json()["error"]["innerError"]["code"], "resyncRequired");
}

#[tokio::test]
async fn a_slow_transaction_is_not_passed_over() {
    let world = open(Backend::Postgres).await;
    let first = own(&world, "First", &[]).await;
    settle(&world).await;
    let mut mirror = Mirror::begin(&world, ALEX, "$select=id,name").await;
    // A transaction that took its number first, and commits last.
    let slow = begin_slow_change(&world).await;
    own(&world, "Second", &[]).await;
    settle(&world).await;
    mirror.follow(&world, ALEX).await;
    assert_eq!((mirror.told, mirror.known.len()), (2, 2));

    slow.batch_execute("COMMIT").await.unwrap();
    settle(&world).await;
    mirror.known.clear();
    mirror.follow(&world, ALEX).await;

    assert_eq!(mirror.known.keys().collect::<Vec<_>>(), [text(&first, "/id")]);
}
