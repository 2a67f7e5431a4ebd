//! Calls to addresses that strangers chose: what they reach, and what is made of the answers.

mod hostile;

use std::{
    io::{self, Read as _},
    net::{IpAddr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::HeaderMap;
use liaison::{
    app,
    domain::time::Timestamp,
    feed::{
        address::{Guard, Reach},
        outbound::{
            ANSWER_BYTES_MAX, Answer, Attempt, Failure, Names, Outbound, Outcome, RetryAfter, Timeouts,
        },
        signature::certificate::Certified,
    },
};
use rustls::{
    ServerConfig, ServerConnection, StreamOwned,
    pki_types::{CertificateDer, PrivatePkcs8KeyDer},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

use crate::world::START;

/// What a receiver does with a connection.
#[derive(Clone)]
pub(crate) enum Manner {
    /// Reads a little, says this and closes.
    Says(Arc<[u8]>),
    /// Reads a little and closes.
    HangsUp,
    /// Keeps silent.
    Hangs,
    /// Says this, and then the same byte for ever.
    RamblesAfter(&'static str),
}

/// A program on this machine that somebody wants called, and counts who comes.
pub(crate) struct Receiver {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Receiver {
    /// Listens on every address of this machine.
    pub(crate) async fn start(manner: Manner) -> Self {
        let listener = match TcpListener::bind("[::]:0").await {
            Ok(listener) => listener,
            // A machine without IPv6.
            Err(_) => TcpListener::bind("0.0.0.0:0").await.unwrap(),
        };
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&connections);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(receive(stream, manner.clone()));
            }
        });
        Self { address, connections, task }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/hook", self.address.port())
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn receive(mut stream: TcpStream, manner: Manner) {
    let mut request = [0; 4096];
    // Who connects and says nothing has been counted all the same.
    let _ = stream.read(&mut request).await;
    match manner {
        Manner::Says(answer) => drop(stream.write_all(&answer).await),
        Manner::HangsUp => {}
        Manner::Hangs => std::future::pending().await,
        Manner::RamblesAfter(head) => {
            let mut outcome = stream.write_all(head.as_bytes()).await;
            while outcome.is_ok() {
                outcome = stream.write_all(&[b'x'; 1024]).await;
            }
        }
    }
}

pub(crate) fn says(answer: &str) -> Manner {
    Manner::Says(answer.as_bytes().into())
}

/// Allows what a sandbox allows.
const SANDBOX: Guard = Guard { is_http_allowed: true, reach: Reach::Loopback };

fn outbound(guard: Guard, names: Names) -> Outbound {
    app::install_cryptography();
    let timeouts = Timeouts { connect: Duration::from_secs(2), total: Duration::from_secs(10) };
    Outbound::new(guard, timeouts, names).unwrap()
}

/// Every name is one without an address.
fn nobody() -> Names {
    Names::new(|_| Box::pin(async { Err(io::Error::other("no such name")) }))
}

async fn post(outbound: &Outbound, url: &str) -> Attempt {
    outbound.post(url, HeaderMap::new(), Bytes::from_static(b"{}")).await
}

async fn answer_to(manner: Manner) -> Answer {
    let receiver = Receiver::start(manner).await;
    match post(&outbound(SANDBOX, nobody()), &receiver.url()).await.outcome {
        Outcome::Answered(answer) => answer,
        Outcome::Failed { kind, message } => panic!("{kind:?}: {message}"),
    }
}

fn failure(attempt: &Attempt) -> Option<Failure> {
    match &attempt.outcome {
        Outcome::Answered(_) => None,
        Outcome::Failed { kind, .. } => Some(*kind),
    }
}

#[tokio::test]
async fn an_answer_is_told_with_its_status_its_wish_and_its_words() {
    let answer = answer_to(says(
        "HTTP/1.1 503 Busy\r\nRetry-After: 30\r\nContent-Length: 5\r\n\r\nlater and not this",
    ))
    .await;

    assert_eq!((answer.status, answer.retry_after), (503, Some(RetryAfter::Secs(30))));
    assert_eq!((answer.head.as_str(), answer.is_cut), ("later", false));
    assert!(!answer.is_success() && !answer.is_gone());
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_leads_nowhere() {
    let elsewhere = Receiver::start(says("HTTP/1.1 200 OK\r\n\r\n")).await;
    let redirect =
        format!("HTTP/1.1 307 Moved\r\nLocation: {}\r\nContent-Length: 0\r\n\r\n", elsewhere.url());

    let answer = answer_to(says(&redirect)).await;

    assert_eq!((answer.status, elsewhere.connections()), (307, 0));
}

#[tokio::test]
async fn of_an_endless_answer_16_kilobytes_are_read() {
    for head in [
        "HTTP/1.1 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffff\r\n",
    ] {
        let answer = answer_to(Manner::RamblesAfter(head)).await;

        assert_eq!(
            (answer.status, answer.head.len(), answer.is_cut),
            (200, ANSWER_BYTES_MAX, true),
            "{head}"
        );
    }
}

#[tokio::test]
async fn an_answer_that_breaks_off_was_an_answer() {
    let answer = answer_to(says("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nthat is a\u{ff}ll")).await;

    assert_eq!((answer.status, answer.is_cut), (200, true));
    assert_eq!(answer.head, "that is a\u{ff}ll");
}

#[tokio::test]
async fn what_is_no_answer_is_told_apart() {
    let client = outbound(SANDBOX, nobody());
    let closed = Receiver::start(Manner::HangsUp).await;
    let plain = Receiver::start(says("HTTP/1.1 400 Bad Request\r\n\r\n")).await;
    let garbage = Receiver::start(says("220 mail.example ESMTP\r\n\r\n")).await;
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();

    let cases = [
        (closed.url(), Failure::Reset),
        (plain.url().replace("http:", "https:"), Failure::Tls),
        (garbage.url(), Failure::Protocol),
        (format!("http://{free}/"), Failure::Connect),
        ("http://nobody.example/".to_owned(), Failure::Dns),
        ("http://10.0.0.1/".to_owned(), Failure::Refused),
        ("not a url".to_owned(), Failure::Refused),
    ];
    for (url, expected) in cases {
        let attempt = post(&client, &url).await;
        assert_eq!(failure(&attempt), Some(expected), "{url}: {:?}", attempt.outcome);
    }
}

/// Returns what a server speaks TLS with, and no machine trusts.
fn untrusted() -> Arc<ServerConfig> {
    let now = Timestamp::parse(START).unwrap();
    let made = Certified::root("Mallory", now, &app::system_random()).unwrap();
    let key = PrivatePkcs8KeyDer::from(made.secret().unwrap());
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![CertificateDer::from(made.certificate)], key.into())
        .unwrap();
    Arc::new(config)
}

/// Speaks TLS with one caller, and returns what the caller says.
fn listen(listener: &std::net::TcpListener, config: Arc<ServerConfig>) -> io::Result<Vec<u8>> {
    let (stream, _) = listener.accept()?;
    let connection = ServerConnection::new(config).unwrap();
    let mut said = vec![0; 4096];
    let count = StreamOwned::new(connection, stream).read(&mut said)?;
    said.truncate(count);
    Ok(said)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_whose_certificate_nobody_trusts_is_told_nothing() {
    let client = outbound(SANDBOX, nobody());
    let config = untrusted();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}/", listener.local_addr().unwrap());
    let heard = tokio::task::spawn_blocking(move || listen(&listener, config));

    let attempt = post(&client, &url).await;

    assert_eq!(failure(&attempt), Some(Failure::Tls), "{:?}", attempt.outcome);
    assert!(heard.await.unwrap().is_err(), "nothing is sent before the certificate is trusted");
}

#[tokio::test]
async fn a_receiver_that_hangs_is_left_in_time() {
    app::install_cryptography();
    let timeouts = Timeouts { connect: Duration::from_secs(2), total: Duration::from_millis(100) };
    let client = Outbound::new(SANDBOX, timeouts, nobody()).unwrap();
    let silent = Receiver::start(Manner::Hangs).await;

    let attempt = post(&client, &silent.url()).await;

    assert_eq!(failure(&attempt), Some(Failure::Timeout));
    assert!(attempt.duration >= timeouts.total && attempt.duration < Duration::from_secs(5));
}

#[tokio::test]
async fn a_name_is_asked_once_and_what_was_judged_is_called() {
    let receiver = Receiver::start(says("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")).await;
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    let names = Names::new(move |_| {
        let is_first = counted.fetch_add(1, Ordering::SeqCst) == 0;
        let address: IpAddr = if is_first { [127, 0, 0, 1].into() } else { [10, 0, 0, 1].into() };
        Box::pin(async move { Ok(vec![address]) })
    });
    let inside = names.clone();
    let client = outbound(SANDBOX, names);
    let url = format!("http://rebinding.example:{}/", receiver.address.port());

    let first = post(&client, &url).await;
    assert_eq!((failure(&first), receiver.connections(), asked.load(Ordering::SeqCst)), (None, 1, 1));

    // A connection of its own: the first one may be used again.
    let second = post(&outbound(SANDBOX, inside), &url).await;
    assert_eq!((failure(&second), receiver.connections()), (Some(Failure::Refused), 1));
}
