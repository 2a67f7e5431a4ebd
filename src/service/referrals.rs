//! Making referrals and reading them back.

use aws_lc_rs::digest::{SHA256, digest};
use uuid::Uuid;

use super::Context;
use crate::{
    domain::{
        actor::Actor,
        change::{Action, Change, Hash, Version},
        engagement::{self, Circumstances, CreateRefusal, Created, Destination, Party},
        etag::ETag,
        json::{self, JsonError},
        organization::OrganizationId,
        referral::{Referral, Target, draft, draft::Draft},
        report::Report,
        view::{self, StoredReferral, View, VisibleReferral},
        visibility::Relation,
        vocabulary::{ReferralType, TargetType},
    },
    storage::{Commit, Conflict, IdempotencyKey, IdempotencyRecord, Inserted, ReferralState, StoreError},
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
}

/// What came of it.
pub struct CreateAnswer {
    /// The new record.
    pub id: Uuid,
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
    /// The key was used with another body.
    #[error("the idempotency key was used with another body")]
    KeyReused,
    /// A call with the same key is under way.
    #[error("a request with the same idempotency key is under way")]
    TwinInFlight,
    /// The key led to a record that the caller may not see any more.
    #[error("the referral is not visible any more")]
    NotVisible,
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
    let Some(sent) = request.idempotency_key else {
        return create_once(context, actor, request.body, None).await;
    };
    let key = IdempotencyKey::new(actor, CREATE_ROUTE, sent);
    let body_hash = hash(request.body);
    let _held = context.store.take_key(key).ok_or(CreateError::TwinInFlight)?;
    if let Some(replayed) = replay(context, actor, key, &body_hash).await? {
        return Ok(replayed);
    }
    let refusal = match create_once(context, actor, request.body, Some((key, body_hash))).await {
        Err(
            refusal @ (CreateError::AlreadyParty(_)
            | CreateError::Busy
            | CreateError::Store(StoreError::Conflict(Conflict::IdempotencyKey))),
        ) => refusal,
        outcome => return outcome,
    };
    // An earlier try may have been on its way when this one looked, or a twin in another process was faster.
    match (replay(context, actor, key, &body_hash).await?, refusal) {
        (Some(replayed), _) => Ok(replayed),
        (None, CreateError::Store(_)) => Err(CreateError::TwinInFlight),
        (None, refusal) => Err(refusal),
    }
}

async fn replay(
    context: &Context,
    actor: &Actor,
    key: IdempotencyKey,
    body_hash: &Hash,
) -> Result<Option<CreateAnswer>, CreateError> {
    let Some(record) = context.store.find_remembered(key, context.clock.now()).await? else {
        return Ok(None);
    };
    if record.body_hash != *body_hash {
        return Err(CreateError::KeyReused);
    }
    let found = context.store.find_referral(&actor.scope(), record.referral_id).await?;
    let visible = found.ok_or(CreateError::NotVisible)?;
    let view = render(context, actor, &visible, view::Context::None)?;
    let report = Report::default();
    Ok(Some(CreateAnswer { id: record.referral_id, view, report, is_replay: true }))
}

async fn create_once(
    context: &Context,
    actor: &Actor,
    body: &[u8],
    key: Option<(IdempotencyKey, Hash)>,
) -> Result<CreateAnswer, CreateError> {
    for _ in 0..TRIES {
        match try_create(context, actor, body, key).await {
            Err(CreateError::Store(StoreError::Conflict(Conflict::Version))) => {}
            outcome => return outcome,
        }
    }
    Err(CreateError::Busy)
}

