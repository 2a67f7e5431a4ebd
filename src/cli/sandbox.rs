//! `liaison sandbox …`: makes further sandboxes, fills one, empties it, keeps and puts back its state, moves its clock, says
//! what the other side does, and lets things go wrong in it.
//!
//! All but filling is asked of the running server, over the paths that any other program uses too.

mod counterpart;
mod fault;
mod generator;
mod named;

use std::{io::Write as _, time::Duration};

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand, ValueEnum};
use indicatif::{HumanBytes, HumanCount, ProgressBar, ProgressDrawTarget, ProgressStyle};
use reqwest::Method;
use serde_json::{Value, json};

use self::{counterpart::CounterpartArgs, fault::FaultCommand, generator::GeneratorArgs, named::AddArgs};
use super::{
    access::{self, Access},
    caller, out,
};
use crate::{
    config::Config,
    sandbox::{
        deals::{Harvest, sow},
        seed, state,
    },
    storage::Store,
};

/// How often the bar is drawn.
const DRAWS_PER_SECOND: u8 = 5;
const BAR: &str = "{bar:40} {human_pos} of {human_len} referrals, {per_sec}, {eta} left";
/// How long the server may take: as long as a request may, and some.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

#[derive(Debug, Subcommand)]
pub(super) enum SandboxCommand {
    /// Fill a sandbox with referrals of realistic variety; adds the companies where there are none
    Seed(SeedArgs),
    /// Delete everything and start anew, while the server runs
    Reset(ResetArgs),
    /// Keep the whole state by name, and put it back, while the server runs
    #[command(subcommand)]
    Snapshot(SnapshotCommand),
    /// Say where the clock stands, put it forward, hold it
    Clock {
        #[command(subcommand)]
        command: Option<ClockCommand>,
    },
    /// Let things go wrong in the running sandbox
    #[command(subcommand)]
    Fault(FaultCommand),
    /// Show what organizations do with invitations by themselves, and set it
    Counterpart(CounterpartArgs),
    /// Show what comes in by itself, and set it
    Generator(GeneratorArgs),
    /// List the sandboxes beside the running one
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Make a sandbox beside the running one, with a database and a clock of its own
    Add(AddArgs),
    /// Remove one with everything that is its own
    Remove {
        /// Its name
        name: String,
    },
}

impl SandboxCommand {
    /// Says whether this is about which sandboxes there are, and not about one of them.
    pub(super) fn is_about_all(&self) -> bool {
        matches!(self, Self::List { .. } | Self::Add(_) | Self::Remove { .. })
    }
}

#[derive(Debug, Args)]
pub(super) struct SeedArgs {
    /// How much: tiny 30, demo 500, large 100,000 referrals
    #[arg(long, value_enum, required_unless_present = "referrals", conflicts_with = "referrals")]
    profile: Option<Profile>,
    /// How many, in place of a profile
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    referrals: Option<u64>,
    /// The same number makes the same referrals
    #[arg(long, value_name = "S", default_value_t = state::SEED)]
    seed: u64,
}

