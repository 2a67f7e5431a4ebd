//! What the store promises whoever writes: all or nothing, one winner, one schema.

use std::sync::Arc;

use http::StatusCode;
use liaison::{
    app::system_clock,
    domain::{organization::OrganizationId, referral::Referral},
    service::verify::verify,
    storage::{Commit, Conflict, Inserted, Mode, ReferralState, Store, StoreError, StoreOptions},
};
use rstest::rstest;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::world::*;

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn migrating_twice_does_nothing_the_second_time(#[case] backend: Backend) {
    let database = Database::create(backend).await;
    let options = StoreOptions { target: database.target(), mode: Mode::ReadWrite };
    let store = Store::open(&options, system_clock()).await.unwrap();
    assert_eq!(store.schema_version().await.unwrap(), 0);
    assert!(matches!(store.check_schema().await, Err(StoreError::Schema { found: 0, .. })));

    let first = store.migrate().await.unwrap();
    let second = store.migrate().await.unwrap();

    assert_eq!(first.len(), usize::try_from(Store::SCHEMA_VERSION).unwrap());
    assert_eq!(first[0], "0001_foundation");
    assert_eq!(second, Vec::<String>::new());
    store.check_schema().await.unwrap();
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn migrating_from_several_servers_at_once_applies_each_step_once(#[case] backend: Backend) {
    let database = Database::create(backend).await;
    let options = StoreOptions { target: database.target(), mode: Mode::ReadWrite };
    let mut migrations = JoinSet::new();
    for _ in 0..4 {
        let store = Store::open(&options, system_clock()).await.unwrap();
        migrations.spawn(async move { store.migrate().await });
    }

    let applied = migrations.join_all().await;

    let names: Vec<String> = applied.into_iter().flat_map(Result::unwrap).collect();
    assert_eq!(names.len(), usize::try_from(Store::SCHEMA_VERSION).unwrap(), "{names:?}");
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_migration_that_was_changed_is_refused(#[case] backend: Backend) {
    let world = World::open(backend).await;
    world.database.execute("UPDATE schema_migrations SET checksum = 'x' WHERE version = 1").await;

    let outcome = world.store.migrate().await;

    assert!(
        matches!(&outcome, Err(StoreError::MigrationChanged(name)) if name == "0001_foundation"),
        "{outcome:?}"
    );
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_newer_schema_will_do_and_an_older_one_will_not(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let newer = "INSERT INTO schema_migrations (version, name, checksum, applied) VALUES (99, 'n', 'c', 0)";

    world.database.execute(newer).await;
    let on_newer = world.store.check_schema().await;
    world.database.execute("DELETE FROM schema_migrations").await;
    let on_older = world.store.check_schema().await;

    assert!(on_newer.is_ok(), "{on_newer:?}");
    assert!(matches!(on_older, Err(StoreError::Schema { found: 0, needed: Store::SCHEMA_VERSION })));
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_creates_are_all_stored_with_their_changes(#[case] backend: Backend) {
    let world = Arc::new(World::open(backend).await);
    let mut calls = JoinSet::new();
    for _ in 0..64 {
        let world = Arc::clone(&world);
        calls.spawn(async move { text(&world.post(ALEX, FIXTURE).await.created(), "/id").to_owned() });
    }

    let mut answered = calls.join_all().await;

    answered.sort();
    let mut stored: Vec<String> = world.stored().await.iter().map(|it| it.id.to_string()).collect();
    stored.sort();
    assert_eq!(stored, answered);
    let log = world.log().await;
    let positions: Vec<u64> = log.iter().map(|it| it.position).collect();
    assert_eq!(positions, (1..=64).collect::<Vec<_>>());
    assert_eq!(verify(&world.store).await.unwrap().problems, Vec::<String>::new());
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_store_for_reading_reads_and_takes_no_writes(#[case] backend: Backend) {
    let world = World::open(backend).await;
    world.post(ALEX, FIXTURE).await.created();
    let reader = world.open_store(Mode::ReadOnly).await;

    let stored = reader.list_stored(everything(), Uuid::nil(), 10).await.unwrap();

    assert_eq!(stored.len(), 1);
    assert!(reader.put_setting("public_url", "https://other.example").await.is_err());
    assert!(reader.migrate().await.is_err());
    let (referral, document) = another(&stored[0].stored.document);
    let mut commit = Commit::new();
    commit
        .insert_referral(ReferralState { referral: &referral, document: &document, version: 1 }, &inserted());
    assert!(reader.commit(commit).await.is_err());
    assert_eq!(world.stored().await.len(), 1);
    assert_eq!(world.store.find_setting("public_url").await.unwrap(), None);
}

#[tokio::test]
async fn reading_a_file_that_is_not_there_makes_none() {
    let database = Database::create(Backend::Sqlite).await;
    let options = StoreOptions { target: database.target(), mode: Mode::ReadOnly };

    let outcome = Store::open(&options, system_clock()).await;

    assert!(matches!(outcome, Err(StoreError::Missing { .. })));
    assert!(!database.path().exists());
}

/// Returns a copy of a document under new ids.
fn another(document: &str) -> (Referral, String) {
    let mut referral = Referral::from_document(document).unwrap();
    referral.id = Uuid::from_u128(7);
    referral.engagement_id = Uuid::from_u128(8);
    let document = referral.to_document();
    (referral, document)
}

fn inserted() -> Inserted {
    Inserted {
        inviter: OrganizationId::parse(CONTOSO).unwrap(),
        inviter_mpn_id: None,
        creator_id: Uuid::from_u128(9),
    }
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_commit_from_an_old_version_conflicts_and_leaves_nothing_behind(#[case] backend: Backend) {
    let world = World::open(backend).await;
    world.post(ALEX, FIXTURE).await.created();
    let stored = world.stored().await.remove(0);
    let referral = Referral::from_document(&stored.document).unwrap();
    let (other, other_document) = another(&stored.document);
    let write = |from_version| {
        let mut commit = Commit::new();
        let state = ReferralState { referral: &other, document: &other_document, version: 1 };
        commit.insert_referral(state, &inserted());
        let state =
            ReferralState { referral: &referral, document: &stored.document, version: from_version + 1 };
        commit.update_referral(state, &referral, from_version);
        commit
    };

    let stale = world.store.commit(write(2)).await;
    let nothing = world.stored().await.len();
    let current = world.store.commit(write(1)).await;
    let twice = world.store.commit(write(1)).await;

    assert!(matches!(stale, Err(StoreError::Conflict(Conflict::Version))), "{stale:?}");
    assert_eq!(nothing, 1);
    assert!(current.is_ok(), "{current:?}");
    assert!(matches!(twice, Err(StoreError::Conflict(Conflict::Party))), "{twice:?}");
    let versions: Vec<u32> = world.stored().await.iter().map(|it| it.version).collect();
    assert_eq!(versions.iter().filter(|it| **it == 2).count(), 1, "{versions:?}");
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_racing_connects_one_wins_whole(#[case] backend: Backend) {
    let world = Arc::new(World::open(backend).await);
    let own = world.post(ALEX, own_deal()).await.created();
    let connect = edited(to_location("msft"), &[("/engagementId", own["engagementId"].clone())]);
    let mut calls = JoinSet::new();
    for number in 0..12 {
        let (world, connect) = (Arc::clone(&world), connect.to_string());
        calls.spawn(async move {
            // Every other call is to be remembered, and must be forgotten when it loses.
            let key = format!("k-{number}");
            let headers = [("idempotency-key", key.as_str())];
            world.post_with(ALEX, &headers[..number % 2], connect).await
        });
    }

    let answers = calls.join_all().await;

    let won = answers.iter().filter(|it| it.status == StatusCode::OK).count();
    assert_eq!(won, 1);
    for lost in answers.iter().filter(|it| it.status != StatusCode::OK) {
        assert_eq!(lost.status, StatusCode::CONFLICT, "{}", lost.text());
        assert_eq!(lost.json()["error"]["code"], "resourceModified");
    }
    assert_eq!(world.stored().await.len(), 2);
    assert_eq!(world.log().await.len(), 3);
    assert!(world.database.count("idempotency").await <= 1);
    let own = world.get(ALEX, text(&own, "/id")).await;
    assert!(own.header("etag").starts_with("\"00000002-"), "{}", own.header("etag"));
    assert_eq!(verify(&world.store).await.unwrap().problems, Vec::<String>::new());
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn connecting_several_parties_at_once_loses_none(#[case] backend: Backend) {
    let world = Arc::new(World::open(backend).await);
    world.add_northwind().await;
    let own = world.post(ALEX, own_deal()).await.created();
    let mut calls = JoinSet::new();
    for location in ["msft", "fab00001-0000-4000-8000-000000000001", "0e0e0e0e-0000-4000-8000-000000000011"] {
        let connect = edited(to_location(location), &[("/engagementId", own["engagementId"].clone())]);
        let world = Arc::clone(&world);
        calls.spawn(async move { world.post(ALEX, connect).await });
    }

    let answers = calls.join_all().await;

    for answer in answers {
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    }
    assert_eq!(world.stored().await.len(), 4);
    assert_eq!(world.log().await.len(), 5, "the own record becomes Shared once");
    assert_eq!(verify(&world.store).await.unwrap().problems, Vec::<String>::new());
}
