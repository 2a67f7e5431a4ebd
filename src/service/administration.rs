//! The least of administration: adding organisations and their people.
//!
//! The same operation stands behind the command line and the operations address, so that both check alike.
//! Requests and answers are serialisable: the command line sends them to a running server.

use std::fmt;

use aws_lc_rs::digest;
use email_address::EmailAddress;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    auth,
    domain::{
        organization::{
            Application, ExternalSubject, Location, LocationScope, Organization, OrganizationId, Role,
            Solution, User,
        },
        sources::Random,
    },
    storage::{NewOrganization, Store, StoreError},
};

/// The random source or the parameters are at fault, not the password.
#[derive(Debug, thiserror::Error)]
#[error("the password could not be hashed")]
pub struct HashFailed;

/// Hashes a password into PHC form.
///
/// # Errors
/// When the parameters are at fault; never because of the password.
pub fn hash_password(password: &str, random: &Random) -> Result<String, HashFailed> {
    auth::hash_password(password, random).map_err(|_| HashFailed)
}

/// What these operations need.
#[derive(Clone, Copy, Debug)]
pub struct Tools<'a> {
    /// Everything that is kept.
    pub store: &'a Store,
    /// Gives ids and secrets.
    pub random: &'a Random,
}

/// An organisation to add.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OrganizationRequest {
    /// Display name.
    pub name: String,
    /// A GUID or `msft`; a random GUID when absent.
    #[serde(default)]
    pub id: Option<String>,
    /// The `tid` of its people's tokens, where it is not the id: that of its Entra tenant.
    #[serde(default)]
    pub tenant_id: Option<Uuid>,
    /// E-mail and tenant domain.
    #[serde(default)]
    pub domain: Option<String>,
    /// Partner id of the first location; seven random digits when absent.
    #[serde(default)]
    pub mpn_id: Option<String>,
    /// What it sells.
    #[serde(default)]
    pub solutions: Vec<SolutionRequest>,
}

/// A solution to add.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SolutionRequest {
    /// Catalogue id such as `SOL-34104-EBB`.
    pub id: String,
    /// Display name.
    pub name: String,
}

/// What was added, and the one time that the client secret is told.
#[derive(Clone, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OrganizationAdded {
    /// Wire id.
    pub organization_id: OrganizationId,
    /// The `tid` of its tokens.
    pub tenant_id: Uuid,
    /// Its first location.
    pub location_id: Uuid,
    /// Partner id of that location.
    pub mpn_id: String,
    /// OAuth `client_id` of its first application.
    pub client_id: Uuid,
    /// The secret of that application; only its hash is kept.
    pub client_secret: String,
}

/// A person to add.
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

