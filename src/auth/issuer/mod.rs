//! The built-in issuer: signs people and applications in and gives them tokens, as Entra ID would.
//!
//! Served are the grants `authorization_code`, `password`, `refresh_token` and `client_credentials`, in both generations of
//! the token endpoint. The rules are in [`grant`], the tokens in [`mint`], the sign-in page's part in [`authorize`]; here is
//! the order in which a token request is judged: tenant, application, what is asked for, and the proof of who asks.

pub mod answer;
pub mod authorize;
pub mod code;
pub mod discovery;
pub mod error;
pub mod grant;
pub mod mint;
pub mod password;
pub mod request;
pub mod signing;

#[cfg(test)]
mod mint_tests;

use std::{fmt, sync::Arc};

use jsonwebtoken::jwk::JwkSet;
use uuid::Uuid;

use self::{
    answer::{Extras, TokenAnswer},
    code::CodeFacts,
    discovery::DiscoveryDocument,
    error::{TokenError, TokenErrorAnswer},
    grant::Tenant,
    mint::{ClientProof, Mint, SignIn},
    password::PasswordChecks,
    request::{TokenRequest, Version, Wanted},
    signing::{SigningError, SigningKeys},
};
use super::{keys::KeySet, resource::Resource};
use crate::{
    domain::{
        audit::{self, AuditAuthor, Deed},
        organization::{Application, Organization, OrganizationId},
        sources::{Clock, Random},
    },
    storage::{Principal, Store, StoreError, Tally},
};

/// `amr` of a sign-in with a password.
const PASSWORD_METHOD: &str = "pwd";

/// Signs people and applications in.
pub struct Issuer {
    store: Store,
    random: Random,
    mint: Mint,
    passwords: PasswordChecks,
}

impl fmt::Debug for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issuer").field("base_url", &self.base_url()).finish_non_exhaustive()
    }
}

impl Issuer {
    /// Opens the issuer whose tokens name `base_url`, the public address without a slash at its end. Makes
    /// the first signing key if there is none.
    pub async fn open(
        store: Store,
        base_url: String,
        clock: Clock,
        random: Random,
    ) -> Result<Self, SigningError> {
        let keys = SigningKeys::load(&store, clock.now()).await?;
        let mint = Mint::new(base_url, Arc::new(keys), clock, random.clone());
        Ok(Self { store, random, mint, passwords: PasswordChecks::new() })
    }

    /// Returns the public address without a slash at its end.
    pub fn base_url(&self) -> &str {
        self.mint.base_url()
    }

    /// Returns the public keys, as the key set endpoint shows them.
    pub fn key_set(&self) -> &JwkSet {
        self.mint.keys().published()
    }

    /// Returns the public keys, ready to verify with.
    pub fn verifying_keys(&self) -> Arc<KeySet> {
        Arc::clone(self.mint.keys().verifying())
    }

    /// Returns the discovery document of a tenant.
    pub async fn discovery(&self, version: Version, tenant: &str) -> Result<DiscoveryDocument, TokenError> {
        Ok(match self.find_tenant(tenant).await? {
            Tenant::Any => DiscoveryDocument::new(&self.mint, version, tenant, "{tenantid}"),
            Tenant::One(own) => {
                let tenant_id = own.tenant_id.hyphenated().to_string();
                DiscoveryDocument::new(&self.mint, version, &tenant_id, &tenant_id)
            }
        })
    }

    /// Judges a token request and answers it. That a token leaves is written down before it does; what is refused is
    /// counted. Where nothing can be written, people may still sign in to read: then that is counted too, to be written
    /// when it can.
    pub async fn token(
        &self,
        version: Version,
        tenant: &str,
        request: TokenRequest,
    ) -> Result<TokenAnswer, TokenError> {
        let mut known = Known::default();
        let outcome = self.judge(version, tenant, &request, &mut known).await;
        self.note(&outcome, known).await;
        outcome
    }

