//! Making a referral.

use uuid::Uuid;

use super::{
    Revised, append_revision, render,
    retry::{self, Begun, Call, Key, Replayed, RetryError},
};
use crate::{
    domain::{
        actor::Actor,
        change::{Action, Change, Version},
        engagement::{self, Circumstances, CreateRefusal, Created, Destination, Party},
        etag::ETag,
        json::{self, JsonError, Node},
        organization::OrganizationId,
        referral::{
            Referral, Target,
            draft::{self, Draft, Purpose},
            is_spelling_of,
        },
        report::Report,
        revision::{self, Handling},
        view::{self, StoredReferral, View, VisibleReferral},
        visibility::Relation,
        vocabulary::{ReferralType, TargetType},
    },
    service::Context,
    storage::{Commit, Conflict, Inserted, ReferralState, StoreError},
};

/// The canonical route of create calls, whatever spelling the caller used.
const CREATE_ROUTE: &str = "POST /v1.0/engagements/referrals";

/// How often a create call starts again because the caller's own record changed meanwhile.
const TRIES: usize = 5;

/// What a caller sends to make a referral.
#[derive(Clone, Copy)]
pub struct CreateRequest<'a> {
    /// The body, as it came.
    pub body: &'a [u8],
    /// What makes a repetition of this call recognisable; `None` when nothing does.
    pub idempotency_key: Option<&'a str>,
    /// What becomes of members without effect.
    pub handling: Handling,
    /// Whether everything is judged and nothing stored. An idempotency key counts for nothing then.
    pub validates_only: bool,
}

/// How a body is made into a record.
#[derive(Clone, Copy)]
pub(super) struct Manner {
    pub(super) handling: Handling,
    pub(super) validates_only: bool,
    pub(super) key: Option<Key>,
}

/// A record that is decided and not stored yet.
pub(super) struct CreatePlan {
    /// The record, its change, and the key.
    insert: Commit,
    /// The caller's own record, if it becomes Shared, and what makes it so.
    pub(super) shared: Option<(Uuid, Commit)>,
    /// Its engagement; a new one if nobody else can write to it yet.
    pub(super) engagement_id: Uuid,
    /// What is answered once it is stored.
    pub(super) answer: CreateAnswer,
}

impl CreatePlan {
    /// Returns everything that is to be written. The caller's own record is left out where another commit, which this
    /// one joins, makes it Shared already.
    pub(super) fn into_commit(self, is_shared_already: bool) -> (Commit, CreateAnswer) {
        let mut commit = self.insert;
        if let (Some((_, shared)), false) = (self.shared, is_shared_already) {
            commit.join(shared);
        }
        (commit, self.answer)
    }
}

/// What came of it.
pub struct CreateAnswer {
    /// The new record.
    pub id: Uuid,
    /// Its owner.
    pub owner: OrganizationId,
    /// The document, as the caller sees it.
    pub view: View,
    /// What was ignored and normalised; empty in a replay.
    pub report: Report,
    /// Whether the record had been made by an earlier call with the same key.
    pub is_replay: bool,
}

/// Why a referral was not made.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// The body is no acceptable JSON.
    #[error(transparent)]
    Malformed(#[from] JsonError),
    /// The request is wrong; the report lists every problem.
    #[error("the request has {} problems", .0.problems.len())]
    Invalid(Report),
    /// The engagement has a record of this organisation already.
    #[error("the engagement has a referral of organization {0} already")]
    AlreadyParty(OrganizationId),
    /// The idempotency key does not serve.
    #[error(transparent)]
    Retry(#[from] RetryError),
    /// The caller's own record kept changing.
    #[error("the referral of the caller kept changing; try again")]
    Busy,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A stored document cannot be read.
    #[error("a stored document is not canonical")]
    Corrupt(#[from] serde_json::Error),
}

/// Makes a referral: the caller's own, or one for the organisation that its target names.
///
/// # Errors
/// Every problem of the request at once; nothing is stored then.
pub async fn create(
    context: &Context,
    actor: &Actor,
    request: CreateRequest<'_>,
) -> Result<CreateAnswer, CreateError> {
    let CreateRequest { handling, validates_only, .. } = request;
    let manner = Manner { handling, validates_only, key: None };
    let body = || json::parse(request.body, context.settings.json);
    match call_of(&request) {
        Some(call) => create_retried(context, actor, call, body, manner).await,
        None => create_once(context, actor, body()?, manner).await,
    }
}

/// Returns what a repetition is recognised by; `None` when nothing does.
pub(super) fn call_of<'a>(request: &CreateRequest<'a>) -> Option<Call<'a>> {
    let sent = request.idempotency_key.filter(|_| !request.validates_only)?;
    Some(Call { route: CREATE_ROUTE.into(), sent, body: request.body })
}

