//! Administration: organisations, what they say of themselves, and their people.
//!
//! The same operations stand behind the command line, the operations address and the API, so that all check alike.
//! An operator may do everything; an account admin administers its own organisation, and stays account admin.

mod applications;
mod business_profiles;
mod commands;
mod organizations;
mod partners;
mod solutions;
mod users;

use std::fmt;

use serde::Serialize;

use crate::{
    auth,
    domain::{
        actor::Administrator,
        audit::{AuditAuthor, AuditEvent, Deed, Resource},
        json::{self, JsonLimits, Node},
        organization::{OrganizationId, Role, User},
        report::{ProblemCode, Report},
        sources::Random,
        time::Timestamp,
    },
    storage::{Commit, Conflict, Store, StoreError, WholeOrganization},
};

pub use self::{
    applications::{
        ApplicationAdded, ApplicationView, create_application, list_applications, update_application,
    },
    business_profiles::{
        BusinessProfileView, LocationView, create_business_profile, create_location, list_business_profiles,
        read_business_profile, read_location, remove_location, update_business_profile, update_location,
    },
    commands::{Command, perform},
    organizations::{
        OrganizationAdded, OrganizationRequest, OrganizationView, SolutionRequest, add_organization,
        find_organization, hash_client_secret, read_organization, tenant_id, update_organization,
    },
    partners::{PartnerView, PartnersFound, search_partners},
    solutions::{
        SolutionView, create_solution, list_solutions, read_solution, remove_solution, update_solution,
    },
    users::{
        UserAdded, UserInput, UserRequest, UserView, add_user, create_user, list_users, read_user,
        remove_user, update_user,
    },
};

/// How often a write starts again because another one to the same organisation came between.
const TRIES: usize = 10;

/// The random source or the parameters are at fault, not the password.
#[derive(Debug, thiserror::Error)]
#[error("the password could not be hashed")]
pub struct HashFailed;

/// Hashes a password into PHC form.
///
/// # Errors
/// When the parameters are at fault; never because of the password.
pub fn hash_password(password: &str, random: &Random) -> Result<String, HashFailed> {
    auth::hash_password(password, random).map_err(|_| HashFailed)
}

/// What these operations need.
#[derive(Clone, Copy, Debug)]
pub struct Tools<'a> {
    /// Everything that is kept.
    pub store: &'a Store,
    /// Gives ids and secrets.
    pub random: &'a Random,
    /// When it is done.
    pub now: Timestamp,
}

impl Tools<'_> {
    /// Returns what is written down of something that is done to an organisation.
    fn event(
        self,
        author: Author<'_>,
        organization_id: &OrganizationId,
        what: (Deed, Resource),
    ) -> AuditEvent {
        let author = match author {
            Author::Operator => AuditAuthor::server("operator"),
            Author::Administrator(Administrator(caller)) => caller.into(),
        };
        AuditEvent::new((self.random.uuid(), self.now), Some(organization_id.clone()), author, what)
    }
}

/// What a write comes to: what is answered, and what is written down of it beside who did it.
struct Done<T> {
    answer: T,
    what: (Deed, Resource),
    subject: String,
    before: Option<String>,
    after: Option<String>,
    details: Vec<(&'static str, String)>,
}

impl<T> Done<T> {
    fn new(what: (Deed, Resource), subject: impl fmt::Display, answer: T) -> Self {
        let subject = subject.to_string();
        Self { answer, what, subject, before: None, after: None, details: Vec::new() }
    }

    /// Says what was there before, as its people read it.
    fn before(mut self, view: &impl Serialize) -> Self {
        self.before = serde_json::to_string(view).ok();
        self
    }

    /// Says what is there after, as its people read it.
    fn after(mut self, view: &impl Serialize) -> Self {
        self.after = serde_json::to_string(view).ok();
        self
    }

    fn detail(mut self, name: &'static str, value: impl fmt::Display) -> Self {
        self.details.push((name, value.to_string()));
        self
    }

    fn event(self, tools: Tools<'_>, author: Author<'_>, owner: &OrganizationId) -> (T, AuditEvent) {
        let event = tools.event(author, owner, self.what).on(self.subject).values(self.before, self.after);
        let details = self.details.into_iter();
        (self.answer, details.fold(event, |it, (name, value)| it.detail(name, value)))
    }
}

impl<T: Serialize> Done<T> {
    /// Says that what is answered is what is there after.
    fn after_answer(mut self) -> Self {
        self.after = serde_json::to_string(&self.answer).ok();
        self
    }
}

/// Who administers.
#[derive(Clone, Copy, Debug)]
pub enum Author<'a> {
    /// Whoever may read the data folder, or write the database.
    Operator,
    /// An account admin, within its own organisation.
    Administrator(&'a Administrator),
}

/// Something that an organisation owns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Thing {
    /// The organisation itself.
    Organization,
    /// A business profile.
    BusinessProfile,
    /// A location.
    Location,
    /// A solution.
    Solution,
    /// A user.
    User,
}

