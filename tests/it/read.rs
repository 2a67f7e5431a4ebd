//! Reading by id: tokens, spellings of the path, and one answer for everything that is not there.

use http::{HeaderMap, Method, StatusCode};
use rstest::rstest;
use serde_json::{Value, json};

use crate::world::*;

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_referral_is_read_with_its_context_first(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let made = world.post(ALEX, FIXTURE).await.created();

    let answer = world.get(ALEX, text(&made, "/id")).await;

    assert_eq!(answer.status, StatusCode::OK);
    let context = format!("{PUBLIC_URL}/v1.0/engagements/$metadata#referrals/$entity");
    assert!(answer.text().starts_with(&format!("{{\"@odata.context\":\"{context}\",\"id\":\"")));
    assert_eq!(without(answer.json(), "/@odata.context"), made);
    assert_eq!(answer.header("etag"), text(&made, "/eTag"));
    assert_eq!(answer.header("content-type"), "application/json; charset=utf-8");
    assert_eq!(answer.header("odata-version"), "4.0");
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn who_has_the_current_document_is_not_sent_it_again(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let made = world.post(ALEX, FIXTURE).await.created();
    let path = format!("{REFERRALS}/{}", text(&made, "/id"));
    let tag = text(&made, "/eTag").to_owned();
    let other = "\"00000002-0000-0000-0000-6b02b6180000\"";

    for known in [
        tag.clone(),
        format!("W/{tag}"),
        tag.trim_matches('"').to_owned(),
        tag.to_uppercase(),
        "*".to_owned(),
        format!("{other}, W/\"x\",{tag}"),
    ] {
        let answer = world.get_path(ALEX, &path, &[("if-none-match", &known)]).await;

        assert_eq!(answer.status, StatusCode::NOT_MODIFIED, "{known}");
        assert_eq!(answer.header("etag"), tag);
        assert!(answer.body.is_empty());
    }
    for unknown in [other, "\"\"", "nonsense", "W/"] {
        let answer = world.get_path(ALEX, &path, &[("if-none-match", unknown)]).await;

        assert_eq!(answer.status, StatusCode::OK, "{unknown}");
    }
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn every_spelling_of_the_path_reads_the_same(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let made = world.post(ALEX, FIXTURE).await.created();
    let id = text(&made, "/id");
    let plain = world.get(ALEX, id).await;

    for path in [
        format!("{REFERRALS}/{id}/"),
        format!("{REFERRALS}/{id}//"),
        format!("{REFERRALS}('{id}')"),
        format!("{REFERRALS}(%27{id}%27)"),
        format!("{REFERRALS}({id})"),
        format!("{REFERRALS}/{}", id.to_uppercase()),
        format!("{REFERRALS}/{id}?api-version=1"),
        format!("/v1.0/engagments/referrals/{id}"),
        format!("/v1.0/referrals/{id}"),
        format!("/engagements/v1/referrals/{id}"),
        format!("/engagements/v1/referrals/{id}/"),
    ] {
        let answer = world.get_path(ALEX, &path, &[]).await;

        assert_eq!(answer.status, StatusCode::OK, "{path}");
        assert_eq!(answer.text(), plain.text(), "{path}");
    }
    for path in ["/v1.0/engagements/referrals/", "/v1.0/engagments/referrals", "/engagements/v1/referrals"] {
        let headers = [("authorization", &*format!("Bearer {}", world.token(ALEX).await))];
        let request = with_headers(Method::POST, path, &headers).body(FIXTURE.into()).unwrap();

        assert_eq!(world.send(request).await.status, StatusCode::OK, "{path}");
    }
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn only_the_partner_center_path_takes_partner_center_tokens(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let made = world.post(ALEX, FIXTURE).await.created();
    let id = text(&made, "/id");

    for (audience, path, status) in [
        (PARTNER, "/v1.0/engagements/referrals", 200),
        (PARTNER, "/engagements/v1/referrals", 200),
        (PARTNER_CENTER, "/engagements/v1/referrals", 200),
        (PARTNER_CENTER, "/v1.0/engagements/referrals", 401),
        (PARTNER_CENTER, "/v1.0/engagments/referrals", 401),
        (PARTNER_CENTER, "/v1.0/referrals", 401),
    ] {
        let authorization = format!("Bearer {}", world.token_for(ALEX, audience).await);
        let headers = [("authorization", &*authorization)];
        let request = with_headers(Method::GET, &format!("{path}/{id}"), &headers);

        let answer = world.send(request.body(axum::body::Body::empty()).unwrap()).await;

        assert_eq!(answer.status, status, "{audience} {path}");
    }
}

/// The headers of an answer without those that differ by request.
fn comparable(headers: &HeaderMap) -> Vec<(String, String)> {
    let mut pairs: Vec<_> = headers
        .iter()
        .filter(|(name, _)| !["request-id", "date"].contains(&name.as_str()))
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
        .collect();
    pairs.sort();
    pairs
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn unknown_malformed_and_foreign_ids_are_one_answer_byte_for_byte(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let foreign = world.post(ALEX, own_deal()).await.created();
    let unknown = world.get(FAY, "99999999-9999-4999-8999-999999999999").await;

    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
    assert_eq!(
        unknown.json(),
        json!({"error": {
            "code": "itemNotFound", "message": "the referral was not found", "target": "referral",
            "innerError": {"code": "referralNotFound", "message": "the referral was not found"},
        }})
    );
    for id in [text(&foreign, "/id"), "nonsense", "1", "%00", "..", "a%2Fb", "'; DROP TABLE referrals; --"] {
        let path = format!("{REFERRALS}/{}", id.replace(' ', "%20").replace('\'', "%27"));
        let tag = text(&foreign, "/eTag");
        let answer = world.get_path(FAY, &path, &[]).await;
        let conditional = world.get_path(FAY, &path, &[("if-none-match", tag)]).await;

        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{id}");
        assert_eq!(answer.text(), unknown.text(), "{id}");
        assert_eq!(comparable(&answer.headers), comparable(&unknown.headers), "{id}");
        assert_eq!(conditional.text(), unknown.text(), "{id}");
        assert_eq!(comparable(&conditional.headers), comparable(&unknown.headers), "{id}");
    }
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn methods_and_paths_that_are_not_served_have_the_envelope(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let made = world.post(ALEX, FIXTURE).await.created();
    let id = text(&made, "/id");
    let one = format!("{REFERRALS}/{id}");
    for (method, path, status, allowed) in [
        (Method::DELETE, one.as_str(), 405, "GET,HEAD,PATCH,PUT"),
        (Method::POST, one.as_str(), 405, "GET,HEAD,PATCH,PUT"),
        (Method::DELETE, REFERRALS, 405, "GET,HEAD,POST"),
        (Method::GET, "/common/oauth2/token", 405, "POST"),
        (Method::GET, "/v1.0/engagements/nothing", 404, ""),
        (Method::POST, "/v2.0/engagements/referrals", 404, ""),
        (Method::GET, "/nothing", 404, ""),
    ] {
        let headers = [("authorization", &*format!("Bearer {}", world.token(ALEX).await))];
        let request = with_headers(method.clone(), path, &headers).body(axum::body::Body::empty()).unwrap();

        let answer = world.send(request).await;

        assert_eq!(answer.status, status, "{method} {path}");
        let error = &answer.json()["error"];
        let code = if status == 404 { "itemNotFound" } else { "invalidRequest" };
        assert_eq!(error["code"], code, "{method} {path}");
        assert!(error["message"].as_str().is_some_and(|it| !it.is_empty()));
        let mut allow: Vec<_> = answer.header("allow").split(',').collect();
        allow.sort_unstable();
        assert_eq!(allow.join(","), allowed, "{method} {path}");
        assert!(!answer.header("request-id").is_empty());
    }
    assert_eq!(world.get(ALEX, id).await.json()["status"], Value::from("Active"));
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_host_that_is_not_served_is_not_answered(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let made = world.post(ALEX, FIXTURE).await.created();
    let path = format!("{REFERRALS}/{}", text(&made, "/id"));

    let rebound = world.get_path(ALEX, &path, &[("host", "evil.example")]).await;
    let served = world.get_path(ALEX, &path, &[("host", "localhost:8080")]).await;

    assert_eq!(rebound.status, StatusCode::MISDIRECTED_REQUEST);
    assert!(!rebound.text().contains("Contoso"));
    assert_eq!(served.status, StatusCode::OK);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn the_link_to_related_referrals_lists_what_the_caller_sees(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let own = world.post(ALEX, fixture()).await.created();
    world.advance_secs(1);
    let connect = edited(to_location("msft"), &[("/engagementId", own["engagementId"].clone())]);
    let microsofts = world.post(ALEX, connect).await.created();
    world.post(ALEX, fixture()).await.created();
    let link =
        text(&own, "/links/relatedReferrals/uri").strip_prefix(PUBLIC_URL).unwrap().replace(' ', "%20");

    let seen = world.get_path(ALEX, &link, &[]).await.created();
    let by_microsoft = world.get_path(MIA, &link, &[]).await.created();
    let by_stranger = world.get_path(FAY, &link, &[]).await.created();

    let ids = |list: &Value| -> Vec<String> {
        list["value"].as_array().unwrap().iter().map(|it| text(it, "/id").to_owned()).collect()
    };
    let newest_first = [text(&microsofts, "/id"), text(&own, "/id")];
    assert_eq!(ids(&seen), newest_first);
    assert_eq!(seen["@odata.count"], 2);
    assert_eq!(seen["@odata.context"], format!("{PUBLIC_URL}/v1.0/engagements/$metadata#referrals"));
    for item in seen["value"].as_array().unwrap() {
        let read = world.get(ALEX, text(item, "/id")).await.json();
        assert_eq!(*item, without(read, "/@odata.context"));
    }
    assert_eq!(ids(&by_microsoft), newest_first);
    assert_eq!((ids(&by_stranger).len(), &by_stranger["@odata.count"]), (0, &0.into()));
}
