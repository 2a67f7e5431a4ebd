//! Audit records: what happened in a time, with values as far as each caller may see them.

use std::collections::BTreeMap;

use axum::body::Body;
use http::{Method, StatusCode};
use liaison::{auth::Version, domain::organization::LocationScope};
use rstest::rstest;
use serde_json::{Value, json};

use super::{AUDIT, own, pages::joint_history, revise};
use crate::world::*;

async fn get(world: &World, token: &str, query: &str, headers: &[(&str, &str)]) -> Answer {
    let request = with_headers(Method::GET, &format!("{AUDIT}?{query}"), headers)
        .header("authorization", format!("Bearer {token}"));
    world.send(request.body(Body::empty()).unwrap()).await
}

/// Asks for a page that must be there.
async fn records(world: &World, email: &str, query: &str) -> Value {
    world.store.settle().await.unwrap();
    let token = world.token_for(email, PARTNER_CENTER).await;
    let answer = get(world, &token, query, &[]).await;
    assert_eq!(answer.status, StatusCode::OK, "{query}: {}", answer.text());
    answer.json()
}

fn items(page: &Value) -> &[Value] {
    assert_eq!(page["totalCount"], json!(page["items"].as_array().unwrap().len()));
    page["items"].as_array().unwrap()
}

/// Mints Contoso's application its own token.
async fn application_token(world: &World, audience: &str) -> String {
    let principal = world.store.find_principal_by_email(ALEX).await.unwrap().unwrap();
    let organization = &principal.organization;
    let application = world.store.list_applications(&organization.id).await.unwrap().remove(0);
    world.app.issuer.mint_for_application(&application, organization, audience, Version::V1, 3600).unwrap()
}

/// Reads a document that stands as a text in a record, without what differs by viewer.
fn document(record: &Value, member: &str) -> Value {
    without_views(serde_json::from_str(text(record, &format!("/{member}"))).unwrap())
}

