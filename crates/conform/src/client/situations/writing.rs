//! Writes of a referral that others write too, that has more in it than the connector knows, or that is not to be had.

use serde_json::{Value, json};

use super::{
    super::{
        log::Call,
        perform::Brief,
        situation::{Expectation, Sheet, Situation, Task, must, should},
        stage::Stage,
    },
    Notes,
};
use crate::{
    check::{Failure, Verdict},
    play::replace,
    sources::{ERRORS, HEADERS, PORTAL, RECOMMENDED, SMART_OFFICE, TROUBLESHOOTING, UPDATE},
    target::Who,
    wire::get,
};

/// How long a write is held, in milliseconds, so that something can happen before it.
const HELD_MS: u64 = 1000;

/// How near the deadline the clock is put, and how far past it then, in seconds.
const BEFORE_DEADLINE_SECS: f64 = 60.0;
const PAST_DEADLINE_SECS: f64 = 120.0;

/// Members that every write changes.
const ALWAYS_CHANGED: [&str; 5] =
    ["/eTag", "/updatedDateTime", "/lastModifiedVia", "/details/notes", "/@odata.context"];

/// How clients name themselves that have not been given a name.
const UNNAMED: [&str; 12] = [
    "python-requests",
    "python-urllib",
    "curl",
    "node",
    "undici",
    "axios",
    "go-http-client",
    "java",
    "okhttp",
    "apache-httpclient",
    "postmanruntime",
    "reqwest",
];

const PLAIN_DONE: Expectation = must(
    "plain-done",
    "Adds the line to the notes, and keeps what was there",
    "this is what it was asked to do, with nothing in its way",
    UPDATE,
);
const PLAIN_IF_MATCH: Expectation = must(
    "plain-if-match",
    "Every write names the version that it starts from in If-Match",
    "without it nobody notices that two write at once, and the first of them loses what it wrote",
    HEADERS,
);
const PLAIN_USER_AGENT: Expectation = should(
    "plain-user-agent",
    "Every call says in User-Agent which program makes it",
    "the operator of the other side can tell it from others only by that",
    RECOMMENDED,
);
const PLAIN_CORRELATION: Expectation = should(
    "plain-correlation",
    "Every call has an id of its own in client-request-id, MS-RequestId or MS-CorrelationId",
    "a call that went wrong is found in the logs of both sides by its id",
    HEADERS,
);

const CONFLICT_OTHER: Expectation = must(
    "conflict-keeps-other",
    "What somebody else wrote meanwhile is still there",
    "an update that is lost is noticed by nobody until the customer calls",
    UPDATE,
);
const CONFLICT_VERSION: Expectation = must(
    "conflict-new-version",
    "The write after a 412 starts from the version that is there",
    "the old eTag leads to 412 for ever, and none at all overwrites what the 412 was about",
    ERRORS,
);
const CONFLICT_DONE: Expectation = must(
    "conflict-done",
    "Adds its own line once, on top of what the other wrote",
    "a 412 is no failure: it asks for one more look",
    UPDATE,
);

const UNKNOWN_DONE: Expectation = must(
    "unknown-done",
    "Does its task on a referral with words and members that it does not know",
    "vocabularies grow: a value that was not known has broken a client of Microsoft's own",
    SMART_OFFICE,
);
const UNKNOWN_KEPT: Expectation = must(
    "unknown-kept",
    "Leaves everything but the notes as it was",
    "what a connector does not know belongs to somebody who does",
    UPDATE,
);
const UNKNOWN_WHOLE: Expectation = should(
    "unknown-whole",
    "A PUT carries back everything that was read",
    "a server may take what is missing in a PUT as erased",
    UPDATE,
);

const FOREIGN_STOPS: Expectation = must(
    "foreign-stops",
    "After 404 it does not go on asking",
    "what is not there, or belongs to others, does not come into being by being asked for",
    ERRORS,
);
const FOREIGN_NONE: Expectation = must(
    "foreign-makes-none",
    "Makes no referral in the place of one that it may not see",
    "the same deal would be there twice",
    TROUBLESHOOTING,
);
const FOREIGN_SAYS: Expectation = should(
    "foreign-says",
    "Says that its task could not be done",
    "a failure that nobody is told of is found months later",
    TROUBLESHOOTING,
);

