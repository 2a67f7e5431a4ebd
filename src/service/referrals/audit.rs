//! Audit records: what happened in a time, with the values before and after, as far as the caller may see them.
//!
//! A reading of the log like the feed, by time in place of a cursor; each record's versions are rebuilt from its changes
//! and redacted under today's rights, as in [`super::changes`].

use std::collections::HashMap;

use uuid::Uuid;

use super::ChangesError;
use crate::{
    domain::{
        actor::Actor,
        change::{
            Change,
            history::{ShownVersions, shown_versions},
        },
        event::Event,
        time::Timestamp,
    },
    service::{
        Context,
        seal::{read_position, write_position},
    },
    storage::{SeenChange, StoreError},
};

const PURPOSE: &str = "audit";

/// What a caller asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRequest {
    /// The first moment.
    pub from: Timestamp,
    /// The last moment.
    pub until: Timestamp,
    /// Records on a page.
    pub size: u32,
    /// Where to go on, as the page before said.
    pub continuation: Option<String>,
}

/// A page of records, oldest first.
pub struct AuditPage {
    /// The records.
    pub records: Vec<AuditRecord>,
    /// What to ask for to get those that follow.
    pub continuation: Option<String>,
}

/// A change, with what it made of the referral.
pub struct AuditRecord {
    /// Id of the change.
    pub id: Uuid,
    /// What it is to the caller's organisation.
    pub event: Event,
    /// Record that changed.
    pub referral_id: Uuid,
    /// Its engagement.
    pub engagement_id: Uuid,
    /// When.
    pub at: Timestamp,
    /// Sign-in name of who did it; only of the caller's own organisation.
    pub user: Option<String>,
    /// Application it was done through; only of the caller's own organisation, or the server itself.
    pub application: Option<String>,
    /// The customer's name after it; `None` where the caller may not see it.
    pub customer: Option<String>,
    /// The document before and after it.
    pub versions: ShownVersions,
}

impl std::fmt::Debug for AuditRecord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AuditRecord").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Why there are no records.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The continuation token is not one that this caller was given.
    #[error("the continuation token is not one that was given to you; start again without it")]
    ForeignToken,
    /// A record cannot be told.
    #[error(transparent)]
    Changes(#[from] ChangesError),
}

impl From<StoreError> for AuditError {
    fn from(error: StoreError) -> Self {
        Self::Changes(error.into())
    }
}

/// Lists what happened in a time to the referrals that the caller may see.
///
/// # Errors
/// When the token is not the caller's, the database does not answer, or the log was altered.
pub async fn audit(
    context: &Context,
    actor: &Actor,
    request: &AuditRequest,
) -> Result<AuditPage, AuditError> {
    let after = match &request.continuation {
        Some(sealed) => {
            let text = context.seal.open_text(PURPOSE, actor, sealed);
            text.as_deref().and_then(read_position).ok_or(AuditError::ForeignToken)?
        }
        None => 0,
    };
    let viewer = &actor.organization_id;
    let span = (request.from, request.until);
    // One more than fits tells whether there is a next page.
    let mut changes =
        context.store.list_changes_in(viewer, span, after, request.size.saturating_add(1)).await?;
    let size = usize::try_from(request.size).unwrap_or(usize::MAX);
    let has_more = changes.len() > size;
    changes.truncate(size);
    let last = changes.last().map(|it| it.position).filter(|_| has_more);
    let continuation = last.map(|it| context.seal.close(PURPOSE, actor, &write_position(it)));
    let mut histories = Histories { context, actor, told: HashMap::new() };
    let mut records = Vec::with_capacity(changes.len());
    for change in changes {
        if let Some(versions) = histories.take(&change).await? {
            records.push(record(context, actor, change, versions).await?);
        }
    }
    Ok(AuditPage { records, continuation })
}

/// The versions of the records of a page, each record rebuilt once.
struct Histories<'a> {
    context: &'a Context,
    actor: &'a Actor,
    /// By record: its versions, by the id of the change.
    told: HashMap<Uuid, HashMap<Uuid, ShownVersions>>,
}

impl Histories<'_> {
    /// Returns what a change made of its record; `None` when the caller does not see the record.
    async fn take(&mut self, change: &SeenChange) -> Result<Option<ShownVersions>, ChangesError> {
        let id = change.referral_id;
        if !self.told.contains_key(&id) {
            let versions = self.rebuild(change).await?;
            self.told.insert(id, versions);
        }
        Ok(self.told.get_mut(&id).and_then(|it| it.remove(&change.id)))
    }

    async fn rebuild(&self, change: &SeenChange) -> Result<HashMap<Uuid, ShownVersions>, ChangesError> {
        let (store, scope) = (&self.context.store, self.actor.scope());
        let logged = store.list_visible_changes(&scope, change.engagement_id).await?;
        // The record is read after its changes, so that what is withheld is decided by the latest of them.
        let Some(visible) = store.find_referral(&scope, change.referral_id).await? else {
            return Ok(HashMap::new());
        };
        let own: Vec<Change> = logged
            .into_iter()
            .map(|it| it.change)
            .filter(|it| it.referral_id == change.referral_id)
            .collect();
        let versions = shown_versions(&own, visible.withheld())?;
        Ok(own.iter().map(|it| it.id).zip(versions).collect())
    }
}

async fn record(
    context: &Context,
    actor: &Actor,
    change: SeenChange,
    versions: ShownVersions,
) -> Result<AuditRecord, StoreError> {
    let author = &change.author;
    let is_own = author.organization_id == actor.organization_id;
    let user = match is_own {
        true => context.store.find_principal_by_id(author.user_id).await?.map(|it| it.user.email),
        false => None,
    };
    let is_told = is_own || author.system().is_some();
    Ok(AuditRecord {
        id: change.id,
        event: change.event,
        referral_id: change.referral_id,
        engagement_id: change.engagement_id,
        at: change.at,
        user,
        application: is_told.then(|| author.application_id.clone()),
        customer: versions.customer_name(),
        versions,
    })
}
