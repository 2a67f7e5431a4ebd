//! The strict reading of a fault, with every problem at once.

use super::{CutPlace, Fault, FaultKind, Route, Victim};
use crate::domain::{
    json::Node,
    organization::{
        OrganizationId,
        form::{Form, TEXT_CHARS_MAX, URL_CHARS_MAX},
    },
    report::{Report, shortened},
    vocabulary::Vocabulary as _,
};

/// The largest number that a JSON number carries safely.
const NUMBER_MAX: u64 = 1 << 53;
/// The longest delay of an answer: more than any client waits.
const DELAY_MS_MAX: u64 = 10 * 60 * 1000;
/// The longest delay of a webhook, by the sandbox's clock.
const WEBHOOK_DELAY_MS_MAX: u64 = 30 * 24 * 60 * 60 * 1000;
const RETRY_AFTER_SECS_MAX: u64 = 24 * 60 * 60;
const BYTES_PER_SEC_MAX: u64 = 1 << 20;
/// What `Retry-After` says where nothing else is asked for.
const RETRY_AFTER_SECS: u64 = 1;
/// Methods that a route can have.
const METHODS: [&str; 6] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];

/// A fault, and how many it strikes.
#[derive(Clone, Debug, PartialEq)]
pub struct WantedFault {
    /// What is wanted.
    pub fault: Fault,
    /// How many it strikes; `None` for no end.
    pub count: Option<u64>,
}

/// Members as they were sent.
#[derive(Default)]
struct Sent {
    kind: Option<FaultKind>,
    application: Option<String>,
    organization: Option<String>,
    method: Option<String>,
    route: Option<String>,
    probability: Option<f64>,
    count: Option<u64>,
    seed: Option<u64>,
    retry_after_secs: Option<u64>,
    delay_ms: Option<u64>,
    bytes_per_sec: Option<u64>,
    cut: Option<CutPlace>,
}

/// Reads a definition, and adds every problem of it to `report`. `check_route` says what is wrong with a route that can be read.
/// `None` when there is nothing to go on with.
pub fn read(
    body: Node,
    report: &mut Report,
    check_route: impl Fn(&Route) -> Result<(), String>,
) -> Option<WantedFault> {
    let mut sent = Sent::default();
    Form::read(body, report, |form| {
        read_members(form, &mut sent, &check_route);
        match sent.kind {
            Some(kind) => check_kind(form, kind, &sent),
            None => {
                form.required("kind", &format!("say what goes wrong: {}", FaultKind::SPELLINGS.join(", ")))
            }
        }
    });
    if !report.problems.is_empty() {
        return None;
    }
    let kind = sent.kind?;
    let has_retry_after = matches!(kind, FaultKind::Throttled | FaultKind::Unavailable);
    let fault = Fault {
        kind,
        application: sent.application,
        organization: sent.organization.as_deref().and_then(OrganizationId::parse),
        method: sent.method,
        route: sent.route.as_deref().and_then(|it| Route::parse(it).ok()),
        probability: sent.probability.unwrap_or(1.0),
        seed: sent.seed.unwrap_or(1),
        retry_after_secs: sent.retry_after_secs.or(has_retry_after.then_some(RETRY_AFTER_SECS)),
        delay_ms: sent.delay_ms,
        bytes_per_sec: sent.bytes_per_sec,
        cut: sent.cut.or((kind == FaultKind::CutAnswer).then_some(CutPlace::BeforeHead)),
    };
    Some(WantedFault { fault, count: sent.count })
}

fn read_members(form: &mut Form<'_>, sent: &mut Sent, check_route: impl Fn(&Route) -> Result<(), String>) {
    form.optional_word("kind", &mut sent.kind);
    form.text("application", TEXT_CHARS_MAX, &mut sent.application);
    form.checked_text("organization", TEXT_CHARS_MAX, &mut sent.organization, |text| {
        match OrganizationId::parse(text) {
            Some(id) => Ok(id.as_str().to_owned()),
            None => {
                let message =
                    format!("\"{}\" is no organization; send its id, a GUID or msft", shortened(text));
                Err(("organization", message))
            }
        }
    });
    form.checked_text("method", TEXT_CHARS_MAX, &mut sent.method, |text| {
        let upper = text.to_ascii_uppercase();
        match METHODS.contains(&upper.as_str()) {
            true => Ok(upper),
            false => {
                let message = format!("\"{}\" is no method; use {}", shortened(text), METHODS.join(", "));
                Err(("vocabulary", message))
            }
        }
    });
    form.checked_text("route", URL_CHARS_MAX, &mut sent.route, |text| {
        let route = Route::parse(text).map_err(|error| ("route", error.to_string()))?;
        check_route(&route).map_err(|problem| ("route", problem))?;
        Ok(text.to_owned())
    });
    form.number("probability", 0.0, 1.0, &mut sent.probability);
    form.integer("count", (1, NUMBER_MAX), &mut sent.count);
    form.integer("seed", (0, NUMBER_MAX), &mut sent.seed);
    form.integer("retryAfterSecs", (0, RETRY_AFTER_SECS_MAX), &mut sent.retry_after_secs);
    form.integer("delayMs", (1, WEBHOOK_DELAY_MS_MAX), &mut sent.delay_ms);
    form.integer("bytesPerSec", (1, BYTES_PER_SEC_MAX), &mut sent.bytes_per_sec);
    form.optional_word("cut", &mut sent.cut);
}

/// Refuses members that mean nothing to a kind, and asks for those that it cannot do without.
fn check_kind(form: &mut Form<'_>, kind: FaultKind, sent: &Sent) {
    let is_request = kind.victim() == Victim::Request;
    let waits = matches!(kind, FaultKind::Delay | FaultKind::WebhookDelay | FaultKind::WebhookReorder);
    let again = matches!(kind, FaultKind::Throttled | FaultKind::Unavailable);
    for (name, is_sent, is_of_kind) in [
        ("application", sent.application.is_some(), is_request),
        ("method", sent.method.is_some(), is_request),
        ("route", sent.route.is_some(), is_request),
        ("retryAfterSecs", sent.retry_after_secs.is_some(), again),
        ("delayMs", sent.delay_ms.is_some(), waits),
        ("bytesPerSec", sent.bytes_per_sec.is_some(), kind == FaultKind::SlowBody),
        ("cut", sent.cut.is_some(), kind == FaultKind::CutAnswer),
    ] {
        if is_sent && !is_of_kind {
            form.problem(name, "kind", format!("a fault of the kind {} has no {name}", kind.as_str()));
        }
    }
    if matches!(kind, FaultKind::Delay | FaultKind::WebhookDelay) && sent.delay_ms.is_none() {
        form.required("delayMs", "say for how many milliseconds");
    }
    if kind == FaultKind::Delay && sent.delay_ms.is_some_and(|it| it > DELAY_MS_MAX) {
        form.problem(
            "delayMs",
            "range",
            format!("an answer is delayed by at most {DELAY_MS_MAX} milliseconds"),
        );
    }
    if kind == FaultKind::SlowBody && sent.bytes_per_sec.is_none() {
        form.required("bytesPerSec", "say how fast the body goes");
    }
}
