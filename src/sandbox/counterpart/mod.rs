//! The other side: it answers invitations by a script, as one of the organisation's people would.
//!
//! It reads the log behind a cursor of its own, plans what the script says, and does what is due. Plans and cursor lie in
//! the database, and are written in one commit; what was done twice after a crash is refused by the lifecycle.

pub mod script;

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

pub use self::script::{Script, Step};
use crate::{
    domain::{
        actor::{Actor, ReferralsRole, Scope, SystemScope},
        json::{self, JsonError, JsonLimits, Node},
        organization::{LocationScope, Organization, OrganizationId, Role},
        referral::Referral,
        report::{ProblemCode, Report},
        revision::Handling,
        time::Timestamp,
    },
    service::{
        Context,
        clock::refuse_unknown,
        referrals::{self, ReviseError, ReviseRequest, Wish},
    },
    storage::{Arrived, Commit, Conflict, Plan, Store, StoreError},
};

/// The application that the counterpart acts through.
pub const APPLICATION: &str = "liaison/counterpart";
/// The application of what a sandbox is filled with: it is history, which nobody answers.
pub const SEED_APPLICATION: &str = "liaison/seed";

/// What Microsoft does with a request for help, unless it is told otherwise.
const USUAL_OF_MICROSOFT: &str = "accept-after:1m";
/// What everybody else does: people, or a test, answer for them.
const USUAL: &str = "silent";
/// The only member of the request.
const PLAY: &str = "play";

/// Invitations that are planned, and plans that are read, at a time.
const BATCH_MAX: u32 = 100;
/// Changes without an invitation after which the cursor is moved all the same.
const IDLE_MAX: u64 = 1000;
/// Plans that are shown.
const SHOWN_MAX: u32 = 1000;

/// What an organisation does with invitations.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Counterpart {
    /// Whose script it is.
    #[schema(value_type = String)]
    pub organization_id: OrganizationId,
    /// Its name.
    pub organization_name: String,
    /// The script, such as `accept-after:2h win-after:3d`.
    pub play: String,
    /// Whether nobody has set it.
    pub is_default: bool,
}

/// Something that a counterpart is going to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ShownPlan {
    /// With which referral.
    pub referral_id: Uuid,
    /// Who does it.
    #[schema(value_type = String)]
    pub organization_id: OrganizationId,
    /// What: an action of the lifecycle.
    pub action: &'static str,
    /// When.
    pub due: Timestamp,
    /// The `statusReason` that goes with it.
    pub reason: Option<String>,
    /// The order that asks for it, as it stands in the script or in the notes.
    pub because: String,
}

/// Why a script was not shown or set.
#[derive(Debug, thiserror::Error)]
pub enum CounterpartError {
    /// There is no such organisation.
    #[error("the organization was not found")]
    NotFound,
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

/// Lists what every organisation does.
///
/// # Errors
/// When the database does not answer.
pub async fn list(store: &Store) -> Result<Vec<Counterpart>, StoreError> {
    let mut counterparts = Vec::new();
    for organization in store.list_organizations().await? {
        counterparts.push(of(store, &organization).await?);
    }
    Ok(counterparts)
}

/// Says what one organisation does.
///
/// # Errors
/// When there is none of that id.
pub async fn find(store: &Store, organization_id: &str) -> Result<Counterpart, CounterpartError> {
    Ok(of(store, &organization(store, organization_id).await?).await?)
}

/// Sets what an organisation does with invitations that come from now on.
///
/// # Errors
/// Every problem of the request at once, or [`CounterpartError::NotFound`].
pub async fn set(
    store: &Store,
    organization_id: &str,
    body: &[u8],
    limits: JsonLimits,
) -> Result<Counterpart, CounterpartError> {
    let organization = organization(store, organization_id).await?;
    let script = read_play(body, limits)?;
    put(store, &organization, Some(&script.to_string())).await
}

/// Lets an organisation do again what it usually does.
///
/// # Errors
/// [`CounterpartError::NotFound`], or when the database does not take it.
pub async fn unset(store: &Store, organization_id: &str) -> Result<Counterpart, CounterpartError> {
    put(store, &organization(store, organization_id).await?, None).await
}

/// Lists what the counterparts are going to do, in that order.
///
/// # Errors
/// When the database does not answer.
pub async fn plans(store: &Store) -> Result<Vec<ShownPlan>, StoreError> {
    let plans = store.list_plans(scope(), Timestamp::from_ticks(i64::MAX), SHOWN_MAX).await?;
    let shown = |it: Plan| ShownPlan {
        referral_id: it.referral_id,
        organization_id: it.organization_id,
        action: it.action.as_str(),
        due: it.due,
        reason: it.reason,
        because: it.because,
    };
    Ok(plans.into_iter().map(shown).collect())
}

async fn put(
    store: &Store,
    organization: &Organization,
    play: Option<&str>,
) -> Result<Counterpart, CounterpartError> {
    let mut commit = Commit::new();
    commit.put_counterpart_play(&organization.id, play);
    store.commit(commit).await?;
    Ok(of(store, organization).await?)
}

async fn organization(store: &Store, id: &str) -> Result<Organization, CounterpartError> {
    let id = OrganizationId::parse(id).ok_or(CounterpartError::NotFound)?;
    let found = store.find_organization(&id).await?.ok_or(CounterpartError::NotFound)?;
    Ok((*found).clone())
}

async fn of(store: &Store, organization: &Organization) -> Result<Counterpart, StoreError> {
    let (play, _) = store.find_counterpart(&organization.id).await?;
    Ok(Counterpart {
        organization_id: organization.id.clone(),
        organization_name: organization.name.clone(),
        is_default: play.is_none(),
        play: play.unwrap_or_else(|| usual(&organization.id).to_owned()),
    })
}

fn usual(organization_id: &OrganizationId) -> &'static str {
    if organization_id.is_msft() { USUAL_OF_MICROSOFT } else { USUAL }
}

