//! Subscriptions of our own: made, changed, paused and taken away, filtered, full, with their secrets and their log.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::Method;
use liaison::domain::time::Timestamp;
use rstest::rstest;
use serde_json::{Value, json};

use super::{
    EVENTS, Receiver, Reply, Running, WEBHOOKS, act_on, invite, look_at, note, subscribe, wait_until,
};
use crate::{lifecycle::NORTHWINDS, world::*};

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_subscription_lives_and_tells_its_secret_once(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let made = subscribe(&world, ALEX, "https://a.example/".to_owned(), json!({"description": "ours"})).await;
    let path = format!("{WEBHOOKS}/{}", text(&made, "/id"));
    assert!(text(&made, "/secret").starts_with("whsec_"));
    assert_eq!((text(&made, "/state"), text(&made, "/payload")), ("active", "thin"));

    let read = look_at(&world, ALEX, &made, "").await;
    assert!(read.get("secret").is_none());
    let listed = world.get_path(ALEX, WEBHOOKS, &[]).await.json();
    assert_eq!((&listed["@odata.count"], &listed["value"][0]["id"]), (&json!(1), &made["id"]));
    assert_eq!(world.get_path(FAY, WEBHOOKS, &[]).await.json()["@odata.count"], 0);
    assert_eq!(world.get_path(FAY, &path, &[]).await.status, 404);
    assert_eq!(world.get_path(UMA, &path, &[]).await.status, 403);

    // An answer can be sent back changed.
    let mut changed = read.clone();
    changed["payload"] = json!("full");
    changed["filter"] = json!("status eq 'Active'");
    let changed = world.send_json(Method::PUT, ALEX, &path, &[], changed).await;
    assert_eq!(changed.status, 200, "{}", changed.text());
    assert_eq!(changed.json()["payload"], "full");
    let patch = json!({"events": ["test-created"], "filter": null});
    let changed = world.send_json(Method::PATCH, ALEX, &path, &[], patch).await.json();
    assert_eq!((&changed["events"], &changed["filter"]), (&json!(["test-created"]), &Value::Null));

    let rotated = act_on(&world, ALEX, &made, "rotateSecret", Value::Null).await.json();
    assert_ne!(rotated["secret"], made["secret"]);
    assert_eq!(act_on(&world, FAY, &made, "rotateSecret", Value::Null).await.status, 404);

    assert_eq!(world.send_json(Method::DELETE, FAY, &path, &[], "").await.status, 404);
    assert_eq!(world.send_json(Method::DELETE, ALEX, &path, &[], "").await.status, 204);
    assert_eq!(world.send_json(Method::DELETE, ALEX, &path, &[], "").await.status, 404);
    assert_eq!(world.get_path(ALEX, &path, &[]).await.status, 404);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_bad_subscription_is_told_everything_that_is_wrong(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let body = json!({"url": "ftp://a.example/", "events": ["nothing"], "filter": "nothing eq 1", "payload": "fat",
        "more": 1});

    let refused = world.send_json(Method::POST, ALEX, WEBHOOKS, &[], body).await;

    assert_eq!(refused.status, 400);
    let places = ["/url", "/events/0", "/filter", "/payload", "/more"].map(|it| format!("invalidValue {it}"));
    assert_eq!(refused.problems(), places);
    let empty = world.send_json(Method::POST, ALEX, WEBHOOKS, &[], json!({})).await;
    assert_eq!(empty.problems(), ["requiredFieldMissing /url", "requiredFieldMissing /events"]);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn filters_and_payloads_are_those_of_the_viewer(#[case] backend: Backend) {
    let world = World::open(backend).await;
    world.add_northwind().await;
    let mut receiver = Receiver::start(&[]).await;
    let (own, invited) = invite(&world).await;
    let engagement = world.get(ALEX, &own).await.json()["engagementId"].clone();
    let connect = edited(to_location(NORTHWINDS), &[("/engagementId", engagement)]);
    let third = text(&world.post(ALEX, connect).await.created(), "/id").to_owned();
    world.act(NORA, &third, "accept", "").await;
    world.act(FAY, &invited, "accept", "").await;
    world.store.settle().await.unwrap();
    // Of Fabrikam's record, Northwind may not see the notes; a filter on what is withheld finds nothing.
    let secret = json!({"filter": "contains(details/notes,'secret')", "payload": "full"});
    subscribe(&world, NORA, receiver.url("northwind"), secret.clone()).await;
    subscribe(&world, ALEX, receiver.url("contoso"), secret).await;
    let _running = Running::start(&world);

    note(&world, FAY, &invited, "a secret of Fabrikam's").await;

    let received = receiver.next().await;
    assert_eq!(received.path, "contoso");
    let body = received.json();
    assert_eq!(body["type"], "related-referral-updated");
    assert_eq!(body["data"]["referralId"], invited);
    // It was made, accepted, and noted on.
    assert_eq!(body["data"]["version"], 3);
    assert_eq!(body["data"]["referral"]["details"]["notes"], "a secret of Fabrikam's");
    assert_eq!(body["data"]["resourceUri"], format!("{PUBLIC_URL}{REFERRALS}/{invited}"));
    assert!(received.headers.contains_key("webhook-signature"));

    note(&world, NORA, &third, "a secret of Northwind's").await;
    let mut told = [receiver.next().await, receiver.next().await].map(|it| {
        let body = it.json();
        (it.path, body["type"].clone(), body["data"]["referral"]["details"]["notes"].clone())
    });
    told.sort_by(|one, other| one.0.cmp(&other.0));
    let notes = json!("a secret of Northwind's");
    assert_eq!(told[0], ("contoso".to_owned(), json!("related-referral-updated"), notes.clone()));
    assert_eq!(told[1], ("northwind".to_owned(), json!("referral-updated"), notes));
    assert!(receiver.is_silent());
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn what_gathers_during_a_pause_is_sent_after_it(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let mut receiver = Receiver::start(&[]).await;
    let webhook = subscribe(&world, ALEX, receiver.url("hook"), json!({})).await;
    let paused = act_on(&world, ALEX, &webhook, "pause", Value::Null).await.json();
    assert_eq!(text(&paused, "/state"), "paused");
    let _running = Running::start(&world);

    world.post(ALEX, own_deal()).await.created();
    let waiting = |it: &Value| it["value"][0]["state"] == "pending";
    wait_until(&world, ALEX, &webhook, "/deliveries", waiting).await;
    assert!(receiver.is_silent());
    act_on(&world, ALEX, &webhook, "resume", Value::Null).await;

    assert_eq!(receiver.next().await.json()["type"], "referral-created");
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn the_log_tells_every_attempt_and_sends_again(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let mut receiver = Receiver::start(&[Reply::Status(500)]).await;
    let webhook = subscribe(&world, ALEX, receiver.url("hook"), json!({})).await;
    let _running = Running::start(&world);
    world.post(ALEX, own_deal()).await.created();
    let first = receiver.next().await;
    let id = first.id();

    let tried = |it: &Value| it["value"][0]["attempts"] == 1;
    let page = wait_until(&world, ALEX, &webhook, "/deliveries?state=pending", tried).await;
    assert_eq!(page["value"][0]["id"], id);
    let detail = look_at(&world, ALEX, &webhook, &format!("/deliveries/{id}")).await;
    let attempt = &detail["attemptLog"][0];
    assert_eq!((&attempt["status"], &attempt["outcome"]), (&json!(500), &json!("answered")));
    assert_eq!((&attempt["answer"], &attempt["url"]), (&json!("so be it"), &json!(receiver.url("hook"))));
    let sent: Value = serde_json::from_str(text(&detail, "/body")).unwrap();
    assert_eq!(sent["type"], "referral-created");
    assert_eq!(detail["body"], json!(std::str::from_utf8(&first.body).unwrap()));
    assert_eq!(attempt["bodyBytes"], json!(first.body.len()));
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &first.body);
    let digest: String = digest.as_ref().iter().map(|it| format!("{it:02x}")).collect();
    assert_eq!(attempt["bodySha256"], json!(digest));

    let again = act_on(&world, ALEX, &webhook, &format!("deliveries/{id}/redeliver"), Value::Null).await;
    assert_eq!(again.status, 202, "{}", again.text());
    assert_eq!(receiver.next().await.id(), id);
    let delivered = |it: &Value| it["value"][0]["state"] == "delivered";
    wait_until(&world, ALEX, &webhook, "/deliveries", delivered).await;
    let detail = look_at(&world, ALEX, &webhook, &format!("/deliveries/{id}")).await;
    assert_eq!(detail["attemptLog"].as_array().unwrap().len(), 2);
    assert_eq!(
        (&detail["body"], &detail["attemptLog"][1]["bodySha256"]),
        (&json!(std::str::from_utf8(&first.body).unwrap()), &json!(digest))
    );

    let range = json!({"from": START, "state": "delivered"});
    assert_eq!(act_on(&world, ALEX, &webhook, "redeliver", range).await.status, 202);
    assert_eq!(receiver.next().await.id(), id);
    let foreign = act_on(&world, FAY, &webhook, "redeliver", json!({"from": START})).await;
    assert_eq!(foreign.status, 404);
    let wrong = act_on(&world, ALEX, &webhook, "redeliver", json!({"to": "soon"})).await;
    assert_eq!(wrong.problems(), ["invalidValue /to", "requiredFieldMissing /from"]);
    let page =
        world.get_path(ALEX, &format!("{WEBHOOKS}/{}/deliveries?state=x", text(&webhook, "/id")), &[]).await;
    assert_eq!(page.status, 400);
    let page = world
        .get_path(ALEX, &format!("{WEBHOOKS}/{}/deliveries?$skiptoken=x", text(&webhook, "/id")), &[])
        .await;
    assert_eq!(page.status, 400);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn the_log_goes_on_at_a_place_that_is_sealed_for_one_person(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let webhook =
        subscribe(&world, ALEX, "https://hooks.contoso.example/".to_owned(), json!({"events": EVENTS})).await;
    for _ in 0..51 {
        world.post(ALEX, own_deal()).await.created();
    }
    let running = Running::fan_out(&world);
    let path = format!("{WEBHOOKS}/{}/deliveries", text(&webhook, "/id"));

    let full = |it: &Value| it["@odata.nextLink"].is_string();
    let page = wait_until(&world, ALEX, &webhook, "/deliveries", full).await;
    running.kill().await;
    let next = text(&page, "/@odata.nextLink").strip_prefix(PUBLIC_URL).unwrap();

    let rest = world.get_path(ALEX, next, &[]).await.json();
    assert_eq!((page["value"].as_array().unwrap().len(), rest["value"].as_array().unwrap().len()), (50, 1));
    assert_eq!(rest["@odata.nextLink"], Value::Null);
    let foreign = world.get_path("ada.account@contoso.example", next, &[]).await;
    assert_eq!(foreign.status, 400, "{}", foreign.text());
    let last = &page["value"][49];
    let ticks = Timestamp::parse(text(last, "/createdDateTime")).unwrap().ticks();
    let plain = URL_SAFE_NO_PAD.encode(format!("{ticks}.{}", text(last, "/id")));
    let forged = world.get_path(ALEX, &format!("{path}?$skiptoken={plain}"), &[]).await;
    assert_eq!(forged.status, 400, "{}", forged.text());
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn recovery_sends_what_was_never_to_be_sent_and_nothing_twice(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let mut receiver = Receiver::start(&[]).await;
    world.post(ALEX, own_deal()).await.created();
    world.store.settle().await.unwrap();
    let webhook = subscribe(&world, ALEX, receiver.url("hook"), json!({})).await;
    let _running = Running::start(&world);
    let second = world.post(ALEX, own_deal()).await.created();
    assert_eq!(receiver.next().await.json()["data"]["referralId"], second["id"]);

    let recovered = act_on(&world, ALEX, &webhook, "recover", json!({"since": START})).await;
    assert_eq!(recovered.status, 202, "{}", recovered.text());

    assert_ne!(receiver.next().await.json()["data"]["referralId"], second["id"]);
    let again = act_on(&world, ALEX, &webhook, "recover", json!({"since": START})).await;
    assert_eq!(again.status, 202);
    let all = |it: &Value| it["value"].as_array().unwrap().iter().all(|it| it["state"] == "delivered");
    let page = wait_until(&world, ALEX, &webhook, "/deliveries", all).await;
    assert_eq!(page["value"].as_array().unwrap().len(), 2);
    assert!(receiver.is_silent());
    let early = act_on(&world, ALEX, &webhook, "recover", json!({"since": "2026-11-01"})).await;
    assert_eq!(early.problems(), ["invalidValue /since"]);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn the_log_comes_in_pages_and_is_forgotten_in_time(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let mut receiver = Receiver::start(&[]).await;
    let webhook = subscribe(&world, ALEX, receiver.url("hook"), json!({})).await;
    let running = Running::start(&world);
    for _ in 0..55 {
        world.post(ALEX, own_deal()).await.created();
    }
    for _ in 0..55 {
        receiver.next().await;
    }
    let none = |it: &Value| it["value"] == json!([]);
    wait_until(&world, ALEX, &webhook, "/deliveries?state=pending", none).await;
    let first = look_at(&world, ALEX, &webhook, "/deliveries").await;
    let next = text(&first, "/@odata.nextLink").strip_prefix(PUBLIC_URL).unwrap();
    let second = world.get_path(ALEX, next, &[]).await.json();
    let ids = |page: &Value| -> Vec<String> {
        page["value"].as_array().unwrap().iter().map(|it| text(it, "/id").to_owned()).collect()
    };
    let mut all = [ids(&first), ids(&second)].concat();
    assert!(second.get("@odata.nextLink").is_none());
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 55);

    running.kill().await;
    world.advance_secs(8 * 24 * 60 * 60);
    let _running = Running::fan_out(&world);
    wait_until(&world, ALEX, &webhook, "/deliveries", none).await;
    assert_eq!(world.database.count("webhook_attempts").await, 0);
}
