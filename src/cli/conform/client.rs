//! `liaison conform --client`: a connector is brought into situations with a sandbox, and scored by what it does.

use std::{io::Write as _, path::PathBuf, time::Duration};

use anyhow::{Context as _, bail};
use clap::Args;
use conform::{ClientOptions, Connector, Level, Parties, Report, Situation};
use serde_json::json;
use uuid::Uuid;

use super::{ConformArgs, interrupted, run_id, sandbox};
use crate::{
    cli::{access, caller, out},
    config::{Config, Sources},
    sandbox::seed::COMPANIES,
};

#[derive(Debug, Args)]
pub(in crate::cli) struct ClientArgs {
    /// Judge a connector instead: bring it into situations with a sandbox, and score what it does
    #[arg(long, conflicts_with_all = ["token", "parties", "sandbox", "only"])]
    pub(super) client: bool,
    /// Play only this situation; repeat for more
    #[arg(long, value_name = "NAME", requires = "client")]
    situation: Vec<String>,
    /// The application that the connector signs in with by itself [default: Contoso's, whose credentials it is given]
    #[arg(long, value_name = "ID", requires = "client")]
    application: Option<String>,
    /// How long the connector may take in a situation, in seconds [default: 60 for a program, 600 for a person]
    #[arg(long, value_name = "SECS", requires = "client", value_parser = clap::value_parser!(u64).range(1..=86400))]
    limit: Option<u64>,
    /// Without a command: how long the connector makes no call when it is done, in seconds
    #[arg(long, value_name = "SECS", requires = "client", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=3600))]
    quiet: u64,
    /// Without a command: where the connector listens for webhooks [default: situations with webhooks are skipped]
    #[arg(long, value_name = "URL", requires = "client")]
    webhook_url: Option<String>,
    /// The connector: a program that is run once for each situation, and told by LIAISON_… variables what to do
    #[arg(last = true, value_name = "COMMAND", requires = "client")]
    command: Vec<String>,
}

/// How long a program may take, and a person.
const PROGRAM_LIMIT: Duration = Duration::from_secs(60);
const PERSON_LIMIT: Duration = Duration::from_secs(600);

/// Plays the situations; `None` where they were only listed.
pub(super) async fn run(args: &ConformArgs, sources: &Sources) -> anyhow::Result<Option<Report>> {
    let asked = &args.client;
    let situations = match conform::select_situations(conform::situations(), &asked.situation) {
        Ok(situations) => situations,
        Err(unknown) => bail!("no situation is called {}; --list shows all", unknown.join(" or ")),
    };
    if args.list {
        list(&situations)?;
        return Ok(None);
    }
    let base_url = match &args.target {
        Some(url) => url.clone(),
        None => running(sources).await?,
    };
    let options = options(args, base_url)?;
    let say = |line: &str| {
        // Nobody to tell it to is no reason to stop.
        let _ = writeln!(std::io::stderr(), "{line}");
    };
    Ok(Some(conform::run_client(options, situations, &say, interrupted()).await?))
}

/// Finds the server that runs on this machine's data.
async fn running(sources: &Sources) -> anyhow::Result<String> {
    let config = Config::load(sources)?;
    let store = access::open_to_read(&config).await?;
    caller::base_url(&config, &store).await
}

fn options(args: &ConformArgs, base_url: String) -> anyhow::Result<ClientOptions> {
    let asked = &args.client;
    let [contoso, _, _] = &COMPANIES;
    let everybody = sandbox(&base_url);
    let connector = match asked.command.is_empty() {
        false => Connector::Program(asked.command.clone()),
        true => Connector::Person {
            quiet: Duration::from_secs(asked.quiet),
            webhook_url: asked.webhook_url.clone(),
        },
    };
    let usual = if asked.command.is_empty() { PERSON_LIMIT } else { PROGRAM_LIMIT };
    let run_id = run_id();
    let credentials = match (&asked.application, &everybody.caller) {
        (None, Some(conform::Identity::SignIn(credentials))) => Some(credentials.clone()),
        _ => None,
    };
    Ok(ClientOptions {
        base_url,
        organization: contoso.id.to_owned(),
        target: json!({"type": "BusinessProfileLocation", "id": contoso.location_id}),
        application: asked.application.clone().unwrap_or_else(|| contoso.client_id.to_string()),
        credentials,
        connector,
        limit: asked.limit.map_or(usual, Duration::from_secs),
        run_id,
        result_file: result_file(run_id)?,
        parties: Parties {
            token_url: everybody.token_url,
            caller: everybody.caller,
            other: everybody.other,
            ..Parties::default()
        },
    })
}

fn result_file(run_id: Uuid) -> anyhow::Result<PathBuf> {
    let folder = std::env::temp_dir();
    let folder = folder.canonicalize().with_context(|| format!("there is no folder {}", folder.display()))?;
    Ok(folder.join(format!("liaison-conform-{}", run_id.simple())))
}

fn list(situations: &[Situation]) -> anyhow::Result<()> {
    let mut out = out();
    for situation in situations {
        writeln!(out, "{:<18} {:<13} {}", situation.name, situation.task.as_str(), situation.about)?;
        for it in situation.expectations {
            let level = match it.level {
                Level::Must => "must",
                Level::Should => "should",
            };
            writeln!(out, "  {:<26} {level:<6} {}  {}", it.name, it.rule, it.source)?;
        }
    }
    let count: usize = situations.iter().map(|it| it.expectations.len()).sum();
    writeln!(out, "{} situations, {count} expectations", situations.len())?;
    Ok(())
}
