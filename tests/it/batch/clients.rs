//! Batches as the usual clients write them.

use rstest::rstest;
use serde_json::json;

use super::*;

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_batch_of_a_graph_client_is_understood(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let id = own(&world).await;
    // Paths below the service root with a slash, methods in capitals, and a header for every body.
    let requests = json!([
        {"id": "1", "method": "GET", "url": format!("/referrals/{id}")},
        {"id": "2", "method": "PATCH", "url": format!("/referrals/{id}"), "dependsOn": ["1"],
         "headers": {"Content-Type": "application/json", "Prefer": "return=representation"},
         "body": [{"op": "replace", "path": "/details/dealValue", "value": 1234.5}]},
        {"id": "3", "method": "POST", "url": "/referrals", "headers": {"Content-Type": "application/json"},
         "body": own_deal(), "dependsOn": ["2"]},
        {"id": "4", "method": "GET", "url": "/organization", "dependsOn": ["3"]},
    ]);

    let answer = batch_with(&world, ALEX, &[("accept", "application/json")], requests).await;

    assert_eq!(statuses(&answer), [200, 200, 200, 200], "{}", answer.text());
    let parts = parts(&answer);
    assert_eq!(parts.iter().map(|it| it.id).collect::<Vec<_>>(), ["1", "2", "3", "4"]);
    assert!(parts[1].text().contains("\"dealValue\":1234.5,"), "{}", parts[1].text());
    assert_eq!(parts[1].header("preference-applied"), "return=representation");
    assert_eq!(parts[2].header("content-type"), "application/json; charset=utf-8");
    assert_eq!(answer.header("content-type"), "application/json; charset=utf-8");
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_batch_of_an_odata_client_is_understood(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let id = own(&world).await;
    let host = "http://liaison.example/v1.0/engagements";
    let json_type = json!({"content-type": "application/json;odata.metadata=minimal", "accept": "application/json",
        "odata-version": "4.0", "odata-maxversion": "4.01", "content-length": "2", "host": "other.example"});
    // The example of OData JSON Format 4.01, section 19.1: a query, a group, and a query that depends on the group.
    let requests = json!([
        {"id": "0", "method": "get", "url": format!("/v1.0/engagements/referrals('{id}')")},
        {"id": "1", "atomicityGroup": "group1", "dependsOn": ["0"], "method": "patch",
         "url": format!("{PUBLIC_URL}{REFERRALS}/{id}"), "headers": json_type,
         "body": [{"op": "add", "path": "/details/notes", "value": "by a group"}]},
        {"id": "2", "atomicityGroup": "group1", "method": "post", "url": format!("{host}/referrals"),
         "headers": json_type, "body": own_deal()},
        {"id": "3", "dependsOn": ["group1"], "method": "get", "url": "$2", "headers": null, "body": null},
    ]);

    let answer = batch_with(&world, ALEX, &[("odata-version", "4.01"), CONTINUE], requests).await;

    assert_eq!(statuses(&answer), [200, 204, 200, 200], "{}", answer.text());
    let parts = parts(&answer);
    assert_eq!(
        parts.iter().map(|it| it.group).collect::<Vec<_>>(),
        [None, Some("group1"), Some("group1"), None]
    );
    assert_eq!((parts[1].text(), parts[1].header("etag").is_empty()), ("", false));
    assert_eq!(parts[3].json()["id"], parts[2].json()["id"]);
    assert_eq!(notes(&world, &id).await, "by a group");
}
