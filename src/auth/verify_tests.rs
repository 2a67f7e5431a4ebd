//! Hostile and honest tokens at the verifier, without a store.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header, jwk::Jwk};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    issuer::{
        request::{OpenidScopes, Version},
        signing::SigningKeys,
    },
    refusal::Refusal,
    resource::{Audiences, Resource},
    testing::{self, BASE_URL, FOREIGN_KEY, NOW_SECS, STORED_KEY},
    trusted::TrustedIssuer,
    verify::{Bearer, TokenVerifier, VerifiedToken},
};
use crate::domain::{sources::Clock, time::Timestamp};

const API: &str = "https://api.partner.microsoft.com";

fn verifier_at(clock: Clock) -> TokenVerifier {
    let keys = Arc::clone(testing::signing_keys().verifying());
    TokenVerifier::new(vec![TrustedIssuer::of_base(BASE_URL, keys, Vec::new())], clock)
}

async fn verify(token: &str) -> Result<Arc<VerifiedToken>, Refusal> {
    verifier_at(testing::clock()).verify(token, Audiences::PARTNER).await
}

/// Claims that are accepted, with `changes` made; a change to null takes the claim out.
fn claims(changes: Value) -> Value {
    let tid = testing::organization().tenant_id;
    let mut claims = json!({
        "iss": format!("{BASE_URL}/{tid}/"), "aud": API, "iat": NOW_SECS, "nbf": NOW_SECS,
        "exp": NOW_SECS + 3600, "tid": tid, "oid": Uuid::from_u128(5), "sub": "s", "appid": "app",
        "scp": "user_impersonation", "ver": "1.0",
    });
    let members = claims.as_object_mut().unwrap();
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => drop(members.remove(name)),
            value => drop(members.insert(name.clone(), value.clone())),
        }
    }
    claims
}

fn header(changes: Value) -> Header {
    let mut header = json!({"alg": "RS256", "typ": "JWT", "kid": STORED_KEY.id});
    header.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    serde_json::from_value(header).unwrap()
}

fn rsa(pem: &str) -> EncodingKey {
    EncodingKey::from_rsa_pem(pem.as_bytes()).unwrap()
}

fn signed(header: &Header, claims: &Value) -> String {
    jsonwebtoken::encode(header, claims, &rsa(&STORED_KEY.private_pem)).unwrap()
}

async fn refusal_of_claims(changes: Value) -> Refusal {
    verify(&signed(&header(json!({})), &claims(changes.clone()))).await.expect_err(&changes.to_string())
}

async fn refusal_of_header(changes: Value) -> Refusal {
    let error = verify(&signed(&header(changes.clone()), &claims(json!({})))).await;
    error.expect_err(&changes.to_string())
}

