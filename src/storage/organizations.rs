//! Organisations, their people, applications and keys.

use std::sync::Arc;

use uuid::Uuid;

use super::{
    Commit, Conflict, Store, StoreError,
    dialect::Dialect,
    directory,
    value::{Row, Value},
};
use crate::domain::{
    engagement::Destination,
    organization::{
        Application, ExternalSubject, Location, LocationScope, Organization, OrganizationId, Role, Solution,
        User,
    },
    time::Timestamp,
};

/// A user together with its employer: all that a call needs to know about who makes it.
#[derive(Clone, Debug)]
pub struct Principal {
    /// The person.
    pub user: User,
    /// The employer.
    pub organization: Organization,
}

/// An organisation with everything it starts with.
#[derive(Clone, Debug)]
pub struct NewOrganization {
    /// The organisation itself.
    pub organization: Organization,
    /// At least one, exactly one of them the default.
    pub locations: Vec<Location>,
    /// What it sells.
    pub solutions: Vec<Solution>,
    /// Client applications.
    pub applications: Vec<Application>,
    /// People.
    pub users: Vec<User>,
}

/// A private key of the built-in issuer.
#[derive(Clone)]
pub struct SigningKey {
    /// `kid` in the key set.
    pub id: String,
    /// PKCS#8 PEM.
    pub private_pem: String,
    /// When it was made.
    pub created: Timestamp,
}

/// What a business profile says that nobody has written yet.
const FIRST_BUSINESS_PROFILE: &str = r#"{"status":"Published"}"#;

/// Columns of a user with its employer, for [`principal`].
const PRINCIPAL: &str =
    "SELECT u.id, u.organization_id, u.email, u.name, u.password_hash, u.issuer, u.subject, u.roles,
        u.locations, o.tenant_id, o.name, o.domain
     FROM users u
     JOIN organizations o ON o.id = u.organization_id
     WHERE ";

