//! What an organisation says of itself: profiles of the organisation, of its businesses, locations and solutions.
//!
//! Each profile is stored as one JSON text, because it is read and written whole; what rules and queries need
//! (names, ids, domains) has columns and types of its own above. Each type reads its members from a
//! [`Form`], onto a blank or onto what is there.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    Location, Solution,
    form::{self, DESCRIPTION_CHARS_MAX, EMAIL_CHARS_MAX, Form, TEXT_CHARS_MAX, URL_CHARS_MAX},
};
use crate::domain::vocabulary::{
    CustomerSize, INDUSTRIES, PRODUCTS, ProfileStatus, SERVICES, SOLUTION_CATEGORIES, SolutionKind,
};

/// What is kept of an organisation beside its name, domain and tenant id.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct OrganizationProfile {
    /// Where the organisation is, and who answers there.
    pub default_address: DefaultAddress,
    /// Where the organisation can be written to.
    pub email: Option<String>,
    /// Preferred language, such as `en`.
    pub language: Option<String>,
    /// Preferred culture, such as `en-US`.
    pub culture: Option<String>,
}

/// An address with a person who answers there.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct DefaultAddress {
    /// ISO 3166-1 alpha-2.
    pub country: Option<String>,
    /// City.
    pub city: Option<String>,
    /// State or province.
    pub state: Option<String>,
    /// Street and number.
    pub address_line1: Option<String>,
    /// More of the same.
    pub address_line2: Option<String>,
    /// Postal code.
    pub postal_code: Option<String>,
    /// Given name.
    pub first_name: Option<String>,
    /// Family name.
    pub last_name: Option<String>,
    /// Phone number, as text.
    pub phone_number: Option<String>,
}

/// What an organisation says of its business in one country.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct BusinessProfile {
    /// ISO 3166-1 alpha-2; one profile for each country, and one without.
    pub country: Option<String>,
    /// What the business does.
    pub description: Option<String>,
    /// Its address on the web.
    pub website: Option<String>,
    /// Its page at LinkedIn.
    pub linked_in: Option<String>,
    /// Where its logo is.
    pub logo_url: Option<String>,
    /// What it works with.
    pub tags: ProfileTags,
    /// The customers that it looks for.
    pub target_customer_sizes: Vec<CustomerSize>,
    /// Whether other organisations find its locations.
    pub status: ProfileStatus,
}

impl Default for BusinessProfile {
    fn default() -> Self {
        Self {
            country: None,
            description: None,
            website: None,
            linked_in: None,
            logo_url: None,
            tags: ProfileTags::default(),
            target_customer_sizes: Vec::new(),
            status: ProfileStatus::Draft,
        }
    }
}

/// What a business works with, in the words of a referral's requirements.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ProfileTags {
    /// Industries.
    pub industries: Vec<String>,
    /// Products.
    pub products: Vec<String>,
    /// Services.
    pub services: Vec<String>,
    /// Categories of solutions.
    pub solutions: Vec<String>,
}

/// What is kept of a location beside its name and partner id.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct LocationProfile {
    /// Where it is.
    pub address: LocationAddress,
    /// The same as coordinates.
    pub geo: Geo,
    /// Who answers there.
    pub contact: LocationContact,
}

/// A postal address.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct LocationAddress {
    /// Street and number.
    pub address_line1: Option<String>,
    /// More of the same.
    pub address_line2: Option<String>,
    /// City.
    pub city: Option<String>,
    /// State or province.
    pub state: Option<String>,
    /// Postal code.
    pub postal_code: Option<String>,
    /// ISO 3166-1 alpha-2.
    pub country: Option<String>,
}

/// A place on the globe, in degrees.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct Geo {
    /// Latitude, -90 to 90.
    pub lat: Option<f64>,
    /// Longitude, -180 to 180.
    pub lon: Option<f64>,
}

/// Who answers at a location.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct LocationContact {
    /// Given name.
    pub first_name: Option<String>,
    /// Family name.
    pub last_name: Option<String>,
    /// Phone number, as text.
    pub phone_number: Option<String>,
    /// E-mail address.
    pub email: Option<String>,
}

