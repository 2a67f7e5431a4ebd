//! From the `Authorization` header to who is calling.

use std::sync::Arc;

use uuid::Uuid;

use super::{
    refusal::Refusal,
    resource::Audiences,
    verify::{Bearer, TokenVerifier},
};
use crate::{
    domain::{
        actor::{Actor, Administrator, Auditor, Colleague, Integrator},
        audit::AuditAuthor,
        organization::{LocationScope, Organization, Role},
    },
    storage::{Principal, Store},
};

/// Tells who is calling.
pub struct Authenticator {
    verifier: TokenVerifier,
    store: Store,
}

impl std::fmt::Debug for Authenticator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Authenticator")
    }
}

/// Who is calling.
#[derive(Clone, Debug)]
pub enum Caller {
    /// A person, through an application.
    User {
        /// The person and its employer, as they are at this moment.
        principal: Arc<Principal>,
        /// The application (`appid`, `azp` or `client_id`).
        application_id: String,
    },
    /// An application for itself. It is not looked up: whoever admits it must.
    Application {
        /// The application (`appid`, `azp` or `client_id`).
        application_id: String,
        /// `tid`; `None` when the issuer has no tenants.
        tenant_id: Option<Uuid>,
        /// What the issuer allows it.
        roles: Vec<String>,
    },
}

impl Authenticator {
    /// Puts together who verifies tokens and who knows people.
    pub fn new(verifier: TokenVerifier, store: Store) -> Self {
        Self { verifier, store }
    }

    /// Tells who sent the `Authorization` header, to an API that accepts `accepted`. A token that was seen
    /// before is not verified again; who it stands for is looked up on each call.
    pub async fn authenticate(
        &self,
        authorization: Option<&str>,
        accepted: Audiences,
    ) -> Result<Caller, Refusal> {
        let token = bearer_token(authorization.ok_or(Refusal::Missing)?)?;
        let verified = self.verifier.verify(token, accepted).await?;
        let application_id = verified.application_id.clone();
        let principal = match &verified.bearer {
            Bearer::User { tenant_id, user_id } => self.store.find_principal(*tenant_id, *user_id).await?,
            Bearer::Subject(subject) => self.store.find_principal_by_subject(subject).await?,
            Bearer::Application { tenant_id, roles } => {
                let (tenant_id, roles) = (*tenant_id, roles.clone());
                return Ok(Caller::Application { application_id, tenant_id, roles });
            }
        };
        let principal = principal.ok_or(Refusal::UnknownUser)?;
        Ok(Caller::User { principal, application_id })
    }

    /// Returns the caller as one who registers webhooks: a person who may, or an application of an organisation that
    /// is here.
    pub async fn registrant(&self, caller: Caller) -> Result<Integrator, Refusal> {
        let Caller::Application { application_id, tenant_id, .. } = caller else {
            return caller.integrator();
        };
        let organization_id = self.organization_of(&application_id, tenant_id).await?.id.clone();
        Ok(Integrator { organization_id, user_id: None, application_id })
    }

    /// Returns the caller as one who reads what happened: a person with a Referrals role reads of referrals, an account
    /// admin of everything else, and an application of all that its organisation is told.
    pub async fn auditor(&self, caller: Caller) -> Result<Auditor, Refusal> {
        let (application_id, tenant_id) = match caller {
            Caller::User { .. } => return caller.auditor(),
            Caller::Application { application_id, tenant_id, .. } => (application_id, tenant_id),
        };
        let organization = self.organization_of(&application_id, tenant_id).await?;
        Ok(Auditor::of_application(&organization, application_id))
    }

    /// Returns the organisation of an application that calls for itself: that of its tenant. An application that is
    /// registered here belongs to no other.
    async fn organization_of(
        &self,
        application_id: &str,
        tenant_id: Option<Uuid>,
    ) -> Result<Arc<Organization>, Refusal> {
        let organization = match tenant_id {
            Some(tenant_id) => self.store.find_organization_by_tenant(tenant_id).await?,
            None => None,
        };
        let organization = organization.ok_or(Refusal::UnknownApplication)?;
        let registered = match Uuid::try_parse(application_id) {
            Ok(id) => self.store.find_application(id).await?,
            Err(_) => None,
        };
        match registered.is_some_and(|it| it.organization_id != organization.id) {
            true => Err(Refusal::UnknownApplication),
            false => Ok(organization),
        }
    }
}

impl Caller {
    /// Returns the caller as one who may use referrals, see [`Actor::of`].
    pub fn referrals_actor(&self) -> Result<Actor, Refusal> {
        let Self::User { principal, application_id } = self else { return Err(Refusal::AppOnly) };
        let Principal { user, organization } = &**principal;
        Actor::of(user, &organization.name, application_id).ok_or(Refusal::NoReferralsRole)
    }

    /// Returns the caller as one who may read what its organisation says of itself: any role will do.
    pub fn colleague(&self) -> Result<Colleague, Refusal> {
        let Self::User { principal, application_id } = self else { return Err(Refusal::AppOnly) };
        if principal.user.roles.is_empty() {
            return Err(Refusal::NoRole);
        }
        Ok(Colleague {
            organization_id: principal.organization.id.clone(),
            user_id: principal.user.id,
            application_id: application_id.clone(),
        })
    }