impl Store {
    /// Finds a client application. Remembered for a few seconds.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_application(&self, id: Uuid) -> Result<Option<Arc<Application>>, StoreError> {
        let ask = async {
            let sql = "SELECT id, organization_id, name, secret_hash, redirect_uris FROM applications WHERE id = $1";
            self.query_one(sql, &[id.into()]).await?.map(application).transpose()
        };
        self.0.directory.get(|it| &it.applications, &id, ask).await
    }

    /// Finds who signs in with `email` (lower case).
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_principal_by_email(&self, email: &str) -> Result<Option<Arc<Principal>>, StoreError> {
        let found = self.find_one_principal("u.email = $1", vec![email.into()]).await?;
        Ok(found.map(Arc::new))
    }

    /// Finds the user `user_id` of the tenant `tenant_id`. Remembered for a few seconds.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_principal(
        &self,
        tenant_id: Uuid,
        user_id: Uuid,
    ) -> Result<Option<Arc<Principal>>, StoreError> {
        let ask =
            self.find_one_principal("o.tenant_id = $1 AND u.id = $2", vec![tenant_id.into(), user_id.into()]);
        self.0.directory.get(|it| &it.principals, &(tenant_id, user_id), ask).await
    }

    /// Finds the user that an external issuer knows as `subject`. Remembered for a few seconds.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_principal_by_subject(
        &self,
        subject: &ExternalSubject,
    ) -> Result<Option<Arc<Principal>>, StoreError> {
        let params = vec![subject.issuer.as_str().into(), subject.subject.as_str().into()];
        let ask = self.find_one_principal("u.issuer = $1 AND u.subject = $2", params);
        self.0.directory.get(|it| &it.subjects, subject, ask).await
    }

    /// Finds a user of whatever organisation by id.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_principal_by_id(&self, user_id: Uuid) -> Result<Option<Principal>, StoreError> {
        self.find_one_principal("u.id = $1", vec![user_id.into()]).await
    }

    async fn find_one_principal(
        &self,
        condition: &'static str,
        params: Vec<Value>,
    ) -> Result<Option<Principal>, StoreError> {
        let row = self.query_one(&[PRINCIPAL, condition].concat(), &params).await?;
        row.map(|row| {
            let user = user(&row)?;
            let organization = Organization {
                id: user.organization_id.clone(),
                tenant_id: row.uuid(9)?,
                name: row.text(10)?,
                domain: row.text_or_null(11)?,
            };
            Ok(Principal { user, organization })
        })
        .transpose()
    }

    /// Finds an organisation by id. Remembered for a few seconds.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_organization(
        &self,
        id: &OrganizationId,
    ) -> Result<Option<Arc<Organization>>, StoreError> {
        let ask = async {
            let sql = "SELECT id, tenant_id, name, domain FROM organizations WHERE id = $1";
            self.query_one(sql, &[id.into()]).await?.map(|row| organization(&row)).transpose()
        };
        self.0.directory.get(|it| &it.organizations, id, ask).await
    }

    /// Finds an organisation by its domain (lower case). Remembered for a few seconds.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_organization_by_domain(
        &self,
        domain: &str,
    ) -> Result<Option<Arc<Organization>>, StoreError> {
        let ask = async {
            let sql = "SELECT id, tenant_id, name, domain FROM organizations WHERE domain = $1";
            self.query_one(sql, &[domain.into()]).await?.map(|row| organization(&row)).transpose()
        };
        self.0.directory.get(|it| &it.domains, &domain.to_owned(), ask).await
    }

    /// Finds an organisation by its tenant id. Remembered for a few seconds.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_organization_by_tenant(
        &self,
        tenant_id: Uuid,
    ) -> Result<Option<Arc<Organization>>, StoreError> {
        let ask = async {
            let sql = "SELECT id, tenant_id, name, domain FROM organizations WHERE tenant_id = $1";
            self.query_one(sql, &[tenant_id.into()]).await?.map(|row| organization(&row)).transpose()
        };
        self.0.directory.get(|it| &it.tenants, &tenant_id, ask).await
    }

    /// Finds whom a location id names. Remembered for a few seconds.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_location_target(&self, id: Uuid) -> Result<Option<Arc<Destination>>, StoreError> {
        let sql = "SELECT o.id, o.tenant_id, o.name, o.domain, l.mpn_id
             FROM locations l
             JOIN organizations o ON o.id = l.organization_id
             WHERE l.id = $1";
        let ask = async { self.query_one(sql, &[id.into()]).await?.map(|row| destination(&row)).transpose() };
        self.0.directory.get(|it| &it.location_targets, &id, ask).await
    }

    /// Finds whom a solution id names; the location is the owner's default. Remembered for a few seconds.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_solution_target(&self, id: &str) -> Result<Option<Arc<Destination>>, StoreError> {
        let sql = "SELECT o.id, o.tenant_id, o.name, o.domain, l.mpn_id
             FROM solutions s
             JOIN organizations o ON o.id = s.organization_id
             LEFT JOIN locations l ON l.organization_id = o.id AND l.is_default = 1
             WHERE s.id_key = $1";
        let key = id.to_lowercase();
        let ask = async {
            self.query_one(sql, &[key.as_str().into()]).await?.map(|row| destination(&row)).transpose()
        };
        self.0.directory.get(|it| &it.solution_targets, &key, ask).await
    }

    /// Finds an organisation as the addressee of a referral; the location is its default.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_organization_target(
        &self,
        id: &OrganizationId,
    ) -> Result<Option<Destination>, StoreError> {
        let Some(organization) = self.find_organization(id).await? else { return Ok(None) };
        let locations = self.list_locations(id).await?;
        let mpn_id = locations.iter().find(|it| it.is_default).map(|it| it.mpn_id.clone());
        Ok(Some(Destination { organization, mpn_id }))
    }

    /// Lists all organisations by name.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_organizations(&self) -> Result<Vec<Organization>, StoreError> {
        let sql = "SELECT id, tenant_id, name, domain FROM organizations ORDER BY name, id";
        self.query(sql, &[]).await?.iter().map(organization).collect()
    }

    /// Lists the users of one organisation by e-mail.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_users(&self, organization_id: &OrganizationId) -> Result<Vec<User>, StoreError> {
        let sql = "SELECT id, organization_id, email, name, password_hash, issuer, subject, roles, locations
             FROM users
             WHERE organization_id = $1
             ORDER BY email";
        self.query(sql, &[organization_id.into()]).await?.iter().map(user).collect()
    }

    /// Lists the applications of one organisation by name.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_applications(
        &self,
        organization_id: &OrganizationId,
    ) -> Result<Vec<Application>, StoreError> {
        let sql = "SELECT id, organization_id, name, secret_hash, redirect_uris
             FROM applications
             WHERE organization_id = $1
             ORDER BY name, id";
        self.query(sql, &[organization_id.into()]).await?.into_iter().map(application).collect()
    }

    /// Lists the locations of one organisation, the default first. Remembered for a few seconds.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_locations(
        &self,
        organization_id: &OrganizationId,
    ) -> Result<Arc<Vec<Location>>, StoreError> {
        let ask = async {
            let sql = "SELECT id, organization_id, mpn_id, name, is_default
                 FROM locations
                 WHERE organization_id = $1
                 ORDER BY is_default DESC, mpn_id";
            let rows = self.query(sql, &[organization_id.into()]).await?;
            rows.iter().map(location).collect::<Result<Vec<_>, _>>().map(Some)
        };
        let found = self.0.directory.get(|it| &it.locations, organization_id, ask).await?;
        Ok(found.unwrap_or_default())
    }

    /// Adds an organisation and all it starts with, in one commit. What is there already (by its key) is left alone.
    ///
    /// # Errors
    /// When the database does not take the commit.
    pub async fn insert_organization(&self, new: NewOrganization) -> Result<(), StoreError> {
        self.commit_to_directory(new.commit()).await
    }

    /// Adds a user.
    ///
    /// # Errors
    /// A conflict when the id, the e-mail or the external identity is taken.
    pub async fn insert_user(&self, user: User) -> Result<(), StoreError> {
        let mut commit = Commit::new();
        commit.step(INSERT_USER, user_values(&user), 1, Conflict::Duplicate);
        self.commit_to_directory(commit).await
    }

    /// Writes a commit that changes who is who, and makes every server forget what it remembers of that: this one
    /// before the answer, the others on PostgreSQL's notice, which comes with the commit.
    ///
    /// # Errors
    /// As [`Store::commit`].
    pub async fn commit_to_directory(&self, mut commit: Commit) -> Result<(), StoreError> {
        if self.dialect() == Dialect::Postgres {
            commit.step_any_rows(directory::ANNOUNCE, Vec::new());
        }
        // A task of its own: a caller who goes away in the middle leaves nothing remembered that is no longer so.
        let store = self.clone();
        let writing = tokio::spawn(async move {
            let done = store.commit(commit).await;
            store.0.directory.forget();
            done
        });
        writing.await.unwrap_or(Err(StoreError::ReadOnly))
    }

    /// Lists the issuer's keys, newest first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_signing_keys(&self) -> Result<Vec<SigningKey>, StoreError> {
        let sql = "SELECT id, private_pem, created FROM signing_keys ORDER BY created DESC, id";
        let rows = self.query(sql, &[]).await?;
        rows.iter()
            .map(|row| {
                Ok(SigningKey { id: row.text(0)?, private_pem: row.text(1)?, created: row.timestamp(2)? })
            })
            .collect()
    }

    /// Adds the first key, unless another process was faster; read the list again afterwards.
    ///
    /// # Errors
    /// When the database does not take the commit.
    pub async fn insert_first_signing_key(&self, key: SigningKey) -> Result<(), StoreError> {
        let mut commit = Commit::new();
        commit.step_any_rows(
            "INSERT INTO signing_keys (id, private_pem, created, first)
             VALUES ($1, $2, $3, 1)
             ON CONFLICT DO NOTHING",
            vec![key.id.into(), key.private_pem.into(), key.created.into()],
        );
        self.commit(commit).await
    }

    /// Finds a server-wide fact, such as `public_url` or `sandbox`.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_setting(&self, name: &str) -> Result<Option<String>, StoreError> {
        let row = self.query_one("SELECT value FROM settings WHERE name = $1", &[name.into()]).await?;
        row.map(|row| row.text(0)).transpose()
    }

    /// Returns a server-wide fact, and writes it first where there is none: whoever comes first decides.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_or_put_setting(&self, name: &str, value: &str) -> Result<String, StoreError> {
        if let Some(found) = self.find_setting(name).await? {
            return Ok(found);
        }
        let mut commit = Commit::new();
        commit.step_any_rows(
            "INSERT INTO settings (name, value)
             VALUES ($1, $2)
             ON CONFLICT (name) DO NOTHING",
            vec![name.into(), value.into()],
        );
        self.commit(commit).await?;
        Ok(self.find_setting(name).await?.unwrap_or_else(|| value.to_owned()))
    }

    /// Writes a server-wide fact.
    ///
    /// # Errors
    /// When the database does not take the commit.
    pub async fn put_setting(&self, name: &str, value: &str) -> Result<(), StoreError> {
        let mut commit = Commit::new();
        commit.put_setting(name, value);
        self.commit(commit).await
    }
}

