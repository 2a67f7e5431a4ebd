//! The issuers whose tokens are believed: the built-in one, and those of the settings.

use std::sync::Arc;

use jsonwebtoken::{Algorithm, AlgorithmFamily};
use reqwest::Client;
use serde::Deserialize;
use url::Url;
use uuid::Uuid;

use super::{
    issuer::Issuer,
    keys::{KeySet, KeySource},
    remote_keys::{Location, RemoteKeys, is_safe},
};

/// The place of the tenant in an issuer's name.
const TENANT_PLACE: &str = "{tenantid}";
/// What a delegated token must be allowed to do.
pub const USER_SCOPE: &str = "user_impersonation";

/// An issuer that somebody else runs, as the settings name it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExternalIssuer {
    /// The exact `iss` claim; `{tenantid}` in it stands for the `tid` claim.
    pub issuer: String,
    /// Where the keys are; when absent, the issuer's discovery document says it.
    #[serde(default)]
    pub jwks_uri: Option<String>,
    /// Values of `aud` that are accepted from this issuer, beside those of the API called.
    #[serde(default)]
    pub audiences: Vec<String>,
    /// Algorithms that its tokens may be signed with.
    #[serde(default = "default_algorithms")]
    pub algorithms: Vec<Algorithm>,
    /// Which claims identify a person; `tid_oid` if `issuer` has `{tenantid}`, else `iss_sub`.
    #[serde(default)]
    pub identity: Option<IdentityClaims>,
    /// Tenants it may speak for, when the identity is `tid_oid`; empty means all.
    #[serde(default)]
    pub tenants: Vec<Uuid>,
    /// The scope that a delegated token must carry.
    #[serde(default = "default_scope")]
    pub scope: String,
}

/// Which claims identify a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IdentityClaims {
    /// `tid` and `oid`, as the built-in issuer and Entra ID write them.
    TidOid,
    /// `iss` and `sub`, as every OpenID provider writes them.
    IssSub,
}

fn default_algorithms() -> Vec<Algorithm> {
    vec![Algorithm::RS256]
}

fn default_scope() -> String {
    USER_SCOPE.to_owned()
}

/// What is wrong with an entry of the setting `issuers`.
#[derive(Debug, thiserror::Error)]
#[error("entry {entry} of issuers cannot be used")]
pub struct IssuerSettingsError {
    /// Its number, from 1.
    pub entry: usize,
    /// What is wrong with it.
    #[source]
    pub error: IssuerError,
}

/// Why an issuer cannot be trusted. Every message names the key.
#[derive(Debug, thiserror::Error)]
pub enum IssuerError {
    /// A key is unknown or missing, or its value is of the wrong kind.
    #[error("{0}")]
    Unreadable(String),
    /// The address is no URL, or neither https nor on this machine.
    #[error("{key}: the address {address:?} must be https, or http on this machine")]
    Address {
        /// The key that names it.
        key: &'static str,
        /// The address.
        address: String,
    },
    /// An HMAC algorithm: whoever can verify such a token can forge one.
    #[error("algorithms: {0:?} is symmetric, so that whoever verifies a token could forge one")]
    SymmetricAlgorithm(Algorithm),
    /// No algorithm at all.
    #[error("algorithms: the list is empty; leave it out for RS256")]
    NoAlgorithm,
}

/// An issuer whose tokens are believed, and how far.
#[derive(Debug)]
pub struct TrustedIssuer {
    /// The accepted forms of `iss`; `{tenantid}` stands for the `tid` claim.
    names: Vec<String>,
    tenants: Vec<Uuid>,
    /// Values of `aud` that are accepted beside those of the API called.
    pub(super) audiences: Vec<String>,
    pub(super) algorithms: Vec<Algorithm>,
    pub(super) identity: IdentityClaims,
    pub(super) scope: String,
    pub(super) keys: KeySource,
}

impl TrustedIssuer {
    /// Trusts the issuer of this process. Its tokens may carry `audiences` beside those of the API called.
    pub fn built_in(issuer: &Issuer, audiences: Vec<String>) -> Self {
        Self::of_base(issuer.base_url(), issuer.verifying_keys(), audiences)
    }