/// Why nothing was added.
#[derive(Debug, thiserror::Error)]
pub enum AdministrationError {
    /// A value cannot be accepted.
    #[error("{0}")]
    Invalid(String),
    /// What is to be added is there already.
    #[error("{0}")]
    Conflict(String),
    /// What is referred to is not there.
    #[error("{0}")]
    NotFound(String),
    /// A password could not be hashed.
    #[error(transparent)]
    Hash(#[from] HashFailed),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Adds an organisation with a first location and a first application.
pub async fn add_organization(
    tools: Tools<'_>,
    request: OrganizationRequest,
) -> Result<OrganizationAdded, AdministrationError> {
    let name = required("name", &request.name)?;
    let id = match &request.id {
        None => OrganizationId::from(tools.random.uuid()),
        Some(text) => OrganizationId::parse(text).ok_or_else(|| {
            AdministrationError::Invalid(format!("the id \"{text}\" is neither a GUID nor msft"))
        })?,
    };
    let mpn_id = match request.mpn_id {
        None => random_mpn_id(tools.random),
        Some(text) if !text.is_empty() && text.bytes().all(|it| it.is_ascii_digit()) => text,
        Some(text) => {
            return Err(AdministrationError::Invalid(format!("the MPN id \"{text}\" is not a number")));
        }
    };
    let domain = request.domain.as_deref().map(|it| required("domain", it)).transpose()?;
    let organization = Organization {
        tenant_id: request.tenant_id.unwrap_or_else(|| tenant_id(&id)),
        id,
        name: name.to_owned(),
        domain: domain.map(str::to_lowercase),
    };
    let client_secret = random_text::<32>(tools.random);
    let new = assemble(tools.random, organization, mpn_id, &request.solutions, &client_secret)?;
    check_free(tools.store, &new).await?;
    let added = OrganizationAdded {
        organization_id: new.organization.id.clone(),
        tenant_id: new.organization.tenant_id,
        location_id: new.locations.first().map(|it| it.id).unwrap_or_default(),
        mpn_id: new.locations.first().map(|it| it.mpn_id.clone()).unwrap_or_default(),
        client_id: new.applications.first().map(|it| it.id).unwrap_or_default(),
        client_secret,
    };
    tools.store.insert_organization(new).await?;
    Ok(added)
}

/// Adds a person to an organisation.
pub async fn add_user(tools: Tools<'_>, request: UserRequest) -> Result<UserAdded, AdministrationError> {
    let name = required("name", &request.name)?.to_owned();
    let organization = find_organization(tools.store, &request.organization).await?;
    let email = request.email.trim().to_lowercase();
    if !EmailAddress::is_valid(&email) {
        return Err(AdministrationError::Invalid(format!("\"{email}\" is not an e-mail address")));
    }
    let roles = request.roles.iter().map(|it| parse_role(it)).collect::<Result<Vec<_>, _>>()?;
    if roles.is_empty() {
        return Err(AdministrationError::Invalid(format!("a user needs a role: {}", role_names())));
    }
    let locations = location_scope(tools.store, &organization, request.locations).await?;
    let subject = external_subject(request.issuer, request.subject)?;
    let (password, generated_password) = match (request.password, &subject) {
        (Some(_), Some(_)) => {
            let message = "a user of another issuer signs in there, and has no password here";
            return Err(AdministrationError::Invalid(message.to_owned()));
        }
        (None, Some(_)) => (None, None),
        (Some(password), None) => (Some(required("password", &password)?.to_owned()), None),
        (None, None) => {
            let password = random_text::<18>(tools.random);
            (Some(password.clone()), Some(password))
        }
    };
    let user = User {
        id: request.id.unwrap_or_else(|| tools.random.uuid()),
        organization_id: organization.id.clone(),
        email: email.clone(),
        name,
        password_hash: password.map(|it| hash_password(&it, tools.random)).transpose()?,
        subject,
        roles,
        locations,
    };
    insert_user(tools.store, &user).await?;
    Ok(UserAdded { user_id: user.id, organization_id: organization.id, email, generated_password })
}

/// Finds an organisation by id, domain or name, in any case.
pub async fn find_organization(store: &Store, text: &str) -> Result<Organization, AdministrationError> {
    if let Some(id) = OrganizationId::parse(text)
        && let Some(organization) = store.find_organization(&id).await?
    {
        return Ok(Organization::clone(&organization));
    }
    let organizations = store.list_organizations().await?;
    // "contoso" is enough for "Contoso Company", unless two companies begin so.
    let text = text.to_lowercase();
    let exact =
        |it: &&Organization| it.name.to_lowercase() == text || it.domain.as_deref() == Some(text.as_str());
    if let Some(organization) = organizations.iter().find(exact) {
        return Ok(organization.clone());
    }
    let mut beginning = organizations.iter().filter(|it| it.name.to_lowercase().starts_with(&text));
    match (beginning.next(), beginning.next()) {
        (Some(organization), None) if !text.is_empty() => Ok(organization.clone()),
        _ => Err(AdministrationError::NotFound(format!(
            "no organization has the id, domain or name \"{text}\"; `liaison org list` shows all"
        ))),
    }
}

/// Returns what is kept of a client secret.
pub fn hash_client_secret(secret: &str) -> [u8; 32] {
    let mut hash = [0; 32];
    let digest = digest::digest(&digest::SHA256, secret.as_bytes());
    hash.iter_mut().zip(digest.as_ref()).for_each(|(to, from)| *to = *from);
    hash
}

/// Returns the usual tenant id of an organisation: its own, but for Microsoft, whose id is no GUID.
pub fn tenant_id(id: &OrganizationId) -> Uuid {
    const MSFT_TENANT_ID: Uuid = Uuid::from_u128(0x6d73_6674_0000_4000_8000_0000_0000_0000);
    Uuid::try_parse(id.as_str()).unwrap_or(MSFT_TENANT_ID)
}

fn assemble(
    random: &Random,
    organization: Organization,
    mpn_id: String,
    solutions: &[SolutionRequest],
    client_secret: &str,
) -> Result<NewOrganization, AdministrationError> {
    let organization_id = organization.id.clone();
    let solutions = solutions
        .iter()
        .map(|it| {
            Ok(Solution {
                id: required("solution id", &it.id)?.to_owned(),
                organization_id: organization_id.clone(),
                name: required("solution name", &it.name)?.to_owned(),
            })
        })
        .collect::<Result<Vec<_>, AdministrationError>>()?;
    Ok(NewOrganization {
        locations: vec![Location {
            id: random.uuid(),
            organization_id: organization_id.clone(),
            mpn_id,
            name: format!("{} headquarters", organization.name),
            is_default: true,
        }],
        solutions,
        applications: vec![Application {
            id: random.uuid(),
            organization_id,
            name: format!("{} application", organization.name),
            secret_hash: Some(hash_client_secret(client_secret)),
        }],
        users: Vec::new(),
        organization,
    })
}

/// Refuses an organisation of which anything unique belongs to another one already.
async fn check_free(store: &Store, new: &NewOrganization) -> Result<(), AdministrationError> {
    let Organization { id, tenant_id, domain, .. } = &new.organization;
    let taken = |what: String, by: &Organization| {
        Err(AdministrationError::Conflict(format!("{what} belongs to {} ({})", by.name, by.id)))
    };
    if store.find_organization(id).await?.is_some() {
        return Err(AdministrationError::Conflict(format!("the organization {id} exists")));
    }
    // Both ids name the organization in the paths of the token endpoints.
    if let Ok(id) = Uuid::try_parse(id.as_str())
        && let Some(other) = store.find_organization_by_tenant(id).await?
    {
        return taken(format!("the tenant id {id}"), &other);
    }
    let namesake = match store.find_organization_by_tenant(*tenant_id).await? {
        None => store.find_organization(&OrganizationId::from(*tenant_id)).await?,
        found => found,
    };
    if let Some(other) = namesake {
        return taken(format!("the tenant id {tenant_id}"), &other);
    }
    if let Some(domain) = domain
        && let Some(other) = store.find_organization_by_domain(domain).await?
    {
        return taken(format!("the domain {domain}"), &other);
    }
    for solution in &new.solutions {
        if let Some(other) = store.find_solution_target(&solution.id).await? {
            return taken(format!("the solution {}", solution.id), &other.organization);
        }
    }
    Ok(())
}

/// Returns the identity elsewhere that a request names; to the letter, because tokens are compared so.
fn external_subject(
    issuer: Option<String>,
    subject: Option<String>,
) -> Result<Option<ExternalSubject>, AdministrationError> {
    match (issuer, subject) {
        (None, None) => Ok(None),
        (Some(issuer), Some(subject)) => {
            required("issuer", &issuer)?;
            required("subject", &subject)?;
            Ok(Some(ExternalSubject { issuer, subject }))
        }
        (Some(_), None) | (None, Some(_)) => {
            Err(AdministrationError::Invalid("an issuer and a subject are given together".to_owned()))
        }
    }
}

/// Adds a user unless its id, e-mail address or external identity is taken.
async fn insert_user(store: &Store, user: &User) -> Result<(), AdministrationError> {
    if store.find_principal_by_email(&user.email).await?.is_some() {
        return Err(AdministrationError::Conflict(format!("a user {} exists", user.email)));
    }
    if store.find_principal_by_id(user.id).await?.is_some() {
        return Err(AdministrationError::Conflict(format!("a user with the id {} exists", user.id)));
    }
    if let Some(it) = &user.subject
        && store.find_principal_by_subject(it).await?.is_some()
    {
        let message = format!("a user exists whom {} knows as \"{}\"", it.issuer, it.subject);
        return Err(AdministrationError::Conflict(message));
    }
    match store.insert_user(user.clone()).await {
        Err(StoreError::Conflict(_)) => Err(AdministrationError::Conflict(
            "the user's id, e-mail address or identity elsewhere was taken in this moment".to_owned(),
        )),
        outcome => Ok(outcome?),
    }
}

async fn location_scope(
    store: &Store,
    organization: &Organization,
    mpn_ids: Vec<String>,
) -> Result<LocationScope, AdministrationError> {
    if mpn_ids.is_empty() {
        return Ok(LocationScope::EntireCompany);
    }
    let locations = store.list_locations(&organization.id).await?;
    match mpn_ids.iter().find(|mpn_id| !locations.iter().any(|it| it.mpn_id == **mpn_id)) {
        None => Ok(LocationScope::Locations(mpn_ids)),
        Some(unknown) => {
            let known: Vec<_> = locations.iter().map(|it| it.mpn_id.as_str()).collect();
            Err(AdministrationError::NotFound(format!(
                "{} has no location with the MPN id \"{unknown}\"; it has {}",
                organization.name,
                known.join(", ")
            )))
        }
    }
}

fn parse_role(text: &str) -> Result<Role, AdministrationError> {
    Role::parse(text).ok_or_else(|| {
        AdministrationError::Invalid(format!("the role \"{text}\" is not known; use {}", role_names()))
    })
}

fn role_names() -> String {
    Role::ALL.map(Role::as_str).join(", ")
}

fn required<'a>(name: &str, text: &'a str) -> Result<&'a str, AdministrationError> {
    match text.trim() {
        "" => Err(AdministrationError::Invalid(format!("the {name} is empty"))),
        text => Ok(text),
    }
}

