//! From a token's text to what it proves, without asking the store who that is.

use std::sync::Arc;

use aws_lc_rs::digest;
use moka::sync::Cache;
use uuid::Uuid;

use super::{
    claims::{Audience, Claims},
    jws::Jws,
    keys::{KeyRefusal, KeySet},
    refusal::Refusal,
    resource::Audiences,
    trusted::{IdentityClaims, TrustedIssuer},
};
use crate::domain::{organization::ExternalSubject, sources::Clock};

/// How far the clocks of issuer and server may be apart.
const SKEW_SECS: i64 = 60;
const CACHED_TOKENS_MAX: u64 = 10_000;
const TOKEN_TYPES: [&str; 3] = ["JWT", "at+jwt", "application/at+jwt"];

/// What a token proves: its signature, its times and its kind are checked.
#[derive(Debug)]
pub struct VerifiedToken {
    /// Who is behind it.
    pub bearer: Bearer,
    /// Calling application (`appid`, `azp` or `client_id`).
    pub application_id: String,
    /// How the person signed in (`amr`).
    pub methods: Vec<String>,
    audience: Audience,
    not_before_secs: i64,
    expires_secs: i64,
    issuer_index: usize,
    /// The keys it was verified with. When the issuer's set is another one, it has to prove itself again.
    keys: Arc<KeySet>,
}

/// Who is behind a token.
#[derive(Debug, PartialEq, Eq)]
pub enum Bearer {
    /// A person, named by tenant and object id.
    User {
        /// `tid`.
        tenant_id: Uuid,
        /// `oid`.
        user_id: Uuid,
    },
    /// A person, named by issuer and subject.
    Subject(ExternalSubject),
    /// The application itself.
    Application {
        /// `tid`; `None` when the issuer has no tenants.
        tenant_id: Option<Uuid>,
        /// What it may do.
        roles: Vec<String>,
    },
}

/// Verifies access tokens and remembers those that it verified.
#[derive(Debug)]
pub struct TokenVerifier {
    issuers: Vec<TrustedIssuer>,
    clock: Clock,
    verified: Cache<[u8; 32], Arc<VerifiedToken>>,
}

impl TokenVerifier {
    /// Makes a verifier that believes `issuers`, judged in this order.
    pub fn new(issuers: Vec<TrustedIssuer>, clock: Clock) -> Self {
        let verified = Cache::new(CACHED_TOKENS_MAX);
        Self { issuers, clock, verified }
    }

    /// Verifies `token` for an API that accepts `accepted`.
    pub async fn verify(&self, token: &str, accepted: Audiences) -> Result<Arc<VerifiedToken>, Refusal> {
        let now_secs = self.clock.now().unix_secs();
        let digest = token_digest(token);
        let verified = match self.remembered(&digest, now_secs).await? {
            Some(verified) => verified,
            None => {
                let verified = Arc::new(self.verify_afresh(token, now_secs).await?);
                self.verified.insert(digest, Arc::clone(&verified));
                verified
            }
        };
        self.check_audience(&verified, accepted)?;
        Ok(verified)
    }

    /// Returns what is remembered of a token, if its issuer's keys are still the same.
    async fn remembered(
        &self,
        digest: &[u8; 32],
        now_secs: i64,
    ) -> Result<Option<Arc<VerifiedToken>>, Refusal> {
        let Some(verified) = self.verified.get(digest) else { return Ok(None) };
        let Some(issuer) = self.issuers.get(verified.issuer_index) else { return Ok(None) };
        let keys = issuer.keys.current(now_secs).await?;
        let outcome = check_times(verified.not_before_secs, verified.expires_secs, now_secs);
        if outcome.is_err() || !Arc::ptr_eq(&keys, &verified.keys) {
            self.verified.invalidate(digest);
        }
        outcome?;
        Ok(Arc::ptr_eq(&keys, &verified.keys).then_some(verified))
    }

