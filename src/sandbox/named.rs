//! Named sandboxes: further ones that a sandbox's server holds, each with a database and a clock of its own.
//!
//! Here is what one is made of and how it is told; the server's own part, who listens and what goes on in the background,
//! is `http::sandboxes`.

use serde::Serialize;
use utoipa::ToSchema;

use super::{
    counterpart,
    seed::{self, SeedError},
    state::{self, Filling, Profile, SEED, StateError},
};
use crate::{
    domain::{
        json::{self, JsonError, JsonLimits, Node},
        report::{ProblemCode, Report},
        sources::{Clock, ClockSetting, MovableClock, Random},
        time::Timestamp,
    },
    service::clock::{self, ClockState, read_moment, refuse_unknown},
    storage::{NamedError, Store, StoreError},
};

/// The setting that says what a sandbox was made with: the profile and its seed. It stays when everything is deleted.
const FILLING: &str = "sandbox_filling";
/// The word for a sandbox that has no referrals at the beginning.
const EMPTY: &str = "empty";

/// What a sandbox is to be made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NamedForm {
    /// How much is in it; `None` for no referrals.
    pub profile: Option<Profile>,
    /// Which referrals.
    pub seed: u64,
    /// Where its clock is put; `None` for the system's time.
    pub clock: Option<Timestamp>,
    /// Whether the clock is held there.
    pub is_frozen: bool,
}

/// A named sandbox, as its server tells of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NamedSandbox {
    /// Its name.
    pub name: String,
    /// Its address, without a slash at the end: what stands before `/v1.0/…` and before the paths of sign-in.
    pub base_url: String,
    /// What it was made with: `tiny`, `demo` or `empty`.
    #[schema(examples("tiny"))]
    pub profile: String,
    /// Which referrals it was made with.
    pub seed: u64,
    /// Where its clock stands.
    #[serde(flatten)]
    pub clock: ClockState,
    /// How many referrals it has.
    pub referrals: u64,
    /// How many organizations it has.
    pub organizations: u64,
}

