//! Changes as audit records: with the values before and after, as far as the caller may see them.
//!
//! Each record's versions are rebuilt from its changes and redacted under today's rights, as in [`super::changes`].

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
    storage::{SeenChange, Store, StoreError},
};

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

/// Tells changes as audit records; one whose record the caller does not see is left out.
///
/// # Errors
/// When the database does not answer, or the log was altered.
pub async fn tell_changes(
    store: &Store,
    actor: &Actor,
    changes: Vec<SeenChange>,
) -> Result<Vec<AuditRecord>, ChangesError> {
    let mut histories = Histories { store, actor, told: HashMap::new() };
    let mut records = Vec::with_capacity(changes.len());
    for change in changes {
        if let Some(versions) = histories.take(&change).await? {
            records.push(record(store, actor, change, versions).await?);
        }
    }
    Ok(records)
}

/// The versions of the records of a page, each record rebuilt once.
struct Histories<'a> {
    store: &'a Store,
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
        let (store, scope) = (self.store, self.actor.scope());
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
    store: &Store,
    actor: &Actor,
    change: SeenChange,
    versions: ShownVersions,
) -> Result<AuditRecord, StoreError> {
    let author = &change.author;
    let is_own = author.organization_id == actor.organization_id;
    let user = match is_own {
        true => store.find_principal_by_id(author.user_id).await?.map(|it| it.user.email),
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
