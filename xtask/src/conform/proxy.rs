//! A proxy that passes everything on, or breaks it in one way.

use std::{
    net::{SocketAddr, TcpListener},
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use anyhow::Result;
use bytes::Bytes;
use http::{Request, Response, StatusCode, Uri, header, uri::PathAndQuery};
use http_body_util::{BodyExt as _, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioIo},
};
use tokio::sync::oneshot;

use super::mutations::{Mutation, Sent};

/// A proxy that runs until it is dropped.
pub(super) struct Proxy {
    address: SocketAddr,
    mutation: Arc<Mutex<Option<&'static Mutation>>>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

/// What a connection needs.
#[derive(Clone)]
struct Way {
    upstream: SocketAddr,
    client: Client<HttpConnector, Full<Bytes>>,
    mutation: Arc<Mutex<Option<&'static Mutation>>>,
}

impl Proxy {
    /// Passes on what comes to a listener.
    pub(super) fn start(listener: TcpListener, upstream: SocketAddr) -> Result<Self> {
        let address = listener.local_addr()?;
        listener.set_nonblocking(true)?;
        let mutation = Arc::new(Mutex::new(None));
        let (stop, stopped) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let shared = Arc::clone(&mutation);
        let thread = thread::spawn(move || {
            let serve = async move {
                let client = Client::builder(TokioExecutor::new()).build_http();
                let way = Way { upstream, client, mutation: shared };
                tokio::select! {
                    () = accept(listener, way) => {}
                    _ = stopped => {}
                }
            };
            runtime.block_on(serve);
        });
        Ok(Self { address, mutation, stop: Some(stop), thread: Some(thread) })
    }

    /// Returns its address.
    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Breaks everything from now on in this way; in none with `None`.
    pub(super) fn put_on(&self, mutation: Option<&'static Mutation>) {
        *self.mutation.lock().unwrap_or_else(PoisonError::into_inner) = mutation;
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // It has nothing to say at its end.
            let _ = thread.join();
        }
    }
}

async fn accept(listener: TcpListener, way: Way) {
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
    while let Ok((stream, _)) = listener.accept().await {
        let way = way.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request| pass(way.clone(), request));
            // A client that goes away is no concern of ours.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn pass(way: Way, request: Request<Incoming>) -> Result<Response<Full<Bytes>>> {
    let mutation = *way.mutation.lock().unwrap_or_else(PoisonError::into_inner);
    let (mut parts, body) = request.into_parts();
    let mut body = body.collect().await?.to_bytes();
    let path = parts.uri.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
    let sent = Sent { method: parts.method.clone(), path: path.path().to_owned() };
    let mut path = path.to_string();
    if let Some(mutation) = mutation {
        (mutation.request)(&sent, &mut path, &mut parts.headers, &mut body);
    }
    parts.uri =
        Uri::builder().scheme("http").authority(way.upstream.to_string()).path_and_query(path).build()?;
    parts.headers.remove(header::CONTENT_LENGTH);
    let answer = match way.client.request(Request::from_parts(parts, Full::new(body))).await {
        Ok(answer) => answer,
        Err(_) => {
            let answer = Response::builder().status(StatusCode::BAD_GATEWAY);
            return Ok(answer.body(Full::default())?);
        }
    };
    let (mut parts, body) = answer.into_parts();
    let mut body = body.collect().await?.to_bytes();
    if let Some(mutation) = mutation {
        (mutation.answer)(&sent, &mut parts, &mut body);
    }
    parts.headers.remove(header::CONTENT_LENGTH);
    Ok(Response::from_parts(parts, Full::new(body)))
}
