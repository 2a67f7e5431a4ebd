//! Refusals: every problem is named at its place, all at once, and nothing is stored.

use std::collections::BTreeSet;

use http::StatusCode;
use proptest::{
    prelude::*,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use rstest::rstest;
use serde_json::{Value, json};

use crate::world::*;

/// Everything that a create call leaves in the database.
async fn rows(world: &World) -> [i64; 4] {
    let count = |table| world.database.count(table);
    [
        count("referrals").await,
        count("referral_team").await,
        count("changes").await,
        count("idempotency").await,
    ]
}

const NOTHING: [i64; 4] = [0; 4];

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn each_required_member_is_missed_at_its_place(#[case] backend: Backend) {
    let world = World::open(backend).await;
    for pointer in [
        "/type",
        "/name",
        "/customerProfile",
        "/customerProfile/name",
        "/customerProfile/address/addressLine1",
        "/customerProfile/address/city",
        "/customerProfile/address/country",
        "/consent",
        "/details",
        "/details/dealValue",
        "/details/currency",
        "/details/closingDateTime",
        "/details/requirements/solutions",
        "/team",
        "/team/0/firstName",
        "/team/0/lastName",
        "/team/0/phoneNumber",
        "/team/0/email",
    ] {
        let is_text = fixture().pointer(pointer).unwrap().is_string();
        let mut bodies = vec![without(fixture(), pointer), edited(fixture(), &[(pointer, Value::Null)])];
        bodies.extend(is_text.then(|| edited(fixture(), &[(pointer, "".into())])));
        for body in bodies {
            let answer = world.post_with(ALEX, &[("idempotency-key", "k")], &body).await;

            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{pointer}: {body}");
            assert_eq!(answer.problems(), [format!("requiredFieldMissing {pointer}")]);
            let error = &answer.json()["error"];
            assert_eq!(error["code"], "invalidRequest");
            assert_eq!(error["target"], pointer);
            assert_eq!(error["innerError"]["code"], "requiredFieldMissing");
            assert_eq!(error["details"][0]["rule"], "required");
        }
    }
    for pointer in ["/customerProfile/address", "/details/requirements"] {
        let answer = world.post(ALEX, without(fixture(), pointer)).await;

        let problems = answer.problems();
        let below = format!("requiredFieldMissing {pointer}/");
        assert!(!problems.is_empty() && problems.iter().all(|it| it.starts_with(&below)), "{problems:?}");
    }
    assert_eq!(rows(&world).await, NOTHING);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn microsofts_help_needs_contacts_and_consent(#[case] backend: Backend) {
    let world = World::open(backend).await;
    for (edit, problem) in [
        (("/customerProfile/team", json!([])), "requiredFieldMissing /customerProfile/team"),
        (("/customerProfile/team/1/email", json!("")), "requiredFieldMissing /customerProfile/team/1/email"),
        (
            ("/consent/consentToToShareInfoWithOthers", json!(false)),
            "consentMissing /consent/consentToToShareInfoWithOthers",
        ),
        (
            ("/consent/consentToToShareInfoWithOthers", json!(null)),
            "consentMissing /consent/consentToToShareInfoWithOthers",
        ),
    ] {
        let answer = world.post(ALEX, edited(to_location("msft"), std::slice::from_ref(&edit))).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{edit:?}");
        assert_eq!(answer.problems(), [problem]);
        assert_eq!(rows(&world).await, NOTHING);
    }
    for edit in
        [("/customerProfile/team", json!([])), ("/consent/consentToToShareInfoWithOthers", json!(false))]
    {
        let own = world.post(ALEX, edited(own_deal(), &[edit])).await;
        assert_eq!(own.status, StatusCode::OK, "an own deal needs neither");
    }
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn each_mistyped_member_is_named_with_what_was_sent(#[case] backend: Backend) {
    let world = World::open(backend).await;
    for (pointer, value, rule) in [
        ("/name", json!(1), "type"),
        ("/type", json!(true), "type"),
        ("/type", json!("Private"), "vocabulary"),
        ("/type", json!(2), "vocabulary"),
        ("/status", json!([]), "type"),
        ("/substatus", json!("Engaged"), "vocabulary"),
        ("/statusReason", json!({}), "type"),
        ("/qualification", json!("Qualified"), "vocabulary"),
        ("/engagementId", json!("37ef26aa"), "guid"),
        ("/engagementId", json!(7), "type"),
        ("/organizationId", json!("microsoft"), "organizationId"),
        ("/target", json!("msft"), "type"),
        ("/target/0", json!("msft"), "type"),
        ("/target/0/type", json!("Profile"), "vocabulary"),
        ("/target/0/id", json!(5), "type"),
        ("/customerProfile", json!([]), "type"),
        ("/customerProfile/size", json!("huge"), "vocabulary"),
        ("/customerProfile/team", json!({}), "type"),
        ("/customerProfile/team/1", json!("Joe"), "type"),
        ("/customerProfile/team/0/email", json!("sue at contoso"), "email"),
        ("/customerProfile/team/0/phoneNumber", json!(1_234_567_890), "type"),
        ("/customerProfile/team/0/contactPreference", json!("en-us"), "type"),
        ("/customerProfile/team/0/contactPreference/locale", json!("english please"), "locale"),
        ("/customerProfile/team/0/contactPreference/disableNotifications", json!("maybe"), "type"),
        ("/customerProfile/address/country", json!("Germany"), "country"),
        ("/customerProfile/address/postalCode", json!(98052), "type"),
        ("/customerProfile/ids", json!("6-ABC"), "type"),
        ("/consent", json!(true), "type"),
        ("/consent/consentToContact", json!("yes"), "type"),
        ("/consent/consentToContact", json!(1), "type"),
        ("/details", json!([[]]), "type"),
        ("/details/notes", json!(["a"]), "type"),
        ("/details/dealValue", json!("a lot"), "decimal"),
        ("/details/dealValue", json!("1e400"), "decimal"),
        ("/details/dealValue", json!(-0.01), "notNegative"),
        ("/details/dealValue", json!(true), "type"),
        ("/details/currency", json!("EURO"), "currency"),
        ("/details/closingDateTime", json!("next year"), "dateTime"),
        ("/details/closingDateTime", json!("2026-02-30T00:00:00Z"), "dateTime"),
        ("/details/closingDateTime", json!(1_795_339_800), "type"),
        ("/details/requirements", json!(0), "type"),
        ("/details/requirements/industries", json!("Manufacturing"), "type"),
        ("/details/requirements/products/0/id", json!(null), "required"),
        ("/details/requirements/solutions/0/id", json!(3), "type"),
        ("/details/requirements/solutions/0/type", json!("Product"), "vocabulary"),
        ("/team/0", json!(null), "type"),
        ("/inviteContext", json!("hello"), "type"),
        ("/inviteContext/invitedBy", json!("msft"), "type"),
        ("/inviteContext/assistanceRequestCode", json!("Help"), "vocabulary"),
    ] {
        let answer = world.post(ALEX, edited(fixture(), &[(pointer, value.clone())])).await;

        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{pointer} {value}: {}", answer.text());
        let detail = answer.json()["error"]["details"][0].clone();
        assert_eq!((text(&detail, "/target"), text(&detail, "/rule")), (pointer, rule), "{value}: {detail}");
        assert!(!text(&detail, "/message").is_empty());
        assert_eq!(rule == "vocabulary", detail.get("allowed").is_some(), "{detail}");
    }
    assert_eq!(rows(&world).await, NOTHING);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn limits_hold_at_their_edge_and_count_characters(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let person = fixture()["team"][0].clone();
    let solution = fixture()["details"]["requirements"]["solutions"][0].clone();
    let people = |count: usize| Value::Array(vec![person.clone(); count]);
    let solutions = |count: usize| Value::Array(vec![solution.clone(); count]);
    let letters = |count: usize| Value::String("🤝".repeat(count));
    for (pointer, largest, too_large) in [
        ("/name", letters(256), letters(257)),
        ("/customerProfile/name", letters(256), letters(257)),
        ("/details/notes", letters(10_000), letters(10_001)),
        ("/statusReason", letters(10_000), letters(10_001)),
        ("/inviteContext/notes", letters(10_000), letters(10_001)),
        ("/customerProfile/address/city", letters(256), letters(257)),
        ("/externalReferenceId", letters(256), letters(257)),
        ("/team/0/firstName", letters(256), letters(257)),
        ("/team", people(50), people(51)),
        ("/customerProfile/team", people(50), people(51)),
        ("/details/requirements/solutions", solutions(50), solutions(51)),
    ] {
        let before = rows(&world).await;
        let refused = world.post(ALEX, edited(own_deal(), &[(pointer, too_large)])).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{pointer}");
        assert_eq!(refused.problems(), [format!("tooLong {pointer}")]);
        assert_eq!(rows(&world).await, before);

        let accepted = world.post(ALEX, edited(own_deal(), &[(pointer, largest.clone())])).await.created();
        let kept = accepted.pointer(pointer).unwrap();
        match largest {
            Value::Array(items) => assert_eq!(kept.as_array().unwrap().len(), items.len()),
            letters => assert_eq!(*kept, letters, "{pointer}"),
        }
    }
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_body_that_is_no_acceptable_document_says_where(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let nested = format!("{{\"notes\":{}{}}}", "[".repeat(100), "]".repeat(100));
    let bottomless = "[".repeat(200_000);
    let items = format!("{{\"team\":[{}0]}}", "0,".repeat(1000));
    let second_type =
        FIXTURE.replacen("\"type\": \"Shared\"", "\"type\": \"Shared\",\n  \"type\": \"Shared\"", 1);
    for (body, code, words) in [
        ("", "malformedBody", "the body is empty"),
        (" \n ", "malformedBody", "the body is empty"),
        ("{", "malformedBody", "line 1, column"),
        ("{\"type\":\"Shared\",}", "malformedBody", "line 1, column 18"),
        ("{\"type\":'Shared'}", "malformedBody", "line 1, column"),
        ("{} {}", "malformedBody", "line 1, column"),
        ("{\"name\":\"\\ud83e\"}", "malformedBody", "a lone surrogate"),
        ("{\"name\":\"\\udd1d x\"}", "malformedBody", "a lone surrogate"),
        ("{\"name\":\"a\0b\"}", "malformedBody", "line 1, column"),
        ("{\"name\":NaN}", "malformedBody", "line 1, column"),
        ("{\"name\":01}", "malformedBody", "line 1, column"),
        (nested.as_str(), "tooLong", "nested deeper than 32 levels"),
        (bottomless.as_str(), "tooLong", "nested deeper than 32 levels"),
        (items.as_str(), "tooLong", "more than 1000 items"),
        (second_type.as_str(), "duplicateMember", "member \"type\" stands twice in one object, at line 8"),
    ] {
        let answer = world.post_with(ALEX, &[("idempotency-key", "k")], body).await;

        let start = body.chars().take(60).collect::<String>();
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{start}");
        let error = &answer.json()["error"];
        assert_eq!(error["innerError"]["code"], code, "{start}: {error}");
        assert!(text(error, "/message").contains(words), "{start}: {error}");
        assert_eq!(rows(&world).await, NOTHING);
    }
    for (body, kind) in [("[]", "an array"), ("\"x\"", "a string"), ("null", "null"), ("7", "a number")] {
        let answer = world.post(ALEX, body).await;
        assert_eq!(answer.problems()[0], "invalidValue ", "{body}");
        assert!(text(&answer.json(), "/error/details/0/message").contains(kind), "{}", answer.text());
    }
    assert_eq!(rows(&world).await, NOTHING);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn bytes_that_are_not_utf_8_are_refused(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let mut body = FIXTURE.as_bytes().to_vec();
    body[20] = 0xff;
    let token = world.token(ALEX).await;
    let request =
        with_headers(http::Method::POST, REFERRALS, &[("authorization", &format!("Bearer {token}"))]);

    let answer = world.send(request.body(body.into()).unwrap()).await;

    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert!(text(&answer.json(), "/error/message").contains("byte 20"), "{}", answer.text());
    assert_eq!(rows(&world).await, NOTHING);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn an_escaped_nul_is_refused_at_its_member(#[case] backend: Backend) {
    let world = World::open(backend).await;
    for pointer in ["/name", "/details/notes", "/team/0/lastName", "/customerProfile/address/city"] {
        let answer = world.post(ALEX, edited(fixture(), &[(pointer, "a\0b".into())])).await;

        assert_eq!(answer.problems(), [format!("invalidValue {pointer}")]);
        assert_eq!(answer.json()["error"]["details"][0]["rule"], "noNul");
    }
    assert_eq!(rows(&world).await, NOTHING);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn two_mebibytes_of_notes_are_too_large(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let notes = "n".repeat(2 * 1024 * 1024);

    let answer = world.post(ALEX, edited(fixture(), &[("/details/notes", notes.into())])).await;

    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    let error = &answer.json()["error"];
    assert_eq!((text(error, "/code"), text(error, "/innerError/code")), ("invalidRequest", "bodyTooLarge"));
    assert!(text(error, "/message").contains("1048576"));
    assert_eq!(rows(&world).await, NOTHING);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn two_spellings_of_one_member_are_a_duplicate(#[case] backend: Backend) {
    let world = World::open(backend).await;
    for (pointer, value) in [
        ("/Status", json!("New")),
        ("/customerprofile", fixture()["customerProfile"].clone()),
        ("/team/0/EMAIL", json!("john.doe@microsoft.com")),
        ("/consent/consentToShareInfoWithOthers", json!(true)),
        ("/details/requirements/solutions/0/Id", json!("x")),
        ("/referralType", json!("Shared")),
    ] {
        let answer = world.post(ALEX, edited(fixture(), &[(pointer, value)])).await;

        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{pointer}");
        assert_eq!(answer.problems(), [format!("duplicateMember {pointer}")]);
    }
    assert_eq!(rows(&world).await, NOTHING);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn all_problems_come_at_once(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let sent = edited(
        without(without(fixture(), "/name"), "/consent"),
        &[
            ("/status", "Closed".into()),
            ("/type", "Public".into()),
            ("/target/0/id", "SOL-00000-NIL".into()),
            ("/customerProfile/address/country", "Atlantis".into()),
            ("/details/dealValue", json!(-1)),
            ("/details/currency", "gold".into()),
            ("/details/requirements/solutions", json!([{"type": "Name"}])),
            ("/team/0/email", "nobody".into()),
            ("/mpnId", "12345".into()),
            ("/engagementId", "99999999-9999-4999-8999-999999999999".into()),
        ],
    );

    let answer = world.post(ALEX, sent).await;

    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    insta::assert_json_snapshot!("all_problems_at_once", answer.json());
    assert_eq!(rows(&world).await, NOTHING);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_body_that_says_it_is_no_json_is_refused(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let token = world.token(ALEX).await;
    for (content_type, status) in [
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
        ("application/json; charset=utf-8", 200),
        ("Application/JSON;odata.metadata=minimal", 200),
        ("application/vnd.contoso+json", 200),
    ] {
        let headers = [("authorization", &*format!("Bearer {token}")), ("content-type", content_type)];
        let request = with_headers(http::Method::POST, REFERRALS, &headers);

        let answer = world.send(request.body(FIXTURE.into()).unwrap()).await;

        assert_eq!(answer.status, status, "{content_type}: {}", answer.text());
        if status == 415 {
            assert_eq!(answer.json()["error"]["innerError"]["code"], "unsupportedMediaType");
            assert_eq!(rows(&world).await, NOTHING);
        }
    }
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_key_that_cannot_be_kept_is_refused(#[case] backend: Backend) {
    let world = World::open(backend).await;
    for key in ["", &"k".repeat(256)] {
        let answer = world.post_with(ALEX, &[("idempotency-key", key)], FIXTURE).await;

        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
        assert_eq!(answer.json()["error"]["innerError"]["code"], "invalidHeader");
    }
    assert_eq!(rows(&world).await, NOTHING);
}

/// The documented call with every optional member that is read.
fn full() -> Value {
    edited(
        fixture(),
        &[
            ("/externalReferenceId", "CRM-1".into()),
            ("/campaignId", "spring".into()),
            ("/salesStage", "10".into()),
            ("/mpnId", "4391227".into()),
            ("/partnerRole", "Solution design".into()),
            ("/solutionArea", "Security".into()),
            ("/solutionPlay", "Data Security".into()),
            ("/customerMarketplaceIntent", "Yes".into()),
            ("/customerProfile/ids", json!([{"profileType": "Duns", "id": "81466849"}])),
            ("/customerProfile/address/region", "North".into()),
            ("/customerProfile/team/0/title", "CIO".into()),
            ("/details/customerRequestedContact", true.into()),
            ("/details/customerAction", "Contact me".into()),
            ("/details/incentiveLevel", "1".into()),
            ("/details/requirements/offers", json!([{"id": "o", "name": "Offer"}])),
            ("/details/requirements/salesPlays", json!([{"id": "p"}])),
            ("/details/requirements/solutions/0/price", json!(10)),
            ("/details/requirements/solutions/0/quantity", json!(2)),
            ("/details/requirements/solutions/0/currency", "EUR".into()),
            ("/details/requirements/solutions/0/publisherName", "Contoso".into()),
            ("/details/requirements/solutions/0/solutionType", "3P".into()),
            ("/details/requirements/solutions/0/closingDateTime", "2026-12-31T00:00:00Z".into()),
            (
                "/details/requirements/additionalRequirements",
                json!({
                    "iot": {
                        "customerLicenseAgreementNumber": "1", "deviceCategory": "Gateway",
                        "siliconType": "Others", "azureCertifiedDevice": true, "attachServices": false
                    },
                    "attributes": [{"type": "CustomerMarketplaceIntent", "id": "Yes"}]
                }),
            ),
            ("/inviteContext/assistanceRequestCode", "GeneralOrOther".into()),
            ("/inviteContext/invitedMpnId", "4391227".into()),
            ("/inviteContext/invitedBy/organizationName", "Microsoft".into()),
        ],
    )
}

fn pointers(value: &Value, pointer: &str, found: &mut Vec<String>) {
    found.push(pointer.to_owned());
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                pointers(value, &format!("{pointer}/{name}"), found);
            }
        }
        Value::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                pointers(value, &format!("{pointer}/{index}"), found);
            }
        }
        _ => {}
    }
}

/// Stands for a number that JSON can write and `serde_json` cannot hold.
const HUGE: &str = "@1e400@";

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn any_value_at_any_place_is_accepted_or_refused_at_a_place_that_exists(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let full = full();
    let made = world.post(ALEX, &full).await.created();
    let mut made_ids = BTreeSet::from([text(&made, "/id").to_owned()]);
    let mut places = Vec::new();
    pointers(&full, "", &mut places);
    let values = [
        json!(null),
        json!(true),
        json!(0),
        json!(-1),
        json!(HUGE),
        json!(""),
        json!("x"),
        json!([]),
        json!({}),
        json!([[]]),
        json!({"a": {}}),
    ];

    for pointer in &places {
        for value in &values {
            let sent = match pointer.as_str() {
                "" => value.clone(),
                pointer => edited(full.clone(), &[(pointer, value.clone())]),
            };
            let body = sent.to_string().replace(&format!("\"{HUGE}\""), "1e400");
            let answer = world.post(ALEX, body).await;

            if answer.status == StatusCode::OK {
                made_ids.insert(text(&answer.json(), "/id").to_owned());
                continue;
            }
            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{pointer} {value}: {}", answer.text());
            let error = answer.json()["error"].clone();
            let details = error["details"].as_array().cloned().unwrap_or_default();
            assert!(!details.is_empty(), "{pointer} {value}: {error}");
            for detail in details {
                let (target, code) = (text(&detail, "/target"), text(&detail, "/code"));
                let is_missed = ["requiredFieldMissing", "consentMissing"].contains(&code)
                    && full.pointer(target).is_some();
                assert!(sent.pointer(target).is_some() || is_missed, "{pointer} {value}: {detail}");
            }
        }
    }
    let stored: BTreeSet<String> = world.stored().await.iter().map(|it| it.id.to_string()).collect();
    assert_eq!(stored, made_ids);
    let [referrals, _, changes, _] = rows(&world).await;
    assert_eq!(referrals, changes);
}

fn any_json() -> impl Strategy<Value = Value> {
    let mut places = Vec::new();
    pointers(&full(), "", &mut places);
    let names: BTreeSet<String> =
        places.iter().filter_map(|it| it.rsplit('/').next()).map(str::to_owned).collect();
    let names: Vec<String> = names.into_iter().collect();
    let name = prop_oneof![4 => prop::sample::select(names), 1 => ".{0,8}"];
    let scalar = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,24}".prop_map(Value::from),
        prop::sample::select(vec!["Shared", "New", "msft", "USD", "US", "2026-01-01", "a@b.example", "1.50"])
            .prop_map(Value::from),
    ];
    scalar.prop_recursive(6, 96, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((name.clone(), inner), 0..8)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// Returns a runner that makes the same cases in every run.
fn runner(cases: u32) -> TestRunner {
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha))
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
fn no_json_makes_the_server_fail(#[case] backend: Backend) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let world = runtime.block_on(World::open(backend));
    let place = prop::sample::select({
        let mut places = Vec::new();
        pointers(&full(), "", &mut places);
        places
    });

    let outcome = runner(400).run(&(place, any_json()), |(pointer, value)| {
        let sent = match pointer.as_str() {
            "" => value,
            pointer => edited(full(), &[(pointer, value)]),
        };
        let answer = runtime.block_on(world.post(ALEX, sent));
        prop_assert!(answer.status == 200 || answer.status.is_client_error(), "{}", answer.text());
        Ok(())
    });

    assert!(outcome.is_ok(), "{outcome:?}");
    runtime.block_on(async {
        let [referrals, _, changes, _] = rows(&world).await;
        assert_eq!(referrals, changes);
    });
    drop(world);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
fn no_bytes_make_the_server_fail(#[case] backend: Backend) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let world = runtime.block_on(World::open(backend));
    let token = runtime.block_on(world.token(ALEX));
    let edits = prop::collection::vec((0..FIXTURE.len(), any::<u8>()), 1..4);

    let outcome = runner(400).run(&(edits, any::<Option<prop::sample::Index>>()), |(edits, cut)| {
        let mut body = FIXTURE.as_bytes().to_vec();
        for (index, byte) in edits {
            body[index] = byte;
        }
        if let Some(cut) = cut {
            body.truncate(cut.index(FIXTURE.len()));
        }
        let headers = [("authorization", &*format!("Bearer {token}"))];
        let request = with_headers(http::Method::POST, REFERRALS, &headers).body(body.into()).unwrap();
        let answer = runtime.block_on(world.send(request));
        prop_assert!(answer.status == 200 || answer.status == 400, "{}", answer.text());
        Ok(())
    });

    assert!(outcome.is_ok(), "{outcome:?}");
    drop(world);
}
