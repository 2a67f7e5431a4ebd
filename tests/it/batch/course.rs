//! Requests outside groups: each is answered as if it had come alone, and they follow on each other.

use http::StatusCode;
use rstest::rstest;
use serde_json::json;
use uuid::Uuid;

use super::*;

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn what_one_request_makes_the_next_one_refers_to(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let requests = json!([
        post("new", "referrals", own_deal()),
        post("won", "$new/win", json!({"details": {"notes": "signed"}})),
        edited(get("read", "$new"), &[("/dependsOn", json!(["won"]))]),
        get("again", "$won"),
        get("log", "$read/changes"),
    ]);

    let answer = batch(&world, ALEX, requests).await;

    assert_eq!(statuses(&answer), [200, 200, 200, 200, 200], "{}", answer.text());
    let parts = parts(&answer);
    let (made, read) = (parts[0].json(), parts[2].json());
    assert_eq!(parts[0].header("location"), format!("{PUBLIC_URL}{REFERRALS}/{}", text(&made, "/id")));
    assert_eq!((&read["id"], &read["substatus"]), (&made["id"], &json!("Won")));
    assert_eq!(read["details"]["notes"], "signed");
    assert_eq!(parts[2].header("etag"), text(&read, "/eTag"));
    assert_eq!(parts[3].text(), parts[2].text());
    assert_eq!(answer.header("odata-version"), "4.0");
    assert!(parts.iter().all(|it| it.group.is_none()));
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn each_request_is_answered_as_if_it_had_come_alone(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let id = own(&world).await;
    let unknown = Uuid::from_u128(7);
    let paths = [
        format!("{REFERRALS}/{id}"),
        format!("{REFERRALS}('{id}')/"),
        format!("/v1.0/referrals/{id}/actions"),
        format!("/engagements/v1/referrals/{id}"),
        format!("{REFERRALS}/{unknown}"),
        format!("{REFERRALS}/nonsense"),
        format!("{REFERRALS}/{id}/changes?$top=x"),
        "/v1.0/engagements/organization".to_owned(),
        "/v1.0/engagements/nothing".to_owned(),
        "/v1.0/engagements/$batch".to_owned(),
        format!("{REFERRALS}/{id}/win"),
        "/openapi.json".to_owned(),
        "/common/discovery/keys".to_owned(),
    ];
    let requests: Vec<_> = paths.iter().enumerate().map(|(at, it)| get(&at.to_string(), it)).collect();

    let answer = batch_with(&world, ALEX, &[CONTINUE], json!(requests)).await;

    for (path, part) in paths.iter().zip(parts(&answer)) {
        let alone = match path.as_str() {
            // Neither a batch nor what is no part of the API is there in a batch.
            BATCH | "/openapi.json" | "/common/discovery/keys" => {
                world.get_path(ALEX, "/v1.0/engagements/nothing", &[]).await
            }
            path => world.get_path(ALEX, path, &[]).await,
        };
        assert_eq!(part.status, alone.status, "{path}: {}", part.text());
        assert_eq!(part.text(), alone.text(), "{path}");
        for name in ["content-type", "etag", "allow"] {
            assert_eq!(part.header(name), alone.header(name), "{path} {name}");
        }
    }
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn foreign_ids_read_like_unknown_ones(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let foreign = own(&world).await;
    let ids = [foreign.clone(), Uuid::from_u128(7).to_string(), "nonsense".to_owned()];
    let mut requests = Vec::new();
    for (at, id) in ids.iter().enumerate() {
        let url = format!("{REFERRALS}/{id}");
        requests.push(get(&format!("get{at}"), &url));
        requests.push(patch(&format!("patch{at}"), &url, "/name", json!("x")));
        requests.push(post(&format!("act{at}"), format!("{url}/win"), json!({})));
        requests
            .extend(grouped(&format!("g{at}"), [patch(&format!("grouped{at}"), &url, "/name", json!("x"))]));
    }
    let alone = world.get(FAY, &foreign).await;

    let answer = batch_with(&world, FAY, &[CONTINUE], json!(requests)).await;

    assert_eq!(alone.status, StatusCode::NOT_FOUND);
    for part in parts(&answer) {
        assert_eq!((part.status, part.text()), (404, alone.text()), "{}", part.id);
        assert_eq!(part.headers, json!({"content-type": alone.header("content-type")}), "{}", part.id);
    }
    assert_eq!(world.log().await.len(), 1);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn the_rest_is_made_after_a_failure_unless_the_caller_does_not_want_that(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let id = own(&world).await;
    let requests = json!([
        get("a", format!("referrals/{id}")),
        get("b", format!("referrals/{}", Uuid::nil())),
        post("c", "referrals", own_deal()),
        get("d", format!("referrals/{id}")),
    ]);

    for prefer in ["continue-on-error=false", "odata.continue-on-error=false"] {
        let answer = batch_with(&world, ALEX, &[("prefer", prefer)], requests.clone()).await;

        assert_eq!(statuses(&answer), [200, 404, 424, 424], "{prefer}");
        let skipped = &parts(&answer)[2];
        assert_eq!(skipped.code(), "failedDependency");
        assert!(skipped.message().starts_with("request \"b\" failed"), "{}", skipped.message());
        assert_eq!(answer.header("preference-applied"), "continue-on-error=false");
    }
    assert_eq!(world.log().await.len(), 1);
    for prefer in
        ["", "continue-on-error", "odata.continue-on-error", "respond-async, Continue-On-Error=True"]
    {
        let answer = batch_with(&world, ALEX, &[("prefer", prefer)], requests.clone()).await;

        assert_eq!(statuses(&answer), [200, 404, 200, 200], "{prefer}");
        let applied = if prefer.is_empty() { "" } else { "continue-on-error" };
        assert_eq!(answer.header("preference-applied"), applied);
    }
    assert_eq!(world.log().await.len(), 5);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn what_depends_on_a_failure_is_not_made(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let id = own(&world).await;
    let after = |id: &str, url: &str, needs: &str| edited(get(id, url), &[("/dependsOn", json!([needs]))]);
    let one = format!("referrals/{id}");
    let mut requests = vec![
        get("lost", format!("referrals/{}", Uuid::nil())),
        after("stated", &one, "lost"),
        get("implied", "$lost/actions"),
        after("chain", &one, "stated"),
        after("free", &one, "chain2"),
        get("other", &one),
        after("fine", &one, "other"),
    ];
    requests[4]["dependsOn"] = json!([]);
    requests
        .extend(grouped("g", [patch("in", &one, "/name", json!("x")), post("too", "referrals", json!({}))]));
    requests.push(after("of-group", &one, "g"));
    requests.push(after("of-member", &one, "in"));

    let answer = batch_with(&world, ALEX, &[CONTINUE], json!(requests)).await;

    assert_eq!(
        statuses(&answer),
        [404, 424, 424, 424, 200, 200, 200, 424, 400, 424, 424],
        "{}",
        answer.text()
    );
    let parts = parts(&answer);
    assert_eq!(parts[1].message(), "request \"lost\", which this one depends on, did not succeed");
    assert_eq!(parts[3].message(), "request \"stated\", which this one depends on, did not succeed");
    assert_eq!(
        parts[7].message(),
        "request \"too\" of the same group failed, so nothing of the group was stored"
    );
    assert_eq!((parts[7].group, parts[9].group), (Some("g"), None));
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn conditions_are_said_not_to_be_supported(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let id = own(&world).await;
    let conditional = |it: Value| edited(it, &[("/if", json!("$a/$succeeded"))]);
    let mut requests = vec![
        get("a", format!("referrals/{id}")),
        conditional(get("b", format!("referrals/{id}"))),
        edited(get("c", format!("referrals/{id}")), &[("/if", json!(null))]),
    ];
    let group = [
        patch("d", format!("referrals/{id}"), "/name", json!("x")),
        conditional(post("e", "referrals", own_deal())),
    ];
    requests.extend(grouped("g", group));

    let answer = batch_with(&world, ALEX, &[CONTINUE], json!(requests)).await;

    assert_eq!(statuses(&answer), [200, 424, 200, 424, 424]);
    assert!(parts(&answer)[4].message().starts_with("conditions (if) are not supported"));
    assert_eq!(world.log().await.len(), 1);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_token_is_referred_to_by_its_request(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let id = own(&world).await;
    let url = format!("referrals/{id}");
    let on = |request: Value, header: &str, of: &str| edited(request, &[("/headers", json!({ header: of }))]);
    let requests = json!([
        get("1", &url),
        on(patch("2", &url, "/name", json!("x")), "If-Match", "$1"),
        on(patch("3", &url, "/name", json!("y")), "if-match", "$1"),
        on(get("4", &url), "if-none-match", "$2"),
    ]);

    let answer = batch_with(&world, ALEX, &[CONTINUE], requests).await;

    assert_eq!(statuses(&answer), [200, 204, 412, 304], "{}", answer.text());
    assert_eq!(parts(&answer)[2].json()["error"]["conflict"]["isBaseKnown"], true);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn what_made_nothing_cannot_be_referred_to(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let requests = json!([post("1", "referrals?validateOnly=true", own_deal()), get("2", "$1")]);

    let answer = batch(&world, ALEX, requests).await;

    assert_eq!(statuses(&answer), [200, 424]);
    assert_eq!(parts(&answer)[1].message(), "request \"1\" neither made nor addressed a single thing");
    assert!(world.stored().await.is_empty());
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn every_request_counts_against_the_rate(#[case] backend: Backend) {
    let world = World::with(backend, |config| config.limits.rate_per_organization_per_minute = 8).await;
    let id = own(&world).await;
    let one = format!("referrals/{id}");
    let mut requests: Vec<_> = (0..4).map(|it| get(&it.to_string(), &one)).collect();
    requests
        .extend(grouped("g", [patch("4", &one, "/name", json!("x")), post("5", "referrals", own_deal())]));
    requests.push(get("6", &one));

    // One is spent on the deal, one on the batch.
    let answer = batch_with(&world, ALEX, &[CONTINUE], json!(requests)).await;

    assert_eq!(statuses(&answer), [200, 200, 200, 200, 204, 200, 429], "{}", answer.text());
    assert_eq!((answer.header("ratelimit-limit"), answer.header("ratelimit-remaining")), ("8", "0"));
    assert_ne!(parts(&answer)[6].header("retry-after"), "");
    assert_eq!(batch(&world, ALEX, json!([])).await.status, StatusCode::TOO_MANY_REQUESTS);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_group_that_is_throttled_stores_nothing(#[case] backend: Backend) {
    let world = World::with(backend, |config| config.limits.rate_per_application_per_minute = 2).await;
    let requests = grouped("g", [post("1", "referrals", own_deal()), post("2", "referrals", own_deal())]);

    let answer = batch(&world, ALEX, json!(requests)).await;

    assert_eq!(statuses(&answer), [424, 429]);
    assert!(world.stored().await.is_empty());
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn each_request_may_have_a_key_of_its_own(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let keyed = |id: &str, key: &str| {
        edited(post(id, "referrals", own_deal()), &[("/headers", json!({"Idempotency-Key": key}))])
    };
    let requests = json!([keyed("1", "a"), keyed("2", "a"), keyed("3", "b")]);

    let first = batch(&world, ALEX, requests.clone()).await;
    let second = batch(&world, ALEX, requests).await;

    for (once, twice) in parts(&first).iter().zip(parts(&second)) {
        assert_eq!((once.status, twice.status), (200, 200));
        assert_eq!(once.text(), twice.text());
        assert_eq!(twice.header("idempotency-replayed"), "true");
    }
    assert_eq!(world.stored().await.len(), 2);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn each_role_gets_what_it_would_get_alone(#[case] backend: Backend) {
    use liaison::domain::organization::{LocationScope, Role};
    let world = World::open(backend).await;
    world.add_user(CONTOSO, "acc@contoso.example", &[Role::AccountAdmin], LocationScope::EntireCompany).await;
    let id = own(&world).await;
    let mut requests = vec![get("1", "organization"), get("2", format!("referrals/{id}"))];
    requests.extend(grouped("g", [patch("3", format!("referrals/{id}"), "/name", json!("x"))]));

    let answer = batch_with(&world, "acc@contoso.example", &[CONTINUE], json!(requests)).await;

    assert_eq!(statuses(&answer), [200, 403, 403]);
    assert_eq!(parts(&answer)[2].code(), "referralsRoleRequired");
}
