//! What a grid was left with, and views that people save under a name and share.

use axum::{
    Form,
    response::{IntoResponse as _, Redirect, Response},
};
use serde::Deserialize;
use uuid::Uuid;

use super::ask::{Ask, Grid};
use crate::{
    service::saved::{self, SaveError, SaveRequest, SavedKind},
    web::{
        failure::Failure,
        visit::{Visit, go_on, own_path},
    },
};

/// A view, as the menu shows it.
#[derive(Clone)]
pub(super) struct KeptView {
    pub(super) id: Uuid,
    pub(super) name: String,
    pub(super) address: String,
    pub(super) is_shared: bool,
    pub(super) is_own: bool,
    /// Whether the grid shows exactly this.
    pub(super) is_current: bool,
}

/// Lists the views of a grid: the person's own, and what colleagues share.
pub(super) async fn views(visit: &Visit, ask: &Ask) -> Result<Vec<KeptView>, Failure> {
    let whose = &visit.seat.colleague;
    let saved = saved::list_saved(&visit.app.context, whose, SavedKind::View).await?;
    let prefix = format!("{}:", ask.grid.as_str());
    let views = saved.into_iter().filter_map(|it| {
        let name = it.name.strip_prefix(&prefix)?.to_owned();
        let state = Ask::read(ask.grid, &it.body).state();
        Some(KeptView {
            id: it.id,
            name,
            address: format!("{}?{state}&view={}", ask.grid.path(), it.id),
            is_shared: it.is_shared,
            is_own: it.user_id == whose.user_id,
            is_current: ask.state() == state,
        })
    });
    Ok(views.collect())
}

fn place(ask: &Ask) -> String {
    format!("{}:{}", ask.grid.as_str(), ask.tab.as_str())
}

/// Returns where to go in place of an address that asks for nothing but a tab: to what the tab was left with. `None`
/// when it was left with nothing.
pub(super) async fn restored(visit: &Visit, ask: &Ask) -> Result<Option<Response>, Failure> {
    let (context, whose) = (&visit.app.context, &visit.seat.colleague);
    let Some(item) = saved::find_saved(context, whose, SavedKind::Grid, &place(ask)).await? else {
        return Ok(None);
    };
    let kept = Ask::read(ask.grid, &item.body);
    // What a later version does not know any more must not lead round in a circle.
    if kept.is_bare || kept.tab != ask.tab {
        return Ok(None);
    }
    let done = visit.asked("done").map(|it| format!("&done={}", encoded(it))).unwrap_or_default();
    Ok(Some(Redirect::to(&format!("{}{done}", kept.address())).into_response()))
}

fn encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// Keeps filters, order and columns as what the tab was left with, and goes on to the same without being asked to.
pub(super) async fn keep(visit: &Visit, ask: &Ask) -> Result<Response, Failure> {
    let kept = Ask { search: String::new(), ..ask.clone() };
    let body = kept.state();
    let name = place(ask);
    let (context, whose) = (&visit.app.context, &visit.seat.colleague);
    let before = saved::find_saved(context, whose, SavedKind::Grid, &name).await?;
    if Ask::read(ask.grid, &body).is_bare {
        if let Some(before) = before {
            saved::remove_saved(context, whose, before.id).await?;
        }
    } else if before.is_none_or(|it| it.body != body) {
        let request = SaveRequest { kind: SavedKind::Grid, name: &name, body: &body, is_shared: false };
        save(visit, request).await?;
    }
    Ok(Redirect::to(&ask.address()).into_response())
}

async fn save(visit: &Visit, request: SaveRequest<'_>) -> Result<(), Failure> {
    match saved::save(&visit.app.context, &visit.seat.colleague, request).await {
        Ok(()) => Ok(()),
        Err(SaveError::Invalid(report)) => Err(Failure::Invalid(report)),
        Err(SaveError::Store(error)) => Err(error.into()),
    }
}

/// What the form of a view says.
#[derive(Deserialize)]
pub(super) struct ViewForm {
    /// `deals` or `leads`.
    grid: String,
    /// What its owner calls it.
    #[serde(default)]
    name: String,
    /// Whether colleagues see it.
    #[serde(default)]
    shared: Option<String>,
    /// What it shows, as the address of the grid.
    #[serde(default)]
    state: String,
}

/// Saves what the grid shows as a view, in place of the person's own view of this name.
pub(super) async fn save_view(visit: Visit, Form(form): Form<ViewForm>) -> Result<Response, Failure> {
    visit.actor()?;
    let grid = [Grid::Deals, Grid::Leads].into_iter().find(|it| it.as_str() == form.grid);
    let grid = grid.ok_or(Failure::NotFound)?;
    let ask = Ask::read(grid, &form.state);
    // A name that is empty is refused by the operation; the grid's own would hide that.
    let name = match form.name.trim() {
        "" => String::new(),
        name => format!("{}:{name}", grid.as_str()),
    };
    let is_shared = form.shared.is_some();
    save(&visit, SaveRequest { kind: SavedKind::View, name: &name, body: &ask.state(), is_shared }).await?;
    let found = saved::find_saved(&visit.app.context, &visit.seat.colleague, SavedKind::View, &name).await?;
    let address = Ask { view: found.map(|it| it.id), ..ask }.address();
    Ok(go_on(&address, "view-saved"))
}

/// What the form says that removes a view.
#[derive(Deserialize)]
pub(super) struct RemoveForm {
    id: Uuid,
    next: Option<String>,
}

/// Removes a view of the person's own.
pub(super) async fn remove_view(visit: Visit, Form(form): Form<RemoveForm>) -> Result<Response, Failure> {
    saved::remove_saved(&visit.app.context, &visit.seat.colleague, form.id).await?;
    Ok(go_on(own_path(form.next.as_deref()), "view-removed"))
}
