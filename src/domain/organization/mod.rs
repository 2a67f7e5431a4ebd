//! Organisations, what they own (locations, solutions, applications) and their people.

pub mod form;
pub mod profile;
pub mod redirect;

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, Type},
};
use uuid::{Uuid, uuid};

/// The literal organisation id of Microsoft on the wire.
pub const MSFT: &str = "msft";

/// The wire value `organizationId`: a lower-case GUID, or the literal `msft`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OrganizationId(Arc<str>);

impl OrganizationId {
    /// Reads an id in any case. `None` when it is neither a GUID nor `msft`.
    pub fn parse(text: &str) -> Option<Self> {
        if text.eq_ignore_ascii_case(MSFT) {
            return Some(Self::msft());
        }
        Uuid::try_parse(text).ok().map(Self::from)
    }

    /// Returns Microsoft's id.
    pub fn msft() -> Self {
        Self(MSFT.into())
    }

    /// Says whether this is Microsoft.
    pub fn is_msft(&self) -> bool {
        &*self.0 == MSFT
    }

    /// Returns the wire text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<Uuid> for OrganizationId {
    fn from(id: Uuid) -> Self {
        Self(id.hyphenated().to_string().into())
    }
}

impl fmt::Display for OrganizationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl PartialSchema for OrganizationId {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .description(Some("A lower-case GUID, or `msft`."))
            .into()
    }
}

impl ToSchema for OrganizationId {}

/// A company on the exchange.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Organization {
    /// Wire id.
    pub id: OrganizationId,
    /// The `tid` claim of its tokens. Usually equal to the id; never another organisation's id.
    pub tenant_id: Uuid,
    /// Display name, written as `organizationName`.
    pub name: String,
    /// E-mail and tenant domain, lower case; `None` when it has none.
    pub domain: Option<String>,
}

/// A place of business of an organisation, addressed by a `BusinessProfileLocation` target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// Target id.
    pub id: Uuid,
    /// Owner.
    pub organization_id: OrganizationId,
    /// Partner id of this location, digits only; the wire's `mpnId`.
    pub mpn_id: String,
    /// Display name.
    pub name: String,
    /// Says whether referrals go here when nothing else decides. One per organisation.
    pub is_default: bool,
}

/// A solution that an organisation sells, addressed by a `SolutionProfile` target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Solution {
    /// Catalogue id such as `SOL-34104-EBB`, compared without regard to case.
    pub id: String,
    /// Owner.
    pub organization_id: OrganizationId,
    /// Display name.
    pub name: String,
}

/// A registered client application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Application {
    /// OAuth `client_id`.
    pub id: Uuid,
    /// Owner; only its users may sign in through the application.
    pub organization_id: OrganizationId,
    /// Display name.
    pub name: String,
    /// SHA-256 of the client secret; `None` for a public client.
    pub secret_hash: Option<[u8; 32]>,
    /// Where people may be sent back to after they have signed in, see [`redirect`].
    pub redirect_uris: Vec<String>,
}

/// The dashboard as an application: of nobody, and for the people of every organisation. It names what was done there in
/// the log and in audit records.
pub const DASHBOARD_ID: Uuid = uuid!("11a15011-da5b-4b0a-8d00-da5bb0a2d001");

/// What [`DASHBOARD_ID`] is called.
pub const DASHBOARD_NAME: &str = "Liaison";

/// A role that a user holds in its organisation. Roles are looked up on every call, never read from a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Sees and edits every referral in scope.
    ReferralsAdmin,
    /// Sees and edits the referrals it made or whose team lists it.
    ReferralsUser,
    /// Administers the organisation itself.
    AccountAdmin,
}

impl Role {
    /// Every role, in the order of the documentation.
    pub const ALL: [Self; 3] = [Self::ReferralsAdmin, Self::ReferralsUser, Self::AccountAdmin];

    /// Returns the stable name used in storage and on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ReferralsAdmin => "referrals-admin",
            Self::ReferralsUser => "referrals-user",
            Self::AccountAdmin => "account-admin",
        }
    }

    /// Reads a stable name. `None` when it is not known.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str().eq_ignore_ascii_case(text))
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How far a role reaches inside the organisation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LocationScope {
    /// Everything the organisation owns.
    EntireCompany,
    /// Only what belongs to these locations (by `mpnId`). Never empty.
    Locations(Vec<String>),
}

impl LocationScope {
    /// Says whether the location `mpn_id` is in scope.
    pub fn contains(&self, mpn_id: &str) -> bool {
        match self {
            Self::EntireCompany => true,
            Self::Locations(mpn_ids) => mpn_ids.iter().any(|it| it == mpn_id),
        }
    }
}

/// A person of an organisation.
#[derive(Clone, PartialEq, Eq)]
pub struct User {
    /// The `oid` claim of its tokens.
    pub id: Uuid,
    /// Employer.
    pub organization_id: OrganizationId,
    /// Sign-in name and the address that team membership is matched by; lower case.
    pub email: String,
    /// Display name.
    pub name: String,
    /// Argon2 hash in PHC form; `None` when the user signs in elsewhere.
    pub password_hash: Option<String>,
    /// The external (`iss`, `sub`) that signs in as this user; `None` when tokens carry `tid` and `oid`.
    pub subject: Option<ExternalSubject>,
    /// Roles held.
    pub roles: Vec<Role>,
    /// How far the roles reach.
    pub locations: LocationScope,
}

/// An identity at an issuer that does not speak `tid` and `oid`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ExternalSubject {
    /// The exact `iss` claim.
    pub issuer: String,
    /// The `sub` claim.
    pub subject: String,
}

impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("User")
            .field("id", &self.id)
            .field("organization_id", &self.organization_id)
            .field("roles", &self.roles)
            .finish_non_exhaustive()
    }
}
