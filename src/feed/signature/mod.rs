//! What proves who sent a message: Microsoft's signature with its certificate, and those of Standard Webhooks.
//!
//! [`keys`] holds the keys of a database and renews them; [`Signer`] signs with the newest ones;
//! [`certificate`] makes and reads certificates; [`standard`] knows the secrets that a receiver is given.

pub mod certificate;
mod impostor;
pub mod keys;
pub mod signer;
pub mod standard;

pub(in crate::feed) use impostor::Impostor;
pub use keys::{KeyError, KeyOptions, WebhookKeys};
pub use signer::{HeaderMode, Message, Signer};
pub use standard::Secret;
