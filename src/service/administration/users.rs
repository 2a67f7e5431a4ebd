//! The people of an organisation: who they are, what they may do, and where.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::sync::Semaphore;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    AdministrationError, Author, Done, HashFailed, Obstacle, Thing, Tools, find_organization, finish,
    hash_password, load, random_text, to_node, write,
};
use crate::{
    domain::{
        actor::Administrator,
        audit::{Deed, Resource},
        json::Node,
        organization::{
            ExternalSubject, LocationScope, OrganizationId, Role, User,
            form::{self, EMAIL_CHARS_MAX, Form, TEXT_CHARS_MAX, URL_CHARS_MAX},
        },
        report::Report,
        sources::Random,
    },
    storage::{Store, WholeOrganization},
};

/// The shortest password that is accepted, in characters.
const PASSWORD_CHARS_MIN: usize = 8;

/// Passwords that are hashed at a time.
const HASHES_MAX: usize = 2;

/// A person to add, as an operator says it.
#[derive(Clone, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UserRequest {
    /// Id, domain or name of the employer.
    pub organization: String,
    /// The `oid` of its tokens, when an issuer elsewhere gives it; a random GUID when absent.
    #[serde(default)]
    pub id: Option<Uuid>,
    /// Sign-in name.
    pub email: String,
    /// Display name.
    pub name: String,
    /// `referrals-admin`, `referrals-user`, `account-admin`.
    pub roles: Vec<String>,
    /// Partner ids of the locations that the roles reach; empty for the whole company.
    #[serde(default)]
    pub locations: Vec<String>,
    /// A random one when absent; none for who signs in elsewhere.
    #[serde(default)]
    pub password: Option<String>,
    /// The exact `iss` of an issuer that does not write `tid` and `oid`; comes with `subject`.
    #[serde(default)]
    pub issuer: Option<String>,
    /// The `sub` that this issuer knows the user by.
    #[serde(default)]
    pub subject: Option<String>,
}

/// Who was added.
#[derive(Clone, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UserAdded {
    /// The `oid` of its tokens.
    pub user_id: Uuid,
    /// The employer.
    pub organization_id: OrganizationId,
    /// Sign-in name.
    pub email: String,
    /// The password, when it was made here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generated_password: Option<String>,
}

/// A person, as its colleagues read it.
#[derive(Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UserView {
    /// The `oid` of its tokens.
    pub id: Uuid,
    /// Sign-in name, and the address that team membership is matched by.
    pub email: String,
    /// Display name.
    pub name: String,
    /// `referrals-admin`, `referrals-user`, `account-admin`.
    pub roles: Vec<String>,
    /// Partner ids of the locations that the roles reach; empty for the entire company.
    pub locations: Vec<String>,
    /// The password, when it was made here. It is told once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generated_password: Option<String>,
}

/// What is sent of a person. Members that are absent stay as they are.
#[derive(Clone, Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct UserInput {
    /// The `oid` of its tokens, when an issuer elsewhere gives it. Only for a new user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<Uuid>,
    /// Sign-in name. Required of a new user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Display name. Required of a new user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// `referrals-admin`, `referrals-user`, `account-admin`; at least one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub roles: Option<Vec<String>>,
    /// Partner ids of the locations that the roles reach; empty for the entire company.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub locations: Option<Vec<String>>,
    /// 8 to 256 characters. A new user without one gets a random one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(write_only)]
    pub password: Option<String>,
    /// The exact `iss` of an issuer that does not write `tid` and `oid`. Only for a new user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// The `sub` that this issuer knows the user by. Only for a new user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
}

/// What a request says of a person.
#[derive(Clone, Default)]
struct Draft {
    id: Option<Uuid>,
    email: String,
    name: String,
    roles: Vec<Role>,
    locations: Vec<String>,
    password: Option<String>,
    issuer: Option<String>,
    subject: Option<String>,
}

