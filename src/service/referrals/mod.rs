//! What can be done with referrals: make them, read them and their changes, change them, and what a write adds to a
//! commit.

mod actions;
mod changes;
mod create;
mod retry;
mod revise;
mod share;

use uuid::Uuid;

pub use self::{
    actions::{Actions, Possibility, Refused, actions},
    changes::{ChangesError, ChangesPage, ChangesRequest, ShownActor, ShownChange, changes},
    create::{CreateAnswer, CreateError, CreateRequest, create},
    retry::RetryError,
    revise::{ReviseAnswer, ReviseError, ReviseRequest, Wish, revise},
    share::{INVITATIONS_MAX, ShareRequest, share},
};
use super::Context;
use crate::{
    domain::{
        actor::{Actor, Author},
        change::{Action, Change, Version},
        etag::ETag,
        referral::Referral,
        report::Ignored,
        view::{self, StoredReferral, View, VisibleReferral},
    },
    storage::{Commit, ReferralState, StoreError},
};

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

/// Reads the referrals of an engagement that the caller may see, newest first. None for an engagement that does not
/// exist, or that the caller sees nothing of.
///
/// # Errors
/// When the database does not answer.
pub async fn related(context: &Context, actor: &Actor, engagement_id: Uuid) -> Result<Vec<View>, ReadError> {
    let found = context.store.list_related(&actor.scope(), engagement_id).await?;
    let views = found.iter().map(|it| render(context, actor, it, view::Context::None));
    Ok(views.collect::<Result<_, _>>()?)
}

fn render(
    context: &Context,
    actor: &Actor,
    visible: &VisibleReferral,
    odata: view::Context,
) -> serde_json::Result<View> {
    view::render(visible, &actor.organization_id, &context.settings.links, odata)
}

/// A new version of a record, and who answers for it.
#[derive(Clone, Copy)]
pub(super) struct Revised<'a> {
    /// What is done.
    pub(super) action: Action,
    /// By whom.
    pub(super) author: &'a Author,
    /// The record after it.
    pub(super) referral: &'a Referral,
    /// What was sent without effect.
    pub(super) ignored: &'a [Ignored],
}

/// Adds a new version of `stored`, which holds `before`, and its change to a commit; returns it as it is stored then.
pub(super) fn append_revision(
    context: &Context,
    commit: &mut Commit,
    stored: &StoredReferral,
    before: &Referral,
    revised: Revised<'_>,
) -> serde_json::Result<StoredReferral> {
    let referral = revised.referral;
    let document = referral.to_document();
    let version = stored.version.saturating_add(1);
    let (etag_before, etag) =
        (stored.etag().to_string(), ETag::new(version, referral.updated_date_time, 0).to_string());
    let from = Version { document: &stored.document, etag: &etag_before, number: stored.version };
    let after = Version { document: &document, etag: &etag, number: version };
    let mut change =
        Change::new(revised.action, revised.author, referral, Some(from), after, &context.random)?;
    change.ignored = revised.ignored.to_vec();
    commit.append_change(change);
    commit.update_referral(ReferralState { referral, document: &document, version }, before, stored.version);
    Ok(StoredReferral { version, updated: referral.updated_date_time, document, ..stored.clone() })
}
