//! Tokens as the built-in issuer writes them: access, ID and refresh tokens.
//!
//! An access token and an ID token say `typ` JWT, a refresh token says `rt+jwt` and is for this issuer alone:
//! it cannot pass as an access token anywhere. Refresh tokens are kept nowhere; a mark of the password in
//! them makes the next change of password end them all.

use std::sync::Arc;

use aws_lc_rs::digest;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    answer::ACCESS_LIFETIME_SECS,
    error::TokenError,
    request::{OpenidScopes, Version},
    signing::{SigningError, SigningKeys},
};
use crate::{
    auth::{jws::Jws, keys::KeySet, resource::Resource, trusted::USER_SCOPE},
    domain::{
        organization::{Application, Organization, User},
        sources::{Clock, Random},
        time::Timestamp,
    },
    storage::Principal,
};

/// How long a refresh token lives when nobody uses it.
pub const REFRESH_LIFETIME_SECS: i64 = 90 * 24 * 60 * 60;
/// How long before its making a token counts as valid, for receivers whose clock is behind.
pub const EARLY_SECS: i64 = 5 * 60;
/// The role in app-only tokens.
const APPLICATION_ROLE: &str = "PartnerCenter.Access";
const ACCESS_TYPE: &str = "JWT";
const REFRESH_TYPE: &str = "rt+jwt";

/// How the calling application proved itself (`appidacr`, `azpacr`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientProof {
    /// It is a public client.
    None,
    /// With its secret.
    Secret,
}

/// Who signed in, through what, and how.
#[derive(Clone, Copy, Debug)]
pub struct SignIn<'a> {
    /// The person.
    pub principal: &'a Principal,
    /// The application.
    pub application_id: Uuid,
    /// How the application proved itself.
    pub proof: ClientProof,
    /// How the person proved itself (`amr`).
    pub methods: &'a [String],
    /// What the application wants to read again in the ID token.
    pub nonce: Option<&'a str>,
}

/// Writes and signs tokens.
pub struct Mint {
    base_url: String,
    keys: Arc<SigningKeys>,
    clock: Clock,
    random: Random,
}

/// What a refresh token remembers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefreshClaims {
    iss: String,
    aud: String,
    iat: i64,
    exp: i64,
    uti: String,
    /// Tenant of the person.
    pub tid: Uuid,
    /// The person.
    pub oid: Uuid,
    /// The application it was given to, and the only one that may use it.
    pub client_id: Uuid,
    /// How the person signed in, for the tokens that follow.
    pub amr: Vec<String>,
    /// The API of the first request, for a redemption that names none.
    pub resource: String,
    stamp: String,
}

impl RefreshClaims {
    /// Says whether the person's password is still the one that the token was given for.
    pub fn is_stamped_for(&self, user: &User) -> bool {
        self.stamp == stamp(user)
    }
}

/// All claims that access and ID tokens can have, in the order of the real ones.
#[derive(Default, Serialize)]
struct MintedClaims<'a> {
    aud: &'a str,
    iss: String,
    iat: i64,
    nbf: i64,
    exp: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    acr: Option<&'static str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    amr: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    appid: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    appidacr: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    azp: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    azpacr: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    c_hash: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    idtyp: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nonce: Option<&'a str>,
    oid: Uuid,
    #[serde(skip_serializing_if = "Option::is_none")]
    preferred_username: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    roles: Option<[&'static str; 1]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scp: Option<&'static str>,
    sub: Uuid,
    tid: Uuid,
    #[serde(skip_serializing_if = "Option::is_none")]
    unique_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    upn: Option<&'a str>,
    uti: String,
    ver: &'static str,
}

impl Mint {
    /// Makes a mint whose tokens name `base_url` (without a slash at its end) as their issuer.
    pub fn new(base_url: String, keys: Arc<SigningKeys>, clock: Clock, random: Random) -> Self {
        Self { base_url, keys, clock, random }
    }

    /// Returns the public base URL, without a slash at its end.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// Returns the time.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Returns the keys.
    pub fn keys(&self) -> &SigningKeys {
        &self.keys
    }

    /// Returns the `iss` of a tenant. Entra ID's placeholder `{tenantid}` is a tenant too.
    pub fn issuer_name(&self, version: Version, tenant: &str) -> String {
        match version {
            Version::V1 => format!("{}/{tenant}/", self.base_url),
            Version::V2 => format!("{}/{tenant}/v2.0", self.base_url),
        }
    }

    /// Mints an access token that lets an application act for a person.
    pub fn user_token(
        &self,
        sign_in: SignIn<'_>,
        audience: &str,
        version: Version,
        lifetime_secs: i64,
    ) -> Result<String, SigningError> {
        let Principal { user, organization } = sign_in.principal;
        let claims = MintedClaims {
            amr: sign_in.methods,
            scp: Some(USER_SCOPE),
            ..self.person_claims(user, organization, audience, version, lifetime_secs)
        };
        let claims = with_client(claims, sign_in.application_id, sign_in.proof, version);
        self.keys.sign(ACCESS_TYPE, &claims)
    }

    /// Mints an access token that lets an application act for itself.
    pub fn application_token(
        &self,
        application: &Application,
        organization: &Organization,
        audience: &str,
        version: Version,
        lifetime_secs: i64,
    ) -> Result<String, SigningError> {
        let claims = MintedClaims {
            idtyp: Some("app"),
            roles: Some([APPLICATION_ROLE]),
            ..self.claims(application.id, organization, audience, version, lifetime_secs)
        };
        let claims = with_client(claims, application.id, ClientProof::Secret, version);
        self.keys.sign(ACCESS_TYPE, &claims)
    }

