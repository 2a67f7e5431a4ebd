//! Proof that the log is whole (positions without a gap, hashes that chain, documents that the changes rebuild), and
//! that what is written down of who sees which referral says what the referrals say.

use std::collections::{BTreeSet, HashMap, HashSet};

use serde::Serialize;
use uuid::Uuid;

use crate::{
    domain::{
        actor::{Scope, SystemScope},
        change::{Hash, Replay, chain_hash},
        referral::Referral,
    },
    storage::{IndexedReferral, LoggedChange, Store, StoreError, WrittenViewer},
};

/// Changes, referrals or viewers read at once.
const PAGE: u32 = 1000;
/// Problems listed; more are counted.
const PROBLEMS_MAX: usize = 100;

/// What was checked and what was wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Verification {
    /// Referrals in the database.
    pub referrals: u64,
    /// Changes in the log.
    pub changes: u64,
    /// Engagements with a chain of their own.
    pub engagements: u64,
    /// Changes that are committed and wait for their place in the log; a running PostgreSQL server places them.
    pub unplaced: u64,
    /// How many things are wrong.
    pub problem_count: u64,
    /// The first of them.
    pub problems: Vec<String>,
}

impl Verification {
    fn problem(&mut self, text: String) {
        self.problem_count = self.problem_count.saturating_add(1);
        if self.problems.len() < PROBLEMS_MAX {
            self.problems.push(text);
        }
    }
}

/// Reads the whole log in order, then rebuilds every referral from its changes. Memory grows with the number of
/// records (some 100 bytes each), not with their size.
///
/// # Errors
/// When the database does not answer; what is wrong in it is in the answer.
pub async fn verify(store: &Store) -> Result<Verification, StoreError> {
    let scope = Scope::system("verify");
    store.settle().await?;
    let mut found = Verification { unplaced: store.count_unplaced().await?, ..Verification::default() };
    if found.unplaced > 0 {
        let count = found.unplaced;
        found.problem(format!(
            "{count} changes have no place in the log yet; a running server gives them one"
        ));
    }
    let mut chains: HashMap<Uuid, Hash> = HashMap::new();
    let mut logged_ids: HashSet<Uuid> = HashSet::new();
    let mut position: u64 = 0;
    loop {
        let page = match store.list_log(scope, position, PAGE).await {
            Ok(page) if page.is_empty() => break,
            Ok(page) => page,
            Err(error @ StoreError::Corrupt { .. }) => {
                found.problem(format!("a change after position {position} cannot be read: {error}"));
                break;
            }
            Err(error) => return Err(error),
        };
        for logged in &page {
            if logged.position != position.saturating_add(1) {
                found.problem(format!("positions between {position} and {} are missing", logged.position));
            }
            position = logged.position;
            found.changes = found.changes.saturating_add(1);
            logged_ids.insert(logged.change.referral_id);
            check_hashes(logged, &mut chains, &mut found);
        }
    }
    found.engagements = chains.len() as u64;
    check_documents(store, scope, &mut logged_ids, &mut found).await?;
    for id in logged_ids {
        found.problem(format!("referral {id} is in the log, but not stored"));
    }
    check_viewers(store, scope, &mut found).await?;
    Ok(found)
}

fn check_hashes(logged: &LoggedChange, chains: &mut HashMap<Uuid, Hash>, found: &mut Verification) {
    let change = &logged.change;
    if change.facts_hash() != logged.facts {
        found.problem(format!("change {} was altered: its facts do not match their hash", logged.position));
    }
    let previous = chains.get(&change.engagement_id);
    if chain_hash(previous, &logged.facts) != logged.hash {
        let engagement = change.engagement_id;
        found.problem(format!("change {} breaks the chain of engagement {engagement}", logged.position));
    }
    chains.insert(change.engagement_id, logged.hash);
}

async fn check_documents(
    store: &Store,
    scope: SystemScope,
    logged_ids: &mut HashSet<Uuid>,
    found: &mut Verification,
) -> Result<(), StoreError> {
    let mut last_id = Uuid::nil();
    loop {
        let page = match store.list_stored(scope, last_id, PAGE).await {
            Err(error @ StoreError::Corrupt { .. }) => {
                found.problem(format!("a referral after {last_id} cannot be read: {error}"));
                return Ok(());
            }
            page => page?,
        };
        let Some(last) = page.last() else { return Ok(()) };
        check_viewers_of(store, scope, (last_id, last.stored.id), found).await?;
        last_id = last.stored.id;
        for indexed in &page {
            let stored = &indexed.stored;
            logged_ids.remove(&stored.id);
            found.referrals = found.referrals.saturating_add(1);
            let mut outcome = rebuild(store, scope, indexed).await?;
            if outcome.is_err() {
                // A write may have been on its way to the log while the record was read.
                store.settle().await?;
                outcome = rebuild(store, scope, indexed).await?;
            }
            if let Err(problem) = outcome {
                found.problem(format!("referral {}: {problem}", stored.id));
            }
        }
    }
}

