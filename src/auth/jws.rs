//! A signed token in its compact form: three parts, split and read, not yet believed.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::Header;
use serde::de::DeserializeOwned;

/// The longest token that is looked at, in bytes.
pub const TOKEN_BYTES_MAX: usize = 8 * 1024;

/// Why a text is no signed token. Messages are for the developer who sent it.
#[derive(Debug, thiserror::Error)]
pub enum JwsError {
    /// Longer than [`TOKEN_BYTES_MAX`].
    #[error("the token is longer than 8 kB")]
    TooLong,
    /// Not three parts.
    #[error("the token does not have three parts")]
    NotThreeParts,
    /// The first part is no header, or names no algorithm that is known (`none` is not).
    #[error("the token's header does not read, or names an unknown algorithm")]
    Header,
    /// The header demands an extension; none is understood here (RFC 7515, section 4.1.11).
    #[error("the token's header demands an extension (crit)")]
    Critical,
    /// The second part is not base64url.
    #[error("the token's claims are not base64url")]
    ClaimsEncoding,
    /// The second part is no JSON object of the expected shape.
    #[error("the token's claims do not read: {0}")]
    Claims(#[source] serde_json::Error),
}

/// A token, split. `jku`, `x5u`, `x5c` and `jwk` of the header are never looked at.
pub struct Jws<'a> {
    /// What the header says.
    pub header: Header,
    /// What the signature covers.
    pub signed: &'a str,
    /// The third part.
    pub signature: &'a str,
    claims: &'a str,
}

impl<'a> Jws<'a> {
    /// Splits `token` and reads its header.
    pub fn parse(token: &'a str) -> Result<Self, JwsError> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(JwsError::TooLong);
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(JwsError::NotThreeParts)?;
        let (header, claims) = signed.split_once('.').ok_or(JwsError::NotThreeParts)?;
        if claims.contains('.') || [header, claims, signature].iter().any(|it| it.is_empty()) {
            return Err(JwsError::NotThreeParts);
        }
        let header = jsonwebtoken::decode_header(token).map_err(|_| JwsError::Header)?;
        if header.crit.is_some() {
            return Err(JwsError::Critical);
        }
        Ok(Self { header, signed, signature, claims })
    }

    /// Reads the claims.
    pub fn claims<T: DeserializeOwned>(&self) -> Result<T, JwsError> {
        let json = URL_SAFE_NO_PAD.decode(self.claims).map_err(|_| JwsError::ClaimsEncoding)?;
        serde_json::from_slice(&json).map_err(JwsError::Claims)
    }
}
