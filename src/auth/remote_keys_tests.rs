//! External issuers, played by a small server on this machine.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, AtomicUsize, Ordering},
    },
};

use axum::{Json, Router, extract::State, http::StatusCode, response::IntoResponse, routing::get};
use jsonwebtoken::{Algorithm, EncodingKey, Header, jwk::Jwk};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use uuid::Uuid;

use super::{
    refusal::Refusal,
    resource::Audiences,
    testing::{self, FOREIGN_KEY, NOW_SECS, STORED_KEY},
    trusted::{ExternalIssuer, TrustedIssuer},
    verify::{Bearer, TokenVerifier},
};
use crate::{
    domain::{organization::ExternalSubject, sources::Clock, time::Timestamp},
    storage::SigningKey,
};

const API: &str = "https://api.partner.microsoft.com";

/// What the issuer serves, and how often it was asked for its keys.
#[derive(Default)]
struct Served {
    discovery: Mutex<Value>,
    /// `None` makes it fail.
    keys: Mutex<Option<String>>,
    fetches: AtomicUsize,
}

/// An issuer, and a verifier that trusts it alone.
struct World {
    issuer: String,
    served: Arc<Served>,
    now_secs: Arc<AtomicI64>,
    verifier: TokenVerifier,
}

impl World {
    async fn start(settings: Value) -> Self {
        let served = Arc::new(Served::default());
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(serve_discovery))
            .route("/keys", get(serve_keys))
            .with_state(Arc::clone(&served));
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        *served.discovery.lock().unwrap() = json!({"issuer": issuer, "jwks_uri": format!("{issuer}/keys")});

        let mut all = json!({"issuer": issuer});
        all.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
        let settings: ExternalIssuer = serde_json::from_value(all).unwrap();
        let trusted = TrustedIssuer::external(settings, testing::http_client()).unwrap();
        let now_secs = Arc::new(AtomicI64::new(NOW_SECS));
        let at = Arc::clone(&now_secs);
        let clock = Clock::new(move || Timestamp::from_unix_secs(at.load(Ordering::Relaxed)));
        let verifier = TokenVerifier::new(vec![trusted], clock);
        Self { issuer, served, now_secs, verifier }
    }

    fn publish(&self, keys: &[&SigningKey]) {
        let keys: Vec<_> = keys.iter().map(|it| jwk(it)).collect();
        *self.served.keys.lock().unwrap() = Some(json!({"keys": keys}).to_string());
    }

    fn fetches(&self) -> usize {
        self.served.fetches.load(Ordering::Relaxed)
    }

    fn pass_secs(&self, secs: i64) {
        self.now_secs.fetch_add(secs, Ordering::Relaxed);
    }

    fn token(&self, key: &SigningKey, changes: Value) -> String {
        let mut claims = json!({
            "iss": self.issuer, "aud": API, "iat": NOW_SECS, "nbf": NOW_SECS, "exp": NOW_SECS + 100_000,
            "sub": "bob", "client_id": "app", "scope": "user_impersonation",
        });
        claims.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        let mut header = Header::new(Algorithm::RS256);
        header.kid = Some(key.id.clone());
        header.typ = Some("at+jwt".to_owned());
        let key = EncodingKey::from_rsa_pem(key.private_pem.as_bytes()).unwrap();
        jsonwebtoken::encode(&header, &claims, &key).unwrap()
    }

    async fn outcome(&self, token: &str) -> Result<(), Refusal> {
        self.verifier.verify(token, Audiences::PARTNER).await.map(|_| ())
    }
}

async fn serve_discovery(State(served): State<Arc<Served>>) -> Json<Value> {
    Json(served.discovery.lock().unwrap().clone())
}

async fn serve_keys(State(served): State<Arc<Served>>) -> impl IntoResponse {
    served.fetches.fetch_add(1, Ordering::Relaxed);
    match served.keys.lock().unwrap().clone() {
        Some(keys) => Ok(keys),
        None => Err(StatusCode::INTERNAL_SERVER_ERROR),
    }
}

