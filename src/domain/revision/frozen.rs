//! What may not change any more ("Manage co-sell opportunities", 2021 to 2026; the CSV pages, 2021 to 2023).

use super::super::{
    json::{
        Node,
        tree::{Edit, is_related},
    },
    report::{ProblemCode, Report},
    visibility,
};
use super::Situation;

/// Never after creation.
pub const AFTER_CREATION: &[&str] = &[
    "/engagementId",
    "/type",
    "/mpnId",
    "/target",
    "/customerProfile/name",
    "/customerProfile/address",
    "/customerProfile/ids",
    "/consent/consentToToShareInfoWithOthers",
    "/inviteContext/invitedBy",
    "/inviteContext/invitedMpnId",
];

/// Not once another party can see the deal.
pub const ONCE_SHARED: &[&str] =
    &["/customerProfile/team", "/inviteContext/notes", "/inviteContext/assistanceRequestCode"];

/// Can be given, not taken back.
pub const ONE_WAY: &str = "/consent/consentToShareReferralWithMicrosoftSellers";

/// Withholds contacts where it was refused, so a receiver cannot say otherwise before it has accepted.
const CONSENT: &str = "/consent/consentToContact";

/// Refuses a difference that may not be.
pub(super) fn check(edit: &Edit<'_>, situation: &Situation<'_>, report: &mut Report) {
    let Situation { current, has_other_party, is_received, .. } = *situation;
    let pointer = edit.pointer.as_str();
    let is_one_of = |members: &[&str]| members.iter().any(|it| is_related(it, pointer));
    let is_waiting = is_received && !visibility::has_accepted(current.substatus);
    let is_shared = has_other_party || current.consent.consent_to_share_referral_with_microsoft_sellers;
    let (rule, message) = if is_one_of(AFTER_CREATION) {
        ("afterCreation", format!("{pointer} cannot change after creation"))
    } else if is_shared && is_one_of(ONCE_SHARED) {
        ("onceShared", format!("{pointer} cannot change once the deal is shared with another party"))
    } else if pointer == ONE_WAY && *edit.after != Node::Bool(true) {
        ("oneWay", "a deal that Microsoft's sellers see cannot be hidden from them again".to_owned())
    } else if is_waiting && pointer == CONSENT && *edit.before == Node::Bool(false) {
        (
            "consent",
            "the customer refused to be contacted; that can change once the deal is accepted".to_owned(),
        )
    } else {
        return;
    };
    if !report.has_problem_at(pointer) {
        report.problem(ProblemCode::ImmutableField, rule, pointer, message);
    }
}
