//! Who acts: the three companies as the store knows them, with their people and what they can be addressed by.

use std::sync::Arc;

use super::{
    super::{
        counterpart::SEED_APPLICATION,
        seed::{COMPANIES, Company},
    },
    SowError, words,
};
use crate::{
    domain::{
        actor::{Actor, ReferralsRole},
        engagement::Destination,
        organization::{Location, LocationScope, OrganizationId},
        referral::{ContactPreference, Member, Target},
        vocabulary::TargetType,
    },
    storage::Store,
};

/// People who sell, for each company.
const SELLERS: usize = words::SELLERS_GIVEN.len() * words::SELLERS_FAMILY.len();
/// The place of the company's Referrals user among them: often enough to see something, not everything.
const USER_PLACE: usize = 60;

/// One of the companies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Who {
    Contoso,
    Fabrikam,
    Microsoft,
}

/// The companies.
pub(super) struct Cast([Player; 3]);

/// A company as it acts and is addressed.
pub(super) struct Player {
    /// As it is written down.
    pub(super) company: Company,
    /// Its id.
    pub(super) id: OrganizationId,
    /// Its Referrals admin.
    pub(super) admin: Actor,
    /// Its Referrals user.
    pub(super) user: Actor,
    /// Its locations, the default first.
    pub(super) locations: Arc<Vec<Location>>,
    /// What it can be addressed by, and whom that names.
    pub(super) addresses: Vec<(Target, Destination)>,
}

impl Cast {
    /// Looks the companies up.
    pub(super) async fn load(store: &Store) -> Result<Self, SowError> {
        let [contoso, fabrikam, microsoft] = COMPANIES;
        let load = async |company| Player::load(store, company).await;
        Ok(Self([load(contoso).await?, load(fabrikam).await?, load(microsoft).await?]))
    }

    /// Returns one of them.
    pub(super) fn player(&self, who: Who) -> &Player {
        let Self([contoso, fabrikam, microsoft]) = self;
        match who {
            Who::Contoso => contoso,
            Who::Fabrikam => fabrikam,
            Who::Microsoft => microsoft,
        }
    }
}

impl Player {
    async fn load(store: &Store, company: Company) -> Result<Self, SowError> {
        let missing = || SowError::Missing(company.name);
        let id = OrganizationId::parse(company.id).ok_or_else(missing)?;
        let mut addresses = Vec::new();
        for (solution_id, _) in company.solutions {
            if let Some(found) = store.find_solution_target(solution_id).await? {
                let target = Target { kind: TargetType::SolutionProfile, id: (*solution_id).to_owned() };
                addresses.push((target, (*found).clone()));
            }
        }
        if let Some(found) = store.find_location_target(company.location_id).await? {
            let id = company.location_id.to_string();
            addresses.push((Target { kind: TargetType::BusinessProfileLocation, id }, (*found).clone()));
        }
        // Somebody else may have taken what was the company's when the sandbox was made.
        addresses.retain(|(_, destination)| destination.organization.id == id);
        let organization = store.find_organization(&id).await?.ok_or_else(missing)?;
        let actor = |(user_id, email, _): (uuid::Uuid, &str, &str), role| Actor {
            organization_id: id.clone(),
            organization_name: organization.name.clone(),
            user_id,
            email: email.to_owned(),
            application_id: SEED_APPLICATION.to_owned(),
            role,
            locations: LocationScope::EntireCompany,
        };
        if addresses.is_empty() {
            return Err(missing());
        }
        Ok(Self {
            company,
            admin: actor(company.admin, ReferralsRole::Admin),
            user: actor(company.user, ReferralsRole::User),
            locations: store.list_locations(&id).await?,
            addresses,
            id,
        })
    }

    /// Returns somebody who sells for the company; low places for those who sell most.
    pub(super) fn seller(&self, place: usize) -> Member {
        let (given, family) = (words::SELLERS_GIVEN.len(), words::SELLERS_FAMILY.len());
        let found =
            words::SELLERS_GIVEN.get(place % given).zip(words::SELLERS_FAMILY.get(place / given % family));
        let ((first, first_plain), (last, last_plain)) =
            found.unwrap_or((&("Sam", "sam"), &("Sellers", "sellers")));
        let (_, user_email, user_name) = self.company.user;
        let (first, last, email) = match (place, user_name.split_once(' ')) {
            (USER_PLACE, Some((first, last))) => (first, last, user_email.to_owned()),
            _ => (*first, *last, format!("{first_plain}.{last_plain}@{}", self.company.domain)),
        };
        Member {
            first_name: Some(first.to_owned()),
            last_name: Some(last.to_owned()),
            phone_number: Some(format!("+1 425 555 {place:04}")),
            email: Some(email),
            title: None,
            contact_preference: ContactPreference {
                locale: Some("en-US".to_owned()),
                disable_notifications: Some(place.is_multiple_of(5)),
            },
        }
    }

    /// Returns how many people sell for the company.
    pub(super) const fn sellers() -> usize {
        SELLERS
    }
}