fn read_play(body: &[u8], limits: JsonLimits) -> Result<Script, CounterpartError> {
    let mut report = Report::default();
    let node = json::parse(body, limits)?;
    let mut script = None;
    match &node {
        Node::Object(members) => {
            refuse_unknown(members.iter().map(|(name, _)| name.as_str()), &[PLAY], &mut report);
            match node.member(PLAY) {
                Some(Node::Text(text)) => match Script::parse(text) {
                    Ok(found) => script = Some(found),
                    Err(problems) => problems.into_iter().for_each(|it| refuse_order(&mut report, it)),
                },
                None | Some(Node::Null) => {
                    report.required(
                        "/play",
                        "say what is to be done, such as \"accept-after:2h win-after:3d\"",
                    );
                }
                Some(other) => refuse_order(&mut report, format!("{} is no script", other.kind())),
            }
        }
        other => {
            let message = format!(
                "the body is {}; send an object such as {{\"play\": \"accept-after:2h\"}}",
                other.kind()
            );
            report.problem(ProblemCode::InvalidValue, "type", "", message);
        }
    }
    script.filter(|_| report.problems.is_empty()).ok_or(CounterpartError::Invalid(report))
}

fn refuse_order(report: &mut Report, message: String) {
    let allowed = script::WORDS.iter().map(|it| (*it).to_owned()).collect();
    report.problem_with_allowed(ProblemCode::InvalidValue, "script", "/play", message, allowed);
}

/// Plans for what has come, and does what is due by the clock; returns how much was done. For who holds the lease.
///
/// # Errors
/// When the database does not answer; what was done until then stays done.
pub async fn play(context: &Context) -> Result<u64, StoreError> {
    while plan_batch(context).await? {}
    let mut done: u64 = 0;
    loop {
        let due = context.store.list_plans(scope(), context.clock.now(), BATCH_MAX).await?;
        if due.is_empty() {
            return Ok(done);
        }
        for plan in due {
            done = done.saturating_add(u64::from(act(context, &plan).await?));
            let mut commit = Commit::new();
            commit.delete_plan(&plan);
            context.store.commit(commit).await?;
        }
    }
}

