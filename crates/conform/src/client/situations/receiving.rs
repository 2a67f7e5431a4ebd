//! Webhooks that come twice, in another order, or from somebody else.

use std::time::Duration;

use serde_json::json;

use super::super::{
    log::Calls,
    situation::{Expectation, Sheet, Situation, Task, must},
    stage::Stage,
};
use crate::{
    check::{Failure, Verdict},
    play::REFERRALS,
    sources::{TROUBLESHOOTING, WEBHOOKS},
    target::Who,
    wire::post,
};

/// How long a message may take to be sent.
const SENT_MAX: Duration = Duration::from_secs(10);

/// By how many seconds the clock is put forward for the second attempt of a delivery.
const SECOND_ATTEMPT_SECS: f64 = 30.0;

/// How long a message waits to be overtaken, in milliseconds.
const HELD_MS: u64 = 4000;

const TWICE_ONCE: Expectation = must(
    "duplicate-once",
    "Acts once on a message that comes twice",
    "everything is told at least once: whoever acts each time makes duplicates",
    TROUBLESHOOTING,
);
const TWICE_DONE: Expectation = must(
    "duplicate-done",
    "Accepts the invitation that it is told of",
    "this is what it was asked to do",
    WEBHOOKS,
);
const ORDER_READS: Expectation = must(
    "reordered-reads",
    "Has read the newest version of the referral in the end",
    "order is not promised: what is true is what the referral says, and not which message came last",
    WEBHOOKS,
);
const ORDER_LEAVES: Expectation = must(
    "reordered-leaves",
    "Does not try to accept what was withdrawn already",
    "a message that comes late speaks of what was",
    WEBHOOKS,
);
const SIGNED_REFUSED: Expectation = must(
    "bad-signature-refused",
    "Does nothing about a message whose signature does not verify",
    "anybody can post to an address that anybody can find",
    WEBHOOKS,
);
const SIGNED_LATER: Expectation = must(
    "bad-signature-later",
    "Answers it with an error, so that it comes again, and acts when it is signed rightly",
    "a 2xx says that it was taken, and then it never comes again",
    WEBHOOKS,
);
const CERTIFIED_REFUSED: Expectation = must(
    "wrong-certificate-refused",
    "Does nothing about a message that somebody else's certificate vouches for",
    "a signature that verifies proves nothing as long as anybody may have made the key",
    WEBHOOKS,
);
const CERTIFIED_LATER: Expectation = must(
    "wrong-certificate-later",
    "Answers it with an error, so that it comes again, and acts when it is signed rightly",
    "a 2xx says that it was taken, and then it never comes again",
    WEBHOOKS,
);

pub(super) fn situations() -> Vec<Situation> {
    let forged = |kind: &'static str, rules: [&'static Expectation; 2]| {
        async move |stage: &Stage<'_>, sheet: &Sheet| forged(stage, sheet, kind, rules).await
    };
    let task = Task::Receive;
    vec![
        Situation::new("duplicate", "a webhook comes twice", task, &[&TWICE_ONCE, &TWICE_DONE], duplicate),
        Situation::new(
            "reordered",
            "an invitation is withdrawn, and the webhook of that comes before the one that it was made",
            task,
            &[&ORDER_READS, &ORDER_LEAVES],
            reordered,
        ),
        Situation::new(
            "bad-signature",
            "a webhook comes whose signature does not verify",
            task,
            &[&SIGNED_REFUSED, &SIGNED_LATER],
            forged("webhookBadSignature", [&SIGNED_REFUSED, &SIGNED_LATER]),
        ),
        Situation::new(
            "wrong-certificate",
            "a webhook comes that is signed with somebody else's certificate",
            task,
            &[&CERTIFIED_REFUSED, &CERTIFIED_LATER],
            forged("webhookWrongCertificate", [&CERTIFIED_REFUSED, &CERTIFIED_LATER]),
        ),
    ]
}

/// Says so where the connector listens for no webhooks.
fn is_deaf(stage: &Stage<'_>, sheet: &Sheet, rules: [&Expectation; 2]) -> bool {
    if stage.takes_webhooks() {
        return false;
    }
    rules
        .into_iter()
        .for_each(|it| sheet.skip(it, "it is not known where the connector listens (--webhook-url)"));
    true
}

