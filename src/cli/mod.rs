//! The commands. This file says what they are called; each has a file that says what it does.

mod access;
mod administration;
mod application;
mod audit;
mod banner;
mod caller;
mod conform;
mod doctor;
mod listen;
mod log;
mod notices;
mod organizations;
mod sandbox;
mod serve;
mod token;
mod trigger;
mod verify;
mod webhook_key;

use std::{
    io::{self, Write as _},
    net::SocketAddr,
    path::PathBuf,
    process::ExitCode,
};

use clap::{Args, Parser, Subcommand, ValueEnum};
use uuid::Uuid;

use self::{
    administration::{LocationCommand, OrgUpdateArgs, OwnedListArgs, SolutionCommand, UserUpdateArgs},
    application::ApplicationCommand,
    audit::AuditCommand,
    conform::ConformArgs,
    listen::ListenArgs,
    log::LogArgs,
    notices::NoticesCommand,
    sandbox::SandboxCommand,
    trigger::TriggerArgs,
    webhook_key::WebhookKeyCommand,
};
use crate::{
    app,
    config::{self, Config, Sources},
    http::openapi::{self, Served},
    telemetry,
};

/// An open, self-hosted referral exchange that speaks Partner Center's Referrals API.
#[derive(Debug, Parser)]
#[command(name = "liaison", version, arg_required_else_help = true)]
struct Cli {
    #[command(flatten)]
    place: PlaceArgs,
    #[command(subcommand)]
    command: Command,
}

/// Where the data and the settings are.
#[derive(Debug, Args)]
struct PlaceArgs {
    /// Folder of the SQLite file [default: the working directory]
    #[arg(long = "data", global = true, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// PostgreSQL instead of the SQLite file
    #[arg(long, global = true, value_name = "URL", env = "LIAISON_DATABASE_URL", hide_env_values = true)]
    database_url: Option<String>,
    /// Settings file [default: liaison.toml, if it is there]
    #[arg(long = "config", global = true, value_name = "FILE", env = "LIAISON_CONFIG")]
    file: Option<PathBuf>,
    /// A sandbox beside the main one (liaison sandbox add), in place of the main one
    #[arg(long = "in", global = true, value_name = "SANDBOX", env = "LIAISON_SANDBOX")]
    within: Option<String>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start the server
    Serve(ServeArgs),
    /// Bring the database up to date
    Migrate,
    /// Say what is wrong with this installation, and how to mend it
    Doctor,
    /// Print the OpenAPI description
    Openapi,
    /// Print the effective settings
    Config {
        /// Print every setting with its default and its meaning
        #[arg(long)]
        defaults: bool,
    },
    /// Print an access token
    Token(TokenArgs),
    /// Add, show, change and list organizations
    #[command(subcommand)]
    Org(OrgCommand),
    /// Add, change, remove and list people
    #[command(subcommand)]
    User(UserCommand),
    /// Add, remove and list what organizations sell
    #[command(subcommand)]
    Solution(SolutionCommand),
    /// Add, remove and list where organizations can be addressed
    #[command(subcommand)]
    Location(LocationCommand),
    /// Add, change and list the programs that sign people in
    #[command(subcommand)]
    Application(ApplicationCommand),
    /// Make sandboxes, fill and empty them, keep their state, move their clocks, and let things go wrong in them
    #[command(subcommand)]
    Sandbox(SandboxCommand),
    /// Print what happens as it happens, and hand it on to a program of yours
    Listen(ListenArgs),
    /// Print the last calls that applications made, and what to do about those that were refused
    Log(LogArgs),
    /// Make something happen in a sandbox
    Trigger(TriggerArgs),
    /// Judge a server by the scenarios of the contract, or a connector by what it does in a sandbox
    Conform(Box<ConformArgs>),
    /// Show and renew what webhooks are signed with
    #[command(subcommand)]
    WebhookKey(WebhookKeyCommand),
    /// Try out what people are told by mail
    #[command(subcommand)]
    Notices(NoticesCommand),
    /// Export audit records
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Check that documents, changes and their chain of hashes agree
    Verify {
        /// Prints JSON.
        #[arg(long)]
        json: bool,
    },
}

