//! Who sees which facet of a referral: one table, cell by cell.
//!
//! Which records a viewer sees at all is the scope's predicate, in `storage`. This table says what it sees
//! of a record that it may see. The document that is shown is built from the blank one: a member is copied
//! only where the table names its facet, so a new member is shown to nobody before it is placed here.
//! API.md prints the table.

use std::sync::LazyLock;

use memchr::memmem::Finder;

use super::{
    organization::OrganizationId,
    referral::{Consent, CustomerProfile, Details, InviteContext, Referral, Requirements, SolutionTag},
    vocabulary::Substatus,
};

/// What the viewer's organisation is to a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// It owns the record.
    Owner,
    /// It invited the owner.
    Inviter,
    /// The owner invited it.
    Invitee,
    /// It is Microsoft, and the record is shared with Microsoft's sellers.
    Microsoft,
    /// It has another record in the engagement.
    Party,
}

/// A part of a referral that is shown or withheld as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Facet {
    /// Ids, owner, status, type, qualification and dates.
    Record,
    /// The people who work on it.
    Team,
    /// The solutions, without prices.
    Solutions,
    /// The deal's name, targets, consent, other requirements; the customer's name, size and address.
    Deal,
    /// The customer's people and directory ids.
    Contacts,
    /// Value, currency, prices and quantities.
    Value,
    /// Notes, reasons and the invitation's text.
    Notes,
    /// The owner's working members: CRM id, campaign, stage, location, channels, tracking, registrations.
    Work,
}

/// What a cell of the table says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sight {
    /// Shown.
    Shown,
    /// Shown, unless the customer's consent is explicitly `false` and the viewer has not accepted.
    WithConsent,
    /// Behaves as null.
    Withheld,
}

use Sight::{Shown, WithConsent, Withheld};

/// Columns of [`TABLE`].
pub const RELATIONS: [Relation; 5] =
    [Relation::Owner, Relation::Inviter, Relation::Invitee, Relation::Microsoft, Relation::Party];

/// Who sees what. Columns as in [`RELATIONS`].
pub const TABLE: [(Facet, [Sight; 5]); 8] = [
    (Facet::Record, [Shown, Shown, Shown, Shown, Shown]),
    (Facet::Team, [Shown, Shown, Shown, Shown, Shown]),
    (Facet::Solutions, [Shown, Shown, Shown, Shown, Shown]),
    (Facet::Deal, [Shown, Shown, Shown, Shown, Withheld]),
    (Facet::Contacts, [WithConsent, Shown, WithConsent, WithConsent, Withheld]),
    (Facet::Value, [Shown, Shown, Shown, Shown, Withheld]),
    (Facet::Notes, [Shown, Shown, Shown, Shown, Withheld]),
    (Facet::Work, [Shown, Shown, Withheld, Withheld, Withheld]),
];

/// Returns what the table says.
pub fn sight(facet: Facet, relation: Relation) -> Sight {
    let column = RELATIONS.iter().position(|it| *it == relation);
    let row = TABLE.iter().find(|(it, _)| *it == facet);
    row.zip(column).and_then(|((_, row), column)| row.get(column)).copied().unwrap_or(Withheld)
}

/// Says whether a viewer of this relation may be shown less than the stored document.
pub fn may_withhold(relation: Relation, owner: &OrganizationId, inviter: &OrganizationId) -> bool {
    match relation {
        // Nobody withholds from an organization what it made for itself.
        Relation::Owner => owner != inviter,
        Relation::Inviter => false,
        Relation::Invitee | Relation::Microsoft | Relation::Party => true,
    }
}

/// Says whether an organisation whose own record stands at `substatus` has accepted the deal.
pub fn has_accepted(substatus: Substatus) -> bool {
    matches!(substatus, Substatus::Accepted | Substatus::Won | Substatus::Lost)
}

/// Returns the document as the viewer sees it, and one bit per withheld facet. `has_accepted` tells of the
/// viewer's own record in the engagement.
pub fn redact(referral: Referral, relation: Relation, has_accepted: bool) -> (Referral, u16) {
    let withheld = withheld(&referral.consent, relation, has_accepted);
    (without(referral, withheld), withheld)
}

/// Returns one bit per facet that is withheld from a viewer, in the order of [`TABLE`].
pub fn withheld(consent: &Consent, relation: Relation, has_accepted: bool) -> u16 {
    let is_refused = consent.consent_to_contact == Some(false)
        || consent.consent_to_to_share_info_with_others == Some(false);
    withheld_if(is_refused, relation, has_accepted)
}

