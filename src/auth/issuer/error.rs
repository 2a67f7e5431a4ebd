//! Why a token request fails, in the words and numbers of the real token endpoint (`AADSTS…`).

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{password::Busy, signing::SigningError};
use crate::{domain::time::Timestamp, storage::StoreError};

/// Why no token is given.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The form is no form, or contradicts itself.
    #[error("The request is malformed: {0}.")]
    MalformedRequest(&'static str),
    /// The form is longer than is read.
    #[error("The request body is longer than 16 kB.")]
    TooLong,
    /// A parameter is given twice.
    #[error("The request is not properly formatted. The parameter '{0}' is duplicated.")]
    RepeatedParameter(String),
    /// A parameter is not given.
    #[error("The request body must contain the following parameter: '{0}'.")]
    MissingParameter(&'static str),
    /// The tenant in the path is no organisation here.
    #[error("Tenant '{0}' not found. Check that it is an organization of this exchange.")]
    UnknownTenant(String),
    /// The grant is not served.
    #[error("The app requested an unsupported grant type '{0}'.")]
    UnsupportedGrantType(String),
    /// The application does not exist, or not for this organisation.
    #[error("Application with identifier '{0}' was not found in the directory of this organization.")]
    UnknownApplication(String),
    /// The client secret is wrong.
    #[error("Invalid client secret provided for app '{0}'.")]
    WrongClientSecret(Uuid),
    /// The application has a secret, or the grant needs one, and none is given.
    #[error("The request body must contain the following parameter: 'client_assertion' or 'client_secret'.")]
    MissingClientSecret,
    /// A secret is given for an application that has none.
    #[error("Client is public so neither 'client_assertion' nor 'client_secret' should be presented.")]
    PublicClientWithSecret,
    /// The `resource` parameter names no API here.
    #[error("The resource principal named {0} was not found in the tenant.")]
    UnknownResource(String),
    /// The `scope` parameter names no API here, or nothing that can be allowed.
    #[error("The provided value for the input parameter 'scope' is not valid. The scope {0} is not valid.")]
    InvalidScope(String),
    /// The `scope` parameter names two APIs; a token is for one.
    #[error("The input parameter 'scope' is not valid because it contains more than one resource.")]
    SeveralResources,
    /// No such user, or not the right password; which of them is not told.
    #[error("Error validating credentials due to invalid username or password.")]
    WrongCredentials,
    /// The refresh token cannot be read, or belongs to another client or tenant.
    #[error("The provided refresh token is invalid, malformed, or was issued to another client.")]
    InvalidRefreshToken,
    /// The refresh token is too old.
    #[error("The refresh token has expired due to inactivity.")]
    ExpiredRefreshToken,
    /// The password changed after the refresh token was given, or the user is gone.
    #[error("The provided grant has expired due to it being revoked. The user must sign in again.")]
    RevokedRefreshToken,
    /// The application names no address to send people back to, and has not exactly one.
    #[error(
        "No reply address provided. Send the parameter 'redirect_uri' with one that the application has registered."
    )]
    MissingRedirectUri,
    /// The address is not registered for the application.
    #[error(
        "The redirect URI '{0}' specified in the request does not match the redirect URIs configured for the \
         application '{1}'. Make sure the redirect URI sent in the request matches one added to the application."
    )]
    UnknownRedirectUri(String, Uuid),
    /// The answer cannot be of that type.
    #[error(
        "The app requested an unsupported response type '{0}' when requesting a token. Expected value is 'code' \
         or 'code id_token'."
    )]
    UnsupportedResponseType(String),
    /// The answer cannot come back that way, or not safely.
    #[error(
        "The app requested an unsupported response mode '{0}'. Expected value is 'fragment', 'form_post', or for \
         the response type 'code' also 'query'."
    )]
    UnsupportedResponseMode(String),
    /// A public client has to show at the end that it is who began.
    #[error(
        "Proof Key for Code Exchange is required for public clients. Send 'code_challenge' with \
         'code_challenge_method' S256."
    )]
    MissingChallenge,
    /// The challenge is none, or of a weaker kind.
    #[error("The 'code_challenge' is not valid: {0}.")]
    InvalidChallenge(&'static str),
    /// The application does not want a page, and nobody is signed in without one.
    #[error("A silent sign-in request was sent but no user is signed in.")]
    NobodySignedIn,
    /// The code cannot be read, or belongs to another client.
    #[error("The provided authorization code is invalid, malformed, or was issued to another client.")]
    InvalidCode,
    /// The code is too old.
    #[error(
        "The provided authorization code has expired. Send a new interactive authorization request for this user \
         and resource."
    )]
    ExpiredCode,
    /// The code was used.
    #[error(
        "OAuth2 Authorization code was already redeemed, please retry with a new valid code or use an existing \
         refresh token."
    )]
    RedeemedCode,
    /// The address is not the one that the code was sent to.
    #[error(
        "The reply address does not match the reply address provided when requesting Authorization code."
    )]
    OtherRedirectUri,
    /// Whoever brings the code is not who asked for it.
    #[error("The Code_Verifier does not match the code_challenge supplied in the authorization request.")]
    WrongVerifier,
    /// Too many sign-ins at once.
    #[error("Too many sign-ins at once. Please try again.")]
    Busy(#[from] Busy),
    /// The store did not answer.
    #[error("A transient error has occurred. Please try again.")]
    StoreUnavailable(#[from] StoreError),
    /// The token could not be signed.
    #[error("There is an issue with the sign-in service.")]
    NotSigned(#[from] SigningError),
}

impl TokenError {
    /// Returns the OAuth error code.
    pub fn error(&self) -> &'static str {
        match self {
            Self::MalformedRequest(_)
            | Self::TooLong
            | Self::RepeatedParameter(_)
            | Self::MissingParameter(_)
            | Self::UnknownTenant(_)
            | Self::MissingRedirectUri
            | Self::UnknownRedirectUri(..)
            | Self::UnsupportedResponseMode(_)
            | Self::MissingChallenge
            | Self::InvalidChallenge(_) => "invalid_request",
            Self::UnsupportedResponseType(_) => "unsupported_response_type",
            Self::NobodySignedIn => "login_required",
            Self::UnsupportedGrantType(_) => "unsupported_grant_type",
            Self::UnknownApplication(_) => "unauthorized_client",
            Self::WrongClientSecret(_) | Self::MissingClientSecret | Self::PublicClientWithSecret => {
                "invalid_client"
            }
            Self::UnknownResource(_) => "invalid_resource",
            Self::InvalidScope(_) | Self::SeveralResources => "invalid_scope",
            Self::WrongCredentials
            | Self::InvalidRefreshToken
            | Self::ExpiredRefreshToken
            | Self::RevokedRefreshToken
            | Self::InvalidCode
            | Self::ExpiredCode
            | Self::RedeemedCode
            | Self::OtherRedirectUri
            | Self::WrongVerifier => "invalid_grant",
            Self::Busy(_) | Self::StoreUnavailable(_) => "temporarily_unavailable",
            Self::NotSigned(_) => "server_error",
        }
    }

    /// Says whether who asks is at fault, and not this server.
    pub fn is_refusal(&self) -> bool {
        !matches!(self, Self::Busy(_) | Self::StoreUnavailable(_) | Self::NotSigned(_))
    }

    /// Returns the number behind `AADSTS`.
    pub fn number(&self) -> u32 {
        match self {
            Self::MalformedRequest(_) | Self::TooLong => 90_013,
            Self::RepeatedParameter(_) => 9_000_411,
            Self::MissingParameter(_) => 900_144,
            Self::UnknownTenant(_) => 90_002,
            Self::UnsupportedGrantType(_) => 70_003,
            Self::UnknownApplication(_) => 700_016,
            Self::WrongClientSecret(_) => 7_000_215,
            Self::MissingClientSecret => 7_000_218,
            Self::PublicClientWithSecret => 700_025,
            Self::UnknownResource(_) => 500_011,
            Self::InvalidScope(_) => 70_011,
            Self::SeveralResources => 28_000,
            Self::WrongCredentials => 50_126,
            Self::InvalidRefreshToken => 70_000,
            Self::ExpiredRefreshToken => 700_082,
            Self::RevokedRefreshToken => 50_173,
            Self::MissingRedirectUri => 900_971,
            Self::UnknownRedirectUri(..) => 50_011,
            Self::UnsupportedResponseType(_) => 70_005,
            Self::UnsupportedResponseMode(_) => 70_007,
            Self::MissingChallenge => 9_002_325,
            Self::InvalidChallenge(_) => 501_491,
            Self::NobodySignedIn => 50_058,
            Self::InvalidCode => 70_000,
            Self::ExpiredCode => 70_008,
            Self::RedeemedCode => 54_005,
            Self::OtherRedirectUri => 500_112,
            Self::WrongVerifier => 501_481,
            Self::Busy(_) | Self::StoreUnavailable(_) => 90_033,
            Self::NotSigned(_) => 50_000,
        }
    }

    fn suberror(&self) -> Option<&'static str> {
        let is_bad_token = matches!(self, Self::ExpiredRefreshToken | Self::RevokedRefreshToken);
        is_bad_token.then_some("bad_token")
    }

    /// Returns the body that the client reads.
    pub fn answer(&self, now: Timestamp, trace_id: Uuid, correlation_id: Uuid) -> TokenErrorAnswer {
        let timestamp = Timestamp::from_unix_secs(now.unix_secs()).to_string().replace('T', " ");
        let number = self.number();
        let error_description = format!(
            "AADSTS{number}: {self}\r\nTrace ID: {trace_id}\r\n\
             Correlation ID: {correlation_id}\r\nTimestamp: {timestamp}"
        );
        TokenErrorAnswer {
            error: self.error(),
            error_description,
            error_codes: [number],
            timestamp,
            trace_id,
            correlation_id,
            suberror: self.suberror(),
        }
    }
}