impl Command {
    /// Says whether this is about which sandboxes there are, and not about one of them.
    fn is_about_all(&self) -> bool {
        matches!(self, Self::Sandbox(command) if command.is_about_all())
    }
}

#[derive(Debug, Args)]
struct ServeArgs {
    /// Start with three companies, known passwords and no rate limits
    #[arg(long)]
    sandbox: bool,
    /// Let the sandbox, with its known passwords, be reached from other machines
    #[arg(long)]
    sandbox_exposed: bool,
    /// Where the API listens [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// Where health, metrics and administration listen [default: 127.0.0.1:8081]
    #[arg(long, value_name = "ADDRESS")]
    ops_listen: Option<SocketAddr>,
    /// The address that clients use [default: where the API listens]
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
    /// Print the effective settings and stop
    #[arg(long)]
    print_config: bool,
}

#[derive(Debug, Args)]
struct TokenArgs {
    /// Id, domain or name of the organization [default: Contoso, or the only one]
    #[arg(long, value_name = "ORGANIZATION")]
    organization: Option<String>,
    /// E-mail, id or role of the user
    #[arg(long, default_value = "referrals-admin", conflicts_with = "app_only")]
    user: String,
    /// For the application itself, without a user
    #[arg(long)]
    app_only: bool,
    /// The API that the token is for
    #[arg(long, value_enum, default_value_t = TokenAudience::Partner)]
    audience: TokenAudience,
    /// How long it is valid
    #[arg(long, value_name = "N", default_value_t = 3600, value_parser = clap::value_parser!(u32).range(1..))]
    lifetime_secs: u32,
}

/// The API that a token is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum TokenAudience {
    /// Referrals: <https://api.partner.microsoft.com>
    Partner,
    /// Webhooks, audit records, profiles: <https://api.partnercenter.microsoft.com>
    PartnerCenter,
}

