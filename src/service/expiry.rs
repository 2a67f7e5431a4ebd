//! Closing what nobody answered in time.
//!
//! Records are taken in the order of their deadline, some in one commit, each conditional on its version: whoever
//! answers at the same moment wins or loses, and nothing in between. So the lease is not what keeps this right; it
//! keeps several servers from doing the same work.

use uuid::Uuid;

use super::{
    Context,
    referrals::{Revised, append_revision},
};
use crate::{
    domain::{
        actor::{Author, Scope, SystemScope},
        change::Action,
        referral::Referral,
        time::Timestamp,
    },
    storage::{Commit, Conflict, DueReferral, StoreError},
};

/// Records closed in one commit.
const BATCH_MAX: u32 = 50;
/// How often one record is tried that changes meanwhile; the next run finds it again.
const TRIES: usize = 5;

/// Closes everything that is due by the clock, and returns how many records that were. Does nothing while another
/// process, or another task of this one, is at it.
///
/// # Errors
/// When the database does not answer; what was closed until then stays closed.
pub async fn expire_due(context: &Context) -> Result<u64, StoreError> {
    // Taking the lease costs a connection on PostgreSQL; mostly nothing is due.
    if context.store.list_due(scope(), context.clock.now(), None, 1).await?.is_empty() {
        return Ok(0);
    }
    match context.store.try_expiry_lease().await? {
        Some(_lease) => expire_all(context).await,
        None => Ok(0),
    }
}

/// Does the work of [`expire_due`] for who holds the lease.
///
/// # Errors
/// As [`expire_due`].
pub async fn expire_all(context: &Context) -> Result<u64, StoreError> {
    let mut expired = 0;
    let outcome = expire_pages(context, &mut expired).await;
    if expired > 0 {
        tracing::info!(expired, "closed referrals that nobody answered in time");
    }
    outcome.map(|()| expired)
}

/// Goes forward by deadline, so that a record that cannot be closed does not keep the others waiting.
async fn expire_pages(context: &Context, expired: &mut u64) -> Result<(), StoreError> {
    let mut after: Option<(Timestamp, Uuid)> = None;
    loop {
        let now = context.clock.now();
        let page = context.store.list_due(scope(), now, after, BATCH_MAX).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = Some((last.deadline, last.stored.id));
        match commit_expiry(context, now, &page).await {
            Ok(count) => *expired = expired.saturating_add(count),
            Err(StoreError::Conflict(Conflict::Version)) => {
                for due in page {
                    *expired = expired.saturating_add(expire_one(context, now, due).await?);
                }
            }
            Err(error) => return Err(error),
        }
    }
}

/// Closes one record, unless somebody answers first. Returns how many records were closed: 1 or 0.
async fn expire_one(context: &Context, now: Timestamp, due: DueReferral) -> Result<u64, StoreError> {
    let id = due.stored.id;
    let mut waiting = Some(due);
    for _ in 0..TRIES {
        let Some(due) = waiting else { return Ok(0) };
        match commit_expiry(context, now, &[due]).await {
            Err(StoreError::Conflict(Conflict::Version)) => {
                waiting = context.store.find_due(scope(), now, id).await?;
            }
            outcome => return outcome,
        }
    }
    Ok(0)
}

/// Commits that these records are Closed/Expired, all or none, and returns how many there were.
async fn commit_expiry(context: &Context, now: Timestamp, due: &[DueReferral]) -> Result<u64, StoreError> {
    let mut commit = Commit::new();
    let count = due.iter().filter(|it| append_expiry(context, now, it, &mut commit)).count();
    if count > 0 {
        context.store.commit(commit).await?;
    }
    Ok(u64::try_from(count).unwrap_or(u64::MAX))
}

/// Adds the closing of one record to a commit. `false` when its document does not say what its columns say, which
/// is for `liaison verify` to explain and for nobody to build on.
fn append_expiry(context: &Context, now: Timestamp, due: &DueReferral, commit: &mut Commit) -> bool {
    let stored = &due.stored;
    let before = match Referral::from_document(&stored.document) {
        Ok(before) => before,
        Err(error) => return cannot_expire(stored.id, &error),
    };
    let expired = match before.expire(now) {
        Ok(expired) => expired,
        Err(refusal) => return cannot_expire(stored.id, &refusal),
    };
    let author = Author::server("expiry");
    let revised = Revised { action: Action::Expire, author: &author, referral: &expired, ignored: &[] };
    match append_revision(context, commit, stored, &before, revised) {
        Ok(_) => true,
        Err(error) => cannot_expire(stored.id, &error),
    }
}

fn cannot_expire(id: Uuid, error: &(dyn std::error::Error + 'static)) -> bool {
    tracing::error!(referral.id = %id, error, "a referral that is due cannot be closed");
    false
}

fn scope() -> SystemScope {
    Scope::system("expiry")
}
