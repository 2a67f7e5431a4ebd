//! `liaison log`: the last calls of applications, as the running server remembers them.
//!
//! In a sandbox everybody's calls are printed; elsewhere those of one organisation, asked for on behalf of one of its
//! people. What is masked is the server's decision.

use std::{collections::HashSet, io::Write as _, path::Path, path::PathBuf, time::Duration};

use anyhow::Context as _;
use clap::Args;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::sleep;
use url::form_urlencoded;

use super::{
    caller::{ApiCaller, SandboxCaller},
    out, token,
};
use crate::{config::Config, sandbox::seed};

const OWN: &str = "/v1.0/engagements/requests";
const EVERYBODYS: &str = "/sandbox/requests";
/// The code and the rule of what a fault did.
const FAULT: &str = "fault";

/// How often is asked whether there is more.
const LOOK_EVERY: Duration = Duration::from_millis(500);

#[derive(Debug, Args)]
pub(super) struct LogArgs {
    /// Print further calls as they come
    #[arg(long, short)]
    follow: bool,
    /// Write an HTTP Archive (HAR 1.2) with headers and bodies
    #[arg(long, value_name = "FILE")]
    har: Option<PathBuf>,
    /// Calls of this organization: id, domain or name [default: everybody's in a sandbox, else the only one]
    #[arg(long)]
    organization: Option<String>,
    /// Who asks, where the server is no sandbox: e-mail, id or role
    #[arg(long, default_value = "referrals-admin")]
    user: String,
    /// Calls of this application
    #[arg(long, value_name = "ID")]
    application: Option<String>,
    /// How many of the calls that were made before
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
    /// Print JSON, one call a line
    #[arg(long)]
    json: bool,
}

/// Where the log is read.
enum Source {
    Sandbox(Box<SandboxCaller>, Option<String>),
    Server(Box<ApiCaller>),
}

/// Prints calls; with `--follow`, until it is told to stop.
pub(super) async fn run(args: &LogArgs, config: &Config) -> anyhow::Result<()> {
    let source = Source::find(args, config).await?;
    let mut last = None;
    let mut archive = None;
    loop {
        match source.fetch(args, last.as_deref(), None).await {
            Ok(page) => {
                if let Some(path) = &args.har {
                    let har = source.fetch(args, last.as_deref(), Some("har")).await?;
                    write_archive(path, &mut archive, har)?;
                }
                print(&page, last.is_some(), args.json)?;
                let newest = page.pointer("/value").and_then(Value::as_array).and_then(|it| it.last());
                last = newest.and_then(id).map(str::to_owned).or(last);
            }
            // A server that is started again is followed again.
            Err(error) if args.follow && last.is_some() => {
                writeln!(std::io::stderr(), "{error:#}; trying again")?;
                sleep(LOOK_EVERY).await;
            }
            Err(error) => return Err(error),
        }
        if !args.follow {
            return Ok(());
        }
        sleep(LOOK_EVERY).await;
    }
}

impl Source {
    async fn find(args: &LogArgs, config: &Config) -> anyhow::Result<Self> {
        let sandbox = SandboxCaller::find(config).await?;
        let store = sandbox.store();
        // The data may be a sandbox's, and the server not be started as one.
        let probe = format!("{EVERYBODYS}?limit=1");
        let serves = seed::is_sandbox(store).await? && sandbox.ask(Method::GET, &probe, None).await.is_ok();
        if !serves {
            let caller = ApiCaller::find(config, args.organization.as_deref(), &args.user).await?;
            return Ok(Self::Server(Box::new(caller)));
        }
        let organization = match &args.organization {
            Some(wanted) => Some(token::choose_organization(store, Some(wanted)).await?.id.to_string()),
            None => None,
        };
        Ok(Self::Sandbox(Box::new(sandbox), organization))
    }

    async fn fetch(
        &self,
        args: &LogArgs,
        after: Option<&str>,
        format: Option<&str>,
    ) -> anyhow::Result<Value> {
        let organization = match self {
            Self::Sandbox(_, organization) => organization.as_deref(),
            Self::Server(_) => None,
        };
        let limit = args.limit.to_string();
        let options = [
            ("limit", Some(limit.as_str())),
            ("after", after),
            ("application", args.application.as_deref()),
            ("organization", organization),
            ("format", format),
        ];
        let sent = options.into_iter().filter_map(|(name, value)| Some((name, value?)));
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(sent).finish();
        match self {
            Self::Sandbox(caller, _) => caller.ask(Method::GET, &format!("{EVERYBODYS}?{query}"), None).await,
            Self::Server(caller) => caller.call(Method::GET, &format!("{OWN}?{query}"), None).await,
        }
    }
}

