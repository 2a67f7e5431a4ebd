//! Organisations: adding one with all it starts with, and what it says of itself.

use std::fmt;

use aws_lc_rs::digest;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{AdministrationError, Author, Done, Thing, Tools, finish, random_text, write};
use crate::{
    domain::{
        audit::{Deed, Resource},
        json::Node,
        organization::{
            Application, Location, Organization, OrganizationId, Solution,
            form::{self, Form, TEXT_CHARS_MAX},
            profile::OrganizationProfile,
        },
        report::Report,
        sources::Random,
    },
    storage::{NewOrganization, Store},
};

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

/// An organisation as its people read it, in the shape of Partner Center's organization profile.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OrganizationView {
    /// Wire id.
    #[schema(read_only, required = false)]
    pub id: OrganizationId,
    /// Display name, written as `organizationName` in referrals.
    #[schema(required = false)]
    pub company_name: String,
    /// The `tid` of its people's tokens.
    #[schema(read_only, required = false)]
    pub tenant_id: Uuid,
    /// E-mail and tenant domain, lower case. Nobody else's.
    pub domain: Option<String>,
    /// What else is kept of it.
    #[serde(flatten)]
    pub profile: OrganizationProfile,
    /// Always `OrganizationProfile`.
    #[schema(read_only, required = false)]
    pub profile_type: &'static str,
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
            let message = format!("the id \"{text}\" is neither a GUID nor msft");
            AdministrationError::invalid("/id", "organizationId", message)
        })?,
    };
    let mpn_id = match request.mpn_id {
        None => random_mpn_id(tools.random),
        Some(text) if !text.is_empty() && text.bytes().all(|it| it.is_ascii_digit()) => text,
        Some(text) => {
            let message = format!("the MPN id \"{text}\" is not a number");
            return Err(AdministrationError::invalid("/mpnId", "digits", message));
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
    let mut commit = new.commit();
    let what = (Deed::Create, Resource::Organization);
    let started = view(new.organization, OrganizationProfile::default());
    let done = Done::new(what, &added.organization_id, ()).after(&started);
    let done = done.detail("ApplicationId", added.client_id).detail("LocationId", added.location_id);
    let ((), event) = done.event(tools, Author::Operator, &added.organization_id);
    commit.append_audit(&event);
    tools.store.commit_to_directory(commit).await?;
    Ok(added)
}

/// Reads the organisation as its people do.
pub async fn read_organization(
    store: &Store,
    id: &OrganizationId,
) -> Result<OrganizationView, AdministrationError> {
    let found = store.find_organization_profile(id).await?;
    let (organization, profile) = found.ok_or(AdministrationError::Unknown(Thing::Organization))?;
    Ok(view(organization, profile))
}

/// Changes what the organisation says of itself; absent members stay.
pub async fn update_organization(
    tools: Tools<'_>,
    author: Author<'_>,
    id: &OrganizationId,
    body: &Node,
) -> Result<OrganizationView, AdministrationError> {
    let taken = "the domain belongs to another organization";
    write(tools, author, id, taken, |whole, commit| {
        let mut organization = whole.organization.clone();
        let mut profile = whole.profile.clone();
        let mut report = Report::default();
        Form::read(body.clone(), &mut report, |form| {
            form.ignore(&["@odata.context", "id", "tenantId", "profileType", "links", "attributes"]);
            let mut name = Some(organization.name.clone());
            form.text("companyName", TEXT_CHARS_MAX, &mut name);
            match name {
                Some(name) => organization.name = name,
                None => form.required("companyName", "the name of the organization is required"),
            }
            form.checked_text("domain", TEXT_CHARS_MAX, &mut organization.domain, form::domain_name);
            profile.read(form);
        });
        finish(report)?;
        commit.update_organization(&organization, &profile);
        let before = view(whole.organization.clone(), whole.profile.clone());
        let done = Done::new((Deed::Update, Resource::Organization), id, view(organization, profile));
        Ok(done.before(&before).after_answer())
    })
    .await
}

fn view(organization: Organization, profile: OrganizationProfile) -> OrganizationView {
    OrganizationView {
        id: organization.id,
        company_name: organization.name,
        tenant_id: organization.tenant_id,
        domain: organization.domain,
        profile,
        profile_type: "OrganizationProfile",
    }
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
            redirect_uris: Vec::new(),
        }],
        users: Vec::new(),
        organization,
    })
}

/// Refuses an organisation of which anything unique belongs to another one already.
async fn check_free(store: &Store, new: &NewOrganization) -> Result<(), AdministrationError> {
    let Organization { id, tenant_id, domain, .. } = &new.organization;
    let taken = |what: String, by: &Organization| {
        Err(AdministrationError::taken(format!("{what} belongs to {} ({})", by.name, by.id)))
    };
    if store.find_organization(id).await?.is_some() {
        return Err(AdministrationError::taken(format!("the organization {id} exists")));
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

fn required<'a>(name: &str, text: &'a str) -> Result<&'a str, AdministrationError> {
    match text.trim() {
        "" => {
            let mut report = Report::default();
            report.required(&format!("/{name}"), format!("the {name} is empty"));
            Err(AdministrationError::Invalid(report))
        }
        text => Ok(text),
    }
}

fn random_mpn_id(random: &Random) -> String {
    let number = u32::from_le_bytes(random.bytes());
    (1_000_000 + number % 9_000_000).to_string()
}

impl fmt::Debug for OrganizationAdded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OrganizationAdded")
            .field("organization_id", &self.organization_id)
            .finish_non_exhaustive()
    }
}
