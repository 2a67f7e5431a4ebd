//! `liaison sandbox fault`: puts faults in force on the running sandbox, lists them, and takes them away.

use std::io::Write as _;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Map, Value, json};

use crate::{
    cli::{caller::SandboxCaller, out, token},
    config::Config,
};

const FAULTS: &str = "/sandbox/faults";

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum FaultCommand {
    /// Let something go wrong
    Add(Box<FaultArgs>),
    /// List what goes wrong
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Let nothing go wrong any more
    Clear {
        /// Only this fault
        id: Option<String>,
    },
}

#[derive(Debug, Args)]
pub(in crate::cli) struct FaultArgs {
    /// For requests: mfaRequired (401), accessDenied (403), preconditionFailed (412), throttled (429), serverError (500),
    /// unavailable (503), delay, cutAnswer, slowBody; for webhooks: webhookDuplicate, webhookReorder, webhookDelay,
    /// webhookBadSignature, webhookWrongCertificate
    kind: String,
    /// Calls of this application only
    #[arg(long, value_name = "ID")]
    application: Option<String>,
    /// Calls of this organization only; for webhooks, messages to it: id, domain or name
    #[arg(long)]
    organization: Option<String>,
    /// Calls with this method only
    #[arg(long)]
    method: Option<String>,
    /// Calls to this path only; {id} stands for one segment, * at the end for all that follows
    #[arg(long, value_name = "PATH")]
    route: Option<String>,
    /// How likely a call that fits is struck [default: 1]
    #[arg(long, value_name = "0..1")]
    probability: Option<f64>,
    /// How many are struck [default: all]
    #[arg(long, value_name = "N")]
    count: Option<u64>,
    /// The number that the dice start from [default: 1]
    #[arg(long, value_name = "S")]
    seed: Option<u64>,
    /// What Retry-After says, of throttled and unavailable [default: 1]
    #[arg(long, value_name = "N")]
    retry_after_secs: Option<u64>,
    /// How long is waited, of delay, webhookDelay and webhookReorder
    #[arg(long, value_name = "N")]
    delay_ms: Option<u64>,
    /// How fast a slowBody goes
    #[arg(long, value_name = "N")]
    bytes_per_sec: Option<u64>,
    /// Where a cutAnswer is cut: beforeHead or inBody [default: beforeHead]
    #[arg(long, value_name = "PLACE")]
    cut: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs a command on the sandbox that is running on these data.
pub(in crate::cli) async fn run(command: &FaultCommand, config: &Config) -> anyhow::Result<()> {
    match command {
        FaultCommand::Add(args) => add(args, config).await,
        FaultCommand::List { json } => list(*json, config).await,
        FaultCommand::Clear { id } => clear(id.as_deref(), config).await,
    }
}

async fn add(args: &FaultArgs, config: &Config) -> anyhow::Result<()> {
    let sandbox = SandboxCaller::find(config).await?;
    let organization = match &args.organization {
        Some(wanted) => Some(token::choose_organization(sandbox.store(), Some(wanted)).await?.id.to_string()),
        None => None,
    };
    let members = [
        ("kind", Some(json!(args.kind))),
        ("application", args.application.as_ref().map(|it| json!(it))),
        ("organization", organization.map(|it| json!(it))),
        ("method", args.method.as_ref().map(|it| json!(it))),
        ("route", args.route.as_ref().map(|it| json!(it))),
        ("probability", args.probability.map(|it| json!(it))),
        ("count", args.count.map(|it| json!(it))),
        ("seed", args.seed.map(|it| json!(it))),
        ("retryAfterSecs", args.retry_after_secs.map(|it| json!(it))),
        ("delayMs", args.delay_ms.map(|it| json!(it))),
        ("bytesPerSec", args.bytes_per_sec.map(|it| json!(it))),
        ("cut", args.cut.as_ref().map(|it| json!(it))),
    ];
    let sent: Map<String, Value> =
        members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect();
    let added = sandbox.ask(Method::POST, FAULTS, Some(&Value::Object(sent))).await?;
    let mut out = out();
    match args.json {
        true => writeln!(out, "{added}")?,
        false => writeln!(out, "In force: {}", line(&added))?,
    }
    Ok(())
}

async fn list(is_json: bool, config: &Config) -> anyhow::Result<()> {
    let found = SandboxCaller::find(config).await?.ask(Method::GET, FAULTS, None).await?;
    let faults = found.get("value").and_then(Value::as_array).context("the server's answer has no list")?;
    let mut out = out();
    if is_json {
        writeln!(out, "{}", found.get("value").unwrap_or_default())?;
        return Ok(());
    }
    if faults.is_empty() {
        writeln!(out, "No fault is in force.")?;
    }
    faults.iter().try_for_each(|it| writeln!(out, "{}", line(it)))?;
    Ok(())
}

async fn clear(id: Option<&str>, config: &Config) -> anyhow::Result<()> {
    let path = match id {
        Some(id) => {
            format!("{FAULTS}/{}", url::form_urlencoded::byte_serialize(id.as_bytes()).collect::<String>())
        }
        None => FAULTS.to_owned(),
    };
    SandboxCaller::find(config).await?.ask(Method::DELETE, &path, None).await?;
    match id {
        Some(id) => writeln!(out(), "{id} is no longer in force.")?,
        None => writeln!(out(), "No fault is in force.")?,
    }
    Ok(())
}

/// Returns a fault in one line: id, kind, its choice, what is left of it, and what it has struck.
fn line(fault: &Value) -> String {
    let text = |name: &str| fault.get(name).and_then(Value::as_str).unwrap_or_default();
    let mut line = format!("{:5} {}", text("id"), text("kind"));
    for (name, value) in fault.as_object().into_iter().flatten() {
        let is_usual = name == "probability" && value.as_f64() == Some(1.0);
        let is_said = ["id", "kind", "seed", "remaining", "struck"].contains(&name.as_str());
        if !is_said && !is_usual {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            line.push_str(&format!("  {name} {value}"));
        }
    }
    let number = |name: &str| fault.get(name).and_then(Value::as_u64);
    if let Some(remaining) = number("remaining") {
        line.push_str(&format!("  {remaining} more"));
    }
    line.push_str(&format!("  struck {}", number("struck").unwrap_or_default()));
    line
}
