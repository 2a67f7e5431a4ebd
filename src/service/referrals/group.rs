//! Several writes as one: all of them are stored in one commit, or none is.
//!
//! Each write is decided as it would be alone, by what was stored before the group. So a group writes each record once,
//! and does not change a record of an engagement that it invites others into: the second decision would not know of the
//! first. Whoever loses a race starts again with the whole group.

use std::collections::HashSet;

use uuid::Uuid;

use super::{
    create::{self, CreateAnswer, CreateError, CreatePlan, CreateRequest, Manner, plan_create},
    retry::{self, Key, RetryError},
    revise::{self, ReviseAnswer, ReviseError, RevisePlan, ReviseRequest, plan_revision},
};
use crate::{
    domain::{actor::Actor, json, organization::OrganizationId},
    service::Context,
    storage::{Commit, Conflict, InFlight, StoreError},
};

/// How often a group starts again because others were faster.
const TRIES: usize = 20;

/// One write of a group.
#[derive(Clone, Copy)]
pub enum GroupedWrite<'a> {
    /// Makes a referral.
    Create(CreateRequest<'a>),
    /// Changes one.
    Revise(ReviseRequest<'a>),
}

/// What came of one write.
pub enum GroupedAnswer {
    /// A new referral.
    Create(CreateAnswer),
    /// A change.
    Revise(ReviseAnswer),
}

/// Why nothing of a group was stored.
#[derive(Debug)]
pub struct GroupRefusal {
    /// Place of the write that failed, in the group.
    pub index: usize,
    /// What is wrong with it.
    pub error: GroupError,
}

/// What is wrong with one write of a group.
#[derive(Debug, thiserror::Error)]
pub enum GroupError {
    /// The referral cannot be made.
    #[error(transparent)]
    Create(#[from] CreateError),
    /// The referral cannot be changed.
    #[error(transparent)]
    Revise(#[from] ReviseError),
    /// An earlier write of the group is about the same.
    #[error(
        "a group writes each referral once, and does not change a referral of an engagement that it invites into"
    )]
    Overlap,
    /// Others kept being faster.
    #[error("the referrals of the group kept changing; try again")]
    Busy,
    /// The idempotency key does not serve.
    #[error(transparent)]
    Retry(#[from] RetryError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Makes and changes referrals in one commit.
///
/// # Errors
/// The first write that fails, and why; nothing of the group is stored then.
pub async fn write_group(
    context: &Context,
    actor: &Actor,
    writes: &[GroupedWrite<'_>],
) -> Result<Vec<GroupedAnswer>, GroupRefusal> {
    let keys = hold_keys(context, actor, writes)?;
    let mut turns = None;
    let mut has_met_twin = false;
    for _ in 0..TRIES {
        match try_group(context, actor, writes, &keys).await {
            Ok(answers) => return Ok(answers),
            Err(Setback::Lost(Conflict::Version | Conflict::Party)) => {}
            Err(Setback::Lost(Conflict::IdempotencyKey)) if !has_met_twin => has_met_twin = true,
            Err(Setback::Lost(Conflict::IdempotencyKey)) => {
                let index = keys.iter().position(Option::is_some).unwrap_or(0);
                return Err(GroupRefusal { index, error: RetryError::TwinInFlight.into() });
            }
            Err(Setback::Lost(conflict @ Conflict::Duplicate)) => {
                return Err(GroupRefusal { index: 0, error: StoreError::Conflict(conflict).into() });
            }
            // A twin may have been faster: the next try finds what its key led to.
            Err(Setback::Refused(refusal)) if !is_done_by_twin(context, actor, &keys, &refusal).await => {
                return Err(refusal);
            }
            Err(Setback::Refused(_)) => {}
        }
        if turns.is_none() {
            turns = Some(context.store.take_turns(&revised_ids(writes)).await);
        }
    }
    Err(GroupRefusal { index: 0, error: GroupError::Busy })
}

/// What keeps a try from being stored.
enum Setback {
    /// Others were faster.
    Lost(Conflict),
    /// A write failed.
    Refused(GroupRefusal),
}

/// A key, and what keeps its twins in this process from beginning.
type HeldKey = (InFlight, Key);

fn hold_keys(
    context: &Context,
    actor: &Actor,
    writes: &[GroupedWrite<'_>],
) -> Result<Vec<Option<HeldKey>>, GroupRefusal> {
    let mut keys = Vec::with_capacity(writes.len());
    for (index, write) in writes.iter().enumerate() {
        let call = match write {
            GroupedWrite::Create(request) => create::call_of(request),
            GroupedWrite::Revise(request) => revise::call_of(request),
        };
        let held = call.map(|it| retry::hold(context, actor, &it)).transpose();
        keys.push(held.map_err(|error| GroupRefusal { index, error: error.into() })?);
    }
    Ok(keys)
}

fn revised_ids(writes: &[GroupedWrite<'_>]) -> Vec<Uuid> {
    let ids = writes.iter().filter_map(|it| match it {
        GroupedWrite::Revise(request) => Some(request.id),
        GroupedWrite::Create(_) => None,
    });
    ids.collect()
}

async fn is_done_by_twin(
    context: &Context,
    actor: &Actor,
    keys: &[Option<HeldKey>],
    refusal: &GroupRefusal,
) -> bool {
    match keys.get(refusal.index) {
        Some(Some((_, key))) if !matches!(refusal.error, GroupError::Retry(_)) => {
            key.replay(context, actor).await.is_ok_and(|it| it.is_some())
        }
        _ => false,
    }
}

async fn try_group(
    context: &Context,
    actor: &Actor,
    writes: &[GroupedWrite<'_>],
    keys: &[Option<HeldKey>],
) -> Result<Vec<GroupedAnswer>, Setback> {
    let mut answers = Vec::with_capacity(writes.len());
    let (mut footprint, mut parts) = (Footprint::default(), Vec::new());
    for (index, (write, key)) in writes.iter().zip(keys).enumerate() {
        let key = key.as_ref().map(|(_, key)| *key);
        let planned = plan(context, actor, write, key).await;
        let stepped = planned.and_then(|planned| footprint.step(planned));
        let (answer, part) = stepped.map_err(|error| setback(index, error))?;
        answers.push(answer);
        parts.extend(part);
    }
    // Two groups that lock the same rows lock them in the same order.
    parts.sort_by(|(one, _), (other, _)| one.cmp(other));
    let mut commit = Commit::new();
    parts.into_iter().for_each(|(_, part)| commit.join(part));
    if !commit.is_empty() {
        let stored = context.store.commit(commit).await;
        stored.map_err(|error| setback(0, error.into()))?;
    }
    Ok(answers)
}

fn setback(index: usize, error: GroupError) -> Setback {
    match error {
        GroupError::Store(StoreError::Conflict(conflict))
        | GroupError::Create(CreateError::Store(StoreError::Conflict(conflict)))
        | GroupError::Revise(ReviseError::Store(StoreError::Conflict(conflict))) => Setback::Lost(conflict),
        error => Setback::Refused(GroupRefusal { index, error }),
    }
}

/// One write, decided.
enum Planned {
    Create(CreatePlan),
    Revise(Uuid, RevisePlan),
    /// Nothing is left to be stored.
    Done(GroupedAnswer),
}

async fn plan(
    context: &Context,
    actor: &Actor,
    write: &GroupedWrite<'_>,
    key: Option<Key>,
) -> Result<Planned, GroupError> {
    if let Some(key) = key
        && let Some(replayed) = key.replay(context, actor).await?
    {
        return Ok(Planned::Done(match write {
            GroupedWrite::Create(_) => GroupedAnswer::Create(replayed.into()),
            GroupedWrite::Revise(_) => GroupedAnswer::Revise(replayed.into()),
        }));
    }
    match *write {
        GroupedWrite::Create(CreateRequest { body, handling, validates_only, .. }) => {
            let body = json::parse(body, context.settings.json).map_err(CreateError::from)?;
            let plan = plan_create(context, actor, body, Manner { handling, validates_only, key }).await?;
            Ok(match validates_only {
                true => Planned::Done(GroupedAnswer::Create(plan.answer)),
                false => Planned::Create(plan),
            })
        }
        GroupedWrite::Revise(request) => {
            let plan = plan_revision(context, actor, request, key).await?;
            Ok(match request.validates_only {
                true => Planned::Done(GroupedAnswer::Revise(plan.answer)),
                false => Planned::Revise(request.id, plan),
            })
        }
    }
}

/// Where a part of the commit stands among the others: engagement, invited organisation, record.
type Place = (Uuid, String, Uuid);

/// What the writes of a group before this one are about.
#[derive(Default)]
struct Footprint {
    /// Records that are changed.
    revised: HashSet<Uuid>,
    /// Engagements of these.
    revised_in: HashSet<Uuid>,
    /// Whom the group invites, and into which engagement.
    invited: HashSet<(Uuid, OrganizationId)>,
    /// Engagements that records are made in.
    invited_in: HashSet<Uuid>,
    /// Records of the caller's that become Shared.
    shared: HashSet<Uuid>,
}

impl Footprint {
    /// Adds a write, unless an earlier one is about the same.
    fn step(&mut self, planned: Planned) -> Result<(GroupedAnswer, Option<(Place, Commit)>), GroupError> {
        match planned {
            Planned::Done(answer) => Ok((answer, None)),
            Planned::Create(plan) => {
                let (engagement_id, owner) = (plan.engagement_id, plan.answer.owner.clone());
                if self.revised_in.contains(&engagement_id) {
                    return Err(GroupError::Overlap);
                }
                if !self.invited.insert((engagement_id, owner.clone())) {
                    return Err(CreateError::AlreadyParty(owner).into());
                }
                self.invited_in.insert(engagement_id);
                let own_id = plan.shared.as_ref().map(|(id, _)| *id);
                let is_shared_already = own_id.is_some_and(|it| !self.shared.insert(it));
                let (commit, answer) = plan.into_commit(is_shared_already);
                let place = (engagement_id, owner.to_string(), Uuid::nil());
                Ok((GroupedAnswer::Create(answer), Some((place, commit))))
            }
            Planned::Revise(id, RevisePlan { commit, engagement_id, answer }) => {
                if !self.revised.insert(id) || self.invited_in.contains(&engagement_id) {
                    return Err(GroupError::Overlap);
                }
                self.revised_in.insert(engagement_id);
                let place = (engagement_id, String::new(), id);
                Ok((GroupedAnswer::Revise(answer), Some((place, commit))))
            }
        }
    }
}
