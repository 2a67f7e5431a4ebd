//! A referral as lists show it: every text ready, in the reader's language.

use uuid::Uuid;

use super::words::Words;
use crate::domain::{
    lifecycle::State,
    organization::OrganizationId,
    referral::Referral,
    time::Timestamp,
    vocabulary::{Direction, Vocabulary as _},
};

const DAY_SECS: i64 = 24 * 60 * 60;
/// What is further away is told by its day.
const FAR_SECS: i64 = 60 * DAY_SECS;

/// A referral in a list.
pub(super) struct Card {
    pub(super) id: Uuid,
    /// Name of the deal; that of the customer where it has none.
    pub(super) name: String,
    pub(super) customer: String,
    pub(super) country: String,
    /// Value with currency; empty when it has none.
    pub(super) value: String,
    pub(super) closes: String,
    pub(super) updated: String,
    pub(super) status: Badge,
    /// Who is on the other side: the owner of another's record, the inviter of an own one. Empty for an own deal.
    pub(super) partner: String,
    /// How long it can be answered; `None` when it cannot or need not.
    pub(super) deadline: Option<Deadline>,
    /// Concurrency token, as `If-Match` takes it.
    pub(super) etag: String,
    pub(super) solutions: String,
    pub(super) notes: String,
}

/// Where a referral stands, never by colour alone.
#[derive(Clone)]
pub(super) struct Badge {
    /// Stable name in lower case, for the style.
    pub(super) name: String,
    pub(super) label: String,
}

/// How long something can be answered.
pub(super) struct Deadline {
    /// Such as `3 days left`.
    pub(super) left: String,
    /// The moment itself.
    pub(super) at: String,
    /// `late`, `soon` or `later`, for the style.
    pub(super) urgency: &'static str,
}

impl Badge {
    /// Says where a referral stands.
    pub(super) fn of(referral: &Referral, words: Words) -> Self {
        match State::of(referral.status, referral.substatus) {
            Some(state) => Self::of_state(state, words),
            None => Self { name: "none".to_owned(), label: referral.status.as_str().to_owned() },
        }
    }

    /// Says what a state is called.
    pub(super) fn of_state(state: State, words: Words) -> Self {
        let name = state.substatus().as_str().to_lowercase();
        Self { label: words.say(&format!("state-{name}")), name }
    }
}

impl Deadline {
    /// Says how long it is until `at`.
    pub(super) fn of(at: Timestamp, now: Timestamp, words: Words) -> Self {
        let seconds = at.unix_secs().saturating_sub(now.unix_secs());
        let left = match seconds {
            ..=0 => words.say("overdue"),
            1..DAY_SECS => words.count("hours-left", seconds.unsigned_abs() / 3600),
            FAR_SECS.. => words.day(at),
            _ => words.count("days-left", (seconds / DAY_SECS).unsigned_abs()),
        };
        let urgency = match seconds {
            ..172_800 => "late",
            172_800..432_000 => "soon",
            _ => "later",
        };
        Self { left, at: words.moment(at), urgency }
    }
}

impl Card {
    /// Makes one of a referral as `viewer` sees it.
    pub(super) fn of(referral: &Referral, viewer: &OrganizationId, now: Timestamp, words: Words) -> Self {
        let text = |it: &Option<String>| it.clone().unwrap_or_default();
        let customer = text(&referral.customer_profile.name);
        let name = referral.name.clone().filter(|it| !it.trim().is_empty());
        let is_own = referral.organization_id == *viewer;
        let is_incoming = referral.direction == Some(Direction::Incoming);
        let partner = match (is_own, is_incoming) {
            (false, _) => referral.organization_name.clone(),
            (true, true) => text(&referral.invite_context.invited_by.organization_name),
            (true, false) => String::new(),
        };
        let state = State::of(referral.status, referral.substatus);
        let is_unanswered = state.is_some_and(State::is_unanswered);
        let details = &referral.details;
        let solutions = details.requirements.solutions.iter();
        let solutions: Vec<&str> = solutions.map(|it| it.name.as_deref().unwrap_or(&it.id)).collect();
        let deadline = referral.expiration_date_time.filter(|_| is_unanswered);
        Self {
            id: referral.id,
            name: name.unwrap_or_else(|| words.about("unnamed-deal", &customer)),
            customer,
            country: text(&referral.customer_profile.address.country),
            value: words.money(details.deal_value.as_ref(), details.currency.as_deref()).unwrap_or_default(),
            closes: details.closing_date_time.map(|it| words.day(it)).unwrap_or_default(),
            updated: words.ago(referral.updated_date_time, now),
            status: Badge::of(referral, words),
            partner,
            deadline: deadline.map(|it| Deadline::of(it, now, words)),
            etag: text(&referral.e_tag),
            solutions: solutions.join(", "),
            notes: text(&details.notes),
        }
    }
}
