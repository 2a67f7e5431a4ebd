//! Groups at the same time: none is stored in part, and none is lost.

use std::{collections::BTreeSet, sync::Arc};

use rstest::rstest;
use serde_json::json;
use tokio::task::JoinSet;

use super::*;

/// How many groups run at once.
const GROUPS: usize = 12;

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test(flavor = "multi_thread")]
async fn groups_on_the_same_records_follow_each_other(#[case] backend: Backend) {
    let world = Arc::new(World::open(backend).await);
    let ids = [own(&world).await, own(&world).await, own(&world).await];
    let replica = match backend {
        Backend::Sqlite => None,
        Backend::Postgres => Some(Arc::new(world.replica().await)),
    };
    let mut running = JoinSet::new();
    for number in 0..GROUPS {
        let (world, replica, mut ids) = (Arc::clone(&world), replica.clone(), ids.clone());
        // Some write the records in another order.
        ids.rotate_left(number % 3);
        if number % 2 == 1 {
            ids.reverse();
        }
        running.spawn(async move {
            let change = |id: &String| {
                let request =
                    patch(id, format!("referrals/{id}"), "/details/notes", json!(number.to_string()));
                edited(request, &[("/atomicityGroup", json!("g"))])
            };
            let requests = json!(ids.iter().map(change).collect::<Vec<_>>());
            match replica.filter(|_| number % 4 == 0) {
                Some(replica) => batch(&replica, ALEX, requests).await,
                None => batch(&world, ALEX, requests).await,
            }
        });
    }
    while let Some(answer) = running.join_next().await {
        assert_eq!(statuses(&answer.unwrap()), [204, 204, 204]);
    }

    let stored = world.stored().await;
    assert!(stored.iter().all(|it| usize::try_from(it.version).unwrap() == GROUPS + 1));
    let mut all = BTreeSet::new();
    for id in &ids {
        all.insert(notes(&world, id).await.to_string());
    }
    assert_eq!(all.len(), 1, "the last group wrote all of them");
    assert_eq!(world.log().await.len(), 3 + 3 * GROUPS);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test(flavor = "multi_thread")]
async fn of_groups_that_start_from_one_version_one_is_stored(#[case] backend: Backend) {
    let world = Arc::new(World::open(backend).await);
    let ids = [own(&world).await, own(&world).await];
    let etag = world.get(ALEX, &ids[0]).await.header("etag").to_owned();
    let mut running = JoinSet::new();
    for number in 0..GROUPS {
        let (world, ids, etag) = (Arc::clone(&world), ids.clone(), etag.clone());
        running.spawn(async move {
            let group = [
                patch("free", format!("referrals/{}", ids[1]), "/details/notes", json!(number.to_string())),
                edited(
                    patch(
                        "bound",
                        format!("referrals/{}", ids[0]),
                        "/details/notes",
                        json!(number.to_string()),
                    ),
                    &[("/headers", json!({"if-match": etag}))],
                ),
                post("new", "referrals", own_deal()),
            ];
            batch(&world, ALEX, json!(grouped("g", group))).await
        });
    }
    let mut outcomes = Vec::new();
    while let Some(answer) = running.join_next().await {
        outcomes.push(statuses(&answer.unwrap()));
    }
    outcomes.sort();

    assert_eq!(outcomes[0], [204, 204, 200]);
    assert!(outcomes[1..].iter().all(|it| *it == [424, 412, 424]), "{outcomes:?}");
    assert_eq!(notes(&world, &ids[0]).await, notes(&world, &ids[1]).await);
    assert_eq!(world.stored().await.len(), 3);
    assert_eq!(world.log().await.len(), 5);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test(flavor = "multi_thread")]
async fn of_groups_that_invite_the_same_parties_one_is_stored(#[case] backend: Backend) {
    let world = World::open(backend).await;
    world.add_northwind().await;
    let deals = [world.post(ALEX, own_deal()).await.created(), world.post(ALEX, own_deal()).await.created()];
    let world = Arc::new(world);
    let mut running = JoinSet::new();
    for number in 0..GROUPS {
        let (world, mut deals) = (Arc::clone(&world), deals.clone());
        if number % 2 == 1 {
            deals.reverse();
        }
        running.spawn(async move {
            let invite = |id: &str, location: &str, deal: &Value| {
                post(id, "referrals", invitation(location, &deal["engagementId"]))
            };
            let group = [
                invite("1", FABRIKAMS, &deals[0]),
                invite("2", NORTHWINDS, &deals[1]),
                invite("3", NORTHWINDS, &deals[0]),
                invite("4", FABRIKAMS, &deals[1]),
            ];
            batch(&world, ALEX, json!(grouped("g", group))).await
        });
    }
    let mut outcomes = Vec::new();
    while let Some(answer) = running.join_next().await {
        outcomes.push(statuses(&answer.unwrap()));
    }
    outcomes.sort();

    assert_eq!(outcomes[0], [200; 4], "{outcomes:?}");
    // Which of the invitations it is that has come too late depends on when a group looks.
    for late in &mut outcomes[1..] {
        late.sort_unstable();
        assert_eq!(*late, [409, 424, 424, 424]);
    }
    assert_eq!(world.stored().await.len(), 6);
    assert_eq!(world.log().await.len(), 2 + 4 + 2);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test(flavor = "multi_thread")]
async fn twins_of_a_group_have_one_effect(#[case] backend: Backend) {
    let world = Arc::new(World::open(backend).await);
    let replica = match backend {
        Backend::Sqlite => None,
        Backend::Postgres => Some(Arc::new(world.replica().await)),
    };
    let mut running = JoinSet::new();
    for number in 0..GROUPS {
        let (world, replica) = (Arc::clone(&world), replica.clone());
        running.spawn(async move {
            let keyed = |id: &str| {
                edited(post(id, "referrals", own_deal()), &[("/headers", json!({"Idempotency-Key": id}))])
            };
            let requests = json!(grouped("g", [keyed("a"), keyed("b")]));
            match replica.filter(|_| number % 2 == 0) {
                Some(replica) => batch(&replica, ALEX, requests).await,
                None => batch(&world, ALEX, requests).await,
            }
        });
    }
    let mut made = BTreeSet::new();
    while let Some(answer) = running.join_next().await {
        let answer = answer.unwrap();
        match statuses(&answer).as_slice() {
            [200, 200] => drop(
                made.insert(parts(&answer).iter().map(|it| it.json()["id"].to_string()).collect::<Vec<_>>()),
            ),
            [409, 424] => assert_eq!(parts(&answer)[0].code(), "idempotencyTwinInFlight"),
            other => panic!("{other:?}: {}", answer.text()),
        }
    }

    assert_eq!(made.len(), 1);
    assert_eq!(world.stored().await.len(), 2);
}
