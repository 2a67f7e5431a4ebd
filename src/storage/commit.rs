//! The one way to write: a list of statements, the rows that each must touch, and the changes for the log.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::value::Value;
use crate::domain::change::{Change, Hash};

/// A write, all or nothing.
#[derive(Clone, Debug, Default)]
pub struct Commit {
    pub(super) steps: Vec<Step>,
    pub(super) changes: Vec<(Change, Hash)>,
    /// Keys that at most one commit in the cluster may hold at a time; PostgreSQL tries an advisory lock on each.
    pub(super) twin_locks: Vec<Hash>,
    /// Engagements whose records are written. PostgreSQL locks them: one transaction does not see the records that
    /// another one is writing, and would leave out who sees what of them.
    pub(super) engagements: BTreeSet<Uuid>,
    pub(super) urgency: Urgency,
}

/// Who waits for a commit, and what may become of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Urgency {
    /// Nobody waits, and what it says would only be found out once more: PostgreSQL acknowledges it before it is durable.
    Spare,
    /// Nobody waits: while others write in quick succession, SQLite writes it together with the next of them.
    Patient,
    /// Somebody waits.
    #[default]
    Prompt,
}

/// One statement of a commit.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) sql: &'static str,
    pub(super) params: Vec<Value>,
    /// Rows that it must touch; `None` when any number will do.
    pub(super) rows: Option<u64>,
    /// What it means when it touches another number, or when a key is taken.
    pub(super) conflict: Conflict,
}

/// How a commit can contradict what is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conflict {
    /// The record is no longer the version that the write starts from.
    Version,
    /// The engagement has a record of that party already.
    Party,
    /// The idempotency key was used in the meantime, or is being used.
    IdempotencyKey,
    /// A key that must be unique is taken.
    Duplicate,
}

impl Commit {
    /// Starts an empty commit.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds all of another commit, so that both are written or neither.
    ///
    /// PostgreSQL locks rows in the order of the steps: whoever joins several commits does so in an order that others
    /// keep too.
    pub fn join(&mut self, other: Self) {
        let Self { steps, changes, twin_locks, engagements, urgency } = other;
        self.steps.extend(steps);
        self.changes.extend(changes);
        self.twin_locks.extend(twin_locks);
        self.engagements.extend(engagements);
        self.urgency = self.urgency.max(urgency);
    }

    /// Lets others go first: nobody waits for this one.
    pub fn let_wait(&mut self) {
        self.urgency = Urgency::Patient;
    }

    /// Lets others go first, and lets this one be lost in a crash of the database although it was acknowledged: what it
    /// says can be found out once more.
    pub fn let_be_spare(&mut self) {
        self.urgency = Urgency::Spare;
    }

    /// Says whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty() && self.changes.is_empty()
    }

    /// Adds a change to the log.
    pub fn append_change(&mut self, change: Change) {
        // Hashed here, on the caller's thread: a writer does one commit at a time.
        let facts = change.facts_hash();
        self.changes.push((change, facts));
    }

    pub(super) fn step(&mut self, sql: &'static str, params: Vec<Value>, rows: u64, conflict: Conflict) {
        self.steps.push(Step { sql, params, rows: Some(rows), conflict });
    }

    pub(super) fn step_any_rows(&mut self, sql: &'static str, params: Vec<Value>) {
        self.steps.push(Step { sql, params, rows: None, conflict: Conflict::Duplicate });
    }
}
