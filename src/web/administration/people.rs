//! The people of the organisation: who they are, what they may do, and where.

use askama::Template;
use axum::{Form, Router, response::Response, routing::get};
use uuid::Uuid;

use super::{
    Key, RemovePage, Sheet, Tab,
    fields::{
        Choice, Draft, Sent,
        Shape::{List, Text},
        Shapes,
    },
    node, tools, unstored,
};
use crate::{
    app::App,
    domain::organization::Role,
    service::administration::{self, Author, UserView},
    web::{
        failure::{self, Failure},
        visit::{Frame, Visit, go_on, page},
        words::Words,
    },
};

const PATH: &str = "/administration/people";
const NEW: Shapes = &[
    ("name", Text),
    ("email", Text),
    ("roles", List),
    ("locations", List),
    ("password", Text),
    ("id", Text),
    ("issuer", Text),
    ("subject", Text),
];
const KNOWN: Shapes =
    &[("name", Text), ("email", Text), ("roles", List), ("locations", List), ("password", Text)];

/// Returns the routes.
pub(super) fn router() -> Router<App> {
    Router::new()
        .route("/administration/people", get(list))
        .route("/administration/people/new", get(show_new).post(add))
        .route("/administration/people/{id}", get(show).post(save))
        .route("/administration/people/{id}/remove", get(ask).post(remove))
}

/// Somebody in the list.
struct Person {
    id: Uuid,
    name: String,
    email: String,
    roles: String,
    scope: String,
    is_self: bool,
}

#[derive(Template)]
#[template(path = "web/administration/people.html")]
struct PeoplePage {
    frame: Frame,
    tabs: Vec<Tab>,
    people: Vec<Person>,
}

/// The form of somebody new (`id` is `None`) or known.
#[derive(Template)]
#[template(path = "web/administration/person.html")]
struct PersonPage {
    frame: Frame,
    tabs: Vec<Tab>,
    draft: Draft,
    id: Option<Uuid>,
    is_self: bool,
    roles: Vec<Choice>,
    locations: Vec<Choice>,
}

/// Tells the password of somebody new, once.
#[derive(Template)]
#[template(path = "web/administration/added.html")]
struct AddedPage {
    frame: Frame,
    tabs: Vec<Tab>,
    email: String,
    password: String,
}

async fn locations(visit: &Visit) -> Result<Vec<Choice>, Failure> {
    let own = &visit.administrator()?.0.organization_id;
    let profiles = administration::list_business_profiles(&visit.app.context.store, own).await?;
    let locations = profiles.into_iter().flat_map(|it| it.locations);
    Ok(locations
        .map(|it| Choice { label: format!("{} ({})", it.name, it.mpn_id), value: it.mpn_id })
        .collect())
}

/// Returns what a role is called.
pub(in crate::web) fn role_name(words: Words, role: &str) -> String {
    words.say_known(&format!("role-{role}")).unwrap_or_else(|| role.to_owned())
}

async fn list(visit: Visit) -> Result<Response, Failure> {
    let administrator = visit.administrator()?;
    let (store, own) = (&visit.app.context.store, &administrator.0.organization_id);
    let known = locations(&visit).await?;
    let place = |mpn_id: &String| {
        known.iter().find(|it| it.value == *mpn_id).map_or_else(|| mpn_id.clone(), |it| it.label.clone())
    };
    let words = visit.words;
    let person = |it: UserView| Person {
        is_self: it.id == administrator.0.user_id,
        roles: it.roles.iter().map(|it| role_name(words, it)).collect::<Vec<_>>().join(", "),
        scope: match it.locations.is_empty() {
            true => words.say("admin-entire-company"),
            false => it.locations.iter().map(place).collect::<Vec<_>>().join(", "),
        },
        id: it.id,
        name: it.name,
        email: it.email,
    };
    let people = administration::list_users(store, own).await?.into_iter().map(person).collect();
    let Sheet { frame, tabs } = Sheet::of(&visit, words.say("admin-people")).await?;
    page(&PeoplePage { frame, tabs, people })
}

