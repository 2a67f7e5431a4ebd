//! `cargo xtask bench`: the server beside a minimal one and one that only answers, under the same load; `list` and
//! `webhooks` are told in their own files.
//!
//! Each server runs alone, in alternating rounds, from an empty folder and an empty database; the table
//! shows medians. Processor time per request is the number to read: it does not depend on what else the
//! machine does, or on how much of it the load generator takes.

pub(crate) mod list;
pub(crate) mod webhooks;

use std::{
    os::unix::process::CommandExt,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use clap::{Args, Subcommand, ValueEnum};
use http::StatusCode;

use crate::{
    load::{self, Outcome, Plan, Stop, judge_success},
    machine,
    postgres::{Durability, Postgres},
    process,
    report::{median, print_table},
    server::{CREATE_REQUEST, Client, Kind, Server, Setup, find_id},
    workspace::{Profile, Workspace},
};

/// How often each server is measured.
const ROUNDS: usize = 3;

/// Requests before each measurement, so that caches are warm and connections to the database are open.
const WARM_UP: u64 = 500;

/// Referrals that `get` reads.
const REFERRALS_READ: u64 = 5_000;

/// What to measure.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// POST of the fixture
    Create(Options),
    /// GET by id
    Get(Options),
    /// Lists of referrals, at several sizes of the database
    List(list::Options),
    /// Pages of the dashboard, beside the list of the same rows
    Pages(list::Options),
    /// Deliveries of webhooks, and what they cost who writes
    Webhooks(webhooks::Options),
}

/// Options of `cargo xtask bench create` and `get`.
#[derive(Args)]
pub(crate) struct Options {
    /// Which database.
    #[arg(long, default_value = "both")]
    database: Database,
    /// Length of one round in seconds.
    #[arg(long, default_value_t = 5, conflicts_with = "requests")]
    seconds: u64,
    /// Sends this many requests in each round instead.
    #[arg(long)]
    requests: Option<u64>,
    /// Number of connections, each with one request in flight.
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// Which servers.
    #[arg(long, value_delimiter = ',', default_values = ["liaison", "minimal", "bare"])]
    servers: Vec<Subject>,
    /// Afterwards runs `run_all.sh` of this folder, which measures other programs.
    #[arg(long)]
    peers: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Operation {
    Create,
    Get,
}

/// Which databases to run on.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Database {
    /// The embedded database.
    Sqlite,
    /// A throwaway cluster with `fsync` on.
    Postgres,
    /// One after the other.
    Both,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Subject {
    Liaison,
    Minimal,
    Bare,
}

/// One server in one round.
struct Round {
    requests_per_second: f64,
    p50_micros: f64,
    p99_micros: f64,
    cpu_micros: f64,
    database_cpu_micros: f64,
    peak_bytes: f64,
    resident_bytes: f64,
    answers: u64,
}

impl Database {
    /// Returns whether SQLite, PostgreSQL or both are meant, as single choices.
    pub(crate) fn each(self) -> &'static [Self] {
        match self {
            Self::Sqlite => &[Self::Sqlite],
            Self::Postgres => &[Self::Postgres],
            Self::Both => &[Self::Sqlite, Self::Postgres],
        }
    }

    /// Returns the name that reports use.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
            Self::Both => "both",
        }
    }
}

impl Subject {
    fn kind(self) -> Kind {
        match self {
            Self::Liaison => Kind::Liaison,
            Self::Minimal => Kind::Minimal,
            Self::Bare => Kind::Bare,
        }
    }
}

/// Measures, and prints a table per database.
pub(crate) fn run(command: &Command) -> Result<()> {
    let workspace = Workspace::find()?;
    let is_for_real = match command {
        Command::Create(_) | Command::Get(_) => true,
        Command::List(options) | Command::Pages(options) => !options.is_trial(),
        Command::Webhooks(options) => !options.is_trial(),
    };
    if cfg!(debug_assertions) && is_for_real {
        return run_release(&workspace);
    }
    println!("machine: {}", machine::describe()?);
    match command {
        Command::Create(options) => run_points(&workspace, Operation::Create, options),
        Command::Get(options) => run_points(&workspace, Operation::Get, options),
        Command::List(options) => list::run(&workspace, options),
        Command::Pages(options) => list::pages::run(&workspace, options),
        Command::Webhooks(options) => webhooks::run(&workspace, options),
    }
}

