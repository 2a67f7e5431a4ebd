//! The whole state of a sandbox: filled, emptied, kept by name and put back, while the server runs.
//!
//! What takes the place of everything takes the place of what this process remembers too: places in the log that clients
//! carry are sealed with another key from then on, open streams end, and the clock goes to where it stood in what was put
//! back. Keys that tokens and webhooks are signed with stay.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    deals::{Harvest, SowError, sow},
    seed::{self, SeedError},
    walk::wait_for_lease,
};
use crate::{
    domain::{
        json::{self, JsonError, JsonLimits, Node},
        report::{ProblemCode, Report, shortened},
        sources::{ClockSetting, MovableClock},
        time::Timestamp,
    },
    service::{
        Context,
        clock::{self, ClockState, refuse_unknown},
    },
    storage::{Snapshot, Store, StoreError},
};

/// Characters in the name of a snapshot.
const NAME_CHARS_MAX: usize = 40;
/// Which sequence a profile is of, unless somebody says it.
pub const SEED: u64 = 1;

/// How much a sandbox is filled with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// Enough to see each situation once or twice.
    Tiny,
    /// Enough for lists to have several pages.
    Demo,
    /// As much as a large exchange has after two years.
    Large,
}

impl Profile {
    /// Every profile, the smallest first.
    pub const ALL: [Self; 3] = [Self::Tiny, Self::Demo, Self::Large];

    /// Returns the word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tiny => "tiny",
            Self::Demo => "demo",
            Self::Large => "large",
        }
    }

    /// Reads the word.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_str().eq_ignore_ascii_case(text))
    }

    /// Returns how many referrals it has.
    pub const fn referrals(self) -> u64 {
        match self {
            Self::Tiny => 30,
            Self::Demo => 500,
            Self::Large => 100_000,
        }
    }
}

/// What a sandbox is to be filled with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Filling {
    /// How many referrals; 0 for none.
    pub referrals: u64,
    /// Which ones.
    pub seed: u64,
}

/// What a sandbox was filled with.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
pub struct Filled {
    /// How many referrals were made.
    pub referrals: u64,
    /// Which ones: the same number and seed make the same ones.
    pub seed: u64,
}

/// What is there after everything was replaced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Replaced {
    /// Where the clock stands.
    #[serde(flatten)]
    pub state: ClockState,
    /// How many referrals there are.
    pub referrals: u64,
}

/// A copy of everything.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
pub struct ShownSnapshot {
    /// Its name.
    pub name: String,
    /// The sandbox's time when it was taken.
    pub taken: Timestamp,
    /// How many referrals it has.
    pub referrals: u64,
    /// How large it is.
    pub bytes: u64,
}

impl From<Snapshot> for ShownSnapshot {
    fn from(Snapshot { name, taken, referrals, bytes }: Snapshot) -> Self {
        Self { name, taken, referrals, bytes }
    }
}

/// Why a state was not filled, kept or put back.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The body is no acceptable JSON.
    #[error(transparent)]
    Malformed(#[from] JsonError),
    /// The request is wrong; the report lists every problem.
    #[error("the request has {} problems", .0.problems.len())]
    Invalid(Report),
    /// A name that no snapshot can have.
    #[error("\"{0}\" is no name of a snapshot: it has up to 40 letters, digits and hyphens, lower case")]
    BadName(String),
    /// There is no snapshot of that name.
    #[error("there is no snapshot \"{0}\"")]
    NoSnapshot(String),
    /// Another version of the program took the snapshot.
    #[error("the snapshot was taken by a program with another schema; take it anew")]
    OtherSchema,
    /// The referrals cannot be made.
    #[error(transparent)]
    Sow(SowError),
    /// The companies cannot be planted.
    #[error(transparent)]
    Plant(#[from] SeedError),
    /// The store failed.
    #[error(transparent)]
    Store(StoreError),
}

impl From<StoreError> for StateError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Schema { .. } => Self::OtherSchema,
            error => Self::Store(error),
        }
    }
}