async fn answer(visit: &Visit, draft: Draft, user: Option<&UserView>) -> Result<Response, Failure> {
    let title = user.map_or_else(|| visit.words.say("admin-person-new"), |it| it.name.clone());
    let Sheet { frame, tabs } = Sheet::of(visit, title).await?;
    let is_refused = draft.is_refused();
    let role =
        |it: Role| Choice { value: it.as_str().to_owned(), label: role_name(visit.words, it.as_str()) };
    let id = user.map(|it| it.id);
    let response = page(&PersonPage {
        frame,
        tabs,
        draft,
        is_self: id == Some(visit.seat.colleague.user_id),
        id,
        roles: Role::ALL.into_iter().map(role).collect(),
        locations: locations(visit).await?,
    })?;
    Ok(if is_refused { failure::refused(response) } else { response })
}

async fn show_new(visit: Visit) -> Result<Response, Failure> {
    visit.administrator()?;
    answer(&visit, Draft::blank(NEW), None).await
}

async fn add(visit: Visit, Form(sent): Form<Sent>) -> Result<Response, Failure> {
    let administrator = visit.administrator()?;
    let (author, own) = (Author::Administrator(&administrator), &administrator.0.organization_id);
    let mut draft = Draft::sent(NEW, sent);
    let body = node(&visit, &draft.json())?;
    let user = match administration::create_user(tools(&visit), author, own, &body).await {
        Ok(user) => user,
        Err(error) => {
            draft.refuse(error.into())?;
            return answer(&visit, draft, None).await;
        }
    };
    let Some(password) = user.generated_password else { return Ok(go_on(PATH, "person-added")) };
    let Sheet { frame, tabs } = Sheet::of(&visit, visit.words.say("admin-person-added")).await?;
    Ok(unstored(page(&AddedPage { frame, tabs, email: user.email, password })?))
}

async fn read(visit: &Visit, id: Uuid) -> Result<UserView, Failure> {
    let own = &visit.administrator()?.0.organization_id;
    Ok(administration::read_user(&visit.app.context.store, own, id).await?)
}

async fn show(visit: Visit, Key(id): Key<Uuid>) -> Result<Response, Failure> {
    let user = read(&visit, id).await?;
    answer(&visit, Draft::of(KNOWN, &user), Some(&user)).await
}

async fn save(visit: Visit, Key(id): Key<Uuid>, Form(sent): Form<Sent>) -> Result<Response, Failure> {
    let administrator = visit.administrator()?;
    let user = read(&visit, id).await?;
    let mut draft = Draft::sent(KNOWN, sent);
    if draft.compare(&user) {
        let (author, own) = (Author::Administrator(&administrator), &administrator.0.organization_id);
        let body = node(&visit, &draft.json())?;
        match administration::update_user(tools(&visit), author, own, id, &body).await {
            Ok(_) => return Ok(go_on(PATH, "person-saved")),
            Err(error) => draft.refuse(error.into())?,
        }
    }
    answer(&visit, draft, Some(&user)).await
}

async fn question(visit: &Visit, id: Uuid, refusal: Option<String>) -> Result<Response, Failure> {
    let user = read(visit, id).await?;
    let words = visit.words;
    let texts = (words.about("admin-person-remove", &user.name), words.say("admin-person-remove-means"));
    RemovePage::of(visit, texts, refusal, format!("{PATH}/{id}")).await
}

async fn ask(visit: Visit, Key(id): Key<Uuid>) -> Result<Response, Failure> {
    question(&visit, id, None).await
}

async fn remove(visit: Visit, Key(id): Key<Uuid>) -> Result<Response, Failure> {
    let administrator = visit.administrator()?;
    let (author, own) = (Author::Administrator(&administrator), &administrator.0.organization_id);
    match administration::remove_user(tools(&visit), author, own, id).await.map_err(Failure::from) {
        Ok(()) => Ok(go_on(PATH, "person-removed")),
        Err(Failure::Conflict(reason)) => question(&visit, id, Some(reason)).await.map(failure::refused),
        Err(failure) => Err(failure),
    }
}