fn run_points(workspace: &Workspace, operation: Operation, options: &Options) -> Result<()> {
    for &database in options.database.each() {
        measure_on(workspace, operation, options, database)?;
    }
    if let Some(folder) = &options.peers {
        let mut command = std::process::Command::new("bash");
        process::run("measuring other programs", command.arg("run_all.sh").current_dir(folder))?;
    }
    Ok(())
}

/// Builds everything with optimisations and becomes the optimised build of this program.
fn run_release(workspace: &Workspace) -> Result<()> {
    workspace.build(Profile::Release)?;
    let error = std::process::Command::new(workspace.binary("xtask", Profile::Release)?)
        .args(std::env::args_os().skip(1))
        .exec();
    Err(error).context("cannot run the optimised build of xtask")
}

fn measure_on(
    workspace: &Workspace,
    operation: Operation,
    options: &Options,
    database: Database,
) -> Result<()> {
    let postgres = match database {
        Database::Postgres => Some(Postgres::start(workspace, Durability::On)?),
        Database::Sqlite | Database::Both => None,
    };
    let scratch = workspace.scratch("disk")?;
    let durable = machine::durable_writes_per_second(scratch.path())?;
    println!(
        "\n{}: {} over {} connections",
        options.describe(operation),
        database.name(),
        options.connections
    );
    println!("this disk: {durable:.0} durable writes of 4 KiB a second, one after another");
    let mut results: Vec<(Subject, Vec<Round>)> =
        options.servers.iter().map(|&it| (it, Vec::new())).collect();
    for number in 0..ROUNDS {
        for (subject, rounds) in &mut results {
            let name = format!("bench_{}_{number}", subject.kind().name());
            let round = measure_once(workspace, operation, options, subject.kind(), postgres.as_ref(), &name);
            let round =
                round.with_context(|| format!("round {} of {}", number + 1, subject.kind().name()))?;
            eprintln!(
                "  round {} {}: {:.0} requests/s",
                number + 1,
                subject.kind().name(),
                round.requests_per_second
            );
            rounds.push(round);
        }
    }
    print_results(&results);
    Ok(())
}

impl Options {
    fn describe(&self, operation: Operation) -> String {
        let operation = match operation {
            Operation::Create => "create",
            Operation::Get => "get",
        };
        match self.requests {
            Some(requests) => format!("{operation}, {ROUNDS} rounds of {requests} requests"),
            None => format!("{operation}, {ROUNDS} rounds of {} s", self.seconds),
        }
    }
}

/// Starts one server on empty data, loads it, and reads what it cost.
fn measure_once(
    workspace: &Workspace,
    operation: Operation,
    options: &Options,
    kind: Kind,
    postgres: Option<&Postgres>,
    name: &str,
) -> Result<Round> {
    let scratch = workspace.scratch(name)?;
    let program = match kind {
        Kind::Liaison => "liaison",
        Kind::Minimal | Kind::Eager | Kind::Bare => "xtask",
    };
    let setup = Setup {
        kind,
        program: workspace.binary(program, Profile::Release)?,
        data: scratch.path().to_owned(),
        database_url: postgres.map(|it| it.create_database(name)).transpose()?,
        has_request_log: false,
    };
    let server = setup.start()?;
    let client = Arc::new(Client::new(&server)?);
    let plan = match operation {
        Operation::Create => plan_create(options, &server, client)?,
        Operation::Get => plan_get(options, &server, client)?,
    };
    load::run(Plan { stop: Stop::Count(WARM_UP), ..plan.clone() })?.ensure_clean()?;
    let round = measure(&server, postgres, plan)?;
    server.stop()?;
    Ok(round)
}

fn plan_create(options: &Options, server: &Server, client: Arc<Client>) -> Result<Plan> {
    let body = Bytes::from_static(CREATE_REQUEST.as_bytes());
    Ok(Plan {
        address: server.address()?,
        connections: options.connections,
        stop: options.requests.map_or(Stop::After(Duration::from_secs(options.seconds)), Stop::Count),
        make: Arc::new(move |_| client.create(body.clone())),
        judge: Arc::new(judge_success),
    })
}

