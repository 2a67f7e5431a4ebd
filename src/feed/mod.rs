//! Readers of the log that reach out: who is told of a change, and how it gets there.
//!
//! ```text
//! log ─→ fan_out: change × who sees it × endpoints ─→ deliveries ─→ delivery: claim · post · record ─→ receiver
//! ```
//!
//! [`fan_out`] has a cursor, and is done by one server at a time; [`delivery`] is done by all of them. Neither keeps
//! anything that is not in the database: whichever server goes at whichever moment, another one goes on from there.

pub mod address;
pub mod delivery;
pub mod fan_out;
pub mod outbound;
pub mod signature;

use std::{sync::Arc, time::Duration};

use tokio::sync::Notify;

use self::{outbound::Outbound, signature::WebhookKeys};
use crate::{
    domain::{
        actor::{Scope, SystemScope},
        sources::{Clock, Random},
        view::Links,
        webhook::payload::ResourceUri,
    },
    storage::Store,
};

/// How often is looked without being asked: a notice can be lost, and time passes without one.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What the readers work with. `app` builds it once; cheap to clone.
#[derive(Clone, Debug)]
pub struct Feed {
    /// Everything that is kept.
    pub store: Store,
    /// Tells the time.
    pub clock: Clock,
    /// Gives ids, and spreads retries.
    pub random: Random,
    /// Addresses in what is sent.
    pub links: Links,
    /// Calls receivers.
    pub outbound: Outbound,
    /// What messages are signed with.
    pub keys: WebhookKeys,
    /// Tells that something is to be delivered.
    pub bell: Bell,
    /// What an operator can set.
    pub settings: Settings,
}

/// What an operator can set about readers of the log.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Which address of a referral notifications carry.
    pub resource_uri: ResourceUri,
    /// Attempts in flight.
    pub in_flight_max: u32,
    /// Attempts in flight to one endpoint.
    pub in_flight_per_endpoint_max: u32,
    /// Subscriptions of an organisation.
    pub endpoints_max: u32,
    /// How long what was delivered is kept, in days.
    pub keep_days: u32,
    /// How long what was given up is kept, in days.
    pub keep_dead_days: u32,
    /// Sizes of filters.
    pub limits: odata::Limits,
}

/// Tells whoever delivers in this process that there is something to deliver. Clones ring the same bell.
#[derive(Clone, Debug, Default)]
pub struct Bell(Arc<Notify>);

impl Bell {
    /// Wakes whoever delivers; at once, or when it is done with what it is at.
    pub fn ring(&self) {
        self.0.notify_one();
    }

    async fn rung(&self) {
        self.0.notified().await;
    }
}

fn scope() -> SystemScope {
    Scope::system("webhooks")
}
