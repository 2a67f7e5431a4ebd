//! The keys of an external issuer: fetched when first needed, held, and fetched again with restraint.
//!
//! A held set is good for five minutes. Then one caller fetches a newer one while the others go on with the
//! held one; if the issuer does not answer, the held set stays in use for a day. A token with an unknown
//! `kid` causes a fetch too. Whatever the cause, an issuer is asked at most once a minute, so that nobody
//! can make this server hammer another one by sending made-up tokens.

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwapOption;
use jsonwebtoken::{Algorithm, jwk::Jwk};
use reqwest::{Client, redirect};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;
use tokio::sync::Mutex;
use url::{Host, Url};

use super::keys::{KeySet, KeysUnavailable};

const FETCH_TIMEOUT: Duration = Duration::from_secs(5);
const ANSWER_BYTES_MAX: usize = 256 * 1024;
const FRESH_SECS: i64 = 5 * 60;
const STALE_SECS_MAX: i64 = 24 * 60 * 60;
const RETRY_SECS: i64 = 60;
/// How often a fetch is tried while there is no key at all, and so nothing to answer with.
const FIRST_RETRY_SECS: i64 = 5;

/// Builds the client that fetches keys: bounded in time, no redirects, no proxy. The process must have
/// installed its cryptography provider before.
pub fn http_client() -> Result<Client, reqwest::Error> {
    Client::builder()
        .timeout(FETCH_TIMEOUT)
        .connect_timeout(FETCH_TIMEOUT)
        .redirect(redirect::Policy::none())
        .no_proxy()
        .user_agent(concat!("liaison/", env!("CARGO_PKG_VERSION")))
        .build()
}

/// The keys of one external issuer.
#[derive(Debug)]
pub struct RemoteKeys {
    client: Client,
    /// The `issuer` that the discovery document must state.
    issuer: String,
    location: Location,
    algorithms: Vec<Algorithm>,
    held: ArcSwapOption<Held>,
    /// When the issuer was last asked, in seconds. The lock is held for as long as the question lasts.
    asked_secs: Mutex<Option<i64>>,
}

/// Where the key set is found.
#[derive(Debug)]
pub enum Location {
    /// At a configured address.
    Configured(Url),
    /// Named by the discovery document at this address.
    Discovered(Url),
}

#[derive(Debug)]
struct Held {
    keys: Arc<KeySet>,
    fetched_secs: i64,
}

