//! Who makes a call, and how far it may see.

use std::fmt;

use uuid::Uuid;

use super::{
    audit::AuditAuthor,
    organization::{LocationScope, Organization, OrganizationId, Role, User},
};

/// Who makes a call on an organisation and what it owns: one of its people, with any role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Colleague {
    /// The user's organisation.
    pub organization_id: OrganizationId,
    /// The user (`oid`).
    pub user_id: Uuid,
    /// Calling application (`appid` or `azp`).
    pub application_id: String,
}

/// A colleague who administers the organisation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Administrator(pub Colleague);

/// Who decides which programs are told of what happens to an organisation's referrals: an account admin, a Referrals
/// admin of the entire company, or, at the Partner Center API, an application of the organisation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Integrator {
    /// Whose programs.
    pub organization_id: OrganizationId,
    /// The person; `None` for an application for itself.
    pub user_id: Option<Uuid>,
    /// Calling application (`appid` or `azp`).
    pub application_id: String,
}

/// Who reads what happened: to referrals, and to everything else of an organisation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Auditor {
    /// Whose records.
    pub organization_id: OrganizationId,
    /// The person, or the application for itself.
    pub id: Uuid,
    /// Who did what the auditor does.
    pub author: AuditAuthor,
    /// As whom changes of referrals are read; `None` for an account admin without a Referrals role.
    pub reader: Option<Actor>,
    /// Whether everything else is told: to account admins, and to applications of the organisation.
    pub is_administrator: bool,
}

impl Auditor {
    /// Returns an operator, who reads for an organisation what its applications may read.
    pub fn operator(organization: &Organization) -> Self {
        Self::of_application(organization, "liaison/operator".to_owned())
    }

    /// Returns an application that reads all that its organisation is told.
    pub fn of_application(organization: &Organization, application_id: String) -> Self {
        // Ids of applications are no ids of people; another issuer's may be any text.
        let id = Uuid::try_parse(&application_id).unwrap_or_default();
        let reader = Actor {
            organization_id: organization.id.clone(),
            organization_name: organization.name.clone(),
            user_id: id,
            email: String::new(),
            application_id: application_id.clone(),
            role: ReferralsRole::Admin,
            locations: LocationScope::EntireCompany,
        };
        Self {
            organization_id: organization.id.clone(),
            id,
            author: AuditAuthor { user_id: None, application_id },
            reader: Some(reader),
            is_administrator: true,
        }
    }
}

/// Who makes a call on referrals: a user with a Referrals role, through an application.
#[derive(Clone, PartialEq, Eq)]
pub struct Actor {
    /// The user's organisation.
    pub organization_id: OrganizationId,
    /// Its display name.
    pub organization_name: String,
    /// The user (`oid`).
    pub user_id: Uuid,
    /// Address that team membership is matched by; lower case.
    pub email: String,
    /// Calling application (`appid` or `azp`).
    pub application_id: String,
    /// What the user may do with referrals.
    pub role: ReferralsRole,
    /// How far the role reaches.
    pub locations: LocationScope,
}

impl fmt::Debug for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Actor")
            .field("organization_id", &self.organization_id)
            .field("user_id", &self.user_id)
            .field("application_id", &self.application_id)
            .field("role", &self.role)
            .finish_non_exhaustive()
    }
}

/// Who answers for a change: a person through an application, or the server itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Author {
    /// The person's organisation; the nil GUID for the server.
    pub organization_id: OrganizationId,
    /// The person; nil for the server.
    pub user_id: Uuid,
    /// The application, or which part of the server, such as `liaison/expiry`.
    pub application_id: String,
}

impl Author {
    /// Returns the server itself, acting through `part`.
    pub fn server(part: &str) -> Self {
        Self {
            organization_id: OrganizationId::from(Uuid::nil()),
            user_id: Uuid::nil(),
            application_id: format!("liaison/{part}"),
        }
    }

    /// Returns which part of the server it is, such as `expiry`. `None` for a person.
    pub fn system(&self) -> Option<&str> {
        let is_nobody = self.user_id.is_nil() && self.organization_id == Uuid::nil().into();
        self.application_id.strip_prefix("liaison/").filter(|_| is_nobody)
    }
}

impl From<&Integrator> for AuditAuthor {
    fn from(integrator: &Integrator) -> Self {
        Self { user_id: integrator.user_id, application_id: integrator.application_id.clone() }
    }
}

