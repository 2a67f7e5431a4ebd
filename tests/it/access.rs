//! Who is let in, and how one gets the token that opens the door.

use axum::body::Body;
use http::{Method, StatusCode};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, jwk::JwkSet};
use liaison::{
    auth::Version,
    domain::organization::OrganizationId,
    sandbox::seed::{COMPANIES, PASSWORD},
};
use rstest::rstest;
use serde_json::{Value, json};

use crate::world::*;

fn form<'a>(grant_type: &'a str, further: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut form = vec![
        ("grant_type", grant_type),
        ("client_id", "c0a70002-0000-4000-8000-000000000002"),
        ("client_secret", COMPANIES[0].client_secret),
    ];
    form.extend_from_slice(further);
    form
}

/// Asserts both shapes of a refusal at the gate.
#[track_caller]
fn assert_gate(answer: &Answer, status: u16, inner: &str) {
    let body = answer.json();
    assert_eq!(answer.status, status, "{body}");
    assert_eq!(body["statusCode"], status);
    assert_eq!(body["message"], body["error"]["message"]);
    let code = if status == 401 { "unauthenticated" } else { "invalidRequest" };
    assert_eq!(body["error"]["code"], code);
    assert_eq!(body["error"]["innerError"]["code"], inner, "{body}");
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn whoever_is_not_known_is_refused_in_both_shapes(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let token = world.token(ALEX).await;
    let (head, signature) = token.rsplit_once('.').unwrap();
    let unsigned = format!("{head}.");
    let first = if signature.starts_with('A') { 'B' } else { 'A' };
    let forged = format!("{head}.{first}{}", &signature[1..]);

    let missing = {
        let request = with_headers(Method::POST, REFERRALS, &[]).body(Body::from(FIXTURE)).unwrap();
        world.send(request).await
    };
    assert_gate(&missing, 401, "tokenMissing");
    assert_eq!(missing.header("www-authenticate"), "Bearer realm=\"liaison\"");
    assert!(text(&missing.json(), "/message").starts_with("Unauthorized: Invalid Authorization header"));

    for (authorization, inner) in [
        ("Bearer garbage".to_owned(), "tokenMalformed"),
        ("Bearer a.b.c".to_owned(), "tokenMalformed"),
        ("Bearer".to_owned(), "tokenMalformed"),
        (format!("Basic {token}"), "tokenMalformed"),
        (format!("Bearer {token} {token}"), "tokenMalformed"),
        (format!("Bearer {unsigned}"), "tokenMalformed"),
        (format!("Bearer {forged}"), "tokenSignatureInvalid"),
    ] {
        let answer = world.post_authorized(&authorization).await;

        assert_gate(&answer, 401, inner);
        assert_eq!(answer.header("www-authenticate"), "Bearer realm=\"liaison\", error=\"invalid_token\"");
        assert!(!answer.text().contains(&signature[1..]), "a refusal repeats no token");
    }
    assert_eq!(world.stored().await.len(), 0);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_token_for_another_api_opens_nothing(#[case] backend: Backend) {
    let world = World::open(backend).await;
    for audience in [PARTNER_CENTER, "https://graph.windows.net", "https://api.partner.microsoft.com/"] {
        let token = world.token_for(ALEX, audience).await;

        let answer = world.post_authorized(&format!("Bearer {token}")).await;

        assert_gate(&answer, 401, "tokenAudienceInvalid");
        let message = answer.json()["message"].clone();
        assert!(message.as_str().unwrap().contains("incorrect audience"), "{message}");
    }
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_token_ends_with_its_hour(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let authorization = format!("Bearer {}", world.token(ALEX).await);

    assert_eq!(world.post_authorized(&authorization).await.status, StatusCode::OK);
    world.advance_secs(3600 + 59);
    assert_eq!(world.post_authorized(&authorization).await.status, StatusCode::OK, "within the skew");
    world.advance_secs(2);
    assert_gate(&world.post_authorized(&authorization).await, 401, "tokenExpired");
    world.advance_secs(-2 * 3600);
    assert_gate(&world.post_authorized(&authorization).await, 401, "tokenNotYetValid");
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn an_application_alone_is_told_to_bring_a_user(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let contoso = OrganizationId::parse(CONTOSO).unwrap();
    let organization = world.store.find_organization(&contoso).await.unwrap().unwrap();
    let application = world.store.list_applications(&contoso).await.unwrap().remove(0);
    let issuer = &world.app.issuer;
    let token = issuer.mint_for_application(&application, &organization, PARTNER, Version::V1, 3600).unwrap();

    let answer = world.post_authorized(&format!("Bearer {token}")).await;

    assert_gate(&answer, 400, "userTokenRequired");
    assert_eq!(answer.json()["message"], "Authorization header token missing user information");
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_person_signs_in_at_version_1_and_creates_and_refreshes(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let sign_in = [("resource", PARTNER), ("scope", "openid"), ("username", ALEX), ("password", PASSWORD)];

    let answer = world.post_form("/common/oauth2/token", &form("password", &sign_in)).await;

    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    assert_eq!(answer.header("cache-control"), "no-store");
    let tokens = answer.json();
    assert_eq!(
        (text(&tokens, "/token_type"), text(&tokens, "/scope"), text(&tokens, "/resource")),
        ("Bearer", "user_impersonation", PARTNER)
    );
    assert_eq!((text(&tokens, "/expires_in"), text(&tokens, "/expires_on")), ("3600", "1795343400"));
    assert!(tokens["id_token"].is_string());
    let made = world.post_authorized(&format!("Bearer {}", text(&tokens, "/access_token"))).await;
    assert_eq!(made.created()["organizationId"], CONTOSO);
    // Neither of the other two is an access token.
    for other in ["/id_token", "/refresh_token"] {
        let answer = world.post_authorized(&format!("Bearer {}", text(&tokens, other))).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{other}");
    }

    world.advance_secs(30 * 24 * 3600);
    let refresh = [("refresh_token", text(&tokens, "/refresh_token"))];
    let refreshed = world.post_form("/common/oauth2/token", &form("refresh_token", &refresh)).await;
    assert_eq!(refreshed.status, StatusCode::OK, "{}", refreshed.text());
    let token = text(&refreshed.json(), "/access_token").to_owned();
    assert_eq!(world.post_authorized(&format!("Bearer {token}")).await.status, StatusCode::OK);

    world.advance_secs(91 * 24 * 3600);
    let inactive = world.post_form("/common/oauth2/token", &form("refresh_token", &refresh)).await;
    assert_eq!((inactive.status.as_u16(), &inactive.json()["error_codes"]), (400, &json!([700_082])));
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_person_signs_in_at_version_2(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let scope = "https://api.partner.microsoft.com/.default offline_access";
    let sign_in = [("scope", scope), ("username", "ALEX.admin@contoso.example"), ("password", PASSWORD)];

    for tenant in ["organizations", CONTOSO, "contoso.example"] {
        let path = format!("/{tenant}/oauth2/v2.0/token");
        let answer = world.post_form(&path, &form("password", &sign_in)).await;

        assert_eq!(answer.status, StatusCode::OK, "{tenant}: {}", answer.text());
        let tokens = answer.json();
        assert_eq!(tokens["expires_in"], 3600);
        assert!(tokens["refresh_token"].is_string());
        let made = world.post_authorized(&format!("Bearer {}", text(&tokens, "/access_token"))).await;
        assert_eq!(made.status, StatusCode::OK, "{}", made.text());
    }
    let path = format!("/{FABRIKAM}/oauth2/v2.0/token");
    let elsewhere = world.post_form(&path, &form("password", &sign_in)).await;
    assert_eq!(elsewhere.status, StatusCode::BAD_REQUEST);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn an_application_signs_in_for_itself(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let path = format!("/{CONTOSO}/oauth2/token");

    let answer = world.post_form(&path, &form("client_credentials", &[("resource", PARTNER)])).await;
    let mut wrong = form("client_credentials", &[("resource", PARTNER)]);
    wrong[2].1 = "wrong";
    let wrong = world.post_form(&path, &wrong).await;

    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    let tokens = answer.json();
    assert_eq!((tokens.get("refresh_token"), tokens.get("id_token")), (None, None));
    let used = world.post_authorized(&format!("Bearer {}", text(&tokens, "/access_token"))).await;
    assert_gate(&used, 400, "userTokenRequired");
    assert_eq!(wrong.status, StatusCode::UNAUTHORIZED);
    assert_eq!(wrong.json()["error"], "invalid_client");
    assert_eq!(wrong.json()["error_codes"], json!([7_000_215]));
}

/// A refusal of the token endpoint without what differs by request.
fn comparable(answer: &Answer) -> (u16, Value) {
    let mut body = answer.json();
    for member in ["/trace_id", "/correlation_id", "/timestamp"] {
        let value = text(&body, member).to_owned();
        let description = text(&body, "/error_description").replace(&value, "…");
        body = edited(body, &[(member, "…".into()), ("/error_description", description.into())]);
    }
    (answer.status.as_u16(), body)
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_wrong_password_and_an_unknown_user_read_the_same(#[case] backend: Backend) {
    let world = World::open(backend).await;
    world.add_northwind().await;
    let mut refusals = Vec::new();
    for (username, password) in [
        (ALEX, "wrong"),
        ("nobody@contoso.example", PASSWORD),
        // Someone without a password.
        (NORA, PASSWORD),
    ] {
        let sign_in = [("resource", PARTNER), ("username", username), ("password", password)];
        let answer = world.post_form("/common/oauth2/token", &form("password", &sign_in)).await;
        assert_eq!(answer.header("cache-control"), "no-store");
        refusals.push(comparable(&answer));
    }

    assert_eq!(refusals[0].0, 400);
    assert_eq!(refusals[0].1["error"], "invalid_grant");
    assert_eq!(refusals[0].1["error_codes"], json!([50_126]));
    assert_eq!(refusals[1], refusals[0]);
    assert_eq!(refusals[2], refusals[0]);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn discovery_leads_to_keys_that_verify_a_token(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let sign_in = [("resource", PARTNER), ("username", ALEX), ("password", PASSWORD)];
    let tokens = world.post_form("/common/oauth2/token", &form("password", &sign_in)).await.json();
    let path = format!("/{CONTOSO}/.well-known/openid-configuration");

    let discovery = world.get_anonymously(&path).await.json();
    let keys_path = text(&discovery, "/jwks_uri").strip_prefix(PUBLIC_URL).unwrap();
    let keys: JwkSet = serde_json::from_value(world.get_anonymously(keys_path).await.json()).unwrap();

    let token = text(&tokens, "/access_token");
    let header = jsonwebtoken::decode_header(token).unwrap();
    assert_eq!(header.alg, Algorithm::RS256);
    let key = keys.find(header.kid.as_deref().unwrap()).unwrap();
    let mut validation = Validation::new(Algorithm::RS256);
    validation.set_issuer(&[text(&discovery, "/issuer")]);
    validation.set_audience(&[PARTNER]);
    // The token is of this test's day, not of today.
    validation.validate_exp = false;
    let claims = jsonwebtoken::decode::<Value>(token, &DecodingKey::from_jwk(key).unwrap(), &validation)
        .unwrap()
        .claims;
    assert_eq!((text(&claims, "/tid"), text(&claims, "/scp")), (CONTOSO, "user_impersonation"));
    assert_eq!((&claims["iat"], &claims["exp"]), (&json!(1_795_339_800), &json!(1_795_343_400)));
    assert!(!keys_path.is_empty() && !serde_json::to_string(&keys).unwrap().contains("\"d\":"));
    let token_path = text(&discovery, "/token_endpoint").strip_prefix(PUBLIC_URL).unwrap();
    assert_eq!(world.post_form(token_path, &form("password", &sign_in)).await.status, StatusCode::OK);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_role_that_is_taken_away_ends_access_while_the_token_lives(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let authorization = format!("Bearer {}", world.token(ALEX).await);
    assert_eq!(world.post_authorized(&authorization).await.status, StatusCode::OK);

    world.database.execute("UPDATE users SET roles = '[\"account-admin\"]' WHERE email LIKE 'alex%'").await;
    let replica = world.replica().await;

    assert_eq!(replica.post_authorized(&authorization).await.status, StatusCode::FORBIDDEN);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn requests_past_the_rate_are_refused_in_the_gateways_form(#[case] backend: Backend) {
    let world = World::with(backend, |config| config.limits.rate_per_organization_per_minute = 2).await;
    let path = "/v1.0/engagements/referrals/99999999-9999-4999-8999-999999999999";

    let first = world.get_path(ALEX, path, &[]).await;
    let mut last = world.get_path(ALEX, path, &[]).await;
    for _ in 0..3 {
        last = world.get_path(ALEX, path, &[]).await;
    }
    let others = world.get_path(FAY, path, &[]).await;

    assert_eq!(first.status, StatusCode::NOT_FOUND);
    assert_eq!(first.header("ratelimit-limit"), "2");
    assert_eq!(last.status, StatusCode::TOO_MANY_REQUESTS);
    let retry_after = last.header("retry-after").to_owned();
    assert!(retry_after.parse::<u32>().is_ok_and(|it| (1..=60).contains(&it)), "{retry_after}");
    assert_eq!(last.json()["statusCode"], 429);
    let message = format!("Rate limit is exceeded. Try again in {retry_after} seconds.");
    assert_eq!(last.json()["message"], message);
    assert_eq!(others.status, StatusCode::NOT_FOUND, "the limit is each organization's own");
}
