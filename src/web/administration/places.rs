//! Business profiles, and the locations in them: where the organisation can be addressed.

use askama::Template;
use axum::{Form, Router, response::Response, routing::get};
use uuid::Uuid;

use super::{
    Key, RemovePage, Sheet, Tab,
    fields::{
        Choice, Draft, Sent,
        Shape::{Flag, List, Number, Text},
        Shapes,
    },
    node, tools,
};
use crate::{
    app::App,
    domain::{
        organization::OrganizationId,
        vocabulary::{
            CustomerSize, INDUSTRIES, PRODUCTS, ProfileStatus, SERVICES, SOLUTION_CATEGORIES, Vocabulary as _,
        },
    },
    service::administration::{self, Author, BusinessProfileView, LocationView},
    web::{
        failure::{self, Failure},
        visit::{Frame, Visit, go_on, page},
    },
};

const PATH: &str = "/administration/profiles";
const PROFILE: Shapes = &[
    ("country", Text),
    ("status", Text),
    ("description", Text),
    ("website", Text),
    ("linkedIn", Text),
    ("logoUrl", Text),
    ("tags.industries", List),
    ("tags.products", List),
    ("tags.services", List),
    ("tags.solutions", List),
    ("targetCustomerSizes", List),
];
const LOCATION: Shapes = &[
    ("name", Text),
    ("mpnId", Text),
    ("isDefault", Flag),
    ("address.addressLine1", Text),
    ("address.addressLine2", Text),
    ("address.postalCode", Text),
    ("address.city", Text),
    ("address.state", Text),
    ("address.country", Text),
    ("geo.lat", Number),
    ("geo.lon", Number),
    ("contact.firstName", Text),
    ("contact.lastName", Text),
    ("contact.phoneNumber", Text),
    ("contact.email", Text),
];

/// Returns the routes.
pub(super) fn router() -> Router<App> {
    Router::new()
        .route("/administration/profiles", get(list))
        .route("/administration/profiles/new", get(show_new).post(add))
        .route("/administration/profiles/{id}", get(show).post(save))
        .route("/administration/profiles/{id}/locations/new", get(show_new_location).post(add_location))
        .route(
            "/administration/profiles/{id}/locations/{location_id}",
            get(show_location).post(save_location),
        )
        .route(
            "/administration/profiles/{id}/locations/{location_id}/remove",
            get(ask_location).post(remove_location),
        )
}

#[derive(Template)]
#[template(path = "web/administration/profiles.html")]
struct ProfilesPage {
    frame: Frame,
    tabs: Vec<Tab>,
    profiles: Vec<BusinessProfileView>,
}

/// The form of a profile that is new (`id` is `None`) or known.
#[derive(Template)]
#[template(path = "web/administration/profile.html")]
struct ProfilePage {
    frame: Frame,
    tabs: Vec<Tab>,
    draft: Draft,
    id: Option<Uuid>,
    statuses: Vec<Choice>,
    industries: Vec<Choice>,
    sizes: Vec<Choice>,
    /// The known words of what is typed in lines, for whoever looks for one.
    products: String,
    services: String,
    categories: String,
}

/// The form of a location that is new (`id` is `None`) or known.
#[derive(Template)]
#[template(path = "web/administration/location.html")]
struct LocationPage {
    frame: Frame,
    tabs: Vec<Tab>,
    draft: Draft,
    profile_id: Uuid,
    id: Option<Uuid>,
    /// Whether it is the default one as things stand.
    is_default: bool,
}

fn own(visit: &Visit) -> Result<OrganizationId, Failure> {
    Ok(visit.administrator()?.0.organization_id)
}

async fn list(visit: Visit) -> Result<Response, Failure> {
    let profiles = administration::list_business_profiles(&visit.app.context.store, &own(&visit)?).await?;
    let Sheet { frame, tabs } = Sheet::of(&visit, visit.words.say("admin-profiles")).await?;
    page(&ProfilesPage { frame, tabs, profiles })
}

async fn answer(
    visit: &Visit,
    draft: Draft,
    profile: Option<&BusinessProfileView>,
) -> Result<Response, Failure> {
    let words = visit.words;
    let title = match profile.map(|it| it.profile.country.as_deref()) {
        None => words.say("admin-profile-new"),
        Some(Some(country)) => words.about("admin-profile-of", country),
        Some(None) => words.say("admin-profile-first"),
    };
    let Sheet { frame, tabs } = Sheet::of(visit, title).await?;
    let is_refused = draft.is_refused();
    let status = |it: &ProfileStatus| Choice {
        value: it.as_str().to_owned(),
        label: words.say(match it {
            ProfileStatus::Draft => "admin-profile-draft",
            ProfileStatus::Published => "admin-profile-published",
        }),
    };
    let response = page(&ProfilePage {
        frame,
        tabs,
        draft,
        id: profile.map(|it| it.id),
        statuses: ProfileStatus::ALL.iter().map(status).collect(),
        industries: INDUSTRIES.iter().map(|it| Choice::plain(*it)).collect(),
        sizes: CustomerSize::ALL.iter().map(|it| Choice::plain(it.as_str())).collect(),
        products: PRODUCTS.join(", "),
        services: SERVICES.join(", "),
        categories: SOLUTION_CATEGORIES.join(", "),
    })?;
    Ok(if is_refused { failure::refused(response) } else { response })
}

async fn show_new(visit: Visit) -> Result<Response, Failure> {
    visit.administrator()?;
    answer(&visit, Draft::blank(PROFILE), None).await
}