const EXPIRY_TRIES: Expectation = must(
    "expiry-tries",
    "Tries to accept while there is time",
    "an invitation that nobody answers expires, and the other side has waited for nothing",
    PORTAL,
);
const EXPIRY_STOPS: Expectation = must(
    "expiry-stops",
    "Does not try again to accept what it was told has expired",
    "what has expired stays so, however often it is asked for",
    ERRORS,
);
const EXPIRY_READS: Expectation = should(
    "expiry-reads",
    "Reads the referral after the refusal",
    "its own copy says New as long as it does not look",
    RECOMMENDED,
);

pub(super) fn situations() -> Vec<Situation> {
    vec![
        Situation::new(
            "plain",
            "nothing goes wrong",
            Task::UpdateNotes,
            &[&PLAIN_DONE, &PLAIN_IF_MATCH, &PLAIN_USER_AGENT, &PLAIN_CORRELATION],
            plain,
        ),
        Situation::new(
            "conflict",
            "a colleague writes between the connector's look and its write, which is 412 then",
            Task::UpdateNotes,
            &[&CONFLICT_OTHER, &CONFLICT_VERSION, &CONFLICT_DONE],
            conflict,
        ),
        Situation::new(
            "unknown",
            "the referral has words that no list of today has",
            Task::UpdateNotes,
            &[&UNKNOWN_DONE, &UNKNOWN_KEPT, &UNKNOWN_WHOLE],
            unknown,
        ),
        Situation::new(
            "foreign",
            "the referral is another company's: 404",
            Task::UpdateNotes,
            &[&FOREIGN_STOPS, &FOREIGN_NONE, &FOREIGN_SAYS],
            foreign,
        ),
    ]
}

/// The situation that puts the clock forward by two weeks.
pub(super) fn late() -> Vec<Situation> {
    let about = "the deadline of an invitation passes while the acceptance is on its way";
    let expectations = &[&EXPIRY_TRIES, &EXPIRY_STOPS, &EXPIRY_READS];
    vec![Situation::new("expiry", about, Task::Accept, expectations, expiry)]
}

async fn plain(stage: &Stage<'_>, sheet: &Sheet) -> Verdict {
    let notes = Notes::prepare(stage, &[]).await?;
    stage.perform(notes.brief()).await?;
    let calls = stage.calls().await;
    notes.judge_done(stage, sheet, &PLAIN_DONE, &calls).await?;
    let writes = calls.which(|it| it.writes(&notes.id));
    let blind = writes.iter().find(|it| !matches!(it.header("if-match"), Some(tag) if tag.trim() != "*"));
    let found = match (writes.first(), blind) {
        (None, _) => "no write".to_owned(),
        (_, Some(it)) => {
            format!("a {} {}", it.method, it.header("if-match").map_or("without it", |_| "with *"))
        }
        (Some(_), None) => String::new(),
    };
    let shown = blind.copied();
    sheet.judge(&PLAIN_IF_MATCH, found.is_empty(), ("the eTag that was read", found), shown);
    let api = calls.which(|it| !it.is_sign_in());
    let nameless = api.iter().find(|it| is_unnamed(it.header("user-agent").unwrap_or_default()));
    let found = nameless.map(|it| format!("\"{}\"", it.header("user-agent").unwrap_or_default()));
    let expected = "a name of the connector's own, such as \"contoso-crm/2.1\"";
    let is_met = found.is_none() && !api.is_empty();
    sheet.judge(
        &PLAIN_USER_AGENT,
        is_met,
        (expected, found.unwrap_or("no calls".to_owned())),
        nameless.copied(),
    );
    let ids: Vec<_> = api.iter().filter_map(|it| id_of(it)).collect();
    let own: std::collections::HashSet<_> = ids.iter().collect();
    let found = format!("{} different ids in {} calls", own.len(), api.len());
    let is_met = own.len() == api.len() && !api.is_empty();
    sheet.judge(&PLAIN_CORRELATION, is_met, ("another id with each call", found), api.last().copied());
    Ok(())
}

fn is_unnamed(agent: &str) -> bool {
    let agent = agent.to_ascii_lowercase();
    agent.is_empty() || UNNAMED.iter().any(|it| agent.starts_with(it))
}

