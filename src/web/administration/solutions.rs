//! The solutions that the organisation sells.

use askama::Template;
use axum::{Form, Router, response::Response, routing::get};

use super::{
    Key, RemovePage, Sheet, Tab,
    fields::{
        Choice, Draft, Sent,
        Shape::{List, Text},
        Shapes,
    },
    node, tools,
};
use crate::{
    app::App,
    domain::{
        organization::OrganizationId,
        vocabulary::{INDUSTRIES, SolutionKind, Vocabulary as _},
    },
    service::administration::{self, Author, SolutionView},
    web::{
        failure::{self, Failure},
        visit::{Frame, Visit, go_on, page},
    },
};

const PATH: &str = "/administration/solutions";
const NEW: Shapes = &[
    ("id", Text),
    ("name", Text),
    ("publisherName", Text),
    ("solutionType", Text),
    ("coSellStatus", Text),
    ("mpnId", Text),
    ("offerIds", List),
    ("solutionAreas", List),
    ("incentives", List),
    ("industries", List),
];
/// Once it is there, a solution keeps its id.
const KNOWN: Shapes = NEW.split_at(1).1;

/// Returns the routes.
pub(super) fn router() -> Router<App> {
    Router::new()
        .route("/administration/solutions", get(list))
        .route("/administration/solutions/new", get(show_new).post(add))
        .route("/administration/solutions/of/{id}", get(show).post(save))
        .route("/administration/solutions/of/{id}/remove", get(ask).post(remove))
}

#[derive(Template)]
#[template(path = "web/administration/solutions.html")]
struct SolutionsPage {
    frame: Frame,
    tabs: Vec<Tab>,
    solutions: Vec<SolutionView>,
}

/// The form of a solution that is new (`id` is `None`) or known.
#[derive(Template)]
#[template(path = "web/administration/solution.html")]
struct SolutionPage {
    frame: Frame,
    tabs: Vec<Tab>,
    draft: Draft,
    id: Option<String>,
    kinds: Vec<Choice>,
    locations: Vec<Choice>,
    industries: Vec<Choice>,
}

fn own(visit: &Visit) -> Result<OrganizationId, Failure> {
    Ok(visit.administrator()?.0.organization_id)
}

fn path_of(id: &str) -> String {
    // The ids of solutions are letters, digits and a few marks, which stand in a path as they are.
    format!("{PATH}/of/{id}")
}

async fn list(visit: Visit) -> Result<Response, Failure> {
    let solutions = administration::list_solutions(&visit.app.context.store, &own(&visit)?).await?;
    let Sheet { frame, tabs } = Sheet::of(&visit, visit.words.say("admin-solutions")).await?;
    page(&SolutionsPage { frame, tabs, solutions })
}

async fn answer(visit: &Visit, draft: Draft, solution: Option<&SolutionView>) -> Result<Response, Failure> {
    let title = solution.map_or_else(|| visit.words.say("admin-solution-new"), |it| it.name.clone());
    let Sheet { frame, tabs } = Sheet::of(visit, title).await?;
    let is_refused = draft.is_refused();
    let profiles = administration::list_business_profiles(&visit.app.context.store, &own(visit)?).await?;
    let location = |it: administration::LocationView| Choice {
        label: format!("{} ({})", it.name, it.mpn_id),
        value: it.mpn_id,
    };
    let none = |label: &str| Choice { value: String::new(), label: visit.words.say(label) };
    let kinds = SolutionKind::ALL.iter().map(|it| Choice::plain(it.as_str()));
    let locations = profiles.into_iter().flat_map(|it| it.locations).map(location);
    let response = page(&SolutionPage {
        frame,
        tabs,
        draft,
        id: solution.map(|it| it.id.clone()),
        kinds: std::iter::once(none("admin-not-said")).chain(kinds).collect(),
        locations: std::iter::once(none("admin-location-default-one")).chain(locations).collect(),
        industries: INDUSTRIES.iter().map(|it| Choice::plain(*it)).collect(),
    })?;
    Ok(if is_refused { failure::refused(response) } else { response })
}

async fn show_new(visit: Visit) -> Result<Response, Failure> {
    visit.administrator()?;
    answer(&visit, Draft::blank(NEW), None).await
}

async fn add(visit: Visit, Form(sent): Form<Sent>) -> Result<Response, Failure> {
    let administrator = visit.administrator()?;
    let author = Author::Administrator(&administrator);
    let mut draft = Draft::sent(NEW, sent);
    let body = node(&visit, &draft.json())?;
    match administration::create_solution(tools(&visit), author, &own(&visit)?, &body).await {
        Ok(_) => Ok(go_on(PATH, "solution-added")),
        Err(error) => {
            draft.refuse(error.into())?;
            answer(&visit, draft, None).await
        }
    }
}

async fn read(visit: &Visit, id: &str) -> Result<SolutionView, Failure> {
    Ok(administration::read_solution(&visit.app.context.store, &own(visit)?, id).await?)
}

async fn show(visit: Visit, Key(id): Key<String>) -> Result<Response, Failure> {
    let solution = read(&visit, &id).await?;
    answer(&visit, Draft::of(KNOWN, &solution), Some(&solution)).await
}

async fn save(visit: Visit, Key(id): Key<String>, Form(sent): Form<Sent>) -> Result<Response, Failure> {
    let administrator = visit.administrator()?;
    let solution = read(&visit, &id).await?;
    let mut draft = Draft::sent(KNOWN, sent);
    if draft.compare(&solution) {
        let author = Author::Administrator(&administrator);
        let body = node(&visit, &draft.json())?;
        match administration::update_solution(tools(&visit), author, &own(&visit)?, &id, &body).await {
            Ok(_) => return Ok(go_on(PATH, "solution-saved")),
            Err(error) => draft.refuse(error.into())?,
        }
    }
    answer(&visit, draft, Some(&solution)).await
}

async fn ask(visit: Visit, Key(id): Key<String>) -> Result<Response, Failure> {
    let solution = read(&visit, &id).await?;
    let words = visit.words;
    let texts =
        (words.about("admin-solution-remove", &solution.name), words.say("admin-solution-remove-means"));
    RemovePage::of(&visit, texts, None, path_of(&solution.id)).await
}

async fn remove(visit: Visit, Key(id): Key<String>) -> Result<Response, Failure> {
    let administrator = visit.administrator()?;
    let author = Author::Administrator(&administrator);
    administration::remove_solution(tools(&visit), author, &own(&visit)?, &id).await?;
    Ok(go_on(PATH, "solution-removed"))
}