impl From<SowError> for StateError {
    fn from(error: SowError) -> Self {
        match error {
            SowError::Store(error) => Self::Store(error),
            error => Self::Sow(error),
        }
    }
}

/// Adds referrals to what is there. `progress` hears how many there are.
///
/// # Errors
/// When those of the seed are there already; what was committed until something went wrong stays.
pub async fn fill(store: &Store, filling: Filling, progress: impl Fn(u64)) -> Result<Filled, StateError> {
    let Filling { referrals, seed } = filling;
    sow(store, Harvest { referrals, seed }, progress).await?;
    store.settle().await?;
    Ok(Filled { referrals, seed })
}

/// Deletes everything, plants the companies anew, and fills the sandbox; the clock goes by the system's again.
///
/// # Errors
/// When the database does not answer: the sandbox may be empty then, and a second call takes it up.
pub async fn reset(
    context: &Context,
    clock: &MovableClock,
    filling: Filling,
) -> Result<Replaced, StateError> {
    let (context, clock) = (context.clone(), clock.clone());
    // A task of its own: a caller who goes away does not leave half a sandbox.
    alone(async move {
        let _lease = wait_for_lease(&context.store).await?;
        context.store.delete_everything().await?;
        seed::plant(&context.store, &context.random).await?;
        renew(&context, &clock, None).await?;
        fill(&context.store, filling, |_| ()).await?;
        replaced(&context, &clock).await
    })
    .await
}

/// Keeps everything as it is at this moment under a name, in place of what it named before.
///
/// # Errors
/// [`StateError::BadName`], or when there is no room.
pub async fn save(context: &Context, name: &str) -> Result<ShownSnapshot, StateError> {
    let name = check_name(name)?.to_owned();
    let context = context.clone();
    alone(async move {
        let _lease = wait_for_lease(&context.store).await?;
        context.store.save_snapshot(&name, context.clock.now()).await?;
        let saved = list(&context.store).await?.into_iter().find(|it| it.name == name);
        saved.ok_or(StateError::NoSnapshot(name))
    })
    .await
}

/// Puts everything back as it was. The clock goes to that moment, back too, and is held if it was.
///
/// # Errors
/// [`StateError::NoSnapshot`]; everything is as it was then.
pub async fn restore(context: &Context, clock: &MovableClock, name: &str) -> Result<Replaced, StateError> {
    let name = check_name(name)?.to_owned();
    let (context, clock) = (context.clone(), clock.clone());
    alone(async move {
        let _lease = wait_for_lease(&context.store).await?;
        let taken = context.store.restore_snapshot(&name).await?;
        let taken = taken.ok_or(StateError::NoSnapshot(name))?;
        renew(&context, &clock, Some(taken)).await?;
        replaced(&context, &clock).await
    })
    .await
}

/// Lists the snapshots by name.
///
/// # Errors
/// When the database does not answer.
pub async fn list(store: &Store) -> Result<Vec<ShownSnapshot>, StoreError> {
    Ok(store.list_snapshots().await?.into_iter().map(ShownSnapshot::from).collect())
}

/// Deletes a snapshot.
///
/// # Errors
/// [`StateError::NoSnapshot`].
pub async fn delete(store: &Store, name: &str) -> Result<(), StateError> {
    let name = check_name(name)?;
    match store.delete_snapshot(name).await? {
        true => Ok(()),
        false => Err(StateError::NoSnapshot(name.to_owned())),
    }
}

async fn alone<T: Send + 'static>(
    work: impl Future<Output = Result<T, StateError>> + Send + 'static,
) -> Result<T, StateError> {
    tokio::spawn(work).await.unwrap_or(Err(StateError::Store(StoreError::NotWritten)))
}

