//! The judge of connectors, judged: a careful connector meets every expectation, and each virtue that a careless one
//! lacks is missed by name.
//!
//! The runner is the program `liaison conform --client`, as users run it; the connector is `xtask/connector.py`.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
};

use anyhow::{Context, Result, anyhow, bail, ensure};
use serde_json::Value;

use crate::{
    server::{Kind, Server, Setup},
    workspace::{Scratch, Workspace},
};

/// A second page takes fewer deals then.
const PAGE_SIZE: (&str, &str) = ("LIAISON__QUERIES__PAGE_SIZE_MAX", "20");

/// The connector lacks one virtue at least in every situation, and this is how it is noticed.
const MISSED: [&str; 25] = [
    "plain-if-match",
    "plain-user-agent",
    "plain-correlation",
    "conflict-keeps-other",
    "unknown-kept",
    "foreign-makes-none",
    "token-new",
    "throttled-waits",
    "throttled-id",
    "unavailable-waits",
    "server-error-pauses",
    "server-error-grows",
    "outage-bounded",
    "cut-answer-one",
    "half-answer-one",
    "slow-answer-one",
    "bad-request-stops",
    "duplicate-once",
    "reordered-leaves",
    "bad-signature-refused",
    "wrong-certificate-refused",
    "pages-links",
    "pages-whole",
    "missed-webhook-found",
    "expiry-stops",
];

/// Situations in which it matters that a whole document is written.
const WHOLE: [&str; 6] = ["--situation", "plain", "--situation", "conflict", "--situation", "unknown"];

/// Judges the connector, careful and careless at the same time, on a sandbox each.
pub(crate) fn check(workspace: &Workspace, python: &Path, liaison: &Path) -> Result<()> {
    println!("== the judge of connectors, with a careful one and a careless one");
    let script = workspace.root.join("xtask/connector.py");
    let ground = |name: &str| Ground::prepare(workspace.scratch(name)?, liaison, python, &script);
    let (first, second) = (ground("connector-careful")?, ground("connector-careless")?);
    thread::scope(|scope| {
        let careless = scope.spawn(|| second.ensure_missed());
        let careful = first.ensure_met();
        careful.and(careless.join().unwrap_or_else(|_| Err(anyhow!("the careless connector's run panicked"))))
    })?;
    first.server.stop()?;
    second.server.stop()
}

/// A sandbox, and what is run against it.
struct Ground {
    server: Server,
    liaison: PathBuf,
    connector: [PathBuf; 2],
    scratch: Scratch,
}

/// What the runner said.
struct Report {
    is_success: bool,
    text: String,
    kept: BTreeSet<String>,
    failed: BTreeSet<String>,
    skipped: BTreeSet<String>,
}

impl Ground {
    fn prepare(scratch: Scratch, liaison: &Path, python: &Path, script: &Path) -> Result<Self> {
        let setup = Setup {
            kind: Kind::Liaison,
            program: liaison.to_owned(),
            data: scratch.path().join("data"),
            database_url: None,
            has_request_log: true,
        };
        let server = setup.start_with(&[(PAGE_SIZE.0, PAGE_SIZE.1.to_owned())])?;
        let connector = [python.to_owned(), script.to_owned()];
        Ok(Self { server, liaison: liaison.to_owned(), connector, scratch })
    }

    /// Everything is met, whichever way the connector writes. What only the other way can show is skipped.
    fn ensure_met(&self) -> Result<()> {
        let patching = self.play(&[], &[])?;
        let putting = self.play(&WHOLE, &["--put"])?;
        for report in [&patching, &putting] {
            let is_whole = report.is_success && report.failed.is_empty();
            ensure!(is_whole, "the careful connector does not meet every expectation:\n{}", report.text);
        }
        let unseen: Vec<_> = patching.skipped.difference(&putting.kept).collect();
        ensure!(unseen.is_empty(), "nothing was seen of {unseen:?}:\n{}", patching.text);
        println!(
            "== the careful connector: {} expectations, 100 %",
            patching.kept.union(&putting.kept).count()
        );
        Ok(())
    }

    /// Each virtue that is lacking is missed.
    fn ensure_missed(&self) -> Result<()> {
        let report = self.play(&[], &["--put", "--careless", "each"])?;
        let unnoticed: Vec<_> = MISSED.iter().filter(|it| !report.failed.contains(**it)).collect();
        let is_noticed = unnoticed.is_empty() && !report.is_success;
        ensure!(is_noticed, "it is not noticed that the connector lacks {unnoticed:?}:\n{}", report.text);
        let words = self.play(&["--situation", "unknown"], &["--careless", "words"])?;
        let is_noticed = words.failed.contains("unknown-done") && !words.is_success;
        ensure!(is_noticed, "it is not noticed that a new word stops the connector:\n{}", words.text);
        println!("== noticed of the careless connector: {}", MISSED.join(", "));
        Ok(())
    }

    /// Runs `liaison conform --client`.
    fn play(&self, options: &[&str], virtues: &[&str]) -> Result<Report> {
        let file = self.scratch.path().join("report.json");
        let mut command = Command::new(&self.liaison);
        command.args(["conform", "--client", "--target", self.server.base_url(), "--json"]).arg(&file);
        command.args(options).arg("--").args(&self.connector).args(virtues);
        command.current_dir(self.scratch.path()).env("PYTHONDONTWRITEBYTECODE", "1");
        let output = command.stdin(Stdio::null()).output().context("liaison conform does not run")?;
        let text =
            format!("{}{}", String::from_utf8_lossy(&output.stderr), String::from_utf8_lossy(&output.stdout));
        let Ok(json) = fs::read(&file) else { bail!("liaison conform wrote no report:\n{text}") };
        fs::remove_file(&file)?;
        let json: Value = serde_json::from_slice(&json).context("the report is no JSON")?;
        let with = |outcome: &str| -> BTreeSet<String> {
            let results = json.get("results").and_then(Value::as_array).into_iter().flatten();
            let results = results.filter(|it| it.get("outcome").is_some_and(|it| it == outcome));
            results.filter_map(|it| Some(it.get("name")?.as_str()?.to_owned())).collect()
        };
        let (kept, failed, skipped) = (with("kept"), with("failed"), with("skipped"));
        Ok(Report { is_success: output.status.success(), text, kept, failed, skipped })
    }
}
