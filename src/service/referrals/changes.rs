//! Reading the log: what happened in an engagement, as one of its parties may see it.
//!
//! Which changes those are is the scope's predicate, in the query; what of them is shown is what the caller is shown
//! of the record today, whatever it was shown at the time. Positions in the log are not told: they would say how busy
//! everybody else is.

use std::collections::{BTreeSet, HashMap};

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    domain::{
        actor::{Actor, Author},
        change::{
            Change,
            history::{HistoryError, MemberChange, member_changes, shown_action},
        },
        etag::ETag,
        organization::OrganizationId,
        report::Ignored,
        time::Timestamp,
        view::VisibleReferral,
        visibility::{self, Facet},
    },
    service::Context,
    storage::{Store, StoreError},
};

/// Changes in one answer.
const PAGE_MAX: usize = 100;

/// Which changes a caller asks for.
#[derive(Clone, Copy, Debug, Default)]
pub struct ChangesRequest {
    /// How many in all; `None` for all there are.
    pub count_max: Option<u64>,
    /// The change that the ones asked for come after.
    pub after: Option<Uuid>,
}

/// A page of changes, oldest first.
#[derive(Debug)]
pub struct ChangesPage {
    /// The changes.
    pub changes: Vec<ShownChange>,
    /// What to ask for to get those that follow; `None` when nothing does, or no more was asked for.
    pub next: Option<ChangesRequest>,
}

/// A change, as the caller may see it.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Change)]
pub struct ShownChange {
    /// Id of the change.
    pub id: Uuid,
    /// Record that changed.
    pub referral_id: Uuid,
    /// Owner of the record.
    pub organization_id: OrganizationId,
    /// What was done: `create`, `accept`, `revise`, `expire`, …
    pub action: &'static str,
    /// When.
    pub at: Timestamp,
    /// Who did it.
    pub actor: ShownActor,
    /// Token of the record before, in the caller's view; null for a new record.
    #[serde(rename = "fromETag")]
    #[schema(required)]
    pub from_etag: Option<String>,
    /// Token of the record after, in the caller's view.
    #[serde(rename = "toETag")]
    pub to_etag: String,
    /// What differs, of what the caller may see.
    pub members: Vec<MemberChange>,
    /// What was sent without effect; only where the actor is of the caller's own organisation.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<Object>>, nullable = false)]
    pub ignored: Option<Vec<Ignored>>,
}

/// Who changed a record, as the caller may know.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = ChangeActor)]
pub enum ShownActor {
    /// The server itself.
    Server {
        /// Which part of it, such as `expiry`.
        system: String,
    },
    /// Somebody of an organisation.
    #[serde(rename_all = "camelCase")]
    Person {
        /// The organisation; null where the caller may not know who made the record.
        #[schema(required)]
        organization_id: Option<OrganizationId>,
        /// Its name.
        #[schema(required)]
        organization_name: Option<String>,
        /// The user; only of the caller's own organisation.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schema(nullable = false)]
        user_id: Option<Uuid>,
    },
}