    /// Writes down that somebody was let in, or counts that somebody was not.
    async fn note<T>(&self, outcome: &Result<T, TokenError>, known: Known) {
        let now = self.mint.now();
        match outcome {
            Ok(_) => {
                let issued = known.issued();
                if let Err(error) = self.store.write_tally(issued.clone(), now, &self.random).await {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "a sign-in could not be written down yet"
                    );
                    self.store.tally(issued, now);
                }
            }
            Err(error) if error.is_refusal() => self.store.tally(known.refused(error), now),
            Err(_) => {}
        }
    }

    async fn judge(
        &self,
        version: Version,
        tenant: &str,
        request: &TokenRequest,
        known: &mut Known,
    ) -> Result<TokenAnswer, TokenError> {
        let grant_type = required(&request.grant_type, "grant_type")?.trim();
        let served = ["authorization_code", "password", "refresh_token", "client_credentials"];
        known.grant_type = *served
            .iter()
            .find(|it| **it == grant_type)
            .ok_or_else(|| TokenError::UnsupportedGrantType(grant_type.to_owned()))?;
        let client_id = required(&request.client_id, "client_id")?.trim();
        let tenant = self.find_tenant(tenant).await?;
        let application = self.find_application(client_id).await?;
        known.application_id = Some(application.id);
        known.organization_id = Some(application.organization_id.clone());
        let proof = grant::authenticate_client(&tenant, &application, request.client_secret.as_deref())?;
        let client = Client { version, tenant: &tenant, application: &application, proof };
        match grant_type {
            "client_credentials" => self.grant_to_application(client, request).await,
            "password" => self.grant_for_password(client, request, known).await,
            "authorization_code" => self.grant_for_code(client, request, known).await,
            _ => self.grant_for_refresh_token(client, request, known).await,
        }
    }

    /// Returns the body that tells a client why it gets no token. `correlation_id` is the client's own id
    /// of the request.
    pub fn explain(&self, error: &TokenError, correlation_id: Option<Uuid>) -> TokenErrorAnswer {
        let trace_id = self.random.uuid();
        error.answer(self.mint.now(), trace_id, correlation_id.unwrap_or_else(|| self.random.uuid()))
    }

    /// Mints an access token for a person without asking for a password: the operator's own command.
    pub fn mint_for_user(
        &self,
        principal: &Principal,
        application_id: Uuid,
        audience: &str,
        version: Version,
        lifetime_secs: i64,
    ) -> Result<String, SigningError> {
        let methods = [PASSWORD_METHOD.to_owned()];
        let proof = ClientProof::Secret;
        let sign_in = SignIn { principal, application_id, proof, methods: &methods, nonce: None };
        self.mint.user_token(sign_in, audience, version, lifetime_secs)
    }

    /// Mints an access token for an application itself: the operator's own command.
    pub fn mint_for_application(
        &self,
        application: &Application,
        organization: &Organization,
        audience: &str,
        version: Version,
        lifetime_secs: i64,
    ) -> Result<String, SigningError> {
        self.mint.application_token(application, organization, audience, version, lifetime_secs)
    }

    /// Finds the tenant of a path segment: `common`, `organizations`, tenant id, organisation id or domain.
    async fn find_tenant(&self, segment: &str) -> Result<Tenant, TokenError> {
        if segment.eq_ignore_ascii_case("common") || segment.eq_ignore_ascii_case("organizations") {
            return Ok(Tenant::Any);
        }
        let found = match OrganizationId::parse(segment) {
            Some(id) => self.find_organization_or_tenant(&id).await?,
            None if segment.contains('.') => {
                let found = self.store.find_organization_by_domain(&segment.to_lowercase()).await?;
                found.map(|it| Organization::clone(&it))
            }
            None => None,
        };
        found.map(Tenant::One).ok_or_else(|| TokenError::UnknownTenant(shortened(segment)))
    }

    /// Finds an organisation by its own id or by its tenant id. No id is both, of two organisations.
    async fn find_organization_or_tenant(
        &self,
        id: &OrganizationId,
    ) -> Result<Option<Organization>, StoreError> {
        let mut found = self.store.find_organization(id).await?;
        if let (None, Ok(tenant_id)) = (&found, Uuid::try_parse(id.as_str())) {
            found = self.store.find_organization_by_tenant(tenant_id).await?;
        }
        Ok(found.map(|it| Organization::clone(&it)))
    }

    async fn find_application(&self, client_id: &str) -> Result<Arc<Application>, TokenError> {
        let unknown = || TokenError::UnknownApplication(shortened(client_id));
        let id = Uuid::try_parse(client_id).map_err(|_| unknown())?;
        self.store.find_application(id).await?.ok_or_else(unknown)
    }

    async fn grant_to_application(
        &self,
        Client { version, application, proof, .. }: Client<'_>,
        request: &TokenRequest,
    ) -> Result<TokenAnswer, TokenError> {
        if proof == ClientProof::None {
            return Err(TokenError::MissingClientSecret);
        }
        let wanted = request.wanted(version, None)?;
        let organization = self.store.find_organization(&application.organization_id).await?;
        let organization =
            organization.ok_or_else(|| TokenError::UnknownApplication(application.id.to_string()))?;
        Ok(TokenAnswer::for_application(&self.mint, version, wanted, application, &organization)?)
    }

    async fn grant_for_password(
        &self,
        Client { version, tenant, application, proof }: Client<'_>,
        request: &TokenRequest,
        known: &mut Known,
    ) -> Result<TokenAnswer, TokenError> {
        let mut wanted = request.wanted(version, None)?;
        // Version 1.0 answers every sign-in with a password with an ID token.
        wanted.openid.has_openid |= version == Version::V1;
        let email = required(&request.username, "username")?;
        let password = required(&request.password, "password")?.to_owned();
        let principal = self.prove(tenant, email, password, known).await?;
        // Judged after the password, or strangers could learn who works where.
        grant::check_own_application(application, &principal)?;
        let methods = [PASSWORD_METHOD.to_owned()];
        let sign_in = SignIn {
            principal: &principal,
            application_id: application.id,
            proof,
            methods: &methods,
            nonce: None,
        };
        Ok(TokenAnswer::for_sign_in(&self.mint, version, wanted, sign_in, extras(version, wanted, request))?)
    }

    /// Finds who has the address and the password. An unknown address and a wrong password cost and say the same.
    async fn prove(
        &self,
        tenant: &Tenant,
        email: &str,
        password: String,
        known: &mut Known,
    ) -> Result<Arc<Principal>, TokenError> {
        let principal = self.store.find_principal_by_email(&email.trim().to_lowercase()).await?;
        let principal = principal.filter(|it| tenant.admits(&it.organization));
        known.note_person(principal.as_deref());
        let hash = principal.as_ref().and_then(|it| it.user.password_hash.clone());
        let is_right = self.passwords.verify(password, hash).await?;
        principal.filter(|_| is_right).ok_or(TokenError::WrongCredentials)
    }

    async fn grant_for_code(
        &self,
        Client { version, tenant, application, proof }: Client<'_>,
        request: &TokenRequest,
        known: &mut Known,
    ) -> Result<TokenAnswer, TokenError> {
        let code = required(&request.code, "code")?.trim();
        let (redirect_uri, verifier) = (request.redirect_uri.as_deref(), request.code_verifier.as_deref());
        let check = |facts: &CodeFacts| {
            facts.check(application.id, redirect_uri, verifier)?;
            if !tenant.admits_tenant_id(facts.tid) {
                return Err(TokenError::InvalidCode);
            }
            asked(request, facts).wanted(version, None).map(drop)
        };
        let (facts, principal) = self.redeem(code, check, known).await?;
        grant::check_own_application(application, &principal)?;
        let mut wanted = asked(request, &facts).wanted(version, None)?;
        wanted.openid.has_openid |= version == Version::V1;
        let methods = [PASSWORD_METHOD.to_owned()];
        let sign_in = SignIn {
            principal: &principal,
            application_id: application.id,
            proof,
            methods: &methods,
            nonce: facts.nonce.as_deref(),
        };
        Ok(TokenAnswer::for_sign_in(&self.mint, version, wanted, sign_in, extras(version, wanted, request))?)
    }

    async fn grant_for_refresh_token(
        &self,
        Client { version, tenant, application, proof }: Client<'_>,
        request: &TokenRequest,
        known: &mut Known,
    ) -> Result<TokenAnswer, TokenError> {
        let claims = self.mint.read_refresh_token(required(&request.refresh_token, "refresh_token")?)?;
        grant::check_redeemer(&claims, tenant, application)?;
        let wanted = request.wanted(version, Resource::parse(&claims.resource))?;
        let principal = self.store.find_principal(claims.tid, claims.oid).await?;
        known.note_person(principal.as_deref());
        let principal = principal.ok_or(TokenError::RevokedRefreshToken)?;
        if !claims.is_stamped_for(&principal.user) {
            return Err(TokenError::RevokedRefreshToken);
        }
        grant::check_own_application(application, &principal)?;
        let sign_in = SignIn {
            principal: &principal,
            application_id: application.id,
            proof,
            methods: &claims.amr,
            nonce: None,
        };
        let extras = Extras { has_refresh_token: true, has_client_info: request.has_client_info() };
        Ok(TokenAnswer::for_sign_in(&self.mint, version, wanted, sign_in, extras)?)
    }
}

