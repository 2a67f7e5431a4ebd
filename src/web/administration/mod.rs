//! Administration: the organisation, its people, its places, its solutions, and the programs that are told of its
//! referrals.
//!
//! `fields` turns forms into the JSON that an API client would send; the operations are those of the API. Forms are no
//! patches: each carries a mark of what its author saw ([`fields::Draft`]), so that nobody overwrites what somebody else
//! has changed meanwhile without having seen it.

mod audit;
mod deliveries;
pub(super) mod fields;
mod organization;
mod people;
mod places;
mod requests;
mod solutions;
mod webhooks;

use askama::Template;
use axum::{
    Router,
    extract::{FromRequestParts, Path},
    response::Response,
};
use http::{HeaderValue, header, request::Parts};
use serde::de::DeserializeOwned;

pub(super) use self::people::role_name;
use super::{
    failure::Failure,
    visit::{Frame, Visit, page},
};
use crate::{
    app::App,
    domain::{
        actor::{Integrator, ReferralsRole},
        json::{self, Node},
        organization::{LocationScope, Role},
        vocabulary::{SolutionKind, Vocabulary as _},
    },
    service::administration::Tools,
};

/// What was just made may be a secret: no cache keeps the page.
const UNSTORED: HeaderValue = HeaderValue::from_static("no-store");

/// Returns the routes.
pub(super) fn router() -> Router<App> {
    Router::new()
        .merge(organization::router())
        .merge(people::router())
        .merge(places::router())
        .merge(solutions::router())
        .merge(webhooks::router())
        .merge(deliveries::router())
        .merge(audit::router())
        .merge(requests::router())
}

/// What the path of a page names; a path that names nothing of the kind is one where there is nothing.
pub(super) struct Key<T>(pub(super) T);

impl<T: DeserializeOwned + Send> FromRequestParts<App> for Key<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Failure> {
        let path = Path::<T>::from_request_parts(parts, app).await;
        path.map(|Path(key)| Self(key)).map_err(|_| Failure::NotFound)
    }
}

/// A part of administration, as its navigation shows it.
struct Tab {
    path: &'static str,
    label: String,
    is_current: bool,
}

/// What stands around every page of administration.
struct Sheet {
    frame: Frame,
    tabs: Vec<Tab>,
}

/// The parts, with their messages; the first four and the audit are for account admins.
const TABS: [(&str, &str, bool); 7] = [
    ("/administration", "admin-organization", true),
    ("/administration/people", "admin-people", true),
    ("/administration/profiles", "admin-profiles", true),
    ("/administration/solutions", "admin-solutions", true),
    ("/administration/webhooks", "admin-webhooks", false),
    ("/administration/audit", "admin-audit", true),
    ("/administration/requests", "admin-requests", false),
];

impl Sheet {
    /// Gathers what stands around the page, with the parts that the person may open.
    async fn of(visit: &Visit, title: String) -> Result<Self, Failure> {
        let frame = visit.frame(title).await?;
        let may_open = |is_for_admins: bool| frame.administers || !is_for_admins;
        let is_current = |path: &str| match path {
            "/administration" => frame.path == path,
            path => frame.is_at(path),
        };
        let tabs = TABS.into_iter().filter(|it| may_open(it.2)).map(|(path, name, _)| Tab {
            path,
            label: frame.words.say(name),
            is_current: is_current(path),
        });
        Ok(Self { tabs: tabs.collect(), frame })
    }
}

/// Returns what operations of administration need.
fn tools(visit: &Visit) -> Tools<'_> {
    let context = &visit.app.context;
    Tools { store: &context.store, random: &context.random, now: visit.now() }
}

/// Reads the JSON of a form as the API reads a body.
pub(super) fn node(visit: &Visit, value: &serde_json::Value) -> Result<Node, Failure> {
    json::parse(value.to_string().as_bytes(), visit.app.context.settings.json)
        .map_err(|error| Failure::Conflict(error.to_string()))
}

/// Returns the person as one who decides which programs are told: an account admin, or a Referrals admin of the entire
/// company.
fn integrator(visit: &Visit) -> Result<Integrator, Failure> {
    let is_everywhere = visit
        .seat
        .actor()
        .is_ok_and(|it| it.role == ReferralsRole::Admin && it.locations == LocationScope::EntireCompany);
    if !is_everywhere && visit.seat.administrator().is_none() {
        return Err(Failure::Forbidden(visit.words.say("no-integrator")));
    }
    let colleague = &visit.seat.colleague;
    Ok(Integrator {
        organization_id: colleague.organization_id.clone(),
        user_id: Some(colleague.user_id),
        application_id: colleague.application_id.clone(),
    })
}

/// Asks whether something is to be taken away; works without a script.
#[derive(Template)]
#[template(path = "web/administration/remove.html")]
struct RemovePage {
    frame: Frame,
    tabs: Vec<Tab>,
    question: String,
    /// What it means.
    consequence: String,
    /// Why it was not done.
    refusal: Option<String>,
    /// Where to go instead.
    back: String,
}

impl RemovePage {
    async fn of(
        visit: &Visit,
        (question, consequence): (String, String),
        refusal: Option<String>,
        back: String,
    ) -> Result<Response, Failure> {
        let Sheet { frame, tabs } = Sheet::of(visit, visit.words.say("admin-remove")).await?;
        page(&Self { frame, tabs, question, consequence, refusal, back })
    }
}

/// Keeps a page that shows a secret out of every cache.
fn unstored(mut response: Response) -> Response {
    response.headers_mut().insert(header::CACHE_CONTROL, UNSTORED);
    response
}

/// Returns the message that says what a role means.
pub(super) fn role_meaning(role: &str) -> &'static str {
    match Role::parse(role) {
        Some(Role::ReferralsAdmin) => "role-referrals-admin-means",
        Some(Role::ReferralsUser) => "role-referrals-user-means",
        Some(Role::AccountAdmin) | None => "role-account-admin-means",
    }
}

/// Returns what a kind of solution is called.
pub(super) fn kind_name(kind: &SolutionKind) -> &'static str {
    kind.as_str()
}
