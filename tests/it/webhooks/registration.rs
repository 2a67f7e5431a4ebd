//! The registration with the Partner Center API (W1 to W6), and its shape of failures.

use http::Method;
use liaison::{
    auth::Version,
    domain::organization::{LocationScope, OrganizationId, Role},
};
use rstest::rstest;
use serde_json::{Value, json};

use super::{REGISTRATION, Receiver, Reply, Running, partner_center, register};
use crate::world::*;

fn wanted(url: &str) -> Value {
    json!({"WebhookUrl": url, "WebhookEvents": ["referral-created", "test-created"]})
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_registration_is_made_read_and_replaced(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let call = async |method, body| partner_center(&world, ALEX, method, REGISTRATION, body).await;

    let none = call(Method::GET, Value::Null).await;
    assert_eq!((none.status.as_u16(), &none.json()["code"]), (404, &json!("registrationNotFound")));
    assert_eq!(call(Method::PUT, wanted("https://a.example/")).await.status, 404);

    let made = call(Method::POST, wanted("https://a.example/")).await;
    assert_eq!(made.status, 200, "{}", made.text());
    let made = made.json();
    assert_eq!(made["WebhookUrl"], "https://a.example/");
    assert_eq!(made["WebhookEvents"], json!(["referral-created", "test-created"]));
    assert_eq!(made["SignatureTokenToMsSignatureHeader"], false);

    let second = call(Method::POST, wanted("https://b.example/")).await;
    assert_eq!(second.status, 409);
    let body = second.json();
    assert!(text(&body, "/description").contains("PUT"), "{body}");
    assert_eq!((&body["source"], &body["data"]), (&json!("Liaison"), &json!([])));

    let camel = json!({
        "webhookUrl": "https://c.example/", "webhookEvents": ["REFERRAL-UPDATED", "invoice-ready"],
        "signatureTokenToMsSignatureHeader": "true",
    });
    let replaced = call(Method::PUT, camel).await.json();
    assert_eq!(replaced["SubscriberId"], made["SubscriberId"]);
    assert_eq!(replaced["WebhookEvents"], json!(["referral-updated", "invoice-ready"]));
    assert_eq!(replaced["SignatureTokenToMsSignatureHeader"], true);
    assert_eq!(call(Method::GET, Value::Null).await.json(), replaced);

    // One organisation's is nobody else's.
    assert_eq!(partner_center(&world, FAY, Method::GET, REGISTRATION, Value::Null).await.status, 404);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_bad_registration_is_told_everything_that_is_wrong(#[case] backend: Backend) {
    let strict = |config: &mut liaison::config::Config| config.webhooks.allow_http = false;
    let world = World::with(backend, strict).await;
    let body = json!({"WebhookUrl": "http://u:p@a.example/", "WebhookEvents": ["nothing", "test-created", "test-created"]});

    let refused = partner_center(&world, ALEX, Method::POST, REGISTRATION, body).await;

    assert_eq!(refused.status, 400);
    let body = refused.json();
    let places: Vec<_> = body["data"].as_array().unwrap().iter().map(|it| text(it, "/target")).collect();
    assert_eq!(places, ["/WebhookUrl", "/WebhookEvents/0", "/WebhookEvents/2"]);
    assert!(body["data"][1]["allowed"].as_array().unwrap().contains(&json!("referral-created")));
    assert!(text(&body, "/data/0/message").contains("use https"), "{body}");

    for url in
        ["https://10.0.0.1/", "https://169.254.169.254/", &format!("https://a.example/{}", "x".repeat(2048))]
    {
        let refused = partner_center(&world, ALEX, Method::POST, REGISTRATION, wanted(url)).await;
        assert_eq!(
            (refused.status.as_u16(), &refused.json()["data"][0]["rule"]),
            (400, &json!("url")),
            "{url}"
        );
    }
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn who_may_register_and_who_may_not(#[case] backend: Backend) {
    let world = World::open(backend).await;
    world.add_user(CONTOSO, "acc@contoso.example", &[Role::AccountAdmin], LocationScope::EntireCompany).await;
    let elsewhere = LocationScope::Locations(vec!["4391227".to_owned()]);
    world.add_user(CONTOSO, "loc@contoso.example", &[Role::ReferralsAdmin], elsewhere).await;
    let path = format!("{REGISTRATION}/events");
    let status = async |email: &str| {
        let answer = partner_center(&world, email, Method::GET, &path, Value::Null).await;
        (answer.status.as_u16(), answer.json()["code"].clone())
    };

    assert_eq!(status(ALEX).await.0, 200);
    assert_eq!(status("acc@contoso.example").await.0, 200);
    assert_eq!(status(UMA).await, (403, json!(900_308)));
    assert_eq!(status("loc@contoso.example").await, (403, json!(900_308)));

    let names = partner_center(&world, ALEX, Method::GET, &path, Value::Null).await;
    let listed = [
        "referral-created",
        "referral-updated",
        "related-referral-created",
        "related-referral-updated",
        "test-created",
    ];
    assert_eq!(names.json(), json!(listed));

    // The other audience, in the shape of this surface.
    let wrong = world.get_path(ALEX, &path, &[("x-locale", "de-DE"), ("ms-correlationid", "tie")]).await;
    assert_eq!((wrong.status.as_u16(), &wrong.json()["code"]), (401, &json!(900_420)));
    assert_eq!((wrong.header("x-locale"), wrong.header("ms-correlationid")), ("de-DE", "tie"));
    assert_eq!(wrong.header("ms-requestid"), wrong.header("request-id"));
    let nobody = world.get_anonymously(&path).await;
    assert_eq!((nobody.status.as_u16(), &nobody.json()["code"]), (401, &json!("tokenMissing")));
    let nothing = world.get_anonymously(&format!("{REGISTRATION}/nothing")).await;
    assert_eq!((nothing.status.as_u16(), &nothing.json()["code"]), (404, &json!("pathUnknown")));
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn an_application_registers_for_its_organization(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let contoso = OrganizationId::parse(CONTOSO).unwrap();
    let organization = world.store.find_organization(&contoso).await.unwrap().unwrap();
    let application = world.store.list_applications(&contoso).await.unwrap().remove(0);
    let issuer = &world.app.issuer;
    let token =
        issuer.mint_for_application(&application, &organization, PARTNER_CENTER, Version::V1, 3600).unwrap();
    let request =
        with_headers(Method::POST, "/Webhooks/v1/Registration/", &[("content-type", "application/json")])
            .header("authorization", format!("Bearer {token}"));

    let made = world.send(request.body(wanted("https://a.example/").to_string().into()).unwrap()).await;

    assert_eq!(made.status, 200, "{}", made.text());
    let read = partner_center(&world, ALEX, Method::GET, REGISTRATION, Value::Null).await;
    assert_eq!(read.json(), made.json());
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn test_events_arrive_twice_a_minute_and_their_results_stay_a_week(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let mut receiver = Receiver::start(&[Reply::Status(404)]).await;
    let path = format!("{REGISTRATION}/validationEvents");
    let test = async || partner_center(&world, ALEX, Method::POST, &path, Value::Null).await;
    assert_eq!(test().await.status, 404);
    register(&world, ALEX, receiver.url("hook")).await;
    let _running = Running::start(&world);

    let asked = test().await;
    let correlation = text(&asked.json(), "/correlationId").to_owned();
    let received = receiver.next().await;

    let body = received.json();
    assert_eq!(body["EventName"], "test-created");
    assert_eq!(body["ResourceName"], "test");
    assert_eq!(body["AuditUri"], Value::Null);
    assert_eq!(body["ResourceUri"], format!("{PUBLIC_URL}{path}/{correlation}"));
    assert_eq!(body["ResourceChangeUtcDate"], "2026-11-22T09:30:00.1234567+00:00");
    assert!(received.headers["authorization"].to_str().unwrap().starts_with("Signature "));
    assert_eq!(received.headers["x-ms-signature-algorithm"], "rsa-sha256");

    let result = async || {
        let path = format!("{path}/{correlation}");
        partner_center(&world, ALEX, Method::GET, &path, Value::Null).await
    };
    let first = loop {
        let first = result().await.json();
        if first["results"][0].is_object() {
            break first;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!((&first["status"], &first["partnerId"]), (&json!("pending"), &json!(CONTOSO)));
    assert_eq!(first["callbackUrl"], receiver.url("hook"));
    let attempt = json!({"responseCode": "NotFound", "responseMessage": "so be it", "systemError": false,
        "dateTimeUtc": "2026-11-22T09:30:00.1234567"});
    assert_eq!(first["results"][0], attempt);

    assert_eq!(test().await.status, 200);
    let third = test().await;
    assert_eq!((third.status.as_u16(), third.header("retry-after")), (429, "60"));
    let body = third.json();
    assert_eq!(body["statusCode"], 429);
    assert_eq!(body["message"], body["description"]);
    assert!(text(&body, "/message").starts_with("Rate limit is exceeded. Try again in 60 seconds"));

    world.advance_secs(61);
    assert_eq!(test().await.status, 200);
    world.advance_secs(7 * 24 * 60 * 60);
    assert_eq!(result().await.status, 404);
}