/// Adds the entries of `more` to what was written before, and writes the file anew, so that it is whole at any time.
fn write_archive(path: &Path, archive: &mut Option<Value>, more: Value) -> anyhow::Result<()> {
    let entries =
        |it: &Value| it.pointer("/log/entries").and_then(Value::as_array).cloned().unwrap_or_default();
    let new = entries(&more);
    if new.is_empty() && archive.is_some() {
        return Ok(());
    }
    let archive = archive.get_or_insert_with(|| {
        let mut empty = more;
        if let Some(entries) = empty.pointer_mut("/log/entries") {
            *entries = json!([]);
        }
        empty
    });
    if let Some(all) = archive.pointer_mut("/log/entries").and_then(Value::as_array_mut) {
        // The two answers of a look may overlap.
        let known: HashSet<String> = all.iter().map(request_id).collect();
        all.extend(new.into_iter().filter(|it| !known.contains(&request_id(it))));
    }
    std::fs::write(path, archive.to_string()).with_context(|| format!("{} cannot be written", path.display()))
}

fn print(page: &Value, goes_on: bool, is_json: bool) -> anyhow::Result<()> {
    let calls = page.get("value").and_then(Value::as_array).context("the server's answer has no list")?;
    let mut out = out();
    if goes_on && page.get("hasGap") == Some(&Value::Bool(true)) {
        writeln!(std::io::stderr(), "More calls came than the server keeps: some are missing here.")?;
    }
    for call in calls {
        match is_json {
            true => writeln!(out, "{call}")?,
            false => write!(out, "{}", lines(call))?,
        }
    }
    out.flush()?;
    Ok(())
}

fn request_id(entry: &Value) -> String {
    entry.get("_requestId").unwrap_or_default().to_string()
}

fn id(call: &Value) -> Option<&str> {
    call.get("id").and_then(Value::as_str)
}

/// Returns a call for people: what was asked and answered, and below it why it was refused, and what to do.
fn lines(call: &Value) -> String {
    let text = |pointer: &str| call.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let time = text("/at").split_once('T').map_or("", |(_, it)| it.get(..12).unwrap_or(it));
    let status = call.get("status").and_then(Value::as_u64).unwrap_or_default();
    let took = call.get("durationMs").and_then(Value::as_f64).unwrap_or_default();
    let mut lines = format!("{time:12} {status} {:6} {}  {took:.1} ms\n", text("/method"), text("/url"));
    if !text("/fault").is_empty() {
        lines.push_str(&format!("{:17}fault {}\n", "", text("/fault")));
    }
    let code = text("/decided/code");
    if !code.is_empty() && code != FAULT {
        let rule = match text("/decided/rule") {
            "" | FAULT => String::new(),
            rule => format!(" ({rule})"),
        };
        // The message of a body's problem begins with its place.
        let target = Some(text("/decided/target")).filter(|it| !it.is_empty() && !it.starts_with('/'));
        let target = target.map(|it| format!(" {it}")).unwrap_or_default();
        lines.push_str(&format!("{:17}{code}{rule}{target}: {}\n", "", text("/decided/message")));
    }
    if call.get("mend").is_some() {
        lines.push_str(&format!("{:17}→ {} ({})\n", "", text("/mend/advice"), text("/mend/see")));
    }
    lines
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{lines, write_archive};

    #[test]
    fn a_refused_call_says_why_and_what_to_do() {
        let call = json!({
            "at": "2026-11-22T09:30:00.1234567Z", "method": "POST", "url": "/v1.0/x", "status": 400, "durationMs": 1.25,
            "decided": {"code": "invalidValue", "rule": "vocabulary", "target": "/type", "message": "/type: no"},
            "mend": {"advice": "send another", "see": "API.md#errors"},
        });

        assert_eq!(
            lines(&call),
            "09:30:00.123 400 POST   /v1.0/x  1.2 ms\n                 invalidValue (vocabulary): /type: no\n\
             \u{20}                → send another (API.md#errors)\n"
        );
    }

    #[test]
    fn an_archive_grows_and_is_whole_at_any_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.har");
        let mut archive = None;
        for number in [1, 2] {
            let more =
                json!({"log": {"version": "1.2", "entries": [{"_requestId": 0}, {"_requestId": number}]}});

            write_archive(&path, &mut archive, more).unwrap();

            let written: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
            assert_eq!(written["log"]["entries"].as_array().unwrap().len(), number + 1);
        }
    }
}
