//! Refusals that pass: a token that has expired, limits, and a server that fails for a while, or for good.

use jiff::SignedDuration;
use serde_json::json;

use super::{
    super::{
        log::{Call, Calls},
        situation::{Expectation, Sheet, Situation, Task, must, should},
        stage::Stage,
    },
    Notes,
    writing::id_of,
};
use crate::{
    check::{Failure, Verdict},
    sources::{AUTH, HEADERS, MFA, RECOMMENDED, THROTTLING, TROUBLESHOOTING},
};

/// What `Retry-After` says.
const RETRY_AFTER_SECS: u32 = 1;

/// Clocks and networks are not exact.
const TOLERANCE: SignedDuration = SignedDuration::from_millis(50);

/// Less than this is no pause.
const PAUSE_MIN: SignedDuration = SignedDuration::from_millis(100);

/// How many calls may be made of a server that fails for good.
const TRIES_MAX: usize = 10;

const TOKEN_NEW: Expectation = must(
    "token-new",
    "After 401 it takes a new token before it tries again",
    "the same token is refused for the same reason",
    MFA,
);
const TOKEN_ONCE: Expectation = must(
    "token-once",
    "Repeats the call once with the new token",
    "a loop of 401 and sign-in locks the account",
    AUTH,
);
const TOKEN_DONE: Expectation = must(
    "token-done",
    "Does its task with the new token",
    "tokens expire every hour: who stops then stops every hour",
    AUTH,
);

const THROTTLED_WAITS: Expectation = must(
    "throttled-waits",
    "Waits at least as long as Retry-After says",
    "a limit that is hammered at stays closed, for every program of the company",
    THROTTLING,
);
const THROTTLED_DONE: Expectation = must(
    "throttled-done",
    "Goes on after the pause, and does its task",
    "429 says later, and not no",
    THROTTLING,
);
const THROTTLED_ID: Expectation = should(
    "throttled-id",
    "The second try has another client-request-id than the first",
    "the two are told apart in the logs by that",
    HEADERS,
);

const UNAVAILABLE_WAITS: Expectation = must(
    "unavailable-waits",
    "Waits at least as long as Retry-After says",
    "a server that has too much to do gets more of it from those who do not wait",
    THROTTLING,
);
const UNAVAILABLE_DONE: Expectation = must(
    "unavailable-done",
    "Goes on after the pause, and does its task",
    "503 passes, most often within seconds",
    THROTTLING,
);

const ERROR_PAUSES: Expectation = must(
    "server-error-pauses",
    "Pauses before each further try",
    "whatever is broken is not mended in no time",
    THROTTLING,
);
const ERROR_GROWS: Expectation = should(
    "server-error-grows",
    "Pauses longer before the third try than before the second",
    "pauses that grow let a server come back that is down",
    THROTTLING,
);
const ERROR_DONE: Expectation = must(
    "server-error-done",
    "Tries again after 500, and does its task",
    "a single 500 is no reason to lose what was to be written",
    RECOMMENDED,
);

const OUTAGE_BOUNDED: Expectation = must(
    "outage-bounded",
    "Gives up after some tries: ten calls at most",
    "a connector that never gives up is part of the outage",
    THROTTLING,
);
const OUTAGE_PAUSES: Expectation =
    must("outage-pauses", "Pauses between its tries", "tries without a pause are one try", THROTTLING);
const OUTAGE_SAYS: Expectation = should(
    "outage-says",
    "Says that its task could not be done",
    "a failure that nobody is told of is found months later",
    TROUBLESHOOTING,
);

pub(super) fn situations() -> Vec<Situation> {
    let task = Task::UpdateNotes;
    vec![
        Situation::new(
            "token",
            "the token expires on the way: the write is 401 with 900421",
            task,
            &[&TOKEN_NEW, &TOKEN_ONCE, &TOKEN_DONE],
            token,
        ),
        Situation::new(
            "throttled",
            "the write is 429, with Retry-After: 1",
            task,
            &[&THROTTLED_WAITS, &THROTTLED_DONE, &THROTTLED_ID],
            throttled,
        ),
        Situation::new(
            "unavailable",
            "the write is 503, with Retry-After: 1",
            task,
            &[&UNAVAILABLE_WAITS, &UNAVAILABLE_DONE],
            unavailable,
        ),
        Situation::new(
            "server-error",
            "the write is 500, twice",
            task,
            &[&ERROR_PAUSES, &ERROR_GROWS, &ERROR_DONE],
            server_error,
        ),
        Situation::new(
            "outage",
            "everything is 500, for good",
            task,
            &[&OUTAGE_BOUNDED, &OUTAGE_PAUSES, &OUTAGE_SAYS],
            outage,
        ),
    ]
}

/// Lets the connector write a referral whose next writes are struck. Returns the referral and the calls.
async fn write_struck(stage: &Stage<'_>, kind: &str, members: serde_json::Value) -> Verdict<(Notes, Calls)> {
    let notes = Notes::prepare(stage, &[]).await?;
    stage.strike_writes(kind, &notes.id, members).await?;
    stage.perform(notes.brief()).await?;
    let calls = stage.calls().await;
    if !calls.has(|it| it.fault.is_some()) {
        return Err(Failure::new("a write of the referral (PATCH, PUT or an action)", calls.told()));
    }
    Ok((notes, calls))
}