async fn try_create(
    context: &Context,
    actor: &Actor,
    body: &[u8],
    key: Option<(IdempotencyKey, Hash)>,
) -> Result<CreateAnswer, CreateError> {
    let settings = &context.settings;
    let (draft, report) = draft::read(json::parse(body, settings.json)?, &settings.rules.text);
    let destinations = match report.has_problem_at("/target") {
        true => Vec::new(),
        false => find_destinations(context, &draft).await?,
    };
    let circumstances = circumstances(context, actor, &draft, &destinations).await?;
    let (created, report) = engagement::create(draft, report, &circumstances)?;
    let visible =
        store_created(context, actor, &created, &report, key).await.map_err(|error| match error {
            CreateError::Store(StoreError::Conflict(Conflict::Party)) => {
                CreateError::AlreadyParty(created.referral.organization_id.clone())
            }
            error => error,
        })?;
    let view = render(context, actor, &visible, view::Context::None)?;
    Ok(CreateAnswer { id: visible.stored.id, view, report, is_replay: false })
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

/// Commits the new record, the caller's own record if it becomes Shared, their changes, and the key.
async fn store_created(
    context: &Context,
    actor: &Actor,
    created: &Created,
    report: &Report,
    key: Option<(IdempotencyKey, Hash)>,
) -> Result<VisibleReferral, CreateError> {
    let referral = &created.referral;
    let now = referral.created_date_time;
    let mut commit = Commit::new();
    if let Some((key, body_hash)) = key {
        let expires = now.plus_secs(context.settings.idempotency_keep_secs);
        commit.remember(key, &IdempotencyRecord { body_hash, referral_id: referral.id, expires }, now);
    }
    let document = referral.to_document();
    let etag = ETag::new(1, now, 0).to_string();
    let after = Version { document: &document, etag: &etag, number: 1 };
    let mut change = Change::new(Action::Create, actor, referral, None, after, &context.random)?;
    change.ignored.clone_from(&report.ignored);
    let inserted = Inserted {
        inviter: created.inviter.clone(),
        inviter_mpn_id: created.inviter_mpn_id.clone(),
        creator_id: actor.user_id,
    };
    commit.insert_referral(ReferralState { referral, document: &document, version: 1 }, &inserted);
    commit.append_change(change);
    if let Some(own_id) = created.becomes_shared {
        share_own(context, actor, own_id, created, &mut commit).await?;
    }
    context.store.commit(commit).await?;
    let is_own = referral.organization_id == actor.organization_id;
    Ok(VisibleReferral {
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
    })
}

/// Adds to the commit that the caller's own record becomes Shared.
async fn share_own(
    context: &Context,
    actor: &Actor,
    own_id: Uuid,
    created: &Created,
    commit: &mut Commit,
) -> Result<(), CreateError> {
    let Some(own) = context.store.find_referral(&actor.organization_scope(), own_id).await? else {
        return Err(StoreError::Conflict(Conflict::Version).into());
    };
    let own = own.stored;
    let record = Referral::from_document(&own.document)?;
    if record.kind == ReferralType::Shared {
        // Another party joined since the engagement was read.
        return Ok(());
    }
    let shared = engagement::make_shared(&record, created.referral.created_date_time);
    let document = shared.to_document();
    let version = own.version.saturating_add(1);
    let (etag_before, etag) =
        (own.etag().to_string(), ETag::new(version, shared.updated_date_time, 0).to_string());
    let before = Version { document: &own.document, etag: &etag_before, number: own.version };
    let after = Version { document: &document, etag: &etag, number: version };
    commit.append_change(Change::new(Action::Share, actor, &shared, Some(before), after, &context.random)?);
    commit.update_referral(ReferralState { referral: &shared, document: &document, version }, own.version);
    Ok(())
}

/// Why a referral cannot be shown.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It does not exist, or the caller may not see it: the same in every respect.
    #[error("the referral was not found")]
    NotFound,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The stored document cannot be read.
    #[error("a stored document is not canonical")]
    Corrupt(#[from] serde_json::Error),
}

/// Reads a referral by id, as the caller sees it.
///
/// # Errors
/// [`ReadError::NotFound`] for unknown and foreign ids alike.
pub async fn read(context: &Context, actor: &Actor, id: Uuid) -> Result<View, ReadError> {
    let visible = context.store.find_referral(&actor.scope(), id).await?.ok_or(ReadError::NotFound)?;
    Ok(render(context, actor, &visible, view::Context::Entity)?)
}

fn render(
    context: &Context,
    actor: &Actor,
    visible: &VisibleReferral,
    odata: view::Context,
) -> serde_json::Result<View> {
    view::render(visible, &actor.organization_id, &context.settings.links, odata)
}

fn hash(bytes: &[u8]) -> Hash {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, bytes).as_ref());
    hash
}
