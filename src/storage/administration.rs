//! An organisation and all it owns, read whole and written under one revision.
//!
//! Whoever changes an organisation reads it whole, decides, and commits with the revision that it read: when another
//! write came between, nothing is written. Rules such as "an organisation keeps an account admin" hold that way
//! without locks, however many administrators and servers there are.

use serde::{Serialize, de::DeserializeOwned};
use uuid::Uuid;

use super::{
    Commit, Conflict, Store, StoreError,
    organizations::{application_values, location, organization, user_values},
    value::Row,
};
use crate::domain::organization::{
    Application, Location, Organization, OrganizationId, Solution, User,
    profile::{
        BusinessProfile, BusinessProfileRecord, LocationProfile, LocationRecord, OrganizationProfile,
        SolutionRecord,
    },
};

/// An organisation with everything that it owns and everybody who works there.
#[derive(Clone, Debug)]
pub struct WholeOrganization {
    /// The organisation itself.
    pub organization: Organization,
    /// What it says of itself.
    pub profile: OrganizationProfile,
    /// In the order in which they were made.
    pub business_profiles: Vec<BusinessProfileRecord>,
    /// The default one first.
    pub locations: Vec<LocationRecord>,
    /// By id.
    pub solutions: Vec<SolutionRecord>,
    /// By e-mail.
    pub users: Vec<User>,
    revision: i64,
}

/// A location of another organisation, for whom to address.
#[derive(Clone, Debug)]
pub struct PublishedLocation {
    /// The owner.
    pub organization: Organization,
    /// The location.
    pub location: Location,
    /// What is kept of it.
    pub profile: LocationProfile,
    /// The business profile that it belongs to; a draft is not to be shown.
    pub business_profile: BusinessProfile,
}

impl Store {
    /// Reads an organisation with all that it owns. Never remembered: decisions are made on it.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_whole_organization(
        &self,
        id: &OrganizationId,
    ) -> Result<Option<WholeOrganization>, StoreError> {
        // The revision is read first: what is written after it makes the commit fail.
        let sql = "SELECT id, tenant_id, name, domain, profile, revision FROM organizations WHERE id = $1";
        let Some(row) = self.query_one(sql, &[id.into()]).await? else { return Ok(None) };
        let (business_profiles, locations) = self.list_places(id).await?;
        Ok(Some(WholeOrganization {
            organization: organization(&row)?,
            profile: json(&row, 4)?,
            revision: row.int(5)?,
            locations,
            solutions: self.list_solutions(id).await?,
            users: self.list_users(id).await?,
            business_profiles,
        }))
    }

    /// Finds what an organisation says of itself.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_organization_profile(
        &self,
        id: &OrganizationId,
    ) -> Result<Option<(Organization, OrganizationProfile)>, StoreError> {
        let sql = "SELECT id, tenant_id, name, domain, profile FROM organizations WHERE id = $1";
        let row = self.query_one(sql, &[id.into()]).await?;
        row.map(|row| Ok((organization(&row)?, json(&row, 4)?))).transpose()
    }

    /// Lists the business profiles of one organisation in the order in which they were made, and its locations, the
    /// default one first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_places(
        &self,
        organization_id: &OrganizationId,
    ) -> Result<(Vec<BusinessProfileRecord>, Vec<LocationRecord>), StoreError> {
        let business_profiles = self.list_business_profiles(organization_id).await?;
        let first = business_profiles.first().map(|it| it.id).unwrap_or_default();
        let locations = self.list_location_records(organization_id, first).await?;
        Ok((business_profiles, locations))
    }

    async fn list_business_profiles(
        &self,
        organization_id: &OrganizationId,
    ) -> Result<Vec<BusinessProfileRecord>, StoreError> {
        let sql = "SELECT id, profile FROM business_profiles WHERE organization_id = $1 ORDER BY number";
        let rows = self.query(sql, &[organization_id.into()]).await?;
        rows.iter()
            .map(|row| Ok(BusinessProfileRecord { id: row.uuid(0)?, profile: json(row, 1)? }))
            .collect()
    }

    /// Lists locations; one without a business profile, which a server of an older version added, is put into the
    /// first.
    async fn list_location_records(
        &self,
        organization_id: &OrganizationId,
        first_business_profile_id: Uuid,
    ) -> Result<Vec<LocationRecord>, StoreError> {
        let sql = "SELECT id, organization_id, mpn_id, name, is_default, business_profile_id, profile
             FROM locations
             WHERE organization_id = $1
             ORDER BY is_default DESC, mpn_id";
        let rows = self.query(sql, &[organization_id.into()]).await?;
        rows.iter()
            .map(|row| {
                Ok(LocationRecord {
                    location: location(row)?,
                    business_profile_id: row.uuid_or_null(5)?.unwrap_or(first_business_profile_id),
                    profile: json(row, 6)?,
                })
            })
            .collect()
    }

    /// Lists the solutions of one organisation by id.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_solutions(
        &self,
        organization_id: &OrganizationId,
    ) -> Result<Vec<SolutionRecord>, StoreError> {
        let sql = "SELECT id, organization_id, name, profile
             FROM solutions
             WHERE organization_id = $1
             ORDER BY id_key";
        let rows = self.query(sql, &[organization_id.into()]).await?;
        rows.iter()
            .map(|row| {
                let (id, organization_id, name) = (row.text(0)?, row.organization_id(1)?, row.text(2)?);
                let solution = Solution { id, organization_id, name };
                Ok(SolutionRecord { solution, profile: json(row, 3)? })
            })
            .collect()
    }

    /// Lists the locations of every organisation but `organization_id`: by name of the owner, default ones first.
    /// Those of drafts are among them.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_locations_of_others(
        &self,
        organization_id: &OrganizationId,
    ) -> Result<Vec<PublishedLocation>, StoreError> {
        let sql = "SELECT l.id, l.organization_id, l.mpn_id, l.name, l.is_default, l.profile, b.profile,
                o.id, o.tenant_id, o.name, o.domain
             FROM locations l
             JOIN business_profiles b ON b.id = l.business_profile_id
             JOIN organizations o ON o.id = l.organization_id
             WHERE l.organization_id <> $1
             ORDER BY o.name, o.id, l.is_default DESC, l.mpn_id";
        let rows = self.query(sql, &[organization_id.into()]).await?;
        rows.iter()
            .map(|row| {
                Ok(PublishedLocation {
                    location: location(row)?,
                    profile: json(row, 5)?,
                    business_profile: json(row, 6)?,
                    organization: Organization {
                        id: row.organization_id(7)?,
                        tenant_id: row.uuid(8)?,
                        name: row.text(9)?,
                        domain: row.text_or_null(10)?,
                    },
                })
            })
            .collect()
    }

    /// Says whether a referral was made for the location `mpn_id` of an organisation, or by it.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn is_location_in_use(
        &self,
        organization_id: &OrganizationId,
        mpn_id: &str,
    ) -> Result<bool, StoreError> {
        let sql = "SELECT 1 FROM referrals
             WHERE (organization_id = $1 AND mpn_id = $2) OR (inviter = $1 AND inviter_mpn_id = $2)
             LIMIT 1";
        Ok(self.query_one(sql, &[organization_id.into(), mpn_id.into()]).await?.is_some())
    }
}

