//! `liaison sandbox counterpart`: what the other side does by itself, shown and set on the running sandbox.

use std::io::Write as _;

use anyhow::Context as _;
use clap::Args;
use reqwest::Method;
use serde_json::{Value, json};

use super::text;
use crate::{
    cli::{caller::SandboxCaller, out, token},
    config::Config,
};

const COUNTERPARTS: &str = "/sandbox/counterparts";

#[derive(Debug, Args)]
pub(in crate::cli) struct CounterpartArgs {
    /// Id, domain or name of the organization [default: all are shown]
    organization: Option<String>,
    /// What it does with invitations from now on: accept, decline:"reason", open, silent, alternate, win, lose:reason,
    /// each with -after:DURATION if it is to take its time, such as "accept-after:2h win-after:3d"
    #[arg(long, visible_alias = "policy", value_name = "SCRIPT", requires = "organization")]
    play: Option<String>,
    /// Let it do again what it does by default
    #[arg(long, requires = "organization", conflicts_with = "play")]
    default: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: &CounterpartArgs, config: &Config) -> anyhow::Result<()> {
    let sandbox = SandboxCaller::find(config).await?;
    let path = match &args.organization {
        Some(named) => {
            let organization = token::choose_organization(sandbox.store(), Some(named)).await?;
            format!("{COUNTERPARTS}/{}", organization.id)
        }
        None => COUNTERPARTS.to_owned(),
    };
    let (method, body) = match (&args.play, args.default) {
        (Some(play), _) => (Method::PUT, Some(json!({ "play": play }))),
        (None, true) => (Method::DELETE, None),
        (None, false) => (Method::GET, None),
    };
    let answer = sandbox.ask(method, &path, body.as_ref()).await?;
    let mut out = out();
    match (args.organization.is_some(), args.json) {
        (true, true) => writeln!(out, "{answer}")?,
        (true, false) => writeln!(out, "{}", line(&answer))?,
        (false, is_json) => {
            let all = answer.get("value").context("the server's answer has no list")?;
            match is_json {
                true => writeln!(out, "{all}")?,
                false => {
                    all.as_array().into_iter().flatten().try_for_each(|it| writeln!(out, "{}", line(it)))?
                }
            }
        }
    }
    Ok(())
}

fn line(counterpart: &Value) -> String {
    let is_default = counterpart.get("isDefault").and_then(Value::as_bool) == Some(true);
    let usual = if is_default { "  (by default)" } else { "" };
    let (name, id) = (text(counterpart, "organizationName"), text(counterpart, "organizationId"));
    format!("{name:20}  {id:36}  {}{usual}", text(counterpart, "play"))
}
