//! The built-in issuer's own keys: RSA-2048, made at first start and kept in the store.

use std::sync::Arc;

use aws_lc_rs::{
    encoding::{AsDer, Pkcs8V1Der},
    rsa::{KeyPair, KeySize},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use jsonwebtoken::{
    Algorithm, EncodingKey, Header,
    jwk::{Jwk, JwkSet, PublicKeyUse, ThumbprintHash},
};
use serde::Serialize;
use tokio::task;

use crate::{
    auth::keys::KeySet,
    domain::time::Timestamp,
    storage::{SigningKey, Store, StoreError},
};

const PEM_LINE_CHARS: usize = 64;

/// Why the issuer has no keys to sign with.
#[derive(Debug, thiserror::Error)]
pub enum SigningError {
    /// The stored key is no RSA key in PKCS#8 PEM.
    #[error("the signing key cannot be used")]
    Unusable(#[source] jsonwebtoken::errors::Error),
    /// The machine could not make a key.
    #[error("no signing key could be made")]
    NotMade,
    /// The store has no key, even after one was put there.
    #[error("the store holds no signing key")]
    NoKey,
    /// The store failed.
    #[error("the signing keys could not be read")]
    Store(#[from] StoreError),
}

/// The issuer's keys: the newest signs, all of them verify.
pub struct SigningKeys {
    key_id: String,
    signing: EncodingKey,
    published: JwkSet,
    verifying: Arc<KeySet>,
}

impl SigningKeys {
    /// Loads the keys of the store, newest first, after making the first one if there is none.
    pub async fn load(store: &Store, now: Timestamp) -> Result<Self, SigningError> {
        let mut stored = store.list_signing_keys().await?;
        if stored.is_empty() {
            let key =
                task::spawn_blocking(move || generate(now)).await.map_err(|_| SigningError::NotMade)??;
            store.insert_first_signing_key(key).await?;
            stored = store.list_signing_keys().await?;
        }
        Self::read(&stored)
    }

    /// Reads stored keys, newest first.
    pub fn read(stored: &[SigningKey]) -> Result<Self, SigningError> {
        let mut published = Vec::with_capacity(stored.len());
        let mut newest = None;
        for key in stored {
            let (signing, mut jwk) = read_pem(&key.private_pem)?;
            jwk.common.key_id = Some(key.id.clone());
            jwk.common.public_key_use = Some(PublicKeyUse::Signature);
            published.push(jwk);
            newest.get_or_insert((key.id.clone(), signing));
        }
        let (key_id, signing) = newest.ok_or(SigningError::NoKey)?;
        let verifying = Arc::new(KeySet::from_jwks(published.iter(), &[Algorithm::RS256]));
        Ok(Self { key_id, signing, published: JwkSet { keys: published }, verifying })
    }

    /// Signs `claims` as a token whose header says `typ`.
    pub fn sign(&self, typ: &str, claims: &impl Serialize) -> Result<String, SigningError> {
        let mut header = Header::new(Algorithm::RS256);
        header.typ = Some(typ.to_owned());
        header.kid = Some(self.key_id.clone());
        jsonwebtoken::encode(&header, claims, &self.signing).map_err(SigningError::Unusable)
    }

    /// Returns the public halves, as the key set endpoint shows them.
    pub fn published(&self) -> &JwkSet {
        &self.published
    }

    /// Returns the public halves, ready to verify with.
    pub fn verifying(&self) -> &Arc<KeySet> {
        &self.verifying
    }
}

/// Makes a new RSA-2048 key. Its randomness is the cryptographic library's own, not a `Random`: the library
/// takes no other, and no test depends on which key it is. Takes a fraction of a second.
pub fn generate(now: Timestamp) -> Result<SigningKey, SigningError> {
    let pair = KeyPair::generate(KeySize::Rsa2048).map_err(|_| SigningError::NotMade)?;
    let der: Pkcs8V1Der<'_> = pair.as_der().map_err(|_| SigningError::NotMade)?;
    let private_pem = to_pem(der.as_ref());
    let (_, jwk) = read_pem(&private_pem)?;
    let id = jwk.thumbprint(ThumbprintHash::SHA256).map_err(SigningError::Unusable)?;
    Ok(SigningKey { id, private_pem, created: now })
}

fn read_pem(pem: &str) -> Result<(EncodingKey, Jwk), SigningError> {
    let signing = EncodingKey::from_rsa_pem(pem.as_bytes()).map_err(SigningError::Unusable)?;
    let jwk = Jwk::from_encoding_key(&signing, Algorithm::RS256).map_err(SigningError::Unusable)?;
    Ok((signing, jwk))
}

fn to_pem(der: &[u8]) -> String {
    let mut pem = String::from("-----BEGIN PRIVATE KEY-----\n");
    for (index, char) in STANDARD.encode(der).chars().enumerate() {
        if index > 0 && index % PEM_LINE_CHARS == 0 {
            pem.push('\n');
        }
        pem.push(char);
    }
    pem.push_str("\n-----END PRIVATE KEY-----\n");
    pem
}

#[cfg(test)]
mod tests {
    use super::SigningKeys;
    use crate::auth::testing;

    #[test]
    fn a_key_is_named_by_its_thumbprint_and_published_without_its_secret() {
        let keys = testing::signing_keys();

        let shown = serde_json::to_value(keys.published()).unwrap();
        let key = &shown["keys"][0];
        assert_eq!(key["kid"], testing::STORED_KEY.id);
        assert_eq!(key["kid"].as_str().unwrap().len(), 43);
        assert_eq!((&key["kty"], &key["use"], &key["alg"]), (&"RSA".into(), &"sig".into(), &"RS256".into()));
        assert_eq!(key["e"], "AQAB");
        assert!(key.get("d").is_none());
    }

    #[test]
    fn the_newest_key_signs() {
        let newest = testing::STORED_KEY.clone();
        let mut older = testing::FOREIGN_KEY.clone();
        older.id = "older".to_owned();

        let keys = SigningKeys::read(&[newest.clone(), older]).unwrap();

        let token = keys.sign("JWT", &serde_json::json!({})).unwrap();
        assert_eq!(jsonwebtoken::decode_header(&token).unwrap().kid, Some(newest.id));
        assert_eq!(keys.published().keys.len(), 2);
    }
}
