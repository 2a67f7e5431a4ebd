//! Webhooks, as receivers and their organisations meet them: real servers on loopback ports are called.

mod converge;
mod deliveries;
mod fan_out;
mod registration;
mod replaced;
mod subscriptions;

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{Router, body::Bytes, extract::State, response::IntoResponse};
use http::{HeaderMap, Method, Request, StatusCode, Uri};
use liaison::feed::{delivery, fan_out as fanning};
use serde_json::{Value, json};
use tokio::{
    net::TcpListener,
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    task::JoinHandle,
    time::timeout,
};

use crate::{lifecycle::FABRIKAMS, world::*};

const REGISTRATION: &str = "/webhooks/v1/registration";
const WEBHOOKS: &str = "/v1.0/engagements/webhooks";
/// Every event that a referral can lead to.
const EVENTS: [&str; 4] =
    ["referral-created", "referral-updated", "related-referral-created", "related-referral-updated"];
/// A test that waits longer has failed; nothing waits that long when it succeeds.
const PATIENCE: Duration = Duration::from_secs(30);

/// How a receiver answers.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    Status(u16),
    With(u16, &'static str, &'static str),
    Hang,
}

/// What a receiver was sent.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Received {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn id(&self) -> String {
        self.headers["webhook-id"].to_str().unwrap().to_owned()
    }
}

/// Somebody who is told.
pub(crate) struct Receiver {
    address: SocketAddr,
    received: UnboundedReceiver<Received>,
    script: Arc<Mutex<VecDeque<Reply>>>,
    serving: JoinHandle<()>,
}

type Shared = (UnboundedSender<Received>, Arc<Mutex<VecDeque<Reply>>>);

impl Receiver {
    /// Starts one that answers as `script` says, then 200.
    pub(crate) async fn start(script: &[Reply]) -> Self {
        let (sender, received) = unbounded_channel();
        let script = Arc::new(Mutex::new(script.iter().cloned().collect::<VecDeque<_>>()));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let app = Router::new().fallback(receive).with_state((sender, Arc::clone(&script)));
        let serving = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { address, received, script, serving }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}/{path}", self.address)
    }

    /// Waits for what comes next.
    pub(crate) async fn next(&mut self) -> Received {
        timeout(PATIENCE, self.received.recv()).await.expect("something comes").unwrap()
    }

    /// Waits for so many, and returns `path event record` of each, sorted.
    async fn events(&mut self, count: usize) -> Vec<String> {
        let mut events = Vec::new();
        for _ in 0..count {
            let received = self.next().await;
            let body = received.json();
            let uri = body["ResourceUri"].as_str().unwrap();
            let id = uri.rsplit('/').next().unwrap();
            events.push(format!("{} {} {id}", received.path, body["EventName"].as_str().unwrap()));
        }
        events.sort();
        events
    }

    /// Says that nothing else has come.
    pub(crate) fn is_silent(&mut self) -> bool {
        self.received.try_recv().is_err()
    }

    fn then(&self, reply: Reply) {
        self.script.lock().unwrap().push_back(reply);
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn receive(
    State((sender, script)): State<Shared>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> axum::response::Response {
    let reply = script.lock().unwrap().pop_front().unwrap_or(Reply::Status(200));
    let path = uri.path().trim_start_matches('/').to_owned();
    // Nobody listens any more when the test is over.
    let _ = sender.send(Received { path, headers, body });
    match reply {
        Reply::Status(status) => (StatusCode::from_u16(status).unwrap(), "so be it").into_response(),
        Reply::With(status, name, value) => {
            (StatusCode::from_u16(status).unwrap(), [(name, value)], "so be it").into_response()
        }
        Reply::Hang => std::future::pending().await,
    }
}

/// The background tasks of a server. Dropping them is as sudden as the end of its process.
pub(crate) struct Running(Vec<JoinHandle<()>>);

impl Running {
    pub(crate) fn start(server: &Server) -> Self {
        Self::fan_out(server).and(Self::deliver(server))
    }

    fn fan_out(server: &Server) -> Self {
        Self(vec![tokio::spawn(fanning::run(server.app.context.feed.clone()))])
    }

    fn deliver(server: &Server) -> Self {
        Self(vec![tokio::spawn(delivery::run(server.app.context.feed.clone()))])
    }

    fn and(mut self, mut other: Self) -> Self {
        self.0.append(&mut other.0);
        self
    }

    /// Ends everything, and waits until it has ended.
    async fn kill(mut self) {
        for task in std::mem::take(&mut self.0) {
            task.abort();
            let _ = task.await;
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.iter().for_each(JoinHandle::abort);
    }
}

/// Calls the Partner Center API.
async fn partner_center(server: &Server, email: &str, method: Method, path: &str, body: Value) -> Answer {
    let token = server.token_for(email, PARTNER_CENTER).await;
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("authorization", format!("Bearer {token}"))
        .header("content-type", "application/json");
    let body = if body.is_null() { String::new() } else { body.to_string() };
    server.send(request.body(body.into()).unwrap()).await
}

/// Registers the organisation of `email` for every event.
async fn register(server: &Server, email: &str, url: String) -> Value {
    let events: Vec<_> = EVENTS.iter().chain(&["test-created"]).collect();
    let body = json!({"WebhookUrl": url, "WebhookEvents": events});
    let answer = partner_center(server, email, Method::POST, REGISTRATION, body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

/// Makes a subscription of the organisation of `email`.
pub(crate) async fn subscribe(server: &Server, email: &str, url: String, more: Value) -> Value {
    let mut body = json!({"url": url, "events": EVENTS});
    for (name, value) in more.as_object().into_iter().flatten() {
        body[name] = value.clone();
    }
    let answer = server.send_json(Method::POST, email, WEBHOOKS, &[], body).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    answer.json()
}

/// Does something with a subscription.
async fn act_on(server: &Server, email: &str, webhook: &Value, action: &str, body: Value) -> Answer {
    let path = format!("{WEBHOOKS}/{}/{action}", text(webhook, "/id"));
    let body = if body.is_null() { String::new() } else { body.to_string() };
    server.send_json(Method::POST, email, &path, &[], body).await
}

/// Reads the subscription or something below it.
async fn look_at(server: &Server, email: &str, webhook: &Value, below: &str) -> Value {
    let path = format!("{WEBHOOKS}/{}{below}", text(webhook, "/id"));
    let answer = server.get_path(email, &path, &[]).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

/// Reads the subscription until `is_so`; deliveries are written down after their receiver has answered.
async fn wait_until(
    server: &Server,
    email: &str,
    webhook: &Value,
    below: &str,
    is_so: impl Fn(&Value) -> bool,
) -> Value {
    let looking = async {
        loop {
            let seen = look_at(server, email, webhook, below).await;
            if is_so(&seen) {
                return seen;
            }
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, looking).await.expect("it comes about")
}

/// Invites Fabrikam to a new deal of Contoso's, and returns both records.
async fn invite(world: &World) -> (String, String) {
    let own = world.post(ALEX, own_deal()).await.created();
    let connect = edited(to_location(FABRIKAMS), &[("/engagementId", own["engagementId"].clone())]);
    let invited = world.post(ALEX, connect).await.created();
    (text(&own, "/id").to_owned(), text(&invited, "/id").to_owned())
}

/// Changes the notes of a record.
pub(crate) async fn note(server: &Server, email: &str, id: &str, notes: &str) {
    let operations = json!([{"op": "replace", "path": "/details/notes", "value": notes}]);
    let answer = server.patch(email, id, &[], operations).await;
    assert_eq!(answer.status, 204, "{}", answer.text());
}
