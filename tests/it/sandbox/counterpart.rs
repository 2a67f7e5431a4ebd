//! The other side: what it does, when, and that it is an actor like any other.

use http::{Method, StatusCode};
use liaison::{
    domain::{change::Action, time::Timestamp},
    service::verify::verify,
};
use rstest::rstest;
use serde_json::json;

use super::*;
use crate::lifecycle::FABRIKAMS;

const MSFT: &str = "/sandbox/counterparts/msft";

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn one_deal_is_won_another_expires_and_a_third_is_declined_in_one_call(#[case] backend: Backend) {
    let world = World::sandbox(backend).await;
    let (own, won) = co_sell(&world, "Let us do this together. #win-after:3d").await;
    let (_, silent) = co_sell(&world, "#silent").await;
    let (_, declined) = co_sell(&world, "#decline-after:2h:\"not our market\"").await;

    let moved = advance(&world, "15 days").await;

    assert_eq!((&moved["acted"], &moved["expired"]), (&json!(3), &json!(1)), "{moved}");
    let won = read(&world, ALEX, &won).await;
    assert_eq!(text(&won, "/substatus"), "Won");
    assert_eq!(
        text(&won, "/acceptedDateTime"),
        "2026-11-22T09:31:00.1234567Z",
        "a minute, as Microsoft does"
    );
    assert_eq!(text(&won, "/closedDateTime"), "2026-11-25T09:31:00.1234567Z");
    let silent = read(&world, ALEX, &silent).await;
    assert_eq!(
        (text(&silent, "/substatus"), text(&silent, "/closedDateTime")),
        ("Expired", "2026-12-06T00:00:00Z")
    );
    let declined = read(&world, ALEX, &declined).await;
    assert_eq!(text(&declined, "/substatus"), "Declined");
    assert_eq!(text(&declined, "/closedDateTime"), "2026-11-22T11:30:00.1234567Z");
    assert_eq!(text(&declined, "/statusReason"), "not our market");
    // The caller's own deal is worked and won by the caller.
    assert_eq!(world.act(ALEX, text(&own, "/id"), "win", json!({})).await.status, StatusCode::OK);

    let log = world.log().await;
    assert!(log.is_sorted_by_key(|it| it.change.at), "what happened stands in the order of time");
    let acts: Vec<_> = log.iter().filter(|it| it.change.application_id == "liaison/counterpart").collect();
    assert_eq!(
        acts.iter().map(|it| it.change.action).collect::<Vec<_>>(),
        [Action::Accept, Action::Decline, Action::Win]
    );
    assert!(acts.iter().all(|it| it.change.actor_organization_id.is_msft()));
    assert_eq!(verify(&world.store).await.unwrap().problems, Vec::<String>::new());
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_script_is_set_followed_in_steps_and_taken_away(#[case] backend: Backend) {
    let world = World::sandbox(backend).await;
    let usual = ok(world.get_anonymously(MSFT).await);
    assert_eq!((&usual["play"], &usual["isDefault"]), (&json!("accept-after:1m"), &json!(true)));
    let fabrikam = format!("/sandbox/counterparts/{FABRIKAM}");
    let set = call(
        &world,
        Method::PUT,
        &fabrikam,
        json!({"play": "open-after:1h alternate-after:2h lose-after:1d"}),
    );
    assert_eq!(ok(set.await)["isDefault"], false);
    let mut invited = Vec::new();
    for _ in 0..2 {
        let own = world.post(ALEX, own_deal()).await.created();
        let connect = edited(to_location(FABRIKAMS), &[("/engagementId", own["engagementId"].clone())]);
        invited.push(world.post(ALEX, connect).await.created());
    }

    assert_eq!(advance(&world, "90 minutes").await["acted"], 2);
    for it in &invited {
        assert_eq!(text(&read(&world, ALEX, it).await, "/substatus"), "Received");
    }
    let plans = ok(world.get_anonymously("/sandbox/plans").await);
    let plan = |place: usize| {
        let it = &plans["value"][place];
        (text(it, "/referralId").to_owned(), text(it, "/action").to_owned(), text(it, "/due").to_owned())
    };
    let of = |place: usize| text(&invited[place], "/id").to_owned();
    let mut two = [plan(0), plan(1)];
    two.sort_by_key(|it| it.1.clone());
    let due = "2026-11-22T11:30:00.1234567Z".to_owned();
    assert_eq!(two, [(of(0), "accept".to_owned(), due.clone()), (of(1), "decline".to_owned(), due)]);
    // Somebody who acts first leaves the counterpart nothing to do.
    assert_eq!(world.act(FAY, &of(1), "accept", json!({})).await.status, StatusCode::OK);
    assert_eq!(advance(&world, "2 days").await["acted"], 2);
    let lost = read(&world, ALEX, &invited[0]).await;
    assert_eq!(
        (text(&lost, "/substatus"), text(&lost, "/closedDateTime")),
        ("Lost", "2026-11-23T11:30:00.1234567Z")
    );
    assert_eq!(text(&read(&world, ALEX, &invited[1]).await, "/substatus"), "Accepted");

    assert_eq!(ok(call(&world, Method::DELETE, &fabrikam, json!(null)).await)["play"], "silent");
    let listed = ok(world.get_anonymously("/sandbox/counterparts").await);
    assert_eq!(listed["value"].as_array().unwrap().len(), 3);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn what_cannot_be_played_is_refused_and_changes_nothing(#[case] backend: Backend) {
    let world = World::sandbox(backend).await;
    for (body, problems) in [
        (json!({"play": "acept win-after:soon"}), &["invalidValue /play", "invalidValue /play"][..]),
        (json!({"play": "accept decline"}), &["invalidValue /play"]),
        (json!({"play": 7, "plan": 1}), &["invalidValue /plan", "invalidValue /play"]),
        (json!({}), &["requiredFieldMissing /play"]),
        (json!([]), &["invalidValue "]),
    ] {
        let answer = call(&world, Method::PUT, MSFT, body.clone()).await;
        assert_eq!(
            (answer.status, answer.problems()),
            (StatusCode::BAD_REQUEST, problems.iter().map(|it| (*it).to_owned()).collect()),
            "{body}"
        );
    }
    let unknown = call(&world, Method::PUT, "/sandbox/counterparts/nobody", json!({"play": "accept"})).await;
    assert_eq!(unknown.json()["error"]["innerError"]["code"], "organizationNotFound");
    let plain = with_headers(Method::PUT, MSFT, &[]).body("{\"play\":\"silent\"}".into()).unwrap();
    assert_eq!(world.send(plain).await.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert_eq!(ok(world.get_anonymously(MSFT).await)["isDefault"], true);
    // Nowhere but in a sandbox.
    let elsewhere = World::open(backend).await;
    for path in [MSFT, "/sandbox/plans", "/sandbox/generator", "/sandbox/snapshots", "/sandbox/reset"] {
        assert_eq!(
            elsewhere.get_anonymously(path).await.json()["error"]["innerError"]["code"],
            "pathUnknown",
            "{path}"
        );
    }
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_clock_is_held_set_and_let_go(#[case] backend: Backend) {
    let world = World::sandbox(backend).await;
    let (_, invited) = co_sell(&world, "#accept-after:1d").await;
    let put = async |body| ok(call(&world, Method::POST, CLOCK, body).await);

    let held = put(json!({"frozen": true})).await;
    world.advance_secs(3600);
    assert_eq!((&held["now"], &held["frozen"]), (&json!(START), &json!(true)));
    assert_eq!(ok(world.get_anonymously(CLOCK).await)["now"], START, "it stands while the system's goes on");
    let set = put(json!({"set": "2026-11-24T00:00:00Z"})).await;
    assert_eq!(
        (&set["now"], &set["acted"], &set["frozen"]),
        (&json!("2026-11-24T00:00:00Z"), &json!(1), &json!(true))
    );
    assert_eq!(
        text(&read(&world, ALEX, &invited).await, "/acceptedDateTime"),
        "2026-11-23T09:30:00.1234567Z"
    );
    let replica = world.replica().await;
    assert_eq!(
        ok(replica.get_anonymously(CLOCK).await)["now"],
        "2026-11-24T00:00:00Z",
        "and after a restart"
    );
    let back = call(&world, Method::POST, CLOCK, json!({"set": "2026-11-23"})).await;
    assert_eq!(
        (back.status, back.problems()),
        (StatusCode::BAD_REQUEST, vec!["invalidValue /set".to_owned()])
    );
    put(json!({"frozen": false})).await;
    world.advance_secs(60);
    let now = Timestamp::parse(text(&ok(world.get_anonymously(CLOCK).await), "/now")).unwrap();
    assert_eq!(now.to_string(), "2026-11-24T00:01:00Z");
}
