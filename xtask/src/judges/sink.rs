//! The sink before a real NATS server: what JetStream holds in the end is the log, each change once and in order,
//! whoever was killed in between.

use std::{
    fs,
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use http::{Request, header};
use http_body_util::Full;
use serde_json::Value;

use super::{Judges, deal};
use crate::{
    load::{self, Plan, Stop, judge_success},
    process::{self, Process},
    server::{CREATE_REQUEST, Client, Server, Setup, find_id},
    tools,
};

const STREAM: &str = "LIAISON";
/// Creates in each part of the check.
const CREATES: u64 = 60;
/// Changes of one referral in each part.
const CHANGES: u64 = 40;
/// How often the server is killed while it publishes.
const KILLS: usize = 3;
/// Changes that a server has published and not noted when it dies.
const UNNOTED: i64 = 25;
/// How long the broker may take to answer, and everything until it is published.
const TIMEOUT: Duration = Duration::from_secs(90);
/// A write that waits for the broker would take longer.
const WRITE_MAX: Duration = Duration::from_secs(3);

/// A NATS server with JetStream, on a port that it keeps over restarts.
struct Broker {
    program: PathBuf,
    address: SocketAddr,
    folder: PathBuf,
    process: Process,
}

/// Checks the sink on the data of `setup`; `folder` takes the broker's.
pub(crate) fn check(judges: &Judges, setup: &Setup, folder: &Path) -> Result<()> {
    let mut broker = Broker::start(tools::nats_server()?, folder)?;
    let is_full = setup.database_url.is_none();
    let settings = [
        ("LIAISON__SINK__URL", format!("nats://{}", broker.address)),
        ("LIAISON__SINK__PAYLOAD", if is_full { "full" } else { "thin" }.to_owned()),
    ];
    let mut server = setup.start_with(&settings)?;
    let referral = write(&server, None)?;

    // Killed while it publishes.
    for _ in 0..KILLS {
        write(&server, Some(&referral))?;
        server.kill()?;
        server = setup.start_with(&settings)?;
    }
    wait_until_published(&server)?;

    // Killed between the acknowledgement and the note of it.
    server.kill()?;
    wind_back(setup)?;
    server = setup.start_with(&settings)?;
    wait_until_published(&server)?;
    let repeated = metric(&server, "liaison_sink_published_total{repeated=\"true\"}")?;
    ensure!(repeated == UNNOTED as f64, "{repeated} changes were known to the broker, not {UNNOTED}");

    // The broker goes and comes back; who writes notices nothing.
    broker.process.kill()?;
    let began = Instant::now();
    write(&server, Some(&referral))?;
    ensure!(began.elapsed() < WRITE_MAX * 4, "writes waited for the broker: {:?}", began.elapsed());
    let behind = behind(&server)?;
    ensure!(behind > 0, "nothing is said to wait for a broker that is not there");
    broker.restart()?;
    wait_until_published(&server)?;
    server.stop()?;

    let report: Value = serde_json::from_str(&setup.ask(&["verify", "--json"])?)?;
    let count = report.get("changes").and_then(Value::as_u64).context("verify tells no number of changes")?;
    let mut python = Command::new(&judges.nats_python);
    python.arg("-B").arg(judges.home.join("sink.py")).arg(format!("nats://{}", broker.address));
    python.args([STREAM, &count.to_string(), if is_full { "1" } else { "0" }]);
    process::run("reading the stream with nats-py", &mut python)
}

/// Creates deals, changes one of them, or the first, again and again, and returns that one's id.
fn write(server: &Server, changed: Option<&str>) -> Result<String> {
    let fixture: Value = serde_json::from_str(CREATE_REQUEST).context("the fixture is no JSON")?;
    let client = Arc::new(Client::new(server)?);
    let creator = Arc::clone(&client);
    let plan = Plan {
        address: server.address()?,
        connections: 4,
        stop: Stop::Count(CREATES),
        make: Arc::new(move |number| creator.create(Bytes::from(deal(&fixture, number).to_string()))),
        judge: Arc::new(judge_success),
    };
    load::run(plan.clone())?.ensure_clean().context("the deals that are published are not accepted")?;
    let id = match changed {
        Some(id) => id.to_owned(),
        None => {
            let (_, body) = load::ask(server.address()?, (plan.make)(0))?;
            find_id(&body).context("the answer to a create has no id")?
        }
    };
    let (changing, mark) = (id.clone(), Instant::now());
    let stage = move |number| format!("stage {number} {:?}", mark.elapsed());
    let make = Arc::new(move |number: u64| client.patch(&changing, &stage(number)));
    let changes = Plan { connections: 1, stop: Stop::Count(CHANGES), make, ..plan };
    load::run(changes)?.ensure_clean().context("a deal that is published cannot be changed")?;
    Ok(id)
}

fn wait_until_published(server: &Server) -> Result<()> {
    let deadline = Instant::now() + TIMEOUT;
    loop {
        let behind = behind(server)?;
        if behind == 0 {
            return Ok(());
        }
        if Instant::now() > deadline {
            bail!("{behind} changes are not published after {TIMEOUT:?}");
        }
        thread::sleep(Duration::from_millis(100));
    }
}

/// Returns how many changes wait to be published, as readiness says it.
fn behind(server: &Server) -> Result<u64> {
    let ready: Value = serde_json::from_slice(&ask_operations(server, "/readyz")?)?;
    let behind = ready.pointer("/checks/sink/behind").and_then(Value::as_u64);
    behind.with_context(|| format!("readiness does not tell of the sink: {ready}"))
}

fn metric(server: &Server, name: &str) -> Result<f64> {
    let text = String::from_utf8(ask_operations(server, "/metrics")?.to_vec())?;
    let value = text.lines().find_map(|it| it.strip_prefix(name)?.trim().parse().ok());
    value.with_context(|| format!("there is no metric {name}"))
}

fn ask_operations(server: &Server, path: &str) -> Result<Bytes> {
    let address = server.operations_address()?;
    let request = Request::get(path).header(header::HOST, address.to_string()).body(Full::default())?;
    let (status, body) = load::ask(address, request)?;
    ensure!(status.is_success(), "{path} is answered {status}");
    Ok(body)
}

/// Leaves the cursor where a server leaves it that dies after the broker has acknowledged.
fn wind_back(setup: &Setup) -> Result<()> {
    let sql = format!("UPDATE feed_cursors SET position = position - {UNNOTED} WHERE name = 'sink'");
    let Some(url) = &setup.database_url else {
        let file = rusqlite::Connection::open(setup.data.join("liaison.sqlite"))?;
        file.execute_batch(&sql)?;
        return Ok(());
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await?;
        let connection = tokio::spawn(connection);
        client.batch_execute(&sql).await?;
        drop(client);
        Ok(connection.await??)
    })
}

impl Broker {
    fn start(program: PathBuf, folder: &Path) -> Result<Self> {
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let folder = folder.join("nats");
        fs::create_dir_all(&folder)?;
        let process = spawn(&program, address, &folder)?;
        let mut broker = Self { program, address, folder, process };
        broker.wait()?;
        Ok(broker)
    }

    fn restart(&mut self) -> Result<()> {
        self.process = spawn(&self.program, self.address, &self.folder)?;
        self.wait()
    }

    fn wait(&mut self) -> Result<()> {
        let deadline = Instant::now() + TIMEOUT;
        while TcpStream::connect(self.address).is_err() {
            self.process.ensure_running()?;
            ensure!(Instant::now() < deadline, "nats-server does not listen:\n{}", self.process.log_tail());
            thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}

fn spawn(program: &Path, address: SocketAddr, folder: &Path) -> Result<Process> {
    let mut command = Command::new(program);
    command.args(["-js", "-a", &address.ip().to_string(), "-p", &address.port().to_string(), "-sd"]);
    Process::spawn("nats-server", command.arg(folder), &folder.join("nats.log"))
}
