//! The samples of Microsoft's pages (2018 to 2024) and of the wire, played as their readers would play them.

use http::{Method, StatusCode};
use rstest::rstest;
use serde_json::{Value, json};

use super::FABRIKAMS;
use crate::world::*;

/// The minimal sample ("Create a referral", 2024): a deal that is nobody else's.
const PRIVATE: &str = include_str!("../../data/sample-private.json");
/// The co-sell sample ("Create a referral", 2019), second step.
const COSELL_MICROSOFT: &str = include_str!("../../data/sample-cosell-microsoft.json");
/// The same in the form of 2018.
const COSELL_MICROSOFT_2018: &str = include_str!("../../data/sample-cosell-microsoft-2018.json");
/// A marketplace lead ("Get a referral by ID", 2019), as it is made.
const LEAD: &str = include_str!("../../data/sample-lead.json");
/// The full shape of 2022, with values of ours.
const FULL: &str = include_str!("../../data/sample-full.json");

const FLAG: &str = "/consent/consentToShareReferralWithMicrosoftSellers";

fn sample(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// Lists the names of members with the kind of each value, at every depth; lists are entered at their first item.
fn shape(value: &Value, path: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                found.push(format!("{path}/{name}"));
                shape(value, &format!("{path}/{name}"), found);
            }
        }
        Value::Array(items) => items.iter().take(1).for_each(|it| shape(it, &format!("{path}/0"), found)),
        _ => {}
    }
}

