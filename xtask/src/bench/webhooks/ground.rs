//! Servers to measure, and subscriptions there.

use std::{net::SocketAddr, time::Duration};

use anyhow::{Context, Result, ensure};
use http::Method;
use serde_json::{Value, json};

use super::Options;
use crate::{
    bench::Database,
    load, machine,
    postgres::{Durability, Postgres},
    server::{Client, Kind, Server, Setup},
    workspace::{Scratch, Workspace},
};

const SUBSCRIPTIONS: &str = "/v1.0/engagements/webhooks";

/// More than any part of the measurement subscribes.
const ENDPOINTS_MAX: &str = "100000";

/// Where servers are started.
pub(super) struct Ground<'a> {
    workspace: &'a Workspace,
    options: &'a Options,
    postgres: Option<Postgres>,
}

/// A server with empty data.
pub(super) struct Site {
    // Dropped in this order: the process ends before its folder goes.
    pub(super) server: Server,
    pub(super) folder: Scratch,
    pub(super) database_url: Option<String>,
}

impl<'a> Ground<'a> {
    /// Starts PostgreSQL where it is needed.
    pub(super) fn prepare(
        workspace: &'a Workspace,
        options: &'a Options,
        database: Database,
    ) -> Result<Self> {
        let postgres = match database {
            Database::Postgres => Some(Postgres::start(workspace, Durability::On)?),
            Database::Sqlite | Database::Both => None,
        };
        Ok(Self { workspace, options, postgres })
    }

    /// Returns the processor time of a server and of the database beside it.
    pub(super) fn cpu_time(&self, site: &Site) -> Result<Duration> {
        let database =
            self.postgres.as_ref().map_or(Ok(Duration::ZERO), |it| machine::cpu_time_of_family(it.pid()))?;
        Ok(machine::cpu_time(site.server.pid())? + database)
    }

    /// Starts a server on empty data; `name` is unlike that of any other.
    pub(super) fn start(&self, name: &str) -> Result<Site> {
        let folder = self.workspace.scratch(name)?;
        let database_url =
            self.postgres.as_ref().map(|it| it.create_database(&format!("bench_{name}"))).transpose()?;
        let setup = Setup {
            kind: Kind::Liaison,
            program: self.workspace.binary("liaison", self.options.profile())?,
            data: folder.path().to_owned(),
            database_url: database_url.clone(),
            has_request_log: false,
        };
        let settings = [("LIAISON__WEBHOOKS__ENDPOINTS_MAX", ENDPOINTS_MAX.to_owned())];
        Ok(Site { server: setup.start_with(&settings)?, folder, database_url })
    }
}

impl Site {
    /// Returns where it listens.
    pub(super) fn address(&self) -> Result<SocketAddr> {
        self.server.address()
    }

    /// Signs in for Contoso.
    pub(super) fn client(&self) -> Result<Client> {
        Client::new(&self.server)
    }

    /// Has each of the receivers told of every referral of Contoso's own that is made or changed.
    pub(super) fn subscribe(&self, addresses: &[SocketAddr]) -> Result<Vec<String>> {
        addresses.iter().map(|it| self.subscribe_to(it, None)).collect()
    }

    /// Has a receiver told of what passes a filter, and returns the id of the subscription.
    pub(super) fn subscribe_to(&self, address: &SocketAddr, filter: Option<&str>) -> Result<String> {
        let mut body = json!({
            "url": format!("http://{address}/hook"),
            "events": ["referral-created", "referral-updated"],
        });
        if let (Some(body), Some(filter)) = (body.as_object_mut(), filter) {
            body.insert("filter".to_owned(), filter.into());
        }
        let made = self.ask(Method::POST, SUBSCRIPTIONS, Some(&body))?;
        Ok(made.get("id").and_then(Value::as_str).context("the webhook has no id")?.to_owned())
    }

    /// Says whether nothing is kept of what was delivered to a subscription.
    pub(super) fn has_forgotten(&self, subscription: &str) -> Result<bool> {
        let page = self.ask(Method::GET, &format!("{SUBSCRIPTIONS}/{subscription}/deliveries"), None)?;
        let deliveries = page.get("value").and_then(Value::as_array).context("the page has no value")?;
        Ok(deliveries.is_empty())
    }

    /// Puts the clock of the sandbox forward.
    pub(super) fn move_clock(&self, by: &str) -> Result<()> {
        self.ask(Method::POST, "/sandbox/clock", Some(&json!({ "advance": by }))).map(drop)
    }

    /// Sends one request, and returns the JSON of the answer.
    pub(super) fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value> {
        let (status, text) = load::ask(self.address()?, self.client()?.send(method, path, body))?;
        ensure!(status.is_success(), "{path} was answered {status}: {}", String::from_utf8_lossy(&text));
        serde_json::from_slice(&text).with_context(|| format!("the answer of {path} is no JSON"))
    }
}
