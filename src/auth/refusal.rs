//! Why a caller is not let in.

use super::{
    jws::JwsError,
    keys::{KeyRefusal, KeysUnavailable},
};
use crate::storage::StoreError;

/// Why a caller is not let in. The messages begin with the texts of the real gateway, which clients
/// match on, and go on with the reason, which developers need. None repeats the token.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// There is no `Authorization` header.
    #[error("Unauthorized: Invalid Authorization header; the header is missing")]
    Missing,
    /// The header is not `Bearer` and a token.
    #[error("Unauthorized: Invalid Authorization header; it must be \"Bearer\" and one token")]
    NotBearer,
    /// The token cannot be read.
    #[error("Unauthorized: Invalid Authorization header; {0}")]
    Malformed(#[from] JwsError),
    /// The token is for another API.
    #[error("Unauthorized: Invalid Authorization header, incorrect audience; expected {expected}")]
    WrongAudience {
        /// What a caller should ask for.
        expected: &'static str,
    },
    /// The token's time is over.
    #[error("Unauthorized: Invalid Authorization header; the token expired (exp {expired_secs})")]
    Expired {
        /// The `exp` claim.
        expired_secs: i64,
    },
    /// The token's time has not begun.
    #[error("Unauthorized: Invalid Authorization header; the token is not valid yet (nbf, iat)")]
    NotYetValid,
    /// No trusted issuer has the token's `iss` (for its `tid`).
    #[error("Unauthorized: Invalid Authorization header; the token's issuer (iss) is not trusted")]
    UnknownIssuer,
    /// The issuer has no key of that name.
    #[error("Unauthorized: Invalid Authorization header; the token's key (kid) is not known")]
    UnknownKey,
    /// The signature does not verify, or uses an algorithm that the issuer does not.
    #[error("Unauthorized: Invalid Authorization header; the token's signature does not verify")]
    BadSignature,
    /// An ID token, a refresh token, or neither a person's nor an application's.
    #[error("Unauthorized: Invalid Authorization header; not an access token: {0}")]
    NotAnAccessToken(&'static str),
    /// A person's token without the permission to act for the person.
    #[error("Unauthorized: Invalid Authorization header; the token lacks the scope user_impersonation")]
    MissingScope,
    /// An application's own token where a person is needed.
    #[error("Authorization header token missing user information")]
    AppOnly,
    /// Nobody here is who the token names.
    #[error("Unauthorized: Invalid Authorization header; the token's user is not known here")]
    UnknownUser,
    /// The person holds no Referrals role.
    #[error("the user holds no Referrals role")]
    NoReferralsRole,
    /// The person holds no role at all.
    #[error("the user holds no role in its organization")]
    NoRole,
    /// The person does not administer its organisation.
    #[error("only an account admin may change what belongs to the organization")]
    NoAccountAdmin,
    /// The person neither administers its organisation nor all of its referrals.
    #[error(
        "only an account admin or a Referrals admin of the entire company may decide who is told of referrals"
    )]
    NoIntegrator,
    /// No organisation here has the application's tenant.
    #[error("Unauthorized: Invalid Authorization header; the application's organization is not known here")]
    UnknownApplication,
    /// The issuer's keys cannot be had.
    #[error("the keys of the token's issuer cannot be fetched")]
    KeysUnavailable(#[from] KeysUnavailable),
    /// The store cannot say who the person is.
    #[error("the store did not answer")]
    StoreUnavailable(#[from] StoreError),
}

impl From<KeyRefusal> for Refusal {
    fn from(refusal: KeyRefusal) -> Self {
        match refusal {
            KeyRefusal::UnknownKey => Self::UnknownKey,
            KeyRefusal::BadSignature => Self::BadSignature,
        }
    }
}
