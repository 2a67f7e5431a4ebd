//! Every situation, in the order in which they are played. The one that puts the clock forward by days comes last.

mod creating;
mod reading;
mod receiving;
mod refusals;
mod writing;

use super::{
    connector::Ended,
    log::Calls,
    perform::Brief,
    situation::{Expectation, Sheet, Situation},
    stage::Stage,
};
use crate::{bodies, check::Verdict};

/// Returns every situation.
pub fn situations() -> Vec<Situation> {
    let all = [
        writing::situations(),
        refusals::situations(),
        creating::situations(),
        receiving::situations(),
        reading::situations(),
        writing::late(),
    ];
    all.into_iter().flatten().collect()
}

/// A deal to whose notes the connector is to add a line.
struct Notes {
    id: String,
    line: String,
}

impl Notes {
    /// Makes the deal, of the connector's own organisation, with some members set.
    async fn prepare(stage: &Stage<'_>, members: &[(&str, serde_json::Value)]) -> Verdict<Self> {
        let deal = stage.play().deal_with(members).await?;
        Ok(Self { line: format!("Line of {}", stage.reference()), id: deal.id })
    }

    fn brief(&self) -> Brief {
        let words = "add the line to the notes (details.notes) of the referral, behind what is there";
        Brief::new(words).with("LIAISON_REFERRAL_ID", &self.id).with("LIAISON_LINE", &self.line)
    }

    /// Judges whether the line is there, once.
    async fn judge_done(
        &self,
        stage: &Stage<'_>,
        sheet: &Sheet,
        rule: &Expectation,
        calls: &Calls,
    ) -> Verdict {
        let count = self.count(stage).await?;
        let found = format!("it stands there {count} times, after {}", calls.told());
        sheet.judge(rule, count == 1, ("the line, once", found), calls.0.last());
        Ok(())
    }

    async fn count(&self, stage: &Stage<'_>) -> Verdict<usize> {
        let referral = stage.read(&self.id).await?;
        Ok(referral.at("/details/notes").as_str().unwrap_or_default().matches(&self.line).count())
    }
}

/// Returns the deal that the connector is asked to make in this situation, and how it is asked.
fn deal(stage: &Stage<'_>, members: &[(&str, serde_json::Value)]) -> Brief {
    let reference = serde_json::Value::from(stage.reference());
    let body = bodies::with(bodies::private(stage.play().tag()), &[("/externalReferenceId", reference)]);
    Brief::new("make the deal once").with("LIAISON_DEAL", bodies::with(body, members).to_string())
}

/// Judges whether a program says that its task could not be done.
fn judge_says(sheet: &Sheet, rule: &Expectation, ended: Ended) {
    match ended.is_success {
        None if ended.was_stopped => sheet.skip(rule, "the connector did not end"),
        None => sheet.skip(rule, "how a person's connector ends cannot be seen"),
        Some(is_success) => {
            sheet.judge(rule, !is_success, ("an exit code other than 0", ended.told()), None);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn each_has_a_name_of_its_own_and_expectations_that_begin_with_it() {
        let mut names = HashSet::new();

        for situation in situations() {
            assert!(names.insert(situation.name) && !situation.expectations.is_empty(), "{}", situation.name);
            for it in situation.expectations {
                assert!(names.insert(it.name) && it.name.starts_with(situation.name), "{}", it.name);
                assert!(it.rule.len() > 10 && it.why.len() > 10, "{}", it.name);
            }
        }
        assert!(situations().len() >= 12);
    }
}
