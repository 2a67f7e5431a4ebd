//! One call to an address that a stranger chose, and what came of it.
//!
//! A URL is parsed once. An address in it is judged there; the addresses of a name are judged as they come out of the
//! resolver, and a connection goes to exactly those, so a name that answers differently the second time is not asked
//! again. No proxy is used and no redirect followed: both would call somebody who was not judged. Of an answer, at
//! most [`ANSWER_BYTES_MAX`] are read, whatever its headers say.

use std::{error::Error as _, fmt, io, net::IpAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{HeaderMap, header};
use jiff::fmt::rfc2822;
use reqwest::{
    Client, Response,
    dns::{Addrs, Name, Resolve, Resolving},
    redirect, retry,
};
use tokio::time::{Instant, timeout_at};

use super::address::{Guard, Reach};
use crate::{domain::time::Timestamp, tls};

/// How much of an answer is read.
pub const ANSWER_BYTES_MAX: usize = 16 * 1024;
/// Idle connections that are kept for one receiver, and how long.
const IDLE_MAX: usize = 4;
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// Makes guarded calls. Cheap to clone; clones share their connections.
#[derive(Clone, Debug)]
pub struct Outbound {
    client: Client,
    guard: Guard,
    timeout: Duration,
}

/// How long a call may take.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// Until the connection stands, name and TLS included.
    pub connect: Duration,
    /// For everything.
    pub total: Duration,
}

/// Finds the addresses of a host. Cheap to clone.
#[derive(Clone)]
pub struct Names(Arc<Find>);

type Find = dyn Fn(String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> + Send + Sync;

/// One call, and what came of it.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// What came of it.
    pub outcome: Outcome,
    /// How long it took.
    pub duration: Duration,
}

/// What came of a call.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// The receiver answered, whatever it said.
    Answered(Answer),
    /// There was no answer.
    Failed {
        /// What went wrong, in a word.
        kind: Failure,
        /// The same for people; it names neither URL nor body.
        message: String,
    },
}

/// What a receiver said.
#[derive(Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status, as a number.
    pub status: u16,
    /// When it wants to be called again.
    pub retry_after: Option<RetryAfter>,
    /// The beginning of its body, with a mark for what is no UTF-8.
    pub head: String,
    /// Says whether there was more, or the rest did not come in time.
    pub is_cut: bool,
}

/// When a receiver wants to be called again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryAfter {
    /// After so many seconds.
    Secs(u64),
    /// At this time.
    At(Timestamp),
}

/// What went wrong with a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The URL leads where no call may go.
    Refused,
    /// The host has no address.
    Dns,
    /// No connection.
    Connect,
    /// No encrypted connection: a certificate that is not trusted, for another name, or out of date.
    Tls,
    /// Not done in time.
    Timeout,
    /// The connection broke before an answer.
    Reset,
    /// What came is no answer.
    Protocol,
}

/// A host has an address that may not be called. Which one is not said: whoever reads it may be a stranger, who would
/// learn what names mean inside.
#[derive(Debug, thiserror::Error)]
#[error("the host has an address that is not public")]
struct RefusedAddress;

/// A host has no address.
#[derive(Debug, thiserror::Error)]
#[error("the host has no address")]
struct NameUnknown(#[source] Option<io::Error>);

impl Outbound {
    /// Makes a client. The process must have installed its cryptography provider before.
    ///
    /// # Errors
    /// When the roots of trust of this machine cannot be read.
    pub fn new(guard: Guard, timeouts: Timeouts, names: Names) -> Result<Self, reqwest::Error> {
        let client = Client::builder()
            .connect_timeout(timeouts.connect)
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .no_proxy()
            .pool_max_idle_per_host(IDLE_MAX)
            .pool_idle_timeout(IDLE_TIMEOUT)
            .dns_resolver(Arc::new(JudgedNames { names, reach: guard.reach }))
            .user_agent(concat!("liaison/", env!("CARGO_PKG_VERSION")))
            .tls_backend_preconfigured(tls::client_config())
            .build()?;
        Ok(Self { client, guard, timeout: timeouts.total })
    }

    /// Returns what judges URLs, for who takes one in.
    pub fn guard(&self) -> &Guard {
        &self.guard
    }

    /// Posts `body` to `url`, once. Never fails: whatever happens is an [`Attempt`].
    pub async fn post(&self, url: &str, headers: HeaderMap, body: Bytes) -> Attempt {
        let began = Instant::now();
        let outcome = self.call(url, headers, body, began + self.timeout).await;
        Attempt { outcome, duration: began.elapsed() }
    }

    async fn call(&self, url: &str, headers: HeaderMap, body: Bytes, deadline: Instant) -> Outcome {
        let url = match self.guard.read(url) {
            Ok(url) => url,
            Err(problem) => return failed(Failure::Refused, format!("the URL {problem}")),
        };
        let request = self.client.post(url).headers(headers).body(body).send();
        match timeout_at(deadline, request).await {
            Ok(Ok(response)) => Outcome::Answered(read(response, deadline).await),
            Ok(Err(error)) => explain(&error),
            Err(_) => failed(Failure::Timeout, format!("no answer within {:?}", self.timeout)),
        }
    }
}

impl Names {
    /// Wraps a function that finds the addresses of a host.
    pub fn new(
        find: impl Fn(String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(find))
    }

    /// Asks the resolver of this machine.
    pub fn system() -> Self {
        Self::new(|host| {
            Box::pin(async move {
                let found = tokio::net::lookup_host((host, 0)).await?;
                Ok(found.map(|it| it.ip()).collect())
            })
        })
    }
}

impl fmt::Debug for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Names")
    }
}