/// Why a fetch failed; logged, never shown.
#[derive(Debug, thiserror::Error)]
enum FetchError {
    #[error("{0} must be https, or http on this machine")]
    UnsafeAddress(String),
    #[error("the issuer did not answer")]
    Http(#[from] reqwest::Error),
    #[error("the answer is longer than 256 kB")]
    TooLong,
    #[error("the answer does not read")]
    Json(#[from] serde_json::Error),
    #[error("the discovery document is of issuer {0}")]
    OtherIssuer(String),
    #[error("the key set has no usable key")]
    NoKey,
}

#[derive(Deserialize)]
struct DiscoveryDocument {
    issuer: String,
    jwks_uri: String,
}

/// Members of a set are read one by one: a key of an unknown kind must not hide the others.
#[derive(Deserialize)]
struct PublishedKeys {
    keys: Vec<Value>,
}

impl RemoteKeys {
    /// Names an issuer; fetches nothing yet.
    pub fn new(client: Client, issuer: String, location: Location, algorithms: Vec<Algorithm>) -> Self {
        Self {
            client,
            issuer,
            location,
            algorithms,
            held: ArcSwapOption::empty(),
            asked_secs: Mutex::new(None),
        }
    }

    /// Returns the keys to use at `now_secs`.
    pub async fn current(&self, now_secs: i64) -> Result<Arc<KeySet>, KeysUnavailable> {
        let Some(held) = self.held.load_full() else { return self.first(now_secs).await };
        if is_within(Some(held.fetched_secs), now_secs, FRESH_SECS) {
            return Ok(Arc::clone(&held.keys));
        }
        // Only one caller waits for the issuer; whoever finds the lock taken goes on with the held set.
        if let Ok(mut asked_secs) = self.asked_secs.try_lock()
            && let Some(keys) = self.ask(&mut asked_secs, now_secs, RETRY_SECS).await
        {
            return Ok(keys);
        }
        match is_within(Some(held.fetched_secs), now_secs, STALE_SECS_MAX) {
            true => Ok(Arc::clone(&held.keys)),
            false => Err(KeysUnavailable),
        }
    }

    /// Returns the keys after a look whether there are newer ones than `seen`.
    pub async fn newer_than(&self, seen: &Arc<KeySet>, now_secs: i64) -> Arc<KeySet> {
        let mut asked_secs = self.asked_secs.lock().await;
        match self.held.load_full() {
            Some(held) if !Arc::ptr_eq(&held.keys, seen) => Arc::clone(&held.keys),
            _ => {
                let newer = self.ask(&mut asked_secs, now_secs, RETRY_SECS).await;
                newer.unwrap_or_else(|| Arc::clone(seen))
            }
        }
    }

    async fn first(&self, now_secs: i64) -> Result<Arc<KeySet>, KeysUnavailable> {
        let mut asked_secs = self.asked_secs.lock().await;
        // Another caller may have fetched while this one waited for the lock.
        if let Some(held) = self.held.load_full() {
            return Ok(Arc::clone(&held.keys));
        }
        self.ask(&mut asked_secs, now_secs, FIRST_RETRY_SECS).await.ok_or(KeysUnavailable)
    }

    /// Fetches and holds the keys, unless the issuer was asked less than `pause_secs` ago.
    async fn ask(&self, asked_secs: &mut Option<i64>, now_secs: i64, pause_secs: i64) -> Option<Arc<KeySet>> {
        if is_within(*asked_secs, now_secs, pause_secs) {
            return None;
        }
        *asked_secs = Some(now_secs);
        match self.fetch().await {
            Ok(fetched) => {
                // An unchanged set keeps its identity: tokens that were verified with it stay verified.
                let keys = match self.held.load_full() {
                    Some(held) if *held.keys == fetched => Arc::clone(&held.keys),
                    _ => Arc::new(fetched),
                };
                self.held.store(Some(Arc::new(Held { keys: Arc::clone(&keys), fetched_secs: now_secs })));
                Some(keys)
            }
            Err(error) => {
                let error: &dyn std::error::Error = &error;
                tracing::warn!(issuer = self.issuer, error, "the keys of an issuer could not be fetched");
                None
            }
        }
    }

    async fn fetch(&self) -> Result<KeySet, FetchError> {
        let published: PublishedKeys = match &self.location {
            Location::Configured(address) => self.get(address).await?,
            Location::Discovered(address) => {
                let document: DiscoveryDocument = self.get(address).await?;
                if document.issuer != self.issuer {
                    return Err(FetchError::OtherIssuer(document.issuer));
                }
                let address = Url::parse(&document.jwks_uri)
                    .map_err(|_| FetchError::UnsafeAddress(document.jwks_uri.clone()))?;
                self.get(&address).await?
            }
        };
        let readable: Vec<Jwk> =
            published.keys.into_iter().filter_map(|it| serde_json::from_value(it).ok()).collect();
        let keys = KeySet::from_jwks(&readable, &self.algorithms);
        match keys.is_empty() {
            true => Err(FetchError::NoKey),
            false => Ok(keys),
        }
    }

    async fn get<T: DeserializeOwned>(&self, address: &Url) -> Result<T, FetchError> {
        if !is_safe(address) {
            return Err(FetchError::UnsafeAddress(address.to_string()));
        }
        let mut response = self.client.get(address.clone()).send().await?.error_for_status()?;
        let mut answer = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            if answer.len().saturating_add(chunk.len()) > ANSWER_BYTES_MAX {
                return Err(FetchError::TooLong);
            }
            answer.extend_from_slice(&chunk);
        }
        Ok(serde_json::from_slice(&answer)?)
    }
}

/// Says whether keys may be fetched from `address`: https, or http to this machine itself.
pub fn is_safe(address: &Url) -> bool {
    let is_loopback = match address.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    };
    match address.scheme() {
        "https" => true,
        "http" => is_loopback,
        _ => false,
    }
}

/// Says whether `then_secs` is less than `span_secs` before `now_secs`. A clock that was set back ends the
/// span, or a time in the future would stop every fetch until it comes.
fn is_within(then_secs: Option<i64>, now_secs: i64, span_secs: i64) -> bool {
    then_secs.is_some_and(|it| (0..span_secs).contains(&now_secs.saturating_sub(it)))
}
