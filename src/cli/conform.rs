//! `liaison conform`: plays the scenarios of the contract against a server, ours or another; or judges a connector.

mod client;

use std::{
    future::Future,
    io::Write as _,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context as _, bail};
use clap::Args;
use conform::{Credentials, Identity, Level, Parties, Report, Scenario, Target};
use serde_json::json;
use uuid::Uuid;

use self::client::ClientArgs;
use super::out;
use crate::{
    app::system_random,
    config::Sources,
    sandbox::seed::{COMPANIES, Company, PASSWORD},
};

#[derive(Debug, Args)]
pub(super) struct ConformArgs {
    /// The server, without the path of the API [default with --client: the one that runs on this data]
    #[arg(long, value_name = "URL", required_unless_present_any = ["list", "client"])]
    target: Option<String>,
    /// Token of a Referrals admin
    #[arg(long, value_name = "TOKEN", env = "LIAISON_CONFORM_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// Token of a Referrals admin of a second organization
    #[arg(long, value_name = "TOKEN", env = "LIAISON_CONFORM_OTHER_TOKEN", hide_env_values = true)]
    other_token: Option<String>,
    /// How the second organization is addressed: TYPE:ID of a target
    #[arg(long, value_name = "TYPE:ID", value_parser = parse_target)]
    other_target: Option<serde_json::Value>,
    /// Token of a Referrals admin of Microsoft
    #[arg(long, value_name = "TOKEN", env = "LIAISON_CONFORM_MICROSOFT_TOKEN", hide_env_values = true)]
    microsoft_token: Option<String>,
    /// Token of a Referrals user of the first organization
    #[arg(long, value_name = "TOKEN", env = "LIAISON_CONFORM_USER_TOKEN", hide_env_values = true)]
    user_token: Option<String>,
    /// Token of a person of the first organization without a Referrals role
    #[arg(long, value_name = "TOKEN", env = "LIAISON_CONFORM_ROLELESS_TOKEN", hide_env_values = true)]
    roleless_token: Option<String>,
    /// Token of an application of the first organization, by itself
    #[arg(long, value_name = "TOKEN", env = "LIAISON_CONFORM_APPLICATION_TOKEN", hide_env_values = true)]
    application_token: Option<String>,
    /// Token of the first one for the Partner Center API
    #[arg(long, value_name = "TOKEN", env = "LIAISON_CONFORM_PARTNER_CENTER_TOKEN", hide_env_values = true)]
    partner_center_token: Option<String>,
    /// A solution of the first organization
    #[arg(long, value_name = "ID")]
    solution: Option<String>,
    /// File that says who calls, as JSON: tokens, or names and passwords for a token endpoint
    #[arg(long, value_name = "FILE")]
    parties: Option<PathBuf>,
    /// The target is a sandbox of Liaison: use its companies, and allow everything below
    #[arg(long, conflicts_with = "parties")]
    sandbox: bool,
    /// Allow invitations to Microsoft
    #[arg(long)]
    invite_microsoft: bool,
    /// Allow a hundred referrals, to see a second page
    #[arg(long)]
    bulk: bool,
    /// Allow the webhook registration to be replaced; it is put back afterwards
    #[arg(long)]
    webhooks: bool,
    /// Where deliveries are received, and how the server reaches it [default: a free port of loopback]
    #[arg(long, value_name = "ADDRESS,URL", value_parser = parse_receiver)]
    receiver: Option<(String, String)>,
    /// Judge Liaison's own additions too
    #[arg(long)]
    liaison: bool,
    /// Play only a group, or scenarios whose names contain this; repeat for more
    #[arg(long, value_name = "GROUP|NAME")]
    only: Vec<String>,
    /// How many scenarios are played at a time
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=64))]
    jobs: u16,
    /// Write the results as JUnit XML
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Write the results as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// List the scenarios (with --client: the situations) with their sources, and play none
    #[arg(long)]
    list: bool,
    #[command(flatten)]
    client: ClientArgs,
}