/// Why there is no such sandbox, or none is made or removed.
#[derive(Debug, thiserror::Error)]
pub enum NamedSandboxError {
    /// The body is no acceptable JSON.
    #[error(transparent)]
    Malformed(#[from] JsonError),
    /// The request is wrong; the report lists every problem.
    #[error("the request has {} problems", .0.problems.len())]
    Invalid(Report),
    /// There is no sandbox of that name.
    #[error("there is no sandbox \"{0}\"; GET /sandbox/sandboxes lists those that are there")]
    NotFound(String),
    /// There are as many as there may be.
    #[error("there are {0} sandboxes, as many as sandbox.sandboxes_max allows; remove one first")]
    TooMany(usize),
    /// It has no place.
    #[error(transparent)]
    Place(#[from] NamedError),
    /// It cannot be filled.
    #[error(transparent)]
    State(#[from] StateError),
    /// It cannot be opened.
    #[error("the sandbox cannot be opened: {0:#}")]
    Failed(#[from] anyhow::Error),
}

impl From<StoreError> for NamedSandboxError {
    fn from(error: StoreError) -> Self {
        Self::Place(error.into())
    }
}

impl From<SeedError> for NamedSandboxError {
    fn from(error: SeedError) -> Self {
        Self::State(error.into())
    }
}

/// Reads what a sandbox is to be made with; no body is an empty object.
///
/// # Errors
/// Every problem of the request at once.
pub fn read_form(body: &[u8], limits: JsonLimits) -> Result<NamedForm, NamedSandboxError> {
    let body = if body.trim_ascii().is_empty() { b"{}" } else { body };
    let mut report = Report::default();
    let node = json::parse(body, limits)?;
    let Node::Object(members) = &node else {
        let message =
            format!("the body is {}; send an object such as {{\"profile\": \"tiny\"}}", node.kind());
        report.problem(ProblemCode::InvalidValue, "type", "", message);
        return Err(NamedSandboxError::Invalid(report));
    };
    let names = members.iter().map(|(name, _)| name.as_str());
    refuse_unknown(names, &["profile", "seed", "clock", "frozen"], &mut report);
    let member = |name| node.member(name).filter(|it| !matches!(it, Node::Null));
    let profile = member("profile").and_then(|it| read_profile(it, &mut report));
    let seed = match member("seed") {
        None => SEED,
        Some(value) => read_seed(value, &mut report).unwrap_or(SEED),
    };
    let clock = member("clock").and_then(|it| read_moment("/clock", it, &mut report));
    let is_frozen = match member("frozen") {
        None => false,
        Some(Node::Bool(is_frozen)) => *is_frozen,
        Some(other) => {
            let message = format!("{} says neither that the clock is held nor that it runs", other.kind());
            let allowed = vec!["true".to_owned(), "false".to_owned()];
            report.problem_with_allowed(ProblemCode::InvalidValue, "type", "/frozen", message, allowed);
            false
        }
    };
    match report.problems.is_empty() {
        true => Ok(NamedForm { profile, seed, clock, is_frozen }),
        false => Err(NamedSandboxError::Invalid(report)),
    }
}

fn read_profile(value: &Node, report: &mut Report) -> Option<Profile> {
    let offered = [Profile::Tiny, Profile::Demo];
    let found = match value {
        Node::Text(text) if text.eq_ignore_ascii_case(EMPTY) => return None,
        Node::Text(text) => Profile::parse(text).filter(|it| offered.contains(it)),
        _ => None,
    };
    if found.is_none() {
        let message = "a sandbox is made with one of these; `liaison sandbox seed` fills a large one";
        let allowed = [EMPTY, Profile::Tiny.as_str(), Profile::Demo.as_str()].map(str::to_owned).to_vec();
        report.problem_with_allowed(ProblemCode::InvalidValue, "vocabulary", "/profile", message, allowed);
    }
    found
}

fn read_seed(value: &Node, report: &mut Report) -> Option<u64> {
    let found = match value {
        Node::Number(text) => text.parse().ok(),
        _ => None,
    };
    if found.is_none() {
        let message = "this is a whole number, 0 or more";
        report.problem(ProblemCode::InvalidValue, "type", "/seed", message);
    }
    found
}

/// Makes an empty database a sandbox: schema, companies, referrals, and where its clock stands beside `base`. The
/// password's hash, which takes its time to make, is that of `main`.
///
/// # Errors
/// When the database does not take it; what is there then is none.
pub async fn plant(
    store: &Store,
    main: &Store,
    random: &Random,
    base: &Clock,
    form: NamedForm,
) -> Result<(), NamedSandboxError> {
    store.migrate().await?;
    seed::lend_password(main, store).await.map_err(SeedError::from)?;
    seed::plant(store, random).await?;
    if let Some(profile) = form.profile {
        let filling = Filling { referrals: profile.referrals(), seed: form.seed };
        state::fill(store, filling, |_| ()).await?;
    }
    let now = base.now();
    let at = form.clock.unwrap_or(now);
    let setting = ClockSetting {
        ahead_ticks: at.ticks().saturating_sub(now.ticks()),
        frozen: form.is_frozen.then_some(at),
        revision: 1,
    };
    clock::write(store, setting).await?;
    let profile = form.profile.map_or(EMPTY, Profile::as_str);
    Ok(store.put_setting(FILLING, &format!("{profile} {}", form.seed)).await?)
}

/// Tells of a sandbox.
///
/// # Errors
/// When its database does not answer.
pub async fn describe(
    name: &str,
    base_url: &str,
    store: &Store,
    clock: &MovableClock,
) -> Result<NamedSandbox, StoreError> {
    let filling = store.find_setting(FILLING).await?.unwrap_or_default();
    let (profile, seed) = filling.split_once(' ').unwrap_or((EMPTY, ""));
    let organizations = store.list_organizations().await?.len();
    Ok(NamedSandbox {
        name: name.to_owned(),
        base_url: base_url.to_owned(),
        profile: profile.to_owned(),
        seed: seed.parse().unwrap_or(SEED),
        clock: clock::read(clock),
        referrals: store.count_stored(counterpart::scope()).await?,
        organizations: u64::try_from(organizations).unwrap_or(u64::MAX),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: JsonLimits = JsonLimits { depth_max: 8, array_items_max: 8 };

    #[test]
    fn nothing_said_is_an_empty_sandbox_by_the_systems_clock() {
        let form = NamedForm { profile: None, seed: SEED, clock: None, is_frozen: false };

        for body in ["", "{}", r#"{"profile": "empty", "clock": null}"#] {
            assert_eq!(read_form(body.as_bytes(), LIMITS).unwrap(), form, "{body}");
        }
        let body = br#"{"profile": "Tiny", "seed": 7, "clock": "2026-01-31", "frozen": true}"#;
        let said = read_form(body, LIMITS).unwrap();
        assert_eq!((said.profile, said.seed, said.is_frozen), (Some(Profile::Tiny), 7, true));
        assert_eq!(said.clock, Timestamp::parse("2026-01-31T00:00:00Z"));
    }

    #[test]
    fn every_problem_is_told_at_once() {
        let body = br#"{"profile": "large", "seed": -1, "clock": "soon", "frozen": 1, "size": 3}"#;

        let Err(NamedSandboxError::Invalid(report)) = read_form(body, LIMITS) else { panic!("it is wrong") };

        let targets: Vec<_> = report.problems.iter().map(|it| it.target.as_str()).collect();
        assert_eq!(targets, ["/size", "/profile", "/seed", "/clock", "/frozen"]);
        let allowed = ["empty", "tiny", "demo"].map(str::to_owned).to_vec();
        assert_eq!(report.problems[1].allowed, Some(allowed));
    }
}
