//! The sign-in page for any application: the code that it gives, and who gets a token for it.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use liaison::sandbox::seed;
use rstest::rstest;
use serde_json::{Value, json};

use super::{APPLICATION, Browser, SECRET, VERIFIER, answer_in, authorize, hidden_fields, submit};
use crate::{
    audit::{ADA, detail, records},
    world::*,
};

const V2_SCOPE: (&str, &str) =
    ("scope", "openid profile offline_access https://api.partner.microsoft.com/.default");

/// Signs Alex in at the page of an address, and returns what the application is sent.
async fn answered(world: &World, address: &str) -> BTreeMap<String, String> {
    let browser = Browser::new(world);
    let page = browser.get(address).await;
    assert_eq!(page.status, 200, "{}", page.text());
    let answer = submit(&browser, address, &page, ALEX, seed::PASSWORD).await;
    assert_eq!(answer.status, 303, "{}", answer.text());
    assert!(answer.header("location").starts_with("http://localhost:4711"), "{}", answer.header("location"));
    answer_in(answer.header("location"))
}

/// Redeems a code; `changes` are made to the form that is right.
async fn redeem(world: &World, version: &str, code: &str, changes: &[(&str, &str)]) -> Answer {
    let usual = [
        ("grant_type", "authorization_code"),
        ("client_id", APPLICATION),
        ("client_secret", SECRET),
        ("redirect_uri", "http://localhost:4711"),
        ("code_verifier", VERIFIER),
        ("code", code),
    ];
    let usual = usual.iter().filter(|(name, _)| !changes.iter().any(|(it, _)| it == name));
    let form: Vec<(&str, &str)> = usual.chain(changes).copied().collect();
    world.post_form(&format!("/common/{version}/token"), &form).await
}

