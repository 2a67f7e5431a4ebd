//! New deals whose answer is lost, comes late, or says what is wrong with them.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::{
    super::{
        log::Call,
        situation::{Expectation, Sheet, Situation, Task, must, should},
        stage::Stage,
    },
    deal,
};
use crate::{
    check::Verdict,
    play::REFERRALS,
    sources::{ERRORS, HEADERS, RECOMMENDED, TROUBLESHOOTING},
};

/// How long an answer is kept back, and how long the connector is asked to wait for one, in milliseconds.
const LATE_MS: u64 = 1500;
const PATIENCE_MS: u64 = 500;

const TWICE: &str =
    "a duplicate engagement is what partners complain of most, and the other side sees it too";

const CUT_ONE: Expectation =
    must("cut-answer-one", "The deal is there once, though the answer never came", TWICE, TROUBLESHOOTING);
const CUT_KNOWS: Expectation = should(
    "cut-answer-knows",
    "Finds out the id of what it has made",
    "a deal whose id is not known is made again by the next run",
    HEADERS,
);
const HALF_ONE: Expectation = must(
    "half-answer-one",
    "The deal is there once, though the answer broke off in the middle",
    TWICE,
    TROUBLESHOOTING,
);
const HALF_KNOWS: Expectation = should(
    "half-answer-knows",
    "Finds out the id of what it has made",
    "a deal whose id is not known is made again by the next run",
    HEADERS,
);
const SLOW_ONE: Expectation = must(
    "slow-answer-one",
    "The deal is there once, though nobody waits for ever",
    "whoever gives up has no deal, and whoever repeats without a key may have two",
    RECOMMENDED,
);
const SLOW_KNOWS: Expectation = should(
    "slow-answer-knows",
    "Finds out the id of what it has made",
    "a deal whose id is not known is made again by the next run",
    HEADERS,
);
const BAD_STOPS: Expectation = must(
    "bad-request-stops",
    "Does not send again what was refused with 400",
    "the same document is refused for the same reasons, which the answer lists",
    ERRORS,
);
const BAD_SAYS: Expectation = should(
    "bad-request-says",
    "Says that its task could not be done",
    "somebody has to correct the deal, and learns of it only so",
    TROUBLESHOOTING,
);

pub(super) fn situations() -> Vec<Situation> {
    let task = Task::Create;
    let struck = |kind: &'static str, members: Value, rules: [&'static Expectation; 2]| {
        async move |stage: &Stage<'_>, sheet: &Sheet| {
            create_struck(stage, sheet, kind, members.clone(), rules).await
        }
    };
    vec![
        Situation::new(
            "cut-answer",
            "the deal is made, and the connection breaks before the answer",
            task,
            &[&CUT_ONE, &CUT_KNOWS],
            struck("cutAnswer", json!({"cut": "beforeHead"}), [&CUT_ONE, &CUT_KNOWS]),
        ),
        Situation::new(
            "half-answer",
            "the deal is made, and the connection breaks in the middle of the answer",
            task,
            &[&HALF_ONE, &HALF_KNOWS],
            struck("cutAnswer", json!({"cut": "inBody"}), [&HALF_ONE, &HALF_KNOWS]),
        ),
        Situation::new(
            "slow-answer",
            "the answer takes longer than the connector is to wait",
            task,
            &[&SLOW_ONE, &SLOW_KNOWS],
            struck("delay", json!({"delayMs": LATE_MS}), [&SLOW_ONE, &SLOW_KNOWS]),
        ),
        Situation::new(
            "bad-request",
            "the deal has a country, a currency and a date that there are not: 400, with every problem",
            task,
            &[&BAD_STOPS, &BAD_SAYS],
            bad_request,
        ),
    ]
}

async fn create_struck(
    stage: &Stage<'_>,
    sheet: &Sheet,
    kind: &str,
    mut members: Value,
    [one, knows]: [&'static Expectation; 2],
) -> Verdict {
    if let Value::Object(members) = &mut members {
        members.extend([
            ("method".to_owned(), json!("POST")),
            ("route".to_owned(), json!(REFERRALS)),
            ("count".to_owned(), json!(1)),
        ]);
    }
    stage.fault(kind, members).await?;
    let brief = deal(stage, &[]).with("LIAISON_TIMEOUT_MS", PATIENCE_MS.to_string());
    let ended = stage.perform(brief).await?;
    let calls = stage.calls().await;
    let made = stage.made().await?;
    let found = format!("{} deals, after {}; {}", made.len(), calls.told(), ended.told());
    let last = calls.which(Call::is_create).last().copied();
    sheet.judge(one, made.len() == 1, ("one deal", found), last);
    match (stage.reported(), made.as_slice()) {
        (None, _) => sheet.skip(knows, "the connector writes nothing to LIAISON_RESULT"),
        (Some(reported), made) => {
            let is_met = !made.is_empty() && made.iter().all(|it| reported.contains(it));
            let found = format!("reported: {}", reported.join(", "));
            sheet.judge(knows, is_met, (made.join(", "), found), last);
        }
    }
    Ok(())
}

async fn bad_request(stage: &Stage<'_>, sheet: &Sheet) -> Verdict {
    let members = [
        ("/customerProfile/address/country", json!("Nowhere")),
        ("/details/currency", json!("XXXX")),
        ("/details/closingDateTime", json!("soon")),
    ];
    let ended = stage.perform(deal(stage, &members)).await?;
    let calls = stage.calls().await;
    let mut sent: HashMap<&str, usize> = HashMap::new();
    for it in calls.which(|it| it.is_create() && it.status == 400) {
        *sent.entry(it.sent.as_str()).or_default() += 1;
    }
    let most = sent.into_values().max().unwrap_or_default();
    let found = format!("the same document {most} times; {}", ended.told());
    let is_met = most <= 1 && !ended.was_stopped;
    sheet.judge(
        &BAD_STOPS,
        is_met,
        ("each document once", found),
        calls.which(Call::is_create).last().copied(),
    );
    super::judge_says(sheet, &BAD_SAYS, ended);
    stage.made().await.map(drop)
}