#[derive(Debug, Subcommand)]
enum OrgCommand {
    /// Add an organization with a location and an application
    Add(OrgAddArgs),
    /// List organizations
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Show what an organization says of itself
    Show {
        /// Id, domain or name
        organization: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Change what an organization says of itself
    Update(OrgUpdateArgs),
}

#[derive(Debug, Args)]
struct OrgAddArgs {
    /// Display name
    name: String,
    /// A GUID, or msft [default: a random GUID]
    #[arg(long)]
    id: Option<String>,
    /// Id of its Entra tenant [default: its own id]
    #[arg(long, value_name = "GUID")]
    tenant_id: Option<Uuid>,
    /// E-mail and tenant domain
    #[arg(long)]
    domain: Option<String>,
    /// Partner id of its location [default: seven random digits]
    #[arg(long)]
    mpn_id: Option<String>,
    /// A solution that it sells; repeat for more
    #[arg(long = "solution", value_name = "ID=NAME")]
    solutions: Vec<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum UserCommand {
    /// Add a user to an organization
    Add(UserAddArgs),
    /// Change a user; it counts from the next call on
    Update(UserUpdateArgs),
    /// Remove a user
    Remove {
        /// E-mail or id
        user: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// List users
    List(OwnedListArgs),
}

#[derive(Debug, Args)]
struct UserAddArgs {
    /// Id, domain or name of the employer
    #[arg(long)]
    organization: String,
    /// The user's oid in the Entra tenant [default: a random GUID]
    #[arg(long, value_name = "GUID")]
    id: Option<Uuid>,
    /// Sign-in name
    #[arg(long)]
    email: String,
    /// Display name
    #[arg(long)]
    name: String,
    /// referrals-admin, referrals-user or account-admin; repeat for more
    #[arg(long = "role", required = true, value_name = "ROLE")]
    roles: Vec<String>,
    /// Limit the roles to a location; repeat for more
    #[arg(long = "location", value_name = "MPN_ID")]
    locations: Vec<String>,
    /// Password [default: a random one, printed once]
    #[arg(long)]
    password: Option<String>,
    /// The iss of an issuer without tid and oid, to the letter; the user signs in there
    #[arg(long, value_name = "URL", requires = "subject", conflicts_with = "password")]
    issuer: Option<String>,
    /// The sub that this issuer knows the user by
    #[arg(long, value_name = "SUB", requires = "issuer")]
    subject: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command that the process was started with.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    app::install_cryptography();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&anyhow::Error::new(error).context("the program could not start")),
    };
    match runtime.block_on(dispatch(cli)) {
        Ok(code) => code,
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => fail(&error),
    }
}

async fn dispatch(cli: Cli) -> anyhow::Result<ExitCode> {
    let sources = sources(&cli);
    refuse_within(&cli)?;
    if let Command::Doctor = cli.command {
        return doctor::run(&sources).await;
    }
    if let Command::Conform(args) = cli.command {
        return conform::run(*args, &sources).await;
    }
    if let Command::Config { defaults: true } = cli.command {
        write!(out(), "{}", config::DEFAULTS)?;
        return Ok(ExitCode::SUCCESS);
    }
    let config = match (&cli.place.within, &cli.command) {
        (Some(name), command) if !command.is_about_all() => {
            access::within(Config::load(&sources)?, name).await?
        }
        _ => Config::load(&sources)?,
    };
    let is_json = config.log.format == config::LogFormat::Json;
    let filter = match cli.command {
        Command::Serve(_) => config.log.filter.as_str(),
        _ => "liaison=warn",
    };
    telemetry::install_logs(filter, is_json)
        .map_err(|error| anyhow::anyhow!("log.filter is not understood: {error}"))?;
    match cli.command {
        Command::Serve(ServeArgs { print_config: true, .. }) | Command::Config { .. } => {
            write!(out(), "{}", config.to_toml()?)?;
        }
        Command::Serve(args) => serve::run(&args, config, sources.file.as_deref()).await?,
        Command::Migrate => access::migrate(&config).await?,
        Command::Token(args) => token::run(&args, &config).await?,
        Command::Org(OrgCommand::Add(args)) => organizations::add(&args, &config).await?,
        Command::Org(OrgCommand::List { json }) => organizations::list(json, &config).await?,
        Command::Org(OrgCommand::Show { organization, json }) => {
            administration::show_organization(&organization, json, &config).await?;
        }
        Command::Org(OrgCommand::Update(args)) => administration::update_organization(args, &config).await?,
        Command::User(UserCommand::Add(args)) => organizations::add_user(&args, &config).await?,
        Command::User(UserCommand::Update(args)) => administration::update_user(args, &config).await?,
        Command::User(UserCommand::Remove { user, json }) => {
            administration::remove_user(user, json, &config).await?;
        }
        Command::User(UserCommand::List(args)) => administration::list_users(&args, &config).await?,
        Command::Solution(command) => administration::run_solution(command, &config).await?,
        Command::Location(command) => administration::run_location(command, &config).await?,
        Command::Application(command) => application::run(command, &config).await?,
        Command::Sandbox(command) => sandbox::run(&command, &config).await?,
        Command::Listen(args) => listen::run(args, &config).await?,
        Command::Log(args) => log::run(&args, &config).await?,
        Command::Trigger(args) => trigger::run(&args, &config).await?,
        Command::WebhookKey(command) => webhook_key::run(&command, &config).await?,
        Command::Notices(command) => notices::run(&command, &config).await?,
        Command::Audit(command) => audit::run(&command, &config).await?,
        Command::Verify { json } => return verify::run(json, &config).await,
        Command::Openapi => {
            writeln!(out(), "{}", openapi::text(&config.public_url(config.listen), Served::Exchange))?
        }
        Command::Doctor | Command::Conform(_) => (),
    }
    Ok(ExitCode::SUCCESS)
}

/// Refuses a sandbox's name where the server is meant with all that it holds.
fn refuse_within(cli: &Cli) -> anyhow::Result<()> {
    match (&cli.place.within, &cli.command) {
        (Some(name), Command::Serve(_) | Command::Doctor | Command::Conform(_)) => anyhow::bail!(
            "this command has no sandbox \"{name}\" to go to: leave out --in, and unset LIAISON_SANDBOX"
        ),
        _ => Ok(()),
    }
}

/// Turns flags into layers of settings.
fn sources(cli: &Cli) -> Sources {
    let mut overrides = Vec::new();
    let mut put = |key, value: Option<String>| overrides.extend(value.map(|it| (key, it)));
    put("data_dir", cli.place.data_dir.as_ref().map(|it| it.to_string_lossy().into_owned()));
    put("database_url", cli.place.database_url.clone());
    let mut is_sandbox = false;
    if let Command::Serve(args) = &cli.command {
        is_sandbox = args.sandbox;
        put("listen", args.listen.map(|it| it.to_string()));
        put("ops_listen", args.ops_listen.map(|it| it.to_string()));
        put("public_url", args.public_url.clone());
    }
    Sources { file: cli.place.file.clone(), is_sandbox, overrides, environment: None }
}

/// Returns where commands write; locked, so that lines stay whole.
fn out() -> io::StdoutLock<'static> {
    io::stdout().lock()
}

