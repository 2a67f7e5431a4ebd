//! What can be done, named as users say it. Operations load, let the domain decide, and commit.

pub mod administration;
pub mod clock;
pub mod expiry;
pub mod referrals;
pub mod verify;

use crate::{
    domain::{
        json::JsonLimits,
        sources::{Clock, Random},
        validation::Rules,
        view::Links,
    },
    storage::Store,
};

/// What operations work with. `app` builds it once.
#[derive(Clone, Debug)]
pub struct Context {
    /// Everything that is kept.
    pub store: Store,
    /// Tells the time.
    pub clock: Clock,
    /// Gives ids and salts.
    pub random: Random,
    /// What an operator can set.
    pub settings: Settings,
}

/// What an operator can set about operations.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Rules of the domain.
    pub rules: Rules,
    /// How large a document may be, beyond its bytes.
    pub json: JsonLimits,
    /// Addresses in answers.
    pub links: Links,
    /// How long an idempotency key is remembered.
    pub idempotency_keep_secs: i64,
}
