//! The feed as server-sent events.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::body::Body;
use http::{Method, StatusCode};
use http_body_util::BodyExt as _;
use liaison::http::{
    paths, router,
    server::{self, Face, Site, Stage, Stop},
};
use rstest::rstest;
use serde_json::{Value, json};
use tokio::{io::AsyncReadExt as _, io::AsyncWriteExt as _, net::TcpStream, time::timeout};

use super::{FEED, STREAM, ids, own, read_all, revise, set_roles};
use crate::world::*;

/// How long a block of a stream may be in coming.
const PATIENCE: Duration = Duration::from_secs(30);

/// A stream that is read.
struct Stream {
    body: Body,
    buffer: String,
}

/// What stands between two empty lines.
#[derive(Debug, Default)]
struct Block {
    id: String,
    event: String,
    data: Value,
    is_sign_of_life: bool,
}

impl Stream {
    async fn open(server: &Server, email: &str, query: &str, headers: &[(&str, &str)]) -> Self {
        let token = server.token(email).await;
        let request = with_headers(Method::GET, &format!("{STREAM}?{query}"), headers)
            .header("authorization", format!("Bearer {token}"));
        let answer = server.begin(request.body(Body::empty()).unwrap()).await;
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(answer.headers()["content-type"], "text/event-stream; charset=utf-8");
        Self { body: answer.into_body(), buffer: String::new() }
    }

    /// Returns the next block; `None` at the end.
    async fn block(&mut self) -> Option<Block> {
        loop {
            if let Some((block, rest)) = self.buffer.split_once("\n\n") {
                let read = read_block(block);
                self.buffer = rest.to_owned();
                match read {
                    Some(block) => return Some(block),
                    None => continue,
                }
            }
            let frame = timeout(PATIENCE, self.body.frame()).await.expect("a block comes in time")?;
            let data = frame.unwrap().into_data().unwrap();
            self.buffer.push_str(std::str::from_utf8(&data).unwrap());
        }
    }

    /// Returns the next entry, past signs of life.
    async fn entry(&mut self) -> Block {
        loop {
            let block = self.block().await.expect("the stream goes on");
            if !block.is_sign_of_life {
                return block;
            }
        }
    }

    /// Reads to the end, and returns the code of the last words.
    async fn end(&mut self) -> String {
        let last = self.entry().await;
        assert_eq!(last.event, "end", "{last:?}");
        assert!(self.block().await.is_none());
        text(&last.data, "/error/innerError/code").to_owned()
    }
}