impl Commit {
    /// Writes a server-wide fact.
    pub fn put_setting(&mut self, name: &str, value: &str) {
        self.step_any_rows(
            "INSERT INTO settings (name, value)
             VALUES ($1, $2)
             ON CONFLICT (name) DO UPDATE
             SET value = excluded.value",
            vec![name.into(), value.into()],
        );
    }
}

impl NewOrganization {
    /// Returns what adds the organisation and all it starts with; what is there already (by its key) is left alone. For
    /// [`Store::commit_to_directory`].
    pub fn commit(&self) -> Commit {
        let mut commit = Commit::new();
        let organization = &self.organization;
        commit.step_any_rows(
            "INSERT INTO organizations (id, tenant_id, name, domain)
             VALUES ($1, $2, $3, $4)
             ON CONFLICT DO NOTHING",
            vec![
                (&organization.id).into(),
                organization.tenant_id.into(),
                organization.name.as_str().into(),
                organization.domain.clone().into(),
            ],
        );
        // The first business profile has the id of the default location, so that it too can be known beforehand.
        let business_profile_id = self.locations.iter().find(|it| it.is_default).map(|it| it.id);
        if let Some(id) = business_profile_id {
            commit.step_any_rows(
                "INSERT INTO business_profiles (id, organization_id, number, profile)
                 VALUES ($1, $2, 1, $3)
                 ON CONFLICT DO NOTHING",
                vec![id.into(), (&organization.id).into(), FIRST_BUSINESS_PROFILE.into()],
            );
        }
        for location in &self.locations {
            commit.step_any_rows(
                "INSERT INTO locations (id, organization_id, mpn_id, name, is_default, business_profile_id)
                 VALUES ($1, $2, $3, $4, $5, $6)
                 ON CONFLICT DO NOTHING",
                vec![
                    location.id.into(),
                    (&location.organization_id).into(),
                    location.mpn_id.as_str().into(),
                    location.name.as_str().into(),
                    location.is_default.into(),
                    business_profile_id.into(),
                ],
            );
        }
        for solution in &self.solutions {
            commit.step_any_rows(
                "INSERT INTO solutions (id_key, id, organization_id, name)
                 VALUES ($1, $2, $3, $4)
                 ON CONFLICT DO NOTHING",
                vec![
                    solution.id.to_lowercase().into(),
                    solution.id.as_str().into(),
                    (&solution.organization_id).into(),
                    solution.name.as_str().into(),
                ],
            );
        }
        for application in &self.applications {
            commit.step_any_rows(
                "INSERT INTO applications (id, organization_id, name, secret_hash, redirect_uris)
                 VALUES ($1, $2, $3, $4, $5)
                 ON CONFLICT DO NOTHING",
                application_values(application),
            );
        }
        for user in &self.users {
            commit.step_any_rows(INSERT_USER_OR_LEAVE, user_values(user));
        }
        commit
    }
}