/// Adds a person to an organisation, for an operator.
pub async fn add_user(tools: Tools<'_>, request: UserRequest) -> Result<UserAdded, AdministrationError> {
    let organization = find_organization(tools.store, &request.organization).await?;
    let mut body = json!(request);
    if let Some(members) = body.as_object_mut() {
        members.remove("organization");
    }
    let added = create_user(tools, Author::Operator, &organization.id, &to_node(&body)?).await?;
    Ok(UserAdded {
        user_id: added.id,
        organization_id: organization.id,
        email: added.email,
        generated_password: added.generated_password,
    })
}

/// Lists the people of an organisation by e-mail.
pub async fn list_users(
    store: &Store,
    organization_id: &OrganizationId,
) -> Result<Vec<UserView>, AdministrationError> {
    Ok(store.list_users(organization_id).await?.into_iter().map(view).collect())
}

/// Reads one of the people of an organisation.
pub async fn read_user(
    store: &Store,
    organization_id: &OrganizationId,
    id: Uuid,
) -> Result<UserView, AdministrationError> {
    let found = store.find_principal_by_id(id).await?;
    let colleague = found.filter(|it| it.organization.id == *organization_id);
    Ok(view(colleague.ok_or(AdministrationError::Unknown(Thing::User))?.user))
}

/// Adds a person; makes a password for one that signs in here and has none.
pub async fn create_user(
    tools: Tools<'_>,
    author: Author<'_>,
    organization_id: &OrganizationId,
    body: &Node,
) -> Result<UserView, AdministrationError> {
    let whole = load(tools.store, organization_id).await?;
    author.check(&whole)?;
    let draft = read_new(&whole, body)?;
    let subject = draft.issuer.clone().zip(draft.subject.clone());
    let subject = subject.map(|(issuer, subject)| ExternalSubject { issuer, subject });
    check_free(tools.store, &draft, subject.as_ref()).await?;
    let (password, generated_password) = match (draft.password, &subject) {
        (None, None) => {
            let password = random_text::<18>(tools.random);
            (Some(password.clone()), Some(password))
        }
        (password, _) => (password, None),
    };
    let password_hash = match password {
        Some(password) => Some(hash_elsewhere(password, tools.random).await?),
        None => None,
    };
    let user = User {
        id: draft.id.unwrap_or_else(|| tools.random.uuid()),
        organization_id: organization_id.clone(),
        email: draft.email,
        name: draft.name,
        password_hash,
        subject,
        roles: draft.roles,
        locations: scope(draft.locations),
    };
    let taken = "the user's id, e-mail address or identity elsewhere was taken in this moment";
    write(tools, author, organization_id, taken, |whole, commit| {
        // The locations may have changed since.
        read_new(whole, body)?;
        commit.insert_user(&user);
        Ok(Done::new((Deed::Create, Resource::User), user.id, ()).after(&view(user.clone())))
    })
    .await?;
    Ok(UserView { generated_password, ..view(user) })
}

/// Changes a person; absent members stay. Roles and locations count from the next call on.
pub async fn update_user(
    tools: Tools<'_>,
    author: Author<'_>,
    organization_id: &OrganizationId,
    id: Uuid,
    body: &Node,
) -> Result<UserView, AdministrationError> {
    let whole = load(tools.store, organization_id).await?;
    author.check(&whole)?;
    let password_hash = match read_changed(&whole, find(&whole, id)?, body)?.password {
        Some(password) => Some(hash_elsewhere(password, tools.random).await?),
        None => None,
    };
    let taken = "another user has this e-mail address";
    write(tools, author, organization_id, taken, |whole, commit| {
        let user = find(whole, id)?;
        let draft = read_changed(whole, user, body)?;
        if !draft.roles.contains(&Role::AccountAdmin) {
            check_keeps_role(whole, author, user)?;
        }
        let changed = User {
            email: draft.email,
            name: draft.name,
            password_hash: password_hash.clone().or_else(|| user.password_hash.clone()),
            roles: draft.roles,
            locations: scope(draft.locations),
            ..user.clone()
        };
        commit.update_user(&changed);
        let done = Done::new((Deed::Update, Resource::User), id, view(changed)).before(&view(user.clone()));
        let done = done.after_answer();
        Ok(if password_hash.is_some() { done.detail("PasswordChanged", true) } else { done })
    })
    .await
}

