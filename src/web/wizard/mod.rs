//! `/deals/new`: a deal is put together step by step, and made by the calls that an API client would send.
//!
//! What is typed is kept as a draft with every button that is pressed, right or wrong; the rules are asked by a create
//! call that only validates. `fields` is the table of what each step asks for; `body` makes requests of a draft; `judge`
//! asks the rules; `make` sends the requests.

mod body;
mod choices;
mod draft;
mod fields;
mod form;
mod judge;
mod make;
mod page;
mod review;
mod step;
mod suggest;

use axum::{
    Form, Router,
    response::{IntoResponse as _, Redirect, Response},
    routing::{get, post},
};
use serde::Deserialize;
use uuid::Uuid;

use self::{
    draft::{Draft, ROWS_MAX},
    fields::{Page, Rows},
    form::{Command, Sent},
    judge::{Finding, judge},
    page::{Sources, StepPage, names, places, rows_of, tie, wrongs},
    step::Step,
    suggest::suggest,
};
use super::{
    failure::{Failure, refused},
    visit::{Visit, go_on, page},
};
use crate::{
    app::App,
    domain::{actor::Actor, organization::Location},
};

/// Name of the field that offers the catalogue.
const PICK: &str = "details.requirements.solutions.pick";

/// Returns the routes.
pub(super) fn router() -> Router<App> {
    Router::new().route("/deals/new", get(show).post(act)).route("/deals/new/discard", post(discard))
}

/// A draft that is worked on.
struct Work {
    id: Uuid,
    draft: Draft,
    actor: Actor,
    /// The person's locations.
    locations: Vec<Location>,
}

/// Whether a page is asked for, or what was sent does not do.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Occasion {
    Asked,
    Refused,
}

impl Work {
    /// Finds a draft; one that is not there begins.
    async fn open(visit: &Visit, id: Uuid) -> Result<Self, Failure> {
        let actor = visit.actor()?;
        let locations = visit.app.context.store.list_locations(&actor.organization_id).await?;
        let in_scope = locations.iter().filter(|it| actor.locations.contains(&it.mpn_id));
        let locations: Vec<Location> = in_scope.cloned().collect();
        let draft = draft::find(visit, id).await?;
        let draft = draft.unwrap_or_else(|| Draft::begin(visit, &actor, &locations));
        Ok(Self { id, draft, actor, locations })
    }

    fn steps(&self) -> Vec<Step> {
        Step::all(self.actor.organization_id.is_msft())
    }

    fn address(&self, step: Step) -> String {
        format!("/deals/new?draft={}&step={}", self.id, step.as_str())
    }

    /// Returns the step that comes before or after another.
    fn beside(&self, step: Step, offset: isize) -> Option<Step> {
        let steps = self.steps();
        let place = steps.iter().position(|it| *it == step)?.checked_add_signed(offset)?;
        steps.get(place).copied()
    }

    /// Judges what the person has been at; at the review, everything.
    async fn judged(&self, visit: &Visit, step: Step) -> Result<Vec<Finding>, Failure> {
        if step != Step::Review && self.draft.seen.is_empty() {
            return Ok(Vec::new());
        }
        let mut findings = judge(visit, &self.actor, &self.draft).await?;
        findings.retain(|it| step == Step::Review || self.draft.seen.contains(&it.step));
        let steps: Vec<Step> = self.steps();
        let names: Vec<String> = steps.into_iter().flat_map(|it| names(&self.draft, it)).collect();
        Ok(tie(findings, &names))
    }
}

/// Shows a step of a draft, or the first one of a new draft.
async fn show(visit: Visit) -> Result<Response, Failure> {
    let Some(asked) = visit.asked("draft") else {
        let work = Work::open(&visit, visit.app.context.random.uuid()).await?;
        return step_page(&visit, &work, Step::default(), Vec::new(), Occasion::Asked).await;
    };
    let id = Uuid::try_parse(asked).map_err(|_| Failure::NotFound)?;
    let Some(kept) = draft::find(&visit, id).await? else {
        // Discarded meanwhile.
        return Ok(Redirect::to("/deals/new").into_response());
    };
    if let Some(made) = kept.made {
        return Ok(Redirect::to(&format!("/deals/{made}")).into_response());
    }
    let work = Work::open(&visit, id).await?;
    let asked = visit.asked("step").and_then(Step::parse).filter(|it| work.steps().contains(it));
    step_page(&visit, &work, asked.unwrap_or(work.draft.at), Vec::new(), Occasion::Asked).await
}

