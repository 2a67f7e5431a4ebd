//! `liaison sandbox generator`: leads and opportunities that come in by themselves, shown, set and stopped on the running
//! sandbox.

use std::io::Write as _;

use clap::Args;
use indicatif::HumanCount;
use reqwest::Method;
use serde_json::{Map, Value, json};

use super::text;
use crate::{
    cli::{caller::SandboxCaller, out, token},
    config::Config,
};

const GENERATOR: &str = "/sandbox/generator";

#[derive(Debug, Args)]
pub(in crate::cli) struct GeneratorArgs {
    /// Let something come in each time this has passed, such as 1h; without it, what comes in is shown
    #[arg(long, value_name = "DURATION", conflicts_with = "stop")]
    every: Option<String>,
    /// Who gets them: id, domain or name [default: Contoso]
    #[arg(long, requires = "every")]
    organization: Option<String>,
    /// Marketplace lead, Qualified lead or Co-sell opportunity; repeat for more, they take turns [default: all]
    #[arg(long = "category", value_name = "CATEGORY", requires = "every")]
    categories: Vec<String>,
    /// The same number makes the same ones [default: 1]
    #[arg(long, value_name = "S", requires = "every")]
    seed: Option<u64>,
    /// Let nothing come in any more
    #[arg(long)]
    stop: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: &GeneratorArgs, config: &Config) -> anyhow::Result<()> {
    let sandbox = SandboxCaller::find(config).await?;
    let form = form(args, &sandbox).await?;
    let method = match (&form, args.stop) {
        (Some(_), _) => Method::PUT,
        (None, true) => Method::DELETE,
        (None, false) => Method::GET,
    };
    let state = sandbox.ask(method, GENERATOR, form.as_ref()).await?;
    let mut out = out();
    match args.json {
        true => writeln!(out, "{state}")?,
        false => writeln!(out, "{}", line(&state))?,
    }
    Ok(())
}

async fn form(args: &GeneratorArgs, sandbox: &SandboxCaller) -> anyhow::Result<Option<Value>> {
    let Some(every) = &args.every else { return Ok(None) };
    let mut form = Map::from_iter([("every".to_owned(), json!(every))]);
    if let Some(named) = &args.organization {
        let organization = token::choose_organization(sandbox.store(), Some(named)).await?;
        form.insert("organizationId".to_owned(), json!(organization.id));
    }
    if !args.categories.is_empty() {
        form.insert("categories".to_owned(), json!(args.categories));
    }
    if let Some(seed) = args.seed {
        form.insert("seed".to_owned(), json!(seed));
    }
    Ok(Some(Value::Object(form)))
}

fn line(state: &Value) -> String {
    let made = HumanCount(state.get("made").and_then(Value::as_u64).unwrap_or_default());
    let next = text(state, "next");
    if next.is_empty() {
        return format!("Nothing comes in; {made} were made.");
    }
    let categories = state.get("categories").and_then(Value::as_array).into_iter().flatten();
    let categories: Vec<&str> = categories.filter_map(Value::as_str).collect();
    format!(
        "Every {} for {}: {}; {made} were made, the next one comes {next}.",
        text(state, "every"),
        text(state, "organizationId"),
        categories.join(", "),
    )
}