impl fmt::Display for Thing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Organization => "organization",
            Self::BusinessProfile => "business profile",
            Self::Location => "location",
            Self::Solution => "solution",
            Self::User => "user",
        })
    }
}

/// What stands in the way of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// What must be unique is there already.
    Taken,
    /// The organisation would have no account admin.
    LastAccountAdmin,
    /// Account admins do not take the role from themselves.
    OwnAccountAdmin,
    /// Every organisation has a default location.
    DefaultLocation,
    /// Referrals, roles or solutions refer to the location.
    LocationInUse,
    /// Others kept writing to the organisation.
    Busy,
}

/// Why nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum AdministrationError {
    /// The request is wrong; the report lists every problem.
    #[error("{}", describe(.0))]
    Invalid(Report),
    /// Something stands in the way.
    #[error("{1}")]
    Conflict(Obstacle, String),
    /// What a command refers to is not there.
    #[error("{0}")]
    NotFound(String),
    /// Nothing of the organisation's has this id.
    #[error("the {0} was not found")]
    Unknown(Thing),
    /// The caller has ceased to be an account admin.
    #[error("only an account admin may change what belongs to the organization")]
    NoAccountAdmin,
    /// A password could not be hashed.
    #[error(transparent)]
    Hash(#[from] HashFailed),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl AdministrationError {
    /// Refuses one value.
    fn invalid(target: &str, rule: &'static str, message: impl Into<String>) -> Self {
        let mut report = Report::default();
        report.problem(ProblemCode::InvalidValue, rule, target, message);
        Self::Invalid(report)
    }

    fn taken(message: impl Into<String>) -> Self {
        Self::Conflict(Obstacle::Taken, message.into())
    }
}

/// Puts every problem into one line, for who reads no JSON.
fn describe(report: &Report) -> String {
    let lines: Vec<_> = report
        .problems
        .iter()
        .map(|it| format!("{}: {}", it.target.trim_start_matches('/'), it.message))
        .collect();
    lines.join("; ")
}

impl Author<'_> {
    /// Refuses who is no account admin any more: the call may have begun before.
    fn check(self, whole: &WholeOrganization) -> Result<(), AdministrationError> {
        let Self::Administrator(Administrator(caller)) = self else { return Ok(()) };
        let is_it = |it: &User| it.id == caller.user_id && it.roles.contains(&Role::AccountAdmin);
        match whole.users.iter().any(is_it) {
            true => Ok(()),
            false => Err(AdministrationError::NoAccountAdmin),
        }
    }
}

/// Reads an organisation whole.
async fn load(store: &Store, id: &OrganizationId) -> Result<WholeOrganization, AdministrationError> {
    let whole = store.find_whole_organization(id).await?;
    whole.ok_or(AdministrationError::Unknown(Thing::Organization))
}

/// Reads an organisation, lets `decide` put steps into a commit, adds what is written down of it, and commits; again when
/// another write came between. `taken` says what it means that something must be unique and is not.
async fn write<T>(
    tools: Tools<'_>,
    author: Author<'_>,
    organization_id: &OrganizationId,
    taken: &str,
    decide: impl Fn(&WholeOrganization, &mut Commit) -> Result<Done<T>, AdministrationError>,
) -> Result<T, AdministrationError> {
    for _ in 0..TRIES {
        let whole = load(tools.store, organization_id).await?;
        author.check(&whole)?;
        let mut commit = whole.commit();
        let (answer, event) = decide(&whole, &mut commit)?.event(tools, author, organization_id);
        commit.append_audit(&event);
        match tools.store.commit_to_directory(commit).await {
            Ok(()) => return Ok(answer),
            Err(StoreError::Conflict(Conflict::Version)) => {}
            Err(StoreError::Conflict(_)) => return Err(AdministrationError::taken(taken)),
            Err(error) => return Err(error.into()),
        }
    }
    let message = "others keep changing this organization; try again in 1 second".to_owned();
    Err(AdministrationError::Conflict(Obstacle::Busy, message))
}

/// Says that a request is fine, or returns its problems.
fn finish(report: Report) -> Result<(), AdministrationError> {
    match report.problems.is_empty() {
        true => Ok(()),
        false => Err(AdministrationError::Invalid(report)),
    }
}

/// Turns what a command says into what a request would.
fn to_node(value: &serde_json::Value) -> Result<Node, AdministrationError> {
    let limits = JsonLimits { depth_max: 32, array_items_max: 1000 };
    json::parse(value.to_string().as_bytes(), limits)
        .map_err(|error| AdministrationError::invalid("", "json", error.to_string()))
}

/// Returns `N` random bytes as text that needs no quoting in a shell or a form.
fn random_text<const N: usize>(random: &Random) -> String {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    URL_SAFE_NO_PAD.encode(random.bytes::<N>())
}

#[cfg(test)]
mod tests;