/// What is kept of a solution beside its id and name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct SolutionProfile {
    /// Who publishes it; null for the organisation itself.
    pub publisher_name: Option<String>,
    /// Who publishes it, and of what kind it is.
    pub solution_type: Option<SolutionKind>,
    /// Where it stands in co-sell, in the owner's words.
    pub co_sell_status: Option<String>,
    /// Incentives that it is eligible for.
    pub incentives: Vec<String>,
    /// Partner id of the location that sells it; null for the default one.
    pub mpn_id: Option<String>,
    /// Marketplace offers.
    pub offer_ids: Vec<String>,
    /// Industries.
    pub industries: Vec<String>,
    /// Solution areas.
    pub solution_areas: Vec<String>,
}

/// A business profile with its id.
#[derive(Clone, Debug, PartialEq)]
pub struct BusinessProfileRecord {
    /// Id on the wire.
    pub id: Uuid,
    /// What it says.
    pub profile: BusinessProfile,
}

/// A location with its profile.
#[derive(Clone, Debug, PartialEq)]
pub struct LocationRecord {
    /// The location, as rules know it.
    pub location: Location,
    /// The business profile that it belongs to.
    pub business_profile_id: Uuid,
    /// What else is kept of it.
    pub profile: LocationProfile,
}

/// A solution with its profile.
#[derive(Clone, Debug, PartialEq)]
pub struct SolutionRecord {
    /// The solution, as rules know it.
    pub solution: Solution,
    /// What else is kept of it.
    pub profile: SolutionProfile,
}

impl OrganizationProfile {
    /// Reads the members of this profile.
    pub fn read(&mut self, form: &mut Form<'_>) {
        form.object("defaultAddress", &mut self.default_address, |form, it| it.read(form));
        form.checked_text("email", EMAIL_CHARS_MAX, &mut self.email, form::email);
        form.checked_text("language", TEXT_CHARS_MAX, &mut self.language, form::culture);
        form.checked_text("culture", TEXT_CHARS_MAX, &mut self.culture, form::culture);
    }
}

impl DefaultAddress {
    fn read(&mut self, form: &mut Form<'_>) {
        form.checked_text("country", TEXT_CHARS_MAX, &mut self.country, form::country);
        form.text("city", TEXT_CHARS_MAX, &mut self.city);
        form.text("state", TEXT_CHARS_MAX, &mut self.state);
        form.text("addressLine1", TEXT_CHARS_MAX, &mut self.address_line1);
        form.text("addressLine2", TEXT_CHARS_MAX, &mut self.address_line2);
        form.text("postalCode", TEXT_CHARS_MAX, &mut self.postal_code);
        form.text("firstName", TEXT_CHARS_MAX, &mut self.first_name);
        form.text("lastName", TEXT_CHARS_MAX, &mut self.last_name);
        form.text("phoneNumber", TEXT_CHARS_MAX, &mut self.phone_number);
    }
}

impl BusinessProfile {
    /// Reads the members of this profile.
    pub fn read(&mut self, form: &mut Form<'_>) {
        form.checked_text("country", TEXT_CHARS_MAX, &mut self.country, form::country);
        form.text("description", DESCRIPTION_CHARS_MAX, &mut self.description);
        form.checked_text("website", URL_CHARS_MAX, &mut self.website, form::url);
        form.checked_text("linkedIn", URL_CHARS_MAX, &mut self.linked_in, form::url);
        form.checked_text("logoUrl", URL_CHARS_MAX, &mut self.logo_url, form::url);
        form.object("tags", &mut self.tags, |form, tags| {
            form.texts("industries", INDUSTRIES, &mut tags.industries);
            form.texts("products", PRODUCTS, &mut tags.products);
            form.texts("services", SERVICES, &mut tags.services);
            form.texts("solutions", SOLUTION_CATEGORIES, &mut tags.solutions);
        });
        form.words("targetCustomerSizes", &mut self.target_customer_sizes);
        form.word("status", &mut self.status);
    }