/// Takes a person away. What the person did stays.
pub async fn remove_user(
    tools: Tools<'_>,
    author: Author<'_>,
    organization_id: &OrganizationId,
    id: Uuid,
) -> Result<(), AdministrationError> {
    write(tools, author, organization_id, "", |whole, commit| {
        let user = find(whole, id)?;
        check_keeps_role(whole, author, user)?;
        commit.delete_user(user);
        Ok(Done::new((Deed::Delete, Resource::User), id, ()).before(&view(user.clone())))
    })
    .await
}

/// Refuses that an account admin takes the role from itself. Since the one who writes keeps it, no organisation
/// loses its last account admin; only an operator may do that.
fn check_keeps_role(
    whole: &WholeOrganization,
    author: Author<'_>,
    user: &User,
) -> Result<(), AdministrationError> {
    let Author::Administrator(Administrator(caller)) = author else { return Ok(()) };
    if caller.user_id != user.id {
        return Ok(());
    }
    let is_other_admin = |it: &User| it.id != user.id && it.roles.contains(&Role::AccountAdmin);
    let (obstacle, message) = match whole.users.iter().any(is_other_admin) {
        true => (
            Obstacle::OwnAccountAdmin,
            "an account admin cannot take this role from itself; ask another account admin",
        ),
        false => (
            Obstacle::LastAccountAdmin,
            "this is the organization's last account admin; make another user one first",
        ),
    };
    Err(AdministrationError::Conflict(obstacle, message.to_owned()))
}

fn read_new(whole: &WholeOrganization, body: &Node) -> Result<Draft, AdministrationError> {
    let mut draft = Draft::default();
    let mut report = Report::default();
    Form::read(body.clone(), &mut report, |form| {
        let mut id = None;
        form.text("id", TEXT_CHARS_MAX, &mut id);
        if let Some(text) = id {
            draft.id = Uuid::try_parse(&text).ok();
            if draft.id.is_none() {
                form.problem("id", "guid", format!("\"{text}\" is no GUID"));
            }
        }
        read_members(form, whole, &mut draft);
        form.exact_text("issuer", URL_CHARS_MAX, &mut draft.issuer);
        form.exact_text("subject", TEXT_CHARS_MAX, &mut draft.subject);
        match (&draft.issuer, &draft.subject) {
            (Some(_), None) => form.required("subject", TOGETHER),
            (None, Some(_)) => form.required("issuer", TOGETHER),
            (Some(_), Some(_)) if draft.password.is_some() => {
                form.problem("password", "signsInElsewhere", SIGNS_IN_ELSEWHERE);
            }
            (Some(_), Some(_)) | (None, None) => {}
        }
    });
    finish(report)?;
    Ok(draft)
}

const TOGETHER: &str = "an issuer and a subject are given together";
const SIGNS_IN_ELSEWHERE: &str = "a user of another issuer signs in there, and has no password here";

fn read_changed(whole: &WholeOrganization, user: &User, body: &Node) -> Result<Draft, AdministrationError> {
    let mut draft = Draft {
        email: user.email.clone(),
        name: user.name.clone(),
        roles: user.roles.clone(),
        locations: mpn_ids(&user.locations),
        ..Draft::default()
    };
    let mut report = Report::default();
    Form::read(body.clone(), &mut report, |form| {
        form.ignore(&["@odata.context", "id"]);
        read_members(form, whole, &mut draft);
        if draft.password.is_some() && user.subject.is_some() {
            form.problem("password", "signsInElsewhere", SIGNS_IN_ELSEWHERE);
        }
    });
    finish(report)?;
    Ok(draft)
}

