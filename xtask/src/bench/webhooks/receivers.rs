//! Receivers of webhooks in this process, and the bare client that they are told by in comparison.

use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};
use bytes::Bytes;
use http::{Request, Response, header};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioIo},
};
use tokio::{net::TcpListener, runtime::Builder, sync::mpsc};

/// How long everything that is on its way may take to come.
const TIMEOUT: Duration = Duration::from_secs(300);

/// What stands before the id of a referral in a message.
const BEFORE_ID: &[u8] = b"\"referralId\":\"";
const ID_BYTES: usize = 36;

/// What a receiver does with what it is sent.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    /// Answers 200 at once.
    Prompt,
    /// Reads, and never answers.
    Hanging,
}

/// A message that came.
pub(super) struct Heard {
    /// What it tells of.
    pub(super) referral_id: String,
    /// When it had come whole.
    pub(super) at: Instant,
}

/// Receivers that listen, each on a port of its own, until they are dropped.
pub(super) struct Receivers {
    addresses: Vec<SocketAddr>,
    heard: Arc<Shared>,
    // Ends the thread.
    _stop: mpsc::UnboundedSender<Infallible>,
}

#[derive(Default)]
struct Shared {
    count: AtomicU64,
    messages: Mutex<Vec<Heard>>,
    /// The last body.
    sample: Mutex<Bytes>,
}

impl Receivers {
    /// Starts them on a thread of their own.
    pub(super) fn start(count: usize, manner: Manner) -> Result<Self> {
        let heard = Arc::new(Shared::default());
        let (stop, mut stopped) = mpsc::unbounded_channel();
        let (ready, addresses) = std::sync::mpsc::channel();
        let shared = Arc::clone(&heard);
        let runtime = Builder::new_current_thread().enable_all().build()?;
        thread::spawn(move || {
            runtime.block_on(async move {
                let listening = listen(count, manner, &shared).await;
                // Nobody listens when the caller has given up.
                let _ = ready.send(listening);
                stopped.recv().await;
            });
        });
        let addresses = addresses.recv()??;
        Ok(Self { addresses, heard, _stop: stop })
    }

    /// Returns where each of them listens.
    pub(super) fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Waits until so many messages have come since the last time, and takes them.
    pub(super) fn take(&self, count: u64) -> Result<Vec<Heard>> {
        let deadline = Instant::now() + TIMEOUT;
        while self.heard.count.load(Ordering::Acquire) < count {
            if Instant::now() > deadline {
                let came = self.heard.count.load(Ordering::Acquire);
                bail!("only {came} of {count} messages came within {TIMEOUT:?}");
            }
            thread::sleep(Duration::from_millis(5));
        }
        let mut messages = self.heard.messages.lock().unwrap_or_else(PoisonError::into_inner);
        self.heard.count.store(0, Ordering::Release);
        Ok(std::mem::take(&mut *messages))
    }

    /// Returns the last message.
    pub(super) fn sample(&self) -> Bytes {
        self.heard.sample.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn listen(count: usize, manner: Manner, shared: &Arc<Shared>) -> Result<Vec<SocketAddr>> {
    let mut addresses = Vec::with_capacity(count);
    for _ in 0..count {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        addresses.push(listener.local_addr()?);
        let shared = Arc::clone(shared);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let shared = Arc::clone(&shared);
                let service = service_fn(move |request| receive(request, manner, Arc::clone(&shared)));
                // A sender that goes away is no matter of the receiver's.
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
    }
    Ok(addresses)
}

async fn receive(
    request: Request<Incoming>,
    manner: Manner,
    shared: Arc<Shared>,
) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let body = request.into_body().collect().await?.to_bytes();
    if manner == Manner::Hanging {
        std::future::pending::<()>().await;
    }
    let heard = Heard { referral_id: referral_id(&body).unwrap_or_default(), at: Instant::now() };
    shared.messages.lock().unwrap_or_else(PoisonError::into_inner).push(heard);
    *shared.sample.lock().unwrap_or_else(PoisonError::into_inner) = body;
    shared.count.fetch_add(1, Ordering::AcqRel);
    Ok(Response::new(Full::default()))
}

fn id_place(body: &[u8]) -> Option<usize> {
    Some(body.windows(BEFORE_ID.len()).position(|it| it == BEFORE_ID)? + BEFORE_ID.len())
}

fn referral_id(body: &[u8]) -> Option<String> {
    let place = id_place(body)?;
    Some(String::from_utf8_lossy(body.get(place..place + ID_BYTES)?).into_owned())
}

/// A client that does nothing but post the same bodies to the same receivers.
pub(super) struct BareClient(mpsc::UnboundedSender<String>);

impl BareClient {
    /// Starts it on a thread of its own. `sample` is a message that the server has sent.
    pub(super) fn start(addresses: &[SocketAddr], sample: Bytes) -> Result<Self> {
        let (ids, mut asked) = mpsc::unbounded_channel::<String>();
        let addresses = addresses.to_owned();
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let place = id_place(&sample).unwrap_or_default();
        thread::spawn(move || {
            runtime.block_on(async move {
                let client: Client<HttpConnector, Full<Bytes>> =
                    Client::builder(TokioExecutor::new()).build_http();
                while let Some(id) = asked.recv().await {
                    let mut body = sample.to_vec();
                    body.splice(place..place + ID_BYTES, id.bytes());
                    let body = Bytes::from(body);
                    for address in &addresses {
                        let request = Request::post(format!("http://{address}/hook"))
                            .header(header::CONTENT_TYPE, "application/json")
                            .body(Full::new(body.clone()));
                        let call = client.request(request.expect("an address fits into a request"));
                        // What does not come is missed by who waits for it.
                        tokio::spawn(async move {
                            if let Ok(response) = call.await {
                                let _ = response.into_body().collect().await;
                            }
                        });
                    }
                }
            });
        });
        Ok(Self(ids))
    }

    /// Has a referral told to everybody.
    pub(super) fn tell(&self, referral_id: &str) {
        // The thread ends when this is dropped, not before.
        let _ = self.0.send(referral_id.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::referral_id;

    #[test]
    fn the_referral_of_a_message_is_found() {
        let id = "0f8fad5b-d9cb-469f-a165-70867728950e";
        let body = format!(r#"{{"type":"referral-created","data":{{"referralId":"{id}"}}}}"#);

        assert_eq!(referral_id(body.as_bytes()).as_deref(), Some(id));
        assert_eq!(referral_id(b"{}"), None);
    }
}
