//! The steps of the wizard, in their order, and which step a member of the document is asked for in.

use serde::{Deserialize, Serialize};

use super::fields::CONSENT_TO_SHARE;

/// A step of the wizard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Step {
    #[default]
    Customer,
    Deal,
    Intent,
    Team,
    Solutions,
    Help,
    Partners,
    Review,
}

impl Step {
    /// Every step, in order.
    const ALL: [Self; 8] = [
        Self::Customer,
        Self::Deal,
        Self::Intent,
        Self::Team,
        Self::Solutions,
        Self::Help,
        Self::Partners,
        Self::Review,
    ];

    /// Returns the steps of a person's wizard. Microsoft's people do not ask Microsoft for help.
    pub(super) fn all(is_microsoft: bool) -> Vec<Self> {
        Self::ALL.into_iter().filter(|it| !is_microsoft || *it != Self::Help).collect()
    }

    /// Returns the stable name.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Customer => "customer",
            Self::Deal => "deal",
            Self::Intent => "intent",
            Self::Team => "team",
            Self::Solutions => "solutions",
            Self::Help => "help",
            Self::Partners => "partners",
            Self::Review => "review",
        }
    }

    /// Reads a stable name. `None` when it is not known.
    pub(super) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_str() == text)
    }

    /// Returns the step that asks for the field `name`. Consent is asked for where it is needed first.
    pub(super) fn asking_for(name: &str, is_co_sell: bool) -> Self {
        let is_below = |above: &str| {
            name.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        const STEPS: [(&str, Step); 8] = [
            ("customerProfile", Step::Customer),
            ("team", Step::Team),
            ("details.requirements.additionalRequirements", Step::Intent),
            ("details.requirements", Step::Solutions),
            ("partners", Step::Partners),
            ("help", Step::Help),
            ("microsoft", Step::Help),
            ("consent", Step::Help),
        ];
        match STEPS.into_iter().find(|(above, _)| is_below(above)) {
            Some((_, Self::Help)) if name == CONSENT_TO_SHARE && !is_co_sell => Self::Partners,
            Some((_, step)) => step,
            None => Self::Deal,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::fields::Page, CONSENT_TO_SHARE, Step};

    #[test]
    fn every_field_is_found_in_the_step_that_asks_for_it() {
        for step in Step::ALL {
            for spec in Page::of(step).specs().filter(|it| it.name != CONSENT_TO_SHARE) {
                assert_eq!(Step::asking_for(spec.name, true), step, "{}", spec.name);
            }
        }
        for (name, step) in [
            ("team.3.email", Step::Team),
            ("customerProfile.team.0.email", Step::Customer),
            ("details.requirements.solutions", Step::Solutions),
            ("partners.0.details.currency", Step::Partners),
            ("details", Step::Deal),
        ] {
            assert_eq!(Step::asking_for(name, true), step, "{name}");
        }
        assert_eq!(Step::asking_for(CONSENT_TO_SHARE, true), Step::Help);
        assert_eq!(Step::asking_for(CONSENT_TO_SHARE, false), Step::Partners);
    }
}
