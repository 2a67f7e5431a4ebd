//! Three companies with fixed ids, so that a command copied from a page works on every sandbox.
//!
//! Passwords and client secrets are known to everyone; that is why a sandbox marks its database and stays on
//! loopback.

use uuid::{Uuid, uuid};

use crate::{
    domain::{
        organization::{
            Application, Location, LocationScope, Organization, OrganizationId, Role, Solution, User,
        },
        sources::Random,
    },
    service::administration::{AdministrationError, hash_client_secret, hash_password, tenant_id},
    storage::{NewOrganization, Store},
};

/// The create call of the documentation, as it stands.
pub const FIRST_REFERRAL: &str = include_str!("create-shared.request.json");

/// The password of every user of the sandbox.
pub const PASSWORD: &str = "sandbox-password";

/// Contoso Company, which sells `SOL-34104-EBB`.
pub const CONTOSO_ID: Uuid = uuid!("7d23e5ca-19dc-4eaa-aac8-5e6b559f0d1d");
/// Fabrikam.
pub const FABRIKAM_ID: Uuid = uuid!("f4b6a1c0-52d7-4c7e-9a53-0d1c6f0e2b84");

/// The name of the setting that keeps the hash of the password, which takes its time to make.
const HASH: &str = "sandbox_password_hash";
/// The name of the setting that marks a sandbox's database.
const MARK: &str = "sandbox";

/// A company as it is written down here.
#[derive(Clone, Copy, Debug)]
pub struct Company {
    /// Display name.
    pub name: &'static str,
    /// Wire id.
    pub id: &'static str,
    /// E-mail and tenant domain.
    pub domain: &'static str,
    /// Its location.
    pub location_id: Uuid,
    /// Partner id of the location.
    pub mpn_id: &'static str,
    /// Where it is.
    pub location: &'static str,
    /// What it sells: id and name.
    pub solutions: &'static [(&'static str, &'static str)],
    /// Its application.
    pub client_id: Uuid,
    /// The application's secret.
    pub client_secret: &'static str,
    /// The Referrals admin: id, e-mail, name.
    pub admin: (Uuid, &'static str, &'static str),
    /// The Referrals user: id, e-mail, name.
    pub user: (Uuid, &'static str, &'static str),
    /// The account admin: id, e-mail, name.
    pub account_admin: (Uuid, &'static str, &'static str),
}

/// The companies, in the order they are shown.
pub const COMPANIES: [Company; 3] = [
    Company {
        name: "Contoso Company",
        id: "7d23e5ca-19dc-4eaa-aac8-5e6b559f0d1d",
        domain: "contoso.example",
        location_id: uuid!("c0a70001-0000-4000-8000-000000000001"),
        mpn_id: "4391227",
        location: "Contoso Redmond",
        solutions: &[
            ("SOL-34104-EBB", "Contoso Field Service Accelerator"),
            ("SOL-20881-KTP", "Contoso Supply Chain Insights"),
            ("SOL-51377-DRW", "Contoso Deployment Services"),
        ],
        client_id: uuid!("c0a70002-0000-4000-8000-000000000002"),
        client_secret: "contoso-sandbox-secret",
        admin: (uuid!("c0a70003-0000-4000-8000-000000000003"), "alex.admin@contoso.example", "Alex Admin"),
        user: (uuid!("c0a70004-0000-4000-8000-000000000004"), "uma.user@contoso.example", "Uma User"),
        account_admin: (
            uuid!("c0a70005-0000-4000-8000-000000000005"),
            "ada.account@contoso.example",
            "Ada Account",
        ),
    },
    Company {
        name: "Fabrikam",
        id: "f4b6a1c0-52d7-4c7e-9a53-0d1c6f0e2b84",
        domain: "fabrikam.example",
        location_id: uuid!("fab00001-0000-4000-8000-000000000001"),
        mpn_id: "5160884",
        location: "Fabrikam Berlin",
        solutions: &[
            ("SOL-15974-MQF", "Fabrikam Factory Floor"),
            ("SOL-42019-HZN", "Fabrikam Data Estate Migration"),
        ],
        client_id: uuid!("fab00002-0000-4000-8000-000000000002"),
        client_secret: "fabrikam-sandbox-secret",
        admin: (uuid!("fab00003-0000-4000-8000-000000000003"), "fay.admin@fabrikam.example", "Fay Admin"),
        user: (uuid!("fab00004-0000-4000-8000-000000000004"), "ugo.user@fabrikam.example", "Ugo User"),
        account_admin: (
            uuid!("fab00005-0000-4000-8000-000000000005"),
            "abe.account@fabrikam.example",
            "Abe Account",
        ),
    },
    Company {
        name: "Microsoft",
        id: "msft",
        domain: "microsoft.example",
        location_id: uuid!("6d730001-0000-4000-8000-000000000001"),
        mpn_id: "1000001",
        location: "Microsoft Redmond",
        solutions: &[("SOL-10001-MSF", "Microsoft Co-sell Desk")],
        client_id: uuid!("6d730002-0000-4000-8000-000000000002"),
        client_secret: "microsoft-sandbox-secret",
        admin: (uuid!("6d730003-0000-4000-8000-000000000003"), "mia.admin@microsoft.example", "Mia Admin"),
        user: (uuid!("6d730004-0000-4000-8000-000000000004"), "max.user@microsoft.example", "Max User"),
        account_admin: (
            uuid!("6d730005-0000-4000-8000-000000000005"),
            "amy.account@microsoft.example",
            "Amy Account",
        ),
    },
];

