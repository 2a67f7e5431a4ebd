//! `cargo xtask test`: every test on both databases, then the contract, PATCH, OData, webhook, sink, mail, fault,
//! quick-start, conformance, connector and crash checks on a real server.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use anyhow::{Context, Result, anyhow};
use bytes::Bytes;
use clap::{Args, ValueEnum};

use crate::{
    bench::Database,
    conform, crash,
    judges::{Judges, sink},
    load::{self, Plan, Stop, judge_success},
    postgres::{Durability, Postgres},
    process,
    server::{CREATE_REQUEST, Client, Kind, Server, Setup, find_id},
    tools,
    workspace::{Profile, Scratch, Workspace},
};

/// Where the tests learn of the throwaway PostgreSQL.
const POSTGRES_URL_VARIABLE: &str = "LIAISON_TEST_POSTGRES_URL";

/// How many tests run at once. They wait for PostgreSQL for a good part of their time, so two for each processor do.
const THREADS_VARIABLE: &str = "RUST_TEST_THREADS";
/// More would need more connections than PostgreSQL takes.
const THREADS_MAX: usize = 16;

/// How many requests the contract check makes of each kind for each operation. What answers on PostgreSQL is the same
/// program with other statements beneath it, so fewer will do there.
const CONTRACT_EXAMPLES_MAX: [&str; 2] = ["10", "3"];

/// Options of `cargo xtask test`.
#[derive(Args)]
pub(crate) struct Options {
    /// Runs only the tests whose names contain this, and none of the checks of a real server.
    #[arg(long)]
    filter: Option<String>,
    /// Runs only this check of a real server.
    #[arg(long, conflicts_with = "filter")]
    check: Option<Check>,
}

/// Checks of a real server, in the order in which they are made.
#[derive(Clone, Copy, ValueEnum)]
enum Check {
    /// The OpenAPI description, by schemathesis.
    Contract,
    /// PATCH, by jsonpatch.
    Patches,
    /// Lists and `$metadata`, by OData clients.
    Odata,
    /// Signatures of webhooks, by receivers.
    Webhooks,
    /// What is published to a broker, by its client.
    Sink,
    /// The scenarios of the contract; and broken servers that they must notice.
    Conform,
    /// The judge of connectors, with a careful one and a careless one.
    Connectors,
    /// Mails, by a mail server.
    Mails,
    /// Faults on demand, by clients.
    Faults,
    /// The dashboard, in a browser.
    Pages,
    /// The quick starts of the documentation.
    Quickstarts,
}

/// Installs what is missing, then runs everything; the first failure ends it.
pub(crate) fn run(options: &Options) -> Result<()> {
    let workspace = Workspace::find()?;
    let postgres = Postgres::start(&workspace, Durability::Off)?;
    println!("== a throwaway PostgreSQL is running for the tests");
    if let Some(check) = options.check {
        let liaison = workspace.build(Profile::Debug)?;
        return Tools::find(&workspace)?.check(&liaison, &postgres, &[check]);
    }
    let mut tests = workspace.cargo();
    tests.args(["test", "--workspace", "--locked"]).env(POSTGRES_URL_VARIABLE, postgres.url());
    if env::var_os(THREADS_VARIABLE).is_none() {
        let threads = (thread::available_parallelism()?.get() * 2).min(THREADS_MAX);
        tests.env(THREADS_VARIABLE, threads.to_string());
    }
    if let Some(filter) = &options.filter {
        process::run("running tests that match the filter", tests.arg("--").arg(filter))?;
        println!("== filtered: the checks of a real server were not run");
        return Ok(());
    }
    let tools = Tools::find(&workspace)?;
    process::run("running the tests", &mut tests)?;
    // The tests have built both programs, with the same features.
    let liaison = workspace.binary("liaison", Profile::Debug)?;
    tools.check(&liaison, &postgres, Check::value_variants())?;
    check_crashes(&workspace, &liaison)
}

/// What the checks of a real server need.
struct Tools<'a> {
    workspace: &'a Workspace,
    schemathesis: PathBuf,
    jsonpatch_python: PathBuf,
    judges: Judges,
}

impl<'a> Tools<'a> {
    fn find(workspace: &'a Workspace) -> Result<Self> {
        Ok(Self {
            workspace,
            schemathesis: tools::schemathesis(workspace)?,
            jsonpatch_python: tools::python_with_jsonpatch(workspace)?,
            judges: Judges::find(workspace)?,
        })
    }

    /// Makes checks on both databases at once: most keep one processor busy at a time.
    fn check(&self, liaison: &Path, postgres: &Postgres, checks: &[Check]) -> Result<()> {
        let on = |postgres| checks.iter().try_for_each(|it| self.check_one(liaison, postgres, *it));
        thread::scope(|scope| {
            let on_postgres = scope.spawn(|| on(Some(postgres)));
            let on_sqlite = on(None);
            on_sqlite
                .and(on_postgres.join().unwrap_or_else(|_| Err(anyhow!("the checks on PostgreSQL panicked"))))
        })
    }