    /// Mints an ID token: it tells the application who signed in, and opens no API.
    pub fn id_token(
        &self,
        sign_in: SignIn<'_>,
        openid: OpenidScopes,
        version: Version,
        lifetime_secs: i64,
    ) -> Result<String, SigningError> {
        self.id_token_bound(sign_in, openid, version, (lifetime_secs, None))
    }

    /// Mints an ID token that comes with a code, and vouches for it.
    pub fn id_token_with_code(
        &self,
        sign_in: SignIn<'_>,
        openid: OpenidScopes,
        version: Version,
        code: &str,
    ) -> Result<String, SigningError> {
        // The left half of the digest (OpenID Connect Core, section 3.3.2.11).
        let digest = digest::digest(&digest::SHA256, code.as_bytes());
        let half: Vec<u8> = digest.as_ref().iter().copied().take(digest.as_ref().len() / 2).collect();
        let code_hash = Some(URL_SAFE_NO_PAD.encode(half));
        self.id_token_bound(sign_in, openid, version, (ACCESS_LIFETIME_SECS, code_hash))
    }

    fn id_token_bound(
        &self,
        sign_in: SignIn<'_>,
        openid: OpenidScopes,
        version: Version,
        (lifetime_secs, c_hash): (i64, Option<String>),
    ) -> Result<String, SigningError> {
        let Principal { user, organization } = sign_in.principal;
        let audience = sign_in.application_id.hyphenated().to_string();
        let claims = MintedClaims {
            amr: sign_in.methods,
            acr: None,
            c_hash,
            email: openid.has_email.then_some(&user.email),
            nonce: sign_in.nonce,
            ..self.person_claims(user, organization, &audience, version, lifetime_secs)
        };
        self.keys.sign(ACCESS_TYPE, &claims)
    }

    /// Mints a refresh token.
    pub fn refresh_token(&self, sign_in: SignIn<'_>, resource: Resource) -> Result<String, SigningError> {
        let Principal { user, organization } = sign_in.principal;
        let now_secs = self.clock.now().unix_secs();
        let claims = RefreshClaims {
            iss: self.base_url.clone(),
            aud: self.refresh_audience(),
            iat: now_secs,
            exp: now_secs.saturating_add(REFRESH_LIFETIME_SECS),
            uti: self.unique_id(),
            tid: organization.tenant_id,
            oid: user.id,
            client_id: sign_in.application_id,
            amr: sign_in.methods.to_vec(),
            resource: resource.uri().to_owned(),
            stamp: stamp(user),
        };
        self.keys.sign(REFRESH_TYPE, &claims)
    }

    /// Reads a refresh token that this mint made and that has not expired.
    pub fn read_refresh_token(&self, token: &str) -> Result<RefreshClaims, TokenError> {
        let jws = Jws::parse(token).map_err(|_| TokenError::InvalidRefreshToken)?;
        let keys: &KeySet = self.keys.verifying();
        let is_ours = jws.header.typ.as_deref() == Some(REFRESH_TYPE) && keys.verify(&jws).is_ok();
        if !is_ours {
            return Err(TokenError::InvalidRefreshToken);
        }
        let claims: RefreshClaims = jws.claims().map_err(|_| TokenError::InvalidRefreshToken)?;
        if claims.iss != self.base_url || claims.aud != self.refresh_audience() {
            return Err(TokenError::InvalidRefreshToken);
        }
        match self.clock.now().unix_secs() < claims.exp {
            true => Ok(claims),
            false => Err(TokenError::ExpiredRefreshToken),
        }
    }

    fn refresh_audience(&self) -> String {
        format!("{}/refresh", self.base_url)
    }

    /// Returns what all tokens about `subject` share.
    fn claims<'a>(
        &self,
        subject: Uuid,
        organization: &Organization,
        audience: &'a str,
        version: Version,
        lifetime_secs: i64,
    ) -> MintedClaims<'a> {
        let now_secs = self.clock.now().unix_secs();
        MintedClaims {
            aud: audience,
            iss: self.issuer_name(version, &organization.tenant_id.hyphenated().to_string()),
            iat: now_secs,
            nbf: now_secs.saturating_sub(EARLY_SECS),
            exp: now_secs.saturating_add(lifetime_secs),
            oid: subject,
            sub: subject,
            tid: organization.tenant_id,
            uti: self.unique_id(),
            ver: match version {
                Version::V1 => "1.0",
                Version::V2 => "2.0",
            },
            ..MintedClaims::default()
        }
    }

    fn person_claims<'a>(
        &self,
        user: &'a User,
        organization: &Organization,
        audience: &'a str,
        version: Version,
        lifetime_secs: i64,
    ) -> MintedClaims<'a> {
        let is_v1 = version == Version::V1;
        MintedClaims {
            acr: is_v1.then_some("1"),
            name: Some(&user.name),
            preferred_username: (!is_v1).then_some(&user.email),
            unique_name: is_v1.then_some(&user.email),
            upn: is_v1.then_some(&user.email),
            ..self.claims(user.id, organization, audience, version, lifetime_secs)
        }
    }

    fn unique_id(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.random.bytes::<16>())
    }
}

fn with_client(
    mut claims: MintedClaims<'_>,
    application_id: Uuid,
    proof: ClientProof,
    version: Version,
) -> MintedClaims<'_> {
    let proof = match proof {
        ClientProof::None => "0",
        ClientProof::Secret => "1",
    };
    match version {
        Version::V1 => (claims.appid, claims.appidacr) = (Some(application_id), Some(proof)),
        Version::V2 => (claims.azp, claims.azpacr) = (Some(application_id), Some(proof)),
    }
    claims
}

/// Returns a mark of the user's password, from which nothing about the password can be learnt.
pub(super) fn stamp(user: &User) -> String {
    let hash = user.password_hash.as_deref().unwrap_or_default();
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, hash.as_bytes()))
}
