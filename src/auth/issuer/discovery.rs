//! The discovery document of the built-in issuer (OpenID Connect Discovery 1.0, section 3).

use serde::Serialize;
use utoipa::ToSchema;

use super::{mint::Mint, request::Version};

/// What a client reads before its first token request.
#[derive(Debug, Serialize, ToSchema)]
pub struct DiscoveryDocument {
    /// Where people sign in.
    pub authorization_endpoint: String,
    /// Where tokens are asked for.
    pub token_endpoint: String,
    /// How clients may authenticate there.
    pub token_endpoint_auth_methods_supported: [&'static str; 2],
    /// Where the keys are.
    pub jwks_uri: String,
    /// The `iss` of the tokens; for all tenants at once it has `{tenantid}` in it.
    pub issuer: String,
    /// What the sign-in page answers with.
    pub response_types_supported: [&'static str; 2],
    /// How the answer comes back.
    pub response_modes_supported: [&'static str; 3],
    /// How an application shows that a code is for it.
    pub code_challenge_methods_supported: [&'static str; 1],
    /// The grants that are served.
    pub grant_types_supported: [&'static str; 4],
    /// A person has one subject for all applications.
    pub subject_types_supported: [&'static str; 1],
    /// How ID tokens are signed.
    pub id_token_signing_alg_values_supported: [&'static str; 1],
    /// The scopes beside those of the APIs.
    pub scopes_supported: [&'static str; 4],
    /// The claims that tell who somebody is.
    pub claims_supported: Vec<&'static str>,
}

impl DiscoveryDocument {
    /// Describes one generation of the endpoints. `tenant` stands in the paths, `issuer_tenant` in `iss`.
    pub fn new(mint: &Mint, version: Version, tenant: &str, issuer_tenant: &str) -> Self {
        let base_url = mint.base_url();
        let (grant_path, keys_path, name_claim) = match version {
            Version::V1 => ("oauth2", "discovery/keys", "unique_name"),
            Version::V2 => ("oauth2/v2.0", "discovery/v2.0/keys", "preferred_username"),
        };
        Self {
            authorization_endpoint: format!("{base_url}/{tenant}/{grant_path}/authorize"),
            token_endpoint: format!("{base_url}/{tenant}/{grant_path}/token"),
            token_endpoint_auth_methods_supported: ["client_secret_post", "client_secret_basic"],
            jwks_uri: format!("{base_url}/{tenant}/{keys_path}"),
            issuer: mint.issuer_name(version, issuer_tenant),
            response_types_supported: ["code", "code id_token"],
            response_modes_supported: ["query", "fragment", "form_post"],
            code_challenge_methods_supported: ["S256"],
            grant_types_supported: ["authorization_code", "password", "refresh_token", "client_credentials"],
            subject_types_supported: ["public"],
            id_token_signing_alg_values_supported: ["RS256"],
            scopes_supported: ["openid", "profile", "email", "offline_access"],
            claims_supported: vec![
                "aud", "exp", "iat", "iss", "name", "nbf", "oid", "sub", "tid", "ver", name_claim,
            ],
        }
    }
}