fn encoded(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

#[tokio::test]
async fn the_tokens_of_the_mint_are_accepted() {
    let principal = testing::principal();
    for version in [Version::V1, Version::V2] {
        let sign_in = testing::sign_in(&principal);
        let token = testing::mint().user_token(sign_in, API, version, 3600).unwrap();

        let verified = verify(&token).await.unwrap();

        let tenant_id = principal.organization.tenant_id;
        assert_eq!(verified.bearer, Bearer::User { tenant_id, user_id: principal.user.id });
        assert_eq!(verified.application_id, testing::application().id.to_string());
    }
}

#[tokio::test]
async fn an_application_token_proves_an_application_only() {
    let (application, organization) = (testing::application(), testing::organization());
    for version in [Version::V1, Version::V2] {
        let mint = testing::mint();
        let token = mint.application_token(&application, &organization, API, version, 60).unwrap();

        let verified = verify(&token).await.unwrap();

        assert!(matches!(&verified.bearer, Bearer::Application { roles, .. } if !roles.is_empty()));
    }
}

#[tokio::test]
async fn id_tokens_and_refresh_tokens_open_nothing() {
    let principal = testing::principal();
    let sign_in = testing::sign_in(&principal);
    let mint = testing::mint();
    let openid = OpenidScopes { has_openid: true, ..OpenidScopes::default() };
    let id = mint.id_token(sign_in, openid, Version::V2, 3600).unwrap();
    let refresh = mint.refresh_token(sign_in, Resource::Partner).unwrap();
    // Even where the client's own id is an accepted audience.
    let lax = vec![testing::application().id.to_string(), format!("{BASE_URL}/refresh")];
    let keys = Arc::clone(testing::signing_keys().verifying());
    let issuers = vec![TrustedIssuer::of_base(BASE_URL, keys, lax)];
    let verifier = TokenVerifier::new(issuers, testing::clock());

    for token in [id, refresh] {
        let refusal = verifier.verify(&token, Audiences::PARTNER).await.unwrap_err();
        assert!(matches!(refusal, Refusal::NotAnAccessToken(_)), "{refusal}");
    }
}

#[tokio::test]
async fn a_token_without_a_whole_shape_is_malformed() {
    let good = signed(&header(json!({})), &claims(json!({})));
    let (signed_part, signature) = good.rsplit_once('.').unwrap();
    let long = signed(&header(json!({})), &claims(json!({"name": "x".repeat(9000)})));
    let tokens = [
        String::new(),
        "..".to_owned(),
        "x".to_owned(),
        signed_part.to_owned(),
        format!("{signed_part}."),
        format!("{good}.e30"),
        format!("e30.{good}"),
        format!("!!!.{}.{signature}", encoded(&claims(json!({})))),
        format!("{}.!!!.{signature}", encoded(&json!({"alg": "RS256"}))),
        format!("{}.{}.{signature}", encoded(&json!({"alg": "RS256"})), encoded(&json!([]))),
        format!("{}.{}.{signature}", encoded(&json!({"typ": "JWT"})), encoded(&claims(json!({})))),
        long,
    ];
    for token in tokens {
        let refusal = verify(&token).await.expect_err(&token);
        assert!(matches!(refusal, Refusal::Malformed(_)), "{token}: {refusal}");
    }
}

#[tokio::test]
async fn an_unsigned_token_is_refused() {
    for algorithm in ["none", "None", "NONE", "", "RS1"] {
        let head = encoded(&json!({"alg": algorithm, "typ": "JWT", "kid": STORED_KEY.id}));
        let token = format!("{head}.{}.AA", encoded(&claims(json!({}))));

        assert!(matches!(verify(&token).await, Err(Refusal::Malformed(_))), "{algorithm}");
    }
}

#[tokio::test]
async fn the_public_key_is_no_secret() {
    let jwk = testing::signing_keys().published().keys.first().unwrap().clone();
    let public = serde_json::to_string(&jwk).unwrap();
    let modulus = serde_json::to_value(&jwk).unwrap()["n"].as_str().unwrap().to_owned();
    for secret in [public.as_bytes(), modulus.as_bytes(), &URL_SAFE_NO_PAD.decode(&modulus).unwrap()] {
        for alg in ["HS256", "HS384", "HS512"] {
            let head = header(json!({"alg": alg}));
            let token =
                jsonwebtoken::encode(&head, &claims(json!({})), &EncodingKey::from_secret(secret)).unwrap();

            assert!(matches!(verify(&token).await, Err(Refusal::BadSignature)));
        }
    }
}

#[tokio::test]
async fn an_algorithm_that_the_issuer_does_not_use_is_refused() {
    for alg in ["RS384", "RS512", "PS256"] {
        assert!(matches!(refusal_of_header(json!({"alg": alg})).await, Refusal::BadSignature), "{alg}");
    }
}

#[tokio::test]
async fn keys_come_from_the_issuer_and_from_nowhere_else() {
    let foreign = rsa(&FOREIGN_KEY.private_pem);
    let jwk = Jwk::from_encoding_key(&foreign, Algorithm::RS256).unwrap();
    let forged =
        |changes: Value| jsonwebtoken::encode(&header(changes), &claims(json!({})), &foreign).unwrap();

    for pointer in [
        json!({}),
        json!({"jwk": jwk}),
        json!({"jku": "https://evil.example/keys"}),
        json!({"x5u": "https://evil.example/cert"}),
        json!({"x5c": ["AAAA"]}),
    ] {
        assert!(matches!(verify(&forged(pointer)).await, Err(Refusal::BadSignature)));
    }
    let own_kid = forged(json!({"kid": FOREIGN_KEY.id, "jwk": jwk}));
    assert!(matches!(verify(&own_kid).await, Err(Refusal::UnknownKey)));
    assert!(matches!(refusal_of_header(json!({"kid": "other"})).await, Refusal::UnknownKey));
    assert!(matches!(refusal_of_header(json!({"kid": null})).await, Refusal::UnknownKey));
    // A header that points elsewhere does no harm to a token that is genuine.
    let genuine = signed(&header(json!({"jku": "https://evil.example/keys"})), &claims(json!({})));
    assert!(verify(&genuine).await.is_ok());
}

#[tokio::test]
async fn a_changed_token_does_not_verify() {
    let good = signed(&header(json!({})), &claims(json!({})));
    let (head, rest) = good.split_once('.').unwrap();
    let (_, signature) = rest.rsplit_once('.').unwrap();

    let other = encoded(&claims(json!({"oid": Uuid::from_u128(6)})));

    let refusal = verify(&format!("{head}.{other}.{signature}")).await.unwrap_err();
    assert!(matches!(refusal, Refusal::BadSignature));
}

#[tokio::test]
async fn types_other_than_access_tokens_are_refused() {
    for typ in ["jwt", "at+jwt", "AT+JWT", "application/at+jwt"] {
        assert!(verify(&signed(&header(json!({"typ": typ})), &claims(json!({})))).await.is_ok(), "{typ}");
    }
    let mut untyped = header(json!({}));
    untyped.typ = None;
    assert!(verify(&signed(&untyped, &claims(json!({})))).await.is_ok());
    for typ in ["rt+jwt", "logout+jwt", "dpop+jwt", ""] {
        assert!(matches!(refusal_of_header(json!({"typ": typ})).await, Refusal::NotAnAccessToken(_)));
    }
    assert!(matches!(refusal_of_header(json!({"crit": ["b64"], "b64": false})).await, Refusal::Malformed(_)));
    assert!(matches!(refusal_of_header(json!({"crit": []})).await, Refusal::Malformed(_)));
}

#[tokio::test]
async fn times_are_numbers_and_all_of_them_are_there() {
    for name in ["exp", "nbf", "iat"] {
        for value in [json!(null), json!("1795338000"), json!(true), json!({})] {
            let mut changes = json!({});
            changes[name] = value;
            assert!(matches!(refusal_of_claims(changes).await, Refusal::Malformed(_)), "{name}");
        }
    }
}

#[tokio::test]
async fn a_token_is_good_from_nbf_to_exp_give_or_take_a_minute() {
    for accepted in [
        json!({"exp": NOW_SECS - 59}),
        json!({"nbf": NOW_SECS + 60}),
        json!({"iat": NOW_SECS + 60}),
        json!({"exp": NOW_SECS as f64 + 0.5}),
    ] {
        assert!(verify(&signed(&header(json!({})), &claims(accepted.clone()))).await.is_ok(), "{accepted}");
    }
    assert!(matches!(refusal_of_claims(json!({"exp": NOW_SECS - 60})).await, Refusal::Expired { .. }));
    assert!(matches!(refusal_of_claims(json!({"exp": i64::MIN})).await, Refusal::Expired { .. }));
    assert!(matches!(refusal_of_claims(json!({"exp": -1})).await, Refusal::Expired { .. }));
    assert!(matches!(refusal_of_claims(json!({"nbf": NOW_SECS + 61})).await, Refusal::NotYetValid));
    assert!(matches!(refusal_of_claims(json!({"iat": NOW_SECS + 61})).await, Refusal::NotYetValid));
    assert!(matches!(refusal_of_claims(json!({"nbf": i64::MAX})).await, Refusal::NotYetValid));
}

#[tokio::test]
async fn the_issuer_is_exact_and_of_the_tenant() {
    let tid = testing::organization().tenant_id;
    let v2 = json!({"iss": format!("{BASE_URL}/{tid}/v2.0")});
    assert!(verify(&signed(&header(json!({})), &claims(v2))).await.is_ok());
    for changes in [
        json!({"iss": format!("{BASE_URL}/{tid}")}),
        json!({"iss": format!("{BASE_URL}/{tid}/v2.0/")}),
        json!({"iss": format!("https://evil.example/{tid}/")}),
        json!({"iss": format!("{BASE_URL}.evil.example/{tid}/")}),
        json!({"iss": format!("{BASE_URL}/{{tenantid}}/")}),
        json!({"iss": format!("{BASE_URL}/{}/", Uuid::from_u128(77))}),
        json!({"tid": Uuid::from_u128(77)}),
        json!({"tid": null}),
        json!({"tid": "../x"}),
        json!({"iss": ""}),
    ] {
        assert!(matches!(refusal_of_claims(changes.clone()).await, Refusal::UnknownIssuer), "{changes}");
    }
}

#[tokio::test]
async fn the_audience_is_exact() {
    for accepted in [
        json!({"aud": "4990cffe-04e8-4e8b-808a-1175604b879f"}),
        json!({"aud": ["https://other.example", API]}),
    ] {
        assert!(verify(&signed(&header(json!({})), &claims(accepted))).await.is_ok());
    }
    for changes in [
        json!({"aud": null}),
        json!({"aud": []}),
        json!({"aud": ""}),
        json!({"aud": "https://api.partnercenter.microsoft.com"}),
        json!({"aud": ["fa3d9a0c-3fb0-42cc-9193-47c7ecd2edbd"]}),
        json!({"aud": "https://api.partner.microsoft.com.evil.example"}),
        json!({"aud": "https://api.partner.microsoft.com https://other.example"}),
    ] {
        let refusal = refusal_of_claims(changes.clone()).await;
        assert!(matches!(refusal, Refusal::WrongAudience { expected: API }), "{changes}");
    }
}

#[tokio::test]
async fn a_remembered_token_is_judged_by_the_audience_of_each_call() {
    let verifier = verifier_at(testing::clock());
    let token = signed(&header(json!({})), &claims(json!({})));

    assert!(verifier.verify(&token, Audiences::PARTNER).await.is_ok());
    let refusal = verifier.verify(&token, Audiences::PARTNER_CENTER).await.unwrap_err();
    assert!(matches!(refusal, Refusal::WrongAudience { .. }));
}

#[tokio::test]
async fn a_person_needs_a_scope_and_an_application_needs_roles() {
    let app_only = json!({"scp": null, "roles": ["Any"]});
    let verified = verify(&signed(&header(json!({})), &claims(app_only))).await.unwrap();
    assert!(matches!(verified.bearer, Bearer::Application { .. }));
    let rfc9068 = json!({"scp": null, "scope": "openid user_impersonation"});
    assert!(verify(&signed(&header(json!({})), &claims(rfc9068))).await.is_ok());

    for changes in [
        json!({"scp": null}),
        json!({"scp": ""}),
        json!({"idtyp": "app"}),
        json!({"at_hash": "x"}),
        json!({"oid": null}),
        json!({"oid": "bob@contoso.example"}),
        json!({"appid": null}),
        json!({"appid": ""}),
    ] {
        let refusal = refusal_of_claims(changes.clone()).await;
        assert!(matches!(refusal, Refusal::NotAnAccessToken(_)), "{changes}: {refusal}");
    }
    for scope in ["User.Read", "user_impersonation2", "USER_IMPERSONATION"] {
        assert!(matches!(refusal_of_claims(json!({"scp": scope})).await, Refusal::MissingScope));
    }
    // Roles do not stand in for a missing scope.
    let refusal = refusal_of_claims(json!({"scp": "User.Read", "roles": ["user_impersonation"]})).await;
    assert!(matches!(refusal, Refusal::MissingScope));
}

#[tokio::test]
async fn a_remembered_token_expires_by_the_clock() {
    let now = Arc::new(AtomicI64::new(NOW_SECS));
    let at = Arc::clone(&now);
    let clock = Clock::new(move || Timestamp::from_unix_secs(at.load(Ordering::Relaxed)));
    let verifier = verifier_at(clock);
    let token = signed(&header(json!({})), &claims(json!({})));

    let first = verifier.verify(&token, Audiences::PARTNER).await.unwrap();
    let again = verifier.verify(&token, Audiences::PARTNER).await.unwrap();
    assert!(Arc::ptr_eq(&first, &again));
    now.store(NOW_SECS + 3600 + 60, Ordering::Relaxed);
    let expired = verifier.verify(&token, Audiences::PARTNER).await;
    assert!(matches!(expired, Err(Refusal::Expired { .. })));
}

#[tokio::test]
async fn an_older_key_still_verifies() {
    let keys = SigningKeys::read(&[FOREIGN_KEY.clone(), STORED_KEY.clone()]).unwrap();
    let source = Arc::clone(keys.verifying());
    let issuers = vec![TrustedIssuer::of_base(BASE_URL, source, Vec::new())];
    let verifier = TokenVerifier::new(issuers, testing::clock());

    let token = signed(&header(json!({})), &claims(json!({})));

    assert!(verifier.verify(&token, Audiences::PARTNER).await.is_ok());
}