impl WholeOrganization {
    /// Starts a commit that holds only if nobody has written to the organisation since it was read.
    pub fn commit(&self) -> Commit {
        let mut commit = Commit::new();
        commit.step(
            "UPDATE organizations SET revision = revision + 1 WHERE id = $1 AND revision = $2",
            vec![(&self.organization.id).into(), self.revision.into()],
            1,
            Conflict::Version,
        );
        commit
    }
}

/// What of an organisation is written. Each step names the owner: what belongs to another one is not touched.
impl Commit {
    /// Writes name, domain and profile.
    pub fn update_organization(&mut self, organization: &Organization, profile: &OrganizationProfile) {
        self.step(
            "UPDATE organizations SET name = $2, domain = $3, profile = $4 WHERE id = $1",
            vec![
                (&organization.id).into(),
                organization.name.as_str().into(),
                organization.domain.clone().into(),
                text(profile).into(),
            ],
            1,
            Conflict::Duplicate,
        );
    }

    /// Adds a business profile.
    pub fn insert_business_profile(&mut self, owner: &OrganizationId, record: &BusinessProfileRecord) {
        self.step(
            "INSERT INTO business_profiles (id, organization_id, number, profile)
             SELECT $1, $2, COALESCE(MAX(number), 0) + 1, $3 FROM business_profiles WHERE organization_id = $2",
            vec![record.id.into(), owner.into(), text(&record.profile).into()],
            1,
            Conflict::Duplicate,
        );
    }

    /// Writes a business profile.
    pub fn update_business_profile(&mut self, owner: &OrganizationId, record: &BusinessProfileRecord) {
        self.step(
            "UPDATE business_profiles SET profile = $3 WHERE organization_id = $2 AND id = $1",
            vec![record.id.into(), owner.into(), text(&record.profile).into()],
            1,
            Conflict::Version,
        );
    }

    /// Adds a location; when it is the default one, the others are so no more.
    pub fn insert_location(&mut self, record: &LocationRecord) {
        let location = &record.location;
        self.step(
            "INSERT INTO locations (id, organization_id, mpn_id, name, is_default, business_profile_id, profile)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
            vec![
                location.id.into(),
                (&location.organization_id).into(),
                location.mpn_id.as_str().into(),
                location.name.as_str().into(),
                location.is_default.into(),
                record.business_profile_id.into(),
                text(&record.profile).into(),
            ],
            1,
            Conflict::Duplicate,
        );
        self.leave_one_default(location);
    }

