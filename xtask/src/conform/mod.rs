//! The conformance runner, judged: our own server keeps every rule, and every one of many broken behaviours that a proxy
//! puts in front of it is noticed.
//!
//! The runner is the program `liaison conform`, as users run it. The server calls itself by the proxy's address, so that
//! the links in its answers lead through the proxy too.

pub(crate) mod connectors;
mod mutations;
mod proxy;

use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use self::{
    mutations::{MUTATIONS, Mutation},
    proxy::Proxy,
};
use crate::{
    server::{Kind, Server, Setup},
    workspace::{Scratch, Workspace},
};

/// What is broken on purpose is noticed in at least so many ways.
const MUTATIONS_MIN: usize = 20;

/// Has the server keep every rule. On SQLite the runner is judged too: what is broken does not depend on the database.
pub(crate) fn check(workspace: &Workspace, liaison: &Path, database_url: Option<String>) -> Result<()> {
    let database = if database_url.is_some() { "postgres" } else { "sqlite" };
    let scratch = workspace.scratch("conform")?;
    let ground = Ground::prepare(scratch, liaison, database_url)?;
    println!("== playing every scenario of the contract on {database}");
    let report = ground.play(&["--sandbox"], &[])?;
    ensure_whole(&report)?;
    if let Some(proxy) = &ground.proxy {
        println!("== playing the scenarios against broken servers");
        ensure!(MUTATIONS.len() >= MUTATIONS_MIN, "there are too few broken servers");
        MUTATIONS.iter().try_for_each(|it| ground.ensure_noticed(proxy, it))?;
    }
    ground.server.stop()
}

/// Every scenario is played, and every rule is kept, the recommended ones too.
fn ensure_whole(report: &Report) -> Result<()> {
    let total = |name: &str| report.json.pointer(&format!("/total/{name}")).and_then(Value::as_u64);
    let (kept, failed, skipped) = (total("kept"), total("failed"), total("skipped"));
    let is_whole = report.is_success && failed == Some(0) && skipped == Some(0) && kept >= Some(150);
    ensure!(is_whole, "the server does not keep the contract:\n{}", report.text);
    let left = report.json.get("left").and_then(Value::as_array).map_or(0, Vec::len);
    ensure!(left == 0, "the runner left something behind:\n{}", report.text);
    println!("{}", report.text.lines().last().unwrap_or_default());
    println!("== {} scenarios, 100 %", kept.unwrap_or_default());
    Ok(())
}

/// A server, on SQLite behind a proxy, and where the runner writes.
struct Ground {
    server: Server,
    proxy: Option<Proxy>,
    /// Where the runner calls.
    url: String,
    liaison: PathBuf,
    parties: PathBuf,
    report: PathBuf,
    /// Removed at the end.
    _scratch: Scratch,
}

/// What the runner said.
struct Report {
    is_success: bool,
    text: String,
    json: Value,
}

impl Ground {
    fn prepare(scratch: Scratch, liaison: &Path, database_url: Option<String>) -> Result<Self> {
        let data = scratch.path().join("data");
        fs::create_dir_all(&data)?;
        let listener = match database_url {
            None => Some(TcpListener::bind("127.0.0.1:0")?),
            Some(_) => None,
        };
        if let Some(listener) = &listener {
            // Found in the working directory, which is the data folder.
            let settings = format!("public_url = \"http://{}\"\n", listener.local_addr()?);
            fs::write(data.join("liaison.toml"), settings)?;
        }
        let program = liaison.to_owned();
        let server =
            Setup { kind: Kind::Liaison, program, data, database_url, has_request_log: true }.start()?;
        let address = server.address()?;
        let proxy = listener.map(|it| Proxy::start(it, address)).transpose()?;
        let ground = Self {
            url: proxy.as_ref().map_or_else(|| server.base_url().to_owned(), Proxy::url),
            parties: scratch.path().join("parties.json"),
            report: scratch.path().join("report.json"),
            server,
            proxy,
            liaison: liaison.to_owned(),
            _scratch: scratch,
        };
        fs::write(&ground.parties, ground.tokens()?.to_string())?;
        Ok(ground)
    }

    /// Says who calls, with tokens: passwords take their time to check.
    fn tokens(&self) -> Result<Value> {
        let token = |arguments: &[&str]| -> Result<Value> {
            Ok(json!({"token": self.server.ask(&[&["token"], arguments].concat())?}))
        };
        Ok(json!({
            "caller": token(&["--organization", "contoso.example"])?,
            "other": token(&["--organization", "fabrikam.example"])?,
            "otherTarget": {"type": "BusinessProfileLocation", "id": "fab00001-0000-4000-8000-000000000001"},
            "partnerCenter": token(&["--organization", "contoso.example", "--audience", "partner-center"])?,
            "solution": "SOL-34104-EBB",
        }))
    }

    /// Runs `liaison conform` through the proxy.
    fn play(&self, who: &[&str], only: &[&str]) -> Result<Report> {
        let mut command = Command::new(&self.liaison);
        command.args(["conform", "--target", &self.url]).args(who).arg("--json").arg(&self.report);
        command.args(only.iter().flat_map(|it| ["--only", it]));
        if self.report.exists() {
            fs::remove_file(&self.report)?;
        }
        let output = command.stdin(Stdio::null()).output().context("liaison conform does not run")?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let Ok(json) = fs::read(&self.report) else {
            bail!("liaison conform wrote no report:\n{text}{}", String::from_utf8_lossy(&output.stderr));
        };
        let json = serde_json::from_slice(&json).context("the report is no JSON")?;
        Ok(Report { is_success: output.status.success(), text, json })
    }

    /// Plays what concerns a broken behaviour: at least one rule must be named.
    fn ensure_noticed(&self, proxy: &Proxy, mutation: &'static Mutation) -> Result<()> {
        let parties = self.parties.to_string_lossy().into_owned();
        let who = ["--parties", parties.as_str(), "--bulk", "--webhooks"];
        proxy.put_on(Some(mutation));
        let report = self.play(&who, mutation.only);
        proxy.put_on(None);
        let report = report?;
        let failed = report.json.get("results").and_then(Value::as_array).into_iter().flatten();
        let failed = failed.filter(|it| it.get("outcome").is_some_and(|it| it == "failed"));
        let rules: Vec<&str> = failed.filter_map(|it| it.get("rule")?.as_str()).collect();
        let Some(first) = rules.first().filter(|_| !report.is_success) else {
            bail!("the runner does not notice that the server {}:\n{}", mutation.what, report.text);
        };
        println!("== noticed that it {}: {first} ({} rules)", mutation.what, rules.len());
        Ok(())
    }
}
