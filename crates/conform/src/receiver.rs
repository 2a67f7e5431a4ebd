//! A receiver of webhooks: takes everything that is posted to it, and waits for what a scenario is after.

use std::{convert::Infallible, io, sync::Arc, time::Duration};

use http_body_util::{BodyExt as _, Empty};
use hyper::{Response, body::Bytes, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::{
    net::TcpListener,
    sync::{Mutex, Notify},
    task::JoinHandle,
};

/// How long a delivery may take.
const DELIVERY_TIMEOUT: Duration = Duration::from_secs(20);

/// What was posted.
#[derive(Clone)]
pub(crate) struct Delivery {
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) json: Value,
}

impl Delivery {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(it, _)| it == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self, name: &str) -> &str {
        self.json.get(name).and_then(Value::as_str).unwrap_or_default()
    }
}

#[derive(Default)]
struct Inbox {
    deliveries: Mutex<Vec<Delivery>>,
    arrived: Notify,
}

/// A receiver that listens until it is dropped.
pub(crate) struct Receiver {
    /// How the server under judgement reaches it.
    pub(crate) url: String,
    inbox: Arc<Inbox>,
    task: JoinHandle<()>,
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Receiver {
    /// Listens where it is told, or on a free port of loopback.
    pub(crate) async fn start(place: Option<&(String, String)>) -> io::Result<Self> {
        let address = place.map_or("127.0.0.1:0", |(listen, _)| listen);
        let listener = TcpListener::bind(address).await?;
        let url = match place {
            Some((_, url)) => url.clone(),
            None => format!("http://{}/hook", listener.local_addr()?),
        };
        let inbox = Arc::new(Inbox::default());
        let task = tokio::spawn(accept(listener, Arc::clone(&inbox)));
        Ok(Self { url, inbox, task })
    }

    /// Waits for a delivery; `None` when none comes in time. One that has come already counts.
    pub(crate) async fn wait(&self, is_wanted: impl Fn(&Delivery) -> bool) -> Option<Delivery> {
        let look = async {
            loop {
                let arrived = self.inbox.arrived.notified();
                if let Some(it) = self.inbox.deliveries.lock().await.iter().find(|it| is_wanted(it)) {
                    return it.clone();
                }
                arrived.await;
            }
        };
        tokio::time::timeout(DELIVERY_TIMEOUT, look).await.ok()
    }
}

impl Receiver {
    /// Says whether something has been delivered.
    pub(crate) async fn has(&self, is_wanted: impl Fn(&Delivery) -> bool) -> bool {
        self.inbox.deliveries.lock().await.iter().any(is_wanted)
    }
}

async fn accept(listener: TcpListener, inbox: Arc<Inbox>) {
    // A connection that cannot be accepted is the sender's to make again.
    while let Ok((stream, _)) = listener.accept().await {
        let inbox = Arc::clone(&inbox);
        tokio::spawn(async move {
            let service = service_fn(move |request| take(request, Arc::clone(&inbox)));
            drop(http1::Builder::new().serve_connection(TokioIo::new(stream), service).await);
        });
    }
}

async fn take(
    request: hyper::Request<hyper::body::Incoming>,
    inbox: Arc<Inbox>,
) -> Result<Response<Empty<Bytes>>, Infallible> {
    let headers = request.headers().iter();
    let headers = headers
        .map(|(name, value)| {
            (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        })
        .collect();
    let body = request.into_body().collect().await.map(|it| it.to_bytes()).unwrap_or_default();
    let json = serde_json::from_slice(&body).unwrap_or_default();
    inbox.deliveries.lock().await.push(Delivery { headers, json });
    inbox.arrived.notify_waiters();
    Ok(Response::new(Empty::new()))
}
