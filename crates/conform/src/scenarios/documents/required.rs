//! What a referral must have, and what is not taken.

use serde_json::{Value, json};

use crate::{
    bodies,
    check::Verdict,
    play::{Play, REFERRALS},
    scenario::{Level, Scenario, Source, must, should},
    sources::{BULK, CREATE, ERRORS, PORTAL, RECOMMENDED, RESOURCES, RESOURCES_2022},
    wire::post,
};

pub(in crate::scenarios) fn scenarios() -> Vec<Scenario> {
    let mut scenarios = missing();
    scenarios.extend(wrong());
    scenarios.extend([
        must("required-json", "A body that is no JSON is refused", ERRORS, async |play: &Play| {
            refuses_text(play, "{\"type\": \"Independent\",").await
        }),
        must("required-object", "A body that is no object is refused", ERRORS, async |play: &Play| {
            refuses_text(play, "[]").await
        }),
        must("required-body", "A call without a body is refused", ERRORS, async |play: &Play| {
            refuses_text(play, "").await
        }),
        must("required-nothing-made", "A call that is refused makes nothing", ERRORS, makes_nothing),
        should("wrong-target-id", "A target that nobody has is refused", RECOMMENDED, refuses_target),
    ]);
    scenarios
}

/// Members that must be there: name, pointer, source, level.
fn missing() -> Vec<Scenario> {
    let rows: [(&str, &str, Source, Level); 15] = [
        ("required-type", "/type", CREATE, Level::Must),
        ("required-customer", "/customerProfile", CREATE, Level::Must),
        ("required-consent", "/consent", CREATE, Level::Must),
        ("required-details", "/details", CREATE, Level::Must),
        ("required-customer-name", "/customerProfile/name", BULK, Level::Must),
        ("required-address", "/customerProfile/address/addressLine1", RESOURCES, Level::Must),
        ("required-city", "/customerProfile/address/city", RESOURCES, Level::Must),
        ("required-country", "/customerProfile/address/country", RESOURCES, Level::Must),
        ("required-name", "/name", PORTAL, Level::Should),
        ("required-value", "/details/dealValue", PORTAL, Level::Should),
        ("required-currency", "/details/currency", PORTAL, Level::Should),
        ("required-closing-date", "/details/closingDateTime", PORTAL, Level::Should),
        ("required-solutions", "/details/requirements/solutions", PORTAL, Level::Should),
        ("required-team", "/team", PORTAL, Level::Should),
        ("required-team-email", "/team/0/email", PORTAL, Level::Should),
    ];
    let scenario = |(name, pointer, source, level): (&'static str, &'static str, Source, Level)| {
        let scenario = must(name, format!("{pointer} is required"), source, async move |play: &Play| {
            let mut body = play.private();
            bodies::remove(&mut body, pointer);
            refuses(play, &body).await
        });
        Scenario { level, ..scenario }
    };
    rows.into_iter().map(scenario).collect()
}

/// Values that are not taken: name, rule, source, pointer, value.
fn wrong() -> Vec<Scenario> {
    let rows: [(&str, &str, Source, &str, Value); 14] = [
        ("wrong-type", "An unknown type is refused", RESOURCES, "/type", json!("Sideways")),
        (
            "wrong-qualification",
            "An unknown qualification is refused",
            RESOURCES,
            "/qualification",
            json!("Rumoured"),
        ),
        ("wrong-status", "An unknown status is refused", RESOURCES, "/status", json!("Open")),
        (
            "wrong-target-type",
            "An unknown type of a target is refused",
            RESOURCES,
            "/target",
            json!([{"type": "Person", "id": "x"}]),
        ),
        (
            "wrong-country",
            "A country is one of ISO 3166-1",
            RESOURCES_2022,
            "/customerProfile/address/country",
            json!("XX"),
        ),
        ("wrong-currency", "A currency is one of ISO 4217", BULK, "/details/currency", json!("XQQ")),
        ("wrong-value-text", "A deal value is a number", RESOURCES, "/details/dealValue", json!("plenty")),
        ("wrong-value-negative", "A deal value is not negative", BULK, "/details/dealValue", json!(-1)),
        (
            "wrong-closing-date",
            "A closing date is a date",
            RESOURCES,
            "/details/closingDateTime",
            json!("soon"),
        ),
        ("wrong-consent", "A consent is yes or no", RESOURCES, "/consent/consentToContact", json!("maybe")),
        ("wrong-team", "A team is a list", RESOURCES, "/team", json!("John Doe")),
        ("wrong-email", "An e-mail address is one", RECOMMENDED, "/team/0/email", json!("john.doe")),
        (
            "wrong-customer",
            "A customer profile is an object",
            RESOURCES,
            "/customerProfile",
            json!("Contoso"),
        ),
        (
            "wrong-engagement",
            "An engagement that the caller has no part in is refused",
            RECOMMENDED,
            "/engagementId",
            json!("0b5e1c5e-9f0b-4c68-9d5a-5d8c1f2f6a10"),
        ),
    ];
    let scenario =
        |(name, rule, source, pointer, value): (&'static str, &str, Source, &'static str, Value)| {
            must(name, rule, source, async move |play: &Play| {
                refuses(play, &bodies::with(play.private(), &[(pointer, value.clone())])).await
            })
        };
    let mut scenarios: Vec<Scenario> = rows.into_iter().map(scenario).collect();
    scenarios.iter_mut().filter(|it| it.source == RECOMMENDED).for_each(|it| it.level = Level::Should);
    scenarios
}

async fn refuses(play: &Play, body: &Value) -> Verdict {
    play.send(post(REFERRALS, body)).await.invalid().map(drop)
}

async fn refuses_text(play: &Play, text: &str) -> Verdict {
    play.send(post(REFERRALS, &Value::Null).text(text)).await.invalid().map(drop)
}

async fn refuses_target(play: &Play) -> Verdict {
    let target = json!([{"type": "BusinessProfileLocation", "id": play.unknown_id()}]);
    refuses(play, &bodies::with(play.private(), &[("/target", target)])).await
}

async fn makes_nothing(play: &Play) -> Verdict {
    let email = format!("{}@nothing.example", play.unknown_id());
    let mut body = bodies::with(play.private(), &[("/team/0/email", json!(email))]);
    bodies::remove(&mut body, "/customerProfile/name");
    refuses(play, &body).await?;
    let list = play.list(&[("$filter", &format!("team/any(t:t/email eq '{email}')"))]).await;
    list.ok()?.is("/value", json!([])).map(drop)
}
