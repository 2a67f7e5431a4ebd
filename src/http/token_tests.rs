//! The built-in issuer through its routes, and its tokens at the authenticator.

use std::sync::Arc;

use axum::{Router, body::Body};
use http::{HeaderMap, Request};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::ServiceExt;
use url::form_urlencoded;

use super::token;
use crate::{
    auth::{
        Audiences, Authenticator, Caller, Issuer, Refusal, TokenVerifier, TrustedIssuer,
        testing::{self, PASSWORD, SECRET},
    },
    domain::actor::ReferralsRole,
    storage::Store,
};

const API: &str = "https://api.partner.microsoft.com";
const EMAIL: &str = "bob@contoso.example";
const OTHER_APPLICATION: &str = "00000000-0000-0000-0000-00000000004f";

struct World {
    router: Router,
    issuer: Arc<Issuer>,
    store: Store,
    _folder: TempDir,
}

impl World {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = testing::store(folder.path()).await;
        let base_url = testing::BASE_URL.to_owned();
        let issuer =
            Issuer::open(store.clone(), base_url, testing::clock(), testing::random()).await.unwrap();
        let issuer = Arc::new(issuer);
        let (router, _) = token::router().split_for_parts();
        Self { router: router.with_state(Arc::clone(&issuer)), issuer, store, _folder: folder }
    }

    async fn send(&self, request: Request<Body>) -> (u16, HeaderMap, Value) {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        (parts.status.as_u16(), parts.headers, serde_json::from_slice(&body).unwrap())
    }

    async fn post(&self, path: &str, form: String) -> (u16, Value) {
        let request = Request::post(path)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Body::from(form))
            .unwrap();
        let (status, headers, body) = self.send(request).await;
        assert_eq!(headers["cache-control"], "no-store");
        (status, body)
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        let (status, _, body) = self.send(Request::get(path).body(Body::empty()).unwrap()).await;
        (status, body)
    }

    async fn caller(&self, token: &str, accepted: Audiences) -> Result<Caller, Refusal> {
        let issuers = vec![TrustedIssuer::built_in(&self.issuer, Vec::new())];
        let verifier = TokenVerifier::new(issuers, testing::clock());
        let authenticator = Authenticator::new(verifier, self.store.clone());
        authenticator.authenticate(Some(&format!("Bearer {token}")), accepted).await
    }
}

/// The form of a sign-in with a password, with `changes` made; a change to null takes the parameter out.
fn form(changes: Value) -> String {
    let mut parameters = json!({
        "grant_type": "password", "resource": API, "client_id": testing::application().id,
        "client_secret": SECRET, "username": EMAIL, "password": PASSWORD,
    });
    parameters.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    let mut form = form_urlencoded::Serializer::new(String::new());
    for (name, value) in parameters.as_object().unwrap() {
        if let Some(text) = value.as_str() {
            form.append_pair(name, text);
        }
    }
    form.finish()
}

fn text<'a>(body: &'a Value, name: &str) -> &'a str {
    body[name].as_str().unwrap()
}

#[tokio::test]
async fn the_sample_flow_signs_in_and_the_token_opens_referrals() {
    let world = World::start().await;
    let id = testing::application().id;
    // As Microsoft's template writes it, the line break before `scope` included.
    let form = format!(
        "grant_type=password&client_id={id}&client_secret=client+secret&\nscope=openid&resource={API}\
         &username=Bob%40Contoso.example&password=correct%20horse"
    );

    let (status, body) = world.post("/common/oauth2/token", form).await;

    assert_eq!(status, 200, "{body}");
    assert_eq!(body["expires_in"], "3600");
    assert_eq!(body["scope"], "user_impersonation");
    let caller = world.caller(text(&body, "access_token"), Audiences::PARTNER).await.unwrap();
    let actor = caller.referrals_actor().unwrap();
    assert_eq!((actor.email.as_str(), actor.role), (EMAIL, ReferralsRole::User));
    assert_eq!(actor.application_id, id.to_string());
    for other in ["refresh_token", "id_token"] {
        let refusal = world.caller(text(&body, other), Audiences::PARTNER).await.unwrap_err();
        assert!(matches!(refusal, Refusal::NotAnAccessToken(_)), "{other}");
    }
}

