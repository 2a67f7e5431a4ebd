//! The life of a deal as a row of steps.

use super::load::Deal;
use crate::{
    domain::lifecycle::{Action, State},
    web::{card::Badge, words::Words},
};

/// Sales stages, by percentage.
pub(super) const STAGES: [u8; 6] = [10, 20, 40, 60, 80, 100];

/// Returns the percentage of a sales stage: the portal writes percentages, the connector names.
pub(super) fn stage_of(text: &str) -> Option<u8> {
    match text.trim().to_lowercase().as_str() {
        "qualify" => Some(20),
        "develop" => Some(40),
        "propose" => Some(60),
        "close" => Some(80),
        text => text.trim_end_matches('%').trim().parse().ok().filter(|it| STAGES.contains(it)),
    }
}

/// Says what a sales stage is called; one that is not known is shown as it is.
pub(super) fn stage_name(text: &str, words: Words) -> String {
    match stage_of(text) {
        Some(stage) => words.say(&format!("stage-{stage}")),
        None => text.to_owned(),
    }
}

/// A step in the life of a deal.
pub(super) struct Step {
    pub(super) label: String,
    /// When it was reached, or how likely the deal is there; may be empty.
    pub(super) note: String,
    /// `done`, `current` or `ahead`, for the style.
    pub(super) place: &'static str,
    /// What screen readers hear beside the label.
    pub(super) said: String,
}

/// Tells the life of a deal.
pub(super) fn steps(deal: &Deal, words: Words) -> Vec<Step> {
    let state = deal.actions.state;
    let referral = &deal.referral;
    let reached = position(state, referral.sales_stage.as_deref());
    let day = |at: Option<_>| at.map(|it| words.day(it)).unwrap_or_default();
    let percent = |stage: u8| format!("{stage}\u{a0}%");
    let mut steps = vec![
        (words.say("life-received"), words.day(referral.created_date_time)),
        (words.say("life-accepted"), day(referral.accepted_date_time)),
    ];
    let stages = STAGES.iter().filter(|it| (20..100).contains(*it));
    steps.extend(stages.map(|it| (words.say(&format!("stage-{it}")), percent(*it))));
    steps.push(match state.is_closed() {
        true => (Badge::of_state(state, words).label, day(referral.closed_date_time)),
        false => (words.say("life-outcome"), String::new()),
    });
    let step = |(index, (label, note)): (usize, (String, String))| {
        let place = place(state, index, reached);
        Step { label, note, place, said: words.say(&format!("life-{place}")) }
    };
    steps.into_iter().enumerate().map(step).collect()
}

/// Place of the outcome.
const OUTCOME: usize = 6;

/// Returns how far a deal has come.
fn position(state: State, stage: Option<&str>) -> usize {
    match state {
        State::Pending | State::Received => 0,
        State::Accepted => match stage.and_then(stage_of) {
            Some(20) => 2,
            Some(40) => 3,
            Some(60) => 4,
            Some(80 | 100) => 5,
            _ => 1,
        },
        State::Won | State::Lost | State::Declined | State::Expired | State::Error => OUTCOME,
    }
}

/// Says whether a step is behind, here or ahead. A deal that ended unwon has left out what it did not reach.
fn place(state: State, step: usize, reached: usize) -> &'static str {
    let skipped = match state {
        State::Declined | State::Expired => 1..OUTCOME,
        State::Lost | State::Error => 2..OUTCOME,
        State::Won | State::Pending | State::Received | State::Accepted => 0..0,
    };
    match step.cmp(&reached) {
        std::cmp::Ordering::Less if skipped.contains(&step) => "ahead",
        std::cmp::Ordering::Less => "done",
        std::cmp::Ordering::Equal => "current",
        std::cmp::Ordering::Greater => "ahead",
    }
}

/// Returns the next sales stage, where the person may set it: its value and what it is called.
pub(super) fn next_stage(deal: &Deal, words: Words) -> Option<(u8, String)> {
    if deal.actions.state != State::Accepted || !deal.may(Action::Revise) {
        return None;
    }
    let stage = deal.referral.sales_stage.as_deref().and_then(stage_of).unwrap_or(10);
    let next = STAGES.into_iter().find(|it| *it > stage && *it < 100)?;
    Some((next, words.say(&format!("stage-{next}"))))
}

#[cfg(test)]
mod tests {
    use super::{State, Words, place, position, stage_name, stage_of};
    use crate::web::words::Language;

    fn places(state: State, stage: Option<&str>) -> String {
        let reached = position(state, stage);
        (0..=6).map(|it| place(state, it, reached).chars().next().unwrap()).collect()
    }

    #[test]
    fn a_deal_goes_through_its_steps() {
        for (state, stage, expected) in [
            (State::Pending, None, "caaaaaa"),
            (State::Accepted, None, "dcaaaaa"),
            (State::Accepted, Some("Propose"), "ddddcaa"),
            (State::Accepted, Some("unknown"), "dcaaaaa"),
            (State::Won, Some("40"), "ddddddc"),
            (State::Lost, Some("40"), "ddaaaac"),
            (State::Declined, None, "daaaaac"),
        ] {
            assert_eq!(places(state, stage), expected, "{state} {stage:?}");
        }
    }

    #[test]
    fn stages_have_names_and_percentages() {
        for (text, expected) in
            [("20", Some(20)), ("40 %", Some(40)), ("Propose", Some(60)), ("30", None), ("soon", None)]
        {
            assert_eq!(stage_of(text), expected, "{text}");
        }
        assert_eq!(stage_name("Waiting", Words(Language::English)), "Waiting");
    }
}
