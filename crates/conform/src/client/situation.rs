//! A situation: what a connector is asked to do, what happens meanwhile, and what it is expected to do then.

use std::cell::RefCell;

use futures_util::future::LocalBoxFuture;

use super::{log::Call, stage::Stage};
use crate::{
    check::{Failure, Verdict},
    report::{Outcome, Result},
    scenario::{Level, Source},
};

/// What a connector is asked to do, in a word that programs read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// Make the deal that it is given, once.
    Create,
    /// Add a line to the notes of a referral.
    UpdateNotes,
    /// Accept an invitation.
    Accept,
    /// List every referral that it may see.
    List,
    /// Accept every invitation that came in while nobody listened.
    Sync,
    /// Listen for webhooks, and accept every invitation that they tell of.
    Receive,
}

impl Task {
    /// Returns the word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::UpdateNotes => "update-notes",
            Self::Accept => "accept",
            Self::List => "list",
            Self::Sync => "sync",
            Self::Receive => "receive",
        }
    }
}

/// Something that a connector should do in a situation.
#[derive(Debug)]
pub struct Expectation {
    /// Unique, in lower case with hyphens; begins with the name of the situation.
    pub name: &'static str,
    /// What is expected, in one sentence.
    pub rule: &'static str,
    /// Why it matters.
    pub why: &'static str,
    /// How binding it is.
    pub level: Level,
    /// Where it is written.
    pub source: Source,
}

/// Makes an expectation that decides.
pub(super) const fn must(
    name: &'static str,
    rule: &'static str,
    why: &'static str,
    source: Source,
) -> Expectation {
    Expectation { name, rule, why, level: Level::Must, source }
}

/// Makes an expectation that is recommended.
pub(super) const fn should(
    name: &'static str,
    rule: &'static str,
    why: &'static str,
    source: Source,
) -> Expectation {
    Expectation { name, rule, why, level: Level::Should, source }
}

/// What is prepared, watched and judged in a situation.
pub(super) trait Act {
    fn run<'a>(&'a self, stage: &'a Stage<'_>, sheet: &'a Sheet) -> LocalBoxFuture<'a, Verdict>;
}

impl<F: AsyncFn(&Stage<'_>, &Sheet) -> Verdict> Act for F {
    fn run<'a>(&'a self, stage: &'a Stage<'_>, sheet: &'a Sheet) -> LocalBoxFuture<'a, Verdict> {
        Box::pin(self(stage, sheet))
    }
}

/// A situation that a connector is brought into.
pub struct Situation {
    /// Unique, in lower case with hyphens.
    pub name: &'static str,
    /// What happens, in one sentence.
    pub about: &'static str,
    /// What the connector is asked to do.
    pub task: Task,
    /// What it should do.
    pub expectations: &'static [&'static Expectation],
    pub(super) act: Box<dyn Act>,
}

impl Situation {
    pub(super) fn new(
        name: &'static str,
        about: &'static str,
        task: Task,
        expectations: &'static [&'static Expectation],
        act: impl AsyncFn(&Stage<'_>, &Sheet) -> Verdict + 'static,
    ) -> Self {
        Self { name, about, task, expectations, act: Box::new(act) }
    }
}

/// Where the judgement of a situation is written.
#[derive(Default)]
pub(super) struct Sheet {
    outcomes: RefCell<Vec<(&'static str, Outcome)>>,
}

impl Sheet {
    /// Writes down whether an expectation was met: what was asked for in this case, what there was, and the call that
    /// shows it best.
    pub(super) fn judge(
        &self,
        expectation: &Expectation,
        is_met: bool,
        (expected, found): (impl Into<String>, impl Into<String>),
        shown: Option<&Call>,
    ) {
        let outcome = match is_met {
            true => Outcome::Kept,
            false => Outcome::Failed(Failure {
                expected: expected.into(),
                found: found.into(),
                exchange: shown.map(Call::exchange),
            }),
        };
        self.outcomes.borrow_mut().push((expectation.name, outcome));
    }

    /// Writes down that an expectation could not be judged, and why.
    pub(super) fn skip(&self, expectation: &Expectation, reason: &str) {
        self.outcomes.borrow_mut().push((expectation.name, Outcome::Skipped(reason.to_owned())));
    }

    /// Writes down what kept a situation from being played to its end, at the first expectation that is not judged.
    pub(super) fn fail_first(&self, situation: &Situation, failure: Failure) {
        let mut outcomes = self.outcomes.borrow_mut();
        let is_judged = |name: &str| outcomes.iter().any(|(it, _)| *it == name);
        let unjudged = situation.expectations.iter().find(|it| !is_judged(it.name)).map(|it| it.name);
        if let Some(name) = unjudged {
            outcomes.push((name, Outcome::Failed(failure)));
        }
    }

    /// Returns one result for each expectation of the situation; what was not judged is skipped for a reason.
    pub(super) fn results(&self, situation: &Situation, unjudged: &str, millis: u128) -> Vec<Result> {
        let outcomes = self.outcomes.borrow();
        let result = |it: &&'static Expectation| {
            let judged =
                outcomes.iter().find(|(name, _)| *name == it.name).map(|(_, outcome)| outcome.clone());
            Result {
                group: situation.name,
                name: it.name,
                rule: it.rule.to_owned(),
                why: Some(it.why),
                level: it.level,
                source: it.source,
                outcome: judged.unwrap_or_else(|| Outcome::Skipped(unjudged.to_owned())),
                millis,
            }
        };
        situation.expectations.iter().map(result).collect()
    }
}