/// Why a database was not made a sandbox.
#[derive(Debug, thiserror::Error)]
pub enum SeedError {
    /// Real data would get known passwords.
    #[error(
        "this database has organizations and is not a sandbox, so it gets no companies with known passwords; \
         start without --sandbox, or name an empty folder with --data"
    )]
    NotASandbox,
    /// The companies could not be added.
    #[error(transparent)]
    Failed(#[from] AdministrationError),
}

/// Says whether a database was marked as a sandbox.
pub async fn is_sandbox(store: &Store) -> Result<bool, AdministrationError> {
    Ok(store.find_setting(MARK).await?.as_deref() == Some("true"))
}

/// Marks the database as a sandbox and adds the companies. A company that is there already stays as its people have
/// made it; one without an account admin gets one.
pub async fn plant(store: &Store, random: &Random) -> Result<(), SeedError> {
    if !is_sandbox(store).await? {
        let organizations = store.list_organizations().await.map_err(AdministrationError::from)?;
        if !organizations.is_empty() {
            return Err(SeedError::NotASandbox);
        }
        store.put_setting(MARK, "true").await.map_err(AdministrationError::from)?;
    }
    // One hash serves everyone, for ever: the password is known anyway, and hashing takes its time by design.
    let password_hash = match store.find_setting(HASH).await.map_err(AdministrationError::from)? {
        Some(hash) => hash,
        None => {
            let hash = hash_password(PASSWORD, random).map_err(AdministrationError::from)?;
            store.put_setting(HASH, &hash).await.map_err(AdministrationError::from)?;
            hash
        }
    };
    for company in COMPANIES {
        company.plant(store, &password_hash).await?;
    }
    Ok(())
}

/// Gives another sandbox the hash of the password, if there is one.
///
/// # Errors
/// When a database does not answer.
pub async fn lend_password(from: &Store, to: &Store) -> Result<(), AdministrationError> {
    if let Some(hash) = from.find_setting(HASH).await? {
        to.put_setting(HASH, &hash).await?;
    }
    Ok(())
}

/// Returns the companies as the store takes them.
pub fn organizations(password_hash: &str) -> Vec<NewOrganization> {
    COMPANIES.iter().filter_map(|it| it.to_new(password_hash)).collect()
}

impl Company {
    async fn plant(self, store: &Store, password_hash: &str) -> Result<(), AdministrationError> {
        let Some(mut new) = self.to_new(password_hash) else { return Ok(()) };
        let id = new.organization.id.clone();
        if store.find_organization(&id).await?.is_some() {
            let is_account_admin = |it: &User| it.roles.contains(&Role::AccountAdmin);
            if store.list_users(&id).await?.iter().any(is_account_admin) {
                return Ok(());
            }
            new.users.retain(is_account_admin);
            (new.locations, new.solutions, new.applications) = (Vec::new(), Vec::new(), Vec::new());
        }
        Ok(store.insert_organization(new).await?)
    }

    fn to_new(self, password_hash: &str) -> Option<NewOrganization> {
        let id = OrganizationId::parse(self.id)?;
        let user = |(user_id, email, name): (Uuid, &str, &str), role| User {
            id: user_id,
            organization_id: id.clone(),
            email: email.to_owned(),
            name: name.to_owned(),
            password_hash: Some(password_hash.to_owned()),
            subject: None,
            roles: vec![role],
            locations: LocationScope::EntireCompany,
        };
        let solution = |(solution_id, name): &(&str, &str)| Solution {
            id: (*solution_id).to_owned(),
            organization_id: id.clone(),
            name: (*name).to_owned(),
        };
        Some(NewOrganization {
            locations: vec![Location {
                id: self.location_id,
                organization_id: id.clone(),
                mpn_id: self.mpn_id.to_owned(),
                name: self.location.to_owned(),
                is_default: true,
            }],
            solutions: self.solutions.iter().map(solution).collect(),
            applications: vec![Application {
                id: self.client_id,
                organization_id: id.clone(),
                name: format!("{} sandbox application", self.name),
                secret_hash: Some(hash_client_secret(self.client_secret)),
                redirect_uris: vec!["http://localhost".to_owned()],
            }],
            users: vec![
                user(self.admin, Role::ReferralsAdmin),
                user(self.user, Role::ReferralsUser),
                user(self.account_admin, Role::AccountAdmin),
            ],
            organization: Organization {
                tenant_id: tenant_id(&id),
                id,
                name: self.name.to_owned(),
                domain: Some(self.domain.to_owned()),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_company_can_be_stored_and_no_id_is_used_twice() {
        let organizations = organizations("hash");
        let mut ids = HashSet::new();

        assert_eq!(organizations.len(), COMPANIES.len());
        for it in &organizations {
            assert!(ids.insert(it.organization.tenant_id));
            assert!(it.locations.iter().all(|it| it.is_default && ids.insert(it.id)));
            assert!(it.applications.iter().all(|it| ids.insert(it.id)));
            assert!(it.users.iter().all(|it| ids.insert(it.id)));
        }
    }

    #[test]
    fn the_solution_of_the_first_referral_is_contosos() {
        let contoso = organizations("hash").into_iter().next().unwrap();

        assert_eq!(contoso.organization.id, OrganizationId::from(CONTOSO_ID));
        assert!(contoso.solutions.iter().any(|it| it.id == "SOL-34104-EBB"));
        assert!(FIRST_REFERRAL.contains("SOL-34104-EBB"));
    }
}
