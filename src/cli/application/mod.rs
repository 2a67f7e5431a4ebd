//! `liaison application`: the programs that sign people in, and where those may be sent back to.

use std::io::Write as _;

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use super::administration::{OwnedListArgs, ask, owned, owners, plain, print_json, print_list, put};
use crate::{
    cli::{access, out},
    config::Config,
    service::administration::{self, Command},
};

#[derive(Debug, Subcommand)]
pub(super) enum ApplicationCommand {
    /// Add an application to an organization
    Add(ApplicationAddArgs),
    /// Change an application
    Update(ApplicationUpdateArgs),
    /// List applications
    List(OwnedListArgs),
}

#[derive(Debug, Args)]
pub(super) struct ApplicationAddArgs {
    /// Id, domain or name of the owner
    #[arg(long)]
    organization: String,
    /// Display name, which the sign-in page shows
    #[arg(long)]
    name: String,
    /// Where people may be sent back to after they have signed in; repeat for more
    #[arg(long = "redirect-uri", value_name = "URI")]
    redirect_uris: Vec<String>,
    /// A program on its users' machines, which can keep no secret
    #[arg(long)]
    public: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct ApplicationUpdateArgs {
    /// Its client id
    application: String,
    /// Display name, which the sign-in page shows
    #[arg(long)]
    name: Option<String>,
    /// All addresses that people may be sent back to from now on; repeat for more
    #[arg(long = "redirect-uri", value_name = "URI")]
    redirect_uris: Vec<String>,
    /// Let people be sent back to nowhere
    #[arg(long, conflicts_with = "redirect_uris")]
    no_redirect_uris: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs `liaison application`.
pub(super) async fn run(command: ApplicationCommand, config: &Config) -> anyhow::Result<()> {
    match command {
        ApplicationCommand::Add(args) => {
            let mut body = Map::new();
            put(&mut body, "name", Some(args.name));
            put(&mut body, "redirectUris", Some(args.redirect_uris));
            put(&mut body, "isPublic", Some(args.public));
            let command = Command::AddApplication { organization: args.organization, body: body.into() };
            let added = ask(command, config).await?;
            match args.json {
                true => print_json(&added),
                false => print_added(&added),
            }
        }
        ApplicationCommand::Update(args) => {
            let mut body = Map::new();
            put(&mut body, "name", args.name);
            let is_set = args.no_redirect_uris || !args.redirect_uris.is_empty();
            put(&mut body, "redirectUris", is_set.then_some(args.redirect_uris));
            let command = Command::UpdateApplication { application: args.application, body: body.into() };
            let changed = ask(command, config).await?;
            match args.json {
                true => print_json(&changed),
                false => print_changed(&changed),
            }
        }
        ApplicationCommand::List(args) => {
            let store = access::open_to_read(config).await?;
            let mut applications = Vec::new();
            for organization in owners(&store, &args).await? {
                for application in administration::list_applications(&store, &organization.id).await? {
                    applications.push(owned(&organization, json!(application)));
                }
            }
            print_list(&applications, args.json, &["id", "organizationName", "name", "redirectUris"])
        }
    }
}

fn print_added(added: &Value) -> anyhow::Result<()> {
    let mut out = out();
    writeln!(out, "Added {}.", plain(&added["name"]))?;
    writeln!(out, "  client id        {}", plain(&added["id"]))?;
    if let Some(secret) = added.get("clientSecret").and_then(Value::as_str) {
        writeln!(out, "  client secret    {secret}   (shown once; only its hash is kept)")?;
    }
    Ok(())
}

fn print_changed(changed: &Value) -> anyhow::Result<()> {
    Ok(writeln!(out(), "Changed {} ({}).", plain(&changed["name"]), plain(&changed["id"]))?)
}