impl From<&Colleague> for AuditAuthor {
    fn from(colleague: &Colleague) -> Self {
        Self { user_id: Some(colleague.user_id), application_id: colleague.application_id.clone() }
    }
}

impl From<&Actor> for Author {
    fn from(actor: &Actor) -> Self {
        Self {
            organization_id: actor.organization_id.clone(),
            user_id: actor.user_id,
            application_id: actor.application_id.clone(),
        }
    }
}

/// The two roles that open the Referrals API ("Permissions overview", 2023).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReferralsRole {
    /// Sees and edits everything in scope.
    Admin,
    /// Sees and edits what it made, and what its team membership opens.
    User,
}

impl ReferralsRole {
    /// Returns the stable name, as that of the role that a user holds.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Admin => Role::ReferralsAdmin.as_str(),
            Self::User => Role::ReferralsUser.as_str(),
        }
    }
}

impl Actor {
    /// Returns a person as one who may use referrals, through `application_id`. The stronger of two roles counts;
    /// administering the organisation is no Referrals role. `None` when the person has none.
    pub fn of(user: &User, organization_name: &str, application_id: &str) -> Option<Self> {
        let role = if user.roles.contains(&Role::ReferralsAdmin) {
            ReferralsRole::Admin
        } else if user.roles.contains(&Role::ReferralsUser) {
            ReferralsRole::User
        } else {
            return None;
        };
        Some(Self {
            organization_id: user.organization_id.clone(),
            organization_name: organization_name.to_owned(),
            user_id: user.id,
            email: user.email.clone(),
            application_id: application_id.to_owned(),
            role,
            locations: user.locations.clone(),
        })
    }

    /// Returns what this caller may see.
    pub fn scope(&self) -> Scope {
        Scope {
            organization_id: self.organization_id.clone(),
            locations: self.locations.clone(),
            user_id: self.user_id,
            person: match self.role {
                ReferralsRole::Admin => None,
                ReferralsRole::User => Some(Person { user_id: self.user_id, email: self.email.clone() }),
            },
        }
    }

    /// Returns what the caller's organisation may see, whichever of its people look after it: for rules that
    /// bind the organisation, never for an answer to the caller.
    pub fn organization_scope(&self) -> Scope {
        Scope {
            organization_id: self.organization_id.clone(),
            locations: LocationScope::EntireCompany,
            user_id: self.user_id,
            person: None,
        }
    }
}

/// The predicate that every read of referrals carries first. Nothing is read without one, and only an
/// [`Actor`] gives one out.
#[derive(Clone, Debug)]
pub struct Scope {
    organization_id: OrganizationId,
    locations: LocationScope,
    user_id: Uuid,
    person: Option<Person>,
}

impl Scope {
    /// Returns the viewer's organisation.
    pub fn organization_id(&self) -> &OrganizationId {
        &self.organization_id
    }

    /// Returns the viewer, whose favourites are marked.
    pub fn user_id(&self) -> Uuid {
        self.user_id
    }

    /// Returns the locations that the viewer may see.
    pub fn locations(&self) -> &LocationScope {
        &self.locations
    }

    /// Returns the person whose own work the sight is limited to; `None` when it is not.
    pub fn person(&self) -> Option<&Person> {
        self.person.as_ref()
    }

    /// Says whether everything that the organisation owns is seen.
    pub fn is_whole_organization(&self) -> bool {
        self.person.is_none() && self.locations == LocationScope::EntireCompany
    }

    /// Returns the scope of the server itself, which sees everything. The reason says on the spot why no
    /// caller's scope will do.
    pub fn system(reason: &'static str) -> SystemScope {
        SystemScope(reason)
    }
}

/// Sees everything, for a reason, and answers nobody.
#[derive(Clone, Copy, Debug)]
pub struct SystemScope(&'static str);

impl SystemScope {
    /// Returns what an organisation may see, for what the server tells its programs: no person looks, so nothing is a
    /// favourite.
    pub fn of_organization(self, organization_id: OrganizationId) -> Scope {
        Scope { organization_id, locations: LocationScope::EntireCompany, user_id: Uuid::nil(), person: None }
    }
}

impl fmt::Display for SystemScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// A Referrals user, whose sight is limited to its own work.
#[derive(Clone)]
pub struct Person {
    /// The user (`oid`).
    pub user_id: Uuid,
    /// Address that team membership is matched by; lower case.
    pub email: String,
}

impl fmt::Debug for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Person").field("user_id", &self.user_id).finish_non_exhaustive()
    }
}
