//! `liaison org show|update`, `user update|remove|list`, `solution` and `location`: what an account admin does over the
//! API, an operator does here for any organisation.

use std::io::Write as _;

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use super::{
    access::{self, Access},
    out,
};
use crate::{
    config::Config,
    domain::organization::Organization,
    service::administration::{self, Command},
    storage::Store,
};

/// Of one organization, or of all.
#[derive(Debug, Args)]
pub(super) struct OwnedListArgs {
    /// Id, domain or name of the owner [default: all]
    #[arg(long)]
    organization: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct OrgUpdateArgs {
    /// Id, domain or name
    organization: String,
    /// Display name
    #[arg(long)]
    name: Option<String>,
    /// E-mail and tenant domain; empty for none
    #[arg(long)]
    domain: Option<String>,
    /// Where it can be written to; empty for nowhere
    #[arg(long)]
    email: Option<String>,
    /// Preferred language, such as en
    #[arg(long)]
    language: Option<String>,
    /// Preferred culture, such as en-US
    #[arg(long)]
    culture: Option<String>,
    #[command(flatten)]
    address: AddressArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// An address takes the place of the one before.
#[derive(Debug, Args)]
struct AddressArgs {
    /// Two letters, such as US
    #[arg(long)]
    country: Option<String>,
    /// City
    #[arg(long)]
    city: Option<String>,
    /// State or province
    #[arg(long)]
    state: Option<String>,
    /// Postal code
    #[arg(long)]
    postal_code: Option<String>,
    /// Street and number
    #[arg(long)]
    address_line1: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct UserUpdateArgs {
    /// E-mail or id
    user: String,
    /// Display name
    #[arg(long)]
    name: Option<String>,
    /// Sign-in name
    #[arg(long)]
    email: Option<String>,
    /// All roles from now on; repeat for more
    #[arg(long = "role", value_name = "ROLE")]
    roles: Vec<String>,
    /// Limit the roles to a location; repeat for more
    #[arg(long = "location", value_name = "MPN_ID")]
    locations: Vec<String>,
    /// Let the roles reach the entire company
    #[arg(long, conflicts_with = "locations")]
    entire_company: bool,
    /// Password, 8 characters or more
    #[arg(long)]
    password: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Subcommand)]
pub(super) enum SolutionCommand {
    /// Add a solution to an organization
    Add(SolutionAddArgs),
    /// List solutions
    List(OwnedListArgs),
    /// Remove a solution; referrals that name it stay as they are
    Remove {
        /// Its id
        id: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Args)]
pub(super) struct SolutionAddArgs {
    /// Id, domain or name of the owner
    #[arg(long)]
    organization: String,
    /// Catalogue id [default: a random one such as SOL-34104-EBB]
    #[arg(long)]
    id: Option<String>,
    /// Display name
    #[arg(long)]
    name: String,
    /// 1P, 3P, IP or Services
    #[arg(long = "type", value_name = "TYPE")]
    kind: Option<String>,
    /// Publisher, where it is not the owner
    #[arg(long)]
    publisher: Option<String>,
    /// Partner id of the location that sells it
    #[arg(long)]
    mpn_id: Option<String>,
    /// An industry; repeat for more
    #[arg(long = "industry", value_name = "INDUSTRY")]
    industries: Vec<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Subcommand)]
pub(super) enum LocationCommand {
    /// Add a location to an organization
    Add(LocationAddArgs),
    /// List locations
    List(OwnedListArgs),
    /// Remove a location that nothing refers to
    Remove {
        /// Its id or partner id
        location: String,
        /// Id, domain or name of the owner
        #[arg(long)]
        organization: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Args)]
pub(super) struct LocationAddArgs {
    /// Id, domain or name of the owner
    #[arg(long)]
    organization: String,
    /// Partner id
    #[arg(long)]
    mpn_id: String,
    /// Display name
    #[arg(long)]
    name: String,
    /// Make it the one that counts when nothing else decides
    #[arg(long)]
    default: bool,
    #[command(flatten)]
    address: AddressArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Prints what an organisation says of itself.
pub(super) async fn show_organization(text: &str, is_json: bool, config: &Config) -> anyhow::Result<()> {
    let store = access::open_to_read(config).await?;
    let organization = administration::find_organization(&store, text).await?;
    let view = json!(administration::read_organization(&store, &organization.id).await?);
    match is_json {
        true => print_json(&view),
        false => print_members(&view),
    }
}

/// Changes an organisation.
pub(super) async fn update_organization(args: OrgUpdateArgs, config: &Config) -> anyhow::Result<()> {
    let mut body = Map::new();
    put(&mut body, "companyName", args.name);
    put(&mut body, "domain", args.domain);
    put(&mut body, "email", args.email);
    put(&mut body, "language", args.language);
    put(&mut body, "culture", args.culture);
    put(&mut body, "defaultAddress", args.address.into_body());
    let command = Command::UpdateOrganization { organization: args.organization, body: body.into() };
    let changed = ask(command, config).await?;
    match args.json {
        true => print_json(&changed),
        false => print_members(&changed),
    }
}

/// Changes a person.
pub(super) async fn update_user(args: UserUpdateArgs, config: &Config) -> anyhow::Result<()> {
    let mut body = Map::new();
    put(&mut body, "name", args.name);
    put(&mut body, "email", args.email);
    put(&mut body, "roles", (!args.roles.is_empty()).then_some(args.roles));
    let has_scope = args.entire_company || !args.locations.is_empty();
    put(&mut body, "locations", has_scope.then_some(args.locations));
    put(&mut body, "password", args.password);
    let changed = ask(Command::UpdateUser { user: args.user, body: body.into() }, config).await?;
    match args.json {
        true => print_json(&changed),
        false => print_members(&changed),
    }
}

/// Takes a person away.
pub(super) async fn remove_user(user: String, is_json: bool, config: &Config) -> anyhow::Result<()> {
    let said = user.clone();
    ask(Command::RemoveUser { user }, config).await?;
    print_removed(&said, is_json)
}

/// Prints people.
pub(super) async fn list_users(args: &OwnedListArgs, config: &Config) -> anyhow::Result<()> {
    let store = access::open_to_read(config).await?;
    let mut users = Vec::new();
    for organization in owners(&store, args).await? {
        for user in administration::list_users(&store, &organization.id).await? {
            users.push(owned(&organization, json!(user)));
        }
    }
    print_list(&users, args.json, &["id", "organizationName", "email", "name", "roles", "locations"])
}

/// Runs `liaison solution`.
pub(super) async fn run_solution(command: SolutionCommand, config: &Config) -> anyhow::Result<()> {
    match command {
        SolutionCommand::Add(args) => {
            let mut body = Map::new();
            put(&mut body, "id", args.id);
            put(&mut body, "name", Some(args.name));
            put(&mut body, "solutionType", args.kind);
            put(&mut body, "publisherName", args.publisher);
            put(&mut body, "mpnId", args.mpn_id);
            put(&mut body, "industries", Some(args.industries));
            let command = Command::AddSolution { organization: args.organization, body: body.into() };
            print_added(&ask(command, config).await?, args.json)
        }
        SolutionCommand::List(args) => {
            let store = access::open_to_read(config).await?;
            let mut solutions = Vec::new();
            for organization in owners(&store, &args).await? {
                for solution in administration::list_solutions(&store, &organization.id).await? {
                    solutions.push(owned(&organization, json!(solution)));
                }
            }
            print_list(&solutions, args.json, &["id", "organizationName", "name"])
        }
        SolutionCommand::Remove { id, json } => {
            ask(Command::RemoveSolution { solution: id.clone() }, config).await?;
            print_removed(&id, json)
        }
    }
}

/// Runs `liaison location`.
pub(super) async fn run_location(command: LocationCommand, config: &Config) -> anyhow::Result<()> {
    match command {
        LocationCommand::Add(args) => {
            let mut body = Map::new();
            put(&mut body, "mpnId", Some(args.mpn_id));
            put(&mut body, "name", Some(args.name));
            put(&mut body, "isDefault", Some(args.default));
            put(&mut body, "address", args.address.into_body());
            let command = Command::AddLocation { organization: args.organization, body: body.into() };
            print_added(&ask(command, config).await?, args.json)
        }
        LocationCommand::List(args) => {
            let store = access::open_to_read(config).await?;
            let mut locations = Vec::new();
            for organization in owners(&store, &args).await? {
                for profile in administration::list_business_profiles(&store, &organization.id).await? {
                    locations.extend(profile.locations.iter().map(|it| owned(&organization, json!(it))));
                }
            }
            print_list(&locations, args.json, &["id", "organizationName", "mpnId", "name", "isDefault"])
        }
        LocationCommand::Remove { location, organization, json } => {
            let command = Command::RemoveLocation { organization, location: location.clone() };
            ask(command, config).await?;
            print_removed(&location, json)
        }
    }
}

/// Does what is asked, here or in the running server.
pub(super) async fn ask(command: Command, config: &Config) -> anyhow::Result<Value> {
    match Access::to_write(config).await? {
        Access::Direct { store, random, _lock } => {
            Ok(administration::perform(access::tools(&store, &random).await?, command).await?)
        }
        Access::Server(server) => server.ask("/admin/changes", &command).await,
    }
}

pub(super) async fn owners(store: &Store, args: &OwnedListArgs) -> anyhow::Result<Vec<Organization>> {
    match &args.organization {
        Some(text) => Ok(vec![administration::find_organization(store, text).await?]),
        None => Ok(store.list_organizations().await?),
    }
}

/// Puts the owner in front of what it owns.
pub(super) fn owned(owner: &Organization, thing: Value) -> Value {
    let mut members = Map::new();
    members.insert("organizationId".to_owned(), json!(owner.id));
    members.insert("organizationName".to_owned(), json!(owner.name));
    if let Value::Object(more) = thing {
        members.extend(more);
    }
    Value::Object(members)
}

impl AddressArgs {
    fn into_body(self) -> Option<Value> {
        let mut body = Map::new();
        put(&mut body, "country", self.country);
        put(&mut body, "city", self.city);
        put(&mut body, "state", self.state);
        put(&mut body, "postalCode", self.postal_code);
        put(&mut body, "addressLine1", self.address_line1);
        (!body.is_empty()).then_some(Value::Object(body))
    }
}

pub(super) fn put(body: &mut Map<String, Value>, name: &str, value: Option<impl Into<Value>>) {
    if let Some(value) = value {
        body.insert(name.to_owned(), value.into());
    }
}

pub(super) fn print_json(value: &Value) -> anyhow::Result<()> {
    writeln!(out(), "{}", serde_json::to_string_pretty(value)?)?;
    Ok(())
}

fn print_added(added: &Value, is_json: bool) -> anyhow::Result<()> {
    match is_json {
        true => print_json(added),
        false => Ok(writeln!(out(), "Added {} ({}).", plain(&added["name"]), plain(&added["id"]))?),
    }
}

fn print_removed(what: &str, is_json: bool) -> anyhow::Result<()> {
    match is_json {
        true => print_json(&json!({ "removed": what })),
        false => Ok(writeln!(out(), "Removed {what}.")?),
    }
}

/// Prints every member that has a value, one a line; those of objects after the object's name.
fn print_members(value: &Value) -> anyhow::Result<()> {
    let mut out = out();
    for (name, value) in value.as_object().into_iter().flatten() {
        match value {
            Value::Object(members) => {
                for (inner, value) in members.iter().filter(|it| !it.1.is_null()) {
                    writeln!(out, "{:28}{}", format!("{name}.{inner}"), plain(value))?;
                }
            }
            Value::Null => {}
            value => writeln!(out, "{name:28}{}", plain(value))?,
        }
    }
    Ok(())
}

/// Prints one line for each thing, with `columns`, or all as JSON.
pub(super) fn print_list(things: &[Value], is_json: bool, columns: &[&str]) -> anyhow::Result<()> {
    if is_json {
        return print_json(&json!(things));
    }
    let mut out = out();
    for it in things {
        let cells: Vec<String> =
            columns.iter().map(|name| plain(&it[*name])).filter(|it| !it.is_empty()).collect();
        writeln!(out, "{}", cells.join("  "))?;
    }
    Ok(())
}

pub(super) fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}
