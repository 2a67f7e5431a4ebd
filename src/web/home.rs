//! The home page: what waits for an answer, what waits for others, and what happened since the last look.

use askama::Template;
use axum::{
    Router,
    response::{IntoResponse as _, Redirect, Response},
    routing::get,
};

use super::{
    card::Card,
    deal::REASONS,
    failure::Failure,
    news::{News, news},
    visit::{Frame, Visit, page},
};
use crate::app::App;

/// Rows of each list of the page.
const ROWS_MAX: u32 = 25;

/// Returns the routes.
pub(super) fn router() -> Router<App> {
    Router::new().route("/", get(home))
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
    news: News,
}

async fn home(visit: Visit) -> Result<Response, Failure> {
    // Nothing waits for who only administers.
    if visit.seat.actor().is_err() && visit.seat.administrator().is_some() {
        return Ok(Redirect::to("/administration").into_response());
    }
    let frame = visit.frame(visit.words.say("home-title")).await?;
    let (mut waiting, mut outgoing) = ((Vec::new(), 0), (Vec::new(), 0));
    let mut told = News::default();
    if frame.has_referrals {
        waiting = cards(&visit, "direction eq 'Incoming' and status eq 'New'").await?;
        let own = &visit.seat.colleague.organization_id;
        let filter = format!("direction eq 'Outgoing' and status eq 'New' and organizationId ne '{own}'");
        outgoing = cards(&visit, &filter).await?;
        told = news(&visit, &visit.actor()?).await?;
    }
    page(&HomePage {
        frame,
        waiting: waiting.0,
        waiting_count: waiting.1,
        outgoing: outgoing.0,
        outgoing_count: outgoing.1,
        reasons: REASONS,
        news: told,
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
