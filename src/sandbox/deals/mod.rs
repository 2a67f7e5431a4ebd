//! Referrals of realistic variety, as many as are wanted: what a large exchange looks like after two years.
//!
//! The same number and seed make the same documents on every machine. Engagements are told one by one (`story`), some
//! dozen to a commit, and several commits are in flight, so that the store writes groups of them. Start at [`sow`].

mod cast;
mod dice;
mod document;
mod inbound;
mod places;
mod story;
mod words;

use std::sync::Arc;

use tokio::task::JoinSet;

pub use self::inbound::{Inbound, connected, inbound};
use self::{
    cast::Cast,
    dice::Dice,
    story::{Kind, Opening},
};
use crate::{
    domain::{engagement::CreateRefusal, time::Timestamp},
    storage::{Commit, Conflict, Store, StoreError},
};

/// When the story ends: 2026-07-01. Fixed, because documents must not depend on the day.
const END: Timestamp = Timestamp::from_unix_secs(1_782_864_000);
/// How long it lasts.
const SPAN_SECS: i64 = 2 * 365 * 24 * 60 * 60;
/// Referrals in one commit, at least.
const COMMIT_REFERRALS: u64 = 128;
/// Commits in flight: SQLite's writer puts them into one transaction, PostgreSQL takes a connection for each.
const COMMITS_IN_FLIGHT: usize = 8;

/// How many referrals, and which ones.
#[derive(Clone, Copy, Debug)]
pub struct Harvest {
    /// How many.
    pub referrals: u64,
    /// Which ones: the same seed makes the same ones.
    pub seed: u64,
}

/// Why there are no referrals, or fewer than were wanted.
#[derive(Debug, thiserror::Error)]
pub enum SowError {
    /// A company of the sandbox is not what it was.
    #[error("{0} has lost its id or all it can be addressed by; use a fresh sandbox")]
    Missing(&'static str),
    /// There is no such organisation, or it has no location that a referral could be addressed to.
    #[error("the receiver is gone, or has no location")]
    NoLocation,
    /// The referrals of this seed are there.
    #[error("referrals of this seed are there already; choose another with --seed")]
    AlreadyThere,
    /// A draft does not meet the rules.
    #[error("a draft does not meet the rules: {0}")]
    Refused(String),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<CreateRefusal> for SowError {
    fn from(refusal: CreateRefusal) -> Self {
        Self::Refused(match refusal {
            CreateRefusal::Invalid(report) => {
                let problems = report.problems.iter().map(|it| format!("{}: {}", it.target, it.message));
                problems.collect::<Vec<_>>().join("; ")
            }
            CreateRefusal::AlreadyParty(organization_id) => format!("{organization_id} takes part twice"),
        })
    }
}

/// Makes referrals in a sandbox. `progress` hears how many there are after each commit.
///
/// # Errors
/// The first thing that went wrong; what was committed until then stays.
pub async fn sow(store: &Store, harvest: Harvest, progress: impl Fn(u64)) -> Result<(), SowError> {
    let cast = Arc::new(Cast::load(store).await?);
    let mut openings = Openings { harvest, engagements: 0, referrals: 0 };
    let mut in_flight: JoinSet<Result<u64, SowError>> = JoinSet::new();
    let mut done: u64 = 0;
    loop {
        let (batch, count) = openings.next_batch();
        let is_over = batch.is_empty();
        if !is_over {
            in_flight.spawn(write(store.clone(), Arc::clone(&cast), batch, count));
        }
        while in_flight.len() >= COMMITS_IN_FLIGHT || (is_over && !in_flight.is_empty()) {
            let Some(joined) = in_flight.join_next().await else { break };
            let written = joined.unwrap_or(Err(SowError::Store(StoreError::NotWritten)))?;
            done = done.saturating_add(written);
            progress(done);
        }
        if is_over {
            return Ok(());
        }
    }
}

/// Tells a batch of engagements and commits them.
async fn write(store: Store, cast: Arc<Cast>, batch: Vec<Opening>, count: u64) -> Result<u64, SowError> {
    // Telling takes processor time, and those who wait for the database must not wait for that.
    let told = tokio::task::spawn_blocking(move || {
        let mut commit = Commit::new();
        batch.into_iter().try_for_each(|opening| story::tell(&cast, opening, &mut commit)).map(|()| commit)
    });
    let commit = told.await.map_err(|_| StoreError::NotWritten)??;
    store.commit(commit).await.map_err(|error| match error {
        StoreError::Conflict(Conflict::Party | Conflict::Duplicate) => SowError::AlreadyThere,
        error => SowError::Store(error),
    })?;
    Ok(count)
}

/// How engagements begin, one after the other.
struct Openings {
    harvest: Harvest,
    engagements: u64,
    referrals: u64,
}

impl Openings {
    /// Returns the openings of the next commit, and how many referrals they make; none when there are enough.
    fn next_batch(&mut self) -> (Vec<Opening>, u64) {
        let mut batch = Vec::new();
        let before = self.referrals;
        while self.referrals.saturating_sub(before) < COMMIT_REFERRALS {
            let Some(opening) = self.next() else { break };
            batch.push(opening);
        }
        (batch, self.referrals.saturating_sub(before))
    }
}

impl Iterator for Openings {
    type Item = Opening;

    fn next(&mut self) -> Option<Opening> {
        let left = self.harvest.referrals.checked_sub(self.referrals).filter(|it| *it > 0)?;
        let mut dice = Dice::new(self.harvest.seed, self.engagements);
        let kind = Kind::draw(&mut dice, left);
        // Spread evenly, with some chance within each place.
        let part = (self.referrals as f64 + dice.unit()) / self.harvest.referrals as f64;
        let ticks = (SPAN_SECS as f64 * part * 1e7) as i64;
        let at = Timestamp::from_ticks(END.plus_secs(-SPAN_SECS).ticks().saturating_add(ticks));
        let number = self.referrals.saturating_add(1);
        self.engagements = self.engagements.saturating_add(1);
        self.referrals = self.referrals.saturating_add(kind.records());
        Some(Opening { kind, number, at, end: END, dice })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_as_many_as_were_asked_for_in_the_order_of_time() {
        for referrals in [0, 1, 2, 500] {
            let openings: Vec<_> =
                Openings { harvest: Harvest { referrals, seed: 3 }, engagements: 0, referrals: 0 }.collect();

            assert_eq!(openings.iter().map(|it| it.kind.records()).sum::<u64>(), referrals);
            assert!(openings.is_sorted_by_key(|it| it.at));
            assert!(openings.iter().all(|it| it.at <= END));
        }
    }

    #[test]
    fn the_end_is_a_date() {
        assert_eq!(END.to_string(), "2026-07-01T00:00:00Z");
    }
}
