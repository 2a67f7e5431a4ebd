//! Business profiles and the locations in them: where an organisation can be addressed.

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{AdministrationError, Author, Done, Obstacle, Thing, Tools, finish, load, write};
use crate::{
    domain::{
        audit::{Deed, Resource},
        json::Node,
        organization::{
            Location, LocationScope, OrganizationId,
            form::{self, Form, TEXT_CHARS_MAX},
            profile::{BusinessProfile, BusinessProfileRecord, LocationProfile, LocationRecord},
        },
        report::Report,
    },
    storage::{Store, WholeOrganization},
};

/// A business profile with its locations, as it is read.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BusinessProfileView {
    /// Id of the profile.
    #[schema(read_only, required = false)]
    pub id: Uuid,
    /// What it says.
    #[serde(flatten)]
    pub profile: BusinessProfile,
    /// Its locations, the organisation's default one first.
    #[schema(read_only, required = false)]
    pub locations: Vec<LocationView>,
}

/// A location, as it is read.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LocationView {
    /// The value of `target[].id` with type `BusinessProfileLocation`.
    #[schema(read_only, required = false)]
    pub id: Uuid,
    /// Partner id, digits only. No other location of the organisation has it.
    #[schema(required = false)]
    pub mpn_id: String,
    /// Display name.
    #[schema(required = false)]
    pub name: String,
    /// Whether referrals go here when nothing else decides. One location of an organisation is the default.
    #[schema(required = false)]
    pub is_default: bool,
    /// What else is kept of it.
    #[serde(flatten)]
    pub profile: LocationProfile,
}

/// Lists the business profiles of an organisation in the order in which they were made.
pub async fn list_business_profiles(
    store: &Store,
    organization_id: &OrganizationId,
) -> Result<Vec<BusinessProfileView>, AdministrationError> {
    let (business_profiles, locations) = store.list_places(organization_id).await?;
    Ok(business_profiles.into_iter().map(|it| view(&locations, it)).collect())
}

/// Reads a business profile of an organisation.
pub async fn read_business_profile(
    store: &Store,
    organization_id: &OrganizationId,
    id: Uuid,
) -> Result<BusinessProfileView, AdministrationError> {
    let (business_profiles, locations) = store.list_places(organization_id).await?;
    Ok(view(&locations, find(&business_profiles, id)?.clone()))
}

/// Reads a location of a business profile.
pub async fn read_location(
    store: &Store,
    organization_id: &OrganizationId,
    business_profile_id: Uuid,
    id: Uuid,
) -> Result<LocationView, AdministrationError> {
    let (_, locations) = store.list_places(organization_id).await?;
    Ok(location_view(find_location(&locations, business_profile_id, id)?.clone()))
}

/// Makes a business profile for a country that has none yet. It starts as a draft without locations.
pub async fn create_business_profile(
    tools: Tools<'_>,
    author: Author<'_>,
    organization_id: &OrganizationId,
    body: &Node,
) -> Result<BusinessProfileView, AdministrationError> {
    let id = tools.random.uuid();
    write(tools, author, organization_id, "", |whole, commit| {
        let mut record = BusinessProfileRecord { id, profile: BusinessProfile::default() };
        let mut report = Report::default();
        Form::read(body.clone(), &mut report, |form| {
            record.profile.read(form);
            if record.profile.country.is_none() {
                form.required("country", "a further business profile is for a country of its own");
            }
        });
        finish(report)?;
        check_country(whole, &record)?;
        commit.insert_business_profile(organization_id, &record);
        let answer = view(&whole.locations, record);
        Ok(Done::new((Deed::Create, Resource::BusinessProfile), id, answer).after_answer())
    })
    .await
}