    fn check_one(&self, liaison: &Path, postgres: Option<&Postgres>, check: Check) -> Result<()> {
        let Self { workspace, judges, .. } = self;
        let database = |name: &str| postgres.map(|it| it.create_database(name)).transpose();
        match check {
            Check::Contract => check_contract(workspace, &self.schemathesis, liaison, database("contract")?),
            Check::Patches => check_patches(workspace, &self.jsonpatch_python, liaison, database("patches")?),
            Check::Odata => check_odata(workspace, judges, liaison, database("odata")?),
            Check::Webhooks => check_webhooks(workspace, judges, liaison, database("webhooks")?),
            Check::Sink => check_sink(workspace, judges, liaison, database("sink")?),
            Check::Conform => conform::check(workspace, liaison, database("conform")?),
            // On SQLite only: what a connector does with an answer does not depend on the database behind it.
            Check::Connectors if postgres.is_none() => judges.check_connectors(workspace, liaison),
            Check::Connectors => Ok(()),
            Check::Mails => check_mails(workspace, judges, liaison, database("mails")?),
            Check::Faults => check_faults(workspace, judges, liaison, database("faults")?),
            Check::Pages => check_pages(workspace, judges, liaison, database("pages")?),
            // Once, on SQLite, while broken servers are noticed beside it: what they say holds for any database.
            Check::Quickstarts if postgres.is_some() => judges.check_quickstarts(workspace, liaison),
            Check::Quickstarts => Ok(()),
        }
    }
}

/// Sends what the OpenAPI document allows, and what it does not, to a real server.
fn check_contract(
    workspace: &Workspace,
    schemathesis: &Path,
    liaison: &Path,
    database_url: Option<String>,
) -> Result<()> {
    let database = name_of(database_url.as_ref());
    let [on_sqlite, on_postgres] = CONTRACT_EXAMPLES_MAX;
    let examples_max = if database_url.is_some() { on_postgres } else { on_sqlite };
    let scratch = workspace.scratch("contract")?;
    let server = start(&scratch, liaison, database_url)?;
    // One that is moved through its life, and one that can be changed all the time.
    let (moved, changed) = (check_first_referral(&server)?, check_first_referral(&server)?);
    let config = format!(
        r#"
# A version that has gone is refused before the body is looked at.
[checks.negative_data_rejection]
expected-statuses = [400, 401, 403, 404, 405, 406, 409, 412, 415, 422, 428, 429, "5xx"]

# What it infers from addresses in answers leads to operations that have no such parameter.
[phases.stateful.inference]
algorithms = ["dependency-analysis"]

[[operations]]
include-path-regex = '/referrals/\{{id\}}/\{{action\}}'
parameters = {{ "path.id" = "{moved}" }}

[[operations]]
include-path-regex = '/referrals/\{{id\}}(/[a-z]+)?$'
parameters = {{ "path.id" = "{changed}" }}
"#
    );
    fs::write(scratch.path().join("schemathesis.toml"), config)?;
    let mut command = Command::new(schemathesis);
    command
        // Whatever it leaves behind goes with the folder.
        .current_dir(scratch.path())
        .arg("--no-color")
        .args(["run", &format!("{}/openapi.json", server.base_url())])
        .args(["--header", &format!("Authorization: Bearer {}", server.token()?)])
        .args([
            "--checks",
            "all",
            // What a schema cannot say (ISO codes, parties, consent) is refused with 400, as documented.
            "--exclude-checks",
            "positive_data_acceptance",
            // How long it takes to make up a referral says nothing about the server.
            "--suppress-health-check",
            "all",
            "--max-examples",
            examples_max,
            "--workers",
            "1",
        ])
        .arg("--generation-deterministic")
        // Its token would not survive that, nor would the data.
        .args(["--exclude-path-regex", "^/sandbox/"])
        // Its answer has no end.
        .args(["--exclude-path", "/v1.0/engagements/referrals/changes/stream"])
        .args(["--request-timeout", "20"]);
    process::run(&format!("checking the contract on {database}"), &mut command)?;
    server.stop()
}

/// Has random patches applied by a real server and by somebody else's implementation of JSON Patch.
fn check_patches(
    workspace: &Workspace,
    python: &Path,
    liaison: &Path,
    database_url: Option<String>,
) -> Result<()> {
    let database = name_of(database_url.as_ref());
    let scratch = workspace.scratch("patches")?;
    let server = start(&scratch, liaison, database_url)?;
    let mut command = Command::new(python);
    command
        // No compiled copies beside the sources.
        .arg("-B")
        .arg(workspace.root.join("xtask/patches.py"))
        .arg(server.base_url())
        .arg(workspace.root.join("tests/data/create-shared.request.json"))
        .env("LIAISON_TOKEN", server.token()?);
    process::run(&format!("comparing PATCH with jsonpatch on {database}"), &mut command)?;
    server.stop()
}