#[derive(Debug, Args)]
pub(super) struct ResetArgs {
    /// What is made then: tiny 30, demo 500 referrals [default: none]
    #[arg(long, value_enum)]
    profile: Option<Profile>,
    /// The same number makes the same referrals
    #[arg(long, value_name = "S", default_value_t = state::SEED)]
    seed: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Profile {
    Tiny,
    Demo,
    Large,
}

impl Profile {
    fn profile(self) -> state::Profile {
        match self {
            Self::Tiny => state::Profile::Tiny,
            Self::Demo => state::Profile::Demo,
            Self::Large => state::Profile::Large,
        }
    }
}

#[derive(Debug, Subcommand)]
pub(super) enum SnapshotCommand {
    /// Keep everything as it is, in place of an earlier snapshot of that name
    Save {
        /// Letters, digits and hyphens
        name: String,
    },
    /// Put everything back as it was, the clock too
    Restore {
        /// Its name
        name: String,
    },
    /// List the snapshots
    List,
    /// Delete one
    Delete {
        /// Its name
        name: String,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum ClockCommand {
    /// Say where it stands
    Get,
    /// Hold it where it stands
    Freeze,
    /// Let it run from where it stands
    Run,
    /// Put it forward by a duration; everything that is due until then happens first
    Advance {
        /// Such as 14d, 90m, "1 day 6 hours"
        duration: String,
    },
    /// Put it forward to a moment
    Set {
        /// Such as 2027-01-31T09:30:00Z
        moment: String,
    },
}

/// Runs a command.
pub(super) async fn run(command: &SandboxCommand, config: &Config) -> anyhow::Result<()> {
    match command {
        SandboxCommand::Seed(args) => seed(args, config).await,
        SandboxCommand::Reset(args) => reset(args, config).await,
        SandboxCommand::Snapshot(command) => snapshot(command, config).await,
        SandboxCommand::Clock { command } => clock(command.as_ref(), config).await,
        SandboxCommand::Fault(command) => fault::run(command, config).await,
        SandboxCommand::Counterpart(args) => counterpart::run(args, config).await,
        SandboxCommand::Generator(args) => generator::run(args, config).await,
        SandboxCommand::List { json } => named::list(*json, config).await,
        SandboxCommand::Add(args) => named::add(args, config).await,
        SandboxCommand::Remove { name } => named::remove(name, config).await,
    }
}

async fn seed(args: &SeedArgs, config: &Config) -> anyhow::Result<()> {
    let profile = args.profile.map(|it| it.profile().referrals());
    let referrals = profile.or(args.referrals).unwrap_or_default();
    match Access::to_write(config).await? {
        Access::Direct { store, random, _lock } => {
            seed::plant(&store, &random).await?;
            fill(&store, Harvest { referrals, seed: args.seed }).await
        }
        Access::Server(_) => {
            let body = json!({"referrals": referrals, "seed": args.seed});
            ask(config, Method::POST, "/sandbox/seed", Some(&body)).await?;
            made(referrals, args.seed)
        }
    }
}

fn made(referrals: u64, seed: u64) -> anyhow::Result<()> {
    writeln!(out(), "Made {} referrals with seed {seed}.", HumanCount(referrals))?;
    Ok(())
}

async fn reset(args: &ResetArgs, config: &Config) -> anyhow::Result<()> {
    let body = match args.profile {
        Some(profile) => json!({"profile": profile.profile().as_str(), "seed": args.seed}),
        None => json!({}),
    };
    let answer = ask(config, Method::POST, "/sandbox/reset", Some(&body)).await?;
    writeln!(out(), "The sandbox is as at the beginning, with {} referrals.", count(&answer, "referrals"))?;
    Ok(())
}

async fn snapshot(command: &SnapshotCommand, config: &Config) -> anyhow::Result<()> {
    let path = |name: &str| {
        let name: String = url::form_urlencoded::byte_serialize(name.as_bytes()).collect();
        format!("/sandbox/snapshots/{name}")
    };
    match command {
        SnapshotCommand::Save { name } => {
            let saved = ask(config, Method::PUT, &path(name), None).await?;
            writeln!(out(), "Kept {} referrals as {name}.", count(&saved, "referrals"))?;
        }
        SnapshotCommand::Restore { name } => {
            let path = format!("{}/restore", path(name));
            let restored = ask(config, Method::POST, &path, Some(&json!({}))).await?;
            let (referrals, now) = (count(&restored, "referrals"), text(&restored, "now"));
            writeln!(out(), "Put {name} back: {referrals} referrals, and it is {now}.")?;
        }
        SnapshotCommand::List => {
            let answer = ask(config, Method::GET, "/sandbox/snapshots", None).await?;
            let mut out = out();
            for it in answer.get("value").and_then(Value::as_array).into_iter().flatten() {
                let bytes = HumanBytes(it.get("bytes").and_then(Value::as_u64).unwrap_or_default());
                let (name, taken) = (text(it, "name"), text(it, "taken"));
                writeln!(out, "{name:20}  {taken}  {} referrals, {bytes}", count(it, "referrals"))?;
            }
        }
        SnapshotCommand::Delete { name } => {
            ask(config, Method::DELETE, &path(name), None).await?;
            writeln!(out(), "Deleted {name}.")?;
        }
    }
    Ok(())
}

async fn clock(command: Option<&ClockCommand>, config: &Config) -> anyhow::Result<()> {
    let body = match command {
        None | Some(ClockCommand::Get) => None,
        Some(ClockCommand::Freeze) => Some(json!({"frozen": true})),
        Some(ClockCommand::Run) => Some(json!({"frozen": false})),
        Some(ClockCommand::Advance { duration }) => Some(json!({ "advance": duration })),
        Some(ClockCommand::Set { moment }) => Some(json!({ "set": moment })),
    };
    let method = if body.is_some() { Method::POST } else { Method::GET };
    let answer = ask(config, method, "/sandbox/clock", body.as_ref()).await?;
    let is_frozen = answer.get("frozen").and_then(Value::as_bool).unwrap_or_default();
    let state = if is_frozen { "held" } else { "running" };
    let mut out = out();
    writeln!(
        out,
        "{}  {state}, {} beside the system's clock",
        text(&answer, "now"),
        text(&answer, "offset")
    )?;
    let happened =
        [("expired", "expired"), ("acted", "acts of counterparts"), ("generated", "made by the generator")];
    for (member, words) in happened {
        match answer.get(member).and_then(Value::as_u64).unwrap_or_default() {
            0 => {}
            number => writeln!(out, "  {} {words}", HumanCount(number))?,
        }
    }
    Ok(())
}

fn text<'a>(answer: &'a Value, member: &str) -> &'a str {
    answer.get(member).and_then(Value::as_str).unwrap_or_default()
}

fn count(answer: &Value, member: &str) -> HumanCount {
    HumanCount(answer.get(member).and_then(Value::as_u64).unwrap_or_default())
}

/// Asks the running server, and returns what it answers.
async fn ask(config: &Config, method: Method, path: &str, body: Option<&Value>) -> anyhow::Result<Value> {
    let store = access::open_to_read(config).await?;
    let url = format!("{}{path}", caller::base_url(config, &store).await?);
    let client = reqwest::Client::builder().no_proxy().timeout(ANSWER_TIMEOUT).build()?;
    let mut request = client.request(method, url);
    if let Some(body) = body {
        request = request.json(body);
    }
    let response = request.send().await.context("the running server does not answer")?;
    let status = response.status();
    let answer: Value = serde_json::from_slice(&response.bytes().await?).unwrap_or_default();
    if answer.pointer("/error/innerError/code").and_then(Value::as_str) == Some("pathUnknown") {
        bail!("the running server is no sandbox; start it with `liaison serve --sandbox`");
    }
    if !status.is_success() {
        bail!("the server refused ({status}): {}", access::reasons(&answer));
    }
    Ok(answer)
}

async fn fill(store: &Store, harvest: Harvest) -> anyhow::Result<()> {
    // Draws nothing where standard error is no terminal.
    let target = ProgressDrawTarget::stderr_with_hz(DRAWS_PER_SECOND);
    let bar = ProgressBar::with_draw_target(Some(harvest.referrals), target)
        .with_style(ProgressStyle::with_template(BAR)?);
    store.start_background();
    sow(store, harvest, |done| bar.set_position(done)).await?;
    bar.finish_and_clear();
    settle(store).await?;
    made(harvest.referrals, harvest.seed)
}

/// Waits until everything has its place in the log, however many there are, as long as it goes on.
async fn settle(store: &Store) -> anyhow::Result<()> {
    let mut left = u64::MAX;
    loop {
        store.settle().await?;
        match store.count_unplaced().await? {
            0 => return Ok(()),
            now if now < left => left = now,
            now => bail!("{now} changes wait for their place in the log; a running server gives them one"),
        }
    }
}
