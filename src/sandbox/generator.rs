//! What comes in by itself: leads and co-sell opportunities from Microsoft, at a rate, made by the calls of the API.
//!
//! The state lies in the database. Each referral is made by its number and the seed, so that two sandboxes that start
//! alike get the same ones; what was made and not counted when a server ended has its ids already, and is not made twice.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    counterpart::actor,
    deals::{Inbound, SowError, connected, inbound},
    seed::COMPANIES,
};
use crate::{
    domain::{
        actor::Actor,
        deal::Category,
        json::{self, JsonError, JsonLimits, Node},
        organization::OrganizationId,
        report::{ProblemCode, Report, shortened},
        revision::Handling,
        time::Timestamp,
    },
    service::{
        Context,
        clock::{read_duration_at, refuse_unknown, to_iso},
        referrals::{self, CreateError, CreateRequest},
    },
    storage::{Conflict, Store, StoreError},
};

/// The application that the generator acts through.
pub const APPLICATION: &str = "liaison/generator";
/// The name of the setting.
const SETTING: &str = "sandbox_generator";
const CATEGORIES: [Category; 3] =
    [Category::MarketplaceLead, Category::QualifiedLead, Category::CoSellOpportunity];
const MEMBERS: [&str; 4] = ["every", "organizationId", "categories", "seed"];
/// Shorter pauses would keep a clock that is put forward by weeks busy for minutes.
const EVERY_MIN_TICKS: i64 = 10_000_000;

/// What comes in, and how far that has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct GeneratorState {
    /// When the next one comes; null while nothing does.
    pub next: Option<Timestamp>,
    /// The pause between two, in ISO 8601.
    pub every: String,
    /// Who gets them.
    pub organization_id: String,
    /// Which ones, in turn.
    pub categories: Vec<String>,
    /// Which sequence.
    pub seed: u64,
    /// How many were made.
    pub made: u64,
}

