//! Standard Webhooks: the secrets that a receiver is given, and signatures over id, time and body.
//!
//! What is signed is `id.timestamp.body`. `v1` is HMAC-SHA256 with a secret that both sides know (`whsec_` and its bytes
//! in base64), `v1a` is Ed25519 with the server's pair, whose public half is shown as `whpk_` and base64. A header may
//! carry several signatures, one for each secret that is active, and a receiver is content with one that it can verify.

use std::fmt;

use aws_lc_rs::{
    hmac,
    signature::{Ed25519KeyPair, KeyPair as _},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::domain::sources::Random;

/// Bytes of a secret that is made here.
const SECRET_BYTES: usize = 32;
/// Bytes that a secret may have.
const SECRET_BYTES_MIN: usize = 24;
const SECRET_BYTES_MAX: usize = 64;
const SECRET_PREFIX: &str = "whsec_";
const PUBLIC_PREFIX: &str = "whpk_";

/// A secret that this server shares with a receiver.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Vec<u8>);

/// What is wrong with the text of a secret. The text says what would do, and not what was there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "is no secret of Standard Webhooks; write whsec_ and {SECRET_BYTES_MIN} to {SECRET_BYTES_MAX} random bytes in base64"
)]
pub struct SecretProblem;

impl Secret {
    /// Makes a new one.
    pub fn generate(random: &Random) -> Self {
        Self(random.bytes::<SECRET_BYTES>().to_vec())
    }

    /// Reads one that a receiver brings along, or that was stored.
    pub fn parse(text: &str) -> Result<Self, SecretProblem> {
        let bytes = text.strip_prefix(SECRET_PREFIX).and_then(|it| STANDARD.decode(it).ok());
        bytes
            .filter(|it| (SECRET_BYTES_MIN..=SECRET_BYTES_MAX).contains(&it.len()))
            .map(Self)
            .ok_or(SecretProblem)
    }

    /// Returns the text that the receiver is given, and that is stored.
    pub fn expose(&self) -> String {
        format!("{SECRET_PREFIX}{}", STANDARD.encode(&self.0))
    }

    /// Signs content with HMAC-SHA256.
    pub(super) fn sign(&self, content: &[u8]) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &self.0);
        format!("v1,{}", STANDARD.encode(hmac::sign(&key, content)))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Returns what is signed.
pub(super) fn content(id: &str, timestamp_secs: i64, body: &[u8]) -> Vec<u8> {
    [format!("{id}.{timestamp_secs}.").as_bytes(), body].concat()
}

/// Signs content with Ed25519.
pub(super) fn sign_with_pair(pair: &Ed25519KeyPair, content: &[u8]) -> String {
    format!("v1a,{}", STANDARD.encode(pair.sign(content)))
}

/// Returns the text in which receivers are told a public half.
pub(super) fn public_text(pair: &Ed25519KeyPair) -> String {
    format!("{PUBLIC_PREFIX}{}", STANDARD.encode(pair.public_key()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::testing;

    /// The example that the specification of Standard Webhooks and its libraries are tested with.
    #[test]
    fn the_published_example_comes_out() {
        let secret = Secret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();

        let content = content("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#);

        assert_eq!(secret.sign(&content), "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_secret_is_read_as_it_was_shown_and_prints_nothing() {
        let secret = Secret::generate(&testing::random());

        assert_eq!(Secret::parse(&secret.expose()), Ok(secret.clone()));
        assert_eq!(format!("{secret:?}"), "Secret(…)");
        for text in ["", "whsec_", "whsec_c2hvcnQ=", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_?"] {
            assert_eq!(Secret::parse(text), Err(SecretProblem), "{text}");
        }
    }
}
