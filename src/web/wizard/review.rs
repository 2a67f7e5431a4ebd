//! The last step: everything on one page, with what is wrong, and the requests that make the deal.

use askama::Template;
use uuid::Uuid;

use super::{
    Work, body, choices,
    draft::{Fields, text},
    fields::{Input, Page, Rows, Spec},
    judge::Finding,
    make::who,
    page::{Place, Wrong, places, wrongs},
    step::Step,
};
use crate::{
    domain::{json::decimal::Decimal, time::Timestamp},
    web::{
        failure::Failure,
        visit::{Frame, Visit},
    },
};

/// What one step holds.
pub(super) struct Section {
    step: &'static str,
    title: String,
    facts: Vec<Fact>,
    /// A title, and what is said below it.
    rows: Vec<(String, Vec<Fact>)>,
}

/// Something that is known.
struct Fact {
    label: String,
    value: String,
    /// Whether it may have several lines.
    is_long: bool,
}

/// A call, as a developer would send it.
struct Call {
    title: String,
    body: String,
    command: String,
}

/// The page.
#[derive(Template)]
#[template(path = "web/wizard_review.html")]
pub(super) struct ReviewPage {
    frame: Frame,
    draft_id: Uuid,
    places: Vec<Place>,
    number: usize,
    wrongs: Vec<Wrong>,
    troubles: Vec<String>,
    sections: Vec<Section>,
    /// What will happen, in sentences.
    outlook: Vec<String>,
    calls: Vec<Call>,
    previous: Option<&'static str>,
}

/// Makes the page.
pub(super) async fn page_of(
    visit: &Visit,
    work: &Work,
    findings: &[Finding],
    troubles: Vec<String>,
) -> Result<ReviewPage, Failure> {
    let (words, steps) = (visit.words, work.steps());
    let title = words.say("wizard-step-review");
    Ok(ReviewPage {
        frame: visit.frame(format!("{title} · {}", words.say("nav-new-deal"))).await?,
        draft_id: work.id,
        places: places(&steps, Step::Review, &work.draft, findings, words),
        number: steps.len(),
        wrongs: wrongs(work.id, findings, words),
        troubles,
        sections: steps
            .iter()
            .filter(|it| **it != Step::Review)
            .map(|it| section(visit, work, *it))
            .collect(),
        outlook: outlook(visit, work),
        calls: calls(visit, work),
        previous: work.beside(Step::Review, -1).map(Step::as_str),
    })
}

fn section(visit: &Visit, work: &Work, step: Step) -> Section {
    let page = Page::of(step);
    let specs = page.specs();
    // What is asked for in two steps is said at the first.
    let specs = specs
        .filter(|it| step != Step::Partners || Step::asking_for(it.name, work.draft.is_co_sell()) == step);
    let facts = specs.filter_map(|it| fact(visit, work, it, &work.draft.fields)).collect();
    let rows = page.rows.map_or_else(Vec::new, |rows| {
        let kept = work.draft.rows(rows).iter().filter(|it| !it.is_empty());
        kept.map(|row| {
            let facts = rows.specs().iter().filter_map(|it| fact(visit, work, it, row));
            (row_title(rows, row), facts.collect())
        })
        .collect()
    });
    let title = visit.words.say(&format!("wizard-step-{}", step.as_str()));
    Section { step: step.as_str(), title, facts, rows }
}

fn row_title(rows: Rows, row: &Fields) -> String {
    let parts: &[&str] = match rows {
        Rows::Team => &["firstName", "lastName"],
        Rows::Solutions => &["name"],
        Rows::Partners => &["organization", "place"],
    };
    let joint = if rows == Rows::Partners { ", " } else { " " };
    let texts = parts.iter().map(|it| text(row, it)).filter(|it| !it.is_empty());
    texts.collect::<Vec<_>>().join(joint)
}

/// Says what a field holds; `None` when that is nothing.
fn fact(visit: &Visit, work: &Work, spec: &Spec, fields: &Fields) -> Option<Fact> {
    let (words, value) = (visit.words, text(fields, spec.name));
    if value.is_empty() || matches!(spec.name, "firstName" | "lastName") {
        return None;
    }
    let value = match spec.input {
        Input::Choice(list) | Input::Radio(list) => {
            let choices = choices::list(list, value, &work.locations, words);
            choices.into_iter().find(|it| it.is_chosen)?.label
        }
        Input::Check => words.say("wizard-yes"),
        Input::Number => {
            Decimal::parse(value).map_or_else(|| value.to_owned(), |it| words.number(it.as_str()))
        }
        Input::Date => Timestamp::parse(value).map_or_else(|| value.to_owned(), |it| words.day(it)),
        Input::Text | Input::Long | Input::Email | Input::Phone => value.to_owned(),
    };
    Some(Fact { label: words.say(spec.label), value, is_long: spec.input == Input::Long })
}

/// Says what will happen when the deal is made.
fn outlook(visit: &Visit, work: &Work) -> Vec<String> {
    let (words, draft) = (visit.words, &work.draft);
    let days = u64::try_from(visit.app.context.settings.rules.expiration_days).unwrap_or_default();
    let invited: Vec<String> = body::invitations(draft).iter().map(|it| who(visit, it)).collect();
    let seen = match (draft.is_co_sell(), draft.is_seen_by_microsoft()) {
        (true, _) => None,
        (false, true) => Some(words.say("wizard-outlook-partner-led")),
        (false, false) if invited.is_empty() => Some(words.say("wizard-outlook-private")),
        (false, false) => None,
    };
    let asked = (!invited.is_empty()).then(|| words.about("wizard-outlook-invited", invited.join(", ")));
    let waits = (!invited.is_empty()).then(|| words.count("wizard-outlook-days", days));
    [seen, asked, waits].into_iter().flatten().collect()
}

/// Writes down the calls that make the deal.
fn calls(visit: &Visit, work: &Work) -> Vec<Call> {
    let (words, draft) = (visit.words, &work.draft);
    let base = &visit.app.public_url;
    let command = |path: &str, body: &str| {
        format!(
            "curl -sS -X POST \"{base}/v1.0/engagements/referrals{path}\" \\\n  -H \"Authorization: Bearer $TOKEN\" \\\n  \
             -H 'Content-Type: application/json' \\\n  -H 'Idempotency-Key: {}' \\\n  --data-binary @- <<'JSON'\n{body}\nJSON",
            work.id
        )
    };
    let body = body::pretty(&body::own(draft));
    let mut calls = vec![Call { title: words.say("wizard-call-create"), command: command("", &body), body }];
    let invitations = body::invitations(draft);
    if !invitations.is_empty() {
        let body = body::pretty(&body::share(&invitations));
        let title = words.say("wizard-call-share");
        calls.push(Call { title, command: command("/$ID/share", &body), body });
    }
    calls
}
