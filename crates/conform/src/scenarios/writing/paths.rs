//! The paths that the connector changes: each has an effect, also where nothing was before.

use serde_json::{Value, json};

use crate::{
    play::{Play, add, replace},
    scenario::{Level, Scenario, Source, must},
    sources::{PAYLOADS, RECOMMENDED, SWAGGER},
    target::Who,
};

/// Name, operation, path, value, pointer of the effect, what is there afterwards; values as JSON.
type Row = (&'static str, &'static str, &'static str, &'static str, &'static str, &'static str);

const JANE: &str =
    r#"{"firstName":"Jane","lastName":"Doe","phoneNumber":"1","email":"jane.doe@contoso.com"}"#;
const JANES: &str =
    r#"[{"firstName":"Jane","lastName":"Doe","phoneNumber":"1","email":"jane.doe@contoso.com"}]"#;
const SOLUTION: &str = r#"{"id":"SOL-2173-UYM","name":"Another","type":"Name"}"#;
const SOLUTIONS: &str = r#"[{"id":"SOL-2173-UYM","name":"Another","type":"Name"}]"#;
const CLOSING: &str = r#""2031-02-03T00:00:00Z""#;

/// What the connector can change.
const CONNECTOR: [Row; 17] = [
    ("path-campaign", "replace", "/campaignId", r#""spring""#, "/campaignId", r#""spring""#),
    ("path-campaign-add", "add", "/campaignId", r#""spring""#, "/campaignId", r#""spring""#),
    (
        "path-customer-team",
        "replace",
        "/customerProfile/team",
        JANES,
        "/customerProfile/team/0/email",
        r#""jane.doe@contoso.com""#,
    ),
    (
        "path-customer-team-end",
        "add",
        "/customerProfile/team/-",
        JANE,
        "/customerProfile/team/1/firstName",
        r#""Jane""#,
    ),
    (
        "path-closing-date",
        "replace",
        "/details/closingDateTime",
        CLOSING,
        "/details/closingDateTime",
        CLOSING,
    ),
    ("path-currency", "replace", "/details/currency", r#""EUR""#, "/details/currency", r#""EUR""#),
    ("path-value", "replace", "/details/dealValue", r#""10000""#, "/details/dealValue", r#"10000"#),
    ("path-value-decimal", "replace", "/details/dealValue", r#"1234.5"#, "/details/dealValue", r#"1234.5"#),
    ("path-notes", "replace", "/details/notes", r#""Größe""#, "/details/notes", r#""Größe""#),
    (
        "path-solutions",
        "replace",
        "/details/requirements/solutions",
        SOLUTIONS,
        "/details/requirements/solutions/0/id",
        r#""SOL-2173-UYM""#,
    ),
    (
        "path-solutions-end",
        "add",
        "/details/requirements/solutions/-",
        SOLUTION,
        "/details/requirements/solutions/1/id",
        r#""SOL-2173-UYM""#,
    ),
    (
        "path-external-id",
        "replace",
        "/externalReferenceId",
        r#""CRM-1""#,
        "/externalReferenceId",
        r#""CRM-1""#,
    ),
    ("path-program", "replace", "/referralProgram", r#""Programme""#, "/referralProgram", r#""Programme""#),
    ("path-stage", "replace", "/salesStage", r#""Develop""#, "/salesStage", r#""Develop""#),
    ("path-reason", "replace", "/statusReason", r#""Going well""#, "/statusReason", r#""Going well""#),
    ("path-team", "replace", "/team", JANES, "/team/0/firstName", r#""Jane""#),
    ("path-team-end", "add", "/team/-", JANE, "/team/1/firstName", r#""Jane""#),
];

/// What the portal can change, too.
const MORE: [Row; 3] = [
    ("path-name", "replace", "/name", r#""Renamed""#, "/name", r#""Renamed""#),
    ("path-team-place", "replace", "/team/0/phoneNumber", r#""42""#, "/team/0/phoneNumber", r#""42""#),
    ("path-case", "replace", "/Details/DealValue", r#"7"#, "/details/dealValue", r#"7"#),
];

pub(in crate::scenarios) fn scenarios() -> Vec<Scenario> {
    let mut scenarios: Vec<Scenario> = CONNECTOR.into_iter().map(|it| scenario(it, SWAGGER)).collect();
    let recommended = |row, source| Scenario { level: Level::Should, ..scenario(row, source) };
    scenarios.extend(MORE.into_iter().map(|it| recommended(it, RECOMMENDED)));
    let favorite = ("path-favorite", "replace", "/favorite", "true", "/favorite", "true");
    scenarios.push(recommended(favorite, PAYLOADS));
    scenarios
}

fn scenario((name, op, path, value, pointer, after): Row, source: Source) -> Scenario {
    must(name, format!("A patch can {op} {path}"), source, async move |play: &Play| {
        let deal = play.deal().await?;
        let json = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_default();
        let operation = match op {
            "add" => add(path, json(value)),
            _ => replace(path, json(value)),
        };
        let now = play.patched(Who::Caller, &deal.id, &json!([operation])).await?;
        now.is(pointer, json(after))?.is("/status", "Active").map(drop)
    })
}
