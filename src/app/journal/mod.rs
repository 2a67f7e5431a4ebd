//! The request log: the last calls of each application, in memory, bounded in number and bytes.
//!
//! What is kept is what came and went, but for the bodies of sign-ins. Bodies are kept from their beginning, up to a bound.
//! What is shown of a call to whom ([`Sight`], [`LoggedCall`]) is the same for the API and for the dashboard.

mod har;
mod mask;
mod mend;
mod view;

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Method};
use parking_lot::Mutex;
use uuid::Uuid;

pub use self::{
    har::archive,
    mask::Sight,
    mend::Mend,
    view::{Decided, LoggedBody, LoggedCall, LoggedHeader, LoggedPart},
};
use crate::{
    config::Requests,
    domain::{fault::Identity, organization::OrganizationId, time::Timestamp},
};

/// What a call costs beside its texts, in bytes; about.
const CALL_BYTES: usize = 512;

/// A call, and what came of it.
#[derive(Debug)]
pub struct Call {
    /// The server's id of the request.
    pub id: Uuid,
    /// When it came.
    pub at: Timestamp,
    /// Whose it was; `None` where that cannot be told, because no good token came.
    pub caller: Option<Identity>,
    /// The method.
    pub method: Method,
    /// Path and query, as they were sent.
    pub target: String,
    /// What came before the body.
    pub headers: HeaderMap,
    /// What came.
    pub body: Captured,
    /// The status of the answer.
    pub status: u16,
    /// What the status is called, where it has a name.
    pub status_text: Option<&'static str>,
    /// What went before the body.
    pub answer_headers: HeaderMap,
    /// What went.
    pub answer_body: Captured,
    /// From the head of the request to that of the answer.
    pub duration: Duration,
    /// Why it was refused.
    pub refused: Option<RefusedCall>,
    /// The fault that struck it, as `Liaison-Fault` says it.
    pub fault: Option<String>,
}

/// Why a call was refused.
#[derive(Clone, PartialEq, Eq)]
pub struct RefusedCall {
    /// The most precise code.
    pub code: &'static str,
    /// The rule that decided first, where one did.
    pub rule: Option<&'static str>,
    /// What it is about: a JSON pointer, or a name.
    pub target: Option<String>,
    /// The text for developers; it may quote what was sent.
    pub message: String,
}

impl std::fmt::Debug for RefusedCall {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The message may quote personal data.
        f.debug_struct("RefusedCall")
            .field("code", &self.code)
            .field("rule", &self.rule)
            .finish_non_exhaustive()
    }
}

/// A body as far as it is kept. Clones are the same one; it grows while the body goes by.
#[derive(Clone)]
pub struct Captured {
    bytes_max: usize,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Default)]
struct Seen {
    kept: BytesMut,
    bytes: u64,
}

impl Captured {
    /// Begins with nothing, and will keep no more than `bytes_max`.
    pub fn new(bytes_max: usize) -> Self {
        Self { bytes_max, seen: Arc::default() }
    }

    /// Adds what comes next.
    pub fn push(&self, bytes: &[u8]) {
        let mut seen = self.seen.lock();
        seen.bytes = seen.bytes.saturating_add(bytes.len() as u64);
        let room = self.bytes_max.saturating_sub(seen.kept.len());
        seen.kept.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
    }

    /// Returns what is kept, and how many bytes there were.
    pub fn read(&self) -> (Bytes, u64) {
        let seen = self.seen.lock();
        (seen.kept.clone().freeze(), seen.bytes)
    }

    /// Returns how much of a body of about `bytes` is kept; of an unknown number, as much as there can be.
    fn reserve(&self, bytes: Option<u64>) -> usize {
        bytes.and_then(|it| usize::try_from(it).ok()).unwrap_or(usize::MAX).min(self.bytes_max)
    }
}

impl std::fmt::Debug for Captured {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Captured(…)")
    }
}

/// Which calls are wanted.
#[derive(Clone, Debug, Default)]
pub struct WantedCalls {
    /// Those of one organisation; of all, and of nobody, when absent.
    pub organization_id: Option<OrganizationId>,
    /// Those of one application.
    pub application_id: Option<String>,
    /// Those after this one; without it, the newest.
    pub after: Option<Uuid>,
    /// How many at most.
    pub count_max: usize,
}

