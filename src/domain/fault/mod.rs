//! Faults on demand: what a sandbox does wrong because somebody asked for it.
//!
//! ```text
//! a call ─→ the first fault whose choice it fits, and whose dice say so ─→ strike ─→ whoever does it
//! ```
//!
//! A [`Fault`] is a definition; [`Faults`] holds those in force, with what is left of their counts and with their dice.
//! It decides who is struck and does nothing itself: `http` and `feed` do. One call is struck by one fault at most.

pub mod form;
mod route;

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, Type},
};

pub use self::route::{Route, RouteError};
use super::{
    organization::OrganizationId,
    vocabulary::{Vocabulary, vocabulary},
};

/// The most faults at one time.
pub const FAULTS_MAX: usize = 100;

vocabulary! {
    /// What goes wrong.
    FaultKind, numbered: false {
        MfaRequired = "mfaRequired", AccessDenied = "accessDenied", PreconditionFailed = "preconditionFailed",
        Throttled = "throttled", ServerError = "serverError", Unavailable = "unavailable", Delay = "delay",
        CutAnswer = "cutAnswer", SlowBody = "slowBody", WebhookDuplicate = "webhookDuplicate",
        WebhookReorder = "webhookReorder", WebhookDelay = "webhookDelay",
        WebhookBadSignature = "webhookBadSignature", WebhookWrongCertificate = "webhookWrongCertificate",
    }
}

vocabulary! {
    /// Where an answer is cut off.
    CutPlace, numbered: false { BeforeHead = "beforeHead", InBody = "inBody" }
}

/// What a fault strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Victim {
    /// A request to this server.
    Request,
    /// A message to a receiver of webhooks.
    Webhook,
}

impl FaultKind {
    /// Says what the fault strikes.
    pub fn victim(self) -> Victim {
        match self {
            Self::MfaRequired
            | Self::AccessDenied
            | Self::PreconditionFailed
            | Self::Throttled
            | Self::ServerError
            | Self::Unavailable
            | Self::Delay
            | Self::CutAnswer
            | Self::SlowBody => Victim::Request,
            Self::WebhookDuplicate
            | Self::WebhookReorder
            | Self::WebhookDelay
            | Self::WebhookBadSignature
            | Self::WebhookWrongCertificate => Victim::Webhook,
        }
    }
}

/// What goes wrong, and for whom. An absent choice fits everybody.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Fault {
    /// What goes wrong.
    pub kind: FaultKind,
    /// Calls of this application (`appid`, `azp` or `client_id` of the token).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub application: Option<String>,
    /// Calls of this organisation; for webhooks, messages to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organization: Option<OrganizationId>,
    /// Calls with this method.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Calls to this path: `{…}` stands for one segment, `*` at the end for all that follows.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub route: Option<Route>,
    /// How likely a call that fits is struck, from 0 to 1.
    pub probability: f64,
    /// The number that the dice start from: the same number and the same calls lead to the same faults.
    pub seed: u64,
    /// What `Retry-After` says, of `throttled` and `unavailable`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after_secs: Option<u64>,
    /// How long is waited: of `delay` by the clock on the wall, of webhooks by the sandbox's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delay_ms: Option<u64>,
    /// How fast a `slowBody` goes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes_per_sec: Option<u64>,
    /// Where a `cutAnswer` is cut.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cut: Option<CutPlace>,
}

/// A fault in force.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FaultState {
    /// Its name, which the header `Liaison-Fault` carries.
    pub id: String,
    /// What it does.
    #[serde(flatten)]
    pub fault: Fault,
    /// How many more it strikes; absent where there is no end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remaining: Option<u64>,
    /// How many it has struck.
    pub struck: u64,
}

/// A fault that strikes.
#[derive(Clone, Debug, PartialEq)]
pub struct Strike {
    /// The name of the fault.
    pub id: String,
    /// What it does.
    pub fault: Fault,
}

impl Strike {
    /// Returns what the header `Liaison-Fault` says.
    pub fn header(&self) -> String {
        format!("{}; kind={}", self.id, self.fault.kind.as_str())
    }
}

/// A request, as far as a fault asks for it.
#[derive(Clone, Copy, Debug)]
pub struct RequestFacts<'a> {
    /// The method, in capitals.
    pub method: &'a str,
    /// The path as the router knows it.
    pub path: &'a str,
}

/// Who makes a request: organisation and application.
pub type Identity = (OrganizationId, String);

/// As many faults as there may be are in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{FAULTS_MAX} faults are in force, and there may be no more; take some away first")]
pub struct TooManyFaults;

/// The faults in force. Clones are the same list.
#[derive(Clone, Debug, Default)]
pub struct Faults(Arc<List>);

#[derive(Debug, Default)]
struct List {
    /// How many are in force, so that whoever is not struck takes no lock.
    count: AtomicUsize,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    last_number: u64,
    faults: Vec<Live>,
}

#[derive(Debug)]
struct Live {
    state: FaultState,
    dice: u64,
}

