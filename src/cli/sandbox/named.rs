//! `liaison sandbox list|add|remove`: further sandboxes of the running one, by name.

use std::io::Write as _;

use anyhow::Context as _;
use clap::Args;
use indicatif::HumanCount;
use reqwest::Method;
use serde_json::{Map, Value, json};

use super::{Profile, count, text};
use crate::{
    cli::{caller::SandboxCaller, out},
    config::Config,
    sandbox::state,
};

const SANDBOXES: &str = "/sandbox/sandboxes";

#[derive(Debug, Args)]
pub(in crate::cli) struct AddArgs {
    /// Up to 40 lower-case letters, digits and hyphens
    name: String,
    /// What is in it: tiny 30, demo 500 referrals [default: none]
    #[arg(long, value_enum)]
    profile: Option<Profile>,
    /// The same number makes the same referrals
    #[arg(long, value_name = "S", default_value_t = state::SEED)]
    seed: u64,
    /// Where its clock is put, such as 2027-01-31T09:30:00Z [default: the system's time]
    #[arg(long, value_name = "MOMENT")]
    clock: Option<String>,
    /// Hold its clock there
    #[arg(long)]
    frozen: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn add(args: &AddArgs, config: &Config) -> anyhow::Result<()> {
    let mut form = Map::from_iter([("seed".to_owned(), json!(args.seed))]);
    if let Some(profile) = args.profile {
        form.insert("profile".to_owned(), json!(profile.profile().as_str()));
    }
    if let Some(clock) = &args.clock {
        form.insert("clock".to_owned(), json!(clock));
    }
    if args.frozen {
        form.insert("frozen".to_owned(), json!(true));
    }
    let form = Value::Object(form);
    let made = SandboxCaller::find(config).await?.ask(Method::PUT, &path(&args.name), Some(&form)).await?;
    let mut out = out();
    if args.json {
        writeln!(out, "{made}")?;
        return Ok(());
    }
    let (name, referrals) = (text(&made, "name"), count(&made, "referrals"));
    writeln!(out, "{name} answers at {} and has {referrals} referrals.", text(&made, "baseUrl"))?;
    writeln!(out, "Commands reach it with --in: liaison token --in {name}")?;
    Ok(())
}

pub(super) async fn list(is_json: bool, config: &Config) -> anyhow::Result<()> {
    let found = SandboxCaller::find(config).await?.ask(Method::GET, SANDBOXES, None).await?;
    let sandboxes =
        found.get("value").and_then(Value::as_array).context("the server's answer has no list")?;
    let mut out = out();
    if is_json {
        writeln!(out, "{}", found.get("value").unwrap_or_default())?;
        return Ok(());
    }
    if sandboxes.is_empty() {
        writeln!(out, "There is no sandbox beside the main one; `liaison sandbox add NAME` makes one.")?;
    }
    for it in sandboxes {
        let state = if it.get("frozen").and_then(Value::as_bool) == Some(true) { "held" } else { "running" };
        writeln!(
            out,
            "{:20}  {}  {} referrals, {} {state}",
            text(it, "name"),
            text(it, "baseUrl"),
            HumanCount(it.get("referrals").and_then(Value::as_u64).unwrap_or_default()),
            text(it, "now"),
        )?;
    }
    Ok(())
}

pub(super) async fn remove(name: &str, config: &Config) -> anyhow::Result<()> {
    SandboxCaller::find(config).await?.ask(Method::DELETE, &path(name), None).await?;
    writeln!(out(), "Removed {name}.")?;
    Ok(())
}

fn path(name: &str) -> String {
    format!("{SANDBOXES}/{}", url::form_urlencoded::byte_serialize(name.as_bytes()).collect::<String>())
}