/// Some calls, the oldest first.
#[derive(Debug)]
pub struct CallPage {
    /// The calls.
    pub calls: Vec<Arc<Call>>,
    /// Says whether calls may be missing between the one that was named and the first: it is no longer there.
    pub has_gap: bool,
}

/// The request log of one server. Clones are the same log.
#[derive(Clone, Debug)]
pub struct Journal(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    limits: Requests,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    last_number: u64,
    rings: HashMap<Option<Identity>, Ring>,
}

/// The calls of one application.
#[derive(Debug, Default)]
struct Ring {
    bytes: usize,
    calls: VecDeque<Kept>,
}

#[derive(Debug)]
struct Kept {
    number: u64,
    bytes: usize,
    call: Arc<Call>,
}

impl Journal {
    /// Opens a log within limits; `None` where the operator wants none.
    pub fn open(limits: &Requests) -> Option<Self> {
        limits.enabled.then(|| Self(Arc::new(Parts { limits: limits.clone(), held: Mutex::default() })))
    }

    /// Returns room for a body.
    pub fn capture(&self) -> Captured {
        Captured::new(self.0.limits.body_bytes_max)
    }

    /// Adds a call; the sizes of its bodies are given where they are known. The oldest of the same application make
    /// room.
    pub fn add(&self, call: Call, body_bytes: Option<u64>, answer_bytes: Option<u64>) {
        let limits = &self.0.limits;
        let heads = call.target.len() + size_of(&call.headers) + size_of(&call.answer_headers);
        let bodies = call.body.reserve(body_bytes) + call.answer_body.reserve(answer_bytes);
        let bytes = CALL_BYTES + heads + bodies;
        let mut held = self.0.held.lock();
        held.last_number = held.last_number.saturating_add(1);
        let number = held.last_number;
        if !held.rings.contains_key(&call.caller) && held.rings.len() >= limits.applications_max {
            held.forget_quietest();
        }
        let ring = held.rings.entry(call.caller.clone()).or_default();
        ring.calls.push_back(Kept { number, bytes, call: Arc::new(call) });
        ring.bytes = ring.bytes.saturating_add(bytes);
        while ring.calls.len() > limits.calls_per_application_max
            || (ring.bytes > limits.bytes_per_application_max && ring.calls.len() > 1)
        {
            let Some(oldest) = ring.calls.pop_front() else { break };
            ring.bytes = ring.bytes.saturating_sub(oldest.bytes);
        }
    }

    /// Finds a call of an organisation.
    pub fn find(&self, organization_id: &OrganizationId, id: Uuid) -> Option<Arc<Call>> {
        let held = self.0.held.lock();
        let is_of = |caller: &Option<Identity>| caller.as_ref().is_some_and(|(it, _)| it == organization_id);
        let mut own = held.rings.iter().filter(|(caller, _)| is_of(caller)).flat_map(|(_, ring)| &ring.calls);
        own.find(|it| it.call.id == id).map(|it| Arc::clone(&it.call))
    }

    /// Lists calls.
    pub fn list(&self, wanted: &WantedCalls) -> CallPage {
        let held = self.0.held.lock();
        let fits = |caller: &Option<Identity>| {
            let is_of = |id: &OrganizationId| caller.as_ref().is_some_and(|(it, _)| it == id);
            let is_by = |id: &String| caller.as_ref().is_some_and(|(_, it)| it.eq_ignore_ascii_case(id));
            wanted.organization_id.as_ref().is_none_or(is_of)
                && wanted.application_id.as_ref().is_none_or(is_by)
        };
        let mut found: Vec<&Kept> =
            held.rings.iter().filter(|(caller, _)| fits(caller)).flat_map(|(_, ring)| &ring.calls).collect();
        found.sort_unstable_by_key(|it| it.number);
        let place = wanted.after.map(|id| found.iter().position(|it| it.call.id == id));
        let from = match place {
            None => found.len().saturating_sub(wanted.count_max),
            Some(None) => 0,
            Some(Some(place)) => place.saturating_add(1),
        };
        let calls = found.iter().skip(from).take(wanted.count_max).map(|it| Arc::clone(&it.call)).collect();
        CallPage { calls, has_gap: place == Some(None) }
    }
}

