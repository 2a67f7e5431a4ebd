//! Somebody who signs in a name of its own: what a receiver has to refuse, made for the sandbox's faults.

use http::HeaderMap;
use tokio::task;

use super::{
    certificate::{CertificateError, Certified},
    keys::KeyError,
    signer::{HeaderMode, SignatureError, Signer},
};
use crate::domain::{sources::Random, time::Timestamp};

/// The organisation in the certificate.
const ORGANIZATION: &str = "Somebody Else";

/// A key whose certificate no root of this server has signed, and that names another organisation.
#[derive(Debug)]
pub(in crate::feed) struct Impostor {
    signer: Signer,
    certificate: Vec<u8>,
}

impl Impostor {
    /// Makes a key, whose certificate will be found at `certificate_url`. Takes up to a second.
    ///
    /// # Errors
    /// When this machine cannot make one.
    pub(in crate::feed) async fn make(
        now: Timestamp,
        random: &Random,
        certificate_url: &str,
    ) -> Result<Self, KeyError> {
        let random = random.clone();
        let made = task::spawn_blocking(move || Certified::root(ORGANIZATION, now, &random)).await;
        let certified = made.map_err(|_| CertificateError::Key)??;
        let certificate = certified.certificate.clone();
        Ok(Self { signer: Signer::new(certified, certificate_url.to_owned(), Vec::new()), certificate })
    }

    /// Returns the certificate in DER.
    pub(in crate::feed) fn certificate(&self) -> &[u8] {
        &self.certificate
    }

    /// Signs a body as Partner Center does, but with this key.
    ///
    /// # Errors
    /// As [`Signer::sign_as_microsoft`].
    pub(in crate::feed) fn sign(&self, body: &[u8], mode: HeaderMode) -> Result<HeaderMap, SignatureError> {
        self.signer.sign_as_microsoft(body, mode)
    }
}
