//! A state that is kept, ruined and put back, and nothing in memory that outlives it.

use http::{Method, StatusCode};
use liaison::{
    domain::organization::{LocationScope, Role},
    service::verify::verify,
};
use rstest::rstest;
use serde_json::{Value, json};

use super::*;

const SNAPSHOT: &str = "/sandbox/snapshots/before";
const FEED: &str = "/v1.0/engagements/referrals/changes";

async fn restore(world: &World) -> Value {
    ok(call(world, Method::POST, &format!("{SNAPSHOT}/restore"), json!({})).await)
}

/// Returns everything that is stored, with its versions.
async fn documents(world: &World) -> Vec<(u32, String)> {
    world.stored().await.into_iter().map(|it| (it.version, it.document)).collect()
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_snapshot_is_taken_ruined_and_put_back_whole(#[case] backend: Backend) {
    let world = World::sandbox(backend).await;
    let (own, invited) = co_sell(&world, "#accept-after:1h").await;
    let before = documents(&world).await;
    let saved = ok(call(&world, Method::PUT, SNAPSHOT, Value::Null).await);
    assert_eq!(
        (&saved["name"], &saved["referrals"], &saved["taken"]),
        (&json!("before"), &json!(2), &json!(START))
    );

    // Ruined: time has passed, a deal was answered and closed, there are others, people came, the other side changed.
    let key = [("idempotency-key", "once")];
    let first = world.post_with(ALEX, &key, own_deal()).await.created();
    ok(call(&world, Method::PUT, "/sandbox/counterparts/msft", json!({"play": "silent"})).await);
    advance(&world, "20 days").await;
    world.act(ALEX, text(&own, "/id"), "win", json!({})).await;
    world
        .add_user(CONTOSO, "new@contoso.example", &[Role::ReferralsAdmin], LocationScope::EntireCompany)
        .await;
    assert_eq!(world.get("new@contoso.example", text(&own, "/id")).await.status, StatusCode::OK);
    let authorization = format!("Bearer {}", world.token("new@contoso.example").await);
    let cursor = world.get_path(ALEX, FEED, &[]).await.json()["cursor"].clone();
    ok(call(&world, Method::PUT, "/sandbox/snapshots/after", Value::Null).await);

    let restored = restore(&world).await;

    assert_eq!((&restored["now"], &restored["referrals"]), (&json!(START), &json!(2)));
    assert_eq!(documents(&world).await, before);
    assert_eq!(verify(&world.store).await.unwrap().problems, Vec::<String>::new());
    let pending = read(&world, ALEX, &invited).await;
    assert_eq!((text(&pending, "/substatus"), &pending["closedDateTime"]), ("Pending", &Value::Null));
    assert_eq!(ok(world.get_anonymously("/sandbox/counterparts/msft").await)["isDefault"], true);
    // Nothing is remembered: neither the key, nor the person, nor the place in the log; and what was to come comes.
    assert_ne!(world.post_with(ALEX, &key, own_deal()).await.created()["id"], first["id"]);
    assert_eq!(advance(&world, "2 hours").await["acted"], 1);
    world.advance_secs((20 * 24 - 2) * 60 * 60 + 60);
    let path = format!("{REFERRALS}/{}", text(&own, "/id"));
    let request = with_headers(Method::GET, &path, &[("authorization", &authorization)]);
    let answer = world.send(request.body(String::new().into()).unwrap()).await;
    assert_eq!(answer.json()["error"]["innerError"]["code"], "tokenUserUnknown", "{}", answer.text());
    let since = format!("{FEED}?since={}", cursor.as_str().unwrap());
    let cursor = world.get_path(ALEX, &since, &[]).await.json();
    assert_eq!(cursor["error"]["innerError"]["code"], "invalidPageToken");
    // A second return finds the same, at the same moment.
    assert_eq!(restore(&world).await["now"], START);
    assert_eq!(documents(&world).await, before);
    names_of_snapshots(&world).await;
}

/// Looks at the names of snapshots, and takes one away.
async fn names_of_snapshots(world: &World) {
    let names: Vec<_> = ok(world.get_anonymously("/sandbox/snapshots").await)["value"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| text(it, "/name").to_owned())
        .collect();
    assert_eq!(names, ["after", "before"]);
    assert_eq!(call(world, Method::DELETE, SNAPSHOT, Value::Null).await.status, StatusCode::NO_CONTENT);
    for method in [Method::POST, Method::DELETE] {
        let path = if method == Method::POST { format!("{SNAPSHOT}/restore") } else { SNAPSHOT.to_owned() };
        let gone = call(world, method, &path, json!({})).await;
        assert_eq!(
            (gone.status, gone.json()["error"]["innerError"]["code"].as_str()),
            (StatusCode::NOT_FOUND, Some("snapshotNotFound"))
        );
    }
    let named = call(world, Method::PUT, "/sandbox/snapshots/..%2Fliaison", Value::Null).await;
    assert_eq!(named.status, StatusCode::BAD_REQUEST, "{}", named.text());
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_reset_sandbox_is_a_new_one(#[case] backend: Backend) {
    let world = World::sandbox(backend).await;
    // Hashing a password takes seconds in a test.
    world.store.put_setting("sandbox_password_hash", "none").await.unwrap();
    co_sell(&world, "").await;
    advance(&world, "3 days").await;
    world
        .add_user(CONTOSO, "new@contoso.example", &[Role::ReferralsAdmin], LocationScope::EntireCompany)
        .await;
    let seeded = ok(call(&world, Method::POST, "/sandbox/seed", json!({"profile": "tiny", "seed": 3})).await);
    assert_eq!(seeded, json!({"referrals": 30, "seed": 3}));
    let twice = call(&world, Method::POST, "/sandbox/seed", json!({"profile": "tiny", "seed": 3})).await;
    assert_eq!(twice.json()["error"]["innerError"]["code"], "alreadySeeded");

    let reset = ok(call(&world, Method::POST, "/sandbox/reset", json!({"profile": "tiny"})).await);

    assert_eq!(reset, json!({"now": START, "offset": "PT0S", "frozen": false, "referrals": 30}));
    assert!(world.store.find_principal_by_email("new@contoso.example").await.unwrap().is_none());
    assert_eq!(verify(&world.store).await.unwrap().problems, Vec::<String>::new());
    // What it is filled with is history: nobody answers it.
    assert_eq!(advance(&world, "1 day").await["acted"], 0);
    let (_, invited) = co_sell(&world, "").await;
    assert_eq!(advance(&world, "1 day").await["acted"], 1);
    assert_eq!(text(&read(&world, ALEX, &invited).await, "/substatus"), "Accepted");
    for (body, problem) in [
        (json!({"profile": "huge"}), "invalidValue /profile"),
        (json!({"profile": "tiny", "referrals": 1}), "invalidValue /referrals"),
        (json!({"seed": "x"}), "invalidValue /seed"),
    ] {
        assert_eq!(
            call(&world, Method::POST, "/sandbox/reset", body.clone()).await.problems(),
            [problem],
            "{body}"
        );
    }
    let large = call(&world, Method::POST, "/sandbox/seed", json!({"profile": "large"})).await;
    assert!(large.text().contains("liaison sandbox seed"), "{}", large.text());
}
