//! What a create call must bring. Every rule adds its problem; none stops at the first.
//!
//! Sources: "Create a referral" (2019 to 2024), the portal and its CSV files (2021 to 2023). An operator can
//! switch off what only the portal asks of a deal ([`Rules::require_deal_fields`]).

use super::{
    referral::{CustomerProfile, Member, draft::Draft, draft::TextLimits},
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
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            text: TextLimits::default(),
            require_deal_fields: true,
            require_consent: true,
            expiration_days: 14,
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
    for (index, member) in draft.team.iter().enumerate() {
        check_person(member, &format!("/team/{index}"), "a team member", report);
    }
    if is_partner_deal && rules.require_deal_fields {
        check_deal(draft, report);
    }
    check_services(draft, report);
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

fn check_deal(draft: &Draft, report: &mut Report) {
    require_text(draft.name.as_ref(), "/name", "the deal's name", report);
    if draft.team.is_empty() {
        report.required("/team", "at least one team member is required");
    }
    let Some(details) = &draft.details else { return };
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
fn check_services(draft: &Draft, report: &mut Report) {
    if draft.partner_role.as_deref().is_none_or(str::is_empty) {
        return;
    }
    require_text(
        draft.solution_area.as_ref(),
        "/solutionArea",
        "the solution area of a services co-sell",
        report,
    );
    require_text(
        draft.solution_play.as_ref(),
        "/solutionPlay",
        "the solution play of a services co-sell",
        report,
    );
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
