//! The deal page: one deal or lead, everything that is known of it, and everything that can be done with it.
//!
//! A section is edited in place: `?edit=SECTION` shows its form, `POST /deals/{id}/SECTION` saves it. Actions of the
//! lifecycle are posted to the same place under their own names. What is posted becomes the request of an API client.

mod acts;
mod conflict;
mod facts;
mod form;
mod history;
mod invite;
mod life;
mod lists;
mod load;
mod page;
mod parties;
mod save;
mod sections;
mod tell;

use axum::{
    Form, Router,
    extract::Path,
    response::{IntoResponse as _, Redirect, Response},
    routing::{get, post},
};
use serde_json::json;

pub(super) use self::{acts::REASONS, history::who};
use self::{form::Typed, invite::Guest, load::Deal, page::Editing, sections::Section};
use super::{failure::Failure, visit::Visit};
use crate::{
    app::App,
    domain::{lifecycle::Action, revision::Handling},
    service::referrals::{self, ReviseRequest, Wish},
};

/// Returns the routes.
pub(super) fn router() -> Router<App> {
    Router::new().route("/deals/{id}", get(show)).route("/deals/{id}/{what}", post(submit))
}

async fn show(visit: Visit, Path(id): Path<String>) -> Result<Response, Failure> {
    let deal = Deal::read(&visit, &id).await?;
    let editing = page::asked(&visit);
    page::show(&visit, deal, editing).await
}

/// Takes what a form of the page sends: a section, an invitation, an action, or the person's own mark.
async fn submit(
    visit: Visit,
    Path((id, what)): Path<(String, String)>,
    Form(typed): Form<Typed>,
) -> Result<Response, Failure> {
    let deal = Deal::read(&visit, &id).await?;
    // Where only the button is shown, nothing is said of the deal.
    let accepts_plainly = what == Section::Accept.as_str() && !Section::Accept.is_in(&typed);
    if let Some(section) = Section::parse(&what).filter(|_| !accepts_plainly) {
        return save::save(&visit, deal, section, typed).await;
    }
    if let Some(guest) = Guest::parse(&what) {
        if typed.has("find") {
            return page::show(&visit, deal, Editing::Guest(guest, Some(typed), Vec::new())).await;
        }
        return invite::invite(&visit, deal, guest, typed).await;
    }
    match (what.as_str(), Action::parse(&what)) {
        ("favorite", _) => mark(&visit, deal, &typed).await,
        (_, Some(action)) => acts::act(&visit, deal, action, typed).await,
        (_, None) => Err(Failure::NotFound),
    }
}

/// Marks a deal for the person.
async fn mark(visit: &Visit, deal: Deal, typed: &Typed) -> Result<Response, Failure> {
    let is_favorite = typed.text("favorite") == "true";
    let patch = json!([{ "op": "replace", "path": "/favorite", "value": is_favorite }]).to_string();
    let request = ReviseRequest {
        id: deal.id,
        wish: Wish::Patch(patch.as_bytes()),
        if_match: None,
        handling: Handling::Strict,
        merges: false,
        validates_only: false,
        idempotency_key: None,
    };
    referrals::revise(&visit.app.context, &visit.actor()?, request).await?;
    let next = typed.get("next").map(|it| super::visit::own_path(Some(it)).to_owned());
    let next = next.unwrap_or_else(|| page::address(visit, &deal, typed.get("from")));
    Ok(Redirect::to(&next).into_response())
}
