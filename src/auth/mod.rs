//! Who is calling: bearer tokens, and the built-in issuer.
//!
//! From a header to a caller: `bearer` → `verify` → `trusted` → `keys`. From a sign-in to a token: `issuer`.

pub mod bearer;
pub mod claims;
pub mod issuer;
pub mod jws;
pub mod keys;
pub mod refusal;
pub mod remote_keys;
pub mod resource;
pub mod trusted;
pub mod verify;

#[cfg(test)]
mod remote_keys_tests;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod verify_tests;

pub use bearer::{Authenticator, Caller};
pub use issuer::{
    Issuer,
    authorize::{Asked, AuthorizeRequest, DASHBOARD_CALLBACK, NotAsked, ResponseMode, WayBack},
    password::hash_password,
    request::{TokenRequest, Version},
};
pub use refusal::Refusal;
pub use remote_keys::http_client;
pub use resource::{Audiences, Resource};
pub use trusted::{ExternalIssuer, TrustedIssuer};
pub use verify::TokenVerifier;
