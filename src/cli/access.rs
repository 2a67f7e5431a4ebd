//! How a command reaches the data: read-only beside a server, alone with the lock, or through the server.

use std::{io::Write as _, path::Path, time::Duration};

use anyhow::{Context as _, bail};
use serde::{Serialize, de::DeserializeOwned};

use super::out;
use crate::{
    app::{
        config_of_sandbox,
        lock::{self, Attempt, DataLock, Holder},
        system_clock, system_random, target,
    },
    config::Config,
    domain::sources::{ClockSetting, MovableClock, Random},
    http::ops::ADMIN_KEY_FILE,
    sandbox::seed,
    service::{administration::Tools, clock},
    storage::{Mode, Store, StoreOptions},
};

/// How a writing command gets at the data.
#[derive(Debug)]
pub(super) enum Access {
    /// The data are ours; on SQLite the lock is held as long as this lives.
    Direct { store: Store, random: Random, _lock: Option<DataLock> },
    /// A server has the SQLite file, and is asked.
    Server(Server),
}

/// A running server's operations address.
#[derive(Debug)]
pub(super) struct Server {
    ops_url: String,
    admin_key: String,
    client: reqwest::Client,
}

impl Access {
    /// Finds the way to write.
    pub(super) async fn to_write(config: &Config) -> anyhow::Result<Self> {
        if !config.database_url.is_empty() {
            let store = open(config, Mode::ReadWrite).await?;
            // Other servers may be running on an older schema, so a mere command does not change it.
            store.check_schema().await?;
            return Ok(Self::Direct { store, random: system_random(), _lock: None });
        }
        make_data_dir(&config.data_dir)?;
        match DataLock::try_take(&config.data_dir)? {
            Attempt::Taken(lock) => {
                let store = open(config, Mode::ReadWrite).await?;
                store.migrate().await.context("the database could not be brought up to date")?;
                Ok(Self::Direct { store, random: system_random(), _lock: Some(lock) })
            }
            Attempt::Held(holder) => Server::new(&holder, &config.data_dir).map(Self::Server),
        }
    }
}

impl Server {
    fn new(holder: &Holder, data_dir: &Path) -> anyhow::Result<Self> {
        if holder.ops_url.is_empty() {
            bail!(
                "another command (process {}) is using the database; try again when it has ended",
                holder.pid
            );
        }
        let path = data_dir.join(ADMIN_KEY_FILE);
        let admin_key = std::fs::read_to_string(&path).with_context(|| {
            format!("a server is running and its key {} cannot be read; run this as its user", path.display())
        })?;
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(Duration::from_secs(30))
            .build()?;
        Ok(Self { ops_url: holder.ops_url.clone(), admin_key: admin_key.trim().to_owned(), client })
    }

    /// Asks the server, and says so on standard error.
    pub(super) async fn ask<T: DeserializeOwned>(
        &self,
        path: &str,
        request: &impl Serialize,
    ) -> anyhow::Result<T> {
        let _ =
            writeln!(std::io::stderr(), "A server is running on this data; asking it at {}.", self.ops_url);
        let response = self
            .client
            .post(format!("{}{path}", self.ops_url))
            .bearer_auth(&self.admin_key)
            .json(request)
            .send()
            .await
            .context("the running server does not answer")?;
        let status = response.status();
        let body = response.bytes().await?;
        if !status.is_success() {
            let envelope: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
            bail!("the running server refused ({status}): {}", reasons(&envelope));
        }
        serde_json::from_slice(&body).context("the running server's answer is of another version")
    }
}

/// Returns every problem of a refusal, as the command itself would have said them.
pub(super) fn reasons(envelope: &serde_json::Value) -> String {
    let text = |it: &serde_json::Value, pointer| {
        it.pointer(pointer).and_then(|it| it.as_str()).unwrap_or_default().to_owned()
    };
    let details = envelope.pointer("/error/details").and_then(|it| it.as_array());
    let problem = |it| format!("{}: {}", text(it, "/target").trim_start_matches('/'), text(it, "/message"));
    let problems: Vec<_> = details.into_iter().flatten().map(problem).collect();
    match problems.is_empty() {
        true => text(envelope, "/error/message"),
        false => problems.join("; "),
    }
}