fn claims(token: &str) -> Value {
    let claims = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap()
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_code_is_a_token_once(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let address = authorize("oauth2/v2.0", APPLICATION, &[V2_SCOPE, ("nonce", "n1")]);
    let answer = answered(&world, &address).await;
    assert_eq!(answer["state"], "a state & \"more\"");

    // Each of these is refused, and none of them uses the code up.
    let code = &answer["code"];
    for (changes, number) in [
        (&[("code_verifier", "another-verifier-of-forty-three-characters-or-more")][..], 501_481),
        (&[("code_verifier", "")], 900_144),
        (&[("redirect_uri", "http://localhost:4712")], 500_112),
        (&[("client_secret", "wrong")], 7_000_215),
        (
            &[
                ("client_id", "fab00002-0000-4000-8000-000000000002"),
                ("client_secret", "fabrikam-sandbox-secret"),
            ],
            70_000,
        ),
        (&[("code", "nonsense")], 70_000),
        (&[("code", "")], 900_144),
        (&[("scope", "https://graph.microsoft.com/.default")], 70_011),
    ] {
        let refused = redeem(&world, "oauth2/v2.0", code, changes).await;
        assert_eq!(refused.json()["error_codes"], json!([number]), "{changes:?}");
    }
    let token = redeem(&world, "oauth2/v2.0", code, &[("client_info", "1")]).await.json();
    assert_eq!(claims(text(&token, "/id_token"))["nonce"], "n1");
    assert!(token["refresh_token"].is_string() && token["client_info"].is_string(), "{token}");
    let bearer = format!("Bearer {}", text(&token, "/access_token"));
    assert_eq!(world.post_authorized(&bearer).await.status, 200);

    let again = redeem(&world, "oauth2/v2.0", code, &[]).await;
    assert_eq!((again.status.as_u16(), &again.json()["error_codes"][0]), (400, &json!(54_005)));
    let late = answered(&world, &address).await;
    world.advance_secs(600);
    assert_eq!(redeem(&world, "oauth2/v2.0", &late["code"], &[]).await.json()["error_codes"][0], 70_008);
    let told = records(&world, ADA).await;
    let issued = told.iter().find(|it| it["operationType"] == "issue_token").unwrap();
    assert_eq!((text(issued, "/userPrincipalName"), detail(issued, "Count")), (ALEX, None));
    assert_eq!(detail(issued, "GrantType"), Some("authorization_code"));
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn the_secure_application_model_gets_its_code_and_id_token_by_a_form(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let address = authorize(
        "oauth2",
        APPLICATION,
        &[
            ("response_mode", "form_post"),
            ("response_type", "code id_token"),
            ("scope", "openid profile"),
            ("nonce", "1"),
            ("code_challenge", ""),
            ("code_challenge_method", ""),
        ],
    );
    let browser = Browser::new(&world);
    let page = browser.get(&address).await;
    assert!(page.text().contains("Sign in to Contoso"), "{}", page.text());

    let page = submit(&browser, &address, &page, ALEX, seed::PASSWORD).await;

    assert_eq!(page.status, 200, "{}", page.text());
    assert!(
        page.text().contains("<form method=\"post\" action=\"http://localhost:4711\""),
        "{}",
        page.text()
    );
    let policy = page.header("content-security-policy");
    assert!(
        policy.contains("script-src 'self'") && policy.contains("form-action http://localhost:4711;"),
        "{policy}"
    );
    assert_eq!(page.header("referrer-policy"), "strict-origin");
    let script = page.text().split("<script src=\"").nth(1).and_then(|it| it.split('"').next()).unwrap();
    assert!(browser.get(script).await.text().contains(".submit()"));
    let sent: BTreeMap<String, String> = hidden_fields(page.text()).into_iter().collect();
    let id = claims(&sent["id_token"]);
    assert_eq!(
        (&id["aud"], &id["nonce"], &id["name"]),
        (&json!(APPLICATION), &json!("1"), &json!("Alex Admin"))
    );
    assert_eq!(id["c_hash"].as_str().unwrap().len(), 22);
    // Version 1.0 names the API when it redeems.
    let without = redeem(&world, "oauth2", &sent["code"], &[("code_verifier", "")]).await;
    assert_eq!(without.json()["error_codes"][0], 900_144);
    let token =
        redeem(&world, "oauth2", &sent["code"], &[("code_verifier", ""), ("resource", PARTNER)]).await.json();
    assert_eq!((text(&token, "/token_type"), text(&token, "/expires_in")), ("Bearer", "3600"));
    assert!(token["refresh_token"].is_string(), "{token}");
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn nobody_is_sent_to_an_address_that_is_not_registered(#[case] backend: Backend) {
    let world = World::open(backend).await;
    for (more, number) in [
        (&[V2_SCOPE, ("redirect_uri", "https://evil.example/")][..], "AADSTS50011"),
        (&[V2_SCOPE, ("redirect_uri", "http://localhost.evil.example/")], "AADSTS50011"),
        (&[V2_SCOPE, ("redirect_uri", "javascript:alert(1)")], "AADSTS50011"),
        (&[V2_SCOPE, ("client_id", "0e0e0e0e-0000-4000-8000-00000000ffff")], "AADSTS700016"),
        (&[V2_SCOPE, ("client_id", "<script>")], "AADSTS700016"),
        (&[V2_SCOPE, ("client_id", "")], "AADSTS900144"),
    ] {
        let page = world.get_anonymously(&authorize("oauth2/v2.0", APPLICATION, more)).await;
        assert_eq!((page.status.as_u16(), page.header("location")), (400, ""), "{more:?}");
        assert!(page.text().contains(number), "{more:?}: {}", page.text());
        assert!(!page.text().contains("<script>"), "{}", page.text());
    }
    // What else is wrong, the application is told.
    for (more, error, number) in [
        (&[V2_SCOPE, ("prompt", "none")][..], "login_required", "AADSTS50058"),
        (&[V2_SCOPE, ("response_type", "token")], "unsupported_response_type", "AADSTS70005"),
        (&[("scope", "User.Read")], "invalid_scope", "AADSTS70011"),
        (&[V2_SCOPE, ("code_challenge_method", "plain")], "invalid_request", "AADSTS501491"),
    ] {
        let answer = world.get_anonymously(&authorize("oauth2/v2.0", APPLICATION, more)).await;
        assert_eq!(answer.status, 303, "{more:?}");
        let told = answer_in(answer.header("location"));
        assert_eq!((told["error"].as_str(), told["state"].as_str()), (error, "a state & \"more\""));
        assert!(told["error_description"].starts_with(number), "{told:?}");
    }
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_wrong_password_and_an_unknown_address_read_the_same(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let address = authorize("oauth2/v2.0", APPLICATION, &[V2_SCOPE, ("login_hint", "\"><b>@x.example")]);
    let browser = Browser::new(&world);
    let page = browser.get(&address).await;
    assert!(page.text().contains("Contoso Company") && !page.text().contains("<b>"), "{}", page.text());

    let mut pages = Vec::new();
    for (email, password) in [(ALEX, "wrong"), ("nobody@contoso.example", seed::PASSWORD)] {
        let refused = submit(&browser, &address, &page, email, password).await;
        assert_eq!((refused.status.as_u16(), refused.header("location")), (400, ""));
        assert!(refused.text().contains("The e-mail address or the password is not right."));
        assert!(!refused.text().contains(password));
        pages.push(refused.text().replace(email, "{email}"));
    }
    assert_eq!(pages[0], pages[1]);
    // Somebody of another company learns that only after the password.
    let refused = submit(&browser, &address, &page, FAY, seed::PASSWORD).await;
    assert!(refused.text().contains("for the people of another organization"), "{}", refused.text());
    assert_eq!(world.database.count("authorization_codes").await, 0);
    let told = records(&world, ADA).await;
    let rules: Vec<_> = told.iter().map(|it| detail(it, "Rule").unwrap()).collect();
    assert_eq!(rules, ["AADSTS50126", "AADSTS50126"], "one of Alex, one of nobody known");
}
