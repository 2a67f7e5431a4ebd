//! A throwaway PostgreSQL on a free loopback port, gone when dropped.

use std::{
    fs,
    net::TcpListener,
    os::unix::{
        fs::{OpenOptionsExt, chown},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};

use crate::{
    process::Process,
    tools,
    workspace::{Scratch, Workspace},
};

/// How long a fresh cluster may take to accept connections.
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// A file system in memory, on Linux.
const MEMORY: &str = "/dev/shm";
/// How much of it must be free: a cluster takes some hundred MB while the tests run.
const MEMORY_FREE_MIN: u64 = 2 << 30;

/// Says whether commits reach the disk.
#[derive(Clone, Copy)]
pub(crate) enum Durability {
    /// `fsync=off`: for tests, where speed counts and the cluster is thrown away.
    Off,
    /// As in production: for crash checks and measurements.
    On,
}

/// A running cluster of its own.
pub(crate) struct Postgres {
    url: String,
    // Dropped in this order: the process ends before its folder goes.
    process: Process,
    _folder: Scratch,
}

impl Postgres {
    /// Creates a cluster and starts it.
    pub(crate) fn start(workspace: &Workspace, durability: Durability) -> Result<Self> {
        let programs = tools::postgres()?;
        let user = User::choose()?;
        let folder = user.folder(workspace, durability)?;
        let password = create_cluster(&programs, &user, folder.path())?;
        // The port may be taken between looking and starting: try another one then.
        for _ in 0..5 {
            let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
            let mut process = spawn(&programs, &user, folder.path(), port, durability)?;
            if wait_until_ready(&mut process)? {
                let url = format!("postgres://postgres:{password}@127.0.0.1:{port}/postgres");
                return Ok(Self { url, process, _folder: folder });
            }
        }
        bail!("PostgreSQL found every port taken that was free a moment before")
    }

    /// Returns the URL of the database `postgres`, for a role that may create others.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Creates a database and returns its URL.
    pub(crate) fn create_database(&self, name: &str) -> Result<String> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let (client, connection) = tokio_postgres::connect(&self.url, tokio_postgres::NoTls).await?;
            let connection = tokio::spawn(connection);
            client.batch_execute(&format!("CREATE DATABASE {name}")).await?;
            drop(client);
            connection.await??;
            anyhow::Ok(())
        })?;
        let base = self.url.strip_suffix("/postgres").context("the URL names the database postgres")?;
        Ok(format!("{base}/{name}"))
    }

    /// Returns the process id of the postmaster.
    pub(crate) fn pid(&self) -> u32 {
        self.process.pid()
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // A fast shutdown: the postmaster ends its children. When it fails, `Process` kills it.
        if let Err(error) = self.process.stop("INT", Duration::from_secs(20)) {
            eprintln!("PostgreSQL is killed: {error:#}");
        }
    }
}

/// Whom the cluster runs as: PostgreSQL refuses to run as root.
enum User {
    Myself,
    Other { uid: u32, gid: u32 },
}

impl User {
    fn choose() -> Result<Self> {
        if !tools::is_root()? {
            return Ok(Self::Myself);
        }
        let accounts = fs::read_to_string("/etc/passwd").context("cannot read the list of users")?;
        for name in ["postgres", "nobody"] {
            let Some(line) = accounts.lines().find(|it| it.split(':').next() == Some(name)) else { continue };
            let mut numbers = line.split(':').skip(2).map(str::parse);
            if let (Some(Ok(uid)), Some(Ok(gid))) = (numbers.next(), numbers.next()) {
                return Ok(Self::Other { uid, gid });
            }
        }
        bail!("PostgreSQL does not run as root, and there is neither a user postgres nor nobody")
    }

