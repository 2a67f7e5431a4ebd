//! The other parties of a deal, as far as they are seen.

use super::load::Deal;
use crate::{
    domain::{
        lifecycle::State,
        referral::{Member, Referral},
        time::Timestamp,
    },
    web::{
        card::{Badge, Deadline},
        words::Words,
    },
};

/// Another party's record.
pub(super) struct Party {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) status: Badge,
    pub(super) deadline: Option<Deadline>,
    pub(super) facts: Vec<Fact>,
    pub(super) team: Vec<Person>,
    /// Why it declined or lost; empty when it said nothing that is seen.
    pub(super) reason: String,
    pub(super) is_microsoft: bool,
    /// Whether it is the record of the person's own organisation.
    pub(super) is_own: bool,
}

/// Something that is said in a word or two.
pub(super) struct Fact {
    pub(super) label: String,
    pub(super) value: String,
    pub(super) is_wide: bool,
}

/// Somebody.
pub(super) struct Person {
    pub(super) name: String,
    pub(super) title: String,
    pub(super) email: String,
    /// The e-mail address as it stands in a `mailto:` address.
    pub(super) address: String,
    pub(super) phone: String,
}

impl Fact {
    /// Makes one; `None` when there is nothing to say.
    pub(super) fn of(label: String, value: impl Into<String>) -> Option<Self> {
        let value = value.into();
        (!value.trim().is_empty()).then_some(Self { label, value, is_wide: false })
    }
}

impl Person {
    /// Shows somebody.
    pub(super) fn of(member: &Member) -> Self {
        let text = |it: &Option<String>| it.clone().unwrap_or_default();
        let names = [&member.first_name, &member.last_name];
        let names: Vec<&str> = names.into_iter().flatten().map(|it| it.trim()).collect();
        let name = names.join(" ").trim().to_owned();
        let email = text(&member.email);
        Self {
            name: if name.is_empty() { email.clone() } else { name },
            title: text(&member.title),
            address: url::form_urlencoded::byte_serialize(email.as_bytes()).collect(),
            email,
            phone: text(&member.phone_number),
        }
    }
}

/// Shows the other parties, Microsoft first.
pub(super) fn parties(deal: &Deal, own: &str, now: Timestamp, words: Words) -> Vec<Party> {
    let mut parties: Vec<Party> = deal.others.iter().map(|it| party(it, own, now, words)).collect();
    parties.sort_by_key(|it| !it.is_microsoft);
    parties
}

fn party(referral: &Referral, own: &str, now: Timestamp, words: Words) -> Party {
    let is_unanswered = referral.state().is_some_and(State::is_unanswered);
    let deadline = referral.expiration_date_time.filter(|_| is_unanswered);
    let day = |label: &str, at: Option<Timestamp>| Fact::of(words.say(label), words.day(at?));
    let tracking = &referral.tracking_info;
    let facts = [
        day("created", Some(referral.created_date_time)),
        day("party-accepted", referral.accepted_date_time),
        day("party-closed", referral.closed_date_time),
        day("closes", referral.details.closing_date_time),
        Fact::of(words.say("value"), value(referral, words)),
        Fact::of(words.say("msx-id"), tracking.microsoft_msx_id.clone().unwrap_or_default()),
    ];
    Party {
        id: referral.id.to_string(),
        name: referral.organization_name.clone(),
        status: Badge::of(referral, words),
        deadline: deadline.map(|it| Deadline::of(it, now, words)),
        facts: facts.into_iter().flatten().collect(),
        team: referral.team.iter().map(Person::of).collect(),
        reason: referral.status_reason.clone().unwrap_or_default(),
        is_microsoft: referral.organization_id.is_msft(),
        is_own: referral.organization_id.to_string() == own,
    }
}

/// Returns the value of a record with its currency; empty where there is none, or it is not seen.
pub(super) fn value(referral: &Referral, words: Words) -> String {
    let details = &referral.details;
    words.money(details.deal_value.as_ref(), details.currency.as_deref()).unwrap_or_default()
}