async fn add(visit: Visit, Form(sent): Form<Sent>) -> Result<Response, Failure> {
    let administrator = visit.administrator()?;
    let author = Author::Administrator(&administrator);
    let mut draft = Draft::sent(PROFILE, sent);
    let body = node(&visit, &draft.json())?;
    match administration::create_business_profile(tools(&visit), author, &own(&visit)?, &body).await {
        Ok(_) => Ok(go_on(PATH, "profile-added")),
        Err(error) => {
            draft.refuse(error.into())?;
            answer(&visit, draft, None).await
        }
    }
}

async fn read(visit: &Visit, id: Uuid) -> Result<BusinessProfileView, Failure> {
    Ok(administration::read_business_profile(&visit.app.context.store, &own(visit)?, id).await?)
}

async fn show(visit: Visit, Key(id): Key<Uuid>) -> Result<Response, Failure> {
    let profile = read(&visit, id).await?;
    answer(&visit, Draft::of(PROFILE, &profile.profile), Some(&profile)).await
}

async fn save(visit: Visit, Key(id): Key<Uuid>, Form(sent): Form<Sent>) -> Result<Response, Failure> {
    let administrator = visit.administrator()?;
    let profile = read(&visit, id).await?;
    let mut draft = Draft::sent(PROFILE, sent);
    if draft.compare(&profile.profile) {
        let author = Author::Administrator(&administrator);
        let body = node(&visit, &draft.json())?;
        match administration::update_business_profile(tools(&visit), author, &own(&visit)?, id, &body).await {
            Ok(_) => return Ok(go_on(PATH, "profile-saved")),
            Err(error) => draft.refuse(error.into())?,
        }
    }
    answer(&visit, draft, Some(&profile)).await
}

async fn answer_location(
    visit: &Visit,
    draft: Draft,
    profile_id: Uuid,
    location: Option<&LocationView>,
) -> Result<Response, Failure> {
    let title = location.map_or_else(|| visit.words.say("admin-location-new"), |it| it.name.clone());
    let Sheet { frame, tabs } = Sheet::of(visit, title).await?;
    let is_refused = draft.is_refused();
    let (id, is_default) = (location.map(|it| it.id), location.is_some_and(|it| it.is_default));
    let response = page(&LocationPage { frame, tabs, draft, profile_id, id, is_default })?;
    Ok(if is_refused { failure::refused(response) } else { response })
}

async fn show_new_location(visit: Visit, Key(id): Key<Uuid>) -> Result<Response, Failure> {
    let profile = read(&visit, id).await?;
    answer_location(&visit, Draft::blank(LOCATION), profile.id, None).await
}

async fn add_location(visit: Visit, Key(id): Key<Uuid>, Form(sent): Form<Sent>) -> Result<Response, Failure> {
    let administrator = visit.administrator()?;
    let author = Author::Administrator(&administrator);
    let mut draft = Draft::sent(LOCATION, sent);
    let body = node(&visit, &draft.json())?;
    match administration::create_location(tools(&visit), author, &own(&visit)?, Some(id), &body).await {
        Ok(_) => Ok(go_on(PATH, "location-added")),
        Err(error) => {
            draft.refuse(error.into())?;
            answer_location(&visit, draft, id, None).await
        }
    }
}

async fn read_location(visit: &Visit, (id, location_id): (Uuid, Uuid)) -> Result<LocationView, Failure> {
    Ok(administration::read_location(&visit.app.context.store, &own(visit)?, id, location_id).await?)
}

async fn show_location(visit: Visit, Key(ids): Key<(Uuid, Uuid)>) -> Result<Response, Failure> {
    let location = read_location(&visit, ids).await?;
    answer_location(&visit, Draft::of(LOCATION, &location), ids.0, Some(&location)).await
}

async fn save_location(
    visit: Visit,
    Key(ids): Key<(Uuid, Uuid)>,
    Form(sent): Form<Sent>,
) -> Result<Response, Failure> {
    let administrator = visit.administrator()?;
    let location = read_location(&visit, ids).await?;
    let mut draft = Draft::sent(LOCATION, sent);
    if draft.compare(&location) {
        let author = Author::Administrator(&administrator);
        let body = node(&visit, &draft.json())?;
        let (own, tools) = (own(&visit)?, tools(&visit));
        match administration::update_location(tools, author, &own, ids.0, ids.1, &body).await {
            Ok(_) => return Ok(go_on(PATH, "location-saved")),
            Err(error) => draft.refuse(error.into())?,
        }
    }
    answer_location(&visit, draft, ids.0, Some(&location)).await
}

async fn question(visit: &Visit, ids: (Uuid, Uuid), refusal: Option<String>) -> Result<Response, Failure> {
    let location = read_location(visit, ids).await?;
    let words = visit.words;
    let texts =
        (words.about("admin-location-remove", &location.name), words.say("admin-location-remove-means"));
    RemovePage::of(visit, texts, refusal, format!("{PATH}/{}/locations/{}", ids.0, ids.1)).await
}

async fn ask_location(visit: Visit, Key(ids): Key<(Uuid, Uuid)>) -> Result<Response, Failure> {
    question(&visit, ids, None).await
}

async fn remove_location(visit: Visit, Key(ids): Key<(Uuid, Uuid)>) -> Result<Response, Failure> {
    let administrator = visit.administrator()?;
    let author = Author::Administrator(&administrator);
    let removed = administration::remove_location(tools(&visit), author, &own(&visit)?, ids.0, ids.1).await;
    match removed.map_err(Failure::from) {
        Ok(()) => Ok(go_on(PATH, "location-removed")),
        Err(Failure::Conflict(reason)) => question(&visit, ids, Some(reason)).await.map(failure::refused),
        Err(failure) => Err(failure),
    }
}