/// Has a real server judged by other people's OData tools.
fn check_odata(
    workspace: &Workspace,
    judges: &Judges,
    liaison: &Path,
    database_url: Option<String>,
) -> Result<()> {
    println!("== OData on {}", name_of(database_url.as_ref()));
    let scratch = workspace.scratch("odata")?;
    let server = start(&scratch, liaison, database_url)?;
    judges.check_metadata(&server, scratch.path())?;
    judges.check_clients(&server, scratch.path())?;
    server.stop()
}

/// Has what a real server's keys sign verified by receivers that other people wrote.
fn check_webhooks(
    workspace: &Workspace,
    judges: &Judges,
    liaison: &Path,
    database_url: Option<String>,
) -> Result<()> {
    println!("== webhooks on {}", name_of(database_url.as_ref()));
    let scratch = workspace.scratch("webhooks")?;
    let server = start(&scratch, liaison, database_url)?;
    judges.check_receivers(&server, scratch.path())?;
    server.stop()
}

/// Has what a real server publishes to a real broker read by somebody else's client.
fn check_sink(
    workspace: &Workspace,
    judges: &Judges,
    liaison: &Path,
    database_url: Option<String>,
) -> Result<()> {
    println!("== the sink on {}", name_of(database_url.as_ref()));
    let scratch = workspace.scratch("sink")?;
    let data = scratch.path().join("data");
    let setup =
        Setup { kind: Kind::Liaison, program: liaison.to_owned(), data, database_url, has_request_log: true };
    sink::check(judges, &setup, scratch.path())
}

/// Has what a real server mails taken by a mail server and read by a library that other people wrote.
fn check_mails(
    workspace: &Workspace,
    judges: &Judges,
    liaison: &Path,
    database_url: Option<String>,
) -> Result<()> {
    println!("== mails on {}", name_of(database_url.as_ref()));
    let scratch = workspace.scratch("mails")?;
    let request = workspace.root.join("tests/data/create-shared.request.json");
    judges.check_mails(liaison, database_url, (&request, scratch.path()))
}

/// Has other people's clients meet faults on demand.
fn check_faults(
    workspace: &Workspace,
    judges: &Judges,
    liaison: &Path,
    database_url: Option<String>,
) -> Result<()> {
    println!("== faults on {}", name_of(database_url.as_ref()));
    let scratch = workspace.scratch("faults")?;
    let server = start(&scratch, liaison, database_url)?;
    judges.check_faults(&server, scratch.path())?;
    server.stop()
}

/// Has people use the dashboard of a real server in a real browser.
fn check_pages(
    workspace: &Workspace,
    judges: &Judges,
    liaison: &Path,
    database_url: Option<String>,
) -> Result<()> {
    println!("== the dashboard on {}", name_of(database_url.as_ref()));
    let scratch = workspace.scratch("pages")?;
    let is_whole = database_url.is_none();
    let server = start(&scratch, liaison, database_url)?;
    judges.check_pages(&server, scratch.path(), is_whole)?;
    server.stop()
}

fn name_of(database_url: Option<&String>) -> &'static str {
    if database_url.is_some() { "postgres" } else { "sqlite" }
}

fn start(scratch: &Scratch, liaison: &Path, database_url: Option<String>) -> Result<Server> {
    let data = scratch.path().join("data");
    Setup { kind: Kind::Liaison, program: liaison.to_owned(), data, database_url, has_request_log: true }
        .start()
}

/// Creates the fixture, reads it back and returns its id: with a token that does not open the door, every later check
/// would only see refusals.
fn check_first_referral(server: &Server) -> Result<String> {
    let client = Arc::new(Client::new(server)?);
    let id = Arc::new(Mutex::new(String::new()));
    let (creator, created) = (Arc::clone(&client), Arc::clone(&id));
    let create = Plan {
        address: server.address()?,
        connections: 1,
        stop: Stop::Count(1),
        make: Arc::new(move |_| creator.create(Bytes::from_static(CREATE_REQUEST.as_bytes()))),
        judge: Arc::new(move |n, status, body| {
            judge_success(n, status, body)?;
            *created.lock().unwrap_or_else(PoisonError::into_inner) = find_id(body).unwrap_or_default();
            Ok(())
        }),
    };
    load::run(create.clone())?.ensure_clean().context("the fixture is not accepted")?;
    let id = id.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let (reader, known) = (client, id.clone());
    let make = Arc::new(move |_| reader.get(&known));
    let read = Plan { make, judge: Arc::new(judge_success), ..create };
    load::run(read)?.ensure_clean().context("what was created cannot be read")?;
    Ok(id)
}

/// Small sizes of `cargo xtask crash`, after a control that the check can find anything at all.
fn check_crashes(workspace: &Workspace, liaison: &Path) -> Result<()> {
    let options = |database, control| crash::Options {
        database,
        creates: 4_000,
        connections: 64,
        kills: 10,
        seed: None,
        control,
    };
    let control = workspace.binary("xtask", Profile::Debug)?;
    crash::check(workspace, &options(Database::Sqlite, true), Database::Sqlite, &control)?;
    for database in [Database::Sqlite, Database::Postgres] {
        crash::check(workspace, &options(database, false), database, liaison)?;
    }
    Ok(())
}
