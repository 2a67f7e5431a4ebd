//! The discovery document of the built-in issuer (OpenID Connect Discovery 1.0, section 3).
//!
//! It lists what exists: there is no authorization endpoint, so none is named.

use serde::Serialize;
use utoipa::ToSchema;

use super::{mint::Mint, request::Version};

/// What a client reads before its first token request.
#[derive(Debug, Serialize, ToSchema)]
pub struct DiscoveryDocument {
    /// Where tokens are asked for.
    pub token_endpoint: String,
    /// How clients may authenticate there.
    pub token_endpoint_auth_methods_supported: [&'static str; 2],
    /// Where the keys are.
    pub jwks_uri: String,
    /// The `iss` of the tokens; for all tenants at once it has `{tenantid}` in it.
    pub issuer: String,
    /// Response types of the authorization endpoint: none, until there is one.
    pub response_types_supported: [&'static str; 0],
    /// The grants that are served.
    pub grant_types_supported: [&'static str; 3],
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
        let (token_path, keys_path, name_claim) = match version {
            Version::V1 => ("oauth2/token", "discovery/keys", "unique_name"),
            Version::V2 => ("oauth2/v2.0/token", "discovery/v2.0/keys", "preferred_username"),
        };
        Self {
            token_endpoint: format!("{base_url}/{tenant}/{token_path}"),
            token_endpoint_auth_methods_supported: ["client_secret_post", "client_secret_basic"],
            jwks_uri: format!("{base_url}/{tenant}/{keys_path}"),
            issuer: mint.issuer_name(version, issuer_tenant),
            response_types_supported: [],
            grant_types_supported: ["password", "refresh_token", "client_credentials"],
            subject_types_supported: ["public"],
            id_token_signing_alg_values_supported: ["RS256"],
            scopes_supported: ["openid", "profile", "email", "offline_access"],
            claims_supported: vec![
                "aud", "exp", "iat", "iss", "name", "nbf", "oid", "sub", "tid", "ver", name_claim,
            ],
        }
    }
}