const INSERT_USER: &str =
    "INSERT INTO users (id, organization_id, email, name, password_hash, issuer, subject, roles, locations)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
const INSERT_USER_OR_LEAVE: &str =
    "INSERT INTO users (id, organization_id, email, name, password_hash, issuer, subject, roles, locations)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
     ON CONFLICT DO NOTHING";

/// Returns what is kept of an application, in the order of its columns.
pub(super) fn application_values(application: &Application) -> Vec<Value> {
    vec![
        application.id.into(),
        (&application.organization_id).into(),
        application.name.as_str().into(),
        application.secret_hash.as_ref().map(<[u8; 32]>::as_slice).into(),
        serde_json::json!(application.redirect_uris).to_string().into(),
    ]
}

pub(super) fn user_values(user: &User) -> Vec<Value> {
    let roles: Vec<&str> = user.roles.iter().map(|it| it.as_str()).collect();
    let locations = match &user.locations {
        LocationScope::EntireCompany => Value::Null,
        LocationScope::Locations(mpn_ids) => serde_json::json!(mpn_ids).to_string().into(),
    };
    vec![
        user.id.into(),
        (&user.organization_id).into(),
        user.email.as_str().into(),
        user.name.as_str().into(),
        user.password_hash.clone().into(),
        user.subject.as_ref().map(|it| it.issuer.as_str()).into(),
        user.subject.as_ref().map(|it| it.subject.as_str()).into(),
        serde_json::json!(roles).to_string().into(),
        locations,
    ]
}

