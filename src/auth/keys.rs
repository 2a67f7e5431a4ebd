//! Where the keys come from that a token is verified with.

use std::{fmt, sync::Arc};

use jsonwebtoken::{
    Algorithm, DecodingKey,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse},
};

use super::{jws::Jws, remote_keys::RemoteKeys};

const RSA_ALGORITHMS: &[Algorithm] = &[
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
];

/// The public keys of one issuer at one time. Holds asymmetric signature keys only.
pub struct KeySet {
    published: Vec<Jwk>,
    keys: Vec<VerifyingKey>,
}

struct VerifyingKey {
    id: String,
    algorithms: Vec<Algorithm>,
    key: DecodingKey,
}

/// Why a key set does not confirm a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyRefusal {
    /// No key has the token's `kid`, or the token has none.
    #[error("no key of the issuer has the token's kid")]
    UnknownKey,
    /// The key of that name does not confirm the signature, or does not go with the token's algorithm.
    #[error("the signature does not verify")]
    BadSignature,
}

/// The issuer's keys cannot be had, and none are held.
#[derive(Debug, thiserror::Error)]
#[error("the keys of the issuer cannot be fetched")]
pub struct KeysUnavailable;

impl KeySet {
    /// Takes from a published set what can verify with one of the `pinned` algorithms. Symmetric keys,
    /// encryption keys, keys without a name and keys of unknown kinds are left out.
    pub fn from_jwks<'a>(jwks: impl IntoIterator<Item = &'a Jwk>, pinned: &[Algorithm]) -> Self {
        let mut published = Vec::new();
        let mut keys = Vec::new();
        for jwk in jwks {
            let algorithms: Vec<_> =
                algorithms_of(jwk).into_iter().filter(|it| pinned.contains(it)).collect();
            let Some(id) = jwk.common.key_id.clone() else { continue };
            let Ok(key) = DecodingKey::from_jwk(jwk) else { continue };
            if !algorithms.is_empty() {
                keys.push(VerifyingKey { id, algorithms, key });
                published.push(jwk.clone());
            }
        }
        Self { published, keys }
    }

    /// Says whether the key that `jws` names confirms its signature.
    pub fn verify(&self, jws: &Jws<'_>) -> Result<(), KeyRefusal> {
        let key_id = jws.header.kid.as_deref().ok_or(KeyRefusal::UnknownKey)?;
        let mut named = self.keys.iter().filter(|it| it.id == key_id).peekable();
        if named.peek().is_none() {
            return Err(KeyRefusal::UnknownKey);
        }
        let algorithm = jws.header.alg;
        let is_confirmed = named.filter(|it| it.algorithms.contains(&algorithm)).any(|it| {
            jsonwebtoken::crypto::verify(jws.signature, jws.signed.as_bytes(), &it.key, algorithm)
                .unwrap_or(false)
        });
        match is_confirmed {
            true => Ok(()),
            false => Err(KeyRefusal::BadSignature),
        }
    }

    /// Says whether there is no key at all.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }
}

impl PartialEq for KeySet {
    fn eq(&self, other: &Self) -> bool {
        self.published == other.published
    }
}

impl fmt::Debug for KeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.keys.iter().map(|it| &it.id)).finish()
    }
}

/// Returns the algorithms that a published key can verify with; none if it is not for signatures.
fn algorithms_of(jwk: &Jwk) -> Vec<Algorithm> {
    let is_for_signatures =
        !matches!(&jwk.common.public_key_use, Some(PublicKeyUse::Encryption | PublicKeyUse::Other(_)));
    let is_for_verifying =
        jwk.common.key_operations.as_ref().is_none_or(|it| it.contains(&KeyOperations::Verify));
    if !is_for_signatures || !is_for_verifying {
        return Vec::new();
    }
    let by_kind: &[Algorithm] = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => RSA_ALGORITHMS,
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => &[Algorithm::ES256],
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P384 => &[Algorithm::ES384],
        AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => &[Algorithm::EdDSA],
        _ => &[],
    };
    // Entra publishes its keys without `alg`; the issuer's pinned algorithms decide then.
    let is_named = |it: &Algorithm| jwk.common.key_algorithm.is_none_or(|alg| alg == KeyAlgorithm::from(*it));
    by_kind.iter().copied().filter(is_named).collect()
}

/// Where one issuer's keys come from.
#[derive(Debug)]
pub enum KeySource {
    /// The built-in issuer: in this process.
    BuiltIn(Arc<KeySet>),
    /// Another issuer: over HTTPS.
    Remote(Box<RemoteKeys>),
}

impl KeySource {
    /// Returns the keys to use at `now_secs`. The same set is the same `Arc` until a key changes.
    pub async fn current(&self, now_secs: i64) -> Result<Arc<KeySet>, KeysUnavailable> {
        match self {
            Self::BuiltIn(keys) => Ok(Arc::clone(keys)),
            Self::Remote(remote) => remote.current(now_secs).await,
        }
    }

    /// Returns the keys after a look whether the issuer has newer ones than `seen`; asked when a token names
    /// an unknown key.
    pub async fn newer_than(&self, seen: &Arc<KeySet>, now_secs: i64) -> Arc<KeySet> {
        match self {
            Self::BuiltIn(keys) => Arc::clone(keys),
            Self::Remote(remote) => remote.newer_than(seen, now_secs).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::{Algorithm, jwk::Jwk};
    use serde_json::{Value, json};

    use super::KeySet;

    fn usable(jwk: Value, pinned: &[Algorithm]) -> bool {
        let jwk: Jwk = serde_json::from_value(jwk).unwrap();
        !KeySet::from_jwks([&jwk], pinned).is_empty()
    }

    fn with(base: &Value, extra: Value) -> Value {
        let mut jwk = base.clone();
        jwk.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        jwk
    }

    #[test]
    fn only_named_asymmetric_signature_keys_with_a_pinned_algorithm_are_taken() {
        let rsa = json!({"kty": "RSA", "kid": "1", "n": "AQAB", "e": "AQAB"});
        let all = [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA, Algorithm::HS256];

        assert!(usable(rsa.clone(), &all));
        assert!(usable(with(&rsa, json!({"use": "sig", "alg": "RS256"})), &all));
        assert!(!usable(with(&rsa, json!({"use": "enc"})), &all));
        assert!(!usable(with(&rsa, json!({"alg": "RSA-OAEP"})), &all));
        assert!(!usable(with(&rsa, json!({"alg": "HS256"})), &all));
        assert!(!usable(with(&rsa, json!({"alg": "RS512"})), &all));
        assert!(!usable(with(&rsa, json!({"key_ops": ["encrypt"]})), &all));
        assert!(!usable(rsa.clone(), &[Algorithm::ES256]));
        assert!(!usable(json!({"kty": "RSA", "n": "AQAB", "e": "AQAB"}), &all));
        assert!(!usable(json!({"kty": "oct", "kid": "1", "k": "AQAB", "alg": "HS256"}), &all));
        assert!(usable(json!({"kty": "EC", "kid": "1", "crv": "P-256", "x": "AQAB", "y": "AQAB"}), &all));
        assert!(!usable(json!({"kty": "EC", "kid": "1", "crv": "P-521", "x": "AQAB", "y": "AQAB"}), &all));
        assert!(usable(json!({"kty": "OKP", "kid": "1", "crv": "Ed25519", "x": "AQAB"}), &all));
    }
}
