//! The time that a receiver has to answer: what it means before the server has closed the record.

use rstest::rstest;

use super::*;

const DAY: i64 = 24 * 60 * 60;

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn nobody_answers_after_the_deadline_though_the_record_is_open_still(#[case] backend: Backend) {
    let world = open(backend).await;
    let deal = invite(&world).await;
    let before = read(&world, FAY, &deal.id).await;
    assert_eq!(text(&before, "/expirationDateTime"), "2026-12-06T00:00:00Z");
    // From 09:30 on 22 November to a moment before midnight on 6 December, and past it.
    world.advance_secs(13 * DAY + 14 * 60 * 60 + 29 * 60 + 59);
    let in_time = world.get_path(FAY, &format!("{REFERRALS}/{}/actions", deal.id), &[]).await.created();
    world.advance_secs(1);

    let accepted = world.act(FAY, &deal.id, "accept", "").await;
    let by_patch = world.patch(FAY, &deal.id, &[], to_state("Active", "Accepted")).await;
    let by_put =
        put_now(&world, FAY, &deal.id, &[("/status", "Active".into()), ("/substatus", "Accepted".into())])
            .await;
    let declined = world.act(FAY, &deal.id, "decline", json!({"statusReason": REASON})).await;
    let opened = world.act(FAY, &deal.id, "open", "").await;
    let withdrawn = world.act(ALEX, &deal.id, "withdraw", "").await;
    let late = world.get_path(FAY, &format!("{REFERRALS}/{}/actions", deal.id), &[]).await.created();

    for answer in [&accepted, &by_put, &declined, &opened, &withdrawn] {
        assert_eq!(refusal(answer), ["400 invalidStatusTransition deadline /status"]);
        assert!(answer.text().contains("2026-12-06T00:00:00Z"), "{}", answer.text());
    }
    assert_eq!(refusal(&by_patch), ["400 invalidStatusTransition deadline /0/value"]);
    assert_eq!(read(&world, FAY, &deal.id).await, before);
    let rule_of = |said: &Value, action: &str| {
        let rows = said["actions"].as_array().unwrap();
        rows.iter().find(|it| it["action"] == action).unwrap()["rule"].clone()
    };
    for action in ["open", "accept", "decline"] {
        assert_eq!(rule_of(&in_time, action), Value::Null);
        assert_eq!(rule_of(&late, action), "deadline");
    }
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn who_has_answered_has_no_deadline(#[case] backend: Backend) {
    let world = open(backend).await;
    let deal = bring(&world, "Accepted").await;
    world.advance_secs(30 * DAY);

    let won = world.act(FAY, &deal.id, "win", "").await.created();

    assert_eq!(won["acceptedDateTime"], START);
    assert_ne!(won["closedDateTime"], START);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn an_expired_record_keeps_the_deadline_that_closed_it(#[case] backend: Backend) {
    let world = open(backend).await;
    let deal = bring(&world, "Expired").await;

    let expired = read(&world, ALEX, &deal.id).await;

    assert_eq!((text(&expired, "/status"), text(&expired, "/substatus")), ("Closed", "Expired"));
    assert_eq!(expired["expirationDateTime"], expired["closedDateTime"]);
    assert_eq!(expired["acceptedDateTime"], Value::Null);
}