fn texts(column: usize, text: &str) -> Result<Vec<String>, StoreError> {
    serde_json::from_str::<Vec<String>>(text)
        .map_err(|_| StoreError::Corrupt { column, found: "no list of texts".to_owned() })
}

pub(super) fn user(row: &Row) -> Result<User, StoreError> {
    let subject = match (row.text_or_null(5)?, row.text_or_null(6)?) {
        (Some(issuer), Some(subject)) => Some(ExternalSubject { issuer, subject }),
        _ => None,
    };
    let locations = match row.text_or_null(8)? {
        Some(text) => LocationScope::Locations(texts(8, &text)?),
        None => LocationScope::EntireCompany,
    };
    Ok(User {
        id: row.uuid(0)?,
        organization_id: row.organization_id(1)?,
        email: row.text(2)?,
        name: row.text(3)?,
        password_hash: row.text_or_null(4)?,
        subject,
        roles: texts(7, &row.text(7)?)?.iter().filter_map(|it| Role::parse(it)).collect(),
        locations,
    })
}

pub(super) fn organization(row: &Row) -> Result<Organization, StoreError> {
    Ok(Organization {
        id: row.organization_id(0)?,
        tenant_id: row.uuid(1)?,
        name: row.text(2)?,
        domain: row.text_or_null(3)?,
    })
}

fn destination(row: &Row) -> Result<Destination, StoreError> {
    Ok(Destination { organization: Arc::new(organization(row)?), mpn_id: row.text_or_null(4)? })
}

pub(super) fn location(row: &Row) -> Result<Location, StoreError> {
    Ok(Location {
        id: row.uuid(0)?,
        organization_id: row.organization_id(1)?,
        mpn_id: row.text(2)?,
        name: row.text(3)?,
        is_default: row.bool(4)?,
    })
}

fn application(row: Row) -> Result<Application, StoreError> {
    Ok(Application {
        id: row.uuid(0)?,
        organization_id: row.organization_id(1)?,
        name: row.text(2)?,
        secret_hash: row.hash_or_null(3)?,
        redirect_uris: texts(4, &row.text(4)?)?,
    })
}
