//! The rules of a token request that need nothing but what was looked up.

use aws_lc_rs::{constant_time, digest};
use uuid::Uuid;

use super::{
    error::TokenError,
    mint::{ClientProof, RefreshClaims},
};
use crate::{
    domain::organization::{Application, Organization},
    storage::Principal,
};

/// Whom the tenant in the path admits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tenant {
    /// `common` and `organizations`: everybody.
    Any,
    /// One organisation.
    One(Organization),
}

impl Tenant {
    /// Says whether people and applications of `organization` may use this path.
    pub fn admits(&self, organization: &Organization) -> bool {
        match self {
            Self::Any => true,
            Self::One(own) => own.id == organization.id,
        }
    }

    /// Says whether an application may be used at this path.
    pub fn admits_application(&self, application: &Application) -> bool {
        match self {
            Self::Any => true,
            Self::One(own) => own.id == application.organization_id,
        }
    }

    /// Says whether people of a tenant may use this path.
    pub fn admits_tenant_id(&self, tenant_id: Uuid) -> bool {
        match self {
            Self::Any => true,
            Self::One(own) => own.tenant_id == tenant_id,
        }
    }
}

/// Says how an application proves itself, or why it does not.
pub fn authenticate_client(
    tenant: &Tenant,
    application: &Application,
    secret: Option<&str>,
) -> Result<ClientProof, TokenError> {
    if !tenant.admits_application(application) {
        return Err(TokenError::UnknownApplication(application.id.to_string()));
    }
    match (&application.secret_hash, secret) {
        (None, None) => Ok(ClientProof::None),
        (None, Some(_)) => Err(TokenError::PublicClientWithSecret),
        (Some(_), None) => Err(TokenError::MissingClientSecret),
        (Some(expected), Some(secret)) => {
            let given = digest::digest(&digest::SHA256, secret.as_bytes());
            constant_time::verify_slices_are_equal(given.as_ref(), expected)
                .map(|()| ClientProof::Secret)
                .map_err(|_| TokenError::WrongClientSecret(application.id))
        }
    }
}

/// An application serves the people of its own organisation.
pub fn check_own_application(application: &Application, principal: &Principal) -> Result<(), TokenError> {
    match principal.organization.id == application.organization_id {
        true => Ok(()),
        false => Err(TokenError::UnknownApplication(application.id.to_string())),
    }
}

/// Says whether a refresh token may be used here and by this application, before its user is looked up.
pub fn check_redeemer(
    claims: &RefreshClaims,
    tenant: &Tenant,
    application: &Application,
) -> Result<(), TokenError> {
    match claims.client_id == application.id && tenant.admits_tenant_id(claims.tid) {
        true => Ok(()),
        false => Err(TokenError::InvalidRefreshToken),
    }
}

#[cfg(test)]
mod tests {
    use super::{Tenant, authenticate_client, check_own_application, check_redeemer};
    use crate::auth::{
        issuer::{error::TokenError, mint::ClientProof},
        resource::Resource,
        testing::{self, SECRET},
    };

    #[test]
    fn a_client_proves_itself_with_its_secret() {
        let confidential = testing::application();
        let mut public = testing::application();
        public.secret_hash = None;
        let check = |application, secret| authenticate_client(&Tenant::Any, application, secret);

        assert_eq!(check(&confidential, Some(SECRET)).unwrap(), ClientProof::Secret);
        assert_eq!(check(&public, None).unwrap(), ClientProof::None);
        assert!(matches!(check(&confidential, Some("wrong")), Err(TokenError::WrongClientSecret(_))));
        assert!(matches!(check(&confidential, None), Err(TokenError::MissingClientSecret)));
        assert!(matches!(check(&public, Some(SECRET)), Err(TokenError::PublicClientWithSecret)));
    }

    #[test]
    fn an_application_of_another_organization_is_not_found() {
        let application = testing::application();
        let other = Tenant::One(testing::other_organization());

        let refused = authenticate_client(&other, &application, Some(SECRET));
        assert!(matches!(refused, Err(TokenError::UnknownApplication(_))));
        let mut stranger = testing::principal();
        stranger.organization = testing::other_organization();
        let refused = check_own_application(&application, &stranger);
        assert!(matches!(refused, Err(TokenError::UnknownApplication(_))));
        assert!(check_own_application(&application, &testing::principal()).is_ok());
    }

    #[test]
    fn a_refresh_token_is_for_its_client_and_tenant() {
        let principal = testing::principal();
        let mint = testing::mint();
        let token = mint.refresh_token(testing::sign_in(&principal), Resource::Partner).unwrap();
        let claims = mint.read_refresh_token(&token).unwrap();
        let mut other = testing::application();
        other.id = uuid::Uuid::from_u128(99);

        assert!(check_redeemer(&claims, &Tenant::Any, &testing::application()).is_ok());
        assert!(check_redeemer(&claims, &Tenant::Any, &other).is_err());
        let elsewhere = Tenant::One(testing::other_organization());
        assert!(check_redeemer(&claims, &elsewhere, &testing::application()).is_err());
    }
}
