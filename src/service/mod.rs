//! What can be done, named as users say it. Operations load, let the domain decide, and commit.

pub mod administration;
pub mod audit;
pub mod clock;
pub mod expiry;
pub mod insights;
pub mod notices;
pub mod referrals;
pub mod saved;
pub mod seal;
pub mod sessions;
pub mod verify;
pub mod webhooks;

use std::time::Duration;

use self::{notices::mailer::Mailing, seal::Seal, sessions::Lives};
use crate::{
    domain::{
        json::JsonLimits,
        sources::{Clock, Random},
        validation::Rules,
        view::Links,
    },
    feed::Feed,
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
    /// Seals what clients carry from one call to the next.
    pub seal: Seal,
    /// What reads the log and reaches out.
    pub feed: Feed,
    /// What mails are made of, and who takes them.
    pub mailing: Mailing,
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
    /// How large queries may be, and what they may cost.
    pub queries: Queries,
    /// How long people stay signed in with a browser.
    pub lives: Lives,
}

/// How large queries may be, and what they may cost.
#[derive(Clone, Copy, Debug)]
pub struct Queries {
    /// Sizes of the options' texts.
    pub limits: odata::Limits,
    /// Referrals on a page.
    pub page_size_max: u32,
    /// How long a query may take.
    pub budget: Duration,
}
