//! Faults of requests: what a client gets, what has happened, and who is struck.

use std::time::{Duration, Instant};

use http::Method;
use liaison::domain::organization::OrganizationId;
use rstest::rstest;
use serde_json::{Value, json};

use super::{FAULTS, Listening, add, ask, in_force};
use crate::{feed::AUDIT, world::*};

const ROUTE: &str = "/v1.0/engagements/referrals/{id}";

/// What a client reads of an answer.
async fn seen(request: reqwest::RequestBuilder) -> (u16, String, Option<String>, Value) {
    let response = request.send().await.unwrap();
    let header = |name: &str| response.headers().get(name).map(|it| it.to_str().unwrap().to_owned());
    let (status, fault) = (response.status().as_u16(), header("liaison-fault").unwrap_or_default());
    let retry_after = header("retry-after");
    let body = response.bytes().await.unwrap();
    (status, fault, retry_after, serde_json::from_slice(&body).unwrap_or_default())
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_refusal_has_the_shape_of_the_real_one_and_nothing_has_happened(#[case] backend: Backend) {
    let world = World::sandbox(backend).await;
    let listening = Listening::start(&world).await;
    let id = text(&world.post(ALEX, own_deal()).await.created(), "/id").to_owned();
    let path = format!("{REFERRALS}/{id}");
    let patch = || {
        let change = json!([{"op": "replace", "path": "/details/notes", "value": "changed"}]);
        listening.request(Method::PATCH, &path).json(&change)
    };
    for (kind, status, code, inner, retry_after, is_gate) in [
        ("mfaRequired", 401, "unauthenticated", Some("mfaRequired"), None, true),
        ("accessDenied", 403, "accessDenied", Some("referralsRoleRequired"), None, false),
        ("preconditionFailed", 412, "preconditionFailed", Some("resourceModified"), None, false),
        ("throttled", 429, "serviceNotAvailable", None, Some("57"), true),
        ("serverError", 500, "generalException", None, None, false),
        ("unavailable", 503, "serviceNotAvailable", Some("tooManyRequestsInFlight"), Some("57"), false),
    ] {
        let mut fault = json!({"kind": kind, "method": "PATCH", "route": ROUTE, "count": 1});
        if retry_after.is_some() {
            fault["retryAfterSecs"] = json!(57);
        }
        let fault_id = add(&world, fault).await;

        let (got, header, after, body) = seen(patch()).await;

        assert_eq!((got, header), (status, format!("{fault_id}; kind={kind}")), "{body}");
        assert_eq!(after.as_deref(), retry_after, "{kind}");
        let error = &body["error"];
        assert_eq!((text(error, "/code"), error["innerError"]["code"].as_str()), (code, inner), "{kind}");
        let flat = (body.get("statusCode").cloned(), body.get("message") == error.get("message"));
        assert_eq!(flat, if is_gate { (Some(json!(status)), true) } else { (None, false) }, "{kind}");
    }
    let read = world.get(ALEX, &id).await.json();
    assert!(text(&read, "/eTag").starts_with("\"00000001-"), "no change was made: {read}");
    let struck: Vec<_> = in_force(&world).await.iter().map(|it| it["remaining"].clone()).collect();
    assert_eq!(struck, vec![json!(0); 6]);
    let (status, header, ..) = seen(patch()).await;
    assert_eq!((status, header.as_str()), (204, ""));
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn the_partner_center_api_refuses_in_its_own_shape(#[case] backend: Backend) {
    let world = World::sandbox(backend).await;
    let listening = Listening::start(&world).await;
    let token = world.token_for(ALEX, PARTNER_CENTER).await;
    let path = format!("{AUDIT}?startDate=2030-01-01&endDate=2030-01-02");
    let mut answers = Vec::new();
    for kind in ["mfaRequired", "throttled"] {
        add(&world, json!({"kind": kind, "route": AUDIT, "count": 1})).await;
        let url = format!("http://{}{path}", listening.address);
        answers.push(seen(listening.client.get(url).bearer_auth(&token)).await);
    }

    let [(401, _, _, mfa), (429, header, retry_after, throttled)] = answers.as_slice() else {
        panic!("{answers:?}")
    };
    assert_eq!((&mfa["code"], &mfa["source"]), (&json!(900_421), &json!("Liaison")));
    assert_eq!((header.as_str(), retry_after.as_deref()), ("f2; kind=throttled", Some("1")));
    assert_eq!(throttled["message"], "Rate limit is exceeded. Try again in 1 seconds.");
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn an_answer_that_is_cut_off_belongs_to_a_write_that_has_happened(#[case] backend: Backend) {
    let world = World::sandbox(backend).await;
    let listening = Listening::start(&world).await;
    let post = |key: &str| {
        listening.request(Method::POST, REFERRALS).header("idempotency-key", key).json(&own_deal())
    };
    add(&world, json!({"kind": "cutAnswer", "method": "POST", "count": 1})).await;
    add(&world, json!({"kind": "cutAnswer", "method": "POST", "count": 1, "cut": "inBody"})).await;

    let before_head = post("one").send().await.unwrap_err();
    let in_body = post("two").send().await.unwrap();
    let cut = in_body.headers()["liaison-fault"].to_str().unwrap().to_owned();
    let status = in_body.status().as_u16();
    let body = in_body.bytes().await;

    assert!(before_head.is_request(), "{before_head:?}");
    assert_eq!((status, cut.as_str()), (200, "f2; kind=cutAnswer"));
    assert!(body.is_err(), "half of it came");
    assert_eq!(world.stored().await.len(), 2);
    for key in ["one", "two"] {
        let again = post(key).send().await.unwrap();
        assert_eq!(again.headers()["idempotency-replayed"], "true");
        assert_eq!(again.status(), 200);
    }
    assert_eq!(world.stored().await.len(), 2, "a repetition with the same key has no second effect");
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn an_answer_can_come_late_or_slowly_and_is_whole(#[case] backend: Backend) {
    let world = World::sandbox(backend).await;
    let listening = Listening::start(&world).await;
    let created = world.post(ALEX, own_deal()).await.created();
    let path = format!("{REFERRALS}/{}", text(&created, "/id"));
    add(&world, json!({"kind": "delay", "delayMs": 50, "count": 1})).await;
    add(&world, json!({"kind": "slowBody", "bytesPerSec": 20_000, "count": 1})).await;

    let began = Instant::now();
    let late = seen(listening.request(Method::GET, &path)).await;
    let late_after = began.elapsed();
    let began = Instant::now();
    let slow = seen(listening.request(Method::GET, &path)).await;
    let slow_after = began.elapsed();

    assert_eq!((late.0, late.1.as_str()), (200, "f1; kind=delay"));
    assert!(late_after >= Duration::from_millis(50), "{late_after:?}");
    assert_eq!((slow.0, slow.1.as_str()), (200, "f2; kind=slowBody"));
    assert_eq!((&late.3["id"], &slow.3["id"]), (&created["id"], &created["id"]));
    // More than 2000 bytes, 2000 at a time.
    assert!(slow_after >= Duration::from_millis(100), "{slow_after:?}");
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn only_those_are_struck_that_the_fault_is_for(#[case] backend: Backend) {
    let world = World::sandbox(backend).await;
    let fabrikam =
        world.store.list_applications(&OrganizationId::parse(FABRIKAM).unwrap()).await.unwrap()[0].id;
    add(&world, json!({"kind": "serverError", "organization": CONTOSO})).await;
    add(&world, json!({"kind": "unavailable", "application": fabrikam})).await;
    let status = async |email| world.get_path(email, REFERRALS, &[]).await.status.as_u16();

    assert_eq!((status(ALEX).await, status(UMA).await), (500, 500));
    assert_eq!((status(FAY).await, status(MIA).await), (503, 200));
    // Without a token it is nobody's call.
    assert_eq!(world.get_anonymously(REFERRALS).await.status, 401);
    assert_eq!(world.get_anonymously("/openapi.json").await.status, 200);
    assert_eq!(ask(&world, Method::DELETE, &format!("{FAULTS}/f1"), json!(null)).await.status, 204);
    assert_eq!((status(ALEX).await, status(FAY).await), (200, 503));
    assert_eq!(ask(&world, Method::DELETE, FAULTS, json!(null)).await.status, 204);
    assert_eq!(status(FAY).await, 200);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_definition_is_refused_with_every_problem_and_only_a_sandbox_takes_one(#[case] backend: Backend) {
    let (sandbox, world) = (World::sandbox(backend).await, World::open(backend).await);
    let wrong = json!({"kind": "throttled", "route": "/v2.0/referrals", "delayMs": 5, "probability": 2});
    let unknown = json!({"kind": "throttled", "organization": NORTHWIND});
    let fault = json!({"kind": "throttled"});

    let refused = ask(&sandbox, Method::POST, FAULTS, wrong).await;
    let of_nobody = ask(&sandbox, Method::POST, FAULTS, unknown).await;
    let silent =
        sandbox.send(with_headers(Method::POST, FAULTS, &[]).body(fault.to_string().into()).unwrap());

    assert_eq!(refused.status, 400);
    assert_eq!(
        refused.problems(),
        ["invalidValue /route", "invalidValue /probability", "invalidValue /delayMs"]
    );
    assert_eq!(of_nobody.problems(), ["invalidValue /organization"]);
    assert_eq!(silent.await.status, 415);
    let missing = ask(&sandbox, Method::DELETE, &format!("{FAULTS}/f9"), json!(null)).await;
    assert_eq!(text(&missing.json(), "/error/innerError/code"), "faultNotFound");
    assert_eq!(in_force(&sandbox).await, Vec::<Value>::new());
    let nowhere = world.get_anonymously("/nowhere").await;
    for (method, body) in [(Method::GET, json!(null)), (Method::POST, fault), (Method::DELETE, json!(null))] {
        let answer = ask(&world, method, FAULTS, body).await;
        assert_eq!((answer.status.as_u16(), answer.text()), (404, nowhere.text()));
    }
}
