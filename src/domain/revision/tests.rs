//! Decisions of a write, one by one: what a change may not be, and what it dates. What holds of all of them is in
//! `property_tests`.

use super::{Handling, Intent, Situation, revise, withdraw};
use crate::domain::{
    json::Node,
    lifecycle::{Action, State, Strictness},
    referral::Referral,
    report::Report,
    time::Timestamp,
    validation::Rules,
};

const EARLIER: Timestamp = Timestamp::from_unix_secs(100);
const NOW: Timestamp = Timestamp::from_unix_secs(200);

fn record(state: State) -> Referral {
    let mut referral = Referral::blank();
    referral.move_to(state, EARLIER);
    referral
}

fn intent(body: &str, action: Option<Action>) -> Intent {
    Intent::of_body(Node::from_document(body).unwrap(), action)
}

fn write(current: &Referral, is_received: bool, intent: &Intent) -> Result<Referral, Report> {
    let seen = Node::from_document(&current.to_document()).unwrap();
    let situation = Situation {
        current,
        seen: &seen,
        now: NOW,
        rules: &Rules::default(),
        has_other_party: false,
        is_received,
        is_partner_deal: true,
        handling: Handling::Lenient,
    };
    revise(intent, &situation).map(|it| it.referral)
}

fn rules(outcome: Result<Referral, Report>) -> Vec<&'static str> {
    outcome.map_or_else(|report| report.problems.iter().map(|it| it.rule).collect(), |_| Vec::new())
}

#[test]
fn a_later_note_is_no_later_acceptance() {
    let noted = write(&record(State::Accepted), true, &intent(r#"{"details":{"notes":"x"}}"#, None)).unwrap();

    assert_eq!((noted.accepted_date_time, noted.updated_date_time), (Some(EARLIER), NOW));
    let accepted = write(&record(State::Pending), true, &intent("{}", Some(Action::Accept))).unwrap();
    assert_eq!(accepted.accepted_date_time, Some(NOW));
}

#[test]
fn a_receiver_that_has_not_accepted_does_not_lift_a_refusal() {
    let lift = intent(r#"{"consent":{"consentToContact":true}}"#, None);
    for (state, is_received, expected) in [
        (State::Pending, true, &["consent"][..]),
        (State::Received, true, &["consent"]),
        (State::Accepted, true, &[]),
        (State::Accepted, false, &[]),
    ] {
        let mut current = record(state);
        current.consent.consent_to_contact = Some(false);
        assert_eq!(rules(write(&current, is_received, &lift)), expected, "{state}");
    }
    let mut silent = record(State::Pending);
    silent.consent.consent_to_contact = None;
    assert_eq!(rules(write(&silent, true, &lift)), [""; 0], "where nothing was refused, nothing is withheld");
}

#[test]
fn a_role_that_is_added_is_asked_for_its_area_and_play() {
    let role = intent(r#"{"partnerRole":"Transaction","solutionArea":"Azure"}"#, None);

    let refused = write(&record(State::Accepted), false, &role).map(|_| ()).unwrap_err();

    let targets: Vec<_> = refused.problems.iter().map(|it| it.target.as_str()).collect();
    assert_eq!(targets, ["/solutionPlay"]);
}

#[test]
fn a_withdrawal_reports_whatever_its_body_brings() {
    let body = intent(r#"{"statusReason":"mine","foo":1}"#, Some(Action::Withdraw));
    let withdraw = |handling| withdraw(&body, &record(State::Pending), NOW, Strictness::Strict, handling);

    let lenient = withdraw(Handling::Lenient).map_err(|_| ()).unwrap();

    let ignored: Vec<_> = lenient.report.ignored.iter().map(|it| (it.target.as_str(), &*it.rule)).collect();
    assert_eq!(ignored, [("/statusReason", "actionDecides"), ("/foo", "actionDecides")]);
    assert_eq!(lenient.referral.state(), Some(State::Expired));
    assert_eq!(withdraw(Handling::Strict).map(|_| ()).unwrap_err().problems.len(), 2);
}