impl Held {
    /// Forgets the application whose last call is the longest ago.
    fn forget_quietest(&mut self) {
        let last = |ring: &Ring| ring.calls.back().map_or(0, |it| it.number);
        let quietest = self.rings.iter().min_by_key(|(_, ring)| last(ring)).map(|(caller, _)| caller.clone());
        if let Some(quietest) = quietest {
            self.rings.remove(&quietest);
        }
    }
}

fn size_of(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn journal(calls: usize, bytes: usize, applications: usize) -> Journal {
        let limits = Requests {
            enabled: true,
            calls_per_application_max: calls,
            bytes_per_application_max: bytes,
            body_bytes_max: 1000,
            applications_max: applications,
        };
        Journal::open(&limits).unwrap()
    }

    fn call(journal: &Journal, number: u128, application: &str) -> Uuid {
        let id = Uuid::from_u128(number);
        let call = Call {
            id,
            at: Timestamp::default(),
            caller: Some((OrganizationId::msft(), application.to_owned())),
            method: Method::GET,
            target: "/".to_owned(),
            headers: HeaderMap::new(),
            body: journal.capture(),
            status: 200,
            status_text: Some("OK"),
            answer_headers: HeaderMap::new(),
            answer_body: journal.capture(),
            duration: Duration::ZERO,
            refused: None,
            fault: None,
        };
        journal.add(call, Some(0), None);
        id
    }

    fn numbers(page: &CallPage) -> Vec<u128> {
        page.calls.iter().map(|it| it.id.as_u128()).collect()
    }

    #[test]
    fn an_application_keeps_its_newest_calls_whatever_the_others_do() {
        let journal = journal(3, 1_000_000, 2);
        for number in 1..=4 {
            call(&journal, number, "a");
        }
        call(&journal, 5, "b");
        let all = WantedCalls { count_max: 10, ..WantedCalls::default() };
        assert_eq!(numbers(&journal.list(&all)), [2, 3, 4, 5]);
        let of_one = WantedCalls { application_id: Some("B".to_owned()), ..all.clone() };
        assert_eq!(numbers(&journal.list(&of_one)), [5]);

        // A third one takes the place of the quietest.
        call(&journal, 6, "c");

        assert_eq!(numbers(&journal.list(&all)), [5, 6]);
        let newest = WantedCalls { count_max: 1, ..all.clone() };
        assert_eq!(numbers(&journal.list(&newest)), [6]);
        let foreign = WantedCalls { organization_id: Some(Uuid::from_u128(7).into()), ..all };
        assert_eq!(numbers(&journal.list(&foreign)), [0; 0]);
        let is_found = |number, owner| journal.find(owner, Uuid::from_u128(number)).is_some();
        let (own, other) = (OrganizationId::msft(), Uuid::from_u128(7).into());
        assert_eq!((is_found(5, &own), is_found(4, &own)), (true, false));
        assert!(!is_found(5, &other));
    }

    #[test]
    fn going_on_from_a_call_tells_whether_some_are_gone() {
        let journal = journal(3, 1_000_000, 2);
        let first = call(&journal, 1, "a");
        call(&journal, 2, "a");
        let wanted = WantedCalls { after: Some(first), count_max: 10, ..WantedCalls::default() };
        let page = journal.list(&wanted);
        assert_eq!((numbers(&page), page.has_gap), (vec![2], false));

        for number in 3..=5 {
            call(&journal, number, "a");
        }

        let page = journal.list(&wanted);
        assert_eq!((numbers(&page), page.has_gap), (vec![3, 4, 5], true));
    }

    #[test]
    fn bytes_are_bounded_too_and_a_body_by_itself() {
        let journal = journal(100, 4_000, 2);
        for number in 1..=10 {
            call(&journal, number, "a");
        }
        // An answer of unknown size is counted with all that may be kept of it.
        let all = WantedCalls { count_max: 100, ..WantedCalls::default() };
        assert_eq!(numbers(&journal.list(&all)), [9, 10]);

        let captured = Captured::new(4);
        captured.push(b"abc");
        captured.push(b"defg");

        assert_eq!(captured.read(), (Bytes::from_static(b"abcd"), 7));
        assert!(Journal::open(&Requests { enabled: false, ..journal.0.limits.clone() }).is_none());
    }
}
