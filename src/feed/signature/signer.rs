//! Signs messages with the newest keys of a database.

use aws_lc_rs::{digest, signature::Ed25519KeyPair};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use moka::sync::Cache;

use super::{
    certificate::{self, CertificateError, Certified},
    standard::{self, Secret},
};
use crate::domain::time::Timestamp;

const CERTIFICATE_URL: HeaderName = HeaderName::from_static("x-ms-certificate-url");
const SIGNATURE_ALGORITHM: HeaderName = HeaderName::from_static("x-ms-signature-algorithm");
const MS_SIGNATURE: HeaderName = HeaderName::from_static("x-ms-signature");
const WEBHOOK_ID: HeaderName = HeaderName::from_static("webhook-id");
const WEBHOOK_TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const WEBHOOK_SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");

/// Signatures that are remembered, by the digest of what they sign: a change is told to many in the same bytes, and a
/// signature costs more than everything else that is done for a message.
const SIGNATURES_MAX: u64 = 1000;

/// Which header carries Microsoft's signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeaderMode {
    /// `Authorization`.
    Authorization,
    /// `x-ms-signature`, for receivers behind gateways that take `Authorization` for themselves.
    MsSignature,
}

/// What is signed: the bytes of a body as they are sent.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// The same over all attempts; it has no dot.
    pub id: &'a str,
    /// The time of the attempt, in seconds since 1970.
    pub timestamp_secs: i64,
    /// The bytes that go over the wire.
    pub body: &'a [u8],
}

/// Why a message is not signed.
#[derive(Debug, thiserror::Error)]
pub enum SignatureError {
    /// The key does not sign.
    #[error("the message could not be signed")]
    Key(#[from] CertificateError),
    /// The id or the address of the certificate has characters that a header cannot have.
    #[error("a signature does not fit into a header")]
    Header(#[from] header::InvalidHeaderValue),
}

/// Signs messages with one key of each kind.
pub struct Signer {
    certified: Certified,
    /// Where the certificate is.
    certificate_url: String,
    /// The newest, and those before it whose receivers may not have changed over yet.
    pairs: Vec<Ed25519KeyPair>,
    /// What was signed with the key of the certificate.
    signatures: Cache<Vec<u8>, HeaderValue>,
}

impl Signer {
    pub(super) fn new(certified: Certified, certificate_url: String, pairs: Vec<Ed25519KeyPair>) -> Self {
        Self { certified, certificate_url, pairs, signatures: Cache::new(SIGNATURES_MAX) }
    }

    /// Returns where the certificate is that goes with [`Signer::sign_as_microsoft`].
    pub fn certificate_url(&self) -> &str {
        &self.certificate_url
    }

    /// Returns when that certificate ends.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn valid_until(&self) -> Result<Timestamp, CertificateError> {
        certificate::valid_until(&self.certified.certificate)
    }

    /// Returns the public halves that [`Signer::sign_as_standard`] signs for (`whpk_…`), newest first.
    pub fn public_keys(&self) -> Vec<String> {
        self.pairs.iter().map(standard::public_text).collect()
    }

    /// Signs a body as Partner Center does, and returns the headers that say so.
    ///
    /// # Errors
    /// When the key fails, which it does not once it has been read.
    pub fn sign_as_microsoft(&self, body: &[u8], mode: HeaderMode) -> Result<HeaderMap, SignatureError> {
        let signature = self.signature(body)?;
        let name = match mode {
            HeaderMode::Authorization => header::AUTHORIZATION,
            HeaderMode::MsSignature => MS_SIGNATURE,
        };
        Ok(HeaderMap::from_iter([
            (name, signature),
            (CERTIFICATE_URL, HeaderValue::try_from(&self.certificate_url)?),
            (SIGNATURE_ALGORITHM, HeaderValue::from_static("rsa-sha256")),
        ]))
    }

    fn signature(&self, body: &[u8]) -> Result<HeaderValue, SignatureError> {
        let digest = digest::digest(&digest::SHA256, body).as_ref().to_vec();
        if let Some(signature) = self.signatures.get(&digest) {
            return Ok(signature);
        }
        let signature = format!("Signature {}", STANDARD.encode(self.certified.sign(body)?));
        let signature = HeaderValue::try_from(signature)?;
        self.signatures.insert(digest, signature.clone());
        Ok(signature)
    }

    /// Signs a message as Standard Webhooks has it, once for each secret that is active and once for each pair of the
    /// server, and returns the headers that say so.
    ///
    /// # Errors
    /// When the id does not fit into a header.
    pub fn sign_as_standard(
        &self,
        message: &Message<'_>,
        secrets: &[Secret],
    ) -> Result<HeaderMap, SignatureError> {
        let content = standard::content(message.id, message.timestamp_secs, message.body);
        let shared = secrets.iter().map(|it| it.sign(&content));
        let own = self.pairs.iter().map(|it| standard::sign_with_pair(it, &content));
        let signatures: Vec<_> = shared.chain(own).collect();
        Ok(HeaderMap::from_iter([
            (WEBHOOK_ID, HeaderValue::try_from(message.id)?),
            (WEBHOOK_TIMESTAMP, HeaderValue::from(message.timestamp_secs)),
            (WEBHOOK_SIGNATURE, HeaderValue::try_from(signatures.join(" "))?),
        ]))
    }
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Signer({})", self.certificate_url)
    }
}