/// Plays the scenarios or the situations, and says what came of them.
pub(super) async fn run(args: ConformArgs, sources: &Sources) -> anyhow::Result<ExitCode> {
    let report = match args.client.client {
        true => client::run(&args, sources).await?,
        false => judge_server(&args).await?,
    };
    let Some(report) = report else { return Ok(ExitCode::SUCCESS) };
    write!(out(), "{}", report.table())?;
    let write = |path: &Option<PathBuf>, text: &dyn Fn() -> String| -> anyhow::Result<()> {
        let Some(path) = path else { return Ok(()) };
        std::fs::write(path, text()).with_context(|| format!("{} cannot be written", path.display()))
    };
    write(&args.junit, &|| report.junit())?;
    write(&args.json, &|| format!("{:#}\n", report.json()))?;
    Ok(if report.is_conformant() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Plays the scenarios; `None` where they were only listed.
async fn judge_server(args: &ConformArgs) -> anyhow::Result<Option<Report>> {
    let scenarios = conform::select(conform::all(), &args.only);
    if scenarios.is_empty() {
        bail!("no group and no scenario is called {}; --list shows all", args.only.join(" or "));
    }
    if args.list {
        list(&scenarios)?;
        return Ok(None);
    }
    let target = target(args)?;
    let options = conform::Options { run_id: run_id(), jobs: args.jobs.into() };
    Ok(Some(conform::run(&target, scenarios, options, interrupted()).await?))
}

/// Returns an id that marks what a run makes.
fn run_id() -> Uuid {
    let mut bytes = [0; 16];
    system_random().fill(&mut bytes);
    uuid::Builder::from_random_bytes(bytes).into_uuid()
}

fn list(scenarios: &[Scenario]) -> anyhow::Result<()> {
    let mut out = out();
    for it in scenarios {
        let level = match it.level {
            Level::Must => "must",
            Level::Should => "should",
        };
        writeln!(out, "{:<12} {:<32} {level:<6} {}  {}", it.group, it.name, it.rule, it.source)?;
    }
    writeln!(out, "{} scenarios", scenarios.len())?;
    Ok(())
}

fn target(args: &ConformArgs) -> anyhow::Result<Target> {
    let base_url = args.target.clone().unwrap_or_default();
    let mut parties = match (&args.parties, args.sandbox) {
        (Some(path), _) => read_parties(path)?,
        (None, true) => sandbox(&base_url),
        (None, false) => Parties::default(),
    };
    let put = |place: &mut Option<Identity>, token: &Option<String>| {
        if let Some(token) = token {
            *place = Some(Identity::Token(token.clone()));
        }
    };
    put(&mut parties.caller, &args.token);
    put(&mut parties.other, &args.other_token);
    put(&mut parties.microsoft, &args.microsoft_token);
    put(&mut parties.user, &args.user_token);
    put(&mut parties.roleless, &args.roleless_token);
    put(&mut parties.application, &args.application_token);
    put(&mut parties.partner_center, &args.partner_center_token);
    parties.other_target = args.other_target.clone().or(parties.other_target);
    parties.solution = args.solution.clone().or(parties.solution);
    Ok(Target {
        base_url,
        parties,
        may_invite_microsoft: args.invite_microsoft || args.sandbox,
        may_make_many: args.bulk || args.sandbox,
        may_replace_registration: args.webhooks || args.sandbox,
        receiver: args.receiver.clone(),
        is_liaison: args.liaison || args.sandbox,
    })
}

fn read_parties(path: &Path) -> anyhow::Result<Parties> {
    let text = std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} does not say who calls", path.display()))
}

/// Returns the people of a sandbox: Contoso calls, Fabrikam is the second organisation.
fn sandbox(base_url: &str) -> Parties {
    let [contoso, fabrikam, microsoft] = &COMPANIES;
    let person = |company: &Company, (_, email, _): (Uuid, &str, &str)| {
        Some(Identity::SignIn(Credentials {
            username: Some(email.to_owned()),
            password: Some(PASSWORD.to_owned()),
            ..application(company)
        }))
    };
    Parties {
        token_url: Some(format!("{}/common/oauth2/token", base_url.trim_end_matches('/'))),
        caller: person(contoso, contoso.admin),
        other: person(fabrikam, fabrikam.admin),
        other_target: Some(json!({"type": "BusinessProfileLocation", "id": fabrikam.location_id})),
        microsoft: person(microsoft, microsoft.admin),
        user: person(contoso, contoso.user),
        roleless: person(contoso, contoso.account_admin),
        application: Some(Identity::SignIn(application(contoso))),
        solution: contoso.solutions.first().map(|(id, _)| (*id).to_owned()),
        ..Parties::default()
    }
}

fn application(company: &Company) -> Credentials {
    let (client_id, client_secret) = (company.client_id.to_string(), Some(company.client_secret.to_owned()));
    Credentials { client_id, client_secret, username: None, password: None }
}

/// Ends when somebody wants the run to end. What was made is put away after that, too.
fn interrupted() -> impl Future<Output = ()> {
    use tokio::signal::unix::{SignalKind, signal};
    async {
        let Ok(mut terminate) = signal(SignalKind::terminate()) else { return std::future::pending().await };
        tokio::select! {
            _ = terminate.recv() => {}
            it = tokio::signal::ctrl_c() => if it.is_err() { std::future::pending().await },
        }
    }
}

fn parse_target(text: &str) -> Result<serde_json::Value, String> {
    let (kind, id) = text.split_once(':').filter(|(kind, id)| !kind.is_empty() && !id.is_empty()).ok_or(
        "a target is a type and an id, such as BusinessProfileLocation:c0a70001-0000-4000-8000-000000000001 or \
         SolutionProfile:SOL-34104-EBB",
    )?;
    Ok(json!({"type": kind, "id": id}))
}

fn parse_receiver(text: &str) -> Result<(String, String), String> {
    let (address, url) = text
        .split_once(',')
        .ok_or("an address and a URL, such as 0.0.0.0:9000,https://hooks.example/liaison")?;
    Ok((address.to_owned(), url.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_organization_is_addressed_by_type_and_id() {
        assert_eq!(
            parse_target("SolutionProfile:SOL-1"),
            Ok(json!({"type": "SolutionProfile", "id": "SOL-1"}))
        );
        assert!(parse_target("SOL-1").is_err());
        assert!(parse_receiver("0.0.0.0:9000").is_err());
    }

    #[test]
    fn a_sandbox_has_everybody_whom_scenarios_need() {
        let parties = sandbox("http://a/");

        assert_eq!(parties.token_url.as_deref(), Some("http://a/common/oauth2/token"));
        let people = [&parties.caller, &parties.other, &parties.microsoft, &parties.user, &parties.roleless];
        assert!(people.into_iter().all(Option::is_some) && parties.solution.is_some());
    }
}
