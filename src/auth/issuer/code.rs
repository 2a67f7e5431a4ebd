//! Codes: what a sign-in comes to, for an application to get a token with. Each counts once and for ten minutes.
//!
//! A code is random; its hash and what it stands for are a row of the store, because only there can "once" be kept among
//! any number of servers. It is bound to the application, to the address it was sent to, and to the challenge of PKCE (RFC
//! 7636) where the application made one.

use aws_lc_rs::{constant_time, digest};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{error::TokenError, mint};
use crate::{
    domain::{change::Hash, organization::User},
    storage::Principal,
};

/// How long a code counts.
pub const LIFETIME_SECS: i64 = 10 * 60;
/// A SHA-256 in base64url.
const CHALLENGE_CHARS: usize = 43;
const VERIFIER_CHARS_MAX: usize = 128;

/// What a code stands for.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeFacts {
    /// The application it was made for, and the only one that may use it.
    pub application_id: Uuid,
    /// Tenant of the person.
    pub tid: Uuid,
    /// The person.
    pub oid: Uuid,
    /// Where it was sent.
    pub redirect_uri: String,
    /// The challenge (S256), if there was one.
    pub challenge: Option<String>,
    /// What the ID token repeats.
    pub nonce: Option<String>,
    /// The API, as version 1.0 names it.
    pub resource: Option<String>,
    /// What was asked for, as version 2.0 names it.
    pub scope: Option<String>,
    stamp: String,
}

impl CodeFacts {
    /// Notes who signed in.
    pub fn of(principal: &Principal, application_id: Uuid, redirect_uri: String) -> Self {
        Self {
            application_id,
            tid: principal.organization.tenant_id,
            oid: principal.user.id,
            redirect_uri,
            challenge: None,
            nonce: None,
            resource: None,
            scope: None,
            stamp: mint::stamp(&principal.user),
        }
    }

    /// Says whether the person's password is still the one that it signed in with.
    pub fn is_stamped_for(&self, user: &User) -> bool {
        self.stamp == mint::stamp(user)
    }

    /// Checks that whoever brings the code is who asked for it.
    pub fn check(
        &self,
        application_id: Uuid,
        redirect_uri: Option<&str>,
        verifier: Option<&str>,
    ) -> Result<(), TokenError> {
        if self.application_id != application_id {
            return Err(TokenError::InvalidCode);
        }
        if redirect_uri != Some(self.redirect_uri.as_str()) {
            return Err(TokenError::OtherRedirectUri);
        }
        match (&self.challenge, verifier) {
            (None, None) => Ok(()),
            (Some(challenge), Some(verifier)) if is_proof(challenge, verifier) => Ok(()),
            (Some(_), None) => Err(TokenError::MissingParameter("code_verifier")),
            (Some(_) | None, Some(_)) => Err(TokenError::WrongVerifier),
        }
    }
}

/// Returns what is kept of a code.
pub fn hash(code: &str) -> Hash {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest::digest(&digest::SHA256, code.as_bytes()).as_ref());
    hash
}

/// Returns the challenge of a verifier (S256).
pub fn challenge_of(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(hash(verifier))
}

/// Checks the form of a challenge, and that its method is S256.
pub fn check_challenge(challenge: &str, method: Option<&str>) -> Result<(), TokenError> {
    if method != Some("S256") {
        return Err(TokenError::InvalidChallenge("its method (code_challenge_method) must be S256"));
    }
    match challenge.len() == CHALLENGE_CHARS && challenge.bytes().all(is_base64url) {
        true => Ok(()),
        false => Err(TokenError::InvalidChallenge("it must be a SHA-256 in base64url, of 43 characters")),
    }
}

fn is_base64url(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'
}

fn is_proof(challenge: &str, verifier: &str) -> bool {
    let is_long = (CHALLENGE_CHARS..=VERIFIER_CHARS_MAX).contains(&verifier.len());
    let found = challenge_of(verifier);
    is_long && constant_time::verify_slices_are_equal(found.as_bytes(), challenge.as_bytes()).is_ok()
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::{CodeFacts, challenge_of, check_challenge};
    use crate::auth::{issuer::error::TokenError, testing};

    /// The example of RFC 7636, appendix B.
    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    #[test]
    fn a_code_is_for_who_asked_for_it() {
        let own = testing::application().id;
        let principal = testing::principal();
        let to = "https://crm.example/back";
        let mut facts = CodeFacts::of(&principal, own, to.to_owned());
        facts.challenge = Some(CHALLENGE.to_owned());

        assert!(facts.is_stamped_for(&principal.user));
        assert!(facts.check(own, Some(to), Some(VERIFIER)).is_ok());
        let other = facts.check(Uuid::from_u128(9), Some(to), Some(VERIFIER));
        assert!(matches!(other, Err(TokenError::InvalidCode)));
        for elsewhere in [None, Some("https://crm.example/back/")] {
            let refused = facts.check(own, elsewhere, Some(VERIFIER));
            assert!(matches!(refused, Err(TokenError::OtherRedirectUri)));
        }
        assert!(matches!(
            facts.check(own, Some(to), None),
            Err(TokenError::MissingParameter("code_verifier"))
        ));
        assert!(matches!(facts.check(own, Some(to), Some(CHALLENGE)), Err(TokenError::WrongVerifier)));
        // Whoever brings a proof that nobody asked for has somebody else's code.
        facts.challenge = None;
        assert!(facts.check(own, Some(to), None).is_ok());
        assert!(matches!(facts.check(own, Some(to), Some(VERIFIER)), Err(TokenError::WrongVerifier)));
    }

    #[test]
    fn a_challenge_is_a_digest_and_nothing_weaker() {
        assert_eq!(challenge_of(VERIFIER), CHALLENGE);
        assert!(check_challenge(CHALLENGE, Some("S256")).is_ok());
        for (challenge, method) in
            [(CHALLENGE, Some("plain")), (CHALLENGE, None), (VERIFIER, Some("s256")), ("x", Some("S256"))]
        {
            assert!(matches!(check_challenge(challenge, method), Err(TokenError::InvalidChallenge(_))));
        }
    }
}