/// Returns the id that a call gives itself.
pub(super) fn id_of(call: &Call) -> Option<&str> {
    ["client-request-id", "ms-requestid", "ms-correlationid"].into_iter().find_map(|it| call.header(it))
}

async fn conflict(stage: &Stage<'_>, sheet: &Sheet) -> Verdict {
    let notes = Notes::prepare(stage, &[]).await?;
    stage.strike_writes("delay", &notes.id, json!({"delayMs": HELD_MS, "count": 1})).await?;
    let theirs = format!("A colleague's line in {}", stage.reference());
    let meanwhile = async {
        stage.struck().await;
        stage.clear_faults().await;
        let before = stage.read(&notes.id).await?;
        let text = format!("{}\n{theirs}", before.string("/details/notes")?);
        let operations = json!([replace("/details/notes", json!(text))]);
        stage.play().patched(Who::Caller, &notes.id, &operations).await.map(drop)
    };
    stage.perform_while(notes.brief(), meanwhile).await?;
    let calls = stage.calls().await;
    let after = stage.read(&notes.id).await?;
    let text = after.string("/details/notes")?;
    let last = calls.which(|it| it.writes(&notes.id)).last().copied();
    let is_kept = text.contains(&theirs);
    sheet.judge(&CONFLICT_OTHER, is_kept, ("the colleague's line", "it was overwritten"), last);
    if let Some((refused, rest)) = calls.after(|it| it.writes(&notes.id) && it.status == 412) {
        let next = rest.which(|it| it.writes(&notes.id)).first().copied();
        let tag = |it: &Call| it.header("if-match").unwrap_or_default().trim().to_owned();
        let is_new = next.is_some_and(|it| !matches!(tag(it).as_str(), "" | "*") && tag(it) != tag(refused));
        let found = next.map_or("no further write".to_owned(), |it| format!("If-Match: {}", tag(it)));
        sheet.judge(&CONFLICT_VERSION, is_new, ("the eTag of the colleague's version", found), next);
    } else {
        let found = format!("no write was refused: {}", calls.told());
        sheet.judge(&CONFLICT_VERSION, false, ("a write with If-Match, and 412", found), last);
    }
    notes.judge_done(stage, sheet, &CONFLICT_DONE, &calls).await
}

async fn unknown(stage: &Stage<'_>, sheet: &Sheet) -> Verdict {
    let members = [
        ("/salesStage", json!("StageOfTomorrow")),
        ("/details/requirements/products", json!([{"id": "ProductOfTomorrow"}])),
        (
            "/details/requirements/additionalRequirements/attributes",
            json!([{"id": "Perhaps", "type": "AttributeOfTomorrow"}]),
        ),
    ];
    let notes = Notes::prepare(stage, &members).await?;
    let before = stage.read(&notes.id).await?.json;
    stage.perform(notes.brief()).await?;
    let calls = stage.calls().await;
    notes.judge_done(stage, sheet, &UNKNOWN_DONE, &calls).await?;
    let after = stage.read(&notes.id).await?.json;
    let mut lost = Vec::new();
    differences(&before, &after, String::new(), &mut lost);
    lost.retain(|it| !ALWAYS_CHANGED.contains(&it.as_str()));
    let writes = calls.which(|it| it.writes(&notes.id));
    let found = format!("changed: {}", lost.join(", "));
    let shown = writes.last().copied();
    sheet.judge(&UNKNOWN_KEPT, lost.is_empty(), ("nothing but /details/notes changes", found), shown);
    let Some(put) = writes.iter().find(|it| it.method == "PUT") else {
        sheet.skip(&UNKNOWN_WHOLE, "the connector writes without PUT");
        return Ok(());
    };
    let sent: Value = serde_json::from_str(&put.sent).unwrap_or_default();
    let mut missing = Vec::new();
    differences(&before, &sent, String::new(), &mut missing);
    missing.retain(|it| {
        !ALWAYS_CHANGED.contains(&it.as_str()) && !it.starts_with("/links") && !it.contains('@')
    });
    let found = format!("missing or different: {}", missing.join(", "));
    sheet.judge(&UNKNOWN_WHOLE, missing.is_empty(), ("every member as it was read", found), Some(put));
    Ok(())
}

