//! Who is told of what, and that nothing is missed or told under two ids, whoever ends when.

use std::collections::{BTreeMap, BTreeSet};

use http::Method;
use rstest::rstest;
use serde_json::{Value, json};

use super::{EVENTS, Receiver, Running, invite, note, partner_center, register, subscribe};
use crate::{lifecycle::FABRIKAMS, log::begin_slow_change, world::*};

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn each_party_hears_of_its_own_and_of_the_others(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let mut receiver = Receiver::start(&[]).await;
    for (email, path) in [(ALEX, "contoso"), (FAY, "fabrikam"), (MIA, "microsoft")] {
        register(&world, email, receiver.url(path)).await;
    }
    let _running = Running::start(&world);

    let own = world.post(ALEX, own_deal()).await.created();
    let own_id = text(&own, "/id").to_owned();
    assert_eq!(receiver.events(1).await, [format!("contoso referral-created {own_id}")]);

    let connect = edited(to_location(FABRIKAMS), &[("/engagementId", own["engagementId"].clone())]);
    let invited = world.post(ALEX, connect).await.created();
    let id = text(&invited, "/id").to_owned();
    // The invitation makes Contoso's own record Shared: a change of that one.
    let expected = [
        format!("contoso referral-updated {own_id}"),
        format!("contoso related-referral-created {id}"),
        format!("fabrikam referral-created {id}"),
        format!("fabrikam related-referral-updated {own_id}"),
    ];
    assert_eq!(receiver.events(4).await, expected);

    world.act(FAY, &id, "accept", "").await;
    let expected =
        [format!("contoso related-referral-updated {id}"), format!("fabrikam referral-updated {id}")];
    assert_eq!(receiver.events(2).await, expected);

    note(&world, ALEX, &own_id, "news").await;
    let expected =
        [format!("contoso referral-updated {own_id}"), format!("fabrikam related-referral-updated {own_id}")];
    assert_eq!(receiver.events(2).await, expected);
    assert!(receiver.is_silent(), "Microsoft is told nothing of what it does not see");

    // Without a record of its own, the inviter hears of the one that it made as of its own.
    let direct = world.post(ALEX, to_location(FABRIKAMS)).await.created();
    let id = text(&direct, "/id");
    let expected = [format!("contoso referral-created {id}"), format!("fabrikam referral-created {id}")];
    assert_eq!(receiver.events(2).await, expected);

    let shared = world.post(ALEX, to_location("msft")).await.created();
    let id = text(&shared, "/id");
    let expected = [format!("contoso referral-created {id}"), format!("microsoft referral-created {id}")];
    assert_eq!(receiver.events(2).await, expected);
    assert!(receiver.is_silent());
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn the_notification_is_that_of_the_contract(#[case] backend: Backend) {
    let world = World::with(backend, |config| {
        config.webhooks.resource_uri = liaison::config::ResourceUri::PartnerCenter;
    })
    .await;
    let mut receiver = Receiver::start(&[]).await;
    register(&world, ALEX, receiver.url("hook")).await;
    let _running = Running::start(&world);

    let own = world.post(ALEX, own_deal()).await.created();

    let received = receiver.next().await;
    let id = text(&own, "/id");
    let uri = format!("{PUBLIC_URL}/engagements/v1/referrals/{id}");
    let audit_uri = text(&received.json(), "/AuditUri").to_owned();
    let body = format!(
        "{{\"EventName\":\"referral-created\",\"ResourceUri\":\"{uri}\",\"ResourceName\":\"referral\",\
         \"AuditUri\":\"{audit_uri}\",\"ResourceChangeUtcDate\":\"2026-11-22T09:30:00.1234567+00:00\"}}"
    );
    assert_eq!(received.body, body);
    let audit_path = audit_uri.strip_prefix(PUBLIC_URL).unwrap();
    let record = partner_center(&world, ALEX, Method::GET, audit_path, Value::Null).await.json();
    assert_eq!(record["operationType"], "create_referral");
    assert_eq!(record["customizedData"][0], json!({"key": "ReferralId", "value": id}));
    assert!(audit_uri.ends_with(text(&record, "/id")));
    let foreign = partner_center(&world, FAY, Method::GET, audit_path, Value::Null).await;
    assert_eq!(
        (foreign.status.as_u16(), foreign.json()["code"].clone()),
        (404, json!("auditRecordNotFound"))
    );
    assert_eq!(received.headers["content-type"], "application/json");
    let path = uri.strip_prefix(PUBLIC_URL).unwrap();
    assert_eq!(world.get_path(ALEX, path, &[]).await.json()["id"], own["id"]);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn an_endpoint_hears_of_what_comes_after_it_and_only_of_what_it_wants(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let mut receiver = Receiver::start(&[]).await;
    let (own, _) = invite(&world).await;
    world.store.settle().await.unwrap();
    let _running = Running::start(&world);
    subscribe(&world, ALEX, receiver.url("early"), json!({"events": ["referral-created"]})).await;
    let first = world.post(ALEX, own_deal()).await.created();
    assert_eq!(receiver.next().await.json()["data"]["referralId"], first["id"]);

    subscribe(&world, ALEX, receiver.url("late"), json!({"events": ["referral-updated"]})).await;
    note(&world, ALEX, &own, "news").await;

    let received = receiver.next().await;
    assert_eq!((received.path.as_str(), &received.json()["data"]["referralId"]), ("late", &json!(own)));
    assert!(receiver.is_silent());
}

/// Changes of a run with kills, and how many are received between two of them.
const CHANGES: usize = 240;
const BETWEEN_KILLS: usize = 17;

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_lose_nothing_and_what_repeats_has_its_id(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let replica = match backend {
        Backend::Sqlite => None,
        Backend::Postgres => Some(world.replica().await),
    };
    let mut receiver = Receiver::start(&[]).await;
    subscribe(&world, ALEX, receiver.url("one"), json!({})).await;
    subscribe(&world, ALEX, receiver.url("two"), json!({})).await;
    for _ in 0..CHANGES {
        world.post(ALEX, own_deal()).await.created();
    }

    let mut told: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
    let mut kills = 0;
    while told.len() < 2 * CHANGES {
        // A server that is killed at any moment, and another one that goes on.
        let server = replica.as_ref().filter(|_| kills % 2 == 1).unwrap_or(&world);
        let running = Running::start(server);
        for _ in 0..BETWEEN_KILLS {
            let received = receiver.next().await;
            let change = text(&received.json(), "/data/changeId").to_owned();
            told.entry((received.path.clone(), change)).or_default().insert(received.id());
            if told.len() == 2 * CHANGES {
                break;
            }
        }
        running.kill().await;
        kills += 1;
    }

    let changes: BTreeSet<String> = world.log().await.iter().map(|it| it.change.id.to_string()).collect();
    assert_eq!(changes.len(), CHANGES);
    for path in ["one", "two"] {
        let of_path = told.keys().filter(|it| it.0 == path).map(|it| it.1.clone());
        assert_eq!(of_path.collect::<BTreeSet<_>>(), changes);
    }
    assert!(told.values().all(|ids| ids.len() == 1), "a change was told under two ids");
    assert!(kills > 2 * CHANGES / BETWEEN_KILLS - 2, "{kills}");
}

#[tokio::test]
async fn a_slow_transaction_of_postgres_is_told_when_it_commits() {
    let world = World::open(Backend::Postgres).await;
    let first = world.post(ALEX, own_deal()).await.created();
    world.store.settle().await.unwrap();
    let mut receiver = Receiver::start(&[]).await;
    subscribe(&world, ALEX, receiver.url("hook"), json!({})).await;
    let _running = Running::start(&world);
    let slow = begin_slow_change(&world).await;
    let second = world.post(ALEX, own_deal()).await.created();
    assert_eq!(receiver.next().await.json()["data"]["referralId"], second["id"]);

    slow.batch_execute("COMMIT; NOTIFY liaison_changes").await.unwrap();

    assert_eq!(receiver.next().await.json()["data"]["referralId"], first["id"]);
    assert!(receiver.is_silent());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_servers_fan_out_without_telling_anything_twice() {
    let world = World::open(Backend::Postgres).await;
    let replica = world.replica().await;
    let mut receiver = Receiver::start(&[]).await;
    subscribe(&world, ALEX, receiver.url("hook"), json!({"events": EVENTS})).await;
    let _running = Running::start(&world).and(Running::start(&replica));
    let mut expected = BTreeSet::new();
    for number in 0..40 {
        let server = if number % 2 == 0 { &*world } else { &replica };
        expected.insert(text(&server.post(ALEX, own_deal()).await.created(), "/id").to_owned());
    }

    let mut told = BTreeSet::new();
    for _ in 0..40 {
        let body: Value = receiver.next().await.json();
        assert!(told.insert(text(&body, "/data/referralId").to_owned()), "told twice");
    }

    assert_eq!(told, expected);
    assert!(receiver.is_silent());
}
