//! Servers under test: Liaison itself, and those that it is compared with. They all write the address that
//! they listen on to a file in their data folder.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use http::{Method, Request, header};
use http_body_util::Full;
use serde_json::Value;

use crate::{load::Call, process::Process};

/// The file in the data folder that tells where a server listens.
pub(crate) const LOCK_FILE: &str = "liaison.lock";

/// The fixture that every create sends.
pub(crate) const CREATE_REQUEST: &str = include_str!("../../tests/data/create-shared.request.json");

/// The sandbox's organisation that has most of everything.
pub(crate) const CONTOSO: &str = "7d23e5ca-19dc-4eaa-aac8-5e6b559f0d1d";

/// Where referrals are.
const REFERRALS: &str = "/v1.0/engagements/referrals";

/// How long a server may take from its start to its first answer.
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// How long a server may take to stop when asked to.
const STOP_TIMEOUT: Duration = Duration::from_secs(30);

/// Settings that a server under load needs: one company sends everything, from one application.
const SETTINGS: [(&str, &str); 2] = [
    ("LIAISON__LIMITS__RATE_PER_ORGANIZATION_PER_MINUTE", "0"),
    ("LIAISON__LIMITS__RATE_PER_APPLICATION_PER_MINUTE", "0"),
];

/// Which server.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The server of this repository.
    Liaison,
    /// Stores what it is sent, durably, and knows no rules.
    Minimal,
    /// As `Minimal`, but answers before the commit: a broken server that the crash check must catch.
    Eager,
    /// Parses what it is sent and answers with a fixed document.
    Bare,
}

/// How to start a server.
#[derive(Clone)]
pub(crate) struct Setup {
    /// Which server.
    pub(crate) kind: Kind,
    /// `liaison` or `xtask`.
    pub(crate) program: PathBuf,
    /// Its data folder.
    pub(crate) data: PathBuf,
    /// PostgreSQL, or SQLite in the data folder.
    pub(crate) database_url: Option<String>,
    /// Whether it keeps the request log of a sandbox; a measured one serves as an installation does.
    pub(crate) has_request_log: bool,
}

/// A running server.
pub(crate) struct Server {
    setup: Setup,
    process: Process,
    base_url: String,
}

impl Kind {
    /// Returns the name that reports use.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Liaison => "liaison",
            Self::Minimal => "minimal",
            Self::Eager => "eager",
            Self::Bare => "bare",
        }
    }
}

impl Setup {
    /// Starts the process without waiting until it answers.
    pub(crate) fn spawn(&self) -> Result<Process> {
        self.spawn_with(&[])
    }

    /// The same, with settings by the names of their environment variables.
    fn spawn_with(&self, settings: &[(&str, String)]) -> Result<Process> {
        fs::create_dir_all(&self.data)?;
        let mut command = Command::new(&self.program);
        match self.kind {
            Kind::Liaison => {
                command.args(["serve", "--sandbox", "--ops-listen", "127.0.0.1:0"]).envs(SETTINGS);
                if !self.has_request_log {
                    command.env("LIAISON__REQUESTS__ENABLED", "false");
                }
            }
            Kind::Minimal | Kind::Eager | Kind::Bare => {
                command.args(["limits", self.kind.name()]);
            }
        }
        command.args(["--listen", "127.0.0.1:0"]);
        // Relative to the data folder, so that a configuration file of the developer has no part in it.
        command.current_dir(&self.data).args(self.place());
        command.envs(settings.iter().map(|(name, value)| (name, value)));
        Process::spawn(self.kind.name(), &mut command, &self.data.join("server.log"))
    }

    /// Starts the server and waits until it answers.
    pub(crate) fn start(&self) -> Result<Server> {
        self.start_with(&[])
    }

    /// The same, with settings by the names of their environment variables.
    pub(crate) fn start_with(&self, settings: &[(&str, String)]) -> Result<Server> {
        let mut process = self.spawn_with(settings)?;
        let deadline = Instant::now() + START_TIMEOUT;
        while Instant::now() < deadline {
            process.ensure_running()?;
            if let Some(base_url) = self.find_base_url(process.pid())
                && std::net::TcpStream::connect(socket_address(&base_url)?).is_ok()
            {
                return Ok(Server { setup: self.clone(), process, base_url });
            }
            thread::sleep(Duration::from_millis(10));
        }
        bail!("{} does not answer after {START_TIMEOUT:?}:\n{}", self.kind.name(), process.log_tail())
    }

