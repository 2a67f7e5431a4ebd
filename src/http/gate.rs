//! What a caller reads who is not let in.
//!
//! Refusals carry the real gateway's flat members and the envelope in one body; only a person without the
//! role that a call needs, who did get in, reads the envelope alone.

use http::{HeaderValue, StatusCode, header::WWW_AUTHENTICATE};

use super::error::ApiError;
use crate::{
    app::App,
    auth::{Caller, Refusal},
    domain::{
        audit::{AuditAuthor, Deed, Resource},
        organization::OrganizationId,
    },
    storage::Tally,
};

/// When to try again after keys or store were out of reach.
const RETRY_AFTER_SECS: u64 = 5;

/// Counts a refusal for the audit records, and returns what the caller reads. Who is refused is known where a token was
/// accepted; a person's organisation is told, and everything else is for the operator.
pub(super) fn refused(app: &App, caller: Option<&Caller>, refusal: Refusal) -> ApiError {
    let error = ApiError::from(refusal);
    if ![StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN].contains(&error.status()) {
        return error;
    }
    let (organization_id, author) = match caller {
        Some(Caller::User { principal, application_id }) => (
            Some(principal.organization.id.clone()),
            AuditAuthor { user_id: Some(principal.user.id), application_id: application_id.clone() },
        ),
        Some(Caller::Application { application_id, .. }) => {
            (None, AuditAuthor { user_id: None, application_id: application_id.clone() })
        }
        None => (None, AuditAuthor { user_id: None, application_id: String::new() }),
    };
    note_refusal(app, organization_id, author, error.reason().0);
    error
}

/// Counts that a call was refused by a rule.
pub(super) fn note_refusal(
    app: &App,
    organization_id: Option<OrganizationId>,
    author: AuditAuthor,
    rule: &'static str,
) {
    let what = (Deed::Refuse, Resource::Request);
    let tally = Tally { organization_id, author, what, detail: ("Rule", rule.to_owned()) };
    app.context.store.tally(tally, app.context.clock.now());
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        let message = refusal.to_string();
        match refusal {
            Refusal::Missing => unauthenticated(message, "tokenMissing", "Bearer realm=\"liaison\""),
            Refusal::NotBearer => invalid(message, "tokenMalformed"),
            Refusal::Malformed(_) => invalid(message, "tokenMalformed"),
            Refusal::WrongAudience { .. } => invalid(message, "tokenAudienceInvalid"),
            Refusal::Expired { .. } => invalid(message, "tokenExpired"),
            Refusal::NotYetValid => invalid(message, "tokenNotYetValid"),
            Refusal::UnknownIssuer => invalid(message, "tokenIssuerUnknown"),
            Refusal::UnknownKey => invalid(message, "tokenKeyUnknown"),
            Refusal::BadSignature => invalid(message, "tokenSignatureInvalid"),
            Refusal::NotAnAccessToken(_) => invalid(message, "tokenKindInvalid"),
            Refusal::MissingScope => invalid(message, "tokenScopeMissing"),
            Refusal::UnknownUser => invalid(message, "tokenUserUnknown"),
            Refusal::UnknownApplication => invalid(message, "tokenApplicationUnknown"),
            Refusal::AppOnly => {
                Self::new(StatusCode::BAD_REQUEST, message).inner("userTokenRequired").at_gate()
            }
            Refusal::NoReferralsRole => {
                Self::new(StatusCode::FORBIDDEN, message).inner("referralsRoleRequired")
            }
            Refusal::NoRole => Self::new(StatusCode::FORBIDDEN, message).inner("roleRequired"),
            Refusal::NoAccountAdmin => account_admin_required(message),
            Refusal::NoIntegrator => Self::new(StatusCode::FORBIDDEN, message).inner("webhookAdminRequired"),
            Refusal::KeysUnavailable(_) => unavailable(message, "issuerKeysUnavailable"),
            Refusal::StoreUnavailable(_) => unavailable(message, "storeUnavailable"),
        }
    }
}