    async fn verify_afresh(&self, token: &str, now_secs: i64) -> Result<VerifiedToken, Refusal> {
        let jws = Jws::parse(token)?;
        if let Some(typ) = &jws.header.typ
            && !TOKEN_TYPES.iter().any(|it| it.eq_ignore_ascii_case(typ))
        {
            return Err(Refusal::NotAnAccessToken("its type is neither JWT nor at+jwt"));
        }
        let claims: Claims = jws.claims()?;
        let tenant_id = claims.tid.as_deref().and_then(|it| Uuid::try_parse(it).ok());
        let (issuer_index, issuer) = self
            .issuers
            .iter()
            .enumerate()
            .find(|(_, it)| it.is_named(&claims.iss, tenant_id))
            .ok_or(Refusal::UnknownIssuer)?;
        if !issuer.algorithms.contains(&jws.header.alg) {
            return Err(Refusal::BadSignature);
        }
        let mut keys = issuer.keys.current(now_secs).await?;
        let mut outcome = keys.verify(&jws);
        if outcome == Err(KeyRefusal::UnknownKey) && jws.header.kid.is_some() {
            keys = issuer.keys.newer_than(&keys, now_secs).await;
            outcome = keys.verify(&jws);
        }
        outcome?;

        let not_before_secs = claims.nbf.0.max(claims.iat.0);
        check_times(not_before_secs, claims.exp.0, now_secs)?;
        let application_id = claims
            .application_id()
            .ok_or(Refusal::NotAnAccessToken("it names no application (appid, azp or client_id)"))?
            .to_owned();
        let bearer = bearer_of(&claims, issuer, tenant_id, &application_id)?;
        Ok(VerifiedToken {
            bearer,
            application_id,
            methods: claims.amr.into_vec(),
            audience: claims.aud,
            not_before_secs,
            expires_secs: claims.exp.0,
            issuer_index,
            keys,
        })
    }

    fn check_audience(&self, verified: &VerifiedToken, accepted: Audiences) -> Result<(), Refusal> {
        let of_issuer = self.issuers.get(verified.issuer_index).map_or(&[][..], |it| &it.audiences);
        let is_accepted = verified
            .audience
            .iter()
            .any(|audience| accepted.contains(audience) || of_issuer.iter().any(|it| it == audience));
        match is_accepted {
            true => Ok(()),
            false => Err(Refusal::WrongAudience { expected: accepted.preferred() }),
        }
    }
}

fn token_digest(token: &str) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest::digest(&digest::SHA256, token.as_bytes()).as_ref());
    bytes
}

fn check_times(not_before_secs: i64, expires_secs: i64, now_secs: i64) -> Result<(), Refusal> {
    if now_secs >= expires_secs.saturating_add(SKEW_SECS) {
        return Err(Refusal::Expired { expired_secs: expires_secs });
    }
    if now_secs.saturating_add(SKEW_SECS) < not_before_secs {
        return Err(Refusal::NotYetValid);
    }
    Ok(())
}

/// Tells a person from an application. A token is one or the other: what a delegated token lacks is never
/// taken from the marks of an app-only token, nor the other way round.
fn bearer_of(
    claims: &Claims,
    issuer: &TrustedIssuer,
    tenant_id: Option<Uuid>,
    application_id: &str,
) -> Result<Bearer, Refusal> {
    if claims.at_hash.is_some() || claims.c_hash.is_some() {
        return Err(Refusal::NotAnAccessToken("it is an ID token"));
    }
    if claims.is_app_only() {
        return match claims.scp.is_empty() {
            true => Ok(Bearer::Application { tenant_id, roles: claims.roles.clone().into_vec() }),
            false => Err(Refusal::NotAnAccessToken("it is app-only (idtyp) and delegated (scp) at once")),
        };
    }
    if claims.scp.is_empty() && claims.scope.is_empty() {
        return Err(Refusal::NotAnAccessToken("it has neither scp nor roles"));
    }
    if !claims.scp.contains(&issuer.scope) && !claims.scope.contains(&issuer.scope) {
        return Err(Refusal::MissingScope);
    }
    let subject = claims.sub.as_deref().filter(|it| !it.is_empty());
    match issuer.identity {
        IdentityClaims::TidOid => {
            let user_id = claims.oid.as_deref().and_then(|it| Uuid::try_parse(it).ok());
            match (tenant_id, user_id) {
                (Some(tenant_id), Some(user_id)) => Ok(Bearer::User { tenant_id, user_id }),
                _ => Err(Refusal::NotAnAccessToken("it lacks tid or oid")),
            }
        }
        // RFC 9068, section 2.2: without a person, the subject is the client itself.
        IdentityClaims::IssSub if subject == Some(application_id) => {
            Err(Refusal::NotAnAccessToken("its subject is the application, and it has no roles"))
        }
        IdentityClaims::IssSub => match subject {
            Some(subject) => Ok(Bearer::Subject(ExternalSubject {
                issuer: claims.iss.clone(),
                subject: subject.to_owned(),
            })),
            None => Err(Refusal::NotAnAccessToken("it lacks sub")),
        },
    }
}