fn without_views(document: Value) -> Value {
    ["/@odata.context", "/eTag", "/favorite", "/direction", "/links"].iter().fold(document, |it, pointer| {
        match it.pointer(pointer) {
            Some(_) => without(it, pointer),
            None => it,
        }
    })
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_record_has_the_documented_members(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let id = own(&world, "Deal").await;
    world.advance_secs(60);
    revise(&world, ALEX, &id, "more").await;

    let page = records(&world, ALEX, "startDate=2026-11-22").await;

    let [made, revised] = items(&page) else { panic!("{page}") };
    assert_eq!(made["resourceOldValue"], Value::Null);
    assert_eq!(document(made, "resourceNewValue"), document(revised, "resourceOldValue"));
    assert_eq!(document(revised, "resourceNewValue")["details"]["notes"], "more");
    let change = text(revised, "/originalCorrelationId").to_owned();
    let expected = json!({
        "id": format!("{CONTOSO}_{}_update_referral_639309366601234567", change.replace('-', "")),
        "partnerId": CONTOSO,
        "participants": [],
        "customerId": "",
        "customerName": made["customerName"],
        "userPrincipalName": ALEX,
        "applicationId": "c0a70002-0000-4000-8000-000000000002",
        "resourceType": "referral",
        "resourceOldValue": revised["resourceOldValue"],
        "resourceNewValue": revised["resourceNewValue"],
        "operationType": "update_referral",
        "originalCorrelationId": change,
        "operationDate": "2026-11-22T09:31:00.1234567Z",
        "operationStatus": "succeeded",
        "customizedData": [
            {"key": "ReferralId", "value": id},
            {"key": "EngagementId", "value": document(made, "resourceNewValue")["engagementId"]},
        ],
        "attributes": {"objectType": "AuditRecord"},
    });
    assert_eq!(*revised, expected);
    assert_eq!(made["customerName"], fixture()["customerProfile"]["name"]);
    assert_eq!(page["attributes"], json!({"objectType": "Collection"}));
    let this = json!({"uri": "/auditrecords?startDate=2026-11-22", "method": "GET", "headers": []});
    assert_eq!(page["links"], json!({ "self": this }));
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn values_are_those_that_the_caller_reads(#[case] backend: Backend) {
    let world = World::open(backend).await;
    world.add_northwind().await;
    let deal = joint_history(&world).await;
    let third = edited(
        to_location(crate::lifecycle::NORTHWINDS),
        &[("/engagementId", deal["engagementId"].clone()), ("/consent/consentToContact", json!(false))],
    );
    world.post(ALEX, third).await.created();

    for (email, count) in [(ALEX, 6), (FAY, 7), (NORA, 6), (MIA, 0), (UMA, 0)] {
        let page = records(&world, email, "startDate=2026-11-01").await;
        let mut newest = BTreeMap::new();
        for record in items(&page) {
            let id = text(record, "/customizedData/0/value").to_owned();
            if let Some(before) = newest.insert(id, document(record, "resourceNewValue")) {
                assert_eq!(before, document(record, "resourceOldValue"), "{email}");
            }
            let by_own = text(record, "/userPrincipalName");
            assert!(by_own.is_empty() || by_own == email, "{email} is told of {by_own}");
        }
        assert_eq!(items(&page).len(), count, "{email}");
        for (id, seen) in newest {
            assert_eq!(seen, without_views(world.get(email, &id).await.json()), "{email}");
        }
    }
    let operations = |page: &Value| {
        let mut operations: Vec<String> =
            items(page).iter().map(|it| text(it, "/operationType").to_owned()).collect();
        operations.sort();
        operations.dedup();
        operations
    };
    let expected =
        ["create_referral", "create_related_referral", "update_referral", "update_related_referral"];
    assert_eq!(operations(&records(&world, FAY, "startDate=2026-11-01").await), expected);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_time_and_a_filter_leave_out_the_rest_and_pages_go_on(#[case] backend: Backend) {
    let world = World::open(backend).await;
    for name in ["One", "Two", "Three", "Four", "Five"] {
        own(&world, name).await;
        world.advance_secs(24 * 60 * 60);
    }
    let count = async |query: &str| items(&records(&world, ALEX, query).await).len();
    let filter = |field: &str, value: &str, operator: &str| {
        let json = json!({"Field": field, "Value": value, "Operator": operator}).to_string();
        let encoded: String = url::form_urlencoded::byte_serialize(json.as_bytes()).collect();
        format!("startDate=2026-11-01&filter={encoded}")
    };

    assert_eq!(count("startDate=2026-11-23&endDate=2026-11-24").await, 2);
    assert_eq!(count("startDate=2026-11-22T09:30:00.1234567Z&endDate=2026-11-22T09:30:00.1234567Z").await, 1);
    assert_eq!(count("startDate=2026-11-25").await, 2);
    assert_eq!(count("startDate=2026-12-25&endDate=2026-12-26").await, 0);
    assert_eq!(count(&filter("ResourceType", "Referral", "equals")).await, 5);
    assert_eq!(count(&filter("ResourceType", "license", "equals")).await, 0);
    let customer = fixture()["customerProfile"]["name"].as_str().unwrap().to_owned();
    assert_eq!(count(&filter("CompanyName", &customer.to_lowercase(), "equals")).await, 5);
    assert_eq!(count(&filter("CompanyName", &customer[1..4], "substring")).await, 5);
    assert_eq!(count(&filter("CompanyName", "nobody", "substring")).await, 0);

    let token = world.token_for(ALEX, PARTNER_CENTER).await;
    let (mut names, mut continuation) = (Vec::new(), String::new());
    loop {
        let sent = [("ms-continuationtoken", continuation.as_str())];
        let headers = if continuation.is_empty() { &sent[..0] } else { &sent[..] };
        let page = get(&world, &token, "startDate=2026-11-01&size=2", headers).await.json();
        assert!(items(&page).len() <= 2);
        names.extend(items(&page).iter().map(|it| document(it, "resourceNewValue")["name"].clone()));
        let Some(next) = page["links"].get("next") else { break };
        assert_eq!(next["uri"], "/auditrecords?startDate=2026-11-01&size=2");
        assert_eq!(next["headers"][0]["key"], "MS-ContinuationToken");
        continuation = text(next, "/headers/0/value").to_owned();
    }
    assert_eq!(names, ["One", "Two", "Three", "Four", "Five"]);
    let fay = world.token_for(FAY, PARTNER_CENTER).await;
    let foreign = get(&world, &fay, "startDate=2026-11-01", &[("ms-continuationtoken", &continuation)]).await;
    assert_eq!(foreign.status, StatusCode::BAD_REQUEST);
    assert_eq!(foreign.json()["code"], "invalidPageToken");
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn an_application_reads_for_its_organization_and_refusals_have_their_own_body(
    #[case] backend: Backend,
) {
    let world = World::open(backend).await;
    own(&world, "Deal").await;
    world.store.settle().await.unwrap();
    let application = application_token(&world, PARTNER_CENTER).await;
    world.add_user(CONTOSO, "nobody@contoso.example", &[], LocationScope::EntireCompany).await;

    let page = get(&world, &application, "startDate=2026-11-01", &[]).await;
    assert_eq!(items(&page.json()).len(), 1, "{}", page.text());
    for (token, status, code) in [
        (world.token(ALEX).await, 401, json!(900_420)),
        (application_token(&world, PARTNER).await, 401, json!(900_420)),
        ("x".to_owned(), 401, json!("tokenMalformed")),
        (world.token_for("nobody@contoso.example", PARTNER_CENTER).await, 403, json!(900_308)),
    ] {
        let refused = get(&world, &token, "startDate=2026-11-01", &[]).await;
        assert_eq!((refused.status.as_u16(), refused.json()["code"].clone()), (status, code));
        assert_eq!(
            (refused.json()["data"].clone(), refused.json()["source"].clone()),
            (json!([]), json!("Liaison"))
        );
        assert!(!text(&refused.json(), "/description").is_empty());
    }
    let wrong = get(&world, &application, "endDate=x&size=501&filter=y", &[]).await;
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
    assert_eq!(wrong.json()["data"].as_array().unwrap().len(), 4, "{}", wrong.text());
    // An application that was registered with another organization.
    let contoso = world.store.find_principal_by_email(ALEX).await.unwrap().unwrap().organization.clone();
    let fabrikam = world.store.find_principal_by_email(FAY).await.unwrap().unwrap();
    let theirs = world.store.list_applications(&fabrikam.organization.id).await.unwrap().remove(0);
    let token = world.app.issuer.mint_for_application(&theirs, &contoso, PARTNER_CENTER, Version::V1, 3600);
    let refused = get(&world, &token.unwrap(), "startDate=2026-11-01", &[]).await;
    assert_eq!(
        (refused.status.as_u16(), refused.json()["code"].clone()),
        (401, json!("tokenApplicationUnknown"))
    );
}