/// Who asks for a token, and how.
#[derive(Clone, Copy)]
struct Client<'a> {
    version: Version,
    tenant: &'a Tenant,
    application: &'a Application,
    proof: ClientProof,
}

/// What has come to light of who asks for a token, for the audit records.
#[derive(Default)]
struct Known {
    organization_id: Option<OrganizationId>,
    user_id: Option<Uuid>,
    application_id: Option<Uuid>,
    grant_type: &'static str,
}

impl Known {
    /// A person's own organisation is told, whichever application was used.
    fn note_person(&mut self, principal: Option<&Principal>) {
        if let Some(principal) = principal {
            self.user_id = Some(principal.user.id);
            self.organization_id = Some(principal.organization.id.clone());
        }
    }

    fn issued(self) -> Tally {
        let detail = ("GrantType", self.grant_type.to_owned());
        self.tally(Deed::Issue, detail)
    }

    fn refused(self, error: &TokenError) -> Tally {
        self.tally(Deed::Refuse, ("Rule", format!("AADSTS{}", error.number())))
    }

    fn tally(self, deed: Deed, detail: (&'static str, String)) -> Tally {
        let application_id = self.application_id.map(|it| it.to_string()).unwrap_or_default();
        let author = AuditAuthor { user_id: self.user_id, application_id };
        Tally { organization_id: self.organization_id, author, what: (deed, audit::Resource::Token), detail }
    }
}

/// Returns what a code's token request asks for: what it names, else what was named at the sign-in page.
fn asked(request: &TokenRequest, facts: &CodeFacts) -> TokenRequest {
    TokenRequest {
        scope: request.scope.clone().or_else(|| facts.scope.clone()),
        resource: request.resource.clone().or_else(|| facts.resource.clone()),
        ..TokenRequest::default()
    }
}

fn extras(version: Version, wanted: Wanted, request: &TokenRequest) -> Extras {
    Extras {
        has_refresh_token: version == Version::V1 || wanted.openid.has_offline_access,
        has_client_info: request.has_client_info(),
    }
}

fn required<'a>(parameter: &'a Option<String>, name: &'static str) -> Result<&'a str, TokenError> {
    parameter.as_deref().ok_or(TokenError::MissingParameter(name))
}

/// Cuts a name that is repeated to its sender.
fn shortened(name: &str) -> String {
    const CHARS_MAX: usize = 100;
    name.chars().take(CHARS_MAX).collect()
}
