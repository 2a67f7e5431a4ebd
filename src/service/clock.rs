//! Where a sandbox's clock stands: beside the system's, put forward and held by its callers, and kept over a restart.
//!
//! The setting lies in the database. The clock never goes back while the data stay, because tokens, deadlines and the
//! log would then tell of a future. What follows from putting it forward is done by `sandbox::walk`.

use jiff::{SignedDuration, Span, SpanRelativeTo};
use serde::Serialize;
use utoipa::ToSchema;

use super::Context;
use crate::{
    domain::{
        audit::{AuditAuthor, AuditEvent, Deed, Resource},
        json::{self, JsonError, JsonLimits, Node},
        report::{ProblemCode, Report, pointer_segment, shortened},
        sources::{Clock, ClockSetting, MovableClock},
        time::Timestamp,
    },
    storage::{Commit, Store, StoreError},
};

/// The name of the setting: ticks ahead, revision, and the tick at which the clock is held or `-`. Older programs wrote
/// the first of them only.
const SETTING: &str = "sandbox_clock_ahead_ticks";
/// The members of the request.
const ADVANCE: &str = "advance";
const SET: &str = "set";
const FROZEN: &str = "frozen";
const NANOS_PER_TICK: i128 = 100;
/// Deadlines lie ahead of the clock, and the wire can write no year after 9999.
const LATEST: &str = "9000-01-01T00:00:00Z";

/// Where the clock stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ClockState {
    /// The time that the server goes by.
    pub now: Timestamp,
    /// How far that is ahead of the system's clock, in ISO 8601: `P15D`, `PT0S`, `-PT2H` when it is behind.
    pub offset: String,
    /// Whether it is held.
    pub frozen: bool,
}

/// Where somebody wants the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockWish {
    /// How it is moved; `None` leaves it where it is.
    pub goal: Option<Goal>,
    /// Whether it is held then; `None` leaves that as it is.
    pub frozen: Option<bool>,
}

/// How a clock is moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goal {
    /// By so many ticks of 100 ns.
    Advance(i64),
    /// To a moment.
    Set(Timestamp),
}

