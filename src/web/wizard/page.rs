//! The page of a step: its fields with what was typed and what is wrong, and where the person is in the wizard.

use askama::Template;
use uuid::Uuid;

use super::{
    choices::{self, Choice},
    draft::{Draft, Fields, text},
    fields::{Input, Page, Rows, Spec},
    judge::Finding,
    step::Step,
    suggest::Suggestions,
};
use crate::{
    domain::{organization::Location, time::Timestamp},
    web::{visit::Frame, words::Words},
};

/// A field as it is shown.
pub(super) struct Field {
    pub(super) name: String,
    pub(super) label: String,
    /// `text`, `long`, `date`, `number`, `email`, `tel`, `check`, `choice` or `radio`.
    pub(super) kind: &'static str,
    pub(super) value: String,
    pub(super) hint: String,
    pub(super) errors: Vec<String>,
    pub(super) is_required: bool,
    pub(super) choices: Vec<Choice>,
    pub(super) autocomplete: &'static str,
    pub(super) list: &'static str,
}

/// Fields that belong together.
pub(super) struct Group {
    /// Empty when nothing has to be said.
    pub(super) title: String,
    pub(super) fields: Vec<Field>,
    /// Names and values of what the form carries along.
    pub(super) carried: Vec<(String, String)>,
    /// What takes the row away; `None` when it is no row.
    pub(super) removes: Option<String>,
}

/// A step, in the list of all.
pub(super) struct Place {
    pub(super) name: &'static str,
    pub(super) label: String,
    /// `current`, `done`, `wrong` or `open`.
    pub(super) state: &'static str,
}

/// Something that is wrong, with where to mend it.
pub(super) struct Wrong {
    /// Address of the field.
    pub(super) href: String,
    pub(super) step: String,
    pub(super) message: String,
}

/// A draft that can be resumed.
pub(super) struct Row {
    pub(super) id: Uuid,
    pub(super) title: String,
    pub(super) step: String,
    pub(super) updated: String,
}

/// The page of a step.
#[derive(Template)]
#[template(path = "web/wizard.html")]
pub(super) struct StepPage {
    pub(super) frame: Frame,
    pub(super) draft_id: Uuid,
    pub(super) step: &'static str,
    pub(super) title: String,
    pub(super) lead: String,
    pub(super) places: Vec<Place>,
    /// Of how many steps it is which one.
    pub(super) number: usize,
    /// What is wrong on this page.
    pub(super) wrongs: Vec<Wrong>,
    /// What is wrong, and not because of a field: why a draft cannot be kept.
    pub(super) troubles: Vec<String>,
    pub(super) groups: Vec<Group>,
    pub(super) rows: Vec<Group>,
    /// Whether there can be further rows, which a button adds.
    pub(super) has_rows: bool,
    /// What is wrong with the catalogue's field.
    pub(super) pick_errors: Vec<String>,
    pub(super) previous: Option<&'static str>,
    pub(super) suggestions: Suggestions,
    /// What partners were looked for by.
    pub(super) search: String,
    /// Drafts that can be resumed instead.
    pub(super) drafts: Vec<Row>,
}

/// What the fields of a page are made of.
pub(super) struct Sources<'a> {
    pub(super) draft: &'a Draft,
    pub(super) findings: &'a [Finding],
    pub(super) locations: &'a [Location],
    pub(super) words: Words,
}

impl Field {
    /// Returns the ids of what describes it, for `aria-describedby`.
    pub(super) fn described_by(&self) -> String {
        let hint = if self.hint.is_empty() { String::new() } else { format!("{}-hint", self.name) };
        let error = if self.errors.is_empty() { String::new() } else { format!("{}-error", self.name) };
        format!("{hint} {error}").trim().to_owned()
    }

    /// Says whether it takes the whole width.
    pub(super) fn is_wide(&self) -> bool {
        matches!(self.kind, "long" | "radio" | "check")
    }
}

