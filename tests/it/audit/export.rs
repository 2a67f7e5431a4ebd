//! Audit records as files, as pages, and how long they are kept.

use http::Method;
use liaison::{
    domain::organization::{LocationScope, Role},
    service::audit,
};
use rstest::rstest;
use serde_json::{Value, json};

use super::{ADA, ask, detail, operations, records};
use crate::world::*;

const ORGANIZATION: &str = "/v1.0/engagements/organization";

async fn rename(world: &World, name: &str) {
    let answer = world.send_json(Method::PUT, ADA, ORGANIZATION, &[], json!({"companyName": name})).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    world.advance_secs(1);
}

/// Reads the token of the next page.
fn continuation(page: &Value) -> Option<String> {
    let next = page["links"].get("next")?;
    Some(text(next, "/headers/0/value").to_owned())
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn pages_of_referrals_and_all_else_have_each_record_once(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let both = [Role::ReferralsAdmin, Role::AccountAdmin];
    let boss = "boss@contoso.example";
    world.add_user(CONTOSO, boss, &both, LocationScope::EntireCompany).await;
    for name in ["One", "Two", "Three"] {
        rename(&world, name).await;
        world.post(ALEX, own_deal()).await.created();
        world.advance_secs(1);
    }
    let expected: Vec<_> = ["update_organization", "create_referral"].repeat(3);
    assert_eq!(operations(&records(&world, boss).await), expected);

    for size in [1, 2, 5] {
        let (mut seen, mut token) = (Vec::new(), None::<String>);
        loop {
            let headers: Vec<_> = token.iter().map(|it| ("ms-continuationtoken", it.as_str())).collect();
            let query = format!("startDate=2026-11-22&size={size}");
            let page = ask(&world, boss, &query, &headers).await.json();
            seen.extend(page["items"].as_array().unwrap().clone());
            let Some(next) = continuation(&page) else { break };
            token = Some(next);
        }
        assert_eq!(operations(&seen), expected, "{size}");
    }
    let only = |value: &str| {
        let json = json!({"Field": "ResourceType", "Value": value, "Operator": "equals"}).to_string();
        let encoded: String = url::form_urlencoded::byte_serialize(json.as_bytes()).collect();
        format!("startDate=2026-11-22&filter={encoded}")
    };
    let organization = ask(&world, boss, &only("Organization"), &[]).await.json();
    assert_eq!(organization["totalCount"], 3);
    let one = text(&organization, "/items/1/id").to_owned();
    let path = format!("/auditactivity/v1/auditrecords/{one}");
    let token = world.token_for(boss, PARTNER_CENTER).await;
    let read = async |path: &str| {
        let request = with_headers(Method::GET, path, &[("authorization", &format!("Bearer {token}"))]);
        world.send(request.body(axum::body::Body::empty()).unwrap()).await
    };
    assert_eq!(read(&path).await.json(), organization["items"][1]);
    assert_eq!(read(&path.replace("update", "delete")).await.status, 404);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_file_has_everything_no_formula_and_is_written_down(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let formula = "=HYPERLINK(\"https://evil.example\")";
    let mut deal = own_deal();
    deal["customerProfile"]["name"] = json!(formula);
    world.post(ALEX, deal).await.created();

    let csv = ask(&world, ALEX, "startDate=2026-11-22", &[("accept", "text/csv")]).await;
    let lines = ask(&world, ALEX, "startDate=2026-11-22", &[("accept", "application/x-ndjson")]).await;
    let refused = ask(&world, ALEX, "startDate=2026-11-22&size=7", &[("accept", "text/csv")]).await;

    assert_eq!(csv.header("content-type"), "text/csv; charset=utf-8; header=present");
    assert!(csv.text().starts_with("operationDate,operationType,"));
    assert!(csv.text().contains(",\"'=HYPERLINK(\"\"https://evil.example\"\")\","), "{}", csv.text());
    assert!(!csv.text().contains(",\"="));
    let line: Value = serde_json::from_str(lines.text().lines().next().unwrap()).unwrap();
    assert_eq!(line["customerName"], formula);
    assert_eq!(lines.text().lines().count(), 1);
    assert_eq!((refused.status.as_u16(), refused.json()["data"][0]["target"].clone()), (400, json!("size")));
    let told = records(&world, ADA).await;
    assert_eq!(operations(&told), ["export_audit_record"; 2]);
    assert_eq!(told[0]["userPrincipalName"], ALEX);
    let mut formats: Vec<_> = told.iter().filter_map(|it| detail(it, "Format")).collect();
    formats.sort_unstable();
    assert_eq!(formats, ["csv", "jsonl"]);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn what_is_too_old_is_forgotten_but_no_change_of_a_referral(#[case] backend: Backend) {
    let world = World::open(backend).await;
    world.post(ALEX, own_deal()).await.created();
    rename(&world, "Old").await;
    world.advance_secs(10 * 24 * 60 * 60);
    rename(&world, "New").await;
    let context = &world.app.context;

    assert_eq!(audit::forget_old(context, 0).await.unwrap(), 0);
    assert_eq!(audit::forget_old(context, 11).await.unwrap(), 0);
    assert_eq!(audit::forget_old(context, 10).await.unwrap(), 1);

    assert_eq!(operations(&records(&world, ADA).await), ["update_organization"]);
    assert_eq!(operations(&records(&world, ALEX).await), ["create_referral"]);
}
