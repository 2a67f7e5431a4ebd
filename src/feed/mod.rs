//! Readers of the log that reach out: who is told of a change, and how it gets there.
//!
//! ```text
//! log ─→ fan_out: change × who sees it × endpoints ─→ deliveries ─→ delivery: claim · post · record ─→ receiver
//! log ─→ notices: the matrix × who sees it ─→ notices + mails ─→ service::notices::mailer ─→ mail::Postman
//! ```
//!
//! [`fan_out`] has a cursor, and is done by one server at a time; [`delivery`] is done by all of them; [`notices`]
//! has a cursor of its own. None keeps anything that is not in the database: whichever server goes at whichever moment,
//! another one goes on from there.

pub mod address;
pub mod delivery;
pub mod desk;
pub mod fan_out;
pub mod fault;
pub mod mail;
pub mod notices;
pub mod outbound;
pub mod signature;
pub mod sink;

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use parking_lot::Mutex;
use tokio::sync::Notify;
use uuid::Uuid;

use self::{fault::WebhookFaults, outbound::Outbound, signature::WebhookKeys};
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
    /// Tells that something is to be mailed.
    pub mail_bell: Bell,
    /// What goes wrong on demand; in a sandbox only.
    pub faults: Option<WebhookFaults>,
    /// Who delivers in this process.
    pub desk: DeliveryDesk,
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
    /// How long notices are kept, in days.
    pub notices_keep_days: u32,
    /// Whether there is a mail server that notices are sent by.
    pub notices_are_mailed: bool,
    /// Sizes of filters.
    pub limits: odata::Limits,
}

/// Tells whoever delivers in this process that there is something to deliver. Clones ring the same bell.
#[derive(Clone, Debug, Default)]
pub struct Bell(Arc<BellParts>);

#[derive(Debug, Default)]
struct BellParts {
    notify: Notify,
    asked: Mutex<Asked>,
}

/// For which endpoints there is something to deliver.
#[derive(Debug, PartialEq, Eq)]
enum Asked {
    /// For these.
    Some(BTreeSet<Uuid>),
    /// Perhaps for any.
    All,
}

impl Default for Asked {
    fn default() -> Self {
        Self::Some(BTreeSet::new())
    }
}

impl Bell {
    /// Wakes whoever delivers; at once, or when it is done with what it is at.
    pub fn ring(&self) {
        *self.0.asked.lock() = Asked::All;
        self.0.notify.notify_one();
    }

    /// The same, where it is known which endpoints have something new.
    fn ring_for(&self, endpoints: impl IntoIterator<Item = Uuid>) {
        if let Asked::Some(asked) = &mut *self.0.asked.lock() {
            asked.extend(endpoints);
        }
        self.0.notify.notify_one();
    }

    /// Waits until it rings, and says for whom.
    async fn rung(&self) -> Asked {
        self.0.notify.notified().await;
        std::mem::take(&mut *self.0.asked.lock())
    }

    /// Waits until somebody rings, or has rung since it was last waited for.
    pub async fn wait(&self) {
        self.rung().await;
    }
}

/// Where one at a time delivers in this process: what is in flight is remembered there. Clones are the same desk.
#[derive(Clone, Debug, Default)]
pub struct DeliveryDesk(Arc<tokio::sync::Mutex<()>>);

fn scope() -> SystemScope {
    Scope::system("webhooks")
}