/// Creates what is going to be read, then plans to read it in a scattered order.
fn plan_get(options: &Options, server: &Server, client: Arc<Client>) -> Result<Plan> {
    let ids = Arc::new(Mutex::new(Vec::new()));
    let create = plan_create(options, server, Arc::clone(&client))?;
    let created = Arc::clone(&ids);
    let remember = move |n: u64, status: StatusCode, body: &Bytes| {
        judge_success(n, status, body)?;
        let id = find_id(body).ok_or_else(|| "the answer to a create has no id".to_owned())?;
        created.lock().unwrap_or_else(PoisonError::into_inner).push(id);
        Ok(())
    };
    load::run(Plan { stop: Stop::Count(REFERRALS_READ), judge: Arc::new(remember), ..create.clone() })?
        .ensure_clean()?;
    let ids = std::mem::take(&mut *ids.lock().unwrap_or_else(PoisonError::into_inner));
    ensure!(
        ids.len() as u64 == REFERRALS_READ,
        "only {} of {REFERRALS_READ} creates were answered",
        ids.len()
    );
    let make = move |n: u64| {
        let index = n.wrapping_mul(7919) % REFERRALS_READ;
        client.get(ids.get(index as usize).expect("there are as many ids as referrals to read"))
    };
    Ok(Plan { make: Arc::new(make), ..create })
}

fn measure(server: &Server, postgres: Option<&Postgres>, plan: Plan) -> Result<Round> {
    let database_cpu = || postgres.map_or(Ok(Duration::ZERO), |it| machine::cpu_time_of_family(it.pid()));
    let (cpu, database) = (machine::cpu_time(server.pid())?, database_cpu()?);
    let outcome: Outcome = load::run(plan)?;
    let (cpu, database) = (machine::cpu_time(server.pid())? - cpu, database_cpu()?.saturating_sub(database));
    outcome.ensure_clean()?;
    let memory = machine::memory(server.pid())?;
    let answers = outcome.answers();
    ensure!(answers > 0, "no request was answered");
    Ok(Round {
        requests_per_second: answers as f64 / outcome.elapsed.as_secs_f64(),
        p50_micros: f64::from(outcome.percentile_micros(0.50)),
        p99_micros: f64::from(outcome.percentile_micros(0.99)),
        cpu_micros: cpu.as_micros() as f64 / answers as f64,
        database_cpu_micros: database.as_micros() as f64 / answers as f64,
        peak_bytes: memory.peak as f64,
        resident_bytes: memory.resident as f64,
        answers,
    })
}

fn print_results(results: &[(Subject, Vec<Round>)]) {
    let middle = |subject: Subject, read: fn(&Round) -> f64| {
        results.iter().find(|(it, _)| *it == subject).map(|(_, rounds)| median(rounds.iter().map(read)))
    };
    let ratio = |subject: Subject, read: fn(&Round) -> f64| match (
        middle(subject, read),
        middle(Subject::Minimal, read),
    ) {
        (Some(value), Some(minimal)) if minimal > 0.0 => format!("{:.2}", value / minimal),
        _ => "-".to_owned(),
    };
    let heads = [
        "server",
        "CPU us/req",
        "x minimal",
        "database us/req",
        "req/s",
        "x minimal",
        "p50 ms",
        "p99 ms",
        "peak MB",
        "now MB",
        "x minimal",
        "answers",
    ];
    let mut rows = Vec::new();
    for &(subject, ref rounds) in results {
        let show = |read: fn(&Round) -> f64, unit: f64, decimals: usize| {
            format!("{:.decimals$}", middle(subject, read).unwrap_or_default() / unit)
        };
        rows.push(vec![
            subject.kind().name().to_owned(),
            show(|it| it.cpu_micros, 1.0, 1),
            ratio(subject, |it| it.cpu_micros),
            show(|it| it.database_cpu_micros, 1.0, 1),
            show(|it| it.requests_per_second, 1.0, 0),
            ratio(subject, |it| it.requests_per_second),
            show(|it| it.p50_micros, 1e3, 2),
            show(|it| it.p99_micros, 1e3, 2),
            show(|it| it.peak_bytes, 1e6, 1),
            show(|it| it.resident_bytes, 1e6, 1),
            ratio(subject, |it| it.peak_bytes),
            rounds.iter().map(|it| it.answers).max().unwrap_or_default().to_string(),
        ]);
    }
    print_table(&heads, &rows);
}