/// Plans for the next invitations, and says whether there may be more.
async fn plan_batch(context: &Context) -> Result<bool, StoreError> {
    let store = &context.store;
    let (cursor, end) = (store.counterpart_cursor(scope()).await?, store.last_position().await?);
    if end <= cursor {
        return Ok(false);
    }
    let arrived = store.list_arrived(scope(), (cursor, end), SEED_APPLICATION, BATCH_MAX).await?;
    let is_more = arrived.len() >= usize::try_from(BATCH_MAX).unwrap_or(usize::MAX);
    let reached = arrived.last().filter(|_| is_more).map_or(end, |it| it.position);
    // Elsewhere the cursor stays where it is, so that not every change leads to another write.
    if arrived.is_empty() && end.saturating_sub(cursor) < IDLE_MAX {
        return Ok(false);
    }
    let mut commit = Commit::new();
    commit.move_counterpart(cursor, reached);
    let mut turns = std::collections::BTreeMap::new();
    for invitation in &arrived {
        let (play, had) = store.find_counterpart(&invitation.organization_id).await?;
        let turn = turns.entry(invitation.organization_id.as_str()).or_insert(had);
        let play = play.as_deref().unwrap_or_else(|| usual(&invitation.organization_id));
        for (step, rank) in script_for(invitation, play).steps(invitation.at, *turn).into_iter().zip(0..) {
            commit.insert_plan(&plan(invitation, step, rank));
        }
        *turn = turn.saturating_add(1);
        commit.put_counterpart_turns(&invitation.organization_id, *turn);
    }
    match store.commit(commit).await {
        // Somebody else has planned, or the sandbox is another one: once more, from what is there.
        Ok(()) | Err(StoreError::Conflict(Conflict::Version)) => Ok(true),
        Err(error) => Err(error),
    }
}

/// Returns the script of an organisation, as far as the notes of the invitation let it stand.
fn script_for(invitation: &Arrived, play: &str) -> Script {
    let usual = Script::parse(play).unwrap_or_default();
    let Ok(referral) = Referral::from_document(&invitation.document) else { return usual };
    let notes = [referral.details.notes, referral.invite_context.notes].map(Option::unwrap_or_default);
    let (script, problems) = Script::find_in(&notes.join("\n"));
    for problem in problems {
        tracing::warn!(referral.id = %invitation.referral_id, problem, "an order in the notes is not followed");
    }
    usual.overruled_by(script)
}

fn plan(invitation: &Arrived, step: Step, rank: u32) -> Plan {
    Plan {
        referral_id: invitation.referral_id,
        rank,
        organization_id: invitation.organization_id.clone(),
        action: step.action,
        due: step.due,
        reason: step.reason,
        because: step.because,
    }
}

/// Does what is planned, as a person would. `false` when the referral does not let it: somebody was faster.
async fn act(context: &Context, plan: &Plan) -> Result<bool, StoreError> {
    let Some(actor) = actor(&context.store, &plan.organization_id, APPLICATION).await? else {
        return Ok(false);
    };
    let body = plan.reason.as_ref().map(|it| serde_json::json!({ "statusReason": it }).to_string());
    let request = ReviseRequest {
        id: plan.referral_id,
        wish: Wish::Act(plan.action, body.as_deref().unwrap_or_default().as_bytes()),
        if_match: None,
        handling: Handling::Lenient,
        merges: false,
        validates_only: false,
        idempotency_key: None,
    };
    match referrals::revise(context, &actor, request).await {
        Ok(_) => Ok(true),
        Err(ReviseError::Store(error)) => Err(error),
        Err(error) => {
            let action = plan.action.as_str();
            tracing::info!(referral.id = %plan.referral_id, action, %error, "the counterpart has nothing to do any more");
            Ok(false)
        }
    }
}

/// Returns the person of an organisation for whom a program acts: a Referrals admin of the entire company where there
/// is one. `None` when the organisation is gone.
pub(super) async fn actor(
    store: &Store,
    organization_id: &OrganizationId,
    application: &str,
) -> Result<Option<Actor>, StoreError> {
    let Some(organization) = store.find_organization(organization_id).await? else { return Ok(None) };
    let users = store.list_users(organization_id).await?;
    let admin = users
        .into_iter()
        .find(|it| it.roles.contains(&Role::ReferralsAdmin) && it.locations == LocationScope::EntireCompany);
    let (user_id, email) = admin.map_or((Uuid::nil(), String::new()), |it| (it.id, it.email));
    Ok(Some(Actor {
        organization_id: organization_id.clone(),
        organization_name: organization.name.clone(),
        user_id,
        email,
        application_id: application.to_owned(),
        role: ReferralsRole::Admin,
        locations: LocationScope::EntireCompany,
    }))
}

pub(super) fn scope() -> SystemScope {
    Scope::system("counterpart")
}