/// The same, of a stored document that is not parsed for it.
pub fn withheld_of(document: &str, relation: Relation, has_accepted: bool) -> u16 {
    // A quote inside a JSON text is always escaped, and no other object has a member of these names.
    static REFUSALS: LazyLock<[Finder<'static>; 2]> = LazyLock::new(|| {
        ["\"consentToContact\":false", "\"consentToToShareInfoWithOthers\":false"].map(Finder::new)
    });
    let is_refused = REFUSALS.iter().any(|it| it.find(document.as_bytes()).is_some());
    withheld_if(is_refused, relation, has_accepted)
}

fn withheld_if(is_refused: bool, relation: Relation, has_accepted: bool) -> u16 {
    let is_shown = |facet| match sight(facet, relation) {
        Shown => true,
        WithConsent => has_accepted || !is_refused,
        Withheld => false,
    };
    TABLE
        .iter()
        .enumerate()
        .filter(|(_, (facet, _))| !is_shown(*facet))
        .fold(0, |bits, (bit, _)| bits | 1 << bit)
}

/// Returns a document without the facets that are withheld. It may be an older version of the record: what is
/// withheld is decided by how things stand, not by how they stood.
pub fn without(referral: Referral, withheld: u16) -> Referral {
    select(referral, &|facet| !is_withheld(facet, withheld))
}

/// Returns the mark of what is withheld for an eTag, so that two views have two tokens.
pub fn sight_mark(withheld: u16) -> u64 {
    u64::from(withheld) << 32
}

/// Says whether `facet` is among those that are withheld.
pub fn is_withheld(facet: Facet, withheld: u16) -> bool {
    TABLE.iter().position(|(it, _)| *it == facet).is_none_or(|bit| withheld >> bit & 1 == 1)
}

/// Copies the facets that are shown. Every member is named, so that a new one cannot slip through.
fn select(referral: Referral, is_shown: &impl Fn(Facet) -> bool) -> Referral {
    let (deal, notes, work) = (is_shown(Facet::Deal), is_shown(Facet::Notes), is_shown(Facet::Work));
    let blank = Referral::blank();
    Referral {
        id: referral.id,
        engagement_id: referral.engagement_id,
        name: pick(deal, referral.name),
        organization_id: referral.organization_id,
        organization_name: referral.organization_name,
        last_modified_via: pick(work, referral.last_modified_via),
        last_run_id: pick(work, referral.last_run_id),
        external_reference_id: pick(work, referral.external_reference_id),
        created_date_time: referral.created_date_time,
        updated_date_time: referral.updated_date_time,
        expiration_date_time: referral.expiration_date_time,
        status: referral.status,
        substatus: referral.substatus,
        status_reason: pick(notes, referral.status_reason),
        qualification: referral.qualification,
        kind: referral.kind,
        referral_source: pick(deal, referral.referral_source),
        e_tag: None,
        favorite: false,
        campaign_id: pick(work, referral.campaign_id),
        sales_stage: pick(work, referral.sales_stage),
        quality: if work { referral.quality } else { blank.quality },
        is_spam: pick(work, referral.is_spam),
        direction: None,
        mpn_id: pick(work, referral.mpn_id),
        referral_program: pick(work, referral.referral_program),
        deal_sensitivity: if work { referral.deal_sensitivity } else { blank.deal_sensitivity },
        created_via: pick(work, referral.created_via),
        tags: pick(work, referral.tags),
        accepted_date_time: referral.accepted_date_time,
        closed_date_time: referral.closed_date_time,
        call_to_action: pick(deal, referral.call_to_action),
        registration_status: if work { referral.registration_status } else { blank.registration_status },
        target: pick(deal, referral.target),
        customer_profile: customer(referral.customer_profile, deal, is_shown(Facet::Contacts)),
        consent: if deal { referral.consent } else { Consent::default() },
        details: details(referral.details, is_shown),
        team: pick(is_shown(Facet::Team), referral.team),
        invite_context: invite_context(referral.invite_context, deal, notes, work),
        links: None,
        tracking_info: pick(work, referral.tracking_info),
        registrations: pick(work, referral.registrations),
        exception: pick(work, referral.exception),
        partner_role: pick(deal, referral.partner_role),
        solution_area: pick(deal, referral.solution_area),
        solution_play: pick(deal, referral.solution_play),
    }
}

fn pick<T: Default>(is_shown: bool, value: T) -> T {
    if is_shown { value } else { T::default() }
}

fn customer(customer: CustomerProfile, deal: bool, contacts: bool) -> CustomerProfile {
    CustomerProfile {
        name: pick(deal, customer.name),
        size: pick(deal, customer.size),
        is_matching_complete: pick(deal, customer.is_matching_complete),
        address: pick(deal, customer.address),
        team: pick(contacts, customer.team),
        ids: pick(contacts, customer.ids),
    }
}