async fn duplicate(stage: &Stage<'_>, sheet: &Sheet) -> Verdict {
    if is_deaf(stage, sheet, [&TWICE_ONCE, &TWICE_DONE]) {
        return Ok(());
    }
    let script = async {
        stage.webhook_fault("webhookDuplicate", json!({})).await?;
        let id = stage.invite().await?;
        stage.settle_webhooks().await?;
        let is_accepted = stage.comes_true(async || stage.is_accepted(&id).await).await?;
        stage.settle().await;
        Ok((id, is_accepted))
    };
    let (id, is_accepted) = stage.receive(script).await?;
    let calls = stage.calls().await;
    let writes = calls.which(|it| it.writes(&id));
    let found = format!("{} writes: {}", writes.len(), calls.told());
    sheet.judge(&TWICE_ONCE, writes.len() <= 1, ("one write", found), writes.last().copied());
    let found = format!("it is not accepted, after {}", calls.told());
    sheet.judge(&TWICE_DONE, is_accepted, ("the invitation, accepted", found), writes.last().copied());
    Ok(())
}

async fn reordered(stage: &Stage<'_>, sheet: &Sheet) -> Verdict {
    if is_deaf(stage, sheet, [&ORDER_READS, &ORDER_LEAVES]) {
        return Ok(());
    }
    let script = async {
        stage.webhook_fault("webhookReorder", json!({"delayMs": HELD_MS, "count": 1})).await?;
        let id = stage.invite().await?;
        if tokio::time::timeout(SENT_MAX, stage.struck()).await.is_err() {
            return Err(Failure::new("a message of the invitation", "none in 10 seconds"));
        }
        let withdraw = post(format!("{REFERRALS}/{id}/withdraw"), &json!({})).by(Who::Other);
        stage.play().send(withdraw).await.success()?;
        stage.settle_webhooks().await?;
        let newest = stage.read(&id).await?.string("/eTag")?.to_owned();
        let is_read = stage.comes_true(async || Ok(has_read(&stage.calls().await, &id, &newest))).await?;
        stage.settle().await;
        Ok((id, is_read))
    };
    let (id, is_read) = stage.receive(script).await?;
    let calls = stage.calls().await;
    let found = format!("no GET that shows it: {}", calls.told());
    sheet.judge(&ORDER_READS, is_read, ("a GET of the version that was withdrawn", found), calls.0.last());
    let writes = calls.which(|it| it.writes(&id));
    let found = format!("{} writes: {}", writes.len(), calls.told());
    sheet.judge(&ORDER_LEAVES, writes.is_empty(), ("no write", found), writes.first().copied());
    Ok(())
}

/// Says whether a version of a referral was read.
fn has_read(calls: &Calls, id: &str, tag: &str) -> bool {
    calls.has(|it| it.reads(id) && it.answer_header("etag") == Some(tag))
}

async fn forged(stage: &Stage<'_>, sheet: &Sheet, kind: &str, rules: [&'static Expectation; 2]) -> Verdict {
    let [refused, later] = rules;
    if is_deaf(stage, sheet, rules) {
        return Ok(());
    }
    let script = async {
        stage.webhook_fault(kind, json!({})).await?;
        let id = stage.invite().await?;
        stage.settle_webhooks().await?;
        stage.settle().await;
        let before = stage.calls().await;
        // What was answered with an error is tried again a few seconds later, and is signed rightly then.
        stage.clear_faults().await;
        stage.advance(SECOND_ATTEMPT_SECS).await?;
        let is_accepted = stage.comes_true(async || stage.is_accepted(&id).await).await?;
        Ok((id, before, is_accepted))
    };
    let (id, before, is_accepted) = stage.receive(script).await?;
    let acts = before.which(|it| it.path().contains(&id));
    let found = format!("{} calls about it: {}", acts.len(), before.told());
    sheet.judge(refused, acts.is_empty(), ("no call about what it tells of", found), acts.first().copied());
    let calls = stage.calls().await;
    let found = format!("not accepted, after {}", calls.told());
    sheet.judge(later, is_accepted, ("the invitation, accepted", found), calls.0.last());
    Ok(())
}
