//! What the page says of a deal, piece by piece.

use super::{
    acts::action_name,
    invite::code_name,
    life::stage_name,
    load::Deal,
    parties::{Fact, Person, value},
    sections::{intent, intent_name},
};
use crate::{
    domain::{
        deal::{Category, DealType},
        lifecycle::Action,
        referral::{SolutionTag, registration::Registration},
        visibility,
        vocabulary::{AssistanceRequestCode, Vocabulary as _},
    },
    web::words::Words,
};

/// A solution of the deal.
pub(super) struct Solution {
    pub(super) name: String,
    pub(super) id: String,
    pub(super) publisher: String,
    pub(super) quantity: String,
    pub(super) price: String,
}

/// A deal registration.
pub(super) struct Registered {
    pub(super) id: String,
    pub(super) status: String,
    pub(super) reason: String,
    pub(super) value: String,
    pub(super) at: String,
}

fn list(facts: impl IntoIterator<Item = Option<Fact>>) -> Vec<Fact> {
    facts.into_iter().flatten().collect()
}

/// Tells the deal itself.
pub(super) fn details(deal: &Deal, words: Words) -> Vec<Fact> {
    let (referral, details) = (&deal.referral, &deal.referral.details);
    let text = |it: &Option<String>| it.clone().unwrap_or_default();
    let stage = referral.sales_stage.as_deref().map(|it| stage_name(it, words));
    let answer = intent(deal).map(|it| intent_name(&it, words));
    let notes = Fact::of(words.say("field-notes"), text(&details.notes));
    list([
        Fact::of(words.say("value"), value(referral, words)),
        Fact::of(words.say("closes"), details.closing_date_time.map(|it| words.day(it)).unwrap_or_default()),
        Fact::of(words.say("field-stage"), stage.unwrap_or_default()),
        Fact::of(words.say("field-intent"), answer.unwrap_or_default()),
        Fact::of(words.say("field-crm"), text(&referral.external_reference_id)),
        Fact::of(words.say("field-campaign"), text(&referral.campaign_id)),
        Fact::of(words.say("member-partnerRole"), text(&referral.partner_role)),
        Fact::of(words.say("member-solutionArea"), text(&referral.solution_area)),
        Fact::of(words.say("member-solutionPlay"), text(&referral.solution_play)),
        notes.map(|it| Fact { is_wide: true, ..it }),
    ])
}

/// Tells the customer.
pub(super) fn customer(deal: &Deal, words: Words) -> Vec<Fact> {
    let customer = &deal.referral.customer_profile;
    let address = &customer.address;
    let lines = [
        &address.address_line1,
        &address.address_line2,
        &address.postal_code,
        &address.city,
        &address.state,
        &address.country,
    ];
    let lines: Vec<&str> =
        lines.into_iter().flatten().map(|it| it.trim()).filter(|it| !it.is_empty()).collect();
    let size = customer.size.map(|it| it.as_str().trim_end_matches("employees"));
    let size = size.map(|it| it.replace("Morethan", "> ").replace("to", "–"));
    let ids = customer.ids.iter();
    let ids: Vec<String> = ids.map(|it| format!("{} {}", it.profile_type.as_str(), it.id)).collect();
    list([
        Fact::of(words.say("customer"), customer.name.clone().unwrap_or_default()),
        Fact::of(words.say("member-customerProfile-address"), lines.join(", ")),
        Fact::of(words.say("employees"), size.unwrap_or_default()),
        Fact::of(words.say("member-customerProfile-ids"), ids.join(", ")),
    ])
}

/// Lists the customer's people.
pub(super) fn contacts(deal: &Deal) -> Vec<Person> {
    deal.referral.customer_profile.team.iter().map(Person::of).collect()
}

/// Says whether the customer's people are shown only once the deal is accepted.
pub(super) fn waits_for_contacts(deal: &Deal) -> bool {
    let consent = &deal.referral.consent;
    let refused = [consent.consent_to_contact, consent.consent_to_to_share_info_with_others];
    deal.referral.customer_profile.team.is_empty()
        && refused.contains(&Some(false))
        && !visibility::has_accepted(deal.referral.substatus)
}

/// Says why the customer's people cannot be changed any more; `None` when they can.
pub(super) fn contacts_frozen(deal: &Deal, words: Words) -> Option<String> {
    deal.is_shared().then(|| words.say("contacts-frozen"))
}

/// Lists the solutions.
pub(super) fn solutions(deal: &Deal, words: Words) -> Vec<Solution> {
    let solution = |it: &SolutionTag| Solution {
        name: it.name.clone().unwrap_or_else(|| it.id.clone()),
        id: it.id.clone(),
        publisher: it.publisher_name.clone().unwrap_or_default(),
        quantity: it.quantity.as_ref().map(|it| words.number(it.as_str())).unwrap_or_default(),
        price: words.money(it.price.as_ref(), it.currency.as_deref()).unwrap_or_default(),
    };
    deal.referral.details.requirements.solutions.iter().map(solution).collect()
}

