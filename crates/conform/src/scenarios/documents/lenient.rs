//! What is read leniently, because clients that are in use send it so.

use serde_json::{Value, json};

use crate::{
    bodies,
    check::Verdict,
    play::{Play, REFERRALS},
    scenario::{Level, Scenario, Source, must, should},
    sources::{CREATE, FLOW, PAYLOADS, RECOMMENDED, RESOURCES, SAMPLE_2018, SWAGGER},
    wire::post,
};

pub(in crate::scenarios) fn scenarios() -> Vec<Scenario> {
    let mut scenarios = values();
    scenarios.extend([
        must("lenient-names", "Member names are read in any case", SAMPLE_2018, reads_names),
        must("lenient-consent-names", "Consents are read in Pascal case", CREATE, reads_consents),
        must(
            "lenient-consent-alias",
            "consentToShareInfoWithOthers is consentToToShareInfoWithOthers",
            RESOURCES,
            reads_alias,
        ),
        must(
            "lenient-consent-spelling",
            "The doubled To is the spelling of answers",
            RESOURCES,
            writes_doubled_to,
        ),
        should("lenient-type-alias", "referralType is type", RESOURCES, reads_type_alias),
        must("lenient-no-target", "A deal without a target is one's own", CREATE, reads_no_target),
        must("lenient-charset", "A content type may carry a charset", RECOMMENDED, reads_charset),
        must(
            "lenient-preference",
            "Contacts may bring a contactPreference, and always have one in answers",
            FLOW,
            has_preference,
        ),
        should(
            "lenient-marketplace-intent",
            "customerMarketplaceIntent may stand at the top, and is an attribute in answers",
            RESOURCES,
            moves_intent,
        ),
    ]);
    scenarios
}