/// Why the clock was not put where it was wanted.
#[derive(Debug, thiserror::Error)]
pub enum ClockError {
    /// The body is no acceptable JSON.
    #[error(transparent)]
    Malformed(#[from] JsonError),
    /// The request is wrong; the report lists every problem.
    #[error("the request has {} problems", .0.problems.len())]
    Invalid(Report),
    /// The store failed, or what was under way took too long.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Returns the clock of a sandbox, where it was last put beside `base`.
///
/// # Errors
/// When the database does not answer, or does not hold a clock.
pub async fn open(store: &Store, base: Clock) -> Result<MovableClock, StoreError> {
    Ok(MovableClock::new(base, find_setting(store).await?.unwrap_or_default()))
}

/// Puts a clock where another server of the same sandbox has put its own.
///
/// # Errors
/// As [`open`].
pub async fn follow(store: &Store, clock: &MovableClock) -> Result<(), StoreError> {
    if let Some(setting) = find_setting(store).await? {
        clock.put(setting);
    }
    Ok(())
}

/// Writes down where a clock is to stand, for it and for those of other servers to follow.
///
/// # Errors
/// When the database does not take the commit.
pub async fn write(store: &Store, setting: ClockSetting) -> Result<(), StoreError> {
    store.put_setting(SETTING, &setting_text(setting)).await
}

/// The same, and that somebody wanted it so.
///
/// # Errors
/// As [`write()`].
pub async fn move_to(context: &Context, setting: ClockSetting) -> Result<(), StoreError> {
    let mut commit = Commit::new();
    commit.put_setting(SETTING, &setting_text(setting));
    let (author, what) = (AuditAuthor::server("sandbox"), (Deed::Advance, Resource::Clock));
    let event = AuditEvent::new((context.random.uuid(), context.clock.now()), None, author, what);
    commit.append_audit(&event.detail("Offset", to_iso(setting.ahead_ticks)));
    context.store.commit(commit).await
}

fn setting_text(setting: ClockSetting) -> String {
    let frozen = setting.frozen.map_or_else(|| "-".to_owned(), |it| it.ticks().to_string());
    format!("{} {} {frozen}", setting.ahead_ticks, setting.revision)
}

/// Returns where the clock of these data was last put; `None` where nobody has moved it.
///
/// # Errors
/// As [`open`].
pub async fn find_setting(store: &Store) -> Result<Option<ClockSetting>, StoreError> {
    let Some(text) = store.find_setting(SETTING).await? else { return Ok(None) };
    let setting = read_setting(&text);
    let corrupt = || StoreError::Corrupt { column: 0, found: "a clock that is no number ahead".to_owned() };
    setting.map(Some).ok_or_else(corrupt)
}

fn read_setting(text: &str) -> Option<ClockSetting> {
    let mut words = text.split(' ');
    let ahead_ticks = words.next()?.parse().ok()?;
    // The first revision is that of clocks that older programs put forward.
    let revision = words.next().map_or(Some(1), |it| it.parse().ok())?;
    let frozen = match words.next() {
        None | Some("-") => None,
        Some(ticks) => Some(Timestamp::from_ticks(ticks.parse().ok()?)),
    };
    Some(ClockSetting { ahead_ticks, frozen, revision })
}

/// Says where the clock stands.
pub fn read(clock: &MovableClock) -> ClockState {
    let setting = clock.setting();
    let ahead_ticks = match setting.frozen {
        Some(at) => at.ticks().saturating_sub(clock.base_now().ticks()),
        None => setting.ahead_ticks,
    };
    ClockState { now: clock.now(), offset: to_iso(ahead_ticks), frozen: setting.frozen.is_some() }
}

/// Decides where the clock is to be put by a wish.
///
/// # Errors
/// When that is behind where it stands, or later than the wire can write.
pub fn decide(clock: &MovableClock, wish: ClockWish) -> Result<ClockSetting, ClockError> {
    let (before, now, base) = (clock.setting(), clock.now(), clock.base_now());
    let goal = match wish.goal {
        None => now,
        Some(Goal::Advance(ticks)) => Timestamp::from_ticks(now.ticks().saturating_add(ticks)),
        Some(Goal::Set(at)) if at < now => {
            let message = format!(
                "the clock stands at {now} and only goes forward; to go back, reset the sandbox or restore a snapshot"
            );
            return Err(refusal("forward", "/set", message, None));
        }
        Some(Goal::Set(at)) => at,
    };
    if goal > Timestamp::parse(LATEST).unwrap_or_default() {
        let target = if matches!(wish.goal, Some(Goal::Set(_))) { "/set" } else { "/advance" };
        let message = format!("the clock goes no further than {LATEST}");
        return Err(refusal("duration", target, message, Some(durations())));
    }
    let revision = before.revision.saturating_add(1);
    let ahead_ticks = match (before.frozen, wish.goal) {
        // By the number, not by the time: no moment gets lost between reading and putting.
        (None, Some(Goal::Advance(ticks))) => before.ahead_ticks.saturating_add(ticks),
        (None, None) => before.ahead_ticks,
        (Some(_), _) | (None, Some(Goal::Set(_))) => goal.ticks().saturating_sub(base.ticks()),
    };
    let is_frozen = wish.frozen.unwrap_or(before.frozen.is_some());
    Ok(ClockSetting { ahead_ticks, frozen: is_frozen.then_some(goal), revision })
}

/// Reads where the clock is wanted.
///
/// # Errors
/// Every problem of the request at once.
pub fn read_wish(body: &[u8], limits: JsonLimits) -> Result<ClockWish, ClockError> {
    let mut report = Report::default();
    let node = json::parse(body, limits)?;
    let Node::Object(members) = &node else {
        let message =
            format!("the body is {}; send an object such as {{\"advance\": \"15 days\"}}", node.kind());
        report.problem(ProblemCode::InvalidValue, "type", "", message);
        return Err(ClockError::Invalid(report));
    };
    refuse_unknown(members.iter().map(|(name, _)| name.as_str()), &[ADVANCE, SET, FROZEN], &mut report);
    let member = |name| node.member(name).filter(|it| !matches!(it, Node::Null));
    let goal = match (member(ADVANCE), member(SET)) {
        (Some(_), Some(_)) => {
            let message = "advance and set exclude each other; send one of them";
            report.problem(ProblemCode::InvalidValue, "oneOf", "/set", message);
            None
        }
        (Some(value), None) => read_duration_at("/advance", value, &mut report).map(Goal::Advance),
        (None, Some(value)) => read_moment("/set", value, &mut report).map(Goal::Set),
        (None, None) => None,
    };
    let frozen = match member(FROZEN) {
        None => None,
        Some(Node::Bool(frozen)) => Some(*frozen),
        Some(other) => {
            let message = format!("{} says neither that the clock is held nor that it runs", other.kind());
            let allowed = vec!["true".to_owned(), "false".to_owned()];
            report.problem_with_allowed(ProblemCode::InvalidValue, "type", "/frozen", message, allowed);
            None
        }
    };
    if goal.is_none() && frozen.is_none() && report.problems.is_empty() {
        let message =
            "say how far the clock is to be put forward, such as \"15 days\", or send set or frozen";
        report.required("/advance", message);
    }
    match report.problems.is_empty() {
        true => Ok(ClockWish { goal, frozen }),
        false => Err(ClockError::Invalid(report)),
    }
}

/// Reports every member that is not known.
pub fn refuse_unknown<'a>(names: impl Iterator<Item = &'a str>, known: &[&str], report: &mut Report) {
    for name in names.filter(|it| !known.contains(it)) {
        let target = format!("/{}", pointer_segment(shortened(name)));
        let message = format!("there is no member \"{}\"", shortened(name));
        let allowed = known.iter().map(|it| (*it).to_owned()).collect();
        report.problem_with_allowed(ProblemCode::InvalidValue, "unknownMember", target, message, allowed);
    }
}

/// Reads a duration in ticks of 100 ns; `None`, and a problem, when it is none that leads forward.
pub fn read_duration_at(target: &str, value: &Node, report: &mut Report) -> Option<i64> {
    match read_duration(value) {
        Ok(ticks) => Some(ticks),
        Err(message) => {
            let code = ProblemCode::InvalidValue;
            report.problem_with_allowed(code, "duration", target, message, durations());
            None
        }
    }
}

/// Reads a moment; `None`, and a problem, when it is none.
pub fn read_moment(target: &str, value: &Node, report: &mut Report) -> Option<Timestamp> {
    let found = match value {
        Node::Text(text) => Timestamp::parse(text.trim()),
        Node::Null | Node::Bool(_) | Node::Number(_) | Node::Array(_) | Node::Object(_) => None,
    };
    if found.is_none() {
        let said = match value {
            Node::Text(text) => format!("\"{}\"", shortened(text)),
            other => other.kind().to_owned(),
        };
        let message = format!("{said} is no moment");
        let allowed = vec!["2027-01-31T09:30:00Z".to_owned(), "2027-01-31".to_owned()];
        report.problem_with_allowed(ProblemCode::InvalidValue, "dateTime", target, message, allowed);
    }
    found
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

/// Reads a duration in words or in ISO 8601, in ticks of 100 ns.
///
/// # Errors
/// Why it is none that leads forward.
pub fn duration_of_text(text: &str) -> Result<i64, String> {
    read_duration(&Node::Text(text.to_owned()))
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

fn durations() -> Vec<String> {
    ["15 days", "2 weeks", "1 day 6 hours", "90 minutes", "P15D", "PT90M", "a number of seconds"]
        .map(str::to_owned)
        .to_vec()
}

fn refusal(rule: &'static str, target: &str, message: String, allowed: Option<Vec<String>>) -> ClockError {
    let mut report = Report::default();
    match allowed {
        Some(allowed) => {
            report.problem_with_allowed(ProblemCode::InvalidValue, rule, target, message, allowed);
        }
        None => report.problem(ProblemCode::InvalidValue, rule, target, message),
    }
    ClockError::Invalid(report)
}

/// Writes ticks as ISO 8601 does, with days of 24 hours.
pub fn to_iso(ticks: i64) -> String {
    if ticks < 0 {
        return format!("-{}", to_iso(ticks.saturating_neg()));
    }
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
    use super::{ClockError, ClockWish, Goal, decide, read_setting, read_wish, to_iso};
    use crate::domain::{
        json::JsonLimits,
        sources::{Clock, ClockSetting, MovableClock},
        time::Timestamp,
    };

    fn wish(body: &str) -> Result<ClockWish, Vec<String>> {
        let limits = JsonLimits { depth_max: 32, array_items_max: 10 };
        read_wish(body.as_bytes(), limits).map_err(problems)
    }

    fn problems(error: ClockError) -> Vec<String> {
        match error {
            ClockError::Invalid(report) => {
                report.problems.iter().map(|it| format!("{} {}", it.rule, it.target)).collect()
            }
            error => vec![error.to_string()],
        }
    }

    fn advance(body: &str) -> Result<i64, Vec<String>> {
        wish(body).map(|it| match it.goal {
            Some(Goal::Advance(ticks)) => ticks,
            goal => panic!("{goal:?}"),
        })
    }

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    #[test]
    fn a_clock_is_held_moved_while_it_is_held_and_let_go_where_it_stands() {
        let base = at("2026-11-22T09:30:00Z");
        let clock = MovableClock::new(Clock::fixed(base), ClockSetting::default());
        let put = |body: &str| {
            clock.put(decide(&clock, wish(body).unwrap()).map_err(problems)?);
            Ok::<_, Vec<String>>(clock.now().to_string())
        };

        assert_eq!(put("{\"frozen\":true,\"advance\":\"1 day\"}").unwrap(), "2026-11-23T09:30:00Z");
        assert_eq!(put("{\"set\":\"2026-12-24\"}").unwrap(), "2026-12-24T00:00:00Z");
        assert_eq!(put("{\"set\":\"2026-12-23\"}"), Err(vec!["forward /set".to_owned()]));
        assert_eq!(put("{\"frozen\":false}").unwrap(), "2026-12-24T00:00:00Z");
        assert_eq!(clock.setting().frozen, None);
        assert_eq!(to_iso(clock.setting().ahead_ticks), "P31DT14H30M");
    }

    #[test]
    fn a_setting_of_an_older_program_is_read() {
        let of = |text| read_setting(text).map(|it| (it.ahead_ticks, it.revision, it.frozen));

        assert_eq!(of("12960000000000"), Some((12_960_000_000_000, 1, None)));
        assert_eq!(of("-5 7 -"), Some((-5, 7, None)));
        assert_eq!(of("5 7 90"), Some((5, 7, Some(Timestamp::from_ticks(90)))));
        assert_eq!(of("soon"), None);
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
        refused("{\"set\":\"now\",\"a/b\":1}", &["unknownMember /a~1b", "dateTime /set"]);
        refused("{\"set\":\"2027-01-01\",\"advance\":1,\"frozen\":1}", &["oneOf /set", "type /frozen"]);
        refused("{\"advance\":\"1 day\",\"Advance\":1}", &["unknownMember /Advance"]);
    }

    #[test]
    fn the_offset_is_written_as_iso_8601() {
        for (ticks, text) in [
            (0, "PT0S"),
            (5_400 * 10_000_000, "PT1H30M"),
            (1_296_000 * 10_000_000, "P15D"),
            (108_000 * 10_000_000 + 1, "P1DT6H0.0000001S"),
            (-7_200 * 10_000_000, "-PT2H"),
        ] {
            assert_eq!(to_iso(ticks), text);
        }
    }
}