impl Answer {
    /// Says whether the receiver took what it was sent.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Says whether the receiver wants no more calls, ever.
    pub fn is_gone(&self) -> bool {
        self.status == 410
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What a receiver says may be anything, people's data included.
        f.debug_struct("Answer").field("status", &self.status).finish_non_exhaustive()
    }
}

impl RetryAfter {
    fn parse(text: &str) -> Option<Self> {
        if let Ok(secs) = text.trim().parse() {
            return Some(Self::Secs(secs));
        }
        let at = rfc2822::DateTimeParser::new().parse_timestamp(text.trim()).ok()?;
        Some(Self::At(Timestamp::from_unix_secs(at.as_second())))
    }

    /// Returns the seconds to wait from `now` on; 0 for a time that has passed.
    pub fn secs_from(self, now: Timestamp) -> u64 {
        match self {
            Self::Secs(secs) => secs,
            Self::At(at) => u64::try_from(at.unix_secs().saturating_sub(now.unix_secs())).unwrap_or(0),
        }
    }
}

impl Failure {
    /// Every kind of failure.
    pub const ALL: [Self; 7] =
        [Self::Refused, Self::Dns, Self::Connect, Self::Tls, Self::Timeout, Self::Reset, Self::Protocol];

    /// Returns the word that records and metrics use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Dns => "dns",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Timeout => "timeout",
            Self::Reset => "reset",
            Self::Protocol => "protocol",
        }
    }
}

/// The one resolver of the client: what it returns is what is connected to.
struct JudgedNames {
    names: Names,
    reach: Reach,
}

impl Resolve for JudgedNames {
    fn resolve(&self, name: Name) -> Resolving {
        let found = (self.names.0)(name.as_str().to_owned());
        let reach = self.reach;
        Box::pin(async move {
            let addresses = found.await.map_err(|error| NameUnknown(Some(error)))?;
            // All or none: a name with one address inside is no receiver to be trusted.
            if addresses.iter().any(|it| reach.refuses(*it).is_some()) {
                return Err(RefusedAddress.into());
            }
            if addresses.is_empty() {
                return Err(NameUnknown(None).into());
            }
            // Port 0 stands for the port of the URL.
            let addresses: Addrs = Box::new(addresses.into_iter().map(|it| (it, 0).into()));
            Ok(addresses)
        })
    }
}

/// Reads the beginning of an answer. A body that does not come whole is no failure: the status was said.
async fn read(mut response: Response, deadline: Instant) -> Answer {
    let status = response.status().as_u16();
    let said = response.headers().get(header::RETRY_AFTER).and_then(|it| it.to_str().ok());
    let retry_after = said.and_then(RetryAfter::parse);
    let mut head = Vec::new();
    let is_cut = loop {
        match timeout_at(deadline, response.chunk()).await {
            Ok(Ok(Some(chunk))) => {
                let room = ANSWER_BYTES_MAX.saturating_sub(head.len());
                head.extend_from_slice(chunk.get(..room).unwrap_or(&chunk));
                if chunk.len() > room {
                    break true;
                }
            }
            Ok(Ok(None)) => break false,
            Ok(Err(_)) | Err(_) => break true,
        }
    };
    Answer { status, retry_after, head: String::from_utf8_lossy(&head).into_owned(), is_cut }
}

/// Says in a word and a sentence why there is no answer.
fn explain(error: &reqwest::Error) -> Outcome {
    let mut kind = match (error.is_timeout(), error.is_connect()) {
        (true, _) => Failure::Timeout,
        (false, true) => Failure::Connect,
        (false, false) => Failure::Reset,
    };
    let mut message = "the call failed".to_owned();
    let mut source = error.source();
    while let Some(cause) = source {
        message = cause.to_string();
        source = cause.source();
        if cause.is::<RefusedAddress>() {
            return failed(Failure::Refused, message);
        }
        if cause.is::<NameUnknown>() {
            return failed(Failure::Dns, message);
        }
        if let Some(tls) = tls_error(cause) {
            return failed(Failure::Tls, tls.to_string());
        }
        if cause.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_parse) {
            kind = Failure::Protocol;
        }
    }
    failed(kind, message)
}

/// Finds the failure of TLS in an error: it stands inside one or two I/O errors.
fn tls_error<'a>(cause: &'a (dyn std::error::Error + 'static)) -> Option<&'a rustls::Error> {
    match cause.downcast_ref::<io::Error>() {
        Some(error) => tls_error(error.get_ref()?),
        None => cause.downcast_ref::<rustls::Error>(),
    }
}

fn failed(kind: Failure, message: String) -> Outcome {
    Outcome::Failed { kind, message }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_read_in_both_forms() {
        let now = Timestamp::parse("2026-11-22T09:00:00Z").unwrap();
        let secs = |text| RetryAfter::parse(text).map(|it| it.secs_from(now));

        assert_eq!(secs("120"), Some(120));
        assert_eq!(secs("Sun, 22 Nov 2026 09:01:00 GMT"), Some(60));
        assert_eq!(secs("Sun, 22 Nov 2026 08:00:00 GMT"), Some(0));
        assert_eq!(secs("soon"), None);
    }
}
