//! A sandbox whose state is replaced under its readers of the log, and whose receivers are told in order.

use super::*;
use rstest::rstest;

async fn call(world: &World, method: Method, path: &str, body: Value) -> Value {
    let request = with_headers(method, path, &[("content-type", "application/json")]);
    let answer = world.send(request.body(body.to_string().into()).unwrap()).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    answer.json()
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn places_in_a_log_that_was_replaced_are_forgotten(#[case] backend: Backend) {
    let world = World::sandbox(backend).await;
    let mut receiver = Receiver::start(&[]).await;
    subscribe(&world, ALEX, receiver.url("hook"), json!({})).await;
    let _running = Running::start(&world);
    call(&world, Method::PUT, "/sandbox/snapshots/before", json!({})).await;
    for _ in 0..3 {
        world.post(ALEX, own_deal()).await.created();
        receiver.next().await;
    }

    call(&world, Method::POST, "/sandbox/snapshots/before/restore", json!({})).await;

    // It has the place in the log that the first of the others had.
    let made = world.post(ALEX, own_deal()).await.created();
    let told = receiver.next().await.json();
    assert_eq!(told["data"]["referralId"], made["id"]);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn receivers_have_heard_everything_before_the_clock_answers(#[case] backend: Backend) {
    let world = World::sandbox(backend).await;
    let mut receiver = Receiver::start(&[Reply::Status(503), Reply::Status(503)]).await;
    subscribe(&world, ALEX, receiver.url("hook"), json!({})).await;
    let own = world.post(ALEX, own_deal()).await.created();
    let connect = edited(
        to_location("6d730001-0000-4000-8000-000000000001"),
        &[("/engagementId", own["engagementId"].clone()), ("/details/notes", "#win-after:1d".into())],
    );
    let invited = world.post(ALEX, connect).await.created();

    let moved = call(&world, Method::POST, "/sandbox/clock", json!({"advance": "2 days"})).await;

    // Nobody delivers in the background here: whoever moves the clock does.
    assert_eq!((&moved["acted"], &moved["webhooksWaiting"]), (&json!(2), &json!(0)), "{moved}");
    let mut told = Vec::new();
    while let Ok(it) = receiver.received.try_recv() {
        let body = it.json();
        if body["data"]["referralId"] == invited["id"] {
            told.push((text(&body, "/timestamp").to_owned(), text(&body, "/type").to_owned()));
        }
    }
    let at = |time: &str| told.iter().any(|(it, _)| it.starts_with(time));
    assert!(at("2026-11-22T09:31:00") && at("2026-11-23T09:31:00"), "{told:?}");
}