#[tokio::test]
async fn every_spelling_of_the_tenant_is_understood() {
    let world = World::start().await;
    let tid = testing::organization().tenant_id.to_string();
    for tenant in ["common", "organizations", &tid, &tid.to_uppercase(), "contoso.example", "Contoso.Example"]
    {
        let (status, body) = world.post(&format!("/{tenant}/oauth2/token"), form(json!({}))).await;
        assert_eq!(status, 200, "{tenant}: {body}");
    }
    for tenant in ["fabrikam.example", "nonsense", "00000000-0000-0000-0000-000000000001", "msft"] {
        let (status, body) = world.post(&format!("/{tenant}/oauth2/token"), form(json!({}))).await;
        assert_eq!((status, &body["error_codes"][0]), (400, &json!(90002)), "{tenant}");
        let (status, body) = world.get(&format!("/{tenant}/.well-known/openid-configuration")).await;
        assert_eq!((status, &body["error"]), (400, &json!("invalid_request")), "{tenant}");
    }
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_user_look_the_same() {
    let world = World::start().await;
    let mut answers = Vec::new();
    for changes in [
        json!({"password": "wrong"}),
        json!({"username": "nobody@contoso.example"}),
        // Somebody of another organisation, with the right password, under this tenant.
        json!({"username": "eve@other.example"}),
    ] {
        let path = format!("/{}/oauth2/token", testing::organization().tenant_id);
        let (status, mut body) = world.post(&path, form(changes)).await;
        let description = text(&body, "error_description").split("\r\n").next().unwrap().to_owned();
        body["error_description"] = description.into();
        body["trace_id"] = Value::Null;
        body["correlation_id"] = Value::Null;
        answers.push((status, body));
    }

    assert_eq!((answers[0].0, &answers[0].1["error"]), (400, &json!("invalid_grant")));
    assert_eq!(answers[0].1["error_codes"][0], 50126);
    assert!(answers.iter().all(|it| *it == answers[0]));
}

#[tokio::test]
async fn each_fault_has_its_number_and_status() {
    let world = World::start().await;
    for (changes, status, error, number) in [
        (json!({"grant_type": null}), 400, "invalid_request", 900144),
        (json!({"grant_type": "authorization_code"}), 400, "invalid_request", 900144),
        (json!({"grant_type": "device_code"}), 400, "unsupported_grant_type", 70003),
        (json!({"client_id": "nonsense"}), 400, "unauthorized_client", 700016),
        (json!({"client_id": API}), 400, "unauthorized_client", 700016),
        (json!({"client_secret": "wrong"}), 401, "invalid_client", 7000215),
        (json!({"client_secret": null}), 401, "invalid_client", 7000218),
        (json!({"resource": null}), 400, "invalid_request", 900144),
        (json!({"resource": "https://graph.windows.net"}), 400, "invalid_resource", 500011),
        (json!({"username": null}), 400, "invalid_request", 900144),
        (json!({"username": "eve@other.example"}), 400, "unauthorized_client", 700016),
        (json!({"client_id": OTHER_APPLICATION, "client_secret": null}), 400, "unauthorized_client", 700016),
        (json!({"client_id": OTHER_APPLICATION}), 401, "invalid_client", 700025),
        (json!({"grant_type": "refresh_token", "refresh_token": "x"}), 400, "invalid_grant", 70000),
    ] {
        let (answered, body) = world.post("/common/oauth2/token", form(changes.clone())).await;

        assert_eq!((answered, text(&body, "error")), (status, error), "{changes}");
        assert_eq!(body["error_codes"], json!([number]), "{changes}");
        assert!(text(&body, "error_description").starts_with(&format!("AADSTS{number}: ")));
    }
}

#[tokio::test]
async fn a_refresh_token_is_redeemed_for_either_api_by_its_client_only() {
    let world = World::start().await;
    let (_, first) = world.post("/common/oauth2/token", form(json!({}))).await;
    let refresh = |changes: Value| {
        let mut all = json!({
            "grant_type": "refresh_token", "refresh_token": first["refresh_token"],
            "username": null, "password": null,
        });
        all.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        form(all)
    };

    let other = "https://api.partnercenter.microsoft.com";
    let (status, second) = world.post("/common/oauth2/token", refresh(json!({"resource": other}))).await;
    assert_eq!(status, 200, "{second}");
    assert_ne!(first["refresh_token"], second["refresh_token"]);
    assert!(world.caller(text(&second, "access_token"), Audiences::PARTNER_CENTER).await.is_ok());
    let refusal = world.caller(text(&second, "access_token"), Audiences::PARTNER).await.unwrap_err();
    assert!(matches!(refusal, Refusal::WrongAudience { .. }));

    let (status, third) = world.post("/common/oauth2/v2.0/token", refresh(json!({"resource": null}))).await;
    assert_eq!((status, &third["expires_in"]), (200, &json!(3600)));
    let stranger = json!({"client_id": OTHER_APPLICATION, "client_secret": null});
    let (status, body) = world.post("/common/oauth2/token", refresh(stranger)).await;
    assert_eq!((status, &body["error"]), (400, &json!("invalid_grant")));
}

#[tokio::test]
async fn version_2_gives_what_the_scope_names() {
    let world = World::start().await;
    let scoped = |scope: &str| form(json!({"resource": null, "scope": scope}));

    let (status, body) = world.post("/common/oauth2/v2.0/token", scoped(&format!("{API}/.default"))).await;
    assert_eq!(status, 200, "{body}");
    assert!(body.get("refresh_token").is_none() && body.get("id_token").is_none());
    let all = format!("{API}/.default openid profile offline_access");
    let (_, body) = world.post("/common/oauth2/v2.0/token", scoped(&all)).await;
    assert!(body["refresh_token"].is_string() && body["id_token"].is_string());
    let (status, body) = world.post("/common/oauth2/v2.0/token", scoped("User.Read")).await;
    assert_eq!((status, &body["error"]), (400, &json!("invalid_scope")));
}

#[tokio::test]
async fn an_application_for_itself_is_no_user() {
    let world = World::start().await;
    let changes = json!({"grant_type": "client_credentials", "username": null, "password": null});

    let (status, body) = world.post("/common/oauth2/token", form(changes)).await;

    assert_eq!(status, 200, "{body}");
    assert!(body.get("refresh_token").is_none() && body.get("scope").is_none());
    let caller = world.caller(text(&body, "access_token"), Audiences::PARTNER).await.unwrap();
    assert!(matches!(caller, Caller::Application { .. }));
    assert!(matches!(caller.referrals_actor(), Err(Refusal::AppOnly)));
    let public = json!({
        "grant_type": "client_credentials", "client_id": OTHER_APPLICATION, "client_secret": null,
    });
    let (status, body) = world.post("/common/oauth2/token", form(public)).await;
    assert_eq!((status, &body["error_codes"][0]), (401, &json!(7000218)));
}

#[tokio::test]
async fn a_token_of_somebody_who_is_not_here_is_refused() {
    let world = World::start().await;
    let mut principal = testing::principal();
    principal.user.id = uuid::Uuid::from_u128(404);
    let application_id = testing::application().id;
    let version = crate::auth::Version::V1;
    let token = world.issuer.mint_for_user(&principal, application_id, API, version, 60).unwrap();

    let refusal = world.caller(&token, Audiences::PARTNER).await.unwrap_err();

    assert!(matches!(refusal, Refusal::UnknownUser));
}

#[tokio::test]
async fn the_discovery_document_leads_to_the_endpoints() {
    let world = World::start().await;
    let (status, document) = world.get("/contoso.example/v2.0/.well-known/openid-configuration").await;
    assert_eq!(status, 200);
    insta::assert_json_snapshot!(document);

    let jwks_path = text(&document, "jwks_uri").strip_prefix(testing::BASE_URL).unwrap().to_owned();
    let (status, keys) = world.get(&jwks_path).await;
    assert_eq!((status, &keys["keys"][0]["kid"]), (200, &json!(testing::STORED_KEY.id)));
    let token_path = text(&document, "token_endpoint").strip_prefix(testing::BASE_URL).unwrap().to_owned();
    let scope = format!("{API}/.default");
    let (status, _) = world.post(&token_path, form(json!({"scope": scope}))).await;
    assert_eq!(status, 200);
    let (_, common) = world.get("/common/.well-known/openid-configuration").await;
    assert_eq!(common["issuer"], format!("{}/{{tenantid}}/", testing::BASE_URL));
    assert_eq!(common["token_endpoint"], format!("{}/common/oauth2/token", testing::BASE_URL));
}

#[tokio::test]
async fn the_clients_request_id_comes_back_in_the_error() {
    let world = World::start().await;
    let id = "6f1c6a0e-0000-4000-8000-000000000001";
    let request = Request::post("/common/oauth2/token").header("client-request-id", id);

    let (status, headers, body) = world.send(request.body(Body::empty()).unwrap()).await;

    assert_eq!((status, text(&body, "correlation_id")), (400, id));
    assert_eq!(headers["content-type"], "application/json");
    assert!(text(&body, "error_description").contains(id));
}

#[tokio::test]
async fn the_first_start_makes_one_key_that_later_starts_use() {
    let folder = tempfile::tempdir().unwrap();
    let store = testing::empty_store(folder.path()).await;
    let open =
        || Issuer::open(store.clone(), testing::BASE_URL.to_owned(), testing::clock(), testing::random());

    let (first, second) = (open().await.unwrap(), open().await.unwrap());

    let stored = store.list_signing_keys().await.unwrap();
    assert_eq!(stored.len(), 1);
    assert_eq!(first.key_set(), second.key_set());
    assert_eq!(first.key_set().keys[0].common.key_id.as_ref(), Some(&stored[0].id));
}