fn invite_context(context: InviteContext, deal: bool, notes: bool, work: bool) -> InviteContext {
    let blank = InviteContext::default();
    InviteContext {
        notes: pick(notes, context.notes),
        assistance_request_code: if deal {
            context.assistance_request_code
        } else {
            blank.assistance_request_code
        },
        invited_mpn_id: pick(work, context.invited_mpn_id),
        invited_by: pick(deal, context.invited_by),
    }
}

fn details(details: Details, is_shown: &impl Fn(Facet) -> bool) -> Details {
    let (deal, value, notes) = (is_shown(Facet::Deal), is_shown(Facet::Value), is_shown(Facet::Notes));
    let requirements = details.requirements;
    let solutions = pick(is_shown(Facet::Solutions), requirements.solutions);
    Details {
        notes: pick(notes, details.notes),
        deal_value: pick(value, details.deal_value),
        currency: pick(value, details.currency),
        closing_date_time: details.closing_date_time,
        customer_requested_contact: pick(deal, details.customer_requested_contact),
        customer_action: pick(notes, details.customer_action),
        incentive_level: pick(value, details.incentive_level),
        requirements: Requirements {
            industries: pick(deal, requirements.industries),
            products: pick(deal, requirements.products),
            services: pick(deal, requirements.services),
            solutions: solutions.into_iter().map(|it| solution(it, value)).collect(),
            offers: pick(deal, requirements.offers),
            sales_plays: pick(deal, requirements.sales_plays),
            additional_requirements: pick(deal, requirements.additional_requirements),
        },
    }
}

fn solution(solution: SolutionTag, value: bool) -> SolutionTag {
    SolutionTag {
        id: solution.id,
        name: solution.name,
        kind: solution.kind,
        price: pick(value, solution.price),
        quantity: pick(value, solution.quantity),
        currency: pick(value, solution.currency),
        publisher_name: solution.publisher_name,
        solution_type: solution.solution_type,
        closing_date_time: solution.closing_date_time,
    }
}

#[cfg(test)]
mod tests {
    use super::{RELATIONS, Relation, TABLE, Withheld, redact, sight, withheld, withheld_of};
    use crate::domain::{
        json::decimal::Decimal,
        referral::{Member, Referral},
    };

    fn refused_consent() -> Referral {
        let mut referral = Referral::blank();
        referral.name = Some("Deal".to_owned());
        referral.consent.consent_to_contact = Some(false);
        referral.customer_profile.team = vec![Member::default()];
        referral.details.deal_value = Decimal::parse("5");
        referral.external_reference_id = Some("CRM-1".to_owned());
        referral
    }

    #[test]
    fn contacts_wait_for_acceptance_where_consent_is_refused() {
        for relation in [Relation::Owner, Relation::Invitee] {
            assert!(redact(refused_consent(), relation, false).0.customer_profile.team.is_empty());
            assert_eq!(redact(refused_consent(), relation, true).0.customer_profile.team.len(), 1);
        }
        let mut silent = refused_consent();
        silent.consent.consent_to_contact = None;
        assert_eq!(redact(silent, Relation::Owner, false).0.customer_profile.team.len(), 1);
    }

    #[test]
    fn a_party_sees_no_more_than_the_policy_names() {
        let (seen, withheld) = redact(refused_consent(), Relation::Party, true);

        let expected = Referral { id: seen.id, ..Referral::blank() };
        assert!(seen == expected);
        assert_eq!(withheld, 0b1111_1000);
    }

    #[test]
    fn what_is_withheld_of_a_document_shows_in_its_text() {
        let mut silent = refused_consent();
        silent.consent.consent_to_contact = None;
        silent.name = Some(r#""consentToContact":false"#.to_owned());
        let mut not_shared = silent.clone();
        not_shared.consent.consent_to_to_share_info_with_others = Some(false);
        for referral in [refused_consent(), silent, not_shared] {
            for relation in RELATIONS {
                for has_accepted in [false, true] {
                    assert_eq!(
                        withheld_of(&referral.to_document(), relation, has_accepted),
                        withheld(&referral.consent, relation, has_accepted),
                        "{relation:?} {has_accepted}"
                    );
                }
            }
        }
    }

    #[test]
    fn the_bits_say_what_the_table_says() {
        for relation in RELATIONS {
            let (_, withheld) = redact(Referral::blank(), relation, false);
            for (bit, (facet, _)) in TABLE.iter().enumerate() {
                assert_eq!(
                    withheld >> bit & 1 == 1,
                    sight(*facet, relation) == Withheld,
                    "{facet:?} {relation:?}"
                );
            }
        }
    }
}