    /// Says whether other organisations find the locations of this profile.
    pub fn is_published(&self) -> bool {
        self.status == ProfileStatus::Published
    }
}

impl LocationProfile {
    /// Reads the members of this profile.
    pub fn read(&mut self, form: &mut Form<'_>) {
        form.object("address", &mut self.address, |form, address| {
            form.text("addressLine1", TEXT_CHARS_MAX, &mut address.address_line1);
            form.text("addressLine2", TEXT_CHARS_MAX, &mut address.address_line2);
            form.text("city", TEXT_CHARS_MAX, &mut address.city);
            form.text("state", TEXT_CHARS_MAX, &mut address.state);
            form.text("postalCode", TEXT_CHARS_MAX, &mut address.postal_code);
            form.checked_text("country", TEXT_CHARS_MAX, &mut address.country, form::country);
        });
        form.object("geo", &mut self.geo, |form, geo| {
            form.number("lat", -90.0, 90.0, &mut geo.lat);
            form.number("lon", -180.0, 180.0, &mut geo.lon);
        });
        form.object("contact", &mut self.contact, |form, contact| {
            form.text("firstName", TEXT_CHARS_MAX, &mut contact.first_name);
            form.text("lastName", TEXT_CHARS_MAX, &mut contact.last_name);
            form.text("phoneNumber", TEXT_CHARS_MAX, &mut contact.phone_number);
            form.checked_text("email", EMAIL_CHARS_MAX, &mut contact.email, form::email);
        });
    }
}

impl SolutionProfile {
    /// Reads the members of this profile.
    pub fn read(&mut self, form: &mut Form<'_>) {
        form.text("publisherName", TEXT_CHARS_MAX, &mut self.publisher_name);
        form.optional_word("solutionType", &mut self.solution_type);
        form.text("coSellStatus", TEXT_CHARS_MAX, &mut self.co_sell_status);
        form.texts("incentives", &[], &mut self.incentives);
        form.checked_text("mpnId", TEXT_CHARS_MAX, &mut self.mpn_id, form::mpn_id);
        form.texts("offerIds", &[], &mut self.offer_ids);
        form.texts("industries", INDUSTRIES, &mut self.industries);
        form.texts("solutionAreas", &[], &mut self.solution_areas);
    }
}

impl fmt::Debug for DefaultAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DefaultAddress(…)")
    }
}

impl fmt::Debug for LocationContact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LocationContact(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        json::{self, JsonLimits},
        report::Report,
    };

    #[test]
    fn a_profile_is_changed_where_the_request_says_so() {
        let mut profile = BusinessProfile {
            website: Some("https://old.example".to_owned()),
            description: Some("Before".to_owned()),
            tags: ProfileTags { services: vec!["Licensing".to_owned()], ..ProfileTags::default() },
            ..BusinessProfile::default()
        };
        let body = br#"{"description":"After","tags":{"products":["azure","Azure"]},"status":"published",
            "targetCustomerSizes":["MORETHAN500EMPLOYEES"],"country":"deu"}"#;
        let mut report = Report::default();

        let node = json::parse(body, JsonLimits { depth_max: 8, array_items_max: 10 }).unwrap();
        Form::read(node, &mut report, |form| profile.read(form));

        assert_eq!(report, Report::default());
        assert_eq!(profile.description.as_deref(), Some("After"));
        assert_eq!(profile.website.as_deref(), Some("https://old.example"));
        assert_eq!(
            (profile.tags.products.as_slice(), profile.tags.services.len()),
            (&["Azure".to_owned()][..], 0)
        );
        assert_eq!(profile.target_customer_sizes, [CustomerSize::MoreThan500]);
        assert!(profile.is_published() && profile.country.as_deref() == Some("DE"));
    }

    #[test]
    fn people_are_not_shown_by_debug() {
        let contact = LocationContact { email: Some("ann@contoso.example".to_owned()), ..Default::default() };
        let address = DefaultAddress { last_name: Some("Example".to_owned()), ..Default::default() };

        assert!(!format!("{contact:?}{address:?}").contains("xample"));
    }
}