/// Why changes cannot be shown.
#[derive(Debug, thiserror::Error)]
pub enum ChangesError {
    /// The referral does not exist, or the caller may not see it: the same in every respect.
    #[error("the referral was not found")]
    NotFound,
    /// The change that the ones asked for come after is none that the caller sees in this engagement.
    #[error("the place to go on from is not known")]
    UnknownPlace,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The stored document cannot be read.
    #[error("a stored document is not canonical")]
    Corrupt(#[from] serde_json::Error),
    /// The log was altered.
    #[error("the log cannot be told")]
    History(#[from] HistoryError),
}

/// Lists the changes of every record in the engagement of a referral that the caller may see.
///
/// # Errors
/// [`ChangesError::NotFound`] for unknown and foreign ids alike.
pub async fn changes(
    context: &Context,
    actor: &Actor,
    id: Uuid,
    request: ChangesRequest,
) -> Result<ChangesPage, ChangesError> {
    let (store, scope) = (&context.store, actor.scope());
    let asked = store.find_referral(&scope, id).await?.ok_or(ChangesError::NotFound)?;
    let logged = store.list_visible_changes(&scope, asked.stored.engagement_id).await?;
    let changes: Vec<Change> = logged.into_iter().map(|it| it.change).collect();
    let (page, next) = cut(&changes, request)?;
    // The records are read after their changes, so that each change finds its own. One that the caller has lost sight
    // of in between is left out.
    let mut versions: HashMap<Uuid, ShownVersion> = HashMap::new();
    for id in page.iter().map(|it| it.referral_id).collect::<BTreeSet<_>>() {
        if let Some(visible) = store.find_referral(&scope, id).await? {
            versions.extend(tell(&changes, &visible)?);
        }
    }
    let mut shown = Vec::with_capacity(page.len());
    for change in page {
        let Some(version) = versions.remove(&change.id) else { continue };
        shown.push(ShownChange {
            id: change.id,
            referral_id: change.referral_id,
            organization_id: change.organization_id.clone(),
            action: shown_action(change.action, version.withheld).as_str(),
            at: change.at,
            actor: shown_actor(store, actor, &change.author(), &change.organization_id, version.withheld)
                .await?,
            from_etag: version.from.map(|it| it.to_string()),
            to_etag: version.to.to_string(),
            members: version.members,
            ignored: is_own(actor, change).then(|| change.ignored.clone()),
        });
    }
    Ok(ChangesPage { changes: shown, next })
}

/// Returns the changes of one page, and what to ask for to get the next.
fn cut(
    changes: &[Change],
    request: ChangesRequest,
) -> Result<(Vec<&Change>, Option<ChangesRequest>), ChangesError> {
    let start = match request.after {
        None => 0,
        Some(after) => {
            let place = changes.iter().position(|it| it.id == after).ok_or(ChangesError::UnknownPlace)?;
            place.saturating_add(1)
        }
    };
    let count_max = request.count_max.map_or(usize::MAX, |it| usize::try_from(it).unwrap_or(usize::MAX));
    let mut following = changes.iter().skip(start);
    let page: Vec<_> = following.by_ref().take(count_max.min(PAGE_MAX)).collect();
    let is_more = following.next().is_some() && page.len() < count_max;
    let next = page.last().filter(|_| is_more).map(|last| ChangesRequest {
        count_max: request.count_max.map(|it| it.saturating_sub(page.len() as u64)),
        after: Some(last.id),
    });
    Ok((page, next))
}

/// What a change made of a record, as the caller may see it.
struct ShownVersion {
    withheld: u16,
    from: Option<ETag>,
    to: ETag,
    members: Vec<MemberChange>,
}

/// Tells the history of one record: what each of its changes did, by the id of the change.
fn tell(changes: &[Change], visible: &VisibleReferral) -> Result<HashMap<Uuid, ShownVersion>, ChangesError> {
    let withheld = visible.withheld();
    let own: Vec<&Change> = changes.iter().filter(|it| it.referral_id == visible.stored.id).collect();
    let mut versions = HashMap::with_capacity(own.len());
    let mut from = None;
    for (change, members) in own.iter().zip(member_changes(own.iter().copied(), withheld)?) {
        let to = ETag::new(change.to_version, change.at, visibility::sight_mark(withheld));
        versions.insert(change.id, ShownVersion { withheld, from, to, members });
        from = Some(to);
    }
    Ok(versions)
}

/// Tells who changed a record of `owner`. Whoever is neither the owner nor the caller's own organisation made the
/// record, or took it back: it is shown to whom `inviteContext.invitedBy` is.
pub(super) async fn shown_actor(
    store: &Store,
    actor: &Actor,
    author: &Author,
    owner: &OrganizationId,
    withheld: u16,
) -> Result<ShownActor, StoreError> {
    if let Some(system) = author.system() {
        return Ok(ShownActor::Server { system: system.to_owned() });
    }
    let id = &author.organization_id;
    let is_own = *id == actor.organization_id;
    let is_known = is_own || id == owner || !visibility::is_withheld(Facet::Deal, withheld);
    if !is_known {
        return Ok(ShownActor::Person { organization_id: None, organization_name: None, user_id: None });
    }
    Ok(ShownActor::Person {
        organization_id: Some(id.clone()),
        organization_name: store.find_organization(id).await?.map(|it| it.name.clone()),
        user_id: is_own.then_some(author.user_id),
    })
}

fn is_own(actor: &Actor, change: &Change) -> bool {
    change.actor_organization_id == actor.organization_id
}
