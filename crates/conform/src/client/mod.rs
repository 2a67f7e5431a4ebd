//! A judge of connectors: it brings one into named situations with a sandbox of Liaison, over the sandbox's public
//! interface only, and scores what the sandbox saw it do.
//!
//! ```text
//! Situation ─→ prepare: referrals, faults, clock, webhooks ─→ connector: a program is run, or a person told
//!           ─→ what happens meanwhile ─→ the request log, the referrals ─→ one result for each expectation ─→ Report
//! ```
//!
//! Situations are played one after the other, because clock, faults and the webhook registration belong to all. What
//! was made is closed as Error at the end, faults are taken away, and the registration is put back; the clock stays
//! where it was put. Start at [`run_client()`].

mod connector;
mod log;
mod perform;
mod situation;
mod situations;
mod stage;

use std::{
    cell::Cell,
    future::Future,
    path::PathBuf,
    time::{Duration, Instant},
};

use futures_util::{
    FutureExt as _,
    future::{Either, select as either},
};
use serde_json::Value;
use uuid::Uuid;

pub use self::{
    connector::Connector,
    situation::{Expectation, Situation, Task},
    situations::situations,
};
use self::{situation::Sheet, stage::Stage};
use crate::{
    clear,
    report::{Outcome, Report, Result},
    run::{RunError, open},
    target::{Credentials, Parties, Who},
    wire::get,
};

/// How a connector is judged.
pub struct ClientOptions {
    /// The sandbox, without the path of the API.
    pub base_url: String,
    /// Everybody but the connector: `caller` is a colleague of its in the same organisation, `other` invites them.
    pub parties: Parties,
    /// The id of the connector's organisation.
    pub organization: String,
    /// The `target` that leads to the connector's organisation: `type` and `id`.
    pub target: Value,
    /// The connector's application, whose calls are struck and scored.
    pub application: String,
    /// What the connector signs in with, where the runner gives it that.
    pub credentials: Option<Credentials>,
    /// Who is judged.
    pub connector: Connector,
    /// How long it may take in a situation.
    pub limit: Duration,
    /// Marks everything that is made.
    pub run_id: Uuid,
    /// A file of its own, for what the connector reports.
    pub result_file: PathBuf,
}

/// Keeps the situations of some names; all where there is none.
///
/// # Errors
/// The names that there are not.
pub fn select_situations(
    all: Vec<Situation>,
    names: &[String],
) -> std::result::Result<Vec<Situation>, Vec<String>> {
    let is_there = |name: &&String| all.iter().any(|it| it.name == name.as_str());
    let unknown: Vec<String> = names.iter().filter(|it| !is_there(it)).cloned().collect();
    if !unknown.is_empty() {
        return Err(unknown);
    }
    Ok(all.into_iter().filter(|it| names.is_empty() || names.iter().any(|name| name == it.name)).collect())
}

/// Brings a connector into situations, one after the other, until all are played or `interrupted` ends; then puts away
/// what was made. `say` is told how far it is, a line at a time.
///
/// # Errors
/// Where nothing can be played at all.
pub async fn run_client(
    options: ClientOptions,
    situations: Vec<Situation>,
    say: &dyn Fn(&str),
    interrupted: impl Future<Output = ()>,
) -> std::result::Result<Report, RunError> {
    let began = Instant::now();
    let play = open(&options.base_url, &options.parties, options.run_id, None).await?;
    let clock = play.send(get("/sandbox/clock").by(Who::Nobody)).await;
    if clock.status != 200 {
        return Err(RunError::NoSandbox(play.run().base_url.clone()));
    }
    let log = play.send(get("/sandbox/requests?limit=1").by(Who::Nobody)).await;
    if log.status != 200 {
        return Err(RunError::NoLog(play.run().base_url.clone()));
    }
    let stage = Stage::new(play, options, say);
    let is_interrupted = Cell::new(false);
    let mut results = Vec::new();
    {
        let playing = Box::pin(async {
            for situation in &situations {
                if is_interrupted.get() {
                    let reason = "the run was interrupted";
                    results.extend(Sheet::default().results(situation, reason, 0));
                    continue;
                }
                results.extend(attempt(&stage, situation, say).await);
            }
        });
        if let Either::Right((_, playing)) = either(playing, interrupted.boxed_local()).await {
            is_interrupted.set(true);
            playing.await;
        }
    }
    stage.put_back().await;
    let left = clear::clear(stage.play()).await;
    Ok(Report {
        base_url: stage.play().run().base_url.clone(),
        tag: stage.play().tag().to_owned(),
        is_interrupted: is_interrupted.get(),
        millis: began.elapsed().as_millis(),
        made: stage.play().run().made.borrow().len(),
        left,
        results,
    })
}

async fn attempt(stage: &Stage<'_>, situation: &Situation, say: &dyn Fn(&str)) -> Vec<Result> {
    let began = Instant::now();
    say(&format!("{}: {}", situation.name, situation.about));
    let sheet = Sheet::default();
    let played = match stage.begin(situation).await {
        Ok(()) => situation.act.run(stage, &sheet).await,
        Err(failure) => Err(failure),
    };
    stage.clear_faults().await;
    if let Err(failure) = played {
        sheet.fail_first(situation, *failure);
    }
    let results = sheet.results(situation, "it did not come to that", began.elapsed().as_millis());
    let met = results.iter().filter(|it| matches!(it.outcome, Outcome::Kept)).count();
    let failed: Vec<&str> =
        results.iter().filter(|it| matches!(it.outcome, Outcome::Failed(_))).map(|it| it.name).collect();
    let failed = if failed.is_empty() { String::new() } else { format!("; not met: {}", failed.join(", ")) };
    say(&format!("  met {met} of {}{failed}", results.len()));
    results
}
