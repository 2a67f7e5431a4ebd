//! What may not change any more, by which verb, and what is no change at all; and how far a deal is shared.

use rstest::rstest;

use super::*;

const FLAG: &str = "/consent/consentToShareReferralWithMicrosoftSellers";

async fn own(world: &World) -> Value {
    let ids = json!([{"profileType": "Duns", "id": "81466849"}]);
    world.post(ALEX, edited(own_deal(), &[("/customerProfile/ids", ids)])).await.created()
}

/// What never changes after creation, each with another value.
fn after_creation() -> Vec<(&'static str, Value)> {
    vec![
        ("/engagementId", "37ef26aa-1d15-4533-9f93-a69bd33ab1e5".into()),
        ("/type", "Shared".into()),
        ("/mpnId", "5160884".into()),
        ("/target", json!([{"type": "BusinessProfileLocation", "id": "msft"}])),
        ("/customerProfile/name", "Another Customer".into()),
        ("/customerProfile/address/addressLine1", "Two Microsoft Way".into()),
        ("/customerProfile/address/city", "Seattle".into()),
        ("/customerProfile/address/postalCode", "98053".into()),
        ("/customerProfile/address/country", "GB".into()),
        ("/customerProfile/address/region", "West".into()),
        ("/customerProfile/ids", json!([{"profileType": "Duns", "id": "1"}])),
        ("/customerProfile/ids", json!([])),
        ("/consent/consentToToShareInfoWithOthers", false.into()),
        ("/inviteContext/invitedBy/organizationId", FABRIKAM.into()),
        ("/inviteContext/invitedBy/organizationName", "Fabrikam".into()),
        ("/inviteContext/invitedMpnId", "5160884".into()),
    ]
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn what_was_given_at_creation_does_not_change(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let before = own(&world).await;
    let id = text(&before, "/id");
    for (pointer, value) in after_creation() {
        let put =
            put_now(&world, ALEX, id, &[(pointer, value.clone()), ("/details/notes", "New".into())]).await;
        let patched = world.patch(ALEX, id, &[], replace(pointer, value.clone())).await;

        assert_eq!(refusal(&put), [format!("400 immutableField afterCreation {pointer}")], "{value}");
        assert_eq!(refusal(&patched), ["400 immutableField afterCreation /0/path"], "{pointer}");
    }
    assert_eq!(facts(&read(&world, ALEX, id).await), facts(&before));
    let edits: Vec<_> = after_creation().into_iter().filter(|(it, _)| *it != "/target").collect();
    let all = put_now(&world, ALEX, id, &edits).await;
    assert_eq!(refusal(&all).len(), 14, "all are named at once, each once: {}", all.text());
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn the_same_value_in_another_spelling_is_no_change(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let before = own(&world).await;
    let id = text(&before, "/id");
    let engagement = text(&before, "/engagementId").to_uppercase();
    let spellings = [
        ("/engagementId", Value::from(engagement)),
        ("/type", "INDEPENDENT".into()),
        ("/mpnId", json!(4_391_227)),
        ("/target", Value::Null),
        ("/target", "".into()),
        ("/customerProfile/size", "10TO50EMPLOYEES".into()),
        ("/customerProfile/address/country", "USA".into()),
        ("/customerProfile/address/country", "us".into()),
        ("/customerProfile/address/region", "".into()),
        // What may not change is kept where it is null or empty: the sample flow writes so what it does not know.
        ("/customerProfile/address/addressLine2", Value::Null),
        ("/customerProfile/address/state", "".into()),
        ("/consent/consentToToShareInfoWithOthers", Value::Null),
        ("/customerProfile/ids", json!({"duns": "81466849"})),
        ("/customerProfile/ids", json!([{"ProfileType": "DUNS", "id": 81466849}])),
        ("/customerProfile", "".into()),
        ("/customerProfile", Value::Null),
        ("/consent", Value::Null),
        ("/consent/consentToToShareInfoWithOthers", "True".into()),
        ("/inviteContext/invitedMpnId", "".into()),
        ("/inviteContext/assistanceRequestCode", "UNKNOWN".into()),
        ("/organizationId", CONTOSO.to_uppercase().into()),
        ("/details/dealValue", json!("50000.00")),
        ("/details/closingDateTime", "2018-11-14T01:00:00+01:00".into()),
        ("/salesStage", "".into()),
    ];
    for (pointer, value) in spellings {
        let put = put_now(&world, ALEX, id, &[(pointer, value.clone())]).await;

        let after = put.created();
        assert_eq!(reported(&after, "applied"), [""; 0], "{pointer} {value}");
        assert_eq!(reported(&after, "ignored"), [""; 0], "{pointer} {value}");
        assert_eq!(facts(&after), facts(&read(&world, ALEX, id).await));
    }
    assert_eq!(facts(&read(&world, ALEX, id).await), facts(&before));
    // The name of 2018, and members left out, change nothing either.
    let sparse = json!({"Consent": {"consentToShareInfoWithOthers": "TRUE"}, "ReferralType": "Independent"});
    let tag = text(&read(&world, ALEX, id).await, "/eTag").to_owned();
    let after = world.put(ALEX, id, &[("if-match", &tag), REPORTED], sparse).await.created();
    assert_eq!(reported(&after, "applied"), [""; 0]);
}

/// What does not change once another party sees the deal.
fn once_shared() -> Vec<(&'static str, Value)> {
    vec![
        ("/customerProfile/team", json!([])),
        ("/customerProfile/team/0/email", "other@contoso.com".into()),
        ("/inviteContext/notes", "Please help with something else".into()),
        ("/inviteContext/assistanceRequestCode", "GeneralOrOther".into()),
    ]
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn what_another_party_was_told_does_not_change(#[case] backend: Backend) {
    let world = World::open(backend).await;
    for is_seen_by_sellers in [true, false] {
        let private = own(&world).await;
        let id = text(&private, "/id");
        for edit in once_shared() {
            let put = put_now(&world, ALEX, id, &[edit]).await;
            put_now(
                &world,
                ALEX,
                id,
                &[("/customerProfile/team", private["customerProfile"]["team"].clone())],
            )
            .await;
            assert_eq!(put.status, StatusCode::OK, "nobody else sees it: {}", put.text());
        }
        match is_seen_by_sellers {
            true => drop(world.patch(ALEX, id, &[REPORTED], replace(FLAG, true.into())).await.created()),
            false => {
                let engagement = ("/engagementId", private["engagementId"].clone());
                world.post(ALEX, edited(to_location(FABRIKAMS), &[engagement])).await.created();
            }
        }
        for (pointer, value) in [
            ("/customerProfile/team", json!([])),
            ("/customerProfile/team/0/email", "other@contoso.com".into()),
            ("/inviteContext/notes", "Please help with a third thing".into()),
            ("/inviteContext/assistanceRequestCode", "QuotesOrLicensing".into()),
        ] {
            let list = pointer.strip_suffix("/0/email").unwrap_or(pointer);
            let put = put_now(&world, ALEX, id, &[(pointer, value.clone())]).await;
            assert_eq!(refusal(&put), [format!("400 immutableField onceShared {list}")], "{value}");
            if list.starts_with("/customerProfile") {
                let patched = world.patch(ALEX, id, &[], replace(pointer, value)).await;
                assert_eq!(refusal(&patched), ["400 immutableField onceShared /0/value"], "{pointer}");
            }
        }
        let person = json!({"firstName": "A", "lastName": "B", "phoneNumber": "1", "email": "a@b.example"});
        let added = json!([{"op": "add", "path": "/customerProfile/team/-", "value": person}]);
        let added = world.patch(ALEX, id, &[], added).await;
        assert_eq!(refusal(&added), ["400 immutableField onceShared /0/value"]);
        for (pointer, value) in [
            ("/name", json!("Other name")),
            ("/details/notes", json!("Other notes")),
            ("/details/dealValue", json!(1)),
            ("/details/currency", json!("EUR")),
            ("/details/closingDateTime", json!("2027-01-01T00:00:00Z")),
            ("/campaignId", json!("c")),
            ("/externalReferenceId", json!("e")),
            ("/salesStage", json!("20")),
            ("/referralProgram", json!("p")),
        ] {
            let patched = world.patch(ALEX, id, &[REPORTED], replace(pointer, value.clone())).await.created();
            assert_eq!(patched.pointer(pointer), Some(&value), "the rest is free");
            assert_eq!(reported(&patched, "applied"), [pointer]);
        }
    }
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn what_microsoft_has_seen_is_not_hidden_again(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let id = text(&own(&world).await, "/id").to_owned();
    assert_not_found(&world.get(MIA, &id).await);

    let shared = world.patch(ALEX, &id, &[REPORTED], replace(FLAG, "true".into())).await.created();

    assert_eq!(reported(&shared, "applied"), [FLAG]);
    assert_eq!(world.get(MIA, &id).await.status, StatusCode::OK);
    assert_eq!(world.log().await.last().unwrap().change.action.as_str(), "shareWithMicrosoft");
    let silent = put_now(&world, ALEX, &id, &[(FLAG, Value::Null)]).await;
    assert_eq!(silent.created().pointer(FLAG), Some(&json!(true)), "null says nothing");
    for value in [json!(false), json!("False")] {
        let put = put_now(&world, ALEX, &id, &[(FLAG, value.clone())]).await;
        let patched = world.patch(ALEX, &id, &[], replace(FLAG, value)).await;
        assert_eq!(refusal(&put), [format!("400 immutableField oneWay {FLAG}")]);
        assert_eq!(refusal(&patched), ["400 immutableField oneWay /0/value"]);
    }
    assert_eq!(world.get(MIA, &id).await.status, StatusCode::OK);
    let said = world.get_path(ALEX, &format!("{REFERRALS}/{id}/actions"), &[]).await.created();
    let row = said["actions"].as_array().unwrap().iter().find(|it| it["action"] == "shareWithMicrosoft");
    let row = row.unwrap();
    assert_eq!((&row["allowed"], &row["rule"]), (&json!(false), &json!("oneWay")));
    let again = world.patch(ALEX, &id, &[], replace(FLAG, true.into())).await;
    assert_eq!(again.status, StatusCode::NO_CONTENT, "who shares what is shared changes nothing");
    assert_eq!(world.log().await.last().unwrap().change.action.as_str(), "revise");
}

async fn kind_of_deal(world: &World, email: &str, id: &str) -> [String; 2] {
    let said = world.get_path(email, &format!("{REFERRALS}/{id}/actions"), &[]).await.created();
    ["/dealType", "/category"].map(|it| text(&said, it).to_owned())
}

fn to(location: &str) -> Value {
    json!({"invitations": [{"target": [{"type": "BusinessProfileLocation", "id": location}]}]})
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_deal_is_shared_step_by_step(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let co_sell = |deal_type: &str| [deal_type.to_owned(), "Co-sell opportunity".to_owned()];
    let id = text(&own(&world).await, "/id").to_owned();
    assert_eq!(kind_of_deal(&world, ALEX, &id).await, co_sell("Private"));

    world.patch(ALEX, &id, &[REPORTED], replace(FLAG, true.into())).await.created();
    assert_eq!(kind_of_deal(&world, ALEX, &id).await, co_sell("Partner-led"));
    assert_eq!(kind_of_deal(&world, MIA, &id).await, co_sell("Partner-led"));

    let microsofts =
        world.act(ALEX, &id, "share", to("msft")).await.created()["value"][0]["referral"].clone();
    assert_eq!(kind_of_deal(&world, ALEX, &id).await, co_sell("Co-sell"));
    assert_eq!(kind_of_deal(&world, MIA, text(&microsofts, "/id")).await, co_sell("Co-sell"));
    assert_eq!(read(&world, ALEX, &id).await["type"], "Shared");

    let services = [
        ("/partnerRole", "Deployment services".into()),
        ("/solutionArea", "Azure".into()),
        ("/solutionPlay", "Migrate".into()),
    ];
    let without_play = put_now(&world, ALEX, &id, &services[..2]).await;
    assert_eq!(refusal(&without_play), ["400 requiredFieldMissing required /solutionPlay"]);
    put_now(&world, ALEX, &id, &services).await.created();
    assert_eq!(kind_of_deal(&world, ALEX, &id).await, co_sell("Services co-sell"));

    world.act(ALEX, &id, "share", to(FABRIKAMS)).await.created();
    assert_eq!(kind_of_deal(&world, ALEX, &id).await, co_sell("Partner-to-partner"));
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn the_category_says_where_a_referral_comes_from(#[case] backend: Backend) {
    let world = World::open(backend).await;
    for (sender, kind, qualification, category) in [
        (MIA, "Independent", "Direct", "Marketplace lead"),
        (MIA, "Independent", "SalesQualified", "Qualified lead"),
        (MIA, "Independent", "MarketingQualified", "Qualified lead"),
        (MIA, "Shared", "SalesQualified", "Co-sell opportunity"),
        (FAY, "Independent", "Direct", "Co-sell opportunity"),
        (FAY, "Shared", "SalesQualified", "Co-sell opportunity"),
    ] {
        let sent = edited(fixture(), &[("/type", kind.into()), ("/qualification", qualification.into())]);
        // What the caller says about the inviter counts for nothing.
        let sent = edited(sent, &[("/inviteContext/invitedBy/organizationId", "msft".into())]);
        let made = world.post(sender, sent).await.created();

        for viewer in [ALEX, sender] {
            let [_, found] = kind_of_deal(&world, viewer, text(&made, "/id")).await;
            assert_eq!(found, category, "{sender} {kind} {qualification} seen by {viewer}");
        }
    }
}
