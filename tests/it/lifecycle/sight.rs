//! Consent over the lifecycle: what a receiver sees before it accepts and after, and what its writes leave alone.

use rstest::rstest;

use super::*;

/// Makes an invitation to Fabrikam whose customer refused to be contacted.
async fn invite_without_consent(world: &World) -> Value {
    let ids = json!([{"profileType": "Duns", "id": "81466849"}]);
    let sent = edited(
        to_location(FABRIKAMS),
        &[("/consent/consentToContact", false.into()), ("/customerProfile/ids", ids)],
    );
    world.post(ALEX, sent).await.created()
}

#[track_caller]
fn shows_contacts(document: &Value) -> bool {
    let profile = &document["customerProfile"];
    let (people, ids) = (profile["team"] != json!([]), profile["ids"] != json!([]));
    assert_eq!(people, ids, "people and ids are shown together");
    people
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn contacts_come_with_the_acceptance(#[case] backend: Backend) {
    let world = World::open(backend).await;
    for verb in ["POST", "PATCH", "PUT"] {
        let made = invite_without_consent(&world).await;
        let id = text(&made, "/id");
        let opened = world.act(FAY, id, "open", "").await.created();
        assert!(!shows_contacts(&opened));
        assert!(!shows_contacts(&read(&world, FAY, id).await));

        let accepted = match verb {
            "POST" => world.act(FAY, id, "accept", "").await,
            "PATCH" => world.patch(FAY, id, &[REPORTED], to_state("Active", "Accepted")).await,
            _ => {
                put_now(&world, FAY, id, &[("/status", "Active".into()), ("/substatus", "Accepted".into())])
                    .await
            }
        };

        let accepted = accepted.created();
        assert!(shows_contacts(&accepted), "{verb}: the answer shows them already");
        assert_eq!(accepted["customerProfile"], made["customerProfile"], "{verb}: nothing was lost");
        let seen = world.get(FAY, id).await;
        assert_eq!(seen.header("etag"), text(&accepted, "/eTag"));
        let won = world.act(FAY, id, "win", "").await.created();
        assert!(shows_contacts(&won), "who has won has accepted");
    }
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn contacts_stay_withheld_from_who_declines_or_lets_it_expire(#[case] backend: Backend) {
    let world = World::open(backend).await;
    for end in ["decline", "closeAsError", "withdraw", "expire"] {
        let made = invite_without_consent(&world).await;
        let id = text(&made, "/id");
        match end {
            "expire" => expire(&world, id).await,
            "withdraw" => drop(world.act(ALEX, id, end, "").await.created()),
            _ => {
                let closed = world.act(FAY, id, end, json!({"statusReason": REASON})).await.created();
                assert!(!shows_contacts(&closed), "{end}: nor does the answer show them");
            }
        }
        assert!(!shows_contacts(&read(&world, FAY, id).await), "{end}");
        assert!(shows_contacts(&read(&world, ALEX, id).await), "{end}: the inviter wrote them");
    }
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn what_is_withheld_survives_every_write_of_who_does_not_see_it(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let made = invite_without_consent(&world).await;
    let id = text(&made, "/id");
    let person = json!({"firstName": "A", "lastName": "B", "phoneNumber": "1", "email": "a@b.example"});
    let kept = |answer: Value| assert_eq!(answer["customerProfile"], made["customerProfile"]);

    let whole = put_now(&world, FAY, id, &[("/details/notes", "Seen".into())]).await.created();
    assert_eq!(reported(&whole, "applied"), ["/details/notes"]);
    assert_eq!(reported(&whole, "ignored"), [""; 0], "the empty lists of a redacted document say nothing");
    kept(read(&world, ALEX, id).await);

    let edits = [("/customerProfile/team", json!([person])), ("/details/notes", "Put".into())];
    let put = put_now(&world, FAY, id, &edits).await.created();
    assert_eq!(reported(&put, "ignored"), ["/customerProfile/team notVisible"]);
    assert_eq!(reported(&put, "applied"), ["/details/notes"]);
    kept(read(&world, ALEX, id).await);

    let add = json!([
        {"op": "add", "path": "/customerProfile/team/-", "value": person},
        {"op": "replace", "path": "/details/notes", "value": "Patched"},
    ]);
    let patched = world.patch(FAY, id, &[REPORTED], &add).await.created();
    assert_eq!(reported(&patched, "ignored"), ["/0/value notVisible"]);
    let strict = world.patch(FAY, id, &[("prefer", "handling=strict")], &add).await;
    assert_eq!(refusal(&strict), ["400 memberIgnored strict /0/value"]);
    kept(read(&world, ALEX, id).await);

    let accept = world.act(FAY, id, "accept", json!({"customerProfile": {"team": [], "ids": []}})).await;
    kept(accept.created());
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_receiver_does_not_answer_for_the_customer(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let made = invite_without_consent(&world).await;
    let id = text(&made, "/id");
    let consent = "/consent/consentToContact";
    for value in [json!(true), json!("true")] {
        let put = put_now(&world, FAY, id, &[(consent, value.clone())]).await;
        let accepting = json!({"consent": {"consentToContact": value}});
        let accepted = world.act(FAY, id, "accept", accepting).await;

        assert_eq!(refusal(&put), [format!("400 immutableField consent {consent}")], "{value}");
        assert_eq!(refusal(&accepted), [format!("400 immutableField consent {consent}")], "{value}");
    }
    let silent = put_now(&world, FAY, id, &[(consent, Value::Null)]).await.created();
    assert_eq!(silent["consent"]["consentToContact"], false, "null says nothing");
    assert!(!shows_contacts(&read(&world, FAY, id).await));
    world.act(FAY, id, "accept", "").await.created();
    let changed = put_now(&world, FAY, id, &[(consent, true.into())]).await.created();
    assert_eq!(changed["consent"]["consentToContact"], true, "who works on the deal knows of the customer");
    // On a record of its own the caller speaks for its customer.
    let own = edited(own_deal(), &[(consent, false.into())]);
    let own = text(&world.post(ALEX, own).await.created(), "/id").to_owned();
    put_now(&world, ALEX, &own, &[(consent, true.into())]).await.created();
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn an_invitee_passes_on_nothing_that_it_does_not_see(#[case] backend: Backend) {
    let world = open(backend).await;
    let made = invite_without_consent(&world).await;
    let id = text(&made, "/id");
    let invitation = |location: &str| {
        let target = json!([{"type": "BusinessProfileLocation", "id": location}]);
        json!({"invitations": [{"target": target, "consent": {"consentToContact": true}}]})
    };

    let northwinds = world.act(FAY, id, "share", invitation(NORTHWINDS)).await.created();
    let microsofts = world.act(FAY, id, "share", invitation("msft")).await.created();

    let shared = &northwinds["value"][0]["referral"];
    assert!(!shows_contacts(shared), "{shared}");
    assert!(!shows_contacts(&read(&world, NORA, text(shared, "/id")).await));
    assert_eq!(microsofts["value"][0]["error"]["innerError"]["code"], "requiredFieldMissing", "{microsofts}");
    assert!(!world.get(FAY, text(shared, "/id")).await.text().contains("sue.smith"));

    world.act(FAY, id, "accept", "").await.created();
    let after = world.act(FAY, id, "share", invitation("msft")).await.created();
    assert!(
        shows_contacts(&after["value"][0]["referral"]),
        "who has accepted passes on what it sees: {after}"
    );
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_token_tells_versions_apart_whoever_saw_them(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let made = invite_without_consent(&world).await;
    let id = text(&made, "/id");
    let tag = |document: &Value| text(document, "/eTag").to_owned();
    let (inviters, receivers) = (tag(&read(&world, ALEX, id).await), tag(&read(&world, FAY, id).await));
    assert_ne!(inviters, receivers, "they do not see the same");

    let with_other =
        world.patch(FAY, id, &[("if-match", &inviters), REPORTED], replace("/name", "A".into())).await;
    let second = with_other.created();
    world.patch(FAY, id, &[], replace("/favorite", true.into())).await;
    let marked = tag(&read(&world, FAY, id).await);
    assert_ne!(marked, tag(&second), "a mark is seen");
    let unmarked =
        world.patch(FAY, id, &[("if-match", &tag(&second)), REPORTED], replace("/name", "B".into())).await;
    assert_eq!(unmarked.created()["favorite"], true);
    let accepted =
        put_now(&world, FAY, id, &[("/status", "Active".into()), ("/substatus", "Accepted".into())]).await;
    let accepted = tag(&accepted.created());
    let groups = |tag: &str| tag.split('-').map(str::to_owned).collect::<Vec<_>>()[1..4].join("-");
    assert_ne!(groups(&accepted), groups(&receivers), "the sight changed with the acceptance");
    for stale in [inviters, receivers, marked] {
        let late = world.patch(FAY, id, &[("if-match", &stale)], replace("/name", "C".into())).await;
        assert_eq!(late.status, StatusCode::PRECONDITION_FAILED, "{stale}");
    }
}
