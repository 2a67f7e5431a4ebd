//! Definitions, read strictly, and who is struck.

use super::{Fault, FaultKind, Faults, Identity, RequestFacts, form};
use crate::domain::{
    json::{self, JsonLimits},
    organization::OrganizationId,
    report::Report,
};

const REFERRAL: RequestFacts<'_> = RequestFacts { method: "PATCH", path: "/v1.0/engagements/referrals/7" };

fn read(text: &str) -> Result<form::WantedFault, Vec<String>> {
    let limits = JsonLimits { depth_max: 8, array_items_max: 100 };
    let mut report = Report::default();
    let wanted = form::read(json::parse(text.as_bytes(), limits).unwrap(), &mut report, |route| match route
        .matches("/nowhere")
    {
        true => Err("nothing is served there".to_owned()),
        false => Ok(()),
    });
    let line = |it: &super::super::report::Problem| format!("{} {}", it.rule, it.target);
    wanted.ok_or_else(|| report.problems.iter().map(line).collect())
}

fn fault(text: &str) -> Fault {
    read(text).unwrap().fault
}

fn caller(organization: &str, application: &str) -> Identity {
    (OrganizationId::parse(organization).unwrap(), application.to_owned())
}

#[test]
fn every_problem_of_a_definition_is_told() {
    let wrong = r#"{"kind": "slowBody", "method": "FETCH", "route": "v1.0", "organization": "x", "probability": 2,
        "count": 0, "seed": -1, "retryAfterSecs": 1.5, "delayMs": 5, "cut": "inBody", "colour": "red"}"#;

    assert_eq!(
        read(wrong).unwrap_err(),
        [
            "organization /organization",
            "vocabulary /method",
            "route /route",
            "range /probability",
            "range /count",
            "range /seed",
            "range /retryAfterSecs",
            "kind /delayMs",
            "kind /cut",
            "required /bytesPerSec",
            "unknownMember /colour",
        ]
    );
    assert_eq!(read("{}").unwrap_err(), ["required /kind"]);
    assert_eq!(read(r#"{"kind": "x"}"#).unwrap_err(), ["vocabulary /kind"]);
    assert_eq!(
        read(r#"{"kind": "delay", "route": "/nowhere"}"#).unwrap_err(),
        ["route /route", "required /delayMs"]
    );
    assert_eq!(
        read(r#"{"kind": "webhookDelay", "delayMs": 1, "route": "/x"}"#).unwrap_err(),
        ["kind /route"]
    );
}

#[test]
fn the_first_fault_that_fits_strikes_as_often_as_it_may() {
    let faults = Faults::default();
    assert!(faults.is_empty());
    faults.add(fault(r#"{"kind": "throttled", "route": "/v1.0/engagements/users"}"#), None).unwrap();
    faults.add(fault(r#"{"kind": "serverError", "method": "patch"}"#), Some(2)).unwrap();
    faults.add(fault(r#"{"kind": "unavailable"}"#), None).unwrap();

    let struck: Vec<_> = (0..4).map(|_| faults.strike_request(REFERRAL, None).unwrap().id).collect();

    assert_eq!(struck, ["f2", "f2", "f3", "f3"]);
    let states: Vec<_> = faults.list().iter().map(|it| (it.remaining, it.struck)).collect();
    assert_eq!(states, [(None, 0), (Some(0), 2), (None, 2)]);
    let token = RequestFacts { method: "POST", path: "/common/oauth2/token" };
    assert_eq!(faults.strike_request(token, None), None);
    assert!(faults.remove("f3") && !faults.remove("f3"));
    assert_eq!(faults.strike_request(REFERRAL, None), None);
    faults.clear();
    assert!(faults.is_empty());
}

#[test]
fn a_fault_of_one_application_leaves_others_alone() {
    let faults = Faults::default();
    let of_one = r#"{"kind": "accessDenied", "organization": "MSFT", "application": "App"}"#;
    faults.add(fault(of_one), None).unwrap();

    assert!(faults.asks_for_identity(REFERRAL));
    assert!(faults.strike_request(REFERRAL, Some(&caller("msft", "app"))).is_some());
    assert!(faults.strike_request(REFERRAL, Some(&caller("msft", "other"))).is_none());
    let other = caller("7d23e5ca-19dc-4eaa-aac8-5e6b559f0d1d", "app");
    assert!(faults.strike_request(REFERRAL, Some(&other)).is_none());
    assert!(faults.strike_request(REFERRAL, None).is_none());
    assert!(faults.strike_webhook(&OrganizationId::msft()).is_none(), "it is for requests");
}

#[test]
fn the_same_seed_strikes_the_same_calls() {
    let course = |seed: u64| {
        let faults = Faults::default();
        let text = format!(r#"{{"kind": "serverError", "probability": 0.25, "seed": {seed}}}"#);
        faults.add(fault(&text), None).unwrap();
        (0..400).map(|_| faults.strike_request(REFERRAL, None).is_some()).collect::<Vec<_>>()
    };
    let first = course(1);

    assert_eq!(course(1), first);
    assert_ne!(course(2), first);
    let struck = first.iter().filter(|it| **it).count();
    assert!((70..=130).contains(&struck), "{struck} of 400");
}

#[test]
fn those_that_have_struck_their_number_make_room() {
    let faults = Faults::default();
    let one = || fault(r#"{"kind": "serverError"}"#);
    faults.add(one(), Some(1)).unwrap();
    for _ in 1..super::FAULTS_MAX {
        faults.add(one(), None).unwrap();
    }
    assert!(faults.add(one(), None).is_err());
    assert_eq!(faults.strike_request(REFERRAL, None).unwrap().fault.kind, FaultKind::ServerError);

    assert_eq!(faults.add(one(), None).unwrap().id, "f101");
}