    /// Writes a location; when it is the default one, the others are so no more.
    pub fn update_location(&mut self, record: &LocationRecord) {
        let location = &record.location;
        self.step(
            "UPDATE locations SET mpn_id = $3, name = $4, is_default = $5, profile = $6
             WHERE organization_id = $1 AND id = $2",
            vec![
                (&location.organization_id).into(),
                location.id.into(),
                location.mpn_id.as_str().into(),
                location.name.as_str().into(),
                location.is_default.into(),
                text(&record.profile).into(),
            ],
            1,
            Conflict::Duplicate,
        );
        self.leave_one_default(location);
    }

    fn leave_one_default(&mut self, location: &Location) {
        if location.is_default {
            self.step_any_rows(
                "UPDATE locations SET is_default = 0 WHERE organization_id = $1 AND id <> $2 AND is_default = 1",
                vec![(&location.organization_id).into(), location.id.into()],
            );
        }
    }

    /// Takes a location away, unless a referral was made for it since that was looked up.
    pub fn delete_location(&mut self, location: &Location) {
        self.step(
            "DELETE FROM locations
             WHERE organization_id = $1 AND id = $2 AND is_default = 0
                AND NOT EXISTS (
                    SELECT 1 FROM referrals r
                    WHERE (r.organization_id = $1 AND r.mpn_id = $3) OR (r.inviter = $1 AND r.inviter_mpn_id = $3))",
            vec![
                (&location.organization_id).into(),
                location.id.into(),
                location.mpn_id.as_str().into(),
            ],
            1,
            Conflict::Version,
        );
    }

    /// Adds a solution; its id may be nobody else's.
    pub fn insert_solution(&mut self, record: &SolutionRecord) {
        let solution = &record.solution;
        self.step(
            "INSERT INTO solutions (id_key, id, organization_id, name, profile) VALUES ($1, $2, $3, $4, $5)",
            vec![
                solution.id.to_lowercase().into(),
                solution.id.as_str().into(),
                (&solution.organization_id).into(),
                solution.name.as_str().into(),
                text(&record.profile).into(),
            ],
            1,
            Conflict::Duplicate,
        );
    }

    /// Writes a solution.
    pub fn update_solution(&mut self, record: &SolutionRecord) {
        let solution = &record.solution;
        self.step(
            "UPDATE solutions SET name = $3, profile = $4 WHERE organization_id = $1 AND id_key = $2",
            vec![
                (&solution.organization_id).into(),
                solution.id.to_lowercase().into(),
                solution.name.as_str().into(),
                text(&record.profile).into(),
            ],
            1,
            Conflict::Version,
        );
    }

    /// Takes a solution away.
    pub fn delete_solution(&mut self, solution: &Solution) {
        self.step(
            "DELETE FROM solutions WHERE organization_id = $1 AND id_key = $2",
            vec![(&solution.organization_id).into(), solution.id.to_lowercase().into()],
            1,
            Conflict::Version,
        );
    }

    /// Adds a user; id, e-mail and external identity may be nobody else's.
    pub fn insert_user(&mut self, user: &User) {
        self.step(
            "INSERT INTO users
                (id, organization_id, email, name, password_hash, issuer, subject, roles, locations)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            user_values(user),
            1,
            Conflict::Duplicate,
        );
    }

    /// Writes a user.
    pub fn update_user(&mut self, user: &User) {
        self.step(
            "UPDATE users
             SET email = $3, name = $4, password_hash = $5, issuer = $6, subject = $7, roles = $8, locations = $9
             WHERE id = $1 AND organization_id = $2",
            user_values(user),
            1,
            Conflict::Duplicate,
        );
    }

    /// Adds an application.
    pub fn insert_application(&mut self, application: &Application) {
        self.step(
            "INSERT INTO applications (id, organization_id, name, secret_hash, redirect_uris)
             VALUES ($1, $2, $3, $4, $5)",
            application_values(application),
            1,
            Conflict::Duplicate,
        );
    }

    /// Writes an application.
    pub fn update_application(&mut self, application: &Application) {
        self.step(
            "UPDATE applications SET name = $3, secret_hash = $4, redirect_uris = $5
             WHERE id = $1 AND organization_id = $2",
            application_values(application),
            1,
            Conflict::Version,
        );
    }

    /// Takes a user away.
    pub fn delete_user(&mut self, user: &User) {
        self.step(
            "DELETE FROM users WHERE organization_id = $1 AND id = $2",
            vec![(&user.organization_id).into(), user.id.into()],
            1,
            Conflict::Version,
        );
    }
}

fn text(profile: &impl Serialize) -> String {
    serde_json::to_string(profile).expect("a profile has text keys and finite numbers only")
}

fn json<T: DeserializeOwned>(row: &Row, column: usize) -> Result<T, StoreError> {
    serde_json::from_str(&row.text(column)?)
        .map_err(|_| StoreError::Corrupt { column, found: "no such profile".to_owned() })
}