/// Brings what this process holds in line with what the database holds: the clock, at `taken` or by the system's, the
/// key of what clients carry, and the keys of webhooks.
async fn renew(context: &Context, clock: &MovableClock, taken: Option<Timestamp>) -> Result<(), StateError> {
    let store = &context.store;
    let revision = clock.setting().revision.saturating_add(1);
    let found = clock::find_setting(store).await?.unwrap_or_default();
    let revision = revision.max(found.revision.saturating_add(1));
    let setting = match taken {
        None => ClockSetting { revision, ..ClockSetting::default() },
        Some(taken) => ClockSetting {
            ahead_ticks: taken.ticks().saturating_sub(clock.base_now().ticks()),
            frozen: found.frozen.map(|_| taken),
            revision,
        },
    };
    clock::write(store, setting).await?;
    clock.put(setting);
    context.seal.renew(store).await?;
    if let Err(error) = context.feed.keys.reload().await {
        tracing::warn!(error = &error as &dyn std::error::Error, "the keys of webhooks were not read again");
    }
    context.feed.bell.ring();
    Ok(())
}

async fn replaced(context: &Context, clock: &MovableClock) -> Result<Replaced, StateError> {
    let referrals = context.store.count_stored(super::counterpart::scope()).await?;
    let state = clock::read(clock);
    tracing::info!(now = %state.now, referrals, "the sandbox's state was replaced");
    Ok(Replaced { state, referrals })
}

fn check_name(name: &str) -> Result<&str, StateError> {
    let is_plain = |it: char| it.is_ascii_lowercase() || it.is_ascii_digit() || it == '-';
    let is_good = !name.is_empty() && name.len() <= NAME_CHARS_MAX && name.chars().all(is_plain);
    if is_good { Ok(name) } else { Err(StateError::BadName(shortened(name).to_owned())) }
}

/// Reads what a sandbox is to be filled with: a profile, or a number of referrals, and a seed. `None` stands for what is
/// filled in where neither is said.
///
/// # Errors
/// Every problem of the request at once.
pub fn read_filling(body: &[u8], limits: JsonLimits, unsaid: Option<u64>) -> Result<Filling, StateError> {
    let mut report = Report::default();
    let node = json::parse(body, limits)?;
    let Node::Object(members) = &node else {
        let message =
            format!("the body is {}; send an object such as {{\"profile\": \"tiny\"}}", node.kind());
        report.problem(ProblemCode::InvalidValue, "type", "", message);
        return Err(StateError::Invalid(report));
    };
    let names = members.iter().map(|(name, _)| name.as_str());
    refuse_unknown(names, &["profile", "referrals", "seed"], &mut report);
    let member = |name| node.member(name).filter(|it| !matches!(it, Node::Null));
    let number = |name: &'static str, report: &mut Report| match member(name)? {
        Node::Number(text) if text.parse::<u64>().is_ok() => text.parse().ok(),
        _ => {
            let message = "this is a whole number, 0 or more";
            report.problem(ProblemCode::InvalidValue, "type", format!("/{name}"), message);
            None
        }
    };
    let seed = number("seed", &mut report).unwrap_or(SEED);
    let profile = member("profile").and_then(|value| match value {
        Node::Text(text) if Profile::parse(text).is_some() => Profile::parse(text),
        _ => {
            let allowed = Profile::ALL.map(|it| it.as_str().to_owned()).to_vec();
            let message = "there is no such profile";
            let code = ProblemCode::InvalidValue;
            report.problem_with_allowed(code, "vocabulary", "/profile", message, allowed);
            None
        }
    });
    let referrals = match (member("profile"), member("referrals")) {
        (Some(_), Some(_)) => {
            let message = "profile and referrals exclude each other; send one of them";
            report.problem(ProblemCode::InvalidValue, "oneOf", "/referrals", message);
            None
        }
        (_, None) => profile.map(Profile::referrals).or(unsaid),
        (None, Some(_)) => number("referrals", &mut report),
    };
    if referrals.is_none() && report.problems.is_empty() {
        report.required("/profile", "say how much is to be made: tiny, demo or large, or send referrals");
    }
    match referrals.filter(|_| report.problems.is_empty()) {
        Some(referrals) => Ok(Filling { referrals, seed }),
        None => Err(StateError::Invalid(report)),
    }
}