/// Reads the fields of a block; `None` for one that only says when to come back.
fn read_block(text: &str) -> Option<Block> {
    let mut block = Block::default();
    for line in text.lines() {
        match line.split_once(": ").unwrap() {
            ("", comment) => block.is_sign_of_life = comment == "up to date",
            ("id", id) => block.id = id.to_owned(),
            ("event", event) => block.event = event.to_owned(),
            ("data", data) => block.data = serde_json::from_str(data).unwrap(),
            ("retry", _) => return None,
            (field, _) => panic!("{field}"),
        }
    }
    Some(block)
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn what_happens_is_told_and_goes_on_after_a_cut(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let first = own(&world, "First").await;
    world.store.settle().await.unwrap();
    let mut stream = Stream::open(&world, ALEX, "include=referral", &[]).await;
    let told = stream.entry().await;
    assert_eq!((told.event.as_str(), &told.data["referralId"]), ("referral-created", &json!(first)));
    assert_eq!(told.data["referral"]["name"], "First");
    assert_eq!(told.data["cursor"], told.id);

    revise(&world, ALEX, &first, "more").await;
    let revised = stream.entry().await;
    assert_eq!((revised.event.as_str(), &revised.data["action"]), ("referral-updated", &json!("revise")));
    drop(stream);
    let second = own(&world, "Second").await;
    let headers = [("last-event-id", revised.id.as_str())];
    let mut again = Stream::open(&world, ALEX, "since=latest", &headers).await;
    let third = own(&world, "Third").await;

    for id in [second, third] {
        assert_eq!(again.entry().await.data["referralId"], json!(id));
    }
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_sign_of_life_carries_a_place(#[case] backend: Backend) {
    let world = World::with(backend, |config| config.feed.heartbeat_secs = 1).await;
    own(&world, "One").await;
    world.store.settle().await.unwrap();
    let mut stream = Stream::open(&world, ALEX, "events=related-referral-created", &[]).await;

    let (first, second) = (stream.block().await.unwrap(), stream.block().await.unwrap());

    assert!(first.is_sign_of_life && second.is_sign_of_life);
    let rest = world.get_path(ALEX, &format!("{FEED}?since={}", first.id), &[]).await.json();
    assert_eq!(rest["value"], json!([]), "what was not wanted is behind the place");
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_stream_ends_with_the_right_to_it(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let mut uma = Stream::open(&world, UMA, "since=latest", &[]).await;
    let mut alex = Stream::open(&world, ALEX, "since=latest", &[]).await;
    for stream in [&mut uma, &mut alex] {
        assert!(stream.block().await.unwrap().is_sign_of_life);
    }

    set_roles(&world, UMA, &["account-admin"]).await;
    assert_eq!(uma.end().await, "referralsRoleRequired");
    world.advance_secs(2 * 60 * 60);
    assert_eq!(alex.end().await, "tokenExpired");
    let mut last = Stream::open(&world, FAY, "since=latest", &[]).await;
    assert!(last.block().await.unwrap().is_sign_of_life);
    world.app.health.start_draining();
    assert_eq!(last.end().await, "serverStopping");
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_smaller_role_sees_less_from_the_next_entry_on(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let id = own(&world, "One").await;
    let mut stream = Stream::open(&world, ALEX, "", &[]).await;
    assert_eq!(stream.entry().await.data["referralId"], json!(id));
    let member = json!({"email": UMA, "firstName": "Uma", "lastName": "User", "phoneNumber": "1"});
    let umas = edited(own_deal(), &[("/name", "Uma's".into()), ("/team", json!([member]))]);

    set_roles(&world, ALEX, &["referrals-user"]).await;
    set_roles(&world, UMA, &["referrals-admin"]).await;
    world.post(UMA, umas).await.created();
    revise(&world, ALEX, &id, "Alex made it").await;

    let next = stream.entry().await;
    assert_eq!((&next.data["referralId"], &next.data["action"]), (&json!(id), &json!("revise")));
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn streams_are_bounded_and_take_no_place_of_readers(#[case] backend: Backend) {
    let world = World::with(backend, |config| {
        config.feed.streams_per_organization_max = 2;
        config.feed.streams_max = 3;
        config.limits.reads_max = 1;
    })
    .await;
    let first = Stream::open(&world, ALEX, "", &[]).await;
    let _second = Stream::open(&world, UMA, "", &[]).await;

    let refused = world.get_path(ALEX, STREAM, &[]).await;
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS, "{}", refused.text());
    assert_eq!(refused.json()["error"]["innerError"]["code"], "tooManyStreams");
    assert_eq!((refused.json()["statusCode"].clone(), refused.header("retry-after")), (json!(429), "30"));
    let _of_another = Stream::open(&world, FAY, "", &[]).await;
    let full = world.get_path(MIA, STREAM, &[]).await;
    assert_eq!(full.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(full.json()["error"]["innerError"]["code"], "tooManyStreams");
    assert_eq!(world.get_path(ALEX, REFERRALS, &[]).await.status, StatusCode::OK);
    drop(first);
    Stream::open(&world, ALEX, "", &[]).await;
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn what_is_wrong_is_said_before_the_stream_begins(#[case] backend: Backend) {
    let world = World::open(backend).await;

    for (query, headers, code) in [
        ("events=x", &[][..], "invalidQueryOption"),
        ("since=x", &[], "invalidPageToken"),
        ("", &[("last-event-id", "x")], "invalidPageToken"),
    ] {
        let answer = world.get_path(ALEX, &format!("{STREAM}?{query}"), headers).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{query}");
        assert_eq!(answer.json()["error"]["innerError"]["code"], code);
    }
    assert_eq!(world.get_anonymously(STREAM).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(
        world.get_path("ada.account@contoso.example", STREAM, &[]).await.status,
        StatusCode::FORBIDDEN
    );
    // A batch waits for the end of each answer, and this one has none.
    let batch = json!({"requests": [{"id": "1", "method": "get", "url": "referrals/changes/stream"}]});
    let answer = world.send_json(Method::POST, ALEX, crate::batch::BATCH, &[], batch).await.json();
    assert_eq!(answer["responses"][0]["status"], 405, "{answer}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_tells_what_another_server_wrote() {
    let world = World::open(Backend::Postgres).await;
    let replica = world.replica().await;
    let mut stream = Stream::open(&replica, ALEX, "since=latest", &[]).await;
    assert!(stream.block().await.unwrap().is_sign_of_life);

    let id = own(&world, "Here").await;

    assert_eq!(stream.entry().await.data["referralId"], json!(id));
}

/// Reads from a connection until `wanted` has come so many times.
async fn read_until(socket: &mut TcpStream, wanted: &str, count: usize) -> String {
    let mut read = String::new();
    while read.matches(wanted).count() < count {
        let mut buffer = [0; 4096];
        let length = timeout(PATIENCE, socket.read(&mut buffer)).await.unwrap().unwrap();
        assert_ne!(length, 0, "the connection closed after {read}");
        read.push_str(std::str::from_utf8(&buffer[..length]).unwrap());
    }
    read
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_stream_outlives_every_deadline_and_ends_when_the_server_stops(#[case] backend: Backend) {
    let world = World::with(backend, |config| {
        config.limits.idle_timeout_secs = 1;
        config.limits.header_timeout_secs = 1;
        config.limits.request_timeout_secs = 1;
        config.feed.heartbeat_secs = 1;
    })
    .await;
    let listener = server::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address: SocketAddr = listener.local_addr().unwrap();
    let site = Site::new(world.app.clone(), router(&world.app), paths::rewrite, Face::Api, address);
    let stop = Stop::default();
    let serving = tokio::spawn(server::serve(listener, Arc::new(site), stop.clone()));
    let mut socket = TcpStream::connect(address).await.unwrap();
    let token = world.token(ALEX).await;
    let request =
        format!("GET {STREAM} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\n\r\n");
    socket.write_all(request.as_bytes()).await.unwrap();

    let read = read_until(&mut socket, ": up to date", 4).await;
    assert!(read.starts_with("HTTP/1.1 200 OK"), "{read}");
    let id = own(&world, "Told").await;
    read_until(&mut socket, &id, 1).await;
    world.app.health.start_draining();
    stop.advance(Stage::Draining);
    let rest = read_until(&mut socket, "\r\n0\r\n\r\n", 1).await;

    assert!(rest.contains("event: end") && rest.contains("serverStopping"), "{rest}");
    timeout(PATIENCE, serving).await.unwrap().unwrap();
    assert_eq!(ids(&read_all(&world, ALEX, "").await), [id]);
}
