//! Two sides and more: who gets a record of its own, what an acceptance brings, and that records stay apart.

use rstest::rstest;

use super::*;

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_shared_deal_is_made_in_two_steps_and_answered_in_one(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let own = world.post(ALEX, fixture()).await.created();
    let second = edited(
        to_location("msft"),
        &[
            ("/engagementId", own["engagementId"].clone()),
            (
                "/inviteContext",
                json!({"notes": "Please help.", "assistanceRequestCode": "ProofOfConceptOrDemo"}),
            ),
        ],
    );

    let microsofts = world.post(ALEX, second).await.created();
    let accepted = world.act(MIA, text(&microsofts, "/id"), "accept", "").await.created();
    let won = world.act(ALEX, text(&own, "/id"), "win", "").await.created();

    assert_eq!((text(&own, "/status"), text(&own, "/substatus")), ("Active", "Accepted"));
    assert_eq!((text(&microsofts, "/status"), text(&microsofts, "/substatus")), ("New", "Pending"));
    assert_eq!(microsofts["engagementId"], own["engagementId"]);
    assert_eq!((text(&accepted, "/status"), text(&accepted, "/substatus")), ("Active", "Accepted"));
    assert_eq!((text(&accepted, "/direction"), text(&won, "/direction")), ("Incoming", "Outgoing"));
    let seen = read(&world, ALEX, text(&microsofts, "/id")).await;
    assert_eq!(seen["substatus"], "Accepted", "the inviter sees the answer, and its own end ends no other's");
    assert_eq!(read(&world, MIA, text(&own, "/id")).await["substatus"], "Won");
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn the_second_step_in_the_form_of_2018_is_the_same(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let own = world.post(ALEX, own_deal()).await.created();
    let second = json!({
        "enagementID": own["engagementId"], "OrganizationId": "msft", "OrganizationName": "Microsoft",
        "Name": own["name"], "Status": "New", "Substatus": "Pending", "Type": "Shared",
        "Qualification": "SalesQualified", "ExternalReferenceId": "CRM-7",
        "CustomerProfile": own["customerProfile"],
        "Consent": {"ConsentToToShareInfoWithOthers": "true", "ConsentToContact": "True"},
        "Details": {"Notes": "From 2018", "DealValue": "50000", "Currency": "USD",
            "ClosingDateTime": "2018-11-14T00:00:00Z",
            "Requirements": {"Industries": [{"Id": "Manufacturing"}], "Products": [], "Services": [],
                "Solutions": own["details"]["requirements"]["solutions"]}},
        "Team": own["team"],
    });

    let microsofts = world.post(ALEX, second).await.created();
    let declined = world.act(MIA, text(&microsofts, "/id"), "decline", json!({"StatusReason": REASON})).await;

    assert_eq!((text(&microsofts, "/organizationId"), text(&microsofts, "/substatus")), ("msft", "Pending"));
    assert_eq!(microsofts["externalReferenceId"], "CRM-7");
    assert_eq!(declined.created()["substatus"], "Declined");
    let own = read(&world, ALEX, text(&own, "/id")).await;
    assert_eq!((text(&own, "/type"), text(&own, "/substatus")), ("Shared", "Accepted"));
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn three_invitees_answer_each_for_itself(#[case] backend: Backend) {
    let world = open(backend).await;
    let own = world.post(ALEX, own_deal()).await.created();
    let mut ids = Vec::new();
    for (location, value) in [(FABRIKAMS, 20_000), (NORTHWINDS, 15_000), ("msft", 5_000)] {
        let invitation = edited(
            to_location(location),
            &[("/engagementId", own["engagementId"].clone()), ("/details/dealValue", json!(value))],
        );
        ids.push(text(&world.post(ALEX, invitation).await.created(), "/id").to_owned());
    }

    world.act(FAY, &ids[0], "accept", json!({"details": {"dealValue": 25_000}})).await.created();
    world.act(NORA, &ids[1], "decline", json!({"statusReason": REASON})).await.created();

    let states = [("Active", 25_000), ("Closed", 15_000), ("New", 5_000)];
    for (id, (status, value)) in ids.iter().zip(states) {
        let seen = read(&world, ALEX, id).await;
        assert_eq!((&seen["status"], &seen["details"]["dealValue"]), (&json!(status), &json!(value)));
        assert_eq!(seen["engagementId"], own["engagementId"]);
        assert_eq!(seen["direction"], "Outgoing");
    }
    for (viewer, id) in [(FAY, &ids[0]), (NORA, &ids[1]), (MIA, &ids[2])] {
        assert_eq!(read(&world, viewer, id).await["direction"], "Incoming");
        assert_eq!(read(&world, viewer, text(&own, "/id")).await["substatus"], "Accepted");
    }
    let kept = read(&world, ALEX, text(&own, "/id")).await;
    assert_eq!(kept["details"]["dealValue"], 50_000);
    assert_eq!(version(&kept), 2, "it became Shared, and nobody's answer touched it");
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn nothing_is_copied_from_record_to_record(#[case] backend: Backend) {
    let world = open(backend).await;
    let deal = bring(&world, "Accepted").await;
    let (own, theirs) = (read(&world, ALEX, &deal.own).await, read(&world, FAY, &deal.id).await);
    let change = json!([
        {"op": "replace", "path": "/name", "value": "Renamed"},
        {"op": "replace", "path": "/details/dealValue", "value": 1},
        {"op": "replace", "path": "/details/notes", "value": "Only mine"},
        {"op": "replace", "path": "/team/0/title", "value": "Seller"},
    ]);

    world.patch(ALEX, &deal.own, &[REPORTED], &change).await.created();
    assert_eq!(read(&world, FAY, &deal.id).await, theirs);
    world.patch(FAY, &deal.id, &[REPORTED], change).await.created();
    world.act(FAY, &deal.id, "win", "").await.created();

    let after = read(&world, ALEX, &deal.own).await;
    assert_eq!((version(&after), &after["status"]), (version(&own) + 1, &own["status"]));
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn an_invitation_is_taken_back_with_one_reason(#[case] backend: Backend) {
    let world = open(backend).await;
    for from in ["Pending", "Received"] {
        let deal = bring(&world, from).await;
        let before = read(&world, FAY, &deal.id).await;

        let withdrawn = world.act(ALEX, &deal.id, "withdraw", "").await.created();
        let again = world.act(ALEX, &deal.id, "withdraw", "").await;
        let accepted = world.act(FAY, &deal.id, "accept", "").await;

        assert_eq!((text(&withdrawn, "/status"), text(&withdrawn, "/substatus")), ("Closed", "Expired"));
        let seen = read(&world, FAY, &deal.id).await;
        assert_eq!(seen["statusReason"], "Withdrawn by the inviter");
        let state = ["/status", "/substatus", "/statusReason", "/closedDateTime"];
        let expected = state.into_iter().fold(facts(&before), |document, pointer| {
            edited(document, &[(pointer, seen.pointer(pointer).unwrap().clone())])
        });
        assert_eq!(facts(&seen), expected, "and nothing else changed");
        assert_eq!(refusal(&again), ["400 referralClosed closed /status"]);
        assert_eq!(refusal(&accepted), ["400 referralClosed closed /status"]);
        let own = read(&world, ALEX, &deal.own).await;
        assert_eq!(own["status"], "Active");
    }
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn what_comes_with_a_withdrawal_is_said_to_have_no_effect(#[case] backend: Backend) {
    let world = open(backend).await;
    let body = json!({"statusReason": "Ours", "details": {"notes": "x"}, "substatus": "Declined"});
    let strict = [("prefer", "handling=strict")];

    let deal = invite(&world).await;
    let path = format!("{REFERRALS}/{}/withdraw", deal.id);
    let refused = post_path(&world, ALEX, &path, &strict, &body).await;
    let no_object = post_path(&world, ALEX, &path, &[], "[1]").await;
    let withdrawn = post_path(&world, ALEX, &path, &[REPORTED], &body).await.created();

    let mut refused = refusal(&refused);
    refused.sort();
    assert_eq!(
        refused,
        [
            "400 memberIgnored strict /details",
            "400 memberIgnored strict /statusReason",
            "400 memberIgnored strict /substatus"
        ]
    );
    assert_eq!(refusal(&no_object), ["400 invalidValue type "]);
    assert_eq!(withdrawn["statusReason"], "Withdrawn by the inviter");
    let ignored = reported(&withdrawn, "ignored");
    assert_eq!(
        ignored,
        ["/statusReason actionDecides", "/details actionDecides", "/substatus actionDecides"]
    );
    let log = world.log().await;
    assert_eq!(log.last().unwrap().change.ignored.len(), 3, "the log knows it too");
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn an_acceptance_brings_other_members_in_the_same_step(#[case] backend: Backend) {
    let world = open(backend).await;
    let person = json!({"firstName": "Fay", "lastName": "Admin", "phoneNumber": "1", "email": FAY});
    let ours = [
        ("/name", json!("Our name")),
        ("/details/dealValue", json!(1234.5)),
        ("/details/closingDateTime", json!("2027-03-01T00:00:00Z")),
        ("/details/notes", json!("Ours")),
        ("/externalReferenceId", json!("CRM-9")),
        ("/campaignId", json!("spring")),
    ];
    for verb in ["POST", "PATCH", "PUT"] {
        let deal = bring(&world, "Received").await;
        let before = read(&world, FAY, &deal.id).await;
        let team = json!([before["team"][0], person]);
        let accepted = match verb {
            "POST" => {
                let body = ours
                    .iter()
                    .fold(json!({"details": {}}), |it, edit| edited(it, std::slice::from_ref(edit)));
                let body = edited(body, &[("/team", team.clone())]);
                world.act(FAY, &deal.id, "accept", body).await
            }
            "PATCH" => {
                let mut operations = to_state("Active", "Accepted");
                for (path, value) in &ours {
                    operations
                        .as_array_mut()
                        .unwrap()
                        .push(json!({"op": "add", "path": path, "value": value}));
                }
                let join = json!({"op": "add", "path": "/team/-", "value": person});
                operations.as_array_mut().unwrap().push(join);
                world.patch(FAY, &deal.id, &[REPORTED], operations).await
            }
            _ => {
                let state = [
                    ("/status", json!("Active")),
                    ("/substatus", json!("Accepted")),
                    ("/team", team.clone()),
                ];
                put_now(&world, FAY, &deal.id, &[&ours[..], &state].concat()).await
            }
        };

        let accepted = accepted.created();
        for (pointer, value) in &ours {
            assert_eq!(accepted.pointer(pointer), Some(value), "{verb}");
        }
        assert_eq!(text(&accepted, "/team/1/email"), FAY, "{verb}");
        assert_eq!(
            (text(&accepted, "/substatus"), version(&accepted)),
            ("Accepted", 3),
            "{verb}: one change"
        );
        assert_eq!(world.log().await.last().unwrap().change.action.as_str(), "accept");
    }
    // What is wrong with the rest keeps the record from being accepted.
    let deal = invite(&world).await;
    let refused =
        world.act(FAY, &deal.id, "accept", json!({"details": {"currency": "EURO"}, "name": ""})).await;
    let mut problems = refusal(&refused);
    problems.sort();
    assert_eq!(
        problems,
        ["400 invalidValue currency /details/currency", "400 requiredFieldMissing required /name"]
    );
    assert_eq!(read(&world, FAY, &deal.id).await["substatus"], "Pending");
}
