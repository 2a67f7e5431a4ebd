//! Other organisations, as far as they want to be found.

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::AdministrationError;
use crate::{
    domain::organization::OrganizationId,
    storage::{PublishedLocation, Store},
};

/// A location of another organisation, to invite it.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PartnerView {
    /// Wire id of the organisation.
    pub organization_id: OrganizationId,
    /// Display name of the organisation.
    pub organization_name: String,
    /// Partner id of the location.
    pub mpn_id: String,
    /// ISO 3166-1 alpha-2: the location's, else the business profile's.
    pub country: Option<String>,
    /// The value of `target[].id` with type `BusinessProfileLocation`.
    pub location_id: Uuid,
    /// Display name of the location.
    pub location_name: String,
}

/// What a search found.
#[derive(Clone, Debug)]
pub struct PartnersFound {
    /// The first ones.
    pub partners: Vec<PartnerView>,
    /// How many there are in all.
    pub count: usize,
}

/// Finds locations of other organisations, in published business profiles, that have every word of `search` in the
/// names or domain of the organisation, the name of the location, its partner id or its country.
pub async fn search_partners(
    store: &Store,
    organization_id: &OrganizationId,
    search: &str,
    count_max: usize,
) -> Result<PartnersFound, AdministrationError> {
    let words: Vec<String> = search.replace('"', " ").split_whitespace().map(str::to_lowercase).collect();
    let mut found = PartnersFound { partners: Vec::new(), count: 0 };
    for it in store.list_locations_of_others(organization_id).await? {
        if !it.business_profile.is_published() || !has_words(&it, &words) {
            continue;
        }
        found.count = found.count.saturating_add(1);
        if found.partners.len() < count_max {
            found.partners.push(view(it));
        }
    }
    Ok(found)
}

fn has_words(it: &PublishedLocation, words: &[String]) -> bool {
    let country = country(it).unwrap_or_default();
    let domain = it.organization.domain.as_deref().unwrap_or_default();
    let texts = [&it.organization.name, domain, &it.location.name, &it.location.mpn_id, &country];
    let texts = texts.map(str::to_lowercase);
    words.iter().all(|word| texts.iter().any(|it| it.contains(word.as_str())))
}

fn country(it: &PublishedLocation) -> Option<String> {
    it.profile.address.country.clone().or_else(|| it.business_profile.country.clone())
}

fn view(it: PublishedLocation) -> PartnerView {
    PartnerView {
        country: country(&it),
        organization_id: it.organization.id,
        organization_name: it.organization.name,
        mpn_id: it.location.mpn_id,
        location_id: it.location.id,
        location_name: it.location.name,
    }
}