/// The body of a failed token request.
#[derive(Debug, Serialize, ToSchema)]
pub struct TokenErrorAnswer {
    /// OAuth error code.
    pub error: &'static str,
    /// `AADSTS…`, what is wrong, and the ids below.
    pub error_description: String,
    /// The number behind `AADSTS`.
    pub error_codes: [u32; 1],
    /// When it was refused.
    pub timestamp: String,
    /// This refusal.
    pub trace_id: Uuid,
    /// The client's own id of the request, if it sent one.
    pub correlation_id: Uuid,
    /// More about `invalid_grant`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suberror: Option<&'static str>,
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::TokenError;
    use crate::domain::time::Timestamp;

    #[test]
    fn the_body_has_the_documented_shape() {
        let now = Timestamp::parse("2026-11-22T09:00:00.5Z").unwrap();

        let body = TokenError::ExpiredRefreshToken.answer(now, Uuid::from_u128(1), Uuid::from_u128(2));

        insta::assert_json_snapshot!(body, @r#"
        {
          "error": "invalid_grant",
          "error_description": "AADSTS700082: The refresh token has expired due to inactivity.\r\nTrace ID: 00000000-0000-0000-0000-000000000001\r\nCorrelation ID: 00000000-0000-0000-0000-000000000002\r\nTimestamp: 2026-11-22 09:00:00Z",
          "error_codes": [
            700082
          ],
          "timestamp": "2026-11-22 09:00:00Z",
          "trace_id": "00000000-0000-0000-0000-000000000001",
          "correlation_id": "00000000-0000-0000-0000-000000000002",
          "suberror": "bad_token"
        }
        "#);
    }
}