fn fail(error: &anyhow::Error) -> ExitCode {
    // Nothing is left to do when even standard error is closed.
    let _ = writeln!(io::stderr(), "error: {error:#}");
    ExitCode::FAILURE
}

/// Says whether the reader of our output went away, as `head` does.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|it| it.kind() == io::ErrorKind::BrokenPipe)
}

/// Reads a GUID in any case.
fn parse_uuid(text: &str) -> Option<Uuid> {
    Uuid::try_parse(text).ok()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn flags_of_serve_override_the_settings() {
        let cli = Cli::parse_from([
            "liaison",
            "--data",
            "/srv/a",
            "serve",
            "--sandbox",
            "--listen",
            "127.0.0.1:1",
            "--public-url",
            "https://a.example",
        ]);

        let sources = sources(&cli);

        assert!(sources.is_sandbox);
        assert_eq!(
            sources.overrides,
            [
                ("data_dir", "/srv/a".to_owned()),
                ("listen", "127.0.0.1:1".to_owned()),
                ("public_url", "https://a.example".to_owned()),
            ]
        );
    }

    #[test]
    fn global_flags_may_follow_the_command() {
        let cli = Cli::parse_from(["liaison", "token", "--app-only", "--data", "x"]);

        assert_eq!(cli.place.data_dir, Some("x".into()));
    }

    #[test]
    fn a_token_is_for_a_user_or_an_application() {
        assert!(Cli::try_parse_from(["liaison", "token", "--app-only", "--user", "a@b.example"]).is_err());
        assert!(Cli::try_parse_from(["liaison", "token", "--lifetime-secs", "0"]).is_err());
    }

    #[test]
    fn an_issuer_comes_with_a_subject_and_without_a_password() {
        let parse = |more: &[&str]| {
            let user = ["--organization", "x", "--email", "a@b.example", "--name", "A", "--role", "r"];
            let words = ["liaison", "user", "add"].iter().chain(&user).chain(more);
            Cli::try_parse_from(words)
        };

        assert!(parse(&["--issuer", "https://a.example", "--subject", "7"]).is_ok());
        assert!(parse(&["--issuer", "https://a.example"]).is_err());
        assert!(parse(&["--subject", "7"]).is_err());
        assert!(parse(&["--issuer", "https://a.example", "--subject", "7", "--password", "p"]).is_err());
    }

    #[test]
    fn a_user_needs_a_role() {
        let without =
            ["liaison", "user", "add", "--organization", "x", "--email", "a@b.example", "--name", "A"];

        assert!(Cli::try_parse_from(without).is_err());
    }
}
