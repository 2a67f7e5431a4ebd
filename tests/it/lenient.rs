//! Reading leniently and writing canonically: many spellings come in, one document goes out, exact where it counts.

use rstest::rstest;
use serde_json::{Value, json};

use crate::world::*;

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn decimals_keep_the_digits_that_were_sent(#[case] backend: Backend) {
    let world = World::open(backend).await;
    for (sent, kept) in [
        ("50000", "50000"),
        ("1234.50", "1234.50"),
        ("0.10", "0.10"),
        ("0", "0"),
        ("1e4", "1e4"),
        ("\"10000\"", "10000"),
        ("\" 99.90 \"", "99.90"),
        ("1234567890123456789012345.678", "1234567890123456789012345.678"),
    ] {
        let body = FIXTURE.replace("\"dealValue\": 50000", &format!("\"dealValue\": {sent}"));

        let made = world.post(ALEX, body).await;

        let member = format!("\"dealValue\":{kept},");
        let id = text(&made.created(), "/id").to_owned();
        assert!(made.text().contains(&member), "{sent}: {}", made.text());
        assert!(world.get(ALEX, &id).await.text().contains(&member), "{sent}");
    }
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn texts_are_kept_exactly(#[case] backend: Backend) {
    let world = World::open(backend).await;
    for kept in [
        "deal 🤝🏽 👩‍👩‍👧‍👦 \u{1f1ea}\u{1f1fa}",
        "שלום \u{202e}abc\u{202c} مرحبا \u{200f}",
        "e\u{301} is not é, and ﬁ is not fi; A\u{30a}ngstro\u{308}m",
        "\u{feff}\u{200b} Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢",
        " leading, trailing and \t tab \u{7f} ",
        "\"quotes\" \\ / <b>&amp;</b> {\"eTag\":null} '; DROP TABLE referrals; --",
        "100% _ $1 ${x} %s \\u0000",
    ] {
        let sent = edited(own_deal(), &[("/name", kept.into()), ("/details/notes", kept.into())]);

        let made = world.post(ALEX, sent).await.created();

        let read = world.get(ALEX, text(&made, "/id")).await.json();
        assert_eq!(text(&made, "/name").as_bytes(), kept.as_bytes());
        assert_eq!(text(&read, "/name").as_bytes(), kept.as_bytes());
        assert_eq!(text(&read, "/details/notes").as_bytes(), kept.as_bytes());
    }
    // The same text, sent as escapes.
    let escaped = own_deal().to_string().replace("Test Cosell Invite_20", "\\ud83e\\udd1d e\\u0301");
    let made = world.post(ALEX, escaped).await.created();
    assert_eq!(made["name"], "🤝 e\u{301}");
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn other_cases_and_spellings_make_the_same_document(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let plain = world.post(ALEX, FIXTURE).await.created();
    let shout = |text: &str| text.to_uppercase();
    let pascal = |text: &str| text[..1].to_uppercase() + &text[1..];
    let mut others = vec![
        renamed(&fixture(), &shout),
        renamed(&fixture(), &pascal),
        renamed(&fixture(), &|name: &str| name.to_lowercase()),
    ];
    others.push(edited(
        fixture(),
        &[
            ("/type", "shared".into()),
            ("/qualification", "SALESQUALIFIED".into()),
            ("/target/0/type", "solutionprofile".into()),
            ("/target/0/id", "SOL-34104-EBB".into()),
            ("/customerProfile/size", "10TO50EMPLOYEES".into()),
            ("/customerProfile/address/country", "us".into()),
            ("/details/currency", "usd".into()),
            ("/details/requirements/industries", json!(["manufacturing"])),
            ("/details/requirements/products/0/id", "DYNAMICS365ENTERPRISE".into()),
            ("/details/requirements/solutions/0/type", "CATEGORY".into()),
            ("/details/requirements/solutions/0/id", "dynamics365forfieldservice".into()),
        ],
    ));
    let aliased = without(without(fixture(), "/type"), "/qualification");
    others.push(edited(
        without(aliased, "/consent/consentToToShareInfoWithOthers"),
        &[
            ("/referralType", 0.into()),
            ("/ReferralQualification", "3".parse().unwrap()),
            ("/consent/consentToShareInfoWithOthers", true.into()),
        ],
    ));

    for other in others {
        let made = world.post(ALEX, &other).await.created();

        assert_eq!(comparable(&made), comparable(&plain), "{other}");
    }
}

fn comparable(document: &Value) -> Value {
    ["id", "engagementId", "links"].iter().fold(document.clone(), |it, name| without(it, &format!("/{name}")))
}

fn renamed(value: &Value, rename: &dyn Fn(&str) -> String) -> Value {
    match value {
        Value::Object(members) => {
            members.iter().map(|(name, value)| (rename(name), renamed(value, rename))).collect()
        }
        Value::Array(items) => items.iter().map(|it| renamed(it, rename)).collect(),
        other => other.clone(),
    }
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn customer_ids_come_in_four_shapes_and_leave_in_one(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let both = json!([
        {"profileType": "Duns", "id": "81466849"},
        {"profileType": "External", "id": "6-EC3LOVPHK"},
    ]);
    for (sent, kept) in [
        (json!(null), json!([])),
        (json!({}), json!([])),
        (json!([]), json!([])),
        (json!({"duns": "81466849", "External": "6-EC3LOVPHK"}), both.clone()),
        (
            json!([{"profiletype": "DUNS", "id": 81466849}, {"profileType": "external", "id": "6-EC3LOVPHK"}]),
            both,
        ),
    ] {
        let made =
            world.post(ALEX, edited(fixture(), &[("/customerProfile/ids", sent.clone())])).await.created();

        assert_eq!(made["customerProfile"]["ids"], kept, "{sent}");
    }
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn countries_and_dates_are_written_in_one_form(#[case] backend: Backend) {
    let world = World::open(backend).await;
    for (pointer, sent, kept) in [
        ("/customerProfile/address/country", "USA", "US"),
        ("/customerProfile/address/country", "gbr", "GB"),
        ("/details/closingDateTime", "2026-12-31T23:30:00-02:00", "2027-01-01T01:30:00Z"),
        ("/details/closingDateTime", "2026-12-31T00:00:00.0000000Z", "2026-12-31T00:00:00Z"),
        ("/details/closingDateTime", "2026-12-31T10:20:30.1234500+05:30", "2026-12-31T04:50:30.12345Z"),
        ("/details/closingDateTime", "2026-12-31", "2026-12-31T00:00:00Z"),
        ("/details/closingDateTime", "2016-02-29T00:00:00", "2016-02-29T00:00:00Z"),
    ] {
        let made = world.post(ALEX, edited(fixture(), &[(pointer, sent.into())])).await.created();

        assert_eq!(text(&made, pointer), kept, "{sent}");
    }
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn unknown_members_are_kept_out_and_told(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let sent = edited(
        fixture(),
        &[
            ("/colour", "red".into()),
            ("/customerProfile/address/a~b", json!({"deep": [1, 2]})),
            ("/team/0/emailAddress", "x@y.example".into()),
            ("/details/requirements/solutions/0/a b", true.into()),
        ],
    );
    let sent = edited(sent, &[("/Qualification", "salesqualified".into())]);
    let sent = without(sent, "/qualification");

    let answer = world.post_with(ALEX, &[("prefer", "report=changes")], sent).await;

    let body = answer.created();
    assert_eq!(answer.header("preference-applied"), "report=changes");
    let ignored = json!([
        {"target": "/team/0/emailAddress", "rule": "unknownMember"},
        {"target": "/customerProfile/address/a~0b", "rule": "unknownMember"},
        {"target": "/details/requirements/solutions/0/a b", "rule": "unknownMember"},
        {"target": "/colour", "rule": "unknownMember"},
    ]);
    let mut told = body["@liaison.report"]["ignored"].as_array().unwrap().clone();
    let mut expected = ignored.as_array().unwrap().clone();
    told.sort_by_key(ToString::to_string);
    expected.sort_by_key(ToString::to_string);
    assert_eq!(told, expected);
    let normalized = body["@liaison.report"]["normalized"].as_array().unwrap();
    assert!(
        normalized.contains(&json!({"target": "/qualification", "rule": "memberName"})),
        "{normalized:?}"
    );
    assert!(
        normalized.contains(&json!({"target": "/qualification", "rule": "enumSpelling"})),
        "{normalized:?}"
    );
    let stored = &world.stored().await[0].document;
    assert!(!stored.contains("colour") && !stored.contains("deep") && !stored.contains("x@y.example"));
    let logged = serde_json::to_value(&world.log().await[0].change.ignored).unwrap();
    assert_eq!(logged, body["@liaison.report"]["ignored"]);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn nothing_is_told_unless_it_is_asked_for(#[case] backend: Backend) {
    let world = World::open(backend).await;

    let answer = world.post(ALEX, edited(fixture(), &[("/colour", "red".into())])).await;

    assert_eq!(answer.created().get("@liaison.report"), None);
    assert_eq!(answer.header("preference-applied"), "");
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn members_of_the_server_are_ignored_whatever_they_hold(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let plain = world.post(ALEX, FIXTURE).await.created();
    let names = [
        "id",
        "organizationName",
        "lastModifiedVia",
        "lastRunId",
        "createdDateTime",
        "updatedDateTime",
        "expirationDateTime",
        "referralSource",
        "eTag",
        "favorite",
        "quality",
        "isSpam",
        "direction",
        "referralProgram",
        "dealSensitivity",
        "createdVia",
        "tags",
        "acceptedDateTime",
        "closedDateTime",
        "callToAction",
        "registrationStatus",
        "links",
        "trackingInfo",
        "registrations",
        "exception",
        "@odata.context",
        "@odata.etag",
    ];

    for value in [json!(true), json!(-1), json!("x"), json!([[1]]), json!({"a": {}}), json!("2001-01-01")] {
        let sent =
            names.iter().fold(fixture(), |it, name| edited(it, &[(&format!("/{name}"), value.clone())]));
        let answer = world.post_with(ALEX, &[("prefer", "report=changes")], sent).await;

        let made = answer.created();
        let ignored = made["@liaison.report"]["ignored"].as_array().unwrap().clone();
        assert_eq!(ignored.len(), names.len());
        for name in names {
            assert!(ignored.contains(&json!({"target": format!("/{name}"), "rule": "readOnlyMember"})));
        }
        assert_eq!(comparable(&without(made, "/@liaison.report")), comparable(&plain), "{value}");
    }
}
