//! Where an organisation wants to be told of events, what it is told, and when it is told again.

mod audited;
pub mod payload;
pub mod registration;
pub mod request;
pub mod schedule;

use std::fmt;

use aws_lc_rs::digest::{SHA256, digest};
use uuid::Uuid;

use super::{event::Event, organization::OrganizationId, time::Timestamp, vocabulary::Vocabulary};

/// Events of the real service that never happen here. A registration may name them, because clients register for all
/// that they know ("Partner Center webhook events", 2024).
pub const FOREIGN_EVENTS: [&str; 21] = [
    "subscription-updated",
    "usagerecords-thresholdExceeded",
    "granular-admin-relationship-approved",
    "granular-admin-relationship-activated",
    "granular-admin-relationship-expired",
    "granular-admin-relationship-terminated",
    "granular-admin-access-assignment-created",
    "granular-admin-access-assignment-activated",
    "granular-admin-access-assignment-updated",
    "granular-admin-access-assignment-deleted",
    "reseller-relationship-accepted-by-customer",
    "indirect-reseller-relationship-accepted-by-customer",
    "dap-admin-relationship-approved",
    "dap-admin-relationship-terminated",
    "dap-admin-relationship-terminated-by-microsoft",
    "azure-fraud-event-detected",
    "invoice-ready",
    "new-commerce-migration-created",
    "new-commerce-migration-completed",
    "new-commerce-migration-failed",
    "new-commerce-migration-schedule-failed",
];

macro_rules! words {
    ($(#[doc = $doc:literal])+ $name:ident { $($(#[doc = $word_doc:literal])+ $word:ident = $text:literal),+ $(,)? }) => {
        $(#[doc = $doc])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name {
            $($(#[doc = $word_doc])+ $word),+
        }

        impl Vocabulary for $name {
            const ALL: &'static [Self] = &[$(Self::$word),+];
            const NUMBERED: bool = false;
            const SPELLINGS: &'static [&'static str] = &[$($text),+];

            fn as_str(self) -> &'static str {
                match self {
                    $(Self::$word => $text),+
                }
            }
        }
    };
}

pub(in crate::domain) use words;

words! {
    /// Which contract an endpoint was made under.
    Kind {
        /// The one registration that an organisation has with the Partner Center API.
        PartnerCenter = "partnerCenter",
        /// One of the subscriptions of an organisation.
        Own = "own",
    }
}

words! {
    /// What a subscription is sent.
    Payload {
        /// What happened, and where to read it.
        Thin = "thin",
        /// The referral beside it, as the organisation sees it when it is sent.
        Full = "full",
    }
}

words! {
    /// Where the signature of the contract stands in a request.
    SignatureHeader {
        /// `Authorization`.
        Authorization = "Authorization",
        /// `x-ms-signature`, for receivers behind gateways that keep `Authorization` for themselves.
        MsSignature = "x-ms-signature",
    }
}

words! {
    /// Whether an endpoint is told.
    EndpointState {
        /// It is told.
        Active = "active",
        /// Its organisation wants it to wait: deliveries gather, and none is sent.
        Paused = "paused",
        /// It failed for too long, or said that it is gone: no deliveries gather.
        Disabled = "disabled",
    }
}

words! {
    /// How far a delivery has come.
    DeliveryState {
        /// It waits for its first or next attempt.
        Pending = "pending",
        /// The receiver took it.
        Delivered = "delivered",
        /// Every attempt failed.
        Dead = "dead",
    }
}

/// A text that signs; never shown in logs.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a text.
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// Returns the text, for who signs, and for the one answer that shows it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Where an organisation wants to be told.
#[derive(Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Key; `SubscriberId` of a registration.
    pub id: Uuid,
    /// Whose it is.
    pub organization_id: OrganizationId,
    /// Which contract it was made under.
    pub kind: Kind,
    /// What its people call it.
    pub description: Option<String>,
    /// Where it listens.
    pub url: String,
    /// Names of the events that it wants, in canonical spelling; [`FOREIGN_EVENTS`] may be among them.
    pub events: Vec<String>,
    /// Only referrals that this `$filter` is true of.
    pub filter: Option<String>,
    /// What it is sent.
    pub payload: Payload,
    /// Where the signature stands.
    pub signature_header: SignatureHeader,
    /// What its messages are signed with.
    pub secret: Secret,
    /// What they are signed with as well, and until when.
    pub previous_secret: Option<(Secret, Timestamp)>,
    /// Whether it is told.
    pub state: EndpointState,
    /// Why it is not; `None` while it is.
    pub state_reason: Option<String>,
    /// Since when the state holds.
    pub state_since: Timestamp,
    /// Since when every attempt has failed; `None` when the last one has not.
    pub failing_since: Option<Timestamp>,
    /// Changes after this place in the log are told.
    pub from_position: u64,
    /// When it was made.
    pub created: Timestamp,
    /// When its organisation last changed it.
    pub updated: Timestamp,
}

