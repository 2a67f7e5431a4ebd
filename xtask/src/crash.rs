//! `cargo xtask crash`: kills the server at random moments and looks for everything that it acknowledged.
//!
//! An answer counts as an acknowledgement once a 2xx has been read to its end. Afterwards each of these
//! referrals must be there under its id and with the name that was sent, and `liaison verify` must find
//! every referral's change, no gap in the log and an unbroken hash chain.
//!
//! `--control` turns the check on itself: against a server that answers before it commits, it must find
//! losses.

use std::{
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use clap::Args;
use http::StatusCode;
use serde_json::Value;

use crate::{
    bench::Database,
    load::{self, Plan, Stop, judge_success},
    postgres::{Durability, Postgres},
    server::{CREATE_REQUEST, Client, Kind, Server, Setup},
    workspace::{Profile, Scratch, Workspace},
};

/// How many of the lost referrals are named.
const LOST_NAMED: usize = 20;

/// Options of `cargo xtask crash`.
#[derive(Args)]
pub(crate) struct Options {
    /// Which database; PostgreSQL itself keeps running.
    #[arg(long, default_value = "both")]
    pub(crate) database: Database,
    /// About how many referrals to create, over all kills.
    #[arg(long, default_value_t = 100_000)]
    pub(crate) creates: u64,
    /// Number of connections, each with one request in flight.
    #[arg(long, default_value_t = 64)]
    pub(crate) connections: usize,
    /// How often the server is killed.
    #[arg(long, default_value_t = 20)]
    pub(crate) kills: u64,
    /// Repeats the random choices of an earlier run, as far as timing allows.
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    /// Checks the check: runs it on a server that answers before it commits, and must find losses.
    #[arg(long)]
    pub(crate) control: bool,
}

/// A referral that the server said it has.
struct Acknowledged {
    id: String,
    name: String,
}

type Ledger = Arc<Mutex<Vec<Acknowledged>>>;

/// Builds the server and runs the check on each database.
pub(crate) fn run(options: &Options) -> Result<()> {
    let workspace = Workspace::find()?;
    let program = if options.control {
        workspace.binary("xtask", Profile::Debug)?
    } else {
        workspace.build(Profile::Debug)?
    };
    options.database.each().iter().try_for_each(|&database| check(&workspace, options, database, &program))
}

/// Runs the check on one database with a server that has been built.
pub(crate) fn check(
    workspace: &Workspace,
    options: &Options,
    database: Database,
    program: &Path,
) -> Result<()> {
    let seed = options.seed.unwrap_or_else(seed_from_clock);
    let title = if options.control { "crash control" } else { "crash check" };
    println!("== {title} on {}: {} kills, seed {seed}", database.name(), options.kills);
    let postgres = match database {
        Database::Postgres => Some(Postgres::start(workspace, Durability::On)?),
        Database::Sqlite | Database::Both => None,
    };
    let mut scratch = workspace.scratch("crash")?;
    let setup = Setup {
        kind: if options.control { Kind::Eager } else { Kind::Liaison },
        program: program.to_owned(),
        data: scratch.path().to_owned(),
        database_url: postgres.as_ref().map(|it| it.create_database("crash")).transpose()?,
        has_request_log: true,
    };
    let result = kill_and_look(options, &setup, seed);
    keep_on_failure(result.is_err(), &mut scratch);
    println!("{}", result.with_context(|| format!("{title} on {}, seed {seed}", database.name()))?);
    Ok(())
}

fn keep_on_failure(is_failure: bool, scratch: &mut Scratch) {
    if is_failure {
        scratch.keep();
    }
}

/// Returns one line about what was found.
fn kill_and_look(options: &Options, setup: &Setup, seed: u64) -> Result<String> {
    let mut random = Random(seed | 1);
    let ledger = Ledger::default();
    kill_while_starting(setup, &mut random)?;
    for kill in 0..options.kills {
        let per_kill = (options.creates / options.kills.max(1)).max(1);
        let target = 1 + random.below(2 * per_kill);
        let pause = Duration::from_micros(random.below(3_000));
        create_until_killed(options, setup, &ledger, &format!("crash {seed} {kill}"), target, pause)?;
    }
    let acknowledged = std::mem::take(&mut *ledger.lock().unwrap_or_else(PoisonError::into_inner));
    let server = setup.start()?;
    let lost = find_lost(options, &server, &acknowledged)?;
    let (count, kills) = (acknowledged.len(), options.kills);
    if options.control {
        ensure!(!lost.is_empty(), "a server that answers before it commits lost nothing in {kills} kills");
        return Ok(format!(
            "the control lost {} of {count} acknowledged referrals, and was caught",
            lost.len()
        ));
    }
    let named = lost.get(..lost.len().min(LOST_NAMED)).unwrap_or_default().join("\n");
    ensure!(lost.is_empty(), "{} of {count} acknowledged referrals are lost:\n{named}", lost.len());
    server.stop()?;
    let verified = verify(setup, count as u64)?;
    Ok(format!("{kills} kills, {count} referrals acknowledged, none lost; verified {verified}"))
}

/// Kills the server twice while it starts on new data: what it finds half made, it must be able to finish.
fn kill_while_starting(setup: &Setup, random: &mut Random) -> Result<()> {
    for _ in 0..2 {
        let mut process = setup.spawn()?;
        thread::sleep(Duration::from_millis(random.below(300)));
        process.kill()?;
    }
    Ok(())
}

/// Starts the server, creates referrals until `target` are acknowledged, and kills it a moment later.
fn create_until_killed(
    options: &Options,
    setup: &Setup,
    ledger: &Ledger,
    prefix: &str,
    target: u64,
    pause: Duration,
) -> Result<()> {
    let mut server = setup.start()?;
    let client = Client::new(&server)?;
    let template: Value = serde_json::from_str(CREATE_REQUEST)?;
    let (answered, ledger) = (Arc::new(AtomicU64::new(0)), Arc::clone(ledger));
    let (counter, prefix) = (Arc::clone(&answered), prefix.to_owned());
    let sent_prefix = prefix.clone();
    let plan = Plan {
        address: server.address()?,
        connections: options.connections,
        stop: Stop::Count(u64::MAX),
        make: Arc::new(move |n| client.create(named_request(&template, &format!("{sent_prefix} {n}")))),
        judge: Arc::new(move |n, status, body| {
            let acknowledged = acknowledge(n, status, body, format!("{prefix} {n}"))?;
            ledger.lock().unwrap_or_else(PoisonError::into_inner).push(acknowledged);
            counter.fetch_add(1, Ordering::Relaxed);
            Ok(())
        }),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let outcome = runtime.block_on(async {
        let mut load = tokio::spawn(load::drive(plan));
        while answered.load(Ordering::Relaxed) < target {
            if let Ok(ended) = tokio::time::timeout(Duration::from_millis(1), &mut load).await {
                server.ensure_running()?;
                bail!("every connection broke before the kill: {}", ended??.failures.join("\n"));
            }
        }
        tokio::time::sleep(pause).await;
        server.kill()?;
        load.await?
    })?;
    ensure!(
        outcome.refused == 0,
        "{} creates were refused:\n{}",
        outcome.refused,
        outcome.failures.join("\n")
    );
    Ok(())
}

/// Reads every acknowledged referral again and returns those that are not there as they were sent.
fn find_lost(options: &Options, server: &Server, acknowledged: &[Acknowledged]) -> Result<Vec<String>> {
    let client = Client::new(server)?;
    let ids: Vec<String> = acknowledged.iter().map(|it| it.id.clone()).collect();
    let names: Vec<String> = acknowledged.iter().map(|it| it.name.clone()).collect();
    let expected: Vec<(String, String)> = ids.iter().cloned().zip(names).collect();
    let lost = Arc::new(Mutex::new(Vec::new()));
    let found_lost = Arc::clone(&lost);
    let plan = Plan {
        address: server.address()?,
        connections: options.connections,
        stop: Stop::Count(ids.len() as u64),
        make: Arc::new(move |n| client.get(ids.get(n as usize).expect("the plan stops at the last id"))),
        judge: Arc::new(move |n, status, body| {
            let (id, name) = expected.get(n as usize).expect("the plan stops at the last id");
            if let Err(reason) = compare(status, body, id, name) {
                let mut lost = found_lost.lock().unwrap_or_else(PoisonError::into_inner);
                lost.push(format!("{id} \"{name}\": {reason}"));
            }
            Ok(())
        }),
    };
    load::run(plan)?.ensure_clean()?;
    let lost = std::mem::take(&mut *lost.lock().unwrap_or_else(PoisonError::into_inner));
    Ok(lost)
}

fn compare(status: StatusCode, body: &Bytes, id: &str, name: &str) -> Result<(), String> {
    if status != StatusCode::OK {
        return Err(format!("answered {status}"));
    }
    let referral: Value = serde_json::from_slice(body).map_err(|error| format!("not JSON: {error}"))?;
    for (member, expected) in [("id", id), ("name", name)] {
        let found = referral.get(member).and_then(Value::as_str);
        if found != Some(expected) {
            return Err(format!("{member} is {found:?}"));
        }
    }
    Ok(())
}

/// Asks `liaison verify`, which fails when the log is not whole, and returns what it counted.
fn verify(setup: &Setup, acknowledged: u64) -> Result<String> {
    let answer = setup.ask(&["verify", "--json"])?;
    let report: Value =
        serde_json::from_str(&answer).with_context(|| format!("liaison verify printed {answer}"))?;
    let count = |member: &str| -> Result<u64> {
        report
            .get(member)
            .and_then(Value::as_u64)
            .with_context(|| format!("liaison verify counts no {member}: {answer}"))
    };
    let (referrals, changes) = (count("referrals")?, count("changes")?);
    ensure!(referrals >= acknowledged, "{referrals} referrals stored, but {acknowledged} acknowledged");
    ensure!(changes >= referrals, "{referrals} referrals stored, but only {changes} changes");
    Ok(format!("{referrals} referrals and {changes} changes"))
}

fn acknowledge(n: u64, status: StatusCode, body: &Bytes, name: String) -> Result<Acknowledged, String> {
    judge_success(n, status, body)?;
    let id = crate::server::find_id(body).ok_or_else(|| "the answer to a create has no id".to_owned())?;
    Ok(Acknowledged { id, name })
}

fn named_request(template: &Value, name: &str) -> Bytes {
    let mut request = template.clone();
    if let Some(member) = request.get_mut("name") {
        *member = name.into();
    }
    request.to_string().into()
}

fn seed_from_clock() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |it| u64::from(it.subsec_nanos()))
}

/// A xorshift generator: enough to pick moments, and repeatable from its seed.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit.max(1)
    }
}
