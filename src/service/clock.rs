//! The sandbox's clock: it goes ahead of the system's, is put forward by its callers, and survives a restart.
//!
//! How far it is ahead is kept in the database, in ticks of 100 ns. It never goes back, because tokens, deadlines and
//! the log would then tell of a future.

use std::time::Duration;

use jiff::{SignedDuration, Span, SpanRelativeTo};
use serde::Serialize;
use tokio::time::{sleep, timeout};
use utoipa::ToSchema;

use super::{Context, expiry};
use crate::{
    domain::{
        json::{self, JsonError, JsonLimits, Node},
        report::{ProblemCode, Report, pointer_segment, shortened},
        sources::{Clock, MovableClock},
        time::Timestamp,
    },
    storage::{Lease, Store, StoreError},
};

/// The name of the setting.
const SETTING: &str = "sandbox_clock_ahead_ticks";
/// The only member of the request.
const ADVANCE: &str = "advance";
const NANOS_PER_TICK: i128 = 100;
/// Deadlines lie ahead of the clock, and the wire can write no year after 9999.
const LATEST: &str = "9000-01-01T00:00:00Z";

/// How long to wait for an expiry that is under way, and how often to look.
const LEASE_WAIT: Duration = Duration::from_secs(10);
const LEASE_LOOK: Duration = Duration::from_millis(20);

/// Where the clock stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ClockState {
    /// The time that the server goes by.
    pub now: Timestamp,
    /// How far that is ahead of the system's clock, in ISO 8601: `P15D`, `PT0S`.
    pub offset: String,
}

/// What putting the clock forward did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Advanced {
    /// Where it stands.
    #[serde(flatten)]
    pub state: ClockState,
    /// How many referrals expired by that.
    pub expired: u64,
}

