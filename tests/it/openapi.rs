//! The description, held against what is really served.

use std::collections::BTreeSet;

use axum::body::Body;
use http::{Method, StatusCode};
use liaison::{
    domain::organization::{LocationScope, Role},
    sandbox::seed::{COMPANIES, PASSWORD},
};
use rstest::rstest;
use serde_json::{Value, json};

use crate::{
    administration::{ADA, CONTOSO_PLACE, ORGANIZATION, PARTNERS, PROFILES, SOLUTIONS, USERS, call},
    batch::BATCH,
    feed::{AUDIT, FEED, STREAM},
    world::*,
};

const ROOT: &str = "/v1.0/engagements";
const SCHEMA: &str = "/v1.0/engagements/$metadata";
const ONE: &str = "/v1.0/engagements/referrals/{id}";
const CHANGES: &str = "/v1.0/engagements/referrals/{id}/changes";
const ACTIONS: &str = "/v1.0/engagements/referrals/{id}/actions";
const ACTION: &str = "/v1.0/engagements/referrals/{id}/{action}";
const SHARE: &str = "/v1.0/engagements/referrals/{id}/share";
const PROFILE: &str = "/v1.0/engagements/businessprofiles/{id}";
const LOCATIONS: &str = "/v1.0/engagements/businessprofiles/{id}/locations";
const LOCATION: &str = "/v1.0/engagements/businessprofiles/{id}/locations/{location_id}";
const SOLUTION: &str = "/v1.0/engagements/solutions/{id}";
const USER: &str = "/v1.0/engagements/users/{id}";
const WEBHOOK: &str = "/v1.0/engagements/webhooks/{id}";
const REGISTRATION: &str = "/webhooks/v1/registration";
const TOKEN_V1: &str = "/{tenant}/oauth2/token";
const TOKEN_V2: &str = "/{tenant}/oauth2/v2.0/token";

/// Every operation that is served, but for the description and its page.
const OPERATIONS: [(&str, &str); 80] = [
    ("get", ROOT),
    ("get", SCHEMA),
    ("get", REFERRALS),
    ("post", REFERRALS),
    ("post", "/v1.0/engagements/referrals/$query"),
    ("get", "/v1.0/engagements/referrals/$count"),
    ("get", "/v1.0/engagements/referrals/delta"),
    ("get", FEED),
    ("get", STREAM),
    ("get", AUDIT),
    ("get", "/auditactivity/v1/auditrecords/{id}"),
    ("get", ONE),
    ("put", ONE),
    ("patch", ONE),
    ("get", ACTIONS),
    ("post", ACTION),
    ("post", SHARE),
    ("get", CHANGES),
    ("post", BATCH),
    ("get", ORGANIZATION),
    ("put", ORGANIZATION),
    ("get", PARTNERS),
    ("get", PROFILES),
    ("post", PROFILES),
    ("get", PROFILE),
    ("put", PROFILE),
    ("post", LOCATIONS),
    ("get", LOCATION),
    ("put", LOCATION),
    ("delete", LOCATION),
    ("get", SOLUTIONS),
    ("post", SOLUTIONS),
    ("get", SOLUTION),
    ("put", SOLUTION),
    ("delete", SOLUTION),
    ("get", USERS),
    ("post", USERS),
    ("get", USER),
    ("put", USER),
    ("delete", USER),
    ("get", "/{tenant}/oauth2/authorize"),
    ("post", "/{tenant}/oauth2/authorize"),
    ("get", "/{tenant}/oauth2/v2.0/authorize"),
    ("post", "/{tenant}/oauth2/v2.0/authorize"),
    ("post", TOKEN_V1),
    ("post", TOKEN_V2),
    ("get", "/cert/{file}"),
    ("get", "/v1.0/engagements/requests"),
    ("get", "/v1.0/engagements/webhooks"),
    ("post", "/v1.0/engagements/webhooks"),
    ("delete", WEBHOOK),
    ("get", WEBHOOK),
    ("patch", WEBHOOK),
    ("put", WEBHOOK),
    ("get", "/v1.0/engagements/webhooks/{id}/deliveries"),
    ("get", "/v1.0/engagements/webhooks/{id}/deliveries/{delivery_id}"),
    ("post", "/v1.0/engagements/webhooks/{id}/deliveries/{delivery_id}/redeliver"),
    ("post", "/v1.0/engagements/webhooks/{id}/pause"),
    ("post", "/v1.0/engagements/webhooks/{id}/recover"),
    ("post", "/v1.0/engagements/webhooks/{id}/redeliver"),
    ("post", "/v1.0/engagements/webhooks/{id}/resume"),
    ("post", "/v1.0/engagements/webhooks/{id}/rotateSecret"),
    ("post", "/v1.0/engagements/webhooks/{id}/test"),
    ("get", "/v1.0/engagements/notices"),
    ("post", "/v1.0/engagements/notices/read"),
    ("post", "/v1.0/engagements/notices/{id}/read"),
    ("get", "/v1.0/engagements/notices/preferences"),
    ("put", "/v1.0/engagements/notices/preferences"),
    ("get", "/unsubscribe/{token}"),
    ("post", "/unsubscribe/{token}"),
    ("get", REGISTRATION),
    ("post", REGISTRATION),
    ("put", REGISTRATION),
    ("get", "/webhooks/v1/registration/events"),
    ("post", "/webhooks/v1/registration/validationEvents"),
    ("get", "/webhooks/v1/registration/validationEvents/{correlation_id}"),
    ("get", "/{tenant}/.well-known/openid-configuration"),
    ("get", "/{tenant}/v2.0/.well-known/openid-configuration"),
    ("get", "/{tenant}/discovery/keys"),
    ("get", "/{tenant}/discovery/v2.0/keys"),
];

