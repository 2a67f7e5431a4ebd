//! What the organisation says of itself.

use askama::Template;
use axum::{Form, Router, response::Response, routing::get};

use super::{
    Sheet, Tab,
    fields::{
        Draft, Sent,
        Shape::{self, Text},
        Shapes,
    },
    node, tools,
};
use crate::{
    app::App,
    service::administration::{self, Author, OrganizationView},
    web::{
        failure::{self, Failure},
        visit::{Frame, Visit, go_on, page},
    },
};

const SHAPES: Shapes = &[
    ("companyName", Text),
    ("domain", Text),
    ("email", Text),
    ("language", Text),
    ("culture", Text),
    ("defaultAddress.firstName", Text),
    ("defaultAddress.lastName", Text),
    ("defaultAddress.phoneNumber", Text),
    ("defaultAddress.addressLine1", Text),
    ("defaultAddress.addressLine2", Text),
    ("defaultAddress.postalCode", Text),
    ("defaultAddress.city", Text),
    ("defaultAddress.state", Text),
    ("defaultAddress.country", Shape::Text),
];

/// Returns the routes.
pub(super) fn router() -> Router<App> {
    Router::new().route("/administration", get(show).post(save))
}

#[derive(Template)]
#[template(path = "web/administration/organization.html")]
struct OrganizationPage {
    frame: Frame,
    tabs: Vec<Tab>,
    draft: Draft,
    organization: OrganizationView,
}

async fn answer(visit: &Visit, draft: Draft, organization: OrganizationView) -> Result<Response, Failure> {
    let Sheet { frame, tabs } = Sheet::of(visit, visit.words.say("admin-organization")).await?;
    let is_refused = draft.is_refused();
    let response = page(&OrganizationPage { frame, tabs, draft, organization })?;
    Ok(if is_refused { failure::refused(response) } else { response })
}

async fn read(visit: &Visit) -> Result<OrganizationView, Failure> {
    let own = &visit.administrator()?.0.organization_id;
    Ok(administration::read_organization(&visit.app.context.store, own).await?)
}

async fn show(visit: Visit) -> Result<Response, Failure> {
    // Whoever only decides which programs are told begins there.
    if visit.seat.administrator().is_none() && super::integrator(&visit).is_ok() {
        return Ok(axum::response::IntoResponse::into_response(axum::response::Redirect::to(
            "/administration/webhooks",
        )));
    }
    let organization = read(&visit).await?;
    answer(&visit, Draft::of(SHAPES, &organization), organization).await
}

async fn save(visit: Visit, Form(sent): Form<Sent>) -> Result<Response, Failure> {
    let administrator = visit.administrator()?;
    let organization = read(&visit).await?;
    let mut draft = Draft::sent(SHAPES, sent);
    if draft.compare(&organization) {
        let (author, own) = (Author::Administrator(&administrator), &administrator.0.organization_id);
        let body = node(&visit, &draft.json())?;
        match administration::update_organization(tools(&visit), author, own, &body).await {
            Ok(_) => return Ok(go_on("/administration", "organization-saved")),
            Err(error) => draft.refuse(error.into())?,
        }
    }
    answer(&visit, draft, organization).await
}