/// Why the clock was not put forward.
#[derive(Debug, thiserror::Error)]
pub enum AdvanceError {
    /// The body is no acceptable JSON.
    #[error(transparent)]
    Malformed(#[from] JsonError),
    /// The request is wrong; the report lists every problem.
    #[error("the request has {} problems", .0.problems.len())]
    Invalid(Report),
    /// The store failed, or expiry took too long.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Returns the clock of a sandbox, as far ahead of `base` as it was last put.
///
/// # Errors
/// When the database does not answer, or does not hold a number.
pub async fn open(store: &Store, base: Clock) -> Result<MovableClock, StoreError> {
    Ok(MovableClock::new(base, find_ahead_ticks(store).await?))
}

/// Puts a clock as far forward as another server of the same sandbox has put its own.
///
/// # Errors
/// As [`open`].
pub async fn follow(store: &Store, clock: &MovableClock) -> Result<(), StoreError> {
    clock.put_ahead(find_ahead_ticks(store).await?);
    Ok(())
}

async fn find_ahead_ticks(store: &Store) -> Result<i64, StoreError> {
    let Some(text) = store.find_setting(SETTING).await? else { return Ok(0) };
    text.parse()
        .map_err(|_| StoreError::Corrupt { column: 0, found: "a clock that is no number ahead".to_owned() })
}

/// Says where the clock stands.
pub fn read(clock: &MovableClock) -> ClockState {
    ClockState { now: clock.now(), offset: to_iso(clock.ahead_ticks()) }
}

/// Puts the clock forward by what the body says, and closes what is due then, before anybody else can.
///
/// # Errors
/// Every problem of the request at once; the clock stands where it stood then. After an error of the store it is not
/// known whether it moved.
pub async fn advance(context: &Context, clock: &MovableClock, body: &[u8]) -> Result<Advanced, AdvanceError> {
    let ticks = read_advance(body, context.settings.json)?;
    // Whoever holds the lease is alone with the clock too, so that no step gets lost.
    let _lease = wait_for_lease(&context.store).await?;
    follow(&context.store, clock).await?;
    let latest = Timestamp::parse(LATEST).unwrap_or_default();
    if clock.now().ticks().checked_add(ticks).is_none_or(|it| it > latest.ticks()) {
        return Err(refusal(format!("the clock goes no further than {LATEST}")));
    }
    let ahead_ticks = clock.ahead_ticks().saturating_add(ticks);
    context.store.put_setting(SETTING, &ahead_ticks.to_string()).await?;
    clock.put_ahead(ahead_ticks);
    let state = read(clock);
    tracing::info!(now = %state.now, "the sandbox's clock was put forward");
    let expired = expiry::expire_all(context).await?;
    // What was to be tried again by then is due.
    context.feed.bell.ring();
    Ok(Advanced { state, expired })
}

async fn wait_for_lease(store: &Store) -> Result<Lease, StoreError> {
    let take = async {
        loop {
            if let Some(lease) = store.try_expiry_lease().await? {
                return Ok(lease);
            }
            sleep(LEASE_LOOK).await;
        }
    };
    timeout(LEASE_WAIT, take).await.unwrap_or(Err(StoreError::Overloaded))
}

/// Reads how far the clock is to be put forward, in ticks.
fn read_advance(body: &[u8], limits: JsonLimits) -> Result<i64, AdvanceError> {
    let mut report = Report::default();
    let node = json::parse(body, limits)?;
    let Node::Object(members) = &node else {
        let message =
            format!("the body is {}; send an object such as {{\"advance\": \"15 days\"}}", node.kind());
        report.problem(ProblemCode::InvalidValue, "type", "", message);
        return Err(AdvanceError::Invalid(report));
    };
    for (name, _) in members.iter().filter(|(name, _)| name != ADVANCE) {
        let target = format!("/{}", pointer_segment(shortened(name)));
        let message = format!("there is no member \"{}\"", shortened(name));
        let allowed = vec![ADVANCE.to_owned()];
        report.problem_with_allowed(ProblemCode::InvalidValue, "unknownMember", target, message, allowed);
    }
    let ticks = match node.member(ADVANCE) {
        None | Some(Node::Null) => {
            report.required("/advance", "say how far the clock is to be put forward, such as \"15 days\"");
            None
        }
        Some(value) => match read_duration(value) {
            Ok(ticks) => Some(ticks),
            Err(message) => {
                add_refusal(&mut report, message);
                None
            }
        },
    };
    ticks.filter(|_| report.problems.is_empty()).ok_or(AdvanceError::Invalid(report))
}

/// Reads a duration in words, in ISO 8601, or as a number of seconds.
fn read_duration(value: &Node) -> Result<i64, String> {
    let (duration, said) = match value {
        Node::Number(text) => (of_seconds(text), text.clone()),
        Node::Text(text) => (of_text(text)?, format!("\"{}\"", shortened(text))),
        other => return Err(format!("{} is no duration", other.kind())),
    };
    let said = shortened(&said);
    let duration = duration.ok_or_else(|| format!("{said} is no duration that can be counted"))?;
    if duration.is_negative() {
        return Err(format!("{said} leads back, and the clock only goes forward"));
    }
    match i64::try_from(duration.as_nanos() / NANOS_PER_TICK) {
        Ok(0) => Err(format!("{said} is less than the 100 nanoseconds that the clock counts in")),
        Ok(ticks) => Ok(ticks),
        Err(_) => Err(format!("{said} is longer than the clock can count")),
    }
}

fn of_seconds(text: &str) -> Option<SignedDuration> {
    match text.parse() {
        Ok(secs) => Some(SignedDuration::from_secs(secs)),
        Err(_) => SignedDuration::try_from_secs_f64(text.parse().ok()?).ok(),
    }
}

/// Days and weeks have 24 hours and 7 days here; months and years have no length of their own.
fn of_text(text: &str) -> Result<Option<SignedDuration>, String> {
    let Ok(span) = text.trim().to_ascii_lowercase().parse::<Span>() else { return Ok(None) };
    if span.get_months() != 0 || span.get_years() != 0 {
        return Err("months and years differ in length, so the clock is put forward by weeks, days or less"
            .to_owned());
    }
    Ok(span.to_duration(SpanRelativeTo::days_are_24_hours()).ok())
}

fn add_refusal(report: &mut Report, message: String) {
    let allowed =
        ["15 days", "2 weeks", "1 day 6 hours", "90 minutes", "P15D", "PT90M", "a number of seconds"];
    let allowed = allowed.map(str::to_owned).to_vec();
    report.problem_with_allowed(ProblemCode::InvalidValue, "duration", "/advance", message, allowed);
}

fn refusal(message: String) -> AdvanceError {
    let mut report = Report::default();
    add_refusal(&mut report, message);
    AdvanceError::Invalid(report)
}

/// Writes ticks as ISO 8601 does, with days of 24 hours.
fn to_iso(ticks: i64) -> String {
    let nanos = i128::from(ticks).saturating_mul(NANOS_PER_TICK);
    let duration = SignedDuration::from_nanos_i128(nanos);
    let days = duration.as_hours() / 24;
    let rest = SignedDuration::from_nanos_i128(nanos % (24 * 60 * 60 * 1_000_000_000));
    let rest = rest.to_string();
    match (days, rest.as_str()) {
        (0, rest) => rest.to_owned(),
        (days, "PT0S") => format!("P{days}D"),
        (days, rest) => format!("P{days}D{}", rest.trim_start_matches('P')),
    }
}

#[cfg(test)]
mod tests {
    use super::{AdvanceError, read_advance, to_iso};
    use crate::domain::json::JsonLimits;

    fn advance(body: &str) -> Result<i64, Vec<String>> {
        read_advance(body.as_bytes(), JsonLimits { depth_max: 32, array_items_max: 10 }).map_err(|error| {
            match error {
                AdvanceError::Invalid(report) => {
                    report.problems.iter().map(|it| format!("{} {}", it.rule, it.target)).collect()
                }
                error => vec![error.to_string()],
            }
        })
    }

    #[test]
    fn durations_are_read_in_words_in_iso_8601_and_as_seconds() {
        for (value, secs) in [
            ("\"15 days\"", 1_296_000),
            ("\" 15 Days \"", 1_296_000),
            ("\"1 day 6 hours\"", 108_000),
            ("\"1 day, 6 hours\"", 108_000),
            ("\"90 minutes\"", 5_400),
            ("\"2 weeks\"", 1_209_600),
            ("\"1.5 hours\"", 5_400),
            ("\"P15D\"", 1_296_000),
            ("\"P2W\"", 1_209_600),
            ("\"PT90M\"", 5_400),
            ("\"P1DT6H\"", 108_000),
            ("5400", 5_400),
            ("5.4e3", 5_400),
        ] {
            assert_eq!(advance(&format!("{{\"advance\":{value}}}")), Ok(secs * 10_000_000), "{value}");
        }
        assert_eq!(advance("{\"advance\":\"PT0.0000001S\"}"), Ok(1));
        assert_eq!(advance("{\"advance\":0.5}"), Ok(5_000_000));
    }

    #[test]
    fn what_is_no_step_forward_is_refused_with_its_rule() {
        for value in [
            "\"soon\"",
            "\"\"",
            "\"15\"",
            "\"-15 days\"",
            "\"15 days ago\"",
            "\"-P1D\"",
            "\"P0D\"",
            "\"0 seconds\"",
            "\"PT0.00000001S\"",
            "\"1 month\"",
            "\"P1M\"",
            "\"2 years 1 day\"",
            "\"99999999999999999999 days\"",
            "\"9999999 weeks\"",
            "0",
            "-1",
            "1e300",
            "99999999999999999999",
            "9223372036854775807",
            "true",
            "[]",
            "{}",
        ] {
            let refused = advance(&format!("{{\"advance\":{value}}}"));
            assert_eq!(refused, Err(vec!["duration /advance".to_owned()]), "{value}");
        }
    }

    #[test]
    fn every_problem_of_the_request_is_reported() {
        let refused = |body: &str, problems: &[&str]| {
            let problems = problems.iter().map(|it| (*it).to_owned()).collect();
            assert_eq!(advance(body), Err(problems), "{body}");
        };
        refused("{}", &["required /advance"]);
        refused("{\"advance\":null}", &["required /advance"]);
        refused("[]", &["type "]);
        refused(
            "{\"set\":\"now\",\"a/b\":1}",
            &["unknownMember /set", "unknownMember /a~1b", "required /advance"],
        );
        refused("{\"advance\":\"1 day\",\"Advance\":1}", &["unknownMember /Advance"]);
    }

    #[test]
    fn the_offset_is_written_as_iso_8601() {
        for (ticks, text) in [
            (0, "PT0S"),
            (5_400 * 10_000_000, "PT1H30M"),
            (1_296_000 * 10_000_000, "P15D"),
            (108_000 * 10_000_000 + 1, "P1DT6H0.0000001S"),
        ] {
            assert_eq!(to_iso(ticks), text);
        }
    }
}
