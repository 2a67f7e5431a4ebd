//! `liaison listen` and `liaison trigger`: what happens is printed and handed on, whatever becomes of the server.

use std::{
    io::Read,
    process::{Child, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use aws_lc_rs::hmac;
use axum::{Router, extract::State, routing::post};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderMap, StatusCode};
use parking_lot::Mutex;
use rstest::rstest;
use serde_json::Value;

use super::{Place, wait_for};
use crate::world::*;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A running `liaison listen`, killed when dropped.
struct Listener {
    child: Child,
    printed: Arc<Mutex<String>>,
    said: Arc<Mutex<String>>,
}

/// Collects what a program writes.
fn collect(mut from: impl Read + Send + 'static) -> Arc<Mutex<String>> {
    let text = Arc::new(Mutex::new(String::new()));
    let written = Arc::clone(&text);
    thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(count @ 1..) = from.read(&mut buffer) {
            written.lock().push_str(&String::from_utf8_lossy(&buffer[..count]));
        }
    });
    text
}

impl Listener {
    /// Starts it, and waits until it hears.
    fn start(place: &Place, args: &[&str]) -> Self {
        let mut command = place.command(&["listen"]);
        let mut child = command.args(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let printed = collect(child.stdout.take().unwrap());
        let said = collect(child.stderr.take().unwrap());
        let listener = Self { child, printed, said };
        listener.wait_until_said("Listening as", 1);
        listener
    }

    fn wait_until_said(&self, text: &str, count: usize) {
        wait_for(text, || self.said.lock().matches(text).count() >= count);
    }

    fn wait_for_lines(&self, count: usize) -> Vec<String> {
        wait_for("the lines", || self.printed.lock().matches('\n').count() >= count);
        self.printed.lock().lines().map(str::to_owned).collect()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a receiver got: headers and bodies.
#[derive(Clone, Default)]
struct Received {
    requests: Arc<Mutex<Vec<(HeaderMap, String)>>>,
    count: Arc<AtomicUsize>,
}

/// Starts a receiver that fails the first time, and returns its address.
async fn receive(received: Received) -> String {
    let take = async |State(received): State<Received>, headers: HeaderMap, body: String| {
        received.requests.lock().push((headers, body));
        match received.count.fetch_add(1, Ordering::SeqCst) {
            0 => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::NO_CONTENT,
        }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new().route("/hook", post(take)).with_state(received);
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}/hook")
}

/// Says whether a request is signed with [`SECRET`], as a receiver of Standard Webhooks finds out.
fn is_signed((headers, body): &(HeaderMap, String)) -> bool {
    let header = |name: &str| headers[name].to_str().unwrap();
    let key = STANDARD.decode(SECRET.strip_prefix("whsec_").unwrap()).unwrap();
    let signed = format!("{}.{}.{body}", header("webhook-id"), header("webhook-timestamp"));
    let tag = STANDARD.decode(header("webhook-signature").strip_prefix("v1,").unwrap()).unwrap();
    hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, &key), signed.as_bytes(), &tag).is_ok()
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_triggered_is_heard_and_handed_on(#[case] backend: Backend) {
    let place = Place::new(backend).await;
    let server = place.serve(&["--sandbox"]);
    let received = Received::default();
    let url = receive(received.clone()).await;
    let listener = Listener::start(&place, &["--json", "--forward", &url, "--secret", SECRET]);

    let made: Vec<Value> =
        ["referral-created", "referral-updated", "related-referral-created", "related-referral-updated"]
            .iter()
            .map(|it| serde_json::from_str(&place.ok(&["trigger", it, "--json"])).unwrap())
            .collect();

    // 1 create; create and revise; create, create and share twice, and once an accept.
    let lines = listener.wait_for_lines(10);
    let entries: Vec<Value> = lines.iter().map(|it| serde_json::from_str(it).unwrap()).collect();
    let heard = |event: &str, referral: &Value| {
        entries.iter().any(|it| it["event"] == event && it["referralId"] == referral["id"])
    };
    assert!(heard("referral-created", &made[0]));
    assert!(heard("referral-updated", &made[1]));
    assert!(heard("related-referral-created", &made[2]));
    assert!(heard("related-referral-updated", &made[3]));
    wait_for("the deliveries", || received.requests.lock().len() >= 10);
    listener.wait_until_said("204 No Content", 9);
    assert!(listener.said.lock().contains("500 Internal Server Error"), "a failure is told");
    let requests = received.requests.lock().clone();
    assert!(requests.iter().all(is_signed));
    for (entry, (_, body)) in entries.iter().zip(&requests) {
        let body: Value = serde_json::from_str(body).unwrap();
        let members: Vec<&String> = body.as_object().unwrap().keys().collect();
        assert_eq!(
            members,
            ["EventName", "ResourceUri", "ResourceName", "AuditUri", "ResourceChangeUtcDate"]
        );
        assert_eq!((&body["EventName"], &body["ResourceName"]), (&entry["event"], &Value::from("referral")));
        let id = text(entry, "/referralId");
        assert_eq!(text(&body, "/ResourceUri"), format!("{}/engagements/v1/referrals/{id}", server.base_url));
        assert!(text(&body, "/ResourceChangeUtcDate").ends_with("+00:00"));
    }
    server.stop();
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_listener_comes_back_to_a_server_that_was_started_again(#[case] backend: Backend) {
    let place = Place::new(backend).await;
    let server = place.serve(&["--sandbox"]);
    let listener = Listener::start(&place, &["--events", "referral-created"]);
    place.ok(&["trigger", "referral-updated"]);
    assert_eq!(listener.wait_for_lines(1).len(), 1);
    server.stop();
    listener.wait_until_said("the server is stopping", 1);

    let again = place.serve(&["--sandbox"]);
    place.ok(&["trigger", "referral-created"]);

    let lines = listener.wait_for_lines(2);
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines.iter().all(|it| it.contains("referral-created") && it.contains("create by Contoso")));
    again.stop();
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn what_cannot_work_is_said(#[case] backend: Backend) {
    let place = Place::new(backend).await;
    let failure = |args: &[&str]| {
        let output = place.run(args);
        assert!(!output.status.success(), "{args:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    let server = place.serve(&["--sandbox"]);

    assert!(failure(&["listen", "--since", "x"]).contains("start again without it"));
    assert!(failure(&["listen", "--events", "x"]).contains("related-referral-updated"));
    assert!(failure(&["listen", "--forward", "http://127.0.0.1:9/", "--secret", "x"]).contains("whsec_"));
    assert!(failure(&["trigger", "referral-deleted"]).contains("referral-created"));
    assert!(failure(&["trigger", "referral-created", "--organization", "x"]).contains('x'));
    server.stop();
    if backend == Backend::Sqlite {
        assert!(failure(&["listen"]).contains("no server is running"));
    }
    let own = Place::new(backend).await;
    own.ok(&["migrate"]);
    let server = own.serve(&[]);
    own.ok(&["org", "add", "Acme", "--domain", "acme.example"]);
    own.ok(&[
        "user",
        "add",
        "--organization",
        "Acme",
        "--email",
        "a@acme.example",
        "--name",
        "A",
        "--role",
        "referrals-admin",
    ]);
    let refused = own.run(&["trigger", "referral-created", "--organization", "Acme"]);
    assert!(String::from_utf8(refused.stderr).unwrap().contains("in a sandbox only"));
    server.stop();
}