/// Keeps what a form sends, and does what its button says.
async fn act(visit: Visit, Form(sent): Form<Vec<(String, String)>>) -> Result<Response, Failure> {
    let sent = Sent(sent);
    let id = sent.get("draft").and_then(|it| Uuid::try_parse(it).ok()).ok_or(Failure::NotFound)?;
    let step = sent.get("step").and_then(Step::parse).ok_or(Failure::NotFound)?;
    let command = Command::parse(sent.get("do").unwrap_or_default());
    let mut work = Work::open(&visit, id).await?;
    if let Some(made) = work.draft.made {
        return Ok(go_on(&format!("/deals/{made}"), "deal-made"));
    }
    form::apply(&mut work.draft, step, &sent);
    if let Some(picked) = sent.get(PICK).filter(|it| !it.is_empty()) {
        suggest::take_solution(&visit, &work.actor, &mut work.draft, picked).await?;
    }
    let next = change(&visit, &mut work, step, &command).await?;
    work.draft.at = next;
    let troubles = draft::save(&visit, id, &work.draft).await?;
    if !troubles.is_empty() {
        let troubles = troubles.into_iter().map(|it| it.message).collect();
        return step_page(&visit, &work, step, troubles, Occasion::Refused).await;
    }
    match command {
        Command::Create => make::make(&visit, work).await,
        Command::Leave => Ok(go_on("/", "draft-kept")),
        Command::Next => {
            let findings = work.judged(&visit, step).await?;
            if findings.iter().any(|it| it.step == step) {
                return step_page(&visit, &work, step, Vec::new(), Occasion::Refused).await;
            }
            Ok(Redirect::to(&work.address(next)).into_response())
        }
        Command::Add => {
            let rows = Page::of(step).rows.unwrap_or(Rows::Team);
            let last = work.draft.rows(rows).len().saturating_sub(1);
            let field = rows.specs().first().map_or("", |it| it.name);
            let address = format!("{}#{}", work.address(next), rows.name(last, field));
            Ok(Redirect::to(&address).into_response())
        }
        Command::Search => Ok(Redirect::to(&format!("{}#found", work.address(next))).into_response()),
        _ => Ok(Redirect::to(&work.address(next)).into_response()),
    }
}

/// Changes the draft as the button says; returns the step to go to.
async fn change(visit: &Visit, work: &mut Work, step: Step, command: &Command) -> Result<Step, Failure> {
    let rows = Page::of(step).rows;
    match command {
        Command::Next => {
            work.draft.see(step);
            return Ok(work.beside(step, 1).unwrap_or(Step::Review));
        }
        Command::Go(to) => {
            if *to > step {
                work.draft.see(step);
            }
            return Ok(*to);
        }
        Command::Add => {
            if let Some(rows) = rows.filter(|it| work.draft.rows(*it).len() < ROWS_MAX) {
                work.draft.rows_mut(rows).push(draft::Fields::new());
            }
        }
        Command::Remove(index) => {
            if let Some(rows) = rows.filter(|it| *index < work.draft.rows(*it).len()) {
                work.draft.rows_mut(rows).remove(*index);
            }
        }
        Command::TakeCustomer(id) => {
            suggest::take_customer(visit, &work.actor, &mut work.draft, *id).await?;
        }
        Command::TakeMember(email) => {
            suggest::take_member(visit, &work.actor, &mut work.draft, email).await?;
        }
        Command::Invite(location) => {
            suggest::invite(visit, &work.actor, &mut work.draft, *location).await?;
        }
        Command::Keep | Command::Leave | Command::Search | Command::Create => {}
    }
    Ok(step)
}

/// Makes the page of a step.
async fn step_page(
    visit: &Visit,
    work: &Work,
    step: Step,
    troubles: Vec<String>,
    occasion: Occasion,
) -> Result<Response, Failure> {
    let findings = work.judged(visit, step).await?;
    if step == Step::Review {
        let template = review::page_of(visit, work, &findings, troubles).await?;
        return answer(&template, occasion);
    }
    let words = visit.words;
    let label = words.say(&format!("wizard-step-{}", step.as_str()));
    let is_new = visit.asked("draft").is_none() && occasion == Occasion::Asked;
    let drafts = if is_new { draft::list(visit).await? } else { Vec::new() };
    let here: Vec<Finding> = findings.iter().filter(|it| it.step == step).cloned().collect();
    let sources = Sources { draft: &work.draft, findings: &here, locations: &work.locations, words };
    let suggestions = suggest(visit, &work.actor, step, &work.draft).await?;
    let steps = work.steps();
    let template = StepPage {
        frame: visit.frame(format!("{label} · {}", words.say("nav-new-deal"))).await?,
        draft_id: work.id,
        step: step.as_str(),
        title: label,
        lead: words.say(&format!("wizard-lead-{}", step.as_str())),
        places: places(&steps, step, &work.draft, &findings, words),
        number: steps.iter().position(|it| *it == step).unwrap_or_default().saturating_add(1),
        wrongs: wrongs(work.id, &here, words),
        troubles,
        groups: sources.groups(step),
        rows: sources.rows(step),
        has_rows: Page::of(step).rows.is_some_and(|it| it != Rows::Partners),
        pick_errors: here.iter().filter(|it| it.name == PICK).map(|it| it.message.clone()).collect(),
        previous: work.beside(step, -1).map(Step::as_str),
        suggestions,
        search: work.draft.search.clone(),
        drafts: rows_of(&drafts, visit.now(), words),
    };
    answer(&template, occasion)
}

fn answer(template: &impl askama::Template, occasion: Occasion) -> Result<Response, Failure> {
    match occasion {
        Occasion::Asked => page(template),
        Occasion::Refused => page(template).map(refused),
    }
}

#[derive(Deserialize)]
struct DiscardForm {
    draft: Uuid,
}

/// Discards a draft.
async fn discard(visit: Visit, Form(form): Form<DiscardForm>) -> Result<Response, Failure> {
    visit.actor()?;
    draft::discard(&visit, form.draft).await?;
    Ok(go_on("/deals/new", "draft-discarded"))
}