impl Endpoint {
    /// Says whether it wants an event.
    pub fn wants(&self, event: Event) -> bool {
        self.events.iter().any(|it| it == event.as_str())
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A URL may hold a key of its receiver.
        f.debug_struct("Endpoint")
            .field("id", &self.id)
            .field("kind", &self.kind)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

/// The change that a delivery tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    /// The record that changed.
    pub referral_id: Uuid,
    /// Place of the change in the log.
    pub position: u64,
    /// Id of the change.
    pub change_id: Uuid,
    /// The version that the change led to.
    pub version: u32,
}

/// What is to be sent to an endpoint, once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Key, and `webhook-id` of every attempt.
    pub id: Uuid,
    /// Where it goes.
    pub endpoint_id: Uuid,
    /// Whose endpoint that is.
    pub organization_id: OrganizationId,
    /// What happened.
    pub event: Event,
    /// To which record; `None` for a test.
    pub told: Option<Told>,
    /// When it happened.
    pub at: Timestamp,
    /// How far it has come.
    pub state: DeliveryState,
    /// Attempts so far; they number the attempts.
    pub attempts: u32,
    /// Attempts since it was last started anew.
    pub step: u32,
    /// When the next attempt is due.
    pub due: Timestamp,
    /// When it was made.
    pub created: Timestamp,
    /// When it was delivered, or given up.
    pub finished: Option<Timestamp>,
}

/// One attempt to deliver.
#[derive(Clone, PartialEq, Eq)]
pub struct AttemptRecord {
    /// 1 for the first.
    pub number: u32,
    /// Where it went.
    pub url: String,
    /// What was sent; `None` of attempts that older versions made.
    pub sent: Option<SentBody>,
    /// When it began.
    pub started: Timestamp,
    /// How long it took, in milliseconds.
    pub duration_ms: u32,
    /// In a word: `delivered`, `answered` for an answer that is no success, or what went wrong.
    pub outcome: String,
    /// Status of the answer; `None` when there was none.
    pub status: Option<u16>,
    /// The beginning of the answer.
    pub answer: Option<String>,
    /// What went wrong, for people; `None` when there was an answer.
    pub error: Option<String>,
}

/// The longest body that is kept as it was sent, in bytes.
const KEPT_BYTES_MAX: usize = 16 * 1024;

/// What an attempt sent.
#[derive(Clone, PartialEq, Eq)]
pub struct SentBody {
    /// SHA-256 of the bytes.
    pub digest: Vec<u8>,
    /// How many those are.
    pub bytes: u32,
    /// The bytes; `None` when they are too many to keep.
    pub body: Option<String>,
}

impl SentBody {
    /// Takes down what is sent.
    pub fn of(body: &[u8]) -> Self {
        let kept = (body.len() <= KEPT_BYTES_MAX).then(|| String::from_utf8_lossy(body).into_owned());
        let digest = digest(&SHA256, body).as_ref().to_vec();
        Self { digest, bytes: u32::try_from(body.len()).unwrap_or(u32::MAX), body: kept }
    }
}

impl fmt::Debug for SentBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SentBody").field("bytes", &self.bytes).finish_non_exhaustive()
    }
}

impl fmt::Debug for AttemptRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AttemptRecord")
            .field("number", &self.number)
            .field("outcome", &self.outcome)
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}