impl Faults {
    /// Puts a fault in force, behind those that are; `count` says how many it strikes.
    ///
    /// # Errors
    /// When there are as many as there may be. Those that have struck their number make room.
    pub fn add(&self, fault: Fault, count: Option<u64>) -> Result<FaultState, TooManyFaults> {
        let mut held = self.0.held.lock();
        if held.faults.len() >= FAULTS_MAX {
            held.faults.retain(|it| it.state.remaining != Some(0));
        }
        if held.faults.len() >= FAULTS_MAX {
            return Err(TooManyFaults);
        }
        held.last_number = held.last_number.saturating_add(1);
        let (id, dice) = (format!("f{}", held.last_number), fault.seed);
        let state = FaultState { id, fault, remaining: count, struck: 0 };
        held.faults.push(Live { state: state.clone(), dice });
        self.0.count.store(held.faults.len(), Ordering::Release);
        Ok(state)
    }

    /// Lists the faults, the first first; those that have struck their number are among them.
    pub fn list(&self) -> Vec<FaultState> {
        self.0.held.lock().faults.iter().map(|it| it.state.clone()).collect()
    }

    /// Takes a fault away. Says whether it was there.
    pub fn remove(&self, id: &str) -> bool {
        let mut held = self.0.held.lock();
        let before = held.faults.len();
        held.faults.retain(|it| it.state.id != id);
        self.0.count.store(held.faults.len(), Ordering::Release);
        held.faults.len() < before
    }

    /// Takes all of them away.
    pub fn clear(&self) {
        let mut held = self.0.held.lock();
        held.faults.clear();
        self.0.count.store(0, Ordering::Release);
    }

    /// Says whether nobody can be struck; takes no lock.
    pub fn is_empty(&self) -> bool {
        self.0.count.load(Ordering::Acquire) == 0
    }

    /// Says whether it depends on the caller which fault strikes a request.
    pub fn asks_for_identity(&self, request: RequestFacts<'_>) -> bool {
        let held = self.0.held.lock();
        held.faults.iter().any(|it| {
            let fault = &it.state.fault;
            let asks = fault.application.is_some() || fault.organization.is_some();
            asks && it.is_armed(Victim::Request) && fault.fits_request(request)
        })
    }

    /// Returns the fault that strikes a request, if one does, and counts it.
    pub fn strike_request(&self, request: RequestFacts<'_>, caller: Option<&Identity>) -> Option<Strike> {
        self.strike(Victim::Request, |fault| {
            let of_organization = |wanted: &OrganizationId| caller.is_some_and(|(it, _)| it == wanted);
            let of_application =
                |wanted: &String| caller.is_some_and(|(_, it)| it.eq_ignore_ascii_case(wanted));
            fault.fits_request(request)
                && fault.organization.as_ref().is_none_or(of_organization)
                && fault.application.as_ref().is_none_or(of_application)
        })
    }

    /// Returns the fault that strikes a message to an organisation, if one does, and counts it.
    pub fn strike_webhook(&self, organization_id: &OrganizationId) -> Option<Strike> {
        self.strike(Victim::Webhook, |fault| {
            fault.organization.as_ref().is_none_or(|it| it == organization_id)
        })
    }

    fn strike(&self, victim: Victim, fits: impl Fn(&Fault) -> bool) -> Option<Strike> {
        let mut held = self.0.held.lock();
        let armed = held.faults.iter_mut().filter(|it| it.is_armed(victim) && fits(&it.state.fault));
        // The dice of a fault are thrown for every call that fits, so that its course depends on nothing else.
        for live in armed {
            if live.throw() {
                let state = &mut live.state;
                state.struck = state.struck.saturating_add(1);
                state.remaining = state.remaining.map(|it| it.saturating_sub(1));
                return Some(Strike { id: state.id.clone(), fault: state.fault.clone() });
            }
        }
        None
    }
}

impl Fault {
    fn fits_request(&self, request: RequestFacts<'_>) -> bool {
        let of_route = match &self.route {
            Some(route) => route.matches(request.path),
            // Tokens and descriptions are struck only where they are named.
            None => ["/v1.0/", "/v1/", "/webhooks/"].iter().any(|it| request.path.starts_with(it)),
        };
        of_route && self.method.as_ref().is_none_or(|it| it == request.method)
    }
}

impl Live {
    fn is_armed(&self, victim: Victim) -> bool {
        self.state.fault.kind.victim() == victim && self.state.remaining != Some(0)
    }

    fn throw(&mut self) -> bool {
        let probability = self.state.fault.probability;
        if probability >= 1.0 {
            return true;
        }
        // splitmix64: every seed does, and the course is the same on every machine.
        self.dice = self.dice.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.dice;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        let thrown = f64::from(u32::try_from(mixed >> 32).unwrap_or_default()) / (f64::from(u32::MAX) + 1.0);
        thrown < probability
    }
}

#[cfg(test)]
mod tests;
