//! The request log: what developers read of their applications' calls, and what nobody reads.

use http::Method;
use rstest::rstest;
use serde_json::{Value, json};

use crate::world::*;

const OWN: &str = "/v1.0/engagements/requests";
const ALL: &str = "/sandbox/requests";

/// Reads the calls of the organisation of `email`.
async fn own(server: &Server, email: &str, options: &str) -> Vec<Value> {
    let answer = server.get_path(email, &format!("{OWN}?{options}"), &[]).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["value"].as_array().unwrap().clone()
}

/// Makes three calls of Contoso's: one that succeeds, one that is wrong, and one by somebody without the right.
async fn make_calls(world: &World) -> String {
    let created = world.post(ALEX, own_deal()).await.created();
    let wrong = edited(own_deal(), &[("/type", json!("Nonsense"))]);
    assert_eq!(world.post(ALEX, wrong).await.status, 400);
    assert_eq!(world.get_path(UMA, OWN, &[]).await.status, 403);
    assert_eq!(world.get(UMA, "7").await.status, 404);
    text(&created, "/id").to_owned()
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn each_call_tells_what_decided_and_what_to_do(#[case] backend: Backend) {
    let world = World::sandbox(backend).await;
    let id = make_calls(&world).await;
    let fault = json!({"kind": "throttled", "count": 1, "retryAfterSecs": 9}).to_string();
    let json_type = [("content-type", "application/json")];
    world.send(with_headers(Method::POST, "/sandbox/faults", &json_type).body(fault.into()).unwrap()).await;
    let throttled = world.get(ALEX, &id).await;

    let calls = own(&world, ALEX, "").await;

    let line = |it: &Value| {
        let decided = |name| it["decided"][name].as_str().unwrap_or("-").to_owned();
        let (method, url) = (text(it, "/method"), text(it, "/url").replace(&id, "{id}"));
        format!(
            "{method} {url} {} {} {} {}",
            it["status"],
            decided("code"),
            decided("rule"),
            decided("target")
        )
    };
    assert_eq!(
        calls.iter().map(line).collect::<Vec<_>>(),
        [
            format!("POST {REFERRALS} 200 - - -"),
            format!("POST {REFERRALS} 400 invalidValue vocabulary /type"),
            format!("GET {REFERRALS}/7 404 referralNotFound - referral"),
            format!("GET {REFERRALS}/{{id}} 429 serviceNotAvailable fault -"),
        ]
    );
    assert!(calls[0].get("mend").is_none());
    assert!(text(&calls[1], "/mend/advice").contains("`allowed`"));
    assert_eq!(text(&calls[1], "/mend/see"), "API.md#what-is-required");
    assert_eq!(text(&calls[3], "/fault"), "f1; kind=throttled");
    assert!(text(&calls[3], "/mend/advice").contains("Retry-After"));
    assert_eq!(text(&calls[3], "/id"), throttled.header("request-id"));
    assert_eq!(text(&calls[0], "/at"), START);
    let later = own(&world, ALEX, &format!("after={}", text(&calls[1], "/id"))).await;
    assert_eq!(later.iter().map(line).collect::<Vec<_>>(), calls[2..].iter().map(line).collect::<Vec<_>>());
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_local_sandbox_shows_everything_but_secrets(#[case] backend: Backend) {
    let world = World::sandbox(backend).await;
    make_calls(&world).await;
    let form = [
        ("grant_type", "password"),
        ("resource", PARTNER),
        ("client_id", "c0a70002-0000-4000-8000-000000000002"),
        ("client_secret", "contoso-sandbox-secret"),
        ("username", ALEX),
        ("password", "sandbox-password"),
    ];
    let signed_in = world.post_form("/common/oauth2/token", &form).await;
    let token = text(&signed_in.json(), "/access_token").to_owned();
    let hook = json!({"url": "https://a.example/hook", "events": ["referral-created"]});
    let hook = world.send_json(Method::POST, ALEX, "/v1.0/engagements/webhooks", &[], hook).await;
    assert_eq!(hook.status, 201, "{}", hook.text());

    let answer = world.get_anonymously(&format!("{ALL}?include=bodies&limit=1000")).await;
    let har = world.get_anonymously(&format!("{ALL}?format=har")).await;

    let calls = answer.json()["value"].as_array().unwrap().clone();
    assert_eq!(calls.len(), 5, "reading the log is not in it");
    let sent: Value = serde_json::from_str(text(&calls[0], "/request/body/text")).unwrap();
    assert_eq!(sent, own_deal());
    let answered: Value = serde_json::from_str(text(&calls[0], "/response/body/text")).unwrap();
    assert_eq!(
        answered["customerProfile"]["team"][0]["email"],
        own_deal()["customerProfile"]["team"][0]["email"]
    );
    assert_eq!(text(&calls[3], "/url"), "/common/oauth2/token");
    assert!(calls[3].get("organization").is_none() && calls[3]["request"].get("body").is_none());
    assert!(text(&calls[4], "/response/body/text").contains("\"secret\":\"***\""));
    for shown in [answer.text(), har.text()] {
        let secrets = [token.as_str(), "sandbox-password", "contoso-sandbox-secret", "whsec_", "Bearer ey"];
        for secret in secrets {
            assert!(!shown.contains(secret), "{secret}");
        }
    }
    let har = har.json();
    assert_eq!(
        (har["log"]["version"].as_str(), har["log"]["entries"].as_array().unwrap().len()),
        (Some("1.2"), 5)
    );
    let first = &har["log"]["entries"][0];
    assert_eq!(text(first, "/request/url"), format!("{PUBLIC_URL}{REFERRALS}"));
    assert_eq!(text(first, "/request/postData/text"), text(&calls[0], "/request/body/text"));
    assert_eq!(text(first, "/response/content/text"), text(&calls[0], "/response/body/text"));
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn nobody_reads_the_calls_of_others_and_no_personal_data(#[case] backend: Backend) {
    // No sandbox, though its settings keep a log.
    let world = World::open(backend).await;
    let id = make_calls(&world).await;
    let invited = world.post(FAY, fixture()).await.created();
    world.get_path(FAY, &format!("{REFERRALS}?$search=Bakery&$top=5"), &[]).await;

    let contosos = world.get_path(ALEX, &format!("{OWN}?include=bodies"), &[]).await;
    let fabrikams = own(&world, FAY, "include=bodies").await;

    let urls: Vec<_> = fabrikams.iter().map(|it| text(it, "/url").to_owned()).collect();
    assert_eq!(urls, [REFERRALS.to_owned(), format!("{REFERRALS}?$search=***&$top=5")]);
    assert!(fabrikams.iter().all(|it| text(it, "/organization") == FABRIKAM));
    assert!(!contosos.text().contains(text(&invited, "/id")), "Contoso made no call about it");
    assert!(contosos.text().contains(&id));
    // A place in the log of others is no place.
    let elsewhere = format!("{OWN}?after={}", text(&fabrikams[0], "/id"));
    let page = world.get_path(ALEX, &elsewhere, &[]).await.json();
    assert_eq!((page["hasGap"].as_bool(), page["value"].as_array().unwrap().len()), (Some(true), 3));
    let personal = ["firstName", "lastName", "email", "phoneNumber", "name", "notes", "addressLine1"];
    let mut checked = 0;
    collect(&fixture(), &mut |name, value| {
        if personal.contains(&name) && !value.is_empty() {
            assert!(!contosos.text().contains(value), "{name} {value}");
            checked += 1;
        }
    });
    assert!(checked > 5, "the documented call names people");
    assert_eq!(world.get_anonymously(ALL).await.status, 404);
    assert_eq!(world.get_anonymously(OWN).await.status, 401);
}

/// Calls `each` with the name and text of every member.
fn collect(value: &Value, each: &mut impl FnMut(&str, &str)) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                if let Value::String(text) = member {
                    each(name, text);
                }
                collect(member, each);
            }
        }
        Value::Array(items) => items.iter().for_each(|it| collect(it, each)),
        _ => {}
    }
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn there_is_a_log_only_where_the_operator_wants_one(#[case] backend: Backend) {
    let world = World::with(backend, |config| config.requests.enabled = false).await;
    let small = World::with(backend, |config| config.requests.calls_per_application_max = 1).await;
    make_calls(&small).await;

    let off = world.get_path(ALEX, OWN, &[]).await;
    let wrong = small.get_path(ALEX, &format!("{OWN}?limit=0&after=x&organization=msft"), &[]).await;

    assert_eq!((off.status.as_u16(), text(&off.json(), "/error/innerError/code")), (404, "requestLogOff"));
    let problems =
        ["invalidQueryOption limit", "invalidQueryOption after", "invalidQueryOption organization"];
    assert_eq!(wrong.problems(), problems);
    assert_eq!(own(&small, ALEX, "").await.len(), 1);
}