/// What is sent and what comes back: name, rule, source, level, pointer, and as JSON what is sent and what is read.
type Row = (&'static str, &'static str, Source, Level, &'static str, &'static str, &'static str);

const COUNTRY: &str = "/customerProfile/address/country";

const VALUES: [Row; 19] = [
    (
        "lenient-type-case",
        "Words of an enum are read in any case",
        SAMPLE_2018,
        Level::Must,
        "/type",
        r#""independent""#,
        r#""Independent""#,
    ),
    (
        "lenient-qualification-case",
        "A qualification is read in any case",
        SAMPLE_2018,
        Level::Must,
        "/qualification",
        r#""SALESQUALIFIED""#,
        r#""SalesQualified""#,
    ),
    (
        "lenient-value-text",
        "A number may come as a text",
        SWAGGER,
        Level::Must,
        "/details/dealValue",
        r#""10000""#,
        r#"10000"#,
    ),
    (
        "lenient-consent-text",
        "A consent may come as a text",
        SAMPLE_2018,
        Level::Must,
        "/consent/consentToContact",
        r#""true""#,
        r#"true"#,
    ),
    (
        "lenient-ids-object",
        "Customer ids may come as {}",
        SAMPLE_2018,
        Level::Must,
        "/customerProfile/ids",
        r#"{}"#,
        r#"[]"#,
    ),
    (
        "lenient-ids-null",
        "Customer ids may come as null",
        PAYLOADS,
        Level::Must,
        "/customerProfile/ids",
        r#"null"#,
        r#"[]"#,
    ),
    (
        "lenient-country-alpha3",
        "A country may come with three letters",
        RESOURCES,
        Level::Must,
        COUNTRY,
        r#""USA""#,
        r#""US""#,
    ),
    (
        "lenient-country-case",
        "A country may come in lower case",
        RECOMMENDED,
        Level::Should,
        COUNTRY,
        r#""de""#,
        r#""DE""#,
    ),
    (
        "lenient-offset",
        "A time may come with an offset, and is UTC in answers",
        RESOURCES,
        Level::Must,
        "/details/closingDateTime",
        r#""2030-11-14T02:00:00+02:00""#,
        r#""2030-11-14T00:00:00Z""#,
    ),
    (
        "lenient-fraction",
        "A time may have seven digits, and loses zeros at its end",
        RESOURCES,
        Level::Must,
        "/details/closingDateTime",
        r#""2030-11-14T00:00:00.0000000Z""#,
        r#""2030-11-14T00:00:00Z""#,
    ),
    (
        "lenient-date",
        "A date may come without a time",
        RECOMMENDED,
        Level::Should,
        "/details/closingDateTime",
        r#""2030-11-14""#,
        r#""2030-11-14T00:00:00Z""#,
    ),
    (
        "lenient-size-empty",
        "A customer size may come empty",
        PAYLOADS,
        Level::Must,
        "/customerProfile/size",
        r#""""#,
        r#"null"#,
    ),
    (
        "lenient-size-null",
        "A customer size may come as null",
        PAYLOADS,
        Level::Must,
        "/customerProfile/size",
        r#"null"#,
        r#"null"#,
    ),
    (
        "lenient-target-null",
        "A target may come as null",
        RECOMMENDED,
        Level::Should,
        "/target",
        r#"null"#,
        r#"[]"#,
    ),
    (
        "lenient-nulls",
        "A text may come as null",
        PAYLOADS,
        Level::Must,
        "/details/notes",
        r#"null"#,
        r#"null"#,
    ),
    (
        "lenient-open-words",
        "Unknown industries are kept",
        RECOMMENDED,
        Level::Should,
        "/details/requirements/industries",
        r#"[{"id": "Space Travel"}]"#,
        r#"[{"id": "Space Travel"}]"#,
    ),
    (
        "lenient-stage-null",
        "A sales stage may come as null",
        PAYLOADS,
        Level::Must,
        "/salesStage",
        r#"null"#,
        r#"null"#,
    ),
    (
        "lenient-locale",
        "A locale may be neutral",
        RESOURCES,
        Level::Must,
        "/team/0/contactPreference",
        r#"{"locale": "en", "disableNotifications": true}"#,
        r#"{"locale": "en", "disableNotifications": true}"#,
    ),
    (
        "lenient-guess-id",
        "A solution id need not follow a pattern",
        RECOMMENDED,
        Level::Should,
        "/details/requirements/solutions/0/id",
        r#""SOL-Microsoft365""#,
        r#""SOL-Microsoft365""#,
    ),
];

fn values() -> Vec<Scenario> {
    let json = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_default();
    let scenario = |(name, rule, source, level, pointer, sent, read): Row| {
        let scenario = must(name, rule, source, async move |play: &Play| {
            let made = play.deal_with(&[(pointer, json(sent))]).await?.made;
            made.is(pointer, json(read)).map(drop)
        });
        Scenario { level, ..scenario }
    };
    VALUES.into_iter().map(scenario).collect()
}

async fn reads_names(play: &Play) -> Verdict {
    let mut body = play.private();
    for (sent, name) in [("Type", "type"), ("ExternalReferenceId", "externalReferenceId"), ("Team", "team")] {
        let value = body.get(name).cloned().unwrap_or_default();
        bodies::remove(&mut body, &format!("/{name}"));
        bodies::put(&mut body, &format!("/{sent}"), value);
    }
    let made = play.create(&body).await?;
    made.is("/type", "Independent")?.is("/externalReferenceId", play.tag())?;
    made.is("/team/0/email", "john.doe@fabrikam.com").map(drop)
}

async fn reads_consents(play: &Play) -> Verdict {
    let consent = json!({"ConsentToToShareInfoWithOthers": true, "ConsentToContact": true,
        "ConsentToMicrosoftToContactSpecificPartners": true, "consentToShareReferralWithMicrosoftSellers": false});
    let made = play.deal_with(&[("/consent", consent)]).await?.made;
    made.is("/consent/consentToToShareInfoWithOthers", true)?.is("/consent/consentToContact", true).map(drop)
}

async fn reads_alias(play: &Play) -> Verdict {
    let consent = json!({"consentToShareInfoWithOthers": true, "consentToContact": false});
    let made = play.deal_with(&[("/consent", consent)]).await?.made;
    made.is("/consent/consentToToShareInfoWithOthers", true)?.is("/consent/consentToContact", false).map(drop)
}

async fn writes_doubled_to(play: &Play) -> Verdict {
    let made = play.deal().await?.made;
    made.is("/consent/consentToToShareInfoWithOthers", true)?
        .is_null("/consent/consentToShareInfoWithOthers")
        .map(drop)
}

async fn reads_type_alias(play: &Play) -> Verdict {
    let mut body = bodies::with(play.private(), &[("/referralType", json!("Independent"))]);
    bodies::remove(&mut body, "/type");
    play.create(&body).await?.is("/type", "Independent").map(drop)
}

async fn reads_no_target(play: &Play) -> Verdict {
    let mut body = play.private();
    bodies::remove(&mut body, "/target");
    play.create(&body).await?.is("/target", json!([]))?.is("/status", "Active").map(drop)
}

async fn reads_charset(play: &Play) -> Verdict {
    let request = post(REFERRALS, &play.private()).header("content-type", "application/json; charset=utf-8");
    play.send(request).await.success().map(drop)
}

async fn has_preference(play: &Play) -> Verdict {
    let deal = play.deal().await?;
    let read = play.read(&deal.id).await?;
    for pointer in ["/team/0", "/customerProfile/team/0"] {
        let has = read.at(pointer).get("contactPreference").is_some();
        read.ensure(has, &format!("{pointer} has the member contactPreference"), "none")?;
    }
    Ok(())
}

async fn moves_intent(play: &Play) -> Verdict {
    let members = [
        ("/details/requirements/additionalRequirements", json!({"attributes": []})),
        ("/customerMarketplaceIntent", json!("HaveNotDecided")),
    ];
    let made = play.deal_with(&members).await?.made;
    let attribute = "/details/requirements/additionalRequirements/attributes/0/type";
    made.is(attribute, "CustomerMarketplaceIntent").map(drop)
}