async fn token(stage: &Stage<'_>, sheet: &Sheet) -> Verdict {
    let (notes, calls) = write_struck(stage, "mfaRequired", json!({"count": 1})).await?;
    let is_write = |it: &Call| it.writes(&notes.id);
    let Some((refused, rest)) = calls.after(|it| it.status == 401) else { return Ok(()) };
    let again = rest.0.iter().position(is_write).unwrap_or(rest.0.len());
    let is_new = rest.0.iter().take(again).any(|it| it.is_sign_in() && it.is_success());
    let found = format!("after it {}, without a new token before", rest.told());
    sheet.judge(&TOKEN_NEW, is_new, ("a call of the token endpoint", found), Some(refused));
    let (writes, sign_ins) = (rest.count(is_write), rest.count(Call::is_sign_in));
    let found = format!("{writes} further writes and {sign_ins} sign-ins");
    sheet.judge(&TOKEN_ONCE, writes == 1 && sign_ins <= 2, ("one further write", found), Some(refused));
    notes.judge_done(stage, sheet, &TOKEN_DONE, &calls).await
}

async fn throttled(stage: &Stage<'_>, sheet: &Sheet) -> Verdict {
    let members = json!({"count": 1, "retryAfterSecs": RETRY_AFTER_SECS});
    let (notes, calls) = write_struck(stage, "throttled", members).await?;
    judge_wait(sheet, &THROTTLED_WAITS, &calls, 429);
    notes.judge_done(stage, sheet, &THROTTLED_DONE, &calls).await?;
    let Some((refused, rest)) = calls.after(|it| it.status == 429) else { return Ok(()) };
    let next = rest.which(|it| it.writes(&notes.id)).first().copied();
    let is_met = next.is_some_and(|it| id_of(it).is_some() && id_of(it) != id_of(refused));
    let found = next
        .map_or("no second try".to_owned(), |it| format!("{:?}, as before", id_of(it).unwrap_or_default()));
    sheet.judge(&THROTTLED_ID, is_met, ("an id of its own", found), next);
    Ok(())
}

async fn unavailable(stage: &Stage<'_>, sheet: &Sheet) -> Verdict {
    let members = json!({"count": 1, "retryAfterSecs": RETRY_AFTER_SECS});
    let (notes, calls) = write_struck(stage, "unavailable", members).await?;
    judge_wait(sheet, &UNAVAILABLE_WAITS, &calls, 503);
    notes.judge_done(stage, sheet, &UNAVAILABLE_DONE, &calls).await
}

/// Judges the pause after a refusal: until the next call of the API, whatever that is.
fn judge_wait(sheet: &Sheet, rule: &Expectation, calls: &Calls, status: u16) {
    let Some((refused, rest)) = calls.after(|it| it.status == status) else { return };
    let asked = SignedDuration::from_secs(RETRY_AFTER_SECS.into());
    let next = rest.which(|it| !it.is_sign_in()).first().copied();
    let pause = next.map(|it| it.since(refused));
    let is_met = pause.is_none_or(|it| it + TOLERANCE >= asked);
    let found = pause.map_or("no further call".to_owned(), |it| format!("a pause of {}", seconds(it)));
    sheet.judge(rule, is_met, (format!("a pause of {} or more", seconds(asked)), found), next);
}

async fn server_error(stage: &Stage<'_>, sheet: &Sheet) -> Verdict {
    let (notes, calls) = write_struck(stage, "serverError", json!({"count": 2})).await?;
    let tries = calls.which(|it| it.writes(&notes.id));
    judge_pauses(sheet, &ERROR_PAUSES, &tries);
    let pauses = pauses(&tries);
    if let [first, second, ..] = pauses.as_slice() {
        let found = format!("{} and {}", seconds(*first), seconds(*second));
        let grows = second > first && *first >= PAUSE_MIN;
        sheet.judge(&ERROR_GROWS, grows, ("a second pause that is longer", found), tries.last().copied());
    }
    notes.judge_done(stage, sheet, &ERROR_DONE, &calls).await
}

async fn outage(stage: &Stage<'_>, sheet: &Sheet) -> Verdict {
    let notes = Notes::prepare(stage, &[]).await?;
    stage.fault("serverError", json!({})).await?;
    let ended = stage.perform(notes.brief()).await?;
    let calls = stage.calls().await;
    let tries = calls.which(|it| !it.is_sign_in());
    let is_met = (1..=TRIES_MAX).contains(&tries.len()) && !ended.was_stopped;
    let found = format!("{} calls, and {}", tries.len(), ended.told());
    sheet.judge(&OUTAGE_BOUNDED, is_met, ("an end after ten calls at most", found), tries.last().copied());
    judge_pauses(sheet, &OUTAGE_PAUSES, &tries);
    super::judge_says(sheet, &OUTAGE_SAYS, ended);
    Ok(())
}

fn pauses(tries: &[&Call]) -> Vec<SignedDuration> {
    tries.windows(2).filter_map(|it| Some(it.get(1)?.since(it.first()?))).collect()
}

fn judge_pauses(sheet: &Sheet, rule: &Expectation, tries: &[&Call]) {
    let shortest = pauses(tries).into_iter().min();
    let is_met = shortest.is_none_or(|it| it >= PAUSE_MIN);
    let found = shortest.map_or(String::new(), |it| format!("a pause of {}", seconds(it)));
    let expected = format!("pauses of {} or more", seconds(PAUSE_MIN));
    sheet.judge(rule, is_met, (expected, found), tries.last().copied());
}

fn seconds(duration: SignedDuration) -> String {
    format!("{:.2} s", duration.as_secs_f64())
}
