//! The built-in issuer over HTTP: token endpoints, discovery and key sets, in both generations.
//!
//! Every answer is OAuth JSON, refusals by the framework included: clients read `error` and
//! `error_description`, and nothing else.

use std::{error::Error, sync::Arc};

use axum::{
    Json,
    body::{self, Body},
    extract::{Path, State, rejection::PathRejection},
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Serialize;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use crate::auth::{
    Issuer, TokenRequest, Version,
    issuer::{
        answer::TokenAnswer,
        discovery::DiscoveryDocument,
        error::{TokenError, TokenErrorAnswer},
    },
};

pub(super) const FORM_BYTES_MAX: usize = 16 * 1024;
pub(super) const FORM_TYPE: &str = "application/x-www-form-urlencoded";
pub(super) const RETRY_AFTER_SECS: u64 = 1;
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
/// Clients may keep what only changes with a key or a release.
const SHORTLY: HeaderValue = HeaderValue::from_static("public, max-age=300");

pub(super) type Tenant = Result<Path<String>, PathRejection>;

/// Returns the routes of the issuer.
pub fn router() -> OpenApiRouter<Arc<Issuer>> {
    OpenApiRouter::new()
        .routes(routes!(token_v1))
        .routes(routes!(token_v2))
        .routes(routes!(discovery_v1))
        .routes(routes!(discovery_v2))
        .routes(routes!(keys_v1))
        .routes(routes!(keys_v2))
}

/// Gives a token (version 1.0: parameter `resource`, numbers as texts).
#[utoipa::path(
    post,
    path = "/{tenant}/oauth2/token",
    tag = "Sign-in",
    params(("tenant" = String, Path, description = "Tenant id, organisation id, domain, common or organizations")),
    request_body(content = String, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, body = TokenAnswer),
        (status = 400, body = TokenErrorAnswer),
        (status = 401, body = TokenErrorAnswer),
        (status = 413, body = TokenErrorAnswer),
        (status = 503, body = TokenErrorAnswer),
    )
)]
async fn token_v1(
    State(issuer): State<Arc<Issuer>>,
    tenant: Tenant,
    headers: HeaderMap,
    body: Body,
) -> Response {
    answer_token(&issuer, Version::V1, tenant, &headers, body).await
}

/// Gives a token (version 2.0: parameter `scope`).
#[utoipa::path(
    post,
    path = "/{tenant}/oauth2/v2.0/token",
    tag = "Sign-in",
    params(("tenant" = String, Path, description = "Tenant id, organisation id, domain, common or organizations")),
    request_body(content = String, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, body = TokenAnswer),
        (status = 400, body = TokenErrorAnswer),
        (status = 401, body = TokenErrorAnswer),
        (status = 413, body = TokenErrorAnswer),
        (status = 503, body = TokenErrorAnswer),
    )
)]
async fn token_v2(
    State(issuer): State<Arc<Issuer>>,
    tenant: Tenant,
    headers: HeaderMap,
    body: Body,
) -> Response {
    answer_token(&issuer, Version::V2, tenant, &headers, body).await
}

/// Describes the issuer (version 1.0).
#[utoipa::path(
    get,
    path = "/{tenant}/.well-known/openid-configuration",
    tag = "Sign-in",
    params(("tenant" = String, Path, description = "Tenant id, organisation id, domain, common or organizations")),
    responses((status = 200, body = DiscoveryDocument), (status = 400, body = TokenErrorAnswer))
)]
async fn discovery_v1(State(issuer): State<Arc<Issuer>>, tenant: Tenant, headers: HeaderMap) -> Response {
    answer_discovery(&issuer, Version::V1, tenant, &headers).await
}

/// Describes the issuer (version 2.0).
#[utoipa::path(
    get,
    path = "/{tenant}/v2.0/.well-known/openid-configuration",
    tag = "Sign-in",
    params(("tenant" = String, Path, description = "Tenant id, organisation id, domain, common or organizations")),
    responses((status = 200, body = DiscoveryDocument), (status = 400, body = TokenErrorAnswer))
)]
async fn discovery_v2(State(issuer): State<Arc<Issuer>>, tenant: Tenant, headers: HeaderMap) -> Response {
    answer_discovery(&issuer, Version::V2, tenant, &headers).await
}