async fn description(world: &World) -> Value {
    world.get_anonymously("/openapi.json").await.json()
}

/// Lists what is wrong with `instance` under a schema of the description.
fn violations(description: &Value, schema: &Value, instance: &Value) -> Vec<String> {
    let root = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "allOf": [schema],
        "components": description["components"],
    });
    let validator = jsonschema::draft202012::new(&root).unwrap();
    validator.iter_errors(instance).map(|it| format!("{} at {}", it, it.instance_path())).collect()
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn what_is_served_is_described_and_what_is_described_is_served(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let answer = world.get_anonymously("/openapi.json").await;
    assert_eq!(
        (answer.status, answer.header("content-type")),
        (StatusCode::OK, "application/json; charset=utf-8")
    );
    let description = answer.json();

    assert!(text(&description, "/openapi").starts_with("3.1."));
    assert_eq!(description["servers"], json!([{"url": PUBLIC_URL}]));
    let methods = ["get", "put", "post", "delete", "patch", "head", "options", "trace"];
    let mut described = BTreeSet::new();
    for (path, item) in description["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys().filter(|it| methods.contains(&it.as_str())) {
            described.insert((method.as_str(), path.as_str()));
        }
    }
    assert_eq!(described, OPERATIONS.into_iter().collect());

    let token = world.token(ALEX).await;
    for (_, path) in OPERATIONS {
        let real =
            path.replace("{tenant}", "common").replace("{id}", CONTOSO).replace("{location_id}", CONTOSO);
        let real = real.replace("{action}", "accept");
        let real = real.replace("{delivery_id}", CONTOSO).replace("{correlation_id}", CONTOSO);
        for method in [Method::GET, Method::PUT, Method::POST, Method::DELETE, Method::PATCH] {
            let headers = [("authorization", &*format!("Bearer {token}"))];
            let request = with_headers(method.clone(), &real, &headers).body(Body::empty()).unwrap();
            let answer = world.send(request).await;

            let is_described = described.contains(&(method.as_str().to_lowercase().as_str(), path));
            assert_eq!(answer.status != StatusCode::METHOD_NOT_ALLOWED, is_described, "{method} {path}");
            assert!(!answer.text().contains("pathUnknown"), "{method} {path}");
        }
    }
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn the_documented_call_fits_the_schema_and_others_do_not(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let description = description(&world).await;
    let schema = description
        .pointer("/paths/~1v1.0~1engagements~1referrals/post/requestBody/content/application~1json/schema")
        .unwrap();

    for fits in [fixture(), own_deal(), to_location("msft"), edited(fixture(), &[("/colour", "red".into())])]
    {
        assert_eq!(violations(&description, schema, &fits), Vec::<String>::new());
    }
    for pointer in ["/type", "/customerProfile", "/consent", "/details"] {
        assert_ne!(violations(&description, schema, &without(fixture(), pointer)), Vec::<String>::new());
    }
    for (pointer, value) in [
        ("/type", json!("Private")),
        ("/details/dealValue", json!("a lot")),
        ("/team", json!({})),
        ("/customerProfile/address", json!([])),
    ] {
        let sent = edited(fixture(), &[(pointer, value)]);
        assert_ne!(violations(&description, schema, &sent), Vec::<String>::new(), "{pointer}");
        assert_eq!(world.post(ALEX, sent).await.status, StatusCode::BAD_REQUEST, "{pointer}");
    }
}