/// Changes a business profile; absent members stay.
pub async fn update_business_profile(
    tools: Tools<'_>,
    author: Author<'_>,
    organization_id: &OrganizationId,
    id: Uuid,
    body: &Node,
) -> Result<BusinessProfileView, AdministrationError> {
    write(tools, author, organization_id, "", |whole, commit| {
        let before = find(&whole.business_profiles, id)?;
        let mut record = before.clone();
        let mut report = Report::default();
        Form::read(body.clone(), &mut report, |form| {
            form.ignore(&["@odata.context", "id", "locations"]);
            record.profile.read(form);
        });
        finish(report)?;
        check_country(whole, &record)?;
        commit.update_business_profile(organization_id, &record);
        let answer = view(&whole.locations, record);
        let done = Done::new((Deed::Update, Resource::BusinessProfile), id, answer);
        Ok(done.before(&view(&whole.locations, before.clone())).after_answer())
    })
    .await
}

/// Adds a location to a business profile; without one named, to the first.
pub async fn create_location(
    tools: Tools<'_>,
    author: Author<'_>,
    organization_id: &OrganizationId,
    business_profile_id: Option<Uuid>,
    body: &Node,
) -> Result<LocationView, AdministrationError> {
    let id = tools.random.uuid();
    write(tools, author, organization_id, MPN_ID_TAKEN, |whole, commit| {
        let business_profile = match business_profile_id {
            Some(id) => find(&whole.business_profiles, id)?,
            None => {
                whole.business_profiles.first().ok_or(AdministrationError::Unknown(Thing::BusinessProfile))?
            }
        };
        let location = Location {
            id,
            organization_id: organization_id.clone(),
            mpn_id: String::new(),
            name: String::new(),
            is_default: false,
        };
        let (business_profile_id, profile) = (business_profile.id, LocationProfile::default());
        let mut record = LocationRecord { location, business_profile_id, profile };
        read(body, &[], &mut record)?;
        commit.insert_location(&record);
        Ok(Done::new((Deed::Create, Resource::Location), id, location_view(record)).after_answer())
    })
    .await
}

/// Changes a location; absent members stay. The partner id stays while anything refers to it.
pub async fn update_location(
    tools: Tools<'_>,
    author: Author<'_>,
    organization_id: &OrganizationId,
    business_profile_id: Uuid,
    id: Uuid,
    body: &Node,
) -> Result<LocationView, AdministrationError> {
    let whole = load(tools.store, organization_id).await?;
    author.check(&whole)?;
    let mpn_id = &find_location(&whole.locations, business_profile_id, id)?.location.mpn_id;
    let has_referrals = tools.store.is_location_in_use(organization_id, mpn_id).await?;
    write(tools, author, organization_id, MPN_ID_TAKEN, |whole, commit| {
        let before = find_location(&whole.locations, business_profile_id, id)?;
        let mut record = before.clone();
        read(body, &["@odata.context", "id"], &mut record)?;
        if record.location.mpn_id != before.location.mpn_id {
            check_unused(whole, &before.location, has_referrals)?;
        }
        if before.location.is_default && !record.location.is_default {
            return Err(default_location("make another location the default one instead"));
        }
        commit.update_location(&record);
        let done = Done::new((Deed::Update, Resource::Location), id, location_view(record));
        Ok(done.before(&location_view(before.clone())).after_answer())
    })
    .await
}

/// Takes a location away that nothing refers to.
pub async fn remove_location(
    tools: Tools<'_>,
    author: Author<'_>,
    organization_id: &OrganizationId,
    business_profile_id: Uuid,
    id: Uuid,
) -> Result<(), AdministrationError> {
    let whole = load(tools.store, organization_id).await?;
    author.check(&whole)?;
    let mpn_id = &find_location(&whole.locations, business_profile_id, id)?.location.mpn_id;
    let has_referrals = tools.store.is_location_in_use(organization_id, mpn_id).await?;
    write(tools, author, organization_id, "", |whole, commit| {
        let before = find_location(&whole.locations, business_profile_id, id)?;
        let location = &before.location;
        if location.is_default {
            return Err(default_location(
                "the default location cannot be deleted; make another one the default first",
            ));
        }
        check_unused(whole, location, has_referrals)?;
        commit.delete_location(location);
        Ok(Done::new((Deed::Delete, Resource::Location), id, ()).before(&location_view(before.clone())))
    })
    .await
}

const MPN_ID_TAKEN: &str = "another location of the organization has this mpnId";

