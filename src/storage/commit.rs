//! The one way to write: a list of statements, the rows that each must touch, and the changes for the log.

use super::value::Value;
use crate::domain::change::{Change, Hash};

/// A write, all or nothing.
#[derive(Clone, Debug, Default)]
pub struct Commit {
    pub(super) steps: Vec<Step>,
    pub(super) changes: Vec<(Change, Hash)>,
    /// Key that at most one commit in the cluster may hold at a time; PostgreSQL tries an advisory lock on it.
    pub(super) twin_lock: Option<Hash>,
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
