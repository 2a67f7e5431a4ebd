//! A retried create call has one effect.

use std::{collections::BTreeSet, sync::Arc};

use http::StatusCode;
use liaison::domain::organization::{LocationScope, Role};
use rstest::rstest;
use tokio::task::JoinSet;

use crate::world::*;

const KEY: &[(&str, &str)] = &[("idempotency-key", "k-1")];

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn the_same_call_again_is_answered_with_the_same_referral(#[case] backend: Backend) {
    let world = World::open(backend).await;

    let first = world.post_with(ALEX, KEY, FIXTURE).await;
    world.advance_secs(3600);
    let second = world.post_with(ALEX, KEY, FIXTURE).await;

    assert_eq!(second.status, first.status);
    assert_eq!(second.text(), first.text());
    for header in ["etag", "location", "content-type"] {
        assert_eq!(second.header(header), first.header(header));
    }
    assert_eq!((first.header("idempotency-replayed"), second.header("idempotency-replayed")), ("", "true"));
    assert_eq!(world.stored().await.len(), 1);
    assert_eq!(world.log().await.len(), 1);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn without_a_key_every_call_makes_a_referral(#[case] backend: Backend) {
    let world = World::open(backend).await;

    let first = world.post(ALEX, FIXTURE).await.created();
    let second = world.post(ALEX, FIXTURE).await.created();

    assert_ne!(first["id"], second["id"]);
    assert_eq!(world.stored().await.len(), 2);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_key_belongs_to_its_body(#[case] backend: Backend) {
    let world = World::open(backend).await;
    world.post_with(ALEX, KEY, FIXTURE).await.created();

    for other in [own_deal().to_string(), format!("{FIXTURE} "), "{".to_owned()] {
        let answer = world.post_with(ALEX, KEY, other).await;

        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(answer.json()["error"]["code"], "invalidRequest");
        assert_eq!(answer.json()["error"]["innerError"]["code"], "idempotencyKeyReused");
    }
    assert_eq!(world.stored().await.len(), 1);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn ms_request_id_is_a_key_and_client_request_id_is_not(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let id = "5b5b5b5b-1111-4222-8333-444444444444";

    for (header, referrals) in [("MS-RequestId", 1), ("client-request-id", 2), ("MS-CorrelationId", 2)] {
        let headers = [(header, id)];
        let first = world.post_with(ALEX, &headers, FIXTURE).await.created();
        let second = world.post_with(ALEX, &headers, FIXTURE).await.created();

        let ids = BTreeSet::from([text(&first, "/id"), text(&second, "/id")]);
        assert_eq!(ids.len(), referrals, "{header}");
    }
    // The key of the standard goes before Partner Center's.
    let both = |key| [("idempotency-key", key), ("MS-RequestId", id)];
    let one = world.post_with(ALEX, &both("a"), FIXTURE).await.created();
    let other = world.post_with(ALEX, &both("b"), FIXTURE).await.created();
    assert_ne!(one["id"], other["id"]);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn client_request_id_is_a_key_where_the_operator_says_so(#[case] backend: Backend) {
    let world = World::with(backend, |config| config.idempotency.use_client_request_id = true).await;
    let headers = [("client-request-id", "5b5b5b5b-1111-4222-8333-444444444444")];

    let first = world.post_with(ALEX, &headers, FIXTURE).await.created();
    let second = world.post_with(ALEX, &headers, FIXTURE).await;

    assert_eq!(second.json()["id"], first["id"]);
    assert_eq!(second.header("idempotency-replayed"), "true");
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_key_is_the_callers_own(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let mut ids = BTreeSet::new();

    for email in [ALEX, UMA, FAY, MIA] {
        let answer = world.post_with(email, KEY, FIXTURE).await;

        assert_eq!(answer.header("idempotency-replayed"), "", "{email}");
        ids.insert(text(&answer.created(), "/id").to_owned());
    }
    assert_eq!(ids.len(), 4);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_refused_call_does_not_use_the_key_up(#[case] backend: Backend) {
    let world = World::open(backend).await;
    for (body, status) in [
        ("{".to_owned(), 400),
        (without(fixture(), "/name").to_string(), 400),
        (to_location("99999999-9999-4999-8999-999999999999").to_string(), 400),
    ] {
        assert_eq!(world.post_with(ALEX, KEY, body).await.status, status);
    }

    let answer = world.post_with(ALEX, KEY, FIXTURE).await;

    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    assert_eq!(answer.header("idempotency-replayed"), "");
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_key_is_free_again_after_a_day(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let first = world.post_with(ALEX, KEY, FIXTURE).await.created();

    world.advance_secs(24 * 3600 - 1);
    let within = world.post_with(ALEX, KEY, FIXTURE).await.created();
    world.advance_secs(1);
    let after = world.post_with(ALEX, KEY, own_deal()).await;
    let again = world.post_with(ALEX, KEY, own_deal()).await;

    assert_eq!(within["id"], first["id"]);
    assert_eq!(after.header("idempotency-replayed"), "");
    assert_ne!(after.created()["id"], first["id"]);
    assert_eq!(again.json()["id"], after.json()["id"], "the key has a new day");
    world.advance_secs(25 * 3600);
    world.store.forget_expired_keys(world.app.context.clock.now()).await.unwrap();
    assert_eq!(world.database.count("idempotency").await, 0);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn twins_in_flight_make_one_referral(#[case] backend: Backend) {
    let world = Arc::new(World::open(backend).await);
    let replica = Arc::new(world.replica().await);
    let mut twins = JoinSet::new();
    for number in 0..20 {
        let (world, replica) = (Arc::clone(&world), Arc::clone(&replica));
        twins.spawn(async move {
            // On PostgreSQL the twins meet in the database too; an SQLite file has one server.
            match backend == Backend::Postgres && number % 2 == 1 {
                true => replica.post_with(ALEX, KEY, FIXTURE).await,
                false => world.post_with(ALEX, KEY, FIXTURE).await,
            }
        });
    }

    let answers = twins.join_all().await;

    let mut ids = BTreeSet::new();
    let mut originals = 0;
    for answer in answers {
        match answer.status {
            StatusCode::OK => {
                originals += usize::from(answer.header("idempotency-replayed").is_empty());
                ids.insert(text(&answer.json(), "/id").to_owned());
            }
            status => {
                assert_eq!(status, StatusCode::CONFLICT, "{}", answer.text());
                assert_eq!(answer.header("retry-after"), "1");
                assert_eq!(answer.json()["error"]["innerError"]["code"], "idempotencyTwinInFlight");
            }
        }
    }
    assert_eq!((ids.len(), originals), (1, 1));
    assert_eq!(world.stored().await.len(), 1);
    assert_eq!(world.log().await.len(), 1);
    let later = world.post_with(ALEX, KEY, FIXTURE).await;
    assert_eq!(later.header("idempotency-replayed"), "true");
    assert!(ids.contains(text(&later.json(), "/id")));
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_replay_shows_the_referral_as_it_is_today(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let made = world.post_with(ALEX, KEY, own_deal()).await.created();
    let connect = edited(to_location("msft"), &[("/engagementId", made["engagementId"].clone())]);
    world.post(ALEX, connect).await.created();

    let replay = world.post_with(ALEX, KEY, own_deal()).await;

    assert_eq!(replay.header("idempotency-replayed"), "true");
    assert_eq!((&replay.json()["id"], &replay.json()["type"]), (&made["id"], &"Shared".into()));
    assert!(replay.header("etag").starts_with("\"00000002-"), "{}", replay.header("etag"));
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_replay_is_no_way_round_todays_rights(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let made = world.post_with(ALEX, KEY, FIXTURE).await.created();
    // Writing a person makes the server forget what it remembers of everybody.
    let forget = |email| world.add_user(CONTOSO, email, &[Role::ReferralsUser], LocationScope::EntireCompany);

    world.database.execute("UPDATE users SET locations = '[\"999\"]' WHERE email LIKE 'alex%'").await;
    forget("one@contoso.example").await;
    let out_of_scope = world.post_with(ALEX, KEY, FIXTURE).await;
    world.database.execute("UPDATE users SET roles = '[]' WHERE email LIKE 'alex%'").await;
    forget("two@contoso.example").await;
    let without_role = world.post_with(ALEX, KEY, FIXTURE).await;

    assert_eq!(out_of_scope.status, StatusCode::NOT_FOUND, "{}", out_of_scope.text());
    assert_eq!(without_role.status, StatusCode::FORBIDDEN);
    for answer in [out_of_scope, without_role] {
        assert!(!answer.text().contains(text(&made, "/id")));
    }
}
