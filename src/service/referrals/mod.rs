//! What can be done with referrals: make them, read them and their changes, change them, and what a write adds to a
//! commit.

mod actions;
mod audit;
mod changes;
mod create;
mod feed;
mod group;
mod list;
mod retry;
mod revise;
mod share;

use uuid::Uuid;

use self::list::shaped;
pub use self::{
    actions::{Actions, Possibility, Refused, actions},
    audit::{AuditRecord, tell_changes},
    changes::{ChangesError, ChangesPage, ChangesRequest, ShownActor, ShownChange, changes},
    create::{CreateAnswer, CreateError, CreateRequest, create},
    feed::{Cursor, FeedEntry, FeedError, FeedPage, FeedWish, News, Since, feed, news},
    group::{GroupError, GroupRefusal, GroupedAnswer, GroupedWrite, write_group},
    list::{
        DeltaError, DeltaPage, Document, Entries, ListError, Next, Page, Preferred, Shape, count_all, delta,
        entity_query, list, read_listed, read_query,
    },
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

/// Reads a referral by id, as the caller sees it: what `shape` wants of it.
///
/// # Errors
/// [`ReadError::NotFound`] for unknown and foreign ids alike.
pub async fn read(context: &Context, actor: &Actor, id: Uuid, shape: &Shape) -> Result<Document, ReadError> {
    let visible = context.store.find_referral(&actor.scope(), id).await?.ok_or(ReadError::NotFound)?;
    let view = render(context, actor, &visible, view::Context::Entity)?;
    shaped(context, actor, view, &visible, shape).await
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