/// Checks that whoever sees the referrals with ids after the first, up to the second, has the row that says so.
async fn check_viewers_of(
    store: &Store,
    scope: SystemScope,
    (after, last): (Uuid, Uuid),
    found: &mut Verification,
) -> Result<(), StoreError> {
    for wrong in store.list_wrong_viewers(scope, after, last).await? {
        let (id, viewer) = (wrong.referral_id, wrong.organization_id);
        found.problem(match wrong.column {
            Some(column) => format!(
                "referral {id}: column {column} of the row of organization {viewer} in referral_viewers is not what \
                 the referrals say"
            ),
            None => {
                format!("referral {id}: organization {viewer} may see it, and has no row in referral_viewers")
            }
        });
    }
    Ok(())
}

/// Checks that whoever has a row may see the referral, and that the rows are counted.
async fn check_viewers(
    store: &Store,
    scope: SystemScope,
    found: &mut Verification,
) -> Result<(), StoreError> {
    let mut viewers: BTreeSet<String> = store.list_counted_viewers(scope).await?.into_iter().collect();
    let mut last: Option<WrittenViewer> = None;
    loop {
        let mut page = match store.list_written_viewers(scope, last.as_ref(), PAGE).await {
            Err(error @ StoreError::Corrupt { .. }) => {
                let after = last.map_or_else(String::new, |it| format!(" after that of {}", it.referral_id));
                found.problem(format!("a row in referral_viewers{after} cannot be read: {error}"));
                break;
            }
            page => page?,
        };
        for row in page.iter().filter(|it| !it.sees) {
            let (id, viewer) = (row.referral_id, &row.organization_id);
            found.problem(format!(
                "referral {id}: organization {viewer} has a row in referral_viewers, and may not see it"
            ));
        }
        viewers.extend(page.iter().map(|it| it.organization_id.clone()));
        last = match page.pop() {
            Some(row) => Some(row),
            None => break,
        };
    }
    for viewer in viewers {
        let (rows, counted) = store.count_viewer_rows(scope, &viewer).await?;
        if rows != counted {
            found.problem(format!(
                "organization {viewer} has {rows} rows in referral_viewers, and viewer_counts says {counted}"
            ));
        }
    }
    Ok(())
}

/// Returns a column of the record that contradicts its document or who made it.
fn wrong_column(indexed: &IndexedReferral, first: Option<&LoggedChange>) -> Option<&'static str> {
    let stored = &indexed.stored;
    let referral = Referral::from_document(&stored.document).ok()?;
    let is_shared = referral.consent.consent_to_share_referral_with_microsoft_sellers;
    let columns = [
        ("organization_id", stored.organization_id == referral.organization_id),
        ("engagement_id", stored.engagement_id == referral.engagement_id),
        ("inviter", first.is_none_or(|it| it.change.actor_organization_id == stored.inviter)),
        ("created", indexed.created == referral.created_date_time),
        ("updated", stored.updated == referral.updated_date_time),
        ("status", indexed.status == referral.status),
        ("substatus", indexed.substatus == referral.substatus),
        ("type", indexed.kind == referral.kind),
        ("qualification", indexed.qualification == referral.qualification),
        ("country", indexed.country == referral.customer_profile.address.country),
        ("mpn_id", indexed.mpn_id == referral.mpn_id),
        ("is_shared_with_microsoft", indexed.is_shared_with_microsoft == is_shared),
    ];
    columns.into_iter().find(|(_, is_right)| !is_right).map(|(column, _)| column)
}

/// Rebuilds one record up to the version that is stored.
async fn rebuild(
    store: &Store,
    scope: SystemScope,
    indexed: &IndexedReferral,
) -> Result<Result<(), String>, StoreError> {
    let stored = &indexed.stored;
    let changes = match store.list_changes_of(scope, stored.engagement_id, stored.id).await {
        Err(error @ StoreError::Corrupt { .. }) => return Ok(Err(error.to_string())),
        changes => changes?,
    };
    if let Some(column) = wrong_column(indexed, changes.first()) {
        return Ok(Err(format!("column {column} is not what the document and its first change say")));
    }
    let mut state = Replay::default();
    let mut version = 0_u32;
    for logged in changes.iter().filter(|it| it.change.to_version <= stored.version) {
        let change = &logged.change;
        if change.to_version != version.saturating_add(1) {
            return Ok(Err(format!("the log goes from version {version} to {}", change.to_version)));
        }
        version = change.to_version;
        if let Err(error) = state.apply(&change.differences) {
            return Ok(Err(format!("change {} does not apply: {error}", logged.position)));
        }
    }
    Ok(match state.is_state_of(&stored.document) {
        _ if version != stored.version => {
            Err(format!("version {} is stored, the log ends at {version}", stored.version))
        }
        Ok(true) => Ok(()),
        Ok(false) => Err("the document is not what its changes make".to_owned()),
        Err(error) => Err(error.to_string()),
    })
}