/// Makes a record unless an earlier call with the same key did.
pub(super) async fn create_retried(
    context: &Context,
    actor: &Actor,
    call: Call<'_>,
    body: impl FnOnce() -> Result<Node, JsonError>,
    manner: Manner,
) -> Result<CreateAnswer, CreateError> {
    let (_held, key) = match retry::begin(context, actor, call).await? {
        Begun::Replayed(replayed) => return Ok(replayed.into()),
        Begun::Fresh(held, key) => (held, key),
    };
    let manner = Manner { key: Some(key), ..manner };
    let refusal = match create_once(context, actor, body()?, manner).await {
        Ok(answer) => return Ok(answer),
        Err(refusal) => refusal,
    };
    match (key.replay(context, actor).await?, refusal) {
        (Some(replayed), _) => Ok(replayed.into()),
        (None, CreateError::Store(StoreError::Conflict(Conflict::IdempotencyKey))) => {
            Err(RetryError::TwinInFlight.into())
        }
        (None, refusal) => Err(refusal),
    }
}

impl From<Replayed> for CreateAnswer {
    fn from(Replayed { id, owner, view }: Replayed) -> Self {
        Self { id, owner, view, report: Report::default(), is_replay: true }
    }
}

/// Makes a record of a body that is read.
pub(super) async fn create_once(
    context: &Context,
    actor: &Actor,
    body: Node,
    manner: Manner,
) -> Result<CreateAnswer, CreateError> {
    // Only who connects to an engagement can lose a race, for its own record there.
    let connects = matches!(&body, Node::Object(members)
        if members.iter().any(|(spelled, _)| is_spelling_of(spelled, "engagementId")));
    let mut body = Some(body);
    for left in (0..if connects { TRIES } else { 1 }).rev() {
        let Some(sent) = (if left == 0 { body.take() } else { body.clone() }) else { break };
        match try_create(context, actor, sent, manner).await {
            Err(CreateError::Store(StoreError::Conflict(Conflict::Version))) => {}
            outcome => return outcome,
        }
    }
    Err(CreateError::Busy)
}

async fn try_create(
    context: &Context,
    actor: &Actor,
    body: Node,
    manner: Manner,
) -> Result<CreateAnswer, CreateError> {
    let (commit, answer) = plan_create(context, actor, body, manner).await?.into_commit(false);
    if manner.validates_only {
        return Ok(answer);
    }
    match context.store.commit(commit).await {
        Ok(()) => Ok(answer),
        Err(StoreError::Conflict(Conflict::Party)) => Err(CreateError::AlreadyParty(answer.owner)),
        Err(error) => Err(error.into()),
    }
}

/// Decides a create call, by what is stored at this moment.
///
/// # Errors
/// Every problem of the request at once.
pub(super) async fn plan_create(
    context: &Context,
    actor: &Actor,
    body: Node,
    manner: Manner,
) -> Result<CreatePlan, CreateError> {
    let (draft, mut report) = draft::read(body, Purpose::Create, &context.settings.rules.text);
    if manner.handling == Handling::Strict {
        report.refuse_ignored();
    }
    let destinations = match report.has_problem_at("/target") {
        true => Vec::new(),
        false => find_destinations(context, &draft).await?,
    };
    let circumstances = circumstances(context, actor, &draft, &destinations).await?;
    let (created, mut report) = engagement::create(draft, report, &circumstances)?;
    let (insert, visible) = insertion(context, actor, &created, &mut report, manner)?;
    let shared = match created.becomes_shared {
        Some(own_id) => share_own(context, actor, own_id, &created).await?.map(|it| (own_id, it)),
        None => None,
    };
    let view = render(context, actor, &visible, view::Context::None)?;
    let StoredReferral { id, engagement_id, organization_id: owner, .. } = visible.stored;
    let answer = CreateAnswer { id, owner, view, report, is_replay: false };
    Ok(CreatePlan { insert, shared, engagement_id, answer })
}

impl From<CreateRefusal> for CreateError {
    fn from(refusal: CreateRefusal) -> Self {
        match refusal {
            CreateRefusal::Invalid(report) => Self::Invalid(report),
            CreateRefusal::AlreadyParty(party) => Self::AlreadyParty(party),
        }
    }
}

