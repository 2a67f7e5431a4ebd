//! Tests of the accept loop, over real sockets on loopback.

use axum::routing::{get, post};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    sync::Notify,
    task::JoinHandle,
};

use super::*;
use crate::config::{Config, Sources};

struct Running {
    address: SocketAddr,
    stop: Stop,
    app: App,
    task: JoinHandle<()>,
    _folder: tempfile::TempDir,
}

async fn start(router: Router, change: impl FnOnce(&mut Config)) -> Running {
    let mut config =
        Config::load(&Sources { environment: Some(Default::default()), ..Sources::default() }).unwrap();
    change(&mut config);
    let listener = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = listener.local_addr().unwrap();
    let (app, folder) = App::for_test(config).await;
    let rewrite = |parts: &mut Parts| {
        if parts.uri.path() == "/misspelt" {
            parts.uri = http::Uri::from_static("/hello");
        }
    };
    let site = Arc::new(Site::new(app.clone(), router, rewrite, Face::Api, address));
    let stop = Stop::default();
    let task = tokio::spawn(serve(listener, site, stop.clone()));
    Running { address, stop, app, task, _folder: folder }
}

fn hello() -> Router {
    Router::new()
        .route("/hello", get(async || "hello"))
        .route("/v1.0/hello", get(async || "hello"))
        .route("/panic", get(async || -> &'static str { panic!("asked to") }))
        .route("/never", get(async || std::future::pending::<&'static str>().await))
        .route(
            "/body",
            post(async |body: Body| {
                let limits =
                    Config::load(&Sources { environment: Some(Default::default()), ..Sources::default() })
                        .unwrap()
                        .limits;
                limits::read_body(body, &limits).await
            }),
        )
}

/// Sends `request` and returns everything until the server closes.
async fn exchange(address: SocketAddr, request: &str) -> String {
    let mut socket = TcpStream::connect(address).await.unwrap();
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    answer
}

fn get_and_close(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
}

#[tokio::test]
async fn one_connection_serves_several_requests() {
    let server = start(hello(), |_| ()).await;
    let two = format!("GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n{}", get_and_close("/misspelt"));

    let answer = exchange(server.address, &two).await;

    assert_eq!(answer.matches("HTTP/1.1 200 OK").count(), 2);
    assert_eq!(answer.matches("request-id: ").count(), 2);
    assert!(!answer.contains("odata-version"));
}

#[tokio::test]
async fn api_answers_carry_the_odata_version() {
    let server = start(hello(), |_| ()).await;

    let answer = exchange(server.address, &get_and_close("/v1.0/hello")).await;

    assert!(answer.contains("odata-version: 4.0\r\n"), "{answer}");
}

#[tokio::test]
async fn breaches_of_the_head_are_answered_with_the_envelope() {
    let server = start(hello(), |_| ()).await;
    let headers = (0..70).map(|n| format!("x-{n}: 1\r\n")).collect::<String>();

    let host =
        exchange(server.address, "GET /hello HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n")
            .await;
    let url = exchange(server.address, &get_and_close(&format!("/{}", "a".repeat(9000)))).await;
    let many = exchange(
        server.address,
        &format!("GET /hello HTTP/1.1\r\nHost: localhost\r\n{headers}Connection: close\r\n\r\n"),
    )
    .await;

    assert!(host.starts_with("HTTP/1.1 421") && host.contains("hosts_allowed"), "{host}");
    assert!(url.starts_with("HTTP/1.1 414") && url.contains("urlTooLong"), "{url}");
    assert!(many.starts_with("HTTP/1.1 431") && many.contains("headersTooLarge"), "{many}");
}

#[tokio::test]
async fn a_panic_is_an_answer_and_the_server_goes_on() {
    let server = start(hello(), |_| ()).await;

    let answer = exchange(server.address, &get_and_close("/panic")).await;

    assert!(answer.starts_with("HTTP/1.1 500") && answer.contains("generalException"), "{answer}");
    assert!(exchange(server.address, &get_and_close("/hello")).await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn a_refusal_in_the_middle_of_a_large_body_arrives() {
    let server = start(hello(), |_| ()).await;
    let body = "a".repeat(4 * 1024 * 1024);

    let request =
        format!("POST /body HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let answer = exchange(server.address, &request).await;

    assert!(answer.starts_with("HTTP/1.1 413") && answer.contains("bodyTooLarge"), "{answer}");
}

#[tokio::test]
async fn a_request_past_its_deadline_is_answered_408_and_closed() {
    let server = start(hello(), |config| config.limits.request_timeout_secs = 1).await;

    let answer = exchange(server.address, "GET /never HTTP/1.1\r\nHost: localhost\r\n\r\n").await;

    assert!(answer.starts_with("HTTP/1.1 408") && answer.contains("requestTimeout"), "{answer}");
    assert!(answer.contains("connection: close"), "{answer}");
}

#[tokio::test]
async fn a_half_sent_head_is_answered_408_and_closed() {
    let server = start(hello(), |config| config.limits.header_timeout_secs = 1).await;

    let answer = exchange(server.address, "GET /hello HTTP/1.1\r\nHost: loc").await;

    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
}

#[tokio::test]
async fn an_idle_connection_closes_without_an_answer() {
    let server = start(hello(), |config| config.limits.idle_timeout_secs = 1).await;

    assert_eq!(exchange(server.address, "").await, "");
    let answer = exchange(server.address, "GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("hello"), "{answer}");
}

#[tokio::test]
async fn a_full_class_is_refused_with_a_time_to_come_back() {
    let server = start(hello(), |config| config.limits.reads_max = 1).await;
    let place = server.app.admission.try_enter(Class::Read);

    let refused = exchange(server.address, &get_and_close("/hello")).await;
    drop(place);
    let served = exchange(server.address, &get_and_close("/hello")).await;

    assert!(refused.starts_with("HTTP/1.1 503") && refused.contains("retry-after: 1\r\n"), "{refused}");
    assert!(served.starts_with("HTTP/1.1 200"), "{served}");
}

#[tokio::test]
async fn stopping_finishes_what_is_in_flight_and_closes_what_is_idle() {
    let (arrived, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (handler_arrived, handler_go) = (Arc::clone(&arrived), Arc::clone(&go));
    let slow = get(async move || {
        handler_arrived.notify_one();
        handler_go.notified().await;
        "done"
    });
    let server = start(Router::new().route("/slow", slow), |_| ()).await;
    let mut idle = TcpStream::connect(server.address).await.unwrap();
    let address = server.address;
    let request = "GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let in_flight = tokio::spawn(async move { exchange(address, request).await });
    arrived.notified().await;

    server.app.health.start_draining();
    server.stop.advance(Stage::Draining);
    let mut rest = Vec::new();
    idle.read_to_end(&mut rest).await.unwrap();
    drop(idle);
    go.notify_one();
    let answer = in_flight.await.unwrap();
    server.task.await.unwrap();

    assert!(answer.contains("connection: close") && answer.ends_with("done"), "{answer}");
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn a_second_stop_drops_what_is_in_flight() {
    let server = start(hello(), |_| ()).await;
    let mut socket = TcpStream::connect(server.address).await.unwrap();
    socket.write_all(b"GET /never HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();

    server.stop.advance(Stage::Aborted);
    server.task.await.unwrap();

    let mut rest = Vec::new();
    let _ = socket.read_to_end(&mut rest).await;
    assert!(rest.is_empty());
}
