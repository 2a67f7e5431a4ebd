//! Pages of the feed.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use http::{Method, StatusCode};
use rstest::rstest;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::{FEED, ids, offered, own, page, read_all, read_on, revise, told};
use crate::{lifecycle::FABRIKAMS, log::begin_slow_change, world::*};

/// A deal of Contoso's own that Fabrikam joins and accepts, and one that Fabrikam alone has.
pub(super) async fn joint_history(world: &World) -> Value {
    let deal = world.post(ALEX, own_deal()).await.created();
    let join = edited(to_location(FABRIKAMS), &[("/engagementId", deal["engagementId"].clone())]);
    let joined = world.post(ALEX, join).await.created();
    world.advance_secs(60);
    world.act(FAY, text(&joined, "/id"), "accept", json!({})).await.created();
    revise(world, ALEX, text(&deal, "/id"), "more").await;
    let solo = edited(own_deal(), &[("/name", "Fabrikam's own".into())]);
    world.post(FAY, solo).await.created();
    deal
}

/// Lists what the histories of all records tell a caller, by the id of the change.
async fn histories(world: &World, email: &str) -> BTreeMap<String, Value> {
    let list = world.get_path(email, REFERRALS, &[]).await.json();
    let mut changes = BTreeMap::new();
    for referral in list["value"].as_array().unwrap() {
        let path = format!("{REFERRALS}/{}/changes", text(referral, "/id"));
        for change in world.get_path(email, &path, &[]).await.json()["value"].as_array().unwrap() {
            changes.insert(text(change, "/id").to_owned(), change.clone());
        }
    }
    changes
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn the_feed_tells_what_the_histories_of_all_records_tell(#[case] backend: Backend) {
    let world = World::open(backend).await;
    world.add_northwind().await;
    joint_history(&world).await;
    let shown = edited(own_deal(), &[("/consent/consentToShareReferralWithMicrosoftSellers", json!(true))]);
    world.post(ALEX, shown).await.created();
    world.post(UMA, edited(own_deal(), &[("/team/0/email", json!(UMA))])).await.created();
    world.post(ALEX, fixture()).await.created();

    for (email, count) in [(ALEX, 8), (FAY, 6), (MIA, 1), (UMA, 1), (UGO, 0), (NORA, 0)] {
        let entries = read_all(&world, email, "limit=2").await;
        let histories = histories(&world, email).await;

        assert_eq!(entries.len(), count, "{email}: {:?}", told(&entries));
        assert_eq!(histories.len(), count, "{email}");
        for entry in &entries {
            let change = &histories[text(entry, "/id")];
            for member in ["referralId", "organizationId", "action", "at", "actor"] {
                assert_eq!(entry[member], change[member], "{email} {member}");
            }
            assert_eq!(entry["eTag"], change["toETag"]);
            let link = format!("{PUBLIC_URL}{REFERRALS}/{}", text(entry, "/referralId"));
            assert_eq!(text(entry, "/resource"), link);
        }
    }
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn each_side_is_told_of_its_own_and_of_related_records(#[case] backend: Backend) {
    let world = World::open(backend).await;
    joint_history(&world).await;
    // Contoso has no record of its own beside the one that it makes for Fabrikam.
    offered(&world).await;

    let (contoso, fabrikam) = (read_all(&world, ALEX, "").await, read_all(&world, FAY, "").await);

    let contoso_expected = [
        ("referral-created", "create"),
        ("referral-updated", "share"),
        ("related-referral-created", "create"),
        ("related-referral-updated", "accept"),
        ("referral-updated", "revise"),
        ("referral-created", "create"),
    ];
    let fabrikam_expected = [
        ("related-referral-created", "create"),
        ("related-referral-updated", "share"),
        ("referral-created", "create"),
        ("referral-updated", "accept"),
        ("related-referral-updated", "revise"),
        ("referral-created", "create"),
        ("referral-created", "create"),
    ];
    // Records that one call writes come in either order.
    for (entries, expected) in [(&contoso, &contoso_expected[..]), (&fabrikam, &fabrikam_expected)] {
        let (mut told, mut expected) = (told(entries), expected.to_vec());
        told.sort_unstable();
        expected.sort_unstable();
        assert_eq!(told, expected);
    }
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_caller_says_what_it_wants(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let deal = joint_history(&world).await;

    let updates = read_all(&world, ALEX, "events=Related-Referral-Updated,referral-updated&limit=1").await;
    let wanted = format!("engagementId={}&include=referral", text(&deal, "/engagementId"));
    let followed = read_all(&world, FAY, &wanted).await;
    let (latest, cursor) = read_on(&world, ALEX, "since=latest", String::new()).await;

    assert!(updates.iter().all(|it| text(it, "/event").ends_with("updated")), "{:?}", told(&updates));
    assert_eq!(updates.len(), 3);
    assert_eq!(followed.len(), 5);
    for entry in &followed {
        let record = world.get(FAY, text(entry, "/referralId")).await.json();
        assert_eq!(entry["referral"], without(record, "/@odata.context"), "as it is read by id");
    }
    assert!(read_all(&world, FAY, "").await.iter().all(|it| it.get("referral").is_none()));
    assert_eq!(latest, Vec::<Value>::new());
    let id = own(&world, "Later").await;
    world.store.settle().await.unwrap();
    let (later, _) = read_on(&world, ALEX, "", cursor).await;
    assert_eq!(ids(&later), [id]);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_cursor_serves_whom_it_was_given_to_and_tells_nothing(#[case] backend: Backend) {
    let world = World::open(backend).await;
    own(&world, "One").await;
    let before = read_all(&world, ALEX, "").await;
    for number in 0..11 {
        own(&world, &format!("Deal {number}")).await;
    }
    let entries = read_all(&world, ALEX, "").await;
    let cursor = text(&entries[3], "/cursor").to_owned();

    let lengths: BTreeSet<usize> =
        entries.iter().chain(&before).map(|it| text(it, "/cursor").len()).collect();
    assert_eq!(lengths.len(), 1, "a length would tell how far the log has come");
    assert_ne!(before[0]["cursor"], entries[0]["cursor"]);
    let (rest, _) = read_on(&world, ALEX, "limit=3", cursor.clone()).await;
    assert_eq!(ids(&rest), ids(&entries[4..]));
    for (email, since) in [(UMA, cursor.as_str()), (MIA, &cursor), (ALEX, "x"), (ALEX, ""), (ALEX, "4")] {
        let answer = world.get_path(email, &format!("{FEED}?since={since}"), &[]).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{email} {since}");
        assert_eq!(answer.json()["error"]["innerError"]["code"], "invalidPageToken");
    }
    let wrong = world.get_path(ALEX, &format!("{FEED}?events=x,y&limit=0&$filter=z"), &[]).await;
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
    let targets: Vec<_> = wrong.problems();
    let expected = ["events", "events", "limit", "$filter"].map(|it| format!("invalidQueryOption {it}"));
    assert_eq!(targets, expected);
    // An older copy of the database does not reach as far.
    let (table, condition) = match backend {
        Backend::Sqlite => ("changes", "position > 2"),
        Backend::Postgres => ("change_positions", "position > 2"),
    };
    world.database.execute(&format!("DELETE FROM {table} WHERE {condition}")).await;
    let gone = world.get_path(ALEX, &format!("{FEED}?since={cursor}"), &[]).await;
    assert_eq!(gone.status, StatusCode::GONE, "{}", gone.text());
    assert_eq!(gone.json()["error"]["innerError"]["code"], "resyncRequired");
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn what_is_out_of_sight_is_not_told(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let deal = world.post(ALEX, own_deal()).await.created();
    let id = text(&deal, "/id");
    let member = json!({"email": UMA, "firstName": "Uma", "lastName": "User", "phoneNumber": "1"});
    let join = json!([{"op": "add", "path": "/team/-", "value": member}]);
    assert!(world.patch(ALEX, id, &[], join).await.status.is_success());
    assert_eq!(read_all(&world, UMA, "").await.len(), 2);

    let leave = json!([{"op": "replace", "path": "/team", "value": deal["team"]}]);
    assert!(world.patch(ALEX, id, &[], leave).await.status.is_success());
    let (uma, alex) = (read_all(&world, UMA, "").await, read_all(&world, ALEX, "").await);

    assert_eq!((uma.len(), alex.len()), (0, 3));
    super::set_roles(&world, UMA, &["account-admin"]).await;
    assert_eq!(world.get_path(UMA, FEED, &[]).await.status, StatusCode::FORBIDDEN);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_is_missed_and_nothing_repeats_while_others_write(#[case] backend: Backend) {
    const WRITERS: usize = 4;
    const EACH: usize = 12;
    let world = Arc::new(World::open(backend).await);
    let replica = match backend {
        Backend::Sqlite => None,
        Backend::Postgres => Some(Arc::new(world.replica().await)),
    };
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let (world, replica) = (Arc::clone(&world), replica.clone());
        writers.spawn(async move {
            let mut made = Vec::new();
            for number in 0..EACH {
                let name = format!("Deal {writer} {number}");
                made.push(match &replica {
                    Some(replica) if writer % 2 == 0 => own(replica, &name).await,
                    _ => own(&world, &name).await,
                });
            }
            made
        });
    }

    let (mut entries, mut cursor) = (Vec::new(), String::new());
    while !writers.is_empty() || entries.len() < WRITERS * EACH {
        let (some, next) = read_on(&world, ALEX, "limit=3", cursor).await;
        entries.extend(some);
        cursor = next;
        if let Some(Ok(_)) = writers.try_join_next() {
            world.store.settle().await.unwrap();
        }
        tokio::task::yield_now().await;
    }

    let logged = world.log().await;
    let expected: Vec<String> = logged.iter().map(|it| it.change.id.to_string()).collect();
    let read: Vec<&str> = entries.iter().map(|it| text(it, "/id")).collect();
    assert_eq!(read, expected);
}

#[tokio::test]
async fn a_slow_transaction_is_not_passed_over() {
    let world = World::open(Backend::Postgres).await;
    let first = own(&world, "First").await;
    world.store.settle().await.unwrap();
    let (_, cursor) = read_on(&world, ALEX, "", String::new()).await;
    // A transaction that took its number first, and commits last.
    let slow = begin_slow_change(&world).await;
    let second = own(&world, "Second").await;
    world.store.settle().await.unwrap();
    let (entries, cursor) = read_on(&world, ALEX, "", cursor).await;
    assert_eq!(ids(&entries), [second]);

    slow.batch_execute("COMMIT").await.unwrap();
    world.store.settle().await.unwrap();
    let (late, _) = read_on(&world, ALEX, "", cursor).await;

    assert_eq!(ids(&late), [first]);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_page_is_the_same_by_the_address_of_webhooks(#[case] backend: Backend) {
    let world = World::open(backend).await;
    own(&world, "One").await;
    world.store.settle().await.unwrap();
    let expected = page(&world, ALEX, "").await;

    let token = world.token_for(ALEX, PARTNER_CENTER).await;
    let headers = [("authorization", &*format!("Bearer {token}"))];
    let request = with_headers(Method::GET, "/engagements/v1/referrals/changes/", &headers);
    let answer = world.send(request.body(axum::body::Body::empty()).unwrap()).await.json();

    assert_eq!(ids(answer["value"].as_array().unwrap()), ids(expected["value"].as_array().unwrap()));
}
