//! What a move of the lifecycle asks for beside the right state: a reason, both halves of the state, the right side.

use http::Method;
use liaison::domain::organization::{LocationScope, Role};
use rstest::rstest;

use super::*;

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn lost_and_declined_want_their_reason_in_the_same_request(#[case] backend: Backend) {
    let world = open(backend).await;
    for (from, action, status, substatus) in
        [("Pending", "decline", "Closed", "Declined"), ("Accepted", "lose", "Closed", "Lost")]
    {
        let deal = bring(&world, from).await;
        // A reason that is there already (the documented call brings one) is that of somebody else.
        let before = read(&world, FAY, &deal.id).await;
        assert!(!text(&before, "/statusReason").is_empty());
        let without = json!([
            {"op": "replace", "path": "/status", "value": status},
            {"op": "replace", "path": "/substatus", "value": substatus},
        ]);
        let state = [("/status", status.into()), ("/substatus", substatus.into())];
        let removed = [&state[..], &[("/statusReason", Value::Null)]].concat();

        let answers = [
            world.act(FAY, &deal.id, action, "").await,
            world.act(FAY, &deal.id, action, json!({"statusReason": null})).await,
            world.act(FAY, &deal.id, action, json!({"statusReason": "  "})).await,
            world.patch(FAY, &deal.id, &[], without).await,
            put_now(&world, FAY, &deal.id, &removed).await,
        ];

        for answer in answers {
            assert_eq!(refusal(&answer), ["400 requiredFieldMissing required /statusReason"], "{action}");
        }
        assert_eq!(read(&world, FAY, &deal.id).await, before);
        let done = world.act(FAY, &deal.id, action, json!({"StatusReason": REASON})).await.created();
        assert_eq!((text(&done, "/substatus"), text(&done, "/statusReason")), (substatus, REASON));
    }
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_reason_that_is_sent_again_is_a_reason(#[case] backend: Backend) {
    let world = open(backend).await;
    let deal = bring(&world, "Accepted").await;
    let reason = read(&world, FAY, &deal.id).await["statusReason"].clone();

    let edits = [("/status", "Closed".into()), ("/substatus", "Lost".into()), ("/statusReason", reason)];
    let lost = put_now(&world, FAY, &deal.id, &edits).await.created();

    assert_eq!(lost["substatus"], "Lost");
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn status_and_substatus_go_together_and_forwards(#[case] backend: Backend) {
    let world = open(backend).await;
    for (from, status, substatus) in [
        // One half only, and halves that do not belong together.
        ("Pending", "Active", "Pending"),
        ("Pending", "Closed", "Pending"),
        ("Pending", "New", "Accepted"),
        ("Accepted", "Closed", "Accepted"),
        ("Accepted", "Active", "Won"),
        ("Accepted", "New", "Won"),
        ("Accepted", "Active", "Received"),
        // Backwards.
        ("Received", "New", "Pending"),
        ("Accepted", "New", "Pending"),
        ("Accepted", "New", "Received"),
        // What only others do.
        ("Pending", "Closed", "Expired"),
        ("Accepted", "Closed", "Expired"),
        ("Accepted", "Closed", "Declined"),
        // No state at all.
        ("Accepted", "None", "None"),
    ] {
        let deal = bring(&world, from).await;
        let before = read(&world, FAY, &deal.id).await;
        let operations = to_state(status, substatus);
        let edits = [("/status", status.into()), ("/substatus", substatus.into())];

        let patched = world.patch(FAY, &deal.id, &[], operations).await;
        let put = put_now(&world, FAY, &deal.id, &edits).await;

        let said = format!("{from} to {status}/{substatus}");
        assert_eq!(refusal(&patched), ["400 invalidStatusTransition transition /0/value"], "{said}");
        assert_eq!(refusal(&put), ["400 invalidStatusTransition transition /status"], "{said}");
        let allowed = put.json()["error"]["details"][0]["allowed"].clone();
        let expected = match from {
            "Pending" => {
                json!(["New/Pending", "New/Received", "Active/Accepted", "Closed/Declined", "Closed/Error"])
            }
            "Received" => json!(["New/Received", "Active/Accepted", "Closed/Declined", "Closed/Error"]),
            _ => json!(["Active/Accepted", "Closed/Won", "Closed/Lost", "Closed/Error"]),
        };
        assert_eq!(allowed, expected, "{said}");
        assert_eq!(read(&world, FAY, &deal.id).await, before, "{said}");
    }
    let deal = bring(&world, "Accepted").await;
    let half = world.patch(FAY, &deal.id, &[], replace("/substatus", "Won".into())).await;
    assert_eq!(
        refusal(&half),
        ["400 invalidStatusTransition transition /status"],
        "the half that is missing"
    );
    let no_word = world.patch(FAY, &deal.id, &[], to_state("Shut", "Won")).await;
    assert_eq!(refusal(&no_word)[0], "400 invalidValue vocabulary /0/value");
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn an_operator_can_let_deals_close_without_acceptance(#[case] backend: Backend) {
    let world = World::with(backend, |config| config.rules.close_from_new = true).await;
    world.add_northwind().await;
    for (from, action, substatus) in
        [("Pending", "win", "Won"), ("Received", "lose", "Lost"), ("Accepted", "win", "Won")]
    {
        let deal = bring(&world, from).await;
        let said = world.get_path(FAY, &format!("{REFERRALS}/{}/actions", deal.id), &[]).await.created();
        let rows = said["actions"].as_array().unwrap();
        assert!(rows.iter().any(|it| it["action"] == action && it["allowed"] == true), "{said}");

        let closed = world.patch(FAY, &deal.id, &[REPORTED], to_state("Closed", substatus)).await.created();

        assert_eq!(text(&closed, "/substatus"), substatus);
        assert_eq!(closed["acceptedDateTime"].is_null(), from != "Accepted");
        assert_eq!(closed["expirationDateTime"], Value::Null);
        assert_eq!(text(&closed, "/closedDateTime"), START);
    }
    let deal = bring(&world, "Accepted").await;
    let declined = world.act(FAY, &deal.id, "decline", json!({"statusReason": REASON})).await;
    assert_eq!(
        refusal(&declined),
        ["400 invalidStatusTransition transition /status"],
        "the rest stays strict"
    );
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn what_is_closed_stays_as_it_is_but_for_a_mark(#[case] backend: Backend) {
    let world = open(backend).await;
    for substatus in ["Won", "Lost", "Declined", "Expired", "Error"] {
        let deal = bring(&world, substatus).await;
        let before = read(&world, FAY, &deal.id).await;
        let paths = [
            "/name",
            "/details/notes",
            "/campaignId",
            "/externalReferenceId",
            "/salesStage",
            "/statusReason",
        ];
        for path in paths {
            let answer = world.patch(FAY, &deal.id, &[], replace(path, "x".into())).await;
            assert_eq!(
                answer.json()["error"]["innerError"]["code"],
                "referralClosed",
                "{path} of {substatus}"
            );
        }
        let unchanged = put_now(&world, FAY, &deal.id, &[]).await;
        let invited =
            json!({"invitations": [{"target": [{"type": "BusinessProfileLocation", "id": "msft"}]}]});
        let shared = world.act(FAY, &deal.id, "share", invited).await;
        assert_eq!(refusal(&unchanged), ["400 referralClosed closed /status"]);
        assert_eq!(refusal(&shared), ["400 referralClosed closed /status"]);
        assert_eq!(read(&world, FAY, &deal.id).await, before);

        for viewer in [FAY, ALEX, NORA] {
            let marked = world.patch(viewer, &deal.id, &[REPORTED], replace("/favorite", true.into())).await;
            assert_eq!(marked.created()["favorite"], true, "{viewer}");
            assert_eq!(read(&world, viewer, &deal.id).await["favorite"], true);
        }
        let after = read(&world, FAY, &deal.id).await;
        assert_eq!(version(&after), version(&before), "a mark is no version");
        assert_eq!(after["updatedDateTime"], before["updatedDateTime"]);
    }
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_mark_is_each_persons_own_and_no_change(#[case] backend: Backend) {
    let world = open(backend).await;
    let deal = invite(&world).await;
    let logged = world.database.count("changes").await;
    let mark = |value: bool| replace("/Favorite", value.into());

    let marked = world.patch(FAY, &deal.id, &[], mark(true)).await;
    let again = world.patch(FAY, &deal.id, &[REPORTED], mark(true)).await.created();

    assert_eq!(marked.status, StatusCode::NO_CONTENT);
    assert_eq!(again["@liaison.report"]["applied"], json!([]), "it was marked");
    assert_eq!(read(&world, FAY, &deal.id).await["favorite"], true);
    for other in [ALEX, NORA] {
        assert_eq!(read(&world, other, &deal.id).await["favorite"], false, "{other}");
    }
    world
        .add_user(FABRIKAM, "flo@fabrikam.example", &[Role::ReferralsAdmin], LocationScope::EntireCompany)
        .await;
    assert_eq!(read(&world, "flo@fabrikam.example", &deal.id).await["favorite"], false, "a colleague");
    world.patch(FAY, &deal.id, &[], mark(false)).await;
    assert_eq!(read(&world, FAY, &deal.id).await["favorite"], false);
    assert_eq!(world.database.count("changes").await, logged);
    let wrong = world.patch(FAY, &deal.id, &[], replace("/favorite", "yes".into())).await;
    assert_eq!(refusal(&wrong), ["400 invalidValue type /0/value"]);
    let both = json!([
        {"op": "replace", "path": "/favorite", "value": true},
        {"op": "replace", "path": "/name", "value": "Ours"},
    ]);
    let foreign = world.patch(ALEX, &deal.id, &[], &both).await;
    assert_eq!(refusal(&foreign), ["403 otherSide side referral"], "the mark does not carry the name along");
    assert_eq!(read(&world, ALEX, &deal.id).await["favorite"], false);
    let own = world.patch(FAY, &deal.id, &[REPORTED], both).await.created();
    assert_eq!((&own["favorite"], &own["name"]), (&json!(true), &json!("Ours")));
    assert_eq!(read(&world, FAY, &deal.id).await["favorite"], true);
}

/// Every write there is, with a body that has nothing right in it.
fn writes(id: &str) -> Vec<(Method, String, &'static str)> {
    let path = format!("{REFERRALS}/{id}");
    let mut writes = vec![
        (Method::PUT, path.clone(), "{}"),
        (Method::PUT, path.clone(), "{"),
        (Method::PATCH, path.clone(), "[]"),
        (Method::PATCH, path.clone(), r#"[{"op":"replace","path":"/id","value":1}]"#),
        (Method::PATCH, path.clone(), ""),
    ];
    for action in ["open", "accept", "decline", "win", "lose", "closeAsError", "share"] {
        writes.push((Method::POST, format!("{path}/{action}"), "{"));
        writes.push((Method::POST, format!("{path}/{action}"), "{}"));
    }
    writes
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn who_may_read_only_is_told_so_before_the_body_is_judged(#[case] backend: Backend) {
    let world = open(backend).await;
    let deal = invite(&world).await;
    let before = read(&world, FAY, &deal.id).await;
    for caller in [ALEX, NORA] {
        for (method, path, body) in writes(&deal.id) {
            let answer = world.send_json(method.clone(), caller, &path, &[], body).await;

            assert_eq!(refusal(&answer), ["403 otherSide side referral"], "{caller} {method} {path} {body}");
        }
    }
    let other = world.act(NORA, &deal.id, "withdraw", "").await;
    let owner = world.act(FAY, &deal.id, "withdraw", "").await;
    for answer in [other, owner] {
        assert_eq!(refusal(&answer), ["403 otherSide side referral"]);
        assert!(answer.text().contains("only the inviter may do that (withdraw)"), "{}", answer.text());
    }
    assert_eq!(read(&world, FAY, &deal.id).await, before);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_foreign_referral_and_one_that_does_not_exist_refuse_writes_alike(#[case] backend: Backend) {
    let world = open(backend).await;
    let deal = invite(&world).await;
    let nobodys = "99999999-9999-4999-8999-999999999999";
    let with_mark = |id: &str| {
        let mut writes = writes(id);
        let path = format!("{REFERRALS}/{id}");
        writes.push((Method::PATCH, path.clone(), r#"[{"op":"replace","path":"/favorite","value":true}]"#));
        writes.push((Method::POST, format!("{path}/withdraw"), ""));
        writes.push((Method::GET, format!("{path}/actions"), ""));
        writes
    };
    for (foreign, unknown) in with_mark(&deal.id).into_iter().zip(with_mark(nobodys)) {
        let said = format!("{} {}", foreign.0, foreign.1);
        let foreign = world.send_json(foreign.0, MIA, &foreign.1, &[], foreign.2).await;
        let unknown = world.send_json(unknown.0, MIA, &unknown.1, &[], unknown.2).await;
        let nonsense = world.get(MIA, "nonsense").await;

        assert_not_found(&foreign);
        assert_eq!(foreign.text(), unknown.text(), "{said}");
        assert_eq!(foreign.text(), nonsense.text(), "{said}");
        let names = |answer: &Answer| {
            let mut names: Vec<_> = answer.headers.keys().map(ToString::to_string).collect();
            names.sort();
            names
        };
        assert_eq!(names(&foreign), names(&unknown), "{said}");
    }
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_referrals_user_moves_what_its_team_membership_opens(#[case] backend: Backend) {
    let world = open(backend).await;
    let deal = invite(&world).await;
    let unseen = world.act(UGO, &deal.id, "accept", "").await;
    assert_not_found(&unseen);
    let ugo = json!({"firstName": "Ugo", "lastName": "User", "phoneNumber": "1", "email": UGO});
    let join = json!([{"op": "add", "path": "/team/-", "value": ugo}]);
    assert_eq!(world.patch(FAY, &deal.id, &[], join).await.status, StatusCode::NO_CONTENT);

    let accepted = world.act(UGO, &deal.id, "accept", "").await.created();
    let leave = [("/team", json!([accepted["team"][0]]))];
    let left = put_now(&world, UGO, &deal.id, &leave).await;
    let after = world.act(UGO, &deal.id, "win", "").await;

    assert_eq!(accepted["substatus"], "Accepted");
    assert_eq!(
        left.created()["team"].as_array().unwrap().len(),
        1,
        "who leaves the team writes for the last time"
    );
    assert_not_found(&after);
    assert_eq!(read(&world, FAY, &deal.id).await["substatus"], "Accepted");
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_role_moves_records_as_far_as_its_locations_reach(#[case] backend: Backend) {
    let world = open(backend).await;
    let sam = "sam@northwind.example";
    let south = LocationScope::Locations(vec![SOUTH_MPN.to_owned()]);
    world.add_user(NORTHWIND, sam, &[Role::ReferralsAdmin], south).await;
    let north = text(&world.post(ALEX, to_location(NORTHWINDS)).await.created(), "/id").to_owned();
    let southern = text(&world.post(ALEX, to_location(SOUTHWINDS)).await.created(), "/id").to_owned();

    assert_not_found(&world.act(sam, &north, "accept", "").await);
    assert_eq!(world.act(sam, &southern, "accept", "").await.created()["substatus"], "Accepted");
    assert_eq!(world.act(NORA, &north, "accept", "").await.created()["substatus"], "Accepted");
    // An invitation is withdrawn by who may see from where it was made.
    let sent = |mpn_id: &str| edited(to_location(FABRIKAMS), &[("/mpnId", mpn_id.into())]);
    let from_north = text(&world.post(NORA, sent(NORTH_MPN)).await.created(), "/id").to_owned();
    let from_south = text(&world.post(NORA, sent(SOUTH_MPN)).await.created(), "/id").to_owned();
    assert_not_found(&world.act(sam, &from_north, "withdraw", "").await);
    assert_eq!(world.act(sam, &from_south, "withdraw", "").await.created()["substatus"], "Expired");
}
