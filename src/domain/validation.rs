//! What a create call must bring. Every rule adds its problem; none stops at the first.
//!
//! Sources: "Create a referral" (2019 to 2024), the portal and its CSV files (2021 to 2023). An operator can
//! switch off what only the portal asks of a deal ([`Rules::require_deal_fields`]).

use super::{
    json::tree::is_related,
    lifecycle::Strictness,
    referral::{CustomerProfile, Details, Member, Referral, draft::Draft, draft::TextLimits},
    report::{ProblemCode, Report},
};

/// Rules that an operator can set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// How long texts may be.
    pub text: TextLimits,
    /// Whether partner-created deals need name, value, currency, closing date, a solution and a team member.
    pub require_deal_fields: bool,
    /// Whether a partner that addresses another organisation needs `consentToToShareInfoWithOthers`.
    pub require_consent: bool,
    /// Days that a receiver has to answer; the deadline falls on midnight UTC.
    pub expiration_days: i64,
    /// From where a deal is won or lost.
    pub strictness: Strictness,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            text: TextLimits::default(),
            require_deal_fields: true,
            require_consent: true,
            expiration_days: 14,
            strictness: Strictness::Strict,
        }
    }
}

/// Whom a new referral is for; it decides which rules apply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Addressee {
    /// The caller's own organisation.
    Own,
    /// Microsoft.
    Microsoft,
    /// Another partner.
    Partner,
}

/// Checks everything that the document alone can show.
pub fn check_create(
    draft: &Draft,
    addressee: Addressee,
    is_partner_deal: bool,
    rules: &Rules,
    report: &mut Report,
) {
    if draft.kind.is_none() {
        report.required("/type", "type is required: Shared or Independent");
    }
    check_customer(draft.customer_profile.as_ref(), addressee, report);
    check_consent(draft, addressee, is_partner_deal && rules.require_consent, report);
    if draft.details.is_none() {
        report.required("/details", "details is required");
    }
    check_team(&draft.team, report);
    if is_partner_deal && rules.require_deal_fields {
        check_deal(draft.name.as_ref(), &draft.team, draft.details.as_ref(), report);
    }
    let services = [&draft.partner_role, &draft.solution_area, &draft.solution_play];
    check_services(services.map(Option::as_ref), report);
}

/// Checks what a change made of a record. Only what it touched counts: a rule that came later does not keep an owner
/// from changing something else.
pub fn check_revised(
    referral: &Referral,
    is_partner_deal: bool,
    rules: &Rules,
    touched: &[String],
    report: &mut Report,
) {
    let mut found = Report::default();
    check_team(&referral.team, &mut found);
    if is_partner_deal && rules.require_deal_fields {
        check_deal(referral.name.as_ref(), &referral.team, Some(&referral.details), &mut found);
    }
    // The three go together: who gives a role is asked for what belongs to it.
    if ["/partnerRole", "/solutionArea", "/solutionPlay"].iter().any(|it| touched.iter().any(|at| at == it)) {
        let services = [&referral.partner_role, &referral.solution_area, &referral.solution_play];
        check_services(services.map(Option::as_ref), report);
    }
    let is_touched = |target: &str| touched.iter().any(|it| is_related(it, target));
    for problem in found.problems.into_iter().filter(|it| is_touched(&it.target)) {
        report.required(&problem.target, problem.message);
    }
}

fn check_team(team: &[Member], report: &mut Report) {
    for (index, member) in team.iter().enumerate() {
        check_person(member, &format!("/team/{index}"), "a team member", report);
    }
}

fn check_customer(customer: Option<&CustomerProfile>, addressee: Addressee, report: &mut Report) {
    let Some(customer) = customer else {
        report.required("/customerProfile", "customerProfile is required");
        return;
    };
    let address = &customer.address;
    for (value, target, what) in [
        (&customer.name, "/customerProfile/name", "the customer's name"),
        (&address.address_line1, "/customerProfile/address/addressLine1", "the customer's street"),
        (&address.city, "/customerProfile/address/city", "the customer's city"),
        (&address.country, "/customerProfile/address/country", "the customer's country"),
    ] {
        require_text(value.as_ref(), target, what, report);
    }
    if addressee != Addressee::Microsoft {
        return;
    }
    if customer.team.is_empty() {
        let message = "a customer contact is required when Microsoft's help is asked for";
        report.required("/customerProfile/team", message);
    }
    for (index, member) in customer.team.iter().enumerate() {
        check_person(member, &format!("/customerProfile/team/{index}"), "a customer contact", report);
    }
}

fn check_consent(draft: &Draft, addressee: Addressee, is_required: bool, report: &mut Report) {
    let Some(consent) = &draft.consent else {
        report.required("/consent", "consent is required");
        return;
    };
    let is_given = consent.consent_to_to_share_info_with_others == Some(true);
    let target = "/consent/consentToToShareInfoWithOthers";
    if addressee != Addressee::Own && is_required && !is_given && !report.has_problem_at(target) {
        report.problem_with_allowed(
            ProblemCode::ConsentMissing,
            "consentToShare",
            target,
            "the customer's consent to share must be true when another organization is addressed",
            vec!["true".to_owned()],
        );
    }
}

fn check_deal(name: Option<&String>, team: &[Member], details: Option<&Details>, report: &mut Report) {
    require_text(name, "/name", "the deal's name", report);
    if team.is_empty() {
        report.required("/team", "at least one team member is required");
    }
    let Some(details) = details else { return };
    if details.deal_value.is_none() {
        report.required("/details/dealValue", "the deal's value is required, as a number");
    }
    require_text(details.currency.as_ref(), "/details/currency", "the deal's currency", report);
    if details.closing_date_time.is_none() {
        report.required("/details/closingDateTime", "the estimated closing date is required");
    }
    if details.requirements.solutions.is_empty() {
        report.required("/details/requirements/solutions", "at least one solution is required");
    }
}

/// A services co-sell names role, area and play together ("Create a referral", 2024).
fn check_services([role, area, play]: [Option<&String>; 3], report: &mut Report) {
    if role.is_none_or(|it| it.is_empty()) {
        return;
    }
    require_text(area, "/solutionArea", "the solution area of a services co-sell", report);
    require_text(play, "/solutionPlay", "the solution play of a services co-sell", report);
}

fn check_person(member: &Member, pointer: &str, who: &str, report: &mut Report) {
    for (value, name) in [
        (&member.first_name, "firstName"),
        (&member.last_name, "lastName"),
        (&member.phone_number, "phoneNumber"),
        (&member.email, "email"),
    ] {
        require_text(value.as_ref(), &format!("{pointer}/{name}"), &format!("{name} of {who}"), report);
    }
}

fn require_text(value: Option<&String>, target: &str, what: &str, report: &mut Report) {
    if value.is_none_or(|it| it.trim().is_empty()) {
        report.required(target, format!("{what} is required"));
    }
}
