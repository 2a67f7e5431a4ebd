//! What the rules say of a draft: those of the API, asked in the way of the API (`validateOnly`), in its words.

use super::{
    body::{self, Invitation},
    draft::Draft,
    step::Step,
};
use crate::{
    domain::{actor::Actor, json::Node, report::Problem, revision::Handling},
    service::referrals::{self, CreateError, CreateRequest},
    web::{failure::Failure, visit::Visit},
};

/// Something that is wrong with a draft.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    /// Field that it belongs to, or what the fields below it begin with.
    pub(super) name: String,
    /// The API's own words.
    pub(super) message: String,
    pub(super) step: Step,
}

/// Judges a draft: its own record and every invitation into it.
pub(super) async fn judge(visit: &Visit, actor: &Actor, draft: &Draft) -> Result<Vec<Finding>, Failure> {
    let own = body::own(draft);
    let is_co_sell = draft.is_co_sell();
    let mut findings = Vec::new();
    for problem in problems(visit, actor, &own).await? {
        add(&mut findings, finding(field(&problem.target), problem, is_co_sell));
    }
    for invitation in body::invitations(draft) {
        for problem in problems(visit, actor, &body::shared(&own, &invitation.body)).await? {
            let name = invited_field(&invitation, &problem.target);
            add(&mut findings, finding(name, problem, is_co_sell));
        }
    }
    findings.sort_by_key(|it| it.step);
    Ok(findings)
}

async fn problems(visit: &Visit, actor: &Actor, body: &Node) -> Result<Vec<Problem>, Failure> {
    let body = body.to_json();
    let request = CreateRequest {
        body: body.as_bytes(),
        idempotency_key: None,
        handling: Handling::Strict,
        validates_only: true,
    };
    match referrals::create(&visit.app.context, actor, request).await {
        Ok(_) => Ok(Vec::new()),
        Err(CreateError::Invalid(report)) => Ok(report.problems),
        Err(error) => Err(error.into()),
    }
}

/// An invitation takes most of the own record, so that most of what is wrong with it has been said.
fn add(findings: &mut Vec<Finding>, found: Finding) {
    if !findings.iter().any(|it| it.name == found.name && it.message == found.message) {
        findings.push(found);
    }
}

fn finding(name: String, problem: Problem, is_co_sell: bool) -> Finding {
    // A name that is no field's own says what is missed below it.
    let step = Step::asking_for(&name, is_co_sell);
    Finding { name, message: problem.message, step }
}

/// Returns the field whose value stands at a place of the own record.
fn field(pointer: &str) -> String {
    pointer.trim_start_matches('/').replace('/', ".")
}

/// Returns the field whose value stands at a place of what an invitation comes down to: one of the invitation where it
/// says something of its own there, else that of the own record.
fn invited_field(invitation: &Invitation, pointer: &str) -> String {
    let is_below = |above: &str| pointer == above || pointer.starts_with(&format!("{above}/"));
    let is_its_own = invitation.body.at(pointer).is_some() || is_below("/inviteContext");
    match (is_below("/target"), invitation.partner.is_some(), is_its_own) {
        (true, true, _) => invitation.prefix.trim_end_matches('.').to_owned(),
        (true, false, _) => super::fields::HELP.to_owned(),
        (false, _, true) => format!("{}{}", invitation.prefix, field(pointer)),
        (false, _, false) => field(pointer),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::draft::Fields, Draft, body, invited_field};

    #[test]
    fn what_is_wrong_with_an_invitation_is_shown_where_it_was_typed() {
        let row: Fields = [("location", "x"), ("organization", "Fabrikam"), ("details.dealValue", "-1")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
        let mut draft = Draft { partners: vec![row], ..Draft::default() };
        draft.fields.insert("help".to_owned(), "GeneralOrOther".to_owned());
        let invitations = body::invitations(&draft);
        let [microsoft, partner] = invitations.as_slice() else { panic!("two are invited") };

        for (invitation, pointer, field) in [
            (partner, "/details/dealValue", "partners.0.details.dealValue"),
            (partner, "/details/currency", "details.currency"),
            (partner, "/inviteContext/notes", "partners.0.inviteContext.notes"),
            (partner, "/target/0/id", "partners.0"),
            (partner, "/consent/consentToToShareInfoWithOthers", "consent.consentToToShareInfoWithOthers"),
            (microsoft, "/target/0/id", "help"),
            (microsoft, "/inviteContext/notes", "microsoft.inviteContext.notes"),
            (microsoft, "/customerProfile/team", "customerProfile.team"),
        ] {
            assert_eq!(invited_field(invitation, pointer), field, "{pointer}");
        }
    }
}