    /// Runs a command of `liaison` on the same data and returns what it prints.
    pub(crate) fn ask(&self, command: &[&str]) -> Result<String> {
        let output =
            Command::new(&self.program).args(command).args(self.place()).current_dir(&self.data).output()?;
        ensure!(
            output.status.success(),
            "liaison {} failed ({}):\n{}{}",
            command.join(" "),
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    }

    /// Runs a command of `liaison` on the same data that shows how far it is.
    pub(crate) fn run(&self, step: &str, command: &[&str]) -> Result<()> {
        fs::create_dir_all(&self.data)?;
        let mut process = Command::new(&self.program);
        process.args(command).arg("--data").arg(&self.data).current_dir(&self.data);
        // Not an argument: what is run is printed, and a URL has a password.
        process.envs(self.database_url.iter().map(|it| ("LIAISON_DATABASE_URL", it)));
        crate::process::run(step, &mut process)
    }

    fn place(&self) -> Vec<String> {
        let mut arguments = vec!["--data".to_owned(), self.data.to_string_lossy().into_owned()];
        if let Some(url) = &self.database_url {
            arguments.extend(["--database-url".to_owned(), url.clone()]);
        }
        arguments
    }

    /// Reads the address from the lock file. `None` until this process has written it: the file may be left
    /// over from a server that was killed.
    fn find_base_url(&self, pid: u32) -> Option<String> {
        self.find_locked(pid).or_else(|| self.find_printed())
    }

    /// Finds the address that the server has printed; on PostgreSQL no file of its own says it.
    fn find_printed(&self) -> Option<String> {
        let log = fs::read_to_string(self.data.join("server.log")).ok()?;
        log.lines().rev().find_map(|line| Some(line.strip_prefix("Liaison sandbox")?.trim().to_owned()))
    }

    fn find_locked(&self, pid: u32) -> Option<String> {
        let lock: Value = serde_json::from_slice(&fs::read(self.data.join(LOCK_FILE)).ok()?).ok()?;
        let is_mine = lock.get("pid")?.as_u64()? == u64::from(pid);
        let base_url = lock.get("base_url")?.as_str()?;
        (is_mine && !base_url.is_empty()).then(|| base_url.to_owned())
    }
}

impl Server {
    /// Returns the base URL of the API, without a trailing slash.
    pub(crate) fn base_url(&self) -> &str {
        &self.base_url
    }

    /// Returns where it listens.
    pub(crate) fn address(&self) -> Result<SocketAddr> {
        socket_address(&self.base_url)
    }

    /// Returns where it tells operators how it is.
    pub(crate) fn operations_address(&self) -> Result<SocketAddr> {
        let log = fs::read_to_string(self.setup.data.join("server.log"))?;
        let mut printed = log.lines().rev().filter_map(|it| it.strip_prefix("Health, metrics"));
        socket_address(printed.next().context("the server does not say where operators ask")?.trim())
    }

    /// Returns the process id.
    pub(crate) fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Returns a token for Contoso's Referrals admin.
    pub(crate) fn token(&self) -> Result<String> {
        self.token_of(CONTOSO)
    }

    /// Returns a token for the Referrals admin of an organisation; the compared servers take anything.
    fn token_of(&self, organization: &str) -> Result<String> {
        match self.setup.kind {
            Kind::Liaison => self.setup.ask(&["token", "--organization", organization]),
            Kind::Minimal | Kind::Eager | Kind::Bare => Ok("none".to_owned()),
        }
    }

    /// Runs a command of `liaison` on the same data and returns what it prints.
    pub(crate) fn ask(&self, command: &[&str]) -> Result<String> {
        self.setup.ask(command)
    }

    /// Kills it as a power cut would.
    pub(crate) fn kill(&mut self) -> Result<()> {
        self.process.kill()
    }

    /// Fails with the end of its log when it has ended.
    pub(crate) fn ensure_running(&mut self) -> Result<()> {
        self.process.ensure_running()
    }

    /// Stops it gracefully; a server that does not stop well is a failure.
    pub(crate) fn stop(mut self) -> Result<()> {
        let status = self.process.stop("TERM", STOP_TIMEOUT)?;
        let name = self.setup.kind.name();
        // The compared servers have no graceful stop.
        if self.setup.kind == Kind::Liaison {
            ensure!(status.success(), "{name} stopped with {status}:\n{}", self.process.log_tail());
        }
        Ok(())
    }
}

/// Requests to one server, with the headers made once.
pub(crate) struct Client {
    base_url: String,
    host: String,
    authorization: String,
}

impl Client {
    /// Signs in to a server for Contoso.
    pub(crate) fn new(server: &Server) -> Result<Self> {
        Self::of(server, CONTOSO)
    }

