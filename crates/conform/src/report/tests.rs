//! Tests of the report, in each of its forms.

use super::*;
use crate::{
    scenario::{must, should},
    sources,
    wire::{Exchange, get},
};

fn report() -> Report {
    let scenario = |name| must(name, "A rule <&>", sources::GET, async |_: &crate::play::Play| Ok(()));
    let recommended = should("d", "A habit", sources::RECOMMENDED, async |_: &crate::play::Play| Ok(()));
    let exchange = Some(Exchange::new(&get("/a").header("x", "\"1\""), "http://a/a".to_owned()));
    let failure = Failure { expected: "status 200".to_owned(), found: "404\u{0}".to_owned(), exchange };
    let results = vec![
        Result::new(&scenario("a"), Outcome::Kept, 5),
        Result::new(&scenario("b"), Outcome::Failed(failure.clone()), 7),
        Result::new(&scenario("c"), Outcome::Skipped("there is no token".to_owned()), 0),
        Result::new(&recommended, Outcome::Failed(failure), 0),
    ];
    Report {
        base_url: "http://a".to_owned(),
        tag: "conform-1".to_owned(),
        is_interrupted: false,
        millis: 12,
        made: 2,
        left: Vec::new(),
        results,
    }
}

#[test]
fn what_is_skipped_counts_neither_way() {
    let report = report();

    assert_eq!(report.score(), Score { kept: 1, failed: 2, skipped: 1 });
    assert_eq!(report.score().percent(), Some(33));
    assert_eq!(Score::default().percent(), None);
    assert!(report.table().contains("skipped 1: there is no token"));
}

#[test]
fn only_documented_rules_decide_and_something_must_be_kept() {
    let mut report = report();
    assert!(!report.is_conformant());

    report.results.retain(|it| it.name != "b");
    assert!(report.is_conformant(), "a recommendation that is not followed is no breach");

    report.results.retain(|it| it.name != "a");
    assert!(!report.is_conformant(), "nothing was played");
}

#[test]
fn a_failure_shows_rule_source_request_and_answer_and_no_token() {
    let text = report().table();

    for part in ["FAILED  /b", "A rule <&>", "\"Get a referral by ID\", 2019, 2020 [D20]", "| GET http://a/a"]
    {
        assert!(text.contains(part), "{part} is missing in\n{text}");
    }
}

#[test]
fn junit_is_xml_that_a_reader_takes() {
    let xml = report().junit();
    let mut reader = quick_xml::Reader::from_str(&xml);
    let mut cases = 0;
    loop {
        match reader.read_event().unwrap() {
            quick_xml::events::Event::Start(it) if it.name().as_ref() == "testcase" => cases += 1,
            quick_xml::events::Event::Eof => break,
            _ => {}
        }
    }

    assert_eq!(cases, 4);
    assert!(!xml.contains('\u{0}'));
}

#[test]
fn json_has_scores_and_every_result() {
    let json = report().json();

    assert_eq!(json["total"]["percent"], 33);
    assert_eq!(json["results"][1]["outcome"], "failed");
    assert_eq!(json["results"][1]["detail"]["exchange"]["url"], "http://a/a");
    assert_eq!(json["isConformant"], false);
}