fn names(value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    shape(value, "", &mut found);
    found
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn the_private_sample_is_made_and_upgraded(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let made = world.post(ALEX, PRIVATE).await.created();
    let id = text(&made, "/id");

    assert_eq!((text(&made, "/status"), text(&made, "/substatus")), ("Active", "Accepted"));
    assert_eq!(made.pointer(FLAG), Some(&json!(false)));
    assert_eq!(made["consent"]["consentToMicrosoftToContactSpecificPartners"], true);
    let attribute = &made["details"]["requirements"]["additionalRequirements"]["attributes"][0];
    assert_eq!(*attribute, json!({"type": "CustomerMarketplaceIntent", "id": "HaveNotDecided"}));
    assert_eq!(world.get(MIA, id).await.status, StatusCode::NOT_FOUND);

    let upgrade = json!([{"op": "replace", "path": FLAG, "value": true}]);
    assert_eq!(world.patch(ALEX, id, &[], upgrade).await.status, StatusCode::NO_CONTENT);
    assert_eq!(world.get(MIA, id).await.status, StatusCode::OK);
    let partner_led = edited(sample(PRIVATE), &[(FLAG, true.into())]);
    let made = world.post(ALEX, partner_led).await.created();
    assert_eq!(world.get(MIA, text(&made, "/id")).await.status, StatusCode::OK);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn the_co_sell_samples_make_one_engagement(#[case] backend: Backend) {
    let world = World::open(backend).await;
    for second in [COSELL_MICROSOFT, COSELL_MICROSOFT_2018] {
        let own = world.post(ALEX, FIXTURE).await.created();
        let mut second = sample(second);
        let members = second.as_object_mut().unwrap();
        let spelled = members.keys().find(|it| it.to_lowercase().ends_with("mentid")).unwrap().clone();
        members[&spelled] = own["engagementId"].clone();

        let microsofts = world.post(ALEX, &second).await.created();

        assert_ne!(microsofts["id"], own["id"]);
        assert_eq!(microsofts["engagementId"], own["engagementId"]);
        assert_eq!(
            (text(&microsofts, "/organizationId"), text(&microsofts, "/organizationName")),
            ("msft", "Microsoft")
        );
        assert_eq!((text(&microsofts, "/status"), text(&microsofts, "/substatus")), ("New", "Pending"));
        assert_eq!(text(&microsofts, "/expirationDateTime"), "2026-12-06T00:00:00Z");
        assert_eq!(microsofts["consent"]["consentToContact"], true);
        assert_eq!(text(&microsofts, "/team/0/email"), "luke.johnson@fabrikam.com");
        assert_eq!(world.post(ALEX, second).await.status, StatusCode::CONFLICT);
    }
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn partners_are_invited_each_with_its_share(#[case] backend: Backend) {
    let world = World::open(backend).await;
    world.add_northwind().await;
    let own = world.post(ALEX, FIXTURE).await.created();
    for (viewer, location, value, currency) in
        [(FAY, FABRIKAMS, 30_000, "EUR"), (NORA, "0e0e0e0e-0000-4000-8000-000000000011", 12_000, "GBP")]
    {
        let invitation = edited(
            to_location(location),
            &[
                ("/engagementId", own["engagementId"].clone()),
                ("/details/dealValue", json!(value)),
                ("/details/currency", currency.into()),
                (
                    "/inviteContext",
                    json!({"notes": "Your part", "assistanceRequestCode": "QuotesOrLicensing"}),
                ),
            ],
        );
        let made = world.post(ALEX, invitation).await.created();

        let seen = world.get(viewer, text(&made, "/id")).await.json();
        assert_eq!((text(&seen, "/direction"), text(&seen, "/substatus")), ("Incoming", "Pending"));
        assert_eq!(
            (&seen["details"]["dealValue"], text(&seen, "/details/currency")),
            (&json!(value), currency)
        );
        assert_eq!(text(&seen, "/inviteContext/invitedBy/organizationId"), CONTOSO);
    }
    let engagement = own["engagementId"].as_str().unwrap();
    let of_it = world.stored().await.iter().filter(|it| it.engagement_id.to_string() == engagement).count();
    assert_eq!(of_it, 3);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_marketplace_lead_reads_as_the_sample_does(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let lead = sample(LEAD);
    let location = ("/target/0/id", "c0a70001-0000-4000-8000-000000000001".into());
    let sent = edited(without(lead.clone(), "/engagementId"), &[location]);

    let made = world.post(MIA, sent).await.created();

    let seen = world.get(ALEX, text(&made, "/id")).await.json();
    assert_eq!((text(&seen, "/direction"), text(&seen, "/qualification")), ("Incoming", "Direct"));
    assert_eq!((text(&seen, "/status"), text(&seen, "/substatus")), ("New", "Pending"));
    for pointer in [
        "/customerProfile/name",
        "/customerProfile/size",
        "/customerProfile/team/0/email",
        "/details/notes",
        "/details/requirements/products/0/id",
    ] {
        assert_eq!(seen.pointer(pointer), lead.pointer(pointer), "{pointer}");
    }
    let all = names(&seen);
    for name in names(&lead) {
        assert!(all.contains(&name), "{name} is missing");
    }
    let path = format!("{REFERRALS}/{}", text(&made, "/id"));
    let actions = world.get_path(ALEX, &format!("{path}/actions"), &[]).await.json();
    assert_eq!(text(&actions, "/category"), "Marketplace lead");
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn the_full_shape_is_written_and_read_and_closed(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let full = sample(FULL);
    let ids = ("/customerProfile/ids", full["customerProfile"]["ids"].clone());
    let connected = edited(own_deal(), &[("/type", "Shared".into()), ids]);
    let made = world.post(ALEX, connected).await.created();
    let id = text(&made, "/id");
    let read = world.get(ALEX, id).await.json();
    let mut order = names(&without(read.clone(), "/@odata.context"));
    order.retain(|it| it.matches('/').count() == 1);
    let mut expected = names(&full);
    expected.retain(|it| it.matches('/').count() == 1);
    assert_eq!(order[..expected.len()], expected, "the members stand in the order of the wire");
    let missing: Vec<_> = names(&full).into_iter().filter(|it| !names(&read).contains(it)).collect();
    assert_eq!(missing, [""; 0], "every member of the sample is there");

    // Read, remove links, close, write ("Update a referral", 2019).
    let tag = text(&read, "/eTag").to_owned();
    let won = edited(without(read, "/links"), &[("/status", "Closed".into()), ("/substatus", "Won".into())]);
    let closed = world.put(ALEX, id, &[("if-match", &tag)], &won).await;
    let again = world.put(ALEX, id, &[("if-match", &tag)], &won).await;

    let closed = closed.created();
    assert_eq!((text(&closed, "/status"), text(&closed, "/substatus")), ("Closed", "Won"));
    assert_ne!(text(&closed, "/eTag"), tag);
    assert_eq!(again.status, StatusCode::PRECONDITION_FAILED);
    assert_eq!(again.json()["error"]["code"], "preconditionFailed");
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_document_of_2022_is_taken_from_another_system(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let full = edited(sample(FULL), &[("/engagementId", Value::Null), ("/mpnId", "4391227".into())]);

    let made = world.post_with(ALEX, &[("prefer", "report=changes")], full.clone()).await.created();

    let rules = made["@liaison.report"]["ignored"].as_array().unwrap();
    assert!(rules.iter().all(|it| it["rule"] == "readOnlyMember"), "{rules:?}");
    for pointer in [
        "/name",
        "/qualification",
        "/type",
        "/customerProfile/name",
        "/customerProfile/ids",
        "/customerProfile/team",
        "/consent",
        "/details",
        "/team",
        "/inviteContext",
    ] {
        assert_eq!(made.pointer(pointer), full.pointer(pointer), "{pointer}");
    }
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn the_patches_of_the_pages_do_what_the_pages_say(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let made = world.post(ALEX, FIXTURE).await.created();
    let id = text(&made, "/id");
    let value = json!({"op": "replace", "path": "/details/dealValue", "value": "10000"});
    let jane = json!({"email": "jane.doe@contoso.com", "firstName": "Jane", "lastName": "Doe", "phoneNumber": "0000000001"});
    let join = json!([value, {"op": "add", "path": "/team/-", "value": jane}]);
    let notes =
        json!([value, {"op": "replace", "path": "/details/notes", "value": "Lorem ipsum dolor sit amet."}]);
    let won = json!([{"op": "replace", "path": "/status", "value": "Closed"}, {"op": "replace", "path": "/substatus", "value": "Won"}]);

    let joined = world.patch(ALEX, id, &[], join).await;
    let noted = world.patch(ALEX, id, &[("prefer", "return=representation")], notes).await;
    let closed = world.patch(ALEX, id, &[], won).await;

    for answer in [&joined, &closed] {
        assert_eq!((answer.status, answer.text()), (StatusCode::NO_CONTENT, ""));
        assert!(!answer.header("request-id").is_empty());
    }
    assert_eq!(noted.created()["details"]["notes"], "Lorem ipsum dolor sit amet.");
    let seen = world.get(ALEX, id).await.json();
    assert_eq!(
        (&seen["details"]["dealValue"], text(&seen, "/team/1/email")),
        (&json!(10000), "jane.doe@contoso.com")
    );
    assert_eq!(text(&seen, "/substatus"), "Won");

    for (state, substatus, reason) in
        [("Active", "Accepted", None), ("Closed", "Declined", Some("No capacity"))]
    {
        let sent = world.post(ALEX, to_location(FABRIKAMS)).await.created();
        let mut operations = vec![
            json!({"op": "replace", "path": "/status", "value": state}),
            json!({"op": "replace", "path": "/substatus", "value": substatus}),
        ];
        operations.extend(reason.map(|it| json!({"op": "replace", "path": "/statusReason", "value": it})));
        let answered = world.patch(FAY, text(&sent, "/id"), &[], json!(operations)).await;
        assert_eq!(answered.status, StatusCode::NO_CONTENT, "{}", answered.text());
    }
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_deal_registration_is_said_to_be_no_path_yet(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let made = world.post(ALEX, FIXTURE).await.created();
    let registration = json!({"type": "AzureIPCoSell", "solutionDetails": [{"id": "SOL-34104-EBB", "currency": "USD",
        "value": 40000}], "contract": {"currency": "USD", "value": 50000, "term": "Finite"}});
    for operations in [
        json!([{"op": "add", "path": "/registrations/-", "value": registration}]),
        json!([{"op": "replace", "path": "/registrations/0/contract/endDateTime", "value": "2025-05-31T00:00:00Z"}]),
    ] {
        for end in ["/", "//"] {
            let path = format!("{REFERRALS}/{}{end}", text(&made, "/id"));
            let refused = world.send_json(Method::PATCH, ALEX, &path, &[], &operations).await;
            assert_eq!(
                (refused.status, refused.problems()),
                (StatusCode::BAD_REQUEST, vec!["unsupportedPatchPath /0/path".to_owned()])
            );
        }
    }
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_refusal_has_the_documented_envelope(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let sent = world.post(ALEX, to_location(FABRIKAMS)).await.created();

    let refused = world.act(ALEX, text(&sent, "/id"), "accept", "").await;

    let error = refused.json()["error"].clone();
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert_eq!((text(&error, "/code"), text(&error, "/target")), ("accessDenied", "referral"));
    assert!(!text(&error, "/message").is_empty() && !text(&error, "/innerError/code").is_empty());
    assert!(!text(&error, "/innerError/message").is_empty());
}