/// Shows the keys that tokens are verified with (version 1.0). They are the same for every tenant.
#[utoipa::path(
    get,
    path = "/{tenant}/discovery/keys",
    tag = "Sign-in",
    params(("tenant" = String, Path, description = "Any tenant: all have the same keys")),
    responses((status = 200, description = "A JSON Web Key Set (RFC 7517)", body = serde_json::Value))
)]
async fn keys_v1(State(issuer): State<Arc<Issuer>>) -> Response {
    cached(issuer.key_set())
}

/// Shows the keys that tokens are verified with (version 2.0). They are the same for every tenant.
#[utoipa::path(
    get,
    path = "/{tenant}/discovery/v2.0/keys",
    tag = "Sign-in",
    params(("tenant" = String, Path, description = "Any tenant: all have the same keys")),
    responses((status = 200, description = "A JSON Web Key Set (RFC 7517)", body = serde_json::Value))
)]
async fn keys_v2(State(issuer): State<Arc<Issuer>>) -> Response {
    cached(issuer.key_set())
}

async fn answer_token(
    issuer: &Issuer,
    version: Version,
    tenant: Tenant,
    headers: &HeaderMap,
    body: Body,
) -> Response {
    let outcome = async {
        let tenant = readable(tenant)?;
        let request = read_request(headers, body).await?;
        issuer.token(version, &tenant, request).await
    };
    match outcome.await {
        Ok(answer) => ([(header::CACHE_CONTROL, NO_STORE)], Json(answer)).into_response(),
        Err(error) => refused(issuer, &error, headers),
    }
}

async fn answer_discovery(
    issuer: &Issuer,
    version: Version,
    tenant: Tenant,
    headers: &HeaderMap,
) -> Response {
    let outcome = async { issuer.discovery(version, &readable(tenant)?).await };
    match outcome.await {
        Ok(document) => cached(&document),
        Err(error) => refused(issuer, &error, headers),
    }
}

async fn read_request(headers: &HeaderMap, body: Body) -> Result<TokenRequest, TokenError> {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|it| it.to_str().ok()).unwrap_or_default();
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    if !media_type.eq_ignore_ascii_case(FORM_TYPE) {
        return Err(TokenError::MalformedRequest(
            "the content type is not application/x-www-form-urlencoded",
        ));
    }
    let authorization = match headers.get(header::AUTHORIZATION).map(HeaderValue::to_str) {
        None => None,
        Some(Ok(text)) => Some(text),
        Some(Err(_)) => return Err(TokenError::MalformedRequest("the Authorization header is not ASCII")),
    };
    let form = body::to_bytes(body, FORM_BYTES_MAX).await.map_err(|_| TokenError::TooLong)?;
    TokenRequest::read(&form, authorization)
}

pub(super) fn readable(tenant: Tenant) -> Result<String, TokenError> {
    match tenant {
        Ok(Path(tenant)) => Ok(tenant),
        Err(_) => Err(TokenError::MalformedRequest("the tenant in the path is not UTF-8")),
    }
}

fn cached(document: &impl Serialize) -> Response {
    ([(header::CACHE_CONTROL, SHORTLY)], Json(document)).into_response()
}

fn refused(issuer: &Issuer, error: &TokenError, headers: &HeaderMap) -> Response {
    let correlation_id =
        headers.get("client-request-id").and_then(|it| Uuid::try_parse(it.to_str().ok()?).ok());
    let body = issuer.explain(error, correlation_id);
    let status = status_of(error);
    let (code, trace_id) = (error.number(), body.trace_id);
    match status.is_server_error() {
        true => tracing::error!(code, %trace_id, cause = error.source(), "token request failed"),
        false => tracing::info!(code, %trace_id, "token request refused"),
    }
    let mut response = (status, [(header::CACHE_CONTROL, NO_STORE)], Json(body)).into_response();
    if status == StatusCode::UNAUTHORIZED {
        // RFC 6749, section 5.2: the scheme that the client may use.
        let challenge = HeaderValue::from_static("Basic realm=\"liaison\"");
        response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    }
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(RETRY_AFTER_SECS));
    }
    response
}