    /// Returns the caller as one who decides which programs are told of its organisation's referrals: who administers
    /// it, or its Referrals workspace as a whole.
    pub fn integrator(&self) -> Result<Integrator, Refusal> {
        let Self::User { principal, application_id } = self else { return Err(Refusal::AppOnly) };
        let Principal { user, organization } = &**principal;
        let is_everywhere = user.locations == LocationScope::EntireCompany;
        let is_admin = user.roles.contains(&Role::ReferralsAdmin) && is_everywhere;
        if !is_admin && !user.roles.contains(&Role::AccountAdmin) {
            return Err(Refusal::NoIntegrator);
        }
        Ok(Integrator {
            organization_id: organization.id.clone(),
            user_id: Some(user.id),
            application_id: application_id.clone(),
        })
    }

    fn auditor(&self) -> Result<Auditor, Refusal> {
        let Self::User { principal, application_id } = self else { return Err(Refusal::AppOnly) };
        let is_administrator = principal.user.roles.contains(&Role::AccountAdmin);
        let reader = match self.referrals_actor() {
            Ok(actor) => Some(actor),
            Err(Refusal::NoReferralsRole) if is_administrator => None,
            Err(refusal) => return Err(refusal),
        };
        let user_id = principal.user.id;
        Ok(Auditor {
            organization_id: principal.organization.id.clone(),
            id: user_id,
            author: AuditAuthor { user_id: Some(user_id), application_id: application_id.clone() },
            reader,
            is_administrator,
        })
    }

    /// Returns the caller as one who administers its organisation.
    pub fn administrator(&self) -> Result<Administrator, Refusal> {
        let Self::User { principal, .. } = self else { return Err(Refusal::AppOnly) };
        match principal.user.roles.contains(&Role::AccountAdmin) {
            true => self.colleague().map(Administrator),
            false => Err(Refusal::NoAccountAdmin),
        }
    }
}

/// Takes the token out of `Bearer <token>`; the scheme is read in any case (RFC 9110, section 11.1).
fn bearer_token(authorization: &str) -> Result<&str, Refusal> {
    let (scheme, token) = authorization.trim().split_once(' ').ok_or(Refusal::NotBearer)?;
    let token = token.trim_start();
    match scheme.eq_ignore_ascii_case("Bearer") && memchr::memchr2(b' ', b'\t', token.as_bytes()).is_none() {
        true => Ok(token),
        false => Err(Refusal::NotBearer),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{Caller, bearer_token};
    use crate::{
        auth::{refusal::Refusal, testing},
        domain::{actor::ReferralsRole, organization::Role},
    };

    fn caller_with(roles: &[Role]) -> Caller {
        let mut principal = testing::principal();
        principal.user.roles = roles.to_vec();
        Caller::User { principal: Arc::new(principal), application_id: "app".to_owned() }
    }

    #[test]
    fn the_scheme_is_read_in_any_case() {
        for header in ["Bearer a.b.c", "bearer a.b.c", "BEARER  a.b.c", " Bearer a.b.c "] {
            assert_eq!(bearer_token(header).unwrap(), "a.b.c", "{header}");
        }
        for header in ["", "Bearer", "Bearer ", "a.b.c", "Basic a.b.c", "Bearer a b", "Bearer a.b.c, d"] {
            assert!(matches!(bearer_token(header), Err(Refusal::NotBearer)), "{header}");
        }
    }

    #[test]
    fn the_stronger_role_counts() {
        let actor = caller_with(&[Role::ReferralsUser, Role::ReferralsAdmin]).referrals_actor().unwrap();

        assert_eq!(actor.role, ReferralsRole::Admin);
        assert_eq!(actor.application_id, "app");
        let user = caller_with(&[Role::ReferralsUser, Role::AccountAdmin]).referrals_actor().unwrap();
        assert_eq!(user.role, ReferralsRole::User);
    }

    #[test]
    fn administering_the_organization_is_no_referrals_role() {
        for roles in [&[Role::AccountAdmin][..], &[]] {
            let refusal = caller_with(roles).referrals_actor().unwrap_err();
            assert!(matches!(refusal, Refusal::NoReferralsRole));
        }
    }

    #[test]
    fn any_role_reads_and_an_account_admin_writes() {
        for (roles, reads, writes) in [
            (&[][..], false, false),
            (&[Role::ReferralsUser][..], true, false),
            (&[Role::ReferralsAdmin], true, false),
            (&[Role::AccountAdmin], true, true),
        ] {
            let caller = caller_with(roles);

            assert_eq!((caller.colleague().is_ok(), caller.administrator().is_ok()), (reads, writes));
        }
    }

    #[test]
    fn an_application_alone_has_no_referrals_and_no_organization() {
        let caller =
            Caller::Application { application_id: "app".to_owned(), tenant_id: None, roles: Vec::new() };

        assert!(matches!(caller.referrals_actor(), Err(Refusal::AppOnly)));
        assert!(matches!(caller.colleague(), Err(Refusal::AppOnly)));
        assert!(matches!(caller.administrator(), Err(Refusal::AppOnly)));
    }
}