/// Returns what administration needs.
pub(super) async fn tools<'a>(store: &'a Store, random: &'a Random) -> anyhow::Result<Tools<'a>> {
    Ok(Tools { store, random, now: clock(store).await?.now() })
}

/// Opens the data for a command that changes nothing; works beside a running server. A database that lacks
/// what this program needs is refused.
pub(super) async fn open_to_read(config: &Config) -> anyhow::Result<Store> {
    if config.database_url.is_empty() && !config.sqlite_path().exists() {
        bail!(
            "there is no database at {}; start `liaison serve` there, or name its folder with --data",
            config.sqlite_path().display()
        );
    }
    let store = open(config, Mode::ReadOnly).await?;
    store.check_schema().await?;
    Ok(store)
}

/// Opens the database of the settings.
pub(super) async fn open(config: &Config, mode: Mode) -> anyhow::Result<Store> {
    let place = match config.database_url.is_empty() {
        true => config.sqlite_path().display().to_string(),
        false => config.database_url.masked(),
    };
    Store::open(&StoreOptions { target: target(config), mode }, system_clock())
        .await
        .with_context(|| format!("the database {place} cannot be opened; `liaison doctor` says more"))
}

/// Returns the settings of a named sandbox, which is there.
pub(super) async fn within(config: Config, name: &str) -> anyhow::Result<Config> {
    let own = config_of_sandbox(&config, name)?;
    let is_there = match config.database_url.is_empty() {
        true => own.sqlite_path().exists(),
        // A server may be making others at this moment: nothing but their names is asked for.
        false => target(&config).list_named().await?.iter().any(|it| it == name),
    };
    if !is_there {
        bail!(
            "there is no sandbox \"{name}\"; `liaison sandbox list` shows all, `liaison sandbox add {name}` makes it"
        );
    }
    Ok(own)
}

/// Returns the clock of these data: a sandbox's may have been put forward, and whoever reads them goes by it.
pub(super) async fn clock(store: &Store) -> anyhow::Result<MovableClock> {
    match seed::is_sandbox(store).await? {
        true => Ok(clock::open(store, system_clock()).await?),
        false => Ok(MovableClock::new(system_clock(), ClockSetting::default())),
    }
}

/// Makes the data folder if it is not there.
pub(super) fn make_data_dir(data_dir: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(data_dir).with_context(|| {
        format!("the data folder {} cannot be made; name another with --data", data_dir.display())
    })
}

/// Brings the database up to date, and says what was done.
pub(super) async fn migrate(config: &Config) -> anyhow::Result<()> {
    let _lock = match config.database_url.is_empty() {
        true => {
            make_data_dir(&config.data_dir)?;
            match DataLock::try_take(&config.data_dir)? {
                Attempt::Taken(lock) => Some(lock),
                Attempt::Held(holder) => bail!(
                    "process {} is using the database; a server brings it up to date when it starts, so there \
                     is nothing to do unless you stop it first",
                    holder.pid
                ),
            }
        }
        false => None,
    };
    let names = open(config, Mode::ReadWrite).await?.migrate().await?;
    let mut out = out();
    match names.as_slice() {
        [] => writeln!(out, "The database is up to date.")?,
        names => names.iter().try_for_each(|name| writeln!(out, "Applied {name}."))?,
    }
    Ok(())
}

/// Returns the server on this data, if one runs and the data are an SQLite file.
pub(super) fn running_server(config: &Config) -> anyhow::Result<Option<Holder>> {
    if !config.database_url.is_empty() {
        return Ok(None);
    }
    lock::holder(&config.data_dir)
}