/// Tells what was asked for by whoever made the record.
pub(super) fn invitation(deal: &Deal, words: Words) -> Vec<Fact> {
    let context = &deal.referral.invite_context;
    let code = context.assistance_request_code;
    let code = (code != AssistanceRequestCode::Unknown).then(|| code_name(code, words));
    let by = context.invited_by.organization_name.clone().unwrap_or_default();
    let notes = Fact::of(words.say("field-message"), context.notes.clone().unwrap_or_default());
    list([
        Fact::of(words.say("invited-by"), by),
        Fact::of(words.say("field-code"), code.unwrap_or_default()),
        notes.map(|it| Fact { is_wide: true, ..it }),
    ])
}

/// Says how far the deal is shared.
pub(super) fn deal_type(deal: &Deal, words: Words) -> String {
    words.say(match deal.actions.deal_type {
        DealType::Private => "type-private",
        DealType::PartnerLed => "type-partner-led",
        DealType::CoSell => "type-co-sell",
        DealType::ServicesCoSell => "type-services-co-sell",
        DealType::PartnerToPartner => "type-partner-to-partner",
    })
}

/// Says where a lead comes from; `None` for an opportunity.
pub(super) fn category(deal: &Deal, words: Words) -> Option<String> {
    match deal.actions.category {
        Category::MarketplaceLead => Some(words.say("category-marketplace-lead")),
        Category::QualifiedLead => Some(words.say("category-qualified-lead")),
        Category::CoSellOpportunity => None,
    }
}

/// Tells what is known of a lead; empty for an opportunity.
pub(super) fn lead(deal: &Deal, words: Words) -> Vec<Fact> {
    if category(deal, words).is_none() {
        return Vec::new();
    }
    let referral = &deal.referral;
    let text = |it: &Option<String>| it.clone().unwrap_or_default();
    let spam = if referral.is_spam { words.say("yes") } else { words.say("no") };
    let wants = referral.details.customer_requested_contact;
    let wants = wants.map(|it| words.say(if it { "yes" } else { "no" }));
    list([
        Fact::of(words.say("lead-quality"), referral.quality.clone()),
        Fact::of(words.say("lead-call-to-action"), text(&referral.call_to_action)),
        Fact::of(words.say("lead-source"), text(&referral.referral_source)),
        Fact::of(words.say("lead-action"), text(&referral.details.customer_action)),
        Fact::of(words.say("lead-wants-contact"), wants.unwrap_or_default()),
        Fact::of(words.say("lead-spam"), spam),
    ])
}

/// Tells dates and ids.
pub(super) fn record(deal: &Deal, words: Words) -> Vec<Fact> {
    let referral = &deal.referral;
    let moment = |name: &str, at: Option<_>| Fact::of(words.say(name), words.moment(at?));
    list([
        Fact::of(words.say("owner"), referral.organization_name.clone()),
        Fact::of(words.say("field-location"), referral.mpn_id.clone().unwrap_or_default()),
        moment("created", Some(referral.created_date_time)),
        moment("changed", Some(referral.updated_date_time)),
        moment("life-accepted", referral.accepted_date_time),
        moment("closed", referral.closed_date_time),
    ])
}

/// Lists the registrations.
pub(super) fn registrations(deal: &Deal, words: Words) -> Vec<Registered> {
    let registered = |it: &Registration| Registered {
        id: it.id.clone(),
        status: it.status.as_str().to_owned(),
        reason: it.status_reason.clone().unwrap_or_default(),
        value: words.money(it.contract.value.as_ref(), it.contract.currency.as_deref()).unwrap_or_default(),
        at: it.registration_date_time.map(|it| words.day(it)).unwrap_or_default(),
    };
    deal.referral.registrations.iter().map(registered).collect()
}

/// Says how far Microsoft is in the deal, and how much further it can be brought.
pub(super) struct Microsoft {
    pub(super) said: String,
    pub(super) can_share: bool,
    pub(super) can_ask: bool,
    /// Why neither can be done; empty when one can.
    pub(super) reason: String,
    pub(super) share_label: String,
}

/// Tells of Microsoft; `None` on Microsoft's own record, and where it is not for the person to say.
pub(super) fn microsoft(deal: &Deal, words: Words) -> Option<Microsoft> {
    if !deal.is_own() || deal.referral.organization_id.is_msft() {
        return None;
    }
    let is_party = deal.microsoft().is_some();
    let is_seen = deal.referral.consent.consent_to_share_referral_with_microsoft_sellers;
    let can_ask = !is_party && deal.may(Action::Share);
    let said = match (is_party, is_seen) {
        (true, _) => "microsoft-asked",
        (false, true) => "microsoft-sees",
        (false, false) => "microsoft-not",
    };
    let reason = deal.refusal(Action::Share).map(super::form::sentence).unwrap_or_default();
    Some(Microsoft {
        said: words.say(said),
        can_share: !is_party && deal.may(Action::ShareWithMicrosoft),
        can_ask,
        reason,
        share_label: action_name(Action::ShareWithMicrosoft, words),
    })
}
