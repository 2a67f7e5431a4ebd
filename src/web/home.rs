//! The home page: what waits for an answer, what waits for others, and what happened since the last look.

use askama::Template;
use axum::{
    Form, Router,
    extract::Path,
    response::Response,
    routing::{get, post},
};
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use super::{
    card::Card,
    failure::Failure,
    visit::{Frame, Visit, go_on, own_path, page},
};
use crate::{
    app::App,
    domain::{lifecycle::Action, revision::Handling},
    service::referrals::{self, ReviseRequest, Wish},
};

/// Rows of each list of the page.
const ROWS_MAX: u32 = 25;

/// Reasons to decline or to lose a deal, in the order of the portal's lists (2021 to 2026).
pub(super) const REASONS: [&str; 8] = [
    "Project budget isn't adequate",
    "Customer didn't respond",
    "Customer chose another vendor",
    "Customer requirement not met",
    "Not a customer",
    "Proposed timeline was too short",
    "Report as abuse, spam or phishing",
    "Others",
];

/// Returns the routes.
pub(super) fn router() -> Router<App> {
    Router::new().route("/", get(home)).route("/deals/{id}/{action}", post(act))
}

#[derive(Template)]
#[template(path = "web/home.html")]
struct HomePage {
    frame: Frame,
    waiting: Vec<Card>,
    waiting_count: u64,
    outgoing: Vec<Card>,
    outgoing_count: u64,
    reasons: [&'static str; 8],
}

async fn home(visit: Visit) -> Result<Response, Failure> {
    let frame = visit.frame(visit.words.say("home-title")).await?;
    let (mut waiting, mut outgoing) = ((Vec::new(), 0), (Vec::new(), 0));
    if frame.has_referrals {
        waiting = cards(&visit, "direction eq 'Incoming' and status eq 'New'").await?;
        let own = &visit.seat.colleague.organization_id;
        let filter = format!("direction eq 'Outgoing' and status eq 'New' and organizationId ne '{own}'");
        outgoing = cards(&visit, &filter).await?;
    }
    page(&HomePage {
        frame,
        waiting: waiting.0,
        waiting_count: waiting.1,
        outgoing: outgoing.0,
        outgoing_count: outgoing.1,
        reasons: REASONS,
    })
}

/// Lists what has to be answered soonest.
async fn cards(visit: &Visit, filter: &str) -> Result<(Vec<Card>, u64), Failure> {
    let actor = visit.actor()?;
    let options = [("$filter", filter), ("$orderby", "expirationDateTime asc"), ("$count", "true")];
    let listing = visit.list(&actor, &options, ROWS_MAX).await?;
    let (now, own) = (visit.now(), &actor.organization_id);
    let cards = listing.referrals.iter().map(|it| Card::of(it, own, now, visit.words)).collect();
    Ok((cards, listing.count.unwrap_or_default()))
}

/// What a form says about an action.
#[derive(Deserialize)]
struct ActionForm {
    /// The version that the person has seen.
    #[serde(default)]
    etag: String,
    /// Why; one of the lists.
    #[serde(default)]
    reason: String,
    /// More of the same, in the person's own words.
    #[serde(default)]
    note: String,
    /// Where to go afterwards.
    next: Option<String>,
}

/// Does one action of the lifecycle, as `POST …/{id}/{action}` of the API does.
async fn act(
    visit: Visit,
    Path((id, action)): Path<(Uuid, String)>,
    Form(form): Form<ActionForm>,
) -> Result<Response, Failure> {
    let actor = visit.actor()?;
    let action = Action::parse(&action).ok_or(Failure::NotFound)?;
    let reason: Vec<&str> =
        [form.reason.trim(), form.note.trim()].into_iter().filter(|it| !it.is_empty()).collect();
    let body = match reason.is_empty() {
        true => json!({}),
        false => json!({ "statusReason": reason.join(": ") }),
    };
    let body = body.to_string();
    let request = ReviseRequest {
        id,
        wish: Wish::Act(action, body.as_bytes()),
        if_match: Some(form.etag.as_str()).filter(|it| !it.is_empty()),
        handling: Handling::Strict,
        merges: true,
        validates_only: false,
        idempotency_key: None,
    };
    referrals::revise(&visit.app.context, &actor, request).await?;
    Ok(go_on(own_path(form.next.as_deref()), action.as_str()))
}
