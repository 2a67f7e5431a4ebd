//! Changing a referral that is there: PUT, PATCH and the actions of the lifecycle, all on one path.

use uuid::Uuid;

use super::{
    Revised as NewVersion, append_revision, render,
    retry::{self, Begun, Call, Key, Replayed, RetryError},
};
use crate::{
    domain::{
        actor::{Actor, Author, Scope},
        change::Replay,
        etag::ETag,
        json::{self, JsonError, Node},
        lifecycle::{self, Action, Refusal, Side, Standing},
        referral::Referral,
        report::Report,
        revision::{
            self, Handling, Intent, Situation,
            merge::{self, Conflict as MergeConflict},
            patch,
        },
        view::{self, View, VisibleReferral},
        visibility::{self, Relation},
    },
    service::Context,
    storage::{Commit, Conflict, StoreError},
};

/// How often a write without `If-Match` starts again because others were faster.
const TRIES: usize = 100;

/// How a caller says what is to change.
#[derive(Clone, Copy)]
pub enum Wish<'a> {
    /// The members of a document ("Update a referral", 2019).
    Replace(&'a [u8]),
    /// A JSON Patch ("Update a lead or opportunity", 2020).
    Patch(&'a [u8]),
    /// An action, with members that go with it; an empty body brings none.
    Act(Action, &'a [u8]),
}

/// A write on a referral that is there.
#[derive(Clone, Copy)]
pub struct ReviseRequest<'a> {
    /// Which one.
    pub id: Uuid,
    /// What is to change.
    pub wish: Wish<'a>,
    /// Tokens of the versions that the write may start from; `None` for any.
    pub if_match: Option<&'a str>,
    /// What becomes of members without effect.
    pub handling: Handling,
    /// Whether a write that comes too late is merged where no member was changed on both sides.
    pub merges: bool,
    /// Whether everything is judged and nothing stored. An idempotency key counts for nothing then.
    pub validates_only: bool,
    /// What makes a repetition of an action recognisable; `None` when nothing does.
    pub idempotency_key: Option<&'a str>,
}

/// What came of it.
pub struct ReviseAnswer {
    /// The document, as the caller sees it.
    pub view: View,
    /// What was applied, ignored and normalised.
    pub report: Report,
    /// Whether the write came too late and was merged.
    pub is_merged: bool,
    /// Whether an earlier call with the same key did it.
    pub is_replay: bool,
}

/// Why a referral was not changed.
#[derive(Debug, thiserror::Error)]
pub enum ReviseError {
    /// It does not exist, or the caller may not see it: the same in every respect.
    #[error("the referral was not found")]
    NotFound,
    /// The body is no acceptable JSON.
    #[error(transparent)]
    Malformed(#[from] JsonError),
    /// The request is wrong; the report lists every problem.
    #[error("the request has {} problems", .0.problems.len())]
    Invalid(Report),
    /// Somebody else may do it.
    #[error("{0}")]
    OtherSide(Refusal),
    /// A PUT names no version.
    #[error("the header If-Match is required: send the eTag of the referral that you have read")]
    IfMatchRequired,
    /// The record changed since the caller read it. `None` when the version that the caller names is not known.
    #[error("the referral was changed since you read it")]
    Stale(ETag, Option<Box<MergeConflict>>),
    /// The idempotency key does not serve.
    #[error(transparent)]
    Retry(#[from] RetryError),
    /// Others kept being faster.
    #[error("the referral kept changing; try again")]
    Busy,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A stored document cannot be read.
    #[error("a stored document is not canonical")]
    Corrupt(#[from] serde_json::Error),
    /// A stored document is no tree.
    #[error("a stored document cannot be read")]
    Unreadable,
}

/// Changes a referral.
///
/// # Errors
/// Every problem of the request at once; nothing is stored then.
pub async fn revise(
    context: &Context,
    actor: &Actor,
    request: ReviseRequest<'_>,
) -> Result<ReviseAnswer, ReviseError> {
    let Some(call) = call_of(&request) else {
        return revise_current(context, actor, request, None).await;
    };
    let (_held, key) = match retry::begin(context, actor, call).await? {
        Begun::Replayed(replayed) => return Ok(replayed.into()),
        Begun::Fresh(held, key) => (held, key),
    };
    let refusal = match revise_current(context, actor, request, Some(key)).await {
        Ok(answer) => return Ok(answer),
        Err(refusal) => refusal,
    };
    match (key.replay(context, actor).await?, refusal) {
        (Some(replayed), _) => Ok(replayed.into()),
        (None, ReviseError::Store(StoreError::Conflict(Conflict::IdempotencyKey))) => {
            Err(RetryError::TwinInFlight.into())
        }
        (None, refusal) => Err(refusal),
    }
}

/// Returns what a repetition of an action is recognised by; `None` when nothing does.
pub(super) fn call_of<'a>(request: &ReviseRequest<'a>) -> Option<Call<'a>> {
    let (Wish::Act(action, body), Some(sent), false) =
        (request.wish, request.idempotency_key, request.validates_only)
    else {
        return None;
    };
    let route = format!("POST {}/{}", request.id, action.as_str());
    Some(Call { route: route.into(), sent, body })
}

impl From<Replayed> for ReviseAnswer {
    fn from(Replayed { view, .. }: Replayed) -> Self {
        Self { view, report: Report::default(), is_merged: false, is_replay: true }
    }
}

/// Changes the version that is there at this moment, whichever it is.
async fn revise_current(
    context: &Context,
    actor: &Actor,
    request: ReviseRequest<'_>,
    key: Option<Key>,
) -> Result<ReviseAnswer, ReviseError> {
    let mut turn = None;
    for _ in 0..TRIES {
        match try_revise(context, actor, request, key).await {
            Err(ReviseError::Store(StoreError::Conflict(Conflict::Version))) => {}
            outcome => return outcome,
        }
        // Whoever lost a race once waits for its turn, or many writers of one record would cost each other tries
        // that grow with the square of their number.
        if turn.is_none() {
            turn = Some(context.store.take_turns(&[request.id]).await);
        }
    }
    Err(ReviseError::Busy)
}

/// A record on its way to be changed.
struct Target {
    visible: VisibleReferral,
    record: Referral,
    /// What the caller sees of it, with the members that differ by viewer.
    seen: Node,
}

async fn try_revise(
    context: &Context,
    actor: &Actor,
    request: ReviseRequest<'_>,
    key: Option<Key>,
) -> Result<ReviseAnswer, ReviseError> {
    let plan = plan_revision(context, actor, request, key).await?;
    if !request.validates_only {
        context.store.commit(plan.commit).await?;
    }
    Ok(plan.answer)
}

/// A change that is decided and not stored yet.
pub(super) struct RevisePlan {
    /// The version, its change, the caller's mark, and the key.
    pub(super) commit: Commit,
    /// The record's engagement.
    pub(super) engagement_id: Uuid,
    /// What is answered once it is stored.
    pub(super) answer: ReviseAnswer,
}

/// Decides a write on a record that is there, by what is stored at this moment.
///
/// # Errors
/// Every problem of the request at once.
pub(super) async fn plan_revision(
    context: &Context,
    actor: &Actor,
    request: ReviseRequest<'_>,
    key: Option<Key>,
) -> Result<RevisePlan, ReviseError> {
    let found = context.store.find_referral(&actor.scope(), request.id).await?;
    let target = read_target(context, actor, found.ok_or(ReviseError::NotFound)?)?;
    let body = read_body(context, request.wish);
    if let (Wish::Patch(_), Ok(body)) = (request.wish, &body)
        && patch::touches_favorite_only(body)
    {
        return plan_mark(context, actor, request, target, body);
    }
    // Who may not write at all is told that, and not what is wrong with the body.
    check_side(&target, request.wish)?;
    let body = body?;
    let base = check_version(context, &target, request).await?;
    let (intent, favorite) = read_intent(request.wish, body, base.as_ref().unwrap_or(&target.seen))?;
    let is_merged = base.is_some();
    let intent = match base {
        None => intent,
        Some(base) => merge(context, &target, request, &intent, &base)?,
    };
    let revised = decide(context, actor, &target, request, &intent).await?;
    let VisibleReferral { stored, .. } = &target.visible;
    let mut commit = Commit::new();
    let version = NewVersion {
        action: revised.action,
        author: &Author::from(actor),
        referral: &revised.referral,
        ignored: &revised.report.ignored,
    };
    let after = append_revision(context, &mut commit, stored, &target.record, version)?;
    if let Some(is_favorite) = favorite {
        commit.mark_favorite(actor.user_id, stored.id, is_favorite);
    }
    if let Some(key) = key {
        key.remember(context, &mut commit, stored.id, context.clock.now());
    }
    let is_accepted = visibility::has_accepted(revised.referral.substatus);
    let has_accepted = match target.visible.relation {
        Relation::Owner => is_accepted,
        _ => target.visible.has_accepted,
    };
    let is_favorite = favorite.unwrap_or(target.visible.is_favorite);
    let visible = VisibleReferral { stored: after, has_accepted, is_favorite, ..target.visible };
    let view = render(context, actor, &visible, view::Context::None)?;
    let answer = ReviseAnswer { view, report: revised.report, is_merged, is_replay: false };
    Ok(RevisePlan { commit, engagement_id: visible.stored.engagement_id, answer })
}

fn read_target(context: &Context, actor: &Actor, visible: VisibleReferral) -> Result<Target, ReviseError> {
    let record = Referral::from_document(&visible.stored.document)?;
    let view = render(context, actor, &visible, view::Context::Entity)?;
    let seen = tree(&view.body)?;
    Ok(Target { visible, record, seen })
}

fn tree(document: &str) -> Result<Node, ReviseError> {
    Node::from_document(document).map_err(|_| ReviseError::Unreadable)
}

fn read_body(context: &Context, wish: Wish<'_>) -> Result<Node, JsonError> {
    match wish {
        Wish::Act(_, bytes) if bytes.trim_ascii().is_empty() => Ok(Node::Object(Vec::new())),
        Wish::Replace(bytes) | Wish::Patch(bytes) | Wish::Act(_, bytes) => {
            json::parse(bytes, context.settings.json)
        }
    }
}

/// Returns what a body asks for, of a document as the caller saw it; the second value is the caller's own mark.
fn read_intent(wish: Wish<'_>, body: Node, seen: &Node) -> Result<(Intent, Option<bool>), ReviseError> {
    match wish {
        Wish::Replace(_) => Ok((Intent::of_body(body, None), None)),
        Wish::Act(action, _) => Ok((Intent::of_body(body, Some(action)), None)),
        Wish::Patch(_) => {
            let patch = patch::read(&body, seen).map_err(ReviseError::Invalid)?;
            Ok((patch.intent, patch.favorite))
        }
    }
}

/// Returns which side of a record a viewer is on.
pub(super) fn side_of(relation: Relation) -> Side {
    match relation {
        Relation::Owner => Side::Owner,
        Relation::Inviter => Side::Inviter,
        Relation::Invitee | Relation::Microsoft | Relation::Party => Side::Other,
    }
}

/// Refuses a caller who may read the record and not act on it.
fn check_side(target: &Target, wish: Wish<'_>) -> Result<(), ReviseError> {
    let action = match wish {
        Wish::Replace(_) | Wish::Patch(_) => Action::Revise,
        Wish::Act(action, _) => action,
    };
    let may = lifecycle::row_of(action).map_or(Side::Server, |it| it.side);
    match may == side_of(target.visible.relation) {
        true => Ok(()),
        false => Err(ReviseError::OtherSide(Refusal::OtherSide { action, may })),
    }
}

/// Refuses an action that the table does not allow.
pub(super) fn check_may(
    context: &Context,
    action: Action,
    relation: Relation,
    standing: Standing,
) -> Result<(), ReviseError> {
    let strictness = context.settings.rules.strictness;
    match lifecycle::decide(action, side_of(relation), standing, context.clock.now(), strictness) {
        Ok(_) => Ok(()),
        Err(refusal @ Refusal::OtherSide { .. }) => Err(ReviseError::OtherSide(refusal)),
        Err(refusal) => Err(ReviseError::Invalid(revision::report_of(&refusal))),
    }
}

/// Checks `If-Match`. Returns the version that the caller had read, when it is not the current one any more.
async fn check_version(
    context: &Context,
    target: &Target,
    request: ReviseRequest<'_>,
) -> Result<Option<Node>, ReviseError> {
    let Some(if_match) = request.if_match else {
        return match request.wish {
            Wish::Replace(_) => Err(ReviseError::IfMatchRequired),
            Wish::Patch(_) | Wish::Act(..) => Ok(None),
        };
    };
    let current = target.visible.stored.etag();
    if is_current(if_match, &current) {
        return Ok(None);
    }
    let base = match if_match.split(',').find_map(ETag::parse) {
        Some(tag) if tag.version < current.version => find_version(context, &target.visible, &tag).await?,
        Some(_) | None => None,
    };
    base.map(Some).ok_or(ReviseError::Stale(current, None))
}

/// Returns what is left to do of a write that comes too late, if the caller wants that and nothing overlaps.
fn merge(
    context: &Context,
    target: &Target,
    request: ReviseRequest<'_>,
    intent: &Intent,
    base: &Node,
) -> Result<Intent, ReviseError> {
    let (conflict, merged) = merge::compare(intent, base, &target.seen, &context.settings.rules);
    match request.merges && conflict.is_mergeable {
        true => Ok(merged),
        false => Err(ReviseError::Stale(target.visible.stored.etag(), Some(Box::new(conflict)))),
    }
}

/// Says whether one of the tokens is that of the current version, whoever saw it.
fn is_current(if_match: &str, current: &ETag) -> bool {
    let is_it = |tag: &str| tag == "*" || ETag::parse(tag).is_some_and(|it| it.is_same_version(current));
    if_match.split(',').any(|tag| is_it(tag.trim()))
}

/// Returns an earlier version as the caller would see it today. `None` when there was none of that token, or a value
/// of it was erased.
async fn find_version(
    context: &Context,
    visible: &VisibleReferral,
    tag: &ETag,
) -> Result<Option<Node>, ReviseError> {
    let scope = Scope::system("rebuild the version that a writer had read");
    let versions = context.store.list_versions(scope, visible.stored.id, tag.version).await?;
    let last = versions.last().and_then(|(etag, _)| ETag::parse(etag));
    if !last.is_some_and(|it| it.is_same_version(tag)) {
        return Ok(None);
    }
    let mut replay = Replay::default();
    for (_, differences) in &versions {
        if replay.apply(differences).is_err() {
            return Ok(None);
        }
    }
    let Some(document) = replay.document() else { return Ok(None) };
    let seen = visibility::without(Referral::from_document(&document)?, visible.withheld());
    Ok(Some(tree(&seen.to_document())?))
}

async fn decide(
    context: &Context,
    actor: &Actor,
    target: &Target,
    request: ReviseRequest<'_>,
    intent: &Intent,
) -> Result<revision::Revised, ReviseError> {
    let now = context.clock.now();
    let rules = &context.settings.rules;
    let Target { visible: VisibleReferral { stored, .. }, record, seen } = target;
    if let Wish::Act(Action::Withdraw, _) = request.wish {
        let withdrawn = revision::withdraw(intent, record, now, rules.strictness, request.handling);
        return withdrawn.map_err(ReviseError::Invalid);
    }
    let parties = context.store.list_parties(&actor.organization_scope(), stored.engagement_id).await?;
    let situation = Situation {
        current: record,
        seen,
        now,
        rules,
        has_other_party: parties.len() > 1,
        is_received: stored.inviter != stored.organization_id,
        is_partner_deal: !stored.inviter.is_msft(),
        handling: request.handling,
    };
    revision::revise(intent, &situation).map_err(ReviseError::Invalid)
}

/// Marks a referral for the caller. It is no change and no version, and needs no right but to see it.
fn plan_mark(
    context: &Context,
    actor: &Actor,
    request: ReviseRequest<'_>,
    target: Target,
    body: &Node,
) -> Result<RevisePlan, ReviseError> {
    let patch = patch::read(body, &target.seen).map_err(ReviseError::Invalid)?;
    let visible = target.visible;
    let is_favorite = patch.favorite.unwrap_or(visible.is_favorite);
    let current = visible.stored.etag();
    if request.if_match.is_some_and(|it| !is_current(it, &current)) {
        return Err(ReviseError::Stale(current, None));
    }
    let mut report = Report::default();
    if visible.is_favorite != is_favorite {
        report.applied("/favorite".to_owned());
    }
    let mut commit = Commit::new();
    commit.mark_favorite(actor.user_id, visible.stored.id, is_favorite);
    let visible = VisibleReferral { is_favorite, ..visible };
    let view = render(context, actor, &visible, view::Context::None)?;
    let answer = ReviseAnswer { view, report, is_merged: false, is_replay: false };
    Ok(RevisePlan { commit, engagement_id: visible.stored.engagement_id, answer })
}
