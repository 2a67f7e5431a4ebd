//! Making referrals: who owns them, where they start, and what else changes with them.

use http::StatusCode;
use liaison::domain::{
    change::Action,
    organization::{LocationScope, Role},
};
use rstest::rstest;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::world::*;

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn the_documented_call_gets_the_whole_document_in_the_observed_order(#[case] backend: Backend) {
    let world = World::open(backend).await;

    let answer = world.post(ALEX, FIXTURE).await;

    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    let body = answer.json();
    let anonymous = answer
        .text()
        .replace(text(&body, "/engagementId"), "[engagement]")
        .replace(text(&body, "/id"), "[id]");
    let anonymous: Value = serde_json::from_str(&anonymous).unwrap();
    insta::assert_json_snapshot!("the_documented_call", anonymous);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn the_documented_answer_is_part_of_ours(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let mut documented: Value = serde_json::from_str(FIXTURE_ANSWER).unwrap();
    for by_server in ["id", "engagementId", "createdDateTime", "updatedDateTime", "eTag", "links"] {
        documented = without(documented, &format!("/{by_server}"));
    }

    let ours = world.post(ALEX, FIXTURE).await.created();

    assert_eq!(differences(&documented, &ours, ""), Vec::<String>::new());
    // The documented answer forgets what was sent; ours does not.
    assert_eq!(ours["details"]["closingDateTime"], "2018-11-14T00:00:00Z");
    assert_eq!(differences(&without(fixture(), "/status"), &ours, ""), ["/substatus: Pending, not Accepted"]);
}

/// Lists the members of `expected` that `actual` has not, or not the same.
fn differences(expected: &Value, actual: &Value, pointer: &str) -> Vec<String> {
    match (expected, actual) {
        (Value::Object(expected), Value::Object(actual)) => expected
            .iter()
            .flat_map(|(name, value)| {
                let pointer = format!("{pointer}/{name}");
                let Some(found) = actual.get(name) else { return vec![format!("{pointer}: missing")] };
                differences(value, found, &pointer)
            })
            .collect(),
        (Value::Array(expected), Value::Array(actual)) if expected.len() == actual.len() => expected
            .iter()
            .zip(actual)
            .enumerate()
            .flat_map(|(index, (expected, actual))| {
                differences(expected, actual, &format!("{pointer}/{index}"))
            })
            .collect(),
        (expected, actual) if expected == actual => Vec::new(),
        (Value::String(expected), Value::String(actual)) => {
            vec![format!("{pointer}: {expected}, not {actual}")]
        }
        (expected, actual) => vec![format!("{pointer}: {expected}, not {actual}")],
    }
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn the_headers_of_the_answer_are_the_documented_ones(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let echoed = [
        ("client-request-id", "0a0a0a0a-1111-4222-8333-444444444444"),
        ("MS-CorrelationId", "0b0b0b0b-1111-4222-8333-444444444444"),
        ("MS-RequestId", "0c0c0c0c-1111-4222-8333-444444444444"),
    ];

    let answer = world.post_with(ALEX, &echoed, FIXTURE).await;

    let body = answer.created();
    assert_eq!(answer.header("content-type"), "application/json; charset=utf-8");
    assert_eq!(answer.header("location"), format!("{PUBLIC_URL}{REFERRALS}/{}", text(&body, "/id")));
    assert_eq!(answer.header("etag"), text(&body, "/eTag"));
    assert_eq!(answer.header("odata-version"), "4.0");
    assert_eq!(answer.header("idempotency-replayed"), "");
    assert!(Uuid::try_parse(answer.header("request-id")).is_ok(), "{:?}", answer.headers);
    for (name, value) in echoed {
        assert_eq!(answer.header(name), value);
    }
    let seconds = format!("{:x}", 1_795_339_800);
    assert_eq!(text(&body, "/eTag"), format!("\"00000001-0000-0000-0000-{seconds}0000\""));
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn an_operator_can_prefer_201(#[case] backend: Backend) {
    let world = World::with(backend, |config| config.created_status = 201).await;

    let answer = world.post(ALEX, FIXTURE).await;

    assert_eq!(answer.status, StatusCode::CREATED);
    assert_eq!(answer.header("etag"), text(&answer.json(), "/eTag"));
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn an_own_record_is_accepted_at_once_and_survives(#[case] backend: Backend) {
    let world = World::open(backend).await;

    let made = world.post(ALEX, own_deal()).await.created();

    assert_eq!(made["organizationId"], CONTOSO);
    assert_eq!(made["organizationName"], "Contoso Company");
    assert_eq!((text(&made, "/status"), text(&made, "/substatus")), ("Active", "Accepted"));
    assert_eq!(made["createdDateTime"], START);
    assert_eq!(made["acceptedDateTime"], START);
    assert_eq!(made["expirationDateTime"], Value::Null);
    assert_eq!(made["direction"], "Outgoing");
    assert_eq!(made["mpnId"], "4391227");
    let read = world.get(ALEX, text(&made, "/id")).await.json();
    assert_eq!(without(read, "/@odata.context"), made);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn an_invitation_belongs_to_the_invitee_and_waits_fourteen_days(#[case] backend: Backend) {
    let world = World::open(backend).await;

    let made = world.post(FAY, FIXTURE).await.created();

    assert_eq!(made["organizationId"], CONTOSO);
    assert_eq!((text(&made, "/status"), text(&made, "/substatus")), ("New", "Pending"));
    assert_eq!(made["expirationDateTime"], "2026-12-06T00:00:00Z");
    assert_eq!(made["acceptedDateTime"], Value::Null);
    assert_eq!(made["mpnId"], "4391227");
    assert_eq!(made["inviteContext"]["invitedMpnId"], "4391227");
    assert_eq!(made["direction"], "Outgoing");
    let id = text(&made, "/id");
    let inviters = world.get(FAY, id).await.json();
    assert_eq!(without(inviters, "/@odata.context"), made);
    let invitees = world.get(ALEX, id).await.json();
    assert_eq!(invitees["direction"], "Incoming");
    assert_eq!(edited(without(invitees, "/@odata.context"), &[("/direction", "Outgoing".into())]), made);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn the_days_to_answer_are_a_setting(#[case] backend: Backend) {
    let world = World::with(backend, |config| config.rules.expiration_days = 3).await;

    let made = world.post(FAY, FIXTURE).await.created();

    assert_eq!(made["expirationDateTime"], "2026-11-25T00:00:00Z");
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn the_target_msft_addresses_microsoft(#[case] backend: Backend) {
    let world = World::open(backend).await;

    let made = world.post(ALEX, to_location("msft")).await.created();

    assert_eq!(made["organizationId"], "msft");
    assert_eq!(made["organizationName"], "Microsoft");
    assert_eq!((text(&made, "/status"), text(&made, "/substatus")), ("New", "Pending"));
    assert_eq!(made["expirationDateTime"], "2026-12-06T00:00:00Z");
    assert_eq!(world.get(MIA, text(&made, "/id")).await.json()["direction"], "Incoming");
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn the_form_of_2018_still_works(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let own = world.post(ALEX, own_deal()).await.created();
    let mut sent = fixture();
    for member in ["target", "type", "substatus", "qualification"] {
        sent = without(sent, &format!("/{member}"));
    }
    let sent = edited(
        sent,
        &[
            ("/engagementId", own["engagementId"].clone()),
            ("/organizationId", "msft".into()),
            ("/organizationName", "Microsoft".into()),
            ("/Type", "Shared".into()),
            ("/Substatus", "Pending".into()),
            ("/Qualification", "SalesQualified".into()),
            ("/ExternalReferenceId", "1234".into()),
            ("/consent", json!({"consentToToShareInfoWithOthers": "true", "consentToContact": "False"})),
            ("/createdDateTime", "2018-10-30T21:03:42.4579542Z".into()),
        ],
    );

    let made = world.post(ALEX, sent).await.created();

    assert_eq!(made["organizationId"], "msft");
    assert_eq!(made["engagementId"], own["engagementId"]);
    assert_eq!(made["externalReferenceId"], "1234");
    assert_eq!(made["consent"]["consentToToShareInfoWithOthers"], true);
    assert_eq!(made["consent"]["consentToContact"], false);
    assert_eq!(made["createdDateTime"], START);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_shared_referral_is_made_in_two_steps(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let own = world.post(ALEX, FIXTURE).await.created();
    let second = edited(
        to_location("msft"),
        &[
            ("/engagementId", own["engagementId"].clone()),
            ("/inviteContext/assistanceRequestCode", "ProofOfConceptOrDemo".into()),
        ],
    );

    let made = world.post(ALEX, second).await.created();

    assert_ne!(made["id"], own["id"]);
    assert_eq!(made["engagementId"], own["engagementId"]);
    assert_eq!(made["organizationId"], "msft");
    assert_eq!(made["inviteContext"]["assistanceRequestCode"], "ProofOfConceptOrDemo");
    let own_now = world.get(ALEX, text(&own, "/id")).await.json();
    assert_eq!(without(own_now, "/@odata.context"), own, "a Shared record stays as it is");
    assert_eq!(world.log().await.len(), 2);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn connecting_a_party_makes_the_own_record_shared_in_the_same_commit(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let own = world.post(ALEX, own_deal()).await.created();
    world.advance_secs(60);
    let second = edited(to_location("msft"), &[("/engagementId", own["engagementId"].clone())]);

    let made = world.post(ALEX, second).await.created();

    let own_now = world.get(ALEX, text(&own, "/id")).await.json();
    assert_eq!(own_now["type"], "Shared");
    assert_eq!(own_now["updatedDateTime"], "2026-11-22T09:31:00.1234567Z");
    assert_eq!(own_now["createdDateTime"], START);
    assert!(text(&own_now, "/eTag").starts_with("\"00000002-0000-0000-0000-"), "{}", own_now["eTag"]);
    let log = world.log().await;
    let facts: Vec<_> = log
        .iter()
        .map(|it| (it.change.action, it.change.referral_id.to_string(), it.change.to_version))
        .collect();
    assert_eq!(
        facts,
        [
            (Action::Create, text(&own, "/id").to_owned(), 1),
            (Action::Create, text(&made, "/id").to_owned(), 1),
            (Action::Share, text(&own, "/id").to_owned(), 2),
        ]
    );
    assert_eq!(log[2].change.from_etag.as_deref(), Some(text(&own, "/eTag")));
    assert_eq!(log[2].change.to_etag, text(&own_now, "/eTag"));
    let pointers: Vec<_> = log[2].change.differences.iter().map(|it| it.pointer.as_str()).collect();
    assert_eq!(pointers, ["/updatedDateTime", "/type"]);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn unknown_and_foreign_engagements_are_refused_alike(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let foreign = world.post(ALEX, own_deal()).await.created();
    let foreign = text(&foreign, "/engagementId");
    let unknown = "99999999-9999-4999-8999-999999999999";

    let [of_foreign, of_unknown] = [foreign, unknown]
        .map(|id| edited(to_location("msft"), &[("/engagementId", id.into())]))
        .map(|body| world.post(FAY, body));
    let (of_foreign, of_unknown) = (of_foreign.await, of_unknown.await);

    assert_eq!(of_foreign.status, StatusCode::BAD_REQUEST);
    assert_eq!(of_foreign.problems(), ["unknownEngagement /engagementId"]);
    assert_eq!(of_foreign.text().replace(foreign, unknown), of_unknown.text());
    assert_eq!(of_foreign.status, of_unknown.status);
    assert_eq!(world.stored().await.len(), 1);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn an_engagement_has_one_record_for_each_party(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let own = world.post(ALEX, own_deal()).await.created();
    let connect = |body: Value| edited(body, &[("/engagementId", own["engagementId"].clone())]).to_string();
    world.post(ALEX, connect(to_location("msft"))).await.created();

    for second in [own_deal(), to_location("msft")] {
        let answer = world.post(ALEX, connect(second)).await;

        assert_eq!(answer.status, StatusCode::CONFLICT, "{}", answer.text());
        assert_eq!(answer.json()["error"]["innerError"]["code"], "alreadyParty");
    }
    assert_eq!(world.stored().await.len(), 2);
    assert_eq!(world.log().await.len(), 3);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn every_invited_partner_has_its_own_record(#[case] backend: Backend) {
    let world = World::open(backend).await;
    world.add_northwind().await;
    let own = world.post(ALEX, own_deal()).await.created();
    let connect = |id: &str| edited(to_location(id), &[("/engagementId", own["engagementId"].clone())]);

    let fabrikams = world.post(ALEX, connect("fab00001-0000-4000-8000-000000000001")).await.created();
    let northwinds = world.post(ALEX, connect("0e0e0e0e-0000-4000-8000-000000000012")).await.created();

    assert_eq!(fabrikams["organizationId"], FABRIKAM);
    assert_eq!(northwinds["organizationId"], NORTHWIND);
    assert_eq!(northwinds["mpnId"], SOUTH_MPN, "the location that was named");
    for (email, record) in [(FAY, &fabrikams), (NORA, &northwinds)] {
        let seen = world.get(email, text(record, "/id")).await.json();
        assert_eq!((text(&seen, "/direction"), text(&seen, "/status")), ("Incoming", "New"));
    }
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn targets_must_be_known_and_of_one_owner(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let solution = |id: &str| json!({"type": "SolutionProfile", "id": id});
    let location = |id: &str| json!({"type": "BusinessProfileLocation", "id": id});
    for (target, problems) in [
        (json!([solution("SOL-00000-NIL")]), vec!["unknownTarget /target/0/id"]),
        (json!([location("99999999-9999-4999-8999-999999999999")]), vec!["unknownTarget /target/0/id"]),
        (json!([location("nonsense")]), vec!["unknownTarget /target/0/id"]),
        (json!([solution("SOL-34104-EBB"), solution("SOL-15974-MQF")]), vec!["ambiguousTarget /target/1"]),
        (
            json!([solution("SOL-34104-EBB"), location("msft"), solution("SOL-0-X")]),
            vec!["ambiguousTarget /target/1", "unknownTarget /target/2/id"],
        ),
    ] {
        let answer = world.post(ALEX, edited(fixture(), &[("/target", target.clone())])).await;

        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{target}");
        assert_eq!(answer.problems(), problems, "{target}");
    }
    assert_eq!(world.stored().await.len(), 0);

    let several_of_one = json!([
        solution("sol-34104-ebb"),
        {"type": "None", "id": ""},
        location("C0A70001-0000-4000-8000-000000000001"),
    ]);
    let made = world.post(FAY, edited(fixture(), &[("/target", several_of_one)])).await.created();
    assert_eq!(made["organizationId"], CONTOSO);
    assert_eq!(made["target"].as_array().unwrap().len(), 2);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn the_owner_can_be_named_when_there_is_no_target(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let named = |id: &str| edited(own_deal(), &[("/organizationId", id.into())]);

    let fabrikams = world.post(ALEX, named(&FABRIKAM.to_uppercase())).await.created();
    let own = world.post(ALEX, named(CONTOSO)).await.created();
    let unknown = world.post(ALEX, named("99999999-9999-4999-8999-999999999999")).await;
    let beside_a_target = edited(fixture(), &[("/organizationId", FABRIKAM.into())]);
    let beside_a_target = world.post(ALEX, beside_a_target).await.created();

    assert_eq!((text(&fabrikams, "/organizationId"), text(&fabrikams, "/status")), (FABRIKAM, "New"));
    assert_eq!((text(&own, "/organizationId"), text(&own, "/status")), (CONTOSO, "Active"));
    assert_eq!(unknown.problems(), ["unknownTarget /organizationId"]);
    assert_eq!(beside_a_target["organizationId"], CONTOSO);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn the_status_that_is_sent_is_advice(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let sent = |status: Value, substatus: Value| {
        edited(fixture(), &[("/status", status), ("/substatus", substatus)])
    };

    for (status, substatus) in [
        (json!("New"), json!("Pending")),
        (json!("New"), json!("Received")),
        (json!("new"), json!("ACCEPTED")),
        (json!("Active"), json!("Accepted")),
        (json!(1), json!(3)),
        (json!(null), json!(null)),
        (json!("None"), json!("")),
    ] {
        let own = world.post(ALEX, sent(status.clone(), substatus.clone())).await.created();
        assert_eq!((text(&own, "/status"), text(&own, "/substatus")), ("Active", "Accepted"), "{status}");
        let anothers = world.post(FAY, sent(status.clone(), substatus)).await.created();
        assert_eq!((text(&anothers, "/status"), text(&anothers, "/substatus")), ("New", "Pending"));
    }
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn nothing_is_created_closed(#[case] backend: Backend) {
    let world = World::open(backend).await;
    for (status, substatus, problems) in [
        ("Closed", "Pending", vec!["invalidStatusTransition /status"]),
        ("Active", "Won", vec!["invalidStatusTransition /substatus"]),
        ("Closed", "Lost", vec!["invalidStatusTransition /status", "invalidStatusTransition /substatus"]),
        ("Open", "Pending", vec!["invalidValue /status"]),
    ] {
        let sent = edited(fixture(), &[("/status", status.into()), ("/substatus", substatus.into())]);

        let answer = world.post(ALEX, sent).await;

        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
        assert_eq!(answer.problems(), problems);
        let allowed = &answer.json()["error"]["details"][0]["allowed"];
        assert!(allowed.as_array().unwrap().contains(&"New".into()) || substatus == "Won", "{allowed}");
    }
    assert_eq!(world.stored().await.len(), 0);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn the_location_is_the_senders_own_and_in_its_scope(#[case] backend: Backend) {
    let world = World::open(backend).await;
    world.add_northwind().await;
    let south = LocationScope::Locations(vec![SOUTH_MPN.to_owned()]);
    let both = LocationScope::Locations(vec![NORTH_MPN.to_owned(), SOUTH_MPN.to_owned()]);
    world.add_user(NORTHWIND, "sam@northwind.example", &[Role::ReferralsUser], south).await;
    world.add_user(NORTHWIND, "bo@northwind.example", &[Role::ReferralsUser], both).await;
    let at = |mpn_id: Value| edited(own_deal(), &[("/mpnId", mpn_id)]);

    for (email, sent, stored) in [
        (NORA, at(json!(SOUTH_MPN)), SOUTH_MPN),
        (NORA, at(json!(7_000_002)), SOUTH_MPN),
        (NORA, own_deal(), NORTH_MPN),
        (NORA, at(json!("")), NORTH_MPN),
        ("sam@northwind.example", own_deal(), SOUTH_MPN),
        ("sam@northwind.example", at(json!(SOUTH_MPN)), SOUTH_MPN),
        ("bo@northwind.example", own_deal(), NORTH_MPN),
    ] {
        let made = world.post(email, sent).await.created();
        assert_eq!(made["mpnId"], stored, "{email}");
    }
    for (email, sent, allowed) in [
        (NORA, at(json!("4391227")), json!([NORTH_MPN, SOUTH_MPN])),
        ("sam@northwind.example", at(json!(NORTH_MPN)), json!([SOUTH_MPN])),
    ] {
        let answer = world.post(email, sent).await;
        assert_eq!(answer.problems(), ["invalidValue /mpnId"], "{email}");
        assert_eq!(answer.json()["error"]["details"][0]["allowed"], allowed);
        assert_eq!(answer.json()["error"]["details"][0]["rule"], "locationInScope");
    }
    let for_another = edited(fixture(), &[("/mpnId", "4391227".into())]);
    let for_another = world.post(NORA, for_another).await.created();
    assert_eq!(for_another["mpnId"], "4391227", "in another's record it names the owner's location");
    let letters = world.post(NORA, at(json!("12a"))).await;
    assert_eq!(letters.json()["error"]["details"][0]["rule"], "digits");
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn who_invited_is_kept_as_told_and_nobody_can_forge_it(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let told = json!({"organizationId": FABRIKAM, "organizationName": "Somebody else"});

    let made =
        world.post(ALEX, edited(own_deal(), &[("/inviteContext/invitedBy", told.clone())])).await.created();
    let silent = world.post(ALEX, without(own_deal(), "/inviteContext")).await.created();

    assert_eq!(made["inviteContext"]["invitedBy"], told);
    assert_eq!(
        silent["inviteContext"]["invitedBy"],
        json!({"organizationId": CONTOSO, "organizationName": "Contoso Company"})
    );
    let id = text(&made, "/id");
    assert_eq!(made["direction"], "Outgoing", "the server knows who made it");
    assert_eq!(world.get(FAY, id).await.status, StatusCode::NOT_FOUND);
    let stored = world.stored().await;
    let stored = stored.iter().find(|it| it.id.to_string() == id).unwrap();
    assert_eq!(stored.inviter.as_str(), CONTOSO);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_services_co_sell_names_role_area_and_play(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let role_alone = edited(fixture(), &[("/partnerRole", "solutiondesign".into())]);
    let attributes = json!({"attributes": [
        {"type": "solutionArea", "id": "Security"},
        {"type": "SolutionPlay", "id": "Data Security"},
        {"type": "customermarketplaceintent", "id": "havenotdecided"},
    ]});
    let whole = edited(role_alone.clone(), &[("/details/requirements/additionalRequirements", attributes)]);

    let refused = world.post(ALEX, role_alone).await;
    let made = world.post(ALEX, whole).await.created();

    assert_eq!(
        refused.problems(),
        ["requiredFieldMissing /solutionArea", "requiredFieldMissing /solutionPlay"]
    );
    assert_eq!(made["partnerRole"], "Solution design");
    assert_eq!(made["solutionArea"], "Security");
    assert_eq!(made["solutionPlay"], "Data Security");
    let attributes = &made["details"]["requirements"]["additionalRequirements"]["attributes"];
    assert_eq!(attributes[2], json!({"type": "CustomerMarketplaceIntent", "id": "HaveNotDecided"}));
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn an_operator_can_ask_for_less(#[case] backend: Backend) {
    let world = World::with(backend, |config| {
        config.rules.require_deal_fields = false;
        config.rules.require_consent = false;
        config.links.quote_engagement_id = true;
    })
    .await;
    let bare = json!({
        "type": "Independent",
        "customerProfile": {"name": "C", "address": {"addressLine1": "1", "city": "X", "country": "DE"}},
        "consent": {},
        "details": {},
    });

    let own = world.post(ALEX, &bare).await.created();
    let invitation = edited(bare, &[("/target", fixture()["target"].clone())]);
    let invitation = world.post(FAY, invitation).await.created();

    assert_eq!(own["team"], json!([]));
    assert_eq!(invitation["organizationId"], CONTOSO);
    let filter = format!("engagementId eq '{}'", text(&own, "/engagementId"));
    assert!(text(&own, "/links/relatedReferrals/uri").ends_with(&filter));
}