    pub(super) fn of_base(base_url: &str, keys: Arc<KeySet>, audiences: Vec<String>) -> Self {
        Self {
            names: vec![format!("{base_url}/{TENANT_PLACE}/"), format!("{base_url}/{TENANT_PLACE}/v2.0")],
            tenants: Vec::new(),
            audiences,
            algorithms: vec![Algorithm::RS256],
            identity: IdentityClaims::TidOid,
            scope: USER_SCOPE.to_owned(),
            keys: KeySource::BuiltIn(keys),
        }
    }

    /// Trusts the issuers that the setting `issuers` lists. Nothing is fetched before the first token comes.
    ///
    /// # Errors
    /// The first entry that cannot be used.
    pub fn of_settings(
        entries: &[serde_json::Value],
        client: &Client,
    ) -> Result<Vec<Self>, IssuerSettingsError> {
        let trust = |entry| {
            let settings: ExternalIssuer = serde_path_to_error::deserialize(entry)
                .map_err(|error| IssuerError::Unreadable(error.to_string()))?;
            Self::external(settings, client.clone())
        };
        let numbered = entries.iter().zip(1_usize..);
        numbered.map(|(it, entry)| trust(it).map_err(|error| IssuerSettingsError { entry, error })).collect()
    }

    /// Trusts an issuer of the settings.
    pub(super) fn external(settings: ExternalIssuer, client: Client) -> Result<Self, IssuerError> {
        if settings.algorithms.is_empty() {
            return Err(IssuerError::NoAlgorithm);
        }
        if let Some(symmetric) = settings.algorithms.iter().find(|it| it.family() == AlgorithmFamily::Hmac) {
            return Err(IssuerError::SymmetricAlgorithm(*symmetric));
        }
        let location = match &settings.jwks_uri {
            Some(address) => Location::Configured(safe_address("jwks_uri", address)?),
            None => Location::Discovered(discovery_address(&settings.issuer)?),
        };
        let identity = settings.identity.unwrap_or(match settings.issuer.contains(TENANT_PLACE) {
            true => IdentityClaims::TidOid,
            false => IdentityClaims::IssSub,
        });
        let keys = RemoteKeys::new(client, settings.issuer.clone(), location, settings.algorithms.clone());
        Ok(Self {
            names: vec![settings.issuer],
            tenants: settings.tenants,
            audiences: settings.audiences,
            algorithms: settings.algorithms,
            identity,
            scope: settings.scope,
            keys: KeySource::Remote(Box::new(keys)),
        })
    }

    /// Says whether a token with this `iss` and `tid` is this issuer's.
    pub(super) fn is_named(&self, iss: &str, tid: Option<Uuid>) -> bool {
        let is_tenant_served = self.tenants.is_empty() || tid.is_some_and(|tid| self.tenants.contains(&tid));
        is_tenant_served
            && self.names.iter().any(|name| match (name.contains(TENANT_PLACE), tid) {
                (true, Some(tid)) => iss == name.replace(TENANT_PLACE, &tid.hyphenated().to_string()),
                (true, None) => false,
                (false, _) => iss == name,
            })
    }
}

fn safe_address(key: &'static str, address: &str) -> Result<Url, IssuerError> {
    let refused = || IssuerError::Address { key, address: address.to_owned() };
    let url = Url::parse(address).map_err(|_| refused())?;
    match is_safe(&url) {
        true => Ok(url),
        false => Err(refused()),
    }
}