/// Lists the pointers at which two documents differ. Lists count as a whole; null, empty and absent are the same.
fn differences(before: &Value, after: &Value, pointer: String, found: &mut Vec<String>) {
    match (before, after) {
        (Value::Object(before), Value::Object(after)) => {
            for (name, value) in before {
                differences(
                    value,
                    after.get(name).unwrap_or(&Value::Null),
                    format!("{pointer}/{name}"),
                    found,
                );
            }
        }
        (Value::Object(before), _) if before.values().all(is_nothing) => {}
        (before, after) if is_nothing(before) && is_nothing(after) => {}
        (before, after) if crate::check::same(before, after) => {}
        _ => found.push(pointer),
    }
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.values().all(is_nothing),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

async fn foreign(stage: &Stage<'_>, sheet: &Sheet) -> Verdict {
    let deal = stage.foreign_deal().await?;
    let notes = Notes { id: deal.string("/id")?.to_owned(), line: format!("Line of {}", stage.reference()) };
    let ended = stage.perform(notes.brief()).await?;
    let calls = stage.calls().await;
    let asked = calls.which(|it| it.path().contains(&notes.id));
    let is_met = (1..=2).contains(&asked.len());
    let found = format!("{} calls: {}", asked.len(), calls.told());
    sheet.judge(&FOREIGN_STOPS, is_met, ("one call, or one more to be sure", found), asked.last().copied());
    let made = calls.which(super::super::log::Call::is_create);
    sheet.judge(&FOREIGN_NONE, made.is_empty(), ("no POST", calls.told()), made.first().copied());
    super::judge_says(sheet, &FOREIGN_SAYS, ended);
    Ok(())
}

async fn expiry(stage: &Stage<'_>, sheet: &Sheet) -> Verdict {
    let id = stage.invite().await?;
    let referral = stage.read(&id).await?;
    let deadline = referral.moment("/expirationDateTime")?;
    let clock = stage.play().send(get("/sandbox/clock").by(Who::Nobody)).await;
    let left = deadline.duration_since(clock.moment("/now")?).as_secs_f64();
    stage.advance((left - BEFORE_DEADLINE_SECS).max(0.001)).await?;
    stage.sign_in_again().await?;
    stage.strike_writes("delay", &id, json!({"delayMs": HELD_MS, "count": 1})).await?;
    let meanwhile = async {
        stage.struck().await;
        stage.clear_faults().await;
        stage.advance(PAST_DEADLINE_SECS).await
    };
    let brief = Brief::new("accept the invitation (Active/Accepted)").with("LIAISON_REFERRAL_ID", &id);
    let ended = stage.perform_while(brief, meanwhile).await?;
    let calls = stage.calls().await;
    let writes = calls.which(|it| it.writes(&id));
    let found = format!("{}; {}", calls.told(), ended.told());
    sheet.judge(&EXPIRY_TRIES, !writes.is_empty(), ("a write that accepts", found.clone()), calls.0.last());
    if calls.has(|it| it.writes(&id) && it.is_success()) {
        return Err(Failure::new("an acceptance that comes too late", "it came in time"));
    }
    let Some((refused, rest)) = calls.after(|it| it.writes(&id)) else { return Ok(()) };
    let again = rest.count(|it| it.writes(&id));
    let is_met = again == 0 && !ended.was_stopped;
    sheet.judge(&EXPIRY_STOPS, is_met, ("no further try", format!("{again} more: {found}")), Some(refused));
    let is_met = rest.has(|it| it.reads(&id));
    sheet.judge(&EXPIRY_READS, is_met, ("a GET of the referral", found), Some(refused));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_lost_is_named_and_what_is_empty_is_not_missed() {
        let before = json!({"a": {"b": 1, "c": ""}, "list": [1], "none": null, "deep": {"x": null}});
        let mut found = Vec::new();

        differences(&before, &json!({"a": {"b": 1.0}, "list": [], "new": 1}), String::new(), &mut found);

        assert_eq!(found, ["/list"]);
    }

    #[test]
    fn the_name_of_a_library_is_no_name() {
        assert!(is_unnamed("") && is_unnamed("Python-requests/2.34") && !is_unnamed("contoso-crm/2.1"));
    }
}
