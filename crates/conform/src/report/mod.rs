//! What a run found: results in the order of the scenarios, scores, and three ways to write them.

mod junit;
mod table;

use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    check::Failure,
    scenario::{Level, Scenario, Source},
};

/// What became of a scenario.
#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase", tag = "outcome", content = "detail")]
pub enum Outcome {
    /// The rule was kept.
    Kept,
    /// It was broken.
    Failed(Failure),
    /// It was not tried; why not. Counts neither way.
    Skipped(String),
}

/// A scenario and what became of it.
#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Result {
    /// The group.
    pub group: &'static str,
    /// The scenario.
    pub name: &'static str,
    /// Its rule.
    pub rule: String,
    /// Why the rule matters, where that is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<&'static str>,
    /// How binding it is.
    pub level: Level,
    /// Where it is written.
    pub source: Source,
    /// What became of it.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// How long it took.
    pub millis: u128,
}

impl Result {
    pub(crate) fn new(scenario: &Scenario, outcome: Outcome, millis: u128) -> Self {
        Self {
            group: scenario.group,
            name: scenario.name,
            rule: scenario.rule.clone(),
            why: None,
            level: scenario.level,
            source: scenario.source,
            outcome,
            millis,
        }
    }
}

/// A run.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The server.
    pub base_url: String,
    /// The mark of what was made: `externalReferenceId`.
    pub tag: String,
    /// Somebody stopped it before its end.
    pub is_interrupted: bool,
    /// How long it took.
    pub millis: u128,
    /// How many referrals it made.
    pub made: usize,
    /// What could not be closed, and why.
    pub left: Vec<String>,
    /// What became of each scenario.
    pub results: Vec<Result>,
}

/// How many of some scenarios were kept.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(crate) struct Score {
    pub(crate) kept: usize,
    pub(crate) failed: usize,
    pub(crate) skipped: usize,
}

impl Score {
    fn of<'a>(results: impl Iterator<Item = &'a Result>) -> Self {
        results.fold(Self::default(), |mut score, it| {
            match it.outcome {
                Outcome::Kept => score.kept += 1,
                Outcome::Failed(_) => score.failed += 1,
                Outcome::Skipped(_) => score.skipped += 1,
            }
            score
        })
    }

    /// Returns the part of what was played that was kept, in percent, rounded down: 100 means all. `None` where nothing
    /// was played.
    pub(crate) fn percent(self) -> Option<usize> {
        (self.kept * 100).checked_div(self.kept + self.failed)
    }
}

impl Report {
    pub(crate) fn put_in_order(&mut self, scenarios: &[Scenario]) {
        let place = |name: &str| scenarios.iter().position(|it| it.name == name);
        self.results.sort_by_key(|it| place(it.name));
        if self.is_interrupted {
            let is_played = |scenario: &&Scenario| !self.results.iter().any(|it| it.name == scenario.name);
            let missing: Vec<_> = scenarios.iter().filter(is_played).collect();
            let reason = "the run was interrupted";
            let skipped =
                missing.into_iter().map(|it| Result::new(it, Outcome::Skipped(reason.to_owned()), 0));
            self.results.extend(skipped);
        }
    }

    /// Says whether every documented rule that was tried was kept, and something was tried.
    pub fn is_conformant(&self) -> bool {
        let is_broken = |it: &Result| it.level == Level::Must && matches!(it.outcome, Outcome::Failed(_));
        !self.is_interrupted && self.score().kept > 0 && !self.results.iter().any(is_broken)
    }

    /// Returns the report as JSON.
    pub fn json(&self) -> Value {
        let total = self.score();
        let mut json = serde_json::to_value(self).unwrap_or_default();
        let groups: Vec<Value> = self.groups().into_iter().map(|(name, score)| score.json(name)).collect();
        if let Some(json) = json.as_object_mut() {
            json.insert("isConformant".to_owned(), json!(self.is_conformant()));
            json.insert("total".to_owned(), total.json("total"));
            json.insert("groups".to_owned(), Value::Array(groups));
        }
        json
    }

    pub(crate) fn score(&self) -> Score {
        Score::of(self.results.iter())
    }

    /// Returns the score of each group, in their order.
    pub(crate) fn groups(&self) -> Vec<(&'static str, Score)> {
        let mut names: Vec<&'static str> = Vec::new();
        for result in &self.results {
            if !names.contains(&result.group) {
                names.push(result.group);
            }
        }
        let score = |name| Score::of(self.results.iter().filter(|it| it.group == name));
        names.into_iter().map(|name| (name, score(name))).collect()
    }
}

impl Score {
    fn json(self, name: &str) -> Value {
        json!({"name": name, "kept": self.kept, "failed": self.failed, "skipped": self.skipped,
            "percent": self.percent()})
    }
}

#[cfg(test)]
mod tests;
