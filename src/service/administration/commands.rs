//! What an operator can ask for besides adding organisations and users: the same changes as over the API, for any
//! organisation. A command can be sent to a running server.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    AdministrationError, Author, Tools, applications, business_profiles, find_organization, load,
    organizations, solutions, to_node, users,
};
use crate::{
    domain::organization::{Application, Organization, profile::LocationRecord},
    storage::{Principal, Store},
};

/// A change that an operator asks for. `body` is what the API takes; an organisation is named by id, domain or name.
#[derive(Clone, Deserialize, Serialize)]
#[serde(tag = "change", rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum Command {
    /// Changes what an organisation says of itself.
    UpdateOrganization {
        /// Which.
        organization: String,
        /// The members to change.
        body: Value,
    },
    /// Changes a person.
    UpdateUser {
        /// E-mail or id.
        user: String,
        /// The members to change.
        body: Value,
    },
    /// Takes a person away.
    RemoveUser {
        /// E-mail or id.
        user: String,
    },
    /// Adds a solution.
    AddSolution {
        /// Whose.
        organization: String,
        /// What it is.
        body: Value,
    },
    /// Takes a solution away.
    RemoveSolution {
        /// Its id.
        solution: String,
    },
    /// Adds a location to the first business profile.
    AddLocation {
        /// Whose.
        organization: String,
        /// What it is.
        body: Value,
    },
    /// Takes a location away.
    RemoveLocation {
        /// Whose.
        organization: String,
        /// Its id or partner id.
        location: String,
    },
    /// Adds an application.
    AddApplication {
        /// Whose.
        organization: String,
        /// What it is.
        body: Value,
    },
    /// Changes an application.
    UpdateApplication {
        /// Its client id.
        application: String,
        /// The members to change.
        body: Value,
    },
}

/// Does what an operator asks for, and returns what is there now; null when something was taken away.
pub async fn perform(tools: Tools<'_>, command: Command) -> Result<Value, AdministrationError> {
    let (store, author) = (tools.store, Author::Operator);
    match command {
        Command::UpdateOrganization { organization, body } => {
            let id = find_organization(store, &organization).await?.id;
            Ok(json!(organizations::update_organization(tools, author, &id, &to_node(&body)?).await?))
        }
        Command::UpdateUser { user, body } => {
            let Principal { user, organization } = find_user(store, &user).await?;
            let (id, body) = (organization.id, to_node(&body)?);
            Ok(json!(users::update_user(tools, author, &id, user.id, &body).await?))
        }
        Command::RemoveUser { user } => {
            let Principal { user, organization } = find_user(store, &user).await?;
            users::remove_user(tools, author, &organization.id, user.id).await?;
            Ok(Value::Null)
        }
        Command::AddSolution { organization, body } => {
            let id = find_organization(store, &organization).await?.id;
            Ok(json!(solutions::create_solution(tools, author, &id, &to_node(&body)?).await?))
        }
        Command::RemoveSolution { solution } => {
            let Some(owner) = store.find_solution_target(&solution).await? else {
                let message =
                    format!("no solution has the id \"{solution}\"; `liaison solution list` shows all");
                return Err(AdministrationError::NotFound(message));
            };
            solutions::remove_solution(tools, author, &owner.organization.id, &solution).await?;
            Ok(Value::Null)
        }
        Command::AddLocation { organization, body } => {
            let id = find_organization(store, &organization).await?.id;
            let added =
                business_profiles::create_location(tools, author, &id, None, &to_node(&body)?).await?;
            Ok(json!(added))
        }
        Command::RemoveLocation { organization, location } => {
            let organization = find_organization(store, &organization).await?;
            let found = find_location(store, &organization, &location).await?;
            let (profile_id, id) = (found.business_profile_id, found.location.id);
            business_profiles::remove_location(tools, author, &organization.id, profile_id, id).await?;
            Ok(Value::Null)
        }
        Command::AddApplication { organization, body } => {
            let id = find_organization(store, &organization).await?.id;
            Ok(json!(applications::create_application(tools, author, &id, &to_node(&body)?).await?))
        }
        Command::UpdateApplication { application, body } => {
            let before = find_application(store, &application).await?;
            Ok(json!(applications::update_application(tools, author, &before, &to_node(&body)?).await?))
        }
    }
}

/// Finds a person of any organisation by e-mail or id.
async fn find_user(store: &Store, text: &str) -> Result<Principal, AdministrationError> {
    let found = match Uuid::try_parse(text) {
        Ok(id) => store.find_principal_by_id(id).await?,
        Err(_) => {
            let found = store.find_principal_by_email(&text.trim().to_lowercase()).await?;
            found.map(|it| Principal::clone(&it))
        }
    };
    found.ok_or_else(|| {
        let message =
            format!("no user has the e-mail address or id \"{text}\"; `liaison user list` shows all");
        AdministrationError::NotFound(message)
    })
}

async fn find_application(store: &Store, text: &str) -> Result<Arc<Application>, AdministrationError> {
    let found = match Uuid::try_parse(text.trim()) {
        Ok(id) => store.find_application(id).await?,
        Err(_) => None,
    };
    found.ok_or_else(|| {
        let message =
            format!("no application has the client id \"{text}\"; `liaison application list` shows all");
        AdministrationError::NotFound(message)
    })
}

async fn find_location(
    store: &Store,
    organization: &Organization,
    text: &str,
) -> Result<LocationRecord, AdministrationError> {
    let id = Uuid::try_parse(text).ok();
    let locations = load(store, &organization.id).await?.locations;
    let is_it = |it: &LocationRecord| it.location.mpn_id == text || Some(it.location.id) == id;
    locations.into_iter().find(is_it).ok_or_else(|| {
        let message = format!(
            "{} has no location with the id or MPN id \"{text}\"; `liaison location list` shows all",
            organization.name
        );
        AdministrationError::NotFound(message)
    })
}

impl std::fmt::Debug for Command {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::UpdateOrganization { .. } => "UpdateOrganization",
            Self::UpdateUser { .. } => "UpdateUser",
            Self::RemoveUser { .. } => "RemoveUser",
            Self::AddSolution { .. } => "AddSolution",
            Self::RemoveSolution { .. } => "RemoveSolution",
            Self::AddLocation { .. } => "AddLocation",
            Self::RemoveLocation { .. } => "RemoveLocation",
            Self::AddApplication { .. } => "AddApplication",
            Self::UpdateApplication { .. } => "UpdateApplication",
        })
    }
}