pub(super) fn status_of(error: &TokenError) -> StatusCode {
    match error {
        TokenError::TooLong => StatusCode::PAYLOAD_TOO_LARGE,
        TokenError::WrongClientSecret(_)
        | TokenError::MissingClientSecret
        | TokenError::PublicClientWithSecret => StatusCode::UNAUTHORIZED,
        TokenError::Busy(_) | TokenError::StoreUnavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
        TokenError::NotSigned(_) => StatusCode::INTERNAL_SERVER_ERROR,
        TokenError::MalformedRequest(_)
        | TokenError::RepeatedParameter(_)
        | TokenError::MissingParameter(_)
        | TokenError::UnknownTenant(_)
        | TokenError::UnsupportedGrantType(_)
        | TokenError::UnknownApplication(_)
        | TokenError::UnknownResource(_)
        | TokenError::InvalidScope(_)
        | TokenError::SeveralResources
        | TokenError::WrongCredentials
        | TokenError::InvalidRefreshToken
        | TokenError::ExpiredRefreshToken
        | TokenError::RevokedRefreshToken
        | TokenError::MissingRedirectUri
        | TokenError::UnknownRedirectUri(..)
        | TokenError::UnsupportedResponseType(_)
        | TokenError::UnsupportedResponseMode(_)
        | TokenError::MissingChallenge
        | TokenError::InvalidChallenge(_)
        | TokenError::NobodySignedIn
        | TokenError::InvalidCode
        | TokenError::ExpiredCode
        | TokenError::RedeemedCode
        | TokenError::OtherRedirectUri
        | TokenError::WrongVerifier => StatusCode::BAD_REQUEST,
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use http::{HeaderMap, StatusCode};
    use uuid::Uuid;

    use super::{FORM_BYTES_MAX, read_request, status_of};
    use crate::auth::{TokenRequest, issuer::error::TokenError};

    async fn read(content_type: Option<&str>, form: String) -> Result<TokenRequest, TokenError> {
        let mut headers = HeaderMap::new();
        if let Some(content_type) = content_type {
            headers.insert("content-type", content_type.parse().unwrap());
        }
        read_request(&headers, Body::from(form)).await
    }

    #[tokio::test]
    async fn a_form_may_name_its_charset() {
        let request = read(Some("Application/X-WWW-Form-Urlencoded; charset=utf-8"), "scope=a".to_owned());

        assert_eq!(request.await.unwrap().scope.as_deref(), Some("a"));
    }

    #[tokio::test]
    async fn another_content_type_is_an_invalid_request() {
        for content_type in [None, Some("application/json"), Some("multipart/form-data; boundary=x")] {
            let error = read(content_type, "scope=a".to_owned()).await.unwrap_err();

            assert_eq!(error.error(), "invalid_request");
            assert_eq!(status_of(&error), StatusCode::BAD_REQUEST);
        }
    }

    #[tokio::test]
    async fn a_form_past_the_limit_is_not_read() {
        let form = |bytes: usize| format!("scope={}", "a".repeat(bytes - "scope=".len()));
        let content_type = Some("application/x-www-form-urlencoded");

        assert!(read(content_type, form(FORM_BYTES_MAX)).await.is_ok());
        let error = read(content_type, form(FORM_BYTES_MAX + 1)).await.unwrap_err();
        assert_eq!(error.error(), "invalid_request");
        assert_eq!(status_of(&error), StatusCode::PAYLOAD_TOO_LARGE);
    }

    #[test]
    fn a_client_that_cannot_prove_itself_gets_401_and_all_else_400() {
        assert_eq!(status_of(&TokenError::WrongClientSecret(Uuid::nil())), StatusCode::UNAUTHORIZED);
        assert_eq!(status_of(&TokenError::MissingClientSecret), StatusCode::UNAUTHORIZED);
        assert_eq!(status_of(&TokenError::WrongCredentials), StatusCode::BAD_REQUEST);
        assert_eq!(status_of(&TokenError::UnknownApplication(String::new())), StatusCode::BAD_REQUEST);
    }

    #[test]
    fn the_routes_stand_beside_each_other_and_are_documented() {
        let (_, document) = super::router().split_for_parts();

        let paths: Vec<_> = document.paths.paths.keys().map(String::as_str).collect();
        assert_eq!(
            paths,
            [
                "/{tenant}/.well-known/openid-configuration",
                "/{tenant}/discovery/keys",
                "/{tenant}/discovery/v2.0/keys",
                "/{tenant}/oauth2/token",
                "/{tenant}/oauth2/v2.0/token",
                "/{tenant}/v2.0/.well-known/openid-configuration",
            ]
        );
    }
}
