//! A caller of the running server's API, on behalf of one of its people: a token is made here, everything else is asked
//! for over HTTP.

use std::{sync::Arc, time::Duration};

use anyhow::{Context as _, bail};
use reqwest::{Method, RequestBuilder};
use serde_json::Value;

use super::{access, token};
use crate::{
    config::Config,
    storage::{Principal, Store},
};

/// How long a connection to the server may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Somebody who calls the running server.
pub(super) struct ApiCaller {
    config: Config,
    store: Store,
    principal: Arc<Principal>,
    client: reqwest::Client,
}

impl ApiCaller {
    /// Finds the server on these data, and one of its people.
    pub(super) async fn find(
        config: &Config,
        organization: Option<&str>,
        user: &str,
    ) -> anyhow::Result<Self> {
        let store = access::open_to_read(config).await?;
        let organization = token::choose_organization(&store, organization).await?;
        let principal = Arc::new(token::find_principal(&store, organization, user).await?);
        base_url(config, &store).await?;
        Ok(Self { config: config.clone(), store, principal, client: client()? })
    }

    /// Returns a caller of another organisation of the same server.
    pub(super) async fn of(&self, organization: &str, user: &str) -> anyhow::Result<Self> {
        Self::find(&self.config, Some(organization), user).await
    }

    /// Returns the data, for what a command asks of them itself.
    pub(super) fn store(&self) -> &Store {
        &self.store
    }

    /// Returns the person.
    pub(super) fn principal(&self) -> &Principal {
        &self.principal
    }

    /// Returns where the server is at this moment.
    pub(super) async fn base_url(&self) -> anyhow::Result<String> {
        base_url(&self.config, &self.store).await
    }

    /// Begins a request with a new token, so that a caller of long standing always has a good one.
    pub(super) async fn request(&self, method: Method, path: &str) -> anyhow::Result<RequestBuilder> {
        let token = token::mint_for(&self.store, &self.config, &self.principal).await?;
        let url = format!("{}{path}", self.base_url().await?);
        Ok(self.client.request(method, url).bearer_auth(token))
    }

    /// Makes a request that must succeed, and returns the answer.
    pub(super) async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> anyhow::Result<Value> {
        let mut request = self.request(method, path).await?;
        if let Some(body) = body {
            request = request.json(body).header("prefer", "return=representation");
        }
        let response = request.send().await.context("the running server does not answer")?;
        let status = response.status();
        let body: Value = serde_json::from_slice(&response.bytes().await?).unwrap_or_default();
        if !status.is_success() {
            bail!("the server refused ({status}): {}", access::reasons(&body));
        }
        Ok(body)
    }
}

/// Somebody who asks the running sandbox for what it grants without a token.
pub(super) struct SandboxCaller {
    config: Config,
    store: Store,
    client: reqwest::Client,
}

impl SandboxCaller {
    /// Finds the server on these data.
    pub(super) async fn find(config: &Config) -> anyhow::Result<Self> {
        let store = access::open_to_read(config).await?;
        Ok(Self { config: config.clone(), store, client: client()? })
    }

    /// Returns the data.
    pub(super) fn store(&self) -> &Store {
        &self.store
    }

    /// Makes a request that must succeed, and returns the answer.
    pub(super) async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> anyhow::Result<Value> {
        let url = format!("{}{path}", base_url(&self.config, &self.store).await?);
        let mut request = self.client.request(method, url);
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await.context("the running server does not answer")?;
        let status = response.status();
        let body: Value = serde_json::from_slice(&response.bytes().await?).unwrap_or_default();
        if status.is_success() {
            return Ok(body);
        }
        if body.pointer("/error/innerError/code").and_then(Value::as_str) == Some("pathUnknown") {
            bail!("the running server is no sandbox: start it with `liaison serve --sandbox`");
        }
        bail!("the server refused ({status}): {}", access::reasons(&body))
    }
}

/// Returns a client for calls on the running server.
fn client() -> reqwest::Result<reqwest::Client> {
    reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(CONNECT_TIMEOUT)
        .build()
}

/// Finds the running server. On SQLite the lock says where it is; on PostgreSQL the public address is all there is.
pub(super) async fn base_url(config: &Config, store: &Store) -> anyhow::Result<String> {
    if !config.database_url.is_empty() {
        let public_url = store.find_setting("public_url").await?;
        return Ok(public_url.unwrap_or_else(|| config.public_url(config.listen)));
    }
    match access::running_server(config)? {
        Some(holder) if !holder.base_url.is_empty() => Ok(holder.base_url),
        Some(_) | None => bail!(
            "no server is running on the data in {}; start `liaison serve`, or name another folder with --data",
            config.data_dir.display()
        ),
    }
}