/// Reads what new and known people have in common.
fn read_members(form: &mut Form<'_>, whole: &WholeOrganization, draft: &mut Draft) {
    for (name, target) in [("email", &mut draft.email), ("name", &mut draft.name)] {
        let mut text = Some(std::mem::take(target)).filter(|it| !it.is_empty());
        match name {
            "email" => form.checked_text(name, EMAIL_CHARS_MAX, &mut text, form::email),
            _ => form.text(name, TEXT_CHARS_MAX, &mut text),
        }
        match text {
            Some(text) => *target = text,
            None => form.required(name, &format!("the user's {name} is required")),
        }
    }
    form.list("roles", &mut draft.roles, |text| {
        Role::parse(text).ok_or_else(|| {
            let known = Role::ALL.map(Role::as_str).join(", ");
            ("vocabulary", format!("the role \"{text}\" is not known; use {known}"))
        })
    });
    if draft.roles.is_empty() {
        let known = Role::ALL.map(Role::as_str).join(", ");
        form.required("roles", &format!("a user needs a role: {known}"));
    }
    let known: Vec<&str> = whole.locations.iter().map(|it| it.location.mpn_id.as_str()).collect();
    form.list("locations", &mut draft.locations, |mpn_id| match known.contains(&mpn_id) {
        true => Ok(mpn_id.to_owned()),
        false => {
            let (name, known) = (&whole.organization.name, known.join(", "));
            let message = format!("{name} has no location with the MPN id \"{mpn_id}\"; it has {known}");
            Err(("ownLocation", message))
        }
    });
    form.exact_text("password", TEXT_CHARS_MAX, &mut draft.password);
    if draft.password.as_ref().is_some_and(|it| it.chars().count() < PASSWORD_CHARS_MIN) {
        let message = format!("a password has at least {PASSWORD_CHARS_MIN} characters");
        form.problem("password", "charactersMin", message);
    }
}

/// Refuses a person whose id, e-mail address or external identity is taken, and says which.
async fn check_free(
    store: &Store,
    draft: &Draft,
    subject: Option<&ExternalSubject>,
) -> Result<(), AdministrationError> {
    if store.find_principal_by_email(&draft.email).await?.is_some() {
        return Err(AdministrationError::taken(format!("a user {} exists", draft.email)));
    }
    if let Some(id) = draft.id
        && store.find_principal_by_id(id).await?.is_some()
    {
        return Err(AdministrationError::taken(format!("a user with the id {id} exists")));
    }
    if let Some(it) = subject
        && store.find_principal_by_subject(it).await?.is_some()
    {
        let message = format!("a user exists whom {} knows as \"{}\"", it.issuer, it.subject);
        return Err(AdministrationError::taken(message));
    }
    Ok(())
}

/// Hashes away from the threads that serve requests, and few at a time: a hash takes its time and 19 MiB by design.
async fn hash_elsewhere(password: String, random: &Random) -> Result<String, HashFailed> {
    static RUNNING: Semaphore = Semaphore::const_new(HASHES_MAX);
    let place = RUNNING.acquire().await.map_err(|_| HashFailed)?;
    let random = random.clone();
    let hashing = tokio::task::spawn_blocking(move || {
        // The place is kept while the work runs, whether or not anybody still waits for it.
        let _place = place;
        hash_password(&password, &random)
    });
    hashing.await.unwrap_or(Err(HashFailed))
}

fn find(whole: &WholeOrganization, id: Uuid) -> Result<&User, AdministrationError> {
    whole.users.iter().find(|it| it.id == id).ok_or(AdministrationError::Unknown(Thing::User))
}

fn scope(mpn_ids: Vec<String>) -> LocationScope {
    match mpn_ids.is_empty() {
        true => LocationScope::EntireCompany,
        false => LocationScope::Locations(mpn_ids),
    }
}

fn mpn_ids(scope: &LocationScope) -> Vec<String> {
    match scope {
        LocationScope::EntireCompany => Vec::new(),
        LocationScope::Locations(mpn_ids) => mpn_ids.clone(),
    }
}

fn view(user: User) -> UserView {
    UserView {
        id: user.id,
        email: user.email,
        name: user.name,
        roles: user.roles.iter().map(|it| it.as_str().to_owned()).collect(),
        locations: mpn_ids(&user.locations),
        generated_password: None,
    }
}

impl fmt::Debug for UserRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UserRequest").field("organization", &self.organization).finish_non_exhaustive()
    }
}

impl fmt::Debug for UserAdded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UserAdded").field("user_id", &self.user_id).finish_non_exhaustive()
    }
}

impl fmt::Debug for UserView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UserView").field("id", &self.id).field("roles", &self.roles).finish_non_exhaustive()
    }
}

impl fmt::Debug for UserInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UserInput").field("roles", &self.roles).finish_non_exhaustive()
    }
}
