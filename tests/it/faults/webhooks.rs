//! Faults of webhooks: what a receiver gets, and that each message still arrives.

use http::Method;
use liaison::domain::time::Timestamp;
use rstest::rstest;
use serde_json::json;

use super::{FAULTS, add, ask, in_force};
use crate::{
    webhooks::{Received, Receiver, Running, note, subscribe},
    world::*,
};

/// A world with a receiver of Contoso's, and a deal of Contoso's that was told.
async fn begin(backend: Backend) -> (World, Receiver, Running, String) {
    let world = World::sandbox(backend).await;
    let mut receiver = Receiver::start(&[]).await;
    let running = Running::start(&world);
    subscribe(&world, ALEX, receiver.url("hook"), json!({})).await;
    let id = text(&world.post(ALEX, own_deal()).await.created(), "/id").to_owned();
    receiver.next().await;
    (world, receiver, running, id)
}

fn fault_of(received: &Received) -> &str {
    received.headers.get("liaison-fault").map_or("", |it| it.to_str().unwrap())
}

fn header<'a>(received: &'a Received, name: &str) -> &'a str {
    received.headers[name].to_str().unwrap()
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_comes_twice_with_one_id(#[case] backend: Backend) {
    let (world, mut receiver, _running, id) = begin(backend).await;
    add(&world, json!({"kind": "webhookDuplicate", "count": 1, "organization": CONTOSO})).await;

    note(&world, ALEX, &id, "one").await;
    let (first, second) = (receiver.next().await, receiver.next().await);
    note(&world, ALEX, &id, "two").await;
    let third = receiver.next().await;

    assert_eq!(fault_of(&first), "f1; kind=webhookDuplicate");
    assert_eq!((first.id(), &first.body), (second.id(), &second.body));
    assert_eq!(fault_of(&third), "");
    assert_ne!(third.id(), first.id());
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_is_overtaken_or_waits_for_the_clock_of_the_sandbox(#[case] backend: Backend) {
    let (world, mut receiver, _running, id) = begin(backend).await;
    add(&world, json!({"kind": "webhookReorder", "count": 1})).await;

    note(&world, ALEX, &id, "one").await;
    let struck = async || in_force(&world).await.last().unwrap()["struck"] == 1;
    while !struck().await {
        tokio::task::yield_now().await;
    }
    note(&world, ALEX, &id, "two").await;
    let (overtaking, overtaken) = (receiver.next().await, receiver.next().await);

    assert_eq!((fault_of(&overtaking), fault_of(&overtaken)), ("", "f1; kind=webhookReorder"));
    assert_ne!(overtaking.id(), overtaken.id());

    add(&world, json!({"kind": "webhookDelay", "delayMs": 3_600_000, "count": 1})).await;
    note(&world, ALEX, &id, "three").await;
    while !struck().await {
        tokio::task::yield_now().await;
    }
    assert!(receiver.is_silent());
    let hour = json!({"advance": "1 hour"});
    assert_eq!(ask(&world, Method::POST, "/sandbox/clock", hour).await.status, 200);
    let delayed = receiver.next().await;
    assert_eq!(fault_of(&delayed), "f2; kind=webhookDelay");
    let sent_secs: i64 = header(&delayed, "webhook-timestamp").parse().unwrap();
    assert!(
        sent_secs >= Timestamp::parse(START).unwrap().unix_secs() + 3_600,
        "it is signed when it is sent"
    );
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signature_is_wrong_or_somebody_elses(#[case] backend: Backend) {
    let (world, mut receiver, _running, id) = begin(backend).await;
    let signer = world.app.webhook_keys.signer();
    add(&world, json!({"kind": "webhookBadSignature", "count": 1})).await;
    add(&world, json!({"kind": "webhookWrongCertificate", "count": 1})).await;

    note(&world, ALEX, &id, "one").await;
    let bad = receiver.next().await;
    note(&world, ALEX, &id, "two").await;
    let foreign = receiver.next().await;

    let right = |it: &Received| {
        let mode = liaison::feed::signature::HeaderMode::Authorization;
        signer.sign_as_microsoft(&it.body, mode).unwrap()["authorization"].to_str().unwrap().to_owned()
    };
    assert_eq!(fault_of(&bad), "f1; kind=webhookBadSignature");
    let (sent, expected) = (header(&bad, "authorization"), right(&bad));
    assert_eq!(sent.len(), expected.len());
    assert_ne!(sent, expected);
    assert_eq!(header(&bad, "x-ms-certificate-url"), signer.certificate_url());

    assert_eq!(fault_of(&foreign), "f2; kind=webhookWrongCertificate");
    assert_ne!(header(&foreign, "authorization"), right(&foreign));
    let url = header(&foreign, "x-ms-certificate-url").to_owned();
    assert_eq!(url, format!("{PUBLIC_URL}{FAULTS}/certificate.cer"));
    let certificate = world.get_anonymously(url.strip_prefix(PUBLIC_URL).unwrap()).await;
    assert_eq!(certificate.header("content-type"), "application/pkix-cert");
    assert!(certificate.body.windows(13).any(|it| it == b"Somebody Else"));
}
