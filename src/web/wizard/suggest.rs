//! What the person may take instead of typing: customers and colleagues of recent deals, the catalogue, partners.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::{
    draft::{Draft, Fields, text},
    step::Step,
};
use crate::{
    domain::{
        actor::Actor,
        organization::OrganizationId,
        referral::{Member, Referral},
        vocabulary::{ProfileType, Vocabulary as _},
    },
    service::{
        administration::{self, PartnerView, SolutionView},
        referrals::{self, ReadError, Shape},
    },
    web::{failure::Failure, visit::Visit},
};

/// Deals that are looked at for suggestions.
const DEALS_MAX: u32 = 25;
/// Suggestions that have a button.
const BUTTONS_MAX: usize = 6;
/// Partners that a search shows.
const PARTNERS_MAX: usize = 20;

/// Something of a recent deal.
pub(super) struct Recent {
    /// What the button that takes it sends.
    pub(super) command: String,
    pub(super) label: String,
}

/// A solution of the catalogue.
pub(super) struct Offered {
    pub(super) id: String,
    pub(super) name: String,
}

/// A partner that can be invited.
pub(super) struct Partner {
    pub(super) location: Uuid,
    pub(super) organization: String,
    pub(super) place: String,
    pub(super) is_invited: bool,
}

/// What a step offers instead of typing.
#[derive(Default)]
pub(super) struct Suggestions {
    pub(super) recent: Vec<Recent>,
    /// Names or addresses of all recent ones, for the list of a field.
    pub(super) listed: Vec<String>,
    pub(super) solutions: Vec<Offered>,
    pub(super) partners: Vec<Partner>,
    /// How many partners there are in all.
    pub(super) partners_count: usize,
}

/// Gathers what a step offers.
pub(super) async fn suggest(
    visit: &Visit,
    actor: &Actor,
    step: Step,
    draft: &Draft,
) -> Result<Suggestions, Failure> {
    let mut suggestions = Suggestions::default();
    match step {
        Step::Customer => {
            let mut names = BTreeSet::new();
            for deal in recent(visit, actor).await? {
                let name = deal.customer_profile.name.unwrap_or_default();
                if name.trim().is_empty() || !names.insert(name.to_lowercase()) {
                    continue;
                }
                suggestions
                    .recent
                    .push(Recent { command: format!("customer:{}", deal.id), label: name.clone() });
                suggestions.listed.push(name);
            }
        }
        Step::Team => {
            for member in colleagues(recent(visit, actor).await?) {
                let (email, name) = (member.email.clone().unwrap_or_default(), full_name(&member));
                if !draft.team.iter().any(|it| text(it, "email").eq_ignore_ascii_case(&email)) {
                    suggestions.recent.push(Recent { command: format!("member:{email}"), label: name });
                }
                suggestions.listed.push(email);
            }
        }
        Step::Solutions => {
            let solutions = own_solutions(visit, actor).await?.into_iter();
            suggestions.solutions = solutions.map(|it| Offered { id: it.id, name: it.name }).collect();
        }
        Step::Partners => {
            let (partners, count) = partners(visit, actor, &draft.search).await?;
            suggestions.partners_count = count;
            let offered = partners.into_iter().map(|it| Partner {
                location: it.location_id,
                is_invited: is_invited(draft, &it.organization_id),
                organization: it.organization_name,
                place: it.location_name,
            });
            suggestions.partners = offered.collect();
        }
        Step::Deal | Step::Intent | Step::Help | Step::Review => {}
    }
    suggestions.recent.truncate(BUTTONS_MAX);
    Ok(suggestions)
}

/// Lists the latest deals of the person's own organisation, as far as it sees them.
async fn recent(visit: &Visit, actor: &Actor) -> Result<Vec<Referral>, Failure> {
    let filter = format!("organizationId eq '{}'", actor.organization_id);
    let options = [
        ("$filter", filter.as_str()),
        ("$orderby", "createdDateTime desc"),
        ("$select", "id,customerProfile,team"),
    ];
    Ok(visit.list(actor, &options, DEALS_MAX).await?.referrals)
}

/// Lists the people of recent deals, each once.
fn colleagues(deals: Vec<Referral>) -> Vec<Member> {
    let mut seen = BTreeSet::new();
    let members = deals.into_iter().flat_map(|it| it.team);
    let is_new = |it: &Member| it.email.as_ref().is_some_and(|email| seen.insert(email.to_lowercase()));
    members.filter(is_new).collect()
}

fn full_name(member: &Member) -> String {
    let names = [&member.first_name, &member.last_name].into_iter().flatten();
    names.map(String::as_str).collect::<Vec<_>>().join(" ")
}

