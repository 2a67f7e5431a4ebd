//! What is wrong with a batch is told at once, and nothing of it is done.

use axum::body::Body;
use http::StatusCode;
use rstest::rstest;
use serde_json::json;

use super::*;

/// Returns `rule target` of every problem.
fn rules(answer: &Answer) -> Vec<String> {
    assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{}", answer.text());
    let body = answer.json();
    let details = body["error"]["details"].as_array().unwrap();
    details.iter().map(|it| format!("{} {}", text(it, "/rule"), text(it, "/target"))).collect()
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn every_problem_of_an_envelope_is_told_at_once(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let requests = json!([
        post("0", "referrals", own_deal()),
        {"id": "0", "method": "trace", "url": "https://elsewhere.example/v1.0/engagements/referrals"},
        {"method": "GET"},
        {"id": "3", "method": "get", "url": "referrals/1", "dependsOn": ["0", "3", "4", 5], "body": {}},
        {"id": "4", "method": "get", "url": "$9/actions", "headers": {"Authorization": "Bearer x", "a b": "c", "X": 1}},
        {"id": "5 5", "method": "put", "url": "", "dependson": [], "headers": [], "if": 1},
        "what",
    ]);

    let answer = batch(&world, ALEX, requests).await;

    assert_eq!(
        rules(&answer),
        [
            "vocabulary /requests/1/method",
            "url /requests/1/url",
            "required /requests/2/id",
            "required /requests/2/url",
            "noBody /requests/3/body",
            "type /requests/3/dependsOn/3",
            "oneCaller /requests/4/headers/Authorization",
            "header /requests/4/headers/a b",
            "header /requests/4/headers/X",
            "unknownMember /requests/5/dependson",
            "requestId /requests/5/id",
            "required /requests/5/url",
            "type /requests/5/headers",
            "type /requests/5/if",
            "type /requests/6",
            "backwards /requests/3/dependsOn/1",
            "backwards /requests/3/dependsOn/2",
            "reference /requests/4/url",
            "uniqueId /requests/1/id",
        ]
    );
    assert!(world.stored().await.is_empty());
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn groups_have_rules_of_their_own(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let in_group = |group: &str, it: Value| edited(it, &[("/atomicityGroup", group.into())]);
    let requests = json!([
        in_group("g", post("0", "referrals", own_deal())),
        in_group("g", get("1", "referrals/1")),
        in_group("g", post("2", "$0/win", json!({}))),
        in_group("g", post("3", "referrals/1/share", json!({}))),
        in_group("g", post("4", "referrals/$query", json!("$top=1"))),
        in_group("g", post("5", "users", json!({}))),
        in_group(
            "g",
            edited(patch("6", "referrals/1", "/name", json!(1)), &[("/dependsOn", json!(["0", "g"]))])
        ),
        post("7", "referrals", own_deal()),
        in_group("g", post("8", "referrals", own_deal())),
        in_group("7", post("9", "referrals", own_deal())),
        in_group("a b", post("10", "referrals", own_deal())),
        in_group("h", post("11", "$0/win", json!({}))),
    ]);

    let answer = batch(&world, ALEX, requests).await;

    assert_eq!(
        rules(&answer),
        [
            "requestId /requests/10/atomicityGroup",
            "referenceInGroup /requests/2/url",
            "backwards /requests/6/dependsOn/1",
            "groupWrites /requests/1/method",
            "groupWrites /requests/3/url",
            "groupWrites /requests/4/url",
            "groupWrites /requests/5/url",
            "groupTogether /requests/8/atomicityGroup",
            "uniqueId /requests/9/atomicityGroup",
        ]
    );
    let body = answer.json();
    let details = body["error"]["details"].as_array().unwrap();
    assert!(text(&details[3], "/message").starts_with("a group only writes referrals"));
    assert!(world.stored().await.is_empty());
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn what_is_no_batch_is_refused(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let send = async |headers: &[(&str, &str)], body: &str| {
        world.send_json(Method::POST, ALEX, BATCH, headers, body).await
    };

    for (body, code) in [
        ("", "malformedBody"),
        ("{", "malformedBody"),
        ("[]", "invalidValue"),
        ("{}", "requiredFieldMissing"),
        ("{\"requests\": null}", "requiredFieldMissing"),
        ("{\"requests\": {}}", "invalidValue"),
        ("{\"requests\": [], \"requests\": []}", "duplicateMember"),
        ("{\"requests\": [], \"request\": []}", "invalidValue"),
    ] {
        let answer = send(&[], body).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{body}");
        assert_eq!(answer.json()["error"]["innerError"]["code"], code, "{body}");
    }
    let answer = send(&[("idempotency-key", "k")], "{\"requests\": []}").await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert_eq!(answer.json()["error"]["target"], "Idempotency-Key");
    let path = format!("{BATCH}?validateOnly=true");
    let answer = world.send_json(Method::POST, ALEX, &path, &[], "{\"requests\": []}").await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert_eq!(answer.json()["error"]["target"], "validateOnly");
    let answer = send(&[("content-type", "multipart/mixed; boundary=x")], "--x").await;
    assert_eq!(answer.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let anonymous = with_headers(Method::POST, BATCH, &[]).body(Body::from("{\"requests\": []}")).unwrap();
    assert_eq!(world.send(anonymous).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(world.get_path(ALEX, BATCH, &[]).await.status, StatusCode::METHOD_NOT_ALLOWED);

    let empty = send(&[], "{\"@odata.comment\": 1, \"requests\": []}").await;
    assert_eq!((empty.status, empty.text()), (StatusCode::OK, "{\"responses\":[]}"));
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_batch_has_limits(#[case] backend: Backend) {
    let world = World::with(backend, |config| config.limits.batch_requests_max = 3).await;
    let requests =
        |count: usize| (0..count).map(|it| get(&it.to_string(), "organization")).collect::<Vec<_>>();

    assert_eq!(statuses(&batch(&world, ALEX, json!(requests(3))).await), [200, 200, 200]);
    let answer = batch(&world, ALEX, json!(requests(4))).await;
    assert_eq!(rules(&answer), ["itemsMax /requests"]);
    assert_eq!(answer.problems(), ["tooLong /requests"]);

    let long = json!([get("1", format!("organization?{}", "x".repeat(9000)))]);
    assert_eq!(statuses(&batch(&world, ALEX, long).await), [414]);
    let large = json!([post("1", "referrals", json!("x".repeat(1_048_577)))]);
    assert_eq!(batch(&world, ALEX, large).await.status, StatusCode::PAYLOAD_TOO_LARGE);
    // The body of a request may be as deep as it may be alone, and no deeper.
    let nested = |levels: usize| {
        let body = "[".repeat(levels) + &"]".repeat(levels);
        format!(
            "{{\"requests\":[{{\"id\":\"1\",\"method\":\"post\",\"url\":\"referrals\",\"body\":{body}}}]}}"
        )
    };
    let deep = world.send_json(Method::POST, ALEX, BATCH, &[], nested(32)).await;
    assert_eq!(statuses(&deep), [400]);
    assert!(deep.text().contains("an object is expected"), "{}", deep.text());
    let too_deep = world.send_json(Method::POST, ALEX, BATCH, &[], nested(33)).await;
    assert_eq!(
        (too_deep.status, too_deep.problems()),
        (StatusCode::BAD_REQUEST, vec!["tooLong ".to_owned()])
    );
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn other_spellings_of_the_path_lead_there(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let body = json!({"requests": [get("1", "organization")]});

    for path in ["/v1.0/engagements/%24batch", "/v1.0/engagments/$batch", "/v1.0/engagements/$batch/"] {
        let answer = world.send_json(Method::POST, ALEX, path, &[], &body).await;
        assert_eq!(statuses(&answer), [200], "{path}");
    }
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn no_more_is_made_when_the_answers_are_long_enough(#[case] backend: Backend) {
    let world = World::with(backend, |config| config.limits.batch_answers_bytes_max = 1000).await;
    let mut requests =
        vec![get("1", "nothing"), post("2", "referrals", own_deal()), get("3", "organization")];
    requests.extend(grouped("g", [post("4", "referrals", own_deal()), post("5", "referrals", own_deal())]));

    let answer = batch_with(&world, ALEX, &[CONTINUE], json!(requests)).await;

    assert_eq!(statuses(&answer), [404, 200, 503, 503, 503]);
    assert_eq!(parts(&answer)[4].code(), "answersTooLarge");
    assert_eq!(world.stored().await.len(), 1);
}