/// Returns the refusal of whoever is no account admin, or has just ceased to be one.
pub(super) fn account_admin_required(message: String) -> ApiError {
    ApiError::new(StatusCode::FORBIDDEN, message).inner("accountAdminRequired")
}

/// A token came, and is not accepted (RFC 6750, section 3.1).
fn invalid(message: String, code: &'static str) -> ApiError {
    unauthenticated(message, code, "Bearer realm=\"liaison\", error=\"invalid_token\"")
}

fn unauthenticated(message: String, code: &'static str, challenge: &'static str) -> ApiError {
    ApiError::new(StatusCode::UNAUTHORIZED, message)
        .inner(code)
        .header(WWW_AUTHENTICATE, HeaderValue::from_static(challenge))
        .at_gate()
}

fn unavailable(message: String, code: &'static str) -> ApiError {
    ApiError::new(StatusCode::SERVICE_UNAVAILABLE, message).inner(code).retry_after_secs(RETRY_AFTER_SECS)
}

#[cfg(test)]
mod tests {
    use axum::{body, response::IntoResponse};
    use http::HeaderMap;
    use serde_json::Value;

    use super::super::error::ApiError;
    use crate::auth::{Refusal, keys::KeysUnavailable};

    async fn answer(refusal: Refusal) -> (u16, HeaderMap, Value) {
        let (parts, body) = ApiError::from(refusal).into_response().into_parts();
        let body = body::to_bytes(body, 10_000).await.unwrap();
        (parts.status.as_u16(), parts.headers, serde_json::from_slice(&body).unwrap())
    }

    #[tokio::test]
    async fn a_refusal_at_the_gate_has_both_shapes() {
        let expected = "https://api.partner.microsoft.com";
        let (status, headers, body) = answer(Refusal::WrongAudience { expected }).await;

        assert_eq!(status, 401);
        assert_eq!(headers["www-authenticate"], "Bearer realm=\"liaison\", error=\"invalid_token\"");
        insta::assert_json_snapshot!(body, @r#"
        {
          "statusCode": 401,
          "message": "Unauthorized: Invalid Authorization header, incorrect audience; expected https://api.partner.microsoft.com",
          "error": {
            "code": "unauthenticated",
            "message": "Unauthorized: Invalid Authorization header, incorrect audience; expected https://api.partner.microsoft.com",
            "innerError": {
              "code": "tokenAudienceInvalid",
              "message": "Unauthorized: Invalid Authorization header, incorrect audience; expected https://api.partner.microsoft.com"
            }
          }
        }
        "#);
    }

    #[tokio::test]
    async fn without_a_token_the_challenge_names_no_error() {
        let (status, headers, body) = answer(Refusal::Missing).await;

        assert_eq!(status, 401);
        assert_eq!(headers["www-authenticate"], "Bearer realm=\"liaison\"");
        let message = body["message"].as_str().unwrap();
        assert!(message.starts_with("Unauthorized: Invalid Authorization header"));
    }

    #[tokio::test]
    async fn an_application_alone_is_told_that_a_user_is_missing() {
        let (status, _, body) = answer(Refusal::AppOnly).await;

        assert_eq!(status, 400);
        assert_eq!(body["statusCode"], 400);
        assert_eq!(body["message"], "Authorization header token missing user information");
        assert_eq!(body["error"]["code"], "invalidRequest");
        assert_eq!(body["error"]["innerError"]["code"], "userTokenRequired");
    }

    #[tokio::test]
    async fn a_user_without_a_role_reads_the_envelope_alone() {
        let (status, _, body) = answer(Refusal::NoReferralsRole).await;

        assert_eq!(status, 403);
        assert!(body.get("statusCode").is_none());
        assert_eq!(body["error"]["code"], "accessDenied");
        assert_eq!(body["error"]["innerError"]["code"], "referralsRoleRequired");
    }

    #[tokio::test]
    async fn an_issuer_out_of_reach_is_no_fault_of_the_caller() {
        let (status, headers, _) = answer(Refusal::KeysUnavailable(KeysUnavailable)).await;

        assert_eq!(status, 503);
        assert_eq!(headers["retry-after"], "5");
    }
}
