//! The applications of an organisation: which programs sign its people in, how they prove themselves, and where they may
//! have people sent back to.

use serde::Serialize;
use uuid::Uuid;

use super::{AdministrationError, Author, Done, Tools, finish, hash_client_secret, random_text, write};
use crate::{
    domain::{
        audit::{Deed, Resource},
        json::Node,
        organization::{
            Application, OrganizationId,
            form::{Form, TEXT_CHARS_MAX},
            redirect,
        },
        report::Report,
    },
    storage::Store,
};

/// An application, as operators read it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ApplicationView {
    /// OAuth `client_id`.
    pub id: Uuid,
    /// Display name, which the sign-in page shows.
    pub name: String,
    /// Whether it has no secret: a program on its users' machines.
    pub is_public: bool,
    /// Where people may be sent back to after they have signed in.
    pub redirect_uris: Vec<String>,
}

/// An application that was added, and the one time that its secret is told.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ApplicationAdded {
    /// The application.
    #[serde(flatten)]
    pub application: ApplicationView,
    /// Its secret; only the hash is kept. Absent for a public one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<String>,
}

/// Lists the applications of an organisation by name.
pub async fn list_applications(
    store: &Store,
    organization_id: &OrganizationId,
) -> Result<Vec<ApplicationView>, AdministrationError> {
    Ok(store.list_applications(organization_id).await?.iter().map(view).collect())
}

/// Adds an application.
pub async fn create_application(
    tools: Tools<'_>,
    author: Author<'_>,
    organization_id: &OrganizationId,
    body: &Node,
) -> Result<ApplicationAdded, AdministrationError> {
    let (id, secret) = (tools.random.uuid(), random_text::<32>(tools.random));
    write(tools, author, organization_id, "the application exists", |_, commit| {
        let mut application = Application {
            id,
            organization_id: organization_id.clone(),
            name: String::new(),
            secret_hash: None,
            redirect_uris: Vec::new(),
        };
        let (mut report, mut is_public) = (Report::default(), false);
        Form::read(body.clone(), &mut report, |form| {
            form.boolean("isPublic", &mut is_public);
            read(form, &mut application);
        });
        finish(report)?;
        let client_secret = (!is_public).then(|| secret.clone());
        application.secret_hash = client_secret.as_deref().map(hash_client_secret);
        commit.insert_application(&application);
        let shown = view(&application);
        let added = ApplicationAdded { application: shown.clone(), client_secret };
        Ok(Done::new((Deed::Create, Resource::Application), id, added).after(&shown))
    })
    .await
}

/// Changes an application; absent members stay.
pub async fn update_application(
    tools: Tools<'_>,
    author: Author<'_>,
    before: &Application,
    body: &Node,
) -> Result<ApplicationView, AdministrationError> {
    write(tools, author, &before.organization_id, "", |_, commit| {
        let mut application = before.clone();
        let mut report = Report::default();
        Form::read(body.clone(), &mut report, |form| read(form, &mut application));
        finish(report)?;
        commit.update_application(&application);
        let done = Done::new((Deed::Update, Resource::Application), before.id, view(&application));
        Ok(done.before(&view(before)).after_answer())
    })
    .await
}

fn read(form: &mut Form<'_>, application: &mut Application) {
    let mut name = Some(std::mem::take(&mut application.name)).filter(|it| !it.is_empty());
    form.text("name", TEXT_CHARS_MAX, &mut name);
    match name {
        Some(name) => application.name = name,
        None => form.required("name", "the name of the application is required"),
    }
    form.list("redirectUris", &mut application.redirect_uris, |text| {
        redirect::parse(text).map_err(|message| ("redirectUri", message))
    });
}

fn view(application: &Application) -> ApplicationView {
    ApplicationView {
        id: application.id,
        name: application.name.clone(),
        is_public: application.secret_hash.is_none(),
        redirect_uris: application.redirect_uris.clone(),
    }
}