impl Sources<'_> {
    /// Makes the groups of fields that stand once.
    pub(super) fn groups(&self, step: Step) -> Vec<Group> {
        let groups = Page::of(step).groups.iter();
        groups
            .map(|(title, specs)| Group {
                title: if title.is_empty() { String::new() } else { self.words.say(title) },
                fields: specs
                    .iter()
                    .map(|it| self.field(it, it.name.to_owned(), &self.draft.fields))
                    .collect(),
                carried: Vec::new(),
                removes: None,
            })
            .collect()
    }

    /// Makes the rows of a step. A team has one to begin with.
    pub(super) fn rows(&self, step: Step) -> Vec<Group> {
        let Some(rows) = Page::of(step).rows else { return Vec::new() };
        let blank = Fields::new();
        let kept = self.draft.rows(rows);
        let shown: Vec<&Fields> = match (kept.is_empty(), rows) {
            (true, Rows::Team) => vec![&blank],
            _ => kept.iter().collect(),
        };
        shown.into_iter().enumerate().map(|(index, row)| self.row(rows, index, row)).collect()
    }

    fn row(&self, rows: Rows, index: usize, row: &Fields) -> Group {
        let number = index.saturating_add(1).to_string();
        let (title, carried) = match rows {
            Rows::Team => (self.words.about("wizard-member", number), Vec::new()),
            Rows::Solutions => (self.words.about("wizard-solution", number), Vec::new()),
            Rows::Partners => (
                format!("{}, {}", text(row, "organization"), text(row, "place")),
                vec![(rows.name(index, "location"), text(row, "location").to_owned())],
            ),
        };
        let fields = rows.specs().iter();
        let fields = fields.map(|it| {
            let mut field = self.field(it, rows.name(index, it.name), row);
            if rows == Rows::Partners {
                field.hint = self.inherited(it).unwrap_or(field.hint);
            }
            field
        });
        Group { title, fields: fields.collect(), carried, removes: Some(format!("remove:{index}")) }
    }

    /// Says what an invitation has where nothing else is typed.
    fn inherited(&self, spec: &Spec) -> Option<String> {
        let own = match spec.name {
            "details.requirements.solutions.0.name" => {
                let named = self.draft.solutions.iter();
                let names =
                    named.map(|it| [text(it, "name"), text(it, "id")].into_iter().find(|it| !it.is_empty()));
                names.flatten().collect::<Vec<_>>().join(", ")
            }
            "details.requirements.solutions.0.id" => return Some(String::new()),
            name => self.draft.get(name).to_owned(),
        };
        (!own.is_empty()).then(|| self.words.about("wizard-as-in-deal", own))
    }

    fn field(&self, spec: &Spec, name: String, fields: &Fields) -> Field {
        let words = self.words;
        let value = fields.get(spec.name).cloned().unwrap_or_default();
        let (kind, choices) = match spec.input {
            Input::Text => ("text", None),
            Input::Long => ("long", None),
            Input::Date => ("date", None),
            Input::Number => ("number", None),
            Input::Email => ("email", None),
            Input::Phone => ("tel", None),
            Input::Check => ("check", None),
            Input::Choice(choices) => ("choice", Some(choices)),
            Input::Radio(choices) => ("radio", Some(choices)),
        };
        let choices = choices.map(|it| choices::list(it, value.trim(), self.locations, words));
        let errors = self.findings.iter().filter(|it| it.name == name).map(|it| it.message.clone());
        Field {
            label: words.say(spec.label),
            kind,
            hint: words.say_known(&format!("{}-hint", spec.label)).unwrap_or_default(),
            errors: errors.collect(),
            is_required: spec.is_required,
            choices: choices.unwrap_or_default(),
            autocomplete: spec.autocomplete,
            list: spec.list,
            name,
            value,
        }
    }
}

/// Ties what is wrong to fields that are there: what is missed as a whole is said at the first field of it.
pub(super) fn tie(findings: Vec<Finding>, names: &[String]) -> Vec<Finding> {
    let tied = findings.into_iter().map(|it| {
        let below = format!("{}.", it.name);
        let is_there = names.contains(&it.name);
        let first = names.iter().find(|name| !is_there && name.starts_with(&below)).cloned();
        Finding { name: first.unwrap_or(it.name), ..it }
    });
    tied.collect()
}

/// Lists the names of the fields that the page of a step has.
pub(super) fn names(draft: &Draft, step: Step) -> Vec<String> {
    let page = Page::of(step);
    let mut names: Vec<String> = page.specs().map(|it| it.name.to_owned()).collect();
    if let Some(rows) = page.rows {
        let count = draft.rows(rows).len().max(usize::from(rows == Rows::Team));
        for index in 0..count {
            names.extend(rows.specs().iter().map(|it| rows.name(index, it.name)));
        }
    }
    if step == Step::Solutions {
        // Where the first one is added.
        names.push("details.requirements.solutions.pick".to_owned());
    }
    names
}

/// Says what is wrong in steps that the person has been at, with where to mend it.
pub(super) fn wrongs(draft_id: Uuid, findings: &[Finding], words: Words) -> Vec<Wrong> {
    let wrong = |it: &Finding| Wrong {
        href: format!("/deals/new?draft={draft_id}&step={}#{}", it.step.as_str(), it.name),
        step: words.say(&format!("wizard-step-{}", it.step.as_str())),
        message: it.message.clone(),
    };
    findings.iter().map(wrong).collect()
}

/// Lists the steps with how each stands.
pub(super) fn places(
    steps: &[Step],
    current: Step,
    draft: &Draft,
    findings: &[Finding],
    words: Words,
) -> Vec<Place> {
    let place = |step: &Step| {
        let is_wrong = findings.iter().any(|it| it.step == *step);
        let state = match (*step == current, draft.seen.contains(step), is_wrong) {
            (true, ..) => "current",
            (false, _, true) => "wrong",
            (false, true, false) => "done",
            (false, false, false) => "open",
        };
        Place { name: step.as_str(), label: words.say(&format!("wizard-step-{}", step.as_str())), state }
    };
    steps.iter().map(place).collect()
}

/// Makes the list of drafts that can be resumed.
pub(super) fn rows_of(drafts: &[super::draft::Unfinished], now: Timestamp, words: Words) -> Vec<Row> {
    let row = |it: &super::draft::Unfinished| Row {
        id: it.id,
        title: it.draft.title().map_or_else(|| words.say("wizard-untitled"), str::to_owned),
        step: words.say(&format!("wizard-step-{}", it.draft.at.as_str())),
        updated: words.ago(it.updated, now),
    };
    drafts.iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::{Draft, Finding, Step, names, tie};

    #[test]
    fn what_is_missed_as_a_whole_is_said_at_its_first_field() {
        let draft = Draft::default();
        let tied = |name: &str, step| {
            let finding = Finding { name: name.to_owned(), message: String::new(), step };
            tie(vec![finding], &names(&draft, step)).remove(0).name
        };

        assert_eq!(tied("customerProfile.team", Step::Customer), "customerProfile.team.0.firstName");
        assert_eq!(tied("team", Step::Team), "team.0.firstName");
        let solutions = "details.requirements.solutions";
        assert_eq!(tied(solutions, Step::Solutions), format!("{solutions}.pick"));
        assert_eq!(tied("name", Step::Deal), "name");
    }
}