/// Asserts that an answer has a described status and fits its schema.
#[track_caller]
fn assert_described(description: &Value, (method, path): (&str, &str), status: u16, answer: &Answer) {
    assert_eq!(answer.status, status, "{method} {path}: {}", answer.text());
    let response = &description["paths"][path][method]["responses"][status.to_string()];
    assert!(response.is_object(), "{method} {path} {status} is not described");
    let content = response.get("content").and_then(Value::as_object);
    let Some((content_type, content)) = content.and_then(|it| it.iter().next()) else {
        assert!(answer.body.is_empty(), "{method} {path} {status} has a body that is not described");
        return;
    };
    assert!(answer.header("content-type").starts_with(content_type.as_str()));
    let body = match content_type.contains("json") {
        true => answer.json(),
        false => Value::from(answer.text()),
    };
    assert_eq!(violations(description, &content["schema"], &body), Vec::<String>::new());
    for name in response.get("headers").and_then(Value::as_object).into_iter().flat_map(|it| it.keys()) {
        assert!(answer.headers.contains_key(name.as_str()), "{method} {path} {status} lacks {name}");
    }
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn every_answer_on_referrals_fits_its_schema(#[case] backend: Backend) {
    let world = World::open(backend).await;
    world.add_northwind().await;
    world.add_user(CONTOSO, "acc@contoso.example", &[Role::AccountAdmin], LocationScope::EntireCompany).await;
    let description = description(&world).await;
    let (create, get) = (("post", REFERRALS), ("get", ONE));
    let key = [("idempotency-key", "k")];

    let own = world.post_with(ALEX, &key, FIXTURE).await;
    assert_described(&description, create, 200, &own);
    let connect = |location: &str| {
        edited(to_location(location), &[("/engagementId", own.json()["engagementId"].clone())])
    };
    let fabrikams = world.post(ALEX, connect("fab00001-0000-4000-8000-000000000001")).await;
    world.post(ALEX, connect("0e0e0e0e-0000-4000-8000-000000000011")).await.created();
    let told = world.post_with(ALEX, &[("prefer", "report=changes")], edited(fixture(), &[("/x", json!(1))]));
    assert_described(&description, create, 200, &told.await);
    assert_described(&description, create, 400, &world.post(ALEX, "{").await);
    assert_described(&description, create, 400, &world.post(ALEX, "{}").await);
    assert_described(&description, create, 401, &world.post_authorized("Bearer x").await);
    assert_described(&description, create, 403, &world.post("acc@contoso.example", FIXTURE).await);
    assert_described(
        &description,
        create,
        409,
        &world.post(ALEX, connect("fab00001-0000-4000-8000-000000000001")).await,
    );
    assert_described(&description, create, 413, &world.post(ALEX, "x".repeat(1_048_577)).await);
    let html = with_headers(
        Method::POST,
        REFERRALS,
        &[("authorization", &format!("Bearer {}", world.token(ALEX).await)), ("content-type", "text/html")],
    );
    assert_described(&description, create, 415, &world.send(html.body(Body::empty()).unwrap()).await);
    assert_described(&description, create, 422, &world.post_with(ALEX, &key, own_deal()).await);

    let id = text(&fabrikams.json(), "/id").to_owned();
    for (email, status) in [(FAY, 200), (ALEX, 200), (NORA, 200), (MIA, 404), ("acc@contoso.example", 403)] {
        assert_described(&description, get, status, &world.get(email, &id).await);
    }
    let path = format!("{REFERRALS}/{id}");
    let known = world.get_path(FAY, &path, &[("if-none-match", "*")]).await;
    assert_described(&description, get, 304, &known);
    assert_described(&description, get, 401, &world.get_anonymously(&path).await);

    world.store.settle().await.unwrap();
    let (changes, path) = (("get", CHANGES), format!("{path}/changes"));
    for (email, status) in [(FAY, 200), (ALEX, 200), (NORA, 200), (MIA, 404), ("acc@contoso.example", 403)] {
        let answer = world.get_path(email, &path, &[]).await;
        assert_described(&description, changes, status, &answer);
        assert!(status != 200 || answer.json()["value"].as_array().is_some_and(|it| it.len() == 3));
    }
    let short = world.get_path(FAY, &format!("{path}?$top=1"), &[]).await;
    assert_described(&description, changes, 200, &short);
    assert_described(&description, changes, 400, &world.get_path(FAY, &format!("{path}?$top=x"), &[]).await);
    assert_described(&description, changes, 401, &world.get_anonymously(&path).await);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn every_answer_about_what_happened_fits_its_schema(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let description = description(&world).await;
    world.post(FAY, FIXTURE).await.created();
    world.post(FAY, own_deal()).await.created();
    world.store.settle().await.unwrap();

    let feed = ("get", FEED);
    for (query, status) in [("", 200), ("?include=referral", 200), ("?since=latest", 200), ("?limit=0", 400)]
    {
        let answer = world.get_path(FAY, &format!("{FEED}{query}"), &[]).await;
        assert_described(&description, feed, status, &answer);
    }
    assert_described(&description, feed, 401, &world.get_anonymously(FEED).await);
    let authorization = format!("Bearer {}", world.token_for(FAY, PARTNER_CENTER).await);
    for (query, status) in [("startDate=2026-11-01", 200), ("startDate=2026-11-01&size=1", 200), ("", 400)] {
        let headers = [("authorization", authorization.as_str())];
        let request = with_headers(Method::GET, &format!("{AUDIT}?{query}"), &headers);
        let answer = world.send(request.body(Body::empty()).unwrap()).await;
        assert_described(&description, ("get", AUDIT), status, &answer);
    }
    assert_described(&description, ("get", AUDIT), 401, &world.get_anonymously(AUDIT).await);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn every_answer_to_a_batch_fits_its_schema(#[case] backend: Backend) {
    let world = World::with(backend, |config| config.limits.rate_per_application_per_minute = 9).await;
    let description = description(&world).await;
    let operation = ("post", BATCH);
    let schema = &description["paths"][BATCH]["post"]["requestBody"]["content"]["application/json"]["schema"];
    let request = json!({"id": "1", "method": "get", "url": "organization"});
    let with =
        |member: &str, value: Value| json!({"requests": [edited(request.clone(), &[(member, value)])]});

    for (sent, status) in [
        (json!({ "requests": [] }), 200),
        (
            json!({ "requests": [request, {"id": "2", "method": "POST", "url": "/referrals", "headers": {"Prefer": "x"},
            "body": own_deal(), "dependsOn": ["1"], "atomicityGroup": "g", "if": null}] }),
            200,
        ),
        (json!({}), 400),
        (with("/url", json!("")), 400),
        (with("/method", json!("trace")), 400),
        (with("/dependsOn", json!([1])), 400),
        (with("/headers", json!({"prefer": null})), 400),
    ] {
        assert_described(
            &description,
            operation,
            status,
            &call(&world, ALEX, Method::POST, BATCH, &sent).await,
        );
        assert_eq!(violations(&description, schema, &sent).is_empty(), status == 200, "{sent}");
    }
    assert_described(&description, operation, 429, &call(&world, ALEX, Method::POST, BATCH, json!({})).await);
    let anonymous = with_headers(Method::POST, BATCH, &[]).body(Body::empty()).unwrap();
    assert_described(&description, operation, 401, &world.send(anonymous).await);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn every_answer_of_administration_fits_its_schema(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let description = description(&world).await;
    let real = |path: &str, id: &str| path.replace("{id}", id).replace("{location_id}", CONTOSO_PLACE);
    let bodies = [
        (("put", ORGANIZATION), "", json!({"email": "a@contoso.example"})),
        (("post", PROFILES), "", json!({"country": "DE", "targetCustomerSizes": ["1to50employees"]})),
        (("put", PROFILE), CONTOSO_PLACE, json!({"tags": {"products": ["Azure"]}})),
        (
            ("post", LOCATIONS),
            CONTOSO_PLACE,
            json!({"mpnId": "1", "name": "One", "geo": {"lat": 1, "lon": 2.5}}),
        ),
        (("put", LOCATION), CONTOSO_PLACE, json!({"contact": {"firstName": "Ann"}})),
        (("post", SOLUTIONS), "", json!({"name": "One", "solutionType": "3P"})),
        (("put", SOLUTION), "SOL-34104-EBB", json!({"offerIds": ["1"]})),
        (
            ("post", USERS),
            "",
            json!({"email": "b@contoso.example", "name": "B", "roles": ["referrals-user"]}),
        ),
        (("put", USER), "c0a70004-0000-4000-8000-000000000004", json!({"locations": []})),
        (("delete", USER), "c0a70004-0000-4000-8000-000000000004", Value::Null),
        (("delete", SOLUTION), "SOL-20881-KTP", Value::Null),
        (("delete", LOCATION), CONTOSO_PLACE, Value::Null),
    ];
    for ((method, path), id, body) in bodies {
        let real = real(path, id);
        let verb: Method = method.to_uppercase().parse().unwrap();
        let schema =
            &description["paths"][path][method]["requestBody"]["content"]["application/json"]["schema"];
        if method != "delete" {
            assert_eq!(violations(&description, schema, &body), Vec::<String>::new(), "{method} {path}");
        }
        let status = match (method, path) {
            ("post", _) => 201,
            ("delete", LOCATION) => 409,
            ("delete", _) => 204,
            _ => 200,
        };
        let operation = (method, path);
        for (email, status) in [(ALEX, 403), (ADA, status)] {
            let answer = call(&world, email, verb.clone(), &real, &body).await;
            assert_described(&description, operation, status, &answer);
        }
        if method != "delete" {
            let wrong = call(&world, ADA, verb.clone(), &real, json!({"colour": 1})).await;
            assert_described(&description, operation, 400, &wrong);
        }
        let anonymous = with_headers(verb, &real, &[]).body(Body::empty()).unwrap();
        assert_described(&description, operation, 401, &world.send(anonymous).await);
    }
    for (path, id) in [
        (ORGANIZATION, ""),
        (PARTNERS, ""),
        (PROFILES, ""),
        (PROFILE, CONTOSO_PLACE),
        (LOCATION, CONTOSO_PLACE),
        (SOLUTIONS, ""),
        (SOLUTION, "SOL-34104-EBB"),
        (USERS, ""),
        (USER, "c0a70003-0000-4000-8000-000000000003"),
    ] {
        let answer = call(&world, ALEX, Method::GET, &real(path, id), "").await;
        assert_described(&description, ("get", path), 200, &answer);
        let unknown = call(&world, ALEX, Method::GET, &real(path, CONTOSO), "").await;
        let status = if path.contains("{id}") { 404 } else { 200 };
        assert_described(&description, ("get", path), status, &unknown);
    }
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_created_status_of_201_is_described_too(#[case] backend: Backend) {
    let world = World::with(backend, |config| config.created_status = 201).await;
    let description = description(&world).await;

    let answer = world.post(ALEX, FIXTURE).await;

    assert_described(&description, ("post", REFERRALS), 201, &answer);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn every_answer_of_the_issuer_fits_its_schema(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let description = description(&world).await;
    let client_id = COMPANIES[0].client_id.to_string();
    let form = |secret: &'static str, password: &'static str| {
        [
            ("grant_type", "password"),
            ("client_id", client_id.as_str()),
            ("client_secret", secret),
            ("username", ALEX),
            ("password", password),
            ("resource", PARTNER),
            ("scope", "https://api.partner.microsoft.com/.default offline_access openid"),
        ]
    };
    let secret = COMPANIES[0].client_secret;

    for path in [TOKEN_V1, TOKEN_V2] {
        let real = path.replace("{tenant}", "common");
        for (form, status) in
            [(form(secret, PASSWORD), 200), (form(secret, "wrong"), 400), (form("wrong", PASSWORD), 401)]
        {
            assert_described(&description, ("post", path), status, &world.post_form(&real, &form).await);
        }
        let long = [("scope", &*"x".repeat(20_000))];
        assert_described(&description, ("post", path), 413, &world.post_form(&real, &long).await);
    }
    let is_discovery = |it: &(&str, &str)| it.0 == "get" && it.1.starts_with("/{tenant}");
    for (method, path) in OPERATIONS.into_iter().filter(is_discovery) {
        for (tenant, status) in [("common", 200), (CONTOSO, 200), ("nobody.example", 400)] {
            let answer = world.get_anonymously(&path.replace("{tenant}", tenant)).await;
            let status = match path {
                // The keys are the same for every tenant, known or not.
                path if path.contains("keys") => 200,
                // Nobody is asked to sign in for no application.
                path if path.contains("authorize") => 400,
                _ => status,
            };
            assert_described(&description, (method, path), status, &answer);
        }
    }
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn every_answer_of_the_sandbox_fits_its_schema(#[case] backend: Backend) {
    let world = World::sandboxes(backend, 1).await;
    let description = description(&world).await;
    let (path, json_type) = ("/sandbox/clock", [("content-type", "application/json")]);
    let body = "/paths/~1sandbox~1clock/post/requestBody/content/application~1json/schema";

    assert_described(&description, ("get", path), 200, &world.get_anonymously(path).await);
    for (sent, status) in [
        (json!({"advance": "1 day"}), 200),
        (json!({"advance": 90}), 200),
        (json!({"advance": true}), 400),
        (json!({"advance": null}), 400),
        (json!({}), 400),
        (json!({"advance": "1 day", "other": 1}), 400),
    ] {
        let request = with_headers(Method::POST, path, &json_type).body(sent.to_string().into()).unwrap();
        assert_described(&description, ("post", path), status, &world.send(request).await);
        let fits = violations(&description, description.pointer(body).unwrap(), &sent).is_empty();
        assert_eq!(fits, status == 200, "{sent}");
    }
    let silent = with_headers(Method::POST, path, &[]).body("{}".into()).unwrap();
    assert_described(&description, ("post", path), 415, &world.send(silent).await);

    let (path, body) =
        ("/sandbox/faults", "/paths/~1sandbox~1faults/post/requestBody/content/application~1json/schema");
    for (sent, status) in [
        (
            json!({"kind": "throttled", "count": 1, "probability": 0.5, "route": "/v1.0/*", "method": "GET"}),
            201,
        ),
        (json!({"kind": "cutAnswer", "cut": "inBody", "organization": CONTOSO}), 201),
        (json!({"kind": "nonsense"}), 400),
        (json!({"count": 1}), 400),
        (json!({"kind": "delay", "delayMs": 0}), 400),
    ] {
        let request = with_headers(Method::POST, path, &json_type).body(sent.to_string().into()).unwrap();
        assert_described(&description, ("post", path), status, &world.send(request).await);
        let fits = violations(&description, description.pointer(body).unwrap(), &sent).is_empty();
        assert_eq!(fits, status == 201, "{sent}");
    }
    assert_described(&description, ("get", path), 200, &world.get_anonymously(path).await);
    let log = "/v1.0/engagements/requests";
    assert_described(
        &description,
        ("get", log),
        200,
        &world.get_path(ALEX, &format!("{log}?include=bodies"), &[]).await,
    );
    assert_described(
        &description,
        ("get", log),
        400,
        &world.get_path(ALEX, &format!("{log}?limit=0"), &[]).await,
    );
    let all = "/sandbox/requests";
    let answer = world.get_anonymously(&format!("{all}?include=bodies")).await;
    assert!(answer.json()["value"].as_array().unwrap().len() > 10);
    assert_described(&description, ("get", all), 200, &answer);
    named_sandboxes_fit(&world, &description).await;
}

async fn named_sandboxes_fit(world: &World, description: &Value) {
    let (all, one) = ("/sandbox/sandboxes", "/sandbox/sandboxes/{name}");
    let ask = async |method: Method, name: &str, body: &str| {
        let json_type = [("content-type", "application/json")];
        let request = with_headers(method, &one.replace("{name}", name), &json_type);
        world.send(request.body(body.to_owned().into()).unwrap()).await
    };
    let form = r#"{"profile": "empty", "clock": "2027-01-31T09:30:00Z", "frozen": true}"#;
    for (name, body, status) in [("a", form, 201), ("a", "", 200), ("b", "{}", 409), ("B", "{}", 400)] {
        assert_described(description, ("put", one), status, &ask(Method::PUT, name, body).await);
    }
    assert_described(description, ("get", all), 200, &world.get_anonymously(all).await);
    assert_described(description, ("get", one), 200, &ask(Method::GET, "a", "").await);
    assert_described(description, ("get", one), 404, &ask(Method::GET, "b", "").await);
    assert_eq!(ask(Method::DELETE, "a", "").await.status, StatusCode::NO_CONTENT);
    assert_described(description, ("delete", one), 404, &ask(Method::DELETE, "a", "").await);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn the_page_comes_whole_from_this_server(#[case] backend: Backend) {
    let world = World::open(backend).await;

    let page = world.get_anonymously("/docs").await;
    let script = world.get_anonymously("/docs/scalar.js").await;

    assert_eq!((page.status, page.header("content-type")), (StatusCode::OK, "text/html; charset=utf-8"));
    assert!(page.text().contains("\"openapi.json\"") && page.text().contains("src=\"docs/scalar.js\""));
    for elsewhere in ["http:", "https:", "src=\"//", "href=\"//", "@import"] {
        assert!(!page.text().contains(elsewhere), "{elsewhere}");
    }
    assert_eq!(
        (script.status, script.header("content-type")),
        (StatusCode::OK, "text/javascript; charset=utf-8")
    );
    assert!(script.body.len() > 100_000);
    for answer in [&page, &script] {
        let policy = answer.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none';"), "{policy}");
        let sources = policy.split(';').flat_map(|it| it.split_whitespace().skip(1));
        for source in sources {
            assert!(["'none'", "'self'", "'unsafe-inline'", "data:"].contains(&source), "{source}");
        }
    }
    let tag = script.header("etag").to_owned();
    let request = with_headers(Method::GET, "/docs/scalar.js", &[("if-none-match", &tag)]);
    let known = world.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!((known.status, known.body.len()), (StatusCode::NOT_MODIFIED, 0));
}