    /// Returns a command that runs as this user.
    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.env("LC_ALL", "C");
        if let Self::Other { uid, gid } = self {
            command.uid(*uid).gid(*gid);
        }
        command
    }

    /// Creates a folder that this user owns. What need not last is kept in memory where that has room: making and
    /// dropping a database for each test costs more on a disk than the tests themselves. Else it is below `target`, or,
    /// where the user cannot get there (a clone in root's home), below the system's temporary folder.
    fn folder(&self, workspace: &Workspace, durability: Durability) -> Result<Scratch> {
        let memory = Path::new(MEMORY);
        if matches!(durability, Durability::Off) && rustix::fs::statvfs(memory).is_ok_and(has_room) {
            Scratch::remove_abandoned(memory)?;
            let inside = Scratch::create(memory, "postgres")?;
            if self.owns(inside.path())? {
                return Ok(inside);
            }
        }
        let inside = workspace.scratch("postgres")?;
        if self.owns(inside.path())? {
            return Ok(inside);
        }
        let outside = Scratch::create(&std::env::temp_dir(), "postgres")?;
        ensure!(self.owns(outside.path())?, "no folder that the database's user can write to");
        Ok(outside)
    }

    fn owns(&self, folder: &Path) -> Result<bool> {
        if let Self::Other { uid, gid } = self {
            chown(folder, Some(*uid), Some(*gid))?;
        }
        let mut command = self.command(Path::new("sh"));
        command.current_dir("/").args(["-c", "test -w \"$0\""]).arg(folder);
        Ok(command.status()?.success())
    }
}

/// Runs `initdb` and returns the password of the role `postgres`.
fn create_cluster(programs: &Path, user: &User, folder: &Path) -> Result<String> {
    let password = uuid::Uuid::new_v4().simple().to_string();
    let password_file = folder.join("password");
    let mut options = fs::OpenOptions::new();
    let file = options.write(true).create_new(true).mode(0o600).open(&password_file)?;
    std::io::Write::write_all(&mut &file, password.as_bytes())?;
    if let User::Other { uid, gid } = user {
        chown(&password_file, Some(*uid), Some(*gid))?;
    }
    let mut initdb = user.command(&programs.join("initdb"));
    initdb.current_dir(folder).args(["--username=postgres", "--encoding=UTF8", "--locale=C", "--no-sync"]);
    // Plain passwords over loopback: deriving a SCRAM key for each connection is slow in a debug build.
    initdb.args(["--auth-local=reject", "--auth-host=password", "--pwfile"]).arg(&password_file);
    initdb.arg("--pgdata").arg(folder.join("data"));
    let output = initdb.output().with_context(|| format!("cannot run {initdb:?}"))?;
    ensure!(output.status.success(), "initdb failed:\n{}", String::from_utf8_lossy(&output.stderr));
    Ok(password)
}

fn has_room(file_system: rustix::fs::StatVfs) -> bool {
    file_system.f_bavail.saturating_mul(file_system.f_frsize) >= MEMORY_FREE_MIN
}

fn spawn(programs: &Path, user: &User, folder: &Path, port: u16, durability: Durability) -> Result<Process> {
    let mut settings = vec![
        format!("port={port}"),
        "listen_addresses=127.0.0.1".to_owned(),
        "unix_socket_directories=".to_owned(),
        "max_connections=300".to_owned(),
        "shared_buffers=256MB".to_owned(),
    ];
    match durability {
        Durability::Off => settings.extend(["fsync=off".to_owned(), "full_page_writes=off".to_owned()]),
        Durability::On => settings.push("fsync=on".to_owned()),
    }
    let mut command = user.command(&programs.join("postgres"));
    command.current_dir(folder).arg("-D").arg(folder.join("data"));
    for setting in settings {
        command.arg("-c").arg(setting);
    }
    let log: PathBuf = folder.join("postgres.log");
    fs::write(&log, "")?;
    Process::spawn("PostgreSQL", &mut command, &log)
}

/// Waits for the cluster. `false` means that the port was taken.
fn wait_until_ready(process: &mut Process) -> Result<bool> {
    let deadline = Instant::now() + START_TIMEOUT;
    while Instant::now() < deadline {
        let log = process.log_tail();
        if log.contains("database system is ready to accept connections") {
            return Ok(true);
        }
        if log.contains("Address already in use") {
            return Ok(false);
        }
        process.ensure_running()?;
        thread::sleep(Duration::from_millis(20));
    }
    bail!("PostgreSQL is not ready after {START_TIMEOUT:?}:\n{}", process.log_tail())
}