fn jwk(key: &SigningKey) -> Jwk {
    let signing = EncodingKey::from_rsa_pem(key.private_pem.as_bytes()).unwrap();
    let mut jwk = Jwk::from_encoding_key(&signing, Algorithm::RS256).unwrap();
    jwk.common.key_id = Some(key.id.clone());
    jwk
}

#[tokio::test]
async fn a_person_is_known_by_issuer_and_subject() {
    let world = World::start(json!({})).await;
    world.publish(&[&STORED_KEY]);
    let token = world.token(&STORED_KEY, json!({"tid": Uuid::from_u128(1), "oid": Uuid::from_u128(2)}));

    let verified = world.verifier.verify(&token, Audiences::PARTNER).await.unwrap();

    let subject = ExternalSubject { issuer: world.issuer.clone(), subject: "bob".to_owned() };
    assert_eq!(verified.bearer, Bearer::Subject(subject));
    let of_client = world.outcome(&world.token(&STORED_KEY, json!({"sub": "app"}))).await;
    assert!(matches!(of_client, Err(Refusal::NotAnAccessToken(_))));
}

#[tokio::test]
async fn the_issuers_own_audiences_and_scope_are_honoured() {
    let world = World::start(json!({"audiences": ["liaison"], "scope": "referrals"})).await;
    world.publish(&[&STORED_KEY]);

    let fitting = world.token(&STORED_KEY, json!({"aud": "liaison", "scope": "referrals"}));
    assert!(world.outcome(&fitting).await.is_ok());
    let other_audience = world.token(&STORED_KEY, json!({"aud": "Liaison", "scope": "referrals"}));
    assert!(matches!(world.outcome(&other_audience).await, Err(Refusal::WrongAudience { .. })));
    let other_scope = world.token(&STORED_KEY, json!({}));
    assert!(matches!(world.outcome(&other_scope).await, Err(Refusal::MissingScope)));
}

#[tokio::test]
async fn unknown_keys_cause_one_fetch_a_minute() {
    let world = World::start(json!({})).await;
    world.publish(&[&STORED_KEY]);
    assert!(world.outcome(&world.token(&STORED_KEY, json!({}))).await.is_ok());
    assert_eq!(world.fetches(), 1);

    world.publish(&[&STORED_KEY, &FOREIGN_KEY]);
    let rotated = world.token(&FOREIGN_KEY, json!({}));
    for _ in 0..5 {
        assert!(matches!(world.outcome(&rotated).await, Err(Refusal::UnknownKey)));
    }
    assert_eq!(world.fetches(), 1);

    world.pass_secs(60);
    assert!(world.outcome(&rotated).await.is_ok());
    assert_eq!(world.fetches(), 2);

    let mut made_up = FOREIGN_KEY.clone();
    for number in 0..5 {
        made_up.id = format!("made-up-{number}");
        let refused = world.outcome(&world.token(&made_up, json!({}))).await;
        assert!(matches!(refused, Err(Refusal::UnknownKey)));
    }
    assert_eq!(world.fetches(), 2);
}

#[tokio::test]
async fn a_removed_key_is_refused_even_for_a_remembered_token() {
    let world = World::start(json!({})).await;
    world.publish(&[&STORED_KEY, &FOREIGN_KEY]);
    let token = world.token(&STORED_KEY, json!({}));
    assert!(world.outcome(&token).await.is_ok());

    world.publish(&[&FOREIGN_KEY]);
    world.pass_secs(5 * 60);

    assert!(matches!(world.outcome(&token).await, Err(Refusal::UnknownKey)));
    assert!(world.outcome(&world.token(&FOREIGN_KEY, json!({}))).await.is_ok());
}

#[tokio::test]
async fn an_unchanged_key_set_leaves_remembered_tokens_alone() {
    let world = World::start(json!({})).await;
    world.publish(&[&STORED_KEY]);
    let token = world.token(&STORED_KEY, json!({}));
    let first = world.verifier.verify(&token, Audiences::PARTNER).await.unwrap();

    world.pass_secs(5 * 60);
    let again = world.verifier.verify(&token, Audiences::PARTNER).await.unwrap();

    assert!(Arc::ptr_eq(&first, &again));
    assert_eq!(world.fetches(), 2);
}

