//! Receivers that are slow, broken, gone or dead, and what becomes of what they were to be told.

use std::time::{Duration, Instant};

use http::Method;
use liaison::domain::{time::Timestamp, webhook::schedule::DELAYS_SECS};
use rstest::rstest;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::{Receiver, Reply, Running, act_on, look_at, subscribe, wait_until};
use crate::{
    audit::{ADA, detail, operations, records},
    world::*,
};

/// Says whether the newest delivery has had so many attempts.
fn tried(attempts: u32) -> impl Fn(&Value) -> bool {
    move |page| page["value"][0]["attempts"] == attempts
}

async fn last_attempt(world: &World, webhook: &Value) -> Value {
    let page = look_at(world, ALEX, webhook, "/deliveries").await;
    let id = text(&page, "/value/0/id").to_owned();
    let detail = look_at(world, ALEX, webhook, &format!("/deliveries/{id}")).await;
    detail["attemptLog"].as_array().unwrap().last().unwrap().clone()
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn every_failure_is_written_down_and_tried_again(#[case] backend: Backend) {
    let world = World::with(backend, |config| config.webhooks.timeout_secs = 1).await;
    let script = [
        Reply::Status(500),
        Reply::With(302, "location", "http://127.0.0.1:1/"),
        Reply::With(429, "retry-after", "600"),
        Reply::Hang,
    ];
    let mut receiver = Receiver::start(&script).await;
    let webhook = subscribe(&world, ALEX, receiver.url("hook"), json!({})).await;
    let _running = Running::start(&world);
    world.post(ALEX, own_deal()).await.created();

    let mut ids = Vec::new();
    for (number, (status, outcome)) in (1..).zip([
        (json!(500), "answered"),
        (json!(302), "answered"),
        (json!(429), "answered"),
        (Value::Null, "timeout"),
    ]) {
        ids.push(receiver.next().await.id());
        let page = wait_until(&world, ALEX, &webhook, "/deliveries", tried(number)).await;
        let attempt = last_attempt(&world, &webhook).await;
        assert_eq!((&attempt["status"], &attempt["outcome"]), (&status, &json!(outcome)));
        let due = Timestamp::parse(text(&page, "/value/0/nextAttemptDateTime")).unwrap();
        if number == 3 {
            let wait = due.unix_secs() - world.app.context.clock.now().unix_secs();
            assert!(wait >= 600, "{wait}");
        }
        world.set_time(due);
    }

    ids.push(receiver.next().await.id());
    assert!(ids.iter().all(|it| it == &ids[0]), "{ids:?}");
    let delivered = |it: &Value| it["value"][0]["state"] == "delivered";
    wait_until(&world, ALEX, &webhook, "/deliveries", delivered).await;
    assert_eq!(look_at(&world, ALEX, &webhook, "").await["failingSince"], Value::Null);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_connection_that_breaks_or_never_stands_is_a_failure(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let webhook = subscribe(&world, ALEX, format!("http://{address}/"), json!({})).await;
    let _running = Running::start(&world);
    world.post(ALEX, own_deal()).await.created();

    drop(listener.accept().await.unwrap());
    wait_until(&world, ALEX, &webhook, "/deliveries", tried(1)).await;
    let broken = last_attempt(&world, &webhook).await;
    drop(listener);
    world.advance_secs(6);
    wait_until(&world, ALEX, &webhook, "/deliveries", tried(2)).await;

    assert_eq!((&broken["status"], &broken["outcome"]), (&Value::Null, &json!("reset")));
    assert!(broken["error"].is_string());
    assert_eq!(last_attempt(&world, &webhook).await["outcome"], "connect");
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_receiver_that_is_gone_is_told_no_more_until_it_is_resumed(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let mut receiver = Receiver::start(&[Reply::Status(410)]).await;
    let webhook = subscribe(&world, ALEX, receiver.url("hook"), json!({})).await;
    world.advance_secs(1);
    let _running = Running::start(&world);
    let first = world.post(ALEX, own_deal()).await.created();
    receiver.next().await;

    let disabled = wait_until(&world, ALEX, &webhook, "", |it| it["state"] == "disabled").await;
    assert!(text(&disabled, "/stateReason").contains("410"));
    let told = records(&world, ADA).await;
    assert_eq!(operations(&told), ["create_webhook", "disable_webhook"]);
    assert_eq!(text(&told[1], "/applicationId"), "liaison/webhooks");
    assert!(detail(&told[1], "Reason").unwrap().contains("410"));
    let second = world.post(ALEX, own_deal()).await.created();
    world.store.settle().await.unwrap();
    act_on(&world, ALEX, &webhook, "resume", Value::Null).await;
    act_on(&world, ALEX, &webhook, "recover", json!({"since": START})).await;

    let mut told = [receiver.next().await, receiver.next().await]
        .map(|it| text(&it.json(), "/data/referralId").to_owned());
    let mut expected = [&first, &second].map(|it| text(it, "/id").to_owned());
    told.sort();
    expected.sort();
    assert_eq!(told, expected);
}

async fn put_forward(world: &World, ticks: i64) {
    let body = json!({"advance": format!("PT{}S", ticks / 10_000_000 + 1)}).to_string();
    let request = with_headers(Method::POST, "/sandbox/clock", &[("content-type", "application/json")])
        .body(body.into());
    assert_eq!(world.send(request.unwrap()).await.status, 200);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn ten_attempts_follow_the_schedule_of_the_sandboxs_clock(#[case] backend: Backend) {
    let world = World::sandbox(backend).await;
    let mut receiver = Receiver::start(&[]).await;
    (0..11).for_each(|_| receiver.then(Reply::Status(503)));
    let webhook = subscribe(&world, ALEX, receiver.url("hook"), json!({})).await;
    let _running = Running::start(&world);
    world.post(ALEX, own_deal()).await.created();
    let id = receiver.next().await.id();

    for (attempts, delay) in (1..).zip(DELAYS_SECS) {
        let page = wait_until(&world, ALEX, &webhook, "/deliveries", tried(attempts)).await;
        let due = Timestamp::parse(text(&page, "/value/0/nextAttemptDateTime")).unwrap();
        let wait = due.ticks() - world.app.context.clock.now().ticks();
        assert!((delay * 8_000_000..=delay * 12_000_000).contains(&wait), "{attempts}: {wait}");
        assert!(receiver.is_silent(), "{attempts}");
        put_forward(&world, wait).await;
        assert_eq!(receiver.next().await.id(), id);
    }
    let dead = |it: &Value| it["value"][0]["state"] == "dead";
    let page = wait_until(&world, ALEX, &webhook, "/deliveries", dead).await;
    assert_eq!(page["value"][0]["attempts"], 10);
    let failing = look_at(&world, ALEX, &webhook, "").await;
    assert_eq!((text(&failing, "/state"), text(&failing, "/failingSince")), ("active", START));

    // Nothing but failure for five days: the next one is the last.
    put_forward(&world, 5 * 24 * 60 * 60 * 10_000_000).await;
    world.post(ALEX, own_deal()).await.created();
    receiver.next().await;
    let disabled = wait_until(&world, ALEX, &webhook, "", |it| it["state"] == "disabled").await;
    assert!(text(&disabled, "/stateReason").contains("five days"));
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_receiver_does_not_delay_a_healthy_one(#[case] backend: Backend) {
    let few = |config: &mut liaison::config::Config| {
        (config.webhooks.in_flight_max, config.webhooks.in_flight_per_endpoint_max) = (6, 2);
    };
    let world = World::with(backend, few).await;
    let mut healthy = Receiver::start(&[]).await;
    let dead = Receiver::start(&vec![Reply::Hang; 100]).await;
    subscribe(&world, ALEX, dead.url("dead"), json!({})).await;
    subscribe(&world, ALEX, dead.url("too"), json!({})).await;
    subscribe(&world, ALEX, healthy.url("healthy"), json!({})).await;
    let began = Instant::now();
    let _running = Running::start(&world);

    for _ in 0..30 {
        world.post(ALEX, own_deal()).await.created();
        healthy.next().await;
    }

    let took = began.elapsed();
    assert!(took < Duration::from_secs(15), "less than one attempt at the dead takes: {took:?}");
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn what_a_server_had_in_flight_when_it_ended_is_sent_by_the_next(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let mut receiver = Receiver::start(&[Reply::Hang]).await;
    let webhook = subscribe(&world, ALEX, receiver.url("hook"), json!({})).await;
    let running = Running::start(&world);
    world.post(ALEX, own_deal()).await.created();
    let id = receiver.next().await.id();

    running.kill().await;
    let _running = Running::start(&world);

    assert_eq!(receiver.next().await.id(), id);
    let delivered = |it: &Value| it["value"][0]["state"] == "delivered";
    let page = wait_until(&world, ALEX, &webhook, "/deliveries", delivered).await;
    assert_eq!(page["value"][0]["attempts"], 1);
}

#[tokio::test]
async fn two_servers_on_one_postgres_share_the_work() {
    let one = |config: &mut liaison::config::Config| config.webhooks.in_flight_max = 1;
    let world = World::with(Backend::Postgres, one).await;
    let replica = world.replica().await;
    let mut receiver = Receiver::start(&[Reply::Hang, Reply::Hang]).await;
    subscribe(&world, ALEX, receiver.url("hook"), json!({})).await;
    world.post(ALEX, own_deal()).await.created();
    world.post(ALEX, own_deal()).await.created();
    world.store.settle().await.unwrap();

    let _fan_out = Running::fan_out(&world);
    let first = Running::deliver(&world);
    let _second = Running::deliver(&replica);

    // Each server has one place, and both are taken.
    let ids = [receiver.next().await.id(), receiver.next().await.id()];
    assert_ne!(ids[0], ids[1]);
    // What the first had is the second's when the first has ended, and it is done with its own.
    first.kill().await;
    let world_url = world.database.url();
    let taken = connect(&world_url).await;
    let rows = taken.query("SELECT id FROM webhook_deliveries WHERE worker IS NOT NULL", &[]).await.unwrap();
    assert!(!rows.is_empty());
}