/// Returns where the discovery document of `issuer` is (OpenID Connect Discovery 1.0, section 4). The
/// document for all tenants is under `common`; it states the issuer with `{tenantid}` left in place.
fn discovery_address(issuer: &str) -> Result<Url, IssuerError> {
    let base = issuer.trim_end_matches('/').replace(TENANT_PLACE, "common");
    safe_address("issuer", &format!("{base}/.well-known/openid-configuration"))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use uuid::Uuid;

    use super::{IdentityClaims, IssuerSettingsError, TrustedIssuer, discovery_address};
    use crate::auth::testing;

    fn external(settings: Value) -> Result<TrustedIssuer, IssuerSettingsError> {
        let trusted = TrustedIssuer::of_settings(&[settings], &testing::http_client());
        trusted.map(|mut it| it.remove(0))
    }

    #[test]
    fn the_name_is_exact_and_the_tenant_is_the_claim() {
        let tid = Uuid::from_u128(7);
        let entra = external(json!({"issuer": "https://sts.windows.net/{tenantid}/"})).unwrap();

        assert_eq!(entra.identity, IdentityClaims::TidOid);
        assert!(entra.is_named(&format!("https://sts.windows.net/{tid}/"), Some(tid)));
        assert!(!entra.is_named(&format!("https://sts.windows.net/{tid}"), Some(tid)));
        assert!(!entra.is_named(&format!("https://sts.windows.net/{tid}/"), Some(Uuid::from_u128(8))));
        assert!(!entra.is_named("https://sts.windows.net/{tenantid}/", None));
    }

    #[test]
    fn an_issuer_without_tenants_knows_people_by_their_subject() {
        let other = external(json!({"issuer": "https://login.example.com"})).unwrap();

        assert_eq!(other.identity, IdentityClaims::IssSub);
        assert!(other.is_named("https://login.example.com", None));
        assert!(!other.is_named("https://login.example.com/", None));
    }

    #[test]
    fn an_issuer_speaks_for_its_tenants_only() {
        let tid = Uuid::from_u128(7);
        let issuer = "https://login.example.com";
        let one = external(json!({"issuer": issuer, "identity": "tid_oid", "tenants": [tid]})).unwrap();

        assert!(one.is_named(issuer, Some(tid)));
        assert!(!one.is_named(issuer, Some(Uuid::from_u128(8))));
        assert!(!one.is_named(issuer, None));
    }

    #[test]
    fn unsafe_settings_are_refused() {
        assert!(external(json!({"issuer": "http://login.example.com"})).is_err());
        assert!(external(json!({"issuer": "file:///etc/passwd"})).is_err());
        assert!(external(json!({"issuer": "https://a.example", "jwks_uri": "http://a.example/k"})).is_err());
        assert!(external(json!({"issuer": "https://a.example", "algorithms": ["HS256"]})).is_err());
        assert!(external(json!({"issuer": "https://a.example", "algorithms": []})).is_err());
        assert!(external(json!({"issuer": "http://127.0.0.1:9"})).is_ok());
    }

    #[test]
    fn a_wrong_entry_is_named_with_its_key() {
        let right = json!({"issuer": "https://a.example"});
        let refused = |wrong: Value| {
            let entries = [right.clone(), wrong];
            TrustedIssuer::of_settings(&entries, &testing::http_client()).unwrap_err()
        };

        for (wrong, key) in [
            (json!({"jwks_uri": "https://a.example/keys"}), "issuer"),
            (json!({"issuer": "https://a.example", "jwk_uri": "https://a.example/keys"}), "jwk_uri"),
            (json!({"issuer": "https://a.example", "audiences": "one"}), "audiences"),
            (json!({"issuer": "https://a.example", "tenants": ["contoso"]}), "tenants[0]"),
            (json!({"issuer": "https://a.example", "algorithms": ["RS257"]}), "algorithms[0]"),
            (json!({"issuer": "https://a.example", "algorithms": ["HS256"]}), "algorithms"),
            (json!({"issuer": "https://a.example", "jwks_uri": "http://a.example"}), "jwks_uri"),
            (json!({"issuer": "a.example"}), "issuer"),
        ] {
            let refused = refused(wrong);
            assert_eq!(refused.entry, 2);
            assert!(refused.error.to_string().contains(key), "{refused:?}");
        }
    }

    #[test]
    fn discovery_for_all_tenants_is_under_common() {
        let address = discovery_address("https://login.microsoftonline.com/{tenantid}/v2.0").unwrap();

        assert_eq!(
            address.as_str(),
            "https://login.microsoftonline.com/common/v2.0/.well-known/openid-configuration"
        );
    }
}
