//! The grids: co-sell opportunities and leads, in tabs, with filters, views and files.
//!
//! ```text
//! address ─ ask ─→ $filter, $search, $orderby ─→ the API's list ─→ column: cells ─┬─ page: HTML
//!                                                                                └─ export: CSV, XLSX
//! ```
//!
//! The address is the state: whatever is chosen is a link to another address. What was chosen last is kept for each
//! tab, and comes back where an address asks for nothing.

mod ask;
mod column;
mod export;
mod filter;
mod keep;
mod mark;
mod page;
mod sheet;

use axum::{
    Router,
    extract::RawQuery,
    response::Response,
    routing::{get, post},
};

use self::ask::{Ask, Grid};
use super::{failure::Failure, visit::Visit};
use crate::{
    app::App,
    domain::{
        actor::{Actor, ReferralsRole},
        organization::LocationScope,
    },
};

/// Returns the routes.
pub(super) fn router() -> Router<App> {
    Router::new()
        .route("/deals", get(deals))
        .route("/leads", get(leads))
        .route("/deals/{id}/preview", get(mark::preview))
        .route("/deals/favorite", post(mark::mark))
        .route("/deals/export.csv", get(export::deals_csv))
        .route("/deals/export.xlsx", get(export::deals_xlsx))
        .route("/leads/export.csv", get(export::leads_csv))
        .route("/leads/export.xlsx", get(export::leads_xlsx))
        .route("/views", post(keep::save_view))
        .route("/views/remove", post(keep::remove_view))
}

async fn deals(visit: Visit, RawQuery(query): RawQuery) -> Result<Response, Failure> {
    show(visit, Grid::Deals, &query.unwrap_or_default()).await
}

async fn leads(visit: Visit, RawQuery(query): RawQuery) -> Result<Response, Failure> {
    show(visit, Grid::Leads, &query.unwrap_or_default()).await
}

async fn show(visit: Visit, grid: Grid, query: &str) -> Result<Response, Failure> {
    let actor = reader(&visit, grid)?;
    let ask = Ask::read(grid, query);
    if ask.is_to_keep && ask.troubles.is_empty() {
        return keep::keep(&visit, &ask).await;
    }
    if ask.is_bare
        && ask.troubles.is_empty()
        && let Some(restored) = keep::restored(&visit, &ask).await?
    {
        return Ok(restored);
    }
    page::show(&visit, &actor, ask).await
}

/// Returns the person as one who may see a grid: leads are for a Referrals admin of the entire company.
fn reader(visit: &Visit, grid: Grid) -> Result<Actor, Failure> {
    let actor = visit.actor()?;
    let sees_leads = actor.role == ReferralsRole::Admin && actor.locations == LocationScope::EntireCompany;
    match grid == Grid::Deals || sees_leads {
        true => Ok(actor),
        false => Err(Failure::Forbidden(visit.words.say("no-leads"))),
    }
}