/// Looks up what the rules need to know.
async fn circumstances<'a>(
    context: &'a Context,
    actor: &'a Actor,
    draft: &Draft,
    destinations: &'a [Option<Destination>],
) -> Result<Circumstances<'a>, StoreError> {
    let store = &context.store;
    let named_owner = match &draft.organization_id {
        Some(id) if draft.addressed().next().is_none() && *id != actor.organization_id => {
            store.find_organization_target(id).await?
        }
        Some(_) | None => None,
    };
    let parties = match draft.engagement_id {
        Some(engagement_id) => store.list_parties(&actor.scope(), engagement_id).await?,
        None => Vec::<Party>::new(),
    };
    Ok(Circumstances {
        actor,
        now: context.clock.now(),
        referral_id: context.random.uuid(),
        engagement_id: context.random.uuid(),
        rules: &context.settings.rules,
        destinations,
        named_owner,
        locations: store.list_locations(&actor.organization_id).await?,
        parties,
    })
}

async fn find_destinations(context: &Context, draft: &Draft) -> Result<Vec<Option<Destination>>, StoreError> {
    let mut destinations = Vec::new();
    for (_, target) in draft.addressed() {
        destinations.push(find_destination(context, target).await?);
    }
    Ok(destinations)
}

async fn find_destination(context: &Context, target: &Target) -> Result<Option<Destination>, StoreError> {
    let store = &context.store;
    let found = match target.kind {
        TargetType::SolutionProfile => store.find_solution_target(&target.id).await?,
        TargetType::BusinessProfileLocation => match Uuid::try_parse(&target.id) {
            Ok(id) => store.find_location_target(id).await?,
            // The literal `msft` addresses Microsoft.
            Err(_) => match OrganizationId::parse(&target.id) {
                Some(id) => return store.find_organization_target(&id).await,
                None => None,
            },
        },
        TargetType::None => None,
    };
    Ok(found.map(|it| (*it).clone()))
}

/// Returns what stores the new record, its change and the key, and the record as it is stored then.
fn insertion(
    context: &Context,
    actor: &Actor,
    created: &Created,
    report: &mut Report,
    manner: Manner,
) -> serde_json::Result<(Commit, VisibleReferral)> {
    let referral = &created.referral;
    let now = referral.created_date_time;
    let mut commit = Commit::new();
    if let Some(key) = manner.key {
        key.remember(context, &mut commit, referral.id, now);
    }
    let document = referral.to_document();
    let etag = ETag::new(1, now, 0).to_string();
    let after = Version { document: &document, etag: &etag, number: 1 };
    let mut change = Change::new(Action::Create, &actor.into(), referral, None, after, &context.random)?;
    change.ignored.clone_from(&report.ignored);
    for difference in change.differences.iter().filter(|it| !revision::is_server_owned(&it.pointer)) {
        report.applied(difference.pointer.clone());
    }
    let inserted = Inserted {
        inviter: created.inviter.clone(),
        inviter_mpn_id: created.inviter_mpn_id.clone(),
        creator_id: actor.user_id,
    };
    commit.insert_referral(ReferralState { referral, document: &document, version: 1 }, &inserted);
    commit.append_change(change);
    let is_own = referral.organization_id == actor.organization_id;
    let visible = VisibleReferral {
        stored: StoredReferral {
            id: referral.id,
            engagement_id: referral.engagement_id,
            organization_id: referral.organization_id.clone(),
            inviter: created.inviter.clone(),
            version: 1,
            updated: now,
            document,
        },
        relation: if is_own { Relation::Owner } else { Relation::Inviter },
        has_accepted: is_own,
        is_favorite: false,
    };
    Ok((commit, visible))
}

/// Returns what makes the caller's own record Shared; `None` when it is already.
async fn share_own(
    context: &Context,
    actor: &Actor,
    own_id: Uuid,
    created: &Created,
) -> Result<Option<Commit>, CreateError> {
    let Some(own) = context.store.find_referral(&actor.organization_scope(), own_id).await? else {
        return Err(StoreError::Conflict(Conflict::Version).into());
    };
    let own = own.stored;
    let record = Referral::from_document(&own.document)?;
    if record.kind == ReferralType::Shared {
        // Another party joined since the engagement was read.
        return Ok(None);
    }
    let mut commit = Commit::new();
    let shared = engagement::make_shared(&record, created.referral.created_date_time);
    append_revision(
        context,
        &mut commit,
        &own,
        &record,
        Revised { action: Action::Share, author: &actor.into(), referral: &shared, ignored: &[] },
    )?;
    Ok(Some(commit))
}