/// Takes the customer of a deal that the person sees.
pub(super) async fn take_customer(
    visit: &Visit,
    actor: &Actor,
    draft: &mut Draft,
    id: Uuid,
) -> Result<(), Failure> {
    let document = match referrals::read(&visit.app.context, actor, id, &Shape::default()).await {
        Ok(document) => document,
        // Out of sight meanwhile: there is nothing to take.
        Err(ReadError::NotFound) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    let customer = serde_json::from_str::<Referral>(&document.body)?.customer_profile;
    let duns = customer.ids.into_iter().find(|it| it.profile_type == ProfileType::Duns).map(|it| it.id);
    let (address, contact) = (customer.address, customer.team.into_iter().next().unwrap_or_default());
    let size = customer.size.map(|it| it.as_str().to_owned());
    for (name, value) in [
        ("customerProfile.name", customer.name),
        ("customerProfile.address.addressLine1", address.address_line1),
        ("customerProfile.address.addressLine2", address.address_line2),
        ("customerProfile.address.city", address.city),
        ("customerProfile.address.state", address.state),
        ("customerProfile.address.postalCode", address.postal_code),
        ("customerProfile.address.country", address.country),
        ("customerProfile.ids.0.id", duns),
        ("customerProfile.size", size),
        ("customerProfile.team.0.firstName", contact.first_name),
        ("customerProfile.team.0.lastName", contact.last_name),
        ("customerProfile.team.0.phoneNumber", contact.phone_number),
        ("customerProfile.team.0.email", contact.email),
    ] {
        draft.fields.insert(name.to_owned(), value.unwrap_or_default());
    }
    Ok(())
}

/// Takes a colleague of a recent deal into the team.
pub(super) async fn take_member(
    visit: &Visit,
    actor: &Actor,
    draft: &mut Draft,
    email: &str,
) -> Result<(), Failure> {
    let is_wanted = |it: &Member| it.email.as_deref().is_some_and(|it| it.eq_ignore_ascii_case(email));
    let found = colleagues(recent(visit, actor).await?).into_iter().find(is_wanted);
    let is_there = draft.team.iter().any(|it| text(it, "email").eq_ignore_ascii_case(email));
    if let (Some(member), false) = (found, is_there) {
        let row = [
            ("firstName", member.first_name),
            ("lastName", member.last_name),
            ("phoneNumber", member.phone_number),
            ("email", member.email),
        ];
        draft.team.push(row.map(|(name, value)| (name.to_owned(), value.unwrap_or_default())).into());
    }
    Ok(())
}

/// Adds a solution of the catalogue, with its name.
pub(super) async fn take_solution(
    visit: &Visit,
    actor: &Actor,
    draft: &mut Draft,
    id: &str,
) -> Result<(), Failure> {
    let found = own_solutions(visit, actor).await?.into_iter().find(|it| it.id == id);
    let is_there = draft.solutions.iter().any(|it| text(it, "id").eq_ignore_ascii_case(id));
    if let (Some(solution), false) = (found, is_there) {
        let row = [("id".to_owned(), solution.id), ("name".to_owned(), solution.name)];
        draft.solutions.push(Fields::from(row));
    }
    Ok(())
}

async fn own_solutions(visit: &Visit, actor: &Actor) -> Result<Vec<SolutionView>, Failure> {
    Ok(administration::list_solutions(&visit.app.context.store, &actor.organization_id).await?)
}

/// Finds partners; Microsoft is invited in a step of its own.
async fn partners(visit: &Visit, actor: &Actor, search: &str) -> Result<(Vec<PartnerView>, usize), Failure> {
    let (store, own) = (&visit.app.context.store, &actor.organization_id);
    let found = administration::search_partners(store, own, search, usize::MAX).await?;
    let mut partners = found.partners;
    partners.retain(|it| !it.organization_id.is_msft());
    let count = partners.len();
    partners.truncate(PARTNERS_MAX);
    Ok((partners, count))
}

fn is_invited(draft: &Draft, organization_id: &OrganizationId) -> bool {
    draft.partners.iter().any(|it| text(it, "organizationId") == organization_id.as_str())
}

/// Adds a partner to those who are invited. An engagement has one record for each organisation, so that one of its
/// locations is enough.
pub(super) async fn invite(
    visit: &Visit,
    actor: &Actor,
    draft: &mut Draft,
    location: Uuid,
) -> Result<(), Failure> {
    let (store, own) = (&visit.app.context.store, &actor.organization_id);
    let found = administration::search_partners(store, own, "", usize::MAX).await?;
    let Some(partner) = found.partners.into_iter().find(|it| it.location_id == location) else {
        return Ok(());
    };
    if !is_invited(draft, &partner.organization_id) && !partner.organization_id.is_msft() {
        let row = [
            ("location", partner.location_id.to_string()),
            ("organizationId", partner.organization_id.to_string()),
            ("organization", partner.organization_name),
            ("place", partner.location_name),
        ];
        draft.partners.push(row.map(|(name, value)| (name.to_owned(), value)).into());
    }
    Ok(())
}