#[tokio::test]
async fn held_keys_outlive_a_broken_issuer_for_a_day() {
    let world = World::start(json!({})).await;
    world.publish(&[&STORED_KEY]);
    let token = world.token(&STORED_KEY, json!({}));
    assert!(world.outcome(&token).await.is_ok());

    *world.served.keys.lock().unwrap() = None;
    world.pass_secs(5 * 60);
    for _ in 0..5 {
        assert!(world.outcome(&token).await.is_ok());
    }
    assert_eq!(world.fetches(), 2);

    world.pass_secs(24 * 60 * 60);
    assert!(matches!(world.outcome(&token).await, Err(Refusal::KeysUnavailable(_))));
}

#[tokio::test]
async fn without_any_key_the_issuer_is_asked_again_soon_and_not_at_once() {
    let world = World::start(json!({})).await;
    let token = world.token(&STORED_KEY, json!({}));
    for _ in 0..5 {
        assert!(matches!(world.outcome(&token).await, Err(Refusal::KeysUnavailable(_))));
    }
    assert_eq!(world.fetches(), 1);

    world.publish(&[&STORED_KEY]);
    world.pass_secs(5);

    assert!(world.outcome(&token).await.is_ok());
}

#[tokio::test]
async fn concurrent_first_tokens_cause_one_fetch() {
    let world = World::start(json!({})).await;
    world.publish(&[&STORED_KEY]);
    let tokens: Vec<_> = (0..4).map(|it| world.token(&STORED_KEY, json!({"jti": it}))).collect();

    let outcomes = tokio::join!(
        world.outcome(&tokens[0]),
        world.outcome(&tokens[1]),
        world.outcome(&tokens[2]),
        world.outcome(&tokens[3]),
    );

    assert!(outcomes.0.is_ok() && outcomes.1.is_ok() && outcomes.2.is_ok() && outcomes.3.is_ok());
    assert_eq!(world.fetches(), 1);
}

#[tokio::test]
async fn an_answer_that_is_not_the_issuers_key_set_is_not_believed() {
    let usable = json!({"keys": [jwk(&STORED_KEY)]}).to_string();
    let answers = [
        "not json".to_owned(),
        json!({"keys": [{"kty": "oct", "kid": STORED_KEY.id, "k": "AAAA", "alg": "HS256"}]}).to_string(),
        format!("{usable}{}", " ".repeat(256 * 1024)),
    ];
    for answer in answers {
        let world = World::start(json!({})).await;
        *world.served.keys.lock().unwrap() = Some(answer);

        let outcome = world.outcome(&world.token(&STORED_KEY, json!({}))).await;
        assert!(matches!(outcome, Err(Refusal::KeysUnavailable(_))));
    }
}

#[tokio::test]
async fn a_discovery_document_of_another_issuer_is_not_believed() {
    for changes in [
        json!({"issuer": "https://evil.example"}),
        json!({"jwks_uri": "http://192.0.2.1/keys"}),
        json!({"jwks_uri": "file:///keys"}),
    ] {
        let world = World::start(json!({})).await;
        world.publish(&[&STORED_KEY]);
        let mut discovery = world.served.discovery.lock().unwrap().clone();
        discovery.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        *world.served.discovery.lock().unwrap() = discovery;

        let outcome = world.outcome(&world.token(&STORED_KEY, json!({}))).await;
        assert!(matches!(outcome, Err(Refusal::KeysUnavailable(_))), "{changes}");
        assert_eq!(world.fetches(), 0);
    }
}

#[tokio::test]
async fn keys_of_unknown_kinds_do_not_hide_the_others() {
    let world = World::start(json!({})).await;
    let mixed = json!({"keys": [{"kty": "AKP", "alg": "ML-DSA-44"}, 7, jwk(&STORED_KEY)]});
    *world.served.keys.lock().unwrap() = Some(mixed.to_string());

    assert!(world.outcome(&world.token(&STORED_KEY, json!({}))).await.is_ok());
}