    /// Signs in to a server for an organisation of the sandbox.
    pub(crate) fn of(server: &Server, organization: &str) -> Result<Self> {
        Ok(Self {
            base_url: server.base_url().to_owned(),
            host: server.address()?.to_string(),
            authorization: format!("Bearer {}", server.token_of(organization)?),
        })
    }

    /// Signs in to the Partner Center API for Contoso.
    pub(crate) fn of_partner_center(server: &Server) -> Result<Self> {
        let token = server.ask(&["token", "--organization", CONTOSO, "--audience", "partner-center"])?;
        Ok(Self {
            base_url: server.base_url().to_owned(),
            host: server.address()?.to_string(),
            authorization: format!("Bearer {token}"),
        })
    }

    /// Returns a request to any path, with JSON or without a body.
    pub(crate) fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Call {
        let request = self.request(method, path).header(header::CONTENT_TYPE, "application/json");
        let body = body.map(Value::to_string).unwrap_or_default();
        request.body(Full::new(body.into())).expect("a path of the description fits into a request")
    }

    /// Returns a POST of a new referral.
    pub(crate) fn create(&self, body: Bytes) -> Call {
        let request = self.request(Method::POST, REFERRALS).header(header::CONTENT_TYPE, "application/json");
        request.body(Full::new(body)).expect("the headers were valid in the first request")
    }

    /// Returns a GET of one referral.
    pub(crate) fn get(&self, id: &str) -> Call {
        let request = self.request(Method::GET, &format!("{REFERRALS}/{id}"));
        request.body(Full::default()).expect("an id that a server made fits into a path")
    }

    /// Returns a PATCH that puts the sales stage of a referral to another value.
    pub(crate) fn patch(&self, id: &str, stage: &str) -> Call {
        let body = format!(r#"[{{"op":"replace","path":"/salesStage","value":"{stage}"}}]"#);
        let request = self.request(Method::PATCH, &format!("{REFERRALS}/{id}"));
        let request = request.header(header::CONTENT_TYPE, "application/json");
        request.body(Full::new(body.into())).expect("an id that a server made fits into a path")
    }

    /// Returns a GET of the list: of a query behind its path (`?$top=1`, `/$count`), or of a whole address that the
    /// server gave.
    pub(crate) fn list(&self, query: &str, page_size: Option<u32>) -> Call {
        let path = match query.strip_prefix(&self.base_url) {
            Some(given) => given.to_owned(),
            None => format!("{REFERRALS}{}", encoded(query)),
        };
        let mut request = self.request(Method::GET, &path);
        if let Some(size) = page_size {
            request = request.header("prefer", format!("odata.maxpagesize={size}"));
        }
        request.body(Full::default()).expect("what is no character of an address is written with %")
    }

    fn request(&self, method: Method, path: &str) -> http::request::Builder {
        let request = Request::builder().method(method).uri(path);
        request.header(header::HOST, &self.host).header(header::AUTHORIZATION, &self.authorization)
    }
}

/// Writes what is no character of an address with `%`.
fn encoded(query: &str) -> String {
    let mut text = String::with_capacity(query.len());
    for byte in query.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => text.push(char::from(byte)),
            byte if b"-._~/?$&=():,;@*!".contains(&byte) => text.push(char::from(byte)),
            byte => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text
}

/// Returns the `id` member of a referral.
pub(crate) fn find_id(body: &[u8]) -> Option<String> {
    let referral: Value = serde_json::from_slice(body).ok()?;
    Some(referral.get("id")?.as_str()?.to_owned())
}

/// Writes the lock file of a compared server, whole or not at all.
pub(crate) fn write_lock(data: &Path, address: SocketAddr) -> Result<()> {
    let text = serde_json::json!({ "base_url": format!("http://{address}"), "pid": std::process::id() });
    let draft = data.join("lock.draft");
    fs::write(&draft, text.to_string())?;
    Ok(fs::rename(draft, data.join(LOCK_FILE))?)
}

fn socket_address(base_url: &str) -> Result<SocketAddr> {
    let host = base_url.strip_prefix("http://").context("a server under test speaks plain HTTP")?;
    let address = host.trim_end_matches('/').parse();
    address.with_context(|| format!("{base_url} names no loopback address and port"))
}

#[cfg(test)]
mod tests {
    use super::encoded;

    #[test]
    fn a_query_becomes_an_address_and_stays_readable() {
        assert_eq!(encoded("?$filter=name eq 'Ä b'&$top=1"), "?$filter=name%20eq%20%27%C3%84%20b%27&$top=1");
    }
}