/// Why the generator was not set.
#[derive(Debug, thiserror::Error)]
pub enum GeneratorError {
    /// The body is no acceptable JSON.
    #[error(transparent)]
    Malformed(#[from] JsonError),
    /// The request is wrong; the report lists every problem.
    #[error("the request has {} problems", .0.problems.len())]
    Invalid(Report),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

#[derive(Clone, Debug, Deserialize, Serialize)]
struct Stored {
    next: Option<i64>,
    every_ticks: i64,
    organization_id: String,
    categories: Vec<String>,
    seed: u64,
    made: u64,
}

impl Default for Stored {
    fn default() -> Self {
        let [contoso, ..] = COMPANIES;
        Self {
            next: None,
            every_ticks: 60 * 60 * EVERY_MIN_TICKS,
            organization_id: contoso.id.to_owned(),
            categories: CATEGORIES.map(|it| it.as_str().to_owned()).to_vec(),
            seed: 1,
            made: 0,
        }
    }
}

impl Stored {
    fn state(self) -> GeneratorState {
        GeneratorState {
            next: self.next.map(Timestamp::from_ticks),
            every: to_iso(self.every_ticks),
            organization_id: self.organization_id,
            categories: self.categories,
            seed: self.seed,
            made: self.made,
        }
    }

    fn category(&self) -> Category {
        let place = self.made.checked_rem(self.categories.len() as u64).unwrap_or(0);
        let name = usize::try_from(place).ok().and_then(|it| self.categories.get(it));
        let found = CATEGORIES.into_iter().find(|it| Some(it.as_str()) == name.map(String::as_str));
        found.unwrap_or(Category::CoSellOpportunity)
    }
}

/// Says what comes in.
///
/// # Errors
/// When the database does not answer.
pub async fn read(store: &Store) -> Result<GeneratorState, StoreError> {
    Ok(load(store).await?.state())
}

/// Lets referrals come in from now on. Numbers go on where they stood.
///
/// # Errors
/// Every problem of the request at once.
pub async fn set(context: &Context, body: &[u8]) -> Result<GeneratorState, GeneratorError> {
    let before = load(&context.store).await?;
    let mut wanted = read_wish(body, context.settings.json)?;
    let receiver = OrganizationId::parse(&wanted.organization_id);
    let found = match &receiver {
        Some(id) if !id.is_msft() => context.store.find_organization(id).await?,
        Some(_) | None => None,
    };
    if found.is_none() {
        let mut report = Report::default();
        let mut allowed = context.store.list_organizations().await?;
        allowed.retain(|it| !it.id.is_msft());
        let allowed = allowed.into_iter().map(|it| it.id.to_string()).collect();
        let message =
            format!("\"{}\" is no organization that gets leads here", shortened(&wanted.organization_id));
        let code = ProblemCode::InvalidValue;
        report.problem_with_allowed(code, "organizationKnown", "/organizationId", message, allowed);
        return Err(GeneratorError::Invalid(report));
    }
    wanted.made = before.made;
    wanted.next = Some(context.clock.now().ticks().saturating_add(wanted.every_ticks));
    put(&context.store, &wanted).await?;
    Ok(wanted.state())
}

/// Lets nothing come in any more.
///
/// # Errors
/// When the database does not answer.
pub async fn stop(store: &Store) -> Result<GeneratorState, StoreError> {
    let stopped = Stored { next: None, ..load(store).await? };
    put(store, &stopped).await?;
    Ok(stopped.state())
}

/// Returns when the next one comes. `None` while nothing does.
///
/// # Errors
/// When the database does not answer.
pub async fn next(store: &Store) -> Result<Option<Timestamp>, StoreError> {
    Ok(load(store).await?.next.map(Timestamp::from_ticks))
}

/// Makes what is due by the clock; returns how many referrals that were. For who holds the lease.
///
/// # Errors
/// When the database does not answer; what was made until then stays.
pub async fn make_due(context: &Context) -> Result<u64, StoreError> {
    let mut made: u64 = 0;
    loop {
        let stored = load(&context.store).await?;
        let Some(next) = stored.next.filter(|it| *it <= context.clock.now().ticks()) else { return Ok(made) };
        match make(context, &stored).await {
            Ok(count) => made = made.saturating_add(count),
            Err(MakeError::Store(error)) => return Err(error),
            Err(error) => tracing::warn!(%error, "what was to come in could not be made"),
        }
        let next = Some(next.saturating_add(stored.every_ticks.max(EVERY_MIN_TICKS)));
        put(&context.store, &Stored { next, made: stored.made.saturating_add(1), ..stored }).await?;
    }
}

/// Why one referral was not made.
#[derive(Debug, thiserror::Error)]
enum MakeError {
    #[error(transparent)]
    Sow(SowError),
    #[error("{0}")]
    Refused(String),
    #[error(transparent)]
    Store(StoreError),
}

impl From<SowError> for MakeError {
    fn from(error: SowError) -> Self {
        match error {
            SowError::Store(error) => Self::Store(error),
            error => Self::Sow(error),
        }
    }
}

impl From<CreateError> for MakeError {
    fn from(error: CreateError) -> Self {
        match error {
            CreateError::Store(StoreError::Conflict(Conflict::Duplicate | Conflict::Party)) => {
                Self::Refused("it is there already".to_owned())
            }
            CreateError::Store(error) => Self::Store(error),
            CreateError::Invalid(report) => {
                let problems = report.problems.iter().map(|it| format!("{}: {}", it.target, it.message));
                Self::Refused(problems.collect::<Vec<_>>().join("; "))
            }
            error => Self::Refused(error.to_string()),
        }
    }
}

async fn make(context: &Context, stored: &Stored) -> Result<u64, MakeError> {
    let receiver = OrganizationId::parse(&stored.organization_id).ok_or(SowError::NoLocation)?;
    let at = context.clock.now();
    let number = (stored.seed, stored.made);
    let Inbound { own, invitation, random } =
        inbound(&context.store, &receiver, stored.category(), number, at).await?;
    let microsoft =
        actor(&context.store, &OrganizationId::msft(), APPLICATION).await.map_err(MakeError::Store)?;
    let microsoft = microsoft.ok_or(SowError::NoLocation)?;
    let context = Context { random, ..context.clone() };
    let Some(own) = own else {
        create(&context, &microsoft, &invitation).await?;
        return Ok(1);
    };
    let engagement_id = create(&context, &microsoft, &own).await?;
    create(&context, &microsoft, &connected(invitation, engagement_id)).await?;
    Ok(2)
}

/// Makes a referral as a person of Microsoft would, and returns its engagement.
async fn create(context: &Context, actor: &Actor, body: &serde_json::Value) -> Result<Uuid, MakeError> {
    let body = body.to_string();
    let request = CreateRequest {
        body: body.as_bytes(),
        idempotency_key: None,
        handling: Handling::Lenient,
        validates_only: false,
    };
    let answer = referrals::create(context, actor, request).await?;
    let document: serde_json::Value = serde_json::from_str(&answer.view.body).unwrap_or_default();
    let engagement_id = document.get("engagementId").and_then(|it| it.as_str()).unwrap_or_default();
    Ok(Uuid::try_parse(engagement_id).unwrap_or_default())
}

async fn load(store: &Store) -> Result<Stored, StoreError> {
    let Some(text) = store.find_setting(SETTING).await? else { return Ok(Stored::default()) };
    serde_json::from_str(&text)
        .map_err(|_| StoreError::Corrupt { column: 0, found: "no state of the generator".to_owned() })
}

async fn put(store: &Store, stored: &Stored) -> Result<(), StoreError> {
    store.put_setting(SETTING, &serde_json::to_string(stored).unwrap_or_default()).await
}

fn read_wish(body: &[u8], limits: JsonLimits) -> Result<Stored, GeneratorError> {
    let mut report = Report::default();
    let node = json::parse(body, limits)?;
    let Node::Object(members) = &node else {
        let message =
            format!("the body is {}; send an object such as {{\"every\": \"1 hour\"}}", node.kind());
        report.problem(ProblemCode::InvalidValue, "type", "", message);
        return Err(GeneratorError::Invalid(report));
    };
    refuse_unknown(members.iter().map(|(name, _)| name.as_str()), &MEMBERS, &mut report);
    let member = |name| node.member(name).filter(|it| !matches!(it, Node::Null));
    let mut wanted = Stored::default();
    match member("every") {
        None => {
            report.required("/every", "say how long the pause between two referrals is, such as \"1 hour\"")
        }
        Some(value) => {
            if let Some(ticks) = read_duration_at("/every", value, &mut report) {
                wanted.every_ticks = ticks;
                if ticks < EVERY_MIN_TICKS {
                    let message = "the pause is a second or more";
                    report.problem(ProblemCode::InvalidValue, "duration", "/every", message);
                }
            }
        }
    }
    match member("organizationId") {
        None => {}
        Some(Node::Text(id)) => id.clone_into(&mut wanted.organization_id),
        Some(other) => {
            let message = format!("{} is no id of an organization", other.kind());
            report.problem(ProblemCode::InvalidValue, "type", "/organizationId", message);
        }
    }
    match member("seed") {
        None => {}
        Some(Node::Number(text)) if text.parse::<u64>().is_ok() => wanted.seed = text.parse().unwrap_or(1),
        Some(_) => {
            let message = "the seed is a whole number, 0 or more";
            report.problem(ProblemCode::InvalidValue, "type", "/seed", message);
        }
    }
    read_categories(member("categories"), &mut wanted, &mut report);
    match report.problems.is_empty() {
        true => Ok(wanted),
        false => Err(GeneratorError::Invalid(report)),
    }
}

fn read_categories(value: Option<&Node>, wanted: &mut Stored, report: &mut Report) {
    let Some(value) = value else { return };
    let allowed = || CATEGORIES.map(|it| it.as_str().to_owned()).to_vec();
    let items = match value {
        Node::Array(items) if !items.is_empty() => items,
        _ => {
            let message = "categories is a list of one or more categories";
            let code = ProblemCode::InvalidValue;
            return report.problem_with_allowed(code, "type", "/categories", message, allowed());
        }
    };
    wanted.categories.clear();
    for (place, item) in items.iter().enumerate() {
        let known = match item {
            Node::Text(text) => CATEGORIES.iter().find(|it| it.as_str().eq_ignore_ascii_case(text.trim())),
            _ => None,
        };
        match known {
            Some(category) => wanted.categories.push(category.as_str().to_owned()),
            None => {
                let (code, target) = (ProblemCode::InvalidValue, format!("/categories/{place}"));
                let message = "this is none of the categories";
                report.problem_with_allowed(code, "vocabulary", target, message, allowed());
            }
        }
    }
}