fn random_mpn_id(random: &Random) -> String {
    let number = u32::from_le_bytes(random.bytes());
    (1_000_000 + number % 9_000_000).to_string()
}

/// Returns `N` random bytes as text that needs no quoting in a shell or a form.
fn random_text<const N: usize>(random: &Random) -> String {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    URL_SAFE_NO_PAD.encode(random.bytes::<N>())
}

impl fmt::Debug for OrganizationAdded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OrganizationAdded")
            .field("organization_id", &self.organization_id)
            .finish_non_exhaustive()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        app::{App, system_random},
        config::{Config, Sources},
    };

    const ENTRA_TENANT: Uuid = Uuid::from_u128(0xe7a);

    /// A store with Contoso, which sells SOL-1.
    struct World {
        app: App,
        random: Random,
        _folder: tempfile::TempDir,
    }

    impl World {
        async fn new() -> Self {
            let sources = Sources { environment: Some(Default::default()), ..Sources::default() };
            let (app, folder) = App::for_test(Config::load(&sources).unwrap()).await;
            let world = Self { app, random: system_random(), _folder: folder };
            let solutions = vec![SolutionRequest { id: "SOL-1".to_owned(), name: "Service".to_owned() }];
            let contoso = OrganizationRequest {
                tenant_id: Some(ENTRA_TENANT),
                domain: Some("Contoso.example".to_owned()),
                solutions,
                ..organization("Contoso")
            };
            world.add(contoso).await.unwrap();
            world
        }

        fn tools(&self) -> Tools<'_> {
            Tools { store: &self.app.context.store, random: &self.random }
        }

        async fn add(&self, request: OrganizationRequest) -> Result<OrganizationAdded, AdministrationError> {
            add_organization(self.tools(), request).await
        }

        async fn add_user(&self, request: UserRequest) -> Result<UserAdded, AdministrationError> {
            add_user(self.tools(), request).await
        }
    }

    fn organization(name: &str) -> OrganizationRequest {
        OrganizationRequest { name: name.to_owned(), ..OrganizationRequest::default() }
    }

    fn user(email: &str) -> UserRequest {
        UserRequest {
            organization: "contoso".to_owned(),
            id: None,
            email: email.to_owned(),
            name: "Ann".to_owned(),
            roles: vec!["referrals-admin".to_owned()],
            locations: Vec::new(),
            password: None,
            issuer: None,
            subject: None,
        }
    }

    fn user_of_issuer(email: &str, subject: &str) -> UserRequest {
        let issuer = Some("https://login.example".to_owned());
        UserRequest { issuer, subject: Some(subject.to_owned()), ..user(email) }
    }

    fn conflict<T>(outcome: Result<T, AdministrationError>) -> String {
        match outcome {
            Err(AdministrationError::Conflict(message)) => message,
            Err(other) => panic!("{other} is no conflict"),
            Ok(_) => panic!("nothing was refused"),
        }
    }

    #[tokio::test]
    async fn a_user_of_an_entra_tenant_is_known_by_tid_and_oid() {
        let world = World::new().await;
        let oid = Uuid::from_u128(7);

        let added =
            world.add_user(UserRequest { id: Some(oid), ..user("ann@contoso.example") }).await.unwrap();

        let found = world.tools().store.find_principal(ENTRA_TENANT, oid).await.unwrap().unwrap();
        assert_eq!((added.user_id, found.user.email.as_str()), (oid, "ann@contoso.example"));
    }

    #[tokio::test]
    async fn a_user_of_another_issuer_is_known_by_its_subject_and_has_no_password() {
        let world = World::new().await;

        let added = world.add_user(user_of_issuer("ann@contoso.example", "s|7")).await.unwrap();

        let subject =
            ExternalSubject { issuer: "https://login.example".to_owned(), subject: "s|7".to_owned() };
        let found = world.tools().store.find_principal_by_subject(&subject).await.unwrap().unwrap();
        assert_eq!(found.user.id, added.user_id);
        assert_eq!((added.generated_password, found.user.password_hash.as_deref()), (None, None));
    }

    #[tokio::test]
    async fn a_user_that_is_there_is_refused_by_what_is_taken() {
        let world = World::new().await;
        let id = Some(Uuid::from_u128(7));
        let first = UserRequest { id, ..user_of_issuer("ann@contoso.example", "7") };
        world.add_user(first).await.unwrap();

        let by_email = conflict(world.add_user(user("Ann@Contoso.example")).await);
        let by_id = conflict(world.add_user(UserRequest { id, ..user("bea@contoso.example") }).await);
        let by_subject = conflict(world.add_user(user_of_issuer("bea@contoso.example", "7")).await);

        assert!(by_email.contains("ann@contoso.example"), "{by_email}");
        assert!(by_id.contains("00000000-0000-0000-0000-000000000007"), "{by_id}");
        assert!(by_subject.contains("https://login.example knows as \"7\""), "{by_subject}");
    }

    #[tokio::test]
    async fn half_an_identity_and_a_second_way_to_sign_in_are_refused() {
        let world = World::new().await;
        let whole = || user_of_issuer("ann@contoso.example", "7");

        for request in [
            UserRequest { subject: None, ..whole() },
            UserRequest { issuer: None, ..whole() },
            UserRequest { subject: Some(" ".to_owned()), ..whole() },
            UserRequest { password: Some("hunter2".to_owned()), ..whole() },
        ] {
            let refused = world.add_user(request).await;
            assert!(matches!(refused, Err(AdministrationError::Invalid(_))));
        }
    }

    #[tokio::test]
    async fn what_another_organization_has_is_refused_before_anything_is_written() {
        let world = World::new().await;
        let solution = SolutionRequest { id: "sol-1".to_owned(), name: "Mine".to_owned() };
        let tenant = ENTRA_TENANT.to_string();

        for (request, word) in [
            (
                OrganizationRequest { domain: Some("CONTOSO.example".to_owned()), ..organization("A") },
                "domain",
            ),
            (OrganizationRequest { tenant_id: Some(ENTRA_TENANT), ..organization("A") }, "tenant id"),
            (OrganizationRequest { id: Some(tenant), ..organization("A") }, "tenant id"),
            (OrganizationRequest { solutions: vec![solution], ..organization("A") }, "solution"),
        ] {
            let message = conflict(world.add(request).await);
            assert!(message.contains(word) && message.contains("belongs to Contoso"), "{message}");
        }
        assert_eq!(world.tools().store.list_organizations().await.unwrap().len(), 1);
    }

    #[test]
    fn microsoft_has_the_tenant_id_of_its_own() {
        assert_eq!(tenant_id(&OrganizationId::msft()).to_string(), "6d736674-0000-4000-8000-000000000000");
        let contoso = OrganizationId::parse("7D23E5CA-19DC-4EAA-AAC8-5E6B559F0D1D").unwrap();
        assert_eq!(tenant_id(&contoso).to_string(), contoso.as_str());
    }

    #[test]
    fn secrets_are_not_shown_by_debug() {
        let added = UserAdded {
            user_id: Uuid::nil(),
            organization_id: OrganizationId::msft(),
            email: "a@b.example".to_owned(),
            generated_password: Some("hunter2".to_owned()),
        };

        let shown = format!("{added:?}");

        assert!(!shown.contains("hunter2") && !shown.contains("a@b.example"), "{shown}");
    }
}
