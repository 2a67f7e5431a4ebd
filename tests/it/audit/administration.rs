//! Administration in audit records.

use http::Method;
use liaison::{
    domain::{
        json::{self, JsonLimits},
        organization::{LocationScope, Role},
    },
    service::administration::{self, Author, OrganizationRequest, Tools},
};
use rstest::rstest;
use serde_json::{Value, json};

use super::{ADA, detail, operations, records};
use crate::{webhooks::subscribe, world::*};

const USERS: &str = "/v1.0/engagements/users";

fn tools(world: &World) -> Tools<'_> {
    let context = &world.app.context;
    Tools { store: &context.store, random: &context.random, now: context.clock.now() }
}

fn value(record: &Value, member: &str) -> Value {
    serde_json::from_str(text(record, member)).unwrap()
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn who_changed_whom_and_how_is_written_with_the_change(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let new = json!({"email": "new@contoso.example", "name": "New", "roles": ["referrals-user"],
        "password": "correct horse battery"});
    let made = world.send_json(Method::POST, ADA, USERS, &[], &new).await.json();
    world.advance_secs(1);
    let path = format!("{USERS}/{}", text(&made, "/id"));
    let promote = json!({"roles": ["referrals-admin"], "password": "another horse battery"});
    assert_eq!(world.send_json(Method::PUT, ADA, &path, &[], promote).await.status, 200);
    world.advance_secs(1);
    // What is refused changes nothing, and is no administration.
    let refused = world.send_json(Method::PUT, ADA, &path, &[], json!({"roles": ["king"]})).await;
    assert_eq!(refused.status, 400);
    assert_eq!(world.send_json(Method::DELETE, ADA, &path, &[], "").await.status, 204);

    let told = records(&world, ADA).await;

    assert_eq!(operations(&told), ["create_user", "update_user", "delete_user"]);
    for record in &told {
        assert_eq!(text(record, "/userPrincipalName"), ADA);
        assert_eq!(text(record, "/resourceType"), "user");
        assert_eq!(text(record, "/operationStatus"), "succeeded");
        assert_eq!(detail(record, "ResourceId"), made["id"].as_str());
        assert!(!record.to_string().contains("horse"), "{record}");
        assert!(!record.to_string().contains("$argon2"), "{record}");
    }
    let [created, updated, deleted] = told.as_slice() else { panic!("{told:?}") };
    assert_eq!(created["resourceOldValue"], Value::Null);
    assert_eq!(updated["resourceOldValue"], created["resourceNewValue"]);
    assert_eq!(value(updated, "/resourceNewValue")["roles"], json!(["referrals-admin"]));
    assert_eq!(detail(updated, "PasswordChanged"), Some("true"));
    assert_eq!(deleted["resourceOldValue"], updated["resourceNewValue"]);
    assert_eq!(deleted["resourceNewValue"], Value::Null);
    // It is none of the business of who works with referrals, and of other companies.
    for email in [ALEX, UMA, FAY, "abe.account@fabrikam.example"] {
        assert_eq!(operations(&records(&world, email).await), [""; 0], "{email}");
    }
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn an_operator_is_told_of_in_the_organization_that_he_changed(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let request = OrganizationRequest { name: "Adatum".to_owned(), ..OrganizationRequest::default() };
    let added = administration::add_organization(tools(&world), request).await.unwrap();
    let owner = added.organization_id.as_str();
    world.advance_secs(1);
    let ann = "ann@adatum.example";
    world.add_user(owner, ann, &[Role::AccountAdmin], LocationScope::EntireCompany).await;
    let limits = JsonLimits { depth_max: 8, array_items_max: 8 };
    let body = json::parse(br#"{"name": "Adatum Cloud"}"#, limits);
    let id = &added.organization_id;
    administration::create_solution(tools(&world), Author::Operator, id, &body.unwrap()).await.unwrap();

    let told = records(&world, ann).await;

    assert_eq!(operations(&told), ["create_organization", "create_solution"]);
    for record in &told {
        assert_eq!(text(record, "/applicationId"), "liaison/operator");
        assert_eq!(text(record, "/userPrincipalName"), "");
        assert!(!record.to_string().contains(&added.client_secret));
    }
    assert_eq!(value(&told[0], "/resourceNewValue")["companyName"], "Adatum");
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn what_is_done_to_webhooks_is_told_without_their_secrets(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let url = "https://hooks.contoso.example/key-in-the-path?key=in-the-query".to_owned();
    let webhook = subscribe(&world, ALEX, url, json!({})).await;
    let path = format!("/v1.0/engagements/webhooks/{}", text(&webhook, "/id"));
    world.advance_secs(1);
    let act = async |method, below: &str, body: Value| {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let answer = world.send_json(method, ALEX, &format!("{path}{below}"), &[], body).await;
        assert!(answer.status.is_success(), "{below}: {}", answer.text());
        world.advance_secs(1);
        answer
    };
    act(Method::PATCH, "", json!({"payload": "full"})).await;
    act(Method::POST, "/pause", Value::Null).await;
    act(Method::POST, "/resume", Value::Null).await;
    let rotated = act(Method::POST, "/rotateSecret", Value::Null).await.json();
    act(Method::POST, "/test", Value::Null).await;
    act(Method::POST, "/redeliver", json!({"from": START})).await;
    act(Method::POST, "/recover", json!({"since": START})).await;
    act(Method::DELETE, "", Value::Null).await;

    let told = records(&world, ADA).await;

    let expected = [
        "create_webhook",
        "update_webhook",
        "pause_webhook",
        "resume_webhook",
        "rotate_webhook_secret",
        "test_webhook",
        "redeliver_webhook",
        "recover_webhook",
        "delete_webhook",
    ];
    assert_eq!(operations(&told), expected);
    let all = json!(told).to_string();
    for secret in [text(&webhook, "/secret"), text(&rotated, "/secret"), "key-in-the-path", "in-the-query"] {
        assert!(!all.contains(secret), "{secret}");
    }
    assert_eq!(value(&told[0], "/resourceNewValue")["urlOrigin"], "https://hooks.contoso.example");
    assert_eq!(value(&told[2], "/resourceNewValue")["state"], "paused");
    assert!(told.iter().all(|it| it["userPrincipalName"] == ALEX));
}