fn read(body: &Node, ignored: &[&str], record: &mut LocationRecord) -> Result<(), AdministrationError> {
    let mut report = Report::default();
    Form::read(body.clone(), &mut report, |form| {
        form.ignore(ignored);
        let location = &mut record.location;
        let mut mpn_id = Some(std::mem::take(&mut location.mpn_id)).filter(|it| !it.is_empty());
        form.checked_text("mpnId", TEXT_CHARS_MAX, &mut mpn_id, form::mpn_id);
        match mpn_id {
            Some(mpn_id) => location.mpn_id = mpn_id,
            None => form.required("mpnId", "the partner id of the location is required"),
        }
        let mut name = Some(std::mem::take(&mut location.name)).filter(|it| !it.is_empty());
        form.text("name", TEXT_CHARS_MAX, &mut name);
        match name {
            Some(name) => location.name = name,
            None => form.required("name", "the name of the location is required"),
        }
        form.boolean("isDefault", &mut location.is_default);
        record.profile.read(form);
    });
    finish(report)
}

fn check_country(
    whole: &WholeOrganization,
    record: &BusinessProfileRecord,
) -> Result<(), AdministrationError> {
    let is_same =
        |it: &&BusinessProfileRecord| it.id != record.id && it.profile.country == record.profile.country;
    match whole.business_profiles.iter().find(is_same) {
        None => Ok(()),
        Some(other) => Err(AdministrationError::taken(match &record.profile.country {
            Some(country) => format!("business profile {} is for {country} already", other.id),
            None => format!("business profile {} is without a country already", other.id),
        })),
    }
}

/// Refuses what would leave referrals, roles or solutions with a partner id that no location has.
fn check_unused(
    whole: &WholeOrganization,
    location: &Location,
    has_referrals: bool,
) -> Result<(), AdministrationError> {
    let mpn_id = &location.mpn_id;
    let is_limited = |it: &LocationScope| match it {
        LocationScope::EntireCompany => false,
        LocationScope::Locations(mpn_ids) => mpn_ids.contains(mpn_id),
    };
    let users = whole.users.iter().filter(|it| is_limited(&it.locations)).count();
    let solution = whole.solutions.iter().find(|it| it.profile.mpn_id.as_ref() == Some(mpn_id));
    let message = match (has_referrals, users, solution) {
        (true, _, _) => format!("referrals were made for location {mpn_id}"),
        (false, 1.., _) => format!("the roles of {users} users are limited to location {mpn_id}"),
        (false, 0, Some(solution)) => format!("solution {} is of location {mpn_id}", solution.solution.id),
        (false, 0, None) => return Ok(()),
    };
    Err(AdministrationError::Conflict(Obstacle::LocationInUse, message))
}

fn default_location(message: &str) -> AdministrationError {
    AdministrationError::Conflict(Obstacle::DefaultLocation, message.to_owned())
}

fn find(
    business_profiles: &[BusinessProfileRecord],
    id: Uuid,
) -> Result<&BusinessProfileRecord, AdministrationError> {
    let found = business_profiles.iter().find(|it| it.id == id);
    found.ok_or(AdministrationError::Unknown(Thing::BusinessProfile))
}

/// Finds a location; one of another business profile is unknown here, as is everything of an unknown profile.
fn find_location(
    locations: &[LocationRecord],
    business_profile_id: Uuid,
    id: Uuid,
) -> Result<&LocationRecord, AdministrationError> {
    let is_it = |it: &&LocationRecord| it.location.id == id && it.business_profile_id == business_profile_id;
    locations.iter().find(is_it).ok_or(AdministrationError::Unknown(Thing::Location))
}

fn view(locations: &[LocationRecord], record: BusinessProfileRecord) -> BusinessProfileView {
    let own = locations.iter().filter(|it| it.business_profile_id == record.id);
    let locations = own.map(|it| location_view(it.clone())).collect();
    BusinessProfileView { id: record.id, profile: record.profile, locations }
}

fn location_view(record: LocationRecord) -> LocationView {
    let Location { id, mpn_id, name, is_default, .. } = record.location;
    LocationView { id, mpn_id, name, is_default, profile: record.profile }
}
